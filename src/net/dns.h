/* Names: the order numeric, hosts, localhost, c-ares (DESIGN.md 6). dns.c is the only user of c-ares. */
#ifndef SK_NET_DNS_H
#define SK_NET_DNS_H

#include <netdb.h>

#include "base/clock.h"
#include "base/value.h"
#include "net/hosts.h"

/* Addresses of a name (never a literal) for connect and bind, port 0; IPv6 first, then RFC 6724 order as far as it
 * matters. family 0: A and AAAA at once as two queries. Waits until answered, the deadline (SK_TIMEOUT), or
 * cancellation; abandoned queries do not delay exit. Errors: SK_GAI with the EAI code of DNS_TLS.md A.6; the sentence
 * tells NXDOMAIN, no data, SERVFAIL, no answer apart. */
int sk_resolve(const char *name, int family, sk_time deadline, struct sk_addrs *out, struct sk_err *err);

/* getaddrinfo(3) with libc's answers (DNS_TLS.md B): host or service NULL as there. A list of records {family, type,
 * proto, canonname, addr (main)}, family and type as constant names' text. Numeric hosts through libc's AI_NUMERICHOST;
 * names through sk_resolve. */
int sk_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, sk_time deadline,
                   struct sk_value *out, struct sk_err *err);
/* getnameinfo(3): record {host (main), service}. flags NI_*. PTR through c-ares. */
int sk_getnameinfo(const struct sk_addr *addr, int flags, sk_time deadline, struct sk_value *out, struct sk_err *err);
/* Ask these servers ("127.0.0.1:5353,[::1]:53") instead of those of resolv.conf; NULL: those again. For --server and
 * for tests; used from the next lookup on, which fails (SK_USAGE) when the list is not understood. */
void sk_dns_servers(const char *csv);
/* Release the channel. For exit; nothing of a lookup may be running. */
void sk_dns_done(void);

#endif
