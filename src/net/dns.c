/* c-ares: one channel, whose descriptors live in a private epoll instance. One of the askers waits on that and works
 * for all (it pumps); when it leaves, the next takes over. Callbacks only record. */
#include <ares.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/bytes.h"
#include "net/dns_parts.h"
#include "run/fd.h"
#include "run/sync.h"
#include "run/wait.h"

#define ADDRESSES_MAX 256
#define ALIASES_MAX   16
#define OTHER_FAMILY  (2 * SK_SECOND) /* how long an answer waits for that of the other family */

/* clang-format off */
#define FUNCTIONS(X) X(library_init) X(init_options) X(destroy) X(set_servers_ports_csv) X(getaddrinfo) X(freeaddrinfo) \
    X(getnameinfo) X(process_fd) X(timeout) X(strerror)
/* clang-format on */

static struct {
    bool is_open;
#define X(name) __typeof__(ares_##name) *name;
    FUNCTIONS(X)
#undef X
} ares;

struct query {
    struct op *op;
    bool is_used, is_done;
    int status;
    struct ares_addrinfo *answer; /* of an A or AAAA query */
    char *name;                   /* of a PTR query */
};

/* One asker's question. It lives until the asker has left and all its queries are over. */
struct op {
    struct query query[2]; /* IPv6, IPv4 */
    int pending;
    bool is_abandoned, has_news;
    struct sk_event woken; /* news, or: pump now */
    struct op *next, **link;
};

static struct {
    struct ares_channeldata *channel;
    int epoll; /* 0: none; a descriptor is never 0 to 2 here */
    struct op *ops;
    bool is_pumped;
    bool is_stale; /* other servers were asked for */
    char *servers;
} dns;

static int open_library(struct sk_err *err) {
    if (ares.is_open)
        return 0;
#ifdef SK_LINKED
#define X(name) ares.name = ares_##name;
    FUNCTIONS(X)
#undef X
#else
    void *library = dlopen("libcares.so.2", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return sk_fail(err, SK_INTERNAL, 0, "dlopen", "names cannot be resolved: %.300s", dlerror());
#define X(name)                                                                                                        \
    *(void **)&ares.name = dlsym(library, "ares_" #name);                                                              \
    if (!ares.name)                                                                                                    \
        return sk_fail(err, SK_INTERNAL, 0, "dlsym", "names cannot be resolved: libcares.so.2 has no ares_" #name);
    FUNCTIONS(X)
#undef X
#endif
    int status = ares.library_init(ARES_LIB_INIT_ALL);
    if (status != ARES_SUCCESS)
        return sk_fail(err, SK_INTERNAL, 0, "ares_library_init", "names cannot be resolved: %s", ares.strerror(status));
    ares.is_open = true;
    return 0;
}

/* c-ares wants to know about a descriptor; neither means that it is about to close it. */
static void on_socket(void *data, ares_socket_t fd, int readable, int writable) {
    struct epoll_event event = { .events = (readable ? EPOLLIN : 0) | (writable ? EPOLLOUT : 0), .data.fd = fd };
    (void)data;
    if (!readable && !writable)
        epoll_ctl(dns.epoll, EPOLL_CTL_DEL, fd, NULL);
    else if (epoll_ctl(dns.epoll, EPOLL_CTL_MOD, fd, &event) < 0)
        epoll_ctl(dns.epoll, EPOLL_CTL_ADD, fd, &event);
}

/* DNS_TLS.md A.6. What is not here is EAI_FAIL with c-ares' own words. */
static const struct failure {
    int status, code;
    const char *why;
} failures[] = {
    { ARES_ENODATA, EAI_NODATA, "the name exists but has no address of this kind" },
    { ARES_EFORMERR, EAI_FAIL, "the DNS server did not understand the question (FORMERR)" },
    { ARES_ESERVFAIL, EAI_AGAIN, "the DNS server failed (SERVFAIL)" },
    { ARES_ENOTFOUND, EAI_NONAME, "no such name (NXDOMAIN)" },
    { ARES_ENOTIMP, EAI_AGAIN, "the DNS server does not know such questions (NOTIMP)" },
    { ARES_EREFUSED, EAI_AGAIN, "the DNS server refused to answer (REFUSED)" },
    { ARES_EBADNAME, EAI_NONAME, "not a name" },
    { ARES_EBADRESP, EAI_FAIL, "the DNS server's answer makes no sense" },
    { ARES_ECONNREFUSED, EAI_AGAIN, "no DNS server could be reached" },
    { ARES_ETIMEOUT, EAI_AGAIN, "no answer from any DNS server" },
    { ARES_ENOMEM, EAI_MEMORY, "out of memory" },
};

static int fail_status(const char *what, int status, struct sk_err *err) {
    char shown[120];
    struct failure own = { status, EAI_FAIL, ares.strerror(status) };
    const struct failure *f = &own;
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
        if (failures[i].status == status)
            f = &failures[i];
    sk_escape_cut(shown, sizeof shown, what, strlen(what));
    return sk_fail(err, SK_GAI, f->code, "resolve", "%s: %s", shown, f->why);
}

static int open_channel(struct sk_err *err) {
    struct sk_resolv_conf conf;
    struct ares_options o = { 0 };
    char lookups[] = "b";
    if (dns.channel)
        return 0;
    sk_resolv_conf(&conf, "/etc/resolv.conf");
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS | ARES_OPT_DOMAINS |
               ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB | (conf.rotate ? ARES_OPT_ROTATE : ARES_OPT_NOROTATE);
    o.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_STAYOPEN | ARES_FLAG_NOALIASES;
    o.timeout = conf.timeout_ms;
    o.tries = conf.tries;
    o.ndots = conf.ndots;
    o.domains = conf.domains;
    o.ndomains = conf.ndomains;
    o.lookups = lookups;
    o.sock_state_cb = on_socket;
#ifdef ARES_OPT_QUERY_CACHE
    o.qcache_max_ttl = 0; /* a tool for finding out shows what servers say now */
    mask |= ARES_OPT_QUERY_CACHE;
#endif
    if (dns.epoll == 0) {
        int fd = epoll_create1(EPOLL_CLOEXEC);
        if (fd < 0)
            return sk_fail_sys(err, errno, "epoll_create1", NULL);
        dns.epoll = fd;
    }
    int status = ares.init_options(&dns.channel, &o, mask);
    if (status != ARES_SUCCESS) {
        dns.channel = NULL;
        return fail_status("DNS", status, err);
    }
    if (dns.servers && ares.set_servers_ports_csv(dns.channel, dns.servers) != ARES_SUCCESS) {
        ares.destroy(dns.channel);
        dns.channel = NULL;
        return sk_fail_usage(err, "DNS servers '%.100s': write ADDRESS or ADDRESS:PORT, joined by commas", dns.servers);
    }
    dns.is_stale = false;
    return 0;
}

/* The queries of abandoned operations end in here, through their callbacks. */
static void close_channel(void) {
    if (dns.channel)
        ares.destroy(dns.channel);
    dns.channel = NULL;
}

static void free_op(struct op *op) {
    for (int i = 0; i < 2; i++) {
        if (op->query[i].answer)
            ares.freeaddrinfo(op->query[i].answer);
        free(op->query[i].name);
    }
    *op->link = op->next;
    if (op->next)
        op->next->link = op->link;
    free(op);
}

static struct op *new_op(void) {
    struct op *op = sk_alloc(sizeof *op);
    op->next = dns.ops;
    op->link = &dns.ops;
    if (dns.ops)
        dns.ops->link = &op->next;
    dns.ops = op;
    op->query[0].op = op->query[1].op = op;
    return op;
}

static void end_query(struct query *query, int status) {
    query->is_done = true;
    query->status = status;
    query->op->has_news = true;
    query->op->pending--;
    if (query->op->is_abandoned && query->op->pending == 0)
        free_op(query->op);
}

static void on_addresses(void *arg, int status, int timeouts, struct ares_addrinfo *answer) {
    struct query *query = arg;
    (void)timeouts;
    query->answer = answer;
    end_query(query, status);
}

static void on_name(void *arg, int status, int timeouts, char *node, char *service) {
    struct query *query = arg;
    (void)timeouts;
    (void)service;
    if (status == ARES_SUCCESS && node)
        query->name = strdup(node);
    end_query(query, status == ARES_SUCCESS && !query->name ? ARES_ENOMEM : status);
}

/* Let c-ares read what came and notice what is late; then wake those whose questions moved. */
static void process(void) {
    struct epoll_event events[16];
    int n = epoll_wait(dns.epoll, events, 16, 0);
    if (n <= 0)
        ares.process_fd(dns.channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    for (int i = 0; i < n; i++) {
        int fd = events[i].data.fd;
        ares.process_fd(dns.channel, events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP) ? fd : ARES_SOCKET_BAD,
                        events[i].events & EPOLLOUT ? fd : ARES_SOCKET_BAD);
    }
    for (struct op *op = dns.ops; op; op = op->next)
        if (op->has_news && !op->is_abandoned) {
            op->has_news = false;
            sk_event_set(&op->woken);
        }
}

/* One step of the pump: 0, or -1 when the asker's own deadline passed or it was cancelled. */
static int pump(sk_time deadline, struct sk_err *err) {
    struct timeval tv;
    bool is_timed = ares.timeout(dns.channel, NULL, &tv) != NULL;
    sk_time timeout = is_timed ? sk_after(tv.tv_sec * SK_SECOND + tv.tv_usec * 1000 + SK_MS) : SK_NEVER;
    dns.is_pumped = true;
    int rc = sk_wait(dns.epoll, POLLIN, "resolve", timeout < deadline ? timeout : deadline, err);
    bool is_late = rc < 0 && err->kind == SK_TIMEOUT && timeout < deadline;
    dns.is_pumped = false;
    if (rc < 0 && !is_late)
        return -1;
    process();
    return 0;
}

/* Somebody who waits takes over the pump. */
static void hand_over(const struct op *leaving) {
    for (struct op *op = dns.ops; op && !dns.is_pumped; op = op->next)
        if (op != leaving && !op->is_abandoned) {
            sk_event_set(&op->woken);
            return;
        }
}

static bool has_answer(const struct op *op) {
    for (int i = 0; i < 2; i++)
        if (op->query[i].is_done && op->query[i].status == ARES_SUCCESS)
            return true;
    return false;
}

/* Wait until the queries of the operation are over, or one answered and the other is late. */
static int wait_op(struct op *op, sk_time deadline, struct sk_err *err) {
    sk_time limit = deadline;
    struct sk_err mine;
    bool is_limited = false;
    while (op->pending > 0) {
        if (!is_limited && has_answer(op)) {
            sk_time other = sk_after(OTHER_FAMILY);
            is_limited = true;
            limit = other < deadline ? other : deadline;
        }
        sk_event_clear(&op->woken);
        int rc = dns.is_pumped ? sk_event_wait(&op->woken, "resolve", limit, &mine) : pump(limit, &mine);
        if (rc == 0 && (op->pending == 0 || sk_left(limit) > 0))
            continue;
        if (rc == 0) /* others' traffic keeps the descriptor ready */
            sk_fail_timeout(&mine, "resolve");
        if (mine.kind == SK_TIMEOUT && has_answer(op))
            return 0;
        if (err)
            *err = mine;
        return -1;
    }
    return 0;
}

/* The asker goes; its queries may not be over. When nobody waits for any, the channel goes with them. */
static void leave(struct op *op) {
    hand_over(op);
    op->is_abandoned = op->pending > 0;
    if (!op->is_abandoned)
        free_op(op);
    for (const struct op *other = dns.ops; other; other = other->next)
        if (!other->is_abandoned)
            return;
    if (dns.ops || dns.is_stale)
        close_channel();
}

/* Of two failures the one that says more: a passing trouble, then "exists", then NXDOMAIN (DNS_TLS.md A.6). */
static int worse(const struct op *op) {
    int chosen = ARES_ENOTFOUND;
    for (int i = 0; i < 2; i++) {
        const struct query *q = &op->query[i];
        bool is_plain = q->status == ARES_ENODATA || q->status == ARES_ENOTFOUND;
        if (q->is_used && (!is_plain || (q->status == ARES_ENODATA && chosen == ARES_ENOTFOUND)))
            chosen = q->status;
    }
    return chosen;
}

static void collect(const struct ares_addrinfo *answer, int family, struct sk_addrs *out) {
    struct sk_addr addr;
    size_t room = family == AF_INET6 ? sizeof addr.u.in6 : sizeof addr.u.in;
    int left = ALIASES_MAX;
    for (const struct ares_addrinfo_node *n = answer->nodes; n && out->count < ADDRESSES_MAX; n = n->ai_next) {
        if (n->ai_family != family || (size_t)n->ai_addrlen < room)
            continue;
        memset(&addr, 0, sizeof addr);
        memcpy(&addr.u, n->ai_addr, room);
        addr.len = (socklen_t)room;
        sk_addr_set_port(&addr, 0);
        sk_addrs_add(out, &addr);
    }
    const char *last = answer->name;
    for (const struct ares_addrinfo_cname *c = answer->cnames; c && left > 0; c = c->next, left--)
        last = c->name ? c->name : last;
    if (last && !out->canonical)
        out->canonical = sk_strdup(last);
}

int sk_dns_ask(const char *name, bool want4, bool want6, sk_time deadline, struct sk_addrs *out, struct sk_err *err) {
    static const int families[2] = { AF_INET6, AF_INET };
    const bool wanted[2] = { want6, want4 };
    if (open_library(err) < 0 || open_channel(err) < 0)
        return -1;
    struct op *op = new_op();
    for (int i = 0; i < 2; i++) {
        struct ares_addrinfo_hints hints = { .ai_flags = ARES_AI_NOSORT | ARES_AI_CANONNAME, .ai_family = families[i] };
        if (!wanted[i])
            continue;
        op->query[i].is_used = true;
        op->pending++;
        ares.getaddrinfo(dns.channel, name, NULL, &hints, on_addresses, &op->query[i]);
    }
    int rc = wait_op(op, deadline, err);
    if (rc == 0) {
        size_t before = out->count;
        for (int i = 0; i < 2; i++)
            if (op->query[i].is_done && op->query[i].answer && op->query[i].status == ARES_SUCCESS)
                collect(op->query[i].answer, families[i], out);
        if (out->count == before)
            rc = fail_status(name, has_answer(op) ? ARES_ENODATA : worse(op), err);
    }
    leave(op);
    return rc;
}

int sk_dns_ask_name(const struct sk_addr *addr, sk_time deadline, char **name, struct sk_err *err) {
    char host[64];
    if (open_library(err) < 0 || open_channel(err) < 0)
        return -1;
    struct op *op = new_op();
    op->pending++;
    ares.getnameinfo(dns.channel, &addr->u.sa, (ares_socklen_t)addr->len, ARES_NI_LOOKUPHOST | ARES_NI_NAMEREQD,
                     on_name, &op->query[0]);
    int rc = wait_op(op, deadline, err), status = op->query[0].status;
    if (rc == 0 && (status == ARES_ETIMEOUT || status == ARES_ECONNREFUSED || status == ARES_ENOMEM))
        rc = fail_status(sk_addr_host(host, sizeof host, addr), status, err);
    *name = rc == 0 ? op->query[0].name : NULL;
    if (rc == 0)
        op->query[0].name = NULL;
    leave(op);
    return rc;
}

void sk_dns_servers(const char *csv) {
    free(dns.servers);
    dns.servers = csv ? sk_strdup(csv) : NULL;
    dns.is_stale = true;
    if (!dns.ops)
        close_channel();
}

void sk_dns_done(void) {
    close_channel();
    if (dns.epoll != 0)
        sk_fd_close(dns.epoll, NULL);
    dns.epoll = 0;
    free(dns.servers);
    dns.servers = NULL;
}
