/* Binding and listening on an endpoint. */
#include <errno.h>

#include "sock/dial.h"
#include "sock/layer.h"

static int set_flag(struct sk_sock *s, int level, int option, int value, const char *name, struct sk_err *err) {
    while (setsockopt(s->fd, level, option, &value, sizeof value) < 0)
        if (errno != EINTR)
            return sk_fail_sys(err, errno, "setsockopt", "%s", name);
    return 0;
}

struct serve {
    struct sk_sock *given; /* or NULL */
    int type, backlog;
    bool listening, any;
};

/* What create_server sets on a socket of its own. */
static int prepare(const struct serve *v, struct sk_sock *s, struct sk_err *err) {
    bool is_ip = s->family == AF_INET || s->family == AF_INET6;
    if (is_ip && s->type == SOCK_STREAM && v->listening &&
        set_flag(s, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR", err) < 0)
        return -1;
    if (s->family == AF_INET6 && v->any)
        return set_flag(s, IPPROTO_IPV6, IPV6_V6ONLY, 0, "IPV6_V6ONLY", err);
    return 0;
}

static int serve_on(const struct serve *v, struct sk_sock **out, const struct sk_addr *addr, struct sk_err *err) {
    struct sk_sock *s = v->given;
    if (!s && (sk_sock_open(&s, addr->u.sa.sa_family, v->type, 0, err) < 0 || prepare(v, s, err) < 0))
        goto failed;
    if (sk_sock_bind(s, addr, err) < 0)
        goto failed;
    if (v->listening && (s->type == SOCK_STREAM || s->type == SOCK_SEQPACKET) && sk_sock_listen(s, v->backlog, err) < 0)
        goto failed;
    *out = s;
    return 0;
failed:
    if (!v->given)
        sk_sock_free(s);
    return -1;
}

static bool no_such_family(const struct sk_err *why) {
    return why->kind == SK_SYS && (why->code == EAFNOSUPPORT || why->code == EADDRNOTAVAIL || why->code == ENOPROTOOPT);
}

/* "*:port": both families through one socket, or IPv4 where the system has no IPv6. */
static int serve_any(const struct serve *v, struct sk_sock **out, int family, uint16_t port, struct sk_err *err) {
    struct sk_addr addr;
    struct sk_err why;
    if (family != AF_INET) {
        sk_addr_any(&addr, AF_INET6, port);
        if (serve_on(v, out, &addr, &why) == 0)
            return 0;
        if (family == AF_INET6 || !no_such_family(&why)) {
            if (err)
                *err = why;
            return -1;
        }
    }
    sk_addr_any(&addr, AF_INET, port);
    return serve_on(v, out, &addr, err);
}

/* The first address that can be had; when none can, the first failure that is not the lack of a family. */
static int serve_first(const struct serve *v, struct sk_sock **out, const struct sk_addrs *addrs, struct sk_err *err) {
    struct sk_err first = { 0 };
    for (size_t i = 0; i < addrs->count; i++) {
        struct sk_err why;
        if (serve_on(v, out, &addrs->list[i], &why) == 0)
            return 0;
        if (i == 0 || no_such_family(&first))
            first = why;
        if (!no_such_family(&why))
            break;
    }
    if (err)
        *err = first;
    return -1;
}

static int serve_fd(struct sk_sock **out, int fd, bool listening, int backlog, struct sk_err *err) {
    if (sk_sock_adopt(out, fd, err) < 0)
        return -1;
    if (!listening || (*out)->state == SK_LISTENING || (*out)->type == SOCK_DGRAM)
        return 0;
    if (sk_sock_listen(*out, backlog, err) == 0)
        return 0;
    (*out)->fd = -1; /* stays whose it was */
    (*out)->state = SK_CLOSED;
    sk_sock_free(*out);
    *out = NULL;
    return -1;
}

int sk_serve(struct sk_sock **out, struct sk_sock *s, const struct sk_endpoint *ep, int family, int type, int backlog,
             bool listening, sk_time deadline, struct sk_err *err) {
    struct serve v = { .given = s,
                       .type = type       ? type
                               : ep->type ? ep->type
                                          : SOCK_STREAM,
                       .backlog = backlog,
                       .listening = listening,
                       .any = ep->kind == SK_EP_ANY };
    *out = NULL;
    if (s && sk_sock_check(s, "bind", err) < 0)
        return -1;
    if (s && ep->kind != SK_EP_ADDR) /* an address that was written out is for the system to judge */
        family = s->family;
    if (ep->kind == SK_EP_FD && s)
        return sk_fail_usage(err, "fd:%d is a socket of its own; write it without a socket before it", ep->fd);
    if (ep->kind == SK_EP_FD)
        return serve_fd(out, ep->fd, listening, backlog, err);
    if (ep->kind == SK_EP_ANY)
        return serve_any(&v, out, family, ep->port, err);
    struct sk_addrs addrs;
    if (sk_endpoint_addrs(ep, family, NULL, deadline, &addrs, err) < 0)
        return -1;
    if (ep->kind == SK_EP_LOOPBACK && addrs.count > 1)
        addrs.count = 1; /* 127.0.0.1 alone */
    int r = serve_first(&v, out, &addrs, err);
    sk_addrs_done(&addrs);
    return r;
}
