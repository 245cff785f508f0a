/* The run queue, the timers and epoll: what is behind run/task, run/wait and run/sync. Not for other rooms. */
#ifndef SK_RUN_LOOP_H
#define SK_RUN_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "run/context.h"
#include "run/sync.h"
#include "run/task.h"

enum sk_state { SK_RUNNABLE, SK_PARKED, SK_RETURNED };

struct sk_task {
    struct sk_context *context;
    struct sk_task *next; /* in the run queue */
    enum sk_state state;
    bool canceled;
    bool late;        /* its timer ended the wait */
    sk_time deadline; /* of the timer */
    size_t timer;     /* place in the heap of timers, 0 when there is none */
    unsigned shields; /* how many are open */
    sk_time shield;   /* when they end */
    struct sk_queue joiners;

    const char *label;
    const char *op;                  /* what it waits for */
    const struct sk_waiter *waiting; /* the descriptor, if it is one */
    int (*fn)(void *arg);
    void *arg;
    int result;
    struct sk_scope *scope;
    struct sk_task *before, *after;  /* ring of the scope */
    struct sk_task *older, *younger; /* list of all */
};

/* One entry of a queue: of a descriptor, a lock, an event, a join. Lives in the frame of the waiting function. */
struct sk_waiter {
    struct sk_waiter *before, *after;
    struct sk_task *task;
    int fd;
    short events, revents; /* asked, come */
    bool granted;          /* the lock, event or join came; no longer queued */
    bool closed;           /* by sk_fd_close */
};

void sk_queue_add(struct sk_queue *queue, struct sk_waiter *waiter);
void sk_queue_remove(struct sk_queue *queue, struct sk_waiter *waiter);
/* Grant the first waiter; false when there is none. */
bool sk_queue_grant(struct sk_queue *queue);

static inline short sk_events(unsigned events) { return (short)(unsigned short)events; }

/* ---- tasks ---- */

struct sk_task *sk_current(void);
struct sk_task *sk_task_main(void);
/* No other task is left: waits need no epoll. */
bool sk_alone(void);

enum sk_end { SK_WOKEN, SK_LATE, SK_STOPPED };
/* Is the current task cancelled and not shielded? */
bool sk_stopped(void);
/* The deadline, or the end of the shield. */
sk_time sk_limit(sk_time deadline);
/* Stop the current task until somebody readies it, the deadline, or cancellation. */
enum sk_end sk_park(const char *op, sk_time deadline);
/* The same in a queue, until granted. The waiter is out of the queue afterwards; it may have been granted and stopped.
 */
enum sk_end sk_park_in(struct sk_queue *queue, struct sk_waiter *waiter, const char *op, sk_time deadline);
/* -1 with the failure that belongs to end (not SK_WOKEN): SK_CANCELED, SK_TIMEOUT, EAGAIN for SK_NOWAIT. */
int sk_end_fail(enum sk_end end, const char *op, sk_time deadline, struct sk_err *err);

/* ---- the loop ---- */

/* A task is about to be added (from the first on, epoll is needed), or has returned. */
int sk_loop_enter(struct sk_err *err);
void sk_loop_leave(void);
/* Put a parked task into the run queue. Others are left as they are. */
void sk_loop_ready(struct sk_task *task);
/* Who runs next, now the current task: waits in epoll if nobody can. */
struct sk_task *sk_loop_next(void);
/* See who became ready, without waiting. */
void sk_loop_look(void);
void sk_timer_start(struct sk_task *task, sk_time deadline);
void sk_timer_stop(struct sk_task *task);

/* Wake waiter->task when waiter->fd (0 or more) has one of waiter->events. 1: cannot be waited for, revents tells why
 * (always ready, or not open), and the waiter was not added; 0; -1. */
int sk_watch(struct sk_waiter *waiter, const char *op, struct sk_err *err);
void sk_unwatch(struct sk_waiter *waiter);
/* The descriptor is about to be closed. */
void sk_watch_end(int fd);

#endif
