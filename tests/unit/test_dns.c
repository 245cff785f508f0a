/* Names, against a DNS server of our own. */
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

#include "dns_server.h"
#include "run/chaos.h"
#include "run/task.h"
#include "run/wait.h"

#define LATE                     "ETIMEDOUT mute.test: no answer from DNS server S in "
#define assert_prefix(got, want) assert_memory_equal(got, want, strlen(want))

/* Behind each other, IPv6 first: which one is better (sk_addrs_sort) depends on the machine. */
static void list(char *text, size_t size, const struct sk_addrs *addrs) {
    static const int families[] = { AF_INET6, AF_INET };
    char host[64];
    for (size_t f = 0; f < 2; f++)
        for (size_t i = 0; i < addrs->count; i++)
            if (addrs->list[i].u.sa.sa_family == families[f])
                snprintf(text + strlen(text), size - strlen(text), "%s%s", text[0] ? "," : "",
                         sk_addr_host(host, sizeof host, &addrs->list[i]));
}

/* "A,B,..." of a lookup, or "CODE sentence". */
/* The server is called S, whatever port it got. */
static const char *message(const struct sk_err *err) {
    static char text[600];
    char name[32];
    snprintf(name, sizeof name, "127.0.0.1:%d", server.port);
    const char *at = strstr(err->msg, name);
    int before = at ? (int)(at - err->msg) : (int)strlen(err->msg);
    snprintf(text, sizeof text, "%s %.*s%s%s", sk_err_name(err), before, err->msg, at ? "S" : "",
             at ? at + strlen(name) : "");
    return text;
}

static const char *look(const char *name, int family, sk_time deadline) {
    static char text[2048];
    struct sk_addrs addrs = { 0 };
    struct sk_err err;
    int rc = sk_resolve(name, family, &asking_server, deadline, &addrs, &err);
    text[0] = '\0'; /* from here on nothing waits: tasks share the text */
    if (rc < 0) {
        snprintf(text, sizeof text, "%s", message(&err));
        assert_int_equal(addrs.count, 0);
    }
    list(text, sizeof text, &addrs);
    sk_addrs_done(&addrs);
    return text;
}

static const char *lookup(const char *name, int family) {
    static char text[2048];
    struct sk_addrs addrs = { 0 };
    struct sk_err err;
    text[0] = '\0';
    if (sk_resolve_as_libc(name, family, &asking_server, sk_after(10 * SK_SECOND), &addrs, &err) < 0)
        snprintf(text, sizeof text, "%s", message(&err));
    list(text, sizeof text, &addrs);
    sk_addrs_done(&addrs);
    return text;
}

static void test_answers(void **state) {
    static const struct {
        const char *name;
        int family;
        const char *want;
    } rows[] = {
        { "both.test", AF_UNSPEC, "2001:db8::2,192.0.2.2" },
        { "both.test", AF_INET, "192.0.2.2" },
        { "both.test", AF_INET6, "2001:db8::2" },
        { "both.test.", AF_UNSPEC, "2001:db8::2,192.0.2.2" },
        { "BOTH.test", AF_INET6,
          "EAI_NONAME BOTH.test: no such name (NXDOMAIN from S)" }, /* this server minds the case */
        { "v4.test", AF_UNSPEC, "192.0.2.1" },
        { "v6.test", AF_UNSPEC, "2001:db8::6" },
        { "v4.test", AF_INET6, "EAI_NODATA v4.test: the name exists but has no address of this kind (NODATA from S)" },
        { "empty.test", AF_UNSPEC,
          "EAI_NODATA empty.test: the name exists but has no address of this kind (NODATA from S)" },
        { "nx.test", AF_UNSPEC, "EAI_NONAME nx.test: no such name (NXDOMAIN from S)" },
        { "fail.test", AF_UNSPEC, "EAI_AGAIN fail.test: the DNS server failed (SERVFAIL from S)" },
        { "refused.test", AF_UNSPEC, "EAI_AGAIN refused.test: the DNS server refused to answer (REFUSED from S)" },
        { "alias.test", AF_INET, "192.0.2.1" },
        { "halffail.test", AF_UNSPEC, "192.0.2.7" },
        { "a_b.test", AF_INET, "192.0.2.1" },
        { "m\xc3\xbcnchen.test", AF_INET, "192.0.2.3" },
        { "many.test", AF_INET,
          "10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.5,10.0.0.6,10.0.0.7,10.0.0.8,10.0.0.9,10.0.0.10" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(lookup(rows[i].name, rows[i].family), rows[i].want);
}

static void test_both_families_are_asked_at_once(void **state) {
    (void)state;
    asked();
    lookup("both.test", AF_UNSPEC);
    const char *log = asked();
    assert_non_null(strstr(log, "both.test 28\n"));
    assert_non_null(strstr(log, "both.test 1\n"));
    lookup("both.test", AF_INET);
    assert_string_equal(asked(), "both.test 1\n");
}

static void test_never_asked(void **state) {
    static const char *const names[] = { "127.0.0.1",
                                         "1.2.3.4.5",
                                         "::1",
                                         "fe80::1%lo",
                                         "[::1]",
                                         "127.1",
                                         "0x7f.1",
                                         "2130706433",
                                         "0177.0.0.1",
                                         "a b.test",
                                         "*",
                                         "x/y",
                                         "",
                                         ".",
                                         "a..b",
                                         ".a",
                                         "-x.test",
                                         "x-.test",
                                         "h\\.test",
                                         "a,b",
                                         "localhost",
                                         "LOCALHOST",
                                         "localhost.",
                                         "foo.localhost",
                                         "foo.localhost.",
                                         "1.2.3.4." };
    char label[80], label_test[90];
    (void)state;
    asked();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        look(names[i], AF_UNSPEC, sk_after(5 * SK_SECOND));
    memset(label, 'a', 64);
    label[64] = '\0';
    snprintf(label_test, sizeof label_test, "%s.test", label);
    assert_non_null(strstr(look(label_test, AF_UNSPEC, SK_NEVER), "EAI_NONAME"));
    assert_string_equal(look("localhost", AF_UNSPEC, SK_NEVER), "::1,127.0.0.1");
    assert_string_equal(look("Foo.LocalHost.", AF_INET, SK_NEVER), "127.0.0.1");
    assert_non_null(strstr(look("xlocalhost..", AF_INET, SK_NEVER), "EAI_NONAME"));
    assert_string_equal(asked(), "");
}

static void test_deadline(void **state) {
    (void)state;
    sk_time before = sk_now();
    assert_prefix(look("mute.test", AF_UNSPEC, sk_after(150 * SK_MS)),
                  "ETIMEDOUT mute.test: no answer from DNS server S in 1");
    sk_time took = sk_now() - before;
    assert_in_range(took / SK_MS, 149, 1500);
    /* The channel of the abandoned question is gone; the next one works. */
    assert_string_equal(lookup("v4.test", AF_INET), "192.0.2.1");
}

static void test_other_family_is_late(void **state) {
    (void)state;
    sk_time before = sk_now();
    assert_string_equal(lookup("half.test", AF_UNSPEC), "192.0.2.1");
    assert_in_range((sk_now() - before) / SK_MS, 1990, 4000);
    before = sk_now();
    assert_string_equal(look("half.test", AF_UNSPEC, sk_after(200 * SK_MS)), "192.0.2.1");
    assert_in_range((sk_now() - before) / SK_MS, 190, 1500);
}

static void test_canonical_name(void **state) {
    struct sk_addrs addrs = { 0 };
    struct sk_err err;
    (void)state;
    assert_int_equal(sk_resolve_as_libc("alias.test", AF_UNSPEC, &asking_server, sk_after(5 * SK_SECOND), &addrs, &err),
                     0);
    assert_string_equal(addrs.canonical, "v4.test");
    sk_addrs_done(&addrs);
}

/* ---- Several askers ---- */

struct job {
    const char *name;
    sk_time length;
    char result[256];
};

static int run_job(void *arg) {
    struct job *job = arg;
    snprintf(job->result, sizeof job->result, "%s", look(job->name, AF_INET, sk_after(job->length)));
    return 0;
}

/* The one that pumps leaves first, by its deadline; the others go on. */
static void test_pump_is_handed_over(void **state) {
    struct job jobs[] = { { "mute.test", 100 * SK_MS, "" },
                          { "mute.test", 300 * SK_MS, "" },
                          { "v4.test", 5 * SK_SECOND, "" },
                          { "both.test", 5 * SK_SECOND, "" },
                          { "mute.test", 200 * SK_MS, "" } };
    struct sk_scope scope;
    struct sk_err err;
    (void)state;
    sk_scope_init(&scope);
    for (size_t i = 0; i < 5; i++)
        assert_non_null(sk_spawn(&scope, "job", run_job, &jobs[i], &err));
    assert_int_equal(sk_scope_join(&scope, sk_after(10 * SK_SECOND), &err), 0);
    sk_scope_done(&scope);
    assert_prefix(jobs[0].result, LATE);
    assert_prefix(jobs[1].result, LATE);
    assert_string_equal(jobs[2].result, "192.0.2.1");
    assert_string_equal(jobs[3].result, "192.0.2.2");
    assert_prefix(jobs[4].result, LATE);
}

static void test_cancellation(void **state) {
    struct job jobs[] = { { "mute.test", 60 * SK_SECOND, "" }, { "mute.test", 60 * SK_SECOND, "" } };
    struct sk_scope scope;
    struct sk_err err;
    (void)state;
    sk_scope_init(&scope);
    for (size_t i = 0; i < 2; i++)
        assert_non_null(sk_spawn(&scope, "job", run_job, &jobs[i], &err));
    assert_int_equal(sk_sleep_until(sk_after(50 * SK_MS), "test", &err), 0);
    sk_time before = sk_now();
    sk_scope_done(&scope);
    assert_true(sk_now() - before < SK_SECOND);
    assert_non_null(strstr(jobs[0].result, "ECANCELED"));
    assert_non_null(strstr(jobs[1].result, "ECANCELED"));
    assert_string_equal(lookup("v4.test", AF_INET), "192.0.2.1");
}

static void test_many_askers(void **state) {
    static struct job jobs[200];
    struct sk_scope scope;
    struct sk_err err;
    (void)state;
    sk_scope_init(&scope);
    for (size_t i = 0; i < 200; i++) {
        jobs[i] = (struct job){ i % 3 ? "v4.test" : "nx.test", 20 * SK_SECOND, "" };
        assert_non_null(sk_spawn(&scope, "job", run_job, &jobs[i], &err));
    }
    assert_int_equal(sk_scope_join(&scope, sk_after(30 * SK_SECOND), &err), 0);
    sk_scope_done(&scope);
    for (size_t i = 0; i < 200; i++)
        assert_string_equal(jobs[i].result, i % 3 ? "192.0.2.1" : "EAI_NONAME nx.test: no such name (NXDOMAIN from S)");
    asked();
}

/* Waits that are spurious, late or cancelled: every asker ends, with its answer or as cancelled. */
static void test_bad_luck(void **state) {
    struct job jobs[8];
    struct sk_scope scope;
    struct sk_err err;
    (void)state;
    for (unsigned long long seed = 1; seed <= 40; seed++) {
        sk_scope_init(&scope);
        sk_chaos(seed);
        sk_chaos_cancel(seed > 20);
        for (size_t i = 0; i < 8; i++) {
            jobs[i] = (struct job){ i % 4 ? "both.test" : "mute.test", i % 4 ? 20 * SK_SECOND : 20 * SK_MS, "" };
            assert_non_null(sk_spawn(&scope, "job", run_job, &jobs[i], &err));
        }
        sk_chaos_cancel(seed > 20);
        while (sk_scope_join(&scope, sk_after(30 * SK_SECOND), &err) < 0 && err.kind == SK_CANCELED)
            sk_uncancel();
        sk_chaos(0);
        sk_chaos_cancel(false);
        sk_scope_done(&scope);
        sk_uncancel();
        for (size_t i = 0; i < 8; i++)
            if (!(seed > 20 && strncmp(jobs[i].result, "ECANCELED", 9) == 0))
                assert_prefix(jobs[i].result, i % 4 ? "192.0.2.2" : LATE);
    }
    assert_string_equal(lookup("v4.test", AF_INET), "192.0.2.1");
}

static void test_no_server(void **state) {
    char csv[32];
    struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof sin;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&sin, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
    close(fd);
    snprintf(csv, sizeof csv, "127.0.0.1:%d", ntohs(sin.sin_port));
    struct sk_addr dead[2], alive = server_addr;
    assert_int_equal(sk_server_parse(&dead[0], csv, strlen(csv), NULL), 0);
    dead[1] = alive;
    asking_server.servers = dead;
    assert_non_null(strstr(look("v4.test", AF_INET, sk_after(20 * SK_SECOND)), "EAI_AGAIN v4.test: no "));
    asking_server.server_count = 2; /* the other one is asked, too */
    assert_string_equal(look("v4.test", AF_INET, sk_after(20 * SK_SECOND)), "192.0.2.1");
    asking_server = (struct sk_lookup){ .servers = &server_addr, .server_count = 1 };
    assert_string_equal(lookup("v4.test", AF_INET), "192.0.2.1");
}

/* "ADDRESS" as printed, or the refusal's first words. */
static const char *server_of(const char *text) {
    static char shown[SK_ADDR_TEXT];
    struct sk_addr addr;
    struct sk_err err;
    if (sk_server_parse(&addr, text, strlen(text), &err) == 0)
        return sk_addr_format(shown, sizeof shown, &addr);
    assert_int_equal(err.kind, SK_USAGE);
    snprintf(shown, sizeof shown, "%.80s", err.msg);
    return shown;
}

static void test_servers(void **state) {
    static const char *const bad[] = { "",
                                       "x",
                                       "localhost",
                                       "127.1",
                                       "127.0.0.1:",
                                       "127.0.0.1:0",
                                       "127.0.0.1:65536",
                                       "127.0.0.1:dns",
                                       "127.0.0.1:053",
                                       "[::1",
                                       "[::1]x",
                                       "[::1]:",
                                       "::1:",
                                       "[127.0.0.1]:53",
                                       "[]",
                                       "[",
                                       "[127.0.0.1]:53",
                                       "127.0.0.1:53:53",
                                       "fe80::1",
                                       "fe80::1%nope",
                                       ":53" };
    (void)state;
    assert_string_equal(server_of("127.0.0.1"), "127.0.0.1:53");
    assert_string_equal(server_of("127.0.0.1:5353"), "127.0.0.1:5353");
    assert_string_equal(server_of("::1"), "[::1]:53");
    assert_string_equal(server_of("[::1]"), "[::1]:53");
    assert_string_equal(server_of("[2001:db8::1]:65535"), "[2001:db8::1]:65535");
    assert_string_equal(server_of("fe80::1%lo"), "[fe80::1%lo]:53");
    assert_string_equal(server_of("[fe80::1%lo]:54"), "[fe80::1%lo]:54");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sk_addr addr;
        if (sk_server_parse(&addr, bad[i], strlen(bad[i]), NULL) == 0)
            fail_msg("'%s' is taken for a server", bad[i]);
    }
    assert_non_null(strstr(server_of("fe80::1%nope"), "nope"));
    assert_non_null(strstr(server_of("dns.test"), "write an address"));
}

static void test_overrides(void **state) {
    struct sk_override own[2] = { { .name = "v4.test" }, { .name = "new.test." } };
    struct sk_lookup how = { .servers = &server_addr, .server_count = 1, .overrides = own, .override_count = 2 };
    struct sk_addrs addrs = { 0 };
    struct sk_err err;
    const char *name;
    size_t n;
    (void)state;
    assert_int_equal(sk_override_parse(&own[0].addr, &name, &n, "v4.test:::1", 11, &err), 0);
    assert_int_equal(n, 7);
    assert_int_equal(sk_override_parse(&own[1].addr, &name, &n, "x:[fe80::1%lo]", 14, &err), 0);
    asked();
    assert_int_equal(sk_resolve("V4.test.", AF_UNSPEC, &how, SK_NEVER, &addrs, &err), 0);
    assert_int_equal(addrs.count, 1);
    assert_string_equal(addrs.origin.source, "override");
    sk_addrs_done(&addrs);
    assert_int_equal(sk_resolve("new.test", AF_INET6, &how, SK_NEVER, &addrs, &err), 0);
    sk_addrs_done(&addrs);
    assert_int_equal(sk_resolve_local("new.test", AF_INET, &how, &addrs, &err), -1);
    assert_string_equal(sk_err_name(&err), "EAI_NODATA");
    assert_string_equal(asked(), "");
    assert_int_equal(sk_resolve_local("both.test", AF_UNSPEC, &how, &addrs, &err), 0); /* DNS must be asked */
    assert_int_equal(sk_dns_ask("both.test", AF_INET, &how, sk_after(10 * SK_SECOND), &addrs, &err), 0);
    assert_int_equal(addrs.ttl[0], 60);
    assert_string_equal(addrs.origin.source, "dns");
    assert_non_null(strstr(addrs.origin.server, "127.0.0.1:"));
    sk_addrs_done(&addrs);
    assert_int_equal(sk_dns_ask("fail.test", AF_INET, &how, sk_after(10 * SK_SECOND), &addrs, &err), -1);
    assert_string_equal(addrs.origin.reason, "SERVFAIL");
    asked();
}

static void test_resolv_conf(void **state) {
    char path[] = "/tmp/test_dns.XXXXXX";
    struct sk_resolv_conf conf;
    int fd = mkstemp(path);
    (void)state;
    sk_resolv_conf(&conf, "/nonexistent");
    assert_int_equal(conf.tries, 3);
    assert_int_equal(conf.timeout_ms, 2000);
    assert_int_equal(conf.ndots, 1);
    assert_int_equal(conf.server_count, 1); /* resolver(5): this machine */
    assert_true(sk_addr_port(&conf.servers[0]) == 53 && conf.servers[0].u.in.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    dprintf(fd, "# comment\ndomain old.test\nsearch a.test b.test .\noptions timeout:99 attempts:2 ndots:3 rotate "
                "unknown timeout:\n"
                "nameserver 192.0.2.1\nnameserver x.test\nnameserver fe80::1%%lo # link\nnameserver\nnameserver ::1\n"
                "nameserver 192.0.2.9\noptions ndots:2 ; x\n");
    close(fd);
    sk_resolv_conf(&conf, path);
    assert_int_equal(conf.tries, 2);
    assert_int_equal(conf.timeout_ms, 1000); /* "timeout:" alone is the least */
    assert_int_equal(conf.ndots, 2);
    assert_true(conf.rotate);
    assert_int_equal(conf.server_count, 3); /* as many as libc asks */
    assert_true(conf.servers[1].u.in6.sin6_scope_id == 1 && conf.servers[2].u.sa.sa_family == AF_INET6);
    assert_int_equal(conf.ndomains, 2);
    assert_string_equal(conf.domains[0], "a.test");
    assert_string_equal(conf.domains[1], "b.test");
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),        cmocka_unit_test(test_both_families_are_asked_at_once),
        cmocka_unit_test(test_never_asked),    cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_canonical_name), cmocka_unit_test(test_other_family_is_late),
        cmocka_unit_test(test_cancellation),   cmocka_unit_test(test_pump_is_handed_over),
        cmocka_unit_test(test_many_askers),    cmocka_unit_test(test_bad_luck),
        cmocka_unit_test(test_no_server),      cmocka_unit_test(test_resolv_conf),
        cmocka_unit_test(test_servers),        cmocka_unit_test(test_overrides),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
