/* Absolute monotonic time in nanoseconds: the only clock of the library. */
#ifndef SK_BASE_CLOCK_H
#define SK_BASE_CLOCK_H

#include <stdint.h>

typedef int64_t sk_time;

#define SK_NEVER  INT64_MAX /* a deadline that does not come */
#define SK_NOWAIT INT64_MIN /* a deadline for a non-blocking caller: EAGAIN instead of ETIMEDOUT */
#define SK_SECOND INT64_C(1000000000)
#define SK_MS     INT64_C(1000000)

sk_time sk_now(void);
/* from + ns, saturating; SK_NEVER stays SK_NEVER. */
sk_time sk_later(sk_time from, sk_time ns);
/* The same from now. */
sk_time sk_after(sk_time ns);
/* The one that comes first. */
static inline sk_time sk_earlier(sk_time a, sk_time b) { return a < b ? a : b; }
/* A length in milliseconds, in steps of a microsecond: as results tell it. */
static inline double sk_in_ms(sk_time length) { return (double)(length / 1000) / 1000; }
/* Nanoseconds left until deadline, 0 when past (or SK_NOWAIT), SK_NEVER for never. */
sk_time sk_left(sk_time deadline);

#endif
