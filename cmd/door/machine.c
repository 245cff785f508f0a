/* Lines in, answers out, going on after failures: the machine door, and the prompt. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "door/door.h"
#include "door/history.h"
#include "door/news.h"
#include "door/prompt.h"
#include "lang/call.h"
#include "lang/collect.h"
#include "lang/job.h"
#include "lang/script.h"
#include "out/out.h"
#include "run/task.h"
#include "run/wake.h"
#include "verbs/trace.h"

/* "@TOKEN " at the front of a line: its length, 0 without one. */
static size_t token_len(const char *line, size_t n) {
    if (n == 0 || line[0] != '@')
        return 0;
    const char *end = memchr(line, ' ', n);
    return end != NULL ? (size_t)(end - line) : 0;
}

/* An envelope whose result is the items of a command that was asked for N: one for each. */
static struct sk_value each_item(struct frame *f, const struct sk_value *envelope) {
    const struct sk_value *items = sk_get(envelope, "result");
    struct sk_value list = sk_list();
    for (size_t i = 0; i < items->u.seq->count; i++) {
        struct sk_value one = sk_record();
        for (size_t k = 0; k < envelope->u.seq->count; k++) {
            const struct sk_item *part = &envelope->u.seq->items[k];
            bool result = strcmp(part->key, "result") == 0, seq = strcmp(part->key, "seq") == 0;
            sk_put(&one, part->key,
                   seq ? sk_int((int64_t)(*f->seq += 1))
                       : sk_copy(result ? items->u.seq->items[i].value : part->value));
        }
        sk_push(&list, one);
    }
    return list;
}

/* Has it a command whose results are told one by one (probe, resolve)? */
static bool tells_each(const struct prog *prog) {
    for (size_t i = 0; i < prog->count; i++)
        if (prog->steps[i].cmd->flags & EACH)
            return true;
    return false;
}

/* Are the results of this line several because it asked for that (recvfrom -n)? */
static bool asks_for_many(const struct prog *prog, const struct sk_value *envelopes) {
    const struct command *cmd = prog->count == 1 ? prog->steps[0].cmd : NULL;
    const struct sk_value *result =
        envelopes->u.seq->count == 1 ? sk_get(&envelopes->u.seq->items[0].value, "result") : NULL;
    if (cmd == NULL || cmd->result != R_ITEMS || result == NULL || result->type != SK_LIST)
        return false;
    for (const struct param *p = cmd->params; p != NULL && p->kind != K_END; p++)
        if (p->letter == 'n')
            return true;
    return false;
}

/* The one answer of a line: its only envelope, or a record around several. */
static struct sk_value answer(struct frame *f, struct sk_value envelopes, bool several, int status, sk_time started) {
    if (envelopes.u.seq->count == 1 && !several) {
        struct sk_value one = sk_copy(envelopes.u.seq->items[0].value);
        sk_drop(envelopes);
        return one;
    }
    struct sk_value v = sk_record();
    sk_put(&v, "v", sk_int(1));
    sk_put(&v, "seq", sk_int((int64_t)(*f->seq += 1)));
    sk_put(&v, "t", sk_float((double)((started - f->born) / 1000) / 1e6));
    sk_put(&v, "ok", sk_bool(status == 0));
    sk_put(&v, "ms", sk_float(sk_in_ms(sk_now() - started)));
    sk_put(&v, "results", envelopes);
    return v;
}

static int machine_line(struct frame *f, struct out *answers, const char *line, size_t n, int number,
                        struct sk_err *err) {
    n -= n > 0 && line[n - 1] == '\n'; /* a backslash before it continues nothing here */
    size_t token = token_len(line, n);
    const char *text = line + token;
    struct sink *sink = gather_new(NULL);
    struct sk_buf out = { 0 };
    struct prog prog;
    struct sk_err bad;
    sk_time started = sk_now();
    bool refused = prog_line(&prog, text, n - token, NULL, number, true, &bad) < 0, several = false;
    int status = 0, rc = 0;
    if (refused)
        status = script_refused(f, sink, NULL, 0, &bad);
    else
        status = prog_run(f, &prog, sink);
    several = !refused && (prog.count > 1 || tells_each(&prog));
    if (refused || prog.count > 0) {
        struct sk_value envelopes = gather_take(sink);
        if (asks_for_many(&prog, &envelopes)) {
            struct sk_value list = each_item(f, &envelopes.u.seq->items[0].value);
            sk_drop(envelopes);
            envelopes = list;
            several = true;
        }
        struct sk_value v = answer(f, envelopes, several, status, started);
        if (token > 1)
            sk_put(&v, "id", sk_text_n(line + 1, token - 1));
        rc = value_json(f->ses, &v, &out, err);
        sk_drop(v);
        if (rc == 0 && sk_buf_add(&out, "\n", 1, err) == 0)
            rc = out_write(answers, sk_buf_data(&out), out.len, NULL, err);
    }
    sk_buf_done(&out);
    prog_done(&prog);
    sink_free(sink);
    return rc;
}

static int text_line(struct frame *f, const char *line, size_t n, int number, struct sink *sink) {
    struct prog prog;
    struct sk_err err;
    if (prog_line(&prog, line, n, NULL, number, false, &err) < 0)
        script_refused(f, sink, NULL, 0, &err);
    else
        prog_run(f, &prog, sink);
    prog_done(&prog);
    return 0;
}

/* A terminal that no editor can draw on: its own line editing, and news between the commands. */
static void plain_prompt(struct frame *f, struct news *news) {
    struct sk_buf text = { 0 };
    news_look(news, f, &text);
    prompt_text(f, false, news_ended(news, f->current), &text);
    printf("%.*s", (int)text.len, (const char *)sk_buf_data(&text));
    fflush(stdout);
    sk_buf_done(&text);
}

/* Settings of the user, for the shell alone. */
static void run_init(struct frame *f, struct sink *sink) {
    char path[PATH_MAX];
    struct sk_err err;
    int line = 0;
    if (user_file(path, sizeof path, "XDG_CONFIG_HOME", ".config", "init") < 0 || access(path, F_OK) < 0)
        return;
    f->style = STYLE_SCRIPT;
    if (script_run_file(f, path, sink, &err, &line) < 0)
        script_refused(f, sink, path, line, &err);
    f->style = STYLE_SHELL;
}

static void first_lines(bool is_first_start) {
    printf("sockctl %s.  Type \"help\", or \"help http\" for a worked example. Ctrl-D leaves.\n", SOCKCTL_VERSION);
    if (is_first_start)
        printf("Try: connect example.com:80\nNothing you type leaves this computer except what you send.\n");
    fflush(stdout);
}

int door_lines(struct frame *f, bool no_init) {
    bool machine = f->defaults.json, terminal = !machine && f->host->is_terminal(STDIN_FILENO);
    struct reader r = { .fd = STDIN_FILENO, .next = 1 };
    struct sink *sink = f->host->sink(f, STDOUT_FILENO, f->defaults.format);
    struct news news = { .next = SK_NEVER };
    struct out answers;
    struct sk_err err;
    int rc = 0;
    size_t n;
    out_init(&answers, STDOUT_FILENO, f->host->stdout_was_closed);
    f->style = machine ? STYLE_MACHINE : STYLE_SHELL;
    f->default_timeout = SK_NEVER;
    if (f->host->stdin_was_closed)
        rc = sk_fail(&err, SK_SYS, EBADF, "read", "stdin is closed");
    bool is_first_start = false, warned = false;
    struct prompt *screen = terminal ? prompt_open(f, &is_first_start) : NULL;
    f->notify = terminal;
    if (terminal)
        trace_start(f->ses, SK_TAPE_MOST);
    if (terminal && f->defaults.verbose >= 0)
        first_lines(is_first_start);
    if (terminal && !no_init)
        run_init(f, sink);
    while (!f->stop && rc >= 0) {
        if (terminal && screen == NULL)
            plain_prompt(f, &news);
        rc = screen != NULL ? prompt_line(screen, &r.buf, &err) : reader_line(&r, machine, &n, &err);
        n = screen != NULL ? r.buf.len : n;
        r.line += screen != NULL;
        if (rc < 0 && err.kind == SK_CANCELED && terminal && sk_wake_signal() == SIGINT) {
            sk_uncancel(); /* Ctrl-C drops the line */
            sk_buf_clear(&r.buf);
            printf("\n");
            rc = 0;
            continue;
        }
        if (rc == 0 && terminal && screen == NULL)
            printf("\n");
        if (rc == 0 && terminal && !prompt_leaves(f, &warned)) {
            r.ended = false;
            continue;
        }
        if (rc <= 0)
            break;
        const char *line = (const char *)sk_buf_data(&r.buf);
        rc = machine ? machine_line(f, &answers, line, n, r.line, &err) : text_line(f, line, n, r.line, sink);
        sk_buf_consume(&r.buf, n);
        if (sk_wake_signal() == SIGINT)
            sk_uncancel();
        else if (sk_canceled())
            break;
    }
    bool ended = sk_canceled() && sk_wake_signal() != 0;
    prompt_close(screen);
    news_done(&news);
    jobs_end(f);
    sk_buf_done(&r.buf);
    if (rc < 0 && err.kind == SK_CANCELED)
        f->status = sk_err_status(&err); /* a signal, while nothing ran: there is nothing to answer */
    else if (rc < 0)
        script_refused(f, sink, NULL, 0, &err);
    sink_free(sink);
    out_done(&answers);
    return ended ? 128 + sk_wake_signal() : rc < 0 ? f->status : f->stop_status >= 0 ? f->stop_status : 0;
}
