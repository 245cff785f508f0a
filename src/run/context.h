/* Stacks, and switching between them. The only file that knows ucontext and what sanitizers and valgrind want to hear
 * about it. */
#ifndef SK_RUN_CONTEXT_H
#define SK_RUN_CONTEXT_H

#include "base/clock.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SK_ASAN 1
#elif __has_feature(thread_sanitizer)
#define SK_TSAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SK_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define SK_TSAN 1
#endif

struct sk_context;

/* What a context runs: it returns the context to go on with, and its own stack goes back to the pool. */
typedef struct sk_context *sk_context_fn(void *arg);

/* The stack the program was started on. */
struct sk_context *sk_context_main(void);
/* A stack (from the pool, or new: 64 KiB, touched as it is used, with a guard page below) on which fn(arg) starts at
 * the first switch. NULL with errno: no memory, or too many mappings. */
struct sk_context *sk_context_new(sk_context_fn *fn, void *arg);
/* Stop here and go on there; returns when somebody switches back. The signal mask is not touched. */
void sk_context_switch(struct sk_context *to);
/* Unmap the stacks that are waiting for reuse. */
void sk_context_trim(void);

/* How long of `left` one system call may wait: all of it, except that thread sanitizer holds signals back while a
 * system call is made that it does not know, so there waits are made of short pieces. */
#ifdef SK_TSAN
sk_time sk_context_slice(sk_time left);
#else
static inline sk_time sk_context_slice(sk_time left) { return left; }
#endif

#endif
