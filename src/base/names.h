/* Constants by name: one row each, for parsing, printing, completion and `constants`. */
#ifndef SK_BASE_NAMES_H
#define SK_BASE_NAMES_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

enum sk_group {
    SK_G_AF,
    SK_G_SOCK,
    SK_G_IPPROTO,
    SK_G_SOL,
    SK_G_SO,
    SK_G_TCP,
    SK_G_UDP,
    SK_G_IP,
    SK_G_IPV6,
    SK_G_MSG,
    SK_G_POLL,
    SK_G_SHUT,
    SK_G_AI,
    SK_G_NI,
    SK_G_EAI,
    SK_G_ERRNO,
    SK_G_SCM,
    SK_G_TCPSTATE,
    SK_G_OTHER,
    SK_G_COUNT
};

struct sk_name {
    const char *name;
    int value;
    enum sk_group group;
};

/* All rows, grouped, in the order they are shown; *count receives their number. */
const struct sk_name *sk_names(size_t *count);
/* The row of a name in a group (SK_G_COUNT: any), ignoring case, with or without the group's prefix ("inet6" =
 * AF_INET6); NULL if there is none. */
const struct sk_name *sk_name_find(enum sk_group group, const char *text, size_t n);
/* The first name of a value in a group, or NULL. */
const char *sk_name_of(enum sk_group group, int value);
/* A name of the group or a decimal/0x number >= 0. Errors (SK_USAGE) suggest the nearest name. */
int sk_name_parse(enum sk_group group, const char *what, const char *text, size_t n, int *out, struct sk_err *err);
/* Names or numbers joined by ',' or '|', or-ed together ("in,out", "MSG_PEEK|MSG_TRUNC"). */
int sk_name_parse_flags(enum sk_group group, const char *what, const char *text, size_t n, int *out,
                        struct sk_err *err);
/* Append value as "NAME" or the number. */
int sk_name_print(struct sk_buf *out, enum sk_group group, int value, struct sk_err *err);
/* Of the names[count], the one within two edits of text, or NULL: "did you mean". */
const char *sk_nearest(const char *text, const char *const *names, size_t count);

#endif
