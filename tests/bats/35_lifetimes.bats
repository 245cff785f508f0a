#!/usr/bin/env bats
# Things that end while something still uses them: jobs, files, sockets, scripts.
load sockets

@test "several wait for one job" {
    script $'sleep 50ms &\nwait 1 &\nwait 1 &\nwait 1\nwait\njobs\nprint done'
    assert_success
    assert_output done
    script $'do sleep 20ms , use nosuch &\nfails 2 wait 1 &\nfails 2 wait 1\nwait'
    assert_success
    assert_equal "${#stderr_lines[@]}" 1
}

@test "wait in a job waits for the others, not for itself" {
    script $'sleep 30ms &\nwait &\nwait 2\njobs'
    assert_success
    assert_output ''
    script $'wait 1 &\nwait'
    assert_failure 2
    told 'job 1 would wait for itself'
}

@test "the socket of a file goes while the file is read" {
    script $'x = pair\nf = x0.makefile\nf.read &\nsleep 5ms\nx0 = print gone\nwait 1'
    assert_failure 3
    told 'EBADF'
    script $'x = pair\nf = x0.makefile\ng = f.makefile\ng.readline &\nf.recv &\nsleep 5ms\nx0 = pair\nfails 3 wait 1\nfails 3 wait 2'
    assert_success
    script $'x = pair\nf = x0.makefile\nf = f.makefile\ny = x0.recv -t 5ms &\nwait'
    assert_failure 124
}

@test "a socket goes in the middle of a call on it" {
    for call in recv readline 'read 10' 'readinto buf' 'expect x' 'silent 5s' 'poll' recvmsg recvfrom 'sendall --file /dev/zero' 'sendfile /dev/zero'; do
        for end in 'x0.close' 'x0 = print gone' 'close x0 ; x0 = pair'; do
            script $'x = pair\nbuf = bytearray 20\n'"x0.$call"$' &\nsleep 5ms\n'"$end"$'\nwait -t 5s'
            assert [ "$status" -eq 3 ] || assert_equal "$call $status" 'poll 0'
        done
    done
}

@test "a job outlives the script that started it, and names it in its message" {
    cd "$BATS_TEST_TMPDIR"
    printf 'do sleep 20ms , use nosuch &\n' > job.sock
    script $'source job.sock\nsleep 1ms\nwait'
    assert_failure 2
    told 'job.sock:1: '
}

@test "a name that two jobs want belongs to the one that makes it" {
    script $'srv = listen :0\nc = srv.accept &\nc = srv.accept &\ncancel 1\nfails 130 wait 1\nvars\nconnect sock:srv\nwait 2\nprint $c.state'
    assert_success
    assert_line --partial 'c pending'
    assert_line open
}

@test "lists are those of the moment when the reader is slow" {
    text=$'x = pair\n'
    for i in {1..400}; do text+="sleep 60 & ; v$i = print ${i}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ; p${i}_ = pair"$'\n'; done
    cancel=cancel
    for i in {1..400}; do cancel+=" $i"; done
    for list in jobs vars ls 'repeat -n 3 do jobs , vars , ls'; do
        # a pipe of 64 KiB is full before the list is written: what it shows goes meanwhile
        run --separate-stderr bash -c 'sockctl -c "$1" | { sleep 0.3; wc -l; }; exit "${PIPESTATUS[0]}"' - \
            "$text$list &"$'\nsleep 50ms\n'"$cancel"$'\n'"close $(printf 'p%d_0 p%d_1 ' $(seq 400 | sed p))"$'\n'"$(for i in {1..400}; do echo "v$i = bytearray 1 ; p${i}_0 = bytearray 1"; done)"$'\nwait 401\nquit 0'
        assert_success
        assert [ "$output" -ge 400 ]
    done
}
