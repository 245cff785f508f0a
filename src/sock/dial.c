/* Connecting: every address in turn, and one sentence that tells what each of them said. */
#include "sock/dial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "sock/layer.h"

void sk_attempts_done(struct sk_attempts *a) {
    free(a->list);
    *a = (struct sk_attempts){ 0 };
}

static void add_attempt(struct sk_attempts *a, const struct sk_addr *addr, const struct sk_err *why) {
    a->list = sk_realloc(a->list, (a->count + 1) * sizeof *a->list);
    a->list[a->count++] = (struct sk_attempt){ *addr, *why };
}

static bool fits(int family, int wanted) { return wanted == 0 || family == wanted; }

static const char *family_words(int family) {
    return family == AF_INET ? "IPv4" : family == AF_INET6 ? "IPv6" : family == AF_UNIX ? "UNIX" : "such";
}

static void add_both(struct sk_addrs *out, int family, uint16_t port) {
    static const int families[] = { AF_INET, AF_INET6 };
    for (size_t i = 0; i < 2; i++) {
        struct sk_addr addr;
        sk_addr_loopback(&addr, families[i], port);
        if (fits(families[i], family))
            sk_addrs_add(out, &addr);
    }
}

static int resolve(const struct sk_endpoint *ep, int family, sk_time deadline, struct sk_addrs *out,
                   struct sk_err *err) {
    if (family == AF_UNIX)
        return sk_fail_usage(err, "'%s' is a name of a host; a UNIX socket wants a path or unix:PATH", ep->host);
    if (sk_resolve(ep->host, family, NULL, deadline, out, err) < 0)
        return -1;
    for (size_t i = 0; i < out->count; i++)
        sk_addr_set_port(&out->list[i], ep->port);
    return 0;
}

int sk_endpoint_addrs(const struct sk_endpoint *ep, int family, sk_time deadline, struct sk_addrs *out,
                      struct sk_err *err) {
    char text[SK_ADDR_TEXT];
    struct sk_addr addr;
    *out = (struct sk_addrs){ 0 };
    switch (ep->kind) {
    case SK_EP_ADDR:
        if (fits(ep->addr.u.sa.sa_family, family))
            sk_addrs_add(out, &ep->addr);
        break;
    case SK_EP_LOOPBACK:
        add_both(out, family, ep->port);
        break;
    case SK_EP_ANY:
        sk_addr_any(&addr, family == AF_INET ? AF_INET : AF_INET6, ep->port);
        sk_addrs_add(out, &addr);
        break;
    case SK_EP_NAME:
        return resolve(ep, family, deadline, out, err);
    case SK_EP_FD:
    case SK_EP_SOCK:
        return sk_fail_usage(err, "'%s' is a socket where an address is wanted",
                             sk_endpoint_format(text, sizeof text, ep));
    }
    if (out->count == 0)
        return sk_fail_usage(err, "'%s' is no %s address", sk_endpoint_format(text, sizeof text, ep),
                             family_words(family));
    return 0;
}

enum rank { RANK_SILENCE, RANK_UNREACHABLE, RANK_OTHER, RANK_REFUSED, RANK_RESET };

/* How far an attempt got, and the one word for it; NULL: the errno's own words. */
static enum rank judge(const struct sk_err *why, const char **word) {
    static const struct {
        int code;
        enum rank rank;
        const char *word;
    } rows[] = {
        { ECONNRESET, RANK_RESET, "reset" },
        { ECONNABORTED, RANK_RESET, "aborted" },
        { ECONNREFUSED, RANK_REFUSED, "refused" },
        { EHOSTUNREACH, RANK_UNREACHABLE, "host unreachable" },
        { ENETUNREACH, RANK_UNREACHABLE, "network unreachable" },
        { EHOSTDOWN, RANK_UNREACHABLE, "host down" },
        { ENETDOWN, RANK_UNREACHABLE, "network down" },
        { EADDRNOTAVAIL, RANK_UNREACHABLE, NULL },
        { EAFNOSUPPORT, RANK_UNREACHABLE, NULL },
        { ETIMEDOUT, RANK_SILENCE, "no answer" },
    };
    *word = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].code == why->code) {
            *word = rows[i].word;
            return rows[i].rank;
        }
    return RANK_OTHER;
}

/* The words of an errno as base/err writes them, without what stands before. */
static void errno_words(char *dst, size_t size, int code) {
    struct sk_err e;
    sk_fail_sys(&e, code, "connect", "x");
    snprintf(dst, size, "%.79s", e.msg + strlen("x: "));
}

/* Errors that the next address would meet as well, or that mean stop. */
static bool is_final(const struct sk_err *why) {
    if (why->kind == SK_TIMEOUT)
        return false;
    if (why->kind != SK_SYS)
        return true;
    switch (why->code) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EBADF:
    case EINPROGRESS:
    case EALREADY:
    case EISCONN:
    case EAGAIN:
        return true;
    default:
        return false;
    }
}

struct dial {
    struct sk_sock *given; /* or NULL: a new socket for each address */
    int type;
    sk_time start, deadline;
    char target[SK_ADDR_TEXT];
    char host[256];
};

static int fail_single(const struct dial *d, const struct sk_attempt *one, struct sk_err *err) {
    char addr[SK_ADDR_TEXT], span[32];
    sk_addr_format(addr, sizeof addr, &one->addr);
    bool named = strcmp(addr, d->target) != 0;
    const char *sep = named ? ": " : "";
    if (one->err.code == ETIMEDOUT)
        return sk_fail(err, SK_TIMEOUT, ETIMEDOUT, "connect", "connect to %s%s%s: no answer in %s", d->target, sep,
                       named ? addr : "",
                       sk_format_time(span, sizeof span, (sk_now() - d->start + SK_MS / 2) / SK_MS * SK_MS));
    if (one->err.code == EAFNOSUPPORT && strcmp(one->err.op, "socket") == 0) /* says which family */
        return sk_fail(err, SK_SYS, EAFNOSUPPORT, "socket", "connect to %s: %.200s", d->target, one->err.msg);
    if (one->err.code == ENOENT && one->addr.u.sa.sa_family == AF_UNIX)
        return sk_fail(err, SK_SYS, ENOENT, "connect", "connect to %s: no socket file of this name", d->target);
    if (one->err.code == ECONNREFUSED && one->addr.u.sa.sa_family == AF_UNIX)
        return sk_fail(err, SK_SYS, ECONNREFUSED, "connect", "connect to %s: connection refused, nobody listens on it",
                       d->target);
    return sk_fail_sys(err, one->err.code, "connect", "connect to %s%s%s", d->target, sep, named ? addr : "");
}

/* The sentence of all attempts; its code is that of the one that got furthest. */
static int fail_all(const struct dial *d, const struct sk_attempts *a, struct sk_err *err) {
    if (a->count == 1)
        return fail_single(d, a->list, err);
    struct sk_buf list = { 0 };
    const struct sk_err *best = NULL;
    enum rank best_rank = RANK_SILENCE;
    for (size_t i = 0; i < a->count; i++) {
        char addr[SK_ADDR_TEXT], words[80];
        const char *word;
        enum rank rank = judge(&a->list[i].err, &word);
        if (!word)
            errno_words(words, sizeof words, a->list[i].err.code);
        sk_buf_printf(&list, NULL, "%s%s %s", i ? "; " : "", sk_addr_format(addr, sizeof addr, &a->list[i].addr),
                      word ? word : words);
        if (!best || rank > best_rank) {
            best = &a->list[i].err;
            best_rank = rank;
        }
    }
    sk_buf_add(&list, "", 1, NULL);
    enum sk_kind kind = best->code == ETIMEDOUT ? SK_TIMEOUT : SK_SYS;
    sk_fail(err, kind, best->code, "connect", "connect to %s: %s", d->target, list.mem ? (char *)list.mem : "");
    sk_buf_done(&list);
    return -1;
}

/* A fair share of the time for this address: a silent one must not eat that of those behind it. */
static sk_time share(const struct dial *d, size_t addresses_left) {
    sk_time left = sk_left(d->deadline);
    if (d->deadline == SK_NOWAIT || left == SK_NEVER || addresses_left <= 1)
        return d->deadline;
    return sk_after(left / (sk_time)addresses_left);
}

/* One address: 0 and the socket in *out, or -1. */
static int try_address(const struct dial *d, struct sk_sock **out, const struct sk_addr *addr, size_t left,
                       struct sk_err *why) {
    struct sk_sock *s = d->given;
    if (!s && sk_sock_open(&s, addr->u.sa.sa_family, d->type, 0, why) < 0)
        return -1;
    if (sk_sock_connect(s, addr, share(d, left), why) == 0) {
        snprintf(s->asked, sizeof s->asked, "%s", d->host);
        *out = s;
        return 0;
    }
    if (!d->given) {
        sk_sock_free(s);
    } else if (why->kind == SK_TIMEOUT && left > 1 && s->type == SOCK_STREAM) { /* give this one up before the next */
        struct sk_addr none = { .len = sizeof(sa_family_t), .u.sa.sa_family = AF_UNSPEC };
        sk_sock_connect(s, &none, SK_NOWAIT, NULL);
    }
    return -1;
}

static int dial_all(const struct dial *d, const struct sk_addrs *addrs, struct sk_sock **out,
                    struct sk_attempts *attempts, struct sk_err *err) {
    for (size_t i = 0; i < addrs->count; i++) {
        struct sk_err why;
        if (try_address(d, out, &addrs->list[i], addrs->count - i, &why) == 0)
            return 0;
        add_attempt(attempts, &addrs->list[i], &why);
        if (!is_final(&why))
            continue;
        if (why.kind != SK_SYS) {
            if (err)
                *err = why;
            return -1;
        }
        return sk_fail_sys(err, why.code, why.op, "connect to %s", d->target);
    }
    return fail_all(d, attempts, err);
}

static int adopt(struct sk_sock **out, struct sk_sock *s, int fd, struct sk_err *err) {
    if (s)
        return sk_fail_usage(err, "fd:%d is a socket of its own; write it without a socket before it", fd);
    return sk_sock_adopt(out, fd, err);
}

/* The words for what was asked: the target in sentences, the host for the checks of TLS. */
static void name_target(struct dial *d, const struct sk_endpoint *ep) {
    char text[SK_ADDR_TEXT];
    sk_endpoint_format(d->target, sizeof d->target, ep);
    if (ep->kind == SK_EP_NAME) {
        snprintf(d->host, sizeof d->host, "%s", ep->host);
        snprintf(d->target, sizeof d->target, "%s", ep->host); /* the attempts tell the port */
    } else if (ep->kind == SK_EP_ADDR) {
        snprintf(d->host, sizeof d->host, "%.255s", sk_addr_host(text, sizeof text, &ep->addr));
    }
}

int sk_dial(struct sk_sock **out, struct sk_sock *s, const struct sk_endpoint *ep, int family, int type,
            sk_time deadline, struct sk_attempts *attempts, struct sk_err *err) {
    struct dial d = { .given = s, .type = SOCK_STREAM, .start = sk_now(), .deadline = deadline };
    struct sk_attempts own = { 0 };
    struct sk_addrs addrs;
    *out = NULL;
    if (attempts)
        *attempts = own;
    if (s && sk_sock_check(s, "connect", err) < 0)
        return -1;
    if (ep->kind == SK_EP_FD)
        return adopt(out, s, ep->fd, err);
    name_target(&d, ep);
    if (ep->kind == SK_EP_ANY)
        return sk_fail_usage(err, "'%s' means every address of this machine, to listen on; connect to :%u", d.target,
                             ep->port);
    if (type || ep->type)
        d.type = type ? type : ep->type;
    if (s && ep->kind != SK_EP_ADDR) /* an address that was written out is for the system to judge */
        family = s->family;
    if (sk_endpoint_addrs(ep, family, deadline, &addrs, err) < 0)
        return -1;
    int r = dial_all(&d, &addrs, out, attempts ? attempts : &own, err);
    sk_addrs_done(&addrs);
    sk_attempts_done(&own);
    return r;
}
