#!/usr/bin/env bats
# strace is the documentation: between the first call that a chain names and its end there are those calls and no others.
# presets: dev
load sockets

# calls WORD...: the system calls of `sockctl do WORD...` from the first on a socket to the exit, a word each, without those of output and of
# the end of the process.
calls() {
    strace -qq -o "$BATS_TEST_TMPDIR/trace" sockctl do "$@" > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err" || :
    sed -n '/^socket/,$p' "$BATS_TEST_TMPDIR/trace" | sed -E 's/\(.*//; s/^exit_group$//' | grep -vE '^(pwritev2|write|ioctl|newfstatat|fstat|brk|mmap|munmap|\+\+\+.*)?$' | tr '\n' ' '
}

@test "a client: connect, send, recv, shutdown, close" {
    start_peer recvline send:answer wait
    run calls socket , connect "$peer_addr" , send 'line\n' , recv , shutdown wr , close
    assert_output --regexp '^socket connect (ppoll connect )?sendto (recvfrom ppoll )?recvfrom shutdown close $'
}

@test "connect makes its socket and nothing else, also when it is refused" {
    start_peer wait
    run calls connect "$peer_addr"
    assert_output --regexp '^socket connect (ppoll connect )?close $'
    run calls connect 127.0.0.1:1
    assert_output --regexp '^socket connect (ppoll connect )?close $'
}

@test "a server: socket, bind, listen, accept, recv; a wait is one ppoll after EAGAIN" {
    run calls socket , bind 127.0.0.1:0 , listen , accept -t 100ms
    assert_output 'socket bind listen accept4 ppoll close '
    strace -qq -o "$BATS_TEST_TMPDIR/trace" sockctl do socket AF_UNIX , bind "unix:$BATS_TEST_TMPDIR/s" , listen , accept , recv 3>&- &
    local server=$!
    timeout 20 bash -c 'until sockctl do connect "$1" , send hello 2> /dev/null; do :; done' - "unix:$BATS_TEST_TMPDIR/s"
    wait "$server"
    run sed -nE '/^socket/,/^close/ { s/\(.*//; /^(pwritev2|write|ioctl|newfstatat|fstat|brk)$/d; p }' "$BATS_TEST_TMPDIR/trace"
    assert_output --regexp $'^socket\nbind\n(newfstatat\n)?listen\n(accept4\nppoll\n)?accept4\n(recv(from|msg)\nppoll\n)?recv(from|msg)\n(unlink\n)?close$'
}

@test "datagrams: socket, sendto, recvfrom" {
    run calls socket AF_INET SOCK_DGRAM , bind 127.0.0.1:0 , setsockopt SO_RCVBUF 65536 , recvfrom -t 50ms
    assert_output --regexp '^socket bind setsockopt (getsockopt )?recvfrom ppoll close $'
}

@test "a pair, options and names: each one call" {
    run calls pair , s1.send abc , s2.recv , s1.getsockopt SO_TYPE , s1.getsockname , s1.close
    assert_output --regexp '^socketpair sendto recv(from|msg) getsockopt getsockname close close $'
}

@test "look-ahead is one receive however many lines it holds" {
    start_peer 'send:one\ntwo\nthree\n' wait
    run calls connect "$peer_addr" , readline , readline , readline
    assert_output --regexp '^socket connect (ppoll connect )?(recvfrom ppoll )?recvfrom close $'
}

@test "no epoll, no second descriptor, no library opened in plain commands" {
    calls pair , s1.send abc , s2.recv > /dev/null
    run grep -E 'epoll|eventfd|signalfd|timerfd|libcares|libpcre|libssl|libreadline|resolv.conf|/etc/hosts' "$BATS_TEST_TMPDIR/trace"
    assert_failure 1
}

@test "every descriptor is made with close-on-exec" {
    strace -f -qq -o "$BATS_TEST_TMPDIR/trace" sockctl -c 'srv = listen :0 ; cli = connect $srv.local ; conn = accept -s srv
        p = pair ; cli.send x ; conn.recv > /dev/null ; ! true' > /dev/null
    # what the shell command does is its own: our calls are those of the first process
    local pid
    pid=$(sed -n '1s/ .*//p' "$BATS_TEST_TMPDIR/trace")
    run grep -cE "^$pid +(socket|socketpair|accept4|openat)\\(" "$BATS_TEST_TMPDIR/trace"
    [[ $output -ge 5 ]]
    run grep -E "^$pid +(socket|socketpair|accept4|openat|accept|pipe|pipe2|dup|dup2|dup3)\\(" "$BATS_TEST_TMPDIR/trace"
    refute_line --regexp '^[^C]*\(([^C]|C[^L]|CL[^O])*$'
}

@test "nothing of OpenSSL is linked, and nothing of it opened before TLS is asked for" {
    cd "$BATS_TEST_TMPDIR"
    strace -f -e trace=openat,open -o trace sockctl -c 'srv = listen :0 ; c = connect sock:srv ; c.send x ; help connect' > out
    run grep -E 'libssl|libcrypto|openssl|tls\.so' trace
    assert_failure 1
    run --separate-stderr strace -f -e trace=openat,open -o trace sockctl connect tls://127.0.0.1:1 # the same look finds it when there is TLS
    assert_failure 5
    run grep -c 'tls\.so' trace
    assert_output 1
    run readelf -d "$(command -v sockctl)"
    assert_success
    refute_output --partial libssl
}
