#include "door/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "run/fd.h"
#include "verbs/trace.h"

enum { COLUMNS = 80, PIECE = 64 * 1024 };

static struct {
    const char *path;
    int fd;
    enum trace_form form;
    struct trace_writer *writer; /* NULL: a form that needs all events at once */
    struct sk_buf text;          /* whole records, not yet written */
    off_t size;                  /* of the whole records in the file */
    bool has_failed;
    struct sk_err err;
} record = { .fd = -1 };

static int refuse(const char *why, struct sk_err *err) {
    struct sk_quoted q;
    return sk_fail_usage(err, "--trace %s: %s", sk_quote(&q, record.path, strlen(record.path)), why);
}

static bool is_same(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int check_file(int fd, const struct globals *g, struct sk_err *err) {
    static const char *const names[] = { "it is standard input; give the trace a file of its own",
                                         "it is standard output; give the trace a file of its own",
                                         "it is standard error; give the trace a file of its own" };
    struct stat st, other;
    if (fstat(fd, &st) < 0)
        return sk_fail_sys(err, errno, "fstat", NULL);
    if (!S_ISREG(st.st_mode))
        return refuse("it is no regular file; a trace is written into one", err);
    for (int i = 0; i < 3; i++)
        if (fstat(i, &other) == 0 && is_same(&st, &other))
            return refuse(names[i], err);
    for (size_t i = 0; i < g->count; i++)
        if (g->texts[i].file && stat(g->texts[i].file, &other) == 0 && is_same(&st, &other))
            return refuse("it is the script; give the trace a file of its own", err);
    if (fchmod(fd, 0600) < 0 || ftruncate(fd, 0) < 0) /* it holds what was sent */
        return sk_fail_sys(err, errno, "open", "--trace");
    return 0;
}

/* Whole records go into the file. What a full disk cut is taken off again. */
static void write_text(void) {
    const unsigned char *p = sk_buf_data(&record.text);
    size_t n = record.text.len, done = 0;
    while (!record.has_failed && done < n) {
        ssize_t r = write(record.fd, p + done, n - done);
        if (r < 0 && errno != EINTR) {
            struct sk_quoted q;
            record.has_failed = true;
            sk_fail_sys(&record.err, errno, "write", "--trace %s", sk_quote(&q, record.path, strlen(record.path)));
            if (ftruncate(record.fd, record.size) < 0)
                record.size = 0; /* nothing more can be done about it */
        }
        done += r > 0 ? (size_t)r : 0;
    }
    record.size += record.has_failed ? 0 : (off_t)n;
    sk_buf_clear(&record.text);
}

/* The tape is full: its oldest event goes into the file now. */
static void spill(const struct sk_tap_event *e, void *arg) {
    (void)arg;
    if (record.has_failed)
        return;
    if (trace_write(record.writer, e, &record.text, &record.err) < 0)
        record.has_failed = true;
    if (record.text.len >= PIECE)
        write_text();
}

int record_begin(const char *path, const struct globals *g, struct sk_err *err) {
    char shown[256];
    record.path = path;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0 && errno == ELOOP)
        return refuse("it is a symbolic link; name the file itself", err);
    if (fd < 0)
        return sk_fail_sys(err, errno, "open", "--trace %s", sk_escape_cut(shown, sizeof shown, path, strlen(path)));
    if (check_file(fd, g, err) < 0) {
        sk_fd_close(fd, NULL);
        return -1;
    }
    record.fd = fd;
    record.form = trace_form_of(path);
    sk_tape_start(SK_TAPE_MOST);
    if (trace_streams(record.form)) {
        record.writer = trace_writer_new(record.form, COLUMNS, NULL);
        sk_tape->spill = spill;
    }
    return 0;
}

static void write_rest(void) {
    if (record.writer) {
        if (trace_write(record.writer, NULL, &record.text, &record.err) < 0)
            record.has_failed = true;
        for (const struct sk_tap_event *e = sk_tape->first; e; e = e->next)
            spill(e, NULL);
    } else if (trace_render(record.form, COLUMNS, NULL, &record.text, &record.err) < 0) {
        record.has_failed = true;
    }
    write_text();
    if (sk_tape->lost_events)
        fprintf(stderr, "sockctl: the trace lacks %" PRIu64 " older events: it keeps 8 MiB\n", sk_tape->lost_events);
}

int record_end(struct sk_err *err) {
    if (record.fd < 0)
        return 0;
    sk_tape_stop();
    sk_tape->spill = NULL;
    write_rest();
    trace_writer_free(record.writer);
    sk_buf_done(&record.text);
    struct sk_err why;
    if (sk_fd_close(record.fd, &why) < 0 && !record.has_failed) {
        record.has_failed = true;
        record.err = why;
    }
    record.fd = -1;
    if (record.has_failed)
        *err = record.err;
    return record.has_failed ? -1 : 0;
}
