#!/usr/bin/env bats
# Descriptors that are closed, full, slow, gone, lent or too few; what children get.
# The thread sanitizer opens files and has limits of its own.
# presets: dev asan
load sockets
load faults

setup() { no_leak_check; }

# ---- 0, 1 and 2 closed ----

@test "closed 0, 1, 2 in all combinations: the peer gets what was sent and nothing else" {
    start_peer --count 8 send:hello sink
    for mask in 0 1 2 3 4 5 6 7; do
        status=0
        (
            ((mask & 1)) && exec <&-
            ((mask & 2)) && exec >&- || exec > "$BATS_TEST_TMPDIR/out"
            ((mask & 4)) && exec 2>&- || exec 2> "$BATS_TEST_TMPDIR/err"
            exec 3>&- 4>&-
            exec sockctl do connect "$peer_addr" , send X , recv 5
        ) || status=$?
        if ((mask & 2)); then
            assert_equal "$mask: $status" "$mask: 3"
            ((mask & 4)) || assert_equal "$(cat "$BATS_TEST_TMPDIR/err")" 'sockctl: stdout is closed (EBADF)'
        else
            assert_equal "$mask: $status" "$mask: 0"
            assert_equal "$(cat "$BATS_TEST_TMPDIR/out")" hello
        fi
    done
    wait "$peer_pid"
    assert_equal "$(grep -c '^sink 1 ' "$BATS_TEST_TMPDIR/peer.log")" 8
}

@test "stdin that is closed is not an empty input, through no door" {
    check() {
        run --separate-stderr bash -c 'exec "$@" <&-' - "$@"
        assert_failure 3
        told 'stdin is closed'
    }
    check sockctl
    check sockctl -f -
    check sockctl -i
    check sockctl -i --json
    check sockctl do x = pair , x0.send -
    check sockctl do x = pair , x0.sendall -
    check sockctl do x = pair , x0.sendall --file -
    run bash -c 'sockctl htons 1 <&-' # who does not read it does not miss it
    assert_success
}

@test "what is closed for us is closed for our children" {
    run bash -c 'sockctl -c "! cat" <&-'
    assert_failure 1
    run bash -c 'sockctl -c "! echo lost" >&- 2>/dev/null'
    assert_failure 1
}

# ---- stdout full, gone, slow ----

@test "stdout full is 3, also for one byte, in every form" {
    while read -r line; do
        status=0
        eval "sockctl $line" > /dev/full 2> "$BATS_TEST_TMPDIR/err" < /dev/null || status=$?
        assert_equal "$line: $status" "$line: 3"
        run cat "$BATS_TEST_TMPDIR/err"
        assert_output --partial 'write stdout: no space left on device'
    done <<'LINES'
--help
--version
help recv
help --json
completion bash
--json htons 1
htons 1
print x
-c 'x = pair ; x0.send a ; x1.recv'
do x = pair , x0.send a , x1.recv -e
do x = pair , x0.send a , x1.recv -F hex
-c 'x = pair ; x0.send a ; x0.close ; x1.read'
constants
--tap -c 'test one'
LINES
}

@test "a full disk under -o says how much is in the file" {
    start_peer big:3000000
    script "connect $peer_addr ; read > /dev/full"
    assert_failure 3
    told 'no space left on device'
}

@test "the reader of stdout is gone: quiet, 141, whatever the parent does with SIGPIPE" {
    start_peer --count 2 big:1000000000
    for trap in - "''"; do
        run bash -c "trap $trap PIPE; sockctl do connect $peer_addr , read 2> '$BATS_TEST_TMPDIR/err' | head -c1 > /dev/null; echo \${PIPESTATUS[0]}"
        assert_output 141
        assert_equal "$(cat "$BATS_TEST_TMPDIR/err")" ''
    done
    wait "$peer_pid" || : # it could not send everything
    run bash -c 'sockctl -c "repeat -n 1000000 print x" 2>&1 | head -n1'
    assert_output x
}

@test "a reader of stdout that is slow loses nothing and costs no memory" {
    local size=30000000 pid before after
    start_peer --count 2 "big:$size"
    sockctl do connect "$peer_addr" , read > "$BATS_TEST_TMPDIR/wanted"
    assert_equal "$(stat -c %s "$BATS_TEST_TMPDIR/wanted")" "$size"
    mkfifo "$BATS_TEST_TMPDIR/slow"
    sockctl do connect "$peer_addr" , read > "$BATS_TEST_TMPDIR/slow" 3>&- &
    pid=$!
    exec 9< "$BATS_TEST_TMPDIR/slow"
    at_rest "$pid"
    before=$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status")
    head -c 2000000 <&9 > "$BATS_TEST_TMPDIR/got"
    at_rest "$pid"
    after=$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status")
    ((after - before <= 1024)) || fail "$before KiB became $after"
    cat <&9 >> "$BATS_TEST_TMPDIR/got"
    wait "$pid"
    cmp "$BATS_TEST_TMPDIR/wanted" "$BATS_TEST_TMPDIR/got"
}

# ---- Flags of what was lent ----

@test "O_NONBLOCK of 0 to 2 stays as it was: before, during, after, after kill -9" {
    run python3 - <<'PY'
import os, pty, socket, subprocess, threading
SIZE = 3_000_000
COMMAND = ["sockctl", "-c", f"x = pair\nx0.sendall - &\nx1.read {SIZE} -F raw\nquit"]

def ends(kind):
    """(what sockctl reads, what we feed), (what it writes, what we drain)"""
    if kind == "pipe":
        return os.pipe(), os.pipe()[::-1]
    if kind == "socket":
        pair = lambda: tuple(s.detach() for s in socket.socketpair())
        return pair(), pair()
    return pty.openpty()[::-1], pty.openpty()[::-1]

def feed(fd):
    try:
        for _ in range(SIZE // 1000):
            os.write(fd, b"x" * 999 + b"\n")
    except OSError:
        pass

def drain(fd, most):
    got = 0
    while got < most:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        got += len(data)
    return got

for kind in "pipe", "socket", "terminal":
    for kill in False, True:
        for blocking in True, False:
            (ours_in, their_in), (ours_out, their_out) = ends(kind)
            lent = [ours_in, ours_out]
            for fd in lent:
                os.set_blocking(fd, blocking)
            same = lambda: all(os.get_blocking(fd) == blocking for fd in lent)
            process = subprocess.Popen(COMMAND, stdin=ours_in, stdout=ours_out, stderr=ours_out)
            threading.Thread(target=feed, args=[their_in], daemon=True).start()
            half = drain(their_out, SIZE // 2)
            assert half >= SIZE // 2, (kind, half)
            assert same(), (kind, "during")
            if kill:
                process.kill()
            else:
                assert drain(their_out, SIZE - half) >= SIZE - half
            status = process.wait(20)
            assert status == (-9 if kill else 0), (kind, blocking, status)
            assert same(), (kind, "after", kill)
print("same")
PY
    assert_success
    assert_output same
}

# ---- Children ----

@test "children get 0, 1, 2, SIGPIPE and SIGXFSZ by default, the limit of descriptors as it was" {
    local look='for i in $(seq 0 200); do [ ! -e /proc/self/fd/$i ] || printf "%s " $i; done; ulimit -Sn; grep SigIgn /proc/self/status'
    run bash -c 'ulimit -Sn 300; ulimit -Hn 1000; exec sockctl -c "$1"' - "srv = listen :0 ; a = connect sock:srv ; sleep 1ms &
! $look
print x | cat > /dev/null; $look"
    assert_success
    assert_line --index 0 '0 1 2 300'
    assert_line --index 2 '0 1 2 300'
    for line in 1 3; do
        mask=$((0x${lines[line]##*[[:space:]]}))
        assert_equal $((mask & (1 << 12 | 1 << 24))) 0
    done
}

@test "SIGPIPE that was ignored stays so for children" {
    run bash -c "trap '' PIPE; exec sockctl -c '! grep SigIgn /proc/self/status'"
    mask=$((0x${output##*[[:space:]]}))
    assert_equal $((mask & 1 << 12)) $((1 << 12))
}

@test "every descriptor is made with CLOEXEC" {
    run under_strace -e trace=open,openat,creat,socket,socketpair,accept,accept4,pipe,pipe2,dup,dup2,dup3,fcntl,epoll_create,epoll_create1,eventfd2,timerfd_create,memfd_create,recvmsg -- \
        -c "x = pair ; srv = listen :0 ; a = connect sock:srv ; srv.accept ; b = a.dup
x0.sendmsg --fd a hi ; x1.recvmsg ; a.sendfile /etc/passwd ; a.send --file /etc/passwd ; print x > $BATS_TEST_TMPDIR/f
sleep 1ms &
! true
print x | cat
wait"
    assert_success
    run grep -E '^(open|socket|accept|pipe|dup|epoll|eventfd|timerfd|memfd|recvmsg|fcntl\([0-9]+, F_DUPFD)' "$BATS_TEST_TMPDIR/trace"
    assert [ "${#lines[@]}" -gt 12 ]
    for line in "${lines[@]}"; do
        # /proc/self is what sanitizers read
        [[ $line == *CLOEXEC* || $line == *'= -1'* || $line == 'open("/proc/self/'* ]] || fail "$line"
    done
}

# ---- Too many, too few, too long ----

@test "no descriptor left: told, status 3, and the script goes on" {
    run --separate-stderr bash -c 'exec 3>&- 4>&- 5>&-; ulimit -n 6; exec sockctl --keep-going -c "$1"' - 'repeat -n 20 socket
! true
print x | cat
srv = listen :0
close s1 s2 s3
a = pair ; a0.send fine ; a1.recv'
    assert_failure 3
    assert_output fine
    told 'socket: too many open files (EMFILE)'
    told '-c:2: pidfd_open: too many open files (EMFILE)'
    told '-c:3: pipe: too many open files (EMFILE)'
    told '-c:4: socket: too many open files (EMFILE)'
}

@test "no descriptor left for accept: 3, no spinning, and the connection waits for one" {
    run --separate-stderr bash -c 'exec 3>&- 4>&- 5>&-; ulimit -n 6; exec sockctl -c "$1"' - 'srv = listen :0 ; a = connect sock:srv ; b = socket
fails 3 srv.accept
close b ; c = srv.accept ; a.send hello ; c.recv'
    assert_success
    assert_output hello
}

@test "started with 1,100 descriptors open" {
    run python3 - <<'PY'
import os, resource, subprocess
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2000), hard))
fds = [os.dup(0) for _ in range(1100)]
text = """srv = listen :0 ; a = connect sock:srv ; c = srv.accept ; n = a.fileno ; a.send 'hello ' ; poll c ; c.recv
x = pair ; x1.read 5 & ; x0.send world ; wait"""
print(subprocess.run(["sockctl", "-c", text.replace(" & ;", " &\n")], pass_fds=fds, capture_output=True))
PY
    assert_success
    assert_output --partial "stdout=b'c in\\nhello world'"
    assert_output --partial 'returncode=0'
}

@test "a file that may not grow is EFBIG, 3, with what is in it" {
    start_peer big:300000
    run --separate-stderr bash -c "ulimit -f 1; exec sockctl do connect $peer_addr , read -o '$BATS_TEST_TMPDIR/f'"
    assert_failure 3
    told 'after 1024 bytes: file too large (EFBIG)'
    assert_equal "$(stat -c %s "$BATS_TEST_TMPDIR/f")" 1024
    run bash -c 'ulimit -f 0; sockctl print x > "$1"' - "$BATS_TEST_TMPDIR/g"
    assert_failure 3
}

# ---- Files that are FIFOs ----

@test "a FIFO without a writer is waited for, not taken for an empty file" {
    mkfifo "$BATS_TEST_TMPDIR/fifo"
    for cmd in 'send --file' 'sendall --file' sendfile; do
        script "x = pair ; x0.settimeout 50ms ; x0.$cmd $BATS_TEST_TMPDIR/fifo"
        assert_failure 124
        printf words > "$BATS_TEST_TMPDIR/fifo" 3>&- &
        script "x = pair ; x0.$cmd $BATS_TEST_TMPDIR/fifo ; x1.recv"
        assert_success
        assert_output words
        wait
    done
}

@test "a send that fails closes its file" {
    head -c 3000000 /dev/zero > "$BATS_TEST_TMPDIR/zero"
    run --separate-stderr sockctl --keep-going -c "x = pair ; x0.settimeout 0
x0.sendall --file $BATS_TEST_TMPDIR/zero
! ls /proc/\$PPID/fd | wc -l
x0.sendall --file $BATS_TEST_TMPDIR/zero
! ls /proc/\$PPID/fd | wc -l"
    assert_failure 10
    assert_equal "${lines[0]}" "${lines[1]}"
}

@test "a thousand connections, made, refused, out of time, passed on and ended, leave no descriptor" {
    script 'n = socket ; before = n.fileno ; n.close
srv = listen :0 ; nobody = bind :0 ; full = listen :0 --backlog 0 ; filler = connect $full.local
repeat -n 500 do c = connect sock:srv , a = accept -s srv , c.send x , a.recv , close c a
repeat -n 500 fails 5 connect sock:nobody
repeat -n 20 fails 124 connect sock:full -t 1ms
x = pair
repeat -n 200 do x0.sendmsg --fd x0 hi , x1.recv
repeat -n 200 do fails 3 socket 99 , fails 3 listen 192.0.2.1:0 , fails 3 connect unix:/nosuch/nosuch
close srv nobody full filler x0 x1
n = socket ; after = n.fileno ; assert $before is $after'
    assert_success
}
