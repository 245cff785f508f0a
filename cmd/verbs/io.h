/* What the verbs on sockets share: which socket, until when, its data, and what is told beside a failure. */
#ifndef VERBS_IO_H
#define VERBS_IO_H

#include <sys/socket.h>

#include "lang/call.h"

/* The socket of c->obj, or, without one, the current socket; a file object must allow what is wanted ("rb" does not
 * write). NULL with c->err. */
enum io_want { IO_ANY, IO_READ, IO_WRITE };
struct sk_sock *io_sock(struct call *c, enum io_want want);
/* The object that io_sock looks at: c->obj, or the current one, or the only open socket. NULL with c->err. */
struct object *io_object(struct call *c);
/* Take obj as the one the call works on (held until the call ends). Returns it. */
struct object *io_use(struct call *c, struct object *obj);
/* c->deadline, or the deadline by the settings of a socket that was chosen by the verb. */
sk_time io_deadline(const struct call *c, const struct sk_sock *s);
/* Name of the object that stands for the socket in messages. */
const char *io_name(const struct call *c);
/* -1 with EBADF in c->err when the socket is closed. */
int io_open(struct call *c, const struct sk_sock *s, const char *op);
/* A failure of a system call on s: names the object, and adds what a person should know about it. Always -1. */
int io_failed(struct call *c, const struct sk_sock *s);

/* The data operands in one piece; borrowed while possible. */
struct io_data {
    const char *p;
    size_t n;
    struct sk_buf held;
};
int io_data(struct call *c, int param, struct io_data *d);

/* The result {"len", "peer"} of the send family. Always 0. */
int io_sent(struct call *c, const struct sk_sock *s, size_t n, const struct sk_addr *to);
enum { LOOKING = MSG_PEEK | MSG_OOB | MSG_ERRQUEUE }; /* what is received with one of these leaves no stream */
/* What the call gives out was received from s with these flags: on a stream it goes back when nobody gets it. */
void io_took(struct call *c, struct sk_sock *s, int flags);
/* Bytes that a receive took from s, handed to the result; on a stream those not taken go back. 0 or -1. */
int io_deliver(struct call *c, struct sk_sock *s, const void *p, size_t n);
/* After a failure: a signal is about to end the process, and what a socket holds with it. */
bool io_is_ending(const struct call *c);
/* Then: hand out what came from s and is still held back. */
void io_last_bytes(struct call *c, struct sk_sock *s);
/* "end of data: peer closed NAME". Always -1. */
int io_ended(struct call *c, const char *op);
/* A record {"value": v} as the result. Always 0. */
int io_value(struct call *c, struct sk_value v);
/* An address as a value; null when it has no length. */
struct sk_value io_addr(const struct sk_addr *addr);

/* After a name was not resolved: what DNS said and which server, as fields beside the error. Always -1. */
int io_origin(struct call *c, const struct sk_origin *origin);
void io_note_guess(struct call *c, const struct sk_origin *origin); /* that resolv.conf names no server */
/* After it was: who said so, as a note. */
void io_answered(struct call *c, const struct sk_origin *origin);

/* Two lines `want`, `got` with the hex of both, and a mark under the first byte that differs: notes. */
void io_diff(struct call *c, const void *want, size_t nwant, const void *got, size_t ngot);
/* Two lines `want: '...'`, `got:  '...'`, cut when long: notes. */
void io_sides(struct call *c, const void *want, size_t nwant, const void *got, size_t ngot);
/* What waits in s, as a note and as the field `got` beside the error. */
void io_got(struct call *c, const struct sk_sock *s);
/* The escape notation as a text value. */
struct sk_value io_escaped(const void *p, size_t n);

#endif
