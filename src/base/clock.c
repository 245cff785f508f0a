#include "base/clock.h"

#include <time.h>

sk_time sk_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (sk_time)t.tv_sec * SK_SECOND + t.tv_nsec;
}

sk_time sk_later(sk_time from, sk_time ns) {
    sk_time t;
    if (ns == SK_NEVER || __builtin_add_overflow(from, ns, &t))
        return SK_NEVER;
    return t;
}

sk_time sk_after(sk_time ns) { return ns == SK_NEVER ? SK_NEVER : sk_later(sk_now(), ns); }

sk_time sk_left(sk_time deadline) {
    if (deadline == SK_NEVER)
        return SK_NEVER;
    if (deadline <= 0) /* the clock is never negative: long past, or SK_NOWAIT */
        return 0;
    sk_time now = sk_now();
    return deadline > now ? deadline - now : 0;
}
