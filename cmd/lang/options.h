/* Options: the rows of a command and the shared ones, looked up by letter or name. For lang/optparse.c. */
#ifndef LANG_OPTIONS_H
#define LANG_OPTIONS_H

#include "lang/optparse.h"

/* black ... white, NULL-terminated, and which of them are the first choice: those of Wireshark's stream view. */
extern const char *const color_names[];
enum { COLOR_SENT = 1, COLOR_RECEIVED = 4 };

struct option {
    const struct param *param;
    size_t own;                      /* index into cmd->params, or SIZE_MAX */
    const struct common_row *common; /* or NULL */
};

/* The option of cmd (NULL: one that stands before the command) with that letter, or, letter 0, that name. */
bool option_find(const struct command *cmd, char letter, const char *name, size_t n, struct option *out);
/* "-x" or "--name" is no option of cmd: says what to write instead. Always -1. */
int option_unknown(const struct command *cmd, const char *option, struct sk_err *err);
/* Keep the value of a shared option; lists grow in the arena. */
void common_store(struct common *opt, const struct common_row *row, const struct arg *arg, struct arena *a);

#endif
