/* Signals as cancellation. Handlers only set a flag and shorten the wait that is about to begin. */
#ifndef SK_RUN_WAKE_H
#define SK_RUN_WAKE_H

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>

#include "base/clock.h"

/* Catch SIGINT, SIGTERM and SIGHUP: the first one cancels the main task (sk_wait fails with SK_CANCELED). SIGPIPE
 * and SIGXFSZ are ignored: EPIPE and EFBIG tell. A second SIGINT within one second while the first had no effect ends
 * the process by that signal. */
void sk_wake_init(void);
/* The signal that cancelled, or 0; cleared by sk_uncancel. */
int sk_wake_signal(void);

/* For run/ itself. */

/* A signal came and nobody has looked yet. */
extern volatile sig_atomic_t sk_wake_pending;
/* Turn it into the cancellation of the main task. */
void sk_wake_take(void);
/* The main task heard of it: the signal had an effect. */
void sk_wake_heard(void);
void sk_wake_forget(void);
/* ppoll(2) and epoll_wait(2) until the deadline: the number ready, 0 at the deadline (or sooner), -1 with errno. A
 * caught signal makes them return at once, whether it comes during the call or just before it. */
int sk_wake_ppoll(struct pollfd *fds, size_t count, sk_time deadline);
int sk_wake_epoll(int epoll, struct epoll_event *events, int max, sk_time deadline);
/* Let a child have the signal mask and dispositions that we were started with. Returns 0 or an errno. */
int sk_wake_spawnattr(posix_spawnattr_t *attr);

#endif
