/* What the dialogues before TLS share. For sock/upgrade*.c. */
#ifndef SK_SOCK_UPGRADE_PARTS_H
#define SK_SOCK_UPGRADE_PARTS_H

#include "sock/upgrade.h"

enum { TALK_LINE_MOST = 4096, TALK_LINES_MOST = 500, TALK_BLOCK_MOST = 16384, TALK_SAID_MOST = 256 };

struct sk_talk {
    struct sk_sock *s;
    const struct sk_upgrade *how;
    const char *language; /* "SMTP" */
    const char *asked;    /* the command whose answer is awaited; NULL: the greeting is */
    sk_time deadline;
    unsigned lines; /* so far */
    size_t n;       /* the last line (or tag), without its end; a NUL follows */
    char line[TALK_LINE_MOST];
    size_t said_n; /* the lines since `asked`, as far as there is room */
    char said[TALK_SAID_MOST];
    struct sk_err *err;
};

/* The dialogues: 0 after the go-ahead, or -1. */
int sk_talk_smtp(struct sk_talk *t);
int sk_talk_imap(struct sk_talk *t);
int sk_talk_pop3(struct sk_talk *t);
int sk_talk_ftp(struct sk_talk *t);
int sk_talk_nntp(struct sk_talk *t);
int sk_talk_sieve(struct sk_talk *t);
int sk_talk_irc(struct sk_talk *t);
int sk_talk_xmpp(struct sk_talk *t);
int sk_talk_ldap(struct sk_talk *t);
int sk_talk_postgres(struct sk_talk *t);
int sk_talk_mysql(struct sk_talk *t);

/* Send n bytes; from now on the answer to `asked` is awaited. */
int sk_talk_send(struct sk_talk *t, const char *asked, const void *p, size_t n);
/* Send "COMMAND WORDS\r\n" (words NULL: none), and await the answer to the command. */
int sk_talk_say(struct sk_talk *t, const char *command, const char *words);
/* Read up to `end`, which is '\n' (taken off with a '\r' before it) or '>' (kept), into t->line. */
int sk_talk_until(struct sk_talk *t, char end);
/* Have n bytes in the buffer of the socket. */
int sk_talk_need(struct sk_talk *t, size_t n);

/* Why it ends here; all return -1. */
int sk_talk_refused(struct sk_talk *t);                          /* the last line is a no */
int sk_talk_foreign(struct sk_talk *t, const void *p, size_t n); /* the server speaks something else */
int sk_talk_missing(struct sk_talk *t, const char *what);        /* what was said offers no TLS */
int sk_talk_fail(struct sk_talk *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
