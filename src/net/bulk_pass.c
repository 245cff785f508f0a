/* The two passes of a bulk lookup. The first asks one server once for each name, all from the task that takes the
 * answers; whatever is not settled by that, soon, goes to a few tasks of the second. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "net/bulk_parts.h"
#include "net/dns_channel.h"
#include "run/wait.h"

enum {
    LOSS = 2,        /* percent of the questions lost that mean that there are too many */
    SILENCES = 20,   /* in a row: the next server is asked */
    AGAIN_MOST = 64, /* tasks of the second pass */
    REFUSED_TRIES = 5,
    MUTE_NAMES = 100,
};
#define LATE_LEAST (500 * SK_MS) /* before that no question counts as lost */
#define LOOK       (50 * SK_MS)  /* how often to look for those that are late */

static unsigned questions(const struct sk_bulk *b) { return b->how.family ? 1 : 2; }

/* ---- The second pass ---- */

/* A server that has too much to do says REFUSED, ends the connection, or is just starting: later it may answer. */
static bool may_change(const struct sk_origin *origin) {
    return origin->reason && (strcmp(origin->reason, "REFUSED") == 0 || strcmp(origin->reason, "UNREACHABLE") == 0);
}

static int ask_patiently(const struct sk_bulk *b, const char *name, int family, sk_time limit, struct sk_addrs *out,
                         struct sk_err *err) {
    sk_time pause = 50 * SK_MS;
    for (int tries = 1;; tries++) {
        int rc = sk_dns_ask(name, family, b->how.lookup, limit, out, err);
        if (rc == 0 || !may_change(&out->origin) || tries == REFUSED_TRIES ||
            sk_sleep_until(sk_after(pause), "resolve", err) < 0)
            return rc;
        pause *= 2;
    }
}

/* Was anybody there? When all were silent for many names, the rest is not asked for with as much patience. */
static void note_voice(struct sk_bulk *b, int rc, const struct sk_err *err, const struct sk_origin *origin) {
    bool is_mute =
        rc < 0 && err->kind != SK_CANCELED &&
        (err->kind != SK_GAI ||
         (origin->reason && (strcmp(origin->reason, "TIMEOUT") == 0 || strcmp(origin->reason, "UNREACHABLE") == 0)));
    b->mute = is_mute ? b->mute + 1 : 0;
    if (is_mute)
        b->mute_origin = *origin;
}

static bool is_mute(const struct sk_bulk *b) { return b->mute >= MUTE_NAMES && b->is_tried; }

/* It was asked for once, of somebody who has been silent for all names before it. */
static void give_up(struct sk_bulk *b, struct sk_entry *e) {
    struct sk_answer *a = &e->answer;
    char shown[120];
    a->addrs.origin = b->mute_origin;
    sk_fail(&a->err, SK_GAI, EAI_AGAIN, "resolve", "%s: no answer from DNS server %s, as for %u questions before",
            sk_escape_cut(shown, sizeof shown, e->text, a->n), a->addrs.origin.server, b->mute);
    a->missing = e->has_answer[0] ? AF_INET : AF_INET6;
    b->doubtful--;
    sk_bulk_finish(b, e, a->addrs.count > 0 && !b->how.reverse);
}

static void name_again(struct sk_bulk *b, struct sk_entry *e) {
    struct sk_answer *a = &e->answer;
    int rc = sk_dns_ask_name(&a->addrs.list[0], b->how.lookup, sk_after(b->how.attempt), &a->host, &a->addrs.origin,
                             &a->err);
    note_voice(b, rc, &a->err, &a->addrs.origin);
    if (rc == 0 && !a->host)
        sk_fail(&a->err, SK_GAI, EAI_NONAME, "resolve", "%s: no name for this address (%s)", a->name,
                a->addrs.origin.server);
    b->doubtful--;
    sk_bulk_finish(b, e, rc == 0 && a->host);
}

/* IPv6 first: that of the second pass came behind the IPv4 of the first. */
static void put_ip6_first(struct sk_addrs *addrs) {
    size_t n = 0;
    while (n < addrs->count && addrs->list[n].u.sa.sa_family == AF_INET)
        n++;
    for (size_t from = n; n > 0 && from < addrs->count; from++)
        for (size_t i = from; i > from - n; i--) {
            struct sk_addr addr = addrs->list[i];
            int ttl = addrs->ttl[i];
            addrs->list[i] = addrs->list[i - 1];
            addrs->ttl[i] = addrs->ttl[i - 1];
            addrs->list[i - 1] = addr;
            addrs->ttl[i - 1] = ttl;
        }
}

/* One family after the other, so that each has an answer of its own. */
static void resolve_again(struct sk_bulk *b, struct sk_entry *e) {
    static const int families[] = { AF_INET6, AF_INET };
    struct sk_answer *a = &e->answer;
    sk_time share = b->how.family || a->addrs.count ? b->how.attempt : b->how.attempt / 2;
    struct sk_err err;
    struct sk_origin told = { 0 };
    bool has_failed = false;
    for (size_t i = 0; i < 2; i++) {
        if ((b->how.family && b->how.family != families[i]) || e->has_answer[i])
            continue;
        int rc = ask_patiently(b, e->text, families[i], sk_after(share), &a->addrs, &err);
        note_voice(b, rc, &err, &a->addrs.origin);
        if (rc < 0 && (!has_failed || sk_dns_weight(&err) > sk_dns_weight(&a->err))) {
            a->err = err;
            told = a->addrs.origin;
        }
        if (rc < 0 && sk_dns_weight(&err) == SK_DNS_TROUBLE)
            a->missing = families[i];
        has_failed |= rc < 0;
    }
    if (has_failed)
        a->addrs.origin = told;
    if (e->has_answer[1])
        put_ip6_first(&a->addrs);
    b->doubtful--;
    sk_bulk_finish(b, e, a->addrs.count > 0);
}

/* One name with patience, unless that is known to be in vain; one of them is asked for all the same. */
static void ask_again(struct sk_bulk *b, struct sk_entry *e) {
    if (is_mute(b)) {
        give_up(b, e);
        return;
    }
    bool is_trial = b->mute >= MUTE_NAMES;
    b->is_tried |= is_trial;
    (b->how.reverse ? name_again : resolve_again)(b, e);
    if (is_trial)
        b->is_tried = false;
}

static int work(void *arg) {
    struct sk_bulk *b = arg;
    struct sk_err err;
    while (!sk_canceled()) {
        struct sk_entry *e = sk_pop_entry(&b->again);
        if (e) {
            ask_again(b, e);
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

/* Is somebody there who asks again? */
static bool call_worker(struct sk_bulk *b, struct sk_err *err) {
    unsigned most = b->how.most / 4 < 1 ? 1 : b->how.most / 4 < AGAIN_MOST ? b->how.most / 4 : AGAIN_MOST;
    if (b->resting > 0)
        sk_event_set(&b->doubts);
    else if (b->at_work < most && sk_spawn(&b->tasks, "resolve", work, b, err))
        b->at_work++;
    return b->at_work > 0;
}

static void doubt(struct sk_bulk *b, struct sk_entry *e) {
    if (!call_worker(b, &e->answer.err)) {
        sk_bulk_finish(b, e, false);
        return;
    }
    b->doubtful++;
    b->count.again += !b->how.reverse;
    sk_push_entry(&b->again, e);
}

/* ---- The first pass ---- */

/* Asked as it is, is it the name that is meant, and is its absence the last word? */
static bool is_asked_first(const struct sk_bulk *b, const char *name) {
    int dots = 0;
    if (b->how.reverse)
        return false;
    for (const char *p = name; *p; p++) {
        if ((unsigned char)*p >= 0x80)
            return false;
        dots += *p == '.';
    }
    return dots >= b->question.conf.ndots || b->question.conf.ndomains == 0;
}

static bool is_last_word(const struct sk_bulk *b, const struct sk_entry *e) {
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
int sk_bulk_begin(struct sk_bulk *b, sk_time *when, struct sk_err *err) {
    const bool wanted[2] = { b->how.family != AF_INET, b->how.family != AF_INET6 };
    struct sk_channel *channel = b->waiting.first ? channel_of(b, err) : NULL;
    if (b->waiting.first && !channel)
        return -1;
    unsigned window = is_mute(b) ? b->how.most : b->window; /* that can do no harm, and will not take so long */
    while (b->waiting.first && b->under_way + questions(b) <= window + 1 && is_due(b, when)) {
        struct sk_entry *e = sk_pop_entry(&b->waiting);
        if (!is_asked_first(b, e->text)) {
            doubt(b, e);
            continue;
        }
        b->under_way += questions(b);
        e->op = sk_op_new(channel);
        e->op->owner = e;
        e->asked = sk_now();
        sk_op_ask(e->op, e->text, wanted);
    }
    return 0;
}

/* How long answers take and how much that differs, as RFC 6298 has it. Those that never came count with the time they
 * were waited for: where that happens often, it was too short. */
static void note_span(struct sk_bulk *b, sk_time span) {
    sk_time off = span > b->span ? span - b->span : b->span - span;
    b->spread = b->span ? b->spread + (off - b->spread) / 4 : span / 2;
    b->span = b->span ? b->span + (span - b->span) / 8 : span;
}

/* How long to wait for an answer. Longer would be a waste: what is lost holds a place that others could have. */
static sk_time patience(const struct sk_bulk *b) {
    sk_time span = b->span + 4 * b->spread, most = b->question.conf.timeout_ms * SK_MS;
    if (is_mute(b) && most > LATE_LEAST)
        return LATE_LEAST;
    if (b->span == 0 || span > most)
        return most;
    return span < LATE_LEAST ? LATE_LEAST : span;
}

/* Few losses: more may be under way; many: half as many. Who says REFUSED to a question may mean that there are too
 * many. */
static void adapt(struct sk_bulk *b, const struct sk_op *op) {
    unsigned silent = 0, refused = 0;
    for (int i = 0; i < 2; i++) {
        const struct sk_query *query = &op->query[i];
        b->sampled += query->is_used;
        silent += query->is_used && (!query->is_done || query->timeouts > 0);
        refused += query->is_used && query->is_done && query->status == ARES_EREFUSED;
    }
    b->silences = silent ? b->silences + 1 : 0;
    b->lost += silent + refused;
    if (b->sampled < SK_WINDOW_SAMPLE)
        return;
    if (b->lost * 100 > LOSS * b->sampled)
        b->window = b->window / 2 > SK_WINDOW_LEAST ? b->window / 2 : SK_WINDOW_LEAST;
    else
        b->window += b->window / 10 + 1;
    if (b->window > b->how.most)
        b->window = b->how.most;
    b->sampled = b->lost = 0;
}

/* The question of the first pass is over, or given up. */
static void leave(struct sk_bulk *b, struct sk_entry *e) {
    sk_op_leave(e->op);
    e->op = NULL;
    b->under_way -= questions(b);
}

static void conclude(struct sk_bulk *b, struct sk_op *op) {
    struct sk_entry *e = op->owner;
    adapt(b, op);
    note_span(b, sk_now() - e->asked);
    for (int i = 0; i < 2; i++) {
        const struct sk_query *query = &op->query[i];
        e->has_answer[i] = query->is_used && query->status == ARES_SUCCESS;
        if (query->is_used && query->status != ARES_ETIMEOUT && query->status != ARES_ECONNREFUSED)
            b->mute = 0;
    }
    int rc = sk_dns_conclude(op, e->text, &b->question, &e->answer.addrs, &e->answer.err);
    leave(b, e);
    if (rc == 0)
        sk_bulk_finish(b, e, true);
    else if (rc < 0 && is_last_word(b, e))
        sk_bulk_finish(b, e, false);
    else
        doubt(b, e);
}

/* The deadline of a question is ours, whatever c-ares waits for. */
static void give_up_late(struct sk_bulk *b) {
    sk_time now = sk_now(), late = patience(b);
    if (now < b->look)
        return;
    b->look = now + LOOK;
    for (struct sk_entry *e = b->newest; e; e = e->older)
        if (e->op && now - e->asked >= late) {
            adapt(b, e->op);
            note_span(b, late);
            leave(b, e);
            doubt(b, e);
        }
}

/* A server that says nothing at all is left for the next; what it was asked is asked again. */
static void next_server(struct sk_bulk *b) {
    b->silences = 0;
    if (b->question.conf.server_count < 2)
        return;
    b->server = (b->server + 1) % b->question.conf.server_count;
    for (struct sk_entry *e = b->newest; e; e = e->older)
        if (e->op) {
            leave(b, e);
            doubt(b, e);
        }
}

int sk_bulk_pump(struct sk_bulk *b, sk_time limit, struct sk_err *err) {
    struct sk_channel *channel = channel_of(b, err);
    bool is_look = b->look < limit;
    if (!channel)
        return -1;
    int rc = sk_channel_pump(channel, is_look ? b->look : limit, err);
    if (rc < 0 && err->kind != SK_TIMEOUT)
        return -1;
    /* The channel goes with the last operation that somebody waits for. */
    for (struct sk_op *op = sk_channel_done(channel), *next; op; op = next) {
        next = sk_channel_done(channel);
        conclude(b, op);
    }
    give_up_late(b);
    if (b->silences >= SILENCES)
        next_server(b);
    return is_look ? 0 : rc;
}
