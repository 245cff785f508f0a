/* Words to the bytes of setsockopt(2). */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/bytes.h"
#include "base/names.h"
#include "base/parse.h"
#include "net/addr_parts.h"
#include "net/iface.h"
#include "net/sockopt.h"

static int wants(const struct sk_sockopt *opt, const char *value, const char *what, struct sk_err *err) {
    char shown[SK_SHOWN];
    return sk_fail_usage(err, "%s wants %s, not %s", opt->name, what, sk_shown(shown, value, strlen(value)));
}

static int encode_bool(const struct sk_sockopt *opt, const char *value, struct sk_buf *out, struct sk_err *err) {
    static const char *const words[] = { "off", "on", "false", "true", "no", "yes", "0", "1" };
    for (int i = 0; i < 8; i++)
        if (strcasecmp(value, words[i]) == 0) {
            int bit = i & 1;
            return sk_buf_add(out, &bit, sizeof bit, err);
        }
    return wants(opt, value, "on or off", err);
}

static int encode_int(const struct sk_sockopt *opt, const char *value, struct sk_buf *out, struct sk_err *err) {
    int64_t number = 0;
    size_t n = strlen(value);
    bool is_digits = (value[0] >= '0' && value[0] <= '9') || value[0] == '-' || value[0] == '+';
    const struct sk_name *constant = is_digits ? NULL : sk_name_find(SK_G_COUNT, value, n);
    const struct sk_optword *word = is_digits ? NULL : opt->words;
    while (word && word->name && strcasecmp(word->name, value) != 0)
        word++;
    if (word && word->name)
        number = word->value;
    else if (constant && constant->value >= opt->lo && constant->value <= opt->hi)
        number = constant->value;
    else if (!is_digits && opt->words)
        return wants(opt, value, opt->note, err);
    else if (!is_digits)
        return wants(opt, value, "a number", err);
    else if (sk_parse_number(opt->name, value, n, opt->lo, opt->hi, &number, err) < 0)
        return -1;
    uint32_t bits = (uint32_t)number; /* a number above INT_MAX is meant as unsigned */
    return sk_buf_add(out, &bits, sizeof bits, err);
}

static int encode_linger(const struct sk_sockopt *opt, const char *value, struct sk_buf *out, struct sk_err *err) {
    struct linger linger = { 0 };
    int64_t seconds = 0;
    if (strcasecmp(value, "off") != 0) {
        if (strncasecmp(value, "on,", 3) != 0 || strlen(value) > 13 ||
            strspn(value + 3, "0123456789") != strlen(value + 3) || value[3] == '\0')
            return wants(opt, value, "on,SECONDS or off", err);
        if (sk_parse_int(opt->name, value + 3, strlen(value + 3), 0, INT32_MAX, &seconds, err) < 0)
            return -1;
        linger.l_onoff = 1;
        linger.l_linger = (int)seconds;
    }
    return sk_buf_add(out, &linger, sizeof linger, err);
}

static int encode_timeval(const struct sk_sockopt *opt, const char *value, struct sk_buf *out, struct sk_err *err) {
    struct timeval tv = { 0 };
    sk_time ns = 0;
    if (sk_parse_time(opt->name, value, strlen(value), &ns, err) < 0)
        return -1;
    if (ns != SK_NEVER && ns % 1000 != 0)
        return wants(opt, value, "a time of whole microseconds", err);
    if (ns != SK_NEVER) {
        tv.tv_sec = ns / SK_SECOND;
        tv.tv_usec = ns % SK_SECOND / 1000;
    }
    return sk_buf_add(out, &tv, sizeof tv, err);
}

static int encode_string(const struct sk_sockopt *opt, const char *value, struct sk_buf *out, struct sk_err *err) {
    size_t n = strlen(value);
    if (n == 0 || n > 63)
        return wants(opt, value, "a word of 1 to 63 characters", err);
    return sk_buf_add(out, value, n, err);
}

/* "eth0" or "2"; 0 (none) only as a number. */
static int parse_index(const struct sk_sockopt *opt, const char *value, unsigned *index, struct sk_err *err) {
    struct sk_err cause;
    int64_t number = 0;
    char name[IF_NAMESIZE];
    if (value[0] == '\0')
        return wants(opt, value, "an interface", err);
    if (strspn(value, "0123456789") != strlen(value)) {
        if (sk_if_index(value, index, &cause) < 0)
            return sk_fail_usage(err, "%s: %.300s", opt->name, cause.msg);
        return 0;
    }
    if (sk_parse_int(opt->name, value, strlen(value), 0, INT32_MAX, &number, err) < 0)
        return -1;
    *index = (unsigned)number;
    if (*index != 0 && sk_if_name(*index, name, &cause) < 0)
        return sk_fail_usage(err, "%s: %.300s", opt->name, cause.msg);
    return 0;
}

static int encode_ifname(const struct sk_sockopt *opt, const char *value, struct sk_buf *out, struct sk_err *err) {
    unsigned index;
    struct sk_err cause;
    if (value[0] != '\0' && sk_if_index(value, &index, &cause) < 0)
        return sk_fail_usage(err, "%s: %.300s", opt->name, cause.msg);
    return sk_buf_add(out, value, strlen(value) + 1, err);
}

static int encode_ifindex(const struct sk_sockopt *opt, const char *value, struct sk_buf *out, struct sk_err *err) {
    unsigned index = 0;
    if (parse_index(opt, value, &index, err) < 0)
        return -1;
    return sk_buf_add(out, &index, sizeof index, err);
}

/* An interface of IPv4 multicast: by its address or by its name. */
static int parse_ifaddr(const struct sk_sockopt *opt, const char *value, struct ip_mreqn *mreq, struct sk_err *err) {
    unsigned index = 0;
    if (sk_ends_in_number(value, strlen(value)) && strchr(value, '.'))
        return sk_ip4_parse(value, strlen(value), &mreq->imr_address, err);
    if (parse_index(opt, value, &index, err) < 0)
        return -1;
    mreq->imr_ifindex = (int)index;
    return 0;
}

static int encode_ifaddr(const struct sk_sockopt *opt, const char *value, struct sk_buf *out, struct sk_err *err) {
    struct ip_mreqn mreq = { 0 };
    if (parse_ifaddr(opt, value, &mreq, err) < 0)
        return -1;
    return sk_buf_add(out, &mreq, sizeof mreq, err);
}

static int encode_mreq(const struct sk_sockopt *opt, const char *value, struct sk_buf *out, struct sk_err *err) {
    struct ip_mreqn mreq = { 0 };
    size_t n = strcspn(value, ",");
    if (!sk_ends_in_number(value, n))
        return wants(opt, value, "GROUP[,IFADDR or IFNAME], such as 239.1.1.1,eth0", err);
    if (sk_ip4_parse(value, n, &mreq.imr_multiaddr, err) < 0)
        return -1;
    if (!IN_MULTICAST(ntohl(mreq.imr_multiaddr.s_addr)))
        return wants(opt, value, "a multicast group, 224.0.0.0 to 239.255.255.255", err);
    if (value[n] == ',' && parse_ifaddr(opt, value + n + 1, &mreq, err) < 0)
        return -1;
    return sk_buf_add(out, &mreq, sizeof mreq, err);
}

static int encode_mreq6(const struct sk_sockopt *opt, const char *value, struct sk_buf *out, struct sk_err *err) {
    struct ipv6_mreq mreq = { 0 };
    struct sk_addr group;
    size_t n = strcspn(value, ",");
    if (!memchr(value, ':', n))
        return wants(opt, value, "GROUP[,IFNAME], such as ff02::1,eth0", err);
    if (sk_ip6_parse(value, n, false, &group, err) < 0)
        return -1;
    if (!IN6_IS_ADDR_MULTICAST(&group.u.in6.sin6_addr))
        return wants(opt, value, "a multicast group, ff00::/8", err);
    mreq.ipv6mr_multiaddr = group.u.in6.sin6_addr;
    mreq.ipv6mr_interface = group.u.in6.sin6_scope_id;
    if (value[n] == ',' && parse_index(opt, value + n + 1, &mreq.ipv6mr_interface, err) < 0)
        return -1;
    return sk_buf_add(out, &mreq, sizeof mreq, err);
}

int sk_sockopt_encode(const struct sk_sockopt *opt, const char *value, struct sk_buf *out, struct sk_err *err) {
    switch (opt->type) {
    case SK_OPT_BOOL:
        return encode_bool(opt, value, out, err);
    case SK_OPT_INT:
        return encode_int(opt, value, out, err);
    case SK_OPT_LINGER:
        return encode_linger(opt, value, out, err);
    case SK_OPT_TIMEVAL:
        return encode_timeval(opt, value, out, err);
    case SK_OPT_STRING:
        return encode_string(opt, value, out, err);
    case SK_OPT_MREQ:
        return encode_mreq(opt, value, out, err);
    case SK_OPT_MREQ6:
        return encode_mreq6(opt, value, out, err);
    case SK_OPT_IFNAME:
        return encode_ifname(opt, value, out, err);
    case SK_OPT_IFINDEX:
        return encode_ifindex(opt, value, out, err);
    case SK_OPT_IFADDR:
        return encode_ifaddr(opt, value, out, err);
    case SK_OPT_BYTES:
        return sk_unhex(out, value, strlen(value), err);
    case SK_OPT_REFUSED:
        return sk_fail_usage(err, "%s is not offered: %s", opt->name, opt->note);
    case SK_OPT_CRED:
    case SK_OPT_TCPINFO:
        break;
    }
    return sk_fail_usage(err, "%s is read only", opt->name);
}
