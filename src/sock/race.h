/* Many addresses, one connection (RFC 8305). For sock/dial.c. */
#ifndef SK_SOCK_RACE_H
#define SK_SOCK_RACE_H

#include "sock/dial.h"

struct sk_race {
    const struct sk_dial_how *how;
    int type;
    sk_time start, deadline;
    const char *name; /* whose addresses DNS must be asked for, or NULL: `addrs` are all there are */
    uint16_t port;    /* of that name */
    struct sk_addrs addrs;
};

/* Connect to one of the addresses: 0 and a new socket in *out; 1 when every attempt failed, which *attempts tell; -1
 * with *err: the names were not resolved, cancelled, or something that the next address would meet as well. *attempts
 * holds those that were begun, in that order, in each case.
 *
 * IPv6 and IPv4 take turns, beginning with the family of the first address. From DNS that is IPv6 if its answer is
 * there 50 ms after that for IPv4, unless RFC 6724 puts an address of IPv4 first. The next attempt begins 250 ms after
 * the last one, or when one fails; at most six run at once, and one ends when it fails, when another one succeeds, or
 * when its share of the time is over, where addresses wait for a place. Addresses are tried by the calling task alone
 * until one is silent for 250 ms: a lone address costs what its system calls cost. */
int sk_race(const struct sk_race *plan, struct sk_sock **out, struct sk_attempts *attempts, struct sk_err *err);

/* Bind s as `how` says before it connects to an address of this family. -1: another address would not help. */
int sk_dial_prepare(struct sk_sock *s, const struct sk_dial_how *how, struct sk_err *err);
/* What follows the connection: the dialogue and TLS, as far as `how` wants them. Without a dialogue it goes on where
 * SK_TIMEOUT ended it. */
int sk_dial_secure(struct sk_sock *s, const struct sk_dial_how *how, sk_time deadline, struct sk_err *err);
/* Begin what follows on a connection: its PROXY header, when there is to be one. `far`: as for sk_proxyhdr_send. */
int sk_dial_introduce(struct sk_sock *s, const struct sk_dial_how *how, const struct sk_addr *far, sk_time deadline,
                      struct sk_err *err);
/* sk_dial through how->proxy; how->tls_name is known. */
int sk_dial_through(struct sk_sock **out, struct sk_sock *s, const struct sk_endpoint *ep,
                    const struct sk_dial_how *how, sk_time deadline, struct sk_attempts *attempts, struct sk_err *err);
/* Errors that the next address would meet as well, or that mean stop. */
bool sk_dial_is_final(const struct sk_err *why);

#endif
