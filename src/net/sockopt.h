/* Socket options by name: one typed row each. */
#ifndef SK_NET_SOCKOPT_H
#define SK_NET_SOCKOPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/value.h"

enum sk_opttype {
    SK_OPT_BOOL,
    SK_OPT_INT,
    SK_OPT_LINGER,
    SK_OPT_TIMEVAL,
    SK_OPT_STRING,
    SK_OPT_MREQ,
    SK_OPT_MREQ6,
    SK_OPT_IFNAME,
    SK_OPT_CRED,
    SK_OPT_TCPINFO,
    SK_OPT_BYTES,
    SK_OPT_REFUSED,
    SK_OPT_IFINDEX, /* an int that is an interface's index: its name, or the number */
    SK_OPT_IFADDR   /* struct ip_mreqn without a group: an interface's address or name */
};

struct sk_optword {
    const char *name;
    int value;
};

struct sk_sockopt {
    const char *level_name, *name; /* "SOL_SOCKET", "SO_RCVBUF" */
    int level, option;
    enum sk_opttype type;
    const char *note;                   /* what the kernel makes of it, or why it is refused; NULL */
    int64_t lo, hi;                     /* of SK_OPT_INT */
    const struct sk_optword *words;     /* names of its values, up to a NULL name; or NULL */
    char level_text[12], name_text[12]; /* of a row made from numbers: what level_name and name point at */
};

const struct sk_sockopt *sk_sockopts(size_t *count);
/* LEVEL may be empty: found from the name. Names ignore case and may lack the prefix only where unambiguous; numbers
 * for both level and name give an SK_OPT_INT row in *scratch. Errors: SK_USAGE with the nearest name; for ss's and
 * sysctl's words (rcv_space, tcp_rmem) it says that these are different things. */
const struct sk_sockopt *sk_sockopt_find(const char *level, const char *name, struct sk_sockopt *scratch,
                                         struct sk_err *err);
/* Parse VALUE by the row's type ("on", "65536", "on,5" for linger, "2s" for a timeval, "239.1.1.1,127.0.0.1", "cubic",
 * a constant's name) into the bytes for setsockopt(2). No system call except interface lookups. Errors: SK_USAGE,
 * naming the type ("SO_LINGER wants on,SECONDS or off"). */
int sk_sockopt_encode(const struct sk_sockopt *opt, const char *value, struct sk_buf *out, struct sk_err *err);
/* setsockopt(2) with those bytes. When the kernel made another value of them without saying so (SO_RCVBUF...),
 * *was_clamped is true and *now the value read back. */
int sk_sockopt_set(int fd, const struct sk_sockopt *opt, const void *bytes, size_t n, bool *was_clamped,
                   struct sk_value *now, struct sk_err *err);
/* getsockopt(2), decoded: record {value (main), level, name, hex}; length 0: by type. as (or NULL): "int", "bytes", ...
 * overrides the type. */
int sk_sockopt_get(int fd, const struct sk_sockopt *opt, const char *as, size_t length, struct sk_value *out,
                   struct sk_err *err);

#endif
