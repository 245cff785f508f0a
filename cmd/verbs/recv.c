/* Bytes in: recv, recvfrom, read, readline, readinto. */
#include <errno.h>
#include <string.h>

#include "sock/msg.h"
#include "verbs/io.h"

enum { BUFSIZE_DEFAULT = 65536, ON_STACK = 2048 };
static const int64_t BUFSIZE_MOST = 64 * 1024 * 1024; /* of memory for one receive; more never comes at once */

#define FLAGS                                                                                                          \
    OPT(0, "flags", K_MSGFLAGS, "flags of recv(2): MSG_PEEK, MSG_DONTWAIT, MSG_WAITALL, MSG_OOB, ... joined by commas")
#define BUFSIZE ARG("BUFSIZE", K_SIZE, 0, 1, "at most so many bytes (default 65536)")

static size_t bufsize(const struct call *c, int param) {
    int64_t n = int_or(c, param, BUFSIZE_DEFAULT);
    return (size_t)(n < BUFSIZE_MOST ? n : BUFSIZE_MOST);
}

static bool ends(const struct sk_sock *s) { return s->type == SOCK_STREAM || s->type == SOCK_SEQPACKET; }

/* What could not be delivered goes back, unless it never left. */
static int give(struct call *c, struct sk_sock *s, const void *p, size_t n, int flags) {
    size_t taken;
    return flags & LOOKING ? call_bytes(c, p, n, &taken) : io_deliver(c, s, p, n);
}

/* ---- recv ---- */

static int recv_into(struct call *c, void *buf, size_t n, int flags) {
    struct sk_sock *s = c->sock;
    ssize_t got = sk_recv(s, buf, n, flags, c->deadline, &c->err);
    if (got < 0) {
        io_last_bytes(c, s); /* MSG_WAITALL */
        return io_failed(c, s);
    }
    if (got == 0 && n > 0 && ends(s) && !(flags & (MSG_OOB | MSG_ERRQUEUE)))
        return io_ended(c, "recv");
    if (s->type != SOCK_STREAM && s->real_len > (size_t)got) {
        call_extra(c, "truncated", sk_bool(true));
        call_extra(c, "real_len", sk_int((int64_t)s->real_len));
        call_note(c, "the datagram had %zu bytes: the rest is lost", s->real_len);
    }
    return give(c, s, buf, (size_t)got, flags);
}

static int run_recv(struct call *c) {
    enum { P_BUFSIZE, P_FLAGS };
    size_t n = bufsize(c, P_BUFSIZE);
    int flags = (int)int_or(c, P_FLAGS, 0);
    char small[ON_STACK];
    if (n <= sizeof small)
        return recv_into(c, small, n, flags);
    struct sk_buf big = { 0 };
    void *room = sk_buf_room(&big, n, &c->err);
    int r = room ? recv_into(c, room, n, flags) : -1;
    sk_buf_done(&big);
    return r;
}

const struct command cmd_recv = {
    .name = "recv",
    .group = "bytes",
    .summary = "receive what has come, by one system call",
    .params = (const struct param[]){ BUFSIZE, FLAGS, { .kind = K_END } },
    .flags = NEED_SOCK | WAITS | PRINTS,
    .result = R_STREAM,
    .details = "Waits until something has come and gives it, at most BUFSIZE bytes. When the peer has closed it prints "
               "nothing and the status is "
               "7. A datagram of no bytes is a message: status 0.",
    .examples =
        (const char *const[]){
            "x = pair ; x0.send 'a\\x00b\\r\\n' ; x1.recv -e",
            "x = pair ; x0.send 'abc' ; x1.recv --flags MSG_PEEK ; x1.recv 2",
            NULL,
        },
    .run = run_recv,
};

/* ---- recvfrom ---- */

static int recv_one(struct call *c, size_t n, int flags) {
    struct sk_sock *s = c->sock;
    struct sk_message m = { 0 };
    int r = sk_recvmsg(s, n, SK_NO_ANCILLARY, flags, &m, c->deadline, &c->err);
    if (r < 0)
        return io_failed(c, s);
    if (r == 0 && n > 0) {
        sk_message_done(&m);
        return io_ended(c, "recvfrom");
    }
    const void *p = m.data.len ? sk_buf_data(&m.data) : (const unsigned char *)"";
    struct sk_value v = sk_record();
    sk_put_main(&v, "", sk_bytes_cut(p, m.data.len, m.real_len > m.data.len ? m.real_len : m.data.len));
    sk_put(&v, "peer", io_addr(&m.peer));
    io_took(c, s, flags);
    r = call_item(c, v);
    if (r < 0 && c->source)
        sk_unread(s, p, m.data.len, NULL);
    sk_message_done(&m);
    return r;
}

static int run_recvfrom(struct call *c) {
    enum { P_BUFSIZE, P_COUNT, P_FLAGS };
    size_t n = bufsize(c, P_BUFSIZE);
    int flags = (int)int_or(c, P_FLAGS, 0);
    for (int64_t left = int_or(c, P_COUNT, 1); left > 0; left--)
        if (recv_one(c, n, flags) < 0)
            return -1;
    return 0;
}

const struct command cmd_recvfrom = {
    .name = "recvfrom",
    .group = "bytes",
    .summary = "receive datagrams with the address of the sender",
    .params =
        (const struct param[]){
            BUFSIZE,
            OPT('n', "count", K_INT, "so many datagrams (default 1)", .lo = 1, .hi = INT64_MAX),
            FLAGS,
            { .kind = K_END },
        },
    .flags = NEED_SOCK | WAITS | PRINTS,
    .result = R_ITEMS,
    .shows = "peer bytes",
    .details = "For people a line is the address and the data; raw, escape and hex give the bytes alone. A datagram "
               "longer than BUFSIZE loses "
               "its end: JSON has `truncated` and its `real_len`.",
    .examples =
        (const char *const[]){
            "srv = bind udp://127.0.0.1:0 ; sendto sock:srv 'hello' ; srv.recvfrom",
            "srv = bind udp://127.0.0.1:0 ; sendto sock:srv one ; sendto sock:srv two ; srv.recvfrom -n 2",
            NULL,
        },
    .run = run_recvfrom,
};

/* ---- read ---- */

/* Until the end, or `most` bytes: everything is handed on as it comes. */
static int read_until(struct call *c, struct sk_sock *s, uint64_t most) {
    sk_time deadline = io_deadline(c, s);
    while (most > 0) {
        if (s->in.len == 0) {
            int r = sk_fill(s, deadline, &c->err);
            if (r < 0)
                return io_failed(c, s);
            if (r == 0)
                return 0;
            continue;
        }
        size_t n = s->in.len < most ? s->in.len : (size_t)most;
        if (call_take(c, s, n) < 0)
            return -1;
        most -= n;
    }
    return 1;
}

static int run_read(struct call *c) {
    struct sk_sock *s = io_sock(c, IO_READ);
    if (!s || io_open(c, s, "read") < 0)
        return -1;
    if (!has(c, 0)) {
        if (read_until(c, s, UINT64_MAX) < 0)
            return -1;
        call_extra(c, "eof", sk_bool(true));
        return 0;
    }
    int r = read_until(c, s, (uint64_t)c->args[0].u.i);
    return r < 0 ? -1 : r == 0 ? io_ended(c, "read") : 0;
}

const struct command cmd_read = {
    .name = "read",
    .group = "bytes",
    .summary = "read until the peer ends, or exactly SIZE bytes",
    .params = (const struct param[]){ ARG("SIZE", K_SIZE, 0, 1, "exactly so many bytes"), { .kind = K_END } },
    .flags = NEED_SOCK | WAITS | PRINTS | ANY_OBJ,
    .result = R_STREAM,
    .details = "Data is handed on as it comes, in little memory. Without SIZE the end of the data is what is waited "
               "for: status 0. With SIZE, an "
               "end before that is status 7, and time running out 124; what came is printed all the same.",
    .examples =
        (const char *const[]){
            "x = pair ; x0.sendall 'all of it' ; x0.close ; x1.read",
            "x = pair ; x0.sendall 'abcdef' ; x1.read 4 ; x1.read 2",
            NULL,
        },
    .run = run_read,
};

/* ---- readline ---- */

/* Time ran out, or nothing more can be had now: what there is of the line is given. */
static int part_of_line(struct call *c, struct sk_sock *s) {
    struct sk_err why = c->err;
    bool keep = why.kind == SK_CANCELED || s->state == SK_CLOSED || (why.kind == SK_SYS && why.code == EMSGSIZE);
    if (!keep && s->in.len > 0 && call_take(c, s, s->in.len) < 0)
        return -1;
    c->err = why;
    io_last_bytes(c, s);
    return io_failed(c, s);
}

static int run_readline(struct call *c) {
    struct sk_sock *s = io_sock(c, IO_READ);
    if (!s || io_open(c, s, "readline") < 0)
        return -1;
    if (has(c, 0) && c->args[0].u.i == 0)
        return 0;
    bool ended;
    ssize_t n = sk_line(s, (size_t)int_or(c, 0, 0), &ended, io_deadline(c, s), &c->err);
    if (n < 0)
        return part_of_line(c, s);
    if (n > 0 && call_take(c, s, (size_t)n) < 0)
        return -1;
    return ended ? io_ended(c, "readline") : 0;
}

const struct command cmd_readline = {
    .name = "readline",
    .group = "bytes",
    .summary = "read one line with its line feed",
    .params = (const struct param[]){ ARG("MAX", K_SIZE, 0, 1, "at most so many bytes of it"), { .kind = K_END } },
    .flags = NEED_SOCK | WAITS | PRINTS | ANY_OBJ,
    .result = R_STREAM,
    .details = "Only the line feed ends a line; a carriage return before it is kept. When the peer ends or time runs "
               "out first, what came is "
               "printed and the status is 7 or 124.",
    .examples =
        (const char *const[]){
            "x = pair ; x0.sendall 'one\\r\\ntwo\\r\\n' ; x1.readline ; x1.readline",
            NULL,
        },
    .run = run_readline,
};

/* ---- readinto ---- */

static int read_into(struct call *c, struct sk_sock *s, struct object *buffer, size_t want, size_t *got) {
    sk_time deadline = io_deadline(c, s);
    while (*got < want) {
        if (s->in.len == 0) {
            int r = sk_fill(s, deadline, &c->err);
            if (r < 0)
                return io_failed(c, s);
            if (r == 0)
                return io_ended(c, "readinto");
            continue;
        }
        size_t n = s->in.len < want - *got ? s->in.len : want - *got;
        memcpy(sk_buf_data(&buffer->u.buffer) + *got, sk_buf_data(&s->in), n);
        sk_consume(s, n);
        *got += n;
    }
    return 0;
}

static int run_readinto(struct call *c) {
    enum { P_NAME, P_NBYTES };
    struct sk_sock *s = io_sock(c, IO_READ);
    if (!s || io_open(c, s, "readinto") < 0)
        return -1;
    const char *name = c->args[P_NAME].u.s.p;
    struct object *buffer = session_find(c->ses, name, strlen(name));
    if (buffer && buffer->cls == O_PENDING && !call_object(c, name))
        return -1;
    if (!buffer || buffer->cls != O_BUFFER)
        return sk_fail_usage(&c->err, "%s is no buffer; make one first: %s = bytearray 100", name, name);
    size_t want = buffer->u.buffer.len, got = 0;
    if (has(c, P_NBYTES) && (uint64_t)c->args[P_NBYTES].u.i < want)
        want = (size_t)c->args[P_NBYTES].u.i;
    object_hold(buffer);
    int r = read_into(c, s, buffer, want, &got);
    object_release(buffer);
    if (r < 0) {
        call_extra(c, "sent", sk_int((int64_t)got));
        call_note(c, "%zu bytes are in %s", got, name);
        return -1;
    }
    return io_value(c, sk_int((int64_t)got));
}

const struct command cmd_readinto = {
    .name = "readinto",
    .group = "bytes",
    .summary = "read into a buffer made by bytearray",
    .params =
        (const struct param[]){
            ARG("NAME", K_SOCK, 1, 1, "name of the buffer"),
            ARG("NBYTES", K_SIZE, 0, 1, "so many bytes (default, and at most: the size of the buffer)"),
            { .kind = K_END },
        },
    .flags = NEED_SOCK | WAITS | COUNTS | ANY_OBJ,
    .result = R_ONE,
    .details = "Fills the buffer from its start; the result is the count. When the peer ends or time runs out first, "
               "status 7 or 124, error.sent says how many bytes are in the buffer.",
    .examples =
        (const char *const[]){
            "x = pair ; buf = bytearray 5 ; x0.sendall 'hello world' ; n = x1.readinto buf ; print $n $buf",
            NULL,
        },
    .run = run_readinto,
};
