/* The byte buffer against a plain model, and the allocations that cannot fail.
 * valgrind: yes */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static void empty(void **state) {
    (void)state;
    struct sk_buf b = { 0 };
    struct sk_err e;
    assert_null(sk_buf_data(&b));
    sk_buf_consume(&b, 5);
    sk_buf_clear(&b);
    assert_int_equal(sk_buf_add(&b, NULL, 0, &e), 0);
    assert_int_equal(sk_buf_unread(&b, NULL, 0, &e), 0);
    assert_int_equal(b.len, 0);
    assert_non_null(sk_buf_room(&b, 0, &e));
    sk_buf_done(&b);
    sk_buf_done(&b);
    assert_null(b.mem);
}

static void add_and_consume(void **state) {
    (void)state;
    struct sk_buf b = { 0 }, c = { 0 };
    struct sk_err e;
    assert_int_equal(sk_buf_add_str(&b, "hello ", &e), 0);
    assert_int_equal(sk_buf_printf(&b, &e, "%s %d", "world", 42), 0);
    assert_int_equal(b.len, 14);
    assert_memory_equal(sk_buf_data(&b), "hello world 42", 14);
    sk_buf_consume(&b, 6);
    assert_memory_equal(sk_buf_data(&b), "world 42", 8);
    assert_int_equal(sk_buf_unread(&b, "my ", 3, &e), 0); /* into the consumed space */
    assert_memory_equal(sk_buf_data(&b), "my world 42", 11);
    assert_int_equal(sk_buf_unread(&b, "0123456789", 10, &e), 0); /* more than that */
    assert_memory_equal(sk_buf_data(&b), "0123456789my world 42", 21);
    sk_buf_swap(&b, &c);
    assert_int_equal(b.len, 0);
    assert_int_equal(c.len, 21);
    sk_buf_consume(&c, 21);
    assert_int_equal(c.off, 0);
    sk_buf_done(&b);
    sk_buf_done(&c);
}

static void printf_grows(void **state) {
    (void)state;
    struct sk_buf b = { 0 };
    struct sk_err e;
    for (int width = 0; width < 1000; width += 7) {
        sk_buf_clear(&b);
        sk_buf_add_str(&b, "x", &e);
        assert_int_equal(sk_buf_printf(&b, &e, "%*d", width, 5), 0);
        assert_int_equal(b.len, 1 + (width ? width : 1));
        assert_int_equal(sk_buf_data(&b)[b.len - 1], '5');
    }
    sk_buf_done(&b);
}

/* The allocators of sanitizers end the program when there is no memory, unless allocator_may_return_null=1. */
static void no_memory(void **state) {
    (void)state;
    struct sk_buf b = { 0 };
    struct sk_err e = { 0 };
    sk_buf_add_str(&b, "kept", &e);
    static const size_t sizes[] = { SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 8, (size_t)1 << 56 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        e = (struct sk_err){ 0 };
        assert_null(sk_buf_room(&b, sizes[i], &e));
        assert_int_equal(e.code, ENOMEM);
        assert_int_equal(sk_err_status(&e), 125);
        assert_int_equal(sk_buf_unread(&b, "x", sizes[i], NULL), -1);
        assert_int_equal(b.len, 4);
        assert_memory_equal(sk_buf_data(&b), "kept", 4);
    }
    sk_buf_done(&b);
}

/* Random operations on the buffer and on an array that is moved every time. */
static void model(void **state) {
    (void)state;
    static unsigned char want[1 << 16];
    unsigned char piece[300];
    size_t len = 0;
    struct sk_buf b = { 0 };
    struct sk_err e;
    srand(1);
    for (int round = 0; round < 50000; round++) {
        size_t n = (size_t)rand() % sizeof piece;
        for (size_t i = 0; i < n; i++)
            piece[i] = (unsigned char)rand();
        int what = len + n > sizeof want ? 2 : rand() % 4;
        if (what == 0) {
            assert_int_equal(sk_buf_add(&b, piece, n, &e), 0);
            memcpy(want + len, piece, n);
            len += n;
        } else if (what == 1 && n < 40) {
            assert_int_equal(sk_buf_unread(&b, piece, n, &e), 0);
            memmove(want + n, want, len);
            memcpy(want, piece, n);
            len += n;
        } else {
            n = n < len ? n : len;
            sk_buf_consume(&b, n);
            memmove(want, want + n, len - n);
            len -= n;
        }
        assert_int_equal(b.len, len);
        assert_true(b.off + b.len <= b.cap);
        if (len)
            assert_memory_equal(sk_buf_data(&b), want, len);
    }
    sk_buf_done(&b);
}

/* A stream through the buffer does not let it grow with what has passed. */
static void steady(void **state) {
    (void)state;
    char block[4096] = { 0 };
    struct sk_buf b = { 0 };
    struct sk_err e;
    sk_buf_add(&b, block, 100, &e);
    for (int i = 0; i < 10000; i++) {
        sk_buf_add(&b, block, sizeof block, &e);
        sk_buf_consume(&b, sizeof block);
    }
    assert_int_equal(b.len, 100);
    assert_true(b.cap <= 16 * sizeof block);
    sk_buf_done(&b);
}

static void small_memory(void **state) {
    (void)state;
    unsigned char *p = sk_alloc(100), zero[100] = { 0 };
    assert_memory_equal(p, zero, 100);
    p = sk_realloc(p, 10000);
    free(p);
    free(sk_alloc(0));
    free(sk_realloc(NULL, 0));
    char *s = sk_strdup("text"), *t = sk_strndup("text", 2), *u = sk_strndup("te\0xt", 5);
    assert_string_equal(s, "text");
    assert_string_equal(t, "te");
    assert_string_equal(u, "te");
    free(s);
    free(t);
    free(u);
}

static jmp_buf came_back;
static void handler(void) { longjmp(came_back, 1); }

static void out_of_memory(void **state) {
    (void)state;
    static volatile size_t huge = PTRDIFF_MAX; /* volatile: the compiler would refuse to try */
    sk_on_oom(handler);
    if (setjmp(came_back) == 0) {
        void *p = sk_realloc(NULL, huge);
        free(p);
        fail_msg("no memory, and no word of it");
    }
    sk_on_oom(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty),     cmocka_unit_test(add_and_consume), cmocka_unit_test(printf_grows),
        cmocka_unit_test(model),     cmocka_unit_test(steady),          cmocka_unit_test(small_memory),
        cmocka_unit_test(no_memory), cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
