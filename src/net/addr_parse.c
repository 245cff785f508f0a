/* An ADDR operand: which of the forms of INTERFACE.md B2 it has. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/parse.h"
#include "net/addr_parts.h"
#include "net/iface.h"

#define LONGEST 65536

struct scheme {
    const char *name; /* with its colon */
    int type;
    bool tls;
    int (*parse)(struct sk_endpoint *ep, const struct sk_form *form, const char *text, size_t n, struct sk_err *err);
};

static bool starts_with(const char *text, size_t n, const char *prefix) {
    size_t k = strlen(prefix);
    return n >= k && memcmp(text, prefix, k) == 0;
}

static const char *plain(char dst[61], const char *text, size_t n) { return sk_escape_cut(dst, 61, text, n); }

/* What follows "//" up to the path, the query or the fragment, which addresses do not have. */
static int parse_url(struct sk_endpoint *ep, struct sk_form form, const char *text, size_t n, struct sk_err *err) {
    char shown[SK_SHOWN], cut[61];
    form.in_url = true;
    for (size_t i = 0; i < n; i++)
        if (strchr("/?#", text[i]) && text[i] != '\0')
            return sk_fail_usage(err, "address %s: a path or query has no place here; write %s",
                                 sk_shown(shown, form.all, form.all_n), plain(cut, form.all, form.all_n - (n - i)));
    return sk_hostport_parse(ep, &form, text, n, err);
}

static int parse_inet(struct sk_endpoint *ep, const struct sk_form *form, const char *text, size_t n,
                      struct sk_err *err) {
    if (starts_with(text, n, "//"))
        return parse_url(ep, *form, text + 2, n - 2, err);
    return sk_hostport_parse(ep, form, text, n, err);
}

static int parse_unix(struct sk_endpoint *ep, const struct sk_form *form, const char *text, size_t n,
                      struct sk_err *err) {
    char cut[61], shown[SK_SHOWN];
    if (starts_with(text, n, "//")) {
        text += 2;
        n -= 2;
        if (n == 0 || (text[0] != '/' && text[0] != '@'))
            return sk_fail_usage(err, "address %s: a UNIX URL has no host; write unix:///%s",
                                 sk_shown(shown, form->all, form->all_n), plain(cut, text, n));
    }
    if (n == 0 && !form->listening)
        return sk_fail_usage(err, "address 'unix:' names no socket; write unix:/PATH or unix:@NAME");
    bool abstract = n > 0 && text[0] == '@';
    return sk_unix_parse(text + abstract, n - abstract, abstract, &ep->addr, err);
}

static int parse_abstract(struct sk_endpoint *ep, const struct sk_form *form, const char *text, size_t n,
                          struct sk_err *err) {
    (void)form;
    return sk_unix_parse(text, n, true, &ep->addr, err);
}

static int parse_vsock(struct sk_endpoint *ep, const struct sk_form *form, const char *text, size_t n,
                       struct sk_err *err) {
    size_t skip = starts_with(text, n, "//") ? 2 : 0;
    (void)form;
    return sk_vsock_parse(text + skip, n - skip, &ep->addr, err);
}

static int parse_raw(struct sk_endpoint *ep, const struct sk_form *form, const char *text, size_t n,
                     struct sk_err *err) {
    (void)form;
    return sk_raw_parse(text, n, &ep->addr, err);
}

static int parse_fd(struct sk_endpoint *ep, const struct sk_form *form, const char *text, size_t n,
                    struct sk_err *err) {
    int64_t fd;
    (void)form;
    if (sk_parse_int("fd", text, n, 0, INT32_MAX, &fd, err) < 0)
        return -1;
    ep->kind = SK_EP_FD;
    ep->fd = (int)fd;
    return 0;
}

static int parse_sock(struct sk_endpoint *ep, const struct sk_form *form, const char *text, size_t n,
                      struct sk_err *err) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    char shown[SK_SHOWN];
    (void)form;
    bool good = n > 0 && n <= 64 && !(text[0] >= '0' && text[0] <= '9');
    for (size_t i = 0; good && i < n; i++)
        good = text[i] != '\0' && strchr(letters, text[i]);
    if (!good)
        return sk_fail_usage(err,
                             "socket name %s: a letter or _, then letters, digits and _, at most 64; write sock:NAME",
                             sk_shown(shown, text, n));
    ep->kind = SK_EP_SOCK;
    memcpy(ep->host, text, n);
    ep->host[n] = '\0';
    return 0;
}

static const struct scheme schemes[] = {
    { "tcp:", SOCK_STREAM, false, parse_inet },
    { "udp:", SOCK_DGRAM, false, parse_inet },
    { "tls:", SOCK_STREAM, true, parse_inet },
    { "unix:", 0, false, parse_unix },
    { "vsock:", 0, false, parse_vsock },
    { "unix-abstract:", 0, false, parse_abstract },
    { "raw:", 0, false, parse_raw },
    { "fd:", 0, false, parse_fd },
    { "sock:", 0, false, parse_sock },
};

/* The scheme of the text that differs at most in case. */
static const struct scheme *find_scheme(const char *text, size_t n, bool *exact) {
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t k = strlen(schemes[i].name);
        if (n >= k && strncasecmp(text, schemes[i].name, k) == 0) {
            *exact = memcmp(text, schemes[i].name, k) == 0;
            return &schemes[i];
        }
    }
    return NULL;
}

/* "http://host/x": what of it is an address. */
static int refuse_url(const char *text, size_t n, const char *mark, struct sk_err *err) {
    char shown[SK_SHOWN], scheme[32] = "", cut[61], service[16] = ":PORT";
    const char *host = mark + 3;
    size_t scheme_n = (size_t)(mark - text), host_n = n - scheme_n - 3, end = 0;
    uint16_t port;
    while (end < host_n && !strchr("/?#", host[end]))
        end++;
    const char *at = memrchr(host, '@', end);
    if (at) {
        end -= (size_t)(at + 1 - host);
        host = at + 1;
    }
    const char *bracket = memrchr(host, ']', end), *colon = memrchr(host, ':', end);
    if (scheme_n < sizeof scheme)
        memcpy(scheme, text, scheme_n);
    if (colon && (!bracket || colon > bracket))
        service[0] = '\0';
    else if (scheme[0] && sk_service_port(scheme, "tcp", &port) == 0)
        snprintf(service, sizeof service, ":%u", port);
    return sk_fail_usage(err, "address %s: that is a URL; write %s%s", sk_shown(shown, text, n),
                         end > 0 ? plain(cut, host, end) : "HOST", service);
}

static int parse_word(struct sk_endpoint *ep, const char *text, size_t n, bool listening, struct sk_err *err) {
    const struct sk_form form = { .all = text, .all_n = n, .listening = listening };
    char shown[SK_SHOWN], cut[61];
    bool exact = false;
    if (n == 0)
        return sk_fail_usage(err, "address is empty; write HOST:PORT");
    if (text[0] == '/' || starts_with(text, n, "./") || starts_with(text, n, "../"))
        return sk_unix_parse(text, n, false, &ep->addr, err);
    const struct scheme *scheme = find_scheme(text, n, &exact);
    if (scheme && !exact)
        return sk_fail_usage(err, "address %s: schemes are in lower case; write %s%s", sk_shown(shown, text, n),
                             scheme->name, plain(cut, text + strlen(scheme->name), n - strlen(scheme->name)));
    if (scheme) {
        size_t k = strlen(scheme->name);
        ep->type = scheme->type;
        ep->tls = scheme->tls;
        return scheme->parse(ep, &form, text + k, n - k, err);
    }
    const char *mark = memmem(text, n, "://", 3);
    if (mark && !memchr(text, '\0', n))
        return refuse_url(text, n, mark, err);
    return sk_hostport_parse(ep, &form, text, n, err);
}

/* "HOST PORT", as nc and Python have it: IPv6 without brackets. */
static int parse_pair(struct sk_endpoint *ep, const char *const *words, const size_t *lengths, bool listening,
                      struct sk_err *err) {
    const struct sk_form form = { .all = words[0], .all_n = lengths[0], .listening = listening };
    char shown[SK_SHOWN], cut[61];
    const char *host = words[0];
    size_t n = lengths[0];
    const char *colon = n > 0 ? memchr(host, ':', n) : NULL;
    if (n > 2 && host[0] == '[' && host[n - 1] == ']')
        return sk_fail_usage(err, "address %s: two words need no brackets; write %s PORT", sk_shown(shown, host, n),
                             plain(cut, host + 1, n - 2));
    if (n > 0 && (host[0] == '/' || host[0] == '.'))
        return sk_fail_usage(err, "address %s: a path stands alone, without a port", sk_shown(shown, host, n));
    if (colon && !memchr(colon + 1, ':', n - (size_t)(colon - host) - 1))
        return sk_fail_usage(err, "address %s and a port in a second word; write HOST:PORT or HOST PORT",
                             sk_shown(shown, host, n));
    return sk_place(ep, &form, host, n, words[1], lengths[1], err);
}

/* (address, port, flowinfo, scope id), as the MicroPython document has it. */
static int parse_tuple(struct sk_endpoint *ep, const char *const *words, const size_t *lengths, bool listening,
                       struct sk_err *err) {
    char shown[SK_SHOWN], have[192], name[16];
    int64_t port, flow, scope;
    struct sockaddr_in6 *in6 = &ep->addr.u.in6;
    const char *host = words[0];
    size_t n = lengths[0];
    if (n == 0 || !memchr(host, ':', n))
        return sk_fail_usage(err, "address %s: four words are IPV6 PORT FLOWINFO SCOPE_ID; write HOST PORT",
                             sk_shown(shown, host, n));
    if (sk_ip6_parse(host, n, false, &ep->addr, err) < 0)
        return -1;
    if (sk_parse_int("port", words[1], lengths[1], listening ? 0 : 1, 65535, &port, err) < 0 ||
        sk_parse_int("flowinfo", words[2], lengths[2], 0, 1048575, &flow, err) < 0 ||
        sk_parse_int("scope id", words[3], lengths[3], 0, UINT32_MAX, &scope, err) < 0)
        return -1;
    if (flow != 0)
        return sk_fail_usage(err, "flowinfo must be 0, not %lld", (long long)flow);
    bool is_linked = IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr) || IN6_IS_ADDR_MC_LINKLOCAL(&in6->sin6_addr);
    if (scope != 0 && !is_linked)
        return sk_fail_usage(err, "address %s: only link-local addresses have a scope id; write 0",
                             sk_shown(shown, host, n));
    if (scope != 0 && in6->sin6_scope_id != 0 && in6->sin6_scope_id != scope)
        return sk_fail_usage(err, "address %s: scope id %lld is another interface", sk_shown(shown, host, n),
                             (long long)scope);
    if (scope != 0 && sk_if_name((unsigned)scope, name, NULL) < 0)
        return sk_fail_usage(err, "no interface with index %lld; have %s", (long long)scope,
                             sk_if_names(have, sizeof have));
    if (scope != 0)
        in6->sin6_scope_id = (unsigned)scope;
    ep->port = (uint16_t)port;
    in6->sin6_port = htons(ep->port);
    return sk_ip6_check_scope(&ep->addr, host, n, err);
}

int sk_endpoint_parse(struct sk_endpoint *ep, const char *const *words, const size_t *lengths, size_t count,
                      bool listening, struct sk_err *err) {
    struct sk_endpoint parsed = { .kind = SK_EP_ADDR, .fd = -1 };
    int result = -1;
    for (size_t i = 0; i < count; i++)
        if (lengths[i] > LONGEST)
            return sk_fail_usage(err, "address of %zu bytes: longer than %d", lengths[i], LONGEST);
    if (count == 1)
        result = parse_word(&parsed, words[0], lengths[0], listening, err);
    else if (count == 2)
        result = parse_pair(&parsed, words, lengths, listening, err);
    else if (count == 4)
        result = parse_tuple(&parsed, words, lengths, listening, err);
    else
        result = sk_fail_usage(err, "an address has 1, 2 or 4 words, not %zu", count);
    if (result == 0)
        *ep = parsed;
    return result;
}
