#include "sock/tap.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/value.h"
#include "net/sys.h"
#include "sock/layer.h"

struct sk_tape *sk_tape;

static const size_t PIECE = 256 * 1024; /* of what one call on a stream moved: an event each */

/* ---- Tracks ---- */

static void release(struct sk_track *t) {
    if (t && --t->refs == 0)
        free(t);
}

/* The sockets that a poll looked at are held by its event. */
static void event_free(struct sk_tap_event *e) {
    const struct sk_tap_look *looks = (const struct sk_tap_look *)(const void *)e->data;
    for (size_t i = 0; e->kind == SK_TAP_POLL && i < e->len / sizeof *looks; i++)
        release(looks[i].track);
    release(e->track);
    free(e);
}

static size_t size_of(const struct sk_tap_event *e) { return sizeof *e + e->len + (e->peer ? sizeof *e->peer : 0); }

/* ---- The tape ---- */

static void begin_now(struct sk_tape *t) {
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    t->start = sk_now();
    t->epoch = (int64_t)wall.tv_sec * SK_SECOND + wall.tv_nsec;
}

void sk_tape_start(size_t most) {
    if (!sk_tape) {
        sk_tape = sk_alloc(sizeof *sk_tape);
        sk_tape->end = &sk_tape->first;
        begin_now(sk_tape);
    }
    sk_tape->most = most;
    sk_tape->is_on = true;
}

void sk_tape_stop(void) {
    if (sk_tape)
        sk_tape->is_on = false;
}

static void drop_first(struct sk_tape *t) {
    struct sk_tap_event *e = t->first;
    t->first = e->next;
    if (!t->first)
        t->end = &t->first;
    t->held -= size_of(e);
    event_free(e);
}

void sk_tape_clear(void) {
    if (!sk_tape)
        return;
    while (sk_tape->first)
        drop_first(sk_tape);
    sk_tape->lost_events = sk_tape->lost_bytes = 0;
    begin_now(sk_tape);
}

void sk_tape_done(void) {
    sk_tape_clear();
    free(sk_tape);
    sk_tape = NULL;
}

static void lose_first(struct sk_tape *t) {
    const struct sk_tap_event *e = t->first;
    if (t->spill) {
        t->spill(e, t->spill_arg);
    } else {
        t->lost_events++;
        t->lost_bytes += e->kind == SK_TAP_SENT || e->kind == SK_TAP_RECEIVED ? e->real_len : 0;
    }
    drop_first(t);
}

static struct sk_tap_event *event_new(enum sk_tap_kind kind, struct sk_track *track, size_t len,
                                      const struct sk_addr *peer) {
    struct sk_tap_event *e = malloc(sizeof *e + len + alignof(struct sk_addr) + (peer ? sizeof *peer : 0));
    if (!e) {
        sk_tape->lost_events++;
        sk_tape->lost_bytes += len;
        return NULL;
    }
    *e = (struct sk_tap_event){ .at = sk_now(), .kind = kind, .track = track, .len = len, .real_len = len };
    if (track)
        track->refs++;
    if (peer) { /* behind the data */
        size_t room = alignof(struct sk_addr), at = (len + room - 1) / room * room;
        e->peer = memcpy(e->data + at, peer, sizeof *peer);
    }
    return e;
}

static void append(struct sk_tap_event *e) {
    struct sk_tape *t = sk_tape;
    *t->end = e;
    t->end = &e->next;
    t->held += size_of(e);
    while (t->held > t->most)
        lose_first(t);
}

static bool is_on(void) { return sk_tape && sk_tape->is_on; }

/* ---- Sockets ---- */

static void learn(struct sk_sock *s) {
    struct sk_track *t = s->track;
    if (s->fd < 0 || sk_sys_getsockname(s->fd, &t->local, NULL) < 0)
        t->local.len = 0;
    t->peer = s->peer;
}

void sk_tap_join(struct sk_sock *s) {
    if (!sk_tape || s->track)
        return;
    s->track = sk_alloc(sizeof *s->track);
    *s->track = (struct sk_track){ .id = ++sk_tape->tracks,
                                   .refs = 1,
                                   .family = s->family,
                                   .type = s->type,
                                   .proto = s->proto,
                                   .is_accepted = s->is_accepted };
    sk_tap_rejoin(s);
}

void sk_tap_rejoin(struct sk_sock *s) {
    if (s->state != SK_NEW && s->state != SK_CLOSED)
        learn(s);
}

void sk_tap_leave(struct sk_sock *s) {
    release(s->track);
    s->track = NULL;
}

void sk_tap_name(struct sk_sock *s, const char *name) {
    if (!s->track)
        return;
    size_t n = strnlen(name, SK_TAP_NAME);
    memcpy(s->track->name, name, n);
    s->track->name[n] = '\0';
}

void sk_tap_secret(struct sk_sock *s, bool is_secret) {
    if (s->track)
        s->track->is_secret = is_secret;
}

void sk_tap_add(struct sk_sock *s, enum sk_tap_kind kind, int code, const struct sk_addr *peer) {
    if (!is_on())
        return;
    if (kind == SK_TAP_OPEN || kind == SK_TAP_LISTEN)
        learn(s);
    if (kind == SK_TAP_CONNECT && peer)
        s->track->peer = *peer;
    struct sk_tap_event *e = event_new(kind, s->track, 0, peer);
    if (!e)
        return;
    e->code = code;
    append(e);
}

void sk_tap_secure(struct sk_sock *s) {
    struct sk_track *t = s->track;
    if (!t || t->is_secure || !is_on() || sk_is_plain(s) || !s->layer->describe)
        return;
    struct sk_value about = s->layer->describe(s);
    const struct sk_value *version = sk_get(&about, "version");
    if (version && version->type == SK_TEXT) { /* a listener has none */
        t->is_secure = true;
        struct sk_tap_event *e = event_new(SK_TAP_TLS, t, version->u.s->len, NULL);
        if (e) {
            memcpy(e->data, version->u.s->data, e->len);
            append(e);
        }
    }
    sk_drop(about);
}

static void add_piece(struct sk_sock *s, enum sk_tap_kind kind, const void *p, size_t n, size_t real_len,
                      const struct sk_addr *peer) {
    struct sk_tap_event *e = event_new(kind, s->track, n, peer);
    if (!e)
        return;
    e->real_len = real_len;
    if (kind == SK_TAP_SENT && s->track->is_secret)
        memset(e->data, '*', n);
    else if (n)
        memcpy(e->data, p, n);
    append(e);
}

void sk_tap_add_bytes(struct sk_sock *s, enum sk_tap_kind kind, const void *p, size_t n, const struct sk_addr *peer) {
    bool is_ip = s->family == AF_INET || s->family == AF_INET6;
    if (!is_on())
        return;
    if (is_ip && sk_addr_port(&s->track->local) == 0) /* the kernel chose it meanwhile */
        learn(s);
    if (!sk_is_plain(s))
        sk_tap_secure(s);
    if (sk_is_message(s)) {
        add_piece(s, kind, p, n < PIECE ? n : PIECE, n, peer);
        return;
    }
    for (size_t at = 0, k; at < n; at += k) {
        k = n - at < PIECE ? n - at : PIECE;
        add_piece(s, kind, (const char *)p + at, k, k, peer);
    }
}

void sk_tap_note(struct sk_sock *s, const char *sentence) {
    if (!is_on())
        return;
    struct sk_tap_event *e = event_new(SK_TAP_NOTE, s ? s->track : NULL, strlen(sentence), NULL);
    if (!e)
        return;
    memcpy(e->data, sentence, e->len);
    append(e);
}

void sk_tap_poll(const struct sk_pollitem *items, size_t count, sk_time since) {
    if (!is_on())
        return;
    struct sk_tap_event *e = event_new(SK_TAP_POLL, NULL, count * sizeof(struct sk_tap_look), NULL);
    if (!e)
        return;
    struct sk_tap_look *looks = (struct sk_tap_look *)(void *)e->data;
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        struct sk_track *t = items[i].sock->track;
        if (!t)
            continue;
        t->refs++;
        looks[known++] = (struct sk_tap_look){ t, items[i].events, items[i].revents };
    }
    e->since = since;
    e->len = e->real_len = known * sizeof *looks;
    append(e);
}
