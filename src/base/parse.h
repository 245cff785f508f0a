/* Strict numbers: the whole text or an error that says what to write. No locale, no blanks, no sign unless allowed. */
#ifndef SK_BASE_PARSE_H
#define SK_BASE_PARSE_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"

/* Decimal digits, with '-' only when lo < 0; no '+', no leading zero except "0". WHAT names the operand in the message:
 * `WHAT: '080': leading zero; write 80`, `WHAT: '70000': out of range 0 to 65535`. */
int sk_parse_int(const char *what, const char *text, size_t n, int64_t lo, int64_t hi, int64_t *out,
                 struct sk_err *err);
/* The same, or 0x and hex digits (option values, raw levels). */
int sk_parse_number(const char *what, const char *text, size_t n, int64_t lo, int64_t hi, int64_t *out,
                    struct sk_err *err);
/* TIME: digits with at most one dot and a unit us ms s m h (bare: seconds), or "inf" (SK_NEVER). A length in ns; a
 * positive time below 1 ns rounds up; more than 10 years is refused (D2 row 51). */
int sk_parse_time(const char *what, const char *text, size_t n, sk_time *out, struct sk_err *err);
/* SIZE: digits with an optional unit k M G T (decimal) or Ki Mi Gi Ti (binary), optional B: bytes, at most INT64_MAX.
 */
int sk_parse_size(const char *what, const char *text, size_t n, int64_t *out, struct sk_err *err);
/* Nanoseconds as people write them: "30s", "200ms", "1.5s", "inf". Returns dst. */
char *sk_format_time(char *dst, size_t size, sk_time ns);

#endif
