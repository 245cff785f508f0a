#include "net/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/chaos.h"
#include "run/wait.h"

/* A call that keeps saying EAGAIN although poll says ready (a full peer of an unconnected AF_UNIX datagram socket, an
 * injected fault) must not spin: after this many tries in a row it pauses. */
#define SPIN_TRIES 16
#define SPIN_PAUSE SK_MS

struct turn {
    int fd;
    short events;
    const char *op;
    sk_time deadline;
    unsigned tries;
};

/* After a try in vain: 0, or -1 with *err. */
static int slow_down(struct turn *turn, struct sk_err *err) {
    if (++turn->tries <= SPIN_TRIES)
        return 0;
    if (turn->deadline == SK_NOWAIT)
        return sk_fail_sys(err, EAGAIN, turn->op, NULL);
    if (sk_left(turn->deadline) == 0) /* sk_wait lets readiness outrank it */
        return sk_fail_timeout(err, turn->op);
    sk_time pause = sk_after(SPIN_PAUSE);
    return sk_sleep_until(pause < turn->deadline ? pause : turn->deadline, turn->op, err);
}

/* After a call failed with errno: 0 to try again, or -1 with *err. */
static int again(struct turn *turn, struct sk_err *err) {
    int e = errno;
    if (e == EINTR)
        return 0;
    if (e != EAGAIN || turn->deadline == SK_NOWAIT)
        return sk_fail_sys(err, e, turn->op, NULL);
    return sk_wait(turn->fd, turn->events, turn->op, turn->deadline, err) < 0 ? -1 : slow_down(turn, err);
}

/* In builds with bad luck, stream transfers are cut short; a datagram that is cut would be lost. */
static size_t maybe_less(int fd, size_t n) {
#ifdef SK_CHAOS
    int type = 0;
    socklen_t size = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type != SOCK_STREAM)
        return n;
#endif
    (void)fd;
    return sk_chaos_short(n);
}

static const char *family_name(int family) {
    switch (family) {
    case AF_INET:
        return "IPv4";
    case AF_INET6:
        return "IPv6";
    case AF_UNIX:
        return "UNIX sockets";
    case AF_VSOCK:
        return "vsock";
    default:
        return NULL;
    }
}

static int fail_socket(int e, const char *op, int family, struct sk_err *err) {
    const char *name = family_name(family);
    if (e == EAFNOSUPPORT && name)
        return sk_fail_sys(err, e, op, "no %s on this system", name);
    return sk_fail_sys(err, e, op, NULL);
}

int sk_sys_socket(int family, int type, int proto, struct sk_err *err) {
    for (;;) {
        int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, proto);
        if (fd >= 0)
            return fd;
        if (errno != EINTR)
            return fail_socket(errno, "socket", family, err);
    }
}

int sk_sys_pair(int family, int type, int proto, int fds[2], struct sk_err *err) {
    while (socketpair(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, proto, fds) < 0)
        if (errno != EINTR)
            return fail_socket(errno, "socketpair", family, err);
    return 0;
}

static int fail_addr(int e, const char *op, const struct sk_addr *addr, struct sk_err *err) {
    char text[SK_ADDR_TEXT];
    return sk_fail_sys(err, e, op, "%s %.200s", op, sk_addr_format(text, sizeof text, addr));
}

int sk_sys_bind(int fd, const struct sk_addr *addr, struct sk_err *err) {
    while (bind(fd, &addr->u.sa, addr->len) < 0)
        if (errno != EINTR)
            return fail_addr(errno, "bind", addr, err);
    return 0;
}

int sk_sys_listen(int fd, int backlog, struct sk_err *err) {
    while (listen(fd, backlog) < 0)
        if (errno != EINTR)
            return sk_fail_sys(err, errno, "listen", NULL);
    return 0;
}

static int fail_connect(int e, const struct sk_addr *addr, struct sk_err *err) {
    char text[SK_ADDR_TEXT];
    return sk_fail_sys(err, e, "connect", "connect to %.200s", sk_addr_format(text, sizeof text, addr));
}

/* Where no descriptor tells when to try again: a pause that grows, within the deadline. */
static int rest(sk_time *pause, sk_time deadline, struct sk_err *err) {
    if (sk_left(deadline) == 0)
        return sk_fail_timeout(err, "connect");
    sk_time until = sk_after(*pause);
    *pause = *pause < 100 * SK_MS ? *pause * 2 : *pause;
    return sk_sleep_until(until < deadline ? until : deadline, "connect", err);
}

int sk_sys_connect(int fd, const struct sk_addr *addr, sk_time deadline, struct sk_err *err) {
    sk_time pause = SK_MS;
    bool was_begun = false, was_ready = false;
    while (connect(fd, &addr->u.sa, addr->len) < 0) {
        int e = errno;
        if (e == EISCONN && was_begun)
            break;
        if (e == EINTR) {
            was_begun = true;
        } else if ((e == EINPROGRESS || e == EALREADY) && deadline != SK_NOWAIT) {
            was_begun = true;
            /* vsock(7) sockets poll as writable while they still connect */
            if ((was_ready ? rest(&pause, deadline, err) : sk_wait(fd, POLLOUT, "connect", deadline, err)) < 0)
                return -1;
            was_ready = !was_ready;
        } else if (e == EAGAIN && addr->u.sa.sa_family == AF_UNIX && deadline != SK_NOWAIT) {
            if (rest(&pause, deadline, err) < 0) /* the backlog is full */
                return -1;
        } else {
            return fail_connect(e, addr, err);
        }
    }
    return 0;
}

int sk_sys_connect_now(int fd, const struct sk_addr *addr) {
    bool was_begun = false;
    for (;;) {
        int e = connect(fd, &addr->u.sa, addr->len) == 0 ? 0 : errno;
        bool is_new = e == EINPROGRESS || e == EINTR;
        if (!is_new || was_begun)
            return e == EISCONN && was_begun ? 0 : e == EINPROGRESS || e == EINTR ? EALREADY : e;
        was_begun = true;
    }
}

/* accept(2), "Error handling": these belong to the connection that was about to be returned, and the next may be well.
 * EOPNOTSUPP, listed there too, is what a socket that cannot listen says. */
static bool is_dead_connection(int e) {
    switch (e) {
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EPERM: /* a firewall's word */
        return true;
    default:
        return false;
    }
}

int sk_sys_accept(int fd, struct sk_addr *peer, sk_time deadline, struct sk_err *err) {
    struct turn turn = { fd, POLLIN, "accept", deadline, 0 };
    struct sk_addr ignored;
    struct sk_addr *to = peer ? peer : &ignored;
    for (;;) {
        to->len = sizeof to->u;
        int got = accept4(fd, &to->u.sa, &to->len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (got >= 0) {
            if (to->len > sizeof to->u)
                to->len = sizeof to->u;
            return got;
        }
        if ((is_dead_connection(errno) ? slow_down(&turn, err) : again(&turn, err)) < 0)
            return -1;
    }
}

/* What protects a call on a lent descriptor from blocking. */
enum guard { GUARD_NONE, GUARD_SOCKET, GUARD_FLAG, GUARD_POLL };

static enum guard guard_of(int fd) {
    struct stat st;
    if (fstat(fd, &st) < 0)
        return GUARD_NONE; /* the call itself will say why */
    if (S_ISSOCK(st.st_mode))
        return GUARD_SOCKET;
    if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) || S_ISDIR(st.st_mode))
        return GUARD_NONE;
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && flags & O_NONBLOCK ? GUARD_FLAG : GUARD_POLL;
}

ssize_t sk_sys_read(int fd, void *buf, size_t n, sk_time deadline, struct sk_err *err) {
    struct turn turn = { fd, POLLIN, "read", deadline, 0 };
    enum guard guard = guard_of(fd);
    for (;;) {
        if (guard == GUARD_POLL && sk_wait(fd, POLLIN, "read", deadline, err) < 0)
            return -1;
        ssize_t got = guard == GUARD_SOCKET ? recv(fd, buf, n, MSG_DONTWAIT) : read(fd, buf, n);
        if (got >= 0)
            return got;
        if (again(&turn, err) < 0)
            return -1;
    }
}

ssize_t sk_sys_write(int fd, const void *buf, size_t n, sk_time deadline, struct sk_err *err) {
    struct turn turn = { fd, POLLOUT, "write", deadline, 0 };
    enum guard guard = guard_of(fd);
    if (guard == GUARD_POLL && n > PIPE_BUF)
        n = PIPE_BUF;
    n = maybe_less(fd, n);
    for (;;) {
        if (guard == GUARD_POLL && sk_wait(fd, POLLOUT, "write", deadline, err) < 0)
            return -1;
        ssize_t sent = guard == GUARD_SOCKET ? send(fd, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL) : write(fd, buf, n);
        if (sent >= 0)
            return sent;
        if (again(&turn, err) < 0)
            return -1;
    }
}

ssize_t sk_sys_sendfile(int fd, int file, off_t *offset, size_t n, sk_time deadline, struct sk_err *err) {
    struct turn turn = { fd, POLLOUT, "sendfile", deadline, 0 };
    for (;;) {
        ssize_t sent = sendfile(fd, file, offset, maybe_less(fd, n));
        if (sent >= 0)
            return sent;
        if (again(&turn, err) < 0)
            return -1;
    }
}

int sk_sys_shutdown(int fd, int how, struct sk_err *err) {
    while (shutdown(fd, how) < 0)
        if (errno != EINTR)
            return sk_fail_sys(err, errno, "shutdown", NULL);
    return 0;
}

static int ask_name(int fd, struct sk_addr *addr, const char *op, int (*call)(int, struct sockaddr *, socklen_t *),
                    struct sk_err *err) {
    addr->len = sizeof addr->u;
    while (call(fd, &addr->u.sa, &addr->len) < 0)
        if (errno != EINTR)
            return sk_fail_sys(err, errno, op, NULL);
    if (addr->len > sizeof addr->u)
        addr->len = sizeof addr->u;
    return 0;
}

static int call_getsockname(int fd, struct sockaddr *sa, socklen_t *n) { return getsockname(fd, sa, n); }
static int call_getpeername(int fd, struct sockaddr *sa, socklen_t *n) { return getpeername(fd, sa, n); }

int sk_sys_getsockname(int fd, struct sk_addr *addr, struct sk_err *err) {
    return ask_name(fd, addr, "getsockname", call_getsockname, err);
}

int sk_sys_getpeername(int fd, struct sk_addr *addr, struct sk_err *err) {
    return ask_name(fd, addr, "getpeername", call_getpeername, err);
}
