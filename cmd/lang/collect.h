/* Sinks that keep results instead of showing them. */
#ifndef LANG_COLLECT_H
#define LANG_COLLECT_H

#include "lang/frame.h"

/* The result of one command as a value (`NAME =`): bytes are joined, items become a list. At most 64 MiB: then SK_SYS
 * EMSGSIZE "write it to a file". */
struct sink *collect_new(void);
struct sk_value collect_take(struct sink *s); /* owned; null when there was none */
/* Failures of commands that run inside the one collected (repeat, time) are told through `errors` (borrowed). */
void collect_errors(struct sink *s, struct sink *errors);

/* The JSON envelopes of the commands run, as a list (`results`). Errors are told on stderr through `errors` (borrowed)
 * unless it is NULL. */
struct sink *gather_new(struct sink *errors);
struct sk_value gather_take(struct sink *s);

void sink_free(struct sink *s);

/* What a running command has handed out and a sink must keep: a sink has one for each command that runs in it. */
struct delivery {
    struct call *call; /* NULL: free for the next command */
    struct sk_buf bytes;
    struct sk_value items; /* list, or null */
    size_t size;           /* of all that is kept */
    bool came;             /* bytes were handed out, perhaps none of them kept here */
    uint64_t at;           /* position in the socket's stream of the bytes kept */
    struct delivery *next;
};
struct delivery *delivery_find(struct delivery *list, const struct call *c); /* NULL */
struct delivery *delivery_open(struct delivery **list, struct call *c);      /* found, or begun */
void delivery_close(struct delivery *d);                                     /* the command is over; NULL is fine */
void delivery_free(struct delivery *list);
/* Keep bytes or an item; beyond 64 MiB in all nothing of it is taken. */
int delivery_bytes(struct delivery *d, const void *p, size_t n, size_t *taken, struct sk_err *err);
int delivery_item(struct delivery *d, const struct sk_value *v, struct sk_err *err);
/* The result made of it (owned): of a stream the record of bytes and eof, of items their list; d may be NULL. A command
 * that has an option -n and was run without it gives its one item itself. */
struct sk_value delivery_value(struct call *c, const struct delivery *d);
bool call_single(const struct call *c);
/* About what a value takes in memory. */
size_t value_size(const struct sk_value *v);
/* The envelope of an outcome with that result, or with what came before the failure. Owned. */
struct sk_value outcome_delivered(struct call *c, const struct outcome *o, const struct delivery *d);

#endif
