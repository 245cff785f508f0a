/* Several tasks on one socket: one at a time in each direction, in the order of asking. */
#include "sock_kit.h"

#include "run/task.h"

struct reader {
    struct sk_sock *s;
    char got[8];
    ssize_t n;
    struct sk_err err;
};

static int read_two(void *arg) {
    struct reader *r = arg;
    r->n = sk_recv(r->s, r->got, 2, MSG_WAITALL, soon(), &r->err);
    return 0;
}

static void test_readers_queue(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct sk_scope scope;
    struct reader r[3] = { 0 };
    pair(p, SOCK_STREAM);
    sk_scope_init(&scope);
    for (int i = 0; i < 3; i++) {
        r[i].s = p[0];
        assert_non_null(sk_spawn(&scope, "reader", read_two, &r[i], NULL));
    }
    assert_ok(sk_sleep_until(shortly(), "test", err));
    for (const char *c = "abcdef"; *c; c++) { /* each byte could be stolen from the first in the queue */
        assert_int_equal(send(p[1]->fd, c, 1, 0), 1);
        sk_yield();
    }
    assert_ok(sk_scope_join(&scope, soon(), err));
    sk_scope_done(&scope);
    assert_memory_equal(r[0].got, "ab", 2);
    assert_memory_equal(r[1].got, "cd", 2);
    assert_memory_equal(r[2].got, "ef", 2);
    free_pair(p);
}

static void test_close_while_waiting(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct sk_scope scope;
    struct reader r[2] = { 0 };
    pair(p, SOCK_STREAM);
    sk_scope_init(&scope);
    for (int i = 0; i < 2; i++) {
        r[i].s = p[0];
        assert_non_null(sk_spawn(&scope, "reader", read_two, &r[i], NULL));
    }
    put(p[1], "x");
    assert_ok(sk_sleep_until(shortly(), "test", err));
    assert_ok(sk_sock_close(p[0], err));
    assert_ok(sk_scope_join(&scope, soon(), err));
    sk_scope_done(&scope);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(r[i].n, -1);
        assert_int_equal(r[i].err.code, EBADF);
    }
    free_pair(p);
}

static void test_lock_has_deadline(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct sk_scope scope;
    struct reader r = { 0 };
    char c;
    pair(p, SOCK_STREAM);
    sk_scope_init(&scope);
    r.s = p[0];
    assert_non_null(sk_spawn(&scope, "reader", read_two, &r, NULL));
    assert_ok(sk_sleep_until(shortly(), "test", err));
    assert_fails(sk_recv(p[0], &c, 1, 0, shortly(), err), SK_TIMEOUT, ETIMEDOUT);
    assert_fails(sk_recv(p[0], &c, 1, 0, SK_NOWAIT, err), SK_SYS, EAGAIN);
    sk_scope_done(&scope);
    assert_int_equal(r.err.kind, SK_CANCELED);
    put(p[1], "z");
    assert_received(p[0], 1, 0, "z");
    free_pair(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readers_queue),
        cmocka_unit_test(test_close_while_waiting),
        cmocka_unit_test(test_lock_has_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
