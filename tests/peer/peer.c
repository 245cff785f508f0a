/* A scripted peer that misbehaves on request, for the end-to-end tests.
 *
 *   peer [--unix PATH] [--count N] ACTION...
 *   peer dns [--lose PERCENT]                  a DNS server: see dns.c
 *
 * Listens (on 127.0.0.1, a port of the kernel's choice, or on PATH), prints its address as one line ("127.0.0.1:PORT",
 * "unix:PATH"), then serves one connection, or N one after the other, performing the actions in order; what is left
 * open at their end is closed.
 *
 *   send:TEXT      send the bytes of TEXT (\n \r \t \0 \\ \xHH)
 *   sendslow:TEXT  the same, one byte per packet (TCP_NODELAY) or write
 *   recv:N         read exactly N bytes and print them, escaped, as "recv TEXT"
 *   recvline       read up to a newline and print it in the same way
 *   shutdown       end our direction (FIN)
 *   close          close the connection
 *   reset          close it with RST (SO_LINGER 0)
 *   wait           read and drop until the client closes; prints "eof", or "reset"
 *   big:N          send N bytes of the pattern byte i = (i * 7 + i / 251) mod 256
 *   sink           read until the client ends; print "sink BYTES CHECKSUM" (FNV-1a, 64 bits, hex)
 *   echo           send back what comes until the client ends
 *
 * There are no pauses: each step waits for the one before it, so a test that uses it is as fast as the machine and
 * always the same. Ends with 0, 1 when a client did not do what an action needs (it says so on stderr), 2 for wrong
 * usage. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "dns.h"

struct connection {
    int fd; /* -1 once closed */
};

struct action;

/* One word of the command line, understood before anybody connects. */
struct step {
    const struct action *action;
    const char *bytes; /* decoded TEXT */
    size_t len;
    uint64_t number; /* N */
};

static unsigned char block[65536];

static void usage(const char *what) {
    fprintf(stderr, "peer: %s; peer [--unix PATH] [--count N] ACTION...\n", what);
    exit(2);
}

/* The client did not do what the script expects. */
static bool failed(const char *action, const char *why) {
    fprintf(stderr, "peer: %s: %s\n", action, why);
    return false;
}

/* Decode the escapes of an action in place; returns the length. */
static size_t decode(char *text) {
    char *to = text;
    for (const char *p = text; *p;) {
        if (*p != '\\') {
            *to++ = *p++;
            continue;
        }
        static const char letters[] = "nrt0\\'", values[] = "\n\r\t\0\\'";
        const char *letter = p[1] ? strchr(letters, p[1]) : NULL;
        unsigned byte;
        if (letter) {
            *to++ = values[letter - letters];
            p += 2;
        } else if (p[1] == 'x' && sscanf(p + 2, "%2x", &byte) == 1 && p[3]) {
            *to++ = (char)byte;
            p += 4;
        } else {
            usage("unknown escape");
        }
    }
    return (size_t)(to - text);
}

static void print_escaped(const char *what, const unsigned char *p, size_t n) {
    printf("%s ", what);
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\n')
            fputs("\\n", stdout);
        else if (p[i] == '\r')
            fputs("\\r", stdout);
        else if (p[i] < 0x20 || p[i] > 0x7e || p[i] == '\\')
            printf("\\x%02x", p[i]);
        else
            putchar(p[i]);
    }
    putchar('\n');
}

static bool send_all(int fd, const void *p, size_t n) {
    for (size_t done = 0; done < n;) {
        ssize_t r = send(fd, (const char *)p + done, n - done, MSG_NOSIGNAL);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return failed("send", strerror(errno));
        done += (size_t)r;
    }
    return true;
}

/* recv(2) without EINTR. */
static ssize_t receive(int fd, void *p, size_t n) {
    ssize_t r;
    do {
        r = recv(fd, p, n, 0);
    } while (r < 0 && errno == EINTR);
    return r;
}

/* ---- actions: each returns false when the client did not play its part ---- */

static bool do_send(struct connection *c, const struct step *step) { return send_all(c->fd, step->bytes, step->len); }

static bool do_sendslow(struct connection *c, const struct step *step) {
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* fails on UNIX sockets, where it is not needed */
    for (size_t i = 0; i < step->len; i++)
        if (!send_all(c->fd, step->bytes + i, 1))
            return false;
    return true;
}

/* Read up to `want` bytes, or a newline when `line`, and print them. */
static bool take(struct connection *c, const char *what, size_t want, bool line) {
    size_t n = 0;
    while (n < want && !(line && n && block[n - 1] == '\n')) {
        ssize_t r = receive(c->fd, block + n, line ? 1 : want - n);
        if (r <= 0) {
            print_escaped(what, block, n);
            return failed(what, r ? strerror(errno) : "the client ended");
        }
        n += (size_t)r;
    }
    print_escaped(what, block, n);
    return true;
}

static bool do_recv(struct connection *c, const struct step *step) { return take(c, "recv", step->number, false); }

static bool do_recvline(struct connection *c, const struct step *step) {
    (void)step;
    return take(c, "recvline", sizeof block, true);
}

static bool do_shutdown(struct connection *c, const struct step *step) {
    (void)step;
    shutdown(c->fd, SHUT_WR);
    return true;
}

static bool do_close(struct connection *c, const struct step *step) {
    (void)step;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    return true;
}

static bool do_reset(struct connection *c, const struct step *step) {
    struct linger now = { .l_onoff = 1, .l_linger = 0 };
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    return do_close(c, step);
}

static bool do_wait(struct connection *c, const struct step *step) {
    (void)step;
    ssize_t r;
    while ((r = receive(c->fd, block, sizeof block)) > 0) {
    }
    puts(r < 0 ? "reset" : "eof");
    return true;
}

static bool do_big(struct connection *c, const struct step *step) {
    uint64_t total = step->number;
    for (uint64_t done = 0; done < total;) {
        size_t n = total - done < sizeof block ? (size_t)(total - done) : sizeof block;
        for (size_t i = 0; i < n; i++)
            block[i] = (unsigned char)((done + i) * 7 + (done + i) / 251);
        if (!send_all(c->fd, block, n))
            return false;
        done += n;
    }
    return true;
}

static bool do_sink(struct connection *c, const struct step *step) {
    (void)step;
    uint64_t total = 0, sum = UINT64_C(0xcbf29ce484222325);
    ssize_t r;
    while ((r = receive(c->fd, block, sizeof block)) > 0) {
        total += (uint64_t)r;
        for (ssize_t i = 0; i < r; i++)
            sum = (sum ^ block[i]) * UINT64_C(0x100000001b3);
    }
    printf("sink %" PRIu64 " %016" PRIx64 "\n", total, sum);
    return r == 0 || failed("sink", strerror(errno));
}

static bool do_echo(struct connection *c, const struct step *step) {
    (void)step;
    ssize_t r;
    while ((r = receive(c->fd, block, sizeof block)) > 0)
        if (!send_all(c->fd, block, (size_t)r))
            return false;
    return r == 0 || failed("echo", strerror(errno));
}

enum takes { NOTHING, TEXT, NUMBER };

static const struct action {
    const char *name;
    enum takes takes;
    bool (*run)(struct connection *c, const struct step *step);
} actions[] = {
    { "send", TEXT, do_send },
    { "sendslow", TEXT, do_sendslow },
    { "recv", NUMBER, do_recv },
    { "recvline", NOTHING, do_recvline },
    { "shutdown", NOTHING, do_shutdown },
    { "close", NOTHING, do_close },
    { "reset", NOTHING, do_reset },
    { "wait", NOTHING, do_wait },
    { "big", NUMBER, do_big },
    { "sink", NOTHING, do_sink },
    { "echo", NOTHING, do_echo },
};

static const struct action *action_of(const char *word) {
    size_t n = strcspn(word, ":");
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strlen(actions[i].name) == n && !strncmp(word, actions[i].name, n))
            return &actions[i];
    usage("unknown action");
    return NULL;
}

/* Understand a word; decodes its text in place. */
static struct step parse(char *word) {
    struct step step = { .action = action_of(word) };
    char *arg = word + strcspn(word, ":");
    if ((*arg == ':') != (step.action->takes != NOTHING))
        usage(*arg ? "this action takes no argument" : "this action needs an argument after ':'");
    arg += *arg == ':';
    if (step.action->takes == TEXT) {
        step.len = decode(arg);
        step.bytes = arg;
    } else if (step.action->takes == NUMBER) {
        char *end;
        step.number = strtoull(arg, &end, 10);
        if (*end || end == arg)
            usage("the argument of this action is a number of bytes");
        if (step.action->run == do_recv && step.number > sizeof block)
            usage("recv takes at most 65536 bytes");
    }
    return step;
}

static bool serve(int listener, const struct step *steps, int count) {
    struct connection c = { .fd = -1 };
    do {
        c.fd = accept(listener, NULL, NULL);
    } while (c.fd < 0 && errno == EINTR);
    if (c.fd < 0)
        return failed("accept", strerror(errno));
    bool ok = true;
    for (int i = 0; ok && i < count; i++) {
        const struct action *a = steps[i].action;
        ok = c.fd >= 0 ? a->run(&c, &steps[i]) : failed(a->name, "the connection is closed already");
        fflush(stdout);
    }
    do_close(&c, NULL);
    return ok;
}

/* Bind, listen and print the address. */
static int listen_on(const char *path) {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_un un;
    } a;
    memset(&a, 0, sizeof a);
    socklen_t len = sizeof a.in;
    if (path) {
        if (strlen(path) >= sizeof a.un.sun_path)
            usage("the path is too long");
        a.un.sun_family = AF_UNIX;
        strcpy(a.un.sun_path, path);
        len = sizeof a.un;
    } else {
        a.in.sin_family = AF_INET;
        a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, &a.any, len) || listen(fd, 128) || getsockname(fd, &a.any, &len)) {
        perror("peer");
        exit(1);
    }
    if (path)
        printf("unix:%s\n", path);
    else
        printf("127.0.0.1:%d\n", ntohs(a.in.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv) {
    const char *path = NULL;
    long count = 1;
    int i = 1;
    alarm(300);
    if (argc > 1 && !strcmp(argv[1], "dns"))
        return dns_main(argc - 1, argv + 1);
    for (; i < argc && !strncmp(argv[i], "--", 2); i += 2) {
        char *end;
        if (i + 1 == argc)
            usage("an option without its value");
        if (!strcmp(argv[i], "--unix"))
            path = argv[i + 1];
        else if (strcmp(argv[i], "--count") || (count = strtol(argv[i + 1], &end, 10)) < 1 || *end)
            usage("unknown option or count");
    }
    int steps_count = argc - i;
    struct step *steps = calloc((size_t)steps_count + 1, sizeof *steps);
    if (!steps)
        abort();
    for (int k = 0; k < steps_count; k++)
        steps[k] = parse(argv[i + k]);
    signal(SIGPIPE, SIG_IGN);
    int listener = listen_on(path);
    bool ok = true;
    while (count-- > 0)
        ok = serve(listener, steps, steps_count) && ok;
    free(steps);
    close(listener);
    if (path)
        unlink(path);
    return ok ? 0 : 1;
}
