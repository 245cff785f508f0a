/* Locks in order of asking, events, both with deadlines and cancellation.
 * valgrind: yes */
#include "run_kit.h"

static struct sk_lock lock;
static struct sk_event event;
static char order[64];

struct asker {
    char name;
    sk_time within;
};

static int asks(void *arg) {
    struct asker *asker = arg;
    struct sk_err e;
    int end = how(sk_lock_take(&lock, "lock", asker->within ? sk_after(asker->within) : SK_NEVER, &e), &e);
    if (end < 0)
        return end;
    strncat(order, &asker->name, 1);
    sk_yield();
    sk_lock_give(&lock);
    return 0;
}

static int fresh(void **state) {
    lock = (struct sk_lock){ 0 };
    event = (struct sk_event){ 0 };
    order[0] = '\0';
    return scope_setup(state);
}

static void wait_a_little(void) { assert_int_equal(sk_sleep_until(sk_after(2 * SK_MS), "sleep", &err), 0); }

static void free_at_once(void **state) {
    (void)state;
    assert_int_equal(sk_lock_take(&lock, "lock", SK_NOWAIT, &err), 0);
    assert_true(lock.held);
    assert_int_equal(how(sk_lock_take(&lock, "lock", SK_NOWAIT, &err), &err), -EAGAIN);
    assert_int_equal(how(sk_lock_take(&lock, "lock", sk_after(SK_MS), &err), &err), TIMEOUT);
    assert_string_equal(err.op, "lock");
    raise(SIGTERM);
    assert_int_equal(how(sk_lock_take(&lock, "lock", SK_NEVER, &err), &err), CANCELED);
    sk_lock_give(&lock);
    assert_false(lock.held);
    assert_int_equal(sk_lock_take(&lock, "lock", SK_NEVER, &err), 0); /* no wait: for cleanup */
}

static void in_order(void **state) {
    (void)state;
    struct asker askers[] = { { 'a', 0 }, { 'b', SK_MS }, { 'c', 0 }, { 'd', 0 }, { 'e', SK_SECOND }, { 'f', 0 } };
    int expected[] = { 0, TIMEOUT, 0, CANCELED, 0, CANCELED };
    struct sk_task *tasks[COUNT(askers)];
    assert_int_equal(sk_lock_take(&lock, "lock", SK_NEVER, &err), 0);
    for (size_t i = 0; i < COUNT(askers); i++)
        tasks[i] = spawn(asks, &askers[i]);
    wait_a_little();
    sk_cancel(tasks[3]);
    sk_cancel(tasks[5]);
    sk_lock_give(&lock);
    assert_true(lock.held); /* handed over: nobody overtakes */
    assert_int_equal(how(sk_lock_take(&lock, "lock", SK_NOWAIT, &err), &err), -EAGAIN);
    for (size_t i = 0; i < COUNT(askers); i++)
        assert_int_equal(join(tasks[i]), expected[i]);
    assert_string_equal(order, "ace");
    assert_false(lock.held);
    assert_null(lock.queue.first);
    assert_null(lock.queue.last);
}

/* Granted, then cancelled before it ran: it fails, and the lock goes on to the next. */
static void granted_and_cancelled(void **state) {
    (void)state;
    struct asker a = { 'a', 0 }, b = { 'b', 0 };
    assert_int_equal(sk_lock_take(&lock, "lock", SK_NEVER, &err), 0);
    struct sk_task *first = spawn(asks, &a), *second = spawn(asks, &b);
    wait_a_little();
    sk_lock_give(&lock);
    sk_cancel(first);
    assert_int_equal(join(first), CANCELED);
    assert_int_equal(join(second), 0);
    assert_string_equal(order, "b");
    assert_false(lock.held);
}

static int gives_late(void *arg) {
    struct sk_err e;
    sk_sleep_until(*(sk_time *)arg, "sleep", &e);
    sk_lock_give(&lock);
    return 0;
}

/* Late, then granted before it ran: late, and the lock goes on. */
static void granted_and_late(void **state) {
    (void)state;
    sk_time deadline = sk_after(2 * SK_MS), same = deadline;
    assert_int_equal(sk_lock_take(&lock, "lock", SK_NEVER, &err), 0);
    struct sk_task *giver = spawn(gives_late, &same);
    int end = how(sk_lock_take(&lock, "lock", deadline, &err), &err);
    assert_true(end == TIMEOUT || end == 0);
    assert_int_equal(join(giver), 0);
    assert_int_equal(lock.held, end == 0);
}

static int waits(void *arg) {
    struct sk_err e;
    sk_time within = *(sk_time *)arg;
    return how(sk_event_wait(&event, "event", within ? sk_after(within) : SK_NEVER, &e), &e);
}

static void event_wakes_all(void **state) {
    (void)state;
    sk_time never = 0, soon = SK_MS;
    struct sk_task *a = spawn(waits, &never), *b = spawn(waits, &soon), *c = spawn(waits, &never),
                   *d = spawn(waits, &never);
    wait_a_little();
    assert_int_equal(join(b), TIMEOUT);
    assert_false(sk_task_done(a));
    sk_event_set(&event);
    sk_event_clear(&event); /* those who waited have it all the same */
    sk_cancel(d);
    assert_int_equal(join(a), 0);
    assert_int_equal(join(c), 0);
    assert_int_equal(join(d), CANCELED);
    assert_int_equal(how(sk_event_wait(&event, "event", SK_NOWAIT, &err), &err), -EAGAIN);
    assert_int_equal(how(sk_event_wait(&event, "event", sk_after(SK_MS), &err), &err), TIMEOUT);
    sk_event_set(&event);
    assert_int_equal(sk_event_wait(&event, "event", SK_NOWAIT, &err), 0);
}

int main(void) {
    sk_wake_init();
#define FRESH(f) cmocka_unit_test_setup_teardown(f, fresh, scope_teardown)
    const struct CMUnitTest tests[] = {
        FRESH(free_at_once),     FRESH(in_order),        FRESH(granted_and_cancelled),
        FRESH(granted_and_late), FRESH(event_wakes_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
