/* Constants by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/names.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void table(void **state) {
    (void)state;
    size_t count, seen[SK_G_COUNT] = { 0 };
    const struct sk_name *rows = sk_names(&count);
    assert_true(count > 600);
    for (size_t i = 0; i < count; i++) {
        assert_true(rows[i].group < SK_G_COUNT);
        assert_true(i == 0 || rows[i - 1].group <= rows[i].group); /* groups are looked up by halves */
        seen[rows[i].group]++;
        for (size_t k = 0; k < i; k++)
            if (rows[k].group == rows[i].group && strcmp(rows[k].name, rows[i].name) == 0)
                fail_msg("%s twice", rows[i].name);
        const struct sk_name *found = sk_name_find(rows[i].group, rows[i].name, strlen(rows[i].name));
        assert_ptr_equal(found, &rows[i]);
        const char *name = sk_name_of(rows[i].group, rows[i].value);
        assert_non_null(name);
        assert_int_equal(sk_name_find(rows[i].group, name, strlen(name))->value, rows[i].value);
    }
    for (size_t g = 0; g < SK_G_COUNT; g++)
        assert_true(seen[g] > 0);
    assert_true(seen[SK_G_ERRNO] >= 130);
}

static void values(void **state) {
    (void)state;
    static const struct {
        enum sk_group group;
        const char *text;
        int value;
        const char *name;
    } rows[] = {
        { SK_G_AF, "AF_INET", 2, "AF_INET" },
        { SK_G_AF, "inet6", 10, "AF_INET6" },
        { SK_G_AF, "unix", 1, "AF_UNIX" },
        { SK_G_AF, "local", 1, "AF_LOCAL" },
        { SK_G_AF, "Af_Inet", 2, "AF_INET" },
        { SK_G_AF, "netlink", 16, "AF_NETLINK" },
        { SK_G_SOCK, "dgram", 2, "SOCK_DGRAM" },
        { SK_G_SOCK, "stream", 1, "SOCK_STREAM" },
        { SK_G_IPPROTO, "udp", 17, "IPPROTO_UDP" },
        { SK_G_IPPROTO, "TCP", 6, "IPPROTO_TCP" },
        { SK_G_SOL, "socket", 1, "SOL_SOCKET" },
        { SK_G_SO, "reuseaddr", 2, "SO_REUSEADDR" },
        { SK_G_SO, "SO_RCVTIMEO", SO_RCVTIMEO, "SO_RCVTIMEO" },
        { SK_G_SO, "bindtodevice", 25, "SO_BINDTODEVICE" },
        { SK_G_TCP, "tcp_nodelay", 1, "TCP_NODELAY" },
        { SK_G_TCP, "user_timeout", 18, "TCP_USER_TIMEOUT" },
        { SK_G_IP, "IP_ADD_MEMBERSHIP", 35, "IP_ADD_MEMBERSHIP" },
        { SK_G_IP, "mcast_join_group", 42, "MCAST_JOIN_GROUP" },
        { SK_G_IPV6, "v6only", 26, "IPV6_V6ONLY" },
        { SK_G_IPV6, "add_membership", 20, "IPV6_ADD_MEMBERSHIP" },
        { SK_G_MSG, "peek", 2, "MSG_PEEK" },
        { SK_G_POLL, "in", 1, "POLLIN" },
        { SK_G_POLL, "nval", 32, "POLLNVAL" },
        { SK_G_SHUT, "rdwr", 2, "SHUT_RDWR" },
        { SK_G_AI, "passive", 1, "AI_PASSIVE" },
        { SK_G_NI, "numerichost", 1, "NI_NUMERICHOST" },
        { SK_G_EAI, "noname", -2, "EAI_NONAME" },
        { SK_G_ERRNO, "ewouldblock", 11, "EWOULDBLOCK" },
        { SK_G_ERRNO, "connrefused", 111, "ECONNREFUSED" },
        { SK_G_SCM, "rights", 1, "SCM_RIGHTS" },
        { SK_G_TCPSTATE, "listen", 10, "TCP_LISTEN" },
        { SK_G_OTHER, "somaxconn", SOMAXCONN, "SOMAXCONN" },
        { SK_G_COUNT, "msg_trunc", 32, "MSG_TRUNC" },
        { SK_G_COUNT, "ENOENT", 2, "ENOENT" },
        { SK_G_COUNT, "dgram", 2, "SOCK_DGRAM" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct sk_name *row = sk_name_find(rows[i].group, rows[i].text, strlen(rows[i].text));
        if (!row)
            fail_msg("no %s", rows[i].text);
        assert_string_equal(row->name, rows[i].name);
        assert_int_equal(row->value, rows[i].value);
        int value = -77;
        struct sk_err e;
        assert_int_equal(sk_name_parse(rows[i].group, "x", rows[i].text, strlen(rows[i].text), &value, &e), 0);
        assert_int_equal(value, rows[i].value);
    }
    static const struct {
        enum sk_group group;
        const char *text;
        size_t len;
    } none[] = {
        { SK_G_AF, "", 0 },          { SK_G_AF, "AF_", 3 },       { SK_G_AF, "dgram", 5 },
        { SK_G_AF, "AF_INET7", 8 },  { SK_G_AF, "AF_INET\0", 8 }, { SK_G_AF, " AF_INET", 8 },
        { SK_G_AF, "AF_IN", 5 },     { SK_G_ERRNO, "E", 1 },      { SK_G_SO, "SO_SO_TYPE", 10 },
        { SK_G_COUNT, "nosuch", 6 },
    };
    for (size_t i = 0; i < COUNT(none); i++)
        assert_null(sk_name_find(none[i].group, none[i].text, none[i].len));
}

/* Every name of the document and of CPython's module that scripts are likely to carry over. */
static void expected(void **state) {
    (void)state;
    static const char *const wanted[] = {
        "AF_INET",
        "AF_INET6",
        "AF_UNIX",
        "AF_UNSPEC",
        "AF_NETLINK",
        "AF_PACKET",
        "AF_VSOCK",
        "AF_BLUETOOTH",
        "AF_CAN",
        "AF_TIPC",
        "SOCK_STREAM",
        "SOCK_DGRAM",
        "SOCK_RAW",
        "SOCK_RDM",
        "SOCK_SEQPACKET",
        "SOCK_CLOEXEC",
        "SOCK_NONBLOCK",
        "IPPROTO_UDP",
        "IPPROTO_TCP",
        "IPPROTO_IP",
        "IPPROTO_IPV6",
        "IPPROTO_ICMP",
        "IPPROTO_ICMPV6",
        "IPPROTO_RAW",
        "IPPROTO_SCTP",
        "IPPROTO_MPTCP",
        "SOL_SOCKET",
        "SOL_IP",
        "SOL_TCP",
        "SOL_UDP",
        "SOL_IPV6",
        "SO_BROADCAST",
        "SO_ERROR",
        "SO_KEEPALIVE",
        "SO_LINGER",
        "SO_REUSEADDR",
        "SO_REUSEPORT",
        "SO_BINDTODEVICE",
        "SO_SNDBUF",
        "SO_RCVBUF",
        "SO_TYPE",
        "SO_DOMAIN",
        "SO_PROTOCOL",
        "SO_TIMESTAMP",
        "SO_TIMESTAMPNS",
        "SO_PEERCRED",
        "SO_PASSCRED",
        "SO_ZEROCOPY",
        "SO_MARK",
        "SO_PRIORITY",
        "SO_INCOMING_CPU",
        "SO_COOKIE",
        "SO_ATTACH_FILTER",
        "SO_OOBINLINE",
        "SO_RCVLOWAT",
        "SO_RCVTIMEO",
        "SO_SNDTIMEO",
        "TCP_NODELAY",
        "TCP_MAXSEG",
        "TCP_CORK",
        "TCP_KEEPIDLE",
        "TCP_KEEPINTVL",
        "TCP_KEEPCNT",
        "TCP_SYNCNT",
        "TCP_LINGER2",
        "TCP_DEFER_ACCEPT",
        "TCP_WINDOW_CLAMP",
        "TCP_INFO",
        "TCP_QUICKACK",
        "TCP_CONGESTION",
        "TCP_MD5SIG",
        "TCP_USER_TIMEOUT",
        "TCP_FASTOPEN",
        "TCP_NOTSENT_LOWAT",
        "TCP_ULP",
        "UDP_CORK",
        "UDP_SEGMENT",
        "UDP_GRO",
        "IP_ADD_MEMBERSHIP",
        "IP_DROP_MEMBERSHIP",
        "IP_MULTICAST_IF",
        "IP_MULTICAST_TTL",
        "IP_MULTICAST_LOOP",
        "IP_TOS",
        "IP_TTL",
        "IP_PKTINFO",
        "IP_RECVTTL",
        "IP_RECVTOS",
        "IP_RECVERR",
        "IP_MTU",
        "IP_MTU_DISCOVER",
        "IP_FREEBIND",
        "IP_TRANSPARENT",
        "IP_HDRINCL",
        "IP_BIND_ADDRESS_NO_PORT",
        "IPV6_V6ONLY",
        "IPV6_JOIN_GROUP",
        "IPV6_LEAVE_GROUP",
        "IPV6_MULTICAST_HOPS",
        "IPV6_MULTICAST_IF",
        "IPV6_UNICAST_HOPS",
        "IPV6_RECVPKTINFO",
        "IPV6_PKTINFO",
        "IPV6_RECVHOPLIMIT",
        "IPV6_HOPLIMIT",
        "IPV6_TCLASS",
        "IPV6_RECVTCLASS",
        "IPV6_RECVERR",
        "MSG_PEEK",
        "MSG_DONTWAIT",
        "MSG_DONTROUTE",
        "MSG_WAITALL",
        "MSG_TRUNC",
        "MSG_CTRUNC",
        "MSG_OOB",
        "MSG_ERRQUEUE",
        "MSG_MORE",
        "MSG_NOSIGNAL",
        "MSG_EOR",
        "MSG_CONFIRM",
        "MSG_FASTOPEN",
        "MSG_CMSG_CLOEXEC",
        "MSG_ZEROCOPY",
        "POLLIN",
        "POLLOUT",
        "POLLERR",
        "POLLHUP",
        "POLLNVAL",
        "POLLPRI",
        "POLLRDHUP",
        "SHUT_RD",
        "SHUT_WR",
        "SHUT_RDWR",
        "AI_PASSIVE",
        "AI_CANONNAME",
        "AI_NUMERICHOST",
        "AI_NUMERICSERV",
        "AI_ADDRCONFIG",
        "AI_V4MAPPED",
        "AI_ALL",
        "NI_NUMERICHOST",
        "NI_NUMERICSERV",
        "NI_NAMEREQD",
        "NI_NOFQDN",
        "NI_DGRAM",
        "NI_MAXHOST",
        "EAI_AGAIN",
        "EAI_BADFLAGS",
        "EAI_FAIL",
        "EAI_FAMILY",
        "EAI_MEMORY",
        "EAI_NODATA",
        "EAI_NONAME",
        "EAI_OVERFLOW",
        "EAI_SERVICE",
        "EAI_SOCKTYPE",
        "EAI_SYSTEM",
        "EAI_ADDRFAMILY",
        "SCM_RIGHTS",
        "SCM_CREDENTIALS",
        "SCM_TIMESTAMP",
        "TCP_ESTABLISHED",
        "TCP_TIME_WAIT",
        "TCP_LISTEN",
        "TCP_CLOSE",
        "SOMAXCONN",
        "INADDR_ANY",
        "INADDR_LOOPBACK",
    };
    for (size_t i = 0; i < COUNT(wanted); i++) {
        const struct sk_name *row = sk_name_find(SK_G_COUNT, wanted[i], strlen(wanted[i]));
        if (!row || strcmp(row->name, wanted[i]) != 0)
            fail_msg("no %s", wanted[i]);
    }
    for (int e = 1; e <= 133; e++)
        if (strerrorname_np(e))
            assert_string_equal(sk_name_of(SK_G_ERRNO, e), strerrorname_np(e));
}

static void parse(void **state) {
    (void)state;
    static const struct {
        enum sk_group group;
        const char *text;
        int flags; /* taken as a list of flags? */
        int value;
        const char *words; /* of the refusal */
    } rows[] = {
        { SK_G_AF, "10", 0, 10, NULL },
        { SK_G_AF, "0x0a", 0, 10, NULL },
        { SK_G_AF, "99999", 0, 99999, NULL }, /* the kernel refuses it */
        { SK_G_AF, "AF_NOSUCH", 0, 0, "what: 'AF_NOSUCH': unknown name; write a name like AF_INET or a number" },
        { SK_G_AF, "inet7", 0, 0, "did you mean AF_INET?" },
        { SK_G_AF, "AF_UNX", 0, 0, "did you mean AF_UNIX?" },
        { SK_G_SOCK, "steram", 0, 0, "did you mean SOCK_STREAM?" },
        { SK_G_AF, "", 0, 0, "'': empty; write a name like AF_INET" },
        { SK_G_AF, "-1", 0, 0, "'-1': out of range 0 to 2147483647" },
        { SK_G_AF, "4294967298", 0, 0, "out of range" },
        { SK_G_AF, "010", 0, 0, "leading zero; write 10" },
        { SK_G_AF, "2x", 0, 0, "digits only" },
        { SK_G_AF, "\x1b[m", 0, 0, "'\\x1b[m': unknown name" },
        { SK_G_SHUT, "3", 0, 3, NULL },
        { SK_G_SHUT, "xx", 0, 0, "write a name like SHUT_WR" },
        { SK_G_POLL, "in,out", 1, 5, NULL },
        { SK_G_POLL, "POLLIN|POLLOUT", 1, 5, NULL },
        { SK_G_POLL, "in|0x4,hup", 1, 21, NULL },
        { SK_G_MSG, "MSG_PEEK|MSG_TRUNC", 1, 34, NULL },
        { SK_G_MSG, "0", 1, 0, NULL },
        { SK_G_SOCK, "SOCK_STREAM|SOCK_X", 1, 0, "'SOCK_X'" },
        { SK_G_MSG, "peek,,trunc", 1, 0, "'': empty" },
        { SK_G_MSG, "peek,", 1, 0, "'': empty" },
        { SK_G_MSG, "", 1, 0, "'': empty" },
        { SK_G_MSG, "peek trunc", 1, 0, "'peek trunc': unknown name" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sk_err e = { 0 };
        int value = -77;
        int rc = rows[i].flags
                     ? sk_name_parse_flags(rows[i].group, "what", rows[i].text, strlen(rows[i].text), &value, &e)
                     : sk_name_parse(rows[i].group, "what", rows[i].text, strlen(rows[i].text), &value, &e);
        if (!rows[i].words) {
            assert_int_equal(rc, 0);
            assert_int_equal(value, rows[i].value);
            continue;
        }
        assert_int_equal(rc, -1);
        assert_int_equal(value, -77);
        assert_int_equal(e.kind, SK_USAGE);
        if (!strstr(e.msg, rows[i].words))
            fail_msg("'%s' does not say '%s'", e.msg, rows[i].words);
    }
}

static void print(void **state) {
    (void)state;
    struct sk_buf b = { 0 };
    struct sk_err e;
    sk_name_print(&b, SK_G_AF, AF_INET6, &e);
    sk_buf_add_str(&b, " ", &e);
    sk_name_print(&b, SK_G_AF, 4711, &e);
    sk_buf_add(&b, "", 1, &e);
    assert_string_equal((char *)sk_buf_data(&b), "AF_INET6 4711");
    sk_buf_done(&b);
    /* Of equal values the name that people know. */
    assert_string_equal(sk_name_of(SK_G_AF, AF_UNIX), "AF_UNIX");
    assert_string_equal(sk_name_of(SK_G_ERRNO, EAGAIN), "EAGAIN");
    assert_string_equal(sk_name_of(SK_G_SO, SO_RCVTIMEO), "SO_RCVTIMEO");
    assert_string_equal(sk_name_of(SK_G_SO, SO_TIMESTAMP), "SO_TIMESTAMP");
    assert_string_equal(sk_name_of(SK_G_IPPROTO, 0), "IPPROTO_IP");
    assert_string_equal(sk_name_of(SK_G_TCPSTATE, TCP_LISTEN), "TCP_LISTEN");
    assert_null(sk_name_of(SK_G_AF, -1));
}

static void nearest(void **state) {
    (void)state;
    static const char *const commands[] = { "connect", "close",  "recv", "read", "readline",
                                            "send",    "sendto", "ls",   "use" };
    static const struct {
        const char *text, *want;
    } rows[] = {
        { "conect", "connect" },
        { "connnect", "connect" },
        { "conncet", "connect" },
        { "CONNECT", "connect" },
        { "ocnnect", "connect" },
        { "cnct", NULL },
        { "rcv", "recv" },
        { "raed", "read" },
        { "sned", "send" },
        { "sendot", "sendto" },
        { "sl", "ls" },
        { "xy", NULL },
        { "x", NULL },
        { "", NULL },
        { "nosuch", NULL },
        { "reaadlin", "readline" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *got = sk_nearest(rows[i].text, commands, COUNT(commands));
        if (!rows[i].want)
            assert_null(got);
        else if (!got)
            fail_msg("nothing for %s", rows[i].text);
        else
            assert_string_equal(got, rows[i].want);
    }
    char huge[10000];
    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    assert_null(sk_nearest(huge, commands, COUNT(commands)));
    struct sk_err e;
    int value;
    assert_int_equal(sk_name_parse(SK_G_AF, "what", huge, strlen(huge), &value, &e), -1);
    assert_non_null(strstr(e.msg, "(9999 bytes): unknown name"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table), cmocka_unit_test(values), cmocka_unit_test(expected),
        cmocka_unit_test(parse), cmocka_unit_test(print),  cmocka_unit_test(nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
