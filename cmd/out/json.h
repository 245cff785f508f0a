/* One JSON object a line (INTERFACE.md B4). */
#ifndef OUT_JSON_H
#define OUT_JSON_H

#include "lang/collect.h"

/* Append the envelope of a command that ended, with its newline. d: what it delivered, or NULL. */
int json_line(struct call *c, const struct outcome *o, const struct delivery *d, struct sk_buf *out,
              struct sk_err *err);

/* The same for one item of an EACH command. */
int json_item(struct call *c, const struct sk_value *item, struct sk_buf *out, struct sk_err *err);

#endif
