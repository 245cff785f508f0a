#include "net/dns_channel.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "run/fd.h"
#include "run/wait.h"

#define IDLE_MAX   8 /* channels that are kept for the next question */
#define MANY       64
#define TRIES_MORE 5        /* that asker ends them */
#define LINKS      0x011800 /* c-ares 1.24: knows link-local servers */
#define ADAPTIVE   0x012000 /* c-ares 1.32: asks again soon, whatever it was told, when answers used to come fast */
#define RECEIVE    (4 * 1048576) /* many answers at once overflow the usual buffer, and each costs a second then */

struct sk_ares sk_ares;
static struct sk_channel *channels;

static int open_library(struct sk_err *err) {
    if (sk_ares.is_open)
        return 0;
#ifdef SK_LINKED
#define X(name) sk_ares.name = ares_##name;
    SK_ARES_FUNCTIONS(X)
#undef X
#else
    void *library = dlopen("libcares.so.2", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return sk_fail(err, SK_INTERNAL, 0, "dlopen", "names cannot be resolved: %.300s", dlerror());
#define X(name)                                                                                                        \
    *(void **)&sk_ares.name = dlsym(library, "ares_" #name);                                                           \
    if (!sk_ares.name)                                                                                                 \
        return sk_fail(err, SK_INTERNAL, 0, "dlsym", "names cannot be resolved: libcares.so.2 has no ares_" #name);
    SK_ARES_FUNCTIONS(X)
#undef X
#endif
    int status = sk_ares.library_init(ARES_LIB_INIT_ALL);
    if (status != ARES_SUCCESS)
        return sk_fail(err, SK_INTERNAL, 0, "ares_library_init", "names cannot be resolved: %s",
                       sk_ares.strerror(status));
    sk_ares.is_open = true;
    return 0;
}

/* ---- Channels ---- */

/* c-ares wants to know about a descriptor; neither means that it is about to close it. */
static void on_socket(void *data, ares_socket_t fd, int readable, int writable) {
    const struct sk_channel *channel = data;
    struct epoll_event event = { .events = (readable ? EPOLLIN : 0) | (writable ? EPOLLOUT : 0), .data.fd = fd };
    if (!readable && !writable)
        epoll_ctl(channel->epoll, EPOLL_CTL_DEL, fd, NULL);
    else if (epoll_ctl(channel->epoll, EPOLL_CTL_MOD, fd, &event) < 0)
        epoll_ctl(channel->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* A link-local server is on one link: c-ares 1.18 has no word for that, so its sockets are bound to the interface. */
static int bind_to_link(ares_socket_t fd, int type, void *data) {
    const struct sk_channel *channel = data;
    int index = (int)channel->key.server.u.in6.sin6_scope_id;
    (void)type;
    return setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &index, sizeof index);
}

static int ares_version_now(void) {
    int number = 0;
    sk_ares.version(&number);
    return number;
}

/* A server with its link; older versions of c-ares take the address alone. */
static int set_server(struct sk_channel *channel) {
    char csv[SK_ADDR_TEXT + 16];
    struct sk_addr bare = channel->key.server;
    unsigned link = bare.u.sa.sa_family == AF_INET6 ? bare.u.in6.sin6_scope_id : 0;
    if (link)
        bare.u.in6.sin6_scope_id = 0;
    size_t n = strlen(sk_addr_format(csv, SK_ADDR_TEXT, &bare));
    if (link && ares_version_now() >= LINKS)
        snprintf(csv + n, sizeof csv - n, "%%%u", link);
    else if (link)
        sk_ares.set_socket_configure_callback(channel->ares, bind_to_link, channel);
    return sk_ares.set_servers_ports_csv(channel->ares, csv);
}

static int init_channel(struct sk_channel *channel) {
    struct ares_options o = { 0 };
    char lookups[] = "b";
    /* With all of these given (no domains, no sort list, servers that set_server replaces), it reads no files: it would
     * read before the beginning of a line of resolv.conf that starts with NUL. */
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS | ARES_OPT_DOMAINS |
               ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB | ARES_OPT_SOCK_RCVBUF | ARES_OPT_NOROTATE | ARES_OPT_SERVERS |
               ARES_OPT_SORTLIST;
    o.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_STAYOPEN | ARES_FLAG_NOALIASES | ARES_FLAG_NOSEARCH |
              (channel->key.tcp ? ARES_FLAG_USEVC : 0);
    o.timeout = channel->key.timeout_ms;
    o.tries = channel->key.tries;
    if (!channel->key.bulk && ares_version_now() >= ADAPTIVE)
        o.tries += TRIES_MORE;
    o.ndots = 1;
    o.lookups = lookups;
    o.socket_receive_buffer_size = RECEIVE;
    o.sock_state_cb = on_socket;
    o.sock_state_cb_data = channel;
#ifdef ARES_OPT_QUERY_CACHE
    o.qcache_max_ttl = 0; /* a tool for finding out shows what servers say now */
    mask |= ARES_OPT_QUERY_CACHE;
#endif
    int status = sk_ares.init_options(&channel->ares, &o, mask);
    if (status != ARES_SUCCESS)
        channel->ares = NULL;
    return status == ARES_SUCCESS ? set_server(channel) : status;
}

/* The queries of abandoned operations end in here, through their callbacks. */
static void close_channel(struct sk_channel *channel) {
    struct sk_channel **link = &channels;
    while (*link && *link != channel)
        link = &(*link)->next;
    if (*link)
        *link = channel->next;
    if (channel->ares)
        sk_ares.destroy(channel->ares);
    if (channel->epoll != 0)
        sk_fd_close(channel->epoll, NULL);
    free(channel);
}

static bool is_same(const struct sk_channel_key *a, const struct sk_channel_key *b) {
    return sk_addr_equal(&a->server, &b->server) && a->tcp == b->tcp && a->timeout_ms == b->timeout_ms &&
           a->tries == b->tries && a->bulk == b->bulk;
}

static struct sk_channel *find_channel(const struct sk_channel_key *key) {
    for (struct sk_channel *c = channels; c; c = c->next)
        if (is_same(&c->key, key))
            return c;
    return NULL;
}

/* Idle ones beyond the newest few go. */
static void close_idle(void) {
    struct sk_channel *next;
    int kept = 0;
    for (struct sk_channel *c = channels; c; c = next) {
        next = c->next;
        if (!c->ops && ++kept > IDLE_MAX)
            close_channel(c);
    }
}

struct sk_channel *sk_channel_get(const struct sk_channel_key *key, struct sk_err *err) {
    char text[SK_ADDR_TEXT];
    struct sk_channel *channel = find_channel(key);
    if (channel)
        return channel;
    if (open_library(err) < 0)
        return NULL;
    close_idle();
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) {
        sk_fail_sys(err, errno, "epoll_create1", NULL);
        return NULL;
    }
    channel = sk_alloc(sizeof *channel);
    channel->key = *key;
    channel->epoll = fd;
    channel->next = channels;
    channels = channel;
    int status = init_channel(channel);
    if (status == ARES_SUCCESS)
        return channel;
    close_channel(channel);
    sk_fail(err, SK_INTERNAL, 0, "ares_init_options", "DNS server %s: %s",
            sk_addr_format(text, sizeof text, &key->server), sk_ares.strerror(status));
    return NULL;
}

void sk_channels_done(void) {
    while (channels)
        close_channel(channels);
}

/* ---- Operations ---- */

static void free_op(struct sk_op *op) {
    for (int i = 0; i < 2; i++) {
        if (op->query[i].answer)
            sk_ares.freeaddrinfo(op->query[i].answer);
        free(op->query[i].name);
    }
    *op->link = op->next;
    if (op->next)
        op->next->link = op->link;
    free(op);
}

struct sk_op *sk_op_new(struct sk_channel *channel) {
    struct sk_op *op = sk_alloc(sizeof *op);
    op->channel = channel;
    op->next = channel->ops;
    op->link = &channel->ops;
    if (channel->ops)
        channel->ops->link = &op->next;
    channel->ops = op;
    op->query[0].op = op->query[1].op = op;
    return op;
}

static void begin_query(struct sk_query *query) {
    query->is_used = true;
    query->op->pending++;
    query->op->channel->pending++;
}

static void list_done(struct sk_channel *channel, struct sk_op *op) {
    *(channel->done ? &channel->last_done->next_done : &channel->done) = op;
    channel->last_done = op;
}

static void end_query(struct sk_query *query, int status, int timeouts) {
    query->is_done = true;
    query->status = status;
    query->timeouts = timeouts;
    query->op->has_news = true;
    query->op->pending--;
    query->op->channel->pending--;
    if (!query->op->is_abandoned && query->op->channel->key.bulk && query->op->pending == 0)
        list_done(query->op->channel, query->op);
    else if (!query->op->is_abandoned)
        sk_event_set(&query->op->woken);
    else if (query->op->pending == 0)
        free_op(query->op);
}

static void on_addresses(void *arg, int status, int timeouts, struct ares_addrinfo *answer) {
    struct sk_query *query = arg;
    query->answer = answer;
    end_query(query, status, timeouts);
}

static void on_name(void *arg, int status, int timeouts, char *node, char *service) {
    struct sk_query *query = arg;
    (void)service;
    if (status == ARES_SUCCESS && node)
        query->name = strdup(node);
    end_query(query, status == ARES_SUCCESS && !query->name ? ARES_ENOMEM : status, timeouts);
}

/* Some questions are over before this returns: the operation must not be so before the last one has begun. */
void sk_op_ask(struct sk_op *op, const char *name, const bool wanted[2]) {
    struct ares_addrinfo_hints hints = { .ai_flags = ARES_AI_NOSORT | ARES_AI_CANONNAME };
    for (int i = 0; i < 2; i++)
        if (wanted[i])
            begin_query(&op->query[i]);
    for (int i = 0; i < 2; i++) {
        hints.ai_family = i == 0 ? AF_INET6 : AF_INET;
        if (wanted[i])
            sk_ares.getaddrinfo(op->channel->ares, name, NULL, &hints, on_addresses, &op->query[i]);
    }
}

void sk_op_ask_name(struct sk_op *op, const struct sk_addr *addr) {
    begin_query(&op->query[0]);
    sk_ares.getnameinfo(op->channel->ares, &addr->u.sa, (ares_socklen_t)addr->len,
                        ARES_NI_LOOKUPHOST | ARES_NI_NAMEREQD, on_name, &op->query[0]);
}

/* Let c-ares read what came and notice what is late; it tells the askers through the callbacks. */
static void process(struct sk_channel *channel) {
    struct epoll_event events[16];
    int n = epoll_wait(channel->epoll, events, 16, 0);
    if (n <= 0)
        sk_ares.process_fd(channel->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    for (int i = 0; i < n; i++) {
        int fd = events[i].data.fd;
        sk_ares.process_fd(channel->ares, events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP) ? fd : ARES_SOCKET_BAD,
                           events[i].events & EPOLLOUT ? fd : ARES_SOCKET_BAD);
    }
}

/* When c-ares wants to look at its clock. It walks all questions to find out: for many, soon is good enough. */
static sk_time next_timeout(const struct sk_channel *channel) {
    struct timeval tv;
    if (channel->pending > MANY)
        return sk_after(50 * SK_MS);
    if (!sk_ares.timeout(channel->ares, NULL, &tv))
        return SK_NEVER;
    return sk_after(tv.tv_sec * SK_SECOND + tv.tv_usec * 1000 + SK_MS);
}

int sk_channel_pump(struct sk_channel *channel, sk_time deadline, struct sk_err *err) {
    struct sk_err mine;
    process(channel);
    if (channel->done)
        return 0;
    sk_time timeout = next_timeout(channel);
    if (sk_wait(channel->epoll, POLLIN, "resolve", timeout < deadline ? timeout : deadline, &mine) < 0 &&
        (mine.kind != SK_TIMEOUT || deadline <= timeout)) {
        if (err)
            *err = mine;
        return -1;
    }
    process(channel);
    return 0;
}

struct sk_op *sk_channel_done(struct sk_channel *channel) {
    struct sk_op *op = channel->done;
    if (op)
        channel->done = op->next_done;
    return op;
}

/* One step of waiting: as the pump, or for what another one pumps. 0, or -1 when the asker's own deadline passed or it
 * was cancelled. */
static int step(struct sk_op *op, sk_time deadline, struct sk_err *err) {
    struct sk_channel *channel = op->channel;
    bool is_mine = !channel->is_pumped;
    /* The pump does not know of a question that came after it fell asleep. */
    sk_time timeout = is_mine ? next_timeout(channel) : sk_after(channel->key.timeout_ms * SK_MS);
    sk_time limit = timeout < deadline ? timeout : deadline;
    int rc;
    if (is_mine) {
        channel->is_pumped = true;
        rc = sk_wait(channel->epoll, POLLIN, "resolve", limit, err);
        channel->is_pumped = false;
    } else {
        sk_event_clear(&op->woken);
        rc = sk_event_wait(&op->woken, "resolve", limit, err);
    }
    bool is_late = rc < 0 && err->kind == SK_TIMEOUT && timeout < deadline;
    if (rc < 0 && !is_late)
        return -1;
    if (is_mine || is_late)
        process(channel);
    return 0;
}

int sk_op_wait(struct sk_op *op, sk_time deadline, struct sk_err *err) {
    struct sk_err mine;
    while (op->pending > 0 && !op->has_news) {
        int rc = step(op, deadline, &mine);
        if (rc == 0 && !op->has_news && sk_left(deadline) == 0) /* others' traffic keeps the descriptor ready */
            rc = sk_fail_timeout(&mine, "resolve");
        if (rc < 0) {
            if (err)
                *err = mine;
            return -1;
        }
    }
    op->has_news = false;
    return 0;
}

/* Somebody who waits takes over the pump. */
static void hand_over(const struct sk_op *leaving) {
    for (struct sk_op *op = leaving->channel->ops; op && !leaving->channel->is_pumped; op = op->next)
        if (op != leaving && !op->is_abandoned) {
            sk_event_set(&op->woken);
            return;
        }
}

void sk_op_leave(struct sk_op *op) {
    struct sk_channel *channel = op->channel;
    hand_over(op);
    op->is_abandoned = op->pending > 0;
    if (!op->is_abandoned)
        free_op(op);
    for (const struct sk_op *other = channel->ops; other; other = other->next)
        if (!other->is_abandoned)
            return;
    if (channel->ops)
        close_channel(channel);
}
