/* What went wrong, by value. Set once, on failure only; success leaves it untouched. */
#ifndef SK_BASE_ERR_H
#define SK_BASE_ERR_H

#include <stdarg.h>
#include <stddef.h>

enum sk_kind {
    SK_SYS,           /* a system call failed; code is its errno */
    SK_USAGE,         /* the input was wrong; code 0 */
    SK_GAI,           /* a name was not resolved; code is a negative EAI_* */
    SK_EOF,           /* the peer ended, in order, before enough arrived */
    SK_TIMEOUT,       /* the deadline passed; code ETIMEDOUT */
    SK_CANCELED,      /* Ctrl-C, `cancel`, or the owner went; code ECANCELED, or the number of the signal */
    SK_EXPECT,        /* the answer of expect or silent is no */
    SK_ASSERT,        /* the answer of another test is no; code 0, or an errno that names it (inet_pton's EINVAL) */
    SK_TLS_VERIFY,    /* a certificate was not acceptable */
    SK_TLS_HANDSHAKE, /* the TLS protocol failed */
    SK_TLS_TRUNCATED, /* TLS ended without close_notify */
    SK_SHELL,         /* a shell command or program ended badly; code is its status */
    SK_INTERNAL,      /* sockctl itself: no memory, no agent */
};

struct sk_err {
    int code; /* see enum sk_kind */
    enum sk_kind kind;
    char op[24];   /* the system call or operation: "connect", "recv" */
    char msg[512]; /* one sentence for people, without the program's name and without the code */
};

/* Fill *err (NULL is allowed) and return -1, so that a failure is one line. */
int sk_fail(struct sk_err *err, enum sk_kind kind, int code, const char *op, const char *fmt, ...)
    __attribute__((format(printf, 5, 6), cold));
/* A system call failed with errnum (positive). The sentence is "WHAT: strerror" or, with fmt NULL, "OP: strerror".
 * ETIMEDOUT stays SK_SYS (the kernel gave up), unlike a deadline of ours. */
int sk_fail_sys(struct sk_err *err, int errnum, const char *op, const char *fmt, ...)
    __attribute__((format(printf, 4, 5), cold));
/* Bad input; fmt says what was wrong and what to write instead. */
int sk_fail_usage(struct sk_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3), cold));
/* The deadline passed in OP. */
int sk_fail_timeout(struct sk_err *err, const char *op) __attribute__((cold));

/* "ECONNREFUSED", "EAI_NONAME", "EOF", "ETIMEDOUT", "USAGE", ...: error.code of the JSON form. */
const char *sk_err_name(const struct sk_err *err);
/* The exit status 1 to 143 of a failure; the one table of statuses (INTERFACE.md B5). */
int sk_err_status(const struct sk_err *err);
/* error.errno of the JSON form: positive errno, negative EAI_*; *has is false where neither fits. */
int sk_err_number(const struct sk_err *err, int *has);

/* The rows of that table for `help exit` and the man page; ends with meaning NULL. */
struct sk_status {
    int status;
    const char *meaning;
    const char *examples;
};
extern const struct sk_status sk_statuses[];

#endif
