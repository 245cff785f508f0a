/* Proxies: what is typed, and the dialogue as far as it is the same for all. */
#include "sock/proxy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/parse.h"
#include "sock/layer.h"
#include "sock/proxy_parts.h"

const char *const sk_proxy_blames[] = { NULL, "way", "proxy", "target" };

/* ---- What is typed ---- */

static bool begins(const char **p, size_t *n, const char *prefix) {
    size_t len = strlen(prefix);
    if (*n < len || strncasecmp(*p, prefix, len) != 0)
        return false;
    *p += len;
    *n -= len;
    return true;
}

static int unknown_scheme(const char *text, size_t n, struct sk_err *err) {
    struct sk_quoted q;
    const char *shown = sk_quote(&q, text, n);
    if (begins(&text, &n, "socks4://") || begins(&text, &n, "socks4a://"))
        return sk_fail_usage(err, "proxy %s: SOCKS 4 is not spoken; write socks5://HOST:PORT", shown);
    if (begins(&text, &n, "https://"))
        return sk_fail_usage(err, "proxy %s: TLS to a proxy is not spoken; write http://HOST:PORT", shown);
    return sk_fail_usage(err, "proxy %s: write socks5://HOST:PORT or http://HOST:PORT", shown);
}

int sk_proxy_parse(struct sk_proxy *out, const char *text, size_t n, struct sk_err *err) {
    const char *p = text;
    struct sk_quoted q;
    struct sk_err why;
    size_t len = n;
    *out = (struct sk_proxy){ 0 };
    if (begins(&p, &len, "socks5://") || begins(&p, &len, "socks5h://"))
        out->kind = SK_PROXY_SOCKS5;
    else if (begins(&p, &len, "http://"))
        out->kind = SK_PROXY_HTTP;
    else
        return unknown_scheme(text, n, err);
    const char *scheme = out->kind == SK_PROXY_SOCKS5 ? "socks5" : "http", *host = memrchr(p, '@', len);
    if (host) /* the message does not repeat them */
        return sk_fail_usage(err,
                             "proxy: credentials in an argument are seen by everybody; write %s://%.*s, and where "
                             "USER:PASSWORD is: --proxy-auth file:PATH or env:NAME",
                             scheme, (int)(len - (size_t)(host + 1 - p)), host + 1);
    if (memchr(p, '/', len))
        return sk_fail_usage(err, "proxy %s: nothing stands behind the port; write %s://%.*s", sk_quote(&q, text, n),
                             scheme, (int)((const char *)memchr(p, '/', len) - p), p);
    if (sk_endpoint_parse(&out->ep, &p, &len, 1, false, &why) < 0)
        return sk_fail_usage(err, "proxy %s: %.300s", sk_quote(&q, text, n), why.msg);
    bool fits = out->ep.kind == SK_EP_NAME || out->ep.kind == SK_EP_LOOPBACK || out->ep.kind == SK_EP_ADDR;
    if (!fits || out->ep.type || out->ep.tls || (out->ep.kind == SK_EP_ADDR && !sk_addr_port(&out->ep.addr)))
        return sk_fail_usage(err, "proxy %s: write %s://HOST:PORT", sk_quote(&q, text, n), scheme);
    return 0;
}

int sk_proxy_credentials(struct sk_proxy *proxy, char *text, struct sk_err *err) {
    char *colon = strchr(text, ':');
    if (!colon)
        return sk_fail_usage(err, "--proxy-auth: there is no colon in the line; it is USER:PASSWORD");
    *colon = '\0';
    for (const char *p = text; p < colon + 1 + strlen(colon + 1); p++)
        if (p != colon && ((unsigned char)*p < ' ' || *p == 0x7f))
            return sk_fail_usage(err, "--proxy-auth: there is a control character in USER:PASSWORD");
    if (proxy->kind == SK_PROXY_SOCKS5) /* RFC 1929 section 2 */
        for (const char *p = text; p; p = p == text ? colon + 1 : NULL)
            if (strlen(p) < 1 || strlen(p) > 255)
                return sk_fail_usage(err, "--proxy-auth: a %s of %zu bytes; SOCKS takes 1 to 255",
                                     p == text ? "user" : "password", strlen(p));
    proxy->user = text;
    proxy->password = colon + 1;
    return 0;
}

int sk_proxy_target(const struct sk_endpoint *target, struct sk_err *err) {
    char text[SK_ADDR_TEXT];
    sk_endpoint_format(text, sizeof text, target);
    if (target->type && target->type != SOCK_STREAM)
        return sk_fail_usage(err, "'%s': a proxy carries streams, not datagrams", text);
    if (target->kind == SK_EP_NAME)
        return 0;
    if (target->kind == SK_EP_LOOPBACK || target->kind == SK_EP_ANY)
        return sk_fail_usage(err, "'%s' means this machine; for a proxy write localhost:%u, which is its own", text,
                             target->port);
    int family = target->kind == SK_EP_ADDR ? target->addr.u.sa.sa_family : AF_UNSPEC;
    if (family != AF_INET && family != AF_INET6)
        return sk_fail_usage(err, "'%s' means nothing to a proxy; write HOST:PORT", text);
    if (family == AF_INET6 && target->addr.u.in6.sin6_scope_id)
        return sk_fail_usage(err, "'%s' has a zone of this machine, which means nothing to a proxy", text);
    return 0;
}

/* ---- The dialogue ---- */

int sk_ask_fail(struct ask *t, int code, const char *fmt, ...) {
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return sk_fail(t->err, SK_SYS, code, t->blame == SK_BLAME_TARGET ? "connect" : "proxy", "the proxy %s %s", t->at,
                   text);
}

int sk_ask_broken(struct ask *t, const struct sk_err *why) {
    char shown[100] = "", got[140] = "";
    sk_escape_cut(shown, sizeof shown, sk_buf_data(&t->got), t->got.len);
    if (t->got.len)
        snprintf(got, sizeof got, " after '%s'", shown);
    t->blame = SK_BLAME_PROXY;
    if (!why)
        return sk_fail(t->err, SK_EOF, 0, "proxy", "the proxy %s closed the connection%s", t->at,
                       t->got.len ? got : " without an answer");
    if (why->kind == SK_TIMEOUT)
        return sk_fail(t->err, SK_TIMEOUT, ETIMEDOUT, "proxy", "no %sanswer from the proxy %s%s%s",
                       t->got.len ? "whole " : "", t->at, got, t->deadline == SK_NOWAIT ? " at once" : "");
    if (why->kind == SK_CANCELED) {
        *t->err = *why;
        return -1;
    }
    return sk_fail(t->err, why->kind, why->code, why->op, "the proxy %s: %.200s%s", t->at, why->msg, got);
}

int sk_ask_send(struct ask *t, const void *p, size_t n) {
    struct sk_err why;
    size_t sent;
    sk_buf_clear(&t->got);
    return sk_send_all(t->s, p, n, 0, t->deadline, &sent, &why) < 0 ? sk_ask_broken(t, &why) : 0;
}

int sk_ask_read(struct ask *t, void *p, size_t n) {
    struct sk_err why;
    for (size_t have = 0; have < n;) {
        ssize_t r = sk_recv(t->s, (char *)p + have, n - have, 0, t->deadline, &why);
        if (r <= 0)
            return sk_ask_broken(t, r < 0 ? &why : NULL);
        if (sk_buf_add(&t->got, (char *)p + have, (size_t)r, t->err) < 0)
            return -1;
        have += (size_t)r;
    }
    return 0;
}

int sk_proxy_ask(struct sk_sock *s, const struct sk_proxy *proxy, const struct sk_endpoint *target, sk_time deadline,
                 enum sk_proxy_blame *blame, struct sk_err *err) {
    struct sk_err unused;
    char text[SK_ADDR_TEXT];
    bool is_name = target->kind == SK_EP_NAME;
    struct ask t = { .s = s,
                     .proxy = proxy,
                     .host = is_name ? target->host : sk_addr_host(text, sizeof text, &target->addr),
                     .addr = is_name ? NULL : &target->addr,
                     .port = is_name ? target->port : sk_addr_port(&target->addr),
                     .deadline = deadline,
                     .blame = SK_BLAME_PROXY,
                     .via = sk_alloc(sizeof *t.via),
                     .err = err ? err : &unused };
    char at[SK_ADDR_TEXT];
    snprintf(t.at, sizeof t.at, "%.79s", sk_addr_format(at, sizeof at, &s->peer));
    t.via->kind = proxy->kind == SK_PROXY_SOCKS5 ? "socks5" : "http";
    t.via->addr = s->peer;
    if (t.addr)
        t.via->target = *t.addr;
    snprintf(t.via->asked, sizeof t.via->asked, strchr(t.host, ':') ? "[%s]:%u" : "%s:%u", t.host, t.port);
    int rc = proxy->kind == SK_PROXY_SOCKS5 ? sk_socks5(&t) : sk_http_connect(&t);
    *blame = rc < 0 ? t.blame : SK_BLAME_NOBODY;
    sk_buf_done(&t.got);
    if (rc < 0) {
        free(t.via);
        return -1;
    }
    free(s->via);
    s->via = t.via;
    return 0;
}
