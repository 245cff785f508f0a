/* The growable byte buffer, and the few allocations that do not carry data. */
#ifndef SK_BASE_BUF_H
#define SK_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Small, structural memory: never NULL. When there is none, the program's handler (sk_on_oom) is called and must not
 * return. Memory whose size the peer or the user decides is taken through sk_buf, which reports ENOMEM. */
void *sk_alloc(size_t size) __attribute__((malloc, returns_nonnull)); /* zeroed */
void *sk_realloc(void *p, size_t size) __attribute__((returns_nonnull));
char *sk_strdup(const char *s) __attribute__((malloc, returns_nonnull));
char *sk_strndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
void sk_on_oom(void (*handler)(void));

/* Bytes in order: written at the end, consumed at the front. All zero is an empty buffer. */
struct sk_buf {
    unsigned char *mem;
    size_t off, len, cap; /* the content is mem[off .. off+len) */
};

static inline unsigned char *sk_buf_data(const struct sk_buf *b) { return b->mem ? b->mem + b->off : NULL; }

void sk_buf_done(struct sk_buf *b);
void sk_buf_clear(struct sk_buf *b);
/* Room for n more bytes at the end (no content is lost): pointer to it, or NULL with ENOMEM in *err. */
unsigned char *sk_buf_room(struct sk_buf *b, size_t n, struct sk_err *err);
void sk_buf_commit(struct sk_buf *b, size_t n); /* n bytes of the room were filled */
int sk_buf_add(struct sk_buf *b, const void *p, size_t n, struct sk_err *err);
int sk_buf_add_str(struct sk_buf *b, const char *s, struct sk_err *err);
int sk_buf_printf(struct sk_buf *b, struct sk_err *err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void sk_buf_consume(struct sk_buf *b, size_t n);
/* Put bytes back in front: the next to be consumed. */
int sk_buf_unread(struct sk_buf *b, const void *p, size_t n, struct sk_err *err);
/* Swap the contents of two buffers. */
void sk_buf_swap(struct sk_buf *a, struct sk_buf *b);

#endif
