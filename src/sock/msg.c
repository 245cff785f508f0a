/* Messages with addresses and ancillary data. */
#include "sock/msg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "run/fd.h"
#include "sock/cmsg.h"
#include "sock/layer.h"

enum { FDS_MOST = 253, CONTROL_DEFAULT = 4096 };
static const size_t CONTROL_MOST = 1024 * 1024;

/* ---- Sending ---- */

static int not_plain(const struct sk_sock *s, struct sk_err *err) {
    return sk_fail_usage(err, "addresses and ancillary data cannot go through %s", s->layer->name);
}

/* The control block for cmsgs; msg->msg_control is to be freed. */
static int build_control(const struct sk_cmsg *cmsgs, size_t n, struct msghdr *msg, struct sk_err *err) {
    size_t size = 0;
    for (size_t i = 0; i < n; i++) {
        bool rights = cmsgs[i].level == SOL_SOCKET && cmsgs[i].type == SCM_RIGHTS;
        if (rights && cmsgs[i].len / sizeof(int) > FDS_MOST)
            return sk_fail_usage(err, "%zu descriptors in one message; the most is %d", cmsgs[i].len / sizeof(int),
                                 FDS_MOST);
        if (cmsgs[i].len > CONTROL_MOST || size > CONTROL_MOST)
            return sk_fail_usage(err, "ancillary data of more than %zu bytes", CONTROL_MOST);
        size += CMSG_SPACE(cmsgs[i].len);
    }
    if (size == 0)
        return 0;
    msg->msg_control = sk_alloc(size);
    msg->msg_controllen = size;
    struct cmsghdr *c = CMSG_FIRSTHDR(msg);
    for (size_t i = 0; i < n; i++, c = CMSG_NXTHDR(msg, c)) {
        c->cmsg_level = cmsgs[i].level;
        c->cmsg_type = cmsgs[i].type;
        c->cmsg_len = CMSG_LEN(cmsgs[i].len);
        if (cmsgs[i].len)
            memcpy(CMSG_DATA(c), cmsgs[i].data, cmsgs[i].len);
    }
    return 0;
}

static int message_failed(struct sk_sock *s, int errnum, const char *op, const struct sk_addr *to, size_t n,
                          struct sk_err *err) {
    char text[SK_ADDR_TEXT];
    if (errnum == EMSGSIZE)
        return sk_fail(err, SK_SYS, errnum, op, "%s: %zu bytes are too long for one datagram", op, n);
    if (to)
        return sk_fail_sys(err, errnum, op, "send to %s", sk_addr_format(text, sizeof text, to));
    return sk_send_failed(s, errnum, op, err);
}

static ssize_t send_locked(struct sk_sock *s, const struct msghdr *msg, const struct sk_addr *to, int flags,
                           sk_time deadline, struct sk_err *err) {
    const char *op = msg->msg_control ? "sendmsg" : to ? "sendto" : "send";
    unsigned spins = 0;
    ssize_t r;
    if (sk_sock_check(s, op, err) < 0 || sk_step(0, op, deadline, true, err) < 0)
        return -1;
    while ((r = sk_try_sendmsg(s, msg, flags)) < 0) {
        if (errno != EAGAIN)
            return message_failed(s, errno, op, to, msg->msg_iov->iov_len, err);
        if (sk_again(s, POLLOUT, &spins, op, deadline, err) < 0)
            return -1;
    }
    sk_note_sent(s, msg->msg_iov->iov_base, (size_t)r, to);
    return r;
}

ssize_t sk_sendmsg(struct sk_sock *s, const void *buf, size_t n, const struct sk_addr *to, const struct sk_cmsg *cmsgs,
                   size_t ncmsgs, int flags, sk_time deadline, struct sk_err *err) {
    if (sk_sock_check(s, "sendmsg", err) < 0)
        return -1;
    if (!sk_is_plain(s))
        return to || ncmsgs ? not_plain(s, err) : sk_send(s, buf, n, flags, deadline, err);
    struct iovec part = { (void *)(uintptr_t)buf, n };
    struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1 };
    if (flags & MSG_DONTWAIT)
        deadline = SK_NOWAIT;
    if (to) {
        msg.msg_name = (void *)(uintptr_t)&to->u;
        msg.msg_namelen = to->len;
    }
    if (build_control(cmsgs, ncmsgs, &msg, err) < 0)
        return -1;
    ssize_t r = sk_lock_take(&s->wlock, "sendmsg", deadline, err);
    if (r == 0) {
        r = send_locked(s, &msg, to, flags, deadline, err);
        sk_lock_give(&s->wlock);
    }
    free(msg.msg_control);
    return r;
}

/* ---- Receiving ---- */

void sk_message_done(struct sk_message *m) {
    sk_buf_done(&m->data);
    sk_drop(m->items);
    for (size_t i = 0; i < m->nfds; i++)
        sk_fd_close(m->fds[i], NULL);
    free(m->fds);
    *m = (struct sk_message){ 0 };
}

/* The record of descriptors that came with buffered bytes, as the kernel would have told them. */
static struct sk_value rights_item(const int *fds, size_t n) {
    struct msghdr msg = { .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
    msg.msg_control = sk_alloc(msg.msg_controllen);
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    *c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(n * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
    memcpy(CMSG_DATA(c), fds, n * sizeof(int));
    struct sk_value list = sk_cmsg_decode(&msg);
    free(msg.msg_control);
    return list;
}

/* From the buffer: one datagram, or stream bytes up to the end of those that the first descriptors came with. */
static int take_buffered(struct sk_sock *s, size_t n, int flags, struct sk_message *out, struct sk_err *err) {
    uint64_t front = sk_front(s);
    size_t whole = sk_is_message(s) ? sk_mark_message(s) : s->in.len, got = n < whole ? n : whole;
    const struct sk_addr *peer = sk_mark_peer(s);
    struct sk_fdmark *m = flags & MSG_PEEK ? NULL : sk_mark_fds(s, front + got);
    if (m && !sk_is_message(s) && m->last - front < got)
        got = (size_t)(m->last - front) + 1;
    if (sk_buf_add(&out->data, sk_buf_data(&s->in), got, err) < 0)
        return -1;
    out->real_len = sk_is_message(s) ? whole : got;
    out->flags = out->real_len > got ? MSG_TRUNC : 0;
    if (peer)
        out->peer = *peer;
    if (m) {
        sk_drop(out->items);
        out->items = rights_item(m->fds, m->count);
        out->fds = m->fds;
        out->nfds = m->count;
        m->fds = NULL;
        m->count = 0;
    }
    if (!(flags & MSG_PEEK))
        sk_consume(s, out->real_len);
    return 1;
}

static int through_layer(struct sk_sock *s, size_t n, int flags, struct sk_message *out, sk_time deadline,
                         struct sk_err *err) {
    void *room = sk_buf_room(&out->data, n ? n : 1, err);
    ssize_t r = room ? sk_recv(s, room, n, flags, deadline, err) : -1;
    if (r < 0)
        return -1;
    sk_buf_commit(&out->data, (size_t)r);
    out->real_len = (size_t)r;
    return r > 0 || n == 0;
}

/* What a received message says besides its bytes. */
static void describe(struct sk_sock *s, struct sk_message *out, struct msghdr *msg, size_t n, size_t got) {
    out->real_len = sk_is_message(s) ? got : (got < n ? got : n);
    out->flags = msg->msg_flags & ~MSG_CMSG_CLOEXEC;
    out->peer.len = msg->msg_namelen <= sizeof out->peer.u ? msg->msg_namelen : sizeof out->peer.u;
    sk_drop(out->items);
    out->items = sk_cmsg_decode(msg);
    sk_cmsg_fds(msg, &out->fds, &out->nfds);
}

/* recvfrom(2) is what is asked for when there is no room for control data. */
static const char *op_of(const struct msghdr *msg) { return msg->msg_control ? "recvmsg" : "recvfrom"; }

static int from_kernel(struct sk_sock *s, struct msghdr *msg, int flags, struct sk_message *out, sk_time deadline,
                       struct sk_err *err) {
    const char *op = op_of(msg);
    bool aside = flags & (MSG_OOB | MSG_ERRQUEUE);
    short events = flags & MSG_ERRQUEUE ? 0 : flags & MSG_OOB ? POLLPRI : POLLIN;
    size_t n = msg->msg_iov->iov_len;
    unsigned spins = 0;
    ssize_t r;
    if (s->error && !aside) {
        int errnum = s->error;
        s->error = 0;
        return sk_receive_failed(s, errnum, op, err);
    }
    flags = sk_is_message(s) && !aside ? flags | MSG_TRUNC : flags & ~MSG_TRUNC;
    while ((r = sk_try_recvmsg(s, msg, flags)) < 0) {
        if (errno != EAGAIN)
            return aside ? sk_fail_sys(err, errno, op, NULL) : sk_receive_failed(s, errno, op, err);
        if (sk_again(s, events, &spins, op, deadline, err) < 0)
            return -1;
    }
    size_t got = (size_t)r < n ? (size_t)r : n;
    sk_buf_commit(&out->data, got);
    describe(s, out, msg, n, (size_t)r);
    if (!aside && !(flags & MSG_PEEK) && (n > 0 || sk_is_message(s)))
        sk_note_received(s, sk_buf_data(&out->data), got, out->peer.len ? &out->peer : NULL);
    return r > 0 || n == 0 || aside || !sk_can_end(s);
}

static int receive_locked(struct sk_sock *s, size_t n, size_t ancsize, int flags, struct sk_message *out,
                          sk_time deadline, struct sk_err *err) {
    bool aside = flags & (MSG_OOB | MSG_ERRQUEUE);
    const char *op = ancsize ? "recvmsg" : "recvfrom";
    if (sk_sock_check(s, op, err) < 0 || sk_step(0, op, deadline, true, err) < 0)
        return -1;
    if ((flags & MSG_WAITALL) && !sk_is_message(s) && !aside && sk_fill_to(s, n, op, deadline, err) < 0)
        return -1;
    if (s->in.len && !aside)
        return take_buffered(s, n, flags, out, err);
    void *room = sk_buf_room(&out->data, n ? n : 1, err);
    if (!room)
        return -1;
    struct iovec part = { room, n };
    struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1, .msg_controllen = ancsize };
    if (ancsize)
        msg.msg_control = sk_alloc(ancsize);
    if (sk_is_message(s) || aside) {
        msg.msg_name = &out->peer.u;
        msg.msg_namelen = sizeof out->peer.u;
    }
    int r = from_kernel(s, &msg, flags, out, deadline, err);
    free(msg.msg_control);
    return r;
}

int sk_recvmsg(struct sk_sock *s, size_t n, size_t ancsize, int flags, struct sk_message *out, sk_time deadline,
               struct sk_err *err) {
    const char *op = ancsize == SK_NO_ANCILLARY ? "recvfrom" : "recvmsg";
    *out = (struct sk_message){ .items = sk_list() };
    ancsize = ancsize == SK_NO_ANCILLARY ? 0 : ancsize ? ancsize : CONTROL_DEFAULT;
    if (flags & MSG_DONTWAIT)
        deadline = SK_NOWAIT;
    int r = sk_sock_check(s, op, err);
    if (r == 0 && ancsize > CONTROL_MOST)
        r = sk_fail_usage(err, "room for ancillary data: %zu bytes; the most is %zu", ancsize, CONTROL_MOST);
    if (r == 0 && !sk_is_plain(s)) {
        r = through_layer(s, n, flags, out, deadline, err);
    } else if (r == 0 && (flags & (MSG_OOB | MSG_ERRQUEUE))) {
        r = receive_locked(s, n, ancsize, flags, out, deadline, err);
    } else if (r == 0 && (r = sk_lock_take(&s->rlock, op, deadline, err)) == 0) {
        r = receive_locked(s, n, ancsize, flags, out, deadline, err);
        sk_lock_give(&s->rlock);
    }
    if (r < 0)
        sk_message_done(out);
    return r;
}
