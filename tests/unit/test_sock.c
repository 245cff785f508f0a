/* The life of a socket object: making, binding, connecting, closing (MICROPYTHON.md A.5 to A.10). */
#include "sock_kit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "sock/dial.h"
#include "sock/expect.h"
#include "sock/msg.h"

static char dir[] = "/tmp/sockctl-test-XXXXXX";

static int make_dir(void **state) {
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state) {
    (void)state;
    return rmdir(dir);
}

static struct sk_addr path_addr(const char *name) {
    struct sk_addr addr = { 0 };
    addr.u.un.sun_family = AF_UNIX;
    int n = snprintf(addr.u.un.sun_path, sizeof addr.u.un.sun_path, "%s/%s", dir, name);
    addr.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n + 1);
    return addr;
}

static void test_size(void **state) {
    (void)state;
    assert_true(sizeof(struct sk_sock) <= 1024);
}

static void test_open(void **state) {
    (void)state;
    struct sk_sock *s = new_sock(AF_INET, SOCK_DGRAM);
    assert_int_equal(s->type, SOCK_DGRAM);
    assert_int_equal(fcntl(s->fd, F_GETFD), FD_CLOEXEC);
    assert_true(fcntl(s->fd, F_GETFL) & O_NONBLOCK);
    assert_string_equal(sk_state_name(s), "new");
    sk_sock_free(s);
    assert_fails(sk_sock_open(&s, AF_INET, 123456, 0, err), SK_SYS, EINVAL);
    assert_null(s);
    assert_fails(sk_sock_open(&s, AF_INET, SOCK_STREAM, IPPROTO_UDP, err), SK_SYS, EPROTONOSUPPORT);
    assert_fails(sk_sock_open(&s, 99, SOCK_STREAM, 0, err), SK_SYS, EAFNOSUPPORT);
    s = new_sock(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    assert_int_equal(s->type, SOCK_STREAM);
    assert_true(sk_sock_deadline(s, SK_TIMEOUT_UNSET, SK_SECOND) == SK_NOWAIT);
    sk_sock_free(s);
    sk_sock_free(NULL);
}

static void test_closed(void **state) {
    (void)state;
    struct sk_sock *s = listener(), *other;
    struct sk_addr addr = local_of(s);
    struct sk_message m;
    char c[4];
    bool ended;
    size_t n, end;
    assert_ok(sk_unread(s, "abc", 3, err));
    assert_ok(sk_sock_close(s, err));
    assert_ok(sk_sock_close(s, err));
    assert_string_equal(sk_state_name(s), "closed");
    assert_fails(sk_recv(s, c, 4, 0, soon(), err), SK_SYS, EBADF);
    assert_fails(sk_recv(s, c, 4, MSG_OOB, soon(), err), SK_SYS, EBADF);
    assert_fails(sk_fill(s, soon(), err), SK_SYS, EBADF);
    assert_fails(sk_line(s, 0, &ended, soon(), err), SK_SYS, EBADF);
    assert_fails(sk_send(s, c, 4, 0, soon(), err), SK_SYS, EBADF);
    assert_fails(sk_send_all(s, c, 4, 0, soon(), &n, err), SK_SYS, EBADF);
    assert_fails(sk_send_file(s, 0, 0, 1, soon(), &n, err), SK_SYS, EBADF);
    assert_fails(sk_sendmsg(s, c, 4, &addr, NULL, 0, 0, soon(), err), SK_SYS, EBADF);
    assert_fails(sk_recvmsg(s, 4, 0, 0, &m, soon(), err), SK_SYS, EBADF);
    assert_fails(sk_sock_bind(s, &addr, err), SK_SYS, EBADF);
    assert_fails(sk_sock_listen(s, 1, err), SK_SYS, EBADF);
    assert_fails(sk_sock_connect(s, &addr, soon(), err), SK_SYS, EBADF);
    assert_fails(sk_sock_accept(s, &other, soon(), err), SK_SYS, EBADF);
    assert_fails(sk_sock_shutdown(s, SHUT_WR, err), SK_SYS, EBADF);
    assert_fails(sk_sock_local(s, &addr, err), SK_SYS, EBADF);
    assert_fails(sk_sock_remote(s, &addr, err), SK_SYS, EBADF);
    assert_fails(sk_sock_dup(&other, s, err), SK_SYS, EBADF);
    assert_fails(sk_expect(s, "a", 1, NULL, false, &n, &end, soon(), err), SK_SYS, EBADF);
    assert_fails(sk_expect_close(s, false, soon(), err), SK_SYS, EBADF);
    assert_fails(sk_silent(s, SK_MS, err), SK_SYS, EBADF);
    assert_says(sk_recv(s, c, 4, 0, soon(), err), "recv on a closed socket: bad file descriptor");
    sk_sock_free(s);
}

static void test_bind(void **state) {
    (void)state;
    struct sk_sock *a = bound(SOCK_STREAM), *b = new_sock(AF_INET, SOCK_STREAM);
    struct sk_addr addr = local_of(a), v6;
    char text[SK_ADDR_TEXT], sentence[SK_ADDR_TEXT + 64];
    assert_string_equal(sk_state_name(a), "bound");
    assert_fails(sk_sock_bind(a, &addr, err), SK_SYS, EINVAL);
    snprintf(sentence, sizeof sentence, "bind to %s: address already in use", sk_addr_format(text, sizeof text, &addr));
    assert_ok(sk_sock_listen(a, -5, err));
    assert_says(sk_sock_bind(b, &addr, err), sentence);
    assert_string_equal(sk_state_name(b), "new");
    sk_addr_loopback(&v6, AF_INET6, 0);
    assert_fails(sk_sock_bind(b, &v6, err), SK_SYS, EAFNOSUPPORT);
    sk_sock_free(a);
    sk_sock_free(b);
}

static void test_unix_path(void **state) {
    (void)state;
    struct sk_sock *a = new_sock(AF_UNIX, SOCK_STREAM), *b = new_sock(AF_UNIX, SOCK_STREAM);
    struct sk_addr addr = path_addr("s");
    struct sk_err e;
    struct stat st;
    assert_ok(sk_sock_bind(a, &addr, err));
    assert_int_equal(stat(addr.u.un.sun_path, &st), 0);
    assert_int_equal(sk_sock_bind(b, &addr, &e), -1);
    assert_int_equal(e.code, EADDRINUSE);
    assert_non_null(strstr(e.msg, "/s: a file of this name exists"));
    assert_ok(sk_sock_close(a, err));
    assert_int_equal(stat(addr.u.un.sun_path, &st), -1);
    sk_sock_free(a);
    sk_sock_free(b);
}

static void test_unix_path_of_another(void **state) {
    (void)state;
    struct sk_sock *a = new_sock(AF_UNIX, SOCK_DGRAM), *b = new_sock(AF_UNIX, SOCK_DGRAM);
    struct sk_addr addr = path_addr("t");
    struct stat st;
    assert_ok(sk_sock_bind(a, &addr, err));
    assert_int_equal(unlink(addr.u.un.sun_path), 0);
    assert_ok(sk_sock_bind(b, &addr, err));
    sk_sock_free(a); /* its file is gone; the one there now is b's */
    assert_int_equal(stat(addr.u.un.sun_path, &st), 0);
    sk_sock_free(b);
    assert_int_equal(stat(addr.u.un.sun_path, &st), -1);
}

static void test_listen_accept(void **state) {
    (void)state;
    struct sk_sock *l = new_sock(AF_INET, SOCK_STREAM), *udp = new_sock(AF_INET, SOCK_DGRAM), *c, *s;
    assert_fails(sk_sock_accept(l, &s, soon(), err), SK_SYS, EINVAL);
    assert_null(s);
    assert_fails(sk_sock_listen(udp, 1, err), SK_SYS, EOPNOTSUPP);
    assert_fails(sk_sock_accept(udp, &s, soon(), err), SK_SYS, EOPNOTSUPP);
    assert_ok(sk_sock_listen(l, 4, err)); /* without bind: the kernel picks the port */
    assert_string_equal(sk_state_name(l), "listen");
    assert_fails(sk_sock_accept(l, &s, SK_NOWAIT, err), SK_SYS, EAGAIN);
    assert_fails(sk_sock_accept(l, &s, shortly(), err), SK_TIMEOUT, ETIMEDOUT);
    struct sk_addr addr = local_of(l), peer;
    sk_addr_loopback(&addr, AF_INET, sk_addr_port(&addr));
    c = new_sock(AF_INET, SOCK_STREAM);
    assert_ok(sk_sock_connect(c, &addr, soon(), err));
    assert_ok(sk_sock_accept(l, &s, soon(), err));
    peer = local_of(c);
    assert_true(sk_addr_equal(&peer, &s->peer));
    assert_true(s->timeout == SK_TIMEOUT_UNSET);
    assert_true(fcntl(s->fd, F_GETFL) & O_NONBLOCK);
    assert_int_equal(fcntl(s->fd, F_GETFD), FD_CLOEXEC);
    assert_fails(sk_sock_listen(c, 1, err), SK_SYS, EINVAL);
    sk_sock_free(l);
    sk_sock_free(udp);
    sk_sock_free(c);
    sk_sock_free(s);
}

static void test_adopt(void **state) {
    (void)state;
    struct sk_sock *s, *l = listener(), *u = bound(SOCK_DGRAM);
    int fds[2], null = open("/dev/null", O_RDWR);
    assert_fails(sk_sock_adopt(&s, null, err), SK_SYS, ENOTSOCK);
    assert_null(s);
    close(null);
    assert_fails(sk_sock_adopt(&s, null, err), SK_SYS, EBADF);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
    assert_ok(sk_sock_adopt(&s, fds[0], err));
    assert_int_equal(s->family, AF_UNIX);
    assert_int_equal(s->type, SOCK_SEQPACKET);
    assert_string_equal(sk_state_name(s), "open");
    assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
    sk_sock_free(s);
    close(fds[1]);
    assert_ok(sk_sock_adopt(&s, dup(l->fd), err));
    assert_string_equal(sk_state_name(s), "listen");
    assert_int_equal(s->proto, IPPROTO_TCP);
    sk_sock_free(s);
    assert_ok(sk_sock_adopt(&s, dup(u->fd), err));
    assert_string_equal(sk_state_name(s), "bound");
    sk_sock_free(s);
    assert_ok(sk_sock_adopt(&s, socket(AF_INET6, SOCK_STREAM, 0), err));
    assert_string_equal(sk_state_name(s), "new");
    assert_int_equal(s->family, AF_INET6);
    sk_sock_free(s);
    sk_sock_free(l);
    sk_sock_free(u);
}

/* Descriptor 0, as inetd gives it: works with deadlines, and its flags stay. */
static void test_adopt_lent(void **state) {
    (void)state;
    struct sk_sock *s, *copy;
    char c[8];
    int fds[2], keep = dup(0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(dup2(fds[0], 0), 0);
    close(fds[0]);
    assert_ok(sk_sock_adopt(&s, 0, err));
    assert_false(fcntl(0, F_GETFL) & O_NONBLOCK);
    assert_fails(sk_recv(s, c, 8, 0, shortly(), err), SK_TIMEOUT, ETIMEDOUT);
    assert_fails(sk_recv(s, c, 8, 0, SK_NOWAIT, err), SK_SYS, EAGAIN);
    assert_fails(sk_fill(s, SK_NOWAIT, err), SK_SYS, EAGAIN);
    assert_ok(sk_sock_dup(&copy, s, err));
    assert_fails(sk_recv(copy, c, 8, 0, SK_NOWAIT, err), SK_SYS, EAGAIN);
    assert_int_equal(write(fds[1], "hi", 2), 2);
    assert_received(s, 8, 0, "hi");
    assert_false(fcntl(0, F_GETFL) & O_NONBLOCK);
    sk_sock_free(copy);
    sk_sock_free(s);
    assert_true(fcntl(0, F_GETFD) >= 0); /* something holds the number, so that no socket gets it */
    dup2(keep, 0);
    close(keep);
    close(fds[1]);
}

static void test_dup(void **state) {
    (void)state;
    struct sk_sock *p[2], *copy;
    pair(p, SOCK_STREAM);
    put(p[1], "abc");
    assert_ok(sk_sock_dup(&copy, p[0], err));
    assert_int_equal(fcntl(copy->fd, F_GETFD), FD_CLOEXEC);
    assert_received(p[0], 1, 0, "a");
    assert_received(copy, 9, 0, "bc");
    assert_ok(sk_sock_close(p[0], err));
    assert_ok(sk_send(copy, "x", 1, 0, soon(), err)); /* the kernel socket lives on */
    sk_sock_free(copy);
    free_pair(p);
}

static void test_names(void **state) {
    (void)state;
    struct sk_sock *p[2], *fresh = new_sock(AF_INET, SOCK_STREAM);
    struct sk_addr a, b;
    tcp_pair(p);
    assert_ok(sk_sock_local(p[0], &a, err));
    assert_ok(sk_sock_remote(p[1], &b, err));
    assert_true(sk_addr_equal(&a, &b));
    assert_fails(sk_sock_remote(fresh, &b, err), SK_SYS, ENOTCONN);
    assert_fails(sk_sock_shutdown(fresh, SHUT_WR, err), SK_SYS, ENOTCONN);
    sk_sock_free(fresh);
    free_pair(p);
}

static void test_deadline(void **state) {
    (void)state;
    struct sk_sock *s = new_sock(AF_INET, SOCK_STREAM);
    sk_time now = sk_now(), d;
    d = sk_sock_deadline(s, SK_TIMEOUT_UNSET, 30 * SK_SECOND);
    assert_true(d >= now + 30 * SK_SECOND && d < now + 31 * SK_SECOND);
    assert_true(sk_sock_deadline(s, SK_TIMEOUT_UNSET, SK_NEVER) == SK_NEVER);
    assert_true(sk_sock_deadline(s, SK_TIMEOUT_UNSET, SK_TIMEOUT_UNSET) == SK_NEVER);
    s->timeout = SK_NEVER;
    assert_true(sk_sock_deadline(s, SK_TIMEOUT_UNSET, SK_SECOND) == SK_NEVER);
    s->timeout = 0;
    assert_true(sk_sock_deadline(s, SK_TIMEOUT_UNSET, SK_SECOND) == SK_NOWAIT);
    d = sk_sock_deadline(s, 2 * SK_SECOND, SK_SECOND);
    assert_true(d >= now + 2 * SK_SECOND && d < now + 3 * SK_SECOND);
    d = sk_sock_deadline(s, 0, SK_SECOND);
    assert_true(d >= now && d < now + SK_SECOND);
    sk_sock_free(s);
}

static void test_no_leaks(void **state) {
    (void)state;
    int before = open_fds();
    for (int i = 0; i < 50; i++) {
        struct sk_sock *p[2], *s;
        tcp_pair(p);
        free_pair(p);
        assert_fails(sk_sock_open(&s, AF_INET, 123456, 0, err), SK_SYS, EINVAL);
    }
    assert_int_equal(open_fds(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size),          cmocka_unit_test(test_open),
        cmocka_unit_test(test_closed),        cmocka_unit_test(test_bind),
        cmocka_unit_test(test_unix_path),     cmocka_unit_test(test_unix_path_of_another),
        cmocka_unit_test(test_listen_accept), cmocka_unit_test(test_adopt),
        cmocka_unit_test(test_adopt_lent),    cmocka_unit_test(test_dup),
        cmocka_unit_test(test_names),         cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_no_leaks),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
