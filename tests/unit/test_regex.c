/* Regular expressions on bytes that come in pieces. */
#include "sock_kit.h"

#include "sock/regex.h"

static struct sk_regex *compile(const char *pattern) {
    struct sk_err e;
    struct sk_regex *re = sk_regex_new(pattern, strlen(pattern), &e);
    if (!re)
        fail_msg("%s: %s", pattern, e.msg);
    return re;
}

/* What matching the text says, and the span of the match. */
static int match(struct sk_regex *re, const char *text, size_t n, bool more, size_t *from) {
    size_t zero = 0;
    return sk_regex_match(re, text, n, from ? from : &zero, more, NULL);
}

#define assert_span(re, i, from, to)                                                                                   \
    do {                                                                                                               \
        size_t a_ = 99, b_ = 99;                                                                                       \
        assert_true(sk_regex_group(re, i, &a_, &b_));                                                                  \
        assert_int_equal(a_, from);                                                                                    \
        assert_int_equal(b_, to);                                                                                      \
    } while (0)

static void test_match(void **state) {
    (void)state;
    size_t a, b, group;
    struct sk_regex *re = compile("(\\d+)-(x)?(?<word>[a-z]+)\\r\\n");
    assert_int_equal(sk_regex_groups(re), 3);
    assert_string_equal(sk_regex_name(re, 0, &group), "word");
    assert_int_equal(group, 3);
    assert_null(sk_regex_name(re, 1, &group));
    assert_false(sk_regex_group(re, 0, &a, &b));
    assert_int_equal(match(re, "..250-ok\r\nrest", 14, true, NULL), 1);
    assert_span(re, 0, 2, 10);
    assert_span(re, 1, 2, 5);
    assert_false(sk_regex_group(re, 2, &a, &b)); /* took no part */
    assert_span(re, 3, 6, 8);
    assert_false(sk_regex_group(re, 4, &a, &b));
    assert_int_equal(match(re, "nothing", 7, false, NULL), 0);
    assert_false(sk_regex_group(re, 0, &a, &b)); /* of the last match, and there was none */
    sk_regex_free(re);
    sk_regex_free(NULL);
}

static void test_bytes(void **state) {
    (void)state;
    struct sk_regex *re = compile("\\x00.\\xff");
    assert_int_equal(match(re, "a\0\x80\xff", 4, true, NULL), 1);
    assert_span(re, 0, 1, 4);
    sk_regex_free(re);
    struct sk_err e;
    re = sk_regex_new("a\0b", 3, &e); /* a NUL in the pattern */
    assert_non_null(re);
    assert_int_equal(match(re, "xa\0b", 4, true, NULL), 1);
    sk_regex_free(re);
    re = compile("^two$");
    assert_int_equal(match(re, "one\ntwo\n", 8, true, NULL), 1); /* multiline */
    assert_span(re, 0, 4, 7);
    sk_regex_free(re);
    re = compile("");
    assert_int_equal(match(re, NULL, 0, false, NULL), 1);
    sk_regex_free(re);
}

static void test_partial(void **state) {
    (void)state;
    size_t from = 0;
    struct sk_regex *re = compile("end");
    assert_int_equal(match(re, "xxxx", 4, true, &from), 0);
    assert_int_equal(from, 4); /* these four are done with */
    assert_int_equal(match(re, "xxxxyen", 7, true, &from), 2);
    assert_int_equal(from, 5);
    assert_int_equal(match(re, "xxxxyend", 8, true, &from), 1);
    assert_span(re, 0, 5, 8);
    from = 0;
    assert_int_equal(match(re, "en", 2, false, &from), 0); /* no more will come */
    sk_regex_free(re);
    re = compile("\\d+");
    assert_int_equal(match(re, "12", 2, true, NULL), 2); /* could grow */
    assert_int_equal(match(re, "12\n", 3, true, NULL), 1);
    assert_int_equal(match(re, "12", 2, false, NULL), 1);
    sk_regex_free(re);
    re = compile("(?<=ab)c"); /* looks behind where the search begins */
    from = 0;
    assert_int_equal(match(re, "xab", 3, true, &from) != 1, true);
    assert_int_equal(match(re, "xabc", 4, true, &from), 1);
    assert_span(re, 0, 3, 4);
    sk_regex_free(re);
    re = compile("ok$");
    from = 0;
    assert_int_equal(match(re, "ok", 2, true, &from), 2);
    assert_int_equal(match(re, "ok\n", 3, true, &from), 1);
    sk_regex_free(re);
}

static void test_utf(void **state) {
    (void)state;
    size_t from = 0;
    struct sk_regex *re = compile("(*UTF)h.llo");
    assert_int_equal(match(re, "h\xc3\xa9llo", 6, true, NULL), 1);
    assert_span(re, 0, 0, 6);
    assert_int_equal(match(re, "\xff\xfeh\xc3\xa9llo", 8, true, NULL),
                     1); /* what is not UTF-8 is no match and no error */
    sk_regex_free(re);
    re = compile("(*UTF)\\x{20ac}5");
    assert_int_equal(match(re, "ab\xe2\x82", 4, true, &from) != 1, true); /* cut in a character */
    assert_true(from <= 2);
    assert_int_equal(match(re, "ab\xe2\x82\xac\x35", 6, true, &from), 1);
    assert_span(re, 0, 2, 6);
    sk_regex_free(re);
    re = compile("h..llo"); /* bytes, without the mark */
    assert_int_equal(match(re, "h\xc3\xa9llo", 6, true, NULL), 1);
    sk_regex_free(re);
}

static void test_bad_pattern(void **state) {
    (void)state;
    static const char *const patterns[] = { "(",  "a)",   "[",      "*a",         "(?<n>a)(?<n>b)",
                                            "\\", "(?P<", "a{2,1}", "\\x{110000}" };
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        struct sk_err e = { 0 };
        assert_null(sk_regex_new(patterns[i], strlen(patterns[i]), &e));
        assert_int_equal(e.kind, SK_USAGE);
        assert_true(strncmp(e.msg, "bad pattern", 11) == 0);
    }
    struct sk_err e;
    assert_null(sk_regex_new("+PONG", 5, &e)); /* the first pattern anyone tries */
    assert_non_null(strstr(e.msg, "(character 1)"));
}

/* An error within a second, and not a hang (RELIABILITY.md D2 79). */
static void test_costly(void **state) {
    (void)state;
    static const char *const patterns[] = { "(a+)+$", "(a|a)*b", "(.*a){20}c", "(?s)(.|\\n)*?x(.|\\n)*?y" };
    size_t n = 64 * 1024;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, 'a', n);
    text[n - 1] = '!';
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        struct sk_err e = { 0 };
        size_t from = 0;
        struct sk_regex *re = compile(patterns[i]);
        sk_time start = sk_now();
        int r = sk_regex_match(re, text, n, &from, false, &e);
        assert_true(sk_now() - start < 8 * SK_SECOND); /* of a sanitized build */
        if (i == 0) {
            assert_int_equal(r, -1);
            assert_int_equal(e.kind, SK_USAGE);
            assert_non_null(strstr(e.msg, "pattern too costly"));
        }
        assert_true(r <= 0);
        sk_regex_free(re);
    }
    free(text);
}

/* Useful patterns over much input are not costly. */
static void test_cheap(void **state) {
    (void)state;
    static const char *const patterns[] = { "end", "^end$", "[^\\n]*end", "(?s).*end" };
    size_t n = 1024 * 1024;
    char *text = malloc(n);
    assert_non_null(text);
    for (size_t i = 0; i < n; i++)
        text[i] = i % 64 == 63 ? '\n' : 'x';
    memcpy(text + n - 5, "\nend\n", 5);
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        struct sk_regex *re = compile(patterns[i]);
        assert_int_equal(match(re, text, n, true, NULL) > 0, true);
        sk_regex_free(re);
    }
    free(text);
}

static void test_matches_backwards(void **state) {
    (void)state;
    size_t a, b;
    struct sk_regex *re = sk_regex_new("(?=ab\\K)a", 9, NULL); /* newer PCRE2 refuses it */
    if (re && match(re, "ab", 2, false, NULL) == 1)
        assert_true(!sk_regex_group(re, 0, &a, &b) || a <= b);
    sk_regex_free(re);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match),       cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_partial),     cmocka_unit_test(test_utf),
        cmocka_unit_test(test_bad_pattern), cmocka_unit_test(test_costly),
        cmocka_unit_test(test_cheap),       cmocka_unit_test(test_matches_backwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
