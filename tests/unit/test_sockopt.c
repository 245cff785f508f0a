/* Socket options: finding, reading values, setting and getting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "net/iface.h"
#include "net/sockopt.h"
#include "net/sys.h"
#include "run/fd.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct sk_err err;
static struct sk_sockopt scratch;

static void test_table(void **state) {
    size_t count;
    const struct sk_sockopt *all = sk_sockopts(&count);
    (void)state;
    assert_true(count > 130);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(sk_sockopt_find("", all[i].name, &scratch, &err), &all[i]);
        assert_ptr_equal(sk_sockopt_find(all[i].level_name, all[i].name, &scratch, &err), &all[i]);
        if (all[i].type == SK_OPT_INT)
            assert_true(all[i].lo <= all[i].hi);
        if (all[i].type == SK_OPT_REFUSED || all[i].words)
            assert_non_null(all[i].note);
    }
}

static void test_find(void **state) {
    /* clang-format off */
    static const struct { const char *level, *name, *want; } rows[] = {
        { "", "SO_RCVBUF", "SOL_SOCKET SO_RCVBUF" },
        { "", "so_rcvbuf", "SOL_SOCKET SO_RCVBUF" },
        { "", "rcvbuf", "SOL_SOCKET SO_RCVBUF" },
        { "SOL_SOCKET", "SO_RCVBUF", "SOL_SOCKET SO_RCVBUF" },
        { "socket", "rcvbuf", "SOL_SOCKET SO_RCVBUF" },
        { "1", "SO_RCVBUF", "SOL_SOCKET SO_RCVBUF" },
        { "", "tcp_nodelay", "IPPROTO_TCP TCP_NODELAY" },
        { "", "nodelay", "IPPROTO_TCP TCP_NODELAY" },
        { "tcp", "nodelay", "IPPROTO_TCP TCP_NODELAY" },
        { "SOL_TCP", "TCP_NODELAY", "IPPROTO_TCP TCP_NODELAY" },
        { "IPPROTO_TCP", "TCP_CORK", "IPPROTO_TCP TCP_CORK" },
        { "udp", "cork", "IPPROTO_UDP UDP_CORK" },
        { "6", "cork", "IPPROTO_TCP TCP_CORK" },
        { "", "ttl", "IPPROTO_IP IP_TTL" },
        { "0", "IP_TTL", "IPPROTO_IP IP_TTL" },
        { "", "v6only", "IPPROTO_IPV6 IPV6_V6ONLY" },
        { "ipv6", "mtu", "IPPROTO_IPV6 IPV6_MTU" },
        { "1", "2", "SOL_SOCKET SO_REUSEADDR" },
        { "6", "999", "IPPROTO_TCP 999" },
        { "999", "0x10", "999 16" },
        { "", "cork", "! option 'cork' may be TCP_CORK or UDP_CORK; write which" },
        { "", "mtu", "! option 'mtu' may be IP_MTU or IPV6_MTU" },
        { "", "SO_NODELAY", "! unknown socket option 'SO_NODELAY'; did you mean TCP_NODELAY?" },
        { "", "SO_RCVBUFF", "! unknown socket option 'SO_RCVBUFF'; did you mean SO_RCVBUF?" },
        { "", "tcp_nodely", "! unknown socket option 'tcp_nodely'; did you mean TCP_NODELAY?" },
        { "", "xyzzy", "! unknown socket option 'xyzzy'" },
        { "", "", "! unknown socket option ''" },
        { "", "so_\033[0m", "! unknown socket option 'so_\\x1b[0m'" },
        { "tcp", "SO_RCVBUF", "! option SO_RCVBUF belongs to SOL_SOCKET; write SOL_SOCKET SO_RCVBUF" },
        { "SOL_NOSUCH", "SO_RCVBUF", "! level" },
        { "", "13", "! option '13': a number needs its level" },
        { "", "rcv_space", "! 'rcv_space' is a figure of TCP_INFO" },
        { "", "tcp_rmem", "! 'tcp_rmem' is a sysctl, for the whole system; an option is SO_RCVBUF" },
        { "1", "99999999999", "! option: '99999999999': out of range" },
        { "99999999999", "1", "! level: '99999999999': out of range" },
        { "1", "0x", "! option" },
    };
    /* clang-format on */
    char got[600];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct sk_sockopt *o = sk_sockopt_find(rows[i].level, rows[i].name, &scratch, &err);
        if (o)
            snprintf(got, sizeof got, "%s %s", o->level_name, o->name);
        else
            snprintf(got, sizeof got, "! %s", err.msg);
        if (rows[i].want[0] == '!' ? !strstr(got, rows[i].want) : strcmp(got, rows[i].want) != 0)
            fail_msg("%s %s: got '%s', want '%s'", rows[i].level, rows[i].name, got, rows[i].want);
        if (!o)
            assert_int_equal(err.kind, SK_USAGE);
    }
    assert_int_equal(sk_sockopt_find("1", "13", &scratch, &err)->type, SK_OPT_INT); /* numbers take numbers */
}

/* The bytes as hex, or the refusal. */
static const char *encode(const char *name, const char *value) {
    static char text[700];
    struct sk_buf out = { 0 };
    const struct sk_sockopt *o = sk_sockopt_find("", name, &scratch, &err);
    assert_non_null(o);
    text[0] = '\0';
    if (sk_sockopt_encode(o, value, &out, &err) < 0) {
        assert_int_equal(err.kind, SK_USAGE);
        snprintf(text, sizeof text, "! %s", err.msg);
    }
    for (size_t i = 0; text[0] != '!' && i < out.len && i < 300; i++)
        snprintf(text + 2 * i, 3, "%02x", sk_buf_data(&out)[i]);
    sk_buf_done(&out);
    return text;
}

static void test_encode(void **state) {
    /* clang-format off */
    static const struct { const char *name, *value, *want; } rows[] = {
        { "SO_RCVBUF", "65536", "00000100" },
        { "SO_RCVBUF", "0x100", "00010000" },
        { "SO_MARK", "4294967295", "ffffffff" },
        { "SO_PEEK_OFF", "-1", "ffffffff" },
        { "TCP_NODELAY", "on", "01000000" },
        { "TCP_NODELAY", "OFF", "00000000" },
        { "TCP_NODELAY", "1", "01000000" },
        { "TCP_NODELAY", "true", "01000000" },
        { "TCP_NODELAY", "no", "00000000" },
        { "SO_LINGER", "on,5", "0100000005000000" },
        { "SO_LINGER", "on,0", "0100000000000000" },
        { "SO_LINGER", "off", "0000000000000000" },
        { "SO_RCVTIMEO", "2s", "02000000000000000000000000000000" },
        { "SO_RCVTIMEO", "1.5", "010000000000000020a1070000000000" },
        { "SO_RCVTIMEO", "250us", "0000000000000000fa00000000000000" },
        { "SO_RCVTIMEO", "inf", "00000000000000000000000000000000" },
        { "TCP_CONGESTION", "cubic", "6375626963" },
        { "IP_ADD_MEMBERSHIP", "239.1.1.1", "ef0101010000000000000000" },
        { "IP_ADD_MEMBERSHIP", "239.1.1.1,127.0.0.1", "ef0101017f00000100000000" },
        { "IP_ADD_MEMBERSHIP", "239.1.1.1,lo", "ef0101010000000001000000" },
        { "IP_DROP_MEMBERSHIP", "224.0.0.251,1", "e00000fb0000000001000000" },
        { "IP_MULTICAST_IF", "127.0.0.1", "000000007f00000100000000" },
        { "IP_MULTICAST_IF", "lo", "000000000000000001000000" },
        { "IPV6_JOIN_GROUP", "ff02::1", "ff02000000000000000000000000000100000000" },
        { "IPV6_JOIN_GROUP", "ff02::1,lo", "ff02000000000000000000000000000101000000" },
        { "IPV6_LEAVE_GROUP", "ff02::1%lo", "ff02000000000000000000000000000101000000" },
        { "IPV6_MULTICAST_IF", "lo", "01000000" },
        { "IPV6_MULTICAST_IF", "0", "00000000" },
        { "SO_BINDTODEVICE", "lo", "6c6f00" },
        { "SO_BINDTODEVICE", "", "00" },
        { "IP_MTU_DISCOVER", "do", "02000000" },
        { "IP_MTU_DISCOVER", "IP_PMTUDISC_PROBE", "03000000" },
        { "IP_MTU_DISCOVER", "1", "01000000" },
        { "IP_TOS", "lowdelay", "10000000" },
        { "IP_TOS", "0xb8", "b8000000" },
        { "IP_TTL", "255", "ff000000" },
        { "IP_OPTIONS", "01 01 01 00", "01010100" },
        { "SO_RCVBUF", "x", "! SO_RCVBUF wants a number, not 'x'" },
        { "SO_RCVBUF", "", "! SO_RCVBUF wants a number" },
        { "SO_RCVBUF", "-1", "! SO_RCVBUF" },
        { "SO_RCVBUF", "2147483648", "! SO_RCVBUF: '2147483648': out of range" },
        { "SO_RCVBUF", "1e3", "! SO_RCVBUF" },
        { "SO_RCVBUF", "+5", "! SO_RCVBUF" },
        { "SO_RCVBUF", "010", "! SO_RCVBUF" },
        { "TCP_NODELAY", "2", "! TCP_NODELAY wants on or off, not '2'" },
        { "TCP_NODELAY", "", "! TCP_NODELAY wants on or off" },
        { "SO_LINGER", "-1", "! SO_LINGER wants on,SECONDS or off, not '-1'" },
        { "SO_LINGER", "5", "! SO_LINGER wants on,SECONDS or off" },
        { "SO_LINGER", "on", "! SO_LINGER wants on,SECONDS or off" },
        { "SO_LINGER", "on,", "! SO_LINGER wants on,SECONDS or off" },
        { "SO_LINGER", "on,-1", "! SO_LINGER wants on,SECONDS or off" },
        { "SO_LINGER", "on,5x", "! SO_LINGER wants on,SECONDS or off" },
        { "SO_LINGER", "on,9999999999", "! SO_LINGER" },
        { "SO_RCVTIMEO", "1.9999999", "! SO_RCVTIMEO wants a time of whole microseconds" },
        { "SO_RCVTIMEO", "-1", "! SO_RCVTIMEO" },
        { "SO_RCVTIMEO", "nan", "! SO_RCVTIMEO" },
        { "SO_RCVTIMEO", "1,5", "! SO_RCVTIMEO" },
        { "TCP_CONGESTION", "", "! TCP_CONGESTION wants a word" },
        { "TCP_MD5SIG", "x", "! TCP_MD5SIG is not offered: a key given in words" },
        { "SO_ATTACH_FILTER", "x", "! SO_ATTACH_FILTER is not offered" },
        { "TCP_INFO", "x", "! TCP_INFO is read only" },
        { "SO_PEERCRED", "1", "! SO_PEERCRED is read only" },
        { "IP_ADD_MEMBERSHIP", "10.0.0.1", "! IP_ADD_MEMBERSHIP wants a multicast group, 224.0.0.0 to 239.255.255.255" },
        { "IP_ADD_MEMBERSHIP", "239.1.1", "! address '239.1.1': short IPv4 form; write 239.1.0.1" },
        { "IP_ADD_MEMBERSHIP", "lo", "! IP_ADD_MEMBERSHIP wants GROUP" },
        { "IP_ADD_MEMBERSHIP", "", "! IP_ADD_MEMBERSHIP wants GROUP" },
        { "IP_ADD_MEMBERSHIP", "239.1.1.1,", "! IP_ADD_MEMBERSHIP wants an interface" },
        { "IP_ADD_MEMBERSHIP", "239.1.1.1,nosuch", "! IP_ADD_MEMBERSHIP: no interface 'nosuch'; have lo" },
        { "IP_ADD_MEMBERSHIP", "239.1.1.1,99999", "! IP_ADD_MEMBERSHIP: no interface with index 99999; have lo" },
        { "IPV6_JOIN_GROUP", "fe80::1,lo", "! IPV6_JOIN_GROUP wants a multicast group, ff00::/8" },
        { "IPV6_JOIN_GROUP", "239.1.1.1", "! IPV6_JOIN_GROUP wants GROUP" },
        { "IPV6_JOIN_GROUP", "ff02::1,nosuch", "! IPV6_JOIN_GROUP: no interface 'nosuch'" },
        { "SO_BINDTODEVICE", "LO", "! SO_BINDTODEVICE: no interface 'LO'; have lo" },
        { "SO_BINDTODEVICE", "abcdefghijklmnop", "! SO_BINDTODEVICE: interface 'abcdefghijklmnop' is longer than 15" },
        { "SO_BINDTODEVICE", "../x", "! SO_BINDTODEVICE: no interface '../x'" },
        { "IP_TTL", "256", "! IP_TTL: '256': out of range 1 to 255" },
        { "IP_TTL", "0", "! IP_TTL: '0': out of range 1 to 255" },
        { "IP_TOS", "256", "! IP_TOS" },
        { "IPV6_UNICAST_HOPS", "-1", "! IPV6_UNICAST_HOPS" },
        { "IPV6_MULTICAST_HOPS", "256", "! IPV6_MULTICAST_HOPS" },
        { "IP_MTU_DISCOVER", "nosuch", "! IP_MTU_DISCOVER wants dont want do probe" },
        { "UDP_SEGMENT", "65536", "! UDP_SEGMENT" },
        { "TCP_KEEPIDLE", "0", "! TCP_KEEPIDLE: '0': out of range 1 to 32767" },
        { "IP_OPTIONS", "0g", "! 'g' is not a hex digit" },
    };
    /* clang-format on */
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *got = encode(rows[i].name, rows[i].value);
        if (rows[i].want[0] == '!' ? strncmp(got, rows[i].want, strlen(rows[i].want)) != 0
                                   : strcmp(got, rows[i].want) != 0)
            fail_msg("%s %s: got '%s', want '%s'", rows[i].name, rows[i].value, got, rows[i].want);
    }
}

static int set(int fd, const char *name, const char *value, bool *clamped, struct sk_value *now) {
    struct sk_buf bytes = { 0 };
    const struct sk_sockopt *o = sk_sockopt_find("", name, &scratch, &err);
    int rc = sk_sockopt_encode(o, value, &bytes, &err);
    if (rc == 0)
        rc = sk_sockopt_set(fd, o, sk_buf_data(&bytes), bytes.len, clamped, now, &err);
    sk_buf_done(&bytes);
    return rc;
}

/* "LEVEL NAME VALUE HEX" */
static const char *get(int fd, const char *name, const char *as) {
    static char text[800];
    struct sk_value out;
    if (sk_sockopt_get(fd, sk_sockopt_find("", name, &scratch, &err), as, 0, &out, &err) < 0) {
        snprintf(text, sizeof text, "! %s", err.msg);
        return text;
    }
    const struct sk_value *v = sk_get(&out, "value");
    assert_ptr_equal(sk_at(&out, out.u.seq->main), v);
    snprintf(text, sizeof text, "%s %s ", sk_get(&out, "level")->u.s->data, sk_get(&out, "name")->u.s->data);
    size_t at = strlen(text);
    if (v->type == SK_INT)
        snprintf(text + at, sizeof text - at, "%lld", (long long)v->u.i);
    else if (v->type == SK_BOOL)
        snprintf(text + at, sizeof text - at, "%s", v->u.b ? "on" : "off");
    else if (v->type == SK_FLOAT)
        snprintf(text + at, sizeof text - at, "%g", v->u.f);
    else if (v->type == SK_TEXT || v->type == SK_BYTES)
        snprintf(text + at, sizeof text - at, "%s", v->u.s->data);
    else
        snprintf(text + at, sizeof text - at, "record");
    at = strlen(text);
    snprintf(text + at, sizeof text - at, " %s", sk_get(&out, "hex")->u.s->data);
    sk_drop(out);
    return text;
}

static void test_set_and_get(void **state) {
    /* clang-format off */
    static const struct { const char *name, *value, *want; } rows[] = {
        { "TCP_NODELAY", "on", "IPPROTO_TCP TCP_NODELAY 1 01000000" },
        { "TCP_NODELAY", "off", "IPPROTO_TCP TCP_NODELAY 0 00000000" },
        { "SO_LINGER", "on,5", "SOL_SOCKET SO_LINGER on,5 0100000005000000" },
        { "SO_LINGER", "off", "SOL_SOCKET SO_LINGER off" },
        { "SO_RCVTIMEO", "1.5s", "SOL_SOCKET SO_RCVTIMEO 1.5 0100000000000000" },
        { "TCP_CONGESTION", "reno", "IPPROTO_TCP TCP_CONGESTION reno 72656e6f" },
        { "TCP_KEEPIDLE", "77", "IPPROTO_TCP TCP_KEEPIDLE 77 4d000000" },
        { "IP_TTL", "9", "IPPROTO_IP IP_TTL 9 09000000" },
        { "IP_TOS", "throughput", "IPPROTO_IP IP_TOS 8 08" },
        { "IP_MTU_DISCOVER", "do", "IPPROTO_IP IP_MTU_DISCOVER 2 02000000" },
        { "SO_BINDTODEVICE", "lo", "SOL_SOCKET SO_BINDTODEVICE lo 6c6f00" },
        { "SO_MAX_PACING_RATE", "1000000", "SOL_SOCKET SO_MAX_PACING_RATE 1000000 40420f0000000000" },
        { "SO_MARK", "4294967295", "SOL_SOCKET SO_MARK 4294967295 ffffffff" },
        { "SO_REUSEADDR", "on", "SOL_SOCKET SO_REUSEADDR 1 01000000" },
    };
    /* clang-format on */
    (void)state;
    int fd = sk_sys_socket(AF_INET, SOCK_STREAM, 0, &err);
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (set(fd, rows[i].name, rows[i].value, NULL, NULL) < 0) {
            assert_string_equal(sk_err_name(&err), "EPERM"); /* without the capability */
            continue;
        }
        const char *got = get(fd, rows[i].name, NULL);
        if (strncmp(got, rows[i].want, strlen(rows[i].want)) != 0)
            fail_msg("got '%s', want '%s'", got, rows[i].want);
    }
    assert_string_equal(get(fd, "SO_TYPE", NULL), "SOL_SOCKET SO_TYPE 1 01000000");
    assert_string_equal(get(fd, "SO_ERROR", NULL), "SOL_SOCKET SO_ERROR 0 00000000");
    assert_string_equal(get(fd, "SO_TYPE", "bool"), "SOL_SOCKET SO_TYPE on 01000000");
    assert_non_null(strstr(get(fd, "SO_TYPE", "float"), "! unknown type 'float'; one of bool int"));
    assert_non_null(strstr(get(fd, "TCP_MD5SIG", NULL), "! TCP_MD5SIG is not offered"));
    assert_true(set(fd, "UDP_CORK", "on", NULL, NULL) < 0);
    assert_string_equal(err.msg, "setsockopt UDP_CORK: protocol not available");
    assert_string_equal(sk_err_name(&err), "ENOPROTOOPT");
    assert_true(set(fd, "SO_TYPE", "1", NULL, NULL) < 0);
    assert_string_equal(sk_err_name(&err), "ENOPROTOOPT");
    sk_fd_close(fd, NULL);
    fd = sk_sys_socket(AF_INET6, SOCK_DGRAM, 0, &err);
    assert_int_equal(set(fd, "IPV6_MULTICAST_IF", "lo", NULL, NULL), 0);
    assert_string_equal(get(fd, "IPV6_MULTICAST_IF", NULL), "IPPROTO_IPV6 IPV6_MULTICAST_IF lo 01000000");
    assert_int_equal(set(fd, "IPV6_JOIN_GROUP", "ff02::1234,lo", NULL, NULL), 0);
    assert_int_equal(set(fd, "IPV6_LEAVE_GROUP", "ff02::1234,lo", NULL, NULL), 0);
    assert_int_equal(set(fd, "UDP_SEGMENT", "1200", NULL, NULL), 0);
    assert_string_equal(get(fd, "UDP_SEGMENT", NULL), "IPPROTO_UDP UDP_SEGMENT 1200 b0040000");
    sk_fd_close(fd, NULL);
    assert_true(set(-1, "SO_REUSEADDR", "on", NULL, NULL) < 0);
    assert_string_equal(sk_err_name(&err), "EBADF");
}

static void test_multicast(void **state) {
    (void)state;
    int fd = sk_sys_socket(AF_INET, SOCK_DGRAM, 0, &err);
    assert_int_equal(set(fd, "IP_MULTICAST_IF", "127.0.0.1", NULL, NULL), 0);
    assert_string_equal(get(fd, "IP_MULTICAST_IF", NULL), "IPPROTO_IP IP_MULTICAST_IF 127.0.0.1 7f000001");
    assert_int_equal(set(fd, "IP_ADD_MEMBERSHIP", "239.1.2.3,lo", NULL, NULL), 0);
    assert_true(set(fd, "IP_ADD_MEMBERSHIP", "239.1.2.3,127.0.0.1", NULL, NULL) < 0);
    assert_string_equal(sk_err_name(&err), "EADDRINUSE"); /* the same by the interface's address */
    assert_int_equal(set(fd, "IP_DROP_MEMBERSHIP", "239.1.2.3,127.0.0.1", NULL, NULL), 0);
    sk_fd_close(fd, NULL);
}

static void test_clamped(void **state) {
    bool clamped = true;
    struct sk_value now = sk_null();
    (void)state;
    int fd = sk_sys_socket(AF_INET, SOCK_STREAM, 0, &err);
    assert_int_equal(set(fd, "SO_RCVBUF", "16384", &clamped, &now), 0);
    assert_false(clamped);
    assert_int_equal(set(fd, "SO_RCVBUF", "2147483647", &clamped, &now), 0);
    assert_true(clamped);
    assert_int_equal(now.type, SK_INT);
    assert_in_range(now.u.i, 2048, 2000000000);
    assert_int_equal(set(fd, "SO_REUSEADDR", "on", &clamped, &now), 0);
    assert_false(clamped);
    sk_fd_close(fd, NULL);
}

static void test_records(void **state) {
    struct sk_value out;
    struct sk_addr addr;
    int pair[2];
    (void)state;
    assert_int_equal(sk_sys_pair(AF_UNIX, SOCK_STREAM, 0, pair, &err), 0);
    assert_int_equal(sk_sockopt_get(pair[0], sk_sockopt_find("", "SO_PEERCRED", &scratch, &err), NULL, 0, &out, &err),
                     0);
    const struct sk_value *cred = sk_get(&out, "value");
    assert_int_equal(sk_get(cred, "pid")->u.i, getpid());
    assert_int_equal(sk_get(cred, "uid")->u.i, getuid());
    sk_drop(out);
    assert_int_equal(
        sk_sockopt_get(pair[0], sk_sockopt_find("", "SO_PEERCRED", &scratch, &err), "bytes", 4, &out, &err), 0);
    assert_int_equal(sk_get(&out, "value")->u.s->len, 4);
    sk_drop(out);
    assert_int_equal(sk_sockopt_get(pair[0], sk_sockopt_find("", "SO_TYPE", &scratch, &err), NULL, 65537, &out, &err),
                     -1);
    assert_int_equal(err.kind, SK_USAGE);
    sk_fd_close(pair[0], NULL);
    sk_fd_close(pair[1], NULL);
    int fd = sk_sys_socket(AF_INET, SOCK_STREAM, 0, &err);
    sk_addr_loopback(&addr, AF_INET, 0);
    assert_int_equal(sk_sys_bind(fd, &addr, &err), 0);
    assert_int_equal(sk_sys_listen(fd, 3, &err), 0);
    assert_int_equal(sk_sockopt_get(fd, sk_sockopt_find("", "TCP_INFO", &scratch, &err), NULL, 0, &out, &err), 0);
    const struct sk_value *info = sk_get(&out, "value");
    assert_string_equal(sk_main(&out)->u.s->data, "TCP_LISTEN");
    assert_int_equal(sk_get(info, "tcpi_state")->u.i, 10);
    assert_int_equal(sk_get(info, "tcpi_sacked")->u.i, 3); /* a listener's backlog stands there */
    assert_non_null(sk_get(info, "tcpi_total_retrans"));
    assert_non_null(sk_get(info, "tcpi_bytes_acked"));
    sk_drop(out);
    sk_fd_close(fd, NULL);
}

static void test_interfaces(void **state) {
    struct sk_value list;
    unsigned index = 0;
    char name[16], names[256], tiny[8];
    (void)state;
    assert_int_equal(sk_if_index("lo", &index, &err), 0);
    assert_int_equal(index, 1);
    assert_int_equal(sk_if_name(1, name, &err), 0);
    assert_string_equal(name, "lo");
    assert_int_equal(sk_if_index("nosuch", &index, &err), -1);
    assert_string_equal(sk_err_name(&err), "ENODEV");
    assert_int_equal(sk_if_index("", &index, &err), -1);
    assert_int_equal(sk_if_index("\033", &index, &err), -1);
    assert_non_null(strstr(err.msg, "'\\x1b'"));
    assert_int_equal(sk_if_name(0, name, &err), -1);
    assert_string_equal(sk_err_name(&err), "ENXIO");
    assert_int_equal(sk_if_list(&list, &err), 0);
    assert_int_equal(sk_get(sk_at(&list, 0), "index")->u.i, 1);
    assert_string_equal(sk_get(sk_at(&list, 0), "name")->u.s->data, "lo");
    sk_drop(list);
    assert_memory_equal(sk_if_names(names, sizeof names), "lo", 2);
    assert_true(strlen(sk_if_names(tiny, sizeof tiny)) < sizeof tiny);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),       cmocka_unit_test(test_find),       cmocka_unit_test(test_encode),
        cmocka_unit_test(test_set_and_get), cmocka_unit_test(test_multicast),  cmocka_unit_test(test_clamped),
        cmocka_unit_test(test_records),     cmocka_unit_test(test_interfaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
