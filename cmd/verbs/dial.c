/* Sockets with addresses: connect, bind, listen. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "sock/admit.h"
#include "sock/dial.h"
#include "sock/upgrade.h"
#include "verbs/dialing.h"
#include "verbs/io.h"
#include "verbs/secure.h"
#include "verbs/through.h"

/* The index of each parameter, the same in all three. */
enum { ADDR, TYPE, BACKLOG, SOURCE = BACKLOG, INTERFACE, ACCEPT_PROXY = INTERFACE, WITHIN };

/* -u or --type; 0: neither. */
static int asked_type(const struct arg *args, const struct common *opt) {
    return args[TYPE].count ? (int)args[TYPE].u.i : opt->udp ? SOCK_DGRAM : 0;
}

/* tls://, --tls or --starttls; a listener of the session brings its own. */
static bool is_secure(const struct common *opt, const struct sk_endpoint *ep) {
    return tls_is_wanted(&opt->tls) || ep->tls;
}

static int check_beginning(const struct common *opt, const struct sk_endpoint *ep, struct sk_err *err) {
    if (ep->tls && opt->tls.starttls)
        return sk_fail_usage(err, "the address begins with TLS (tls://), --starttls with plain text: write HOST:PORT");
    return 0;
}

static int check_endpoint(const struct arg *args, const struct common *opt, struct sk_err *err) {
    const struct sk_endpoint *ep = args[ADDR].u.ep;
    int type = asked_type(args, opt);
    if (proxy_check(&opt->proxy, ep, type, err) < 0)
        return -1;
    if (!ep) /* left out, or not known yet */
        return tls_is_wanted(&opt->tls) || !opt->tls.given ? tls_check(&opt->tls, err) : 0;
    if (is_secure(opt, ep) && (type ? type : ep->type) == SOCK_DGRAM)
        return sk_fail_usage(err, "TLS needs a stream: DTLS is not part of sockctl");
    if (check_beginning(opt, ep, err) < 0 || (ep->kind != SK_EP_SOCK && secure_check(opt, is_secure(opt, ep), err) < 0))
        return -1;
    return endpoint_agrees(ep, type, opt->family, err);
}

static int read_endpoint(struct call *c, struct sk_endpoint *ep, int *type) {
    *type = asked_type(c->args, c->opt);
    if (call_endpoint(c, ADDR, ep) < 0 || check_beginning(c->opt, ep, &c->err) < 0 ||
        endpoint_agrees(ep, *type, c->opt->family, &c->err) < 0)
        return -1;
    if (!*type)
        *type = ep->type;
    return 0;
}

/* The socket to work on: -s or NAME., or a current one that socket or bind made and that is still unused; else NULL:
 * make one. */
static struct sk_sock *existing(struct call *c) {
    if (c->obj || c->bind)
        return c->sock;
    struct object *current = call_current(c);
    if (!current || current->cls != O_SOCKET || !current->bare)
        return NULL;
    struct sk_sock *s = current->u.sock;
    if (s->state != SK_NEW && s->state != SK_BOUND)
        return NULL;
    io_use(c, current);
    return s;
}

/* A socket that is there cannot become of the type that is asked for. */
static int check_type(struct call *c, const struct sk_sock *given, int type) {
    static const char *const words[] = {
        [SOCK_STREAM] = "a stream", [SOCK_DGRAM] = "datagrams", [SOCK_SEQPACKET] = "packets"
    };
    bool known = type == SOCK_STREAM || type == SOCK_DGRAM || type == SOCK_SEQPACKET;
    if (!given || !type || type == given->type)
        return 0;
    return sk_fail_usage(&c->err, "%s is not made for %s; leave the type out, or make another socket: NAME = %s",
                         io_name(c), known ? words[type] : "that type", c->cmd->name);
}

/* The result: the handle of the socket that was used, or of the new one. */
static int made(struct call *c, struct sk_sock *given, struct sk_sock *s) {
    if (!given)
        return call_new_sock(c, s);
    c->result = sk_handle(c->obj->ref);
    return 0;
}

/* ---- connect ---- */

/* Where there was more than one attempt, the result tells them. */
static void add_attempts(struct call *c, const struct sk_attempts *attempts) {
    if (attempts->count < 2)
        return;
    struct sk_buf text = { 0 };
    struct sk_value r = sk_record();
    sk_put_main(&r, "", c->result);
    sk_put(&r, "attempts", attempts_value(attempts));
    c->result = r;
    sk_attempts_format(attempts, &text);
    call_note(c, "%s", (const char *)sk_buf_data(&text));
    sk_buf_done(&text);
}

static int connect_to(struct call *c, const struct sk_endpoint *ep, const struct sk_dial_how *how,
                      struct sk_attempts *attempts) {
    struct sk_sock *given = existing(c), *s = NULL;
    if (check_type(c, given, how->type) < 0)
        return -1;
    if (sk_dial(&s, given, ep, how, given ? io_deadline(c, given) : c->deadline, attempts, &c->err) < 0) {
        if (attempts->count)
            call_extra(c, "attempts", attempts_value(attempts));
        io_origin(c, &attempts->origin);
        through_failed(c, attempts);
        return given ? io_failed(c, given) : -1;
    }
    if (s->type == SOCK_DGRAM && s->family != AF_UNIX)
        call_note(c, "no handshake: the peer was not contacted");
    if (made(c, given, s) < 0)
        return -1;
    add_attempts(c, attempts);
    return 0;
}

static int run_connect(struct call *c) {
    struct sk_endpoint ep;
    struct sk_attempts attempts = { 0 };
    struct sk_upgrade upgrade;
    struct sk_dial_how how = { .family = c->opt->family,
                               .upgrade = tls_upgrade(&c->opt->tls, &upgrade),
                               .interface = text_or(c, INTERFACE, NULL),
                               .lookup = &c->opt->lookup };
    if (read_endpoint(c, &ep, &how.type) < 0 || proxy_check(&c->opt->proxy, &ep, how.type, &c->err) < 0 ||
        through_set(c, &how) < 0)
        return -1;
    if (has(c, SOURCE))
        how.source = c->args[SOURCE].u.ep;
    if (is_secure(c->opt, &ep)) {
        how.tls_name = c->opt->tls.verify_name;
        if (secure_settings(c, false, NULL, 0, &how.tls) < 0)
            return -1;
    }
    int rc = connect_to(c, &ep, &how, &attempts);
    if (rc < 0)
        secure_failed(c, how.tls);
    else if (how.tls)
        secure_note(c, how.tls);
    sk_tls_settings_free(how.tls);
    sk_attempts_done(&attempts);
    return rc;
}

const struct command cmd_connect = {
    .name = "connect",
    .group = "make",
    .summary = "connect to an address",
    .params =
        (const struct param[]){
            ARG("ADDR", K_ADDR, 1, 4,
                "host:port, [v6]:port, :port, unix:/path, udp://host:port, or host and port as two words",
                .flags = MULTIWORD),
            UNIX_TYPE,
            DIAL_OPTIONS,
            { .kind = K_END },
        },
    .flags = MAY_SOCK | WAITS | MAKES | FAMILIES | NAMES | UDP | TLS_CHOICE | TLS_UPGRADE | TLS_CLIENT | PROXIES,
    .result = R_ONE,
    .details =
        "Works on the socket named by -s or NAME., or, without NAME =, on a current socket that socket or bind made "
        "and that is not yet "
        "connected; else it makes one. The addresses of a name are tried as RFC 8305 says: IPv6 and IPv4 in turns, the "
        "next one when one fails or is silent for 250 ms, at most six at once, and the first that answers is taken. "
        "A socket that is there takes one after the other. On failure each attempt is told, and the one that got "
        "furthest decides the status.\n"
        "With udp:// or -u the peer's address is only set: no handshake takes place, and success says nothing about "
        "the peer.\n"
        "With --starttls the dialogue of the protocol is held first, up to its last word before TLS; the certificate "
        "must "
        "be for the name that was connected to, or for --verify-name, which XMPP servers are also asked for. A server "
        "that refuses, or says more than it should before TLS, is 9, with its words.\n"
        "With --proxy the connection leads through a SOCKS 5 or HTTP proxy: socks5://HOST:PORT, http://HOST:PORT. A "
        "name "
        "is given to the proxy as it is, and nobody else is asked for it. --proxy-auth names a file or a variable with "
        "USER:PASSWORD. What belongs to the way (--source, -4, DNS servers) is about the proxy. A failure says whether "
        "the proxy was not reached, refused, or did not reach the target; the socket's field proxy tells of it.",
    .examples =
        (const char *const[]){
            "srv = listen :0 ; cli = connect $srv.local ; print $cli.peer",
            "srv = listen 127.0.0.1:0 ; connect sock:srv",
            "u = connect udp://127.0.0.1:9",
            "srv = listen :0 ; cli = connect $srv.local --source 127.0.0.2 --interface lo ; print $cli.local",
            "srv = listen :0 ; do srv.accept --as conn , conn.sendline '+OK' , conn.readline , conn.sendline '+OK' , "
            "conn.starttls --self-signed & ; cli = connect $srv.local --starttls pop3 --insecure ; print "
            "$cli.tls.version",
            NULL,
        },
    .check = check_endpoint,
    .run = run_connect,
};

/* ---- bind, listen ---- */

/* The settings of a listener; a certificate that is made is for the names by which clients on this machine reach it. */
static int listener_settings(struct call *c, const struct sk_endpoint *ep, struct sk_sock *bound,
                             struct sk_tls_settings **out) {
    struct sk_addr local = { 0 };
    char text[SK_ADDR_TEXT] = "127.0.0.1";
    const char *names[4] = { "localhost", text };
    size_t n = 2;
    if (ep && ep->kind == SK_EP_ADDR)
        local = ep->addr;
    else if (!ep && sk_sock_local(bound, &local, &c->err) < 0)
        return -1;
    if (local.len && local.u.sa.sa_family != AF_UNIX)
        sk_addr_host(text, sizeof text, &local);
    else
        names[n++] = "::1";
    if (ep && ep->kind == SK_EP_NAME && strcmp(ep->host, "localhost") != 0)
        names[n++] = ep->host;
    return secure_settings(c, true, names, n, out);
}

/* From now on its connections have TLS (settings NULL: not), and a PROXY header before that. */
static int prepare_listener(struct call *c, struct sk_sock *s, struct sk_tls_settings *settings) {
    int rc = flag(c, ACCEPT_PROXY) ? sk_admit_proxied(s, &c->err) : 0;
    if (rc == 0 && settings)
        rc = sk_tls_listen(s, settings, &c->err);
    if (rc == 0 && has(c, WITHIN))
        sk_admit_within(s, c->args[WITHIN].u.t);
    if (rc == 0 && settings && c->opt->tls.self_signed) {
        call_note(c, "the pin of the certificate, for --pin: %s", sk_tls_own_pin(settings));
        c->warns = true;
    }
    return rc;
}

static int serve(struct call *c, int backlog, bool listening) {
    struct sk_endpoint ep;
    int type;
    if (read_endpoint(c, &ep, &type) < 0)
        return -1;
    if (!listening && is_secure(c->opt, &ep))
        return sk_fail_usage(&c->err, "bind does not listen; TLS begins with listen tls://ADDR");
    struct sk_sock *given = existing(c), *s = NULL;
    sk_time deadline = given ? io_deadline(c, given) : c->deadline;
    if (check_type(c, given, type) < 0)
        return -1;
    struct sk_tls_settings *settings = NULL;
    if (is_secure(c->opt, &ep) && listener_settings(c, &ep, NULL, &settings) < 0)
        return -1;
    int rc = sk_serve(&s, given, &ep, c->opt->family, type, backlog, listening, deadline, &c->err);
    if (rc < 0 && given)
        io_failed(c, given);
    if (rc == 0 && listening && s->state != SK_LISTENING)
        call_note(c, "datagrams are not listened for: the socket is only bound");
    if (rc == 0 && listening && (rc = prepare_listener(c, s, settings)) < 0 && !given)
        sk_sock_free(s);
    sk_tls_settings_free(settings);
    return rc < 0 ? -1 : made(c, given, s);
}

static int run_bind(struct call *c) {
    bool fresh = !c->obj;
    if (serve(c, 0, false) < 0)
        return -1;
    if (fresh)
        session_get(c->ses, c->result.u.ref)->bare = true;
    return 0;
}

const struct command cmd_bind = {
    .name = "bind",
    .group = "make",
    .summary = "give a socket its own address",
    .params =
        (const struct param[]){
            ARG("ADDR", K_ADDR, 1, 4,
                "host:port, :port (loopback), '*:port' (all interfaces), unix:/path; port 0 lets the system choose",
                .flags = MULTIWORD | LISTENING),
            UNIX_TYPE,
            { .kind = K_END },
        },
    .flags = MAY_SOCK | WAITS | MAKES | FAMILIES | UDP,
    .result = R_ONE,
    .details = "Works on the socket named by -s or NAME., or, without NAME =, on a current socket that socket made; "
               "else it makes one. "
               "connect or listen that follow use it.",
    .examples =
        (const char *const[]){
            "bind 127.0.0.1:0 ; listen ; getsockname",
            "a = bind udp://127.0.0.1:0 ; b = bind udp://127.0.0.1:0 ; b.sendto sock:a 'ping' ; a.recvfrom",
            NULL,
        },
    .check = check_endpoint,
    .run = run_bind,
};

enum { BACKLOG_DEFAULT = 128 };

static int check_listen(const struct arg *args, const struct common *opt, struct sk_err *err) {
    const struct sk_endpoint *ep = args[ADDR].u.ep;
    bool proxied = args[ACCEPT_PROXY].count && args[ACCEPT_PROXY].u.i;
    int type = asked_type(args, opt);
    if (check_endpoint(args, opt, err) < 0)
        return -1;
    if (proxied && (type || ep) && (type ? type : ep->type ? ep->type : SOCK_STREAM) != SOCK_STREAM)
        return sk_fail_usage(err, "PROXY headers are of streams, not of datagrams: leave --accept-proxy out");
    if (args[WITHIN].count && !proxied && !opt->tls.on && ep && !ep->tls)
        return sk_fail_usage(err, "--within is the time for PROXY headers and handshakes: it needs --accept-proxy or "
                                  "TLS");
    return 0;
}

static int run_listen(struct call *c) {
    int64_t backlog = int_or(c, BACKLOG, BACKLOG_DEFAULT);
    if (has(c, ADDR))
        return serve(c, (int)backlog, true);
    struct object *obj = c->obj ? c->obj : c->bind ? NULL : call_current(c);
    if (!obj)
        return sk_fail_usage(&c->err,
                             "listen needs an address, or a socket that is bound: listen ADDR, or listen -s NAME");
    struct sk_sock *s = call_sock_of(c, obj);
    if (!s)
        return -1;
    if (!c->obj)
        io_use(c, obj);
    struct sk_tls_settings *settings = NULL;
    if (c->opt->tls.on && listener_settings(c, NULL, s, &settings) < 0)
        return -1;
    int rc = sk_sock_listen(s, (int)backlog, &c->err);
    if (rc < 0)
        io_failed(c, s);
    else
        rc = prepare_listener(c, s, settings);
    sk_tls_settings_free(settings);
    if (rc == 0)
        c->result = sk_handle(obj->ref);
    return rc;
}

const struct command cmd_listen = {
    .name = "listen",
    .group = "make",
    .summary = "wait for connections on an address",
    .params =
        (const struct param[]){
            ARG("ADDR", K_ADDR, 0, 4,
                "host:port, :port (loopback), '*:port' (all interfaces), unix:/path; left out: the socket is bound",
                .flags = MULTIWORD | LISTENING),
            UNIX_TYPE,
            OPT(0, "backlog", K_INT, "connections that may wait for accept (default 128); below 0 counts as 0",
                .lo = INT_MIN, .hi = INT_MAX),
            OPT(0, "accept-proxy", K_FLAG,
                "connections must begin with a header of the PROXY protocol, version 1 or 2"),
            OPT(0, "within", K_TIME, "time for that header and for the handshake of TLS, together (default 10s)"),
            { .kind = K_END },
        },
    .flags = MAY_SOCK | WAITS | MAKES | FAMILIES | UDP | TLS_CHOICE | TLS_SERVER,
    .result = R_ONE,
    .details =
        "listen :0 binds 127.0.0.1 and a free port; the socket's field `local` tells which. A new TCP socket "
        "gets SO_REUSEADDR. "
        "With udp:// or -u the socket is only bound.\n"
        "With --accept-proxy accept gives a connection when its PROXY header was read. Its field peer is then the "
        "address that the header tells, and proxy.addr that of the proxy. A connection without a header, with a "
        "broken one, or one that is late, is closed; proxy.failed counts them. There is no guessing: who may "
        "connect may tell any address.",
    .examples =
        (const char *const[]){
            "srv = listen :0 ; print $srv.local",
            "srv = listen --accept-proxy :0 ; cli = connect --send-proxy v2 --told-source 192.0.2.1:4000 --told-target "
            "192.0.2.2:80 $srv.local ; conn = srv.accept ; print $conn.peer $conn.proxy.addr",
            "socket ; setsockopt SO_REUSEADDR on ; bind :0 ; listen --backlog 5",
            NULL,
        },
    .check = check_listen,
    .run = run_listen,
};
