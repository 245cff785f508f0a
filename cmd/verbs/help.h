/* What help and completion share. */
#ifndef VERBS_HELP_H
#define VERBS_HELP_H

#include "base/buf.h"
#include "lang/table.h"

/* Does the row speak of text, ignoring case? NULL: always. */
bool command_mentions(const struct command *cmd, const char *text);
/* A page as a list of lines (owned): text forms join them, JSON keeps them. */
struct sk_value lines_of(const struct sk_buf *text);

#endif
