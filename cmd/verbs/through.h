/* Proxies on the way of a command that connects, and PROXY headers: from the options to how to dial, and what is told
 * of them. */
#ifndef VERBS_THROUGH_H
#define VERBS_THROUGH_H

#include "lang/call.h"

/* Fill in how->proxy and how->introduce, for this call; reads the credentials. */
int through_set(struct call *c, struct sk_dial_how *how);
/* After a failure: whose fault it was, beside it, where there was a proxy. Always -1. */
int through_failed(struct call *c, const struct sk_attempts *attempts);
/* Nobody came to accept: perhaps because the connections failed before. */
void through_note(struct call *c, const struct sk_sock *listener);

#endif
