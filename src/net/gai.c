/* getaddrinfo(3) and getnameinfo(3) with libc's answers: libc itself for what is numeric, our own lookup for names. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/names.h"
#include "net/addr_parts.h"
#include "net/dns_parts.h"

#define KNOWN_FLAGS                                                                                                    \
    (AI_PASSIVE | AI_CANONNAME | AI_NUMERICHOST | AI_V4MAPPED | AI_ALL | AI_ADDRCONFIG | AI_IDN | AI_CANONIDN |        \
     AI_NUMERICSERV)
#define KNOWN_NI_FLAGS (NI_NUMERICHOST | NI_NUMERICSERV | NI_NOFQDN | NI_NAMEREQD | NI_DGRAM | NI_IDN)

/* The service once read: a port, or a name whose port depends on the protocol. */
struct service {
    const char *name; /* or NULL */
    uint16_t port;
    bool is_given;
};

static int fail_gai(int code, const char *what, struct sk_err *err) {
    char shown[120];
    sk_escape_cut(shown, sizeof shown, what, strlen(what));
    return sk_fail(err, SK_GAI, code, "getaddrinfo", "%s%s%s", shown, shown[0] ? ": " : "", gai_strerror(code));
}

/* As libc reads it with strtoul (leading blanks, zeros and a plus are fine), but a port beyond 65535 is an error there
 * is none. */
static int read_service(const char *text, int flags, struct service *service, struct sk_err *err) {
    char *end;
    *service = (struct service){ 0 };
    if (!text || text[0] == '\0')
        return 0;
    service->is_given = true;
    unsigned long number = strtoul(text, &end, 10);
    if (*end == '\0' && !strchr(text, '-')) {
        char shown[120];
        sk_escape_cut(shown, sizeof shown, text, strlen(text));
        if (number > 65535)
            return sk_fail(err, SK_GAI, EAI_SERVICE, "getaddrinfo", "service %s: port out of range 0 to 65535", shown);
        service->port = (uint16_t)number;
        return 0;
    }
    if (*end == '\0') /* a number with a minus sign */
        return fail_gai(EAI_SERVICE, text, err);
    if (flags & AI_NUMERICSERV)
        return fail_gai(EAI_NONAME, text, err);
    service->name = text;
    return 0;
}

static const char *protocol_name(int proto) {
    static const struct {
        int number;
        const char *name;
    } known[] = {
        { IPPROTO_TCP, "tcp" },         { IPPROTO_UDP, "udp" },   { IPPROTO_DCCP, "dccp" },
        { IPPROTO_UDPLITE, "udplite" }, { IPPROTO_SCTP, "sctp" },
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].number == proto)
            return known[i].name;
    return NULL;
}

/* The (type, proto, port) that go with each address: libc's own choice, less those whose protocol does not know the
 * service. */
struct kind {
    int type, proto;
    uint16_t port;
};
#define KINDS_MAX 16

static int find_kinds(const struct service *service, const struct addrinfo *hints, struct kind kinds[KINDS_MAX],
                      size_t *count, struct sk_err *err) {
    struct addrinfo want = { .ai_family = AF_INET,
                             .ai_socktype = hints->ai_socktype,
                             .ai_protocol = hints->ai_protocol };
    struct addrinfo *list = NULL;
    char port[8];
    want.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    snprintf(port, sizeof port, "%u", service->port);
    int rc = getaddrinfo("127.0.0.1", service->is_given && !service->name ? port : NULL, &want, &list);
    if (rc != 0)
        return fail_gai(rc, service->name ? service->name : "", err);
    *count = 0;
    for (const struct addrinfo *a = list; a && *count < KINDS_MAX; a = a->ai_next) {
        struct kind kind = { a->ai_socktype, a->ai_protocol, service->port };
        const char *name = kind.type == SOCK_RAW ? NULL : protocol_name(kind.proto);
        if (service->name && (!name || sk_service_port(service->name, name, &kind.port) < 0))
            continue;
        kinds[(*count)++] = kind;
    }
    freeaddrinfo(list);
    return *count > 0 ? 0 : fail_gai(EAI_SERVICE, service->name ? service->name : "", err);
}

static struct sk_value constant(enum sk_group group, int value) {
    const char *name = sk_name_of(group, value);
    return name ? sk_text(name) : sk_int(value);
}

/* One record for each kind of each address; the canonical name goes with the very first. */
static void add_address(struct sk_value *list, const struct sk_addr *addr, const struct kind *kinds, size_t count,
                        const char *canonical) {
    for (size_t i = 0; i < count; i++) {
        struct sk_value record = sk_record();
        struct sk_addr one = *addr;
        bool is_first = !sk_at(list, 0);
        sk_addr_set_port(&one, kinds[i].port);
        sk_put(&record, "family", constant(SK_G_AF, one.u.sa.sa_family));
        sk_put(&record, "type", constant(SK_G_SOCK, kinds[i].type));
        sk_put(&record, "proto", constant(SK_G_IPPROTO, kinds[i].proto));
        sk_put(&record, "canonname", is_first && canonical ? sk_text(canonical) : sk_null());
        sk_put_main(&record, "addr", sk_sockaddr(&one.u, one.len));
        sk_push(list, record);
    }
}

/* What libc answers without asking anybody: numeric hosts and no host at all. 0, or an EAI code. */
static int numeric(const char *host, const struct addrinfo *hints, struct sk_addrs *out) {
    struct addrinfo want = *hints, *list = NULL;
    want.ai_flags = (hints->ai_flags & ~(AI_ADDRCONFIG | AI_NUMERICSERV)) | AI_NUMERICHOST;
    want.ai_socktype = SOCK_DGRAM;
    want.ai_protocol = 0;
    int rc = getaddrinfo(host, host ? NULL : "0", &want, &list);
    for (const struct addrinfo *a = rc == 0 ? list : NULL; a; a = a->ai_next) {
        struct sk_addr addr = { .len = a->ai_addrlen };
        if (a->ai_addrlen > sizeof addr.u)
            continue;
        memcpy(&addr.u, a->ai_addr, a->ai_addrlen);
        sk_addrs_add(out, &addr);
        if (a->ai_canonname && !out->canonical)
            out->canonical = sk_strdup(a->ai_canonname);
    }
    if (rc == 0) {
        out->origin.source = "numeric";
        freeaddrinfo(list);
    }
    return rc;
}

static void map_to_ip6(struct sk_addrs *addrs, size_t from) {
    for (size_t i = from; i < addrs->count; i++) {
        struct sk_addr *addr = &addrs->list[i], mapped;
        if (addr->u.sa.sa_family != AF_INET)
            continue;
        sk_addr_any(&mapped, AF_INET6, 0);
        mapped.u.in6.sin6_addr.s6_addr[10] = mapped.u.in6.sin6_addr.s6_addr[11] = 0xff;
        memcpy(mapped.u.in6.sin6_addr.s6_addr + 12, &addr->u.in.sin_addr, 4);
        *addr = mapped;
    }
}

/* A name, with V4MAPPED and ALL for those who want IPv6 only. */
static int look_up(const char *host, const struct addrinfo *hints, const struct sk_lookup *how, sk_time deadline,
                   struct sk_addrs *out, struct sk_err *err) {
    bool is_mapping = hints->ai_family == AF_INET6 && hints->ai_flags & AI_V4MAPPED;
    bool want_all = is_mapping && hints->ai_flags & AI_ALL;
    int rc = sk_resolve_as_libc(host, want_all ? AF_UNSPEC : hints->ai_family, how, deadline, out, err);
    struct sk_err first;
    if (rc < 0 && is_mapping && !want_all && err && err->kind == SK_GAI) {
        first = *err;
        rc = sk_resolve_as_libc(host, AF_INET, how, deadline, out, err);
        if (rc < 0)
            *err = first;
    }
    if (rc == 0 && is_mapping) {
        map_to_ip6(out, 0);
        sk_addrs_sort(out);
    }
    return rc;
}

static int check_hints(const char *host, const char *service, const struct addrinfo *hints, struct sk_err *err) {
    if (!host && !service)
        return fail_gai(EAI_NONAME, "neither host nor service", err);
    if (hints->ai_flags & ~KNOWN_FLAGS || (hints->ai_flags & AI_CANONNAME && !host))
        return fail_gai(EAI_BADFLAGS, "", err);
    bool is_known = hints->ai_family == AF_UNSPEC || hints->ai_family == AF_INET || hints->ai_family == AF_INET6;
    return is_known ? 0 : fail_gai(EAI_FAMILY, "", err);
}

/* AI_ADDRCONFIG: of any family only the one that is here; none of one that is not (glibc: also of numeric hosts). */
static int narrow(struct addrinfo *hints, struct sk_err *err) {
    bool has4, has6;
    if (!(hints->ai_flags & AI_ADDRCONFIG))
        return 0;
    sk_families_here(&has4, &has6);
    if (hints->ai_family == AF_UNSPEC && has4 != has6)
        hints->ai_family = has4 ? AF_INET : AF_INET6;
    bool is_here = hints->ai_family == AF_UNSPEC || (hints->ai_family == AF_INET ? has4 : has6);
    return is_here ? 0 : fail_gai(EAI_NONAME, "no interface has an address of this family", err);
}

int sk_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, const struct sk_lookup *how,
                   sk_time deadline, struct sk_value *out, struct sk_origin *origin, struct sk_err *err) {
    static const struct addrinfo no_hints = { .ai_flags = AI_V4MAPPED | AI_ADDRCONFIG };
    struct addrinfo own_hints = hints ? *hints : no_hints;
    struct service read;
    struct kind kinds[KINDS_MAX];
    struct sk_addrs addrs = { 0 };
    struct sk_err own;
    size_t count;
    hints = &own_hints;
    if (origin)
        *origin = (struct sk_origin){ 0 };
    if (host && strcmp(host, "*") == 0) /* libc: none */
        host = NULL;
    if (service && strcmp(service, "*") == 0)
        service = NULL;
    if (check_hints(host, service, hints, err) < 0 || read_service(service, hints->ai_flags, &read, err) < 0 ||
        find_kinds(&read, hints, kinds, &count, err) < 0 || narrow(&own_hints, err) < 0)
        return -1;
    int rc = numeric(host, hints, &addrs);
    if (rc == EAI_NONAME && host && host[0] != '\0' && !(hints->ai_flags & AI_NUMERICHOST)) {
        rc = look_up(host, hints, how, deadline, &addrs, &own);
        if (rc < 0 && err)
            *err = own;
    } else if (rc != 0) {
        rc = fail_gai(rc, host ? host : "", err);
    }
    if (rc == 0) {
        const char *canonical = hints->ai_flags & AI_CANONNAME ? addrs.canonical ? addrs.canonical : host : NULL;
        *out = sk_list();
        for (size_t i = 0; i < addrs.count; i++)
            add_address(out, &addrs.list[i], kinds, count, canonical);
    }
    if (origin)
        *origin = addrs.origin;
    sk_addrs_done(&addrs);
    return rc;
}

/* Without the local domain, which NI_NOFQDN cuts. */
static void cut_domain(char *name) {
    char host[256] = "";
    size_t n = strlen(name);
    if (gethostname(host, sizeof host - 1) < 0 || !strchr(host, '.'))
        return;
    const char *domain = strchr(host, '.');
    size_t k = strlen(domain);
    if (n > k && strcasecmp(name + n - k, domain) == 0)
        name[n - k] = '\0';
}

/* The name of an address: 0 and *name, 0 and NULL when it has none, or -1. */
static int reverse(const struct sk_addr *addr, const struct sk_lookup *how, sk_time deadline, char **name,
                   struct sk_origin *origin, struct sk_err *err) {
    bool use_files, use_dns;
    struct sk_addr loopback;
    sk_hosts_order(&use_files, &use_dns);
    const char *known = use_files && !(how && how->no_hosts) ? sk_hosts_reverse(addr) : NULL;
    origin->source = known ? "hosts" : "localhost";
    sk_addr_loopback(&loopback, addr->u.sa.sa_family, sk_addr_port(addr));
    if (!known && sk_addr_equal(addr, &loopback))
        known = "localhost";
    if (known)
        *name = sk_strdup(known);
    else
        origin->source = NULL;
    bool is_local = addr->u.sa.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&addr->u.in6.sin6_addr);
    return known || !use_dns || is_local ? 0 : sk_dns_ask_name(addr, how, deadline, name, origin, err);
}

static int name_host(const struct sk_addr *addr, int flags, const struct sk_lookup *how, sk_time deadline, char **host,
                     struct sk_origin *origin, struct sk_err *err) {
    char text[NI_MAXHOST];
    *host = NULL;
    if (addr->u.sa.sa_family != AF_UNIX && !(flags & NI_NUMERICHOST)) {
        if (reverse(addr, how, deadline, host, origin, err) < 0)
            return -1;
        if (*host && flags & NI_NOFQDN)
            cut_domain(*host);
        if (!*host && flags & NI_NAMEREQD)
            return fail_gai(EAI_NONAME, sk_addr_host(text, sizeof text, addr), err);
    }
    if (*host)
        return 0;
    if (!origin->source)
        origin->source = "numeric";
    int rc_flags = addr->u.sa.sa_family == AF_UNIX ? flags : (flags & NI_NAMEREQD) | NI_NUMERICHOST;
    int rc = getnameinfo(&addr->u.sa, addr->len, text, sizeof text, NULL, 0, rc_flags);
    if (rc != 0)
        return fail_gai(rc, "", err);
    *host = sk_strdup(text);
    return 0;
}

static struct sk_value name_service(const struct sk_addr *addr, int flags) {
    char text[NI_MAXSERV], path[128];
    uint16_t port = sk_addr_port(addr);
    if (addr->u.sa.sa_family == AF_UNIX)
        return sk_text(sk_addr_host(path, sizeof path, addr));
    if (!(flags & NI_NUMERICSERV) && sk_service_name(port, flags & NI_DGRAM ? "udp" : "tcp", text, sizeof text) == 0)
        return sk_text(text);
    snprintf(text, sizeof text, "%u", port);
    return sk_text(text);
}

int sk_getnameinfo(const struct sk_addr *addr, int flags, const struct sk_lookup *how, sk_time deadline,
                   struct sk_value *out, struct sk_origin *origin, struct sk_err *err) {
    char *host = NULL;
    struct sk_origin own = { 0 };
    int family = addr->len > 0 ? addr->u.sa.sa_family : AF_UNSPEC;
    size_t least = family == AF_INET    ? sizeof addr->u.in
                   : family == AF_INET6 ? sizeof addr->u.in6
                                        : sizeof(sa_family_t);
    if (origin)
        *origin = own;
    else
        origin = &own;
    if (flags & ~KNOWN_NI_FLAGS)
        return fail_gai(EAI_BADFLAGS, "", err);
    if ((family != AF_INET && family != AF_INET6 && family != AF_UNIX) || addr->len < least)
        return fail_gai(EAI_FAMILY, "", err);
    if (name_host(addr, flags, how, deadline, &host, origin, err) < 0)
        return -1;
    *out = sk_record();
    sk_put_main(out, "host", sk_text(host));
    sk_put(out, "service", name_service(addr, flags));
    free(host);
    return 0;
}
