/* What commands with many results share (flag EACH). */
#ifndef VERBS_EACH_H
#define VERBS_EACH_H

#include "lang/call.h"
#include "net/hosts.h"

/* The item of a name that failed: {"name", "error": {code, errno, syscall, exit, message, and where DNS said it:
 * reason, server, timeouts}}. */
struct sk_value each_failure(const char *name, const struct sk_err *why, const struct sk_origin *origin);
/* Its line: "NAME ! CODE why". */
int each_failure_line(const struct sk_value *item, struct sk_buf *out, struct sk_err *err);

#endif
