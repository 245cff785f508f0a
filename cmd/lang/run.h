/* The pieces of running one step, shared by run.c, target.c and shell.c. */
#ifndef LANG_RUN_H
#define LANG_RUN_H

#include "lang/call.h"
#include "lang/frame.h"
#include "lang/prog.h"

/* What opt means here: values not given come from before the command, the environment, `set`. */
void options_in_effect(const struct frame *f, const struct common *given, struct common *out);
/* Is JSON what a command with these options shows? */
bool options_json(const struct frame *f, const struct common *given);
/* The object that -s, NAME. or the current socket names: sets c->obj and c->sock as the row wants (INTERFACE.md B1.4).
 */
int target_find(struct call *c, const struct word *named);
/* c->deadline by -t, the socket's own timeout, the environment, `set`, and the door's default. */
void target_deadline(struct call *c, sk_time start);
/* With -v a note on each value that the environment has a say in: which source won. */
void options_tell(struct call *c, const struct common *given);

/* A hint when what follows the first word of data looks like an option of the command. */
void hint_options(struct call *c, const struct step *st);

/* Where the result of a step goes besides its sink: `> FILE`, `| COMMAND`, -o FILE. */
struct outlet {
    struct sink *sink; /* owned, or NULL: the step's own is used */
    int fd;            /* owned, or -1 */
    bool piped;
    struct sk_child child;
};
int outlet_open(struct outlet *o, struct call *c, const struct step *st);
enum { OUTLET_ENOUGH = 1 };
/* Close it; for a pipe wait for the shell command. When the step was ok, or *err says that nobody read on, the end of
 * the shell command decides: -1 and *err for a bad one; OUTLET_ENOUGH when it wanted no more (`| head`), which is no
 * failure. */
int outlet_close(struct outlet *o, bool ok, struct sk_err *err);
#endif
