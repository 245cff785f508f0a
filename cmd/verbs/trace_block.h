/* The blocks of a pcapng file (draft-ietf-opsawg-pcapng), in the byte order of this machine. */
#ifndef VERBS_TRACE_BLOCK_H
#define VERBS_TRACE_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct pcapng_packet {
    uint32_t interface;
    uint64_t at; /* ns since 1970 */
    const void *bytes;
    size_t n, real_len;           /* as kept, and as it was */
    bool in;                      /* came, or went */
    const struct sk_buf *comment; /* may be empty */
};

/* Each appends one block. -1: no memory. */
int pcapng_section(struct sk_buf *out, struct sk_err *err);
/* packets: of IPv4 and IPv6, else bytes of a user's protocol. Interfaces count from 0. */
int pcapng_interface(struct sk_buf *out, bool packets, const struct sk_buf *name, const char *about,
                     struct sk_err *err);
int pcapng_packet(struct sk_buf *out, const struct pcapng_packet *p, struct sk_err *err);

#endif
