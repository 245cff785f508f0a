/* JSON: values, envelopes, and what must never be in them. */
#include "out_kit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <sys/socket.h>

#include "lang/fields.h"

static struct session *ses;

static const char *json_of(struct sk_value v) {
    static struct sk_buf out;
    sk_buf_clear(&out);
    assert_int_equal(value_json(ses, &v, &out, NULL), 0);
    assert_int_equal(sk_buf_add(&out, "", 1, NULL), 0);
    sk_drop(v);
    assert_harmless((const char *)sk_buf_data(&out), out.len - 1);
    return (const char *)sk_buf_data(&out);
}

static void scalars(void **state) {
    (void)state;
    assert_string_equal(json_of(sk_null()), "null");
    assert_string_equal(json_of(sk_bool(true)), "true");
    assert_string_equal(json_of(sk_int(0)), "0");
    assert_string_equal(json_of(sk_int(INT64_MIN)), "-9223372036854775808");
    assert_string_equal(json_of(sk_int(INT64_MAX)), "9223372036854775807");
    assert_string_equal(json_of(sk_list()), "[]");
    assert_string_equal(json_of(sk_record()), "{}");
}

static void floats(void **state) {
    static const struct {
        double f;
        const char *text;
    } rows[] = {
        { 0, "0" },
        { 2, "2" },
        { 0.41, "0.41" },
        { 1.204, "1.204" },
        { 0.000016, "0.000016" },
        { -1.5, "-1.5" },
        { 1e22, "1e+22" },
        { 0.1 + 0.2, NULL },
        { 1.0 / 3, NULL },
        { 5e-324, NULL },
        { 1.7e308, NULL },
        { 123456.789, NULL },
        { 999999999.999999, NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *text = json_of(sk_float(rows[i].f));
        if (rows[i].text)
            assert_string_equal(text, rows[i].text);
        assert_true(strtod(text, NULL) == rows[i].f);
    }
    assert_string_equal(json_of(sk_float((double)NAN)), "null");
    assert_string_equal(json_of(sk_float((double)INFINITY)), "null");
}

static void strings(void **state) {
    (void)state;
    assert_string_equal(json_of(sk_text("a\"b\\c/\b\f\n\r\t\x01\x7f")),
                        "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u007f\"");
    assert_string_equal(json_of(sk_text("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")),
                        "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
    assert_string_equal(json_of(sk_text("\xc2\x9b\xe2\x80\xae")), "\"\\u009b\\u202e\"");
    assert_string_equal(json_of(sk_text("\xf3\xa0\x80\x81")), "\"\\udb40\\udc01\"");
    assert_string_equal(json_of(sk_text("a\xff\xc3z")), "\"a\xef\xbf\xbd\xef\xbf\xbdz\"");
    json_of(sk_text(hostile));
}

/* Each byte value alone and as a pair: valid, and `text` is null exactly when the bytes are not UTF-8. */
static void all_bytes(void **state) {
    (void)state;
    for (unsigned i = 0; i < 0x10000; i++) {
        unsigned char p[2] = { (unsigned char)(i >> 8), (unsigned char)i };
        const char *text = json_of(sk_bytes(p, 2));
        assert_int_equal(strstr(text, "\"text\":null") != NULL, !sk_utf8_valid(p, 2));
        json_of(sk_text_n(p, 2));
    }
}

static void bytes_and_merging(void **state) {
    (void)state;
    assert_string_equal(json_of(sk_bytes_cut("a\n", 2, 9)),
                        "{\"len\":2,\"text\":\"a\\n\",\"base64\":\"YQo=\",\"truncated\":true,\"real_len\":9}");
    struct sk_value v = sk_record();
    sk_put_main(&v, "", sk_bytes("\xff", 1));
    sk_put(&v, "real_len", sk_int(70));
    sk_put(&v, "eof", sk_bool(false));
    assert_string_equal(
        json_of(v), "{\"len\":1,\"text\":null,\"base64\":\"/w==\",\"truncated\":false,\"real_len\":70,\"eof\":false}");
}

static void addresses(void **state) {
    struct sk_addr a;
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    (void)state;
    sk_addr_loopback(&a, AF_INET, 80);
    assert_string_equal(
        json_of(sk_sockaddr(&a.u, a.len)),
        "{\"family\":\"AF_INET\",\"host\":\"127.0.0.1\",\"port\":80,\"flowinfo\":null,\"scope_id\":null,\"scope\":null,"
        "\"path\":null,\"abstract\":false,\"raw\":\"020000507f0000010000000000000000\",\"text\":\"127.0.0.1:80\"}");
    sk_addr_loopback(&a, AF_INET6, 443);
    a.u.in6.sin6_flowinfo = htonl(5);
    const char *text = json_of(sk_sockaddr(&a.u, a.len));
    assert_non_null(strstr(text, "\"host\":\"::1\",\"port\":443,\"flowinfo\":5,\"scope_id\":0,\"scope\":null"));
    memcpy(un.sun_path, "\0a\x1b", 3);
    text = json_of(sk_sockaddr(&un, offsetof(struct sockaddr_un, sun_path) + 3));
    assert_non_null(strstr(text, "\"path\":\"a\\\\x1b\",\"abstract\":true"));
    strcpy(un.sun_path, "/run/x");
    text = json_of(sk_sockaddr(&un, offsetof(struct sockaddr_un, sun_path) + 7));
    assert_non_null(strstr(text, "\"path\":\"/run/x\",\"abstract\":false"));
    text = json_of(sk_sockaddr(&un, offsetof(struct sockaddr_un, sun_path)));
    assert_non_null(strstr(text, "\"path\":null,\"abstract\":false"));
}

static struct sk_ref make_pair(const char *name) {
    struct sk_sock *pair[2];
    struct object *obj = session_bind(ses, name, O_SOCKET, NULL);
    assert_int_equal(sk_sock_pair(pair, AF_UNIX, SOCK_STREAM, 0, NULL), 0);
    obj->u.sock = pair[0];
    sk_sock_free(pair[1]);
    return obj->ref;
}

static void handles(void **state) {
    (void)state;
    struct sk_ref ref = make_pair("c");
    const char *text = json_of(sk_handle(ref));
    for (size_t i = 0; handle_fields[i]; i++) {
        char key[32];
        struct sk_value v;
        snprintf(key, sizeof key, "\"%s\":", handle_fields[i]);
        assert_non_null(strstr(text, key));
        assert_int_equal(handle_field(ses, ref, handle_fields[i], &v, NULL), 0);
        sk_drop(v);
    }
    assert_memory_equal(text, "{\"name\":\"c\",\"fd\":", 17);
    struct sk_value v, handle = sk_handle(ref);
    assert_int_equal(value_field(ses, &handle, "tls", &v, NULL), 0);
    assert_int_equal(v.type, SK_NULL);
    assert_int_equal(value_field(ses, &v, "version", &v, NULL), 0);
    struct sk_err err;
    assert_int_equal(handle_field(ses, ref, "colour\x1b", &v, &err), -1);
    assert_string_equal(
        err.msg,
        "no field 'colour\\x1b'; there are name fd family type proto state local peer timeout buffered tls proxy");
    session_remove(ses, session_get(ses, ref));
    assert_string_equal(json_of(sk_handle(ref)),
                        "{\"name\":null,\"fd\":null,\"family\":null,\"type\":null,\"proto\":null,"
                        "\"state\":\"closed\",\"local\":null,\"peer\":null,\"timeout\":null,"
                        "\"buffered\":null,\"tls\":null,\"proxy\":null}");
}

/* ---- Envelopes ---- */

static void scalar_envelope(void **state) {
    struct stage *t = *state;
    stage_begin(t, 0, R_ONE, NULL, F_JSON);
    assert_string_equal(stage_result(t, sk_int(20480)),
                        "{\"v\":1,\"seq\":3,\"t\":0.001234,\"cmd\":\"probe\",\"sock\":null,\"ok\":true,\"ms\":0.41,"
                        "\"result\":{\"value\":20480}}\n");
    stage_begin(t, 0, R_STATUS, NULL, F_JSON);
    assert_non_null(strstr(stage_end(t, NULL), "\"result\":{}}\n"));
    stage_begin(t, 0, R_ITEMS, "name", F_JSON);
    assert_non_null(strstr(stage_end(t, NULL), "\"result\":[]}\n"));
}

static void stream_envelope(void **state) {
    struct stage *t = *state;
    stage_begin(t, NEED_SOCK | PRINTS, R_STREAM, NULL, F_JSON);
    stage_bytes(t, "ab", 2);
    stage_bytes(t, "\n", 1);
    call_extra(&t->call, "eof", sk_bool(true));
    assert_non_null(strstr(stage_end(t, NULL),
                           "\"result\":{\"len\":3,\"text\":\"ab\\n\",\"base64\":\"YWIK\",\"truncated\":false,"
                           "\"real_len\":3,\"eof\":true}}\n"));
    stage_begin(t, NEED_SOCK | PRINTS, R_STREAM, NULL, F_JSON);
    assert_non_null(strstr(stage_end(t, NULL),
                           "\"result\":{\"len\":0,\"text\":\"\",\"base64\":\"\",\"truncated\":false,"
                           "\"real_len\":0,\"eof\":false}}\n"));
}

static void error_envelope(void **state) {
    struct stage *t = *state;
    struct sk_err why;
    sk_fail_sys(&why, ECONNRESET, "recv", "recv on c");
    stage_begin(t, NEED_SOCK | PRINTS, R_STREAM, NULL, F_JSON);
    t->call.reported = true; /* no message on this test's stderr */
    stage_bytes(t, "x", 1);
    assert_non_null(strstr(stage_end(t, &why),
                           "\"ok\":false,\"ms\":0.41,\"error\":{\"code\":\"ECONNRESET\",\"errno\":104,"
                           "\"syscall\":\"recv\",\"exit\":6,\"message\":\"recv on c: connection reset by peer\","
                           "\"partial\":{\"len\":1,\"text\":\"x\","));
    sk_fail_usage(&why, "no socket '%s'", hostile);
    stage_begin(t, 0, R_STATUS, NULL, F_JSON);
    t->call.reported = true;
    const char *text = stage_end(t, &why);
    assert_non_null(strstr(text, "\"error\":{\"code\":\"USAGE\",\"errno\":null,\"syscall\":null,\"exit\":2,"));
    assert_harmless(text, strlen(text));
}

/* An -n that was not given: the one item is the result. */
static void single_item(void **state) {
    struct stage *t = *state;
    static const struct param params[] = { OPT('n', "count", K_INT, "how many"), { .kind = K_END } };
    struct arg args[1] = { { .count = 0 } };
    for (args[0].count = 0; args[0].count < 2; args[0].count++) {
        stage_begin(t, NEED_SOCK | PRINTS, R_ITEMS, NULL, F_JSON);
        t->cmd.params = params;
        t->call.args = args;
        assert_int_equal(call_item(&t->call, sk_bytes("a", 1)), 0);
        const char *text = stage_end(t, NULL);
        assert_int_equal(strstr(text, "\"result\":[{\"len\":1") != NULL, args[0].count == 1);
        assert_int_equal(strstr(text, "\"result\":{\"len\":1") != NULL, args[0].count == 0);
    }
}

/* Envelopes that are kept show a socket as it was. */
static void gathered(void **state) {
    struct stage *t = *state;
    struct sk_err err;
    ses = t->ses;
    struct sk_ref ref = make_pair("g");
    struct sink *g = gather_new(NULL);
    stage_begin(t, MAKES, R_ONE, NULL, F_RAW);
    t->call.result = sk_handle(ref);
    struct outcome o = { .cmd = "probe", .ok = true, .result = &t->call.result, .seq = 1 };
    assert_int_equal(g->cls->end(g, &t->call, &o, &err), 0);
    session_remove(ses, session_get(ses, ref));
    struct sk_value list = gather_take(g);
    assert_int_equal(list.u.seq->count, 1);
    assert_non_null(strstr(json_of(list), "\"result\":{\"name\":\"g\","));
    sink_free(g);
}

static void held_limit(void **state) {
    struct stage *t = *state;
    struct sk_buf big = { 0 };
    size_t n = 40 * 1024 * 1024, taken;
    assert_non_null(sk_buf_room(&big, n, NULL));
    memset(big.mem, 'a', n);
    stage_begin(t, NEED_SOCK | PRINTS, R_STREAM, NULL, F_JSON);
    stage_bytes(t, big.mem, n);
    assert_int_equal(call_bytes(&t->call, big.mem, n, &taken), -1);
    assert_int_equal(taken, 0);
    assert_int_equal(t->call.err.code, EMSGSIZE);
    assert_non_null(strstr(t->call.err.msg, "write it to a file"));
    sk_buf_done(&big);
}

int main(void) {
    ses = session_new();
    const struct CMUnitTest values[] = {
        cmocka_unit_test(scalars),   cmocka_unit_test(floats),    cmocka_unit_test(strings),
        cmocka_unit_test(all_bytes), cmocka_unit_test(addresses), cmocka_unit_test(bytes_and_merging),
        cmocka_unit_test(handles),
    };
    const struct CMUnitTest envelopes[] = {
        cmocka_unit_test_setup_teardown(scalar_envelope, stage_set, stage_strike),
        cmocka_unit_test_setup_teardown(stream_envelope, stage_set, stage_strike),
        cmocka_unit_test_setup_teardown(error_envelope, stage_set, stage_strike),
        cmocka_unit_test_setup_teardown(single_item, stage_set, stage_strike),
        cmocka_unit_test_setup_teardown(gathered, stage_set, stage_strike),
        cmocka_unit_test_setup_teardown(held_limit, stage_set, stage_strike),
    };
    int failed = cmocka_run_group_tests(values, NULL, NULL);
    session_free(ses);
    return failed + cmocka_run_group_tests(envelopes, NULL, NULL);
}
