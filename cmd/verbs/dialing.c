#include "verbs/dialing.h"

#include "verbs/io.h"

int endpoint_agrees(const struct sk_endpoint *ep, int type, int family, struct sk_err *err) {
    struct sk_addrs addrs = { 0 };
    if (type && ep->type && type != ep->type)
        return sk_fail_usage(err, "the address says %s, the option says %s",
                             ep->type == SOCK_DGRAM ? "datagrams (udp)" : "a stream (tcp)",
                             type == SOCK_DGRAM    ? "datagrams"
                             : type == SOCK_STREAM ? "a stream"
                                                   : "another type");
    int r = ep->kind == SK_EP_ADDR ? sk_endpoint_addrs(ep, family, NULL, SK_NOWAIT, &addrs, err) : 0;
    sk_addrs_done(&addrs);
    return r;
}

struct sk_value attempts_value(const struct sk_attempts *attempts) {
    struct sk_value list = sk_list();
    for (size_t i = 0; i < attempts->count; i++) {
        const struct sk_attempt *a = &attempts->list[i];
        struct sk_value r = sk_record();
        sk_put(&r, "addr", io_addr(&a->addr));
        sk_put(&r, "code", a->connected ? sk_null() : sk_text(sk_err_name(&a->err)));
        sk_put(&r, "started", sk_float(sk_in_ms(a->started)));
        sk_put(&r, "ms", sk_float(sk_in_ms(a->took)));
        sk_push(&list, r);
    }
    return list;
}
