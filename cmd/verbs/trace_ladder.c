/* The ladder: who said what when, a line each; and the dump of all bytes. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "verbs/trace.h"

enum { TIME_WIDTH = 10, LEAST = 28, LABEL_LEAST = 8, ROWS_MOST = 16 /* of one event */ };

struct trace_ladder {
    const struct sk_track *only;
    size_t label_most;
    size_t inner;        /* columns between the two rails */
    struct sk_buf names; /* of the sockets, for the first line */
    bool has_begun;
    bool has_many;
};

/* ---- Measures ---- */

/* What stands behind a row: the name, and of a datagram the address that it names. Its width. */
static size_t label(const struct sk_tap_event *e, size_t most, struct sk_buf *out) {
    char text[SK_ADDR_TEXT];
    struct sk_buf whole = { 0 };
    sk_buf_clear(out);
    if (e->track)
        trace_name(e->track, &whole);
    if (trace_is_data(e) && e->peer)
        sk_buf_printf(&whole, NULL, " %s", sk_addr_format(text, sizeof text, e->peer));
    size_t width = whole.len ? trace_cut((const char *)sk_buf_data(&whole), whole.len, most, "...", out) : 0;
    sk_buf_done(&whole);
    return width;
}

static size_t longest_line(const struct sk_tap_event *e) {
    const char *p = (const char *)e->data, *end = p + e->len;
    struct sk_buf text = { 0 };
    size_t longest = 0;
    if (!trace_is_data(e)) {
        trace_words(e, 200, &text);
        longest = text.len ? trace_width((const char *)sk_buf_data(&text), text.len) : 0;
    }
    for (int rows = 0; trace_is_data(e) && p < end && rows < ROWS_MOST; rows++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p)), *next = newline ? newline + 1 : end;
        sk_buf_clear(&text);
        size_t width = trace_data(p, (size_t)(next - p), 200, &text);
        longest = width > longest ? width : longest;
        p = next;
    }
    sk_buf_done(&text);
    return longest;
}

static void add_new_name(struct trace_ladder *l, const struct sk_track *t, bool *known) {
    if (!t || known[t->id])
        return;
    l->has_many |= l->names.len > 0;
    known[t->id] = true;
    if (l->names.len)
        sk_buf_add_str(&l->names, " ", NULL);
    trace_name(t, &l->names);
}

struct trace_ladder *trace_ladder_new(size_t columns, const struct sk_track *only) {
    struct trace_ladder *l = sk_alloc(sizeof *l);
    struct sk_buf text = { 0 };
    size_t widest = 1, longest = 0;
    bool *known = sk_alloc(sk_tape->tracks + 1);
    l->only = only;
    l->label_most = columns > TIME_WIDTH + 2 + LEAST + LABEL_LEAST ? columns - TIME_WIDTH - 2 - LEAST : LABEL_LEAST;
    for (const struct sk_tap_event *e = sk_tape->first; e; e = e->next) {
        if (!trace_is_of(e, only))
            continue;
        size_t width = label(e, l->label_most, &text), line = longest_line(e);
        widest = width > widest ? width : widest;
        longest = line > longest ? line : longest;
        add_new_name(l, e->track, known);
    }
    free(known);
    sk_buf_done(&text);
    size_t room = columns > TIME_WIDTH + 2 + widest + LEAST ? columns - TIME_WIDTH - 2 - widest : LEAST;
    l->inner = longest + 7 < LEAST ? LEAST : longest + 7 < room ? longest + 7 : room;
    return l;
}

void trace_ladder_free(struct trace_ladder *l) {
    if (l)
        sk_buf_done(&l->names);
    free(l);
}

/* ---- Rows ---- */

static void repeat(struct sk_buf *out, char c, size_t n) {
    while (n-- > 0)
        sk_buf_add(out, &c, 1, NULL);
}

/* `|--text ---->|` or `|<---- text-|` */
static void arrow(const struct trace_ladder *l, bool sent, const struct sk_buf *text, size_t width,
                  struct sk_buf *out) {
    size_t dashes = l->inner > width + 4 ? l->inner - width - 4 : 0;
    const void *p = text->len ? sk_buf_data(text) : (const unsigned char *)"";
    if (sent) {
        sk_buf_add_str(out, "--", NULL);
        sk_buf_add(out, p, text->len, NULL);
        sk_buf_add_str(out, " ", NULL);
        repeat(out, '-', dashes);
        sk_buf_add_str(out, ">", NULL);
    } else {
        sk_buf_add_str(out, "<", NULL);
        repeat(out, '-', dashes + 1);
        sk_buf_add_str(out, " ", NULL);
        sk_buf_add(out, p, text->len, NULL);
        sk_buf_add_str(out, "-", NULL);
    }
}

static void row_begin(const struct sk_tap_event *e, struct sk_buf *out) {
    sk_buf_printf(out, NULL, "%7.3f  |", trace_seconds(e));
}

static int row_end(const struct trace_ladder *l, const struct sk_tap_event *e, struct sk_buf *out, struct sk_err *err) {
    struct sk_buf text = { 0 };
    sk_buf_add_str(out, "|", NULL);
    if (label(e, l->label_most, &text)) {
        sk_buf_add_str(out, " ", NULL);
        sk_buf_add(out, sk_buf_data(&text), text.len, NULL);
    }
    sk_buf_done(&text);
    return sk_buf_add_str(out, "\n", err);
}

static int data_row(const struct trace_ladder *l, const struct sk_tap_event *e, const char *p, size_t n,
                    struct sk_buf *out, struct sk_err *err) {
    struct sk_buf text = { 0 };
    size_t width = trace_data(p, n, l->inner - 5, &text);
    if (n == 0) {
        sk_buf_add_str(&text, "''", NULL);
        width = 2;
    }
    row_begin(e, out);
    arrow(l, e->kind == SK_TAP_SENT, &text, width, out);
    sk_buf_done(&text);
    return row_end(l, e, out, err);
}

static int more_row(const struct trace_ladder *l, const struct sk_tap_event *e, size_t n, struct sk_buf *out,
                    struct sk_err *err) {
    struct sk_buf text = { 0 };
    sk_buf_printf(&text, NULL, "... %zu B more", n);
    row_begin(e, out);
    arrow(l, e->kind == SK_TAP_SENT, &text, text.len, out);
    sk_buf_done(&text);
    return row_end(l, e, out, err);
}

/* A row for each line of the data, while they are few. */
static int data_rows(const struct trace_ladder *l, const struct sk_tap_event *e, struct sk_buf *out,
                     struct sk_err *err) {
    const char *p = (const char *)e->data, *end = p + e->len;
    int rc = 0, rows = 0;
    if (e->len == 0)
        return data_row(l, e, p, 0, out, err);
    for (; rc == 0 && p < end; rows++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p)), *next = newline ? newline + 1 : end;
        if (rows == ROWS_MOST)
            return more_row(l, e, (size_t)(end - p), out, err);
        rc = data_row(l, e, p, (size_t)(next - p), out, err);
        p = next;
    }
    return rc;
}

static int word_row(const struct trace_ladder *l, const struct sk_tap_event *e, struct sk_buf *out,
                    struct sk_err *err) {
    size_t before;
    row_begin(e, out);
    sk_buf_add_str(out, "* ", NULL);
    before = out->len;
    trace_words(e, l->inner - 2, out);
    size_t width = trace_width((const char *)sk_buf_data(out) + before, out->len - before);
    repeat(out, ' ', l->inner - 2 > width ? l->inner - 2 - width : 0);
    return row_end(l, e, out, err);
}

static void head(const struct trace_ladder *l, struct sk_buf *out) {
    sk_buf_add_str(out, "  time   sockctl", NULL);
    repeat(out, ' ', l->inner + TIME_WIDTH + 1 - 16);
    if (!l->has_many && l->names.len)
        trace_cut((const char *)sk_buf_data(&l->names), l->names.len, l->label_most, "...", out);
    else
        sk_buf_add_str(out, "peer", NULL);
    sk_buf_add_str(out, "\n", NULL);
}

int trace_ladder_event(struct trace_ladder *l, const struct sk_tap_event *e, struct sk_buf *out, struct sk_err *err) {
    if (!trace_is_of(e, l->only))
        return 0;
    if (!l->has_begun)
        head(l, out);
    l->has_begun = true;
    return trace_is_data(e) ? data_rows(l, e, out, err) : word_row(l, e, out, err);
}

/* ---- The dump ---- */

int trace_hex_event(const struct sk_tap_event *e, uint64_t *offset, struct sk_buf *out, struct sk_err *err) {
    struct sk_buf text = { 0 };
    label(e, SIZE_MAX, &text);
    sk_buf_printf(out, NULL, "%.6f %.*s%s", trace_seconds(e), (int)text.len,
                  text.len ? (const char *)sk_buf_data(&text) : "", text.len ? " " : "");
    sk_buf_done(&text);
    if (!trace_is_data(e)) {
        sk_buf_add_str(out, "* ", NULL);
        trace_words(e, 200, out);
        return sk_buf_add_str(out, "\n", err);
    }
    sk_buf_printf(out, NULL, "%c %zu B\n", e->kind == SK_TAP_SENT ? '>' : '<', e->real_len);
    uint64_t at = *offset;
    *offset += e->real_len;
    return sk_hexdump(out, e->data, e->len, at, err);
}
