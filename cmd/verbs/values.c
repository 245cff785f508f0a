/* Values without a socket: address text and bytes, byte order, constants, and the tables of services and protocols. */
#include <arpa/inet.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/names.h"
#include "lang/call.h"
#include "net/addr.h"
#include "verbs/io.h"

/* ---- inet_pton, inet_ntop ---- */

static struct sk_value family_name(int64_t family) {
    const char *name = sk_name_of(SK_G_AF, (int)family);
    return name ? sk_text(name) : sk_int(family);
}

static int inet_pton_(struct call *c) {
    enum { FAMILY, TEXT };
    unsigned char bytes[16];
    int family = (int)c->args[FAMILY].u.i;
    int n = sk_inet_pton(family, c->args[TEXT].u.s.p, c->args[TEXT].u.s.n, bytes, &c->err);
    if (n < 0) {
        if (c->err.kind == SK_SYS && c->err.code == EINVAL)
            c->err.kind = SK_ASSERT; /* the answer is no: status 1, still named EINVAL */
        return -1;
    }
    c->result = sk_record();
    sk_put(&c->result, "family", family_name(family));
    sk_put_main(&c->result, "bytes", sk_bytes(bytes, (size_t)n));
    return 0;
}

const struct command cmd_inet_pton = {
    .name = "inet_pton",
    .group = "names",
    .summary = "turn address text into its bytes",
    .params =
        (const struct param[]){
            ARG("FAMILY", K_FAMILY, 1, 1, "AF_INET or AF_INET6"),
            ARG("TEXT", K_TEXT, 1, 1, "an address as inet_pton(3) reads it: 127.0.0.1, ::1"),
            { .kind = K_END },
        },
    .flags = PRINTS | ESCAPES,
    .result = R_ONE,
    .shows = "bytes",
    .details =
        "The bytes are printed in the escape notation on one line, which inet_ntop takes back; -F raw gives the bytes "
        "themselves, -F hex their digits.\n"
        "Only complete addresses are read, as inet_pton(3) does: no short IPv4 forms, no brackets, no zone. Text that "
        "is "
        "no address is status 1 with error.code EINVAL.",
    .examples =
        (const char *const[]){
            "inet_pton AF_INET 127.0.0.1",
            "inet_pton AF_INET6 2001:db8::1 -F hex",
            "fails 1 inet_pton inet 127.1",
            NULL,
        },
    .run = inet_pton_,
};

static int inet_ntop_(struct call *c) {
    enum { FAMILY, BYTES };
    char text[INET6_ADDRSTRLEN];
    int family = (int)c->args[FAMILY].u.i;
    struct sk_buf bytes = { 0 };
    int rc = call_data_whole(c, BYTES, &bytes);
    if (rc == 0)
        rc = sk_inet_ntop(family, bytes.len ? sk_buf_data(&bytes) : NULL, bytes.len, text, sizeof text, &c->err);
    sk_buf_done(&bytes);
    if (rc < 0)
        return -1;
    c->result = sk_record();
    sk_put(&c->result, "family", family_name(family));
    sk_put_main(&c->result, "text", sk_text(text));
    return 0;
}

const struct command cmd_inet_ntop = {
    .name = "inet_ntop",
    .group = "names",
    .summary = "turn the bytes of an address into text",
    .params =
        (const struct param[]){
            ARG("FAMILY", K_FAMILY, 1, 1, "AF_INET or AF_INET6"),
            ARG("BYTES", K_DATA, 1, MANY, "4 or 16 bytes"),
            { .kind = K_END },
        },
    .flags = DATA,
    .result = R_ONE,
    .shows = "text",
    .details = "BYTES are typed with escapes, or given as --hex or --base64. Another number of bytes than the family "
               "has is an error.",
    .examples =
        (const char *const[]){
            "inet_ntop AF_INET '\\x7f\\0\\0\\x01'",
            "inet_ntop --hex 00000000000000000000000000000001 AF_INET6",
            NULL,
        },
    .run = inet_ntop_,
};

/* ---- Byte order ---- */

static int htons_(struct call *c) { return io_value(c, sk_int(htons((uint16_t)c->args[0].u.i))); }
static int ntohs_(struct call *c) { return io_value(c, sk_int(ntohs((uint16_t)c->args[0].u.i))); }
static int htonl_(struct call *c) { return io_value(c, sk_int(htonl((uint32_t)c->args[0].u.i))); }
static int ntohl_(struct call *c) { return io_value(c, sk_int(ntohl((uint32_t)c->args[0].u.i))); }

#define ORDER(name_, max_, bits_, from_, to_)                                                                          \
    const struct command cmd_##name_ = {                                                                               \
        .name = #name_,                                                                                                \
        .group = "names",                                                                                              \
        .summary = "turn a " bits_ "-bit number from " from_ " to " to_ " byte order",                                 \
        .params =                                                                                                      \
            (const struct param[]){                                                                                    \
                ARG("NUMBER", K_NUMBER, 1, 1, "0 to 2^" bits_ " - 1, decimal or 0x", .lo = 0, .hi = max_),             \
                { .kind = K_END },                                                                                     \
            },                                                                                                         \
        .result = R_ONE,                                                                                               \
        .shows = "value",                                                                                              \
        .examples = (const char *const[]){ #name_ " 80", #name_ " 0x1234", NULL },                                     \
        .run = name_##_,                                                                                               \
    }

ORDER(htons, UINT16_MAX, "16", "host", "network");
ORDER(ntohs, UINT16_MAX, "16", "network", "host");
ORDER(htonl, UINT32_MAX, "32", "host", "network");
ORDER(ntohl, UINT32_MAX, "32", "network", "host");

/* ---- constants ---- */

static const char *const group_names[SK_G_COUNT] = {
    [SK_G_AF] = "AF",     [SK_G_SOCK] = "SOCK",      [SK_G_IPPROTO] = "IPPROTO", [SK_G_SOL] = "SOL",
    [SK_G_SO] = "SO",     [SK_G_TCP] = "TCP",        [SK_G_UDP] = "UDP",         [SK_G_IP] = "IP",
    [SK_G_IPV6] = "IPV6", [SK_G_MSG] = "MSG",        [SK_G_POLL] = "POLL",       [SK_G_SHUT] = "SHUT",
    [SK_G_AI] = "AI",     [SK_G_NI] = "NI",          [SK_G_EAI] = "EAI",         [SK_G_ERRNO] = "errno",
    [SK_G_SCM] = "SCM",   [SK_G_TCPSTATE] = "state", [SK_G_OTHER] = "other",
};

static bool wanted(const char *name, const char *pattern) {
    if (!pattern)
        return true;
    if (strpbrk(pattern, "*?"))
        return fnmatch(pattern, name, FNM_CASEFOLD) == 0;
    return strcasestr(name, pattern) != NULL;
}

static int constants(struct call *c) {
    enum { PATTERN };
    const char *pattern = text_or(c, PATTERN, NULL);
    size_t count, found = 0;
    const struct sk_name *row = sk_names(&count);
    for (size_t i = 0; i < count; i++) {
        if (!wanted(row[i].name, pattern))
            continue;
        struct sk_value item = sk_record();
        sk_put_main(&item, "name", sk_text(row[i].name));
        sk_put(&item, "value", sk_int(row[i].value));
        sk_put(&item, "group", sk_text(group_names[row[i].group]));
        if (call_item(c, item) < 0)
            return -1;
        found++;
    }
    if (found == 0 && pattern) {
        struct sk_quoted q;
        c->warns = true;
        call_note(c, "no constant is called %s; `constants` lists all", sk_quote(&q, pattern, strlen(pattern)));
    }
    return 0;
}

const struct command cmd_constants = {
    .name = "constants",
    .group = "names",
    .summary = "list constants by name and value",
    .params =
        (const struct param[]){
            ARG("PATTERN", K_TEXT, 0, 1, "part of a name, ignoring case; a glob if it has * or ?"),
            { .kind = K_END },
        },
    .result = R_ITEMS,
    .shows = "name value",
    .details = "Everything that sockctl knows by name: families, types, protocols, options, flags, events, "
               "getaddrinfo's and the "
               "system's errors. Nothing found is an empty list.",
    .examples = (const char *const[]){ "constants REUSE", "constants 'POLL*'", "constants econnrefused", NULL },
    .run = constants,
};

/* ---- Hosts, services, protocols ---- */

static int gethostname_(struct call *c) {
    char name[HOST_NAME_MAX + 2] = "";
    if (gethostname(name, sizeof name - 1) < 0)
        return sk_fail_sys(&c->err, errno, "gethostname", NULL);
    return io_value(c, sk_text(name));
}

const struct command cmd_gethostname = {
    .name = "gethostname",
    .group = "names",
    .summary = "print the name of this host",
    .result = R_ONE,
    .shows = "value",
    .examples = (const char *const[]){ "gethostname", NULL },
    .run = gethostname_,
};

/* The answer is no: status 1, named ENOENT. */
static int unknown(struct call *c, int param, const char *what, const char *file) {
    char shown[80];
    return sk_fail(&c->err, SK_ASSERT, ENOENT, c->cmd->name, "no %s is called '%s'; %s has the list", what,
                   sk_escape_cut(shown, sizeof shown, c->args[param].u.s.p, c->args[param].u.s.n), file);
}

static int getservbyname_(struct call *c) {
    enum { NAME, PROTO };
    static const char *const protocols[] = { "tcp", "udp" };
    uint16_t port;
    if (sk_service_port(c->args[NAME].u.s.p, has(c, PROTO) ? protocols[c->args[PROTO].u.i] : NULL, &port) < 0)
        return unknown(c, NAME, "service", "/etc/services");
    return io_value(c, sk_int(port));
}

const struct command cmd_getservbyname = {
    .name = "getservbyname",
    .group = "names",
    .summary = "find the port of a service",
    .params =
        (const struct param[]){
            ARG("NAME", K_TEXT, 1, 1, "the service's name, as in /etc/services"),
            ARG("PROTO", K_CHOICE, 0, 1, "tcp or udp; either when left out",
                .choices = (const char *const[]){ "tcp", "udp", NULL }),
            { .kind = K_END },
        },
    .result = R_ONE,
    .shows = "value",
    .details = "An unknown name is status 1.",
    .examples = (const char *const[]){ "getservbyname http", "getservbyname domain udp", NULL },
    .run = getservbyname_,
};

static int getprotobyname_(struct call *c) {
    enum { NAME };
    int number = sk_protocol_number(c->args[NAME].u.s.p);
    if (number < 0)
        return unknown(c, NAME, "protocol", "/etc/protocols");
    return io_value(c, sk_int(number));
}

const struct command cmd_getprotobyname = {
    .name = "getprotobyname",
    .group = "names",
    .summary = "find the number of a protocol",
    .params =
        (const struct param[]){
            ARG("NAME", K_TEXT, 1, 1, "the protocol's name, as in /etc/protocols"),
            { .kind = K_END },
        },
    .result = R_ONE,
    .shows = "value",
    .details = "An unknown name is status 1.",
    .examples = (const char *const[]){ "getprotobyname tcp", "getprotobyname icmp", NULL },
    .run = getprotobyname_,
};
