#!/usr/bin/env bats
# presets: dev asan tsan modules
# The interactive shell, typed into a terminal: what is on the screen after each step.
# ctest: TIMEOUT 600
# shellcheck disable=SC2016 # a $ is for the shell that is tested
load sockets
load shell

setup() { cd "$BATS_TEST_TMPDIR" || return; }

# three_peers: c1, c2 and c3 are connections; say N TEXT lets the peer of one send.
three_peers() {
    local i
    enter 'srv = listen unix:./s'
    ends_with 'sockctl srv listen>'
    for i in 1 2 3; do
        mkfifo "say$i"
        nc.openbsd -U s < "say$i" 3>&- 4>&- &
        peers+=($!)
        eval "exec {say$i}> say$i"
        enter "c$i = srv.accept"
        ends_with "sockctl c$i>"
    done
}
say() {
    local fd=say$1
    printf '%s' "$2" >&"${!fd}"
}
peers=()
teardown() {
    stop_shell
    [[ ${#peers[@]} -eq 0 ]] || kill "${peers[@]}" 2> /dev/null || true
}

@test "news keep the line: with the cursor inside, wrapped, and while searching" {
    local long
    start_shell
    three_peers
    type_text 'print abcd'
    keys Left Left
    say 1 x
    see '[c1] 1 byte waiting'
    ends_with 'sockctl c3> print abcd'
    type_text X
    ends_with 'sockctl c3> print abXcd'
    long=$(printf 'word%d ' {1..30})
    keys C-u C-k
    type_text "print ${long}end"
    keys Left
    say 2 hello
    see '[c2] 5 bytes waiting'
    ends_with "sockctl c3> print ${long}end"
    type_text X
    ends_with "sockctl c3> print ${long}enXd"
    keys C-a C-k C-r
    type_text 'liste'
    ends_with "(reverse-i-search)\`liste': srv = listen unix:./s"
    say 3 abc
    see '[c3] 3 bytes waiting'
    ends_with "(reverse-i-search)\`liste': srv = listen unix:./s"
    keys C-g
    ends_with 'sockctl c3>'
    enter 'c1.recv; c2.recv; c3.recv' # nothing was consumed
    see "'abc'"
    see "'hello'"
}

@test "news are told once until they are read, and not at all when that is wanted" {
    start_shell
    three_peers
    say 1 a
    see '[c1] 1 byte waiting'
    say 1 b
    say 2 x
    see '[c2] 1 byte waiting'
    enter 'c1.recv'
    see "'ab'"
    say 1 cde
    see '[c1] 3 bytes waiting'
    enter 'set notify off'
    ends_with 'sockctl c3>'
    say 3 quiet
    enter 'c3.recv'
    see "'quiet'"
    run grep -c 'c3. 5 bytes' <(screen)
    assert_output 0
}

@test "what a peer sends cannot act on the terminal" {
    start_shell
    three_peers
    say 1 $'\e]0;evil\a\e[2J\e[31mred\x9b5m'
    see '[c1] '
    enter 'c1.recv'
    see '\x1b]0;evil\x07\x1b[2J\x1b[31mred'
    run T display -p '#{pane_title}'
    refute_output --partial evil
}

@test "jobs: their output and their end stand above the line" {
    start_shell
    three_peers
    enter 'c1.recv &'
    ends_with 'sockctl c3 [1]>'
    type_text 'print half'
    say 1 data
    see "'data'"
    see '[1] done: c1.recv'
    ends_with 'sockctl c3> print half'
}

@test "the window gets narrower while a line is typed" {
    start_shell
    type_text 'print abcdefghijklmnopqrstuvwxyz'
    T resize-window -x 30 -y 40
    type_text 0123456789
    keys Enter
    see abcdefghijklmnopqrstuvwxyz0123456789
    ends_with 'sockctl>'
}

@test "Ctrl-Z suspends, at the prompt and in a command; the terminal is sane and the line is there again" {
    start_in bash --norc --noprofile -i
    enter 'PS1="outside> "; sockctl'
    see 'sockctl>'
    type_text 'print kept'
    ends_with 'sockctl> print kept'
    keys C-z
    ends_with 'outside>'
    enter fg
    ends_with 'sockctl> print kept'
    keys C-u
    enter 'sleep 1000'
    running sleep
    keys C-z
    ends_with 'outside>'
    enter fg
    see 'fg'
    keys C-c
    see 'cancelled: sleep'
    ends_with 'sockctl>'
}

@test "TERM=dumb: a plain prompt without one escape sequence" {
    PYTHONPATH=$BATS_TEST_DIRNAME run python3 - << 'PY'
from terminal import Terminal
t = Terminal(["sockctl"], TERM="dumb")
t.until(b"sockctl> ")
t.enter("x = pair", b"sockctl x1> ")
t.enter("x0.send 'a\\x1b[31m'; x1.recv", b"'a\\x1b[31m'\r\n")
t.until(b"> ")
t.type("\x04")
print(t.end(), b"\x1b" in t.out)
PY
    assert_output '0 False'
}

@test "Ctrl-C drops the line, also one that goes on; Ctrl-D on it leaves it first" {
    start_shell
    type_text 'print not this'
    keys C-c
    see 'print not this^C'
    ends_with 'sockctl>'
    enter "print 'a"
    ends_with 'sockctl …>'
    keys C-c
    ends_with 'sockctl>'
    enter "print 'a"
    ends_with 'sockctl …>'
    keys C-d
    ends_with 'sockctl>'
    keys C-d
    see 'left 0'
}

@test "Ctrl-D with a job warns once" {
    start_shell
    enter 'sleep 1000 &'
    ends_with 'sockctl [1]>'
    keys C-d
    see '1 job is running; Ctrl-D once more ends it'
    ends_with 'sockctl [1]>'
    keys C-d
    see 'left 0'
}

@test "Tab: commands, methods that make sense, options, sockets, variables, files" {
    start_shell
    enter 'srv = listen :0'
    ends_with 'sockctl srv listen>'
    type_text 'gethostn'
    keys Tab
    ends_with 'sockctl srv listen> gethostname'
    keys C-u
    type_text 'srv.acc'
    keys Tab
    ends_with 'sockctl srv listen> srv.accept'
    keys C-u
    type_text 'srv.rec'
    keys Tab
    type_text x
    ends_with 'sockctl srv listen> srv.recx'
    keys C-u
    type_text 'print a ; connect --ti'
    keys Tab
    ends_with 'sockctl srv listen> print a ; connect --timeout'
    keys C-u
    type_text 'recv --f'
    keys Tab
    see '--format  form of bytes'
    keys C-u
    type_text 'recv --format=hexd'
    keys Tab
    ends_with 'sockctl srv listen> recv --format=hexdump'
    keys C-u
    type_text 'use s'
    keys Tab
    ends_with 'sockctl srv listen> use srv'
    keys C-u
    type_text 'print $srv.loc'
    keys Tab
    ends_with 'sockctl srv listen> print $srv.local'
    keys C-u
    type_text 'connect sock:s'
    keys Tab
    ends_with 'sockctl srv listen> connect sock:srv'
    keys C-u
    type_text 'socket AF_UNI'
    keys Tab
    type_text 'SOCK_ST'
    keys Tab
    see 'socket AF_UNIX SOCK_STREAM'
    keys C-u
    touch only-one-file
    type_text 'print a > only-o'
    keys Tab
    see 'print a > only-one-file'
}

@test "history: for the user alone, without secrets, and there again in the next session" {
    start_shell
    enter 'print one'
    ends_with 'sockctl>'
    enter ' print blank'
    enter 'print Authorization: x'
    enter 'x = pair'
    ends_with 'sockctl x1>'
    enter "send 'PASS x'"
    keys Up
    ends_with "sockctl x1> send 'PASS x'"
    keys C-u C-d
    see 'left 0'
    run stat -c %a state/sockctl/history state/sockctl
    assert_output $'600\n700'
    run cat state/sockctl/history
    assert_output $'print one\nx = pair'
    stop_shell
    chmod 644 state/sockctl/history
    start_shell
    gone 'Nothing you type'
    keys Up Up
    ends_with 'sockctl> print one'
    keys C-u
    enter 'history --clear'
    ends_with 'sockctl>'
    keys C-d
    see 'left 0'
    run stat -c %a state/sockctl/history
    assert_output 600
    assert_equal "$(cat state/sockctl/history)" ''
    stop_shell
    start_shell SOCKCTL_HISTORY=
    enter 'print unsaved'
    ends_with 'sockctl>'
    assert_equal "$(cat state/sockctl/history)" ''
}

@test "the init file is for the shell alone, and can be left out" {
    mkdir -p config/sockctl
    echo "set prompt '<%n %s> '; set notify off" > config/sockctl/init
    start_in sockctl
    ends_with '< >'
    enter 'srv = listen :0'
    ends_with '<srv listen>'
    stop_shell
    start_in sockctl --no-init
    ends_with 'sockctl>'
    echo nonsense > config/sockctl/init
    XDG_CONFIG_HOME=$PWD/config run sockctl -c 'print fine'
    assert_output fine
    stop_shell
    start_in sockctl
    see "config/sockctl/init:1: unknown command 'nonsense'"
    ends_with 'sockctl>'
}
