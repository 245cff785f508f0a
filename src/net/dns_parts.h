/* What the files of name resolution share. Other rooms use dns.h. */
#ifndef SK_NET_DNS_PARTS_H
#define SK_NET_DNS_PARTS_H

#include "net/dns.h"

/* What resolv.conf says, with our defaults where it says nothing (resolver(5)); servers are left to c-ares. */
struct sk_resolv_conf {
    char text[1024];  /* what the domains point into */
    char *domains[6]; /* the search list */
    int ndomains, ndots, tries, timeout_ms;
    bool rotate;
};
void sk_resolv_conf(struct sk_resolv_conf *conf, const char *path);

/* A and AAAA from DNS, each where wanted, at once; IPv6 first in *out. -1: SK_GAI, or what the wait failed with. */
int sk_dns_ask(const char *name, bool want4, bool want6, sk_time deadline, struct sk_addrs *out, struct sk_err *err);
/* PTR from DNS: 0 and *name, the caller's to free, or NULL where the servers answered and gave none. -1: they were
 * silent. */
int sk_dns_ask_name(const struct sk_addr *addr, sk_time deadline, char **name, struct sk_err *err);

/* A name that may be sent to DNS: labels of 1 to 63 letters, digits, '-' and '_', 253 in all, no number at the end. */
bool sk_dns_is_name(const char *name);
/* A name as getaddrinfo(3) would look it up: hosts alone decide when they know it, then localhost, then DNS. family as
 * in sk_resolve; with addrconfig a family is left out that no interface has (but loopback) while the other one is
 * there. */
int sk_lookup(const char *name, int family, bool addrconfig, sk_time deadline, struct sk_addrs *out,
              struct sk_err *err);

#endif
