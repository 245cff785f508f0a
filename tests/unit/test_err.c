/* Failures: their names, numbers, statuses and sentences; and the clock they wait by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/names.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const struct {
    enum sk_kind kind;
    int code;
    const char *name;
    int status, number;
} kinds[] = {
    { SK_USAGE, 0, "USAGE", 2, 0 },
    { SK_EXPECT, 0, "EXPECT", 1, 0 },
    { SK_ASSERT, 0, "ASSERT", 1, 0 },
    { SK_EOF, 0, "EOF", 7, 0 },
    { SK_TLS_TRUNCATED, 0, "TLS_TRUNCATED", 7, 0 },
    { SK_TLS_VERIFY, 0, "TLS_VERIFY", 8, 0 },
    { SK_TLS_HANDSHAKE, 0, "TLS_HANDSHAKE", 9, 0 },
    { SK_TIMEOUT, ETIMEDOUT, "ETIMEDOUT", 124, 110 },
    { SK_CANCELED, ECANCELED, "ECANCELED", 130, ECANCELED },
    { SK_CANCELED, SIGINT, "ECANCELED", 130, ECANCELED },
    { SK_CANCELED, SIGTERM, "ECANCELED", 143, ECANCELED },
    { SK_CANCELED, SIGHUP, "ECANCELED", 129, ECANCELED },
    { SK_INTERNAL, 0, "AGENT", 125, 0 },
    { SK_INTERNAL, ENOMEM, "ENOMEM", 125, ENOMEM },
    { SK_SHELL, 1, "SHELL", 1, 0 },
    { SK_SHELL, 127, "SHELL", 127, 0 },
    { SK_SHELL, 137, "SHELL", 137, 0 },
    { SK_SHELL, 0, "SHELL", 1, 0 },
    { SK_SHELL, 4711, "SHELL", 1, 0 },
    { SK_GAI, EAI_NONAME, "EAI_NONAME", 4, -2 },
    { SK_GAI, EAI_AGAIN, "EAI_AGAIN", 4, -3 },
    { SK_GAI, EAI_NODATA, "EAI_NODATA", 4, -5 },
    { SK_GAI, EAI_SYSTEM, "EAI_SYSTEM", 4, -11 },
    { SK_GAI, -999, "EAI_FAIL", 4, -999 },
    { SK_SYS, ECONNREFUSED, "ECONNREFUSED", 5, 111 },
    { SK_SYS, EHOSTUNREACH, "EHOSTUNREACH", 5, EHOSTUNREACH },
    { SK_SYS, ENETUNREACH, "ENETUNREACH", 5, ENETUNREACH },
    { SK_SYS, EHOSTDOWN, "EHOSTDOWN", 5, EHOSTDOWN },
    { SK_SYS, ENETDOWN, "ENETDOWN", 5, ENETDOWN },
    { SK_SYS, ECONNRESET, "ECONNRESET", 6, ECONNRESET },
    { SK_SYS, EPIPE, "EPIPE", 6, EPIPE },
    { SK_SYS, ECONNABORTED, "ECONNABORTED", 6, ECONNABORTED },
    { SK_SYS, EAGAIN, "EAGAIN", 10, 11 },
    { SK_SYS, ETIMEDOUT, "ETIMEDOUT", 124, 110 },
    { SK_SYS, ENOMEM, "ENOMEM", 125, ENOMEM },
    { SK_SYS, EADDRINUSE, "EADDRINUSE", 3, 98 },
    { SK_SYS, EBADF, "EBADF", 3, 9 },
    { SK_SYS, ENOTSUP, "EOPNOTSUPP", 3, 95 },
    { SK_SYS, EDEADLOCK, "EDEADLK", 3, 35 },
    { SK_SYS, 4711, "EUNKNOWN", 3, 4711 },
};

static void name_status_number(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct sk_err e;
        int has = -1;
        assert_int_equal(sk_fail(&e, kinds[i].kind, kinds[i].code, "op", "x"), -1);
        assert_string_equal(sk_err_name(&e), kinds[i].name);
        assert_int_equal(sk_err_status(&e), kinds[i].status);
        assert_int_equal(sk_err_number(&e, &has), kinds[i].number);
        assert_int_equal(has, kinds[i].number != 0);
    }
}

/* Every errno of the constants has its own name and a status of the table. */
static void every_errno(void **state) {
    (void)state;
    size_t count;
    const struct sk_name *rows = sk_names(&count);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].group != SK_G_ERRNO)
            continue;
        struct sk_err e;
        sk_fail_sys(&e, rows[i].value, "op", NULL);
        assert_string_equal(sk_err_name(&e), sk_name_of(SK_G_ERRNO, rows[i].value));
        assert_in_range(sk_err_status(&e), 3, 125);
    }
}

static int status_of_name(const char *name, size_t n) {
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (strlen(kinds[i].name) == n && memcmp(kinds[i].name, name, n) == 0)
            return kinds[i].status;
    const struct sk_name *row = sk_name_find(SK_G_ERRNO, name, n);
    assert_non_null(row);
    struct sk_err e = { .kind = SK_SYS, .code = row->value };
    return sk_err_status(&e);
}

/* What `help exit` says is what sk_err_status does. */
static void table_tells_the_truth(void **state) {
    (void)state;
    int last = -1;
    for (const struct sk_status *row = sk_statuses; row->meaning; row++) {
        assert_true(row->status > last);
        last = row->status;
        for (const char *p = row->examples; *p;) {
            size_t n = strcspn(p, ", ");
            assert_int_equal(status_of_name(p, n), row->status);
            p += n;
            p += strspn(p, ", ");
        }
    }
    assert_int_equal(last, 143);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        bool listed = kinds[i].kind == SK_SHELL;
        for (const struct sk_status *row = sk_statuses; row->meaning && !listed; row++)
            listed = row->status == kinds[i].status;
        assert_true(listed);
    }
}

static void sentences(void **state) {
    (void)state;
    struct sk_err e;
    assert_int_equal(sk_fail_sys(&e, ECONNREFUSED, "connect", "connect to %s:%d", "127.0.0.1", 1), -1);
    assert_string_equal(e.msg, "connect to 127.0.0.1:1: connection refused");
    assert_string_equal(e.op, "connect");
    assert_int_equal(e.kind, SK_SYS);
    sk_fail_sys(&e, ENOENT, "open", NULL);
    assert_string_equal(e.msg, "open: no such file or directory");
    sk_fail_sys(&e, EIO, "read", NULL);
    assert_string_equal(e.msg, "read: input/output error");
    sk_fail_sys(&e, EDOTDOT, "x", NULL); /* RFS is a name, not the start of a sentence */
    assert_string_equal(e.msg, "x: RFS specific error");
    sk_fail_sys(&e, 4711, "x", NULL);
    assert_string_equal(e.msg, "x: error number 4711");
    sk_fail_usage(&e, "port: '%s': digits only", "x");
    assert_string_equal(e.msg, "port: 'x': digits only");
    assert_int_equal(e.kind, SK_USAGE);
    sk_fail_timeout(&e, "recv");
    assert_string_equal(e.msg, "timed out: recv");
    assert_int_equal(e.kind, SK_TIMEOUT);
    assert_int_equal(e.code, ETIMEDOUT);
}

static void no_receiver(void **state) {
    (void)state;
    assert_int_equal(sk_fail(NULL, SK_EOF, 0, "recv", "x"), -1);
    assert_int_equal(sk_fail_sys(NULL, EIO, "recv", NULL), -1);
    assert_int_equal(sk_fail_usage(NULL, "x"), -1);
    assert_int_equal(sk_fail_timeout(NULL, "recv"), -1);
}

/* A failure told again with more words: the arguments lie in the err that is filled. */
static void own_words(void **state) {
    (void)state;
    struct sk_err e;
    sk_fail(&e, SK_EOF, 0, "recv", "end of data");
    sk_fail(&e, e.kind, e.code, e.op, "first: %s", e.msg);
    sk_fail_usage(&e, "second: %s", e.msg);
    assert_string_equal(e.msg, "second: first: end of data");
    sk_fail_sys(&e, EIO, "read", "third: %s", e.msg);
    assert_string_equal(e.msg, "third: second: first: end of data: input/output error");
}

/* Too long is cut, the reason last, and never inside a character. */
static void cut(void **state) {
    (void)state;
    char text[2000];
    struct sk_err e;
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "\xe2\x82\xac", 4);
        sk_fail_sys(&e, ECONNREFUSED, "a name that is longer than fits", "%s", text);
        assert_in_range(strlen(e.msg), sizeof e.msg - 3, sizeof e.msg - 1);
        const char *why = strstr(e.msg, ": connection refused");
        assert_non_null(why);
        assert_memory_equal(why - 3, "\xe2\x82\xac", 3);
        assert_int_equal(strlen(e.op), sizeof e.op - 1);
        sk_fail(&e, SK_EOF, 0, "x", "%s", text);
        assert_in_range(strlen(e.msg), sizeof e.msg - 3, sizeof e.msg - 1);
        assert_memory_equal(e.msg + strlen(e.msg) - 3, "\xe2\x82\xac", 3);
    }
}

static void clock_saturates(void **state) {
    (void)state;
    sk_time a = sk_now(), b = sk_now();
    assert_true(a > 0 && b >= a);
    assert_true(sk_after(SK_NEVER) == SK_NEVER);
    assert_true(sk_after(SK_NEVER - 1) == SK_NEVER);
    assert_true(sk_after(SK_SECOND) >= b + SK_SECOND);
    assert_true(sk_left(SK_NEVER) == SK_NEVER);
    assert_true(sk_left(SK_NOWAIT) == 0);
    assert_true(sk_left(0) == 0);
    assert_true(sk_left(a) == 0);
    sk_time left = sk_left(sk_after(100 * SK_SECOND));
    assert_true(left > 0 && left <= 100 * SK_SECOND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name_status_number),
        cmocka_unit_test(every_errno),
        cmocka_unit_test(table_tells_the_truth),
        cmocka_unit_test(sentences),
        cmocka_unit_test(no_receiver),
        cmocka_unit_test(own_words),
        cmocka_unit_test(cut),
        cmocka_unit_test(clock_saturates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
