/* A certificate for one run: a new key, and the names that are listened on. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "tls/tls.h"

#define LIFETIME (30L * 24 * 3600) /* seconds */

static bool is_address(const char *name) {
    unsigned char ip[16];
    return sk_inet_pton(AF_INET, name, strlen(name), ip, NULL) > 0 ||
           sk_inet_pton(AF_INET6, name, strlen(name), ip, NULL) > 0;
}

static int add_extension(X509 *cert, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    int ok = extension && X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
    return ok;
}

static int add_names(X509 *cert, const char *const *names, size_t count) {
    struct sk_buf list = { 0 };
    for (size_t i = 0; i < count; i++)
        sk_buf_printf(&list, NULL, "%s%s:%s", i ? "," : "", is_address(names[i]) ? "IP" : "DNS", names[i]);
    sk_buf_add(&list, "", 1, NULL);
    int ok = count == 0 || add_extension(cert, NID_subject_alt_name, (const char *)sk_buf_data(&list));
    sk_buf_done(&list);
    return ok;
}

static int set_serial(X509 *cert) {
    uint64_t serial;
    return RAND_bytes((unsigned char *)&serial, sizeof serial) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1 | 1);
}

static int fill(X509 *cert, EVP_PKEY *key, const char *const *names, size_t count) {
    static const unsigned char who[] = "sockctl, self-signed";
    X509_NAME *name = X509_NAME_new();
    int ok = name && X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, who, -1, -1, 0) &&
             X509_set_version(cert, X509_VERSION_3) && set_serial(cert) && X509_set_subject_name(cert, name) &&
             X509_set_issuer_name(cert, name) && X509_gmtime_adj(X509_getm_notBefore(cert), -3600) &&
             X509_gmtime_adj(X509_getm_notAfter(cert), LIFETIME) && X509_set_pubkey(cert, key) &&
             add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") &&
             add_extension(cert, NID_key_usage, "critical,digitalSignature") &&
             add_extension(cert, NID_ext_key_usage, "serverAuth") && add_names(cert, names, count) &&
             X509_sign(cert, key, EVP_sha256());
    X509_NAME_free(name);
    return ok;
}

int tls_self_sign(SSL_CTX *ctx, const char *const *names, size_t count, struct sk_err *err) {
    char words[160];
    ERR_clear_error();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    int ok = key && cert && fill(cert, key, names, count) && SSL_CTX_use_certificate(ctx, cert) == 1 &&
             SSL_CTX_use_PrivateKey(ctx, key) == 1;
    X509_free(cert);
    EVP_PKEY_free(key);
    if (ok)
        return 0;
    tls_words(words, sizeof words);
    return sk_fail(err, SK_INTERNAL, 0, "tls", "no certificate could be made: %s", words);
}
