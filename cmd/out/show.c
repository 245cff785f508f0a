/* What results look like on a descriptor: the forms of bytes, of values, of lists (INTERFACE.md B1.8, B3). */
#include "out/printer.h"

#include <unistd.h>

#include "base/bytes.h"
#include "lang/call.h"
#include "lang/render.h"
#include "out/pager.h"
#include "out/text.h"
#include "run/task.h"

static const size_t PIECE = 16 * 1024; /* of a stream, in a form that is built */

/* ---- Writing ---- */

struct sk_buf printer_borrow(struct printer *p) {
    struct sk_buf b = p->spare;
    p->spare = (struct sk_buf){ 0 };
    return b;
}

void printer_give_back(struct printer *p, struct sk_buf *b) {
    static const size_t MOST = 256 * 1024;
    if (p->spare.mem || b->cap > MOST) {
        sk_buf_done(b);
        return;
    }
    sk_buf_clear(b);
    p->spare = *b;
}

int printer_write(struct printer *p, const void *bytes, size_t n, size_t *taken, struct sk_err *err) {
    return out_write(&p->out, bytes, n, taken, err);
}

/* What a record says was taken from somewhere: it is written to its end also when the command is cancelled meanwhile. A
 * reader that is slow gets 200 ms. */
static int write_whole(struct printer *p, const struct sk_buf *b, struct sk_err *err) {
    size_t done;
    struct sk_err why;
    int rc = printer_write(p, sk_buf_data(b), b->len, &done, &why);
    if (rc < 0 && why.kind == SK_CANCELED) {
        sk_shield();
        rc = printer_write(p, (const char *)sk_buf_data(b) + done, b->len - done, NULL, NULL);
        sk_unshield();
    }
    if (rc < 0 && err)
        *err = why;
    return rc;
}

int printer_record(struct printer *p, struct sk_buf *b, int rc, struct sk_err *err) {
    if (rc == 0 && b->len)
        rc = write_whole(p, b, err);
    printer_give_back(p, b);
    return rc;
}

/* ---- Forms ---- */

bool printer_is_terminal(struct printer *p) {
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
    return printer_is_terminal(p) ? F_TEXT : F_RAW;
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
    struct sk_buf b = printer_borrow(p);
    int rc = text_clean(&b, bytes, n, true, err);
    return printer_record(p, &b, rc < 0 ? -1 : sk_buf_add_str(&b, end, err), err);
}

/* Built first, and then all of it counts as taken or none: d is as before then. */
static int show_piece(struct printer *p, enum format f, struct delivery *d, const void *bytes, size_t n,
                      struct sk_err *err) {
    struct delivery before = *d;
    struct sk_buf b = printer_borrow(p);
    bool holds = f == F_TEXT || f == F_HEXDUMP; /* a line or a row that has no end yet; the other forms keep all */
    before.bytes = (struct sk_buf){ 0 };
    int rc = holds && d->bytes.len ? sk_buf_add(&before.bytes, sk_buf_data(&d->bytes), d->bytes.len, err) : 0;
    if (rc == 0 && (rc = printer_record(p, &b, text_feed(f, d, bytes, n, &b, err), err)) < 0 && holds) {
        sk_buf_done(&d->bytes);
        *d = before;
        return -1;
    }
    sk_buf_done(&before.bytes);
    return rc;
}

/* Raw bytes go straight through. */
int show_bytes(struct printer *p, struct call *c, struct delivery *d, const void *bytes, size_t n, size_t *taken,
               struct sk_err *err) {
    enum format f = form_of(p, c);
    int rc;
    *taken = 0;
    if (f == F_RAW) {
        d->came = true;
        return printer_write(p, bytes, n, taken, err);
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

int show_rest(struct printer *p, struct call *c, struct delivery *d, bool ok, struct sk_err *err) {
    enum format f = form_of(p, c);
    if (f == F_RAW || (f == F_TEXT && is_words(c)))
        return 0;
    struct sk_buf b = printer_borrow(p);
    return printer_record(p, &b, text_finish(f, d, ok, &b, err), err);
}

/* `ADDR 'data'`: a datagram with its sender, for people. */
static int show_datagram(struct printer *p, struct call *c, const struct sk_value *peer, const struct sk_value *bytes,
                         struct sk_err *err) {
    struct sk_buf b = printer_borrow(p);
    int rc = value_text(c->ses, peer, &b, err);
    if (rc == 0)
        rc = sk_buf_add(&b, " ", 1, err);
    if (rc == 0)
        rc = value_text(c->ses, bytes, &b, err);
    if (rc == 0)
        rc = sk_buf_add(&b, "\n", 1, err);
    return printer_record(p, &b, rc, err);
}

int show_line(struct printer *p, struct call *c, const struct sk_value *v, const char *shows, struct sk_err *err) {
    struct sk_buf b = printer_borrow(p);
    return printer_record(p, &b, text_line(c->ses, v, shows, &b, err), err);
}

/* The words of print, with their line end in the same write. */
static int show_print(struct printer *p, const struct sk_blob *s, enum format f, struct sk_err *err) {
    if (f == F_TEXT)
        return show_words(p, s->data, s->len, "\n", err);
    struct sk_buf b = printer_borrow(p);
    int rc = sk_buf_add(&b, s->data, s->len, err);
    return printer_record(p, &b, rc < 0 ? -1 : sk_buf_add(&b, "\n", 1, err), err);
}

/* A value that bytes stand for, in one piece: looks as a stream of them does. */
int show_whole(struct printer *p, struct call *c, const struct sk_value *v, struct sk_err *err) {
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
        rc = show_rest(p, c, &d, true, err);
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
    struct sk_buf b = printer_borrow(p);
    int rc = 0;
    if (v->type == SK_HANDLE)
        rc = add_made(c, v, &b, err);
    else
        for (size_t i = 0; rc == 0 && i < v->u.seq->count; i++)
            rc = add_made(c, &v->u.seq->items[i].value, &b, err);
    return printer_record(p, &b, rc, err);
}

static int show_count(struct printer *p, struct call *c, const struct sk_value *v, struct sk_err *err) {
    const struct sk_value *n = sk_main(v);
    bool shell = c->frame->style == STYLE_SHELL;
    if (n->type != SK_INT || (shell ? c->opt->verbose < 1 : c->frame->style != STYLE_ONCE))
        return 0;
    struct sk_buf b = printer_borrow(p);
    const char *after = !shell ? "" : sk_get(v, "len") ? " bytes sent" : " bytes";
    int rc = sk_buf_printf(&b, err, "%lld%s\n", (long long)n->u.i, after);
    return printer_record(p, &b, rc, err);
}

static bool is_made(const struct call *c, const struct sk_value *v) {
    if (v->type == SK_HANDLE)
        return !c->shows;
    return (c->cmd->flags & MAKES) && v->type == SK_LIST && v->u.seq->count > 0 &&
           v->u.seq->items[0].value.type == SK_HANDLE;
}

bool has_columns(const char *shows) {
    while (shows && *shows == ' ')
        shows++;
    for (; shows && *shows; shows++)
        if (*shows == ' ')
            return true;
    return false;
}

int show_list(struct printer *p, struct call *c, const struct sk_value *list, struct sk_err *err) {
    struct sk_buf b = printer_borrow(p);
    int rc = 0;
    if (has_columns(c->shows) && printer_is_terminal(p))
        rc = text_table(c->ses, list, c->shows, &b, err);
    else
        for (size_t i = 0; rc == 0 && i < list->u.seq->count; i++)
            rc = text_line(c->ses, &list->u.seq->items[i].value, c->shows, &b, err);
    if (rc == 0 && b.len && (c->cmd->flags & PAGED) && printer_is_terminal(p)) {
        int shown = pager_show(p->frame->host, p->out.fd, sk_buf_data(&b), b.len, err);
        rc = shown < 0 ? -1 : 0;
        if (shown > 0)
            sk_buf_clear(&b);
    }
    return printer_record(p, &b, rc, err);
}

int show_value(struct printer *p, struct call *c, const struct sk_value *v, struct sk_err *err) {
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
    struct sk_buf b = printer_borrow(p);
    return printer_record(p, &b, text_record(c->ses, v, silent ? NULL : c->shows, &b, err), err);
}
