#include "run/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/fd.h"
#include "run/loop.h"
#include "run/wait.h"
#include "run/wake.h"

/* What becomes descriptors 0, 1 and 2 of the child; a source that is itself one of them, but another, is copied first:
 * `spare`. */
struct streams {
    int from[3], spare[3];
};

static int streams_open(struct streams *streams) {
    for (int i = 0; i < 3; i++) {
        int fd = streams->from[i];
        if (fd < 0 || fd > 2 || fd == i)
            continue;
        streams->from[i] = streams->spare[i] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (streams->from[i] < 0)
            return errno;
    }
    return 0;
}

static void streams_close(struct streams *streams) {
    for (int i = 0; i < 3; i++)
        if (streams->spare[i] >= 0)
            close(streams->spare[i]);
}

/* posix_spawnp(3) with all that a child of ours is promised. Returns 0 or an errno. */
static int start(pid_t *pid, char *const argv[], const struct streams *streams) {
    extern char **environ;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int error = posix_spawn_file_actions_init(&actions);
    if (error)
        return error;
    if ((error = posix_spawnattr_init(&attr)))
        goto actions;
    for (int i = 0; i < 3 && !error; i++)
        if (streams->from[i] >= 0)
            error = posix_spawn_file_actions_adddup2(&actions, streams->from[i], i);
    if (!error)
        error = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    if (!error)
        error = sk_wake_spawnattr(&attr);
    if (!error) {
        sk_fd_limit(false); /* of ours, for a moment: it cannot be set for the child before exec */
        error = posix_spawnp(pid, argv[0], &actions, &attr, argv, environ);
        sk_fd_limit(true);
    }
    posix_spawnattr_destroy(&attr);
actions:
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* pidfd_open(2): CLOEXEC by nature. */
static int open_handle(pid_t pid) {
    int fd;
    do
        fd = pidfd_open(pid, 0);
    while (fd < 0 && errno == EINTR);
    return fd;
}

int sk_child_start(struct sk_child *child, char *const argv[], int in, int out, int error, struct sk_err *err) {
    struct streams streams = { .from = { in, out, error }, .spare = { -1, -1, -1 } };
    *child = (struct sk_child){ .pidfd = -1 };
    int place = open_handle(getpid()); /* for the child's: better not to start it than to have no handle */
    if (place < 0)
        return sk_fail_sys(err, errno, "pidfd_open", NULL);
    int failed = streams_open(&streams);
    if (!failed)
        failed = start(&child->pid, argv, &streams);
    streams_close(&streams);
    close(place);
    if (failed)
        return sk_fail_sys(err, failed, "exec", "%s", argv[0]);
    child->pidfd = open_handle(child->pid);
    if (child->pidfd >= 0)
        return 0;
    failed = errno;
    kill(child->pid, SIGKILL);
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return sk_fail_sys(err, failed, "pidfd_open", NULL);
}

int sk_child_wait(struct sk_child *child, int *status, sk_time deadline, struct sk_err *err) {
    for (;;) {
        siginfo_t info = { 0 };
        if (waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED | WNOHANG) < 0 && errno != EINTR)
            return sk_fail_sys(err, errno, "waitid", NULL);
        if (info.si_pid != 0) {
            *status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
            sk_fd_close(child->pidfd, NULL);
            child->pidfd = -1;
            return 0;
        }
        if (sk_wait(child->pidfd, POLLIN, "waitid", deadline, err) < 0)
            return -1;
    }
}

/* ---- ending ---- */

/* What a child has started itself. Killing a shell leaves its commands alone, so they are ended with it. */
struct kin {
    int pidfds[64];
    size_t count;
};

/* The text of /proc/PID/NAME, empty when it is gone. */
static void read_proc(pid_t pid, const char *name, char *text, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
    sk_fd_close(fd, NULL);
    text[n > 0 ? n : 0] = '\0';
}

/* Stopped, it starts nothing while its children are read: a shell that TERM meets in vfork(2) leaves a command behind.
 */
static void stop(int pidfd, pid_t pid) {
    char text[512];
    pidfd_send_signal(pidfd, SIGSTOP, NULL, 0);
    do {
        read_proc(pid, "stat", text, sizeof text);
        const char *state = strrchr(text, ')'); /* proc(5): "PID (NAME) STATE ..." */
        if (!state || strchr("TtZX", state[2]))
            return;
    } while (sk_sleep_until(sk_after(SK_MS / 10), "waitid", NULL) == 0); /* the shield ends it */
}

static void add_children(struct kin *kin, pid_t pid) {
    char name[32], line[1024];
    snprintf(name, sizeof name, "task/%d/children", (int)pid);
    read_proc(pid, name, line, sizeof line);
    char *end = line;
    for (long one; kin->count < sizeof kin->pidfds / sizeof *kin->pidfds && (one = strtol(end, &end, 10)) > 0;) {
        int pidfd = open_handle((pid_t)one);
        if (pidfd < 0)
            continue;
        kin->pidfds[kin->count++] = pidfd;
        stop(pidfd, (pid_t)one);
        add_children(kin, (pid_t)one);
    }
}

static void terminate(int pidfd) {
    pidfd_send_signal(pidfd, SIGTERM, NULL, 0);
    pidfd_send_signal(pidfd, SIGCONT, NULL, 0); /* a stopped one does not hear TERM */
}

/* It did not hear TERM: it, and what it has started since. */
static void kill_child(struct sk_child *child, struct kin *kin) {
    sk_shield();
    stop(child->pidfd, child->pid);
    add_children(kin, child->pid);
    sk_unshield();
    for (size_t i = 0; i < kin->count; i++)
        pidfd_send_signal(kin->pidfds[i], SIGKILL, NULL, 0);
    pidfd_send_signal(child->pidfd, SIGKILL, NULL, 0);
    int rc = -1;
    for (int i = 0; rc < 0 && i < 5; i++) { /* a second, unless the kernel holds it longer */
        sk_shield();
        rc = sk_wait(child->pidfd, POLLIN, "waitid", SK_NEVER, NULL);
        sk_unshield();
    }
    waitid(P_PIDFD, (id_t)child->pidfd, &(siginfo_t){ 0 }, WEXITED | WNOHANG);
    sk_fd_close(child->pidfd, NULL);
    child->pidfd = -1;
}

void sk_child_end(struct sk_child *child) {
    struct kin kin = { .count = 0 };
    int status;
    if (child->pidfd < 0)
        return;
    sk_shield();
    stop(child->pidfd, child->pid);
    add_children(&kin, child->pid);
    terminate(child->pidfd);
    for (size_t i = 0; i < kin.count; i++)
        terminate(kin.pidfds[i]);
    int rc = sk_child_wait(child, &status, SK_NEVER, NULL);
    for (size_t i = 0; rc == 0 && i < kin.count; i++)
        if (sk_wait(kin.pidfds[i], POLLIN, "waitid", SK_NEVER, NULL) < 0)
            pidfd_send_signal(kin.pidfds[i], SIGKILL, NULL, 0);
    sk_unshield();
    if (rc < 0)
        kill_child(child, &kin);
    for (size_t i = 0; i < kin.count; i++)
        sk_fd_close(kin.pidfds[i], NULL);
}
