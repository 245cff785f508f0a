#!/usr/bin/env bats
# The contract of the command line, sentence by sentence, where no other file has it: doors, checks before anything runs, options and
# their sources, exit statuses, which socket, values.
load sockets
# shellcheck disable=SC2016,SC2154,SC2030,SC2031 # $ is for sockctl; what run sets

setup() { cd "$BATS_TEST_TMPDIR" || exit; }

# untouched SCRIPT [REGEXP]: its second line is refused with 2 and its place, and the first has not run.
untouched() {
    printf 'print started\n%s\n' "$1" > refused.sock
    run --separate-stderr sockctl -f refused.sock
    [[ $status == 2 && $output == '' && ${stderr_lines[0]} == 'sockctl: refused.sock:2: '* && ${#stderr_lines[@]} == 1 ]] ||
        fail "$1: status $status, stdout '$output', stderr '$stderr'"
    [[ $stderr =~ ${2:-} ]] || fail "$1: '$stderr' does not match '$2'"
}

# ---- checked before anything runs ----

@test "literal operands: what an option of a socket may be" {
    for bad in 'SO_KEEPALIVE maybe' 'SO_RCVBUF x' 'SO_RCVBUF=x' 'SO_RCVBUF' 'SO_LINGER on' 'SO_RCVTIMEO 5x' 'TCP_MD5SIG k' 'SO_NOSUCH 1' \
        'SOL_NOSUCH SO_RCVBUF 1' 'SO_ERROR 1 2' 'rcv_space 1' 'SO_RCVBUF 99999999999' 'SOL_SOCKET SO_KEEPALIVE=maybe' 'SO_KEEPALIVE --hex 1' \
        'SO_PEERCRED 1' 'TCP_CONGESTION ""'; do
        untouched "setsockopt $bad"
    done
    for bad in SO_NOSUCH 'TCP_NODELAY SO_RCVBUF' 'SO_RCVBUF --type nosuch' 'SO_RCVBUF --len 0'; do
        untouched "getsockopt $bad"
    done
}

@test "literal operands: patterns, texts to expect, settings, what belongs together" {
    untouched "expect -r '('" 'bad pattern'
    untouched "expect -r a '['" 'bad pattern'
    untouched "expect ''" empty
    untouched 'expect -r ""' empty
    untouched 'expect' 'expect what'
    untouched 'expect --close --reset' 'one of them'
    untouched 'expect --close text' 'either'
    untouched "assert \$PATH matches '('" 'bad pattern'
    untouched "assert -r a is '*'" 'bad pattern'
    untouched 'assert -r a lt b' order
    untouched 'set eol x' 'lf or crlf'
    untouched 'set timeout x' time
    untouched 'set timeot 1s' "did you mean 'timeout'"
    untouched 'repeat print a' 'how often'
    untouched 'connect -u tcp://127.0.0.1:9' 'stream'
    untouched 'connect -4 [::1]:9' 'no IPv4 address'
    untouched 'listen -6 127.0.0.1:0' 'no IPv6 address'
    untouched 'connect *:80' 'connect to :80'
    untouched 'sendto tcp://127.0.0.1:9 x' datagrams
    untouched 'getaddrinfo -4 --family inet6 localhost' together
    untouched 'getaddrinfo -u --type stream localhost' together
    untouched 'getnameinfo localhost:80' numeric
}

@test "the same through every door that has the whole text: do, -c; stdin goes line by line" {
    run --separate-stderr sockctl 'do' print started , assert a matches '('
    assert_failure 2
    assert_output ''
    run --separate-stderr sockctl -c 'print started' -c 'setsockopt SO_KEEPALIVE maybe'
    assert_failure 2
    assert_output ''
    run --separate-stderr sockctl <<< $'print started\nset eol x'
    assert_failure 2
    assert_output started
    run --separate-stderr sockctl -i --json <<< $'print a ; set eol x'
    assert_equal "$(last '[.error.code, .results]')" '["USAGE",null]'
}

@test "not checked: names, variables, files, sockets, interfaces" {
    for late in 'recv -s nosuch' 'print $nosuch_variable' 'source nosuch.sock' 'send -s nosuch --file nosuch' 'setsockopt SO_BINDTODEVICE nosuch0' \
        'connect sock:nosuch' 'setsockopt SO_RCVBUF $PATH' 'assert a matches $PWD[' 'wait 7'; do
        run --separate-stderr sockctl -c $'print started\n'"$late"
        [[ $status != 0 && $output == started ]] || fail "$late: $status, '$output'"
    done
}

@test "what comes from variables is judged when it is known, also among literal words" {
    script $'v = print maybe\ns = socket\ns.setsockopt SO_KEEPALIVE $v'
    assert_failure 2
    told ':3: SO_KEEPALIVE wants on or off'
    script $'v = print (\nassert a matches $v'
    assert_failure 2
    script $'v = print\nx = pair\nx1.expect $v'
    assert_failure 2
    told empty
    script $'v = print x\nset eol $v'
    assert_failure 2
    script $'v = print SO_KEEPALIVE\nw = print on\ns = socket\ns.setsockopt $v $w\ns.getsockopt $v'
    assert_success
    assert_output 1
}

@test "variables in front of data and of a nested command" {
    script $'h = print 6162\nx = pair\nx0.send --hex $h\nx1.recv'
    assert_output ab
    printf 'from a file' > f
    script $'f = print f\nx = pair\nx0.send --file $f\nx1.recv'
    assert_output 'from a file'
    script $'b = print YWI=\nx = pair\nx0.send --base64 $b\nx1.recv'
    assert_output ab
    script $'n = print 2\nrepeat -n $n print again'
    assert_output $'again\nagain'
    script $'n = print 0\nrepeat -n $n print again'
    assert_failure 2
    script $'n = print made\nsocket --as $n\nprint $made.state'
    assert_output new
    script $'t = print 10ms\nx = pair\nx0.recv -t $t'
    assert_failure 124
    told 'after 10ms: recv on x0'
}

@test "--check only checks: texts, one command, a chain; with -i it is an error" {
    start_peer wait
    for ok in "connect $peer_addr" "do connect $peer_addr , send hi" 'print a'; do
        # shellcheck disable=SC2086  # words
        run --separate-stderr sockctl --check $ok
        assert_success
        assert_output ''
        untold
    done
    run grep -c accepted peer.log
    assert_output 0
    run --separate-stderr sockctl --check 'do' print a , nosuch
    assert_failure 2
    run --separate-stderr sockctl --check -c 'print $nosuch'
    assert_success
    run --separate-stderr sockctl --check <<< $'print a\nnosuch\nhtons x'
    assert_failure 2
    assert_output ''
    told '-:2:'
    run --separate-stderr sockctl --check -i
    assert_failure 2
}

# ---- options: where they stand, what turns them off, habits ----

@test "--no-X turns off any switch" {
    run --separate-stderr sockctl --keep-going --no-keep-going -c $'fails print a\nprint b'
    assert_failure 1
    assert_output ''
    run --separate-stderr sockctl --echo --no-echo --tap --no-tap --check --no-check -c 'print a'
    assert_success
    assert_output a
    untold
    run sockctl --json --no-json print a
    assert_output a
    run sockctl --json 'do' print a , print --no-json b
    assert_line --index 1 b
    run sockctl 'do' x = pair , x0.send --raw --no-raw '\n' , x1.recv -e --no-escape -F hex
    assert_output 0a
    run sockctl -v --no-verbose -q --no-quiet --local --no-init print a
    assert_output a
    run --separate-stderr sockctl --no-command print a
    assert_failure 2
    run --separate-stderr sockctl --no-timeout print a
    assert_failure 2
}

@test "options with a value: as a word, after =; no value may be left out" {
    run sockctl --timeout=1s --format=hex print a
    assert_output 61
    run sockctl print --format hex a
    assert_output 61
    run sockctl --command='print a'
    assert_output a
    for bad in '-c' '-f' '--format' '--timeout=' '-cprint' '-t1s' '-ji' '-ij' '--keep-going=1' '--json=yes'; do
        run --separate-stderr sockctl "$bad"
        assert_failure 2
        assert_equal "${#stderr_lines[@]}" 1
    done
    run --separate-stderr sockctl -c 'htons 1 --keep-going'
    assert_failure 2
    told 'before the command'
}

@test "switches of the program stand before the command or after it, before its data" {
    run --separate-stderr sockctl 'do' --keep-going print a , fails print b , print c
    assert_failure 1
    assert_output $'a\nc'
    run --separate-stderr sockctl n = htons 80 --check --echo
    assert_success
    assert_output ''
    untold
    run --separate-stderr sockctl print --echo 'a b' --check
    assert_output 'a b --check'
    assert_equal "$stderr" "+ print 'a b' --check"
    run --separate-stderr sockctl print --echo --no-echo -- --echo
    assert_output -- --echo
    untold
    run sockctl recv -s --check --local
    assert_failure 2
    assert_output --partial "'--check'"
    run sockctl htons --version
    assert_success
    assert_line --index 0 --regexp '^sockctl [0-9]'
}

@test "habits from elsewhere get an answer, before the command and after it" {
    while IFS='|' read -r option answer; do
        run --separate-stderr sockctl connect "$option" 127.0.0.1:1
        assert_failure 2
        told "$answer"
        run --separate-stderr sockctl "$option" 5 connect 127.0.0.1:1
        assert_failure 2
        told "$answer"
    done << 'EOF'
-w|-t TIME (--timeout)
-p|HOST:PORT
-k|--insecure
-z|exit status
-N|shutdown wr
EOF
}

@test "no second spelling, no abbreviation, no catch-all" {
    for words in 'recv --all' 'con 127.0.0.1:1' '127.0.0.1:1' 'example.com 80' 'script.sock' 'recv --time 1s' 'sendall --esc x'; do
        # shellcheck disable=SC2086  # words
        run --separate-stderr sockctl $words
        assert_failure 2
        assert_output ''
    done
    for alias in quit exit bye; do
        run sockctl -c "print a; $alias 3; print b"
        assert_failure 3
        assert_output a
    done
    assert_equal "$(sockctl '?' htons)" "$(sockctl help htons)"
}

# ---- which source of a setting wins ----

@test "an option wins over the environment, that over set" {
    SOCKCTL_FORMAT=hex run sockctl -c 'print a ; print -e a ; set format base64 ; print a ; print -F base64 a'
    assert_output $'61\na\n61\nYQ=='
    SOCKCTL_FORMAT=json run sockctl -c 'print -e a ; print --no-json b'
    assert_output $'a\nb'
    SOCKCTL_FORMAT=json run sockctl -e -c 'print a'
    assert_output a
    SOCKCTL_FORMAT=hex run sockctl -c 'print -j a'
    assert_equal "$(last .result.text)" '"a"'
    SOCKCTL_FORMAT=json run --separate-stderr sockctl -c 'htons $nosuch_variable'
    assert_equal "$(last '[.ok, .error.exit]')" '[false,2]'
    run sockctl -c 'set format json ; print -e a ; set format auto ; print b'
    assert_line --index 0 a
    assert_line --index 2 b
}

@test "-v tells which source won" {
    SOCKCTL_TIMEOUT=10ms run --separate-stderr sockctl -v -c 'x = pair ; x0.recv'
    assert_failure 124
    told 'timeout 10ms (SOCKCTL_TIMEOUT'
    SOCKCTL_TIMEOUT=10s run --separate-stderr sockctl -v -c 'set timeout 20s ; x = pair ; x0.recv -t 10ms'
    told 'timeout 10ms (-t)'
    run --separate-stderr sockctl -v -c 'set timeout 10ms ; x = pair ; x0.recv'
    told 'timeout 10ms (set timeout'
    SOCKCTL_FORMAT=hex run --separate-stderr sockctl -v -c 'print a'
    told 'format hex (SOCKCTL_FORMAT)'
    SOCKCTL_FORMAT=hex run --separate-stderr sockctl -v -c 'print -e a'
    told 'format escape (an option)'
    run --separate-stderr sockctl -v -c 'set format hex ; print a'
    told 'format hex (set format)'
    SOCKCTL_SOCKET=a run --separate-stderr sockctl -v -c 'a = socket ; b = socket ; getsockopt SO_TYPE'
    told 'socket a (SOCKCTL_SOCKET)'
    run --separate-stderr sockctl -v -c 'print a'
    untold
}

@test "an empty variable counts as unset; one that means nothing is an error" {
    SOCKCTL_TIMEOUT='' SOCKCTL_FORMAT='' SOCKCTL_SOCKET='' run --separate-stderr sockctl -c 'x = pair ; x0.send a ; x1.recv'
    assert_success
    assert_output a
    for name in SOCKCTL_TIMEOUT SOCKCTL_FORMAT; do
        run --separate-stderr env "$name=nonsense" sockctl print a
        assert_failure 2
        told "$name"
    done
    SOCKCTL_SOCKET=nosuch run --separate-stderr sockctl -c 'a = socket ; getsockopt SO_TYPE'
    assert_failure 2
    told "no socket 'nosuch'; open: a"
}

@test "-o: before the commands one file for all of them, after a command its own; - is stdout" {
    run sockctl -o all -c $'print a\nprint -o own b\nprint c\nprint -o - d'
    assert_success
    assert_output d
    assert_equal "$(< all)" $'a\nc'
    assert_equal "$(< own)" b
    sockctl -o all 'do' print a , repeat -n 2 print b
    assert_equal "$(< all)" $'a\nb\nb'
    sockctl --json -o all -c 'print a ; print b'
    assert_equal "$(jq -r .result.text all)" $'a\nb'
    sockctl 'do' print -o own e , print -o own f
    assert_equal "$(< own)" f
}
