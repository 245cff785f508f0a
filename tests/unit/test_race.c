/* The race of addresses, and the polite end of connections: what no network shows by itself. */
#include "sock_kit.h"

#include <sys/resource.h>

#include "run/task.h"
#include "sock/race.h"

static const struct sk_dial_how plain;

/* 127.0.0.N, with this port. */
static struct sk_addr loopback(unsigned n, uint16_t port) {
    struct sk_addr addr;
    sk_addr_loopback(&addr, AF_INET, port);
    addr.u.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + n);
    return addr;
}

/* Addresses of the loopback net on one port: L live, S silent (the backlog is taken), R refused. */
struct net {
    struct sk_race plan;
    struct sk_sock *listeners[16], *fillers[16];
    size_t count;
};

static void open_net(struct net *net, const char *kinds, sk_time length) {
    uint16_t port = 0;
    *net = (struct net){ .count = strlen(kinds) };
    net->plan = (struct sk_race){ .how = &plain, .type = SOCK_STREAM, .start = sk_now(), .deadline = sk_after(length) };
    for (size_t i = 0; i < net->count; i++) {
        struct sk_addr addr = loopback((unsigned)i + 1, port);
        struct sk_sock *s = net->listeners[i] = new_sock(AF_INET, SOCK_STREAM);
        assert_ok(sk_sock_bind(s, &addr, err));
        addr = local_of(s);
        port = sk_addr_port(&addr);
        if (kinds[i] != 'R')
            assert_ok(sk_sock_listen(s, kinds[i] == 'S' ? 0 : 16, err));
        if (kinds[i] == 'S') {
            net->fillers[i] = new_sock(AF_INET, SOCK_STREAM);
            assert_ok(sk_sock_connect(net->fillers[i], &addr, soon(), err));
        }
        sk_addrs_add(&net->plan.addrs, &addr);
    }
}

static void close_net(struct net *net) {
    for (size_t i = 0; i < net->count; i++) {
        sk_sock_free(net->listeners[i]);
        sk_sock_free(net->fillers[i]);
    }
    sk_addrs_done(&net->plan.addrs);
}

/* The first race makes what all tasks need (epoll, signals): descriptors are counted from then on. */
static int warm_up(void **state) {
    struct net net;
    struct sk_sock *s;
    struct sk_attempts a = { 0 };
    (void)state;
    open_net(&net, "SS", 300 * SK_MS);
    assert_int_equal(sk_race(&net.plan, &s, &a, NULL), 1);
    sk_attempts_done(&a);
    close_net(&net);
    return 0;
}

/* The address of attempt i, as the place it was given. */
static size_t place(const struct net *net, const struct sk_attempts *a, size_t i) {
    for (size_t k = 0; k < net->count; k++)
        if (sk_addr_equal(&a->list[i].addr, &net->plan.addrs.list[k]))
            return k;
    fail_msg("attempt %zu has no address of the net", i);
    return 0;
}

static void test_order_and_winner(void **state) {
    struct net net;
    struct sk_sock *s;
    struct sk_attempts a = { 0 };
    (void)state;
    int before = open_fds();
    open_net(&net, "RRSLL", 20 * SK_SECOND);
    assert_int_equal(sk_race(&net.plan, &s, &a, NULL), 0);
    assert_int_equal(a.count, 4); /* the last one was not needed */
    for (size_t i = 0; i < a.count; i++)
        assert_int_equal(place(&net, &a, i), i);
    assert_int_equal(a.list[0].err.code, ECONNREFUSED);
    assert_int_equal(a.list[1].err.code, ECONNREFUSED);
    assert_int_equal(a.list[2].err.kind, SK_CANCELED);
    assert_true(a.list[3].connected && !a.list[2].connected);
    assert_true(a.list[3].started - a.list[2].started >= 250 * SK_MS);
    assert_true(sk_addr_equal(&s->peer, &a.list[3].addr));
    sk_attempts_done(&a);
    sk_sock_free(s);
    close_net(&net);
    assert_int_equal(open_fds(), before);
}

/* Whoever answers first wins, also one that was begun before others. */
static void test_early_one_wins_late(void **state) {
    struct net net;
    struct sk_sock *s;
    struct sk_attempts a = { 0 };
    (void)state;
    open_net(&net, "SS", 20 * SK_SECOND);
    struct sk_sock *conn;
    assert_ok(sk_sock_accept(net.listeners[0], &conn, soon(), err)); /* room for one more at the first address */
    sk_sock_free(net.fillers[0]);
    net.fillers[0] = conn;
    assert_int_equal(sk_race(&net.plan, &s, &a, NULL), 0);
    assert_int_equal(a.count, 1);
    assert_true(a.list[0].connected);
    sk_attempts_done(&a);
    sk_sock_free(s);
    close_net(&net);
}

static void test_six_at_once(void **state) {
    struct net net;
    struct sk_sock *s;
    struct sk_attempts a = { 0 };
    (void)state;
    open_net(&net, "SSSSSSSS", 3 * SK_SECOND);
    assert_int_equal(sk_race(&net.plan, &s, &a, NULL), 1);
    assert_int_equal(a.count, 8); /* all of them had their share */
    for (size_t i = 0; i < a.count; i++) {
        size_t beside = 0;
        assert_int_equal(a.list[i].err.kind, SK_TIMEOUT);
        for (size_t k = 0; k < i; k++)
            beside += a.list[k].started + a.list[k].took > a.list[i].started;
        assert_in_range(beside, 0, 5);
    }
    sk_attempts_done(&a);
    close_net(&net);
}

static void test_nothing_left(void **state) {
    struct net net;
    struct sk_sock *s;
    struct sk_attempts a = { 0 };
    struct sk_err e = { 0 };
    struct rlimit limit, low;
    (void)state;
    open_net(&net, "SS", 20 * SK_SECOND);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = limit;
    low.rlim_cur = (rlim_t)dup(0);
    close((int)low.rlim_cur);
    low.rlim_cur++; /* room for one */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    int rc = sk_race(&net.plan, &s, &a, &e);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(rc, -1);
    assert_int_equal(e.code, EMFILE);
    assert_null(s);
    sk_attempts_done(&a);
    close_net(&net);
}

struct cancelled {
    struct net *net;
    struct sk_err err;
    size_t attempts;
};

static int race_in_a_task(void *arg) {
    struct cancelled *c = arg;
    struct sk_sock *s;
    struct sk_attempts a = { 0 };
    int rc = sk_race(&c->net->plan, &s, &a, &c->err);
    c->attempts = a.count;
    sk_attempts_done(&a);
    return rc;
}

/* Cancelled before it runs, in the first attempt, and when two and more are running. */
static void test_cancel(void **state) {
    static const sk_time moments[] = { 0, 20 * SK_MS, 300 * SK_MS, 600 * SK_MS };
    (void)state;
    int before = open_fds();
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        struct net net;
        open_net(&net, "SSSS", 20 * SK_SECOND);
        struct cancelled c = { .net = &net };
        struct sk_scope scope;
        sk_scope_init(&scope);
        struct sk_task *task = sk_spawn(&scope, "race", race_in_a_task, &c, NULL);
        int rc;
        assert_non_null(task);
        if (moments[i])
            assert_ok(sk_sleep_until(sk_after(moments[i]), "sleep", err));
        sk_cancel(task);
        assert_ok(sk_task_join(task, &rc, soon(), err));
        sk_scope_done(&scope);
        assert_int_equal(rc, -1);
        assert_int_equal(c.err.kind, SK_CANCELED);
        assert_true(c.attempts >= (moments[i] > 250 * SK_MS ? 2 : 1));
        close_net(&net);
        assert_int_equal(open_fds(), before);
    }
}

/* ---- sk_sock_part ---- */

/* What the peer has not yet read of ours, and what we have not read of it, make no reset. */
static void test_part_with_unread_data(void **state) {
    struct sk_sock *pair_[2];
    (void)state;
    tcp_pair(pair_);
    put(pair_[1], "220 hello");
    put(pair_[0], "bye");
    wait_for(pair_[0], POLLIN);
    sk_sock_part(pair_[0], SK_NOWAIT);
    assert_received(pair_[1], 9, 0, "bye");
    char c;
    ssize_t n = 1;
    assert_ok(n = sk_recv(pair_[1], &c, 1, 0, soon(), err));
    assert_int_equal(n, 0); /* its end, in order */
    sk_sock_free(pair_[1]);
}

static int say_late_and_close(void *arg) {
    struct sk_sock *s = arg;
    char c;
    sk_recv(s, &c, 1, 0, soon(), NULL); /* our end */
    put(s, "late");
    return sk_sock_close(s, NULL);
}

/* What comes after our end is heard too: the peer's writes succeed until it closes. */
static void test_part_waits_for_the_peer(void **state) {
    struct sk_sock *pair_[2];
    struct sk_scope scope;
    (void)state;
    tcp_pair(pair_);
    sk_scope_init(&scope);
    assert_non_null(sk_spawn(&scope, "peer", say_late_and_close, pair_[1], NULL));
    sk_sock_part(pair_[0], sk_after(20 * SK_SECOND)); /* ends with the peer, not with the time */
    assert_ok(sk_scope_join(&scope, soon(), err));
    sk_scope_done(&scope);
    assert_string_equal(sk_state_name(pair_[1]), "closed");
    sk_sock_free(pair_[1]);
    tcp_pair(pair_); /* a peer that does not close has until the deadline */
    sk_sock_part(pair_[0], shortly());
    sk_sock_free(pair_[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_winner),
        cmocka_unit_test(test_early_one_wins_late),
        cmocka_unit_test(test_six_at_once),
        cmocka_unit_test(test_nothing_left),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_part_with_unread_data),
        cmocka_unit_test(test_part_waits_for_the_peer),
    };
    return cmocka_run_group_tests(tests, warm_up, NULL);
}
