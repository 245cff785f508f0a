#include "lang/words.h"

#include <ctype.h>
#include <string.h>

#include "base/bytes.h"
#include "lang/call.h"
#include "lang/frame.h"

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
static bool is_one_of(char c, const char *set) { return c != '\0' && strchr(set, c) != NULL; }
static bool is_operator(char c) { return is_one_of(c, ";|&>"); }
static bool is_special(char c) { return is_one_of(c, " \t;,&|#'\"$\\<>"); }
static bool name_start(char c) { return isalpha((unsigned char)c) || c == '_'; }
static bool name_char(char c) { return isalnum((unsigned char)c) || c == '_'; }

/* A word being put together: finished parts, and the literal text since the last of them. */
struct builder {
    struct arena *arena;
    struct sk_buf text;
    struct part *parts;
    size_t count, cap;
    bool quoted;
};

static void builder_part(struct builder *b, struct part part) {
    if (b->count == b->cap) {
        size_t cap = b->cap ? 2 * b->cap : 4;
        struct part *grown = arena_alloc(b->arena, cap * sizeof *grown);
        if (b->count > 0)
            memcpy(grown, b->parts, b->count * sizeof *grown);
        b->parts = grown;
        b->cap = cap;
    }
    b->parts[b->count++] = part;
}

static void builder_flush(struct builder *b) {
    if (b->text.len == 0)
        return;
    builder_part(b, (struct part){ .p = arena_copy(b->arena, sk_buf_data(&b->text), b->text.len), .n = b->text.len });
    sk_buf_clear(&b->text);
}

static int builder_char(struct builder *b, char c, struct sk_err *err) { return sk_buf_add(&b->text, &c, 1, err); }

/* The extent of NAME{[INT]|.NAME} at p. */
static size_t expr_len(const char *p, const char *end) {
    const char *s = p;
    if (s == end || !name_start(*s))
        return 0;
    while (s < end && name_char(*s))
        s++;
    for (;;) {
        const char *t = s;
        if (t < end && *t == '.' && t + 1 < end && name_start(t[1])) {
            for (t++; t < end && name_char(*t);)
                t++;
        } else if (t < end && *t == '[') {
            t++;
            if (t < end && *t == '-')
                t++;
            const char *digits = t;
            while (t < end && isdigit((unsigned char)*t))
                t++;
            if (t == digits || t == end || *t != ']')
                break;
            t++;
        } else {
            break;
        }
        s = t;
    }
    return (size_t)(s - p);
}

static int lex_braced(struct lexer *l, struct part *part, struct sk_err *err) {
    const char *start = l->p + 1;
    part->n = expr_len(start, l->end);
    part->p = start;
    const char *s = start + part->n;
    if (part->n > 0 && s + 1 < l->end && s[0] == ':' && s[1] == '-') {
        const char *close = memchr(s, '}', (size_t)(l->end - s));
        if (close != NULL) {
            part->otherwise = arena_copy(l->arena, s + 2, (size_t)(close - s - 2));
            s = close;
        }
    }
    if (part->n == 0 || s == l->end || *s != '}')
        return sk_fail_usage(err, "bad '${': write ${NAME}, ${NAME.FIELD}, ${NAME[0]} or ${NAME:-text}");
    l->p = s + 1;
    return 0;
}

/* l->p stands after a '$'. */
static int lex_variable(struct lexer *l, struct builder *b, struct sk_err *err) {
    struct part part = { .var = true };
    if (l->p < l->end && *l->p == '{') {
        if (lex_braced(l, &part, err) < 0)
            return -1;
    } else {
        part.p = l->p;
        part.n = l->p < l->end && *l->p == '?' ? 1 : expr_len(l->p, l->end);
        if (part.n == 0)
            return sk_fail_usage(err, "'$' is not followed by a name; write '\\$' for the character itself");
        l->p += part.n;
    }
    part.p = arena_copy(l->arena, part.p, part.n);
    builder_flush(b);
    builder_part(b, part);
    return 0;
}

static int lex_single(struct lexer *l, struct builder *b, struct sk_err *err) {
    const char *close = memchr(l->p, '\'', (size_t)(l->end - l->p));
    if (close == NULL) {
        l->open = true;
        return sk_fail_usage(err, "a ' is not closed");
    }
    if (sk_buf_add(&b->text, l->p, (size_t)(close - l->p), err) < 0)
        return -1;
    l->p = close + 1;
    return 0;
}

static int lex_double(struct lexer *l, struct builder *b, struct sk_err *err) {
    while (l->p < l->end) {
        char c = *l->p++;
        if (c == '"')
            return 0;
        if (c == '$') {
            if (lex_variable(l, b, err) < 0)
                return -1;
            continue;
        }
        if (c == '\\' && l->p < l->end && *l->p == '\n') {
            l->p++;
            continue;
        }
        if (c == '\\' && l->p < l->end && is_one_of(*l->p, "\"$\\`"))
            c = *l->p++;
        if (builder_char(b, c, err) < 0)
            return -1;
    }
    l->open = true;
    return sk_fail_usage(err, "a \" is not closed");
}

/* One character or quoted piece outside quotes. */
static int lex_piece(struct lexer *l, struct builder *b, struct sk_err *err) {
    char c = *l->p++;
    switch (c) {
    case '\'':
        b->quoted = true;
        return lex_single(l, b, err);
    case '"':
        b->quoted = true;
        return lex_double(l, b, err);
    case '$':
        return lex_variable(l, b, err);
    case '\\':
        if (l->p == l->end) {
            l->open = true;
            return sk_fail_usage(err, "the line ends in a backslash; write '\\\\' for the character itself");
        }
        if (*l->p == '\n') {
            l->p++;
            return 0;
        }
        if (is_special(*l->p)) {
            b->quoted = true;
            c = *l->p++;
        }
        break;
    case '<':
        return sk_fail_usage(err, "'<' is not used here; quote it, or read a file with --file FILE");
    case '\0':
        return sk_fail_usage(err, "a NUL byte in the text; write \\0 in a data operand");
    default:
        break;
    }
    return builder_char(b, c, err);
}

static int lex_word(struct lexer *l, struct word *w, struct sk_err *err) {
    struct builder b = { .arena = l->arena };
    const char *start = l->p;
    while (l->p < l->end && !is_blank(*l->p) && !is_operator(*l->p)) {
        if (lex_piece(l, &b, err) < 0) {
            sk_buf_done(&b.text);
            return -1;
        }
    }
    *w = (struct word){ .quoted = b.quoted };
    if (b.count == 0) {
        w->n = b.text.len;
        w->p = arena_copy(l->arena, b.text.len ? sk_buf_data(&b.text) : (const unsigned char *)"", b.text.len);
    } else {
        builder_flush(&b);
        w->n = (size_t)(l->p - start);
        w->p = arena_copy(l->arena, start, w->n);
        w->parts = b.parts;
        w->nparts = b.count;
    }
    sk_buf_done(&b.text);
    return 0;
}

int lex_next(struct lexer *l, enum token *token, struct word *w, struct sk_err *err) {
    while (l->p < l->end && (is_blank(*l->p) || (*l->p == '\\' && l->p + 1 < l->end && l->p[1] == '\n')))
        l->p += *l->p == '\\' ? 2 : 1;
    if (l->p == l->end || *l->p == '#') {
        l->p = l->end;
        *token = TOKEN_END;
        return 0;
    }
    switch (*l->p) {
    case ';':
        *token = TOKEN_SEMICOLON;
        break;
    case '|':
        *token = TOKEN_PIPE;
        break;
    case '&':
        *token = TOKEN_JOB;
        break;
    case '>':
        *token = l->p + 1 < l->end && l->p[1] == '>' ? TOKEN_APPEND : TOKEN_WRITE;
        break;
    default:
        *token = TOKEN_WORD;
        return lex_word(l, w, err);
    }
    l->p += *token == TOKEN_APPEND ? 2 : 1;
    return 0;
}

size_t logical_line(const char *text, size_t n, bool *complete, int *lines) {
    bool in_shell = false, word_begins = true, command_begins = true, comment = false;
    char quote = '\0';
    *lines = 0;
    *complete = true;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (c == '\n') {
            ++*lines;
            if (quote == '\0')
                return i + 1;
        } else if (comment) {
            continue;
        } else if (c == '\\' && quote != '\'' && i + 1 < n) {
            *lines += text[i + 1] == '\n';
            i++;
            *complete = text[i] != '\n' || i + 1 < n; /* what it goes on with may not have come yet */
        } else if (c == '\\' && quote != '\'') {
            *complete = false;
        } else if (in_shell) {
            continue;
        } else if (quote != '\0') {
            quote = c == quote ? '\0' : quote;
        } else if (c == '\'' || c == '"') {
            quote = c;
        } else if (c == '#' && word_begins) {
            comment = true;
        } else if (c == '|' || (c == '!' && command_begins)) {
            in_shell = true;
        }
        word_begins = is_blank(c) || is_operator(c);
        command_begins = c == ';' || (command_begins && is_blank(c));
    }
    *complete = *complete && quote == '\0';
    return n;
}

struct word word_literal(const char *p, size_t n) {
    return (struct word){ .p = p, .n = n };
}

static int add_literal(struct sk_buf *out, const char *p, size_t n, bool decode, struct sk_err *err) {
    return decode ? sk_unescape(out, p, n, err) : sk_buf_add(out, p, n, err);
}

static int add_variable(struct frame *f, struct sk_buf *out, const struct part *part, struct sk_err *err) {
    struct sk_value v;
    struct sk_err failure;
    size_t before = out->len;
    if (expr_value(f, part->p, part->n, &v, &failure) < 0) {
        if (part->otherwise != NULL && strcmp(failure.op, EXPR_UNKNOWN) == 0)
            return sk_buf_add_str(out, part->otherwise, err);
        *err = failure;
        return -1;
    }
    int rc = value_word(f->ses, &v, out, err);
    sk_drop(v);
    if (rc == 0 && part->otherwise != NULL && out->len == before)
        rc = sk_buf_add_str(out, part->otherwise, err);
    return rc;
}

int word_bytes(struct frame *f, struct arena *a, const struct word *w, bool decode, const char **p, size_t *n,
               struct sk_err *err) {
    if (w->parts == NULL && (!decode || memchr(w->p, '\\', w->n) == NULL)) {
        *p = w->p;
        *n = w->n;
        return 0;
    }
    struct sk_buf out = { 0 };
    int rc = 0;
    if (w->parts == NULL)
        rc = add_literal(&out, w->p, w->n, decode, err);
    for (size_t i = 0; rc == 0 && i < w->nparts; i++) {
        const struct part *part = &w->parts[i];
        rc = part->var ? add_variable(f, &out, part, err) : add_literal(&out, part->p, part->n, decode, err);
    }
    if (rc == 0) {
        *n = out.len;
        *p = arena_copy(a, out.len ? sk_buf_data(&out) : (const unsigned char *)"", out.len);
    }
    sk_buf_done(&out);
    return rc;
}

int word_check(const struct word *w, struct sk_err *err) {
    struct sk_buf out = { 0 };
    int rc = w->parts == NULL ? sk_unescape(&out, w->p, w->n, err) : 0;
    for (size_t i = 0; rc == 0 && i < w->nparts; i++)
        if (!w->parts[i].var)
            rc = sk_unescape(&out, w->parts[i].p, w->parts[i].n, err);
    sk_buf_done(&out);
    return rc;
}
