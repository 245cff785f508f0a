/* Targets come in, from operands and lists, and are looked at by a bounded number of tasks. */
#include <errno.h>
#include <unistd.h>

#include "lang/frame.h"
#include "verbs/dialing.h"
#include "verbs/inspect_many.h"
#include "verbs/lines.h"

/* ---- Work ---- */

static void finish(struct tls_run *r, struct target *t) {
    if (r->ordered)
        r->ring[t->number % AHEAD] = t;
    else
        target_push(&r->done, t);
    sk_event_set(&r->news);
}

static int work(void *arg) {
    struct tls_run *r = arg;
    struct sk_err err;
    for (struct target *t; (t = target_pop(&r->waiting));) {
        if (sk_left(r->how.deadline) > 0) {
            inspect_target(&r->how, t->text, &t->ep, &t->found);
        } else {
            sk_fail_timeout(&err, "tls");
            inspect_failed(t->text, &err, NULL, &t->found);
        }
        finish(r, t);
    }
    r->at_work--;
    return 0;
}

static int hire(struct tls_run *r, struct sk_err *err) {
    if (r->at_work >= r->most)
        return 0;
    if (sk_spawn(&r->tasks, "tls", work, r, err))
        r->at_work++;
    else if (r->at_work == 0)
        return -1;
    return 0;
}

/* ---- Targets ---- */

static struct target *new_target(struct tls_run *r, const char *text, size_t n) {
    struct target *t = sk_alloc(sizeof *t);
    t->text = sk_strndup(text, n);
    t->number = r->in++;
    return t;
}

static int wait_room(struct tls_run *r) {
    while (r->in - r->told >= AHEAD) {
        sk_event_clear(&r->room);
        if (sk_event_wait(&r->room, "tls", SK_NEVER, &r->why) < 0)
            return -1;
    }
    return 0;
}

int inspect_check_target(const struct sk_endpoint *ep, int family, struct sk_err *err) {
    char text[SK_ADDR_TEXT];
    if (endpoint_agrees(ep, 0, family, err) < 0)
        return -1;
    sk_endpoint_format(text, sizeof text, ep);
    if (ep->type == SOCK_DGRAM)
        return sk_fail_usage(err, "TLS needs a stream: DTLS is not part of sockctl");
    if (ep->kind == SK_EP_FD)
        return sk_fail_usage(err, "'%s' is a socket that is there; see starttls, info and peercert", text);
    if (ep->kind == SK_EP_ANY)
        return sk_fail_usage(err, "'%s' means every address of this machine, to listen on; write :PORT", text);
    return 0;
}

/* An address of an operand, or of a line. It is called HOST:PORT, however it was written. */
static int add(struct tls_run *r, const struct sk_endpoint *given) {
    char text[SK_ADDR_TEXT];
    struct sk_endpoint ep = *given;
    ep.tls = false;
    ep.type = 0;
    if (wait_room(r) < 0)
        return -1;
    sk_endpoint_format(text, sizeof text, &ep);
    struct target *t = new_target(r, text, strlen(text));
    t->ep = ep;
    target_push(&r->waiting, t);
    return hire(r, &r->why);
}

static size_t split(const char *line, size_t n, const char *words[5], size_t lengths[5]) {
    size_t count = 0;
    for (const char *p = line, *end = line + n; p < end && count < 5;) {
        while (p < end && (*p == ' ' || *p == '\t'))
            p++;
        words[count] = p;
        while (p < end && *p != ' ' && *p != '\t')
            p++;
        lengths[count] = (size_t)(p - words[count]);
        count += lengths[count] > 0;
    }
    return count;
}

/* A line that is no address is told as one that failed; the others go on. */
static int add_line(struct tls_run *r, const char *line, size_t n) {
    const char *words[5];
    size_t lengths[5], count = split(line, n, words, lengths);
    struct sk_endpoint ep, place;
    struct sk_err err;
    int rc = count == 3 || count > 4
                 ? sk_fail_usage(&err, "an address is one word, two (HOST PORT) or four (HOST PORT 0 SCOPE)")
                 : sk_endpoint_parse(&ep, words, lengths, count, false, &err);
    if (rc == 0)
        rc = call_place(r->c, &ep, &place);
    if (rc == 0)
        rc = inspect_check_target(&place, r->how.dial.family, &err);
    if (rc == 0)
        return add(r, &place);
    if (wait_room(r) < 0)
        return -1;
    struct target *t = new_target(r, line, n);
    inspect_failed(t->text, &err, NULL, &t->found);
    finish(r, t);
    return 0;
}

static int add_list(struct tls_run *r) {
    struct lines list = { .fd = STDIN_FILENO };
    const char *line;
    size_t n;
    int more;
    if (r->c->frame->host->stdin_was_closed)
        return sk_fail(&r->why, SK_SYS, EBADF, "read", "stdin is closed");
    while ((more = lines_next(&list, &line, &n, r->c->deadline, &r->why)) > 0 && (more = add_line(r, line, n)) == 0)
        ;
    lines_done(&list);
    return more;
}

static int add_operand(struct tls_run *r, const struct sk_endpoint *ep) {
    struct sk_endpoint place;
    if (!ep)
        return add_list(r);
    if (call_place(r->c, ep, &place) < 0 || inspect_check_target(&place, r->how.dial.family, &r->c->err) < 0) {
        r->why = r->c->err;
        return -1;
    }
    return add(r, &place);
}

int inspect_add_all(void *arg) {
    struct tls_run *r = arg;
    const struct arg *addr = r->addr;
    for (uint32_t i = 0; !r->has_failed && i < addr->count; i++)
        r->has_failed = add_operand(r, addr->all[i].u.ep) < 0;
    r->ended = true;
    sk_event_set(&r->news);
    return 0;
}
