/* All that is known about the peer of a connection, or about certificates in a file: for those who inspect. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "tls/tls.h"

/* ---- What is odd about a chain, but no reason to refuse it ---- */

static bool has(STACK_OF(X509) * list, const X509 *cert) {
    for (int i = 0; i < sk_X509_num(list); i++)
        if (X509_cmp(sk_X509_value(list, i), cert) == 0)
            return true;
    return false;
}

static void note(struct sk_value *notes, const X509 *cert, int place, const char *what) {
    char subject[160], text[300];
    tls_subject(cert, subject, sizeof subject);
    snprintf(text, sizeof text, "certificate %d, '%s', %s", place, subject, what);
    sk_push(notes, sk_text(text));
}

static struct sk_value notes_about(const struct tls *t, STACK_OF(X509) * sent, STACK_OF(X509) * verified) {
    enum { MOST = 8 };
    struct sk_value notes = sk_list();
    int count = sk_X509_num(sent);
    bool is_trusted = t->verified && sk_X509_num(verified) > 0;
    for (int i = 1; i < count && notes.u.seq->count < MOST; i++) {
        X509 *cert = sk_X509_value(sent, i);
        if (X509_check_issued(cert, cert) == X509_V_OK)
            note(&notes, cert, i, "is a root: clients have it, the server need not send it");
        else if (is_trusted && !has(verified, cert))
            note(&notes, cert, i, "leads nowhere: the server need not send it");
        else if (X509_check_issued(cert, sk_X509_value(sent, i - 1)) != X509_V_OK)
            note(&notes, cert, i, "is out of order: each must be by the next");
    }
    int last = sk_X509_num(verified) - 1;
    if (is_trusted && last > 0 && !has(sent, sk_X509_value(verified, last))) {
        char subject[160], text[400];
        tls_subject(sk_X509_value(verified, last), subject, sizeof subject);
        snprintf(text, sizeof text, "the chain ends in '%s', which %.120s has", subject, t->settings->store);
        sk_push(&notes, sk_text(text));
    }
    return notes;
}

static struct sk_value chain_of(const X509 *peer, STACK_OF(X509) * sent) {
    struct sk_value chain = sk_list();
    if (sk_X509_num(sent) <= 0 && peer) /* resumed */
        sk_push(&chain, tls_certificate(peer));
    for (int i = 0; i < sk_X509_num(sent); i++)
        sk_push(&chain, tls_certificate(sk_X509_value(sent, i)));
    return chain;
}

static void put_common(struct sk_value *r, const struct tls *t) {
    sk_put(r, "name", *t->name ? sk_text(t->name) : sk_null());
    sk_put(r, "verify", sk_bool(t->verified));
    sk_put(r, "accepted", sk_bool(t->accepted));
    sk_put(r, "problems", sk_copy(t->problems));
}

/* ---- A connection ---- */

static struct sk_value session_value(SSL_SESSION *session) {
    if (!session)
        return sk_null();
    struct sk_value r = sk_record();
    bool is_ticket = SSL_SESSION_has_ticket(session);
    sk_put_main(&r, "by", sk_text(is_ticket ? "ticket" : "session id"));
    sk_put(&r, "lifetime", is_ticket ? sk_int((int64_t)SSL_SESSION_get_ticket_lifetime_hint(session)) : sk_null());
    return r;
}

int tls_report(struct sk_sock *s, struct sk_value *out, struct sk_err *err) {
    if (s->layer != &sk_layer_tls)
        return sk_fail_usage(err, "there is no TLS on this socket");
    struct tls *t = tls_of(s);
    struct sk_value r = sk_record();
    char said[4 * FIRST_BYTES + 1];
    const char *protocol;
    bool is_plain = tls_said(t, said, sizeof said, &protocol);
    STACK_OF(X509) *sent = SSL_get_peer_cert_chain(t->ssl);
    X509 *peer = SSL_get0_peer_certificate(t->ssl);
    put_common(&r, t);
    sk_put(&r, "agreed", tls_describe(s));
    sk_put(&r, "client_certificate", sk_bool(t->was_asked_for_cert));
    sk_put(&r, "ocsp", sk_copy(t->staple));
    sk_put(&r, "session", session_value(t->ticket));
    sk_put(&r, "said", is_plain ? sk_text(said) : sk_null());
    sk_put(&r, "protocol", is_plain && *protocol ? sk_text(protocol) : sk_null());
    sk_put(&r, "notes", notes_about(t, sent, SSL_get0_verified_chain(t->ssl)));
    sk_put(&r, "chain", chain_of(peer, sent));
    *out = r;
    return 0;
}

/* ---- A file ---- */

/* Every certificate in it, PEM or one in DER; NULL with *err. */
static STACK_OF(X509) * read_certificates(const struct sk_tls_file *file, struct sk_err *err) {
    STACK_OF(X509) *list = sk_X509_new_null();
    BIO *bio = BIO_new_mem_buf(file->p, (int)file->n);
    for (X509 *cert; list && bio;) {
        cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (!cert && sk_X509_num(list) == 0 && BIO_reset(bio) >= 0)
            cert = d2i_X509_bio(bio, NULL);
        if (!cert || !sk_X509_push(list, cert)) {
            X509_free(cert);
            break;
        }
    }
    BIO_free(bio);
    ERR_clear_error();
    if (list && sk_X509_num(list) > 0)
        return list;
    sk_X509_free(list);
    sk_fail_usage(err, "%.200s: no certificate is in it (PEM or DER)", file->name);
    return NULL;
}

/* As libssl sets it up before it calls tls_verify for a connection. */
static bool verify(struct tls *t, X509_STORE_CTX *ctx, STACK_OF(X509) * list) {
    X509_STORE *store = SSL_CTX_get_cert_store(t->settings->ctx);
    if (!ctx || !X509_STORE_CTX_init(ctx, store, sk_X509_value(list, 0), list) ||
        !X509_STORE_CTX_set_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx(), t->ssl) ||
        !X509_STORE_CTX_set_default(ctx, "ssl_server"))
        return false;
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_auth_level(param, SSL_get_security_level(t->ssl));
    if (!X509_VERIFY_PARAM_set1(param, SSL_get0_param(t->ssl)))
        return false;
    tls_verify(ctx, NULL);
    return true;
}

int tls_examine(struct sk_tls_settings *settings, const struct sk_tls_file *file, const char *name,
                struct sk_value *out, struct sk_err *err) {
    STACK_OF(X509) *list = read_certificates(file, err);
    struct tls *t = list ? tls_new(settings, name, err) : NULL;
    int rc = -1;
    if (t) {
        X509_STORE_CTX *ctx = X509_STORE_CTX_new();
        if (verify(t, ctx, list)) {
            struct sk_value r = sk_record();
            put_common(&r, t);
            sk_put(&r, "notes", notes_about(t, list, X509_STORE_CTX_get0_chain(ctx)));
            sk_put(&r, "chain", chain_of(NULL, list));
            *out = r;
            rc = 0;
        } else {
            sk_fail(err, SK_INTERNAL, 0, "tls", "%.200s cannot be verified: no memory", file->name);
        }
        X509_STORE_CTX_free(ctx);
        tls_free(t);
    }
    sk_X509_pop_free(list, X509_free);
    return rc;
}
