#include "run/task.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/buf.h"
#include "run/loop.h"
#include "run/wake.h"

static const sk_time SHIELD = 200 * SK_MS;

static struct sk_task main_task = { .label = "main" };
static struct sk_task *newest = &main_task; /* of all tasks */

struct sk_task *sk_task_main(void) {
    if (!main_task.context)
        main_task.context = sk_context_main();
    return &main_task;
}

/* ---- parking ---- */

static void give_way(struct sk_task *self) {
    struct sk_task *next = sk_loop_next();
    if (next != self)
        sk_context_switch(next->context);
}

bool sk_stopped(void) {
    if (sk_wake_pending)
        sk_wake_take();
    struct sk_task *self = sk_current();
    return self->canceled && (self->shields == 0 || sk_left(self->shield) == 0);
}

sk_time sk_limit(sk_time deadline) {
    struct sk_task *self = sk_current();
    return self->shields > 0 && self->shield < deadline ? self->shield : deadline;
}

enum sk_end sk_park(const char *op, sk_time deadline) {
    struct sk_task *self = sk_current();
    if (sk_stopped())
        return SK_STOPPED;
    if (deadline == SK_NOWAIT)
        return SK_LATE;
    sk_time limit = sk_limit(deadline);
    self->op = op;
    self->late = false;
    self->state = SK_PARKED;
    if (limit != SK_NEVER)
        sk_timer_start(self, limit);
    give_way(self);
    sk_timer_stop(self);
    self->op = NULL;
    return sk_stopped() ? SK_STOPPED : self->late ? SK_LATE : SK_WOKEN;
}

enum sk_end sk_park_in(struct sk_queue *queue, struct sk_waiter *waiter, const char *op, sk_time deadline) {
    *waiter = (struct sk_waiter){ .task = sk_current() };
    sk_queue_add(queue, waiter);
    enum sk_end end = sk_park(op, deadline);
    if (!waiter->granted)
        sk_queue_remove(queue, waiter);
    return end;
}

int sk_end_fail(enum sk_end end, const char *op, sk_time deadline, struct sk_err *err) {
    if (end == SK_STOPPED) {
        int why = sk_current() == &main_task ? sk_wake_signal() : 0;
        if (why)
            sk_wake_heard();
        return sk_fail(err, SK_CANCELED, why ? why : ECANCELED, op, "%s: cancelled", op);
    }
    return deadline == SK_NOWAIT ? sk_fail_sys(err, EAGAIN, op, NULL) : sk_fail_timeout(err, op);
}

void sk_yield(void) {
    struct sk_task *self = sk_current();
    if (sk_alone())
        return;
    sk_loop_look();
    self->state = SK_PARKED;
    sk_loop_ready(self);
    give_way(self);
}

/* ---- cancellation ---- */

void sk_cancel(struct sk_task *task) {
    task->canceled = true;
    if (task->shields == 0)
        sk_loop_ready(task);
}

bool sk_canceled(void) {
    if (sk_wake_pending)
        sk_wake_take();
    return sk_current()->canceled;
}

void sk_uncancel(void) {
    sk_wake_forget();
    main_task.canceled = false;
}

void sk_shield(void) {
    struct sk_task *self = sk_current();
    if (self->shields++ == 0)
        self->shield = sk_after(SHIELD);
}

void sk_unshield(void) { sk_current()->shields--; }

/* ---- scopes and tasks ---- */

/* Into the ring of the scope: in front, or with those that have returned at the end. */
static void ring_add(struct sk_scope *scope, struct sk_task *task, bool in_front) {
    struct sk_task *first = scope->first;
    if (!first) {
        task->before = task->after = scope->first = task;
        return;
    }
    task->after = first;
    task->before = first->before;
    first->before->after = task;
    first->before = task;
    if (in_front)
        scope->first = task;
}

static void ring_remove(struct sk_scope *scope, struct sk_task *task) {
    task->before->after = task->after;
    task->after->before = task->before;
    if (scope->first == task)
        scope->first = task->after == task ? NULL : task->after;
}

static void release(struct sk_task *task) {
    ring_remove(task->scope, task);
    *(task->younger ? &task->younger->older : &newest) = task->older;
    task->older->younger = task->younger; /* main is the oldest */
    free(task);
}

static struct sk_context *body(void *arg) {
    struct sk_task *self = arg;
    self->result = self->fn(self->arg);
    self->state = SK_RETURNED;
    sk_loop_leave();
    ring_remove(self->scope, self);
    ring_add(self->scope, self, false);
    while (sk_queue_grant(&self->joiners))
        continue;
    return sk_loop_next()->context;
}

struct sk_task *sk_spawn(struct sk_scope *scope, const char *label, int (*fn)(void *arg), void *arg,
                         struct sk_err *err) {
    sk_current(); /* main is there before its first child */
    if (sk_loop_enter(err) < 0)
        return NULL;
    struct sk_task *task = sk_alloc(sizeof *task);
    task->context = sk_context_new(body, task);
    if (!task->context) {
        sk_fail_sys(err, errno, "mmap", "no stack for a task");
        free(task);
        sk_loop_leave();
        return NULL;
    }
    task->label = label;
    task->fn = fn;
    task->arg = arg;
    task->scope = scope;
    task->canceled = scope->leaving;
    ring_add(scope, task, true);
    task->older = newest;
    newest = newest->younger = task;
    task->state = SK_PARKED;
    sk_loop_ready(task);
    return task;
}

void sk_scope_init(struct sk_scope *scope) { *scope = (struct sk_scope){ 0 }; }

int sk_scope_join(struct sk_scope *scope, sk_time deadline, struct sk_err *err) {
    struct sk_waiter waiter;
    while (scope->first && scope->first->state != SK_RETURNED) {
        enum sk_end end = sk_park_in(&scope->first->joiners, &waiter, "wait", deadline);
        if (end != SK_WOKEN)
            return sk_end_fail(end, "wait", deadline, err);
    }
    return 0;
}

void sk_scope_done(struct sk_scope *scope) {
    struct sk_task *self = sk_current(), *task = scope->first;
    sk_time shield = self->shield;
    self->shield = SK_NEVER;
    self->shields++;
    scope->leaving = true;
    if (task)
        do {
            sk_cancel(task);
            task = task->after;
        } while (task != scope->first);
    sk_scope_join(scope, SK_NEVER, NULL);
    while (scope->first)
        release(scope->first);
    scope->leaving = false;
    self->shields--;
    self->shield = shield;
}

bool sk_task_done(const struct sk_task *task) { return task->state == SK_RETURNED; }

int sk_task_join(struct sk_task *task, int *result, sk_time deadline, struct sk_err *err) {
    struct sk_waiter waiter;
    if (task->state != SK_RETURNED) {
        enum sk_end end = sk_park_in(&task->joiners, &waiter, "wait", deadline);
        if (end != SK_WOKEN)
            return sk_end_fail(end, "wait", deadline, err);
    }
    *result = task->result;
    release(task);
    return 0;
}

/* ---- what is going on ---- */

static void dump(const struct sk_task *task, struct sk_buf *out) {
    static const char *const states[] = {
        [SK_RUNNABLE] = "runnable", [SK_PARKED] = "waits", [SK_RETURNED] = "returned"
    };
    const struct sk_waiter *w = task->waiting;
    sk_buf_printf(out, NULL, "%s: %s", task->label, task == sk_current() ? "runs" : states[task->state]);
    if (task->op)
        sk_buf_printf(out, NULL, " in %s", task->op);
    if (w)
        sk_buf_printf(out, NULL, " on descriptor %d%s%s", w->fd, w->events & POLLIN ? " for input" : "",
                      w->events & POLLOUT ? " for output" : "");
    if (task->timer)
        sk_buf_printf(out, NULL, ", %lld ms left", (long long)(sk_left(task->deadline) / SK_MS));
    sk_buf_printf(out, NULL, "%s\n", task->canceled ? ", cancelled" : "");
}

void sk_task_dump(struct sk_buf *out) {
    struct sk_task *task = sk_task_main();
    for (; task; task = task->younger)
        dump(task, out);
}
