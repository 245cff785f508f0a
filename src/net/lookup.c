/* The options of a lookup as people write them. */
#include <string.h>

#include "base/parse.h"
#include "net/addr_parts.h"
#include "net/dns.h"

#define DNS_PORT 53

/* An IPv4 or IPv6 address; IPv6 also in brackets. */
static int parse_ip(struct sk_addr *out, const char *text, size_t n, struct sk_err *err) {
    struct in_addr ip4;
    bool is_ip6 = memchr(text, ':', n) != NULL;
    if (is_ip6 && text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    }
    if (is_ip6)
        return sk_ip6_parse(text, n, false, out, err) < 0 ? -1 : sk_ip6_check_scope(out, text, n, err);
    if (sk_ip4_parse(text, n, &ip4, err) < 0)
        return -1;
    sk_addr_any(out, AF_INET, 0);
    out->u.in.sin_addr = ip4;
    return 0;
}

/* Where the ':' stands before a port: behind a bracket, or the only one; n: nowhere. */
static size_t port_colon(const char *text, size_t n) {
    const char *colon = memchr(text, ':', n);
    const char *bracket = n > 0 && text[0] == '[' ? memchr(text, ']', n) : NULL;
    if (bracket)
        return bracket + 1 < text + n && bracket[1] == ':' ? (size_t)(bracket + 1 - text) : n;
    return colon && !memchr(colon + 1, ':', (size_t)(text + n - colon - 1)) ? (size_t)(colon - text) : n;
}

int sk_server_parse(struct sk_addr *out, const char *text, size_t n, struct sk_err *err) {
    char shown[SK_SHOWN];
    int64_t port = DNS_PORT;
    size_t host_n = port_colon(text, n), bracket = n > 0 && text[0] == '[';
    struct sk_err mine;
    if (parse_ip(out, text, host_n, &mine) < 0) {
        if (host_n > 2 * bracket &&
            sk_ip6_looks(text + bracket, host_n - 2 * bracket)) /* its link is wrong, or missing */
            return sk_fail_usage(err, "DNS server: %.400s", mine.msg);
        return sk_fail_usage(err, "DNS server %s: write an address, 192.0.2.1, 192.0.2.1:5353 or [2001:db8::1]:5353",
                             sk_shown(shown, text, n));
    }
    if (host_n < n &&
        sk_parse_int("port of the DNS server", text + host_n + 1, n - host_n - 1, 1, 65535, &port, err) < 0)
        return -1;
    sk_addr_set_port(out, (uint16_t)port);
    return 0;
}

int sk_override_parse(struct sk_addr *out, const char **name, size_t *name_n, const char *text, size_t n,
                      struct sk_err *err) {
    char shown[SK_SHOWN], host[256];
    const char *colon = memchr(text, ':', n);
    *name = text;
    *name_n = colon ? (size_t)(colon - text) : n;
    if (!colon || *name_n == 0)
        return sk_fail_usage(err, "--resolve %s: write NAME:ADDRESS, as example.test:127.0.0.1",
                             sk_shown(shown, text, n));
    if (sk_host_check(text, *name_n, host, err) < 0)
        return -1;
    if (parse_ip(out, colon + 1, n - *name_n - 1, NULL) < 0)
        return sk_fail_usage(err, "--resolve %s: write NAME:ADDRESS, as example.test:127.0.0.1 or example.test:::1",
                             sk_shown(shown, text, n));
    return 0;
}
