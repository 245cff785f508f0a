/* set: what holds for the commands that follow. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/names.h"
#include "base/parse.h"
#include "lang/call.h"
#include "lang/frame.h"
#include "lang/options.h"

enum { SHOWN = 160 };

/* One row a setting: read VALUE into the frame, and show what holds. */
struct setting {
    const char *name;
    const char *wants; /* what VALUE may be */
    int (*put)(struct frame *f, const char *value, size_t n, struct sk_err *err);
    const char *(*show)(const struct frame *f, char dst[SHOWN]);
};

/* -1 with the row's sentence. */
static int refused(const char *name, const char *value, size_t n, const char *wants, struct sk_err *err) {
    struct sk_quoted q;
    return sk_fail_usage(err, "set %s: %s is no value for it; write %s", name, sk_quote(&q, value, n), wants);
}

static bool same(const char *value, size_t n, const char *word) {
    return strlen(word) == n && memcmp(value, word, n) == 0;
}

static int put_timeout(struct frame *f, const char *value, size_t n, struct sk_err *err) {
    if (same(value, n, "default"))
        f->settings.timeout = SK_TIMEOUT_UNSET;
    else if (same(value, n, "none"))
        f->settings.timeout = SK_NEVER;
    else
        return sk_parse_time("set timeout", value, n, &f->settings.timeout, err);
    return 0;
}

static const char *show_timeout(const struct frame *f, char dst[SHOWN]) {
    sk_time t = f->settings.timeout == SK_TIMEOUT_UNSET ? f->default_timeout : f->settings.timeout;
    return sk_format_time(dst, SHOWN, t);
}

static int put_format(struct frame *f, const char *value, size_t n, struct sk_err *err) {
    for (int i = 0; format_names[i]; i++) {
        if (!same(value, n, format_names[i]))
            continue;
        f->settings.json = f->settings.json_set = i == F_JSON;
        f->settings.format = i == F_JSON ? F_AUTO : (enum format)i;
        f->settings.format_set = i != F_JSON && i != F_AUTO;
        return 0;
    }
    return refused("format", value, n, "auto, raw, text, escape, hex, hexdump, base64 or json", err);
}

static const char *show_format(const struct frame *f, char dst[SHOWN]) {
    (void)dst;
    return f->settings.json ? "json" : format_names[f->settings.format];
}

static int put_eol(struct frame *f, const char *value, size_t n, struct sk_err *err) {
    if (same(value, n, "lf"))
        f->eol = "\n";
    else if (same(value, n, "crlf"))
        f->eol = "\r\n";
    else
        return refused("eol", value, n, "lf or crlf", err);
    return 0;
}

static const char *show_eol(const struct frame *f, char dst[SHOWN]) {
    (void)dst;
    return strcmp(f->eol, "\n") == 0 ? "lf" : "crlf";
}

static int onoff(const char *name, const char *value, size_t n, bool *out, struct sk_err *err) {
    *out = same(value, n, "on");
    return *out || same(value, n, "off") ? 0 : refused(name, value, n, "on or off", err);
}

static int put_notify(struct frame *f, const char *value, size_t n, struct sk_err *err) {
    bool bell = same(value, n, "bell");
    if (!bell && onoff("notify", value, n, &f->notify, err) < 0)
        return refused("notify", value, n, "on, off or bell", err);
    f->notify = f->notify || bell;
    f->bell = bell;
    return 0;
}

static const char *show_notify(const struct frame *f, char dst[SHOWN]) {
    (void)dst;
    return f->bell ? "bell" : f->notify ? "on" : "off";
}

static int put_prompt(struct frame *f, const char *value, size_t n, struct sk_err *err) {
    if (n >= sizeof f->prompt)
        return sk_fail_usage(err, "set prompt: %zu bytes; at most %zu", n, sizeof f->prompt - 1);
    if (!sk_utf8_valid(value, n) || memchr(value, '\0', n) || memchr(value, '\n', n))
        return refused("prompt", value, n, "one line of text", err);
    memcpy(f->prompt, value, n);
    f->prompt[n] = '\0';
    return 0;
}

static const char *show_prompt(const struct frame *f, char dst[SHOWN]) {
    (void)dst;
    return f->prompt;
}

static int put_hints(struct frame *f, const char *value, size_t n, struct sk_err *err) {
    bool on = false;
    int rc = onoff("hints", value, n, &on, err);
    if (rc == 0)
        f->no_hints = !on;
    return rc;
}

static const char *show_hints(const struct frame *f, char dst[SHOWN]) {
    (void)dst;
    return f->no_hints ? "off" : "on";
}

/* "SENT RECEIVED" */
static int put_colors(struct frame *f, const char *value, size_t n, struct sk_err *err) {
    int found[2] = { -1, -1 };
    const char *p = value, *end = value + n;
    for (size_t i = 0; i < 2 && p < end; i++) {
        size_t len = strcspn(p, " ,");
        for (int k = 0; color_names[k]; k++)
            if (same(p, len, color_names[k]))
                found[i] = k;
        p += len;
        p += p < end;
    }
    if (found[0] < 0 || found[1] < 0 || p < end)
        return refused("colors", value, n, "two of black red green yellow blue magenta cyan white, as 'red blue'", err);
    memcpy(frame_top(f)->colors, found, sizeof found);
    return 0;
}

static const char *show_colors(const struct frame *f, char dst[SHOWN]) {
    while (f->up)
        f = f->up;
    snprintf(dst, SHOWN, "%s %s", color_names[f->colors[0]], color_names[f->colors[1]]);
    return dst;
}

static const struct setting settings[] = {
    { "timeout", "a TIME, none or default", put_timeout, show_timeout },
    { "format", "auto, raw, text, escape, hex, hexdump, base64 or json", put_format, show_format },
    { "eol", "lf or crlf", put_eol, show_eol },
    { "notify", "on, off or bell", put_notify, show_notify },
    { "prompt", "text with %n (current socket) and %s (its state)", put_prompt, show_prompt },
    { "hints", "on or off", put_hints, show_hints },
    { "colors", "two colors", put_colors, show_colors },
};
enum { SETTINGS = sizeof settings / sizeof *settings };

static const struct setting *setting_find(const char *name, size_t n, struct sk_err *err) {
    const char *names[SETTINGS];
    char list[128] = "";
    size_t used = 0;
    for (size_t i = 0; i < SETTINGS; i++) {
        if (same(name, n, settings[i].name))
            return &settings[i];
        names[i] = settings[i].name;
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", settings[i].name);
    }
    struct sk_quoted q;
    const char *near = sk_nearest(name, names, SETTINGS);
    if (near)
        sk_fail_usage(err, "set: no setting is called %s; did you mean '%s'?", sk_quote(&q, name, n), near);
    else
        sk_fail_usage(err, "set: no setting is called %s; there are %s", sk_quote(&q, name, n), list);
    return NULL;
}

/* The settings from first, count of them: {name: value...}; for people one line each. */
static void settings_show(struct call *c, const struct setting *first, size_t count) {
    struct sk_value lines = sk_list();
    for (size_t i = 0; i < count; i++) {
        char value[SHOWN], line[2 * SHOWN];
        const char *text = first[i].show(c->frame, value);
        snprintf(line, sizeof line, "%s %s", first[i].name, *text ? text : "-");
        sk_push(&lines, sk_text(line));
        sk_put(&c->result, first[i].name, sk_text(text));
    }
    c->shows = NULL;
    if (c->json)
        sk_drop(lines);
    else
        sk_put_main(&c->result, "lines", lines);
}

enum { NAME, VALUE };

static int check_set(const struct arg *args, const struct common *opt, struct sk_err *err) {
    struct frame nowhere = { 0 };
    (void)opt;
    if (!args[NAME].u.s.p)
        return 0;
    const struct setting *one = setting_find(args[NAME].u.s.p, args[NAME].u.s.n, err);
    if (!one)
        return -1;
    return args[VALUE].u.s.p ? one->put(&nowhere, args[VALUE].u.s.p, args[VALUE].u.s.n, err) : 0;
}

static int set(struct call *c) {
    const struct setting *one = NULL;
    if (has(c, NAME) && !(one = setting_find(c->args[NAME].u.s.p, c->args[NAME].u.s.n, &c->err)))
        return -1;
    c->result = sk_record();
    if (one && has(c, VALUE))
        return one->put(c->frame, c->args[VALUE].u.s.p, c->args[VALUE].u.s.n, &c->err);
    settings_show(c, one ? one : settings, one ? 1 : SETTINGS);
    return 0;
}

const struct command cmd_set = {
    .name = "set",
    .group = "session",
    .summary = "show or change settings",
    .params =
        (const struct param[]){
            ARG("NAME", K_TEXT, 0, 1, "timeout, format, eol, notify, prompt, hints or colors; all when left out"),
            ARG("VALUE", K_TEXT, 0, 1, "the new value; shown when left out"),
            { .kind = K_END },
        },
    .result = R_ONE,
    .shows = "",
    .details = "timeout TIME|none|default: how long a command may wait. format FORMAT: the form of bytes. eol lf|crlf: "
               "what sendline adds. "
               "notify on|off|bell, prompt TEXT and hints on|off are for the shell. "
               "colors SENT RECEIVED: how -vv paints bytes on a terminal. An option of a command wins over a "
               "setting.",
    .examples = (const char *const[]){ "set", "set timeout 2s", "set eol lf; set eol", NULL },
    .check = check_set,
    .run = set,
};
