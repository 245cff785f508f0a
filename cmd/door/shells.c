/* The completion scripts. They split the line, ask `sockctl completion words`, and show what it says. */
#include <stdio.h>
#include <string.h>

#include "door/help.h"

/* bash cuts words at : and =; the line is cut at blanks here, and what bash already has of the word is taken off the
 * candidates, so that host:port and --option=value complete as one word. */
static const char bash[] =
    "# bash completion for sockctl, written by: sockctl completion bash\n"
    "_sockctl() {\n"
    "    local line=${COMP_LINE:0:COMP_POINT} program=${COMP_WORDS[0]/#\\~/$HOME} whole= had word\n"
    "    local -a words=()\n"
    "    IFS=$' \\t' read -r -a words <<<\"$line\"\n"
    "    case $line in *[[:blank:]]) words+=('') ;; *) whole=${words[${#words[@]}-1]} ;; esac\n"
    "    had=${whole%\"${COMP_WORDS[COMP_CWORD]}\"}\n"
    "    case ${COMP_WORDS[COMP_CWORD]} in : | =) had=$whole ;; esac\n"
    "    COMPREPLY=()\n"
    "    while IFS=$'\\t' read -r word _; do\n"
    "        case $word in\n"
    "        :files) compopt -o filenames; mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "
    "\"${whole#\"$had\"}\") ;;\n"
    "        :hosts) mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -A hostname -- \"${whole#\"$had\"}\") ;;\n"
    "        *) COMPREPLY+=(\"${word#\"$had\"}\") ;;\n"
    "        esac\n"
    "    done < <(\"$program\" completion words -- \"${words[@]:1}\" 2>/dev/null)\n"
    "    case ${COMPREPLY[0]-} in *[.:/,=]) compopt -o nospace ;; esac\n"
    "}\n"
    "complete -F _sockctl sockctl\n";

static const char zsh[] =
    "#compdef sockctl\n"
    "# zsh completion for sockctl, written by: sockctl completion zsh\n"
    "_sockctl() {\n"
    "    local line name about files= hosts=\n"
    "    local -a found\n"
    "    while IFS=$'\\t' read -r name about; do\n"
    "        case $name in\n"
    "            :files) files=1 ;;\n"
    "            :hosts) hosts=1 ;;\n"
    "            *) found+=(\"${name//:/\\\\:}:$about\") ;;\n"
    "        esac\n"
    "    done < <(\"${(Q)words[1]/#\\~/$HOME}\" completion words -- \"${(@Q)words[2,CURRENT]}\" 2>/dev/null)\n"
    "    (( $#found )) && _describe sockctl found\n"
    "    [[ -n $files ]] && _files\n"
    "    [[ -n $hosts ]] && compadd -- ${(f)\"$(_sockctl_hosts)\"}\n"
    "    return 0\n"
    "}\n"
    "_sockctl_hosts() {\n"
    "    local address names name\n"
    "    while read -r address names; do\n"
    "        [[ $address == \\#* ]] || for name in ${=names%%\\#*}; do print -r -- $name; done\n"
    "    done </etc/hosts 2>/dev/null\n"
    "}\n"
    "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _sockctl \"$@\"; else compdef _sockctl sockctl; fi\n";

static const char fish[] = "# fish completion for sockctl, written by: sockctl completion fish\n"
                           "function __sockctl_complete\n"
                           "    set -l words (commandline -opc)\n"
                           "    set -l typed (commandline -ct)\n"
                           "    set -l program (string replace -r '^~' $HOME -- $words[1])\n"
                           "    for line in ($program completion words -- $words[2..-1] \"$typed\" 2>/dev/null)\n"
                           "        switch $line\n"
                           "            case :files\n"
                           "                __fish_complete_path \"$typed\"\n"
                           "            case :hosts\n"
                           "                string match -rv '^\\s*#' </etc/hosts | string replace -r '#.*' '' | "
                           "string replace -r '^\\s*\\S+\\s*' '' "
                           "| string split -n ' ' | string split -n \\t\n"
                           "            case '*'\n"
                           "                printf '%s\\n' $line\n"
                           "        end\n"
                           "    end\n"
                           "end\n"
                           "complete -c sockctl -f -a '(__sockctl_complete)'\n";

int help_complete(struct frame *f, const char *shell, const char *const *words, size_t n, struct sk_buf *out,
                  struct sk_err *err) {
    static const struct {
        const char *name, *script;
    } scripts[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };
    (void)f;
    if (shell == NULL) {
        complete_words(NULL, words, n, out);
        return 0;
    }
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
        if (strcmp(scripts[i].name, shell) == 0)
            return sk_buf_add_str(out, scripts[i].script, err);
    return sk_fail_usage(err, "completion: there is no script for '%.40s'; write bash, zsh or fish", shell);
}
