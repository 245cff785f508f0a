/* The text forms: bytes in pieces and whole, records, what was made, messages. */
#include "out_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "lang/render.h"
#include "out/text.h"

static const enum format forms[] = { F_RAW, F_TEXT, F_ESCAPE, F_HEX, F_HEXDUMP, F_BASE64 };
enum { FORMS = sizeof forms / sizeof *forms };

static const char *whole(struct stage *t, enum format form, const void *p, size_t n) {
    stage_begin(t, PRINTS, R_ONE, NULL, form);
    return stage_result(t, sk_bytes(p, n));
}

static const char *in_pieces(struct stage *t, enum format form, const char *p, size_t n, size_t piece) {
    stage_begin(t, PRINTS, R_STREAM, NULL, form);
    for (size_t i = 0; i < n; i += piece)
        stage_bytes(t, p + i, n - i < piece ? n - i : piece);
    return stage_end(t, NULL);
}

static void golden(void **state) {
    static const char *const want[FORMS] = { "a\r\n'\\\xc3\xa4",
                                             "'a\\r\\n'\n'\\x27\\x5c\xc3\xa4'\n",
                                             "a\\r\\n\\x27\\x5c\xc3\xa4\n",
                                             "610d0a275cc3a4\n",
                                             "00000000: 610d 0a27 5cc3 a4                        a..'\\..\n",
                                             "YQ0KJ1zDpA==\n" };
    for (int i = 0; i < FORMS; i++)
        assert_string_equal(whole(*state, forms[i], "a\r\n'\\\xc3\xa4", 7), want[i]);
}

static void pieces_look_as_the_whole(void **state) {
    struct stage *t = *state;
    char data[700];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i % 7 == 3 ? '\n' : i * 37);
    for (int i = 0; i < FORMS; i++) {
        whole(t, forms[i], data, sizeof data);
        size_t size = stage_size(t);
        char *want = memcpy(malloc(size), t->text, size);
        for (size_t piece = 1; piece < sizeof data; piece += piece < 40 ? 1 : 97) {
            in_pieces(t, forms[i], data, sizeof data, piece);
            assert_int_equal(stage_size(t), size);
            assert_memory_equal(t->text, want, size);
        }
        free(want);
    }
}

static void empty(void **state) {
    static const char *const message[FORMS] = { "", "''\n", "\n", "\n", "", "\n" };
    static const char *const nothing[FORMS] = { "", "", "\n", "\n", "", "\n" };
    struct stage *t = *state;
    struct sk_err why;
    sk_fail(&why, SK_EOF, 0, "recv", "end of data");
    for (int i = 0; i < FORMS; i++) {
        assert_string_equal(whole(t, forms[i], "", 0), message[i]);
        stage_begin(t, PRINTS, R_STREAM, NULL, forms[i]);
        stage_bytes(t, "", 0);
        assert_string_equal(stage_end(t, NULL), message[i]);
        stage_begin(t, PRINTS, R_STREAM, NULL, forms[i]);
        assert_string_equal(stage_end(t, NULL), nothing[i]);
        stage_begin(t, PRINTS, R_STREAM, NULL, forms[i]);
        t->call.reported = true;
        assert_string_equal(stage_end(t, &why), "");
    }
}

/* What came before a failure is shown. */
static void partial(void **state) {
    static const char *const want[FORMS] = {
        "ab", "'ab'\n", "ab\n", "6162\n", "00000000: 6162                                     ab\n", "YWI=\n"
    };
    struct stage *t = *state;
    struct sk_err why;
    sk_fail_timeout(&why, "read");
    for (int i = 0; i < FORMS; i++) {
        stage_begin(t, PRINTS, R_STREAM, NULL, forms[i]);
        t->call.reported = true;
        stage_bytes(t, "ab", 2);
        assert_string_equal(stage_end(t, &why), want[i]);
    }
}

static void shown_harmless(const struct stage *t) { assert_harmless(t->text, stage_size(t)); }

static void hostile_bytes(void **state) {
    struct stage *t = *state;
    char all[512];
    for (size_t i = 0; i < 256; i++) {
        all[2 * i] = (char)i;
        all[2 * i + 1] = (char)(255 - i);
    }
    for (int i = 1; i < FORMS; i++) {
        whole(t, forms[i], hostile, sizeof hostile);
        shown_harmless(t);
        whole(t, forms[i], all, sizeof all);
        shown_harmless(t);
        in_pieces(t, forms[i], all, sizeof all, 1);
        shown_harmless(t);
    }
    stage_terminal = true; /* the default there is no raw form */
    whole(t, F_AUTO, hostile, sizeof hostile);
    shown_harmless(t);
    stage_begin(t, PRINTS | PLAIN, R_ONE, NULL, F_AUTO);
    stage_result(t, sk_bytes(hostile, sizeof hostile));
    shown_harmless(t);
    for (int terminal = 0; terminal < 2; terminal++) {
        stage_terminal = terminal;
        stage_begin(t, 0, R_ONE, NULL, F_AUTO);
        stage_result(t, sk_text(hostile));
        shown_harmless(t);
        stage_begin(t, 0, R_ITEMS, "name value", F_AUTO);
        struct sk_value row = sk_record();
        sk_put(&row, "name", sk_text(hostile));
        sk_put(&row, "value", sk_bytes(hostile, sizeof hostile));
        call_item(&t->call, row);
        stage_end(t, NULL);
        shown_harmless(t);
    }
}

/* A line without end is cut, so that memory stays flat. */
static void long_line(void **state) {
    struct stage *t = *state;
    size_t n = 200000, lines = 0;
    char *data = malloc(n);
    memset(data, 'a', n);
    in_pieces(t, F_TEXT, data, n, 1000);
    for (const char *p = t->text; *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, 13); /* of 16 KiB */
    assert_int_equal(stage_size(t), n + 13 * 3);
    free(data);
}

static void dump_goes_on(void **state) {
    struct stage *t = *state;
    struct sk_sock s = { .received = 25 };
    stage_begin(t, PRINTS, R_STREAM, NULL, F_HEXDUMP);
    t->call.sock = &s;
    stage_bytes(t, "abcd", 4); /* just taken: bytes 21 to 24 of the stream */
    assert_memory_equal(stage_end(t, NULL), "00000015: 6162 6364 ", 20);
    assert_int_equal(sk_buf_add(&s.in, "xyz", 3, NULL), 0);
    stage_begin(t, PRINTS, R_STREAM, NULL, F_HEXDUMP);
    t->call.sock = &s;
    stage_bytes(t, sk_buf_data(&s.in), 3); /* still buffered */
    assert_memory_equal(stage_end(t, NULL), "00000016: 7879 7a", 17);
    sk_buf_done(&s.in);
}

static void words(void **state) {
    struct stage *t = *state;
    stage_begin(t, PRINTS | PLAIN, R_ONE, NULL, F_AUTO);
    assert_string_equal(stage_result(t, sk_bytes("it's\t\x1b", 6)), "it's\t\x1b\n");
    stage_terminal = true;
    stage_begin(t, PRINTS | PLAIN, R_ONE, NULL, F_AUTO);
    assert_string_equal(stage_result(t, sk_bytes("it's\t\x1b", 6)), "it's\t\\x1b\n");
    stage_begin(t, PRINTS | ESCAPES, R_ONE, NULL, F_AUTO);
    assert_string_equal(stage_result(t, sk_bytes("\x7f\0\0\x01", 4)), "\\x7f\\x00\\x00\\x01\n");
}

/* ---- Records ---- */

static struct sk_value row(const char *name, int64_t value, struct sk_value events) {
    struct sk_value v = sk_record();
    sk_put_main(&v, "name", sk_text(name));
    sk_put(&v, "value", sk_int(value));
    sk_put(&v, "events", events);
    return v;
}

static void lists(void **state) {
    struct stage *t = *state;
    for (int terminal = 0; terminal < 2; terminal++) {
        struct sk_value events = sk_list();
        sk_push(&events, sk_text("in"));
        sk_push(&events, sk_text("hup"));
        stage_terminal = terminal;
        stage_begin(t, 0, R_ITEMS, "name value events nothing", F_AUTO);
        assert_int_equal(call_item(&t->call, row("a", 1, events)), 0);
        assert_int_equal(call_item(&t->call, row("long\xc3\xa4", -20, sk_null())), 0);
        assert_string_equal(stage_end(t, NULL), terminal ? "a      1    in,hup  -\nlong\xc3\xa4  -20  -       -\n"
                                                         : "a 1 in,hup -\nlong\xc3\xa4 -20 - -\n");
    }
    stage_begin(t, 0, R_ITEMS, "name", F_AUTO);
    assert_int_equal(call_item(&t->call, row("x", 1, sk_null())), 0);
    assert_string_equal(stage_end(t, NULL), "x\n");
}

static void single_records(void **state) {
    struct stage *t = *state;
    stage_begin(t, 0, R_ONE, NULL, F_AUTO);
    assert_string_equal(stage_result(t, row("x", 1, sk_null())), "x\n");
    stage_begin(t, 0, R_ONE, "events", F_AUTO);
    assert_string_equal(stage_result(t, row("x", 1, sk_null())), "");
    stage_begin(t, 0, R_ONE, "", F_AUTO);
    assert_string_equal(stage_result(t, row("x", 1, sk_null())), "");
    stage_begin(t, 0, R_ONE, "name value events a b c d", F_AUTO);
    assert_string_equal(stage_result(t, row("x", 1, sk_null())),
                        "name: x\nvalue: 1\nevents: -\na: -\nb: -\nc: -\nd: -\n");
}

static void datagrams(void **state) {
    struct stage *t = *state;
    struct sk_addr a;
    sk_addr_loopback(&a, AF_INET, 7);
    for (int i = 0; i < FORMS; i++) {
        static const char *const want[FORMS] = { "hi\n",
                                                 "127.0.0.1:7 'hi\\n'\n",
                                                 "hi\\n\n",
                                                 "68690a\n",
                                                 "00000000: 6869 0a                                  hi.\n",
                                                 "aGkK\n" };
        struct sk_value v = sk_record();
        sk_put_main(&v, "", sk_bytes("hi\n", 3));
        sk_put(&v, "peer", sk_sockaddr(&a.u, a.len));
        stage_begin(t, PRINTS, R_ITEMS, "peer bytes", forms[i]);
        assert_int_equal(call_item(&t->call, v), 0);
        assert_string_equal(stage_end(t, NULL), want[i]);
    }
}

/* ---- Styles ---- */

static void counts(void **state) {
    static const struct {
        enum style style;
        int verbose;
        const char *text;
    } rows[] = {
        { STYLE_ONCE, 0, "7\n" }, { STYLE_SCRIPT, 1, "" }, { STYLE_SHELL, 0, "" }, { STYLE_SHELL, 1, "7 bytes sent\n" }
    };
    struct stage *t = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sk_value v = sk_record();
        sk_put_main(&v, "len", sk_int(7));
        stage_begin(t, COUNTS, R_ONE, NULL, F_AUTO);
        t->frame.style = rows[i].style;
        t->opt.verbose = rows[i].verbose;
        assert_string_equal(stage_result(t, v), rows[i].text);
    }
}

static void made(void **state) {
    struct stage *t = *state;
    struct sk_sock *s;
    assert_int_equal(sk_sock_open(&s, AF_INET, SOCK_STREAM, 0, NULL), 0);
    struct object *obj = session_bind(t->ses, NULL, O_SOCKET, NULL);
    obj->u.sock = s;
    struct sk_value v = sk_handle(obj->ref);
    static const char *const want[] = {
        [STYLE_ONCE] = "s1\n", [STYLE_SCRIPT] = "", [STYLE_SHELL] = "s1: new AF_INET SOCK_STREAM\n"
    };
    for (int style = STYLE_ONCE; style <= STYLE_SHELL; style++) {
        stage_begin(t, MAKES, R_ONE, NULL, F_AUTO);
        t->frame.style = (enum style)style;
        assert_string_equal(stage_result(t, v), want[style]);
    }
    struct sk_addr a;
    char line[SK_ADDR_TEXT + 32], text[SK_ADDR_TEXT];
    sk_addr_loopback(&a, AF_INET, 0);
    assert_int_equal(sk_sock_bind(s, &a, NULL), 0);
    assert_int_equal(sk_sock_listen(s, 1, NULL), 0);
    assert_int_equal(sk_sock_local(s, &a, NULL), 0);
    snprintf(line, sizeof line, "s1: listening on %s\n", sk_addr_format(text, sizeof text, &a));
    stage_begin(t, MAKES, R_ONE, NULL, F_AUTO);
    assert_string_equal(stage_result(t, v), line);
}

/* ---- Messages ---- */

static const char *message(const char *file, const struct sk_err *e, const char *note) {
    static char text[4096];
    struct sk_buf out = { 0 }, lines = { 0 };
    assert_int_equal(sk_buf_add_str(&lines, note, NULL), 0);
    assert_int_equal(text_message(file, 3, e, &lines, &out, NULL), 0);
    assert_true(out.len < sizeof text);
    memcpy(text, sk_buf_data(&out), out.len);
    text[out.len] = '\0';
    sk_buf_done(&out);
    sk_buf_done(&lines);
    assert_harmless(text, strlen(text));
    return text;
}

static void messages(void **state) {
    (void)state;
    struct sk_err e;
    sk_fail_sys(&e, ECONNREFUSED, "connect", "connect to %s", "127.0.0.1:1");
    assert_string_equal(message(NULL, &e, ""), "sockctl: connect to 127.0.0.1:1: connection refused (ECONNREFUSED)\n");
    sk_fail(&e, SK_TIMEOUT, ETIMEDOUT, "expect", "expect: timed out after 0.2s on r");
    assert_string_equal(
        message("t/redis.sock", &e, "want: '+PONG\\r\\n'\ngot:  '-ERR'\n"),
        "sockctl: t/redis.sock:3: expect: timed out after 0.2s on r\n  want: '+PONG\\r\\n'\n  got:  '-ERR'\n");
    sk_fail_usage(&e, "no socket '%s'", "it's\n\x1b[0m\\");
    assert_string_equal(message("a\x1b", &e, "\x9b"), "sockctl: a\\x1b:3: no socket 'it's\\n\\x1b[0m\\'\n  \\x9b\n");
    sk_fail_usage(&e, "%s", hostile);
    message(hostile, &e, hostile);
}

static const char *stderr_of(struct stage *t, const struct sk_err *why, int verbose) {
    int saved = dup(STDERR_FILENO);
    stage_begin(t, 0, R_STATUS, NULL, F_AUTO);
    t->opt.verbose = verbose;
    call_note(&t->call, "see also");
    dup2(t->fd, STDERR_FILENO);
    const char *text = stage_end(t, why);
    dup2(saved, STDERR_FILENO);
    close(saved);
    return text;
}

static void told_once(void **state) {
    struct stage *t = *state;
    struct sk_err e;
    sk_fail_usage(&e, "wrong");
    assert_string_equal(stderr_of(t, &e, 0), "sockctl: wrong\n  see also\n");
    assert_string_equal(stderr_of(t, &e, -1), "sockctl: wrong\n  see also\n");
    assert_string_equal(stderr_of(t, NULL, 0), "");
    assert_string_equal(stderr_of(t, NULL, 1), "  see also\n");
    sk_fail(&e, SK_SHELL, 141, "write", "nobody reads stdout any more"); /* as by SIGPIPE: quiet */
    assert_string_equal(stderr_of(t, &e, 1), "");
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, stage_set, stage_strike)

int main(void) {
    const struct CMUnitTest tests[] = {
        STAGED(golden),    STAGED(pieces_look_as_the_whole),
        STAGED(empty),     STAGED(partial),
        STAGED(long_line), STAGED(hostile_bytes),
        STAGED(words),     STAGED(dump_goes_on),
        STAGED(lists),     STAGED(single_records),
        STAGED(datagrams), STAGED(counts),
        STAGED(made),      cmocka_unit_test(messages),
        STAGED(told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
