/* Bytes in: one receive, fills of the buffer, lines. */
#include <errno.h>
#include <inttypes.h>
#include <stdalign.h>
#include <string.h>

#include "sock/layer.h"
#include "sock/tap.h"

static const unsigned FILL_FIRST = 16 * 1024, FILL_MOST = 256 * 1024; /* bytes asked of the kernel by one fill */
static const size_t HELD_MOST = 64u * 1024 * 1024;                    /* look-ahead of one socket */
static const size_t KEEP_MOST = 1024 * 1024;                          /* memory an empty buffer may keep */
enum { CONTROL_ROOM = 2048 };                                         /* 253 descriptors, credentials, a timestamp */

int sk_again(struct sk_sock *s, short events, unsigned *spins, const char *op, sk_time deadline, struct sk_err *err) {
    if (s->layer->wants)
        events = s->layer->wants(s, events, spins);
    if (deadline == SK_NOWAIT)
        return sk_fail_sys(err, EAGAIN, op, NULL);
    if (sk_wait(s->fd, events, op, deadline, err) < 0)
        return -1;
    if (++*spins >= 8) {
        sk_time pause = sk_after(SK_MS);
        if (sk_left(deadline) == 0)
            return sk_fail_timeout(err, op);
        if (sk_sleep_until(pause < deadline ? pause : deadline, op, err) < 0)
            return -1;
    }
    return sk_sock_check(s, op, err);
}

int sk_receive_failed(struct sk_sock *s, int errnum, const char *op, struct sk_err *err) {
    sk_tap(s, SK_TAP_ERROR, errnum, NULL);
    if (s->state == SK_CONNECTING)
        s->state = SK_NEW;
    if (errnum == EPROTO && s->layer->failed) {
        s->state = SK_ENDED;
        return s->layer->failed(s, err);
    }
    if (errnum == ECONNRESET && sk_can_end(s)) {
        s->state = SK_ENDED;
        if (s->received)
            return sk_fail_sys(err, errnum, op, "%s after %" PRIu64 " bytes", op, s->received);
    }
    return sk_fail_sys(err, errnum, op, NULL);
}

void sk_note_received(struct sk_sock *s, const void *p, size_t n, const struct sk_addr *peer) {
    s->received += n;
    if (n > 0 || !sk_can_end(s)) {
        s->at_end = false;
        if (s->state == SK_CONNECTING)
            sk_tap(s, SK_TAP_OPEN, 0, NULL);
        if (s->state == SK_CONNECTING || s->state == SK_ENDED)
            s->state = SK_CONNECTED;
        if (s->tap)
            s->tap(s, false, p, n, s->tap_arg);
        sk_tap_bytes(s, SK_TAP_RECEIVED, p, n, peer);
        return;
    }
    if (!s->at_end)
        sk_tap(s, SK_TAP_END, 0, NULL);
    s->at_end = true;
    s->state = SK_ENDED;
}

/* The error that was kept back while there was data. */
static int tell_error(struct sk_sock *s, const char *op, struct sk_err *err) {
    int errnum = s->error;
    s->error = 0;
    return sk_receive_failed(s, errnum, op, err);
}

/* One receive into the caller's memory. */
static ssize_t receive(struct sk_sock *s, void *buf, size_t n, int flags, const char *op, sk_time deadline,
                       struct sk_err *err) {
    if (s->error)
        return tell_error(s, op, err);
    flags = sk_is_message(s) ? flags | MSG_TRUNC
                             : flags & ~MSG_TRUNC; /* a stream would drop the bytes and still count them */
    unsigned spins = 0;
    ssize_t r;
    while ((r = s->layer->try_fill(s, buf, n, flags)) < 0) {
        if (errno != EAGAIN)
            return sk_receive_failed(s, errno, op, err);
        if (sk_again(s, POLLIN, &spins, op, deadline, err) < 0)
            return -1;
    }
    s->real_len = (size_t)r;
    size_t got = s->real_len < n ? s->real_len : n;
    if (!(flags & MSG_PEEK) && (n > 0 || sk_is_message(s)))
        sk_note_received(s, buf, got, NULL);
    return (ssize_t)got;
}

/* From the buffer: at most n bytes, never of two datagrams; the rest of a datagram goes, as with recv(2). */
static size_t take_buffered(struct sk_sock *s, void *buf, size_t n, int flags) {
    size_t whole = sk_is_message(s) ? sk_mark_message(s) : s->in.len;
    size_t got = n < whole ? n : whole;
    if (got)
        memcpy(buf, sk_buf_data(&s->in), got);
    s->real_len = sk_is_message(s) ? whole : got;
    if (!(flags & MSG_PEEK))
        sk_consume(s, s->real_len);
    return got;
}

/* Keep why for the next receive, when it is an error of the connection. */
static bool keep_error(struct sk_sock *s, const struct sk_err *why) {
    if (why->kind != SK_SYS || s->state == SK_CLOSED)
        return false;
    if (why->code != EAGAIN && why->code != EMSGSIZE && why->code != ENOMEM)
        s->error = why->code;
    return true;
}

/* MSG_WAITALL: all n bytes, or fewer at the end, before an error, or where a non-blocking socket has no more. */
static ssize_t gather(struct sk_sock *s, void *buf, size_t n, int flags, sk_time deadline, struct sk_err *err) {
    struct sk_err why;
    size_t got = 0;
    while (got < n) {
        if (s->in.len) {
            got += take_buffered(s, (char *)buf + got, n - got, 0);
            continue;
        }
        ssize_t r = got ? sk_step(got, "recv", deadline, false, &why) : 0;
        if (r >= 0)
            r = receive(s, (char *)buf + got, n - got, flags, "recv", deadline, &why);
        if (r < 0 && got && keep_error(s, &why))
            break;
        if (r < 0) {
            sk_unread(s, buf, got, NULL);
            if (err)
                *err = why;
            return -1;
        }
        if (r == 0)
            break;
        got += (size_t)r;
    }
    return (ssize_t)got;
}

int sk_fill_to(struct sk_sock *s, size_t n, const char *op, sk_time deadline, struct sk_err *err) {
    while (s->in.len < n) {
        struct sk_err why;
        int r = sk_fill_once(s, op, deadline, &why);
        if (r == SK_FILL_END || (r < 0 && s->in.len && keep_error(s, &why)))
            return 0;
        if (r < 0) {
            if (err)
                *err = why;
            return -1;
        }
    }
    return 0;
}

static ssize_t peek_all(struct sk_sock *s, void *buf, size_t n, int flags, sk_time deadline, struct sk_err *err) {
    return sk_fill_to(s, n, "recv", deadline, err) < 0 ? -1 : (ssize_t)take_buffered(s, buf, n, flags);
}

static ssize_t receive_locked(struct sk_sock *s, void *buf, size_t n, int flags, sk_time deadline, struct sk_err *err) {
    if (sk_sock_check(s, "recv", err) < 0 || sk_step(0, "recv", deadline, true, err) < 0)
        return -1;
    if ((flags & MSG_WAITALL) && !sk_is_message(s))
        return flags & MSG_PEEK ? peek_all(s, buf, n, flags, deadline, err) : gather(s, buf, n, flags, deadline, err);
    if (s->in.len)
        return (ssize_t)take_buffered(s, buf, n, flags);
    return receive(s, buf, n, flags, "recv", deadline, err);
}

/* Out-of-band bytes and the error queue have nothing to do with the buffer and its counts. */
static ssize_t receive_aside(struct sk_sock *s, void *buf, size_t n, int flags, sk_time deadline, struct sk_err *err) {
    unsigned spins = 0;
    ssize_t r;
    while ((r = s->layer->try_fill(s, buf, n, flags & ~MSG_TRUNC)) < 0) {
        if (errno != EAGAIN)
            return sk_fail_sys(err, errno, "recv", NULL);
        if (sk_again(s, flags & MSG_OOB ? POLLPRI : 0, &spins, "recv", deadline, err) < 0)
            return -1;
    }
    s->real_len = (size_t)r;
    return r;
}

ssize_t sk_recv(struct sk_sock *s, void *buf, size_t n, int flags, sk_time deadline, struct sk_err *err) {
    if (sk_sock_check(s, "recv", err) < 0)
        return -1;
    if (flags & MSG_DONTWAIT)
        deadline = SK_NOWAIT;
    if (flags & (MSG_OOB | MSG_ERRQUEUE))
        return receive_aside(s, buf, n, flags, deadline, err);
    if (sk_lock_take(&s->rlock, "recv", deadline, err) < 0)
        return -1;
    ssize_t r = receive_locked(s, buf, n, flags, deadline, err);
    sk_lock_give(&s->rlock);
    return r;
}

/* One try to fill n bytes of room by a plain receive. */
static ssize_t try_bytes(struct sk_sock *s, void *room, size_t n) {
    ssize_t r = s->layer->try_fill(s, room, n, 0);
    if (r < 0)
        return r;
    sk_note_received(s, room, (size_t)r, NULL);
    sk_buf_commit(&s->in, (size_t)r);
    return r;
}

/* The same where more than bytes can come: senders, descriptors, boundaries. *cut: a datagram did not fit. */
static ssize_t try_message(struct sk_sock *s, void *room, size_t n, bool *cut) {
    alignas(struct cmsghdr) char control[CONTROL_ROOM];
    struct sk_addr peer;
    struct iovec part = { room, n };
    struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1 };
    if (s->family == AF_UNIX) {
        msg.msg_control = control;
        msg.msg_controllen = sizeof control;
    }
    if (sk_is_message(s)) {
        msg.msg_name = &peer.u;
        msg.msg_namelen = sizeof peer.u;
    }
    ssize_t r = sk_try_recvmsg(s, &msg, sk_is_message(s) ? MSG_TRUNC : 0);
    if (r < 0)
        return r;
    size_t got = (size_t)r < n ? (size_t)r : n;
    *cut = got < (size_t)r;
    int *fds = NULL;
    size_t count = 0;
    peer.len = msg.msg_namelen;
    sk_cmsg_fds(&msg, got ? &fds : NULL, &count);
    if (got && (count || sk_is_message(s))) {
        struct sk_fdmark *m = sk_mark_add(s, got);
        m->fds = fds;
        m->count = count;
        m->starts = sk_is_message(s);
        if (msg.msg_namelen > 0) {
            m->peer = sk_alloc(sizeof peer);
            m->peer->len = msg.msg_namelen;
            memcpy(&m->peer->u, &peer.u, msg.msg_namelen);
        }
    }
    sk_note_received(s, room, got, msg.msg_namelen ? &peer : NULL);
    sk_buf_commit(&s->in, got);
    return (ssize_t)got;
}

int sk_fill_once(struct sk_sock *s, const char *op, sk_time deadline, struct sk_err *err) {
    bool messages = sk_is_plain(s) && (sk_is_message(s) || s->family == AF_UNIX), cut = false;
    size_t want = s->fill ? s->fill : FILL_FIRST;
    if (sk_is_message(s))
        want = FILL_MOST;
    if (s->error)
        return tell_error(s, op, err);
    if (s->in.len >= HELD_MOST)
        return sk_fail(err, SK_SYS, EMSGSIZE, op, "%s: more than 64 MiB came without an end", op);
    for (unsigned spins = 0;;) {
        void *room = sk_buf_room(&s->in, want, err); /* anew after each wait: others may have given bytes back */
        if (!room)
            return -1;
        ssize_t r = messages ? try_message(s, room, want, &cut) : try_bytes(s, room, want);
        if (cut)
            return sk_fail(err, SK_SYS, EMSGSIZE, op, "%s: a datagram was longer than 256 KiB and lost its end", op);
        if ((size_t)r == want && want < FILL_MOST)
            s->fill = (unsigned)want * 2;
        if (r > 0)
            return SK_FILL_DATA;
        if (r == 0)
            return sk_can_end(s) ? SK_FILL_END : SK_FILL_EMPTY;
        if (errno != EAGAIN)
            return sk_receive_failed(s, errno, op, err);
        if (sk_again(s, POLLIN, &spins, op, deadline, err) < 0)
            return -1;
    }
}

int sk_fill(struct sk_sock *s, sk_time deadline, struct sk_err *err) {
    if (sk_sock_check(s, "recv", err) < 0 || sk_lock_take(&s->rlock, "recv", deadline, err) < 0)
        return -1;
    int r = sk_sock_check(s, "recv", err);
    if (r == 0)
        r = sk_step(0, "recv", deadline, true, err);
    if (r == 0)
        do
            r = sk_fill_once(s, "recv", deadline, err);
        while (r == SK_FILL_EMPTY);
    sk_lock_give(&s->rlock);
    return r;
}

static ssize_t line_locked(struct sk_sock *s, size_t max, bool *ended, sk_time deadline, struct sk_err *err) {
    uint64_t front = sk_front(s);
    size_t seen = 0, most = max ? max : SIZE_MAX;
    for (bool first = true;; first = false) {
        if (sk_front(s) != front) { /* bytes were given back meanwhile */
            front = sk_front(s);
            seen = 0;
        }
        size_t n = s->in.len < most ? s->in.len : most;
        const unsigned char *p = sk_buf_data(&s->in), *end = n > seen ? memchr(p + seen, '\n', n - seen) : NULL;
        if (end)
            return end - p + 1;
        if (n == most)
            return (ssize_t)n;
        if (sk_step(n - seen, "readline", deadline, first, err) < 0)
            return -1;
        seen = n;
        int r = sk_fill_once(s, "readline", deadline, err);
        if (r < 0)
            return -1;
        if (r == SK_FILL_END) {
            *ended = true;
            return (ssize_t)s->in.len;
        }
    }
}

ssize_t sk_line(struct sk_sock *s, size_t max, bool *ended, sk_time deadline, struct sk_err *err) {
    *ended = false;
    if (sk_sock_check(s, "readline", err) < 0 || sk_lock_take(&s->rlock, "readline", deadline, err) < 0)
        return -1;
    ssize_t r = sk_sock_check(s, "readline", err);
    if (r == 0)
        r = line_locked(s, max, ended, deadline, err);
    sk_lock_give(&s->rlock);
    return r;
}

void sk_consume(struct sk_sock *s, size_t n) {
    sk_buf_consume(&s->in, n);
    if (s->fdmarks)
        sk_marks_drop(s);
    if (s->in.len == 0 && s->in.cap > KEEP_MOST)
        sk_buf_done(&s->in);
}

int sk_unread(struct sk_sock *s, const void *p, size_t n, struct sk_err *err) {
    return sk_buf_unread(&s->in, p, n, err);
}
