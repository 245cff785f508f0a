/* The order of a lookup: hosts, localhost, DNS. Literals and texts that are no names never get as far as DNS. */
#include <ifaddrs.h>
#include <netdb.h>
#include <string.h>
#include <strings.h>

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

void sk_families_here(bool *has4, bool *has6) {
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
}

static int fail_name(const char *name, const char *reason, struct sk_err *err) {
    char shown[120];
    sk_escape_cut(shown, sizeof shown, name, strlen(name));
    return sk_fail(err, SK_GAI, EAI_NONAME, "resolve", "%s: %s", shown, reason);
}

/* Why DNS is not asked for that. */
static const char *why_no_name(const char *name) {
    size_t n = strlen(name);
    if (n > 0 && name[n - 1] == '.')
        n--;
    if (n > 253)
        return "not a name: longer than 253 characters";
    if (strchr(name, ':') || sk_ends_in_number(name, n))
        return "neither an address nor a name";
    return "not a name";
}

int sk_dns_name(const char *name, char ascii[256], struct sk_err *err) {
    size_t n = strlen(name);
    bool is_ascii = true;
    for (size_t i = 0; i < n; i++)
        is_ascii = is_ascii && (unsigned char)name[i] < 0x80;
    bool fits = is_ascii ? n < 256 : sk_idn_encode(name, n, ascii, 256, NULL) == 0;
    if (fits && is_ascii)
        memcpy(ascii, name, n + 1);
    return fits && sk_dns_is_name(ascii) ? 0 : fail_name(name, why_no_name(name), err);
}

/* Is a the same name as b, whose final dot does not count? */
static bool is_same_name(const char *a, const char *b) {
    size_t n = strlen(a), k = strlen(b);
    n -= n > 1 && a[n - 1] == '.';
    k -= k > 1 && b[k - 1] == '.';
    return n == k && strncasecmp(a, b, n) == 0;
}

/* The caller's own answers. True: the name is one of them, though perhaps of another family. */
static bool override(const char *name, int family, const struct sk_lookup *how, struct sk_addrs *out) {
    bool is_known = false;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; how && i < how->override_count; i++) {
            const struct sk_override *o = &how->overrides[i];
            int own = o->addr.u.sa.sa_family;
            if (!is_same_name(name, o->name) || own != (pass == 0 ? AF_INET6 : AF_INET))
                continue;
            is_known = true;
            if (family == AF_UNSPEC || own == family)
                sk_addrs_add(out, &o->addr);
        }
    return is_known;
}

/* Set the origin when there is an answer. */
static bool found(struct sk_addrs *out, size_t before, const char *source) {
    if (out->count > before)
        out->origin.source = source;
    return out->count > before;
}

/* What is answered here. both_loopbacks: localhost is both of them, also where the hosts file has only one: servers
 * listen on either. */
static int resolve_local(const char *name, int family, bool both_loopbacks, const struct sk_lookup *how,
                         struct sk_addrs *out, struct sk_err *err) {
    char ascii[256];
    bool use_files, use_dns;
    size_t before = out->count;
    if (override(name, family, how, out)) {
        out->origin.source = "override";
        return found(out, before, "override") ? 1
                                              : sk_fail(err, SK_GAI, EAI_NODATA, "resolve",
                                                        "%s: --resolve gives it no address of this kind", name);
    }
    sk_hosts_order(&use_files, &use_dns);
    use_files = use_files && !(how && how->no_hosts);
    bool is_localhost = both_loopbacks && sk_hosts_localhost(name, family, out) > 0;
    if (use_files && sk_hosts_lookup(name, family, out) > 0 && !is_localhost)
        return found(out, before, "hosts");
    if (is_localhost || (!both_loopbacks && sk_hosts_localhost(name, family, out) > 0))
        return found(out, before, "localhost");
    if (sk_dns_name(name, ascii, err) < 0)
        return -1;
    return use_dns ? 0 : fail_name(name, "not in the hosts file, and nsswitch.conf asks nobody else", err);
}

int sk_resolve_local(const char *name, int family, const struct sk_lookup *how, struct sk_addrs *out,
                     struct sk_err *err) {
    return resolve_local(name, family, true, how, out, err);
}

static int resolve(const char *name, int family, bool is_libc, const struct sk_lookup *how, sk_time deadline,
                   struct sk_addrs *out, struct sk_err *err) {
    bool want4 = family != AF_INET6, want6 = family != AF_INET, has4, has6;
    int rc = resolve_local(name, family, !is_libc, how, out, err);
    if (rc == 0) {
        if (!is_libc && want4 && want6) {
            sk_families_here(&has4, &has6);
            want4 = has4 || !has6; /* neither: nothing can be concluded */
            want6 = has6 || !has4;
        }
        rc = sk_dns_ask_both(name, want4, want6, how, deadline, out, err);
    }
    if (rc >= 0)
        sk_addrs_sort(out);
    return rc < 0 ? -1 : 0;
}

int sk_resolve_as_libc(const char *name, int family, const struct sk_lookup *how, sk_time deadline,
                       struct sk_addrs *out, struct sk_err *err) {
    return resolve(name, family, true, how, deadline, out, err);
}

int sk_resolve(const char *name, int family, const struct sk_lookup *how, sk_time deadline, struct sk_addrs *out,
               struct sk_err *err) {
    return resolve(name, family, false, how, deadline, out, err);
}
