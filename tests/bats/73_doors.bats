#!/usr/bin/env bats
# The same program through every door: the examples of every command, and programs of our own (matrix.py, matrix.sock). Where doors
# differ on purpose is one table in matrix.py.
# presets: dev asan
load servers

setup_file() { start_namespace; }
teardown_file() { stop_servers; }
setup() { export TMPDIR=$BATS_TEST_TMPDIR; }

@test "the examples of every command" {
    run inside python3 "$BATS_TEST_DIRNAME/matrix.py" sockctl examples
    assert_success
}

@test "chains and failures" {
    run inside python3 "$BATS_TEST_DIRNAME/matrix.py" sockctl programs
    assert_success
}
