#!/usr/bin/env bats
# Random programs through every door (programs.py): the doors agree, bytes are kept, nothing crashes or leaks.
# presets: dev asan
# ctest: TIMEOUT 3000
load sockets

setup() { export TMPDIR=$BATS_TEST_TMPDIR; }

@test "random programs of fixed seeds" {
    run python3 "$BATS_TEST_DIRNAME/programs.py" sockctl --seed 1 --count 100
    assert_success
}

@test "random programs of a new seed each time, in the long run" {
    [[ ${SOCKCTL_LONG:-} ]] || skip "long"
    run python3 "$BATS_TEST_DIRNAME/programs.py" sockctl --seed "$RANDOM" --count 2000
    echo "$output" # the seed
    assert_success
}
