/* Many ports of one host in one word: "h:22,80,8000-8100" (INTERFACE.md B2, for probe). */
#ifndef SK_NET_PORTS_H
#define SK_NET_PORTS_H

#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"

struct sk_ports {
    struct sk_endpoint ep; /* with the first of the ports */
    uint16_t *list;        /* in the order written, each once; owned. NULL where addresses have none (a path) */
    size_t count;
};

/* Every one-word form of sk_endpoint_parse, where the port may be a list of ports, services and ranges LOW-HIGH. As
 * strict as that: SK_USAGE says what to write instead. Nothing is kept on failure. */
int sk_ports_parse(struct sk_ports *out, const char *text, size_t n, struct sk_err *err);
void sk_ports_done(struct sk_ports *ports);

#endif
