/* What the forms of help share: rows in the order in which they are shown, and topics. */
#ifndef DOOR_PAGES_H
#define DOOR_PAGES_H

#include "base/buf.h"
#include "lang/table.h"

enum { ROWS_MOST = 96, LINE_WIDTH = 80 };

/* The options of a command: its own, then the shared ones; at most ROWS_MOST. *own receives how many are its own. */
size_t command_options(const struct command *cmd, const struct param *rows[ROWS_MOST], size_t *own);
/* Its operands. */
size_t command_operands(const struct command *cmd, const struct param *rows[ROWS_MOST]);
/* Of the shared options those that not every command has stand in its synopsis. */
bool shared_by_all(const struct param *row);

/* The value of an option in a synopsis: "TIME", "WORD", "lf|crlf"; NULL for a flag. buf is room for it. */
const char *value_text_of(const struct param *row, char buf[64]);
/* The help of a row, with the words of a choice where the text lacks them. */
const char *row_help(const struct param *row, char buf[256]);
/* "..." where an operand may be several words, else "". */
const char *row_many(const struct param *row);

/* Is this one of the statuses with which the command may end, beyond what may happen to any? */
bool status_matters(const struct command *cmd, int status);
/* The i-th of the environment variables that the command reads, with its meaning; NULL beyond the last. */
const char *command_variable(const struct command *cmd, size_t i, const char **meaning);
/* Topics on what its rows take: "addresses", "bytes", ...; the i-th, or NULL. */
const char *command_topic(const struct command *cmd, size_t i);

/* The page of one command, for people. */
void command_page(const struct command *cmd, struct sk_buf *out);
/* The same as the source of sockctl-COMMAND(1). */
void command_mdoc(const struct command *cmd, struct sk_buf *out);

struct topic {
    const char *name, *summary;
    const char *text;                 /* lines that begin with a blank stay as they are; four blanks: to be pasted */
    void (*more)(struct sk_buf *out); /* what is computed, after the text; or NULL */
    bool example;
};
extern const struct topic topics[];
extern const size_t topic_count;
const struct topic *topic_find(const char *name);
void topic_page(const struct topic *topic, struct sk_buf *out);

/* Append text broken at blanks: the cursor stands in column `column`, further lines begin in column `indent`. No
 * newline at the end. */
void wrap(struct sk_buf *out, size_t column, size_t indent, const char *text);
/* Append a blank and text, unbroken, or text on a line of its own when this one is full. */
void piece(struct sk_buf *out, size_t *column, size_t indent, const char *text);

#endif
