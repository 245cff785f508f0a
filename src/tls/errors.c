/* Why it did not work, in words. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "tls/tls.h"

void tls_words(char *dst, size_t size) {
    const char *words = ERR_reason_error_string(ERR_peek_error());
    snprintf(dst, size, "%s", words ? words : "no reason was given");
    if (isupper((unsigned char)dst[0]) && islower((unsigned char)dst[1]))
        dst[0] = (char)tolower((unsigned char)dst[0]);
    ERR_clear_error();
}

static const char *peer_word(const struct tls *t) { return t->settings->server ? "client" : "server"; }

/* ---- Alerts of the peer ---- */

/* What the peer says about our certificate, or NULL. */
static const char *refusal(int alert) {
    switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
        return "it is bad";
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
        return "it is of an unsupported kind";
    case SSL_AD_CERTIFICATE_REVOKED:
        return "it was revoked";
    case SSL_AD_CERTIFICATE_EXPIRED:
        return "it has expired";
    case SSL_AD_CERTIFICATE_UNKNOWN:
        return "it is not accepted";
    case SSL_AD_UNKNOWN_CA:
        return "its authority is unknown there";
    case SSL_AD_ACCESS_DENIED:
        return "access denied";
    default:
        return NULL;
    }
}

static int explain_alert(const struct tls *t, int alert, struct sk_err *err) {
    const char *who = peer_word(t), *why = refusal(alert);
    bool asked = t->was_asked_for_cert && !t->settings->has_identity;
    if (alert == SSL_AD_CERTIFICATE_REQUIRED || (alert == SSL_AD_HANDSHAKE_FAILURE && asked))
        return sk_fail(err, SK_TLS_VERIFY, 0, "tls", "the %s wants a client certificate: give --cert and --key", who);
    if (why)
        return sk_fail(err, SK_TLS_VERIFY, 0, "tls", "the %s refused our certificate: %s (alert %d)", who, why, alert);
    switch (alert) {
    case SSL_AD_HANDSHAKE_FAILURE:
        return sk_fail(err, SK_TLS_HANDSHAKE, 0, "tls",
                       "the %s found no cipher, group or signature that both sides have (alert 40); see --ciphers, "
                       "--groups, --min",
                       who);
    case SSL_AD_PROTOCOL_VERSION:
        return sk_fail(err, SK_TLS_HANDSHAKE, 0, "tls",
                       "the %s does not speak a version of TLS that is offered (alert 70); see --min and --max", who);
    case SSL_AD_UNRECOGNIZED_NAME:
        return sk_fail(err, SK_TLS_HANDSHAKE, 0, "tls", "the %s does not know the name '%s' (alert 112); see --sni",
                       who, t->settings->sni ? t->settings->sni : t->name);
    case SSL_AD_NO_APPLICATION_PROTOCOL:
        return sk_fail(err, SK_TLS_HANDSHAKE, 0, "tls",
                       "the %s speaks none of the protocols that --alpn offers (alert 120)", who);
    default:
        return sk_fail(err, SK_TLS_HANDSHAKE, 0, "tls", "the %s ended TLS with alert %d: %s", who, alert,
                       SSL_alert_desc_string_long(alert));
    }
}

/* ---- What came was no TLS ---- */

static bool looks_like_tls(const struct tls *t) {
    return t->first_len > 1 && t->first[0] >= SSL3_RT_CHANGE_CIPHER_SPEC && t->first[0] <= SSL3_RT_APPLICATION_DATA &&
           t->first[1] == SSL3_VERSION_MAJOR;
}

/* Whose first words these are; "" when nobody knows. */
static const char *protocol_of(const char *said) {
    static const struct {
        const char *begin, *within, *protocol;
    } rows[] = {
        { "SSH-", "", "ssh" },
        { "HTTP/", "", "http" },
        { "* OK", "", "imap" },
        { "* PREAUTH", "", "imap" },
        { "+OK", "", "pop3" },
        { "220", "FTP", "ftp" },
        { "220", "ftp", "ftp" },
        { "220", "", "smtp" },
        { "554", "", "smtp" },
        { "421", "", "smtp" },
        { "200 ", "", "nntp" },
        { "201 ", "", "nntp" },
        { "\"IMPLEMENTATION\"", "", "sieve" },
        { "<?xml", "stream", "xmpp" },
        { "<stream:", "", "xmpp" },
        { ":", " NOTICE ", "irc" },
        { "NOTICE ", "", "irc" },
        { "", "mysql", "mysql" },
        { "", "MariaDB", "mysql" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strncmp(said, rows[i].begin, strlen(rows[i].begin)) == 0 && strstr(said, rows[i].within))
            return rows[i].protocol;
    return "";
}

bool tls_said(const struct tls *t, char *dst, size_t size, const char **protocol) {
    *protocol = "";
    *dst = '\0';
    if (t->done || t->first_len < 2 || looks_like_tls(t))
        return false;
    const unsigned char *end = memchr(t->first, '\n', t->first_len);
    size_t n = end ? (size_t)(end - t->first) : t->first_len;
    while (n > 0 && t->first[n - 1] == '\r')
        n--;
    sk_escape_cut(dst, size, (const char *)t->first, n);
    *protocol = protocol_of(dst);
    return true;
}

static int explain_plaintext(const struct tls *t, struct sk_err *err) {
    char shown[4 * FIRST_BYTES + 1];
    const char *protocol;
    tls_said(t, shown, sizeof shown, &protocol);
    if (t->settings->server)
        return sk_fail(err, SK_TLS_HANDSHAKE, 0, "tls", "the client does not speak TLS: it said '%s'", shown);
    const char *hint = strcmp(protocol, "http") == 0  ? "; this is its port for plain HTTP"
                       : strcmp(protocol, "ssh") == 0 ? "; SSH has an encryption of its own"
                       : *protocol                    ? "; see --starttls, or use its port for TLS"
                                                      : "";
    return sk_fail(err, SK_TLS_HANDSHAKE, 0, "tls", "this server speaks plain text: it said '%s'%s", shown, hint);
}

/* ---- Ends and the rest ---- */

static int explain_end(const struct tls *t, struct sk_err *err) {
    if (t->done)
        return sk_fail(err, SK_TLS_TRUNCATED, 0, "recv",
                       "TLS ended after %" PRIu64 " bytes without close_notify: what came may be cut short",
                       t->s->received);
    if (t->first_len && !looks_like_tls(t))
        return explain_plaintext(t, err);
    if (t->settings->server)
        return sk_fail(err, SK_TLS_HANDSHAKE, 0, "tls", "the client closed the connection during the handshake");
    return sk_fail(err, SK_TLS_HANDSHAKE, 0, "tls",
                   "the server closed the connection %s; it may want another name (--sni) or version (--min, --max)",
                   t->first_len ? "during the handshake" : "after the first message of the handshake");
}

/* The version that a ServerHello or ClientHello names. */
static const char *hello_version(const struct tls *t) {
    static const char *const names[] = { "SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2" };
    bool is_hello = t->first_len > 10 && t->first[0] == SSL3_RT_HANDSHAKE && t->first[9] == SSL3_VERSION_MAJOR;
    return is_hello && t->first[10] < 4 ? names[t->first[10]] : "another version";
}

static int explain_verification(const struct tls *t, struct sk_err *err) {
    const struct sk_value *first = sk_at(&t->problems, 0), *second = sk_at(&t->problems, 1);
    if (!first)
        return sk_fail(err, SK_TLS_VERIFY, 0, "tls", "the certificate of the %s cannot be verified", peer_word(t));
    const char *text = sk_get(first, "text")->u.s->data;
    return sk_fail(err, SK_TLS_VERIFY, (int)sk_get(first, "code")->u.i, "tls", "%s%s%.160s", text,
                   second ? "; and " : "", second ? sk_get(second, "text")->u.s->data : "");
}

static int explain_reason(const struct tls *t, int reason, struct sk_err *err) {
    char words[160];
    const char *who = peer_word(t);
    switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
    case SSL_R_INVALID_STATUS_RESPONSE: /* its OCSP response is one of the problems */
        return explain_verification(t, err);
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return sk_fail(err, SK_TLS_VERIFY, 0, "tls", "the client sent no certificate");
    case SSL_R_EXCESSIVE_MESSAGE_SIZE:
        return sk_fail(err, SK_TLS_HANDSHAKE, 0, "tls", "the %s sends more than fits: its certificates may have %d KiB",
                       who, SSL_MAX_CERT_LIST_DEFAULT / 1024);
    case SSL_R_UNSUPPORTED_PROTOCOL:
        return sk_fail(err, SK_TLS_HANDSHAKE, 0, "tls", "the %s offers only %s; see --min and --max", who,
                       hello_version(t));
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
        tls_words(words, sizeof words);
        return sk_fail(err, SK_TLS_HANDSHAKE, 0, "tls", "nothing that both sides have: %s", words);
    default:
        tls_words(words, sizeof words);
        return sk_fail(err, SK_TLS_HANDSHAKE, 0, "tls", "TLS with the %s failed: %s", who, words);
    }
}

void tls_explain(struct tls *t, int ssl_error, struct sk_err *err) {
    unsigned long first = ERR_peek_error();
    int reason = ERR_GET_LIB(first) == ERR_LIB_SSL ? ERR_GET_REASON(first) : 0;
    if (t->in_error)
        sk_fail_sys(err, t->in_error, "recv", t->done ? "recv after %" PRIu64 " bytes" : "TLS handshake",
                    t->s->received);
    else if (t->in_ended && t->in.len == 0 &&
             (ssl_error == SSL_ERROR_SYSCALL || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING))
        explain_end(t, err);
    else if (reason > SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + 255)
        explain_alert(t, reason - SSL_AD_REASON_OFFSET, err);
    else if (!t->done && t->first_len > 1 && !looks_like_tls(t))
        explain_plaintext(t, err);
    else
        explain_reason(t, reason, err);
    ERR_clear_error();
}
