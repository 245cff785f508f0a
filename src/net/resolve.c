/* The order of a lookup: hosts, localhost, DNS. Literals and texts that are no names never get as far as DNS. */
#include <ifaddrs.h>
#include <netdb.h>
#include <string.h>

#include "base/bytes.h"
#include "net/addr_parts.h"
#include "net/dns_parts.h"

bool sk_dns_is_name(const char *name) {
    size_t n = strlen(name), label = 0;
    if (n > 1 && name[n - 1] == '.')
        n--;
    if (n == 0 || n > 253 || sk_ends_in_number(name, n))
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = name[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        bool is_inner = c == '-' && label > 0 && i + 1 < n && name[i + 1] != '.';
        if (c == '.' ? label == 0 : !is_letter && !is_inner)
            return false;
        label = c == '.' ? 0 : label + 1;
        if (label > 63)
            return false;
    }
    return label > 0;
}

static bool is_loopback(const struct sockaddr *sa) {
    if (sa->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
}

/* Which families have an address that is not loopback. Neither: as if both, since then nothing can be concluded. */
static void find_families(bool *has4, bool *has6) {
    struct ifaddrs *all = NULL;
    *has4 = *has6 = false;
    if (getifaddrs(&all) == 0)
        for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
            if (!i->ifa_addr || (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6) ||
                is_loopback(i->ifa_addr))
                continue;
            *(i->ifa_addr->sa_family == AF_INET ? has4 : has6) = true;
        }
    freeifaddrs(all);
    if (!*has4 && !*has6)
        *has4 = *has6 = true;
}

static int fail_name(const char *name, const char *reason, struct sk_err *err) {
    char shown[120];
    sk_escape_cut(shown, sizeof shown, name, strlen(name));
    return sk_fail(err, SK_GAI, EAI_NONAME, "resolve", "%s: %s", shown, reason);
}

int sk_lookup(const char *name, int family, bool addrconfig, sk_time deadline, struct sk_addrs *out,
              struct sk_err *err) {
    char ascii[256];
    bool use_files, use_dns, want4 = family != AF_INET6, want6 = family != AF_INET;
    sk_hosts_order(&use_files, &use_dns);
    if (use_files && sk_hosts_lookup(name, family, out) > 0)
        return 0;
    if (sk_hosts_localhost(name, family, out) > 0)
        return 0;
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p >= 0x80) {
            if (sk_idn_encode(name, strlen(name), ascii, sizeof ascii, NULL) < 0)
                return fail_name(name, "not a name", err);
            name = ascii;
            break;
        }
    if (!sk_dns_is_name(name))
        return fail_name(name, "not a name", err);
    if (!use_dns)
        return fail_name(name, "not in the hosts file, and nsswitch.conf asks nobody else", err);
    if (addrconfig && want4 && want6)
        find_families(&want4, &want6);
    return sk_dns_ask(name, want4, want6, deadline, out, err);
}

int sk_resolve(const char *name, int family, sk_time deadline, struct sk_addrs *out, struct sk_err *err) {
    bool use_files, use_dns;
    size_t before = out->count;
    sk_hosts_order(&use_files, &use_dns);
    /* localhost is both loopback addresses, also where the hosts file has only one of them: servers listen on either.
     */
    if (sk_hosts_localhost(name, family, out) == 0)
        return sk_lookup(name, family, family == AF_UNSPEC, deadline, out, err);
    if (use_files)
        sk_hosts_lookup(name, family, out);
    return out->count > before ? 0 : fail_name(name, "not a name", err);
}
