#include "sock/poll.h"

#include <errno.h>
#include <stdlib.h>

#include "sock/layer.h"

static const short IN_EVENTS = POLLIN | POLLRDNORM;

/* What needs no system call: a closed socket, buffered bytes. */
static short known(const struct sk_pollitem *item) {
    if (item->sock->state == SK_CLOSED)
        return POLLNVAL;
    bool has_input = item->sock->in.len > 0 || item->sock->error;
    return has_input ? (short)(item->events & IN_EVENTS) : 0;
}

/* Fill revents from what is known and, for the open ones, from fds (NULL: nothing asked yet). Returns the number ready.
 */
static int collect(struct sk_pollitem *items, size_t count, const struct pollfd *fds) {
    int ready = 0;
    for (size_t i = 0; i < count; i++) {
        items[i].revents = known(&items[i]);
        if (fds && fds[i].fd >= 0 && items[i].sock->state != SK_CLOSED)
            items[i].revents |= fds[i].revents;
        ready += items[i].revents != 0;
    }
    return ready;
}

static size_t prepare(const struct sk_pollitem *items, size_t count, struct pollfd *fds) {
    size_t open = 0;
    for (size_t i = 0; i < count; i++) {
        bool closed = items[i].sock->state == SK_CLOSED; /* poll(2) skips negative numbers */
        fds[i] = (struct pollfd){ .fd = closed ? -1 : items[i].sock->fd, .events = items[i].events };
        open += !closed;
    }
    return open;
}

static int poll_open(struct sk_pollitem *items, size_t count, struct pollfd *fds, sk_time deadline,
                     struct sk_err *err) {
    struct sk_err why;
    int ready = collect(items, count, NULL);
    size_t open = prepare(items, count, fds);
    if (open == 0 && (ready > 0 || deadline == SK_NOWAIT))
        return ready;
    /* With something ready already the kernel is only asked what else is. */
    int r = sk_wait_many(fds, count, "poll", ready > 0 ? SK_NOWAIT : deadline, &why);
    if (r >= 0)
        return collect(items, count, fds);
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
