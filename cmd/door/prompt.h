/* The prompt on a terminal: lines typed with an editor, while the sockets of the session are watched. */
#ifndef DOOR_PROMPT_H
#define DOOR_PROMPT_H

#include "lang/frame.h"

struct prompt;

/* NULL when stdin or stdout is no terminal that can be drawn on, or the editor cannot be opened: the plain prompt
 * serves. */
struct prompt *prompt_open(struct frame *f, bool *is_first_start);
void prompt_close(struct prompt *p); /* NULL is allowed */
/* The next logical line, appended to line: 1, 0 at the end (Ctrl-D), -1 cancelled by another signal than SIGINT, which
 * drops what was typed. Waits without a deadline for the terminal and all sockets, and says what these did. */
int prompt_line(struct prompt *p, struct sk_buf *line, struct sk_err *err);
/* After Ctrl-D, on any terminal: says what ends with the session. false: jobs run, and it was told for the first time.
 */
bool prompt_leaves(struct frame *f, bool *warned);
/* `history --clear`: what arrow-up offers is forgotten. */
void prompt_forget(void);
/* What stands before the line: `sockctl c eof [1]> `. */
void prompt_text(const struct frame *f, bool continued, bool ended, struct sk_buf *out);

#endif
