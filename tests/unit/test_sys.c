/* The socket calls over socket pairs and the loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "net/sys.h"
#include "run/fd.h"
#include "run/task.h"
#include "run/wait.h"

#define SOON sk_after(5 * SK_SECOND)

static struct sk_err err;

static int listen_on(int family, struct sk_addr *addr, int backlog) {
    int fd = sk_sys_socket(family, SOCK_STREAM, 0, &err);
    assert_true(fd > 2);
    sk_addr_loopback(addr, family, 0);
    assert_int_equal(sk_sys_bind(fd, addr, &err), 0);
    assert_int_equal(sk_sys_listen(fd, backlog, &err), 0);
    assert_int_equal(sk_sys_getsockname(fd, addr, &err), 0);
    return fd;
}

static void test_stream(void **state) {
    struct sk_addr addr, peer, local;
    char buf[16];
    (void)state;
    int listener = listen_on(AF_INET, &addr, 5);
    int client = sk_sys_socket(AF_INET, SOCK_STREAM, 0, &err);
    assert_int_equal(sk_sys_connect(client, &addr, SOON, &err), 0);
    int server = sk_sys_accept(listener, &peer, SOON, &err);
    assert_true(server > 2);
    assert_int_equal(sk_sys_getsockname(client, &local, &err), 0);
    assert_true(sk_addr_equal(&peer, &local));
    assert_int_equal(sk_sys_getpeername(client, &local, &err), 0);
    assert_true(sk_addr_equal(&addr, &local));
    assert_true(fcntl(server, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(server, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(client, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(sk_sys_write(client, "hello", 5, SOON, &err), 5);
    assert_int_equal(sk_sys_read(server, buf, sizeof buf, SOON, &err), 5);
    assert_memory_equal(buf, "hello", 5);
    assert_int_equal(sk_sys_read(server, buf, sizeof buf, sk_after(30 * SK_MS), &err), -1);
    assert_int_equal(err.kind, SK_TIMEOUT);
    assert_int_equal(sk_sys_shutdown(client, SHUT_WR, &err), 0);
    assert_int_equal(sk_sys_read(server, buf, sizeof buf, SOON, &err), 0);
    assert_int_equal(sk_sys_connect(client, &addr, SOON, &err), -1);
    assert_string_equal(sk_err_name(&err), "EISCONN");
    sk_fd_close(server, NULL);
    sk_fd_close(client, NULL);
    sk_fd_close(listener, NULL);
    assert_int_equal(sk_sys_getsockname(listener, &addr, &err), -1);
    assert_string_equal(sk_err_name(&err), "EBADF");
}

static void test_connect_failures(void **state) {
    struct sk_addr addr;
    char want[200], text[SK_ADDR_TEXT];
    (void)state;
    sk_fd_close(listen_on(AF_INET, &addr, 1), NULL);
    int fd = sk_sys_socket(AF_INET, SOCK_STREAM, 0, &err);
    assert_int_equal(sk_sys_connect(fd, &addr, SOON, &err), -1);
    assert_string_equal(sk_err_name(&err), "ECONNREFUSED");
    snprintf(want, sizeof want, "connect to %.100s: connection refused", sk_addr_format(text, sizeof text, &addr));
    assert_string_equal(err.msg, want);
    /* The socket stays usable: refused again. */
    assert_int_equal(sk_sys_connect(fd, &addr, SOON, &err), -1);
    assert_string_equal(sk_err_name(&err), "ECONNREFUSED");
    sk_fd_close(fd, NULL);
    assert_int_equal(sk_sys_connect(-1, &addr, SOON, &err), -1);
    assert_string_equal(sk_err_name(&err), "EBADF");
    /* A full backlog: silence. */
    int listener = listen_on(AF_INET, &addr, 0), fds[8];
    int timeouts = 0;
    for (int i = 0; i < 8; i++) {
        fds[i] = sk_sys_socket(AF_INET, SOCK_STREAM, 0, &err);
        if (sk_sys_connect(fds[i], &addr, sk_after(100 * SK_MS), &err) < 0 && err.kind == SK_TIMEOUT)
            timeouts++;
    }
    assert_true(timeouts > 0);
    assert_int_equal(sk_sys_connect(fds[7], &addr, SK_NOWAIT, &err), -1);
    assert_string_equal(sk_err_name(&err), "EALREADY");
    for (int i = 0; i < 8; i++)
        sk_fd_close(fds[i], NULL);
    sk_fd_close(listener, NULL);
}

static void test_connect_without_waiting(void **state) {
    struct sk_addr addr;
    (void)state;
    int listener = listen_on(AF_INET, &addr, 1), fd = sk_sys_socket(AF_INET, SOCK_STREAM, 0, &err);
    if (sk_sys_connect(fd, &addr, SK_NOWAIT, &err) < 0)
        assert_string_equal(sk_err_name(&err), "EINPROGRESS");
    sk_fd_close(sk_sys_accept(listener, NULL, SOON, &err), NULL);
    assert_int_equal(sk_sys_connect(fd, &addr, SOON, &err), 0); /* once more tells the outcome */
    sk_fd_close(fd, NULL);
    sk_fd_close(listener, NULL);
}

/* A socket that asks for the port that it is bound to meets itself, as connect(2) has it. */
static void test_self_connect(void **state) {
    static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
    struct sk_addr addr;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int fd = sk_sys_socket(AF_INET, types[i], 0, &err);
        sk_addr_loopback(&addr, AF_INET, 0);
        assert_int_equal(sk_sys_bind(fd, &addr, &err), 0);
        assert_int_equal(sk_sys_getsockname(fd, &addr, &err), 0);
        assert_int_equal(sk_sys_connect(fd, &addr, SOON, &err), 0);
        sk_fd_close(fd, NULL);
    }
}

static void test_errors_of_set_up(void **state) {
    struct sk_addr addr;
    (void)state;
    int listener = listen_on(AF_INET, &addr, 1), fd = sk_sys_socket(AF_INET, SOCK_STREAM, 0, &err);
    assert_int_equal(sk_sys_bind(fd, &addr, &err), -1);
    assert_string_equal(sk_err_name(&err), "EADDRINUSE");
    assert_non_null(strstr(err.msg, "bind 127.0.0.1:"));
    assert_int_equal(sk_sys_accept(fd, NULL, SOON, &err), -1);
    assert_string_equal(sk_err_name(&err), "EINVAL");
    int udp = sk_sys_socket(AF_INET, SOCK_DGRAM, 0, &err);
    assert_int_equal(sk_sys_accept(udp, NULL, SOON, &err), -1);
    assert_string_equal(sk_err_name(&err), "EOPNOTSUPP");
    assert_int_equal(sk_sys_listen(udp, 1, &err), -1);
    assert_string_equal(sk_err_name(&err), "EOPNOTSUPP");
    assert_int_equal(sk_sys_shutdown(fd, SHUT_WR, &err), -1);
    assert_string_equal(sk_err_name(&err), "ENOTCONN");
    assert_int_equal(sk_sys_socket(99, SOCK_STREAM, 0, &err), -1);
    assert_string_equal(sk_err_name(&err), "EAFNOSUPPORT");
    assert_int_equal(sk_sys_accept(listener, NULL, SK_NOWAIT, &err), -1);
    assert_string_equal(sk_err_name(&err), "EAGAIN");
    assert_int_equal(sk_sys_accept(listener, NULL, sk_after(20 * SK_MS), &err), -1);
    assert_int_equal(err.kind, SK_TIMEOUT);
    sk_fd_close(udp, NULL);
    sk_fd_close(fd, NULL);
    sk_fd_close(listener, NULL);
}

struct side {
    int fd;
    size_t total;
    sk_time pause;
};

static int accept_late(void *arg) {
    struct side *side = arg;
    struct sk_err own;
    if (sk_sleep_until(sk_after(side->pause), "test", &own) < 0)
        return -1;
    int fd;
    while ((fd = sk_sys_accept(side->fd, NULL, sk_after(300 * SK_MS), &own)) >= 0) {
        side->total++;
        sk_fd_close(fd, NULL);
    }
    return 0;
}

/* connect(2) on a UNIX socket says EAGAIN when the backlog is full, and no descriptor tells when there is room again.
 */
static void test_unix_backlog(void **state) {
    struct sk_addr addr = { .u.un.sun_family = AF_UNIX, .len = sizeof(sa_family_t) };
    struct sk_scope scope;
    int fds[4];
    (void)state;
    int listener = sk_sys_socket(AF_UNIX, SOCK_STREAM, 0, &err);
    assert_int_equal(sk_sys_bind(listener, &addr, &err), 0); /* the kernel chooses an abstract name */
    assert_int_equal(sk_sys_listen(listener, 0, &err), 0);
    assert_int_equal(sk_sys_getsockname(listener, &addr, &err), 0);
    for (int i = 0; i < 4; i++)
        fds[i] = sk_sys_socket(AF_UNIX, SOCK_STREAM, 0, &err);
    assert_int_equal(sk_sys_connect(fds[0], &addr, SOON, &err), 0);
    assert_int_equal(sk_sys_connect(fds[1], &addr, SK_NOWAIT, &err), -1);
    assert_string_equal(sk_err_name(&err), "EAGAIN");
    assert_int_equal(sk_sys_connect(fds[1], &addr, sk_after(30 * SK_MS), &err), -1);
    assert_int_equal(err.kind, SK_TIMEOUT);
    struct side side = { .fd = listener, .pause = 30 * SK_MS };
    sk_scope_init(&scope);
    assert_non_null(sk_spawn(&scope, "accept", accept_late, &side, &err));
    for (int i = 1; i < 4; i++)
        assert_int_equal(sk_sys_connect(fds[i], &addr, SOON, &err), 0);
    assert_int_equal(sk_scope_join(&scope, SOON, &err), 0);
    sk_scope_done(&scope);
    assert_int_equal(side.total, 4);
    for (int i = 0; i < 4; i++)
        sk_fd_close(fds[i], NULL);
    sk_fd_close(listener, NULL);
}

/* Descriptors that were lent are blocking ones, and stay so. */
static void test_lent_descriptors(void **state) {
    static char block[3 * PIPE_BUF], back[3 * PIPE_BUF];
    int ends[2], pair[2];
    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(sk_sys_read(ends[0], back, 10, sk_after(20 * SK_MS), &err), -1);
    assert_int_equal(err.kind, SK_TIMEOUT);
    memset(block, 'b', sizeof block);
    ssize_t n = sk_sys_write(ends[1], block, sizeof block, SOON, &err);
    assert_in_range(n, 1, PIPE_BUF);
    assert_int_equal(sk_sys_read(ends[0], back, sizeof back, SOON, &err), n);
    while ((n = sk_sys_write(ends[1], block, sizeof block, sk_after(20 * SK_MS), &err)) > 0)
        continue;
    assert_int_equal(err.kind, SK_TIMEOUT); /* full: not blocked */
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    close(ends[0]);
    assert_int_equal(sk_sys_write(ends[1], "x", 1, SOON, &err), -1);
    assert_string_equal(sk_err_name(&err), "EPIPE");
    close(ends[1]);

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(sk_sys_read(pair[0], back, 10, sk_after(20 * SK_MS), &err), -1);
    assert_int_equal(err.kind, SK_TIMEOUT);
    while (sk_sys_write(pair[0], block, sizeof block, sk_after(20 * SK_MS), &err) > 0)
        continue;
    assert_int_equal(err.kind, SK_TIMEOUT);
    close(pair[1]);
    assert_int_equal(sk_sys_write(pair[0], "x", 1, SOON, &err), -1);
    assert_string_equal(sk_err_name(&err), "EPIPE");
    close(pair[0]);

    int full = open("/dev/full", O_WRONLY | O_CLOEXEC), null = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_int_equal(sk_sys_write(full, "x", 1, SOON, &err), -1);
    assert_string_equal(sk_err_name(&err), "ENOSPC");
    assert_int_equal(sk_sys_write(null, "x", 1, SOON, &err), 1);
    assert_int_equal(sk_sys_read(null, back, 10, SOON, &err), 0);
    close(full);
    close(null);
    assert_int_equal(sk_sys_read(-1, back, 10, SOON, &err), -1);
    assert_string_equal(sk_err_name(&err), "EBADF");
}

static void test_files(void **state) {
    static char block[100000], back[100000];
    char path[] = "/tmp/test_sys.XXXXXX";
    int pair[2], file = mkstemp(path);
    off_t offset = 10;
    (void)state;
    assert_true(file >= 0);
    unlink(path);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (char)i;
    size_t written = 0;
    while (written < sizeof block) {
        ssize_t n = sk_sys_write(file, block + written, sizeof block - written, SOON, &err);
        assert_true(n > 0);
        written += (size_t)n;
    }
    assert_int_equal(lseek(file, 0, SEEK_SET), 0);
    assert_int_equal(sk_sys_read(file, back, sizeof back, SOON, &err), sizeof back);
    assert_memory_equal(back, block, sizeof block);
    assert_int_equal(sk_sys_pair(AF_UNIX, SOCK_STREAM, 0, pair, &err), 0);
    ssize_t n = sk_sys_sendfile(pair[0], file, &offset, 1000, SOON, &err);
    assert_in_range(n, 1, 1000);
    assert_int_equal(offset, 10 + n);
    assert_int_equal(sk_sys_read(pair[1], back, sizeof back, SOON, &err), n);
    assert_memory_equal(back, block + 10, (size_t)n);
    offset = sizeof block;
    assert_int_equal(sk_sys_sendfile(pair[0], file, &offset, 1000, SOON, &err), 0); /* the end of the file */
    sk_fd_close(pair[0], NULL);
    sk_fd_close(pair[1], NULL);
    close(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_connect_failures),
        cmocka_unit_test(test_connect_without_waiting),
        cmocka_unit_test(test_self_connect),
        cmocka_unit_test(test_errors_of_set_up),
        cmocka_unit_test(test_unix_backlog),
        cmocka_unit_test(test_lent_descriptors),
        cmocka_unit_test(test_files),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
