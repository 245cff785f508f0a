/* Between OpenSSL and the descriptor. */
#include <errno.h>
#include <string.h>

#include "tls/tls.h"

static const size_t FIRST = 16 * 1024, MOST = 64 * 1024; /* bytes asked of the kernel: in the handshake, later */
static const size_t OUT_MOST = 4 * 1024 * 1024;          /* more than one step can write */
enum { TRIES_MOST = 64 };                                /* receives of one step */

/* One receive into t->in; errno tells why there is nothing. */
static void fill(struct tls *t) {
    size_t want = t->done ? MOST : FIRST;
    unsigned char *room = sk_buf_room(&t->in, want, NULL);
    ssize_t n = -1;
    errno = room ? EAGAIN : ENOMEM;
    if (room && t->tries++ < TRIES_MOST)
        n = sk_layer_plain.try_fill(t->s, room, want, MSG_DONTWAIT);
    if (n > 0) {
        if (t->first_len < FIRST_BYTES) {
            size_t left = FIRST_BYTES - t->first_len, more = (size_t)n < left ? (size_t)n : left;
            memcpy(t->first + t->first_len, room, more);
            t->first_len += more;
        }
        t->moved += (uint64_t)n;
        sk_buf_commit(&t->in, (size_t)n);
    } else if (n == 0) {
        t->in_ended = true;
    } else if (errno != EAGAIN) {
        t->in_error = errno;
    }
}

static int bio_read(BIO *bio, char *p, int n) {
    struct tls *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (t->in.len == 0 && !t->in_ended && !t->in_error)
        fill(t);
    if (t->in.len == 0) {
        if (!t->in_ended && !t->in_error)
            BIO_set_retry_read(bio);
        return t->in_ended ? 0 : -1;
    }
    size_t take = t->in.len < (size_t)n ? t->in.len : (size_t)n;
    memcpy(p, sk_buf_data(&t->in), take);
    sk_buf_consume(&t->in, take);
    return (int)take;
}

static int bio_write(BIO *bio, const char *p, int n) {
    struct tls *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (t->out_error) /* nobody gets it; what the peer said before is still worth reading */
        return n;
    if (t->out.len > OUT_MOST || sk_buf_add(&t->out, p, (size_t)n, NULL) < 0) {
        t->out_error = ENOBUFS;
        return -1;
    }
    return n;
}

static long bio_ctrl(BIO *bio, int what, long n, void *p) {
    struct tls *t = BIO_get_data(bio);
    (void)n;
    (void)p;
    switch (what) {
    case BIO_CTRL_FLUSH: /* a flight is complete */
        tls_push(t);
        return 1;
    case BIO_CTRL_EOF: /* tells an end of the connection from an error without errno */
        return t->in_ended && t->in.len == 0;
    default:
        return 0;
    }
}

BIO *tls_bio_new(struct tls *t) {
    static BIO_METHOD *method;
    if (!method && (method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sockctl"))) {
        BIO_meth_set_read(method, bio_read);
        BIO_meth_set_write(method, bio_write);
        BIO_meth_set_ctrl(method, bio_ctrl);
    }
    BIO *bio = method ? BIO_new(method) : NULL;
    if (bio) {
        BIO_set_data(bio, t);
        BIO_set_init(bio, 1);
    }
    return bio;
}

bool tls_push(struct tls *t) {
    while (t->out.len && !t->out_error) {
        ssize_t n = sk_layer_plain.try_send(t->s, sk_buf_data(&t->out), t->out.len, MSG_DONTWAIT);
        if (n >= 0)
            sk_buf_consume(&t->out, (size_t)n);
        else if (errno == EAGAIN)
            return false;
        else
            t->out_error = errno;
    }
    sk_buf_done(&t->out);
    return true;
}
