/* Addresses and connections: bind, listen, connect, accept, shutdown. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "net/sys.h"
#include "run/wait.h"
#include "sock/layer.h"
#include "sock/tap.h"

/* Whether addr is a file name (not abstract, not autobind). */
static bool is_path(const struct sk_addr *addr) {
    return addr->u.sa.sa_family == AF_UNIX && addr->len > offsetof(struct sockaddr_un, sun_path) &&
           addr->u.un.sun_path[0];
}

/* Which file bind made, so that close removes that one and no other. */
static void remember_path(struct sk_sock *s, const struct sk_addr *addr) {
    char path[sizeof addr->u.un.sun_path + 1] = "";
    memcpy(path, addr->u.un.sun_path, addr->len - offsetof(struct sockaddr_un, sun_path));
    struct stat st;
    if (lstat(path, &st) < 0)
        return;
    s->unlink = *addr;
    s->unlink_dev = st.st_dev;
    s->unlink_ino = st.st_ino;
}

static int bind_failed(const struct sk_addr *addr, int errnum, struct sk_err *err) {
    char text[SK_ADDR_TEXT];
    sk_addr_format(text, sizeof text, addr);
    uint16_t port = sk_addr_port(addr);
    if (errnum == EADDRINUSE && is_path(addr))
        return sk_fail(err, SK_SYS, errnum, "bind",
                       "bind to %s: a file of this name exists; remove it if nobody listens there", text);
    if (errnum == EACCES && port > 0 && port < 1024)
        return sk_fail(
            err, SK_SYS, errnum, "bind",
            "bind to %s: permission denied; ports below sysctl net.ipv4.ip_unprivileged_port_start (1024) need root or "
            "CAP_NET_BIND_SERVICE",
            text);
    return sk_fail_sys(err, errnum, "bind", "bind to %s", text);
}

int sk_sock_bind(struct sk_sock *s, const struct sk_addr *addr, struct sk_err *err) {
    struct sk_err why;
    if (sk_sock_check(s, "bind", err) < 0)
        return -1;
    if (sk_sys_bind(s->fd, addr, &why) < 0)
        return bind_failed(addr, why.code, err);
    s->bound = true;
    if (s->state == SK_NEW)
        s->state = SK_BOUND;
    if (is_path(addr))
        remember_path(s, addr);
    return 0;
}

int sk_sock_listen(struct sk_sock *s, int backlog, struct sk_err *err) {
    if (sk_sock_check(s, "listen", err) < 0 || sk_sys_listen(s->fd, backlog < 0 ? 0 : backlog, err) < 0)
        return -1;
    s->state = SK_LISTENING;
    sk_tap(s, SK_TAP_LISTEN, 0, NULL);
    return 0;
}

/* A failed attempt leaves the socket as it was; one that was left alone goes on in the kernel. */
static void connect_failed(struct sk_sock *s, const struct sk_err *why, const struct sk_addr *addr) {
    bool goes_on = why->kind == SK_TIMEOUT || why->kind == SK_CANCELED ||
                   (why->kind == SK_SYS && (why->code == EINPROGRESS || why->code == EALREADY));
    if (s->state == SK_CLOSED)
        return;
    if (!goes_on)
        sk_tap(s, SK_TAP_FAILED, why->code, addr);
    if (goes_on && s->type == SOCK_STREAM && s->family != AF_UNIX)
        s->state = SK_CONNECTING;
    else if (!goes_on && s->state == SK_CONNECTING)
        s->state = s->bound ? SK_BOUND : SK_NEW;
}

int sk_sock_connect(struct sk_sock *s, const struct sk_addr *addr, sk_time deadline, struct sk_err *err) {
    struct sk_err why;
    if (sk_sock_check(s, "connect", err) < 0)
        return -1;
    if (s->state != SK_CONNECTING && addr->u.sa.sa_family != AF_UNSPEC)
        sk_tap(s, SK_TAP_CONNECT, 0, addr);
    if (sk_sys_connect(s->fd, addr, deadline, &why) < 0) {
        connect_failed(s, &why, addr);
        if (err)
            *err = why;
        return -1;
    }
    if (addr->u.sa.sa_family == AF_UNSPEC) { /* dissolves the association */
        s->state = s->bound ? SK_BOUND : SK_NEW;
        s->peer.len = 0;
        return 0;
    }
    s->state = SK_CONNECTED;
    s->peer = *addr;
    s->at_end = false;
    s->error = 0;
    sk_tap(s, SK_TAP_OPEN, 0, addr);
    return 0;
}

/* accept4 on a descriptor that is blocking for others (inetd's 0): look first, so that the deadline holds. */
static int wait_if_lent(struct sk_sock *s, sk_time deadline, struct sk_err *err) {
    return s->lent && sk_wait(s->fd, POLLIN, "accept", deadline, err) < 0 ? -1 : 0;
}

int sk_sock_accept(struct sk_sock *listener, struct sk_sock **out, sk_time deadline, struct sk_err *err) {
    *out = NULL;
    if (listener->layer->accept && listener->state == SK_LISTENING) {
        int r = listener->layer->accept(listener, out, deadline, err);
        if (r == 0)
            sk_tap_secure(*out);
        return r;
    }
    return sk_accept_plain(listener, out, deadline, err);
}

int sk_accept_plain(struct sk_sock *listener, struct sk_sock **out, sk_time deadline, struct sk_err *err) {
    *out = NULL;
    if (sk_sock_check(listener, "accept", err) < 0 || wait_if_lent(listener, deadline, err) < 0)
        return -1;
    struct sk_sock *s = sk_alloc(sizeof *s);
    s->fd = sk_sys_accept(listener->fd, &s->peer, deadline, err);
    s->family = listener->family;
    s->type = listener->type;
    s->proto = listener->proto;
    s->timeout = SK_TIMEOUT_UNSET;
    s->layer = &sk_layer_plain;
    s->state = SK_CONNECTED;
    s->is_accepted = true;
    if (s->fd >= 0) {
        *out = s;
        if (sk_tape) {
            sk_tap_join(s);
            sk_tap(s, SK_TAP_ACCEPT, 0, &s->peer);
        }
        return 0;
    }
    s->state = SK_CLOSED;
    sk_sock_free(s);
    return -1;
}

int sk_sock_shutdown(struct sk_sock *s, int how, struct sk_err *err) {
    struct sk_err why;
    if (sk_sock_check(s, "shutdown", err) < 0)
        return -1;
    int r = s->layer->shut ? s->layer->shut(s, how, &why) : sk_sys_shutdown(s->fd, how, &why);
    if (r == 0)
        sk_tap(s, SK_TAP_SHUT, how, NULL);
    if (r == 0 || (!s->layer->shut && why.code == ENOTCONN && s->state == SK_ENDED))
        return 0; /* nothing is left to end after a reset that was told */
    if (err)
        *err = why;
    return -1;
}

void sk_sock_part(struct sk_sock *s, sk_time deadline) {
    char waste[4096];
    size_t left = 256; /* of them */
    if (sk_can_end(s) && sk_sock_shutdown(s, SHUT_WR, NULL) == 0)
        while (left-- > 0 && sk_recv(s, waste, sizeof waste, 0, deadline, NULL) > 0)
            continue;
    sk_sock_free(s);
}
