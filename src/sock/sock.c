/* The life of a socket object. */
#include "sock/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/sys.h"
#include "run/fd.h"
#include "sock/layer.h"
#include "sock/tap.h"

static const int KIND_BITS = SOCK_NONBLOCK | SOCK_CLOEXEC;

/* The protocol that the kernel chooses for 0. */
static int chosen(int family, int type, int proto) {
    if (proto != 0 || (family != AF_INET && family != AF_INET6))
        return proto;
    return type == SOCK_STREAM ? IPPROTO_TCP : type == SOCK_DGRAM ? IPPROTO_UDP : proto;
}

static struct sk_sock *make(int family, int type, int proto, enum sk_state state) {
    struct sk_sock *s = sk_alloc(sizeof *s);
    *s = (struct sk_sock){ .fd = -1,
                           .family = family,
                           .type = type & ~KIND_BITS,
                           .proto = chosen(family, type & ~KIND_BITS, proto),
                           .state = state,
                           .timeout = SK_TIMEOUT_UNSET,
                           .layer = &sk_layer_plain };
    if (type & SOCK_NONBLOCK) {
        s->timeout = 0;
        s->was_timeout_set = true;
    }
    if (sk_tape)
        sk_tap_join(s);
    return s;
}

int sk_sock_open(struct sk_sock **out, int family, int type, int proto, struct sk_err *err) {
    struct sk_sock *s = *out = make(family, type, proto, SK_NEW);
    s->fd = sk_sys_socket(family, type & ~KIND_BITS, proto, err);
    if (s->fd >= 0)
        return 0;
    sk_sock_free(s);
    *out = NULL;
    return -1;
}

int sk_sock_pair(struct sk_sock *out[2], int family, int type, int proto, struct sk_err *err) {
    int fds[2];
    out[0] = out[1] = NULL;
    if (sk_sys_pair(family, type & ~KIND_BITS, proto, fds, err) < 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        out[i] = make(family, type, proto, SK_CONNECTED);
        out[i]->fd = fds[i];
    }
    return 0;
}

static int int_option(int fd, int option) {
    int value = 0;
    socklen_t len = sizeof value;
    while (getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0)
        if (errno != EINTR)
            return -1;
    return value;
}

static bool is_named(const struct sk_addr *addr) {
    switch (addr->u.sa.sa_family) {
    case AF_INET:
        return addr->u.in.sin_port != 0;
    case AF_INET6:
        return addr->u.in6.sin6_port != 0;
    case AF_UNIX:
        return addr->len > sizeof(sa_family_t);
    default:
        return false;
    }
}

static enum sk_state state_of(struct sk_sock *s) {
    struct sk_addr local;
    if (int_option(s->fd, SO_ACCEPTCONN) > 0)
        return SK_LISTENING;
    if (sk_sys_getpeername(s->fd, &s->peer, NULL) >= 0)
        return SK_CONNECTED;
    s->peer.len = 0;
    return sk_sys_getsockname(s->fd, &local, NULL) >= 0 && is_named(&local) ? SK_BOUND : SK_NEW;
}

int sk_sock_adopt(struct sk_sock **out, int fd, struct sk_err *err) {
    *out = NULL;
    int family = int_option(fd, SO_DOMAIN);
    if (family < 0)
        return sk_fail_sys(err, errno, "getsockopt", "descriptor %d", fd);
    if (fd > 2) {
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
            return sk_fail_sys(err, errno, "fcntl", "descriptor %d", fd);
    }
    struct sk_sock *s = *out = make(family, int_option(fd, SO_TYPE), int_option(fd, SO_PROTOCOL), SK_NEW);
    s->fd = fd;
    s->lent = fd <= 2;
    s->state = state_of(s);
    if (s->track) /* now that there are addresses */
        sk_tap_rejoin(s);
    return 0;
}

int sk_sock_dup(struct sk_sock **out, struct sk_sock *s, struct sk_err *err) {
    *out = NULL;
    if (sk_sock_check(s, "dup", err) < 0)
        return -1;
    if (!sk_is_plain(s))
        return sk_fail_usage(err, "a copy of the socket would not share its %s: use the one there is", s->layer->name);
    struct sk_sock *copy = *out = make(s->family, s->type, s->proto, s->state);
    copy->fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 3);
    if (copy->fd < 0) {
        int why = errno;
        sk_sock_free(copy);
        *out = NULL;
        return sk_fail_sys(err, why, "dup", NULL);
    }
    copy->lent = s->lent;
    copy->was_timeout_set = s->was_timeout_set;
    copy->timeout = s->timeout;
    copy->peer = s->peer;
    if (copy->track)
        sk_tap_rejoin(copy);
    return 0;
}

/* Remove the path that bind made, unless something else took its place. */
static void remove_path(struct sk_sock *s) {
    char path[sizeof s->unlink.u.un.sun_path + 1] = "";
    if (s->unlink.len <= offsetof(struct sockaddr_un, sun_path))
        return;
    memcpy(path, s->unlink.u.un.sun_path, s->unlink.len - offsetof(struct sockaddr_un, sun_path));
    s->unlink.len = 0;
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_dev == s->unlink_dev && st.st_ino == s->unlink_ino)
        unlink(path);
}

int sk_sock_close(struct sk_sock *s, struct sk_err *err) {
    if (s->state == SK_CLOSED)
        return 0;
    if (s->fd >= 0)
        sk_tap(s, SK_TAP_CLOSE, 0, NULL);
    s->state = SK_CLOSED;
    if (s->layer->close)
        s->layer->close(s);
    int fd = s->fd;
    s->fd = -1;
    s->error = 0;
    remove_path(s);
    sk_marks_done(s);
    sk_buf_done(&s->in);
    free(s->via);
    s->via = NULL;
    struct sk_err why;
    int r = sk_fd_close(fd, &why);
    if (r < 0 && why.code == EINTR) /* the number is gone, and nothing that was written waits in it */
        r = 0;
    else if (r < 0 && err)
        *err = why;
    if (fd >= 0 && fd <= 2)
        sk_fd_sanitize(); /* or the next socket would get this number */
    return r;
}

void sk_sock_free(struct sk_sock *s) {
    if (!s)
        return;
    sk_sock_close(s, NULL);
    sk_buf_done(&s->in); /* bytes given back after the close */
    if (s->track)
        sk_tap_leave(s);
    free(s);
}

int sk_sock_check(const struct sk_sock *s, const char *op, struct sk_err *err) {
    return s->state == SK_CLOSED ? sk_fail_sys(err, EBADF, op, "%s on a closed socket", op) : 0;
}

int sk_sock_local(struct sk_sock *s, struct sk_addr *addr, struct sk_err *err) {
    return sk_sock_check(s, "getsockname", err) < 0 ? -1 : sk_sys_getsockname(s->fd, addr, err);
}

int sk_sock_remote(struct sk_sock *s, struct sk_addr *addr, struct sk_err *err) {
    return sk_sock_check(s, "getpeername", err) < 0 ? -1 : sk_sys_getpeername(s->fd, addr, err);
}

const char *sk_state_name(const struct sk_sock *s) {
    static const char *const names[] = {
        [SK_NEW] = "new",          [SK_BOUND] = "bound", [SK_CONNECTING] = "connecting", [SK_CONNECTED] = "open",
        [SK_LISTENING] = "listen", [SK_ENDED] = "eof",   [SK_CLOSED] = "closed",
    };
    return names[s->state];
}

sk_time sk_sock_deadline(const struct sk_sock *s, sk_time length, sk_time fallback) {
    if (length != SK_TIMEOUT_UNSET)
        return sk_after(length);
    if (s->timeout != SK_TIMEOUT_UNSET)
        return s->timeout == 0 ? SK_NOWAIT : sk_after(s->timeout);
    return sk_after(fallback == SK_TIMEOUT_UNSET ? SK_NEVER : fallback);
}
