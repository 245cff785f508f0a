/* Any bytes as what a DNS server answers: they go through a socket, c-ares and our conversion. The first byte says what
 * is asked and how much of the answer is right: its id, its question. After it comes a good answer, so that nobody has
 * to wait for a question that was not answered. */
#include <arpa/inet.h>
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/dns_parts.h"
#include "run/task.h"
#include "run/wait.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ASK6 = 1, ASK_NAME = 2, RIGHT_ID = 4, RIGHT_QUESTION = 8, TWICE = 16 };

struct server {
    int fd;
    const uint8_t *data;
    size_t size;
    int how;
};

/* The bytes, as the answer to that question. */
static size_t forge(const struct server *s, const uint8_t *question, size_t n, uint8_t out[4096]) {
    size_t head = s->how & RIGHT_QUESTION ? n : s->how & RIGHT_ID ? 2 : 0;
    size_t body = s->size < 4096 - head ? s->size : 4096 - head;
    memcpy(out, question, head);
    if (s->how & RIGHT_QUESTION) { /* the first bytes are flags and counts */
        size_t counts = body < 8 ? body : 8;
        memcpy(out + 2, s->data, counts < 2 ? counts : 2);
        out[2] = (uint8_t)((out[2] | 0x80) & ~0x02); /* an answer, whole */
        if (counts == 8)
            memcpy(out + 6, s->data + 2, 6);
        memcpy(out + head, s->data + counts, body - counts);
        return head + body - counts;
    }
    memcpy(out + head, s->data, body);
    if (head + body > 2)
        out[2] = (uint8_t)(out[2] & ~0x02);
    return head + body;
}

static int serve(void *arg) {
    const struct server *s = arg;
    uint8_t question[512], answer[4096];
    for (;;) {
        struct sockaddr_in from;
        socklen_t len = sizeof from;
        if (sk_wait(s->fd, POLLIN, "serve", SK_NEVER, NULL) < 0)
            return 0;
        ssize_t n = recvfrom(s->fd, question, sizeof question, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
        if (n < 12)
            continue;
        for (int i = s->how & TWICE ? 2 : 1; i > 0; i--)
            sendto(s->fd, answer, forge(s, question, (size_t)n, answer), MSG_DONTWAIT, (struct sockaddr *)&from, len);
        question[2] |= 0x80;
        question[3] = 3; /* NXDOMAIN */
        sendto(s->fd, question, (size_t)n, MSG_DONTWAIT, (struct sockaddr *)&from, len);
    }
}

static void check(const struct sk_addrs *addrs, int rc, int family) {
    assert(addrs->count <= 256 && (rc == 0) == (addrs->count > 0));
    for (size_t i = 0; i < addrs->count; i++)
        assert(addrs->list[i].u.sa.sa_family == family && sk_addr_port(&addrs->list[i]) == 0);
}

static void ask(int how, const struct sk_lookup *lookup) {
    struct sk_addrs addrs = { 0 };
    struct sk_err err;
    struct sk_addr who;
    struct sk_value name;
    int family = how & ASK6 ? AF_INET6 : AF_INET;
    if (how & ASK_NAME) {
        sk_addr_any(&who, family, 0);
        who.u.sa.sa_family == AF_INET ? (void)(who.u.in.sin_addr.s_addr = htonl(0xc0000201))
                                      : (void)(who.u.in6.sin6_addr.s6_addr[0] = 0x20);
        if (sk_getnameinfo(&who, 0, lookup, sk_after(10 * SK_SECOND), &name, NULL, &err) == 0)
            sk_drop(name);
        return;
    }
    int rc = sk_dns_ask("www.fuzz.test.", family, lookup, sk_after(10 * SK_SECOND), &addrs, &err);
    assert(rc == 0 || err.kind == SK_GAI || err.kind == SK_TIMEOUT);
    check(&addrs, rc, family);
    sk_addrs_done(&addrs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct sk_addr where;
    static int fd = -1;
    struct sk_scope scope;
    struct sk_lookup lookup = { .servers = &where, .server_count = 1, .no_hosts = true };
    if (size == 0)
        return 0;
    if (fd < 0) {
        where.len = sizeof where.u.in;
        where.u.in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert(fd >= 0 && bind(fd, &where.u.sa, where.len) == 0 && getsockname(fd, &where.u.sa, &where.len) == 0);
    }
    struct server server = { .fd = fd, .data = data + 1, .size = size - 1, .how = data[0] };
    sk_scope_init(&scope);
    assert(sk_spawn(&scope, "server", serve, &server, NULL) != NULL);
    ask(data[0], &lookup);
    sk_scope_done(&scope);
    sk_dns_done();
    return 0;
}
