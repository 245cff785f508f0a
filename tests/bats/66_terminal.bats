#!/usr/bin/env bats
# Nothing that a peer, a file or a caller says can act on a terminal: data, names and messages are escaped there.
load sockets
load terminal

# Titles, questions to the terminal, the clipboard, C1, directions, broken UTF-8.
hostile='\x1b]0;title\x07\x1b[6n\x1b]52;c;eA==\x07\x9b31m\xc2\x9b31m\x7f\x08\xe2\x80\xae\xe2\x81\xa6\xc0\xaf\xed\xa0\x80\xff'
bytes() { printf '%b' "$hostile"; }

quiet() { assert_equal "$status" "$1"; }

@test "data: recv, read, readline, recvfrom, recvmsg, print, hexdump" {
    for get in recv 'read 10' 'recv -F hexdump' recvmsg recvfrom 'recv -e'; do
        on_terminal sockctl do x = pair , x0.sendall "$hostile\\n" , x1.$get
        quiet 0
        assert_output --partial '1b'
    done
    for get in readline 'recv -F json'; do
        on_terminal sockctl do x = pair , x0.sendall "$hostile\\n" , x1.$get
        quiet 0
    done
    on_terminal sockctl do a = bind udp://:0 , sendto sock:a "$hostile" , a.recvfrom
    quiet 0
    on_terminal sockctl print "$hostile"
    quiet 0
}

@test "messages: unknown commands, bad words, addresses, names, files, expect and assert" {
    local raw
    raw=$(bytes)
    on_terminal sockctl "$raw"
    quiet 2
    on_terminal sockctl connect "$raw"
    quiet 2
    on_terminal sockctl connect "$raw:80"
    quiet 2
    on_terminal sockctl do x = pair , x0.send --file "/nosuch/$raw"
    quiet 3
    on_terminal sockctl -f "/nosuch/$raw"
    quiet 3
    on_terminal sockctl "--$raw"
    quiet 2
    on_terminal sockctl recv -s "$raw"
    quiet 2
    on_terminal sockctl -c "print \$x ; $raw"
    quiet 2
    on_terminal sockctl setsockopt "$raw" 1
    quiet 2
    on_terminal sockctl do x = pair , x0.sendall "$hostile" , x1.expect -t 50ms nothing
    quiet 124
    on_terminal sockctl do x = pair , x0.sendall "$hostile" , x0.close , x1.expect --exact "a$hostile"
    quiet 1
    on_terminal sockctl do x = pair , x0.sendall "$hostile" , x1.silent 50ms
    quiet 1
    on_terminal sockctl assert "$hostile" is x
    quiet 1
    on_terminal sockctl -v do x = pair , x0.sendall "$hostile" , x1.read 3 , x1.close
    quiet 0
}

@test "names of UNIX sockets, in ls and in errors" {
    local raw path
    raw=$(bytes | tr -d '/')
    path="$BATS_TEST_TMPDIR/$raw"
    ((${#path} < 100)) || path="/tmp/sockctl-test-$$-$raw"
    on_terminal sockctl do srv = listen "unix:$path" , ls , getsockname , print done
    quiet 0
    on_terminal sockctl connect "unix:$path"
    quiet 3
}

@test "colour: --color, NO_COLOR, TERM, a pipe; the colours that are set; and what is sent has > without them" {
    local words=(sockctl -vv 'do' x = pair , x0.send a)
    TERM=xterm NO_COLOR='' on_terminal "${words[@]}"
    assert_output --partial $'\e[31m[x0] > \'a\'\e[0m'
    for quiet in 'TERM=xterm NO_COLOR=1' 'TERM=dumb NO_COLOR='; do
        # shellcheck disable=SC2086 # words
        on_terminal env $quiet "${words[@]}"
        assert_output "[x0] > 'a'"
    done
    run sockctl --color always -c 'set colors "green cyan" ; x = pair ; x0.send -vv a'
    assert_output $'\e[32m[x0] > \'a\'\e[0m'
    NO_COLOR='' run "${words[@]}"
    assert_output "[x0] > 'a'"
    run sockctl set colors 'red pink'
    assert_failure 2
}

@test "a terminal without UTF-8 gets ASCII alone: the bytes of a character may be controls there" {
    LC_ALL=C.UTF-8 on_terminal sockctl 'do' x = pair , x0.send 'Û' , x1.recv
    assert_output "'Û'"
    LC_ALL=C on_terminal sockctl 'do' x = pair , x0.send 'Û' , x1.recv
    assert_output "'\\xc3\\x9b'"
}
