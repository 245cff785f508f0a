/* Certificates for people. Nothing in them is trusted to be text: every name goes through the escape notation. */
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "tls/tls.h"

/* ---- Names ---- */

/* Text of an ASN.1 string as UTF-8, escaped. */
static void string_text(const ASN1_STRING *s, char *dst, size_t size) {
    unsigned char *utf8 = NULL;
    int n = s ? ASN1_STRING_to_UTF8(&utf8, s) : -1;
    if (n >= 0)
        sk_escape_cut(dst, size, (const char *)utf8, (size_t)n);
    else
        snprintf(dst, size, "?");
    OPENSSL_free(utf8);
}

/* "CN=mx.example, O=Example". */
static void name_text(const X509_NAME *name, char *dst, size_t size) {
    size_t used = 0;
    *dst = '\0';
    for (int i = 0; name && i < X509_NAME_entry_count(name) && used + 1 < size; i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        char value[160], kind[80];
        int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
        if (nid != NID_undef)
            snprintf(kind, sizeof kind, "%s", OBJ_nid2sn(nid));
        else
            OBJ_obj2txt(kind, sizeof kind, X509_NAME_ENTRY_get_object(entry), 1);
        string_text(X509_NAME_ENTRY_get_data(entry), value, sizeof value);
        used += (size_t)snprintf(dst + used, size - used, "%s%s=%s", i ? ", " : "", kind, value);
    }
}

static void short_name(const X509_NAME *name, char *dst, size_t size) {
    int at = name ? X509_NAME_get_index_by_NID(name, NID_commonName, -1) : -1;
    if (at >= 0)
        string_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)), dst, size);
    else
        name_text(name, dst, size);
}

void tls_subject(const X509 *cert, char *dst, size_t size) { short_name(X509_get_subject_name(cert), dst, size); }
void tls_issuer(const X509 *cert, char *dst, size_t size) { short_name(X509_get_issuer_name(cert), dst, size); }

static void ip_text(const ASN1_STRING *s, char *dst, size_t size) {
    int n = ASN1_STRING_length(s);
    int family = n == 4 ? AF_INET : n == 16 ? AF_INET6 : 0;
    if (!family || sk_inet_ntop(family, ASN1_STRING_get0_data(s), (size_t)n, dst, size, NULL) < 0)
        snprintf(dst, size, "(an address of %d bytes)", n);
}

/* "DNS", "IP", "email", "URI" and its text; false for others. */
static bool general_name(const GENERAL_NAME *name, const char **kind, char *dst, size_t size) {
    int type;
    const ASN1_STRING *s = GENERAL_NAME_get0_value(name, &type);
    if (type == GEN_IPADD) {
        *kind = "IP";
        ip_text(s, dst, size);
        return true;
    }
    if (type != GEN_DNS && type != GEN_EMAIL && type != GEN_URI)
        return false;
    *kind = type == GEN_DNS ? "DNS" : type == GEN_EMAIL ? "email" : "URI";
    sk_escape_cut(dst, size, (const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
    return true;
}

void tls_names(const X509 *cert, char *dst, size_t size) {
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    int count = sk_GENERAL_NAME_num(names), told = 0, more = 0;
    size_t used = 0;
    *dst = '\0';
    for (int i = 0; i < count; i++) {
        const char *kind;
        char text[80];
        if (!general_name(sk_GENERAL_NAME_value(names, i), &kind, text, sizeof text))
            continue;
        if (told < 3 && used + strlen(text) + 20 < size)
            used += (size_t)snprintf(dst + used, size - used, "%s%s", told++ ? ", " : "", text);
        else
            more++;
    }
    if (more)
        snprintf(dst + used, size - used, " (+%d)", more);
    GENERAL_NAMES_free(names);
}

/* ---- Dates ---- */

void tls_date(const ASN1_TIME *t, char dst[32], int *days) {
    struct tm tm;
    int seconds;
    *days = 0;
    snprintf(dst, 32, "?");
    if (!ASN1_TIME_to_tm(t, &tm))
        return;
    snprintf(dst, 32, "%04d-%02d-%02d", (tm.tm_year + 1900) % 10000, (tm.tm_mon + 1) % 100, tm.tm_mday % 100);
    if (!ASN1_TIME_diff(days, &seconds, NULL, t))
        *days = 0;
}

/* "2025-11-02T10:20:30Z" */
struct sk_value tls_time(const ASN1_TIME *t) {
    struct tm tm;
    char text[40];
    if (!ASN1_TIME_to_tm(t, &tm))
        return sk_null();
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return sk_text(text);
}

/* ---- All of it ---- */

static struct sk_value names_value(const X509 *cert) {
    struct sk_value list = sk_list();
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const char *kind;
        char text[600], whole[620];
        if (!general_name(sk_GENERAL_NAME_value(names, i), &kind, text, sizeof text))
            continue;
        snprintf(whole, sizeof whole, "%s:%s", kind, text);
        sk_push(&list, sk_text(whole));
    }
    GENERAL_NAMES_free(names);
    return list;
}

static struct sk_value hex_value(const unsigned char *p, size_t n) {
    struct sk_buf hex = { 0 };
    for (size_t i = 0; i < n; i++)
        sk_buf_printf(&hex, NULL, "%02x", p[i]);
    struct sk_value v = sk_text_n(sk_buf_data(&hex), hex.len);
    sk_buf_done(&hex);
    return v;
}

static struct sk_value key_value(X509 *cert) {
    char text[80], group[40] = "";
    const EVP_PKEY *key = X509_get0_pubkey(cert);
    if (!key)
        return sk_null();
    const char *type = EVP_PKEY_get0_type_name(key);
    EVP_PKEY_get_group_name((EVP_PKEY *)key, group, sizeof group, NULL);
    snprintf(text, sizeof text, "%s %s%d", type ? type : "?", group[0] ? group : "", EVP_PKEY_get_bits(key));
    if (group[0])
        snprintf(text, sizeof text, "%s %s", type ? type : "?", group);
    return sk_text(text);
}

static struct sk_value pem_value(const X509 *cert) {
    struct sk_value v = sk_null();
    BIO *bio = BIO_new(BIO_s_mem());
    char *p;
    if (bio && PEM_write_bio_X509(bio, (X509 *)cert)) {
        long n = BIO_get_mem_data(bio, &p);
        v = sk_text_n(p, (size_t)n);
    }
    BIO_free(bio);
    return v;
}

struct sk_value tls_certificate(const X509 *cert) {
    struct sk_value r = sk_record();
    char text[512], pin_text[48];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    int days;
    struct sk_tls_pin pin;
    name_text(X509_get_subject_name(cert), text, sizeof text);
    sk_put_main(&r, "subject", sk_text(text));
    name_text(X509_get_issuer_name(cert), text, sizeof text);
    sk_put(&r, "issuer", sk_text(text));
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
    sk_put(&r, "serial", hex_value(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial)));
    sk_put(&r, "not_before", tls_time(X509_get0_notBefore(cert)));
    sk_put(&r, "not_after", tls_time(X509_get0_notAfter(cert)));
    tls_date(X509_get0_notAfter(cert), text, &days);
    sk_put(&r, "days_left", sk_int(days));
    sk_put(&r, "key", key_value((X509 *)cert));
    sk_put(&r, "signature", sk_text(OBJ_nid2ln(X509_get_signature_nid(cert))));
    sk_put(&r, "names", names_value(cert));
    X509_digest(cert, EVP_sha256(), digest, &n);
    sk_put(&r, "sha256", hex_value(digest, n));
    tls_pin_of(cert, &pin);
    tls_pin_text(&pin, pin_text);
    sk_put(&r, "pin", sk_text(pin_text));
    sk_put(&r, "pem", pem_value(cert));
    return r;
}
