/* Any bytes as a PROXY header: the same whether they come at once or one by one, nothing behind it is touched, and what
 * is accepted is told again by a header of our own. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "sock/proxyhdr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(const struct sk_err *err) {
    assert(err->kind == SK_SYS && err->msg[0] != '\0');
    for (const char *p = err->msg; *p; p++)
        assert((unsigned char)*p >= ' ' && *p != 0x7f);
}

/* What both versions can tell comes back. */
static void check_again(const struct sk_proxyhdr *h) {
    for (int version = 1; version <= 2; version++) {
        struct sk_proxyhdr copy = *h, back;
        struct sk_buf bytes = { 0 };
        struct sk_err err;
        bool is_unix = h->source.len && h->source.u.sa.sa_family == AF_UNIX;
        copy.version = version;
        if (sk_proxyhdr_make(&copy, &bytes, &err) < 0 ||
            sk_proxyhdr_parse(sk_buf_data(&bytes), bytes.len, &back, &err) < 0)
            __builtin_trap();
        if (!(version == 1 && is_unix))
            assert(sk_addr_equal(&back.source, &h->source) && sk_addr_equal(&back.target, &h->target));
        assert(version == 1 || back.local == h->local);
        sk_buf_done(&bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sk_err err = { .msg = "" }, late = { .msg = "" };
    struct sk_proxyhdr h;
    size_t length = 0, again = 0, n = 0;
    int whole = sk_proxyhdr_scan(data, size, &length, &err), rc = 0;
    while (n < size && (rc = sk_proxyhdr_scan(data, n, &again, &late)) == 0)
        n++;
    if (rc == 0)
        rc = sk_proxyhdr_scan(data, size, &again, &late);
    assert(rc == whole);
    if (whole < 0) {
        check_message(&err);
        return 0;
    }
    assert(whole == 0 || (again == length && length <= size && n == length && length <= SK_PROXYHDR_MOST));
    if (sk_proxyhdr_parse(data, whole ? length : size, &h, &err) < 0) {
        check_message(&err);
        return 0;
    }
    assert(whole == 1 && (h.version == 1 || h.version == 2) && !h.source.len == !h.target.len);
    check_again(&h);
    return 0;
}
