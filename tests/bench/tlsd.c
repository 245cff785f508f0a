/* tlsd CERT KEY FILE [hold]: a TLS server that takes what it is sent and forgets it, a thread for each connection; with
 * `hold` one connection after the other, each kept idle after its handshake, which is the limit of memory. Prints its
 * port; ends when its standard input does. FILE holds the numbers of handshakes and of bytes so far, eight bytes each
 * in host order. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HANDSHAKES, BYTES, COUNTS, BLOCK = 1 << 17 };

static SSL_CTX *ctx;
static _Atomic uint64_t *counts; /* that others can read while we run */

static SSL *handshake(int fd) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    SSL *ssl = SSL_new(ctx);
    if (ssl && SSL_set_fd(ssl, fd) && SSL_accept(ssl) == 1) {
        atomic_fetch_add(&counts[HANDSHAKES], 1);
        return ssl;
    }
    SSL_free(ssl);
    return NULL;
}

static void *serve(void *arg) {
    int fd = (int)(intptr_t)arg;
    char *block = malloc(BLOCK);
    SSL *ssl = handshake(fd);
    for (size_t n; ssl && block && SSL_read_ex(ssl, block, BLOCK, &n);)
        atomic_fetch_add(&counts[BYTES], n);
    if (ssl)
        SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
    free(block);
    return NULL;
}

static bool prepare(char **argv) {
    int fd = open(argv[3], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, COUNTS * sizeof *counts))
        return false;
    counts = mmap(NULL, COUNTS * sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    ctx = SSL_CTX_new(TLS_server_method());
    if (counts == MAP_FAILED || !ctx || SSL_CTX_use_certificate_chain_file(ctx, argv[1]) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, argv[2], SSL_FILETYPE_PEM) != 1)
        return false;
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return true;
}

int main(int argc, char **argv) {
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof addr;
    bool holds = argc > 4 && strcmp(argv[4], "hold") == 0;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    signal(SIGPIPE, SIG_IGN);
    if (argc < 4 || !prepare(argv) || listener < 0 || bind(listener, (struct sockaddr *)&addr, len) ||
        listen(listener, 4096) || getsockname(listener, (struct sockaddr *)&addr, &len)) {
        perror("tlsd");
        return 1;
    }
    printf("%d\n", ntohs(addr.sin_port));
    fflush(stdout);
    struct pollfd fds[2] = { { .fd = listener, .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };
    while (poll(fds, 2, -1) >= 0 && !fds[1].revents) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        pthread_t thread;
        if (fd >= 0 && holds)
            handshake(fd); /* for ever */
        else if (fd >= 0 && pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) == 0)
            pthread_detach(thread);
    }
    _exit(0); /* whatever the threads do */
}
