/* Notations of byte strings: escapes as typed, the round-trip alphabet as printed, hex, base64 (INTERFACE.md B3). */
#ifndef SK_BASE_BYTES_H
#define SK_BASE_BYTES_H

#include <stdbool.h>

#include "base/buf.h"

/* Append the bytes that the escapes in text mean (\n \r \t \xHH \\ \' \" \0 \a \b \e \f \v \uHHHH; UTF-8 otherwise as
 * it is). Errors: SK_USAGE with the character position, `unknown escape \q (character 2)`. On failure *out is as
 * before. */
int sk_unescape(struct sk_buf *out, const char *text, size_t n, struct sk_err *err);

enum sk_esc { SK_ESC_QUOTED = 1 /* inside '...': a leading - and a lone , stay */ };
/* Append the printed form: printable ASCII and printable valid UTF-8 as they are, \n \r \t, all else (also \ and ') as
 * \xHH; a leading - as \x2d and a lone , as \x2c unless SK_ESC_QUOTED. No byte of C0, DEL, C1, bidi controls or invalid
 * UTF-8 comes out. */
int sk_escape(struct sk_buf *out, const void *p, size_t n, int flags, struct sk_err *err);
/* From now on characters outside ASCII are escaped too: what a terminal that is not told to speak UTF-8 makes of their
 * bytes may be controls. */
void sk_escape_ascii(void);
/* The same into a fixed array for messages, cut with "..." when too long; always NUL-terminated; returns dst. */
char *sk_escape_cut(char *dst, size_t size, const void *p, size_t n);
/* An input as messages show it: 'INPUT', and when it is longer than 60 columns 'INPU...' (1234 bytes). Returns the
 * text. */
struct sk_quoted {
    char text[96];
};
const char *sk_quote(struct sk_quoted *q, const void *p, size_t n);

/* "0d 0a", "0d0a", "0D:0A"; blanks between bytes only. Errors name the position, or the odd count. */
int sk_unhex(struct sk_buf *out, const char *text, size_t n, struct sk_err *err);
int sk_hex(struct sk_buf *out, const void *p, size_t n, struct sk_err *err); /* lower case, no blanks */
/* RFC 4648 section 4, padding required, nothing else allowed (white space neither). */
int sk_unbase64(struct sk_buf *out, const char *text, size_t n, struct sk_err *err);
int sk_base64(struct sk_buf *out, const void *p, size_t n, struct sk_err *err);
/* xxd's layout; offset is that of the first byte, so that a stream can go on. */
int sk_hexdump(struct sk_buf *out, const void *p, size_t n, unsigned long long offset, struct sk_err *err);

/* Length of the valid UTF-8 sequence at p (1 to 4), or 0. Surrogates, overlong forms and > U+10FFFF are invalid. */
size_t sk_utf8_len(const void *p, size_t n);
bool sk_utf8_valid(const void *p, size_t n);

#endif
