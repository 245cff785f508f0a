/* Child processes, waited for through a pidfd. No SIGCHLD handler. */
#ifndef SK_RUN_CHILD_H
#define SK_RUN_CHILD_H

#include <sys/types.h>

#include "base/clock.h"
#include "base/err.h"

struct sk_child {
    pid_t pid;
    int pidfd;
};

/* posix_spawn argv (argv[0] looked up in PATH) in the same process group, with default signal dispositions (SIGPIPE
 * and SIGXFSZ too, unless they were ignored when we started), the signal mask and descriptor limit we were started
 * with, and only descriptors 0, 1, 2: in, out, error there (-1 = inherit ours). 0, or -1: SK_SYS with exec's error
 * (ENOENT, EACCES, ...). */
int sk_child_start(struct sk_child *child, char *const argv[], int in, int out, int error, struct sk_err *err);
/* Wait for its end: 0 and *status = exit status, or 128 + signal. -1: timeout, cancelled (the child lives on). */
int sk_child_wait(struct sk_child *child, int *status, sk_time deadline, struct sk_err *err);
/* TERM for it and for what it has started, then KILL after the shield's 200 ms, then reap. For cleanup; does nothing
 * when already reaped. */
void sk_child_end(struct sk_child *child);

#endif
