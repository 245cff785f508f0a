/* ask FILE PORT TYPE...: for each name of FILE (one a line) the records of TYPE (1: A, 28: AAAA) from the DNS server at
 * 127.0.0.1:PORT over UDP, several packets a system call; the limit for resolve. Prints how many of the questions were
 * answered with a record; what is lost is asked again. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { WINDOW = 512, BATCH = 64, PACKET = 512, HEADER = 12, IDS = 65536 };

struct question {
    const char *name;
    unsigned type;
};

static struct question *questions;
static size_t asked_for, begun, over, answered;
static int32_t by_id[IDS]; /* index of a question under way, or -1 */
static unsigned char room[BATCH][PACKET];
static struct iovec parts[BATCH];
static struct mmsghdr messages[BATCH];

static size_t put_question(unsigned char *p, uint16_t id, const struct question *q) {
    static const unsigned char head[HEADER] = { [2] = 1, [5] = 1 };
    size_t at = HEADER;
    memcpy(p, head, sizeof head);
    p[0] = (unsigned char)(id >> 8);
    p[1] = (unsigned char)id;
    for (const char *name = q->name; *name;) {
        size_t n = strcspn(name, ".");
        p[at++] = (unsigned char)n;
        memcpy(p + at, name, n);
        at += n;
        name += n + (name[n] == '.');
    }
    const unsigned char tail[] = { 0, 0, (unsigned char)q->type, 0, 1 };
    memcpy(p + at, tail, sizeof tail);
    return at + sizeof tail;
}

static int send_all(int fd, unsigned count) {
    for (unsigned done = 0; done < count;) {
        int n = sendmmsg(fd, messages + done, count - done, 0);
        if (n <= 0) {
            perror("ask: sendmmsg");
            return -1;
        }
        done += (unsigned)n;
    }
    return 0;
}

/* Keep WINDOW questions under way, BATCH at a time. */
static int ask_more(int fd) {
    static uint16_t id;
    while (begun < asked_for && begun - over + BATCH <= WINDOW) {
        unsigned count = 0;
        for (; count < BATCH && begun < asked_for; count++) {
            while (by_id[++id] >= 0)
                continue;
            by_id[id] = (int32_t)begun;
            parts[count].iov_len = put_question(room[count], id, &questions[begun++]);
        }
        if (send_all(fd, count) < 0)
            return -1;
    }
    return 0;
}

/* Everything under way once more. */
static int ask_again(int fd) {
    for (int id = 0; id < IDS; id++)
        if (by_id[id] >= 0) {
            parts[0].iov_len = put_question(room[0], (uint16_t)id, &questions[by_id[id]]);
            if (send_all(fd, 1) < 0)
                return -1;
        }
    return 0;
}

/* The first record of the answer is of the type that was asked for. */
static int has_record(const unsigned char *p, size_t n, const struct question *q) {
    size_t at = HEADER;
    while (at < n && p[at] != 0)
        at += p[at] + 1u;
    at += 5;
    return (p[3] & 15) == 0 && p[7] > 0 && at + 12 <= n && p[at] == 0xc0 && p[at + 3] == q->type;
}

static int take(int fd) {
    struct pollfd one = { .fd = fd, .events = POLLIN };
    for (int i = 0; i < BATCH; i++)
        parts[i].iov_len = PACKET;
    int n = poll(&one, 1, 1000) > 0 ? recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL) : 0;
    for (int i = 0; i < n; i++) {
        unsigned id = (unsigned)(room[i][0] << 8 | room[i][1]);
        if (messages[i].msg_len < HEADER || by_id[id] < 0)
            continue;
        answered += (size_t)has_record(room[i], messages[i].msg_len, &questions[by_id[id]]);
        by_id[id] = -1;
        over++;
    }
    return n > 0 ? 0 : ask_again(fd);
}

static int read_names(const char *path, int ntypes, char **types) {
    char *line = NULL;
    size_t size = 0, cap = 0;
    FILE *file = fopen(path, "r");
    while (file && getline(&line, &size, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        char *name = strdup(line);
        for (int i = 0; i < ntypes; i++) {
            if (asked_for == cap)
                questions = realloc(questions, (cap = cap ? 2 * cap : 1024) * sizeof *questions);
            if (!questions || !name)
                abort();
            questions[asked_for++] = (struct question){ name, (unsigned)atoi(types[i]) };
        }
    }
    return file ? 0 : -1;
}

static int open_socket(int port) {
    struct sockaddr_in server = { .sin_family = AF_INET,
                                  .sin_port = htons((in_port_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 4 << 20;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    return connect(fd, (struct sockaddr *)&server, sizeof server) == 0 ? fd : -1;
}

int main(int argc, char **argv) {
    int fd = argc > 3 ? open_socket(atoi(argv[2])) : -1;
    if (fd < 0 || read_names(argv[1], argc - 3, argv + 3) < 0) {
        fputs("ask FILE PORT TYPE...\n", stderr);
        return 2;
    }
    memset(by_id, 0xff, sizeof by_id);
    for (int i = 0; i < BATCH; i++) {
        parts[i].iov_base = room[i];
        messages[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
    }
    while (over < asked_for)
        if (ask_more(fd) < 0 || take(fd) < 0)
            return 1;
    printf("%zu\n", answered);
    return answered == asked_for ? 0 : 1;
}
