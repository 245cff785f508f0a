/* Values: makers, references, lists and records. Leaks and double frees are what the sanitizers and valgrind look for.
 * valgrind: yes */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/value.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void scalars(void **state) {
    (void)state;
    struct sk_value all[] = { sk_null(), sk_bool(true), sk_int(INT64_MIN), sk_float(1.5),
                              sk_handle((struct sk_ref){ 7, 3 }) };
    static const enum sk_type types[] = { SK_NULL, SK_BOOL, SK_INT, SK_FLOAT, SK_HANDLE };
    for (size_t i = 0; i < COUNT(all); i++) {
        assert_int_equal(all[i].type, types[i]);
        struct sk_value copy = sk_copy(all[i]);
        for (size_t k = 0; k < COUNT(all); k++)
            assert_int_equal(sk_equal(&copy, &all[k]), i == k);
        assert_null(sk_at(&all[i], 0));
        assert_null(sk_get(&all[i], "x"));
        assert_ptr_equal(sk_main(&all[i]), &all[i]);
        sk_drop(copy);
        sk_drop(all[i]);
    }
    assert_true(all[2].u.i == INT64_MIN);
    assert_int_equal(all[4].u.ref.slot, 7);
    struct sk_value nan_value = sk_float((double)NAN);
    assert_false(sk_equal(&nan_value, &nan_value));
}

static void blobs(void **state) {
    (void)state;
    struct sk_value t = sk_text("text"), n = sk_text_n("text\0more", 4), b = sk_bytes("a\0b", 3),
                    none = sk_bytes(NULL, 0), cut = sk_bytes_cut("abc", 3, 10), addr = sk_sockaddr("\2\0addr", 6);
    assert_int_equal(t.u.s->len, 4);
    assert_string_equal(t.u.s->data, "text");
    assert_true(sk_equal(&t, &n));
    assert_int_equal(b.u.s->len, 3);
    assert_memory_equal(b.u.s->data, "a\0b", 4); /* a NUL follows */
    assert_int_equal(b.u.s->real_len, 3);
    assert_int_equal(cut.u.s->real_len, 10);
    assert_int_equal(none.u.s->len, 0);
    assert_int_equal(none.u.s->data[0], 0);
    assert_int_equal(addr.type, SK_ADDR);
    struct sk_value as_bytes = sk_bytes("text", 4);
    assert_false(sk_equal(&t, &as_bytes)); /* another type */
    struct sk_value all[] = { t, n, b, none, cut, addr, as_bytes };
    for (size_t i = 0; i < COUNT(all); i++)
        sk_drop(all[i]);
}

static void references(void **state) {
    (void)state;
    struct sk_value t = sk_text("shared"), copy = sk_copy(t), again = sk_copy(copy);
    assert_ptr_equal(t.u.s, again.u.s);
    assert_int_equal(t.u.s->refs, 3);
    sk_drop(t);
    sk_drop(again);
    assert_string_equal(copy.u.s->data, "shared");
    struct sk_value list = sk_list();
    sk_push(&list, copy); /* taken over */
    struct sk_value other = sk_copy(list);
    sk_drop(list);
    assert_string_equal(sk_at(&other, 0)->u.s->data, "shared");
    sk_drop(other);
}

static void lists(void **state) {
    (void)state;
    struct sk_value list = sk_list();
    assert_null(sk_at(&list, 0));
    assert_null(sk_at(&list, -1));
    for (int64_t i = 0; i < 1000; i++)
        sk_push(&list, sk_int(i));
    assert_int_equal(sk_at(&list, 0)->u.i, 0);
    assert_int_equal(sk_at(&list, 999)->u.i, 999);
    assert_int_equal(sk_at(&list, -1)->u.i, 999);
    assert_int_equal(sk_at(&list, -1000)->u.i, 0);
    assert_null(sk_at(&list, 1000));
    assert_null(sk_at(&list, -1001));
    assert_null(sk_at(&list, INT64_MIN));
    assert_null(sk_at(&list, INT64_MAX));
    assert_null(sk_get(&list, "x"));
    assert_ptr_equal(sk_main(&list), &list);
    sk_drop(list);
}

static struct sk_value sample(int64_t port) {
    struct sk_value addr = sk_record(), row = sk_record(), bytes = sk_record();
    sk_put(&addr, "host", sk_text("::1"));
    sk_put(&addr, "port", sk_int(port));
    sk_put_main(&addr, "text", sk_text("[::1]:80"));
    sk_put(&bytes, "len", sk_int(5));
    sk_put(&row, "family", sk_int(10));
    sk_put_main(&row, "addr", addr);
    sk_put(&row, "", bytes); /* its fields stand in place of it */
    return row;
}

static void records(void **state) {
    (void)state;
    struct sk_value row = sample(80), empty = sk_record();
    assert_int_equal(sk_get(&row, "family")->u.i, 10);
    assert_int_equal(sk_get(sk_get(&row, "addr"), "port")->u.i, 80);
    assert_int_equal(sk_get(&row, "len")->u.i, 5);
    assert_null(sk_get(&row, "port"));
    assert_null(sk_get(&row, "nosuch"));
    assert_int_equal(sk_at(&row, 0)->u.i, 10); /* by position as by name */
    assert_int_equal(sk_at(sk_at(&row, 1), -1)->type, SK_TEXT);
    assert_string_equal(sk_main(&row)->u.s->data, "[::1]:80"); /* followed down */
    assert_ptr_equal(sk_main(&empty), &empty);
    assert_null(sk_get(&empty, "x"));
    sk_drop(row);
    sk_drop(empty);
}

static void equality(void **state) {
    (void)state;
    struct sk_value a = sample(80), b = sample(80), c = sample(81), list = sk_list(), longer = sk_list();
    assert_true(sk_equal(&a, &a));
    assert_true(sk_equal(&a, &b));
    assert_false(sk_equal(&a, &c));
    sk_push(&list, sk_int(1));
    sk_push(&longer, sk_int(1));
    assert_true(sk_equal(&list, &longer));
    sk_push(&longer, sk_null());
    assert_false(sk_equal(&list, &longer));
    assert_false(sk_equal(&list, &a));
    struct sk_value other_key = sk_record(), key = sk_record();
    sk_put(&key, "a", sk_int(1));
    sk_put(&other_key, "b", sk_int(1));
    assert_false(sk_equal(&key, &other_key));
    struct sk_value all[] = { a, b, c, list, longer, key, other_key };
    for (size_t i = 0; i < COUNT(all); i++)
        sk_drop(all[i]);
}

static void deep(void **state) {
    (void)state;
    struct sk_value v = sk_null();
    for (int i = 0; i < 1000; i++) {
        struct sk_value outer = i % 2 ? sk_list() : sk_record();
        if (i % 2)
            sk_push(&outer, v);
        else
            sk_put_main(&outer, "inner", v);
        v = outer;
    }
    struct sk_value same = sk_copy(v);
    assert_true(sk_equal(&same, &v));
    sk_drop(same);
    sk_drop(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars), cmocka_unit_test(blobs),    cmocka_unit_test(references), cmocka_unit_test(lists),
        cmocka_unit_test(records), cmocka_unit_test(equality), cmocka_unit_test(deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
