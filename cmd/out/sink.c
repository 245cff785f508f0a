/* Each result goes out in the form that its command, its style and the descriptor ask for (INTERFACE.md B1.8, B3, B4).
 */
#include "out/sink.h"

#include <stdlib.h>
#include <unistd.h>

#include "lang/call.h"
#include "lang/render.h"
#include "out/json.h"
#include "out/printer.h"
#include "out/text.h"
#include "run/task.h"

static struct printer *printer_of(struct sink *s) { return (struct printer *)s; }

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
    printer_give_back(p, b);
}

static void sink_tell(struct sink *s, struct call *c, const struct outcome *o) {
    struct printer *p = printer_of(s);
    if (o->ok || c->reported || out_gone(o->err))
        return;
    struct sk_buf b = printer_borrow(p);
    bool typed = o->err->kind == SK_CANCELED && c->frame->style == STYLE_SHELL && printer_is_terminal(p);
    if (typed) /* behind the ^C on the screen, and no failure of ours */
        sk_buf_printf(&b, NULL, "\n%s\n", o->err->msg);
    write_message(p, &b,
                  typed ? text_note(&c->note, &b, NULL) : text_message(o->file, o->line, o->err, &c->note, &b, NULL));
}

static void tell_note(struct printer *p, struct call *c) {
    if (c->note.len == 0 || c->opt->verbose < (c->warns ? 0 : 1))
        return;
    struct sk_buf b = printer_borrow(p);
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
    int rc = d->bytes.len ? printer_write(p, sk_buf_data(&d->bytes), d->bytes.len, NULL, err) : 0;
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
        rc = c->cmd->line(c, v, printer_is_terminal(p), &d->bytes, err);
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
    if (has_columns(c->shows) && printer_is_terminal(p)) /* aligned when all are known */
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
        return show_rest(p, c, d ? d : delivery_open(&p->deliveries, c), o->ok, err);
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
        struct sk_buf b = printer_borrow(p);
        rc = printer_record(p, &b, json_line(c, o, d, &b, err), err);
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
