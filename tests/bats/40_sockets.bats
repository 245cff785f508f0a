#!/usr/bin/env bats
# Sockets made, connected, accepted, doubled, ended: what the system calls mean, as commands.
load sockets

@test "socket takes words or numbers, the protocol follows from the type" {
    script 's = socket AF_INET6 SOCK_DGRAM ; print $s.family $s.type $s.state'
    assert_success
    assert_output 'AF_INET6 SOCK_DGRAM new'
    script 's = socket inet stream ; print $s.family $s.type'
    assert_output 'AF_INET SOCK_STREAM'
    script 's = socket 1 1 0 ; print $s.family $s.type'
    assert_output 'AF_UNIX SOCK_STREAM'
    script 's = socket AF_INET SOCK_STREAM IPPROTO_UDP'
    assert_failure 3
    told EPROTONOSUPPORT
}

@test "socket SOCK_NONBLOCK never waits" {
    run sockctl -c 's = socket AF_INET 2050 ; print $s.type $s.timeout ; s.recv'
    assert_failure 10
    assert_line --index 0 'SOCK_DGRAM 0'
}

@test "one-shot commands print the name of the new socket" {
    run sockctl socket
    assert_success
    assert_output s1
    run sockctl u = socket
    assert_success
    assert_output ''
}

@test "server and client in one script" {
    script 'srv = listen :0 ; cli = connect $srv.local ; conn = srv.accept ; cli.send hello ; conn.recv ; print ; print $conn.peer $cli.local'
    assert_success
    assert_line --index 0 hello
    [[ ${lines[1]} =~ ^(127\.0\.0\.1:[0-9]+)\ (127\.0\.0\.1:[0-9]+)$ ]]
    assert_equal "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
}

@test "the same as a chain on argv: sock:NAME is where the server is" {
    run sockctl do srv = listen :0 , cli = connect sock:srv , conn = accept -s srv , cli.send 'a, b; $c' , conn.recv
    assert_success
    assert_output 'a, b; $c'
}

@test "each system call alone: socket, bind, listen, connect, accept" {
    script 'socket ; bind :0 ; listen ; setsockopt SO_REUSEADDR on ; x = getsockname ; cli = socket ; cli.connect $x ; print $cli.state ; s1.accept'
    assert_success
    assert_output open
}

@test "connect and listen use a current socket only if socket or bind made it" {
    script 'socket ; connect :1'
    assert_failure 5
    script 'srv = listen :0 ; a = socket ; connect $srv.local ; print $a.state'
    assert_output open
    script 'srv = listen :0 ; connect $srv.local ; print $srv.state'
    assert_output listen
    script 'u = bind udp://:0 ; a = connect udp://:9 ; print $u.state $a.state'
    assert_output 'bound open'
    script 'u = listen udp://127.0.0.1:0 ; srv = listen :0 ; connect $srv.local ; print $u.state'
    assert_output bound
}

@test "connect by host and port as two words, and as four" {
    script 'srv = listen :0 ; connect 127.0.0.1 $srv.local.port ; getpeername | grep -q 127.0.0.1'
    assert_success
    script 'srv = listen ::1 0 ; connect ::1 $srv.local.port 0 0 ; x = getpeername ; print $x.family'
    assert_success
    assert_output AF_INET6
}

@test "nobody there is 5, with the address" {
    run --separate-stderr sockctl connect 127.0.0.1:1
    assert_failure 5
    assert_output ''
    told 'connect to 127.0.0.1:1'
    told ECONNREFUSED
}

@test "every attempt is told" {
    run --separate-stderr sockctl connect localhost:1
    assert_failure 5
    told '[::1]:1'
    told '127.0.0.1:1'
    run --separate-stderr sockctl connect localhost:1 --json
    assert_failure 5
    run jq -r '.error.attempts[] | .addr.text + " " + .code' <<< "$output"
    assert_line '127.0.0.1:1 ECONNREFUSED'
    assert_line '[::1]:1 ECONNREFUSED'
}

@test "an address that cannot be meant is 2 before anything happens" {
    for bad in '::1' '127.0.0.1' '127.0.0.1:0' 'http://x/y'; do
        run --separate-stderr sockctl connect "$bad"
        assert_failure 2
    done
    run --separate-stderr sockctl connect -u tcp://127.0.0.1:1
    assert_failure 2
}

@test "connect times out on a full backlog" {
    script 'srv = listen 127.0.0.1:0 --backlog 0 ; a = connect $srv.local ; b = connect $srv.local -t 50ms ; d = connect $srv.local -t 50ms'
    assert_failure 124
    told 'no answer in '
}

@test "a backlog below 0 counts as 0, listen twice changes it" {
    script 'srv = listen :0 --backlog -5 ; a = connect $srv.local ; srv.listen --backlog 10 ; b = connect $srv.local ; srv.accept ; srv.accept'
    assert_success
}

@test "listen without an address needs a socket" {
    run --separate-stderr sockctl listen
    assert_failure 2
    told 'listen ADDR'
    script 's = socket AF_INET SOCK_DGRAM ; s.listen'
    assert_failure 3
    told EOPNOTSUPP
}

@test "bind: in use, twice, not ours, wrong family" {
    script 'a = listen :0 ; b = listen $a.local'
    assert_failure 3
    told EADDRINUSE
    script 'a = bind :0 ; a.bind :0'
    assert_failure 3
    told EINVAL
    run --separate-stderr sockctl bind 192.0.2.1:0
    assert_failure 3
    told EADDRNOTAVAIL
    script 'a = socket ; a.bind [::1]:0'
    assert_failure
}

@test "accept: one connection, its address, the listener" {
    script 'srv = listen :0 ; cli = connect $srv.local ; accept -s srv ; print $_[0] $_.listener ; assert $_ is x'
    assert_failure 1
    assert_line --index 0 's1 srv'
    run sockctl do srv = listen :0 , cli = connect sock:srv , accept -s srv --json
    assert_success
    run jq -r '.result | .listener, .state, (.peer.port == .peer.port), .name' <<< "${lines[-1]}"
    assert_line --index 0 srv
    assert_line --index 1 open
    assert_line --index 3 s1
}

@test "accept on what does not listen says what to write" {
    script 'srv = listen :0 ; cli = connect $srv.local ; accept'
    assert_failure 3
    told EINVAL
    told '-s NAME'
}

@test "accept: nobody comes" {
    script 'srv = listen :0 ; accept -t 20ms'
    assert_failure 124
    told 'accept on srv'
    script 'srv = listen :0 ; settimeout 0 ; accept'
    assert_failure 10
}

@test "an accepted socket does not inherit the listener's timeout" {
    script 'srv = listen :0 ; srv.settimeout 5s ; cli = connect $srv.local ; conn = srv.accept ; print ${conn.timeout}.'
    assert_success
    refute_output --partial 5
}

@test "a socket in a variable has its fields" {
    script 'srv = listen 127.0.0.1:0 ; print $srv $srv.name $srv.family $srv.type $srv.state $srv.local.host $srv.buffered'
    assert_output 'srv srv AF_INET SOCK_STREAM listen 127.0.0.1 0'
}

@test "pair makes two, by name or numbered" {
    script 'x = pair ; x0.send hi ; x1.recv ; print ; print $x[0] $x[1]'
    assert_success
    assert_line --index 0 hi
    assert_line --index 1 'x0 x1'
    script 'pair ; s1.send hi ; s2.recv'
    assert_output hi
    run sockctl pair --json
    run jq -r '.result | length, .[0].name, .[1].type' <<< "$output"
    assert_output $'2\ns1\nSOCK_STREAM'
}

@test "pair of datagrams keeps boundaries" {
    script 'x = pair AF_UNIX SOCK_DGRAM ; x0.send one ; x0.send two ; x1.recv ; print ; x1.recv'
    assert_output $'one\ntwo'
}

@test "dup shares the connection" {
    script 'x = pair ; y = x0.dup ; x0.close ; y.send hi ; x1.recv ; y.close ; x1.recv'
    assert_failure 7
    assert_output hi
}

@test "fdopen takes over an inherited socket" {
    run python3 - <<'PY'
import os, socket, subprocess
a, b = socket.socketpair()
os.set_inheritable(b.fileno(), True)
out = subprocess.run(["sockctl", "do", "s", "=", "fdopen", str(b.fileno()), ",", "send", "hi", ",", "recv", "5"],
                     pass_fds=[b.fileno()], input=b"", capture_output=True) if a.send(b"hello") else None
print(a.recv(10), out.stdout, out.returncode)
PY
    assert_output "b'hi' b'hello' 0"
}

@test "fdopen of what is no socket, and of one that is already ours" {
    run --separate-stderr sockctl fdopen 0 < /dev/null
    assert_failure 3
    told ENOTSOCK
    run --separate-stderr sockctl fdopen 99
    assert_failure 3
    told EBADF
    script 's = socket ; n = s.fileno ; fdopen $n'
    assert_failure 2
    told 'dup -s s'
}

@test "close: the name stays, using it is EBADF, closing again is no error" {
    script 'x = pair ; x0.close ; x0.close ; print $x0.state ; x0.send hi'
    assert_failure 3
    assert_output closed
    told EBADF
    for cmd in 'recv' 'recvfrom' 'read' 'readline' 'send x' 'sendall x' 'write x' 'sendline x' 'listen' 'accept' 'settimeout 1' \
        'setblocking on' 'getsockname' 'getpeername' 'getsockopt SO_TYPE' 'setsockopt SO_KEEPALIVE on' 'makefile' 'dup' 'shutdown wr' \
        'connect :9' 'bind :0' 'recvmsg' 'sendmsg x' 'expect x' 'silent 1ms' 'options'; do
        script "s = socket ; s.close ; s.$cmd"
        assert_failure 3
        told EBADF
    done
    script 's = socket ; s.close ; s.fileno'
    assert_success
    assert_output -- -1
}

@test "close without a name: the current one, then the only one left" {
    script 'a = socket ; b = socket ; close ; print $b.state $a.state ; close ; print $a.state ; close'
    assert_failure 2
    assert_output $'closed new\nclosed'
    script 'a = socket ; b = socket ; close a b ; print $a.state $b.state'
    assert_output 'closed closed'
}

@test "close of a name never made is 2 and closes nothing" {
    script 'a = socket ; close a nosuch'
    assert_failure 2
    told nosuch
}

@test "shutdown wr: the peer sees the end and answers" {
    script 'x = pair ; x0.sendall question ; x0.shutdown wr ; x1.read ; x1.sendall " answer" ; x1.close ; x0.read'
    assert_success
    assert_output 'question answer'
    script 'x = pair ; x0.shutdown SHUT_WR ; x0.send hi'
    assert_failure 6
    told EPIPE
    script 's = socket ; s.shutdown'
    assert_failure 3
    told ENOTCONN
}

@test "UNIX sockets: stream, datagram, abstract; the path goes with the socket" {
    cd "$BATS_TEST_TMPDIR"
    script 'srv = listen ./sock ; cli = connect unix:./sock ; conn = accept -s srv ; cli.send hi ; conn.recv'
    assert_success
    assert_output hi
    [ ! -e sock ]
    script 'srv = listen unix:@sockctl-40-abstract ; cli = connect $srv.local ; conn = srv.accept ; cli.send hi ; conn.recv'
    assert_output hi
    script 'srv = bind --type dgram ./dg ; cli = socket AF_UNIX dgram ; cli.connect ./dg ; cli.send hi ; srv.recv'
    assert_success
    assert_output hi
    script 'srv = listen --type seqpacket ./seq ; cli = connect --type seqpacket ./seq ; conn = accept -s srv ; cli.send one ; cli.send two ; conn.recv ; print ; conn.recv'
    assert_output $'one\ntwo'
    run --separate-stderr sockctl connect ./nothing
    assert_failure 3
    told ENOENT
}

@test "udp: connect does not contact the peer and says so with -v" {
    run --separate-stderr sockctl -v connect udp://127.0.0.1:1
    assert_success
    told 'not contacted'
    run --separate-stderr sockctl connect udp://127.0.0.1:1
    assert_success
    untold
}

@test "udp to a closed port ends with 5" {
    script 'x = bind udp://127.0.0.1:0 ; y = x.getsockname ; x.close ; connect udp://$y ; send hi ; recv -t 5s'
    assert_failure 5
    told ECONNREFUSED
}

@test "a peer's reset is 6, with what came before" {
    start_peer send:partial recv:1 reset
    script "connect $peer_addr ; recv ; send x ; recv"
    assert_failure 6
    assert_output partial
    told ECONNRESET
}

@test "an early end is 7 in recv, with a name" {
    script 'x = pair ; x0.close ; x1.recv'
    assert_failure 7
    assert_output ''
    told 'end of data: peer closed x1'
}

@test "a name that holds an open socket is bound anew: the old one is closed" {
    script 'x = pair ; x0 = socket ; x1.recv'
    assert_failure 7
}

@test "which socket: several open and none chosen is 2 with the list" {
    script 'a = socket ; b = socket ; d = socket ; close d ; recv'
    assert_failure 2
    told 'a b'
    told '-s NAME'
    script 'a = socket ; nosuch.recv'
    assert_failure 2
    told nosuch
}

@test "send and recv on a listening socket say what is missing" {
    script 'srv = listen :0 ; srv.send hi'
    assert_failure
    told 'srv only listens; accept first'
}
