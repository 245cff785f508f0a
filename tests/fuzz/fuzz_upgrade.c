/* What a server says before TLS, in any protocol (the first byte): a stream in pieces ends as the whole does, nothing
 * is left over after a go-ahead, and every sentence can be shown. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "sock/upgrade.h"

#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PROTOCOLS = 11 };

static ssize_t take(struct sk_sock *s, const void *buf, size_t n, int flags) {
    (void)s;
    (void)flags;
    assert(buf && n > 0 && n < 1024);
    return (ssize_t)n;
}

static void check_sentence(const struct sk_err *err) {
    size_t n = strlen(err->msg);
    assert(n > 0 && sk_utf8_valid(err->msg, n));
    for (size_t i = 0; i < n; i++)
        assert((unsigned char)err->msg[i] >= ' ' && err->msg[i] != 0x7f);
}

static int run(const struct sk_upgrade *how, struct source *src, enum sk_kind *kind) {
    static const struct sk_layer memory = { .name = "memory", .try_fill = give, .try_send = take };
    struct sk_sock s = {
        .fd = -1, .type = SOCK_STREAM, .family = AF_INET, .state = SK_CONNECTED, .layer = &memory, .tap_arg = src
    };
    struct sk_err err = { 0 };
    int rc = sk_upgrade(&s, how, SK_NEVER, &err);
    *kind = err.kind;
    if (rc < 0) {
        check_sentence(&err);
        assert(err.kind == SK_TLS_HANDSHAKE || err.kind == SK_EOF);
    } else {
        assert(s.in.len == 0);
    }
    sk_buf_done(&s.in);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    struct sk_upgrade how = { .protocol = sk_upgrade_protocols[data[0] % PROTOCOLS], .domain = "example.test" };
    struct source whole = { .data = data + 1, .size = size - 1, .whole = true }, pieces = whole;
    enum sk_kind kind, kind_in_pieces;
    pieces.whole = false;
    int rc = run(&how, &whole, &kind), rc_in_pieces = run(&how, &pieces, &kind_in_pieces);
    if (rc == 0)
        assert(rc_in_pieces == 0 && pieces.given == whole.given);
    else if (rc_in_pieces == 0) /* what followed the go-ahead had not come yet */
        assert(kind == SK_TLS_HANDSHAKE && pieces.given < whole.given);
    else
        assert(kind == kind_in_pieces);
    return 0;
}
