/* Results and messages as people and tools read them (INTERFACE.md B3). Everything is appended to a buffer; nothing is
 * written here. */
#ifndef OUT_TEXT_H
#define OUT_TEXT_H

#include "lang/collect.h"

/* Bytes as they come, in a form that is not F_RAW, F_AUTO or F_JSON: what can be shown already is appended to out, the
 * rest waits in d until text_finish: the last line (text), the last row (hexdump), or all of it (escape, hex, base64;
 * at most 64 MiB). On failure nothing of p was taken. */
int text_feed(enum format form, struct delivery *d, const void *p, size_t n, struct sk_buf *out, struct sk_err *err);
int text_finish(enum format form, struct delivery *d, bool ok, struct sk_buf *out, struct sk_err *err);

/* One record as a line: its fields named in `shows` (blanks between), separated by one blank, or what stands for it
 * when shows is NULL. A single field of null is no line at all; a single text may have several lines. */
int text_line(struct session *ses, const struct sk_value *v, const char *shows, struct sk_buf *out, struct sk_err *err);
/* The only record of a result: a line, or, when it has many fields, `name: value` lines. */
int text_record(struct session *ses, const struct sk_value *v, const char *shows, struct sk_buf *out,
                struct sk_err *err);
/* A list with the columns aligned, two blanks between them. */
int text_table(struct session *ses, const struct sk_value *list, const char *shows, struct sk_buf *out,
               struct sk_err *err);
/* What was made, for a prompt: "s1: connected 127.0.0.1:51234 -> 127.0.0.1:6379". */
int text_made(struct session *ses, const struct sk_value *handle, struct sk_buf *out, struct sk_err *err);

/* "sockctl: FILE:LINE: WHAT (CODE)" and the note's lines, indented. file NULL: none; note NULL or empty: none. Nothing
 * unprintable comes out. */
int text_message(const char *file, int line, const struct sk_err *e, const struct sk_buf *note, struct sk_buf *out,
                 struct sk_err *err);
/* The lines of a note, indented. */
int text_note(const struct sk_buf *note, struct sk_buf *out, struct sk_err *err);

#endif
