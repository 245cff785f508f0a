/* The command table: what every row must keep, and what help makes of it. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "door/door.h"
#include "door/help.h"
#include "door/pages.h"
#include "lang/optparse.h"

#define FOR_COMMANDS(cmd)                                                                                              \
    for (size_t cmd##_at = 0; cmd##_at < command_count; cmd##_at++)                                                    \
        for (const struct command *cmd = commands[cmd##_at]; cmd != NULL; cmd = NULL)
#define FOR_PARAMS(p, cmd) for (const struct param *p = (cmd)->params; p != NULL && p->kind != K_END; p++)

/* Fail with the row's name. */
#define ROW(cmd, p, condition)                                                                                         \
    do {                                                                                                               \
        const struct param *row_ = (p);                                                                                \
        if (!(condition))                                                                                              \
            fail_msg("%s%s%s: %s", (cmd)->name, row_ != NULL ? " " : "", row_ != NULL ? row_->name : "", #condition);  \
    } while (0)

static const char *text_of(struct sk_buf *b) {
    sk_buf_add(b, "", 1, NULL);
    return (const char *)sk_buf_data(b);
}

static bool takes_rest(const struct param *p) {
    return p->kind == K_DATA || p->kind == K_PATTERN || p->kind == K_CMD || p->kind == K_CHAIN;
}

static void sorted_and_found(void **state) {
    (void)state;
    for (size_t i = 0; i < command_count; i++) {
        ROW(commands[i], NULL, i == 0 || strcmp(commands[i - 1]->name, commands[i]->name) < 0);
        assert_ptr_equal(command_find(commands[i]->name, strlen(commands[i]->name)), commands[i]);
        assert_ptr_equal(command_find(commands[i]->name, strlen(commands[i]->name) - 1) == commands[i], false);
    }
    assert_null(command_find("nosuch", 6));
    assert_null(command_find("", 0));
    assert_string_equal(command_find("exit", 4)->name, "quit");
    assert_string_equal(command_nearest("conect"), "connect");
}

static void rows_are_complete(void **state) {
    static const char *const groups[] = { "make", "bytes", "wait",    "options", "names",
                                          "tls",  "jobs",  "session", "test",    "doors" };
    (void)state;
    FOR_COMMANDS(cmd) {
        bool known = false;
        for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
            known |= strcmp(groups[g], cmd->group) == 0;
        ROW(cmd, NULL, known);
        ROW(cmd, NULL, cmd->run != NULL);
        ROW(cmd, NULL, cmd->examples != NULL && cmd->examples[0] != NULL);
        ROW(cmd, NULL, (cmd->flags & (NEED_SOCK | MAY_SOCK)) != (NEED_SOCK | MAY_SOCK));
        ROW(cmd, NULL, !(cmd->flags & (ESCAPES | PLAIN)) || (cmd->flags & PRINTS));
        ROW(cmd, NULL, !(cmd->flags & NO_DEFAULT_TIMEOUT) || (cmd->flags & WAITS));
        for (const char *p = cmd->name; *p != '\0'; p++)
            ROW(cmd, NULL, islower((unsigned char)*p) || isdigit((unsigned char)*p) || *p == '_' || *p == '-');
    }
}

/* "receive what has come": a verb in its plain form, no full stop. */
static void summaries(void **state) {
    static const char *const no_verbs[] = { "the", "a", "an", "this", "of", "for", "to", "all", "what", "one" };
    (void)state;
    FOR_COMMANDS(cmd) {
        const char *s = cmd->summary;
        size_t n = strcspn(s, " ,"), len = strlen(s);
        ROW(cmd, NULL, n > 1 && len > n);
        for (size_t i = 0; i < n; i++)
            ROW(cmd, NULL, islower((unsigned char)s[i]));
        for (size_t i = 0; i < sizeof no_verbs / sizeof *no_verbs; i++)
            ROW(cmd, NULL, strlen(no_verbs[i]) != n || memcmp(no_verbs[i], s, n) != 0);
        ROW(cmd, NULL, s[n - 1] != 's' || s[n - 2] == 's');
        ROW(cmd, NULL, s[len - 1] != '.' && strstr(s, ". ") == NULL && len <= 70);
        if (cmd->details != NULL)
            ROW(cmd, NULL, cmd->details[strlen(cmd->details) - 1] == '.' && strstr(cmd->details, "  ") == NULL);
    }
}

static void check_param(const struct command *cmd, const struct param *p) {
    ROW(cmd, p, p->help != NULL && strlen(p->help) > 0);
    size_t end = strlen(p->help);
    ROW(cmd, p, p->help[end - 1] != '.' || (end > 3 && strcmp(p->help + end - 3, "...") == 0));
    ROW(cmd, p, !isupper((unsigned char)p->help[0]) || !islower((unsigned char)p->help[1]));
    ROW(cmd, p, p->min <= p->max || !p->operand);
    ROW(cmd, p, p->lo <= p->hi);
    ROW(cmd, p, (p->kind == K_CHOICE) == (p->choices != NULL));
    ROW(cmd, p, p->choices == NULL || p->choices[0] != NULL);
    ROW(cmd, p, !(p->flags & (MULTIWORD | LISTENING)) || p->kind == K_ADDR);
    ROW(cmd, p, !(p->flags & TYPED) || p->kind == K_PATTERN);
    for (const char *c = p->name; *c != '\0'; c++) {
        if (p->operand)
            ROW(cmd, p, isupper((unsigned char)*c) || strchr("[:] ,.", *c) != NULL);
        else
            ROW(cmd, p, islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '-');
    }
    if (p->operand)
        ROW(cmd, p, p->max > 0 && p->letter == 0 && p->kind != K_FLAG);
    else
        ROW(cmd, p, p->kind != K_CMD && p->kind != K_CHAIN && p->kind != K_DATA && p->kind != K_PATTERN && p->min == 0);
}

static void params(void **state) {
    (void)state;
    FOR_COMMANDS(cmd) {
        bool rest = false, runs = false;
        size_t count = 0;
        FOR_PARAMS(p, cmd) {
            check_param(cmd, p);
            ROW(cmd, p, !p->operand || !rest); /* nothing comes after what takes the rest */
            rest |= p->operand && takes_rest(p);
            runs |= p->kind == K_CMD || p->kind == K_CHAIN;
            count++;
        }
        ROW(cmd, NULL, count < ROWS_MOST - common_row_count);
        ROW(cmd, NULL, runs == ((cmd->flags & PREFIX) != 0));
        ROW(cmd, NULL, rest || !(cmd->flags & DATA));
    }
    static const struct command shared = { .name = "shared" };
    for (size_t i = 0; i < common_row_count; i++)
        check_param(&shared, &common_rows[i].param);
    for (size_t i = 0; i < global_row_count; i++)
        check_param(&shared, &global_rows[i]);
}

/* Every kind that a row uses can be parsed and has a name. */
static void kinds(void **state) {
    static const struct {
        enum kind kind;
        const char *good, *bad;
    } samples[] = {
        { K_INT, "5", "five" },
        { K_NUMBER, "0x10", "x" },
        { K_SIZE, "64k", "64q" },
        { K_TIME, "1.5s", "1.5x" },
        { K_DAYS, "30d", "30 d" },
        { K_TIMEOUT, "none", "never" },
        { K_ADDR, "127.0.0.1:80", "::1" },
        { K_PORTS, "127.0.0.1:22,80-82", "127.0.0.1:82-80" },
        { K_HOST, "-", NULL },
        { K_SOCK, "s1", "1s" },
        { K_POLL, "s1:in", "s1:nothing" },
        { K_EVENTS, "in,out", "blue" },
        { K_FAMILY, "inet6", "blue" },
        { K_TYPE, "SOCK_DGRAM", "blue" },
        { K_PROTO, "udp", "blue" },
        { K_MSGFLAGS, "MSG_PEEK", "blue" },
        { K_AIFLAGS, "passive", "blue" },
        { K_NIFLAGS, "dgram", "blue" },
        { K_DATA, "x", NULL },
        { K_BYTES, "x", NULL },
        { K_PATTERN, "x", NULL },
        { K_HEX, "00 ff", "0" },
        { K_BASE64, "AAA=", "A" },
        { K_FILE, "x", "" },
        { K_TEXT, "x", NULL },
        { K_NAME, "x", "1" },
        { K_CHOICE, "one", "two" },
        { K_ONOFF, "off", "maybe" },
        { K_SERVERS, "127.0.0.1:5353,::1", "127.0.0.1:0" },
        { K_OVERRIDE, "a.test:::1", "a.test" },
        { K_PROXY, "socks5://localhost:1080", "ftp://localhost:21" },
        { K_CMSG, "SOL_SOCKET", NULL },
    };
    static const char *const words[] = { "one", NULL };
    bool tried[KINDS] = { [K_FLAG] = true, [K_CMD] = true, [K_CHAIN] = true };
    struct arena arena = { 0 };
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct param row = { .name = "X", .operand = true, .kind = samples[i].kind, .choices = words };
        struct arg arg = { 0 };
        struct sk_err err = { 0 };
        if (kind_parse(&row, samples[i].good, strlen(samples[i].good), &arena, &arg, &err) != 0)
            fail_msg("'%s': %s", samples[i].good, err.msg);
        if (samples[i].bad != NULL) {
            assert_int_equal(kind_parse(&row, samples[i].bad, strlen(samples[i].bad), &arena, &arg, &err), -1);
            assert_int_equal(err.kind, SK_USAGE);
            assert_in_range(strlen(err.msg), 10, 200);
        }
        tried[samples[i].kind] = true;
    }
    for (int kind = K_FLAG; kind < KINDS; kind++)
        if (!tried[kind])
            fail_msg("kind %d has no sample here", kind);
    FOR_COMMANDS(cmd)
    FOR_PARAMS(p, cmd)
    ROW(cmd, p, p->kind == K_FLAG || kind_placeholder(p->kind) != NULL);
    arena_done(&arena);
}

/* One letter, one meaning in the whole program; a name stands once in a command. */
static void letters(void **state) {
    const char *meaning[128] = { 0 };
    const struct param *rows[ROWS_MOST];
    (void)state;
    for (size_t i = 0; i < global_row_count; i++)
        if (global_rows[i].letter != 0) {
            assert_null(meaning[(int)global_rows[i].letter]);
            meaning[(int)global_rows[i].letter] = global_rows[i].name;
        }
    for (size_t i = 0; i < common_row_count; i++)
        if (common_rows[i].param.letter != 0) {
            assert_null(meaning[(int)common_rows[i].param.letter]);
            meaning[(int)common_rows[i].param.letter] = common_rows[i].param.name;
        }
    FOR_COMMANDS(cmd) {
        size_t own, n = command_options(cmd, rows, &own);
        for (size_t i = 0; i < n; i++) {
            const char **m = rows[i]->letter != 0 ? &meaning[(int)rows[i]->letter] : NULL;
            if (m != NULL && *m == NULL)
                *m = rows[i]->name;
            ROW(cmd, rows[i], m == NULL || strcmp(*m, rows[i]->name) == 0);
            ROW(cmd, rows[i], strncmp(rows[i]->name, "no-", 3) != 0); /* that is how switches are turned off */
            for (size_t k = 0; k < i; k++) {
                ROW(cmd, rows[i], strcmp(rows[k]->name, rows[i]->name) != 0);
                ROW(cmd, rows[i], rows[k]->letter == 0 || rows[k]->letter != rows[i]->letter);
            }
        }
    }
}

static void no_line_is_long(const char *what, const char *text, bool examples) {
    for (const char *p = text; *p != '\0';) {
        size_t n = strcspn(p, "\n");
        if (n > LINE_WIDTH && !(examples && p[0] == ' ' && p[1] == ' ' && strstr(p, "sockctl") != p))
            fail_msg("%s: %.*s", what, (int)n, p);
        p += n + (p[n] == '\n');
    }
}

/* The page of a command has its options, operands and examples; its synopsis those that not all commands have. */
static void pages(void **state) {
    const struct param *rows[ROWS_MOST];
    char word[96];
    (void)state;
    FOR_COMMANDS(cmd) {
        struct sk_buf page = { 0 };
        command_page(cmd, &page);
        const char *text = text_of(&page), *usage_end = strchr(strstr(text, "OPTION]..."), '\n');
        size_t own, n = command_options(cmd, rows, &own);
        ROW(cmd, NULL, strncmp(text, "Usage: sockctl ", 15) == 0);
        for (size_t i = 0; i < n; i++) {
            snprintf(word, sizeof word, " --%s", rows[i]->name);
            ROW(cmd, rows[i], strstr(text, word) != NULL);
            if (shared_by_all(rows[i]))
                continue;
            if (rows[i]->letter != 0)
                snprintf(word, sizeof word, "[-%c", rows[i]->letter);
            else
                snprintf(word, sizeof word, "[--%s", rows[i]->name);
            const char *at = strstr(text, word);
            ROW(cmd, rows[i], at != NULL && at < usage_end);
        }
        n = command_operands(cmd, rows);
        for (size_t i = 0; i < n; i++) {
            snprintf(word, sizeof word, "\n  %s", rows[i]->name);
            ROW(cmd, rows[i], strstr(text, word) != NULL);
        }
        ROW(cmd, NULL, strstr(text, "\nExamples") != NULL && strstr(text, "\nExit status:\n  0    ") != NULL);
        no_line_is_long(cmd->name, text, true);
        sk_buf_done(&page);
    }
}

static void manual_pages(void **state) {
    (void)state;
    FOR_COMMANDS(cmd) {
        static const char *const sections[] = {
            "NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "EXAMPLES", "SEE ALSO"
        };
        struct sk_buf page = { 0 };
        struct sk_err err = { 0 };
        assert_int_equal(help_manual(NULL, cmd->name, &page, &err), 0);
        const char *at = text_of(&page);
        ROW(cmd, NULL, strncmp(at, ".Dd ", 4) == 0);
        for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
            char heading[64];
            snprintf(heading, sizeof heading, "\n.Sh %s\n", sections[i]);
            at = strstr(at, heading);
            ROW(cmd, NULL, at != NULL);
        }
        sk_buf_done(&page);
    }
}

/* One screen with every command, once. */
static void one_screen(void **state) {
    struct sk_buf screen = { 0 };
    (void)state;
    assert_int_equal(help_text(NULL, NULL, NULL, false, &screen, NULL), 0);
    const char *text = text_of(&screen);
    size_t lines = 0, words = 0, listed = 0;
    for (const char *p = text; *p != '\0'; p++)
        lines += *p == '\n';
    assert_true(lines <= 24);
    no_line_is_long("help", text, false);
    const char *from = strstr(text, "\nmake "), *to = strstr(text, "\nOptions:");
    assert_true(from != NULL && to != NULL);
    for (const char *p = from; p < to; p++)
        words += isspace((unsigned char)p[0]) && !isspace((unsigned char)p[1]) && p[1] != '\0';
    FOR_COMMANDS(cmd)
    listed += !(cmd->flags & ALIAS);
    assert_int_equal(words, listed + 10); /* the names of the groups too */
    sk_buf_done(&screen);
}

static void topic_pages(void **state) {
    (void)state;
    for (size_t i = 0; i < topic_count; i++) {
        struct sk_buf page = { 0 };
        struct sk_err err = { 0 };
        assert_ptr_equal(topic_find(topics[i].name), &topics[i]);
        assert_int_equal(help_text(NULL, topics[i].name, NULL, false, &page, &err), 0);
        no_line_is_long(topics[i].name, text_of(&page), true);
        sk_buf_done(&page);
    }
}

static void unknown_topics(void **state) {
    struct sk_buf out = { 0 };
    struct sk_err err = { 0 };
    (void)state;
    assert_int_equal(help_text(NULL, "recvv", NULL, false, &out, &err), -1);
    assert_int_equal(err.kind, SK_USAGE);
    assert_string_equal(err.msg, "no help on 'recvv'; did you mean 'recv'?");
    assert_int_equal(help_text(NULL, "bites", NULL, false, &out, &err), -1);
    assert_non_null(strstr(err.msg, "'bytes'"));
    assert_int_equal(help_text(NULL, "nothing\033like it", NULL, false, &out, &err), -1);
    assert_null(strchr(err.msg, '\033'));
    assert_int_equal(help_text(NULL, NULL, "no such words", false, &out, &err), -1);
    assert_int_equal(sk_err_status(&err), 1);
    assert_int_equal(help_manual(NULL, "bytes", &out, &err), -1);
    assert_int_equal(out.len, 0);
    sk_buf_done(&out);
}

/* ---- Completion ---- */

static struct sk_buf found;

/* The candidates in place of the last of the words of line, as "a b c". */
static const char *complete(const char *line) {
    static char shown[4096];
    char copy[256], *save = NULL;
    const char *words[32];
    size_t n = 0, used = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
        words[n++] = word;
    if (*line == '\0' || line[strlen(line) - 1] == ' ')
        words[n++] = "";
    sk_buf_clear(&found);
    complete_words(NULL, words, n, &found);
    shown[0] = '\0';
    for (const char *p = text_of(&found); *p != '\0' && used < sizeof shown;) {
        used +=
            (size_t)snprintf(shown + used, sizeof shown - used, "%s%.*s", used ? " " : "", (int)strcspn(p, "\t\n"), p);
        p += strcspn(p, "\n") + 1;
    }
    return shown;
}

static void completes(void **state) {
    static const struct {
        const char *line, *candidates;
    } rows[] = {
        { "conn", "connect" },
        { "-i", "-i" },
        { "--ver", "--version --verbose" },
        { "-t 2s recv", "recv recvfrom recvmsg" },
        { "c.recv", "c.recv c.recvfrom c.recvmsg" },
        { "c.sock", "" },
        { "x = conn", "connect" },
        { "recv --fl", "--flags" },
        { "recv --flags MSG_PEEK,MSG_WAITA", "MSG_PEEK,MSG_WAITALL" },
        { "recv -F he", "hex hexdump" },
        { "recv --format=he", "--format=hex --format=hexdump" },
        { "socket AF_INET6 SOCK_D", "SOCK_DGRAM SOCK_DCCP" },
        { "socket AF_INET6 SOCK_DGRAM IPPROTO_UDPL", "IPPROTO_UDPLITE" },
        { "socket 1 2 3 ", "" },
        { "setsockopt SO_REUSEP", "SO_REUSEPORT" },
        { "setblocking o", "on off" },
        { "shutdown ", "rd wr rdwr SHUT_RD SHUT_WR SHUT_RDWR" },
        { "poll a:", "a:in a:out a:pri a:rdhup" },
        { "p.register s in,", "in,in in,out in,pri in,rdhup" },
        { "help exi", "exit" },
        { "connect -4 ud", "udp:// :hosts" },
        { "connect /et", ":files" },
        { "sendfile ", ":files" },
        { "send --file x", ":files" },
        { "send data --fi", "" },
        { "do connect h:1 , c.recvm", "c.recvmsg" },
        { "do connect h:1 , recvm", "recvmsg" },
        { "do --sep :: print , :: readi", "readinto" },
        { "repeat -n 3 --every 10ms readi", "readinto" },
        { "repeat -n 3 do print a , readi", "readinto" },
        { "fails 7 readi", "readinto" },
        { "fails readi", "readinto" },
        { "nosuch ", "" },
        { "nosuch --", "" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *got = complete(rows[i].line);
        if (strcmp(got, rows[i].candidates) != 0)
            fail_msg("'%s': got '%s', want '%s'", rows[i].line, got, rows[i].candidates);
    }
    FOR_COMMANDS(cmd)
    if (!(cmd->flags & ALIAS))
        assert_non_null(strstr(complete(cmd->name), cmd->name));
    sk_buf_done(&found);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorted_and_found),
        cmocka_unit_test(rows_are_complete),
        cmocka_unit_test(summaries),
        cmocka_unit_test(params),
        cmocka_unit_test(kinds),
        cmocka_unit_test(letters),
        cmocka_unit_test(pages),
        cmocka_unit_test(manual_pages),
        cmocka_unit_test(one_screen),
        cmocka_unit_test(topic_pages),
        cmocka_unit_test(unknown_topics),
        cmocka_unit_test(completes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
