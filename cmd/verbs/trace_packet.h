/* Packets for bytes that a socket moved: headers of IP, TCP and UDP with right lengths, numbers and checksums. */
#ifndef VERBS_TRACE_PACKET_H
#define VERBS_TRACE_PACKET_H

#include "sock/tap.h"

enum { UDP_MOST = 65507 /* bytes of data in a datagram */, TCP_MOST = 65400 /* in a segment */ };

bool packet_is_tcp(const struct sk_track *t);
bool packet_is_udp(const struct sk_track *t);
/* The ends of what a socket says to the address `other`, as they are on the wire: none is 0.0.0.0 or ::, a mapped one
 * is IPv4. Where the kernel was not asked for the own one, or did not say, it is that of loopback for a peer there. */
void packet_ends(const struct sk_track *t, const struct sk_addr *other, struct sk_addr *local, struct sk_addr *peer);
void packet_udp(struct sk_buf *out, const struct sk_addr *from, const struct sk_addr *to, const void *p, size_t n);

/* A TCP connection as it is told: ends[0] is the one that connected. */
struct flow {
    struct flow *next;
    struct {
        struct sk_addr addr;
        uint32_t seq;    /* of the next byte */
        uint32_t told;   /* what of the other's was acknowledged */
        unsigned joined; /* sockets of ours at this end, */
        bool was_joined; /* or that were */
        bool has_ended;
    } ends[2];
    uint16_t number; /* of the next packet of IPv4 */
    bool is_open, was_reset;
};

/* Takes a packet; from_me: the end of the socket that the event is of has sent it. */
typedef int flow_put(void *arg, bool from_me, const void *bytes, size_t n, struct sk_err *err);

void flow_init(struct flow *f, const struct sk_addr *from, const struct sk_addr *to, uint32_t number);
/* What the connecting end says first; `side` is always the end that the event is of. */
int flow_syn(struct flow *f, bool side, flow_put *put, void *arg, struct sk_err *err);
/* The answer, and its acknowledgement. */
int flow_open(struct flow *f, bool side, flow_put *put, void *arg, struct sk_err *err);
/* Bytes of the end `from`, in segments. */
int flow_data(struct flow *f, bool from, bool from_me, const unsigned char *p, size_t n, flow_put *put, void *arg,
              struct sk_err *err);
/* The end `from` has nothing more to say: once. */
int flow_fin(struct flow *f, bool from, bool from_me, flow_put *put, void *arg, struct sk_err *err);
int flow_reset(struct flow *f, bool from, bool from_me, flow_put *put, void *arg, struct sk_err *err);

#endif
