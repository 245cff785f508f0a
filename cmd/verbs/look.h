/* A socket as it is at this moment, for the eyes: what commands have read of it is less than what the kernel knows. */
#ifndef VERBS_LOOK_H
#define VERBS_LOOK_H

#include "lang/session.h"

/* Bytes in a queue of the kernel (SIOCINQ, SIOCOUTQ); null where the socket has none. */
struct sk_value look_queue(const struct sk_sock *s, unsigned long what);
/* The value of a readable option; null when it cannot be read. */
struct sk_value look_option(const struct sk_sock *s, const char *name);
/* sk_state_name, but "eof" as soon as the peer has closed, read or not. */
const char *look_state(const struct object *obj);
/* What waits: bytes to be read, or connections to be accepted; null where nobody can tell. */
struct sk_value look_waiting(const struct sk_sock *s);

/* What `info` found, as lines for people, appended to out. */
int look_words(const struct object *obj, const struct sk_value *info, struct session *ses, struct sk_buf *out,
               struct sk_err *err);

#endif
