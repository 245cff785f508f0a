/* What a running session adds to completion. No name server is asked. */
#include "door/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lang/fields.h"

enum { WORD = 320 };

void live_objects(struct frame *f, const char *after, live_offer *offer, void *arg) {
    char word[WORD], about[WORD];
    for (struct object *obj = f ? session_next(f->ses, NULL) : NULL; obj; obj = session_next(f->ses, obj)) {
        if (!obj->name[0] || obj->cls == O_VALUE || obj->cls == O_JOB || obj->cls == O_PENDING)
            continue;
        struct sk_value state = sk_null();
        if (obj->cls == O_SOCKET)
            state = sk_text(sk_state_name(obj->u.sock));
        snprintf(word, sizeof word, "%s%s", obj->name, after);
        snprintf(about, sizeof about, "%s", state.type == SK_TEXT ? (const char *)state.u.s->data : "");
        offer(arg, word, about);
        sk_drop(state);
    }
}

static bool is_one_of(const char *name, const char *const *list) {
    while (*list && strcmp(*list, name) != 0)
        list++;
    return *list != NULL;
}

bool live_method(struct frame *f, const char *name, size_t n, const struct command *cmd) {
    static const char *const listeners[] = { "accept", NULL };
    static const char *const makers[] = { "bind", "listen", "connect", NULL };
    static const char *const talkers[] = {
        "expect", "silent", "shutdown", "starttls", "peercert", "getpeername", NULL
    };
    const struct object *obj = f ? session_find(f->ses, name, n) : NULL;
    if (!obj || obj->cls != O_SOCKET)
        return true;
    const struct sk_sock *s = obj->u.sock;
    bool talks = strcmp(cmd->group, "bytes") == 0 || is_one_of(cmd->name, talkers);
    if (s->state == SK_CLOSED)
        return strcmp(cmd->name, "info") == 0 || strcmp(cmd->name, "close") == 0;
    if (is_one_of(cmd->name, listeners))
        return s->state == SK_LISTENING;
    if (is_one_of(cmd->name, makers))
        return s->state == SK_NEW || s->state == SK_BOUND ||
               (s->type == SOCK_DGRAM && strcmp(cmd->name, "connect") == 0);
    return !talks || (s->state != SK_LISTENING && (s->state != SK_NEW || s->type != SOCK_STREAM));
}

/* ---- Variables ---- */

static void parts(const char *start, const char *const *names, live_offer *offer, void *arg) {
    char word[WORD];
    for (; names && *names; names++) {
        snprintf(word, sizeof word, "%.80s.%.200s", start, *names);
        offer(arg, word, "");
    }
}

/* The parts of a value: fields of a record, an address or bytes, items of a list. */
static void value_parts(const char *start, const struct sk_value *v, live_offer *offer, void *arg) {
    char word[WORD];
    if (v->type == SK_ADDR)
        parts(start, address_fields, offer, arg);
    else if (v->type == SK_BYTES)
        parts(start, bytes_fields, offer, arg);
    for (size_t i = 0; (v->type == SK_LIST || v->type == SK_RECORD) && i < v->u.seq->count; i++) {
        const struct sk_item *item = &v->u.seq->items[i];
        if (v->type == SK_LIST)
            snprintf(word, sizeof word, "%.80s[%zu]", start, i);
        else
            snprintf(word, sizeof word, "%.80s.%.200s", start, item->key);
        if (v->type == SK_LIST || item->key[0])
            offer(arg, word, "");
    }
}

void live_variables(struct frame *f, const char *typed, live_offer *offer, void *arg) {
    char word[WORD];
    size_t n = strcspn(typed + 1, ".[");
    const struct object *obj = session_find(f->ses, typed + 1, n);
    if (!typed[1 + n]) {
        for (obj = session_next(f->ses, NULL); obj; obj = session_next(f->ses, obj)) {
            snprintf(word, sizeof word, "$%s", obj->name);
            if (obj->name[0])
                offer(arg, word, "");
        }
        offer(arg, "$_", "the last result");
        offer(arg, "$?", "the last status");
        return;
    }
    if (!obj || n + 1 >= sizeof word)
        return;
    snprintf(word, sizeof word, "%.*s", (int)n + 1, typed);
    if (obj->cls == O_VALUE)
        value_parts(word, &obj->u.value, offer, arg);
    else
        parts(word, object_fields(obj), offer, arg);
}

/* ---- Addresses ---- */

enum { USED_MOST = 32 };
static char *used[USED_MOST]; /* the latest first */

static void use_address(const char *word, size_t n) {
    size_t at = 0;
    while (at + 1 < USED_MOST && used[at] && (strncmp(used[at], word, n) != 0 || used[at][n]))
        at++;
    free(used[at]); /* the same one, or the oldest */
    memmove(used + 1, used, at * sizeof *used);
    used[0] = strndup(word, n);
}

void live_remember(const char *line) {
    bool wanted = false;
    for (size_t n; line += strspn(line, " \t\n;|&"), (n = strcspn(line, " \t\n;|&")) > 0; line += n) {
        const char *dot = memchr(line, '.', n), *name = dot ? dot + 1 : line;
        const struct command *cmd = command_find(name, (size_t)(line + n - name));
        const struct param *row = cmd ? cmd->params : NULL;
        while (row && row->kind != K_END && !row->operand)
            row++;
        bool address = row && row->kind == K_ADDR;
        if (!cmd && wanted && strchr("-$'\"", *line) == NULL) {
            use_address(line, n);
            wanted = false;
        }
        wanted = cmd ? address : wanted;
    }
}

static void hosts_names(live_offer *offer, void *arg) {
    char line[1024];
    FILE *file = fopen("/etc/hosts", "re");
    while (file && fgets(line, sizeof line, file)) {
        char *rest = NULL;
        line[strcspn(line, "#\n")] = '\0';
        strtok_r(line, " \t", &rest); /* the address */
        for (char *name; (name = strtok_r(NULL, " \t", &rest));)
            offer(arg, name, "/etc/hosts");
    }
    if (file)
        fclose(file);
}

void live_addresses(struct frame *f, live_offer *offer, void *arg) {
    char word[WORD];
    for (struct object *obj = f ? session_next(f->ses, NULL) : NULL; obj; obj = session_next(f->ses, obj)) {
        if (obj->cls != O_SOCKET)
            continue;
        snprintf(word, sizeof word, "sock:%s", obj->name);
        if (obj->u.sock->state != SK_CLOSED)
            offer(arg, word, "its address");
    }
    for (size_t i = 0; f && i < USED_MOST && used[i]; i++)
        offer(arg, used[i], "used before");
    if (f)
        hosts_names(offer, arg);
}
