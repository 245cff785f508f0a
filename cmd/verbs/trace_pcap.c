/* A trace as a pcapng file: interfaces, and who talks to whom. Blocks are made in trace_block.c, headers of packets in
 * trace_packet.c. Each socket is an interface of its name. Where both ends of a connection are ours, its packets are
 * written once: when they are sent. */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "verbs/trace.h"
#include "verbs/trace_block.h"
#include "verbs/trace_packet.h"

enum { CONNECTIONS_MOST = 4096, SENT_MOST = 1024, COMMENT_MOST = 4096 };

struct talker { /* what is known about a track */
    uint32_t id;
    bool has_interface;
    uint32_t interface;
    struct flow *flow;     /* of a stream */
    bool side;             /* its end of the flow */
    struct sk_addr peer;   /* connected to; len 0: none */
    struct sk_buf comment; /* for its next packet */
};

struct passed { /* a datagram that one of our sockets sent, and nobody received yet */
    struct sk_addr from, to;
    size_t n;
    uint64_t hash;
};

struct trace_pcap {
    bool has_begun;
    uint32_t interfaces, flows_made;
    size_t flow_count;
    struct flow *flows;              /* the newest first */
    void *talkers;                   /* tsearch tree by id */
    struct passed passed[SENT_MOST]; /* a ring */
    size_t passed_next;
};

/* ---- Talkers ---- */

static int by_id(const void *a, const void *b) {
    uint32_t x = ((const struct talker *)a)->id, y = ((const struct talker *)b)->id;
    return (x > y) - (x < y);
}

static struct talker *talker_of(struct trace_pcap *p, const struct sk_track *t) {
    struct talker key = { .id = t->id };
    void *found = tfind(&key, &p->talkers, by_id);
    if (found)
        return *(struct talker **)found;
    struct talker *k = sk_alloc(sizeof *k);
    k->id = t->id;
    k->peer = t->peer;
    if (!tsearch(k, &p->talkers, by_id))
        abort(); /* no memory; small allocations do not report it */
    return k;
}

static void talker_free(void *at) {
    struct talker *k = at;
    sk_buf_done(&k->comment);
    free(k);
}

static void comment(struct talker *k, const char *text, size_t n) {
    if (k->comment.len + n + 1 > COMMENT_MOST)
        return;
    if (k->comment.len)
        sk_buf_add(&k->comment, "\n", 1, NULL);
    sk_buf_add(&k->comment, text, n, NULL);
}

static void comment_words(struct talker *k, const struct sk_tap_event *e) {
    struct sk_buf text = { 0 };
    trace_words(e, 500, &text);
    if (text.len)
        comment(k, (const char *)sk_buf_data(&text), text.len);
    sk_buf_done(&text);
}

static int add_interface(struct trace_pcap *p, const struct sk_track *t, struct talker *k, struct sk_buf *out,
                         struct sk_err *err) {
    struct sk_buf name = { 0 };
    bool is_tcp = packet_is_tcp(t), is_udp = packet_is_udp(t);
    const char *about = is_tcp   ? "TCP of sockctl"
                        : is_udp ? "UDP of sockctl"
                                 : "bytes of a socket of sockctl, without headers";
    trace_name(t, &name);
    int rc = pcapng_interface(out, is_tcp || is_udp, &name, about, err);
    sk_buf_done(&name);
    k->interface = p->interfaces++;
    k->has_interface = true;
    return rc;
}

/* One packet of the talker, as it came (in) or went. */
static int packet(struct trace_pcap *p, const struct sk_tap_event *e, struct talker *k, bool in, const void *bytes,
                  size_t n, size_t real_len, struct sk_buf *out, struct sk_err *err) {
    if (!k->has_interface && add_interface(p, e->track, k, out, err) < 0)
        return -1;
    struct pcapng_packet one = { .interface = k->interface,
                                 .at = (uint64_t)(sk_tape->epoch + (e->at - sk_tape->start)),
                                 .bytes = bytes,
                                 .n = n,
                                 .real_len = real_len,
                                 .in = in,
                                 .comment = &k->comment };
    int rc = pcapng_packet(out, &one, err);
    sk_buf_clear(&k->comment);
    return rc;
}

/* ---- Streams ---- */

struct job { /* a packet of TCP is being written */
    struct trace_pcap *p;
    const struct sk_tap_event *e;
    struct talker *k;
    struct sk_buf *out;
};

static int put_packet(void *arg, bool from_me, const void *bytes, size_t n, struct sk_err *err) {
    const struct job *job = arg;
    return packet(job->p, job->e, job->k, !from_me, bytes, n, n, job->out, err);
}

static struct flow *find_flow(struct trace_pcap *p, const struct sk_addr *local, const struct sk_addr *peer,
                              bool *side) {
    for (struct flow *f = p->flows; f; f = f->next)
        for (int i = 0; i < 2; i++)
            if (sk_addr_equal(&f->ends[i].addr, local) && sk_addr_equal(&f->ends[!i].addr, peer)) {
                *side = i;
                return f;
            }
    return NULL;
}

/* Those that are over need not be kept when there are many. */
static void sweep(struct trace_pcap *p) {
    if (p->flow_count < CONNECTIONS_MOST)
        return;
    for (struct flow **at = &p->flows, *f; (f = *at);) {
        if (f->ends[0].joined + f->ends[1].joined > 0) {
            at = &f->next;
            continue;
        }
        *at = f->next;
        p->flow_count--;
        free(f);
    }
}

static struct flow *new_flow(struct trace_pcap *p, const struct sk_addr *from, const struct sk_addr *to) {
    struct flow *f = sk_alloc(sizeof *f);
    sweep(p);
    flow_init(f, from, to, ++p->flows_made);
    f->next = p->flows;
    p->flows = f;
    p->flow_count++;
    return f;
}

static void join(struct talker *k, struct flow *f, bool side) {
    k->flow = f;
    k->side = side;
    f->ends[side].joined++;
    f->ends[side].was_joined = true;
}

static void leave(struct talker *k) {
    if (k->flow)
        k->flow->ends[k->side].joined--;
    k->flow = NULL;
}

/* The flow of a talker whose beginning was not recorded, or that another end of ours has begun. */
static void join_late(struct trace_pcap *p, struct talker *k, const struct sk_track *t) {
    bool side = false;
    struct sk_addr peer, local;
    packet_ends(t, &k->peer, &local, &peer);
    struct flow *f = find_flow(p, &local, &peer, &side);
    if (!f) {
        side = t->is_accepted;
        f = new_flow(p, side ? &peer : &local, side ? &local : &peer);
    }
    join(k, f, side);
}

static int begin_stream(struct trace_pcap *p, const struct sk_tap_event *e, struct talker *k, const struct job *job,
                        struct sk_err *err) {
    k->peer = *e->peer;
    leave(k);
    bool side = true, accepted = e->kind == SK_TAP_ACCEPT;
    struct sk_addr peer, local;
    packet_ends(e->track, &k->peer, &local, &peer);
    struct flow *f = accepted ? find_flow(p, &local, &peer, &side) : NULL;
    if (f && side && !f->ends[1].was_joined) { /* its other end is ours, and has told */
        join(k, f, true);
        return 0;
    }
    f = accepted ? new_flow(p, &peer, &local) : new_flow(p, &local, &peer);
    join(k, f, accepted);
    comment_words(k, e);
    if (flow_syn(f, accepted, put_packet, (void *)(uintptr_t)job, err) < 0)
        return -1;
    return accepted ? flow_open(f, true, put_packet, (void *)(uintptr_t)job, err) : 0;
}

static int stream_data(const struct sk_tap_event *e, struct talker *k, const struct job *job, struct sk_err *err) {
    struct flow *f = k->flow;
    bool from = e->kind == SK_TAP_SENT ? k->side : !k->side;
    if (from != k->side && f->ends[from].was_joined) /* was written when it was sent */
        return 0;
    return flow_data(f, from, from == k->side, e->data, e->len, put_packet, (void *)(uintptr_t)job, err);
}

static int end_stream(const struct sk_tap_event *e, struct talker *k, const struct job *job, struct sk_err *err) {
    struct flow *f = k->flow;
    void *arg = (void *)(uintptr_t)job;
    bool me = k->side, is_last = f->ends[me].joined == 1, other_tells = f->ends[!me].was_joined;
    int rc = 0;
    switch (e->kind) {
    case SK_TAP_SHUT:
        return e->code == 0 ? 0 : flow_fin(f, me, true, put_packet, arg, err);
    case SK_TAP_END:
        return other_tells ? 0 : flow_fin(f, !me, false, put_packet, arg, err);
    case SK_TAP_FAILED:
    case SK_TAP_ERROR:
        comment_words(k, e);
        if (e->code == ECONNRESET || (e->kind == SK_TAP_FAILED && e->code == ECONNREFUSED))
            rc = flow_reset(f, !me, false, put_packet, arg, err);
        return rc;
    case SK_TAP_CLOSE:
        rc = is_last && f->is_open ? flow_fin(f, me, true, put_packet, arg, err) : 0;
        leave(k);
        return rc;
    default:
        return 0;
    }
}

static int stream_event(struct trace_pcap *p, const struct sk_tap_event *e, struct talker *k, struct sk_buf *out,
                        struct sk_err *err) {
    struct job job = { p, e, k, out };
    switch (e->kind) {
    case SK_TAP_CONNECT:
    case SK_TAP_ACCEPT:
        return begin_stream(p, e, k, &job, err);
    case SK_TAP_OPEN:
        return k->flow ? flow_open(k->flow, k->side, put_packet, &job, err) : 0;
    case SK_TAP_SENT:
    case SK_TAP_RECEIVED:
        if (!k->flow)
            join_late(p, k, e->track);
        return stream_data(e, k, &job, err);
    default:
        return k->flow ? end_stream(e, k, &job, err) : 0;
    }
}

/* ---- Datagrams ---- */

static uint64_t hash(const unsigned char *p, size_t n) { /* FNV-1a */
    uint64_t h = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * UINT64_C(1099511628211);
    return h;
}

static bool is_any(const struct sk_addr *a) {
    return a->u.sa.sa_family == AF_INET ? a->u.in.sin_addr.s_addr == 0 : IN6_IS_ADDR_UNSPECIFIED(&a->u.in6.sin6_addr);
}

/* The same place, as far as both are known. */
static bool may_be(const struct sk_addr *a, const struct sk_addr *b) {
    uint16_t x = sk_addr_port(a), y = sk_addr_port(b);
    return (x == y || x == 0 || y == 0) && (is_any(a) || is_any(b) || sk_addr_equal(a, b));
}

/* One of our sockets has sent it: then it was written. */
static bool was_sent(struct trace_pcap *p, const struct sk_tap_event *e, const struct sk_addr *from,
                     const struct sk_addr *to) {
    uint64_t h = hash(e->data, e->len);
    for (size_t i = 0; i < SENT_MOST; i++) { /* the oldest first */
        struct passed *sent = &p->passed[(p->passed_next + i) % SENT_MOST];
        if (sent->to.len && sent->n == e->len && sent->hash == h && may_be(&sent->to, to) &&
            may_be(&sent->from, from)) {
            sent->to.len = 0;
            return true;
        }
    }
    return false;
}

static int datagram_event(struct trace_pcap *p, const struct sk_tap_event *e, struct talker *k, struct sk_buf *out,
                          struct sk_err *err) {
    bool in = e->kind == SK_TAP_RECEIVED;
    struct sk_buf bytes = { 0 };
    if (e->kind == SK_TAP_OPEN && e->peer)
        k->peer = *e->peer;
    if (!trace_is_data(e))
        return 0;
    struct sk_addr peer, local;
    packet_ends(e->track, e->peer ? e->peer : &k->peer, &local, &peer);
    if (in && was_sent(p, e, &peer, &local))
        return 0;
    if (!in)
        p->passed[p->passed_next++ % SENT_MOST] =
            (struct passed){ .from = local, .to = peer, .n = e->len, .hash = hash(e->data, e->len) };
    size_t n = e->len < UDP_MOST ? e->len : UDP_MOST;
    packet_udp(&bytes, in ? &peer : &local, in ? &local : &peer, e->data, n);
    int rc = packet(p, e, k, in, sk_buf_data(&bytes), bytes.len, bytes.len + (e->real_len - n), out, err);
    sk_buf_done(&bytes);
    return rc;
}

/* ---- The file ---- */

struct trace_pcap *trace_pcap_new(void) {
    return sk_alloc(sizeof(struct trace_pcap));
}

void trace_pcap_free(struct trace_pcap *p) {
    for (struct flow *f; p && (f = p->flows);) {
        p->flows = f->next;
        free(f);
    }
    if (p)
        tdestroy(p->talkers, talker_free);
    free(p);
}

static int event_of(struct trace_pcap *p, const struct sk_tap_event *e, struct talker *k, struct sk_buf *out,
                    struct sk_err *err) {
    const struct sk_track *t = e->track;
    if (e->kind == SK_TAP_NOTE || e->kind == SK_TAP_TLS)
        comment_words(k, e);
    if (packet_is_tcp(t))
        return stream_event(p, e, k, out, err);
    if (packet_is_udp(t))
        return datagram_event(p, e, k, out, err);
    return trace_is_data(e) ? packet(p, e, k, e->kind == SK_TAP_RECEIVED, e->data, e->len, e->real_len, out, err) : 0;
}

int trace_pcap_event(struct trace_pcap *p, const struct sk_tap_event *e, struct sk_buf *out, struct sk_err *err) {
    if (!p->has_begun && pcapng_section(out, err) < 0)
        return -1;
    p->has_begun = true;
    if (!e || !e->track)
        return 0;
    struct talker *k = talker_of(p, e->track);
    int rc = event_of(p, e, k, out, err);
    if (e->kind == SK_TAP_CLOSE) {
        tdelete(k, &p->talkers, by_id);
        talker_free(k);
    }
    return rc;
}
