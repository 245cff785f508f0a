/* Connecting and serving by endpoint: every address in turn, each attempt told. */
#include "sock_kit.h"

#include "sock/dial.h"

static const struct sk_dial_how plain, only4 = { .family = AF_INET }, only6 = { .family = AF_INET6 },
                                       seqpacket = { .type = SOCK_SEQPACKET };

static struct sk_endpoint endpoint(const char *text, bool listening) {
    struct sk_endpoint ep;
    size_t n = strlen(text);
    struct sk_err e = { 0 };
    if (sk_endpoint_parse(&ep, &text, &n, 1, listening, &e) < 0)
        fail_msg("%s: %s", text, e.msg);
    return ep;
}

static struct sk_endpoint at(const struct sk_addr *addr) {
    return (struct sk_endpoint){ .kind = SK_EP_ADDR, .addr = *addr };
}

static struct sk_endpoint loopback(uint16_t port) {
    return (struct sk_endpoint){ .kind = SK_EP_LOOPBACK, .port = port };
}

static struct sk_sock *dial_ok(const struct sk_endpoint *ep) {
    struct sk_sock *s;
    struct sk_attempts attempts;
    assert_ok(sk_dial(&s, NULL, ep, &plain, soon(), &attempts, err));
    sk_attempts_done(&attempts);
    return s;
}

/* A port where nobody listens, in both families. */
static uint16_t dead_both(struct sk_sock *hold[2]) {
    for (;;) {
        hold[0] = bound(SOCK_STREAM);
        hold[1] = new_sock(AF_INET6, SOCK_STREAM);
        struct sk_addr v4 = local_of(hold[0]), v6;
        sk_addr_loopback(&v6, AF_INET6, sk_addr_port(&v4));
        if (sk_sock_bind(hold[1], &v6, NULL) == 0)
            return sk_addr_port(&v4);
        free_pair(hold);
    }
}

static void test_address(void **state) {
    (void)state;
    struct sk_sock *l = listener(), *s, *conn;
    struct sk_addr addr = local_of(l);
    struct sk_endpoint ep = at(&addr);
    s = dial_ok(&ep);
    assert_string_equal(sk_state_name(s), "open");
    assert_string_equal(s->asked, "127.0.0.1");
    assert_ok(sk_sock_accept(l, &conn, soon(), err));
    sk_sock_free(conn);
    sk_sock_free(s);
    assert_fails(sk_dial(&s, NULL, &ep, &only6, soon(), NULL, err), SK_USAGE, 0);
    assert_null(s);
    s = new_sock(AF_INET, SOCK_STREAM);
    assert_ok(sk_dial(&conn, s, &ep, &plain, soon(), NULL, err));
    assert_ptr_equal(conn, s);
    sk_sock_free(s);
    sk_sock_free(l);
}

static void test_refused(void **state) {
    (void)state;
    struct sk_sock *holder, *s;
    struct sk_addr dead = dead_port(&holder);
    struct sk_endpoint ep = at(&dead);
    struct sk_attempts attempts;
    char sentence[128];
    int before = open_fds();
    snprintf(sentence, sizeof sentence, "connect to 127.0.0.1:%u: connection refused", sk_addr_port(&dead));
    assert_says(sk_dial(&s, NULL, &ep, &plain, soon(), &attempts, err), sentence);
    assert_null(s);
    assert_int_equal(attempts.count, 1);
    assert_int_equal(attempts.list[0].err.code, ECONNREFUSED);
    assert_true(sk_addr_equal(&attempts.list[0].addr, &dead));
    sk_attempts_done(&attempts);
    assert_int_equal(open_fds(), before);
    sk_sock_free(holder);
}

static void test_both_refused(void **state) {
    (void)state;
    struct sk_sock *hold[2], *s;
    uint16_t port = dead_both(hold);
    struct sk_endpoint ep = loopback(port), name = { .kind = SK_EP_NAME, .host = "localhost", .port = port };
    struct sk_attempts attempts;
    struct sk_err e;
    char sentence[256];
    snprintf(sentence, sizeof sentence, "connect to :%u: 127.0.0.1:%u refused; [::1]:%u refused", port, port, port);
    assert_says(sk_dial(&s, NULL, &ep, &plain, soon(), &attempts, err), sentence);
    assert_int_equal(attempts.count, 2);
    sk_attempts_done(&attempts);
    assert_int_equal(sk_dial(&s, NULL, &name, &plain, soon(), &attempts, &e), -1);
    assert_int_equal(e.code, ECONNREFUSED);
    assert_int_equal(attempts.count, 2);
    snprintf(sentence, sizeof sentence, "connect to localhost: [::1]:%u refused; 127.0.0.1:%u refused", port, port);
    assert_string_equal(e.msg, sentence);
    sk_attempts_done(&attempts);
    snprintf(sentence, sizeof sentence, "connect to localhost: 127.0.0.1:%u: connection refused", port);
    assert_says(sk_dial(&s, NULL, &name, &only4, soon(), NULL, err), sentence);
    free_pair(hold);
}

static void test_second_answers(void **state) {
    (void)state;
    struct sk_sock *hold[2], *s;
    uint16_t port = dead_both(hold);
    struct sk_endpoint ep = loopback(port);
    assert_ok(sk_sock_listen(hold[1], 4, err));
    s = dial_ok(&ep);
    assert_int_equal(s->family, AF_INET6);
    sk_sock_free(s);
    struct sk_endpoint name = { .kind = SK_EP_NAME, .host = "localhost", .port = port };
    s = dial_ok(&name);
    assert_string_equal(s->asked, "localhost");
    sk_sock_free(s);
    s = new_sock(AF_INET, SOCK_STREAM); /* takes addresses of its own family only */
    struct sk_sock *out;
    assert_fails(sk_dial(&out, s, &ep, &plain, soon(), NULL, err), SK_SYS, ECONNREFUSED);
    assert_string_equal(sk_state_name(s), "new");
    sk_sock_free(s);
    free_pair(hold);
}

/* A silent address: its backlog is taken. */
static struct sk_sock *silent_listener(int family, uint16_t port, struct sk_sock **filler) {
    struct sk_sock *l = new_sock(family, SOCK_STREAM);
    struct sk_addr addr;
    sk_addr_loopback(&addr, family, port);
    assert_ok(sk_sock_bind(l, &addr, err));
    assert_ok(sk_sock_listen(l, 0, err));
    addr = local_of(l);
    *filler = new_sock(family, SOCK_STREAM);
    assert_ok(sk_sock_connect(*filler, &addr, soon(), err));
    return l;
}

static void test_silence(void **state) {
    (void)state;
    struct sk_sock *filler, *l = silent_listener(AF_INET, 0, &filler), *s;
    struct sk_addr addr = local_of(l);
    struct sk_endpoint ep = at(&addr);
    struct sk_err e;
    assert_int_equal(sk_dial(&s, NULL, &ep, &plain, sk_after(50 * SK_MS), NULL, &e), -1);
    assert_int_equal(e.kind, SK_TIMEOUT);
    assert_non_null(strstr(e.msg, ": no answer in "));
    s = new_sock(AF_INET, SOCK_STREAM);
    struct sk_sock *out;
    assert_fails(sk_dial(&out, s, &ep, &plain, shortly(), NULL, err), SK_TIMEOUT, ETIMEDOUT);
    assert_string_equal(sk_state_name(s), "connecting"); /* goes on in the kernel */
    sk_sock_free(s);
    s = new_sock(AF_INET, SOCK_STREAM);
    assert_fails(sk_dial(&out, s, &ep, &plain, SK_NOWAIT, NULL, err), SK_SYS, EINPROGRESS);
    assert_string_equal(sk_state_name(s), "connecting");
    sk_sock_free(s);
    sk_sock_free(filler);
    sk_sock_free(l);
}

/* The first address is silent: the second still gets its share of the time, and what it said counts for more. */
static void test_silence_does_not_eat_the_time(void **state) {
    (void)state;
    struct sk_sock *filler, *l = silent_listener(AF_INET, 0, &filler), *other = new_sock(AF_INET6, SOCK_STREAM), *s;
    struct sk_addr addr = local_of(l), v6;
    struct sk_endpoint ep = loopback(sk_addr_port(&addr));
    struct sk_attempts attempts;
    struct sk_err e;
    sk_addr_loopback(&v6, AF_INET6, ep.port);
    assert_ok(sk_sock_bind(other, &v6, err));
    assert_int_equal(sk_dial(&s, NULL, &ep, &plain, sk_after(400 * SK_MS), &attempts, &e), -1);
    assert_int_equal(e.kind, SK_SYS);
    assert_int_equal(e.code, ECONNREFUSED);
    assert_int_equal(attempts.list[0].err.kind, SK_TIMEOUT);
    assert_non_null(strstr(e.msg, " no answer; [::1]:"));
    sk_attempts_done(&attempts);
    assert_ok(sk_sock_listen(other, 4, err));
    sk_time start = sk_now();
    assert_ok(sk_dial(&s, NULL, &ep, &plain, sk_after(400 * SK_MS), NULL, err));
    assert_true(sk_now() - start < 400 * SK_MS);
    assert_int_equal(s->family, AF_INET6);
    sk_sock_free(s);
    sk_sock_free(other);
    other = silent_listener(AF_INET6, ep.port, &s);
    struct sk_sock *none;
    assert_fails(sk_dial(&none, NULL, &ep, &plain, sk_after(200 * SK_MS), NULL, err), SK_TIMEOUT, ETIMEDOUT);
    sk_sock_free(s);
    sk_sock_free(other);
    sk_sock_free(filler);
    sk_sock_free(l);
}

static void test_unix(void **state) {
    (void)state;
    struct sk_sock *l, *s;
    char name[64];
    snprintf(name, sizeof name, "unix:@sockctl-test-dial-%d", getpid());
    struct sk_endpoint ep = endpoint(name, true);
    assert_fails(sk_dial(&s, NULL, &ep, &plain, soon(), NULL, err), SK_SYS, ECONNREFUSED);
    assert_ok(sk_serve(&l, NULL, &ep, 0, SOCK_SEQPACKET, 4, true, soon(), err));
    assert_string_equal(sk_state_name(l), "listen");
    assert_ok(sk_dial(&s, NULL, &ep, &seqpacket, soon(), NULL, err));
    assert_int_equal(s->type, SOCK_SEQPACKET);
    sk_sock_free(s);
    sk_sock_free(l);
    ep = endpoint("unix:/nonexistent/socket", false);
    assert_says(sk_dial(&s, NULL, &ep, &plain, soon(), NULL, err),
                "connect to unix:/nonexistent/socket: no socket file of this name");
}

static void test_udp(void **state) {
    (void)state;
    struct sk_sock *u = bound(SOCK_DGRAM), *s;
    struct sk_addr addr = local_of(u);
    struct sk_endpoint ep = at(&addr);
    ep.type = SOCK_DGRAM;
    s = dial_ok(&ep);
    assert_int_equal(s->type, SOCK_DGRAM);
    assert_ok(sk_send(s, "x", 1, 0, soon(), err));
    assert_received(u, 9, 0, "x");
    sk_sock_free(s);
    sk_sock_free(u);
    ep = endpoint("udp:127.0.0.1:0", true);
    assert_ok(sk_serve(&u, NULL, &ep, 0, 0, 4, true, soon(), err)); /* binds only */
    assert_string_equal(sk_state_name(u), "bound");
    sk_sock_free(u);
}

static void test_wrong(void **state) {
    (void)state;
    struct sk_sock *s, *given = new_sock(AF_UNIX, SOCK_STREAM);
    struct sk_endpoint any = { .kind = SK_EP_ANY, .port = 80 }, sock = { .kind = SK_EP_SOCK, .host = "srv" },
                       fd = { .kind = SK_EP_FD, .fd = 1000 },
                       name = { .kind = SK_EP_NAME, .host = "localhost", .port = 80 };
    assert_fails(sk_dial(&s, NULL, &any, &plain, soon(), NULL, err), SK_USAGE, 0);
    assert_fails(sk_dial(&s, NULL, &sock, &plain, soon(), NULL, err), SK_USAGE, 0);
    assert_fails(sk_dial(&s, NULL, &fd, &plain, soon(), NULL, err), SK_SYS, EBADF);
    assert_fails(sk_dial(&s, given, &fd, &plain, soon(), NULL, err), SK_USAGE, 0);
    assert_fails(sk_dial(&s, given, &name, &plain, soon(), NULL, err), SK_USAGE, 0);
    assert_fails(sk_serve(&s, given, &fd, 0, 0, 0, true, soon(), err), SK_USAGE, 0);
    sk_sock_free(given);
}

static void test_fd(void **state) {
    (void)state;
    struct sk_sock *s, *l = listener();
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct sk_endpoint ep = { .kind = SK_EP_FD, .fd = fds[0] };
    s = dial_ok(&ep);
    assert_int_equal(s->fd, fds[0]);
    struct sk_sock *none;
    assert_fails(sk_serve(&none, NULL, &ep, 0, 0, 4, true, soon(), err), SK_SYS, EINVAL);
    assert_ok(sk_send(s, "x", 1, 0, soon(), err)); /* the descriptor stayed open */
    sk_sock_free(s);
    close(fds[1]);
    ep.fd = dup(l->fd);
    assert_ok(sk_serve(&s, NULL, &ep, 0, 0, 4, true, soon(), err));
    assert_string_equal(sk_state_name(s), "listen");
    sk_sock_free(s);
    sk_sock_free(l);
}

static int option(struct sk_sock *s, int level, int name) {
    int value = -1;
    socklen_t n = sizeof value;
    assert_int_equal(getsockopt(s->fd, level, name, &value, &n), 0);
    return value;
}

static void test_serve(void **state) {
    (void)state;
    struct sk_sock *s, *other, *c, *conn;
    struct sk_endpoint ep = loopback(0), any = { .kind = SK_EP_ANY };
    char text[SK_ADDR_TEXT], sentence[SK_ADDR_TEXT + 64];
    assert_ok(sk_serve(&s, NULL, &ep, 0, 0, -1, true, soon(), err));
    struct sk_addr addr = local_of(s);
    assert_int_equal(s->family, AF_INET); /* 127.0.0.1 alone */
    assert_string_equal(sk_addr_host(text, sizeof text, &addr), "127.0.0.1");
    assert_int_equal(option(s, SOL_SOCKET, SO_REUSEADDR), 1);
    struct sk_endpoint same = at(&addr);
    snprintf(sentence, sizeof sentence, "bind to %s: address already in use", sk_addr_format(text, sizeof text, &addr));
    assert_says(sk_serve(&other, NULL, &same, 0, 0, 0, true, soon(), err), sentence);
    assert_null(other);
    sk_sock_free(s);
    assert_ok(sk_serve(&s, NULL, &ep, AF_INET6, 0, 4, false, soon(), err));
    assert_string_equal(sk_state_name(s), "bound");
    assert_int_equal(option(s, SOL_SOCKET, SO_REUSEADDR), 0);
    sk_sock_free(s);
    assert_ok(sk_serve(&s, NULL, &any, 0, 0, 4, true, soon(), err));
    assert_int_equal(s->family, AF_INET6);
    assert_int_equal(option(s, IPPROTO_IPV6, IPV6_V6ONLY), 0);
    addr = local_of(s);
    struct sk_endpoint four = { .kind = SK_EP_ADDR };
    sk_addr_loopback(&four.addr, AF_INET, sk_addr_port(&addr));
    c = dial_ok(&four); /* both families through one socket */
    assert_ok(sk_sock_accept(s, &conn, soon(), err));
    sk_sock_free(conn);
    sk_sock_free(c);
    sk_sock_free(s);
    assert_ok(sk_serve(&s, NULL, &any, AF_INET, 0, 4, true, soon(), err));
    assert_int_equal(s->family, AF_INET);
    sk_sock_free(s);
    s = new_sock(AF_INET, SOCK_STREAM);
    assert_ok(sk_serve(&other, s, &ep, 0, 0, 4, true, soon(), err));
    assert_ptr_equal(other, s);
    assert_string_equal(sk_state_name(s), "listen");
    assert_int_equal(option(s, SOL_SOCKET, SO_REUSEADDR), 0); /* options of a given socket are its owner's */
    sk_sock_free(s);
}

static void test_serve_name(void **state) {
    (void)state;
    struct sk_sock *s;
    struct sk_endpoint ep = { .kind = SK_EP_NAME, .host = "localhost" };
    struct sk_addr far = { 0 };
    assert_ok(sk_serve(&s, NULL, &ep, AF_INET, 0, 4, true, soon(), err));
    sk_sock_free(s);
    far.len = sizeof far.u.in;
    far.u.in.sin_family = AF_INET;
    far.u.in.sin_addr.s_addr = htonl(0xc0000201); /* 192.0.2.1 is nobody's (RFC 5737) */
    ep = at(&far);
    assert_says(sk_serve(&s, NULL, &ep, 0, 0, 4, true, soon(), err),
                "bind to 192.0.2.1:0: cannot assign requested address");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_both_refused), cmocka_unit_test(test_second_answers),
        cmocka_unit_test(test_silence),      cmocka_unit_test(test_silence_does_not_eat_the_time),
        cmocka_unit_test(test_unix),         cmocka_unit_test(test_udp),
        cmocka_unit_test(test_wrong),        cmocka_unit_test(test_fd),
        cmocka_unit_test(test_serve),        cmocka_unit_test(test_serve_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
