#include "lang/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lang/collect.h"

static struct job **list_of(struct frame *f) { return &frame_top(f)->job_list; }

/* The name that the job was to bind, if it was not made. */
static void drop_pending(const struct job *job) {
    struct object *name = session_find(job->frame.ses, job->bound, strlen(job->bound));
    if (name != NULL && name->cls == O_PENDING && name->u.pending == job->number)
        session_remove(job->frame.ses, name);
}

static int run_job(void *arg) {
    struct job *job = arg;
    int status = prog_run(&job->frame, &job->prog, job->sink);
    drop_pending(job);
    job->status = status;
    sk_event_set(&job->ended);
    struct frame *top = frame_top(&job->frame);
    if (top->job_ended != NULL)
        top->job_ended(top);
    return status;
}

static void job_free(struct job *job) {
    if (job->sink != NULL)
        sink_free(job->sink);
    frame_done(&job->frame);
    prog_done(&job->prog);
    free(job->text);
    free(job->file);
    free(job);
}

int job_start(struct frame *f, const struct step *step, struct sk_err *err) {
    struct frame *top = frame_top(f);
    struct job *job = sk_alloc(sizeof *job);
    job->text = sk_strdup(step->source);
    job->file = step->file != NULL ? sk_strdup(step->file) : NULL;
    frame_init(&job->frame, f, f->ses, f->host);
    job->frame.up = top; /* f may end before the job does */
    job->frame.echo = false;
    if (prog_line(&job->prog, job->text, strlen(job->text), job->file, step->line, false, err) < 0) {
        job_free(job);
        return -1;
    }
    job->sink = f->style == STYLE_MACHINE ? gather_new(NULL) : f->host->sink(&job->frame, 1, f->defaults.format);
    job->number = ++top->next_job;
    if (step->bind != NULL) {
        struct object *name = session_bind(f->ses, step->bind, O_PENDING, err);
        if (name == NULL) {
            job_free(job);
            return -1;
        }
        name->u.pending = job->number;
        snprintf(job->bound, sizeof job->bound, "%s", step->bind);
    }
    job->task = sk_spawn(&top->jobs, job->text, run_job, job, err);
    if (job->task == NULL) {
        drop_pending(job);
        job_free(job);
        return -1;
    }
    struct job **last = list_of(f);
    while (*last != NULL)
        last = &(*last)->next;
    *last = job;
    return 0;
}

struct job *job_next(struct frame *f, const struct job *after) {
    return after != NULL ? after->next : *list_of(f);
}

struct job *job_find(struct frame *f, uint32_t number) {
    struct job *job = *list_of(f);
    while (job != NULL && job->number != number)
        job = job->next;
    return job;
}

bool job_done(const struct job *job) { return job->task == NULL || sk_task_done(job->task); }

static void unlist(struct frame *f, struct job *job) {
    struct job **p = list_of(f);
    while (*p != job)
        p = &(*p)->next;
    *p = job->next;
}

struct job *job_self(struct frame *f) {
    struct job *job = *list_of(f);
    while (job != NULL && &job->frame != f)
        job = job->next;
    return job;
}

/* What the machine door kept of its commands. */
static void hand_over(struct job *job, struct sk_value *results) {
    struct sk_value list = gather_take(job->sink);
    if (results->type == SK_NULL)
        *results = sk_list();
    for (size_t i = 0; i < list.u.seq->count; i++)
        sk_push(results, sk_copy(list.u.seq->items[i].value));
    sk_drop(list);
}

int job_wait(struct frame *f, struct job *job, int *status, struct sk_value *results, sk_time deadline,
             struct sk_err *err) {
    job->waiters++;
    int rc = sk_event_wait(&job->ended, "wait", deadline, err);
    job->waiters--;
    if (rc == 0)
        *status = job->status;
    if (rc == 0 && job->status != 0)
        *err = job->frame.failed;
    if (rc == 0 && results != NULL && job->frame.style == STYLE_MACHINE)
        hand_over(job, results);
    if (rc == 0 && !job->told) {
        job->told = true;
        unlist(f, job);
    }
    int ignored;
    if (job->told && job->waiters == 0 &&
        sk_task_join(job->task, &ignored, SK_NEVER, NULL) == 0) /* has returned: no wait */
        job_free(job);
    return rc;
}

void job_cancel(struct job *job) { sk_cancel(job->task); }

void jobs_end(struct frame *f) {
    sk_scope_done(&frame_top(f)->jobs);
    for (struct job *job; (job = *list_of(f)) != NULL;) {
        unlist(f, job);
        job_free(job);
    }
}
