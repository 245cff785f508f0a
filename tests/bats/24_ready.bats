#!/usr/bin/env bats
# ctest: TIMEOUT 300
# presets: dev asan
# wait-ready: servers that come late, go, refuse, are silent or say the wrong thing, in a network namespace of the test's own.
load sockets

inside() { ip netns exec "$NETNS" "$@"; }

setup() {
    export NETNS="sockctl-$$-$BATS_SUITE_TEST_NUMBER"
    ip netns add "$NETNS"
    ip -n "$NETNS" link set lo up
    inside nft -f - <<'NFT'
table inet t {
    counter tries { }
    chain out {
        type filter hook output priority 0;
        tcp dport 7001 tcp flags syn / syn,ack counter name tries
    }
    chain in {
        type filter hook input priority 0;
        tcp dport 7009 drop
    }
}
NFT
    : > "$BATS_TEST_TMPDIR/pids"
}

teardown() {
    local pid
    while read -r pid; do
        kill "$pid" 2> /dev/null || :
        wait "$pid" || :
    done < "$BATS_TEST_TMPDIR/pids"
    ip netns del "$NETNS"
}

# serve WORD...: tcp_server.py in the background; its log is the file served.
serve() {
    : > "$BATS_TEST_TMPDIR/served"
    (exec ip netns exec "$NETNS" python3 "$BATS_TEST_DIRNAME/tcp_server.py" "$@") > "$BATS_TEST_TMPDIR/served" 2>&1 3>&- &
    server=$!
    echo "$server" >> "$BATS_TEST_TMPDIR/pids"
    served ready
}
# served TEXT: its log says so.
served() { timeout 20 bash -c 'until grep -q "$1" "$2"; do :; done' - "$1" "$BATS_TEST_TMPDIR/served"; }

# begin WORD...: wait-ready as JSON in the background; ended STATUS waits for its end and sets output.
begin() {
    (exec ip netns exec "$NETNS" sockctl --json wait-ready -t 60s "$@") > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err" 3>&- &
    waiter=$!
}
ended() {
    local status=0
    wait "$waiter" || status=$?
    output=$(cat "$BATS_TEST_TMPDIR/out")
    [[ $status == "$1" ]] || fail "status $status, not $1: $output $(cat "$BATS_TEST_TMPDIR/err")"
}
# tried N: connections to port 7001 have been begun.
tried() {
    # shellcheck disable=SC2016 # for the inner shell
    timeout 20 bash -c 'until (($(ip netns exec "$NETNS" nft -j list counter inet t tries | jq ".nftables[1].counter.packets") >= $1)); do :; done' - "$1"
}
# pauses: the process sleeps between two attempts.
pauses() { timeout 20 bash -c 'until [[ $(cut -d " " -f 3 "/proc/$1/stat") == S ]]; do :; done' - "$waiter"; }
ready() { run --separate-stderr inside sockctl wait-ready "$@"; }
field() { jq -r "$1" <<< "$output"; }

@test "a server that comes late" {
    begin 127.0.0.1:7001
    tried 3
    serve 127.0.0.1:7001
    ended 0
    assert_equal "$(field .result.addr.text)" 127.0.0.1:7001
    [[ $(field '.result.attempts >= 4 and .result.ms >= 30 and .result.ms <= .ms') == true ]]
    served 'end 127.0.0.1:7001' # FIN, not a reset
    run grep -c reset "$BATS_TEST_TMPDIR/served"
    assert_output 0
}

@test "--closed: until a server is gone" {
    serve 127.0.0.1:7001
    begin 127.0.0.1:7001 --closed
    tried 2
    kill -0 "$waiter"
    kill "$server"
    ended 0
    assert_equal "$(field .result.addr.text)" 127.0.0.1:7001
    run grep -c reset "$BATS_TEST_TMPDIR/served"
    assert_output 0
}

@test "--closed: silence proves nothing, nor does a name that never had an address" {
    ready --closed 127.0.0.1:7009 -t 500ms --each 100ms
    assert_failure 124
    told '127.0.0.1:7009 is not gone after'
    told 'no answer'
    ready --closed nosuch.invalid:80 -t 200ms
    assert_failure 124
    told 'nosuch.invalid'
}

@test "a UNIX socket that comes late, and goes" {
    begin "unix:$BATS_TEST_TMPDIR/s"
    pauses
    serve "$BATS_TEST_TMPDIR/s"
    ended 0
    assert_equal "$(field .result.addr.path)" "$BATS_TEST_TMPDIR/s"
    begin "$BATS_TEST_TMPDIR/s" --closed
    pauses
    kill "$server"
    ended 0
    rm "$BATS_TEST_TMPDIR/s"
    ready --closed "$BATS_TEST_TMPDIR/s"
    assert_success
}

@test "a name: every address is tried" {
    serve 127.0.0.1:7001
    run --separate-stderr inside sockctl --json wait-ready localhost:7001
    assert_success
    assert_equal "$(field .result.addr.text)" 127.0.0.1:7001
    kill "$server"
    serve '[::1]:7002'
    run --separate-stderr inside sockctl --json wait-ready localhost 7002
    assert_equal "$(field .result.addr.text)" '[::1]:7002'
    ready localhost:7003 -t 200ms
    assert_failure 124
    told '[::1]:7003 refused; 127.0.0.1:7003 refused'
}

@test "a name that comes late" {
    serve 127.0.0.1:7001
    echo '127.0.0.1 localhost' > "$BATS_TEST_TMPDIR/hosts"
    # shellcheck disable=SC2016 # for the inner shell
    (exec ip netns exec "$NETNS" bash -c 'mount --bind "$1" /etc/hosts; exec sockctl --json wait-ready -t 60s db.invalid:7001' - "$BATS_TEST_TMPDIR/hosts") \
        > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err" 3>&- &
    waiter=$!
    pauses
    echo '127.0.0.1 db.invalid' >> "$BATS_TEST_TMPDIR/hosts"
    ended 0
    assert_equal "$(field .result.addr.text)" 127.0.0.1:7001
}

@test "several addresses: all of them" {
    serve 127.0.0.1:7002 127.0.0.1:7003
    begin 127.0.0.1 7002 127.0.0.1:7001 127.0.0.1 7003
    tried 2
    kill -0 "$waiter"
    serve 127.0.0.1:7001
    ended 0
    assert_equal "$(field '[.result.each[].addr.port] | join(" ")')" '7002 7001 7003'
    assert_equal "$(field .result.addr.port)" 7001
    assert_equal "$(field '.result.each[0].attempts')" 1
    kill "$server"
    ready 127.0.0.1:7002 127.0.0.1:7004 -t 200ms
    assert_failure 124
    told '127.0.0.1:7004 is not ready'
}

@test "a connection to itself does not count, and leaves the port free" {
    local try
    inside sysctl -qw net.ipv4.ip_local_port_range='40000 40001' net.ipv4.ip_local_reserved_ports=
    meets_itself() { # else the test shows nothing
        for ((try = 0; try < 200; try++)); do
            inside sockctl do connect 127.0.0.1:40000 , setsockopt SO_LINGER on,0 > /dev/null 2>&1 && return
        done
    }
    meets_itself
    ready 127.0.0.1:40000 -t 2s
    assert_failure 124
    told '127.0.0.1:40000 is not ready'
    ready --closed 127.0.0.1:40000 -t 20s
    assert_success
    inside ss -Htan | (! grep :40000)
    serve 127.0.0.1:40000
    ready 127.0.0.1:40000 -t 20s
    assert_success
}

@test "--expect: the greeting decides" {
    serve --greet '220 mail ready\r\n' 127.0.0.1:7001
    ready 127.0.0.1:7001 --expect 'ready\r\n'
    assert_success
    served 'end 127.0.0.1:7001'
    ready 127.0.0.1:7001 --expect 'HTTP' -t 400ms --each 100ms
    assert_failure 124
    told "it says '220 mail ready\\r\\n'"
    kill "$server"
    serve 127.0.0.1:7002
    ready 127.0.0.1:7002 --expect '220' -t 400ms --each 100ms
    assert_failure 124
    told 'connected, but it says nothing'
}

@test "--expect: a connection that ends too early is tried again" {
    start_peer_inside() {
        : > "$BATS_TEST_TMPDIR/peer.log"
        (exec ip netns exec "$NETNS" "$SOCKCTL_BUILD/peer" "$@") > "$BATS_TEST_TMPDIR/peer.log" 3>&- &
        echo $! >> "$BATS_TEST_TMPDIR/pids"
        timeout 20 bash -c 'until read -r _ < "$1"; do :; done' - "$BATS_TEST_TMPDIR/peer.log"
        read -r peer_addr < "$BATS_TEST_TMPDIR/peer.log"
    }
    start_peer_inside send:bye close
    ready "$peer_addr" --expect hello -t 500ms
    assert_failure 124
}

@test "silence: each attempt has its time, and the last reason is told" {
    ready 127.0.0.1:7009 -t 1s --each 200ms
    assert_failure 124
    assert_regex "$stderr" '127.0.0.1:7009 is not ready after 1(\.[0-9]+)?s, '
    assert_regex "$stderr" 'no answer in 2[0-9]{2}ms'
    run --separate-stderr inside sockctl --json wait-ready 127.0.0.1:7009 -t 300ms
    assert_equal "$(field '[.error.code, .error.errno, .error.exit] | map(tostring) | join(" ")')" 'ETIMEDOUT 110 124'
}

@test "then a program: its arguments, its output and its status" {
    serve 127.0.0.1:7001
    ready 127.0.0.1:7001 -- printf '<%s>' -a 'b  c' -- '$x'
    assert_success
    assert_output '<-a><b  c><--><$x>'
    ready 127.0.0.1:7001 -- sh -c 'exit 42'
    assert_failure 42
    told 'sh exited 42'
    run -127 --separate-stderr inside sockctl wait-ready 127.0.0.1:7001 -- nosuch-program
    told 'nosuch-program'
    ready 127.0.0.1:7001 -- /etc/passwd
    assert_failure 126
    ready 127.0.0.1:7001 -- sh -c 'kill -TERM $$'
    assert_failure 143
    ready 127.0.0.1:7002 -t 100ms -- echo never
    assert_failure 124
    assert_output ''
    run inside sockctl -c 'a = print 127.0.0.1:7001
        wait-ready $a -- echo $a
        print next'
    assert_output $'127.0.0.1:7001\nnext'
}

@test "nothing is printed without a program; -v tells" {
    serve 127.0.0.1:7001
    ready 127.0.0.1:7001
    assert_success
    assert_output ''
    untold
    ready -v 127.0.0.1:7001
    told '127.0.0.1:7001 is ready after'
}

@test "the same through every door" {
    serve 127.0.0.1:7001
    run inside sockctl do wait-ready 127.0.0.1:7001 , connect 127.0.0.1:7001 , print there
    assert_success
    run inside sockctl -c 'wait-ready 127.0.0.1 7001 ; print $_.attempts'
    assert_output 1
    printf 'wait-ready 127.0.0.1:7001\nprint ${_.addr.port}\n' > "$BATS_TEST_TMPDIR/script"
    run inside sockctl -f "$BATS_TEST_TMPDIR/script"
    assert_output 7001
    run inside sockctl < "$BATS_TEST_TMPDIR/script"
    assert_output 7001
    run inside sockctl -i --json <<< $'wait-ready 127.0.0.1:7001\nwait-ready 127.0.0.1:7001 -- echo no\nwait-ready 127.0.0.1:7002 -t 50ms'
    assert_equal "$(jq -c '[.ok, .result.attempts, .error.exit]' <<< "$output" | paste -sd ' ')" '[true,1,null] [false,null,2] [false,null,124]'
    run inside sockctl -c 'x = wait-ready 127.0.0.1:7001 ; print $x.addr'
    assert_output 127.0.0.1:7001
}

@test "Ctrl-C and TERM" {
    local signal
    for signal in INT:130 TERM:143; do
        (exec ip netns exec "$NETNS" env --default-signal=INT sockctl --json wait-ready -t 60s 127.0.0.1:7001 127.0.0.1:7002 -- echo never) \
            > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err" 3>&- &
        waiter=$!
        tried 1
        pauses
        kill "-${signal%:*}" "$waiter"
        ended "${signal#*:}"
    done
}

@test "from where: --source and --interface" {
    serve 127.0.0.1:7001
    ready 127.0.0.1:7001 --source 127.0.0.5 --interface lo
    assert_success
    ready 127.0.0.1:7001 --source 192.0.2.1
    assert_failure 3
    told '192.0.2.1 is no address of this machine'
}

@test "what makes no sense is refused at once" {
    ready udp://127.0.0.1:7001
    assert_failure 2
    told 'datagrams'
    ready 127.0.0.1:7001 -u
    assert_failure 2
    ready 127.0.0.1:7001 --closed --expect x
    assert_failure 2
    ready
    assert_failure 2
    ready -- echo x
    assert_failure 2
    ready 127.0.0.1
    assert_failure 2
    ready 127.0.0.1 7001 7002
    assert_failure 2
    ready fd:3
    assert_failure 2
    ready 127.0.0.1:0
    assert_failure 2
    ready 127.0.0.1:7001 --source localhost
    assert_failure 2
    told 'no address to connect from'
}
