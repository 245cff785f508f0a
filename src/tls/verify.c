/* Whom to trust: the one function that decides it, for clients and servers, and the words for each refusal. */
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

/* ---- Words ---- */

static void days_words(char *dst, size_t size, int days) {
    int n = days < 0 ? -days : days;
    if (n == 0)
        snprintf(dst, size, "today");
    else
        snprintf(dst, size, days < 0 ? "%d day%s ago" : "in %d day%s", n, n == 1 ? "" : "s");
}

/* "the certificate" of the peer itself, "the authority 'X'" above it. */
static void which(const X509 *cert, int depth, char *dst, size_t size) {
    char subject[160] = "";
    if (cert)
        tls_subject(cert, subject, sizeof subject);
    if (depth == 0)
        snprintf(dst, size, "the certificate");
    else
        snprintf(dst, size, "the authority '%s'", subject);
}

static void date_words(const X509 *cert, int depth, bool expired, char *dst, size_t size) {
    char who[200], date[32], when[32];
    int days;
    which(cert, depth, who, sizeof who);
    tls_date(expired ? X509_get0_notAfter(cert) : X509_get0_notBefore(cert), date, &days);
    days_words(when, sizeof when, days);
    if (expired)
        snprintf(dst, size, "%s expired on %s (%s)", who, date, when);
    else
        snprintf(dst, size, "%s is not valid before %s (%s): is the clock right?", who, date, when);
}

static void name_words(const struct tls *t, X509 *cert, char *dst, size_t size) {
    char names[240];
    bool is_named_old_way = false;
    tls_names(cert, names, sizeof names);
    if (!*names && *t->name) /* what browsers stopped to look at */
        is_named_old_way = X509_check_host(cert, t->name, 0, X509_CHECK_FLAG_ALWAYS_CHECK_SUBJECT, NULL) == 1;
    if (is_named_old_way)
        snprintf(dst, size, "only the old Common Name of the certificate is %.200s; it has no alternative name",
                 t->name);
    else
        snprintf(dst, size, "the certificate is for %s; %.200s was asked for", *names ? names : "no name at all",
                 t->name);
}

static void key_words(X509 *cert, int depth, char *dst, size_t size) {
    char who[200];
    const EVP_PKEY *key = cert ? X509_get0_pubkey(cert) : NULL;
    which(cert, depth, who, sizeof who);
    snprintf(dst, size, "the key of %s is too small (%d bits)", who, key ? EVP_PKEY_get_bits(key) : 0);
}

static void chain_words(const struct tls *t, const X509 *cert, int code, char *dst, size_t size) {
    char issuer[160] = "?", subject[160] = "?";
    if (cert) {
        tls_issuer(cert, issuer, sizeof issuer);
        tls_subject(cert, subject, sizeof subject);
    }
    if (code == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
        (cert && strcmp(issuer, subject) == 0 && t->settings->has_own_ca))
        snprintf(dst, size, "the certificate is self-signed: trust it with --cafile or --pin");
    else if (code == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN)
        snprintf(dst, size, "the chain ends in '%s', which is not trusted by %s", subject, t->settings->store);
    else
        snprintf(dst, size,
                 "the issuer '%s' is not known: the %s did not send its certificate, and %s does not have it", issuer,
                 t->settings->server ? "client" : "server", t->settings->store);
}

/* One sentence for a refusal of X509_verify_cert. */
static void words(const struct tls *t, X509 *cert, int depth, int code, char *dst, size_t size) {
    char who[200];
    which(cert, depth, who, sizeof who);
    switch (code) {
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
        date_words(cert, depth, code == X509_V_ERR_CERT_HAS_EXPIRED, dst, size);
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        name_words(t, cert, dst, size);
        break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        chain_words(t, cert, code, dst, size);
        break;
    case X509_V_ERR_INVALID_PURPOSE:
        snprintf(dst, size, "%s is not made for a TLS %s", who, t->settings->server ? "client" : "server");
        break;
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
    case X509_V_ERR_INVALID_NON_CA:
        snprintf(dst, size, "%s was signed by one that may not sign certificates", who);
        break;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
        key_words(cert, depth, dst, size);
        break;
    case X509_V_ERR_CA_MD_TOO_WEAK:
        snprintf(dst, size, "the signature of %s is too weak (%s)", who,
                 cert ? OBJ_nid2ln(X509_get_signature_nid(cert)) : "?");
        break;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        snprintf(dst, size, "the signature of %s does not match: it is damaged or forged", who);
        break;
    case X509_V_ERR_CERT_REVOKED:
        snprintf(dst, size, "%s was revoked", who);
        break;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
        snprintf(dst, size, "no revocation list (--crl) is by the issuer of %s", who);
        break;
    case X509_V_ERR_CRL_HAS_EXPIRED:
        snprintf(dst, size, "the revocation list for %s has expired", who);
        break;
    default:
        snprintf(dst, size, "%s: %s", who, X509_verify_cert_error_string(code));
    }
}

static void add_problem(struct tls *t, X509 *cert, int depth, int code) {
    char text[480];
    struct sk_value r = sk_record();
    words(t, cert, depth, code, text, sizeof text);
    for (size_t i = 0; i < t->problems.u.seq->count; i++) /* 20 and 21 have one cause */
        if (strcmp(sk_get(sk_at(&t->problems, (int64_t)i), "text")->u.s->data, text) == 0) {
            sk_drop(r);
            return;
        }
    sk_put(&r, "code", sk_int(code));
    sk_put(&r, "depth", sk_int(depth));
    sk_put_main(&r, "text", sk_text(text));
    sk_push(&t->problems, r);
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
        add_problem(t, X509_STORE_CTX_get_current_cert(store), X509_STORE_CTX_get_error_depth(store), code);
    return 1;
}

static void add_pin_problem(struct tls *t, const X509 *cert) {
    struct sk_value r = sk_record();
    struct sk_tls_pin pin;
    char text[160], encoded[48];
    tls_pin_of(cert, &pin);
    tls_pin_text(&pin, encoded);
    snprintf(text, sizeof text, "the key of the certificate is not the pinned one; its pin is %s", encoded);
    sk_put(&r, "code", sk_int(X509_V_ERR_CERT_REJECTED));
    sk_put(&r, "depth", sk_int(0));
    sk_put_main(&r, "text", sk_text(text));
    sk_push(&t->problems, r);
}

static void start_over(struct tls *t) {
    sk_drop(t->problems);
    t->problems = sk_list();
}

/* Pins, then everything that was collected. True: go on. */
static bool decide(struct tls *t, const X509 *peer) {
    struct sk_tls_settings *settings = t->settings;
    bool pin_failed = settings->pin_count && !is_pinned(settings, peer);
    if (pin_failed)
        add_pin_problem(t, peer);
    t->verified = t->problems.u.seq->count == 0;
    sk_drop(settings->problems);
    settings->problems = sk_copy(t->problems);
    return t->verified || (settings->insecure && !pin_failed);
}

int tls_verify(X509_STORE_CTX *store, void *arg) {
    struct tls *t = tls_of_store(store);
    (void)arg;
    start_over(t);
    X509_STORE_CTX_set_verify_cb(store, collect);
    if (X509_verify_cert(store) < 0) /* no memory, no certificate */
        add_problem(t, NULL, 0, X509_V_ERR_UNSPECIFIED);
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
        add_problem(t, peer, 0, X509_V_ERR_CERT_HAS_EXPIRED);
    const X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
    char *ip = X509_VERIFY_PARAM_get1_ip_asc((X509_VERIFY_PARAM *)param);
    const unsigned flags = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
    if (ip ? X509_check_ip_asc(peer, ip, 0) != 1 : *t->name && X509_check_host(peer, t->name, 0, flags, NULL) != 1)
        add_problem(t, peer, 0, ip ? X509_V_ERR_IP_ADDRESS_MISMATCH : X509_V_ERR_HOSTNAME_MISMATCH);
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
