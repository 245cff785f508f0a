/* Tasks and scopes: results, cancellation, shields, fairness, numbers, chaos.
 * valgrind: yes */
#include "run_kit.h"

#include <fcntl.h>
#include <sys/resource.h>

#include "base/buf.h"

#ifdef SK_TSAN
#define MANY 500 /* a fiber of the sanitizer takes hundreds of kilobytes */
#else
#define MANY 10000
#endif

/* ---- life of a task ---- */

static int number(void *arg) { return *(int *)arg; }

static void results(void **state) {
    (void)state;
    int seven = 7, eight = 8;
    struct sk_task *a = spawn(number, &seven), *b = spawn(number, &eight);
    assert_false(sk_task_done(a)); /* it first runs when we wait */
    assert_int_equal(join(b), 8);
    assert_true(sk_task_done(a));
    assert_int_equal(join(a), 7);
    sk_time short_time = 5 * SK_MS;
    struct sk_task *c = spawn(sleeper, &short_time);
    int result = -5;
    assert_int_equal(how(sk_task_join(c, &result, sk_after(SK_MS), &err), &err), TIMEOUT);
    assert_int_equal(how(sk_task_join(c, &result, SK_NOWAIT, &err), &err), -EAGAIN);
    assert_int_equal(result, -5);
    assert_int_equal(join(c), 0); /* the handle stayed */
}

static void scope_joins(void **state) {
    (void)state;
    sk_time times[] = { 6 * SK_MS, 2 * SK_MS, 4 * SK_MS };
    struct sk_task *tasks[COUNT(times)];
    for (size_t i = 0; i < COUNT(times); i++)
        tasks[i] = spawn(sleeper, &times[i]);
    assert_int_equal(how(sk_scope_join(&scope, sk_after(SK_MS), &err), &err), TIMEOUT);
    assert_int_equal(sk_scope_join(&scope, SK_NEVER, &err), 0);
    for (size_t i = 0; i < COUNT(times); i++)
        assert_true(sk_task_done(tasks[i]));
    assert_int_equal(join(tasks[1]), 0); /* out of the middle */
    assert_int_equal(sk_scope_join(&scope, SK_NOWAIT, &err), 0);
    spawn(sleeper, NULL);
    raise(SIGTERM);
    assert_int_equal(how(sk_scope_join(&scope, SK_NEVER, &err), &err), CANCELED);
}

static int nested(void *arg) {
    struct sk_scope inner;
    sk_scope_init(&inner);
    int result = 0;
    struct sk_err e;
    struct sk_task *task = sk_spawn(&inner, "inner", sleeper, NULL, &e);
    int end = how(sk_task_join(task, &result, SK_NEVER, &e), &e);
    sk_scope_done(&inner); /* although cancelled itself */
    *(int *)arg = end;
    return sk_canceled();
}

static void leaving_cancels_and_joins(void **state) {
    (void)state;
    int end = 0;
    struct sk_task *outer = spawn(nested, &end);
    assert_int_equal(how(sk_sleep_until(sk_after(SK_MS), "sleep", &err), &err), 0);
    sk_cancel(outer);
    assert_int_equal(join(outer), 1);
    assert_int_equal(end, CANCELED);
    spawn(nested, &end);
    end = 0;
    sk_scope_done(&scope);
    assert_int_equal(end, CANCELED);
    assert_null(scope.first);
}

static int spawns_late(void *arg) {
    struct sk_scope *mine = arg;
    struct sk_err e;
    int end = how(sk_sleep_until(SK_NEVER, "sleep", &e), &e);
    sk_spawn(mine, "late", sleeper, NULL, &e); /* comes when all are leaving */
    return end;
}

static void late_comers_leave_too(void **state) {
    (void)state;
    struct sk_scope mine;
    sk_scope_init(&mine);
    assert_non_null(sk_spawn(&mine, "late", spawns_late, &mine, &err));
    assert_int_equal(sk_sleep_until(sk_after(SK_MS), "sleep", &err), 0);
    sk_scope_done(&mine);
    assert_null(mine.first);
    int seven = 7; /* and the scope can be used again */
    assert_non_null(sk_spawn(&mine, "again", number, &seven, &err));
    assert_int_equal(sk_scope_join(&mine, SK_NEVER, &err), 0);
    sk_scope_done(&mine);
}

/* ---- cancellation ---- */

static int waits_often(void *arg) {
    struct sk_err e;
    struct sk_lock lock = { .held = true };
    struct sk_event event = { 0 };
    struct pollfd fds = { .fd = *(int *)arg, .events = POLLOUT };
    bool all = how(sk_wait(fds.fd, POLLIN, "recv", SK_NEVER, &e), &e) == CANCELED;
    /* Sticky, and before any timeout or event. */
    for (int i = 0; i < 2; i++) {
        sk_time deadline = i ? SK_NOWAIT : sk_now() - SK_SECOND;
        all &= how(sk_wait(fds.fd, POLLOUT, "send", deadline, &e), &e) == CANCELED;
        all &= how(sk_wait_many(&fds, 1, "poll", deadline, &e), &e) == CANCELED;
        all &= how(sk_sleep_until(deadline, "sleep", &e), &e) == CANCELED;
        all &= how(sk_lock_take(&lock, "lock", deadline, &e), &e) == CANCELED;
        all &= how(sk_event_wait(&event, "event", deadline, &e), &e) == CANCELED;
        all &= how(sk_charge(1 << 20, "repeat", deadline, &e), &e) == CANCELED;
    }
    return all;
}

static void cancel_is_sticky(void **state) {
    (void)state;
    int fd[2];
    open_pair(fd);
    struct sk_task *a = spawn(waits_often, &fd[0]), *b = spawn(waits_often, &fd[0]);
    sk_cancel(a); /* before it ran at all */
    assert_int_equal(join(a), 1);
    sk_cancel(b);
    sk_cancel(b);
    assert_int_equal(join(b), 1);
    close_pair(fd);
}

static int sleeps_until(void *arg) {
    struct sk_err e;
    return how(sk_sleep_until(*(sk_time *)arg, "sleep", &e), &e);
}

/* A wait whose deadline passed, and that was cancelled before it could tell: cancelled. */
static void cancel_outranks_timeout(void **state) {
    (void)state;
    int fd[2];
    open_pair(fd);
    sk_time deadline = sk_after(3 * SK_MS);
    struct sk_task *task = spawn(sleeps_until, &deadline);
    assert_int_equal(sk_wait(fd[0], POLLOUT, "send", SK_NEVER, &err), POLLOUT);
    while (sk_now() < deadline + SK_MS)
        continue;
    sk_cancel(task);
    assert_int_equal(join(task), CANCELED);
    close_pair(fd);
}

struct cleanup {
    sk_time work, again;
    int first, second, third, after;
    double took;
};

static int cleans_up(void *arg) {
    struct cleanup *c = arg;
    struct sk_err e;
    int end = how(sk_sleep_until(SK_NEVER, "sleep", &e), &e);
    sk_time start = sk_now();
    sk_shield();
    c->first = how(sk_sleep_until(sk_after(c->work), "sleep", &e), &e);
    sk_shield(); /* nested: no more time */
    c->second = how(sk_sleep_until(sk_after(c->again), "sleep", &e), &e);
    sk_unshield();
    c->third = how(sk_wait(0, 0, "sleep", sk_after(SK_MS), &e), &e);
    sk_unshield();
    c->after = how(sk_sleep_until(sk_now() - 1, "sleep", &e), &e);
    c->took = seconds_since(start);
    return end;
}

static void shields(void **state) {
    (void)state;
    struct cleanup quick = { .work = 5 * SK_MS, .again = 5 * SK_MS },
                   slow = { .work = 100 * SK_MS, .again = 10 * SK_SECOND };
    struct sk_task *a = spawn(cleans_up, &quick), *b = spawn(cleans_up, &slow);
    assert_int_equal(sk_sleep_until(sk_after(SK_MS), "sleep", &err), 0);
    sk_cancel(a);
    sk_cancel(b);
    sk_cancel(a); /* again, inside the shield */
    assert_int_equal(join(a), CANCELED);
    assert_int_equal(quick.first, 0);
    assert_int_equal(quick.second, 0);
    assert_int_equal(quick.after, CANCELED);
    assert_true(quick.took < 0.19);
    assert_int_equal(join(b), CANCELED);
    assert_int_equal(slow.first, 0);
    assert_int_equal(slow.second, CANCELED); /* at the end of the 200 ms, not after 10 s */
    assert_int_equal(slow.third, CANCELED);
    assert_int_equal(slow.after, CANCELED);
    assert_true(slow.took >= 0.19 && slow.took < 2);
}

/* Not cancelled: the shield still bounds what is in it. The main task, alone. */
static void shield_ends_in_time(void **state) {
    (void)state;
    sk_time start = sk_now();
    sk_shield();
    assert_int_equal(how(sk_wait_many(NULL, 0, "flush", SK_NEVER, &err), &err), TIMEOUT);
    assert_true(seconds_since(start) >= 0.19 && seconds_since(start) < 10);
    raise(SIGTERM);
    assert_int_equal(how(sk_wait_many(NULL, 0, "flush", SK_NEVER, &err), &err), CANCELED);
    sk_unshield();
    sk_uncancel();
    sk_shield();
    raise(SIGTERM);
    start = sk_now();
    assert_int_equal(how(sk_wait_many(NULL, 0, "flush", sk_after(10 * SK_MS), &err), &err), TIMEOUT);
    assert_true(seconds_since(start) >= 0.01);
    assert_true(sk_canceled());
    sk_unshield();
}

/* ---- turns ---- */

static char order[64];

static int takes_turns(void *arg) {
    for (int i = 0; i < 5; i++) {
        strncat(order, arg, 1);
        sk_yield();
    }
    return 0;
}

static void yields_go_round(void **state) {
    (void)state;
    order[0] = '\0';
    spawn(takes_turns, "a");
    spawn(takes_turns, "b");
    spawn(takes_turns, "c");
    assert_int_equal(sk_scope_join(&scope, SK_NEVER, &err), 0);
    assert_string_equal(order, "abcabcabcabcabc");
    sk_yield(); /* alone: nothing */
}

/* Nobody is runnable but the waiter itself: it goes on without a switch, whatever woke it. */
static void dumps(void **state) {
    (void)state;
    int fd[2];
    open_pair(fd);
    struct sk_buf out = { 0 };
    sk_time long_time = 90 * SK_SECOND;
    struct sk_task *task = spawn(sleeper, &long_time);
    struct sk_task *other = spawn(waits_often, &fd[0]);
    assert_int_equal(sk_sleep_until(sk_after(SK_MS), "sleep", &err), 0);
    sk_task_dump(&out);
    assert_int_equal(sk_buf_add(&out, "", 1, &err), 0);
    const char *text = (const char *)sk_buf_data(&out);
    assert_non_null(strstr(text, "main: runs\n"));
    assert_non_null(strstr(text, "test: waits in sleep, 89"));
    char expected[80];
    snprintf(expected, sizeof expected, "test: waits in recv on descriptor %d for input\n", fd[0]);
    assert_non_null(strstr(text, expected));
    sk_cancel(other);
    sk_buf_clear(&out);
    sk_task_dump(&out);
    assert_int_equal(sk_buf_add(&out, "", 1, &err), 0);
    assert_non_null(strstr((const char *)sk_buf_data(&out), "for input, cancelled\n"));
    assert_int_equal(join(other), 1);
    sk_cancel(task);
    assert_int_equal(join(task), CANCELED);
    sk_buf_done(&out);
    close_pair(fd);
}

/* ---- stacks ---- */

static int deep(void *arg) {
    volatile char room[40 << 10];
    memset((char *)room, *(int *)arg, sizeof room);
    sk_yield();
    for (size_t i = 0; i < sizeof room; i += 64)
        if (room[i] != *(int *)arg)
            return -1;
    return *(int *)arg;
}

static void stacks_are_separate_and_reused(void **state) {
    (void)state;
    int values[20];
    struct sk_task *tasks[COUNT(values)];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT(values); i++) {
            values[i] = (int)i + round;
            tasks[i] = spawn(deep, &values[i]);
        }
        for (size_t i = 0; i < COUNT(values); i++)
            assert_int_equal(join(tasks[i]), values[i]);
    }
}

static void overflow_in_child(void) {
    struct sk_scope mine;
    sk_scope_init(&mine);
    struct sk_err e;
    struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGSEGV, SIG_DFL);
    struct rlimit space = { 1 << 20, 1 << 20 };
    setrlimit(RLIMIT_AS, &space);
    int seven = 7;
    /* There is no room for a stack: a failure like others. */
    while (sk_spawn(&mine, "x", number, &seven, &e))
        continue;
    space = (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
    setrlimit(RLIMIT_AS, &space);
    _exit(e.kind == SK_SYS && e.code == ENOMEM && sk_scope_join(&mine, SK_NEVER, &e) == 0 ? 42 : 43);
}

static void no_memory_for_a_stack(void **state) {
    (void)state;
    if (getenv("SOCKCTL_VALGRIND") != NULL)
        return; /* it would run out of the address space itself */
    assert_int_equal(WEXITSTATUS(in_process(overflow_in_child)), 42);
}

static int waits_for_gate(void *arg) {
    struct sk_err e;
    return how(sk_event_wait(arg, "gate", sk_after(60 * SK_SECOND), &e), &e);
}

static void ten_thousand(void **state) {
    (void)state;
    struct sk_event gate = { 0 };
    struct sk_task **tasks = malloc(MANY * sizeof *tasks);
    for (int i = 0; i < MANY; i++)
        tasks[i] = spawn(waits_for_gate, &gate);
    assert_int_equal(sk_sleep_until(sk_after(SK_MS), "sleep", &err), 0);
    for (int i = 0; i < MANY; i += 3)
        sk_cancel(tasks[i]);
    sk_event_set(&gate);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(join(tasks[i]), i % 3 == 0 ? CANCELED : 0);
    free(tasks);
    for (int i = 0; i < MANY; i++)
        spawn(sleeper, NULL);
    sk_scope_done(&scope);
}

/* ---- chaos: whatever luck does, bytes arrive in order, locks exclude, and all ends ---- */

enum { BYTES = 400 };

struct line {
    int fd;
    struct sk_lock *lock;
    int inside, most;
    unsigned char next;
};

static int talk(struct line *line, bool sends) {
    struct sk_err e;
    unsigned char block[16];
    for (int done = 0; done < BYTES;) {
        size_t n = sk_chaos_short(BYTES - done < 16 ? (size_t)(BYTES - done) : 16);
        for (size_t i = 0; i < n; i++)
            block[i] = (unsigned char)((size_t)done + i);
        ssize_t moved = sends ? send(line->fd, block, n, MSG_NOSIGNAL) : recv(line->fd, block, n, 0);
        for (ssize_t i = 0; i < moved; i++)
            if (block[i] != (unsigned char)(done + i))
                return -1; /* lost or doubled */
        if (moved == 0)
            return done;
        if (moved > 0)
            done += (int)moved;
        else if (errno != EAGAIN)
            return errno == EPIPE ? done : -2;
        else if (sk_wait(line->fd, sends ? POLLOUT : POLLIN, "talk", sk_after(30 * SK_SECOND), &e) < 0)
            return how(-1, &e);
        if (sk_charge((size_t)(moved > 0 ? moved : 0), "talk", SK_NEVER, &e) < 0)
            return how(-1, &e);
    }
    return BYTES;
}

static int talker(void *arg) {
    struct line *line = arg;
    int end = talk(line, true);
    shutdown(line->fd, SHUT_WR);
    return end;
}

static int hearer(void *arg) {
    struct line *line = arg;
    int end = talk(line, false);
    shutdown(line->fd, SHUT_RDWR);
    return end;
}

static int locker(void *arg) {
    struct line *line = arg;
    struct sk_err e;
    for (int i = 0; i < 20; i++) {
        int end = how(sk_lock_take(line->lock, "lock", sk_after(30 * SK_SECOND), &e), &e);
        if (end < 0)
            return end;
        if (++line->inside > line->most)
            line->most = line->inside;
        end = how(sk_sleep_until(sk_after(10 * US), "sleep", &e), &e);
        line->inside--;
        sk_lock_give(line->lock);
        if (end < 0)
            return end;
    }
    return BYTES;
}

static void chaos_round(unsigned long long seed) {
    int fd[2];
    open_pair(fd);
    setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &(int){ 1 }, sizeof(int));
    struct sk_lock lock = { 0 };
    struct line a = { .fd = fd[0], .lock = &lock }, b = { .fd = fd[1], .lock = &lock };
    sk_chaos(seed);
    sk_chaos_cancel(seed % 2);
    struct sk_task *tasks[] = { spawn(talker, &a), spawn(hearer, &b), spawn(locker, &a), spawn(locker, &a),
                                spawn(locker, &a) };
    bool some_canceled = false;
    for (size_t i = 0; i < COUNT(tasks); i++) {
        int result = 0;
        if (sk_task_join(tasks[i], &result, sk_after(30 * SK_SECOND), &err) < 0)
            fail_msg("seed %llu: task %zu does not end: %s", seed, i, err.msg);
        if (result == CANCELED)
            some_canceled = true;
        else if (result != BYTES && seed % 2 == 0)
            fail_msg("seed %llu: task %zu returned %d", seed, i, result);
    }
    sk_chaos(0);
    close_pair(fd);
    assert_false(lock.held);
    assert_int_equal(a.inside, 0);
    assert_int_equal(a.most <= 1, 1);
    if (seed % 2 == 0)
        assert_false(some_canceled);
}

static void chaos(void **state) {
    (void)state;
    for (unsigned long long seed = 1; seed <= 200; seed++)
        chaos_round(seed);
}

int main(void) {
    sk_wake_init();
    const struct CMUnitTest tests[] = {
        ALONE(results),
        BOTH(scope_joins),
        BOTH(leaving_cancels_and_joins),
        BOTH(late_comers_leave_too),
        BOTH(cancel_is_sticky),
        BOTH(cancel_outranks_timeout),
        ALONE(shields),
        BOTH(shield_ends_in_time),
        ALONE(yields_go_round),
        ALONE(dumps),
        ALONE(stacks_are_separate_and_reused),
        ALONE(no_memory_for_a_stack),
        ALONE(ten_thousand),
        ALONE(chaos),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
