#include "base/parse.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/digit.h"

static const sk_time LONGEST = 10 * INT64_C(365) * 86400 * SK_SECOND;
enum { FRACTION_DIGITS = 9 };

/* `WHAT: 'INPUT': why`: the one form of every refusal here. */
static int refuse(struct sk_err *err, const char *what, const char *text, size_t n, const char *fmt, ...)
    __attribute__((format(printf, 5, 6), cold));
static int refuse(struct sk_err *err, const char *what, const char *text, size_t n, const char *fmt, ...) {
    char why[320];
    struct sk_quoted q;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    return sk_fail_usage(err, "%s: %s: %s", what, sk_quote(&q, text, n), why);
}

static size_t count_digits(const char *text, size_t n) {
    size_t i = 0;
    while (i < n && sk_is_digit(text[i]))
        i++;
    return i;
}

/* The digits text[0..n) as a number of the base; false when it does not fit. */
static bool to_uint(const char *text, size_t n, unsigned base, uint64_t *out) {
    enum { SURELY_FIT = 16 }; /* digits of either base */
    uint64_t v = 0;
    size_t i = 0;
    if (base == 10)
        for (; i < n && i < SURELY_FIT; i++)
            v = v * 10 + (uint64_t)(text[i] - '0');
    for (; i < n; i++)
        if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, (uint64_t)sk_hex_value(text[i]), &v))
            return false;
    *out = v;
    return true;
}

static bool is_hex(const char *text, size_t n) {
    if (n < 3 || text[0] != '0' || sk_lower(text[1]) != 'x')
        return false;
    for (size_t i = 2; i < n; i++)
        if (sk_hex_value(text[i]) < 0)
            return false;
    return true;
}

/* Why text is not a plain decimal number. The first byte that is not a digit decides. */
static int refuse_int(const char *what, const char *text, size_t n, int64_t lo, int64_t hi, struct sk_err *err) {
    uint64_t v;
    if (n == 0)
        return refuse(err, what, text, n, "empty; write a number from %" PRId64 " to %" PRId64, lo, hi);
    if (text[0] == '+')
        return refuse(err, what, text, n, "digits only; leave out the +");
    if (is_hex(text, n) && to_uint(text + 2, n - 2, 16, &v))
        return refuse(err, what, text, n, "digits only; write %" PRIu64, v);
    size_t sign = text[0] == '-', at = sign + count_digits(text + sign, n - sign);
    if (at == n && n > sign && (text[sign] != '0' || n == 1))
        return refuse(err, what, text, n, "out of range %" PRId64 " to %" PRId64, lo, hi);
    if (at == n && n > sign) {
        while (sign < n - 1 && text[sign] == '0')
            sign++;
        bool zero = text[sign] == '0';
        return refuse(err, what, text, n, "%s; write %s%.*s",
                      zero && text[0] == '-' ? "zero has no sign" : "leading zero", !zero && text[0] == '-' ? "-" : "",
                      (int)(n - sign < 40 ? n - sign : 40), text + sign);
    }
    if (at < n && (text[at] == '.' || text[at] == 'e' || text[at] == 'E') && at > sign)
        return refuse(err, what, text, n, "not a whole number; write digits only");
    return refuse(err, what, text, n, "digits only; write a number from %" PRId64 " to %" PRId64, lo, hi);
}

int sk_parse_int(const char *what, const char *text, size_t n, int64_t lo, int64_t hi, int64_t *out,
                 struct sk_err *err) {
    size_t sign = n > 0 && text[0] == '-' && lo < 0;
    size_t digits = n - sign;
    uint64_t v;
    if (digits == 0 || count_digits(text + sign, digits) != digits)
        return refuse_int(what, text, n, lo, hi, err);
    if (text[sign] == '0' && n > 1)
        return refuse_int(what, text, n, lo, hi, err);
    if (!to_uint(text + sign, digits, 10, &v) || v > (uint64_t)INT64_MAX + sign)
        return refuse_int(what, text, n, lo, hi, err);
    int64_t i = sign ? (int64_t)(0 - v) : (int64_t)v;
    if (i < lo || i > hi)
        return refuse_int(what, text, n, lo, hi, err);
    *out = i;
    return 0;
}

int sk_parse_number(const char *what, const char *text, size_t n, int64_t lo, int64_t hi, int64_t *out,
                    struct sk_err *err) {
    if (n < 2 || text[0] != '0' || sk_lower(text[1]) != 'x')
        return sk_parse_int(what, text, n, lo, hi, out, err);
    if (!is_hex(text, n))
        return refuse(err, what, text, n, "hexadecimal digits wanted after 0x; write it like 0x1f");
    uint64_t v;
    if (!to_uint(text + 2, n - 2, 16, &v) || v > INT64_MAX || (int64_t)v < lo || (int64_t)v > hi)
        return refuse(err, what, text, n, "out of range %" PRId64 " to %" PRId64, lo, hi);
    *out = (int64_t)v;
    return 0;
}

static const struct unit {
    const char *name;
    int64_t ns;
} time_units[] = {
    { "s", SK_SECOND },        { "ms", SK_MS }, { "m", 60 * SK_SECOND },
    { "h", 3600 * SK_SECOND }, { "us", 1000 },  { "", SK_SECOND },
};

static int64_t time_unit(const char *text, size_t n) {
    for (size_t i = 0; i < sizeof time_units / sizeof *time_units; i++)
        if (strlen(time_units[i].name) == n && memcmp(time_units[i].name, text, n) == 0)
            return time_units[i].ns;
    return 0;
}

#define TIMES "500ms, 2s, 1.5, 1m or inf"

static bool text_is(const char *text, size_t n, const char *word) {
    if (n != strlen(word))
        return false;
    for (size_t i = 0; i < n; i++)
        if (sk_lower(text[i]) != word[i])
            return false;
    return true;
}

/* Text that does not start as a time does: with a digit. */
static int refuse_time_start(const char *what, const char *text, size_t n, struct sk_err *err) {
    if (n == 0)
        return refuse(err, what, text, n, "empty; write a time like " TIMES);
    if (text[0] == '-')
        return refuse(err, what, text, n, "a time has no sign; write 0 for at once, inf for no limit");
    if (text[0] == '+')
        return refuse(err, what, text, n, "a time has no sign; leave out the +");
    if (text[0] == '.')
        return refuse(err, what, text, n, "no digit before the dot; write it like 0.5");
    static const char *const endless[] = { "inf", "infinity", "infinite", "never", "none", "forever" };
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++)
        if (text_is(text, n, endless[i]))
            return refuse(err, what, text, n, "for no limit write inf");
    if (text_is(text, n, "nan"))
        return refuse(err, what, text, n, "not a number; write a time like " TIMES);
    return refuse(err, what, text, n, "not a time; write it like " TIMES);
}

/* rest is what follows the digits (and the fraction) of text, and is no unit. */
static int refuse_time_rest(const char *what, const char *text, size_t n, const char *rest, struct sk_err *err) {
    size_t left = n - (size_t)(rest - text), word = 0;
    uint64_t v;
    if (is_hex(text, n) && to_uint(text + 2, n - 2, 16, &v))
        return refuse(err, what, text, n, "a hexadecimal number; write %" PRIu64, v);
    if (rest[0] == ',')
        return refuse(err, what, text, n, "the comma; write the fraction with a dot, like 1.5");
    if (rest[0] == '.')
        return refuse(err, what, text, n, "more than one dot; write it like 1.5s");
    if (rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\n')
        return refuse(err, what, text, n, "blank after the number; write them together, like 5s");
    if (sk_lower(rest[0]) == 'e' && left > 1 && (sk_is_digit(rest[1]) || rest[1] == '+' || rest[1] == '-'))
        return refuse(err, what, text, n, "an exponent; write all the digits, at most 87600h, or inf");
    while (word < left && !sk_is_digit(rest[word]))
        word++;
    if (word < left && time_unit(rest, word) > 0)
        return refuse(err, what, text, n, "more than one number; write one number and one unit, like 330s for 5m 30s");
    return refuse(err, what, text, n, "unknown unit; write us, ms, s, m or h after the number, like 500ms");
}

/* More precise than 1 ns rounds up: a limit must not end before the time that was asked for. */
static int time_value(const char *what, const char *text, size_t n, uint64_t whole, uint64_t billionths, int64_t unit,
                      sk_time *out, struct sk_err *err) {
    unsigned __int128 fraction = ((unsigned __int128)billionths * (uint64_t)unit + (SK_SECOND - 1)) / SK_SECOND;
    unsigned __int128 ns = (unsigned __int128)whole * (uint64_t)unit + fraction;
    if (ns > (uint64_t)LONGEST)
        return refuse(err, what, text, n, "longer than 10 years; write at most 87600h, or inf for no limit");
    *out = (sk_time)ns;
    return 0;
}

int sk_parse_time(const char *what, const char *text, size_t n, sk_time *out, struct sk_err *err) {
    if (n == 3 && memcmp(text, "inf", 3) == 0) {
        *out = SK_NEVER;
        return 0;
    }
    size_t digits = count_digits(text, n), at = digits;
    if (digits == 0)
        return refuse_time_start(what, text, n, err);
    uint64_t whole, billionths = 0;
    if (at < n && text[at] == '.') {
        size_t places = count_digits(text + at + 1, n - at - 1);
        if (places == 0)
            return refuse(err, what, text, n, "no digit after the dot; write it like 1.5s");
        if (places > FRACTION_DIGITS)
            return refuse(err, what, text, n, "more than 9 digits after the dot; write fewer");
        to_uint(text + at + 1, places, 10, &billionths);
        for (size_t i = places; i < FRACTION_DIGITS; i++)
            billionths *= 10;
        at += 1 + places;
    }
    int64_t unit = time_unit(text + at, n - at);
    if (unit == 0)
        return refuse_time_rest(what, text, n, text + at, err);
    if (digits > 1 && text[0] == '0')
        return refuse(err, what, text, n, "leading zero; leave it out");
    if (!to_uint(text, digits, 10, &whole))
        whole = UINT64_MAX;
    return time_value(what, text, n, whole, billionths, unit, out, err);
}

static const struct {
    const char *name;
    int64_t bytes;
} size_units[] = {
    { "", 1 },
    { "k", 1000 },
    { "M", 1000 * 1000 },
    { "G", 1000 * 1000 * 1000 },
    { "T", INT64_C(1000) * 1000 * 1000 * 1000 },
    { "Ki", INT64_C(1) << 10 },
    { "Mi", INT64_C(1) << 20 },
    { "Gi", INT64_C(1) << 30 },
    { "Ti", INT64_C(1) << 40 },
};

static int64_t size_unit(const char *text, size_t n) {
    if (n > 0 && text[n - 1] == 'B')
        n--;
    for (size_t i = 0; i < sizeof size_units / sizeof *size_units; i++)
        if (strlen(size_units[i].name) == n && memcmp(size_units[i].name, text, n) == 0)
            return size_units[i].bytes;
    return 0;
}

static int refuse_size(const char *what, const char *text, size_t n, size_t digits, struct sk_err *err) {
    uint64_t v;
    if (n == 0)
        return refuse(err, what, text, n, "empty; write a size like 4096, 64k or 64Ki");
    if (text[0] == '-' || text[0] == '+')
        return refuse(err, what, text, n, "a size has no sign; write a number from 0 to %" PRId64, INT64_MAX);
    if (is_hex(text, n) && to_uint(text + 2, n - 2, 16, &v))
        return refuse(err, what, text, n, "a hexadecimal number; write %" PRIu64, v);
    if (digits == 0)
        return refuse(err, what, text, n, "not a size; write it like 4096, 64k or 64Ki");
    const char *rest = text + digits;
    size_t left = n - digits;
    if (rest[0] == '.' || rest[0] == ',')
        return refuse(err, what, text, n, "not a whole number; write the smaller unit, like 1500k for 1.5M");
    if (rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\n')
        return refuse(err, what, text, n, "blank after the number; write them together, like 64Ki");
    if (sk_lower(rest[0]) == 'e' && left > 1 && sk_is_digit(rest[1]))
        return refuse(err, what, text, n, "an exponent; write all the digits, or a unit: k, M, G, T");
    if (text_is(rest, left, "k") || text_is(rest, left, "kb"))
        return refuse(err, what, text, n, "unclear unit; write k for 1000 or Ki for 1024");
    return refuse(err, what, text, n, "unknown unit; write k, M, G, T (of 1000) or Ki, Mi, Gi, Ti (of 1024)");
}

int sk_parse_size(const char *what, const char *text, size_t n, int64_t *out, struct sk_err *err) {
    size_t digits = count_digits(text, n);
    int64_t unit = digits > 0 ? size_unit(text + digits, n - digits) : 0;
    if (unit == 0)
        return refuse_size(what, text, n, digits, err);
    if (digits > 1 && text[0] == '0')
        return refuse(err, what, text, n, "leading zero; leave it out");
    uint64_t whole;
    int64_t bytes;
    if (!to_uint(text, digits, 10, &whole) || __builtin_mul_overflow(whole, unit, &bytes))
        return refuse(err, what, text, n, "out of range: more than %" PRId64 " bytes", INT64_MAX);
    *out = bytes;
    return 0;
}

char *sk_format_time(char *dst, size_t size, sk_time ns) {
    static const struct unit whole_units[] = { { "h", 3600 * SK_SECOND }, { "m", 60 * SK_SECOND } };
    static const struct unit units[] = { { "s", SK_SECOND }, { "ms", SK_MS }, { "us", 1000 } };
    if (ns == SK_NEVER) {
        snprintf(dst, size, "inf");
        return dst;
    }
    const char *sign = ns < 0 ? "-" : "";
    uint64_t v = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    for (size_t i = 0; v > 0 && i < sizeof whole_units / sizeof *whole_units; i++)
        if (v % (uint64_t)whole_units[i].ns == 0) {
            snprintf(dst, size, "%s%" PRIu64 "%s", sign, v / (uint64_t)whole_units[i].ns, whole_units[i].name);
            return dst;
        }
    size_t u = v == 0 || v >= SK_SECOND ? 0 : v >= SK_MS ? 1 : 2;
    uint64_t unit = (uint64_t)units[u].ns, rest = v % unit;
    char fraction[16] = "";
    if (rest > 0) {
        int n = snprintf(fraction, sizeof fraction, ".%0*" PRIu64, u == 0 ? 9 : u == 1 ? 6 : 3, rest);
        while (n > 0 && fraction[n - 1] == '0')
            fraction[--n] = '\0';
    }
    snprintf(dst, size, "%s%" PRIu64 "%s%s", sign, v / unit, fraction, units[u].name);
    return dst;
}
