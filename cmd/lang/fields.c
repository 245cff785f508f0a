/* Parts of addresses, bytes, sockets and the other objects of a session. */
#include "lang/fields.h"

#include <linux/vm_sockets.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/names.h"
#include "lang/call.h"
#include "net/iface.h"
#include "sock/admit.h"
#include "sock/via.h"

static struct sk_value number_text(int value) {
    char number[16];
    snprintf(number, sizeof number, "%d", value);
    return sk_text(number);
}

/* A constant's name; a number as text where it has none, so that the field is always text. */
static struct sk_value constant(enum sk_group group, int value) {
    const char *name = sk_name_of(group, value);
    return name ? sk_text(name) : number_text(value);
}

/* ---- Addresses ---- */

struct sk_addr value_addr(const struct sk_value *v) {
    struct sk_addr a = { 0 };
    size_t n = v->u.s->len < sizeof a.u ? v->u.s->len : sizeof a.u;
    memcpy(&a.u, v->u.s->data, n);
    a.len = (socklen_t)n;
    return a;
}

enum address_part { A_FAMILY, A_HOST, A_PORT, A_FLOWINFO, A_SCOPE_ID, A_SCOPE, A_PATH, A_ABSTRACT, A_RAW, A_TEXT };
const char *const address_fields[] = { "family", "host",     "port", "flowinfo", "scope_id", "scope",
                                       "path",   "abstract", "raw",  "text",     NULL };

static bool has_port(int family) { return family == AF_INET || family == AF_INET6 || family == AF_VSOCK; }

static struct sk_value host_of(const struct sk_addr *a) {
    char text[SK_ADDR_TEXT];
    if (!has_port(a->u.sa.sa_family))
        return sk_null();
    return sk_text(sk_addr_host(text, sizeof text, a));
}

static struct sk_value port_of(const struct sk_addr *a) {
    struct sockaddr_vm vm;
    if (!has_port(a->u.sa.sa_family))
        return sk_null();
    if (a->u.sa.sa_family != AF_VSOCK)
        return sk_int(sk_addr_port(a));
    memcpy(&vm, &a->u, sizeof vm);
    return sk_int(vm.svm_port);
}

static struct sk_value scope_of(const struct sk_addr *a) {
    char name[IF_NAMESIZE];
    if (a->u.sa.sa_family != AF_INET6 || a->u.in6.sin6_scope_id == 0 ||
        sk_if_name(a->u.in6.sin6_scope_id, name, NULL) < 0)
        return sk_null();
    return sk_text(name);
}

/* The bytes of a UNIX address behind its family: without the NUL that ends a path or begins an abstract name. */
static const char *unix_name(const struct sk_addr *a, size_t *n, bool *abstract) {
    static const size_t START = offsetof(struct sockaddr_un, sun_path);
    size_t room = a->len > START ? a->len - START : 0;
    *abstract = room > 0 && a->u.un.sun_path[0] == '\0';
    *n = *abstract ? room - 1 : strnlen(a->u.un.sun_path, room);
    return a->u.un.sun_path + *abstract;
}

static struct sk_value path_of(const struct sk_addr *a) {
    char text[SK_ADDR_TEXT];
    size_t n;
    bool abstract;
    if (a->u.sa.sa_family != AF_UNIX)
        return sk_null();
    const char *name = unix_name(a, &n, &abstract);
    return n || abstract ? sk_text(sk_escape_cut(text, sizeof text, name, n)) : sk_null();
}

static struct sk_value abstract_of(const struct sk_addr *a) {
    size_t n;
    bool abstract;
    if (a->u.sa.sa_family != AF_UNIX)
        return sk_bool(false);
    unix_name(a, &n, &abstract);
    return sk_bool(abstract);
}

static struct sk_value raw_of(const struct sk_addr *a) {
    static const char digits[] = "0123456789abcdef";
    char text[2 * sizeof a->u];
    const unsigned char *p = (const unsigned char *)&a->u;
    for (size_t i = 0; i < a->len; i++) {
        text[2 * i] = digits[p[i] >> 4];
        text[2 * i + 1] = digits[p[i] & 15];
    }
    return sk_text_n(text, 2 * (size_t)a->len);
}

struct sk_value address_part(const struct sk_addr *a, size_t i) {
    char text[SK_ADDR_TEXT];
    bool six = a->u.sa.sa_family == AF_INET6;
    switch ((enum address_part)i) {
    case A_FAMILY:
        return constant(SK_G_AF, a->u.sa.sa_family);
    case A_HOST:
        return host_of(a);
    case A_PORT:
        return port_of(a);
    case A_FLOWINFO:
        return six ? sk_int(ntohl(a->u.in6.sin6_flowinfo)) : sk_null();
    case A_SCOPE_ID:
        return six ? sk_int(a->u.in6.sin6_scope_id) : sk_null();
    case A_SCOPE:
        return scope_of(a);
    case A_PATH:
        return path_of(a);
    case A_ABSTRACT:
        return abstract_of(a);
    case A_RAW:
        return raw_of(a);
    case A_TEXT:
        return sk_text(sk_addr_format(text, sizeof text, a));
    }
    return sk_null();
}

/* ---- Bytes ---- */

enum bytes_part { B_LEN, B_TEXT, B_BASE64, B_TRUNCATED, B_REAL_LEN };
const char *const bytes_fields[] = { "len", "text", "base64", "truncated", "real_len", NULL };

struct sk_value bytes_part(const struct sk_value *v, size_t i) {
    const struct sk_blob *s = v->u.s;
    struct sk_value out = sk_null();
    struct sk_buf b = { 0 };
    switch ((enum bytes_part)i) {
    case B_LEN:
        return sk_int((int64_t)s->len);
    case B_TEXT:
        return sk_utf8_valid(s->data, s->len) ? sk_text_n(s->data, s->len) : sk_null();
    case B_BASE64:
        if (sk_base64(&b, s->data, s->len, NULL) == 0)
            out = sk_text_n(sk_buf_data(&b), b.len);
        sk_buf_done(&b);
        return out;
    case B_TRUNCATED:
        return sk_bool(s->real_len > s->len);
    case B_REAL_LEN:
        return sk_int((int64_t)s->real_len);
    }
    return sk_null();
}

/* ---- Objects ---- */

enum socket_part {
    S_NAME,
    S_FD,
    S_FAMILY,
    S_TYPE,
    S_PROTO,
    S_STATE,
    S_LOCAL,
    S_PEER,
    S_TIMEOUT,
    S_BUFFERED,
    S_TLS,
    S_PROXY
};
const char *const handle_fields[] = { "name", "fd",      "family",   "type", "proto", "state", "local",
                                      "peer", "timeout", "buffered", "tls",  "proxy", NULL };

static struct sk_value local_of(struct sk_sock *s) {
    struct sk_addr a = { 0 };
    if (s->fd < 0 || sk_sock_local(s, &a, NULL) < 0 || a.len == 0)
        return sk_null();
    return sk_sockaddr(&a.u, a.len);
}

static struct sk_value peer_of(struct sk_sock *s) {
    struct sk_addr a = { 0 };
    if (s->fd < 0)
        return sk_null();
    if (s->peer.len)
        return sk_sockaddr(&s->peer.u, s->peer.len);
    if ((s->state != SK_CONNECTED && s->state != SK_ENDED) || sk_sock_remote(s, &a, NULL) < 0 || a.len == 0)
        return sk_null();
    return sk_sockaddr(&a.u, a.len);
}

static struct sk_value timeout_of(const struct sk_sock *s) {
    if (s->timeout == SK_TIMEOUT_UNSET || s->timeout == SK_NEVER)
        return sk_null();
    return sk_float((double)s->timeout / (double)SK_SECOND);
}

/* What stands between: of a listener, how it is doing with those who come. */
static struct sk_value proxy_of(const struct sk_sock *s) {
    const struct sk_admitting *a = sk_admitting(s);
    if (!a || !a->proxied)
        return sk_via_value(s->via);
    struct sk_value r = sk_record();
    sk_put_main(&r, "headers", sk_int(a->running));
    sk_put_admitting(&r, a);
    return r;
}

static struct sk_value socket_part(struct sk_sock *s, enum socket_part part) {
    switch (part) {
    case S_FD:
        return s->fd >= 0 ? sk_int(s->fd) : sk_null();
    case S_FAMILY:
        return constant(SK_G_AF, s->family);
    case S_TYPE:
        return constant(SK_G_SOCK, s->type);
    case S_PROTO:
        return has_port(s->family) ? constant(SK_G_IPPROTO, s->proto) : number_text(s->proto);
    case S_STATE:
        return sk_text(sk_state_name(s));
    case S_LOCAL:
        return local_of(s);
    case S_PEER:
        return peer_of(s);
    case S_TIMEOUT:
        return timeout_of(s);
    case S_BUFFERED:
        return sk_int((int64_t)s->in.len);
    case S_TLS:
        return s->layer->describe ? s->layer->describe(s) : sk_null();
    case S_PROXY:
        return proxy_of(s);
    case S_NAME:
        break;
    }
    return sk_null();
}

static struct sk_value events_of(short events) {
    static const struct {
        short bit;
        const char *name;
    } rows[] = { { POLLIN, "in" }, { POLLOUT, "out" }, { POLLPRI, "pri" }, { POLLRDHUP, "rdhup" } };
    struct sk_value list = sk_list();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (events & rows[i].bit)
            sk_push(&list, sk_text(rows[i].name));
    return list;
}

static struct sk_value entries_of(const struct object *obj) {
    struct sk_value list = sk_list();
    for (size_t i = 0; i < obj->u.poller.count; i++) {
        struct sk_value entry = sk_record();
        sk_put_main(&entry, "name", sk_text(obj->u.poller.list[i].name));
        sk_put(&entry, "events", events_of(obj->u.poller.list[i].events));
        sk_push(&list, entry);
    }
    return list;
}

/* The first two parts of an object that is no socket are its name and its class. */
static const char *const class_names[] = {
    [O_SOCKET] = "socket", [O_POLLER] = "poller", [O_BUFFER] = "buffer",   [O_FILE] = "file",
    [O_VALUE] = "value",   [O_JOB] = "job",       [O_PENDING] = "pending",
};
static const char *const poller_fields[] = { "name", "class", "entries", NULL };
static const char *const buffer_fields[] = { "name", "class", "len", NULL };
static const char *const file_fields[] = { "name", "class", "socket", "readable", "writable", NULL };
static const char *const other_fields[] = { "name", "class", NULL };

const char *const *object_fields(const struct object *obj) {
    if (!obj || obj->cls == O_SOCKET)
        return handle_fields;
    return obj->cls == O_POLLER   ? poller_fields
           : obj->cls == O_BUFFER ? buffer_fields
           : obj->cls == O_FILE   ? file_fields
                                  : other_fields;
}

struct sk_value object_part(struct session *ses, const struct object *obj, size_t i) {
    if (!obj)
        return i == S_STATE ? sk_text("closed") : sk_null();
    if (i == 0)
        return obj->name[0] ? sk_text(obj->name) : sk_null();
    if (obj->cls == O_SOCKET)
        return socket_part(obj->u.sock, (enum socket_part)i);
    if (i == 1)
        return sk_text(class_names[obj->cls]);
    if (obj->cls == O_POLLER)
        return entries_of(obj);
    if (obj->cls == O_BUFFER)
        return sk_int((int64_t)obj->u.buffer.len);
    const struct object *under = i == 2 ? session_get(ses, obj->u.file.sock) : NULL;
    if (i == 2)
        return under && under->name[0] ? sk_text(under->name) : sk_null();
    return sk_bool(i == 3 ? obj->u.file.readable : obj->u.file.writable);
}

struct sk_value handle_record(struct session *ses, struct sk_ref ref) {
    const struct object *obj = session_get(ses, ref);
    const char *const *names = object_fields(obj);
    struct sk_value record = sk_record();
    for (size_t i = 0; names[i]; i++)
        sk_put(&record, names[i], object_part(ses, obj, i));
    return record;
}

/* ---- By name ---- */

/* Position of a name in a list, or -1. */
static int find(const char *const *names, const char *field) {
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], field) == 0)
            return i;
    return -1;
}

static int refuse(struct sk_err *err, const char *field, const char *const *names) {
    char shown[48], list[256] = "";
    for (size_t i = 0, n = 0; names[i] && n < sizeof list; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, " %s", names[i]);
    return sk_fail_usage(err, "no field '%s'; there are%s", sk_escape_cut(shown, sizeof shown, field, strlen(field)),
                         list);
}

int handle_field(struct session *ses, struct sk_ref ref, const char *field, struct sk_value *out, struct sk_err *err) {
    const struct object *obj = session_get(ses, ref);
    const char *const *names = object_fields(obj);
    int i = find(names, field);
    bool tls = strncmp(field, "tls.", 4) == 0;
    if (i < 0 && names == handle_fields && (tls || strncmp(field, "proxy.", 6) == 0)) {
        struct sk_value part = object_part(ses, obj, tls ? S_TLS : S_PROXY);
        int rc = value_field(ses, &part, strchr(field, '.') + 1, out, err);
        sk_drop(part);
        return rc;
    }
    if (i < 0 && obj && obj->cls == O_FILE) /* a file stands for its socket */
        return handle_field(ses, obj->u.file.sock, field, out, err);
    if (i < 0)
        return refuse(err, field, names);
    *out = object_part(ses, obj, (size_t)i);
    return 0;
}

static int record_field(struct session *ses, const struct sk_value *v, const char *field, struct sk_value *out,
                        struct sk_err *err) {
    const struct sk_seq *q = v->u.seq;
    const char *names[24];
    size_t count = 0;
    for (size_t i = 0; i < q->count; i++) {
        if (strcmp(q->items[i].key, field) == 0) {
            *out = sk_copy(q->items[i].value);
            return 0;
        }
        if (q->items[i].key[0] && count < sizeof names / sizeof *names - 1)
            names[count++] = q->items[i].key;
    }
    names[count] = NULL;
    for (size_t i = 0; i < q->count; i++)
        if (!q->items[i].key[0] && value_field(ses, &q->items[i].value, field, out, NULL) == 0)
            return 0;
    return refuse(err, field, names);
}

int value_field(struct session *ses, const struct sk_value *v, const char *field, struct sk_value *out,
                struct sk_err *err) {
    int i;
    struct sk_addr a;
    switch (v->type) {
    case SK_NULL:
        *out = sk_null();
        return 0;
    case SK_RECORD:
        return record_field(ses, v, field, out, err);
    case SK_HANDLE:
        return handle_field(ses, v->u.ref, field, out, err);
    case SK_ADDR:
        if ((i = find(address_fields, field)) < 0)
            return refuse(err, field, address_fields);
        a = value_addr(v);
        *out = address_part(&a, (size_t)i);
        return 0;
    case SK_BYTES:
        if ((i = find(bytes_fields, field)) < 0)
            return refuse(err, field, bytes_fields);
        *out = bytes_part(v, (size_t)i);
        return 0;
    default:
        if (v->type != SK_LIST && strcmp(field, "value") == 0) { /* as JSON shows it */
            *out = sk_copy(*v);
            return 0;
        }
        return sk_fail_usage(err, "this value has no fields: leave '.%s' out", field);
    }
}
