/* Running compiled steps: one path for every door. */
#include "lang/run.h"

#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "lang/call.h"
#include "lang/collect.h"
#include "lang/job.h"
#include "lang/optparse.h"
#include "run/task.h"
#include "run/wait.h"
#include "sock/tap.h"

enum { KEPT_BYTES = 65536 }; /* of a stream that $_ still holds */

struct running {
    struct frame *frame;
    const struct step *step;
    struct call call;
    struct common effective;
    struct arena scratch;
    struct sk_time_span {
        sk_time start, end;
    } time;
    struct outlet outlet;
    struct sink *collect; /* NAME = of a command that makes no object */
};

/* The arguments: as compiled, or parsed now because of variables. */
static int prepare(struct running *r, const struct common *given) {
    const struct step *st = r->step;
    struct call *c = &r->call;
    struct parsed ps;
    c->args = st->args;
    if (st->late) {
        if (opt_parse(st->cmd, st->words, st->nwords, &r->scratch, r->frame, &ps, &c->err) < 0)
            return -1;
        c->args = ps.args;
        given = &ps.opt;
        if (c->bind == NULL)
            c->bind = given->as;
    }
    options_in_effect(r->frame, given, &r->effective);
    c->opt = &r->effective;
    c->json = r->effective.json;
    frame_top(r->frame)->color = r->effective.color;
    if (st->opt.help)
        return 0;
    if (target_find(c, &st->object) < 0)
        return -1;
    if (st->cmd->flags & WAITS)
        target_deadline(c, r->time.start);
    if (r->effective.verbose > 0)
        options_tell(c, given);
    hint_options(c, st);
    return 0;
}

static void call_begin(struct running *r, struct sink *sink) {
    struct call *c = &r->call;
    c->cmd = r->step->cmd;
    c->frame = r->frame;
    c->ses = r->frame->ses;
    c->args = NULL;
    c->opt = &r->frame->defaults; /* until its own are known */
    c->body = r->step->body;
    c->bind = r->step->bind;
    c->shows = c->cmd->shows;
    c->obj = NULL;
    c->sock = NULL;
    c->source = NULL;
    c->deadline = SK_NEVER;
    c->allowed = SK_NEVER;
    c->allowed_by = "";
    c->sink = sink;
    c->more = c->told = false;
    c->json = options_json(r->frame, &r->step->opt);
    c->scratch = &r->scratch;
    c->data_room = NULL;
    c->held = NULL;
    c->result = sk_null();
    c->items = sk_null();
    c->items_size = 0;
    c->warns = false;
    c->reported = false;
    c->extra = sk_null();
    c->note = (struct sk_buf){ 0 };
}

/* The sentence of a wait that ended is made here, where the length and its origin are known. */
static void explain(struct running *r) {
    struct call *c = &r->call;
    char length[32], on[NAME_MAX_LEN + 8] = "";
    if (c->obj != NULL)
        snprintf(on, sizeof on, " on %s", c->obj->name);
    if (c->err.kind == SK_CANCELED)
        snprintf(c->err.msg, sizeof c->err.msg, "cancelled: %s%s", c->cmd->name, on);
    else if (c->err.kind == SK_TIMEOUT && !(c->cmd->flags & PREFIX) && strncmp(c->err.msg, "timed out", 9) == 0)
        snprintf(c->err.msg, sizeof c->err.msg, "timed out after %s%s: %s%s",
                 sk_format_time(length, sizeof length, c->allowed), c->allowed_by, c->cmd->name, on);
}

/* Bytes that were taken for a NAME that is not made are shown nowhere: they go back into the socket. (JSON holds them,
 * as error.partial.) */
static void give_back(struct call *c) {
    const struct sk_value *partial = sk_get(&c->extra, "partial");
    if (c->json || c->cmd->result != R_STREAM || c->sock == NULL || c->sock->type != SOCK_STREAM || partial == NULL)
        return;
    if (sk_unread(c->sock, partial->u.s->data, partial->u.s->len, NULL) == 0)
        call_note(c, "%zu bytes stay in %s", partial->u.s->len, c->obj->name);
}

/* The result is bound under NAME: the collected value, unless the command made the object itself. What came before a
 * failure is told beside the error. */
static int bind_result(struct running *r, int rc, struct sk_value *value) {
    struct call *c = &r->call;
    struct outcome o = { .cmd = c->cmd->name, .ok = rc == 0, .result = &c->result };
    if (r->collect == NULL)
        return rc;
    if (r->collect->cls->end(r->collect, c, &o, &c->err) < 0 || rc < 0) {
        give_back(c);
        return -1;
    }
    sk_drop(*value);
    *value = collect_take(r->collect);
    struct object *obj = call_bind(c, c->bind, O_VALUE);
    if (obj == NULL)
        return -1;
    obj->u.value = sk_copy(*value);
    return 0;
}

/* What the items are as one value; null when they were too many to keep. */
static struct sk_value items_value(const struct call *c) {
    if (c->items.type == SK_NULL)
        return c->items_size == 0 && !call_single(c) ? sk_list() : sk_null();
    return sk_copy(call_single(c) ? *sk_at(&c->items, 0) : c->items);
}

/* What $_ becomes. A stream was kept by call_bytes, items by call_item, each while they were few. */
static void keep_last(struct frame *f, const struct call *c, const struct sk_value *value, bool ok) {
    bool stream = c->cmd->result == R_STREAM, items = c->cmd->result == R_ITEMS && value->type == SK_NULL;
    if (!stream && (!ok || c->cmd->result == R_STATUS))
        return;
    f->last_is_bytes = stream && f->last_bytes.len <= KEPT_BYTES;
    if (f->last_is_bytes)
        return;
    if (stream)
        sk_buf_clear(&f->last_bytes);
    sk_drop(f->last);
    f->last = stream ? sk_null() : items ? items_value(c) : sk_copy(*value);
}

static const char *socket_name(const struct call *c) {
    const struct sk_value *v = sk_main(&c->result);
    if (c->obj != NULL)
        return c->obj->name;
    if (v != NULL && v->type == SK_HANDLE) {
        const struct object *made = session_get(c->ses, v->u.ref);
        return made != NULL ? made->name : NULL;
    }
    return NULL;
}

/* Tell the outcome to the sink; a sink that fails makes the command fail. */
static int tell(struct running *r, struct sink *sink, bool ok, const struct sk_value *value) {
    struct call *c = &r->call;
    const struct step *st = r->step;
    struct outcome o = { .cmd = c->cmd->name,
                         .sock = socket_name(c),
                         .ok = ok,
                         .result = ok && c->cmd->result != R_STATUS ? value : NULL,
                         .err = ok ? NULL : &c->err,
                         .started = r->time.start - r->frame->born,
                         .took = r->time.end - r->time.start,
                         .bound = c->bind != NULL,
                         .file = st->file,
                         .line = st->line };
    struct sk_err err;
    if (!outcome_was_told(c, &o))
        o.seq = ++*r->frame->seq;
    if (sink->cls->end(sink, c, &o, &err) == 0)
        return ok ? 0 : -1;
    if (ok) { /* told again as the failure that it is */
        o.seq += o.seq == 0 ? ++*r->frame->seq : 0;
        c->err = err;
        o.ok = false;
        o.result = NULL;
        o.err = &c->err;
        sink->cls->end(sink, c, &o, &err);
    }
    return -1;
}

/* Where it stopped: for who reads the trace. What an inner command has told stands there already. */
static void trace_failure(struct call *c) {
    if (!c->reported && c->err.kind != SK_USAGE)
        sk_tap_note(c->sock, c->err.msg);
}

static int end_step(struct running *r, struct sink *sink, int rc) {
    struct call *c = &r->call;
    struct frame *f = r->frame;
    struct sk_value value = sk_copy(c->result);
    bool transparent = (c->cmd->flags & TRANSPARENT) != 0;
    if (!transparent)
        r->time.end = sk_now();
    rc = bind_result(r, rc, &value);
    if (rc < 0)
        explain(r);
    if (rc < 0 && sk_tape)
        trace_failure(c);
    keep_last(f, c, &value, rc == 0);
    if (!transparent)
        f->last_took = r->time.end - r->time.start;
    struct sink *out = r->outlet.sink != NULL ? r->outlet.sink : sink;
    bool silent = transparent && (rc == 0 || c->reported);
    if (transparent && !silent)
        r->time.start = r->time.end = sk_now();
    if (!silent)
        rc = tell(r, out, rc == 0, &value);
    int closed = outlet_close(&r->outlet, rc == 0, &c->err);
    if (closed == OUTLET_ENOUGH) {
        rc = 0;
    } else if (closed < 0) {
        rc = -1;
        explain(r);
        c->reported = false;
        tell(r, sink, false, NULL);
    } else if (rc < 0 && out != sink && f->style == STYLE_MACHINE) { /* the answer says it too */
        tell(r, sink, false, NULL);
    }
    sk_drop(value);
    return rc;
}

static void call_end(struct running *r) {
    struct call *c = &r->call;
    sk_drop(c->result);
    sk_drop(c->items);
    sk_drop(c->extra);
    sk_buf_done(&c->note);
    if (c->obj != NULL)
        object_release(c->obj);
    call_release(c);
    if (r->collect != NULL)
        sink_free(r->collect);
    if (r->scratch.blocks != NULL)
        arena_done(&r->scratch);
}

/* COMMAND --help is `help COMMAND`. */
static int show_help(struct call *c) {
    const struct command *help = command_find("help", 4);
    size_t rows = 0;
    while (help->params[rows].kind != K_END)
        rows++;
    struct arg *args = arena_alloc(c->scratch, rows * sizeof *args);
    args[0] =
        (struct arg){ .count = 1, .u.s = { c->cmd->name, strlen(c->cmd->name) } }; /* its first operand is the topic */
    c->cmd = help;
    c->shows = help->shows;
    c->args = args;
    return help->run(c);
}

/* do and source write nothing themselves: --json, --bytes, -q and -v behind them are for the commands that they run. */
static int run_inside(struct call *c) {
    struct common *defaults = &c->frame->defaults;
    bool json = defaults->json, json_set = defaults->json_set;
    int verbose = defaults->verbose, bytes = defaults->bytes;
    if (c->opt->json_set) {
        defaults->json = c->opt->json;
        defaults->json_set = true;
    }
    defaults->verbose = c->opt->verbose;
    defaults->bytes = c->opt->bytes;
    int rc = c->cmd->run(c);
    defaults->json = json;
    defaults->json_set = json_set;
    defaults->verbose = verbose;
    defaults->bytes = bytes;
    return rc;
}

static int run_command(struct running *r) {
    struct call *c = &r->call;
    const struct step *st = r->step;
    if (prepare(r, &st->opt) < 0 || outlet_open(&r->outlet, c, st) < 0)
        return -1;
    if (r->outlet.sink != NULL)
        c->sink = r->outlet.sink;
    if (c->bind != NULL && !(c->cmd->flags & MAKES)) {
        r->collect = collect_new();
        collect_errors(r->collect, c->sink);
        c->sink = r->collect;
    }
    if (c->cmd->result == R_STREAM)
        sk_buf_clear(&r->frame->last_bytes);
    if (st->opt.help)
        return show_help(c);
    if ((c->cmd->flags & PREFIX) && r->frame->depth >= DEEPEST)
        return sk_fail_usage(&c->err, "%s: commands are nested deeper than %d", c->cmd->name, DEEPEST);
    r->frame->depth++;
    if (c->opt->secret && c->sock != NULL)
        sk_tap_secret(c->sock, true);
    int rc = c->cmd->flags & TRANSPARENT ? run_inside(c) : c->cmd->run(c);
    if (c->opt->secret && c->sock != NULL)
        sk_tap_secret(c->sock, false);
    r->frame->depth--;
    return rc;
}

static int step_status(struct frame *f, const struct call *c, int rc) {
    if (rc == 0) {
        f->status = 0;
        return 0;
    }
    f->failed = c->err;
    f->status = sk_err_status(&c->err);
    frame_top(f)->sections.failures++;
    return f->status;
}

static int step_run(struct frame *f, const struct step *st, struct sink *sink) {
    struct running r;
    r.frame = f;
    r.step = st;
    r.scratch.blocks = NULL;
    r.collect = NULL;
    r.outlet.sink = NULL;
    call_begin(&r, sink);
    r.time.start = r.time.end =
        st->cmd->flags & TRANSPARENT ? 0 : sk_now(); /* reading the clock costs as much as a step */
    r.call.started = r.time.start;
    if (f->echo && f->host->echo != NULL && st->source != NULL)
        f->host->echo(f, st->source);
    int rc = sk_charge(0, st->cmd->name, SK_NEVER, &r.call.err);
    if (rc == 0 && st->background)
        rc = job_start(f, st, &r.call.err);
    else if (rc == 0)
        rc = run_command(&r);
    if (rc < 0 || !st->background)
        rc = end_step(&r, sink, rc);
    call_end(&r);
    return step_status(f, &r.call, rc);
}

int prog_run(struct frame *f, const struct prog *p, struct sink *sink) {
    int first = 0;
    for (size_t i = 0; i < p->count && !f->stop; i++) {
        int status = step_run(f, &p->steps[i], sink);
        if (status != 0 && first == 0)
            first = status;
        if (status != 0 && (!f->keep_going || f->failed.kind == SK_CANCELED))
            break;
    }
    return first;
}
