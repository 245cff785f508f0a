/* The race of RFC 8305: a task for each lookup and each attempt; the conductor waits for their news and for the next
 * start. */
#include "sock/race.h"

#include <errno.h>
#include <stdlib.h>

#include "base/parse.h"
#include "run/sync.h"
#include "run/task.h"
#include "run/wait.h"

#define RESOLUTION_DELAY (50 * SK_MS)    /* how long IPv4 addresses wait for the answer about IPv6 (section 3) */
#define ATTEMPT_DELAY    (250 * SK_MS)   /* between the starts of two attempts (section 5) */
#define LEAST_DELAY      (10 * SK_MS)    /* the same after one has failed */
#define OTHER_FAMILY     (2 * SK_SECOND) /* how long the failure of one family waits for the answer about the other */
enum { RUNNERS_MAX = 6 };

/* The addresses of one family: there from the beginning, or to be looked up. */
struct side {
    struct race *race;
    int family;
    bool is_pending; /* a task is asking DNS */
    struct sk_addrs addrs;
    size_t taken;
    sk_time answered; /* when, if it was asked */
    struct sk_err err;
};

struct runner { /* one attempt */
    struct race *race;
    struct runner *next;
    struct sk_sock *s;
    struct sk_attempt told;
    sk_time limit; /* its own share of the time */
    bool is_over;
};

struct race {
    const struct sk_race *plan;
    struct sk_scope scope;
    struct sk_event news;
    struct side sides[2]; /* IPv6 and what is not IP, IPv4 */
    int turn;             /* whose address is next, if it has one */
    struct runner *first, **end, *winner;
    unsigned running, begun;
    sk_time last;     /* when an attempt was begun */
    bool was_failure; /* since then */
    bool is_stopped;  /* nothing more is begun: */
    struct sk_err why;
};

static size_t waiting(const struct side *side) { return side->addrs.count - side->taken; }
static size_t all_waiting(const struct race *r) { return waiting(&r->sides[0]) + waiting(&r->sides[1]); }
static bool is_resolving(const struct race *r) { return r->sides[0].is_pending || r->sides[1].is_pending; }

static void stop(struct race *r, const struct sk_err *why) {
    r->is_stopped = true;
    r->why = *why;
}

/* ---- one attempt ---- */

static int try_address(struct runner *a, sk_time deadline) {
    const struct sk_race *plan = a->race->plan;
    struct sk_err *why = &a->told.err;
    if (!a->s) {
        if (sk_sock_open(&a->s, a->told.addr.u.sa.sa_family, plan->type, 0, why) < 0)
            return -1;
        if (sk_dial_prepare(a->s, plan->how, why) < 0) {
            stop(a->race, why);
            return -1;
        }
    }
    /* what was begun goes on */
    if (a->s->state != SK_CONNECTED && (sk_sock_connect(a->s, &a->told.addr, deadline, why) < 0 ||
                                        sk_dial_introduce(a->s, plan->how, NULL, plan->deadline, why) < 0))
        return -1;
    return sk_dial_secure(a->s, plan->how, deadline, why);
}

/* It is over: the first that is connected wins; a second one, and one that was cancelled, is given up in order. */
static void finish(struct runner *a, int rc) {
    struct race *r = a->race;
    a->is_over = true;
    a->told.took = sk_now() - r->plan->start - a->told.started;
    r->running--;
    if (rc == 0 && !r->winner) {
        r->winner = a;
        a->told.connected = true;
        return;
    }
    if (rc == 0)
        sk_fail(&a->told.err, SK_CANCELED, ECANCELED, "connect", "another address answered first");
    else if (sk_dial_is_final(&a->told.err))
        stop(r, &a->told.err);
    r->was_failure = true;
    if (a->s && (rc == 0 || a->told.err.kind == SK_CANCELED)) /* it stands, perhaps */
        sk_sock_part(a->s, SK_NOWAIT);
    else
        sk_sock_free(a->s);
    a->s = NULL;
}

static int run(void *arg) {
    struct runner *a = arg;
    finish(a, try_address(a, a->limit));
    sk_event_set(&a->race->news);
    return 0;
}

/* A fair share of the time that is left, where addresses wait for a place: silent ones must not eat that of those
 * behind them. */
static sk_time share(const struct race *r) {
    sk_time deadline = r->plan->deadline, left = sk_left(deadline);
    size_t addresses = r->running + all_waiting(r);
    if (deadline == SK_NOWAIT || left == SK_NEVER || addresses <= RUNNERS_MAX)
        return deadline;
    return sk_after(left / (sk_time)addresses * RUNNERS_MAX);
}

static struct runner *new_runner(struct race *r) {
    struct side *side = &r->sides[waiting(&r->sides[r->turn]) ? r->turn : !r->turn];
    struct runner *a = sk_alloc(sizeof *a);
    *a = (struct runner){ .race = r, .told.addr = side->addrs.list[side->taken++] };
    *r->end = a;
    r->end = &a->next;
    r->turn = side == &r->sides[0];
    r->running++;
    r->begun++;
    r->last = sk_now();
    r->was_failure = false;
    a->told.started = r->last - r->plan->start;
    a->limit = share(r);
    return a;
}

/* The family of the better one of the first addresses (RFC 6724) begins, where both are known by then. */
static void choose_first(struct race *r) {
    struct sk_addrs best = { 0 };
    for (int i = 0; i < 2; i++)
        if (waiting(&r->sides[i]))
            sk_addrs_add(&best, &r->sides[i].addrs.list[0]);
    if (best.count == 2) {
        sk_addrs_sort(&best);
        r->turn = best.list[0].u.sa.sa_family == AF_INET;
    }
    sk_addrs_done(&best);
}

/* Try the next address: in a task, unless there is nothing beside it yet. */
static void begin(struct race *r) {
    bool is_alone = r->running == 0 && !is_resolving(r);
    if (r->plan->name && r->begun == 0)
        choose_first(r);
    struct runner *a = new_runner(r);
    if (is_alone && (!r->plan->how->upgrade || !all_waiting(r))) { /* a dialogue cannot be interrupted */
        sk_time head_start = all_waiting(r) ? sk_earlier(a->limit, sk_later(r->last, ATTEMPT_DELAY)) : a->limit;
        int rc = try_address(a, head_start);
        if (rc == 0 || a->told.err.kind != SK_TIMEOUT || head_start == a->limit) {
            finish(a, rc);
            return;
        }
    }
    if (!sk_spawn(&r->scope, "connect", run, a, &a->told.err))
        finish(a, -1);
}

/* ---- when ---- */

/* The earliest time for the next attempt; SK_NEVER while there is nothing to try or no place. */
static sk_time next_start(const struct race *r) {
    const struct side *six = &r->sides[0], *four = &r->sides[1];
    if (all_waiting(r) == 0 || r->running == RUNNERS_MAX || r->is_stopped)
        return SK_NEVER;
    if (r->begun == 0 && six->is_pending)
        return sk_later(four->answered, RESOLUTION_DELAY);
    if (r->running == 0)
        return 0;
    return sk_later(r->last, r->was_failure ? LEAST_DELAY : ATTEMPT_DELAY);
}

/* Until when news are worth waiting for. */
static sk_time patience(const struct race *r) {
    sk_time deadline = r->plan->deadline;
    for (int i = 0; i < 2; i++)
        if (r->running == 0 && r->sides[i].addrs.count)
            return sk_earlier(deadline, sk_later(r->sides[i].answered, OTHER_FAMILY));
    return deadline;
}

/* Start attempts until one has won, all have failed, or the time is over: 0, or -1 when stopped or cancelled. */
static int conduct(struct race *r, struct sk_err *err) {
    struct sk_err why;
    while (!r->winner) {
        sk_event_clear(&r->news);
        sk_time next = next_start(r);
        if (next <= sk_now()) {
            begin(r);
            continue;
        }
        if (r->running == 0 && (!is_resolving(r) || r->is_stopped))
            break;
        sk_time until = all_waiting(r) ? r->plan->deadline : patience(r);
        if (sk_event_wait(&r->news, "connect", sk_earlier(next, until), &why) == 0 ||
            (why.kind == SK_TIMEOUT && next < until))
            continue;
        if (why.kind == SK_TIMEOUT)
            break;
        *err = why;
        return -1;
    }
    if (r->winner || !r->is_stopped)
        return 0;
    *err = r->why;
    return -1;
}

/* ---- names ---- */

static int look_up(void *arg) {
    struct side *side = arg;
    const struct sk_race *plan = side->race->plan;
    if (sk_dns_ask(plan->name, side->family, plan->how->lookup, plan->deadline, &side->addrs, &side->err) >= 0)
        sk_addrs_sort(&side->addrs);
    for (size_t i = 0; i < side->addrs.count; i++)
        sk_addr_set_port(&side->addrs.list[i], plan->port);
    side->is_pending = false;
    side->answered = sk_now();
    sk_event_set(&side->race->news);
    return 0;
}

static void ask(struct race *r) {
    static const int families[] = { AF_INET6, AF_INET };
    int only = r->plan->how->family;
    bool has4, has6;
    if (!only) {
        sk_families_here(&has4, &has6);
        only = has4 == has6 ? 0 : has6 ? AF_INET6 : AF_INET;
    }
    for (int i = 0; i < 2; i++) {
        struct side *side = &r->sides[i];
        if (only && only != families[i])
            continue;
        side->family = families[i];
        side->is_pending = true;
        if (only) /* one question needs no task */
            look_up(side);
        else if (!sk_spawn(&r->scope, "resolve", look_up, side, &side->err))
            side->is_pending = false;
    }
}

static void share_out(struct race *r) {
    const struct sk_addrs *addrs = &r->plan->addrs;
    for (size_t i = 0; i < addrs->count; i++)
        sk_addrs_add(&r->sides[addrs->list[i].u.sa.sa_family == AF_INET].addrs, &addrs->list[i]);
    r->turn = addrs->count && addrs->list[0].u.sa.sa_family == AF_INET;
}

/* ---- the result ---- */

/* The attempts as they are told; those that the deadline ended had no answer. */
static void tell(struct race *r, struct sk_attempts *attempts) {
    struct sk_attempt *list = attempts->list = r->begun ? sk_alloc(r->begun * sizeof *list) : NULL;
    for (struct runner *a = r->first, *next; a; a = next) {
        next = a->next;
        if (!r->winner && a->told.err.kind == SK_CANCELED)
            sk_fail(&a->told.err, SK_TIMEOUT, ETIMEDOUT, "connect", "no answer");
        list[attempts->count++] = a->told;
        free(a);
    }
}

/* The name was not resolved. A lookup that ended with the race tells whom it was waiting for. */
static int unresolved(const struct race *r, struct sk_origin *origin, struct sk_err *err) {
    const struct side *side = &r->sides[sk_dns_weight(&r->sides[1].err) > sk_dns_weight(&r->sides[0].err)];
    char span[32];
    *origin = side->addrs.origin;
    *err = side->err;
    if (side->err.msg[0] && side->err.kind != SK_CANCELED)
        return -1;
    if (!origin->server[0])
        return sk_fail_timeout(err, "resolve");
    origin->reason = "TIMEOUT";
    return sk_fail(err, SK_TIMEOUT, ETIMEDOUT, "resolve", "%s: no answer from DNS server %s in %s", r->plan->name,
                   origin->server,
                   sk_format_time(span, sizeof span, (sk_now() - r->plan->start + SK_MS / 2) / SK_MS * SK_MS));
}

int sk_race(const struct sk_race *plan, struct sk_sock **out, struct sk_attempts *attempts, struct sk_err *err) {
    struct race r = { .plan = plan };
    r.end = &r.first;
    r.sides[0].race = r.sides[1].race = &r;
    sk_scope_init(&r.scope);
    if (plan->name)
        ask(&r);
    else
        share_out(&r);
    int rc = conduct(&r, err);
    sk_scope_done(&r.scope);
    *out = rc == 0 && r.winner ? r.winner->s : NULL;
    if (rc == 0 && !r.winner)
        rc = r.begun ? 1 : unresolved(&r, &attempts->origin, err);
    else if (rc < 0 && r.winner) /* too late */
        sk_sock_part(r.winner->s, SK_NOWAIT);
    tell(&r, attempts);
    sk_addrs_done(&r.sides[0].addrs);
    sk_addrs_done(&r.sides[1].addrs);
    return rc;
}
