/* Answers of yes or no: assert, fails, and the sections of a test script. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "lang/call.h"
#include "lang/collect.h"
#include "run/task.h"
#include "run/wait.h"
#include "sock/regex.h"
#include "verbs/io.h"
#include "verbs/pass.h"
#include "verbs/tap.h"

/* The escape notation as a text value. */
static struct sk_value escaped(const void *p, size_t n) {
    struct sk_buf b = { 0 };
    struct sk_value v = sk_null();
    if (sk_escape(&b, p, n, SK_ESC_QUOTED, NULL) == 0)
        v = sk_text_n(b.len ? (const char *)sk_buf_data(&b) : "", b.len);
    sk_buf_done(&b);
    return v;
}

static struct sk_value section_name(struct call *c) {
    const struct tap *tap = &frame_top(c->frame)->sections;
    return tap->open ? sk_text(tap->name) : sk_null();
}

/* {name, pass, want, got} as the result; takes over want and got. */
static int passed(struct call *c, struct sk_value want, struct sk_value got) {
    c->result = sk_record();
    sk_put(&c->result, "name", section_name(c));
    sk_put(&c->result, "pass", sk_bool(true));
    sk_put(&c->result, "want", want);
    sk_put(&c->result, "got", got);
    return 0;
}

/* The same beside an error. */
static void differed(struct call *c, struct sk_value want, struct sk_value got) {
    call_extra(c, "name", section_name(c));
    call_extra(c, "pass", sk_bool(false));
    call_extra(c, "want", want);
    call_extra(c, "got", got);
}

/* ---- assert ---- */

enum { IS, NOT, LT, LE, GT, GE, CONTAINS, MATCHES, OPS, MATCHES_NOT };
static const char *const ops[] = { "is", "not", "lt", "le", "gt", "ge", "contains", "matches",
                                   "==", "!=",  "<",  "<=", ">",  ">=", NULL };

/* [-]DIGITS[.DIGITS]: what is compared as a number. */
static bool is_number(const char *p, size_t n) {
    size_t i = n && *p == '-', digits = 0;
    for (; i < n && p[i] >= '0' && p[i] <= '9'; i++)
        digits++;
    if (digits && i + 1 < n && p[i] == '.')
        for (i++; i < n && p[i] >= '0' && p[i] <= '9'; i++)
            ;
    return digits && i == n;
}

/* Digits of a number without sign: the whole part without leading zeros, the fraction without trailing ones. */
struct number {
    bool negative;
    const char *whole, *fraction;
    size_t nwhole, nfraction;
};

static struct number number_of(const char *p, size_t n) {
    struct number v = { .negative = *p == '-' };
    const char *end = p + n, *dot = memchr(p, '.', n);
    p += v.negative;
    while (p < end - 1 && *p == '0' && p[1] != '.')
        p++;
    v.whole = p;
    v.nwhole = (size_t)((dot ? dot : end) - p);
    v.fraction = dot ? dot + 1 : end;
    while (end > v.fraction && end[-1] == '0')
        end--;
    v.nfraction = (size_t)(end - v.fraction);
    if (v.nwhole == 1 && *v.whole == '0' && v.nfraction == 0)
        v.negative = false;
    return v;
}

static int compare_text(const char *a, size_t na, const char *b, size_t nb) {
    int order = memcmp(a, b, na < nb ? na : nb);
    return order ? order : (na > nb) - (na < nb);
}

/* Exact, of any length. */
static int compare_numbers(const char *a, size_t na, const char *b, size_t nb) {
    struct number x = number_of(a, na), y = number_of(b, nb);
    if (x.negative != y.negative)
        return x.negative ? -1 : 1;
    int order = (x.nwhole > y.nwhole) - (x.nwhole < y.nwhole);
    if (order == 0)
        order = memcmp(x.whole, y.whole, x.nwhole);
    if (order == 0)
        order = compare_text(x.fraction, x.nfraction, y.fraction, y.nfraction);
    return x.negative ? -order : order;
}

/* 1 yes, 0 no, -1 with c->err. */
static int matches(struct call *c, const char *text, size_t n, const char *pattern, size_t npattern) {
    struct sk_regex *re = sk_regex_new(pattern, npattern, &c->err);
    if (!re)
        return -1;
    size_t from = 0;
    int rc = sk_regex_match(re, text, n, &from, false, &c->err);
    sk_regex_free(re);
    return rc;
}

static int holds(struct call *c, int64_t op, const char *a, size_t na, const char *b, size_t nb) {
    if (op == CONTAINS)
        return nb == 0 || memmem(a, na, b, nb) != NULL;
    if (op == MATCHES || op == MATCHES_NOT) {
        int rc = matches(c, a, na, b, nb);
        return rc < 0 || op == MATCHES ? rc : !rc;
    }
    bool numbers = is_number(a, na) && is_number(b, nb);
    int order = numbers ? compare_numbers(a, na, b, nb) : compare_text(a, na, b, nb);
    switch (op) {
    case IS:
        return order == 0;
    case NOT:
        return order != 0;
    case LT:
        return order < 0;
    case LE:
        return order <= 0;
    case GT:
        return order > 0;
    default:
        return order >= 0;
    }
}

/* -r: B is an expression, and what else may be asked of it. */
static int as_pattern(int64_t op, struct sk_err *err) {
    if (op == IS || op == CONTAINS || op == MATCHES)
        return MATCHES;
    if (op == NOT)
        return MATCHES_NOT;
    return sk_fail_usage(err, "assert: a regular expression has no order; -r goes with is, not, contains and matches");
}

enum { A, OP, B, REGEX };

static int64_t op_of(const struct arg *args) {
    static const int64_t symbols[] = { IS, NOT, LT, LE, GT, GE }; /* == != < <= > >= */
    int64_t op = args[OP].u.i;
    return op >= OPS ? symbols[op - OPS] : op;
}

static int check_assert(const struct arg *args, const struct common *opt, struct sk_err *err) {
    (void)opt;
    bool regex = args[REGEX].count && args[REGEX].u.i;
    if (regex && as_pattern(op_of(args), err) < 0)
        return -1;
    if (!args[B].u.s.p || (!regex && op_of(args) != MATCHES))
        return 0;
    struct sk_regex *re = sk_regex_new(args[B].u.s.p, args[B].u.s.n, err);
    sk_regex_free(re);
    return re ? 0 : -1;
}

static int assert_(struct call *c) {
    const char *a = c->args[A].u.s.p, *b = c->args[B].u.s.p;
    size_t na = c->args[A].u.s.n, nb = c->args[B].u.s.n;
    int64_t op = op_of(c->args);
    int asked = flag(c, REGEX) ? as_pattern(op, &c->err) : (int)op;
    int answer = holds(c, asked, a, na, b, nb);
    if (answer < 0)
        return -1;
    if (answer > 0)
        return passed(c, escaped(b, nb), escaped(a, na));
    char left[160], right[160];
    sk_fail(&c->err, SK_ASSERT, 0, "assert", "assert failed: '%s' %s '%s'", sk_escape_cut(left, sizeof left, a, na),
            ops[op], sk_escape_cut(right, sizeof right, b, nb));
    if (asked == IS) {
        io_diff(c, b, nb, a, na);
    } else {
        char text[512];
        call_note(c, "want: %s '%s'", ops[op], sk_escape_cut(text, sizeof text, b, nb));
        call_note(c, "got:  '%s'", sk_escape_cut(text, sizeof text, a, na));
    }
    differed(c, escaped(b, nb), escaped(a, na));
    return -1;
}

const struct command cmd_assert = {
    .name = "assert",
    .group = "test",
    .summary = "compare two values; status 1 when it does not hold",
    .params =
        (const struct param[]){
            ARG("A", K_BYTES, 1, 1, "what there is"),
            ARG("OP", K_CHOICE, 1, 1, "is, not, lt, le, gt, ge, contains or matches; == != < <= > >= when quoted",
                .choices = ops),
            ARG("B", K_PATTERN, 1, 1, "what is wanted", .flags = TYPED),
            OPT('r', "regex", K_FLAG, "B is a regular expression (PCRE2, multiline), taken as typed"),
            { .kind = K_END },
        },
    .result = R_ONE,
    .shows = "",
    .details =
        "Two decimal numbers are compared as numbers, everything else byte by byte. B of matches, and with -r, is a "
        "PCRE2 expression and taken "
        "as typed; the other values may have escapes. A value that begins with - and is not from a variable "
        "stands after --.",
    .examples =
        (const char *const[]){
            "assert abc is abc",
            "assert 9 lt 10",
            "assert 'HTTP/1.1 200 OK' matches '^HTTP/1\\.[01] 2\\d\\d'",
            "fails 1 assert abc contains x",
            NULL,
        },
    .check = check_assert,
    .run = assert_,
};

/* ---- fails ---- */

static int fails(struct call *c) {
    enum { CODE, COMMAND };
    struct sink *inner = gather_new(NULL);
    unsigned failures = frame_top(c->frame)->sections.failures;
    int status = body_run(c, inner);
    frame_top(c->frame)->sections.failures = failures; /* what was meant to fail does not count */
    struct sk_value results = gather_take(inner);
    sink_free(inner);
    bool any = !has(c, CODE);
    char want[32] = "a failure", got[16];
    if (!any)
        snprintf(want, sizeof want, "%d", (int)c->args[CODE].u.i);
    snprintf(got, sizeof got, "%d", status);
    if (status != 0 && sk_canceled()) {
        sk_drop(results);
        return sk_sleep_until(sk_now(), "fails", &c->err); /* tells by which signal */
    }
    if (any ? status != 0 : status == (int)c->args[CODE].u.i) {
        passed(c, sk_text(want), sk_text(got));
        sk_put(&c->result, "results", results);
        return 0;
    }
    const char *why = c->frame->failed.msg;
    bool told = status != 0 && sk_err_status(&c->frame->failed) == status && *why;
    sk_fail(&c->err, SK_ASSERT, 0, "fails",
            any ? "expected %s, but it ended with %d%s%s" : "expected failure %s, but it ended with %d%s%s", want,
            status, told ? ": " : "", told ? why : "");
    differed(c, sk_text(want), sk_text(got));
    call_extra(c, "results", results);
    return -1;
}

const struct command cmd_fails = {
    .name = "fails",
    .group = "test",
    .summary = "run a command that must fail",
    .params =
        (const struct param[]){
            ARG("CODE", K_INT, 0, 1, "the exit status it must have; any failure when left out", .lo = 1, .hi = 255),
            ARG("COMMAND", K_CMD, 1, MANY, "the command with its words; do takes several"),
            { .kind = K_END },
        },
    .flags = PREFIX,
    .result = R_ONE,
    .shows = "",
    .details = "The message of the command is not shown. Status 1 when it does not fail, or with another status.",
    .examples = (const char *const[]){ "fails inet_pton AF_INET localhost", "fails 2 use nosuch", NULL },
    .run = fails,
};

/* ---- test ---- */

void tap_end(struct frame *frame, struct sk_buf *out) {
    struct tap *tap = &frame_top(frame)->sections;
    if (!tap->open)
        return;
    tap->open = false;
    tap->failed += tap->failures > 0;
    sk_buf_printf(out, NULL, "%s %u - %s\n", tap->failures ? "not ok" : "ok", tap->count, tap->name);
}

void tap_plan(struct frame *frame, int status, struct sk_buf *out) {
    struct tap *tap = &frame_top(frame)->sections;
    if (tap->open && status != 0 && tap->failed == 0 && tap->failures == 0)
        tap->failures = 1;
    tap_end(frame, out);
    if (tap->count == 0) {
        tap->count = 1;
        sk_buf_printf(out, NULL, "%s 1 - the script\n", status ? "not ok" : "ok");
    }
    sk_buf_printf(out, NULL, "1..%u\n", tap->count);
}

static int test(struct call *c) {
    enum { NAME };
    struct frame *top = frame_top(c->frame);
    struct tap *tap = &top->sections;
    struct sk_buf line = { 0 };
    tap_end(c->frame, &line);
    struct sk_value shown = top->tap && line.len ? sk_text_n(sk_buf_data(&line), line.len - 1) : sk_null();
    sk_buf_done(&line);
    sk_escape_cut(tap->name, sizeof tap->name, c->args[NAME].u.s.p, c->args[NAME].u.s.n);
    for (char *p = tap->name; *p; p++) /* # begins a directive in TAP */
        *p = *p == '#' ? ' ' : *p;
    tap->open = true;
    tap->failures = 0;
    tap->count++;
    passed(c, sk_null(), sk_null());
    sk_put_main(&c->result, "tap", shown);
    return 0;
}

const struct command cmd_test = {
    .name = "test",
    .group = "test",
    .summary = "begin a named section of a test script",
    .params =
        (const struct param[]){
            ARG("NAME", K_TEXT, 1, 1, "what the section is about"),
            { .kind = K_END },
        },
    .result = R_ONE,
    .shows = "tap",
    .details = "With --tap every section is one line of the Test Anything Protocol: ok when none of its commands "
               "failed. --keep-going goes "
               "on after a failure, so that each section gets its line.",
    .examples = (const char *const[]){ "test 'addresses'; inet_pton AF_INET 127.0.0.1 > /dev/null", NULL },
    .run = test,
};
