#!/usr/bin/env bats
# What ends a command, or the shell, in the middle of something: Ctrl-C, signals, a program that crashes.
# ctest: TIMEOUT 1500
load sockets

setup() { cd "$BATS_TEST_TMPDIR" || return; }

@test "Ctrl-C at random moments of every command that waits: the session lives, no byte is lost, the terminal is sane" {
    # 200 of each in the long run; the seed is told, for the next try
    local times=20
    [[ -z ${SOCKCTL_LONG:-} ]] || times=200
    run timeout 1000 python3 "$BATS_TEST_DIRNAME/ctrl_c.py" "$times"
    assert_success
    echo "# $output" >&3
}

@test "the terminal is as it was after TERM, HUP, and a program that crashed" {
    run timeout 120 python3 "$BATS_TEST_DIRNAME/ctrl_c.py" ends
    assert_success
}
