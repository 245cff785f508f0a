/* Where a connection comes from: an address of this machine, one of its interfaces. */
#include <errno.h>
#include <string.h>

#include "net/iface.h"
#include "sock/race.h"

static int use_interface(struct sk_sock *s, const char *name, struct sk_err *err) {
    unsigned index;
    if (sk_if_index(name, &index, err) < 0)
        return -1;
    if (setsockopt(s->fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)) < 0)
        return sk_fail_sys(err, errno, "setsockopt",
                           errno == EPERM ? "interface %s (CAP_NET_RAW is needed)" : "interface %s", name);
    return 0;
}

static int use_source(struct sk_sock *s, const struct sk_endpoint *source, struct sk_err *err) {
    static const int on = 1;
    char host[SK_ADDR_TEXT];
    struct sk_err why;
    struct sk_addr addr = source->addr;
    if (source->kind == SK_EP_LOOPBACK)
        sk_addr_loopback(&addr, s->family, source->port);
    else if (source->kind == SK_EP_ANY)
        sk_addr_any(&addr, s->family, source->port);
    bool is_any = sk_addr_port(&addr) == 0;
    /* any port: one that is free for this peer is enough; a given one may still rest in TIME_WAIT */
    if (s->type == SOCK_STREAM)
        setsockopt(s->fd, is_any ? IPPROTO_IP : SOL_SOCKET, is_any ? IP_BIND_ADDRESS_NO_PORT : SO_REUSEADDR, &on,
                   sizeof on);
    if (sk_sock_bind(s, &addr, &why) == 0)
        return 0;
    if (why.code == EADDRNOTAVAIL)
        return sk_fail(err, SK_SYS, why.code, "bind",
                       "%s is no address of this machine to connect from; see ip address",
                       sk_addr_host(host, sizeof host, &addr));
    return sk_fail(err, SK_SYS, why.code, why.op, "source: %.400s", why.msg);
}

int sk_dial_prepare(struct sk_sock *s, const struct sk_dial_how *how, struct sk_err *err) {
    if (!how->source && !how->interface)
        return 0;
    if (s->family != AF_INET && s->family != AF_INET6)
        return sk_fail_usage(err, "a source address or an interface is chosen for IPv4 and IPv6 alone");
    if (how->interface && use_interface(s, how->interface, err) < 0)
        return -1;
    return how->source ? use_source(s, how->source, err) : 0;
}
