#!/usr/bin/env bats
# Commands in the background: &, jobs, wait, cancel.
load sockets

@test "a job runs beside the script, wait takes its end" {
    script $'srv = listen :0\nconn = srv.accept &\njobs\ncli = connect sock:srv\nwait 1\ncli.send hi\nconn.recv\njobs'
    assert_success
    assert_output $'1 running - conn = srv.accept\nhi'
}

@test "a name that a job will bind is an error until it is there" {
    script $'srv = listen :0\nconn = srv.accept &\nvars\nconn.recv'
    assert_failure 2
    told 'job 1'
    assert_line --partial 'conn pending'
}

@test "wait knows jobs by number and by name, several at once" {
    script $'sleep 30ms &\nx = htons 80 &\nsleep 10ms &\nwait x 3\nprint $x\njobs\nwait\njobs'
    assert_success
    assert_output $'20480\n1 running - sleep 30ms'
}

@test "jobs run at the same time" {
    script_json $'sleep 200ms & sleep 200ms & sleep 200ms & sleep 200ms &\nwait'
    assert_success
    assert_equal "$(last '.cmd')" '"wait"'
    assert_equal "$(last '.ms < 700')" true
}

@test "the status of wait is that of the job, which was told once" {
    script $'inet_pton inet x &\nwait 1\nprint no'
    assert_failure 1
    assert_output ''
    assert_equal "${#stderr_lines[@]}" 1
    script $'fails 124 sleep 10 &\ncancel 1\nwait 1'
    assert_failure 130
}

@test "wait -t ends the wait, not the job" {
    script $'sleep 10 &\nfails 124 wait 1 -t 20ms\njobs\ncancel 1\nfails 130 wait 1'
    assert_success
    assert_output '1 running - sleep 10'
}

@test "cancel ends a wait on a socket; the socket stays" {
    script $'x = pair\nx1.recv &\nsleep 1ms\ncancel 1\nfails 130 wait 1\nx0.send ab\nx1.recv'
    assert_success
    assert_output ab
}

@test "no such job" {
    for text in 'wait 7' 'cancel 7' 'wait x' 'cancel x' 'wait 0' 'cancel ' 'cancel 99999999999'; do
        script "$text"
        assert_failure 2
        assert_equal "${#stderr_lines[@]}" 1
    done
    script wait
    assert_success
}

@test "jobs --json" {
    script_json $'sleep 10 &\nx = htons 1 &\nwait x\njobs\ncancel 1'
    assert_equal "$(jq -c 'select(.cmd == "jobs") | .result[0]' <<< "$output")" '{"id":1,"state":"running","exit":null,"name":null,"command":"sleep 10"}'
}

@test "at the end of a script open jobs are waited for" {
    script $'x = pair\nx1.recv &\nx0.send late'
    assert_success
    assert_output late
}

@test "quit cancels jobs" {
    run --separate-stderr timeout 10 sockctl -c $'sleep 60 &\nprint a; quit'
    assert_success
    assert_output a
}

@test "a hundred jobs on one listener" {
    text=$'srv = listen :0\n'
    for i in {1..100}; do text+="c$i = srv.accept &"$'\n'; done
    for i in {1..100}; do text+="connect sock:srv"$'\n'; done
    text+=$'wait\njobs\nprint $c100.state'
    script "$text"
    assert_success
    assert_output open
}

@test "Ctrl-C ends the script and its jobs" {
    no_leak_check
    timeout --preserve-status --signal INT 0.3 sockctl -c $'sleep 60 &\nsleep 60' 2> "$BATS_TEST_TMPDIR/err" || status=$?
    assert_equal "$status" 130
}

@test "| : who stops reading and fails is the reason; who is content with the beginning is none" {
    start_peer --count 2 big:1000000 # more than a pipe holds
    run --separate-stderr sockctl -c "connect $peer_addr; read | exit 9"
    assert_failure 9
    told 'shell command exited 9'
    run --separate-stderr sockctl -c "connect $peer_addr
read | head -c 3 | xxd -p
print \$?
recv 1 | cat > /dev/null
repeat -n 100000 print x | head -n 1"
    assert_success
    assert_output $'00070e\n0\nx'
    assert_equal "$stderr" ''
}
