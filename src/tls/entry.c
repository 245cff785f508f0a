/* What the program gets when it opens this module. */
#include "tls/tls.h"
#include <build_id.h>

#define EXPORT __attribute__((visibility("default")))

extern const char sk_tls_build[];
EXPORT const char sk_tls_build[] = SK_BUILD_ID;

static struct sk_value problems(const struct sk_tls_settings *settings) { return sk_copy(settings->problems); }
static const char *own_pin(const struct sk_tls_settings *settings) { return settings->own_pin; }

static int peercert(struct sk_sock *s, struct sk_value *out, struct sk_err *err) {
    if (s->layer != &sk_layer_tls || !tls_of(s)->done)
        return sk_fail_usage(err, "no handshake was made on this socket");
    STACK_OF(X509) *sent = SSL_get_peer_cert_chain(tls_of(s)->ssl);
    const X509 *peer = SSL_get0_peer_certificate(tls_of(s)->ssl);
    *out = peer ? sk_list() : sk_null();
    if (peer && (!sent || tls_of(s)->settings->server)) /* a server's chain is without the peer's own */
        sk_push(out, tls_certificate(peer));
    for (int i = 0; peer && i < sk_X509_num(sent); i++)
        sk_push(out, tls_certificate(sk_X509_value(sent, i)));
    return 0;
}

EXPORT const struct sk_tls_module sk_tls_module = {
    .settings_new = tls_settings_new,
    .settings_free = tls_settings_free,
    .problems = problems,
    .own_pin = own_pin,
    .start = tls_start,
    .listen = tls_listen,
    .peercert = peercert,
    .report = tls_report,
    .examine = tls_examine,
    .settle = tls_settle,
    .session_take = tls_session_take,
    .session_free = tls_session_free,
    .resume = tls_resume,
};
