#!/usr/bin/env bats
# A line is typed while peers make noise: it stays whole, keys are shown at once, and nothing that the peers say acts on the terminal.
# ctest: TIMEOUT 300
load sockets

setup() { cd "$BATS_TEST_TMPDIR" || return; }
typing() {
    run timeout 120 python3 "$BATS_TEST_DIRNAME/flood.py" "$@"
    assert_success
    echo "# $output" >&3
}

@test "a peer that sends 100 MB/s to a job" { typing bytes; }
@test "a thousand sockets with news" { typing sockets; }
@test "lines of a megabyte with escape sequences, printed by a job" { typing line; }
@test "the same on a terminal that is slow" { typing line slow; }
