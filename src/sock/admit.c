#include "sock/admit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "run/fd.h"
#include "run/sync.h"
#include "run/task.h"
#include "sock/layer.h"
#include "sock/proxyhdr.h"

enum {
    RUNNING_MOST = 1024,
    WAITING_MOST = 128 /* while more wait, none is begun */,
    ROOM = RUNNING_MOST + WAITING_MOST
};
#define PAUSE (50 * SK_MS) /* after accept(2) failed, for lack of descriptors for example */

struct guest { /* one connection that is not accepted yet */
    struct listener *listener;
    struct sk_task *task;
    struct sk_sock *s;
    struct guest *next; /* younger */
    bool is_over;
};

struct listener {
    struct sk_admitting now;
    struct sk_admission step; /* after the PROXY header; admit NULL: none */
    struct sk_sock *s;
    struct sk_scope scope;
    struct sk_event news;       /* a guest is done, or a place in the queue is free */
    struct guest *first, **end; /* the oldest first; those that are over are freed by the acceptor */
    struct sk_sock *done[ROOM]; /* a ring */
    unsigned from;
    int bell; /* eventfd: readable while connections wait */
};

static struct listener *of(const struct sk_sock *s) { return s->under; }

static void ring(struct listener *l, bool on) {
    uint64_t n = 1;
    ssize_t r = on ? write(l->bell, &n, sizeof n) : read(l->bell, &n, sizeof n);
    (void)r; /* neither waits, and the counter holds more than the queue */
}

static void add_waiting(struct listener *l, struct sk_sock *s) {
    if (l->now.waiting == 0)
        ring(l, true);
    l->done[(l->from + l->now.waiting++) % ROOM] = s;
}

static struct sk_sock *take_waiting(struct listener *l) {
    struct sk_sock *s = l->done[l->from];
    l->from = (l->from + 1) % ROOM;
    if (--l->now.waiting == 0)
        ring(l, false);
    sk_event_set(&l->news);
    return s;
}

static void failed(struct listener *l, const struct sk_err *why) {
    l->now.failed++;
    snprintf(l->now.last, sizeof l->now.last, "%s", why->msg);
}

/* ---- The tasks ---- */

static int admit(void *arg) {
    struct guest *g = arg;
    struct listener *l = g->listener;
    struct sk_err why;
    sk_time deadline = sk_after(l->now.within);
    if ((!l->now.proxied || sk_proxyhdr_receive(g->s, deadline, &why) == 0) &&
        (!l->step.admit || l->step.admit(g->s, l->step.arg, deadline, &why) == 0)) {
        add_waiting(l, g->s);
    } else {
        sk_sock_free(g->s);
        failed(l, &why);
    }
    g->s = NULL;
    g->is_over = true;
    l->now.running--;
    sk_event_set(&l->news);
    return 0;
}

/* Free what is over; and where too many run, give up the oldest, which is stalled if anyone is. */
static void tidy(struct listener *l) {
    struct guest **at = &l->first;
    for (struct guest *g; (g = *at);) {
        if (!g->is_over || sk_task_join(g->task, &(int){ 0 }, SK_NOWAIT, NULL) < 0) {
            at = &g->next;
            continue;
        }
        *at = g->next;
        free(g);
    }
    l->end = at;
    if (l->now.running >= RUNNING_MOST)
        for (struct guest *g = l->first; g; g = g->next)
            if (!g->is_over) {
                sk_cancel(g->task);
                break;
            }
}

static void begin(struct listener *l, struct sk_sock *s) {
    struct guest *g = sk_alloc(sizeof *g);
    struct sk_err why;
    *g = (struct guest){ .listener = l, .s = s };
    g->task = sk_spawn(&l->scope, l->step.admit ? "TLS handshake" : "PROXY header", admit, g, &why);
    if (!g->task) {
        failed(l, &why);
        sk_sock_free(s);
        free(g);
        return;
    }
    *l->end = g;
    l->end = &g->next;
    l->now.running++;
}

static int accept_all(void *arg) {
    struct listener *l = arg;
    struct sk_err why;
    for (;;) {
        struct sk_sock *s;
        tidy(l);
        if (l->now.running >= RUNNING_MOST || l->now.waiting >= WAITING_MOST) {
            sk_event_clear(&l->news);
            if (sk_event_wait(&l->news, "accept", SK_NEVER, &why) < 0)
                return 0;
        } else if (sk_accept_plain(l->s, &s, SK_NEVER, &why) == 0) {
            begin(l, s);
            if (sk_charge(0, "accept", SK_NEVER, &why) < 0)
                return 0;
        } else if (why.kind == SK_CANCELED || why.code == EBADF || why.code == EINVAL ||
                   sk_sleep_until(sk_after(PAUSE), "accept", &why) < 0) {
            return 0;
        }
    }
}

/* ---- The layer ---- */

static int accept_done(struct sk_sock *s, struct sk_sock **out, sk_time deadline, struct sk_err *err) {
    for (;;) {
        if (sk_sock_check(s, "accept", err) < 0)
            return -1;
        struct listener *l = of(s);
        if (l->now.waiting) {
            *out = take_waiting(l);
            return 0;
        }
        if (sk_wait(l->bell, POLLIN, "accept", deadline, err) < 0)
            return -1;
    }
}

static short pending(struct sk_sock *s, short events, short revents) {
    (void)revents;
    return of(s)->now.waiting ? events & (POLLIN | POLLRDNORM) : 0;
}

static int watched(const struct sk_sock *s) { return of(s)->bell; }

static struct sk_value describe(struct sk_sock *s) {
    const struct listener *l = of(s);
    return l->step.describe(&l->now, l->step.arg);
}

static void close_listener(struct sk_sock *s) {
    struct listener *l = of(s);
    sk_scope_done(&l->scope);
    sk_shield();
    while (l->now.waiting)
        sk_sock_free(take_waiting(l));
    sk_unshield();
    for (struct guest *g = l->first, *next; g; g = next) {
        next = g->next;
        sk_sock_free(g->s); /* of a task that was cancelled before it began */
        free(g);
    }
    sk_fd_close(l->bell, NULL);
    if (l->step.done)
        l->step.done(l->step.arg);
    s->layer = &sk_layer_plain;
    s->under = NULL;
    free(l);
}

/* recv and send on a listener fail as they do without all this. */
static ssize_t try_fill(struct sk_sock *s, void *buf, size_t n, int flags) {
    return sk_layer_plain.try_fill(s, buf, n, flags);
}

static ssize_t try_send(struct sk_sock *s, const void *buf, size_t n, int flags) {
    return sk_layer_plain.try_send(s, buf, n, flags);
}

#define LAYER(name_, ...)                                                                                              \
    {                                                                                                                  \
        .name = name_, .try_fill = try_fill, .try_send = try_send, .pending = pending, .watched = watched,             \
        .accept = accept_done, .close = close_listener, __VA_ARGS__                                                    \
    }
static const struct sk_layer plain_layer = LAYER("PROXY headers", .describe = NULL);
static const struct sk_layer secure_layer = LAYER("TLS", .describe = describe);

/* ---- Made ---- */

static int make(struct sk_sock *s, struct sk_err *err) {
    if (s->state != SK_LISTENING || s->type != SOCK_STREAM)
        return sk_fail_usage(err, "TLS and PROXY headers need a listening stream socket; this one is %s",
                             sk_state_name(s));
    int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bell < 0)
        return sk_fail_sys(err, errno, "eventfd", NULL);
    struct listener *l = sk_alloc(sizeof *l);
    *l = (struct listener){ .s = s, .bell = bell, .now.within = SK_ADMIT_WITHIN };
    l->end = &l->first;
    sk_scope_init(&l->scope);
    s->under = l;
    s->layer = &plain_layer;
    if (sk_spawn(&l->scope, "accept", accept_all, l, err))
        return 0;
    close_listener(s);
    return -1;
}

int sk_admit(struct sk_sock *s, const struct sk_admission *step, struct sk_err *err) {
    if (s->layer == &secure_layer)
        return sk_fail_usage(err, "there is TLS on this listener already");
    if (s->layer != &plain_layer && make(s, err) < 0)
        return -1;
    of(s)->step = *step;
    s->layer = &secure_layer;
    return 0;
}

int sk_admit_proxied(struct sk_sock *s, struct sk_err *err) {
    if (s->layer == &plain_layer || s->layer == &secure_layer)
        return sk_fail_usage(err, "this listener is at work already");
    if (make(s, err) < 0)
        return -1;
    of(s)->now.proxied = true;
    return 0;
}

void sk_admit_within(struct sk_sock *s, sk_time length) {
    if (sk_admitting(s))
        of(s)->now.within = length;
}

const struct sk_admitting *sk_admitting(const struct sk_sock *s) {
    return s->layer == &plain_layer || s->layer == &secure_layer ? &of(s)->now : NULL;
}

void sk_put_admitting(struct sk_value *record, const struct sk_admitting *a) {
    sk_put(record, "waiting", sk_int(a->waiting));
    sk_put(record, "failed", sk_int((int64_t)a->failed));
    sk_put(record, "last_failure", a->last[0] ? sk_text(a->last) : sk_null());
}
