/* From text or argv to steps (INTERFACE.md B1.2). Nothing is expanded here. */
#ifndef LANG_PROG_H
#define LANG_PROG_H

#include "lang/arena.h"
#include "lang/table.h"

struct frame;

/* One word: literal bytes, or parts of which some are variables. */
struct part {
    bool var;
    const char
        *p; /* literal text as it stood (backslashes of data kept), or the variable's expression without $ and braces */
    size_t n;
    const char *otherwise; /* ${x:-text}, or NULL */
};
struct word {
    const char *p; /* literal text; the source text when there are variables (for messages) */
    size_t n;
    struct part *parts; /* NULL: literal */
    size_t nparts;
    bool quoted; /* had quotes or a backslash: never a separator */
};

struct step {
    const struct command *cmd;
    const char *bind;   /* NAME = , or NULL */
    struct word object; /* NAME. or -s; n 0: none */
    struct word *words; /* after the command */
    size_t nwords;
    bool late;        /* some word has a variable: parse again when it runs */
    struct arg *args; /* parsed, when not late */
    struct common opt;
    struct prog *body;    /* of a prefix command */
    struct word redirect; /* n 0 and parts NULL: none */
    bool append, background;
    const char *pipe;   /* text for the shell after |, or NULL */
    const char *source; /* the text of the command, for --echo and jobs */
    const char *file;
    int line;
};

extern const struct command shell_command; /* ! TEXT; its row is not in the table */

struct prog {
    struct arena arena;
    struct step *steps;
    size_t count;
    bool open; /* the text ended inside a quote or after a final backslash: more lines are wanted */
};

/* Compile one logical line. file and line are for messages (file NULL: argv). 0, or -1 SK_USAGE with the whole message
 * but FILE:LINE. When the text is incomplete, prog->open is set and -1 returned: add a line and try again. `machine`
 * refuses |, ! and pipe. */
int prog_line(struct prog *out, const char *text, size_t n, const char *file, int line, bool machine,
              struct sk_err *err);
/* Compile argv: every word is data; NAME = and NAME. are understood. */
int prog_argv(struct prog *out, char *const *argv, size_t count, struct sk_err *err);
void prog_done(struct prog *p);

/* Run it: the exit status of the first command that failed (after it nothing else runs unless frame->keep_going), else
 * 0. */
int prog_run(struct frame *f, const struct prog *p, struct sink *sink);

#endif
