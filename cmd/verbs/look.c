/* Looking at sockets, and `ls`. */
#include "verbs/look.h"

#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lang/call.h"
#include "net/sockopt.h"
#include "sock/admit.h"

struct sk_value look_queue(const struct sk_sock *s, unsigned long what) {
    int n = 0;
    return s->fd >= 0 && ioctl(s->fd, what, &n) == 0 ? sk_int(n) : sk_null();
}

struct sk_value look_option(const struct sk_sock *s, const char *name) {
    struct sk_sockopt scratch;
    const struct sk_sockopt *opt = s->fd >= 0 ? sk_sockopt_find("", name, &scratch, NULL) : NULL;
    struct sk_value record, v = sk_null();
    if (!opt || sk_sockopt_get(s->fd, opt, NULL, 0, &record, NULL) < 0)
        return v;
    const struct sk_value *value = sk_get(&record, "value");
    if (value)
        v = sk_copy(*value);
    sk_drop(record);
    return v;
}

const char *look_state(const struct object *obj) {
    struct sk_sock *s = obj->u.sock;
    struct sk_pollitem item = { .sock = s, .events = POLLRDHUP };
    if (s->state == SK_CONNECTED && s->type != SOCK_DGRAM &&
        (obj->ended || (sk_poll(&item, 1, SK_NOWAIT, NULL) > 0 && (item.revents & (POLLRDHUP | POLLHUP)))))
        return "eof";
    return sk_state_name(s);
}

struct sk_value look_waiting(const struct sk_sock *s) {
    const struct sk_admitting *admitting = sk_admitting(s);
    if (admitting)
        return sk_int(admitting->waiting);
    if (s->state == SK_LISTENING) {
        struct sk_value tcp = look_option(s, "TCP_INFO");
        const struct sk_value *backlog = sk_get(&tcp, "tcpi_unacked"); /* of a listener: those to be accepted */
        struct sk_value v = backlog ? sk_copy(*backlog) : sk_null();
        sk_drop(tcp);
        return v;
    }
    bool plain = strcmp(s->layer->name, "plain") == 0; /* else the kernel's bytes are not yet ours */
    struct sk_value queue = plain && s->state != SK_NEW ? look_queue(s, SIOCINQ) : sk_null();
    return sk_int((int64_t)s->in.len + (queue.type == SK_INT ? queue.u.i : 0));
}

static int ls(struct call *c) {
    const struct object *current = call_current(c);
    struct sk_value list = sk_list();
    char mark[NAME_MAX_LEN + 4];
    for (struct object *obj = session_next(c->ses, NULL); obj; obj = session_next(c->ses, obj)) {
        if (obj->cls != O_SOCKET || !obj->name[0] || obj->u.sock->state == SK_CLOSED)
            continue;
        if (obj->u.sock->layer->describe)
            c->shows = "mark state local peer waiting tls";
        struct sk_value item = sk_record();
        if (!c->json) {
            snprintf(mark, sizeof mark, "%c %s", obj == current ? '*' : ' ', obj->name);
            sk_put(&item, "mark", sk_text(mark));
            sk_put(&item, "state", sk_text(look_state(obj)));
            sk_put(&item, "waiting", look_waiting(obj->u.sock));
        }
        sk_put_main(&item, "", sk_handle(obj->ref));
        sk_put(&item, "current", sk_bool(obj == current));
        sk_push(&list, item);
    }
    return call_items(c, list);
}

const struct command cmd_ls = {
    .name = "ls",
    .group = "session",
    .summary = "list the open sockets",
    .result = R_ITEMS,
    .shows = "mark state local peer waiting",
    .details = "One line a socket, as it is now: * for the current one, name, state, where it is bound, its peer, and "
               "how many bytes wait to be read, those in the kernel too, or how many connections wait to be accepted. "
               "Where there is TLS, its version, or the pin of a listener, stands behind that.",
    .examples = (const char *const[]){ "srv = listen :0; ls", "ls --json", NULL },
    .run = ls,
};
