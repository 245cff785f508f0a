/* Children: what they get, how they end, how they are ended. (Not under valgrind, which lacks pidfd_open.) */
#include "run_kit.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>

#include "run/child.h"

#define ARGV(...) ((char *[]){ __VA_ARGS__, NULL })

static struct sk_child child;

static int run(char *const argv[], int in, int out, int error) {
    int status = -1;
    if (sk_child_start(&child, argv, in, out, error, &err) < 0)
        return how(-1, &err);
    int end = sk_child_wait(&child, &status, sk_after(30 * SK_SECOND), &err);
    return end < 0 ? how(end, &err) : status;
}

/* What a command prints. */
static const char *output(char *const argv[]) {
    static char text[4096];
    int fd[2];
    assert_return_code(pipe2(fd, O_CLOEXEC), errno);
    assert_int_equal(run(argv, -1, fd[1], -1), 0);
    close(fd[1]);
    ssize_t n = read(fd[0], text, sizeof text - 1);
    close(fd[0]);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void statuses(void **state) {
    (void)state;
    assert_int_equal(run(ARGV("true"), -1, -1, -1), 0);
    assert_int_equal(child.pidfd, -1);
    assert_int_equal(run(ARGV("sh", "-c", "exit 7"), -1, -1, -1), 7);
    assert_int_equal(run(ARGV("sh", "-c", "kill -KILL $$"), -1, -1, -1), 128 + SIGKILL);
    assert_int_equal(run(ARGV("sh", "-c", "kill -PIPE $$"), -1, -1, -1), 128 + SIGPIPE);
}

static void exec_fails(void **state) {
    (void)state;
    assert_int_equal(run(ARGV("/nonexistent/program"), -1, -1, -1), -ENOENT);
    assert_string_equal(err.msg, "/nonexistent/program: no such file or directory");
    assert_string_equal(err.op, "exec");
    assert_int_equal(run(ARGV("no-program-of-this-name"), -1, -1, -1), -ENOENT);
    assert_int_equal(run(ARGV("/dev/null"), -1, -1, -1), -EACCES);
    assert_int_equal(run(ARGV("/dev/null/x"), -1, -1, -1), -ENOTDIR);
    assert_int_equal(child.pidfd, -1);
    sk_child_end(&child); /* nothing to end */
}

static void only_three_descriptors(void **state) {
    (void)state;
    int leaked = dup(0);                                                      /* without CLOEXEC */
    assert_string_equal(output(ARGV("ls", "/proc/self/fd")), "0\n1\n2\n3\n"); /* 3: of ls, the directory */
    close(leaked);
}

static void descriptors_cross(void **state) {
    (void)state;
    int saved[3], fd[2];
    char text[64] = { 0 };
    open_pair(fd);
    fflush(NULL);
    for (int i = 0; i < 3; i++)
        saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
    dup2(fd[1], 1);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, 2);
    /* Ours 1 becomes theirs 2, ours 2 theirs 1: neither may be overwritten before it is copied. */
    int status = run(ARGV("sh", "-c", "echo out; echo err >&2"), -1, 2, 1);
    for (int i = 0; i < 3; i++) {
        dup2(saved[i], i);
        close(saved[i]);
    }
    close(null);
    assert_int_equal(status, 0);
    assert_int_equal(recv(fd[0], text, sizeof text - 1, 0), 4);
    assert_string_equal(text, "err\n");
    close_pair(fd);
}

/* A row of a child's /proc/self/status, without what glibc and real time use. (A shell would change its own mask.) */
static unsigned long in_child(const char *row) {
    const char *text = strstr(output(ARGV("cat", "/proc/self/status")), row);
    return text ? strtoul(text + strlen(row), NULL, 16) & 0x7fffffff : 0;
}

static unsigned long bit(int number) { return 1UL << (number - 1); }

static void block(int number) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_SETMASK, &set, NULL);
}

static void dispositions_in_process(void) {
    signal(SIGHUP, SIG_IGN);
    block(SIGUSR2);
    sk_wake_init();
    block(SIGUSR1); /* ours for a moment, not the child's */
    /* As when we started: not PIPE, which only we ignore. */
    _exit(in_child("SigBlk:") != bit(SIGUSR2) || in_child("SigIgn:") != bit(SIGHUP));
}

static void pipe_ignored_in_process(void) {
    signal(SIGPIPE, SIG_IGN);
    sk_wake_init();
    _exit(in_child("SigIgn:") != bit(SIGPIPE));
}

static void dispositions(void **state) {
    (void)state;
    struct sigaction before[65]; /* what the test was started with must not count */
    for (int i = 1; i < 32; i++)
        sigaction(i, &(struct sigaction){ .sa_handler = SIG_DFL }, &before[i]);
    assert_int_equal(in_process(dispositions_in_process), 0);
    assert_int_equal(in_process(pipe_ignored_in_process), 0);
    for (int i = 1; i < 32; i++)
        sigaction(i, &before[i], NULL);
}

static void limits_in_process(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 77;
    setrlimit(RLIMIT_NOFILE, &limit);
    sk_fd_raise_limit();
    int same = strcmp(output(ARGV("sh", "-c", "ulimit -Sn")), "77\n");
    getrlimit(RLIMIT_NOFILE, &limit);
    _exit(same != 0 || limit.rlim_cur != limit.rlim_max);
}

static void descriptor_limit(void **state) {
    (void)state;
    assert_int_equal(in_process(limits_in_process), 0);
}

static void wait_ends(void **state) {
    (void)state;
    int status = -5;
    assert_int_equal(sk_child_start(&child, ARGV("sleep", "1000"), -1, -1, -1, &err), 0);
    assert_int_equal(how(sk_child_wait(&child, &status, SK_NOWAIT, &err), &err), -EAGAIN);
    assert_int_equal(how(sk_child_wait(&child, &status, sk_after(5 * SK_MS), &err), &err), TIMEOUT);
    raise(SIGTERM);
    assert_int_equal(how(sk_child_wait(&child, &status, SK_NEVER, &err), &err), CANCELED);
    assert_int_equal(status, -5);
    assert_return_code(kill(child.pid, 0), errno); /* it lives on */
    sk_time start = sk_now();
    sk_child_end(&child); /* although cancelled, and TERM is enough */
    assert_true(seconds_since(start) < 5);
    assert_int_equal(kill(child.pid, 0), -1);
    assert_int_equal(child.pidfd, -1);
}

static void stubborn(void **state) {
    (void)state;
    int fd[2];
    char c;
    assert_return_code(pipe2(fd, O_CLOEXEC), errno);
    assert_int_equal(sk_child_start(&child, ARGV("sh", "-c", "trap '' TERM; echo; while :; do sleep 0.01; done"), -1,
                                    fd[1], -1, &err),
                     0);
    close(fd[1]);
    assert_int_equal(read(fd[0], &c, 1), 1); /* the trap is set */
    sk_time start = sk_now();
    sk_child_end(&child);
    assert_true(seconds_since(start) >= 0.19 && seconds_since(start) < 10);
    assert_int_equal(kill(child.pid, 0), -1);
    close(fd[0]);
}

static void stopped(void **state) {
    (void)state;
    assert_int_equal(sk_child_start(&child, ARGV("sleep", "1000"), -1, -1, -1, &err), 0);
    kill(child.pid, SIGSTOP);
    sk_time start = sk_now();
    sk_child_end(&child);
    assert_true(seconds_since(start) < 5);
    assert_int_equal(kill(child.pid, 0), -1);
}

/* A shell dies by TERM and lets its commands live on. */
static void grandchildren(void **state) {
    (void)state;
    static const char *const commands[] = { "sleep 1000 & echo; wait", "trap '' TERM; sleep 1000 & echo; wait" };
    for (size_t i = 0; i < COUNT(commands); i++) {
        int fd[2];
        char c;
        assert_return_code(pipe2(fd, O_CLOEXEC), errno);
        char *text = (char *)(uintptr_t)commands[i];
        assert_int_equal(sk_child_start(&child, ARGV("sh", "-c", text), -1, fd[1], -1, &err), 0);
        close(fd[1]);
        assert_int_equal(read(fd[0], &c, 1), 1);
        sk_child_end(&child);
        struct pollfd end = { .fd = fd[0], .events = POLLIN };
        assert_int_equal(poll(&end, 1, 5000), 1);
        assert_int_equal(read(fd[0], &c, 1), 0); /* nobody has the other end any more */
        close(fd[0]);
    }
}

/* Ended while it starts its command: the command ends with it, wherever in vfork(2) and exec that was. */
static void grandchild_in_the_making(void **state) {
    (void)state;
    for (long ns = 0; ns < 3000000; ns += 30000) {
        int fd[2];
        char c;
        assert_return_code(pipe2(fd, O_CLOEXEC), errno);
        assert_int_equal(sk_child_start(&child, ARGV("sh", "-c", "sleep 1000; true"), -1, fd[1], -1, &err), 0);
        close(fd[1]);
        nanosleep(&(struct timespec){ .tv_nsec = ns }, NULL);
        sk_child_end(&child);
        struct pollfd end = { .fd = fd[0], .events = POLLIN };
        assert_int_equal(poll(&end, 1, 5000), 1);
        assert_int_equal(read(fd[0], &c, 1), 0);
        close(fd[0]);
    }
}

static int sleeps_in_child(void *arg) {
    struct sk_child mine;
    struct sk_err e;
    int status = -1;
    if (sk_child_start(&mine, ARGV("sh", "-c", arg), -1, -1, -1, &e) < 0)
        return how(-1, &e);
    int end = how(sk_child_wait(&mine, &status, SK_NEVER, &e), &e);
    sk_child_end(&mine);
    return end < 0 ? end : status;
}

static void many_at_once(void **state) {
    (void)state;
    struct sk_task *tasks[10];
    for (size_t i = 0; i < COUNT(tasks); i++)
        tasks[i] = spawn(sleeps_in_child, i % 2 ? "sleep 0.02; exit 5" : "exec sleep 1000");
    for (size_t i = 1; i < COUNT(tasks); i += 2)
        assert_int_equal(join(tasks[i]), 5);
    sk_time start = sk_now();
    for (size_t i = 0; i < COUNT(tasks); i += 2)
        sk_cancel(tasks[i]);
    for (size_t i = 0; i < COUNT(tasks); i += 2)
        assert_int_equal(join(tasks[i]), CANCELED);
    assert_true(seconds_since(start) < 5);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* none is left */
    assert_int_equal(errno, ECHILD);
}

static void no_descriptor_left(void **state) {
    (void)state;
    struct rlimit limit, tight;
    getrlimit(RLIMIT_NOFILE, &limit);
    int next = dup(0);
    close(next);
    tight = (struct rlimit){ (rlim_t)next, limit.rlim_max };
    setrlimit(RLIMIT_NOFILE, &tight);
    int end = how(sk_child_start(&child, ARGV("true"), -1, -1, -1, &err), &err);
    setrlimit(RLIMIT_NOFILE, &limit);
    assert_int_equal(end, -EMFILE);
    assert_string_equal(err.op, "pidfd_open");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

int main(void) {
    sk_wake_init();
    const struct CMUnitTest tests[] = {
        BOTH(statuses),
        ALONE(exec_fails),
        ALONE(only_three_descriptors),
        ALONE(descriptors_cross),
        ALONE(dispositions),
        ALONE(descriptor_limit),
        BOTH(wait_ends),
        BOTH(stubborn),
        BOTH(stopped),
        BOTH(grandchildren),
        BOTH(grandchild_in_the_making),
        ALONE(many_at_once),
        ALONE(no_descriptor_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
