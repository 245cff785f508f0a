/* c-ares: a channel for each server, whose descriptors live in a private epoll instance. One of the askers waits on
 * that and works for all (it pumps); when it leaves, the next takes over. Callbacks only record. For dns.c. */
#ifndef SK_NET_DNS_CHANNEL_H
#define SK_NET_DNS_CHANNEL_H

#include <ares.h>
#include <stdbool.h>

#include "net/addr.h"
#include "run/sync.h"

/* clang-format off */
#define SK_ARES_FUNCTIONS(X) X(library_init) X(init_options) X(destroy) X(set_servers_ports_csv) X(getaddrinfo) \
    X(freeaddrinfo) X(getnameinfo) X(process_fd) X(timeout) X(strerror) X(set_socket_configure_callback) X(version)
/* clang-format on */
struct sk_ares {
    bool is_open;
#define X(name) __typeof__(ares_##name) *name;
    SK_ARES_FUNCTIONS(X)
#undef X
};
extern struct sk_ares sk_ares;

/* What tells one channel from another. */
struct sk_channel_key {
    struct sk_addr server;
    bool tcp;
    int timeout_ms, tries; /* of one question: how long for the first answer, twice as long for the next, and so on */
    bool bulk;             /* for many operations of one owner (net/bulk.c), apart from all others */
};

struct sk_channel {
    struct sk_channel_key key;
    struct ares_channeldata *ares;
    int epoll;
    struct sk_op *ops;
    struct sk_op *done, *last_done; /* with key.bulk: those that are over, in order */
    int pending;                    /* queries */
    bool is_pumped;
    struct sk_channel *next;
};

struct sk_query {
    struct sk_op *op;
    bool is_used, is_done;
    int status, timeouts;
    struct ares_addrinfo *answer; /* of an A or AAAA query */
    char *name;                   /* of a PTR query */
};

/* One asker's questions to one server. It lives until the asker has left and all its queries are over. */
struct sk_op {
    struct sk_channel *channel;
    struct sk_query query[2]; /* IPv6, IPv4; or PTR */
    int pending;
    bool is_abandoned, has_news;
    struct sk_event woken; /* news, or: pump now */
    struct sk_op *next, **link;
    struct sk_op *next_done;
    void *owner; /* whatever the asker wants to find here */
};

/* The channel of a server: the one that is there, or a new one. NULL with SK_INTERNAL, SK_SYS, or SK_USAGE. */
struct sk_channel *sk_channel_get(const struct sk_channel_key *key, struct sk_err *err);
void sk_channels_done(void);

struct sk_op *sk_op_new(struct sk_channel *channel);
/* IPv6 and IPv4, each where wanted. An operation of a bulk channel may be over at once. */
void sk_op_ask(struct sk_op *op, const char *name, const bool wanted[2]);
void sk_op_ask_name(struct sk_op *op, const struct sk_addr *addr);
/* Wait until all its queries are over, or there was some news. 0, or -1 at the deadline or when cancelled. */
int sk_op_wait(struct sk_op *op, sk_time deadline, struct sk_err *err);
/* The asker goes; its queries may not be over. When nobody waits for any, the channel goes with them. */
void sk_op_leave(struct sk_op *op);

/* For the owner of a bulk channel: let c-ares look at what came; when that ends no operation, wait for more, or until
 * something is late. 0, or -1 at the deadline or when cancelled. */
int sk_channel_pump(struct sk_channel *channel, sk_time deadline, struct sk_err *err);
/* The next operation that is over, or NULL. */
struct sk_op *sk_channel_done(struct sk_channel *channel);

#endif
