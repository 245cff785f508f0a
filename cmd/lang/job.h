/* Commands that run in the background: `accept -s srv &`. */
#ifndef LANG_JOB_H
#define LANG_JOB_H

#include "lang/frame.h"
#include "lang/prog.h"
#include "run/sync.h"

struct job {
    uint32_t number;
    char *text; /* the command as typed */
    char *file; /* of its script, for messages, or NULL: the script may end before the job does */
    struct prog prog;
    struct frame frame;
    struct sink *sink;    /* owned */
    struct sk_task *task; /* NULL once joined */
    struct sk_event ended;
    unsigned waiters;             /* how many are in job_wait: the last to leave frees what has been told */
    int status;                   /* when done */
    char bound[NAME_MAX_LEN + 1]; /* NAME = ..., or "" */
    bool told;                    /* its end was waited for: no longer in the list */
    struct job *next;
};

/* Start the step in the background. */
int job_start(struct frame *f, const struct step *step, struct sk_err *err);
struct job *job_find(struct frame *f, uint32_t number);         /* NULL */
struct job *job_next(struct frame *f, const struct job *after); /* in order of number; start with NULL */
bool job_done(const struct job *job);
/* The job that runs in the frame, or NULL. */
struct job *job_self(struct frame *f);
/* Wait for its end: its status in *status, what failed in *err when that is not 0; -1 timeout or cancelled. The job is
 * then forgotten, and a pointer to it is of no use. Several may wait for the same job. At the machine door its
 * envelopes are added to the list *results, which may be null or NULL. */
int job_wait(struct frame *f, struct job *job, int *status, struct sk_value *results, sk_time deadline,
             struct sk_err *err);
void job_cancel(struct job *job);
/* All of them: cancel, wait, forget. */
void jobs_end(struct frame *f);

#endif
