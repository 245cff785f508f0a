#include "base/err.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* Statuses of INTERFACE.md B5. Every name in the examples of sk_statuses has its row in rules below; the unit test
 * compares. */
enum {
    STATUS_NO = 1,
    STATUS_USAGE = 2,
    STATUS_SYSTEM = 3,
    STATUS_NAME = 4,
    STATUS_NOBODY = 5,
    STATUS_BROKE = 6,
    STATUS_EOF = 7,
    STATUS_VERIFY = 8,
    STATUS_HANDSHAKE = 9,
    STATUS_BLOCK = 10,
    STATUS_TIMEOUT = 124,
    STATUS_SELF = 125,
    STATUS_CANCELED = 130,
};

const struct sk_status sk_statuses[] = {
    { 0, "done; for a chain: all done", "" },
    { STATUS_NO,
      "the answer is no: expect, assert, fails or test failed; inet_pton says invalid; probe: not all open; tls: a "
      "certificate ends within --warn",
      "EXPECT, ASSERT" },
    { STATUS_USAGE,
      "wrong usage: unknown command or option, bad escape, bad address text, no such socket, ambiguous socket",
      "USAGE" },
    { STATUS_SYSTEM, "a system call failed for a reason not listed below", "EADDRINUSE, EACCES, ENOTCONN" },
    { STATUS_NAME, "name not resolved (the message tells NXDOMAIN, no data and SERVFAIL apart)",
      "EAI_NONAME, EAI_AGAIN" },
    { STATUS_NOBODY, "nobody there: connection refused, host or network unreachable",
      "ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN" },
    { STATUS_BROKE, "the connection broke: reset, aborted, written after the peer went away",
      "ECONNRESET, EPIPE, ECONNABORTED" },
    { STATUS_EOF, "end of data: the peer closed, in order, before enough arrived; TLS ended without close_notify",
      "EOF, TLS_TRUNCATED" },
    { STATUS_VERIFY, "TLS: the peer's certificate is not acceptable, or ours was not accepted", "TLS_VERIFY" },
    { STATUS_HANDSHAKE, "TLS: handshake or protocol error", "TLS_HANDSHAKE" },
    { STATUS_BLOCK, "it would block: a non-blocking socket had nothing to give or take, or still connects",
      "EAGAIN, EINPROGRESS, EALREADY" },
    { STATUS_TIMEOUT, "time ran out, for any waiting command, also poll with nothing ready", "ETIMEDOUT" },
    { STATUS_SELF, "sockctl itself: out of memory, a library that is missing", "AGENT, ENOMEM" },
    { 126, "a shell command behind | or ! could not be executed", "" },
    { 127, "a shell command behind | or ! was not found", "" },
    { 129, "ended by SIGHUP: the terminal is gone", "" },
    { STATUS_CANCELED, "Ctrl-C, or cancelled", "ECANCELED" },
    { 141, "a closed pipe", "" },
    { 143, "ended by SIGTERM", "" },
    { 0, NULL, NULL },
};

/* What each kind is called and which status it has; SK_SYS and SK_SHELL depend on the code. */
static const struct {
    const char *name;
    int status;
} kinds[] = {
    [SK_SYS] = { NULL, STATUS_SYSTEM },
    [SK_USAGE] = { "USAGE", STATUS_USAGE },
    [SK_GAI] = { NULL, STATUS_NAME },
    [SK_EOF] = { "EOF", STATUS_EOF },
    [SK_TIMEOUT] = { "ETIMEDOUT", STATUS_TIMEOUT },
    [SK_CANCELED] = { "ECANCELED", STATUS_CANCELED },
    [SK_EXPECT] = { "EXPECT", STATUS_NO },
    [SK_ASSERT] = { "ASSERT", STATUS_NO },
    [SK_TLS_VERIFY] = { "TLS_VERIFY", STATUS_VERIFY },
    [SK_TLS_HANDSHAKE] = { "TLS_HANDSHAKE", STATUS_HANDSHAKE },
    [SK_TLS_TRUNCATED] = { "TLS_TRUNCATED", STATUS_EOF },
    [SK_SHELL] = { "SHELL", STATUS_NO },
    [SK_INTERNAL] = { "AGENT", STATUS_SELF },
};

static const struct {
    int code;
    const char *name;
} gai_names[] = {
#define ROW(x)                                                                                                         \
    { x, #x }
    ROW(EAI_BADFLAGS), ROW(EAI_NONAME),   ROW(EAI_AGAIN),      ROW(EAI_FAIL),       ROW(EAI_NODATA),
    ROW(EAI_FAMILY),   ROW(EAI_SOCKTYPE), ROW(EAI_SERVICE),    ROW(EAI_ADDRFAMILY), ROW(EAI_MEMORY),
    ROW(EAI_SYSTEM),   ROW(EAI_OVERFLOW), ROW(EAI_INPROGRESS), ROW(EAI_CANCELED),   ROW(EAI_NOTCANCELED),
    ROW(EAI_ALLDONE),  ROW(EAI_INTR),     ROW(EAI_IDN_ENCODE),
#undef ROW
};

/* Copy text, cut to size - 1 bytes, but never inside a UTF-8 character. */
static void copy_cut(char *dst, size_t size, const char *src) {
    size_t n = strlen(src);
    if (n >= size) {
        n = size - 1;
        while (n > 0 && ((unsigned char)src[n] & 0xc0) == 0x80)
            n--;
    }
    memcpy(dst, src, n);
    dst[n] = '\0';
}

/* The arguments may point into *err (a failure told again with more words), so they are formatted aside. */
static int fill(struct sk_err *err, enum sk_kind kind, int code, const char *op, const char *msg) {
    struct sk_err e = { .code = code, .kind = kind };
    copy_cut(e.op, sizeof e.op, op ? op : "");
    copy_cut(e.msg, sizeof e.msg, msg);
    *err = e;
    return -1;
}

int sk_fail(struct sk_err *err, enum sk_kind kind, int code, const char *op, const char *fmt, ...) {
    if (!err)
        return -1;
    char msg[2 * sizeof err->msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    return fill(err, kind, code, op, msg);
}

/* The C locale's words for errnum, in the middle of a sentence: "connection refused", but "RFS specific error". */
static void describe(char *dst, size_t size, int errnum) {
    const char *text = strerrordesc_np(errnum);
    if (!text) {
        snprintf(dst, size, "error number %d", errnum);
        return;
    }
    copy_cut(dst, size, text);
    if (dst[0] >= 'A' && dst[0] <= 'Z' && (dst[1] == ' ' || (dst[1] >= 'a' && dst[1] <= 'z')))
        dst[0] = (char)(dst[0] + ('a' - 'A'));
}

int sk_fail_sys(struct sk_err *err, int errnum, const char *op, const char *fmt, ...) {
    if (!err)
        return -1;
    char why[80], what[2 * sizeof err->msg], msg[2 * sizeof err->msg];
    describe(why, sizeof why, errnum);
    if (fmt) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(what, sizeof what, fmt, ap);
        va_end(ap);
    } else {
        copy_cut(what, sizeof what, op ? op : "system call");
    }
    copy_cut(msg, sizeof err->msg - strlen(why) - strlen(": "), what); /* the reason is never what is cut off */
    strcat(strcat(msg, ": "), why);
    return fill(err, SK_SYS, errnum, op, msg);
}

int sk_fail_usage(struct sk_err *err, const char *fmt, ...) {
    if (!err)
        return -1;
    char msg[2 * sizeof err->msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    return fill(err, SK_USAGE, 0, "", msg);
}

int sk_fail_timeout(struct sk_err *err, const char *op) {
    return sk_fail(err, SK_TIMEOUT, ETIMEDOUT, op, "timed out: %s", op);
}

static const char *errno_name(int errnum) {
    const char *name = errnum > 0 ? strerrorname_np(errnum) : NULL;
    return name ? name : "EUNKNOWN";
}

const char *sk_err_name(const struct sk_err *err) {
    if (err->kind == SK_SYS || ((err->kind == SK_INTERNAL || err->kind == SK_ASSERT) && err->code > 0))
        return errno_name(err->code);
    if (err->kind != SK_GAI)
        return kinds[err->kind].name;
    for (size_t i = 0; i < sizeof gai_names / sizeof *gai_names; i++)
        if (gai_names[i].code == err->code)
            return gai_names[i].name;
    return "EAI_FAIL";
}

static int errno_status(int errnum) {
    switch (errnum) {
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
        return STATUS_NOBODY;
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
        return STATUS_BROKE;
    case EAGAIN:
    case EINPROGRESS: /* connect that may not wait, and again */
    case EALREADY:
        return STATUS_BLOCK;
    case ETIMEDOUT:
        return STATUS_TIMEOUT;
    case ENOMEM:
        return STATUS_SELF;
    default:
        return STATUS_SYSTEM;
    }
}

int sk_err_status(const struct sk_err *err) {
    if (err->kind == SK_SYS && err->code == EAGAIN && strcmp(err->op, "exec") == 0)
        return STATUS_SYSTEM; /* fork(2): a limit of processes, nothing that would block */
    if (err->kind == SK_SYS)
        return errno_status(err->code);
    if (err->kind == SK_SHELL && err->code > 0 && err->code < 256)
        return err->code;
    if (err->kind == SK_CANCELED && err->code > 0 && err->code < SIGSYS)
        return 128 + err->code;
    return kinds[err->kind].status;
}

int sk_err_number(const struct sk_err *err, int *has) {
    int number = 0;
    switch (err->kind) {
    case SK_SYS:
    case SK_GAI:
        number = err->code;
        break;
    case SK_INTERNAL:
    case SK_ASSERT: /* an answer that has an errno: inet_pton's EINVAL */
        number = err->code > 0 ? err->code : 0;
        break;
    case SK_TIMEOUT:
        number = ETIMEDOUT;
        break;
    case SK_CANCELED:
        number = ECANCELED;
        break;
    default:
        break;
    }
    if (has)
        *has = number != 0;
    return number;
}
