/* The hosts table over files of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/hosts.h"

static char directory[] = "/tmp/test_hosts.XXXXXX";
static char path[64];

static void write_hosts(const char *text) {
    char fresh[80];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *file = fopen(fresh, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(rename(fresh, path), 0); /* another inode: seen even within one tick of the clock */
}

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof path, "%s/hosts", directory);
    sk_hosts_path(path);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    unlink(path);
    sk_hosts_path("/nonexistent");
    return rmdir(directory);
}

/* "canonical: A,B" */
static const char *look(const char *name, int family) {
    static char text[1024];
    struct sk_addrs addrs = { 0 };
    char host[64];
    size_t n = sk_hosts_lookup(name, family, &addrs);
    assert_int_equal(n, addrs.count);
    snprintf(text, sizeof text, "%s:", addrs.canonical ? addrs.canonical : "");
    for (size_t i = 0; i < addrs.count; i++) {
        assert_int_equal(sk_addr_port(&addrs.list[i]), 0);
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? "," : " ",
                 sk_addr_host(host, sizeof host, &addrs.list[i]));
    }
    sk_addrs_done(&addrs);
    return text;
}

static void test_lookup(void **state) {
    (void)state;
    write_hosts("# a comment\n"
                "127.0.0.1\tlocalhost lo4\n"
                "::1 localhost ip6-localhost # and a comment\r\n"
                "  10.0.0.1   one.test one ONE\n"
                "10.0.0.2 one.test\n"
                "10.0.0.2 one.test\n"
                "fd00::1 one.test\n"
                "fe80::1%lo scoped\n"
                "999.1.1.1 bad\n"
                "127.1 short\n"
                "10.0.0.3\n"
                "not-an-address name\n"
                "\n"
                "10.0.0.4 last#comment");
    assert_string_equal(look("one.test", AF_UNSPEC), "one.test: fd00::1,10.0.0.1,10.0.0.2");
    assert_string_equal(look("one.test", AF_INET), "one.test: 10.0.0.1,10.0.0.2");
    assert_string_equal(look("one.test", AF_INET6), "one.test: fd00::1");
    assert_string_equal(look("one", AF_UNSPEC), "one.test: 10.0.0.1");
    assert_string_equal(look("One.Test.", AF_INET6), "one.test: fd00::1");
    assert_string_equal(look("localhost", AF_UNSPEC), "localhost: ::1,127.0.0.1");
    assert_string_equal(look("lo4", AF_INET6), ":");
    assert_string_equal(look("scoped", AF_UNSPEC), "scoped: fe80::1%lo");
    assert_string_equal(look("last", AF_UNSPEC), "last: 10.0.0.4");
    assert_string_equal(look("bad", AF_UNSPEC), ":");
    assert_string_equal(look("short", AF_UNSPEC), ":");
    assert_string_equal(look("name", AF_UNSPEC), ":");
    assert_string_equal(look("comment", AF_UNSPEC), ":");
    assert_string_equal(look("", AF_UNSPEC), ":");
    assert_string_equal(look(".", AF_UNSPEC), ":");
    assert_string_equal(look("10.0.0.1", AF_UNSPEC), ":");
}

static void test_reload(void **state) {
    (void)state;
    write_hosts("10.0.0.1 a.test\n");
    assert_string_equal(look("a.test", AF_UNSPEC), "a.test: 10.0.0.1");
    write_hosts("10.0.0.9 a.test\n");
    assert_string_equal(look("a.test", AF_UNSPEC), "a.test: 10.0.0.9");
    write_hosts("");
    assert_string_equal(look("a.test", AF_UNSPEC), ":");
    write_hosts("10.0.0.8 a.test");
    assert_string_equal(look("a.test", AF_UNSPEC), "a.test: 10.0.0.8");
    unlink(path);
    assert_string_equal(look("a.test", AF_UNSPEC), ":");
}

static void test_reverse(void **state) {
    struct sk_addr addr;
    (void)state;
    write_hosts("127.0.0.1 localhost\n10.0.0.1 one.test one\n::1 six\n");
    sk_addr_loopback(&addr, AF_INET, 80);
    assert_string_equal(sk_hosts_reverse(&addr), "localhost");
    addr.u.in.sin_addr.s_addr = htonl(0x0a000001);
    assert_string_equal(sk_hosts_reverse(&addr), "one.test");
    addr.u.in.sin_addr.s_addr = htonl(0x0a000002);
    assert_null(sk_hosts_reverse(&addr));
    sk_addr_loopback(&addr, AF_INET6, 443);
    assert_string_equal(sk_hosts_reverse(&addr), "six");
}

static void test_large(void **state) {
    (void)state;
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 20000; i++)
        fprintf(file, "10.%d.%d.%d host%d.test h%d\n", i >> 16 & 255, i >> 8 & 255, i & 255, i, i);
    for (int i = 0; i < 500; i++)
        fprintf(file, "10.200.%d.%d crowd.test\n", i >> 8, i & 255);
    fclose(file);
    assert_string_equal(look("h19999", AF_INET), "host19999.test: 10.0.78.31");
    struct sk_addrs addrs = { 0 };
    assert_int_equal(sk_hosts_lookup("crowd.test", AF_UNSPEC, &addrs), 256);
    sk_addrs_done(&addrs);
}

static void test_localhost(void **state) {
    static const struct {
        const char *name;
        size_t count;
    } rows[] = {
        { "localhost", 2 },
        { "LOCALHOST", 2 },
        { "localhost.", 2 },
        { "foo.localhost", 2 },
        { "a.b.Localhost.", 2 },
        { "xlocalhost", 0 },
        { "localhost.x", 0 },
        { "localhost..", 0 },
        { ".", 0 },
        { "", 0 },
        { "localhos", 0 },
        { "localhost.test", 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sk_addrs addrs = { 0 };
        assert_int_equal(sk_hosts_localhost(rows[i].name, AF_UNSPEC, &addrs), rows[i].count);
        assert_int_equal(addrs.count, rows[i].count);
        if (addrs.count == 2) {
            assert_int_equal(addrs.list[0].u.sa.sa_family, AF_INET6);
            assert_int_equal(addrs.list[1].u.sa.sa_family, AF_INET);
        }
        sk_addrs_done(&addrs);
    }
    struct sk_addrs one = { 0 };
    assert_int_equal(sk_hosts_localhost("localhost", AF_INET, &one), 1);
    assert_int_equal(one.list[0].u.sa.sa_family, AF_INET);
    sk_addrs_done(&one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookup), cmocka_unit_test(test_reload),    cmocka_unit_test(test_reverse),
        cmocka_unit_test(test_large),  cmocka_unit_test(test_localhost),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
