/* How a command ended, as the envelope that JSON shows (INTERFACE.md B4). */
#include <string.h>

#include "base/bytes.h"
#include "lang/call.h"
#include "lang/collect.h"
#include "lang/fields.h"

enum { ENVELOPE_VERSION = 1 };

static struct sk_value text_or_null(const char *s) { return s && *s ? sk_text(s) : sk_null(); }

static double micro(sk_time ns, sk_time unit) { return (double)(ns / 1000) / (double)(unit / 1000); }

/* ---- Handles as they are now: an envelope may be read when they have changed ---- */

static bool has_handle(const struct sk_value *v) {
    if (v->type == SK_HANDLE)
        return true;
    if (!sk_is_seq(v->type))
        return false;
    for (size_t i = 0; i < v->u.seq->count; i++)
        if (has_handle(&v->u.seq->items[i].value))
            return true;
    return false;
}

static struct sk_value settled(struct session *ses, const struct sk_value *v) {
    if (!has_handle(v))
        return sk_copy(*v);
    if (v->type == SK_HANDLE)
        return handle_record(ses, v->u.ref);
    struct sk_value out = v->type == SK_LIST ? sk_list() : sk_record();
    for (size_t i = 0; i < v->u.seq->count; i++) {
        const struct sk_item *item = &v->u.seq->items[i];
        if (v->type == SK_LIST)
            sk_push(&out, settled(ses, &item->value));
        else
            sk_put(&out, item->key, settled(ses, &item->value));
    }
    return out;
}

/* ---- result and error ---- */

/* The envelopes of the commands that ran inside stand beside result or error. */
static const char inner_key[] = "results";

static const struct sk_value *inner_of(const struct call *c, const struct sk_value *v) {
    const struct sk_value *in_result = v && v->type == SK_RECORD ? sk_get(v, inner_key) : NULL;
    if (in_result && (c->cmd->flags & PREFIX))
        return in_result;
    return c->extra.type == SK_RECORD ? sk_get(&c->extra, inner_key) : NULL;
}

static struct sk_value without_inner(const struct sk_value *v) {
    struct sk_value out = sk_record();
    for (size_t i = 0; i < v->u.seq->count; i++) {
        const struct sk_item *item = &v->u.seq->items[i];
        if (strcmp(item->key, inner_key) != 0)
            sk_put(&out, item->key, sk_copy(item->value));
    }
    return out;
}

/* What JSON calls a scalar stands in an object; no result is {}. */
static struct sk_value result_value(struct call *c, const struct sk_value *v) {
    struct sk_value record = sk_record();
    if (!v || v->type == SK_NULL)
        return record;
    if (v->type > SK_TEXT) {
        sk_drop(record);
        return settled(c->ses, v);
    }
    sk_put_main(&record, "value", sk_copy(*v));
    return record;
}

static void put_extra(struct call *c, struct sk_value *error) {
    if (c->extra.type != SK_RECORD)
        return;
    for (size_t i = 0; i < c->extra.u.seq->count; i++) {
        const struct sk_item *item = &c->extra.u.seq->items[i];
        if (!sk_get(error, item->key) && strcmp(item->key, inner_key) != 0)
            sk_put(error, item->key, settled(c->ses, &item->value));
    }
}

/* The system call of an operation that is none itself; NULL where there is none. */
static const char *syscall_of(const char *op) {
    static const struct {
        const char *op, *call;
    } rows[] = {
        { "readline", "recv" },   { "readinto", "recv" },    { "expect", "recv" },       { "silent", "recv" },
        { "sendall", "send" },    { "sendline", "send" },    { "makefile", NULL },       { "modify", NULL },
        { "inet_pton", NULL },    { "inet_ntop", NULL },     { "if_nametoindex", NULL }, { "if_indextoname", NULL },
        { "if_nameindex", NULL }, { "gethostname", NULL },   { "malloc", NULL },         { "vsnprintf", NULL },
        { "tls", NULL },          { "TLS handshake", NULL }, { "starttls", NULL },       { "peercert", NULL },
        { "proxy", NULL },        { "PROXY header", NULL }
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].op, op) == 0)
            return rows[i].call;
    return op;
}

struct sk_value outcome_error(const struct sk_err *err) {
    int has_number, number = sk_err_number(err, &has_number);
    struct sk_value e = sk_record();
    sk_put(&e, "code", sk_text(sk_err_name(err)));
    sk_put(&e, "errno", has_number ? sk_int(number) : sk_null());
    sk_put(&e, "syscall", err->kind == SK_SYS ? text_or_null(syscall_of(err->op)) : sk_null());
    sk_put(&e, "exit", sk_int(sk_err_status(err)));
    sk_put_main(&e, "message", sk_text(err->msg));
    return e;
}

static struct sk_value error_value(struct call *c, const struct sk_err *err, const struct sk_value *streamed) {
    struct sk_value e = outcome_error(err);
    put_extra(c, &e);
    if (streamed && streamed->type == SK_BYTES && !sk_get(&e, "partial"))
        sk_put(&e, "partial", sk_copy(*streamed));
    if (streamed && streamed->type == SK_LIST && !sk_get(&e, "items"))
        sk_put(&e, "items", settled(c->ses, streamed));
    return e;
}

/* ---- --bytes ---- */

enum bytes_as { AS_BOTH, AS_BASE64, AS_HEX, AS_TEXT, AS_ALL };

static struct sk_value hex_of(const struct sk_value *v) {
    struct sk_buf digits = { 0 };
    struct sk_value hex = sk_null();
    if (sk_hex(&digits, v->u.s->data, v->u.s->len, NULL) == 0)
        hex = sk_text_n(digits.len > 0 ? (const char *)sk_buf_data(&digits) : "", digits.len);
    sk_buf_done(&digits);
    return hex;
}

/* The fields of bytes without those that were not asked for. */
static struct sk_value bytes_as(const struct sk_value *v, enum bytes_as as) {
    struct sk_value out = sk_record();
    for (size_t i = 0; bytes_fields[i] != NULL; i++) {
        bool text = strcmp(bytes_fields[i], "text") == 0, base64 = strcmp(bytes_fields[i], "base64") == 0;
        if ((!text && !base64) || as == AS_ALL || (text && as == AS_TEXT) || (base64 && as == AS_BASE64))
            sk_put(&out, bytes_fields[i], bytes_part(v, i));
    }
    if (as == AS_HEX || as == AS_ALL)
        sk_put(&out, "hex", hex_of(v));
    return out;
}

/* v with its bytes in that form; takes v over. */
static struct sk_value narrowed(struct sk_value v, enum bytes_as as) {
    if (v.type != SK_BYTES && !sk_is_seq(v.type))
        return v;
    struct sk_value out = v.type == SK_BYTES ? bytes_as(&v, as) : v.type == SK_LIST ? sk_list() : sk_record();
    for (size_t i = 0; v.type != SK_BYTES && i < v.u.seq->count; i++) {
        const struct sk_item *item = &v.u.seq->items[i];
        struct sk_value part = narrowed(sk_copy(item->value), as);
        if (v.type == SK_LIST)
            sk_push(&out, part);
        else
            sk_put(&out, item->key, part);
    }
    sk_drop(v);
    return out;
}

struct sk_value outcome_value(struct call *c, const struct outcome *o, const struct sk_value *streamed) {
    struct sk_value v = sk_record();
    sk_put(&v, "v", sk_int(ENVELOPE_VERSION));
    sk_put(&v, "seq", sk_int((int64_t)o->seq));
    sk_put(&v, "t", sk_float(micro(o->started, SK_SECOND)));
    sk_put(&v, "cmd", text_or_null(o->cmd));
    sk_put(&v, "sock", text_or_null(o->sock));
    sk_put(&v, "ok", sk_bool(o->ok));
    sk_put(&v, "ms", sk_float(micro(o->took, SK_MS)));
    const struct sk_value *shown = streamed ? streamed : o->result, *inner = inner_of(c, o->ok ? shown : NULL);
    struct sk_value bare = inner && o->ok && shown ? without_inner(shown) : sk_null();
    if (o->ok)
        sk_put_main(&v, "result", result_value(c, bare.type != SK_NULL ? &bare : shown));
    else
        sk_put_main(&v, "error", error_value(c, o->err, streamed));
    if (inner)
        sk_put(&v, inner_key, sk_copy(*inner));
    sk_drop(bare);
    return c->opt->bytes == AS_BOTH ? v : narrowed(v, (enum bytes_as)c->opt->bytes);
}

static struct sk_value failed_item(struct call *c, const struct sk_value *item, const struct sk_value *error) {
    struct sk_value e = sk_record();
    for (size_t i = 0; i < error->u.seq->count; i++)
        sk_put(&e, error->u.seq->items[i].key, sk_copy(error->u.seq->items[i].value));
    for (size_t i = 0; i < item->u.seq->count; i++)
        if (&item->u.seq->items[i].value != error)
            sk_put(&e, item->u.seq->items[i].key, settled(c->ses, &item->u.seq->items[i].value));
    return e;
}

struct sk_value outcome_item(struct call *c, const struct sk_value *item) {
    sk_time now = sk_now();
    const struct sk_value *error = item->type == SK_RECORD ? sk_get(item, "error") : NULL;
    struct sk_value v = sk_record();
    sk_put(&v, "v", sk_int(ENVELOPE_VERSION));
    sk_put(&v, "seq", sk_int((int64_t)++ * c->frame->seq));
    sk_put(&v, "t", sk_float(micro(now - c->frame->born, SK_SECOND)));
    sk_put(&v, "cmd", sk_text(c->cmd->name));
    sk_put(&v, "sock", sk_null());
    sk_put(&v, "ok", sk_bool(!error));
    sk_put(&v, "ms", sk_float(micro(now - c->started, SK_MS)));
    sk_put(&v, error ? "error" : "result", error ? failed_item(c, item, error) : settled(c->ses, item));
    return v;
}

bool outcome_was_told(const struct call *c, const struct outcome *o) {
    return (c->cmd->flags & EACH) && !o->bound && (o->ok || c->told);
}

/* What came before a failure: the bytes, or the items. */
static struct sk_value came(const struct delivery *d) {
    if (d && d->bytes.len)
        return sk_bytes(sk_buf_data(&d->bytes), d->bytes.len);
    return d ? sk_copy(d->items) : sk_null();
}

struct sk_value outcome_delivered(struct call *c, const struct outcome *o, const struct delivery *d) {
    bool kept = c->cmd->result == R_STREAM || c->cmd->result == R_ITEMS;
    struct sk_value streamed = !o->ok ? came(d) : kept && !o->bound ? delivery_value(c, d) : sk_null();
    struct sk_value v = outcome_value(c, o, streamed.type == SK_NULL ? NULL : &streamed);
    sk_drop(streamed);
    return v;
}
