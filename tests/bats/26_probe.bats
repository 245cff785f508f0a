#!/usr/bin/env bats
# probe: which ports are open, refused, unreachable, silent; in a network namespace of its own, where all ports are known.
load sockets

setup_file() {
    export NETNS="sockctl-$$-$BATS_SUITE_TEST_NUMBER"
    ip netns add "$NETNS"
    ip -n "$NETNS" link set lo up
    ip -n "$NETNS" address add 10.9.0.1/32 dev lo
    # Every test wants its ICMP errors, however many there were in this second (icmp(7)); the burst is the machine's on old kernels.
    ip netns exec "$NETNS" sysctl -qw net.ipv4.icmp_ratelimit=0
    ip netns exec "$NETNS" sysctl -qw net.ipv4.icmp_msgs_burst=10000 2> /dev/null || :
    # 1000s: dropped; 1100s: a reset; 1200s: no way to that host; 1300s: ICMP port unreachable. What we send to open ports is counted.
    ip netns exec "$NETNS" nft -f - <<'RULES'
table inet test {
    counter resets {}
    chain output {
        type filter hook output priority 0;
        tcp dport { 22, 8080, 20000-20999 } tcp flags & rst == rst counter name resets
    }
    chain input {
        type filter hook input priority 0;
        ip daddr 10.9.0.1 meta l4proto { tcp, udp } th dport 1000-1099 drop
        ip daddr 10.9.0.1 tcp dport 1100-1199 reject with tcp reset
        ip daddr 10.9.0.1 th dport 1200-1299 reject with icmp type host-unreachable
        ip daddr 10.9.0.1 th dport 1300-1399 reject with icmp type port-unreachable
    }
}
RULES
}
teardown_file() { ip netns del "$NETNS"; }
teardown() { [[ -z ${server_pid:-} ]] || { kill "$server_pid" 2> /dev/null; wait "$server_pid" || :; }; }

inside() { ip netns exec "$NETNS" "$@"; }
probe() { run --separate-stderr inside sockctl probe "$@"; }
probe_json() { run --separate-stderr inside sockctl --json probe "$@"; }

# serve WHAT...: in the background, "tcp:PORT", "tcp:LOW-HIGH", "udp:PORT" (answers ping with pong), "mute:PORT" (UDP); says "ready". Each
# TCP connection gets a banner; "eof" or "reset" of its end goes to server.log.
serve() {
    mkfifo "$BATS_TEST_TMPDIR/ready"
    cat > "$BATS_TEST_TMPDIR/server.py" <<'PYTHON'
import resource, selectors, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
sel = selectors.DefaultSelector()
for word in sys.argv[2:]:
    kind, ports = word.split(":")
    low, _, high = ports.partition("-")
    for port in range(int(low), int(high or low) + 1):
        s = socket.socket(type=socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("0.0.0.0", port))
        if kind == "tcp":
            s.listen(64)
        sel.register(s, selectors.EVENT_READ, kind)
log = open(sys.argv[1], "w", buffering=1)
with open(sys.argv[1] + ".ready", "w") as f:
    f.write("ready\n")
while True:
    for key, _ in sel.select():
        s = key.fileobj
        if key.data == "tcp":
            c = s.accept()[0]
            c.sendall(b"220 hello, who are you\r\n")
            sel.register(c, selectors.EVENT_READ, "connection")
        elif key.data == "udp":
            data, peer = s.recvfrom(100)
            if data == b"ping":
                s.sendto(b"pong", peer)
        elif key.data == "mute":
            s.recv(100)
        else:
            try:
                end = s.recv(100) == b"" and "eof"
            except ConnectionResetError:
                end = "reset"
            if end:
                print(end, file=log)
                sel.unregister(s)
                s.close()
PYTHON
    mv "$BATS_TEST_TMPDIR/ready" "$BATS_TEST_TMPDIR/server.log.ready"
    ip netns exec "$NETNS" python3 "$BATS_TEST_TMPDIR/server.py" "$BATS_TEST_TMPDIR/server.log" "$@" 3>&- &
    server_pid=$!
    local word
    read -r word < "$BATS_TEST_TMPDIR/server.log.ready"
    assert_equal "$word" ready
}

# states: "PORT STATE" of each line of $output.
states() { sed -E 's/^.*:([0-9]+) ([a-z]+) .*$/\1 \2/' <<< "$output"; }

@test "one port: its line, its status" {
    serve tcp:22
    probe 127.0.0.1:22
    assert_success
    untold
    assert_output --regexp '^127\.0\.0\.1:22 open [0-9.]+ ms$'
    probe 127.0.0.1:23
    assert_failure 1
    told 'probe: 0 of 1 ports open'
    assert_output --regexp '^127\.0\.0\.1:23 refused [0-9.]+ ms$'
}

@test "lists and ranges: each port once, in the order written; hosts one after the other" {
    serve tcp:22 tcp:8080
    probe 127.0.0.1:8080,20-23,22,http 127.0.0.2:22
    assert_failure 1
    assert_equal "$(states | xargs)" '8080 open 20 refused 21 refused 22 open 23 refused 80 refused 22 open'
    probe --open 127.0.0.1:8080,20-23
    assert_equal "$(states | xargs)" '8080 open 22 open'
    told 'probe: 2 of 5 ports open'
    probe --open --no-ordered 127.0.0.1:8080,20-23
    assert_equal "$(states | sort -n | xargs)" '22 open 8080 open'
}

@test "a name is resolved once, and all its addresses are probed" {
    serve tcp:22
    export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 # it does not work under strace
    run --separate-stderr inside strace -f -qq -e trace=sendto,sendmmsg,connect,openat -o "$BATS_TEST_TMPDIR/trace" sockctl probe localhost:22-24
    assert_failure 1
    assert_equal "$(sed 's/ [0-9.]* ms / /' <<< "$output" | xargs)" \
        '[::1]:22 refused localhost [::1]:23 refused localhost [::1]:24 refused localhost 127.0.0.1:22 open localhost 127.0.0.1:23 refused localhost 127.0.0.1:24 refused localhost'
    assert_equal "$(grep -E 'sendto|sendmmsg' "$BATS_TEST_TMPDIR/trace" | grep -vc AF_NETLINK)" 0
    probe -4 localhost:22
    assert_success
    assert_equal "${#lines[@]}" 1
    probe -6 localhost:22
    assert_failure 1
    assert_output --partial '[::1]:22 refused'
}

@test "a name that does not exist: told in its line, the others go on, status 4" {
    serve tcp:22
    probe nosuch.invalid:1-100 127.0.0.1:22
    assert_failure 4
    assert_line --index 0 --regexp '^nosuch.invalid ! EAI_'
    assert_line --index 1 --regexp '^127.0.0.1:22 open'
    probe_json nosuch.invalid:1-100 127.0.0.1:22
    assert_failure 4
    assert_equal "$(jq -c '[.ok, .error.name, .error.exit, .result.state]' <<< "$output" | xargs)" '[false,nosuch.invalid,4,null] [true,null,null,open]'
}

@test "JSON: an envelope a port" {
    serve tcp:22
    probe_json 127.0.0.1:21-23
    assert_failure 1
    assert_equal "$(jq -c '[.seq, .cmd, .ok, .result.addr.port, .result.state, .result.code]' <<< "$output" | xargs)" \
        '[1,probe,true,21,refused,ECONNREFUSED] [2,probe,true,22,open,null] [3,probe,true,23,refused,ECONNREFUSED]'
    python3 - "$SOCKCTL_SOURCE/cmd/out/sockctl.schema.json" "$output" <<'PYTHON'
import json, sys
import jsonschema
schema = json.load(open(sys.argv[1]))
for line in sys.argv[2].splitlines():
    jsonschema.validate(json.loads(line), schema)
PYTHON
    run inside sockctl -i --json <<< $'@a probe 127.0.0.1:22,23\n@b probe 127.0.0.1:22'
    assert_equal "$(jq -c '[.id, .ok, [.results[].result.state]]' <<< "$output" | xargs)" '[a,false,[open,refused]] [b,true,[open]]'
    run inside sockctl -c 'x = probe 127.0.0.1:22 ; print $x[0].state $x[0].addr'
    assert_output 'open 127.0.0.1:22'
    probe_json 127.0.0.1:0
    assert_failure 2
    assert_equal "$(last .error.code)" '"USAGE"'
}

@test "a connection ends in order: the server reads an end, not a reset, and no reset is sent" {
    local try ends
    serve tcp:22 tcp:20000-20199
    for try in 1 2 3 4 5; do # a server that has no time to greet meets a closed door in the end: one of five has it
        inside nft reset counter inet test resets > "$BATS_TEST_TMPDIR/counter"
        probe 127.0.0.1:22,20000-20199
        assert_success
        assert_equal "${#lines[@]}" 201
        until (($(wc -l < "$BATS_TEST_TMPDIR/server.log") >= 201 * try)); do kill -0 "$server_pid"; done
        ends=$(tail -n 201 "$BATS_TEST_TMPDIR/server.log" | sort -u)
        run inside nft list counter inet test resets
        [[ $ends == eof && $output == *'packets 0 '* ]] && return
    done
    fail "$ends, $output"
}

@test "firewalls: dropped is silent, rejected is what it was rejected with" {
    probe --attempt 300ms 10.9.0.1:1000-1003,1100,1400
    assert_failure 1
    assert_equal "$(states | xargs)" '1000 silent 1001 silent 1002 silent 1003 silent 1100 refused 1400 refused'
    # on loopback ICMP comes while connect(2) holds the socket, so it counts from the second SYN on, a second later
    probe --attempt 20s 10.9.0.1:1200,1300
    assert_equal "$(states | xargs)" '1200 unreachable 1300 refused'
    probe_json --attempt 20s 10.9.0.1:1200
    assert_equal "$(last '[.result.state, .result.code]')" '["unreachable","EHOSTUNREACH"]'
    probe_json 192.0.2.1:80
    assert_equal "$(last '[.result.state, .result.code]')" '["unreachable","ENETUNREACH"]'
}

@test "-t is for all together: what is not known by then is silent, what was not tried is told" {
    probe -t 500ms --concurrency 2 10.9.0.1:1000-1005
    assert_failure 124
    assert_equal "$(states | xargs)" '1000 silent 1001 silent'
    told 'timed out after 500ms'
    told '4 of 6 ports were not tried'
}

@test "UDP: open is what answers, closed what ICMP says, and silence proves nothing" {
    serve udp:53 mute:54
    probe --attempt 300ms --data ping udp:127.0.0.1:53,54,55
    assert_failure 1
    assert_equal "$(states | xargs)" '53 open 54 noanswer 55 refused'
    probe --attempt 300ms -u 127.0.0.1:53
    assert_failure 1
    assert_equal "$(states)" '53 noanswer'
    probe --attempt 300ms udp:10.9.0.1:1000,1200,1300
    assert_equal "$(states | xargs)" '1000 noanswer 1200 unreachable 1300 refused'
}

@test "UNIX: every type, nobody listening, no such path" {
    cd "$BATS_TEST_TMPDIR"
    cat > program <<'SOCK'
a = listen ./stream
b = socket AF_UNIX SOCK_DGRAM
b.bind ./dgram
c = socket AF_UNIX SOCK_SEQPACKET
c.bind ./seq
c.listen
d = bind ./dead
probe ./stream ./dgram ./seq ./dead ./nosuch unix:@sockctl-nobody
SOCK
    run --separate-stderr sockctl -f program
    assert_failure 1
    assert_equal "$(cut -d' ' -f1,2 <<< "$output" | xargs)" \
        'unix:./stream open unix:./dgram open unix:./seq open unix:./dead refused unix:./nosuch unreachable unix:@sockctl-nobody refused'
}

@test "sock:NAME, and a socket that met itself is not open" {
    run sockctl do srv = listen :0 , probe sock:srv
    assert_success
    assert_output --partial ' open '
    # with a single port to choose from, a socket that asks for it is given it
    inside sysctl -q net.ipv4.ip_local_port_range='30000 30000'
    probe 127.0.0.1:30000
    inside sysctl -q net.ipv4.ip_local_port_range='32768 60999'
    assert_failure 1
    assert_output --partial '127.0.0.1:30000 refused'
}

@test "all ports: as many lines, exactly those open that are" {
    serve tcp:22 tcp:8080 tcp:20000-20009
    local lines_wanted=65535 range=1-65535
    [[ $SOCKCTL_PRESET == dev ]] || lines_wanted=25000 range=1-25000
    inside sockctl probe "127.0.0.1:$range" > "$BATS_TEST_TMPDIR/all" 2> /dev/null || assert_equal $? 1
    assert_equal "$(wc -l < "$BATS_TEST_TMPDIR/all")" "$lines_wanted"
    assert_equal "$(grep -c ' refused ' "$BATS_TEST_TMPDIR/all")" "$((lines_wanted - 12))"
    assert_equal "$(grep ' open ' "$BATS_TEST_TMPDIR/all" | sed -E 's/.*:([0-9]+) .*/\1/' | xargs)" \
        '22 8080 20000 20001 20002 20003 20004 20005 20006 20007 20008 20009'
    sed -E 's/.*:([0-9]+) .*/\1/' "$BATS_TEST_TMPDIR/all" | sort -nc
}

@test "1,000 open ports within a descriptor limit of 64, others in use" {
    serve tcp:20000-20999
    run --separate-stderr inside bash -c 'ulimit -n 64; exec sockctl probe 127.0.0.1:20000-20999'
    assert_success
    assert_equal "$(grep -c ' open ' <<< "$output")" 1000
    run --separate-stderr inside bash -c 'ulimit -n 64; exec sockctl -c "repeat -n 45 socket AF_UNIX ; probe 127.0.0.1:20000-20999"'
    assert_success
    assert_equal "$(grep -c ' open ' <<< "$output")" 1000
}

@test "bad luck: spurious and late waits change no verdict; cancelled at any wait, no port is told twice" {
    serve tcp:22 tcp:20000-20019 udp:53
    local seed status words=(--attempt 20s --data ping 127.0.0.1:20-25,20000-20029 udp:127.0.0.1:53,54)
    for seed in 1 2 3 4 5 6; do
        run --separate-stderr inside env SK_CHAOS=$seed sockctl probe "${words[@]}"
        assert_failure 1
        assert_equal "${#lines[@]}" 38
        assert_equal "$(states | grep -v refused | xargs)" "22 open $(seq -f '%g open' 20000 20019 | xargs) 53 open"
    done
    for seed in {1..20}; do
        status=0
        inside env SK_CHAOS=$seed,cancel sockctl probe "${words[@]}" > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err" || status=$?
        [[ $status == 1 || $status == 130 ]] || fail "status $status: $(cat "$BATS_TEST_TMPDIR/err")"
        assert_equal "$(cut -d' ' -f1 "$BATS_TEST_TMPDIR/out" | sort | uniq -d)" ''
    done
}

@test "Ctrl-C: what is known is told, status 130" {
    (exec ip netns exec "$NETNS" env --default-signal=INT sockctl probe --no-ordered 10.9.0.1:1000-1019,1400-1402 > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err") 3>&- &
    local pid=$! status=0
    until grep -q 1402 "$BATS_TEST_TMPDIR/out"; do kill -0 "$pid"; done
    kill -INT "$pid"
    wait "$pid" || status=$?
    assert_equal "$status" 130
    assert_equal "$(grep -c refused "$BATS_TEST_TMPDIR/out")" 3
    assert_equal "$(wc -l < "$BATS_TEST_TMPDIR/out")" 3
    # in the order given, what is known beyond the gap
    (exec ip netns exec "$NETNS" env --default-signal=INT sockctl probe 10.9.0.1:1000-1002,1400-1402 > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err") 3>&- &
    pid=$! status=0
    until [[ $(inside ss -Htn state syn-sent | wc -l) == 3 ]]; do kill -0 "$pid"; done
    kill -INT "$pid"
    wait "$pid" || status=$?
    assert_equal "$status" 130
    assert_equal "$(grep -c refused "$BATS_TEST_TMPDIR/out")" 3
}
