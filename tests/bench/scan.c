/* scan FIRST LAST: connect to these ports of 127.0.0.1, non-blocking, one after the other; the limit for probe. Prints
 * how many are open. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* connect(2), and once more: on loopback the answer has come by then. Else wait for it. */
static int reach(int fd, const struct sockaddr_in *addr) {
    for (bool begun = false;;) {
        if (connect(fd, (const struct sockaddr *)addr, sizeof *addr) == 0 || (begun && errno == EISCONN))
            return 0;
        if (errno != EINPROGRESS && errno != EALREADY)
            return errno;
        struct pollfd one = { .fd = fd, .events = POLLOUT };
        if (begun && poll(&one, 1, 3000) <= 0)
            return ETIMEDOUT;
        begun = true;
    }
}

/* The kernel may have given the socket the port it asks for. */
static bool met_itself(int fd, const struct sockaddr_in *addr) {
    struct sockaddr_in own;
    socklen_t len = sizeof own;
    return getsockname(fd, (struct sockaddr *)&own, &len) == 0 && own.sin_port == addr->sin_port;
}

int main(int argc, char **argv) {
    if (argc != 3)
        return 2;
    int open = 0;
    for (int port = atoi(argv[1]); port <= atoi(argv[2]); port++) {
        struct sockaddr_in addr = { .sin_family = AF_INET,
                                    .sin_port = htons((in_port_t)port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (fd < 0) {
            perror("scan");
            return 1;
        }
        open += reach(fd, &addr) == 0 && !met_itself(fd, &addr);
        close(fd);
    }
    printf("%d\n", open);
    return 0;
}
