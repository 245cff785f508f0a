/* What the doors share: the world outside, global options, the ways in. */
#ifndef DOOR_DOOR_H
#define DOOR_DOOR_H

#include "lang/frame.h"
#include "lang/prog.h"

/* Options of the whole program. */
struct globals {
    struct text {
        const char *text, *file;
    } * texts; /* -c TEXT, -f FILE, in order; owned */
    size_t count;
    bool interactive, check, keep_going, echo, tap, no_init, version;
    const char *trace; /* FILE, or NULL */
    struct common common;
};

/* Their rows, for help and completion. */
extern const struct param global_rows[];
extern const size_t global_row_count;

/* This process as the host of a frame. `closed` is the mask of sk_fd_sanitize. */
const struct host *process_host(int closed);
/* Do the locale's variables say UTF-8? */
bool speaks_utf8(const struct host *host);
/* The frame whose settings tell how it paints. */
void host_serves(struct frame *top);

/* The doors. Each returns an exit status. */
int door_once(struct frame *f, char *const *argv, size_t count, bool check);
int door_texts(struct frame *f, const struct globals *g);
int door_stdin(struct frame *f, bool check);
/* Lines until the end of input, going on after failures: JSON answers, or text with a prompt on a terminal. */
int door_lines(struct frame *f, bool no_init);

/* Print a failure that happened before any command ran; its status. */
int door_refuse(struct frame *f, const struct sk_err *err);
/* Global options of argv: the index of the command word, or -1. */
int globals_parse(struct globals *g, int argc, char **argv, struct arena *a, struct sk_err *err);
/* Switches of the program behind the command word at argv[first] and before its data are taken out of argv; the new
 * argc. */
int globals_after(struct globals *g, int first, int argc, char **argv);

/* Logical lines of a descriptor as they come. */
struct reader {
    int fd;
    struct sk_buf buf;
    bool ended;
    int line; /* number of the line given last */
    int next;
};
/* The next logical line (physical when `physical`) in r->buf[0 .. *n), to be consumed by the caller: 1, 0 at the end,
 * -1. */
int reader_line(struct reader *r, bool physical, size_t *n, struct sk_err *err);

#endif
