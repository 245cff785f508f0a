/* Addresses that are refused, and with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
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

/* The refusal's sentence, or NULL. */
static const char *refusal(const char *text) {
    static struct sk_err err;
    struct sk_endpoint ep;
    if (parse(&ep, text, false, &err) >= 0)
        return NULL;
    assert_int_equal(err.kind, SK_USAGE);
    assert_null(strpbrk(err.msg, "\n\033"));
    return err.msg;
}

/* Each refusal says what is wrong and what to write (RELIABILITY.md D2; the numbers are its rows). */
static void test_refused(void **state) {
    /* clang-format off */
    static const struct { const char *text, *part; } rows[] = {
        { "h:65536", "out of range 0 to 65535" }, /* 1 */ { "h:65616", "out of range" }, /* 2 */
        { "h:99999999999", "out of range" }, /* 3 */ { "h:4294967376", "out of range" }, /* 4 */
        { "h:18446744073709551696", "out of range" }, { "h:-1", "must be digits" }, /* 5 */
        { "h:+80", "must be digits" }, /* 6 */ { "h: 80", "must be digits" }, { "h:80 ", "must be digits" },
        { "h:80\n", "must be digits" }, { "h:\t80", "must be digits" }, /* 7 */
        { "h:080", "port: '080': leading zero; write 80" }, { "h:00", "leading zero; write 0" },
        { "h:0080", "leading zero; write 80" }, /* 8 */ { "h:0x50", "must be digits" }, /* 9 */
        { "h:80x", "must be digits" }, { "h:1e3", "must be digits" }, { "h:80.0", "must be digits" },
        { "h:8,0", "must be digits" }, /* 10 */ { "host:", "port missing after ':'" },
        { "127.0.0.1:", "port missing" }, { ":", "port missing" }, { "[::1]:", "port missing" }, /* 11 */
        { "h|", "port missing" }, { "127.0.0.1:0", "port 0 cannot be connected" },
        { ":0", "port 0 cannot be connected" }, { "h:0", "port 0 cannot" }, { "::1|0", "port 0 cannot" },
        { "[::1]:0", "port 0 cannot" }, { "::1|0|0|0", "port" }, /* 12 */
        { "h:HTTP", "unknown service 'HTTP'; known: http (80)" }, { "h:Http", "known: http (80)" },
        { "h:nosuch", "unknown service 'nosuch'" }, { "h:htpp", "known: http (80)" },
        { "h:http/tcp", "unknown service 'http/tcp'" },
        { "udp:h:http", "for udp; known for another protocol: http (80)" },
        { "tcp:h:tftp", "for tcp; known for another protocol: tftp (69)" }, /* 13 */
        { "h:\xef\xbc\x98\xef\xbc\x90", "must be digits" }, /* 14 */ { "h:80-79", "must be digits" },
        { "h:22,80", "must be digits" }, /* 15: lists are for probe */
        { "127.1:80", "short IPv4 form; write 127.0.0.1" }, { "127.1|80", "write 127.0.0.1" },
        { "127.1", "write 127.0.0.1" }, /* 16 */ { "1.2.3:80", "short IPv4 form; write 1.2.0.3" },
        { "1.256:80", "write 1.0.1.0" }, { "10.65536:80", "write 10.1.0.0" }, /* 17 */
        { "0x7f.1:80", "hexadecimal IPv4; write 127.0.0.1" }, { "0x7f000001:80", "hexadecimal IPv4; write 127.0.0.1" },
        { "0X7F.0.0.0x1:80", "hexadecimal IPv4; write 127.0.0.1" }, { "foo.0x1:80", "not an IPv4 address" },
        { "0xzz.1:80", "not an IPv4 address" }, /* 18 */ { "0177.0.0.1:80", "leading zero: 127.0.0.1 or 177.0.0.1?" },
        { "010.0.0.1:80", "leading zero: 8.0.0.1 or 10.0.0.1?" }, /* 19 */
        { "127.0.0.01:80", "leading zero; write 127.0.0.1" }, { "1.2.3.08:80", "leading zero; write 1.2.3.8" },
        { "00.0.0.0:1", "leading zero; write 0.0.0.0" }, /* 20 */
        { "2130706433:80", "a number is not an address; write 127.0.0.1" },
        { "4294967296:80", "a number is not an address" }, { "0|80", "a number is not an address" },
        { "80", "a number is not an address; write :80" }, { "2130706433", "a number is not an address" }, /* 21, 50 */
        { "256.1.1.1:1", "not an IPv4 address" }, { "1.2.3.4.5:1", "not an IPv4 address" },
        { "1.2.3.4.:1", "not an IPv4 address; write 1.2.3.4" }, { "1..2.3:1", "not an IPv4 address" },
        { ".1.2.3:1", "not an IPv4 address" }, { "a.b.1:1", "not an IPv4 address" },
        { "example.1:1", "not an IPv4 address" }, { "1.2.3.4.5.:1", "not an IPv4 address" },
        { "999999999999.1:1", "not an IPv4 address" }, { "1.2.3.-4:1", "not" }, { "foo.09:1", "not an IPv4 address" },
        /* 22 */ { " 127.0.0.1:1", "white space in address ' 127.0.0.1'" },
        { "127.0.0.1\n:1", "white space in address '127.0.0.1\\n'" }, { "127.0.0.1 :1", "white space" },
        { "127.0.0.1x:1", "not a name" }, { "127.0.0.1x|1", "not a name" }, { "\t|1", "white space" }, /* 23 */
        { "[fe80::1%nosuch]:80", "no interface 'nosuch'; have lo" },
        { "fe80::1%nosuch|80", "no interface 'nosuch'; have lo" }, /* 24 */
        { "[fe80::1%99999]:80", "no interface with index 99999; have lo" }, /* 25 */
        { "[fe80::1%]:80", "the interface after % is missing; have lo" },
        { "[fe80::1%4294967297]:80", "out of range" }, { "[fe80::1%0]:80", "interface" },
        { "[fe80::1%25lo]:80", "%25 is for URLs; write fe80::1%lo" }, { "[fe80::1%01]:80", "leading zero" },
        { "[fe80::1%abcdefghijklmnop]:80", "at most 15" }, { "[fe80::1%../x]:80", "no interface '../x'" },
        { "[fe80::1%LO]:80", "no interface 'LO'; have lo" }, { "[fe80::1%lo%lo]:80", "no interface" }, /* 26, 81 */
        { "fe80::1", "link-local needs %interface; have lo" },
        { "[fe80::1]:80", "link-local needs %interface; have lo" }, { "fe80::1|80", "link-local needs %interface" },
        { "fe80::1|80|0|0", "link-local needs %interface" }, { "[febf::1]:80", "link-local needs" }, /* 27 */
        { "[::1%lo]:80", "only link-local addresses have an interface; write ::1" },
        { "[2001:db8::1%lo]:80", "write 2001:db8::1" }, { "::1%1|80", "only link-local" },
        { "::1|80|0|1", "only link-local addresses have a scope id; write 0" },
        { "fe80::1|80|0|99999", "no interface with index 99999" }, /* 28 */ { "[::1", "bracket not closed" },
        { "::1]", "bracket not opened" }, { "::1]:80", "bracket not opened" },
        { "[::1]x", "':' and a port must follow ']'" }, { "[::1]80", "must follow ']'; write [::1]:PORT" },
        { "[]", "address is empty" }, { "[]:80", "address is empty" },
        { "[127.0.0.1]:80", "brackets are for IPv6; write 127.0.0.1:80" },
        { "[localhost]:80", "brackets are for IPv6; write localhost:80" }, { "[127.0.0.1]", "write 127.0.0.1:PORT" },
        { "[::1]", "has no port; write '[::1]:PORT'" }, { "localhost]", "bracket not opened" },
        { "[[::1]]:80", "must follow ']'" }, { "[::1]|80", "two words need no brackets; write ::1 PORT" }, /* 29 */
        { "::1:80", "ambiguous; write [::1]:80" }, { "2001:db8::1:443", "ambiguous; write [2001:db8::1]:443" },
        { "1:2:3:4:5:6:7:8:80", "write [1:2:3:4:5:6:7:8]:80" }, { "fe80::1%lo:80", "write [fe80::1%lo]:80" },
        { "::ffff:1.2.3.4:80", "write [::ffff:1.2.3.4]:80" }, /* 30 */
        { "::1", "address '::1' has no port; write '[::1]:PORT' or '::1 PORT'" }, { "2001:db8::", "has no port" },
        { "fe80::1%lo", "has no port; write '[fe80::1%lo]:PORT'" }, { "1::2::3", "not an IPv6 address" },
        { ":::", "not an IPv6 address" }, { "1:2:3:4:5:6:7", "not an IPv6 address" },
        { "1:2:3:4:5:6:7:8:9|1", "not an IPv6 address" }, { "12345::", "not an IPv6 address" },
        { "::ffff:1.2.3.256", "not an IPv6 address" }, { "::1.2.3", "not an IPv6 address" },
        { "[1::2::3]:80", "not an IPv6 address" }, { "[:::]:80", "not an IPv6" },
        { "[1:2:3:4:5:6:7]:80", "not an IPv6" }, { "[1:2:3:4:5:6:7:8:9]:80", "not an IPv6" },
        { "[12345::]:80", "not an IPv6" }, { "[::ffff:1.2.3.256]:80", "not an IPv6" }, { "[::g]:80", "not an IPv6" },
        { "[1:]:80", "not an IPv6" }, { "[:1]:80", "not an IPv6" }, { "[::1.2.3]:80", "not an IPv6" },
        { "[::01.2.3.4]:80", "not an IPv6" }, { "[1:2:3:4:5:6:7:1.2.3.4]:80", "not an IPv6" },
        { "[::1 ]:80", "white space" }, { "[1:2:3:4:5:6:7:8::]:80", "not an IPv6" }, /* 31 */
        { "", "address is empty" }, { ":|80", "write HOST:PORT or HOST PORT" }, { "::::|80", "not an IPv6 address" },
        { "|80", "address is empty" }, { "||0|0", "four words are IPV6" }, /* 33 */ { ".:80", "empty label" },
        { "..:80", "empty label" }, { "a..b:80", "empty label" }, { ".a:80", "empty label" },
        { "a..:80", "empty label" }, /* 34 */
        { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test:80", "label longer than 63" },
        /* 35 */ { "-foo.test:80", "starts or ends with '-'" }, { "foo-.test:80", "starts or ends with '-'" },
        { "_x.test:80", "starts with '_'" }, { "a b.test:80", "white space" }, { "%:80", "not a name" },
        { "host\\.test:80", "not a name" }, { "x/y:80", "for a path write ./x/y" }, { "a,b:80", "not a name" },
        { "a;b:80", "not a name" }, { "a\x7f" "b:80", "not a name" }, { "a\033[0m:80", "'a\\x1b[0m'" },
        { "$x:80", "not a name" }, { "*.test:80", "not a name" }, { "**:80", "not a name" },
        { "host", "has no port; write host:PORT" }, { "x/y", "for a path write ./x/y" }, { "h%lo:80", "not a name" },
        /* 36 */ { "http://host/", "that is a URL; write host:80" },
        { "https://host", "that is a URL; write host:443" },
        { "http://host:8080/x?y#z", "that is a URL; write host:8080" },
        { "http://u:p@host/", "that is a URL; write host:80" }, { "http://[::1]/", "that is a URL; write [::1]:80" },
        { "ws://h", "that is a URL; write h:PORT" }, { "://", "that is a URL" },
        { "host:80:81", "a second ':'; write host:80" }, { "http:host:80", "unknown scheme http; write host:80" },
        { "TCP:host:80", "schemes are in lower case; write tcp:host:80" }, { "Unix:/x", "write unix:/x" },
        { "x:y:z:d", "too many ':'" }, { "a:b:c:d", "not an IPv6 address" },
        { "tcp:tcp:h:80", "unknown scheme tcp; write h:80" }, { "tcp:h:80:81", "a second ':'" }, /* 38 */
        { "user@host:80", "a user name has no place here" }, { "user@host|80", "a user name" },
        { "@name", "for an abstract socket write unix:@name" }, /* 39 */
        { "\xff\xfe.test:80", "'\\xff\\xfe.test': not valid UTF-8" },
        { "a\xe2\x80\xae" "b.test:80", "a\\xe2\\x80\\xaeb" }, /* 43 */ { "unix:", "names no socket" },
        { "unix:@", "abstract name is empty" }, { "unix-abstract:", "abstract name is empty" },
        { "unix:relative", "write unix:./relative" }, { "unix:/x\\x00y", "NUL in path" },
        { "unix:/run/", "a directory is no socket" }, { "/", "a directory is no socket" }, { "./", "relative" },
        { "unix://run/x", "write unix:///run/x" }, { "unix://", "a UNIX URL has no host" },
        { "unix:/a\\q", "unknown escape" }, { "unix:/a\\x1", "" }, { "unix:~/x", "relative" }, /* 45 */
        { "vsock:2", "vsock wants CID:PORT" }, { "vsock:x:1", "vsock cid" },
        { "vsock:4294967296:1", "out of range 0 to 4294967295" }, { "vsock:2:4294967296", "out of range" },
        { "vsock::1", "vsock cid" }, { "vsock:2:", "vsock port" }, { "vsock:-1:1", "vsock cid" },
        { "vsock:2:1:3", "vsock port" }, /* 46 */ { "h:80,", "trailing ','; write h:80" },
        { "h:80/", "trailing '/'; write h:80" }, { "127.0.0.1:80,,", "write 127.0.0.1:80" },
        { "[::1]:80/", "write [::1]:80" }, { "tcp:h:80/", "write tcp:h:80" },
        { "tcp://h:80/", "a path or query has no place here; write tcp://h:80" },
        { "tcp://h:80/x?y", "write tcp://h:80" }, { "udp://h:53?x", "write udp://h:53" },
        { "tls://h:443#x", "write tls://h:443" }, { "tls://h", "has no port; write h:PORT" },
        { "tcp://", "address is empty" }, { "tcp:80", "a number is not an address; write :80" },
        { "tcp:", "address is empty" }, { "tcp:/x", "not a name" }, { "tcp:fe80::1", "link-local needs" },
        { "tcp:::1", "has no port" }, { "*", "has no port; write '*:PORT'" }, { "fd:", "fd" }, { "fd:-1", "fd" },
        { "fd:x", "fd" }, { "fd:99999999999", "out of range" }, { "fd:03", "leading zero" },
        { "sock:", "a letter or _" }, { "sock:../x", "a letter or _" }, { "sock:1a", "a letter or _" },
        { "sock:a b", "a letter or _" }, /* 61 */ { "raw:", "a sockaddr has 2 to 128" }, { "raw:02", "1 bytes" },
        { "raw:020", "" }, { "raw:0g", "not a hex digit" }, { "h:80|80", "write HOST:PORT or HOST PORT" },
        { "/x|80", "a path stands alone" }, { "h|80|0", "1, 2 or 4 words, not 3" },
        { "h|80|0|0", "four words are IPV6 PORT FLOWINFO SCOPE_ID" }, { "127.0.0.1|80|0|0", "four words" },
        { "::1|80|1|0", "flowinfo must be 0" }, { "::1|80|x|0", "flowinfo" }, { "::1|80|0|x", "scope id" },
        { "::1|x|0|0", "port" }, { "::1|80|1048576|0", "flowinfo" }, { "fe80::1%lo|80|0|99999", "another interface" },
        { "::g|80|0|0", "not an IPv6" }, { "a|b|c|d|e", "1, 2 or 4 words" },
    };
    /* clang-format on */
    int wrong = 0;
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *got = refusal(rows[i].text);
        if (!got || !strstr(got, rows[i].part)) {
            print_error("'%s': got '%s', want '%s'\n", rows[i].text, got ? got : "no refusal", rows[i].part);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void test_nul_and_length(void **state) {
    static char big[70000];
    struct sk_endpoint ep;
    struct sk_err err;
    const char *words[] = { "a\0b:80", "80" };
    size_t lengths[] = { 6, 2 };
    (void)state;
    assert_int_equal(sk_endpoint_parse(&ep, words, lengths, 1, false, &err), -1);
    assert_non_null(strstr(err.msg, "NUL in address 'a\\x00b:80'"));
    lengths[0] = 3;
    assert_int_equal(sk_endpoint_parse(&ep, words, lengths, 2, false, &err), -1);
    assert_non_null(strstr(err.msg, "NUL in address"));
    words[0] = "127.0.0.1:8\0";
    lengths[0] = 12;
    assert_int_equal(sk_endpoint_parse(&ep, words, lengths, 1, false, &err), -1);
    words[0] = "/a\0b";
    lengths[0] = 4;
    assert_int_equal(sk_endpoint_parse(&ep, words, lengths, 1, false, &err), -1);
    assert_non_null(strstr(err.msg, "NUL in path"));
    words[0] = big;
    memset(big, 'a', sizeof big);
    static const size_t sizes[] = { 512, 513, 4096, 65536, 65537, 70000 };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        lengths[0] = sizes[i];
        lengths[1] = 2;
        for (size_t count = 1; count <= 2; count++) {
            assert_int_equal(sk_endpoint_parse(&ep, words, lengths, count, false, &err), -1);
            assert_int_equal(err.kind, SK_USAGE);
            assert_non_null(strstr(err.msg, sizes[i] > 65536 ? "longer than 65536" : " bytes)"));
        }
    }
    /* Names of 253 are the longest, with or without the final dot. */
    for (size_t i = 63; i < 253; i += 64)
        big[i] = '.';
    memcpy(big + 253, ":80", 3);
    lengths[0] = 256;
    assert_int_equal(sk_endpoint_parse(&ep, words, lengths, 1, false, &err), 0);
    memcpy(big + 253, "a:80", 4);
    lengths[0] = 257;
    assert_int_equal(sk_endpoint_parse(&ep, words, lengths, 1, false, &err), -1);
    assert_non_null(strstr(err.msg, "name longer than 253"));
    big[253] = '.';
    assert_int_equal(sk_endpoint_parse(&ep, words, lengths, 1, false, &err), 0);
}

static void test_unix_limits(void **state) {
    char text[256] = "unix:/";
    struct sk_endpoint ep;
    struct sk_err err;
    (void)state;
    memset(text + 6, 'a', 106); /* 107 with the slash */
    assert_int_equal(parse(&ep, text, false, &err), 0);
    assert_int_equal(ep.addr.len, 110);
    strcat(text, "a");
    assert_int_equal(parse(&ep, text, false, &err), -1);
    assert_non_null(strstr(err.msg, "at most 107"));
    memset(text, 0, sizeof text);
    strcpy(text, "unix:@");
    memset(text + 6, 'a', 107);
    assert_int_equal(parse(&ep, text, false, &err), 0);
    assert_int_equal(ep.addr.len, 110);
    strcat(text, "a");
    assert_int_equal(parse(&ep, text, false, &err), -1);
    assert_non_null(strstr(err.msg, "at most 107"));
    strcpy(text, "@x");
    assert_int_equal(parse(&ep, "unix:@x", false, &err), 0);
    assert_int_equal(ep.addr.len, 4);
    assert_memory_equal(ep.addr.u.un.sun_path, "\0x", 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_nul_and_length),
        cmocka_unit_test(test_unix_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
