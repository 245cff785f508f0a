/* The text forms: bytes, lines, tables, messages. */
#include "out/text.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "lang/call.h"
#include "lang/fields.h"
#include "lang/render.h"

enum { ROW = 16 };                               /* bytes in a row of the hex dump */
static const size_t LONGEST_LITERAL = 16 * 1024; /* data without a line end is cut there */

/* ---- Bytes ---- */

static int literal(struct sk_buf *out, const void *p, size_t n, struct sk_err *err) {
    if (sk_buf_add(out, "'", 1, err) < 0 || sk_escape(out, p, n, SK_ESC_QUOTED, err) < 0)
        return -1;
    return sk_buf_add(out, "'\n", 2, err);
}

static int held_literal(struct delivery *d, struct sk_buf *out, struct sk_err *err) {
    int rc = literal(out, sk_buf_data(&d->bytes), d->bytes.len, err);
    sk_buf_clear(&d->bytes);
    return rc;
}

/* A literal for each line of data; the line that has no end yet is held. */
static int feed_lines(struct delivery *d, const char *p, size_t n, struct sk_buf *out, struct sk_err *err) {
    while (n > 0) {
        const char *end = memchr(p, '\n', n);
        size_t k = end ? (size_t)(end - p) + 1 : n, room = LONGEST_LITERAL - d->bytes.len;
        bool whole = end || k >= room;
        if (k > room)
            k = room;
        if (whole && d->bytes.len == 0) {
            if (literal(out, p, k, err) < 0)
                return -1;
        } else {
            if (sk_buf_add(&d->bytes, p, k, err) < 0 || (whole && held_literal(d, out, err) < 0))
                return -1;
        }
        p += k;
        n -= k;
    }
    return 0;
}

static int dump(struct delivery *d, const void *p, size_t n, struct sk_buf *out, struct sk_err *err) {
    int rc = sk_hexdump(out, p, n, d->at, err);
    d->at += n;
    return rc;
}

/* Whole rows; the last bytes wait for the rest of theirs. */
static int feed_rows(struct delivery *d, const char *p, size_t n, struct sk_buf *out, struct sk_err *err) {
    size_t missing = d->bytes.len ? ROW - d->bytes.len : 0;
    if (missing && n >= missing) {
        if (sk_buf_add(&d->bytes, p, missing, err) < 0 || dump(d, sk_buf_data(&d->bytes), ROW, out, err) < 0)
            return -1;
        sk_buf_clear(&d->bytes);
        p += missing;
        n -= missing;
    }
    size_t rows = d->bytes.len ? 0 : n - n % ROW;
    if (rows && dump(d, p, rows, out, err) < 0)
        return -1;
    return sk_buf_add(&d->bytes, p + rows, n - rows, err);
}

int text_feed(enum format form, struct delivery *d, const void *p, size_t n, struct sk_buf *out, struct sk_err *err) {
    size_t taken;
    if (form != F_TEXT && form != F_HEXDUMP)
        return delivery_bytes(d, p, n, &taken, err);
    d->came = true;
    d->size += n;
    return form == F_TEXT ? feed_lines(d, p, n, out, err) : feed_rows(d, p, n, out, err);
}

int text_finish(enum format form, struct delivery *d, bool ok, struct sk_buf *out, struct sk_err *err) {
    const void *p = d->bytes.len ? sk_buf_data(&d->bytes) : (const unsigned char *)"";
    size_t n = d->bytes.len;
    int rc;
    if (form == F_TEXT) /* a message of no bytes is shown too */
        return n || (d->came && d->size == 0) ? literal(out, p, n, err) : 0;
    if (form == F_HEXDUMP)
        return n ? dump(d, p, n, out, err) : 0;
    if (!ok && n == 0)
        return 0;
    if (form == F_HEX)
        rc = sk_hex(out, p, n, err);
    else if (form == F_BASE64)
        rc = sk_base64(out, p, n, err);
    else
        rc = sk_escape(out, p, n, 0, err);
    return rc < 0 ? -1 : sk_buf_add(out, "\n", 1, err);
}

/* ---- Records ---- */

/* Cut the next name off a list "addr state"; its length, 0 at the end. */
static size_t next_name(const char **names, char *name, size_t size) {
    const char *p = *names + strspn(*names, " ");
    size_t n = strcspn(p, " ");
    *names = p + n;
    if (n >= size)
        n = size - 1;
    memcpy(name, p, n);
    name[n] = '\0';
    return n;
}

static size_t count_names(const char *names) {
    char name[64];
    size_t count = 0;
    while (names && next_name(&names, name, sizeof name))
        count++;
    return count;
}

static struct sk_value field(struct session *ses, const struct sk_value *v, const char *name) {
    struct sk_value out = sk_null();
    if (value_field(ses, v, name, &out, NULL) < 0 && v->type != SK_RECORD)
        return sk_copy(*v); /* a plain value has only itself to show */
    return out;
}

/* The only thing a line has to show: null is nothing, text keeps its lines. */
static int lone_line(struct session *ses, const struct sk_value *v, struct sk_buf *out, struct sk_err *err) {
    v = sk_main(v);
    if (v->type == SK_NULL || v->type == SK_RECORD)
        return 0;
    if (v->type == SK_LIST && v->u.seq->count == 0)
        return 0;
    size_t before = out->len;
    int rc = v->type == SK_TEXT ? text_clean(out, v->u.s->data, v->u.s->len, true, err) : value_text(ses, v, out, err);
    if (rc < 0)
        return -1;
    bool ended = out->len > before && sk_buf_data(out)[out->len - 1] == '\n';
    return ended ? 0 : sk_buf_add(out, "\n", 1, err);
}

int text_line(struct session *ses, const struct sk_value *v, const char *shows, struct sk_buf *out,
              struct sk_err *err) {
    char name[64];
    if (!shows || v->type < SK_HANDLE)
        return lone_line(ses, v, out, err);
    bool lone = count_names(shows) == 1, first = true;
    int rc = 0;
    while (rc == 0 && next_name(&shows, name, sizeof name)) {
        struct sk_value cell = field(ses, v, name);
        if (lone)
            rc = lone_line(ses, &cell, out, err);
        else if (first || (rc = sk_buf_add(out, " ", 1, err)) == 0)
            rc = value_cell(ses, &cell, out, err);
        sk_drop(cell);
        first = false;
    }
    return rc < 0 || lone || first ? rc : sk_buf_add(out, "\n", 1, err);
}

static int add_field(struct session *ses, const struct sk_value *v, const char *before, const char *name,
                     struct sk_buf *out, struct sk_err *err) {
    struct sk_value cell = field(ses, v, name);
    int rc = sk_buf_add_str(out, before, err) < 0 ? -1 : value_cell(ses, &cell, out, err);
    sk_drop(cell);
    return rc;
}

int text_record(struct session *ses, const struct sk_value *v, const char *shows, struct sk_buf *out,
                struct sk_err *err) {
    static const size_t MANY_FIELDS = 6;
    char name[64], before[80];
    if (count_names(shows) <= MANY_FIELDS)
        return text_line(ses, v, shows, out, err);
    while (next_name(&shows, name, sizeof name)) {
        snprintf(before, sizeof before, "%s: ", name);
        if (add_field(ses, v, before, name, out, err) < 0 || sk_buf_add(out, "\n", 1, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- Tables ---- */

enum { COLUMNS = 16 };

struct table {
    struct sk_buf cells; /* of all rows, each with its NUL */
    size_t columns, width[COLUMNS];
};

static size_t width_of(const char *s) {
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static int add_row(struct table *t, struct session *ses, const struct sk_value *v, const char *shows,
                   struct sk_err *err) {
    char name[64];
    for (size_t i = 0; i < t->columns && next_name(&shows, name, sizeof name); i++) {
        struct sk_value cell = field(ses, v, name);
        size_t at = t->cells.len;
        int rc = value_cell(ses, &cell, &t->cells, err);
        sk_drop(cell);
        if (rc < 0 || sk_buf_add(&t->cells, "", 1, err) < 0)
            return -1;
        size_t width = width_of((const char *)sk_buf_data(&t->cells) + at);
        if (width > t->width[i])
            t->width[i] = width;
    }
    return 0;
}

static int print_row(const struct table *t, const char **cell, struct sk_buf *out, struct sk_err *err) {
    static const char blanks[] = "                                ";
    for (size_t i = 0; i < t->columns; i++) {
        const char *text = *cell;
        *cell += strlen(text) + 1;
        size_t gap = i + 1 < t->columns ? t->width[i] - width_of(text) + 2 : 0;
        if (sk_buf_add_str(out, text, err) < 0)
            return -1;
        for (size_t k; gap; gap -= k) {
            k = gap < sizeof blanks - 1 ? gap : sizeof blanks - 1;
            if (sk_buf_add(out, blanks, k, err) < 0)
                return -1;
        }
    }
    return sk_buf_add(out, "\n", 1, err);
}

int text_table(struct session *ses, const struct sk_value *list, const char *shows, struct sk_buf *out,
               struct sk_err *err) {
    struct table t = { .columns = count_names(shows) };
    int rc = 0;
    if (t.columns > COLUMNS)
        t.columns = COLUMNS;
    bool aligned = t.columns > 1;
    for (size_t i = 0; rc == 0 && i < list->u.seq->count; i++) {
        const struct sk_value *v = &list->u.seq->items[i].value;
        rc = aligned ? add_row(&t, ses, v, shows, err) : text_line(ses, v, shows, out, err);
    }
    const char *cell = t.cells.len ? (const char *)sk_buf_data(&t.cells) : NULL;
    for (size_t i = 0; rc == 0 && aligned && i < list->u.seq->count; i++)
        rc = print_row(&t, &cell, out, err);
    sk_buf_done(&t.cells);
    return rc;
}

/* ---- What was made ---- */

static int describe_socket(struct session *ses, const struct sk_value *v, const struct sk_sock *s, struct sk_buf *out,
                           struct sk_err *err) {
    bool contact = s->type != SOCK_DGRAM; /* connect(2) of a datagram socket reaches nobody */
    switch (s->state) {
    case SK_CONNECTED:
    case SK_ENDED:
        return add_field(ses, v, contact ? "connected " : "sends from ", "local", out, err) < 0 ||
                       add_field(ses, v, contact ? " -> " : " to ", "peer", out, err) < 0
                   ? -1
                   : 0;
    case SK_LISTENING:
        return add_field(ses, v, "listening on ", "local", out, err);
    case SK_BOUND:
        return add_field(ses, v, "bound to ", "local", out, err);
    case SK_NEW:
        return add_field(ses, v, "new ", "family", out, err) < 0 ? -1 : add_field(ses, v, " ", "type", out, err);
    default:
        return add_field(ses, v, "", "state", out, err);
    }
}

int text_made(struct session *ses, const struct sk_value *handle, struct sk_buf *out, struct sk_err *err) {
    const struct object *obj = session_get(ses, handle->u.ref);
    if (add_field(ses, handle, "", "name", out, err) < 0 || sk_buf_add_str(out, ": ", err) < 0)
        return -1;
    int rc = 0;
    if (obj && obj->cls == O_SOCKET)
        rc = describe_socket(ses, handle, obj->u.sock, out, err);
    else if (obj && obj->cls == O_BUFFER)
        rc = add_field(ses, handle, "buffer of ", "len", out, err) < 0 ? -1 : sk_buf_add_str(out, " bytes", err);
    else if (obj && obj->cls == O_FILE)
        rc = add_field(ses, handle, "file of ", "socket", out, err);
    else
        rc = add_field(ses, handle, "", "class", out, err);
    return rc < 0 ? -1 : sk_buf_add(out, "\n", 1, err);
}

/* ---- Messages ---- */

int text_note(const struct sk_buf *note, struct sk_buf *out, struct sk_err *err) {
    const char *p = note->len ? (const char *)sk_buf_data(note) : "", *end = p + note->len;
    while (p < end) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((stop ? stop : end) - p);
        if (sk_buf_add(out, "  ", 2, err) < 0 || text_clean(out, p, n, false, err) < 0 ||
            sk_buf_add(out, "\n", 1, err) < 0)
            return -1;
        p += n + 1;
    }
    return 0;
}

int text_message(const char *file, int line, const struct sk_err *e, const struct sk_buf *note, struct sk_buf *out,
                 struct sk_err *err) {
    bool coded = e->kind == SK_SYS || e->kind == SK_GAI;
    int rc = sk_buf_add_str(out, "sockctl: ", err);
    if (rc == 0 && file) {
        rc = text_clean(out, file, strlen(file), false, err);
        if (rc == 0)
            rc = sk_buf_printf(out, err, ":%d: ", line);
    }
    if (rc == 0)
        rc = text_clean(out, e->msg, strlen(e->msg), false, err);
    if (rc == 0)
        rc = coded ? sk_buf_printf(out, err, " (%s)\n", sk_err_name(e)) : sk_buf_add(out, "\n", 1, err);
    return rc < 0 || !note ? rc : text_note(note, out, err);
}
