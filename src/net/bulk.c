/* The first pass asks one server once for each name, all from the task that takes the answers; whatever is not settled
 * by that goes to a few tasks of the second pass. */
#include "net/bulk.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "net/addr_parts.h"
#include "net/dns_channel.h"
#include "net/dns_parts.h"
#include "run/task.h"
#include "run/wait.h"

enum {
    AHEAD = 4, /* names that may be in here, for each question that may be under way */
    AHEAD_LEAST = 1024,
    WINDOW_LEAST = 16,
    SAMPLE = 200,    /* questions after which the window is set anew */
    LOSS = 2,        /* percent of them that mean that there are too many */
    SILENCES = 20,   /* in a row: the next server is asked */
    AGAIN_MOST = 64, /* tasks of the second pass */
    REFUSED_TRIES = 4,
};
#define FILES_LAST (100 * SK_MS) /* how long hosts and nsswitch.conf are not looked at again */
#define POLL       (20 * SK_MS)  /* of what the channel does not tell: new names, the second pass */

struct entry {
    struct sk_answer answer;
    struct entry *next, *older; /* in its list; of all */
    struct sk_op *op;
    bool is_done;
    char *text;
    size_t room;
};

struct list {
    struct entry *first, *last;
    unsigned count;
};

struct sk_bulk {
    struct sk_bulking how;
    struct sk_question question;
    size_t server; /* of the question's, asked in the first pass */
    struct list idle, waiting, again, done;
    struct entry **ring;        /* ordered: by number; the next to go out is count.out */
    struct entry *out, *newest; /* handed out; of all */
    unsigned cap;
    unsigned under_way, doubtful; /* questions of the first pass; names of the second */
    unsigned window, sampled, lost, silences;
    sk_time files_until, start;
    struct sk_bulk_count count;
    bool is_ended;
    struct sk_scope tasks;
    unsigned at_work, resting;
    struct sk_event news, room, doubts;
};

static void push(struct list *list, struct entry *e) {
    e->next = NULL;
    *(list->first ? &list->last->next : &list->first) = e;
    list->last = e;
    list->count++;
}

static struct entry *pop(struct list *list) {
    struct entry *e = list->first;
    if (e) {
        list->first = e->next;
        list->count--;
    }
    return e;
}

static unsigned questions(const struct sk_bulk *b) { return b->how.family ? 1 : 2; }

struct sk_bulk *sk_bulk_new(const struct sk_bulking *how) {
    struct sk_bulk *b = sk_alloc(sizeof *b);
    b->how = *how;
    sk_question_init(&b->question, how->lookup, SK_NEVER);
    b->window = how->most < WINDOW_LEAST ? how->most : how->most < SAMPLE ? how->most : SAMPLE;
    b->cap = how->most * AHEAD > AHEAD_LEAST ? how->most * AHEAD : AHEAD_LEAST;
    b->ring = how->ordered ? sk_alloc(b->cap * sizeof *b->ring) : NULL;
    b->start = sk_now();
    sk_scope_init(&b->tasks);
    return b;
}

/* ---- Names that are over ---- */

static bool is_unknown(const struct sk_err *err) {
    return err->kind == SK_GAI && (err->code == EAI_NONAME || err->code == EAI_NODATA || err->code == EAI_ADDRFAMILY);
}

static void finish(struct sk_bulk *b, struct entry *e, bool ok) {
    e->answer.ok = ok;
    e->is_done = true;
    *(ok ? &b->count.ok : is_unknown(&e->answer.err) ? &b->count.unknown : &b->count.failed) += 1;
    if (!b->ring)
        push(&b->done, e);
    sk_event_set(&b->news);
}

static struct entry *first_done(const struct sk_bulk *b) {
    if (!b->ring)
        return b->done.first;
    struct entry *e = b->ring[b->count.out % b->cap];
    return e && e->answer.number == b->count.out && e->is_done ? e : NULL;
}

bool sk_bulk_ready(const struct sk_bulk *b) { return first_done(b) != NULL; }

/* ---- The second pass ---- */

/* A connection that the server ended, or a server that is just starting: what fails at once is tried again, later. */
static int ask_patiently(const struct sk_bulk *b, const char *name, int family, sk_time limit, struct sk_addrs *out,
                         struct sk_err *err) {
    sk_time pause = 50 * SK_MS;
    for (int tries = 1;; tries++) {
        int rc = sk_dns_ask(name, family, b->how.lookup, limit, out, err);
        bool is_refused = rc < 0 && out->origin.reason && strcmp(out->origin.reason, "UNREACHABLE") == 0;
        if (!is_refused || tries == REFUSED_TRIES || sk_sleep_until(sk_after(pause), "resolve", err) < 0)
            return rc;
        pause *= 2;
    }
}

/* Of the failures of two families the one to tell: trouble, then "exists", then "no such name". */
static int rank_of(const struct sk_err *err) {
    return err->kind != SK_GAI || !is_unknown(err) ? 2 : err->code == EAI_NODATA;
}

/* One family after the other, so that each has an answer of its own. */
static void resolve_again(struct sk_bulk *b, struct entry *e) {
    static const int families[] = { AF_INET6, AF_INET };
    sk_time limit = sk_after(b->how.attempt);
    struct sk_err err;
    bool has_failed = false;
    e->answer.addrs.count = 0;
    for (size_t i = 0; i < 2; i++) {
        if (b->how.family && b->how.family != families[i])
            continue;
        if (ask_patiently(b, e->text, families[i], limit, &e->answer.addrs, &err) == 0)
            continue;
        if (!has_failed || rank_of(&err) > rank_of(&e->answer.err))
            e->answer.err = err;
        has_failed = true;
    }
    b->doubtful--;
    finish(b, e, e->answer.addrs.count > 0);
}

static int work(void *arg) {
    struct sk_bulk *b = arg;
    struct sk_err err;
    while (!sk_canceled()) {
        struct entry *e = pop(&b->again);
        if (e) {
            resolve_again(b, e);
            continue;
        }
        b->resting++;
        sk_event_clear(&b->doubts);
        int rc = sk_event_wait(&b->doubts, "resolve", SK_NEVER, &err);
        b->resting--;
        if (rc < 0)
            break;
    }
    b->at_work--;
    return 0;
}

static void doubt(struct sk_bulk *b, struct entry *e) {
    struct sk_err err;
    b->doubtful++;
    b->count.again++;
    push(&b->again, e);
    unsigned most = b->how.most / 4 < 1 ? 1 : b->how.most / 4 < AGAIN_MOST ? b->how.most / 4 : AGAIN_MOST;
    if (b->resting > 0)
        sk_event_set(&b->doubts);
    else if (b->at_work < most && sk_spawn(&b->tasks, "resolve", work, b, &err))
        b->at_work++;
}

/* ---- The first pass ---- */

/* Asked as it is, is it the name that is meant, and is its absence the last word? */
static bool is_asked_first(const struct sk_bulk *b, const char *name) {
    int dots = 0;
    for (const char *p = name; *p; p++) {
        if ((unsigned char)*p >= 0x80)
            return false;
        dots += *p == '.';
    }
    return dots >= b->question.conf.ndots || b->question.conf.ndomains == 0;
}

static bool is_last_word(const struct sk_bulk *b, const struct entry *e) {
    return b->question.conf.ndomains == 0 || e->text[e->answer.n - 1] == '.';
}

static struct sk_channel *channel_of(struct sk_bulk *b, struct sk_err *err) {
    const struct sk_resolv_conf *conf = &b->question.conf;
    return sk_channel_get(&(struct sk_channel_key){ .server = conf->servers[b->server],
                                                    .tcp = b->question.tcp,
                                                    .timeout_ms = conf->timeout_ms,
                                                    .tries = 1,
                                                    .bulk = true },
                          err);
}

/* May another name be begun by now? *when: if not, then. */
static bool is_due(const struct sk_bulk *b, sk_time *when) {
    uint64_t begun = b->count.in - b->waiting.count;
    if (b->how.rate == 0)
        return true;
    *when = sk_later(b->start, (sk_time)(begun * (uint64_t)SK_SECOND / b->how.rate));
    return *when <= sk_now();
}

/* Send questions, as many as may be under way. 0, or -1; *when: not before then, on account of the rate. */
static int begin(struct sk_bulk *b, sk_time *when, struct sk_err *err) {
    struct sk_channel *channel = b->waiting.first ? channel_of(b, err) : NULL;
    if (b->waiting.first && !channel)
        return -1;
    while (b->waiting.first && b->under_way + questions(b) <= b->window + 1 && is_due(b, when)) {
        struct entry *e = pop(&b->waiting);
        if (!is_asked_first(b, e->text)) {
            doubt(b, e);
            continue;
        }
        b->under_way += questions(b);
        e->op = sk_op_new(channel);
        e->op->owner = e;
        if (b->how.family != AF_INET)
            sk_op_ask(e->op, 0, e->text, AF_INET6);
        if (b->how.family != AF_INET6)
            sk_op_ask(e->op, 1, e->text, AF_INET);
    }
    return 0;
}

/* Few losses: more may be under way; many: half as many. */
static void adapt(struct sk_bulk *b, const struct sk_op *op) {
    bool is_lost = false;
    for (int i = 0; i < 2; i++)
        is_lost = is_lost || (op->query[i].is_used && op->query[i].timeouts > 0);
    b->silences = is_lost ? b->silences + 1 : 0;
    b->lost += is_lost;
    if (++b->sampled < SAMPLE)
        return;
    if (b->lost * 100 > LOSS * b->sampled)
        b->window = b->window / 2 > WINDOW_LEAST ? b->window / 2 : WINDOW_LEAST;
    else
        b->window += b->window / 10 + 1;
    if (b->window > b->how.most)
        b->window = b->how.most;
    b->sampled = b->lost = 0;
}

static void conclude(struct sk_bulk *b, struct sk_op *op) {
    struct entry *e = op->owner;
    adapt(b, op);
    b->under_way -= questions(b);
    int rc = sk_dns_conclude(op, e->text, &b->question, &e->answer.addrs, &e->answer.err);
    e->op = NULL;
    sk_op_leave(op);
    if (rc == 0)
        finish(b, e, true);
    else if (rc < 0 && is_last_word(b, e))
        finish(b, e, false);
    else
        doubt(b, e);
}

/* A server that says nothing at all is left for the next; what it was asked is asked again. */
static void next_server(struct sk_bulk *b) {
    b->silences = 0;
    if (b->question.conf.server_count < 2)
        return;
    b->server = (b->server + 1) % b->question.conf.server_count;
    for (struct entry *e = b->newest; e; e = e->older)
        if (e->op) {
            sk_op_leave(e->op);
            e->op = NULL;
            b->under_way -= questions(b);
            doubt(b, e);
        }
}

/* Take what the server said. */
static int pump(struct sk_bulk *b, sk_time limit, struct sk_err *err) {
    struct sk_op *op;
    struct sk_channel *channel = channel_of(b, err);
    if (!channel || sk_channel_pump(channel, limit, err) < 0)
        return -1;
    while ((op = sk_channel_done(channel)))
        conclude(b, op);
    if (b->silences >= SILENCES)
        next_server(b);
    return 0;
}

/* ---- Names come in ---- */

/* An address in place of a name is its own answer. 1, 0: it is a name, -1: neither. */
static int answer_literal(struct sk_bulk *b, struct entry *e) {
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

/* What is answered here, as sk_resolve does it. 1, 0: DNS must be asked, -1. */
static int answer_here(struct sk_bulk *b, struct entry *e) {
    char shown[120];
    size_t n = e->answer.n;
    if (n == 0 || memchr(e->text, '\0', n))
        return sk_fail(&e->answer.err, SK_GAI, EAI_NONAME, "resolve", "%s: not a name",
                       sk_escape_cut(shown, sizeof shown, e->text, n));
    int rc = answer_literal(b, e);
    if (rc < 0 && e->answer.err.kind == SK_USAGE) {
        e->answer.err.kind = SK_GAI;
        e->answer.err.code = EAI_NONAME;
    }
    if (rc != 0)
        return rc;
    sk_time now = sk_now();
    sk_stamps_held = now < b->files_until;
    if (!sk_stamps_held)
        b->files_until = now + FILES_LAST;
    rc = sk_resolve_local(e->text, b->how.family, b->how.lookup, &e->answer.addrs, &e->answer.err);
    sk_stamps_held = false;
    return rc;
}

static struct entry *new_entry(struct sk_bulk *b, const char *name, size_t n) {
    struct entry *e = pop(&b->idle);
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
    struct entry *e = new_entry(b, name, n);
    int rc = answer_here(b, e);
    if (rc != 0) {
        finish(b, e, rc > 0);
        return 0;
    }
    push(&b->waiting, e);
    sk_event_set(&b->news);
    return b->waiting.count == 1 ? begin(b, &when, err) : 0;
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
    b->out->answer.addrs.canonical = NULL;
    push(&b->idle, b->out);
    b->out = NULL;
    if (b->count.in - b->count.out == b->cap - b->cap / 4)
        sk_event_set(&b->room);
}

static int hand_out(struct sk_bulk *b, struct entry *e, const struct sk_answer **out) {
    if (b->ring)
        b->ring[e->answer.number % b->cap] = NULL;
    else
        pop(&b->done);
    b->count.out++;
    b->out = e;
    *out = &e->answer;
    return 1;
}

/* Nothing is known: ask, and wait. */
static int wait_news(struct sk_bulk *b, sk_time deadline, struct sk_err *err) {
    sk_time when = SK_NEVER, soon;
    sk_event_clear(&b->news);
    if (begin(b, &when, err) < 0)
        return -1;
    if (first_done(b))
        return 0;
    sk_time limit = when < deadline ? when : deadline;
    if (b->under_way > 0 && (!b->is_ended || b->doubtful > 0) && (soon = sk_after(POLL)) < limit)
        limit = soon;
    int rc = b->under_way > 0 ? pump(b, limit, err) : sk_event_wait(&b->news, "resolve", limit, err);
    return rc < 0 && err->kind == SK_TIMEOUT && limit < deadline ? 0 : rc;
}

int sk_bulk_next(struct sk_bulk *b, const struct sk_answer **out, sk_time deadline, struct sk_err *err) {
    struct sk_err mine;
    recycle(b);
    for (;;) {
        struct entry *e = first_done(b);
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
    struct entry *older;
    if (!b)
        return;
    sk_scope_done(&b->tasks);
    for (struct entry *e = b->newest; e; e = older) {
        older = e->older;
        if (e->op)
            sk_op_leave(e->op);
        sk_addrs_done(&e->answer.addrs);
        free(e->text);
        free(e);
    }
    free(b->ring);
    free(b);
}
