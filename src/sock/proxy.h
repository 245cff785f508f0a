/* Proxies on the way: SOCKS5 (RFC 1928, 1929) and HTTP CONNECT (RFC 9110 section 9.3.6). Names are resolved by the
 * proxy, never here. */
#ifndef SK_SOCK_PROXY_H
#define SK_SOCK_PROXY_H

#include "base/buf.h"
#include "sock/sock.h"

enum sk_proxy_kind { SK_PROXY_SOCKS5, SK_PROXY_HTTP };

struct sk_proxy {
    enum sk_proxy_kind kind;
    struct sk_endpoint ep;       /* where it is */
    const char *user, *password; /* borrowed; or NULL */
};

/* Who is to blame for a connection that was not made. */
enum sk_proxy_blame {
    SK_BLAME_NOBODY, /* there was no proxy, or the fault is elsewhere */
    SK_BLAME_WAY,    /* the proxy was not reached */
    SK_BLAME_PROXY,  /* it refused, or it is none */
    SK_BLAME_TARGET, /* it says that the target was not reached */
};
extern const char *const sk_proxy_blames[]; /* "way", "proxy", "target" by that number; NULL for nobody */

/* "socks5://HOST:PORT" (also socks5h://), "http://HOST:PORT". SK_USAGE: what to write instead; credentials have no
 * place there. */
int sk_proxy_parse(struct sk_proxy *out, const char *text, size_t n, struct sk_err *err);
/* "USER:PASSWORD" split at the first colon, in place. SK_USAGE. */
int sk_proxy_credentials(struct sk_proxy *proxy, char *text, struct sk_err *err);
/* Can a proxy be asked for that? SK_USAGE: not for paths, descriptors, zones, ":port". */
int sk_proxy_target(const struct sk_endpoint *target, struct sk_err *err);

/* Ask the proxy at the other end of s for a connection to the target: 0, and from now on s is that connection; nothing
 * that belongs to it is read here. -1: a sentence without the target, and *blame. Not allowed, no credentials: EACCES;
 * a broken answer: EPROTO; an end inside of it: SK_EOF with what came. */
int sk_proxy_ask(struct sk_sock *s, const struct sk_proxy *proxy, const struct sk_endpoint *target, sk_time deadline,
                 enum sk_proxy_blame *blame, struct sk_err *err);

#endif
