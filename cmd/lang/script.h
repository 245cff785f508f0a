/* Scripts: text that is cut into logical lines, each compiled when it is its turn. */
#ifndef LANG_SCRIPT_H
#define LANG_SCRIPT_H

#include "lang/frame.h"

/* Compile every line of the text once, running nothing: 0, or -1 SK_USAGE with *line set to where. NAME is for
 * messages. */
int script_check(const char *text, size_t n, const char *name, int *line, struct sk_err *err);
/* Compile and run line by line in f: the status of the first failure, where it stops unless f->keep_going. */
int script_run(struct frame *f, const char *text, size_t n, const char *name, struct sink *sink);
/* The text of a file, whole, opened as fd already or fd -1; a BOM is skipped; CRLF line ends are accepted. Messages
 * name it. */
int script_read(struct frame *f, const char *path, int fd, struct sk_buf *out, struct sk_err *err);
/* Read, check and run a file: `source`, -f. A failure before anything runs is told through the sink as that of the
 * command c (source) or by the caller. */
int script_run_file(struct frame *f, const char *path, struct sink *sink, struct sk_err *err, int *line);
/* Tell a failure to compile: "sockctl: FILE:LINE: ...", status 2, through the sink like any other. */
int script_refused(struct frame *f, struct sink *sink, const char *name, int line, const struct sk_err *err);

#endif
