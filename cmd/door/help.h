/* Help, version, manual pages and completions: all from the command table and the topics. */
#ifndef DOOR_HELP_H
#define DOOR_HELP_H

#include "lang/frame.h"

/* `help`, `help COMMAND`, `help TOPIC`, `help --search`: appended to out (see struct host). topic NULL: the one screen
 * of `sockctl --help`. Errors: SK_USAGE for an unknown topic, SK_ASSERT when a search finds nothing. */
int help_text(struct frame *f, const char *topic, const char *search, bool json, struct sk_buf *out,
              struct sk_err *err);
/* The manual page of a command as mdoc source (struct host). */
int help_manual(struct frame *f, const char *command, struct sk_buf *out, struct sk_err *err);
/* --version: "sockctl 0.1.0", then the versions of the libraries. */
void version_text(struct sk_buf *out);
/* Write text to stdout: 0, or the status of the failure, told on stderr. */
int door_print(struct frame *f, struct sk_buf *text);

/* Completion scripts and candidates (struct host). Neither a name server nor the network is asked. */
int help_complete(struct frame *f, const char *shell, const char *const *words, size_t n, struct sk_buf *out,
                  struct sk_err *err);
/* What may stand in place of words[n - 1], the last one and perhaps empty, after the program's name: lines WORD, tab,
 * what it is. A line ":files" or ":hosts" stands for names that the caller knows. f: its session's sockets,
 * variables and addresses may stand there too; NULL for shells. */
void complete_words(struct frame *f, const char *const *words, size_t n, struct sk_buf *out);

#endif
