/* The text doors: -c, -f, and a script on standard input. */
#include "lang/script.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "door/door.h"
#include "lang/collect.h"
#include "lang/job.h"
#include "lang/words.h"
#include "net/sys.h"
#include "run/fd.h"

/* One -c or -f: a text, or a stream whose lines run as they come. */
struct source {
    const char *name;
    const char *text;
    size_t n;
    struct sk_buf held;
    int stream; /* standard input, a pipe or a terminal; or -1 */
};

static int load_file(struct frame *f, struct source *s, struct sk_err *err) {
    struct stat st;
    int fd = f->host->open(s->name, O_RDONLY, 0, SK_NEVER, err);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))) {
        s->stream = fd;
        return 0;
    }
    int rc = script_read(f, s->name, fd, &s->held, err);
    sk_fd_close(fd, NULL);
    s->text = s->held.len > 0 ? (const char *)sk_buf_data(&s->held) : "";
    s->n = s->held.len;
    return rc;
}

static int load(struct frame *f, const struct text *t, struct source *s, struct sk_err *err) {
    *s = (struct source){ .name = t->file != NULL ? t->file : "-c", .stream = -1 };
    if (t->file == NULL) {
        s->text = t->text;
        s->n = strlen(t->text);
        return 0;
    }
    if (strcmp(t->file, "-") != 0)
        return load_file(f, s, err);
    s->stream = STDIN_FILENO;
    return 0;
}

static void unload(struct source *s) {
    if (s->stream > STDERR_FILENO)
        sk_fd_close(s->stream, NULL);
    sk_buf_done(&s->held);
}

/* Jobs that are still running at the end are waited for, then cancelled and told. */
static int finish_jobs(struct frame *f, struct sink *sink, int status) {
    sk_time deadline = sk_after(f->default_timeout);
    struct job *job;
    if (f->stop || status == 128 + SIGPIPE) { /* quit, or nobody reads any more */
        jobs_end(f);
        return status;
    }
    while ((job = job_next(f, NULL)) != NULL) {
        struct sk_err err;
        char text[128];
        int ended;
        uint32_t number = job->number;
        snprintf(text, sizeof text, "%s", job->text);
        if (job_wait(f, job, &ended, NULL, deadline, &err) == 0) {
            status = status != 0 ? status : ended;
            continue;
        }
        struct sk_err told;
        sk_fail(&told, err.kind, err.code, err.op, "job %u did not end and was cancelled: %s", number, text);
        int refused = script_refused(f, sink, NULL, 0, &told);
        status = status != 0 ? status : refused;
        jobs_end(f);
    }
    return status;
}

static struct sink *main_sink(struct frame *f) {
    return f->host->sink(f, STDOUT_FILENO, f->defaults.format_set ? f->defaults.format : F_AUTO);
}

/* The byte order mark that some editors put before the first line. */
static bool skip_mark(struct reader *r) {
    static const char mark[] = "\xef\xbb\xbf";
    if (r->next > 1 || r->buf.len < 3 || memcmp(sk_buf_data(&r->buf), mark, 3) != 0)
        return false;
    sk_buf_consume(&r->buf, 3);
    return true;
}

int reader_line(struct reader *r, bool physical, size_t *n, struct sk_err *err) {
    for (;;) {
        const char *p = (const char *)sk_buf_data(&r->buf);
        const char *newline = r->buf.len > 0 ? memchr(p, '\n', r->buf.len) : NULL;
        bool complete = newline != NULL || r->ended;
        int ends = newline != NULL;
        *n = newline != NULL ? (size_t)(newline - p) + 1 : r->buf.len;
        if (complete && !physical) {
            *n = logical_line(p, r->buf.len, &complete, &ends);
            complete = (complete && *n > 0 && p[*n - 1] == '\n') || r->ended;
        }
        if (complete && skip_mark(r))
            continue;
        if (complete && *n > 0) {
            r->line = r->next;
            r->next += ends;
            return 1;
        }
        if (r->ended)
            return 0;
        unsigned char *room = sk_buf_room(&r->buf, 65536, err);
        ssize_t got = room != NULL ? sk_sys_read(r->fd, room, 65536, SK_NEVER, err) : -1;
        if (got < 0)
            return -1;
        sk_buf_commit(&r->buf, (size_t)got);
        r->ended = got == 0;
    }
}

/* After a failure only with --keep-going, and not after a signal. */
static bool goes_on(const struct frame *f, int status) {
    return !f->stop && (status == 0 || (f->keep_going && f->failed.kind != SK_CANCELED));
}

/* Each line is compiled when it has come, and runs before the next is read. */
static int run_stream(struct frame *f, int fd, const char *name, bool check, struct sink *sink) {
    struct reader r = { .fd = fd, .next = 1 };
    struct sk_err err;
    int status = 0, rc = 0;
    size_t n;
    if (fd == STDIN_FILENO && f->host->stdin_was_closed)
        return script_refused(f, sink, NULL, 0, (sk_fail(&err, SK_SYS, EBADF, "read", "stdin is closed"), &err));
    while (goes_on(f, status) && (rc = reader_line(&r, false, &n, &err)) > 0) {
        struct prog prog;
        int one = 0;
        if (prog_line(&prog, (const char *)sk_buf_data(&r.buf), n, name, r.line, false, &err) < 0)
            one = script_refused(f, sink, name, r.line, &err);
        else if (!check)
            one = prog_run(f, &prog, sink);
        prog_done(&prog);
        sk_buf_consume(&r.buf, n);
        status = status != 0 ? status : one;
    }
    if (rc < 0)
        status = script_refused(f, sink, NULL, 0, &err);
    sk_buf_done(&r.buf);
    return status;
}

int door_texts(struct frame *f, const struct globals *g) {
    struct source *sources = sk_alloc((g->count + 1) * sizeof *sources);
    struct sink *sink = main_sink(f);
    struct sk_err err;
    int status = 0, line = 0;
    size_t loaded = 0;
    for (; loaded < g->count && status == 0; loaded++) {
        struct source *s = &sources[loaded];
        if (load(f, &g->texts[loaded], s, &err) < 0)
            status = script_refused(f, sink, NULL, 0, &err);
        else if (s->stream < 0 && script_check(s->text, s->n, s->name, &line, &err) < 0)
            status = script_refused(f, sink, s->name, line, &err);
    }
    for (size_t i = 0; i < loaded && loaded == g->count && (i == 0 ? status == 0 : goes_on(f, status)); i++) {
        struct source *s = &sources[i];
        int one = s->stream >= 0 ? run_stream(f, s->stream, s->name, g->check, sink)
                  : g->check     ? 0
                                 : script_run(f, s->text, s->n, s->name, sink);
        status = status != 0 ? status : one;
    }
    status = g->check || g->interactive ? status : finish_jobs(f, sink, status);
    for (size_t i = 0; i < loaded; i++)
        unload(&sources[i]);
    free(sources);
    sink_free(sink);
    return f->stop_status >= 0 ? f->stop_status : status;
}

int door_stdin(struct frame *f, bool check) {
    struct sink *sink = main_sink(f);
    int status = run_stream(f, STDIN_FILENO, "-", check, sink);
    if (!check)
        status = finish_jobs(f, sink, status);
    sink_free(sink);
    return f->stop_status >= 0 ? f->stop_status : status;
}
