/* probe: which of many ports answer? */
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "lang/frame.h"
#include "sock/dial.h"
#include "sock/scan.h"
#include "verbs/each.h"
#include "verbs/io.h"

enum { ADDR, ATTEMPT, CONCURRENCY, DATAGRAM, OPEN, ORDERED };
enum { CONCURRENCY_DEFAULT = 1024, CONCURRENCY_MOST = 16384 };
#define ATTEMPT_DEFAULT (3 * SK_SECOND)

struct probe {
    struct call *c;
    struct sk_scan *scan;
    const char **names; /* of each target: the name it was found by, or NULL */
    size_t targets;
    uint64_t open, closed, unknown; /* unknown: names that were not resolved */
};

/* ---- What to probe ---- */

static int read_type(struct call *c, const struct sk_endpoint *ep) {
    if (ep->tls)
        return sk_fail_usage(&c->err, "probe connects and leaves, without TLS; write tcp: in place of tls:");
    if (c->opt->udp && ep->type == SOCK_STREAM)
        return sk_fail_usage(&c->err, "the address says a stream (tcp), the option says datagrams");
    return c->opt->udp ? SOCK_DGRAM : ep->type;
}

static void add(struct probe *p, const struct sk_addr *addr, int type, const struct sk_ports *ports, const char *name) {
    if ((p->targets & (p->targets - 1)) == 0)
        p->names = sk_realloc(p->names, (p->targets ? 2 * p->targets : 1) * sizeof *p->names);
    p->names[p->targets++] = name;
    sk_scan_add(p->scan, addr, type, ports->list, ports->count);
}

/* A name that is not there is told like a port, once, and does not keep the others back. */
static int tell_unknown(struct probe *p, const char *name, const struct sk_origin *origin) {
    p->unknown++;
    io_note_guess(p->c, origin);
    return call_item(p->c, each_failure(name, &p->c->err, origin));
}

static int add_operand(struct probe *p, const struct sk_ports *ports) {
    struct call *c = p->c;
    struct sk_endpoint ep;
    struct sk_addrs addrs;
    if (call_place(c, &ports->ep, &ep) < 0)
        return -1;
    if (ep.kind == SK_EP_ANY)
        return sk_fail_usage(&c->err, "'*' means every address of this machine, to listen on; write :PORT");
    int type = read_type(c, &ep);
    if (type < 0)
        return -1;
    if (sk_endpoint_addrs(&ep, c->opt->family, &c->opt->lookup, c->deadline, &addrs, &c->err) < 0)
        return c->err.kind == SK_GAI ? tell_unknown(p, ports->ep.host, &addrs.origin) : -1;
    for (size_t i = 0; i < addrs.count; i++)
        add(p, &addrs.list[i], type, ports, ep.kind == SK_EP_NAME ? ports->ep.host : NULL);
    sk_addrs_done(&addrs);
    return 0;
}

static int add_operands(struct probe *p) {
    const struct arg *arg = &p->c->args[ADDR];
    for (uint32_t i = 0; i < arg->count; i++)
        if (add_operand(p, arg->all[i].u.ports) < 0)
            return -1;
    return 0;
}

/* ---- What came of it ---- */

static struct sk_value item_of(const struct probe *p, const struct sk_scanned *s) {
    struct sk_value item = sk_record();
    const char *name = p->names[s->target], *code = sk_name_of(SK_G_ERRNO, s->probed.error);
    sk_put_main(&item, "addr", io_addr(&s->addr));
    sk_put(&item, "state", sk_text(sk_verdicts[s->probed.verdict]));
    sk_put(&item, "ms", sk_float(sk_in_ms(s->probed.took)));
    sk_put(&item, "name", name ? sk_text(name) : sk_null());
    sk_put(&item, "code", s->probed.error ? sk_text(code ? code : "?") : sk_null());
    return item;
}

static int tell(struct probe *p, const struct sk_scanned *s) {
    bool is_open = s->probed.verdict == SK_OPEN;
    *(is_open ? &p->open : &p->closed) += 1;
    p->c->more = sk_scan_ready(p->scan);
    return is_open || !flag(p->c, OPEN) ? call_item(p->c, item_of(p, s)) : 0;
}

/* The lines said it all; this is for the exit status, and for who reads only the messages. */
static int conclude(struct probe *p) {
    struct call *c = p->c;
    unsigned long long all = p->open + p->closed;
    c->told = true;
    if (p->unknown > 0)
        return sk_fail(&c->err, SK_GAI, EAI_NONAME, "probe", "probe: %llu name%s not resolved, %llu of %llu ports open",
                       (unsigned long long)p->unknown, p->unknown == 1 ? " was" : "s were", (unsigned long long)p->open,
                       all);
    if (p->closed > 0)
        return sk_fail(&c->err, SK_ASSERT, 0, "probe", "probe: %llu of %llu ports open", (unsigned long long)p->open,
                       all);
    call_note(c, "%llu of %llu ports open", all, all);
    return 0;
}

static int scan(struct probe *p) {
    struct sk_scanned scanned;
    struct call *c = p->c;
    int rc = add_operands(p), more = 1;
    while (rc == 0 && (more = sk_scan_next(p->scan, &scanned, &c->err)) > 0)
        rc = tell(p, &scanned);
    if (rc == 0 && more == 0)
        return conclude(p);
    uint64_t done, all;
    sk_scan_count(p->scan, &done, &all);
    if (c->err.kind == SK_TIMEOUT)
        call_note(c, "%llu of %llu ports were not tried", (unsigned long long)(all - done), (unsigned long long)all);
    return -1;
}

static int run_probe(struct call *c) {
    struct sk_scanning how = {
        .probing = { .attempt = has(c, ATTEMPT) ? c->args[ATTEMPT].u.t : ATTEMPT_DEFAULT,
                     .data = text_or(c, DATAGRAM, ""),
                     .n = has(c, DATAGRAM) ? c->args[DATAGRAM].u.s.n : 0 },
        .most = (unsigned)int_or(c, CONCURRENCY, CONCURRENCY_DEFAULT),
        .ordered = !has(c, ORDERED) || flag(c, ORDERED),
        .deadline = c->deadline,
    };
    struct probe p = { .c = c, .scan = sk_scan_new(&how) };
    int rc = scan(&p);
    sk_scan_free(p.scan);
    free(p.names);
    return rc;
}

/* "127.0.0.1:22 open 0.1 ms" */
static int probe_line(const struct call *c, const struct sk_value *item, bool terminal, struct sk_buf *out,
                      struct sk_err *err) {
    (void)c;
    char addr[SK_ADDR_TEXT];
    struct sk_addr a = { 0 };
    const struct sk_value *name = sk_get(item, "name");
    if (sk_get(item, "error"))
        return each_failure_line(item, out, err);
    const struct sk_blob *raw = sk_get(item, "addr")->u.s;
    a.len = (socklen_t)raw->len;
    memcpy(&a.u, raw->data, raw->len < sizeof a.u ? raw->len : sizeof a.u);
    const char *state = sk_get(item, "state")->u.s->data;
    return sk_buf_printf(out, err, terminal ? "%-21s  %-11s %9.3f ms%s%s\n" : "%s %s %.3f ms%s%s\n",
                         sk_addr_format(addr, sizeof addr, &a), state, sk_get(item, "ms")->u.f,
                         name->type == SK_TEXT ? " " : "", name->type == SK_TEXT ? name->u.s->data : "");
}

const struct command cmd_probe = {
    .name = "probe",
    .group = "jobs",
    .summary = "find out which ports are open",
    .params =
        (const struct param[]){
            [ADDR] = ARG("ADDR", K_PORTS, 1, MANY,
                         "host:22,80,8000-8100, [v6]:443, :1-1024, udp:host:53, unix:/path; several of them"),
            [ATTEMPT] = OPT(0, "attempt", K_TIME, "how long each port may take to answer (default 3s)"),
            [CONCURRENCY] = OPT(0, "concurrency", K_INT, "ports probed at the same time, at most (default 1024)",
                                .lo = 1, .hi = CONCURRENCY_MOST),
            [DATAGRAM] = OPT(0, "data", K_BYTES, "what a datagram holds (default: nothing)"),
            [OPEN] = OPT(0, "open", K_FLAG, "show those that are open, no others"),
            [ORDERED] = OPT(0, "ordered", K_FLAG, "in the order given (the default); --no-ordered: as they come"),
            { .kind = K_END },
        },
    .flags = FAMILIES | NAMES | UDP | WAITS | NO_DEFAULT_TIMEOUT | EACH,
    .result = R_ITEMS,
    .shows = "addr state ms name",
    .line = probe_line,
    .details =
        "One line a port: its address, its state, how long the answer took, and the name if it was asked for by name. "
        "A name is resolved once, and every address of it is probed. Status 0 when all are open, 1 when not, 4 when a "
        "name was not resolved.\n"
        "open: connected, or, for datagrams, answered. refused: somebody said no. unreachable: the network said no; in "
        "JSON `code` tells why. silent: no answer in the time of --attempt, as behind a firewall. noanswer: the same "
        "for datagrams, where it proves nothing: a datagram is sent five times, and no port is called open that "
        "did not answer. Some services answer only to what they understand: --data.\n"
        "A connection is ended in order, so that servers see no reset. A socket that was connected to itself, as "
        "happens among the high ports of loopback, is not taken for open. The number of probes at a time grows as "
        "answers come, within --concurrency and the descriptor limit. There is no default time limit for all "
        "together; -t sets one, and what is not known by then is silent.",
    .examples =
        (const char *const[]){
            "srv = listen :0 ; probe sock:srv",
            "fails 1 probe 127.0.0.1:1-3",
            "fails 1 probe --attempt 100ms --open udp:127.0.0.1:9,19 127.0.0.1:1",
            NULL,
        },
    .run = run_probe,
};
