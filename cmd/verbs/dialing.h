/* What commands that connect share: where from, and what became of each attempt. */
#ifndef VERBS_DIALING_H
#define VERBS_DIALING_H

#include "lang/call.h"

#define DIAL_OPTIONS                                                                                                   \
    OPT(0, "source", K_ADDR, "connect from this address of this machine, with or without a port", .flags = PORTLESS),  \
        OPT(0, "interface", K_TEXT, "use this network interface alone")
#define UNIX_TYPE OPT(0, "type", K_TYPE, "socket type for a UNIX address: stream (default), dgram or seqpacket")

/* -u or --type (0: neither), and the address, must not contradict each other; nor -4 or -6 (family) and the address. */
int endpoint_agrees(const struct sk_endpoint *ep, int type, int family, struct sk_err *err);
/* A list of records {addr, code, started, ms}: code is null for the one that was connected. */
struct sk_value attempts_value(const struct sk_attempts *attempts);

#endif
