/* Digits, without a locale. Private to base. */
#ifndef SK_BASE_DIGIT_H
#define SK_BASE_DIGIT_H

#include <stdbool.h>

static inline bool sk_is_digit(char c) { return c >= '0' && c <= '9'; }

/* 0 to 15, or -1 for what is no hexadecimal digit. */
static inline int sk_hex_value(char c) {
    if (sk_is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* ASCII lower case. */
static inline char sk_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c; }

#endif
