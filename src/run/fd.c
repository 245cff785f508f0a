#include "run/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "run/loop.h"

int sk_fd_close(int fd, struct sk_err *err) {
    if (fd == -1)
        return 0;
    sk_watch_end(fd);
    return close(fd) < 0 ? sk_fail_sys(err, errno, "close", NULL) : 0;
}

/* Take the lowest number, which is fd, in the direction that is not its own: what reads or writes there fails with
 * EBADF, in children too, and never finds an end of data or a sink that takes everything. */
static int occupy(int fd) {
    int mode = fd == 0 ? O_WRONLY : O_RDONLY;
    int got = open("/dev/null", mode | O_NOCTTY);
    return got < 0 ? open("/", O_RDONLY | O_DIRECTORY) : got;
}

int sk_fd_sanitize(void) {
    struct pollfd std[3] = { { .fd = 0 }, { .fd = 1 }, { .fd = 2 } };
    int missing = 0, n;
    while ((n = poll(std, 3, 0)) < 0 && errno == EINTR)
        continue;
    for (int fd = 0; n > 0 && fd < 3; fd++)
        if (std[fd].revents & POLLNVAL) {
            missing |= 1 << fd;
            if (occupy(fd) < 0)
                break;
        }
    return missing;
}

static struct rlimit started_with;

void sk_fd_raise_limit(void) {
    if (getrlimit(RLIMIT_NOFILE, &started_with) == 0)
        sk_fd_limit(true);
}

void sk_fd_limit(bool raised) {
    struct rlimit limit = started_with;
    if (limit.rlim_cur == limit.rlim_max)
        return;
    if (raised)
        limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}
