/* Sections of a script and their lines of the Test Anything Protocol (frame->tap: --tap). */
#ifndef VERBS_TAP_H
#define VERBS_TAP_H

#include "lang/frame.h"

/* End the open section of the frame's top: append "ok 1 - NAME\n" or "not ok 1 - NAME\n" to out. Nothing when none is
 * open. */
void tap_end(struct frame *frame, struct sk_buf *out);
/* At the end of the script: the open section's line, then "1..N\n" (with no section at all: one line for the whole
 * script by its status). */
void tap_plan(struct frame *frame, int status, struct sk_buf *out);

#endif
