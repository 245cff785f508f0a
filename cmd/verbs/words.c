/* What `info` says to people: the same figures as its JSON, in sentences. */
#include <stdio.h>
#include <string.h>

#include "base/names.h"
#include "base/parse.h"
#include "lang/call.h"
#include "lang/fields.h"
#include "lang/render.h"
#include "verbs/look.h"

struct words {
    struct session *ses;
    struct sk_buf *out;
    struct sk_err *err;
    const char *title; /* of the line that begins next; "" behind the first of a title */
    bool failed;
};

static void say(struct words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The beginning of a line; lines of one title stand below each other. */
static void line(struct words *w) {
    w->failed |= sk_buf_printf(w->out, w->err, "%s  %-9s ", w->out->len ? "\n" : "", w->title) < 0;
    w->title = "";
}

static void say(struct words *w, const char *fmt, ...) {
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    w->failed |= text_clean(w->out, text, strlen(text), false, w->err) < 0;
}

static void value(struct words *w, const struct sk_value *v) { w->failed |= value_cell(w->ses, v, w->out, w->err) < 0; }

static int64_t number(const struct sk_value *record, const char *name) {
    const struct sk_value *v = sk_get(record, name);
    return v && v->type == SK_INT ? v->u.i : 0;
}

static const char *bytes(int64_t n) { return n == 1 ? "byte" : "bytes"; }

/* ---- The socket ---- */

static const char *kind_of(const struct sk_sock *s, char room[64]) {
    bool internet = s->family == AF_INET || s->family == AF_INET6;
    const char *family = internet ? s->family == AF_INET ? "IPv4" : "IPv6" : sk_name_of(SK_G_AF, s->family);
    const char *type = internet && s->type == SOCK_STREAM ? s->proto == IPPROTO_TCP ? "TCP" : "a stream"
                       : internet && s->type == SOCK_DGRAM && s->proto == IPPROTO_UDP ? "UDP"
                                                                                      : sk_name_of(SK_G_SOCK, s->type);
    snprintf(room, 64, "%s over %s", type ? type : "a socket", family ? family : "an unknown family");
    return room;
}

static const char *state_words(const struct object *obj) {
    static const struct {
        const char *state, *words;
    } rows[] = {
        { "new", "new: not bound, not connected" },
        { "bound", "bound" },
        { "connecting", "connecting" },
        { "open", "connected" },
        { "listen", "listening" },
        { "eof", "the peer closed: no more comes than what waits" },
        { "closed", "closed" },
    };
    const char *state = look_state(obj);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].state, state) == 0)
            return rows[i].words;
    return state;
}

static void ends(struct words *w, const struct sk_value *info) {
    static const char *const names[] = { "local", "peer" };
    for (size_t i = 0; i < 2; i++) {
        struct sk_value v;
        if (value_field(w->ses, info, names[i], &v, NULL) < 0)
            continue;
        w->title = names[i];
        line(w);
        if (v.type == SK_NULL)
            say(w, "none");
        else
            value(w, &v);
        sk_drop(v);
    }
}

static void queues(struct words *w, const struct sk_sock *s, const struct sk_value *info) {
    int64_t received = number(info, "received"), sent = number(info, "sent"), out = number(info, "send_queue");
    struct sk_value waiting = look_waiting(s);
    w->title = "waiting";
    line(w);
    if (s->state == SK_LISTENING && waiting.type == SK_INT) {
        say(w, "%lld connection%s to be accepted", (long long)waiting.u.i, waiting.u.i == 1 ? "" : "s");
    } else if (s->state == SK_LISTENING) {
        say(w, "unknown: the kernel does not count these connections");
    } else {
        say(w, "%lld %s to be read", (long long)waiting.u.i, bytes(waiting.u.i));
        if (s->in.len)
            say(w, ", %zu of them taken from the kernel", s->in.len);
        say(w, "; %lld %s sent and not yet taken by the peer", (long long)out, bytes(out));
        line(w);
        say(w, "%lld %s received and %lld sent since the beginning", (long long)received, bytes(received),
            (long long)sent);
    }
    sk_drop(waiting);
    w->title = "room";
    line(w);
    say(w, "%lld bytes for what comes (SO_RCVBUF), %lld for what goes (SO_SNDBUF)", (long long)number(info, "rcvbuf"),
        (long long)number(info, "sndbuf"));
}

static void timeout(struct words *w, const struct sk_sock *s) {
    char length[32];
    w->title = "timeout";
    line(w);
    if (s->timeout == SK_TIMEOUT_UNSET)
        say(w, "not set: commands wait as long as -t or 'set timeout' says");
    else if (s->timeout == SK_NEVER)
        say(w, "none: commands wait for ever, unless -t says how long");
    else if (s->timeout == 0)
        say(w, "0: commands do not wait (non-blocking)");
    else
        say(w, "%s for each command, unless -t says otherwise", sk_format_time(length, sizeof length, s->timeout));
}

/* ---- TCP ---- */

static double milli(const struct sk_value *tcp, const char *name) { return (double)number(tcp, name) / 1000; }

static void tcp_words(struct words *w, const struct sk_value *tcp) {
    const struct sk_value *state = sk_get(tcp, "state");
    w->title = "TCP";
    line(w);
    value(w, state);
    if (number(tcp, "tcpi_rtt") > 0)
        say(w, "; a round trip takes %.3g ms, give or take %.2g ms", milli(tcp, "tcpi_rtt"), milli(tcp, "tcpi_rttvar"));
    line(w);
    say(w, "segments of %lld bytes (mss); %lld may be on their way (cwnd), %lld are",
        (long long)number(tcp, "tcpi_snd_mss"), (long long)number(tcp, "tcpi_snd_cwnd"),
        (long long)number(tcp, "tcpi_unacked"));
    line(w);
    say(w, "%lld sent again, %lld of them now; the next time after %.3g ms without an answer",
        (long long)number(tcp, "tcpi_total_retrans"), (long long)number(tcp, "tcpi_retrans"), milli(tcp, "tcpi_rto"));
    if (number(tcp, "tcpi_data_segs_in") + number(tcp, "tcpi_data_segs_out") == 0)
        return;
    line(w);
    if (number(tcp, "tcpi_data_segs_in") > 0)
        say(w, "the last data came %lld ms ago", (long long)number(tcp, "tcpi_last_data_recv"));
    if (number(tcp, "tcpi_data_segs_out") > 0)
        say(w, "%s %lld ms ago", number(tcp, "tcpi_data_segs_in") > 0 ? ", and went" : "the last data went",
            (long long)number(tcp, "tcpi_last_data_sent"));
}

/* ---- TLS ---- */

static void field(struct words *w, const struct sk_value *tls, const char *before, const char *name) {
    const struct sk_value *v = sk_get(tls, name);
    if (!v || v->type == SK_NULL)
        return;
    say(w, "%s", before);
    value(w, v);
}

static void tls_words(struct words *w, const struct sk_value *tls) {
    const struct sk_value *verify = sk_get(tls, "verify"), *pin = sk_get(tls, "pin");
    w->title = "TLS";
    line(w);
    if (pin) { /* a listener */
        field(w, tls, "key ", "pin");
        say(w, "; %lld handshakes running, %lld failed", (long long)number(tls, "handshakes"),
            (long long)number(tls, "failed"));
        return;
    }
    field(w, tls, "", "version");
    field(w, tls, " with ", "cipher");
    field(w, tls, ", group ", "group");
    field(w, tls, ", protocol ", "alpn");
    line(w);
    if (!verify || verify->type == SK_NULL) {
        say(w, "the peer showed no certificate");
        return;
    }
    field(w, tls, "certificate of ", "peer_subject");
    field(w, tls, " until ", "not_after");
    say(w, verify->u.b ? ": verified" : ": NOT verified");
    field(w, tls, " for ", "name");
}

/* ---- Proxies ---- */

static void proxy_words(struct words *w, const struct sk_value *proxy) {
    const struct sk_value *kind = sk_get(proxy, "kind"), *source = sk_get(proxy, "source"),
                          *local = sk_get(proxy, "local");
    w->title = "proxy";
    line(w);
    if (!kind) { /* a listener */
        say(w, "connections begin with a PROXY header; %lld wait for theirs, %lld failed",
            (long long)number(proxy, "headers"), (long long)number(proxy, "failed"));
        return;
    }
    value(w, kind);
    field(w, proxy, " at ", "addr");
    field(w, proxy, ", asked for ", "asked");
    if (kind->u.s->data[0] == 'v') /* a header */
        say(w, local->u.b ? ", about a connection of its own" : source->type == SK_NULL ? ", which tells nothing" : "");
    if (kind->u.s->data[0] == 'v')
        field(w, proxy, ", on the way to ", "target");
}

int look_words(const struct object *obj, const struct sk_value *info, struct session *ses, struct sk_buf *out,
               struct sk_err *err) {
    struct sk_sock *s = obj->u.sock;
    char kind[64];
    struct words w = { .ses = ses, .out = out, .err = err };
    const struct sk_value *tcp = sk_get(info, "tcp");
    w.failed = sk_buf_printf(out, err, "%s: %s, %s", obj->name, kind_of(s, kind), state_words(obj)) < 0;
    ends(&w, info);
    if (s->state != SK_CLOSED) {
        queues(&w, s, info);
        timeout(&w, s);
    }
    if (tcp && tcp->type == SK_RECORD && (s->state == SK_CONNECTED || s->state == SK_ENDED))
        tcp_words(&w, tcp);
    struct sk_value tls = s->layer->describe ? s->layer->describe(s) : sk_null();
    if (tls.type == SK_RECORD)
        tls_words(&w, &tls);
    sk_drop(tls);
    struct sk_value proxy;
    if (value_field(ses, info, "proxy", &proxy, NULL) == 0) {
        if (proxy.type == SK_RECORD)
            proxy_words(&w, &proxy);
        sk_drop(proxy);
    }
    return w.failed ? -1 : 0;
}
