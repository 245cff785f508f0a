/* Bytes out: one send, all of it, from a file. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/sys.h"
#include "sock/layer.h"
#include "sock/tap.h"

static const size_t FILE_STEP = 1024 * 1024; /* bytes of one sendfile(2) */
static const size_t COPY_STEP = 64 * 1024;   /* where sendfile(2) does not fit */

void sk_note_sent(struct sk_sock *s, const void *p, size_t n, const struct sk_addr *peer) {
    s->sent += n;
    if (s->state == SK_CONNECTING) {
        s->state = SK_CONNECTED;
        sk_tap(s, SK_TAP_OPEN, 0, NULL);
    }
    if (s->tap && p)
        s->tap(s, true, p, n, s->tap_arg);
    if (p)
        sk_tap_bytes(s, SK_TAP_SENT, p, n, peer);
}

int sk_send_failed(struct sk_sock *s, int errnum, const char *op, struct sk_err *err) {
    sk_tap(s, SK_TAP_ERROR, errnum, NULL);
    if (s->state == SK_CONNECTING)
        s->state = SK_NEW;
    if (errnum == EPROTO && s->layer->failed)
        return s->layer->failed(s, err);
    if (errnum == EPIPE && (s->state == SK_CONNECTED || s->state == SK_ENDED))
        return sk_fail(err, SK_SYS, errnum, op, "%s after %" PRIu64 " bytes: the connection is closed for writing", op,
                       s->sent);
    return sk_fail_sys(err, errnum, op, NULL);
}

/* One send: may be short. */
static ssize_t send_once(struct sk_sock *s, const void *buf, size_t n, int flags, const char *op, sk_time deadline,
                         struct sk_err *err) {
    unsigned spins = 0;
    ssize_t r;
    while ((r = s->layer->try_send(s, buf, n, flags)) < 0) {
        if (errno != EAGAIN)
            return sk_send_failed(s, errno, op, err);
        if (sk_again(s, POLLOUT, &spins, op, deadline, err) < 0)
            return -1;
    }
    sk_note_sent(s, buf, (size_t)r, NULL);
    return r;
}

ssize_t sk_send(struct sk_sock *s, const void *buf, size_t n, int flags, sk_time deadline, struct sk_err *err) {
    if (flags & MSG_DONTWAIT)
        deadline = SK_NOWAIT;
    if (sk_sock_check(s, "send", err) < 0 || sk_lock_take(&s->wlock, "send", deadline, err) < 0)
        return -1;
    ssize_t r = sk_sock_check(s, "send", err);
    if (r == 0)
        r = sk_step(0, "send", deadline, true, err);
    if (r == 0)
        r = send_once(s, buf, n, flags, "send", deadline, err);
    if (r >= 0 && s->layer->flush)
        s->layer->flush(s, "send", deadline, NULL); /* taken is taken */
    sk_lock_give(&s->wlock);
    return r;
}

/* What a layer holds back counts as sent; a socket that does not block keeps it for the next operation. */
static int flush(struct sk_sock *s, const char *op, sk_time deadline, struct sk_err *err) {
    return s->layer->flush && deadline != SK_NOWAIT ? s->layer->flush(s, op, deadline, err) : 0;
}

int sk_send_rest(struct sk_sock *s, const void *buf, size_t n, int flags, const char *op, sk_time deadline,
                 size_t *sent, struct sk_err *err) {
    size_t done = 0;
    do {
        if (sk_step(done, op, deadline, done == 0, err) < 0)
            return -1;
        ssize_t r = send_once(s, (const char *)buf + done, n - done, flags, op, deadline, err);
        if (r < 0)
            return -1;
        done += (size_t)r;
        *sent += (size_t)r;
    } while (done < n && !sk_is_message(s));
    return flush(s, op, deadline, err);
}

int sk_send_all(struct sk_sock *s, const void *buf, size_t n, int flags, sk_time deadline, size_t *sent,
                struct sk_err *err) {
    size_t unused;
    sent = sent ? sent : &unused;
    *sent = 0;
    if (flags & MSG_DONTWAIT)
        deadline = SK_NOWAIT;
    if (sk_sock_check(s, "send", err) < 0 || sk_lock_take(&s->wlock, "send", deadline, err) < 0)
        return -1;
    int r = sk_sock_check(s, "send", err);
    if (r == 0)
        r = sk_send_rest(s, buf, n, flags, "send", deadline, sent, err);
    sk_lock_give(&s->wlock);
    return r;
}

/* What remains of count after sent, at most step. */
static size_t next_step(size_t count, size_t sent, size_t step) {
    size_t left = count == SIZE_MAX ? step : count - sent;
    return left < step ? left : step;
}

/* By pread(2), or read(2) where the file has no positions, and send. */
static int copy_file(struct sk_sock *s, int file, off_t offset, size_t count, sk_time deadline, size_t *sent,
                     struct sk_err *err) {
    char *part = malloc(COPY_STEP);
    if (!part)
        return sk_fail_sys(err, ENOMEM, "malloc", "send from a file");
    bool seekable = lseek(file, 0, SEEK_CUR) >= 0;
    int r = 0;
    while (r == 0 && (count == SIZE_MAX || *sent < count)) {
        size_t n = next_step(count, *sent, COPY_STEP);
        ssize_t got =
            seekable ? pread(file, part, n, offset + (off_t)*sent) : sk_sys_read(file, part, n, deadline, err);
        if (got < 0)
            r = seekable ? sk_fail_sys(err, errno, "pread", NULL) : -1;
        if (got <= 0)
            break;
        r = sk_send_rest(s, part, (size_t)got, 0, "sendfile", deadline, sent, err);
    }
    free(part);
    return r;
}

/* By sendfile(2): 0, -1, or 1 when nothing went and the file is not of a kind it takes. */
static int map_file(struct sk_sock *s, int file, off_t offset, size_t count, sk_time deadline, size_t *sent,
                    struct sk_err *err) {
    while (count == SIZE_MAX || *sent < count) {
        struct sk_err why;
        size_t n = next_step(count, *sent, FILE_STEP);
        ssize_t r = sk_step(*sent ? n : 0, "sendfile", deadline, *sent == 0, &why);
        if (r == 0)
            r = sk_sys_sendfile(s->fd, file, &offset, n, deadline, &why);
        if (r < 0 && *sent == 0 && why.kind == SK_SYS &&
            (why.code == EINVAL || why.code == ENOSYS || why.code == ESPIPE))
            return 1;
        if (r < 0 && why.kind == SK_SYS && why.code != EAGAIN)
            return sk_send_failed(s, why.code, "sendfile", err);
        if (r < 0) {
            if (err)
                *err = why;
            return -1;
        }
        if (r == 0)
            break;
        *sent += (size_t)r;
        sk_note_sent(s, NULL, (size_t)r, NULL);
    }
    return 0;
}

int sk_send_file(struct sk_sock *s, int file, off_t offset, size_t count, sk_time deadline, size_t *sent,
                 struct sk_err *err) {
    size_t unused;
    sent = sent ? sent : &unused;
    *sent = 0;
    if (sk_sock_check(s, "sendfile", err) < 0 || sk_lock_take(&s->wlock, "sendfile", deadline, err) < 0)
        return -1;
    int r = sk_sock_check(s, "sendfile", err);
    if (r == 0) {
        bool direct = sk_is_plain(s) && !sk_is_message(s) && !s->tap && !s->track && !s->lent;
        r = direct ? map_file(s, file, offset, count, deadline, sent, err) : 1;
        if (r > 0)
            r = copy_file(s, file, offset, count, deadline, sent, err);
    }
    sk_lock_give(&s->wlock);
    return r;
}
