#!/usr/bin/env bats
# ctest: TIMEOUT 300
# presets: dev asan
# Faults on the way to an address, in a network namespace of the test's own: refused, silent, reset in the middle of a handshake, packets lost.
# What DNS servers and files do wrong is in 22_resolver and 25_resolve, unreachable in 64_ends and 26_probe, several addresses in 23_eyeballs.
load sockets

setup() {
    export NETNS="sockctl-$$-$BATS_SUITE_TEST_NUMBER"
    ip netns add "$NETNS"
    ip -n "$NETNS" link set lo up
    pids=()
}
teardown() {
    local pid
    for pid in "${pids[@]}"; do
        kill "$pid" 2> /dev/null || :
        wait "$pid" || :
    done
    ip netns del "$NETNS"
}
inside() { ip netns exec "$NETNS" "$@"; }

# serve WORD...: "tcp:LOW-HIGH" listens, "udp:LOW-HIGH" answers everything, in the background.
serve() {
    mkfifo "$BATS_TEST_TMPDIR/ready"
    cat > "$BATS_TEST_TMPDIR/server.py" << 'PYTHON'
import selectors, socket, sys
sel = selectors.DefaultSelector()
for word in sys.argv[2:]:
    kind, ports = word.split(":")
    low, high = map(int, ports.split("-"))
    for port in range(low, high + 1):
        s = socket.socket(type=socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
        s.bind(("127.0.0.1", port))
        if kind == "tcp":
            s.listen(64)
        sel.register(s, selectors.EVENT_READ, kind)
with open(sys.argv[1], "w") as f:
    f.write("ready\n")
while True:
    for key, _ in sel.select():
        if key.data == "tcp":
            key.fileobj.accept()[0].close()
        else:
            data, peer = key.fileobj.recvfrom(100)
            key.fileobj.sendto(b"pong", peer)
PYTHON
    (exec ip netns exec "$NETNS" python3 "$BATS_TEST_TMPDIR/server.py" "$BATS_TEST_TMPDIR/ready" "$@") 3>&- &
    pids+=($!)
    local word
    read -r word < "$BATS_TEST_TMPDIR/ready"
    assert_equal "$word" ready
}

@test "refused: connect, wait-ready, probe, and DNS over TCP" {
    run --separate-stderr inside sockctl connect 127.0.0.1:7
    assert_failure 5
    assert_equal "$stderr" 'sockctl: connect to 127.0.0.1:7: connection refused (ECONNREFUSED)'
    run --separate-stderr inside sockctl --json connect 127.0.0.1:7
    assert_equal "$(last '.error | [.code, .attempts[0].addr.text]')" '["ECONNREFUSED","127.0.0.1:7"]'
    run --separate-stderr inside sockctl connect localhost:7
    assert_failure 5
    told '[::1]:7 refused'
    told '127.0.0.1:7 refused'
    run --separate-stderr inside sockctl wait-ready -t 300ms 127.0.0.1:7
    assert_failure 124
    told 'connection refused'
    run --separate-stderr inside sockctl probe 127.0.0.1:7
    assert_failure 1
    assert_output --partial '127.0.0.1:7 refused'
    run --separate-stderr inside sockctl --json getaddrinfo -t 20s --tcp --no-search --server 127.0.0.1:7 a.test
    assert_failure 4
    assert_equal "$(last '.error | [.code, .reason, .server]')" '["EAI_AGAIN","UNREACHABLE","127.0.0.1:7"]'
    run --separate-stderr inside sockctl --json resolve --tcp --no-search --server 127.0.0.1:7 a.test b.test
    assert_failure 4
    assert_equal "$(jq -c '[.error.code, .error.reason, .error.server]' <<< "$output" | sort -u)" '["EAI_AGAIN","UNREACHABLE","127.0.0.1:7"]'
}

@test "no answer: 124 at the deadline, with the address and the time" {
    inside nft 'add table t; add chain t in { type filter hook input priority 0; }; add rule t in tcp dport 7 drop'
    run --separate-stderr inside sockctl connect -t 700ms 127.0.0.1:7
    assert_failure 124
    assert_regex "$stderr" "^sockctl: connect to 127.0.0.1:7: no answer in "
    run --separate-stderr inside sockctl --json connect -t 700ms 127.0.0.1:7
    assert_equal "$(last '.error | [.code, .attempts[0].code, .attempts[0].addr.text]')" '["ETIMEDOUT","ETIMEDOUT","127.0.0.1:7"]'
}

@test "a reset while connect waits for the end of the handshake" {
    serve tcp:81-81
    inside nft 'add table t; add chain t in { type filter hook input priority 0; }; add rule t in tcp dport 81 tcp flags & (syn|ack) == ack reject with tcp reset'
    run --separate-stderr inside sockctl --json connect 127.0.0.1:81
    assert_failure 6
    assert_equal "$(last '.error | [.code, .attempts[0].code]')" '["ECONNRESET","ECONNRESET"]'
    run --separate-stderr inside sockctl --json probe 127.0.0.1:81
    assert_failure 1
    assert_equal "$(last '.result | [.state, .code]')" '["refused","ECONNRESET"]'
    run --separate-stderr inside sockctl wait-ready -t 300ms 127.0.0.1:81
    assert_failure 124
    told 'connection reset by peer'
    inside sockctl wait-ready --closed -t 20s 127.0.0.1:81
}

@test "one packet of ten is lost: probe over TCP and UDP, resolve" {
    local dns
    serve tcp:81-100 udp:81-100
    : > "$BATS_TEST_TMPDIR/peer.log"
    (exec ip netns exec "$NETNS" "$SOCKCTL_BUILD/peer" dns > "$BATS_TEST_TMPDIR/peer.log") 3>&- &
    pids+=($!)
    until read -r dns < "$BATS_TEST_TMPDIR/peer.log"; do kill -0 "${pids[-1]}"; done
    inside nft -f - << 'NFT'
table t {
    counter lost { }
    chain in {
        type filter hook input priority 0;
        meta l4proto { tcp, udp } th dport 81-100 numgen inc mod 10 == 0 counter name lost drop
        meta l4proto { tcp, udp } th sport 81-100 numgen inc mod 10 == 0 counter name lost drop
        udp dport 1024-65535 numgen inc mod 10 == 0 counter name lost drop
    }
}
NFT
    run --separate-stderr inside sockctl probe --attempt 20s 127.0.0.1:81-100
    assert_success
    assert_equal "$(grep -c ' open ' <<< "$output")" 20
    run --separate-stderr inside sockctl probe --attempt 6s udp:127.0.0.1:81-100
    assert_success
    assert_equal "$(grep -c ' open ' <<< "$output")" 20
    seq -f 'h%g.test' 100 > "$BATS_TEST_TMPDIR/names"
    run --separate-stderr inside sockctl resolve -v --ordered --no-search --server "$dns" --file "$BATS_TEST_TMPDIR/names"
    assert_success
    assert_equal "$(cut -d ' ' -f 1 <<< "$output")" "$(cat "$BATS_TEST_TMPDIR/names")"
    assert_equal "$(wc -w <<< "$output")" 300
    told 'some asked again'
    (($(inside nft -j list counter t lost | jq '.nftables[1].counter.packets') >= 20))
}
