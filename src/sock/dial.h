/* From an endpoint to a connected or listening socket. */
#ifndef SK_SOCK_DIAL_H
#define SK_SOCK_DIAL_H

#include "net/dns.h"
#include "sock/sock.h"

struct sk_attempt {
    struct sk_addr addr;
    struct sk_err err;
};
struct sk_attempts {
    struct sk_attempt *list;
    size_t count;
};
void sk_attempts_done(struct sk_attempts *a);

/* Where an endpoint leads: one address, :port as 127.0.0.1 and ::1, or the name resolved (family 0 or AF_INET,
 * AF_INET6). *type receives the type of the endpoint or `type`, default SOCK_STREAM. */
int sk_endpoint_addrs(const struct sk_endpoint *ep, int family, sk_time deadline, struct sk_addrs *out,
                      struct sk_err *err);
/* Connect: on `s` (addresses of its family, in order) when s is given, else on new sockets, each address in turn until
 * one is connected. type 0: from the endpoint, default SOCK_STREAM. On failure *err is that of the attempt that got
 * furthest (reset > refused > unreachable > silence), its sentence lists every attempt, and *attempts holds them. The
 * deadline is for all together. */
int sk_dial(struct sk_sock **out, struct sk_sock *s, const struct sk_endpoint *ep, int family, int type,
            sk_time deadline, struct sk_attempts *attempts, struct sk_err *err);
/* Bind (and for stream types listen) on ep: `s` or a new socket in *out. New TCP listeners get SO_REUSEADDR, as
 * create_server does. backlog < 0 counts as 0. ":port" is 127.0.0.1, "*:port" is :: with V6ONLY off (0.0.0.0 with
 * family AF_INET or without IPv6). */
int sk_serve(struct sk_sock **out, struct sk_sock *s, const struct sk_endpoint *ep, int family, int type, int backlog,
             bool listening, sk_time deadline, struct sk_err *err);

#endif
