/* A listener whose connections have TLS: the handshake is what they do before accept gives them (sock/admit.h). */
#include "run/wait.h"
#include "sock/admit.h"
#include "tls/tls.h"

/* Who says nothing costs a task, but not the buffers of a handshake, which are three times as much. */
static int shake(struct sk_sock *s, void *settings, sk_time deadline, struct sk_err *err) {
    if (sk_wait(s->fd, POLLIN, "TLS handshake", deadline, err) < 0)
        return -1;
    return tls_start(s, settings, NULL, deadline, err);
}

static struct sk_value describe(const struct sk_admitting *a, void *arg) {
    const struct sk_tls_settings *settings = arg;
    struct sk_value r = sk_record();
    sk_put_main(&r, "pin", sk_text(settings->own_pin));
    sk_put(&r, "handshakes", sk_int(a->running));
    sk_put_admitting(&r, a);
    return r;
}

static void done(void *settings) { tls_settings_free(settings); }

int tls_listen(struct sk_sock *s, struct sk_tls_settings *settings, struct sk_err *err) {
    const struct sk_admission step = {
        .admit = shake, .describe = describe, .done = done, .arg = tls_settings_ref(settings)
    };
    if (sk_admit(s, &step, err) == 0)
        return 0;
    tls_settings_free(settings);
    return -1;
}
