#include "sock/ready.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/parse.h"
#include "run/wait.h"
#include "sock/expect.h"
#include "sock/proxy.h"

#define FIRST_PAUSE (10 * SK_MS)
#define LAST_PAUSE  (250 * SK_MS)
#define FAREWELL    (100 * SK_MS) /* how long the peer's end is waited for */

struct ready {
    const struct sk_endpoint *ep;
    const struct sk_readying *what;
    sk_time start, deadline;
    bool was_resolved;
    struct sk_err why; /* of the last attempt that had its full time */
};

/* Both ends are the same: nobody listens there. It is ended by a reset, so that the port is free for who comes. */
static bool met_itself(struct sk_sock *s) {
    static const struct linger none = { .l_onoff = 1 };
    struct sk_addr local;
    if (s->family == AF_UNIX || sk_sock_local(s, &local, NULL) < 0 || !sk_addr_equal(&local, &s->peer))
        return false;
    setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    sk_sock_free(s);
    return true;
}

static int hear(struct sk_sock *s, const struct sk_readying *what, sk_time deadline, struct sk_err *err) {
    size_t start, end;
    char got[96];
    if (sk_expect(s, what->expect, what->n, NULL, false, &start, &end, deadline, err) == 0)
        return 0;
    if (err->kind != SK_TIMEOUT && err->kind != SK_EXPECT)
        return -1;
    bool is_late = err->kind == SK_TIMEOUT;
    if (s->in.len == 0)
        return sk_fail(err, err->kind, err->code, "expect",
                       is_late ? "connected, but it says nothing" : "connected, but it closed without a word");
    sk_escape_cut(got, sizeof got, (const char *)sk_buf_data(&s->in), s->in.len);
    return sk_fail(err, err->kind, err->code, "expect", "it says '%s'%s", got, is_late ? "" : " and closed");
}

/* One attempt: 0 when somebody answered as wanted. */
static int try_once(struct ready *r, struct sk_readiness *out, struct sk_err *err) {
    struct sk_sock *s;
    sk_time deadline = sk_earlier(r->deadline, sk_after(r->what->each));
    sk_attempts_done(&out->last);
    out->attempts++;
    if (sk_dial(&s, NULL, r->ep, &r->what->dial, deadline, &out->last, err) < 0)
        return -1;
    if (met_itself(s)) {
        sk_attempts_done(&out->last);
        return sk_fail(err, SK_SYS, ECONNREFUSED, "connect", "connected to itself: nobody listens");
    }
    out->addr = s->peer;
    int rc = r->what->expect ? hear(s, r->what, deadline, err) : 0;
    sk_sock_part(s, rc == 0 ? sk_after(FAREWELL) : SK_NOWAIT);
    return rc;
}

/* ---- what an answer means ---- */

static bool is_refusal(const struct sk_attempt *a) {
    static const int codes[] = { ECONNREFUSED, ECONNRESET, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN, ENOENT };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (!a->connected && a->err.kind == SK_SYS && a->err.code == codes[i])
            return true;
    return false;
}

/* Nobody is there: silence is no proof, nor is a name that never had an address. */
static bool is_gone(const struct ready *r, const struct sk_readiness *out, const struct sk_err *why) {
    if (why->kind == SK_GAI)
        return r->was_resolved;
    if (r->what->dial.proxy) /* what it says counts; the attempts were those to reach it */
        return out->last.blame == SK_BLAME_TARGET && why->kind == SK_SYS && why->code != ETIMEDOUT;
    for (size_t i = 0; i < out->last.count; i++)
        if (!is_refusal(&out->last.list[i]))
            return false;
    return out->last.count > 0 || why->code == ECONNREFUSED;
}

/* Would the next attempt meet it as well? */
static bool is_lasting(const struct sk_err *why) {
    static const char *const ours[] = { "bind", "setsockopt", "if_nametoindex", "mmap" };
    static const char proxy[] = "proxy"; /* it refuses, or is none */
    if (why->kind == SK_SYS && strcmp(why->op, proxy) == 0)
        return true;
    if (why->kind == SK_USAGE || why->kind == SK_CANCELED || why->kind == SK_INTERNAL || why->kind == SK_TLS_VERIFY)
        return true;
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (strcmp(why->op, ours[i]) == 0)
            return true;
    return why->kind == SK_SYS &&
           (why->code == EMFILE || why->code == ENFILE || why->code == ENOMEM || why->code == ENOBUFS);
}

static int fail_late(const struct ready *r, const struct sk_readiness *out, struct sk_err *err) {
    char target[SK_ADDR_TEXT], span[32], tries[48];
    sk_time took = (sk_now() - r->start + SK_MS / 2) / SK_MS * SK_MS;
    sk_endpoint_format(target, sizeof target, r->ep);
    snprintf(tries, sizeof tries, "%s, %u attempt%s", sk_format_time(span, sizeof span, took), out->attempts,
             out->attempts == 1 ? "" : "s");
    if (r->what->closed)
        return sk_fail(err, SK_TIMEOUT, ETIMEDOUT, "connect", "%.160s is not gone after %s: %.250s", target, tries,
                       r->why.msg);
    return sk_fail(err, SK_TIMEOUT, ETIMEDOUT, "connect", "%.160s is not ready after %s: %.250s", target, tries,
                   r->why.msg);
}

/* After an attempt: 1 when what was waited for is so, 0, or -1 when nothing will change. */
static int judge(struct ready *r, struct sk_readiness *out, int rc, struct sk_err *why, struct sk_err *err) {
    if (rc < 0 && is_lasting(why)) {
        *err = *why;
        return -1;
    }
    if (r->what->closed ? rc < 0 && is_gone(r, out, why) : rc == 0)
        return 1;
    if (rc == 0)
        sk_fail(why, SK_ASSERT, 0, "connect", "it still answers");
    r->was_resolved |= why->kind != SK_GAI;
    if (!r->why.msg[0] || why->kind != SK_TIMEOUT || sk_left(r->deadline) > 0) {
        r->why = *why;
        out->origin = out->last.origin;
    }
    return 0;
}

int sk_ready(const struct sk_endpoint *ep, const struct sk_readying *what, sk_time deadline, struct sk_readiness *out,
             struct sk_err *err) {
    struct ready r = { .ep = ep, .what = what, .start = sk_now(), .deadline = deadline };
    sk_time pause = FIRST_PAUSE;
    *out = (struct sk_readiness){ 0 };
    for (;;) {
        struct sk_err why;
        int rc = try_once(&r, out, &why);
        int verdict = judge(&r, out, rc, &why, err);
        out->took = sk_now() - r.start;
        if (verdict < 0)
            return -1;
        if (verdict > 0)
            break;
        if (sk_sleep_until(sk_earlier(deadline, sk_after(pause)), "wait-ready", err) < 0)
            return -1;
        if (sk_left(deadline) == 0)
            return fail_late(&r, out, err);
        pause = sk_earlier(2 * pause, LAST_PAUSE);
    }
    if (what->closed)
        out->addr = out->last.count ? out->last.list[0].addr : ep->addr;
    return 0;
}
