/* What follows when a connection stands: a proxy's dialogue, a PROXY header, the dialogue before TLS, TLS. */
#include <stdio.h>
#include <string.h>

#include "sock/proxy.h"
#include "sock/proxyhdr.h"
#include "sock/race.h"
#include "sock/tls.h"
#include "sock/upgrade.h"

int sk_dial_introduce(struct sk_sock *s, const struct sk_dial_how *how, const struct sk_addr *far, sk_time deadline,
                      struct sk_err *err) {
    return how->introduce ? sk_proxyhdr_send(s, how->introduce, far, deadline, err) : 0;
}

int sk_dial_secure(struct sk_sock *s, const struct sk_dial_how *how, sk_time deadline, struct sk_err *err) {
    if (!how->tls)
        return 0;
    if (how->upgrade && sk_upgrade(s, how->upgrade, deadline, err) < 0)
        return -1;
    return sk_tls_start(s, how->tls, how->tls_name, deadline, err);
}

/* On the connection to the proxy. */
static int go_on(struct sk_sock *s, const struct sk_endpoint *ep, const struct sk_dial_how *how, sk_time deadline,
                 int *blame, struct sk_err *err) {
    static const struct sk_addr unknown;
    enum sk_proxy_blame whose;
    int rc = sk_proxy_ask(s, how->proxy, ep, deadline, &whose, err);
    *blame = (int)whose;
    if (rc < 0)
        return -1;
    if (sk_dial_introduce(s, how, ep->kind == SK_EP_ADDR ? &ep->addr : &unknown, deadline, err) < 0)
        return -1;
    return sk_dial_secure(s, how, deadline, err);
}

int sk_dial_through(struct sk_sock **out, struct sk_sock *s, const struct sk_endpoint *ep,
                    const struct sk_dial_how *how, sk_time deadline, struct sk_attempts *attempts, struct sk_err *err) {
    struct sk_dial_how near = *how;
    struct sk_err why, unused;
    err = err ? err : &unused;
    char target[SK_ADDR_TEXT];
    sk_endpoint_format(target, sizeof target, ep);
    near.proxy = NULL;
    near.introduce = NULL;
    near.tls = NULL;
    near.upgrade = NULL;
    near.type = SOCK_STREAM;
    if (how->type && how->type != SOCK_STREAM)
        return sk_fail_usage(err, "'%s': a proxy carries streams, not datagrams", target);
    if (sk_proxy_target(ep, err) < 0)
        return -1;
    if (sk_dial(out, s, &how->proxy->ep, &near, deadline, attempts, &why) < 0) {
        attempts->blame = SK_BLAME_WAY;
        if (why.kind == SK_USAGE || why.kind == SK_CANCELED) {
            *err = why;
            return -1;
        }
        return sk_fail(err, why.kind, why.code, why.op, "connect to %.150s: the proxy was not reached: %.300s", target,
                       why.msg);
    }
    if (go_on(*out, ep, how, deadline, &attempts->blame, &why) == 0)
        return 0;
    if (!s)
        sk_sock_free(*out);
    *out = NULL;
    if (why.kind == SK_USAGE || why.kind == SK_CANCELED)
        *err = why;
    else
        sk_fail(err, why.kind, why.code, why.op, "connect to %.150s: %.350s", target, why.msg);
    return -1;
}
