#include "lang/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    alignas(max_align_t) char mem[];
};

enum { BLOCK_SIZE = 4000 };

static struct arena_block *block_new(size_t size) {
    struct arena_block *b = sk_alloc(sizeof *b + size);
    b->size = size;
    return b;
}

void *arena_alloc(struct arena *a, size_t size) {
    const size_t align = alignof(max_align_t);
    size = (size + align - 1) / align * align;
    struct arena_block *b = a->blocks;
    if (b == NULL || b->size - b->used < size) {
        b = block_new(size > BLOCK_SIZE ? size : BLOCK_SIZE);
        b->next = a->blocks;
        a->blocks = b;
    }
    void *p = b->mem + b->used;
    b->used += size;
    return memset(p, 0, size); /* a block may be used again after a reset */
}

char *arena_copy(struct arena *a, const void *p, size_t n) {
    char *copy = arena_alloc(a, n + 1);
    if (n > 0)
        memcpy(copy, p, n);
    return copy;
}

void arena_reset(struct arena *a) {
    struct arena_block *b = a->blocks;
    while (b != NULL && b->next != NULL) {
        struct arena_block *next = b->next;
        free(b);
        b = next;
    }
    if (b != NULL)
        b->used = 0;
    a->blocks = b;
}

void arena_done(struct arena *a) {
    arena_reset(a);
    free(a->blocks);
    a->blocks = NULL;
}
