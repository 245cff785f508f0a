/* Any bytes as a certificate in DER: everything that is told about it is printable, and nothing is read beyond it. */
#define OPENSSL_API_COMPAT 30000 /* without the macros of before, which begin with sk_ */
#define OPENSSL_NO_DEPRECATED
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "tls/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *p, size_t n) {
    assert(strlen(p) == n && sk_utf8_valid(p, n));
    for (size_t i = 0; i < n; i++) /* the PEM has line feeds */
        assert(p[i] == '\n' || ((unsigned char)p[i] >= ' ' && p[i] != 0x7f));
}

static void check(const struct sk_value *v) {
    if (sk_is_blob(v->type))
        check_text(v->u.s->data, v->u.s->len);
    for (size_t i = 0; sk_is_seq(v->type) && i < v->u.seq->count; i++)
        check(&v->u.seq->items[i].value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const unsigned char *p = data;
    char text[120], date[32];
    int days;
    X509 *cert = d2i_X509(NULL, &p, (long)size);
    if (!cert)
        return 0;
    struct sk_value v = tls_certificate(cert);
    check(&v);
    sk_drop(v);
    tls_names(cert, text, sizeof text);
    check_text(text, strlen(text));
    tls_subject(cert, text, sizeof text);
    check_text(text, strlen(text));
    tls_issuer(cert, text, sizeof text);
    check_text(text, strlen(text));
    tls_date(X509_get0_notAfter(cert), date, &days);
    X509_free(cert);
    return 0;
}
