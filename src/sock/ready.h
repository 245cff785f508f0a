/* Wait until somebody is there, or nobody any more. */
#ifndef SK_SOCK_READY_H
#define SK_SOCK_READY_H

#include "sock/dial.h"

struct sk_readying { /* what is waited for */
    struct sk_dial_how dial;
    sk_time each;       /* how long one attempt may take: a length */
    bool closed;        /* until nobody is there: every address refuses, cannot be reached, or the name is gone */
    const void *expect; /* what the peer must say of itself, or NULL: borrowed */
    size_t n;
};

struct sk_readiness {
    struct sk_addr addr; /* who answered; with closed: of the last attempt, len 0 when the name is gone */
    unsigned attempts;
    sk_time took;
    struct sk_attempts last; /* the addresses tried in the last attempt */
    struct sk_origin origin; /* where the last reason is that the name was not resolved: who said what of it */
};

/* Connect again and again, with pauses that grow from 10 to 250 ms, until it is so. A TCP connection to itself (the
 * kernel may choose the port that it asks for as its own) does not count. Connections end in order: FIN, and the peer's
 * end is waited for a short time. At the deadline SK_TIMEOUT, with the last reason in the sentence. What another
 * attempt would meet as well (a wrong source address, no descriptors) ends it at once. *out is filled in any case; the
 * caller frees last. */
int sk_ready(const struct sk_endpoint *ep, const struct sk_readying *what, sk_time deadline, struct sk_readiness *out,
             struct sk_err *err);

#endif
