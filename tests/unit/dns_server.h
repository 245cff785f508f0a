/* A DNS server for tests, in a child process: UDP on a port of the loopback. It writes every name that it is asked for
 * into a pipe, so that a test knows what was sent and what was not. */
#ifndef TESTS_UNIT_DNS_SERVER_H
#define TESTS_UNIT_DNS_SERVER_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/dns_parts.h"

#define A    1
#define PTR  12
#define AAAA 28

static struct {
    pid_t pid;
    int port, log;
} server;

static struct sk_addr server_addr;
static struct sk_lookup asking_server;

struct packet {
    unsigned char data[1024];
    size_t n;
};

static void put16(struct packet *p, unsigned value) {
    p->data[p->n++] = (unsigned char)(value >> 8);
    p->data[p->n++] = (unsigned char)value;
}

static void put_name(struct packet *p, const char *name) {
    while (*name) {
        size_t n = strcspn(name, ".");
        p->data[p->n++] = (unsigned char)n;
        memcpy(p->data + p->n, name, n);
        p->n += n;
        name += n + (name[n] == '.');
    }
    p->data[p->n++] = 0;
}

static void put_record(struct packet *p, const char *owner, unsigned type, const void *data, size_t n) {
    put_name(p, owner);
    put16(p, type);
    put16(p, 1);
    put16(p, 0);
    put16(p, 60);
    put16(p, (unsigned)n);
    memcpy(p->data + p->n, data, n);
    p->n += n;
    p->data[7]++;
}

static void put_address(struct packet *p, const char *owner, unsigned type, const char *text) {
    unsigned char bytes[16];
    inet_pton(type == A ? AF_INET : AF_INET6, text, bytes);
    put_record(p, owner, type, bytes, type == A ? 4 : 16);
}

static void put_target(struct packet *p, const char *owner, unsigned type, const char *target) {
    struct packet rest = { .n = 0 };
    put_name(&rest, target);
    put_record(p, owner, type, rest.data, rest.n);
}

/* What the zone says. False: nothing at all is sent. */
static bool answer(struct packet *p, const char *name, unsigned type) {
    bool is4 = type == A, is6 = type == AAAA;
    unsigned rcode = 0;
    if (strcmp(name, "mute.test") == 0 || (strcmp(name, "half.test") == 0 && is6))
        return false;
    if (strcmp(name, "both.test") == 0 && (is4 || is6))
        put_address(p, name, type, is4 ? "192.0.2.2" : "2001:db8::2");
    else if ((strcmp(name, "v4.test") == 0 || strcmp(name, "half.test") == 0 || strcmp(name, "a_b.test") == 0) && is4)
        put_address(p, name, type, "192.0.2.1");
    else if (strcmp(name, "v6.test") == 0 && is6)
        put_address(p, name, type, "2001:db8::6");
    else if (strcmp(name, "xn--mnchen-3ya.test") == 0 && is4)
        put_address(p, name, type, "192.0.2.3");
    else if (strcmp(name, "alias.test") == 0 && is4) {
        put_target(p, name, 5, "middle.test");
        put_target(p, "middle.test", 5, "v4.test");
        put_address(p, "v4.test", type, "192.0.2.1");
    } else if (strcmp(name, "halffail.test") == 0 && is4)
        put_address(p, name, type, "192.0.2.7");
    else if (strcmp(name, "1.2.0.192.in-addr.arpa") == 0 && type == PTR)
        put_target(p, name, PTR, "v4.test");
    else if (strcmp(name, "many.test") == 0 && is4)
        for (int i = 0; i < 10; i++) {
            char text[32];
            snprintf(text, sizeof text, "10.0.0.%d", i + 1);
            put_address(p, name, type, text);
        }
    else if (strcmp(name, "fail.test") == 0 || strcmp(name, "halffail.test") == 0 || strstr(name, "9.2.0.192"))
        rcode = 2;
    else if (strcmp(name, "refused.test") == 0)
        rcode = 5;
    else if (!strstr("v4.test v6.test empty.test half.test alias.test many.test a_b.test xn--mnchen-3ya.test", name))
        rcode = 3;
    p->data[3] = (unsigned char)(0x80 | rcode);
    return true;
}

__attribute__((noreturn)) static void serve(int fd, int log) {
    struct packet p;
    struct sockaddr_in from;
    for (;;) {
        socklen_t len = sizeof from;
        ssize_t got = recvfrom(fd, p.data, 512, 0, (struct sockaddr *)&from, &len);
        char name[260] = "";
        size_t at = 12, used = 0;
        if (got < 17)
            continue;
        while (at < (size_t)got && p.data[at] != 0) {
            if (used)
                name[used++] = '.';
            memcpy(name + used, p.data + at + 1, p.data[at]);
            used += p.data[at];
            at += p.data[at] + 1u;
        }
        unsigned type = (unsigned)p.data[at + 1] << 8 | p.data[at + 2];
        dprintf(log, "%s %u\n", name, type);
        p.n = at + 5;
        p.data[2] |= 0x80;
        memset(p.data + 6, 0, 6);
        if (answer(&p, name, type))
            sendto(fd, p.data, p.n, 0, (struct sockaddr *)&from, len);
    }
}

/* Group set-up: start it, and ask it alone. */
static int start_server(void **state) {
    struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof sin;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), log[2];
    char csv[32];
    (void)state;
    if (fd < 0 || bind(fd, (struct sockaddr *)&sin, len) < 0 || getsockname(fd, (struct sockaddr *)&sin, &len) < 0 ||
        pipe2(log, O_CLOEXEC) < 0)
        return -1;
    fflush(NULL);
    server.pid = fork();
    if (server.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(fd, log[1]);
    }
    close(fd);
    close(log[1]);
    fcntl(log[0], F_SETFL, O_NONBLOCK);
    server.log = log[0];
    server.port = ntohs(sin.sin_port);
    snprintf(csv, sizeof csv, "127.0.0.1:%d", server.port);
    asking_server.server_count = 1;
    asking_server.servers = &server_addr;
    if (sk_server_parse(&server_addr, csv, strlen(csv), NULL) < 0)
        return -1;
    sk_hosts_path("/nonexistent/hosts");
    return server.pid < 0 ? -1 : 0;
}

static int stop_server(void **state) {
    (void)state;
    sk_dns_done();
    kill(server.pid, SIGKILL);
    waitpid(server.pid, NULL, 0);
    close(server.log);
    return 0;
}

/* What was asked since the last call. */
static const char *asked(void) {
    static char text[4096];
    ssize_t n = read(server.log, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

#endif
