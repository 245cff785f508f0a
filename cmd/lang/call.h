/* What a verb may do besides using the library: hand out results, find and make objects, read its data. */
#ifndef LANG_CALL_H
#define LANG_CALL_H

#include "lang/session.h"
#include "lang/table.h"

/* Streamed bytes (R_STREAM). Returns 0 with *taken = n, or -1 with what was taken before the failure: the rest belongs
 * back into the socket. */
int call_bytes(struct call *c, const void *p, size_t n, size_t *taken);
/* One of many results (R_ITEMS); takes over v. */
int call_item(struct call *c, struct sk_value v);
/* Is the text of the next item all that is wanted of it: are there so many that none is kept, and no JSON? Then
 * call_line may stand in for call_item, with what the row's `line` makes of the item: values are costly. */
bool call_wants_line(const struct call *c);
int call_line(struct call *c, const void *p, size_t n);
/* Each of a list; takes it over. Who goes through something that may change while the sink waits collects first. */
int call_items(struct call *c, struct sk_value list);
/* The fields beside an error: error.partial (bytes), error.sent. Data that came before the failure and was printed or
 * not. */
void call_extra(struct call *c, const char *key, struct sk_value v);
/* Deliver the first n bytes of the socket's input buffer as (part of) the result and consume what the sink took; what
 * it did not take stays in the socket. 0 or -1 with c->err. read, readline, recv share it. */
int call_take(struct call *c, struct sk_sock *s, size_t n);
/* A line for people under the message. */
void call_note(struct call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A note for a person at a terminal, once a session, also when the command goes well. */
enum hint { HINT_BACKSLASHES, HINT_LINE_ENDS, HINT_ENDED, HINT_OPTION };
void call_hint(struct call *c, enum hint hint, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Next chunk of the data operands: 1 with *p, *n; 0 at the end; -1 with c->err. Operands are one chunk; a file or stdin
 * comes in chunks of at most 64 KiB. *cursor starts as 0; who stops before the end calls call_data_close. */
int call_data(struct call *c, int param, int *cursor, const char **p, size_t *n);
void call_data_close(int *cursor);
/* Open a file for reading: a descriptor that does not block. A FIFO is waited for until somebody writes, as long as the
 * command may take. -1. */
int call_open(struct call *c, const char *path);
/* All of it in one piece (at most 64 MiB). */
int call_data_whole(struct call *c, int param, struct sk_buf *out);

/* The current socket of the frame if there is one, else NULL (connect, listen, bind, sendto). */
struct object *call_current(struct call *c);
/* Make an object under name (NULL: an automatic one); with -v it is told when that closes a socket. NULL with c->err.
 */
struct object *call_bind(struct call *c, const char *name, enum object_class cls);
/* Put a new socket into the session under c->bind (or an automatic name), make it current, and make its handle the
 * result. On failure the socket is freed. */
int call_new_sock(struct call *c, struct sk_sock *s);
/* An object by name for operands; SK_USAGE with the list of the open ones when there is none. */
struct object *call_object(struct call *c, const char *name);
/* Of a socket, or the one of a file, which then stays until the call ends; SK_USAGE for others. */
struct sk_sock *call_sock_of(struct call *c, struct object *obj);
void call_release(struct call *c); /* what call_sock_of keeps */
/* Endpoint operand with sock:NAME replaced by where that socket is bound. */
int call_endpoint(struct call *c, int param, struct sk_endpoint *out);
int call_place(struct call *c, const struct sk_endpoint *ep, struct sk_endpoint *out);

/* Build and print: append v for people (records by `shows`) to out. */
int value_text(struct session *ses, const struct sk_value *v, struct sk_buf *out, struct sk_err *err);
/* v as one word of the language (bytes as they are, address in its text form, a handle as its name, lists as compact
 * JSON). */
int value_word(struct session *ses, const struct sk_value *v, struct sk_buf *out, struct sk_err *err);
/* v as JSON, without newline: the one writer (lang needs it for words; out/json for envelopes). */
int value_json(struct session *ses, const struct sk_value *v, struct sk_buf *out, struct sk_err *err);
/* Field of a handle ("local", "peer", "state", ...): owned value in *out; -1 SK_USAGE when there is no such field. */
int handle_field(struct session *ses, struct sk_ref ref, const char *field, struct sk_value *out, struct sk_err *err);
extern const char *const handle_fields[]; /* in JSON's order, NULL-terminated */

#endif
