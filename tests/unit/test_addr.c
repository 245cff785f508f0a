/* Addresses that are read, and that the printed form is read back. What is refused: test_addr_refused.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/addr.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Words are separated by '|'. */
static int parse(struct sk_endpoint *ep, const char *text, bool listening, struct sk_err *err) {
    const char *words[8] = { text };
    size_t lengths[8] = { strlen(text) }, count = 1;
    for (const char *p = text; (p = strchr(p, '|')); p++) {
        lengths[count - 1] = (size_t)(p - words[count - 1]);
        words[count] = p + 1;
        lengths[count] = strlen(p + 1);
        count++;
    }
    return sk_endpoint_parse(ep, words, lengths, count, listening, err);
}

/* What comes out as text; the kind before it where it is not an address. */
static const char *read_as(const char *text, bool listening) {
    static const char *const kinds[] = { "", "name ", "loopback ", "any ", "", "" };
    static char out[1200];
    char form[SK_ADDR_TEXT];
    struct sk_endpoint ep;
    struct sk_err err;
    if (parse(&ep, text, listening, &err) < 0) {
        assert_int_equal(err.kind, SK_USAGE);
        assert_null(strpbrk(err.msg, "\n\033"));
        snprintf(out, sizeof out, "! %s", err.msg);
        return out;
    }
    snprintf(out, sizeof out, "%s%s%s", kinds[ep.kind], sk_endpoint_format(form, sizeof form, &ep),
             ep.type == SOCK_STREAM && !ep.tls ? " stream" : "");
    return out;
}

static void test_accepted(void **state) {
    /* clang-format off */
    static const struct { const char *text, *want; } rows[] = {
        /* host:port */
        { "127.0.0.1:80", "127.0.0.1:80" }, { "0.0.0.0:1", "0.0.0.0:1" },
        { "255.255.255.255:65535", "255.255.255.255:65535" }, { "example.com:80", "name example.com:80" },
        { "example.com.:80", "name example.com.:80" }, { "a:1", "name a:1" }, { "127.0.0.1:http", "127.0.0.1:80" },
        { "h:https", "name h:443" }, { "h:domain", "name h:53" }, { "h:tftp", "name h:69" }, { "h:www", "name h:80" },
        { "Example.COM:80", "name Example.COM:80" }, { "xn--mnchen-3ya.test:80", "name xn--mnchen-3ya.test:80" },
        { "xn--zzzzz-invalid:80", "name xn--zzzzz-invalid:80" }, { "1a.test:80", "name 1a.test:80" },
        { "a1:80", "name a1:80" }, { "3com:80", "name 3com:80" }, { "1.2.example:80", "name 1.2.example:80" },
        { "my_db:5432", "name my_db:5432" }, { "localhost:80", "name localhost:80" },
        { "LOCALHOST:80", "name LOCALHOST:80" }, { "foo.localhost:80", "name foo.localhost:80" },
        { "a-b.c-d:80", "name a-b.c-d:80" }, { "0x.test:80", "name 0x.test:80" }, { "1e3:80", "name 1e3:80" },
        { "1.1e3.x:80", "name 1.1e3.x:80" },
        /* [v6]:port */
        { "[::1]:80", "[::1]:80" }, { "[::]:80", "[::]:80" },
        { "[2001:DB8::1]:443", "[2001:db8::1]:443" },
        { "[2001:0db8:0000:0000:0000:0000:0000:0001]:443", "[2001:db8::1]:443" },
        { "[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:80" }, { "[::ffff:7f00:1]:80", "[::ffff:127.0.0.1]:80" },
        { "[::1.2.3.4]:80", "[::102:304]:80" }, { "[::1:1]:80", "[::1:1]:80" },
        { "[1:2:3:4:5:6:7:8]:9", "[1:2:3:4:5:6:7:8]:9" }, { "[1:0:0:4:0:0:0:8]:9", "[1:0:0:4::8]:9" },
        { "[1:0:0:4:5:0:0:8]:9", "[1::4:5:0:0:8]:9" }, { "[1:0:3:4:5:6:7:8]:9", "[1:0:3:4:5:6:7:8]:9" },
        { "[1:2:3:4:5:6:0:0]:9", "[1:2:3:4:5:6::]:9" }, { "[0:0:3:4:5:6:7:8]:9", "[::3:4:5:6:7:8]:9" },
        { "[64:ff9b::192.0.2.1]:9", "[64:ff9b::c000:201]:9" }, { "[ff02::1]:9", "[ff02::1]:9" },
        { "[1::]:9", "[1::]:9" }, { "[fe80::1%lo]:80", "[fe80::1%lo]:80" }, { "[fe80::1%1]:80", "[fe80::1%lo]:80" },
        { "[ff02::1%lo]:80", "[ff02::1%lo]:80" },
        /* two words */
        { "::1|80", "[::1]:80" },
        { "127.0.0.1|80", "127.0.0.1:80" }, { "example.com|http", "name example.com:80" },
        { "fe80::1%lo|80", "[fe80::1%lo]:80" }, { "::|80", "[::]:80" },
        { "::ffff:1.2.3.4|80", "[::ffff:1.2.3.4]:80" },
        /* four words */
        { "::1|80|0|0", "[::1]:80" },
        { "fe80::1|80|0|1", "[fe80::1%lo]:80" }, { "fe80::1%lo|80|0|0", "[fe80::1%lo]:80" },
        { "fe80::1%lo|80|0|1", "[fe80::1%lo]:80" }, { "ff02::1|80|0|1", "[ff02::1%lo]:80" },
        /* without a host */
        { ":80", "loopback :80" }, { ":http", "loopback :80" },
        { "tcp::80", "loopback :80 stream" }, { "tcp://:80", "loopback :80 stream" },
        /* schemes and URLs */
        { "tcp:h:80", "name h:80 stream" }, { "udp:h:53", "name udp:h:53" },
        { "tls:h:443", "name tls:h:443" }, { "tcp:[::1]:80", "[::1]:80 stream" },
        { "udp:127.0.0.1:domain", "udp:127.0.0.1:53" }, { "tcp://h:80", "name h:80 stream" },
        { "udp://[::1]:53", "udp:[::1]:53" }, { "tls://example.com:https", "name tls:example.com:443" },
        { "tcp://[fe80::1%25lo]:80", "[fe80::1%lo]:80 stream" }, { "tcp://[fe80::1%lo]:80", "[fe80::1%lo]:80 stream" },
        { "udp:h:tftp", "name udp:h:69" },
        /* UNIX */
        { "unix:/run/x", "unix:/run/x" }, { "unix:./x", "unix:./x" },
        { "unix:../x", "unix:../x" }, { "/run/x", "unix:/run/x" }, { "./x", "unix:./x" }, { "../x", "unix:../x" },
        { "unix:@name", "unix:@name" }, { "unix-abstract:name", "unix:@name" }, { "unix:///run/x", "unix:/run/x" },
        { "unix://@name", "unix:@name" }, { "unix:/a b", "unix:/a b" }, { "unix:////x", "unix:////x" },
        { "//x", "unix:////x" }, { "/a:b", "unix:/a:b" }, { "unix:/a\\x01", "unix:/a\\x01" },
        { "unix:/a\\n", "unix:/a\\n" }, { "unix:@a\\x00b", "unix:@a\\x00b" }, { "unix:/a\\\\b", "unix:/a\\x5cb" },
        { "/a,", "unix:/a," }, { "unix:/\xc3\xbc", "unix:/\xc3\xbc" }, { "unix:@\\xff", "unix:@\\xff" },
        { "/run/user@1000/x", "unix:/run/user@1000/x" },
        /* the others */
        { "vsock:2:1234", "vsock:2:1234" },
        { "vsock://2:1234", "vsock:2:1234" }, { "vsock:4294967295:4294967295", "vsock:4294967295:4294967295" },
        { "vsock:0:0", "vsock:0:0" }, { "fd:3", "fd:3" }, { "fd:0", "fd:0" }, { "sock:srv", "sock:srv" },
        { "sock:_a1", "sock:_a1" }, { "raw:020000507f0000010000000000000000", "127.0.0.1:80" },
        { "raw:02 00 00 50 7f 00 00 01 00 00 00 00 00 00 00 00", "127.0.0.1:80" },
        { "raw:0a00005000000000000000000000000000000000000000000100000000", "raw:0a00005000000000000000000000000000000000000000000100000000" },
        { "raw:0a0000500000000000000000000000000000000000000001" "00000000", "[::1]:80" }, { "raw:0200", "raw:0200" },
        { "raw:0100", "unix:" }, { "raw:63000102", "raw:63000102" },
        { "raw:020000500102030400000000000000", "raw:020000500102030400000000000000" },
    };
    /* clang-format on */
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(read_as(rows[i].text, false), rows[i].want);
    assert_string_equal(read_as("127.0.0.1:0", true), "127.0.0.1:0");
    assert_string_equal(read_as(":0", true), "loopback :0");
    assert_string_equal(read_as("*:0", true), "any *:0");
    assert_string_equal(read_as("*:80", true), "any *:80");
    assert_string_equal(read_as("*|80", true), "any *:80");
    assert_string_equal(read_as("udp:*:53", true), "any udp:*:53");
    assert_string_equal(read_as("::|0", true), "[::]:0");
    assert_string_equal(read_as("::1|0|0|0", true), "[::1]:0");
    assert_string_equal(read_as("unix:", true), "unix:");
}

static void test_idn(void **state) {
    (void)state;
    assert_string_equal(read_as("m\xc3\xbcnchen.test:80", false), "name xn--mnchen-3ya.test:80");
    assert_string_equal(read_as("M\xc3\x9cNCHEN.test|80", false), "name xn--mnchen-3ya.test:80");
    assert_string_equal(read_as("\xd1\x80\xd0\xb0ypal.test:80", false), "name xn--ypal-43d9g.test:80");
    /* Full-width forms become plain ones: not another script but another spelling. */
    assert_non_null(strstr(read_as("\xef\xbd\x85xample.com:80", false), "write example.com"));
    assert_non_null(strstr(read_as("\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1:80", false), "!"));
    assert_non_null(strstr(read_as("a\xe2\x80\x8d"
                                   "b.test:80",
                                   false),
                           "!")); /* ZWJ out of place */
}

/* Every address that prints is read back as itself. */
static void check_round_trip(const struct sk_addr *addr) {
    char text[SK_ADDR_TEXT], again[SK_ADDR_TEXT];
    struct sk_endpoint ep;
    struct sk_err err = { 0 };
    sk_addr_format(text, sizeof text, addr);
    const char *words[] = { text };
    const size_t lengths[] = { strlen(text) };
    if (sk_endpoint_parse(&ep, words, lengths, 1, true, &err) < 0)
        fail_msg("'%s' is not read back: %s", text, err.msg);
    assert_int_equal(ep.kind, SK_EP_ADDR);
    if (!sk_addr_equal(addr, &ep.addr) && !strstr(text, "unix:./"))
        fail_msg("'%s' is read back as '%s'", text, sk_addr_format(again, sizeof again, &ep.addr));
    assert_string_equal(text, sk_addr_format(again, sizeof again, &ep.addr));
}

static void test_round_trip(void **state) {
    struct sk_addr addr;
    (void)state;
    srandom(1);
    for (int i = 0; i < 20000; i++) {
        sk_addr_any(&addr, AF_INET, (uint16_t)random());
        addr.u.in.sin_addr.s_addr = (uint32_t)random() << 1;
        check_round_trip(&addr);
        sk_addr_any(&addr, AF_INET6, (uint16_t)random());
        for (int k = 0; k < 16; k += 2)
            if (random() & 1) {
                addr.u.in6.sin6_addr.s6_addr[k] = (uint8_t)random();
                addr.u.in6.sin6_addr.s6_addr[k + 1] = (uint8_t)random();
            }
        if (IN6_IS_ADDR_LINKLOCAL(&addr.u.in6.sin6_addr) || IN6_IS_ADDR_MC_LINKLOCAL(&addr.u.in6.sin6_addr))
            addr.u.in6.sin6_scope_id = 1;
        check_round_trip(&addr);
        struct in6_addr back;
        char host[64];
        sk_addr_host(host, sizeof host, &addr);
        host[strcspn(host, "%")] = '\0';
        assert_int_equal(inet_pton(AF_INET6, host, &back), 1);
        assert_memory_equal(&back, &addr.u.in6.sin6_addr, 16);
    }
}

static void test_round_trip_unix(void **state) {
    struct sk_addr addr;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        memset(&addr, 0, sizeof addr);
        addr.u.un.sun_family = AF_UNIX;
        size_t n = (size_t)random() % 109;
        bool is_abstract = random() & 1;
        for (size_t k = 0; k < n; k++)
            addr.u.un.sun_path[k] = (char)(random() % 3  ? 'a' + random() % 26
                                           : is_abstract ? random()
                                                         : 1 + random() % 255);
        if (n > 0)
            addr.u.un.sun_path[0] = is_abstract ? '\0' : "/a"[random() % 2];
        addr.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
        if (!is_abstract && n > 0 && n < 108)
            addr.len++;
        if (!is_abstract && n > 1 && addr.u.un.sun_path[n - 1] == '/')
            addr.u.un.sun_path[n - 1] = 'x'; /* no socket's path ends so */
        if (!is_abstract && n == 1)
            continue; /* "/" */
        check_round_trip(&addr);
    }
    struct sockaddr_vm vm = { .svm_family = AF_VSOCK, .svm_cid = 3, .svm_port = 4000000000u };
    memset(&addr, 0, sizeof addr);
    memcpy(&addr.u, &vm, sizeof vm);
    addr.len = sizeof vm;
    check_round_trip(&addr);
}

static void test_inet(void **state) {
    static const char *const bad4[] = { "",         "1.2.3",      "01.2.3.4", "256.1.1.1", " 1.2.3.4",
                                        "1.2.3.4 ", "0x7f.0.0.1", "::1",      "1.2.3.4.5" };
    static const char *const bad6[] = { "", "1.2.3.4", "[::1]", "fe80::1%lo", "1::2::3", "1:2:3:4:5:6:7:8:9", "g::" };
    unsigned char out[16];
    char text[64];
    struct sk_err err;
    (void)state;
    assert_int_equal(sk_inet_pton(AF_INET, "1.2.3.4", 7, out, &err), 4);
    assert_memory_equal(out, "\1\2\3\4", 4);
    assert_int_equal(sk_inet_pton(AF_INET6, "::FFFF:1.2.3.4", 14, out, &err), 16);
    assert_int_equal(sk_inet_ntop(AF_INET6, out, 16, text, sizeof text, &err), 0);
    assert_string_equal(text, "::ffff:1.2.3.4");
    for (size_t i = 0; i < COUNT(bad4); i++) {
        assert_int_equal(sk_inet_pton(AF_INET, bad4[i], strlen(bad4[i]), out, &err), -1);
        assert_string_equal(sk_err_name(&err), "EINVAL");
    }
    for (size_t i = 0; i < COUNT(bad6); i++)
        assert_int_equal(sk_inet_pton(AF_INET6, bad6[i], strlen(bad6[i]), out, &err), -1);
    assert_int_equal(sk_inet_pton(AF_INET, "1.2.3.4\0", 8, out, &err), -1);
    assert_int_equal(sk_inet_pton(AF_UNIX, "x", 1, out, &err), -1);
    assert_int_equal(err.code, EAFNOSUPPORT);
    assert_int_equal(sk_inet_ntop(AF_INET, "\1\2\3", 3, text, sizeof text, &err), -1);
    assert_int_equal(err.kind, SK_USAGE);
    assert_int_equal(sk_inet_ntop(AF_INET, "\1\2\3\4\5", 5, text, sizeof text, &err), -1);
    assert_int_equal(sk_inet_ntop(99, "\1\2\3\4", 4, text, sizeof text, &err), -1);
    assert_int_equal(sk_inet_ntop(AF_INET, "\1\2\3\4", 4, text, 4, &err), -1);
}

static void test_services(void **state) {
    uint16_t port = 0;
    char name[64];
    struct sk_err err;
    (void)state;
    assert_int_equal(sk_service_port("http", "tcp", &port), 0);
    assert_int_equal(port, 80);
    assert_int_equal(sk_service_port("http", "udp", &port), -1);
    assert_int_equal(sk_service_port("domain", "udp", &port), 0);
    assert_int_equal(sk_service_port("www", NULL, &port), 0); /* an alias */
    assert_int_equal(sk_service_port("HTTP", NULL, &port), -1);
    assert_int_equal(sk_service_port("", NULL, &port), -1);
    assert_int_equal(sk_service_port("80/tcp", NULL, &port), -1);
    assert_int_equal(sk_service_name(443, "tcp", name, sizeof name), 0);
    assert_string_equal(name, "https");
    assert_int_equal(sk_service_name(1, "nosuch", name, sizeof name), -1);
    assert_int_equal(sk_protocol_number("tcp"), 6);
    assert_int_equal(sk_protocol_number("UDP"), 17); /* an alias */
    assert_int_equal(sk_protocol_number("nosuch"), -1);
    assert_int_equal(sk_port_parse("0", 1, NULL, &port, &err), 0);
    assert_int_equal(sk_port_parse("65535", 5, NULL, &port, &err), 0);
    assert_int_equal(port, 65535);
    assert_int_equal(sk_port_parse("", 0, NULL, &port, &err), -1);
    assert_int_equal(sk_port_parse("8\0", 2, NULL, &port, &err), -1);
}

static void test_helpers(void **state) {
    struct sk_addr a, b;
    char text[SK_ADDR_TEXT];
    (void)state;
    sk_addr_loopback(&a, AF_INET, 80);
    assert_string_equal(sk_addr_format(text, sizeof text, &a), "127.0.0.1:80");
    sk_addr_loopback(&b, AF_INET6, 80);
    assert_string_equal(sk_addr_format(text, sizeof text, &b), "[::1]:80");
    assert_false(sk_addr_equal(&a, &b));
    sk_addr_set_port(&b, 81);
    assert_int_equal(sk_addr_port(&b), 81);
    b = a;
    b.u.in.sin_zero[3] = 1;
    assert_true(sk_addr_equal(&a, &b));
    sk_addr_set_port(&b, 81);
    assert_false(sk_addr_equal(&a, &b));
    memset(&a, 0, sizeof a);
    assert_string_equal(sk_addr_format(text, sizeof text, &a), "none");
    assert_int_equal(sk_addr_port(&a), 0);
    assert_string_equal(sk_addr_host(text, sizeof text, &a), "");
    a.u.un.sun_family = AF_UNIX;
    strcpy(a.u.un.sun_path, "rel\nx"); /* as another program may bind */
    a.len = sizeof a.u.un;
    assert_string_equal(sk_addr_format(text, sizeof text, &a), "unix:./rel\\nx");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),        cmocka_unit_test(test_idn),  cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_round_trip_unix), cmocka_unit_test(test_inet), cmocka_unit_test(test_services),
        cmocka_unit_test(test_helpers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
