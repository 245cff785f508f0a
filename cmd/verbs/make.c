/* Sockets made without an address, taken over, doubled, ended. */
#include <limits.h>
#include <string.h>

#include "lang/arena.h"
#include "verbs/io.h"

/* ---- socket ---- */

static int run_socket(struct call *c) {
    enum { FAMILY, TYPE, PROTO };
    struct sk_sock *s;
    if (sk_sock_open(&s, (int)int_or(c, FAMILY, AF_INET), (int)int_or(c, TYPE, SOCK_STREAM), (int)int_or(c, PROTO, 0),
                     &c->err) < 0 ||
        call_new_sock(c, s) < 0)
        return -1;
    session_get(c->ses, c->result.u.ref)->bare = true;
    return 0;
}

const struct command cmd_socket = {
    .name = "socket",
    .group = "make",
    .summary = "make a socket that is not connected",
    .params =
        (const struct param[]){
            ARG("FAMILY", K_FAMILY, 0, 1, "AF_INET (default), AF_INET6, AF_UNIX, ... or a number"),
            ARG("TYPE", K_TYPE, 0, 1, "SOCK_STREAM (default), SOCK_DGRAM, SOCK_SEQPACKET, SOCK_RAW, ..."),
            ARG("PROTO", K_PROTO, 0, 1, "IPPROTO_*; chosen from the type when left out"),
            { .kind = K_END },
        },
    .flags = MAKES,
    .result = R_ONE,
    .details = "socket(2). The socket becomes the current one; connect, bind and listen that follow use it.",
    .examples =
        (const char *const[]){
            "u = socket AF_INET SOCK_DGRAM ; u.bind :0 ; print $u.local",
            "socket inet6 stream",
            NULL,
        },
    .run = run_socket,
};

/* ---- pair ---- */

/* NAME = pair makes NAME0 and NAME1. */
static int name_half(struct call *c, const char *base, char digit, struct sk_value *list, struct sk_sock *s) {
    if (base) {
        size_t n = strlen(base);
        char *name = arena_alloc(c->scratch, n + 2);
        memcpy(name, base, n);
        name[n] = digit;
        c->bind = name;
    }
    int r = call_new_sock(c, s);
    c->bind = base;
    if (r < 0)
        return -1;
    sk_push(list, c->result);
    c->result = sk_null();
    return 0;
}

static int run_pair(struct call *c) {
    enum { FAMILY, TYPE, PROTO };
    struct sk_sock *s[2];
    if (c->bind && strlen(c->bind) >= NAME_MAX_LEN)
        return sk_fail_usage(&c->err, "the name %s is too long for a pair: a 0 and a 1 are added", c->bind);
    if (sk_sock_pair(s, (int)int_or(c, FAMILY, AF_UNIX), (int)int_or(c, TYPE, SOCK_STREAM), (int)int_or(c, PROTO, 0),
                     &c->err) < 0)
        return -1;
    struct sk_value list = sk_list();
    if (name_half(c, c->bind, '0', &list, s[0]) < 0) {
        sk_sock_free(s[1]);
        sk_drop(list);
        return -1;
    }
    if (name_half(c, c->bind, '1', &list, s[1]) < 0) {
        session_remove(c->ses, session_get(c->ses, sk_at(&list, 0)->u.ref));
        sk_drop(list);
        return -1;
    }
    c->result = list;
    if (!c->bind)
        return 0;
    struct object *both = call_bind(c, c->bind, O_VALUE);
    if (both)
        both->u.value = sk_copy(list);
    return both ? 0 : -1;
}

const struct command cmd_pair = {
    .name = "pair",
    .group = "make",
    .summary = "make two sockets that are connected to each other",
    .params =
        (const struct param[]){
            ARG("FAMILY", K_FAMILY, 0, 1, "AF_UNIX (default)"),
            ARG("TYPE", K_TYPE, 0, 1, "SOCK_STREAM (default), SOCK_DGRAM or SOCK_SEQPACKET"),
            ARG("PROTO", K_PROTO, 0, 1, "0"),
            { .kind = K_END },
        },
    .flags = MAKES,
    .result = R_ONE,
    .details = "socketpair(2). x = pair makes x0 and x1, and $x is the list of both; without a name they are numbered "
               "as other "
               "sockets are.",
    .examples =
        (const char *const[]){
            "x = pair ; x0.send 'hello\\n' ; x1.readline",
            "m = pair AF_UNIX SOCK_SEQPACKET ; m0.send one ; m1.recv",
            NULL,
        },
    .run = run_pair,
};

/* ---- dup, fdopen ---- */

static int run_dup(struct call *c) {
    struct sk_sock *s;
    return sk_sock_dup(&s, c->sock, &c->err) < 0 ? io_failed(c, c->sock) : call_new_sock(c, s);
}

const struct command cmd_dup = {
    .name = "dup",
    .group = "make",
    .summary = "give a socket a second descriptor and name",
    .flags = NEED_SOCK | MAKES,
    .result = R_ONE,
    .details = "Both names share the connection in the kernel: closing one of them does not end it. Bytes that were "
               "already received and "
               "not yet read stay with the first.",
    .examples =
        (const char *const[]){
            "x = pair ; y = x0.dup ; x0.close ; y.send hi ; x1.recv",
            NULL,
        },
    .run = run_dup,
};

static int run_fdopen(struct call *c) {
    int fd = (int)c->args[0].u.i;
    for (struct object *o = session_next(c->ses, NULL); o; o = session_next(c->ses, o))
        if (o->cls == O_SOCKET && o->u.sock->fd == fd)
            return sk_fail_usage(&c->err, "descriptor %d is that of %s; write dup -s %s for a second one", fd, o->name,
                                 o->name);
    struct sk_sock *s;
    return sk_sock_adopt(&s, fd, &c->err) < 0 ? -1 : call_new_sock(c, s);
}

const struct command cmd_fdopen = {
    .name = "fdopen",
    .group = "make",
    .summary = "take over a descriptor that was inherited",
    .params =
        (const struct param[]){
            ARG("N", K_INT, 1, 1, "number of the descriptor", .lo = 0, .hi = INT_MAX),
            { .kind = K_END },
        },
    .flags = MAKES,
    .result = R_ONE,
    .details = "Family, type and state are asked from the kernel. A descriptor that is no socket is ENOTSOCK.",
    .examples =
        (const char *const[]){
            "fails fdopen 99",
            NULL,
        },
    .run = run_fdopen,
};

/* ---- close ---- */

static int close_object(struct call *c, struct object *obj) {
    if (obj->cls == O_POLLER || obj->cls == O_BUFFER) {
        session_remove(c->ses, obj);
        return 0;
    }
    struct sk_sock *s = call_sock_of(c, obj);
    if (!s)
        return -1;
    if (s->in.len > 0)
        call_note(c, "%s: %zu received bytes were not read", obj->name, s->in.len);
    return sk_sock_close(s, &c->err);
}

static int run_close(struct call *c) {
    const struct arg *names = &c->args[0];
    if (names->count == 0)
        return io_object(c) ? close_object(c, c->obj) : -1;
    struct object **list = arena_alloc(c->scratch, names->count * sizeof *list);
    for (uint32_t i = 0; i < names->count; i++) { /* all are known before any is closed */
        list[i] = call_object(c, names->all[i].u.s.p);
        if (!list[i])
            return -1;
    }
    if (c->obj && close_object(c, c->obj) < 0)
        return -1;
    for (uint32_t i = 0; i < names->count; i++) {
        bool again = false; /* close p p */
        for (uint32_t k = 0; k < i; k++)
            again = again || list[k] == list[i];
        if (!again && list[i] != c->obj && close_object(c, list[i]) < 0)
            return -1;
    }
    return 0;
}

const struct command cmd_close = {
    .name = "close",
    .group = "make",
    .summary = "close sockets, files and pollers",
    .params =
        (const struct param[]){
            ARG("SOCK", K_SOCK, 0, MANY, "names; the current socket when left out"),
            { .kind = K_END },
        },
    .flags = MAY_SOCK | ANY_OBJ,
    .result = R_STATUS,
    .details = "The name stays, as closed: using it is EBADF, and closing it again is no error. Closing a file made by "
               "makefile closes its "
               "socket. Bytes that the peer sent and nobody read make the kernel answer with a reset.",
    .examples =
        (const char *const[]){
            "x = pair ; close x0 ; fails 7 x1.recv ; x1.close ; x1.close",
            NULL,
        },
    .run = run_close,
};

/* ---- shutdown ---- */

static int run_shutdown(struct call *c) {
    static const int hows[] = { SHUT_RD, SHUT_WR, SHUT_RDWR };
    return sk_sock_shutdown(c->sock, hows[int_or(c, 0, 2) % 3], &c->err) < 0 ? io_failed(c, c->sock) : 0;
}

const struct command cmd_shutdown = {
    .name = "shutdown",
    .group = "make",
    .summary = "end one direction of a connection, or both",
    .params =
        (const struct param[]){
            ARG("HOW", K_CHOICE, 0, 1, "rd, wr or rdwr (default)",
                .choices = (const char *const[]){ "rd", "wr", "rdwr", "SHUT_RD", "SHUT_WR", "SHUT_RDWR", NULL }),
            { .kind = K_END },
        },
    .flags = NEED_SOCK,
    .result = R_STATUS,
    .details = "After shutdown wr the peer sees the end of data and can still answer.",
    .examples =
        (const char *const[]){
            "x = pair ; x0.sendall 'question' ; x0.shutdown wr ; x1.read ; x1.send 'answer' ; x1.close ; x0.read",
            NULL,
        },
    .run = run_shutdown,
};
