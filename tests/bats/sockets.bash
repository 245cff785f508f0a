# What the tests of sockets share: run scripts, look at the last object of JSON, start the scripted peer.
# shellcheck disable=SC2154,SC2034 # what run sets, and what the tests read

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

# script TEXT: run it; then $status, $output and $stderr are set.
script() { run --separate-stderr sockctl -c "$1"; }
# script_json TEXT: the same, each result as an object.
script_json() { run --separate-stderr sockctl --json -c "$1"; }
# last EXPRESSION: jq on the last object of $output, compact.
last() { tail -n 1 <<< "$output" | jq -c "$1"; }

# told TEXT: stderr holds it.
told() {
    [[ $stderr == *"$1"* ]] && return
    batslib_print_kv_single_or_multi 6 wanted "$1" stderr "$stderr" | batslib_decorate 'stderr does not hold it' | fail
}
# untold: nothing is on stderr.
untold() { assert_equal "$stderr" ''; }

# For the rest of the test: at its end LeakSanitizer stops the process by ptrace. It cannot under strace, and hangs when SIGCONT comes in
# between, which timeout sends behind each signal.
no_leak_check() { export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0; }

# start_peer ACTION...: the scripted peer in the background; sets peer_addr and peer_pid. Its log is peer.log in the test's directory.
start_peer() {
    : > "$BATS_TEST_TMPDIR/peer.log" # no line of a peer before
    "$SOCKCTL_BUILD/peer" "$@" > "$BATS_TEST_TMPDIR/peer.log" 3>&- &
    peer_pid=$!
    until read -r peer_addr < "$BATS_TEST_TMPDIR/peer.log"; do
        kill -0 "$peer_pid"
    done
}
