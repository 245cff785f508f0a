/* Ancillary data: what the kernel attached to a message, as values. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include <linux/errqueue.h> /* wants struct timespec */

#include "base/bytes.h"
#include "base/names.h"
#include "net/iface.h"
#include "sock/cmsg.h"

struct item {
    int level, type;
    const unsigned char *data;
    size_t len;
};

/* Copy the payload into dst (alignment is not promised); false when it is shorter. */
static bool get(const struct item *c, void *dst, size_t size) {
    if (c->len < size)
        return false;
    memcpy(dst, c->data, size);
    return true;
}

static void put_number(struct sk_value *r, const char *key, int64_t n) { sk_put(r, key, sk_int(n)); }

static void put_ip(struct sk_value *r, const char *key, int family, const void *bytes, size_t n) {
    char text[64];
    if (sk_inet_ntop(family, bytes, n, text, sizeof text, NULL) >= 0)
        sk_put(r, key, sk_text(text));
}

static void put_interface(struct sk_value *r, unsigned index) {
    char name[16];
    put_number(r, "ifindex", index);
    if (sk_if_name(index, name, NULL) >= 0)
        sk_put(r, "interface", sk_text(name));
}

static void put_rights(struct sk_value *r, const struct item *c) {
    put_number(r, "count", (int64_t)(c->len / sizeof(int)));
}

static void put_credentials(struct sk_value *r, const struct item *c) {
    struct ucred who;
    if (!get(c, &who, sizeof who))
        return;
    put_number(r, "pid", who.pid);
    put_number(r, "uid", who.uid);
    put_number(r, "gid", who.gid);
}

static void put_time(struct sk_value *r, int64_t seconds, int64_t nanoseconds) {
    put_number(r, "seconds", seconds);
    put_number(r, "nanoseconds", nanoseconds);
}

static void put_timeval(struct sk_value *r, const struct item *c) {
    struct timeval t;
    if (get(c, &t, sizeof t))
        put_time(r, t.tv_sec, (int64_t)t.tv_usec * 1000);
}

static void put_timespec(struct sk_value *r, const struct item *c) {
    struct timespec t;
    if (get(c, &t, sizeof t))
        put_time(r, t.tv_sec, t.tv_nsec);
}

/* Three times: by software, one that is no longer used, by the network card; those not asked for are zero. */
static void put_timestamping(struct sk_value *r, const struct item *c) {
    struct scm_timestamping t;
    if (!get(c, &t, sizeof t))
        return;
    const struct timespec *when = t.ts[0].tv_sec || t.ts[0].tv_nsec ? &t.ts[0] : &t.ts[2];
    put_time(r, when->tv_sec, when->tv_nsec);
    sk_put(r, "clock", sk_text(when == &t.ts[0] ? "software" : "hardware"));
}

static void put_pktinfo(struct sk_value *r, const struct item *c) {
    struct in_pktinfo info;
    if (!get(c, &info, sizeof info))
        return;
    put_interface(r, (unsigned)info.ipi_ifindex);
    put_ip(r, "local", AF_INET, &info.ipi_spec_dst, sizeof info.ipi_spec_dst);
    put_ip(r, "destination", AF_INET, &info.ipi_addr, sizeof info.ipi_addr);
}

static void put_pktinfo6(struct sk_value *r, const struct item *c) {
    struct in6_pktinfo info;
    if (!get(c, &info, sizeof info))
        return;
    put_interface(r, info.ipi6_ifindex);
    put_ip(r, "destination", AF_INET6, &info.ipi6_addr, sizeof info.ipi6_addr);
}

/* IP_TOS is one byte; the others are ints. */
static void put_int(struct sk_value *r, const struct item *c) {
    int n;
    if (get(c, &n, sizeof n))
        put_number(r, "value", n);
    else if (c->len == 1)
        put_number(r, "value", c->data[0]);
}

static const char *origin_name(unsigned origin) {
    static const char *const names[] = { "none", "local", "icmp", "icmp6", "timestamping", "zerocopy", "txtime" };
    return origin < sizeof names / sizeof *names ? names[origin] : "other";
}

static void put_recverr(struct sk_value *r, const struct item *c) {
    struct sock_extended_err e;
    if (!get(c, &e, sizeof e))
        return;
    const char *name = sk_name_of(SK_G_ERRNO, (int)e.ee_errno);
    put_number(r, "errno", e.ee_errno);
    sk_put(r, "code", name ? sk_text(name) : sk_null());
    sk_put(r, "origin", sk_text(origin_name(e.ee_origin)));
    put_number(r, "icmp_type", e.ee_type);
    put_number(r, "icmp_code", e.ee_code);
    put_number(r, "info", e.ee_info);
    put_number(r, "data", e.ee_data);
    struct sk_addr offender = { 0 };
    size_t len = c->len - sizeof e;
    if (len > sizeof offender.u)
        len = sizeof offender.u;
    memcpy(&offender.u, c->data + sizeof e, len);
    if (len >= sizeof(struct sockaddr_in) && offender.u.sa.sa_family == AF_INET)
        put_ip(r, "offender", AF_INET, &offender.u.in.sin_addr, sizeof offender.u.in.sin_addr);
    else if (len >= sizeof(struct sockaddr_in6) && offender.u.sa.sa_family == AF_INET6)
        put_ip(r, "offender", AF_INET6, &offender.u.in6.sin6_addr, sizeof offender.u.in6.sin6_addr);
}

static const struct {
    int level, type;
    const char *name;
    void (*put)(struct sk_value *r, const struct item *c);
} kinds[] = {
    { SOL_SOCKET, SCM_RIGHTS, "SCM_RIGHTS", put_rights },
    { SOL_SOCKET, SCM_CREDENTIALS, "SCM_CREDENTIALS", put_credentials },
    { SOL_SOCKET, SO_TIMESTAMP, "SCM_TIMESTAMP", put_timeval },
    { SOL_SOCKET, SO_TIMESTAMPNS, "SCM_TIMESTAMPNS", put_timespec },
    { SOL_SOCKET, SO_TIMESTAMPING, "SCM_TIMESTAMPING", put_timestamping },
    { SOL_SOCKET, SO_RXQ_OVFL, "SO_RXQ_OVFL", put_int },
    { IPPROTO_TCP, TCP_CM_INQ, "TCP_CM_INQ", put_int },
    { IPPROTO_UDP, UDP_GRO, "UDP_GRO", put_int },
    { IPPROTO_IP, IP_PKTINFO, "IP_PKTINFO", put_pktinfo },
    { IPPROTO_IP, IP_TTL, "IP_TTL", put_int },
    { IPPROTO_IP, IP_TOS, "IP_TOS", put_int },
    { IPPROTO_IP, IP_RECVERR, "IP_RECVERR", put_recverr },
    { IPPROTO_IPV6, IPV6_PKTINFO, "IPV6_PKTINFO", put_pktinfo6 },
    { IPPROTO_IPV6, IPV6_HOPLIMIT, "IPV6_HOPLIMIT", put_int },
    { IPPROTO_IPV6, IPV6_TCLASS, "IPV6_TCLASS", put_int },
    { IPPROTO_IPV6, IPV6_RECVERR, "IPV6_RECVERR", put_recverr },
};

static struct sk_value name_of(const char *name, int value) {
    char number[16];
    snprintf(number, sizeof number, "%d", value);
    return sk_text(name ? name : number);
}

static const char *type_name(int level, int type) {
    switch (level) {
    case SOL_SOCKET:
        return sk_name_of(SK_G_SCM, type);
    case IPPROTO_IP:
        return sk_name_of(SK_G_IP, type);
    case IPPROTO_IPV6:
        return sk_name_of(SK_G_IPV6, type);
    case IPPROTO_TCP:
        return sk_name_of(SK_G_TCP, type);
    case IPPROTO_UDP:
        return sk_name_of(SK_G_UDP, type);
    default:
        return NULL;
    }
}

static struct sk_value decode(const struct item *c) {
    struct sk_value r = sk_record();
    size_t i = 0, n = sizeof kinds / sizeof *kinds;
    while (i < n && (kinds[i].level != c->level || kinds[i].type != c->type))
        i++;
    const char *level = c->level == SOL_SOCKET ? "SOL_SOCKET" : sk_name_of(SK_G_IPPROTO, c->level);
    sk_put(&r, "level", name_of(level, c->level));
    sk_put(&r, "type", name_of(i < n ? kinds[i].name : type_name(c->level, c->type), c->type));
    if (i < n)
        kinds[i].put(&r, c);
    struct sk_buf hex = { 0 };
    if (sk_hex(&hex, c->data, c->len, NULL) >= 0)
        sk_put(&r, "hex", sk_text_n(sk_buf_data(&hex), hex.len));
    sk_buf_done(&hex);
    return r;
}

struct sk_value sk_cmsg_decode(struct msghdr *msg) {
    struct sk_value list = sk_list();
    const unsigned char *end = (const unsigned char *)msg->msg_control + msg->msg_controllen;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        const unsigned char *data = CMSG_DATA(c);
        if (c->cmsg_len < CMSG_LEN(0) || data > end)
            break;
        size_t len = c->cmsg_len - CMSG_LEN(0), most = (size_t)(end - data);
        struct item item = { c->cmsg_level, c->cmsg_type, data, len < most ? len : most };
        sk_push(&list, decode(&item));
    }
    return list;
}
