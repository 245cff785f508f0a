/* A socket with TLS under its buffer. One SSL serves a reader and a writer at once: each step is a call of OpenSSL that
 * never waits, and between two steps it is in order. */
#include <errno.h>
#include <linux/sockios.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/bytes.h"
#include "run/task.h"
#include "tls/tls.h"

static const size_t SLICE = 16 * 1024;      /* a record */
static const size_t OUT_ENOUGH = 64 * 1024; /* encrypted by one try */
#define FAREWELL_MOST (2 * SK_SECOND)       /* that close waits for a peer who takes nothing */
#define TICKET_MOST   (300 * SK_MS)         /* and for a session to keep */

/* ---- One step ---- */

void tls_begin(struct tls *t) {
    ERR_clear_error();
    errno = 0;
    t->tries = 0;
}

struct sk_err *tls_give_up(struct tls *t) {
    t->has_failed = true;
    if (!t->failure)
        t->failure = sk_alloc(sizeof *t->failure);
    return t->failure;
}

enum tls_step tls_judge(struct tls *t, int result) {
    int error = result > 0 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, result);
    tls_push(t);
    if (t->in.len == 0) /* who is idle from now on holds no memory for what comes */
        sk_buf_done(&t->in);
    switch (error) {
    case SSL_ERROR_NONE:
        return STEP_DONE;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return STEP_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return STEP_END;
    default:
        if (t->done && t->settings->allow_truncation && t->in_ended && t->in.len == 0)
            return STEP_END;
        tls_explain(t, error, tls_give_up(t));
        return STEP_FAILED;
    }
}

static ssize_t no_more(enum tls_step step) {
    errno = step == STEP_FAILED ? EPROTO : EAGAIN;
    return step == STEP_END ? 0 : -1;
}

static int failed(struct sk_sock *s, struct sk_err *err) {
    if (err)
        *err = *tls_of(s)->failure;
    return -1;
}

/* ---- Bytes ---- */

static const int NOT_HERE = MSG_OOB | MSG_ERRQUEUE;

/* As many records as are there without another receive. */
static ssize_t try_fill(struct sk_sock *s, void *buf, size_t n, int flags) {
    struct tls *t = tls_of(s);
    size_t got = 0, part;
    if (flags & NOT_HERE || t->has_failed) {
        errno = t->has_failed ? EPROTO : EOPNOTSUPP;
        return -1;
    }
    if (n == 0 || t->is_deaf)
        return 0;
    do {
        tls_begin(t);
        int r = flags & MSG_PEEK ? SSL_peek_ex(t->ssl, buf, n, &part)
                                 : SSL_read_ex(t->ssl, (char *)buf + got, n - got, &part);
        enum tls_step step = tls_judge(t, r);
        if (step != STEP_DONE)
            return got ? (ssize_t)got : no_more(step); /* an end or a failure comes once more */
        got += part;
    } while (got < n && !(flags & MSG_PEEK) && (SSL_pending(t->ssl) > 0 || t->in.len > 0));
    return (ssize_t)got;
}

/* The peer may have said why it takes nothing more: look. */
static ssize_t cannot_send(struct tls *t) {
    char byte;
    tls_begin(t);
    if (tls_judge(t, SSL_peek(t->ssl, &byte, 1)) == STEP_FAILED && t->failure->kind != SK_TLS_TRUNCATED)
        errno = EPROTO;
    else
        errno = t->out_error;
    return -1;
}

static ssize_t try_send(struct sk_sock *s, const void *buf, size_t n, int flags) {
    struct tls *t = tls_of(s);
    enum tls_step step = STEP_DONE;
    size_t sent = 0, part;
    t->send_wants_input = false;
    if (flags & NOT_HERE || t->has_failed || t->said_end) {
        errno = t->has_failed ? EPROTO : t->said_end ? EPIPE : EOPNOTSUPP;
        return -1;
    }
    if (!tls_push(t)) {
        errno = EAGAIN;
        return -1;
    }
    while (step == STEP_DONE && sent < n && t->out.len < OUT_ENOUGH && !t->out_error) {
        size_t left = n - sent;
        ERR_clear_error();
        t->tries = 0;
        int r = SSL_write_ex(t->ssl, (const char *)buf + sent, left < SLICE ? left : SLICE, &part);
        if (r > 0)
            sent += part;
        else
            step = tls_judge(t, r);
    }
    tls_push(t);
    if (sent)
        return (ssize_t)sent;
    if (t->out_error)
        return cannot_send(t);
    t->send_wants_input = step == STEP_AGAIN;
    return n ? no_more(step) : 0;
}

/* ---- Waiting ---- */

static short wants(struct sk_sock *s, short events, unsigned *spins) {
    struct tls *t = tls_of(s);
    if (t->moved != t->seen)
        *spins = 0;
    t->seen = t->moved;
    if ((events & POLLOUT) && t->send_wants_input)
        events = POLLIN;
    return t->out.len ? events | POLLOUT : events;
}

static int flush(struct sk_sock *s, const char *op, sk_time deadline, struct sk_err *err) {
    for (unsigned spins = 0; !tls_push(tls_of(s));)
        if (sk_again(s, POLLOUT, &spins, op, deadline, err) < 0)
            return -1;
    return 0;
}

/* POLLIN of the descriptor may be half a record, or a ticket: only a look inside tells. */
static short pending(struct sk_sock *s, short events, short revents) {
    static const short IN = POLLIN | POLLRDNORM;
    struct tls *t = tls_of(s);
    char byte;
    short come = revents & (short)~IN;
    bool is_ready = SSL_pending(t->ssl) > 0 || t->has_failed;
    if (!is_ready && (events & IN) && (t->in.len || revents & (IN | POLLHUP | POLLERR))) {
        tls_begin(t);
        is_ready = tls_judge(t, SSL_peek(t->ssl, &byte, 1)) != STEP_AGAIN;
    }
    if (!tls_push(t))
        come &= (short)~(POLLOUT | POLLWRNORM);
    return is_ready ? come | (events & IN) : come;
}

/* ---- Ends ---- */

/* close_notify, once. */
static void say_end(struct tls *t) {
    if (t->said_end || !t->done || t->has_failed)
        return;
    t->said_end = true;
    tls_begin(t);
    SSL_shutdown(t->ssl); /* 0 is success, and no error is asked for */
    tls_push(t);
}

static int shut(struct sk_sock *s, int how, struct sk_err *err) {
    struct tls *t = tls_of(s);
    if (t->has_failed)
        return failed(s, err);
    if (how != SHUT_RD)
        say_end(t);
    if (how != SHUT_WR)
        t->is_deaf = true;
    return 0;
}

enum heard { HEARD_NOTHING, HEARD_MORE, HEARD_END };

/* Receive and forget what is there. */
static enum heard drain(struct tls *t) {
    char waste[4096];
    enum heard heard = HEARD_NOTHING;
    for (unsigned most = 256; most; most--) {
        ssize_t n = sk_layer_plain.try_fill(t->s, waste, sizeof waste, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return HEARD_END;
        if (n < 0)
            break;
        heard = HEARD_MORE;
    }
    return heard;
}

/* Bytes that the peer's kernel has not confirmed (SIOCOUTQ), or that ours has not even sent (SIOCOUTQNSD). */
static int queued(const struct tls *t, unsigned long which) {
    int n = 0;
    bool is_ip = t->s->family == AF_INET || t->s->family == AF_INET6;
    return is_ip && ioctl(t->s->fd, which, &n) == 0 ? n : 0;
}

/* close while input is unread, or comes later, is a reset, which destroys what is still on its way to the peer
 * (DNS_TLS.md E.3). So wait until all of it is there; or until all was sent and the peer, after its tickets, is quiet:
 * then the kernel does the rest. */
static void farewell(struct tls *t) {
    sk_time limit = sk_after(FAREWELL_MOST), pause = SK_MS / 4;
    int before = -1;
    bool is_shut = false;
    bool has_spoken = t->settings->server || SSL_version(t->ssl) < TLS1_3_VERSION || t->moved != t->after;
    while (!t->out_error) {
        struct sk_err why;
        if (tls_push(t) && !is_shut) {
            shutdown(t->s->fd, SHUT_WR);
            is_shut = true;
        }
        enum heard heard = drain(t);
        int left = queued(t, SIOCOUTQ);
        bool is_sent = t->out.len == 0 && queued(t, SIOCOUTQNSD) == 0;
        if (heard == HEARD_END || (is_sent && (left == 0 || (heard == HEARD_NOTHING && has_spoken))))
            return;
        has_spoken |= heard == HEARD_MORE;
        if (left != before)
            limit = sk_after(FAREWELL_MOST);
        before = left;
        if (sk_left(limit) == 0)
            return;
        sk_time next = sk_after(pause);
        pause = pause < 16 * SK_MS ? 2 * pause : pause;
        if (sk_wait(t->s->fd, t->out.len ? POLLIN | POLLOUT : POLLIN, "close", next, &why) < 0 &&
            why.kind != SK_TIMEOUT)
            return;
    }
}

/* TLS 1.3 tickets come after the handshake. */
void tls_await_ticket(struct tls *t, sk_time deadline) {
    char byte;
    while (t->done && !t->has_failed) {
        tls_begin(t);
        if (tls_judge(t, SSL_peek(t->ssl, &byte, 1)) != STEP_AGAIN || t->ticket ||
            sk_wait(t->s->fd, POLLIN, "close", deadline, NULL) < 0)
            return;
    }
}

static void close_layer(struct sk_sock *s) {
    struct tls *t = tls_of(s);
    bool is_hurried = sk_canceled();
    if (is_hurried)
        sk_shield();
    if (!t->settings->server && t->settings->session && !t->ticket && t->done && SSL_version(t->ssl) == TLS1_3_VERSION)
        tls_await_ticket(t, sk_after(TICKET_MOST));
    say_end(t);
    if (t->done && !t->has_failed)
        farewell(t);
    else if (tls_push(t) && shutdown(s->fd, SHUT_WR) == 0) /* our alert should arrive */
        drain(t);
    if (is_hurried)
        sk_unshield();
    s->under = NULL;
    s->layer = &sk_layer_plain;
    tls_free(t);
}

/* ---- For people ---- */

static void put_text(struct sk_value *r, const char *key, const char *text) {
    sk_put(r, key, text && *text ? sk_text(text) : sk_null());
}

struct sk_value tls_describe(struct sk_sock *s) {
    struct tls *t = tls_of(s);
    const unsigned char *alpn;
    unsigned alpn_len;
    char text[1100]; /* a name of a protocol has 255 bytes */
    if (!t->done)
        return sk_null();
    struct sk_value r = sk_record();
    const X509 *peer = SSL_get0_peer_certificate(t->ssl);
    SSL_get0_alpn_selected(t->ssl, &alpn, &alpn_len);
    sk_put_main(&r, "version", sk_text(SSL_get_version(t->ssl)));
    put_text(&r, "cipher", SSL_get_cipher_name(t->ssl));
    int group = (int)SSL_get_negotiated_group(t->ssl);
    put_text(&r, "group", group ? SSL_group_to_name(t->ssl, group) : NULL);
    put_text(&r, "alpn", alpn_len ? sk_escape_cut(text, sizeof text, alpn, alpn_len) : NULL); /* whatever it says */
    put_text(&r, "sni", SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name));
    sk_put(&r, "verify", peer ? sk_bool(t->verified) : sk_null());
    put_text(&r, "name", t->name);
    sk_put(&r, "problems", sk_copy(t->problems));
    sk_put(&r, "ocsp", sk_copy(t->staple));
    if (peer)
        tls_subject(peer, text, sizeof text);
    put_text(&r, "peer_subject", peer ? text : NULL);
    if (peer)
        tls_date(X509_get0_notAfter(peer), text, &(int){ 0 });
    put_text(&r, "not_after", peer ? text : NULL);
    sk_put(&r, "resumed", sk_bool(SSL_session_reused(t->ssl)));
    sk_put(&r, "handshake_ms", sk_float((double)(t->took / 1000) / 1000));
    return r;
}

const struct sk_layer sk_layer_tls = {
    .name = "TLS",
    .try_fill = try_fill,
    .try_send = try_send,
    .failed = failed,
    .wants = wants,
    .flush = flush,
    .shut = shut,
    .pending = pending,
    .describe = tls_describe,
    .close = close_layer,
};
