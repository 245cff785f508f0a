/* Lines that were typed, kept between sessions: in a file of the user alone, and never with secrets (INTERFACE.md
 * B7.5). */
#ifndef DOOR_HISTORY_H
#define DOOR_HISTORY_H

#include "lang/frame.h"

/* Give each saved line, the oldest first, at most 1000. Returns false when there was no file yet: the first start ever.
 */
bool history_load(void (*remember)(const char *line));
/* Append a line to the file, unless it may hold a secret; what fails is told once, on stderr. */
void history_save(const char *line);
/* For the command `history` (struct host). */
int history_command(struct frame *f, bool clear, struct sk_buf *out, struct sk_err *err);
/* A file of this user for sockctl: the variable's directory, or the one below the home directory, then /sockctl/NAME.
 * 0; -1 when neither is known. */
int user_file(char *dst, size_t size, const char *variable, const char *below_home, const char *name);

#endif
