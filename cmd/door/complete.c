/* What may stand where a word is being typed, computed from the rows. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/names.h"
#include "door/door.h"
#include "door/help.h"
#include "door/live.h"
#include "door/pages.h"
#include "lang/optparse.h"

/* The walk over the words before the one that is being typed. */
struct walk {
    const struct command *cmd; /* NULL: a command is wanted, or options before it */
    bool chain;                /* inside do: a separator begins the next command */
    const char *separator;
    const struct param *value; /* the option whose value comes next, or NULL */
    size_t operands;           /* of cmd, so far */
    const char *before[2];     /* the first of them */
    const char *object;        /* NAME. or -s NAME: object_len bytes */
    size_t object_len;
    bool over;           /* options are over */
    bool lost;           /* an unknown command: nothing is known */
    struct frame *frame; /* whose session is asked too, or NULL */
    struct sk_buf *out;
    const char *typed; /* the part that candidates replace */
    int lead;          /* bytes before it that stay: "c." "--format=" "MSG_PEEK," */
};

static void candidate(struct walk *w, const char *word, const char *about) {
    if (strncasecmp(word, w->typed, strlen(w->typed)) == 0)
        sk_buf_printf(w->out, NULL, "%.*s%s\t%s\n", w->lead, w->typed - w->lead, word, about);
}

/* For live_*: a candidate that the session knows. */
static void offer(void *arg, const char *word, const char *about) { candidate(arg, word, about); }

/* What is typed up to the last c stays. */
static void keep_to(struct walk *w, char c) {
    const char *last = strrchr(w->typed, c);
    if (last != NULL) {
        w->lead += (int)(last + 1 - w->typed);
        w->typed = last + 1;
    }
}

/* ---- Candidates ---- */

static void names_of(struct walk *w, enum sk_group group) {
    size_t count;
    const struct sk_name *rows = sk_names(&count);
    char about[32];
    for (size_t i = 0; i < count; i++)
        if (rows[i].group == group) {
            snprintf(about, sizeof about, "%d", rows[i].value);
            candidate(w, rows[i].name, about);
        }
}

static void socket_options(struct walk *w) {
    char name[64];
    const char *before[3] = { w->before[0], w->before[1] };
    size_t count = w->operands < 2 ? w->operands : 2;
    const char *equals = strchr(w->typed, '=');
    if (equals != NULL && (size_t)(equals - w->typed) < sizeof name) { /* NAME=VALUE */
        snprintf(name, sizeof name, "%.*s", (int)(equals - w->typed), w->typed);
        before[count++] = name;
        keep_to(w, '=');
    }
    live_options(w->frame, w->object, w->object_len, before, count, strcmp(w->cmd->name, "setsockopt") == 0, offer, w);
}

/* For `constants`. */
static void all_constants(struct walk *w) {
    size_t count;
    const struct sk_name *rows = sk_names(&count);
    for (size_t i = 0; i < count; i++)
        candidate(w, rows[i].name, "");
}

static void topic_names(struct walk *w) {
    for (size_t i = 0; i < command_count; i++)
        if (!(commands[i]->flags & ALIAS))
            candidate(w, commands[i]->name, commands[i]->summary);
    for (size_t i = 0; i < topic_count; i++)
        candidate(w, topics[i].name, topics[i].summary);
}

/* Commands; after "NAME." those that work on a socket. */
static void command_names(struct walk *w) {
    int before = w->lead;
    const char *whole = w->typed;
    keep_to(w, '.');
    bool method = w->lead > before;
    size_t name = method ? (size_t)(w->typed - 1 - whole) : 0;
    for (size_t i = 0; i < command_count; i++)
        if (!(commands[i]->flags & ALIAS) && (!method || (commands[i]->flags & (NEED_SOCK | MAY_SOCK) &&
                                                          live_method(w->frame, whole, name, commands[i]))))
            candidate(w, commands[i]->name, commands[i]->summary);
    if (!method)
        live_objects(w->frame, ".", offer, w);
}

static void words(struct walk *w, const char *const *list, const char *about) {
    for (size_t i = 0; list[i] != NULL; i++)
        candidate(w, list[i], about);
}

static void addresses(struct walk *w) {
    static const char *const schemes[] = { "tcp://", "udp://", "unix:", "sock:", NULL };
    if (*w->typed != '\0')
        words(w, schemes, "an address");
    live_addresses(w->frame, offer, w);
    sk_buf_add_str(w->out, *w->typed == '/' || *w->typed == '.' ? ":files\n" : ":hosts\n", NULL);
}

static void constants(struct walk *w, enum kind kind) {
    static const struct {
        enum kind kind;
        enum sk_group group;
        char joined;
    } rows[] = {
        { K_FAMILY, SK_G_AF, 0 },      { K_TYPE, SK_G_SOCK, 0 },    { K_PROTO, SK_G_IPPROTO, 0 },
        { K_MSGFLAGS, SK_G_MSG, ',' }, { K_AIFLAGS, SK_G_AI, ',' }, { K_NIFLAGS, SK_G_NI, ',' },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].kind != kind)
            continue;
        if (rows[i].joined)
            keep_to(w, rows[i].joined);
        names_of(w, rows[i].group);
    }
}

/* After "NAME:" of poll too. */
static void events(struct walk *w) {
    static const char *const names[] = { "in", "out", "pri", "rdhup", NULL };
    keep_to(w, ',');
    words(w, names, "an event");
}

/* The values of a parameter. */
static void values(struct walk *w, const struct param *row) {
    static const char *const on_off[] = { "on", "off", NULL };
    switch (row->kind) {
    case K_CHOICE:
        words(w, row->choices, row->help);
        break;
    case K_ONOFF:
        words(w, on_off, row->help);
        break;
    case K_ADDR:
    case K_PORTS:
    case K_HOST:
        addresses(w);
        break;
    case K_FILE:
        sk_buf_add_str(w->out, ":files\n", NULL);
        break;
    case K_CMD:
    case K_CHAIN:
        command_names(w);
        break;
    case K_POLL:
        if (strchr(w->typed, ':') != NULL) {
            keep_to(w, ':');
            events(w);
        } else {
            live_objects(w->frame, "", offer, w);
        }
        break;
    case K_SOCK:
        live_objects(w->frame, "", offer, w);
        break;
    case K_EVENTS:
        events(w);
        break;
    case K_TEXT:
        if (strcmp(row->name, "OPTION") == 0)
            socket_options(w);
        else if (strcmp(row->name, "TOPIC") == 0)
            topic_names(w);
        else if (strcmp(row->name, "PATTERN") == 0)
            all_constants(w);
        break;
    default:
        constants(w, row->kind);
    }
}

/* ---- Rows ---- */

/* The options that may stand here. */
static size_t options_here(const struct walk *w, const struct param *rows[ROWS_MOST]) {
    size_t own, n = 0;
    if (w->over || w->lost)
        return 0;
    if (w->cmd != NULL)
        return command_options(w->cmd, rows, &own);
    for (size_t i = 0; i < global_row_count && !w->chain; i++)
        rows[n++] = &global_rows[i];
    for (size_t i = 0; i < common_row_count && !w->chain; i++)
        if (common_is_global(&common_rows[i]))
            rows[n++] = &common_rows[i].param;
    return n;
}

/* The option that word[n] names, or NULL. */
static const struct param *option_here(const struct walk *w, const char *word, size_t n) {
    const struct param *rows[ROWS_MOST];
    size_t count = options_here(w, rows);
    for (size_t i = 0; i < count; i++) {
        const struct param *p = rows[i];
        if (n == 2 && word[1] == p->letter)
            return p;
        if (n > 2 && word[1] == '-' && strlen(p->name) == n - 2 && memcmp(p->name, word + 2, n - 2) == 0)
            return p;
    }
    return NULL;
}

/* The operand that word would be, the next one of the command; NULL: one too many. */
static const struct param *operand_here(const struct walk *w, const char *word) {
    enum { ADDRESS_WORDS = 4 };
    size_t left = w->operands;
    for (const struct param *p = w->cmd->params; p != NULL && p->kind != K_END; p++) {
        if (!p->operand)
            continue;
        size_t room = p->flags & MULTIWORD ? ADDRESS_WORDS : p->max;
        if (p->kind == K_INT && p->min == 0 && !isdigit((unsigned char)*word)) /* fails [CODE] COMMAND */
            continue;
        if (left < room || p->max == MANY)
            return p;
        left -= room;
    }
    return NULL;
}

/* ---- The walk ---- */

static void begin_command(struct walk *w, const char *word) {
    const char *dot = strrchr(word, '.');
    const char *name = dot != NULL ? dot + 1 : word;
    w->cmd = command_find(name, strlen(name));
    w->lost = w->cmd == NULL;
    w->operands = 0;
    w->object = word;
    w->object_len = dot != NULL ? (size_t)(dot - word) : 0;
    w->over = false;
    w->value = NULL;
}

static void pass_operand(struct walk *w, const char *word) {
    const struct param *row = operand_here(w, word);
    if (row != NULL && (row->kind == K_CMD || row->kind == K_CHAIN)) {
        w->chain |= row->kind == K_CHAIN;
        begin_command(w, word);
        return;
    }
    w->over |= row != NULL && (row->kind == K_DATA || row->kind == K_PATTERN);
    if (w->operands < 2)
        w->before[w->operands] = word;
    w->operands++;
}

/* Is the row one whose next word is a command? */
static bool wants_command(const struct walk *w, const char *word) {
    const struct param *row = w->cmd != NULL ? operand_here(w, word) : NULL;
    return w->cmd == NULL || (row != NULL && (row->kind == K_CMD || row->kind == K_CHAIN));
}

static void pass(struct walk *w, const char *word, const char *next) {
    size_t n = strlen(word);
    if (w->value != NULL) {
        if (strcmp(w->value->name, "sep") == 0)
            w->separator = word;
        if (w->value->letter == 's') {
            w->object = word;
            w->object_len = n;
        }
        w->value = NULL;
    } else if (w->chain && strcmp(word, w->separator) == 0) {
        *w = (struct walk){ .chain = true, .separator = w->separator, .frame = w->frame, .out = w->out };
    } else if (w->lost) {
        return;
    } else if (strcmp(word, "--") == 0) {
        w->over = true;
    } else if (n > 1 && word[0] == '-' && !w->over) {
        const struct param *row = option_here(w, word, n);
        w->value = row != NULL && row->kind != K_FLAG ? row : NULL;
    } else if (wants_command(w, word) && (strcmp(next, "=") == 0 || strcmp(word, "=") == 0)) {
        return; /* NAME = */
    } else if (w->cmd == NULL) {
        begin_command(w, word);
    } else {
        pass_operand(w, word);
    }
}

static void offer_options(struct walk *w) {
    const struct param *rows[ROWS_MOST];
    size_t n = options_here(w, rows);
    char word[64];
    const char *equals = strchr(w->typed, '=');
    const struct param *row = equals != NULL ? option_here(w, w->typed, (size_t)(equals - w->typed)) : NULL;
    if (row != NULL) {
        keep_to(w, '=');
        values(w, row);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        snprintf(word, sizeof word, "--%s", rows[i]->name);
        candidate(w, word, rows[i]->help);
        snprintf(word, sizeof word, "-%c", rows[i]->letter);
        if (rows[i]->letter != 0)
            candidate(w, word, rows[i]->help);
    }
}

void complete_words(struct frame *f, const char *const *list, size_t n, struct sk_buf *out) {
    struct walk w = { .separator = ",", .frame = f, .out = out };
    for (size_t i = 0; i + 1 < n; i++)
        pass(&w, list[i], list[i + 1]);
    w.typed = n > 0 ? list[n - 1] : "";
    if (w.lost)
        return;
    if (f != NULL && w.typed[0] == '$')
        live_variables(f, w.typed, offer, &w);
    else if (w.value != NULL) {
        values(&w, w.value);
    } else if (w.typed[0] == '-' && !w.over) {
        offer_options(&w);
    } else if (w.cmd == NULL) {
        command_names(&w);
    } else {
        const struct param *row = operand_here(&w, w.typed);
        if (row != NULL)
            values(&w, row);
    }
}
