/* IPv4 and IPv6 literals, strictly. What other programs would have read is named in the refusal. */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "net/addr_parts.h"
#include "net/iface.h"

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_xdigit(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

static bool is_number(const char *text, size_t n) {
    size_t i = 0;
    if (n >= 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        for (i = 2; i < n; i++)
            if (!is_xdigit(text[i]))
                return false;
        return true;
    }
    for (; i < n; i++)
        if (!is_digit(text[i]))
            return false;
    return n > 0;
}

bool sk_ends_in_number(const char *text, size_t n) {
    if (n > 0 && text[n - 1] == '.')
        n--;
    size_t start = n;
    while (start > 0 && text[start - 1] != '.')
        start--;
    return is_number(text + start, n - start);
}

/* The address that the same digits mean when leading zeros are decimal. */
static bool read_decimal(const char *text, struct in_addr *out) {
    unsigned part[4];
    char rest;
    for (const char *p = text; *p; p++)
        if (!is_digit(*p) && *p != '.')
            return false;
    if (sscanf(text, "%9u.%9u.%9u.%9u%c", &part[0], &part[1], &part[2], &part[3], &rest) != 4)
        return false;
    for (int i = 0; i < 4; i++)
        if (part[i] > 255)
            return false;
    out->s_addr = htonl(part[0] << 24 | part[1] << 16 | part[2] << 8 | part[3]);
    return true;
}

static bool has_leading_zero(const char *text) {
    for (const char *p = text; *p; p++)
        if (*p == '0' && (p == text || p[-1] == '.') && is_digit(p[1]))
            return true;
    return false;
}

/* Why four plain numbers were not there. */
static int explain_ip4(const char *text, struct sk_err *err) {
    char old_text[INET_ADDRSTRLEN] = "", plain_text[INET_ADDRSTRLEN] = "";
    struct in_addr old, plain;
    size_t n = strlen(text), dots = 0;
    for (size_t i = 0; i < n; i++)
        dots += text[i] == '.';
    if (n > 1 && text[n - 1] == '.') {
        char cut[64];
        snprintf(cut, sizeof cut, "%.*s", (int)(n - 1), text);
        if (inet_pton(AF_INET, cut, &plain) == 1)
            return sk_fail_usage(err, "address '%s': not an IPv4 address; write %s", text, cut);
        return sk_fail_usage(err, "address '%s': not an IPv4 address, nor a name", text);
    }
    bool has_old = inet_aton(text, &old) != 0;
    if (has_old)
        inet_ntop(AF_INET, &old, old_text, sizeof old_text);
    if (strpbrk(text, "xX"))
        return has_old ? sk_fail_usage(err, "address '%s': hexadecimal IPv4; write %s", text, old_text)
                       : sk_fail_usage(err, "address '%s': not an IPv4 address, nor a name", text);
    if (dots == 0)
        return has_old ? sk_fail_usage(err, "address '%s': a number is not an address; write %s", text, old_text)
                       : sk_fail_usage(err, "address '%s': a number is not an address", text);
    if (has_leading_zero(text) && read_decimal(text, &plain)) {
        inet_ntop(AF_INET, &plain, plain_text, sizeof plain_text);
        if (has_old && old.s_addr != plain.s_addr)
            return sk_fail_usage(err, "address '%s': leading zero: %s or %s?", text, old_text, plain_text);
        return sk_fail_usage(err, "address '%s': leading zero; write %s", text, plain_text);
    }
    if (has_old && dots < 3)
        return sk_fail_usage(err, "address '%s': short IPv4 form; write %s", text, old_text);
    return sk_fail_usage(err, "address '%s': not an IPv4 address; it wants four numbers from 0 to 255", text);
}

int sk_ip4_parse(const char *text, size_t n, struct in_addr *out, struct sk_err *err) {
    char copy[64] = "", shown[SK_SHOWN];
    bool is_plain = n < sizeof copy;
    for (size_t i = 0; i < n && is_plain; i++)
        is_plain = is_xdigit(text[i]) || text[i] == '.' || text[i] == 'x' || text[i] == 'X';
    if (!is_plain)
        return sk_fail_usage(err, "address %s: not an IPv4 address, nor a name (its last label is a number)",
                             sk_shown(shown, text, n));
    memcpy(copy, text, n);
    return inet_pton(AF_INET, copy, out) == 1 ? 0 : explain_ip4(copy, err);
}

static bool read_ip6(const char *text, size_t n, struct in6_addr *out) {
    char copy[INET6_ADDRSTRLEN] = "";
    if (n >= sizeof copy || memchr(text, '\0', n))
        return false;
    memcpy(copy, text, n);
    return inet_pton(AF_INET6, copy, out) == 1;
}

static size_t until_zone(const char *text, size_t n) {
    const char *percent = memchr(text, '%', n);
    return percent ? (size_t)(percent - text) : n;
}

bool sk_ip6_looks(const char *text, size_t n) {
    struct in6_addr ignored;
    size_t end = until_zone(text, n);
    return read_ip6(text, end, &ignored) && !memchr(text + end, ':', n - end);
}

static bool has_scope(const struct in6_addr *a) {
    return IN6_IS_ADDR_LINKLOCAL(a) || IN6_IS_ADDR_MC_LINKLOCAL(a) || IN6_IS_ADDR_MC_NODELOCAL(a);
}

/* An interface name, or its number in decimal. */
static int read_zone(const char *zone, size_t n, const char *text, size_t text_n, uint32_t *scope, struct sk_err *err) {
    char name[IF_NAMESIZE] = "", shown[SK_SHOWN], shown_zone[SK_SHOWN], have[192];
    sk_shown(shown, text, text_n);
    sk_shown(shown_zone, zone, n);
    sk_if_names(have, sizeof have);
    if (n == 0)
        return sk_fail_usage(err, "address %s: the interface after %% is missing; have %s", shown, have);
    if (n >= sizeof name || memchr(zone, '\0', n))
        return sk_fail_usage(err, "address %s: an interface name has at most %d characters; have %s", shown,
                             IF_NAMESIZE - 1, have);
    memcpy(name, zone, n);
    unsigned index = if_nametoindex(name);
    if (index == 0 && is_number(name, n) && is_digit(name[n - 1]) && !strpbrk(name, "xX")) {
        int64_t number = 0;
        char ignored[IF_NAMESIZE];
        if (sk_parse_int("interface", name, n, 1, INT32_MAX, &number, err) < 0)
            return -1;
        if (!if_indextoname((unsigned)number, ignored))
            return sk_fail_usage(err, "address %s: no interface with index %s; have %s", shown, name, have);
        index = (unsigned)number;
    }
    if (index == 0 && strncmp(name, "25", 2) == 0 && if_nametoindex(name + 2) != 0)
        return sk_fail_usage(err, "address %s: %%25 is for URLs; write %.*s%%%s", shown, (int)until_zone(text, text_n),
                             text, name + 2);
    if (index == 0)
        return sk_fail_usage(err, "address %s: no interface %s; have %s", shown, shown_zone, have);
    *scope = index;
    return 0;
}

int sk_ip6_parse(const char *text, size_t n, bool in_url, struct sk_addr *out, struct sk_err *err) {
    char shown[SK_SHOWN];
    size_t end = until_zone(text, n);
    memset(out, 0, sizeof *out);
    out->u.in6.sin6_family = AF_INET6;
    out->len = sizeof out->u.in6;
    if (!read_ip6(text, end, &out->u.in6.sin6_addr))
        return sk_fail_usage(err, "address %s: not an IPv6 address", sk_shown(shown, text, n));
    if (end == n)
        return 0;
    if (!has_scope(&out->u.in6.sin6_addr))
        return sk_fail_usage(err, "address %s: only link-local addresses have an interface; write %.*s",
                             sk_shown(shown, text, n), (int)end, text);
    const char *zone = text + end + 1;
    size_t zone_n = n - end - 1;
    if (in_url && zone_n > 2 && memcmp(zone, "25", 2) == 0) {
        zone += 2;
        zone_n -= 2;
    }
    return read_zone(zone, zone_n, text, n, &out->u.in6.sin6_scope_id, err);
}

int sk_ip6_check_scope(const struct sk_addr *addr, const char *text, size_t n, struct sk_err *err) {
    char shown[SK_SHOWN], have[192];
    if (addr->u.sa.sa_family != AF_INET6 || !IN6_IS_ADDR_LINKLOCAL(&addr->u.in6.sin6_addr) ||
        addr->u.in6.sin6_scope_id != 0)
        return 0;
    return sk_fail_usage(err, "address %s: link-local needs %%interface; have %s", sk_shown(shown, text, n),
                         sk_if_names(have, sizeof have));
}
