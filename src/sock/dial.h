/* From an endpoint to a connected or listening socket. */
#ifndef SK_SOCK_DIAL_H
#define SK_SOCK_DIAL_H

#include "net/dns.h"
#include "sock/sock.h"

struct sk_proxy;
struct sk_proxyhdr_how;
struct sk_tls_settings;
struct sk_upgrade;

/* How to connect; all zero: as it comes. */
struct sk_dial_how {
    int family;                       /* AF_INET, AF_INET6, or 0: any */
    int type;                         /* 0: from the endpoint, default SOCK_STREAM */
    const struct sk_endpoint *source; /* an address of this machine to connect from (port 0: any), or NULL */
    const char *interface;            /* the only one to use (SO_BINDTODEVICE), or NULL */
    const struct sk_lookup *lookup;   /* how names are asked for, or NULL */
    struct sk_tls_settings *tls;      /* then a connection is one only after the handshake; or NULL */
    const char *tls_name;             /* whom the certificate must be for; NULL: what was asked for */
    const struct sk_upgrade *upgrade; /* with tls: the dialogue that comes before it, or NULL; its domain is tls_name */
    const struct sk_proxy *proxy;     /* through it: the rest of this is about the way to it, but for TLS; or NULL */
    const struct sk_proxyhdr_how *introduce; /* with a PROXY header before anything else; or NULL */
};

struct sk_attempt {
    struct sk_addr addr;
    bool connected;        /* else: */
    struct sk_err err;     /* SK_CANCELED: given up, since another one was connected */
    sk_time started, took; /* since the beginning of sk_dial; how long */
};
struct sk_attempts {
    struct sk_attempt *list;
    size_t count;
    struct sk_origin origin; /* where there was none, since the name was not resolved: who said what of it */
    int blame;               /* where there was a proxy: enum sk_proxy_blame */
};
void sk_attempts_done(struct sk_attempts *a);
/* "[::1]:80 refused; 127.0.0.1:80 connected", with a NUL, appended. */
void sk_attempts_format(const struct sk_attempts *a, struct sk_buf *out);

/* Where an endpoint leads: one address, :port as 127.0.0.1 and ::1, or the name resolved (family 0 or AF_INET,
 * AF_INET6). */
int sk_endpoint_addrs(const struct sk_endpoint *ep, int family, const struct sk_lookup *lookup, sk_time deadline,
                      struct sk_addrs *out, struct sk_err *err);
/* Connect: through how->proxy (sock/proxy.h), whose address is then what is dialled; else on `s` (addresses of its
 * family, in order) when s is given, else on new sockets, in a race of its addresses (sock/race.h). On failure *err is
 * that of the attempt that got furthest (reset > refused > unreachable > silence) and its sentence lists every attempt.
 * *attempts (or NULL) holds those that were begun, also after success. The deadline is for all together. */
int sk_dial(struct sk_sock **out, struct sk_sock *s, const struct sk_endpoint *ep, const struct sk_dial_how *how,
            sk_time deadline, struct sk_attempts *attempts, struct sk_err *err);
/* Bind (and for stream types listen) on ep: `s` or a new socket in *out. New TCP listeners get SO_REUSEADDR, as
 * create_server does. backlog < 0 counts as 0. ":port" is 127.0.0.1, "*:port" is :: with V6ONLY off (0.0.0.0 with
 * family AF_INET or without IPv6). */
int sk_serve(struct sk_sock **out, struct sk_sock *s, const struct sk_endpoint *ep, int family, int type, int backlog,
             bool listening, sk_time deadline, struct sk_err *err);

#endif
