/* SOCKS version 5, as a client: RFC 1928, and RFC 1929 for users and passwords. */
#include <errno.h>
#include <string.h>

#include "sock/proxy_parts.h"

enum { VERSION = 5, AUTH_VERSION = 1, CONNECT = 1 };
enum { NO_AUTH = 0, PASSWORD = 2, NONE_OF_THEM = 0xff };
enum { IP4 = 1, NAME = 3, IP6 = 4 };

static int check_version(struct ask *t, unsigned char got, unsigned char wanted) {
    return got == wanted
               ? 0
               : sk_ask_fail(t, EPROTO, "does not speak SOCKS 5: its answer begins with the byte 0x%02x", got);
}

static int log_in(struct ask *t) {
    unsigned char words[3 + 255 + 255], answer[2];
    size_t user = strlen(t->proxy->user), password = strlen(t->proxy->password), n = 0;
    words[n++] = AUTH_VERSION;
    words[n++] = (unsigned char)user;
    memcpy(words + n, t->proxy->user, user);
    n += user;
    words[n++] = (unsigned char)password;
    memcpy(words + n, t->proxy->password, password);
    n += password;
    int rc = sk_ask_send(t, words, n);
    explicit_bzero(words, sizeof words);
    if (rc < 0 || sk_ask_read(t, answer, sizeof answer) < 0)
        return -1;
    if (answer[0] != AUTH_VERSION)
        return sk_ask_fail(t, EPROTO, "answers the password with version %d; there is 1", answer[0]);
    return answer[1] == 0 ? 0 : sk_ask_fail(t, EACCES, "does not accept this user and password");
}

/* Agree on how to log in, and do it. */
static int greet(struct ask *t) {
    const unsigned char with[] = { VERSION, 2, NO_AUTH, PASSWORD }, without[] = { VERSION, 1, NO_AUTH };
    unsigned char answer[2];
    bool has_password = t->proxy->user != NULL;
    if ((has_password ? sk_ask_send(t, with, sizeof with) : sk_ask_send(t, without, sizeof without)) < 0 ||
        sk_ask_read(t, answer, 1) < 0 || check_version(t, answer[0], VERSION) < 0 || sk_ask_read(t, answer + 1, 1) < 0)
        return -1;
    if (answer[1] == NO_AUTH)
        return 0;
    if (answer[1] == PASSWORD && has_password)
        return log_in(t);
    if (answer[1] != NONE_OF_THEM)
        return sk_ask_fail(t, EPROTO, "chose method %d, which was not offered", answer[1]);
    if (has_password)
        return sk_ask_fail(t, EACCES, "takes no user and password, and wants another way to log in");
    return sk_ask_fail(t, EACCES,
                       "wants a user and a password: write where USER:PASSWORD is, --proxy-auth file:PATH or env:NAME");
}

static int request(struct ask *t) {
    unsigned char words[4 + 1 + 255 + 2] = { VERSION, CONNECT, 0 };
    size_t n = 4;
    if (!t->addr) {
        size_t len = strlen(t->host); /* a valid name: at most 253 */
        if (len > 255)
            return sk_fail_usage(t->err, "a name of %zu bytes: SOCKS takes 255", len);
        words[3] = NAME;
        words[n++] = (unsigned char)len;
        memcpy(words + n, t->host, len);
        n += len;
    } else if (t->addr->u.sa.sa_family == AF_INET) {
        words[3] = IP4;
        memcpy(words + n, &t->addr->u.in.sin_addr, 4);
        n += 4;
    } else {
        words[3] = IP6;
        memcpy(words + n, &t->addr->u.in6.sin6_addr, 16);
        n += 16;
    }
    words[n++] = (unsigned char)(t->port >> 8);
    words[n++] = (unsigned char)t->port;
    return sk_ask_send(t, words, n);
}

/* The reply codes of RFC 1928 section 6. */
static int refused(struct ask *t, unsigned char code) {
    static const struct {
        int code;
        enum sk_proxy_blame blame;
        const char *words;
    } rows[] = {
        [1] = { EREMOTEIO, SK_BLAME_PROXY, "failed, and says no more than that (general failure)" },
        [2] = { EACCES, SK_BLAME_PROXY, "refuses: its rules do not allow this connection" },
        [3] = { ENETUNREACH, SK_BLAME_TARGET, "did not get through: network unreachable" },
        [4] = { EHOSTUNREACH, SK_BLAME_TARGET, "did not get through: host unreachable, or its name is not known" },
        [5] = { ECONNREFUSED, SK_BLAME_TARGET, "did not get through: connection refused" },
        [6] = { EHOSTUNREACH, SK_BLAME_TARGET,
                "did not get through: the time to live of its packets ended on the way" },
        [7] = { EOPNOTSUPP, SK_BLAME_PROXY, "refuses: it does not know the request to connect" },
        [8] = { EAFNOSUPPORT, SK_BLAME_PROXY, "refuses: it does not know this type of address" },
    };
    if (code >= sizeof rows / sizeof *rows)
        return sk_ask_fail(t, EPROTO, "answers with code %d, which SOCKS 5 does not have", code);
    t->blame = rows[code].blame;
    return sk_ask_fail(t, rows[code].code, "%s", rows[code].words);
}

/* The address that the proxy connects from: taken, as it stands before the data; told where it is an address. */
static int read_source(struct ask *t, unsigned char type) {
    unsigned char room[255 + 2], len = type == IP4 ? 4 : 16;
    struct sk_addr *source = &t->via->source;
    if (type != IP4 && type != IP6 && type != NAME)
        return sk_ask_fail(t, EPROTO, "answers with an address of type %d; there are 1, 3 and 4", type);
    if ((type == NAME && sk_ask_read(t, &len, 1) < 0) || sk_ask_read(t, room, len + 2u) < 0)
        return -1;
    uint16_t port = (uint16_t)(room[len] << 8 | room[len + 1]);
    if (type == NAME || port == 0) /* it is not told */
        return 0;
    sk_addr_any(source, type == IP4 ? AF_INET : AF_INET6, port);
    if (type == IP4)
        memcpy(&source->u.in.sin_addr, room, 4);
    else
        memcpy(&source->u.in6.sin6_addr, room, 16);
    return 0;
}

int sk_socks5(struct ask *t) {
    unsigned char answer[4];
    if (greet(t) < 0 || request(t) < 0 || sk_ask_read(t, answer, 1) < 0 || check_version(t, answer[0], VERSION) < 0 ||
        sk_ask_read(t, answer + 1, 1) < 0)
        return -1;
    if (answer[1] != 0) /* some say no more, and close */
        return refused(t, answer[1]);
    if (sk_ask_read(t, answer + 2, 2) < 0)
        return -1;
    return read_source(t, answer[3]);
}
