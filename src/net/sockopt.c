#include "net/sockopt.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/names.h"
#include "base/parse.h"

/* Words of ss(8) and sysctl(8) that look like options. */
static const struct {
    const char *word, *advice;
} foreign[] = {
    { "rcv_space", "a figure of TCP_INFO, as ss prints it; an option is SO_RCVBUF" },
    { "rcv_ssthresh", "a figure of TCP_INFO, as ss prints it; an option is SO_RCVBUF" },
    { "snd_wnd", "a figure of TCP_INFO, as ss prints it; an option is SO_SNDBUF" },
    { "cwnd", "a figure of TCP_INFO, as ss prints it; no option sets it" },
    { "rto", "a figure of TCP_INFO, as ss prints it; an option is TCP_USER_TIMEOUT" },
    { "rtt", "a figure of TCP_INFO, as ss prints it; no option sets it" },
    { "mss", "a figure of TCP_INFO, as ss prints it; an option is TCP_MAXSEG" },
    { "tcp_rmem", "a sysctl, for the whole system; an option is SO_RCVBUF" },
    { "tcp_wmem", "a sysctl, for the whole system; an option is SO_SNDBUF" },
    { "rmem_max", "a sysctl, for the whole system; an option is SO_RCVBUF" },
    { "wmem_max", "a sysctl, for the whole system; an option is SO_SNDBUF" },
    { "rmem_default", "a sysctl, for the whole system; an option is SO_RCVBUF" },
    { "wmem_default", "a sysctl, for the whole system; an option is SO_SNDBUF" },
    { "somaxconn", "a sysctl, for the whole system; listen takes a backlog" },
    { "tcp_keepalive_time", "a sysctl, for the whole system; an option is TCP_KEEPIDLE" },
    { "tcp_keepalive_intvl", "a sysctl, for the whole system; an option is TCP_KEEPINTVL" },
    { "tcp_keepalive_probes", "a sysctl, for the whole system; an option is TCP_KEEPCNT" },
    { "tcp_fin_timeout", "a sysctl, for the whole system; an option is TCP_LINGER2" },
    { "tcp_syn_retries", "a sysctl, for the whole system; an option is TCP_SYNCNT" },
    { "tcp_congestion_control", "a sysctl, for the whole system; an option is TCP_CONGESTION" },
    { "ip_default_ttl", "a sysctl, for the whole system; an option is IP_TTL" },
};

static bool is_number(const char *text) { return text[0] >= '0' && text[0] <= '9'; }

/* The name without its prefix: NODELAY of TCP_NODELAY. */
static const char *bare(const char *name) {
    const char *underscore = strchr(name, '_');
    return underscore ? underscore + 1 : name;
}

static int parse_level(const char *text, int *level, struct sk_err *err) {
    int64_t number = 0;
    size_t n = strlen(text);
    if (is_number(text)) {
        if (sk_parse_number("level", text, n, 0, INT32_MAX, &number, err) < 0)
            return -1;
        *level = (int)number;
        return 0;
    }
    const struct sk_name *found = sk_name_find(SK_G_SOL, text, n);
    if (!found)
        found = sk_name_find(SK_G_IPPROTO, text, n);
    if (!found)
        return sk_name_parse(SK_G_SOL, "level", text, n, level, err);
    *level = found->value;
    return 0;
}

static const struct sk_sockopt *from_numbers(int level, const char *name, struct sk_sockopt *scratch,
                                             struct sk_err *err) {
    int64_t number = 0;
    if (sk_parse_number("option", name, strlen(name), 0, INT32_MAX, &number, err) < 0)
        return NULL;
    memset(scratch, 0, sizeof *scratch);
    scratch->level = level;
    scratch->option = (int)number;
    scratch->type = SK_OPT_INT;
    scratch->lo = INT32_MIN;
    scratch->hi = UINT32_MAX;
    snprintf(scratch->level_text, sizeof scratch->level_text, "%d", level);
    snprintf(scratch->name_text, sizeof scratch->name_text, "%d", scratch->option);
    scratch->level_name = scratch->level_text;
    scratch->name = scratch->name_text;
    size_t count;
    const struct sk_sockopt *all = sk_sockopts(&count);
    for (size_t i = 0; i < count; i++) {
        if (all[i].level != level)
            continue;
        scratch->level_name = all[i].level_name;
        if (all[i].option == scratch->option) {
            scratch->name = all[i].name;
            break;
        }
    }
    return scratch;
}

static const struct sk_sockopt *suggest(const char *shown, const char *name, struct sk_err *err) {
    size_t count;
    const struct sk_sockopt *all = sk_sockopts(&count);
    const char **names = sk_alloc(count * sizeof *names);
    char upper[64];
    const char *near = NULL;
    snprintf(upper, sizeof upper, "%s", name);
    for (char *p = upper; *p; p++)
        *p = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
    for (size_t i = 0; i < count; i++) {
        names[i] = all[i].name;
        if (strcmp(bare(all[i].name), bare(upper)) == 0)
            near = all[i].name;
    }
    if (!near)
        near = sk_nearest(upper, names, count);
    free(names);
    if (near)
        sk_fail_usage(err, "unknown socket option '%s'; did you mean %s?", shown, near);
    else
        sk_fail_usage(err, "unknown socket option '%s'; see: constants SO_, TCP_, IP_, IPV6_, UDP_", shown);
    return NULL;
}

/* The row with this name, whole or bare; several bare ones of different meaning are an error. *failed tells the two
 * NULLs apart. */
static const struct sk_sockopt *by_name(const char *name, int level, const char *shown, bool *failed,
                                        struct sk_err *err) {
    size_t count;
    const struct sk_sockopt *all = sk_sockopts(&count), *found = NULL;
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(all[i].name, name) == 0)
            return &all[i];
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(bare(all[i].name), name) != 0 || (level >= 0 && all[i].level != level))
            continue;
        if (found && (found->level != all[i].level || found->option != all[i].option)) {
            sk_fail_usage(err, "option '%s' may be %s or %s; write which", shown, found->name, all[i].name);
            *failed = true;
            return NULL;
        }
        if (!found)
            found = &all[i];
    }
    return found;
}

const struct sk_sockopt *sk_sockopt_find(const char *level, const char *name, struct sk_sockopt *scratch,
                                         struct sk_err *err) {
    char shown[64];
    int number = -1;
    bool failed = false;
    sk_escape_cut(shown, sizeof shown, name, strlen(name));
    if (level[0] != '\0' && parse_level(level, &number, err) < 0)
        return NULL;
    if (is_number(name) && level[0] != '\0')
        return from_numbers(number, name, scratch, err);
    if (is_number(name)) {
        sk_fail_usage(err, "option '%s': a number needs its level; write SOL_SOCKET %s", shown, shown);
        return NULL;
    }
    const struct sk_sockopt *found = by_name(name, number, shown, &failed, err);
    if (failed)
        return NULL;
    if (found && number >= 0 && found->level != number) {
        sk_fail_usage(err, "option %s belongs to %s; write %s %s", found->name, found->level_name, found->level_name,
                      found->name);
        return NULL;
    }
    for (size_t i = 0; !found && i < sizeof foreign / sizeof foreign[0]; i++)
        if (strcasecmp(foreign[i].word, name) == 0) {
            sk_fail_usage(err, "'%s' is %s", shown, foreign[i].advice);
            return NULL;
        }
    return found ? found : suggest(shown, name, err);
}

/* What the kernel may make another number of without an error: `scale` times that is what it tells. */
static const struct {
    int level, option, scale;
} silent[] = {
    { SOL_SOCKET, SO_RCVBUF, 2 },         { SOL_SOCKET, SO_SNDBUF, 2 },     { SOL_SOCKET, SO_RCVLOWAT, 1 },
    { IPPROTO_TCP, TCP_DEFER_ACCEPT, 1 }, { IPPROTO_TCP, TCP_FASTOPEN, 1 }, { IPPROTO_TCP, TCP_LINGER2, 1 },
    { IPPROTO_TCP, TCP_WINDOW_CLAMP, 1 }, { IPPROTO_IP, IP_TOS, 1 },        { IPPROTO_IPV6, IPV6_TCLASS, 1 },
};

static int scale_of(const struct sk_sockopt *opt) {
    for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++)
        if (silent[i].level == opt->level && silent[i].option == opt->option)
            return silent[i].scale;
    return 0;
}

int sk_sockopt_set(int fd, const struct sk_sockopt *opt, const void *bytes, size_t n, bool *was_clamped,
                   struct sk_value *now, struct sk_err *err) {
    int asked = 0, got = 0, scale = scale_of(opt);
    socklen_t size = sizeof got;
    if (was_clamped)
        *was_clamped = false;
    while (setsockopt(fd, opt->level, opt->option, n > 0 ? bytes : "", (socklen_t)n) < 0)
        if (errno != EINTR)
            return sk_fail_sys(err, errno, "setsockopt", "setsockopt %s", opt->name);
    if (!was_clamped || !scale || n != sizeof asked)
        return 0;
    memcpy(&asked, bytes, sizeof asked);
    while (getsockopt(fd, opt->level, opt->option, &got, &size) < 0)
        if (errno != EINTR)
            return 0;
    if (got / scale == asked)
        return 0;
    *was_clamped = true;
    if (now)
        *now = sk_int(got);
    return 0;
}
