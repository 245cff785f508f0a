/* Bytes out: send, sendall, sendline, write, sendto, sendfile. */
#include <fcntl.h>

#include "lang/frame.h"
#include "run/fd.h"
#include "sock/dial.h"
#include "sock/msg.h"
#include "verbs/io.h"

#define FLAGS OPT(0, "flags", K_MSGFLAGS, "flags of send(2): MSG_MORE, MSG_OOB, MSG_DONTROUTE, ... joined by commas")
#define DATA_OPERAND                                                                                                   \
    ARG("DATA", K_DATA, 1, MANY, "bytes, with escapes as \\n or \\x00; several are joined without a blank")

/* ---- send ---- */

static int run_send(struct call *c) {
    enum { P_FLAGS, P_DATA };
    struct io_data d;
    if (io_data(c, P_DATA, &d) < 0)
        return -1;
    ssize_t n = sk_send(c->sock, d.p, d.n, (int)int_or(c, P_FLAGS, 0), c->deadline, &c->err);
    sk_buf_done(&d.held);
    return n < 0 ? io_failed(c, c->sock) : io_sent(c, c->sock, (size_t)n, NULL);
}

const struct command cmd_send = {
    .name = "send",
    .group = "bytes",
    .summary = "send bytes with one system call",
    .params = (const struct param[]){ FLAGS, DATA_OPERAND, { .kind = K_END } },
    .flags = NEED_SOCK | WAITS | DATA | COUNTS,
    .result = R_ONE,
    .details =
        "send(2): a stream may take less than was given; the result says how much. sendall and write send everything.",
    .examples =
        (const char *const[]){
            "x = pair ; x0.send 'GET / HTTP/1.0\\r\\n\\r\\n' ; x1.recv",
            "x = pair ; x0.send --hex '00 ff 0d 0a' ; x1.recv",
            NULL,
        },
    .run = run_send,
};

/* ---- sendall, write ---- */

/* Everything, a chunk at a time; a message in one piece. */
static int send_everything(struct call *c, struct sk_sock *s, int param, int flags, size_t *total) {
    size_t sent = 0;
    int more, cursor = 0;
    if (s->type != SOCK_STREAM) {
        struct io_data d;
        if (io_data(c, param, &d) < 0)
            return -1;
        more = sk_send_all(s, d.p, d.n, flags, io_deadline(c, s), total, &c->err);
        sk_buf_done(&d.held);
        return more;
    }
    const char *p;
    size_t n;
    while ((more = call_data(c, param, &cursor, &p, &n)) > 0) {
        int r = sk_send_all(s, p, n, flags, io_deadline(c, s), &sent, &c->err);
        *total += sent;
        if (r < 0) {
            call_data_close(&cursor);
            return -1;
        }
    }
    return more;
}

/* A failure that had sent something says how much. */
static int send_failed(struct call *c, const struct sk_sock *s, size_t sent) {
    call_extra(c, "sent", sk_int((int64_t)sent));
    if (sent)
        call_note(c, "%zu bytes were sent before", sent);
    return io_failed(c, s);
}

static int run_sendall(struct call *c) {
    enum { P_FLAGS, P_DATA };
    size_t sent = 0;
    struct sk_sock *s = io_sock(c, IO_WRITE);
    if (!s)
        return -1;
    if (send_everything(c, s, P_DATA, (int)int_or(c, P_FLAGS, 0), &sent) < 0)
        return send_failed(c, s, sent);
    return io_sent(c, s, sent, NULL);
}

const struct command cmd_sendall = {
    .name = "sendall",
    .group = "bytes",
    .summary = "send all of the bytes",
    .params = (const struct param[]){ FLAGS, DATA_OPERAND, { .kind = K_END } },
    .flags = NEED_SOCK | WAITS | DATA | COUNTS | ANY_OBJ,
    .result = R_ONE,
    .details = "Repeats send(2) until everything was taken. A failure says in error.sent how many bytes were; a "
               "non-blocking socket sends what "
               "fits and is then EAGAIN, status 10.",
    .examples =
        (const char *const[]){
            "x = pair ; x0.sendall 'a' 'b\\n' ; x1.readline",
            NULL,
        },
    .run = run_sendall,
};

const struct command cmd_write = {
    .name = "write",
    .group = "bytes",
    .summary = "write all of the bytes to a socket or a file made by makefile",
    .params = (const struct param[]){ FLAGS, DATA_OPERAND, { .kind = K_END } },
    .flags = NEED_SOCK | WAITS | DATA | COUNTS | ANY_OBJ,
    .result = R_ONE,
    .details = "The stream's method: no short writes. The same as sendall on a socket.",
    .examples =
        (const char *const[]){
            "x = pair ; f = x0.makefile wb ; f.write 'hello' ; x1.recv",
            NULL,
        },
    .run = run_sendall,
};

/* ---- sendline ---- */

static const char *const eol_words[] = { "crlf", "lf", "cr", NULL };
static const char *const eol_bytes[] = { "\r\n", "\n", "\r" };

static const char *line_end(const struct call *c) {
    enum { P_FLAGS, P_EOL };
    if (has(c, P_EOL))
        return eol_bytes[c->args[P_EOL].u.i];
    for (const struct frame *f = c->frame; f; f = f->up)
        if (f->eol)
            return f->eol;
    return "\r\n";
}

static int run_sendline(struct call *c) {
    enum { P_FLAGS, P_EOL, P_DATA };
    struct io_data d;
    struct sk_buf line = { 0 };
    size_t sent = 0;
    const char *eol = line_end(c);
    if (io_data(c, P_DATA, &d) < 0)
        return -1;
    int r = sk_buf_add(&line, d.p, d.n, &c->err);
    sk_buf_done(&d.held);
    if (r == 0)
        r = sk_buf_add_str(&line, eol, &c->err);
    if (r == 0 &&
        sk_send_all(c->sock, sk_buf_data(&line), line.len, (int)int_or(c, P_FLAGS, 0), c->deadline, &sent, &c->err) < 0)
        r = send_failed(c, c->sock, sent);
    sk_buf_done(&line);
    return r < 0 ? -1 : io_sent(c, c->sock, sent, NULL);
}

const struct command cmd_sendline = {
    .name = "sendline",
    .group = "bytes",
    .summary = "send all of the bytes and a line end",
    .params =
        (const struct param[]){
            FLAGS,
            OPT(0, "eol", K_CHOICE, "line end: crlf (default), lf or cr; `set eol` changes the default",
                .choices = eol_words),
            ARG("DATA", K_DATA, 0, MANY, "bytes, with escapes; the line end is added once, after the last"),
            { .kind = K_END },
        },
    .flags = NEED_SOCK | WAITS | DATA | COUNTS,
    .result = R_ONE,
    .details = "Internet line protocols end their lines with CR LF.",
    .examples =
        (const char *const[]){
            "x = pair ; x0.sendline 'EHLO me' ; x1.recv",
            "x = pair ; x0.sendline --eol lf 'hello' ; x1.readline",
            NULL,
        },
    .run = run_sendline,
};

/* ---- sendto ---- */

/* -s, or the current socket if it takes datagrams; else a new one, in *made. */
static struct sk_sock *datagram_socket(struct call *c, const struct sk_endpoint *ep, struct sk_sock **made) {
    *made = NULL;
    if (c->obj)
        return c->sock;
    struct object *current = call_current(c);
    if (current && current->cls == O_SOCKET && current->u.sock->state != SK_CLOSED &&
        (current->u.sock->type == SOCK_DGRAM || current->u.sock->type == SOCK_RAW)) {
        io_use(c, current);
        return current->u.sock;
    }
    struct sk_addrs addrs = { 0 };
    if (sk_endpoint_addrs(ep, c->opt->family, &c->opt->lookup, c->deadline, &addrs, &c->err) >= 0)
        sk_sock_open(made, addrs.list[0].u.sa.sa_family, SOCK_DGRAM, 0, &c->err);
    sk_addrs_done(&addrs);
    return *made;
}

/* The first address of the endpoint that fits the socket's family. */
static int find_target(struct call *c, const struct sk_sock *s, const struct sk_endpoint *ep, struct sk_addr *to) {
    struct sk_addrs addrs = { 0 };
    int family = c->opt->family ? c->opt->family : s->family == AF_INET || s->family == AF_INET6 ? s->family : 0;
    if (ep->kind == SK_EP_ADDR) {
        *to = ep->addr; /* of whatever family: the system judges */
        return 0;
    }
    int r = sk_endpoint_addrs(ep, family, &c->opt->lookup, io_deadline(c, s), &addrs, &c->err);
    if (r >= 0)
        *to = addrs.list[0];
    sk_addrs_done(&addrs);
    return r < 0 ? -1 : 0;
}

/* The socket that was made is the current one, and NAME = takes the count. */
static int new_current(struct call *c, struct sk_sock *s) {
    const char *bind = c->bind;
    c->bind = NULL;
    int r = call_new_sock(c, s);
    c->bind = bind;
    if (r == 0)
        io_use(c, session_get(c->ses, c->result.u.ref));
    sk_drop(c->result);
    c->result = sk_null();
    return r;
}

enum { TO_ADDR, TO_FLAGS, TO_DATA };

static int check_sendto(const struct arg *args, const struct common *opt, struct sk_err *err) {
    const struct sk_endpoint *ep = args[TO_ADDR].u.ep;
    (void)opt;
    if (!ep || !ep->type || ep->type == SOCK_DGRAM)
        return 0;
    return sk_fail_usage(err, "sendto sends datagrams; for a stream write connect ADDR, then send");
}

static int run_sendto(struct call *c) {
    struct sk_endpoint ep;
    struct sk_addr to;
    struct io_data d;
    if (call_endpoint(c, TO_ADDR, &ep) < 0 || io_data(c, TO_DATA, &d) < 0)
        return -1;
    struct sk_sock *made, *s = datagram_socket(c, &ep, &made);
    ssize_t n = -1;
    if (s && find_target(c, s, &ep, &to) == 0)
        n = sk_sendmsg(s, d.p, d.n, &to, NULL, 0, (int)int_or(c, TO_FLAGS, 0), io_deadline(c, s), &c->err);
    sk_buf_done(&d.held);
    if (n < 0) {
        sk_sock_free(made);
        return made || !s ? -1 : io_failed(c, s);
    }
    if (made && new_current(c, made) < 0)
        return -1;
    return io_sent(c, s, (size_t)n, &to);
}

const struct command cmd_sendto = {
    .name = "sendto",
    .group = "bytes",
    .summary = "send one datagram to an address",
    .params =
        (const struct param[]){
            ARG("ADDR", K_ADDR, 1, 1, "where to: host:port, [v6]:port, :port, unix:/path"),
            FLAGS,
            DATA_OPERAND,
            { .kind = K_END },
        },
    .flags = MAY_SOCK | WAITS | DATA | COUNTS | FAMILIES,
    .result = R_ONE,
    .details = "The address comes first, the data last. Uses the current socket if it is a datagram socket; else makes "
               "one, which is then the "
               "current one: recvfrom gets the answer.",
    .examples =
        (const char *const[]){
            "srv = bind udp://127.0.0.1:0 ; sendto sock:srv 'hello' ; srv.recvfrom",
            NULL,
        },
    .check = check_sendto,
    .run = run_sendto,
};

/* ---- sendfile ---- */

static int run_sendfile(struct call *c) {
    enum { P_FILE, P_OFFSET, P_COUNT };
    size_t sent = 0;
    if (io_open(c, c->sock, "sendfile") < 0)
        return -1;
    int file = call_open(c, c->args[P_FILE].u.s.p);
    if (file < 0)
        return -1;
    size_t count = has(c, P_COUNT) ? (size_t)c->args[P_COUNT].u.i : SIZE_MAX;
    int r = sk_send_file(c->sock, file, (off_t)int_or(c, P_OFFSET, 0), count, c->deadline, &sent, &c->err);
    sk_fd_close(file, NULL);
    return r < 0 ? send_failed(c, c->sock, sent) : io_sent(c, c->sock, sent, NULL);
}

const struct command cmd_sendfile = {
    .name = "sendfile",
    .group = "bytes",
    .summary = "send a file, or a part of it",
    .params =
        (const struct param[]){
            ARG("FILE", K_FILE, 1, 1, "path of the file"),
            OPT(0, "offset", K_SIZE, "start at this byte"),
            OPT(0, "count", K_SIZE, "at most so many bytes (default: to the end)"),
            { .kind = K_END },
        },
    .flags = NEED_SOCK | WAITS | COUNTS,
    .result = R_ONE,
    .details = "sendfile(2) where it fits, else read and send. The result is the number of bytes sent; fewer than "
               "--count when the file is "
               "shorter.",
    .examples =
        (const char *const[]){
            "x = pair ; x0.sendfile /etc/hostname ; x1.recv",
            NULL,
        },
    .run = run_sendfile,
};
