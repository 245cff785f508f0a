/* Long help on a terminal goes through the user's pager. */
#ifndef OUT_PAGER_H
#define OUT_PAGER_H

#include "lang/frame.h"

/* Show text[n] with $PAGER (less when it is not set) if it has more lines than the terminal fd: 1. 0: it has not, or
 * the pager cannot be started, and nothing was shown. -1 with *err: cancelled. */
int pager_show(const struct host *host, int fd, const void *text, size_t n, struct sk_err *err);

#endif
