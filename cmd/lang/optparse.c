#include "lang/optparse.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/names.h"
#include "lang/options.h"
#include "lang/words.h"

struct parser {
    const struct command *cmd;
    const struct word *words;
    size_t n, i;
    struct arena *arena;
    struct frame *frame;
    bool literal;         /* after --: a word is neither an option nor - */
    size_t before_dashes; /* operands */
    struct parsed *out;
    size_t rows;                  /* of cmd->params */
    const struct word **operands; /* those before the data or the body */
    size_t noperands;
    struct sk_err *err;
};

static bool takes_rest(enum kind kind) {
    return kind == K_DATA || kind == K_PATTERN || kind == K_CMD || kind == K_CHAIN;
}

static char *show(char dst[80], const struct word *w) { return sk_escape_cut(dst, 80, w->p, w->n); }

/* Is it decoded before it is parsed? Patterns of regular expressions are not. */
static bool decoded(const struct parser *ps, const struct param *row) {
    if ((row->flags & TYPED) && ps->noperands > 0 && word_is(ps->operands[ps->noperands - 1], "matches"))
        return false;
    if (row->kind == K_PATTERN)
        for (size_t i = 0; i < ps->rows; i++)
            if (strcmp(ps->cmd->params[i].name, "regex") == 0 && ps->out->args[i].count != 0 &&
                ps->out->args[i].u.i != 0)
                return false;
    return (row->kind == K_DATA || row->kind == K_PATTERN || row->kind == K_BYTES) && !ps->out->opt.raw;
}

/* The value of one parameter from one word, or, at compile time, a check of what is literal in it. */
static int take_value(struct parser *ps, const struct param *row, const struct word *w, struct arg *arg) {
    bool decode = decoded(ps, row);
    arg->count++;
    if (w->parts != NULL && ps->frame == NULL) {
        ps->out->late = true;
        return decode ? word_check(w, ps->err) : 0;
    }
    const char *p;
    size_t n;
    if (word_bytes(ps->frame, ps->arena, w, decode, &p, &n, ps->err) < 0)
        return -1;
    return kind_parse(row, p, n, ps->arena, arg, ps->err);
}

/* One more value of a parameter that may have several. */
static int add_value(struct parser *ps, size_t row_index, const struct word *w) {
    const struct param *row = &ps->cmd->params[row_index];
    struct arg *arg = &ps->out->args[row_index];
    struct arg one = { 0 };
    uint32_t count = arg->count;
    if (take_value(ps, row, w, &one) < 0)
        return -1;
    if (row->max > 1) {
        if (arg->all == NULL)
            arg->all = arena_alloc(ps->arena, (ps->n + 1) * sizeof *arg->all);
        arg->all[count] = one;
    }
    arg->u = one.u;
    arg->count = count + 1;
    return 0;
}

/* Give option o its value: the word w, or on/off for a flag. */
static int give(struct parser *ps, const struct option *o, const struct word *w, bool on) {
    struct arg value = { .count = 1, .u.i = on };
    bool is_flag = o->param->kind == K_FLAG;
    if (o->own != SIZE_MAX && is_flag)
        ps->out->args[o->own] = value;
    if (o->own != SIZE_MAX)
        return is_flag ? 0 : add_value(ps, o->own, w);
    bool later = w != NULL && w->parts != NULL && ps->frame == NULL; /* its value is known when the command runs */
    if (o->param->letter == 's' && ps->frame == NULL)
        ps->out->object = w;
    if (o->param->letter == 's' && later)
        return 0;
    if (!is_flag && take_value(ps, o->param, w, &value) < 0)
        return -1;
    if (!later)
        common_store(&ps->out->opt, o->common, &value, ps->arena);
    else if (o->common->when == DATA) /* there will be data */
        ps->out->opt.data_set = true;
    return 0;
}

static int take_long(struct parser *ps) {
    const struct word *w = &ps->words[ps->i++];
    const char *name = w->p + 2;
    size_t n = w->n - 2;
    const char *equals = memchr(name, '=', n);
    size_t len = equals != NULL ? (size_t)(equals - name) : n;
    struct option o;
    bool on = true;
    if (!option_find(ps->cmd, 0, name, len, &o)) {
        on = !(len > 3 && memcmp(name, "no-", 3) == 0 && option_find(ps->cmd, 0, name + 3, len - 3, &o));
        if (on || o.param->kind != K_FLAG)
            return option_unknown(ps->cmd, arena_copy(ps->arena, w->p, len + 2), ps->err);
    }
    if (o.param->kind == K_FLAG) {
        if (equals != NULL)
            return sk_fail_usage(ps->err, "%s: --%.*s takes no value; write --%s or --no-%s",
                                 ps->cmd ? ps->cmd->name : "sockctl", (int)len, name, o.param->name, o.param->name);
        return give(ps, &o, NULL, on);
    }
    if (equals != NULL) {
        struct word *value = arena_alloc(ps->arena, sizeof *value);
        *value = word_literal(arena_copy(ps->arena, equals + 1, n - len - 1), n - len - 1);
        if (value->n == 0 && o.param->kind != K_TEXT && o.param->kind != K_BYTES)
            return sk_fail_usage(ps->err, "--%s: the value is missing; write --%s %s", o.param->name, o.param->name,
                                 kind_placeholder(o.param->kind));
        return give(ps, &o, value, true);
    }
    for (size_t left = o.param->kind == K_CMSG ? 3 : 1; left > 0; left--) {
        if (ps->i == ps->n)
            return sk_fail_usage(ps->err, "--%s: the value is missing; write --%s %s", o.param->name, o.param->name,
                                 kind_placeholder(o.param->kind));
        if (give(ps, &o, &ps->words[ps->i++], true) < 0)
            return -1;
    }
    return 0;
}

static int take_short(struct parser *ps) {
    const struct word *w = &ps->words[ps->i++];
    for (size_t k = 1; k < w->n; k++) {
        char option[] = { '-', w->p[k], '\0' };
        struct option o;
        if (!option_find(ps->cmd, w->p[k], NULL, 0, &o))
            return option_unknown(
                ps->cmd, k == 1 ? arena_copy(ps->arena, w->p, isdigit((unsigned char)w->p[1]) ? w->n : 2) : option,
                ps->err);
        if (o.param->kind == K_FLAG) {
            if (give(ps, &o, NULL, true) < 0)
                return -1;
            continue;
        }
        if (k + 1 < w->n)
            return sk_fail_usage(ps->err, "-%c: write its value as a word of its own: -%c %s", w->p[k], w->p[k],
                                 sk_escape_cut((char[48]){ 0 }, 48, w->p + k + 1, w->n - k - 1));
        if (ps->i == ps->n)
            return sk_fail_usage(ps->err, "-%c: the value is missing; write -%c %s", w->p[k], w->p[k],
                                 kind_placeholder(o.param->kind));
        return give(ps, &o, &ps->words[ps->i++], true);
    }
    return 0;
}

/* How many operands stand before the data or the nested command: those that must, and a number where one may. */
static bool rest_begins(const struct parser *ps, const struct word *w) {
    size_t lead = 0;
    bool number = false, rest = false;
    for (size_t i = 0; i < ps->rows && !rest; i++) {
        const struct param *row = &ps->cmd->params[i];
        if (!row->operand)
            continue;
        rest = takes_rest(row->kind);
        lead += rest ? 0 : row->min;
        number |= !rest && row->min == 0 && row->kind == K_INT;
    }
    if (!rest || ps->noperands < lead)
        return false;
    return !(number && ps->noperands == lead && w->parts == NULL && w->n > 0 && isdigit((unsigned char)w->p[0]));
}

/* A negative number is an operand where it can be one: not among data, which may hold anything. */
static bool is_negative(const struct parser *ps, const struct word *w) {
    struct option o;
    return isdigit((unsigned char)w->p[1]) && !(ps->cmd->flags & (DATA | PREFIX)) &&
           !option_find(ps->cmd, w->p[1], NULL, 0, &o);
}

static int collect(struct parser *ps) {
    while (ps->i < ps->n) {
        const struct word *w = &ps->words[ps->i];
        if (!ps->literal && w->parts == NULL && w->n > 1 && w->p[0] == '-' && !is_negative(ps, w)) {
            if (w->n == 2 && w->p[1] == '-') {
                ps->literal = true;
                ps->before_dashes = ps->noperands;
                ps->i++;
            } else if ((w->p[1] == '-' ? take_long(ps) : take_short(ps)) < 0) {
                return -1;
            }
            continue;
        }
        if (rest_begins(ps, w))
            break;
        ps->operands[ps->noperands++] = w;
        ps->i++;
    }
    return 0;
}

static int too_few(const struct parser *ps, const struct param *row) {
    return sk_fail_usage(ps->err, "%s: %s is missing (%s); see '%s --help'", ps->cmd->name, row->name, row->help,
                         ps->cmd->name);
}

/* How many of the words make one address: one, HOST PORT, or HOST PORT 0 SCOPE. Where there is but one address: all. */
static size_t one_address(const struct param *row, const char *const *text, const size_t *length, size_t n) {
    struct sk_endpoint ep;
    struct sk_err ignored;
    if (row->max != MANY || n < 2)
        return n;
    if (memchr(text[1], ':', length[1]) || memchr(text[1], '/', length[1]) ||
        sk_endpoint_parse(&ep, text, length, 1, (row->flags & LISTENING) != 0, &ignored) == 0)
        return 1;
    return n >= 4 && length[2] == 1 && *text[2] == '0' ? 4 : 2;
}

static int addresses(struct parser *ps, const struct param *row, struct arg *arg, const struct word *const *words,
                     size_t n) {
    const char **text = arena_alloc(ps->arena, n * sizeof *text);
    size_t *length = arena_alloc(ps->arena, n * sizeof *length);
    if (row->max != MANY && (n == 3 || n > 4))
        return sk_fail_usage(ps->err,
                             "%s: an address is one word, two (HOST PORT) or four (HOST PORT 0 SCOPE); here are %zu",
                             ps->cmd->name, n);
    arg->count = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        if (words[i]->parts != NULL && ps->frame == NULL) {
            ps->out->late = true;
            return 0;
        }
        if (word_bytes(ps->frame, ps->arena, words[i], false, &text[i], &length[i], ps->err) < 0)
            return -1;
    }
    arg->all = arena_alloc(ps->arena, n * sizeof *arg->all);
    arg->count = 0;
    for (size_t i = 0, take; i < n; i += take) {
        if ((row->flags & OR_STDIN) && length[i] == 1 && *text[i] == '-') {
            arg->all[arg->count++].u.ep = arg->u.ep = NULL;
            take = 1;
            continue;
        }
        struct sk_endpoint *ep = arena_alloc(ps->arena, sizeof *ep);
        take = one_address(row, text + i, length + i, n - i);
        if (sk_endpoint_parse(ep, text + i, length + i, take, (row->flags & LISTENING) != 0, ps->err) < 0)
            return -1;
        arg->all[arg->count++].u.ep = arg->u.ep = ep;
    }
    return 0;
}

/* Share the collected operands among the rows: each gets what it must have, earlier rows what is left. */
static int share(struct parser *ps) {
    size_t least = 0, used = 0, n = ps->noperands;
    const struct param *params = ps->cmd->params;
    for (size_t i = 0; i < ps->rows; i++) {
        if (params[i].operand && !takes_rest(params[i].kind))
            least += params[i].min;
        if ((params[i].flags & AFTER_DASHES) && ps->literal)
            n = ps->before_dashes;
    }
    size_t spare = n > least ? n - least : 0;
    for (size_t i = 0; i < ps->rows; i++) {
        const struct param *row = &params[i];
        if (!row->operand || takes_rest(row->kind))
            continue;
        size_t room = row->flags & MULTIWORD ? SIZE_MAX : row->max == MANY ? SIZE_MAX : (size_t)row->max - row->min;
        size_t take = row->min + (spare < room ? spare : room);
        spare -= take - row->min;
        if (row->flags & AFTER_DASHES) {
            take = ps->noperands - n;
            n = ps->noperands;
        }
        if (used + take > n)
            return too_few(ps, row);
        if (row->flags & MULTIWORD && take > 0) {
            if (addresses(ps, row, &ps->out->args[i], ps->operands + used, take) < 0)
                return -1;
            used += take;
            continue;
        }
        for (size_t k = 0; k < take; k++)
            if (add_value(ps, i, ps->operands[used++]) < 0)
                return -1;
    }
    if (used < ps->noperands) {
        char shown[80];
        return sk_fail_usage(ps->err, "%s: '%s' is one operand too many; see '%s --help'", ps->cmd->name,
                             show(shown, ps->operands[used]), ps->cmd->name);
    }
    return 0;
}

/* All data operands, each in arg->all, and in one piece. */
static int join_data(struct parser *ps, const struct param *row, struct arg *arg) {
    size_t left = ps->n - ps->i;
    if (left == 1 && row->kind == K_DATA && (ps->cmd->flags & DATA) && !ps->literal &&
        word_is(&ps->words[ps->i], "-")) {
        ps->out->opt.from_stdin = true;
        ps->i++;
        return 0;
    }
    if (row->max != MANY && left > row->max) {
        char shown[80];
        return sk_fail_usage(ps->err, "%s: '%s' is one operand too many; see '%s --help'", ps->cmd->name,
                             show(shown, &ps->words[ps->i + row->max]), ps->cmd->name);
    }
    arg->all = arena_alloc(ps->arena, left * sizeof *arg->all);
    size_t total = 0;
    bool known = true;
    for (; ps->i < ps->n; ps->i++) {
        struct arg *one = &arg->all[arg->count++];
        if (take_value(ps, row, &ps->words[ps->i], one) < 0)
            return -1;
        total += one->u.s.n;
        known = known && one->u.s.p != NULL;
    }
    if (!known)
        return 0;
    arg->u = arg->all[0].u;
    if (left == 1)
        return 0;
    char *joined = arena_alloc(ps->arena, total + 1);
    arg->u.s.p = joined;
    arg->u.s.n = total;
    for (size_t i = 0; i < left; i++) {
        memcpy(joined, arg->all[i].u.s.p, arg->all[i].u.s.n);
        joined += arg->all[i].u.s.n;
    }
    return 0;
}

/* What follows the operands: data, or a nested command. */
static int take_rest(struct parser *ps) {
    for (size_t i = 0; i < ps->rows; i++) {
        const struct param *row = &ps->cmd->params[i];
        struct arg *arg = &ps->out->args[i];
        if (!row->operand || !takes_rest(row->kind))
            continue;
        size_t left = ps->n - ps->i;
        if (ps->frame != NULL && (row->kind == K_CMD || row->kind == K_CHAIN))
            continue; /* compiled before */
        if (row->kind == K_CMD || row->kind == K_CHAIN) {
            ps->out->body = ps->words + ps->i;
            ps->out->nbody = left;
            arg->count = (uint32_t)left;
            ps->i = ps->n;
        } else if (left > 0 && join_data(ps, row, arg) < 0) {
            return -1;
        }
        const struct common *opt = &ps->out->opt;
        bool elsewhere = opt->file != NULL || opt->data_set || opt->from_stdin || opt->secret;
        if (left < row->min && !elsewhere)
            return too_few(ps, row);
        if (left > 0 && !opt->from_stdin && elsewhere && (ps->cmd->flags & DATA))
            return sk_fail_usage(ps->err, "%s: data is given twice: as an operand and by an option", ps->cmd->name);
    }
    return 0;
}

int opt_parse(const struct command *cmd, const struct word *words, size_t n, struct arena *a, struct frame *f,
              struct parsed *out, struct sk_err *err) {
    struct parser ps = { .cmd = cmd, .words = words, .n = n, .arena = a, .frame = f, .out = out, .err = err };
    while (cmd->params != NULL && cmd->params[ps.rows].kind != K_END)
        ps.rows++;
    *out = (struct parsed){ .separator = "," };
    out->args = arena_alloc(a, (ps.rows + 1) * sizeof *out->args);
    common_init(&out->opt);
    ps.operands = arena_alloc(a, (n + 1) * sizeof *ps.operands);
    int rc = collect(&ps);
    out->help = out->opt.help;
    if (out->help)
        return 0; /* --help answers whatever else is missing */
    if (rc < 0 || share(&ps) < 0 || take_rest(&ps) < 0)
        return -1;
    for (size_t i = 0; i < ps.rows; i++)
        if (strcmp(cmd->params[i].name, "sep") == 0 && out->args[i].count != 0)
            out->separator = out->args[i].u.s.p;
    return cmd->check != NULL ? cmd->check(out->args, &out->opt, err) : 0;
}

int common_global(struct common *opt, const struct word *words, size_t n, size_t *i, struct arena *a,
                  struct sk_err *err) {
    struct parsed out = { .opt = *opt };
    struct parser ps = { .words = words, .n = n, .i = *i, .arena = a, .out = &out, .err = err };
    if ((words[*i].p[1] == '-' ? take_long(&ps) : take_short(&ps)) < 0)
        return -1;
    *opt = out.opt;
    *i = ps.i;
    return 0;
}
