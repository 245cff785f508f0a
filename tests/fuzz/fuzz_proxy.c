/* Any bytes as what a proxy answers: in pieces as at once, with one clean line where it fails, and every byte behind a
 * good answer still there. Input: which kind of proxy and target, then the answers. */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sock/proxy.h"
#include "sock/via.h"

#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ssize_t swallow(struct sk_sock *s, const void *buf, size_t n, int flags) {
    (void)s;
    (void)buf;
    (void)flags;
    return (ssize_t)n;
}

struct outcome {
    int rc;
    enum sk_proxy_blame blame;
    struct sk_err err;
    size_t given;
};

static struct outcome run(unsigned how, struct source src) {
    static const struct sk_layer memory = { .name = "memory", .try_fill = give, .try_send = swallow };
    struct sk_sock s = {
        .fd = -1, .type = SOCK_STREAM, .family = AF_INET, .state = SK_CONNECTED, .layer = &memory, .tap_arg = &src
    };
    struct sk_proxy proxy = { .kind = how & 1 ? SK_PROXY_HTTP : SK_PROXY_SOCKS5 };
    struct sk_endpoint ep = { .kind = SK_EP_NAME, .host = "h.test", .port = 80 };
    struct outcome o = { .err = { .msg = "" } };
    if (how & 2)
        proxy.user = proxy.password = "x";
    if (how & 4) {
        ep.kind = SK_EP_ADDR;
        sk_addr_loopback(&ep.addr, how & 8 ? AF_INET6 : AF_INET, 80);
    }
    sk_addr_loopback(&s.peer, AF_INET, 1080);
    o.rc = sk_proxy_ask(&s, &proxy, &ep, SK_NEVER, &o.blame, &o.err);
    o.given = src.given;
    assert(s.in.len == 0 && (o.rc == 0) == (s.via != NULL));
    sk_sock_close(&s, NULL);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    struct source src = { .data = data + 1, .size = size - 1, .whole = true };
    struct outcome whole = run(data[0], src);
    src.whole = false;
    struct outcome pieces = run(data[0], src);
    assert(whole.rc == pieces.rc && whole.blame == pieces.blame);
    if (whole.rc == 0) {
        assert(whole.given == pieces.given);
        return 0;
    }
    assert(whole.err.kind == pieces.err.kind && whole.err.code == pieces.err.code && whole.blame != SK_BLAME_NOBODY);
    for (const char *p = whole.err.msg; *p; p++)
        assert((unsigned char)*p >= ' ' && *p != 0x7f);
    return 0;
}
