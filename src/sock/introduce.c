/* PROXY headers on a connection: the first thing that is said. */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/parse.h"
#include "sock/layer.h"
#include "sock/proxyhdr.h"
#include "sock/via.h"

enum { LOOK = 512 }; /* bytes at once: most headers are shorter */

int sk_proxyhdr_send(struct sk_sock *s, const struct sk_proxyhdr_how *how, const struct sk_addr *far, sk_time deadline,
                     struct sk_err *err) {
    struct sk_proxyhdr h = { .version = how->version, .local = how->local };
    struct sk_buf bytes = { 0 };
    size_t sent;
    if (how->source)
        h.source = *how->source;
    else if (sk_sock_local(s, &h.source, err) < 0)
        return -1;
    h.target = how->target ? *how->target : far ? *far : s->peer;
    int rc = sk_proxyhdr_make(&h, &bytes, err);
    if (rc == 0)
        rc = sk_send_all(s, sk_buf_data(&bytes), bytes.len, 0, deadline, &sent, err);
    sk_buf_done(&bytes);
    return rc;
}

/* ---- Read by a listener ---- */

/* What came before it ended or took too long. */
static int cut_short(const struct sk_buf *got, struct sk_err *why, struct sk_err *err) {
    char shown[80] = "";
    sk_escape_cut(shown, sizeof shown, sk_buf_data(got), got->len);
    if (!why)
        return sk_fail(err, SK_EOF, 0, "PROXY header", "the connection ended before its PROXY header did: '%s'", shown);
    if (why->kind == SK_TIMEOUT)
        return sk_fail(err, SK_TIMEOUT, ETIMEDOUT, "PROXY header", "no PROXY header in time%s%s%s",
                       got->len ? ", only '" : "", shown, got->len ? "'" : "");
    *err = *why;
    return -1;
}

/* Look at what is there without taking it, then take what belongs to the header. 1: it is whole. */
static int read_more(struct sk_sock *s, struct sk_buf *got, sk_time deadline, struct sk_err *err) {
    struct sk_err why;
    size_t length, before = got->len;
    unsigned char *p = sk_buf_room(got, LOOK, err);
    ssize_t n = p ? sk_recv(s, p, LOOK, MSG_PEEK, deadline, &why) : -1;
    if (!p)
        return -1;
    if (n <= 0)
        return cut_short(got, n < 0 ? &why : NULL, err);
    sk_buf_commit(got, (size_t)n);
    int rc = sk_proxyhdr_scan(sk_buf_data(got), got->len, &length, err);
    if (rc < 0)
        return -1;
    if (rc > 0)
        got->len = length;
    n = sk_recv(s, sk_buf_data(got) + before, got->len - before, 0, deadline, err);
    if (n > 0)
        got->len = before + (size_t)n; /* fewer than were seen, if ever: then it is not whole */
    return n < 0 ? -1 : rc > 0 && got->len == length;
}

int sk_proxyhdr_receive(struct sk_sock *s, sk_time deadline, struct sk_err *err) {
    struct sk_buf got = { 0 };
    struct sk_proxyhdr h;
    struct sk_err unused;
    err = err ? err : &unused;
    int rc;
    while ((rc = read_more(s, &got, deadline, err)) == 0 && (rc = sk_charge(0, "PROXY header", deadline, err)) == 0)
        continue;
    if (rc > 0)
        rc = sk_proxyhdr_parse(sk_buf_data(&got), got.len, &h, err);
    sk_buf_done(&got);
    if (rc < 0)
        return -1;
    struct sk_via *via = s->via = sk_alloc(sizeof *via);
    via->kind = h.version == 1 ? "v1" : "v2";
    via->addr = s->peer;
    via->local = h.local;
    via->source = h.source;
    via->target = h.target;
    if (h.source.len)
        s->peer = h.source;
    return 0;
}

/* ---- For people ---- */

static struct sk_value address(const struct sk_addr *a) { return a->len ? sk_sockaddr(&a->u, a->len) : sk_null(); }

struct sk_value sk_via_value(const struct sk_via *via) {
    if (!via)
        return sk_null();
    struct sk_value r = sk_record();
    sk_put_main(&r, "kind", sk_text(via->kind));
    sk_put(&r, "addr", address(&via->addr));
    sk_put(&r, "local", sk_bool(via->local));
    sk_put(&r, "source", address(&via->source));
    sk_put(&r, "target", address(&via->target));
    sk_put(&r, "asked", via->asked[0] ? sk_text(via->asked) : sk_null());
    return r;
}
