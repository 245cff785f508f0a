#include "verbs/lines.h"

#include <string.h>

#include "net/sys.h"
#include "run/wait.h"

enum { CHUNK = 65536, LINE_MOST = 1024 };

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static void trim(const char **line, size_t *n) {
    const char *p = *line;
    for (size_t i = 0; i < *n; i++)
        if (p[i] == '#' && (i == 0 || is_blank(p[i - 1])))
            *n = i;
    while (*n > 0 && is_blank(p[*n - 1]))
        --*n;
    for (; *n > 0 && is_blank(*p); p++)
        --*n;
    *line = p;
}

/* A whole line, the last one, or the beginning of one that is too long: 1, 0 when more must be read. */
static int take(struct lines *l, const char **line, size_t *n) {
    const char *p = (const char *)sk_buf_data(&l->held);
    size_t len = l->held.len;
    const char *end = len ? memchr(p, '\n', len) : NULL;
    bool rest = l->is_cut;
    if (!end && !l->ended && len <= LINE_MOST && !rest)
        return 0;
    l->is_cut = !end && !l->ended;
    l->taken = end ? (size_t)(end + 1 - p) : len;
    *line = p;
    *n = rest ? 0 : end ? (size_t)(end - p) : len;
    *n = *n < LINE_MOST ? *n : LINE_MOST;
    return rest && !end && !l->ended ? 0 : 1;
}

int lines_next(struct lines *l, const char **line, size_t *n, sk_time deadline, struct sk_err *err) {
    for (;;) {
        sk_buf_consume(&l->held, l->taken);
        l->taken = 0;
        if (l->ended && l->held.len == 0)
            return 0;
        if (take(l, line, n)) {
            trim(line, n);
            if (*n > 0)
                return 1;
            continue;
        }
        sk_buf_consume(&l->held, l->taken); /* of a line that was cut */
        l->taken = 0;
        unsigned char *room = sk_buf_room(&l->held, CHUNK, err);
        ssize_t got = room ? sk_sys_read(l->fd, room, CHUNK, deadline, err) : -1;
        if (got < 0 || sk_charge((size_t)got, "read", deadline, err) < 0) /* a file may have no end, and no line */
            return -1;
        sk_buf_commit(&l->held, (size_t)got);
        l->ended = got == 0;
    }
}

void lines_done(struct lines *l) { sk_buf_done(&l->held); }
