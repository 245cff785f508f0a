/* getsockopt(2) and what its bytes mean. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/bytes.h"
#include "base/names.h"
#include "net/addr_parts.h"
#include "net/iface.h"
#include "net/sockopt.h"

#define LONGEST 65536

#define F(name)                                                                                                        \
    { #name, offsetof(struct tcp_info, name), sizeof((struct tcp_info *)0)->name }
static const struct tcp_field {
    const char *name;
    size_t offset, size;
} tcp_fields[] = {
    F(tcpi_state),
    F(tcpi_ca_state),
    F(tcpi_retransmits),
    F(tcpi_probes),
    F(tcpi_backoff),
    F(tcpi_options),
    { "tcpi_snd_wscale", 6, 0 },
    { "tcpi_rcv_wscale", 6, 0 }, /* bit fields: handled by name */
    F(tcpi_rto),
    F(tcpi_ato),
    F(tcpi_snd_mss),
    F(tcpi_rcv_mss),
    F(tcpi_unacked),
    F(tcpi_sacked),
    F(tcpi_lost),
    F(tcpi_retrans),
    F(tcpi_fackets),
    F(tcpi_last_data_sent),
    F(tcpi_last_ack_sent),
    F(tcpi_last_data_recv),
    F(tcpi_last_ack_recv),
    F(tcpi_pmtu),
    F(tcpi_rcv_ssthresh),
    F(tcpi_rtt),
    F(tcpi_rttvar),
    F(tcpi_snd_ssthresh),
    F(tcpi_snd_cwnd),
    F(tcpi_advmss),
    F(tcpi_reordering),
    F(tcpi_rcv_rtt),
    F(tcpi_rcv_space),
    F(tcpi_total_retrans),
    F(tcpi_pacing_rate),
    F(tcpi_max_pacing_rate),
    F(tcpi_bytes_acked),
    F(tcpi_bytes_received),
    F(tcpi_segs_out),
    F(tcpi_segs_in),
    F(tcpi_notsent_bytes),
    F(tcpi_min_rtt),
    F(tcpi_data_segs_in),
    F(tcpi_data_segs_out),
    F(tcpi_delivery_rate),
    F(tcpi_busy_time),
    F(tcpi_rwnd_limited),
    F(tcpi_sndbuf_limited),
    F(tcpi_delivered),
    F(tcpi_delivered_ce),
    F(tcpi_bytes_sent),
    F(tcpi_bytes_retrans),
    F(tcpi_dsack_dups),
    F(tcpi_reord_seen),
    F(tcpi_rcv_ooopack),
    F(tcpi_snd_wnd),
};

static struct sk_value decode_tcp_info(const unsigned char *bytes, size_t n) {
    struct tcp_info info = { 0 };
    struct sk_value record = sk_record();
    memcpy(&info, bytes, n < sizeof info ? n : sizeof info);
    const char *state = sk_name_of(SK_G_TCPSTATE, info.tcpi_state);
    sk_put_main(&record, "state", state ? sk_text(state) : sk_int(info.tcpi_state));
    for (size_t i = 0; i < sizeof tcp_fields / sizeof tcp_fields[0]; i++) {
        const struct tcp_field *f = &tcp_fields[i];
        uint64_t value = 0;
        if (f->size == 0)
            value = f->name[5] == 's' ? info.tcpi_snd_wscale : info.tcpi_rcv_wscale;
        else if (f->offset + f->size > n)
            break; /* an older kernel */
        else
            memcpy(&value, (const char *)&info + f->offset, f->size); /* little endian: see the check below */
        sk_put(&record, f->name, sk_int(value > INT64_MAX ? INT64_MAX : (int64_t)value));
    }
    return record;
}
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "decode_tcp_info widens integers by copying");

static struct sk_value decode_int(const struct sk_sockopt *opt, const unsigned char *bytes, size_t n) {
    bool is_unsigned = opt->hi > INT32_MAX && opt->lo >= 0;
    int32_t four;
    int64_t eight;
    switch (n) {
    case 1:
        return sk_int(bytes[0]);
    case 4:
        memcpy(&four, bytes, sizeof four);
        return sk_int(is_unsigned ? (int64_t)(uint32_t)four : four);
    case 8:
        memcpy(&eight, bytes, sizeof eight);
        return sk_int(eight);
    default:
        return sk_bytes(bytes, n);
    }
}

static struct sk_value decode_linger(const unsigned char *bytes) {
    struct linger linger;
    char text[32] = "off";
    memcpy(&linger, bytes, sizeof linger);
    if (linger.l_onoff)
        snprintf(text, sizeof text, "on,%d", linger.l_linger);
    return sk_text(text);
}

static struct sk_value decode_cred(const unsigned char *bytes) {
    struct ucred cred;
    struct sk_value record = sk_record();
    memcpy(&cred, bytes, sizeof cred);
    sk_put_main(&record, "pid", sk_int(cred.pid));
    sk_put(&record, "uid", sk_int(cred.uid));
    sk_put(&record, "gid", sk_int(cred.gid));
    return record;
}

static struct sk_value decode_timeval(const unsigned char *bytes) {
    struct timeval tv;
    memcpy(&tv, bytes, sizeof tv);
    return sk_float((double)tv.tv_sec + (double)tv.tv_usec / 1e6);
}

static struct sk_value decode_ifindex(const unsigned char *bytes) {
    unsigned index;
    char name[16];
    memcpy(&index, bytes, sizeof index);
    return index != 0 && sk_if_name(index, name, NULL) == 0 ? sk_text(name) : sk_int(index);
}

static struct sk_value decode_ifaddr(const unsigned char *bytes) {
    char text[16];
    snprintf(text, sizeof text, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
    return sk_text(text);
}

/* The bytes by type where they have the type's size; else as they are. */
static struct sk_value decode(const struct sk_sockopt *opt, enum sk_opttype type, const unsigned char *bytes,
                              size_t n) {
    switch (type) {
    case SK_OPT_BOOL:
        return n == sizeof(int) || n == 1 ? sk_bool(bytes[0] || (n > 1 && (bytes[1] || bytes[2] || bytes[3])))
                                          : sk_bytes(bytes, n);
    case SK_OPT_INT:
        return decode_int(opt, bytes, n);
    case SK_OPT_LINGER:
        return n == sizeof(struct linger) ? decode_linger(bytes) : sk_bytes(bytes, n);
    case SK_OPT_TIMEVAL:
        return n == sizeof(struct timeval) ? decode_timeval(bytes) : sk_bytes(bytes, n);
    case SK_OPT_CRED:
        return n == sizeof(struct ucred) ? decode_cred(bytes) : sk_bytes(bytes, n);
    case SK_OPT_STRING:
    case SK_OPT_IFNAME:
        return sk_text_n(bytes, strnlen((const char *)bytes, n));
    case SK_OPT_TCPINFO:
        return n >= 8 ? decode_tcp_info(bytes, n) : sk_bytes(bytes, n);
    case SK_OPT_IFINDEX:
        return n == sizeof(unsigned) ? decode_ifindex(bytes) : sk_bytes(bytes, n);
    case SK_OPT_IFADDR:
        return n == sizeof(struct in_addr) ? decode_ifaddr(bytes) : sk_bytes(bytes, n);
    default:
        return sk_bytes(bytes, n);
    }
}

static const struct {
    const char *name;
    enum sk_opttype type;
    size_t length;
} types[] = {
    { "bool", SK_OPT_BOOL, sizeof(int) },
    { "int", SK_OPT_INT, 8 }, /* room for the 64-bit ones */
    { "linger", SK_OPT_LINGER, sizeof(struct linger) },
    { "timeval", SK_OPT_TIMEVAL, sizeof(struct timeval) },
    { "string", SK_OPT_STRING, 256 },
    { "bytes", SK_OPT_BYTES, 1024 },
    { "cred", SK_OPT_CRED, sizeof(struct ucred) },
    { "tcpinfo", SK_OPT_TCPINFO, sizeof(struct tcp_info) },
    { "ifname", SK_OPT_IFNAME, 16 },
    { "ifindex", SK_OPT_IFINDEX, sizeof(unsigned) },
    { "ifaddr", SK_OPT_IFADDR, sizeof(struct in_addr) },
};

/* How to read: the row's type, or the one asked for. */
static int choose(const struct sk_sockopt *opt, const char *as, enum sk_opttype *type, size_t *length,
                  struct sk_err *err) {
    char shown[SK_SHOWN];
    *type = opt->type;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (as ? strcmp(types[i].name, as) == 0 : types[i].type == opt->type) {
            *type = types[i].type;
            *length = *length > 0 ? *length : types[i].length;
            return 0;
        }
    if (as)
        return sk_fail_usage(
            err, "unknown type %s; one of bool int linger timeval string bytes cred tcpinfo ifname ifindex ifaddr",
            sk_shown(shown, as, strlen(as)));
    *length = *length > 0 ? *length : 1024;
    return 0;
}

int sk_sockopt_get(int fd, const struct sk_sockopt *opt, const char *as, size_t length, struct sk_value *out,
                   struct sk_err *err) {
    enum sk_opttype type;
    struct sk_buf bytes = { 0 }, hex = { 0 };
    if (opt->type == SK_OPT_REFUSED)
        return sk_fail_usage(err, "%s is not offered: %s", opt->name, opt->note);
    if (length > LONGEST)
        return sk_fail_usage(err, "an option of %zu bytes: at most %d", length, LONGEST);
    if (choose(opt, as, &type, &length, err) < 0)
        return -1;
    if (!as && type == SK_OPT_BOOL) /* 1 or 0, as the system says it */
        type = SK_OPT_INT;
    unsigned char *room = sk_buf_room(&bytes, length, err);
    if (!room)
        return -1;
    socklen_t n = (socklen_t)length;
    int rc;
    do
        rc = getsockopt(fd, opt->level, opt->option, room, &n);
    while (rc < 0 && errno == EINTR);
    if (rc < 0)
        rc = sk_fail_sys(err, errno, "getsockopt", "getsockopt %s", opt->name);
    n = n > length ? (socklen_t)length : n;
    if (rc == 0 && (rc = sk_hex(&hex, room, n, err)) == 0) {
        *out = sk_record();
        sk_put(out, "level", sk_text(opt->level_name));
        sk_put(out, "name", sk_text(opt->name));
        sk_put_main(out, "value", decode(opt, type, room, n));
        sk_put(out, "hex", hex.len ? sk_text_n(sk_buf_data(&hex), hex.len) : sk_text(""));
    }
    sk_buf_done(&bytes);
    sk_buf_done(&hex);
    return rc;
}
