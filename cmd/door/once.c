/* One command, or a `do` chain, from argv: every word is data. */
#include <string.h>
#include <unistd.h>

#include "door/door.h"
#include "lang/collect.h"
#include "lang/script.h"

int door_refuse(struct frame *f, const struct sk_err *err) {
    struct sink *sink = f->host->sink(f, STDOUT_FILENO, F_AUTO);
    int status = script_refused(f, sink, NULL, 0, err);
    sink_free(sink);
    return status;
}

/* --echo: the words as a line of the language, as far as a person needs it. */
static void echo(struct frame *f, char *const *argv, size_t count) {
    struct sk_buf line = { 0 };
    for (size_t i = 0; i < count; i++) {
        const char *quote = argv[i][strcspn(argv[i], " \t\n;|&<>$#\"")] != '\0' || argv[i][0] == '\0' ? "'" : "";
        sk_buf_printf(&line, NULL, "%s%s%s%s", i > 0 ? " " : "", quote, argv[i], quote);
    }
    sk_buf_add(&line, "", 1, NULL);
    f->host->echo(f, (const char *)sk_buf_data(&line));
    sk_buf_done(&line);
}

int door_once(struct frame *f, char *const *argv, size_t count, bool check) {
    struct prog prog;
    struct sk_err err;
    int status = 0;
    f->style = STYLE_ONCE;
    if (f->echo && !check)
        echo(f, argv, count);
    if (prog_argv(&prog, argv, count, &err) < 0) {
        status = door_refuse(f, &err);
    } else if (!check) {
        /* a chain shows data only: counts and names are for one command alone */
        if (prog.steps[0].cmd->flags & PREFIX)
            f->style = STYLE_SCRIPT;
        struct sink *sink = f->host->sink(f, STDOUT_FILENO, f->defaults.format_set ? f->defaults.format : F_AUTO);
        status = prog_run(f, &prog, sink);
        sink_free(sink);
    }
    prog_done(&prog);
    return f->stop_status >= 0 ? f->stop_status : status;
}
