/* tls: look at servers that speak TLS, and explain what is wrong with them. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lang/frame.h"
#include "verbs/inspect_many.h"
#include "verbs/io.h"
#include "verbs/secure.h"
#include "verbs/through.h"

enum { ADDR, SOURCE, INTERFACE, FROM, WARN, BRIEF, RESUME, ATTEMPT, CONCURRENCY, ORDERED };
enum { CONCURRENCY_DEFAULT = 64, CONCURRENCY_MOST = 4096 };
#define ATTEMPT_DEFAULT (10 * SK_SECOND)

/* ---- Results ---- */

static struct target *next_done(struct tls_run *r) {
    if (!r->ordered)
        return target_pop(&r->done);
    struct target *t = r->ring[r->told % AHEAD];
    r->ring[r->told % AHEAD] = NULL;
    return t;
}

static int tell(struct tls_run *r, struct inspected *found) {
    r->well += found->status == 0;
    if (inspect_outweighs(found->status, r->status)) {
        r->status = found->status;
        r->worst = found->err;
    }
    struct sk_value item = found->item;
    found->item = sk_null();
    return call_item(r->c, item);
}

static void free_target(struct target *t) {
    sk_drop(t->found.item);
    free(t->text);
    free(t);
}

static int tell_all(struct tls_run *r) {
    struct call *c = r->c;
    for (;;) {
        struct target *t = next_done(r);
        if (t) {
            r->told++;
            sk_event_set(&r->room);
            int rc = tell(r, &t->found);
            free_target(t);
            if (rc < 0)
                return -1;
        } else if (r->ended && r->told == r->in) {
            return 0;
        } else {
            sk_event_clear(&r->news);
            if (sk_event_wait(&r->news, "tls", SK_NEVER, &c->err) < 0)
                return -1;
        }
    }
}

/* The items said it all; this is for the exit status, and for who reads only the messages. */
static int conclude(struct tls_run *r) {
    struct call *c = r->c;
    c->told = r->told > 0;
    if (r->has_failed && (r->told == 0 || !inspect_outweighs(r->status, sk_err_status(&r->why)))) {
        c->err = r->why;
        c->told = false;
        return -1;
    }
    if (r->told == 1) {
        c->err = r->worst;
        return r->status ? -1 : 0;
    }
    if (r->status == 0) {
        call_note(c, "%llu of %llu are well", (unsigned long long)r->well, (unsigned long long)r->told);
        return 0;
    }
    return sk_fail(&c->err, r->worst.kind, r->worst.code, "tls", "tls: %llu of %llu are well; the worst: %.400s",
                   (unsigned long long)r->well, (unsigned long long)r->told, r->worst.msg);
}

static void free_queue(struct queue *q) {
    for (struct target *t; (t = target_pop(q));)
        free_target(t);
}

static int run_targets(struct tls_run *r) {
    struct sk_scope reader;
    sk_scope_init(&reader);
    sk_scope_init(&r->tasks);
    r->waiting.end = &r->waiting.first;
    r->done.end = &r->done.first;
    int rc = sk_spawn(&reader, "targets", inspect_add_all, r, &r->c->err) ? tell_all(r) : -1;
    sk_scope_done(&reader);
    sk_scope_done(&r->tasks);
    if (rc == 0)
        rc = conclude(r);
    free_queue(&r->waiting);
    free_queue(&r->done);
    for (size_t i = 0; i < AHEAD; i++)
        if (r->ring[i])
            free_target(r->ring[i]);
    return rc;
}

static int run_file(struct tls_run *r) {
    struct call *c = r->c;
    struct sk_tls_file file = { 0 };
    struct inspected found;
    if (secure_read(c, c->args[FROM].u.s.p, &file) < 0 || inspect_file(&r->how, &file, &found, &c->err) < 0)
        return -1;
    r->told = 1;
    return tell(r, &found) < 0 ? -1 : conclude(r);
}

/* ---- The command ---- */

static int check(const struct arg *args, const struct common *opt, struct sk_err *err) {
    const struct arg *addr = &args[ADDR];
    if (!addr->count && !args[FROM].count)
        return sk_fail_usage(err, "tls: which server? Write HOST:PORT, or - to read a list from stdin, or --file PEM");
    if (addr->count && args[FROM].count)
        return sk_fail_usage(err, "tls looks at servers or at certificates in a file: leave out %s",
                             args[FROM].u.s.p ? "the address, or --file" : "one of them");
    if (opt->tls.session)
        return sk_fail_usage(err, "--session has no meaning here: tls itself looks whether the server resumes one");
    for (uint32_t i = 0; addr->all && i < addr->count; i++) {
        const struct sk_endpoint *ep = addr->all[i].u.ep;
        if (ep && ep->tls && opt->tls.starttls)
            return sk_fail_usage(err,
                                 "the address begins with TLS (tls://), --starttls with plain text: write HOST:PORT");
        if (ep && ((ep->kind != SK_EP_SOCK && inspect_check_target(ep, opt->family, err) < 0) ||
                   proxy_check(&opt->proxy, ep, 0, err) < 0))
            return -1;
    }
    return proxy_check(&opt->proxy, NULL, 0, err) < 0 ? -1 : secure_check(opt, true, err);
}

/* Each target is one connection at a time, in a race perhaps a few; some descriptors are kept for the rest. */
static unsigned within_limit(unsigned wanted) {
    enum { EACH_MOST = 4, REST = 32 };
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return wanted;
    rlim_t most = limit.rlim_cur > REST + EACH_MOST ? (limit.rlim_cur - REST) / EACH_MOST : 1;
    return most < wanted ? (unsigned)most : wanted;
}

static int run_tls(struct call *c) {
    struct tls_run *r = sk_alloc(sizeof *r);
    r->c = c;
    r->addr = &c->args[ADDR];
    r->most = within_limit((unsigned)int_or(c, CONCURRENCY, CONCURRENCY_DEFAULT));
    r->ordered = !has(c, ORDERED) || flag(c, ORDERED);
    r->how = (struct inspecting){
        .dial = { .family = c->opt->family,
                  .source = has(c, SOURCE) ? c->args[SOURCE].u.ep : NULL,
                  .interface = text_or(c, INTERFACE, NULL),
                  .lookup = &c->opt->lookup },
        .name = c->opt->tls.verify_name,
        .upgrade = { .protocol = c->opt->tls.starttls, .ehlo = c->opt->tls.ehlo },
        .deadline = c->deadline,
        .attempt = has(c, ATTEMPT) ? c->args[ATTEMPT].u.t : ATTEMPT_DEFAULT,
        .warn = has(c, WARN) ? c->args[WARN].u.t : 0,
        .resume = !has(c, RESUME) || flag(c, RESUME),
    };
    int rc = through_set(c, &r->how.dial);
    if (rc == 0)
        rc = secure_inspection(c, &r->how.settings);
    if (rc == 0)
        rc = has(c, FROM) ? run_file(r) : run_targets(r);
    sk_tls_settings_free(r->how.settings);
    free(r);
    return rc;
}

static int tls_line(const struct call *c, const struct sk_value *item, bool terminal, struct sk_buf *out,
                    struct sk_err *err) {
    const struct arg *addr = &c->args[ADDR];
    bool is_one = has(c, FROM) || (addr->count == 1 && addr->u.ep);
    return inspect_text(item, has(c, BRIEF) ? flag(c, BRIEF) : !is_one, terminal, out, err);
}

const struct command cmd_tls = {
    .name = "tls",
    .group = "tls",
    .summary = "inspect servers that speak TLS, and explain what is wrong",
    .params =
        (const struct param[]){
            [ADDR] = ARG("ADDR", K_ADDR, 0, MANY,
                         "host:port, [v6]:port, :port, unix:/path, or host and port as two words; several of them; - "
                         "reads them from stdin, one a line",
                         .flags = MULTIWORD | OR_STDIN),
            [SOURCE] = OPT(0, "source", K_ADDR, "connect from this address of this machine, with or without a port",
                           .flags = PORTLESS),
            [INTERFACE] = OPT(0, "interface", K_TEXT, "use this network interface alone"),
            [FROM] = OPT(0, "file", K_FILE, "look at the certificates in FILE (PEM or DER), the server's own first"),
            [WARN] = OPT(0, "warn", K_DAYS, "a certificate that ends within this time is a problem: 30d"),
            [BRIEF] = OPT(0, "brief", K_FLAG, "one line a target (the default for several; --no-brief: all of it)"),
            [RESUME] = OPT(0, "resume", K_FLAG,
                           "connect twice, to see whether the session is resumed (the default; --no-resume: once)"),
            [ATTEMPT] = OPT(0, "attempt", K_TIME, "how long each target may take (default 10s)"),
            [CONCURRENCY] = OPT(0, "concurrency", K_INT, "targets at the same time, at most (default 64)", .lo = 1,
                                .hi = CONCURRENCY_MOST),
            [ORDERED] = OPT(0, "ordered", K_FLAG, "in the order given (the default); --no-ordered: as they come"),
            { .kind = K_END },
        },
    .flags = FAMILIES | NAMES | WAITS | NO_DEFAULT_TIMEOUT | EACH | TLS_UPGRADE | TLS_CLIENT | PROXIES,
    .result = R_ITEMS,
    .shows = "target code version",
    .line = tls_line,
    .details =
        "Connects as connect does and makes the handshake, whatever the certificate is, then tells what was agreed on, "
        "the certificates, and every problem with them, each with what to do. Nothing is sent to the server but the "
        "handshake. It ends as connect would: with status 8 when the certificate is not acceptable, or ours is not "
        "accepted, with status 9 when the handshake fails, with status 7 when TLS was cut off; and with status 1 when "
        "all is well but a certificate ends within the time of --warn. Of several targets the gravest counts, in the "
        "order 8, 9, 7, 6, 4, 5, 124, 1. With --insecure problems are told and do not count, but for a pin that is not "
        "the right one.\n"
        "A server that speaks plain text is quoted, and where it is known what it speaks, the option to upgrade is "
        "named: --starttls PROTOCOL speaks what comes before TLS.\n"
        "An OCSP response is always asked for; with --ocsp it must be there and good. A certificate that it calls "
        "revoked is a problem in any case.\n"
        "--file looks at certificates without a server: as if a server had sent them, in the order of the file. "
        "Without "
        "--verify-name no name is checked.\n"
        "Several targets are looked at beside each other, and each has its line, also a line of a list that is no "
        "address. There is no default time limit for all together; -t sets one, and who is not done by then has timed "
        "out. In JSON there is an envelope for each: ok is true when a certificate was seen, and then code, exit and "
        "problems say what is wrong with it.",
    .examples =
        (const char *const[]){
            "srv = listen tls://127.0.0.1:0 --self-signed ; fails 8 tls $srv.local",
            "srv = listen tls://127.0.0.1:0 --self-signed ; tls $srv.local --pin $srv.tls.pin --warn 1h --brief",
            "srv = listen 127.0.0.1:0 ; do srv.accept --as c , c.send '220 mx ESMTP\\r\\n' & ; fails 9 tls "
            "$srv.local",
            NULL,
        },
    .check = check,
    .run = run_tls,
};
