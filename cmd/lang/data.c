/* The data of a command: operands, --hex, --base64, a file, standard input, or a line without echo. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lang/call.h"
#include "lang/frame.h"
#include "net/sys.h"
#include "run/fd.h"
#include "run/wait.h"

enum { CHUNK = 65536, WHOLE_MAX = 64 << 20, CLOSED = -1 };

int call_open(struct call *c, const char *path) {
    return c->frame->host->open(path, O_RDONLY, 0, c->deadline, &c->err);
}

/* *cursor: 0 at first; the descriptor that is read plus 1; CLOSED at the end. */
static int open_data(struct call *c, int *cursor) {
    int fd = STDIN_FILENO;
    if (c->opt->file != NULL && strcmp(c->opt->file, "-") != 0)
        fd = call_open(c, c->opt->file);
    else if (c->frame->host->stdin_was_closed)
        return sk_fail(&c->err, SK_SYS, EBADF, "read", "stdin is closed");
    if (fd < 0)
        return -1;
    *cursor = fd + 1;
    return 0;
}

void call_data_close(int *cursor) {
    if (*cursor > STDIN_FILENO + 1)
        sk_fd_close(*cursor - 1, NULL);
    *cursor = CLOSED;
}

static int secret_line(struct call *c, const char **p, size_t *n) {
    char *line = arena_alloc(c->scratch, CHUNK);
    ssize_t got = c->frame->host->secret(line, CHUNK, c->deadline, &c->err);
    if (got < 0)
        return -1;
    *n = (size_t)got;
    *p = line;
    return 1;
}

int call_data(struct call *c, int param, int *cursor, const char **p, size_t *n) {
    const struct common *opt = c->opt;
    if (*cursor == CLOSED)
        return 0;
    if (opt->file == NULL && !opt->from_stdin) {
        *cursor = CLOSED;
        if (opt->secret)
            return secret_line(c, p, n);
        *p = opt->data_set ? opt->data : c->args[param].u.s.p;
        *n = opt->data_set ? opt->data_len : c->args[param].u.s.n;
        return 1;
    }
    if (*cursor == 0 && open_data(c, cursor) < 0)
        return -1;
    /* the same room each time: a chunk is used before the next is asked for */
    if (c->data_room == NULL)
        c->data_room = arena_alloc(c->scratch, CHUNK);
    ssize_t got = sk_sys_read(*cursor - 1, c->data_room, CHUNK, c->deadline, &c->err);
    if (got <= 0)
        call_data_close(cursor);
    *p = c->data_room;
    *n = got > 0 ? (size_t)got : 0;
    return got > 0 ? 1 : (int)got;
}

int call_data_whole(struct call *c, int param, struct sk_buf *out) {
    int cursor = 0, rc;
    const char *p;
    size_t n;
    while ((rc = call_data(c, param, &cursor, &p, &n)) > 0) {
        if (out->len + n > WHOLE_MAX) {
            call_data_close(&cursor);
            return sk_fail_sys(&c->err, EMSGSIZE, c->cmd->name,
                               "the data is larger than 64 MiB; sendall and sendfile send any length");
        }
        rc = sk_buf_add(out, p, n, &c->err);
        if (rc < 0) {
            call_data_close(&cursor);
            return -1;
        }
    }
    return rc;
}
