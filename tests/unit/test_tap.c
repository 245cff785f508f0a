/* The tape: what is recorded, what it may cost, and the packets that are made of it. */
#include "sock_kit.h"

#include "base/buf.h"
#include "sock/tap.h"
#include "verbs/trace.h"
#include "verbs/trace_packet.h"

static size_t count(enum sk_tap_kind kind) {
    size_t n = 0;
    for (const struct sk_tap_event *e = sk_tape->first; e; e = e->next)
        n += e->kind == kind;
    return n;
}

static const struct sk_tap_event *last(void) {
    const struct sk_tap_event *e = sk_tape->first;
    while (e && e->next)
        e = e->next;
    return e;
}

static int end_tape(void **state) {
    (void)state;
    sk_tape_done();
    return 0;
}

/* ---- The tape ---- */

static void test_nothing_is_recorded(void **state) {
    (void)state;
    struct sk_sock *p[2];
    pair(p, SOCK_STREAM);
    assert_null(p[0]->track);
    assert_ok(sk_send(p[0], "x", 1, 0, soon(), err));
    assert_null(sk_tape);
    free_pair(p);
}

static void test_stream(void **state) {
    (void)state;
    struct sk_sock *p[2];
    char c[8];
    sk_tape_start(SK_TAPE_MOST);
    tcp_pair(p);
    sk_tap_name(p[0], "one");
    assert_string_equal(p[0]->track->name, "one");
    sk_time before = sk_now();
    assert_ok(sk_send(p[0], "hello", 5, 0, soon(), err));
    assert_int_equal(last()->kind, SK_TAP_SENT);
    assert_true(last()->at >= before && last()->at <= sk_now());
    assert_ptr_equal(last()->track, p[0]->track);
    assert_int_equal(sk_recv(p[1], c, 8, 0, soon(), NULL), 5);
    assert_int_equal(last()->kind, SK_TAP_RECEIVED);
    assert_int_equal(last()->len, 5);
    assert_memory_equal(last()->data, "hello", 5);
    assert_int_equal(sk_recv(p[1], c, 8, MSG_PEEK | MSG_DONTWAIT, soon(), NULL), -1); /* a look is no receive */
    sk_tape_stop();
    assert_ok(sk_send(p[0], "unseen", 6, 0, soon(), err));
    assert_int_equal(count(SK_TAP_SENT), 1);
    sk_tape_start(SK_TAPE_MOST);
    sk_sock_free(p[0]);
    assert_int_equal(last()->kind, SK_TAP_CLOSE);
    assert_string_equal(last()->track->name, "one"); /* outlives its socket */
    assert_int_equal(sk_recv(p[1], c, 8, 0, soon(), NULL), 6);
    assert_int_equal(sk_recv(p[1], c, 8, 0, soon(), NULL), 0);
    assert_int_equal(sk_recv(p[1], c, 8, 0, soon(), NULL), 0);
    assert_int_equal(count(SK_TAP_END), 1); /* told once */
    sk_sock_free(p[1]);
}

static void test_secret(void **state) {
    (void)state;
    struct sk_sock *p[2];
    sk_tape_start(SK_TAPE_MOST);
    pair(p, SOCK_STREAM);
    sk_tap_secret(p[0], true);
    assert_ok(sk_send(p[0], "hunter2", 7, 0, soon(), err));
    assert_memory_equal(last()->data, "*******", 7);
    free_pair(p);
}

static size_t spilled;
static void spill(const struct sk_tap_event *e, void *arg) {
    assert_ptr_equal(arg, &spilled);
    spilled += e->kind == SK_TAP_SENT ? e->len : 0;
}

static void test_memory_is_bounded(void **state) {
    (void)state;
    struct sk_sock *p[2];
    char part[1000] = "", c[1000];
    sk_tape_start(64 * 1024);
    pair(p, SOCK_STREAM);
    for (int i = 0; i < 500; i++) {
        assert_ok(sk_send(p[0], part, sizeof part, 0, soon(), err));
        assert_int_equal(sk_recv(p[1], c, sizeof c, 0, soon(), NULL), sizeof c);
        assert_true(sk_tape->held <= 64 * 1024);
    }
    size_t kept = count(SK_TAP_SENT) + count(SK_TAP_RECEIVED);
    assert_in_range(kept, 30, 64);
    assert_int_equal(sk_tape->lost_events, 1000 - kept);
    assert_int_equal(sk_tape->lost_bytes, (1000 - kept) * 1000);
    sk_tape_clear();
    assert_int_equal(sk_tape->held, 0);
    sk_tape->spill = spill;
    sk_tape->spill_arg = &spilled;
    for (int i = 0; i < 100; i++) {
        assert_ok(sk_send(p[0], part, sizeof part, 0, soon(), err));
        assert_int_equal(sk_recv(p[1], c, sizeof c, 0, soon(), NULL), sizeof c);
    }
    assert_int_equal(sk_tape->lost_events, 0);
    assert_int_equal(spilled + count(SK_TAP_SENT) * 1000, 100000);
    sk_tape->spill = NULL;
    sk_tape_start(0); /* less than one event: nothing can be kept, and nothing breaks */
    assert_ok(sk_send(p[0], part, sizeof part, 0, soon(), err));
    assert_null(sk_tape->first);
    assert_int_equal(sk_tape->held, 0);
    free_pair(p);
}

static void test_poll(void **state) {
    (void)state;
    struct sk_sock *p[2];
    sk_tape_start(SK_TAPE_MOST);
    pair(p, SOCK_STREAM);
    assert_ok(sk_send(p[0], "x", 1, 0, soon(), err));
    struct sk_pollitem items[2] = { { .sock = p[0], .events = POLLIN }, { .sock = p[1], .events = POLLIN } };
    sk_time since = sk_now();
    assert_int_equal(sk_poll(items, 2, soon(), NULL), 1);
    sk_tap_poll(items, 2, since);
    const struct sk_track *second = p[1]->track;
    free_pair(p);
    for (const struct sk_tap_event *e = sk_tape->first; e; e = e->next)
        if (e->kind == SK_TAP_POLL) {
            const struct sk_tap_look *looks = (const struct sk_tap_look *)(const void *)e->data;
            assert_int_equal(e->len, 2 * sizeof *looks);
            assert_int_equal(looks[0].revents, 0);
            assert_int_equal(looks[1].revents, POLLIN);
            assert_ptr_equal(looks[1].track, second);
            assert_int_equal(e->since, since);
        }
    assert_int_equal(count(SK_TAP_POLL), 1);
}

/* ---- Packets ---- */

/* All of a header's words and what follows, with its own checksum: 0xffff (RFC 1071). */
static unsigned sum(unsigned start, const unsigned char *p, size_t n) {
    uint64_t s = start;
    for (size_t i = 0; i < n; i++)
        s += i % 2 ? p[i] : (unsigned)p[i] << 8;
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return (unsigned)s;
}

static struct sk_addr addr(const char *text) {
    struct sk_endpoint ep;
    const char *words[] = { text };
    size_t len = strlen(text);
    assert_int_equal(sk_endpoint_parse(&ep, words, &len, 1, true, NULL), 0);
    return ep.addr;
}

/* Is it an IP packet of this protocol, of n bytes, with right checksums? Returns its transport header. */
static const unsigned char *check_packet(const unsigned char *p, size_t n, int proto) {
    bool four = p[0] >> 4 == 4;
    size_t head = four ? 20 : 40, size = n - head;
    assert_int_equal(four ? p[2] << 8 | p[3] : p[4] << 8 | p[5], four ? n : size);
    assert_int_equal(four ? p[9] : p[6], proto);
    if (four)
        assert_int_equal(sum(0, p, 20), 0xffff);
    unsigned pseudo = sum((unsigned)proto + (unsigned)size, p + (four ? 12 : 8), four ? 8 : 32);
    assert_int_equal(sum(pseudo, p + head, size), 0xffff);
    return p + head;
}

static void test_udp_packets(void **state) {
    (void)state;
    static const char *const ends[][2] = { { "127.0.0.1:53", "10.1.2.3:40000" }, { "[::1]:53", "[fd00::1234]:1" } };
    unsigned char data[1000];
    for (size_t n = 0; n < sizeof data; n++)
        data[n] = (unsigned char)(n * 7);
    for (size_t i = 0; i < 2; i++)
        for (size_t n = 0; n < 20; n++) {
            struct sk_buf out = { 0 };
            struct sk_addr from = addr(ends[i][0]), to = addr(ends[i][1]);
            packet_udp(&out, &from, &to, data, n);
            const unsigned char *h = check_packet(sk_buf_data(&out), out.len, IPPROTO_UDP);
            assert_int_equal(h[0] << 8 | h[1], 53);
            assert_int_equal(h[4] << 8 | h[5], n + 8);
            assert_memory_equal(h + 8, data, n);
            sk_buf_done(&out);
        }
}

struct seen {
    uint32_t seq[2], ack[2]; /* of the last packet of each end */
    size_t bytes[2], packets;
    int flags; /* of the last packet */
};

static uint32_t get32(const unsigned char *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int see(void *arg, bool from_me, const void *bytes, size_t n, struct sk_err *err) {
    (void)err;
    struct seen *s = arg;
    const unsigned char *h = check_packet(bytes, n, IPPROTO_TCP);
    size_t data = n - (size_t)(h - (const unsigned char *)bytes) - (size_t)(h[12] >> 4) * 4;
    s->flags = h[13];
    if (s->seq[from_me] && !(s->flags & 2)) /* it goes on where the last one ended */
        assert_int_equal(get32(h + 4), s->seq[from_me]);
    s->seq[from_me] = get32(h + 4) + (uint32_t)data + !!(s->flags & 3);
    s->ack[from_me] = get32(h + 8);
    s->bytes[from_me] += data;
    s->packets++;
    return 0;
}

static void test_tcp_packets(void **state) {
    (void)state;
    static const char *const ends[][2] = { { "127.0.0.1:53", "10.1.2.3:40000" }, { "[::1]:53", "[fd00::1234]:1" } };
    static unsigned char data[1000001];
    for (size_t i = 0; i < 2; i++) {
        struct seen s = { 0 };
        struct flow f;
        struct sk_addr from = addr(ends[i][0]), to = addr(ends[i][1]);
        flow_init(&f, &from, &to, 4295); /* its numbers wrap */
        assert_int_equal(flow_syn(&f, false, see, &s, NULL), 0);
        assert_int_equal(s.flags, 2);
        assert_int_equal(flow_open(&f, false, see, &s, NULL), 0);
        assert_int_equal(s.packets, 3);
        assert_int_equal(flow_data(&f, false, true, data, sizeof data, see, &s, NULL), 0);
        assert_int_equal(flow_data(&f, true, false, data, 3, see, &s, NULL), 0);
        assert_int_equal(s.bytes[true], sizeof data);
        assert_int_equal(s.bytes[false], 3);
        assert_int_equal(s.ack[false], s.seq[true]);
        assert_int_equal(flow_fin(&f, false, true, see, &s, NULL), 0);
        size_t packets = s.packets;
        assert_int_equal(flow_fin(&f, false, true, see, &s, NULL), 0); /* once */
        assert_int_equal(s.packets, packets);
        assert_int_equal(flow_reset(&f, true, false, see, &s, NULL), 0);
        assert_int_equal(s.flags, 4 | 16);
        packets = s.packets;
        assert_int_equal(flow_fin(&f, true, false, see, &s, NULL), 0); /* nothing after a reset */
        assert_int_equal(s.packets, packets);
    }
}

/* Blocks follow each other, each with its length at both ends. Returns how many there are of a type. */
static size_t blocks(const struct sk_buf *file, uint32_t type) {
    const unsigned char *p = sk_buf_data(file);
    size_t at = 0, n = 0;
    while (at < file->len) {
        uint32_t head[2], tail;
        memcpy(head, p + at, 8);
        assert_true(head[1] % 4 == 0 && head[1] >= 12 && at + head[1] <= file->len);
        memcpy(&tail, p + at + head[1] - 4, 4);
        assert_int_equal(tail, head[1]);
        assert_int_equal(at == 0, head[0] == 0x0a0d0d0a);
        n += head[0] == type;
        at += head[1];
    }
    return n;
}

static void test_file(void **state) {
    (void)state;
    struct sk_sock *p[2], *u[2];
    struct sk_buf out = { 0 };
    char c[8];
    sk_tape_start(SK_TAPE_MOST);
    assert_int_equal(trace_render(TRACE_PCAPNG, 80, NULL, &out, NULL), 0);
    assert_int_equal(blocks(&out, 6), 0);
    assert_int_equal(blocks(&out, 0x0a0d0d0a), 1);
    sk_buf_clear(&out);
    tcp_pair(p);
    pair(u, SOCK_DGRAM);
    for (size_t n = 1; n < 6; n++) { /* every padding */
        assert_ok(sk_send(p[0], "hello", n, 0, soon(), err));
        assert_int_equal(sk_recv(p[1], c, 8, 0, soon(), NULL), n);
        assert_ok(sk_send(u[0], "hello", n, 0, soon(), err));
        assert_int_equal(sk_recv(u[1], c, 8, 0, soon(), NULL), n);
    }
    assert_int_equal(trace_render(TRACE_PCAPNG, 80, u[0]->track, &out, NULL), 0);
    assert_int_equal(blocks(&out, 1), 1);
    assert_int_equal(blocks(&out, 6), 5);
    sk_buf_clear(&out);
    assert_int_equal(trace_render(TRACE_PCAPNG, 80, NULL, &out, NULL), 0);
    assert_int_equal(blocks(&out, 6), 3 + 5 + 10); /* both ends of TCP are ours: once */
    sk_buf_done(&out);
    free_pair(p);
    free_pair(u);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_nothing_is_recorded, end_tape),
        cmocka_unit_test_teardown(test_stream, end_tape),
        cmocka_unit_test_teardown(test_secret, end_tape),
        cmocka_unit_test_teardown(test_memory_is_bounded, end_tape),
        cmocka_unit_test_teardown(test_poll, end_tape),
        cmocka_unit_test(test_udp_packets),
        cmocka_unit_test(test_tcp_packets),
        cmocka_unit_test_teardown(test_file, end_tape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
