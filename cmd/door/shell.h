/* The line editor of the shell: readline, in a module of its own. It draws and edits; it knows nothing of sockets. */
#ifndef DOOR_SHELL_H
#define DOOR_SHELL_H

#include <stdbool.h>
#include <stddef.h>

enum shell_typed { SHELL_MORE, SHELL_LINE, SHELL_END };

struct shell_hooks {
    /* What may stand in place of line[start .. point): a text of lines WORD, tab, what it is; for free(3). */
    char *(*complete)(const char *line, size_t start, size_t point);
};

struct shell_module {
    void (*begin)(const struct shell_hooks *hooks); /* once */
    void (*show)(const char *prompt);               /* the terminal is the editor's, until a line is done or hide() */
    /* Take what was typed, without waiting when the terminal is readable. SHELL_LINE: *line is for free(3), and the
     * terminal is as it was before show(). SHELL_END: Ctrl-D, or the terminal is gone. */
    enum shell_typed (*feed)(char **line);
    void (*drop)(void);                 /* Ctrl-C: the line is forgotten, and below it is room to redraw */
    void (*leave)(void);                /* give the terminal back */
    void (*clear)(void);                /* the line is off the screen: write whole lines to stdout, then redraw */
    void (*redraw)(const char *prompt); /* NULL: as it was */
    void (*suspend)(bool away);         /* give the terminal back for a while, and take it again */
    void (*resized)(void);
    void (*remember)(const char *line); /* for arrow-up */
    void (*forget)(void);               /* all that is remembered */
};

extern const struct shell_module sk_shell_module; /* of the module, or linked in */

#endif
