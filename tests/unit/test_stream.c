/* Bytes in and out: nothing that arrived is lost, whatever ends the wait (MICROPYTHON.md A.11, A.12, A.15). */
#include "sock_kit.h"

#include <fcntl.h>

#include "run/task.h"

static void make_tcp(struct sk_sock *p[2]) { tcp_pair(p); }
static void make_unix(struct sk_sock *p[2]) { pair(p, SOCK_STREAM); }
static void (*const makers[])(struct sk_sock *p[2]) = { make_tcp, make_unix };
#define FOR_EACH_STREAM(p) for (size_t maker_ = 0; maker_ < 2 && (makers[maker_](p), true); free_pair(p), maker_++)

static void test_recv(void **state) {
    (void)state;
    struct sk_sock *p[2];
    char c[8];
    FOR_EACH_STREAM(p) {
        assert_fails(sk_recv(p[0], c, 8, 0, shortly(), err), SK_TIMEOUT, ETIMEDOUT);
        assert_fails(sk_recv(p[0], c, 8, 0, SK_NOWAIT, err), SK_SYS, EAGAIN);
        assert_fails(sk_recv(p[0], c, 8, MSG_DONTWAIT, soon(), err), SK_SYS, EAGAIN);
        put(p[1], "hello");
        assert_received(p[0], 2, 0, "he");
        assert_received(p[0], 8, 0, "llo");
        assert_int_equal(p[0]->in.len, 0); /* a receive reads no more than it was asked */
        put(p[1], "late");                 /* at a deadline that has passed one try is still made */
        assert_int_equal(sk_recv(p[0], c, 8, 0, sk_now() - 1, NULL), 4);
        assert_ok(sk_sock_shutdown(p[1], SHUT_WR, err));
        assert_int_equal(sk_recv(p[0], c, 8, 0, soon(), NULL), 0);
        assert_true(p[0]->at_end);
        assert_string_equal(sk_state_name(p[0]), "eof");
        assert_int_equal(sk_recv(p[0], c, 8, 0, soon(), NULL), 0);
        assert_ok(sk_send(p[0], "still", 5, 0, soon(), err)); /* half-closed */
        assert_received(p[1], 8, 0, "still");
        assert_int_equal(p[0]->received, 9);
        assert_int_equal(p[0]->sent, 5);
    }
}

static void test_recv_nothing(void **state) {
    (void)state;
    struct sk_sock *p[2], *fresh = new_sock(AF_INET, SOCK_STREAM);
    char c;
    assert_fails(sk_recv(fresh, &c, 1, 0, soon(), err), SK_SYS, ENOTCONN);
    assert_fails(sk_send(fresh, &c, 1, 0, soon(), err), SK_SYS, EPIPE);
    sk_sock_free(fresh);
    FOR_EACH_STREAM(p) {
        put(p[1], "x");
        wait_for(p[0], POLLIN);
        assert_int_equal(sk_recv(p[0], &c, 0, 0, soon(), NULL), 0);
        assert_false(p[0]->at_end);
        assert_received(p[0], 1, 0, "x");
    }
}

static void test_peek(void **state) {
    (void)state;
    struct sk_sock *p[2];
    FOR_EACH_STREAM(p) {
        put(p[1], "abc");
        assert_received(p[0], 2, MSG_PEEK, "ab");
        assert_int_equal(p[0]->received, 0);
        assert_received(p[0], 9, MSG_PEEK, "abc");
        assert_ok(sk_fill(p[0], soon(), err));
        assert_buffered(p[0], "abc");
        assert_received(p[0], 2, MSG_PEEK, "ab");
        assert_received(p[0], 1, 0, "a");
        assert_received(p[0], 9, MSG_PEEK, "bc");
        put(p[1], "def");
        assert_received(p[0], 9, MSG_PEEK, "bc"); /* the buffer is what a receive would give */
        assert_received(p[0], 5, MSG_PEEK | MSG_WAITALL, "bcdef");
        assert_received(p[0], 9, 0, "bcdef");
    }
}

static void test_waitall(void **state) {
    (void)state;
    struct sk_sock *p[2];
    char c[8];
    FOR_EACH_STREAM(p) {
        assert_ok(sk_unread(p[0], "ab", 2, err));
        p[0]->received = 2;
        put(p[1], "cdef");
        assert_received(p[0], 5, MSG_WAITALL, "abcde");
        assert_fails(sk_recv(p[0], c, 3, MSG_WAITALL, shortly(), err), SK_TIMEOUT, ETIMEDOUT);
        assert_buffered(p[0], "f"); /* what had arrived is kept */
        assert_received(p[0], 3, MSG_WAITALL | MSG_DONTWAIT, "f");
        assert_fails(sk_recv(p[0], c, 3, MSG_WAITALL | MSG_DONTWAIT, soon(), err), SK_SYS, EAGAIN);
        put(p[1], "gh");
        assert_ok(sk_sock_shutdown(p[1], SHUT_WR, err));
        assert_received(p[0], 3, MSG_WAITALL, "gh");
        assert_int_equal(sk_recv(p[0], c, 3, MSG_WAITALL, soon(), NULL), 0);
        assert_int_equal(p[0]->received, 8);
    }
}

static void test_trunc_is_not_heap(void **state) {
    (void)state;
    struct sk_sock *p[2];
    FOR_EACH_STREAM(p) {
        put(p[1], "abcdef");
        assert_received(p[0], 4, MSG_TRUNC, "abcd"); /* Linux would count bytes that it does not copy */
        assert_received(p[0], 4, 0, "ef");
    }
}

static void test_oob(void **state) {
    (void)state;
    struct sk_sock *p[2];
    char c;
    tcp_pair(p);
    assert_fails(sk_recv(p[0], &c, 1, MSG_OOB, soon(), err), SK_SYS, EINVAL);
    put(p[1], "ab");
    assert_ok(sk_fill(p[0], soon(), err));
    assert_int_equal(send(p[1]->fd, "!", 1, MSG_OOB), 1);
    wait_for(p[0], POLLPRI);
    assert_received(p[0], 1, MSG_OOB, "!"); /* passes the buffer */
    assert_received(p[0], 9, 0, "ab");
    assert_int_equal(p[0]->received, 2);
    free_pair(p);
}

/* ---- Lines ---- */

static void test_line(void **state) {
    (void)state;
    struct sk_sock *p[2];
    bool ended;
    FOR_EACH_STREAM(p) {
        put(p[1], "one\r\ntwo\n\nfour and");
        line_is(p[0], 0, "one\r\n", false);
        line_is(p[0], 2, "tw", false);
        line_is(p[0], 2, "o\n", false);
        line_is(p[0], 0, "\n", false);
        assert_fails(sk_line(p[0], 0, &ended, shortly(), err), SK_TIMEOUT, ETIMEDOUT);
        assert_buffered(p[0], "four and");
        assert_fails(sk_line(p[0], 0, &ended, SK_NOWAIT, err), SK_SYS, EAGAIN);
        assert_buffered(p[0], "four and");
        put(p[1], " more\ntail");
        line_is(p[0], 0, "four and more\n", false);
        assert_ok(sk_sock_shutdown(p[1], SHUT_WR, err));
        line_is(p[0], 0, "tail", true);
        line_is(p[0], 0, "", true);
        assert_int_equal(send(p[0]->fd, "a\0b\nc", 5, 0), 5);
        assert_int_equal(sk_line(p[1], 0, &ended, soon(), NULL), 4);
    }
}

static void test_line_too_long(void **state) {
    (void)state;
    struct sk_sock *p[2];
    bool ended;
    pair(p, SOCK_STREAM);
    size_t n = 64 * 1024 * 1024;
    void *big = calloc(1, n);
    assert_non_null(big);
    assert_ok(sk_unread(p[0], big, n, err));
    put(p[1], "x");
    assert_fails(sk_line(p[0], 0, &ended, soon(), err), SK_SYS, EMSGSIZE);
    assert_int_equal(p[0]->in.len, n);
    free(big);
    free_pair(p);
}

/* A peer that never pauses must not keep a line from ending at its deadline. */
static int flood(void *arg) {
    struct sk_sock *s = arg;
    static char block[65536];
    while (sk_send(s, block, sizeof block, 0, SK_NEVER, NULL) > 0)
        ;
    return 0;
}

static void test_line_flooded(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct sk_scope scope;
    bool ended;
    pair(p, SOCK_STREAM);
    sk_scope_init(&scope);
    assert_non_null(sk_spawn(&scope, "flood", flood, p[1], NULL));
    assert_fails(sk_line(p[0], 0, &ended, sk_after(5 * SK_MS), err), SK_TIMEOUT, ETIMEDOUT);
    assert_true(p[0]->in.len > 0 && p[0]->in.len == p[0]->received);
    sk_scope_done(&scope);
    free_pair(p);
}

/* ---- Resets ---- */

static void test_reset(void **state) {
    (void)state;
    struct sk_sock *p[2];
    char c[8];
    tcp_pair(p);
    put(p[1], "abc");
    reset(p[1]);
    wait_for(p[0], POLLERR);
    assert_received(p[0], 2, 0, "ab"); /* Linux keeps what had arrived before the RST */
    assert_received(p[0], 9, 0, "c");
    assert_says(sk_recv(p[0], c, 8, 0, soon(), err), "recv after 3 bytes: connection reset by peer");
    assert_string_equal(sk_state_name(p[0]), "eof");
    assert_int_equal(sk_recv(p[0], c, 8, 0, soon(), NULL), 0);
    free_pair(p);
}

static void test_reset_in_gather(void **state) {
    (void)state;
    struct sk_sock *p[2];
    char c[8];
    tcp_pair(p);
    put(p[1], "abc");
    reset(p[1]);
    wait_for(p[0], POLLERR);
    assert_received(p[0], 8, MSG_WAITALL, "abc");
    assert_fails(sk_recv(p[0], c, 8, 0, soon(), err), SK_SYS, ECONNRESET); /* and not an end in order */
    assert_int_equal(sk_recv(p[0], c, 8, 0, soon(), NULL), 0);
    free_pair(p);
}

static void test_reset_in_line(void **state) {
    (void)state;
    struct sk_sock *p[2];
    bool ended;
    tcp_pair(p);
    put(p[1], "abc");
    reset(p[1]);
    wait_for(p[0], POLLERR);
    assert_fails(sk_line(p[0], 0, &ended, soon(), err), SK_SYS, ECONNRESET);
    assert_buffered(p[0], "abc");
    assert_received(p[0], 8, 0, "abc");
    free_pair(p);
}

static void test_send_after_end(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct sk_err e;
    size_t sent;
    tcp_pair(p);
    reset(p[1]);
    wait_for(p[0], POLLERR);
    assert_fails(sk_send_all(p[0], "abc", 3, 0, soon(), &sent, err), SK_SYS, ECONNRESET);
    assert_int_equal(sent, 0);
    assert_int_equal(sk_send(p[0], "abc", 3, 0, soon(), &e), -1); /* no SIGPIPE */
    assert_int_equal(e.code, EPIPE);
    free_pair(p);
    pair(p, SOCK_STREAM);
    sk_sock_close(p[1], NULL);
    assert_says(sk_send(p[0], "abc", 3, 0, soon(), err), "send after 0 bytes: the connection is closed for writing");
    free_pair(p);
}

/* ---- Sending ---- */

static void test_send_all_full(void **state) {
    (void)state;
    struct sk_sock *p[2];
    size_t n = 16 * 1024 * 1024, sent, more;
    char *data = calloc(1, n);
    assert_non_null(data);
    FOR_EACH_STREAM(p) {
        assert_fails(sk_send_all(p[0], data, n, 0, SK_NOWAIT, &sent, err), SK_SYS, EAGAIN);
        assert_true(sent > 0 && sent < n && sent == p[0]->sent);
        assert_fails(sk_send_all(p[0], data, n, 0, shortly(), &more, err), SK_TIMEOUT, ETIMEDOUT);
        assert_true(more + sent == p[0]->sent);
        struct sk_err e;
        while (sk_send(p[0], data, 1000, 0, shortly(), &e) > 0)
            ; /* TCP finds a little more room while it is let alone */
        assert_int_equal(e.kind, SK_TIMEOUT);
        while (sk_send(p[0], data, 1000, MSG_DONTWAIT, soon(), &e) > 0)
            ;
        assert_int_equal(e.code, EAGAIN);
    }
    free(data);
}

static void test_send_nothing(void **state) {
    (void)state;
    struct sk_sock *p[2];
    size_t sent = 9;
    FOR_EACH_STREAM(p) {
        assert_ok(sk_send_all(p[0], NULL, 0, 0, soon(), &sent, err));
        assert_int_equal(sent, 0);
        assert_ok(sk_send_all(p[0], "x", 1, 0, soon(), NULL, err));
        assert_received(p[1], 9, 0, "x");
    }
}

static int temp_file(const char *text, size_t times) {
    int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    assert_true(fd >= 0);
    for (size_t i = 0; i < times; i++)
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

static void count_tap(struct sk_sock *s, bool sent, const void *data, size_t n, void *arg) {
    (void)s;
    assert_non_null(data);
    ((size_t *)arg)[sent] += n;
}

static void test_send_file(void **state) {
    (void)state;
    struct sk_sock *p[2];
    int file = temp_file("0123456789", 1), pipes[2];
    size_t sent;
    FOR_EACH_STREAM(p) {
        size_t tapped[2] = { 0 };
        assert_ok(sk_send_file(p[0], file, 3, 4, soon(), &sent, err));
        assert_int_equal(sent, 4);
        assert_received(p[1], 9, MSG_WAITALL | MSG_DONTWAIT, "3456");
        assert_ok(sk_send_file(p[0], file, 8, SIZE_MAX, soon(), &sent, err));
        assert_int_equal(sent, 2);
        assert_ok(sk_send_file(p[0], file, 8, 100, soon(), &sent, err)); /* the file ends first */
        assert_int_equal(sent, 2);
        assert_received(p[1], 4, MSG_WAITALL, "8989");
        p[0]->tap = count_tap; /* a trace sees the bytes */
        p[0]->tap_arg = tapped;
        assert_ok(sk_send_file(p[0], file, 0, 5, soon(), &sent, err));
        assert_int_equal(tapped[true], 5);
        assert_received(p[1], 5, MSG_WAITALL, "01234");
        p[0]->tap = NULL;
        assert_int_equal(pipe(pipes), 0);
        assert_int_equal(write(pipes[1], "piped", 5), 5);
        close(pipes[1]);
        assert_ok(sk_send_file(p[0], pipes[0], 0, SIZE_MAX, soon(), &sent, err));
        assert_int_equal(sent, 5);
        assert_received(p[1], 5, MSG_WAITALL, "piped");
        close(pipes[0]);
        assert_fails(sk_send_file(p[0], -1, 0, 5, soon(), &sent, err), SK_SYS, EBADF);
        assert_int_equal(sent, 0);
    }
    close(file);
}

static void test_send_file_full(void **state) {
    (void)state;
    struct sk_sock *p[2];
    int file = temp_file("x", 1);
    size_t sent;
    assert_int_equal(ftruncate(file, 16 * 1024 * 1024), 0);
    FOR_EACH_STREAM(p) {
        assert_fails(sk_send_file(p[0], file, 0, SIZE_MAX, shortly(), &sent, err), SK_TIMEOUT, ETIMEDOUT);
        assert_true(sent > 0 && sent == p[0]->sent);
        assert_fails(sk_send_file(p[0], file, 0, SIZE_MAX, SK_NOWAIT, &sent, err), SK_SYS, EAGAIN);
    }
    close(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recv),
        cmocka_unit_test(test_recv_nothing),
        cmocka_unit_test(test_peek),
        cmocka_unit_test(test_waitall),
        cmocka_unit_test(test_trunc_is_not_heap),
        cmocka_unit_test(test_oob),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_line_too_long),
        cmocka_unit_test(test_line_flooded),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_reset_in_gather),
        cmocka_unit_test(test_reset_in_line),
        cmocka_unit_test(test_send_after_end),
        cmocka_unit_test(test_send_all_full),
        cmocka_unit_test(test_send_nothing),
        cmocka_unit_test(test_send_file),
        cmocka_unit_test(test_send_file_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
