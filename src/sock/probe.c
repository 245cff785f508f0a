#include "sock/probe.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "net/sys.h"
#include "run/fd.h"
#include "run/wait.h"

enum { SENDS = 5 };
#define PARTING (50 * SK_MS) /* and four times what the connection took */

const char *const sk_verdicts[] = { "open", "refused", "unreachable", "silent", "noanswer", NULL };

/* Trouble of this machine, not an answer. */
static bool is_shortage(int e) {
    return e == EMFILE || e == ENFILE || e == ENOBUFS || e == ENOMEM || e == EADDRNOTAVAIL;
}

static enum sk_verdict verdict_of(int e) {
    switch (e) {
    case 0:
        return SK_OPEN;
    case ECONNREFUSED:
    case ECONNRESET:
    case ECONNABORTED:
        return SK_REFUSED;
    case ETIMEDOUT:
        return SK_SILENT;
    default:
        return SK_UNREACHABLE;
    }
}

/* Verdict of an errno, or -1 when it is none. */
static int judge(int e, const char *op, const struct sk_addr *addr, sk_time start, struct sk_probed *out,
                 struct sk_err *err) {
    char text[SK_ADDR_TEXT];
    if (is_shortage(e))
        return sk_fail_sys(err, e, op, "probe %.200s", sk_addr_format(text, sizeof text, addr));
    *out = (struct sk_probed){ verdict_of(e), e, sk_now() - start };
    return 0;
}

/* A socket that met itself, having been given the port it asks for: nobody else has it. */
static bool is_own(int fd, const struct sk_addr *addr) {
    struct sk_addr local;
    return addr->u.sa.sa_family != AF_UNIX && sk_sys_getsockname(fd, &local, NULL) == 0 && sk_addr_equal(&local, addr);
}

/* End the connection so that the peer notices nothing but its end: what it has said must be read, or closing resets. */
static void part(int fd, sk_time took) {
    char block[4096];
    sk_time limit = sk_after(PARTING + 4 * took);
    if (sk_sys_shutdown(fd, SHUT_WR, NULL) < 0)
        return;
    for (;;) {
        ssize_t n = recv(fd, block, sizeof block, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return;
        if (n > 0 ? sk_charge((size_t)n, "probe", limit, NULL) < 0 : sk_wait(fd, POLLIN, "probe", limit, NULL) < 0)
            return;
    }
}

/* Connect until limit: 0, an errno, or -1. */
static int reach(int fd, const struct sk_addr *addr, sk_time limit, struct sk_err *err) {
    struct sk_err why;
    int e = sk_sys_connect_now(fd, addr);
    if (e != EALREADY && e != EAGAIN)
        return e;
    if (sk_sys_connect(fd, addr, limit, &why) == 0)
        return 0;
    if (why.kind == SK_TIMEOUT || why.kind == SK_SYS)
        return why.code;
    if (err)
        *err = why;
    return -1;
}

static int probe_stream(const struct sk_addr *addr, int type, sk_time start, sk_time limit, struct sk_probed *out,
                        struct sk_err *err) {
    int fd = socket(addr->u.sa.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return judge(errno, "socket", addr, start, out, err);
    int e = reach(fd, addr, limit, err);
    if (e == 0 && type == SOCK_STREAM && is_own(fd, addr))
        e = ECONNREFUSED;
    int rc = e < 0 ? -1 : judge(e, "connect", addr, start, out, err);
    if (e == 0 && type != SOCK_DGRAM)
        part(fd, out->took);
    sk_fd_close(fd, NULL);
    return rc;
}

/* A path says what it is only by refusing other types. */
static int probe_unix(const struct sk_addr *addr, int type, sk_time start, sk_time limit, struct sk_probed *out,
                      struct sk_err *err) {
    static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM };
    int rc = 0;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (type && type != types[i])
            continue;
        rc = probe_stream(addr, types[i], start, limit, out, err);
        if (rc < 0 || out->error != EPROTOTYPE)
            break;
    }
    return rc;
}

/* Send, and wait for anything until then: 1 when something came, 0 when nothing did, -1; an ICMP error is *e. */
static int exchange(int fd, const struct sk_probing *how, sk_time until, int *e, struct sk_err *err) {
    char block[16];
    struct sk_err why;
    if (send(fd, how->n ? how->data : "", how->n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN) {
        *e = errno;
        return 1;
    }
    while (sk_wait(fd, POLLIN, "probe", until, &why) >= 0) {
        if (recv(fd, block, sizeof block, MSG_DONTWAIT) >= 0) {
            *e = 0;
            return 1;
        }
        if (errno != EAGAIN && errno != EINTR) {
            *e = errno;
            return 1;
        }
        if (sk_charge(0, "probe", until, &why) < 0)
            break;
    }
    if (why.kind == SK_TIMEOUT)
        return 0;
    if (err)
        *err = why;
    return -1;
}

/* Hear of every ICMP error, not only of a port that is closed (ip(7)). */
static void hear_errors(int fd, int family) {
    int on = 1;
    setsockopt(fd, family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP, family == AF_INET6 ? IPV6_RECVERR : IP_RECVERR, &on,
               sizeof on);
}

static int probe_datagram(const struct sk_addr *addr, const struct sk_probing *how, sk_time start, sk_time limit,
                          struct sk_probed *out, struct sk_err *err) {
    int fd = socket(addr->u.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), e = 0;
    if (fd < 0)
        return judge(errno, "socket", addr, start, out, err);
    hear_errors(fd, addr->u.sa.sa_family);
    if (connect(fd, &addr->u.sa, addr->len) < 0)
        e = errno;
    else if (is_own(fd, addr))
        e = ECONNREFUSED;
    int rc = e != 0;
    sk_time pause = sk_left(limit) / SENDS;
    for (int i = 1; rc == 0 && i <= SENDS; i++)
        rc = exchange(fd, how, i == SENDS ? limit : sk_later(start, i * pause), &e, err);
    if (rc > 0)
        rc = judge(e, "send", addr, start, out, err);
    else if (rc == 0)
        *out = (struct sk_probed){ SK_NOANSWER, 0, sk_now() - start };
    sk_fd_close(fd, NULL);
    return rc;
}

int sk_probe(const struct sk_addr *addr, int type, const struct sk_probing *how, sk_time deadline,
             struct sk_probed *out, struct sk_err *err) {
    sk_time start = sk_now(), limit = sk_later(start, how->attempt);
    if (deadline < limit)
        limit = deadline;
    if (addr->u.sa.sa_family == AF_UNIX)
        return probe_unix(addr, type, start, limit, out, err);
    if (type == SOCK_DGRAM)
        return probe_datagram(addr, how, start, limit, out, err);
    return probe_stream(addr, type ? type : SOCK_STREAM, start, limit, out, err);
}
