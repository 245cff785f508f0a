/* ctest: TIMEOUT 300 */
/* TLS between two sockets of this process, over whatever lies between them: nothing, or a line that lets through as
 * much as it is told. */
#include "sock_kit.h"

#include "base/bytes.h"
#include "run/chaos.h"
#include "run/fd.h"
#include "run/task.h"
#include "sock/layer.h"
#include "sock/poll.h"
#include "sock/tls.h"

#define LONG_ENOUGH (60 * SK_SECOND)

static const struct sk_tls_module *const tls = &sk_tls_module;

struct line { /* from one descriptor to another, and back */
    int ends[2];
    size_t step;   /* bytes at a time */
    long long let; /* bytes that may still pass to ends[1], and back */
    struct sk_event more;
};

struct pair {
    struct sk_scope scope;
    struct sk_tls_settings *client_settings, *server_settings;
    struct sk_sock *client, *server;
    struct line line;
    int half[2];       /* which end a task of the line reads */
    struct sk_err why; /* of the server's handshake */
};

static struct pair *with; /* of the running test */

/* ---- The line ---- */

static int carry(void *arg) {
    int from = *(int *)arg;
    struct line *line = &with->line;
    char bytes[4096];
    for (struct sk_err why;;) {
        while (line->let <= 0) {
            sk_event_clear(&line->more);
            if (sk_event_wait(&line->more, "line", SK_NEVER, &why) < 0)
                return 0;
        }
        size_t most = line->step < (size_t)line->let ? line->step : (size_t)line->let;
        ssize_t n = recv(line->ends[from], bytes, most < sizeof bytes ? most : sizeof bytes, MSG_DONTWAIT);
        if (n < 0 && sk_wait(line->ends[from], POLLIN, "line", SK_NEVER, &why) < 0)
            return 0;
        if (n == 0) {
            shutdown(line->ends[!from], SHUT_WR);
            return 0;
        }
        for (ssize_t sent = 0, w; sent<n; sent += w> 0 ? w : 0) {
            w = send(line->ends[!from], bytes + sent, (size_t)(n - sent), MSG_DONTWAIT | MSG_NOSIGNAL);
            if (w < 0 && errno != EAGAIN)
                return 0;
            if (w < 0 && sk_wait(line->ends[!from], POLLOUT, "line", SK_NEVER, &why) < 0)
                return 0;
        }
        if (n > 0)
            line->let -= n;
    }
}

static void let_pass(long long bytes) {
    with->line.let = bytes;
    sk_event_set(&with->line.more);
}

static void lay_line(size_t step) {
    struct sk_sock *near[2], *far[2];
    assert_ok(sk_sock_pair(near, AF_UNIX, SOCK_STREAM, 0, err));
    assert_ok(sk_sock_pair(far, AF_UNIX, SOCK_STREAM, 0, err));
    with->client = near[0];
    with->server = far[0];
    with->line = (struct line){ .ends = { near[1]->fd, far[1]->fd }, .step = step, .let = INT64_MAX };
    near[1]->fd = far[1]->fd = -1;
    sk_sock_free(near[1]);
    sk_sock_free(far[1]);
    with->half[1] = 1;
    for (int i = 0; i < 2; i++)
        assert_non_null(sk_spawn(&with->scope, "line", carry, &with->half[i], NULL));
}

static void no_line(void) {
    struct sk_sock *ends[2];
    assert_ok(sk_sock_pair(ends, AF_UNIX, SOCK_STREAM, 0, err));
    with->client = ends[0];
    with->server = ends[1];
}

/* ---- Life ---- */

static struct sk_tls_settings *settings(struct sk_tls_config config, bool server) {
    struct sk_tls_settings *made;
    assert_ok(tls->settings_new(&made, &config, server, err));
    return made;
}

static const char *const names[] = { "here.test" };

static int begin(void **state) {
    with = calloc(1, sizeof *with);
    *state = with;
    with->line.ends[0] = with->line.ends[1] = -1;
    sk_scope_init(&with->scope);
    return 0;
}

static int end(void **state) {
    (void)state;
    sk_chaos(0);
    sk_scope_done(&with->scope);
    sk_sock_free(with->client);
    sk_sock_free(with->server);
    for (int i = 0; i < 2; i++)
        if (with->line.ends[i] >= 0)
            sk_fd_close(with->line.ends[i], NULL);
    if (with->client_settings)
        tls->settings_free(with->client_settings);
    if (with->server_settings)
        tls->settings_free(with->server_settings);
    free(with);
    return 0;
}

static int serve(void *arg) {
    (void)arg;
    return tls->start(with->server, with->server_settings, NULL, sk_after(LONG_ENOUGH), &with->why);
}

static void make_settings(const char *version) {
    with->server_settings =
        settings((struct sk_tls_config){ .self_signed = true, .names = names, .name_count = 1, .max = version }, true);
    with->client_settings = settings((struct sk_tls_config){ .insecure = true }, false);
}

/* Both sides through the handshake. */
static void shake(const char *version) {
    int result = -1;
    make_settings(version);
    struct sk_task *server = sk_spawn(&with->scope, "server", serve, NULL, NULL);
    assert_ok(tls->start(with->client, with->client_settings, "here.test", sk_after(LONG_ENOUGH), err));
    assert_ok(sk_task_join(server, &result, sk_after(LONG_ENOUGH), err));
    if (result < 0)
        fail_msg("server: %s", with->why.msg);
}

static void say(struct sk_sock *s, const char *text) {
    assert_ok(sk_send_all(s, text, strlen(text), 0, sk_after(LONG_ENOUGH), NULL, err));
}

static void hear(struct sk_sock *s, const char *text) {
    char got[256] = "";
    size_t have = 0, want = strlen(text);
    while (have < want) {
        ssize_t n = 0;
        assert_ok(n = sk_recv(s, got + have, want - have, 0, sk_after(LONG_ENOUGH), err));
        assert_true(n > 0);
        have += (size_t)n;
    }
    assert_string_equal(got, text);
}

static short ready(struct sk_sock *s, sk_time deadline) {
    struct sk_pollitem item = { .sock = s, .events = POLLIN };
    assert_ok(sk_poll(&item, 1, deadline, err));
    return item.revents;
}

/* ---- Transports ---- */

static void a_byte_at_a_time(void **state) {
    static const char *const versions[] = { "1.2", "1.3" };
    for (size_t i = 0; i < 2; i++) {
        if (i > 0) {
            end(state);
            begin(state);
        }
        lay_line(1);
        shake(versions[i]);
        say(with->client, "hello over a thin line");
        hear(with->server, "hello over a thin line");
        say(with->server, "and back");
        hear(with->client, "and back");
    }
}

static void two_records_in_one_segment(void **state) {
    (void)state;
    no_line();
    shake("1.3");
    say(with->server, "one");
    say(with->server, "two");
    assert_int_equal(ready(with->client, soon()), POLLIN);
    hear(with->client, "on");
    assert_int_equal(ready(with->client, SK_NOWAIT), POLLIN); /* the rest of the record */
    hear(with->client, "e");
    assert_int_equal(ready(with->client, SK_NOWAIT), POLLIN); /* the next one, which the kernel no longer has */
    hear(with->client, "two");
    assert_int_equal(ready(with->client, SK_NOWAIT), 0);
}

static void half_a_record_is_nothing_to_read(void **state) {
    (void)state;
    lay_line(4096);
    shake("1.3");
    say(with->client, "x"); /* whatever the handshake left on the line has passed */
    hear(with->server, "x");
    assert_int_equal(ready(with->client, shortly()), 0);
    let_pass(10);
    say(with->server, "split");
    assert_int_equal(ready(with->client, shortly()), 0);
    assert_fails(sk_recv(with->client, (char[8]){ 0 }, 8, 0, SK_NOWAIT, err), SK_SYS, EAGAIN);
    let_pass(INT64_MAX);
    assert_int_equal(ready(with->client, soon()), POLLIN);
    hear(with->client, "split");
}

/* ---- Both directions at once ---- */

enum { MUCH = 3 << 20 };

static char pattern(size_t i) { return (char)(i * 31 ^ i >> 11); }

static int write_much(void *arg) {
    char part[3000];
    for (size_t at = 0; at < MUCH; at += sizeof part) {
        size_t n = MUCH - at < sizeof part ? MUCH - at : sizeof part;
        for (size_t i = 0; i < n; i++)
            part[i] = pattern(at + i);
        if (sk_send_all(arg, part, n, 0, sk_after(LONG_ENOUGH), NULL, NULL) < 0)
            return -1;
    }
    return 0;
}

static int read_much(void *arg) {
    char part[5000];
    for (size_t at = 0; at < MUCH;) {
        ssize_t n = sk_recv(arg, part, sizeof part, 0, sk_after(LONG_ENOUGH), NULL);
        if (n <= 0)
            return -1;
        for (size_t i = 0; i < (size_t)n; i++)
            if (part[i] != pattern(at + i))
                return -2;
        at += (size_t)n;
    }
    return 0;
}

static void exchange(void) {
    static int (*const jobs[])(void *) = { write_much, read_much, write_much, read_much };
    struct sk_task *tasks[4];
    for (size_t i = 0; i < 4; i++)
        tasks[i] = sk_spawn(&with->scope, "much", jobs[i], i < 2 ? with->client : with->server, NULL);
    for (size_t i = 0; i < 4; i++) {
        int result = -9;
        assert_ok(sk_task_join(tasks[i], &result, sk_after(2 * LONG_ENOUGH), err));
        assert_int_equal(result, 0);
    }
}

static void full_duplex(void **state) {
    (void)state;
    no_line();
    shake("1.3");
    exchange();
}

static void full_duplex_with_bad_luck(void **state) {
    for (unsigned seed = 1; seed <= 3; seed++) {
        if (seed > 1) {
            end(state);
            begin(state);
        }
        lay_line(4096);
        sk_chaos(seed);
        shake(seed % 2 ? "1.3" : "1.2");
        exchange();
    }
}

/* ---- Ends ---- */

static int read_late(void *arg) {
    char part[4096];
    size_t got = 0;
    sk_sleep_until(sk_after(50 * SK_MS), "late", NULL);
    for (ssize_t n; (n = sk_recv(arg, part, sizeof part, 0, sk_after(LONG_ENOUGH), NULL)) != 0; got += (size_t)n)
        if (n < 0)
            return -1;
    return (int)got;
}

static void close_loses_nothing(void **state) {
    (void)state;
    lay_line(4096);
    shake("1.3");
    static char much[MUCH];
    int got = -1;
    struct sk_task *reader = sk_spawn(&with->scope, "reader", read_late, with->server, NULL);
    say(with->server, "unread, which would make close a reset");
    assert_ok(sk_send_all(with->client, much, sizeof much, 0, sk_after(LONG_ENOUGH), NULL, err));
    assert_ok(sk_sock_close(with->client, err));
    assert_ok(sk_task_join(reader, &got, sk_after(LONG_ENOUGH), err));
    assert_int_equal(got, MUCH);
}

static void ends_told_apart(void **state) {
    (void)state;
    no_line();
    shake("1.2");
    say(with->server, "rest");
    assert_ok(sk_sock_shutdown(with->server, SHUT_WR, err));
    hear(with->client, "rest");
    assert_int_equal(sk_recv(with->client, (char[8]){ 0 }, 8, 0, soon(), NULL), 0);
    say(with->client, "still"); /* the other direction goes on */
    hear(with->server, "still");
    shutdown(with->client->fd, SHUT_WR); /* behind TLS's back */
    assert_fails(sk_recv(with->server, (char[8]){ 0 }, 8, 0, soon(), err), SK_TLS_TRUNCATED, 0);
    assert_fails(sk_recv(with->server, (char[8]){ 0 }, 8, 0, soon(), err), SK_TLS_TRUNCATED, 0); /* for good */
    assert_fails(sk_send(with->server, "x", 1, 0, soon(), err), SK_TLS_TRUNCATED, 0);
}

/* ---- Handshakes ---- */

static void goes_on_after_a_deadline(void **state) {
    (void)state;
    lay_line(4096);
    let_pass(0);
    make_settings(NULL);
    sk_spawn(&with->scope, "server", serve, NULL, NULL);
    for (int i = 0; i < 2; i++)
        assert_fails(tls->start(with->client, with->client_settings, "here.test", shortly(), err), SK_TIMEOUT,
                     ETIMEDOUT);
    let_pass(INT64_MAX);
    assert_ok(tls->start(with->client, with->client_settings, "here.test", sk_after(LONG_ENOUGH), err));
    say(with->client, "done");
    hear(with->server, "done");
}

static void closed_in_the_middle(void **state) {
    (void)state;
    lay_line(4096);
    let_pass(0);
    make_settings(NULL);
    int result = 0;
    struct sk_task *server = sk_spawn(&with->scope, "server", serve, NULL, NULL);
    sk_sleep_until(shortly(), "test", NULL);
    assert_ok(sk_sock_close(with->server, err));
    assert_ok(sk_task_join(server, &result, soon(), err));
    assert_int_equal(result, -1);
    assert_int_equal(with->why.code, EBADF);
}

static void verified_or_not(void **state) {
    (void)state;
    no_line();
    make_settings(NULL);
    sk_spawn(&with->scope, "server", serve, NULL, NULL);
    struct sk_tls_settings *strict = settings((struct sk_tls_config){ 0 }, false);
    struct sk_err told = { 0 };
    assert_int_equal(tls->start(with->client, strict, "here.test", sk_after(LONG_ENOUGH), &told), -1);
    assert_int_equal(told.kind, SK_TLS_VERIFY);
    assert_non_null(strstr(told.msg, "self-signed"));
    struct sk_value problems = tls->problems(strict);
    assert_int_equal(problems.u.seq->count, 1);
    sk_drop(problems);
    assert_fails(sk_send(with->client, "x", 1, 0, soon(), err), SK_TLS_VERIFY, told.code); /* nothing goes out */
    tls->settings_free(strict);
}

static void pinned(void **state) {
    (void)state;
    no_line();
    make_settings(NULL);
    struct sk_buf pin = { 0 };
    const char *text = tls->own_pin(with->server_settings);
    struct sk_tls_pin own;
    assert_int_equal(strlen(text), 44);
    assert_ok(sk_unbase64(&pin, text, 44, err));
    memcpy(own.sha256, sk_buf_data(&pin), sizeof own.sha256);
    sk_buf_done(&pin);
    tls->settings_free(with->client_settings);
    with->client_settings = settings((struct sk_tls_config){ .pins = &own, .pin_count = 1 }, false);
    sk_spawn(&with->scope, "server", serve, NULL, NULL);
    assert_ok(tls->start(with->client, with->client_settings, "here.test", sk_after(LONG_ENOUGH), err));
}

static void refused_over_unread_text(void **state) {
    (void)state;
    no_line();
    make_settings(NULL);
    assert_ok(sk_send(with->server, "220 go\r\n250 injected\r\n", 22, 0, soon(), err));
    assert_ok(sk_fill(with->client, soon(), err));
    assert_fails(tls->start(with->client, with->client_settings, "here.test", soon(), err), SK_USAGE, 0);
    assert_true(sk_is_plain(with->client));
}

static void one_object_for_equal_wishes(void **state) {
    (void)state;
    struct sk_tls_settings *a = settings((struct sk_tls_config){ .alpn = "h2" }, false);
    struct sk_tls_settings *b = settings((struct sk_tls_config){ .alpn = "h2" }, false);
    struct sk_tls_settings *c = settings((struct sk_tls_config){ .alpn = "h3" }, false);
    struct sk_tls_settings *d = settings((struct sk_tls_config){ .sni = "h2" }, false);
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, c);
    assert_ptr_not_equal(a, d);
    tls->settings_free(a);
    tls->settings_free(b);
    tls->settings_free(c);
    tls->settings_free(d);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_byte_at_a_time),
        TEST(two_records_in_one_segment),
        TEST(half_a_record_is_nothing_to_read),
        TEST(full_duplex),
        TEST(full_duplex_with_bad_luck),
        TEST(close_loses_nothing),
        TEST(ends_told_apart),
        TEST(goes_on_after_a_deadline),
        TEST(closed_in_the_middle),
        TEST(verified_or_not),
        TEST(pinned),
        TEST(refused_over_unread_text),
        TEST(one_object_for_equal_wishes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
