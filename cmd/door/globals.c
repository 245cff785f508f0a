/* Options of the whole program, before the command word and after it (INTERFACE.md B6). */
#include <stdio.h>
#include <string.h>

#include "door/door.h"
#include "lang/options.h"
#include "lang/optparse.h"
#include "lang/words.h"

enum global {
    G_COMMAND,
    G_FILE,
    G_INTERACTIVE,
    G_VERSION,
    G_CHECK,
    G_KEEP_GOING,
    G_ECHO,
    G_TAP,
    G_TRACE,
    G_LOCAL,
    G_NO_INIT
};

const struct param global_rows[] = {
    [G_COMMAND] = OPT('c', "command", K_TEXT, "run the commands of TEXT; may be repeated"),
    [G_FILE] = OPT('f', "file", K_FILE, "run the script FILE, - is standard input; may be repeated"),
    [G_INTERACTIVE] = OPT('i', "interactive", K_FLAG,
                          "take lines from standard input, after -c and -f; with --json one answer a line"),
    [G_VERSION] = OPT('V', "version", K_FLAG, "show the version, and those of the libraries"),
    [G_CHECK] = OPT(0, "check", K_FLAG, "check the texts of -c and -f and run nothing"),
    [G_KEEP_GOING] = OPT(0, "keep-going", K_FLAG, "go on after a failure; the status is that of the first"),
    [G_ECHO] = OPT(0, "echo", K_FLAG, "show each command on stderr before it runs"),
    [G_TAP] = OPT(0, "tap", K_FLAG, "tell how the sections of a test script end, in the Test Anything Protocol"),
    [G_TRACE] = OPT(0, "trace", K_FILE,
                    "write what all sockets did, when it is over: FILE.pcapng .mmd .svg .hex .json, else the ladder"),
    [G_LOCAL] = OPT(0, "local", K_FLAG, "use no agent"),
    [G_NO_INIT] = OPT(0, "no-init", K_FLAG, "read no init file"),
};
const size_t global_row_count = sizeof global_rows / sizeof *global_rows;

/* The row that ARG names; *on: not as --no-X. */
static int find(const char *arg, const char **inline_value, bool *on) {
    *inline_value = NULL;
    for (size_t i = 0; i < global_row_count; i++) {
        const struct param *row = &global_rows[i];
        size_t n = strlen(row->name), no = row->kind == K_FLAG && strncmp(arg, "--no-", 5) == 0 ? 3 : 0;
        if (arg[1] != '-' && arg[1] == row->letter && row->letter != 0 && arg[2] == '\0')
            return (int)i;
        if (arg[1] != '-')
            continue;
        if (strcmp(arg + 2, row->name) == 0)
            no = 0; /* --no-init is a name */
        *on = no == 0;
        if (strncmp(arg + 2 + no, row->name, n) == 0 && (arg[2 + no + n] == '\0' || arg[2 + no + n] == '=')) {
            *inline_value = arg[2 + no + n] == '=' ? arg + 3 + no + n : NULL;
            return (int)i;
        }
    }
    return -1;
}

/* An option of this table at the front or the end of several letters in one word. */
static const struct param *in_cluster(const char *arg) {
    char last = arg[strlen(arg) - 1];
    for (size_t i = 0; arg[1] != '-' && i < global_row_count; i++)
        if (global_rows[i].letter != 0 && (arg[1] == global_rows[i].letter || last == global_rows[i].letter))
            return &global_rows[i];
    return NULL;
}

static void add_text(struct globals *g, const char *text, const char *file) {
    g->texts = sk_realloc(g->texts, (g->count + 1) * sizeof *g->texts);
    g->texts[g->count++] = (struct text){ .text = text, .file = file };
}

static void set(struct globals *g, enum global id, const char *value, bool on) {
    bool *const flags[] = {
        [G_INTERACTIVE] = &g->interactive,
        [G_VERSION] = &g->version,
        [G_CHECK] = &g->check,
        [G_KEEP_GOING] = &g->keep_going,
        [G_ECHO] = &g->echo,
        [G_TAP] = &g->tap,
        [G_TRACE] = NULL,
        [G_LOCAL] = NULL,
        [G_NO_INIT] = &g->no_init,
    };
    if (id == G_COMMAND)
        add_text(g, value, NULL);
    else if (id == G_FILE)
        add_text(g, NULL, value);
    else if (id == G_TRACE)
        g->trace = value;
    else if (flags[id] != NULL) /* there is no agent to leave out */
        *flags[id] = on;
}

int globals_parse(struct globals *g, int argc, char **argv, struct arena *a, struct sk_err *err) {
    struct word *words = arena_alloc(a, (size_t)argc * sizeof *words);
    for (int i = 0; i < argc; i++)
        words[i] = word_literal(argv[i], strlen(argv[i]));
    size_t i = 1;
    while (i < (size_t)argc && argv[i][0] == '-' && argv[i][1] != '\0') {
        const char *value;
        bool on = true;
        if (strcmp(argv[i], "--") == 0)
            return (int)i + 1;
        int row = find(argv[i], &value, &on);
        const struct param *joined = row < 0 ? in_cluster(argv[i]) : NULL;
        if (joined != NULL)
            return sk_fail_usage(err, "'%s': write -%c as a word of its own%s", argv[i], joined->letter,
                                 joined->kind == K_FLAG ? "" : ", and its value as the next");
        if (row < 0) {
            if (common_global(&g->common, words, (size_t)argc, &i, a, err) < 0)
                return -1;
            continue;
        }
        const struct param *p = &global_rows[row];
        bool wants = p->kind != K_FLAG;
        if (wants && value == NULL && i + 1 == (size_t)argc)
            return sk_fail_usage(err, "%s: the value is missing; write %s %s", argv[i], argv[i],
                                 kind_placeholder(p->kind));
        if (!wants && value != NULL)
            return sk_fail_usage(err, "--%s takes no value", p->name);
        if (wants && value == NULL)
            value = argv[++i];
        set(g, (enum global)row, value, on);
        i++;
    }
    return (int)i;
}

/* ---- After the command word ---- */

static bool takes_rest(const struct param *row) {
    return row->kind == K_DATA || row->kind == K_PATTERN || row->kind == K_CMD || row->kind == K_CHAIN;
}

/* How many operands of a command may stand before its options are over; SIZE_MAX: all. */
static size_t operands_before_data(const struct command *cmd) {
    size_t lead = 0;
    for (const struct param *p = cmd->params; p != NULL && p->kind != K_END; p++) {
        if (p->operand && takes_rest(p))
            return lead;
        lead += p->operand ? p->min : 0;
    }
    return SIZE_MAX;
}

/* How many words behind this option are its value. */
static size_t value_words(const struct command *cmd, const char *arg) {
    struct option o;
    size_t n = strlen(arg);
    bool found = arg[1] == '-' ? option_find(cmd, 0, arg + 2, n - 2, &o) : option_find(cmd, arg[n - 1], NULL, 0, &o);
    return !found || o.param->kind == K_FLAG ? 0 : o.param->kind == K_CMSG ? 3 : 1;
}

/* A switch of the program that is no option of the command itself: how many words it takes, 0: it is none. */
static int take_after(struct globals *g, const struct command *cmd, const char *arg, const char *next) {
    const char *value;
    bool on = true;
    int row = find(arg, &value, &on);
    struct option o;
    if (row < 0 || row == G_INTERACTIVE || option_find(cmd, arg[1] == '-' ? 0 : arg[1], arg + 2, strlen(arg) - 2, &o))
        return 0;
    bool valued = row == G_TRACE;
    if (valued ? value == NULL && next == NULL : global_rows[row].kind != K_FLAG || value != NULL)
        return 0;
    set(g, (enum global)row, value != NULL ? value : next, on);
    return valued && value == NULL ? 2 : 1;
}

int globals_after(struct globals *g, int first, int argc, char **argv) {
    int at = first + (first + 2 < argc && strcmp(argv[first + 1], "=") == 0 ? 2 : 0), to = at + 1;
    const char *dot = at < argc ? strrchr(argv[at], '.') : NULL, *name = dot != NULL ? dot + 1 : argv[at];
    const struct command *cmd = at < argc ? command_find(name, strlen(name)) : NULL;
    size_t operands = 0, most = cmd != NULL ? operands_before_data(cmd) : 0;
    bool over = cmd == NULL;
    for (int i = to; i < argc; i++) {
        bool option = argv[i][0] == '-' && argv[i][1] != '\0';
        over |= strcmp(argv[i], "--") == 0 || (!option && operands++ == most);
        int taken = !over && option ? take_after(g, cmd, argv[i], argv[i + 1]) : 0;
        if (taken > 0) {
            i += taken - 1;
            continue;
        }
        argv[to++] = argv[i];
        for (size_t k = !over && option ? value_words(cmd, argv[i]) : 0; k > 0 && i + 1 < argc; k--)
            argv[to++] = argv[++i];
    }
    return at < argc ? to : argc;
}
