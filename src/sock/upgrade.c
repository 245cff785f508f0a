/* The dialogue before TLS: what all protocols have in common, and how it fails. */
#include "sock/upgrade.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "sock/layer.h"
#include "sock/upgrade_parts.h"

const char *const sk_upgrade_protocols[] = { "smtp",     "imap",  "pop3",  "ftp",  "xmpp", "ldap",
                                             "postgres", "mysql", "sieve", "nntp", "irc",  NULL };

static const struct protocol { /* in the same order */
    const char *language;
    int (*talk)(struct sk_talk *t);
} protocols[] = {
    { "SMTP", sk_talk_smtp },
    { "IMAP", sk_talk_imap },
    { "POP3", sk_talk_pop3 },
    { "FTP", sk_talk_ftp },
    { "XMPP", sk_talk_xmpp },
    { "LDAP", sk_talk_ldap },
    { "PostgreSQL", sk_talk_postgres },
    { "MySQL", sk_talk_mysql },
    { "ManageSieve", sk_talk_sieve },
    { "NNTP", sk_talk_nntp },
    { "IRC", sk_talk_irc },
};
_Static_assert(sizeof protocols / sizeof *protocols + 1 == sizeof sk_upgrade_protocols / sizeof *sk_upgrade_protocols,
               "a row for each protocol");

/* ---- how it fails ---- */

int sk_talk_fail(struct sk_talk *t, const char *fmt, ...) {
    char msg[sizeof t->err->msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    return sk_fail(t->err, SK_TLS_HANDSHAKE, 0, "starttls", "%s", msg);
}

int sk_talk_refused(struct sk_talk *t) {
    struct sk_quoted q;
    const char *said = sk_quote(&q, t->line, t->n);
    return t->asked ? sk_talk_fail(t, "the server refused %s: it said %s", t->asked, said)
                    : sk_talk_fail(t, "the server takes no client now: it said %s", said);
}

/* The first line of it; nobody wants to read more of what is not understood. */
int sk_talk_foreign(struct sk_talk *t, const void *p, size_t n) {
    struct sk_quoted q;
    const char *end = n ? memchr(p, '\n', n) : NULL;
    if (end)
        n = (size_t)(end - (const char *)p);
    n -= n > 0 && ((const char *)p)[n - 1] == '\r';
    return sk_talk_fail(t, "the server does not speak %s: it said %s", t->language, sk_quote(&q, p, n));
}

int sk_talk_missing(struct sk_talk *t, const char *what) {
    char shown[200]; /* less than what is kept: what is cut off is seen to be */
    sk_escape_cut(shown, sizeof shown, t->said, t->said_n);
    return sk_talk_fail(t, "the server does not offer %s: its %s%s is '%s'", what, t->asked ? "answer to " : "greeting",
                        t->asked ? t->asked : "", shown);
}

/* What was waited for. */
static const char *awaited(const struct sk_talk *t, char dst[64]) {
    if (t->asked)
        snprintf(dst, 64, "answer to %s", t->asked);
    return t->asked ? dst : "greeting";
}

static int fail_wait(struct sk_talk *t, const struct sk_err *why) {
    char what[64];
    if (why->kind == SK_TIMEOUT)
        return sk_fail(t->err, SK_TIMEOUT, ETIMEDOUT, "starttls", "no %s from the server%s", awaited(t, what),
                       t->asked ? "" : " (where TLS begins at once, write tls://HOST:PORT)");
    if (t->err)
        *t->err = *why;
    return -1;
}

static int fail_end(struct sk_talk *t) {
    char what[64];
    struct sk_quoted q;
    size_t n = t->s->in.len;
    return sk_fail(t->err, SK_EOF, 0, "starttls", "the server closed the connection without %s %s%s%s",
                   t->asked ? "an" : "a", awaited(t, what), n ? "; it said " : "",
                   n ? sk_quote(&q, sk_buf_data(&t->s->in), n) : "");
}

/* ---- bytes out and in ---- */

int sk_talk_send(struct sk_talk *t, const char *asked, const void *p, size_t n) {
    struct sk_err why;
    t->asked = asked;
    t->said_n = 0;
    return sk_send_all(t->s, p, n, 0, t->deadline, NULL, &why) < 0 ? fail_wait(t, &why) : 0;
}

int sk_talk_say(struct sk_talk *t, const char *command, const char *words) {
    char line[512];
    int n = snprintf(line, sizeof line, "%s%s%s\r\n", command, words ? " " : "", words ? words : "");
    return sk_talk_send(t, command, line, (size_t)n);
}

/* One receive more: 0, or -1 also at the end. */
static int receive(struct sk_talk *t) {
    struct sk_err why;
    int r = sk_charge(0, "starttls", t->deadline, &why) < 0 ? -1 : sk_fill(t->s, t->deadline, &why);
    return r < 0 ? fail_wait(t, &why) : r == 0 ? fail_end(t) : 0;
}

/* Keep a line for the sentence that may have to quote it. */
static void remember(struct sk_talk *t) {
    if (t->said_n && t->said_n < sizeof t->said)
        t->said[t->said_n++] = ' ';
    size_t room = sizeof t->said - t->said_n, n = t->n < room ? t->n : room;
    memcpy(t->said + t->said_n, t->line, n);
    t->said_n += n;
}

int sk_talk_until(struct sk_talk *t, char end) {
    const struct sk_buf *in = &t->s->in;
    const unsigned char *at = NULL;
    char what[64];
    if (++t->lines > TALK_LINES_MOST)
        return sk_talk_fail(t, "the %s of the server has no end: this is line %u", awaited(t, what), t->lines);
    for (size_t seen = 0; !at;) {
        if (in->len > seen)
            at = memchr(sk_buf_data(in) + seen, end, in->len - seen);
        seen = in->len;
        if (!at && seen < sizeof t->line && receive(t) < 0)
            return -1;
        if (!at && seen >= sizeof t->line)
            break;
    }
    size_t n = at ? (size_t)(at - sk_buf_data(in)) + 1 : sizeof t->line;
    if (n >= sizeof t->line)
        return sk_talk_fail(t, "the %s of the server has a line of more than %d bytes", awaited(t, what),
                            TALK_LINE_MOST);
    memcpy(t->line, sk_buf_data(in), n);
    sk_consume(t->s, n);
    if (end == '\n')
        n -= n > 1 && t->line[n - 2] == '\r' ? 2 : 1;
    t->line[n] = '\0';
    t->n = n;
    remember(t);
    return 0;
}

int sk_talk_need(struct sk_talk *t, size_t n) {
    char what[64];
    if (n > TALK_BLOCK_MOST)
        return sk_talk_fail(t, "the %s of the server is %zu bytes long", awaited(t, what), n);
    while (t->s->in.len < n)
        if (receive(t) < 0)
            return -1;
    return 0;
}

/* ---- what is asked for ---- */

static const struct protocol *find(const char *name) {
    for (size_t i = 0; sk_upgrade_protocols[i]; i++)
        if (strcmp(sk_upgrade_protocols[i], name) == 0)
            return &protocols[i];
    return NULL;
}

/* A word of its own in a line or an attribute. */
static bool is_word(const char *name) {
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f || strchr("<>&'\"", *p))
            return false;
    return *name && strlen(name) <= 255;
}

/* XMPP servers speak for several domains, and are told which. */
static int check_domain(const struct sk_upgrade *how, struct sk_err *err) {
    struct sk_quoted q;
    if (strcmp(how->protocol, "xmpp") != 0 || is_word(how->domain))
        return 0;
    return sk_fail_usage(err, "the domain that the XMPP server is asked for is %s; say it with --verify-name",
                         sk_quote(&q, how->domain, strlen(how->domain)));
}

int sk_upgrade_check(const struct sk_upgrade *how, struct sk_err *err) {
    struct sk_quoted q;
    if (!find(how->protocol))
        return sk_fail_usage(err, "no dialogue before TLS is known for %s",
                             sk_quote(&q, how->protocol, strlen(how->protocol)));
    if (how->ehlo && strcmp(how->protocol, "smtp") != 0)
        return sk_fail_usage(err, "the name for EHLO is for smtp alone, not for %s", how->protocol);
    if (how->ehlo && !is_word(how->ehlo))
        return sk_fail_usage(err, "the name for EHLO is %s: write a host name, or an address as [192.0.2.1]",
                             sk_quote(&q, how->ehlo, strlen(how->ehlo)));
    return how->domain ? check_domain(how, err) : 0;
}

int sk_upgrade(struct sk_sock *s, const struct sk_upgrade *how, sk_time deadline, struct sk_err *err) {
    struct sk_upgrade own = *how;
    struct sk_talk t = { .s = s, .how = &own, .deadline = deadline, .err = err };
    struct sk_quoted q;
    own.domain = own.domain ? own.domain : "";
    if (sk_sock_check(s, "starttls", err) < 0 || sk_upgrade_check(&own, err) < 0)
        return -1;
    if (s->type != SOCK_STREAM)
        return sk_fail_usage(err, "TLS needs a stream");
    if (deadline == SK_NOWAIT)
        return sk_fail_usage(err, "a dialogue takes time, and this socket does not wait (settimeout 0)");
    const struct protocol *protocol = find(how->protocol);
    t.language = protocol->language;
    if (protocol->talk(&t) < 0)
        return -1;
    if (s->in.len == 0)
        return 0;
    return sk_talk_fail(&t,
                        "the server sent %zu bytes before TLS began: %s; they might be somebody else's (STARTTLS "
                        "injection), so the connection is not used",
                        s->in.len, sk_quote(&q, sk_buf_data(&s->in), s->in.len));
}
