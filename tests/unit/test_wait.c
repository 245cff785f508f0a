/* Waiting for descriptors and time: ready, late, cancelled, closed; alone (ppoll) and in company (epoll).
 * valgrind: yes */
#include "run_kit.h"

#include <fcntl.h>
#include <sys/resource.h>

static int wait_how(int fd, short events, sk_time deadline) {
    return how(sk_wait(fd, events, "recv", deadline, &err), &err);
}

/* ---- each end of a wait, in both ways of waiting ---- */

static void ready(void **state) {
    (void)state;
    int fd[2];
    open_pair(fd);
    assert_int_equal(wait_how(fd[0], POLLOUT, SK_NEVER), POLLOUT);
    assert_int_equal(wait_how(fd[0], POLLIN | POLLOUT, SK_NEVER), POLLOUT);
    assert_int_equal(write(fd[1], "ab", 2), 2);
    /* Level semantics: what is there is reported again, also after a wait for something else and without having read.
     */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(wait_how(fd[0], POLLIN, SK_NEVER), POLLIN);
        assert_int_equal(wait_how(fd[0], POLLIN, SK_NOWAIT), POLLIN);
        assert_int_equal(wait_how(fd[0], POLLIN, sk_now() - 1), POLLIN);
        assert_int_equal(wait_how(fd[0], POLLOUT, SK_NEVER), POLLOUT);
        assert_int_equal(wait_how(fd[0], POLLIN | POLLOUT, SK_NEVER), POLLIN | POLLOUT);
    }
    sk_fd_close(fd[1], NULL);
    assert_int_equal(wait_how(fd[0], POLLIN | POLLRDHUP, SK_NEVER), POLLIN | POLLHUP | POLLRDHUP);
    assert_int_equal(wait_how(fd[0], 0, SK_NEVER), POLLHUP);
    sk_fd_close(fd[0], NULL);
}

static void late(void **state) {
    (void)state;
    int fd[2];
    open_pair(fd);
    sk_time start = sk_now();
    assert_int_equal(wait_how(fd[0], POLLIN, sk_after(20 * SK_MS)), TIMEOUT);
    assert_true(seconds_since(start) >= 0.02 && seconds_since(start) < 10);
    assert_string_equal(err.op, "recv");
    assert_int_equal(wait_how(fd[0], POLLIN, sk_now() - SK_SECOND), TIMEOUT);
    assert_int_equal(wait_how(fd[0], POLLIN, 0), TIMEOUT);
    assert_int_equal(wait_how(fd[0], POLLIN, SK_NOWAIT), -EAGAIN);
    start = sk_now();
    assert_int_equal(sk_sleep_until(sk_after(20 * SK_MS), "sleep", &err), 0);
    assert_true(seconds_since(start) >= 0.02 && seconds_since(start) < 10);
    assert_int_equal(how(sk_wait_many(NULL, 0, "sleep", sk_after(SK_MS), &err), &err), TIMEOUT);
    close_pair(fd);
}

static void success_leaves_err(void **state) {
    (void)state;
    int fd[2];
    open_pair(fd);
    struct sk_err before;
    memset(&err, 'x', sizeof err);
    before = err;
    assert_int_equal(sk_wait(fd[0], POLLOUT, "send", sk_after(SK_SECOND), &err), POLLOUT);
    assert_int_equal(sk_sleep_until(sk_after(SK_MS), "sleep", &err), 0);
    assert_int_equal(sk_wait_many(&(struct pollfd){ .fd = fd[0], .events = POLLOUT }, 1, "poll", SK_NEVER, &err), 1);
    assert_int_equal(sk_charge(1 << 24, "send", sk_after(SK_SECOND), &err), 0);
    assert_memory_equal(&before, &err, sizeof err);
    close_pair(fd);
}

static void cancelled(void **state) {
    (void)state;
    int fd[2];
    open_pair(fd);
    struct pollfd fds = { .fd = fd[0], .events = POLLOUT };
    raise(SIGTERM);
    /* Every wait fails from now on, also when there is something, and when it is late. */
    assert_int_equal(wait_how(fd[0], POLLOUT, SK_NEVER), CANCELED);
    assert_string_equal(err.op, "recv");
    assert_int_equal(err.code, SIGTERM);
    assert_int_equal(sk_err_status(&err), 143);
    assert_int_equal(wait_how(fd[0], POLLIN, sk_now() - 1), CANCELED);
    assert_int_equal(wait_how(fd[0], POLLIN, SK_NOWAIT), CANCELED);
    assert_int_equal(how(sk_wait_many(&fds, 1, "poll", SK_NEVER, &err), &err), CANCELED);
    assert_int_equal(how(sk_sleep_until(sk_now() - 1, "sleep", &err), &err), CANCELED);
    assert_int_equal(how(sk_charge(1 << 24, "send", 1, &err), &err), CANCELED);
    assert_true(sk_canceled());
    sk_uncancel();
    assert_false(sk_canceled());
    assert_int_equal(wait_how(fd[0], POLLOUT, SK_NEVER), POLLOUT);
    close_pair(fd);
}

static void files_are_ready(void **state) {
    (void)state;
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), null = open("/dev/null", O_RDWR | O_CLOEXEC), fd[2];
    open_pair(fd);
    assert_int_equal(wait_how(file, POLLIN, SK_NEVER), POLLIN);
    assert_int_equal(wait_how(null, POLLIN | POLLOUT, SK_NEVER), POLLIN | POLLOUT);
    struct pollfd fds[] = { { .fd = fd[0], .events = POLLIN }, { .fd = file, .events = POLLIN | POLLOUT } };
    assert_int_equal(sk_wait_many(fds, 2, "poll", SK_NEVER, &err), 1);
    assert_int_equal(fds[0].revents, 0);
    assert_int_equal(fds[1].revents, POLLIN | POLLOUT);
    close_pair(fd);
    sk_fd_close(file, NULL);
    sk_fd_close(null, NULL);
}

static void not_open(void **state) {
    (void)state;
    int fd = dup(0);
    close(fd);
    assert_int_equal(wait_how(fd, POLLIN, SK_NEVER), POLLNVAL);
    assert_int_equal(wait_how(-1, POLLIN, SK_NEVER), POLLNVAL);
    struct pollfd fds[] = { { .fd = -1, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
    assert_int_equal(sk_wait_many(fds, 2, "poll", SK_NEVER, &err), 1);
    assert_int_equal(fds[0].revents, 0);
    assert_int_equal(fds[1].revents, POLLNVAL);
    fds[1].fd = -2;
    assert_int_equal(how(sk_wait_many(fds, 2, "poll", sk_after(SK_MS), &err), &err), TIMEOUT);
    assert_int_equal(how(sk_fd_close(fd, &err), &err), -EBADF);
    assert_int_equal(sk_fd_close(-1, &err), 0);
}

enum { MANY = 1500 };

static void many(void **state) {
    (void)state;
    sk_fd_raise_limit();
    static struct pollfd fds[MANY];
    static int peers[MANY];
    for (int i = 0; i < MANY; i++) {
        int fd[2];
        open_pair(fd);
        fds[i] = (struct pollfd){ .fd = fd[0], .events = POLLIN };
        peers[i] = fd[1];
    }
    assert_int_equal(how(sk_wait_many(fds, MANY, "poll", sk_after(5 * SK_MS), &err), &err), TIMEOUT);
    for (int round = 0; round < 3; round++) {
        for (int i = round; i < MANY; i += 7)
            assert_int_equal(write(peers[i], "x", 1), 1);
        assert_int_equal(sk_wait_many(fds, MANY, "poll", SK_NEVER, &err), (MANY - round + 6) / 7);
        for (int i = 0; i < MANY; i++) {
            char c;
            assert_int_equal(fds[i].revents, i % 7 == round ? POLLIN : 0);
            assert_int_equal(recv(fds[i].fd, &c, 1, 0), i % 7 == round ? 1 : -1);
        }
    }
    assert_int_equal(how(sk_wait_many(fds, MANY, "poll", sk_after(5 * SK_MS), &err), &err), TIMEOUT);
    for (int i = 0; i < MANY; i++)
        close_pair((int[]){ fds[i].fd, peers[i] });
}

/* Bad luck alone: waits may end early, but what is not there is not read, and what is there is. */
static void bad_luck(void **state) {
    (void)state;
    int fd[2];
    char c = 0;
    open_pair(fd);
    for (unsigned long long seed = 1; seed <= 200; seed++) {
        sk_chaos(seed);
        sk_time deadline = sk_after(SK_MS);
        while (recv(fd[0], &c, 1, 0) < 0 && sk_wait(fd[0], POLLIN, "recv", deadline, &err) > 0)
            continue;
        assert_int_equal(how(-1, &err), TIMEOUT);
        assert_true(sk_now() >= deadline);
        assert_int_equal(write(fd[1], &seed, 1), 1);
        while (recv(fd[0], &c, 1, 0) < 0)
            assert_true(sk_wait(fd[0], POLLIN, "recv", sk_after(10 * SK_SECOND), &err) > 0);
        assert_int_equal((unsigned char)c, seed & 0xff);
    }
    close_pair(fd);
}

/* ---- several tasks ---- */

struct wish {
    int fd;
    short events;
    sk_time within;
};

static int wait_task(void *arg) {
    struct wish *wish = arg;
    struct sk_err e;
    sk_time deadline = wish->within ? sk_after(wish->within) : SK_NEVER;
    return how(sk_wait(wish->fd, wish->events, "recv", deadline, &e), &e);
}

static int wait_many_task(void *arg) {
    struct wish *wish = arg;
    struct pollfd fds[2] = { { .fd = wish[0].fd, .events = wish[0].events },
                             { .fd = wish[1].fd, .events = wish[1].events } };
    struct sk_err e;
    int n = sk_wait_many(fds, 2, "poll", SK_NEVER, &e);
    return n < 0 ? how(n, &e) : n == 1 && fds[0].revents == 0 ? fds[1].revents : 0;
}

static void let_others_run(void) { sk_sleep_until(sk_after(SK_MS), "sleep", NULL); }

static void several_waiters(void **state) {
    (void)state;
    int fd[2];
    open_pair(fd);
    struct wish in = { .fd = fd[0], .events = POLLIN };
    struct sk_task *readers[5];
    for (size_t i = 0; i < COUNT(readers); i++)
        readers[i] = spawn(wait_task, &in);
    struct sk_task *late_one = spawn(wait_task, &(struct wish){ .fd = fd[0], .events = POLLIN, .within = SK_MS });
    struct sk_task *writer = spawn(wait_task, &(struct wish){ .fd = fd[0], .events = POLLOUT });
    struct sk_task *urgent = spawn(wait_task, &(struct wish){ .fd = fd[0], .events = POLLPRI });
    let_others_run();
    assert_int_equal(join(writer), POLLOUT);
    assert_int_equal(join(late_one), TIMEOUT);
    assert_false(sk_task_done(readers[0]));
    assert_int_equal(write(fd[1], "x", 1), 1);
    for (size_t i = 0; i < COUNT(readers); i++)
        assert_int_equal(join(readers[i]), POLLIN);
    assert_false(sk_task_done(urgent));
    sk_fd_close(fd[1], NULL);
    assert_int_equal(join(urgent), POLLHUP);
    sk_fd_close(fd[0], NULL);
}

static void closing_wakes(void **state) {
    (void)state;
    int fd[2], other[2];
    open_pair(fd);
    open_pair(other);
    struct wish in = { .fd = fd[0], .events = POLLIN };
    struct wish two[] = { { .fd = other[0], .events = POLLIN }, in };
    struct sk_task *a = spawn(wait_task, &in), *b = spawn(wait_task, &in), *c = spawn(wait_many_task, two);
    let_others_run();
    assert_false(sk_task_done(a));
    assert_int_equal(sk_fd_close(fd[0], &err), 0);
    /* The number gets another meaning before the waiters run; they must not take it for theirs. */
    assert_int_equal(dup(other[1]), fd[0]);
    assert_int_equal(join(a), -EBADF);
    assert_int_equal(join(b), -EBADF);
    assert_int_equal(join(c), POLLNVAL);
    /* And the new one is waited for under the same number. */
    struct sk_task *d = spawn(wait_task, &in);
    let_others_run();
    assert_false(sk_task_done(d));
    assert_int_equal(write(other[0], "x", 1), 1);
    assert_int_equal(join(d), POLLIN);
    close_pair(fd);
    close_pair(other);
}

static double processor_time(void) {
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

/* Events that nobody asked for must not keep the loop awake: HUP, a reader that went away, a number closed behind our
 * back. */
static void no_busy_loop(void **state) {
    (void)state;
    int hup[2], left[2], stale[2];
    open_pair(hup);
    open_pair(left);
    open_pair(stale);
    struct sk_task *tasks[] = {
        spawn(wait_task, &(struct wish){ .fd = hup[0], .events = POLLIN }),
        spawn(wait_task, &(struct wish){ .fd = left[0], .events = POLLIN, .within = SK_MS }),
        spawn(wait_task, &(struct wish){ .fd = stale[0], .events = POLLIN, .within = SK_MS }),
    };
    struct sk_task *rest = spawn(wait_task, &(struct wish){ .fd = left[0], .events = POLLPRI });
    let_others_run();
    sk_fd_close(hup[1], NULL);
    assert_int_equal(join(tasks[0]), POLLIN | POLLHUP);
    assert_int_equal(join(tasks[1]), TIMEOUT);
    assert_int_equal(join(tasks[2]), TIMEOUT);
    int copy = dup(stale[0]);
    close(stale[0]); /* not through sk_fd_close */
    assert_int_equal(write(stale[1], "x", 1), 1);
    assert_int_equal(write(left[1], "x", 1), 1);
    double before = processor_time();
    assert_int_equal(sk_sleep_until(sk_after(300 * SK_MS), "sleep", &err), 0);
    assert_true(processor_time() - before < 0.1);
    assert_int_equal(wait_how(left[0], POLLIN, SK_NEVER), POLLIN); /* still right after all this */
    assert_false(sk_task_done(rest));
    sk_fd_close(left[1], NULL);
    assert_int_equal(join(rest), POLLHUP);
    sk_fd_close(copy, NULL);
    sk_fd_close(stale[1], NULL);
    sk_fd_close(hup[0], NULL);
    sk_fd_close(left[0], NULL);
}

/* A number closed elsewhere than in sk_fd_close, and in use again: other events of it are waited for all the same. */
static void reused(void **state) {
    (void)state;
    int fd[2], other[2];
    open_pair(fd);
    open_pair(other);
    assert_int_equal(wait_how(fd[0], POLLIN, sk_after(SK_MS)), TIMEOUT);
    close(fd[0]);
    assert_int_equal(dup(other[1]), fd[0]);
    assert_int_equal(wait_how(fd[0], POLLOUT, sk_after(SK_SECOND)), POLLOUT);
    close_pair(fd);
    close_pair(other);
}

static int order;

static int takes_number(void *arg) {
    struct sk_err e;
    return sk_sleep_until(*(sk_time *)arg, "sleep", &e) < 0 ? -1 : order++;
}

static void timers_in_order(void **state) {
    (void)state;
    struct sk_task *tasks[64];
    sk_time deadlines[COUNT(tasks)];
    int rank[COUNT(tasks)];
    order = 0;
    for (size_t i = 0; i < COUNT(tasks); i++)
        tasks[i] = spawn(takes_number, &deadlines[i]);
    sk_time start = sk_after(100 * SK_MS); /* they have not run yet */
    for (size_t i = 0; i < COUNT(tasks); i++)
        deadlines[i] = start + (sk_time)(i * 37 % COUNT(tasks)) * 100 * US;
    assert_int_equal(sk_sleep_until(sk_after(SK_MS), "sleep", &err), 0);
    for (size_t i = 4; i < COUNT(tasks); i += 5) /* holes in the heap */
        sk_cancel(tasks[i]);
    for (size_t i = 0; i < COUNT(tasks); i++)
        rank[i] = join(tasks[i]);
    for (size_t i = 0; i < COUNT(tasks); i++) {
        assert_int_equal(rank[i] < 0, i % 5 == 4);
        for (size_t j = 0; j < COUNT(tasks); j++)
            if (rank[i] >= 0 && rank[j] >= 0 && deadlines[i] < deadlines[j])
                assert_true(rank[i] < rank[j]);
    }
}

/* ---- loops that never wait ---- */

static bool stop;
static long turns[2];

static int busy(void *arg) {
    struct sk_err e;
    while (!stop) {
        (*(long *)arg)++;
        if (sk_charge(0, "repeat", SK_NEVER, &e) < 0)
            return how(-1, &e);
    }
    return 0;
}

static void charge_is_fair(void **state) {
    (void)state;
    int fd[2];
    open_pair(fd);
    stop = false;
    turns[0] = turns[1] = 0;
    struct sk_task *a = spawn(busy, &turns[0]), *b = spawn(busy, &turns[1]);
    struct sk_task *reader = spawn(wait_task, &(struct wish){ .fd = fd[0], .events = POLLIN });
    assert_int_equal(sk_sleep_until(sk_after(20 * SK_MS), "sleep", &err), 0); /* timers are not starved */
    assert_int_equal(write(fd[1], "x", 1), 1);
    assert_int_equal(join(reader), POLLIN); /* nor events */
    assert_true(turns[0] > 64 && turns[1] > 64);
    assert_true(labs(turns[0] - turns[1]) <= 64);
    sk_cancel(a);
    assert_int_equal(join(a), CANCELED);
    stop = true;
    assert_int_equal(join(b), 0);
    close_pair(fd);
}

static void charge_ends(void **state) {
    (void)state;
    long count = 0;
    while (sk_charge(0, "repeat", sk_after(0), &err) == 0)
        count++;
    assert_int_equal(how(-1, &err), TIMEOUT);
    assert_true(count < 64);
    for (count = 0; sk_charge(1 << 18, "send", 1, &err) == 0;)
        count++;
    assert_int_equal(count, 3); /* 1 MiB */
    for (count = 0; count < 1000; count++)
        assert_int_equal(sk_charge(1 << 18, "send", SK_NOWAIT, &err), 0);
    raise(SIGINT);
    for (count = 0; sk_charge(100, "repeat", SK_NEVER, &err) == 0;)
        count++;
    assert_int_equal(how(-1, &err), CANCELED);
    assert_true(count < 64);
}

int main(void) {
    sk_wake_init();
    const struct CMUnitTest tests[] = {
        BOTH(ready),
        BOTH(late),
        BOTH(success_leaves_err),
        BOTH(cancelled),
        BOTH(files_are_ready),
        BOTH(not_open),
        BOTH(many),
        BOTH(bad_luck),
        BOTH(reused),
        ALONE(several_waiters),
        ALONE(closing_wakes),
        ALONE(no_busy_loop),
        ALONE(timers_in_order),
        ALONE(charge_is_fair),
        BOTH(charge_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
