/* The prompt: main waits for the terminal and for every socket while a line is being typed. */
#include "door/prompt.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/module.h"
#include "door/door.h"
#include "door/history.h"
#include "door/live.h"
#include "door/news.h"
#include "door/shell.h"
#include "door/tab.h"
#include "lang/job.h"
#include "lang/words.h"
#include "out/out.h"
#include "out/paint.h"
#include "run/fd.h"
#include "run/task.h"
#include "run/wait.h"

struct prompt {
    const struct shell_module *editor;
    struct frame *f;
    int signals; /* signalfd: SIGWINCH and SIGTSTP, while a line is typed */
    int ended;   /* eventfd: a job ended */
    sigset_t own, before;
    struct termios sane; /* the terminal as the user left it */
    struct news news;
    bool continued, shown;
    bool masked; /* `before` is what the process blocks outside */
};

static struct prompt *prompt; /* there is one terminal */

/* ---- What stands before the line ---- */

static const char *state_mark(const struct object *current, bool ended) {
    const struct sk_sock *s = current->u.sock;
    if (s->state == SK_ENDED || (s->state == SK_CONNECTED && (ended || current->ended)))
        return "eof";
    const char *state = sk_state_name(s);
    if (strcmp(state, "open") != 0)
        return state;
    return strcmp(s->layer->name, "plain") == 0 ? "" : "tls";
}

static size_t jobs_running(struct frame *f) {
    size_t count = 0;
    for (struct job *job = job_next(f, NULL); job != NULL; job = job_next(f, job))
        count += !job_done(job);
    return count;
}

/* `set prompt`: %n the current socket, %s its state, %% a percent sign; colours are told to the editor as such. */
static void own_prompt(const char *form, const char *name, const char *state, struct sk_buf *out) {
    for (const char *p = form; *p; p++) {
        size_t colour = *p == '\033' && p[1] == '[' ? 2 + strspn(p + 2, "0123456789;") : 0;
        if (*p == '%' && p[1]) {
            p++;
            if (*p == 'n' || *p == 's')
                sk_buf_add_str(out, *p == 'n' ? name : state, NULL);
            else
                sk_buf_add(out, *p == '%' ? p : p - 1, *p == '%' ? 1 : 2, NULL);
        } else if (colour && p[colour] == 'm') {
            sk_buf_printf(out, NULL, "\001%.*s\002", (int)colour + 1, p);
            p += colour;
        } else if ((unsigned char)*p >= ' ' && *p != 127) {
            sk_buf_add(out, p, 1, NULL);
        }
    }
}

void prompt_text(const struct frame *f, bool continued, bool ended, struct sk_buf *out) {
    struct frame *top = (struct frame *)(uintptr_t)f;
    const struct object *current = session_get(f->ses, f->current);
    const char *name = current != NULL ? current->name : "";
    const char *state = current != NULL && current->cls == O_SOCKET ? state_mark(current, ended) : "";
    size_t jobs = jobs_running(top);
    if (f->prompt[0] && !continued) {
        own_prompt(f->prompt, name, state, out);
        return;
    }
    sk_buf_printf(out, NULL, "sockctl%s%s%s%s", *name ? " " : "", name, *state ? " " : "", state);
    if (jobs > 0)
        sk_buf_printf(out, NULL, " [%zu]", jobs);
    sk_buf_add_str(out, !continued ? "> " : speaks_utf8(f->host) ? " …> " : " ...> ", NULL);
}

/* For the editor: NUL-terminated, in memory of the buffer. */
static const char *prompt_now(struct prompt *p, struct sk_buf *text) {
    prompt_text(p->f, p->continued, news_ended(&p->news, p->f->current), text);
    sk_buf_add(text, "", 1, NULL);
    return (const char *)sk_buf_data(text);
}

/* ---- The line and what is written meanwhile ---- */

static void hide(void) {
    if (prompt->shown)
        prompt->editor->clear();
}

static void unhide(void) {
    struct sk_buf text = { 0 };
    if (prompt->shown)
        prompt->editor->redraw(prompt_now(prompt, &text));
    sk_buf_done(&text);
}

/* Take the terminal, though Ctrl-C be typed meanwhile. A signal that ends the session does not wait. */
static bool take(void) {
    struct sk_err err;
    while (out_take(&err) < 0) {
        if (sk_wake_signal() != SIGINT)
            return false;
        sk_uncancel();
    }
    return true;
}

/* What a command made of the terminal stays (`! stty ...`), unless it ended by a signal: a program that crashed did not
 * clean up. */
static void repair(struct prompt *p) {
    if (p->f->status > 128)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &p->sane);
    else
        tcgetattr(STDIN_FILENO, &p->sane);
}

static void show(struct prompt *p) {
    struct sk_buf text = { 0 };
    bool taken = take();
    repair(p);
    sigprocmask(SIG_BLOCK, &p->own, &p->before);
    p->shown = p->masked = true;
    p->editor->show(prompt_now(p, &text));
    if (taken)
        out_give();
    sk_buf_done(&text);
}

static void unshow(struct prompt *p) {
    if (p->shown)
        p->editor->leave();
    p->shown = false;
    if (p->masked)
        sigprocmask(SIG_SETMASK, &p->before, NULL);
    p->masked = false;
}

static void say(struct prompt *p, const struct sk_buf *lines) {
    bool dim = paint_wanted(p->f, STDOUT_FILENO);
    const char *line = (const char *)sk_buf_data(lines), *end = line + lines->len;
    while (line < end) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        printf("%s%.*s%s\n", dim ? PAINT_DIM : "", (int)(newline - line), line, dim ? PAINT_END : "");
        line = newline + 1;
    }
    if (p->f->bell)
        putchar('\a');
    fflush(stdout);
}

static void tell_news(struct prompt *p) {
    struct sk_buf lines = { 0 };
    struct sk_err err;
    if (out_take(&err) < 0)
        return; /* cancelled: the next wait says so too */
    news_look(&p->news, p->f, &lines);
    if (lines.len > 0) {
        hide();
        say(p, &lines);
        unhide();
    }
    out_give();
    sk_buf_done(&lines);
}

/* ---- Waiting ---- */

static void job_ended(struct frame *f) {
    uint64_t one = 1;
    (void)f;
    if (write(prompt->ended, &one, sizeof one) < 0)
        return; /* full: it is ready anyway */
}

/* Ctrl-Z: the terminal is given back, and taken again when the shell that started us says so. */
static void suspend(struct prompt *p) {
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    p->editor->suspend(true);
    raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &stop, NULL); /* here we stop */
    sigprocmask(SIG_BLOCK, &stop, NULL);
    p->editor->suspend(false);
}

static void take_signals(struct prompt *p) {
    struct signalfd_siginfo info;
    bool taken = take();
    while (read(p->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGWINCH)
            p->editor->resized();
        else if (info.ssi_signo == SIGTSTP)
            suspend(p);
    }
    if (taken)
        out_give();
}

/* Until the terminal is readable: 1; -1 cancelled. */
static int wait_key(struct prompt *p, struct sk_err *err) {
    enum { KEYS, SIGNALS, JOBS, SOCKETS };
    for (;;) {
        sk_yield(); /* jobs read their sockets first */
        tell_news(p);
        size_t count = SOCKETS + news_watch(&p->news, p->f, NULL, 0);
        struct pollfd *fds = sk_alloc(count * sizeof *fds);
        fds[KEYS] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
        fds[SIGNALS] = (struct pollfd){ .fd = p->signals, .events = POLLIN };
        fds[JOBS] = (struct pollfd){ .fd = p->ended, .events = POLLIN };
        news_watch(&p->news, p->f, fds + SOCKETS, count - SOCKETS);
        int rc = sk_wait_many(fds, count, "prompt", p->news.next, err);
        bool keys = rc > 0 && fds[KEYS].revents != 0;
        uint64_t ended;
        if (rc > 0 && fds[SIGNALS].revents)
            take_signals(p);
        if (rc > 0 && fds[JOBS].revents && read(p->ended, &ended, sizeof ended) < 0)
            keys = keys && errno == EAGAIN;
        free(fds);
        if (rc < 0 && err->kind != SK_TIMEOUT)
            return -1;
        if (keys && sk_canceled()) /* Ctrl-C came before this key */
            return sk_fail(err, SK_CANCELED, ECANCELED, "prompt", "prompt: cancelled");
        if (keys)
            return 1;
    }
}

/* One line as typed: SHELL_LINE, SHELL_END, or -1. Ctrl-C drops it, and all lines that it continues. */
static int edit(struct prompt *p, struct sk_buf *text, char **line, struct sk_err *err) {
    for (;;) {
        if (wait_key(p, err) < 0) {
            if (err->kind != SK_CANCELED || sk_wake_signal() != SIGINT)
                return -1;
            sk_uncancel();
            sk_buf_clear(text);
            bool taken = take();
            p->editor->drop();
            p->continued = false;
            unhide();
            if (taken)
                out_give();
            continue;
        }
        if (out_take(err) < 0)
            continue; /* cancelled: the next wait says so too */
        enum shell_typed typed = p->editor->feed(line);
        p->shown = typed == SHELL_MORE;
        out_give();
        if (typed != SHELL_MORE)
            return (int)typed;
    }
}

int prompt_line(struct prompt *p, struct sk_buf *text, struct sk_err *err) {
    bool complete = false;
    int rc = SHELL_LINE, ends;
    char *line = NULL;
    p->continued = false;
    while (!complete) {
        tell_news(p);
        show(p);
        rc = edit(p, text, &line, err);
        unshow(p);
        if (rc == SHELL_END && p->continued) { /* Ctrl-D leaves the lines that were begun, first */
            p->continued = false;
            sk_buf_clear(text);
            continue;
        }
        if (rc != SHELL_LINE)
            break;
        sk_buf_add_str(text, line, NULL);
        sk_buf_add_str(text, "\n", NULL);
        free(line);
        logical_line((const char *)sk_buf_data(text), text->len, &complete, &ends);
        p->continued = !complete;
    }
    if (rc == SHELL_LINE) {
        char *whole = sk_strndup((const char *)sk_buf_data(text), text->len - 1);
        if (strspn(whole, " \t") != strlen(whole)) {
            p->editor->remember(whole);
            history_save(whole);
            live_remember(whole);
        }
        free(whole);
    }
    return rc < 0 ? -1 : rc == SHELL_LINE ? 1 : 0;
}

bool prompt_leaves(struct frame *f, bool *warned) {
    size_t jobs = jobs_running(f), sockets = session_open_sockets(f->ses, NULL, 0, NULL);
    if (jobs > 0 && !*warned) {
        *warned = true;
        printf("%zu job%s running; Ctrl-D once more ends %s\n", jobs, jobs == 1 ? " is" : "s are",
               jobs == 1 ? "it" : "them");
        return false;
    }
    if (sockets > 0 && f->defaults.verbose >= 0)
        printf("closing %zu socket%s\n", sockets, sockets == 1 ? "" : "s");
    return true;
}

void prompt_forget(void) {
    if (prompt != NULL)
        prompt->editor->forget();
}

/* ---- Beginning and end ---- */

static const struct shell_module *editor(void) {
#ifdef SK_LINKED
    return &sk_shell_module;
#else
    struct sk_err err;
    return sk_module_open("shell", &err);
#endif
}

/* Something that can be drawn on. */
static bool is_screen(struct frame *f) {
    const char *term = f->host->env("TERM");
    return f->host->is_terminal(STDIN_FILENO) && f->host->is_terminal(STDOUT_FILENO) && term != NULL &&
           strcmp(term, "dumb") != 0;
}

static char *complete(const char *line, size_t start, size_t point) {
    return tab_complete(prompt->f, line, start, point);
}

struct prompt *prompt_open(struct frame *f, bool *is_first_start) {
    static const struct shell_hooks hooks = { complete };
    const struct shell_module *module = is_screen(f) ? editor() : NULL;
    if (module == NULL)
        return NULL;
    struct prompt *p = sk_alloc(sizeof *p);
    *p = (struct prompt){ .editor = module, .f = f, .news = { .next = SK_NEVER } };
    sigemptyset(&p->own);
    sigaddset(&p->own, SIGWINCH);
    sigaddset(&p->own, SIGTSTP);
    p->signals = signalfd(-1, &p->own, SFD_CLOEXEC | SFD_NONBLOCK);
    p->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    prompt = p;
    tcgetattr(STDIN_FILENO, &p->sane);
    f->job_ended = job_ended;
    out_around(hide, unhide);
    module->begin(&hooks);
    *is_first_start = !history_load(module->remember);
    return p;
}

void prompt_close(struct prompt *p) {
    if (p == NULL)
        return;
    unshow(p);
    out_around(NULL, NULL);
    p->f->job_ended = NULL;
    sk_fd_close(p->signals, NULL);
    sk_fd_close(p->ended, NULL);
    news_done(&p->news);
    free(p);
    prompt = NULL;
}
