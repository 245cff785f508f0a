/* PROXY headers: the strict parser against the specification, and what is made against the parser. valgrind: yes */
#include "sock_kit.h"

#include "sock/proxyhdr.h"
#include "sock/via.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

struct text {
    const char *p;
    size_t n;
};
#define T(text)                                                                                                        \
    { text, sizeof(text) - 1 }

static void formatted(const struct sk_addr *a, const char *wanted) {
    char text[SK_ADDR_TEXT];
    if (!wanted)
        assert_int_equal(a->len, 0);
    else
        assert_string_equal(sk_addr_format(text, sizeof text, a), wanted);
}

#define ADDRESSES4 "\xc0\0\x02\x01\xc0\0\x02\x02\x0f\xa0\x01\xbb"
#define ADDRESSES6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\0\x01\xff\xff"

static void accepted(void **state) {
    static const struct {
        struct text in;
        int version;
        bool local;
        const char *source, *target;
    } rows[] = {
        { T("PROXY TCP4 192.0.2.1 192.0.2.2 4000 443\r\n"), 1, false, "192.0.2.1:4000", "192.0.2.2:443" },
        { T("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n"), 1, false, "0.0.0.0:0", "255.255.255.255:65535" },
        { T("PROXY TCP6 2001:db8::1 ::1 1 2\r\n"), 1, false, "[2001:db8::1]:1", "[::1]:2" },
        { T("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe 65535 "
            "65535\r\n"),
          1, false, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
          "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe]:65535" },
        { T("PROXY UNKNOWN\r\n"), 1, false, NULL, NULL },
        { T("PROXY UNKNOWN ffff::1 x y z\r\n"), 1, false, NULL, NULL },
        { T(SIGNATURE "\x21\x11\0\x0c" ADDRESSES4), 2, false, "192.0.2.1:4000", "192.0.2.2:443" },
        { T(SIGNATURE "\x21\x12\0\x0c" ADDRESSES4), 2, false, "192.0.2.1:4000", "192.0.2.2:443" },
        { T(SIGNATURE "\x21\x21\0\x24" ADDRESSES6), 2, false, "[2001:db8::1]:1", "[2001:db8::2]:65535" },
        { T(SIGNATURE "\x21\0\0\0"), 2, false, NULL, NULL },
        { T(SIGNATURE "\x20\0\0\0"), 2, true, NULL, NULL },
        { T(SIGNATURE "\x20\x11\0\x0c" ADDRESSES4), 2, true, NULL, NULL },
        { T(SIGNATURE "\x20\xff\0\x02zz"), 2, true, NULL, NULL }, /* whatever it says */
        { T(SIGNATURE "\x21\x11\0\x15" ADDRESSES4 "\x04\0\x03---\x02\0\0"), 2, false, "192.0.2.1:4000",
          "192.0.2.2:443" },
        /* with a checksum that was computed by another program */
        { T(SIGNATURE "\x21\x11\0\x13" ADDRESSES4 "\x03\0\x04\xe4\x20\x55\x11"), 2, false, "192.0.2.1:4000",
          "192.0.2.2:443" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sk_proxyhdr h;
        assert_ok(sk_proxyhdr_parse(rows[i].in.p, rows[i].in.n, &h, err));
        assert_int_equal(h.version, rows[i].version);
        assert_int_equal(h.local, rows[i].local);
        formatted(&h.source, rows[i].source);
        formatted(&h.target, rows[i].target);
    }
}

static void refused(void **state) {
    static const struct {
        struct text in;
        const char *why;
    } rows[] = {
        { T("GET / HTTP/1.0\r\n\r\n"), "does not begin with a PROXY header but 'GET / HTTP/1.0\\r\\n" },
        { T("PROXZ"), "does not begin" },
        { T("proxy TCP4"), "does not begin" },
        { T("\r\n\r\nX"), "does not begin" },
        { T("PROXY TCP4 192.0.2.1 192.0.2.2 4000 443\n"), "must end with" },
        { T("PROXY TCP4 192.0.2.1 192.0.2.2 4000 443\rX"), "inside its line" },
        { T("PROXY TCP4  192.0.2.1 192.0.2.2 4000 443\r\n"), "more behind" },
        { T("PROXY TCP4 192.0.2.1 192.0.2.2 4000  443\r\n"), "more behind" },
        { T("PROXY TCP4 192.0.2.1 192.0.2.2 4000\r\n"), "must follow" },
        { T("PROXY TCP4 192.0.2.1 192.0.2.2 4000 443 \r\n"), "more behind" },
        { T("PROXY TCP4 192.0.2.1 192.0.2.2 4000 443 x\r\n"), "more behind" },
        { T("PROXY TCP4 192.0.2.01 192.0.2.2 4000 443\r\n"), "no IPv4" },
        { T("PROXY TCP4 192.0.2 192.0.2.2 4000 443\r\n"), "no IPv4" },
        { T("PROXY TCP4 192.0.2.256 192.0.2.2 4000 443\r\n"), "no IPv4" },
        { T("PROXY TCP4 ::1 ::1 4000 443\r\n"), "no IPv4" },
        { T("PROXY TCP6 192.0.2.1 192.0.2.2 4000 443\r\n"), "no IPv6" },
        { T("PROXY TCP6 ::1%lo ::1 4000 443\r\n"), "no IPv6" },
        { T("PROXY TCP4 192.0.2.1 192.0.2.2 65536 443\r\n"), "'65536' is no port" },
        { T("PROXY TCP4 192.0.2.1 192.0.2.2 04000 443\r\n"), "'04000' is no port" },
        { T("PROXY TCP4 192.0.2.1 192.0.2.2 -1 443\r\n"), "no port" },
        { T("PROXY TCP4 192.0.2.1 192.0.2.2 +1 443\r\n"), "no port" },
        { T("PROXY TCP5 192.0.2.1 192.0.2.2 1 443\r\n"), "none of TCP4" },
        { T("PROXY UNKNOWNX\r\n"), "none of TCP4" },
        { T("PROXY \r\n"), "none of TCP4" },
        { T("PROXY UNKNOWN "
            "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901\r\n"),
          "at most 107" },
        { T("PROXY UNKNOWN "
            "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234"),
          "at most 107" },
        { T(SIGNATURE "\x11"), "version 1;" },
        { T(SIGNATURE "\x31\x11\0\x0c" ADDRESSES4), "version 3;" },
        { T(SIGNATURE "\x22\x11\0\x0c" ADDRESSES4), "command 2;" },
        { T(SIGNATURE "\x21\x13\0\x0c" ADDRESSES4), "0x13" },
        { T(SIGNATURE "\x21\x10\0\x0c" ADDRESSES4), "0x10" },
        { T(SIGNATURE "\x21\x01\0\x0c" ADDRESSES4), "0x01" },
        { T(SIGNATURE "\x21\x41\0\x0c" ADDRESSES4), "0x41" },
        { T(SIGNATURE "\x21\x21\0\x0c" ADDRESSES4), "12 bytes for addresses that need 36" },
        { T(SIGNATURE "\x21\x31\0\x0c" ADDRESSES4), "12 bytes for addresses that need 216" },
        { T(SIGNATURE "\x21\x11\0\x00"), "0 bytes for addresses that need 12" },
        { T(SIGNATURE "\x21\x11\xff\xff"), "65551 bytes" },
        { T(SIGNATURE "\x21\x11\0\x0e" ADDRESSES4 "\x04\0"), "type 4 does not fit" },
        { T(SIGNATURE "\x21\x11\0\x0f" ADDRESSES4 "\x04\0\x01"), "type 4 does not fit" },
        { T(SIGNATURE "\x21\x11\0\x13" ADDRESSES4 "\x03\0\x04\xe4\x20\x55\x10"), "its checksum is e4205510" },
        { T(SIGNATURE "\x21\x11\0\x12" ADDRESSES4 "\x03\0\x03\xe4\x20\x55"), "a checksum has 4 bytes" },
        { T(SIGNATURE "\x21\x11\0\x0c" ADDRESSES4 "x"), "more than it has" },
        { T(SIGNATURE "\x21\x11\0\x0c\xc0"), "not all of it" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sk_proxyhdr h;
        struct sk_err e = { 0 };
        if (sk_proxyhdr_parse(rows[i].in.p, rows[i].in.n, &h, &e) == 0)
            fail_msg("row %zu is accepted; it is wrong: %s", i, rows[i].why);
        assert_int_equal(e.kind, SK_SYS);
        assert_int_equal(e.code, EPROTO);
        if (!strstr(e.msg, rows[i].why))
            fail_msg("row %zu: '%s' does not say '%s'", i, e.msg, rows[i].why);
    }
}

/* Byte by byte: 0 before the end, its length at the end, whatever follows; and a wrong byte is told when it comes. */
static void scanned(void **state) {
    static const struct text whole[] = { T("PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\n"), T("PROXY UNKNOWN\r\n"),
                                         T(SIGNATURE "\x21\x11\0\x0c" ADDRESSES4), T(SIGNATURE "\x20\0\0\0") };
    (void)state;
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        char with_more[128];
        size_t length = 0;
        for (size_t n = 0; n < whole[i].n; n++)
            assert_int_equal(sk_proxyhdr_scan(whole[i].p, n, &length, NULL), 0);
        memcpy(with_more, whole[i].p, whole[i].n);
        memcpy(with_more + whole[i].n, "PROXY", 5);
        assert_int_equal(sk_proxyhdr_scan(with_more, whole[i].n + 5, &length, NULL), 1);
        assert_int_equal(length, whole[i].n);
    }
}

/* Bit by bit changed, a header with a checksum is never believed. */
static void summed(void **state) {
    static const char right[] = SIGNATURE "\x21\x11\0\x13" ADDRESSES4 "\x03\0\x04\xe4\x20\x55\x11";
    size_t n = sizeof right - 1;
    struct sk_proxyhdr h;
    (void)state;
    for (size_t bit = 16 * 8; bit < n * 8; bit++) {
        char bytes[sizeof right];
        memcpy(bytes, right, n);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        if (bit / 8 == 28) /* another type: then it is no checksum */
            continue;
        if (sk_proxyhdr_parse(bytes, n, &h, NULL) == 0)
            fail_msg("bit %zu", bit);
    }
}

static struct sk_addr address(const char *text) {
    struct sk_endpoint ep;
    size_t n = strlen(text);
    assert_ok(sk_endpoint_parse(&ep, &text, &n, 1, true, err));
    assert_int_equal(ep.kind, SK_EP_ADDR);
    return ep.addr;
}

static void made(void **state) {
    static const char *const pairs[][2] = { { "192.0.2.1:0", "192.0.2.2:65535" },
                                            { "[2001:db8::1]:1", "[::ffff:192.0.2.1]:2" },
                                            { "unix:/run/a", "unix:@b" } };
    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (int version = 1; version <= 2; version++) {
            struct sk_proxyhdr h = { .version = version,
                                     .source = address(pairs[i][0]),
                                     .target = address(pairs[i][1]) };
            struct sk_proxyhdr back;
            struct sk_buf bytes = { 0 };
            assert_ok(sk_proxyhdr_make(&h, &bytes, err));
            assert_ok(sk_proxyhdr_parse(sk_buf_data(&bytes), bytes.len, &back, err));
            bool told = version == 2 || i < 2; /* version 1 knows no paths */
            formatted(&back.source, told ? pairs[i][0] : NULL);
            formatted(&back.target, told ? pairs[i][1] : NULL);
            sk_buf_done(&bytes);
        }
    struct sk_proxyhdr h = { .version = 2, .source = address("1.2.3.4:5"), .target = address("[::1]:6") };
    struct sk_buf bytes = { 0 };
    assert_fails(sk_proxyhdr_make(&h, &bytes, err), SK_USAGE, 0);
    sk_buf_done(&bytes);
}

/* Read from a connection: not a byte more than the header, in whatever pieces it comes. */
static void received(void **state) {
    static const struct text in = T("PROXY TCP4 192.0.2.1 192.0.2.2 4000 443\r\n");
    struct sk_sock *s[2];
    char rest[8];
    (void)state;
    tcp_pair(s);
    put(s[0], "PROXY TCP4 192.0.2.1 192.0.2.2 4000 443\r\nrest");
    assert_ok(sk_proxyhdr_receive(s[1], soon(), err));
    assert_int_equal(s[1]->received, in.n);
    assert_int_equal(s[1]->in.len, 0);
    formatted(&s[1]->peer, "192.0.2.1:4000");
    formatted(&s[1]->via->target, "192.0.2.2:443");
    assert_int_equal(sk_recv(s[1], rest, sizeof rest, 0, soon(), NULL), 4);
    assert_memory_equal(rest, "rest", 4);
    free_pair(s);
    tcp_pair(s);
    put(s[0], "PROXY TC");
    assert_fails(sk_proxyhdr_receive(s[1], shortly(), err), SK_TIMEOUT, ETIMEDOUT);
    sk_sock_free(s[0]);
    assert_says(sk_proxyhdr_receive(s[1], soon(), err), "the connection ended before its PROXY header did: ''");
    assert_null(s[1]->via);
    sk_sock_free(s[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted), cmocka_unit_test(refused), cmocka_unit_test(scanned),
        cmocka_unit_test(summed),   cmocka_unit_test(made),    cmocka_unit_test(received),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
