/* TLS on a socket: what is asked for, and the way to the module that does it (src/tls, the only user of OpenSSL), which
 * is opened by the first settings that are made. */
#ifndef SK_SOCK_TLS_H
#define SK_SOCK_TLS_H

#include "base/value.h"
#include "sock/sock.h"

/* A file that the caller has read: PEM, DER or PKCS#12, told apart by its content. */
struct sk_tls_file {
    const char *name; /* for messages; NULL: not given */
    const void *p;
    size_t n;
};

struct sk_tls_identity {          /* a certificate with what leads to its authority, and its key */
    struct sk_tls_file cert, key; /* no key: it is in the first one */
};

struct sk_tls_pin {
    unsigned char sha256[32]; /* of the public key (SubjectPublicKeyInfo) */
};

/* What is asked for; all zero is the default. Everything is borrowed until sk_tls_settings_new returns. */
struct sk_tls_config {
    bool insecure;         /* whatever the certificate says; pins are checked all the same */
    bool self_signed;      /* server: make a certificate for `names` */
    bool allow_truncation; /* an end without close_notify is an end */
    bool ocsp;             /* the server must send a good OCSP response with its certificate */
    bool alpn_required;    /* the server must choose one of `alpn` */
    bool inspect;          /* whatever is wrong with the peer is noted for sk_tls_report, and ends no handshake */
    struct sk_tls_file ca; /* trusted authorities, in place of the system's */
    struct sk_tls_file crl;
    struct sk_tls_file client_ca;           /* server: clients must have a certificate by one of these */
    const char *ca_directory;               /* in place of the system's, or NULL */
    const char *system_file, *system_store; /* SSL_CERT_FILE, SSL_CERT_DIR; NULL: as OpenSSL was built */
    const struct sk_tls_pin *pins;          /* the peer must have one of these keys */
    size_t pin_count;
    const struct sk_tls_identity *identities; /* servers choose by SNI; the first is the default */
    size_t identity_count;
    const char *passphrase; /* of the keys, or NULL */
    const char *sni;        /* NULL: the name that is verified; "": none */
    const char *alpn;       /* "h2,http/1.1", or NULL */
    const char *min, *max;  /* "1.0" to "1.3", or NULL */
    const char *ciphers, *groups;
    const char *session; /* path of a file to resume from and to keep sessions in, or NULL */
    int keylog;          /* descriptor + 1 of a file that gets the secrets, or 0 */
    const char *const *names;
    size_t name_count;
};

/* A configuration that was found to make sense; counted. */
struct sk_tls_settings;
/* Errors: SK_USAGE (a file that is none, a key that does not fit, unknown ciphers), SK_INTERNAL (no module). */
int sk_tls_settings_new(struct sk_tls_settings **out, const struct sk_tls_config *config, bool server,
                        struct sk_err *err);
void sk_tls_settings_free(struct sk_tls_settings *settings); /* one reference; NULL is allowed */
/* What was wrong with the certificate that was looked at last: a list of records {code, depth, text, fix}. */
struct sk_value sk_tls_problems(const struct sk_tls_settings *settings);
/* base64 of the pin of a server's own (first) key, or "". */
const char *sk_tls_own_pin(const struct sk_tls_settings *settings);

/* Put TLS under a connected stream and make the handshake. `name` is what the peer's certificate must be for: a host
 * name or an IP address; NULL or "" only where none is checked (a server, insecure, pins). The name also becomes the
 * SNI, unless it is an address. After SK_TIMEOUT it may be called again and goes on. SK_TLS_VERIFY, SK_TLS_HANDSHAKE;
 * SK_USAGE while plain text is buffered. */
int sk_tls_start(struct sk_sock *s, struct sk_tls_settings *settings, const char *name, sk_time deadline,
                 struct sk_err *err);
/* Make a listening socket one whose accepted connections have TLS: handshakes run beside each other from now on, and
 * accept gives those that are done. */
int sk_tls_listen(struct sk_sock *s, struct sk_tls_settings *settings, struct sk_err *err);
/* The peer's certificates as they were sent (its own first), a list of records; null when it sent none. -1: no TLS. */
int sk_tls_peercert(struct sk_sock *s, struct sk_value *out, struct sk_err *err);

/* ---- For those who inspect: settings with `inspect` ---- */

/* What is known of the peer, also when the handshake failed: {name, verify, accepted, problems, agreed (null before),
 * client_certificate, ocsp, session, said, protocol (what it said when that was no TLS), notes, chain}. */
int sk_tls_report(struct sk_sock *s, struct sk_value *out, struct sk_err *err);
/* The same of certificates in a file, the first of them as that of a server; name NULL: none is checked. {name, verify,
 * accepted, problems, notes, chain}. SK_USAGE: none is in it. */
int sk_tls_examine(struct sk_tls_settings *settings, const struct sk_tls_file *file, const char *name,
                   struct sk_value *out, struct sk_err *err);
/* After the handshake: until the server has given a session, or has said something, or the deadline. -1: it ended the
 * connection (SK_TLS_TRUNCATED), or refused it. */
int sk_tls_settle(struct sk_sock *s, sk_time deadline, struct sk_err *err);
/* The session it gave, or NULL; the caller frees it. */
struct sk_tls_session;
struct sk_tls_session *sk_tls_session_take(struct sk_sock *s);
void sk_tls_session_free(struct sk_tls_session *session);
/* sk_tls_start that offers to go on with this session. */
int sk_tls_resume(struct sk_sock *s, struct sk_tls_settings *settings, const struct sk_tls_session *session,
                  const char *name, sk_time deadline, struct sk_err *err);

/* The module's table. */
struct sk_tls_module {
    int (*settings_new)(struct sk_tls_settings **out, const struct sk_tls_config *config, bool server,
                        struct sk_err *err);
    void (*settings_free)(struct sk_tls_settings *settings);
    struct sk_value (*problems)(const struct sk_tls_settings *settings);
    const char *(*own_pin)(const struct sk_tls_settings *settings);
    int (*start)(struct sk_sock *s, struct sk_tls_settings *settings, const char *name, sk_time deadline,
                 struct sk_err *err);
    int (*listen)(struct sk_sock *s, struct sk_tls_settings *settings, struct sk_err *err);
    int (*peercert)(struct sk_sock *s, struct sk_value *out, struct sk_err *err);
    int (*report)(struct sk_sock *s, struct sk_value *out, struct sk_err *err);
    int (*examine)(struct sk_tls_settings *settings, const struct sk_tls_file *file, const char *name,
                   struct sk_value *out, struct sk_err *err);
    int (*settle)(struct sk_sock *s, sk_time deadline, struct sk_err *err);
    struct sk_tls_session *(*session_take)(struct sk_sock *s);
    void (*session_free)(struct sk_tls_session *session);
    int (*resume)(struct sk_sock *s, struct sk_tls_settings *settings, const struct sk_tls_session *session,
                  const char *name, sk_time deadline, struct sk_err *err);
};
extern const struct sk_tls_module sk_tls_module; /* of the module, or linked in */

#endif
