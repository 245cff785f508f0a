/* What rendering offers beside value_text, value_word and value_json (lang/call.h). */
#ifndef LANG_RENDER_H
#define LANG_RENDER_H

#include "base/value.h"
#include "lang/session.h"

/* Append text for people: what a terminal shows as it is, everything else as \xHH. With `lines`, newlines and tabs stay
 * too. */
int text_clean(struct sk_buf *out, const void *p, size_t n, bool lines, struct sk_err *err);

/* Append v as one cell of a line: as value_text does, but nothing is "-" and a list is joined by commas; what holds
 * records is compact JSON. */
int value_cell(struct session *ses, const struct sk_value *v, struct sk_buf *out, struct sk_err *err);

#endif
