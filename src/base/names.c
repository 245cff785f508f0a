#include "base/names.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* After those of libc, with which they agree on who defines what (linux/libc-compat.h). */
#include <linux/can.h>
#include <linux/can/raw.h>
#include <linux/errqueue.h>
#include <linux/if_alg.h>
#include <linux/if_packet.h>
#include <linux/in6.h>
#include <linux/net_tstamp.h>
#include <linux/netlink.h>
#include <linux/tipc.h>
#include <linux/vm_sockets.h>

#include "base/bytes.h"
#include "base/digit.h"
#include "base/parse.h"

static const struct sk_name names[] = {
#define ROW(group, constant) { #constant, (int)(constant), SK_G_##group },
#include "base/names_net.h"
#include "base/names_rest.h"
#undef ROW
};

enum {
    NAMES = sizeof names / sizeof *names,
    LONGEST_NAME = 48, /* longer words are not compared letter by letter */
    EDITS = 2,
};

/* What may be left out in front, and a name for messages that show the kind. */
static const struct {
    const char *prefix;
    const char *example;
} groups[] = {
    [SK_G_AF] = { "AF_", "AF_INET" },
    [SK_G_SOCK] = { "SOCK_", "SOCK_STREAM" },
    [SK_G_IPPROTO] = { "IPPROTO_", "IPPROTO_TCP" },
    [SK_G_SOL] = { "SOL_", "SOL_SOCKET" },
    [SK_G_SO] = { "SO_", "SO_REUSEADDR" },
    [SK_G_TCP] = { "TCP_", "TCP_NODELAY" },
    [SK_G_UDP] = { "UDP_", "UDP_SEGMENT" },
    [SK_G_IP] = { "IP_", "IP_TTL" },
    [SK_G_IPV6] = { "IPV6_", "IPV6_V6ONLY" },
    [SK_G_MSG] = { "MSG_", "MSG_PEEK" },
    [SK_G_POLL] = { "POLL", "POLLIN" },
    [SK_G_SHUT] = { "SHUT_", "SHUT_WR" },
    [SK_G_AI] = { "AI_", "AI_PASSIVE" },
    [SK_G_NI] = { "NI_", "NI_NUMERICHOST" },
    [SK_G_EAI] = { "EAI_", "EAI_NONAME" },
    [SK_G_ERRNO] = { "E", "ECONNREFUSED" },
    [SK_G_SCM] = { "SCM_", "SCM_RIGHTS" },
    [SK_G_TCPSTATE] = { "TCP_", "TCP_ESTABLISHED" },
    [SK_G_OTHER] = { "", "SOMAXCONN" },
    [SK_G_COUNT] = { "", "AF_INET" },
};

const struct sk_name *sk_names(size_t *count) {
    *count = NAMES;
    return names;
}

/* The first row of a group: the rows are in the order of the groups. SK_G_COUNT gives the end. */
static const struct sk_name *first_of(enum sk_group group) {
    size_t lo = 0, hi = NAMES;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (names[mid].group < group)
            lo = mid + 1;
        else
            hi = mid;
    }
    return names + lo;
}

static void range(enum sk_group group, const struct sk_name **from, const struct sk_name **to) {
    *from = group == SK_G_COUNT ? names : first_of(group);
    *to = group == SK_G_COUNT ? names + NAMES : first_of((enum sk_group)(group + 1));
}

static bool same(const char *name, const char *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (sk_lower(name[i]) != sk_lower(text[i]) || name[i] == '\0')
            return false;
    return name[n] == '\0';
}

/* The name without its group's prefix, or as it is where it has none (MCAST_JOIN_GROUP among IP_*). */
static const char *bare(const struct sk_name *row) {
    const char *prefix = groups[row->group].prefix;
    size_t n = strlen(prefix);
    return strncmp(row->name, prefix, n) == 0 ? row->name + n : row->name;
}

const struct sk_name *sk_name_find(enum sk_group group, const char *text, size_t n) {
    const struct sk_name *from, *to;
    range(group, &from, &to);
    if (n == 0)
        return NULL;
    for (const struct sk_name *row = from; row < to; row++)
        if (same(row->name, text, n))
            return row;
    for (const struct sk_name *row = from; row < to; row++)
        if (same(bare(row), text, n))
            return row;
    return NULL;
}

const char *sk_name_of(enum sk_group group, int value) {
    const struct sk_name *from, *to;
    range(group, &from, &to);
    for (const struct sk_name *row = from; row < to; row++)
        if (row->value == value)
            return row->name;
    return NULL;
}

/* ---- "did you mean" ---- */

static unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }

/* Edits (insert, delete, replace, swap two neighbours) from a to b, ignoring case; above limit: any number above limit.
 * Optimal string alignment, three rows of the matrix. */
static unsigned distance(const char *a, const char *b, unsigned limit) {
    size_t n = strlen(a), m = strlen(b);
    if (n > LONGEST_NAME || m > LONGEST_NAME || (n > m ? n - m : m - n) > limit)
        return limit + 1;
    unsigned rows[3][LONGEST_NAME + 1], *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= m; j++)
        last[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            char x = sk_lower(a[i - 1]), y = sk_lower(b[j - 1]);
            now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == sk_lower(b[j - 2]) && sk_lower(a[i - 2]) == y)
                now[j] = least(now[j], before[j - 2] + 1);
        }
        unsigned *t = before;
        before = last;
        last = now;
        now = t;
    }
    return last[m];
}

/* How many edits may lie between a word and what is suggested for it: of a short one too much would be left to guess.
 */
static unsigned edits_for(size_t n) { return n > LONGEST_NAME ? 0 : least(EDITS, (unsigned)n / 2); }

const char *sk_nearest(const char *text, const char *const *candidates, size_t count) {
    unsigned limit = edits_for(strlen(text)), best = limit + 1;
    const char *name = NULL;
    for (size_t i = 0; i < count; i++) {
        unsigned d = distance(text, candidates[i], limit);
        if (d < best) {
            best = d;
            name = candidates[i];
        }
    }
    return name;
}

/* The row nearest to a word that is none, written with or without the prefix. */
static const struct sk_name *suggest(enum sk_group group, const char *text, size_t n) {
    const struct sk_name *from, *to, *near = NULL;
    unsigned limit = edits_for(n), best = limit + 1;
    char word[LONGEST_NAME + 1];
    range(group, &from, &to);
    if (n > LONGEST_NAME)
        return NULL;
    memcpy(word, text, n);
    word[n] = '\0';
    for (const struct sk_name *row = from; row < to; row++) {
        unsigned d = least(distance(word, row->name, limit), distance(word, bare(row), limit));
        if (d < best) {
            best = d;
            near = row;
        }
    }
    return near;
}

/* ---- words of the user ---- */

int sk_name_parse(enum sk_group group, const char *what, const char *text, size_t n, int *out, struct sk_err *err) {
    const struct sk_name *row = sk_name_find(group, text, n);
    int64_t number;
    if (row) {
        *out = row->value;
        return 0;
    }
    if (n > 0 && (sk_is_digit(text[0]) || text[0] == '-' || text[0] == '+')) {
        if (sk_parse_number(what, text, n, 0, INT_MAX, &number, err) < 0)
            return -1;
        *out = (int)number;
        return 0;
    }
    struct sk_quoted q;
    const struct sk_name *near = suggest(group, text, n);
    if (near)
        return sk_fail_usage(err, "%s: %s: unknown name; did you mean %s?", what, sk_quote(&q, text, n), near->name);
    return sk_fail_usage(err, "%s: %s: %s; write a name like %s or a number", what, sk_quote(&q, text, n),
                         n == 0 ? "empty" : "unknown name", groups[group].example);
}

int sk_name_parse_flags(enum sk_group group, const char *what, const char *text, size_t n, int *out,
                        struct sk_err *err) {
    int flags = 0, one;
    for (size_t i = 0;; i++) {
        size_t start = i;
        while (i < n && text[i] != ',' && text[i] != '|')
            i++;
        if (sk_name_parse(group, what, text + start, i - start, &one, err) < 0)
            return -1;
        flags |= one;
        if (i == n)
            break;
    }
    *out = flags;
    return 0;
}

int sk_name_print(struct sk_buf *out, enum sk_group group, int value, struct sk_err *err) {
    const char *name = sk_name_of(group, value);
    return name ? sk_buf_add_str(out, name, err) : sk_buf_printf(out, err, "%d", value);
}
