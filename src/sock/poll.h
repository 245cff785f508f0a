/* poll(2) over socket objects: buffered bytes count as POLLIN, a closed socket is POLLNVAL for ever. */
#ifndef SK_SOCK_POLL_H
#define SK_SOCK_POLL_H

#include "sock/sock.h"

struct sk_pollitem {
    struct sk_sock *sock;
    short events, revents;
};
/* The number ready (revents filled), 0 at the deadline (a length of 0 looks once), -1: cancelled or failed. */
int sk_poll(struct sk_pollitem *items, size_t count, sk_time deadline, struct sk_err *err);

#endif
