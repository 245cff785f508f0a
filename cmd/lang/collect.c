/* Results kept as values: for NAME =, for the results of prefix commands, and for the envelopes of JSON. */
#include "lang/collect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lang/call.h"

static const size_t MOST = 64 * 1024 * 1024;
static const size_t SPARE = 64 * 1024; /* a buffer of this size is kept for the next command */

void sink_free(struct sink *s) {
    if (s)
        s->cls->free(s);
}

/* ---- Deliveries ---- */

struct delivery *delivery_find(struct delivery *list, const struct call *c) {
    while (list && list->call != c)
        list = list->next;
    return list;
}

struct delivery *delivery_open(struct delivery **list, struct call *c) {
    struct delivery *d = delivery_find(*list, c);
    if (d)
        return d;
    d = delivery_find(*list, NULL);
    if (!d) {
        d = sk_alloc(sizeof *d);
        d->next = *list;
        *list = d;
    }
    d->call = c;
    return d;
}

void delivery_close(struct delivery *d) {
    if (!d)
        return;
    sk_drop(d->items);
    if (d->bytes.cap > SPARE)
        sk_buf_done(&d->bytes);
    sk_buf_clear(&d->bytes);
    *d = (struct delivery){ .bytes = d->bytes, .next = d->next };
}

void delivery_free(struct delivery *list) {
    while (list) {
        struct delivery *next = list->next;
        sk_drop(list->items);
        sk_buf_done(&list->bytes);
        free(list);
        list = next;
    }
}

static int keep(struct delivery *d, size_t size, struct sk_err *err) {
    if (size > MOST - d->size)
        return sk_fail(err, SK_SYS, EMSGSIZE, d->call->cmd->name,
                       "%s: more than 64 MiB to hold in memory: write it to a file", d->call->cmd->name);
    d->size += size;
    return 0;
}

int delivery_bytes(struct delivery *d, const void *p, size_t n, size_t *taken, struct sk_err *err) {
    *taken = 0;
    d->came = true;
    if (keep(d, n, err) < 0)
        return -1;
    if (sk_buf_add(&d->bytes, p, n, err) < 0) {
        d->size -= n;
        return -1;
    }
    *taken = n;
    return 0;
}

size_t value_size(const struct sk_value *v) {
    size_t size = sizeof *v;
    if (sk_is_blob(v->type))
        return size + sizeof *v->u.s + v->u.s->len;
    if (!sk_is_seq(v->type))
        return size;
    for (size_t i = 0; i < v->u.seq->count; i++)
        size += sizeof(struct sk_item) + value_size(&v->u.seq->items[i].value);
    return size;
}

int delivery_item(struct delivery *d, const struct sk_value *v, struct sk_err *err) {
    if (keep(d, value_size(v), err) < 0)
        return -1;
    if (d->items.type == SK_NULL)
        d->items = sk_list();
    sk_push(&d->items, sk_copy(*v));
    return 0;
}

/* ---- The result ---- */

static void put_fields(struct sk_value *record, const struct sk_value *fields) {
    if (fields->type != SK_RECORD)
        return;
    for (size_t i = 0; i < fields->u.seq->count; i++) {
        const struct sk_item *item = &fields->u.seq->items[i];
        if (!sk_get(record, item->key))
            sk_put(record, item->key, sk_copy(item->value));
    }
}

/* Bytes with what run() told beside them: eof, truncated, real_len. */
static struct sk_value stream_value(struct call *c, const struct delivery *d) {
    struct sk_value bytes = d && d->bytes.len ? sk_bytes(sk_buf_data(&d->bytes), d->bytes.len) : sk_bytes("", 0);
    if (!(c->cmd->flags & (NEED_SOCK | MAY_SOCK)))
        return bytes;
    struct sk_value record = sk_record();
    sk_put_main(&record, "", bytes);
    put_fields(&record, &c->result);
    put_fields(&record, &c->extra);
    if (!sk_get(&record, "eof"))
        sk_put(&record, "eof", sk_bool(false));
    return record;
}

bool call_single(const struct call *c) {
    const struct param *p = c->cmd->params;
    for (int i = 0; p && p[i].kind != K_END; i++)
        if (p[i].letter == 'n')
            return c->args && !has(c, i);
    return false;
}

struct sk_value delivery_value(struct call *c, const struct delivery *d) {
    if (c->cmd->result == R_STREAM)
        return stream_value(c, d);
    if (c->cmd->result != R_ITEMS || c->result.type != SK_NULL)
        return sk_copy(c->result);
    if (!d || d->items.type == SK_NULL)
        return sk_list();
    return sk_copy(call_single(c) ? *sk_at(&d->items, 0) : d->items);
}

/* ---- NAME = ---- */

struct collect {
    struct sink base;
    struct sink *errors;
    struct delivery *deliveries;
    struct sk_value value;
};

static int collect_bytes(struct sink *s, struct call *c, const void *p, size_t n, size_t *taken, struct sk_err *err) {
    return delivery_bytes(delivery_open(&((struct collect *)s)->deliveries, c), p, n, taken, err);
}

static int collect_item(struct sink *s, struct call *c, const struct sk_value *v, struct sk_err *err) {
    return delivery_item(delivery_open(&((struct collect *)s)->deliveries, c), v, err);
}

/* A failure leaves no value, but what came is told beside the error. */
static int collect_end(struct sink *s, struct call *c, const struct outcome *o, struct sk_err *err) {
    struct collect *k = (struct collect *)s;
    struct delivery *d = delivery_find(k->deliveries, c);
    (void)err;
    sk_drop(k->value);
    k->value = o->ok ? delivery_value(c, d) : sk_null();
    if (!o->ok && d && d->bytes.len)
        call_extra(c, "partial", sk_bytes(sk_buf_data(&d->bytes), d->bytes.len));
    if (!o->ok && d && d->items.type != SK_NULL)
        call_extra(c, "items", sk_copy(d->items));
    delivery_close(d);
    return 0;
}

static void tell_through(struct sink *errors, struct call *c, const struct outcome *o) {
    if (errors && errors->cls->tell)
        errors->cls->tell(errors, c, o);
}

static void collect_tell(struct sink *s, struct call *c, const struct outcome *o) {
    tell_through(((struct collect *)s)->errors, c, o);
}

static void collect_free(struct sink *s) {
    struct collect *k = (struct collect *)s;
    sk_drop(k->value);
    delivery_free(k->deliveries);
    free(k);
}

static const struct sink_class collect_class = {
    .bytes = collect_bytes,
    .item = collect_item,
    .end = collect_end,
    .free = collect_free,
    .tell = collect_tell,
};

struct sink *collect_new(void) {
    struct collect *k = sk_alloc(sizeof *k);
    k->base.cls = &collect_class;
    return &k->base;
}

void collect_errors(struct sink *s, struct sink *errors) { ((struct collect *)s)->errors = errors; }

struct sk_value collect_take(struct sink *s) {
    struct collect *k = (struct collect *)s;
    struct sk_value v = k->value;
    k->value = sk_null();
    return v;
}

/* ---- results ---- */

struct gather {
    struct sink base;
    struct sink *errors;
    struct delivery *deliveries;
    struct sk_value list;
    size_t size;
};

static int gather_bytes(struct sink *s, struct call *c, const void *p, size_t n, size_t *taken, struct sk_err *err) {
    return delivery_bytes(delivery_open(&((struct gather *)s)->deliveries, c), p, n, taken, err);
}

static int gather_keep(struct gather *g, struct call *c, struct sk_value envelope, struct sk_err *err) {
    size_t size = value_size(&envelope);
    if (size > MOST - g->size) {
        sk_drop(envelope);
        return sk_fail(err, SK_SYS, EMSGSIZE, c->cmd->name,
                       "%s: more than 64 MiB of results to hold in memory: run fewer at a time, or without --json",
                       c->cmd->name);
    }
    g->size += size;
    sk_push(&g->list, envelope);
    return 0;
}

static int gather_item(struct sink *s, struct call *c, const struct sk_value *v, struct sk_err *err) {
    if (c->cmd->flags & EACH)
        return gather_keep((struct gather *)s, c, outcome_item(c, v), err);
    return delivery_item(delivery_open(&((struct gather *)s)->deliveries, c), v, err);
}

static int gather_end(struct sink *s, struct call *c, const struct outcome *o, struct sk_err *err) {
    struct gather *g = (struct gather *)s;
    struct delivery *d = delivery_find(g->deliveries, c);
    if (!o->ok)
        tell_through(g->errors, c, o);
    if (outcome_was_told(c, o))
        return 0;
    struct sk_value envelope = outcome_delivered(c, o, d);
    delivery_close(d);
    return gather_keep(g, c, envelope, err);
}

static void gather_tell(struct sink *s, struct call *c, const struct outcome *o) {
    tell_through(((struct gather *)s)->errors, c, o);
}

static void gather_free(struct sink *s) {
    struct gather *g = (struct gather *)s;
    sk_drop(g->list);
    delivery_free(g->deliveries);
    free(g);
}

static const struct sink_class gather_class = {
    .bytes = gather_bytes,
    .item = gather_item,
    .end = gather_end,
    .free = gather_free,
    .tell = gather_tell,
};

struct sink *gather_new(struct sink *errors) {
    struct gather *g = sk_alloc(sizeof *g);
    g->base.cls = &gather_class;
    g->errors = errors;
    g->list = sk_list();
    return &g->base;
}

struct sk_value gather_take(struct sink *s) {
    struct gather *g = (struct gather *)s;
    struct sk_value list = g->list;
    g->list = sk_list();
    g->size = 0;
    return list;
}
