/* What happened at the sockets of the session, from poll(2) alone: nothing is consumed. */
#include "door/news.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/bytes.h"
#include "door/door.h"
#include "lang/job.h"
#include "sock/poll.h"

#define QUIET (200 * SK_MS) /* between two lines about one socket */
enum { LINES_MOST = 20 };   /* of one look */

struct seen {
    struct sk_ref ref;
    bool data, ended;  /* told */
    uint64_t consumed; /* bytes that commands had read when data was told */
    sk_time told;      /* when, or 0 */
    bool later;        /* that is too short ago to tell more */
};

void news_done(struct news *n) {
    free(n->list);
    *n = (struct news){ .next = SK_NEVER };
}

static bool is_stream(const struct sk_sock *s) { return s->type == SOCK_STREAM || s->type == SOCK_SEQPACKET; }

/* A socket that has something to tell: its own reader would see the data before us. */
static bool is_watched(const struct object *obj) {
    if (obj->cls != O_SOCKET || !obj->name[0] || !obj->u.sock || obj->u.sock->rlock.held)
        return false;
    const struct sk_sock *s = obj->u.sock;
    return s->state == SK_CONNECTED || s->state == SK_LISTENING || (!is_stream(s) && s->state == SK_BOUND);
}

static struct object *next_watched(struct session *ses, const struct object *after) {
    struct object *obj = session_next(ses, after);
    while (obj && !is_watched(obj))
        obj = session_next(ses, obj);
    return obj;
}

/* One row a watched socket, with what was told about it. The session keeps its order, so one walk is enough. */
static void follow(struct news *n, struct session *ses) {
    size_t count = 0, at = 0;
    for (struct object *obj = session_next(ses, NULL); obj; obj = session_next(ses, obj))
        count += obj->cls == O_SOCKET;
    struct seen *list = sk_alloc((count + 1) * sizeof *list);
    count = 0;
    for (struct object *obj = session_next(ses, NULL); obj; obj = session_next(ses, obj)) {
        if (obj->cls != O_SOCKET)
            continue;
        struct seen *row = &list[count++];
        *row = (struct seen){ .ref = obj->ref };
        for (size_t i = at; i < n->count; i++)
            if (n->list[i].ref.slot == obj->ref.slot && n->list[i].ref.gen == obj->ref.gen) {
                *row = n->list[i];
                at = i + 1;
                break;
            }
    }
    free(n->list);
    n->list = list;
    n->count = count;
}

static size_t waiting(const struct sk_sock *s) {
    int count = 0;
    if (ioctl(s->fd, FIONREAD, &count) < 0 || count < 0)
        count = 0;
    return s->in.len + (size_t)count;
}

/* The peer of a connection that waits to be accepted, if it is a socket of this session: accept alone tells others. */
static bool add_caller(struct frame *f, struct sk_sock *listener, struct sk_buf *line) {
    struct sk_addr own, local, remote;
    char text[SK_ADDR_TEXT];
    if (sk_sock_local(listener, &own, NULL) < 0)
        return false;
    const struct object *found = NULL;
    for (struct object *obj = session_next(f->ses, NULL); obj; obj = session_next(f->ses, obj))
        if (obj->cls == O_SOCKET && obj->u.sock && obj->u.sock->state == SK_CONNECTED && !obj->u.sock->is_accepted &&
            sk_sock_remote(obj->u.sock, &remote, NULL) == 0 && sk_addr_equal(&remote, &own))
            found = obj; /* the latest */
    if (!found || sk_sock_local(found->u.sock, &local, NULL) < 0)
        return false;
    return sk_buf_printf(line, NULL, " from %s", sk_addr_format(text, sizeof text, &local)) == 0;
}

/* What waits to be read, in words; marks it as told. */
static void tell_data(struct frame *f, const struct object *obj, struct seen *row, short revents, struct sk_buf *out) {
    struct sk_sock *s = obj->u.sock;
    bool listens = s->state == SK_LISTENING;
    size_t count = listens ? 0 : waiting(s);
    uint64_t consumed = s->received - s->in.len;
    bool data = revents & POLLIN && (count > 0 || listens || (!is_stream(s) && !(revents & POLLERR)));
    bool is_new = data && (!row->data || row->consumed != consumed);
    row->data = data;
    if (!is_new)
        return;
    row->consumed = consumed;
    sk_buf_printf(out, NULL, "[%s] ", obj->name);
    if (listens) {
        sk_buf_add_str(out, "connection waiting", NULL);
        if (s->family != AF_UNIX)
            add_caller(f, s, out);
    } else if (strcmp(s->layer->name, "plain") == 0) {
        sk_buf_printf(out, NULL, "%zu byte%s waiting", count, count == 1 ? "" : "s");
    } else {
        sk_buf_add_str(out, "data waiting", NULL); /* how much of it is ours, only reading tells */
    }
    sk_buf_add_str(out, "\n", NULL);
}

static void tell_end(const struct object *obj, struct seen *row, short revents, struct sk_buf *out) {
    const struct sk_sock *s = obj->u.sock;
    bool ended = is_stream(s) && s->state == SK_CONNECTED && revents & (POLLRDHUP | POLLHUP);
    bool failed = !ended && revents & POLLERR;
    if (!row->ended && ((ended && !obj->ended) || failed))
        sk_buf_printf(out, NULL, "[%s] %s\n", obj->name, ended ? "peer closed" : "an error waits");
    row->ended = ended || failed;
}

/* Of data at most a line a socket and 200 ms: what comes sooner is looked at again then. */
static void tell(struct news *n, struct frame *f, const struct object *obj, struct seen *row, short revents,
                 struct sk_buf *out) {
    sk_time now = sk_now();
    size_t before = out->len;
    row->later = row->told && now - row->told < QUIET;
    if (!row->later)
        tell_data(f, obj, row, revents, out);
    else if (row->told + QUIET < n->next)
        n->next = row->told + QUIET;
    if (out->len > before)
        row->told = now;
    tell_end(obj, row, revents, out);
}

/* A flood of sockets is one line. */
static void cut(struct sk_buf *lines, bool utf8) {
    const char *p = lines->len ? (const char *)sk_buf_data(lines) : "", *end = p + lines->len, *cut_at = end;
    size_t count = 0;
    for (const char *q = p; q < end; q++)
        if (*q == '\n' && ++count == LINES_MOST)
            cut_at = q + 1;
    if (count <= LINES_MOST + 1)
        return;
    lines->len = (size_t)(cut_at - p);
    sk_buf_printf(lines, NULL, "%s and %zu more; ls shows the sockets\n", utf8 ? "…" : "...", count - LINES_MOST);
}

/* Jobs that ended are told, and thereby forgotten. */
static void tell_jobs(struct frame *f, struct sk_buf *lines) {
    struct job *next;
    for (struct job *job = job_next(f, NULL); job; job = next) {
        int status = 0;
        struct sk_err why;
        next = job_next(f, job);
        if (!job_done(job) || job->waiters > 0)
            continue;
        if (job->status == 0)
            sk_buf_printf(lines, NULL, "[%u] done: ", job->number);
        else
            sk_buf_printf(lines, NULL, "[%u] ended with status %d: ", job->number, job->status);
        sk_escape(lines, job->text, strlen(job->text), 0, NULL);
        sk_buf_add_str(lines, "\n", NULL);
        job_wait(f, job, &status, NULL, SK_NOWAIT, &why);
    }
}

void news_look(struct news *n, struct frame *f, struct sk_buf *lines) {
    follow(n, f->ses);
    n->next = SK_NEVER;
    struct sk_pollitem *items = sk_alloc((n->count + 1) * sizeof *items);
    size_t count = 0;
    for (struct object *obj = next_watched(f->ses, NULL); obj; obj = next_watched(f->ses, obj)) {
        short rdhup = is_stream(obj->u.sock) && obj->u.sock->state == SK_CONNECTED ? POLLRDHUP : 0;
        items[count++] = (struct sk_pollitem){ .sock = obj->u.sock, .events = (short)(POLLIN | rdhup) };
    }
    if (count > 0 && sk_poll(items, count, SK_NOWAIT, NULL) >= 0) {
        size_t at = 0, row = 0;
        for (struct object *obj = session_next(f->ses, NULL); obj; obj = session_next(f->ses, obj)) {
            row += obj->cls == O_SOCKET;
            if (at < count && is_watched(obj) && items[at].sock == obj->u.sock)
                tell(n, f, obj, &n->list[row - 1], items[at++].revents, lines);
        }
    }
    free(items);
    tell_jobs(f, lines);
    cut(lines, speaks_utf8(f->host));
    if (!f->notify)
        sk_buf_clear(lines);
}

size_t news_watch(const struct news *n, struct frame *f, struct pollfd *fds, size_t most) {
    size_t row = 0, count = 0;
    for (struct object *obj = session_next(f->ses, NULL); obj && row < n->count; obj = session_next(f->ses, obj)) {
        if (obj->cls != O_SOCKET)
            continue;
        const struct seen *seen = &n->list[row++];
        if (!is_watched(obj) || seen->ended)
            continue;
        if (count < most) {
            const struct sk_sock *s = obj->u.sock;
            int fd = s->layer->watched ? s->layer->watched(s) : s->fd;
            short events = (short)((seen->data || seen->later ? 0 : POLLIN) |
                                   (is_stream(s) && s->state == SK_CONNECTED ? POLLRDHUP : 0));
            fds[count] = (struct pollfd){ .fd = events ? fd : -1, .events = events };
        }
        count++;
    }
    return count;
}

bool news_ended(const struct news *n, struct sk_ref ref) {
    for (size_t i = 0; i < n->count; i++)
        if (n->list[i].ref.slot == ref.slot && n->list[i].ref.gen == ref.gen)
            return n->list[i].ended;
    return false;
}
