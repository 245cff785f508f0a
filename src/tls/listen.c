/* A listener whose connections have TLS. A task accepts, each handshake is a task with a deadline of its own, and
 * accept takes from the queue of those that are done: one that is stalled stops nobody. */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "run/fd.h"
#include "run/sync.h"
#include "run/task.h"
#include "tls/tls.h"

enum { RUNNING_MOST = 1024, WAITING_MOST = 128 };
#define HANDSHAKE_MOST (10 * SK_SECOND)
#define PAUSE          (50 * SK_MS) /* after accept(2) failed, for lack of descriptors for example */

struct shake { /* one handshake */
    struct listener *listener;
    struct sk_task *task;
    struct sk_sock *s;
    struct shake *next; /* younger */
    bool is_over;
};

struct listener {
    struct sk_tls_settings *settings;
    struct sk_sock *s;
    struct sk_scope scope;
    struct sk_event news;       /* a handshake is over, or a place in the queue is free */
    struct shake *first, **end; /* the oldest first; those that are over are freed by the acceptor */
    unsigned running;
    struct sk_sock *done[WAITING_MOST]; /* a ring */
    unsigned from, waiting;
    int bell; /* eventfd: readable while connections wait */
    uint64_t failed;
    struct sk_err last;
};

static struct listener *of(const struct sk_sock *s) { return s->under; }

static void ring(struct listener *l, bool on) {
    uint64_t n = 1;
    ssize_t r = on ? write(l->bell, &n, sizeof n) : read(l->bell, &n, sizeof n);
    (void)r; /* neither waits, and the counter holds more than the queue */
}

static void add_waiting(struct listener *l, struct sk_sock *s) {
    if (l->waiting == 0)
        ring(l, true);
    l->done[(l->from + l->waiting++) % WAITING_MOST] = s;
}

static struct sk_sock *take_waiting(struct listener *l) {
    struct sk_sock *s = l->done[l->from];
    l->from = (l->from + 1) % WAITING_MOST;
    if (--l->waiting == 0)
        ring(l, false);
    sk_event_set(&l->news);
    return s;
}

/* ---- The tasks ---- */

static int shake(void *arg) {
    struct shake *h = arg;
    struct listener *l = h->listener;
    struct sk_err why;
    if (tls_start(h->s, l->settings, NULL, sk_after(HANDSHAKE_MOST), &why) == 0) {
        add_waiting(l, h->s);
    } else {
        sk_sock_free(h->s);
        l->failed++;
        l->last = why;
    }
    h->s = NULL;
    h->is_over = true;
    l->running--;
    sk_event_set(&l->news);
    return 0;
}

/* Free what is over; and where too many run, give up the oldest, which is stalled if anyone is. */
static void tidy(struct listener *l) {
    struct shake **at = &l->first;
    for (struct shake *h; (h = *at);) {
        if (!h->is_over || sk_task_join(h->task, &(int){ 0 }, SK_NOWAIT, NULL) < 0) {
            at = &h->next;
            continue;
        }
        *at = h->next;
        free(h);
    }
    l->end = at;
    if (l->running >= RUNNING_MOST)
        for (struct shake *h = l->first; h; h = h->next)
            if (!h->is_over) {
                sk_cancel(h->task);
                break;
            }
}

static void begin(struct listener *l, struct sk_sock *s) {
    struct shake *h = sk_alloc(sizeof *h);
    *h = (struct shake){ .listener = l, .s = s };
    h->task = sk_spawn(&l->scope, "TLS handshake", shake, h, &l->last);
    if (!h->task) {
        l->failed++;
        sk_sock_free(s);
        free(h);
        return;
    }
    *l->end = h;
    l->end = &h->next;
    l->running++;
}

static int accept_all(void *arg) {
    struct listener *l = arg;
    struct sk_err why;
    for (;;) {
        struct sk_sock *s;
        tidy(l);
        if (l->running >= RUNNING_MOST || l->waiting + l->running >= WAITING_MOST + RUNNING_MOST ||
            l->waiting >= WAITING_MOST) {
            sk_event_clear(&l->news);
            if (sk_event_wait(&l->news, "TLS handshake", SK_NEVER, &why) < 0)
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
        if (l->waiting) {
            *out = take_waiting(l);
            return 0;
        }
        if (sk_wait(l->bell, POLLIN, "accept", deadline, err) < 0)
            return -1;
    }
}

static short pending(struct sk_sock *s, short events, short revents) {
    (void)revents;
    return of(s)->waiting ? events & (POLLIN | POLLRDNORM) : 0;
}

static int watched(const struct sk_sock *s) { return of(s)->bell; }

static struct sk_value describe(struct sk_sock *s) {
    const struct listener *l = of(s);
    struct sk_value r = sk_record();
    sk_put_main(&r, "pin", sk_text(l->settings->own_pin));
    sk_put(&r, "handshakes", sk_int(l->running));
    sk_put(&r, "waiting", sk_int(l->waiting));
    sk_put(&r, "failed", sk_int((int64_t)l->failed));
    sk_put(&r, "last_failure", l->failed ? sk_text(l->last.msg) : sk_null());
    return r;
}

static void close_listener(struct sk_sock *s) {
    struct listener *l = of(s);
    sk_scope_done(&l->scope);
    sk_shield();
    while (l->waiting)
        sk_sock_free(take_waiting(l));
    sk_unshield();
    for (struct shake *h = l->first, *next; h; h = next) {
        next = h->next;
        sk_sock_free(h->s); /* of a task that was cancelled before it began */
        free(h);
    }
    sk_fd_close(l->bell, NULL);
    tls_settings_free(l->settings);
    s->layer = &sk_layer_plain;
    s->under = NULL;
    free(l);
}

/* recv and send on a listener fail as they do without TLS. */
static ssize_t try_fill(struct sk_sock *s, void *buf, size_t n, int flags) {
    return sk_layer_plain.try_fill(s, buf, n, flags);
}

static ssize_t try_send(struct sk_sock *s, const void *buf, size_t n, int flags) {
    return sk_layer_plain.try_send(s, buf, n, flags);
}

static const struct sk_layer layer = {
    .name = "TLS",
    .try_fill = try_fill,
    .try_send = try_send,
    .pending = pending,
    .watched = watched,
    .accept = accept_done,
    .describe = describe,
    .close = close_listener,
};

int tls_listen(struct sk_sock *s, struct sk_tls_settings *settings, struct sk_err *err) {
    if (s->state != SK_LISTENING || s->type != SOCK_STREAM)
        return sk_fail_usage(err, "TLS needs a listening stream socket; this one is %s", sk_state_name(s));
    int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bell < 0)
        return sk_fail_sys(err, errno, "eventfd", NULL);
    struct listener *l = sk_alloc(sizeof *l);
    *l = (struct listener){ .settings = tls_settings_ref(settings), .s = s, .bell = bell };
    l->end = &l->first;
    sk_scope_init(&l->scope);
    s->under = l;
    s->layer = &layer;
    if (sk_spawn(&l->scope, "accept", accept_all, l, err))
        return 0;
    close_listener(s);
    return -1;
}
