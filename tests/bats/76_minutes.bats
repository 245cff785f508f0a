#!/usr/bin/env bats
# The first five minutes of somebody new, typed into a terminal: the whole screen after each step, at two widths, in two locales, on
# three kinds of terminal. Without the agent.
# ctest: TIMEOUT 600
# shellcheck disable=SC2016 # a $ is for the shell that is tested
load sockets
load shell

# A network of its own, in which example.com is a web server.
setup() {
    cd "$BATS_TEST_TMPDIR" || return
    net=sockctl-76-$$
    mkdir -p "/etc/netns/$net"
    echo 127.0.0.1 example.com > "/etc/netns/$net/hosts"
    ip netns add "$net"
    ip -n "$net" link set lo up
    ip netns exec "$net" python3 - > ready 3>&- << 'PY' &
import socket
s = socket.create_server(("127.0.0.1", 80))
print("ready", flush=True)
while True:
    c, _ = s.accept()
    while b"\r\n\r\n" not in c.recv(4096):
        pass
    c.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<!doctype html>hello")
    c.close()
PY
    web=$!
    until [[ -s ready ]]; do read -rt 0.05 <> <(:) || kill -0 "$web"; done
}
teardown() {
    stop_shell
    kill "$web"
    ip netns del "$net"
    rm -r "/etc/netns/$net"
}

# The screen with its ports and versions by name.
steady() {
    local text
    text=$(screen | sed -E 's/(OpenSSL|c-ares|readline|PCRE2) [0-9.]+/\1 V/g')
    [[ -z ${p1:-} ]] || text=${text//127.0.0.1:$p1/P1}
    [[ -z ${p2:-} ]] || text=${text//127.0.0.1:$p2/P2}
    tr -s ' ' <<< "$text" # columns are as wide as the ports
}
# shows LINE...: these lines come to those that are there already, and then the whole screen is so.
shows() {
    local end=$((SECONDS + 30)) got=
    want+=$(printf '\n%s' "$@")
    while ((SECONDS < end)); do
        got=$(steady)
        [[ $got != "${want#$'\n'}" ]] || return 0
        read -rt 0.05 <> <(:) || true
    done
    diff <(echo "${want#$'\n'}") <(echo "$got") | batslib_decorate "after 30 s: wanted <, on the screen >" | fail
}
# asks LINE: type it behind the prompt that is there.
asks() {
    enter "$1"
    want+=" $1"
}
minutes() {
    local kind=$3 with=
    locale=$1 columns=$2 rows=100
    term=$kind
    if [[ $kind == dumb ]]; then # bash itself needs more to edit a line
        term=screen-256color with='TERM=dumb '
    fi
    start_in ip netns exec "$net" env "'PS1=\$ '" bash --norc --noprofile -i
    want=
    shows '$'
    asks 'sockctl --version'
    shows 'sockctl 0.1.0' 'OpenSSL V, c-ares V, readline V, PCRE2 V' '$'
    asks 'sockctl connect 127.0.0.1:1; echo $?'
    shows 'sockctl: connect to 127.0.0.1:1: connection refused (ECONNREFUSED)' 5 '$'
    asks 'sockctl conect example.com:80; echo $?'
    shows "sockctl: unknown command 'conect'; did you mean 'connect'?" 2 '$'
    asks 'sockctl connect ::1; echo $?'
    shows "sockctl: address '::1' has no port; write '[::1]:PORT' or '::1 PORT'" 2 '$'
    get="connect example.com:80 , send 'GET / HTTP/1.0\\r\\nHost: example.com\\r\\n\\r\\n' , read"
    asks "sockctl do $get"
    shows "'HTTP/1.0 200 OK\\r\\n'" "'Content-Type: text/html\\r\\n'" "'\\r\\n'" "'<!doctype html>hello'" '$'
    asks "sockctl do $get > page.html; wc -c < page.html"
    shows 64 '$'
    asks "${with}sockctl"
    shell_minute
    asks 'sockctl --help'
    see 'Usage: sockctl [-c TEXT | -f FILE | COMMAND [ARG]...]'
    mapfile -t lines < <(sockctl --help | tr -s ' ')
    ((${#lines[@]} <= 24)) || fail 'the help is longer than a screen'
    shows "${lines[@]}" '$'
    enter 'exit'
    see 'left 0'
    assert_equal "$(ip netns pids "$net")" "$web" # nothing is left but the web server
}

shell_minute() {
    lines=('sockctl 0.1.0. Type "help", or "help http" for a worked example. Ctrl-D leaves.')
    [[ $kind == dumb ]] || lines+=('Try: connect example.com:80' 'Nothing you type leaves this computer except what you send.')
    shows "${lines[@]}" 'sockctl>'
    asks 'srv = listen :0'
    shows 'sockctl srv listen>'
    asks 'print $srv.local'
    see '127.0.0.1:'
    p1=$(screen | sed -nE 's/^127\.0\.0\.1:([0-9]+)$/\1/p')
    shows P1 'sockctl srv listen>'
    asks 'cli = connect $srv.local'
    see '[srv] connection waiting from 127.0.0.1:'
    p2=$(screen | sed -nE 's/^\[srv\] connection waiting from 127\.0\.0\.1:([0-9]+)$/\1/p')
    shows '[srv] connection waiting from P2' 'sockctl cli>'
    asks 'conn = srv.accept'
    shows 'sockctl conn>'
    asks "cli.send 'hello\\n'"
    shows '[conn] 6 bytes waiting' 'sockctl conn>'
    if [[ $kind == dumb ]]; then
        asks recv
    else
        type_text rec
        keys Tab
        want+=' rec'
        shows 'recv recvfrom recvmsg' 'sockctl conn> recv'
        keys Enter
    fi
    shows "'hello\\n'" 'sockctl conn>'
    asks recv
    running recv
    keys C-c
    shows '^C' 'cancelled: recv on conn' 'sockctl conn>'
    asks cli.close
    shows '[conn] peer closed' 'sockctl conn eof>'
    asks recv
    shows 'sockctl: end of data: peer closed conn' 'sockctl conn eof>'
    asks ls
    shows ' srv listen P1 - 0' '* conn eof P1 P2 0' 'sockctl conn eof>'
    keys C-d
    shows 'closing 2 sockets' '$'
}

all() {
    local term columns
    for term in xterm-256color screen-256color dumb; do
        for columns in 80 200; do
            (minutes "$1" "$columns" "$term") || return 1
            stop_shell
            rm -rf state
        done
    done
}

@test "80 columns, UTF-8, xterm-256color" { minutes C.UTF-8 80 xterm-256color; }
@test "200 columns, C, the terminal of tmux" { minutes C 200 screen-256color; }
@test "80 columns, C, dumb" { minutes C 80 dumb; }
@test "every other combination" {
    [[ -n ${SOCKCTL_LONG:-} ]] || skip 'with SOCKCTL_LONG=1'
    all C.UTF-8
    all C
}
