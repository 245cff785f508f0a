/* Where results leave the language: files and shell commands. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lang/collect.h"
#include "lang/run.h"
#include "lang/words.h"
#include "run/fd.h"
#include "run/task.h"

/* It is the program that cannot be run, not the system that cannot start another. */
static bool is_of_program(const struct sk_err *err) {
    return err->kind == SK_SYS && strcmp(err->op, "exec") == 0 && err->code != EAGAIN && err->code != ENOMEM &&
           err->code != EMFILE && err->code != ENFILE;
}

static int spawn_shell(struct frame *f, struct sk_child *child, const char *text, int in, struct sk_err *err) {
    const char *own = f->style == STYLE_SHELL ? f->host->env("SHELL") : NULL;
    char *argv[] = { sk_strdup(own != NULL ? own : "/bin/sh"), sk_strdup("-c"), sk_strdup(text), NULL };
    int rc = f->host->spawn(child, argv, in, -1, err);
    for (int i = 0; argv[i] != NULL; i++)
        free(argv[i]);
    if (rc < 0 && is_of_program(err))
        return sk_fail(err, SK_SHELL, err->code == ENOENT ? 127 : 126, "exec", "the shell could not be started: %s",
                       strerror(err->code));
    return rc;
}

/* Cancelled: what reads a pipe whose other end is closed by now has a moment to pass on what it got. */
static void let_finish(struct sk_child *child) {
    int status;
    sk_shield();
    sk_child_wait(child, &status, SK_NEVER, NULL);
    sk_unshield();
}

/* Wait for a shell command without an end of its own: Ctrl-C reaches it by the terminal, and us through the wait. */
static int wait_shell(struct sk_child *child, struct sk_err *err) {
    int status;
    if (sk_child_wait(child, &status, SK_NEVER, err) < 0) {
        sk_child_end(child);
        return -1;
    }
    return status == 0 ? 0 : sk_fail(err, SK_SHELL, status, "sh", "shell command exited %d", status);
}

static int run_shell(struct call *c) {
    struct sk_child child = { .pid = -1, .pidfd = -1 };
    if (spawn_shell(c->frame, &child, c->args[0].u.s.p, -1, &c->err) < 0)
        return -1;
    return wait_shell(&child, &c->err);
}

const struct command shell_command = {
    .name = "!", .summary = "run a shell command", .result = R_STATUS, .run = run_shell
};

static int open_file(struct outlet *o, struct call *c, const char *path, bool append) {
    int mode = c->cmd->flags & PRIVATE ? 0600 : 0666;
    o->fd = c->frame->host->open(path, O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC), mode, c->deadline, &c->err);
    return o->fd < 0 ? -1 : 0;
}

/* -o before the command is one file for all that follows; -o of a command is its own. */
static int open_output(struct outlet *o, struct call *c) {
    struct frame *top = frame_top(c->frame);
    bool common = c->opt->output == top->defaults.output;
    int rc = open_file(o, c, c->opt->output, common && top->output_begun);
    top->output_begun = top->output_begun || (common && rc == 0);
    return rc;
}

static int open_redirect(struct outlet *o, struct call *c, const struct step *st) {
    const char *path;
    size_t n;
    if (word_bytes(c->frame, c->scratch, &st->redirect, false, &path, &n, &c->err) < 0)
        return -1;
    if (n == 0 || memchr(path, '\0', n) != NULL)
        return sk_fail_usage(&c->err, "the file name after '>' is empty or has a NUL");
    return open_file(o, c, path, st->append);
}

static int open_pipe(struct outlet *o, struct call *c, const char *text) {
    int ends[2];
    while (pipe2(ends, O_CLOEXEC) < 0)
        if (errno != EINTR)
            return sk_fail_sys(&c->err, errno, "pipe", NULL);
    o->fd = ends[1];
    int rc = spawn_shell(c->frame, &o->child, text, ends[0], &c->err);
    sk_fd_close(ends[0], NULL);
    o->piped = rc == 0;
    if (rc < 0)
        sk_fd_close(o->fd, NULL);
    return rc;
}

int outlet_open(struct outlet *o, struct call *c, const struct step *st) {
    int rc;
    *o = (struct outlet){ .fd = -1, .child = { .pid = -1, .pidfd = -1 } };
    if (st->pipe != NULL)
        rc = open_pipe(o, c, st->pipe);
    else if (st->redirect.p != NULL)
        rc = open_redirect(o, c, st);
    else if (c->opt->output != NULL && strcmp(c->opt->output, "-") != 0)
        rc = open_output(o, c);
    else
        return 0;
    if (rc == 0)
        o->sink = c->frame->host->sink(c->frame, o->fd, c->opt->format);
    return rc;
}

int outlet_close(struct outlet *o, bool ok, struct sk_err *err) {
    if (o->sink == NULL)
        return 0;
    sink_free(o->sink);
    o->sink = NULL;
    int rc = sk_fd_close(o->fd, ok ? err : NULL);
    if (!ok)
        rc = 0;
    if (!o->piped)
        return rc;
    bool unread = !ok && err->kind == SK_SHELL && err->code == 128 + SIGPIPE;
    struct sk_err ended;
    if (sk_canceled())
        let_finish(&o->child);
    int shell = o->child.pidfd < 0 ? 0 : wait_shell(&o->child, &ended);
    if (shell < 0 && rc == 0 && (ok || unread)) {
        *err = ended;
        return -1;
    }
    return rc == 0 && unread && shell >= 0 ? OUTLET_ENOUGH : rc;
}
