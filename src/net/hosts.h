/* The hosts file, nsswitch's order, and RFC 6761 localhost: answers that never leave the machine. */
#ifndef SK_NET_HOSTS_H
#define SK_NET_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#include "net/addr.h"

/* Where an answer comes from, or why there is none. */
struct sk_origin {
    const char *source; /* "numeric", "override", "hosts", "localhost", "dns"; NULL: nobody was asked */
    const char *reason; /* of a failure in DNS: "NXDOMAIN", "NODATA", "SERVFAIL", "REFUSED", "NOTIMP", "FORMERR",
                           "BADRESP", "TIMEOUT", "UNREACHABLE"; else NULL */
    char server[160];   /* the DNS server that said so; when all were silent, all of them; "" */
    int timeouts;       /* queries that got no answer in time */
    bool is_cut;        /* there were more addresses than we take */
    bool is_guess;      /* resolv.conf names no server: this machine was asked */
};

struct sk_addrs { /* owned list; all zero is empty */
    struct sk_addr *list;
    int *ttl; /* of each, in seconds; -1: not known */
    size_t count;
    char *canonical;         /* or NULL */
    struct sk_origin origin; /* also after a failure */
};
void sk_addrs_done(struct sk_addrs *addrs);
void sk_addrs_add(struct sk_addrs *addrs, const struct sk_addr *addr); /* ttl -1 */

/* Addresses of name (family 0: any) from the hosts table (reloaded when the file changed), IPv6 first. Returns the
 * number found. */
size_t sk_hosts_lookup(const char *name, int family, struct sk_addrs *out);
/* localhost, *.localhost, with or without the final dot: ::1 and 127.0.0.1. Returns the number added; 0 when the name
 * is another. */
size_t sk_hosts_localhost(const char *name, int family, struct sk_addrs *out);
/* Name of an address from the hosts table, or NULL. */
const char *sk_hosts_reverse(const struct sk_addr *addr);
/* The hosts line of nsswitch.conf: which of `files` and `dns` are asked (both when there is no such file or line),
 * files always first. */
void sk_hosts_order(bool *use_files, bool *use_dns);
void sk_hosts_path(const char *path); /* tests: another file than /etc/hosts */

#endif
