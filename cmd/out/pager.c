#include "out/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "out/out.h"
#include "run/fd.h"

enum { NOT_EXECUTABLE = 126 };

static bool fits(int fd, const char *text, size_t n) {
    struct winsize size = { 0 };
    size_t lines = 0;
    if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_row == 0)
        return true;
    for (const char *p = text; (p = memchr(p, '\n', n - (size_t)(p - text))) != NULL; p++)
        lines++;
    return lines < size.ws_row; /* one is for the prompt that follows */
}

/* `sh -c PAGER` with the end `in` as its input: 0 or -1. */
static int start(const struct host *host, struct sk_child *child, int in) {
    const char *pager = host->env("PAGER");
    char *argv[] = { sk_strdup("/bin/sh"), sk_strdup("-c"), sk_strdup(pager != NULL ? pager : "less"), NULL };
    int rc = host->spawn(child, argv, in, -1, NULL);
    for (int i = 0; argv[i] != NULL; i++)
        free(argv[i]);
    return rc;
}

int pager_show(const struct host *host, int fd, const void *text, size_t n, struct sk_err *err) {
    struct sk_child child = { .pid = -1, .pidfd = -1 };
    struct out out;
    int ends[2], status;
    if (fits(fd, text, n) || pipe2(ends, O_CLOEXEC) < 0)
        return 0;
    int rc = start(host, &child, ends[0]);
    sk_fd_close(ends[0], NULL);
    if (rc == 0) {
        out_init(&out, ends[1], false);
        out_write(&out, text, n, NULL, NULL); /* who has seen enough closes it */
        out_done(&out);
    }
    sk_fd_close(ends[1], NULL);
    if (rc == 0 && (rc = sk_child_wait(&child, &status, SK_NEVER, err)) < 0)
        sk_child_end(&child);
    else
        return rc == 0 && status != NOT_EXECUTABLE && status != NOT_EXECUTABLE + 1;
    return -1;
}
