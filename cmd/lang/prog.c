#include "lang/prog.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "lang/optparse.h"
#include "lang/session.h"
#include "lang/words.h"

enum { NESTED_MOST = 32 }; /* tasks have small stacks */

/* What is the same for all commands of one text. */
struct compiler {
    struct prog *prog;
    const char *file;
    int line;
    bool machine;
    int depth; /* of prefix commands */
    struct sk_err *err;
};

static struct step *add_step(struct prog *prog, struct arena *a) {
    if ((prog->count & (prog->count - 1)) == 0) { /* 0, 1, 2, 4, ...: full */
        size_t cap = prog->count ? 2 * prog->count : 1;
        struct step *grown = arena_alloc(a, cap * sizeof *grown);
        if (prog->count > 0)
            memcpy(grown, prog->steps, prog->count * sizeof *grown);
        prog->steps = grown;
    }
    return &prog->steps[prog->count++];
}

static int unknown_command(const struct word *w, struct sk_err *err) {
    struct sk_quoted q;
    const char *shown = sk_quote(&q, w->p, w->n), *near = command_nearest(w->p);
    const char *equals = memchr(w->p, '=', w->n);
    if (w->n == 0)
        return sk_fail_usage(err, "the command is empty; see 'sockctl help'");
    if (near != NULL && equals == NULL)
        return sk_fail_usage(err, "unknown command %s; did you mean '%s'?", shown, near);
    if (equals != NULL && equals > w->p)
        return sk_fail_usage(err, "unknown command %s; a name is bound with blanks around '=': NAME = COMMAND", shown);
    return sk_fail_usage(err, "unknown command %s; see 'sockctl help'", shown);
}

/* NAME = at the front of the words. */
static int take_binding(struct compiler *cc, struct step *st, const struct word **words, size_t *n) {
    struct sk_err form;
    const struct word *w = *words;
    if (*n < 2 || !word_is(&w[1], "=") || w[0].parts != NULL)
        return 0;
    if (name_check(w[0].p, w[0].n, &form) < 0) {
        *cc->err = form;
        return -1;
    }
    if (*n == 2)
        return sk_fail_usage(cc->err, "a command is missing after '%s ='", w[0].p);
    st->bind = w[0].p;
    *words += 2;
    *n -= 2;
    return 0;
}

/* COMMAND or NAME.COMMAND. */
static int take_command(struct compiler *cc, struct arena *a, struct step *st, const struct word *w) {
    struct sk_quoted q;
    if (w->parts != NULL)
        return sk_fail_usage(cc->err,
                             "%s: a command cannot come from a variable; write it out, and a socket as -s NAME",
                             sk_quote(&q, w->p, w->n));
    const char *dot = memchr(w->p, '.', w->n), *name = w->p;
    size_t n = w->n;
    st->cmd = command_find(w->p, w->n);
    if (st->cmd == NULL && dot != NULL && dot > w->p) {
        n = (size_t)(w->p + w->n - dot - 1);
        name = dot + 1;
        st->cmd = command_find(name, n);
        if (st->cmd != NULL) {
            st->object = word_literal(arena_copy(a, w->p, (size_t)(dot - w->p)), (size_t)(dot - w->p));
            if (name_form(st->object.p, st->object.n, cc->err) < 0)
                return -1;
        }
    }
    if (st->cmd != NULL)
        return 0;
    if (w->n > 1 && w->p[0] == '-')
        return sk_fail_usage(cc->err, "%s: options stand after the command here", sk_quote(&q, w->p, w->n));
    struct word method = word_literal(arena_copy(a, name, n), n);
    return unknown_command(memchr(name, '.', n) == NULL ? &method : w, cc->err);
}

static bool has_methods(const struct command *cmd) {
    if (cmd->flags & (NEED_SOCK | MAY_SOCK))
        return true;
    for (const struct param *p = cmd->params; p != NULL && p->kind != K_END; p++)
        if (p->operand && (p->kind == K_SOCK || p->kind == K_POLL))
            return true;
    return false;
}

/* -s and NAME. mean the same. */
static int take_object(struct compiler *cc, struct step *st, const struct parsed *ps) {
    if (st->object.n > 0 && !has_methods(st->cmd))
        return sk_fail_usage(cc->err, "'%s' works on no socket; write it without '%s.'", st->cmd->name, st->object.p);
    if (ps->object == NULL)
        return 0;
    struct sk_quoted q;
    if (st->object.n > 0 && (ps->object->parts != NULL || strcmp(st->object.p, ps->object->p) != 0))
        return sk_fail_usage(cc->err, "'%s.' and -s %s name two sockets; write one of them", st->object.p,
                             sk_quote(&q, ps->object->p, ps->object->n));
    st->object = *ps->object;
    return 0;
}

static int compile_words(struct compiler *cc, struct arena *a, struct step *st, const struct word *words, size_t n);

static struct prog *sub_prog(struct arena *a) { return arena_alloc(a, sizeof(struct prog)); }

static int compile_chain(struct compiler *cc, struct arena *a, struct prog *body, const struct word *words, size_t n,
                         const char *separator) {
    size_t start = 0;
    for (size_t i = 0; i <= n; i++) {
        if (i < n && !word_is(&words[i], separator))
            continue;
        if (i > start && compile_words(cc, a, add_step(body, a), words + start, i - start) < 0)
            return -1;
        if (i == start && n > 0 && i < n)
            return sk_fail_usage(cc->err, "do: a command is missing before %s",
                                 sk_quote(&(struct sk_quoted){ 0 }, separator, strlen(separator)));
        start = i + 1;
    }
    return 0;
}

static int compile_body(struct compiler *cc, struct arena *a, struct step *st, const struct parsed *ps) {
    if (!(st->cmd->flags & PREFIX))
        return 0;
    st->body = sub_prog(a);
    const struct param *p = st->cmd->params;
    while (p->kind != K_CMD && p->kind != K_CHAIN)
        p++;
    if (cc->depth == NESTED_MOST)
        return sk_fail_usage(cc->err, "%s: commands before commands are nested deeper than %d", st->cmd->name,
                             NESTED_MOST);
    cc->depth++;
    int rc = p->kind == K_CHAIN ? compile_chain(cc, a, st->body, ps->body, ps->nbody, ps->separator)
                                : compile_words(cc, a, add_step(st->body, a), ps->body, ps->nbody);
    cc->depth--;
    return rc;
}

/* One command from its words. */
static int compile_words(struct compiler *cc, struct arena *a, struct step *st, const struct word *words, size_t n) {
    struct parsed ps;
    st->file = cc->file;
    st->line = cc->line;
    if (take_binding(cc, st, &words, &n) < 0 || take_command(cc, a, st, &words[0]) < 0)
        return -1;
    st->words = arena_alloc(a, n * sizeof *st->words);
    st->nwords = n - 1;
    memcpy(st->words, words + 1, (n - 1) * sizeof *st->words);
    if (opt_parse(st->cmd, st->words, st->nwords, a, NULL, &ps, cc->err) < 0 || take_object(cc, st, &ps) < 0)
        return -1;
    st->late = ps.late;
    st->args = ps.args;
    st->opt = ps.opt;
    if (ps.help)
        return 0;
    if (st->bind != NULL && ps.opt.as != NULL && strcmp(st->bind, ps.opt.as) != 0)
        return sk_fail_usage(cc->err, "'%s =' and --as '%s' are two names; write one of them", st->bind, ps.opt.as);
    if (st->bind == NULL)
        st->bind = ps.opt.as;
    if (st->bind != NULL && (st->cmd->flags & PREFIX) && st->cmd->result == R_STATUS)
        return sk_fail_usage(cc->err, "'%s' has no result to bind; bind inside it: %s NAME = ...", st->cmd->name,
                             st->cmd->name);
    st->nwords -= ps.nbody; /* the body is compiled: only the words before it are parsed again */
    return compile_body(cc, a, st, &ps);
}

/* ---- text ---- */

static char *trimmed(struct arena *a, const char *p, const char *end) {
    while (p < end && isspace((unsigned char)*p))
        p++;
    while (end > p && isspace((unsigned char)end[-1]))
        end--;
    return arena_copy(a, p, (size_t)(end - p));
}

static int shell_text(struct compiler *cc, struct lexer *l, const char **out, const char *after) {
    *out = trimmed(&cc->prog->arena, l->p, l->end);
    l->p = l->end;
    if (cc->machine)
        return sk_fail_usage(cc->err, "'%s' is not available on the machine door", after);
    if (**out == '\0')
        return sk_fail_usage(cc->err, "a shell command is missing after '%s'", after);
    return 0;
}

/* ! TEXT is a command of its own with the text as its operand. */
static int take_shell(struct compiler *cc, struct lexer *l, struct step *st) {
    const char *text;
    l->p++;
    if (shell_text(cc, l, &text, "!") < 0)
        return -1;
    st->cmd = &shell_command;
    st->args = arena_alloc(&cc->prog->arena, sizeof *st->args);
    st->args[0] = (struct arg){ .count = 1, .u.s = { text, strlen(text) } };
    common_init(&st->opt);
    return 0;
}

static int redirect(struct compiler *cc, struct lexer *l, struct step *st, bool append) {
    enum token token;
    if (st->redirect.p != NULL)
        return sk_fail_usage(cc->err, "two '>' in one command");
    if (lex_next(l, &token, &st->redirect, cc->err) < 0)
        return -1;
    if (token != TOKEN_WORD || (st->redirect.parts == NULL && st->redirect.n == 0))
        return sk_fail_usage(cc->err, "a file name is missing after '%s'", append ? ">>" : ">");
    st->append = append;
    return 0;
}

struct wordlist {
    struct word *list;
    size_t count, cap;
};

static struct word *add_word(struct wordlist *words) {
    if (words->count == words->cap) {
        words->cap = words->cap ? 2 * words->cap : 8;
        words->list = sk_realloc(words->list, words->cap * sizeof *words->list);
    }
    return &words->list[words->count++];
}

static void skip_blanks(struct lexer *l) {
    while (l->p < l->end && isspace((unsigned char)*l->p))
        l->p++;
}

/* Read the words and operators of one command into *words and st: the token that ended it, and where its text ends. */
static int read_command(struct compiler *cc, struct lexer *l, struct wordlist *words, struct step *st,
                        enum token *token, const char **end) {
    skip_blanks(l);
    *end = l->end;
    if (l->p < l->end && *l->p == '!')
        return take_shell(cc, l, st);
    for (;;) {
        struct word w;
        skip_blanks(l);
        *end = l->p;
        if (lex_next(l, token, &w, cc->err) < 0)
            return -1;
        switch (*token) {
        case TOKEN_WORD:
            if (st->redirect.p != NULL)
                return sk_fail_usage(cc->err, "%s after the file of '>'; put it before",
                                     sk_quote(&(struct sk_quoted){ 0 }, w.p, w.n));
            *add_word(words) = w;
            break;
        case TOKEN_WRITE:
        case TOKEN_APPEND:
            if (redirect(cc, l, st, *token == TOKEN_APPEND) < 0)
                return -1;
            break;
        case TOKEN_PIPE:
            *end = l->end;
            return shell_text(cc, l, &st->pipe, "|");
        case TOKEN_JOB: /* `a & ; b` and `a & b` mean the same */
            st->background = true;
            skip_blanks(l);
            l->p += l->p < l->end && *l->p == ';';
            return 0;
        default:
            return 0;
        }
    }
}

static int compile_command(struct compiler *cc, struct lexer *l, bool *more) {
    struct prog *prog = cc->prog;
    struct wordlist words = { 0 };
    struct step parsed = { 0 };
    enum token token = TOKEN_END;
    const char *start = l->p, *end;
    int rc = read_command(cc, l, &words, &parsed, &token, &end);
    *more = token != TOKEN_END && l->p < l->end;
    bool operators = parsed.redirect.p != NULL || parsed.pipe != NULL || parsed.background;
    if (rc == 0 && words.count == 0 && parsed.cmd == NULL) {
        if (operators || token == TOKEN_SEMICOLON)
            rc = sk_fail_usage(cc->err, "a command is missing before '%s'",
                               token == TOKEN_SEMICOLON ? ";"
                               : parsed.pipe            ? "|"
                               : parsed.background      ? "&"
                                                        : ">");
        free(words.list);
        return rc;
    }
    if (rc == 0) {
        struct step *st = add_step(prog, &prog->arena);
        *st = parsed;
        st->source = trimmed(&prog->arena, start, end);
        st->file = cc->file;
        st->line = cc->line;
        if (st->cmd == NULL)
            rc = compile_words(cc, &prog->arena, st, words.list, words.count);
        if (rc == 0 && st->bind != NULL && st->redirect.p != NULL)
            rc = sk_fail_usage(cc->err, "'%s =' and '>' both take the result; write one of them", st->bind);
    }
    free(words.list);
    return rc;
}

int prog_line(struct prog *out, const char *text, size_t n, const char *file, int line, bool machine,
              struct sk_err *err) {
    *out = (struct prog){ 0 };
    struct compiler cc = { .prog = out, .file = file, .line = line, .machine = machine, .err = err };
    struct lexer l = { .p = text, .end = text + n, .arena = &out->arena };
    bool more = true;
    while (more) {
        if (compile_command(&cc, &l, &more) < 0) {
            out->open = l.open;
            return -1;
        }
    }
    return 0;
}

int prog_argv(struct prog *out, char *const *argv, size_t count, struct sk_err *err) {
    *out = (struct prog){ 0 };
    struct compiler cc = { .prog = out, .err = err };
    struct word *words = arena_alloc(&out->arena, count * sizeof *words);
    for (size_t i = 0; i < count; i++)
        words[i] = word_literal(argv[i], strlen(argv[i]));
    return compile_words(&cc, &out->arena, add_step(out, &out->arena), words, count);
}

void prog_done(struct prog *p) { arena_done(&p->arena); }
