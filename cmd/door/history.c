/* The history file. */
#include "door/history.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "door/prompt.h"

enum { KEPT = 1000, SLACK = 200 }; /* lines; so many more may stand in the file until it is made short */

int user_file(char *dst, size_t size, const char *variable, const char *below_home, const char *name) {
    const char *directory = getenv(variable), *home = getenv("HOME");
    int n = -1;
    if (directory != NULL && directory[0] == '/')
        n = snprintf(dst, size, "%s/sockctl/%s", directory, name);
    else if (home != NULL && home[0] == '/')
        n = snprintf(dst, size, "%s/%s/sockctl/%s", home, below_home, name);
    return n > 0 && (size_t)n < size ? 0 : -1;
}

/* -1: there is none. SOCKCTL_HISTORY set but empty wants none. */
static int history_path(char *dst, size_t size) {
    const char *own = getenv("SOCKCTL_HISTORY");
    if (own == NULL)
        return user_file(dst, size, "XDG_STATE_HOME", ".local/state", "history");
    int n = snprintf(dst, size, "%s", own);
    return n > 0 && (size_t)n < size ? 0 : -1;
}

static void make_directories(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700); /* one that is there stays as it is */
        *slash = '/';
    }
}

/* For appending; nobody else may read it, whatever it was before. */
static int open_for_lines(char *path) {
    struct stat st;
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, fd = open(path, flags, 0600);
    if (fd < 0 && errno == ENOENT) {
        make_directories(path);
        fd = open(path, flags, 0600);
    }
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) && fchmod(fd, 0600) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* ---- Reading ---- */

/* The last lines of the file, as one text; *total: how many it has. NULL without a file. */
static char *read_lines(const char *path, char **first, size_t *total) {
    struct stat st;
    char *text = NULL;
    FILE *file = fopen(path, "re");
    *total = 0;
    if (file == NULL)
        return NULL;
    if (fstat(fileno(file), &st) == 0 && S_ISREG(st.st_mode)) {
        text = sk_alloc((size_t)st.st_size + 1);
        text[fread(text, 1, (size_t)st.st_size, file)] = '\0';
    }
    fclose(file);
    if (text == NULL)
        return NULL;
    for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
        ++*total;
    size_t skip = *total > KEPT ? *total - KEPT : 0;
    *first = text;
    for (; skip > 0; skip--)
        *first = strchr(*first, '\n') + 1;
    return text;
}

/* Other sessions that append at this moment lose no more than these lines. */
static void rewrite(const char *path, const char *text) {
    char fresh[PATH_MAX];
    if ((size_t)snprintf(fresh, sizeof fresh, "%s.%ld", path, (long)getpid()) >= sizeof fresh)
        return;
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    size_t n = strlen(text);
    if (fd < 0)
        return;
    bool whole = write(fd, text, n) == (ssize_t)n;
    if (close(fd) < 0 || !whole || rename(fresh, path) < 0)
        unlink(fresh);
}

bool history_load(void (*remember)(const char *line)) {
    char path[PATH_MAX], *first;
    size_t total;
    if (history_path(path, sizeof path) < 0)
        return true; /* none is wanted: nothing is new */
    char *text = read_lines(path, &first, &total);
    if (text == NULL) {
        bool is_there = access(path, F_OK) == 0;
        history_save("");
        return is_there;
    }
    if (total > KEPT + SLACK)
        rewrite(path, first);
    for (char *line = first, *newline; (newline = strchr(line, '\n')) != NULL; line = newline + 1) {
        *newline = '\0';
        if (*line)
            remember(line);
    }
    free(text);
    return true;
}

/* ---- Writing ---- */

/* Too much rather than too little: the line stays available until the end of the session. */
static bool is_private(const char *line) {
    static const char *const signs[] = { "secret", "auth", "pass", "login" };
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (strcasestr(line, signs[i]) != NULL)
            return true;
    return line[0] == ' ' || strchr(line, '\n') != NULL;
}

void history_save(const char *line) {
    static bool told;
    char path[PATH_MAX];
    if (is_private(line) || history_path(path, sizeof path) < 0)
        return;
    int fd = open_for_lines(path);
    char *text = NULL;
    int n = *line ? asprintf(&text, "%s\n", line) : 0;
    bool saved = fd >= 0 && n >= 0 && (n == 0 || write(fd, text, (size_t)n) == n);
    if (!saved && !told)
        fprintf(stderr, "sockctl: the history is not saved: %s\n", strerror(errno));
    told |= !saved;
    free(text);
    if (fd >= 0)
        close(fd);
}

int history_command(struct frame *f, bool clear, struct sk_buf *out, struct sk_err *err) {
    char path[PATH_MAX], *first;
    size_t total;
    (void)f;
    if (history_path(path, sizeof path) < 0)
        return clear ? (prompt_forget(), 0) : 0;
    if (clear) {
        prompt_forget();
        int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 && errno != ENOENT)
            return sk_fail_sys(err, errno, "open", "the history file");
        if (fd >= 0)
            close(fd);
        return 0;
    }
    char *text = read_lines(path, &first, &total);
    int rc = text != NULL ? sk_buf_add_str(out, first, err) : 0;
    free(text);
    return rc;
}
