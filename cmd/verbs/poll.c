/* Readiness: poll over sockets, and poller objects. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "lang/arena.h"
#include "sock/poll.h"
#include "sock/tap.h"
#include "verbs/io.h"

/* ---- One look at a set of objects ---- */

struct watch { /* what poll looks at, in the order given */
    struct poll_entry *entries;
    short *revents;
    size_t count;
};

/* The socket of an entry; NULL when its object is gone: not valid, for ever. */
static struct object *entry_object(struct call *c, const struct poll_entry *e) {
    struct object *obj = session_get(c->ses, e->ref);
    if (obj && obj->cls == O_FILE)
        obj = session_get(c->ses, obj->u.file.sock);
    return obj && obj->cls == O_SOCKET ? obj : NULL;
}

/* Fill revents: the number ready, 0 at the deadline, -1. */
static int look(struct call *c, struct watch *w) {
    struct sk_pollitem *items = arena_alloc(c->scratch, (w->count + 1) * sizeof *items);
    struct object **objects = arena_alloc(c->scratch, (w->count + 1) * sizeof *objects);
    size_t *where = arena_alloc(c->scratch, (w->count + 1) * sizeof *where), n = 0;
    int gone = 0;
    for (size_t i = 0; i < w->count; i++) {
        struct object *obj = entry_object(c, &w->entries[i]);
        if (!obj) {
            w->revents[i] = POLLNVAL;
            gone++;
            continue;
        }
        object_hold(obj);
        objects[n] = obj;
        where[n] = i;
        items[n++] = (struct sk_pollitem){ .sock = obj->u.sock, .events = w->entries[i].events };
    }
    sk_time since = sk_tape ? sk_now() : 0;
    int ready = sk_poll(items, n, gone ? sk_after(0) : c->deadline, &c->err);
    if (sk_tape)
        sk_tap_poll(items, n, since);
    for (size_t i = 0; i < n; i++) {
        w->revents[where[i]] = ready > 0 ? items[i].revents : 0;
        object_release(objects[i]);
    }
    return ready < 0 ? -1 : ready + gone;
}

static const struct {
    const char *name;
    short bit;
} event_names[] = { { "in", POLLIN },   { "out", POLLOUT },   { "pri", POLLPRI },    { "err", POLLERR },
                    { "hup", POLLHUP }, { "nval", POLLNVAL }, { "rdhup", POLLRDHUP } };

static struct sk_value ready_record(const struct poll_entry *e, short revents) {
    struct sk_value r = sk_record(), list = sk_list();
    for (size_t i = 0; i < sizeof event_names / sizeof *event_names; i++)
        if (revents & event_names[i].bit)
            sk_push(&list, sk_text(event_names[i].name));
    sk_put_main(&r, "name", sk_text(e->name));
    sk_put(&r, "events", list);
    sk_put(&r, "revents", sk_int(revents));
    return r;
}

/* The result: a list of what is ready; SK_TIMEOUT when nothing is. */
static int report(struct call *c, struct watch *w) {
    int ready = look(c, w);
    if (ready < 0)
        return -1;
    if (ready == 0)
        return sk_fail_timeout(&c->err, c->cmd->name);
    c->result = sk_list();
    for (size_t i = 0; i < w->count; i++)
        if (w->revents[i])
            sk_push(&c->result, ready_record(&w->entries[i], w->revents[i]));
    return 0;
}

static void set_entry(struct poll_entry *e, const struct object *obj, short events) {
    e->ref = obj->ref;
    e->events = events;
    strcpy(e->name, obj->name);
}

static int need_pollable(struct call *c, const struct object *obj) {
    return obj->cls == O_SOCKET || obj->cls == O_FILE
               ? 0
               : sk_fail_usage(&c->err, "%s is neither a socket nor a file: it cannot be polled", obj->name);
}

/* ---- poll ---- */

/* NAME[:EVENTS] */
static int add_operand(struct call *c, const struct arg *arg, struct watch *w) {
    const char *text = arg->u.s.p, *colon = memchr(text, ':', arg->u.s.n);
    int events = POLLIN;
    size_t n = colon ? (size_t)(colon - text) : arg->u.s.n;
    if (colon && sk_name_parse_flags(SK_G_POLL, "events", colon + 1, arg->u.s.n - n - 1, &events, &c->err) < 0)
        return -1;
    struct object *obj = call_object(c, arena_copy(c->scratch, text, n));
    if (!obj || need_pollable(c, obj) < 0)
        return -1;
    set_entry(&w->entries[w->count++], obj, (short)events);
    return 0;
}

/* A snapshot of a poller, which may change while this call waits. */
static void add_poller(const struct object *poller, struct watch *w) {
    for (size_t i = 0; i < poller->u.poller.count; i++)
        w->entries[w->count++] = poller->u.poller.list[i];
}

static int run_poll(struct call *c) {
    const struct arg *names = &c->args[0];
    if (!c->obj && names->count == 0 && !io_object(c))
        return -1;
    bool poller = c->obj && c->obj->cls == O_POLLER;
    size_t most = names->count + (poller ? c->obj->u.poller.count : 1);
    struct watch w = { .entries = arena_alloc(c->scratch, (most + 1) * sizeof *w.entries),
                       .revents = arena_alloc(c->scratch, (most + 1) * sizeof *w.revents) };
    if (poller)
        add_poller(c->obj, &w);
    else if (c->obj && need_pollable(c, c->obj) < 0)
        return -1;
    else if (c->obj)
        set_entry(&w.entries[w.count++], c->obj, POLLIN);
    for (uint32_t i = 0; i < names->count; i++)
        if (add_operand(c, &names->all[i], &w) < 0)
            return -1;
    return report(c, &w);
}

const struct command cmd_poll = {
    .name = "poll",
    .group = "wait",
    .summary = "wait until sockets are ready",
    .params =
        (const struct param[]){
            ARG("SOCK[:EVENTS]", K_POLL, 0, MANY,
                "sockets, each with in, out, pri, rdhup or numbers joined by commas (default in)"),
            { .kind = K_END },
        },
    .flags = MAY_SOCK | ANY_OBJ | WAITS,
    .result = R_ONE,
    .shows = "name events",
    .details = "Lists only what is ready, in the order given: in, out, pri, rdhup, and err, hup and nval, which are "
               "always told. Bytes that "
               "wait in a socket's buffer count as in. Nothing ready in time is status 124; a closed socket is nval.\n"
               "On a poller object it looks at what was registered there.",
    .examples =
        (const char *const[]){
            "x = pair ; x0.send hi ; poll x0:in,out x1",
            "x = pair ; fails 124 poll -t 10ms x0 x1",
            NULL,
        },
    .run = run_poll,
};

/* ---- poller ---- */

static int run_poller(struct call *c) {
    struct object *obj = call_bind(c, c->bind, O_POLLER);
    if (!obj)
        return -1;
    c->result = sk_handle(obj->ref);
    return 0;
}

const struct command cmd_poller = {
    .name = "poller",
    .group = "wait",
    .summary = "make an object that remembers what to poll",
    .flags = MAKES,
    .result = R_ONE,
    .details = "p = poller, then p.register, p.modify, p.unregister, p.poll and p.ipoll.",
    .examples =
        (const char *const[]){
            "x = pair ; p = poller ; p.register x0 in ; p.register x1 in ; x0.send hi ; p.poll",
            NULL,
        },
    .run = run_poller,
};

/* The poller that is meant when none is named: the only one. */
static int only_poller(struct call *c) {
    struct object *found = NULL;
    size_t count = 0;
    for (struct object *o = session_next(c->ses, NULL); o; o = session_next(c->ses, o))
        if (o->cls == O_POLLER) {
            found = o;
            count++;
        }
    if (count == 1)
        return io_use(c, found) ? 0 : -1;
    if (count == 0)
        return sk_fail_usage(&c->err, "%s works on a poller, and there is none; make one: p = poller", c->cmd->name);
    return sk_fail_usage(&c->err, "there are %zu pollers; say which: NAME.%s", count, c->cmd->name);
}

static int need_poller(struct call *c) {
    if (!c->obj)
        return only_poller(c);
    if (c->obj->cls == O_POLLER)
        return 0;
    return sk_fail_usage(&c->err, "%s works on a poller: p = poller, then p.%s%s", c->cmd->name, c->cmd->name,
                         c->cmd->params[0].operand ? " SOCK" : "");
}

/* The entry of a name: that of the object it means now, else the one that was registered under it. */
static struct poll_entry *find_entry(struct call *c, const char *name) {
    const struct object *obj = session_find(c->ses, name, strlen(name));
    struct poll_entry *list = c->obj->u.poller.list, *by_name = NULL;
    for (size_t i = 0; i < c->obj->u.poller.count; i++) {
        if (obj && list[i].ref.slot == obj->ref.slot && list[i].ref.gen == obj->ref.gen)
            return &list[i];
        if (strcmp(list[i].name, name) == 0)
            by_name = &list[i];
    }
    return by_name;
}

static struct poll_entry *new_entry(struct object *poller) {
    if (poller->u.poller.count == poller->u.poller.cap) {
        poller->u.poller.cap = poller->u.poller.cap ? 2 * poller->u.poller.cap : 8;
        poller->u.poller.list = sk_realloc(poller->u.poller.list, poller->u.poller.cap * sizeof *poller->u.poller.list);
    }
    return &poller->u.poller.list[poller->u.poller.count++];
}

static int run_register(struct call *c) {
    const char *name = c->args[0].u.s.p;
    if (need_poller(c) < 0)
        return -1;
    struct object *obj = call_object(c, name);
    if (!obj || need_pollable(c, obj) < 0)
        return -1;
    struct poll_entry *e = find_entry(c, name);
    set_entry(e ? e : new_entry(c->obj), obj, (short)int_or(c, 1, POLLIN | POLLOUT));
    return 0;
}

const struct command cmd_register = {
    .name = "register",
    .group = "wait",
    .summary = "add a socket to a poller",
    .params =
        (const struct param[]){
            ARG("SOCK", K_SOCK, 1, 1, "name of a socket or a file"),
            ARG("EVENTS", K_EVENTS, 0, 1, "in, out, pri, rdhup or numbers joined by commas (default in,out)"),
            { .kind = K_END },
        },
    .flags = MAY_SOCK | ANY_OBJ,
    .result = R_STATUS,
    .details = "Registering a socket again changes its events. It is the socket that is registered, not its name: once "
               "closed it is nval for "
               "ever.",
    .examples =
        (const char *const[]){
            "x = pair ; p = poller ; p.register x0 ; p.poll",
            NULL,
        },
    .run = run_register,
};

static int run_modify(struct call *c) {
    const char *name = c->args[0].u.s.p;
    if (need_poller(c) < 0)
        return -1;
    struct poll_entry *e = find_entry(c, name);
    if (!e && !call_object(c, name))
        return -1;
    if (!e)
        return sk_fail_sys(&c->err, ENOENT, "modify", "%s is not registered with %s", name, c->obj->name);
    e->events = (short)c->args[1].u.i;
    return 0;
}

const struct command cmd_modify = {
    .name = "modify",
    .group = "wait",
    .summary = "change the events of a socket in a poller",
    .params =
        (const struct param[]){
            ARG("SOCK", K_SOCK, 1, 1, "name of a registered socket"),
            ARG("EVENTS", K_EVENTS, 1, 1, "in, out, pri, rdhup or numbers joined by commas"),
            { .kind = K_END },
        },
    .flags = MAY_SOCK | ANY_OBJ,
    .result = R_STATUS,
    .details = "A socket that is not registered is ENOENT, status 3.",
    .examples =
        (const char *const[]){
            "x = pair ; p = poller ; p.register x0 out ; p.modify x0 in ; fails 124 p.poll -t 10ms",
            NULL,
        },
    .run = run_modify,
};

static int run_unregister(struct call *c) {
    const char *name = c->args[0].u.s.p;
    if (need_poller(c) < 0)
        return -1;
    struct poll_entry *e = find_entry(c, name), *list = c->obj->u.poller.list;
    if (!e && !call_object(c, name))
        return -1;
    if (!e) {
        call_note(c, "%s was not registered with %s", name, c->obj->name);
        return 0;
    }
    size_t after = c->obj->u.poller.count - (size_t)(e - list) - 1;
    memmove(e, e + 1, after * sizeof *e);
    c->obj->u.poller.count--;
    return 0;
}

const struct command cmd_unregister = {
    .name = "unregister",
    .group = "wait",
    .summary = "take a socket out of a poller",
    .params = (const struct param[]){ ARG("SOCK", K_SOCK, 1, 1, "name of a registered socket"), { .kind = K_END } },
    .flags = MAY_SOCK | ANY_OBJ,
    .result = R_STATUS,
    .details = "A socket that was not registered is no error; -v tells.",
    .examples =
        (const char *const[]){
            "x = pair ; p = poller ; p.register x0 ; p.unregister x0 ; fails 124 p.poll -t 10ms",
            NULL,
        },
    .run = run_unregister,
};

/* ---- ipoll ---- */

static int run_ipoll(struct call *c) {
    if (need_poller(c) < 0)
        return -1;
    struct object *poller = c->obj;
    size_t most = poller->u.poller.count;
    struct watch w = { .entries = arena_alloc(c->scratch, (most + 1) * sizeof *w.entries),
                       .revents = arena_alloc(c->scratch, (most + 1) * sizeof *w.revents) };
    add_poller(poller, &w);
    object_hold(poller);
    int r = report(c, &w);
    for (size_t i = 0; r == 0 && flag(c, 0) && i < w.count; i++)
        for (size_t k = 0; w.revents[i] && k < poller->u.poller.count; k++) {
            struct poll_entry *e = &poller->u.poller.list[k];
            if (e->ref.slot == w.entries[i].ref.slot && e->ref.gen == w.entries[i].ref.gen)
                e->events = 0;
        }
    object_release(poller);
    return r;
}

const struct command cmd_ipoll = {
    .name = "ipoll",
    .group = "wait",
    .summary = "poll what a poller has, once per registration if wanted",
    .params =
        (const struct param[]){
            OPT(0, "one-shot", K_FLAG,
                "forget the events of those that were ready, until modify; err, hup and nval are still told"),
            { .kind = K_END },
        },
    .flags = MAY_SOCK | ANY_OBJ | WAITS,
    .result = R_ONE,
    .shows = "name events",
    .examples =
        (const char *const[]){
            "x = pair ; p = poller ; p.register x0 ; p.ipoll --one-shot ; fails 124 p.poll -t 10ms",
            NULL,
        },
    .run = run_ipoll,
};
