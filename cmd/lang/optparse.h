/* Words against the rows of a command. */
#ifndef LANG_OPTPARSE_H
#define LANG_OPTPARSE_H

#include "lang/prog.h"

struct parsed {
    struct arg *args; /* by index into the row's params */
    struct common opt;
    const struct word *object; /* -s; NULL: not given */
    const struct word *body;   /* K_CMD, K_CHAIN: the words that are left */
    size_t nbody;
    const char *separator; /* of K_CHAIN */
    bool late;             /* some word has a variable whose value is needed */
    bool help;             /* --help was among the options */
};

/* Parse words[n] for cmd. Without a frame (compile time) words with variables are only checked as far as they are
 * literal, and late is set; with one they are expanded. All memory is the arena's. Errors: SK_USAGE, one line that
 * names the word. */
int opt_parse(const struct command *cmd, const struct word *words, size_t n, struct arena *a, struct frame *f,
              struct parsed *out, struct sk_err *err);

/* Rows that many commands share, and when: for help, completion and lint. A row applies when (flags & when) != 0, or to
 * every command when `when` is 0. */
struct common_row {
    struct param param;
    unsigned when;
};
extern const struct common_row common_rows[];
extern const size_t common_row_count;
static inline bool common_applies(const struct common_row *row, const struct command *cmd) {
    return row->when == 0 || (cmd->flags & row->when) != 0;
}
/* May it stand before the command too? What TLS and proxies need belongs to one connection. */
static inline bool common_is_global(const struct common_row *row) {
    return !(row->when & (TLS_CHOICE | TLS_UPGRADE | TLS_CLIENT | TLS_SERVER | PROXIES));
}
void common_init(struct common *opt);                       /* nothing given */
void common_format(struct common *opt, enum format format); /* as -F */
/* Take the option at words[*i], which stands before the command word on argv, into *opt, and move *i behind it (and its
 * value): 0 or -1. */
int common_global(struct common *opt, const struct word *words, size_t n, size_t *i, struct arena *a,
                  struct sk_err *err);

/* What a kind is called where a value is meant: "TIME", "ADDR", ...; for help. */
const char *kind_placeholder(enum kind kind);
/* Parse one value of a kind. */
int kind_parse(const struct param *row, const char *p, size_t n, struct arena *a, struct arg *out, struct sk_err *err);

#endif
