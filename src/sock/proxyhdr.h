/* The PROXY protocol, versions 1 and 2 (doc/proxy-protocol.txt of haproxy): the first bytes of a connection tell whose
 * it is. Always the very first: before TLS, before any dialogue. */
#ifndef SK_SOCK_PROXYHDR_H
#define SK_SOCK_PROXYHDR_H

#include "base/buf.h"
#include "sock/sock.h"

enum {
    SK_PROXYHDR_V1_MOST = 107,    /* bytes of version 1, its line end included */
    SK_PROXYHDR_MOST = 16 * 1024, /* of version 2, here: 16, 216 for addresses, and what else it tells */
};

struct sk_proxyhdr {
    int version;                   /* 1, 2 */
    bool local;                    /* LOCAL: the proxy's own connection, about nobody */
    struct sk_addr source, target; /* of the connection that the proxy accepted; len 0: not told */
};

/* Does a whole header stand at the front of these n bytes? 1 with its *length; 0: what is there may become one, and
 * every byte of it belongs to it; -1: never. Strict: one space between words, no leading zeros, CRLF, the lengths that
 * the addresses need. Errors: SK_SYS EPROTO. */
int sk_proxyhdr_scan(const void *p, size_t n, size_t *length, struct sk_err *err);
/* What a whole header (all n bytes) tells. TLVs must fit exactly, and a CRC32C must be right; what else they say is
 * skipped. */
int sk_proxyhdr_parse(const void *p, size_t n, struct sk_proxyhdr *out, struct sk_err *err);
/* The bytes of a header. Version 1 tells of families without ports as UNKNOWN, as it does of addresses without length.
 * SK_USAGE when source and target are of different families. */
int sk_proxyhdr_make(const struct sk_proxyhdr *h, struct sk_buf *out, struct sk_err *err);

/* How a client introduces itself. */
struct sk_proxyhdr_how {
    int version;
    bool local;                            /* LOCAL, or UNKNOWN of version 1 */
    const struct sk_addr *source, *target; /* NULL: this end, the other end */
};
/* Send it, in one piece. `far`: the other end where that is not the peer of s (len 0: not known), or NULL. */
int sk_proxyhdr_send(struct sk_sock *s, const struct sk_proxyhdr_how *how, const struct sk_addr *far, sk_time deadline,
                     struct sk_err *err);
/* Read a header from the front of an accepted connection, not a byte more, and believe it: s->peer becomes the address
 * told, s->via keeps the proxy's. -1: SK_SYS EPROTO, SK_EOF, SK_TIMEOUT; the connection is of no use then. */
int sk_proxyhdr_receive(struct sk_sock *s, sk_time deadline, struct sk_err *err);

#endif
