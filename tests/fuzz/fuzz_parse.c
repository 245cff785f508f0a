/* Numbers, times, sizes and names: taken within their range, or refused with a clean sentence. What is taken agrees
 * with a slow reading of the same text, and what is printed is taken again. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/names.h"
#include "base/parse.h"

enum { UNTOUCHED = -77 };

static void require(int holds) {
    if (!holds)
        abort();
}

/* rc is 0, or -1 with one printable line that begins with the operand's name and leaves the output alone. */
static int taken(int rc, int64_t out, const struct sk_err *err) {
    if (rc == 0)
        return 1;
    require(rc == -1 && out == UNTOUCHED && err->kind == SK_USAGE && strncmp(err->msg, "WHAT: '", 7) == 0);
    require(sk_utf8_valid(err->msg, strlen(err->msg)));
    for (const char *c = err->msg; *c; c++)
        require((unsigned char)*c >= 0x20 && *c != 0x7f);
    return 0;
}

static void integers(const char *text, size_t n) {
    static const int64_t ranges[][2] = { { 0, 65535 }, { INT64_MIN, INT64_MAX }, { -9, 9 }, { 1, INT32_MAX } };
    struct sk_err err;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        int64_t out = UNTOUCHED, lo = ranges[i][0], hi = ranges[i][1];
        char back[32];
        if (taken(sk_parse_int("WHAT", text, n, lo, hi, &out, &err), out, &err)) {
            require(out >= lo && out <= hi);
            int len = snprintf(back, sizeof back, "%lld", (long long)out); /* there is one way to write it */
            require((size_t)len == n && memcmp(back, text, n) == 0);
        }
        out = UNTOUCHED;
        if (taken(sk_parse_number("WHAT", text, n, lo, hi, &out, &err), out, &err)) {
            char copy[64] = "";
            require(out >= lo && out <= hi);
            if (n < sizeof copy) {
                memcpy(copy, text, n);
                require(strtoll(copy, NULL, n > 1 && (copy[1] | 0x20) == 'x' ? 16 : 10) == out);
            }
        }
    }
}

/* strtold takes what is taken here, but for the unit. */
static void times(const char *text, size_t n) {
    struct sk_err err;
    sk_time out = UNTOUCHED, again = UNTOUCHED;
    char copy[64] = "", *unit, back[40];
    if (!taken(sk_parse_time("WHAT", text, n, &out, &err), out, &err))
        return;
    require(out == SK_NEVER || (out >= 0 && out <= 315360000 * SK_SECOND));
    sk_format_time(back, sizeof back, out);
    require(sk_parse_time("WHAT", back, strlen(back), &again, &err) == 0 && again == out);
    if (n >= sizeof copy || out == SK_NEVER)
        return;
    memcpy(copy, text, n);
    long double v = strtold(copy, &unit);
    long double scale = strcmp(unit, "us") == 0   ? 1e3L
                        : strcmp(unit, "ms") == 0 ? 1e6L
                        : strcmp(unit, "m") == 0  ? 60e9L
                        : strcmp(unit, "h") == 0  ? 3600e9L
                                                  : 1e9L;
    require(strcmp(unit, "s") == 0 || *unit == '\0' || scale != 1e9L);
    require(fabsl((long double)out - v * scale) <= 1.5L); /* rounded up, and strtold has its own error */
}

static void sizes(const char *text, size_t n) {
    struct sk_err err;
    int64_t out = UNTOUCHED;
    if (taken(sk_parse_size("WHAT", text, n, &out, &err), out, &err))
        require(out >= 0);
}

/* In one group an input, which its length picks. */
static void names(const char *text, size_t n) {
    enum sk_group group = (enum sk_group)(n % (SK_G_COUNT + 1));
    struct sk_err err;
    int out = UNTOUCHED;
    if (taken(sk_name_parse(group, "WHAT", text, n, &out, &err), out, &err)) {
        const struct sk_name *row = sk_name_find(group, text, n);
        require(row ? row->value == out : out >= 0);
    }
    out = UNTOUCHED;
    taken(sk_name_parse_flags(group, "WHAT", text, n, &out, &err), out, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    integers(text, size);
    times(text, size);
    sizes(text, size);
    names(text, size);
    return 0;
}
