/* echod: an echo server for one connection after the other, so that nothing but the client is measured. Prints its
 * port; ends when its standard input does. With an argument FILE, FILE holds the number of bytes echoed so far, eight
 * bytes in host order. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static char block[1 << 16];

/* A counter that others can read while we run. */
static volatile uint64_t *shared_counter(const char *path) {
    static uint64_t own;
    int fd = path ? open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    if (fd < 0 || ftruncate(fd, sizeof own))
        return &own;
    void *p = mmap(NULL, sizeof own, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return p == MAP_FAILED ? &own : p;
}

static void echo(int fd, volatile uint64_t *count) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ssize_t n;
    while ((n = recv(fd, block, sizeof block, 0)) > 0) {
        for (ssize_t done = 0, r; done < n; done += r)
            if ((r = send(fd, block + done, (size_t)(n - done), MSG_NOSIGNAL)) < 0)
                return;
        *count += (uint64_t)n;
    }
}

int main(int argc, char **argv) {
    volatile uint64_t *count = shared_counter(argc > 1 ? argv[1] : NULL);
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof addr;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&addr, len) || listen(listener, 4096) ||
        getsockname(listener, (struct sockaddr *)&addr, &len)) {
        perror("echod");
        return 1;
    }
    printf("%d\n", ntohs(addr.sin_port));
    fflush(stdout);
    struct pollfd fds[2] = { { .fd = listener, .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };
    while (poll(fds, 2, -1) >= 0 && !fds[1].revents) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            echo(fd, count);
            close(fd);
        }
    }
    return 0;
}
