/* Messages with ancillary data: sendmsg, recvmsg. */
#include <limits.h>
#include <string.h>

#include "base/bytes.h"
#include "base/names.h"
#include "base/parse.h"
#include "lang/arena.h"
#include "sock/dial.h"
#include "sock/msg.h"
#include "sock/tap.h"
#include "verbs/io.h"

enum { ITEMS_MOST = 64 };

/* ---- sendmsg ---- */

struct extras { /* what goes beside the bytes */
    struct sk_cmsg items[ITEMS_MOST];
    size_t count;
    int *fds;
    size_t nfds;
    struct sk_buf bytes[ITEMS_MOST];
};

/* The type of a control message: SCM_*, or the option of that name at its level (IP_TTL), or a number. */
static int cmsg_type(int level, const char *p, size_t n, int *type, struct sk_err *err) {
    enum sk_group group = level == SOL_SOCKET     ? SK_G_SCM
                          : level == IPPROTO_IPV6 ? SK_G_IPV6
                          : level == IPPROTO_UDP  ? SK_G_UDP
                                                  : SK_G_IP;
    return sk_name_parse(group, "--cmsg TYPE", p, n, type, err);
}

static int cmsg_level(const char *p, size_t n, int *level, struct sk_err *err) {
    const struct sk_name *found = sk_name_find(SK_G_SOL, p, n);
    if (!found)
        found = sk_name_find(SK_G_IPPROTO, p, n);
    if (!found)
        return sk_name_parse(SK_G_SOL, "--cmsg LEVEL", p, n, level, err);
    *level = found->value;
    return 0;
}

/* One --cmsg LEVEL TYPE HEX. */
static int add_cmsg(struct call *c, const struct arg words[3], struct extras *x) {
    struct sk_cmsg *item = &x->items[x->count];
    struct sk_buf *bytes = &x->bytes[x->count];
    if (x->count == ITEMS_MOST)
        return sk_fail_usage(&c->err, "--cmsg: at most %d control messages", ITEMS_MOST);
    x->count++;
    if (cmsg_level(words[0].u.s.p, words[0].u.s.n, &item->level, &c->err) < 0 ||
        cmsg_type(item->level, words[1].u.s.p, words[1].u.s.n, &item->type, &c->err) < 0 ||
        sk_unhex(bytes, words[2].u.s.p, words[2].u.s.n, &c->err) < 0)
        return -1;
    item->data = bytes->len ? sk_buf_data(bytes) : NULL;
    item->len = bytes->len;
    return 0;
}

/* One --fd: a number, or the name of a socket. */
static int add_fd(struct call *c, const struct arg *arg, struct extras *x) {
    int64_t fd;
    if (arg->u.s.n && arg->u.s.p[0] >= '0' && arg->u.s.p[0] <= '9') {
        if (sk_parse_int("--fd", arg->u.s.p, arg->u.s.n, 0, INT_MAX, &fd, &c->err) < 0)
            return -1;
    } else {
        struct object *obj = call_object(c, arg->u.s.p);
        struct sk_sock *s = obj ? call_sock_of(c, obj) : NULL;
        if (!s)
            return -1;
        fd = s->fd;
    }
    x->fds[x->nfds++] = (int)fd;
    return 0;
}

static int collect(struct call *c, const struct arg *fds, const struct arg *cmsgs, struct extras *x) {
    x->fds = arena_alloc(c->scratch, (fds->count + 1) * sizeof *x->fds);
    for (uint32_t i = 0; i < fds->count; i++)
        if (add_fd(c, &fds->all[i], x) < 0)
            return -1;
    if (x->nfds)
        x->items[x->count++] = (struct sk_cmsg){ SOL_SOCKET, SCM_RIGHTS, x->fds, x->nfds * sizeof *x->fds };
    if (cmsgs->count % 3 != 0)
        return sk_fail_usage(&c->err, "--cmsg: write it as three words: --cmsg IPPROTO_IP IP_TTL 40000000");
    for (uint32_t i = 0; i < cmsgs->count; i += 3)
        if (add_cmsg(c, &cmsgs->all[i], x) < 0)
            return -1;
    return 0;
}

static int find_target(struct call *c, int param, struct sk_addr *to) {
    struct sk_endpoint ep;
    struct sk_addrs addrs = { 0 };
    int family = c->sock->family == AF_INET || c->sock->family == AF_INET6 ? c->sock->family : 0;
    if (call_endpoint(c, param, &ep) < 0)
        return -1;
    if (ep.kind == SK_EP_ADDR) {
        *to = ep.addr;
        return 0;
    }
    int r = sk_endpoint_addrs(&ep, family, &c->opt->lookup, c->deadline, &addrs, &c->err);
    if (r >= 0)
        *to = addrs.list[0];
    sk_addrs_done(&addrs);
    return r < 0 ? -1 : 0;
}

static int run_sendmsg(struct call *c) {
    enum { P_TO, P_FD, P_CMSG, P_FLAGS, P_DATA };
    struct sk_addr to = { 0 };
    struct io_data d = { 0 };
    struct extras *x = arena_alloc(c->scratch, sizeof *x);
    ssize_t n = -1;
    if (collect(c, &c->args[P_FD], &c->args[P_CMSG], x) == 0 && (!has(c, P_TO) || find_target(c, P_TO, &to) == 0) &&
        io_data(c, P_DATA, &d) == 0)
        n = sk_sendmsg(c->sock, d.p, d.n, to.len ? &to : NULL, x->items, x->count, (int)int_or(c, P_FLAGS, 0),
                       c->deadline, &c->err);
    sk_buf_done(&d.held);
    for (size_t i = 0; i < x->count; i++)
        sk_buf_done(&x->bytes[i]);
    return n < 0 ? io_failed(c, c->sock) : io_sent(c, c->sock, (size_t)n, &to);
}

const struct command cmd_sendmsg = {
    .name = "sendmsg",
    .group = "bytes",
    .summary = "send bytes with descriptors or other ancillary data",
    .params =
        (const struct param[]){
            OPT(0, "to", K_ADDR, "where to, on a datagram socket"),
            OPT(0, "fd", K_TEXT, "pass this descriptor, a number or a socket's name, by SCM_RIGHTS; may be repeated",
                .max = MANY),
            OPT(0, "cmsg", K_CMSG, "a control message; may be repeated", .max = MANY),
            OPT(0, "flags", K_MSGFLAGS, "flags of sendmsg(2), joined by commas"),
            ARG("DATA", K_DATA, 0, MANY,
                "bytes, with escapes; a stream needs at least one for ancillary data to travel"),
            { .kind = K_END },
        },
    .flags = NEED_SOCK | WAITS | DATA | COUNTS,
    .result = R_ONE,
    .details =
        "One sendmsg(2). The hex of --cmsg is the data of the control message in the byte order of this machine.",
    .examples =
        (const char *const[]){
            "x = pair ; y = pair ; x0.sendmsg --fd y0 'take this' ; r = x1.recvmsg ; print $r.ancillary",
            "a = bind udp://127.0.0.1:0 ; b = bind udp://127.0.0.1:0 ; b.sendmsg --to sock:a --cmsg "
            "IPPROTO_IP IP_TTL 05000000 hi ; "
            "a.recvmsg",
            NULL,
        },
    .run = run_sendmsg,
};

/* ---- recvmsg ---- */

static struct sk_value flag_names(int flags) {
    struct sk_value list = sk_list();
    for (int bit = 1; bit > 0 && bit <= flags; bit = bit < INT_MAX / 2 ? bit << 1 : 0) {
        const char *name = flags & bit ? sk_name_of(SK_G_MSG, bit) : NULL;
        if (name)
            sk_push(&list, sk_text(name));
    }
    return list;
}

/* Sockets among the descriptors get names; what is no socket is closed with the message. */
static int name_descriptors(struct call *c, struct sk_message *m, struct sk_value *names) {
    for (size_t i = 0; i < m->nfds; i++) {
        struct sk_sock *s;
        if (m->fds[i] < 0)
            continue;
        if (sk_sock_adopt(&s, m->fds[i], NULL) < 0) {
            call_note(c, "a descriptor was received that is no socket; it is closed");
            continue;
        }
        m->fds[i] = -1;
        struct object *obj = session_bind(c->ses, NULL, O_SOCKET, &c->err);
        if (!obj) {
            sk_sock_free(s);
            return -1;
        }
        obj->u.sock = s;
        sk_tap_name(s, obj->name);
        sk_push(names, sk_handle(obj->ref));
        call_note(c, "received socket %s", obj->name);
    }
    return 0;
}

static void note_items(struct call *c, const struct sk_value *items) {
    struct sk_buf text = { 0 };
    const struct sk_value *item;
    for (int64_t i = 0; (item = sk_at(items, i)); i++) {
        sk_buf_clear(&text);
        if (value_json(c->ses, item, &text, NULL) == 0)
            call_note(c, "ancillary %.*s", (int)text.len, (const char *)sk_buf_data(&text));
    }
    sk_buf_done(&text);
}

static int run_recvmsg(struct call *c) {
    enum { P_BUFSIZE, P_ANCSIZE, P_FLAGS };
    static const int64_t MOST = 64 * 1024 * 1024, ANC_MOST = 1024 * 1024;
    int64_t size = int_or(c, P_BUFSIZE, 65536), anc = int_or(c, P_ANCSIZE, 0);
    int flags = (int)int_or(c, P_FLAGS, 0);
    struct sk_message m = { 0 };
    int r = sk_recvmsg(c->sock, (size_t)(size < MOST ? size : MOST), (size_t)(anc < ANC_MOST ? anc : ANC_MOST), flags,
                       &m, c->deadline, &c->err);
    if (r < 0)
        return io_failed(c, c->sock);
    struct sk_value names = sk_list();
    if ((r == 0 && size > 0) || name_descriptors(c, &m, &names) < 0) {
        sk_drop(names);
        sk_message_done(&m);
        return r == 0 ? io_ended(c, "recvmsg") : -1;
    }
    const void *p = m.data.len ? sk_buf_data(&m.data) : (const unsigned char *)"";
    io_took(c, c->sock, flags);
    c->result = sk_record();
    sk_put_main(&c->result, "", sk_bytes_cut(p, m.data.len, m.real_len > m.data.len ? m.real_len : m.data.len));
    sk_put(&c->result, "eof", sk_bool(false));
    sk_put(&c->result, "ancillary", m.items.type == SK_LIST ? sk_copy(m.items) : sk_list());
    sk_put(&c->result, "sockets", names);
    sk_put(&c->result, "flags", flag_names(m.flags));
    sk_put(&c->result, "peer", io_addr(&m.peer));
    note_items(c, sk_get(&c->result, "ancillary"));
    sk_message_done(&m);
    return 0;
}

const struct command cmd_recvmsg = {
    .name = "recvmsg",
    .group = "bytes",
    .summary = "receive bytes with ancillary data, flags and sender",
    .params =
        (const struct param[]){
            ARG("BUFSIZE", K_SIZE, 0, 1, "at most so many bytes (default 65536)"),
            ARG("ANCSIZE", K_SIZE, 0, 1, "room for ancillary data (default 4096)"),
            OPT(0, "flags", K_MSGFLAGS, "flags of recvmsg(2): MSG_PEEK, MSG_ERRQUEUE, ... joined by commas"),
            { .kind = K_END },
        },
    .flags = NEED_SOCK | WAITS | PRINTS,
    .result = R_ONE,
    .details = "Prints the bytes. The fields ancillary (decoded, and as hex), flags, peer and sockets are in the "
               "result: --json shows them, -v tells "
               "of them. Sockets that were passed get names as new ones do, and do not become the current one; other "
               "descriptors are closed.",
    .examples =
        (const char *const[]){
            "x = pair ; x0.sendmsg --fd x0 hi ; r = x1.recvmsg ; print $r.sockets",
            NULL,
        },
    .run = run_recvmsg,
};
