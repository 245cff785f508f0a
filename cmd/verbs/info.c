/* info: everything known about a socket, also what the kernel has queued and measured. */
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>

#include "net/sockopt.h"
#include "verbs/io.h"

/* Bytes in a queue of the kernel; null where the socket has none. */
static struct sk_value queue(const struct sk_sock *s, unsigned long what) {
    int n = 0;
    return s->fd >= 0 && ioctl(s->fd, what, &n) == 0 ? sk_int(n) : sk_null();
}

/* The value of a readable option; null when it cannot be read. */
static struct sk_value option(const struct sk_sock *s, const char *name) {
    struct sk_sockopt scratch;
    const struct sk_sockopt *opt = s->fd >= 0 ? sk_sockopt_find("", name, &scratch, NULL) : NULL;
    struct sk_value record, v = sk_null();
    if (!opt || sk_sockopt_get(s->fd, opt, NULL, 0, &record, NULL) < 0)
        return v;
    const struct sk_value *value = sk_get(&record, "value");
    if (value)
        v = sk_copy(*value);
    sk_drop(record);
    return v;
}

static const char tcp_shows[] =
    "name state family type local peer timeout buffered received sent recv_queue send_queue rcvbuf sndbuf tcp "
    "rtt_ms mss cwnd unacked retransmitted";

static const char tls_shows[] =
    "name state family type local peer timeout buffered tls.version tls.cipher tls.alpn tls.verify tls.peer_subject "
    "tls.not_after received sent recv_queue send_queue rcvbuf sndbuf tcp rtt_ms mss cwnd unacked retransmitted";

/* What people look for in TCP_INFO, by simpler names. */
static void put_figures(struct sk_value *r, const struct sk_value *tcp) {
    static const struct {
        const char *name, *field;
    } figures[] = { { "mss", "tcpi_snd_mss" },
                    { "cwnd", "tcpi_snd_cwnd" },
                    { "unacked", "tcpi_unacked" },
                    { "retransmitted", "tcpi_total_retrans" } };
    const struct sk_value *rtt = sk_get(tcp, "tcpi_rtt");
    if (rtt)
        sk_put(r, "rtt_ms", sk_float((double)rtt->u.i / 1000));
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        const struct sk_value *v = sk_get(tcp, figures[i].field);
        if (v)
            sk_put(r, figures[i].name, sk_copy(*v));
    }
}

static int run_info(struct call *c) {
    if (has(c, 0)) {
        struct object *obj = call_object(c, c->args[0].u.s.p);
        if (!obj)
            return -1;
        if (c->obj)
            object_release(c->obj);
        io_use(c, obj);
    }
    struct sk_sock *s = io_sock(c, IO_ANY);
    if (!s)
        return -1;
    struct sk_ref ref = c->obj->cls == O_FILE ? c->obj->u.file.sock : c->obj->ref;
    bool tcp = s->type == SOCK_STREAM && (s->family == AF_INET || s->family == AF_INET6);
    struct sk_value r = sk_record();
    sk_put_main(&r, "", sk_handle(ref));
    sk_put(&r, "received", sk_int((int64_t)s->received));
    sk_put(&r, "sent", sk_int((int64_t)s->sent));
    sk_put(&r, "recv_queue", s->state == SK_LISTENING ? sk_null() : queue(s, SIOCINQ));
    sk_put(&r, "send_queue", s->state == SK_LISTENING ? sk_null() : queue(s, SIOCOUTQ));
    sk_put(&r, "rcvbuf", option(s, "SO_RCVBUF"));
    sk_put(&r, "sndbuf", option(s, "SO_SNDBUF"));
    struct sk_value figures = tcp ? option(s, "TCP_INFO") : sk_null();
    sk_put(&r, "tcp", figures);
    if (s->state == SK_CONNECTED || s->state == SK_ENDED) {
        put_figures(&r, &figures);
        c->shows = s->layer->describe ? tls_shows : tcp ? tcp_shows : c->shows;
    }
    c->result = r;
    return 0;
}

const struct command cmd_info = {
    .name = "info",
    .group = "options",
    .summary = "show everything about a socket: state, addresses, queues, TCP_INFO",
    .params = (const struct param[]){ ARG("SOCK", K_SOCK, 0, 1, "its name; the current socket when left out"),
                                      { .kind = K_END } },
    .flags = MAY_SOCK | ANY_OBJ,
    .result = R_ONE,
    .shows = "name state family type local peer timeout buffered received sent recv_queue send_queue rcvbuf sndbuf tcp",
    .details = "received and sent count the bytes taken from and given to the kernel, buffered those taken and not yet "
               "read, recv_queue and "
               "send_queue those that wait in the kernel. tcp is TCP_INFO of a TCP socket.",
    .examples =
        (const char *const[]){
            "srv = listen :0 ; cli = connect sock:srv ; cli.send 'hello' ; info cli",
            NULL,
        },
    .run = run_info,
};
