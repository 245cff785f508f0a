/* Lines of the language cut into words and operators (INTERFACE.md B1.2). Nothing is expanded here. */
#ifndef LANG_WORDS_H
#define LANG_WORDS_H

#include "lang/prog.h"

enum token { TOKEN_WORD, TOKEN_SEMICOLON, TOKEN_PIPE, TOKEN_JOB, TOKEN_WRITE, TOKEN_APPEND, TOKEN_END };

struct lexer {
    const char *p, *end;
    struct arena *arena;
    bool open; /* the text ended inside a quote or after a backslash */
};

/* Cut the next token; a word is stored in *w (memory of the arena). After TOKEN_PIPE the rest of the text belongs to
 * the shell. Errors: SK_USAGE. */
int lex_next(struct lexer *l, enum token *token, struct word *w, struct sk_err *err);

/* Length of the logical line at text, with its newline: over line ends inside quotes and after a backslash. *complete
 * is false when the text ends first. *lines receives the number of line ends in it. */
size_t logical_line(const char *text, size_t n, bool *complete, int *lines);

/* A word that is data: from argv, or the result of an expansion. */
struct word word_literal(const char *p, size_t n);
static inline bool word_is(const struct word *w, const char *text) {
    return w->parts == NULL && !w->quoted && __builtin_strlen(text) == w->n && __builtin_memcmp(w->p, text, w->n) == 0;
}

/* The bytes of a word: literal parts (decoded when `decode`), variables as their own bytes. The result lives in the
 * arena or in the word. */
int word_bytes(struct frame *f, struct arena *a, const struct word *w, bool decode, const char **p, size_t *n,
               struct sk_err *err);
/* Only look whether the literal parts decode. */
int word_check(const struct word *w, struct sk_err *err);

#define EXPR_UNKNOWN "lookup" /* err->op when the name itself is not known */
/* The value of NAME{[INT]|.NAME} (without $): sockctl's names, then the environment. Owned. SK_USAGE when it is
 * unknown. lang/expr.c */
int expr_value(struct frame *f, const char *expr, size_t n, struct sk_value *out, struct sk_err *err);

#endif
