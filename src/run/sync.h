/* A FIFO lock and an event, both with deadlines. All zero is unlocked / not set. */
#ifndef SK_RUN_SYNC_H
#define SK_RUN_SYNC_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/err.h"

struct sk_waiter;
struct sk_queue {
    struct sk_waiter *first, *last;
}; /* tasks that wait, in order of asking */
struct sk_lock {
    bool held;
    struct sk_queue queue;
};
struct sk_event {
    bool set;
    struct sk_queue queue;
};

/* Take the lock in order of asking; returns 0 at once when it is free. Not recursive. */
int sk_lock_take(struct sk_lock *lock, const char *op, sk_time deadline, struct sk_err *err);
void sk_lock_give(struct sk_lock *lock);

void sk_event_set(struct sk_event *event); /* wakes all */
void sk_event_clear(struct sk_event *event);
int sk_event_wait(struct sk_event *event, const char *op, sk_time deadline, struct sk_err *err);

#endif
