/* Proxies: what is typed, the answers of HTTP, and both dialogues with a peer on the other end. valgrind: yes */
#include "sock_kit.h"

#include "run/task.h"
#include "sock/proxy.h"
#include "sock/proxy_parts.h"

static void parsed(void **state) {
    static const struct {
        const char *text, *why;
    } rows[] = {
        { "socks5://127.0.0.1:1080", NULL },
        { "SOCKS5H://[::1]:1080", NULL },
        { "http://proxy.example:3128", NULL },
        { "http://:3128", NULL },
        { "socks5://", "address is empty" },
        { "socks5://*:1080", "connect to :1080" },
        { "socks5://sock:x", "write socks5://HOST:PORT" },
        { "socks5://vsock:2:1", "write socks5://HOST:PORT" },
        { "socks5://h", "no port" },
        { "socks5://h:1080/", "write socks5://h:1080" },
        { "http://u:p@h:1", "write http://h:1, and where USER:PASSWORD is" },
        { "socks4a://h:1", "SOCKS 4 is not spoken" },
        { "https://h:1", "TLS to a proxy" },
        { "", "write socks5://HOST:PORT" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sk_proxy proxy;
        struct sk_err e = { 0 };
        int rc = sk_proxy_parse(&proxy, rows[i].text, strlen(rows[i].text), &e);
        if ((rc == 0) != !rows[i].why || (rows[i].why && !strstr(e.msg, rows[i].why)))
            fail_msg("%s: %s", rows[i].text, e.msg);
        if (strstr(e.msg, "u:p"))
            fail_msg("the message repeats the password: %s", e.msg);
    }
}

static void credentials(void **state) {
    struct sk_proxy socks = { .kind = SK_PROXY_SOCKS5 }, http = { .kind = SK_PROXY_HTTP };
    char good[] = "me:a:b", none[] = "me", empty[] = "me:", control[] = "me:\tx", longer[300];
    (void)state;
    assert_ok(sk_proxy_credentials(&socks, good, err));
    assert_string_equal(socks.user, "me");
    assert_string_equal(socks.password, "a:b");
    assert_says(sk_proxy_credentials(&socks, none, err),
                "--proxy-auth: there is no colon in the line; it is USER:PASSWORD");
    assert_says(sk_proxy_credentials(&socks, empty, err), "--proxy-auth: a password of 0 bytes; SOCKS takes 1 to 255");
    memcpy(empty, "me:", 4);
    assert_ok(sk_proxy_credentials(&http, empty, err));
    assert_fails(sk_proxy_credentials(&http, control, err), SK_USAGE, 0);
    memset(longer, 'x', sizeof longer);
    longer[1] = ':';
    longer[sizeof longer - 1] = '\0';
    assert_fails(sk_proxy_credentials(&socks, longer, err), SK_USAGE, 0);
}

static void heads(void **state) {
    static const struct {
        const char *text;
        int status;
        const char *why;
    } rows[] = {
        { "HTTP/1.1 200 OK\r\n\r\n", 200, NULL },
        { "HTTP/1.0 200\r\n\r\n", 200, NULL },
        { "HTTP/1.1 200 \r\nA: b\r\nC:\r\n\r\n", 200, NULL },
        { "HTTP/1.1 407 No\r\nproxy-authenticate:  basic realm=\"x\" \r\n\r\n", 407, NULL },
        { "HTTP/2 200\r\n\r\n", 0, "does not begin with HTTP/1" },
        { "SSH-2.0-x\r\n", 0, "does not begin with HTTP/1" },
        { "HTTP/1.1 2000 OK\r\n\r\n", 0, "first line" },
        { "HTTP/1.1 20 OK\r\n\r\n", 0, "first line" },
        { "HTTP/1.1  200 OK\r\n\r\n", 0, "first line" },
        { "HTTP/1.x 200 OK\r\n\r\n", 0, "first line" },
        { "HTTP/1.1 099 OK\r\n\r\n", 0, "100 to 599" },
        { "HTTP/1.1 600 OK\r\n\r\n", 0, "100 to 599" },
        { "HTTP/1.1 200 OK\n\n", 0, "LF without CR" },
        { "HTTP/1.1 200 OK\r\nA: b\n\r\n", 0, "LF without CR" },
        { "HTTP/1.1 200 O\rK\r\n\r\n", 0, "CR without LF" },
        { "HTTP/1.1 200 O\001K\r\n\r\n", 0, "control character" },
        { "HTTP/1.1 200 OK\r\n folded\r\n\r\n", 0, "without a name" },
        { "HTTP/1.1 200 OK\r\nA b: c\r\n\r\n", 0, "without a name" },
        { "HTTP/1.1 200 OK\r\nA : c\r\n\r\n", 0, "without a name" },
        { "HTTP/1.1 200 OK\r\n: c\r\n\r\n", 0, "without a name" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n", 0, "no number" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sk_http_head head;
        const char *why = "";
        int rc = sk_http_parse(rows[i].text, strlen(rows[i].text), &head, &why);
        if ((rc == 0) != !rows[i].why || (rows[i].why && !strstr(why, rows[i].why)))
            fail_msg("%s: %s", rows[i].text, why);
        if (rc == 0)
            assert_int_equal(head.status, rows[i].status);
        if (rc == 0 && head.status == 407)
            assert_true(head.wants_basic && !head.wants_other);
    }
}

static void head_limits(void **state) {
    static char big[SK_HTTP_HEAD_MOST + 100];
    size_t length, n = (size_t)snprintf(big, sizeof big, "HTTP/1.1 200 OK\r\nA: ");
    const char *why = "";
    (void)state;
    memset(big + n, 'a', sizeof big - n);
    assert_int_equal(sk_http_scan(big, sizeof big, &length, &why), -1);
    assert_string_equal(why, "a head of more than 16 KiB");
    for (n = 17; n + 4 < sizeof big; n += 4)
        memcpy(big + n, "a:\r\n", 4);
    assert_int_equal(sk_http_scan(big, n, &length, &why), -1);
    assert_string_equal(why, "more than 100 lines in its head");
}

static void words(void **state) {
    static const char *const rows[][2] = {
        { "plain  text\r\n", "plain text" },
        { "<html><head><style>b { c }</style></head><body><h1>No</h1>\n<p>Not <b>here</b></body>", "No Not here" },
        { "<script>if (a < b) c</script>x<", "x" },
        { "<a", "" },
        { "", "" },
        { "\033[2J\x80", "\\x1b[2J\\x80" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char dst[100];
        sk_http_words(rows[i][0], strlen(rows[i][0]), dst, sizeof dst);
        assert_string_equal(dst, rows[i][1]);
    }
}

/* ---- Dialogues ---- */

struct scene {
    enum sk_proxy_kind kind;
    const char *target, *login;
    const char *say; /* by the proxy, at once */
    size_t n;
    int code; /* of the failure, 0: none */
    enum sk_proxy_blame blame;
    const char *words;      /* in its sentence, or what was asked */
    size_t words_n, left_n; /* bytes behind the answer */
};

static void play(const struct scene *sc) {
    struct sk_sock *s[2];
    struct sk_proxy proxy = { .kind = sc->kind };
    struct sk_endpoint ep;
    enum sk_proxy_blame blame = SK_BLAME_WAY;
    struct sk_err e = { 0 };
    char login[64], got[1024];
    size_t n = strlen(sc->target);
    assert_ok(sk_endpoint_parse(&ep, &sc->target, &n, 1, false, err));
    snprintf(login, sizeof login, "%s", sc->login ? sc->login : "");
    if (sc->login)
        assert_ok(sk_proxy_credentials(&proxy, login, err));
    tcp_pair(s);
    assert_int_equal(send(s[1]->fd, sc->say, sc->n, 0), (ssize_t)sc->n);
    shutdown(s[1]->fd, SHUT_WR);
    int rc = sk_proxy_ask(s[0], &proxy, &ep, soon(), &blame, &e);
    if ((rc == 0) != (sc->code == 0) || (rc < 0 && e.code != sc->code) || blame != sc->blame)
        fail_msg("%s: code %d, blame %d: %s", sc->words, e.code, (int)blame, e.msg);
    if (rc < 0 && !strstr(e.msg, sc->words))
        fail_msg("'%s' does not say '%s'", e.msg, sc->words);
    if (rc == 0) {
        assert_int_equal(sk_recv(s[0], got, sizeof got, 0, soon(), NULL), sc->left_n); /* what follows, untouched */
        assert_int_equal(recv(s[1]->fd, got, sizeof got, 0), (ssize_t)sc->words_n);
        assert_memory_equal(got, sc->words, sc->words_n);
    }
    free_pair(s);
}

#define S(text) text, sizeof(text) - 1

static void socks(void **state) {
    static const struct scene scenes[] = {
        { SK_PROXY_SOCKS5, "h.test:80", NULL, S("\5\0\5\0\0\1\1\2\3\4\0\x50tail"), 0, 0,
          S("\5\1\0\5\1\0\3\6h.test\0\x50"), 4 },
        { SK_PROXY_SOCKS5, "192.0.2.1:80", NULL,
          S("\5\0\5\0\0\3\4name\0\x50"
            "t"),
          0, 0, S("\5\1\0\5\1\0\1\xc0\0\2\1\0\x50"), 1 },
        { SK_PROXY_SOCKS5, "[::1]:258", "me:pw",
          S("\5\2\1\0\5\0\0\4"
            "0123456789abcdefPPt"),
          0, 0, S("\5\2\0\2\1\2me\2pw\5\1\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\1\2"), 1 },
        { SK_PROXY_SOCKS5, "h.test:80", NULL, S("\5\xff"), EACCES, SK_BLAME_PROXY, S("wants a user and a password"),
          0 },
        { SK_PROXY_SOCKS5, "h.test:80", "a:b", S("\5\xff"), EACCES, SK_BLAME_PROXY, S("wants another way"), 0 },
        { SK_PROXY_SOCKS5, "h.test:80", "a:b", S("\5\2\1\1"), EACCES, SK_BLAME_PROXY, S("does not accept this user"),
          0 },
        { SK_PROXY_SOCKS5, "h.test:80", "a:b", S("\5\2\2\0"), EPROTO, SK_BLAME_PROXY, S("version 2"), 0 },
        { SK_PROXY_SOCKS5, "h.test:80", NULL, S("\5\2"), EPROTO, SK_BLAME_PROXY, S("which was not offered"), 0 },
        { SK_PROXY_SOCKS5, "h.test:80", NULL, S("\4\0"), EPROTO, SK_BLAME_PROXY, S("begins with the byte 0x04"), 0 },
        { SK_PROXY_SOCKS5, "h.test:80", NULL, S("HTTP/1.0 400"), EPROTO, SK_BLAME_PROXY, S("does not speak SOCKS 5"),
          0 },
        { SK_PROXY_SOCKS5, "h.test:80", NULL, S("\5\0\5\1"), EREMOTEIO, SK_BLAME_PROXY, S("general failure"), 0 },
        { SK_PROXY_SOCKS5, "h.test:80", NULL, S("\5\0\5\2"), EACCES, SK_BLAME_PROXY, S("rules do not allow"), 0 },
        { SK_PROXY_SOCKS5, "h.test:80", NULL, S("\5\0\5\3"), ENETUNREACH, SK_BLAME_TARGET, S("network unreachable"),
          0 },
        { SK_PROXY_SOCKS5, "h.test:80", NULL, S("\5\0\5\4"), EHOSTUNREACH, SK_BLAME_TARGET, S("host unreachable"), 0 },
        { SK_PROXY_SOCKS5, "h.test:80", NULL, S("\5\0\5\5"), ECONNREFUSED, SK_BLAME_TARGET, S("connection refused"),
          0 },
        { SK_PROXY_SOCKS5, "h.test:80", NULL, S("\5\0\5\6"), EHOSTUNREACH, SK_BLAME_TARGET, S("time to live"), 0 },
        { SK_PROXY_SOCKS5, "h.test:80", NULL, S("\5\0\5\7"), EOPNOTSUPP, SK_BLAME_PROXY, S("request to connect"), 0 },
        { SK_PROXY_SOCKS5, "h.test:80", NULL, S("\5\0\5\x08"), EAFNOSUPPORT, SK_BLAME_PROXY, S("type of address"), 0 },
        { SK_PROXY_SOCKS5, "h.test:80", NULL, S("\5\0\5\x09"), EPROTO, SK_BLAME_PROXY, S("code 9"), 0 },
        { SK_PROXY_SOCKS5, "h.test:80", NULL, S("\5\0\5\0\0\2"), EPROTO, SK_BLAME_PROXY, S("address of type 2"), 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
        play(&scenes[i]);
}

static void connects(void **state) {
    static const char asked[] = "CONNECT h.test:80 HTTP/1.1\r\nHost: h.test:80\r\n\r\n";
    static const char with_login[] =
        "CONNECT [::1]:80 HTTP/1.1\r\nHost: [::1]:80\r\nProxy-Authorization: Basic bWU6cHc=\r\n\r\n";
    static const struct scene scenes[] = {
        { SK_PROXY_HTTP, "h.test:80", NULL, S("HTTP/1.0 200 ok\r\n\r\ntail"), 0, 0, S(asked), 4 },
        { SK_PROXY_HTTP, "[::1]:80", "me:pw", S("HTTP/1.1 100 c\r\n\r\nHTTP/1.1 204\r\nContent-Length: 9\r\n\r\nt"), 0,
          0, S(with_login), 1 },
        { SK_PROXY_HTTP, "h.test:80", NULL, S("HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic\r\n\r\n"), EACCES,
          SK_BLAME_PROXY, S("wants a user and a password (407 Auth)"), 0 },
        { SK_PROXY_HTTP, "h.test:80", "a:b", S("HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic\r\n\r\n"), EACCES,
          SK_BLAME_PROXY, S("does not accept this user"), 0 },
        { SK_PROXY_HTTP, "h.test:80", "a:b", S("HTTP/1.1 407 Auth\r\nProxy-Authenticate: Digest x\r\n\r\n"), EACCES,
          SK_BLAME_PROXY, S("wants a login by Digest"), 0 },
        { SK_PROXY_HTTP, "h.test:80", NULL, S("HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\n<p>hey there"), EACCES,
          SK_BLAME_PROXY, S("refuses: 403 No: 'he'"), 0 },
        { SK_PROXY_HTTP, "h.test:80", NULL, S("HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhey\r\n"),
          EACCES, SK_BLAME_PROXY, S("refuses: 403 No: 'hey'"), 0 },
        { SK_PROXY_HTTP, "h.test:80", NULL, S("HTTP/1.1 502 Bad\r\n\r\n"), EHOSTUNREACH, SK_BLAME_TARGET,
          S("did not get through: 502 Bad"), 0 },
        { SK_PROXY_HTTP, "h.test:80", NULL, S("HTTP/1.1 504\r\n\r\n"), ETIMEDOUT, SK_BLAME_TARGET,
          S("get through: 504"), 0 },
        { SK_PROXY_HTTP, "h.test:80", NULL, S("HTTP/1.1 405 No\r\n\r\n"), EPROTO, SK_BLAME_PROXY,
          S("perhaps it is no proxy"), 0 },
        { SK_PROXY_HTTP, "h.test:80", NULL, S("HTTP/1.1 301 Go\r\n\r\n"), EPROTO, SK_BLAME_PROXY,
          S("perhaps it is no proxy"), 0 },
        { SK_PROXY_HTTP, "h.test:80", NULL, S("\5\0"), EPROTO, SK_BLAME_PROXY,
          S("does not begin with HTTP/1: '\\x05\\x00'"), 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
        play(&scenes[i]);
}

/* An end in the middle is told with what came; and nobody is asked for ever. */
static void cut_short(void **state) {
    struct sk_sock *s[2];
    struct sk_proxy proxy = { .kind = SK_PROXY_SOCKS5 };
    struct sk_endpoint ep = { .kind = SK_EP_NAME, .host = "h.test", .port = 80 };
    enum sk_proxy_blame blame;
    (void)state;
    tcp_pair(s);
    assert_int_equal(send(s[1]->fd, "\5\0\5\0\0\1\1\2", 8, 0), 8);
    assert_fails(sk_proxy_ask(s[0], &proxy, &ep, shortly(), &blame, err), SK_TIMEOUT, ETIMEDOUT);
    assert_int_equal(blame, SK_BLAME_PROXY);
    free_pair(s);
    tcp_pair(s);
    assert_int_equal(send(s[1]->fd, "\5\0\5\0\0\1\1\2", 8, 0), 8);
    shutdown(s[1]->fd, SHUT_WR);
    struct sk_err e = { 0 };
    assert_int_equal(sk_proxy_ask(s[0], &proxy, &ep, soon(), &blame, &e), -1);
    assert_int_equal(e.kind, SK_EOF);
    assert_non_null(strstr(e.msg, "closed the connection after '\\x05\\x00\\x00\\x01\\x01\\x02'"));
    assert_null(s[0]->via);
    free_pair(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parsed),      cmocka_unit_test(credentials), cmocka_unit_test(heads),
        cmocka_unit_test(head_limits), cmocka_unit_test(words),       cmocka_unit_test(socks),
        cmocka_unit_test(connects),    cmocka_unit_test(cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
