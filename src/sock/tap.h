/* What happens on sockets, recorded as a list: the source of traces. There is one tape in a process. Bytes are recorded
 * above the layer of a socket (TLS: as plaintext), where they are counted. Without a tape a socket has no track, and
 * each place costs one test of a pointer; with one the only further system call is getsockname(2), once a connection.
 */
#ifndef SK_SOCK_TAP_H
#define SK_SOCK_TAP_H

#include <stdalign.h>

#include "sock/poll.h"
#include "sock/sock.h"

enum sk_tap_kind {
    SK_TAP_CONNECT,  /* was begun: peer */
    SK_TAP_OPEN,     /* is connected */
    SK_TAP_FAILED,   /* connect failed: code is the errno, ETIMEDOUT also for a deadline of ours */
    SK_TAP_LISTEN,   /* */
    SK_TAP_ACCEPT,   /* came out of accept: peer */
    SK_TAP_SENT,     /* data; peer of a datagram that named one */
    SK_TAP_RECEIVED, /* data; peer of a datagram whose sender was asked for */
    SK_TAP_SHUT,     /* code: SHUT_RD, SHUT_WR, SHUT_RDWR */
    SK_TAP_END,      /* the peer ended */
    SK_TAP_ERROR,    /* a send or receive failed: code is the errno */
    SK_TAP_CLOSE,    /* */
    SK_TAP_TLS,      /* from here on there is TLS below: data is its version */
    SK_TAP_POLL,     /* was looked at from `since` on: data is an array of struct sk_tap_look */
    SK_TAP_NOTE,     /* a command failed: data is the sentence; track may be NULL */
};

enum { SK_TAP_NAME = 64 }; /* characters of a name */

struct sk_track { /* a socket as the tape knows it; outlives the socket while events speak of it */
    uint32_t id;  /* 1, 2, ... in order of making */
    uint32_t refs;
    int family, type, proto;
    bool is_secure;             /* SK_TAP_TLS was recorded */
    bool is_accepted;           /* by a listener: the peer connected */
    bool is_secret;             /* what is sent now is recorded as asterisks */
    struct sk_addr local;       /* len 0: not known */
    struct sk_addr peer;        /* the one connected to; len 0: none */
    char name[SK_TAP_NAME + 1]; /* "": none was told */
};

struct sk_tap_look {
    struct sk_track *track;
    short events, revents;
};

struct sk_tap_event {
    struct sk_tap_event *next;
    sk_time at;
    sk_time since; /* POLL */
    struct sk_track *track;
    const struct sk_addr *peer; /* or NULL */
    enum sk_tap_kind kind;
    int code;
    size_t len, real_len; /* of the data as kept, and as it was */
    alignas(struct sk_tap_look) unsigned char data[];
};

struct sk_tape {
    bool is_on;
    sk_time start;
    int64_t epoch; /* wall clock at the start: ns since 1970 */
    struct sk_tap_event *first, **end;
    size_t held, most;                /* memory of the events, and what it may be: the oldest go */
    uint64_t lost_events, lost_bytes; /* that are gone */
    uint32_t tracks;
    /* Gets what would be lost instead, or NULL. */
    void (*spill)(const struct sk_tap_event *e, void *arg);
    void *spill_arg;
};

/* NULL: nothing is recorded, and never was. */
extern struct sk_tape *sk_tape;

#define SK_TAPE_MOST ((size_t)8 * 1024 * 1024)

/* Record from now on, in `most` bytes of memory; what a tape that was stopped holds stays. */
void sk_tape_start(size_t most);
void sk_tape_stop(void);
void sk_tape_clear(void); /* forget the events; times count from now */
void sk_tape_done(void);

/* Give the socket a track (makers do, when there is a tape); its addresses are asked for where it has any. */
void sk_tap_join(struct sk_sock *s);
void sk_tap_rejoin(struct sk_sock *s); /* it has other addresses than when it joined */
void sk_tap_leave(struct sk_sock *s);  /* for sk_sock_free */
void sk_tap_name(struct sk_sock *s, const char *name);
void sk_tap_secret(struct sk_sock *s, bool is_secret); /* what it sends is recorded as asterisks */
void sk_tap_add(struct sk_sock *s, enum sk_tap_kind kind, int code, const struct sk_addr *peer);
void sk_tap_add_bytes(struct sk_sock *s, enum sk_tap_kind kind, const void *p, size_t n, const struct sk_addr *peer);
void sk_tap_secure(struct sk_sock *s); /* it has TLS, perhaps since now */
void sk_tap_note(struct sk_sock *s, const char *sentence);
/* A poll that began at `since` has ended; revents hold what it said. */
void sk_tap_poll(const struct sk_pollitem *items, size_t count, sk_time since);

/* The same where a socket may have no track. */
static inline void sk_tap(struct sk_sock *s, enum sk_tap_kind kind, int code, const struct sk_addr *peer) {
    if (s->track)
        sk_tap_add(s, kind, code, peer);
}
static inline void sk_tap_bytes(struct sk_sock *s, enum sk_tap_kind kind, const void *p, size_t n,
                                const struct sk_addr *peer) {
    if (s->track)
        sk_tap_add_bytes(s, kind, p, n, peer);
}

#endif
