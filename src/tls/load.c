/* Files that the caller has read, into a context: authorities, revocation lists, certificates with their keys. */
#include <dirent.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdio.h>
#include <string.h>

#include "tls/tls.h"

static BIO *open_file(const struct sk_tls_file *file) { return BIO_new_mem_buf(file->p, (int)file->n); }

/* OpenSSL's sentence behind ours. Always -1. */
static int bad_file(const struct sk_tls_file *file, const char *what, struct sk_err *err) {
    char words[160];
    tls_words(words, sizeof words);
    return sk_fail_usage(err, "%.200s: %s (%s)", file->name, what, words);
}

/* ---- Trust ---- */

/* Every certificate of the file, PEM or one in DER, into the store: how many, or -1. */
static int add_authorities(X509_STORE *store, const struct sk_tls_file *file, STACK_OF(X509_NAME) * names) {
    int count = 0;
    BIO *bio = open_file(file);
    for (X509 *cert; bio; count++) {
        cert = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
        if (!cert && count == 0 && BIO_reset(bio) >= 0)
            cert = d2i_X509_bio(bio, NULL);
        if (!cert)
            break;
        if (!X509_STORE_add_cert(store, cert))
            count = -2;
        if (names && count >= 0) {
            X509_NAME *name = X509_NAME_dup(X509_get_subject_name(cert));
            if (name && !sk_X509_NAME_push(names, name))
                X509_NAME_free(name);
        }
        X509_free(cert);
        if (count < 0)
            break;
    }
    BIO_free(bio);
    return count;
}

static int use_authorities(SSL_CTX *ctx, const struct sk_tls_file *file, bool server, struct sk_err *err) {
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    STACK_OF(X509_NAME) *names = server ? sk_X509_NAME_new_null() : NULL;
    ERR_clear_error();
    if (add_authorities(store, file, names) <= 0) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return bad_file(file, "no certificate is in it", err);
    }
    if (names)
        SSL_CTX_set_client_CA_list(ctx, names);
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN); /* what the user names is trusted, root or not */
    return 0;
}

static int use_crl(SSL_CTX *ctx, const struct sk_tls_file *file, struct sk_err *err) {
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    int count = 0;
    ERR_clear_error();
    BIO *bio = open_file(file);
    for (X509_CRL *crl; bio; count++) {
        crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
        if (!crl && count == 0 && BIO_reset(bio) >= 0)
            crl = d2i_X509_CRL_bio(bio, NULL);
        if (!crl)
            break;
        X509_STORE_add_crl(store, crl);
        X509_CRL_free(crl);
    }
    BIO_free(bio);
    if (count == 0)
        return bad_file(file, "no revocation list is in it", err);
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    return 0;
}

/* Certificates under the hashes of their names: a look for one costs microseconds, the bundle of all milliseconds. */
static bool has_hashes(const char *directory) {
    DIR *d = opendir(directory);
    bool found = false;
    for (struct dirent *e; d && !found && (e = readdir(d));)
        found = strlen(e->d_name) == 10 && strspn(e->d_name, "0123456789abcdef") == 8 && e->d_name[8] == '.';
    if (d)
        closedir(d);
    return found;
}

static int use_system(SSL_CTX *ctx, const struct sk_tls_config *config, struct sk_tls_settings *settings,
                      struct sk_err *err) {
    const char *directory = config->system_store ? config->system_store : X509_get_default_cert_dir();
    const char *file = config->system_file ? config->system_file : X509_get_default_cert_file();
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    bool by_directory = config->system_store || (!config->system_file && has_hashes(directory));
    if (by_directory && !X509_STORE_load_path(store, directory))
        return sk_fail_usage(err, "the directory of authorities %.200s cannot be used", directory);
    if (config->system_file || !by_directory) /* one that is not there is empty: then nobody is trusted */
        X509_STORE_load_file(store, file);
    ERR_clear_error();
    snprintf(settings->store, sizeof settings->store, "the system (%.120s)", by_directory ? directory : file);
    return 0;
}

int tls_load_trust(SSL_CTX *ctx, const struct sk_tls_config *config, bool server, struct sk_tls_settings *settings,
                   struct sk_err *err) {
    const struct sk_tls_file *ca = server ? &config->client_ca : &config->ca;
    settings->has_own_ca = ca->name || (!server && config->ca_directory);
    if (config->crl.name && use_crl(ctx, &config->crl, err) < 0)
        return -1;
    if (ca->name) {
        snprintf(settings->store, sizeof settings->store, "%.150s", ca->name);
        return use_authorities(ctx, ca, server, err);
    }
    if (server)
        return 0;
    if (!config->ca_directory)
        return use_system(ctx, config, settings, err);
    snprintf(settings->store, sizeof settings->store, "%.150s", config->ca_directory);
    X509_STORE_set_flags(SSL_CTX_get_cert_store(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    if (!has_hashes(config->ca_directory) || !X509_STORE_load_path(SSL_CTX_get_cert_store(ctx), config->ca_directory))
        return sk_fail_usage(err, "%.200s: no certificates by hash are in this directory; see openssl rehash",
                             config->ca_directory);
    return 0;
}

/* ---- Identities ---- */

struct secret {
    const char *passphrase;
    bool was_asked;
};

static int give_secret(char *dst, int size, int writing, void *arg) {
    struct secret *secret = arg;
    size_t n = secret->passphrase ? strlen(secret->passphrase) : 0;
    (void)writing;
    secret->was_asked = true;
    if (!secret->passphrase || n > (size_t)size)
        return -1;
    memcpy(dst, secret->passphrase, n);
    return (int)n;
}

static int bad_key(const struct sk_tls_file *file, const struct secret *secret, struct sk_err *err) {
    if (secret->was_asked && !secret->passphrase)
        return sk_fail_usage(
            err, "%.200s: the key is encrypted; give its passphrase with --key-pass file:PATH or env:NAME", file->name);
    return bad_file(file, secret->was_asked ? "the passphrase is not the right one" : "no private key is in it", err);
}

static int use_key(SSL_CTX *ctx, const struct sk_tls_file *file, const char *passphrase, struct sk_err *err) {
    struct secret secret = { .passphrase = passphrase };
    BIO *bio = open_file(file);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, give_secret, &secret) : NULL;
    if (!key && bio && !secret.was_asked && BIO_reset(bio) >= 0)
        key = d2i_PrivateKey_bio(bio, NULL);
    BIO_free(bio);
    if (!key)
        return bad_key(file, &secret, err);
    ERR_clear_error();
    bool fits = SSL_CTX_use_PrivateKey(ctx, key) == 1 && SSL_CTX_check_private_key(ctx) == 1;
    EVP_PKEY_free(key);
    return fits ? 0 : bad_file(file, "the key does not belong to the certificate", err);
}

/* The first certificate is ours, the others lead to the authority. */
static int use_chain(SSL_CTX *ctx, const struct sk_tls_file *file, struct sk_err *err) {
    BIO *bio = open_file(file);
    int count = 0, ok = bio != NULL;
    for (X509 *cert; ok; count++) {
        cert = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
        if (!cert && count == 0 && BIO_reset(bio) >= 0)
            cert = d2i_X509_bio(bio, NULL);
        if (!cert)
            break;
        ok = count ? (int)SSL_CTX_add1_chain_cert(ctx, cert) : SSL_CTX_use_certificate(ctx, cert);
        X509_free(cert);
    }
    BIO_free(bio);
    if (ok && count)
        return 0;
    return bad_file(file, count ? "the certificate cannot be used" : "no certificate is in it", err);
}

static int use_pkcs12(SSL_CTX *ctx, PKCS12 *p12, const struct sk_tls_file *file, const char *passphrase,
                      struct sk_err *err) {
    EVP_PKEY *key = NULL;
    X509 *cert = NULL;
    STACK_OF(X509) *chain = NULL;
    int ok = PKCS12_parse(p12, passphrase ? passphrase : "", &key, &cert, &chain);
    struct secret secret = { .passphrase = passphrase, .was_asked = true };
    if (!ok)
        return bad_key(file, &secret, err);
    ok = key && cert && SSL_CTX_use_cert_and_key(ctx, cert, key, chain, 1) == 1;
    EVP_PKEY_free(key);
    X509_free(cert);
    sk_X509_pop_free(chain, X509_free);
    return ok ? 0 : bad_file(file, "it has no certificate with a key that can be used", err);
}

int tls_load_identity(SSL_CTX *ctx, const struct sk_tls_identity *identity, const char *passphrase,
                      struct sk_err *err) {
    BIO *bio = open_file(&identity->cert);
    PKCS12 *p12 = bio ? d2i_PKCS12_bio(bio, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    if (p12) {
        int rc = use_pkcs12(ctx, p12, &identity->cert, passphrase, err);
        PKCS12_free(p12);
        return rc;
    }
    if (use_chain(ctx, &identity->cert, err) < 0)
        return -1;
    ERR_clear_error(); /* the end of the file is one */
    return use_key(ctx, identity->key.name ? &identity->key : &identity->cert, passphrase, err);
}
