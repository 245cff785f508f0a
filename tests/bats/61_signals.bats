#!/usr/bin/env bats
# Signals: to every command that waits, at rest and at any moment; storms, stops, a terminal.
# ctest: TIMEOUT 3600
load sockets
load faults

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    head -c 3000000 /dev/zero > big
    mkfifo fifo
}

@test "every command that waits: at rest, INT, TERM and HUP end it with their status, what came is printed, nothing is left" {
    run python3 "$BATS_TEST_DIRNAME/signals.py" rest
    assert_success
    assert_output ''
}

@test "every command that waits: at any moment" {
    run python3 "$BATS_TEST_DIRNAME/signals.py" random "$([[ ${SOCKCTL_LONG:-} ]] && echo 200 || echo 20)"
    assert_success
    assert_output ''
}

normally=(env --default-signal sockctl) # a shell lets its background ignore SIGINT

# signalled SIGNAL WORD...: sockctl WORD... at rest gets it; sets status and output (stdout alone).
signalled() {
    local signal=$1 pid
    shift
    exec 9<> fifo
    "${normally[@]}" "$@" > out 2> err < fifo 3>&- &
    pid=$!
    at_rest "$pid"
    kill "-$signal" "$pid"
    status=0
    wait "$pid" || status=$?
    exec 9>&-
    output=$(cat out)
    stderr=$(cat err)
}

# ended: wait for $pid.
ended() {
    output=
    status=0
    wait "$pid" || status=$?
}

@test "the status in JSON is that of the process" {
    for pair in INT:130 TERM:143 HUP:129; do
        signalled "${pair%:*}" --json do x = pair , x0.send abc , x1.readline
        assert_failure "${pair#*:}"
        assert_equal "$(last .error.exit)" "${pair#*:}"
        assert_equal "$(last .error.code)" '"ECANCELED"'
        assert_equal "$(last .error.partial.text)" '"abc"'
    done
}

@test "after a signal nothing more runs, with --keep-going neither" {
    signalled TERM --keep-going -c $'x = pair\nx0.recv\nprint no'
    assert_failure 143
    assert_output ''
    signalled INT do repeat -n 3 sleep 10s , print no
    assert_failure 130
    assert_output ''
}

@test "a loop that never waits is ended as well" {
    sockctl repeat -n 1000000000 htons 1 > /dev/null 2> err 3>&- &
    pid=$!
    until [[ $(awk '{ print $14 + $15 }' "/proc/$pid/stat") -gt 2 ]]; do :; done
    kill -TERM "$pid"
    ended
    assert_failure 143
}

@test "the machine door: INT ends the command, TERM the door" {
    coproc door { exec "${normally[@]}" -i --json 2> /dev/null 3>&-; }
    pid=$door_PID
    echo 'x = pair ; x0.send abc ; x1.readline' >&"${door[1]}"
    at_rest "$pid"
    kill -INT "$pid"
    read -r output <&"${door[0]}"
    assert_equal "$(last '[.results[].ok]')" '[true,true,false]'
    echo 'x1.recv' >&"${door[1]}"
    read -r output <&"${door[0]}" # what had come is still there
    assert_equal "$(last '.result.text')" '"abc"'
    at_rest "$pid"
    kill -TERM "$pid"
    ended
    assert_failure 143
}

@test "a storm of signals that mean nothing to us, and stops, lose no byte and start nothing twice" {
    no_leak_check
    local size=60000000
    start_peer --count 2 "big:$size"
    sockctl do connect "$peer_addr" , read > wanted
    sockctl do connect "$peer_addr" , read > got 3>&- &
    pid=$!
    for _ in {1..5000}; do # an end, or a busy machine gives all its time to the storm
        kill -CHLD "$pid" && kill -WINCH "$pid" && kill -URG "$pid" && kill -STOP "$pid" && kill -CONT "$pid" || break
    done 2> /dev/null
    wait "$pid"
    cmp wanted got
}

@test "stopped and continued: the deadline counts on, the wait too" {
    no_leak_check
    sockctl do x = pair , x0.recv -t 5s 2> err 3>&- &
    pid=$!
    at_rest "$pid"
    kill -STOP "$pid"
    kill -CONT "$pid"
    ended
    assert_failure 124
}

@test "SIGINT and SIGHUP that were ignored at the start stay so" {
    (
        trap '' INT HUP
        exec sockctl do x = pair , x0.recv 2> err 3>&-
    ) &
    pid=$!
    at_rest "$pid"
    kill -INT "$pid"
    kill -HUP "$pid"
    at_rest "$pid"
    kill -TERM "$pid"
    ended
    assert_failure 143
}

@test "Ctrl-C at a prompt ends the command or drops the line, never the door; Ctrl-D leaves" {
    PYTHONPATH=$BATS_TEST_DIRNAME run python3 - << 'PY'
from terminal import Terminal
t = Terminal(["sockctl"], TERM="dumb")
t.until(b"sockctl> ")
t.enter("x = pair")
t.type("x0.send up ; x1.recv ; x1.recv\r")
t.until(b"'up'\r\n")  # it runs: Ctrl-C makes the terminal forget what was not yet read
t.type("\x03")
t.until(b"cancelled: recv")
t.until(b"> ")
t.type("print not this")
t.until(b"not this")
t.type("\x03")
t.until(b"> ")
t.type("! echo up; sleep 10; echo no\r")
t.until(b"up\r\n")
t.type("\x03")
t.until(b"> ")
t.enter("x0.send hello ; x1.recv", b"'hello'")
t.until(b"> ")
t.type("\x04")
print(t.end())
PY
    assert_success
    assert_output 0
}
