#include "sock/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "run/sync.h"
#include "run/task.h"
#include "run/wait.h"

enum {
    ROOM = 1 << 16, /* verdicts that are known and not yet picked up, or kept for the order */
    FIRST = 64,     /* probes at once before any verdict */
};

struct target {
    struct sk_addr addr;
    int type;
    const uint16_t *ports;
    size_t count; /* of probes: 1 without ports */
};

struct slot {
    uint32_t target, port; /* which of its ports */
    bool is_done;
    enum sk_verdict verdict;
    int error;
    sk_time took;
};

struct place { /* what a worker probes, and where the verdict belongs when they are ordered */
    uint32_t target, port;
    uint64_t number;
};

struct sk_scan {
    struct sk_scanning how;
    struct target *targets;
    size_t count;
    uint64_t all;

    struct place next;   /* to be given out */
    struct place *again; /* given back: this machine had no room */
    size_t nagain;

    struct slot *slots;      /* ROOM of them, a ring */
    uint64_t finished, told; /* verdicts known, and picked up */

    struct sk_scope workers;
    unsigned at_work, most;
    struct sk_event news, room;
    bool is_over;      /* no more is begun */
    struct sk_err why; /* and how it ended before the last port */
    bool has_why;
};

/* Descriptors that are left for probes when a quarter of them, at most 64, is kept for everything else. */
static unsigned descriptors(unsigned most) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return most;
    rlim_t spare = limit.rlim_cur / 4 < 64 ? limit.rlim_cur / 4 : 64;
    rlim_t left = limit.rlim_cur > spare ? limit.rlim_cur - spare : 1;
    return left < most ? (unsigned)left : most;
}

struct sk_scan *sk_scan_new(const struct sk_scanning *how) {
    struct sk_scan *s = sk_alloc(sizeof *s);
    s->how = *how;
    s->most = descriptors(how->most > 0 ? how->most : 1);
    s->slots = sk_alloc(ROOM * sizeof *s->slots);
    s->again = sk_alloc(s->most * sizeof *s->again);
    sk_scope_init(&s->workers);
    return s;
}

void sk_scan_add(struct sk_scan *s, const struct sk_addr *addr, int type, const uint16_t *ports, size_t count) {
    if ((s->count & (s->count - 1)) == 0)
        s->targets = sk_realloc(s->targets, (s->count ? 2 * s->count : 1) * sizeof *s->targets);
    s->targets[s->count++] = (struct target){ *addr, type, ports, count > 0 ? count : 1 };
    s->all += count > 0 ? count : 1;
}

static struct sk_addr address(const struct sk_scan *s, uint32_t target, uint32_t port) {
    const struct target *t = &s->targets[target];
    struct sk_addr addr = t->addr;
    if (t->ports)
        sk_addr_set_port(&addr, t->ports[port]);
    return addr;
}

/* ---- The workers ---- */

static bool is_left(const struct sk_scan *s) { return !s->is_over && (s->nagain > 0 || s->next.number < s->all); }

/* The next port that nobody has taken; false: none, or no room for its verdict. */
static bool take(struct sk_scan *s, struct place *place) {
    if (!is_left(s))
        return false;
    if (s->nagain > 0) {
        *place = s->again[--s->nagain];
        return true;
    }
    if (s->next.number >= s->told + ROOM)
        return false;
    *place = s->next;
    s->next.number++;
    if (++s->next.port == s->targets[s->next.target].count) {
        s->next.port = 0;
        s->next.target++;
    }
    return true;
}

static void finish(struct sk_scan *s, const struct place *place, const struct sk_probed *probed) {
    struct slot *slot = &s->slots[(s->how.ordered ? place->number : s->finished) % ROOM];
    *slot = (struct slot){ place->target, place->port, true, probed->verdict, probed->error, probed->took };
    s->finished++;
    sk_event_set(&s->news);
}

static void give_up(struct sk_scan *s, const struct sk_err *why) {
    s->is_over = true;
    if (!s->has_why)
        s->why = *why;
    s->has_why = true;
}

/* One port. False: this machine has no room for so many probes; one fewer from now on. */
static bool probe(struct sk_scan *s, const struct place *place) {
    struct sk_addr addr = address(s, place->target, place->port);
    struct sk_probed probed;
    struct sk_err err;
    if (sk_probe(&addr, s->targets[place->target].type, &s->how.probing, s->how.deadline, &probed, &err) == 0) {
        finish(s, place, &probed);
        return true;
    }
    if (err.kind == SK_SYS && s->at_work > 1) {
        s->again[s->nagain++] = *place;
        s->most = s->at_work - 1;
        sk_event_set(&s->room); /* for those that wait for a port */
        return false;
    }
    if (err.kind == SK_SYS && err.code == EADDRNOTAVAIL) { /* alone, so there are ports, but no source for this one */
        finish(s, place, &(struct sk_probed){ SK_UNREACHABLE, err.code, 0 });
        return true;
    }
    give_up(s, &err);
    return false;
}

/* The next port, waiting until there is room for its verdict. False: none. */
static bool await(struct sk_scan *s, struct place *place) {
    struct sk_err err;
    while (s->at_work <= s->most) {
        if (take(s, place))
            return true;
        sk_event_clear(&s->room);
        if (!is_left(s) || sk_event_wait(&s->room, "probe", s->how.deadline, &err) < 0)
            break;
    }
    return false;
}

static int work(void *arg) {
    struct sk_scan *s = arg;
    struct place place;
    struct sk_err err;
    while (await(s, &place) && probe(s, &place)) {
        if (sk_left(s->how.deadline) == 0)
            s->is_over = true;
        if (sk_charge(0, "probe", SK_NEVER, &err) < 0)
            give_up(s, &err);
    }
    s->at_work--;
    sk_event_set(&s->news);
    return 0;
}

/* ---- The caller ---- */

/* How many may be under way: ever more as verdicts come, so that a slow network is not flooded at once. */
static unsigned allowed(const struct sk_scan *s) {
    uint64_t grown = FIRST + 2 * s->finished;
    return grown < s->most ? (unsigned)grown : s->most;
}

/* All workers wait for the network: put as many again to work. The number of new ones, or -1. */
static int hire(struct sk_scan *s, struct sk_err *err) {
    unsigned wanted = s->at_work > 0 ? 2 * s->at_work : 1, most = allowed(s);
    int hired = 0;
    bool has_room = s->nagain > 0 || s->next.number < s->told + ROOM;
    for (; has_room && is_left(s) && s->at_work < (wanted < most ? wanted : most); hired++) {
        if (!sk_spawn(&s->workers, "probe", work, s, err)) {
            s->most = s->at_work;
            return s->at_work > 0 ? hired : -1;
        }
        s->at_work++;
    }
    return hired;
}

bool sk_scan_ready(const struct sk_scan *s) { return s->slots[s->told % ROOM].is_done; }

static int hand_out(struct sk_scan *s, struct sk_scanned *out) {
    struct slot *slot = &s->slots[s->told++ % ROOM];
    *out = (struct sk_scanned){ .addr = address(s, slot->target, slot->port),
                                .probed = { slot->verdict, slot->error, slot->took },
                                .target = slot->target };
    slot->is_done = false;
    return 1;
}

/* It is over; in the order of the ports there may be gaps. */
static int hand_out_rest(struct sk_scan *s, struct sk_scanned *out, struct sk_err *err) {
    for (; s->told < s->next.number; s->told++)
        if (sk_scan_ready(s))
            return hand_out(s, out);
    if (s->has_why) {
        if (err)
            *err = s->why;
        return -1;
    }
    return s->finished < s->all ? sk_fail_timeout(err, "probe") : 0;
}

/* Wait for a verdict, or for the end. */
static int wait_news(struct sk_scan *s, struct sk_err *err) {
    sk_event_clear(&s->news);
    sk_yield(); /* those who need not wait go on first */
    if (sk_scan_ready(s))
        return 0;
    int hired = hire(s, err);
    return hired != 0 ? hired : sk_event_wait(&s->news, "probe", SK_NEVER, err);
}

int sk_scan_next(struct sk_scan *s, struct sk_scanned *out, struct sk_err *err) {
    struct sk_err why;
    while (!s->has_why) {
        if (sk_charge(0, "probe", SK_NEVER, &why) < 0) {
            give_up(s, &why);
        } else if (sk_scan_ready(s)) {
            if (s->next.number == s->told + ROOM)
                sk_event_set(&s->room);
            return hand_out(s, out);
        } else if (!is_left(s) && s->at_work == 0) {
            break;
        } else if (wait_news(s, &why) < 0) {
            give_up(s, &why);
        }
    }
    sk_scope_done(&s->workers);
    return hand_out_rest(s, out, err);
}

void sk_scan_count(const struct sk_scan *s, uint64_t *done, uint64_t *all) {
    *done = s->told;
    *all = s->all;
}

void sk_scan_free(struct sk_scan *s) {
    if (!s)
        return;
    sk_scope_done(&s->workers);
    free(s->targets);
    free(s->again);
    free(s->slots);
    free(s);
}
