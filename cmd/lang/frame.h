/* Where a program runs: a script, the prompt, a client, a job. Lookup goes up, binding is local. */
#ifndef LANG_FRAME_H
#define LANG_FRAME_H

#include "lang/arena.h"
#include "lang/session.h"
#include "lang/table.h"
#include "run/child.h"

enum style { STYLE_ONCE, STYLE_SCRIPT, STYLE_SHELL, STYLE_MACHINE };

/* What the program must ask the outside world for: the process itself, or the client of an agent. */
struct host {
    /* A descriptor, non-blocking. Waits for the other end of a FIFO. */
    int (*open)(const char *path, int flags, int mode, sk_time deadline, struct sk_err *err);
    int (*spawn)(struct sk_child *child, char *const argv[], int in, int out, struct sk_err *err);
    const char *(*env)(const char *name); /* NULL when unset or empty */
    /* One line typed at the terminal, not echoed, without its end: its length, at most room - 1. SK_USAGE without a
     * terminal. */
    ssize_t (*secret)(char *line, size_t room, sk_time deadline, struct sk_err *err);
    bool (*is_terminal)(int fd);
    size_t (*columns)(int fd); /* of the terminal, or 0 */
    /* A sink that writes results to fd in the given style; free with sink_free. */
    struct sink *(*sink)(struct frame *frame, int fd, enum format format);
    void (*echo)(struct frame *frame, const char *text); /* --echo: tell the command before it runs */
    /* How far a long command is: a line on the terminal of stderr, in place of the one before; "": none any more. Does
     * nothing where stderr is no terminal, or results go to one. */
    void (*progress)(const char *line);
    /* -vv: bytes that the socket of an object (arg) sent or received, told on stderr. */
    void (*tap)(struct sk_sock *s, bool sent, const void *p, size_t n, void *arg);
    bool stdin_was_closed, stdout_was_closed;
    /* The text of `help [TOPIC]`, or what `search` finds (both may be NULL), appended to out. SK_USAGE for an unknown
     * topic. */
    int (*help)(struct frame *frame, const char *topic, const char *search, bool json, struct sk_buf *out,
                struct sk_err *err);
    /* The manual page of a command, as mdoc source, appended to out. SK_USAGE for an unknown command. */
    int (*manual)(struct frame *frame, const char *command, struct sk_buf *out, struct sk_err *err);
    /* The saved lines of the prompt, appended to out; or clear them. */
    int (*history)(struct frame *frame, bool clear, struct sk_buf *out, struct sk_err *err);
    /* The completion script of a shell; with shell NULL what may stand in place of the last of words[n], a line each:
     * WORD, a tab, what it is. */
    int (*complete)(struct frame *frame, const char *shell, const char *const *words, size_t n, struct sk_buf *out,
                    struct sk_err *err);
};

struct outcome;

/* Where results go. bytes and item say how much was taken; end closes one command. */
struct sink {
    const struct sink_class *cls;
};
struct sink_class {
    int (*bytes)(struct sink *s, struct call *c, const void *p, size_t n, size_t *taken, struct sk_err *err);
    int (*item)(struct sink *s, struct call *c, const struct sk_value *v, struct sk_err *err);
    int (*end)(struct sink *s, struct call *c, const struct outcome *o,
               struct sk_err *err); /* may fail: stdout full, closed */
    void (*free)(struct sink *s);
    void (*tell)(struct sink *s, struct call *c,
                 const struct outcome *o); /* the message of a failure alone, for people; or NULL */
    /* The text of an item in place of the item, for call_line; NULL: it wants the value. */
    int (*line)(struct sink *s, struct call *c, const void *p, size_t n, struct sk_err *err);
};

/* How one command ended. Exactly one of result and err. */
struct outcome {
    const char *cmd;
    const char *sock; /* name of the socket used or made, or NULL */
    bool ok;
    const struct sk_value *result; /* NULL for R_STATUS; for streams: what the sink itself collected */
    const struct sk_err *err;
    sk_time started, took; /* ns: since the session's start, and of the command */
    uint64_t seq;
    bool bound;       /* NAME = took the result: text prints nothing */
    const char *file; /* of the script, for FILE:LINE; NULL on argv */
    int line;
};
/* The JSON envelope of an outcome as a value (owned). bytes: what a stream delivered, or NULL. */
struct sk_value outcome_value(struct call *c, const struct outcome *o, const struct sk_value *streamed);
/* The fields that every failure has in JSON: code, errno, syscall, exit, message (a record, owned). */
struct sk_value outcome_error(const struct sk_err *err);
/* The envelope of one item of an EACH command, now. An item with a field `error` (a record) is a failure: its other
 * fields stand in the error. */
struct sk_value outcome_item(struct call *c, const struct sk_value *item);
/* All of an EACH command was told by its items: it has no envelope of its own. */
bool outcome_was_told(const struct call *c, const struct outcome *o);

/* Sections of a script that `test NAME` starts (verbs/tap.h). */
struct tap {
    unsigned count;    /* sections begun, the open one included */
    unsigned failures; /* of the open section: counted by run for every command that failed */
    unsigned failed;   /* sections that ended badly */
    bool open;
    char name[256]; /* of the open one, printable */
};

enum { DEEPEST = 64 }; /* of frame.depth */

struct frame {
    struct frame *up;
    struct session *ses;
    const struct host *host;
    struct sk_value last;     /* $_, unless it is last_bytes */
    struct sk_buf last_bytes; /* of a stream that was short */
    bool last_is_bytes;
    sk_time last_took;
    int status; /* $? */
    struct sk_ref current;
    struct common defaults;    /* global options before the command */
    struct common environment; /* SOCKCTL_TIMEOUT, SOCKCTL_FORMAT, SOCKCTL_SOCKET */
    struct common settings;    /* `set` */
    const char *eol;
    enum style style;
    bool keep_going, echo, tap, notify, stop; /* stop: quit was run */
    int stop_status;                          /* its STATUS, or -1: that of the first failure */
    sk_time default_timeout;                  /* 30 s, or SK_NEVER at a prompt */
    sk_time born;
    uint64_t *seq;
    uint64_t seq_own;
    struct sk_scope jobs; /* of the top frame */
    struct job *job_list;
    uint32_t next_job;
    void (*job_ended)(struct frame *top); /* of the top frame: a prompt wants to know, or NULL */
    int depth;                            /* commands that are running inside each other: source, prefix commands */
    struct sk_err failed; /* of the last command that failed here, set with status: what a prefix command passes on */
    struct tap sections;  /* of the top frame: `test NAME` */
    char prompt[128];     /* `set prompt`; "": the built-in one */
    bool no_hints;        /* `set hints off` */
    bool bell;            /* `set notify bell` */
    bool output_begun;    /* of the top frame: the file of -o before the command was opened */
    unsigned hinted;      /* of the top frame: hints that were given */
    int color;            /* of the top frame: --color of the command that runs, enum color_when */
    int colors[2];        /* of the top frame: `set colors`, of what is sent and received; into color_names */
};

void frame_init(struct frame *f, struct frame *up, struct session *ses, const struct host *host);
void frame_done(struct frame *f);
struct frame *frame_top(struct frame *f);
struct sk_value frame_last(struct frame *f); /* $_ (owned): the last result, also bytes up to 64 KiB */
double frame_last_ms(const struct frame *f); /* how long that command took */

#endif
