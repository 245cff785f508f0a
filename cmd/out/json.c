/* Envelopes as lines. */
#include "out/json.h"

#include "lang/call.h"

static int envelope_line(struct call *c, struct sk_value envelope, struct sk_buf *out, struct sk_err *err) {
    int rc = value_json(c->ses, &envelope, out, err);
    sk_drop(envelope);
    return rc < 0 ? -1 : sk_buf_add(out, "\n", 1, err);
}

int json_line(struct call *c, const struct outcome *o, const struct delivery *d, struct sk_buf *out,
              struct sk_err *err) {
    return envelope_line(c, outcome_delivered(c, o, d), out, err);
}

int json_item(struct call *c, const struct sk_value *item, struct sk_buf *out, struct sk_err *err) {
    return envelope_line(c, outcome_item(c, item), out, err);
}
