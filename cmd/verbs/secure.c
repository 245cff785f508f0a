#include "verbs/secure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "lang/arena.h"
#include "lang/frame.h"
#include "net/sys.h"
#include "run/fd.h"

enum { FILE_MOST = 16 << 20, CHUNK = 65536, SECRET_MOST = 1024 };

int secure_check(const struct common *opt, bool is_tls, struct sk_err *err) {
    if (!is_tls && opt->tls.given)
        return sk_fail_usage(err, "--%s without TLS: write tls://HOST:PORT, or --tls", opt->tls.given);
    return tls_check(&opt->tls, err);
}

/* ---- Files ---- */

static int read_all(struct call *c, int fd, const char *path, struct sk_buf *content) {
    for (;;) {
        unsigned char *room = sk_buf_room(content, CHUNK, &c->err);
        ssize_t n = room ? sk_sys_read(fd, room, CHUNK, c->deadline, &c->err) : -1;
        if (n <= 0)
            return (int)n;
        sk_buf_commit(content, (size_t)n);
        if (content->len > FILE_MOST)
            return sk_fail_usage(&c->err, "%s: more than 16 MiB is no certificate", path);
    }
}

int secure_read(struct call *c, const char *path, struct sk_tls_file *out) {
    struct sk_buf content = { 0 };
    if (!path)
        return 0;
    int fd = call_open(c, path), rc = fd < 0 ? -1 : read_all(c, fd, path, &content);
    sk_fd_close(fd, NULL);
    char *copy = arena_alloc(c->scratch, content.len + 1);
    if (content.len)
        memcpy(copy, sk_buf_data(&content), content.len);
    *out = (struct sk_tls_file){ path, copy, content.len };
    sk_buf_done(&content);
    return rc;
}

static int read_identities(struct call *c, const struct tls_wish *wish, struct sk_tls_config *config) {
    struct sk_tls_identity *list = arena_alloc(c->scratch, (wish->certs.count + 1) * sizeof *list);
    memset(list, 0, (wish->certs.count + 1) * sizeof *list);
    for (size_t i = 0; i < wish->certs.count; i++)
        if (secure_read(c, wish->certs.words[i], &list[i].cert) < 0 ||
            (i < wish->keys.count && secure_read(c, wish->keys.words[i], &list[i].key) < 0))
            return -1;
    config->identities = list;
    config->identity_count = wish->certs.count;
    return 0;
}

int secure_secret(struct call *c, const char *option, const char *where, char **out) {
    struct sk_tls_file file = { 0 };
    *out = NULL;
    if (!where)
        return 0;
    if (strncmp(where, "env:", 4) == 0) {
        const char *value = c->frame->host->env(where + 4);
        *out = value ? arena_copy(c->scratch, value, strlen(value)) : NULL;
        return *out ? 0 : sk_fail_usage(&c->err, "--%s: the variable %.60s is not set", option, where + 4);
    }
    if (secure_read(c, where + strlen("file:"), &file) < 0)
        return -1;
    char *text = arena_alloc(c->scratch, file.n + 1);
    size_t n = 0;
    for (const char *p = file.p; n < file.n && p[n] != '\n' && p[n] != '\r'; n++)
        text[n] = p[n];
    text[n] = '\0';
    *out = text;
    return n < SECRET_MOST ? 0 : sk_fail_usage(&c->err, "--%s: a line of %zu bytes is too long for it", option, n);
}

/* ---- Pins ---- */

/* As sockctl prints it, as curl writes it, or hex as openssl prints digests. */
static int read_pin(struct call *c, const char *text, struct sk_tls_pin *pin) {
    static const char prefix[] = "sha256//";
    struct sk_buf bytes = { 0 };
    const char *p = strncmp(text, prefix, strlen(prefix)) == 0 ? text + strlen(prefix) : text;
    bool ok = sk_unbase64(&bytes, p, strlen(p), NULL) == 0 && bytes.len == sizeof pin->sha256;
    if (!ok) {
        sk_buf_clear(&bytes);
        ok = sk_unhex(&bytes, p, strlen(p), NULL) == 0 && bytes.len == sizeof pin->sha256;
    }
    if (ok)
        memcpy(pin->sha256, sk_buf_data(&bytes), sizeof pin->sha256);
    sk_buf_done(&bytes);
    struct sk_quoted q;
    return ok ? 0
              : sk_fail_usage(&c->err, "--pin %s is no SHA-256 of a key: 44 characters of base64 or 64 of hex",
                              sk_quote(&q, text, strlen(text)));
}

static int read_pins(struct call *c, const struct tls_list *words, struct sk_tls_config *config) {
    struct sk_tls_pin *list = arena_alloc(c->scratch, (words->count + 1) * sizeof *list);
    for (size_t i = 0; i < words->count; i++)
        if (read_pin(c, words->words[i], &list[i]) < 0)
            return -1;
    config->pins = list;
    config->pin_count = words->count;
    return 0;
}

/* ---- All of it ---- */

/* --keylog, or what other programs that speak TLS look at: the file gets the secrets of each connection. */
static int open_keylog(struct call *c, const char *path) {
    path = path ? path : c->frame->host->env("SSLKEYLOGFILE");
    if (!path)
        return 0;
    int fd = c->frame->host->open(path, O_WRONLY | O_APPEND | O_CREAT, 0600, c->deadline, &c->err);
    return fd < 0 ? -1 : fd + 1;
}

/* A session is written when the connection is closed, wherever that is: an absolute path. */
static int absolute(struct call *c, const char *path, const char **out) {
    char *here = NULL;
    if (path && path[0] != '/' && !(here = getcwd(NULL, 0)))
        return sk_fail_sys(&c->err, errno, "getcwd", NULL);
    if (here) {
        size_t n = strlen(here) + strlen(path) + 2;
        char *whole = arena_alloc(c->scratch, n);
        snprintf(whole, n, "%s/%s", here, path);
        path = whole;
    }
    free(here);
    *out = path;
    return 0;
}

static int make_settings(struct call *c, bool server, bool inspect, const char *const *names, size_t count,
                         struct sk_tls_settings **out) {
    const struct tls_wish *wish = &c->opt->tls;
    struct sk_tls_config config = { .insecure = wish->insecure,
                                    .self_signed = wish->self_signed,
                                    .ocsp = wish->ocsp,
                                    .alpn_required = wish->alpn_required,
                                    .inspect = inspect,
                                    .allow_truncation = wish->allow_truncation,
                                    .ca_directory = wish->cadir,
                                    .system_file = c->frame->host->env("SSL_CERT_FILE"),
                                    .system_store = c->frame->host->env("SSL_CERT_DIR"),
                                    .sni = wish->sni,
                                    .alpn = wish->alpn,
                                    .min = wish->min,
                                    .max = wish->max,
                                    .ciphers = wish->ciphers,
                                    .groups = wish->groups,
                                    .names = names,
                                    .name_count = count };
    char *passphrase;
    *out = NULL;
    if (secure_read(c, wish->cafile, &config.ca) < 0 || secure_read(c, wish->crl, &config.crl) < 0 ||
        secure_read(c, wish->client_ca, &config.client_ca) < 0 || read_identities(c, wish, &config) < 0 ||
        secure_secret(c, "key-pass", wish->key_pass, &passphrase) < 0 || read_pins(c, &wish->pins, &config) < 0 ||
        absolute(c, wish->session, &config.session) < 0 || (config.keylog = open_keylog(c, wish->keylog)) < 0)
        return -1;
    config.passphrase = passphrase;
    int rc = sk_tls_settings_new(out, &config, server, &c->err);
    sk_fd_close(config.keylog - 1, NULL);
    return rc;
}

int secure_settings(struct call *c, bool server, const char *const *names, size_t count, struct sk_tls_settings **out) {
    return make_settings(c, server, false, names, count, out);
}

int secure_inspection(struct call *c, struct sk_tls_settings **out) {
    return make_settings(c, false, true, NULL, 0, out);
}

int secure_failed(struct call *c, const struct sk_tls_settings *settings) {
    if (c->err.kind == SK_TLS_VERIFY && settings) {
        struct sk_value problems = sk_tls_problems(settings);
        for (size_t i = 2; i < problems.u.seq->count; i++) /* the sentence has told two */
            call_note(c, "%s", sk_get(sk_at(&problems, (int64_t)i), "text")->u.s->data);
        call_extra(c, "problems", problems);
    }
    return -1;
}

void secure_note(struct call *c, const struct sk_tls_settings *settings) {
    struct sk_value problems = sk_tls_problems(settings);
    for (size_t i = 0; i < problems.u.seq->count; i++) {
        call_note(c, "not verified: %s", sk_get(sk_at(&problems, (int64_t)i), "text")->u.s->data);
        c->warns = true;
    }
    sk_drop(problems);
}
