/* What the sockets of the session did, and when. */
#include "verbs/trace.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "lang/call.h"
#include "lang/frame.h"

enum { FORM, KEEP };
enum word { W_LADDER, W_HEX, W_MERMAID, W_BARS, W_SVG, W_PCAPNG, W_ON, W_OFF, W_CLEAR };

static const size_t LEAST = 64 * 1024;
enum { COLUMNS = 80 };

static enum word word_of(const struct arg *args) { return args[FORM].count ? (enum word)args[FORM].u.i : W_LADDER; }

static int check(const struct arg *args, const struct common *opt, struct sk_err *err) {
    (void)opt;
    if (args[KEEP].count && word_of(args) != W_ON)
        return sk_fail_usage(err, "trace: --keep belongs to 'trace on'");
    return 0;
}

static enum trace_form form_of(const struct call *c) {
    static const enum trace_form forms[] = {
        [W_LADDER] = TRACE_LADDER, [W_HEX] = TRACE_HEX, [W_MERMAID] = TRACE_MERMAID,
        [W_BARS] = TRACE_BARS,     [W_SVG] = TRACE_SVG, [W_PCAPNG] = TRACE_PCAPNG
    };
    if (!has(c, FORM) && c->opt->output)
        return trace_form_of(c->opt->output);
    return forms[word_of(c->args)];
}

/* Of the terminal that the lines go to. */
static size_t columns(const struct call *c) {
    const struct host *host = c->frame->host;
    size_t n = c->opt->output || c->bind || c->json || !host->columns ? 0 : host->columns(STDOUT_FILENO);
    return n ? n : COLUMNS;
}

/* For those who look at them: programs, and names. */
static struct sk_value events(const struct call *c, const struct sk_track *only) {
    struct sk_value list = sk_list();
    for (const struct sk_tap_event *e = c->json || c->bind ? sk_tape->first : NULL; e; e = e->next)
        if (trace_is_of(e, only))
            sk_push(&list, trace_event_value(e));
    return list;
}

static void put_result(struct call *c, const char *key, struct sk_value picture, struct sk_value list) {
    c->result = sk_record();
    sk_put_main(&c->result, key, picture);
    sk_put(&c->result, "recording", sk_bool(sk_tape && sk_tape->is_on));
    sk_put(&c->result, "lost_events", sk_int(sk_tape ? (int64_t)sk_tape->lost_events : 0));
    sk_put(&c->result, "lost_bytes", sk_int(sk_tape ? (int64_t)sk_tape->lost_bytes : 0));
    sk_put(&c->result, "events", list);
}

static void note_state(struct call *c, enum trace_form form, size_t shown) {
    c->warns = true;
    if (sk_tape->lost_events)
        call_note(c,
                  "%" PRIu64 " older events with %" PRIu64
                  " bytes are gone: the trace keeps %zu KiB (trace on --keep SIZE)",
                  sk_tape->lost_events, sk_tape->lost_bytes, sk_tape->most / 1024);
    if (shown == 0)
        call_note(c, form == TRACE_BARS ? "no poll was recorded" : "nothing was recorded");
}

static struct sk_value shown_value(enum trace_form form, const struct sk_buf *out) {
    if (form == TRACE_PCAPNG)
        return sk_bytes(sk_buf_data(out), out->len);
    return out->len ? sk_text_n(sk_buf_data(out), out->len) : sk_null();
}

static int show(struct call *c) {
    const struct sk_track *only = c->sock ? c->sock->track : NULL;
    enum trace_form form = form_of(c);
    struct sk_buf out = { 0 };
    if (!sk_tape)
        return sk_fail_usage(&c->err, "nothing is recorded; begin with 'trace on', or start sockctl with --trace FILE");
    if (trace_render(form, columns(c), only, &out, &c->err) < 0) {
        sk_buf_done(&out);
        return -1;
    }
    put_result(c, form == TRACE_PCAPNG ? "bytes" : "text", shown_value(form, &out), events(c, only));
    note_state(c, form, out.len);
    sk_buf_done(&out);
    return 0;
}

static int trace(struct call *c) {
    int64_t keep = int_or(c, KEEP, (int64_t)SK_TAPE_MOST);
    switch (word_of(c->args)) {
    case W_ON:
        trace_start(c->ses, (size_t)keep < LEAST ? LEAST : (size_t)keep);
        break;
    case W_OFF:
        sk_tape_stop();
        break;
    case W_CLEAR:
        sk_tape_clear();
        break;
    default:
        return show(c);
    }
    put_result(c, "text", sk_null(), sk_list());
    return 0;
}

const struct command cmd_trace = {
    .name = "trace",
    .group = "session",
    .summary = "show what the sockets did, and when",
    .params =
        (const struct param[]){
            [FORM] = ARG("FORM", K_CHOICE, 0, 1,
                         "ladder (default), hex, mermaid, bars, svg, pcapng; or on, off, clear: what is recorded",
                         .choices = (const char *const[]){ "ladder", "hex", "mermaid", "bars", "svg", "pcapng", "on",
                                                           "off", "clear", NULL }),
            [KEEP] =
                OPT(0, "keep", K_SIZE, "with on: how much memory the trace may take (default 8Mi); the oldest goes"),
            { .kind = K_END },
        },
    .flags = MAY_SOCK | PRINTS | PRIVATE,
    .result = R_ONE,
    .details =
        "The shell records from its start, a script from trace on; --trace FILE before the command records everything "
        "and writes FILE at the end. NAME.trace shows one socket.\n"
        "ladder has a line for what was sent (-->) and received (<--), and for what else happened (*). hex has all "
        "bytes. mermaid is a sequence diagram for issues and READMEs. bars and svg show which socket woke poll, and "
        "when: . while it was waited for, # where it was ready. pcapng is for Wireshark: the bytes of TCP, UDP and "
        "UNIX sockets (these as DLT_USER0) with their times, each socket an interface of its name. Where both ends are "
        "sockets of the session, a packet stands there once, as it was sent.\n"
        "Bytes are those that commands give and get: TLS is shown as plaintext. What send --secret sends is shown as "
        "asterisks. With -o FILE and no FORM the suffix decides: .pcapng .mmd .svg .hex .json, else the ladder; only "
        "you may read the file.",
    .examples =
        (const char *const[]){
            "trace on ; x = pair ; x0.send 'PING\\r\\n' ; x1.expect PING ; trace",
            "trace on ; x = pair ; x0.send hi ; poll x0 x1 ; trace bars ; x1.trace hex",
            "trace on ; srv = listen :0 ; cli = connect sock:srv ; cli.send hello ; trace -o hello.pcapng",
            NULL,
        },
    .check = check,
    .run = trace,
};
