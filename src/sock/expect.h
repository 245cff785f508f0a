/* Wait for bytes or a pattern in the stream; consume up to the end of the match and keep the rest. */
#ifndef SK_SOCK_EXPECT_H
#define SK_SOCK_EXPECT_H

#include "sock/regex.h"
#include "sock/sock.h"

/* Literal bytes (re NULL) or a regular expression. On success returns 0 with the match at s->in[*start .. *end),
 * nothing consumed yet: the caller builds its result and calls sk_consume(s, *end). `exact`: nothing may stand before
 * it. Failures leave all bytes in s->in: SK_TIMEOUT; SK_EXPECT when the peer ended without it, or the first differing
 * byte with `exact`. At most 64 MiB are held (SK_SYS EMSGSIZE). */
int sk_expect(struct sk_sock *s, const void *want, size_t n, struct sk_regex *re, bool exact, size_t *start,
              size_t *end, sk_time deadline, struct sk_err *err);
/* The peer closes (FIN) within the deadline, or resets with `reset`. SK_EXPECT when data or the other end comes
 * instead; data stays in s->in. */
int sk_expect_close(struct sk_sock *s, bool reset, sk_time deadline, struct sk_err *err);
/* Nothing arrives for ns: 0; SK_EXPECT with the bytes in s->in when something does, SK_EXPECT too when the peer ends or
 * resets. */
int sk_silent(struct sk_sock *s, sk_time ns, struct sk_err *err);

#endif
