/* Writes that never block without Ctrl-C, on descriptors whose flags belong to somebody else. */
#include "out/out.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "net/sys.h"
#include "run/fd.h"
#include "run/task.h"
#include "run/wait.h"

enum { SPIN = 16 };                      /* tries in vain, although writable, before it pauses */
static const size_t PIECE = 1024 * 1024; /* of one write to a file, so that Ctrl-C is seen */

void out_init(struct out *o, int fd, bool was_closed) {
    *o = (struct out){ .fd = fd, .own = -1, .way = OUT_NOWAIT, .was_closed = was_closed };
}

void out_done(struct out *o) {
    sk_fd_close(o->own, NULL);
    o->own = -1;
}

static const char *name_of(const struct out *o) {
    return o->fd == STDOUT_FILENO ? "stdout" : o->fd == STDERR_FILENO ? "stderr" : "output";
}

bool out_gone(const struct sk_err *err) { return err->kind == SK_SHELL && err->code == 128 + SIGPIPE; }

static int fail(const struct out *o, int errnum, struct sk_err *err) {
    if (errnum == EPIPE || (errnum == ECONNRESET && o->way == OUT_SEND))
        return sk_fail(err, SK_SHELL, 128 + SIGPIPE, "write", "nobody reads %s any more", name_of(o));
    if (o->fd > STDERR_FILENO && o->written > 0)
        return sk_fail_sys(err, errnum, "write", "write output after %llu bytes", (unsigned long long)o->written);
    return sk_fail_sys(err, errnum, "write", "write %s", name_of(o));
}

/* A description of our own for the same pipe or terminal. /proc may be missing, or the pipe another user's. */
static bool reopen(struct out *o) {
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", o->fd);
    o->own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    return o->own >= 0;
}

/* The kernel cannot tell (`unable`), or says that it would block: what is it? False when the descriptor is none. */
static bool find_way(struct out *o, bool unable) {
    struct stat st;
    if (fstat(o->fd, &st) < 0)
        return false;
    if (S_ISSOCK(st.st_mode))
        o->way = OUT_SEND;
    else if (!S_ISFIFO(st.st_mode) && !(S_ISCHR(st.st_mode) && isatty(o->fd)))
        o->way = OUT_PLAIN;
    else if (unable)
        o->way = reopen(o) ? OUT_OWN : OUT_POLLED;
    return true;
}

static ssize_t try_nowait(struct out *o, const void *p, size_t n) {
    struct iovec part = { .iov_base = (void *)(uintptr_t)p, .iov_len = n };
    ssize_t r = pwritev2(o->fd, &part, 1, -1, RWF_NOWAIT);
    if (r >= 0)
        return r;
    bool unable = errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL;
    if ((errno != EAGAIN && !unable) || !find_way(o, unable))
        return -1;
    errno = o->way == OUT_NOWAIT ? EAGAIN : EINTR; /* EINTR: at once, in the way that was found */
    return -1;
}

/* One try: bytes written, or -1 with errno; EAGAIN means wait. */
static ssize_t try_write(struct out *o, const void *p, size_t n) {
    switch (o->way) {
    case OUT_NOWAIT:
        return try_nowait(o, p, n);
    case OUT_OWN:
        return write(o->own, p, n);
    case OUT_SEND:
        return send(o->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    default:
        return write(o->fd, p, n < PIECE ? n : PIECE);
    }
}

static ssize_t write_polled(struct out *o, const void *p, size_t n, struct sk_err *err) {
    struct sk_err e;
    ssize_t r = sk_sys_write(o->fd, p, n < PIPE_BUF ? n : PIPE_BUF, SK_NEVER, &e);
    if (r >= 0)
        return r;
    if (e.kind == SK_SYS)
        return fail(o, e.code, err);
    if (err)
        *err = e;
    return -1;
}

/* At least one byte. */
static ssize_t write_some(struct out *o, const void *p, size_t n, struct sk_err *err) {
    for (unsigned tries = 0; o->way != OUT_POLLED; tries++) {
        ssize_t r = try_write(o, p, n);
        if (r > 0)
            return r;
        if (r == 0 || (errno != EINTR && errno != EAGAIN))
            return fail(o, r == 0 ? EIO : errno, err);
        if (errno == EAGAIN && (sk_wait(o->way == OUT_OWN ? o->own : o->fd, POLLOUT, "write", SK_NEVER, err) < 0 ||
                                (tries > SPIN && sk_sleep_until(sk_after(SK_MS), "write", err) < 0)))
            return -1;
    }
    return write_polled(o, p, n, err);
}

static void (*write_before)(void), (*write_after)(void);
static struct sk_lock terminal;

int out_take(struct sk_err *err) { return sk_lock_take(&terminal, "write", SK_NEVER, err); }

void out_give(void) { sk_lock_give(&terminal); }

void out_around(void (*before)(void), void (*after)(void)) {
    write_before = before;
    write_after = after;
}

static int write_all(struct out *o, const char *p, size_t n, size_t *done, struct sk_err *err) {
    for (size_t end = *done + n;;) {
        ssize_t r = write_some(o, p + *done, end - *done, err);
        if (r < 0)
            return -1;
        *done += (size_t)r;
        o->written += (uint64_t)r;
        if (*done == end)
            return 0;
        if (sk_charge((size_t)r, "write", SK_NEVER, err) < 0)
            return -1;
    }
}

/* Whole rows, few enough for a key that is typed meanwhile. */
static size_t rows(const char *p, size_t n) {
    static const size_t MOST = 16 * 1024;
    const char *newline = n > MOST ? memrchr(p, '\n', MOST) : NULL;
    if (n > MOST && !newline)
        newline = memchr(p + MOST, '\n', n - MOST);
    return newline ? (size_t)(newline - p) + 1 : n;
}

/* Above the line that is being typed. */
static int write_above(struct out *o, const char *p, size_t n, size_t *done, struct sk_err *err) {
    int rc = 0;
    while (rc == 0 && *done < n) {
        if (out_take(err) < 0)
            return -1;
        size_t end = *done + rows(p + *done, n - *done);
        write_before();
        rc = write_all(o, p, end - *done, done, err);
        if (rc < 0 && sk_canceled()) { /* not in the middle of a row */
            sk_shield();
            write_all(o, p, end - *done, done, NULL);
            sk_unshield();
        }
        if (rc < 0 && *done > 0 && p[*done - 1] != '\n' && write(o->fd, "\n", 1) < 0)
            errno = 0; /* the row stays unfinished */
        write_after();
        out_give();
        sk_yield(); /* a key may wait */
    }
    return rc;
}

int out_write(struct out *o, const void *p, size_t n, size_t *written, struct sk_err *err) {
    size_t done = 0;
    if (written)
        *written = 0;
    if (n == 0)
        return 0;
    if (o->was_closed)
        return sk_fail(err, SK_SYS, EBADF, "write", "%s is closed", name_of(o));
    if (sk_lock_take(&o->lock, "write", SK_NEVER, err) < 0)
        return -1;
    bool above = write_before && o->fd <= STDERR_FILENO;
    int rc = above ? write_above(o, p, n, &done, err) : write_all(o, p, n, &done, err);
    sk_lock_give(&o->lock);
    if (written)
        *written = done;
    return rc;
}
