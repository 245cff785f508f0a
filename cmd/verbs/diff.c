/* Two byte strings that should have been equal, told to people (INTERFACE.md B10). */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "verbs/io.h"

enum { BEFORE = 8, WINDOW = 24 }; /* bytes shown before the difference, and in all */

static size_t first_difference(const unsigned char *a, size_t na, const unsigned char *b, size_t nb) {
    size_t i = 0;
    while (i < na && i < nb && a[i] == b[i])
        i++;
    return i;
}

/* One string: 'text' and hex, and the columns at which its byte `at` begins in both. */
struct side {
    struct sk_buf text, hex;
    size_t text_at, hex_at;
};

static size_t columns(const struct sk_buf *b) {
    size_t n = 0;
    for (size_t i = 0; i < b->len; i++)
        n += (sk_buf_data(b)[i] & 0xc0) != 0x80;
    return n;
}

static int side_fill(struct side *s, const unsigned char *p, size_t n, size_t at, const char *lead, const char *tail) {
    if (sk_buf_printf(&s->text, NULL, "%s'", lead) < 0 || sk_escape(&s->text, p, at, SK_ESC_QUOTED, NULL) < 0)
        return -1;
    s->text_at = columns(&s->text);
    if (sk_escape(&s->text, p + at, n - at, SK_ESC_QUOTED, NULL) < 0 || sk_buf_printf(&s->text, NULL, "'%s", tail) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (i == at)
            s->hex_at = s->hex.len;
        if (sk_buf_printf(&s->hex, NULL, "%02x ", p[i]) < 0)
            return -1;
    }
    if (at == n)
        s->hex_at = s->hex.len;
    return 0;
}

static void side_done(struct side *s) {
    sk_buf_done(&s->text);
    sk_buf_done(&s->hex);
}

static const char *text_of(const struct sk_buf *b) { return b->len ? (const char *)sk_buf_data(b) : ""; }

static void side_line(struct call *c, const char *name, const struct side *s, size_t width) {
    call_note(c, "%-5s %.*s%*s  %.*s", name, (int)s->text.len, text_of(&s->text), (int)(width - columns(&s->text)), "",
              (int)(s->hex.len ? s->hex.len - 1 : 0), text_of(&s->hex));
}

static void mark_line(struct call *c, const struct side *s, size_t width, size_t at) {
    enum { LABEL = 6, GAP = 2 };
    char mark[32];
    snprintf(mark, sizeof mark, "^ byte %zu", at);
    size_t used = LABEL + s->text_at + strlen(mark), hex_at = LABEL + width + GAP + s->hex_at;
    call_note(c, "%*s%s%*s^^", (int)(LABEL + s->text_at), "", mark, hex_at > used ? (int)(hex_at - used) : 1, "");
}

void io_diff(struct call *c, const void *want, size_t nwant, const void *got, size_t ngot) {
    const unsigned char *w = want, *g = got;
    size_t at = first_difference(w, nwant, g, ngot);
    size_t from = at > BEFORE && (nwant > WINDOW || ngot > WINDOW) ? at - BEFORE : 0;
    size_t w_end = nwant - from > WINDOW ? from + WINDOW : nwant, g_end = ngot - from > WINDOW ? from + WINDOW : ngot;
    const char *lead = from ? "..." : "";
    struct side a = { 0 }, b = { 0 };
    if (side_fill(&a, w + from, w_end - from, at - from, lead, w_end < nwant ? "..." : "") == 0 &&
        side_fill(&b, g + from, g_end - from, at - from, lead, g_end < ngot ? "..." : "") == 0) {
        size_t width = columns(&a.text) > columns(&b.text) ? columns(&a.text) : columns(&b.text);
        side_line(c, "want", &a, width);
        side_line(c, "got", &b, width);
        mark_line(c, &b, width, at);
    }
    side_done(&a);
    side_done(&b);
}

static void tell_side(struct call *c, const char *label, const void *p, size_t n) {
    char text[512];
    call_note(c, "%-5s '%s'", label, sk_escape_cut(text, sizeof text, p, n));
}

void io_sides(struct call *c, const void *want, size_t nwant, const void *got, size_t ngot) {
    tell_side(c, "want:", want, nwant);
    tell_side(c, "got:", got, ngot);
}

void io_got(struct call *c, const struct sk_sock *s) {
    if (s->in.len == 0)
        return;
    tell_side(c, "got:", sk_buf_data(&s->in), s->in.len);
    call_extra(c, "got", io_escaped(sk_buf_data(&s->in), s->in.len));
}

struct sk_value io_escaped(const void *p, size_t n) {
    struct sk_buf b = { 0 };
    struct sk_value v = sk_null();
    if (sk_escape(&b, p, n, SK_ESC_QUOTED, NULL) == 0)
        v = sk_text_n(text_of(&b), b.len);
    sk_buf_done(&b);
    return v;
}
