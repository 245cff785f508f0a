/* Tab at the prompt. */
#include "door/tab.h"

#include <stdlib.h>
#include <string.h>

#include "door/help.h"

enum { WORDS_MOST = 256 };

struct cut {
    char *text; /* of the line, words ended by NULs */
    const char *words[WORDS_MOST];
    size_t count;
    size_t last; /* where the word that is being typed begins */
    bool file;   /* it is behind a > */
};

/* The words of the command at the end of the text. Quotes stay in their words: no candidate has any. */
static void cut_words(struct cut *c, size_t n) {
    char quote = 0;
    bool inside = false;
    c->last = n;
    for (size_t i = 0; i < n; i++) {
        char ch = c->text[i];
        bool blank = !quote && (ch == ' ' || ch == '\t'), over = !quote && strchr(";&|\n", ch) != NULL;
        if (quote ? ch == quote : ch == '\'' || ch == '"')
            quote = quote ? 0 : ch;
        if (blank || over || (!quote && ch == '>')) {
            c->text[i] = '\0';
            inside = false;
            c->last = n;
            if (over)
                c->count = 0;
            c->file = ch == '>' || (blank && c->file && (i == 0 || c->text[i - 1] == '\0'));
        } else if (!inside) {
            inside = true;
            c->last = i;
            if (c->count + 1 < WORDS_MOST)
                c->words[c->count++] = c->text + i;
        }
    }
    if (!inside)
        c->words[c->count++] = c->text + n;
}

/* The editor replaces the word from start on; what of it stands before start is taken off each line. */
static char *without_lead(const struct sk_buf *lines, size_t lead) {
    char *out = sk_alloc(lines->len + 1), *to = out;
    const char *p = lines->len ? (const char *)sk_buf_data(lines) : "", *end = p + lines->len;
    bool files = false;
    while (p < end) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)(newline + 1 - p);
        files |= strncmp(p, ":files\n", n) == 0;
        const char *tab = memchr(p, '\t', n);
        if (*p != ':' && (size_t)((tab ? tab : newline) - p) >= lead) {
            memcpy(to, p + lead, n - lead);
            to += n - lead;
        }
        p = newline + 1;
    }
    if (to == out && files)
        to = stpcpy(out, ":files\n");
    *to = '\0';
    return out;
}

char *tab_complete(struct frame *f, const char *line, size_t start, size_t point) {
    struct cut c = { .text = strndup(line, point) };
    struct sk_buf lines = { 0 };
    if (c.text == NULL)
        return NULL;
    cut_words(&c, point);
    if (c.file)
        sk_buf_add_str(&lines, ":files\n", NULL);
    else
        complete_words(f, c.words, c.count, &lines);
    char *out = without_lead(&lines, start > c.last ? start - c.last : 0);
    sk_buf_done(&lines);
    free(c.text);
    return out;
}
