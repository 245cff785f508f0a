#include "net/ports.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "net/addr_parts.h"

enum { PORTS = 65536 };

struct list {
    const char *all; /* for messages */
    size_t all_n;
    const char *protocol;
    struct sk_ports *out;
    bool *seen; /* by port */
};

static bool starts_with(const char *text, size_t n, const char *prefix) {
    size_t k = strlen(prefix);
    return n >= k && memcmp(text, prefix, k) == 0;
}

/* Forms whose last colon is not followed by a port of IP. */
static bool is_portless(const char *text, size_t n) {
    static const char *const prefixes[] = { "/",      "./",   "../", "unix:", "unix-abstract:",
                                            "vsock:", "raw:", "fd:", "sock:" };
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (starts_with(text, n, prefixes[i]))
            return true;
    return false;
}

/* Digits with a hyphen: the names of services have a letter (RFC 6335). */
static bool is_range(const char *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (text[i] != '-' && (text[i] < '0' || text[i] > '9'))
            return false;
    return n > 0 && memchr(text, '-', n);
}

static void add(struct list *l, int64_t low, int64_t high) {
    for (int64_t port = low; port <= high; port++)
        if (!l->seen[port]) {
            l->seen[port] = true;
            l->out->list[l->out->count++] = (uint16_t)port;
        }
}

static int add_range(struct list *l, const char *text, size_t n, struct sk_err *err) {
    char shown[SK_SHOWN];
    int64_t low, high;
    const char *dash = memchr(text, '-', n);
    size_t low_n = (size_t)(dash - text), high_n = n - low_n - 1;
    sk_shown(shown, text, n);
    if (low_n == 0 || high_n == 0)
        return sk_fail_usage(err, "ports %s: a range has two ends; write %.*s-%.*s", shown, low_n ? (int)low_n : 1,
                             low_n ? text : "1", high_n ? (int)high_n : 5, high_n ? dash + 1 : "65535");
    if (sk_parse_int("port", text, low_n, 1, 65535, &low, err) < 0 ||
        sk_parse_int("port", dash + 1, high_n, 1, 65535, &high, err) < 0)
        return -1;
    if (low > high)
        return sk_fail_usage(err, "ports %s: the first is above the last; write %lld-%lld", shown, (long long)high,
                             (long long)low);
    add(l, low, high);
    return 0;
}

static int add_port(struct list *l, const char *text, size_t n, struct sk_err *err) {
    char shown[SK_SHOWN];
    uint16_t port;
    if (n == 0)
        return sk_fail_usage(err, "ports %s: a port is missing beside a comma; write as in 22,80,8000-8100",
                             sk_shown(shown, l->all, l->all_n));
    if (is_range(text, n))
        return add_range(l, text, n, err);
    if (sk_port_parse(text, n, l->protocol, &port, err) < 0)
        return -1;
    if (port == 0)
        return sk_fail_usage(err, "ports %s: nobody can listen on port 0; the first is 1",
                             sk_shown(shown, l->all, l->all_n));
    add(l, port, port);
    return 0;
}

static int add_all(struct list *l, struct sk_err *err) {
    const char *p = l->all, *end = p + l->all_n;
    for (;;) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        if (add_port(l, p, (size_t)((comma ? comma : end) - p), err) < 0)
            return -1;
        if (!comma)
            return 0;
        p = comma + 1;
    }
}

/* One address, as everywhere. */
static int parse_plain(struct sk_ports *out, const char *text, size_t n, struct sk_err *err) {
    if (sk_endpoint_parse(&out->ep, &text, &n, 1, false, err) < 0)
        return -1;
    int family = out->ep.kind == SK_EP_ADDR ? out->ep.addr.u.sa.sa_family : AF_INET;
    if ((family != AF_INET && family != AF_INET6) || out->ep.kind == SK_EP_FD || out->ep.kind == SK_EP_SOCK)
        return 0;
    uint16_t port = out->ep.kind == SK_EP_ADDR ? sk_addr_port(&out->ep.addr) : out->ep.port;
    if (port == 0) /* raw: */
        return sk_fail_usage(err, "address %s: nobody can listen on port 0", sk_shown((char[SK_SHOWN]){ 0 }, text, n));
    out->list = sk_alloc(sizeof *out->list);
    out->list[0] = port;
    out->count = 1;
    return 0;
}

/* The word with one port in place of the list is an address like any other. */
static int parse_head(struct sk_ports *out, const char *text, size_t n, struct sk_err *err) {
    struct sk_buf word = { 0 };
    int rc = sk_buf_add(&word, text, n, err);
    if (rc == 0)
        rc = sk_buf_printf(&word, err, "%u", out->list[0]);
    const char *p = (const char *)sk_buf_data(&word);
    if (rc == 0)
        rc = sk_endpoint_parse(&out->ep, &p, &word.len, 1, false, err);
    sk_buf_done(&word);
    return rc;
}

int sk_ports_parse(struct sk_ports *out, const char *text, size_t n, struct sk_err *err) {
    const char *colon = n > 0 && !is_portless(text, n) ? memrchr(text, ':', n) : NULL;
    const char *ports = colon ? colon + 1 : text;
    size_t ports_n = colon ? n - (size_t)(ports - text) : 0;
    *out = (struct sk_ports){ 0 };
    if (!memchr(ports, ',', ports_n) && !is_range(ports, ports_n))
        return parse_plain(out, text, n, err);
    struct list l = { .all = ports,
                      .all_n = ports_n,
                      .protocol = starts_with(text, n, "udp:") ? "udp" : "tcp",
                      .out = out,
                      .seen = sk_alloc(PORTS * sizeof *l.seen) };
    out->list = sk_alloc(PORTS * sizeof *out->list);
    int rc = add_all(&l, err);
    free(l.seen);
    if (rc == 0) {
        out->list = sk_realloc(out->list, out->count * sizeof *out->list);
        rc = parse_head(out, text, (size_t)(ports - text), err);
    }
    if (rc < 0)
        sk_ports_done(out);
    return rc;
}

void sk_ports_done(struct sk_ports *ports) {
    free(ports->list);
    ports->list = NULL;
    ports->count = 0;
}
