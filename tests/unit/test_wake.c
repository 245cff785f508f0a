/* Signals: at any moment before or in a wait they end it, once; twice SIGINT ends a process that does not listen.
 * Descriptors 0 to 2. valgrind: yes */
#include "run_kit.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>

/* ---- a signal ends the wait, whenever it comes ---- */

static int pipe_fd[2];

static int wait_quiet(sk_time deadline) { return how(sk_wait(pipe_fd[0], POLLIN, "recv", deadline, &err), &err); }

static void sigterm_after(timer_t timer, long ns) {
    struct itimerspec when = { .it_value.tv_nsec = ns };
    assert_return_code(timer_settime(timer, 0, &when, NULL), errno);
}

static unsigned random_state = 1;

static long below(long n) {
    random_state = random_state * 1103515245 + 12345;
    return (long)(random_state >> 8) % n;
}

/* Moments from well before the system call to well inside it. One that was missed shows as a timeout. */
static void at_any_moment(void **state) {
    (void)state;
    open_pair(pipe_fd);
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGTERM };
    timer_t timer;
    assert_return_code(timer_create(CLOCK_MONOTONIC, &event, &timer), errno);
    for (int i = 0; i < 3000; i++) {
        sk_time start = sk_now();
        sigterm_after(timer, 1 + below(i % 100 ? 30 * US : SK_MS));
        for (volatile long spin = below(5000); spin > 0; spin--)
            continue;
        assert_int_equal(wait_quiet(i % 2 ? SK_NEVER : sk_after(10 * SK_SECOND)), CANCELED);
        assert_true(seconds_since(start) < 5);
        assert_int_equal(sk_wake_signal(), SIGTERM);
        assert_int_equal(wait_quiet(SK_NEVER), CANCELED); /* sticky */
        sk_uncancel();
        assert_int_equal(sk_wake_signal(), 0);
    }
    timer_delete(timer);
    assert_int_equal(wait_quiet(sk_after(SK_MS)), TIMEOUT);
    close_pair(pipe_fd);
}

/* Signals that are not ours interrupt nothing. */
static void on_alarm(int number) { (void)number; }

static void others_do_not_disturb(void **state) {
    (void)state;
    open_pair(pipe_fd);
    struct sigaction action = { .sa_handler = on_alarm };
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
    timer_t timer;
    sigaction(SIGUSR1, &action, NULL);
    assert_return_code(timer_create(CLOCK_MONOTONIC, &event, &timer), errno);
    struct itimerspec often = { .it_value.tv_nsec = 500000, .it_interval.tv_nsec = 500000 };
    timer_settime(timer, 0, &often, NULL);
    sk_time start = sk_now();
    assert_int_equal(wait_quiet(sk_after(30 * SK_MS)), TIMEOUT);
    assert_int_equal(sk_sleep_until(sk_after(30 * SK_MS), "sleep", &err), 0);
    assert_int_equal(how(sk_wait_many(NULL, 0, "poll", sk_after(30 * SK_MS), &err), &err), TIMEOUT);
    assert_true(seconds_since(start) >= 0.09);
    timer_delete(timer);
    signal(SIGUSR1, SIG_DFL);
    close_pair(pipe_fd);
}

static int interrupts(void *arg) {
    struct sk_err e;
    sk_sleep_until(sk_after(SK_MS), "sleep", &e);
    raise(*(int *)arg);
    return how(sk_sleep_until(sk_after(SK_MS), "sleep", &e), &e); /* not cancelled: only main is */
}

static void only_main_is_cancelled(void **state) {
    (void)state;
    int signals[] = { SIGINT, SIGTERM, SIGHUP };
    for (size_t i = 0; i < COUNT(signals); i++) {
        struct sk_task *task = spawn(interrupts, &signals[i]);
        int result;
        assert_int_equal(how(sk_task_join(task, &result, SK_NEVER, &err), &err), CANCELED);
        assert_int_equal(sk_wake_signal(), signals[i]);
        sk_uncancel();
        assert_int_equal(join(task), 0);
    }
}

/* ---- in processes of their own ---- */

static void wait_for_ever(void) { sk_wait_many(NULL, 0, "wait", SK_NEVER, NULL); }

static void two_unheard(void) {
    sk_wake_init();
    raise(SIGINT);
    raise(SIGINT);
}

static void two_but_heard(void) {
    sk_wake_init();
    raise(SIGINT);
    wait_for_ever();
    raise(SIGINT);
    wait_for_ever();
    sk_uncancel();
    raise(SIGINT);
    wait_for_ever();
}

static void two_but_slow(void) {
    sk_wake_init();
    raise(SIGINT);
    nanosleep(&(struct timespec){ .tv_sec = 1, .tv_nsec = 10000000 }, NULL);
    raise(SIGINT);
}

static void two_of_others(void) {
    sk_wake_init();
    raise(SIGTERM);
    raise(SIGTERM);
    raise(SIGHUP);
    raise(SIGINT);
    raise(SIGTERM);
    wait_for_ever();
}

static void twice(void **state) {
    (void)state;
    int status = in_process(two_unheard);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
    assert_int_equal(in_process(two_but_heard), 0);
    assert_int_equal(in_process(two_but_slow), 0);
    assert_int_equal(in_process(two_of_others), 0);
}

static void ignored_before(void) {
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    sk_wake_init();
    raise(SIGINT);
    raise(SIGHUP);
    raise(SIGINT);
    struct sk_err e;
    bool waited = how(sk_wait_many(NULL, 0, "wait", sk_after(SK_MS), &e), &e) == TIMEOUT;
    struct sigaction pipe, size, child;
    sigaction(SIGPIPE, NULL, &pipe);
    sigaction(SIGXFSZ, NULL, &size);
    sigaction(SIGCHLD, NULL, &child);
    _exit(waited && pipe.sa_handler == SIG_IGN && size.sa_handler == SIG_IGN && child.sa_handler == SIG_DFL ? 0 : 1);
}

static void ignored_stays_ignored(void **state) {
    (void)state;
    assert_int_equal(in_process(ignored_before), 0);
}

static int closed_mask;

static void sanitized(void) {
    for (int fd = 0; fd < 3; fd++)
        if (closed_mask & 1 << fd)
            close(fd);
    int missing = sk_fd_sanitize();
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            _exit(1);
    /* Nobody takes them for an empty input, or for an output that takes everything. */
    if (closed_mask & 1 && (read(0, &(char){ 0 }, 1) != -1 || errno != EBADF))
        _exit(3);
    for (int fd = 1; fd < 3; fd++)
        if (closed_mask & 1 << fd && (write(fd, "x", 1) != -1 || errno != EBADF))
            _exit(4);
    _exit(missing == closed_mask && sk_fd_sanitize() == 0 ? 0 : 2);
}

static void standard_descriptors(void **state) {
    (void)state;
    for (closed_mask = 0; closed_mask < 8; closed_mask++)
        assert_int_equal(in_process(sanitized), 0);
}

static void limit_in_process(void) {
    struct rlimit limit, now;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 64;
    setrlimit(RLIMIT_NOFILE, &limit);
    sk_fd_raise_limit();
    getrlimit(RLIMIT_NOFILE, &now);
    if (now.rlim_cur != limit.rlim_max || now.rlim_max != limit.rlim_max)
        _exit(1);
    sk_fd_limit(false);
    getrlimit(RLIMIT_NOFILE, &now);
    _exit(now.rlim_cur == 64 ? 0 : 2);
}

static void descriptor_limit(void **state) {
    (void)state;
    assert_int_equal(in_process(limit_in_process), 0);
}

int main(void) {
    sk_wake_init();
    const struct CMUnitTest tests[] = {
        BOTH(at_any_moment),          BOTH(others_do_not_disturb), ALONE(only_main_is_cancelled), ALONE(twice),
        ALONE(ignored_stays_ignored), ALONE(standard_descriptors), ALONE(descriptor_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
