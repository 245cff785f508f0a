#include "run/wait.h"

#include <errno.h>
#include <stdlib.h>

#include "run/chaos.h"
#include "run/loop.h"
#include "run/wake.h"

enum { BUDGET = 1 << 20 };

long long sk_budget = BUDGET;

/* ppoll(2), repeated until it tells something: while there is no other task, or not to wait at all. */
static int ask(struct pollfd *fds, size_t count, const char *op, sk_time deadline, struct sk_err *err) {
    while (!sk_stopped()) {
        sk_time limit = sk_limit(deadline);
        int n = sk_wake_ppoll(fds, count, limit);
        if (n > 0)
            return n;
        if (n < 0 && errno != EINTR && errno != EAGAIN) /* poll(2), NOTES: both mean once more */
            return sk_fail_sys(err, errno, "ppoll", "%s: ppoll", op);
        if (!sk_wake_pending && sk_left(limit) == 0) /* a signal may have cut it short */
            return sk_end_fail(sk_stopped() ? SK_STOPPED : SK_LATE, op, deadline, err);
    }
    return sk_end_fail(SK_STOPPED, op, deadline, err);
}

int sk_wait(int fd, short events, const char *op, sk_time deadline, struct sk_err *err) {
    sk_chaos_wait();
    if (sk_stopped())
        return sk_end_fail(SK_STOPPED, op, deadline, err);
    if (fd < 0)
        return POLLNVAL;
    if (events && deadline != SK_NOWAIT && sk_chaos_hits(8))
        return events;
    if (sk_alone() || deadline == SK_NOWAIT) {
        struct pollfd one = { .fd = fd, .events = events };
        return ask(&one, 1, op, deadline, err) < 0 ? -1 : one.revents;
    }
    struct sk_waiter self = { .task = sk_current(), .fd = fd, .events = events };
    int known = sk_watch(&self, op, err);
    if (known != 0)
        return known < 0 ? -1 : self.revents;
    self.task->waiting = &self;
    enum sk_end end = sk_park(op, deadline);
    self.task->waiting = NULL;
    sk_unwatch(&self);
    sk_chaos_wait();
    if (end != SK_WOKEN)
        return sk_end_fail(end, op, deadline, err);
    return self.closed ? sk_fail_sys(err, EBADF, op, NULL) : self.revents;
}

/* Watch all of fds. 0; 1: some cannot be watched and need no waiting; -1. */
static int watch_all(struct sk_waiter *waiters, const struct pollfd *fds, size_t count, const char *op,
                     struct sk_err *err) {
    int known = 0;
    for (size_t i = 0; i < count; i++) {
        waiters[i] = (struct sk_waiter){ .fd = fds[i].fd, .events = fds[i].events };
        if (fds[i].fd < 0 || known < 0)
            continue;
        int one = sk_watch(&waiters[i], op, err);
        if (one == 0)
            waiters[i].task = sk_current(); /* it is being watched */
        else
            known = one;
    }
    return known;
}

/* Park until one of fds is ready, then ask the kernel which. Returns 0 when none is (any more). */
static int wait_round(struct sk_waiter *waiters, struct pollfd *fds, size_t count, const char *op, sk_time deadline,
                      struct sk_err *err) {
    int known = watch_all(waiters, fds, count, op, err);
    enum sk_end end = sk_stopped() ? SK_STOPPED : known == 0 && !sk_chaos_hits(8) ? sk_park(op, deadline) : SK_WOKEN;
    for (size_t i = 0; i < count; i++)
        if (waiters[i].task)
            sk_unwatch(&waiters[i]);
    if (known < 0)
        return -1;
    if (end != SK_WOKEN)
        return sk_end_fail(end, op, deadline, err);
    int n = sk_wake_ppoll(fds, count, SK_NOWAIT);
    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : sk_fail_sys(err, errno, "ppoll", "%s: ppoll", op);
    for (size_t i = 0; i < count; i++)
        if (waiters[i].closed) { /* whatever has the number by now */
            n += fds[i].revents == 0;
            fds[i].revents = POLLNVAL;
        }
    return n;
}

int sk_wait_many(struct pollfd *fds, size_t count, const char *op, sk_time deadline, struct sk_err *err) {
    sk_chaos_wait();
    if (sk_alone() || deadline == SK_NOWAIT)
        return ask(fds, count, op, deadline, err);
    struct sk_waiter few[8], *waiters = count <= 8 ? few : calloc(count, sizeof *waiters);
    if (!waiters)
        return sk_fail_sys(err, ENOMEM, op, NULL);
    int n;
    do
        n = wait_round(waiters, fds, count, op, deadline, err);
    while (n == 0);
    if (waiters != few)
        free(waiters);
    return n;
}

int sk_sleep_until(sk_time deadline, const char *op, struct sk_err *err) {
    sk_chaos_wait();
    enum sk_end end = sk_park(op, deadline);
    return end == SK_LATE ? 0 : sk_end_fail(end, op, deadline, err);
}

int sk_charge_spent(const char *op, sk_time deadline, struct sk_err *err) {
    sk_budget = BUDGET;
    sk_yield();
    if (sk_stopped())
        return sk_end_fail(SK_STOPPED, op, deadline, err);
    if (deadline != SK_NEVER && deadline != SK_NOWAIT && sk_left(deadline) == 0)
        return sk_end_fail(SK_LATE, op, deadline, err);
    return 0;
}
