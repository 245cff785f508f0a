/* Connecting: every address in turn, and one sentence that tells what each of them said. */
#include "sock/dial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "sock/layer.h"
#include "sock/race.h"
#include "sock/tls.h"
#include "sock/upgrade.h"

void sk_attempts_done(struct sk_attempts *a) {
    free(a->list);
    *a = (struct sk_attempts){ 0 };
}

static bool fits(int family, int wanted) { return wanted == 0 || family == wanted; }

static const char *family_words(int family) {
    return family == AF_INET ? "IPv4" : family == AF_INET6 ? "IPv6" : family == AF_UNIX ? "UNIX" : "such";
}

static void add_both(struct sk_addrs *out, int family, uint16_t port) {
    static const int families[] = { AF_INET, AF_INET6 };
    for (size_t i = 0; i < 2; i++) {
        struct sk_addr addr;
        sk_addr_loopback(&addr, families[i], port);
        if (fits(families[i], family))
            sk_addrs_add(out, &addr);
    }
}

static int resolve(const struct sk_endpoint *ep, int family, const struct sk_lookup *lookup, sk_time deadline,
                   struct sk_addrs *out, struct sk_err *err) {
    if (family == AF_UNIX)
        return sk_fail_usage(err, "'%s' is a name of a host; a UNIX socket wants a path or unix:PATH", ep->host);
    if (sk_resolve(ep->host, family, lookup, deadline, out, err) < 0)
        return -1;
    for (size_t i = 0; i < out->count; i++)
        sk_addr_set_port(&out->list[i], ep->port);
    return 0;
}

int sk_endpoint_addrs(const struct sk_endpoint *ep, int family, const struct sk_lookup *lookup, sk_time deadline,
                      struct sk_addrs *out, struct sk_err *err) {
    char text[SK_ADDR_TEXT];
    struct sk_addr addr;
    *out = (struct sk_addrs){ 0 };
    switch (ep->kind) {
    case SK_EP_ADDR:
        if (fits(ep->addr.u.sa.sa_family, family))
            sk_addrs_add(out, &ep->addr);
        break;
    case SK_EP_LOOPBACK:
        add_both(out, family, ep->port);
        break;
    case SK_EP_ANY:
        sk_addr_any(&addr, family == AF_INET ? AF_INET : AF_INET6, ep->port);
        sk_addrs_add(out, &addr);
        break;
    case SK_EP_NAME:
        return resolve(ep, family, lookup, deadline, out, err);
    case SK_EP_FD:
    case SK_EP_SOCK:
        return sk_fail_usage(err, "'%s' is a socket where an address is wanted",
                             sk_endpoint_format(text, sizeof text, ep));
    }
    if (out->count == 0)
        return sk_fail_usage(err, "'%s' is no %s address", sk_endpoint_format(text, sizeof text, ep),
                             family_words(family));
    return 0;
}

/* The dialogue before TLS has sentences of its own. */
static bool is_of_dialogue(const struct sk_err *why) {
    return strcmp(why->op, "starttls") == 0 && (why->kind == SK_TIMEOUT || why->kind == SK_EOF);
}

enum rank { RANK_SILENCE, RANK_UNREACHABLE, RANK_OTHER, RANK_REFUSED, RANK_RESET, RANK_HANDSHAKE };

/* How far an attempt got, and the one word for it; NULL: the errno's own words. */
static enum rank judge(const struct sk_err *why, const char **word) {
    static const struct {
        int code;
        enum rank rank;
        const char *word;
    } rows[] = {
        { ECONNRESET, RANK_RESET, "reset" },
        { ECONNABORTED, RANK_RESET, "aborted" },
        { ECONNREFUSED, RANK_REFUSED, "refused" },
        { EHOSTUNREACH, RANK_UNREACHABLE, "host unreachable" },
        { ENETUNREACH, RANK_UNREACHABLE, "network unreachable" },
        { EHOSTDOWN, RANK_UNREACHABLE, "host down" },
        { ENETDOWN, RANK_UNREACHABLE, "network down" },
        { EADDRNOTAVAIL, RANK_UNREACHABLE, NULL },
        { EAFNOSUPPORT, RANK_UNREACHABLE, NULL },
        { ETIMEDOUT, RANK_SILENCE, "no answer" },
    };
    *word = NULL;
    if (why->kind == SK_TLS_HANDSHAKE || is_of_dialogue(why)) {
        *word = why->msg;
        return why->kind == SK_TLS_HANDSHAKE ? RANK_HANDSHAKE : RANK_RESET;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].code == why->code) {
            *word = rows[i].word;
            return rows[i].rank;
        }
    return RANK_OTHER;
}

/* The words of an errno as base/err writes them, without what stands before. */
static void errno_words(char *dst, size_t size, int code) {
    struct sk_err e;
    sk_fail_sys(&e, code, "connect", "x");
    snprintf(dst, size, "%.79s", e.msg + strlen("x: "));
}

bool sk_dial_is_final(const struct sk_err *why) {
    if (why->kind == SK_TIMEOUT || why->kind == SK_TLS_HANDSHAKE || why->kind == SK_EOF)
        return false;
    if (why->kind != SK_SYS)
        return true;
    switch (why->code) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EBADF:
    case EINPROGRESS:
    case EALREADY:
    case EISCONN:
    case EAGAIN:
        return true;
    default:
        return false;
    }
}

struct dial {
    struct sk_race plan;
    struct sk_dial_how how;
    struct sk_upgrade upgrade;
    char target[SK_ADDR_TEXT];
    char host[256];
};

static int fail_single(const struct dial *d, const struct sk_attempt *one, struct sk_err *err) {
    char addr[SK_ADDR_TEXT], span[32];
    sk_addr_format(addr, sizeof addr, &one->addr);
    bool named = strcmp(addr, d->target) != 0;
    const char *sep = named ? ": " : "";
    const char *where = named && d->plan.port ? addr : d->target;
    if (one->err.kind == SK_TLS_HANDSHAKE || one->err.kind == SK_EOF)
        return sk_fail(err, one->err.kind, one->err.code, one->err.op, "connect to %s: %s", where, one->err.msg);
    if (is_of_dialogue(&one->err))
        return sk_fail(err, SK_TIMEOUT, ETIMEDOUT, one->err.op, "connect to %s: in %s %s", where,
                       sk_format_time(span, sizeof span, (sk_now() - d->plan.start + SK_MS / 2) / SK_MS * SK_MS),
                       one->err.msg);
    if (one->err.code == ETIMEDOUT)
        return sk_fail(err, SK_TIMEOUT, ETIMEDOUT, "connect", "connect to %s%s%s: no answer%s in %s", d->target, sep,
                       named ? addr : "", strcmp(one->err.op, "TLS handshake") == 0 ? " to the TLS handshake" : "",
                       sk_format_time(span, sizeof span, (sk_now() - d->plan.start + SK_MS / 2) / SK_MS * SK_MS));
    if (one->err.code == EAFNOSUPPORT && strcmp(one->err.op, "socket") == 0) /* says which family */
        return sk_fail(err, SK_SYS, EAFNOSUPPORT, "socket", "connect to %s: %.200s", d->target, one->err.msg);
    if (one->err.code == ENOENT && one->addr.u.sa.sa_family == AF_UNIX)
        return sk_fail(err, SK_SYS, ENOENT, "connect", "connect to %s: no socket file of this name", d->target);
    if (one->err.code == ECONNREFUSED && one->addr.u.sa.sa_family == AF_UNIX)
        return sk_fail(err, SK_SYS, ECONNREFUSED, "connect", "connect to %s: connection refused, nobody listens on it",
                       d->target);
    return sk_fail_sys(err, one->err.code, "connect", "connect to %s%s%s", d->target, sep, named ? addr : "");
}

void sk_attempts_format(const struct sk_attempts *a, struct sk_buf *out) {
    for (size_t i = 0; i < a->count; i++) {
        const struct sk_attempt *one = &a->list[i];
        char addr[SK_ADDR_TEXT], words[80];
        const char *word = NULL;
        if (one->connected)
            word = "connected";
        else if (one->err.kind == SK_CANCELED)
            word = "given up";
        else
            judge(&one->err, &word);
        if (!word)
            errno_words(words, sizeof words, one->err.code);
        sk_buf_printf(out, NULL, "%s%s %s", i ? "; " : "", sk_addr_format(addr, sizeof addr, &one->addr),
                      word ? word : words);
    }
    sk_buf_add(out, "", 1, NULL);
}

/* The sentence of all attempts; its code is that of the one that got furthest. */
static int fail_all(const struct dial *d, const struct sk_attempts *a, struct sk_err *err) {
    if (a->count == 1)
        return fail_single(d, a->list, err);
    struct sk_buf list = { 0 };
    const struct sk_err *best = &a->list[0].err;
    const char *word;
    for (size_t i = 1; i < a->count; i++)
        if (judge(&a->list[i].err, &word) > judge(best, &word))
            best = &a->list[i].err;
    sk_attempts_format(a, &list);
    enum sk_kind kind = best->code == ETIMEDOUT ? SK_TIMEOUT : best->kind;
    sk_fail(err, kind, best->code, best->op, "connect to %s: %s", d->target, (const char *)sk_buf_data(&list));
    sk_buf_done(&list);
    return -1;
}

/* ---- all addresses ---- */

/* A fair share of the time for this address: a silent one must not eat that of those behind it. */
static sk_time share(sk_time deadline, size_t addresses_left) {
    sk_time left = sk_left(deadline);
    if (deadline == SK_NOWAIT || left == SK_NEVER || addresses_left <= 1)
        return deadline;
    return sk_after(left / (sk_time)addresses_left);
}

/* Nothing can be begun anew on a socket that has spoken. */
static bool is_used_up(const struct sk_sock *s, const struct sk_dial_how *how, const struct sk_err *why) {
    return why->kind == SK_TLS_HANDSHAKE ||
           ((how->upgrade || how->introduce) && (s->state == SK_CONNECTED || s->state == SK_ENDED));
}

/* One address after the other on a socket that is there: 0, 1 when all failed, -1 with *err. */
static int dial_given(const struct sk_race *plan, struct sk_sock *s, struct sk_attempts *attempts, struct sk_err *err) {
    const struct sk_addrs *addrs = &plan->addrs;
    attempts->list = sk_alloc((addrs->count + 1) * sizeof *attempts->list);
    for (size_t i = 0; i < addrs->count; i++) {
        struct sk_attempt *a = &attempts->list[attempts->count++];
        size_t left = addrs->count - i;
        a->addr = addrs->list[i];
        a->started = sk_now() - plan->start;
        a->connected = sk_sock_connect(s, &a->addr, share(plan->deadline, left), &a->err) == 0 &&
                       sk_dial_introduce(s, plan->how, NULL, plan->deadline, &a->err) == 0 &&
                       sk_dial_secure(s, plan->how, plan->deadline, &a->err) == 0;
        a->took = sk_now() - plan->start - a->started;
        if (a->connected)
            return 0;
        if (sk_dial_is_final(&a->err) || is_used_up(s, plan->how, &a->err)) {
            *err = a->err;
            return -1;
        }
        if (a->err.kind == SK_TIMEOUT && left > 1 && s->type == SOCK_STREAM) { /* give this one up before the next */
            struct sk_addr none = { .len = sizeof(sa_family_t), .u.sa.sa_family = AF_UNSPEC };
            sk_sock_connect(s, &none, SK_NOWAIT, NULL);
        }
    }
    return 1;
}

/* TLS, or the dialogue before it, failed on a socket that was given; or something else, which has its sentence. */
static int fail_secure(const struct dial *d, const struct sk_err *why, struct sk_err *err) {
    if (why->kind == SK_TLS_VERIFY || why->kind == SK_TLS_HANDSHAKE || is_of_dialogue(why))
        return sk_fail(err, why->kind, why->code, why->op, "connect to %s: %s", d->target, why->msg);
    if (err)
        *err = *why;
    return -1;
}

static int dial_all(const struct dial *d, struct sk_sock *s, struct sk_sock **out, struct sk_attempts *attempts,
                    struct sk_err *err) {
    struct sk_err why;
    int rc = s ? dial_given(&d->plan, s, attempts, &why) : sk_race(&d->plan, out, attempts, &why);
    if (rc > 0)
        return fail_all(d, attempts, err);
    if (rc < 0 && why.kind == SK_SYS && (strcmp(why.op, "connect") == 0 || strcmp(why.op, "socket") == 0))
        return sk_fail_sys(err, why.code, why.op, "connect to %s", d->target);
    if (rc < 0)
        return fail_secure(d, &why, err);
    if (s)
        *out = s;
    snprintf((*out)->asked, sizeof(*out)->asked, "%s", d->host);
    return 0;
}

/* A descriptor that is connected already. */
static int adopt(const struct dial *d, struct sk_sock **out, struct sk_sock *s, int fd, sk_time deadline,
                 struct sk_err *err) {
    struct sk_err why;
    if (s)
        return sk_fail_usage(err, "fd:%d is a socket of its own; write it without a socket before it", fd);
    if (sk_sock_adopt(out, fd, err) < 0)
        return -1;
    if (sk_dial_introduce(*out, &d->how, NULL, deadline, &why) == 0 &&
        sk_dial_secure(*out, &d->how, deadline, &why) == 0)
        return 0;
    sk_sock_free(*out);
    *out = NULL;
    return fail_secure(d, &why, err);
}

/* The words for what was asked: the target in sentences, the host for the checks of TLS. */
static void name_target(struct dial *d, const struct sk_endpoint *ep) {
    char text[SK_ADDR_TEXT];
    sk_endpoint_format(d->target, sizeof d->target, ep);
    if (ep->kind == SK_EP_NAME) {
        snprintf(d->host, sizeof d->host, "%s", ep->host);
        snprintf(d->target, sizeof d->target, "%s", ep->host); /* the attempts tell the port */
    } else if (ep->kind == SK_EP_ADDR) {
        snprintf(d->host, sizeof d->host, "%.255s", sk_addr_host(text, sizeof text, &ep->addr));
    } else if (ep->kind == SK_EP_LOOPBACK) {
        snprintf(d->host, sizeof d->host, "localhost");
    }
}

/* The family that is left: by the options, the socket, and the address to connect from. */
static int choose_family(struct dial *d, const struct sk_sock *s, const struct sk_endpoint *ep, struct sk_err *err) {
    const struct sk_endpoint *source = d->how.source;
    char text[SK_ADDR_TEXT];
    if (s && ep->kind != SK_EP_ADDR) /* an address that was written out is for the system to judge */
        d->how.family = s->family;
    if (!source || source->kind != SK_EP_ADDR)
        return 0;
    int from = source->addr.u.sa.sa_family, to = ep->kind == SK_EP_ADDR ? ep->addr.u.sa.sa_family : d->how.family;
    if (to != 0 && from != to)
        return sk_fail_usage(err, "%s is an %s address: nothing to connect from to %s",
                             sk_addr_host(text, sizeof text, &source->addr), family_words(from), family_words(to));
    d->how.family = from;
    return 0;
}

/* The addresses, as far as nobody must be asked for them; those of a name that DNS knows are found in the race. A
 * socket that is there takes one after the other, so it waits for all. */
static int find_addresses(struct dial *d, const struct sk_sock *s, const struct sk_endpoint *ep, struct sk_err *err) {
    struct sk_race *plan = &d->plan;
    if (s || ep->kind != SK_EP_NAME)
        return sk_endpoint_addrs(ep, d->how.family, d->how.lookup, plan->deadline, &plan->addrs, err);
    int rc = sk_resolve_local(ep->host, d->how.family, d->how.lookup, &plan->addrs, err);
    if (rc == 0)
        plan->name = ep->host;
    else if (plan->addrs.count > 1)
        sk_addrs_sort(&plan->addrs);
    for (size_t i = 0; i < plan->addrs.count; i++)
        sk_addr_set_port(&plan->addrs.list[i], ep->port);
    return rc < 0 ? -1 : 0;
}

static int dial_through(const struct dial *d, struct sk_sock **out, struct sk_sock *s, const struct sk_endpoint *ep,
                        struct sk_attempts *attempts, sk_time deadline, struct sk_err *err) {
    if (sk_dial_through(out, s, ep, &d->how, deadline, attempts, err) < 0)
        return -1;
    snprintf((*out)->asked, sizeof(*out)->asked, "%s", d->host);
    return 0;
}

int sk_dial(struct sk_sock **out, struct sk_sock *s, const struct sk_endpoint *ep, const struct sk_dial_how *how,
            sk_time deadline, struct sk_attempts *attempts, struct sk_err *err) {
    struct dial d = { .how = *how };
    struct sk_attempts own = { 0 };
    *out = NULL;
    if (!attempts)
        attempts = &own;
    *attempts = own;
    if (s && sk_sock_check(s, "connect", err) < 0)
        return -1;
    name_target(&d, ep);
    if (!d.how.tls_name)
        d.how.tls_name = d.host;
    if (how->upgrade) {
        d.upgrade = *how->upgrade;
        d.upgrade.domain = d.how.tls_name;
        d.how.upgrade = &d.upgrade;
        if (sk_upgrade_check(&d.upgrade, err) < 0)
            return -1;
    }
    if (how->proxy) {
        int through = dial_through(&d, out, s, ep, attempts, deadline, err);
        sk_attempts_done(&own);
        return through;
    }
    if (ep->kind == SK_EP_FD)
        return adopt(&d, out, s, ep->fd, deadline, err);
    if (ep->kind == SK_EP_ANY)
        return sk_fail_usage(err, "'%s' means every address of this machine, to listen on; connect to :%u", d.target,
                             ep->port);
    d.plan = (struct sk_race){ .how = &d.how, .start = sk_now(), .deadline = deadline, .port = ep->port };
    d.plan.type = how->type ? how->type : ep->type ? ep->type : SOCK_STREAM;
    if (choose_family(&d, s, ep, err) < 0 || (s && sk_dial_prepare(s, how, err) < 0))
        return -1;
    int rc = find_addresses(&d, s, ep, err);
    if (rc < 0)
        attempts->origin = d.plan.addrs.origin;
    else
        rc = dial_all(&d, s, out, attempts, err);
    sk_addrs_done(&d.plan.addrs);
    sk_attempts_done(&own);
    return rc;
}
