/* Memory that ends together: what one compiled program, or one run of a step, needs. */
#ifndef LANG_ARENA_H
#define LANG_ARENA_H

#include <stddef.h>

struct arena {
    struct arena_block *blocks;
};

void *arena_alloc(struct arena *a, size_t size);            /* zeroed, aligned for anything; never NULL (base/buf.h) */
char *arena_copy(struct arena *a, const void *p, size_t n); /* a NUL follows */
void arena_reset(struct arena *a); /* everything is gone; the first block is kept for the next use */
void arena_done(struct arena *a);

#endif
