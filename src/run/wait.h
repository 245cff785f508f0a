/* The one place where anything waits (DESIGN.md 3). */
#ifndef SK_RUN_WAIT_H
#define SK_RUN_WAIT_H

#include <poll.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/err.h"
#include "run/wake.h"

/* Wait until fd has one of events (POLLIN, POLLOUT, POLLPRI, POLLRDHUP; POLLERR, POLLHUP, POLLNVAL always count) or the
 * deadline. Returns the events (> 0), or -1: SK_TIMEOUT at the deadline, SK_SYS EAGAIN at once when the deadline is
 * SK_NOWAIT and nothing is ready, SK_CANCELED (sticky, outranks the timeout), SK_SYS EBADF when fd is closed through
 * sk_fd_close meanwhile. May be spurious. OP names the operation in *err. With one task it is one ppoll(2); with
 * several the task is parked. */
int sk_wait(int fd, short events, const char *op, sk_time deadline, struct sk_err *err);
/* The same for many: fills revents, returns the number ready. count 0 waits for the deadline alone. */
int sk_wait_many(struct pollfd *fds, size_t count, const char *op, sk_time deadline, struct sk_err *err);
/* Wait for the deadline: 0 when it came, -1 when cancelled. */
int sk_sleep_until(sk_time deadline, const char *op, struct sk_err *err);
/* Called by loops that may never wait, once per operation of `cost` bytes (0 for none): every 64 operations or 1 MiB
 * lets others run and reports cancellation or a passed deadline; a signal is reported at once. 0 or -1. */
static inline int sk_charge(size_t cost, const char *op, sk_time deadline, struct sk_err *err);

/* What is left of the 1 MiB; an operation counts as 16 KiB or its cost, whichever is more. */
extern long long sk_budget;
int sk_charge_spent(const char *op, sk_time deadline, struct sk_err *err);

static inline int sk_charge(size_t cost, const char *op, sk_time deadline, struct sk_err *err) {
    sk_budget -= cost > 16384 ? (long long)cost : 16384;
    return sk_budget > 0 && !sk_wake_pending ? 0 : sk_charge_spent(op, deadline, err);
}

#endif
