/* One name asked of DNS: which servers, in which order, how often. c-ares knows one server at a time (dns_channel.c),
 * so that it is known who said what. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/parse.h"
#include "net/addr_parts.h"
#include "net/dns_channel.h"
#include "net/dns_parts.h"

#define ADDRESSES_MAX 256
#define ALIASES_MAX   16
#define NO_SERVER     26   /* ARES_ENOSERVER, from c-ares 1.27 on; 1.34 says so of link-local ones */
#define ONE_RETRY     1000 /* ms; an answer waits for that of the other family until it was asked twice */

static const int families[2] = { AF_INET6, AF_INET };

/* DNS_TLS.md A.6. What is not here is EAI_FAIL with c-ares' own words. Those that are final say so of the name. */
static const struct failure {
    int status, code;
    bool is_final;
    const char *reason, *why;
} failures[] = {
    { ARES_ENODATA, EAI_NODATA, true, "NODATA", "the name exists but has no address of this kind" },
    { ARES_ENOTFOUND, EAI_NONAME, true, "NXDOMAIN", "no such name" },
    { ARES_EFORMERR, EAI_FAIL, false, "FORMERR", "the DNS server did not understand the question" },
    { ARES_ESERVFAIL, EAI_AGAIN, false, "SERVFAIL", "the DNS server failed" },
    { ARES_ENOTIMP, EAI_AGAIN, false, "NOTIMP", "the DNS server does not know such questions" },
    { ARES_EREFUSED, EAI_AGAIN, false, "REFUSED", "the DNS server refused to answer" },
    { ARES_EBADRESP, EAI_FAIL, false, "BADRESP", "the DNS server's answer makes no sense" },
    { ARES_ECONNREFUSED, EAI_AGAIN, false, "UNREACHABLE", "no DNS server could be reached, or it hung up" },
    { ARES_ETIMEOUT, EAI_AGAIN, false, "TIMEOUT", "no answer from any DNS server" },
    { NO_SERVER, EAI_AGAIN, false, "UNREACHABLE", "the c-ares that is installed cannot ask this DNS server" },
    { ARES_EBADNAME, EAI_NONAME, true, NULL, "not a name" },
    { ARES_ENOMEM, EAI_MEMORY, true, NULL, "out of memory" },
};

static const struct failure *failure_of(int status) {
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
        if (failures[i].status == status)
            return &failures[i];
    return NULL;
}

static bool is_silence(int status) { return status == ARES_ETIMEOUT || status == ARES_ECONNREFUSED; }

/* ---- One name, some servers ---- */

/* What is known of one kind of record. */
struct part {
    bool is_wanted, is_settled;
    int status;                   /* the last one that tells something; -1: none */
    const struct sk_addr *server; /* who said so */
    struct ares_addrinfo *answer;
    char *name;
};

struct asking {
    const char *name;
    const struct sk_addr *addr; /* PTR of it, in part 0; else NULL: AAAA and A */
    const struct sk_addr *servers;
    size_t server_count;
    const struct sk_question *question;
    struct sk_channel_key key;
    sk_time limit; /* the deadline, or until when the answer of one family waits for that of the other */
    int timeouts;
    struct part part[2];
};

static bool has_answer(const struct asking *a) {
    return a->part[0].status == ARES_SUCCESS || a->part[1].status == ARES_SUCCESS;
}

static bool is_settled(const struct asking *a) {
    for (int i = 0; i < 2; i++)
        if (a->part[i].is_wanted && !a->part[i].is_settled)
            return false;
    return true;
}

/* Take over what a query found. A server that failed says more than one that was silent. */
static void take(struct asking *a, struct part *part, struct sk_query *query, const struct sk_addr *server) {
    const struct failure *failure = failure_of(query->status);
    a->timeouts += query->timeouts;
    if (part->status == -1 || !is_silence(query->status)) {
        part->status = query->status;
        part->server = server;
    }
    part->is_settled = query->status == ARES_SUCCESS || (failure && failure->is_final);
    part->answer = query->answer;
    part->name = query->name;
    query->answer = NULL;
    query->name = NULL;
    query->is_used = false;
}

/* Collect what is over; an answer sets the limit for the other family's. */
static void take_all(struct asking *a, struct sk_op *op, const struct sk_addr *server) {
    for (int i = 0; i < 2; i++)
        if (op->query[i].is_used && op->query[i].is_done)
            take(a, &a->part[i], &op->query[i], server);
    sk_time other = sk_after((a->key.timeout_ms + ONE_RETRY) * SK_MS);
    if (has_answer(a) && a->limit == a->question->deadline && other < a->limit)
        a->limit = other;
}

/* Until when this server may take: those behind it shall have their share of the time. */
static sk_time share(const struct asking *a, size_t servers_left) {
    sk_time left = sk_left(a->limit);
    return left == SK_NEVER || left == 0 || servers_left <= 1 ? a->limit : sk_after(left / (sk_time)servers_left);
}

/* How long one server may be silent: as long as c-ares 1.18 waits. Later versions may end sooner, or much later. */
static sk_time patience(const struct asking *a) {
    return a->key.timeout_ms * SK_MS * ((1 << a->key.tries) - 1) + SK_SECOND / 10;
}

static void note_silence(struct asking *a, const struct sk_addr *server) {
    a->timeouts++;
    for (int i = 0; i < 2; i++)
        if (a->part[i].is_wanted && a->part[i].status == -1) {
            a->part[i].status = ARES_ETIMEOUT;
            a->part[i].server = server;
        }
}

/* Ask one server what is not settled. 0; -1 when the time is over, or cancelled. */
static int ask_server(struct asking *a, const struct sk_addr *server, size_t servers_left, struct sk_err *err) {
    sk_time until = sk_earlier(share(a, servers_left), sk_after(patience(a)));
    a->key.server = *server;
    struct sk_channel *channel = sk_channel_get(&a->key, err);
    if (!channel)
        return -1;
    struct sk_op *op = sk_op_new(channel);
    bool wanted[2];
    for (int i = 0; i < 2; i++)
        wanted[i] = a->part[i].is_wanted && !a->part[i].is_settled;
    if (a->addr)
        sk_op_ask_name(op, a->addr);
    else
        sk_op_ask(op, a->name, wanted);
    int rc = 0;
    take_all(a, op, server);
    while (rc == 0 && op->pending > 0) {
        rc = sk_op_wait(op, sk_earlier(until, a->limit), err);
        take_all(a, op, server);
    }
    if (rc < 0 && err->kind == SK_TIMEOUT && sk_left(a->limit) > 0) {
        note_silence(a, server);
        rc = 0;
    }
    bool is_silent = op->pending > 0;
    for (int i = 0; i < 2; i++)
        is_silent = is_silent || (a->part[i].is_wanted && is_silence(a->part[i].status));
    sk_dns_note_silence(server, is_silent);
    sk_op_leave(op);
    return rc;
}

/* Every server once, those that were silent last. 0, or -1 as ask_server. */
static int ask_round(struct asking *a, size_t first, struct sk_err *err) {
    bool is_late[SK_SERVERS_MAX];
    size_t left = a->server_count;
    for (size_t i = 0; i < a->server_count; i++)
        is_late[i] = sk_dns_was_silent(&a->servers[i]);
    for (int pass = 0; pass < 2; pass++)
        for (size_t k = 0; k < a->server_count; k++) {
            size_t i = (first + k) % a->server_count;
            if (is_late[i] == (pass == 1) && !is_settled(a) && ask_server(a, &a->servers[i], left--, err) < 0)
                return -1;
        }
    return 0;
}

int sk_dns_weight(const struct sk_err *why) {
    if (!why->msg[0]) /* it was not asked */
        return 0;
    return why->kind != SK_GAI       ? SK_DNS_TROUBLE
           : why->code == EAI_NONAME ? 1
           : why->code == EAI_NODATA ? 2
                                     : SK_DNS_TROUBLE;
}

static void begin(struct asking *a, const struct sk_question *question) {
    const struct sk_resolv_conf *conf = &question->conf;
    a->question = question;
    a->servers = conf->servers;
    a->server_count = conf->server_count;
    a->key = (struct sk_channel_key){ .tcp = question->tcp,
                                      .timeout_ms = conf->timeout_ms,
                                      .tries = a->server_count > 1 ? 1 : conf->tries };
    a->limit = question->deadline;
    a->part[0].status = a->part[1].status = -1;
}

/* Ask until all is settled, or nobody is left to ask. -1: the time is over without any answer, or cancelled. */
static int ask(struct asking *a, struct sk_err *err) {
    static unsigned turn;
    const struct sk_resolv_conf *conf = &a->question->conf;
    size_t first = conf->rotate && a->server_count > 1 ? turn++ % a->server_count : 0;
    struct sk_err mine;
    for (int rounds = a->server_count > 1 ? conf->tries : 1; rounds > 0; rounds--) {
        int before = a->timeouts;
        if (ask_round(a, first, &mine) < 0) {
            if (mine.kind == SK_TIMEOUT && has_answer(a))
                return 0;
            if (err)
                *err = mine;
            return -1;
        }
        if (is_settled(a) || a->timeouts == before) /* another round is for those who may not have heard */
            return 0;
    }
    return 0;
}

static void end(struct asking *a) {
    for (int i = 0; i < 2; i++) {
        if (a->part[i].answer)
            sk_ares.freeaddrinfo(a->part[i].answer);
        free(a->part[i].name);
    }
}

/* ---- What came out of it ---- */

static const char *server_text(char dst[SK_ADDR_TEXT], const struct sk_addr *server) {
    struct sk_addr plain = *server;
    if (sk_addr_port(server) != 53)
        return sk_addr_format(dst, SK_ADDR_TEXT, server);
    sk_addr_set_port(&plain, 0);
    return sk_addr_host(dst, SK_ADDR_TEXT, &plain);
}

/* Who is meant: one server, or, where nobody said anything, all that were asked. */
static void tell_server(const struct asking *a, const struct sk_addr *one, struct sk_origin *origin) {
    char text[SK_ADDR_TEXT];
    size_t used = 0;
    origin->source = "dns";
    origin->is_guess = a->question->conf.has_none;
    origin->timeouts += a->timeouts;
    origin->server[0] = '\0';
    for (size_t i = 0; i < a->server_count && used < sizeof origin->server; i++)
        if (!one || one == &a->servers[i])
            used += (size_t)snprintf(origin->server + used, sizeof origin->server - used, "%s%s", used ? ", " : "",
                                     server_text(text, &a->servers[i]));
}

/* Of two failures the one that says more: a passing trouble, then "exists", then NXDOMAIN (DNS_TLS.md A.6). */
static const struct part *worse(const struct asking *a) {
    const struct part *chosen = NULL;
    for (int i = 0; i < 2; i++) {
        const struct part *p = &a->part[i];
        const struct failure *f = failure_of(p->status);
        bool is_trouble = p->status != ARES_SUCCESS && (!f || !f->is_final);
        if (p->is_wanted && (!chosen || is_trouble || (p->status == ARES_ENODATA && chosen->status == ARES_ENOTFOUND)))
            chosen = p;
    }
    return chosen;
}

static int fail_part(const struct asking *a, const char *what, const struct part *part, struct sk_origin *origin,
                     struct sk_err *err) {
    char shown[120];
    const struct failure *f = failure_of(part->status);
    const char *why = f ? f->why : sk_ares.strerror(part->status);
    bool is_silent = is_silence(part->status);
    sk_escape_cut(shown, sizeof shown, what, strlen(what));
    tell_server(a, is_silent ? NULL : part->server, origin);
    origin->reason = f ? f->reason : NULL;
    if (is_silent)
        return sk_fail(err, SK_GAI, EAI_AGAIN, "resolve", "%s: %s (%s)", shown, why, origin->server);
    if (!f || !f->reason)
        return sk_fail(err, SK_GAI, f ? f->code : EAI_FAIL, "resolve", "%s: %s", shown, why);
    return sk_fail(err, SK_GAI, f->code, "resolve", "%s: %s (%s from %s)", shown, why, f->reason, origin->server);
}

/* The wait ended before the answer came. */
static int fail_wait(struct asking *a, const char *what, struct sk_origin *origin, struct sk_err *err) {
    char shown[120], span[32];
    tell_server(a, NULL, origin);
    if (!err || err->kind != SK_TIMEOUT)
        return -1;
    origin->reason = "TIMEOUT";
    sk_escape_cut(shown, sizeof shown, what, strlen(what));
    return sk_fail(err, SK_TIMEOUT, ETIMEDOUT, "resolve", "%s: no answer from DNS server %s in %s", shown,
                   origin->server,
                   sk_format_time(span, sizeof span, (sk_now() - a->question->start + SK_MS / 2) / SK_MS * SK_MS));
}

static void collect(const struct ares_addrinfo *answer, int family, struct sk_addrs *out) {
    struct sk_addr addr;
    size_t room = family == AF_INET6 ? sizeof addr.u.in6 : sizeof addr.u.in;
    int left = ALIASES_MAX;
    for (const struct ares_addrinfo_node *n = answer->nodes; n; n = n->ai_next) {
        if (n->ai_family != family || (size_t)n->ai_addrlen < room)
            continue;
        if (out->count >= ADDRESSES_MAX) {
            out->origin.is_cut = true;
            break;
        }
        memset(&addr, 0, sizeof addr);
        memcpy(&addr.u, n->ai_addr, room);
        addr.len = (socklen_t)room;
        sk_addr_set_port(&addr, 0);
        sk_addrs_add(out, &addr);
        out->ttl[out->count - 1] = n->ai_ttl;
    }
    const char *last = answer->name;
    for (const struct ares_addrinfo_cname *c = answer->cnames; c && left > 0; c = c->next, left--)
        last = c->name ? c->name : last;
    if (last && last[0] && !out->canonical) {
        size_t n = strlen(last);
        out->canonical = sk_strndup(last, last[n - 1] == '.' ? n - 1 : n);
    }
}

/* No address came out of it: what failed, or answers without any. */
static int fail_empty(const struct asking *a, const char *what, struct sk_origin *origin, struct sk_err *err) {
    struct part chosen = *worse(a);
    if (chosen.status == ARES_SUCCESS)
        chosen.status = ARES_ENODATA;
    return fail_part(a, what, &chosen, origin, err);
}

int sk_dns_ask_one(const char *name, const char *shown, const bool wanted[2], const struct sk_question *question,
                   struct sk_addrs *out, struct sk_err *err) {
    struct asking a = { .name = name, .part = { { .is_wanted = wanted[0] }, { .is_wanted = wanted[1] } } };
    size_t before = out->count;
    begin(&a, question);
    int rc = ask(&a, err);
    if (rc < 0)
        rc = fail_wait(&a, shown, &out->origin, err);
    for (int i = 0; rc == 0 && i < 2; i++)
        if (a.part[i].answer && a.part[i].status == ARES_SUCCESS) {
            collect(a.part[i].answer, families[i], out);
            tell_server(&a, a.part[i].server, &out->origin);
            a.timeouts = 0; /* told */
        }
    if (rc == 0 && out->count == before) {
        rc = fail_empty(&a, shown, &out->origin, err);
    }
    end(&a);
    return rc;
}

int sk_dns_conclude(struct sk_op *op, const char *shown, const struct sk_question *question, struct sk_addrs *out,
                    struct sk_err *err) {
    struct asking a = { .servers = &op->channel->key.server, .server_count = 1, .question = question };
    size_t before = out->count;
    int rc = 0;
    for (int i = 0; i < 2; i++) {
        a.part[i].is_wanted = op->query[i].is_used;
        if (a.part[i].is_wanted)
            take(&a, &a.part[i], &op->query[i], a.servers);
        if (a.part[i].answer && a.part[i].status == ARES_SUCCESS)
            collect(a.part[i].answer, families[i], out);
    }
    if (!is_settled(&a)) {
        rc = 1;
    } else if (out->count == before) {
        rc = fail_empty(&a, shown, &out->origin, err);
    }
    end(&a);
    return rc;
}

int sk_dns_ask_name(const struct sk_addr *addr, const struct sk_lookup *how, sk_time deadline, char **name,
                    struct sk_origin *origin, struct sk_err *err) {
    char host[SK_ADDR_TEXT];
    struct asking a = { .addr = addr, .part = { { .is_wanted = true } } };
    struct sk_question question;
    sk_question_init(&question, how, deadline);
    begin(&a, &question);
    sk_addr_host(host, sizeof host, addr);
    int rc = ask(&a, err), status = a.part[0].status;
    if (rc < 0)
        rc = fail_wait(&a, host, origin, err);
    else if (is_silence(status) || status == ARES_ENOMEM)
        rc = fail_part(&a, host, &a.part[0], origin, err);
    else
        tell_server(&a, a.part[0].server, origin);
    *name = rc == 0 ? a.part[0].name : NULL;
    if (rc == 0)
        a.part[0].name = NULL;
    end(&a);
    return rc;
}

void sk_dns_done(void) { sk_channels_done(); }
