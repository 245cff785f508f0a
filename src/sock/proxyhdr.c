/* PROXY headers: found, understood, made. */
#include "sock/proxyhdr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/parse.h"

static const unsigned char signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };
static const char word[] = "PROXY ";

enum { FIXED = 16, UNIX_PATH = 108, CRC32C_TYPE = 3 };
enum { LOCAL = 0x20, PROXY = 0x21 };                         /* version and command */
enum { UNSPEC = 0x00, INET = 1, INET6 = 2, LOCAL_PATH = 3 }; /* family: the upper four bits; UNSPEC is all eight */

#define wrong(err, ...) sk_fail(err, SK_SYS, EPROTO, "PROXY header", "the PROXY header is wrong: " __VA_ARGS__)

/* ---- Where it ends ---- */

static int none(const unsigned char *p, size_t n, struct sk_err *err) {
    char got[64];
    return sk_fail(err, SK_SYS, EPROTO, "PROXY header", "the connection does not begin with a PROXY header but '%s'",
                   sk_escape_cut(got, sizeof got, p, n));
}

static int scan_line(const unsigned char *p, size_t n, size_t *length, struct sk_err *err) {
    const unsigned char *cr = memchr(p, '\r', n), *lf = memchr(p, '\n', n);
    if (lf && (!cr || lf != cr + 1))
        return wrong(err, "its line must end with \\r\\n");
    if (cr && (size_t)(cr - p) + 1 < n && !lf)
        return wrong(err, "there is a \\r inside its line");
    if (lf && lf - p < SK_PROXYHDR_V1_MOST) {
        *length = (size_t)(lf - p) + 1;
        return 1;
    }
    return n < SK_PROXYHDR_V1_MOST && !lf ? 0 : wrong(err, "version 1 has at most %d bytes", SK_PROXYHDR_V1_MOST);
}

static int scan_binary(const unsigned char *p, size_t n, size_t *length, struct sk_err *err) {
    if (n > 12 && p[12] >> 4 != 2)
        return wrong(err, "version %d; there are 1 and 2", p[12] >> 4);
    if (n > 12 && p[12] != LOCAL && p[12] != PROXY)
        return wrong(err, "command %d; there are 0 (LOCAL) and 1 (PROXY)", p[12] & 15);
    if (n < FIXED)
        return 0;
    *length = FIXED + (size_t)(p[14] << 8 | p[15]);
    if (*length > SK_PROXYHDR_MOST)
        return wrong(err, "%zu bytes; %d are taken", *length, SK_PROXYHDR_MOST);
    return n >= *length;
}

int sk_proxyhdr_scan(const void *data, size_t n, size_t *length, struct sk_err *err) {
    const unsigned char *p = data;
    if (n == 0)
        return 0;
    size_t line = n < strlen(word) ? n : strlen(word), binary = n < sizeof signature ? n : sizeof signature;
    if (memcmp(p, word, line) == 0)
        return n < strlen(word) ? 0 : scan_line(p, n, length, err);
    if (memcmp(p, signature, binary) == 0)
        return n < sizeof signature ? 0 : scan_binary(p, n, length, err);
    return none(p, n, err);
}

/* ---- Version 1 ---- */

/* The word up to the next space or the end; *p moves behind the space, or becomes NULL. */
static size_t next_word(const char **p, const char *end, const char **found) {
    *found = *p;
    const char *space = *p ? memchr(*p, ' ', (size_t)(end - *p)) : NULL;
    size_t n = *p ? (size_t)((space ? space : end) - *p) : 0;
    *p = space ? space + 1 : NULL;
    return n;
}

static int read_address(const char *text, size_t n, int family, struct sk_addr *out, struct sk_err *err) {
    unsigned char bytes[16];
    char got[64];
    if (sk_inet_pton(family, text, n, bytes, NULL) < 0)
        return wrong(err, "'%s' is no %s address", sk_escape_cut(got, sizeof got, text, n),
                     family == AF_INET ? "IPv4" : "IPv6");
    sk_addr_any(out, family, 0);
    if (family == AF_INET)
        memcpy(&out->u.in.sin_addr, bytes, 4);
    else
        memcpy(&out->u.in6.sin6_addr, bytes, 16);
    return 0;
}

static int read_port(const char *text, size_t n, struct sk_addr *addr, struct sk_err *err) {
    char got[64];
    int64_t port;
    if (n > 5 || sk_parse_int("port", text, n, 0, 65535, &port, NULL) < 0)
        return wrong(err, "'%s' is no port", sk_escape_cut(got, sizeof got, text, n));
    sk_addr_set_port(addr, (uint16_t)port);
    return 0;
}

static int parse_line(const char *p, size_t n, struct sk_proxyhdr *out, struct sk_err *err) {
    const char *at = p + strlen(word), *end = p + n - 2, *w[5];
    char got[64];
    size_t len[5];
    out->version = 1;
    len[0] = next_word(&at, end, &w[0]);
    if (len[0] == 7 && memcmp(w[0], "UNKNOWN", 7) == 0) /* what follows is not for us */
        return 0;
    bool four = len[0] == 4 && memcmp(w[0], "TCP4", 4) == 0;
    if (!four && (len[0] != 4 || memcmp(w[0], "TCP6", 4) != 0))
        return wrong(err, "'%s' is none of TCP4, TCP6, UNKNOWN", sk_escape_cut(got, sizeof got, w[0], len[0]));
    for (size_t i = 1; i < 5; i++) {
        if (!at)
            return wrong(err, "two addresses and two ports must follow the protocol, with one space before each");
        len[i] = next_word(&at, end, &w[i]);
    }
    if (at)
        return wrong(err, "there is more behind the ports");
    int family = four ? AF_INET : AF_INET6;
    if (read_address(w[1], len[1], family, &out->source, err) < 0 ||
        read_address(w[2], len[2], family, &out->target, err) < 0)
        return -1;
    return read_port(w[3], len[3], &out->source, err) < 0 ? -1 : read_port(w[4], len[4], &out->target, err);
}

/* ---- Version 2 ---- */

/* CRC-32C (RFC 3720 appendix B.4), bit by bit: headers are short. */
static uint32_t crc32c(uint32_t crc, const unsigned char *p, size_t n) {
    while (n-- > 0) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return crc;
}

/* The sum over the header, with the four bytes at `sum` as zeros, is what stands there. */
static int check_sum(const unsigned char *p, size_t n, size_t sum, struct sk_err *err) {
    static const unsigned char zeros[4];
    uint32_t crc = crc32c(~0u, p, sum), told;
    crc = ~crc32c(crc32c(crc, zeros, 4), p + sum + 4, n - sum - 4);
    memcpy(&told, p + sum, 4);
    return ntohl(told) == crc ? 0 : wrong(err, "its checksum is %08x, that of its bytes %08x", ntohl(told), crc);
}

static int check_tlvs(const unsigned char *p, size_t n, size_t at, struct sk_err *err) {
    bool summed = false;
    while (at < n) {
        size_t len = n - at >= 3 ? (size_t)(p[at + 1] << 8 | p[at + 2]) : 0;
        if (n - at < 3 || len > n - at - 3)
            return wrong(err, "a field of type %d does not fit in its length", p[at]);
        if (p[at] == CRC32C_TYPE) {
            if (summed)
                return wrong(err, "two checksums");
            if (len != 4)
                return wrong(err, "a checksum has 4 bytes, not %zu", len);
            if (check_sum(p, n, at + 3, err) < 0)
                return -1;
            summed = true;
        }
        at += 3 + len;
    }
    return 0;
}

/* 108 bytes: a path up to its NUL, or an abstract name (its end cannot be told from zeros in it). */
static void take_path(struct sk_addr *out, const unsigned char *p) {
    size_t n = p[0] ? strnlen((const char *)p, UNIX_PATH) : UNIX_PATH;
    while (!p[0] && n > 0 && !p[n - 1])
        n--;
    *out = (struct sk_addr){ .u.sa.sa_family = AF_UNIX };
    memcpy(out->u.un.sun_path, p, n);
    out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (p[0] && n < UNIX_PATH));
}

static void take_inet(struct sk_proxyhdr *out, const unsigned char *p, int family) {
    size_t size = family == AF_INET ? 4 : 16;
    for (int i = 0; i < 2; i++) {
        struct sk_addr *addr = i ? &out->target : &out->source;
        const unsigned char *port = p + 2 * size + 2 * (size_t)i;
        sk_addr_any(addr, family, (uint16_t)(port[0] << 8 | port[1]));
        memcpy(family == AF_INET ? (void *)&addr->u.in.sin_addr : (void *)&addr->u.in6.sin6_addr, p + size * (size_t)i,
               size);
    }
}

static int parse_binary(const unsigned char *p, size_t n, struct sk_proxyhdr *out, struct sk_err *err) {
    static const size_t sizes[] = { 0, 12, 36, 2 * UNIX_PATH }; /* of both addresses */
    int family = p[13] >> 4, type = p[13] & 15;
    out->version = 2;
    out->local = p[12] == LOCAL;
    if (out->local) /* whatever else it says */
        return 0;
    if (p[13] != UNSPEC && (family < INET || family > LOCAL_PATH || type < 1 || type > 2))
        return wrong(err, "family and protocol 0x%02x; there are 00, 11, 12, 21, 22, 31 and 32", p[13]);
    if (n - FIXED < sizes[family])
        return wrong(err, "%zu bytes for addresses that need %zu", n - FIXED, sizes[family]);
    if (family == INET || family == INET6)
        take_inet(out, p + FIXED, family == INET ? AF_INET : AF_INET6);
    if (family == LOCAL_PATH) {
        take_path(&out->source, p + FIXED);
        take_path(&out->target, p + FIXED + UNIX_PATH);
    }
    return check_tlvs(p, n, FIXED + sizes[family], err);
}

int sk_proxyhdr_parse(const void *p, size_t n, struct sk_proxyhdr *out, struct sk_err *err) {
    size_t length;
    *out = (struct sk_proxyhdr){ 0 };
    int rc = sk_proxyhdr_scan(p, n, &length, err);
    if (rc <= 0 || length != n)
        return rc < 0 ? -1 : wrong(err, "%zu bytes are %s", n, rc == 0 ? "not all of it" : "more than it has");
    return *(const unsigned char *)p == 'P' ? parse_line(p, n, out, err) : parse_binary(p, n, out, err);
}

/* ---- Made ---- */

static bool is_inet(const struct sk_addr *a) {
    return a->len && (a->u.sa.sa_family == AF_INET || a->u.sa.sa_family == AF_INET6);
}

static int make_line(const struct sk_proxyhdr *h, struct sk_buf *out, struct sk_err *err) {
    char from[SK_ADDR_TEXT], to[SK_ADDR_TEXT];
    if (h->local || !is_inet(&h->source) || !is_inet(&h->target))
        return sk_buf_add_str(out, "PROXY UNKNOWN\r\n", err);
    sk_addr_host(from, sizeof from, &h->source);
    sk_addr_host(to, sizeof to, &h->target);
    from[strcspn(from, "%")] = to[strcspn(to, "%")] = '\0'; /* a zone means nothing to others */
    return sk_buf_printf(out, err, "PROXY TCP%d %s %s %u %u\r\n", h->source.u.sa.sa_family == AF_INET ? 4 : 6, from, to,
                         sk_addr_port(&h->source), sk_addr_port(&h->target));
}

/* The address of one end, in the form of its family, and its port for behind both. */
static size_t put_end(unsigned char *dst, const struct sk_addr *a, uint16_t *port) {
    *port = htons(sk_addr_port(a));
    if (a->u.sa.sa_family == AF_INET) {
        memcpy(dst, &a->u.in.sin_addr, 4);
        return 4;
    }
    if (a->u.sa.sa_family == AF_INET6) {
        memcpy(dst, &a->u.in6.sin6_addr, 16);
        return 16;
    }
    size_t start = offsetof(struct sockaddr_un, sun_path), n = a->len > start ? a->len - start : 0;
    memcpy(dst, a->u.un.sun_path, n < UNIX_PATH ? n : UNIX_PATH);
    return UNIX_PATH;
}

static int make_binary(const struct sk_proxyhdr *h, struct sk_buf *out, struct sk_err *err) {
    unsigned char bytes[FIXED + 2 * UNIX_PATH] = { 0 };
    size_t n = FIXED;
    bool told =
        !h->local && h->source.len && h->target.len && (is_inet(&h->source) || h->source.u.sa.sa_family == AF_UNIX);
    memcpy(bytes, signature, sizeof signature);
    bytes[12] = h->local ? LOCAL : PROXY;
    if (told) {
        uint16_t ports[2];
        int family = h->source.u.sa.sa_family;
        bytes[13] = family == AF_INET ? 0x11 : family == AF_INET6 ? 0x21 : 0x31;
        n += put_end(bytes + n, &h->source, &ports[0]);
        n += put_end(bytes + n, &h->target, &ports[1]);
        if (family != AF_UNIX) {
            memcpy(bytes + n, ports, sizeof ports);
            n += sizeof ports;
        }
    }
    bytes[15] = (unsigned char)(n - FIXED);
    return sk_buf_add(out, bytes, n, err);
}

int sk_proxyhdr_make(const struct sk_proxyhdr *h, struct sk_buf *out, struct sk_err *err) {
    char from[SK_ADDR_TEXT], to[SK_ADDR_TEXT];
    if (!h->local && h->source.len && h->target.len && h->source.u.sa.sa_family != h->target.u.sa.sa_family)
        return sk_fail_usage(err, "a PROXY header tells two addresses of one family, not %s and %s; give both",
                             sk_addr_format(from, sizeof from, &h->source), sk_addr_format(to, sizeof to, &h->target));
    return h->version == 1 ? make_line(h, out, err) : make_binary(h, out, err);
}
