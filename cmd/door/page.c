/* The page of one command, computed from its row. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "door/pages.h"
#include "lang/optparse.h"

size_t command_options(const struct command *cmd, const struct param *rows[ROWS_MOST], size_t *own) {
    size_t n = 0;
    for (const struct param *p = cmd->params; p != NULL && p->kind != K_END && n < ROWS_MOST; p++)
        if (!p->operand)
            rows[n++] = p;
    *own = n;
    for (size_t i = 0; i < common_row_count && n < ROWS_MOST; i++)
        if (common_applies(&common_rows[i], cmd))
            rows[n++] = &common_rows[i].param;
    return n;
}

size_t command_operands(const struct command *cmd, const struct param *rows[ROWS_MOST]) {
    size_t n = 0;
    for (const struct param *p = cmd->params; p != NULL && p->kind != K_END && n < ROWS_MOST; p++)
        if (p->operand)
            rows[n++] = p;
    return n;
}

bool shared_by_all(const struct param *row) {
    for (size_t i = 0; i < common_row_count; i++)
        if (&common_rows[i].param == row)
            return common_rows[i].when == 0;
    return false;
}

static void join_choices(const struct param *row, const char *between, char *buf, size_t size) {
    size_t used = 0;
    for (size_t i = 0; row->choices[i] != NULL && used < size; i++)
        used += (size_t)snprintf(buf + used, size - used, "%s%s", i > 0 ? between : "", row->choices[i]);
}

/* An option whose choices are so short that they stand in its synopsis. */
static bool few_choices(const struct param *row, char buf[64]) {
    enum { SHORT = 20 };
    join_choices(row, "|", buf, 64);
    return !row->operand && strlen(buf) <= SHORT;
}

const char *value_text_of(const struct param *row, char buf[64]) {
    if (row->kind == K_FLAG)
        return NULL;
    return row->kind == K_CHOICE && few_choices(row, buf) ? buf : kind_placeholder(row->kind);
}

static bool names_all_choices(const struct param *row) {
    for (size_t i = 0; row->choices[i] != NULL; i++)
        if (strstr(row->help, row->choices[i]) == NULL)
            return false;
    return true;
}

const char *row_help(const struct param *row, char buf[256]) {
    char words[128];
    if (row->kind != K_CHOICE || names_all_choices(row) || few_choices(row, words))
        return row->help;
    join_choices(row, ", ", words, sizeof words);
    snprintf(buf, 256, "%s: %s", row->help, words);
    return buf;
}

const char *row_many(const struct param *row) {
    bool is_one = (row->flags & MULTIWORD) != 0 && row->max != MANY;
    return row->max > 1 && !is_one && row->kind != K_CHAIN ? "..." : "";
}

/* ---- What a row tells by its flags ---- */

enum { ADDRESSED = NEED_SOCK | MAY_SOCK };

/* Does the row's own text speak of this status? */
static bool told_in_details(const struct command *cmd, int status) {
    for (const char *p = cmd->details; p != NULL && (p = strstr(p, "tatus ")) != NULL;) {
        p += strlen("tatus ");
        int number = 0, used = 0;
        while (sscanf(p, "%d%n", &number, &used) == 1) { /* "status 7 or 124" */
            if (number == status)
                return true;
            p += used;
            if (strncmp(p, " or ", 4) != 0)
                break;
            p += 4;
        }
    }
    return false;
}

static bool takes_address(const struct command *cmd, unsigned without) {
    for (const struct param *p = cmd->params; p != NULL && p->kind != K_END; p++)
        if (p->kind == K_ADDR && !(p->flags & without))
            return true;
    return false;
}

bool status_matters(const struct command *cmd, int status) {
    bool sock = (cmd->flags & ADDRESSED) != 0, waits = (cmd->flags & WAITS) != 0;
    bool bytes = strcmp(cmd->group, "bytes") == 0 && sock, receives = bytes && (cmd->flags & PRINTS);
    if (told_in_details(cmd, status))
        return true;
    switch (status) {
    case 0:
    case 2:
        return true;
    case 1:
        return strcmp(cmd->group, "test") == 0;
    case 3:
        return sock || (cmd->flags & MAKES);
    case 4:
        return takes_address(cmd, 0) && (cmd->flags & FAMILIES);
    case 5:
        return takes_address(cmd, LISTENING) || bytes;
    case 6:
        return (bytes && waits) || (cmd->flags & TLS_CLIENT);
    case 7:
        return receives;
    case 8:
    case 9:
        return (cmd->flags & TLS_CLIENT) != 0;
    case 10:
        return (cmd->flags & NEED_SOCK) && waits;
    case 124:
        return waits;
    case 130:
        return waits || strcmp(cmd->name, "sleep") == 0;
    default:
        return false;
    }
}

const char *command_variable(const struct command *cmd, size_t i, const char **meaning) {
    static const struct {
        const char *name;
        unsigned when;
        const char *meaning;
    } rows[] = {
        { "SOCKCTL_FORMAT", PRINTS, "the form of bytes when --format does not say" },
        { "SOCKCTL_SOCKET", ADDRESSED, "the socket when --socket does not say" },
        { "SOCKCTL_TIMEOUT", WAITS, "the time limit when --timeout does not say" },
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        if ((cmd->flags & rows[k].when) && i-- == 0) {
            *meaning = rows[k].meaning;
            return rows[k].name;
        }
    return NULL;
}

static bool has_kind(const struct command *cmd, const enum kind *kinds, size_t n) {
    for (const struct param *p = cmd->params; p != NULL && p->kind != K_END; p++)
        for (size_t i = 0; i < n; i++)
            if (p->kind == kinds[i])
                return true;
    return false;
}

const char *command_topic(const struct command *cmd, size_t i) {
    static const enum kind bytes[] = { K_DATA, K_PATTERN, K_BYTES }, addresses[] = { K_ADDR, K_PORTS, K_HOST };
    const char *found[5];
    size_t n = 0;
    if (has_kind(cmd, addresses, 3))
        found[n++] = "addresses";
    if (has_kind(cmd, bytes, 3) || (cmd->flags & PRINTS))
        found[n++] = "bytes";
    if (strcmp(cmd->group, "test") == 0)
        found[n++] = "testing";
    if (cmd->flags & WAITS)
        found[n++] = "timeouts";
    if (strcmp(cmd->group, "session") == 0)
        found[n++] = "variables";
    return i < n ? found[i] : NULL;
}

/* ---- The page ---- */

void wrap(struct sk_buf *out, size_t column, size_t indent, const char *text) {
    bool first = true;
    while (*text != '\0') {
        size_t n = strcspn(text, " ");
        if (!first && column + 1 + n > LINE_WIDTH - 1) {
            sk_buf_printf(out, NULL, "\n%*s", (int)indent, "");
            column = indent;
        } else if (!first) {
            sk_buf_add_str(out, " ", NULL);
            column++;
        }
        sk_buf_add(out, text, n, NULL);
        column += n;
        first = false;
        text += n + (text[n] == ' ');
    }
}

void piece(struct sk_buf *out, size_t *column, size_t indent, const char *text) {
    size_t n = strlen(text);
    if (*column + 1 + n > LINE_WIDTH - 1) {
        sk_buf_printf(out, NULL, "\n%*s", (int)indent, "");
        *column = indent;
    } else {
        sk_buf_add_str(out, " ", NULL);
        (*column)++;
    }
    sk_buf_add_str(out, text, NULL);
    *column += n;
}

static void option_piece(const struct param *row, char *text, size_t size) {
    char buf[64];
    const char *value = value_text_of(row, buf);
    int n = row->letter != 0 ? snprintf(text, size, "[-%c", row->letter) : snprintf(text, size, "[--%s", row->name);
    snprintf(text + n, size - (size_t)n, "%s%s]%s", value != NULL ? " " : "", value != NULL ? value : "",
             row_many(row));
}

static void synopsis(const struct command *cmd, struct sk_buf *out) {
    static const char lead[] = "Usage: sockctl";
    const struct param *rows[ROWS_MOST];
    char text[128];
    size_t own, n = command_options(cmd, rows, &own), column = strlen(lead), indent = strlen(lead) + 1;
    sk_buf_add_str(out, lead, NULL);
    snprintf(text, sizeof text, "%s%s", cmd->flags & ADDRESSED ? "[NAME.]" : "", cmd->name);
    piece(out, &column, indent, text);
    for (size_t i = 0; i < n; i++) {
        if (shared_by_all(rows[i]))
            continue;
        option_piece(rows[i], text, sizeof text);
        piece(out, &column, indent, text);
    }
    piece(out, &column, indent, "[OPTION]...");
    n = command_operands(cmd, rows);
    for (size_t i = 0; i < n; i++) {
        snprintf(text, sizeof text, rows[i]->min > 0 ? "%s%s%s" : "[%s%s%s]",
                 rows[i]->flags & AFTER_DASHES ? "-- " : "", rows[i]->name, row_many(rows[i]));
        piece(out, &column, indent, text);
    }
    sk_buf_add_str(out, "\n", NULL);
}

/* "  LEFT      what it is", the text in its own column. */
static void entry(struct sk_buf *out, const char *left, const char *text) {
    enum { COLUMN = 26 };
    sk_buf_printf(out, NULL, "  %-*s", COLUMN - 2, left);
    if (strlen(left) > COLUMN - 4)
        sk_buf_printf(out, NULL, "\n%*s", COLUMN, "");
    wrap(out, COLUMN, COLUMN, text);
    sk_buf_add_str(out, "\n", NULL);
}

static void operands(const struct command *cmd, struct sk_buf *out) {
    const struct param *rows[ROWS_MOST];
    size_t n = command_operands(cmd, rows);
    char help[256];
    for (size_t i = 0; i < n; i++) {
        sk_buf_add_str(out, i == 0 ? "\nOperands:\n" : "", NULL);
        entry(out, rows[i]->name, row_help(rows[i], help));
    }
}

static void options(const struct command *cmd, struct sk_buf *out) {
    const struct param *rows[ROWS_MOST];
    size_t own, n = command_options(cmd, rows, &own);
    char left[96], value[64], help[256];
    sk_buf_add_str(out, "\nOptions:\n", NULL);
    for (size_t i = 0; i < n; i++) {
        char letter[8] = "    ";
        const char *v = value_text_of(rows[i], value);
        if (rows[i]->letter != 0)
            snprintf(letter, sizeof letter, "-%c, ", rows[i]->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, rows[i]->name, v != NULL ? " " : "", v != NULL ? v : "");
        entry(out, left, row_help(rows[i], help));
    }
}

/* The lines of one example, indented. */
static void example(struct sk_buf *out, const char *text) {
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");
        sk_buf_printf(out, NULL, "  %.*s\n", (int)n, text);
        text += n + (text[n] == '\n');
    }
}

static void statuses(const struct command *cmd, struct sk_buf *out) {
    sk_buf_add_str(out, "\nExit status:\n", NULL);
    for (const struct sk_status *s = sk_statuses; s->meaning != NULL; s++)
        if (status_matters(cmd, s->status)) {
            sk_buf_printf(out, NULL, "  %-5d", s->status);
            wrap(out, 7, 7, s->meaning);
            sk_buf_add_str(out, "\n", NULL);
        }
}

static void see_also(const struct command *cmd, struct sk_buf *out) {
    struct sk_buf text = { 0 };
    const char *topic;
    for (size_t i = 0; i < command_count; i++)
        if (commands[i] != cmd && !(commands[i]->flags & ALIAS) && strcmp(commands[i]->group, cmd->group) == 0)
            sk_buf_printf(&text, NULL, "%s, ", commands[i]->name);
    for (size_t i = 0; (topic = command_topic(cmd, i)) != NULL; i++)
        sk_buf_printf(&text, NULL, "help %s, ", topic);
    sk_buf_printf(&text, NULL, "man sockctl-%s", cmd->name);
    sk_buf_add(&text, "", 1, NULL);
    sk_buf_add_str(out, "\nSee also: ", NULL);
    wrap(out, 10, 10, (const char *)sk_buf_data(&text));
    sk_buf_add_str(out, "\n", NULL);
    sk_buf_done(&text);
}

void command_page(const struct command *cmd, struct sk_buf *out) {
    synopsis(cmd, out);
    sk_buf_printf(out, NULL, "%c%s.\n", toupper((unsigned char)cmd->summary[0]), cmd->summary + 1);
    for (const char *p = cmd->details; p != NULL && *p != '\0';) {
        char paragraph[1024];
        size_t n = strcspn(p, "\n");
        snprintf(paragraph, sizeof paragraph, "%.*s", (int)n, p);
        sk_buf_add_str(out, "\n", NULL);
        wrap(out, 0, 0, paragraph);
        sk_buf_add_str(out, "\n", NULL);
        p += n + (p[n] == '\n');
    }
    operands(cmd, out);
    options(cmd, out);
    for (size_t i = 0; cmd->examples != NULL && cmd->examples[i] != NULL; i++) {
        sk_buf_add_str(out, i == 0 ? "\nExamples, for a script or sockctl -c:\n" : "", NULL);
        example(out, cmd->examples[i]);
    }
    statuses(cmd, out);
    see_also(cmd, out);
}
