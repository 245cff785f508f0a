#include "verbs/trace_packet.h"

#include <string.h>

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
enum { TTL = 64, TCP_HEADER = 20, UDP_HEADER = 8, SCALE = 14 };
static const uint32_t UNTOLD_MOST = 128 * 1024; /* bytes on their way before the other end acknowledges them */

/* ---- Addresses ---- */

static bool is_ip(const struct sk_track *t) { return t->family == AF_INET || t->family == AF_INET6; }

bool packet_is_tcp(const struct sk_track *t) {
    return is_ip(t) && t->type == SOCK_STREAM &&
           (t->proto == IPPROTO_TCP || t->proto == IPPROTO_MPTCP || t->proto == 0);
}

bool packet_is_udp(const struct sk_track *t) {
    return is_ip(t) && t->type == SOCK_DGRAM && (t->proto == IPPROTO_UDP || t->proto == 0);
}

static struct sk_addr on_wire(const struct sk_addr *addr, int family) {
    struct sk_addr a;
    if (addr->len == 0 || (addr->u.sa.sa_family != AF_INET && addr->u.sa.sa_family != AF_INET6)) {
        sk_addr_any(&a, family, 0);
        return a;
    }
    if (addr->u.sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&addr->u.in6.sin6_addr)) {
        sk_addr_any(&a, AF_INET, sk_addr_port(addr));
        memcpy(&a.u.in.sin_addr, addr->u.in6.sin6_addr.s6_addr + 12, 4);
        return a;
    }
    a = *addr;
    if (a.u.sa.sa_family == AF_INET6) { /* on the wire there is neither */
        a.u.in6.sin6_flowinfo = 0;
        a.u.in6.sin6_scope_id = 0;
    }
    return a;
}

static bool is_loopback(const struct sk_addr *a) {
    return a->u.sa.sa_family == AF_INET ? (ntohl(a->u.in.sin_addr.s_addr) >> 24) == 127
                                        : IN6_IS_ADDR_LOOPBACK(&a->u.in6.sin6_addr);
}

static bool is_any(const struct sk_addr *a) {
    return a->u.sa.sa_family == AF_INET ? a->u.in.sin_addr.s_addr == 0 : IN6_IS_ADDR_UNSPECIFIED(&a->u.in6.sin6_addr);
}

void packet_ends(const struct sk_track *t, const struct sk_addr *other, struct sk_addr *local, struct sk_addr *peer) {
    *peer = on_wire(other, t->family);
    *local = on_wire(&t->local, t->family);
    int family = peer->u.sa.sa_family, own = local->u.sa.sa_family;
    if (own != family && is_any(local)) /* a socket of both families */
        sk_addr_any(local, family, sk_addr_port(local));
    else if (own != family)
        sk_addr_any(peer, own, sk_addr_port(peer));
    if (is_any(local) && is_loopback(peer))
        sk_addr_loopback(local, family, sk_addr_port(local));
}

/* ---- Headers ---- */

static void put16(unsigned char *p, unsigned v) {
    p[0] = (unsigned char)(v >> 8);
    p[1] = (unsigned char)v;
}

static void put32(unsigned char *p, uint32_t v) {
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

/* RFC 1071. */
static uint64_t add_sum(uint64_t sum, const unsigned char *p, size_t n) {
    for (size_t i = 0; i + 1 < n; i += 2)
        sum += (unsigned)p[i] << 8 | p[i + 1];
    return n & 1 ? sum + ((unsigned)p[n - 1] << 8) : sum;
}

static unsigned fold(uint64_t sum) {
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~(unsigned)sum & 0xffff;
}

/* The address itself: 4 or 16 bytes. */
static const unsigned char *bytes_of(const struct sk_addr *a, size_t *n) {
    bool four = a->u.sa.sa_family == AF_INET;
    *n = four ? 4 : 16;
    return four ? (const unsigned char *)&a->u.in.sin_addr : a->u.in6.sin6_addr.s6_addr;
}

static void ip_header(struct sk_buf *out, const struct sk_addr *from, const struct sk_addr *to, int proto, size_t size,
                      unsigned number) {
    size_t n;
    const unsigned char *source = bytes_of(from, &n), *target = bytes_of(to, &n);
    unsigned char h[40] = { 0 };
    bool four = n == 4;
    if (four) {
        h[0] = 0x45;
        put16(h + 2, (unsigned)size + 20);
        put16(h + 4, number);
        h[6] = 0x40; /* not to be fragmented */
        h[8] = TTL;
        h[9] = (unsigned char)proto;
    } else {
        h[0] = 0x60;
        put16(h + 4, (unsigned)size);
        h[6] = (unsigned char)proto;
        h[7] = TTL;
    }
    memcpy(h + (four ? 12 : 8), source, n);
    memcpy(h + (four ? 16 : 24), target, n);
    if (four)
        put16(h + 10, fold(add_sum(0, h, 20)));
    sk_buf_add(out, h, four ? 20 : 40, NULL);
}

/* The checksum of header[size] and p[n], and what it covers of the addresses. */
static unsigned checksum(const struct sk_addr *from, const struct sk_addr *to, int proto, const unsigned char *header,
                         size_t size, const unsigned char *p, size_t n) {
    size_t len;
    const unsigned char *source = bytes_of(from, &len), *target = bytes_of(to, &len);
    uint64_t sum = add_sum(add_sum(0, source, len), target, len) + (unsigned)proto + size + n;
    return fold(add_sum(add_sum(sum, header, size), p, n));
}

void packet_udp(struct sk_buf *out, const struct sk_addr *from, const struct sk_addr *to, const void *p, size_t n) {
    unsigned char h[UDP_HEADER] = { 0 };
    put16(h, sk_addr_port(from));
    put16(h + 2, sk_addr_port(to));
    put16(h + 4, (unsigned)n + UDP_HEADER);
    unsigned sum = checksum(from, to, IPPROTO_UDP, h, sizeof h, p, n);
    put16(h + 6, sum ? sum : 0xffff); /* 0 would mean none */
    ip_header(out, from, to, IPPROTO_UDP, n + UDP_HEADER, 0);
    sk_buf_add(out, h, sizeof h, NULL);
    sk_buf_add(out, p, n, NULL);
}

/* ---- TCP ---- */

void flow_init(struct flow *f, const struct sk_addr *from, const struct sk_addr *to, uint32_t number) {
    *f = (struct flow){ .ends = { { .addr = *from, .seq = number * 1000003 },
                                  { .addr = *to, .seq = number * 1000003 + 500000 } } };
    f->ends[0].told = f->ends[1].seq;
    f->ends[1].told = f->ends[0].seq;
}

/* A segment of the end `from` is given away; its number moves on. */
static int segment(struct flow *f, bool from, bool from_me, int flags, const unsigned char *p, size_t n, flow_put *put,
                   void *arg, struct sk_err *err) {
    static const unsigned char options[] = { 2, 4, TCP_MOST >> 8, TCP_MOST & 0xff, 3, 3, SCALE, 1 };
    const struct sk_addr *source = &f->ends[from].addr, *target = &f->ends[!from].addr;
    size_t size = TCP_HEADER + (flags & SYN ? sizeof options : 0);
    unsigned char h[TCP_HEADER + sizeof options] = { 0 };
    struct sk_buf out = { 0 };
    put16(h, sk_addr_port(source));
    put16(h + 2, sk_addr_port(target));
    put32(h + 4, f->ends[from].seq);
    put32(h + 8, flags & ACK ? f->ends[!from].seq : 0);
    h[12] = (unsigned char)(size / 4 << 4);
    h[13] = (unsigned char)flags;
    put16(h + 14, 0xffff);
    memcpy(h + TCP_HEADER, options, size - TCP_HEADER);
    put16(h + 16, checksum(source, target, IPPROTO_TCP, h, size, p, n));
    ip_header(&out, source, target, IPPROTO_TCP, size + n, f->number++);
    sk_buf_add(&out, h, size, NULL);
    sk_buf_add(&out, p, n, NULL);
    f->ends[from].seq += (uint32_t)n + !!(flags & (SYN | FIN));
    f->ends[from].told = f->ends[!from].seq;
    int rc = put(arg, from_me, sk_buf_data(&out), out.len, err);
    sk_buf_done(&out);
    return rc;
}

int flow_syn(struct flow *f, bool side, flow_put *put, void *arg, struct sk_err *err) {
    return segment(f, false, side == false, SYN, NULL, 0, put, arg, err);
}

int flow_open(struct flow *f, bool side, flow_put *put, void *arg, struct sk_err *err) {
    if (f->is_open)
        return 0;
    f->is_open = true;
    if (segment(f, true, side == true, SYN | ACK, NULL, 0, put, arg, err) < 0)
        return -1;
    return segment(f, false, side == false, ACK, NULL, 0, put, arg, err);
}

int flow_data(struct flow *f, bool from, bool from_me, const unsigned char *p, size_t n, flow_put *put, void *arg,
              struct sk_err *err) {
    int rc = 0;
    f->is_open = true;
    for (size_t at = 0, k; rc == 0 && at < n; at += k) {
        k = n - at < TCP_MOST ? n - at : TCP_MOST;
        rc = segment(f, from, from_me, at + k == n ? PSH | ACK : ACK, p + at, k, put, arg, err);
        if (rc == 0 && f->ends[from].seq - f->ends[!from].told > UNTOLD_MOST)
            rc = segment(f, !from, !from_me, ACK, NULL, 0, put, arg, err);
    }
    return rc;
}

int flow_fin(struct flow *f, bool from, bool from_me, flow_put *put, void *arg, struct sk_err *err) {
    if (f->ends[from].has_ended || f->was_reset)
        return 0;
    f->ends[from].has_ended = true;
    if (segment(f, from, from_me, FIN | ACK, NULL, 0, put, arg, err) < 0)
        return -1;
    return segment(f, !from, !from_me, ACK, NULL, 0, put, arg, err);
}

int flow_reset(struct flow *f, bool from, bool from_me, flow_put *put, void *arg, struct sk_err *err) {
    if (f->was_reset)
        return 0;
    f->was_reset = true;
    return segment(f, from, from_me, RST | ACK, NULL, 0, put, arg, err);
}
