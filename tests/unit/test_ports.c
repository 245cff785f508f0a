/* Port lists: what they hold, in which order, and what is said about those that are wrong. */
/* valgrind: yes */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/ports.h"

static struct sk_ports parse(const char *text) {
    struct sk_ports ports;
    struct sk_err err = { .msg = "" };
    if (sk_ports_parse(&ports, text, strlen(text), &err) < 0)
        fail_msg("'%s': %s", text, err.msg);
    return ports;
}

static void lists(void **state) {
    static const struct {
        const char *text, *ports;
    } rows[] = {
        { "127.0.0.1:22", "22" },
        { "127.0.0.1:22,80,8000-8003", "22 80 8000 8001 8002 8003" },
        { "[::1]:80-81,22", "80 81 22" },
        { ":5-7,6,1-9", "5 6 7 1 2 3 4 8 9" }, /* each once, where it is first */
        { "tcp:h.test:http,https", "80 443" },
        { "udp://h.test:domain,123", "53 123" },
        { "h.test:65535-65535", "65535" },
        { "unix:/a,b-c:1-3", "" },
        { "sock:srv", "" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sk_ports ports = parse(rows[i].text);
        char list[128] = "";
        for (size_t k = 0; k < ports.count; k++)
            snprintf(list + strlen(list), sizeof list - strlen(list), "%s%u", k ? " " : "", ports.list[k]);
        assert_string_equal(list, rows[i].ports);
        if (ports.count > 0 && ports.ep.kind != SK_EP_ADDR)
            assert_int_equal(ports.ep.port, ports.list[0]);
        sk_ports_done(&ports);
    }
}

static void all_ports(void **state) {
    (void)state;
    struct sk_ports ports = parse("192.0.2.1:1-65535,1-65535");
    assert_int_equal(ports.count, 65535);
    for (size_t i = 0; i < ports.count; i++)
        assert_int_equal(ports.list[i], i + 1);
    assert_int_equal(ports.ep.type, 0);
    assert_int_equal(sk_addr_port(&ports.ep.addr), 1);
    sk_ports_done(&ports);
}

static void refusals(void **state) {
    static const struct {
        const char *text, *says;
    } rows[] = {
        { "h:80-79", "ports '80-79': the first is above the last; write 79-80" },
        { "h:-80", "ports '-80': a range has two ends; write 1-80" },
        { "h:80-", "ports '80-': a range has two ends; write 80-65535" },
        { "h:-", "ports '-': a range has two ends; write 1-65535" },
        { "h:22,,80", "ports '22,,80': a port is missing beside a comma; write as in 22,80,8000-8100" },
        { "h:22,0", "ports '22,0': nobody can listen on port 0; the first is 1" },
        { "h:0-3", "port: '0': out of range 1 to 65535" },
        { "h:1-65536", "port: '65536': out of range 1 to 65535" },
        { "raw:02000000000000000000000000000000",
          "address 'raw:02000000000000000000000000000000': nobody can listen on port 0" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sk_ports ports;
        struct sk_err err = { .msg = "" };
        assert_int_equal(sk_ports_parse(&ports, rows[i].text, strlen(rows[i].text), &err), -1);
        assert_int_equal(err.kind, SK_USAGE);
        assert_string_equal(err.msg, rows[i].says);
        assert_null(ports.list);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),
        cmocka_unit_test(all_ports),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
