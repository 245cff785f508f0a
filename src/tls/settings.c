/* What is asked for, as a context of OpenSSL: made once for equal wishes, since that costs as much as a handshake. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/fd.h"
#include "tls/tls.h"

enum { KEPT = 8 };
static struct sk_tls_settings *kept[KEPT]; /* a reference each */
static unsigned next_kept;

/* ---- Equal wishes ---- */

static void add_bytes(EVP_MD_CTX *md, const void *p, size_t n) {
    EVP_DigestUpdate(md, &n, sizeof n);
    if (n)
        EVP_DigestUpdate(md, p, n);
}

static void add_text(EVP_MD_CTX *md, const char *s) { add_bytes(md, s ? s : "\xff", s ? strlen(s) : 1); }

static void add_file(EVP_MD_CTX *md, const struct sk_tls_file *file) {
    add_text(md, file->name);
    add_bytes(md, file->p, file->n);
}

static void digest(unsigned char out[DIGEST], const struct sk_tls_config *config, bool server) {
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    const bool flags[] = { server,       config->insecure, config->self_signed,  config->allow_truncation,
                           config->ocsp, config->inspect,  config->alpn_required };
    const char *const texts[] = { config->ca_directory, config->system_file, config->system_store, config->passphrase,
                                  config->sni,          config->alpn,        config->min,          config->max,
                                  config->ciphers,      config->groups,      config->session };
    EVP_DigestInit_ex(md, EVP_sha256(), NULL);
    add_bytes(md, flags, sizeof flags);
    add_file(md, &config->ca);
    add_file(md, &config->crl);
    add_file(md, &config->client_ca);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        add_text(md, texts[i]);
    add_bytes(md, config->pins, config->pin_count * sizeof *config->pins);
    for (size_t i = 0; i < config->identity_count; i++) {
        add_file(md, &config->identities[i].cert);
        add_file(md, &config->identities[i].key);
    }
    for (size_t i = 0; i < config->name_count; i++)
        add_text(md, config->names[i]);
    EVP_DigestFinal_ex(md, out, NULL);
    EVP_MD_CTX_free(md);
}

static struct sk_tls_settings *find(const unsigned char wanted[DIGEST]) {
    for (unsigned i = 0; i < KEPT; i++)
        if (kept[i] && memcmp(kept[i]->digest, wanted, DIGEST) == 0)
            return tls_settings_ref(kept[i]);
    return NULL;
}

static void keep(struct sk_tls_settings *settings) {
    tls_settings_free(kept[next_kept]);
    kept[next_kept] = tls_settings_ref(settings);
    next_kept = (next_kept + 1) % KEPT;
}

/* ---- Life ---- */

struct sk_tls_settings *tls_settings_ref(struct sk_tls_settings *settings) {
    settings->refs++;
    return settings;
}

void tls_settings_free(struct sk_tls_settings *settings) {
    if (!settings || --settings->refs > 0)
        return;
    SSL_CTX_free(settings->ctx);
    for (size_t i = 0; i < settings->other_count; i++)
        SSL_CTX_free(settings->others[i]);
    sk_fd_close(settings->keylog, NULL);
    sk_drop(settings->problems);
    free(settings->others);
    free(settings->pins);
    free(settings->alpn);
    free(settings->sni);
    free(settings->session);
    free(settings);
}

/* ---- Words of the wish ---- */

static int version_of(const char *text, int otherwise, struct sk_err *err) {
    static const struct {
        const char *text;
        int version;
    } rows[] = {
        { "1.0", TLS1_VERSION }, { "1.1", TLS1_1_VERSION }, { "1.2", TLS1_2_VERSION }, { "1.3", TLS1_3_VERSION }
    };
    if (!text)
        return otherwise;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].text, text) == 0)
            return rows[i].version;
    return sk_fail_usage(err, "'%.20s' is no version of TLS; write 1.0, 1.1, 1.2 or 1.3", text);
}

static int set_versions(SSL_CTX *ctx, const struct sk_tls_config *config, struct sk_err *err) {
    int max = version_of(config->max, 0, err), low = max && max < TLS1_2_VERSION ? max : TLS1_2_VERSION;
    int min = version_of(config->min, low, err);
    if (max < 0 || min < 0)
        return -1;
    if (max && min > max)
        return sk_fail_usage(err, "--min %s is above --max %s", config->min, config->max);
    if (min < TLS1_2_VERSION) /* their signatures are SHA-1, which nothing above level 0 allows */
        SSL_CTX_set_security_level(ctx, 0);
    return SSL_CTX_set_min_proto_version(ctx, min) && SSL_CTX_set_max_proto_version(ctx, max)
               ? 0
               : sk_fail_usage(err, "these versions of TLS cannot be used here");
}

/* One list for both kinds of ciphers: names that begin with TLS_ belong to TLS 1.3. */
static int set_ciphers(SSL_CTX *ctx, const char *list, struct sk_err *err) {
    if (!list)
        return 0;
    char *old = sk_alloc(strlen(list) + 1), *suites = sk_alloc(strlen(list) + 1);
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, ":,");
        char *to = strncmp(p, "TLS_", 4) == 0 ? suites : old;
        size_t used = strlen(to);
        if (n > 0) {
            if (used)
                to[used++] = ':';
            memcpy(to + used, p, n);
            to[used + n] = '\0';
        }
        p += n + (p[n] != '\0');
    }
    bool ok = (*old || *suites) && (!*old || SSL_CTX_set_cipher_list(ctx, old)) &&
              (!*suites || SSL_CTX_set_ciphersuites(ctx, suites));
    if (ok && *old && !*suites)
        ok = SSL_CTX_get_max_proto_version(ctx) || SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    if (ok && *suites && !*old)
        ok = SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    free(old);
    free(suites);
    ERR_clear_error();
    return ok ? 0 : sk_fail_usage(err, "no usable cipher is in '%.100s'; see openssl ciphers -v", list);
}

static int set_groups(SSL_CTX *ctx, const char *list, struct sk_err *err) {
    if (!list)
        return 0;
    char *text = sk_strdup(list);
    for (char *p = text; (p = strchr(p, ',')); p++)
        *p = ':';
    bool ok = SSL_CTX_set1_groups_list(ctx, text);
    free(text);
    ERR_clear_error();
    return ok ? 0
              : sk_fail_usage(err, "no group, or one that is unknown, is in '%.100s'; write for example X25519,P-256",
                              list);
}

/* "h2,http/1.1" as it goes over the wire: a length before each name. */
static int set_alpn(struct sk_tls_settings *settings, const char *list, struct sk_err *err) {
    if (!list)
        return 0;
    size_t n = strlen(list), start = 0;
    if (n > 65533)
        return sk_fail_usage(err, "the list of --alpn is too long: %zu bytes", n);
    unsigned char *wire = settings->alpn = sk_alloc(n + 2);
    for (size_t i = 0; i <= n; i++) {
        if (i < n && list[i] != ',') {
            wire[i + 1] = (unsigned char)list[i];
            continue;
        }
        if (i == start || i - start > 255)
            return sk_fail_usage(
                err, "'%.100s': a name of a protocol has 1 to 255 bytes; write for example h2,http/1.1", list);
        wire[start] = (unsigned char)(i - start);
        start = i + 1;
    }
    settings->alpn_len = n + 1;
    return 0;
}

/* The server chooses the first of its own that the client offers. */
static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *theirs,
                       unsigned theirs_len, void *arg) {
    const struct sk_tls_settings *settings = arg;
    unsigned char *chosen;
    (void)ssl;
    if (SSL_select_next_proto(&chosen, out_len, settings->alpn, (unsigned)settings->alpn_len, theirs, theirs_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* ---- Contexts ---- */

static int fits_name(SSL_CTX *ctx, const char *name) {
    X509 *cert = SSL_CTX_get0_certificate(ctx);
    return cert && X509_check_host(cert, name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}

/* Several certificates: the first that is for the name the client asks for, else the first of all. */
static int choose_identity(SSL *ssl, int *alert, void *arg) {
    const struct sk_tls_settings *settings = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    if (!name || fits_name(settings->ctx, name))
        return SSL_TLSEXT_ERR_OK;
    for (size_t i = 0; i < settings->other_count; i++)
        if (fits_name(settings->others[i], name)) {
            SSL_set_SSL_CTX(ssl, settings->others[i]);
            break;
        }
    return SSL_TLSEXT_ERR_OK;
}

static int configure(SSL_CTX *ctx, struct sk_tls_settings *settings, const struct sk_tls_config *config,
                     struct sk_err *err) {
    bool server = settings->server;
    SSL_CTX_set_mode(ctx,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(ctx,
                       !server                  ? SSL_VERIFY_PEER
                       : config->client_ca.name ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                                                : SSL_VERIFY_NONE,
                       NULL);
    SSL_CTX_set_cert_verify_callback(ctx, tls_verify, NULL);
    if (set_versions(ctx, config, err) < 0 || set_ciphers(ctx, config->ciphers, err) < 0 ||
        set_groups(ctx, config->groups, err) < 0 || tls_load_trust(ctx, config, server, settings, err) < 0)
        return -1;
    if (server) {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* a ticket holds all of it, at the client's */
        SSL_CTX_set_session_id_context(ctx, settings->digest, DIGEST);
        if (settings->alpn)
            SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, settings);
    } else {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
        SSL_CTX_sess_set_new_cb(ctx, tls_session_new);
        if (settings->ocsp || settings->inspect)
            tls_ask_staple(ctx);
        if (settings->alpn && SSL_CTX_set_alpn_protos(ctx, settings->alpn, (unsigned)settings->alpn_len) != 0)
            return sk_fail_usage(err, "the list of --alpn cannot be used");
    }
    if (settings->keylog >= 0)
        SSL_CTX_set_keylog_callback(ctx, tls_keylog);
    return 0;
}

static SSL_CTX *make_context(struct sk_tls_settings *settings, const struct sk_tls_config *config, size_t identity,
                             struct sk_err *err) {
    char words[160];
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(settings->server ? TLS_server_method() : TLS_client_method());
    if (!ctx) {
        tls_words(words, sizeof words);
        sk_fail(err, SK_INTERNAL, 0, "tls", "OpenSSL does not start: %s", words);
        return NULL;
    }
    int rc = configure(ctx, settings, config, err);
    if (rc == 0 && identity < config->identity_count)
        rc = tls_load_identity(ctx, &config->identities[identity], config->passphrase, err);
    else if (rc == 0 && config->self_signed)
        rc = tls_self_sign(ctx, config->names, config->name_count, err);
    if (rc == 0)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

static int make_contexts(struct sk_tls_settings *settings, const struct sk_tls_config *config, struct sk_err *err) {
    settings->ctx = make_context(settings, config, 0, err);
    if (!settings->ctx)
        return -1;
    settings->others = sk_alloc((config->identity_count + 1) * sizeof *settings->others);
    while (settings->other_count + 1 < config->identity_count) {
        SSL_CTX *ctx = make_context(settings, config, settings->other_count + 1, err);
        if (!ctx)
            return -1;
        settings->others[settings->other_count++] = ctx;
    }
    if (settings->server && settings->other_count) {
        SSL_CTX_set_tlsext_servername_callback(settings->ctx, choose_identity);
        SSL_CTX_set_tlsext_servername_arg(settings->ctx, settings);
    }
    const X509 *own = SSL_CTX_get0_certificate(settings->ctx);
    struct sk_tls_pin pin;
    if (own) {
        tls_pin_of(own, &pin);
        tls_pin_text(&pin, settings->own_pin);
    }
    return 0;
}

static int fill(struct sk_tls_settings *settings, const struct sk_tls_config *config, struct sk_err *err) {
    settings->insecure = config->insecure;
    settings->allow_truncation = config->allow_truncation;
    settings->ocsp = config->ocsp;
    settings->inspect = config->inspect;
    settings->alpn_required = config->alpn_required;
    settings->has_identity = config->identity_count > 0;
    settings->pin_count = config->pin_count;
    settings->pins = sk_alloc((config->pin_count + 1) * sizeof *settings->pins);
    if (config->pin_count)
        memcpy(settings->pins, config->pins, config->pin_count * sizeof *settings->pins);
    settings->sni = config->sni ? sk_strdup(config->sni) : NULL;
    settings->session = config->session ? sk_strdup(config->session) : NULL;
    settings->keylog = config->keylog ? dup(config->keylog - 1) : -1;
    settings->problems = sk_list();
    if (settings->server && config->identity_count == 0 && !config->self_signed)
        return sk_fail_usage(err, "a TLS server needs a certificate: give --cert and --key, or --self-signed");
    return set_alpn(settings, config->alpn, err) < 0 ? -1 : make_contexts(settings, config, err);
}

int tls_settings_new(struct sk_tls_settings **out, const struct sk_tls_config *config, bool server,
                     struct sk_err *err) {
    unsigned char wanted[DIGEST];
    digest(wanted, config, server);
    if (!config->keylog && (*out = find(wanted))) /* a descriptor is no wish that can be equal */
        return 0;
    struct sk_tls_settings *settings = *out = sk_alloc(sizeof *settings);
    settings->refs = 1;
    settings->server = server;
    settings->keylog = -1;
    memcpy(settings->digest, wanted, DIGEST);
    if (fill(settings, config, err) < 0) {
        tls_settings_free(settings);
        *out = NULL;
        return -1;
    }
    if (!config->keylog)
        keep(settings);
    return 0;
}
