/* HTTP CONNECT, as a client: RFC 9110 section 9.3.6, RFC 9112 for the form of the answer. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "run/wait.h"
#include "sock/layer.h"
#include "sock/proxy_parts.h"

enum { LOOK = 4096, BODY_MOST = 4096, INTERIM_MOST = 10 };
#define BODY_PATIENCE SK_SECOND /* for the rest of a page that says why not */

static int send_request(struct ask *t) {
    struct sk_buf words = { 0 };
    struct sk_buf secret = { 0 };
    const char *at = t->via->asked;
    sk_buf_printf(&words, NULL, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", at, at);
    if (t->proxy->user) {
        sk_buf_printf(&secret, NULL, "%s:%s", t->proxy->user, t->proxy->password);
        sk_buf_add_str(&words, "Proxy-Authorization: Basic ", NULL);
        sk_base64(&words, sk_buf_data(&secret), secret.len, NULL);
        sk_buf_add_str(&words, "\r\n", NULL);
    }
    int rc = sk_buf_add_str(&words, "\r\n", t->err);
    if (rc == 0)
        rc = sk_ask_send(t, sk_buf_data(&words), words.len);
    for (struct sk_buf *b = &words; b; b = b == &words ? &secret : NULL) {
        if (b->len)
            explicit_bzero(sk_buf_data(b), b->len);
        sk_buf_done(b);
    }
    return rc;
}

static int malformed(struct ask *t, const char *why) {
    char got[100];
    return sk_ask_fail(t, EPROTO, "does not speak HTTP as it must: %s: '%s'", why,
                       sk_escape_cut(got, sizeof got, sk_buf_data(&t->got), t->got.len));
}

/* Look at what is there, and take what belongs to the head: 1 when it is whole. What follows stays in the socket. */
static int read_some(struct ask *t) {
    struct sk_err why;
    const char *wrong;
    size_t length, before = t->got.len;
    unsigned char *p = sk_buf_room(&t->got, LOOK, t->err);
    if (!p)
        return -1;
    ssize_t n = sk_recv(t->s, p, LOOK, MSG_PEEK, t->deadline, &why);
    if (n <= 0)
        return sk_ask_broken(t, n < 0 ? &why : NULL);
    sk_buf_commit(&t->got, (size_t)n);
    int rc = sk_http_scan((const char *)sk_buf_data(&t->got), t->got.len, &length, &wrong);
    if (rc < 0)
        return malformed(t, wrong);
    if (rc > 0)
        t->got.len = length;
    n = sk_recv(t->s, sk_buf_data(&t->got) + before, t->got.len - before, 0, t->deadline, &why);
    if (n <= 0)
        return sk_ask_broken(t, n < 0 ? &why : NULL);
    t->got.len = before + (size_t)n;
    return rc > 0 && t->got.len == length;
}

static int read_head(struct ask *t, struct sk_http_head *head) {
    const char *wrong;
    int rc;
    sk_buf_clear(&t->got);
    while ((rc = read_some(t)) == 0 && (rc = sk_charge(0, "proxy", t->deadline, t->err)) == 0)
        continue;
    if (rc > 0 && sk_http_parse((const char *)sk_buf_data(&t->got), t->got.len, head, &wrong) < 0)
        return malformed(t, wrong);
    return rc < 0 ? -1 : 0;
}

/* ---- Refusals ---- */

/* What the page says, as far as it comes soon. */
static void read_words(struct ask *t, const struct sk_http_head *head, char *dst, size_t size) {
    char page[BODY_MOST];
    size_t n = 0, most = head->length >= 0 && head->length < BODY_MOST ? (size_t)head->length : sizeof page;
    sk_time patience = sk_earlier(t->deadline, sk_after(BODY_PATIENCE));
    while (n < most) {
        ssize_t r = sk_recv(t->s, page + n, most - n, 0, patience, NULL);
        if (r <= 0)
            break;
        n += (size_t)r;
    }
    const char *p = page, *lf = head->chunked ? memchr(page, '\n', n) : NULL;
    if (lf) /* the size of the first chunk */
        p = lf + 1;
    sk_http_words(p, n - (size_t)(p - page), dst, size);
}

/* The proxy's own no, or what became of its connection to the target; most of them do not tell refused from
 * unreachable.
 */
static int code_of(int status, enum sk_proxy_blame *blame) {
    bool tried = status == 500 || (status >= 502 && status <= 504);
    *blame = tried ? SK_BLAME_TARGET : SK_BLAME_PROXY;
    if (status == 504)
        return ETIMEDOUT;
    return tried ? EHOSTUNREACH : status >= 400 && status < 500 && status != 400 && status != 405 ? EACCES : EPROTO;
}

static int wants_login(struct ask *t, const struct sk_http_head *head, const char *status) {
    if (head->wants_other && !head->wants_basic)
        return sk_ask_fail(t, EACCES, "wants a login by %s, which is not spoken here; only Basic is (%s)", head->scheme,
                           status);
    if (t->proxy->user)
        return sk_ask_fail(t, EACCES, "does not accept this user and password (%s)", status);
    return sk_ask_fail(t, EACCES,
                       "wants a user and a password (%s): write where USER:PASSWORD is, --proxy-auth file:PATH or "
                       "env:NAME",
                       status);
}

static int refused(struct ask *t, const struct sk_http_head *head) {
    char status[80], reason[64], page[160];
    sk_escape_cut(reason, sizeof reason, head->reason, head->reason_n);
    snprintf(status, sizeof status, "%d%s%s", head->status, *reason ? " " : "", reason);
    if (head->status == 407 || (head->status == 401 && t->proxy->user)) /* tinyproxy says the latter */
        return wants_login(t, head, status);
    int code = code_of(head->status, &t->blame);
    read_words(t, head, page, sizeof page);
    return sk_ask_fail(t, code, "%s: %s%s%s%s",
                       t->blame == SK_BLAME_TARGET ? "did not get through"
                       : code == EACCES            ? "refuses"
                                                   : "does not connect, perhaps it is no proxy",
                       status, *page ? ": '" : "", page, *page ? "'" : "");
}

int sk_http_connect(struct ask *t) {
    struct sk_http_head head;
    if (send_request(t) < 0)
        return -1;
    for (int i = 0; i < INTERIM_MOST; i++) {
        if (read_head(t, &head) < 0)
            return -1;
        if (head.status >= 200)
            return head.status < 300 ? 0 : refused(t, &head);
    }
    return sk_ask_fail(t, EPROTO, "sends interim answers (%d), and no last one", head.status);
}
