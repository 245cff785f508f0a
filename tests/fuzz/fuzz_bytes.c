/* Byte notations: what is printed has only the output alphabet and means the same when typed; what is typed is taken
 * whole or refused whole, with a clean sentence. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static void require(int holds) {
    if (!holds)
        abort();
}

static void same(const struct sk_buf *b, const void *p, size_t n) {
    require(b->len == n && (n == 0 || memcmp(sk_buf_data(b), p, n) == 0));
}

/* Printable, valid UTF-8, no ' and a backslash only before n r t x. */
static void alphabet(const struct sk_buf *b) {
    const unsigned char *s = sk_buf_data(b);
    require(sk_utf8_valid(s, b->len));
    for (size_t i = 0; i < b->len; i++) {
        require(s[i] >= 0x20 && s[i] != 0x7f && s[i] != '\'');
        if (s[i] == '\\')
            require(++i < b->len && memchr("nrtx", s[i], 4) != NULL);
    }
}

static void sentence(const struct sk_err *err) {
    require(err->kind == SK_USAGE && err->msg[0] != '\0' && sk_utf8_valid(err->msg, strlen(err->msg)));
    for (const char *c = err->msg; *c; c++)
        require((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static void printed(const uint8_t *data, size_t size) {
    struct sk_buf out = { 0 }, back = { 0 };
    struct sk_err err;
    for (int flags = 0; flags <= SK_ESC_QUOTED; flags++) {
        sk_buf_clear(&out);
        sk_buf_clear(&back);
        require(sk_escape(&out, data, size, flags, &err) == 0);
        alphabet(&out);
        require(flags || out.len == 0 ||
                (sk_buf_data(&out)[0] != '-' && !(out.len == 1 && sk_buf_data(&out)[0] == ',')));
        require(sk_unescape(&back, (char *)sk_buf_data(&out), out.len, &err) == 0);
        same(&back, data, size);
    }
    sk_buf_clear(&out);
    sk_buf_clear(&back);
    require(sk_hex(&out, data, size, &err) == 0 && sk_unhex(&back, (char *)sk_buf_data(&out), out.len, &err) == 0);
    same(&back, data, size);
    sk_buf_clear(&out);
    sk_buf_clear(&back);
    require(sk_base64(&out, data, size, &err) == 0 &&
            sk_unbase64(&back, (char *)sk_buf_data(&out), out.len, &err) == 0);
    same(&back, data, size);
    sk_buf_clear(&out);
    require(sk_hexdump(&out, data, size, size, &err) == 0);
    sk_buf_done(&out);
    sk_buf_done(&back);
}

static void cut(const uint8_t *data, size_t size) {
    struct sk_quoted q;
    char text[64];
    require(strlen(sk_quote(&q, data, size)) < sizeof q.text - 1 && sk_utf8_valid(q.text, strlen(q.text)));
    for (size_t room = 1; room <= sizeof text; room++) {
        sk_escape_cut(text, room, data, size);
        require(strlen(text) < room && sk_utf8_valid(text, strlen(text)));
    }
}

static void typed(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    struct sk_buf out = { 0 }, again = { 0 };
    struct sk_err err;
    sk_buf_add_str(&out, "<", &err);
    if (sk_unescape(&out, text, size, &err) < 0) {
        sentence(&err);
        same(&out, "<", 1);
    }
    sk_buf_clear(&out);
    if (sk_unhex(&out, text, size, &err) < 0)
        sentence(&err);
    sk_buf_clear(&out);
    if (sk_unbase64(&out, text, size, &err) < 0) {
        sentence(&err);
    } else { /* there is one base64 of any bytes */
        require(sk_base64(&again, sk_buf_data(&out), out.len, &err) == 0);
        same(&again, data, size);
    }
    sk_buf_done(&out);
    sk_buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    printed(data, size);
    cut(data, size);
    typed(data, size);
    return 0;
}
