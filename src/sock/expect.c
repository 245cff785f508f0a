#include "sock/expect.h"

#include <errno.h>
#include <string.h>

#include "sock/layer.h"

struct search {
    struct sk_sock *s;
    const unsigned char *want;
    size_t n;
    struct sk_regex *re;
    bool exact;
    uint64_t front; /* position of s->in when `from` was true */
    size_t from;    /* nothing that begins before it can match */
    size_t start, end;
};

enum verdict { NO, YES, MAYBE /* the end of the input could be the beginning of a match */ };

static int look_exact(struct search *x, struct sk_err *err) {
    const unsigned char *p = sk_buf_data(&x->s->in);
    size_t n = x->s->in.len < x->n ? x->s->in.len : x->n;
    for (size_t i = x->from; i < n; i++)
        if (p[i] != x->want[i])
            return sk_fail(err, SK_EXPECT, 0, "expect", "expect: byte %zu is another", i);
    x->from = n;
    x->start = 0;
    x->end = x->n;
    return n == x->n ? YES : MAYBE;
}

static int look_literal(struct search *x) {
    const unsigned char *p = sk_buf_data(&x->s->in), *hit;
    size_t n = x->s->in.len;
    if (n < x->from + x->n)
        return MAYBE;
    hit = memmem(p + x->from, n - x->from, x->want, x->n);
    if (!hit) {
        x->from = n - x->n + 1;
        return MAYBE;
    }
    x->start = (size_t)(hit - p);
    x->end = x->start + x->n;
    return YES;
}

static int look_regex(struct search *x, bool more, struct sk_err *err) {
    int r = sk_regex_match(x->re, sk_buf_data(&x->s->in), x->s->in.len, &x->from, more, err);
    if (r < 0)
        return -1;
    if (r == 1 && !sk_regex_group(x->re, 0, &x->start, &x->end))
        return sk_fail_usage(err, "pattern matches backwards (\\K in an assertion)");
    if (x->exact && (r == 1 ? x->start > 0 : more && x->from > 0))
        return sk_fail(err, SK_EXPECT, 0, "expect", "expect: what came begins with something else");
    return r == 1 ? YES : r == 2 ? MAYBE : NO;
}

/* Look at what is there, each byte once. */
static int look(struct search *x, bool more, struct sk_err *err) {
    if (sk_front(x->s) != x->front) { /* bytes were given back while we waited */
        x->front = sk_front(x->s);
        x->from = 0;
    }
    if (x->re)
        return look_regex(x, more, err);
    if (x->n == 0) {
        x->start = x->end = 0;
        return YES;
    }
    return x->exact ? look_exact(x, err) : look_literal(x);
}

static bool ran_out_of_time(const struct sk_err *why) {
    return why->kind == SK_TIMEOUT || (why->kind == SK_SYS && why->code == EAGAIN);
}

/* No more will come (in time): a pattern that could only have grown longer has matched. 0, or -1 with *err. */
static int last_look(struct search *x, bool might, struct sk_err *err) {
    if (!x->re || !might)
        return NO;
    return look(x, false, err);
}

static int search(struct search *x, sk_time deadline, struct sk_err *err) {
    size_t held = 0;
    for (bool first = true;; first = false) {
        struct sk_err why;
        int seen = look(x, true, err);
        if (seen < 0 || seen == YES)
            return seen < 0 ? -1 : 0;
        size_t n = x->s->in.len;
        int r = sk_step(n > held ? n - held : 0, "expect", deadline, first, &why);
        held = n;
        if (r == 0)
            r = sk_fill_once(x->s, "expect", deadline, &why);
        if (r == SK_FILL_DATA || r == SK_FILL_EMPTY)
            continue;
        if (r == SK_FILL_END || ran_out_of_time(&why)) {
            int last = last_look(x, seen == MAYBE || r == SK_FILL_END, err);
            if (last != NO)
                return last < 0 ? -1 : 0;
        }
        if (r == SK_FILL_END)
            return sk_fail(err, SK_EXPECT, 0, "expect", "expect: the peer closed before it came");
        if (err)
            *err = why;
        return -1;
    }
}

int sk_expect(struct sk_sock *s, const void *want, size_t n, struct sk_regex *re, bool exact, size_t *start,
              size_t *end, sk_time deadline, struct sk_err *err) {
    struct search x = { .s = s, .want = want, .n = n, .re = re, .exact = exact };
    if (sk_sock_check(s, "expect", err) < 0 || sk_lock_take(&s->rlock, "expect", deadline, err) < 0)
        return -1;
    int r = sk_sock_check(s, "expect", err);
    x.front = sk_front(s);
    if (r == 0)
        r = search(&x, deadline, err);
    sk_lock_give(&s->rlock);
    if (r < 0)
        return -1;
    *start = x.start;
    *end = x.end;
    return 0;
}

/* What a peer does next; an error of the connection as SK_SYS in *why. The caller holds the read lock. */
static int next_event(struct sk_sock *s, const char *op, sk_time deadline, struct sk_err *why) {
    if (sk_sock_check(s, op, why) < 0)
        return -1;
    return s->in.len ? SK_FILL_DATA : sk_fill_once(s, op, deadline, why);
}

static bool was_reset(const struct sk_sock *s, const struct sk_err *why) {
    return why->kind == SK_SYS && s->state != SK_CLOSED &&
           (why->code == ECONNRESET || why->code == EPIPE || why->code == ECONNABORTED);
}

int sk_expect_close(struct sk_sock *s, bool reset, sk_time deadline, struct sk_err *err) {
    struct sk_err why;
    if (sk_sock_check(s, "expect", err) < 0 || sk_lock_take(&s->rlock, "expect", deadline, err) < 0)
        return -1;
    int r = next_event(s, "expect", deadline, &why);
    sk_lock_give(&s->rlock);
    if (r == SK_FILL_DATA || r == SK_FILL_EMPTY)
        return sk_fail(err, SK_EXPECT, 0, "expect", "expect: data came, not the %s", reset ? "reset" : "end");
    if (r == SK_FILL_END)
        return reset ? sk_fail(err, SK_EXPECT, 0, "expect", "expect: the peer closed in order, without a reset") : 0;
    if (was_reset(s, &why))
        return reset ? 0 : sk_fail(err, SK_EXPECT, 0, "expect", "expect: the peer reset the connection");
    if (err)
        *err = why;
    return -1;
}

int sk_silent(struct sk_sock *s, sk_time ns, struct sk_err *err) {
    struct sk_err why;
    sk_time deadline = sk_after(ns);
    if (sk_sock_check(s, "silent", err) < 0)
        return -1;
    if (sk_lock_take(&s->rlock, "silent", deadline, &why) == 0) {
        int r = next_event(s, "silent", deadline, &why);
        sk_lock_give(&s->rlock);
        if (r == SK_FILL_DATA)
            return sk_fail(err, SK_EXPECT, 0, "silent", "silent: %zu bytes came", s->in.len);
        if (r == SK_FILL_EMPTY)
            return sk_fail(err, SK_EXPECT, 0, "silent", "silent: an empty datagram came");
        if (r == SK_FILL_END)
            return sk_fail(err, SK_EXPECT, 0, "silent", "silent: the peer closed");
    }
    if (was_reset(s, &why))
        return sk_fail(err, SK_EXPECT, 0, "silent", "silent: the peer reset the connection");
    if (why.kind == SK_TIMEOUT)
        return 0;
    if (err)
        *err = why;
    return -1;
}
