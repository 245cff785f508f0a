/* Names come in, answers go out; what happens between is in bulk_pass.c. */
#include "net/bulk.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "net/addr_parts.h"
#include "net/bulk_parts.h"
#include "net/dns_channel.h"
#include "run/wait.h"

enum { AHEAD = 4 /* names that may be in here, for each question that may be under way */, AHEAD_LEAST = 1024 };
#define FILES_LAST (100 * SK_MS) /* how long hosts and nsswitch.conf are not looked at again */
#define POLL       (20 * SK_MS)  /* of what the channel does not tell: new names, the second pass */

struct sk_bulk *sk_bulk_new(const struct sk_bulking *how) {
    struct sk_bulk *b = sk_alloc(sizeof *b);
    b->how = *how;
    if (how->lookup)
        b->lookup = *how->lookup;
    b->lookup.soon = true;
    b->how.lookup = &b->lookup;
    sk_question_init(&b->question, how->lookup, SK_NEVER);
    b->window = how->most < SK_WINDOW_LEAST ? how->most : how->most < SK_WINDOW_SAMPLE ? how->most : SK_WINDOW_SAMPLE;
    b->cap = how->most * AHEAD > AHEAD_LEAST ? how->most * AHEAD : AHEAD_LEAST;
    b->ring = how->ordered ? sk_alloc(b->cap * sizeof *b->ring) : NULL;
    b->start = sk_now();
    sk_scope_init(&b->tasks);
    return b;
}

/* ---- Names that are over ---- */

bool sk_bulk_is_unknown(const struct sk_err *err) {
    return err->kind == SK_GAI && (err->code == EAI_NONAME || err->code == EAI_NODATA || err->code == EAI_ADDRFAMILY);
}

void sk_bulk_finish(struct sk_bulk *b, struct sk_entry *e, bool ok) {
    e->answer.ok = ok;
    e->is_done = true;
    b->count.partial += ok && e->answer.missing;
    *(ok ? &b->count.ok : sk_bulk_is_unknown(&e->answer.err) ? &b->count.unknown : &b->count.failed) += 1;
    if (!b->ring)
        sk_push_entry(&b->done, e);
    sk_event_set(&b->news);
}

static struct sk_entry *first_done(const struct sk_bulk *b) {
    if (!b->ring)
        return b->done.first;
    struct sk_entry *e = b->ring[b->count.out % b->cap];
    return e && e->answer.number == b->count.out && e->is_done ? e : NULL;
}

bool sk_bulk_ready(const struct sk_bulk *b) { return first_done(b) != NULL; }

/* ---- Names come in ---- */

/* An address in place of a name is its own answer. 1, 0: it is a name, -1: neither. */
static int answer_literal(struct sk_bulk *b, struct sk_entry *e) {
    struct sk_addr addr;
    struct in_addr ip4;
    const char *text = e->text;
    size_t n = e->answer.n;
    if (memchr(text, ':', n)) {
        if (sk_ip6_parse(text, n, false, &addr, &e->answer.err) < 0)
            return -1;
    } else if (sk_ends_in_number(text, n)) {
        if (sk_ip4_parse(text, n, &ip4, &e->answer.err) < 0)
            return -1;
        sk_addr_any(&addr, AF_INET, 0);
        addr.u.in.sin_addr = ip4;
    } else {
        return 0;
    }
    if (b->how.family && addr.u.sa.sa_family != b->how.family)
        return sk_fail(&e->answer.err, SK_GAI, EAI_ADDRFAMILY, "resolve", "%s: an address of the other family", text);
    sk_addrs_add(&e->answer.addrs, &addr);
    return 1;
}

/* An address, whose name the hosts file may know. */
static int answer_reverse(struct sk_bulk *b, struct sk_entry *e) {
    char shown[120];
    int rc = answer_literal(b, e);
    if (rc == 0)
        return sk_fail(&e->answer.err, SK_GAI, EAI_NONAME, "resolve", "%s: no address; write 192.0.2.1 or 2001:db8::1",
                       sk_escape_cut(shown, sizeof shown, e->text, e->answer.n));
    if (rc < 0)
        return -1;
    bool use_hosts = !b->lookup.no_hosts;
    const char *host = use_hosts ? sk_hosts_reverse(&e->answer.addrs.list[0]) : NULL;
    e->answer.host = host ? sk_strdup(host) : NULL;
    return host != NULL;
}

/* What is answered here, as sk_resolve does it. 1, 0: DNS must be asked, -1. */
static int answer_here(struct sk_bulk *b, struct sk_entry *e) {
    char shown[120];
    size_t n = e->answer.n;
    if (n == 0 || memchr(e->text, '\0', n))
        return sk_fail(&e->answer.err, SK_GAI, EAI_NONAME, "resolve", "%s: not a name",
                       sk_escape_cut(shown, sizeof shown, e->text, n));
    int rc = b->how.reverse ? answer_reverse(b, e) : answer_literal(b, e);
    if (rc < 0 && e->answer.err.kind == SK_USAGE) {
        e->answer.err.kind = SK_GAI;
        e->answer.err.code = EAI_NONAME;
    }
    if (rc != 0 || b->how.reverse)
        return rc;
    sk_time now = sk_now();
    sk_stamps_held = now < b->files_until;
    if (!sk_stamps_held)
        b->files_until = now + FILES_LAST;
    rc = sk_resolve_local(e->text, b->how.family, b->how.lookup, &e->answer.addrs, &e->answer.err);
    sk_stamps_held = false;
    return rc;
}

static struct sk_entry *new_entry(struct sk_bulk *b, const char *name, size_t n) {
    struct sk_entry *e = sk_pop_entry(&b->idle);
    if (!e) {
        e = sk_alloc(sizeof *e);
        e->older = b->newest;
        b->newest = e;
    }
    if (e->room <= n) {
        e->room = n + 64;
        e->text = sk_realloc(e->text, e->room);
    }
    memcpy(e->text, name, n);
    e->text[n] = '\0';
    e->answer.name = e->text;
    e->answer.n = n;
    e->answer.number = b->count.in++;
    e->answer.addrs.count = 0;
    e->answer.addrs.origin.reason = NULL;
    e->answer.addrs.origin.server[0] = '\0';
    e->answer.addrs.origin.timeouts = 0;
    e->answer.addrs.origin.is_guess = false;
    e->has_answer[0] = e->has_answer[1] = false;
    e->answer.missing = 0;
    e->is_done = false;
    if (b->ring)
        b->ring[e->answer.number % b->cap] = e;
    return e;
}

int sk_bulk_add(struct sk_bulk *b, const char *name, size_t n, sk_time deadline, struct sk_err *err) {
    sk_time when;
    if (sk_charge(0, "resolve", deadline, err) < 0)
        return -1;
    while (b->count.in - b->count.out >= b->cap) {
        sk_event_clear(&b->room);
        if (sk_event_wait(&b->room, "resolve", deadline, err) < 0)
            return -1;
    }
    struct sk_entry *e = new_entry(b, name, n);
    int rc = answer_here(b, e);
    if (rc != 0) {
        sk_bulk_finish(b, e, rc > 0);
        return 0;
    }
    sk_push_entry(&b->waiting, e);
    sk_event_set(&b->news);
    return b->waiting.count == 1 ? sk_bulk_begin(b, &when, err) : 0;
}

void sk_bulk_end(struct sk_bulk *b) {
    b->is_ended = true;
    sk_event_set(&b->news);
}

/* ---- Answers go out ---- */

static void recycle(struct sk_bulk *b) {
    if (!b->out)
        return;
    free(b->out->answer.addrs.canonical);
    free(b->out->answer.host);
    b->out->answer.addrs.canonical = b->out->answer.host = NULL;
    sk_push_entry(&b->idle, b->out);
    b->out = NULL;
    if (b->count.in - b->count.out == b->cap - b->cap / 4)
        sk_event_set(&b->room);
}

static int hand_out(struct sk_bulk *b, struct sk_entry *e, const struct sk_answer **out) {
    if (b->ring)
        b->ring[e->answer.number % b->cap] = NULL;
    else
        sk_pop_entry(&b->done);
    b->count.out++;
    b->out = e;
    *out = &e->answer;
    return 1;
}

/* Nothing is known: ask, and wait. */
static int wait_news(struct sk_bulk *b, sk_time deadline, struct sk_err *err) {
    sk_time when = SK_NEVER, soon;
    sk_event_clear(&b->news);
    if (sk_bulk_begin(b, &when, err) < 0)
        return -1;
    if (first_done(b))
        return 0;
    sk_time limit = when < deadline ? when : deadline;
    if (b->under_way > 0 && (!b->is_ended || b->doubtful > 0) && (soon = sk_after(POLL)) < limit)
        limit = soon;
    int rc = b->under_way > 0 ? sk_bulk_pump(b, limit, err) : sk_event_wait(&b->news, "resolve", limit, err);
    return rc < 0 && err->kind == SK_TIMEOUT && limit < deadline ? 0 : rc;
}

int sk_bulk_next(struct sk_bulk *b, const struct sk_answer **out, sk_time deadline, struct sk_err *err) {
    struct sk_err mine;
    recycle(b);
    for (;;) {
        struct sk_entry *e = first_done(b);
        int rc = sk_charge(0, "resolve", deadline, &mine);
        if (rc == 0 && e)
            return hand_out(b, e, out);
        if (rc == 0 && b->is_ended && b->count.out == b->count.in)
            return 0;
        if (rc == 0)
            rc = wait_news(b, deadline, &mine);
        if (rc < 0) {
            *err = mine;
            return -1;
        }
    }
}

void sk_bulk_counts(const struct sk_bulk *b, struct sk_bulk_count *out) {
    *out = b->count;
    out->under_way = b->under_way;
    out->window = b->window;
}

void sk_bulk_free(struct sk_bulk *b) {
    struct sk_entry *older;
    if (!b)
        return;
    sk_scope_done(&b->tasks);
    for (struct sk_entry *e = b->newest; e; e = older) {
        older = e->older;
        if (e->op)
            sk_op_leave(e->op);
        sk_addrs_done(&e->answer.addrs);
        free(e->answer.host);
        free(e->text);
        free(e);
    }
    free(b->ring);
    free(b);
}
