/* The dialogue of XMPP (RFC 6120, section 5), tag by tag. */
#include <stdio.h>
#include <string.h>

#include "sock/upgrade_parts.h"

#define NAMESPACE "urn:ietf:params:xml:ns:xmpp-tls"

/* The next tag; the text before it goes. */
static int read_tag(struct sk_talk *t) {
    if (sk_talk_until(t, '>') < 0)
        return -1;
    const char *start = memchr(t->line, '<', t->n);
    if (!start)
        return sk_talk_foreign(t, t->line, t->n);
    t->n -= (size_t)(start - t->line);
    memmove(t->line, start, t->n + 1);
    return 0;
}

static bool is_tag(const struct sk_talk *t, const char *name) {
    size_t n = strlen(name);
    return strncmp(t->line + 1, name, n) == 0 && t->line[1 + n] && strchr(" \t\r\n/>", t->line[1 + n]);
}

static bool is_whole(const struct sk_talk *t) { return t->n > 2 && t->line[t->n - 2] == '/'; }

static bool is_of_tls(const struct sk_talk *t) {
    return strstr(t->line, "'" NAMESPACE "'") || strstr(t->line, "\"" NAMESPACE "\"");
}

/* The reason is the element inside. */
static int read_reason(struct sk_talk *t) { return !is_whole(t) && read_tag(t) < 0 ? -1 : sk_talk_refused(t); }

/* What the server says about itself, up to the end of its features: 0 when TLS is one of them. */
static int read_features(struct sk_talk *t) {
    bool offers = false;
    do {
        if (read_tag(t) < 0)
            return -1;
        if (is_tag(t, "stream:error"))
            return read_reason(t);
        if (is_tag(t, "/stream:stream"))
            return sk_talk_refused(t);
        offers = offers || (is_tag(t, "starttls") && is_of_tls(t));
    } while (!is_tag(t, "/stream:features") && !(is_tag(t, "stream:features") && is_whole(t)));
    return offers ? 0 : sk_talk_missing(t, "STARTTLS");
}

static int read_verdict(struct sk_talk *t) {
    if (read_tag(t) < 0)
        return -1;
    if (!is_tag(t, "proceed") || !is_of_tls(t))
        return is_tag(t, "stream:error") ? read_reason(t) : sk_talk_refused(t);
    if (!is_whole(t) && read_tag(t) < 0)
        return -1;
    return is_whole(t) || is_tag(t, "/proceed") ? 0 : sk_talk_refused(t);
}

/* A server that speaks first, or answers without a tag, is none. */
static int want_markup(struct sk_talk *t) {
    if (sk_talk_need(t, 1) < 0)
        return -1;
    const unsigned char *p = sk_buf_data(&t->s->in);
    return strchr("< \t\r\n", *p) && *p ? 0 : sk_talk_foreign(t, p, t->s->in.len);
}

int sk_talk_xmpp(struct sk_talk *t) {
    static const char ask[] = "<starttls xmlns='" NAMESPACE "'/>";
    const char *domain = t->how->domain;
    size_t length = strlen(domain);
    char open[512];
    length -= length > 1 && domain[length - 1] == '.';
    int n = snprintf(open, sizeof open,
                     "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client' to='%.*s' "
                     "version='1.0'>",
                     (int)length, domain);
    if (sk_talk_send(t, "the stream", open, (size_t)n) < 0 || want_markup(t) < 0 || read_features(t) < 0 ||
        sk_talk_send(t, "starttls", ask, strlen(ask)) < 0)
        return -1;
    return read_verdict(t);
}
