/* Numbers, times and sizes: what is taken, and the sentence for what is not (RELIABILITY.md D2 48 to 54). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/parse.h"

#define COUNT(a)   (sizeof(a) / sizeof *(a))
#define S(literal) literal, sizeof(literal) - 1
#define MS         SK_MS
#define SEC        SK_SECOND

/* The text in memory that ends where it does. */
static char *exact(const char *text, size_t n) {
    char *copy = malloc(n + !n);
    memcpy(copy, text, n);
    return copy;
}

static void check_refusal(const char *in, int rc, int64_t out, const struct sk_err *e, const char *words) {
    if (rc != -1)
        fail_msg("'%s' was taken as %" PRId64, in, out);
    assert_int_equal(e->kind, SK_USAGE);
    assert_int_equal(out, -77); /* untouched */
    if (strncmp(e->msg, "WHAT: '", 7) != 0 || !strstr(e->msg, words))
        fail_msg("'%s': '%s' does not say '%s'", in, e->msg, words);
    assert_true(sk_utf8_valid(e->msg, strlen(e->msg)));
    for (const char *c = e->msg; *c; c++)
        assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
}

typedef int number_parser(const char *, const char *, size_t, int64_t, int64_t, int64_t *, struct sk_err *);

struct number {
    const char *in;
    size_t len;
    int64_t lo, hi;
    int64_t want;
    const char *words; /* NULL: taken */
};

static void check_numbers(number_parser *parse, const struct number *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct sk_err e = { 0 };
        int64_t out = -77;
        char *text = exact(rows[i].in, rows[i].len);
        int rc = parse("WHAT", text, rows[i].len, rows[i].lo, rows[i].hi, &out, &e);
        if (rows[i].words)
            check_refusal(rows[i].in, rc, out, &e, rows[i].words);
        else if (rc != 0 || out != rows[i].want)
            fail_msg("'%s': %s", rows[i].in, e.msg);
        free(text);
    }
}

static void integers(void **state) {
    (void)state;
    static const struct number rows[] = {
        { S("0"), 0, 65535, 0, NULL },
        { S("80"), 0, 65535, 80, NULL },
        { S("65535"), 0, 65535, 65535, NULL },
        { S("-5"), -10, 10, -5, NULL },
        { S("9223372036854775807"), 0, INT64_MAX, INT64_MAX, NULL },
        { S("-9223372036854775808"), INT64_MIN, INT64_MAX, INT64_MIN, NULL },
        { S("65536"), 0, 65535, 0, "'65536': out of range 0 to 65535" },
        { S("70000"), 0, 65535, 0, "'70000': out of range 0 to 65535" },
        { S("99999999999"), 0, 65535, 0, "out of range 0 to 65535" },
        { S("4294967376"), 0, 65535, 0, "out of range 0 to 65535" },
        { S("9223372036854775808"), 0, INT64_MAX, 0, "out of range 0 to 9223372036854775807" },
        { S("18446744073709551696"), 0, INT64_MAX, 0, "out of range" },
        { S("-9223372036854775809"), INT64_MIN, 0, 0, "out of range -9223372036854775808 to 0" },
        { S("99999999999999999999999999999999"), 0, 10, 0, "out of range 0 to 10" },
        { S("-1"), 0, 65535, 0, "'-1': out of range 0 to 65535" },
        { S("-5"), 1, 100, 0, "out of range 1 to 100" },
        { S("101"), 0, 100, 0, "'101': out of range 0 to 100" },
        { S("0"), 1, 9, 0, "'0': out of range 1 to 9" },
        { S("2147483648"), 0, 2147483647, 0, "out of range 0 to 2147483647" },
        { S(""), 1, 9, 0, "'': empty; write a number from 1 to 9" },
        { S("+80"), 0, 65535, 0, "digits only; leave out the +" },
        { S("080"), 0, 65535, 0, "'080': leading zero; write 80" },
        { S("00"), 0, 65535, 0, "leading zero; write 0" },
        { S("-0"), -9, 9, 0, "zero has no sign; write 0" },
        { S("-0"), 0, 9, 0, "zero has no sign; write 0" },
        { S("-08"), -9, 9, 0, "leading zero; write -8" },
        { S("0x50"), 0, 65535, 0, "digits only; write 80" },
        { S("80x"), 0, 65535, 0, "digits only" },
        { S("x"), 0, 65535, 0, "digits only; write a number from 0 to 65535" },
        { S("-"), -9, 9, 0, "digits only" },
        { S("--5"), -9, 9, 0, "digits only" },
        { S("1e3"), 0, 65535, 0, "not a whole number" },
        { S("1.5"), 0, 65535, 0, "not a whole number" },
        { S("80.0"), 0, 65535, 0, "not a whole number" },
        { S(" 80"), 0, 65535, 0, "digits only" },
        { S("80 "), 0, 65535, 0, "digits only" },
        { S("nan"), 0, 100, 0, "digits only" },
        { S("8\0"), 0, 65535, 0, "'8\\x00': digits only" },
        { S("\xef\xbc\x98\xef\xbc\x90"), 0, 65535, 0, "'\xef\xbc\x98\xef\xbc\x90': digits only" },
        { S("\x1b[31m"), 0, 9, 0, "'\\x1b[31m': digits only" },
        { S("%n%s"), 0, 9, 0, "'%n%s': digits only" },
    };
    check_numbers(sk_parse_int, rows, COUNT(rows));
}

static void numbers(void **state) {
    (void)state;
    static const struct number rows[] = {
        { S("17"), 0, 100, 17, NULL },
        { S("0x1f"), 0, 100, 31, NULL },
        { S("0X1F"), 0, 100, 31, NULL },
        { S("0x0000000000000000001"), 0, 100, 1, NULL },
        { S("0x7fffffffffffffff"), 0, INT64_MAX, INT64_MAX, NULL },
        { S("-3"), -9, 9, -3, NULL },
        { S("0x8000000000000000"), 0, INT64_MAX, 0, "out of range" },
        { S("0x10000000000000000"), 0, INT64_MAX, 0, "out of range" },
        { S("0x100"), 0, 255, 0, "out of range 0 to 255" },
        { S("0x"), 0, 255, 0, "hexadecimal digits wanted after 0x" },
        { S("0xg"), 0, 255, 0, "hexadecimal digits wanted after 0x" },
        { S("-0x1"), -9, 9, 0, "digits only" },
        { S("017"), 0, 255, 0, "leading zero; write 17" },
    };
    check_numbers(sk_parse_number, rows, COUNT(rows));
}

static void times(void **state) {
    (void)state;
    static const struct {
        const char *in;
        size_t len;
        sk_time want;
    } rows[] = {
        { S("500ms"), 500 * MS },
        { S("2s"), 2 * SEC },
        { S("1.5"), 1500 * MS },
        { S("1m"), 60 * SEC },
        { S("inf"), SK_NEVER },
        { S("0"), 0 },
        { S("0ms"), 0 },
        { S("0.0"), 0 },
        { S("30"), 30 * SEC },
        { S("1h"), 3600 * SEC },
        { S("1.5h"), 5400 * SEC },
        { S("1us"), 1000 },
        { S("1.9999999"), 1999999900 },
        { S("1.234567891"), 1234567891 },
        { S("0.000000001"), 1 },
        { S("0.1us"), 100 },
        { S("0.0001us"), 1 },          /* below 1 ns: up */
        { S("0.000000001us"), 1 },     /* also far below */
        { S("1.0000001ms"), 1000001 }, /* a limit is never shorter than asked for */
        { S("0.000000001h"), 3600 },
        { S("87600h"), 315360000 * SEC },
        { S("315360000"), 315360000 * SEC },
        { S("315360000.000000000"), 315360000 * SEC },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sk_err e = { 0 };
        sk_time out = -77;
        char *text = exact(rows[i].in, rows[i].len);
        if (sk_parse_time("WHAT", text, rows[i].len, &out, &e) != 0 || out != rows[i].want)
            fail_msg("'%s': %" PRId64 " %s", rows[i].in, out, e.msg);
        free(text);
    }
}

struct refused {
    const char *in;
    size_t len;
    const char *words;
};

static void check_refused(int (*parse)(const char *, const char *, size_t, int64_t *, struct sk_err *),
                          const struct refused *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct sk_err e = { 0 };
        int64_t out = -77;
        char *text = exact(rows[i].in, rows[i].len);
        int rc = parse("WHAT", text, rows[i].len, &out, &e);
        check_refusal(rows[i].in, rc, out, &e, rows[i].words);
        free(text);
    }
}

static void times_refused(void **state) {
    (void)state;
    static const struct refused rows[] = {
        { S("nan"), "'nan': not a number; write a time like 500ms" },
        { S("NaN"), "not a number" },
        { S("-1"), "'-1': a time has no sign; write 0 for at once, inf for no limit" },
        { S("-0"), "a time has no sign" },
        { S("-inf"), "a time has no sign" },
        { S("+5"), "leave out the +" },
        { S(""), "'': empty; write a time like" },
        { S("1e99"), "an exponent" },
        { S("1e-99"), "an exponent" },
        { S("1E3"), "an exponent" },
        { S("1.5e3"), "an exponent" },
        { S("0x10"), "a hexadecimal number; write 16" },
        { S("0x"), "unknown unit" },
        { S("1,5"), "write the fraction with a dot, like 1.5" },
        { S("5 s"), "blank after the number; write them together, like 5s" },
        { S("5 "), "blank after the number" },
        { S(" 5"), "not a time" },
        { S("5m30"), "more than one number; write one number and one unit" },
        { S("1h30m"), "more than one number" },
        { S("5s5"), "more than one number" },
        { S("1.2.3"), "more than one dot" },
        { S("1..2"), "no digit after the dot" },
        { S("1."), "no digit after the dot; write it like 1.5s" },
        { S("1.s"), "no digit after the dot" },
        { S(".5"), "no digit before the dot; write it like 0.5" },
        { S("."), "no digit before the dot" },
        { S("1.0000000001"), "more than 9 digits after the dot" },
        { S("05"), "leading zero" },
        { S("00.5s"), "leading zero" },
        { S("5S"), "unknown unit; write us, ms, s, m or h" },
        { S("5ns"), "unknown unit" },
        { S("5sec"), "unknown unit" },
        { S("5min"), "unknown unit" },
        { S("5d"), "unknown unit" },
        { S("5e"), "unknown unit" },
        { S("5%"), "unknown unit" },
        { S("s"), "not a time" },
        { S("soon"), "not a time" },
        { S("Inf"), "for no limit write inf" },
        { S("infinity"), "for no limit write inf" },
        { S("never"), "for no limit write inf" },
        { S("infs"), "not a time" },
        { S("99999999999999999999"), "longer than 10 years; write at most 87600h, or inf" },
        { S("315360001"), "longer than 10 years" },
        { S("315360000.000000001"), "longer than 10 years" },
        { S("87600.1h"), "longer than 10 years" },
        { S("9223372036854775807h"), "longer than 10 years" },
        { S("1844674407370955161600"), "longer than 10 years" },
        { S("1\0"), "'1\\x00': unknown unit" },
        { S("\xef\xbc\x95s"), "not a time" },
    };
    check_refused(sk_parse_time, rows, COUNT(rows));
}

static void sizes(void **state) {
    (void)state;
    static const struct {
        const char *in;
        size_t len;
        int64_t want;
    } rows[] = {
        { S("0"), 0 },
        { S("4096"), 4096 },
        { S("1B"), 1 },
        { S("1k"), 1000 },
        { S("1kB"), 1000 },
        { S("64Ki"), 65536 },
        { S("1KiB"), 1024 },
        { S("2M"), 2000000 },
        { S("1MiB"), 1 << 20 },
        { S("3G"), 3000000000 },
        { S("1Gi"), 1 << 30 },
        { S("1T"), 1000000000000 },
        { S("1TiB"), INT64_C(1) << 40 },
        { S("9223372036854775807"), INT64_MAX },
        { S("8388607Ti"), INT64_C(8388607) << 40 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sk_err e = { 0 };
        int64_t out = -77;
        char *text = exact(rows[i].in, rows[i].len);
        if (sk_parse_size("WHAT", text, rows[i].len, &out, &e) != 0 || out != rows[i].want)
            fail_msg("'%s': %" PRId64 " %s", rows[i].in, out, e.msg);
        free(text);
    }
}

static void sizes_refused(void **state) {
    (void)state;
    static const struct refused rows[] = {
        { S("-1"), "a size has no sign; write a number from 0 to 9223372036854775807" },
        { S("+1"), "a size has no sign" },
        { S(""), "empty; write a size like" },
        { S("1e9"), "an exponent; write all the digits, or a unit" },
        { S("1.5M"), "not a whole number; write the smaller unit" },
        { S("1,5M"), "not a whole number" },
        { S("18446744073709551616"), "out of range: more than 9223372036854775807 bytes" },
        { S("18446744073709551617k"), "out of range" },
        { S("9223372036854775808"), "out of range" },
        { S("8388608Ti"), "out of range" },
        { S("9223372036854775807k"), "out of range" },
        { S("0x10"), "a hexadecimal number; write 16" },
        { S("010"), "leading zero" },
        { S("1K"), "unclear unit; write k for 1000 or Ki for 1024" },
        { S("1KB"), "unclear unit" },
        { S("1m"), "unknown unit; write k, M, G, T (of 1000) or Ki, Mi, Gi, Ti (of 1024)" },
        { S("1ki"), "unknown unit" },
        { S("1P"), "unknown unit" },
        { S("1MB/s"), "unknown unit" },
        { S("1BB"), "unknown unit" },
        { S("1 k"), "blank after the number" },
        { S("k"), "not a size" },
        { S("inf"), "not a size" },
        { S("nan"), "not a size" },
        { S("1\0"), "'1\\x00': unknown unit" },
    };
    check_refused(sk_parse_size, rows, COUNT(rows));
}

/* Long input is cut in the message, with its length. */
static void long_input(void **state) {
    (void)state;
    char text[70000];
    struct sk_err e;
    int64_t out;
    memset(text, '9', sizeof text);
    assert_int_equal(sk_parse_int("WHAT", text, sizeof text, 0, 9, &out, &e), -1);
    assert_non_null(strstr(e.msg, "999...' (70000 bytes): out of range 0 to 9"));
    assert_int_equal(sk_parse_time("WHAT", text, sizeof text, &out, &e), -1);
    assert_non_null(strstr(e.msg, "(70000 bytes): longer than 10 years"));
    assert_int_equal(sk_parse_size("WHAT", text, sizeof text, &out, &e), -1);
    memset(text, '0', sizeof text);
    assert_int_equal(sk_parse_int("WHAT", text, sizeof text, 0, 9, &out, &e), -1);
    assert_non_null(strstr(e.msg, "leading zero; write 0"));
}

static void format(void **state) {
    (void)state;
    static const struct {
        sk_time ns;
        const char *want;
    } rows[] = {
        { 30 * SEC, "30s" },
        { 200 * MS, "200ms" },
        { 1500 * MS, "1.5s" },
        { SK_NEVER, "inf" },
        { 0, "0s" },
        { 60 * SEC, "1m" },
        { 90 * SEC, "90s" },
        { 3600 * SEC, "1h" },
        { 87600 * 3600 * SEC, "87600h" },
        { 1, "0.001us" },
        { 999, "0.999us" },
        { 1000, "1us" },
        { 1500, "1.5us" },
        { 100400 * 1000, "100.4ms" },
        { 1000001, "1.000001ms" },
        { 1000000001, "1.000000001s" },
        { 3661 * SEC, "3661s" },
        { -1500 * MS, "-1.5s" },
    };
    char text[40];
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_ptr_equal(sk_format_time(text, sizeof text, rows[i].ns), text);
        assert_string_equal(text, rows[i].want);
    }
    assert_string_equal(sk_format_time(text, 4, 1500 * MS), "1.5");
}

/* What is printed is taken, and means the same. */
static void round_trip(void **state) {
    (void)state;
    srand(3);
    for (int i = 0; i < 200000; i++) {
        sk_time ns = (((sk_time)rand() << 31) | rand()) >> (rand() % 62), back;
        char text[40];
        struct sk_err e;
        if (ns > 87600 * 3600 * SEC)
            continue;
        sk_format_time(text, sizeof text, ns);
        assert_int_equal(sk_parse_time("t", text, strlen(text), &back, &e), 0);
        assert_true(back == ns);
    }
}

/* A locale with a decimal comma changes nothing. Where none is installed this runs in C twice. */
static void locale(void **state) {
    static const char *const names[] = { "de_DE.UTF-8", "tr_TR.UTF-8", "fr_FR.UTF-8" };
    for (size_t i = 0; i < COUNT(names); i++)
        if (setlocale(LC_ALL, names[i]))
            break;
    times(state);
    times_refused(state);
    format(state);
    setlocale(LC_ALL, "C");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),      cmocka_unit_test(numbers), cmocka_unit_test(times),
        cmocka_unit_test(times_refused), cmocka_unit_test(sizes),   cmocka_unit_test(sizes_refused),
        cmocka_unit_test(long_input),    cmocka_unit_test(format),  cmocka_unit_test(round_trip),
        cmocka_unit_test(locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
