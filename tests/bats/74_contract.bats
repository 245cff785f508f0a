#!/usr/bin/env bats
# The contract, second half: exit statuses, what a person at a terminal is told, help, names and values, the machine door.
load sockets
load terminal
# shellcheck disable=SC2016,SC2154,SC2030,SC2031 # $ is for sockctl; what run sets

setup() { cd "$BATS_TEST_TMPDIR" || exit; }

# ---- exit statuses: a failing case for each, and the code that JSON has ----

# ends STATUS CODE SCRIPT: through -c and the machine door.
ends() {
    run --separate-stderr sockctl --json -c "$3"
    [[ $status == "$1" && $(last '.error | [.code, .exit]') == "[\"$2\",$1]" ]] || fail "$3: $status, $(last .error)"
    [[ $stderr == sockctl:* ]] || fail "$3: '$stderr'"
    run --separate-stderr sockctl -i --json <<< "$3"
    assert_success
    [[ $(last '(.error // .results[-1].error) | [.code, .exit]') == "[\"$2\",$1]" ]] || fail "$3: machine door: $output"
}

@test "1: the answer is no" {
    ends 1 EXPECT 'x = pair ; x0.close ; x1.expect a'
    ends 1 ASSERT 'assert a is b'
    ends 1 ASSERT 'fails print a'
    ends 1 EINVAL 'inet_pton inet localhost'
}

@test "2: wrong usage" {
    ends 2 USAGE nosuch
    ends 2 USAGE 'recv --nosuch'
    ends 2 USAGE "print '\\q'"
    ends 2 USAGE 'connect ::1'
    ends 2 USAGE 'recv -s nosuch'
    ends 2 USAGE 'a = socket ; b = socket ; c = socket ; close c ; recv'
}

@test "3: a system call failed" {
    ends 3 EADDRINUSE 'a = listen :0 ; b = listen $a.local'
    ends 3 ENOTCONN 's = socket ; s.getpeername'
    ends 3 EBADF 's = socket ; s.close ; s.recv'
    ends 3 ENOENT 'source nosuch.sock'
}

@test "4: a name is not resolved" {
    ends 4 EAI_NONAME 'connect nosuch.invalid:80'
    ends 4 EAI_SERVICE 'getaddrinfo 127.0.0.1 nosuchservice --type stream'
}

@test "5, 6, 7: nobody there, broken, ended" {
    ends 5 ECONNREFUSED 'connect 127.0.0.1:1'
    ends 6 EPIPE 'x = pair ; x1.close ; x0.send a'
    ends 6 ECONNRESET 'srv = listen :0 ; c = connect sock:srv ; a = srv.accept ; a.setsockopt SO_LINGER on,0 ; a.close ; c.recv'
    ends 7 EOF 'x = pair ; x0.close ; x1.recv'
}

@test "10: it would block, also connect" {
    ends 10 EAGAIN 'x = pair ; x0.settimeout 0 ; x0.recv'
    ends 10 EAGAIN 'srv = listen :0 ; srv.setblocking off ; srv.accept'
    ends 10 EINPROGRESS 'srv = listen :0 ; s = socket ; s.settimeout 0 ; s.connect sock:srv'
    script 'srv = listen :0 ; s = socket ; s.settimeout 0 ; fails 10 s.connect sock:srv ; poll s:out ; s.getsockopt SO_ERROR ; s.send hi ; a = srv.accept ; a.recv'
    assert_success
    assert_output $'s out\n0\nhi'
    # the backlog is full: it goes on connecting
    ends 10 EALREADY 'srv = listen :0 --backlog 0 ; a = connect sock:srv ; s = socket ; s.settimeout 0 ; fails 10 s.connect sock:srv ; s.connect sock:srv'
}

@test "124: time ran out, with what and how long; 130, 126, 127" {
    for wait in 'x0.recv' 'x0.read' 'x0.readline' 'x0.recvfrom' 'x0.recvmsg' 'x0.expect' 'poll' 'srv.accept' 'x0.readinto'; do
        [[ $wait == *expect ]] && operand=a || operand=''
        [[ $wait == poll ]] && operand=x0
        [[ $wait == *readinto ]] && operand=b
        ends 124 ETIMEDOUT "b = bytearray 2 ; srv = listen :0 ; x = pair ; $wait -t 5ms $operand"
        [[ $(last '(.error // .results[-1].error) | [.errno, .message]') =~ ^\[110,\"timed\ out\ after\ 5ms ]]
    done
    run --separate-stderr sockctl -c $'sleep 60 &\ncancel 1\nwait 1'
    assert_failure 130
    told cancelled
    printf 'no program' > plain
    run --separate-stderr -126 sockctl -c 'sleep 1ms | ./plain'
    run --separate-stderr -127 sockctl -c 'sleep 1ms | nosuch_program'
    told 'shell command exited 127'
}

@test "help exit has a line for each status and names only commands that there are" {
    run sockctl help exit
    for status in 0 1 2 3 4 5 6 7 10 124 125 126 127 129 130 141 143; do
        assert_line --regexp "^ *$status "
    done
    commands=" $(sockctl help --json | jq -r '.result.commands[].name' | tr '\n' ' ')"
    for word in probe exec serve relay tls agent wait-ready; do
        [[ ! $output =~ (^|[^a-z])$word([^a-z]|$) || $commands == *" $word "* ]] || fail "help exit speaks of $word"
    done
}

# ---- a person at a terminal: hints, once a session ----

# at_terminal COMMAND: a shell command on a terminal of 10 lines.
at_terminal() { size=10x80 on_terminal bash -c "$1"; }
# hinted N TEXT: told so often.
hinted() { assert_equal "$(grep -cF -- "$2" <<< "$output")" "$1"; }

@test "hint: the shell ate the backslashes" {
    at_terminal 'sockctl do x = pair , x0.send PINGrn , x0.sendall PONGrn'
    assert_success
    hinted 1 "did the shell eat the backslashes? quote it: 'PING\\r\\n'"
    at_terminal "sockctl do x = pair , x0.send 'PING\\r\\n' , x0.send 'turn\\n' , x0.send rn"
    hinted 0 backslashes
    at_terminal 'sockctl -q do x = pair , x0.send PINGrn'
    hinted 0 backslashes
    at_terminal 'sockctl do x = pair , x0.send PINGrn 2> err'
    assert_equal "$(< err)" ''
    run --separate-stderr sockctl 'do' x = pair , x0.send PINGrn
    untold
}

@test "hint: line protocols end lines with \\r\\n" {
    name="sockctl-74-$$"
    ip netns add "$name"
    ip -n "$name" link set lo up
    for port in 25 80 110 143; do
        at_terminal "ip netns exec $name sockctl -c 'srv = listen 127.0.0.1:$port ; c = connect 127.0.0.1:$port ; send \"GET / HTTP/1.0\\n\\n\" ; send \"a\\n\"'"
        hinted 1 'line protocols end lines with \r\n; see sendline'
    done
    at_terminal "ip netns exec $name sockctl -c 'srv = listen 127.0.0.1:80 ; connect 127.0.0.1:80 ; send \"a\\r\\nb\\r\\n\" ; sendline a'"
    hinted 0 'line protocols'
    at_terminal "ip netns exec $name sockctl -c 'srv = listen 127.0.0.1:81 ; connect 127.0.0.1:81 ; send \"a\\n\"'"
    hinted 0 'line protocols'
    # a port below 1024 and no right to it: the sysctl is named, on a terminal or not
    run ip netns exec "$name" setpriv --reuid 65534 --clear-groups --bounding-set=-all --inh-caps=-all "$(command -v sockctl)" listen 127.0.0.1:81
    ip netns del "$name"
    assert_failure 3
    assert_output --partial net.ipv4.ip_unprivileged_port_start
    assert_output --partial EACCES
}

@test "hint: peer closed; close it - when its end was told before" {
    at_terminal "sockctl --keep-going -c 'x = pair ; x0.close
x1.recv'"
    assert_failure 7
    hinted 0 'close x1'
    at_terminal "sockctl --keep-going -c 'x = pair ; x0.close
x1.recv
x1.recv
x1.recv'"
    hinted 1 'peer closed; close x1'
    hinted 3 'end of data: peer closed x1'
}

@test "hint: a known option among the data" {
    at_terminal 'sockctl do x = pair , x0.send hello -t 5s , x0.send hello -t 5s , x1.recv'
    hinted 1 '-t was taken as data: options stand before the data'
    assert_output --partial hello-t5s
    at_terminal 'sockctl print a --format=hex'
    hinted 1 '--format=hex was taken as data'
    at_terminal 'sockctl print a -x ; sockctl print -- a -j ; sockctl print a - ; sockctl -c "print a \"-j\""'
    hinted 0 'taken as data'
    run --separate-stderr sockctl print a -j
    assert_output 'a -j'
    untold
}

@test "send on a listening socket says: accept first" {
    script 'srv = listen :0 ; srv.sendall hi'
    assert_failure
    told 'srv only listens; accept first'
}

# ---- help and its pager ----

@test "help longer than the screen goes through PAGER on a terminal, nothing else does" {
    for command in 'help recv' 'recv --help' 'help' 'help bytes'; do
        PAGER='sed s/^/PAGED/' at_terminal "sockctl $command"
        assert_success
        assert_line --index 0 --partial PAGED
    done
    for command in 'help recv | cat' 'help recv --json' 'help recv > f' 'constants AF_' '-c "help recv | cat"' 'print a'; do
        PAGER='sed s/^/PAGED/' at_terminal "sockctl $command"
        refute_output --partial PAGED
    done
    PAGER='sed s/^/PAGED/' at_terminal 'stty rows 200; sockctl help recv'
    refute_output --partial PAGED
    PAGER='sed s/^/PAGED/' run sockctl help recv
    refute_output --partial PAGED
    PAGER=true at_terminal 'sockctl help recv && echo done'
    assert_output --regexp '^done.?$'
    PAGER=nosuch_pager at_terminal 'sockctl help recv'
    assert_line --regexp '^Usage: .*recv'
}

# ---- quit ----

@test "quit STATUS ends the process with it and is no failure; after it nothing runs" {
    run --separate-stderr sockctl -i --json <<< $'@a print a; quit 3; print b\nprint c'
    assert_failure 3
    assert_equal "${#lines[@]}" 1
    assert_equal "$(last '[.ok, .id, [.results[] | [.cmd, .ok, .result != null]]]')" '[true,"a",[["print",true,true],["quit",true,true]]]'
    run --separate-stderr sockctl -i --json <<< $'nosuch\nquit'
    assert_success
    assert_equal "$(last '[.cmd, .ok, .result]')" '["quit",true,{}]'
    run --separate-stderr sockctl --json -c 'repeat -n 3 do print a , quit 4'
    assert_failure 4
    assert_equal "$(jq -c '[.cmd, .ok, (.results | length)]' <<< "$output")" '["repeat",true,2]'
    run --separate-stderr sockctl --keep-going -c $'nosuch_command_of_ours'
    assert_failure 2
    run --separate-stderr sockctl --keep-going -c $'inet_pton inet x\nquit\nprint b'
    assert_failure 1
    run --separate-stderr sockctl --keep-going -c $'inet_pton inet x\nquit 0\nprint b'
    assert_success
}

# ---- names and values ----

@test "fields of a socket, and of what commands give; position and name reach the same" {
    script 'c = socket ; print $c $c.name $c.family $c.type $c.state $c.buffered $c.tls'
    assert_success
    assert_output 'c c AF_INET SOCK_STREAM new 0 null'
    script 'c = socket ; print $c.nosuch'
    assert_failure 2
    told 'there are name fd family'
    script 'ai = getaddrinfo --type stream 127.0.0.1 80 ; print $ai[0][-1] $ai[0].addr $ai[0][4] ${ai[0].addr.port} ${ai[-1][4]} $ai[0][0] $ai[0].family'
    assert_output '127.0.0.1:80 127.0.0.1:80 127.0.0.1:80 80 127.0.0.1:80 AF_INET AF_INET'
    script 'srv = listen :0 ; ai = getaddrinfo --type stream 127.0.0.1 $srv.local.port ; connect $ai[0][-1] ; print $_.state'
    assert_output open
    assert_equal "$(sockctl getaddrinfo --first -4 localhost 80)" 127.0.0.1:80
    script 'ai = getaddrinfo 127.0.0.1 80 ; get ai[0].addr'
    assert_output 127.0.0.1:80
    script 'sleep 2ms ; assert $_.ms ge 2 ; x = pair ; x0.send a ; x1.recv ; assert $_.ms ge 0'
    assert_success
}

@test "automatic names are never used again; closing is told with -v when a name is bound anew" {
    script 'socket ; close s1 ; socket ; close s2 ; socket ; print $_'
    assert_output s3
    run --separate-stderr sockctl -v -c 'a = socket ; a = print x ; a = print y'
    assert_success
    told 'a: the open socket of this name was closed'
    assert_equal "${#stderr_lines[@]}" 1
    script 'a = socket ; a = socket'
    untold
}

@test "one word from a variable is never - (stdin), a separator or an option; literal text around it is decoded" {
    X=- run sockctl -c "p = pair ; p0.send \$X ; p1.recv ; p0.send 'a\\n'\$X'\\x41' ; p1.recv -e"
    assert_success
    assert_output $'-a\\n-A'
}

@test "a job's name that is not made yet, jobs that do not end with the script" {
    script 'conn = sleep 10ms & ; print $conn'
    assert_failure 2
    told "'conn' is still being made by job 1"
    SOCKCTL_TIMEOUT=50ms script $'x = pair\nset timeout inf\nx1.recv -t inf &'
    assert_failure
    told 'job 1'
}

@test "socket's own timeout, -t and the default: who set it is in the message" {
    script 'x = pair ; x0.settimeout 20ms ; x0.recv'
    told 'timed out after 20ms (settimeout): recv on x0'
    script 'x = pair ; x0.settimeout 20ms ; x0.recv -t 10ms'
    told 'timed out after 10ms: recv on x0'
    run --separate-stderr sockctl -t 10ms -c 'x = pair ; x0.recv'
    told 'timed out after 10ms: recv on x0'
    script 'set timeout ; x = pair ; print $x[0].timeout'
    assert_output $'timeout 30s\nnull'
    run --separate-stderr timeout 10 sockctl -i --json <<< 'set timeout'
    assert_equal "$(last .result.timeout)" '"inf"'
}
