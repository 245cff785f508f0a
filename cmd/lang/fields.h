/* The parts of values that have parts: what JSON shows and $x.field reads. One list of names for both. */
#ifndef LANG_FIELDS_H
#define LANG_FIELDS_H

#include "base/value.h"
#include "lang/session.h"
#include "net/addr.h"

/* The socket address in a value of type SK_ADDR. */
struct sk_addr value_addr(const struct sk_value *v);

/* Part i of an address: owned; null where it does not apply. */
extern const char *const address_fields[]; /* in JSON's order, NULL-terminated */
struct sk_value address_part(const struct sk_addr *a, size_t i);

/* Part i of bytes: len, text (null when it is not UTF-8), base64, truncated, real_len. */
extern const char *const bytes_fields[];
struct sk_value bytes_part(const struct sk_value *v, size_t i);

/* Names of the parts of an object of the session (sockets: handle_fields), and part i. obj NULL: a socket that is gone.
 */
const char *const *object_fields(const struct object *obj);
struct sk_value object_part(struct session *ses, const struct object *obj, size_t i);

/* The record of all parts of a handle, as it is now. */
struct sk_value handle_record(struct session *ses, struct sk_ref ref);

/* Field of any value by its name in JSON: of a record (also of an item that stands in it with key ""), a handle, an
 * address, bytes. A field of null is null. Owned value in *out; -1 SK_USAGE with the names there are. */
int value_field(struct session *ses, const struct sk_value *v, const char *field, struct sk_value *out,
                struct sk_err *err);

#endif
