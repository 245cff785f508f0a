/* The sink that shows results: text for people and tools, JSON for programs. */
#ifndef OUT_SINK_H
#define OUT_SINK_H

#include "lang/frame.h"

/* Results go to fd (borrowed) in the style of the frame of each call, messages to stderr. format F_AUTO: text on a
 * terminal, raw elsewhere; a command's own format stands above it; call->json: an envelope. No system call is
 * made before something is written. Free with sink_free. */
struct sink *sink_new(struct frame *frame, int fd, enum format format);

#endif
