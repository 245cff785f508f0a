/* Is anybody there? One address, one answer, and what the peer sees of it is a connection that ends in order. */
#ifndef SK_SOCK_PROBE_H
#define SK_SOCK_PROBE_H

#include "base/clock.h"
#include "net/addr.h"

enum sk_verdict {
    SK_OPEN,        /* connected; or, for datagrams, answered */
    SK_REFUSED,     /* RST, or ICMP port unreachable; a UNIX socket that nobody listens on */
    SK_UNREACHABLE, /* ICMP, no route, no such path, not permitted: error tells */
    SK_SILENT,      /* nothing came back in time */
    SK_NOANSWER,    /* nor for a datagram, which proves nothing */
};
extern const char *const sk_verdicts[];

struct sk_probing {   /* how */
    sk_time attempt;  /* how long an answer may take: a length */
    const void *data; /* of the datagram, borrowed */
    size_t n;
};

struct sk_probed {
    enum sk_verdict verdict;
    int error;    /* errno behind it, or 0 */
    sk_time took; /* until the verdict */
};

/* Connect to addr and leave (FIN; what the peer says until its own end is read, for a short time, so that it meets no
 * RST), or, with type SOCK_DGRAM, send it a datagram, up to five times, and wait for one. type 0: SOCK_STREAM; at UNIX
 * paths whatever type is bound there. A TCP connection to itself counts as refused: nobody listens. At the deadline, if
 * that is before the attempt's end, the verdict is silence. Waits for the answer. -1: cancelled, or this machine has no
 * room: SK_SYS with EMFILE, ENFILE, ENOBUFS, ENOMEM, or EADDRNOTAVAIL when all ports for it are in use (or the address
 * has no source). */
int sk_probe(const struct sk_addr *addr, int type, const struct sk_probing *how, sk_time deadline,
             struct sk_probed *out, struct sk_err *err);

#endif
