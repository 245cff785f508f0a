/* wait-ready: until somebody is there, then a program. */
#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "lang/frame.h"
#include "run/task.h"
#include "sock/ready.h"
#include "verbs/dialing.h"
#include "verbs/io.h"
#include "verbs/secure.h"
#include "verbs/through.h"

enum { ADDR, TYPE, SOURCE, INTERFACE, EXPECT, CLOSED, EACH_TIME, PROGRAM };

static const sk_time EACH_DEFAULT = 2 * SK_SECOND;

/* ---- one address, in a task where there are several ---- */

struct target {
    struct sk_endpoint ep;
    struct sk_readying what;
    sk_time deadline;
    struct sk_readiness found;
    struct sk_err err;
    int rc;
};

static int run_target(void *arg) {
    struct target *t = arg;
    return t->rc = sk_ready(&t->ep, &t->what, t->deadline, &t->found, &t->err);
}

/* Wait for all; one that cannot become ready ends the wait for the others. */
static int run_all(struct call *c, struct target *targets, size_t n) {
    struct sk_scope scope;
    int rc = 0;
    if (n == 1) {
        rc = run_target(targets);
        c->err = targets->err;
        return rc;
    }
    struct sk_task **tasks = arena_alloc(c->scratch, n * sizeof *tasks);
    sk_scope_init(&scope);
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (!(tasks[i] = sk_spawn(&scope, "wait-ready", run_target, &targets[i], &c->err)))
            rc = -1;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        int result;
        rc = sk_task_join(tasks[i], &result, SK_NEVER, &c->err);
        if (rc == 0 && result < 0) {
            c->err = targets[i].err;
            rc = -1;
        }
    }
    sk_scope_done(&scope);
    return rc;
}

/* ---- operands ---- */

static int check_target(const struct sk_endpoint *ep, int type, int family, struct sk_err *err) {
    char text[SK_ADDR_TEXT];
    sk_endpoint_format(text, sizeof text, ep);
    if (endpoint_agrees(ep, ep->kind == SK_EP_ADDR && ep->addr.u.sa.sa_family == AF_UNIX ? type : 0, family, err) < 0)
        return -1;
    if (ep->kind == SK_EP_FD)
        return sk_fail_usage(err, "'%s' is a socket that is there; wait-ready connects to an address", text);
    if (ep->type == SOCK_DGRAM && !(ep->kind == SK_EP_ADDR && ep->addr.u.sa.sa_family == AF_UNIX))
        return sk_fail_usage(err, "wait-ready cannot tell for datagrams: nobody answers unless asked; repeat a sendto "
                                  "and a recvfrom instead");
    return 0;
}

static int check(const struct arg *args, const struct common *opt, struct sk_err *err) {
    if (proxy_check(&opt->proxy, NULL, 0, err) < 0)
        return -1;
    if (args[CLOSED].count && args[CLOSED].u.i && args[EXPECT].count)
        return sk_fail_usage(err, "wait-ready: nobody speaks who is gone; write either --closed or --expect TEXT");
    bool is_tls = opt->tls.on;
    for (uint32_t i = 0; args[ADDR].all && i < args[ADDR].count; i++)
        is_tls |= args[ADDR].all[i].u.ep->tls || args[ADDR].all[i].u.ep->kind == SK_EP_SOCK;
    if (args[ADDR].all && secure_check(opt, is_tls, err) < 0)
        return -1;
    for (uint32_t i = 0; args[ADDR].all && i < args[ADDR].count; i++)
        if (check_target(args[ADDR].all[i].u.ep, args[TYPE].count ? (int)args[TYPE].u.i : 0, opt->family, err) < 0 ||
            proxy_check(&opt->proxy, args[ADDR].all[i].u.ep, 0, err) < 0)
            return -1;
    return 0;
}

static int read_target(struct call *c, const struct arg *addr, struct target *t) {
    struct sk_dial_how dial = { .family = c->opt->family,
                                .type = has(c, TYPE) ? (int)c->args[TYPE].u.i : 0,
                                .source = has(c, SOURCE) ? c->args[SOURCE].u.ep : NULL,
                                .interface = text_or(c, INTERFACE, NULL),
                                .lookup = &c->opt->lookup };
    if (call_place(c, addr->u.ep, &t->ep) < 0 || check_target(&t->ep, dial.type, dial.family, &c->err) < 0)
        return -1;
    if (dial.type == 0)
        dial.type = t->ep.type;
    dial.tls_name = c->opt->tls.verify_name;
    if ((c->opt->tls.on || t->ep.tls) && secure_settings(c, false, NULL, 0, &dial.tls) < 0)
        return -1;
    if (proxy_check(&c->opt->proxy, &t->ep, dial.type, &c->err) < 0 || through_set(c, &dial) < 0)
        return -1;
    t->what = (struct sk_readying){ .dial = dial, .closed = flag(c, CLOSED), .each = EACH_DEFAULT };
    if (has(c, EACH_TIME))
        t->what.each = c->args[EACH_TIME].u.t;
    if (has(c, EXPECT)) {
        t->what.expect = c->args[EXPECT].u.s.p;
        t->what.n = c->args[EXPECT].u.s.n;
    }
    t->deadline = c->deadline;
    return 0;
}

/* ---- the result ---- */

static struct sk_value one_value(const struct sk_readiness *found) {
    struct sk_value r = sk_record();
    sk_put_main(&r, "addr", io_addr(&found->addr));
    sk_put(&r, "attempts", sk_int(found->attempts));
    sk_put(&r, "ms", sk_float(sk_in_ms(found->took)));
    return r;
}

/* The last one that became ready stands for all; `each` has them as they were given. */
static void set_result(struct call *c, const struct target *targets, size_t n) {
    const struct target *last = targets;
    struct sk_value each = sk_list();
    char addr[SK_ADDR_TEXT], span[32];
    for (size_t i = 0; i < n; i++) {
        const struct sk_readiness *found = &targets[i].found;
        if (found->took > last->found.took)
            last = &targets[i];
        sk_push(&each, one_value(found));
        sk_endpoint_format(addr, sizeof addr, &targets[i].ep);
        call_note(c, "%s %s after %s, %u attempt%s", addr, targets[i].what.closed ? "is gone" : "is ready",
                  sk_format_time(span, sizeof span, found->took / SK_MS * SK_MS), found->attempts,
                  found->attempts == 1 ? "" : "s");
    }
    c->result = one_value(&last->found);
    sk_put(&c->result, "each", each);
}

/* ---- then a program ---- */

static int run_program(struct call *c) {
    const struct arg *words = &c->args[PROGRAM];
    struct sk_child child = { .pid = -1, .pidfd = -1 };
    char **argv = arena_alloc(c->scratch, (words->count + 1) * sizeof *argv);
    int status;
    for (uint32_t i = 0; i < words->count; i++)
        argv[i] = arena_copy(c->scratch, words->all[i].u.s.p, words->all[i].u.s.n);
    if (c->frame->host->spawn(&child, argv, -1, -1, &c->err) < 0) {
        if (c->err.kind == SK_SYS && (c->err.code == ENOENT || c->err.code == EACCES || c->err.code == ENOEXEC))
            sk_fail(&c->err, SK_SHELL, c->err.code == ENOENT ? 127 : 126, "exec", "%.200s: %s", argv[0],
                    strerror(c->err.code));
        return -1;
    }
    if (sk_child_wait(&child, &status, SK_NEVER, &c->err) < 0) {
        sk_child_end(&child);
        return -1;
    }
    return status == 0 ? 0 : sk_fail(&c->err, SK_SHELL, status, "exec", "%.200s exited %d", argv[0], status);
}

static int run_wait_ready(struct call *c) {
    size_t n = c->args[ADDR].count;
    struct target *targets = arena_alloc(c->scratch, n * sizeof *targets);
    memset(targets, 0, n * sizeof *targets);
    if (has(c, PROGRAM) && c->frame->style == STYLE_MACHINE)
        return sk_fail_usage(&c->err, "wait-ready: a program's output has no place among JSON lines; leave '-- %s' out",
                             c->args[PROGRAM].all[0].u.s.p);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = read_target(c, &c->args[ADDR].all[i], &targets[i]);
    if (rc == 0)
        rc = run_all(c, targets, n);
    if (rc == 0)
        set_result(c, targets, n);
    for (size_t i = 0; i < n; i++) {
        sk_tls_settings_free(targets[i].what.dial.tls);
        if (targets[i].rc < 0 && targets[i].found.last.count && c->extra.type == SK_NULL)
            call_extra(c, "attempts", attempts_value(&targets[i].found.last));
        else if (targets[i].rc < 0 && c->extra.type == SK_NULL)
            io_origin(c, &targets[i].found.origin);
        if (targets[i].rc < 0 && rc < 0 && n == 1)
            through_failed(c, &targets[i].found.last);
        sk_attempts_done(&targets[i].found.last);
    }
    return rc == 0 && has(c, PROGRAM) ? run_program(c) : rc;
}

const struct command cmd_wait_ready = {
    .name = "wait-ready",
    .group = "wait",
    .summary = "wait until an address answers, or no longer does",
    .params =
        (const struct param[]){
            ARG("ADDR", K_ADDR, 1, MANY, "host:port, [v6]:port, :port, unix:/path, or host and port as two words",
                .flags = MULTIWORD),
            UNIX_TYPE,
            DIAL_OPTIONS,
            OPT(0, "expect", K_BYTES, "what the peer must say after the connection is made, with escapes"),
            OPT(0, "closed", K_FLAG, "wait until nobody is there"),
            OPT(0, "each", K_TIME, "time that one attempt may take (default 2s)"),
            ARG("PROGRAM", K_TEXT, 0, MANY, "then run this program, with its arguments", .flags = AFTER_DASHES),
            { .kind = K_END },
        },
    .flags = WAITS | FAMILIES | NAMES | TLS_CHOICE | TLS_CLIENT | PROXIES,
    .result = R_ONE,
    .shows = "",
    .details =
        "Connects again and again, with pauses that grow from 10 to 250 ms, and ends when the connection stands; each "
        "attempt tries every address of a name. Several ADDR are waited for at the same time, until all are ready. A "
        "connection is closed in order, without a reset, and one that "
        "met itself on a free local port does not count.\n"
        "With --expect the peer must also say TEXT. With --closed it is the other way round: every address must "
        "refuse, "
        "be unreachable or, for a UNIX socket, have no file; silence is no proof.\n"
        "With tls:// or --tls the handshake must succeed too; a certificate that is not acceptable ends the wait, with "
        "status 8.\n"
        "With --proxy the target must answer through the proxy; a proxy that refuses ends the wait.\n"
        "Status 124 when time ran out; the message has the reason of the last attempt. Datagrams are refused: nobody "
        "answers unless asked.\n"
        "PROGRAM is then run with the arguments that follow, without a shell, and its end is the end of the command: "
        "its "
        "status is passed on. "
        "In JSON, ms and attempts are those of the address that took longest, and each has all.",
    .examples =
        (const char *const[]){
            "srv = listen :0 ; wait-ready $srv.local -- echo listening",
            "srv = listen :0 ; gone = listen :0 ; a = print $gone.local ; gone.close ; wait-ready --closed $a ; "
            "wait-ready $srv.local ; print $_.attempts",
            "fails 124 wait-ready -t 50ms unix:./nobody",
            NULL,
        },
    .check = check,
    .run = run_wait_ready,
};
