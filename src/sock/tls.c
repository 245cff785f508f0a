/* The door to the TLS module. */
#include "sock/tls.h"

#include "base/module.h"
#include "sock/layer.h"
#include "sock/tap.h"

static const struct sk_tls_module *module;

static int open_module(struct sk_err *err) {
#ifdef SK_LINKED
    (void)err;
    module = &sk_tls_module;
#else
    if (!module)
        module = sk_module_open("tls", err);
#endif
    return module ? 0 : -1;
}

int sk_tls_settings_new(struct sk_tls_settings **out, const struct sk_tls_config *config, bool server,
                        struct sk_err *err) {
    *out = NULL;
    return open_module(err) < 0 ? -1 : module->settings_new(out, config, server, err);
}

void sk_tls_settings_free(struct sk_tls_settings *settings) {
    if (settings)
        module->settings_free(settings);
}

struct sk_value sk_tls_problems(const struct sk_tls_settings *settings) {
    return module->problems(settings);
}

const char *sk_tls_own_pin(const struct sk_tls_settings *settings) { return module->own_pin(settings); }

int sk_tls_start(struct sk_sock *s, struct sk_tls_settings *settings, const char *name, sk_time deadline,
                 struct sk_err *err) {
    if (sk_sock_check(s, "starttls", err) < 0 || module->start(s, settings, name, deadline, err) < 0)
        return -1;
    sk_tap_secure(s);
    return 0;
}

int sk_tls_listen(struct sk_sock *s, struct sk_tls_settings *settings, struct sk_err *err) {
    return sk_sock_check(s, "listen", err) < 0 ? -1 : module->listen(s, settings, err);
}

int sk_tls_peercert(struct sk_sock *s, struct sk_value *out, struct sk_err *err) {
    if (sk_sock_check(s, "peercert", err) < 0)
        return -1;
    if (!s->layer->describe)
        return sk_fail_usage(err, "there is no TLS on this socket: see starttls, and connect tls://HOST:PORT");
    return module->peercert(s, out, err);
}

int sk_tls_report(struct sk_sock *s, struct sk_value *out, struct sk_err *err) { return module->report(s, out, err); }

int sk_tls_examine(struct sk_tls_settings *settings, const struct sk_tls_file *file, const char *name,
                   struct sk_value *out, struct sk_err *err) {
    return module->examine(settings, file, name, out, err);
}

int sk_tls_settle(struct sk_sock *s, sk_time deadline, struct sk_err *err) {
    return sk_sock_check(s, "tls", err) < 0 ? -1 : module->settle(s, deadline, err);
}

struct sk_tls_session *sk_tls_session_take(struct sk_sock *s) {
    return module->session_take(s);
}

void sk_tls_session_free(struct sk_tls_session *session) {
    if (session)
        module->session_free(session);
}

int sk_tls_resume(struct sk_sock *s, struct sk_tls_settings *settings, const struct sk_tls_session *session,
                  const char *name, sk_time deadline, struct sk_err *err) {
    return sk_sock_check(s, "tls", err) < 0 ? -1 : module->resume(s, settings, session, name, deadline, err);
}
