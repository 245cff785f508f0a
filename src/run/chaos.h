/* Bad luck on purpose, in builds with SK_CHAOS: waits that end early, late or cancelled, transfers that are cut short.
 * Drawn from a seed, so that luck repeats. Other builds contain none of it. */
#ifndef SK_RUN_CHAOS_H
#define SK_RUN_CHAOS_H

#include <stdbool.h>
#include <stddef.h>

#ifdef SK_CHAOS

/* Start with this seed; 0 ends it (so it is before the first call). */
void sk_chaos(unsigned long long seed);
/* Whether waits may also be cancelled, for good: as by sk_cancel, main by SIGINT where that is caught. */
void sk_chaos_cancel(bool on);
/* How much of n bytes to ask the kernel for: 1 to n, or n. */
size_t sk_chaos_short(size_t n);
/* True one time in n. */
bool sk_chaos_hits(unsigned n);
/* What a wait goes through before (and, when it may be late, after) its event: delays, other tasks first, cancellation.
 */
void sk_chaos_wait(void);

#else

static inline void sk_chaos(unsigned long long seed) { (void)seed; }
static inline void sk_chaos_cancel(bool on) { (void)on; }
static inline size_t sk_chaos_short(size_t n) { return n; }
static inline bool sk_chaos_hits(unsigned n) {
    (void)n;
    return false;
}
static inline void sk_chaos_wait(void) {}

#endif
#endif
