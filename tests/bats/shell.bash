# The shell in a real terminal: tmux, a server of its own for each test.
# shellcheck disable=SC2154

T() { tmux -u -f /dev/null -S "$BATS_TEST_TMPDIR/tmux" "$@"; }

# start_in WORD...: run it in a terminal of $columns (80) by $rows (40) that is called $term (screen-256color), in $locale (C.UTF-8), with
# state, configuration and home in this directory. No leak check: it stops the process with a signal, which the SIGCONT of a terminal that goes away undoes; both then wait for ever.
start_in() {
    env -u SOCKCTL_HISTORY ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" SHELL=/bin/bash LC_ALL="${locale:-C.UTF-8}" XDG_STATE_HOME="$PWD/state" XDG_CONFIG_HOME="$PWD/config" HOME="$PWD" \
        tmux -u -f /dev/null -S "$BATS_TEST_TMPDIR/tmux" new-session -d -x "${columns:-80}" -y "${rows:-40}" \
        "TERM=${term:-screen-256color} $*; echo left \$?; exec sleep 1000" 3>&-
}
# start_shell [NAME=VALUE...]: sockctl there, with its prompt; the screen says "left STATUS" after it.
start_shell() {
    start_in "$@" sockctl
    see 'sockctl>'
}
# The socket is gone when the server is.
stop_shell() {
    T kill-server 2> /dev/null || true
    while T ls > /dev/null 2>&1; do :; done
}

# The screen, without empty lines below; rows that were wrapped are joined.
screen() { T capture-pane -pJ | awk '{ sub(/ *$/, "") } /./ { for (; n; n--) print ""; print; next } { n++ }'; }
# see TEXT: wait until it is on the screen. gone TEXT: until it is not.
see() { await "$1" true; }
gone() { await "$1" false; }
await() {
    local end=$((SECONDS + 30)) found
    while ((SECONDS < end)); do
        found=false
        [[ $(screen) != *"$1"* ]] || found=true
        [[ $found != "$2" ]] || return 0
        read -rt 0.05 <> <(:) || true
    done
    screen | batslib_decorate "after 30 s: '$1' on the screen is not $2" | fail
}
# last_line: the line of the prompt.
ends_with() {
    local end=$((SECONDS + 30))
    while ((SECONDS < end)); do
        [[ $(screen | tail -n 1) != "$1" ]] || return 0
        read -rt 0.05 <> <(:) || true
    done
    screen | batslib_decorate "after 30 s the last line is not '$1'" | fail
}
# keys KEY...: as tmux names them. type TEXT: as it is. enter TEXT: and Enter.
keys() { T send-keys "$@"; }
type_text() { T send-keys -l -- "$1"; }
enter() {
    type_text "$1"
    keys Enter
}

# running COMMAND: the terminal is back in the mode of the shell that started us, so the command runs.
running() {
    local end=$((SECONDS + 30)) tty
    tty=$(T display -p '#{pane_tty}')
    until [[ $(stty -a < "$tty") == *' icanon'* ]]; do
        ((SECONDS < end)) || fail "$1 does not run"
    done
}
