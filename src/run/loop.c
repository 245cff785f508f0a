#include "run/loop.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/buf.h"
#include "run/wake.h"

enum { BATCH = 256, STRETCH = 64 };

/* A descriptor that was waited for. It stays in epoll, level-triggered, when its waiters have gone, because most come
 * back for the same events: then waiting costs no system call but epoll_wait. It is taken out when it reports what
 * nobody asked for. */
struct watch {
    struct sk_queue queue;
    uint32_t armed; /* what epoll was asked for; 0 when it is not there */
    uint32_t generation;
};

static struct {
    struct sk_task *current;
    struct sk_task *first, *last; /* runnable */
    unsigned stretch;             /* tasks run since the last look at epoll */
    size_t others;                /* tasks but main that have not returned */

    struct sk_task **timers; /* binary heap from 1, the earliest first */
    size_t timer_count, timer_room;

    int epoll;
    struct watch *watches; /* by descriptor */
    size_t watch_count;
} loop = { .epoll = -1 };

/* ---- run queue ---- */

struct sk_task *sk_current(void) {
    if (!loop.current)
        loop.current = sk_task_main();
    return loop.current;
}

bool sk_alone(void) { return loop.others == 0; }

int sk_loop_enter(struct sk_err *err) {
    while (loop.epoll < 0 && (loop.epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
        if (errno != EINTR)
            return sk_fail_sys(err, errno, "epoll_create1", NULL);
    loop.others++;
    return 0;
}

void sk_loop_leave(void) { loop.others--; }

void sk_loop_ready(struct sk_task *task) {
    if (task->state != SK_PARKED)
        return;
    task->state = SK_RUNNABLE;
    task->next = NULL;
    *(loop.first ? &loop.last->next : &loop.first) = task;
    loop.last = task;
}

/* ---- timers ---- */

static void timer_place(size_t at, struct sk_task *task) {
    loop.timers[at] = task;
    task->timer = at;
}

/* Put task into the hole at `at`, or wherever the order wants it. */
static void timer_sift(size_t at, struct sk_task *task) {
    for (; at > 1 && loop.timers[at / 2]->deadline > task->deadline; at /= 2)
        timer_place(at, loop.timers[at / 2]);
    for (size_t below; (below = 2 * at) <= loop.timer_count; at = below) {
        if (below < loop.timer_count && loop.timers[below + 1]->deadline < loop.timers[below]->deadline)
            below++;
        if (loop.timers[below]->deadline >= task->deadline)
            break;
        timer_place(at, loop.timers[below]);
    }
    timer_place(at, task);
}

void sk_timer_start(struct sk_task *task, sk_time deadline) {
    if (loop.timer_count + 1 >= loop.timer_room) {
        loop.timer_room = 2 * loop.timer_room + 8;
        loop.timers = sk_realloc(loop.timers, loop.timer_room * sizeof *loop.timers);
    }
    task->deadline = deadline;
    timer_sift(++loop.timer_count, task);
}

void sk_timer_stop(struct sk_task *task) {
    if (task->timer == 0)
        return;
    struct sk_task *last = loop.timers[loop.timer_count--];
    if (last != task)
        timer_sift(task->timer, last);
    task->timer = 0;
}

static void timers_expire(void) {
    if (loop.timer_count == 0)
        return;
    for (sk_time now = sk_now(); loop.timer_count > 0 && loop.timers[1]->deadline <= now;) {
        struct sk_task *task = loop.timers[1];
        sk_timer_stop(task);
        task->late = task->state == SK_PARKED;
        sk_loop_ready(task);
    }
}

/* ---- epoll ---- */

static uint32_t wanted(const struct watch *watch) {
    uint32_t events = 0;
    for (const struct sk_waiter *w = watch->queue.first; w; w = w->after)
        events |= (unsigned short)w->events;
    return events;
}

/* Ask epoll for exactly these events of fd, or (0) for none. 0, or an errno. */
static int arm(int fd, uint32_t events) {
    struct watch *watch = &loop.watches[fd];
    struct epoll_event event = { .events = events, .data.u64 = (uint64_t)watch->generation << 32 | (uint32_t)fd };
    int op = events == 0 ? EPOLL_CTL_DEL : watch->armed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    watch->armed = events;
    if (epoll_ctl(loop.epoll, op, fd, &event) == 0)
        return 0;
    if (op == EPOLL_CTL_MOD && errno == ENOENT && epoll_ctl(loop.epoll, EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    watch->armed = 0;
    return errno;
}

int sk_watch(struct sk_waiter *waiter, const char *op, struct sk_err *err) {
    int fd = waiter->fd;
    if ((size_t)fd >= loop.watch_count) {
        size_t count = 2 * (size_t)fd + 16;
        loop.watches = sk_realloc(loop.watches, count * sizeof *loop.watches);
        for (; loop.watch_count < count; loop.watch_count++)
            loop.watches[loop.watch_count] = (struct watch){ 0 };
    }
    struct watch *watch = &loop.watches[fd];
    sk_queue_add(&watch->queue, waiter);
    uint32_t want = wanted(watch) | EPOLLERR | EPOLLHUP; /* never 0 */
    int error = want & ~watch->armed ? arm(fd, want) : 0;
    if (error == 0)
        return 0;
    sk_queue_remove(&watch->queue, waiter);
    if (error == EPERM || error == EBADF) { /* a file, ready as for poll(2); or not open */
        waiter->revents = sk_events(error == EBADF ? POLLNVAL : (unsigned short)waiter->events & (POLLIN | POLLOUT));
        return 1;
    }
    return sk_fail_sys(err, error, "epoll_ctl", "%s: epoll_ctl", op);
}

void sk_unwatch(struct sk_waiter *waiter) {
    if (!waiter->closed)
        sk_queue_remove(&loop.watches[waiter->fd].queue, waiter);
}

void sk_watch_end(int fd) {
    if ((size_t)fd >= loop.watch_count)
        return;
    struct watch *watch = &loop.watches[fd];
    if (watch->armed)
        arm(fd, 0);
    watch->generation++;
    for (struct sk_waiter *w; (w = watch->queue.first);) {
        sk_queue_remove(&watch->queue, w);
        w->closed = true;
        sk_loop_ready(w->task);
    }
}

/* An event of a descriptor that was closed behind our back while a copy of it is open elsewhere: it cannot be taken out
 * of epoll, since its number means something else by now. Begin again with a new epoll. */
static void begin_again(void) {
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        return;
    close(loop.epoll);
    loop.epoll = epoll;
    for (int fd = 0; (size_t)fd < loop.watch_count; fd++) {
        struct watch *watch = &loop.watches[fd];
        watch->armed = 0;
        if (watch->queue.first)
            arm(fd, wanted(watch) | EPOLLERR | EPOLLHUP);
    }
}

/* Hand an event to those who wait for it. False: nobody knows this descriptor. */
static bool deliver(const struct epoll_event *event) {
    int fd = (int)(uint32_t)event->data.u64;
    struct watch *watch = &loop.watches[fd];
    if (watch->generation != event->data.u64 >> 32)
        return false;
    uint32_t taken = 0;
    for (struct sk_waiter *w = watch->queue.first; w; w = w->after) {
        uint32_t come = event->events & ((unsigned short)w->events | (uint32_t)(EPOLLERR | EPOLLHUP));
        if (come) {
            w->revents = sk_events(come);
            sk_loop_ready(w->task);
            taken |= come;
        }
    }
    if (taken)
        return true;
    return arm(fd, watch->queue.first ? wanted(watch) | EPOLLERR | EPOLLHUP : 0) == 0;
}

static void turn(sk_time deadline) {
    static struct epoll_event events[BATCH]; /* too large for a stack; no turn begins within a turn */
    bool lost = false;
    int n = loop.epoll < 0 ? sk_wake_ppoll(NULL, 0, deadline) : sk_wake_epoll(loop.epoll, events, BATCH, deadline);
    for (int i = 0; i < n; i++)
        lost |= !deliver(&events[i]);
    if (lost)
        begin_again();
    if (sk_wake_pending)
        sk_wake_take();
    timers_expire();
    loop.stretch = 0;
}

void sk_loop_look(void) { turn(SK_NOWAIT); }

struct sk_task *sk_loop_next(void) {
    if (loop.first && ++loop.stretch >= STRETCH) /* those who never stop must not keep events and timers away */
        turn(SK_NOWAIT);
    while (!loop.first)
        turn(loop.timer_count > 0 ? loop.timers[1]->deadline : SK_NEVER);
    loop.current = loop.first;
    loop.first = loop.current->next;
    return loop.current;
}
