/* Writing to descriptors that were lent: 0 to 2, a file, the end of a pipe. Their flags are never changed. */
#ifndef OUT_OUT_H
#define OUT_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "run/sync.h"

/* How a write is kept from blocking. Found out by the first one. */
enum out_way {
    OUT_NOWAIT, /* pwritev2 with RWF_NOWAIT; also before anything is known */
    OUT_OWN,    /* a description of our own, non-blocking, for the same pipe or terminal */
    OUT_SEND,   /* a socket: MSG_DONTWAIT */
    OUT_PLAIN,  /* a regular file: never blocks for long */
    OUT_POLLED, /* writability first, then at most PIPE_BUF */
};

struct out {
    int fd;  /* borrowed */
    int own; /* or -1 */
    enum out_way way;
    bool was_closed;  /* when the process started: every write fails */
    uint64_t written; /* bytes in all */
    struct sk_lock lock;
};

void out_init(struct out *o, int fd, bool was_closed); /* no system call */
void out_done(struct out *o);

/* Write all of p[n] as one piece: what others write comes before or after it. Waits through sk_wait until the reader
 * takes it, without a deadline: Ctrl-C ends it. *written (may be NULL) is always set. Errors: what write(2) says, EBADF
 * "stdout is closed"; out_gone when nobody reads. */
int out_write(struct out *o, const void *p, size_t n, size_t *written, struct sk_err *err);

/* A line is being typed on the terminal now and then: called before and after something is written to descriptor 1 or
 * 2. NULL: none is. */
void out_around(void (*before)(void), void (*after)(void));
/* The terminal, for who draws that line: not before a record that is being written is whole. Waits without a deadline.
 * 0, or -1 cancelled. */
int out_take(struct sk_err *err);
void out_give(void);

/* The failure is that the reader went away (EPIPE): quiet, status 141. A process whose own stdout it was ends by
 * SIGPIPE. */
bool out_gone(const struct sk_err *err);

#endif
