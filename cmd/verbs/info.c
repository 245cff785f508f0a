/* info: everything known about a socket, also what the kernel has queued and measured. */
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>

#include "verbs/io.h"
#include "verbs/look.h"

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

static int put_words(struct call *c, const struct object *obj) {
    struct sk_buf text = { 0 };
    int rc = look_words(obj, &c->result, c->ses, &text, &c->err);
    if (rc == 0)
        sk_put(&c->result, "words", sk_text_n((const char *)sk_buf_data(&text), text.len));
    sk_buf_done(&text);
    return rc;
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
    sk_put(&r, "recv_queue", s->state == SK_LISTENING ? sk_null() : look_queue(s, SIOCINQ));
    sk_put(&r, "send_queue", s->state == SK_LISTENING ? sk_null() : look_queue(s, SIOCOUTQ));
    sk_put(&r, "rcvbuf", look_option(s, "SO_RCVBUF"));
    sk_put(&r, "sndbuf", look_option(s, "SO_SNDBUF"));
    struct sk_value figures = tcp ? look_option(s, "TCP_INFO") : sk_null();
    sk_put(&r, "tcp", figures);
    if (s->state == SK_CONNECTED || s->state == SK_ENDED)
        put_figures(&r, &figures);
    c->result = r;
    return c->json || c->bind ? 0 : put_words(c, session_get(c->ses, ref));
}

const struct command cmd_info = {
    .name = "info",
    .group = "options",
    .summary = "show everything about a socket: state, addresses, queues, TCP_INFO",
    .params = (const struct param[]){ ARG("SOCK", K_SOCK, 0, 1, "its name; the current socket when left out"),
                                      { .kind = K_END } },
    .flags = MAY_SOCK | ANY_OBJ,
    .result = R_ONE,
    .shows = "words",
    .details = "People get sentences; JSON, and NAME = info, the figures. received and sent count the bytes taken from "
               "and given to the kernel, buffered those taken and not yet "
               "read, recv_queue and "
               "send_queue those that wait in the kernel. tcp is TCP_INFO of a TCP socket.",
    .examples =
        (const char *const[]){
            "srv = listen :0 ; cli = connect sock:srv ; cli.send 'hello' ; info cli",
            NULL,
        },
    .run = run_info,
};
