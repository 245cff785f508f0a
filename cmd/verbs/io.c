#include "verbs/io.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "lang/frame.h"
#include "run/task.h"
#include "run/wake.h"

const char *io_name(const struct call *c) { return c->obj ? c->obj->name : "the socket"; }

struct object *io_use(struct call *c, struct object *obj) {
    object_hold(obj);
    return c->obj = obj;
}

struct object *io_object(struct call *c) {
    if (c->obj)
        return c->obj;
    struct object *current = call_current(c);
    if (current)
        return io_use(c, current);
    char names[256];
    size_t count = session_open_sockets(c->ses, names, sizeof names, NULL);
    if (count)
        sk_fail_usage(&c->err, "%zu sockets open (%s); say which: -s NAME", count, names);
    else
        sk_fail_usage(&c->err, "no socket is open; make one first: connect ADDR, listen ADDR, socket");
    return NULL;
}

struct sk_sock *io_sock(struct call *c, enum io_want want) {
    struct object *obj = io_object(c);
    if (!obj)
        return NULL;
    if (obj->cls == O_FILE) {
        if (want == IO_READ && !obj->u.file.readable) {
            sk_fail_usage(&c->err, "%s was made for writing only; makefile rb reads", obj->name);
            return NULL;
        }
        if (want == IO_WRITE && !obj->u.file.writable) {
            sk_fail_usage(&c->err, "%s was made for reading only; makefile wb writes", obj->name);
            return NULL;
        }
    }
    return call_sock_of(c, obj);
}

sk_time io_deadline(const struct call *c, const struct sk_sock *s) {
    if (s == c->sock || c->opt->timeout != SK_TIMEOUT_UNSET || s->timeout == SK_TIMEOUT_UNSET)
        return c->deadline;
    return sk_sock_deadline(s, SK_TIMEOUT_UNSET, SK_NEVER);
}

int io_open(struct call *c, const struct sk_sock *s, const char *op) {
    return s->state == SK_CLOSED ? sk_fail_sys(&c->err, EBADF, op, "%s on %s, which is closed", op, io_name(c)) : 0;
}

/* "recv: reason" becomes "recv on NAME: reason"; "send after 6 bytes: reason" and "recv on a closed socket: reason"
 * likewise. */
static void name_object(struct call *c) {
    static const char closed[] = " on a closed socket", after[] = " after ";
    struct sk_err *e = &c->err;
    size_t n = strlen(e->op);
    char msg[sizeof e->msg];
    if (e->kind != SK_SYS || !c->obj || n == 0 || strncmp(e->msg, e->op, n) != 0)
        return;
    const char *rest = e->msg + n, *which = "";
    if (strncmp(rest, closed, sizeof closed - 1) == 0) {
        rest += sizeof closed - 1;
        which = ", which is closed";
    } else if (*rest != ':' && strncmp(rest, after, sizeof after - 1) != 0) {
        return;
    }
    snprintf(msg, sizeof msg, "%s on %s%s%s", e->op, c->obj->name, which, rest);
    memcpy(e->msg, msg, sizeof msg);
}

int io_failed(struct call *c, const struct sk_sock *s) {
    name_object(c);
    bool unconnected = c->err.kind == SK_SYS && (c->err.code == ENOTCONN || c->err.code == EPIPE);
    if (unconnected && s->state == SK_LISTENING)
        call_note(c, "%s only listens; accept first", io_name(c));
    if (c->err.kind == SK_SYS && c->err.code == EMSGSIZE && s->type == SOCK_DGRAM && s->family != AF_UNIX)
        call_note(c, "a UDP datagram has at most %d bytes; fewer where IP_MTU_DISCOVER forbids to cut it",
                  s->family == AF_INET ? 65507 : 65527);
    return -1;
}

int io_data(struct call *c, int param, struct io_data *d) {
    int cursor = 0;
    *d = (struct io_data){ .p = "" };
    if (c->opt->file || c->opt->from_stdin || c->opt->secret) {
        if (call_data_whole(c, param, &d->held) < 0)
            return -1;
        d->p = d->held.len ? (const char *)sk_buf_data(&d->held) : "";
        d->n = d->held.len;
        return 0;
    }
    return call_data(c, param, &cursor, &d->p, &d->n) < 0 ? -1 : 0;
}

struct sk_value io_addr(const struct sk_addr *addr) {
    return addr->len ? sk_sockaddr(&addr->u, addr->len) : sk_null();
}

/* A line feed without a carriage return before it. */
static bool has_bare_newline(const char *p, size_t n) {
    const char *end = p + n, *newline = p;
    while ((newline = memchr(newline, '\n', (size_t)(end - newline))) != NULL)
        if (newline++ == p || newline[-2] != '\r')
            return true;
    return false;
}

static bool wants_crlf(uint16_t port) { return port == 25 || port == 80 || port == 110 || port == 143; }

/* What is often typed wrong in data. */
static void hint_data(struct call *c, const struct sk_addr *peer) {
    const struct param *row = c->cmd->params;
    char shown[48];
    while (row->kind != K_DATA && row->kind != K_END)
        row++;
    const char *p = row->kind == K_DATA ? c->args[row - c->cmd->params].u.s.p : NULL;
    size_t n = p ? c->args[row - c->cmd->params].u.s.n : 0;
    if (n > 2 && p[n - 2] == 'r' && p[n - 1] == 'n' && !memchr(p, '\n', n))
        call_hint(c, HINT_BACKSLASHES, "did the shell eat the backslashes? quote it: '%s\\r\\n'",
                  sk_escape_cut(shown, sizeof shown, p, n - 2));
    if (n && wants_crlf(sk_addr_port(peer)) && has_bare_newline(p, n))
        call_hint(c, HINT_LINE_ENDS, "line protocols end lines with \\r\\n; see sendline");
}

int io_sent(struct call *c, const struct sk_sock *s, size_t n, const struct sk_addr *to) {
    c->result = sk_record();
    sk_put_main(&c->result, "len", sk_int((int64_t)n));
    sk_put(&c->result, "peer", io_addr(to && to->len ? to : &s->peer));
    hint_data(c, to && to->len ? to : &s->peer);
    return 0;
}

void io_took(struct call *c, struct sk_sock *s, int flags) {
    if (s->type == SOCK_STREAM && !(flags & LOOKING))
        c->source = s;
}

int io_deliver(struct call *c, struct sk_sock *s, const void *p, size_t n) {
    size_t taken = 0;
    io_took(c, s, 0);
    if (call_bytes(c, p, n, &taken) == 0)
        return 0;
    if (s->type == SOCK_STREAM && taken < n)
        sk_unread(s, (const char *)p + taken, n - taken, NULL);
    return -1;
}

bool io_is_ending(const struct call *c) {
    enum style style = frame_top(c->frame)->style;
    int number = sk_wake_signal(); /* 0: it was `cancel` */
    bool goes_on = number == SIGINT && (style == STYLE_SHELL || style == STYLE_MACHINE);
    return c->err.kind == SK_CANCELED && number != 0 && !goes_on;
}

void io_last_bytes(struct call *c, struct sk_sock *s) {
    struct sk_err why = c->err;
    if (!io_is_ending(c) || s->in.len == 0)
        return;
    sk_shield();
    call_take(c, s, s->in.len);
    sk_unshield();
    c->err = why;
}

int io_ended(struct call *c, const char *op) {
    if (c->obj && c->obj->ended)
        call_hint(c, HINT_ENDED, "peer closed; close %s", c->obj->name);
    if (c->obj)
        c->obj->ended = true;
    return sk_fail(&c->err, SK_EOF, 0, op, "end of data: peer closed %s", io_name(c));
}

int io_value(struct call *c, struct sk_value v) {
    c->result = sk_record();
    sk_put_main(&c->result, "value", v);
    return 0;
}

void io_note_guess(struct call *c, const struct sk_origin *origin) {
    if (origin->is_guess)
        call_note(c, "/etc/resolv.conf cannot be read, or names no server: 127.0.0.1 was asked");
}

int io_origin(struct call *c, const struct sk_origin *origin) {
    if (c->err.kind == SK_GAI || c->err.kind == SK_TIMEOUT) /* else nobody was asked */
        io_note_guess(c, origin);
    if (origin->reason)
        call_extra(c, "reason", sk_text(origin->reason));
    if (origin->server[0])
        call_extra(c, "server", sk_text(origin->server));
    if (origin->timeouts)
        call_extra(c, "timeouts", sk_int(origin->timeouts));
    return -1;
}

void io_answered(struct call *c, const struct sk_origin *origin) {
    static const struct {
        const char *source, *note;
    } notes[] = {
        { "override", "answered by --resolve" },
        { "hosts", "answered by the hosts file" },
        { "localhost", "localhost is this machine, whatever DNS says (RFC 6761)" },
    };
    for (size_t i = 0; origin->source && i < sizeof notes / sizeof *notes; i++)
        if (strcmp(notes[i].source, origin->source) == 0)
            call_note(c, "%s", notes[i].note);
    if (origin->server[0])
        call_note(c, "answered by DNS server %s", origin->server);
    io_note_guess(c, origin);
    if (origin->timeouts)
        call_note(c, "%d question%s got no answer", origin->timeouts, origin->timeouts == 1 ? "" : "s");
    if (origin->is_cut) {
        call_note(c, "there are more addresses than are shown");
        c->warns = true;
    }
}
