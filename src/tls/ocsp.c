/* OCSP stapling: what a server sends along about the state of its certificate (RFC 6066 section 8, RFC 6960). */
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "tls/tls.h"

enum { SKEW = 300 }; /* seconds that the clocks may differ */

enum state { ABSENT, GOOD, REVOKED, UNKNOWN, STALE, INVALID };
static const char *const state_names[] = { "absent", "good", "revoked", "unknown", "stale", "invalid" };

struct staple {
    enum state state;
    const ASN1_TIME *this_update, *next_update, *revoked; /* of `basic` */
    OCSP_RESPONSE *response;
    OCSP_BASICRESP *basic;
    const char *why; /* INVALID */
};

static void invalid(struct staple *a, const char *why) {
    a->state = INVALID;
    a->why = why;
}

/* The one who signed it: of the chain that was verified, else of what was sent. */
static X509 *issuer_of(struct tls *t, X509 *cert) {
    STACK_OF(X509) * chains[] = { SSL_get0_verified_chain(t->ssl), SSL_get_peer_cert_chain(t->ssl) };
    for (size_t c = 0; c < 2; c++)
        for (int i = 0; i < sk_X509_num(chains[c]); i++)
            if (X509_check_issued(sk_X509_value(chains[c], i), cert) == X509_V_OK)
                return sk_X509_value(chains[c], i);
    return NULL;
}

/* The part of the response that is about this certificate. */
static OCSP_SINGLERESP *find(OCSP_BASICRESP *basic, const X509 *cert, const X509 *issuer) {
    for (int i = 0; i < OCSP_resp_count(basic); i++) {
        OCSP_SINGLERESP *one = OCSP_resp_get0(basic, i);
        const OCSP_CERTID *theirs = OCSP_SINGLERESP_get0_id(one);
        ASN1_OBJECT *digest = NULL;
        OCSP_id_get0_info(NULL, &digest, NULL, NULL, (OCSP_CERTID *)theirs);
        const EVP_MD *md = digest ? EVP_get_digestbyobj(digest) : NULL;
        OCSP_CERTID *ours = md ? OCSP_cert_to_id(md, cert, issuer) : NULL;
        bool is_it = ours && OCSP_id_cmp(ours, theirs) == 0;
        OCSP_CERTID_free(ours);
        if (is_it)
            return one;
    }
    return NULL;
}

static void judge(struct staple *a, OCSP_SINGLERESP *one) {
    int reason;
    ASN1_GENERALIZEDTIME *revoked = NULL, *from = NULL, *to = NULL;
    int status = OCSP_single_get0_status(one, &reason, &revoked, &from, &to);
    a->this_update = from;
    a->next_update = to;
    if (status == V_OCSP_CERTSTATUS_REVOKED) {
        a->state = REVOKED;
        a->revoked = revoked;
    } else if (!OCSP_check_validity(from, to, SKEW, -1)) {
        a->state = STALE;
    } else {
        a->state = status == V_OCSP_CERTSTATUS_GOOD ? GOOD : UNKNOWN;
    }
}

static void look(struct tls *t, struct staple *a) {
    const unsigned char *p = NULL;
    long n = SSL_get_tlsext_status_ocsp_resp(t->ssl, &p);
    X509 *cert = SSL_get0_peer_certificate(t->ssl), *issuer = cert ? issuer_of(t, cert) : NULL;
    if (n <= 0 || !p)
        return;
    a->response = d2i_OCSP_RESPONSE(NULL, &p, n);
    if (!a->response)
        return invalid(a, "it cannot be read");
    if (OCSP_response_status(a->response) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
        return invalid(a, OCSP_response_status_str(OCSP_response_status(a->response)));
    a->basic = OCSP_response_get1_basic(a->response);
    if (!a->basic)
        return invalid(a, "it cannot be read");
    OCSP_SINGLERESP *one = issuer ? find(a->basic, cert, issuer) : NULL;
    if (!one)
        return invalid(a, issuer ? "it is about another certificate" : "the issuer of the certificate is not known");
    if (OCSP_basic_verify(a->basic, SSL_get_peer_cert_chain(t->ssl), SSL_CTX_get_cert_store(SSL_get_SSL_CTX(t->ssl)),
                          0) <= 0)
        return invalid(a, "its signature is not by the issuer or one it trusts");
    judge(a, one);
}

static struct sk_value record(const struct staple *a) {
    struct sk_value r = sk_record();
    sk_put_main(&r, "state", sk_text(state_names[a->state]));
    sk_put(&r, "this_update", a->this_update ? tls_time(a->this_update) : sk_null());
    sk_put(&r, "next_update", a->next_update ? tls_time(a->next_update) : sk_null());
    sk_put(&r, "revoked", a->revoked ? tls_time(a->revoked) : sk_null());
    sk_put(&r, "why", a->why ? sk_text(a->why) : sk_null());
    return r;
}

/* A revoked certificate is always one problem more; the rest only where a good response must be there. */
static void add_problem(struct tls *t, const struct staple *a) {
    char date[32], text[200] = "", fix[80] = "";
    int days;
    if (a->state == GOOD || (a->state != REVOKED && !t->settings->ocsp))
        return;
    snprintf(fix, sizeof fix, "let the server fetch a new response from its authority");
    if (a->state == ABSENT) {
        snprintf(text, sizeof text, "the server sent no OCSP response with its certificate");
        snprintf(fix, sizeof fix, "switch on stapling at the server, or leave out --ocsp");
    } else if (a->state == REVOKED) {
        tls_date(a->revoked, date, &days);
        snprintf(text, sizeof text, "the certificate was revoked on %s, as its OCSP response says", date);
        snprintf(fix, sizeof fix, "do not trust it; the server needs a new key and a new certificate");
    } else if (a->state == UNKNOWN) {
        snprintf(text, sizeof text, "the authority does not know the certificate, as its OCSP response says");
    } else if (a->state == STALE) {
        snprintf(text, sizeof text, "the OCSP response of the server is out of date");
    } else {
        snprintf(text, sizeof text, "the OCSP response of the server is not valid: %.100s", a->why);
    }
    tls_add_words(t, 0, a->state == REVOKED ? X509_V_ERR_CERT_REVOKED : X509_V_ERR_OCSP_VERIFY_FAILED, text, fix);
}

/* OpenSSL calls it when the certificate was verified, also when nothing was sent. 0 ends the handshake. */
static int on_status(SSL *ssl, void *arg) {
    struct tls *t = tls_of_ssl(ssl);
    struct staple a = { .state = ABSENT };
    (void)arg;
    if (SSL_session_reused(ssl)) /* it was looked at when the session was made, with these settings */
        return 1;
    look(t, &a);
    ERR_clear_error();
    sk_drop(t->staple);
    t->staple = record(&a);
    add_problem(t, &a);
    OCSP_BASICRESP_free(a.basic);
    OCSP_RESPONSE_free(a.response);
    return tls_decide(t);
}

void tls_ask_staple(SSL_CTX *ctx) {
    SSL_CTX_set_tlsext_status_type(ctx, TLSEXT_STATUSTYPE_ocsp);
    SSL_CTX_set_tlsext_status_cb(ctx, on_status);
}
