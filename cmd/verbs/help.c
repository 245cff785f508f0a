/* help: the table itself in JSON, its pages for people. */
#include "verbs/help.h"

#include <string.h>

#include "base/bytes.h"
#include "base/names.h"
#include "lang/call.h"
#include "lang/frame.h"
#include "lang/optparse.h"

static struct sk_value text_or_null(const char *s) { return s ? sk_text(s) : sk_null(); }

static struct sk_value words_value(const char *const *words) {
    struct sk_value list = sk_list();
    for (size_t i = 0; words && words[i]; i++)
        sk_push(&list, sk_text(words[i]));
    return list;
}

static struct sk_value param_value(const struct param *p) {
    struct sk_value v = sk_record();
    sk_put(&v, "name", sk_text(p->name));
    if (p->operand) {
        sk_put(&v, "min", sk_int(p->min));
        sk_put(&v, "max", p->max == MANY || p->flags & MULTIWORD ? sk_null() : sk_int(p->max));
    } else {
        sk_put(&v, "letter", p->letter ? sk_text_n(&p->letter, 1) : sk_null());
    }
    sk_put(&v, "value", p->kind == K_FLAG ? sk_null() : sk_text(kind_placeholder(p->kind)));
    sk_put(&v, "choices", words_value(p->kind == K_CHOICE ? p->choices : NULL));
    if (p->lo || p->hi) {
        sk_put(&v, "lowest", sk_int(p->lo));
        sk_put(&v, "highest", sk_int(p->hi));
    }
    sk_put(&v, "help", text_or_null(p->help));
    return v;
}

static struct sk_value command_value(const struct command *cmd) {
    static const char *const results[] = { "none", "one", "items", "stream" };
    struct sk_value v = sk_record(), options = sk_list(), operands = sk_list();
    for (const struct param *p = cmd->params; p && p->kind != K_END; p++)
        sk_push(p->operand ? &operands : &options, param_value(p));
    for (size_t i = 0; i < common_row_count; i++)
        if (common_applies(&common_rows[i], cmd))
            sk_push(&options, param_value(&common_rows[i].param));
    sk_put_main(&v, "name", sk_text(cmd->name));
    sk_put(&v, "group", sk_text(cmd->group));
    sk_put(&v, "summary", sk_text(cmd->summary));
    sk_put(&v, "operands", operands);
    sk_put(&v, "options", options);
    sk_put(&v, "result", sk_text(results[cmd->result]));
    sk_put(&v, "details", text_or_null(cmd->details));
    sk_put(&v, "examples", words_value(cmd->examples));
    return v;
}

bool command_mentions(const struct command *cmd, const char *text) {
    if (!text || strcasestr(cmd->name, text) || strcasestr(cmd->summary, text) ||
        (cmd->details && strcasestr(cmd->details, text)))
        return true;
    for (const struct param *p = cmd->params; p && p->kind != K_END; p++)
        if (strcasestr(p->name, text) || (p->help && strcasestr(p->help, text)))
            return true;
    return false;
}

/* {"commands": [...]}: all rows, those that a search finds, or the one that is asked for. */
static void table_put(struct call *c, const struct command *one, const char *search) {
    struct sk_value list = sk_list();
    for (size_t i = 0; i < command_count; i++)
        if (!(commands[i]->flags & ALIAS) && (one ? commands[i] == one : command_mentions(commands[i], search)))
            sk_push(&list, command_value(commands[i]));
    sk_put(&c->result, "commands", list);
}

struct sk_value lines_of(const struct sk_buf *text) {
    struct sk_value lines = sk_list();
    const char *p = text->len ? (const char *)sk_buf_data(text) : "", *end = p + text->len;
    while (p < end) {
        const char *newline = memchr(p, '\n', (size_t)(end - p)), *stop = newline ? newline : end;
        sk_push(&lines, sk_text_n(p, (size_t)(stop - p)));
        p = stop + 1;
    }
    return lines;
}

static int help(struct call *c) {
    enum { TOPIC, SEARCH, MDOC };
    const char *topic = text_or(c, TOPIC, NULL), *search = text_or(c, SEARCH, NULL);
    const struct command *cmd = topic ? command_find(topic, strlen(topic)) : NULL;
    if (cmd && strcmp(cmd->name, topic) != 0)
        cmd = NULL; /* `help exit` is about statuses, not about quit */
    if (topic && search)
        return sk_fail_usage(&c->err, "help: a topic and --search together; write one of them");
    if (flag(c, MDOC) && !topic)
        return sk_fail_usage(&c->err, "help: --mdoc needs a command; write help --mdoc COMMAND");
    const struct host *host = c->frame->host;
    struct sk_buf text = { 0 };
    if ((flag(c, MDOC) ? host->manual(c->frame, topic, &text, &c->err)
                       : host->help(c->frame, topic, search, false, &text, &c->err)) < 0) {
        sk_buf_done(&text);
        return -1;
    }
    c->result = sk_record();
    sk_put(&c->result, "topic", text_or_null(topic));
    sk_put_main(&c->result, "lines", lines_of(&text));
    if (!topic || cmd)
        table_put(c, cmd, search);
    sk_buf_done(&text);
    return 0;
}

static int history(struct call *c) {
    enum { CLEAR };
    const struct host *host = c->frame->host;
    struct sk_buf text = { 0 };
    int rc = host->history ? host->history(c->frame, flag(c, CLEAR), &text, &c->err) : 0;
    c->result = sk_record();
    if (rc == 0)
        sk_put_main(&c->result, "lines", lines_of(&text));
    sk_buf_done(&text);
    return rc;
}

const struct command cmd_history = {
    .name = "history",
    .group = "session",
    .summary = "show or clear the saved lines of the shell",
    .params =
        (const struct param[]){
            OPT(0, "clear", K_FLAG, "forget them all, here and in the file"),
            { .kind = K_END },
        },
    .flags = PAGED,
    .result = R_ONE,
    .details =
        "The shell saves its lines in $SOCKCTL_HISTORY, or else in sockctl/history below $XDG_STATE_HOME or "
        "~/.local/state, "
        "which nobody else may read; an empty SOCKCTL_HISTORY saves none. Never saved: a line that begins with a "
        "blank, one with secret, auth, pass or login in it, and one that went over several rows.",
    .examples = (const char *const[]){ "history", NULL },
    .run = history,
};

const struct command cmd_help = {
    .name = "help",
    .group = "session",
    .summary = "show help on a command or a topic",
    .params =
        (const struct param[]){
            ARG("TOPIC", K_TEXT, 0, 1, "a command, or a topic such as bytes, addresses, exit, http"),
            OPT(0, "search", K_TEXT, "list the commands and topics that mention TEXT"),
            OPT(0, "mdoc", K_FLAG, "give the manual page of a command as mdoc source"),
            { .kind = K_END },
        },
    .flags = PAGED,
    .result = R_ONE,
    .details = "Without operands: one screen with all commands. COMMAND --help is the same as help COMMAND. --json has "
               "the rows of the "
               "command table: operands, options, kinds, examples.",
    .examples = (const char *const[]){ "help recv", "help --search timeout", "help exit", NULL },
    .run = help,
};
