#!/usr/bin/env bats
# Bounds: every byte value, many sockets, long scripts, long streams in little memory. Speed is measured by scripts/bench, not here.
# presets: dev
load sockets

# peak COMMAND...: run it; its largest resident size in KiB is then in $PEAK_FILE. Output and status are its own.
peak() {
    python3 - "$@" <<'PYTHON'
import os, resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
with open(os.environ["PEAK_FILE"], "w") as f:
    f.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(status)
PYTHON
}

setup() { export PEAK_FILE=$BATS_TEST_TMPDIR/peak; }

@test "all 256 byte values through x=\$(sockctl ... -e) and sockctl ... \"\$x\" in four shells" {
    local shell
    python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)) + b"tail\n\n")' > "$BATS_TEST_TMPDIR/all"
    for shell in bash dash zsh fish; do
        local assign
        assign="x=\$(sockctl do pair , s1.send --file '$BATS_TEST_TMPDIR/all' , s2.recv -e)"
        [[ $shell != fish ]] || assign="set x (sockctl do pair , s1.send --file '$BATS_TEST_TMPDIR/all' , s2.recv -e)"
        "$shell" -c "$assign
            sockctl do pair , s1.sendall \"\$x\" , s2.recv" > "$BATS_TEST_TMPDIR/$shell.socket"
        cmp "$BATS_TEST_TMPDIR/all" "$BATS_TEST_TMPDIR/$shell.socket"
    done
}

@test "10,000 sockets in one process, with a soft descriptor limit of 1,024" {
    mkfifo "$BATS_TEST_TMPDIR/port"
    python3 - > "$BATS_TEST_TMPDIR/port" 3>&- <<'PYTHON' &
import resource, socket
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
server = socket.create_server(("127.0.0.1", 0), backlog=4096)
print(server.getsockname()[1], flush=True)
clients = [server.accept()[0] for _ in range(10000)]
for number, client in enumerate(clients, 1):
    client.sendall(b"%d\n" % number)
for client in clients:
    try:
        assert client.recv(1) == b""
    except ConnectionResetError:
        pass  # closed with our line unread
PYTHON
    local peer=$! port
    read -r port < "$BATS_TEST_TMPDIR/port"
    ulimit -Sn 1024
    run peak sockctl -c "repeat -n 10000 connect 127.0.0.1:$port
        s10000.readline ; s1.readline ; s5000.readline
        poll s2 s9999 -t 10s"
    assert_success
    assert_output $'10000\n1\n5000\ns2 in\ns9999 in'
    wait "$peer"
    [[ $(< "$PEAK_FILE") -lt 40000 ]]
}

@test "a script of a million lines holds its text and one line" {
    local total=100000
    [[ -z ${SOCKCTL_LONG:-} ]] || total=1000000
    python3 -c "for i in range($total): print('x = print n%07d' % i)" > "$BATS_TEST_TMPDIR/long.sock"
    echo 'print $x' >> "$BATS_TEST_TMPDIR/long.sock"
    run peak sockctl -f "$BATS_TEST_TMPDIR/long.sock"
    assert_success
    assert_output "$(printf 'n%07d' $((total - 1)))"
    [[ $(< "$PEAK_FILE") -lt $((total * 19 / 1024 + 16384)) ]]
}

@test "read of a long stream into a file, in flat memory, through > and a redirect of the caller" {
    local bytes=$((64 << 20))
    [[ -z ${SOCKCTL_LONG:-} ]] || bytes=$((1 << 30))
    start_peer --count 2 "big:$bytes"
    run peak sockctl -c "connect $peer_addr ; read > $BATS_TEST_TMPDIR/first"
    assert_success
    [[ $(< "$PEAK_FILE") -lt 24576 ]]
    peak sockctl do connect "$peer_addr" , read > "$BATS_TEST_TMPDIR/second"
    [[ $(< "$PEAK_FILE") -lt 24576 ]]
    assert_equal "$(stat -c %s "$BATS_TEST_TMPDIR/first")" "$bytes"
    cmp "$BATS_TEST_TMPDIR/first" "$BATS_TEST_TMPDIR/second"
    wait "$peer_pid"
}

@test "a value is held up to 64 MiB: beyond it the command fails and the bytes stay in the socket" {
    start_peer "big:$((65 << 20))"
    run --separate-stderr sockctl -c "c = connect $peer_addr ; fails 3 x = read ; c.read > $BATS_TEST_TMPDIR/rest"
    assert_success
    assert_equal "$(stat -c %s "$BATS_TEST_TMPDIR/rest")" "$((65 << 20))"
}

@test "three million commands in repeat" {
    run sockctl repeat -n 3000000 do
    assert_success
    run sockctl --json repeat -n 3000 do
    assert_success
    assert_equal "$(jq -c .result.n <<< "$output")" 3000
}

@test "what a failed NAME = had taken goes back into the socket" {
    run --separate-stderr sockctl -c 'x = pair ; x0.send abc ; x0.close ; y = x1.readline'
    assert_failure 7
    told '3 bytes stay in x1'
    run sockctl -c 'x = pair ; x0.send abc ; x0.close ; fails 7 y = x1.readline ; x1.read'
    assert_success
    assert_output abc
}
