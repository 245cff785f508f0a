/* poll over socket objects: the table of MICROPYTHON.md A.16, the buffer, closed sockets, many. */
#include "sock_kit.h"

#include <sys/resource.h>

#include "run/fd.h"
#include "run/task.h"
#include "sock/poll.h"

static int poll_one(struct sk_sock *s, short events) {
    struct sk_pollitem item = { s, events, -1 };
    int n = 0;
    assert_ok(n = sk_poll(&item, 1, sk_after(0), err));
    assert_int_equal(n, item.revents != 0);
    return item.revents;
}

#define assert_poll(s, events, want) assert_int_equal(poll_one(s, events), want)
static const short BOTH = POLLIN | POLLOUT;

static void test_fresh(void **state) {
    (void)state;
    struct sk_sock *s = new_sock(AF_INET, SOCK_STREAM), *b = bound(SOCK_STREAM), *u = new_sock(AF_INET, SOCK_DGRAM);
    assert_poll(s, BOTH, POLLOUT | POLLHUP);
    assert_poll(s, POLLIN, POLLHUP);
    assert_poll(s, 0, POLLHUP);
    assert_poll(b, BOTH, POLLOUT | POLLHUP);
    assert_poll(u, BOTH, POLLOUT);
    sk_sock_free(s);
    sk_sock_free(b);
    sk_sock_free(u);
}

static void test_listening(void **state) {
    (void)state;
    struct sk_sock *l = listener(), *c = new_sock(AF_INET, SOCK_STREAM);
    struct sk_addr addr = local_of(l);
    assert_poll(l, BOTH, 0);
    assert_ok(sk_sock_connect(c, &addr, soon(), err));
    wait_for(l, POLLIN);
    assert_poll(l, BOTH, POLLIN);
    sk_sock_free(c);
    sk_sock_free(l);
}

static void test_connected(void **state) {
    (void)state;
    struct sk_sock *p[2];
    char c[4];
    tcp_pair(p);
    assert_poll(p[0], BOTH, POLLOUT);
    put(p[1], "x");
    wait_for(p[0], POLLIN);
    assert_poll(p[0], BOTH, POLLIN | POLLOUT);
    assert_received(p[0], 1, 0, "x");
    assert_ok(sk_sock_shutdown(p[1], SHUT_WR, err));
    wait_for(p[0], POLLIN);
    assert_poll(p[0], BOTH, POLLIN | POLLOUT); /* no HUP */
    assert_poll(p[0], 0, 0);
    assert_poll(p[0], POLLRDHUP, POLLRDHUP);
    assert_int_equal(sk_recv(p[0], c, 4, 0, soon(), NULL), 0);
    assert_poll(p[0], BOTH, POLLIN | POLLOUT);
    free_pair(p);
}

static void test_full(void **state) {
    (void)state;
    struct sk_sock *p[2];
    static char block[100000];
    pair(p, SOCK_STREAM);
    while (sk_send(p[0], block, sizeof block, 0, SK_NOWAIT, NULL) > 0)
        ;
    assert_poll(p[0], BOTH, 0);
    free_pair(p);
}

static void test_reset(void **state) {
    (void)state;
    struct sk_sock *p[2];
    char c[4];
    for (int write_first = 0; write_first < 2; write_first++) {
        tcp_pair(p);
        put(p[1], "x");
        reset(p[1]);
        wait_for(p[0], POLLERR);
        assert_poll(p[0], BOTH, POLLIN | POLLOUT | POLLERR | POLLHUP);
        assert_poll(p[0], POLLIN, POLLIN | POLLERR | POLLHUP);
        assert_received(p[0], 1, 0, "x");
        assert_poll(p[0], BOTH, POLLIN | POLLOUT | POLLERR | POLLHUP);
        if (write_first)
            assert_fails(sk_send(p[0], c, 1, 0, soon(), err), SK_SYS, ECONNRESET);
        else
            assert_fails(sk_recv(p[0], c, 4, 0, soon(), err), SK_SYS, ECONNRESET);
        assert_poll(p[0], BOTH, POLLIN | POLLOUT | POLLHUP);
        assert_poll(p[0], POLLIN, POLLIN | POLLHUP);
        free_pair(p);
    }
}

static void test_refused(void **state) {
    (void)state;
    struct sk_sock *holder, *s = new_sock(AF_INET, SOCK_STREAM);
    struct sk_addr dead = dead_port(&holder);
    char c;
    assert_fails(sk_sock_connect(s, &dead, soon(), err), SK_SYS, ECONNREFUSED);
    assert_poll(s, BOTH, POLLOUT | POLLHUP);
    sk_sock_free(s);
    s = new_sock(AF_INET, SOCK_STREAM);
    assert_fails(sk_sock_connect(s, &dead, SK_NOWAIT, err), SK_SYS, EINPROGRESS);
    wait_for(s, POLLERR);
    assert_poll(s, BOTH, POLLIN | POLLOUT | POLLERR | POLLHUP);
    assert_fails(sk_recv(s, &c, 1, 0, soon(), err), SK_SYS, ECONNREFUSED);
    assert_poll(s, BOTH, POLLIN | POLLOUT | POLLHUP);
    sk_sock_free(s);
    sk_sock_free(holder);
}

static void test_udp_refused(void **state) {
    (void)state;
    struct sk_sock *u = new_sock(AF_INET, SOCK_DGRAM), *gone = bound(SOCK_DGRAM);
    struct sk_addr addr = local_of(gone);
    char c;
    assert_ok(sk_sock_connect(u, &addr, soon(), err));
    sk_sock_free(gone);
    assert_ok(sk_send(u, "x", 1, 0, soon(), err));
    wait_for(u, 0);
    assert_poll(u, BOTH, POLLOUT | POLLERR);
    assert_fails(sk_recv(u, &c, 1, 0, soon(), err), SK_SYS, ECONNREFUSED);
    assert_poll(u, BOTH, POLLOUT);
    sk_sock_free(u);
}

static void test_buffered(void **state) {
    (void)state;
    struct sk_sock *p[2];
    pair(p, SOCK_STREAM);
    put(p[1], "ab");
    assert_ok(sk_fill(p[0], soon(), err));
    assert_poll(p[0], POLLIN, POLLIN); /* nothing in the kernel */
    assert_poll(p[0], BOTH, POLLIN | POLLOUT);
    assert_poll(p[0], POLLIN | POLLRDNORM, POLLIN | POLLRDNORM);
    assert_poll(p[0], POLLOUT, POLLOUT);
    assert_poll(p[0], POLLPRI, 0);
    sk_consume(p[0], 2);
    assert_poll(p[0], POLLIN, 0);
    free_pair(p);
}

static void test_closed(void **state) {
    (void)state;
    struct sk_sock *p[2], *other;
    pair(p, SOCK_STREAM);
    int number = p[0]->fd;
    assert_ok(sk_sock_close(p[0], err));
    other = new_sock(AF_INET, SOCK_STREAM);
    assert_int_equal(other->fd, number); /* the number means something else now */
    assert_poll(p[0], BOTH, POLLNVAL);
    struct sk_pollitem item = { p[0], POLLIN, 0 };
    sk_time start = sk_now();
    assert_int_equal(sk_poll(&item, 1, SK_NEVER, NULL), 1);
    assert_true(sk_now() - start < SK_SECOND);
    sk_sock_free(other);
    free_pair(p);
}

static void test_order(void **state) {
    (void)state;
    struct sk_sock *a[2], *b[2];
    pair(a, SOCK_STREAM);
    pair(b, SOCK_STREAM);
    struct sk_pollitem items[] = {
        { b[0], POLLIN, 0 }, { a[0], POLLIN, 0 }, { b[0], POLLOUT, 0 }, { a[1], POLLIN, 0 }
    };
    assert_int_equal(sk_poll(items, 2, shortly(), NULL), 0);
    assert_int_equal(sk_poll(items, 2, SK_NOWAIT, NULL), 0);
    put(b[1], "x");
    assert_int_equal(sk_poll(items, 4, soon(), NULL), 2);
    assert_int_equal(items[0].revents, POLLIN);
    assert_int_equal(items[1].revents, 0);
    assert_int_equal(items[2].revents, POLLOUT); /* the same socket twice */
    assert_int_equal(items[3].revents, 0);
    assert_int_equal(sk_poll(NULL, 0, shortly(), NULL), 0);
    free_pair(a);
    free_pair(b);
}

struct later {
    struct sk_sock *s;
    bool close;
};

static int act_later(void *arg) {
    struct later *l = arg;
    if (sk_sleep_until(shortly(), "test", NULL) < 0)
        return -1;
    return l->close ? sk_sock_close(l->s, NULL) : send(l->s->fd, "x", 1, 0) == 1 ? 0 : -1;
}

static void test_while_waiting(void **state) {
    (void)state;
    for (int close = 0; close < 2; close++) {
        struct sk_sock *p[2];
        struct sk_scope scope;
        pair(p, SOCK_STREAM);
        struct later l = { close ? p[0] : p[1], close };
        struct sk_pollitem item = { p[0], POLLIN, 0 };
        sk_scope_init(&scope);
        assert_non_null(sk_spawn(&scope, "later", act_later, &l, NULL));
        assert_int_equal(sk_poll(&item, 1, soon(), NULL), 1);
        assert_int_equal(item.revents, close ? POLLNVAL : POLLIN);
        sk_scope_done(&scope);
        free_pair(p);
    }
}

static int poll_until_canceled(void *arg) {
    struct sk_pollitem item = { arg, POLLIN, 0 };
    struct sk_err e = { 0 };
    return sk_poll(&item, 1, SK_NEVER, &e) == -1 && e.kind == SK_CANCELED ? 0 : -1;
}

static void test_canceled(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct sk_scope scope;
    int result = -1;
    pair(p, SOCK_STREAM);
    sk_scope_init(&scope);
    struct sk_task *t = sk_spawn(&scope, "poll", poll_until_canceled, p[0], NULL);
    assert_non_null(t);
    assert_ok(sk_sleep_until(shortly(), "test", err));
    sk_cancel(t);
    assert_ok(sk_task_join(t, &result, soon(), err));
    assert_int_equal(result, 0);
    sk_scope_done(&scope);
    free_pair(p);
}

static void test_many(void **state) {
    (void)state;
    struct rlimit limit;
    sk_fd_raise_limit();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    size_t n = limit.rlim_cur > 10100 ? 10000 : (size_t)limit.rlim_cur - 100;
    struct sk_pollitem *items = calloc(n, sizeof *items);
    assert_non_null(items);
    for (size_t i = 0; i < n; i++)
        items[i] = (struct sk_pollitem){ new_sock(AF_INET, SOCK_DGRAM), POLLIN, 0 };
    assert_int_equal(sk_poll(items, n, shortly(), NULL), 0);
    items[n - 1].events = POLLOUT;
    assert_ok(sk_unread(items[n / 2].sock, "x", 1, err));
    assert_ok(sk_sock_close(items[0].sock, err));
    assert_int_equal(sk_poll(items, n, soon(), NULL), 3);
    assert_int_equal(items[0].revents, POLLNVAL);
    assert_int_equal(items[n / 2].revents, POLLIN);
    assert_int_equal(items[n - 1].revents, POLLOUT);
    for (size_t i = 0; i < n; i++)
        sk_sock_free(items[i].sock);
    free(items);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fresh),       cmocka_unit_test(test_listening),     cmocka_unit_test(test_connected),
        cmocka_unit_test(test_full),        cmocka_unit_test(test_reset),         cmocka_unit_test(test_refused),
        cmocka_unit_test(test_udp_refused), cmocka_unit_test(test_buffered),      cmocka_unit_test(test_closed),
        cmocka_unit_test(test_order),       cmocka_unit_test(test_while_waiting), cmocka_unit_test(test_canceled),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
