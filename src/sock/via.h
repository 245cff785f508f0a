/* What stands between a socket and the other end. */
#ifndef SK_SOCK_VIA_H
#define SK_SOCK_VIA_H

#include "base/value.h"
#include "net/addr.h"

struct sk_via {
    const char *kind;              /* "socks5", "http"; of an accepted connection "v1", "v2" */
    struct sk_addr addr;           /* the proxy's: the peer as the kernel knows it */
    bool local;                    /* the proxy's own connection */
    struct sk_addr source, target; /* of the connection beyond, as far as the proxy told; len 0: not */
    char asked[300];               /* socks5, http: "HOST:PORT", whom it was asked for */
};

/* {"kind", "addr", "local", "source", "target", "asked"}; null for NULL. */
struct sk_value sk_via_value(const struct sk_via *via);

#endif
