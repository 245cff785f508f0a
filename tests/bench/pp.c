/* pp PORT N: N times send 64 bytes to 127.0.0.1:PORT and receive 64; the limit for scripted operations. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int main(int argc, char **argv) {
    if (argc != 3)
        return 2;
    char message[64], answer[sizeof message];
    memset(message, 'x', sizeof message);
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    addr.sin_port = htons((in_port_t)atoi(argv[1]));
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof addr)) {
        perror("pp");
        return 1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (long n = atol(argv[2]); n > 0; n--) {
        if (send(fd, message, sizeof message, MSG_NOSIGNAL) != (ssize_t)sizeof message)
            return 3;
        for (size_t got = 0; got < sizeof answer;) {
            ssize_t r = recv(fd, answer + got, sizeof answer - got, 0);
            if (r <= 0)
                return 4;
            got += (size_t)r;
        }
    }
    return 0;
}
