/* The lines of a list of names or addresses, as files and stdin have it. */
#ifndef VERBS_LINES_H
#define VERBS_LINES_H

#include "base/buf.h"
#include "base/clock.h"

struct lines { /* all zero but fd is the beginning */
    int fd;    /* borrowed */
    struct sk_buf held;
    size_t taken; /* bytes of the line that was given last */
    bool ended, is_cut;
};

/* The next line without the blanks around it: 1, 0 at the end, -1. Empty ones and comments (# at the beginning or after
 * a blank) do not count, and lines may end as in DOS. One that is far too long for a name is cut. It stays until the
 * next call. */
int lines_next(struct lines *l, const char **line, size_t *n, sk_time deadline, struct sk_err *err);
void lines_done(struct lines *l);

#endif
