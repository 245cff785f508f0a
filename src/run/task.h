/* Tasks belong to a scope; leaving the scope cancels and joins. Main is task 0 and needs no set-up. */
#ifndef SK_RUN_TASK_H
#define SK_RUN_TASK_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/err.h"

struct sk_buf;
struct sk_task;

struct sk_scope {          /* embedded in its owner's frame; all zero after sk_scope_init */
    struct sk_task *first; /* a ring; those that have returned are at its end */
    bool leaving;          /* sk_scope_done has begun: tasks that are still added are cancelled */
};

void sk_scope_init(struct sk_scope *scope);
/* Cancel every task of the scope and wait until each has returned. Never fails; is itself shielded from cancellation.
 */
void sk_scope_done(struct sk_scope *scope);
/* Wait until every task of the scope has returned, without cancelling: 0, or -1 timeout or cancelled. */
int sk_scope_join(struct sk_scope *scope, sk_time deadline, struct sk_err *err);

/* Start fn(arg) as a task of scope; it first runs when the caller next waits. LABEL is shown by sk_task_dump and must
 * outlive the task. The handle stays valid until sk_task_join has returned success or the scope is done. NULL: no
 * memory for a stack. */
struct sk_task *sk_spawn(struct sk_scope *scope, const char *label, int (*fn)(void *arg), void *arg,
                         struct sk_err *err);
void sk_cancel(struct sk_task *task);          /* sticky; its waits fail from now on */
bool sk_task_done(const struct sk_task *task); /* it has returned */
/* Wait for its return value into *result and release the handle: 0, or -1 timeout or cancelled (the handle stays). */
int sk_task_join(struct sk_task *task, int *result, sk_time deadline, struct sk_err *err);

/* For cleanup that must wait: until sk_unshield, and at most 200 ms, waits of the current task are not cancelled.
 * Whether cancelled or not, they end when the 200 ms are over: with SK_CANCELED or SK_TIMEOUT. Shields nest; the
 * outermost counts. */
void sk_shield(void);
void sk_unshield(void);
/* True when the current task was cancelled (shield or not). */
bool sk_canceled(void);
/* Clear the cancellation of the main task: a prompt goes on after Ctrl-C. */
void sk_uncancel(void);
/* Give the processor to other runnable tasks once. */
void sk_yield(void);
/* Append a line per task: its label and what it waits for. */
void sk_task_dump(struct sk_buf *out);

#endif
