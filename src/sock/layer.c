#include "sock/layer.h"

#include <errno.h>

#include "run/chaos.h"

/* What every call on this socket carries. */
static int add_flags(const struct sk_sock *s, int flags) { return s->lent ? flags | MSG_DONTWAIT : flags; }

/* Messages are never cut by chance: that would not be bad luck but loss. */
static size_t cut(const struct sk_sock *s, size_t n) { return sk_is_message(s) ? n : sk_chaos_short(n); }

static ssize_t plain_fill(struct sk_sock *s, void *buf, size_t n, int flags) {
    n = flags & MSG_PEEK ? n : cut(s, n);
    ssize_t r;
    do
        r = recv(s->fd, buf, n, add_flags(s, flags));
    while (r < 0 && errno == EINTR);
    return r;
}

static ssize_t plain_send(struct sk_sock *s, const void *buf, size_t n, int flags) {
    n = flags & MSG_OOB ? n : cut(s, n); /* the urgent byte is the last one */
    ssize_t r;
    do
        r = send(s->fd, buf, n, add_flags(s, flags | MSG_NOSIGNAL));
    while (r < 0 && errno == EINTR);
    return r;
}

const struct sk_layer sk_layer_plain = { .name = "plain", .try_fill = plain_fill, .try_send = plain_send };

/* One system call: recvfrom(2) where nothing but bytes and a sender can come, so that traces show what was asked. */
static ssize_t call_recvmsg(struct sk_sock *s, struct msghdr *msg, int flags) {
    if (msg->msg_controllen > 0)
        return recvmsg(s->fd, msg, flags | MSG_CMSG_CLOEXEC);
    size_t n = msg->msg_iov->iov_len;
    ssize_t r =
        recvfrom(s->fd, msg->msg_iov->iov_base, n, flags, msg->msg_name, msg->msg_name ? &msg->msg_namelen : NULL);
    msg->msg_flags = r > 0 && (size_t)r > n ? MSG_TRUNC : 0;
    return r;
}

ssize_t sk_try_recvmsg(struct sk_sock *s, struct msghdr *msg, int flags) {
    struct iovec *part = msg->msg_iov;
    size_t all = part->iov_len, control = msg->msg_controllen;
    socklen_t name = msg->msg_namelen;
    ssize_t r;
    if (!(flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB)))
        part->iov_len = cut(s, all);
    do
        r = call_recvmsg(s, msg, add_flags(s, flags));
    while (r < 0 && errno == EINTR);
    part->iov_len = all;
    if (r < 0) { /* as before, for the next try */
        msg->msg_namelen = name;
        msg->msg_controllen = control;
    }
    return r;
}

ssize_t sk_try_sendmsg(struct sk_sock *s, const struct msghdr *msg, int flags) {
    const struct iovec *part = msg->msg_iov;
    ssize_t r;
    flags = add_flags(s, flags | MSG_NOSIGNAL);
    do
        r = msg->msg_controllen ? sendmsg(s->fd, msg, flags)
                                : sendto(s->fd, part->iov_base, part->iov_len, flags, msg->msg_name, msg->msg_namelen);
    while (r < 0 && errno == EINTR);
    return r;
}
