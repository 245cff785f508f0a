/* --trace FILE: what all sockets do, from the start to the end of the program, in a file. */
#ifndef DOOR_RECORD_H
#define DOOR_RECORD_H

#include "door/door.h"

/* Open FILE, which nobody else may read, and record from now on. Its suffix says in which form (verbs/trace.h). Refused
 * is what is no regular file, and what the program reads or writes already. */
int record_begin(const char *path, const struct globals *g, struct sk_err *err);
/* Write what is recorded, once all sockets are closed. -1: the file is not complete (what is in it is well-formed). */
int record_end(struct sk_err *err);

#endif
