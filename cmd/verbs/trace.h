/* Pictures of what the tape (sock/tap.h) has recorded (INTERFACE.md B10). */
#ifndef VERBS_TRACE_H
#define VERBS_TRACE_H

#include "base/buf.h"
#include "base/value.h"
#include "lang/session.h"
#include "sock/tap.h"

enum trace_form { TRACE_LADDER, TRACE_HEX, TRACE_MERMAID, TRACE_BARS, TRACE_SVG, TRACE_PCAPNG, TRACE_JSON };

/* By the suffix of a file's name: .pcapng .pcap .mmd .svg .hex .json, else the ladder. */
enum trace_form trace_form_of(const char *path);

/* Record from now on what the sockets of the session do, and those to come; in `most` bytes of memory. */
void trace_start(struct session *ses, size_t most);

/* One event after the other, for forms where that can be done: ladder, hex, pcapng, json (a line each). */
struct trace_writer;
struct trace_writer *trace_writer_new(enum trace_form form, size_t columns, const struct sk_track *only);
/* Append what the event becomes; e NULL: what stands even in an empty file. -1: no memory. */
int trace_write(struct trace_writer *w, const struct sk_tap_event *e, struct sk_buf *out, struct sk_err *err);
void trace_writer_free(struct trace_writer *w);
bool trace_streams(enum trace_form form);

/* All of the tape, that of one socket when only is not NULL, appended to out. columns: what fits in a line. */
int trace_render(enum trace_form form, size_t columns, const struct sk_track *only, struct sk_buf *out,
                 struct sk_err *err);

/* ---- For the files of this family ---- */

/* Of a socket, or of a poll that looked at it. NULL: every event is. */
bool trace_is_of(const struct sk_tap_event *e, const struct sk_track *only);
bool trace_is_data(const struct sk_tap_event *e);
/* Seconds since the tape was started. */
double trace_seconds(const struct sk_tap_event *e);
/* How a socket is called: its name, else where it is connected to, else its number. */
void trace_name(const struct sk_track *t, struct sk_buf *out);
/* What happened, in words; of data the first bytes in the escape notation, at most `columns` wide. Nothing that a
 * terminal would act on. */
void trace_words(const struct sk_tap_event *e, size_t columns, struct sk_buf *out);
/* The bytes p[n] in the escape notation, at most `columns` wide: what is left out is told. Returns the width. */
size_t trace_data(const void *p, size_t n, size_t columns, struct sk_buf *out);
/* Append text[n]; where it is too wide, what fits, and `behind`. Returns the width. */
size_t trace_cut(const char *text, size_t n, size_t columns, const char *behind, struct sk_buf *out);
/* How many columns text without control characters takes. */
size_t trace_width(const char *text, size_t n);
/* "in out hup": the names of POLL* bits. */
void trace_revents(short revents, struct sk_buf *out);
struct sk_value trace_event_value(const struct sk_tap_event *e);

/* The forms. */
struct trace_ladder;
struct trace_ladder *trace_ladder_new(size_t columns, const struct sk_track *only);
void trace_ladder_free(struct trace_ladder *l);
int trace_ladder_event(struct trace_ladder *l, const struct sk_tap_event *e, struct sk_buf *out, struct sk_err *err);
int trace_hex_event(const struct sk_tap_event *e, uint64_t *offset, struct sk_buf *out, struct sk_err *err);
int trace_mermaid(const struct sk_track *only, struct sk_buf *out, struct sk_err *err);
int trace_bars(size_t columns, const struct sk_track *only, struct sk_buf *out, struct sk_err *err);
int trace_svg(const struct sk_track *only, struct sk_buf *out, struct sk_err *err);
struct trace_pcap;
struct trace_pcap *trace_pcap_new(void);
/* e NULL: what a file begins with, when nothing else was written. */
int trace_pcap_event(struct trace_pcap *p, const struct sk_tap_event *e, struct sk_buf *out, struct sk_err *err);
void trace_pcap_free(struct trace_pcap *p);

#endif
