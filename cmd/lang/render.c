/* Values as JSON, as text, and as one word of the language. */
#include "lang/render.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "lang/call.h"
#include "lang/fields.h"

/* Output that remembers its first failure, so that what is built reads as one piece. */
struct writer {
    struct session *ses;
    struct sk_buf *out;
    struct sk_err *err;
    bool failed;
};

static void put(struct writer *w, const void *p, size_t n) {
    if (!w->failed && sk_buf_add(w->out, p, n, w->err) < 0)
        w->failed = true;
}

static void put_str(struct writer *w, const char *s) { put(w, s, strlen(s)); }

static void check(struct writer *w, int rc) {
    if (rc < 0)
        w->failed = true;
}

/* ---- Numbers ---- */

static void put_int(struct writer *w, int64_t i) {
    char digits[24], *p = digits + sizeof digits;
    uint64_t rest = i < 0 ? -(uint64_t)i : (uint64_t)i;
    do
        *--p = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (i < 0)
        *--p = '-';
    put(w, p, (size_t)(digits + sizeof digits - p));
}

/* Times are whole microseconds of a second or of a millisecond: exact with six decimals. False when f is something
 * else. */
static bool put_decimal(struct writer *w, double f) {
    static const double LARGEST = 1e9;
    if (!(f >= 0 && f < LARGEST))
        return false;
    int64_t micro = (int64_t)(f * 1e6 + 0.5);
    if ((double)micro / 1e6 != f)
        return false;
    put_int(w, micro / 1000000);
    int64_t rest = micro % 1000000;
    if (rest == 0)
        return true;
    char digits[7] = ".";
    size_t n = 7;
    for (size_t i = 6; i > 0; i--, rest /= 10)
        digits[i] = (char)('0' + rest % 10);
    while (digits[n - 1] == '0')
        n--;
    put(w, digits, n);
    return true;
}

/* The shortest form that reads back as f; JSON has none for what is not finite. */
static void put_float(struct writer *w, double f) {
    char text[40];
    if (!__builtin_isfinite(f)) {
        put_str(w, "null");
        return;
    }
    if (put_decimal(w, f))
        return;
    for (int digits = 15; digits <= 17; digits++) {
        double back;
        snprintf(text, sizeof text, "%.*g", digits, f);
        if (sscanf(text, "%lf", &back) == 1 && back == f)
            break;
    }
    put_str(w, text);
}

/* ---- JSON ---- */

static bool is_plain(unsigned char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

/* Shown by a terminal as it is: the one table of what is not is behind sk_escape. */
static bool is_shown(const void *p, size_t len) {
    char text[8];
    return strlen(sk_escape_cut(text, sizeof text, p, len)) == len && memcmp(text, p, len) == 0;
}

static void put_escaped(struct writer *w, uint32_t c) {
    static const char shorts[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    for (const char *s = shorts; *s; s += 2)
        if ((unsigned char)*s == c) {
            put(w, (const char[]){ '\\', s[1] }, 2);
            return;
        }
    char text[16];
    int n;
    if (c > 0xffff)
        n = snprintf(text, sizeof text, "\\u%04x\\u%04x", (unsigned)(0xd7c0 + (c >> 10)),
                     (unsigned)(0xdc00 + (c & 0x3ff)));
    else
        n = snprintf(text, sizeof text, "\\u%04x", (unsigned)c);
    put(w, text, (size_t)n);
}

static uint32_t code_point(const unsigned char *s, size_t len) {
    static const unsigned char first[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    uint32_t c = s[0] & first[len];
    for (size_t i = 1; i < len; i++)
        c = c << 6 | (s[i] & 0x3fu);
    return c;
}

/* Always valid UTF-8: a byte that is not becomes U+FFFD. */
static void put_string(struct writer *w, const void *text, size_t n) {
    const unsigned char *p = text, *end = p + n;
    put(w, "\"", 1);
    while (p < end && !w->failed) {
        const unsigned char *run = p;
        while (p < end && is_plain(*p))
            p++;
        put(w, run, (size_t)(p - run));
        if (p == end)
            break;
        size_t len = sk_utf8_len(p, (size_t)(end - p));
        uint32_t c = len ? code_point(p, len) : 0;
        if (len == 0)
            put_str(w, "\xef\xbf\xbd");
        else if (c >= 0x80 && is_shown(p, len))
            put(w, p, len);
        else
            put_escaped(w, c);
        p += len ? len : 1;
    }
    put(w, "\"", 1);
}

static void put_json(struct writer *w, const struct sk_value *v);

static void put_owned(struct writer *w, struct sk_value v) {
    put_json(w, &v);
    sk_drop(v);
}

/* The records around a merged one: a field that one of them names is theirs. */
struct around {
    const struct sk_seq *seq;
    const struct around *out;
};

static bool is_named(const struct around *a, const char *key) {
    for (; a; a = a->out)
        for (size_t i = 0; i < a->seq->count; i++)
            if (strcmp(a->seq->items[i].key, key) == 0)
                return true;
    return false;
}

static bool begin_member(struct writer *w, bool *any, const struct around *around, const char *key) {
    if (is_named(around, key))
        return false;
    if (*any)
        put(w, ",", 1);
    *any = true;
    put_string(w, key, strlen(key));
    put(w, ":", 1);
    return true;
}

/* In bytes_part's order, written without a copy of what may be long. */
static void put_bytes_part(struct writer *w, const struct sk_value *v, size_t i) {
    const struct sk_blob *s = v->u.s;
    if (strcmp(bytes_fields[i], "base64") == 0) {
        put(w, "\"", 1);
        check(w, sk_base64(w->out, s->data, s->len, w->err));
        put(w, "\"", 1);
    } else if (strcmp(bytes_fields[i], "text") == 0 && sk_utf8_valid(s->data, s->len)) {
        put_string(w, s->data, s->len);
    } else {
        put_owned(w, strcmp(bytes_fields[i], "text") == 0 ? sk_null() : bytes_part(v, i));
    }
}

static void put_bytes_members(struct writer *w, const struct sk_value *v, bool *any, const struct around *around) {
    for (size_t i = 0; bytes_fields[i]; i++)
        if (begin_member(w, any, around, bytes_fields[i]))
            put_bytes_part(w, v, i);
}

static void put_address_members(struct writer *w, const struct sk_value *v, bool *any, const struct around *around) {
    struct sk_addr a = value_addr(v);
    for (size_t i = 0; address_fields[i]; i++)
        if (begin_member(w, any, around, address_fields[i]))
            put_owned(w, address_part(&a, i));
}

static void put_handle_members(struct writer *w, const struct sk_value *v, bool *any, const struct around *around) {
    const struct object *obj = session_get(w->ses, v->u.ref);
    const char *const *names = object_fields(obj);
    for (size_t i = 0; names[i]; i++)
        if (begin_member(w, any, around, names[i]))
            put_owned(w, object_part(w->ses, obj, i));
}

/* The members of the object that v is; a scalar has one, called value. */
static void put_members(struct writer *w, const struct sk_value *v, bool *any, const struct around *around) {
    switch (v->type) {
    case SK_NULL:
        return;
    case SK_BYTES:
        put_bytes_members(w, v, any, around);
        return;
    case SK_ADDR:
        put_address_members(w, v, any, around);
        return;
    case SK_HANDLE:
        put_handle_members(w, v, any, around);
        return;
    case SK_RECORD:
        break;
    default:
        if (begin_member(w, any, around, "value"))
            put_json(w, v);
        return;
    }
    const struct sk_seq *q = v->u.seq;
    for (size_t i = 0; i < q->count && !w->failed; i++) {
        const struct sk_item *item = &q->items[i];
        if (item->key[0] == '\0')
            put_members(w, &item->value, any, &(struct around){ .seq = q, .out = around });
        else if (begin_member(w, any, around, item->key))
            put_json(w, &item->value);
    }
}

static void put_list(struct writer *w, const struct sk_seq *q) {
    put(w, "[", 1);
    for (size_t i = 0; i < q->count && !w->failed; i++) {
        if (i)
            put(w, ",", 1);
        put_json(w, &q->items[i].value);
    }
    put(w, "]", 1);
}

static void put_json(struct writer *w, const struct sk_value *v) {
    bool any = false;
    switch (v->type) {
    case SK_NULL:
        put_str(w, "null");
        return;
    case SK_BOOL:
        put_str(w, v->u.b ? "true" : "false");
        return;
    case SK_INT:
        put_int(w, v->u.i);
        return;
    case SK_FLOAT:
        put_float(w, v->u.f);
        return;
    case SK_TEXT:
        put_string(w, v->u.s->data, v->u.s->len);
        return;
    case SK_LIST:
        put_list(w, v->u.seq);
        return;
    default:
        put(w, "{", 1);
        put_members(w, v, &any, NULL);
        put(w, "}", 1);
    }
}

int value_json(struct session *ses, const struct sk_value *v, struct sk_buf *out, struct sk_err *err) {
    struct writer w = { .ses = ses, .out = out, .err = err };
    put_json(&w, v);
    return w.failed ? -1 : 0;
}

/* ---- Text ---- */

int text_clean(struct sk_buf *out, const void *p, size_t n, bool lines, struct sk_err *err) {
    const unsigned char *s = p, *end = s + n;
    while (s < end) {
        const unsigned char *run = s;
        while (s < end && ((*s >= 0x20 && *s < 0x7f) || (lines && (*s == '\n' || *s == '\t'))))
            s++;
        if (sk_buf_add(out, run, (size_t)(s - run), err) < 0)
            return -1;
        run = s;
        while (s < end && (*s < 0x20 || *s >= 0x7f) && !(lines && (*s == '\n' || *s == '\t')))
            s++;
        if (s > run && sk_escape(out, run, (size_t)(s - run), SK_ESC_QUOTED, err) < 0)
            return -1;
    }
    return 0;
}

static void put_name(struct writer *w, struct sk_ref ref) {
    const struct object *obj = session_get(w->ses, ref);
    put_str(w, obj && obj->name[0] ? obj->name : "closed");
}

static void put_address(struct writer *w, const struct sk_value *v) {
    char text[SK_ADDR_TEXT];
    struct sk_addr a = value_addr(v);
    put_str(w, sk_addr_format(text, sizeof text, &a));
}

/* Scalars look the same in every text form; false for what does not. */
static bool put_scalar(struct writer *w, const struct sk_value *v) {
    if (v->type == SK_HANDLE)
        put_name(w, v->u.ref);
    else if (v->type == SK_ADDR)
        put_address(w, v);
    else if (v->type <= SK_FLOAT)
        put_json(w, v);
    else
        return false;
    return true;
}

static bool holds_records(const struct sk_value *list) {
    for (size_t i = 0; i < list->u.seq->count; i++)
        if (sk_is_seq(sk_main(&list->u.seq->items[i].value)->type))
            return true;
    return false;
}

static void put_text(struct writer *w, const struct sk_value *v, const char *between) {
    v = sk_main(v);
    if (put_scalar(w, v))
        return;
    if (v->type == SK_TEXT) {
        check(w, text_clean(w->out, v->u.s->data, v->u.s->len, false, w->err));
    } else if (v->type == SK_BYTES) {
        put(w, "'", 1);
        check(w, sk_escape(w->out, v->u.s->data, v->u.s->len, SK_ESC_QUOTED, w->err));
        put(w, "'", 1);
    } else if (v->type == SK_RECORD || holds_records(v)) {
        put_json(w, v);
    } else {
        for (size_t i = 0; i < v->u.seq->count && !w->failed; i++) {
            if (i)
                put_str(w, between);
            put_text(w, &v->u.seq->items[i].value, ",");
        }
    }
}

int value_text(struct session *ses, const struct sk_value *v, struct sk_buf *out, struct sk_err *err) {
    struct writer w = { .ses = ses, .out = out, .err = err };
    put_text(&w, v, "\n");
    return w.failed ? -1 : 0;
}

int value_cell(struct session *ses, const struct sk_value *v, struct sk_buf *out, struct sk_err *err) {
    struct writer w = { .ses = ses, .out = out, .err = err };
    size_t before = out->len;
    if (sk_main(v)->type != SK_NULL)
        put_text(&w, v, ",");
    if (out->len == before)
        put_str(&w, "-");
    return w.failed ? -1 : 0;
}

int value_word(struct session *ses, const struct sk_value *v, struct sk_buf *out, struct sk_err *err) {
    struct writer w = { .ses = ses, .out = out, .err = err };
    v = sk_main(v);
    if (v->type == SK_TEXT || v->type == SK_BYTES)
        put(&w, v->u.s->data, v->u.s->len);
    else if (!put_scalar(&w, v))
        put_json(&w, v);
    return w.failed ? -1 : 0;
}
