/* A stream in pieces gives the match of the whole, and loses no byte. Input: how, length of the text wanted, that text,
 * then the stream; the pieces are drawn from the stream's own bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sock/expect.h"

#include "pieces.h"

static const char *const patterns[] = {
    "a+b",     "(a|ab)(c|bcd)", "^\\d+ (\\w+)\\r?\\n", "x*$",        "(?<=a)b", "a(?!b)",   "\\bab\\b", "(?s)a.*b",
    "[^a]\\z", "(*UTF)\\x{e9}", "(*UTF)^.b$",          "(a)(b)?\\1", "\\Aab",   "a{2,4}?b", "\\R",      "(?m:^a$)|b\\n",
};

struct outcome {
    int result;
    enum sk_kind kind;
    size_t start, end;
};

static struct outcome run(const uint8_t *want, size_t n, struct sk_regex *re, bool exact, struct source src) {
    static const struct sk_layer memory = { .name = "memory", .try_fill = give };
    struct sk_sock s = {
        .fd = -1, .type = SOCK_STREAM, .family = AF_INET, .state = SK_CONNECTED, .layer = &memory, .tap_arg = &src
    };
    struct sk_err err = { 0 };
    struct outcome o = { 0 };
    o.result = sk_expect(&s, want, n, re, exact, &o.start, &o.end, SK_NEVER, &err);
    o.kind = err.kind;
    if (s.in.len != src.given || s.received != src.given ||
        (src.given && memcmp(sk_buf_data(&s.in), src.data, src.given) != 0))
        abort(); /* nothing is lost or changed */
    if (o.result == 0 && (o.start > o.end || o.end > s.in.len || (exact && o.start > 0)))
        abort();
    sk_buf_done(&s.in);
    return o;
}

/* What the words of the contract mean, without cleverness. */
static void check_literal(const uint8_t *want, size_t n, bool exact, struct source src, struct outcome o) {
    for (size_t i = 0; i + n <= src.size && (i == 0 || !exact); i++)
        if (n == 0 || memcmp(src.data + i, want, n) == 0) {
            if (o.result != 0 || o.start != i || o.end != i + n)
                abort();
            return;
        }
    if (o.result == 0 || o.kind != SK_EXPECT)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    bool exact = data[0] & 1, use_re = data[0] & 2;
    size_t n = data[1] % 16, pattern = data[0] >> 2;
    data += 2, size -= 2;
    n = n < size ? n : size;
    struct sk_regex *re = NULL;
    if (use_re) {
        const char *text = patterns[pattern % (sizeof patterns / sizeof *patterns)];
        re = sk_regex_new(text, strlen(text), NULL);
        if (!re)
            abort();
    }
    struct source src = { .data = data + n, .size = size - n };
    struct outcome pieces = run(data, n, re, exact, src);
    src.whole = true;
    struct outcome whole = run(data, n, re, exact, src);
    if (pieces.result != whole.result || pieces.kind != whole.kind)
        abort();
    if (whole.result == 0 && (pieces.start != whole.start || pieces.end != whole.end))
        abort();
    if (!re)
        check_literal(data, n, exact, src, whole);
    sk_regex_free(re);
    return 0;
}
