/* Envelopes as lines. */
#include "out/json.h"

#include "lang/call.h"

int json_line(struct call *c, const struct outcome *o, const struct delivery *d, struct sk_buf *out,
              struct sk_err *err) {
    struct sk_value envelope = outcome_delivered(c, o, d);
    int rc = value_json(c->ses, &envelope, out, err);
    sk_drop(envelope);
    return rc < 0 ? -1 : sk_buf_add(out, "\n", 1, err);
}
