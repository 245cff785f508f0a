#include "base/bytes.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/digit.h"

enum {
    ESCAPED_MAX = 4,     /* "\xHH" */
    ESCAPE_CHUNK = 4096, /* input bytes for which room is made at once */
    QUOTE_COLUMNS = 60,
};

static const char hex_digits[] = "0123456789abcdef";

/* ---- UTF-8 (RFC 3629) ---- */

size_t sk_utf8_len(const void *p, size_t n) {
    const unsigned char *s = p;
    if (n == 0)
        return 0;
    if (s[0] < 0x80)
        return 1;
    size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || n < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool beyond = (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f); /* surrogates; above U+10FFFF */
    return overlong || beyond ? 0 : len;
}

bool sk_utf8_valid(const void *p, size_t n) {
    const unsigned char *s = p;
    while (n > 0) {
        uint64_t word;
        while (n >= sizeof word && (memcpy(&word, s, sizeof word), (word & UINT64_C(0x8080808080808080)) == 0)) {
            s += sizeof word;
            n -= sizeof word;
        }
        if (n == 0)
            break;
        size_t len = sk_utf8_len(s, n);
        if (len == 0)
            return false;
        s += len;
        n -= len;
    }
    return true;
}

static uint32_t code_point(const unsigned char *s, size_t len) {
    uint32_t c = len == 1 ? s[0] : s[0] & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++)
        c = c << 6 | (s[i] & 0x3fu);
    return c;
}

static size_t put_utf8(unsigned char *dst, uint32_t c) {
    if (c < 0x80) {
        dst[0] = (unsigned char)c;
        return 1;
    }
    if (c < 0x800) {
        dst[0] = (unsigned char)(0xc0 | c >> 6);
        dst[1] = (unsigned char)(0x80 | (c & 0x3f));
        return 2;
    }
    dst[0] = (unsigned char)(0xe0 | c >> 12);
    dst[1] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
    dst[2] = (unsigned char)(0x80 | (c & 0x3f));
    return 3;
}

/* Characters above ASCII that show nothing, or change how what surrounds them is shown. */
static bool is_hidden(uint32_t c) {
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        { 0x80, 0x9f },       /* C1 controls */
        { 0xad, 0xad },       /* soft hyphen */
        { 0x61c, 0x61c },     /* Arabic letter mark */
        { 0x180e, 0x180e },   /* Mongolian vowel separator */
        { 0x200b, 0x200f },   /* zero width, direction marks */
        { 0x2028, 0x202e },   /* line and paragraph separator, direction embeddings and overrides */
        { 0x2060, 0x206f },   /* word joiner, invisible operators, direction isolates, deprecated controls */
        { 0xfdd0, 0xfdef },   /* noncharacters */
        { 0xfeff, 0xfeff },   /* byte order mark */
        { 0xfff0, 0xfffb },   /* interlinear annotation */
        { 0xe0000, 0xe0fff }, /* tags, variation selectors of the supplement */
    };
    if ((c & 0xfffe) == 0xfffe) /* the last two of every plane are noncharacters */
        return true;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

/* ---- the printed form ---- */

/* Bytes that stand for themselves. */
static bool is_plain(unsigned char c) { return c >= 0x20 && c < 0x7f && c != '\\' && c != '\''; }

static bool ascii_alone;

void sk_escape_ascii(void) { ascii_alone = true; }

static size_t put_byte(char *dst, unsigned char c) {
    dst[0] = '\\';
    if (c == '\n' || c == '\r' || c == '\t') {
        dst[1] = c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
        return 2;
    }
    dst[1] = 'x';
    dst[2] = hex_digits[c >> 4];
    dst[3] = hex_digits[c & 15];
    return ESCAPED_MAX;
}

/* The printed form of what stands at s: one byte, or one UTF-8 character. *used tells how many bytes that was. */
static size_t put_unit(char *dst, const unsigned char *s, size_t n, size_t *used) {
    *used = 1;
    if (is_plain(s[0])) {
        dst[0] = (char)s[0];
        return 1;
    }
    size_t len = s[0] >= 0x80 ? sk_utf8_len(s, n) : 0;
    if (len == 0 || ascii_alone || is_hidden(code_point(s, len)))
        return put_byte(dst, s[0]);
    memcpy(dst, s, len);
    *used = len;
    return len;
}

static bool needs_mark(const unsigned char *s, size_t n) { return n > 0 && (s[0] == '-' || (s[0] == ',' && n == 1)); }

int sk_escape(struct sk_buf *out, const void *p, size_t n, int flags, struct sk_err *err) {
    const unsigned char *s = p;
    size_t before = out->len, i = 0;
    bool mark = !(flags & SK_ESC_QUOTED) && needs_mark(s, n);
    while (i < n) {
        size_t chunk = n - i < ESCAPE_CHUNK ? n - i : ESCAPE_CHUNK, stop = i + chunk, put = 0;
        char *dst = (char *)sk_buf_room(out, ESCAPED_MAX * chunk, err);
        if (!dst) {
            out->len = before;
            return -1;
        }
        if (mark) {
            put = put_byte(dst, s[i++]);
            mark = false;
        }
        while (i < stop) {
            size_t used;
            if (is_plain(s[i])) {
                dst[put++] = (char)s[i++];
                continue;
            }
            put += put_unit(dst + put, s + i, n - i, &used);
            i += used; /* may pass stop by three bytes, which took no more room than an escape of one */
        }
        sk_buf_commit(out, put);
    }
    return 0;
}

char *sk_escape_cut(char *dst, size_t size, const void *p, size_t n) {
    static const char dots[] = "...";
    const unsigned char *s = p;
    size_t put = 0, cut = 0; /* cut: where the dots go if the rest does not fit */
    if (size == 0)
        return dst;
    for (size_t i = 0, used; i < n; i += used) {
        char unit[ESCAPED_MAX];
        size_t len = put_unit(unit, s + i, n - i, &used);
        if (put + len >= size) {
            size_t room = size - 1 - cut;
            memcpy(dst + cut, dots, room < sizeof dots - 1 ? room : sizeof dots - 1);
            put = cut + (room < sizeof dots - 1 ? room : sizeof dots - 1);
            break;
        }
        memcpy(dst + put, unit, len);
        put += len;
        if (put + sizeof dots - 1 < size)
            cut = put;
    }
    dst[put] = '\0';
    return dst;
}

const char *sk_quote(struct sk_quoted *q, const void *p, size_t n) {
    char text[QUOTE_COLUMNS + 1], whole[2 * QUOTE_COLUMNS];
    sk_escape_cut(text, sizeof text, p, n);
    sk_escape_cut(whole, sizeof whole, p, n);
    if (strcmp(text, whole) == 0)
        snprintf(q->text, sizeof q->text, "'%s'", text);
    else
        snprintf(q->text, sizeof q->text, "'%s' (%zu bytes)", text, n);
    return q->text;
}

/* ---- the typed form ---- */

/* Position of text[at] for people: characters from 1; a byte that is no UTF-8 counts as one. */
static size_t position(const char *text, size_t n, size_t at) {
    size_t count = 1;
    for (size_t i = 0; i < at; count++) {
        size_t len = sk_utf8_len(text + i, n - i);
        i += len ? len : 1;
    }
    return count;
}

static int refuse_escape(const char *text, size_t n, size_t at, struct sk_err *err) {
    size_t where = position(text, n, at);
    if (at + 1 == n)
        return sk_fail_usage(err, "lone \\ at the end (character %zu); write \\\\ for a backslash", where);
    const unsigned char *s = (const unsigned char *)text + at + 1;
    if (*s == 'x')
        return sk_fail_usage(err, "\\x wants exactly two hex digits (character %zu); write it like \\x0a", where);
    if (*s == 'u') {
        bool whole = n - at >= 6;
        for (size_t i = 2; whole && i < 6; i++)
            whole = sk_hex_value(text[at + i]) >= 0;
        if (whole)
            return sk_fail_usage(
                err, "\\u%.4s is half a surrogate pair, not a character (character %zu); write its bytes as \\xHH",
                text + at + 2, where);
        return sk_fail_usage(err, "\\u wants exactly four hex digits (character %zu); write it like \\u00e9", where);
    }
    char q[ESCAPED_MAX + 1];
    size_t used, len = put_unit(q, s, n - at - 1, &used);
    q[len] = '\0';
    if (*s >= '1' && *s <= '7')
        return sk_fail_usage(err, "unknown escape \\%s (character %zu); there are no octal escapes, write \\xHH", q,
                             where);
    if (q[0] == '\\')
        return sk_fail_usage(err, "unknown escape: \\ before %s (character %zu); write \\\\ for a backslash", q, where);
    return sk_fail_usage(err, "unknown escape \\%s (character %zu); write \\\\ for a backslash", q, where);
}

/* The escape at s (behind the backslash) into dst; how many bytes of s it took, 0 when it is none. */
static size_t take_escape(const unsigned char *s, size_t n, unsigned char *dst, size_t *put) {
    static const char names[] = "nrt\\'\"0abefv", values[] = "\n\r\t\\'\"\0\a\b\x1b\f\v";
    if (n == 0)
        return 0;
    const char *name = s[0] ? strchr(names, s[0]) : NULL;
    if (name) {
        dst[(*put)++] = (unsigned char)values[name - names];
        return 1;
    }
    size_t digits = s[0] == 'x' ? 2 : s[0] == 'u' ? 4 : 0;
    uint32_t c = 0;
    if (digits == 0 || n < 1 + digits)
        return 0;
    for (size_t i = 1; i <= digits; i++) {
        int v = sk_hex_value((char)s[i]);
        if (v < 0)
            return 0;
        c = c << 4 | (uint32_t)v;
    }
    if (digits == 2)
        dst[(*put)++] = (unsigned char)c;
    else if (c >= 0xd800 && c <= 0xdfff)
        return 0;
    else
        *put += put_utf8(dst + *put, c);
    return 1 + digits;
}

int sk_unescape(struct sk_buf *out, const char *text, size_t n, struct sk_err *err) {
    unsigned char *dst = sk_buf_room(out, n, err); /* no escape is shorter than its bytes */
    size_t put = 0;
    if (!dst)
        return -1;
    for (size_t i = 0; i < n;) {
        const char *slash = memchr(text + i, '\\', n - i);
        size_t plain = slash ? (size_t)(slash - text) - i : n - i;
        memcpy(dst + put, text + i, plain);
        put += plain;
        i += plain;
        if (!slash)
            break;
        size_t took = take_escape((const unsigned char *)text + i + 1, n - i - 1, dst, &put);
        if (took == 0)
            return refuse_escape(text, n, i, err);
        i += 1 + took;
    }
    sk_buf_commit(out, put);
    return 0;
}
