/* completion: scripts for shells, and the candidates that these ask for. */
#include <stdlib.h>
#include <string.h>

#include "lang/call.h"
#include "lang/frame.h"
#include "verbs/help.h"

static int completion(struct call *c) {
    enum { SHELL, WORD };
    static const char *const shells[] = { "bash", "zsh", "fish", NULL };
    const char *shell = shells[c->args[SHELL].u.i];
    const struct arg *list = &c->args[WORD];
    if (shell && list->count > 0)
        return sk_fail_usage(&c->err, "completion: WORD stands after words only");
    const char **words = sk_alloc((list->count + 1) * sizeof *words);
    for (uint32_t i = 0; i < list->count; i++)
        words[i] = list->all[i].u.s.p;
    struct sk_buf text = { 0 };
    int rc = c->frame->host->complete(c->frame, shell, words, list->count, &text, &c->err);
    if (rc == 0) {
        c->result = sk_record();
        sk_put(&c->result, "shell", shell ? sk_text(shell) : sk_null());
        sk_put_main(&c->result, "lines", lines_of(&text));
    }
    sk_buf_done(&text);
    free(words);
    return rc;
}

const struct command cmd_completion = {
    .name = "completion",
    .group = "doors",
    .summary = "write the completion script of a shell",
    .params =
        (const struct param[]){
            ARG("SHELL", K_CHOICE, 1, 1, "bash, zsh or fish; words: what may stand in place of the last WORD",
                .choices = (const char *const[]){ "bash", "zsh", "fish", "words", NULL }),
            ARG("WORD", K_TEXT, 0, MANY, "the words after sockctl, up to the one that is completed; after --"),
            { .kind = K_END },
        },
    .result = R_ONE,
    .details =
        "The scripts ask sockctl itself, which computes the candidates from its command table. Neither a name "
        "server nor the network is asked.\n"
        "Packages install the scripts. For a program that was built by hand: eval \"$(sockctl completion bash)\" "
        "in ~/.bashrc, eval \"$(sockctl completion zsh)\" after compinit in ~/.zshrc, or sockctl completion fish "
        "> ~/.config/fish/completions/sockctl.fish.",
    .examples = (const char *const[]){ "completion bash", "completion words -- connect --ti",
                                       "completion words -- socket AF_INET SOCK_", NULL },
    .run = completion,
};
