#include "lang/call.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lang/arena.h"
#include "lang/collect.h"
#include "lang/frame.h"
#include "sock/tap.h"

enum { KEEP_MAX = 65536 };

/* Remember a short stream for $_; once it is too long nothing of it is kept. */
static void keep(struct frame *f, const void *p, size_t n) {
    if (f->last_bytes.len <= KEEP_MAX)
        sk_buf_add(&f->last_bytes, p, n <= KEEP_MAX ? n : KEEP_MAX + 1, NULL);
}

int call_bytes(struct call *c, const void *p, size_t n, size_t *taken) {
    *taken = 0;
    int rc = c->sink->cls->bytes(c->sink, c, p, n, taken, &c->err);
    if (c->cmd->result == R_STREAM)
        keep(c->frame, p, *taken);
    return rc;
}

int call_take(struct call *c, struct sk_sock *s, size_t n) {
    struct sk_buf part = { 0 };
    size_t taken;
    /* Out of the socket first: while the sink waits, others may fill, read or close it. */
    if (n == s->in.len)
        sk_buf_swap(&part, &s->in);
    else if (sk_buf_add(&part, sk_buf_data(&s->in), n, &c->err) < 0)
        return -1;
    sk_consume(s, s->in.len ? n : 0);
    if (s->type == SOCK_STREAM)
        c->source = s;
    int rc = call_bytes(c, sk_buf_data(&part), n, &taken);
    if (taken < n && s->state != SK_CLOSED)
        sk_unread(s, sk_buf_data(&part) + taken, n - taken, NULL);
    if (s->in.len == 0 && s->state != SK_CLOSED) { /* its memory serves the next fill */
        sk_buf_clear(&part);
        sk_buf_swap(&part, &s->in);
        sk_consume(s, 0);
    }
    sk_buf_done(&part);
    return rc;
}

/* Remember a few items for $_; once they are many none of them is kept. */
static void keep_item(struct call *c, const struct sk_value *v) {
    if (c->items_size <= KEEP_MAX)
        c->items_size += value_size(v);
    if (c->items_size > KEEP_MAX) {
        sk_drop(c->items);
        c->items = sk_null();
        return;
    }
    if (c->items.type == SK_NULL)
        c->items = sk_list();
    sk_push(&c->items, sk_copy(*v));
}

int call_item(struct call *c, struct sk_value v) {
    keep_item(c, &v);
    int rc = c->sink->cls->item(c->sink, c, &v, &c->err);
    sk_drop(v);
    return rc;
}

bool call_wants_line(const struct call *c) { return c->items_size > KEEP_MAX && !c->json && c->sink->cls->line; }

int call_line(struct call *c, const void *p, size_t n) { return c->sink->cls->line(c->sink, c, p, n, &c->err); }

int call_items(struct call *c, struct sk_value list) {
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < list.u.seq->count; i++) {
        keep_item(c, &list.u.seq->items[i].value);
        rc = c->sink->cls->item(c->sink, c, &list.u.seq->items[i].value, &c->err);
    }
    sk_drop(list);
    return rc;
}

void call_extra(struct call *c, const char *key, struct sk_value v) {
    if (c->extra.type != SK_RECORD)
        c->extra = sk_record();
    sk_put(&c->extra, key, v);
}

void call_note(struct call *c, const char *fmt, ...) {
    char line[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    sk_buf_add_str(&c->note, line, NULL);
    sk_buf_add(&c->note, "\n", 1, NULL);
}

struct object *call_bind(struct call *c, const char *name, enum object_class cls) {
    const struct object *old = name != NULL ? session_find(c->ses, name, strlen(name)) : NULL;
    if (c->opt->verbose > 0 && old != NULL && old->cls == O_SOCKET && old->u.sock->state != SK_CLOSED)
        call_note(c, "%s: the open socket of this name was closed", name);
    return session_bind(c->ses, name, cls, &c->err);
}

int call_new_sock(struct call *c, struct sk_sock *s) {
    struct object *obj = call_bind(c, c->bind, O_SOCKET);
    if (obj == NULL) {
        sk_sock_free(s);
        return -1;
    }
    obj->u.sock = s;
    sk_tap_name(s, obj->name);
    c->frame->current = obj->ref;
    sk_drop(c->result);
    c->result = sk_handle(obj->ref);
    return 0;
}

struct object *call_object(struct call *c, const char *name) {
    char names[256];
    struct object *obj = session_find(c->ses, name, strlen(name));
    if (obj != NULL && obj->cls == O_PENDING) {
        sk_fail_usage(&c->err, "'%s' is still being made by job %u; 'wait %u' first", name, obj->u.pending,
                      obj->u.pending);
        return NULL;
    }
    if (obj != NULL)
        return obj;
    if (session_open_sockets(c->ses, names, sizeof names, NULL) == 0)
        sk_fail_usage(&c->err, "no socket '%s'; none is open", name);
    else
        sk_fail_usage(&c->err, "no socket '%s'; open: %s", name, names);
    return NULL;
}

/* An object that must not go while the call waits. */
struct held {
    struct object *obj;
    struct held *next;
};

static void hold(struct call *c, struct object *obj) {
    struct held *h = arena_alloc(c->scratch, sizeof *h);
    *h = (struct held){ obj, c->held };
    c->held = h;
    object_hold(obj);
}

void call_release(struct call *c) {
    for (; c->held != NULL; c->held = c->held->next)
        object_release(c->held->obj);
}

struct sk_sock *call_sock_of(struct call *c, struct object *obj) {
    if (obj->cls == O_SOCKET)
        return obj->u.sock;
    if (obj->cls == O_FILE) {
        struct object *under = session_get(c->ses, obj->u.file.sock);
        if (under != NULL && under->cls == O_SOCKET) {
            hold(c, under);
            return under->u.sock;
        }
        sk_fail_sys(&c->err, EBADF, c->cmd->name, "the socket of '%s' is gone", obj->name);
        return NULL;
    }
    sk_fail_usage(&c->err, "'%s' is no socket", obj->name);
    return NULL;
}

int call_endpoint(struct call *c, int param, struct sk_endpoint *out) {
    return call_place(c, c->args[param].u.ep, out);
}

int call_place(struct call *c, const struct sk_endpoint *ep, struct sk_endpoint *out) {
    *out = *ep;
    if (out->kind != SK_EP_SOCK)
        return 0;
    struct object *obj = call_object(c, out->host);
    struct sk_sock *s = obj != NULL ? call_sock_of(c, obj) : NULL;
    if (s == NULL || sk_sock_local(s, &out->addr, &c->err) < 0)
        return -1;
    out->kind = SK_EP_ADDR;
    out->type = s->type;
    out->tls = s->layer->describe != NULL;
    return 0;
}
