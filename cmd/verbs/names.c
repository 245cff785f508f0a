/* Names of hosts and interfaces. */
#include <netdb.h>

#include "lang/call.h"
#include "net/dns.h"
#include "net/iface.h"
#include "verbs/io.h"

/* ---- getaddrinfo, getnameinfo ---- */

enum { GAI_HOST, GAI_SERVICE, GAI_FIRST, GAI_FAMILY, GAI_TYPE, GAI_PROTO, GAI_FLAGS };

static int check_getaddrinfo(const struct arg *args, const struct common *opt, struct sk_err *err) {
    if (opt->family && args[GAI_FAMILY].count)
        return sk_fail_usage(err, "getaddrinfo: --family and -%c together; write one of them",
                             opt->family == AF_INET ? '4' : '6');
    if (opt->udp && args[GAI_TYPE].count)
        return sk_fail_usage(err, "getaddrinfo: --type and -u together; write one of them");
    return 0;
}

static struct addrinfo hints_of(const struct call *c) {
    return (struct addrinfo){
        .ai_family = (int)int_or(c, GAI_FAMILY, c->opt->family),
        .ai_socktype = (int)int_or(c, GAI_TYPE, c->opt->udp ? SOCK_DGRAM : 0),
        .ai_protocol = (int)int_or(c, GAI_PROTO, 0),
        .ai_flags = (int)int_or(c, GAI_FLAGS, 0),
    };
}

static int getaddrinfo_(struct call *c) {
    struct addrinfo hints = hints_of(c);
    struct sk_value list;
    struct sk_origin origin;
    if (sk_getaddrinfo(text_or(c, GAI_HOST, NULL), text_or(c, GAI_SERVICE, NULL), &hints, &c->opt->lookup, c->deadline,
                       &list, &origin, &c->err) < 0)
        return io_origin(c, &origin);
    io_answered(c, &origin);
    bool first = flag(c, GAI_FIRST);
    if (first)
        c->shows = "addr";
    int rc = 0;
    const struct sk_value *item;
    for (int64_t i = 0; rc == 0 && (i == 0 || !first) && (item = sk_at(&list, i)) != NULL; i++)
        rc = call_item(c, sk_copy(*item));
    sk_drop(list);
    return rc;
}

const struct command cmd_getaddrinfo = {
    .name = "getaddrinfo",
    .group = "names",
    .summary = "resolve a host and a service as getaddrinfo(3) does",
    .params =
        (const struct param[]){
            [GAI_HOST] = ARG("HOST", K_HOST, 1, 1, "a name or an address; - for none"),
            [GAI_SERVICE] = ARG("SERVICE", K_HOST, 0, 1, "a service's name or a port; - for none"),
            [GAI_FIRST] = OPT(0, "first", K_FLAG, "only the first answer, as an address"),
            [GAI_FAMILY] = OPT(0, "family", K_FAMILY, "only this family"),
            [GAI_TYPE] = OPT(0, "type", K_TYPE, "only this socket type"),
            [GAI_PROTO] = OPT(0, "proto", K_PROTO, "only this protocol"),
            [GAI_FLAGS] =
                OPT(0, "flags", K_AIFLAGS, "passive,canonname,numerichost,numericserv,v4mapped,all,addrconfig"),
            { .kind = K_END },
        },
    .flags = FAMILIES | UDP | WAITS | NAMES,
    .result = R_ITEMS,
    .shows = "family type proto addr canonname",
    .details =
        "The answers are those of getaddrinfo(3) for the same input, also for the short and numeric forms of IPv4 that "
        "other commands refuse, in the order of RFC 6724. A failure has getaddrinfo's negative number as error.errno, "
        "and status 4.\n"
        "Names are looked up as everywhere in sockctl: --resolve, the hosts file, localhost, then DNS with the servers "
        "and the search list of resolv.conf, within the command's time limit. -v tells who answered. What DNS said is "
        "in "
        "the message, and in JSON as error.reason (NXDOMAIN, NODATA, SERVFAIL, REFUSED, TIMEOUT, ...) and "
        "error.server.",
    .examples =
        (const char *const[]){
            "getaddrinfo localhost 80",
            "getaddrinfo --first -4 --type stream localhost 80",
            "getaddrinfo --flags passive - 8080",
            "getaddrinfo --first --resolve www.example.test:192.0.2.1 www.example.test 80",
            NULL,
        },
    .check = check_getaddrinfo,
    .run = getaddrinfo_,
};

enum { GNI_ADDR, GNI_FLAGS };

static int check_getnameinfo(const struct arg *args, const struct common *opt, struct sk_err *err) {
    const struct sk_endpoint *ep = args[GNI_ADDR].u.ep;
    (void)opt;
    if (!ep || ep->kind == SK_EP_ADDR || ep->kind == SK_EP_LOOPBACK || ep->kind == SK_EP_SOCK)
        return 0;
    return sk_fail_usage(err,
                         "getnameinfo wants a numeric address such as 127.0.0.1:80; a name is resolved by getaddrinfo");
}

static int getnameinfo_(struct call *c) {
    struct sk_endpoint ep;
    if (call_endpoint(c, GNI_ADDR, &ep) < 0)
        return -1;
    if (ep.kind == SK_EP_LOOPBACK)
        sk_addr_loopback(&ep.addr, c->opt->family ? c->opt->family : AF_INET, ep.port);
    struct sk_origin origin;
    if (sk_getnameinfo(&ep.addr, (int)int_or(c, GNI_FLAGS, 0), &c->opt->lookup, c->deadline, &c->result, &origin,
                       &c->err) < 0)
        return io_origin(c, &origin);
    io_answered(c, &origin);
    return 0;
}

const struct command cmd_getnameinfo = {
    .name = "getnameinfo",
    .group = "names",
    .summary = "find the names of an address and its port",
    .params =
        (const struct param[]){
            ARG("ADDR", K_ADDR, 1, 4, "a numeric address with its port", .flags = MULTIWORD | LISTENING),
            OPT(0, "flags", K_NIFLAGS, "numerichost,numericserv,namereqd,nofqdn,dgram"),
            { .kind = K_END },
        },
    .flags = FAMILIES | WAITS | NAMES,
    .result = R_ONE,
    .shows = "host service",
    .examples =
        (const char *const[]){
            "getnameinfo 127.0.0.1:80 --flags numerichost",
            "getnameinfo ::1 53 --flags numerichost,dgram",
            NULL,
        },
    .check = check_getnameinfo,
    .run = getnameinfo_,
};

/* ---- Interfaces ---- */

static int if_nametoindex_(struct call *c) {
    enum { NAME };
    unsigned index;
    if (sk_if_index(c->args[NAME].u.s.p, &index, &c->err) < 0)
        return -1;
    return io_value(c, sk_int(index));
}

const struct command cmd_if_nametoindex = {
    .name = "if_nametoindex",
    .group = "names",
    .summary = "find the index of a network interface",
    .params =
        (const struct param[]){
            ARG("NAME", K_TEXT, 1, 1, "the interface's name"),
            { .kind = K_END },
        },
    .result = R_ONE,
    .shows = "value",
    .details = "An unknown name is status 3, ENODEV.",
    .examples = (const char *const[]){ "if_nametoindex lo", NULL },
    .run = if_nametoindex_,
};

static int if_indextoname_(struct call *c) {
    enum { INDEX };
    char name[16];
    if (sk_if_name((unsigned)c->args[INDEX].u.i, name, &c->err) < 0)
        return -1;
    return io_value(c, sk_text(name));
}

const struct command cmd_if_indextoname = {
    .name = "if_indextoname",
    .group = "names",
    .summary = "find the name of a network interface",
    .params =
        (const struct param[]){
            ARG("INDEX", K_INT, 1, 1, "the interface's index", .lo = 1, .hi = INT32_MAX),
            { .kind = K_END },
        },
    .result = R_ONE,
    .shows = "value",
    .details = "An unknown index is status 3, ENXIO.",
    .examples = (const char *const[]){ "if_indextoname 1", NULL },
    .run = if_indextoname_,
};

static int if_nameindex_(struct call *c) {
    struct sk_value list;
    if (sk_if_list(&list, &c->err) < 0)
        return -1;
    int rc = 0;
    const struct sk_value *item;
    for (int64_t i = 0; rc == 0 && (item = sk_at(&list, i)) != NULL; i++)
        rc = call_item(c, sk_copy(*item));
    sk_drop(list);
    return rc;
}

const struct command cmd_if_nameindex = {
    .name = "if_nameindex",
    .group = "names",
    .summary = "list the network interfaces",
    .result = R_ITEMS,
    .shows = "index name",
    .examples = (const char *const[]){ "if_nameindex", NULL },
    .run = if_nameindex_,
};
