/* What the files of proxies share: the dialogue, and the answers of HTTP. */
#ifndef SK_SOCK_PROXY_PARTS_H
#define SK_SOCK_PROXY_PARTS_H

#include "sock/proxy.h"
#include "sock/via.h"

struct ask { /* one dialogue with a proxy */
    struct sk_sock *s;
    const struct sk_proxy *proxy;
    const char *host;           /* whom it is asked for: a name, or an address without brackets */
    const struct sk_addr *addr; /* of that, when it is no name */
    uint16_t port;
    sk_time deadline;
    enum sk_proxy_blame blame; /* for the next failure */
    struct sk_via *via;
    char at[80];       /* the proxy's address, for sentences */
    struct sk_buf got; /* its current answer, for sentences */
    struct sk_err *err;
};

int sk_ask_send(struct ask *t, const void *p, size_t n);
/* Exactly n bytes, kept in t->got. */
int sk_ask_read(struct ask *t, void *p, size_t n);
/* A receive failed (NULL: the proxy ended). Always -1. */
int sk_ask_broken(struct ask *t, const struct sk_err *why);
/* "the proxy AT ..." */
int sk_ask_fail(struct ask *t, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

int sk_socks5(struct ask *t);
int sk_http_connect(struct ask *t);

/* ---- The answer of HTTP ---- */

enum { SK_HTTP_HEAD_MOST = 16 * 1024, SK_HTTP_LINES_MOST = 100 };

struct sk_http_head {
    int status;         /* 100 to 599 */
    const char *reason; /* in the text that was parsed */
    size_t reason_n;
    bool wants_basic, wants_other; /* Proxy-Authenticate */
    char scheme[32];               /* the other one */
    bool chunked;
    int64_t length; /* Content-Length, or -1 */
};

/* Does a whole head (status line, fields, empty line) stand at the front? 1 with its *length; 0: all of it may belong
 * to one; -1 with *why. Lines end in CRLF. */
int sk_http_scan(const char *p, size_t n, size_t *length, const char **why);
/* A whole head. -1 with *why. */
int sk_http_parse(const char *p, size_t n, struct sk_http_head *out, const char **why);
/* The text of a page or of plain text, in one printable line: no tags, scripts and styles. */
void sk_http_words(const char *p, size_t n, char *dst, size_t size);

#endif
