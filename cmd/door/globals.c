/* Options that stand before the command word (INTERFACE.md B6). */
#include <stdio.h>
#include <string.h>

#include "door/door.h"
#include "lang/optparse.h"
#include "lang/words.h"

enum global { G_COMMAND, G_FILE, G_INTERACTIVE, G_VERSION, G_CHECK, G_KEEP_GOING, G_ECHO, G_TAP, G_LOCAL, G_NO_INIT };

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
    [G_LOCAL] = OPT(0, "local", K_FLAG, "use no agent"),
    [G_NO_INIT] = OPT(0, "no-init", K_FLAG, "read no init file"),
};
const size_t global_row_count = sizeof global_rows / sizeof *global_rows;

static int find(const char *arg, const char **inline_value) {
    *inline_value = NULL;
    for (size_t i = 0; i < global_row_count; i++) {
        size_t n = strlen(global_rows[i].name);
        if (arg[1] != '-' && arg[1] == global_rows[i].letter && global_rows[i].letter != 0 && arg[2] == '\0')
            return (int)i;
        if (arg[1] == '-' && strncmp(arg + 2, global_rows[i].name, n) == 0 &&
            (arg[2 + n] == '\0' || arg[2 + n] == '=')) {
            *inline_value = arg[2 + n] == '=' ? arg + 3 + n : NULL;
            return (int)i;
        }
    }
    return -1;
}

static void add_text(struct globals *g, const char *text, const char *file) {
    g->texts = sk_realloc(g->texts, (g->count + 1) * sizeof *g->texts);
    g->texts[g->count++] = (struct text){ .text = text, .file = file };
}

static void set(struct globals *g, enum global id, const char *value) {
    switch (id) {
    case G_COMMAND:
        add_text(g, value, NULL);
        break;
    case G_FILE:
        add_text(g, NULL, value);
        break;
    case G_INTERACTIVE:
        g->interactive = true;
        break;
    case G_VERSION:
        g->version = true;
        break;
    case G_CHECK:
        g->check = true;
        break;
    case G_KEEP_GOING:
        g->keep_going = true;
        break;
    case G_ECHO:
        g->echo = true;
        break;
    case G_TAP:
        g->tap = true;
        break;
    case G_LOCAL:
    case G_NO_INIT:
        break; /* there is neither an agent nor an init file to leave out */
    }
}

int globals_parse(struct globals *g, int argc, char **argv, struct arena *a, struct sk_err *err) {
    struct word *words = arena_alloc(a, (size_t)argc * sizeof *words);
    for (int i = 0; i < argc; i++)
        words[i] = word_literal(argv[i], strlen(argv[i]));
    size_t i = 1;
    while (i < (size_t)argc && argv[i][0] == '-' && argv[i][1] != '\0') {
        const char *value;
        if (strcmp(argv[i], "--") == 0)
            return (int)i + 1;
        int row = find(argv[i], &value);
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
        set(g, (enum global)row, value);
        i++;
    }
    return (int)i;
}
