/* Writing to descriptors that were lent: full, closed, gone, slow; their flags stay as they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "out/out.h"
#include "run/fd.h"
#include "run/task.h"
#include "run/wait.h"

enum { LOTS = 3 * 1024 * 1024 + 17 };

static unsigned char *pattern(void) {
    static unsigned char *p;
    if (!p) {
        p = malloc(LOTS);
        for (size_t i = 0; i < LOTS; i++)
            p[i] = (unsigned char)(i * 7 + i / 251);
    }
    return p;
}

/* The reader is another process that looks at every byte; its status tells how many were right. */
static pid_t reader(int fd, int other, size_t most) {
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    close(other);
    unsigned char piece[5000];
    size_t at = 0;
    ssize_t n;
    while (at < most && (n = read(fd, piece, sizeof piece)) > 0) {
        if (memcmp(piece, pattern() + at, (size_t)n) != 0)
            _exit(1);
        at += (size_t)n;
    }
    _exit(at == LOTS ? 0 : 2);
}

static int status_of(pid_t pid) {
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* All of it arrives through a descriptor whose buffer is smaller, in that way, and the flags of the lent one stay. */
static void carry(int ends[2], enum out_way first) {
    struct out o;
    struct sk_err err = { 0 };
    size_t written;
    int flags = fcntl(ends[1], F_GETFL);
    pid_t pid = reader(ends[0], ends[1], LOTS);
    close(ends[0]);
    out_init(&o, ends[1], false);
    o.way = first;
    if (out_write(&o, pattern(), LOTS, &written, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(written, LOTS);
    assert_int_equal(o.written, LOTS);
    assert_int_equal(fcntl(ends[1], F_GETFL), flags);
    assert_int_equal(flags & O_NONBLOCK, 0);
    out_done(&o);
    close(ends[1]);
    assert_int_equal(status_of(pid), 0);
}

static void pipes(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    carry(ends, OUT_NOWAIT);
    assert_int_equal(pipe(ends), 0);
    carry(ends, OUT_POLLED);
}

static void sockets(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    carry(ends, OUT_NOWAIT);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    carry(ends, OUT_SEND);
}

/* A terminal gets a description of our own: the lent one stays blocking. */
static void terminals(void **state) {
    (void)state;
    int ends[2];
    struct out o;
    struct termios raw;
    assert_int_equal(openpty(&ends[0], &ends[1], NULL, NULL, NULL), 0);
    tcgetattr(ends[1], &raw);
    cfmakeraw(&raw);
    tcsetattr(ends[1], TCSANOW, &raw);
    out_init(&o, ends[1], false);
    assert_int_equal(out_write(&o, "hello", 5, NULL, NULL), 0);
    assert_int_equal(o.way, OUT_OWN);
    assert_int_equal(fcntl(o.own, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    char got[8];
    assert_int_equal(read(ends[0], got, sizeof got), 5);
    out_done(&o);
    close(ends[0]);
    close(ends[1]);
}

static void files(void **state) {
    (void)state;
    struct out o;
    int fd = memfd_create("file", MFD_CLOEXEC);
    out_init(&o, fd, false);
    assert_int_equal(out_write(&o, pattern(), LOTS, NULL, NULL), 0);
    void *map = mmap(NULL, LOTS, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_memory_equal(map, pattern(), LOTS);
    munmap(map, LOTS);
    out_done(&o);
    close(fd);
}

static void full(void **state) {
    (void)state;
    struct out o;
    struct sk_err err;
    size_t written = 7;
    int saved = dup(STDOUT_FILENO), fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    dup2(fd, STDOUT_FILENO);
    out_init(&o, STDOUT_FILENO, false);
    int rc = out_write(&o, "x", 1, &written, &err);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(fd);
    assert_int_equal(rc, -1);
    assert_int_equal(written, 0);
    assert_string_equal(err.msg, "write stdout: no space left on device");
    assert_int_equal(err.code, ENOSPC);
    assert_int_equal(sk_err_status(&err), 3);
    assert_false(out_gone(&err));
    out_done(&o);
}

static void closed_at_start(void **state) {
    (void)state;
    struct out o;
    struct sk_err err;
    out_init(&o, STDOUT_FILENO, true);
    assert_int_equal(out_write(&o, "", 0, NULL, &err), 0);
    assert_int_equal(out_write(&o, "x", 1, NULL, &err), -1);
    assert_string_equal(err.msg, "stdout is closed");
    assert_int_equal(sk_err_status(&err), 3);
    out_done(&o);
}

/* The reader takes a little and goes: what it took is known, and the failure is the quiet one. */
static void gone(void **state) {
    (void)state;
    int ends[2];
    struct out o;
    struct sk_err err;
    size_t written;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = reader(ends[0], ends[1], 5000);
    close(ends[0]);
    out_init(&o, ends[1], false);
    assert_int_equal(out_write(&o, pattern(), LOTS, &written, &err), -1);
    assert_true(out_gone(&err));
    assert_int_equal(sk_err_status(&err), 141);
    assert_true(written >= 5000 && written < LOTS);
    assert_int_equal(status_of(pid), 2);
    out_done(&o);
    close(ends[1]);
}

/* ---- With tasks: nobody waits for a slow reader but the writer ---- */

struct job {
    struct out *out;
    char letter;
    struct sk_err err;
    size_t written;
};

static int write_letters(void *arg) {
    struct job *job = arg;
    size_t n = 200000;
    char *p = malloc(n);
    memset(p, job->letter, n);
    int rc = out_write(job->out, p, n, &job->written, &job->err);
    free(p);
    return rc;
}

/* A piece is not torn by another one. */
static void pieces_stay_whole(void **state) {
    (void)state;
    int ends[2], result;
    struct sk_scope scope;
    struct out o;
    struct job jobs[3];
    struct sk_task *tasks[3];
    assert_int_equal(pipe(ends), 0);
    out_init(&o, ends[1], false);
    sk_scope_init(&scope);
    for (int i = 0; i < 3; i++) {
        jobs[i] = (struct job){ .out = &o, .letter = (char)('a' + i) };
        tasks[i] = sk_spawn(&scope, "writer", write_letters, &jobs[i], NULL);
        assert_non_null(tasks[i]);
    }
    char piece[4096];
    int changes = 0, last = 0;
    for (size_t at = 0; at < 600000;) {
        assert_true(sk_wait(ends[0], POLLIN, "read", sk_after(5 * SK_SECOND), NULL) > 0);
        ssize_t n = read(ends[0], piece, sizeof piece);
        assert_true(n > 0);
        for (ssize_t k = 0; k < n; k++) {
            changes += piece[k] != last;
            last = piece[k];
        }
        at += (size_t)n;
    }
    assert_int_equal(changes, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sk_task_join(tasks[i], &result, sk_after(5 * SK_SECOND), NULL), 0);
        assert_int_equal(result, 0);
    }
    sk_scope_done(&scope);
    out_done(&o);
    sk_fd_close(ends[0], NULL);
    sk_fd_close(ends[1], NULL);
}

static void cancelled(void **state) {
    (void)state;
    int ends[2], result;
    struct sk_scope scope;
    struct out o;
    struct job job = { .out = &o, .letter = 'x' };
    assert_int_equal(pipe(ends), 0);
    out_init(&o, ends[1], false);
    sk_scope_init(&scope);
    struct sk_task *task = sk_spawn(&scope, "writer", write_letters, &job, NULL);
    assert_non_null(task);
    assert_true(sk_wait(ends[0], POLLIN, "read", sk_after(5 * SK_SECOND), NULL) > 0);
    sk_cancel(task);
    assert_int_equal(sk_task_join(task, &result, sk_after(5 * SK_SECOND), NULL), 0);
    assert_int_equal(result, -1);
    assert_int_equal(job.err.kind, SK_CANCELED);
    assert_int_equal(job.written, 65536);
    sk_scope_done(&scope);
    out_done(&o);
    sk_fd_close(ends[0], NULL);
    sk_fd_close(ends[1], NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipes),     cmocka_unit_test(sockets),
        cmocka_unit_test(terminals), cmocka_unit_test(files),
        cmocka_unit_test(full),      cmocka_unit_test(closed_at_start),
        cmocka_unit_test(gone),      cmocka_unit_test(pieces_stay_whole),
        cmocka_unit_test(cancelled),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
