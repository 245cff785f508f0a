/* What is remembered about buffered bytes: where datagrams begin, who sent them, which descriptors came with them. */
#include <stdlib.h>
#include <string.h>

#include "run/fd.h"
#include "sock/layer.h"

struct sk_fdmark *sk_mark_add(struct sk_sock *s, size_t n) {
    struct sk_fdmark *m = sk_alloc(sizeof *m);
    m->at = s->received;
    m->last = s->received + (n ? n - 1 : 0);
    if (s->fdmarks_last)
        s->fdmarks_last->next = m;
    else
        s->fdmarks = m;
    s->fdmarks_last = m;
    return m;
}

void sk_cmsg_fds(struct msghdr *msg, int **fds, size_t *count) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(0))
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (n == 0)
            continue;
        if (fds) {
            *fds = sk_realloc(*fds, (*count + n) * sizeof(int));
            memcpy(*fds + *count, CMSG_DATA(c), n * sizeof(int));
            *count += n;
            continue;
        }
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            sk_fd_close(fd, NULL);
        }
    }
}

size_t sk_mark_message(const struct sk_sock *s) {
    uint64_t front = sk_front(s);
    for (const struct sk_fdmark *m = s->fdmarks; m; m = m->next)
        if (m->starts && m->at > front)
            return (size_t)(m->at - front);
    return s->in.len;
}

const struct sk_addr *sk_mark_peer(const struct sk_sock *s) {
    uint64_t front = sk_front(s);
    for (const struct sk_fdmark *m = s->fdmarks; m && m->at <= front; m = m->next)
        if (m->starts && m->last >= front)
            return m->peer;
    return NULL;
}

struct sk_fdmark *sk_mark_fds(struct sk_sock *s, uint64_t before) {
    for (struct sk_fdmark *m = s->fdmarks; m && m->at < before; m = m->next)
        if (m->count)
            return m;
    return NULL;
}

static void drop_first(struct sk_sock *s) {
    struct sk_fdmark *m = s->fdmarks;
    s->fdmarks = m->next;
    if (!s->fdmarks)
        s->fdmarks_last = NULL;
    for (size_t i = 0; i < m->count; i++)
        sk_fd_close(m->fds[i], NULL);
    free(m->fds);
    free(m->peer);
    free(m);
}

void sk_marks_drop(struct sk_sock *s) {
    while (s->fdmarks && s->fdmarks->last < sk_front(s))
        drop_first(s);
}

void sk_marks_done(struct sk_sock *s) {
    while (s->fdmarks)
        drop_first(s);
}
