#!/usr/bin/env bats
# Bytes in and out: what each of the send and recv families gives, also at the end, in time, and when not waiting.
load sockets

# ---- send family ----

@test "send: one call, its count and peer" {
    script_json 'srv = listen :0 ; cli = connect $srv.local ; cli.send abcdef'
    assert_equal "$(last .result.len)" 6
    assert_equal "$(last .result.peer.host)" '"127.0.0.1"'
    start_peer recv:2
    run sockctl do connect "$peer_addr" , send hi
    assert_output ''
}

@test "send may be short, and never waits after settimeout 0" {
    script 'x = pair ; x0.settimeout 0 ; n = bytearray 10M ; r = x0.send $n ; print $r.len ; x0.send $n'
    assert_failure 10
    told EAGAIN
    [ "$output" -gt 1000 ]
    [ "$output" -lt 10000000 ]
}

@test "sendall sends everything to a slow reader" {
    start_peer sink
    head -c 20000000 /dev/zero > "$BATS_TEST_TMPDIR/zero"
    run sockctl do connect "$peer_addr" , sendall --file "$BATS_TEST_TMPDIR/zero"
    assert_success
    wait "$peer_pid"
    run grep -c 'sink 20000000 ' "$BATS_TEST_TMPDIR/peer.log"
    assert_output 1
}

@test "sendall, write and sendline say how much went before time ran out" {
    for cmd in sendall write sendline; do
        script_json "x = pair ; n = bytearray 10M ; x0.$cmd -t 30ms \$n"
        assert_failure 124
        [ "$(last .error.sent)" -gt 1000 ]
        assert_equal "$(last .error.code)" '"ETIMEDOUT"'
        script_json "x = pair ; x0.settimeout 0 ; n = bytearray 10M ; x0.$cmd \$n"
        assert_failure 10
        [ "$(last .error.sent)" -gt 1000 ]
    done
}

@test "sendline adds CR LF, or what is set" {
    script 'x = pair ; x0.sendline EHLO " me" ; x1.recv -e'
    assert_output 'EHLO me\r\n'
    script 'x = pair ; x0.sendline --eol lf a ; x0.sendline ; set eol lf ; x0.sendline b ; x1.recv -e'
    assert_output 'a\n\r\nb\n'
}

@test "data: escapes, --hex, --base64, --raw, --file, standard input" {
    script "x = pair ; x0.send 'a\\x00\\n' 'b' ; x1.recv -F hex"
    assert_output 61000a62
    script "x = pair ; x0.send --hex '0d 0a' ; x0.send --base64 AP8= ; x0.send --raw '\\n' ; x1.recv -F hex"
    assert_output 0d0a00ff5c6e
    printf 'file\0' > "$BATS_TEST_TMPDIR/f"
    script "x = pair ; x0.send --file $BATS_TEST_TMPDIR/f ; x1.recv -e"
    assert_output 'file\x00'
    run sockctl do x = pair , x0.send - , x1.recv -e <<< 'from stdin'
    assert_output 'from stdin\n'
    run sockctl do x = pair , x0.send '\q'
    assert_failure 2
    assert_output --partial "unknown escape"
}

@test "an empty send is an empty datagram, and nothing on a stream" {
    script 'x = pair AF_UNIX SOCK_DGRAM ; x0.send "" ; x0.sendall "" ; x1.recv ; x1.recv ; x1.recv -t 10ms'
    assert_failure 124
    script 'x = pair ; x0.send "" ; x1.recv -t 10ms'
    assert_failure 124
}

@test "sendto uses a datagram socket or makes one, and its answer comes to it" {
    script 'srv = bind udp://127.0.0.1:0 ; cli = connect udp://$srv.local ; sendto sock:srv hello ; srv.recvfrom -e'
    assert_output hello
    script 'srv = listen :0 ; echo = bind udp://127.0.0.1:0 ; use srv ; sendto $echo.local ping ; r = recvfrom -s echo ; sendto -s echo $r.peer pong ; recvfrom -s s1'
    assert_success
    assert_output pong
    run --separate-stderr sockctl sendto tcp://127.0.0.1:9 x
    assert_failure 2
}

@test "sendto: count and address; too long; broadcast; wrong family" {
    run --separate-stderr sockctl --json sendto 127.0.0.1:9 abc
    assert_equal "$(last '.result | .len, .peer.text')" $'3\n"127.0.0.1:9"'
    run sockctl sendto 127.0.0.1:9 abc
    assert_output 3
    head -c 65508 /dev/zero > "$BATS_TEST_TMPDIR/big"
    run --separate-stderr sockctl sendto 127.0.0.1:9 --file "$BATS_TEST_TMPDIR/big"
    assert_failure 3
    told EMSGSIZE
    run --separate-stderr sockctl sendto 255.255.255.255:9 x
    assert_failure 3
    told EACCES
    script 's = socket AF_INET SOCK_DGRAM ; s.sendto [::1]:9 x'
    assert_failure 3
    told EAFNOSUPPORT
}

@test "send on an unconnected socket" {
    script 's = socket AF_INET SOCK_DGRAM ; s.send x'
    assert_failure 3
    told EDESTADDRREQ
    script 's = socket ; s.send x'
    assert_failure 6
    told EPIPE
}

@test "sendfile: all, a part, from a pipe; a directory is an error" {
    cd "$BATS_TEST_TMPDIR"
    printf 0123456789 > f
    script 'x = pair ; r = x0.sendfile f ; print $r.len ; x1.recv'
    assert_output $'10\n0123456789'
    script 'x = pair ; x0.sendfile f --offset 2 --count 3 ; x1.recv'
    assert_output 234
    script 'x = pair ; r = x0.sendfile f --offset 8 --count 30 ; print $r ; x1.recv'
    assert_output $'2\n89'
    mkfifo pipe
    printf 'through a pipe' > pipe &
    script 'x = pair ; x0.sendfile pipe ; x1.recv'
    assert_output 'through a pipe'
    script 'x = pair ; x0.sendfile .'
    assert_failure 3
    told EISDIR
    script 'x = pair ; x0.sendfile nosuch'
    assert_failure 3
    told ENOENT
}

@test "sendfile of many megabytes arrives whole" {
    start_peer sink
    head -c 30000000 /dev/urandom > "$BATS_TEST_TMPDIR/random"
    run sockctl do connect "$peer_addr" , sendfile "$BATS_TEST_TMPDIR/random"
    assert_success
    wait "$peer_pid"
    grep -q 'sink 30000000 ' "$BATS_TEST_TMPDIR/peer.log"
}

# ---- recv family ----

@test "recv is one receive of at most BUFSIZE" {
    script 'x = pair ; x0.send abcdef ; x1.recv 2 ; print ; x1.recv 0 ; x1.recv'
    assert_output $'ab\ncdef'
    script_json 'x = pair ; x0.send "a\xffb" ; x1.recv'
    assert_equal "$(last '.result | [.len, .text, .base64, .truncated, .eof]')" '[3,null,"Yf9i",false,false]'
}

@test "recv at the end: nothing printed, 7; never 0" {
    script 'x = pair ; x0.send last ; x0.close ; x1.recv ; x1.recv'
    assert_failure 7
    assert_output last
    script_json 'x = pair ; x0.close ; x1.recv'
    assert_failure 7
    assert_equal "$(last '[.error.code, .error.errno, .error.exit]')" '["EOF",null,7]'
}

@test "a datagram of no bytes is a message" {
    run sockctl -c 'x = pair AF_UNIX SOCK_DGRAM ; x0.send "" ; x1.recv -F text'
    assert_success
    assert_output "''"
    script_json 'x = pair AF_UNIX SOCK_DGRAM ; x0.send "" ; x1.recv'
    assert_equal "$(last '[.ok, .result.len, .result.text]')" '[true,0,""]'
}

@test "a datagram that was longer than asked says so" {
    script_json 'x = pair AF_UNIX SOCK_DGRAM ; x0.send abcdefgh ; x1.recv 3'
    assert_equal "$(last '.result | [.text, .len, .truncated, .real_len]')" '["abc",3,true,8]'
    script_json 'srv = bind udp://127.0.0.1:0 ; sendto sock:srv abcdefgh ; srv.recvfrom 3'
    assert_equal "$(last '.result | [.text, .len, .truncated, .real_len, .peer.host]')" '["abc",3,true,8,"127.0.0.1"]'
}

@test "recv --flags: peek, dontwait, waitall, oob" {
    script 'x = pair ; x0.send abc ; x1.recv --flags MSG_PEEK ; print ; x1.recv ; x1.recv --flags dontwait'
    assert_failure 10
    assert_output $'abc\nabc'
    script 'x = pair ; x0.send ab ; x1.recv 4 --flags MSG_WAITALL -t 20ms'
    assert_failure 124
    script 'x = pair ; x0.send ab ; x0.send cd ; x1.recv 4 --flags MSG_WAITALL'
    assert_output abcd
    script 'srv = listen :0 ; cli = connect $srv.local ; conn = srv.accept ; cli.send --flags MSG_OOB u ; cli.send rest ; conn.recv --flags oob ; print ; conn.recv'
    assert_output $'u\nrest'
}

@test "recvfrom: the sender's address, N datagrams" {
    run sockctl -c 'srv = bind udp://127.0.0.1:0 ; cli = bind udp://127.0.0.1:0 ; cli.sendto sock:srv "a\n" ; cli.sendto sock:srv b ; print $cli.local ; srv.recvfrom -n 2 -F text'
    assert_success
    assert_line --index 1 "${lines[0]} 'a\\n'"
    assert_line --index 2 "${lines[0]} 'b'"
    script 'srv = bind udp://127.0.0.1:0 ; sendto sock:srv one ; srv.recvfrom -n 2 -t 20ms'
    assert_failure 124
    assert_output one
    script 'x = pair ; x0.close ; x1.recvfrom'
    assert_failure 7
}

@test "read: until the end, in order, eof true" {
    start_peer big:3000000 close
    run sockctl do connect "$peer_addr" , read -o "$BATS_TEST_TMPDIR/out"
    assert_success
    assert_equal "$(stat -c %s "$BATS_TEST_TMPDIR/out")" 3000000
    script_json 'x = pair ; x0.sendall abc ; x0.close ; x1.read'
    assert_equal "$(last '.result | [.text, .eof]')" '["abc",true]'
    script 'x = pair ; x0.close ; x1.read'
    assert_success
    assert_output ''
}

@test "read N: exactly N, from slow pieces too; the rest stays" {
    start_peer 'sendslow:abcdefgh' recv:1
    script "connect $peer_addr ; read 5 ; print ; read 3 ; send x"
    assert_success
    assert_output $'abcde\nfgh'
}

@test "read N, readline: what came, then 7" {
    script 'x = pair ; x0.sendall abc ; x0.close ; x1.read 5'
    assert_failure 7
    assert_output abc
    script 'x = pair ; x0.sendall abc ; x0.close ; x1.readline'
    assert_failure 7
    assert_output abc
    script_json 'x = pair ; x0.sendall abc ; x0.close ; x1.readline'
    assert_equal "$(last '[.error.code, .error.partial.text]')" '["EOF","abc"]'
    script_json 'x = pair ; x0.sendall abc ; x0.close ; x1.read 5'
    assert_equal "$(last '[.error.code, .error.partial.text]')" '["EOF","abc"]'
}

@test "read N, read, readline: what came, then 124" {
    for cmd in 'read 5' read readline; do
        script "x = pair ; x0.sendall abc ; x1.$cmd -t 20ms"
        assert_failure 124
        assert_output abc
        told 'on x1'
        script_json "x = pair ; x0.sendall abc ; x1.$cmd -t 20ms"
        assert_equal "$(last '[.error.code, .error.errno, .error.exit, .error.partial.text]')" '["ETIMEDOUT",110,124,"abc"]'
    done
}

@test "not waiting: nothing or less than asked is 10, with what came" {
    for cmd in recv recvfrom 'read 5' read readline; do
        script "x = pair ; x1.settimeout 0 ; x1.$cmd"
        assert_failure 10
        assert_output ''
    done
    for cmd in 'read 5' read readline; do
        script "x = pair ; x1.setblocking off ; x0.sendall abc ; x1.$cmd"
        assert_failure 10
        assert_output abc
    done
}

@test "-t 0 tries once, then 124; -t waits on a socket that does not" {
    script 'x = pair ; x1.recv -t 0'
    assert_failure 124
    script 'x = pair ; x0.send hi ; x1.recv -t 0'
    assert_success
    script 'x = pair ; x1.settimeout 0 ; x1.recv -t 20ms'
    assert_failure 124
    script 'x = pair ; x1.settimeout 20ms ; x1.recv'
    assert_failure 124
    told 'after 20ms'
}

@test "readline: only the line feed ends a line; MAX cuts it; look-ahead is kept for all" {
    script "x = pair ; x0.sendall 'one\\r\\ntwo\\x00\\rmore\\nrest' ; x1.readline -e ; x1.readline 3 -e ; x1.readline -e ; x1.recv"
    assert_output $'one\\r\\n\ntwo\n\\x00\\rmore\\n\nrest'
    script 'x = pair ; x0.sendall "a\nbcd" ; x1.readline ; print $x1.buffered ; poll x1 ; x1.recv 1 ; x1.read 2'
    assert_success
    assert_line --index 1 3
    assert_line --index 2 --partial x1
    assert_line --index 3 bcd
}

@test "readinto: a buffer by name, its count, partial" {
    script 'x = pair ; buf = bytearray 8 ; x0.sendall abcdef ; n = x1.readinto buf 3 ; print $n $buf ; x1.readinto buf 3 ; print $buf'
    assert_success
    assert_line --index 0 --partial '3 abc'
    assert_line --index 1 --partial def
    script_json 'x = pair ; buf = bytearray 8 ; x0.sendall abc ; x1.readinto buf -t 20ms'
    assert_failure 124
    assert_equal "$(last .error.sent)" 3
    script_json 'x = pair ; buf = bytearray 8 ; x0.sendall abc ; x0.close ; x1.readinto buf'
    assert_failure 7
    assert_equal "$(last .error.sent)" 3
    script_json 'x = pair ; buf = bytearray 2 ; x0.sendall abc ; x1.readinto buf 100'
    assert_equal "$(last .result.value)" 2
    script 'x = pair ; x1.readinto x0'
    assert_failure 2
    script 'x = pair ; x1.readinto nosuch'
    assert_failure 2
}

@test "makefile: reads and writes the socket, shares its buffer, closes it" {
    script 'x = pair ; f = x0.makefile ; x1.sendall "one\ntwo" ; f.readline ; x0.recv ; f.write hi ; x1.recv ; f.close ; print $x0.state'
    assert_output $'one\ntwohiclosed'
    script 'x = pair ; f = x0.makefile rb ; f.write x'
    assert_failure 2
    script 'x = pair ; f = x0.makefile wb ; f.read 1'
    assert_failure 2
    script 'x = pair ; f = x0.makefile ; x0.close ; f.read'
    assert_failure 3
    told EBADF
    script 'x = pair ; x0.makefile q'
    assert_failure 2
    script 'x = pair ; f = x0.makefile rb --buffering 0 ; b = bytearray 2 ; x1.send hi ; f.readinto b ; print $b'
    assert_output hi
}

@test "all 256 values, there and back through the escape form" {
    for i in $(seq 0 255); do printf '\\x%02x' "$i"; done > "$BATS_TEST_TMPDIR/all"
    x=$(sockctl do p = pair , p0.send "$(cat "$BATS_TEST_TMPDIR/all")" , p1.recv -e)
    y=$(sockctl do p = pair , p0.send "$x" , p1.recv -F hex)
    assert_equal "$y" "$(seq 0 255 | xargs printf %02x)"
}

@test "what could not be written out stays in the socket" {
    for cmd in recv 'read 3' 'recvfrom'; do
        run --separate-stderr sockctl --keep-going -c "x = pair ; x0.sendall abc ; x1.$cmd > /dev/full ; x1.recv"
        assert_failure 3
        assert_output abc
        told ENOSPC
    done
    run --separate-stderr sockctl --keep-going -c 'x = pair ; x0.sendall "abc\n" ; x1.readline > /dev/full ; x1.recv'
    assert_failure 3
    assert_output abc
}

@test "a socket closed by somebody else while its data is being written out" {
    cd "$BATS_TEST_TMPDIR"
    mkfifo slow
    exec 6<> slow
    script 'x = pair
b = bytearray 150k
x0.sendall $b
x1.read -o slow -t 20s &
x0.silent 50ms
x1.close
! head -c 100000 slow > /dev/null
wait 1'
    exec 6<&-
    assert_failure 3
    told EBADF
}

@test "-vv shows what a socket sends and receives, a literal a line, on stderr" {
    run --separate-stderr sockctl -vv do pair , s1.send 'a\nb\0' , s2.recv -e
    assert_success
    assert_output 'a\nb\x00'
    assert_equal "$stderr" "[s1] > 'a\\n'
[s1] > 'b\\x00'
[s2] < 'a\\n'
[s2] < 'b\\x00'"
    script 'pair ; s1.send -vv one ; s1.send two ; s2.read 6'
    assert_equal "$stderr" "[s1] > 'one'"
}

@test "what nobody was given, in whatever form, goes back into the socket" {
    local form cmd
    for form in '' --escape --json '-F text' '-F hex' '-F hexdump' '-F base64'; do
        for cmd in 'recv 6' 'recvmsg 6' 'recvfrom 6' 'recvfrom -n 2 3' 'read 6' 'recv 3 ; x1.recv 3'; do
            run --separate-stderr sockctl --keep-going -c "x = pair ; x0.sendall 'abc\ndef\n'
x1.${cmd/;/$form > \/dev\/full ;} $form > /dev/full
x1.read 8"
            assert_output $'abc\ndef'
        done
    done
    # looked at, not taken
    run --separate-stderr sockctl --keep-going -c $'x = pair ; x0.sendall abc\nx1.recvmsg --flags MSG_PEEK > /dev/full\nx1.recv -t 0\nx1.recv -t 0'
    assert_output abc
}
