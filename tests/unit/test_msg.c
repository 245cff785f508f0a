/* Messages: senders, truncation, ancillary data decoded. */
#include "msg_kit.h"

#include <netinet/in.h>
#include <stdalign.h>
#include <time.h>

#include "sock/cmsg.h"
#include "sock/layer.h"

static void turn_on(struct sk_sock *s, int level, int option) {
    int on = 1;
    assert_int_equal(setsockopt(s->fd, level, option, &on, sizeof on), 0);
}

static void test_sendto(void **state) {
    (void)state;
    struct sk_sock *a = bound(SOCK_DGRAM), *b = new_sock(AF_INET, SOCK_DGRAM), *tcp = new_sock(AF_INET, SOCK_STREAM);
    struct sk_addr to = local_of(a), v6, zero = to;
    struct sk_message m;
    static char big[70000];
    assert_int_equal(sk_sendmsg(b, "hello", 5, &to, NULL, 0, 0, soon(), NULL), 5);
    assert_message(a, 99, 0, &m, "hello");
    assert_int_equal(sk_addr_port(&m.peer), ({
                         struct sk_addr l = local_of(b);
                         sk_addr_port(&l);
                     }));
    assert_int_equal(m.real_len, 5);
    sk_message_done(&m);
    assert_int_equal(b->sent, 5);
    assert_int_equal(a->received, 5);
    sk_addr_loopback(&v6, AF_INET6, 7);
    assert_fails(sk_sendmsg(b, "x", 1, &v6, NULL, 0, 0, soon(), err), SK_SYS, EAFNOSUPPORT);
    sk_addr_set_port(&zero, 0);
    assert_says(sk_sendmsg(b, "x", 1, &zero, NULL, 0, 0, soon(), err), "send to 127.0.0.1:0: invalid argument");
    assert_says(sk_sendmsg(b, big, sizeof big, &to, NULL, 0, 0, soon(), err),
                "sendto: 70000 bytes are too long for one datagram");
    assert_fails(sk_sendmsg(tcp, "x", 1, &to, NULL, 0, 0, soon(), err), SK_SYS, EPIPE);
    assert_fails(sk_recvmsg(a, 9, 0, 0, &m, shortly(), err), SK_TIMEOUT, ETIMEDOUT);
    assert_fails(sk_recvmsg(a, 9, 0, MSG_DONTWAIT, &m, soon(), err), SK_SYS, EAGAIN);
    assert_fails(sk_recvmsg(tcp, 9, 0, 0, &m, soon(), err), SK_SYS, ENOTCONN);
    sk_sock_free(a);
    sk_sock_free(b);
    sk_sock_free(tcp);
}

static void test_cut_and_empty(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct sk_message m;
    udp_pair(p);
    for (int buffered = 0; buffered < 2; buffered++) {
        put(p[1], "0123456789");
        if (buffered)
            assert_ok(sk_fill(p[0], soon(), err));
        assert_message(p[0], 4, MSG_PEEK, &m, "0123");
        sk_message_done(&m);
        assert_message(p[0], 4, 0, &m, "0123");
        assert_int_equal(m.real_len, 10);
        assert_true(m.flags & MSG_TRUNC);
        assert_true(sk_addr_equal(&m.peer, &p[0]->peer)); /* also of a datagram that waited in the buffer */
        sk_message_done(&m);
    }
    put(p[1], "");
    assert_int_equal(sk_recvmsg(p[0], 4, SK_NO_ANCILLARY, 0, &m, soon(), NULL), 1);
    assert_int_equal(m.data.len, 0);
    assert_int_equal(m.flags, 0);
    assert_true(sk_addr_equal(&m.peer, &p[0]->peer));
    sk_message_done(&m);
    free_pair(p);
}

static void test_stream(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct sk_message m;
    tcp_pair(p);
    put(p[1], "abc");
    assert_message(p[0], 2, 0, &m, "ab");
    assert_int_equal(m.peer.len, 0);
    sk_message_done(&m);
    assert_message(p[0], 9, 0, &m, "c");
    sk_message_done(&m);
    assert_int_equal(send(p[1]->fd, "!", 1, MSG_OOB), 1);
    wait_for(p[0], POLLPRI);
    assert_message(p[0], 1, MSG_OOB, &m, "!");
    assert_true(m.flags & MSG_OOB);
    sk_message_done(&m);
    sk_sock_close(p[1], NULL);
    assert_int_equal(sk_recvmsg(p[0], 9, 0, 0, &m, soon(), NULL), 0);
    assert_true(p[0]->at_end);
    sk_message_done(&m);
    assert_int_equal(sk_recvmsg(p[0], 9, 0, 0, &m, soon(), NULL), 0);
    sk_message_done(&m);
    free_pair(p);
}

static void test_credentials(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct sk_message m;
    pair(p, SOCK_DGRAM);
    turn_on(p[0], SOL_SOCKET, SO_PASSCRED);
    turn_on(p[0], SOL_SOCKET, SO_TIMESTAMP);
    put(p[1], "who");
    assert_message(p[0], 9, 0, &m, "who");
    assert_int_equal(int_of(item(&m, "SCM_CREDENTIALS"), "pid"), getpid());
    assert_int_equal(int_of(item(&m, "SCM_CREDENTIALS"), "uid"), getuid());
    assert_int_equal(int_of(item(&m, "SCM_CREDENTIALS"), "gid"), getgid());
    assert_true(int_of(item(&m, "SCM_TIMESTAMP"), "seconds") > 1600000000);
    sk_message_done(&m);
    free_pair(p);
}

static void test_ip_items(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct sk_message m;
    udp_pair(p);
    turn_on(p[0], IPPROTO_IP, IP_PKTINFO);
    turn_on(p[0], IPPROTO_IP, IP_RECVTTL);
    turn_on(p[0], IPPROTO_IP, IP_RECVTOS);
    turn_on(p[0], SOL_SOCKET, SO_TIMESTAMPNS);
    int ttl = 42, tos = 0x10;
    assert_int_equal(setsockopt(p[1]->fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl), 0);
    assert_int_equal(setsockopt(p[1]->fd, IPPROTO_IP, IP_TOS, &tos, sizeof tos), 0);
    put(p[1], "x");
    assert_message(p[0], 9, 0, &m, "x");
    const struct sk_value *info = item(&m, "IP_PKTINFO");
    assert_string_equal(text_of(info, "level"), "IPPROTO_IP");
    assert_string_equal(text_of(info, "destination"), "127.0.0.1");
    assert_string_equal(text_of(info, "interface"), "lo");
    assert_int_equal(strlen(text_of(info, "hex")), 24);
    assert_int_equal(int_of(item(&m, "IP_TTL"), "value"), 42);
    assert_string_equal(text_of(item(&m, "IP_TTL"), "hex"), "2a000000");
    assert_int_equal(int_of(item(&m, "IP_TOS"), "value"), 16);
    assert_true(int_of(item(&m, "SCM_TIMESTAMPNS"), "nanoseconds") >= 0);
    sk_message_done(&m);
    int set = 7; /* and the other way: a TTL for this message alone */
    struct sk_cmsg c = { IPPROTO_IP, IP_TTL, &set, sizeof set };
    assert_ok(sk_sendmsg(p[1], "y", 1, NULL, &c, 1, 0, soon(), err));
    assert_message(p[0], 9, 0, &m, "y");
    assert_int_equal(int_of(item(&m, "IP_TTL"), "value"), 7);
    sk_message_done(&m);
    free_pair(p);
}

static void test_error_queue(void **state) {
    (void)state;
    struct sk_sock *u = new_sock(AF_INET, SOCK_DGRAM), *gone = bound(SOCK_DGRAM);
    struct sk_addr addr = local_of(gone);
    struct sk_message m;
    assert_fails(sk_recvmsg(u, 9, 0, MSG_ERRQUEUE, &m, shortly(), err), SK_TIMEOUT, ETIMEDOUT);
    turn_on(u, IPPROTO_IP, IP_RECVERR);
    sk_sock_free(gone);
    assert_ok(sk_sendmsg(u, "lost", 4, &addr, NULL, 0, 0, soon(), err));
    assert_message(u, 9, MSG_ERRQUEUE, &m, "lost");
    const struct sk_value *why = item(&m, "IP_RECVERR");
    assert_int_equal(int_of(why, "errno"), ECONNREFUSED);
    assert_string_equal(text_of(why, "code"), "ECONNREFUSED");
    assert_string_equal(text_of(why, "origin"), "icmp");
    assert_string_equal(text_of(why, "offender"), "127.0.0.1");
    assert_true(sk_addr_equal(&m.peer, &addr)); /* where the datagram was to go */
    assert_true(m.flags & MSG_ERRQUEUE);
    assert_int_equal(u->received, 0);
    sk_message_done(&m);
    sk_sock_free(u);
}

/* A full queue of an unconnected UNIX datagram peer: POLLOUT is always there and means nothing. */
static void test_full_queue_does_not_spin(void **state) {
    (void)state;
    struct sk_sock *u = new_sock(AF_UNIX, SOCK_DGRAM), *r = new_sock(AF_UNIX, SOCK_DGRAM);
    struct sk_addr any = { .len = sizeof(sa_family_t), .u.un.sun_family = AF_UNIX }, to;
    assert_int_equal(bind(r->fd, &any.u.sa, any.len), 0); /* an abstract name of the kernel's choice */
    to = local_of(r);
    while (sk_sendmsg(u, "x", 1, &to, NULL, 0, MSG_DONTWAIT, soon(), NULL) == 1)
        ;
    struct timespec start, end;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    assert_fails(sk_sendmsg(u, "x", 1, &to, NULL, 0, 0, sk_after(100 * SK_MS), err), SK_TIMEOUT, ETIMEDOUT);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    assert_true((end.tv_sec - start.tv_sec) * SK_SECOND + end.tv_nsec - start.tv_nsec < 50 * SK_MS);
    sk_sock_free(u);
    sk_sock_free(r);
}

/* Control blocks that no kernel makes. */
static void test_decode_strange(void **state) {
    (void)state;
    alignas(struct cmsghdr) unsigned char block[256];
    static const struct {
        int level, type;
    } kinds[] = { { SOL_SOCKET, SCM_RIGHTS },    { SOL_SOCKET, SCM_CREDENTIALS },
                  { SOL_SOCKET, SO_TIMESTAMP },  { IPPROTO_IP, IP_PKTINFO },
                  { IPPROTO_IP, IP_RECVERR },    { IPPROTO_IPV6, IPV6_PKTINFO },
                  { IPPROTO_IPV6, IPV6_TCLASS }, { 12345, 67 } };
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (size_t len = 0; len < 80; len++) {
            memset(block, 0xff, sizeof block);
            struct cmsghdr *c = (struct cmsghdr *)block;
            *c = (struct cmsghdr){ .cmsg_len = len, .cmsg_level = kinds[k].level, .cmsg_type = kinds[k].type };
            struct msghdr msg = { .msg_control = block, .msg_controllen = 64 };
            struct sk_value v = sk_cmsg_decode(&msg);
            assert_int_equal(v.type, SK_LIST);
            if (len == 20 && kinds[k].level == 12345) {
                assert_string_equal(text_of(sk_at(&v, 0), "level"), "12345");
                assert_string_equal(text_of(sk_at(&v, 0), "type"), "67");
                assert_string_equal(text_of(sk_at(&v, 0), "hex"), "ffffffff");
            }
            sk_drop(v);
        }
}

/* A layer that is not the socket itself carries bytes and nothing else. */
static void test_other_layer(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct sk_layer other = sk_layer_plain;
    struct sk_addr to;
    struct sk_message m;
    other.name = "TLS";
    tcp_pair(p);
    p[0]->layer = &other;
    sk_addr_loopback(&to, AF_INET, 1);
    assert_says(sk_sendmsg(p[0], "x", 1, &to, NULL, 0, 0, soon(), err),
                "addresses and ancillary data cannot go through TLS");
    assert_ok(sk_sendmsg(p[0], "x", 1, NULL, NULL, 0, 0, soon(), err));
    put(p[1], "y");
    assert_message(p[0], 9, 0, &m, "y");
    sk_message_done(&m);
    free_pair(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sendto),
        cmocka_unit_test(test_cut_and_empty),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_ip_items),
        cmocka_unit_test(test_error_queue),
        cmocka_unit_test(test_full_queue_does_not_spin),
        cmocka_unit_test(test_decode_strange),
        cmocka_unit_test(test_other_layer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
