/* Regular expressions on streams: PCRE2 8-bit, multiline, no UTF unless (*UTF), partial matching, a match limit. The
 * only user of PCRE2, opened on first use. */
#ifndef SK_SOCK_REGEX_H
#define SK_SOCK_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct sk_regex;
/* SK_USAGE with the position for a bad pattern. */
struct sk_regex *sk_regex_new(const char *pattern, size_t n, struct sk_err *err);
void sk_regex_free(struct sk_regex *re);
/* 1: match; 0: none; 2: partial, more input could still match (from *from on); -1: the match limit ("pattern too
 * costly", SK_USAGE). `more`: input may still come. Searches p[*from..n); moves *from to where a later search must
 * start, so that nothing is scanned twice without need. */
int sk_regex_match(struct sk_regex *re, const void *p, size_t n, size_t *from, bool more, struct sk_err *err);
/* After a match: the span of group i (0 = all); false when unset or beyond the last. */
bool sk_regex_group(const struct sk_regex *re, size_t i, size_t *start, size_t *end);
size_t sk_regex_groups(const struct sk_regex *re); /* highest group number of the pattern */
/* Name of the i-th named group and its number; NULL beyond the last. */
const char *sk_regex_name(const struct sk_regex *re, size_t i, size_t *group);

#endif
