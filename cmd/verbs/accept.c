/* accept: one connection of a listener. */
#include <errno.h>

#include "verbs/io.h"
#include "verbs/through.h"

static int run_accept(struct call *c) {
    struct object *listener = c->obj;
    struct sk_sock *s;
    if (sk_sock_accept(c->sock, &s, c->deadline, &c->err) < 0) {
        if (c->err.kind == SK_SYS && c->err.code == EINVAL && c->sock->state != SK_LISTENING)
            call_note(c, "%s does not listen; say which socket does: accept -s NAME", io_name(c));
        if (c->err.kind == SK_TIMEOUT && c->sock->state == SK_LISTENING)
            through_note(c, c->sock);
        return io_failed(c, c->sock);
    }
    struct sk_value peer = io_addr(&s->peer), name = sk_text(listener->name);
    if (call_new_sock(c, s) < 0) {
        sk_drop(peer);
        sk_drop(name);
        return -1;
    }
    struct sk_value r = sk_record();
    sk_put_main(&r, "", c->result);
    sk_put(&r, "peer", peer);
    sk_put(&r, "listener", name);
    c->result = r;
    return 0;
}

const struct command cmd_accept = {
    .name = "accept",
    .group = "make",
    .summary = "take one connection from a listening socket",
    .flags = NEED_SOCK | WAITS | MAKES,
    .result = R_ONE,
    .details =
        "The result is the new socket, with the peer's address and the listener's name: $_[0] and $_[1] in scripts. "
        "Where the listener takes PROXY headers, the peer is the address that was told.",
    .examples =
        (const char *const[]){
            "srv = listen :0 ; cli = connect sock:srv ; conn = srv.accept ; cli.send 'hello\\n' ; conn.readline",
            "srv = listen :0 ; fails 124 accept -t 10ms",
            NULL,
        },
    .run = run_accept,
};
