/* Which socket a command works on, and until when (INTERFACE.md B1.4, B6). */
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "lang/call.h"
#include "lang/run.h"
#include "lang/words.h"

static void merge_lookup(struct sk_lookup *out, const struct sk_lookup *before) {
    if (out->server_count == 0) {
        out->servers = before->servers;
        out->server_count = before->server_count;
    }
    if (out->override_count == 0) {
        out->overrides = before->overrides;
        out->override_count = before->override_count;
    }
    out->tcp |= before->tcp;
    out->no_hosts |= before->no_hosts;
    out->no_search |= before->no_search;
}

/* An option that stands nearer wins; --json wins over a format; options win over the environment, that over `set`. */
bool options_json(const struct frame *f, const struct common *given) {
    const struct common *option = given->json_set ? given : &f->defaults, *env = &f->environment;
    if (option->json_set || given->format_set || option->format_set)
        return option->json;
    return env->json_set || env->format_set ? env->json : f->settings.json;
}

void options_in_effect(const struct frame *f, const struct common *given, struct common *out) {
    const struct common *const levels[] = { &f->defaults, &f->environment, &f->settings };
    *out = *given;
    for (size_t i = 0; i < 3; i++) {
        const struct common *level = levels[i];
        if (!out->format_set && level->format_set) {
            out->format = level->format;
            out->format_set = true;
        }
        if (out->verbose == 0)
            out->verbose = level->verbose;
        if (out->socket == NULL && i < 2)
            out->socket = level->socket;
    }
    out->json = options_json(f, given);
    if (out->timeout == SK_TIMEOUT_UNSET)
        out->timeout = f->defaults.timeout;
    if (out->family == 0)
        out->family = f->defaults.family;
    if (out->color == COLOR_AUTO)
        out->color = f->defaults.color;
    if (out->bytes == 0)
        out->bytes = f->defaults.bytes;
    merge_lookup(&out->lookup, &f->defaults.lookup);
    if (out->output == NULL)
        out->output = f->defaults.output;
}

static int no_socket(struct call *c, const char *name) {
    char names[256];
    struct object *near = NULL;
    size_t count = session_open_sockets(c->ses, names, sizeof names, &near);
    if (name != NULL && count == 0)
        return sk_fail_usage(&c->err, "no socket '%s'; none is open", name);
    if (name != NULL)
        return sk_fail_usage(&c->err, "no socket '%s'; open: %s", name, names);
    if (count == 0)
        return sk_fail_usage(&c->err, "no socket is open; make one with connect, listen or socket");
    return sk_fail_usage(&c->err, "%zu sockets open (%s); say which: -s NAME", count, names);
}

/* Accept obj as the target, or say why not. */
static int use(struct call *c, struct object *obj) {
    bool any = (c->cmd->flags & ANY_OBJ) != 0;
    if (obj->cls == O_PENDING)
        return sk_fail_usage(&c->err, "'%s' is still being made by job %u; 'wait %u' first", obj->name, obj->u.pending,
                             obj->u.pending);
    if (obj->cls != O_SOCKET && obj->cls != O_FILE && !(any && obj->cls == O_POLLER))
        return sk_fail_usage(&c->err, "'%s' is no socket; '%s' does not work on it", obj->name, c->cmd->name);
    c->obj = obj;
    c->sock = obj->cls == O_POLLER ? NULL : call_sock_of(c, obj);
    if (c->sock == NULL && obj->cls != O_POLLER)
        return -1;
    object_hold(obj);
    if (obj->cls == O_SOCKET) {
        c->sock->tap = c->opt->verbose > 1 ? c->frame->host->tap : NULL;
        c->sock->tap_arg = obj; /* it owns the socket */
    }
    return 0;
}

static int use_named(struct call *c, const char *name, size_t n) {
    struct object *obj = session_find(c->ses, name, n);
    if (obj == NULL && name_form(name, n, &c->err) < 0)
        return -1;
    return obj != NULL ? use(c, obj) : no_socket(c, name);
}

static bool is_open(const struct object *obj) {
    return obj != NULL && (obj->cls != O_SOCKET || obj->u.sock->state != SK_CLOSED);
}

int target_find(struct call *c, const struct word *named) {
    const char *name;
    size_t n;
    c->obj = NULL;
    c->sock = NULL;
    bool wanted = (c->cmd->flags & NEED_SOCK) != 0;
    if (named->n > 0) {
        if (word_bytes(c->frame, c->scratch, named, false, &name, &n, &c->err) < 0)
            return -1;
        return use_named(c, name, n);
    }
    if (!(c->cmd->flags & (NEED_SOCK | MAY_SOCK)))
        return 0;
    if (c->opt->socket != NULL)
        return use_named(c, c->opt->socket, strlen(c->opt->socket));
    if (!wanted)
        return 0;
    struct object *obj = call_current(c);
    return obj != NULL ? use(c, obj) : no_socket(c, NULL);
}

struct object *call_current(struct call *c) {
    struct object *obj = session_get(c->ses, c->frame->current), *only = NULL;
    if (is_open(obj))
        return obj;
    return session_open_sockets(c->ses, NULL, 0, &only) == 1 ? only : NULL;
}

void target_deadline(struct call *c, sk_time start) {
    const struct frame *f = c->frame;
    bool looks =
        (c->cmd->flags & (MAY_SOCK | ANY_OBJ)) == (MAY_SOCK | ANY_OBJ); /* poll: no operation of the socket's own */
    sk_time length = c->opt->timeout, own = c->sock != NULL && !looks ? c->sock->timeout : SK_TIMEOUT_UNSET;
    if (length != SK_TIMEOUT_UNSET) {
        c->allowed = length;
    } else if (own != SK_TIMEOUT_UNSET) {
        c->allowed = own;
        c->allowed_by = " (settimeout)";
    } else {
        bool environment = f->environment.timeout != SK_TIMEOUT_UNSET,
             setting = f->settings.timeout != SK_TIMEOUT_UNSET;
        c->allowed = environment ? f->environment.timeout : setting ? f->settings.timeout : f->default_timeout;
        c->allowed_by = environment ? " (SOCKCTL_TIMEOUT; -t changes it)"
                        : setting   ? " (set timeout; -t changes it)"
                                    : " (default; -t changes it)";
        if (c->cmd->flags & NO_DEFAULT_TIMEOUT)
            c->allowed = SK_NEVER;
    }
    bool nonblocking = length == SK_TIMEOUT_UNSET && own == 0;
    c->deadline = nonblocking ? SK_NOWAIT : sk_later(start, c->allowed);
}

void options_tell(struct call *c, const struct common *given) {
    const struct frame *f = c->frame;
    const struct common *env = &f->environment;
    const struct common *set = &f->settings, *before = &f->defaults;
    char length[32];
    if ((c->cmd->flags & WAITS) && (env->timeout != SK_TIMEOUT_UNSET || set->timeout != SK_TIMEOUT_UNSET))
        call_note(c, "timeout %s%s", sk_format_time(length, sizeof length, c->allowed),
                  *c->allowed_by ? c->allowed_by : " (-t)");
    bool by_option = given->format_set || given->json_set || before->format_set || before->json_set,
         by_environment = env->format_set || env->json_set;
    if ((c->cmd->flags & PRINTS) && (by_environment || set->format_set || set->json_set))
        call_note(c, "format %s (%s)", c->opt->json ? "json" : format_names[c->opt->format],
                  by_option        ? "an option"
                  : by_environment ? "SOCKCTL_FORMAT"
                                   : "set format");
    if (c->obj != NULL && env->socket != NULL)
        call_note(c, "socket %s (%s)", c->obj->name,
                  c->obj == session_find(c->ses, env->socket, strlen(env->socket)) ? "SOCKCTL_SOCKET" : "named");
}
