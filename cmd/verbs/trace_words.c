/* Events in words: what the text forms of a trace share. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "lang/render.h"
#include "verbs/trace.h"

bool trace_is_data(const struct sk_tap_event *e) { return e->kind == SK_TAP_SENT || e->kind == SK_TAP_RECEIVED; }

bool trace_is_of(const struct sk_tap_event *e, const struct sk_track *only) {
    const struct sk_tap_look *looks = (const struct sk_tap_look *)(const void *)e->data;
    if (!only || e->track == only)
        return true;
    for (size_t i = 0; e->kind == SK_TAP_POLL && i < e->len / sizeof *looks; i++)
        if (looks[i].track == only)
            return true;
    return false;
}

double trace_seconds(const struct sk_tap_event *e) { return (double)(e->at - sk_tape->start) / 1e9; }

void trace_name(const struct sk_track *t, struct sk_buf *out) {
    char text[SK_ADDR_TEXT];
    if (t->name[0])
        sk_buf_add_str(out, t->name, NULL);
    else if (t->peer.len)
        sk_buf_add_str(out, sk_addr_format(text, sizeof text, &t->peer), NULL);
    else
        sk_buf_printf(out, NULL, "(%u)", t->id);
}

/* ---- Width ---- */

/* East Asian characters take two columns; those that join the one before are counted all the same. */
static size_t columns_of(const unsigned char *p, size_t n) {
    unsigned c = n == 3 ? (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 : 0;
    return n == 4 || (c >= 0x1100 && (c < 0x2000 || c >= 0x2e80)) ? 2 : 1;
}

/* The next thing that must not be cut: \n, \xHH, or a character. */
static size_t unit(const char *p, size_t n, size_t *columns) {
    size_t len = p[0] != '\\' || n < 2 ? sk_utf8_len(p, n) : p[1] == 'x' ? 4 : 2;
    len = len == 0 || len > n ? 1 : len;
    *columns = p[0] == '\\' ? len : columns_of((const unsigned char *)p, len);
    return len;
}

size_t trace_width(const char *text, size_t n) {
    size_t width = 0, columns;
    for (size_t i = 0; i < n; width += columns)
        i += unit(text + i, n - i, &columns);
    return width;
}

/* What fits of text[n] in `most` columns. */
static size_t fitting(const char *text, size_t n, size_t most, size_t *width) {
    size_t i = 0, columns;
    *width = 0;
    while (i < n) {
        size_t len = unit(text + i, n - i, &columns);
        if (*width + columns > most)
            break;
        *width += columns;
        i += len;
    }
    return i;
}

size_t trace_cut(const char *text, size_t n, size_t columns, const char *behind, struct sk_buf *out) {
    size_t width, fits = fitting(text, n, columns, &width), more = strlen(behind);
    if (fits < n) {
        fits = fitting(text, n, columns > more ? columns - more : 0, &width);
        sk_buf_add(out, text, fits, NULL);
        sk_buf_add(out, behind, more, NULL);
        return width + more;
    }
    sk_buf_add(out, text, n, NULL);
    return width;
}

size_t trace_data(const void *p, size_t n, size_t columns, struct sk_buf *out) {
    struct sk_buf text = { 0 }, behind = { 0 };
    size_t most = 4 * columns, first = n < most ? n : most; /* more cannot fit */
    while (first < n && first + 4 > most && (((const unsigned char *)p)[first] & 0xc0) == 0x80)
        first--; /* not inside a character */
    sk_escape(&text, p, first, SK_ESC_QUOTED, NULL);
    sk_buf_printf(&behind, NULL, "... %zu B", n);
    if (first < n)
        sk_buf_add_str(&text, "...", NULL); /* is cut in any case */
    sk_buf_add(&behind, "", 1, NULL);
    size_t width = trace_cut(text.len ? (const char *)sk_buf_data(&text) : "", text.len, columns,
                             (const char *)sk_buf_data(&behind), out);
    sk_buf_done(&text);
    sk_buf_done(&behind);
    return width;
}

/* ---- Words ---- */

void trace_revents(short revents, struct sk_buf *out) {
    static const struct {
        const char *name;
        short bit;
    } names[] = { { "in", POLLIN },   { "out", POLLOUT },   { "pri", POLLPRI },    { "err", POLLERR },
                  { "hup", POLLHUP }, { "nval", POLLNVAL }, { "rdhup", POLLRDHUP } };
    bool first = true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (revents & names[i].bit) {
            sk_buf_printf(out, NULL, "%s%s", first ? "" : " ", names[i].name);
            first = false;
        }
}

static void add_address(const char *before, const struct sk_addr *addr, struct sk_buf *out) {
    char text[SK_ADDR_TEXT];
    if (addr && addr->len)
        sk_buf_printf(out, NULL, "%s%s", before, sk_addr_format(text, sizeof text, addr));
}

/* "connection refused (ECONNREFUSED)" */
static void add_error(const struct sk_tap_event *e, struct sk_buf *out) {
    struct sk_err err;
    sk_fail_sys(&err, e->code, "connect", "x");
    sk_buf_printf(out, NULL, "%s (%s)", err.msg + strlen("x: "), sk_err_name(&err));
}

static void add_looks(const struct sk_tap_event *e, struct sk_buf *out) {
    const struct sk_tap_look *looks = (const struct sk_tap_look *)(const void *)e->data;
    sk_buf_add_str(out, "poll:", NULL);
    size_t ready = 0;
    for (size_t i = 0; i < e->len / sizeof *looks; i++)
        if (looks[i].revents) {
            sk_buf_add_str(out, ready++ ? ", " : " ", NULL);
            trace_name(looks[i].track, out);
            sk_buf_add_str(out, " ", NULL);
            trace_revents(looks[i].revents, out);
        }
    if (ready == 0)
        sk_buf_add_str(out, " nothing ready", NULL);
}

static void say(const struct sk_tap_event *e, struct sk_buf *out) {
    static const char *const hows[] = { "rd", "wr", "rdwr" };
    switch (e->kind) {
    case SK_TAP_CONNECT:
        sk_buf_add_str(out, "connect", NULL);
        add_address(" to ", e->peer, out);
        break;
    case SK_TAP_OPEN:
        sk_buf_add_str(out, e->track->type == SOCK_DGRAM ? "sends to" : "connected to", NULL);
        add_address(" ", e->peer ? e->peer : &e->track->peer, out);
        break;
    case SK_TAP_LISTEN:
        sk_buf_add_str(out, "listening", NULL);
        add_address(" on ", &e->track->local, out);
        break;
    case SK_TAP_ACCEPT:
        sk_buf_add_str(out, "accepted", NULL);
        add_address(" from ", e->peer, out);
        break;
    case SK_TAP_FAILED:
    case SK_TAP_ERROR:
        add_error(e, out);
        break;
    case SK_TAP_SHUT:
        sk_buf_printf(out, NULL, "shutdown %s", hows[e->code % 3]);
        break;
    case SK_TAP_END:
        sk_buf_add_str(out, "peer closed", NULL);
        break;
    case SK_TAP_CLOSE:
        sk_buf_add_str(out, "closed", NULL);
        break;
    case SK_TAP_TLS:
        text_clean(out, e->data, e->len, false, NULL);
        sk_buf_add_str(out, ": encrypted from here", NULL);
        break;
    case SK_TAP_POLL:
        add_looks(e, out);
        break;
    default:
        text_clean(out, e->data, e->len, false, NULL);
    }
}

void trace_words(const struct sk_tap_event *e, size_t columns, struct sk_buf *out) {
    struct sk_buf text = { 0 };
    if (trace_is_data(e)) {
        trace_data(e->data, e->len, columns, out);
        return;
    }
    say(e, &text);
    if (text.len)
        trace_cut((const char *)sk_buf_data(&text), text.len, columns, "...", out);
    sk_buf_done(&text);
}
