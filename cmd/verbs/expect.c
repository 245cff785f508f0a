/* expect: bytes, a pattern, the peer's end, each in a window of time. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/parse.h"
#include "sock/expect.h"
#include "verbs/io.h"

enum { P_REGEX, P_EXACT, P_WITHIN, P_NOT_BEFORE, P_CLOSE, P_RESET, P_TEXT };

struct wanted {
    struct io_data data;
    struct sk_regex *re; /* with -r */
    sk_time begun, deadline;
};

static const void *front(const struct sk_sock *s) {
    return s->in.len ? sk_buf_data(&s->in) : (const unsigned char *)"";
}

/* ---- The time it took ---- */

/* --within is judged, not only waited for: a match that comes late tells how late, if it comes while -t allows and not
 * after twice the time. */
static sk_time wait_until(const struct call *c, sk_time begun) {
    if (!has(c, P_WITHIN))
        return c->deadline;
    sk_time within = c->args[P_WITHIN].u.t;
    sk_time late = within > (SK_NEVER - begun) / 2 ? SK_NEVER : begun + 2 * within;
    return late < c->deadline ? late : c->deadline;
}

static int check_time(struct call *c, sk_time begun) {
    char took[32], limit[32];
    sk_time ns = sk_now() - begun;
    sk_time shown = ns < SK_MS ? ns : ns / SK_MS * SK_MS;
    sk_format_time(took, sizeof took, shown);
    if (has(c, P_WITHIN) && ns > c->args[P_WITHIN].u.t)
        return sk_fail(&c->err, SK_TIMEOUT, 0, "expect", "took %s, allowed %s", took,
                       sk_format_time(limit, sizeof limit, c->args[P_WITHIN].u.t));
    if (has(c, P_NOT_BEFORE) && ns < c->args[P_NOT_BEFORE].u.t)
        return sk_fail(&c->err, SK_EXPECT, 0, "expect", "took %s, not before %s was wanted", took,
                       sk_format_time(limit, sizeof limit, c->args[P_NOT_BEFORE].u.t));
    return 0;
}

/* ---- Success ---- */

static struct sk_value bytes_at(const unsigned char *p, size_t start, size_t end) {
    return sk_bytes(p + start, end - start);
}

static struct sk_value groups_of(const struct sk_regex *re, const unsigned char *p) {
    struct sk_value list = sk_list();
    size_t count = re ? sk_regex_groups(re) : 0, start, end;
    for (size_t i = 1; i <= count; i++)
        sk_push(&list, sk_regex_group(re, i, &start, &end) ? bytes_at(p, start, end) : sk_null());
    return list;
}

static struct sk_value named_of(const struct sk_regex *re, const unsigned char *p) {
    struct sk_value record = sk_record();
    const char *name;
    size_t group, start, end;
    for (size_t i = 0; re && (name = sk_regex_name(re, i, &group)); i++)
        sk_put(&record, sk_key(name), sk_regex_group(re, group, &start, &end) ? bytes_at(p, start, end) : sk_null());
    return record;
}

static void set_ms(struct sk_value *r, sk_time begun) { sk_put(r, "ms", sk_float(sk_in_ms(sk_now() - begun))); }

static int matched(struct call *c, const struct wanted *w, size_t start, size_t end) {
    if (check_time(c, w->begun) < 0)
        return -1;
    const unsigned char *p = front(c->sock);
    struct sk_value r = sk_record();
    sk_put_main(&r, "match", bytes_at(p, start, end));
    sk_put(&r, "before", bytes_at(p, 0, start));
    sk_put(&r, "groups", groups_of(w->re, p));
    sk_put(&r, "named", named_of(w->re, p));
    set_ms(&r, w->begun);
    c->result = r;
    sk_consume(c->sock, end);
    return 0;
}

/* ---- Failure ---- */

static void tell_difference(struct call *c, const struct wanted *w) {
    const void *got = front(c->sock);
    size_t n = c->sock->in.len;
    if (flag(c, P_EXACT) && !w->re && c->err.kind == SK_EXPECT)
        io_diff(c, w->data.p, w->data.n, got, n);
    else
        io_sides(c, w->data.p, w->data.n, got, n);
    call_extra(c, "want", io_escaped(w->data.p, w->data.n));
    call_extra(c, "got", io_escaped(got, n));
    call_extra(c, "partial", sk_bytes(got, n));
}

/* It did not come; the deadline may have been that of --within. Always -1. */
static int failed(struct call *c, const struct wanted *w) {
    char limit[32];
    if (c->err.kind == SK_TIMEOUT && w->deadline != c->deadline)
        sk_fail(&c->err, SK_TIMEOUT, 0, "expect", "no match within %s",
                sk_format_time(limit, sizeof limit, c->args[P_WITHIN].u.t));
    bool is_told = c->err.kind != SK_CANCELED || io_is_ending(c);
    if (c->err.kind != SK_USAGE && is_told && c->sock->state != SK_CLOSED)
        tell_difference(c, w);
    return io_failed(c, c->sock);
}

/* ---- Text ---- */

static int expect_text(struct call *c, const struct wanted *w) {
    size_t start, end;
    bool exact = flag(c, P_EXACT);
    if (sk_expect(c->sock, w->data.p, w->data.n, w->re, exact, &start, &end, w->deadline, &c->err) < 0)
        return failed(c, w);
    if (matched(c, w, start, end) == 0)
        return 0;
    tell_difference(c, w);
    return -1;
}

/* What can be waited for: not nothing; a pattern is kept in *re. */
static int take_text(const char *p, size_t n, bool regex, struct sk_regex **re, struct sk_err *err) {
    if (n == 0)
        return sk_fail_usage(err, "expect: the text is empty; to wait for the peer's end write expect --close");
    if (!regex)
        return 0;
    *re = sk_regex_new(p, n, err);
    return *re ? 0 : -1;
}

static int run_text(struct call *c) {
    struct wanted w = { .begun = sk_now() };
    w.deadline = wait_until(c, w.begun);
    int r = io_data(c, P_TEXT, &w.data);
    if (r == 0)
        r = take_text(w.data.p, w.data.n, flag(c, P_REGEX), &w.re, &c->err);
    if (r == 0)
        r = expect_text(c, &w);
    sk_regex_free(w.re);
    sk_buf_done(&w.data.held);
    return r;
}

/* ---- The peer's end ---- */

static int run_end(struct call *c) {
    sk_time begun = sk_now();
    if (sk_expect_close(c->sock, flag(c, P_RESET), wait_until(c, begun), &c->err) < 0) {
        if (c->err.kind == SK_EXPECT)
            io_got(c, c->sock);
        return io_failed(c, c->sock);
    }
    if (check_time(c, begun) < 0)
        return -1;
    struct sk_value r = sk_record();
    sk_put_main(&r, "match", sk_bytes("", 0));
    sk_put(&r, "before", sk_bytes("", 0));
    sk_put(&r, "groups", sk_list());
    sk_put(&r, "named", sk_record());
    set_ms(&r, begun);
    c->result = r;
    return 0;
}

static bool is_on(const struct arg *arg) { return arg->count && arg->u.i; }

static int check_expect(const struct arg *args, const struct common *opt, struct sk_err *err) {
    bool text = args[P_TEXT].count || opt->file || opt->from_stdin || opt->data_set || opt->secret;
    bool reset = is_on(&args[P_RESET]), end = reset || is_on(&args[P_CLOSE]);
    const char *p = args[P_TEXT].u.s.p;
    if (reset && is_on(&args[P_CLOSE]))
        return sk_fail_usage(err, "expect: --close is an orderly end, --reset is none; write one of them");
    if (text && end)
        return sk_fail_usage(err, "expect: write either a text or --%s", reset ? "reset" : "close");
    if (!text && !end)
        return sk_fail_usage(err,
                             "expect what? Write expect TEXT, expect -r PATTERN, expect --close or expect --reset");
    struct sk_regex *re = NULL;
    int r = p ? take_text(p, args[P_TEXT].u.s.n, is_on(&args[P_REGEX]), &re, err) : 0;
    sk_regex_free(re);
    return r;
}

static int run_expect(struct call *c) { return flag(c, P_CLOSE) || flag(c, P_RESET) ? run_end(c) : run_text(c); }

const struct command cmd_expect = {
    .name = "expect",
    .group = "wait",
    .summary = "wait for bytes or a pattern in what the peer sends",
    .params =
        (const struct param[]){
            OPT('r', "regex", K_FLAG, "the text is a regular expression (PCRE2, multiline), taken as typed"),
            OPT(0, "exact", K_FLAG, "nothing may stand before it"),
            OPT(0, "within", K_TIME, "fail (124) when it took longer"),
            OPT(0, "not-before", K_TIME, "fail (1) when it took less"),
            OPT(0, "close", K_FLAG, "the peer ends the connection in order"),
            OPT(0, "reset", K_FLAG, "the peer resets the connection"),
            ARG("TEXT", K_PATTERN, 0, MANY, "bytes, with escapes; several are joined without a blank"),
            { .kind = K_END },
        },
    .flags = NEED_SOCK | WAITS | DATA,
    .result = R_ONE,
    .shows = "",
    .details = "Consumes up to the end of the match and keeps the rest. Prints nothing; the fields match, before, "
               "groups, named and ms are in the "
               "result. When it fails, nothing is consumed: what was wanted and what came are shown. Status 1 when the "
               "peer ended without it, "
               "124 when time ran out.",
    .examples =
        (const char *const[]){
            "x = pair ; x0.sendall '220 ready\\r\\n250 OK\\r\\n' ; x1.expect '220 ' ; x1.expect -r '^(\\d+) OK' ; "
            "print ${_.groups[0]}",
            "x = pair ; x0.send '+PONG\\r\\n' ; x1.expect --exact --within 1s '+PONG\\r\\n'",
            "x = pair ; x0.close ; x1.expect --close",
            NULL,
        },
    .check = check_expect,
    .run = run_expect,
};
