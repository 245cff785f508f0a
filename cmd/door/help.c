/* `help` and --version. */
#include "door/help.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/names.h"
#include "door/door.h"
#include "door/pages.h"
#include "lang/optparse.h"
#include "lang/script.h"
#include "out/out.h"
#include "verbs/help.h"

/* ---- One screen ---- */

static const char overview_head[] = "Usage: sockctl [-c TEXT | -f FILE | COMMAND [ARG]...]\n"
                                    "Socket calls as commands, for the shell and for tests.\n"
                                    "  sockctl                           a prompt, or a script on standard input\n"
                                    "  sockctl connect example.com:80    is the port open?\n"
                                    "  sockctl do connect example.com:80 , send 'GET / HTTP/1.0\\r\\n\\r\\n' , read\n";

/* The groups in the order of INTERFACE.md B1.8, and what stands first in each; the rest follows by name. */
static const struct {
    const char *group, *first[6];
} groups[] = {
    { "make", { "socket", "connect", "listen", "accept", "bind" } },
    { "bytes", { "send", "sendall", "sendline", "recv", "read", "readline" } },
    { "wait", { "expect", "poll", "silent" } },
    { "options", { "setsockopt", "getsockopt", "options", "settimeout", "info" } },
    { "names", { "getaddrinfo", "getnameinfo", "inet_pton", "inet_ntop", "constants" } },
    { "tls, jobs", { "tls", "starttls", "peercert" } }, /* small ones share a line */
    { "session", { "help", "ls", "use", "set", "print" } },
    { "test", { "assert", "fails" } },
    { "doors", { "do" } },
};

static bool leads(size_t group, const char *name) {
    for (size_t i = 0; i < 6 && groups[group].first[i] != NULL; i++)
        if (strcmp(groups[group].first[i], name) == 0)
            return true;
    return false;
}

enum { COLUMN = 10 };

/* No name of a group is a part of another one. */
static bool belongs(size_t group, const char *name) { return strstr(groups[group].group, name) != NULL; }

static void group_line(size_t group, struct sk_buf *out) {
    size_t column = COLUMN - 1;
    sk_buf_printf(out, NULL, "%-*s", COLUMN - 1, groups[group].group);
    for (size_t i = 0; i < 6 && groups[group].first[i] != NULL; i++)
        piece(out, &column, COLUMN, groups[group].first[i]);
    for (size_t i = 0; i < command_count; i++)
        if (!(commands[i]->flags & ALIAS) && belongs(group, commands[i]->group) && !leads(group, commands[i]->name))
            piece(out, &column, COLUMN, commands[i]->name);
    sk_buf_add_str(out, "\n", NULL);
}

/* Those of one letter: the rest would fill the screen. */
static void option_piece(const struct param *row, size_t *column, struct sk_buf *out) {
    char room[64], text[128];
    const char *value = value_text_of(row, room);
    if (row->letter == 0)
        return;
    snprintf(text, sizeof text, "-%c%s%s", row->letter, value != NULL ? " " : "", value != NULL ? value : "");
    piece(out, column, COLUMN, text);
}

static void options_line(struct sk_buf *out) {
    size_t column = COLUMN - 1;
    sk_buf_add_str(out, "Options: ", NULL);
    for (size_t i = 0; i < global_row_count; i++)
        option_piece(&global_rows[i], &column, out);
    for (size_t i = 0; i < common_row_count; i++)
        if (common_rows[i].when == 0)
            option_piece(&common_rows[i].param, &column, out);
    sk_buf_add_str(out, "  (all: man sockctl)\n", NULL);
}

static void topic_line(const char *title, bool example, struct sk_buf *out) {
    sk_buf_printf(out, NULL, "%-9s", title);
    for (size_t i = 0; i < topic_count; i++)
        if (topics[i].example == example)
            sk_buf_printf(out, NULL, " %s", topics[i].name);
    sk_buf_add_str(out, "\n", NULL);
}

static void overview(struct sk_buf *out) {
    sk_buf_add_str(out, overview_head, NULL);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        group_line(i, out);
    options_line(out);
    topic_line("Topics:", false, out);
    topic_line("Examples:", true, out);
    sk_buf_add_str(out, "More:     sockctl help COMMAND, help TOPIC, help --search WORD, man sockctl\n", NULL);
}

/* ---- Pages ---- */

static int unknown(const char *topic, struct sk_err *err) {
    const char *names[256];
    size_t count = 0;
    char shown[80];
    sk_escape_cut(shown, sizeof shown, topic, strlen(topic));
    for (size_t i = 0; i < topic_count && count < 256; i++)
        names[count++] = topics[i].name;
    for (size_t i = 0; i < command_count && count < 256; i++)
        names[count++] = commands[i]->name;
    const char *near = sk_nearest(topic, names, count);
    if (near != NULL)
        return sk_fail_usage(err, "no help on '%s'; did you mean '%s'?", shown, near);
    return sk_fail_usage(err, "no help on '%s'; help lists the commands and topics, help --search WORD searches",
                         shown);
}

static int page(const char *name, struct sk_buf *out, struct sk_err *err) {
    const struct topic *topic = topic_find(name);
    const struct command *cmd = command_find(name, strlen(name));
    if (topic != NULL && cmd != NULL && strcmp(cmd->name, name) != 0)
        cmd = NULL; /* help exit is about statuses, not about the alias of quit */
    if (topic == NULL && cmd == NULL)
        return unknown(name, err);
    if (cmd != NULL)
        command_page(cmd, out);
    if (cmd != NULL && topic != NULL)
        sk_buf_add_str(out, "\n", NULL);
    if (topic != NULL)
        topic_page(topic, out);
    return 0;
}

static int search_text(const char *text, struct sk_buf *out, struct sk_err *err) {
    size_t before = out->len;
    for (size_t i = 0; i < command_count; i++)
        if (!(commands[i]->flags & ALIAS) && command_mentions(commands[i], text))
            sk_buf_printf(out, NULL, "%-16s %s\n", commands[i]->name, commands[i]->summary);
    for (size_t i = 0; i < topic_count; i++)
        if (strcasestr(topics[i].name, text) || strcasestr(topics[i].summary, text) || strcasestr(topics[i].text, text))
            sk_buf_printf(out, NULL, "help %-11s %s\n", topics[i].name, topics[i].summary);
    if (out->len > before)
        return 0;
    char shown[80];
    return sk_fail(err, SK_ASSERT, ENOENT, "help", "no command and no topic mentions '%s'",
                   sk_escape_cut(shown, sizeof shown, text, strlen(text)));
}

int help_text(struct frame *f, const char *topic, const char *search, bool json, struct sk_buf *out,
              struct sk_err *err) {
    (void)f;
    (void)json;
    if (search != NULL)
        return search_text(search, out, err);
    if (topic != NULL)
        return page(topic, out, err);
    overview(out);
    return 0;
}

int help_manual(struct frame *f, const char *command, struct sk_buf *out, struct sk_err *err) {
    (void)f;
    const struct command *cmd = command_find(command, strlen(command));
    if (cmd == NULL)
        return unknown(command, err);
    command_mdoc(cmd, out);
    return 0;
}

/* ---- --version ---- */

/* The libraries that are opened on first use: what they say of themselves. */
static void cares_version(struct sk_buf *out, void *library) {
    const char *(*version)(int *);
    *(void **)&version = dlsym(library, "ares_version");
    sk_buf_printf(out, NULL, "c-ares %s", version != NULL ? version(NULL) : "?");
}

static void openssl_version(struct sk_buf *out, void *library) {
    enum { VERSION_STRING = 6 }; /* OPENSSL_VERSION_STRING */
    const char *(*version)(int);
    *(void **)&version = dlsym(library, "OpenSSL_version");
    sk_buf_printf(out, NULL, "OpenSSL %s", version != NULL ? version(VERSION_STRING) : "?");
}

static void readline_version(struct sk_buf *out, void *library) {
    const char **version = dlsym(library, "rl_library_version");
    sk_buf_printf(out, NULL, "readline %s", version != NULL ? *version : "?");
}

static void pcre_version(struct sk_buf *out, void *library) {
    enum { CONFIG_VERSION = 11 }; /* PCRE2_CONFIG_VERSION */
    int (*config)(uint32_t, void *);
    char text[64] = "?";
    *(void **)&config = dlsym(library, "pcre2_config_8");
    if (config != NULL && config(CONFIG_VERSION, NULL) <= (int)sizeof text)
        config(CONFIG_VERSION, text);
    sk_buf_printf(out, NULL, "PCRE2 %.*s", (int)strcspn(text, " "), text); /* "10.42 2022-12-11" */
}

void version_text(struct sk_buf *out) {
    static const struct {
        const char *file, *name;
        void (*tell)(struct sk_buf *, void *);
    } libraries[] = {
        { "libcrypto.so.3", "OpenSSL", openssl_version },
        { "libcares.so.2", "c-ares", cares_version },
        { "libreadline.so.8", "readline", readline_version },
        { "libpcre2-8.so.0", "PCRE2", pcre_version },
    };
    sk_buf_add_str(out, "sockctl " SOCKCTL_VERSION "\n", NULL);
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        void *library = dlopen(libraries[i].file, RTLD_NOW | RTLD_LOCAL);
        sk_buf_add_str(out, i > 0 ? ", " : "", NULL);
        if (library != NULL)
            libraries[i].tell(out, library);
        else
            sk_buf_printf(out, NULL, "%s not installed", libraries[i].name);
    }
    sk_buf_add_str(out, "\n", NULL);
}

int door_print(struct frame *f, struct sk_buf *text) {
    struct out out;
    struct sk_err err;
    out_init(&out, STDOUT_FILENO, f->host->stdout_was_closed);
    int rc = out_write(&out, sk_buf_data(text), text->len, NULL, &err);
    out_done(&out);
    return rc < 0 ? door_refuse(f, &err) : 0;
}
