/* One row a kind: how its text becomes a value, and what it is called. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/names.h"
#include "base/parse.h"
#include "lang/optparse.h"
#include "lang/session.h"
#include "sock/proxy.h"

typedef int parser(const struct param *row, const char *p, size_t n, struct arena *a, struct arg *out,
                   struct sk_err *err);

/* What messages call the parameter. */
static const char *what(const struct param *row, char *dst, size_t size) {
    snprintf(dst, size, row->operand ? "%s" : "--%s", row->name);
    return dst;
}
#define WHAT(row) what(row, (char[64]){ 0 }, 64)

static int parse_number(const struct param *row, const char *p, size_t n, struct arena *a, struct arg *out,
                        struct sk_err *err) {
    (void)a;
    bool free_range = row->lo == 0 && row->hi == 0;
    int64_t lo = free_range ? INT64_MIN : row->lo, hi = free_range ? INT64_MAX : row->hi;
    if (row->kind == K_NUMBER)
        return sk_parse_number(WHAT(row), p, n, lo, hi, &out->u.i, err);
    return sk_parse_int(WHAT(row), p, n, lo, hi, &out->u.i, err);
}

static int parse_size(const struct param *row, const char *p, size_t n, struct arena *a, struct arg *out,
                      struct sk_err *err) {
    (void)a;
    return sk_parse_size(WHAT(row), p, n, &out->u.i, err);
}

static int parse_time(const struct param *row, const char *p, size_t n, struct arena *a, struct arg *out,
                      struct sk_err *err) {
    (void)a;
    if (row->kind == K_TIMEOUT && n == 4 && memcmp(p, "none", 4) == 0) {
        out->u.t = SK_NEVER;
        return 0;
    }
    return sk_parse_time(WHAT(row), p, n, &out->u.t, err);
}

/* "30d"; all else as other times. */
static int parse_days(const struct param *row, const char *p, size_t n, struct arena *a, struct arg *out,
                      struct sk_err *err) {
    enum { MOST = 100000 };
    int64_t days;
    if (n < 2 || p[n - 1] != 'd')
        return parse_time(row, p, n, a, out, err);
    if (sk_parse_int(WHAT(row), p, n - 1, 0, MOST, &days, err) < 0)
        return -1;
    out->u.t = days * 24 * 3600 * SK_SECOND;
    return 0;
}

static int parse_text(const struct param *row, const char *p, size_t n, struct arena *a, struct arg *out,
                      struct sk_err *err) {
    (void)a;
    if (row->kind != K_BYTES && row->kind != K_DATA && row->kind != K_PATTERN && memchr(p, '\0', n) != NULL)
        return sk_fail_usage(err, "%s: a NUL byte cannot be part of it", WHAT(row));
    if (row->kind == K_FILE && n == 0)
        return sk_fail_usage(err, "%s: the file name is empty", WHAT(row));
    out->u.s.p = row->kind == K_HOST && n == 1 && *p == '-' ? NULL : p;
    out->u.s.n = n;
    return 0;
}

static int parse_name(const struct param *row, const char *p, size_t n, struct arena *a, struct arg *out,
                      struct sk_err *err) {
    (void)row;
    (void)a;
    out->u.s.p = p;
    out->u.s.n = n;
    return name_check(p, n, err);
}

/* A name for looking up: its form is checked, also when it is a command's word. */
static int parse_sock(const struct param *row, const char *p, size_t n, struct arena *a, struct arg *out,
                      struct sk_err *err) {
    (void)a;
    size_t len = n;
    const char *colon = row->kind == K_POLL ? memchr(p, ':', n) : NULL;
    if (colon != NULL) {
        int events;
        len = (size_t)(colon - p);
        if (sk_name_parse_flags(SK_G_POLL, "events", colon + 1, n - len - 1, &events, err) < 0)
            return -1;
    }
    out->u.s.p = p;
    out->u.s.n = n;
    return name_form(p, len, err);
}

/* "192.0.2.1", "::1", "192.0.2.1:5000", ":5000": to connect from. */
static int parse_own(const struct param *row, const char *p, size_t n, struct sk_endpoint *ep, struct sk_err *err) {
    const char *const words[] = { p, "0" };
    const size_t lengths[] = { n, 1 };
    char shown[80];
    struct sk_err ignored;
    bool is_read = sk_endpoint_parse(ep, words, lengths, 2, true, &ignored) == 0 && ep->kind == SK_EP_ADDR;
    if (!is_read)
        is_read = sk_endpoint_parse(ep, words, lengths, 1, true, &ignored) == 0 && ep->type == 0 && !ep->tls;
    int family = ep->kind == SK_EP_ADDR ? ep->addr.u.sa.sa_family : AF_INET;
    if (is_read && (family == AF_INET || family == AF_INET6) && ep->kind != SK_EP_NAME && ep->kind != SK_EP_FD &&
        ep->kind != SK_EP_SOCK)
        return 0;
    return sk_fail_usage(err,
                         "%s: '%s' is no address to connect from; write 192.0.2.1, ::1, or with a port "
                         "192.0.2.1:5000, [::1]:5000 or :5000",
                         WHAT(row), sk_escape_cut(shown, sizeof shown, p, n));
}

static int parse_addr(const struct param *row, const char *p, size_t n, struct arena *a, struct arg *out,
                      struct sk_err *err) {
    out->u.ep = arena_alloc(a, sizeof *out->u.ep);
    if (row->flags & PORTLESS)
        return parse_own(row, p, n, out->u.ep, err);
    return sk_endpoint_parse(out->u.ep, &p, &n, 1, (row->flags & LISTENING) != 0, err);
}

static int parse_ports(const struct param *row, const char *p, size_t n, struct arena *a, struct arg *out,
                       struct sk_err *err) {
    struct sk_ports ports;
    (void)row;
    if (sk_ports_parse(&ports, p, n, err) < 0)
        return -1;
    out->u.ports = arena_alloc(a, sizeof *out->u.ports);
    *out->u.ports = ports;
    if (ports.list != NULL) {
        size_t size = ports.count * sizeof *ports.list;
        out->u.ports->list = memcpy(arena_alloc(a, size), ports.list, size);
    }
    sk_ports_done(&ports);
    return 0;
}

static int parse_servers(const struct param *row, const char *p, size_t n, struct arena *a, struct arg *out,
                         struct sk_err *err) {
    (void)row;
    out->u.servers.list = arena_alloc(a, (n / 2 + 1) * sizeof *out->u.servers.list);
    out->u.servers.count = 0;
    for (const char *end = p + n, *comma; p <= end; p = comma + 1) {
        comma = memchr(p, ',', (size_t)(end - p));
        if (comma == NULL)
            comma = end;
        if (sk_server_parse(&out->u.servers.list[out->u.servers.count++], p, (size_t)(comma - p), err) < 0)
            return -1;
    }
    return 0;
}

static int parse_override(const struct param *row, const char *p, size_t n, struct arena *a, struct arg *out,
                          struct sk_err *err) {
    (void)row;
    const char *name;
    size_t name_n;
    out->u.override = arena_alloc(a, sizeof *out->u.override);
    if (sk_override_parse(&out->u.override->addr, &name, &name_n, p, n, err) < 0)
        return -1;
    out->u.override->name = arena_copy(a, name, name_n);
    return 0;
}

static int parse_proxy(const struct param *row, const char *p, size_t n, struct arena *a, struct arg *out,
                       struct sk_err *err) {
    (void)row;
    out->u.proxy = arena_alloc(a, sizeof *out->u.proxy);
    return sk_proxy_parse(out->u.proxy, p, n, err);
}

static int parse_constant(const struct param *row, const char *p, size_t n, struct arena *a, struct arg *out,
                          struct sk_err *err) {
    static const struct {
        enum kind kind;
        enum sk_group group;
        const char *what;
        bool flags;
    } groups[] = {
        { K_FAMILY, SK_G_AF, "family", false },       { K_TYPE, SK_G_SOCK, "type", false },
        { K_PROTO, SK_G_IPPROTO, "protocol", false }, { K_MSGFLAGS, SK_G_MSG, "flags", true },
        { K_AIFLAGS, SK_G_AI, "flags", true },        { K_NIFLAGS, SK_G_NI, "flags", true },
        { K_EVENTS, SK_G_POLL, "events", true },
    };
    (void)a;
    int value = 0;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        if (groups[i].kind != row->kind)
            continue;
        int rc = groups[i].flags ? sk_name_parse_flags(groups[i].group, groups[i].what, p, n, &value, err)
                                 : sk_name_parse(groups[i].group, groups[i].what, p, n, &value, err);
        out->u.i = value;
        return rc;
    }
    return sk_fail(err, SK_INTERNAL, 0, "parse", "no constants of kind %d", (int)row->kind);
}

static int parse_encoded(const struct param *row, const char *p, size_t n, struct arena *a, struct arg *out,
                         struct sk_err *err) {
    struct sk_buf bytes = { 0 };
    int rc = row->kind == K_HEX ? sk_unhex(&bytes, p, n, err) : sk_unbase64(&bytes, p, n, err);
    if (rc == 0) {
        out->u.s.n = bytes.len;
        out->u.s.p = arena_copy(a, bytes.len ? sk_buf_data(&bytes) : (const unsigned char *)"", bytes.len);
    }
    sk_buf_done(&bytes);
    return rc;
}

static int parse_choice(const struct param *row, const char *p, size_t n, struct arena *a, struct arg *out,
                        struct sk_err *err) {
    (void)a;
    char list[256] = "", shown[80];
    size_t used = 0;
    for (int i = 0; row->choices[i] != NULL; i++) {
        if (strlen(row->choices[i]) == n && strncasecmp(row->choices[i], p, n) == 0) {
            out->u.i = i;
            return 0;
        }
        if (used < sizeof list - 1)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", row->choices[i]);
    }
    return sk_fail_usage(err, "%s: '%s' is not one of %s", WHAT(row), sk_escape_cut(shown, sizeof shown, p, n), list);
}

static int parse_onoff(const struct param *row, const char *p, size_t n, struct arena *a, struct arg *out,
                       struct sk_err *err) {
    static const char *const words[] = { "off", "on", "false", "true", "no", "yes", "0", "1", NULL };
    struct param choice = *row;
    choice.choices = words;
    if (parse_choice(&choice, p, n, a, out, err) < 0) {
        char shown[80];
        return sk_fail_usage(err, "%s: '%s' is neither on nor off", WHAT(row),
                             sk_escape_cut(shown, sizeof shown, p, n));
    }
    out->u.i &= 1;
    return 0;
}

static const struct {
    const char *placeholder;
    parser *parse;
} kinds[] = {
    [K_INT] = { "N", parse_number },
    [K_NUMBER] = { "N", parse_number },
    [K_SIZE] = { "SIZE", parse_size },
    [K_TIME] = { "TIME", parse_time },
    [K_DAYS] = { "TIME", parse_days },
    [K_TIMEOUT] = { "TIME", parse_time },
    [K_ADDR] = { "ADDR", parse_addr },
    [K_PORTS] = { "ADDR", parse_ports },
    [K_HOST] = { "HOST", parse_text },
    [K_SOCK] = { "NAME", parse_sock },
    [K_POLL] = { "NAME[:EVENTS]", parse_sock },
    [K_EVENTS] = { "EVENTS", parse_constant },
    [K_FAMILY] = { "FAMILY", parse_constant },
    [K_TYPE] = { "TYPE", parse_constant },
    [K_PROTO] = { "PROTO", parse_constant },
    [K_MSGFLAGS] = { "FLAGS", parse_constant },
    [K_AIFLAGS] = { "FLAGS", parse_constant },
    [K_NIFLAGS] = { "FLAGS", parse_constant },
    [K_DATA] = { "DATA", parse_text },
    [K_BYTES] = { "BYTES", parse_text },
    [K_PATTERN] = { "PATTERN", parse_text },
    [K_HEX] = { "HEX", parse_encoded },
    [K_BASE64] = { "BASE64", parse_encoded },
    [K_FILE] = { "FILE", parse_text },
    [K_TEXT] = { "TEXT", parse_text },
    [K_NAME] = { "NAME", parse_name },
    [K_CHOICE] = { "WORD", parse_choice },
    [K_ONOFF] = { "on|off", parse_onoff },
    [K_CMD] = { "COMMAND", parse_text },
    [K_CHAIN] = { "COMMAND", parse_text },
    [K_SERVERS] = { "ADDR[:PORT]", parse_servers },
    [K_OVERRIDE] = { "NAME:ADDR", parse_override },
    [K_PROXY] = { "URL", parse_proxy },
    [K_CMSG] = { "LEVEL TYPE HEX", parse_text },
};

const char *kind_placeholder(enum kind kind) { return kinds[kind].placeholder; }

int kind_parse(const struct param *row, const char *p, size_t n, struct arena *a, struct arg *out, struct sk_err *err) {
    return kinds[row->kind].parse(row, p, n, a, out, err);
}
