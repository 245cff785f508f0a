#include "out/paint.h"

#include <stdio.h>
#include <string.h>

enum { FIRST_COLOR = 30 }; /* ECMA-48 SGR: black; the others follow in the order of color_names */

bool paint_wanted(const struct frame *f, int fd) {
    const struct host *host = f->host;
    if (f->color != COLOR_AUTO)
        return f->color == COLOR_ALWAYS;
    const char *term = host->env("TERM"), *forced = host->env("CLICOLOR_FORCE");
    if (host->env("NO_COLOR") != NULL)
        return false;
    if (forced != NULL && strcmp(forced, "0") != 0)
        return true;
    return term != NULL && strcmp(term, "dumb") != 0 && host->is_terminal(fd);
}

const char *paint_begin(char dst[16], int color) {
    snprintf(dst, 16, "\033[%dm", FIRST_COLOR + color);
    return dst;
}
