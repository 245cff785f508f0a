#!/usr/bin/env bats
# Bad luck (SK_CHAOS=SEED, in builds for tests alone): waits that end early, late or cancelled, transfers cut short. What may not change
# does not change, no byte is lost or doubled, and every command ends with a status that means something. See chaos.py.
# ctest: TIMEOUT 3000
load sockets
load servers

setup() {
    export TMPDIR=$BATS_TEST_TMPDIR
    cd "$BATS_TEST_TMPDIR" || return
}

# chaos WHAT: random programs, of a new seed in the long run; prints the seed and how much was seen.
chaos() {
    local count=60 seed=1
    [[ -z ${SOCKCTL_LONG:-} ]] || count=1000 seed=$RANDOM
    run python3 "$BATS_TEST_DIRNAME/chaos.py" "$1" --seed "$seed" --count "$count"
    echo "$output"
    assert_success
    local pattern
    for pattern in "${@:2}"; do
        assert_output --regexp "$pattern"
    done
}

@test "random programs whose results bad luck may not change: it does not" {
    chaos steady ' [0-9]{3} runs'
}

@test "received = delivered + buffered, whatever luck does" {
    chaos bytes ' [0-9]{2,} accounts' ' [0-9]{2,} short'
}

@test "received = delivered + buffered, with waits that are cancelled, and each says so" {
    chaos cancel ' [0-9]{2,} ECANCELED' ' [0-9]{2,} accounts'
}

# luckless SCRIPT: its output, message and status are the same under every luck; output and status are set as by run.
luckless() {
    local luck wanted
    run sockctl -c "$1"
    wanted="$status $output"
    assert_success
    for luck in {1..10}; do
        SK_CHAOS=$luck run sockctl -c "$1"
        [[ "$status $output" == "$wanted" ]] || fail "luck $luck: $status $output"
    done
}

@test "tasks that talk to each other say the same under every luck" {
    luckless 'srv = listen :0 ; cli = connect sock:srv ; conn = accept -s srv
        repeat -n 100 cli.sendline hello &
        repeat -n 100 conn.readline
        wait'
    luckless 'x = pair
        repeat -n 50 do x1.expect -r "ping[0-9]+\n" , x1.sendall "pong\n" &
        repeat -n 50 do x0.sendall "ping1\n" , x0.readline
        wait'
    luckless 'srv = listen unix:./sock
        repeat -n 5 do conn = accept -s srv , conn.sendall "who is there\n" , conn.readline , conn.close &
        repeat -n 5 do c = connect unix:./sock , c.readline , c.sendline me , c.close
        wait ; srv.close'
    luckless 'u = bind udp://127.0.0.1:0 ; v = connect sock:u
        repeat -n 20 v.send datagram &
        repeat -n 20 u.recvfrom
        wait'
    luckless 'x = pair ; x0.sendall abc ; x0.close ; x1.read | tr a-z A-Z
        ! echo shell
        y = pair ; y0.readline > line & ; y1.sendline one ; wait ; ! cat line'
}

@test "a file between two tasks arrives whole; cancelled, it arrives up to a byte" {
    local luck
    head -c 200000 /dev/urandom > big
    for luck in {1..8} {1..8},cancel; do
        rm -f got
        status=0
        SK_CHAOS=$luck SOCKCTL_TIMEOUT=$([[ $luck == *cancel ]] && echo 2 || echo 30) env --default-signal=INT sockctl -c 'x = pair ; x0.setsockopt SO_SNDBUF 4608
            x1.read > got &
            x0.sendall --file big ; x0.shutdown wr ; wait' 2> err || status=$?
        if [[ $luck == *cancel ]]; then # 124: the reader was cancelled, and the sender waits for it
            [[ $status == 130 || $status == 124 || $status == 0 ]] || fail "luck $luck: $status $(cat err)"
            [[ ! -e got ]] || head -c "$(stat -c %s got)" big | cmp - got
        else
            [[ $status == 0 ]] || fail "luck $luck: $status $(cat err)"
            cmp big got
        fi
    done
}

@test "the scripted peer: slow pieces, much at once, an early end, under every luck" {
    local luck sum
    head -c 300000 /dev/urandom > big
    for luck in {1..6}; do
        start_peer 'sendslow:ready\n' recvline 'send:some\x20data' big:300000 sink
        SK_CHAOS=$luck sockctl do connect "$peer_addr" , readline , sendline hello , read 9 , read 300000 , sendall --file big > got
        wait "$peer_pid"
        assert_equal "$(head -c 15 got)" $'ready\nsome data'
        assert_equal "$(stat -c %s got)" 300015
        [[ $(tail -n1 peer.log) == 'sink 300000 '* ]]
        [[ ${sum:-$(tail -n1 peer.log)} == "$(tail -n1 peer.log)" ]]
        sum=$(tail -n1 peer.log)
        start_peer send:half close
        SK_CHAOS=$luck run --separate-stderr sockctl do connect "$peer_addr" , read 10
        assert_failure 7
        assert_output half
    done
}

@test "real servers answer as ever under bad luck" {
    local luck
    for luck in 1 2; do
        SK_CHAOS=$luck run bats "$BATS_TEST_DIRNAME/50_servers.bats"
        assert_success
    done
}
