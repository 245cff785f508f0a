/* Dialogues in lines: SMTP (RFC 3207), IMAP (9051), POP3 (2595), FTP (4217), NNTP (4642), ManageSieve (5804), IRC
 * (IRCv3 tls). */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "sock/upgrade_parts.h"

static int read_line(struct sk_talk *t) { return sk_talk_until(t, '\n'); }

static bool begins(const char *line, const char *what) { return strncasecmp(line, what, strlen(what)) == 0; }

/* Whether the word stands at p, with nothing or a blank behind it. */
static bool is_word_at(const char *p, const char *word) {
    size_t n = strlen(word);
    return strncasecmp(p, word, n) == 0 && (p[n] == '\0' || p[n] == ' ');
}

static bool has_word(const char *line, const char *word) {
    for (const char *p = line; p; p = strchr(p, ' ')) {
        p += strspn(p, " ");
        if (is_word_at(p, word))
            return true;
    }
    return false;
}

/* ---- replies with a number ---- */

/* The number a line begins with, or -1. */
static int code_of(const char *line) {
    if (strspn(line, "0123456789") != 3 || !strchr(" -", line[3])) /* the NUL is found too */
        return -1;
    return atoi(line);
}

/* A reply of one or many lines, "250-text" up to "250 text" (what stands between is FTP's own affair): its number.
 * *offers: whether a line is the keyword. */
static int read_reply(struct sk_talk *t, const char *keyword, bool *offers) {
    int code = -1;
    do {
        if (read_line(t) < 0)
            return -1;
        int this = code_of(t->line);
        if (code < 0 && this < 0)
            return sk_talk_foreign(t, t->line, t->n);
        code = code < 0 ? this : code;
        if (keyword && this == code && is_word_at(t->line + 4, keyword))
            *offers = true;
        if (this == code && t->line[3] != '-')
            return code;
    } while (true);
}

static int want_reply(struct sk_talk *t, int wanted) {
    int code = read_reply(t, NULL, NULL);
    return code < 0 ? -1 : code != wanted ? sk_talk_refused(t) : 0;
}

static const char *own_name(const struct sk_talk *t, char dst[256]) {
    if (t->how->ehlo)
        return t->how->ehlo;
    if (gethostname(dst, 255) < 0 || !dst[0] || strpbrk(dst, " \r\n"))
        return "localhost";
    dst[255] = '\0';
    return dst;
}

int sk_talk_smtp(struct sk_talk *t) {
    char name[256];
    bool offers = false;
    if (want_reply(t, 220) < 0 || sk_talk_say(t, "EHLO", own_name(t, name)) < 0)
        return -1;
    int code = read_reply(t, "STARTTLS", &offers);
    if (code < 0)
        return -1;
    if (code != 250)
        return sk_talk_refused(t);
    if (!offers)
        return sk_talk_missing(t, "STARTTLS");
    return sk_talk_say(t, "STARTTLS", NULL) < 0 ? -1 : want_reply(t, 220);
}

int sk_talk_ftp(struct sk_talk *t) {
    if (want_reply(t, 220) < 0 || sk_talk_say(t, "AUTH TLS", NULL) < 0)
        return -1;
    return want_reply(t, 234);
}

/* The list that ends with a dot. */
static int read_capabilities(struct sk_talk *t, bool *offers) {
    while (read_line(t) == 0) {
        if (strcmp(t->line, ".") == 0)
            return 0;
        *offers = *offers || is_word_at(t->line, "STARTTLS");
    }
    return -1;
}

int sk_talk_nntp(struct sk_talk *t) {
    bool offers = false;
    int code = read_reply(t, NULL, NULL); /* 200: posting allowed, 201: not */
    if (code < 0)
        return -1;
    if (code != 200 && code != 201)
        return sk_talk_refused(t);
    if (sk_talk_say(t, "CAPABILITIES", NULL) < 0 || want_reply(t, 101) < 0 || read_capabilities(t, &offers) < 0)
        return -1;
    if (!offers)
        return sk_talk_missing(t, "STARTTLS");
    return sk_talk_say(t, "STARTTLS", NULL) < 0 ? -1 : want_reply(t, 382);
}

/* ---- replies with a word ---- */

static int want_ok(struct sk_talk *t) {
    if (read_line(t) < 0)
        return -1;
    if (is_word_at(t->line, "-ERR"))
        return sk_talk_refused(t);
    return is_word_at(t->line, "+OK") ? 0 : sk_talk_foreign(t, t->line, t->n);
}

int sk_talk_pop3(struct sk_talk *t) { return want_ok(t) < 0 || sk_talk_say(t, "STLS", NULL) < 0 ? -1 : want_ok(t); }

/* Up to the line with this tag, which must be OK. *offers: whether the server listed STARTTLS. */
static int want_tagged(struct sk_talk *t, const char *tag, bool *offers) {
    while (read_line(t) == 0) {
        const char *words = t->line + strlen(tag);
        if (begins(t->line, tag))
            return is_word_at(words, "OK") ? 0 : sk_talk_refused(t);
        if (is_word_at(t->line, "* BYE"))
            return sk_talk_refused(t);
        if (!begins(t->line, "* "))
            return sk_talk_foreign(t, t->line, t->n);
        if (is_word_at(t->line, "* CAPABILITY") && has_word(t->line, "STARTTLS"))
            *offers = true;
    }
    return -1;
}

int sk_talk_imap(struct sk_talk *t) {
    bool offers = false;
    if (read_line(t) < 0)
        return -1;
    if (is_word_at(t->line, "* PREAUTH"))
        return sk_talk_fail(t, "the server has logged us in already (PREAUTH): now TLS cannot begin any more");
    if (is_word_at(t->line, "* BYE"))
        return sk_talk_refused(t);
    if (!is_word_at(t->line, "* OK"))
        return sk_talk_foreign(t, t->line, t->n);
    if (sk_talk_say(t, "a001 CAPABILITY", NULL) < 0 || want_tagged(t, "a001 ", &offers) < 0)
        return -1;
    if (!offers)
        return sk_talk_missing(t, "STARTTLS");
    return sk_talk_say(t, "a002 STARTTLS", NULL) < 0 ? -1 : want_tagged(t, "a002 ", &offers);
}

/* Capabilities, each in quotes, up to OK. */
static int want_sieve_ok(struct sk_talk *t, bool *offers) {
    while (read_line(t) == 0) {
        if (is_word_at(t->line, "OK"))
            return 0;
        if (is_word_at(t->line, "NO") || is_word_at(t->line, "BYE"))
            return sk_talk_refused(t);
        if (t->line[0] != '"')
            return sk_talk_foreign(t, t->line, t->n);
        *offers = *offers || is_word_at(t->line, "\"STARTTLS\"");
    }
    return -1;
}

int sk_talk_sieve(struct sk_talk *t) {
    bool offers = false;
    if (want_sieve_ok(t, &offers) < 0)
        return -1;
    if (!offers)
        return sk_talk_missing(t, "STARTTLS");
    return sk_talk_say(t, "STARTTLS", NULL) < 0 ? -1 : want_sieve_ok(t, &offers);
}

/* ---- IRC: notices come whenever the server likes ---- */

int sk_talk_irc(struct sk_talk *t) {
    if (sk_talk_say(t, "STARTTLS", NULL) < 0)
        return -1;
    while (read_line(t) == 0) {
        const char *word = t->line;
        if (*word == ':') { /* who says it */
            word += strcspn(word, " ");
            word += strspn(word, " ");
        } else if (!is_word_at(word, "NOTICE") && !is_word_at(word, "ERROR") && !is_word_at(word, "PING")) {
            return sk_talk_foreign(t, t->line, t->n);
        }
        int code = code_of(word);
        if (code == 670)
            return 0;
        if (code >= 400 || is_word_at(word, "ERROR"))
            return sk_talk_refused(t);
    }
    return -1;
}
