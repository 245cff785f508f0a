/* What connect leaves behind: refused, pending, silent, done (MICROPYTHON.md A.10). */
#include "sock_kit.h"

static void test_connect_refused(void **state) {
    (void)state;
    struct sk_sock *holder, *s = new_sock(AF_INET, SOCK_STREAM), *conn;
    struct sk_addr dead = dead_port(&holder);
    assert_fails(sk_sock_connect(s, &dead, soon(), err), SK_SYS, ECONNREFUSED);
    assert_fails(sk_sock_connect(s, &dead, soon(), err), SK_SYS, ECONNREFUSED);
    assert_string_equal(sk_state_name(s), "new");
    assert_ok(sk_sock_listen(holder, 1, err));
    assert_ok(sk_sock_connect(s, &dead, soon(), err)); /* the socket is as good as before */
    assert_string_equal(sk_state_name(s), "open");
    assert_true(sk_addr_equal(&s->peer, &dead));
    assert_fails(sk_sock_connect(s, &dead, soon(), err), SK_SYS, EISCONN);
    assert_string_equal(sk_state_name(s), "open");
    assert_ok(sk_sock_accept(holder, &conn, soon(), err));
    sk_sock_free(conn);
    sk_sock_free(s);
    sk_sock_free(holder);
}

static void test_connect_nonblocking(void **state) {
    (void)state;
    struct sk_sock *holder, *s = new_sock(AF_INET, SOCK_STREAM), *l = listener();
    struct sk_addr dead = dead_port(&holder), addr = local_of(l);
    char c;
    assert_fails(sk_sock_connect(s, &dead, SK_NOWAIT, err), SK_SYS, EINPROGRESS);
    assert_string_equal(sk_state_name(s), "connecting");
    wait_for(s, POLLIN);
    assert_fails(sk_recv(s, &c, 1, 0, SK_NOWAIT, err), SK_SYS, ECONNREFUSED);
    assert_string_equal(sk_state_name(s), "new");
    sk_sock_free(s);
    s = new_sock(AF_INET, SOCK_STREAM);
    assert_fails(sk_sock_connect(s, &addr, SK_NOWAIT, err), SK_SYS, EINPROGRESS);
    wait_for(s, POLLOUT);
    assert_ok(sk_sock_connect(s, &addr, SK_NOWAIT, err));
    assert_string_equal(sk_state_name(s), "open");
    assert_fails(sk_sock_connect(s, &addr, SK_NOWAIT, err), SK_SYS, EISCONN);
    sk_sock_free(s);
    s = new_sock(AF_INET, SOCK_STREAM);
    assert_fails(sk_sock_connect(s, &addr, SK_NOWAIT, err), SK_SYS, EINPROGRESS);
    assert_ok(sk_send(s, "x", 1, 0, soon(), err)); /* waits for the connection */
    assert_string_equal(sk_state_name(s), "open");
    sk_sock_free(s);
    sk_sock_free(l);
    sk_sock_free(holder);
}

/* A backlog of one connection, taken: Linux drops further SYNs. */
static void test_connect_silence(void **state) {
    (void)state;
    struct sk_sock *l = bound(SOCK_STREAM), *first = new_sock(AF_INET, SOCK_STREAM),
                   *s = new_sock(AF_INET, SOCK_STREAM), *conn;
    struct sk_addr addr = local_of(l);
    char c;
    assert_ok(sk_sock_listen(l, 0, err));
    assert_ok(sk_sock_connect(first, &addr, soon(), err));
    assert_fails(sk_sock_connect(s, &addr, shortly(), err), SK_TIMEOUT, ETIMEDOUT);
    assert_string_equal(sk_state_name(s), "connecting");
    assert_fails(sk_recv(s, &c, 1, 0, SK_NOWAIT, err), SK_SYS, EAGAIN);
    assert_fails(sk_send(s, "x", 1, 0, SK_NOWAIT, err), SK_SYS, EAGAIN);
    assert_fails(sk_sock_connect(s, &addr, SK_NOWAIT, err), SK_SYS, EALREADY);
    assert_string_equal(sk_state_name(s), "connecting");
    assert_ok(sk_sock_accept(l, &conn, soon(), err));
    assert_ok(sk_sock_connect(s, &addr, sk_after(5 * SK_SECOND), err)); /* the next SYN, after a second, is let in */
    assert_string_equal(sk_state_name(s), "open");
    sk_sock_free(conn);
    sk_sock_free(s);
    sk_sock_free(first);
    sk_sock_free(l);
}

static void test_connect_unix_backlog(void **state) {
    (void)state;
    struct sk_sock *l = new_sock(AF_UNIX, SOCK_STREAM), *a = new_sock(AF_UNIX, SOCK_STREAM),
                   *b = new_sock(AF_UNIX, SOCK_STREAM);
    struct sk_addr addr = { 0 };
    addr.u.un.sun_family = AF_UNIX; /* an abstract name */
    addr.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                           (size_t)snprintf(addr.u.un.sun_path + 1, 64, "sockctl-test-%d", getpid()));
    assert_fails(sk_sock_connect(a, &addr, soon(), err), SK_SYS, ECONNREFUSED);
    assert_ok(sk_sock_bind(l, &addr, err));
    assert_fails(sk_sock_connect(a, &addr, soon(), err), SK_SYS, ECONNREFUSED);
    assert_ok(sk_sock_listen(l, 0, err));
    assert_ok(sk_sock_connect(a, &addr, soon(), err));
    assert_fails(sk_sock_connect(b, &addr, SK_NOWAIT, err), SK_SYS, EAGAIN);
    assert_fails(sk_sock_connect(b, &addr, shortly(), err), SK_TIMEOUT, ETIMEDOUT);
    assert_string_equal(sk_state_name(b), "new");
    sk_sock_free(a);
    sk_sock_free(b);
    sk_sock_free(l);
}

static void test_connect_udp(void **state) {
    (void)state;
    struct sk_sock *u = new_sock(AF_INET, SOCK_DGRAM), *a = bound(SOCK_DGRAM), *b = bound(SOCK_DGRAM);
    struct sk_addr to_a = local_of(a), to_b = local_of(b),
                   none = { .len = sizeof(sa_family_t), .u.sa.sa_family = AF_UNSPEC };
    assert_fails(sk_send(u, "x", 1, 0, soon(), err), SK_SYS, EDESTADDRREQ);
    assert_ok(sk_sock_connect(u, &to_a, soon(), err));
    assert_ok(sk_send(u, "1", 1, 0, soon(), err));
    assert_ok(sk_sock_connect(u, &to_b, soon(), err));
    assert_ok(sk_send(u, "2", 1, 0, soon(), err));
    assert_received(a, 9, 0, "1");
    assert_received(b, 9, 0, "2");
    assert_ok(sk_sock_connect(u, &none, soon(), err));
    assert_int_equal(u->peer.len, 0);
    assert_fails(sk_send(u, "x", 1, 0, soon(), err), SK_SYS, EDESTADDRREQ);
    sk_sock_free(u);
    sk_sock_free(a);
    sk_sock_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect_refused), cmocka_unit_test(test_connect_nonblocking),
        cmocka_unit_test(test_connect_silence), cmocka_unit_test(test_connect_unix_backlog),
        cmocka_unit_test(test_connect_udp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
