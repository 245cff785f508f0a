/* Any words as an address: refused with one clean line, or read, printed and read back as the same. The first byte says
 * whether the address is to listen on; 0x1f parts the words. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "net/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS = 5, SEPARATOR = 0x1f };

static void check_message(const struct sk_err *err) {
    assert(err->kind == SK_USAGE && err->msg[0] != '\0');
    for (const char *p = err->msg; *p; p++)
        assert((unsigned char)*p >= ' ' && *p != 0x7f);
}

static void check_printed(const struct sk_endpoint *ep) {
    char text[SK_ADDR_TEXT], again[SK_ADDR_TEXT];
    const char *word = sk_endpoint_format(text, sizeof text, ep);
    size_t n = strlen(text);
    struct sk_endpoint back;
    struct sk_err err;
    if (sk_endpoint_parse(&back, &word, &n, 1, true, &err) < 0)
        __builtin_trap();
    assert(strcmp(text, sk_endpoint_format(again, sizeof again, &back)) == 0);
    assert(back.kind == ep->kind && back.tls == ep->tls);
    if (ep->kind == SK_EP_NAME)
        assert(strlen(ep->host) > 0 && strlen(ep->host) <= 254);
}

static void check_literals(const char *text, size_t n) {
    static const int families[] = { AF_INET, AF_INET6 };
    unsigned char bytes[16], again[16];
    char printed[64];
    uint16_t port;
    struct sk_err err;
    for (int i = 0; i < 2; i++) {
        int size = sk_inet_pton(families[i], text, n, bytes, &err);
        if (size < 0)
            continue;
        if (sk_inet_ntop(families[i], bytes, (size_t)size, printed, sizeof printed, &err) < 0 ||
            sk_inet_pton(families[i], printed, strlen(printed), again, &err) != size)
            __builtin_trap();
        assert(memcmp(bytes, again, (size_t)size) == 0);
    }
    if (sk_port_parse(text, n, NULL, &port, &err) < 0)
        check_message(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *words[WORDS];
    size_t lengths[WORDS], count = 0;
    struct sk_endpoint ep;
    struct sk_err err = { .msg = "" };
    if (size == 0)
        return 0;
    const char *at = (const char *)data + 1, *end = (const char *)data + size;
    while (count < WORDS) {
        const char *stop = memchr(at, SEPARATOR, (size_t)(end - at));
        words[count] = at;
        lengths[count++] = (size_t)((stop ? stop : end) - at);
        if (!stop)
            break;
        at = stop + 1;
    }
    if (sk_endpoint_parse(&ep, words, lengths, count, data[0] & 1, &err) < 0)
        check_message(&err);
    else
        check_printed(&ep);
    check_literals(words[0], lengths[0]);
    return 0;
}
