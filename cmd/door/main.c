/* The program: which door the words of argv lead to. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/module.h"
#include "base/parse.h"
#include "door/door.h"
#include "door/help.h"
#include "door/record.h"
#include "lang/job.h"
#include "lang/optparse.h"
#include "net/dns.h"
#include "run/chaos.h"
#include "run/fd.h"
#include "run/wake.h"
#include "sock/tap.h"
#include "verbs/tap.h"

static void out_of_memory(void) {
    static const char message[] = "sockctl: out of memory\n";
    if (write(STDERR_FILENO, message, sizeof message - 1) < 0)
        _exit(125);
    _exit(125);
}

static int take_environment(struct frame *f, struct sk_err *err) {
    const char *timeout = f->host->env("SOCKCTL_TIMEOUT"), *format = f->host->env("SOCKCTL_FORMAT");
    struct common *env = &f->environment;
    if (timeout != NULL && sk_parse_time("SOCKCTL_TIMEOUT", timeout, strlen(timeout), &env->timeout, err) < 0)
        return -1;
    env->socket = f->host->env("SOCKCTL_SOCKET");
    for (int i = 0; format != NULL && format_names[i] != NULL; i++)
        if (strcmp(format_names[i], format) == 0) {
            common_format(env, (enum format)i);
        }
    if (format != NULL && !env->format_set && !env->json_set)
        return sk_fail_usage(
            err, "SOCKCTL_FORMAT: '%.40s' is no format; write auto, raw, text, escape, hex, hexdump, base64 or json",
            format);
    return 0;
}

/* --trace: the file is there before anything runs, or nothing does. */
static int begin_trace(const struct globals *g, struct sk_err *err) {
    return g->trace == NULL || g->check || g->version || g->common.help ? 0 : record_begin(g->trace, g, err);
}

/* The end of the file is that of the sockets. A file that could not be written is a failure, told last. */
static int end_trace(struct frame *f, int status) {
    struct sk_err err;
    if (!sk_tape)
        return status;
    jobs_end(f);
    session_close(f->ses);
    if (record_end(&err) == 0)
        return status;
    int refused = door_refuse(f, &err);
    return status != 0 ? status : refused;
}

static int run(struct frame *f, struct globals *g, int argc, char **argv, int first) {
    if (g->version || g->common.help) {
        struct sk_buf text = { 0 };
        if (g->version)
            version_text(&text);
        else
            help_text(f, NULL, NULL, false, &text, NULL);
        int status = door_print(f, &text);
        sk_buf_done(&text);
        return status;
    }
    if (g->count > 0 && first < argc) {
        struct sk_err err;
        sk_fail_usage(&err, "'%s' after -c or -f: give either texts or one command", argv[first]);
        return door_refuse(f, &err);
    }
    if (g->check && g->interactive) {
        struct sk_err err;
        sk_fail_usage(&err, "--check runs nothing, -i takes commands to run: give one of them");
        return door_refuse(f, &err);
    }
    if (g->count > 0) {
        int status = door_texts(f, g);
        return g->interactive && !f->stop && (status == 0 || f->host->is_terminal(STDIN_FILENO))
                   ? door_lines(f, g->no_init)
                   : status;
    }
    if (first < argc)
        return door_once(f, argv + first, (size_t)(argc - first), g->check);
    if (g->interactive || f->host->is_terminal(STDIN_FILENO))
        return door_lines(f, g->no_init);
    return door_stdin(f, g->check);
}

/* A closed stdout ends the process as SIGPIPE would. */
static int leave(int status) {
    if (status == 128 + SIGPIPE) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    return status;
}

/* --tap: the line of the last section, and the plan. */
static int finish_sections(struct frame *f, int status) {
    struct sk_buf text = { 0 };
    tap_plan(f, status, &text);
    int told = door_print(f, &text);
    sk_buf_done(&text);
    return status != 0 ? status : told;
}

int main(int argc, char **argv) {
    struct frame f;
    struct arena args = { 0 };
    struct globals g = { 0 };
    struct sk_err err;
    sk_on_oom(out_of_memory);
#ifdef SK_CHAOS /* builds for tests: SEED of bad luck, or SEED,cancel */
    if (getenv("SK_CHAOS") != NULL) {
        sk_chaos(strtoull(getenv("SK_CHAOS"), NULL, 10));
        sk_chaos_cancel(strchr(getenv("SK_CHAOS"), ',') != NULL);
    }
#endif
    sk_module_directory(SOCKCTL_MODULE_DIR);
    const struct host *host = process_host(sk_fd_sanitize());
    sk_wake_init();
    sk_fd_raise_limit();
    frame_init(&f, NULL, session_new(), host);
    f.style = STYLE_SCRIPT;
    common_init(&g.common);
    int first = globals_parse(&g, argc, argv, &args, &err);
    if (first >= 0 && g.count == 0)
        argc = globals_after(&g, first, argc, argv);
    f.defaults = g.common;
    f.color = g.common.color;
    host_serves(&f);
    if (!speaks_utf8(host) && (host->is_terminal(STDOUT_FILENO) || host->is_terminal(STDERR_FILENO)))
        sk_escape_ascii();
    f.keep_going = g.keep_going;
    f.echo = g.echo;
    f.tap = g.tap;
    bool refused = first < 0 || take_environment(&f, &err) < 0 || begin_trace(&g, &err) < 0;
    int status = refused ? door_refuse(&f, &err) : run(&f, &g, argc, argv, first);
    if (f.tap && !f.defaults.json && first >= 0)
        status = finish_sections(&f, status);
    status = end_trace(&f, status);
    frame_done(&f); /* ends the jobs */
    session_free(f.ses);
    sk_tape_done();
    free(g.texts);
    arena_done(&args);
    sk_dns_done();
    return leave(status);
}
