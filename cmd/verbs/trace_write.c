/* Traces as a whole: any form, event by event or at once. */
#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "lang/call.h"
#include "verbs/trace.h"

enum trace_form trace_form_of(const char *path) {
    static const struct {
        const char *suffix;
        enum trace_form form;
    } rows[] = { { ".pcapng", TRACE_PCAPNG }, { ".pcap", TRACE_PCAPNG }, { ".mmd", TRACE_MERMAID },
                 { ".svg", TRACE_SVG },       { ".hex", TRACE_HEX },     { ".json", TRACE_JSON } };
    size_t n = strlen(path);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t k = strlen(rows[i].suffix);
        if (n > k && strcmp(path + n - k, rows[i].suffix) == 0)
            return rows[i].form;
    }
    return TRACE_LADDER;
}

bool trace_streams(enum trace_form form) {
    return form == TRACE_LADDER || form == TRACE_HEX || form == TRACE_PCAPNG || form == TRACE_JSON;
}

void trace_start(struct session *ses, size_t most) {
    sk_tape_start(most);
    for (struct object *o = session_next(ses, NULL); o; o = session_next(ses, o)) {
        if (o->cls != O_SOCKET || !o->u.sock)
            continue;
        sk_tap_join(o->u.sock);
        sk_tap_name(o->u.sock, o->name);
    }
}

/* ---- Values ---- */

static const char *const kind_names[] = {
    [SK_TAP_CONNECT] = "connect", [SK_TAP_OPEN] = "open",   [SK_TAP_FAILED] = "failed",     [SK_TAP_LISTEN] = "listen",
    [SK_TAP_ACCEPT] = "accept",   [SK_TAP_SENT] = "sent",   [SK_TAP_RECEIVED] = "received", [SK_TAP_SHUT] = "shutdown",
    [SK_TAP_END] = "eof",         [SK_TAP_ERROR] = "error", [SK_TAP_CLOSE] = "close",       [SK_TAP_TLS] = "tls",
    [SK_TAP_POLL] = "poll",       [SK_TAP_NOTE] = "note",
};

static struct sk_value words_value(const struct sk_tap_event *e) {
    struct sk_buf text = { 0 };
    trace_words(e, 400, &text);
    struct sk_value v = sk_text_n(text.len ? (const char *)sk_buf_data(&text) : "", text.len);
    sk_buf_done(&text);
    return v;
}

struct sk_value trace_event_value(const struct sk_tap_event *e) {
    bool data = trace_is_data(e), has_code = e->kind == SK_TAP_FAILED || e->kind == SK_TAP_ERROR;
    struct sk_value v = sk_record();
    struct sk_err why = { 0 };
    sk_put(&v, "t", sk_float(trace_seconds(e)));
    sk_put(&v, "ns", sk_int(sk_tape->epoch + (e->at - sk_tape->start)));
    sk_put(&v, "event", sk_text(kind_names[e->kind]));
    sk_put(&v, "sock", e->track && e->track->name[0] ? sk_text(e->track->name) : sk_null());
    sk_put(&v, "id", e->track ? sk_int(e->track->id) : sk_null());
    sk_put(&v, "bytes", data ? sk_bytes_cut(e->data, e->len, e->real_len) : sk_null());
    sk_put(&v, "peer", e->peer ? sk_sockaddr(&e->peer->u, e->peer->len) : sk_null());
    if (has_code)
        sk_fail_sys(&why, e->code, "connect", NULL);
    sk_put(&v, "code", has_code ? sk_text(sk_err_name(&why)) : sk_null());
    sk_put(&v, "text", data ? sk_null() : words_value(e));
    return v;
}

static int json_event(const struct sk_tap_event *e, struct sk_buf *out, struct sk_err *err) {
    struct sk_value v = trace_event_value(e);
    int rc = value_json(NULL, &v, out, err);
    sk_drop(v);
    return rc < 0 ? -1 : sk_buf_add_str(out, "\n", err);
}

/* ---- Event by event ---- */

struct offset { /* how far the dump of one direction of a socket is */
    uint32_t id;
    bool sent;
    uint64_t at;
};

struct trace_writer {
    enum trace_form form;
    size_t columns;
    const struct sk_track *only;
    struct trace_ladder *ladder; /* once its measures are known: at the first event */
    struct trace_pcap *pcap;
    void *offsets; /* tsearch tree */
};

struct trace_writer *trace_writer_new(enum trace_form form, size_t columns, const struct sk_track *only) {
    struct trace_writer *w = sk_alloc(sizeof *w);
    *w = (struct trace_writer){ .form = form, .columns = columns, .only = only };
    if (form == TRACE_PCAPNG)
        w->pcap = trace_pcap_new();
    return w;
}

void trace_writer_free(struct trace_writer *w) {
    if (!w)
        return;
    trace_ladder_free(w->ladder);
    trace_pcap_free(w->pcap);
    tdestroy(w->offsets, free);
    free(w);
}

static int by_direction(const void *a, const void *b) {
    const struct offset *x = a, *y = b;
    return x->id != y->id ? (x->id > y->id) - (x->id < y->id) : x->sent - y->sent;
}

static struct offset *offset_of(struct trace_writer *w, const struct sk_tap_event *e) {
    struct offset key = { .id = e->track ? e->track->id : 0, .sent = e->kind == SK_TAP_SENT };
    void *found = tfind(&key, &w->offsets, by_direction);
    if (found)
        return *(struct offset **)found;
    struct offset *o = sk_alloc(sizeof *o);
    *o = key;
    if (!tsearch(o, &w->offsets, by_direction))
        abort(); /* no memory; small allocations do not report it */
    return o;
}

int trace_write(struct trace_writer *w, const struct sk_tap_event *e, struct sk_buf *out, struct sk_err *err) {
    uint64_t none = 0;
    if (w->form == TRACE_PCAPNG)
        return !e || trace_is_of(e, w->only) ? trace_pcap_event(w->pcap, e, out, err) : 0;
    if (!e || !trace_is_of(e, w->only))
        return 0;
    if (w->form == TRACE_HEX)
        return trace_hex_event(e, trace_is_data(e) ? &offset_of(w, e)->at : &none, out, err);
    if (w->form == TRACE_JSON)
        return json_event(e, out, err);
    if (!w->ladder)
        w->ladder = trace_ladder_new(w->columns, w->only);
    return trace_ladder_event(w->ladder, e, out, err);
}

/* ---- At once ---- */

int trace_render(enum trace_form form, size_t columns, const struct sk_track *only, struct sk_buf *out,
                 struct sk_err *err) {
    if (form == TRACE_MERMAID)
        return trace_mermaid(only, out, err);
    if (form == TRACE_BARS)
        return trace_bars(columns, only, out, err);
    if (form == TRACE_SVG)
        return trace_svg(only, out, err);
    struct trace_writer *w = trace_writer_new(form, columns, only);
    int rc = trace_write(w, NULL, out, err);
    for (const struct sk_tap_event *e = sk_tape->first; rc == 0 && e; e = e->next)
        rc = trace_write(w, e, out, err);
    trace_writer_free(w);
    return rc;
}
