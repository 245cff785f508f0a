/* readline through its callback interface. It handles no signal and never waits: the prompt does (door/prompt.c). */
#include "door/shell.h"

#include <build_id.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <readline/readline.h>

#include <readline/history.h>

#define EXPORT __attribute__((visibility("default")))

extern const char sk_shell_build[];
EXPORT const char sk_shell_build[] = SK_BUILD_ID;

enum { REMEMBERED = 1000 };

static const struct shell_hooks *hooks;
static char *typed;
static bool done, drawn;

/* ---- Completion ---- */

static char *candidates; /* the text of the hook, each WORD ended by a NUL in place of its tab */
static const char *next_candidate;

/* readline's generator: the words one after the other; text was looked at by the hook. */
static char *give(const char *text, int state) {
    (void)text;
    (void)state;
    const char *word = next_candidate;
    size_t n = strcspn(word, "\t\n");
    if (n == 0)
        return NULL;
    const char *newline = strchr(word, '\n');
    next_candidate = newline ? newline + 1 : word + strlen(word);
    return strndup(word, n);
}

/* A word that is not finished gets no blank behind it: "c." "tcp://" "--format=" "a:". */
static void end_word(const char *word) {
    size_t n = strlen(word);
    rl_completion_append_character = n && strchr(".:/,=", word[n - 1]) ? '\0' : ' ';
}

static char **attempt(const char *text, int start, int end) {
    rl_attempted_completion_over = 1;
    free(candidates);
    candidates = hooks->complete(rl_line_buffer, (size_t)start, (size_t)end);
    if (!candidates)
        return NULL;
    if (strcmp(candidates, ":files\n") == 0) {
        rl_attempted_completion_over = 0; /* file names: readline's own */
        return NULL;
    }
    next_candidate = candidates;
    char **found = rl_completion_matches(text, give);
    if (found && !found[1])
        end_word(found[0]);
    return found;
}

/* What the hook said about a word, its length in *n; or NULL. */
static const char *about(const char *word, size_t *n) {
    size_t len = strlen(word);
    for (const char *line = candidates; line && *line;) {
        const char *newline = strchr(line, '\n');
        if (strncmp(line, word, len) == 0 && line[len] == '\t') {
            *n = newline ? (size_t)(newline - line) - len - 1 : strlen(line + len + 1);
            return line + len + 1;
        }
        line = newline ? newline + 1 : NULL;
    }
    return NULL;
}

/* Options with their help, a line each; other words in columns. */
static void display(char **matches, int count, int longest) {
    if (matches[1][0] != '-') {
        rl_display_match_list(matches, count, longest);
    } else {
        int rows, columns;
        rl_crlf();
        rl_get_screen_size(&rows, &columns);
        for (int i = 1; i <= count; i++) {
            size_t n = 0;
            const char *help = about(matches[i], &n);
            int room = columns - longest - 3;
            if (help && room > 8)
                fprintf(rl_outstream, "%-*s  %.*s\n", longest, matches[i], (int)n < room ? (int)n : room, help);
            else
                fprintf(rl_outstream, "%s\n", matches[i]);
        }
    }
    rl_forced_update_display();
}

/* ---- The line ---- */

static void take_line(char *line) {
    typed = line;
    done = true;
    drawn = false;
    rl_callback_handler_remove();
}

enum { NO_KEY = 0 }; /* Ctrl-@, which does nothing here */

static int ignore_key(int count, int key) {
    (void)count;
    (void)key;
    return 0;
}

/* The next byte, never waiting: Ctrl-C makes the terminal forget what was typed, also between its being announced and
 * this. */
static int next_key(FILE *in) {
    struct pollfd ready = { .fd = fileno(in), .events = POLLIN };
    unsigned char c;
    if (poll(&ready, 1, 0) <= 0)
        return NO_KEY;
    ssize_t n = read(ready.fd, &c, 1);
    return n == 1 ? c : n < 0 && (errno == EINTR || errno == EAGAIN) ? NO_KEY : EOF;
}

static void begin(const struct shell_hooks *given) {
    hooks = given;
    rl_getc_function = next_key;
    rl_readline_name = "sockctl";
    rl_catch_signals = 0;
    rl_catch_sigwinch = 0;
    rl_change_environment = 0; /* LINES and COLUMNS are for nobody */
    rl_completer_word_break_characters = " \t\n;|&<>=";
    rl_completer_quote_characters = "'\"";
    rl_attempted_completion_function = attempt;
    rl_completion_display_matches_hook = display;
    rl_completion_query_items = 0; /* a question would wait */
    rl_variable_bind("page-completions", "off");
    rl_variable_bind("show-all-if-ambiguous", "on");
    rl_variable_bind("completion-ignore-case", "on");
    rl_initialize();
    rl_bind_key(NO_KEY, ignore_key);
    using_history();
    stifle_history(REMEMBERED);
}

static void show(const char *prompt) {
    rl_resize_terminal();
    rl_callback_handler_install(prompt, take_line);
    drawn = true;
}

static enum shell_typed feed(char **line) {
    done = false;
    rl_callback_read_char();
    if (!done)
        return SHELL_MORE;
    *line = typed;
    const char *paste = rl_variable_value("enable-bracketed-paste");
    if (!typed && (!paste || strcmp(paste, "on") != 0)) /* else the editor has ended the row */
        fputs("\n", rl_outstream);
    return typed ? SHELL_LINE : SHELL_END;
}

static void drop(void) {
    rl_point = rl_end; /* otherwise ^C lands inside the line */
    rl_redisplay();
    fputs("^C\n", rl_outstream);
    rl_free_line_state();
    rl_callback_sigcleanup();
    rl_replace_line("", 1);
}

static void leave(void) {
    if (drawn)
        rl_callback_handler_remove();
    drawn = false;
}

static void clear(void) {
    rl_clear_visible_line();
    fflush(rl_outstream);
}

static void redraw(const char *prompt) {
    bool searching = RL_ISSTATE(RL_STATE_ISEARCH | RL_STATE_NSEARCH | RL_STATE_NUMERICARG) != 0;
    if (prompt && !searching) /* a search has a prompt of its own on the screen */
        rl_set_prompt(prompt);
    rl_on_new_line();
    rl_redisplay();
}

static void suspend(bool away) {
    if (away) {
        rl_deprep_terminal();
    } else {
        rl_prep_terminal(1);
        rl_resize_terminal();
        rl_forced_update_display();
    }
}

static void remember(const char *line) {
    HIST_ENTRY *last = history_length > 0 ? history_get(history_base + history_length - 1) : NULL;
    if (!last || strcmp(last->line, line) != 0)
        add_history(line);
}

EXPORT const struct shell_module sk_shell_module = {
    .begin = begin,
    .show = show,
    .feed = feed,
    .drop = drop,
    .leave = leave,
    .clear = clear,
    .redraw = redraw,
    .suspend = suspend,
    .resized = rl_resize_terminal,
    .remember = remember,
    .forget = clear_history,
};
