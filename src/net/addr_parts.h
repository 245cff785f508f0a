/* The pieces of the address parser that its own files share. Other rooms use addr.h. */
#ifndef SK_NET_ADDR_PARTS_H
#define SK_NET_ADDR_PARTS_H

#include "net/addr.h"

#define SK_SHOWN 96

/* 'TEXT' in quotes for a message: escaped, cut at 60 columns and then followed by its length. Returns dst. */
const char *sk_shown(char dst[SK_SHOWN], const char *text, size_t n);

/* True when the last label is a number (WHATWG URL, "ends in a number"): such a text is an IPv4 address or an error,
 * never a name. */
bool sk_ends_in_number(const char *text, size_t n);
/* Four decimal numbers; every older spelling is refused with the value that it would have had (inet_aton(3)). */
int sk_ip4_parse(const char *text, size_t n, struct in_addr *out, struct sk_err *err);
/* An IPv6 literal with an optional %zone; in_url allows %25 before the zone. Looks up the interface. */
int sk_ip6_parse(const char *text, size_t n, bool in_url, struct sk_addr *out, struct sk_err *err);
/* The text alone is an IPv6 literal, perhaps with a zone; nothing is looked up. */
bool sk_ip6_looks(const char *text, size_t n);
/* A link-local address must say which link. */
int sk_ip6_check_scope(const struct sk_addr *addr, const char *text, size_t n, struct sk_err *err);
/* RFC 5952 text of 16 bytes into dst[46]. */
char *sk_ip6_text(char dst[46], const unsigned char bytes[16]);

/* Nothing, NUL or white space: wrong in every kind of host. */
int sk_host_check_blank(const char *text, size_t n, struct sk_err *err);
/* A host name by D2 33 to 44: letters, digits, '-' and inner '_'; labels of 1 to 63; 253 in all. Other scripts become
 * their A-labels (IDNA 2008) when libidn2 is there. host[256] receives the name. */
int sk_host_check(const char *text, size_t n, char host[256], struct sk_err *err);
/* UTF-8 to A-labels through libidn2, opened on first use. Errors: SK_USAGE. */
int sk_idn_encode(const char *text, size_t n, char *dst, size_t size, struct sk_err *err);

/* What follows "unix:", "unix:@" (abstract) or is a path itself, in the byte notation. */
int sk_unix_parse(const char *text, size_t n, bool abstract, struct sk_addr *out, struct sk_err *err);
/* What follows "vsock:". */
int sk_vsock_parse(const char *text, size_t n, struct sk_addr *out, struct sk_err *err);
/* What follows "raw:". */
int sk_raw_parse(const char *text, size_t n, struct sk_addr *out, struct sk_err *err);

/* One host[:port] with its surroundings: how the forms meet. */
struct sk_form {
    const char *all; /* the whole operand, for messages */
    size_t all_n;
    bool listening, in_url;
};
int sk_hostport_parse(struct sk_endpoint *ep, const struct sk_form *form, const char *text, size_t n,
                      struct sk_err *err);
/* A host and a port that were apart already. */
int sk_place(struct sk_endpoint *ep, const struct sk_form *form, const char *host, size_t hn, const char *port,
             size_t pn, struct sk_err *err);

#endif
