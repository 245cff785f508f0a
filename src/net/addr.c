#include "net/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "net/addr_parts.h"

const char *sk_shown(char dst[SK_SHOWN], const char *text, size_t n) {
    char cut[61];
    sk_escape_cut(cut, sizeof cut, text, n);
    if (n > 60)
        snprintf(dst, SK_SHOWN, "'%s' (%zu bytes)", cut, n);
    else
        snprintf(dst, SK_SHOWN, "'%s'", cut);
    return dst;
}

/* Where the longest run of at least two zero groups is (RFC 5952 4.2): the first of equals. */
static void longest_zeros(const unsigned groups[8], int *start, int *length) {
    *start = -1;
    *length = 1;
    for (int i = 0; i < 8; i++) {
        int run = 0;
        while (i + run < 8 && groups[i + run] == 0)
            run++;
        if (run > *length) {
            *start = i;
            *length = run;
        }
        if (run > 0)
            i += run - 1;
    }
}

char *sk_ip6_text(char dst[46], const unsigned char bytes[16]) {
    static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
    if (memcmp(bytes, mapped, sizeof mapped) == 0) {
        snprintf(dst, 46, "::ffff:%u.%u.%u.%u", bytes[12], bytes[13], bytes[14], bytes[15]);
        return dst;
    }
    unsigned groups[8];
    for (int i = 0; i < 8; i++)
        groups[i] = (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
    int zeros, length;
    longest_zeros(groups, &zeros, &length);
    char *p = dst;
    for (int i = 0; i < 8; i++) {
        if (i == zeros) {
            p += sprintf(p, "::");
            i += length - 1;
            continue;
        }
        bool colon = i > 0 && p[-1] != ':';
        p += sprintf(p, "%s%x", colon ? ":" : "", groups[i]);
    }
    return dst;
}

static bool is_scoped(const struct in6_addr *a) {
    return IN6_IS_ADDR_LINKLOCAL(a) || IN6_IS_ADDR_MC_LINKLOCAL(a) || IN6_IS_ADDR_MC_NODELOCAL(a);
}

static bool is_whole(const struct sk_addr *addr) {
    switch (addr->u.sa.sa_family) {
    case AF_INET:
        return addr->len == sizeof addr->u.in;
    case AF_INET6:
        return addr->len == sizeof addr->u.in6;
    case AF_UNIX:
        return addr->len >= sizeof(sa_family_t) && addr->len <= sizeof addr->u.un + 1;
    case AF_VSOCK:
        return addr->len == sizeof(struct sockaddr_vm);
    default:
        return false;
    }
}

static char *format_raw(char *dst, size_t size, const struct sk_addr *addr) {
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = (const unsigned char *)&addr->u;
    size_t at = (size_t)snprintf(dst, size, "raw:");
    for (size_t i = 0; i < addr->len && i < sizeof addr->u && at + 3 <= size; i++) {
        dst[at++] = digits[bytes[i] >> 4];
        dst[at++] = digits[bytes[i] & 15];
    }
    dst[at] = '\0';
    return dst;
}

static size_t unix_length(const struct sk_addr *addr) {
    size_t n = addr->len - offsetof(struct sockaddr_un, sun_path);
    /* A path may fill sun_path and more: the kernel counts a NUL that it adds itself (unix(7), BUGS). */
    return addr->u.un.sun_path[0] == '\0' ? n : strnlen(addr->u.un.sun_path, n);
}

static char *format_unix(char *dst, size_t size, const struct sk_addr *addr, const char *prefix) {
    const char *path = addr->u.un.sun_path;
    if (addr->len <= offsetof(struct sockaddr_un, sun_path)) {
        snprintf(dst, size, "%s", prefix);
        return dst;
    }
    size_t n = unix_length(addr);
    bool abstract = path[0] == '\0';
    bool relative = !abstract && path[0] != '/' && strncmp(path, "./", 2) != 0 && strncmp(path, "../", 3) != 0;
    if (n > 107 + (abstract ? 1 : 0) || (abstract && n == 1) || (relative && n > 105))
        return format_raw(dst, size, addr);
    /* After "unix:", a path of two slashes would be read as a URL, so it is printed as one. */
    bool like_url = prefix[0] != '\0' && n > 1 && path[0] == '/' && path[1] == '/';
    size_t at = (size_t)snprintf(dst, size, "%s%s", prefix, abstract ? "@" : relative ? "./" : like_url ? "//" : "");
    if (at < size)
        sk_escape_cut(dst + at, size - at, path + abstract, n - abstract);
    return dst;
}

/* Four numbers with dots, without stdio: a hundred thousand of them a second is no rare case. */
static const char *ip4_text(char dst[16], const unsigned char *bytes) {
    char *p = dst;
    for (int i = 0; i < 4; i++) {
        unsigned n = bytes[i];
        if (i > 0)
            *p++ = '.';
        if (n >= 100)
            *p++ = (char)('0' + n / 100);
        if (n >= 10)
            *p++ = (char)('0' + n / 10 % 10);
        *p++ = (char)('0' + n % 10);
    }
    *p = '\0';
    return dst;
}

static void copy_text(char *dst, size_t size, const char *text) {
    size_t n = strlen(text) + 1;
    if (n <= size)
        memcpy(dst, text, n);
}

char *sk_addr_host(char *dst, size_t size, const struct sk_addr *addr) {
    char text[46];
    dst[0] = '\0';
    if (addr->len == 0 || !is_whole(addr))
        return dst;
    const unsigned char *b = (const unsigned char *)&addr->u.in.sin_addr;
    switch (addr->u.sa.sa_family) {
    case AF_INET:
        copy_text(dst, size, ip4_text(text, b));
        break;
    case AF_INET6: {
        char zone[IF_NAMESIZE] = "", number[16] = "";
        unsigned scope = is_scoped(&addr->u.in6.sin6_addr) ? addr->u.in6.sin6_scope_id : 0;
        if (scope == 0) {
            copy_text(dst, size, sk_ip6_text(text, addr->u.in6.sin6_addr.s6_addr));
            break;
        }
        if (!if_indextoname(scope, zone))
            snprintf(number, sizeof number, "%u", scope);
        snprintf(dst, size, "%s%s%s%s", sk_ip6_text(text, addr->u.in6.sin6_addr.s6_addr), "%", zone, number);
        break;
    }
    case AF_UNIX:
        format_unix(dst, size, addr, "");
        break;
    default:
        snprintf(dst, size, "%u", ((const struct sockaddr_vm *)&addr->u)->svm_cid);
    }
    return dst;
}

char *sk_addr_format(char *dst, size_t size, const struct sk_addr *addr) {
    char host[64];
    if (addr->len == 0) {
        snprintf(dst, size, "none");
        return dst;
    }
    if (!is_whole(addr))
        return format_raw(dst, size, addr);
    const struct sockaddr_vm *vm = (const struct sockaddr_vm *)&addr->u;
    switch (addr->u.sa.sa_family) {
    case AF_INET:
        snprintf(dst, size, "%s:%u", sk_addr_host(host, sizeof host, addr), sk_addr_port(addr));
        break;
    case AF_INET6:
        snprintf(dst, size, "[%s]:%u", sk_addr_host(host, sizeof host, addr), sk_addr_port(addr));
        break;
    case AF_VSOCK:
        snprintf(dst, size, "vsock:%u:%u", vm->svm_cid, vm->svm_port);
        break;
    default:
        format_unix(dst, size, addr, "unix:");
    }
    return dst;
}

char *sk_endpoint_format(char *dst, size_t size, const struct sk_endpoint *ep) {
    const char *scheme = ep->tls ? "tls:" : ep->type == SOCK_DGRAM ? "udp:" : "";
    if (ep->kind == SK_EP_ADDR && (ep->addr.u.sa.sa_family == AF_UNIX || ep->addr.u.sa.sa_family == AF_VSOCK))
        scheme = "";
    size_t at = (size_t)snprintf(dst, size, "%s", scheme);
    switch (ep->kind) {
    case SK_EP_ADDR:
        sk_addr_format(dst + at, size - at, &ep->addr);
        break;
    case SK_EP_NAME:
        snprintf(dst + at, size - at, "%s:%u", ep->host, ep->port);
        break;
    case SK_EP_LOOPBACK:
        snprintf(dst + at, size - at, ":%u", ep->port);
        break;
    case SK_EP_ANY:
        snprintf(dst + at, size - at, "*:%u", ep->port);
        break;
    case SK_EP_FD:
        snprintf(dst, size, "fd:%d", ep->fd);
        break;
    case SK_EP_SOCK:
        snprintf(dst, size, "sock:%s", ep->host);
        break;
    }
    return dst;
}

uint16_t sk_addr_port(const struct sk_addr *addr) {
    if (addr->len == 0)
        return 0;
    if (addr->u.sa.sa_family == AF_INET)
        return ntohs(addr->u.in.sin_port);
    return addr->u.sa.sa_family == AF_INET6 ? ntohs(addr->u.in6.sin6_port) : 0;
}

void sk_addr_set_port(struct sk_addr *addr, uint16_t port) {
    if (addr->u.sa.sa_family == AF_INET)
        addr->u.in.sin_port = htons(port);
    else if (addr->u.sa.sa_family == AF_INET6)
        addr->u.in6.sin6_port = htons(port);
}

static void blank(struct sk_addr *addr, int family, uint16_t port) {
    memset(addr, 0, sizeof *addr);
    addr->u.sa.sa_family = (sa_family_t)family;
    addr->len = family == AF_INET6 ? sizeof addr->u.in6 : sizeof addr->u.in;
    sk_addr_set_port(addr, port);
}

void sk_addr_loopback(struct sk_addr *addr, int family, uint16_t port) {
    blank(addr, family, port);
    if (family == AF_INET6)
        addr->u.in6.sin6_addr = in6addr_loopback;
    else
        addr->u.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

void sk_addr_any(struct sk_addr *addr, int family, uint16_t port) { blank(addr, family, port); }

bool sk_addr_equal(const struct sk_addr *a, const struct sk_addr *b) {
    if (a->len != b->len || a->len == 0)
        return a->len == b->len;
    if (a->u.sa.sa_family != b->u.sa.sa_family)
        return false;
    if (!is_whole(a) || !is_whole(b))
        return memcmp(&a->u, &b->u, a->len) == 0;
    switch (a->u.sa.sa_family) {
    case AF_INET:
        return a->u.in.sin_port == b->u.in.sin_port && a->u.in.sin_addr.s_addr == b->u.in.sin_addr.s_addr;
    case AF_INET6:
        return a->u.in6.sin6_port == b->u.in6.sin6_port && a->u.in6.sin6_scope_id == b->u.in6.sin6_scope_id &&
               memcmp(&a->u.in6.sin6_addr, &b->u.in6.sin6_addr, 16) == 0;
    default:
        return memcmp(&a->u, &b->u, a->len) == 0;
    }
}

static int family_size(int family, const char *who, struct sk_err *err) {
    if (family == AF_INET)
        return 4;
    if (family == AF_INET6)
        return 16;
    return sk_fail(err, SK_SYS, EAFNOSUPPORT, who, "%s: family %d has no such text; write AF_INET or AF_INET6", who,
                   family);
}

int sk_inet_pton(int family, const char *text, size_t n, unsigned char out[16], struct sk_err *err) {
    char copy[INET6_ADDRSTRLEN] = "", shown[SK_SHOWN];
    int size = family_size(family, "inet_pton", err);
    if (size < 0)
        return -1;
    if (n < sizeof copy && memchr(text, '\0', n) == NULL) {
        memcpy(copy, text, n);
        if (inet_pton(family, copy, out) == 1)
            return size;
    }
    return sk_fail_sys(err, EINVAL, "inet_pton", "%s is not an %s address", sk_shown(shown, text, n),
                       family == AF_INET ? "IPv4" : "IPv6");
}

int sk_inet_ntop(int family, const void *bytes, size_t n, char *dst, size_t size, struct sk_err *err) {
    char text[46];
    const unsigned char *b = bytes;
    int want = family_size(family, "inet_ntop", err);
    if (want < 0)
        return -1;
    if (n != (size_t)want)
        return sk_fail_usage(err, "inet_ntop: %s wants %d bytes, not %zu", family == AF_INET ? "AF_INET" : "AF_INET6",
                             want, n);
    if (family == AF_INET)
        snprintf(text, sizeof text, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
    else
        sk_ip6_text(text, b);
    if (strlen(text) >= size)
        return sk_fail_sys(err, ENOSPC, "inet_ntop", NULL);
    memcpy(dst, text, strlen(text) + 1);
    return 0;
}
