#!/usr/bin/env bats
# Every end has its status, and what had come before it was printed first.
load sockets

@test "UDP to a closed port ends with 5" {
    script 'gone = bind udp://127.0.0.1:0 ; x = print $gone.local ; gone.close ; c = connect udp://$x ; c.send hi ; c.recv -t 5s'
    assert_failure 5
    told ECONNREFUSED
}

@test "a reset ends with 6, after what had come" {
    start_peer recv:1 send:partial reset
    script "connect $peer_addr ; send x ; read"
    assert_failure 6
    assert_output partial
    told ECONNRESET
}

@test "an early end ends with 7, after what had come: read N, readline, readinto" {
    start_peer --count 3 send:half close
    script "connect $peer_addr ; read 10"
    assert_failure 7
    assert_output half
    script "connect $peer_addr ; readline"
    assert_failure 7
    assert_output half
    script_json "connect $peer_addr ; b = bytearray 10 ; readinto b"
    assert_failure 7
    assert_equal "$(last '[.error.code, .error.sent]')" '["EOF",4]'
}

@test "recv at the end prints nothing and ends with 7, read ends with 0" {
    start_peer --count 2 close
    script "connect $peer_addr ; recv"
    assert_failure 7
    assert_output ''
    script "connect $peer_addr ; read"
    assert_success
    assert_output ''
}

@test "a mute peer ends with 124 after -t, after what had come" {
    start_peer --count 4 send:some wait
    script "c = connect $peer_addr ; c.read 10 -t 300ms"
    assert_failure 124
    assert_output some
    told 'timed out after 300ms: read on c'
    script "c = connect $peer_addr ; c.readline -t 300ms"
    assert_failure 124
    assert_output some
    script_json "c = connect $peer_addr ; c.read 10 -t 300ms"
    assert_equal "$(last '[.error.code, .error.errno, .error.exit, .error.partial.text]')" '["ETIMEDOUT",110,124,"some"]'
    script "c = connect $peer_addr ; c.expect -t 300ms nothing"
    assert_failure 124
    told "got:  'some'"
}

@test "what a failed expect did not consume is still there" {
    start_peer send:unexpected wait
    script "c = connect $peer_addr ; fails 124 c.expect -t 200ms nothing ; c.recv"
    assert_success
    assert_output unexpected
}

@test "poll over three sockets says which is ready" {
    script 'a = pair ; b = pair ; c = pair ; b0.send x ; c0.close ; poll a1 b1 c1 -t 2s'
    assert_success
    assert_output $'b1 in\nc1 in,hup'
    script 'a = pair ; b = pair ; c = pair ; poll a1 b1 c1 -t 0'
    assert_failure 124
}

@test "half-close: the answer comes after our end" {
    script 'srv = listen :0 ; cli = connect $srv.local ; conn = accept -s srv
        cli.send question ; cli.shutdown wr ; conn.read ; print
        conn.send answer ; conn.close ; cli.read'
    assert_success
    assert_output $'question\nanswer'
}

@test "one byte a segment is the same as one block" {
    start_peer 'sendslow:line one\r\nline two\r\nEND' close
    script "connect $peer_addr ; readline ; expect 'two\r\n' ; read"
    assert_success
    assert_output $'line one\r\nEND'
}

@test "received is delivered and reported, to the byte" {
    start_peer recv:1 big:3000000 reset
    run --separate-stderr sockctl --json do connect "$peer_addr" , send x , recv 1000 , read 2000
    assert_equal "$(jq -s '[.[] | select(.cmd != "send") | .result.len? // 0] | add' <<< "$output")" 3000
}

@test "bytes printed and bytes told are the bytes that came, whatever cuts the stream" {
    # the peer resets when it wants: how much arrived is for the kernel to say, in its words and by the count of what was printed
    for size in 1 70000 5000000; do
        start_peer recv:1 "big:$size" reset
        status=0
        sockctl do connect "$peer_addr" , send x , read > "$BATS_TEST_TMPDIR/got" 2> "$BATS_TEST_TMPDIR/err" || status=$?
        assert_equal "$status" 6
        count=$(stat -c %s "$BATS_TEST_TMPDIR/got")
        [[ $(< "$BATS_TEST_TMPDIR/err") == *"after $count bytes"* ]] || fail "$count bytes, but: $(< "$BATS_TEST_TMPDIR/err")"
        start_peer "big:$size"
        sockctl do connect "$peer_addr" , read > "$BATS_TEST_TMPDIR/whole"
        head -c "$count" "$BATS_TEST_TMPDIR/whole" | cmp - "$BATS_TEST_TMPDIR/got"
    done
}

@test "what was taken and could not be written goes back: the next command gets it" {
    script_json 'x = pair ; x0.send abcdef ; x0.shutdown wr ; x1.recv 4 > /dev/full'
    assert_failure 3
    run --separate-stderr sockctl --keep-going -c 'x = pair ; x0.sendall 0123456789 ; x0.shutdown wr
x1.recv 4 > /dev/full
x1.readline > /dev/full
x1.read 3 > /dev/full
x1.read'
    assert_failure 3
    assert_output 0123456789
}

@test "the peer closes with our data unread: what it had sent comes first, then 6, never 0" {
    for where in :0 "[::1]:0"; do
        script "srv = listen $where ; cli = connect sock:srv ; conn = srv.accept ; cli.send unread ; conn.send hello ; conn.close ; cli.read"
        assert_failure 6
        assert_output hello
        told 'after 5 bytes: connection reset by peer (ECONNRESET)'
    done
}

@test "half-close both ways, on streams and sequenced packets" {
    local talk='a.send question ; a.shutdown wr ; b.recv ; fails 7 b.recv ; b.send answer ; b.shutdown wr ; a.recv ; fails 7 a.recv ; a.close ; b.close'
    for make in 'srv = listen :0 ; a = connect sock:srv ; b = srv.accept' \
        'srv = listen [::1]:0 ; a = connect sock:srv ; b = srv.accept' \
        "srv = listen unix:$BATS_TEST_TMPDIR/s ; a = connect sock:srv ; b = srv.accept" \
        "srv = listen unix:$BATS_TEST_TMPDIR/q --type seqpacket ; a = connect sock:srv --type seqpacket ; b = srv.accept"; do
        script "$make ; $talk"
        assert_success
        assert_output questionanswer
    done
}

@test "UDP to a closed port, not connected: nobody tells, time runs out" {
    script 'gone = bind udp://127.0.0.1:0 ; x = print $gone.local ; gone.close ; u = socket AF_INET SOCK_DGRAM ; u.sendto $x hi ; u.recvfrom -t 100ms'
    assert_failure 124
}

@test "sending to who has gone: 6, with what was sent" {
    start_peer recv:1 reset # after connect has returned
    head -c 20000000 /dev/zero > "$BATS_TEST_TMPDIR/zero"
    run --separate-stderr sockctl --json do connect "$peer_addr" , sendall --file "$BATS_TEST_TMPDIR/zero"
    assert_failure 6
    assert_equal "$(last '.error.sent | type')" '"number"'
    script 'x = pair ; x1.close ; x0.send x'
    assert_failure 6
    told EPIPE
}

@test "one byte at a time into every door that reads lines is the same as one block" {
    run python3 - <<'PY'
import json, os, subprocess
TEXT = b"x = pair ; x0.send 'one\\x00two'\n# nothing\nx1.recv -e ; print 'a;b'\n"
def feed(*command):
    whole = subprocess.run(command, input=TEXT, capture_output=True)
    slow = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for i in range(len(TEXT)):
        os.write(slow.stdin.fileno(), TEXT[i : i + 1])
    out, err = slow.communicate()
    return (whole.returncode, whole.stdout, whole.stderr), (slow.returncode, out, err)
whole, slow = feed("sockctl")
assert whole == slow and whole[0] == 0, (whole, slow)
settle = lambda r: (r[0], [[x["cmd"] for x in json.loads(l)["results"]] for l in r[1].splitlines()], r[2])
whole, slow = feed("sockctl", "-i", "--json")
assert settle(whole) == settle(slow) and len(settle(whole)[1]) == 2, (whole, slow)
PY
    assert_success
}

@test "no way there is 5 and says which: host, network, filtered, refused by a filter; what may not be sent is 3" {
    # shellcheck disable=SC2016 # the inner shell's
    cd "$BATS_TEST_TMPDIR"
    run unshare -rn bash -c 'ip link set lo up && ip route add unreachable 10.9.0.1 && ip route add prohibit 10.9.0.2
        nft -f - <<< "table t { chain o { type filter hook output priority 0
            tcp dport 81 reject with icmp type admin-prohibited; tcp dport 82 reject with icmp type host-unreachable
            tcp dport 83 reject with icmp type net-unreachable; tcp dport 84 reject with tcp reset; }
            chain i { type filter hook input priority 0; udp dport 85 reject with icmp type port-unreachable; }; }"
        for to in 10.9.0.1:80 10.8.0.1:80 "[2001:db8::1]:80" 127.0.0.1:81 127.0.0.1:82 127.0.0.1:83 127.0.0.1:84 10.9.0.2:80; do
            status=0
            sockctl --json connect "$to" 2> err > out || status=$?
            echo "$status $(jq -r "[.error.code, .error.attempts[0].code] | join(\" \")" out) $(grep -c "connect to" err)"
        done
        sockctl sendto 10.9.0.1:80 x
        sockctl do connect udp://127.0.0.1:85 , send x , recv -t 10s
        echo $?' 2>&1
    assert_success
    assert_output '5 EHOSTUNREACH EHOSTUNREACH 1
5 ENETUNREACH ENETUNREACH 1
5 ENETUNREACH ENETUNREACH 1
5 EHOSTUNREACH EHOSTUNREACH 1
5 EHOSTUNREACH EHOSTUNREACH 1
5 ENETUNREACH ENETUNREACH 1
5 ECONNREFUSED ECONNREFUSED 1
3 EACCES EACCES 1
sockctl: send to 10.9.0.1:80: no route to host (EHOSTUNREACH)
sockctl: recv on s1: connection refused (ECONNREFUSED)
5'
}

@test "UNIX sockets: nobody there in each way, a full backlog is waited for" {
    cd "$BATS_TEST_TMPDIR"
    touch file
    ln -s nowhere link
    mkdir closed
    for row in '3 ENOENT ./none' '3 ENOENT ./link' '3 ENOENT ./no/socket' '5 ECONNREFUSED ./file' '5 ECONNREFUSED ./closed' '3 ENOTDIR ./file/x'; do
        read -r wanted code path <<< "$row"
        script_json "connect $path"
        assert_failure "$wanted"
        assert_equal "$(last .error.code)" "\"$code\""
    done
    script 'srv = listen ./backlog --backlog 0 ; a = connect ./backlog
fails 124 connect ./backlog -t 50ms
s = socket AF_UNIX ; s.settimeout 0 ; fails 10 s.connect ./backlog
do sleep 50ms , accept -s srv &
c = connect ./backlog ; print $c.state'
    assert_success
    assert_output open
    script 'srv = listen ./dead ; x = srv.getsockname ; u = dup -s srv ; srv.close ; u.close ; connect ./dead' # its file went with it
    assert_failure 3
    told ENOENT
}

@test "a datagram of 65,507 bytes cut to 100 is counted; one byte more is not sent" {
    head -c 65507 /dev/zero > "$BATS_TEST_TMPDIR/large"
    script_json "a = bind udp://127.0.0.1:0 ; b = bind udp://127.0.0.1:0 ; b.sendmsg --to sock:a --file $BATS_TEST_TMPDIR/large ; a.recvfrom 100"
    assert_success
    assert_equal "$(last '.result | [.len, .truncated, .real_len]')" '[100,true,65507]'
    for send in 'connect udp://$a.local ; b.send $n' 'connect udp://$a.local ; b.sendall $n' 'bind udp://127.0.0.1:0 ; b.sendto $a.local $n' 'bind udp://127.0.0.1:0 ; b.sendmsg --to $a.local $n'; do
        script 'a = bind udp://127.0.0.1:0 ; n = bytearray 65508 ; b = '"$send"
        assert_failure 3
        told EMSGSIZE
        told 'at most 65507 bytes'
    done
    script 'a = bind udp://[::1]:0 ; b = connect udp://$a.local ; n = bytearray 65527 ; b.send $n ; r = a.recvmsg 70000 ; print $r.real_len ; n = bytearray 65528 ; b.send $n'
    assert_failure 3
    assert_output 65527
    told 'at most 65527 bytes'
    script 'a = bind udp://127.0.0.1:0 ; n = bytearray 65508 ; sendto $a.local $n'
    told '65508 bytes are too long for one datagram'
}
