/* Socket addresses: one strict parser, one printed form (INTERFACE.md B2). Nothing here asks DNS. */
#ifndef SK_NET_ADDR_H
#define SK_NET_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/err.h"

struct sk_addr {
    socklen_t len; /* 0: none */
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
        struct sockaddr_storage ss;
    } u;
};

#define SK_ADDR_TEXT 512 /* room enough for any printed form */

enum sk_ep_kind {
    SK_EP_ADDR,     /* a complete address */
    SK_EP_NAME,     /* host is a name to be resolved; port is known */
    SK_EP_LOOPBACK, /* ":port" */
    SK_EP_ANY,      /* "*:port" */
    SK_EP_FD,       /* "fd:N" */
    SK_EP_SOCK,     /* "sock:NAME": where that socket of the session is bound */
};

/* An ADDR operand, parsed. */
struct sk_endpoint {
    enum sk_ep_kind kind;
    int type;            /* SOCK_STREAM, SOCK_DGRAM, ... when the text says so (udp:, tcp:, udp://), else 0 */
    bool tls;            /* tls://, tls: */
    uint16_t port;       /* NAME, LOOPBACK, ANY */
    int fd;              /* FD */
    char host[256];      /* NAME: as typed, valid by the rules of D2 33 to 44; SOCK: the socket's name */
    struct sk_addr addr; /* ADDR */
};

/* Parse words[count] (1: every form of B2; 2: host port; 4: host port flowinfo scope) strictly. Errors: SK_USAGE with
 * what to write instead (RELIABILITY.md D2 rows 1 to 46). Service names through /etc/services (read by own code). No
 * socket call, no DNS; interface names are looked up. `listening` allows port 0. */
int sk_endpoint_parse(struct sk_endpoint *ep, const char *const *words, const size_t *lengths, size_t count,
                      bool listening, struct sk_err *err);
/* Port text alone: digits 0 to 65535 without leading zero, or a service name of protocol "tcp" or "udp" (NULL: either).
 */
int sk_port_parse(const char *text, size_t n, const char *protocol, uint16_t *port, struct sk_err *err);
/* Service tables for getservbyname and getnameinfo: 0, or -1 when unknown (err untouched). /etc/services by own code.
 */
int sk_service_port(const char *name, const char *protocol, uint16_t *port);
int sk_service_name(uint16_t port, const char *protocol, char *name, size_t size);
/* Protocol number of a name in /etc/protocols (or the built-in few); -1 when unknown. */
int sk_protocol_number(const char *name);

/* The one printed form, accepted back by the parser; NUL-terminated; returns dst (size >= SK_ADDR_TEXT). */
char *sk_addr_format(char *dst, size_t size, const struct sk_addr *addr);
char *sk_endpoint_format(char *dst, size_t size, const struct sk_endpoint *ep);
/* The host part alone ("::1", "fe80::1%eth0", "10.0.0.1"), RFC 5952. */
char *sk_addr_host(char *dst, size_t size, const struct sk_addr *addr);
uint16_t sk_addr_port(const struct sk_addr *addr); /* 0 for families without */
void sk_addr_set_port(struct sk_addr *addr, uint16_t port);
void sk_addr_loopback(struct sk_addr *addr, int family, uint16_t port);
void sk_addr_any(struct sk_addr *addr, int family, uint16_t port);
bool sk_addr_equal(const struct sk_addr *a, const struct sk_addr *b);

/* inet_pton and inet_ntop with libc's meaning (MICROPYTHON.md A.3): out receives 4 or 16 bytes, returned. -1: SK_USAGE
 * for an unknown family; for text that is no address SK_SYS EINVAL (status of the command: 1). Length-checked. */
int sk_inet_pton(int family, const char *text, size_t n, unsigned char out[16], struct sk_err *err);
int sk_inet_ntop(int family, const void *bytes, size_t n, char *dst, size_t size, struct sk_err *err);

#endif
