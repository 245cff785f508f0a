/* Hex, base64 and the hex dump of base/bytes.h. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/digit.h"

static const char hex_digits[] = "0123456789abcdef";

/* The character at text[at], for a message. */
static const char *quote_at(struct sk_quoted *q, const char *text, size_t n, size_t at) {
    size_t len = sk_utf8_len(text + at, n - at);
    return sk_quote(q, text + at, len ? len : 1);
}

static bool is_separator(char c) { return c == ' ' || c == ':' || c == '\t' || c == '\n' || c == '\r'; }

/* ---- hex ---- */

static int refuse_hex(const char *text, size_t n, size_t at, struct sk_err *err) {
    struct sk_quoted q;
    size_t digits = 0;
    for (size_t i = 0; i < n; i++) {
        if (sk_hex_value(text[i]) >= 0)
            digits++;
        else if (!is_separator(text[i]))
            return sk_fail_usage(err, "%s is not a hex digit (character %zu); write two digits a byte, like 0d 0a",
                                 quote_at(&q, text, n, i), i + 1);
    }
    if (digits % 2)
        return sk_fail_usage(
            err, "odd number of hex digits (%zu; half a byte at character %zu); write two digits a byte, like 0d 0a",
            digits, at + 1);
    return sk_fail_usage(
        err, "separator in a wrong place (character %zu); write blanks or single colons between bytes only, like 0d 0a",
        at + 1);
}

/* Blanks, or one colon, that stand between two bytes: how many characters; 0 when it is something else. */
static size_t skip_separator(const char *s, size_t n) {
    size_t i = 0;
    if (s[0] == ':')
        i = 1;
    else
        while (i < n && s[i] != ':' && is_separator(s[i]))
            i++;
    return i < n && sk_hex_value(s[i]) >= 0 ? i : 0;
}

int sk_unhex(struct sk_buf *out, const char *text, size_t n, struct sk_err *err) {
    unsigned char *dst = sk_buf_room(out, n / 2 + 1, err);
    size_t put = 0;
    if (!dst)
        return -1;
    for (size_t i = 0; i < n; i += 2) {
        if (put > 0 && is_separator(text[i])) {
            size_t skip = skip_separator(text + i, n - i);
            if (skip == 0)
                return refuse_hex(text, n, i, err);
            i += skip;
        }
        int hi = sk_hex_value(text[i]);
        int lo = i + 1 < n ? sk_hex_value(text[i + 1]) : -1;
        if (hi < 0 || lo < 0)
            return refuse_hex(text, n, hi < 0 || i + 1 == n ? i : i + 1, err);
        dst[put++] = (unsigned char)(hi << 4 | lo);
    }
    sk_buf_commit(out, put);
    return 0;
}

int sk_hex(struct sk_buf *out, const void *p, size_t n, struct sk_err *err) {
    const unsigned char *s = p;
    unsigned char *dst = sk_buf_room(out, 2 * n, err);
    if (!dst)
        return -1;
    for (size_t i = 0; i < n; i++) {
        *dst++ = (unsigned char)hex_digits[s[i] >> 4];
        *dst++ = (unsigned char)hex_digits[s[i] & 15];
    }
    sk_buf_commit(out, 2 * n);
    return 0;
}

/* ---- base64 (RFC 4648 section 4) ---- */

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int base64_value(unsigned char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* text[at] is the first character that does not belong there, or at is n. */
static int refuse_base64(const char *text, size_t n, size_t at, struct sk_err *err) {
    struct sk_quoted q;
    if (at == n)
        return sk_fail_usage(err, "base64 ends inside a group of four (after character %zu); pad it with = to four", n);
    char c = text[at];
    if (is_separator(c) && c != ':')
        return sk_fail_usage(err, "white space in base64 (character %zu); write it without", at + 1);
    if (c == '-' || c == '_')
        return sk_fail_usage(err, "'%c' is of the URL alphabet (character %zu); write + for - and / for _", c, at + 1);
    if (c == '=')
        return sk_fail_usage(err, "padding in a wrong place (character %zu); = only fills the last group of four",
                             at + 1);
    return sk_fail_usage(err, "%s is not base64 (character %zu); write A-Z a-z 0-9 + / and = at the end",
                         quote_at(&q, text, n, at), at + 1);
}

static void put_three(unsigned char *dst, uint32_t v) {
    dst[0] = (unsigned char)(v >> 16);
    dst[1] = (unsigned char)(v >> 8);
    dst[2] = (unsigned char)v;
}

/* The last group: s[0..4) with or without padding. Bytes made (1 to 3), or 0 with *bad set to the offending offset. */
static size_t last_group(const unsigned char *s, unsigned char *dst, size_t *bad) {
    size_t pad = s[3] != '=' ? 0 : s[2] != '=' ? 1 : 2;
    uint32_t v = 0;
    for (size_t i = 0; i < 4; i++) {
        int d = i < 4 - pad ? base64_value(s[i]) : 0;
        if (d < 0) {
            *bad = i;
            return 0;
        }
        v = v << 6 | (uint32_t)d;
    }
    put_three(dst, v);
    *bad = 4;
    return (v & ((1u << (8 * pad)) - 1)) == 0 ? 3 - pad : 0; /* bits that no byte takes must be 0 */
}

/* text[at] is no digit, in a group of four at i that is not the last. */
static int refuse_inside(const char *text, size_t n, size_t i, size_t at, struct sk_err *err) {
    bool ends_well = text[at] == '=' && at - i >= 2 && text[i + 3] == '=';
    if (ends_well)
        return sk_fail_usage(err, "text after the padding (character %zu); base64 ends with its =", i + 5);
    return refuse_base64(text, n, at, err);
}

/* Less than a group of four is left, from i. */
static int refuse_short(const char *text, size_t n, size_t i, struct sk_err *err) {
    while (i < n && base64_value((unsigned char)text[i]) >= 0)
        i++;
    size_t end = i;
    while (end < n && text[end] == '=')
        end++;
    return refuse_base64(text, n, end == n ? n : i, err); /* padding, but not enough of it: the end is what is wrong */
}

int sk_unbase64(struct sk_buf *out, const char *text, size_t n, struct sk_err *err) {
    const unsigned char *s = (const unsigned char *)text;
    unsigned char *dst = sk_buf_room(out, n / 4 * 3 + 3, err);
    size_t put = 0, i = 0, bad = 0;
    if (!dst)
        return -1;
    for (; n - i > 4; i += 4, put += 3) {
        uint32_t v = 0;
        for (size_t k = i; k < i + 4; k++) {
            int d = base64_value(s[k]);
            if (d < 0)
                return refuse_inside(text, n, i, k, err);
            v = v << 6 | (uint32_t)d;
        }
        put_three(dst + put, v);
    }
    if (n - i == 4) {
        size_t made = last_group(s + i, dst + put, &bad);
        if (made == 0 && bad == 4)
            return sk_fail_usage(err, "the last base64 digit has bits that belong to no byte (character %zu)",
                                 i + (s[i + 2] == '=' ? 2 : 3));
        if (made == 0)
            return refuse_base64(text, n, i + bad, err);
        put += made;
    } else if (n > i) {
        return refuse_short(text, n, i, err);
    }
    sk_buf_commit(out, put);
    return 0;
}

int sk_base64(struct sk_buf *out, const void *p, size_t n, struct sk_err *err) {
    const unsigned char *s = p;
    size_t len = (n / 3 + (n % 3 != 0)) * 4;
    unsigned char *dst = sk_buf_room(out, len, err);
    if (!dst)
        return -1;
    for (; n >= 3; s += 3, n -= 3) {
        uint32_t v = (uint32_t)s[0] << 16 | (uint32_t)s[1] << 8 | s[2];
        *dst++ = (unsigned char)base64_digits[v >> 18];
        *dst++ = (unsigned char)base64_digits[v >> 12 & 63];
        *dst++ = (unsigned char)base64_digits[v >> 6 & 63];
        *dst++ = (unsigned char)base64_digits[v & 63];
    }
    if (n > 0) {
        uint32_t v = (uint32_t)s[0] << 16 | (n == 2 ? (uint32_t)s[1] << 8 : 0);
        *dst++ = (unsigned char)base64_digits[v >> 18];
        *dst++ = (unsigned char)base64_digits[v >> 12 & 63];
        *dst++ = n == 2 ? (unsigned char)base64_digits[v >> 6 & 63] : '=';
        *dst++ = '=';
    }
    sk_buf_commit(out, len);
    return 0;
}

/* ---- the hex dump, as xxd lays it out ---- */

static int dump_line(struct sk_buf *out, const unsigned char *s, size_t n, unsigned long long offset,
                     struct sk_err *err) {
    enum { PER_LINE = 16, TEXT_AT = 41 }; /* eight groups of four digits, each with a blank, and one blank more */
    char line[TEXT_AT + PER_LINE + 1];
    char *hex = line;
    memset(line, ' ', sizeof line);
    for (size_t i = 0; i < n; i++) {
        *hex++ = hex_digits[s[i] >> 4];
        *hex++ = hex_digits[s[i] & 15];
        hex += i & 1;
        line[TEXT_AT + i] = (char)(s[i] >= 0x20 && s[i] < 0x7f ? s[i] : '.');
    }
    line[TEXT_AT + n] = '\n';
    if (sk_buf_printf(out, err, "%08llx: ", offset) < 0)
        return -1;
    return sk_buf_add(out, line, TEXT_AT + n + 1, err);
}

int sk_hexdump(struct sk_buf *out, const void *p, size_t n, unsigned long long offset, struct sk_err *err) {
    const unsigned char *s = p;
    size_t before = out->len;
    for (size_t i = 0; i < n; i += 16)
        if (dump_line(out, s + i, n - i < 16 ? n - i : 16, offset + i, err) < 0) {
            out->len = before;
            return -1;
        }
    return 0;
}
