/* The ladder as a sequence diagram of Mermaid, for issues and READMEs. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "verbs/trace.h"

enum { LABEL_MOST = 60 };

/* In labels ; and # have a meaning, and are written as entities: in one pass, or # of the first would be replaced by
 * the second. In notes : has one too. */
static int add_label(struct sk_buf *out, const struct sk_buf *text, bool note, struct sk_err *err) {
    const char *p = text->len ? (const char *)sk_buf_data(text) : "";
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < text->len; i++)
        if (p[i] == ';' || p[i] == '#' || (note && p[i] == ':'))
            rc = sk_buf_printf(out, err, "#%d;", p[i]);
        else
            rc = sk_buf_add(out, p + i, 1, err);
    return rc;
}

/* Whoever takes part, in order of appearance: ids, since no name may be "end". */
static int add_participant(const struct sk_track *t, bool *known, struct sk_buf *out, struct sk_err *err) {
    struct sk_buf name = { 0 };
    if (!t || known[t->id])
        return 0;
    known[t->id] = true;
    trace_name(t, &name);
    sk_buf_printf(out, NULL, "    participant s%u as ", t->id);
    add_label(out, &name, true, NULL);
    sk_buf_done(&name);
    return sk_buf_add_str(out, "\n", err);
}

static int add_note(const struct sk_tap_event *e, struct sk_buf *out, struct sk_err *err) {
    struct sk_buf text = { 0 };
    trace_words(e, 2 * LABEL_MOST, &text);
    if (e->track)
        sk_buf_printf(out, NULL, "    Note over me,s%u: ", e->track->id);
    else
        sk_buf_add_str(out, "    Note over me: ", NULL);
    add_label(out, &text, true, NULL);
    sk_buf_done(&text);
    return sk_buf_add_str(out, "\n", err);
}

static int add_message(const struct sk_tap_event *e, struct sk_buf *out, struct sk_err *err) {
    struct sk_buf text = { 0 };
    uint32_t id = e->track->id;
    if (e->kind == SK_TAP_SENT)
        sk_buf_printf(out, NULL, "    me->>s%u: ", id);
    else
        sk_buf_printf(out, NULL, "    s%u->>me: ", id);
    sk_buf_printf(out, NULL, "+%.3fs %zuB ", trace_seconds(e), e->real_len);
    trace_data(e->data, e->len, LABEL_MOST, &text);
    add_label(out, &text, false, NULL);
    sk_buf_done(&text);
    return sk_buf_add_str(out, "\n", err);
}

static int add_event(const struct sk_tap_event *e, struct sk_buf *out, struct sk_err *err) {
    switch (e->kind) {
    case SK_TAP_SENT:
    case SK_TAP_RECEIVED:
        return add_message(e, out, err);
    case SK_TAP_SHUT:
        return sk_buf_printf(out, err, "    me--)s%u: %s\n", e->track->id, e->code == SHUT_RD ? "shutdown rd" : "FIN");
    case SK_TAP_CLOSE:
        return sk_buf_printf(out, err, "    me--)s%u: close\n", e->track->id);
    case SK_TAP_END:
        return sk_buf_printf(out, err, "    s%u--)me: FIN\n", e->track->id);
    case SK_TAP_ERROR:
        if (e->code == ECONNRESET)
            return sk_buf_printf(out, err, "    s%u--)me: RST\n", e->track->id);
        return add_note(e, out, err);
    case SK_TAP_CONNECT: /* its end follows */
    case SK_TAP_POLL:
        return 0;
    default:
        return add_note(e, out, err);
    }
}

int trace_mermaid(const struct sk_track *only, struct sk_buf *out, struct sk_err *err) {
    bool *known = sk_alloc(sk_tape->tracks + 1);
    int rc = sk_buf_add_str(out, "sequenceDiagram\n    participant me as sockctl\n", err);
    for (const struct sk_tap_event *e = sk_tape->first; rc == 0 && e; e = e->next)
        if (trace_is_of(e, only))
            rc = add_participant(e->track, known, out, err);
    free(known);
    if (rc == 0 && sk_tape->lost_events)
        rc = sk_buf_printf(out, err, "    Note over me: %" PRIu64 " older events are gone\n", sk_tape->lost_events);
    for (const struct sk_tap_event *e = sk_tape->first; rc == 0 && e; e = e->next)
        if (trace_is_of(e, only))
            rc = add_event(e, out, err);
    return rc;
}
