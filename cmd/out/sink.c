/* Each result in the form that its command, its style and the descriptor ask for (INTERFACE.md B1.8, B3, B4). */
#include "out/sink.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/bytes.h"
#include "lang/call.h"
#include "lang/collect.h"
#include "lang/render.h"
#include "out/json.h"
#include "out/out.h"
#include "out/pager.h"
#include "out/text.h"
#include "run/task.h"

static const size_t PIECE = 16 * 1024; /* of a stream, in a form that is built */

enum terminal { TERMINAL_UNKNOWN, TERMINAL_NO, TERMINAL_YES };

struct printer {
    struct sink base;
    struct frame *frame;
    struct out out, messages;
    enum format format;
    enum terminal terminal;
    struct delivery *deliveries;
    struct sk_buf spare; /* memory for the next record */
};

static struct printer *printer_of(struct sink *s) { return (struct printer *)s; }

/* ---- Writing ---- */

/* A buffer for one record. Another task may print while one waits, so it is lent. */
static struct sk_buf borrow(struct printer *p) {
    struct sk_buf b = p->spare;
    p->spare = (struct sk_buf){ 0 };
    return b;
}

static void give_back(struct printer *p, struct sk_buf *b) {
    static const size_t MOST = 256 * 1024;
    if (p->spare.mem || b->cap > MOST) {
        sk_buf_done(b);
        return;
    }
    sk_buf_clear(b);
    p->spare = *b;
}

static int write_out(struct printer *p, const void *bytes, size_t n, size_t *taken, struct sk_err *err) {
    return out_write(&p->out, bytes, n, taken, err);
}

/* What a record says was taken from somewhere: it is written to its end also when the command is cancelled meanwhile. A
 * reader that is slow gets 200 ms. */
static int write_whole(struct printer *p, const struct sk_buf *b, struct sk_err *err) {
    size_t done;
    struct sk_err why;
    int rc = write_out(p, sk_buf_data(b), b->len, &done, &why);
    if (rc < 0 && why.kind == SK_CANCELED) {
        sk_shield();
        rc = write_out(p, (const char *)sk_buf_data(b) + done, b->len - done, NULL, NULL);
        sk_unshield();
    }
    if (rc < 0 && err)
        *err = why;
    return rc;
}

/* rc is that of what filled b; the record is written and the buffer given back. */
static int write_record(struct printer *p, struct sk_buf *b, int rc, struct sk_err *err) {
    if (rc == 0 && b->len)
        rc = write_whole(p, b, err);
    give_back(p, b);
    return rc;
}

/* ---- Forms ---- */

static bool on_terminal(struct printer *p) {
    if (p->terminal == TERMINAL_UNKNOWN) {
        const struct host *host = p->frame ? p->frame->host : NULL;
        bool is = !p->out.was_closed && (host && host->is_terminal ? host->is_terminal(p->out.fd) : isatty(p->out.fd));
        p->terminal = is ? TERMINAL_YES : TERMINAL_NO;
    }
    return p->terminal == TERMINAL_YES;
}

static enum format asked_form(const struct printer *p, const struct call *c) {
    return c->opt->format != F_AUTO ? c->opt->format : p->format;
}

/* How the bytes of a command look: never F_AUTO. */
static enum format form_of(struct printer *p, const struct call *c) {
    enum format f = asked_form(p, c);
    if (f != F_AUTO)
        return f;
    if (c->cmd->flags & ESCAPES)
        return F_ESCAPE;
    return on_terminal(p) ? F_TEXT : F_RAW;
}

/* Words of ours or of the user: they have lines, no quotes. */
static bool is_words(const struct call *c) { return (c->cmd->flags & PLAIN) || !(c->cmd->flags & PRINTS); }

/* ---- Bytes ---- */

/* Position of p[n] in what came from the socket of the call: in the input buffer, or just taken from it. */
static uint64_t position(const struct call *c, const void *p, size_t n) {
    const struct sk_sock *s = c->sock;
    if (!s)
        return 0;
    const unsigned char *byte = p;
    bool buffered = s->in.mem && byte >= s->in.mem && byte < s->in.mem + s->in.cap;
    uint64_t behind = s->in.len + (buffered ? 0 : n);
    return s->received > behind ? s->received - behind : 0;
}

/* As it is, but for what a terminal would act on; for print with a line end. */
static int show_words(struct printer *p, const void *bytes, size_t n, const char *end, struct sk_err *err) {
    struct sk_buf b = borrow(p);
    int rc = text_clean(&b, bytes, n, true, err);
    return write_record(p, &b, rc < 0 ? -1 : sk_buf_add_str(&b, end, err), err);
}

/* Built first, and then all of it counts as taken or none: d is as before then. */
static int show_piece(struct printer *p, enum format f, struct delivery *d, const void *bytes, size_t n,
                      struct sk_err *err) {
    struct delivery before = *d;
    struct sk_buf b = borrow(p);
    bool holds = f == F_TEXT || f == F_HEXDUMP; /* a line or a row that has no end yet; the other forms keep all */
    before.bytes = (struct sk_buf){ 0 };
    int rc = holds && d->bytes.len ? sk_buf_add(&before.bytes, sk_buf_data(&d->bytes), d->bytes.len, err) : 0;
    if (rc == 0 && (rc = write_record(p, &b, text_feed(f, d, bytes, n, &b, err), err)) < 0 && holds) {
        sk_buf_done(&d->bytes);
        *d = before;
        return -1;
    }
    sk_buf_done(&before.bytes);
    return rc;
}

/* Raw bytes go straight through. */
static int show_bytes(struct printer *p, struct call *c, struct delivery *d, const void *bytes, size_t n, size_t *taken,
                      struct sk_err *err) {
    enum format f = form_of(p, c);
    int rc;
    *taken = 0;
    if (f == F_RAW) {
        d->came = true;
        return write_out(p, bytes, n, taken, err);
    }
    if (f == F_TEXT && is_words(c)) {
        rc = show_words(p, bytes, n, "", err);
        *taken = rc == 0 ? n : 0;
        return rc;
    }
    if (f == F_HEXDUMP && !d->came)
        d->at = position(c, bytes, n);
    do {
        size_t piece = n - *taken < PIECE ? n - *taken : PIECE;
        rc = show_piece(p, f, d, (const char *)bytes + *taken, piece, err);
        *taken += rc == 0 ? piece : 0;
    } while (rc == 0 && *taken < n);
    return rc;
}

static int finish_bytes(struct printer *p, struct call *c, struct delivery *d, bool ok, struct sk_err *err) {
    enum format f = form_of(p, c);
    if (f == F_RAW || (f == F_TEXT && is_words(c)))
        return 0;
    struct sk_buf b = borrow(p);
    return write_record(p, &b, text_finish(f, d, ok, &b, err), err);
}

/* `ADDR 'data'`: a datagram with its sender, for people. */
static int show_datagram(struct printer *p, struct call *c, const struct sk_value *peer, const struct sk_value *bytes,
                         struct sk_err *err) {
    struct sk_buf b = borrow(p);
    int rc = value_text(c->ses, peer, &b, err);
    if (rc == 0)
        rc = sk_buf_add(&b, " ", 1, err);
    if (rc == 0)
        rc = value_text(c->ses, bytes, &b, err);
    if (rc == 0)
        rc = sk_buf_add(&b, "\n", 1, err);
    return write_record(p, &b, rc, err);
}

static int show_line(struct printer *p, struct call *c, const struct sk_value *v, const char *shows,
                     struct sk_err *err) {
    struct sk_buf b = borrow(p);
    return write_record(p, &b, text_line(c->ses, v, shows, &b, err), err);
}

/* The words of print, with their line end in the same write. */
static int show_print(struct printer *p, const struct sk_blob *s, enum format f, struct sk_err *err) {
    if (f == F_TEXT)
        return show_words(p, s->data, s->len, "\n", err);
    struct sk_buf b = borrow(p);
    int rc = sk_buf_add(&b, s->data, s->len, err);
    return write_record(p, &b, rc < 0 ? -1 : sk_buf_add(&b, "\n", 1, err), err);
}

/* A value that bytes stand for, in one piece: looks as a stream of them does. */
static int show_whole(struct printer *p, struct call *c, const struct sk_value *v, struct sk_err *err) {
    const struct sk_value *bytes = sk_main(v), *peer = sk_get(v, "peer");
    if (!(c->cmd->flags & PRINTS) && asked_form(p, c) == F_AUTO)
        return show_line(p, c, bytes, NULL, err);
    enum format f = form_of(p, c);
    if ((c->cmd->flags & PLAIN) && (f == F_RAW || f == F_TEXT))
        return show_print(p, bytes->u.s, f, err);
    if (peer && peer->type == SK_ADDR && f == F_TEXT)
        return show_datagram(p, c, peer, bytes, err);
    struct delivery d = { .call = c };
    size_t taken;
    int rc = show_bytes(p, c, &d, bytes->u.s->data, bytes->u.s->len, &taken, err);
    if (rc == 0)
        rc = finish_bytes(p, c, &d, true, err);
    sk_buf_done(&d.bytes);
    return rc;
}

/* ---- Other results ---- */

static int add_made(struct call *c, const struct sk_value *v, struct sk_buf *b, struct sk_err *err) {
    if (c->frame->style == STYLE_SHELL)
        return text_made(c->ses, v, b, err);
    return value_text(c->ses, v, b, err) < 0 ? -1 : sk_buf_add(b, "\n", 1, err);
}

/* New objects: their name when that is the whole command, a line each at a prompt. */
static int show_made(struct printer *p, struct call *c, const struct sk_value *v, struct sk_err *err) {
    if (c->frame->style != STYLE_ONCE && c->frame->style != STYLE_SHELL)
        return 0;
    struct sk_buf b = borrow(p);
    int rc = 0;
    if (v->type == SK_HANDLE)
        rc = add_made(c, v, &b, err);
    else
        for (size_t i = 0; rc == 0 && i < v->u.seq->count; i++)
            rc = add_made(c, &v->u.seq->items[i].value, &b, err);
    return write_record(p, &b, rc, err);
}

static int show_count(struct printer *p, struct call *c, const struct sk_value *v, struct sk_err *err) {
    const struct sk_value *n = sk_main(v);
    bool shell = c->frame->style == STYLE_SHELL;
    if (n->type != SK_INT || (shell ? c->opt->verbose < 1 : c->frame->style != STYLE_ONCE))
        return 0;
    struct sk_buf b = borrow(p);
    const char *after = !shell ? "" : sk_get(v, "len") ? " bytes sent" : " bytes";
    int rc = sk_buf_printf(&b, err, "%lld%s\n", (long long)n->u.i, after);
    return write_record(p, &b, rc, err);
}

static bool is_made(const struct call *c, const struct sk_value *v) {
    if (v->type == SK_HANDLE)
        return !c->shows;
    return (c->cmd->flags & MAKES) && v->type == SK_LIST && v->u.seq->count > 0 &&
           v->u.seq->items[0].value.type == SK_HANDLE;
}

static bool has_columns(const char *shows) {
    while (shows && *shows == ' ')
        shows++;
    for (; shows && *shows; shows++)
        if (*shows == ' ')
            return true;
    return false;
}

static int show_list(struct printer *p, struct call *c, const struct sk_value *list, struct sk_err *err) {
    struct sk_buf b = borrow(p);
    int rc = 0;
    if (has_columns(c->shows) && on_terminal(p))
        rc = text_table(c->ses, list, c->shows, &b, err);
    else
        for (size_t i = 0; rc == 0 && i < list->u.seq->count; i++)
            rc = text_line(c->ses, &list->u.seq->items[i].value, c->shows, &b, err);
    if (rc == 0 && b.len && (c->cmd->flags & PAGED) && on_terminal(p)) {
        int shown = pager_show(p->frame->host, p->out.fd, sk_buf_data(&b), b.len, err);
        rc = shown < 0 ? -1 : 0;
        if (shown > 0)
            sk_buf_clear(&b);
    }
    return write_record(p, &b, rc, err);
}

static int show_value(struct printer *p, struct call *c, const struct sk_value *v, struct sk_err *err) {
    const struct sk_value *m = sk_main(v);
    bool silent = c->shows && !*c->shows;
    if (m->type == SK_NULL || (silent && c->opt->verbose < 1))
        return 0;
    if (c->cmd->flags & COUNTS)
        return show_count(p, c, v, err);
    if (is_made(c, m))
        return show_made(p, c, m, err);
    if (m->type == SK_BYTES)
        return show_whole(p, c, v, err);
    if (m->type == SK_LIST)
        return show_list(p, c, m, err);
    struct sk_buf b = borrow(p);
    return write_record(p, &b, text_record(c->ses, v, silent ? NULL : c->shows, &b, err), err);
}

/* ---- Messages ---- */

/* Also when the command was cancelled: a reader that is slow gets 200 ms. */
static void write_message(struct printer *p, struct sk_buf *b, int rc) {
    bool canceled = sk_canceled();
    if (canceled)
        sk_shield();
    if (rc == 0 && b->len)
        out_write(&p->messages, sk_buf_data(b), b->len, NULL, NULL);
    if (canceled)
        sk_unshield();
    give_back(p, b);
}

static void sink_tell(struct sink *s, struct call *c, const struct outcome *o) {
    struct printer *p = printer_of(s);
    if (o->ok || c->reported || out_gone(o->err))
        return;
    struct sk_buf b = borrow(p);
    bool typed = o->err->kind == SK_CANCELED && c->frame->style == STYLE_SHELL && on_terminal(p);
    if (typed) /* behind the ^C on the screen, and no failure of ours */
        sk_buf_printf(&b, NULL, "\n%s\n", o->err->msg);
    write_message(p, &b,
                  typed ? text_note(&c->note, &b, NULL) : text_message(o->file, o->line, o->err, &c->note, &b, NULL));
}

static void tell_note(struct printer *p, struct call *c) {
    if (c->note.len == 0 || c->opt->verbose < (c->warns ? 0 : 1))
        return;
    struct sk_buf b = borrow(p);
    write_message(p, &b, text_note(&c->note, &b, NULL));
}

/* ---- The sink ---- */

static int sink_bytes(struct sink *s, struct call *c, const void *bytes, size_t n, size_t *taken, struct sk_err *err) {
    struct printer *p = printer_of(s);
    struct delivery *d = delivery_open(&p->deliveries, c);
    if (c->json)
        return delivery_bytes(d, bytes, n, taken, err);
    return show_bytes(p, c, d, bytes, n, taken, err);
}

static int flush_lines(struct printer *p, struct delivery *d, struct sk_err *err) {
    int rc = d->bytes.len ? write_out(p, sk_buf_data(&d->bytes), d->bytes.len, NULL, err) : 0;
    sk_buf_clear(&d->bytes);
    return rc;
}

/* Lines that come together are written together. */
static int pass_lines(struct printer *p, const struct call *c, struct delivery *d, struct sk_err *err) {
    static const size_t MOST = 64 * 1024;
    return c->more && d->bytes.len < MOST ? 0 : flush_lines(p, d, err);
}

static int sink_line(struct sink *s, struct call *c, const void *text, size_t n, struct sk_err *err) {
    struct printer *p = printer_of(s);
    struct delivery *d = delivery_open(&p->deliveries, c);
    return sk_buf_add(&d->bytes, text, n, err) < 0 ? -1 : pass_lines(p, c, d, err);
}

/* A line for each item. */
static int show_each(struct printer *p, struct call *c, const struct sk_value *v, struct sk_err *err) {
    struct delivery *d = delivery_open(&p->deliveries, c);
    int rc;
    if (c->json)
        rc = json_item(c, v, &d->bytes, err);
    else if (c->cmd->line)
        rc = c->cmd->line(c, v, on_terminal(p), &d->bytes, err);
    else
        rc = text_line(c->ses, v, c->shows, &d->bytes, err);
    return rc < 0 ? rc : pass_lines(p, c, d, err);
}

static int sink_item(struct sink *s, struct call *c, const struct sk_value *v, struct sk_err *err) {
    struct printer *p = printer_of(s);
    if (c->cmd->flags & EACH)
        return show_each(p, c, v, err);
    if (c->json)
        return delivery_item(delivery_open(&p->deliveries, c), v, err);
    if (sk_main(v)->type == SK_BYTES)
        return show_whole(p, c, v, err);
    if (has_columns(c->shows) && on_terminal(p)) /* aligned when all are known */
        return delivery_item(delivery_open(&p->deliveries, c), v, err);
    return show_line(p, c, v, c->shows, err);
}

static int end_text(struct printer *p, struct call *c, const struct outcome *o, struct delivery *d,
                    struct sk_err *err) {
    if (d && d->items.type != SK_NULL)
        return show_list(p, c, &d->items, err);
    if (o->bound && o->ok)
        return 0;
    if (c->cmd->result == R_STREAM) {
        if (!d && !o->ok)
            return 0;
        return finish_bytes(p, c, d ? d : delivery_open(&p->deliveries, c), o->ok, err);
    }
    return o->ok && o->result ? show_value(p, c, o->result, err) : 0;
}

/* What nobody was given goes back into the stream that it came from. */
static void take_back(struct call *c, const struct outcome *o, const struct delivery *d) {
    const struct sk_value *whole = o->ok && o->result ? sk_main(o->result) : NULL;
    if (!c->source || c->source->state == SK_CLOSED)
        return;
    for (size_t i = d && d->items.type == SK_LIST ? d->items.u.seq->count : 0; i-- > 0;) {
        const struct sk_blob *bytes = sk_main(&d->items.u.seq->items[i].value)->u.s;
        sk_unread(c->source, bytes->data, bytes->len, NULL);
    }
    if (c->cmd->result == R_STREAM && d && d->bytes.len)
        sk_unread(c->source, sk_buf_data(&d->bytes), d->bytes.len, NULL);
    else if (c->cmd->result == R_ONE && whole && whole->type == SK_BYTES)
        sk_unread(c->source, whole->u.s->data, whole->u.s->len, NULL);
}

static int sink_end(struct sink *s, struct call *c, const struct outcome *o, struct sk_err *err) {
    struct printer *p = printer_of(s);
    struct delivery *d = p->deliveries ? delivery_find(p->deliveries, c) : NULL;
    int rc = d && (c->cmd->flags & EACH) ? flush_lines(p, d, err) : 0;
    if (rc < 0 || outcome_was_told(c, o)) {
        d = NULL;
    } else if (c->json) {
        struct sk_buf b = borrow(p);
        rc = write_record(p, &b, json_line(c, o, d, &b, err), err);
    } else {
        rc = end_text(p, c, o, d, err);
    }
    if (rc < 0)
        take_back(c, o, d);
    delivery_close(p->deliveries ? delivery_find(p->deliveries, c) : NULL);
    if (o->ok)
        tell_note(p, c);
    else
        sink_tell(s, c, o);
    return rc;
}

static void sink_done(struct sink *s) {
    struct printer *p = printer_of(s);
    delivery_free(p->deliveries);
    sk_buf_done(&p->spare);
    out_done(&p->out);
    out_done(&p->messages);
    free(p);
}

static const struct sink_class printer_class = {
    .bytes = sink_bytes,
    .item = sink_item,
    .end = sink_end,
    .free = sink_done,
    .tell = sink_tell,
    .line = sink_line,
};

struct sink *sink_new(struct frame *frame, int fd, enum format format) {
    struct printer *p = sk_alloc(sizeof *p);
    bool was_closed = fd == STDOUT_FILENO && frame && frame->host && frame->host->stdout_was_closed;
    p->base.cls = &printer_class;
    p->frame = frame;
    p->format = format;
    out_init(&p->out, fd, was_closed);
    out_init(&p->messages, STDERR_FILENO, false);
    return &p->base;
}
