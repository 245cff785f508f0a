/* What is wrong with a certificate, in a sentence, and what to do about it. */
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "tls/tls.h"

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

/* ---- What to do ---- */

/* Where the authority says that its own certificate is (RFC 5280, 4.2.2.1); "" when it does not. */
static void issuer_place(const X509 *cert, char *dst, size_t size) {
    AUTHORITY_INFO_ACCESS *list = cert ? X509_get_ext_d2i(cert, NID_info_access, NULL, NULL) : NULL;
    *dst = '\0';
    for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(list) && !*dst; i++) {
        const ACCESS_DESCRIPTION *access = sk_ACCESS_DESCRIPTION_value(list, i);
        int type;
        const ASN1_STRING *text = GENERAL_NAME_get0_value(access->location, &type);
        if (OBJ_obj2nid(access->method) == NID_ad_ca_issuers && type == GEN_URI)
            sk_escape_cut(dst, size, ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
    }
    AUTHORITY_INFO_ACCESS_free(list);
}

static void chain_fix(const struct tls *t, const X509 *cert, int code, char *dst, size_t size) {
    char place[160], pin_text[48], issuer[160] = "?", subject[160] = "";
    struct sk_tls_pin pin;
    if (cert) {
        tls_issuer(cert, issuer, sizeof issuer);
        tls_subject(cert, subject, sizeof subject);
    }
    if (cert && (code == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT || strcmp(issuer, subject) == 0)) {
        tls_pin_of(cert, &pin);
        tls_pin_text(&pin, pin_text);
        snprintf(dst, size, "if this is the right one, trust it: --cafile with the certificate%s%s",
                 code == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ? " of this authority" : ", or --pin ",
                 code == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ? "" : pin_text);
        return;
    }
    issuer_place(cert, place, sizeof place);
    snprintf(dst, size,
             "let the %s send its whole chain (the file is often named fullchain.pem)%s%s; if '%s' is an "
             "authority of your own: --cafile",
             t->settings->server ? "client" : "server", *place ? "; what is missing is at " : "", place, issuer);
}

static void date_fix(int depth, bool expired, char *dst, size_t size) {
    snprintf(dst, size, "%s",
             !expired     ? "set the clock of this machine, or wait until then"
             : depth == 0 ? "renew it, and make the server load the new one"
                          : "let the server send the authority's new certificate, which came with the last renewal");
}

/* What to do about it; "": nothing that would be true for all. */
static void fix(const struct tls *t, const X509 *cert, int depth, int code, char *dst, size_t size) {
    const char *words = "";
    switch (code) {
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
        date_fix(depth, code == X509_V_ERR_CERT_HAS_EXPIRED, dst, size);
        return;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        chain_fix(t, cert, code, dst, size);
        return;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        snprintf(dst, size,
                 "connect by a name that it has, or say with --verify-name which one you mean; else it must "
                 "be renewed with the alternative name %.200s",
                 t->name);
        return;
    case X509_V_ERR_INVALID_PURPOSE:
        words = "get one whose extended key usage has serverAuth, and whose key usage has digitalSignature";
        break;
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
    case X509_V_ERR_INVALID_NON_CA:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
        words = "get one from an authority that may sign it";
        break;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
        words = "make a new key, P-256 or RSA of 2048 bits, and renew the certificate with it";
        break;
    case X509_V_ERR_CA_MD_TOO_WEAK:
        words = "renew it: authorities sign with SHA-256 today";
        break;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        words = "install the certificate again, with the chain that came with it";
        break;
    case X509_V_ERR_CERT_REVOKED:
        words = "do not trust it; the server needs a new key and a new certificate";
        break;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_HAS_EXPIRED:
        words = "fetch the current list of its issuer, and give it with --crl";
        break;
    default:
        break;
    }
    snprintf(dst, size, "%s", words);
}

/* ---- The list ---- */

void tls_add_words(struct tls *t, int depth, int code, const char *text, const char *what_to_do) {
    for (size_t i = 0; i < t->problems.u.seq->count; i++) /* 20 and 21 have one cause */
        if (strcmp(sk_get(sk_at(&t->problems, (int64_t)i), "text")->u.s->data, text) == 0)
            return;
    struct sk_value r = sk_record();
    sk_put(&r, "code", sk_int(code));
    sk_put(&r, "depth", sk_int(depth));
    sk_put_main(&r, "text", sk_text(text));
    sk_put(&r, "fix", *what_to_do ? sk_text(what_to_do) : sk_null());
    sk_push(&t->problems, r);
}

void tls_add_problem(struct tls *t, X509 *cert, int depth, int code) {
    char text[480], what_to_do[480];
    words(t, cert, depth, code, text, sizeof text);
    fix(t, cert, depth, code, what_to_do, sizeof what_to_do);
    tls_add_words(t, depth, code, text, what_to_do);
}
