/* The search list: "db" may mean db.corp.example. */
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "net/dns_parts.h"

/* The k-th name to ask for `name`, as resolver(5) and res_search(3) have it; every one ends with a dot, so that nobody
 * adds more to it. False: no more. *as_is: it is the name itself. */
static bool candidate(const char *name, const struct sk_resolv_conf *conf, int k, char dst[520], bool *as_is) {
    int dots = 0, n = (int)strlen(name);
    for (const char *p = name; *p; p++)
        dots += *p == '.';
    bool is_full = n > 0 && name[n - 1] == '.';
    int domains = is_full ? 0 : conf->ndomains;
    int own = dots >= conf->ndots ? 0 : domains; /* the place of the name itself */
    if (k > domains)
        return false;
    *as_is = k == own;
    if (*as_is)
        snprintf(dst, 520, "%s%s", name, is_full ? "" : ".");
    else
        snprintf(dst, 520, "%s.%s.", name, conf->domains[k > own ? k - 1 : k]);
    return true;
}

/* Of the failures of several candidates the one to tell: that of the name itself when it came first, then "exists",
 * then a passing trouble (res_nsearch(3)). */
static int rank_of(const struct sk_err *err, bool is_first) {
    return is_first ? 3 : err->code == EAI_NODATA ? 2 : err->code == EAI_NONAME ? 0 : 1;
}

/* Has the name an address of the other family? Then it is the one that was meant, and the search ends: the two
 * families of a connection must not be two hosts. */
static bool is_other_there(const char *name, const bool wanted[2], const struct sk_question *question) {
    const bool other[2] = { wanted[1], wanted[0] };
    struct sk_addrs addrs = { 0 };
    int rc = sk_dns_ask_one(name, name, other, question, &addrs, NULL);
    sk_addrs_done(&addrs);
    return rc == 0;
}

/* What the candidates said so far. */
struct told {
    int rank;
    struct sk_err err;
    struct sk_origin origin;
};

static void remember(struct told *told, int rank, const struct sk_err *err, const struct sk_origin *origin) {
    if (rank > told->rank)
        *told = (struct told){ rank, *err, *origin };
}

static bool is_mute(const struct sk_err *err, const struct sk_origin *origin) {
    const char *reason = origin->reason ? origin->reason : "";
    return err->kind != SK_GAI || strcmp(reason, "TIMEOUT") == 0 || strcmp(reason, "UNREACHABLE") == 0;
}

/* Candidate after candidate until one has an address. is_half: another task asks for the other family. */
static int search(const char *name, const bool wanted[2], bool is_half, const struct sk_lookup *how, sk_time deadline,
                  struct sk_addrs *out, struct sk_err *err) {
    char ascii[256], full[520], next[520];
    bool as_is, dummy;
    struct sk_question q;
    struct sk_err mine;
    struct told told = { .rank = -1 };
    if (sk_dns_name(name, ascii, err) < 0)
        return -1;
    sk_question_init(&q, how, deadline);
    for (int k = 0; candidate(ascii, &q.conf, k, full, &as_is); k++) {
        if (strlen(full) > 254)
            continue;
        out->origin.reason = NULL;
        if (sk_dns_ask_one(full, name, wanted, &q, out, &mine) == 0)
            return 0;
        bool is_end = is_mute(&mine, &out->origin);
        remember(&told, is_end ? 4 : rank_of(&mine, k == 0 && as_is), &mine, &out->origin);
        if (is_end || (mine.code == EAI_NODATA && is_half && candidate(ascii, &q.conf, k + 1, next, &dummy) &&
                       is_other_there(full, wanted, &q)))
            break;
    }
    out->origin = told.origin;
    if (err)
        *err = told.err;
    return -1;
}

int sk_dns_ask_both(const char *name, bool want4, bool want6, const struct sk_lookup *how, sk_time deadline,
                    struct sk_addrs *out, struct sk_err *err) {
    return search(name, (const bool[2]){ want6, want4 }, false, how, deadline, out, err);
}

int sk_dns_ask(const char *name, int family, const struct sk_lookup *how, sk_time deadline, struct sk_addrs *out,
               struct sk_err *err) {
    return search(name, (const bool[2]){ family == AF_INET6, family == AF_INET }, true, how, deadline, out, err);
}
