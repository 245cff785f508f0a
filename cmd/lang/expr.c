/* $NAME, fields and positions: looked up when the command runs, never before. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "lang/call.h"
#include "lang/fields.h"
#include "lang/frame.h"
#include "lang/words.h"

static int unknown(struct sk_err *err, const char *name) {
    sk_fail_usage(err, "no variable '%s'; 'vars' lists them, ${%s:-TEXT} gives a default", name, name);
    snprintf(err->op, sizeof err->op, "%s", EXPR_UNKNOWN);
    return -1;
}

static int object_value(const struct object *obj, struct sk_value *out, struct sk_err *err) {
    switch (obj->cls) {
    case O_VALUE:
        *out = sk_copy(obj->u.value);
        return 0;
    case O_BUFFER:
        *out = sk_bytes(sk_buf_data(&obj->u.buffer), obj->u.buffer.len);
        return 0;
    case O_PENDING:
        return sk_fail_usage(err, "'%s' is still being made by job %u; 'wait %u' first", obj->name, obj->u.pending,
                             obj->u.pending);
    default:
        *out = sk_handle(obj->ref);
        return 0;
    }
}

static int name_value(struct frame *f, const char *name, struct sk_value *out, struct sk_err *err) {
    if (strcmp(name, "_") == 0) {
        *out = frame_last(f);
        return 0;
    }
    if (strcmp(name, "?") == 0) {
        *out = sk_int(f->status);
        return 0;
    }
    const struct object *obj = session_find(f->ses, name, strlen(name));
    if (obj != NULL)
        return object_value(obj, out, err);
    const char *env = f->host != NULL ? f->host->env(name) : NULL;
    if (env == NULL)
        return unknown(err, name);
    *out = sk_text(env);
    return 0;
}

static int position_value(const struct sk_value *v, long i, struct sk_value *out, struct sk_err *err) {
    if (v->type != SK_LIST && v->type != SK_RECORD)
        return sk_fail_usage(err, "the value is no list; '[%ld]' does not fit", i);
    const struct sk_value *found = sk_at(v, i);
    if (found == NULL)
        return sk_fail_usage(err, "position [%ld] is outside the list of %zu", i, v->u.seq->count);
    *out = sk_copy(*found);
    return 0;
}

/* Follow one .NAME or [INT] at *p; replaces *v. */
static int follow(struct frame *f, const char **p, const char *end, struct sk_value *v, struct sk_err *err) {
    struct sk_value next;
    char text[80];
    size_t n = 0;
    const char *s = *p + 1;
    int rc;
    if (**p == '.') {
        while (s < end && (isalnum((unsigned char)*s) || *s == '_') && n < sizeof text - 1)
            text[n++] = *s++;
        text[n] = '\0';
        if (n == 0)
            return sk_fail_usage(err, "a field name must follow '.'");
        rc = value_field(f->ses, v, text, &next, err);
    } else {
        while (s < end && *s != ']' && n < sizeof text - 1)
            text[n++] = *s++;
        text[n] = '\0';
        char *stop;
        long i = strtol(text, &stop, 10);
        if (s == end || *s != ']' || n == 0 || *stop != '\0' || isspace((unsigned char)text[0]))
            return sk_fail_usage(err, "'[%s' is no position; write [0], [1], [-1]", text);
        s++;
        rc = position_value(v, i, &next, err);
    }
    if (rc < 0)
        return -1;
    sk_drop(*v);
    *v = next;
    *p = s;
    return 0;
}

int expr_value(struct frame *f, const char *expr, size_t n, struct sk_value *out, struct sk_err *err) {
    const char *p = expr, *end = expr + n;
    char name[NAME_MAX_LEN + 1];
    size_t len = 0;
    if (n == 1 && *p == '?')
        return name_value(f, "?", out, err);
    while (p < end && (isalnum((unsigned char)*p) || *p == '_') && len < sizeof name - 1)
        name[len++] = *p++;
    name[len] = '\0';
    if (len == 0 || isdigit((unsigned char)name[0]) || (p < end && *p != '.' && *p != '[')) {
        char shown[64];
        return sk_fail_usage(err, "'%s' is no variable; write NAME, NAME.FIELD or NAME[0]",
                             sk_escape_cut(shown, sizeof shown, expr, n));
    }
    if (strcmp(name, "_") == 0 && (size_t)(end - p) == 3 && memcmp(p, ".ms", 3) == 0) {
        *out = sk_float(frame_last_ms(f));
        return 0;
    }
    if (name_value(f, name, out, err) < 0)
        return -1;
    while (p < end) {
        if ((*p != '.' && *p != '[') || follow(f, &p, end, out, err) < 0) {
            if (*p != '.' && *p != '[')
                sk_fail_usage(err, "'%.40s' cannot follow; write .FIELD or [0]", p);
            sk_drop(*out);
            return -1;
        }
    }
    return 0;
}
