/* Descriptors in messages: they stay with their bytes, and none is left behind. */
#include "msg_kit.h"

#include <fcntl.h>
#include <sys/stat.h>

static void send_fds(struct sk_sock *s, const char *text, const int *fds, size_t n) {
    struct sk_cmsg c = { SOL_SOCKET, SCM_RIGHTS, fds, n * sizeof *fds };
    assert_ok(sk_sendmsg(s, text, strlen(text), NULL, &c, 1, 0, soon(), err));
}

static bool is_same_file(int a, int b) {
    struct stat x, y;
    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static void test_rights(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct sk_message m;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC), before = open_fds();
    static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
    for (size_t i = 0; i < 3; i++) {
        pair(p, types[i]);
        send_fds(p[1], "two", (int[]){ null, null }, 2);
        assert_message(p[0], 9, 0, &m, "two");
        assert_int_equal(m.nfds, 2);
        assert_true(is_same_file(m.fds[0], null));
        assert_int_equal(fcntl(m.fds[1], F_GETFD), FD_CLOEXEC);
        assert_string_equal(text_of(item(&m, "SCM_RIGHTS"), "level"), "SOL_SOCKET");
        assert_int_equal(int_of(item(&m, "SCM_RIGHTS"), "count"), 2);
        close(m.fds[0]);
        m.fds[0] = -1; /* taken */
        sk_message_done(&m);
        free_pair(p);
        assert_int_equal(open_fds(), before);
    }
    pair(p, SOCK_STREAM);
    static int many[254];
    struct sk_cmsg c = { SOL_SOCKET, SCM_RIGHTS, many, sizeof many };
    assert_says(sk_sendmsg(p[0], "x", 1, NULL, &c, 1, 0, soon(), err),
                "254 descriptors in one message; the most is 253");
    many[0] = -1;
    c.len = sizeof many[0];
    assert_fails(sk_sendmsg(p[0], "x", 1, NULL, &c, 1, 0, soon(), err), SK_SYS, EBADF);
    free_pair(p);
    close(null);
}

/* Look-ahead keeps descriptors with their bytes. */
static void test_rights_in_the_buffer(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct sk_message m;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC), zero = open("/dev/zero", O_RDONLY | O_CLOEXEC),
        before = open_fds();
    char c[16];
    pair(p, SOCK_STREAM);
    put(p[1], "plain");
    assert_ok(sk_fill(p[0], soon(), err));
    send_fds(p[1], "one", &null, 1);
    assert_ok(sk_fill(p[0], soon(), err));
    send_fds(p[1], "two", &zero, 1);
    assert_ok(sk_fill(p[0], soon(), err));
    put(p[1], "tail");
    assert_ok(sk_fill(p[0], soon(), err));
    assert_buffered(p[0], "plainonetwotail");
    assert_message(p[0], 99, MSG_PEEK, &m, "plainonetwotail");
    assert_int_equal(m.nfds, 0);
    sk_message_done(&m);
    assert_received(p[0], 3, 0, "pla"); /* consumes nothing that has descriptors */
    assert_message(p[0], 1, 0, &m, "i");
    assert_int_equal(m.nfds, 0);
    sk_message_done(&m);
    assert_message(p[0], 99, 0, &m, "none"); /* stops where the first ones belong, as the kernel does */
    assert_int_equal(m.nfds, 1);
    assert_true(is_same_file(m.fds[0], null));
    sk_message_done(&m);
    assert_message(p[0], 1, 0, &m, "t"); /* they come with the first byte of theirs */
    assert_int_equal(m.nfds, 1);
    assert_true(is_same_file(m.fds[0], zero));
    sk_message_done(&m);
    assert_received(p[0], 16, 0, "wotail");
    send_fds(p[1], "gone", &null, 1);
    assert_ok(sk_fill(p[0], soon(), err));
    assert_int_equal(open_fds(), before + 3); /* the pair, and the one that waits */
    assert_received(p[0], 3, 0, "gon");
    assert_int_equal(open_fds(), before + 3);
    assert_received(p[0], 9, 0, "e"); /* its bytes went to somebody who cannot take it */
    assert_int_equal(open_fds(), before + 2);
    send_fds(p[1], "end", &null, 1);
    assert_ok(sk_fill(p[0], soon(), err));
    assert_fails(sk_recv(p[0], c, 9, MSG_WAITALL, shortly(), err), SK_TIMEOUT, ETIMEDOUT);
    free_pair(p);
    assert_int_equal(open_fds(), before);
    close(null);
    close(zero);
}

static void test_rights_with_datagrams(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct sk_message m;
    bool ended;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC), before = open_fds();
    pair(p, SOCK_DGRAM);
    put(p[1], "a\n");
    send_fds(p[1], "with", &null, 1);
    assert_ok(sk_line(p[0], 0, &ended, soon(), err));
    assert_ok(sk_fill(p[0], soon(), err));
    assert_message(p[0], 9, 0, &m, "a\n");
    assert_int_equal(m.nfds, 0);
    sk_message_done(&m);
    assert_message(p[0], 9, 0, &m, "with");
    assert_int_equal(m.nfds, 1);
    sk_message_done(&m);
    free_pair(p);
    assert_int_equal(open_fds(), before);
    close(null);
}

static void test_unexpected_rights(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct sk_message m;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC), before = open_fds(), many[253];
    char c[9];
    for (size_t i = 0; i < 253; i++)
        many[i] = null;
    pair(p, SOCK_STREAM);
    send_fds(p[1], "x", many, 253);
    assert_int_equal(sk_recv(p[0], c, 9, 0, soon(), NULL), 1); /* the kernel closes them */
    send_fds(p[1], "y", many, 253);
    assert_ok(sk_fill(p[0], soon(), err));
    assert_int_equal(open_fds(), before + 2 + 253);
    sk_consume(p[0], 1);
    send_fds(p[1], "z", many, 253);
    assert_ok(sk_recvmsg(p[0], 9, CMSG_SPACE(sizeof(int) * 2), 0, &m, soon(), err));
    assert_int_equal(m.nfds, 2);
    assert_true(m.flags & MSG_CTRUNC);
    sk_message_done(&m);
    send_fds(p[1], "w", many, 253);
    assert_int_equal(sk_recvmsg(p[0], 9, SK_NO_ANCILLARY, 0, &m, soon(), NULL), 1);
    assert_int_equal(m.nfds, 0);
    sk_message_done(&m);
    assert_int_equal(open_fds(), before + 2);
    free_pair(p);
    close(null);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_rights_in_the_buffer),
        cmocka_unit_test(test_rights_with_datagrams),
        cmocka_unit_test(test_unexpected_rights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
