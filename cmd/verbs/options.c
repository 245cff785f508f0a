/* Settings of a socket: setsockopt, getsockopt, options, settimeout, setblocking, and who it is: getsockname,
 * getpeername, fileno. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "lang/arena.h"
#include "net/sockopt.h"
#include "verbs/io.h"

/* ---- setsockopt ---- */

/* [LEVEL] NAME VALUE, [LEVEL] NAME=VALUE, or [LEVEL] NAME with --hex. NULL: the value with --hex, and what is not known
 * yet. */
struct spelled {
    const char *level, *name, *value;
    char cut[64]; /* NAME of NAME=VALUE; longer than all that exist */
};

static int split_setting(const struct arg *words, bool hex, struct spelled *out, struct sk_err *err) {
    uint32_t n = words->count;
    const char *last = words->all[n - 1].u.s.p, *equals = last ? strchr(last, '=') : NULL;
    uint32_t with_value = hex ? 0 : 1;
    *out = (struct spelled){ .level = "" };
    if (!hex && n < 3 && equals) { /* NAME=VALUE stands for two words */
        snprintf(out->cut, sizeof out->cut, "%.*s", (int)(equals - last < 63 ? equals - last : 63), last);
        out->name = out->cut;
        out->value = equals + 1;
        out->level = n == 2 ? words->all[0].u.s.p : "";
        return 0;
    }
    if (n < 1 + with_value && last) {
        char shown[80];
        sk_escape_cut(shown, sizeof shown, last, strlen(last));
        return sk_fail_usage(err, "setsockopt: the value of %s is missing; write setsockopt %s VALUE", shown, shown);
    }
    if (n < 1 + with_value)
        return 0;
    if (n > 2 + with_value)
        return sk_fail_usage(
            err, "setsockopt: with --hex there is no other value; write setsockopt [LEVEL] NAME --hex BYTES");
    out->value = hex ? NULL : last;
    out->name = words->all[n - 1 - with_value].u.s.p;
    out->level = n == 2 + with_value ? words->all[0].u.s.p : "";
    return 0;
}

/* Interfaces are looked up when it runs: they may not be there yet. */
static bool has_interface(const struct sk_sockopt *opt) {
    return opt->type == SK_OPT_IFNAME || opt->type == SK_OPT_IFINDEX || opt->type == SK_OPT_IFADDR ||
           opt->type == SK_OPT_MREQ || opt->type == SK_OPT_MREQ6;
}

enum { SET_HEX, SET_WORDS };

static int check_setsockopt(const struct arg *args, const struct common *common, struct sk_err *err) {
    struct spelled want;
    struct sk_sockopt scratch;
    struct sk_buf bytes = { 0 };
    (void)common;
    if (split_setting(&args[SET_WORDS], args[SET_HEX].count > 0, &want, err) < 0)
        return -1;
    if (!want.level || !want.name)
        return 0;
    const struct sk_sockopt *opt = sk_sockopt_find(want.level, want.name, &scratch, err);
    if (!opt)
        return -1;
    int r = want.value && !has_interface(opt) ? sk_sockopt_encode(opt, want.value, &bytes, err) : 0;
    sk_buf_done(&bytes);
    return r;
}

static void note_clamped(struct call *c, const struct sk_sockopt *opt, const char *asked, const struct sk_value *now) {
    struct sk_buf text = { 0 };
    c->warns = true;
    if (value_word(c->ses, now, &text, NULL) == 0)
        call_note(c, "%s: asked for %s, the kernel took %.*s%s%s", opt->name, asked ? asked : "other bytes",
                  (int)text.len, text.len ? (const char *)sk_buf_data(&text) : "", opt->note ? "; " : "",
                  opt->note ? opt->note : "");
    sk_buf_done(&text);
}

static int run_setsockopt(struct call *c) {
    struct spelled want;
    struct sk_sockopt scratch;
    struct sk_buf bytes = { 0 };
    if (io_open(c, c->sock, "setsockopt") < 0 ||
        split_setting(&c->args[SET_WORDS], has(c, SET_HEX), &want, &c->err) < 0)
        return -1;
    const struct sk_sockopt *opt = sk_sockopt_find(want.level, want.name, &scratch, &c->err);
    if (!opt)
        return -1;
    int r = want.value ? sk_sockopt_encode(opt, want.value, &bytes, &c->err)
                       : sk_buf_add(&bytes, c->args[SET_HEX].u.s.p, c->args[SET_HEX].u.s.n, &c->err);
    bool clamped = false;
    struct sk_value now = sk_null();
    if (r == 0)
        r = sk_sockopt_set(c->sock->fd, opt, bytes.len ? sk_buf_data(&bytes) : (const unsigned char *)"", bytes.len,
                           &clamped, &now, &c->err);
    if (r == 0 && clamped)
        note_clamped(c, opt, want.value, &now);
    sk_drop(now);
    sk_buf_done(&bytes);
    return r;
}

const struct command cmd_setsockopt = {
    .name = "setsockopt",
    .group = "options",
    .summary = "set an option of a socket",
    .params =
        (const struct param[]){
            OPT(0, "hex", K_HEX, "the value as raw bytes in this machine's order"),
            ARG("OPTION", K_TEXT, 1, 3, "NAME VALUE, NAME=VALUE or LEVEL NAME VALUE; the level is found from the name"),
            { .kind = K_END },
        },
    .flags = NEED_SOCK,
    .result = R_STATUS,
    .details = "Names ignore case; level and name may be numbers. Values: on and off, numbers, SO_LINGER on,SECONDS or "
               "off, times for timeouts, "
               "GROUP,INTERFACE for memberships, words for TCP_CONGESTION. An option that the system refuses is an "
               "error; a value that the "
               "kernel changed without one is told.",
    .examples =
        (const char *const[]){
            "s = socket ; s.setsockopt SO_RCVBUF 65536 ; s.getsockopt SO_RCVBUF",
            "s = socket ; s.setsockopt tcp_nodelay=on ; s.setsockopt SOL_SOCKET SO_KEEPALIVE 1",
            "s = socket ; s.setsockopt SO_LINGER on,0 ; s.getsockopt SO_LINGER",
            NULL,
        },
    .check = check_setsockopt,
    .run = run_setsockopt,
};

/* ---- getsockopt, options ---- */

static const char *const types[] = { "int",  "bool",    "bytes",  "string",  "linger", "timeval",
                                     "cred", "tcpinfo", "ifname", "ifindex", "ifaddr", NULL };

enum { GET_TYPE, GET_LEN, GET_WORDS };

/* [LEVEL] NAME; NULL: not known yet. */
static struct spelled split_name(const struct arg *words) {
    return (struct spelled){ .level = words->count == 2 ? words->all[0].u.s.p : "",
                             .name = words->all[words->count - 1].u.s.p };
}

static int check_getsockopt(const struct arg *args, const struct common *common, struct sk_err *err) {
    struct sk_sockopt scratch;
    struct spelled want = split_name(&args[GET_WORDS]);
    (void)common;
    return !want.level || !want.name || sk_sockopt_find(want.level, want.name, &scratch, err) ? 0 : -1;
}

static int run_getsockopt(struct call *c) {
    struct sk_sockopt scratch;
    if (io_open(c, c->sock, "getsockopt") < 0)
        return -1;
    struct spelled want = split_name(&c->args[GET_WORDS]);
    const struct sk_sockopt *opt = sk_sockopt_find(want.level, want.name, &scratch, &c->err);
    if (!opt)
        return -1;
    return sk_sockopt_get(c->sock->fd, opt, has(c, GET_TYPE) ? types[c->args[GET_TYPE].u.i] : NULL,
                          (size_t)int_or(c, GET_LEN, 0), &c->result, &c->err);
}

const struct command cmd_getsockopt = {
    .name = "getsockopt",
    .group = "options",
    .summary = "read an option of a socket",
    .params =
        (const struct param[]){
            OPT(0, "type", K_CHOICE, "read it as this type instead of its own", .choices = types),
            OPT(0, "len", K_INT, "length of the kernel's answer in bytes, for options with raw numbers", .lo = 1,
                .hi = 65536),
            ARG("OPTION", K_TEXT, 1, 2, "NAME, or LEVEL NAME; numbers too"),
            { .kind = K_END },
        },
    .flags = NEED_SOCK | PRINTS | ESCAPES,
    .result = R_ONE,
    .details = "Prints the value; the fields level, name, value and hex are in the result.",
    .examples =
        (const char *const[]){
            "s = socket ; s.getsockopt SO_TYPE",
            "s = socket ; s.getsockopt 1 3 --type int",
            NULL,
        },
    .check = check_getsockopt,
    .run = run_getsockopt,
};

/* Those that reading changes, or that `info` shows. */
static bool is_listed(const struct sk_sockopt *opt) {
    static const char *const left_out[] = { "SO_ERROR", "TCP_INFO", "TCP_SAVED_SYN" };
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        if (strcmp(opt->name, left_out[i]) == 0)
            return false;
    return opt->type != SK_OPT_REFUSED;
}

static int run_options(struct call *c) {
    size_t count;
    const struct sk_sockopt *rows = sk_sockopts(&count);
    if (io_open(c, c->sock, "options") < 0)
        return -1;
    c->result = sk_list();
    for (size_t i = 0; i < count; i++) {
        struct sk_value v;
        if (is_listed(&rows[i]) && sk_sockopt_get(c->sock->fd, &rows[i], NULL, 0, &v, NULL) >= 0)
            sk_push(&c->result, v);
    }
    return 0;
}

const struct command cmd_options = {
    .name = "options",
    .group = "options",
    .summary = "list all options of a socket that can be read",
    .flags = NEED_SOCK,
    .result = R_ONE,
    .shows = "level name value",
    .details = "What the system offers for this family and type. Left out: SO_ERROR and TCP_SAVED_SYN, which reading "
               "changes, and TCP_INFO, "
               "which `info` shows.",
    .examples = (const char *const[]){ "s = socket ; s.options", NULL },
    .run = run_options,
};

/* ---- settimeout, setblocking ---- */

static int set_timeout(struct call *c, sk_time length) {
    if (io_open(c, c->sock, c->cmd->name) < 0)
        return -1;
    c->sock->timeout = length;
    c->sock->was_timeout_set = true;
    return 0;
}

static int run_settimeout(struct call *c) { return set_timeout(c, c->args[0].u.t); }

const struct command cmd_settimeout = {
    .name = "settimeout",
    .group = "options",
    .summary = "set how long commands on a socket may wait",
    .params = (const struct param[]){ ARG("TIME", K_TIMEOUT, 1, 1,
                                          "none (for ever), 0 (never wait) or a time: 500ms, 2s, 1.5"),
                                      { .kind = K_END } },
    .flags = NEED_SOCK,
    .result = R_STATUS,
    .details = "Stays with the socket and wins over the default; -t of a command wins over it. After settimeout 0 a "
               "command that would wait is "
               "EAGAIN, status 10.",
    .examples =
        (const char *const[]){
            "x = pair ; x0.settimeout 10ms ; fails 124 x0.recv ; x0.settimeout 0 ; fails 10 x0.recv",
            NULL,
        },
    .run = run_settimeout,
};

static int run_setblocking(struct call *c) { return set_timeout(c, c->args[0].u.i ? SK_NEVER : 0); }

const struct command cmd_setblocking = {
    .name = "setblocking",
    .group = "options",
    .summary = "let commands on a socket wait for ever, or not at all",
    .params = (const struct param[]){ ARG("MODE", K_ONOFF, 1, 1, "on is settimeout none, off is settimeout 0"),
                                      { .kind = K_END } },
    .flags = NEED_SOCK,
    .result = R_STATUS,
    .examples = (const char *const[]){ "x = pair ; x0.setblocking off ; fails 10 x0.recv", NULL },
    .run = run_setblocking,
};

/* ---- getsockname, getpeername, fileno ---- */

static int address(struct call *c, int (*ask)(struct sk_sock *s, struct sk_addr *addr, struct sk_err *err)) {
    struct sk_addr addr;
    if (ask(c->sock, &addr, &c->err) < 0)
        return io_failed(c, c->sock);
    c->result = io_addr(&addr);
    return 0;
}

static int run_getsockname(struct call *c) { return address(c, sk_sock_local); }
static int run_getpeername(struct call *c) { return address(c, sk_sock_remote); }

const struct command cmd_getsockname = {
    .name = "getsockname",
    .group = "options",
    .summary = "show a socket's own address",
    .flags = NEED_SOCK,
    .result = R_ONE,
    .examples = (const char *const[]){ "bind 127.0.0.1:0 ; getsockname", NULL },
    .run = run_getsockname,
};

const struct command cmd_getpeername = {
    .name = "getpeername",
    .group = "options",
    .summary = "show the address a socket is connected to",
    .flags = NEED_SOCK,
    .result = R_ONE,
    .examples = (const char *const[]){ "srv = listen :0 ; connect sock:srv ; getpeername", NULL },
    .run = run_getpeername,
};

static int run_fileno(struct call *c) { return io_value(c, sk_int(c->sock->fd)); }

const struct command cmd_fileno = {
    .name = "fileno",
    .group = "options",
    .summary = "show the number of a socket's descriptor",
    .flags = NEED_SOCK,
    .result = R_ONE,
    .details = "-1 once it is closed. The number means something only to this process.",
    .examples = (const char *const[]){ "s = socket ; s.fileno ; s.close ; s.fileno", NULL },
    .run = run_fileno,
};
