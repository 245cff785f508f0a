/* Whom to trust: the one function that decides it, for clients and servers. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "tls/tls.h"

/* ---- Pins ---- */

void tls_pin_of(const X509 *cert, struct sk_tls_pin *pin) {
    unsigned char *der = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    memset(pin, 0, sizeof *pin);
    if (n > 0)
        EVP_Digest(der, (size_t)n, pin->sha256, NULL, EVP_sha256(), NULL);
    OPENSSL_free(der);
}

void tls_pin_text(const struct sk_tls_pin *pin, char dst[48]) {
    EVP_EncodeBlock((unsigned char *)dst, pin->sha256, sizeof pin->sha256);
}

static bool is_pinned(const struct sk_tls_settings *settings, const X509 *cert) {
    struct sk_tls_pin pin;
    tls_pin_of(cert, &pin);
    for (size_t i = 0; i < settings->pin_count; i++)
        if (memcmp(settings->pins[i].sha256, pin.sha256, sizeof pin.sha256) == 0)
            return true;
    return false;
}

/* ---- The decision ---- */

/* A key that is pinned needs no authority, unless one was named. */
static bool is_about_trust(int code) {
    return code == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT || code == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
           code == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT || code == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
           code == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE || code == X509_V_ERR_CERT_UNTRUSTED;
}

static struct tls *tls_of_store(X509_STORE_CTX *store) {
    return tls_of_ssl(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
}

/* Note every problem and go on: people want to hear all of them. */
static int collect(int ok, X509_STORE_CTX *store) {
    struct tls *t = tls_of_store(store);
    int code = X509_STORE_CTX_get_error(store);
    bool is_waived = t->settings->pin_count && !t->settings->has_own_ca && is_about_trust(code);
    if (!ok && !is_waived)
        tls_add_problem(t, X509_STORE_CTX_get_current_cert(store), X509_STORE_CTX_get_error_depth(store), code);
    return 1;
}

static void add_pin_problem(struct tls *t, const X509 *cert) {
    struct sk_tls_pin pin;
    char text[160], encoded[48], fix[160];
    tls_pin_of(cert, &pin);
    tls_pin_text(&pin, encoded);
    snprintf(text, sizeof text, "the key of the certificate is not the pinned one; its pin is %s", encoded);
    snprintf(fix, sizeof fix, "if the server has a new key on purpose: --pin %s", encoded);
    tls_add_words(t, 0, X509_V_ERR_CERT_REJECTED, text, fix);
}

static void start_over(struct tls *t) {
    sk_drop(t->problems);
    t->problems = sk_list();
}

bool tls_decide(struct tls *t) {
    struct sk_tls_settings *settings = t->settings;
    t->verified = t->problems.u.seq->count == 0;
    t->accepted = t->verified || (settings->insecure && !t->pin_failed);
    sk_drop(settings->problems);
    settings->problems = sk_copy(t->problems);
    return t->accepted || settings->inspect;
}

/* Pins, then everything that was collected. True: go on. */
static bool decide(struct tls *t, const X509 *peer) {
    t->pin_failed = t->settings->pin_count && !is_pinned(t->settings, peer);
    if (t->pin_failed)
        add_pin_problem(t, peer);
    return tls_decide(t);
}

int tls_verify(X509_STORE_CTX *store, void *arg) {
    struct tls *t = tls_of_store(store);
    (void)arg;
    start_over(t);
    X509_STORE_CTX_set_verify_cb(store, collect);
    if (X509_verify_cert(store) < 0) /* no memory, no certificate */
        tls_add_problem(t, NULL, 0, X509_V_ERR_UNSPECIFIED);
    ERR_clear_error(); /* the problems tell more */
    bool accepted = decide(t, X509_STORE_CTX_get0_cert(store));
    const struct sk_value *first = sk_at(&t->problems, 0);
    X509_STORE_CTX_set_error(store, accepted || !first ? X509_V_OK : (int)sk_get(first, "code")->u.i);
    return accepted;
}

/* A resumed session brings its certificate along; what time changes is looked at again. */
static void check_resumed(struct tls *t, X509 *peer) {
    int days, seconds;
    start_over(t);
    if (!ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(peer)) || days < 0 || seconds < 0)
        tls_add_problem(t, peer, 0, X509_V_ERR_CERT_HAS_EXPIRED);
    const X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
    char *ip = X509_VERIFY_PARAM_get1_ip_asc((X509_VERIFY_PARAM *)param);
    const unsigned flags = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
    if (ip ? X509_check_ip_asc(peer, ip, 0) != 1 : *t->name && X509_check_host(peer, t->name, 0, flags, NULL) != 1)
        tls_add_problem(t, peer, 0, ip ? X509_V_ERR_IP_ADDRESS_MISMATCH : X509_V_ERR_HOSTNAME_MISMATCH);
    OPENSSL_free(ip);
}

int tls_check_peer(struct tls *t, struct sk_err *err) {
    X509 *peer = SSL_get0_peer_certificate(t->ssl);
    if (!peer && t->settings->server)
        return 0;
    if (!peer)
        return sk_fail(err, SK_TLS_VERIFY, 0, "tls", "the server sent no certificate");
    if (!SSL_session_reused(t->ssl) || t->settings->server)
        return 0;
    check_resumed(t, peer);
    if (decide(t, peer))
        return 0;
    return sk_fail(err, SK_TLS_VERIFY, (int)sk_get(sk_at(&t->problems, 0), "code")->u.i, "tls", "%s",
                   sk_get(sk_at(&t->problems, 0), "text")->u.s->data);
}
