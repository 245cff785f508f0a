/* Sessions that outlive the process, in a file; secrets for those who look at the traffic. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tls/tls.h"

/* Before the session itself, which PEM readers skip: what it was made with, since it must not be resumed with other
 * settings or for another name (RELIABILITY.md D4, row 68). */
static void head(const struct tls *t, char dst[400]) {
    int n = snprintf(dst, 400, "sockctl session of %s, settings ", *t->name ? t->name : "-");
    for (int i = 0; i < DIGEST; i++)
        n += snprintf(dst + n, 400 - (size_t)n, "%02x", t->settings->digest[i]);
    snprintf(dst + n, 400 - (size_t)n, "\n");
}

void tls_session_use(struct tls *t) {
    char wanted[400], line[400];
    if (!t->settings->session)
        return;
    BIO *bio = BIO_new_file(t->settings->session, "r");
    head(t, wanted);
    if (bio && BIO_gets(bio, line, sizeof line) > 0 && strcmp(line, wanted) == 0) {
        SSL_SESSION *session = PEM_read_bio_SSL_SESSION(bio, NULL, NULL, NULL);
        if (session && SSL_SESSION_is_resumable(session))
            SSL_set_session(t->ssl, session);
        SSL_SESSION_free(session);
    }
    BIO_free(bio);
    ERR_clear_error();
}

/* A new ticket: kept in memory, because nothing is written in the middle of a call of OpenSSL. */
int tls_session_new(SSL *ssl, SSL_SESSION *session) {
    struct tls *t = tls_of_ssl(ssl);
    if (!t || !(t->settings->session || t->settings->inspect))
        return 0;
    SSL_SESSION_free(t->ticket);
    t->ticket = session;
    return 1;
}

/* Beside the file first, so that nobody reads half of one. */
void tls_session_keep(struct tls *t) {
    char line[400], beside[4096];
    if (!t->settings->session) {
        SSL_SESSION_free(t->ticket);
        t->ticket = NULL;
    }
    if (!t->ticket)
        return;
    int n = snprintf(beside, sizeof beside, "%s.%ld", t->settings->session, (long)getpid());
    int fd = n < (int)sizeof beside ? open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    BIO *bio = fd >= 0 ? BIO_new_fd(fd, BIO_CLOSE) : NULL;
    head(t, line);
    bool ok = bio && BIO_puts(bio, line) > 0 && PEM_write_bio_SSL_SESSION(bio, t->ticket);
    BIO_free(bio);
    if (ok)
        ok = rename(beside, t->settings->session) == 0;
    if (!ok && fd >= 0)
        unlink(beside);
    SSL_SESSION_free(t->ticket);
    t->ticket = NULL;
    ERR_clear_error();
}

/* ---- Handed out ---- */

int tls_settle(struct sk_sock *s, sk_time deadline, struct sk_err *err) {
    struct tls *t = tls_of(s);
    tls_await_ticket(t, deadline);
    if (t->has_failed)
        *err = *t->failure;
    return t->has_failed ? -1 : 0;
}

struct sk_tls_session *tls_session_take(struct sk_sock *s) {
    struct tls *t = tls_of(s);
    if (!t->ticket || !SSL_SESSION_is_resumable(t->ticket))
        return NULL;
    struct sk_tls_session *session = sk_alloc(sizeof *session);
    session->session = t->ticket;
    t->ticket = NULL;
    return session;
}

void tls_session_free(struct sk_tls_session *session) {
    SSL_SESSION_free(session->session);
    free(session);
}

void tls_keylog(const SSL *ssl, const char *line) {
    const struct tls *t = tls_of_ssl(ssl);
    char text[512];
    int n = snprintf(text, sizeof text, "%s\n", line);
    ssize_t r = 0;
    if (t && t->settings->keylog >= 0 && n > 0 && (size_t)n < sizeof text)
        do
            r = write(t->settings->keylog, text, (size_t)n);
        while (r < 0 && errno == EINTR);
}
