/* Many probes at once: a few tasks that each take the next port, probe it, and put the verdict where the caller picks
 * it up. */
#ifndef SK_SOCK_SCAN_H
#define SK_SOCK_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sock/probe.h"

struct sk_scanning {
    struct sk_probing probing;
    unsigned most;    /* probes at the same time */
    bool ordered;     /* verdicts in the order of the ports, else as they come */
    sk_time deadline; /* of all together */
};

struct sk_scanned {
    struct sk_addr addr;
    struct sk_probed probed;
    size_t target; /* the number of the sk_scan_add behind it, from 0 */
};

struct sk_scan;
struct sk_scan *sk_scan_new(const struct sk_scanning *how);
/* Add addr with each of the ports (borrowed), or, count 0, as it is. Before the first sk_scan_next. */
void sk_scan_add(struct sk_scan *scan, const struct sk_addr *addr, int type, const uint16_t *ports, size_t count);
/* The next verdict: 1, or 0 after the last. Waits for it. The number of probes under way adapts: it begins small, grows
 * while verdicts come and the network is what is waited for, and shrinks when descriptors or ports of this machine run
 * out. -1: SK_TIMEOUT when the deadline left ports untried; cancelled, or SK_SYS when the machine has no room for a
 * single probe: then what was known is handed out first. */
int sk_scan_next(struct sk_scan *scan, struct sk_scanned *out, struct sk_err *err);
/* Another verdict is at hand: sk_scan_next would not wait. */
bool sk_scan_ready(const struct sk_scan *scan);
/* Verdicts handed out, and how many there are to be. */
void sk_scan_count(const struct sk_scan *scan, uint64_t *done, uint64_t *all);
void sk_scan_free(struct sk_scan *scan); /* cancels what is under way; NULL is fine */

#endif
