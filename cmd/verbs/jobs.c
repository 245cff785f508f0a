/* Commands in the background. */
#include "lang/job.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/parse.h"
#include "lang/call.h"
#include "verbs/pass.h"

static int jobs(struct call *c) {
    struct sk_value list = sk_list();
    for (struct job *job = job_next(c->frame, NULL); job; job = job_next(c->frame, job)) {
        bool done = job_done(job);
        struct sk_value item = sk_record();
        sk_put_main(&item, "id", sk_int(job->number));
        sk_put(&item, "state", sk_text(done ? "done" : "running"));
        sk_put(&item, "exit", done ? sk_int(job->status) : sk_null());
        sk_put(&item, "name", job->bound[0] ? sk_text(job->bound) : sk_null());
        sk_put(&item, "command", sk_text(job->text));
        sk_push(&list, item);
    }
    return call_items(c, list);
}

const struct command cmd_jobs = {
    .name = "jobs",
    .group = "session",
    .summary = "list the commands that run in the background",
    .result = R_ITEMS,
    .shows = "id state exit command",
    .details =
        "A command with & at its end becomes a job. A job that ended is listed until it has been told or waited for.",
    .examples = (const char *const[]){ "sleep 10ms &\njobs\nwait", NULL },
    .run = jobs,
};

/* JOB: its number, or the name it will bind. NULL with c->err. */
static struct job *find(struct call *c, const struct arg *arg) {
    const char *text = arg->u.s.p;
    struct sk_quoted q;
    int64_t number = 0;
    if (arg->u.s.n && text[0] >= '0' && text[0] <= '9') {
        if (sk_parse_int("JOB", text, arg->u.s.n, 1, UINT32_MAX, &number, &c->err) < 0)
            return NULL;
        struct job *job = job_find(c->frame, (uint32_t)number);
        if (job)
            return job;
    } else {
        for (struct job *job = job_next(c->frame, NULL); job; job = job_next(c->frame, job))
            if (strcmp(job->bound, text) == 0 && *text)
                return job;
    }
    bool any = job_next(c->frame, NULL) != NULL;
    sk_fail_usage(&c->err, "%s: no job is %s; %s", c->cmd->name, sk_quote(&q, text, arg->u.s.n),
                  any ? "jobs lists them" : "none is running");
    return NULL;
}

/* The next job to wait for when none was named: any but the one that waits. */
static struct job *another(struct call *c) {
    struct job *job = job_next(c->frame, NULL), *self = job_self(c->frame);
    return job && job == self ? job_next(c->frame, job) : job;
}

static int wait_for(struct call *c, struct job *job, struct sk_value *results) {
    uint32_t number = job->number;
    int status = 0;
    struct sk_err why;
    if (job_wait(c->frame, job, &status, results, c->deadline, &why) < 0) {
        c->err = why;
        return -1;
    }
    if (status == 0)
        return 0;
    c->reported = true;
    if (sk_err_status(&why) != status || why.kind == SK_CANCELED) /* it was the job that was cancelled, not we */
        return sk_fail(&c->err, SK_SHELL, status, "wait", "job %u ended with status %d", number, status);
    return sk_fail(&c->err, why.kind, why.code, why.op, "job %u: %s", number, why.msg);
}

static int wait_(struct call *c) {
    enum { JOB };
    struct sk_err first = { 0 };
    struct sk_value results = sk_null();
    bool failed = false, told = false;
    const struct arg *list = &c->args[JOB];
    struct job *job;
    for (uint32_t i = 0; i < list->count; i++) {
        if (!(job = find(c, &list->all[i])))
            return -1;
        if (job == job_self(c->frame))
            return sk_fail_usage(&c->err, "wait: job %u would wait for itself", job->number);
    }
    for (uint32_t i = 0; (job = list->count ? (i < list->count ? find(c, &list->all[i]) : NULL) : another(c)) != NULL;
         i++) {
        if (wait_for(c, job, &results) == 0)
            continue;
        told = c->reported;
        first = failed && told ? first : c->err;
        failed = true;
        if (!told)
            break; /* the wait itself ended: time ran out, or cancelled */
        c->reported = false;
    }
    if (results.type != SK_NULL)
        call_extra(c, "results", results);
    c->reported = told;
    c->err = failed ? first : c->err;
    return failed ? -1 : 0;
}

const struct command cmd_wait = {
    .name = "wait",
    .group = "session",
    .summary = "wait until jobs have ended",
    .params =
        (const struct param[]){
            ARG("JOB", K_TEXT, 0, MANY, "its number, or the name it binds; all when left out"),
            { .kind = K_END },
        },
    .flags = WAITS,
    .result = R_STATUS,
    .details = "The status is that of the first job that failed.",
    .examples = (const char *const[]){ "sleep 10ms &\nwait 1",
                                       "srv = listen :0\nconn = srv.accept &\nconnect sock:srv\nwait conn", NULL },
    .run = wait_,
};

static int cancel(struct call *c) {
    enum { JOB };
    const struct arg *list = &c->args[JOB];
    for (uint32_t i = 0; i < list->count; i++)
        if (!find(c, &list->all[i]))
            return -1;
    for (uint32_t i = 0; i < list->count; i++)
        job_cancel(find(c, &list->all[i]));
    return 0;
}

const struct command cmd_cancel = {
    .name = "cancel",
    .group = "session",
    .summary = "end jobs",
    .params =
        (const struct param[]){
            ARG("JOB", K_TEXT, 1, MANY, "its number, or the name it would bind"),
            { .kind = K_END },
        },
    .result = R_STATUS,
    .details = "Its command fails with status 130. Sockets stay as they are, with the bytes that have arrived.",
    .examples = (const char *const[]){ "sleep 10 &\ncancel 1\nfails 130 wait 1", NULL },
    .run = cancel,
};
