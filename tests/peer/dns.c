/* peer dns [--lose PERCENT]: a DNS server whose names say what becomes of them.
 *
 * Answers on UDP, on 127.0.0.1 and a port of the kernel's choice, which it prints as one line "127.0.0.1:PORT". What a
 * name begins with decides:
 *
 *   nx...    NXDOMAIN                 nodata...  no record of the type
 *   fail...  SERVFAIL                 refused... REFUSED
 *   half...  no answer for AAAA
 *   mute...  no answer                late...    no answer the first time, for each type
 *   wrong... first an answer with another id, then one to another question, then the true one
 *   four...  no AAAA                  six...     no A
 *
 * The question for the name of an address is answered with host.test when the address begins with 10, which is said
 * last in its name.
 *
 * The number in the name, N, makes its addresses: 10.0.0.0 + N and fd00::N, with a TTL of 60. PERCENT of the questions
 * are lost, by a sequence of random numbers that is always the same. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "dns.h"

enum { A = 1, PTR = 12, AAAA = 28, SERVFAIL = 2, NXDOMAIN = 3, REFUSED = 5, HEADER = 12, SEEN = 1 << 16 };

struct question {
    char name[256];
    size_t end; /* of the question in the packet */
    unsigned type;
};

static bool read_question(const unsigned char *p, size_t n, struct question *q) {
    size_t at = HEADER, len = 0;
    while (at < n && p[at] != 0) {
        size_t label = p[at];
        if (label > 63 || at + 1 + label > n || len + label + 2 > sizeof q->name)
            return false;
        if (len > 0)
            q->name[len++] = '.';
        memcpy(q->name + len, p + at + 1, label);
        len += label;
        at += label + 1;
    }
    q->name[len] = '\0';
    q->end = at + 5;
    if (q->end > n)
        return false;
    q->type = (unsigned)(p[at + 1] << 8 | p[at + 2]);
    return true;
}

static bool begins(const struct question *q, const char *word) { return strncmp(q->name, word, strlen(word)) == 0; }

static uint32_t number_in(const char *name) {
    name += strcspn(name, "0123456789");
    return (uint32_t)strtoul(name, NULL, 10);
}

static size_t put_address(unsigned char *p, const struct question *q) {
    uint32_t number = htonl(number_in(q->name) + (q->type == A ? 10u << 24 : 0));
    static const unsigned char head[] = { 0xc0, HEADER, 0, 0, 0, 1, 0, 0, 0, 60, 0 };
    size_t size = q->type == A ? 4 : 16;
    memcpy(p, head, sizeof head);
    p[3] = (unsigned char)q->type;
    p[sizeof head] = (unsigned char)size;
    unsigned char *data = p + sizeof head + 1;
    memset(data, 0, size);
    if (q->type == AAAA)
        data[0] = 0xfd;
    memcpy(data + size - 4, &number, 4);
    return sizeof head + 1 + size;
}

static size_t put_name(unsigned char *p) {
    static const unsigned char record[] = { 0xc0, HEADER, 0,   PTR, 0,   1, 0,   0,   0,   60,  0, 11,
                                            4,    'h',    'o', 's', 't', 4, 't', 'e', 's', 't', 0 };
    memcpy(p, record, sizeof record);
    return sizeof record;
}

/* Turn the question into its answer; the new length. */
static size_t answer(unsigned char *p, const struct question *q) {
    unsigned rcode = begins(q, "nx") ? NXDOMAIN : begins(q, "fail") ? SERVFAIL : begins(q, "refused") ? REFUSED : 0;
    bool has_record = rcode == 0 && !begins(q, "nodata") && (q->type == A || q->type == AAAA) &&
                      !(q->type == AAAA && begins(q, "four")) && !(q->type == A && begins(q, "six"));
    bool is_named = q->type == PTR && strstr(q->name, ".10.in-addr.arpa");
    p[2] = 0x81;
    p[3] = (unsigned char)(0x80 | rcode);
    memset(p + 6, 0, 6);
    p[7] = has_record || is_named;
    if (is_named)
        return q->end + put_name(p + q->end);
    return q->end + (has_record ? put_address(p + q->end, q) : 0);
}

/* Is it the first time that this is asked for? */
static bool is_first(const struct question *q) {
    static bool seen[SEEN];
    size_t slot = (number_in(q->name) * 2 + (q->type == A)) % SEEN;
    bool first = !seen[slot];
    seen[slot] = true;
    return first;
}

static bool is_lost(unsigned percent) {
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % 100 < percent;
}

static void serve(int fd, unsigned percent) {
    unsigned char p[1024];
    struct sockaddr_in peer;
    struct question q;
    for (;;) {
        socklen_t len = sizeof peer;
        ssize_t n = recvfrom(fd, p, 512, 0, (struct sockaddr *)&peer, &len);
        if (n < HEADER || !read_question(p, (size_t)n, &q) || is_lost(percent) || begins(&q, "mute") ||
            (begins(&q, "half") && q.type == AAAA) || (begins(&q, "late") && is_first(&q)))
            continue;
        size_t size = answer(p, &q);
        for (int wrong = begins(&q, "wrong") ? 2 : 0; wrong > 0; wrong--) {
            unsigned char *at = wrong == 2 ? p : p + HEADER + 1; /* the id, a letter of the name */
            *at ^= 1;
            sendto(fd, p, size, 0, (struct sockaddr *)&peer, len);
            *at ^= 1;
        }
        sendto(fd, p, size, 0, (struct sockaddr *)&peer, len);
    }
}

int dns_main(int argc, char **argv) {
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof addr;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), room = 4 << 20;
    unsigned percent = argc == 3 && strcmp(argv[1], "--lose") == 0 ? (unsigned)atoi(argv[2]) : 0;
    if (argc != 1 && argc != 3) {
        fputs("peer: peer dns [--lose PERCENT]\n", stderr);
        return 2;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, len) || getsockname(fd, (struct sockaddr *)&addr, &len)) {
        perror("peer dns");
        return 1;
    }
    printf("127.0.0.1:%d\n", ntohs(addr.sin_port));
    fflush(stdout);
    serve(fd, percent);
    return 0;
}
