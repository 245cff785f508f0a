#include "sock/poll.h"

#include <errno.h>
#include <stdlib.h>

#include "sock/layer.h"

static const short IN_EVENTS = POLLIN | POLLRDNORM;

/* What is ready: a closed socket, buffered bytes, and what the kernel says (told, 0 when it was not asked), which a
 * layer may know better. */
static short find(const struct sk_pollitem *item, short told) {
    struct sk_sock *s = item->sock;
    if (s->state == SK_CLOSED)
        return POLLNVAL;
    short come = s->layer->pending ? s->layer->pending(s, item->events, told) : told;
    bool has_input = s->in.len > 0 || s->error;
    return has_input ? come | (item->events & IN_EVENTS) : come;
}

/* Fill revents; fds NULL: nothing asked yet. Returns the number ready. */
static int collect(struct sk_pollitem *items, size_t count, const struct pollfd *fds) {
    int ready = 0;
    for (size_t i = 0; i < count; i++) {
        items[i].revents = find(&items[i], fds && fds[i].fd >= 0 ? fds[i].revents : 0);
        ready += items[i].revents != 0;
    }
    return ready;
}

static size_t prepare(const struct sk_pollitem *items, size_t count, struct pollfd *fds) {
    size_t open = 0;
    for (size_t i = 0; i < count; i++) {
        const struct sk_sock *s = items[i].sock;
        bool closed = s->state == SK_CLOSED; /* poll(2) skips negative numbers */
        int fd = s->layer->watched ? s->layer->watched(s) : s->fd;
        fds[i] = (struct pollfd){ .fd = closed ? -1 : fd, .events = items[i].events };
        open += !closed;
    }
    return open;
}

static int poll_open(struct sk_pollitem *items, size_t count, struct pollfd *fds, sk_time deadline,
                     struct sk_err *err) {
    struct sk_err why;
    int ready = collect(items, count, NULL), r;
    do {
        size_t open = prepare(items, count, fds);
        if (open == 0 && (ready > 0 || deadline == SK_NOWAIT))
            return ready;
        /* With something ready already the kernel is only asked what else is. */
        r = sk_wait_many(fds, count, "poll", ready > 0 ? SK_NOWAIT : deadline, &why);
        if (r >= 0)
            ready = collect(items, count, fds);
        if (r >= 0 && ready == 0 && sk_charge(0, "poll", deadline, &why) < 0)
            r = -1;
    } while (r >= 0 && ready == 0); /* what came was not yet anything for the reader of a layer */
    if (r >= 0)
        return ready;
    for (size_t i = 0; i < count; i++)
        fds[i].revents = 0;
    ready = collect(items, count, fds); /* closed or given bytes while we waited */
    if (ready > 0 || why.kind == SK_TIMEOUT || (why.kind == SK_SYS && why.code == EAGAIN))
        return ready;
    if (err)
        *err = why;
    return -1;
}

int sk_poll(struct sk_pollitem *items, size_t count, sk_time deadline, struct sk_err *err) {
    struct pollfd few[16], *fds = few;
    if (count > sizeof few / sizeof *few)
        fds = calloc(count, sizeof *fds);
    if (!fds)
        return sk_fail_sys(err, ENOMEM, "poll", "poll of %zu sockets", count);
    int r = poll_open(items, count, fds, deadline, err);
    if (fds != few)
        free(fds);
    return r;
}
