/* Names: the order overrides, hosts, localhost, DNS (DESIGN.md 6). c-ares has its home in dns.c and dns_channel.c. */
#ifndef SK_NET_DNS_H
#define SK_NET_DNS_H

#include <netdb.h>

#include "base/clock.h"
#include "base/value.h"
#include "net/hosts.h"

/* This name has this address, whoever else may know better. */
struct sk_override {
    const char *name;
    struct sk_addr addr;
};

/* How names are looked up. All zero, or NULL in its place: as the machine is configured. Everything is borrowed. */
struct sk_lookup {
    const struct sk_addr *servers; /* asked in this order; none: those of resolv.conf */
    size_t server_count;
    const struct sk_override *overrides; /* several for one name are its addresses */
    size_t override_count;
    bool tcp;       /* ask over TCP */
    bool no_hosts;  /* leave the hosts file out */
    bool no_search; /* leave resolv.conf's search list out */
    bool soon;      /* ask a lone server again soon, for as long in all: where packets get lost */
};
/* "ADDR" or "ADDR:PORT" (port 53), IPv6 with a port in brackets: strict, no names. Errors: SK_USAGE. */
int sk_server_parse(struct sk_addr *out, const char *text, size_t n, struct sk_err *err);
/* "NAME:ADDR". *name, up to *name_n, points into text. Errors: SK_USAGE. */
int sk_override_parse(struct sk_addr *out, const char **name, size_t *name_n, const char *text, size_t n,
                      struct sk_err *err);

/* Addresses of a name (never a literal) for connect and bind, port 0, best first. family 0: A and AAAA at once as two
 * queries, without a family that no interface has. Waits until answered, the deadline (SK_TIMEOUT), or cancellation;
 * abandoned queries do not delay exit. Errors: SK_GAI with the EAI code of DNS_TLS.md A.6; the sentence and
 * out->origin tell NXDOMAIN, no data, SERVFAIL, no answer apart, and who said so. */
int sk_resolve(const char *name, int family, const struct sk_lookup *how, sk_time deadline, struct sk_addrs *out,
               struct sk_err *err);
/* The part of it that asks nobody: overrides, localhost, hosts, and the refusal of what is no name. 1: answered; 0: DNS
 * must be asked; -1: refused. */
int sk_resolve_local(const char *name, int family, const struct sk_lookup *how, struct sk_addrs *out,
                     struct sk_err *err);
/* The part of it that is DNS, for one family (AF_INET or AF_INET6): who wants both asks in two tasks. */
int sk_dns_ask(const char *name, int family, const struct sk_lookup *how, sk_time deadline, struct sk_addrs *out,
               struct sk_err *err);

/* Of the failures of two families the heavier one is told: a passing trouble, then "the name exists", then NXDOMAIN; 0
 * for a family that was not asked. */
enum { SK_DNS_TROUBLE = 3 };
int sk_dns_weight(const struct sk_err *why);

/* Which families have an address that is not loopback: who asks for both leaves out the one that has not, unless
 * neither has. */
void sk_families_here(bool *has4, bool *has6);
/* The order of RFC 6724: sk_resolve's and getaddrinfo's answers have it; those of sk_dns_ask come as DNS gave them. */
void sk_addrs_sort(struct sk_addrs *addrs);

/* getaddrinfo(3) with libc's answers (DNS_TLS.md B): host or service NULL as there. A list of records {family, type,
 * proto, canonname, addr (main)}, family and type as constant names' text. Numeric hosts through libc's
 * AI_NUMERICHOST. *origin (NULL is allowed) is filled in any case. */
int sk_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, const struct sk_lookup *how,
                   sk_time deadline, struct sk_value *out, struct sk_origin *origin, struct sk_err *err);
/* getnameinfo(3): record {host (main), service}. flags NI_*. PTR through c-ares. */
int sk_getnameinfo(const struct sk_addr *addr, int flags, const struct sk_lookup *how, sk_time deadline,
                   struct sk_value *out, struct sk_origin *origin, struct sk_err *err);
/* Release the channels. For exit; nothing of a lookup may be running. */
void sk_dns_done(void);

#endif
