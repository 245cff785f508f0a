/* Dialogues in bytes: LDAP (RFC 4511, 4.14), PostgreSQL (SSLRequest), MySQL (HandshakeV10 and SSLRequest). */
#include <string.h>

#include "base/bytes.h"
#include "sock/upgrade_parts.h"

/* What is there was understood to be of another protocol. */
static int not_ours(struct sk_talk *t) { return sk_talk_foreign(t, sk_buf_data(&t->s->in), t->s->in.len); }

/* ---- LDAP ---- */

struct ber { /* one element: tag and content */
    int tag;
    const unsigned char *p;
    size_t n;
};

/* The length at p[1]: how many bytes tag and length take, 0 when more is needed; -1 for what LDAP does not allow. */
static int ber_head(const unsigned char *p, size_t n, size_t *length) {
    if (n < 2)
        return 0;
    size_t digits = p[1] & 0x7f;
    *length = p[1];
    if (p[1] < 0x80)
        return 2;
    if (digits == 0 || digits > 4)
        return -1;
    if (n < 2 + digits)
        return 0;
    *length = 0;
    for (size_t i = 0; i < digits; i++)
        *length = *length << 8 | p[2 + i];
    return 2 + (int)digits;
}

/* Take the next element off the content of `in`. */
static bool ber_next(struct ber *in, struct ber *out) {
    size_t length;
    int head = ber_head(in->p, in->n, &length);
    if (head <= 0 || length > in->n - (size_t)head)
        return false;
    *out = (struct ber){ in->p[0], in->p + head, length };
    in->p += (size_t)head + length;
    in->n -= (size_t)head + length;
    return true;
}

static int64_t ber_number(const struct ber *e) {
    int64_t value = 0;
    if (e->n == 0 || e->n > 4)
        return -1;
    for (size_t i = 0; i < e->n; i++)
        value = value << 8 | e->p[i];
    return value;
}

enum { BER_INTEGER = 0x02, BER_OCTETS = 0x04, BER_ENUM = 0x0a, BER_SEQUENCE = 0x30, LDAP_EXTENDED_RESPONSE = 0x78 };

static const char *ldap_words(int64_t code) {
    switch (code) {
    case 1:
        return " (operations error)";
    case 2:
        return " (protocol error: it does not know StartTLS)";
    case 51:
        return " (busy)";
    case 52:
        return " (unavailable)";
    case 53:
        return " (unwilling to perform)";
    default:
        return "";
    }
}

/* LDAPMessage { messageID, ExtendedResponse { resultCode, matchedDN, diagnosticMessage, ... } } */
static int judge_ldap(struct sk_talk *t, struct ber message) {
    struct ber id, response, code, name, text;
    struct sk_quoted q;
    if (!ber_next(&message, &id) || id.tag != BER_INTEGER || !ber_next(&message, &response) ||
        response.tag != LDAP_EXTENDED_RESPONSE || !ber_next(&response, &code) || code.tag != BER_ENUM ||
        !ber_next(&response, &name) || name.tag != BER_OCTETS || !ber_next(&response, &text) || text.tag != BER_OCTETS)
        return not_ours(t);
    int64_t result = ber_number(&code);
    if (result == 0 && ber_number(&id) == 1)
        return 0;
    return sk_talk_fail(t, "the server refused %s: result %lld%s%s%s", t->asked, (long long)result, ldap_words(result),
                        text.n ? ", it said " : "", text.n ? sk_quote(&q, text.p, text.n) : "");
}

int sk_talk_ldap(struct sk_talk *t) {
    static const char ask[] = "\x30\x1d\x02\x01\x01\x77\x18\x80\x16"
                              "1.3.6.1.4.1.1466.20037";
    struct sk_buf *in = &t->s->in;
    size_t length;
    int head = 0;
    if (sk_talk_send(t, "StartTLS", ask, sizeof ask - 1) < 0)
        return -1;
    while (head == 0) {
        if (sk_talk_need(t, in->len + 1) < 0)
            return -1;
        head = sk_buf_data(in)[0] == BER_SEQUENCE ? ber_head(sk_buf_data(in), in->len, &length) : -1;
    }
    if (head < 0)
        return not_ours(t);
    if (sk_talk_need(t, (size_t)head + length) < 0 ||
        judge_ldap(t, (struct ber){ BER_SEQUENCE, sk_buf_data(in) + head, length }) < 0)
        return -1;
    sk_consume(t->s, (size_t)head + length);
    return 0;
}

/* ---- PostgreSQL ---- */

/* 'E': four bytes of length, then fields of a letter and a text, 'M' the message. */
static int postgres_error(struct sk_talk *t) {
    struct sk_quoted q;
    size_t length = 0, at = 5, n;
    if (sk_talk_need(t, 5) < 0)
        return -1;
    for (int i = 1; i < 5; i++)
        length = length << 8 | sk_buf_data(&t->s->in)[i];
    if (length < 4 || length >= TALK_BLOCK_MOST)
        return not_ours(t);
    if (sk_talk_need(t, 1 + length) < 0)
        return -1;
    const char *p = (const char *)sk_buf_data(&t->s->in);
    while (at + 1 < 1 + length && p[at] != '\0' && p[at] != 'M')
        at += 1 + strnlen(p + at + 1, length - at) + 1;
    if (at + 1 >= 1 + length || p[at] != 'M')
        return sk_talk_fail(t, "the server refused %s with an error that it does not name", t->asked);
    n = strnlen(p + at + 1, length - at);
    return sk_talk_fail(t, "the server refused %s: it said %s", t->asked, sk_quote(&q, p + at + 1, n));
}

int sk_talk_postgres(struct sk_talk *t) {
    static const char ask[] = "\x00\x00\x00\x08\x04\xd2\x16\x2f";
    if (sk_talk_send(t, "SSLRequest", ask, sizeof ask - 1) < 0 || sk_talk_need(t, 1) < 0)
        return -1;
    switch (sk_buf_data(&t->s->in)[0]) {
    case 'S':
        sk_consume(t->s, 1);
        return 0;
    case 'N':
        return sk_talk_fail(t, "the server does not offer TLS: its answer to %s is 'N'", t->asked);
    case 'E':
        return postgres_error(t);
    default:
        return not_ours(t);
    }
}

/* ---- MySQL ---- */

enum { MYSQL_HEAD = 4, MYSQL_VERSION = 10, MYSQL_SSL = 0x0800, MYSQL_ERROR = 0xff };

static unsigned little(const unsigned char *p, size_t n) {
    unsigned value = 0;
    while (n-- > 0)
        value = value << 8 | p[n];
    return value;
}

/* Number of the error, and where it is told '#' and a state, then the text. */
static int mysql_error(struct sk_talk *t, const unsigned char *p, size_t n) {
    struct sk_quoted q;
    if (n < 3)
        return not_ours(t);
    size_t at = n >= 9 && p[3] == '#' ? 9 : 3;
    return sk_talk_fail(t, "the server takes no client now: error %u, it said %s", little(p + 1, 2),
                        sk_quote(&q, p + at, n - at));
}

/* Version 10: its name with a NUL, number of the connection (4), salt (8), 0, capabilities (2). */
static int judge_mysql(struct sk_talk *t, const unsigned char *p, size_t n) {
    struct sk_quoted q;
    if (p[0] == MYSQL_ERROR)
        return mysql_error(t, p, n);
    const unsigned char *name = p + 1, *end = n > 1 ? memchr(name, '\0', n - 1) : NULL;
    if (p[0] != MYSQL_VERSION || !end || (size_t)(p + n - end) < 1 + 4 + 8 + 1 + 2)
        return not_ours(t);
    if (little(end + 14, 2) & MYSQL_SSL)
        return 0;
    return sk_talk_fail(t, "the server does not offer TLS: its greeting, of version %s, is without CLIENT_SSL",
                        sk_quote(&q, name, (size_t)(end - name)));
}

int sk_talk_mysql(struct sk_talk *t) {
    static const unsigned char ask[36] = { 0x20, 0, 0, 1, 0x85, 0xae, 0x7f, 0, 0, 0, 0, 1, 0x21 };
    struct sk_buf *in = &t->s->in;
    if (sk_talk_need(t, MYSQL_HEAD) < 0)
        return -1;
    size_t length = little(sk_buf_data(in), 3);
    if (length == 0 || length > TALK_BLOCK_MOST - MYSQL_HEAD)
        return not_ours(t);
    if (sk_talk_need(t, MYSQL_HEAD + length) < 0 || judge_mysql(t, sk_buf_data(in) + MYSQL_HEAD, length) < 0)
        return -1;
    sk_consume(t->s, MYSQL_HEAD + length);
    return sk_talk_send(t, "SSLRequest", ask, sizeof ask);
}
