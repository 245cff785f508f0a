/* Descriptors: closed in one place, so that nobody waits on a number that means something else. */
#ifndef SK_RUN_FD_H
#define SK_RUN_FD_H

#include <stdbool.h>

#include "base/err.h"

/* Take fd out of epoll, wake its waiters with EBADF, close it. 0, or -1 with close(2)'s error (the number is gone all
 * the same; never retried). -1 as fd is ignored. */
int sk_fd_close(int fd, struct sk_err *err);
/* First thing in main: occupy those of 0, 1, 2 that are closed, so that no socket gets such a number. Reading from 0
 * and writing to 1 and 2 goes on failing with EBADF, in children too. Returns a bit mask (1 << fd) of those that were.
 */
int sk_fd_sanitize(void);
/* Raise the soft descriptor limit to the hard one; children get the old one back (run/child). */
void sk_fd_raise_limit(void);
/* Raised, or as it was when we started. For run/child. */
void sk_fd_limit(bool raised);

#endif
