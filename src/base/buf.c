#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t FIRST_CAP = 64;

static void (*oom_handler)(void);

void sk_on_oom(void (*handler)(void)) { oom_handler = handler; }

static void *must(void *p) {
    if (p)
        return p;
    if (oom_handler)
        oom_handler();
    abort(); /* the handler must not return */
}

void *sk_alloc(size_t size) { return must(calloc(1, size ? size : 1)); }

void *sk_realloc(void *p, size_t size) { return must(realloc(p, size ? size : 1)); }

char *sk_strdup(const char *s) { return sk_strndup(s, strlen(s)); }

char *sk_strndup(const char *s, size_t n) {
    n = strnlen(s, n);
    char *copy = must(malloc(n + 1));
    memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

void sk_buf_done(struct sk_buf *b) {
    free(b->mem);
    *b = (struct sk_buf){ 0 };
}

void sk_buf_clear(struct sk_buf *b) { b->off = b->len = 0; }

/* More memory, content at its start. A copy of len bytes either way; realloc may move pages instead of bytes. */
static int grow(struct sk_buf *b, size_t need, struct sk_err *err) {
    size_t cap = b->cap * 2 > need ? b->cap * 2 : need;
    if (cap < FIRST_CAP)
        cap = FIRST_CAP;
    unsigned char *mem = b->off ? malloc(cap) : realloc(b->mem, cap);
    if (!mem)
        return sk_fail_sys(err, ENOMEM, "malloc", "buffer of %zu bytes", cap);
    if (b->off) {
        memcpy(mem, b->mem + b->off, b->len);
        free(b->mem);
    }
    b->mem = mem;
    b->off = 0;
    b->cap = cap;
    return 0;
}

static unsigned char *make_room(struct sk_buf *b, size_t n, struct sk_err *err) {
    if (n > PTRDIFF_MAX / 4 - b->len) {
        sk_fail_sys(err, ENOMEM, "malloc", "buffer of %zu more bytes", n);
        return NULL;
    }
    /* Moving down costs no more than what was consumed since the last time, so adding stays linear. */
    if (b->off >= b->len && b->mem && b->len + n <= b->cap) {
        memmove(b->mem, b->mem + b->off, b->len);
        b->off = 0;
    } else if (grow(b, b->len + n, err) < 0) {
        return NULL;
    }
    return b->mem + b->len;
}

unsigned char *sk_buf_room(struct sk_buf *b, size_t n, struct sk_err *err) {
    size_t end = b->off + b->len;
    if (__builtin_expect(b->mem && n <= b->cap - end, 1))
        return b->mem + end;
    return make_room(b, n, err);
}

void sk_buf_commit(struct sk_buf *b, size_t n) { b->len += n; }

int sk_buf_add(struct sk_buf *b, const void *p, size_t n, struct sk_err *err) {
    if (n == 0)
        return 0;
    unsigned char *room = sk_buf_room(b, n, err);
    if (!room)
        return -1;
    memcpy(room, p, n);
    b->len += n;
    return 0;
}

int sk_buf_add_str(struct sk_buf *b, const char *s, struct sk_err *err) { return sk_buf_add(b, s, strlen(s), err); }

int sk_buf_printf(struct sk_buf *b, struct sk_err *err, const char *fmt, ...) {
    size_t have = 128;
    for (;;) {
        unsigned char *room = sk_buf_room(b, have, err);
        if (!room)
            return -1;
        va_list ap;
        va_start(ap, fmt);
        int n = vsnprintf((char *)room, have, fmt, ap);
        va_end(ap);
        if (n < 0)
            return sk_fail_sys(err, errno, "vsnprintf", NULL);
        if ((size_t)n < have) {
            b->len += (size_t)n;
            return 0;
        }
        have = (size_t)n + 1;
    }
}

void sk_buf_consume(struct sk_buf *b, size_t n) {
    if (n >= b->len) {
        sk_buf_clear(b);
        return;
    }
    b->off += n;
    b->len -= n;
}

int sk_buf_unread(struct sk_buf *b, const void *p, size_t n, struct sk_err *err) {
    if (n == 0)
        return 0;
    if (b->off >= n) {
        b->off -= n;
    } else {
        if (!sk_buf_room(b, n, err))
            return -1;
        memmove(b->mem + b->off + n, b->mem + b->off, b->len);
    }
    memcpy(b->mem + b->off, p, n);
    b->len += n;
    return 0;
}

void sk_buf_swap(struct sk_buf *a, struct sk_buf *b) {
    struct sk_buf t = *a;
    *a = *b;
    *b = t;
}
