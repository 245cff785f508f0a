/* The order in which the addresses of a name are tried: RFC 6724, section 6. */
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/dns_parts.h"

enum { LINK_LOCAL = 2, SITE_LOCAL = 5, GLOBAL = 14 };

/* One destination with what decides its place. */
struct place {
    struct sk_addr addr;
    int ttl;
    size_t index;
    bool is_usable, is_deprecated;
    unsigned char to[16], from[16]; /* destination and the source that the system would take; IPv4 mapped */
    int scope, from_scope, label, from_label, precedence;
    int prefix; /* leading bits that both have in common, as far as that tells something */
};

/* The default policy table (RFC 6724, 2.1). The longest prefix that matches counts. */
static const struct policy {
    unsigned char prefix[16];
    int bits, precedence, label;
} policies[] = {
    { { [15] = 1 }, 128, 50, 0 },  { { 0x20, 0x01 }, 32, 5, 5 },  { { [10] = 0xff, [11] = 0xff }, 96, 35, 4 },
    { { 0 }, 96, 1, 3 },           { { 0x20, 0x02 }, 16, 30, 2 }, { { 0x3f, 0xfe }, 16, 1, 12 },
    { { 0xfe, 0xc0 }, 10, 1, 11 }, { { 0xfc }, 7, 3, 13 },        { { 0 }, 0, 40, 1 },
};

static int common_bits(const unsigned char a[16], const unsigned char b[16]) {
    int n = 0;
    while (n < 128 && ((a[n / 8] ^ b[n / 8]) >> (7 - n % 8) & 1) == 0)
        n++;
    return n;
}

static const struct policy *policy_of(const unsigned char ip[16]) {
    for (const struct policy *p = policies;; p++)
        if (common_bits(p->prefix, ip) >= p->bits)
            return p;
}

static bool is_mapped(const unsigned char ip[16]) {
    static const unsigned char prefix[12] = { [10] = 0xff, [11] = 0xff };
    return memcmp(ip, prefix, sizeof prefix) == 0;
}

static int scope_of(const unsigned char ip[16]) {
    static const unsigned char loopback[16] = { [15] = 1 };
    if (is_mapped(ip))
        return ip[12] == 127 || (ip[12] == 169 && ip[13] == 254) ? LINK_LOCAL : GLOBAL;
    if (ip[0] == 0xff)
        return ip[1] & 15;
    if (memcmp(ip, loopback, 16) == 0 || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80))
        return LINK_LOCAL;
    return ip[0] == 0xfe && (ip[1] & 0xc0) == 0xc0 ? SITE_LOCAL : GLOBAL;
}

static void to_ip6(unsigned char dst[16], const struct sockaddr *sa) {
    if (sa->sa_family == AF_INET6) {
        memcpy(dst, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
        return;
    }
    memset(dst, 0, 10);
    dst[10] = dst[11] = 0xff;
    memcpy(dst + 12, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
}

/* Which source the system would take: a datagram socket that is connected, which sends nothing. */
static bool find_source(const struct sk_addr *to, unsigned char from[16]) {
    struct sk_addr port = *to, source = { .len = sizeof source.u };
    int fd = socket(to->u.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    sk_addr_set_port(&port, 53);
    bool ok = connect(fd, &port.u.sa, port.len) == 0 && getsockname(fd, &source.u.sa, &source.len) == 0;
    close(fd);
    if (ok)
        to_ip6(from, &source.u.sa);
    return ok;
}

/* Of IPv4 only an own subnet says that common bits mean anything. */
static int useful_bits(const struct place *p, const struct ifaddrs *interfaces) {
    int bits = common_bits(p->to, p->from);
    if (!is_mapped(p->to) || p->addr.u.sa.sa_family == AF_INET6)
        return bits;
    for (const struct ifaddrs *i = interfaces; i; i = i->ifa_next) {
        unsigned char own[16], mask[16];
        if (!i->ifa_addr || !i->ifa_netmask || i->ifa_addr->sa_family != AF_INET)
            continue;
        to_ip6(own, i->ifa_addr);
        to_ip6(mask, i->ifa_netmask);
        bool is_inside = memcmp(own, p->from, 16) == 0;
        for (int k = 12; k < 16; k++)
            is_inside = is_inside && ((p->to[k] ^ p->from[k]) & mask[k]) == 0;
        if (is_inside)
            return bits;
    }
    return 0;
}

/* Is it an address of this machine whose time is over? (IFA_F_DEPRECATED in if_inet6, proc_net(5).) */
static bool is_deprecated(const unsigned char ip[16]) {
    char line[128], hex[33];
    unsigned flags;
    bool found = false;
    for (int i = 0; i < 16; i++)
        snprintf(hex + 2 * i, 3, "%02x", ip[i]);
    FILE *file = is_mapped(ip) ? NULL : fopen("/proc/net/if_inet6", "re");
    while (file && !found && fgets(line, sizeof line, file))
        found = strncmp(line, hex, 32) == 0 && sscanf(line + 32, "%*x %*x %*x %x", &flags) == 1 && flags & 0x20;
    if (file)
        fclose(file);
    return found;
}

static void judge(struct place *p, const struct ifaddrs *interfaces) {
    to_ip6(p->to, &p->addr.u.sa);
    p->scope = scope_of(p->to);
    p->label = policy_of(p->to)->label;
    p->precedence = policy_of(p->to)->precedence;
    p->is_usable = find_source(&p->addr, p->from);
    if (!p->is_usable)
        return;
    p->from_scope = scope_of(p->from);
    p->from_label = policy_of(p->from)->label;
    p->is_deprecated = is_deprecated(p->from);
    p->prefix = useful_bits(p, interfaces);
}

/* The rules by number; 4 and 7 (mobile addresses, tunnels) are left to the policy table. */
static int compare(const void *left, const void *right) {
    const struct place *a = left, *b = right;
    if (a->is_usable != b->is_usable) /* 1 */
        return a->is_usable ? -1 : 1;
    bool scope_a = a->scope == a->from_scope, scope_b = b->scope == b->from_scope;
    if (a->is_usable && scope_a != scope_b) /* 2 */
        return scope_a ? -1 : 1;
    if (a->is_deprecated != b->is_deprecated) /* 3 */
        return a->is_deprecated ? 1 : -1;
    bool label_a = a->label == a->from_label, label_b = b->label == b->from_label;
    if (a->is_usable && label_a != label_b) /* 5 */
        return label_a ? -1 : 1;
    if (a->precedence != b->precedence) /* 6 */
        return a->precedence > b->precedence ? -1 : 1;
    if (a->scope != b->scope) /* 8 */
        return a->scope < b->scope ? -1 : 1;
    bool same_family = a->addr.u.sa.sa_family == b->addr.u.sa.sa_family;
    if (same_family && a->prefix != b->prefix) /* 9 */
        return a->prefix > b->prefix ? -1 : 1;
    return a->index < b->index ? -1 : 1; /* 10 */
}

void sk_addrs_sort(struct sk_addrs *addrs) {
    struct ifaddrs *interfaces = NULL;
    if (addrs->count < 2)
        return;
    struct place *places = sk_alloc(addrs->count * sizeof *places);
    getifaddrs(&interfaces);
    for (size_t i = 0; i < addrs->count; i++) {
        places[i] = (struct place){ .addr = addrs->list[i], .ttl = addrs->ttl[i], .index = i };
        judge(&places[i], interfaces);
    }
    freeifaddrs(interfaces);
    qsort(places, addrs->count, sizeof *places, compare);
    for (size_t i = 0; i < addrs->count; i++) {
        addrs->list[i] = places[i].addr;
        addrs->ttl[i] = places[i].ttl;
    }
    free(places);
}
