#include "verbs/through.h"

#include <string.h>

#include "lang/arena.h"
#include "sock/admit.h"
#include "sock/proxy.h"
#include "sock/proxyhdr.h"
#include "verbs/secure.h"

static int set_proxy(struct call *c, struct sk_dial_how *how) {
    const struct proxy_wish *wish = &c->opt->proxy;
    struct sk_proxy *proxy = arena_alloc(c->scratch, sizeof *proxy);
    char *words = NULL;
    *proxy = *wish->proxy;
    if (wish->auth &&
        (secure_secret(c, "proxy-auth", wish->auth, &words) < 0 || sk_proxy_credentials(proxy, words, &c->err) < 0))
        return -1;
    how->proxy = proxy;
    return 0;
}

static void set_introduction(struct call *c, struct sk_dial_how *how) {
    const struct proxy_wish *wish = &c->opt->proxy;
    struct sk_proxyhdr_how *h = arena_alloc(c->scratch, sizeof *h);
    *h = (struct sk_proxyhdr_how){
        .version = wish->introduce == INTRODUCE_V1 || wish->introduce == INTRODUCE_V1_UNKNOWN ? 1 : 2,
        .local = wish->introduce == INTRODUCE_V1_UNKNOWN || wish->introduce == INTRODUCE_V2_LOCAL,
        .source = wish->source ? &wish->source->addr : NULL,
        .target = wish->target ? &wish->target->addr : NULL,
    };
    how->introduce = h;
}

int through_set(struct call *c, struct sk_dial_how *how) {
    if (c->opt->proxy.proxy && set_proxy(c, how) < 0)
        return -1;
    if (c->opt->proxy.introduce)
        set_introduction(c, how);
    return 0;
}

int through_failed(struct call *c, const struct sk_attempts *attempts) {
    if (attempts->blame)
        call_extra(c, "blame", sk_text(sk_proxy_blames[attempts->blame]));
    return -1;
}

void through_note(struct call *c, const struct sk_sock *listener) {
    const struct sk_admitting *a = sk_admitting(listener);
    if (a && a->failed)
        call_note(c, "%llu connection%s came and failed before that; the last: %s", (unsigned long long)a->failed,
                  a->failed == 1 ? "" : "s", a->last);
}
