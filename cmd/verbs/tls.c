/* TLS on a socket that is there: starttls, peercert. */
#include "sock/tls.h"

#include "verbs/io.h"
#include "verbs/secure.h"

/* ---- starttls ---- */

enum { ROLE };
static const char *const roles[] = { "client", "server", NULL };

static int check_starttls(const struct arg *args, const struct common *opt, struct sk_err *err) {
    (void)args;
    return secure_check(opt, true, err);
}

static int run_starttls(struct call *c) {
    struct sk_sock *s = c->sock;
    struct sk_tls_settings *settings;
    bool server = has(c, ROLE) ? c->args[ROLE].u.i == 1 : s->is_accepted;
    const char *name = c->opt->tls.verify_name ? c->opt->tls.verify_name : s->asked;
    struct sk_addr local;
    char text[SK_ADDR_TEXT];
    const char *names[] = { "localhost", text }; /* of a certificate that is made */
    bool is_ip = server && sk_sock_local(s, &local, NULL) == 0 && local.u.sa.sa_family != AF_UNIX;
    if (is_ip)
        sk_addr_host(text, sizeof text, &local);
    if (secure_settings(c, server, names, is_ip ? 2 : 1, &settings) < 0)
        return -1;
    int rc = sk_tls_start(s, settings, name, c->deadline, &c->err);
    if (rc == 0) {
        secure_note(c, settings);
        c->result = sk_handle(c->obj->ref);
    } else if (c->err.kind != SK_USAGE) {
        io_failed(c, s);
        secure_failed(c, settings);
    }
    sk_tls_settings_free(settings);
    return rc;
}

const struct command cmd_starttls = {
    .name = "starttls",
    .group = "tls",
    .summary = "go on with TLS on a connection that began as plain text",
    .params =
        (const struct param[]){
            OPT(0, "role", K_CHOICE, "client or server (default: who connected is the client)", .choices = roles),
            { .kind = K_END },
        },
    .flags = NEED_SOCK | WAITS | TLS_CLIENT | TLS_SERVER,
    .result = R_ONE,
    .details = "At any point of a dialogue: first say and hear what the protocol wants before TLS, then starttls. The "
               "certificate must be for the name or address that was given to connect, or for --verify-name. Text that "
               "came before TLS and was not read yet is refused: it must not be taken for what TLS protects. After a "
               "failure the socket cannot be used any more.",
    .examples =
        (const char *const[]){
            "srv = listen :0 ; cli = connect sock:srv ; conn = srv.accept ; job = conn.starttls --self-signed & ; "
            "cli.starttls --insecure --verify-name localhost ; print $cli.tls.version",
            NULL,
        },
    .check = check_starttls,
    .run = run_starttls,
};

/* ---- peercert ---- */

static int run_peercert(struct call *c) {
    struct sk_value chain;
    if (sk_tls_peercert(c->sock, &chain, &c->err) < 0)
        return -1;
    const struct sk_value *first = chain.type == SK_LIST ? sk_at(&chain, 0) : NULL;
    if (!first) {
        sk_drop(chain);
        return sk_fail(&c->err, SK_ASSERT, 0, "peercert", "the peer of %s sent no certificate", io_name(c));
    }
    struct sk_value rest = sk_list(), r = sk_record();
    for (size_t i = 0; i < first->u.seq->count; i++)
        sk_put(&r, first->u.seq->items[i].key, sk_copy(first->u.seq->items[i].value));
    for (size_t i = 1; i < chain.u.seq->count; i++)
        sk_push(&rest, sk_copy(chain.u.seq->items[i].value));
    sk_put(&r, "chain", rest);
    sk_drop(chain);
    c->result = r;
    return 0;
}

const struct command cmd_peercert = {
    .name = "peercert",
    .group = "tls",
    .summary = "show the certificate of the peer",
    .flags = NEED_SOCK,
    .result = R_ONE,
    .shows = "subject issuer names not_before not_after days_left key signature sha256 pin",
    .details =
        "pin is what --pin takes. JSON has the certificate as PEM too, and in chain those that the peer sent with "
        "it.",
    .examples =
        (const char *const[]){
            "srv = listen tls://127.0.0.1:0 --self-signed ; cli = connect tcp://$srv.local --tls --pin $srv.tls.pin ; "
            "cli.peercert",
            NULL,
        },
    .run = run_peercert,
};
