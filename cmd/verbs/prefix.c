/* Commands in front of commands: do, repeat, time. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lang/call.h"
#include "lang/collect.h"
#include "lang/prog.h"
#include "run/wait.h"
#include "verbs/pass.h"

int body_run(struct call *c, struct sink *sink) { return prog_run(c->frame, c->body, sink); }

int body_failed(struct call *c, int status) {
    const struct sk_err *last = &c->frame->failed;
    c->reported = true;
    if (sk_err_status(last) == status) {
        c->err = *last;
        return -1;
    }
    return sk_fail(&c->err, SK_SHELL, status, c->cmd->name, "a command ended with status %d", status);
}

/* The inner envelopes stand in this command's own one: in JSON, and where a name takes the result. */
static struct sink *inner_sink(struct call *c) { return c->json || c->bind ? gather_new(c->sink) : c->sink; }

/* Their list, or nothing; the sink is gone afterwards. */
static struct sk_value inner_take(struct call *c, struct sink *inner) {
    if (inner == c->sink)
        return sk_null();
    struct sk_value results = gather_take(inner);
    sink_free(inner);
    return results;
}

/* ---- do ---- */

static int do_(struct call *c) {
    int status = body_run(c, c->sink);
    return status ? body_failed(c, status) : 0;
}

const struct command cmd_do = {
    .name = "do",
    .group = "doors",
    .summary = "run a chain of commands that stand on one line",
    .params =
        (const struct param[]){
            OPT(0, "sep", K_TEXT, "the word between commands instead of ,"),
            ARG("COMMAND , COMMAND ...", K_CHAIN, 0, MANY, "commands with a word , between them"),
            { .kind = K_END },
        },
    .flags = PREFIX | TRANSPARENT,
    .result = R_STATUS,
    .details = "Every word is data except one that is exactly the separator, so words of the shell's variables are "
               "safe. A comma as "
               "data is '\\x2c'. The first command that fails ends the chain, and its status is the status of all.\n"
               "With --json before do, each command writes its object.",
    .examples =
        (const char *const[]){
            "do print one , print two",
            "do srv = listen :0 , connect sock:srv , srv.accept , send 'hello\\n'",
            "do --sep :: print a, :: print b",
            NULL,
        },
    .run = do_,
};

/* ---- repeat ---- */

enum { REPEAT_COUNT, REPEAT_EVERY, REPEAT_STATS, REPEAT_COMMAND };

/* Durations in nanoseconds. */
struct samples {
    sk_time *list;
    size_t count, cap;
};

static void sample(struct samples *s, sk_time ns) {
    if (s->count == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 1024;
        s->list = sk_realloc(s->list, s->cap * sizeof *s->list);
    }
    s->list[s->count++] = ns;
}

static int by_length(const void *a, const void *b) {
    sk_time x = *(const sk_time *)a, y = *(const sk_time *)b;
    return (x > y) - (x < y);
}

/* The smallest sample that at least `percent` of all are not above. */
static sk_time percentile(const struct samples *s, size_t percent) {
    size_t rank = (s->count * percent + 99) / 100;
    return s->list[rank ? rank - 1 : 0];
}

static double micro(sk_time ns) { return (double)(ns / 10) / 100; }

/* Where bucket b begins, in microseconds: 0 1 3 6 12 25 50 100 200 ... */
static uint64_t bound(int b) { return b < 5 ? (uint64_t)(25 >> (5 - b)) : UINT64_C(25) << (b - 5); }

/* A length of time in microseconds, as short as it can be read. */
static const char *short_micro(char *dst, size_t size, sk_time ns) {
    snprintf(dst, size, ns < 10000 ? "%.1f" : "%.0f", micro(ns));
    return dst;
}

static int summary(const struct samples *s, struct sk_buf *out, struct sk_err *err) {
    char p50[32], p90[32], p99[32], most[32];
    return sk_buf_printf(out, err, "p50 %s  p90 %s  p99 %s  max %s us", short_micro(p50, sizeof p50, percentile(s, 50)),
                         short_micro(p90, sizeof p90, percentile(s, 90)),
                         short_micro(p99, sizeof p99, percentile(s, 99)),
                         short_micro(most, sizeof most, s->list[s->count - 1]));
}

/* Buckets whose bounds double, as many # as their share of the largest (INTERFACE.md B10). */
static int histogram(const struct samples *s, const char *what, struct sk_buf *out, struct sk_err *err) {
    enum { BAR = 40, BUCKETS = 50 };
    size_t buckets[BUCKETS] = { 0 }, largest = 0;
    int first = BUCKETS - 1, last = 0;
    sk_buf_printf(out, NULL, "%zu runs of %s, microseconds\n", s->count, what);
    for (size_t i = 0; i < s->count; i++) {
        int b = 0;
        while (b < BUCKETS - 1 && (uint64_t)s->list[i] >= bound(b + 1) * 1000)
            b++;
        buckets[b]++;
        first = b < first ? b : first;
        last = b > last ? b : last;
        largest = buckets[b] > largest ? buckets[b] : largest;
    }
    for (int b = first; b <= last; b++) {
        size_t bar = (buckets[b] * BAR + largest / 2) / largest;
        if (sk_buf_printf(out, err, "%6" PRIu64 "..%-6" PRIu64 "%5zu |%.*s\n", bound(b), bound(b + 1), buckets[b],
                          (int)bar, "########################################") < 0)
            return -1;
    }
    return summary(s, out, err);
}

static int stats_put(struct call *c, struct samples *s) {
    struct sk_buf text = { 0 };
    if (s->count == 0)
        return 0;
    qsort(s->list, s->count, sizeof *s->list, by_length);
    if (histogram(s, c->body->steps[0].cmd->name, &text, &c->err) < 0) {
        sk_buf_done(&text);
        return -1;
    }
    struct sk_value stats = sk_record();
    sk_put(&stats, "min", sk_float(micro(s->list[0])));
    sk_put(&stats, "p50", sk_float(micro(percentile(s, 50))));
    sk_put(&stats, "p90", sk_float(micro(percentile(s, 90))));
    sk_put(&stats, "p99", sk_float(micro(percentile(s, 99))));
    sk_put(&stats, "max", sk_float(micro(s->list[s->count - 1])));
    sk_put_main(&stats, "histogram", sk_text_n(sk_buf_data(&text), text.len));
    sk_put_main(&c->result, "us", stats);
    c->shows = NULL;
    sk_buf_done(&text);
    return 0;
}

/* The loop: the status of the first run that failed. *done counts the runs that did not. */
static int repeat_run(struct call *c, struct sink *sink, struct samples *samples, int64_t *done) {
    int64_t n = c->args[REPEAT_COUNT].u.i;
    bool paced = has(c, REPEAT_EVERY), timed = flag(c, REPEAT_STATS);
    sk_time every = paced ? c->args[REPEAT_EVERY].u.t : 0, due = paced ? sk_now() : 0, begin = timed ? sk_now() : 0;
    for (*done = 0; *done < n && !c->frame->stop; ++*done) {
        if (paced) {
            if (*done > 0 && sk_sleep_until(due, "repeat", &c->err) < 0)
                return -1;
            due += every;
            begin = timed ? sk_now() : 0;
        }
        int status = body_run(c, sink);
        if (status != 0)
            return status;
        if (timed) {
            sk_time now = sk_now();
            sample(samples, now - begin);
            begin = now;
        }
        if (sk_charge(0, "repeat", SK_NEVER, &c->err) < 0)
            return -1;
    }
    return 0;
}

static int check_repeat(const struct arg *args, const struct common *opt, struct sk_err *err) {
    (void)opt;
    return args[REPEAT_COUNT].count ? 0 : sk_fail_usage(err, "repeat: how often? write repeat -n N COMMAND");
}

static int repeat(struct call *c) {
    struct samples samples = { 0 };
    int64_t done = 0;
    sk_time start = sk_now();
    struct sink *inner = inner_sink(c);
    int status = repeat_run(c, inner, &samples, &done);
    struct sk_value results = inner_take(c, inner);
    int rc = status < 0 ? -1 : status > 0 ? body_failed(c, status) : 0;
    if (rc == 0) {
        c->result = sk_record();
        sk_put(&c->result, "n", sk_int(done));
        sk_put(&c->result, "ms", sk_float(sk_in_ms(sk_now() - start)));
        rc = stats_put(c, &samples);
    }
    if (rc == 0 && results.type != SK_NULL)
        sk_put(&c->result, "results", results);
    else if (results.type != SK_NULL)
        call_extra(c, "results", results);
    free(samples.list);
    return rc;
}

const struct command cmd_repeat = {
    .name = "repeat",
    .group = "test",
    .summary = "run a command N times",
    .params =
        (const struct param[]){
            [REPEAT_COUNT] = OPT('n', "count", K_INT, "how often", .lo = 1, .hi = INT64_MAX),
            [REPEAT_EVERY] = OPT(0, "every", K_TIME, "start a run every TIME; a run that takes longer delays the next"),
            [REPEAT_STATS] = OPT(0, "stats", K_FLAG, "how long the runs took: a histogram and percentiles"),
            [REPEAT_COMMAND] = ARG("COMMAND", K_CMD, 1, MANY, "the command with its words; do takes several"),
            { .kind = K_END },
        },
    .flags = PREFIX,
    .result = R_ONE,
    .shows = "",
    .details = "The first run that fails ends it, with that status. Ctrl-C ends it between two runs. In JSON the "
               "results of the runs "
               "stand in results.",
    .examples =
        (const char *const[]){
            "repeat -n 3 print again",
            "repeat -n 2 --every 10ms do print tick",
            "x = pair ; repeat -n 100 --stats do x0.send PING , x1.expect PING",
            NULL,
        },
    .check = check_repeat,
    .run = repeat,
};

/* ---- time ---- */

static int time_(struct call *c) {
    struct sink *inner = inner_sink(c);
    sk_time start = sk_now();
    int status = body_run(c, inner);
    sk_time took = sk_now() - start;
    struct sk_value results = inner_take(c, inner);
    char line[64];
    snprintf(line, sizeof line, "real %" PRId64 ".%06" PRId64 " s", took / SK_SECOND, took % SK_SECOND / 1000);
    if (status != 0) {
        call_note(c, "%s", line);
        if (results.type != SK_NULL)
            call_extra(c, "results", results);
        return body_failed(c, status);
    }
    c->result = sk_record();
    sk_put(&c->result, "ms", sk_float(sk_in_ms(took)));
    sk_put(&c->result, "status", sk_int(status));
    sk_put_main(&c->result, "text", sk_text(line));
    if (results.type != SK_NULL)
        sk_put(&c->result, "results", results);
    return 0;
}

const struct command cmd_time = {
    .name = "time",
    .group = "test",
    .summary = "run a command and say how long it took",
    .params =
        (const struct param[]){
            ARG("COMMAND", K_CMD, 1, MANY, "the command with its words; do takes several"),
            { .kind = K_END },
        },
    .flags = PREFIX,
    .result = R_ONE,
    .shows = "text",
    .details = "The status is that of the command.",
    .examples = (const char *const[]){ "time sleep 10ms", "time do print a , print b", NULL },
    .run = time_,
};
