/* getaddrinfo and getnameinfo: the same as libc for what needs no server, and names from one of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "dns_server.h"

static const char *word_of(const struct sk_value *v) { return v && v->type == SK_TEXT ? v->u.s->data : "-"; }

/* "family type proto canonname addr; ..." */
static const char *describe(const struct sk_value *list) {
    static char text[2048];
    text[0] = '\0';
    for (int64_t i = 0; sk_at(list, i); i++) {
        const struct sk_value *r = sk_at(list, i);
        const struct sk_blob *raw = sk_get(r, "addr")->u.s;
        struct sk_addr addr = { .len = (socklen_t)raw->len };
        char where[SK_ADDR_TEXT];
        memcpy(&addr.u, raw->data, raw->len);
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s %s %s %s %s", i ? "; " : "",
                 word_of(sk_get(r, "family")), word_of(sk_get(r, "type")), word_of(sk_get(r, "proto")),
                 word_of(sk_get(r, "canonname")), sk_addr_format(where, sizeof where, &addr));
    }
    return text;
}

static const char *gai(const char *host, const char *service, const struct addrinfo *hints) {
    static char text[2048];
    struct sk_value out;
    struct sk_err err;
    if (sk_getaddrinfo(host, service, hints, &asking_server, sk_after(10 * SK_SECOND), &out, NULL, &err) < 0) {
        snprintf(text, sizeof text, "%s", sk_err_name(&err));
        return text;
    }
    snprintf(text, sizeof text, "%s", describe(&out));
    sk_drop(out);
    return text;
}

/* The same from libc, for what needs no server. */
static const char *libc_gai(const char *host, const char *service, const struct addrinfo *hints) {
    static char text[2048];
    struct addrinfo *list = NULL, numeric = *hints;
    numeric.ai_flags |= AI_NUMERICHOST; /* what is not numeric would be asked of a real server */
    int rc = getaddrinfo(host, service, &numeric, &list);
    if (rc != 0) {
        struct sk_err err = { .kind = SK_GAI, .code = rc };
        snprintf(text, sizeof text, "%s", sk_err_name(&err));
        return text;
    }
    struct sk_value out = sk_list();
    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        static const char *const types[] = { "0",        "SOCK_STREAM",    "SOCK_DGRAM", "SOCK_RAW",
                                             "SOCK_RDM", "SOCK_SEQPACKET", "SOCK_DCCP" };
        struct sk_value r = sk_record();
        sk_put(&r, "family", sk_text(a->ai_family == AF_INET ? "AF_INET" : "AF_INET6"));
        sk_put(&r, "type", sk_text(types[a->ai_socktype]));
        sk_put(&r, "proto",
               sk_text(a->ai_protocol == 6     ? "IPPROTO_TCP"
                       : a->ai_protocol == 17  ? "IPPROTO_UDP"
                       : a->ai_protocol == 132 ? "IPPROTO_SCTP"
                                               : "IPPROTO_IP"));
        sk_put(&r, "canonname", a->ai_canonname ? sk_text(a->ai_canonname) : sk_null());
        sk_put(&r, "addr", sk_sockaddr(a->ai_addr, a->ai_addrlen));
        sk_push(&out, r);
    }
    freeaddrinfo(list);
    snprintf(text, sizeof text, "%s", describe(&out));
    sk_drop(out);
    return text;
}

static void test_as_libc(void **state) {
    static const char *const hosts[] = { "127.0.0.1", "127.1",      "0x7f000001", "2130706433",     "0177.0.0.1",
                                         "0",         "127.0.0.1.", "::1",        "::ffff:1.2.3.4", "fe80::1%lo",
                                         "fe80::1%1", "::1%1",      "::1%lo",     "fe80::1%nope",   "[::1]",
                                         "",          "*",          NULL };
    static const char *const services[] = { "80",  "0",    NULL,   "",     "-1",     "0x50",   "010", "80abc",
                                            " 80", "http", "HTTP", "tftp", "domain", "nosuch", "*" };
    static const int families[] = { AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX, 99 };
    static const int types[] = { 0, SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, 77 };
    static const int flags[] = { 0,           AI_PASSIVE,           AI_CANONNAME, AI_NUMERICHOST, AI_NUMERICSERV,
                                 AI_V4MAPPED, AI_V4MAPPED | AI_ALL, 0x4000000 };
    (void)state;
    asked();
    for (size_t h = 0; h < sizeof hosts / sizeof hosts[0]; h++)
        for (size_t s = 0; s < sizeof services / sizeof services[0]; s++)
            for (size_t f = 0; f < 5; f++)
                for (size_t t = 0; t < 6; t++)
                    for (size_t g = 0; g < 8; g++) {
                        struct addrinfo hints = { .ai_family = families[f],
                                                  .ai_socktype = types[t],
                                                  .ai_flags = flags[g] };
                        char want[2048];
                        snprintf(want, sizeof want, "%s", libc_gai(hosts[h], services[s], &hints));
                        const char *got = gai(hosts[h], services[s], &hints);
                        /* Of two mistakes in one question either may be told. */
                        if (strcmp(got, want) != 0 && !(strncmp(got, "EAI_", 4) == 0 && strncmp(want, "EAI_", 4) == 0))
                            fail_msg("%s %s family %d type %d flags %d:\n  got  %s\n  want %s", hosts[h], services[s],
                                     families[f], types[t], flags[g], got, want);
                    }
    assert_string_equal(asked(), "");
}

static void test_getaddrinfo(void **state) {
    struct addrinfo any = { 0 }, stream = { .ai_socktype = SOCK_STREAM },
                    mapped = { .ai_family = AF_INET6, .ai_socktype = SOCK_STREAM };
    (void)state;
    const char *both = gai("both.test", "80", &stream); /* which one is first depends on the machine */
    assert_int_equal(strlen(both), strlen("AF_INET6 SOCK_STREAM IPPROTO_TCP - [2001:db8::2]:80; AF_INET SOCK_STREAM "
                                          "IPPROTO_TCP - 192.0.2.2:80"));
    assert_non_null(strstr(both, "AF_INET6 SOCK_STREAM IPPROTO_TCP - [2001:db8::2]:80"));
    assert_non_null(strstr(both, "AF_INET SOCK_STREAM IPPROTO_TCP - 192.0.2.2:80"));
    assert_string_equal(
        gai("v4.test", "domain", &any),
        "AF_INET SOCK_STREAM IPPROTO_TCP - 192.0.2.1:53; AF_INET SOCK_DGRAM IPPROTO_UDP - 192.0.2.1:53");
    any.ai_flags = AI_CANONNAME;
    assert_string_equal(gai("alias.test", NULL, &any),
                        "AF_INET SOCK_STREAM IPPROTO_TCP v4.test 192.0.2.1:0; AF_INET SOCK_DGRAM IPPROTO_UDP - "
                        "192.0.2.1:0; AF_INET SOCK_RAW IPPROTO_IP - 192.0.2.1:0");
    assert_string_equal(gai("v4.test", "80", &mapped), "EAI_NODATA");
    mapped.ai_flags = AI_V4MAPPED;
    assert_string_equal(gai("v4.test", "80", &mapped), "AF_INET6 SOCK_STREAM IPPROTO_TCP - [::ffff:192.0.2.1]:80");
    assert_string_equal(gai("both.test", "80", &mapped), "AF_INET6 SOCK_STREAM IPPROTO_TCP - [2001:db8::2]:80");
    mapped.ai_flags = AI_V4MAPPED | AI_ALL;
    both = gai("both.test", "80", &mapped);
    assert_non_null(strstr(both, "AF_INET6 SOCK_STREAM IPPROTO_TCP - [2001:db8::2]:80"));
    assert_non_null(strstr(both, "AF_INET6 SOCK_STREAM IPPROTO_TCP - [::ffff:192.0.2.2]:80"));
    assert_string_equal(gai("nx.test", "80", &stream), "EAI_NONAME");
    assert_string_equal(gai("fail.test", "80", &stream), "EAI_AGAIN");
    assert_string_equal(gai("both.test", "65616", &stream), "EAI_SERVICE");
    stream.ai_flags = AI_NUMERICHOST;
    assert_string_equal(gai("both.test", "80", &stream), "EAI_NONAME");
}

static const char *gni(const char *host, uint16_t port, int flags) {
    static char text[512];
    struct sk_addr addr;
    struct sk_value out;
    struct sk_err err;
    sk_addr_any(&addr, strchr(host, ':') ? AF_INET6 : AF_INET, port);
    inet_pton(addr.u.sa.sa_family, host,
              strchr(host, ':') ? (void *)&addr.u.in6.sin6_addr : (void *)&addr.u.in.sin_addr);
    if (sk_getnameinfo(&addr, flags, &asking_server, sk_after(20 * SK_SECOND), &out, NULL, &err) < 0)
        return sk_err_name(&err);
    snprintf(text, sizeof text, "%s %s", word_of(sk_get(&out, "host")), word_of(sk_get(&out, "service")));
    sk_drop(out);
    return text;
}

static void test_getnameinfo(void **state) {
    (void)state;
    assert_string_equal(gni("192.0.2.1", 80, 0), "v4.test http");
    assert_string_equal(gni("192.0.2.1", 69, NI_DGRAM), "v4.test tftp");
    assert_string_equal(gni("192.0.2.1", 69, NI_NUMERICHOST | NI_NUMERICSERV), "192.0.2.1 69");
    assert_string_equal(gni("192.0.2.8", 0, 0), "192.0.2.8 0");
    assert_string_equal(gni("192.0.2.9", 0, 0), "192.0.2.9 0"); /* SERVFAIL */
    assert_string_equal(gni("192.0.2.8", 0, NI_NAMEREQD), "EAI_NONAME");
    asked();
    assert_string_equal(gni("127.0.0.1", 80, 0), "localhost http");
    assert_string_equal(gni("::1", 80, NI_NUMERICHOST), "::1 http");
    assert_string_equal(gni("fe80::1", 80, 0), "fe80::1 http");
    assert_string_equal(asked(), "");
    assert_string_equal(gni("127.0.0.1", 80, 0x10000), "EAI_BADFLAGS");
    struct sk_addr none = { 0 }, un = { .len = 7, .u.un = { AF_UNIX, "/x/y" } };
    struct sk_value out;
    struct sk_err err;
    assert_int_equal(sk_getnameinfo(&none, 0, NULL, SK_NEVER, &out, NULL, &err), -1);
    assert_string_equal(sk_err_name(&err), "EAI_FAMILY");
    assert_int_equal(sk_getnameinfo(&un, 0, NULL, SK_NEVER, &out, NULL, &err), 0);
    assert_string_equal(word_of(sk_get(&out, "service")), "/x/y");
    sk_drop(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_libc),
        cmocka_unit_test(test_getaddrinfo),
        cmocka_unit_test(test_getnameinfo),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
