/* expect: every byte looked at once, none lost, whatever comes or does not (INTERFACE.md B9.1). */
#include "sock_kit.h"

#include "run/task.h"
#include "sock/expect.h"

struct found {
    size_t start, end;
};

static struct sk_regex *compile(const char *pattern) {
    struct sk_regex *re = sk_regex_new(pattern, strlen(pattern), NULL);
    assert_non_null(re);
    return re;
}

static int expect_text(struct sk_sock *s, const char *want, bool exact, struct found *f, sk_time deadline,
                       struct sk_err *err) {
    return sk_expect(s, want, strlen(want), NULL, exact, &f->start, &f->end, deadline, err);
}

static int expect_re(struct sk_sock *s, struct sk_regex *re, bool exact, struct found *f, sk_time deadline,
                     struct sk_err *err) {
    return sk_expect(s, NULL, 0, re, exact, &f->start, &f->end, deadline, err);
}

static void test_literal(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct found f;
    pair(p, SOCK_STREAM);
    put(p[1], "before+PONG\r\nafter");
    assert_ok(expect_text(p[0], "+PONG\r\n", false, &f, soon(), err));
    assert_int_equal(f.start, 6);
    assert_int_equal(f.end, 13);
    assert_buffered(p[0], "before+PONG\r\nafter"); /* nothing consumed yet */
    sk_consume(p[0], f.end);
    assert_fails(expect_text(p[0], "afterwards", false, &f, shortly(), err), SK_TIMEOUT, ETIMEDOUT);
    assert_buffered(p[0], "after");
    put(p[1], "wards");
    assert_ok(expect_text(p[0], "afterwards", false, &f, soon(), err));
    assert_int_equal(f.start, 0);
    assert_ok(expect_text(p[0], "", false, &f, soon(), err));
    assert_int_equal(f.end, 0);
    assert_fails(expect_text(p[0], "x", false, &f, SK_NOWAIT, err), SK_SYS, EAGAIN);
    free_pair(p);
}

static void test_split(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct found f;
    pair(p, SOCK_STREAM);
    for (const char *c = "aaaab"; *c; c++) { /* overlapping beginnings */
        char one[2] = { *c };
        put(p[1], one);
        if (c[1])
            assert_fails(expect_text(p[0], "aab", false, &f, SK_NOWAIT, err), SK_SYS, EAGAIN);
    }
    assert_ok(expect_text(p[0], "aab", false, &f, soon(), err));
    assert_int_equal(f.start, 2);
    assert_int_equal(f.end, 5);
    free_pair(p);
}

static void test_exact(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct found f;
    pair(p, SOCK_STREAM);
    put(p[1], "250 AU");
    assert_fails(expect_text(p[0], "250 AUTH\r\n", true, &f, shortly(), err), SK_TIMEOUT, ETIMEDOUT);
    put(p[1], "TH\n");
    assert_says(expect_text(p[0], "250 AUTH\r\n", true, &f, soon(), err), "expect: byte 8 is another");
    assert_fails(expect_text(p[0], "AUTH", true, &f, soon(), err), SK_EXPECT, 0);
    assert_buffered(p[0], "250 AUTH\n");
    assert_ok(expect_text(p[0], "250", true, &f, soon(), err));
    assert_int_equal(f.end, 3);
    free_pair(p);
}

static void test_peer_ends(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct found f;
    pair(p, SOCK_STREAM);
    put(p[1], "-ERR");
    sk_sock_close(p[1], NULL);
    assert_says(expect_text(p[0], "+OK", false, &f, soon(), err), "expect: the peer closed before it came");
    assert_buffered(p[0], "-ERR");
    assert_ok(expect_text(p[0], "ERR", false, &f, soon(), err));
    free_pair(p);
    tcp_pair(p);
    put(p[1], "-ERR");
    reset(p[1]);
    wait_for(p[0], POLLERR);
    assert_fails(expect_text(p[0], "+OK", false, &f, soon(), err), SK_SYS, ECONNRESET);
    assert_buffered(p[0], "-ERR");
    free_pair(p);
}

static void test_regex(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct found f;
    size_t a, b;
    struct sk_regex *re = compile("(\\d+) (\\w+)\\r\\n");
    pair(p, SOCK_STREAM);
    put(p[1], "junk\n250 o");
    assert_fails(expect_re(p[0], re, false, &f, shortly(), err), SK_TIMEOUT, ETIMEDOUT);
    put(p[1], "k\r\nrest");
    assert_ok(expect_re(p[0], re, false, &f, soon(), err));
    assert_int_equal(f.start, 5);
    assert_int_equal(f.end, 13);
    assert_true(sk_regex_group(re, 2, &a, &b));
    assert_memory_equal(sk_buf_data(&p[0]->in) + a, "ok", 2);
    sk_consume(p[0], f.end);
    assert_buffered(p[0], "rest");
    sk_regex_free(re);
    free_pair(p);
}

/* What could only grow has matched when nothing more comes. */
static void test_regex_at_the_end(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct found f;
    struct sk_regex *re = compile("\\d+"), *line = compile("x$");
    pair(p, SOCK_STREAM);
    put(p[1], "12");
    assert_ok(expect_re(p[0], re, false, &f, shortly(), err));
    assert_int_equal(f.end, 2);
    assert_ok(expect_re(p[0], re, false, &f, SK_NOWAIT, err));
    put(p[1], "x");
    assert_ok(expect_re(p[0], re, false, &f, soon(), err)); /* decided by what follows */
    assert_int_equal(f.end, 2);
    sk_sock_close(p[1], NULL);
    assert_ok(expect_re(p[0], line, false, &f, soon(), err));
    assert_int_equal(f.start, 2);
    assert_int_equal(f.end, 3);
    sk_regex_free(re);
    re = compile("y");
    assert_fails(expect_re(p[0], re, false, &f, soon(), err), SK_EXPECT, 0);
    assert_buffered(p[0], "12x");
    sk_regex_free(re);
    sk_regex_free(line);
    free_pair(p);
}

static void test_regex_exact(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct found f;
    struct sk_regex *re = compile("2\\d\\d ok\n");
    pair(p, SOCK_STREAM);
    put(p[1], "2");
    assert_fails(expect_re(p[0], re, true, &f, SK_NOWAIT, err), SK_SYS, EAGAIN);
    put(p[1], "20 ok\n220 ok\n");
    assert_ok(expect_re(p[0], re, true, &f, soon(), err));
    sk_consume(p[0], 1);
    assert_fails(expect_re(p[0], re, true, &f, soon(), err), SK_EXPECT, 0);
    sk_consume(p[0], p[0]->in.len);
    put(p[1], "421 bye");
    assert_fails(expect_re(p[0], re, true, &f, soon(), err), SK_EXPECT, 0); /* at once, not at the deadline */
    sk_regex_free(re);
    free_pair(p);
}

static void test_costly(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct found f;
    struct sk_regex *re = compile("(a+)+$");
    static char text[64 * 1024 + 1];
    pair(p, SOCK_STREAM);
    memset(text, 'a', sizeof text - 2);
    text[sizeof text - 2] = '!';
    assert_ok(sk_unread(p[0], text, sizeof text - 1, err));
    assert_fails(expect_re(p[0], re, false, &f, soon(), err), SK_USAGE, 0);
    assert_int_equal(p[0]->in.len, sizeof text - 1);
    sk_regex_free(re);
    free_pair(p);
}

static void test_datagrams(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct found f;
    udp_pair(p);
    put(p[1], "one");
    put(p[1], "");
    put(p[1], "two");
    put(p[1], "three");
    assert_ok(expect_text(p[0], "two", false, &f, soon(), err));
    assert_int_equal(f.start, 3);
    assert_received(p[0], 9, 0, "one"); /* still messages of their own */
    assert_received(p[0], 9, 0, "two");
    assert_received(p[0], 9, 0, "three");
    free_pair(p);
}

static int give_back(void *arg) {
    struct sk_sock *s = arg;
    if (sk_sleep_until(shortly(), "test", NULL) < 0)
        return -1;
    return sk_unread(s, "ab", 2, NULL);
}

/* Another consumer gives bytes back while the search waits: positions move. */
static void test_unread_meanwhile(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct sk_scope scope;
    struct found f;
    pair(p, SOCK_STREAM);
    put(p[1], "abcd");
    assert_received(p[0], 2, 0, "ab");
    assert_ok(sk_fill(p[0], soon(), err));
    sk_scope_init(&scope);
    assert_non_null(sk_spawn(&scope, "give back", give_back, p[0], NULL));
    assert_fails(expect_text(p[0], "bcdx", false, &f, sk_after(5 * SHORTLY), err), SK_TIMEOUT, ETIMEDOUT);
    assert_buffered(p[0], "abcd");
    put(p[1], "x");
    assert_ok(expect_text(p[0], "bcdx", false, &f, soon(), err));
    assert_int_equal(f.start, 1);
    sk_scope_done(&scope);
    free_pair(p);
}

static void test_close(void **state) {
    (void)state;
    struct sk_sock *p[2];
    tcp_pair(p);
    assert_fails(sk_expect_close(p[0], false, shortly(), err), SK_TIMEOUT, ETIMEDOUT);
    put(p[1], "x");
    assert_fails(sk_expect_close(p[0], false, soon(), err), SK_EXPECT, 0);
    assert_buffered(p[0], "x");
    sk_consume(p[0], 1);
    assert_ok(sk_sock_shutdown(p[1], SHUT_WR, err));
    assert_fails(sk_expect_close(p[0], true, soon(), err), SK_EXPECT, 0);
    assert_ok(sk_expect_close(p[0], false, soon(), err));
    assert_ok(sk_expect_close(p[0], false, soon(), err));
    free_pair(p);
    for (int want_reset = 0; want_reset < 2; want_reset++) {
        tcp_pair(p);
        reset(p[1]);
        wait_for(p[0], POLLERR);
        if (want_reset)
            assert_ok(sk_expect_close(p[0], true, soon(), err));
        else
            assert_says(sk_expect_close(p[0], false, soon(), err), "expect: the peer reset the connection");
        assert_string_equal(sk_state_name(p[0]), "eof");
        free_pair(p);
    }
}

static void test_silent(void **state) {
    (void)state;
    struct sk_sock *p[2];
    tcp_pair(p);
    sk_time start = sk_now();
    assert_ok(sk_silent(p[0], SHORTLY, err));
    assert_true(sk_now() - start >= SHORTLY);
    put(p[1], "noise");
    assert_says(sk_silent(p[0], SHORTLY, err), "silent: 5 bytes came");
    assert_buffered(p[0], "noise");
    assert_fails(sk_silent(p[0], SHORTLY, err), SK_EXPECT, 0); /* also when they came before */
    sk_consume(p[0], 5);
    assert_ok(sk_sock_shutdown(p[1], SHUT_WR, err));
    assert_says(sk_silent(p[0], SHORTLY, err), "silent: the peer closed");
    free_pair(p);
    tcp_pair(p);
    reset(p[1]);
    wait_for(p[0], POLLERR);
    assert_says(sk_silent(p[0], SHORTLY, err), "silent: the peer reset the connection");
    free_pair(p);
    udp_pair(p);
    put(p[1], "");
    assert_says(sk_silent(p[0], SHORTLY, err), "silent: an empty datagram came");
    free_pair(p);
}

/* A stream of 32 MiB in small pieces: a search that looked at bytes twice would not end. */
static int send_much(void *arg) {
    static char block[8192];
    struct sk_sock *s = arg;
    memset(block, 'a', sizeof block);
    for (int i = 0; i < 4096; i++)
        if (sk_send_all(s, block, sizeof block, 0, SK_NEVER, NULL, NULL) < 0)
            return -1;
    return sk_send_all(s, "ab\n", 3, 0, SK_NEVER, NULL, NULL);
}

static void test_linear(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct sk_sock *p[2];
        struct sk_scope scope;
        struct found f;
        struct sk_regex *re = compile("ab\\n");
        pair(p, SOCK_STREAM);
        sk_scope_init(&scope);
        assert_non_null(sk_spawn(&scope, "sender", send_much, p[1], NULL));
        sk_time deadline = sk_after(60 * SK_SECOND);
        if (i == 0)
            assert_ok(expect_text(p[0], "ab\n", false, &f, deadline, err));
        else
            assert_ok(expect_re(p[0], re, false, &f, deadline, err));
        assert_int_equal(f.end, 4096 * 8192 + 3);
        sk_scope_done(&scope);
        sk_regex_free(re);
        free_pair(p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literal),          cmocka_unit_test(test_split),  cmocka_unit_test(test_exact),
        cmocka_unit_test(test_peer_ends),        cmocka_unit_test(test_regex),  cmocka_unit_test(test_regex_at_the_end),
        cmocka_unit_test(test_regex_exact),      cmocka_unit_test(test_costly), cmocka_unit_test(test_datagrams),
        cmocka_unit_test(test_unread_meanwhile), cmocka_unit_test(test_close),  cmocka_unit_test(test_silent),
        cmocka_unit_test(test_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
