/* From plain text to TLS. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "net/addr.h"
#include "net/addr_parts.h"
#include "tls/tls.h"

/* How long a client that was asked for a certificate waits to hear whether it is accepted (E.6): by how long the
 * handshake took, which says how far the server is and how busy. */
#define CONFIRM_LEAST     (SK_SECOND / 2)
#define CONFIRM_MOST      (5 * SK_SECOND)
#define CONFIRM_HANDSHAKE 20

static int own_index(void) {
    static int index = -1;
    if (index < 0)
        index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    return index;
}

struct tls *tls_of_ssl(const SSL *ssl) {
    return SSL_get_ex_data(ssl, own_index());
}

void tls_free(struct tls *t) {
    if (!t)
        return;
    tls_session_keep(t);
    SSL_free(t->ssl);
    tls_settings_free(t->settings);
    sk_buf_done(&t->in);
    sk_buf_done(&t->out);
    sk_drop(t->problems);
    sk_drop(t->staple);
    free(t->failure);
    free(t->name);
    free(t);
}

/* A CertificateRequest tells that the server looks at ours after the handshake. */
static void on_message(int sent, int version, int type, const void *p, size_t n, SSL *ssl, void *arg) {
    struct tls *t = arg;
    (void)version;
    (void)ssl;
    if (!sent && type == SSL3_RT_HANDSHAKE && n > 0 && *(const unsigned char *)p == SSL3_MT_CERTIFICATE_REQUEST)
        t->was_asked_for_cert = true;
}

static bool is_address(const char *name) {
    unsigned char ip[16];
    size_t n = strcspn(name, "%");
    return sk_inet_pton(AF_INET, name, n, ip, NULL) > 0 || sk_inet_pton(AF_INET6, name, n, ip, NULL) > 0;
}

/* A name as certificates and SNI have it: without a dot at the end, in A-labels. */
static int plain_name(const char *name, char dst[256], struct sk_err *err) {
    size_t n = strlen(name);
    n -= n > 1 && name[n - 1] == '.';
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] >= 0x80)
            return sk_idn_encode(name, n, dst, 256, err);
    snprintf(dst, 256, "%.*s", (int)n, name);
    return 0;
}

/* Whom the certificate must be for, and what the server is told. */
static int set_name(struct tls *t, const char *sni) {
    X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
    if (is_address(t->name)) {
        t->name[strcspn(t->name, "%")] = '\0';
        if (!X509_VERIFY_PARAM_set1_ip_asc(param, t->name))
            return -1;
    } else if (*t->name) {
        if (!X509_VERIFY_PARAM_set1_host(param, t->name, 0))
            return -1;
        sni = sni ? sni : t->name;
    }
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return sni && *sni && !SSL_set_tlsext_host_name(t->ssl, sni) ? -1 : 0;
}

static int prepare(struct tls *t, const char *sni) {
    BIO *bio = tls_bio_new(t);
    if (!bio)
        return -1;
    SSL_set_bio(t->ssl, bio, bio);
    if (!SSL_set_ex_data(t->ssl, own_index(), t))
        return -1;
    SSL_set_msg_callback(t->ssl, on_message);
    SSL_set_msg_callback_arg(t->ssl, t);
    if (t->settings->server) {
        SSL_set_accept_state(t->ssl);
        return 0;
    }
    SSL_set_connect_state(t->ssl);
    if (set_name(t, sni) < 0)
        return -1;
    tls_session_use(t);
    return 0;
}

static int may_attach(const struct sk_sock *s, const struct sk_tls_settings *settings, const char *name,
                      struct sk_err *err) {
    if (s->type != SOCK_STREAM || (s->state != SK_CONNECTED && s->state != SK_ENDED))
        return sk_fail_usage(err, "TLS needs a connected stream socket; this one is %s", sk_state_name(s));
    if (!sk_is_plain(s))
        return sk_fail_usage(err, "there is %s on this socket already", s->layer->name);
    if (s->in.len)
        return sk_fail_usage(
            err,
            "%zu bytes of plain text are still unread: read them first; what comes before TLS must not be "
            "taken for what it protects",
            s->in.len);
    if (!settings->server && !settings->insecure && !settings->pin_count && !*name)
        return sk_fail_usage(err, "whom must the certificate be for? Say it with --verify-name");
    return 0;
}

struct tls *tls_new(struct sk_tls_settings *settings, const char *name, struct sk_err *err) {
    char words[160], sni[256] = "", plain[256];
    name = name ? name : "";
    if (settings->sni && plain_name(settings->sni, sni, err) < 0)
        return NULL;
    struct tls *t = sk_alloc(sizeof *t);
    t->settings = tls_settings_ref(settings);
    t->problems = sk_list();
    t->staple = sk_null();
    t->began = sk_now();
    if (plain_name(name, plain, err) < 0) {
        tls_free(t);
        return NULL;
    }
    t->name = sk_strdup(plain);
    tls_begin(t);
    t->ssl = SSL_new(settings->ctx);
    if (t->ssl && prepare(t, settings->sni ? sni : NULL) == 0)
        return t;
    tls_words(words, sizeof words);
    tls_free(t);
    sk_fail_usage(err, "TLS for '%.100s' cannot be prepared: %s", name, words);
    return NULL;
}

int tls_attach(struct sk_sock *s, struct sk_tls_settings *settings, const char *name, struct sk_err *err) {
    struct tls *t = may_attach(s, settings, name ? name : "", err) < 0 ? NULL : tls_new(settings, name, err);
    if (!t)
        return -1;
    t->s = s;
    s->under = t;
    s->layer = &sk_layer_tls;
    return 0;
}

/* Wait until the server has said something after the handshake, if it is to judge our certificate (TLS 1.3: E.6). */
static int confirm(struct sk_sock *s, sk_time deadline, struct sk_err *err) {
    struct tls *t = tls_of(s);
    sk_time patience = sk_after(sk_earlier(CONFIRM_LEAST + CONFIRM_HANDSHAKE * t->took, CONFIRM_MOST));
    char byte;
    unsigned spins = 0;
    if (t->settings->server || !t->was_asked_for_cert || SSL_version(t->ssl) < TLS1_3_VERSION)
        return 0;
    for (struct sk_err why;;) {
        tls_begin(t);
        enum tls_step step = tls_judge(t, SSL_peek(t->ssl, &byte, 1));
        if (step == STEP_FAILED)
            *err = *t->failure;
        if (step != STEP_AGAIN || t->moved != t->after)
            return step == STEP_FAILED ? -1 : 0;
        if (sk_again(s, POLLIN, &spins, "handshake", patience < deadline ? patience : deadline, &why) == 0)
            continue;
        if (why.kind == SK_TIMEOUT)
            return 0;
        *err = why;
        return -1;
    }
}

static int check_alpn(const struct tls *t, struct sk_err *err) {
    const unsigned char *alpn;
    unsigned n;
    SSL_get0_alpn_selected(t->ssl, &alpn, &n);
    if (!t->settings->alpn_required || n > 0)
        return 0;
    return sk_fail(err, SK_TLS_HANDSHAKE, 0, "tls",
                   "the server chose none of the protocols of --alpn: it does not "
                   "speak ALPN");
}

static int finish(struct sk_sock *s, sk_time deadline, struct sk_err *err) {
    struct tls *t = tls_of(s);
    t->done = true;
    t->took = sk_now() - t->began;
    t->after = t->moved - t->in.len;
    if (tls_check_peer(t, err) < 0 || check_alpn(t, err) < 0) {
        *tls_give_up(t) = *err;
        return -1;
    }
    if (sk_layer_tls.flush(s, "handshake", deadline, err) < 0)
        return -1;
    return confirm(s, deadline, err);
}

int tls_handshake(struct sk_sock *s, sk_time deadline, struct sk_err *err) {
    struct sk_err unused;
    err = err ? err : &unused;
    for (unsigned spins = 0;;) {
        struct tls *t = tls_of(s);
        if (t->has_failed) {
            *err = *t->failure;
            return -1;
        }
        tls_begin(t);
        enum tls_step step = tls_judge(t, SSL_do_handshake(t->ssl));
        if (step == STEP_DONE)
            return finish(s, deadline, err);
        if (step == STEP_AGAIN && sk_again(s, POLLIN, &spins, "TLS handshake", deadline, err) < 0)
            return -1;
    }
}

int tls_start(struct sk_sock *s, struct sk_tls_settings *settings, const char *name, sk_time deadline,
              struct sk_err *err) {
    bool goes_on = s->layer == &sk_layer_tls && !tls_of(s)->done && tls_of(s)->settings == settings;
    if (!goes_on && tls_attach(s, settings, name, err) < 0)
        return -1;
    return tls_handshake(s, deadline, err);
}

int tls_resume(struct sk_sock *s, struct sk_tls_settings *settings, const struct sk_tls_session *session,
               const char *name, sk_time deadline, struct sk_err *err) {
    if (tls_attach(s, settings, name, err) < 0)
        return -1;
    SSL_set_session(tls_of(s)->ssl, session->session);
    return tls_handshake(s, deadline, err);
}
