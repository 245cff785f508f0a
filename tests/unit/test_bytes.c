/* Notations of byte strings: escapes, hex, base64, hex dumps, UTF-8 (INTERFACE.md B3, RELIABILITY.md D2 55 to 57). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define COUNT(a)   (sizeof(a) / sizeof *(a))
#define S(literal) literal, sizeof(literal) - 1

typedef int decoder(struct sk_buf *out, const char *text, size_t n, struct sk_err *err);

struct good {
    const char *in;
    size_t in_len;
    const char *out;
    size_t out_len;
};
struct bad {
    const char *in;
    size_t in_len;
    const char *words; /* of the message */
};

/* The decoder turns in into out, appending, from memory that ends where the text does. */
static void check_good(decoder *decode, const struct good *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct sk_buf b = { 0 };
        struct sk_err e = { 0 };
        char *exact = malloc(rows[i].in_len + !rows[i].in_len);
        memcpy(exact, rows[i].in, rows[i].in_len);
        sk_buf_add_str(&b, "<", &e);
        if (decode(&b, exact, rows[i].in_len, &e) < 0)
            fail_msg("%s: %s", rows[i].in, e.msg);
        assert_int_equal(b.len, 1 + rows[i].out_len);
        assert_memory_equal(sk_buf_data(&b) + 1, rows[i].out, rows[i].out_len);
        assert_int_equal(e.msg[0], 0);
        free(exact);
        sk_buf_done(&b);
    }
}

static void check_bad(decoder *decode, const struct bad *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct sk_buf b = { 0 };
        struct sk_err e = { 0 };
        char *exact = malloc(rows[i].in_len + !rows[i].in_len);
        memcpy(exact, rows[i].in, rows[i].in_len);
        sk_buf_add_str(&b, "<", &e);
        if (decode(&b, exact, rows[i].in_len, &e) != -1)
            fail_msg("'%s' was taken", rows[i].in);
        assert_int_equal(e.kind, SK_USAGE);
        if (!strstr(e.msg, rows[i].words))
            fail_msg("'%s': '%s' does not say '%s'", rows[i].in, e.msg, rows[i].words);
        for (const char *c = e.msg; *c; c++)
            assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
        assert_true(sk_utf8_valid(e.msg, strlen(e.msg)));
        assert_int_equal(b.len, 1); /* as before */
        free(exact);
        sk_buf_done(&b);
    }
}

static void unescape(void **state) {
    (void)state;
    static const struct good rows[] = {
        { S(""), S("") },
        { S("plain"), S("plain") },
        { S("PING\\r\\n"), S("PING\r\n") },
        { S("\\n\\r\\t"), S("\n\r\t") },
        { S("\\\\ \\' \\\""), S("\\ ' \"") },
        { S("\\0\\a\\b\\e\\f\\v"), S("\0\a\b\x1b\f\v") },
        { S("\\012"), S("\0"
                        "12") }, /* never octal */
        { S("\\x00\\xff\\xAb"), S("\x00\xff\xab") },
        { S("\\x411"), S("A1") }, /* exactly two digits */
        { S("\\u0041\\u00e9\\u20AC\\uffff"), S("A\xc3\xa9\xe2\x82\xac\xef\xbf\xbf") },
        { S("\\u0000"), S("\0") },
        { S("\\u00411"), S("A1") },
        { S("caf\xc3\xa9 \xff\xfe"), S("caf\xc3\xa9 \xff\xfe") },
        { S("a\0b"), S("a\0b") },
        { S("%n%s$(id);'\""), S("%n%s$(id);'\"") },
        { S("\\x5cn"), S("\\n") }, /* decoded once */
    };
    check_good(sk_unescape, rows, COUNT(rows));
}

static void unescape_refused(void **state) {
    (void)state;
    static const struct bad rows[] = {
        { S("\\q"), "unknown escape \\q (character 1)" },
        { S("a\\q"), "unknown escape \\q (character 2)" },
        { S("\xc3\xa9\\q"), "unknown escape \\q (character 2)" },
        { S("\xff\xff\\q"), "unknown escape \\q (character 3)" },
        { S("\\x"), "\\x wants exactly two hex digits (character 1)" },
        { S("\\xg0"), "\\x wants exactly two hex digits (character 1)" },
        { S("\\x1"), "\\x wants exactly two hex digits (character 1)" },
        { S("ab\\x1g"), "\\x wants exactly two hex digits (character 3)" },
        { S("\\u"), "\\u wants exactly four hex digits (character 1)" },
        { S("\\u123"), "\\u wants exactly four hex digits (character 1)" },
        { S("\\u{110000}"), "\\u wants exactly four hex digits (character 1)" },
        { S("\\ud800"), "\\ud800 is half a surrogate pair" },
        { S("x\\uDFFF"), "(character 2)" },
        { S("\\ud83d\\ude00"), "half a surrogate pair" },
        { S("\\777"), "there are no octal escapes" },
        { S("ends\\"), "lone \\ at the end (character 5); write \\\\" },
        { S("\\"), "lone \\ at the end (character 1)" },
        { S("\\\\\\"), "lone \\ at the end (character 3)" },
        { S("\\N"), "unknown escape \\N" },
        { S("\\\n"), "unknown escape: \\ before \\n" },
        { S("\\\x1b[31m"), "unknown escape: \\ before \\x1b" },
        { S("\\\0"), "unknown escape: \\ before \\x00" },
        { S("\\\xff"), "unknown escape: \\ before \\xff" },
        { S("\\\xc3\xa9"), "unknown escape \\\xc3\xa9 (character 1)" },
        { S("\\\xe2\x80\xae"), "unknown escape: \\ before \\xe2" },
    };
    check_bad(sk_unescape, rows, COUNT(rows));
}

static void check_escape(const char *in, size_t n, int flags, const char *want) {
    struct sk_buf b = { 0 };
    struct sk_err e;
    assert_int_equal(sk_escape(&b, in, n, flags, &e), 0);
    sk_buf_add(&b, "", 1, &e);
    assert_string_equal((char *)sk_buf_data(&b), want);
    sk_buf_done(&b);
}

static void escape(void **state) {
    (void)state;
    static const struct {
        const char *in;
        size_t len;
        const char *bare, *quoted;
    } rows[] = {
        { S(""), "", "" },
        { S("HTTP/1.0 200 OK\r\n\t"), "HTTP/1.0 200 OK\\r\\n\\t", "HTTP/1.0 200 OK\\r\\n\\t" },
        { S("it's a \\ \"q\""), "it\\x27s a \\x5c \"q\"", "it\\x27s a \\x5c \"q\"" },
        { S("\0\x01\x1b\x7f"), "\\x00\\x01\\x1b\\x7f", "\\x00\\x01\\x1b\\x7f" },
        { S("-x"), "\\x2dx", "-x" },
        { S("--"), "\\x2d-", "--" },
        { S("a-"), "a-", "a-" },
        { S(","), "\\x2c", "," },
        { S(",,"), ",,", ",," },
        { S("a,b"), "a,b", "a,b" },
        { S("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"), "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
          "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80" },
        { S("\xff\xc3"), "\\xff\\xc3", "\\xff\\xc3" },
        { S("\xc0\x80"), "\\xc0\\x80", "\\xc0\\x80" },               /* overlong */
        { S("\xed\xa0\x80"), "\\xed\\xa0\\x80", "\\xed\\xa0\\x80" }, /* surrogate */
        { S("\xe2\x82"), "\\xe2\\x82", "\\xe2\\x82" },               /* cut short */
        { S("\xc2\x9b"
            "31m"),
          "\\xc2\\x9b31m", "\\xc2\\x9b31m" }, /* CSI of C1 */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_escape(rows[i].in, rows[i].len, 0, rows[i].bare);
        check_escape(rows[i].in, rows[i].len, SK_ESC_QUOTED, rows[i].quoted);
    }
}

static size_t encode(uint32_t c, char *s) {
    if (c < 0x80)
        s[0] = (char)c;
    else if (c < 0x800)
        s[0] = (char)(0xc0 | c >> 6);
    else if (c < 0x10000)
        s[0] = (char)(0xe0 | c >> 12);
    else
        s[0] = (char)(0xf0 | c >> 18);
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = 1; i < len; i++)
        s[i] = (char)(0x80 | (c >> (6 * (len - 1 - i)) & 0x3f));
    return len;
}

static bool must_hide(uint32_t c) {
    static const uint32_t hidden[][2] = {
        { 0, 0x1f },        { 0x7f, 0x9f },     { 0xad, 0xad },       { 0x61c, 0x61c },   { 0x180e, 0x180e },
        { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },   { 0xd800, 0xdfff }, { 0xfdd0, 0xfdef },
        { 0xfeff, 0xfeff }, { 0xfff0, 0xfffb }, { 0xe0000, 0xe0fff },
    };
    for (size_t i = 0; i < COUNT(hidden); i++)
        if (c >= hidden[i][0] && c <= hidden[i][1])
            return true;
    return c == '\'' || c == '\\' || (c & 0xffff) >= 0xfffe || c > 0x10ffff;
}

/* Every code point: shown or hidden as decided, valid or not, and back again. */
static void every_character(void **state) {
    (void)state;
    struct sk_buf out = { 0 }, back = { 0 };
    struct sk_err e;
    for (uint32_t c = 0; c <= 0x110100; c++) {
        char s[4];
        size_t n = encode(c, s);
        bool valid = c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
        if (sk_utf8_len(s, n) != (valid ? n : 0))
            fail_msg("U+%04X", c);
        for (size_t k = 1; k < n; k++)
            assert_int_equal(sk_utf8_len(s, k), 0);
        sk_buf_clear(&out);
        sk_buf_clear(&back);
        sk_escape(&out, s, n, SK_ESC_QUOTED, &e);
        bool shown = out.len == n && memcmp(sk_buf_data(&out), s, n) == 0;
        if (shown == must_hide(c))
            fail_msg("U+%04X is %s", c, shown ? "shown" : "hidden");
        assert_int_equal(sk_unescape(&back, (char *)sk_buf_data(&out), out.len, &e), 0);
        assert_int_equal(back.len, n);
        assert_memory_equal(sk_buf_data(&back), s, n);
    }
    sk_buf_done(&out);
    sk_buf_done(&back);
}

/* What may come out: printable ASCII but ', printable UTF-8, and \ only before n r t x. */
static void check_alphabet(const unsigned char *s, size_t n) {
    assert_true(sk_utf8_valid(s, n));
    for (size_t i = 0; i < n; i++) {
        assert_true(s[i] >= 0x20 && s[i] != 0x7f && s[i] != '\'');
        if (s[i] == '\\') {
            assert_true(i + 1 < n && memchr("nrtx", s[i + 1], 4));
            i++;
        }
    }
}

static void check_round_trip(const void *p, size_t n) {
    struct sk_buf out = { 0 }, back = { 0 };
    struct sk_err e;
    for (int flags = 0; flags <= SK_ESC_QUOTED; flags++) {
        sk_buf_clear(&out);
        sk_buf_clear(&back);
        assert_int_equal(sk_escape(&out, p, n, flags, &e), 0);
        check_alphabet(sk_buf_data(&out), out.len);
        assert_int_equal(sk_unescape(&back, (char *)sk_buf_data(&out), out.len, &e), 0);
        assert_int_equal(back.len, n);
        if (n)
            assert_memory_equal(sk_buf_data(&back), p, n);
    }
    int (*const encoders[])(struct sk_buf *, const void *, size_t, struct sk_err *) = { sk_hex, sk_base64 };
    decoder *const decoders[] = { sk_unhex, sk_unbase64 };
    for (size_t i = 0; i < COUNT(encoders); i++) {
        sk_buf_clear(&out);
        sk_buf_clear(&back);
        assert_int_equal(encoders[i](&out, p, n, &e), 0);
        check_alphabet(sk_buf_data(&out), out.len);
        assert_int_equal(decoders[i](&back, (char *)sk_buf_data(&out), out.len, &e), 0);
        assert_int_equal(back.len, n);
        if (n)
            assert_memory_equal(sk_buf_data(&back), p, n);
    }
    sk_buf_done(&out);
    sk_buf_done(&back);
}

static void round_trips(void **state) {
    (void)state;
    unsigned char all[256], pair[2];
    for (size_t i = 0; i < 256; i++) {
        all[i] = (unsigned char)i;
        check_round_trip(&all[i], 1);
        for (size_t k = 0; k < 256; k += 3) {
            pair[0] = (unsigned char)i;
            pair[1] = (unsigned char)k;
            check_round_trip(pair, 2);
        }
    }
    for (size_t n = 0; n <= sizeof all; n++)
        check_round_trip(all, n);
    size_t big = 20000; /* over the seams of what is escaped at once, with characters across them */
    char *text = malloc(big + 3);
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, '-', shift);
        for (size_t i = shift; i < big; i += 3)
            memcpy(text + i, "\xe2\x82\xac", 3);
        check_round_trip(text, big);
    }
    srand(2);
    for (size_t i = 0; i < big; i++)
        text[i] = (char)rand();
    check_round_trip(text, big);
    free(text);
}

static void cut(void **state) {
    (void)state;
    static const struct {
        const char *in;
        size_t len, size;
        const char *want;
    } rows[] = {
        { S("hello"), 6, "hello" },
        { S("hello"), 5, "h..." },
        { S("hello"), 4, "..." },
        { S("hello"), 3, ".." },
        { S("hello"), 2, "." },
        { S("hello"), 1, "" },
        { S(""), 1, "" },
        { S("\x01\x01"), 9, "\\x01\\x01" },
        { S("\x01\x01"), 8, "\\x01..." },
        { S("\x01\x01"), 7, "..." },
        { S("\xe2\x82\xac\xe2\x82\xac"), 7, "\xe2\x82\xac\xe2\x82\xac" },
        { S("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"), 9, "\xe2\x82\xac..." },
        { S("-a,"), 10, "-a," },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *dst = malloc(rows[i].size);
        assert_ptr_equal(sk_escape_cut(dst, rows[i].size, rows[i].in, rows[i].len), dst);
        assert_string_equal(dst, rows[i].want);
        free(dst);
    }
    char untouched = 'x';
    sk_escape_cut(&untouched, 0, "a", 1);
    assert_int_equal(untouched, 'x');
}

static void quote(void **state) {
    (void)state;
    struct sk_quoted q;
    char text[4000];
    memset(text, 'x', sizeof text);
    assert_string_equal(sk_quote(&q, "", 0), "''");
    assert_string_equal(sk_quote(&q, "-1", 2), "'-1'");
    assert_string_equal(sk_quote(&q, "it's\x1b", 5), "'it\\x27s\\x1b'");
    assert_int_equal(strlen(sk_quote(&q, text, 60)), 62);
    assert_non_null(strstr(sk_quote(&q, text, 61), "xxx...' (61 bytes)"));
    assert_non_null(strstr(sk_quote(&q, text, sizeof text), "xxx...' (4000 bytes)"));
    for (size_t n = 0; n < sizeof text; n++) {
        memset(text, (int)(n * 7), n);
        assert_true(strlen(sk_quote(&q, text, n)) < sizeof q.text - 1);
    }
}

static void unhex(void **state) {
    (void)state;
    static const struct good good[] = {
        { S(""), S("") },
        { S("0d0a"), S("\r\n") },
        { S("0d 0a"), S("\r\n") },
        { S("0D:0A"), S("\r\n") },
        { S("00 ff7F  80\n\t01"), S("\0\xff\x7f\x80\1") },
    };
    static const struct bad bad[] = {
        { S("0"), "odd number of hex digits (1" },
        { S("0g"), "'g' is not a hex digit (character 2)" },
        { S("00 1"), "odd number of hex digits (3; half a byte at character 4)" },
        { S("00 1 22"), "odd number of hex digits (5" },
        { S("123"), "odd number of hex digits (3; half a byte at character 3)" },
        { S("0 0"), "separator in a wrong place (character 2)" },
        { S(" 00"), "separator in a wrong place (character 1)" },
        { S("00 "), "separator in a wrong place (character 3)" },
        { S("00:"), "separator in a wrong place (character 3)" },
        { S("00::11"), "separator in a wrong place" },
        { S("00 : 11"), "separator in a wrong place" },
        { S("0x0d"), "'x' is not a hex digit (character 2)" },
        { S("00\0"), "'\\x00' is not a hex digit (character 3)" },
        { S("0\xc3\xa9"), "'\xc3\xa9' is not a hex digit (character 2)" },
        { S("\x1b["), "'\\x1b' is not a hex digit (character 1)" },
    };
    check_good(sk_unhex, good, COUNT(good));
    check_bad(sk_unhex, bad, COUNT(bad));
}

static void unbase64(void **state) {
    (void)state;
    static const struct good good[] = {
        /* RFC 4648 section 10 */
        { S(""), S("") },
        { S("Zg=="), S("f") },
        { S("Zm8="), S("fo") },
        { S("Zm9v"), S("foo") },
        { S("Zm9vYg=="), S("foob") },
        { S("Zm9vYmE="), S("fooba") },
        { S("Zm9vYmFy"), S("foobar") },
        { S("+/+/"), S("\xfb\xff\xbf") },
    };
    static const struct bad bad[] = {
        { S("A"), "ends inside a group of four (after character 1)" },
        { S("AA"), "ends inside a group of four" },
        { S("AA="), "ends inside a group of four" },
        { S("AAAAA"), "ends inside a group of four (after character 5)" },
        { S("AA==x"), "text after the padding (character 5)" },
        { S("AA==AAAA"), "text after the padding (character 5)" },
        { S("AAA=AAAA"), "text after the padding (character 5)" },
        { S("A==="), "padding in a wrong place (character 2)" },
        { S("===="), "padding in a wrong place (character 1)" },
        { S("AA=A"), "padding in a wrong place (character 3)" },
        { S("A=AAAAAA"), "padding in a wrong place (character 2)" },
        { S("AAAA\n"), "white space in base64 (character 5)" },
        { S("AA AA"), "white space in base64 (character 3)" },
        { S("AA-_"), "'-' is of the URL alphabet (character 3)" },
        { S("AAA_"), "'_' is of the URL alphabet (character 4)" },
        { S("AA*A"), "'*' is not base64 (character 3)" },
        { S("AAA\xc3\xa9"), "'\xc3\xa9' is not base64 (character 4)" },
        { S("AA\0A"), "'\\x00' is not base64 (character 3)" },
        { S("AB=="), "bits that belong to no byte (character 2)" },
        { S("AAB="), "bits that belong to no byte (character 3)" },
    };
    check_good(sk_unbase64, good, COUNT(good));
    check_bad(sk_unbase64, bad, COUNT(bad));
}

static void hexdump(void **state) {
    (void)state;
    static const char want[] = "00000000: 0001 0203 0405 0607 0809 0a0b 0c0d 0e0f  ................\n"
                               "00000010: 4865 6c6c 6f                             Hello\n";
    unsigned char in[21];
    struct sk_buf b = { 0 };
    struct sk_err e;
    for (size_t i = 0; i < 16; i++)
        in[i] = (unsigned char)i;
    memcpy(in + 16, "Hello", 5);
    sk_hexdump(&b, in, 0, 0, &e);
    assert_int_equal(b.len, 0);
    sk_hexdump(&b, in, sizeof in, 0, &e);
    assert_int_equal(b.len, strlen(want));
    assert_memory_equal(sk_buf_data(&b), want, b.len);
    sk_buf_clear(&b);
    sk_hexdump(&b, "~\x7f\xff ", 4, 0x123456789a0ULL, &e); /* a stream goes on */
    sk_buf_add(&b, "", 1, &e);
    assert_string_equal((char *)sk_buf_data(&b), "123456789a0: 7e7f ff20                                ~.. \n");
    sk_buf_done(&b);
}

static void utf8(void **state) {
    (void)state;
    static const struct {
        const char *in;
        size_t len;
        bool valid;
    } rows[] = {
        { S(""), true },
        { S("ascii that is longer than a word"), true },
        { S("\xc3\xa9"), true },
        { S("\xc3"), false },
        { S("12345678\xff"), false },
        { S("1234567\xc3\xa9"), true },
        { S("\x80"), false },
        { S("\xf4\x90\x80\x80"), false },
        { S("\xf8\x88\x80\x80\x80"), false },
        { S("\xe0\x80\x80"), false },
        { S("\xf0\x80\x80\x80"), false },
        { S("a\0b"), true },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(sk_utf8_valid(rows[i].in, rows[i].len), rows[i].valid);
    assert_int_equal(sk_utf8_len("", 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unescape),    cmocka_unit_test(unescape_refused),
        cmocka_unit_test(escape),      cmocka_unit_test(every_character),
        cmocka_unit_test(round_trips), cmocka_unit_test(cut),
        cmocka_unit_test(quote),       cmocka_unit_test(unhex),
        cmocka_unit_test(unbase64),    cmocka_unit_test(hexdump),
        cmocka_unit_test(utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
