#include "lang/script.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "lang/prog.h"
#include "lang/run.h"
#include "lang/words.h"
#include "net/sys.h"
#include "run/fd.h"

enum { SCRIPT_MAX = 1 << 30 };

/* One logical line at a time. */
struct lines {
    const char *p;
    size_t left;
    int number; /* of the line that next_line gave */
    int next;
};

static size_t next_line(struct lines *l, const char **line) {
    bool complete;
    int ends;
    l->number = l->next;
    size_t n = logical_line(l->p, l->left, &complete, &ends);
    *line = l->p;
    l->p += n;
    l->left -= n;
    l->next += ends;
    return n;
}

int script_check(const char *text, size_t n, const char *name, int *line, struct sk_err *err) {
    struct lines l = { .p = text, .left = n, .next = 1 };
    const char *p;
    while (l.left > 0) {
        struct prog prog;
        size_t len = next_line(&l, &p);
        int rc = prog_line(&prog, p, len, name, l.number, false, err);
        prog_done(&prog);
        *line = l.number;
        if (rc < 0)
            return -1;
    }
    return 0;
}

int script_refused(struct frame *f, struct sink *sink, const char *name, int line, const struct sk_err *err) {
    static const struct command row = { .name = "sockctl", .result = R_STATUS };
    static const struct arg none[1];
    struct call c = { .cmd = &row,
                      .frame = f,
                      .ses = f->ses,
                      .args = none,
                      .opt = &f->defaults,
                      .sink = sink,
                      .json = options_json(f, &(struct common){ 0 }),
                      .shows = "" };
    struct outcome o = {
        .cmd = NULL, .err = err, .seq = ++*f->seq, .started = sk_now() - f->born, .file = name, .line = line
    };
    struct sk_err ignored;
    c.err = *err;
    sink->cls->end(sink, &c, &o, &ignored);
    f->failed = *err;
    f->status = sk_err_status(err);
    return f->status;
}

int script_run(struct frame *f, const char *text, size_t n, const char *name, struct sink *sink) {
    struct lines l = { .p = text, .left = n, .next = 1 };
    const char *p;
    int first = 0;
    while (l.left > 0 && !f->stop) {
        struct prog prog;
        struct sk_err err;
        size_t len = next_line(&l, &p);
        int status = prog_line(&prog, p, len, name, l.number, false, &err) < 0
                         ? script_refused(f, sink, name, l.number, &err)
                         : prog_run(f, &prog, sink);
        prog_done(&prog);
        if (status != 0 && first == 0)
            first = status;
        if (status != 0 && (!f->keep_going || f->failed.kind == SK_CANCELED))
            break;
    }
    return first;
}

int script_read(struct frame *f, const char *path, int fd, struct sk_buf *out, struct sk_err *err) {
    int rc = 0;
    char shown[256];
    struct sk_err why;
    int file = fd < 0 ? f->host->open(path, O_RDONLY, 0, SK_NEVER, err) : fd;
    if (file < 0)
        return -1;
    for (;;) {
        unsigned char *room = sk_buf_room(out, 65536, err);
        ssize_t got = room != NULL ? sk_sys_read(file, room, 65536, SK_NEVER, &why) : -1;
        if (got > 0)
            sk_buf_commit(out, (size_t)got);
        rc = got < 0 ? -1 : 0;
        if (room != NULL && got < 0 && why.kind == SK_SYS)
            sk_fail_sys(err, why.code, "read", "%s", sk_escape_cut(shown, sizeof shown, path, strlen(path)));
        else if (room != NULL && got < 0)
            *err = why;
        if (got > 0 && out->len > SCRIPT_MAX)
            rc = sk_fail_usage(err, "the script is larger than 1 GiB");
        if (got <= 0 || rc < 0)
            break;
    }
    if (fd < 0)
        sk_fd_close(file, NULL);
    if (rc == 0 && out->len >= 3 && memcmp(sk_buf_data(out), "\xef\xbb\xbf", 3) == 0)
        sk_buf_consume(out, 3);
    return rc;
}

int script_run_file(struct frame *f, const char *path, struct sink *sink, struct sk_err *err, int *line) {
    struct sk_buf text = { 0 };
    int status = -1;
    *line = 0;
    if (script_read(f, path, -1, &text, err) == 0 &&
        script_check((const char *)sk_buf_data(&text), text.len, path, line, err) == 0)
        status = script_run(f, (const char *)sk_buf_data(&text), text.len, path, sink);
    sk_buf_done(&text);
    return status;
}
