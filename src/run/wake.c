#include "run/wake.h"

#include <errno.h>
#include <linux/time_types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "run/loop.h"

#ifdef SYS_ppoll_time64 /* where a long has 32 bits, ppoll(2) takes another struct */
#define PPOLL SYS_ppoll_time64
#else
#define PPOLL SYS_ppoll
#endif

volatile sig_atomic_t sk_wake_pending;
static volatile sig_atomic_t last_signal, heard;
static volatile sk_time last_interrupt;
static bool pipe_was_ignored, size_was_ignored;
static sigset_t mask; /* as we were started */

/* The time that the wait in progress, or about to begin, was given. The kernel reads it at entry, so a handler that
 * runs before can still shorten it; one that runs later interrupts the call. (glibc's ppoll passes a copy, therefore
 * the system calls are made directly.) */
static volatile struct __kernel_timespec patience;

static void on_signal(int number) {
    sk_time now = sk_now();
    if (number == SIGINT) {
        if (last_signal == SIGINT && !heard && now - last_interrupt < SK_SECOND) {
            signal(SIGINT, SIG_DFL);
            raise(SIGINT); /* delivered when this handler returns */
        }
        last_interrupt = now;
    }
    last_signal = number;
    heard = false;
    sk_wake_pending = true;
    patience.tv_sec = 0;
    patience.tv_nsec = 0;
}

/* Install a handler; true when the signal was ignored before. */
static bool handle(int number, const struct sigaction *action) {
    struct sigaction old;
    return sigaction(number, action, &old) == 0 && old.sa_handler == SIG_IGN;
}

void sk_wake_init(void) {
    struct sigaction catch = { .sa_handler = on_signal };
    const struct sigaction ignore = { .sa_handler = SIG_IGN }, by_default = { .sa_handler = SIG_DFL };
    sigemptyset(&catch.sa_mask);
    sigaddset(&catch.sa_mask, SIGINT);
    sigaddset(&catch.sa_mask, SIGTERM);
    sigaddset(&catch.sa_mask, SIGHUP);
    sigprocmask(SIG_SETMASK, NULL, &mask);
    if (handle(SIGINT, &catch)) /* as in `command &`: it stays ignored */
        handle(SIGINT, &ignore);
    if (handle(SIGHUP, &catch)) /* under nohup */
        handle(SIGHUP, &ignore);
    handle(SIGTERM, &catch);
    pipe_was_ignored = handle(SIGPIPE, &ignore);
    size_was_ignored = handle(SIGXFSZ, &ignore);
    handle(SIGCHLD, &by_default); /* ignored, it would make the kernel throw exit statuses away */
}

int sk_wake_signal(void) { return last_signal; }

void sk_wake_take(void) {
    sk_wake_pending = false;
    sk_cancel(sk_task_main());
}

void sk_wake_heard(void) { heard = true; }

void sk_wake_forget(void) {
    sk_wake_pending = false;
    last_signal = 0;
}

static struct __kernel_timespec *set_patience(sk_time deadline) {
    sk_time left = sk_context_slice(sk_left(deadline));
    patience.tv_sec = left / SK_SECOND; /* SK_NEVER is 292 years */
    patience.tv_nsec = left % SK_SECOND;
    if (sk_wake_pending) { /* came before, or between the two stores */
        patience.tv_sec = 0;
        patience.tv_nsec = 0;
    }
    return (struct __kernel_timespec *)(uintptr_t)&patience;
}

int sk_wake_ppoll(struct pollfd *fds, size_t count, sk_time deadline) {
    return (int)syscall(PPOLL, fds, count, set_patience(deadline), NULL, (size_t)0);
}

int sk_wake_epoll(int epoll, struct epoll_event *events, int max, sk_time deadline) {
    static bool lacking;
    if (!lacking) {
        int n = (int)syscall(SYS_epoll_pwait2, epoll, events, max, set_patience(deadline), NULL, (size_t)0);
        if (n >= 0 || errno != ENOSYS)
            return n;
        lacking = true; /* Linux before 5.11, valgrind */
    }
    struct pollfd ready = { .fd = epoll, .events = POLLIN };
    int n = sk_wake_ppoll(&ready, 1, deadline);
    return n > 0 ? epoll_wait(epoll, events, max, 0) : n;
}

int sk_wake_spawnattr(posix_spawnattr_t *attr) {
    /* What we catch becomes default by exec; what was ignored before us stays so; only these two were changed by us. */
    sigset_t restored;
    sigemptyset(&restored);
    if (!pipe_was_ignored)
        sigaddset(&restored, SIGPIPE);
    if (!size_was_ignored)
        sigaddset(&restored, SIGXFSZ);
    int error = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    if (!error)
        error = posix_spawnattr_setsigdefault(attr, &restored);
    return error ? error : posix_spawnattr_setsigmask(attr, &mask);
}
