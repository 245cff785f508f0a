#include "lang/proxy.h"

#include <string.h>

#include "lang/table.h"
#include "sock/proxy.h"

const char *const introductions[] = { "v1", "v2", "v1-unknown", "v2-local", NULL };

bool proxy_store(struct proxy_wish *wish, const struct param *row, const struct arg *arg) {
    if (strcmp(row->name, "proxy") == 0)
        wish->proxy = arg->u.proxy;
    else if (strcmp(row->name, "proxy-auth") == 0)
        wish->auth = arg->u.s.p;
    else if (strcmp(row->name, "send-proxy") == 0)
        wish->introduce = (enum introduction)(arg->u.i + 1);
    else if (strcmp(row->name, "told-source") == 0)
        wish->source = arg->u.ep;
    else if (strcmp(row->name, "told-target") == 0)
        wish->target = arg->u.ep;
    else
        return false;
    return true;
}

int secret_check(const char *option, const char *where, const char *what, struct sk_err *err) {
    if (!where || strncmp(where, "file:", 5) == 0 || strncmp(where, "env:", 4) == 0)
        return 0;
    return sk_fail_usage(err, "--%s takes file:PATH or env:NAME: a %s in an argument is seen by everybody", option,
                         what);
}

/* An address that a header can tell. */
static int check_told(const char *option, const struct sk_endpoint *ep, struct sk_err *err) {
    char text[SK_ADDR_TEXT];
    int family = ep && ep->kind == SK_EP_ADDR ? ep->addr.u.sa.sa_family : AF_UNSPEC;
    if (!ep || family == AF_INET || family == AF_INET6 || family == AF_UNIX)
        return 0;
    return sk_fail_usage(err, "--%s %s: a PROXY header tells an address with a port, as 192.0.2.1:443, or a path",
                         option, sk_endpoint_format(text, sizeof text, ep));
}

static int check_introduction(const struct proxy_wish *wish, struct sk_err *err) {
    const char *told = wish->source ? "told-source" : wish->target ? "told-target" : NULL;
    if (told && !wish->introduce)
        return sk_fail_usage(err, "--%s without a PROXY header to tell it: add --send-proxy v1 or v2", told);
    if (told && wish->introduce >= INTRODUCE_V1_UNKNOWN)
        return sk_fail_usage(err, "--%s: a header of --send-proxy %s tells no addresses; write v1 or v2", told,
                             introductions[wish->introduce - 1]);
    if (check_told("told-source", wish->source, err) < 0 || check_told("told-target", wish->target, err) < 0)
        return -1;
    if (wish->source && wish->target && wish->source->addr.u.sa.sa_family != wish->target->addr.u.sa.sa_family)
        return sk_fail_usage(err, "--told-source and --told-target are of different families");
    return 0;
}

int proxy_check(const struct proxy_wish *wish, const struct sk_endpoint *ep, int type, struct sk_err *err) {
    if (wish->auth && !wish->proxy)
        return sk_fail_usage(err, "--proxy-auth without a proxy: add --proxy socks5://HOST:PORT or http://HOST:PORT");
    if (secret_check("proxy-auth", wish->auth, "password", err) < 0 || check_introduction(wish, err) < 0)
        return -1;
    if (!ep || (!wish->proxy && !wish->introduce))
        return 0;
    type = type ? type : ep->type;
    if (wish->proxy && type && type != SOCK_STREAM)
        return sk_fail_usage(err, "a proxy carries streams, not datagrams: leave --proxy out");
    if (type && type != SOCK_STREAM)
        return sk_fail_usage(err,
                             "a PROXY header is the beginning of a stream, not of datagrams: leave --send-proxy out");
    return wish->proxy && ep->kind != SK_EP_SOCK ? sk_proxy_target(ep, err) : 0;
}
