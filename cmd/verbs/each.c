#include "verbs/each.h"

#include <string.h>

#include "lang/frame.h"
#include "lang/render.h"

struct sk_value each_failure(const char *name, const struct sk_err *why, const struct sk_origin *origin) {
    struct sk_value item = sk_record(), error = outcome_error(why);
    if (origin->reason)
        sk_put(&error, "reason", sk_text(origin->reason));
    if (origin->server[0])
        sk_put(&error, "server", sk_text(origin->server));
    if (origin->timeouts)
        sk_put(&error, "timeouts", sk_int(origin->timeouts));
    sk_put_main(&item, "name", sk_text(name));
    sk_put(&item, "error", error);
    return item;
}

int each_failure_line(const struct sk_value *item, struct sk_buf *out, struct sk_err *err) {
    const struct sk_value *error = sk_get(item, "error");
    const struct sk_blob *name = sk_get(item, "name")->u.s;
    const char *why = sk_get(error, "message")->u.s->data;
    size_t n = name->len;
    if (strncmp(why, name->data, n) == 0 && why[n] == ':' && why[n + 1] == ' ') /* the sentence begins with the name */
        why += n + 2;
    if (text_clean(out, name->data, n, false, err) < 0)
        return -1;
    return sk_buf_printf(out, err, " ! %s %s\n", sk_get(error, "code")->u.s->data, why);
}
