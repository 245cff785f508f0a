/* The options of TLS, one list for every command that speaks it. */
#ifndef LANG_SECURE_H
#define LANG_SECURE_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct arg;
struct param;
struct sk_err;

struct tls_list { /* of an option that may be given several times */
    const char **words;
    size_t count;
};

/* As typed; files are not read yet. */
struct tls_wish {
    bool on;                     /* --tls */
    const char *starttls, *ehlo; /* the protocol of the dialogue before TLS */
    const char *given;           /* an option that means nothing without TLS, or NULL */
    bool insecure, self_signed, allow_truncation, ocsp, alpn_required;
    const char *cafile, *cadir, *crl, *client_ca, *sni, *verify_name, *alpn, *min, *max, *ciphers, *groups, *key_pass,
        *session, *keylog;
    struct tls_list pins, certs, keys;
};

/* Keep the value of an option. False: it is none of TLS. */
bool tls_store(struct tls_wish *wish, const struct param *row, const struct arg *arg, struct arena *a);
/* What the kinds cannot tell: a key without certificate, contradictions. 0 or -1. */
int tls_check(const struct tls_wish *wish, struct sk_err *err);
/* Whether the command is to speak TLS, from the beginning or after a dialogue. */
static inline bool tls_is_wanted(const struct tls_wish *wish) { return wish->on || wish->starttls; }
/* The dialogue before TLS, in *out: the pointer to it, or NULL without --starttls. */
struct sk_upgrade;
const struct sk_upgrade *tls_upgrade(const struct tls_wish *wish, struct sk_upgrade *out);

#endif
