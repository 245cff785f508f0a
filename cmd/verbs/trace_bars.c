/* Which socket woke poll, and when: bars for a terminal, and as SVG. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verbs/trace.h"

enum { BARS = 40, BARS_LEAST = 10, SVG_WIDTH = 480, SVG_ROW = 30 };

struct row {
    const struct sk_track *track;
    char cells[BARS + 1];
    sk_time ready; /* the last time it was, or -1 */
};

struct chart {
    struct row *rows;
    size_t count, cap, name_width;
    sk_time start, end; /* of what is shown */
    sk_time step;       /* one column */
    bool was_polled;
};

/* ---- What is shown ---- */

static struct row *row_of(struct chart *c, const struct sk_track *t) {
    struct sk_buf name = { 0 };
    for (size_t i = 0; i < c->count; i++)
        if (c->rows[i].track == t)
            return &c->rows[i];
    if (c->count == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 8;
        c->rows = sk_realloc(c->rows, c->cap * sizeof *c->rows);
    }
    struct row *row = &c->rows[c->count++];
    *row = (struct row){ .track = t, .ready = -1 };
    memset(row->cells, ' ', BARS);
    trace_name(t, &name);
    c->name_width = name.len > c->name_width ? name.len : c->name_width;
    sk_buf_done(&name);
    return row;
}

static const struct sk_tap_look *looks_of(const struct sk_tap_event *e, size_t *count) {
    *count = e->kind == SK_TAP_POLL ? e->len / sizeof(struct sk_tap_look) : 0;
    return (const struct sk_tap_look *)(const void *)e->data;
}

static bool is_shown(const struct sk_track *t, const struct sk_track *only) { return !only || t == only; }

static void span(struct chart *c, sk_time from, sk_time to) {
    c->start = from < c->start ? from : c->start;
    c->end = to > c->end ? to : c->end;
}

/* Rows and times of what was polled, and with `bytes` of data. */
static void collect(struct chart *c, const struct sk_track *only, bool bytes) {
    size_t count;
    *c = (struct chart){ .start = SK_NEVER };
    for (const struct sk_tap_event *e = sk_tape->first; e; e = e->next) {
        const struct sk_tap_look *looks = looks_of(e, &count);
        for (size_t i = 0; i < count; i++)
            if (is_shown(looks[i].track, only)) {
                struct row *row = row_of(c, looks[i].track);
                row->ready = looks[i].revents ? e->at : row->ready;
                span(c, e->since, e->at);
                c->was_polled = true;
            }
        if (bytes && trace_is_data(e) && is_shown(e->track, only)) {
            row_of(c, e->track);
            span(c, e->at, e->at);
        }
    }
    if (c->start == SK_NEVER)
        c->start = c->end = 0;
}

/* ---- Text ---- */

/* 1, 2 or 5 times a power of ten, so that all fits. */
static sk_time step_for(sk_time length, size_t columns) {
    static const int factors[] = { 1, 2, 5 };
    for (sk_time ten = 1000;; ten *= 10)
        for (size_t i = 0; i < 3; i++)
            if (ten * factors[i] * (sk_time)columns > length)
                return ten * factors[i];
}

static void fill(struct chart *c, const struct sk_track *only) {
    size_t count;
    for (const struct sk_tap_event *e = sk_tape->first; e; e = e->next) {
        const struct sk_tap_look *looks = looks_of(e, &count);
        for (size_t i = 0; i < count; i++) {
            if (!is_shown(looks[i].track, only))
                continue;
            char *cells = row_of(c, looks[i].track)->cells;
            sk_time from = (e->since - c->start) / c->step, to = (e->at - c->start) / c->step;
            for (sk_time k = from; k <= to && k < BARS; k++)
                if (cells[k] == ' ')
                    cells[k] = '.';
            if (looks[i].revents && to < BARS)
                cells[to] = '#';
        }
    }
}

struct unit {
    const char *name;
    sk_time ns;
};

static struct unit unit_of(sk_time step) {
    return step >= SK_SECOND / 10 ? (struct unit){ "s", SK_SECOND }
           : step >= SK_MS / 10   ? (struct unit){ "ms", SK_MS }
                                  : (struct unit){ "us", 1000 };
}

/* "0   200 400 600 800 ms", and how long a column is. */
static int axis(const struct chart *c, size_t columns, struct sk_buf *out, struct sk_err *err) {
    struct unit u = unit_of(c->step);
    size_t used = 0, end = (size_t)((c->end - c->start) / c->step) + 1;
    sk_buf_printf(out, NULL, "%*s  ", (int)c->name_width, "");
    size_t before = out->len;
    for (size_t k = 0; k < end && k + 4 <= columns; k += 4) {
        char label[32];
        int n = snprintf(label, sizeof label, "%g", (double)(c->step * (sk_time)k) / (double)u.ns);
        if (k > 0 && k < used + 1)
            continue; /* no room */
        sk_buf_printf(out, NULL, "%*s%s", (int)(k - used), "", label);
        used = k + (size_t)n;
    }
    sk_buf_printf(out, NULL, " %s", u.name);
    size_t width = out->len - before;
    return sk_buf_printf(out, err, "%*sone column = %g %s\n", width < columns ? (int)(columns - width) : 1, "",
                         (double)c->step / (double)u.ns, u.name);
}

static int bar(const struct row *row, const struct chart *c, size_t columns, struct sk_buf *out, struct sk_err *err) {
    struct unit u = unit_of(c->step);
    struct sk_buf name = { 0 };
    char when[32] = "-";
    trace_name(row->track, &name);
    if (row->ready >= 0)
        snprintf(when, sizeof when, u.ns == SK_SECOND ? "%.1f %s" : "%.0f %s",
                 (double)(row->ready - c->start) / (double)u.ns, u.name);
    sk_buf_add(out, sk_buf_data(&name), name.len, NULL);
    int rc =
        sk_buf_printf(out, err, "%*s  %.*s%9s\n", (int)(c->name_width - name.len), "", (int)columns, row->cells, when);
    sk_buf_done(&name);
    return rc;
}

int trace_bars(size_t columns, const struct sk_track *only, struct sk_buf *out, struct sk_err *err) {
    struct chart c;
    collect(&c, only, false);
    size_t other = c.name_width + 2 + 9, most = columns > other + BARS_LEAST ? columns - other : BARS_LEAST;
    most = most < BARS ? most : BARS;
    c.step = step_for(c.end - c.start, most);
    fill(&c, only);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < c.count; i++)
        rc = bar(&c.rows[i], &c, most, out, err);
    if (rc == 0 && c.count)
        rc = axis(&c, most, out, err);
    free(c.rows);
    return rc;
}

/* ---- SVG ---- */

static void add_xml(struct sk_buf *out, const struct sk_buf *text) {
    const char *p = (const char *)sk_buf_data(text);
    for (size_t i = 0; i < text->len; i++)
        if (strchr("<>&'\"", p[i]))
            sk_buf_printf(out, NULL, "&#%d;", p[i]);
        else
            sk_buf_add(out, p + i, 1, NULL);
}

static void add_xml_name(struct sk_buf *out, const struct sk_track *t) {
    struct sk_buf name = { 0 };
    trace_name(t, &name);
    add_xml(out, &name);
    sk_buf_done(&name);
}

/* "poll readiness of a, b and c" */
static void add_title(const struct chart *c, struct sk_buf *out) {
    enum { MOST = 8 };
    sk_buf_add_str(out, c->was_polled ? "poll readiness of " : c->count ? "bytes of " : "nothing was recorded", NULL);
    for (size_t i = 0; i < c->count && i < MOST; i++) {
        if (i > 0)
            sk_buf_add_str(out, i + 1 == c->count ? " and " : ", ", NULL);
        add_xml_name(out, c->rows[i].track);
    }
    if (c->count > MOST)
        sk_buf_printf(out, NULL, " and %zu more", c->count - MOST);
}

static double x_of(const struct chart *c, double left, sk_time at) {
    sk_time length = c->end > c->start ? c->end - c->start : 1;
    return left + (double)(at - c->start) * SVG_WIDTH / (double)length;
}

/* What lies between two times, never too narrow to be seen. */
static int box(struct sk_buf *out, const char *cls, double from, double to, double y, double height, double least,
               const char *about, struct sk_err *err) {
    double width = to - from > least ? to - from : least;
    return sk_buf_printf(
        out, err, "<rect class=\"%s\" x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"%.0f\"><title>%s</title></rect>\n",
        cls, from, y, width, height, about);
}

static int draw_event(const struct chart *c, const struct sk_tap_event *e, const struct row *row, double left, double y,
                      struct sk_buf *out, struct sk_err *err) {
    char about[96];
    size_t count;
    int rc = 0;
    const struct sk_tap_look *looks = looks_of(e, &count);
    double at = x_of(c, left, e->at);
    if (trace_is_data(e) && e->track == row->track) {
        bool sent = e->kind == SK_TAP_SENT;
        snprintf(about, sizeof about, "%.3f s: %zu bytes %s", trace_seconds(e), e->real_len,
                 sent ? "sent" : "received");
        return box(out, sent ? "s" : "g", at, at, sent ? y : y + 12, 4, 1, about, err);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (looks[i].track != row->track)
            continue;
        snprintf(about, sizeof about, "waiting until %.3f s", trace_seconds(e));
        rc = box(out, "w", x_of(c, left, e->since), at, y, 16, 1, about, err);
        snprintf(about, sizeof about, "ready at %.3f s", trace_seconds(e));
        if (rc == 0 && looks[i].revents)
            rc = box(out, "r", at, at, y, 16, 4, about, err);
    }
    return rc;
}

int trace_svg(const struct sk_track *only, struct sk_buf *out, struct sk_err *err) {
    struct chart c;
    collect(&c, only, true);
    double left = 12 + 8 * (double)c.name_width;
    sk_buf_printf(out, NULL,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %zu\" role=\"img\" "
                  "aria-labelledby=\"t\"><title id=\"t\">",
                  left + SVG_WIDTH + 12, c.count ? SVG_ROW * c.count : SVG_ROW);
    add_title(&c, out);
    int rc = sk_buf_add_str(out,
                            "</title>\n<style>text{font:12px sans-serif;fill:currentColor}.w{fill:#bbb}.r{fill:#2a7}"
                            ".s{fill:#c33}.g{fill:#36c}</style>\n",
                            err);
    for (size_t i = 0; rc == 0 && i < c.count; i++) {
        double y = 8 + SVG_ROW * (double)i;
        sk_buf_printf(out, NULL, "<text x=\"4\" y=\"%.0f\">", y + 12);
        add_xml_name(out, c.rows[i].track);
        rc = sk_buf_add_str(out, "</text>\n", err);
        for (const struct sk_tap_event *e = sk_tape->first; rc == 0 && e; e = e->next)
            rc = draw_event(&c, e, &c.rows[i], left, y, out, err);
    }
    free(c.rows);
    return rc < 0 ? -1 : sk_buf_add_str(out, "</svg>\n", err);
}
