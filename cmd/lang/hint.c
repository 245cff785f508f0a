/* Hints: what a person at a terminal is told once a session, beside what a command says (INTERFACE.md B3, B7.4). */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "lang/options.h"
#include "lang/run.h"
#include "lang/words.h"

void call_hint(struct call *c, enum hint hint, const char *fmt, ...) {
    struct frame *top = frame_top(c->frame);
    const struct host *host = top->host;
    char text[256];
    va_list ap;
    if ((top->hinted & 1u << hint) || c->opt->verbose < 0 || !host->is_terminal || !host->is_terminal(STDERR_FILENO))
        return;
    top->hinted |= 1u << hint;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    call_note(c, "%s", text);
    c->warns = true;
}

/* How many of the words are data: they are the last ones. */
static size_t data_words(const struct call *c) {
    const struct param *p = c->cmd->params;
    for (size_t i = 0; p[i].kind != K_END; i++)
        if (p[i].operand && (p[i].kind == K_DATA || p[i].kind == K_PATTERN))
            return c->args[i].count;
    return 0;
}

static bool is_option(const struct command *cmd, const struct word *w) {
    struct option o;
    if (w->parts != NULL || w->quoted || w->n < 2 || w->p[0] != '-')
        return false;
    if (w->p[1] != '-')
        return w->n == 2 && option_find(cmd, w->p[1], NULL, 0, &o);
    const char *equals = memchr(w->p, '=', w->n);
    return option_find(cmd, 0, w->p + 2, (size_t)((equals != NULL ? equals : w->p + w->n) - w->p) - 2, &o);
}

void hint_options(struct call *c, const struct step *st) {
    size_t data = c->cmd->flags & DATA ? data_words(c) : 0, first = st->nwords - data;
    if (data < 2 || data > st->nwords)
        return;
    for (size_t i = 0; i < first; i++)
        if (word_is(&st->words[i], "--"))
            return;
    for (size_t i = first + 1; i < st->nwords; i++)
        if (is_option(c->cmd, &st->words[i])) {
            char shown[80];
            call_hint(c, HINT_OPTION, "%s was taken as data: options stand before the data",
                      sk_escape_cut(shown, sizeof shown, st->words[i].p, st->words[i].n));
            return;
        }
}
