/* Tab at the prompt: the line is cut into words, and the command table is asked. */
#ifndef DOOR_TAB_H
#define DOOR_TAB_H

#include "lang/frame.h"

/* What may stand in place of line[start .. point), where the editor begins its word: lines WORD, tab, what it is; only
 * ":files\n" where file names are wanted. For free(3). */
char *tab_complete(struct frame *f, const char *line, size_t start, size_t point);

#endif
