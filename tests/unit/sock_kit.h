/* What the tests of sockets share: connected pairs, resets, and the assertions that name what failed. */
#ifndef SOCK_KIT_H
#define SOCK_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "run/wait.h"
#include "sock/sock.h"

#define SOON    (2 * SK_SECOND) /* longer than anything that should happen takes */
#define SHORTLY (20 * SK_MS)    /* long enough to see that nothing happens */
#define KIT     static inline __attribute__((unused))

#define assert_ok(call)                                                                                                \
    do {                                                                                                               \
        struct sk_err e_ = { 0 };                                                                                      \
        struct sk_err *err = &e_;                                                                                      \
        if ((call) < 0)                                                                                                \
            fail_msg("%s: %s", #call, e_.msg);                                                                         \
    } while (0)

#define assert_fails(call, kind_, code_)                                                                               \
    do {                                                                                                               \
        struct sk_err e_ = { 0 };                                                                                      \
        struct sk_err *err = &e_;                                                                                      \
        if ((call) >= 0)                                                                                               \
            fail_msg("%s succeeded", #call);                                                                           \
        if (e_.kind != (kind_) || e_.code != (code_))                                                                  \
            fail_msg("%s: kind %d code %d: %s", #call, (int)e_.kind, e_.code, e_.msg);                                 \
    } while (0)

/* The same, and the sentence. */
#define assert_says(call, sentence)                                                                                    \
    do {                                                                                                               \
        struct sk_err e_ = { 0 };                                                                                      \
        struct sk_err *err = &e_;                                                                                      \
        if ((call) >= 0)                                                                                               \
            fail_msg("%s succeeded", #call);                                                                           \
        assert_string_equal(e_.msg, sentence);                                                                         \
    } while (0)

KIT sk_time soon(void) { return sk_after(SOON); }
KIT sk_time shortly(void) { return sk_after(SHORTLY); }

KIT struct sk_sock *new_sock(int family, int type) {
    struct sk_sock *s;
    assert_ok(sk_sock_open(&s, family, type, 0, err));
    return s;
}

KIT struct sk_addr local_of(struct sk_sock *s) {
    struct sk_addr addr;
    assert_ok(sk_sock_local(s, &addr, err));
    return addr;
}

KIT struct sk_sock *bound(int type) {
    struct sk_sock *s = new_sock(AF_INET, type);
    struct sk_addr addr;
    sk_addr_loopback(&addr, AF_INET, 0);
    assert_ok(sk_sock_bind(s, &addr, err));
    return s;
}

KIT struct sk_sock *listener(void) {
    struct sk_sock *s = bound(SOCK_STREAM);
    assert_ok(sk_sock_listen(s, 16, err));
    return s;
}

/* A loopback address where nobody listens, held so that nobody else will. */
KIT struct sk_addr dead_port(struct sk_sock **holder) {
    *holder = bound(SOCK_STREAM);
    return local_of(*holder);
}

KIT void pair(struct sk_sock *out[2], int type) { assert_ok(sk_sock_pair(out, AF_UNIX, type, 0, err)); }

KIT void tcp_pair(struct sk_sock *out[2]) {
    struct sk_sock *l = listener();
    struct sk_addr addr = local_of(l);
    out[0] = new_sock(AF_INET, SOCK_STREAM);
    assert_ok(sk_sock_connect(out[0], &addr, soon(), err));
    assert_ok(sk_sock_accept(l, &out[1], soon(), err));
    sk_sock_free(l);
}

/* Two UDP sockets, connected to each other. */
KIT void udp_pair(struct sk_sock *out[2]) {
    struct sk_addr addr[2];
    for (int i = 0; i < 2; i++) {
        out[i] = bound(SOCK_DGRAM);
        addr[i] = local_of(out[i]);
    }
    for (int i = 0; i < 2; i++)
        assert_ok(sk_sock_connect(out[i], &addr[!i], soon(), err));
}

KIT void free_pair(struct sk_sock *s[2]) {
    sk_sock_free(s[0]);
    sk_sock_free(s[1]);
}

/* Past the socket object. */
KIT void put(struct sk_sock *s, const char *text) {
    size_t n = strlen(text);
    assert_int_equal(send(s->fd, text, n, MSG_NOSIGNAL), n);
}

/* RST instead of FIN. */
KIT void reset(struct sk_sock *s) {
    struct linger linger = { .l_onoff = 1 };
    assert_int_equal(setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    assert_ok(sk_sock_close(s, err));
}

/* Loopback TCP delivers within the call, except for what is held by a lock for a moment: wait for it. */
KIT void wait_for(struct sk_sock *s, short events) {
    struct pollfd p = { .fd = s->fd, .events = events };
    assert_int_equal(poll(&p, 1, 2000), 1);
}

#define assert_received(s, n, flags, text)                                                                             \
    do {                                                                                                               \
        char got_[256] = "";                                                                                           \
        ssize_t r_ = 0;                                                                                                \
        assert_ok(r_ = sk_recv(s, got_, n, flags, soon(), err));                                                       \
        assert_int_equal(r_, strlen(text));                                                                            \
        assert_memory_equal(got_, text, strlen(text));                                                                 \
    } while (0)

#define assert_buffered(s, text)                                                                                       \
    do {                                                                                                               \
        assert_int_equal((s)->in.len, strlen(text));                                                                   \
        if ((s)->in.len)                                                                                               \
            assert_memory_equal(sk_buf_data(&(s)->in), text, (s)->in.len);                                             \
    } while (0)

KIT void line_is(struct sk_sock *s, size_t max, const char *want, bool want_end) {
    bool ended;
    ssize_t n = 0;
    assert_ok(n = sk_line(s, max, &ended, soon(), err));
    assert_int_equal(n, strlen(want));
    assert_memory_equal(n ? (char *)sk_buf_data(&s->in) : "", want, strlen(want));
    assert_int_equal(ended, want_end);
    sk_consume(s, (size_t)n);
}

KIT int open_fds(void) {
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

#endif
