#include "base/value.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static struct sk_value blob(enum sk_type type, const void *p, size_t n, size_t real_len) {
    struct sk_blob *s = sk_realloc(NULL, sizeof *s + n + 1);
    s->refs = 1;
    s->len = n;
    s->real_len = real_len;
    if (n)
        memcpy(s->data, p, n);
    s->data[n] = '\0';
    return (struct sk_value){ .type = type, .u.s = s };
}

struct sk_value sk_text(const char *s) {
    return sk_text_n(s, strlen(s));
}

struct sk_value sk_text_n(const void *p, size_t n) {
    return blob(SK_TEXT, p, n, n);
}

struct sk_value sk_bytes(const void *p, size_t n) {
    return blob(SK_BYTES, p, n, n);
}

struct sk_value sk_bytes_cut(const void *p, size_t n, size_t real_len) {
    return blob(SK_BYTES, p, n, real_len);
}

struct sk_value sk_sockaddr(const void *sa, size_t len) {
    return blob(SK_ADDR, sa, len, len);
}

static struct sk_value seq(enum sk_type type) {
    struct sk_seq *q = sk_realloc(NULL, sizeof *q); /* the items are written before they are read */
    q->refs = 1;
    q->main = SK_NO_MAIN;
    q->count = 0;
    q->cap = SK_FIRST_ITEMS;
    q->items = q->first;
    return (struct sk_value){ .type = type, .u.seq = q };
}

struct sk_value sk_list(void) {
    return seq(SK_LIST);
}

struct sk_value sk_record(void) {
    return seq(SK_RECORD);
}

static void free_seq(struct sk_seq *q) {
    for (size_t i = 0; i < q->count; i++)
        sk_drop(q->items[i].value);
    if (q->items != q->first)
        free(q->items);
    free(q);
}

void sk_value_free(struct sk_value v) {
    if (sk_is_blob(v.type))
        free(v.u.s);
    else
        free_seq(v.u.seq);
}

static void add(struct sk_seq *q, const char *key, struct sk_value v) {
    if (q->count == q->cap) {
        struct sk_item *more = sk_realloc(q->items != q->first ? q->items : NULL, 2 * q->cap * sizeof *more);
        if (q->items == q->first)
            memcpy(more, q->first, sizeof q->first);
        q->items = more;
        q->cap *= 2;
    }
    q->items[q->count++] = (struct sk_item){ .key = key, .value = v };
}

void sk_push(struct sk_value *list, struct sk_value v) { add(list->u.seq, NULL, v); }

void sk_put(struct sk_value *record, const char *key, struct sk_value v) { add(record->u.seq, key, v); }

static int compare_keys(const void *a, const void *b) { return strcmp(a, b); }

const char *sk_key(const char *key) {
    static void *keys;
    char **found = tfind(key, &keys, compare_keys);
    if (found == NULL)
        found = tsearch(sk_strdup(key), &keys, compare_keys);
    return found != NULL ? *found : ""; /* no memory: small allocations do not report it */
}

void sk_put_main(struct sk_value *record, const char *key, struct sk_value v) {
    record->u.seq->main = (uint32_t)record->u.seq->count;
    sk_put(record, key, v);
}

const struct sk_value *sk_at(const struct sk_value *v, int64_t i) {
    if (!sk_is_seq(v->type))
        return NULL;
    int64_t count = (int64_t)v->u.seq->count;
    if (i < 0)
        i += count;
    return i >= 0 && i < count ? &v->u.seq->items[i].value : NULL;
}

const struct sk_value *sk_get(const struct sk_value *v, const char *key) {
    if (v->type != SK_RECORD)
        return NULL;
    const struct sk_seq *q = v->u.seq;
    for (size_t i = 0; i < q->count; i++)
        if (strcmp(q->items[i].key, key) == 0)
            return &q->items[i].value;
    for (size_t i = 0; i < q->count; i++) {
        const struct sk_value *inner = q->items[i].key[0] ? NULL : sk_get(&q->items[i].value, key);
        if (inner)
            return inner;
    }
    return NULL;
}

const struct sk_value *sk_main(const struct sk_value *v) {
    while (v->type == SK_RECORD && v->u.seq->main != SK_NO_MAIN)
        v = &v->u.seq->items[v->u.seq->main].value;
    return v;
}

static bool equal_seq(const struct sk_seq *a, const struct sk_seq *b) {
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct sk_item *x = &a->items[i], *y = &b->items[i];
        if ((x->key == NULL) != (y->key == NULL) || (x->key && strcmp(x->key, y->key) != 0))
            return false;
        if (!sk_equal(&x->value, &y->value))
            return false;
    }
    return true;
}

bool sk_equal(const struct sk_value *a, const struct sk_value *b) {
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case SK_NULL:
        return true;
    case SK_BOOL:
        return a->u.b == b->u.b;
    case SK_INT:
        return a->u.i == b->u.i;
    case SK_FLOAT:
        return a->u.f == b->u.f;
    case SK_TEXT:
    case SK_BYTES:
    case SK_ADDR:
        return a->u.s->len == b->u.s->len && memcmp(a->u.s->data, b->u.s->data, a->u.s->len) == 0;
    case SK_HANDLE:
        return a->u.ref.slot == b->u.ref.slot && a->u.ref.gen == b->u.ref.gen;
    case SK_LIST:
    case SK_RECORD:
        return a->u.seq == b->u.seq || equal_seq(a->u.seq, b->u.seq);
    }
    return false;
}
