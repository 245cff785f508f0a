/* A listener whose connections have something to do before accept gives them: a PROXY header to read, a TLS handshake.
 * A task accepts; each connection does it in a task of its own, with a deadline of its own; accept takes from the queue
 * of those that are done: one that is stalled stops nobody, and one that fails is closed and counted. */
#ifndef SK_SOCK_ADMIT_H
#define SK_SOCK_ADMIT_H

#include "base/value.h"
#include "sock/sock.h"

#define SK_ADMIT_WITHIN (10 * SK_SECOND)

/* How such a listener is doing. */
struct sk_admitting {
    unsigned running, waiting; /* connections: at it; done, and not accepted yet */
    uint64_t failed;
    char last[512]; /* why the last of them failed, or "" */
    bool proxied;   /* they begin with a PROXY header */
    sk_time within; /* how long one may take for all of it */
};

/* A step that each connection takes. */
struct sk_admission {
    int (*admit)(struct sk_sock *s, void *arg, sk_time deadline, struct sk_err *err);
    struct sk_value (*describe)(const struct sk_admitting *a, void *arg); /* the listener, as its TLS; or NULL */
    void (*done)(void *arg);                                              /* when the listener is closed */
    void *arg;
};

/* Make s, which listens for streams, such a listener; one that reads PROXY headers takes this step after that. On
 * failure done was not called. */
int sk_admit(struct sk_sock *s, const struct sk_admission *step, struct sk_err *err);
/* PROXY headers (sock/proxyhdr.h) come first of all: to be called before sk_admit. */
int sk_admit_proxied(struct sk_sock *s, struct sk_err *err);
/* How long one connection may take for all of it. */
void sk_admit_within(struct sk_sock *s, sk_time length);

/* NULL: it is an ordinary listener, or none. */
const struct sk_admitting *sk_admitting(const struct sk_sock *s);
/* The fields "waiting", "failed", "last_failure". */
void sk_put_admitting(struct sk_value *record, const struct sk_admitting *a);

#endif
