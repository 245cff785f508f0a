/* The plain layer, and what the files of this room share. Nothing here is for others except sk_layer_plain. */
#ifndef SK_SOCK_LAYER_H
#define SK_SOCK_LAYER_H

#include <sys/socket.h>

#include "run/wait.h"
#include "sock/sock.h"

/* recv(2) and send(2) as they are: what a new socket has. */
extern const struct sk_layer sk_layer_plain;

/* One recvmsg(2) or sendmsg(2) with one iovec, never waiting: >= 0, or -1 with errno. */
ssize_t sk_try_recvmsg(struct sk_sock *s, struct msghdr *msg, int flags);
ssize_t sk_try_sendmsg(struct sk_sock *s, const struct msghdr *msg, int flags);

/* sk_sock_accept without the layer: accept4(2) alone. */
int sk_accept_plain(struct sk_sock *listener, struct sk_sock **out, sk_time deadline, struct sk_err *err);

/* EBADF when the socket was closed, else 0. */
int sk_sock_check(const struct sk_sock *s, const char *op, struct sk_err *err);
/* After EAGAIN: wait for events with the deadline; 0 means try again. *spins counts the waits of one operation, so that
 * readiness which is none (a full queue of an unconnected UNIX datagram peer) costs pauses, not a processor. */
int sk_again(struct sk_sock *s, short events, unsigned *spins, const char *op, sk_time deadline, struct sk_err *err);

/* sk_charge before a try: the first is made however late it is (-t 0 tries once), and a non-blocking caller has no time
 * to pass. */
static inline int sk_step(size_t cost, const char *op, sk_time deadline, bool first, struct sk_err *err) {
    return sk_charge(cost, op, first || deadline == SK_NOWAIT ? SK_NEVER : deadline, err);
}

static inline bool sk_is_message(const struct sk_sock *s) { return s->type != SOCK_STREAM; }
/* Whether 0 bytes mean the peer's end. */
static inline bool sk_can_end(const struct sk_sock *s) { return s->type == SOCK_STREAM || s->type == SOCK_SEQPACKET; }
static inline bool sk_is_plain(const struct sk_sock *s) { return s->layer == &sk_layer_plain; }

/* Account for n bytes at p that one receive brought (0: an end or an empty message), for those that were sent. peer:
 * of a datagram, or NULL. */
void sk_note_received(struct sk_sock *s, const void *p, size_t n, const struct sk_addr *peer);
void sk_note_sent(struct sk_sock *s, const void *p, size_t n, const struct sk_addr *peer);
/* A receive or send failed: keep the state true, make the sentence, return -1. */
int sk_receive_failed(struct sk_sock *s, int errnum, const char *op, struct sk_err *err);
int sk_send_failed(struct sk_sock *s, int errnum, const char *op, struct sk_err *err);

enum sk_filled { SK_FILL_END, SK_FILL_DATA, SK_FILL_EMPTY /* a message of no bytes */ };
/* sk_fill for holders of the read lock: one receive, or -1. */
int sk_fill_once(struct sk_sock *s, const char *op, sk_time deadline, struct sk_err *err);
/* The same until n bytes of a stream are buffered, or fewer where it ends, fails (the next receive tells) or, not
 * blocking, has no more: 0, or -1 when nothing came or time ran out. */
int sk_fill_to(struct sk_sock *s, size_t n, const char *op, sk_time deadline, struct sk_err *err);
/* sk_send_all for holders of the write lock. */
int sk_send_rest(struct sk_sock *s, const void *buf, size_t n, int flags, const char *op, sk_time deadline,
                 size_t *sent, struct sk_err *err);

/* Position in the stream of the first buffered byte. */
static inline uint64_t sk_front(const struct sk_sock *s) { return s->received - s->in.len; }
/* A mark for the n bytes that are about to be counted; the caller fills in the rest. */
struct sk_fdmark *sk_mark_add(struct sk_sock *s, size_t n);
/* Collect the descriptors of a received control block into *fds (grown): close them if fds is NULL. */
void sk_cmsg_fds(struct msghdr *msg, int **fds, size_t *count);
/* Bytes from the front up to the end of the buffered datagram (all of them on streams). */
size_t sk_mark_message(const struct sk_sock *s);
/* The sender of the datagram at the front, or NULL. */
const struct sk_addr *sk_mark_peer(const struct sk_sock *s);
/* The first mark with descriptors that begins before position `before`, or NULL. */
struct sk_fdmark *sk_mark_fds(struct sk_sock *s, uint64_t before);
/* Forget marks that lie before the front; their descriptors are closed. */
void sk_marks_drop(struct sk_sock *s);
void sk_marks_done(struct sk_sock *s);

#endif
