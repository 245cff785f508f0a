/* Colour on terminals (INTERFACE.md B7.7). Meaning never hangs on it alone. */
#ifndef OUT_PAINT_H
#define OUT_PAINT_H

#include "lang/frame.h"

/* May descriptor fd be painted? --color decides; else it must be a terminal that is not dumb, and NO_COLOR empty. */
bool paint_wanted(const struct frame *f, int fd);
/* The sequence that begins a colour of color_names (lang/options.h). It ends with PAINT_END. */
const char *paint_begin(char dst[16], int color);
#define PAINT_DIM "\033[2m"
#define PAINT_END "\033[0m"

#endif
