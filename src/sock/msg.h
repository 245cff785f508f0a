/* Messages with addresses and ancillary data. */
#ifndef SK_SOCK_MSG_H
#define SK_SOCK_MSG_H

#include "base/value.h"
#include "sock/sock.h"

struct sk_cmsg {
    int level, type;
    const void *data;
    size_t len;
};

/* sendmsg(2), or sendto(2) without cmsgs: to may be NULL. Descriptors travel as a SOL_SOCKET SCM_RIGHTS cmsg whose data
 * are ints (at most 253). One call; may be short on streams. */
ssize_t sk_sendmsg(struct sk_sock *s, const void *buf, size_t n, const struct sk_addr *to, const struct sk_cmsg *cmsgs,
                   size_t ncmsgs, int flags, sk_time deadline, struct sk_err *err);

struct sk_message {
    struct sk_buf data;
    size_t real_len;       /* of a datagram that was cut; else data.len */
    struct sk_addr peer;   /* len 0: none */
    int flags;             /* msg_flags */
    struct sk_value items; /* list of records {level, type, data..., hex}: decoded SCM_RIGHTS, SCM_CREDENTIALS, PKTINFO,
                              TTL, TOS, TIMESTAMP(NS), IP_RECVERR */
    int *fds;              /* received descriptors: owned, closed by sk_message_done unless taken (set to -1) */
    size_t nfds;
};
#define SK_NO_ANCILLARY                                                                                                \
    ((size_t)-1) /* as ancsize: no room, so that the call is recvfrom(2); descriptors that come are closed by the      \
                    kernel */
/* recvmsg(2) of at most n bytes with ancsize bytes of room for control data (0: default 4096). Buffered stream bytes
 * come first, with the descriptors queued at them. MSG_TRUNC is added on datagram sockets so that the real length is
 * known. Returns 1, or 0 at a stream's end. */
int sk_recvmsg(struct sk_sock *s, size_t n, size_t ancsize, int flags, struct sk_message *out, sk_time deadline,
               struct sk_err *err);
void sk_message_done(struct sk_message *m);

#endif
