/* The process itself as the outside world of commands. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/bytes.h"
#include "door/door.h"
#include "door/help.h"
#include "door/history.h"
#include "lang/render.h"
#include "net/sys.h"
#include "out/paint.h"
#include "out/sink.h"
#include "run/fd.h"
#include "run/task.h"
#include "run/wait.h"

#define FIFO_PAUSE (128 * SK_MS) /* at most, between looks for a reader */

static bool is_fifo(int fd) {
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* Never waiting inside open(2): a signal that came just before it would not end that. */
static int host_open(const char *path, int flags, int mode, sk_time deadline, struct sk_err *err) {
    char shown[256];
    struct stat st;
    sk_time pause = SK_MS;
    int fd;
    while ((fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, mode)) < 0) {
        int why = errno;
        bool is_unread = why == ENXIO && stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
        if (is_unread && sk_left(deadline) <= 0)
            return sk_fail_timeout(err, "open");
        if (is_unread && sk_sleep_until(sk_after(pause), "open", err) < 0)
            return -1;
        pause = pause < FIFO_PAUSE ? pause * 2 : pause;
        if (!is_unread && why != EINTR)
            return sk_fail_sys(err, why, "open", "%s", sk_escape_cut(shown, sizeof shown, path, strlen(path)));
    }
    if ((flags & O_ACCMODE) == O_RDONLY && is_fifo(fd) && sk_wait(fd, POLLIN, "open", deadline, err) < 0) {
        sk_fd_close(fd, NULL);
        return -1;
    }
    return fd;
}

static int host_spawn(struct sk_child *child, char *const argv[], int in, int out, struct sk_err *err) {
    return sk_child_start(child, argv, in, out, -1, err);
}

static const char *host_env(const char *name) {
    const char *value = getenv(name);
    return value != NULL && *value != '\0' ? value : NULL;
}

static bool host_is_terminal(int fd) { return isatty(fd) == 1; }

static size_t host_columns(int fd) {
    struct winsize size;
    return isatty(fd) == 1 && ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static ssize_t host_secret(char *line, size_t room, sk_time deadline, struct sk_err *err) {
    struct termios before, quiet;
    int tty = open("/dev/tty", O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (tty < 0 || tcgetattr(tty, &before) < 0) {
        sk_fd_close(tty, NULL);
        return sk_fail_usage(err, "--secret needs a terminal; give the data with --file or -");
    }
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(tty, TCSAFLUSH, &quiet);
    ssize_t got = sk_sys_read(tty, line, room - 1, deadline, err);
    tcsetattr(tty, TCSANOW, &before);
    sk_fd_close(tty, NULL);
    return got > 0 && line[got - 1] == '\n' ? got - 1 : got;
}

static void host_echo(struct frame *f, const char *text) {
    struct sk_buf line = { 0 };
    (void)f;
    text_clean(&line, text, strlen(text), true, NULL);
    fprintf(stderr, "+ %.*s\n", (int)line.len, line.len ? (const char *)sk_buf_data(&line) : "");
    sk_buf_done(&line);
}

static void host_progress(const char *line) {
    if (isatty(STDERR_FILENO) == 1 && isatty(STDOUT_FILENO) != 1)
        fprintf(stderr, "\r\033[K%s", line);
}

bool speaks_utf8(const struct host *host) {
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = host->env(names[i]);
        if (value != NULL)
            return strcasestr(value, "UTF-8") != NULL || strcasestr(value, "utf8") != NULL;
    }
    return false;
}

static struct frame *top_frame;

void host_serves(struct frame *f) { top_frame = f; }

/* `[c] > 'PING\r\n'`: a literal for each line of data, > for sent and < for received, as curl -v has it. */
static void host_tap(struct sk_sock *s, bool sent, const void *p, size_t n, void *arg) {
    const struct object *obj = arg;
    const char *line = p, *end = line + n;
    struct sk_buf text = { 0 };
    char color[16] = "";
    (void)s;
    if (top_frame != NULL && paint_wanted(top_frame, STDERR_FILENO))
        paint_begin(color, top_frame->colors[sent ? 0 : 1]);
    while (line < end) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *next = newline != NULL ? newline + 1 : end;
        sk_buf_printf(&text, NULL, "%s[%s] %c '", color, obj->name, sent ? '>' : '<');
        sk_escape(&text, line, (size_t)(next - line), SK_ESC_QUOTED, NULL);
        sk_buf_printf(&text, NULL, "'%s\n", *color ? PAINT_END : "");
        line = next;
    }
    fwrite(sk_buf_data(&text), 1, text.len, stderr);
    sk_buf_done(&text);
}

const struct host *process_host(int closed) {
    static struct host host = { .open = host_open,
                                .spawn = host_spawn,
                                .env = host_env,
                                .secret = host_secret,
                                .is_terminal = host_is_terminal,
                                .columns = host_columns,
                                .sink = sink_new,
                                .help = help_text,
                                .manual = help_manual,
                                .complete = help_complete,
                                .history = history_command,
                                .echo = host_echo,
                                .progress = host_progress,
                                .tap = host_tap };
    host.stdin_was_closed = (closed & 1 << STDIN_FILENO) != 0;
    host.stdout_was_closed = (closed & 1 << STDOUT_FILENO) != 0;
    return &host;
}
