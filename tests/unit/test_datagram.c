/* Datagrams are never merged, and what is cut is known to be (MICROPYTHON.md A.12). */
#include "sock_kit.h"

static void test_datagrams(void **state) {
    (void)state;
    struct sk_sock *p[2];
    char c[8];
    for (int i = 0; i < 3; i++) {
        if (i == 0)
            udp_pair(p);
        else
            pair(p, i == 1 ? SOCK_DGRAM : SOCK_SEQPACKET);
        put(p[1], "0123456789");
        put(p[1], "second");
        memset(c, '.', sizeof c);
        assert_int_equal(sk_recv(p[0], c, 4, 0, soon(), NULL), 4);
        assert_memory_equal(c, "0123....", 8); /* cut, and nothing written beyond */
        assert_int_equal(p[0]->real_len, 10);
        assert_received(p[0], 8, MSG_PEEK, "second");
        assert_int_equal(sk_recv(p[0], c, 3, MSG_TRUNC, soon(), NULL), 3);
        assert_int_equal(p[0]->real_len, 6);
        free_pair(p);
    }
}

static void test_empty_datagram(void **state) {
    (void)state;
    struct sk_sock *p[2];
    size_t sent;
    char c[8];
    udp_pair(p);
    assert_ok(sk_send_all(p[1], "", 0, 0, soon(), &sent, err));
    put(p[1], "x");
    assert_int_equal(sk_recv(p[0], c, 8, 0, soon(), NULL), 0);
    assert_false(p[0]->at_end);
    assert_string_equal(sk_state_name(p[0]), "open");
    assert_received(p[0], 8, 0, "x");
    put(p[1], "");
    put(p[1], "y");
    assert_ok(sk_fill(p[0], soon(), err)); /* brings a byte */
    assert_buffered(p[0], "y");
    free_pair(p);
}

static void test_line_keeps_datagrams(void **state) {
    (void)state;
    struct sk_sock *p[2];
    char c[8];
    for (int i = 0; i < 2; i++) {
        if (i == 0)
            udp_pair(p);
        else
            pair(p, SOCK_DGRAM);
        put(p[1], "line\nrest");
        put(p[1], "next\n");
        put(p[1], "third");
        line_is(p[0], 0, "line\n", false);
        assert_received(p[0], 9, MSG_PEEK, "rest");
        assert_received(p[0], 9, 0, "rest");
        line_is(p[0], 0, "next\n", false);
        assert_ok(sk_fill(p[0], soon(), err));
        put(p[1], "fourth");
        assert_ok(sk_fill(p[0], soon(), err));
        assert_buffered(p[0], "thirdfourth");
        assert_received(p[0], 2, 0, "th"); /* the rest of this one goes, the next stays whole */
        assert_int_equal(p[0]->real_len, 5);
        assert_received(p[0], 9, 0, "fourth");
        put(p[1], "fifth");
        assert_received(p[0], 8, 0, "fifth");
        assert_ok(sk_unread(p[0], "th", 2, err)); /* what a consumer could not deliver is a message of its own */
        put(p[1], "last");
        assert_ok(sk_fill(p[0], soon(), err));
        assert_received(p[0], 8, 0, "th");
        assert_received(p[0], 8, 0, "last");
        assert_fails(sk_recv(p[0], c, 8, 0, SK_NOWAIT, err), SK_SYS, EAGAIN);
        assert_null(p[0]->fdmarks);
        free_pair(p);
    }
}

static void test_datagram_errors(void **state) {
    (void)state;
    struct sk_sock *u = new_sock(AF_INET, SOCK_DGRAM), *gone = bound(SOCK_DGRAM);
    struct sk_addr addr = local_of(gone);
    static char big[70000];
    char c;
    assert_ok(sk_sock_connect(u, &addr, soon(), err));
    assert_fails(sk_send(u, big, sizeof big, 0, soon(), err), SK_SYS, EMSGSIZE);
    sk_sock_free(gone);
    assert_ok(sk_send(u, "x", 1, 0, soon(), err));
    assert_fails(sk_recv(u, &c, 1, 0, soon(), err), SK_SYS, ECONNREFUSED); /* ICMP port unreachable */
    assert_fails(sk_recv(u, &c, 1, 0, SK_NOWAIT, err), SK_SYS, EAGAIN);
    sk_sock_free(u);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_datagrams),
        cmocka_unit_test(test_empty_datagram),
        cmocka_unit_test(test_line_keeps_datagrams),
        cmocka_unit_test(test_datagram_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
