/* The source of sockctl-COMMAND(1), computed from the row as the page of help is. mdoc(7). */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "door/pages.h"
#include "lang/optparse.h"

static const char DATE[] = "November 22, 2026";

/* Characters that roff would take for its own, or print as typographic ones. */
static void roff_char(struct sk_buf *out, char c) {
    static const struct {
        char c;
        const char *roff;
    } names[] = {
        { '\\', "\\e" }, { '\'', "\\(aq" }, { '`', "\\(ga" }, { '^', "\\(ha" }, { '~', "\\(ti" }, { '"', "\\(dq" },
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].c == c) {
            sk_buf_add_str(out, names[i].roff, NULL);
            return;
        }
    sk_buf_add(out, &c, 1, NULL);
}

/* A word of running text. Where it begins a line, it must not look like a request. */
static void roff(struct sk_buf *out, const char *text, size_t n, bool begins) {
    if (begins && n > 0 && (text[0] == '.' || text[0] == '\''))
        sk_buf_add_str(out, "\\&", NULL);
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '-' && (i == 0 || text[i - 1] == '-')) /* an option */
            sk_buf_add_str(out, "\\-", NULL);
        else
            roff_char(out, text[i]);
    }
}

/* Lines as they are: examples. A minus must stay one when it is copied. */
static void literal(struct sk_buf *out, const char *text) {
    sk_buf_add_str(out, ".Bd -literal -offset indent\n", NULL);
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");
        if (text[0] == '.' || text[0] == '\'')
            sk_buf_add_str(out, "\\&", NULL);
        for (size_t i = 0; i < n; i++) {
            if (text[i] == '-')
                sk_buf_add_str(out, "\\-", NULL);
            else
                roff_char(out, text[i]);
        }
        sk_buf_add_str(out, "\n", NULL);
        text += n + (text[n] == '\n');
    }
    sk_buf_add_str(out, ".Ed\n", NULL);
}

static bool ends_sentence(const char *word, size_t n) { return n > 1 && strchr(".!?", word[n - 1]) != NULL; }

/* Running text: a new line for each sentence and before a line gets long, a new paragraph for each newline. */
static void prose(struct sk_buf *out, const char *text) {
    enum { LONGEST = 72 };
    size_t column = 0;
    while (*text != '\0') {
        size_t n = strcspn(text, " \n");
        if (column > 0 && column + 1 + n > LONGEST) {
            sk_buf_add_str(out, "\n", NULL);
            column = 0;
        } else if (column > 0) {
            sk_buf_add_str(out, " ", NULL);
        }
        size_t before = out->len;
        roff(out, text, n, column == 0);
        column += out->len - before + 1;
        if (text[n] == '\n') {
            sk_buf_add_str(out, "\n.Pp\n", NULL);
            column = 0;
        } else if (text[n] == ' ' && ends_sentence(text, n)) {
            sk_buf_add_str(out, "\n", NULL);
            column = 0;
        }
        text += n + (text[n] != '\0');
    }
    sk_buf_add_str(out, "\n", NULL);
}

/* An argument of a macro: what mdoc would take for a macro or punctuation is protected. */
static void argument(struct sk_buf *out, const char *text) {
    static const char *const macros[] = { "An", "Ar", "At", "Bx", "Cm", "Do", "Ex", "Fa", "In", "It", "Li", "No",
                                          "Op", "Or", "Pf", "St", "Sx", "Sy", "Tn", "Up", "Ux", "Va", "Xr", NULL };
    bool quoted = strchr(text, ' ') != NULL, guarded = ispunct((unsigned char)text[0]) && text[1] == '\0';
    for (size_t i = 0; macros[i] != NULL; i++)
        guarded |= strcmp(macros[i], text) == 0;
    sk_buf_printf(out, NULL, "%s%s", quoted ? "\"" : "", guarded ? "\\&" : "");
    for (const char *p = text; *p != '\0'; p++)
        roff_char(out, *p);
    sk_buf_add_str(out, quoted ? "\"" : "", NULL);
}

/* "Fl t Ar TIME", "Fl -flags Ar FLAGS", "Fl -exact". */
static void option(struct sk_buf *out, const struct param *row, bool long_name) {
    char buf[64];
    const char *value = value_text_of(row, buf);
    if (row->letter != 0 && !long_name)
        sk_buf_printf(out, NULL, "Fl %c", row->letter);
    else
        sk_buf_printf(out, NULL, "Fl -%s", row->name);
    if (value == NULL)
        return;
    sk_buf_add_str(out, " Ar ", NULL);
    argument(out, value);
}

static void synopsis(const struct command *cmd, struct sk_buf *out) {
    const struct param *rows[ROWS_MOST];
    size_t own, n = command_options(cmd, rows, &own);
    sk_buf_add_str(out, ".Sh SYNOPSIS\n.Nm sockctl\n", NULL);
    if (cmd->flags & (NEED_SOCK | MAY_SOCK))
        sk_buf_add_str(out, ".Oo Ar NAME . Oc Ns ", NULL);
    else
        sk_buf_add_str(out, ".", NULL);
    sk_buf_printf(out, NULL, "Cm %s\n", cmd->name);
    for (size_t i = 0; i < n; i++) {
        if (shared_by_all(rows[i]))
            continue;
        sk_buf_add_str(out, ".Op ", NULL);
        option(out, rows[i], false);
        sk_buf_add_str(out, rows[i]->max > 1 ? " ...\n" : "\n", NULL);
    }
    sk_buf_add_str(out, ".Op Ar OPTION ...\n", NULL);
    n = command_operands(cmd, rows);
    for (size_t i = 0; i < n; i++) {
        bool dashes = (rows[i]->flags & AFTER_DASHES) != 0;
        sk_buf_add_str(out, rows[i]->min > 0 ? ".Ar " : dashes ? ".Op Fl Fl Ar " : ".Op Ar ", NULL);
        argument(out, rows[i]->name);
        sk_buf_add_str(out, *row_many(rows[i]) != '\0' ? " ...\n" : "\n", NULL);
    }
}

static void operands(const struct command *cmd, struct sk_buf *out) {
    const struct param *rows[ROWS_MOST];
    char help[256];
    size_t n = command_operands(cmd, rows);
    if (n == 0)
        return;
    sk_buf_add_str(out, ".Pp\nOperands:\n.Bl -tag -width Ds\n", NULL);
    for (size_t i = 0; i < n; i++) {
        sk_buf_add_str(out, ".It Ar ", NULL);
        argument(out, rows[i]->name);
        sk_buf_add_str(out, "\n", NULL);
        prose(out, row_help(rows[i], help));
    }
    sk_buf_add_str(out, ".El\n", NULL);
}

static void options(const struct command *cmd, struct sk_buf *out) {
    const struct param *rows[ROWS_MOST];
    char help[256];
    size_t own, n = command_options(cmd, rows, &own);
    sk_buf_add_str(out, ".Pp\nOptions:\n.Bl -tag -width Ds\n", NULL);
    for (size_t i = 0; i < n; i++) {
        sk_buf_add_str(out, ".It ", NULL);
        if (rows[i]->letter != 0)
            sk_buf_printf(out, NULL, "Fl %c , ", rows[i]->letter);
        option(out, rows[i], true);
        sk_buf_add_str(out, "\n", NULL);
        prose(out, row_help(rows[i], help));
    }
    sk_buf_add_str(out, ".El\n", NULL);
}

static void statuses(const struct command *cmd, struct sk_buf *out) {
    sk_buf_add_str(out, ".Sh EXIT STATUS\n.Bl -tag -width Ds\n", NULL);
    for (const struct sk_status *s = sk_statuses; s->meaning != NULL; s++)
        if (status_matters(cmd, s->status)) {
            sk_buf_printf(out, NULL, ".It %d\n", s->status);
            prose(out, s->meaning);
        }
    sk_buf_add_str(out, ".El\n.Pp\nThe others are listed in\n.Xr sockctl 1 .\n", NULL);
}

static void environment(const struct command *cmd, struct sk_buf *out) {
    const char *name, *meaning;
    size_t i = 0;
    for (; (name = command_variable(cmd, i, &meaning)) != NULL; i++) {
        sk_buf_add_str(out, i == 0 ? ".Sh ENVIRONMENT\n.Bl -tag -width Ds\n" : "", NULL);
        sk_buf_printf(out, NULL, ".It Ev %s\n", name);
        prose(out, meaning);
    }
    if (i > 0)
        sk_buf_add_str(out, ".El\n", NULL);
}

/* The section of the system's own page of that name; 0: none. */
static int system_section(const char *name) {
    static const char *const calls[] = { "accept",      "bind",       "close",  "connect",  "dup",     "getpeername",
                                         "getsockname", "getsockopt", "listen", "poll",     "read",    "recv",
                                         "recvfrom",    "recvmsg",    "send",   "sendfile", "sendmsg", "sendto",
                                         "setsockopt",  "shutdown",   "socket", "write",    NULL };
    static const char *const functions[] = { "getaddrinfo",    "getnameinfo", "getprotobyname", "getservbyname",
                                             "htonl",          "htons",       "if_indextoname", "if_nameindex",
                                             "if_nametoindex", "inet_ntop",   "inet_pton",      "ntohl",
                                             "ntohs",          NULL };
    for (size_t i = 0; calls[i] != NULL; i++)
        if (strcmp(calls[i], name) == 0)
            return 2;
    for (size_t i = 0; functions[i] != NULL; i++)
        if (strcmp(functions[i], name) == 0)
            return 3;
    return 0;
}

static bool has_page(const char *topic) { return strcmp(topic, "addresses") == 0 || strcmp(topic, "bytes") == 0; }

static void see_also(const struct command *cmd, struct sk_buf *out) {
    int section = system_section(cmd->name);
    const char *topic;
    sk_buf_add_str(out, ".Sh SEE ALSO\n.Xr sockctl 1", NULL);
    for (size_t i = 0; i < command_count; i++)
        if (commands[i] != cmd && !(commands[i]->flags & ALIAS) && strcmp(commands[i]->group, cmd->group) == 0)
            sk_buf_printf(out, NULL, " ,\n.Xr sockctl-%s 1", commands[i]->name);
    if (section != 0)
        sk_buf_printf(out, NULL, " ,\n.Xr %s %d", cmd->name, section);
    sk_buf_add_str(out, " ,\n.Xr sockctl-json 5 ,\n.Xr sockctl-script 5", NULL);
    for (size_t i = 0; (topic = command_topic(cmd, i)) != NULL; i++)
        if (has_page(topic))
            sk_buf_printf(out, NULL, " ,\n.Xr sockctl-%s 7", topic);
    sk_buf_add_str(out, "\n", NULL);
}

void command_mdoc(const struct command *cmd, struct sk_buf *out) {
    char title[64];
    size_t n = 0;
    for (; cmd->name[n] != '\0' && n < sizeof title - 1; n++)
        title[n] = (char)toupper((unsigned char)cmd->name[n]);
    title[n] = '\0';
    sk_buf_printf(out, NULL, ".Dd %s\n.Dt SOCKCTL-%s 1\n.Os\n.Sh NAME\n.Nm sockctl-%s\n.Nd ", DATE, title, cmd->name);
    roff(out, cmd->summary, strlen(cmd->summary), true);
    sk_buf_add_str(out, "\n", NULL);
    synopsis(cmd, out);
    sk_buf_add_str(out, ".Sh DESCRIPTION\n", NULL);
    char first[256];
    snprintf(first, sizeof first, "%c%s.", toupper((unsigned char)cmd->summary[0]), cmd->summary + 1);
    prose(out, first);
    if (cmd->details != NULL) {
        sk_buf_add_str(out, ".Pp\n", NULL);
        prose(out, cmd->details);
    }
    operands(cmd, out);
    options(cmd, out);
    environment(cmd, out);
    statuses(cmd, out);
    sk_buf_add_str(out, ".Sh EXAMPLES\nAs lines of a script or after\n.Nm sockctl Fl c :\n", NULL);
    for (size_t i = 0; cmd->examples != NULL && cmd->examples[i] != NULL; i++)
        literal(out, cmd->examples[i]);
    see_also(cmd, out);
}
