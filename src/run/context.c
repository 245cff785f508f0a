/* glibc's fortified siglongjmp takes a jump to another stack for an error. */
#undef _FORTIFY_SOURCE

#include "run/context.h"

#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#ifdef SK_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef SK_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(start, end) 0
#define VALGRIND_STACK_DEREGISTER(id)       (void)(id)
#endif

/* Address sanitizer forgets the red zones of a stack at a switch unless the stack is larger than 4 MiB. */
#ifdef SK_ASAN
enum { STACK = 5 << 20 };
#else
enum { STACK = 512 << 10 }; /* only what is touched takes memory; scripts nest 64 deep, patterns 250 */
#endif
enum { POOL = 256, TOP = 16 << 10 };

struct sk_context {
    sigjmp_buf registers; /* where it stopped */
    bool started;
    sk_context_fn *fn;
    void *arg;
    char *mapping; /* guard page, then the stack; this struct lies at its upper end */
    size_t mapped;
    struct sk_context *next; /* in the pool */
    unsigned valgrind;
    void *tsan;
    void *fake; /* address sanitizer's shadow stack while it is parked */
    const void *bottom;
    size_t size;
};

static struct sk_context first;
static struct sk_context *current = &first;
static struct sk_context *previous; /* who switched to current */
static struct sk_context *ended;    /* previous, when it will not come back */
static struct sk_context *pool;
static unsigned pooled;

struct sk_context *sk_context_main(void) {
    return &first;
}

static struct sk_context *map(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), mapped = STACK + page;
    char *mapping =
        mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (mapping == MAP_FAILED)
        return NULL;
    if (mprotect(mapping, page, PROT_NONE) < 0) {
        int error = errno;
        munmap(mapping, mapped);
        errno = error;
        return NULL;
    }
    size_t room = (sizeof(struct sk_context) + 63) & ~(size_t)63;
    struct sk_context *c = (struct sk_context *)(void *)(mapping + mapped - room); /* fresh pages: all zero */
    c->mapping = mapping;
    c->mapped = mapped;
    c->bottom = mapping + page;
    c->size = STACK - room;
    c->valgrind = VALGRIND_STACK_REGISTER(mapping + page, mapping + page + c->size);
#ifdef SK_TSAN
    c->tsan = __tsan_create_fiber(0);
#endif
    return c;
}

static void unmap(struct sk_context *c) {
    VALGRIND_STACK_DEREGISTER(c->valgrind);
#ifdef SK_TSAN
    __tsan_destroy_fiber(c->tsan);
#endif
#ifdef SK_ASAN
    __asan_unpoison_memory_region((char *)c - TOP, TOP); /* the lowest frames never return */
#endif
    munmap(c->mapping, c->mapped);
}

struct sk_context *sk_context_new(sk_context_fn *fn, void *arg) {
    struct sk_context *c = pool;
    if (c) {
        pool = c->next;
        pooled--;
    } else if (!(c = map())) {
        return NULL;
    }
    c->fn = fn;
    c->arg = arg;
    return c;
}

void sk_context_trim(void) {
    for (struct sk_context *c; (c = pool);) {
        pool = c->next;
        unmap(c);
    }
    pooled = 0;
}

/* The two halves of a switch: the last words on the old stack, and the first on the new. Always inlined, since a
 * sanitizer that counts calls must see as many returns on each stack. */
__attribute__((always_inline)) static inline void departing(struct sk_context *to) {
    previous = current;
    current = to;
#ifdef SK_ASAN
    __sanitizer_start_switch_fiber(ended ? NULL : &previous->fake, to->bottom, to->size);
#endif
#ifdef SK_TSAN
    if (!first.tsan)
        first.tsan = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
}

__attribute__((always_inline)) static inline void arrived(void) {
#ifdef SK_ASAN
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(current->fake, &bottom, &size);
    if (previous == &first) {
        first.bottom = bottom;
        first.size = size;
    }
#endif
    if (ended) {
        unmap(ended);
        ended = NULL;
    }
}

#ifdef SK_TSAN
sk_time sk_context_slice(sk_time left) {
    sk_now(); /* a call that it intercepts */
    return left < 20 * SK_MS ? left : 20 * SK_MS;
}
#endif

static void hop(struct sk_context *to);

/* The lowest frame of every stack but the first: runs what it is given, for ever. */
static void lowest(void) {
    for (arrived();;) {
        struct sk_context *self = current, *to = self->fn(self->arg);
        if (pooled < POOL) {
            self->next = pool;
            pool = self;
            pooled++;
        } else {
            ended = self;
        }
        hop(to);
    }
}

static void enter(struct sk_context *c) {
    static ucontext_t start; /* used up at once */
    c->started = true;
    getcontext(&start);
    start.uc_stack.ss_sp = (void *)(unsigned long)c->bottom;
    start.uc_stack.ss_size = c->size;
    start.uc_link = NULL;
    makecontext(&start, lowest, 0);
    departing(c);
    setcontext(&start);
}

__attribute__((noinline)) static void hop(struct sk_context *to) {
    if (sigsetjmp(current->registers, 0) == 0) {
        if (!to->started && to != &first)
            enter(to);
        departing(to);
        siglongjmp(to->registers, 1);
    }
    arrived();
}

void sk_context_switch(struct sk_context *to) { hop(to); }
