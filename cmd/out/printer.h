/* A sink that writes to a descriptor, from the inside: sink.c decides what is shown, show.c how it looks. */
#ifndef OUT_PRINTER_H
#define OUT_PRINTER_H

#include "lang/collect.h"
#include "out/out.h"
#include "out/sink.h"

enum terminal { TERMINAL_UNKNOWN, TERMINAL_NO, TERMINAL_YES };

struct printer {
    struct sink base;
    struct frame *frame;
    struct out out, messages;
    enum format format;
    enum terminal terminal;
    struct delivery *deliveries;
    struct sk_buf spare; /* memory for the next record */
};

/* A buffer for one record. Another task may print while one waits, so it is lent. */
struct sk_buf printer_borrow(struct printer *p);
void printer_give_back(struct printer *p, struct sk_buf *b);
int printer_write(struct printer *p, const void *bytes, size_t n, size_t *taken, struct sk_err *err);
/* rc is that of what filled b; the record is written to its end, also when the command is cancelled meanwhile, and the
 * buffer given back. */
int printer_record(struct printer *p, struct sk_buf *b, int rc, struct sk_err *err);
bool printer_is_terminal(struct printer *p);

/* Bytes of a stream: *taken of them were given out. */
int show_bytes(struct printer *p, struct call *c, struct delivery *d, const void *bytes, size_t n, size_t *taken,
               struct sk_err *err);
/* What they leave to show at their end. */
int show_rest(struct printer *p, struct call *c, struct delivery *d, bool ok, struct sk_err *err);
/* A value that bytes stand for, in one piece. */
int show_whole(struct printer *p, struct call *c, const struct sk_value *v, struct sk_err *err);
int show_line(struct printer *p, struct call *c, const struct sk_value *v, const char *shows, struct sk_err *err);
int show_list(struct printer *p, struct call *c, const struct sk_value *list, struct sk_err *err);
int show_value(struct printer *p, struct call *c, const struct sk_value *v, struct sk_err *err);
/* Does `shows` name several fields? */
bool has_columns(const char *shows);

#endif
