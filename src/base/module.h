/* Parts of the program that are opened on first use: shared objects of our own, in one directory. */
#ifndef SK_BASE_MODULE_H
#define SK_BASE_MODULE_H

#include "base/err.h"

/* Where the modules are: an absolute path, borrowed for ever. Said once, by main. */
void sk_module_directory(const char *directory);
/* Open NAME.so there, for as long as the process lives, and give what its symbol `sk_NAME_module` is: never through a
 * search path, and only if it was built together with this program. NULL: SK_INTERNAL. */
const void *sk_module_open(const char *name, struct sk_err *err);

/* The headers that both sides were built with; every module carries it as `sk_NAME_build`. */
extern const char sk_build_id[];

#endif
