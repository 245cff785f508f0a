/* The socket object: a descriptor with its meaning, its timeout and its input buffer. */
#ifndef SK_SOCK_SOCK_H
#define SK_SOCK_SOCK_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "net/addr.h"
#include "run/sync.h"

enum sk_state { SK_NEW, SK_BOUND, SK_CONNECTING, SK_CONNECTED, SK_LISTENING, SK_ENDED /* peer closed */, SK_CLOSED };

#define SK_TIMEOUT_UNSET INT64_C(-1)

struct sk_sock;
struct sk_track;
struct sk_value;
struct sk_via;
struct sk_layer { /* what is under the buffer: plain, tls. The tries never wait. */
    const char *name;
    /* > 0, 0 = end, -1 with errno: EAGAIN; EPROTO: `failed` has the sentence. */
    ssize_t (*try_fill)(struct sk_sock *s, void *buf, size_t n, int flags);
    ssize_t (*try_send)(struct sk_sock *s, const void *buf, size_t n, int flags);
    /* The rest is NULL where the descriptor itself is all there is. */
    int (*failed)(struct sk_sock *s, struct sk_err *err);
    /* What to wait for on the descriptor after EAGAIN of a try to read (POLLIN) or write (POLLOUT). *spins becomes 0
     * when something moved since the last time. */
    short (*wants)(struct sk_sock *s, short events, unsigned *spins);
    /* Give the kernel what try_send took. */
    int (*flush)(struct sk_sock *s, const char *op, sk_time deadline, struct sk_err *err);
    int (*shut)(struct sk_sock *s, int how, struct sk_err *err);
    /* For poll: which of events hold, when the kernel says revents about the descriptor that `watched` names (revents
     * 0: it was not asked). */
    short (*pending)(struct sk_sock *s, short events, short revents);
    int (*watched)(const struct sk_sock *s);
    int (*accept)(struct sk_sock *listener, struct sk_sock **out, sk_time deadline, struct sk_err *err);
    struct sk_value (*describe)(struct sk_sock *s); /* a record for people, or null */
    void (*close)(struct sk_sock *s); /* before the descriptor: says goodbye, waits for it a while, frees `under` */
};

struct sk_fdmark { /* what is known about the bytes [at, last] of the input besides their values */
    uint64_t at;
    int *fds; /* descriptors that arrived with them: owned, or NULL */
    size_t count;
    struct sk_fdmark *next;
    uint64_t last;
    bool starts;          /* a datagram begins at `at` */
    struct sk_addr *peer; /* its sender, or NULL */
};

struct sk_sock {
    int fd, family, type, proto;
    enum sk_state state;
    bool was_timeout_set;
    bool is_accepted;
    bool bound;       /* by bind: what remains of a connect that failed */
    sk_time timeout;  /* settimeout: length in ns; 0 non-blocking, SK_NEVER for none, SK_TIMEOUT_UNSET */
    struct sk_buf in; /* received, not yet consumed; every consumer looks here first */
    bool at_end;      /* the peer's end was read from the kernel; `in` may still hold bytes */
    bool lent;        /* descriptor 0 to 2, or a dup of one: blocking for others, so every call carries MSG_DONTWAIT */
    int error;        /* errno of a receive that failed after data: told once the data is gone, or 0 */
    unsigned fill;    /* bytes the next fill asks for */
    struct sk_lock rlock, wlock;
    const struct sk_layer *layer;
    void *under; /* the layer's own */
    struct sk_fdmark *fdmarks, *fdmarks_last;
    uint64_t received,
        sent; /* totals: bytes taken from (out-of-band aside) and given to the kernel; in.len of them are buffered */
    size_t real_len;       /* length as sent of the datagram last given by sk_recv: above its result when it was cut */
    struct sk_addr peer;   /* as accepted, connected or told by a proxy; len 0 when not known without asking */
    struct sk_via *via;    /* the proxy that stands between (sock/via.h): owned, or NULL */
    struct sk_addr unlink; /* UNIX path that bind made: removed by close if it is still the file with this identity */
    dev_t unlink_dev;
    ino_t unlink_ino;
    char asked[256];        /* the name or address text given to connect, for TLS later */
    struct sk_track *track; /* where its trace is recorded (sock/tap.h), or NULL */
    void (*tap)(struct sk_sock *s, bool sent, const void *p, size_t n, void *arg); /* told as it happens, or NULL */
    void *tap_arg;
};

/* Makers: *out is stored at once. All sockets are CLOEXEC and non-blocking inside. */
int sk_sock_open(struct sk_sock **out, int family, int type, int proto, struct sk_err *err);
int sk_sock_pair(struct sk_sock *out[2], int family, int type, int proto, struct sk_err *err);
/* Take over a descriptor (fdopen, LISTEN_FDS, SCM_RIGHTS): learns family, type, proto, state. ENOTSOCK, EBADF.
 * O_NONBLOCK is set only on descriptors > 2. */
int sk_sock_adopt(struct sk_sock **out, int fd, struct sk_err *err);
int sk_sock_dup(struct sk_sock **out, struct sk_sock *s,
                struct sk_err *err); /* shares the kernel socket, not the buffer */
/* Close and keep the object as SK_CLOSED: later operations fail with EBADF, a second close is 0. Discards buffered
 * bytes; unlinks a UNIX path it made. */
int sk_sock_close(struct sk_sock *s, struct sk_err *err);
void sk_sock_free(struct sk_sock *s);

int sk_sock_bind(struct sk_sock *s, const struct sk_addr *addr, struct sk_err *err);
int sk_sock_listen(struct sk_sock *s, int backlog, struct sk_err *err);
int sk_sock_connect(struct sk_sock *s, const struct sk_addr *addr, sk_time deadline, struct sk_err *err);
int sk_sock_accept(struct sk_sock *listener, struct sk_sock **out, sk_time deadline, struct sk_err *err);
int sk_sock_shutdown(struct sk_sock *s, int how, struct sk_err *err);
/* End a connection as polite clients do, and free it: FIN, then what the peer still sends is discarded until its end or
 * the deadline, at most 1 MiB (close with unread data would be a reset). */
void sk_sock_part(struct sk_sock *s, sk_time deadline);
int sk_sock_local(struct sk_sock *s, struct sk_addr *addr, struct sk_err *err);
int sk_sock_remote(struct sk_sock *s, struct sk_addr *addr, struct sk_err *err);
const char *sk_state_name(const struct sk_sock *s); /* "new" "bound" "connecting" "open" "listen" "eof" "closed" */

/* Deadline of an operation: `length` (a -t, or SK_TIMEOUT_UNSET) over the socket's own timeout over `fallback`. A
 * socket timeout of 0 gives SK_NOWAIT. */
sk_time sk_sock_deadline(const struct sk_sock *s, sk_time length, sk_time fallback);

/* One receive of at most n bytes: buffered bytes first, else one recv(2) that fills the caller's memory. 0 is the
 * peer's end on stream sockets and a message of no bytes on datagram sockets. flags: MSG_PEEK, MSG_WAITALL, MSG_OOB,
 * MSG_DONTWAIT... (PEEK leaves bytes in the buffer; OOB and ERRQUEUE bypass it). */
ssize_t sk_recv(struct sk_sock *s, void *buf, size_t n, int flags, sk_time deadline, struct sk_err *err);
/* A loop of fills whose peer never pauses must look at its deadline itself (sk_charge): the first try is always made.
 * Bring at least one more byte into s->in by one receive (at most 256 KiB): 1, 0 at the peer's end, -1. Datagram
 * sockets: one datagram per fill, never merged. On UNIX sockets a recvmsg with room for control data: descriptors are
 * queued at their byte mark. */
int sk_fill(struct sk_sock *s, sk_time deadline, struct sk_err *err);
/* A line with its '\n' at the front of s->in: fills until one is there. Returns its length (not consumed); at the
 * peer's end what is there and *ended true; at most max bytes (max 0: 64 MiB limit, then SK_SYS EMSGSIZE). On failure
 * everything that came is in s->in. */
ssize_t sk_line(struct sk_sock *s, size_t max, bool *ended, sk_time deadline, struct sk_err *err);
/* Remove n bytes that a consumer has delivered; sk_unread gives undelivered ones back. */
void sk_consume(struct sk_sock *s, size_t n);
int sk_unread(struct sk_sock *s, const void *p, size_t n, struct sk_err *err);

/* One send: may be short. */
ssize_t sk_send(struct sk_sock *s, const void *buf, size_t n, int flags, sk_time deadline, struct sk_err *err);
/* All of it, or -1 with the count in *sent (always set). Non-blocking: what fits, then EAGAIN. */
int sk_send_all(struct sk_sock *s, const void *buf, size_t n, int flags, sk_time deadline, size_t *sent,
                struct sk_err *err);
/* From an open file: sendfile(2) where the layer is plain. count SIZE_MAX: to the end of the file. *sent always set. */
int sk_send_file(struct sk_sock *s, int file, off_t offset, size_t count, sk_time deadline, size_t *sent,
                 struct sk_err *err);

#endif
