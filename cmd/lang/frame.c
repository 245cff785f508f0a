#include "lang/frame.h"

#include "lang/job.h"
#include "lang/options.h"
#include "lang/optparse.h"

void frame_init(struct frame *f, struct frame *up, struct session *ses, const struct host *host) {
    *f = (struct frame){ .up = up,
                         .ses = ses,
                         .host = host,
                         .last = sk_null(),
                         .eol = "\r\n",
                         .default_timeout = 30 * SK_SECOND,
                         .stop_status = -1 };
    f->seq = up != NULL ? up->seq : &f->seq_own;
    f->born = up != NULL ? up->born : sk_now();
    common_init(&f->defaults);
    common_init(&f->settings);
    common_init(&f->environment);
    if (up != NULL) {
        f->defaults = up->defaults;
        f->settings = up->settings;
        f->environment = up->environment;
        f->eol = up->eol;
        f->style = up->style;
        f->default_timeout = up->default_timeout;
        f->current = up->current;
        f->keep_going = up->keep_going;
        f->echo = up->echo;
        f->depth = up->depth;
    } else {
        sk_scope_init(&f->jobs);
        f->colors[0] = COLOR_SENT;
        f->colors[1] = COLOR_RECEIVED;
    }
}

void frame_done(struct frame *f) {
    if (f->up == NULL)
        jobs_end(f);
    sk_drop(f->last);
    f->last = sk_null();
    sk_buf_done(&f->last_bytes);
}

struct frame *frame_top(struct frame *f) {
    while (f->up != NULL)
        f = f->up;
    return f;
}

struct sk_value frame_last(struct frame *f) {
    if (!f->last_is_bytes)
        return sk_copy(f->last);
    return sk_bytes(f->last_bytes.len ? sk_buf_data(&f->last_bytes) : (const unsigned char *)"", f->last_bytes.len);
}

double frame_last_ms(const struct frame *f) { return (double)f->last_took / 1e6; }
