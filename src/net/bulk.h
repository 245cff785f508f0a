/* Many names at once: the names go in at one end, an answer for each comes out at the other. */
#ifndef SK_NET_BULK_H
#define SK_NET_BULK_H

#include <stdbool.h>
#include <stdint.h>

#include "net/dns.h"

struct sk_bulking {
    const struct sk_lookup *lookup; /* or NULL */
    int family;                     /* AF_INET, AF_INET6, or 0: both are asked for */
    unsigned most;                  /* questions under way, at most */
    unsigned rate;                  /* names begun in a second; 0: no limit */
    sk_time attempt;                /* how long a name may take that is asked for again: a length */
    bool reverse;                   /* addresses come in, their names are asked for */
    bool ordered;                   /* answers in the order of the names, else as they come */
};

struct sk_answer {
    const char *name; /* as it came in; a NUL follows */
    size_t n;
    uint64_t number; /* of the name, from 0 */
    bool ok;
    struct sk_addrs addrs; /* IPv6 first; with reverse the one that came in */
    int missing;           /* when ok: the family that nobody answered for, or 0 */
    char *host;            /* with reverse: its name */
    struct sk_err err;     /* when not ok: SK_GAI, SK_TIMEOUT */
};

struct sk_bulk_count {
    uint64_t in, out, ok, unknown, failed; /* unknown: no such name, or no address of this kind */
    uint64_t partial;                      /* of the ok: those with a missing family */
    uint64_t again;                        /* asked for again */
    unsigned under_way, window;
};

struct sk_bulk;
struct sk_bulk *sk_bulk_new(const struct sk_bulking *how);
/* One more name. Waits for room: what is in flight is bounded. Literals, overrides, the hosts file and localhost are
 * answered at once, and what is no name is refused as its answer. For one task; another one takes the answers out. */
int sk_bulk_add(struct sk_bulk *bulk, const char *name, size_t n, sk_time deadline, struct sk_err *err);
void sk_bulk_end(struct sk_bulk *bulk); /* no more names come */
/* The next answer in *out, borrowed until the next call: 1, or 0 after the last. Each name that went in comes out once,
 * whatever servers do: what is not answered at once (a lost packet, SERVFAIL, another server, the search list) is asked
 * for again by a few tasks, as sk_resolve does it. How many questions are under way adapts to what is lost. -1:
 * SK_TIMEOUT, cancelled, or SK_SYS and SK_INTERNAL where DNS cannot be asked at all. */
int sk_bulk_next(struct sk_bulk *bulk, const struct sk_answer **out, sk_time deadline, struct sk_err *err);
/* Another answer is at hand: sk_bulk_next would not wait. */
bool sk_bulk_ready(const struct sk_bulk *bulk);
void sk_bulk_counts(const struct sk_bulk *bulk, struct sk_bulk_count *out);
void sk_bulk_free(struct sk_bulk *bulk); /* nobody may be waiting in sk_bulk_add any more; NULL is fine */

#endif
