/* tls shake PORT N CAFILE: N handshakes with 127.0.0.1, each verified, one after the other: the limit for them.
 * tls send PORT CAFILE: standard input through TLS: the limit for much.
 * tls hold PORT N: N connections, not verified; then prints a line and ends when its standard input does. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BLOCK = 1 << 16 };

static SSL_CTX *ctx;

static SSL *shake(const char *port, int *fd) {
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    addr.sin_port = htons((in_port_t)atoi(port));
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SSL *ssl = SSL_new(ctx);
    if (*fd >= 0 && ssl && connect(*fd, (struct sockaddr *)&addr, sizeof addr) == 0 && SSL_set_fd(ssl, *fd) &&
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), "127.0.0.1") && SSL_connect(ssl) == 1)
        return ssl;
    perror("tls");
    ERR_print_errors_fp(stderr);
    exit(1);
}

/* Nothing that the server sent is left unread: that would be a reset, and the server might miss what was sent. */
static void leave(SSL *ssl, int fd, bool is_heard) {
    char rest[4096];
    SSL_shutdown(ssl);
    shutdown(fd, SHUT_WR);
    while (is_heard && recv(fd, rest, sizeof rest, 0) > 0)
        ;
    SSL_free(ssl);
    close(fd);
}

static void send_all(SSL *ssl) {
    static char block[BLOCK];
    for (ssize_t n; (n = read(STDIN_FILENO, block, sizeof block)) > 0;)
        for (size_t done = 0, part; done < (size_t)n; done += part)
            if (!SSL_write_ex(ssl, block + done, (size_t)n - done, &part))
                exit(3);
}

int main(int argc, char **argv) {
    const char *what = argc > 3 ? argv[1] : "";
    bool holds = strcmp(what, "hold") == 0, sends = strcmp(what, "send") == 0;
    const char *cafile = holds ? NULL : sends ? argv[3] : argv[argc > 4 ? 4 : 3];
    long n = sends ? 1 : argc > 3 ? atol(argv[3]) : 0;
    int fd;
    signal(SIGPIPE, SIG_IGN);
    ctx = SSL_CTX_new(TLS_client_method());
    if (argc < 4 || !ctx || (cafile && SSL_CTX_load_verify_locations(ctx, cafile, NULL) != 1))
        return 2;
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(ctx, cafile ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    for (; n > 0; n--) {
        SSL *ssl = shake(argv[2], &fd);
        if (sends)
            send_all(ssl);
        if (!holds)
            leave(ssl, fd, sends);
    }
    if (holds) {
        puts("held");
        fflush(stdout);
        while (read(STDIN_FILENO, &fd, 1) > 0)
            ;
    }
    return 0;
}
