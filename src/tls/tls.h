/* What the files of this room share. One connection is a struct tls under a socket; what it was asked for is counted
 * settings, made once. All calls of OpenSSL on a connection go through the three steps of layer.c and handshake.c. */
#ifndef SK_TLS_TLS_H
#define SK_TLS_TLS_H

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "sock/layer.h"
#include "sock/tls.h"

enum { DIGEST = 32, FIRST_BYTES = 64 };

struct sk_tls_settings {
    unsigned refs;
    unsigned char digest[DIGEST]; /* of the configuration: equal ones are one object, and sessions belong to one */
    SSL_CTX *ctx;                 /* of the first identity */
    SSL_CTX **others;             /* of those chosen by SNI */
    size_t other_count;
    bool server, insecure, allow_truncation, has_own_ca;
    bool ocsp, alpn_required; /* must be there, and good */
    bool inspect;             /* nothing that is wrong with the peer ends a handshake: it is noted */
    struct sk_tls_pin *pins;
    size_t pin_count;
    unsigned char *alpn; /* as it goes over the wire, or NULL */
    size_t alpn_len;
    char *sni;     /* NULL: the name; "": none */
    char *session; /* path, or NULL */
    int keylog;    /* descriptor, or -1; owned */
    bool has_identity;
    char own_pin[48];
    char store[160];          /* where trust comes from, for sentences */
    struct sk_value problems; /* of the last verification that failed or would have */
};

struct tls {
    SSL *ssl;
    struct sk_tls_settings *settings; /* a reference */
    struct sk_sock *s;
    struct sk_buf in, out; /* from and for the kernel */
    bool in_ended;         /* the kernel told the end */
    int in_error, out_error;
    unsigned tries;                   /* receives by the current step */
    uint64_t moved, seen;             /* bytes from the kernel: all, when `wants` last looked */
    uint64_t after;                   /* of them when the handshake was done */
    unsigned char first[FIRST_BYTES]; /* what the peer said first */
    size_t first_len;
    bool done;               /* the first handshake is over */
    bool send_wants_input;   /* the last try to send must wait for input */
    bool was_asked_for_cert; /* by the server */
    bool said_end, is_deaf;  /* shutdown wr, rd */
    bool verified, pin_failed;
    bool accepted;            /* verified, or nobody minds */
    struct sk_value problems; /* of this verification: a list of records */
    struct sk_value staple;   /* what the server sent with its certificate (OCSP), a record, or null: not asked for */
    bool has_failed;
    struct sk_err *failure; /* then every try says this */
    char *name;             /* that the peer was verified for; "" for none */
    SSL_SESSION *ticket;    /* the last one, not yet kept in the file or handed out */
    sk_time began, took;    /* the handshake */
};

extern const struct sk_layer sk_layer_tls;
static inline struct tls *tls_of(const struct sk_sock *s) { return s->under; }
struct tls *tls_of_ssl(const SSL *ssl);

/* bio.c: between OpenSSL and the descriptor. Its receives never wait, and are limited in number for each step; what it
 * sends is only appended to t->out, so that no record is ever half written. */
BIO *tls_bio_new(struct tls *t);
/* Give the kernel what it takes of t->out. False: some is left. */
bool tls_push(struct tls *t);

/* layer.c */
enum tls_step { STEP_DONE, STEP_AGAIN, STEP_END, STEP_FAILED /* t->failure */ };
/* Before a call of OpenSSL that may fail. */
void tls_begin(struct tls *t);
/* From now on every try fails with what is put here. */
struct sk_err *tls_give_up(struct tls *t);
/* What the result of SSL_... means; pushes what it left to be sent. */
enum tls_step tls_judge(struct tls *t, int result);

/* Something of a peer that has spoken after the handshake, or a ticket, or the deadline. */
void tls_await_ticket(struct tls *t, sk_time deadline);
/* A record of what was agreed on; null before the handshake. */
struct sk_value tls_describe(struct sk_sock *s);

/* errors.c: the first entry of OpenSSL's queue in words; the queue is empty afterwards. */
void tls_words(char *dst, size_t size);
/* The failure of a step, from OpenSSL's queue and what is known about the connection. */
void tls_explain(struct tls *t, int ssl_error, struct sk_err *err);

/* Did it say something that is no TLS? Then what, escaped, and the protocol of it: a word for --starttls, "http",
 * "ssh", or "". */
bool tls_said(const struct tls *t, char *dst, size_t size, const char **protocol);

/* handshake.c */
int tls_attach(struct sk_sock *s, struct sk_tls_settings *settings, const char *name, struct sk_err *err);
int tls_handshake(struct sk_sock *s, sk_time deadline, struct sk_err *err);
int tls_start(struct sk_sock *s, struct sk_tls_settings *settings, const char *name, sk_time deadline,
              struct sk_err *err);
int tls_resume(struct sk_sock *s, struct sk_tls_settings *settings, const struct sk_tls_session *session,
               const char *name, sk_time deadline, struct sk_err *err);
/* A connection that is not made: to verify with the same settings. NULL with *err. */
struct tls *tls_new(struct sk_tls_settings *settings, const char *name, struct sk_err *err);
void tls_free(struct tls *t);

/* verify.c: the one place that decides whom to trust. */
int tls_verify(X509_STORE_CTX *store, void *arg); /* for SSL_CTX_set_cert_verify_callback */
/* After a handshake: what a resumed one did not verify again. */
int tls_check_peer(struct tls *t, struct sk_err *err);
/* After a problem was added later. True: go on. */
bool tls_decide(struct tls *t);
void tls_pin_of(const X509 *cert, struct sk_tls_pin *pin);
void tls_pin_text(const struct sk_tls_pin *pin, char dst[48]);

/* problems.c: one more of t->problems, in words, unless they are there already. */
void tls_add_problem(struct tls *t, X509 *cert, int depth, int code);
void tls_add_words(struct tls *t, int depth, int code, const char *text, const char *what_to_do);

/* ocsp.c: ask servers for a response about their certificate, and look at it. */
void tls_ask_staple(SSL_CTX *ctx);

/* report.c */
int tls_report(struct sk_sock *s, struct sk_value *out, struct sk_err *err);
int tls_examine(struct sk_tls_settings *settings, const struct sk_tls_file *file, const char *name,
                struct sk_value *out, struct sk_err *err);
struct sk_value tls_time(const ASN1_TIME *t); /* "2025-11-02T10:20:30Z", or null */

/* certificate.c */
struct sk_value tls_certificate(const X509 *cert);
/* "mx.example, *.mx.example (+2)": whom it is for. */
void tls_names(const X509 *cert, char *dst, size_t size);
/* Its subject's common name, or all of the subject; escaped. */
void tls_subject(const X509 *cert, char *dst, size_t size);
void tls_issuer(const X509 *cert, char *dst, size_t size);
/* "2025-11-02", and how many days from now. */
void tls_date(const ASN1_TIME *t, char dst[32], int *days);

/* settings.c */
int tls_settings_new(struct sk_tls_settings **out, const struct sk_tls_config *config, bool server, struct sk_err *err);
void tls_settings_free(struct sk_tls_settings *settings);
struct sk_tls_settings *tls_settings_ref(struct sk_tls_settings *settings);

/* load.c: files into a context. */
int tls_load_trust(SSL_CTX *ctx, const struct sk_tls_config *config, bool server, struct sk_tls_settings *settings,
                   struct sk_err *err);
int tls_load_identity(SSL_CTX *ctx, const struct sk_tls_identity *identity, const char *passphrase, struct sk_err *err);
/* selfsigned.c */
int tls_self_sign(SSL_CTX *ctx, const char *const *names, size_t count, struct sk_err *err);

/* session.c: tickets in a file, secrets for wireshark. */
struct sk_tls_session { /* counted by OpenSSL */
    SSL_SESSION *session;
};
void tls_session_use(struct tls *t);
void tls_session_keep(struct tls *t);
int tls_session_new(SSL *ssl, SSL_SESSION *session);
int tls_settle(struct sk_sock *s, sk_time deadline, struct sk_err *err);
struct sk_tls_session *tls_session_take(struct sk_sock *s);
void tls_session_free(struct sk_tls_session *session);
void tls_keylog(const SSL *ssl, const char *line);

/* listen.c */
int tls_listen(struct sk_sock *s, struct sk_tls_settings *settings, struct sk_err *err);

#endif
