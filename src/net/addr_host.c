/* HOST:PORT in one word, and HOST and PORT apart: which of the readings is meant, and what to write when there are two.
 */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "net/addr_parts.h"

/* For "write ...": the text as it may be shown, without quotes. */
struct plain {
    char s[61];
};
static struct plain plain(const char *text, size_t n) {
    struct plain p;
    sk_escape_cut(p.s, sizeof p.s, text, n);
    return p;
}

static bool is_port_like(const char *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return n > 0 && n <= 5;
}

static bool is_ip6_like(const char *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (text[i] == '\0' || !strchr("0123456789abcdefABCDEF:.", text[i]))
            return false;
    return true;
}

static int read_port(struct sk_endpoint *ep, const struct sk_form *form, const char *port, size_t n,
                     struct sk_err *err) {
    char shown[SK_SHOWN];
    const char *protocol = ep->type == SOCK_DGRAM ? "udp" : ep->type == SOCK_STREAM ? "tcp" : NULL;
    if (n == 0)
        return sk_fail_usage(err, "address %s: port missing after ':'", sk_shown(shown, form->all, form->all_n));
    if (sk_port_parse(port, n, protocol, &ep->port, err) < 0)
        return -1;
    if (ep->port == 0 && !form->listening)
        return sk_fail_usage(err, "address %s: port 0 cannot be connected; write the port of the server",
                             sk_shown(shown, form->all, form->all_n));
    return 0;
}

static int read_host(struct sk_endpoint *ep, const struct sk_form *form, const char *host, size_t n,
                     struct sk_err *err) {
    struct in_addr ip4;
    ep->kind = SK_EP_ADDR;
    if (sk_host_check_blank(host, n, err) < 0)
        return -1;
    if (memchr(host, ':', n)) {
        if (sk_ip6_parse(host, n, form->in_url, &ep->addr, err) < 0 || sk_ip6_check_scope(&ep->addr, host, n, err) < 0)
            return -1;
    } else if (sk_ends_in_number(host, n)) {
        if (sk_ip4_parse(host, n, &ip4, err) < 0)
            return -1;
        sk_addr_any(&ep->addr, AF_INET, 0);
        ep->addr.u.in.sin_addr = ip4;
    } else {
        ep->kind = SK_EP_NAME;
        return sk_host_check(host, n, ep->host, err);
    }
    return 0;
}

int sk_place(struct sk_endpoint *ep, const struct sk_form *form, const char *host, size_t hn, const char *port,
             size_t pn, struct sk_err *err) {
    bool is_every = hn == 1 && host[0] == '*';
    ep->kind = SK_EP_ANY;
    if ((!is_every && read_host(ep, form, host, hn, err) < 0) || read_port(ep, form, port, pn, err) < 0)
        return -1;
    if (is_every && !form->listening)
        return sk_fail_usage(err, "'*' means every address of this machine, to listen on; connect to :%u", ep->port);
    if (ep->kind == SK_EP_ADDR)
        sk_addr_set_port(&ep->addr, ep->port);
    return 0;
}

/* "[HOST]:PORT" */
static int read_brackets(struct sk_endpoint *ep, const struct sk_form *form, const char *text, size_t n,
                         struct sk_err *err) {
    char shown[SK_SHOWN];
    sk_shown(shown, form->all, form->all_n);
    const char *close = memchr(text, ']', n);
    if (!close)
        return sk_fail_usage(err, "address %s: bracket not closed; write [IPV6]:PORT", shown);
    const char *host = text + 1, *rest = close + 1;
    size_t hn = (size_t)(close - host), rn = n - (size_t)(rest - text);
    if (hn == 0)
        return sk_fail_usage(err, "address %s: address is empty; write [IPV6]:PORT", shown);
    if (!memchr(host, ':', hn))
        return sk_fail_usage(err, "address %s: brackets are for IPv6; write %s%s", shown, plain(host, hn).s,
                             rn > 0 ? plain(rest, rn).s : ":PORT");
    if (rn == 0) {
        if (read_host(ep, form, host, hn, err) < 0)
            return -1;
        return sk_fail_usage(err, "address %s has no port; write '[%s]:PORT'", shown, plain(host, hn).s);
    }
    if (rest[0] != ':')
        return sk_fail_usage(err, "address %s: ':' and a port must follow ']'; write [%s]:PORT", shown,
                             plain(host, hn).s);
    return sk_place(ep, form, host, hn, rest + 1, rn - 1, err);
}

/* Two colons or more and no brackets: an IPv6 address without port, or with one that cannot be told from it, or
 * nonsense. */
static int refuse_colons(const struct sk_form *form, const char *text, size_t n, struct sk_err *err) {
    char shown[SK_SHOWN];
    sk_shown(shown, form->all, form->all_n);
    const char *first = memchr(text, ':', n), *last = memrchr(text, ':', n);
    size_t head_n = (size_t)(last - text), tail_n = n - head_n - 1;
    struct plain whole = plain(text, n), head = plain(text, head_n), tail = plain(last + 1, tail_n);
    bool is_whole = sk_ip6_looks(text, n), is_head = sk_ip6_looks(text, head_n) && is_port_like(last + 1, tail_n);
    if (is_whole && is_head)
        return sk_fail_usage(err, "address %s is ambiguous; write [%s]:%s, or '[%s]:PORT'", shown, head.s, tail.s,
                             whole.s);
    if (is_head)
        return sk_fail_usage(err, "address %s: an IPv6 address with a port has brackets; write [%s]:%s", shown, head.s,
                             tail.s);
    const char *percent = memchr(text, '%', n), *close = memchr(text, ']', n);
    if (close)
        return sk_fail_usage(err, "address %s: bracket not opened; write [IPV6]:PORT", shown);
    if (percent && percent < last && is_port_like(last + 1, tail_n) && sk_ip6_looks(text, head_n))
        return sk_fail_usage(err, "address %s: an IPv6 address with a port has brackets; write [%s]:%s", shown, head.s,
                             tail.s);
    struct sk_addr addr;
    if (is_whole &&
        (sk_ip6_parse(text, n, form->in_url, &addr, err) < 0 || sk_ip6_check_scope(&addr, text, n, err) < 0))
        return -1;
    if (is_whole)
        return sk_fail_usage(err, "address %s has no port; write '[%s]:PORT' or '%s PORT'", shown, whole.s, whole.s);
    size_t word_n = (size_t)(first - text);
    const char *second = memchr(first + 1, ':', n - word_n - 1);
    size_t middle_n = (size_t)(second - first) - 1;
    if (is_ip6_like(text, n) || percent)
        return sk_fail_usage(err, "address %s: not an IPv6 address", shown);
    if (is_port_like(first + 1, middle_n))
        return sk_fail_usage(err, "address %s: a second ':'; write %s", shown, plain(text, (size_t)(second - text)).s);
    if (second == last && is_port_like(last + 1, tail_n))
        return sk_fail_usage(err, "address %s: unknown scheme %s; write %s", shown, plain(text, word_n).s,
                             plain(first + 1, n - word_n - 1).s);
    return sk_fail_usage(err, "address %s: too many ':'; write HOST:PORT or [IPV6]:PORT", shown);
}

/* No colon at all. */
static int refuse_portless(struct sk_endpoint *ep, const struct sk_form *form, const char *text, size_t n,
                           struct sk_err *err) {
    char shown[SK_SHOWN];
    sk_shown(shown, form->all, form->all_n);
    if (n == 0)
        return sk_fail_usage(err, "address is empty; write HOST:PORT");
    if (is_port_like(text, n))
        return sk_fail_usage(err, "address %s: a number is not an address; write :%s for that port of the loopback",
                             shown, plain(text, n).s);
    if (n == 1 && text[0] == '*')
        return sk_fail_usage(err, "address %s has no port; write '*:PORT'", shown);
    if (memchr(text, ']', n) && !memchr(text, '[', n))
        return sk_fail_usage(err, "address %s: bracket not opened; write [IPV6]:PORT", shown);
    if (read_host(ep, form, text, n, err) < 0)
        return -1;
    return sk_fail_usage(err, "address %s has no port; write %s:PORT", shown, plain(text, n).s);
}

/* "h:80," and "h:80/" are what copying leaves behind. */
static int refuse_trailing(const struct sk_form *form, const char *text, size_t n, struct sk_err *err) {
    char shown[SK_SHOWN];
    size_t kept = n;
    while (kept > 0 && (text[kept - 1] == ',' || text[kept - 1] == '/'))
        kept--;
    if (kept == n || kept == 0)
        return 0;
    size_t before = form->all_n - n;
    return sk_fail_usage(err, "address %s: trailing '%c'; write %s", sk_shown(shown, form->all, form->all_n),
                         text[n - 1], plain(form->all, before + kept).s);
}

int sk_hostport_parse(struct sk_endpoint *ep, const struct sk_form *form, const char *text, size_t n,
                      struct sk_err *err) {
    char shown[SK_SHOWN];
    if (n > 0 && memchr(text, '\0', n))
        return sk_fail_usage(err, "NUL in address %s", sk_shown(shown, form->all, form->all_n));
    if (n > 0 && refuse_trailing(form, text, n, err) < 0)
        return -1;
    if (n > 0 && text[0] == '[')
        return read_brackets(ep, form, text, n, err);
    const char *colon = n > 0 ? memchr(text, ':', n) : NULL;
    if (!colon)
        return refuse_portless(ep, form, text, n, err);
    size_t hn = (size_t)(colon - text), pn = n - hn - 1;
    if (memchr(colon + 1, ':', pn))
        return refuse_colons(form, text, n, err);
    if (hn > 0)
        return sk_place(ep, form, text, hn, colon + 1, pn, err);
    ep->kind = SK_EP_LOOPBACK;
    return read_port(ep, form, colon + 1, pn, err);
}
