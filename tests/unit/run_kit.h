/* What the tests of run/ share. A task must not use cmocka's asserts, which jump to the stack of main: it returns what
 * it saw. */
#ifndef RUN_KIT_H
#define RUN_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/chaos.h"
#include "run/context.h"
#include "run/fd.h"
#include "run/sync.h"
#include "run/task.h"
#include "run/wait.h"
#include "run/wake.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define US       INT64_C(1000)

static struct sk_err err;     /* of main */
static struct sk_scope scope; /* of the test; set up and left by the fixtures */
static struct sk_scope company;

static inline void open_pair(int fd[2]) {
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), errno);
}

static inline void close_pair(const int fd[2]) {
    sk_fd_close(fd[0], NULL);
    sk_fd_close(fd[1], NULL);
}

static inline struct sk_task *spawn(int (*fn)(void *), void *arg) {
    struct sk_task *task = sk_spawn(&scope, "test", fn, arg, &err);
    assert_non_null(task);
    return task;
}

static inline int join(struct sk_task *task) {
    int result = -1000;
    assert_int_equal(sk_task_join(task, &result, sk_after(20 * SK_SECOND), &err), 0);
    return result;
}

/* How a wait ended, in one number: 0 or more as it is, failures as their kind, system errors as minus errno. */
static inline int how(int result, const struct sk_err *e) {
    return result >= 0 ? result : e->kind == SK_SYS ? -e->code : -1000 - (int)e->kind;
}
#define TIMEOUT  (-1000 - (int)SK_TIMEOUT)
#define CANCELED (-1000 - (int)SK_CANCELED)

static inline int sleeper(void *arg) /* for *(sk_time *)arg, or for ever */
{
    struct sk_err e;
    return how(sk_sleep_until(arg ? sk_after(*(sk_time *)arg) : SK_NEVER, "sleep", &e), &e);
}

static inline double seconds_since(sk_time start) { return (double)(sk_now() - start) / (double)SK_SECOND; }

static inline int scope_setup(void **state) {
    (void)state;
    sk_scope_init(&scope);
    return 0;
}

static inline int scope_teardown(void **state) {
    (void)state;
    sk_chaos(0);
    sk_chaos_cancel(false);
    sk_scope_done(&scope);
    sk_scope_done(&company);
    sk_context_trim();
    sk_uncancel();
    return 0;
}

/* A test alone, and once more with another task that sleeps: waits then take the other way, through epoll. */
static inline int company_setup(void **state) {
    scope_setup(state);
    return sk_spawn(&company, "company", sleeper, NULL, NULL) ? 0 : -1;
}
#define ALONE(f)                                                                                                       \
    { #f " alone", f, scope_setup, scope_teardown, NULL }
#define IN_COMPANY(f)                                                                                                  \
    { #f " in company", f, company_setup, scope_teardown, NULL }
#define BOTH(f) ALONE(f), IN_COMPANY(f)

/* Run fn in a child process; returns its status as waitpid(2) does. */
static inline int in_process(void (*fn)(void)) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        fn();
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

#endif
