/* received = delivered + buffered, and every byte in its place, under bad luck: short transfers, spurious and late
 * waits, deadlines that pass in the middle of anything. */
#include "sock_kit.h"

#include "run/chaos.h"
#include "run/task.h"
#include "sock/expect.h"
#include "sock/msg.h"

enum { TOTAL = 60000, SEEDS = 40 };

/* The stream: its bytes tell their position; about one in 64 ends a line. */
static unsigned char byte_at(uint64_t i) {
    uint64_t x = (i + 1) * 0x9e3779b97f4a7c15;
    return (unsigned char)(x >> 32 & 63 ? (x >> 40) | 1 : '\n');
}

static uint64_t luck;

static size_t below(size_t n) {
    luck = luck * 6364136223846793005 + 1442695040888963407;
    return (size_t)(luck >> 33) % n;
}

struct talk {
    struct sk_sock *from, *to;
    uint64_t sent, delivered;
    int waits_ended; /* deadlines that passed, each in the middle of something */
};

static int sender(void *arg) {
    struct talk *t = arg;
    unsigned char data[5000];
    while (t->sent < TOTAL) {
        size_t n = 1 + below(sizeof data), done = 0;
        if (n > TOTAL - t->sent)
            n = (size_t)(TOTAL - t->sent);
        for (size_t i = 0; i < n; i++)
            data[i] = byte_at(t->sent + i);
        struct sk_err e;
        if (below(8) == 0)
            sk_sleep_until(sk_after((sk_time)below(300000)), "test", NULL);
        int r = sk_send_all(t->from, data, n, 0, sk_after((sk_time)below(3) * SK_MS), &done, &e);
        t->sent += done;
        if (t->sent != t->from->sent || (r < 0 && e.kind != SK_TIMEOUT) || (r == 0 && done != n))
            return -1;
    }
    return sk_sock_shutdown(t->from, SHUT_WR, NULL);
}

static void deliver(struct talk *t, const void *data, size_t n) {
    const unsigned char *p = data;
    for (size_t i = 0; i < n; i++)
        if (p[i] != byte_at(t->delivered + i))
            fail_msg("byte %llu is wrong", (unsigned long long)(t->delivered + i));
    t->delivered += n;
}

static void take_front(struct talk *t, size_t n) {
    deliver(t, sk_buf_data(&t->to->in), n);
    sk_consume(t->to, n);
}

/* One random way of reading. */
static ssize_t read_somehow(struct talk *t, sk_time deadline, struct sk_err *err) {
    unsigned char data[4096];
    size_t n = 1 + below(sizeof data), start, end;
    struct sk_message m;
    bool ended;
    ssize_t r;
    switch (below(7)) {
    case 0:
        r = sk_recv(t->to, data, n, 0, deadline, err);
        break;
    case 1:
        r = sk_recv(t->to, data, n, MSG_WAITALL, deadline, err);
        break;
    case 2:
        r = sk_recv(t->to, data, n, MSG_PEEK, deadline, err);
        if (r > 0) {
            deliver(t, data, (size_t)r);
            t->delivered -= (uint64_t)r;
        }
        return r;
    case 3: /* a consumer that could not deliver all */
        r = sk_recv(t->to, data, n, 0, deadline, err);
        if (r > 1) {
            size_t kept = below((size_t)r);
            assert_int_equal(sk_unread(t->to, data + kept, (size_t)r - kept, NULL), 0);
            r = (ssize_t)kept;
        }
        break;
    case 4:
        r = sk_line(t->to, below(2) ? n : 0, &ended, deadline, err);
        if (r > 0)
            take_front(t, (size_t)r);
        return r;
    case 5:
        r = sk_expect(t->to, "\n", 1, NULL, false, &start, &end, deadline, err);
        if (r == 0)
            take_front(t, end);
        return r;
    default:
        r = sk_recvmsg(t->to, n, SK_NO_ANCILLARY, 0, &m, deadline, err);
        if (r > 0)
            deliver(t, sk_buf_data(&m.data), m.data.len);
        if (r >= 0)
            sk_message_done(&m);
        return r;
    }
    if (r > 0)
        deliver(t, data, (size_t)r);
    return r;
}

static void receive_all(struct talk *t) {
    while (!t->to->at_end || t->to->in.len) {
        struct sk_err e;
        ssize_t r = read_somehow(t, below(2) ? soon() : sk_after((sk_time)(below(2) * below(30000))), &e);
        if (t->to->received != t->delivered + t->to->in.len)
            fail_msg("received %llu, delivered %llu, buffered %zu", (unsigned long long)t->to->received,
                     (unsigned long long)t->delivered, t->to->in.len);
        if (r < 0 && e.kind == SK_TIMEOUT)
            t->waits_ended++;
        else if (r < 0 && e.kind == SK_EXPECT)
            take_front(t, t->to->in.len);
        else if (r < 0)
            fail_msg("%s", e.msg);
    }
}

static void run(void (*make)(struct sk_sock *p[2]), unsigned long long seed, int *waits_ended) {
    struct sk_sock *p[2];
    struct sk_scope scope;
    int result = -1;
    luck = seed;
    make(p);
    assert_int_equal(setsockopt(p[0]->fd, SOL_SOCKET, SO_SNDBUF, &(int){ 8192 }, sizeof(int)), 0);
    struct talk t = { .from = p[0], .to = p[1] };
    sk_scope_init(&scope);
    struct sk_task *task = sk_spawn(&scope, "sender", sender, &t, NULL);
    assert_non_null(task);
    sk_chaos(seed);
    receive_all(&t);
    sk_chaos(0);
    assert_ok(sk_task_join(task, &result, soon(), err));
    assert_int_equal(result, 0);
    sk_scope_done(&scope);
    assert_int_equal(t.sent, TOTAL);
    assert_int_equal(t.delivered, TOTAL);
    assert_int_equal(p[1]->received, TOTAL);
    *waits_ended += t.waits_ended;
    free_pair(p);
}

static void make_unix(struct sk_sock *p[2]) { pair(p, SOCK_STREAM); }

static void test_account(void **state) {
    (void)state;
    int waits_ended = 0;
    for (unsigned long long seed = 1; seed <= SEEDS; seed++)
        run(seed % 2 ? tcp_pair : make_unix, seed, &waits_ended);
    assert_true(waits_ended > 10); /* or nothing was tried */
}

/* Cancelled in the middle: what arrived before is all there. */
static int read_until_canceled(void *arg) {
    struct talk *t = arg;
    struct sk_err e = { 0 };
    while (e.kind != SK_CANCELED && read_somehow(t, soon(), &e) >= 0)
        if (t->to->received != t->delivered + t->to->in.len)
            return -1;
    return e.kind == SK_CANCELED ? 0 : -1;
}

static void test_canceled(void **state) {
    (void)state;
    unsigned char data[3000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = byte_at(i);
    for (unsigned long long seed = 1; seed <= SEEDS; seed++) {
        struct sk_sock *p[2];
        struct sk_scope scope;
        int result = -1;
        luck = seed;
        make_unix(p);
        struct talk t = { .to = p[1] };
        sk_scope_init(&scope);
        struct sk_task *task = sk_spawn(&scope, "reader", read_until_canceled, &t, NULL);
        assert_non_null(task);
        sk_chaos(seed);
        for (size_t done = 0; done < sizeof data; done += 100) {
            assert_int_equal(send(p[0]->fd, data + done, 100, 0), 100);
            sk_yield();
        }
        sk_cancel(task);
        assert_ok(sk_task_join(task, &result, soon(), err));
        sk_chaos(0);
        assert_int_equal(result, 0);
        sk_scope_done(&scope);
        assert_true(p[1]->received == t.delivered + p[1]->in.len);
        while (t.delivered < sizeof data)
            read_somehow(&t, SK_NOWAIT, NULL); /* the rest, without a gap */
        free_pair(p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_account),
        cmocka_unit_test(test_canceled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
