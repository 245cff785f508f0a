#!/usr/bin/env bats
# Every system call of several chains fails once (strace inject), with each error in turn: no silent loss, no hang, no crash, EINTR and EAGAIN
# invisible. sweep.py proves of every case that its fault was injected. A sample, in full with --long.
# presets: dev
# ctest: TIMEOUT 3600
load sockets

@test "each system call fails once: nothing is lost silently, nothing hangs" {
    [[ ${SOCKCTL_LONG:-} ]] || set -- --every 7 --seed 1
    run python3 "$BATS_TEST_DIRNAME/sweep.py" "$@"
    assert_success
    assert_line --regexp '^[0-9]{3,} cases, [0-9]{3,} injected, 0 wrong$'
}

@test "faults that last end as well" {
    [[ ${SOCKCTL_LONG:-} ]] || set -- --every 13 --seed 1
    run python3 "$BATS_TEST_DIRNAME/sweep.py" --ever "$@"
    assert_success
    assert_line --regexp ' injected, 0 wrong$'
}

# injected CALL:error=...:when=... WORD...: run sockctl with that one fault; proves that it was injected.
injected() {
    local what=$1
    shift
    run --separate-stderr strace -qq -o "$BATS_TEST_TMPDIR/trace" -e "trace=${what%%:*}" -e "inject=$what" sockctl "$@"
    grep -q INJECTED "$BATS_TEST_TMPDIR/trace" || fail "nothing was injected: $what"
}

@test "connect that was interrupted is called again, until it is done" {
    for when in 1 2; do
        injected connect:error=EINTR:when=$when do srv = listen 127.0.0.1:0 , c = connect sock:srv , accept -s srv , c.send hello , recv
        assert_success
        assert_output hello
        assert_equal "$(grep -c '^connect' "$BATS_TEST_TMPDIR/trace")" 3
    done
}

@test "a connection that died before accept is not the end of accept" {
    for error in ECONNABORTED EPROTO EPERM ENETDOWN EHOSTUNREACH EINTR EAGAIN; do
        injected accept4:error=$error:when=1..3 do srv = listen :0 , c = connect sock:srv , accept -s srv , c.send hello , recv
        assert_success
        assert_output hello
    done
}

# cpu_of WORD...: milliseconds of processor time of sockctl WORD..., and its status.
cpu_of() {
    python3 - "$@" <<'PY'
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(round((used.ru_utime + used.ru_stime) * 1000), status)
PY
}

@test "what is ready and yet not ready does not spin, and ends in time" {
    local fault chain
    while read -r fault chain; do
        # shellcheck disable=SC2086 # words
        injected "$fault" do $chain
        assert_failure 124
        tries=$(wc -l < "$BATS_TEST_TMPDIR/trace")
        ((tries < 2000)) || fail "$fault: $tries tries in one second"
    done <<'ROWS'
recvfrom:error=EAGAIN:when=1+ srv = listen :0 , c = connect sock:srv , d = accept -s srv , c.send hello , d.recv -t 1s
recvmsg:error=EAGAIN:when=1+ x = pair , x0.send hello , x1.readline -t 1s
sendto:error=EAGAIN:when=1+ x = pair , x0.sendall -t 1s hello
accept4:error=EAGAIN:when=1+ srv = listen :0 , connect sock:srv , accept -s srv -t 1s
accept4:error=ECONNABORTED:when=1+ srv = listen :0 , connect sock:srv , accept -s srv -t 1s
ROWS
}

@test "waiting costs no processor time" {
    for chain in 'x = pair , x0.recv -t 1s' 'listen :0 , accept -t 1s' 'x = pair , x0.close , poll x1:out,in -t 1s , x1.silent 0 , sleep 1s'; do
        # shellcheck disable=SC2086 # words
        read -r used _ < <(cpu_of sockctl do $chain)
        ((used < 200)) || fail "$chain: $used ms"
    done
}

@test "shutdown: not connected is 3; after a reset that was told it is nothing" {
    script 's = socket ; s.shutdown wr'
    assert_failure 3
    told ENOTCONN
    start_peer recv:1 reset
    script "connect $peer_addr ; send x ; fails 6 read ; shutdown wr"
    assert_success
}

@test "close that fails is told and not tried again" {
    injected close:error=EIO:when=3 do s = socket , print made , s.close
    assert_failure 3
    assert_output made
    told EIO
    assert_equal "$(grep -c '^close' "$BATS_TEST_TMPDIR/trace")" 3 # two are the loader's
}

@test "no memory in the kernel is 125, no room on the output 3" {
    injected ppoll:error=ENOMEM:when=1 do x = pair , x0.recv
    assert_failure 125
    told ENOMEM
    for error in ENOSPC EIO EDQUOT; do
        injected pwritev2:error=$error:when=1 do print x
        assert_failure 3
        told "write stdout"
    done
}

# lasting CALL ERROR STATUS TEXT: a script (on stdin) whose every CALL fails with ERROR ends with STATUS and says TEXT, in one line.
lasting() {
    run --separate-stderr strace -f -qq -o "$BATS_TEST_TMPDIR/trace" -e "trace=$1" -e "inject=$1:error=$2:when=1+" sockctl --keep-going
    grep -q INJECTED "$BATS_TEST_TMPDIR/trace" || fail "nothing was injected: $1"
    assert_failure "$3"
    told "$4"
    assert_equal "${#stderr_lines[@]}" 1
}

@test "no process can be started, ever: ! and | say so, what follows runs" {
    local row command error status
    for command in '! echo no' 'print no | cat'; do
        for row in 'EAGAIN 3' 'ENOMEM 125'; do
            read -r error status <<< "$row"
            lasting clone3,clone,vfork,fork "$error" "$status" "($error)" <<< "$command"$'\nprint on'
            assert_output on
        done
    done
    lasting pipe2 EMFILE 3 'pipe: too many open files' <<< $'print no | cat\nprint on'
    assert_output on
    lasting pidfd_open EMFILE 3 'too many open files' <<< $'! echo no\nprint on'
    assert_output on
}

@test "no descriptor is left for accept, ever: told at once, the connection waits, other sockets go on" {
    lasting accept4 EMFILE 3 'accept on srv: too many open files' <<< $'srv = listen :0\nc = connect sock:srv\naccept -s srv
x = pair\nx0.send on\nx1.recv'
    assert_output on
    injected accept4:error=EMFILE:when=1 -c 'srv = listen :0 ; c = connect sock:srv ; c.send hello
        fails 3 accept -s srv ; accept -s srv ; recv'
    assert_success
    assert_output hello
}

@test "a file or stdout that takes nothing, ever: told, and what it did not take stays in the socket" {
    local error call
    for error in ENOSPC EIO EDQUOT; do
        for call in write pwritev2; do
            run --separate-stderr strace -qq -o "$BATS_TEST_TMPDIR/trace" -P "$BATS_TEST_TMPDIR/file" -e "inject=$call:error=$error:when=1+" \
                sockctl --keep-going -c "x = pair ; x0.send hello
                    x1.recv > '$BATS_TEST_TMPDIR/file'
                    x1.recv"
            grep -q INJECTED "$BATS_TEST_TMPDIR/trace" || fail "nothing was injected: $call"
            assert_failure 3
            told "($error)"
            assert_output hello
        done
    done
    run --separate-stderr sockctl --keep-going -c $'x = pair ; x0.send hello ; x1.recv > /dev/full\nx1.recv'
    assert_failure 3
    assert_output hello
    run --separate-stderr bash -c 'sockctl -c "repeat -n 100000 print x" > /dev/full'
    assert_failure 3
    told 'write stdout: no space left on device'
    assert_equal "${#stderr_lines[@]}" 1
}

@test "a stdout that nobody reads any more ends the program as SIGPIPE does, at once" {
    local words
    for words in 'repeat -n 1000000000 print x' 'x = pair ; x0.sendall --file /dev/zero & ; x1.read' 'repeat -n 1000000000 print x & ; wait'; do
        run --separate-stderr bash -c 'set -o pipefail; { sockctl -c "$1"; echo $? >&3; } 3> "$2" | :' - "$words" "$BATS_TEST_TMPDIR/status"
        assert_equal "$(cat "$BATS_TEST_TMPDIR/status")" 141
        [[ $stderr == *'cancelled: sendall'* ]] || untold # what a job was at
    done
}

@test "out of memory anywhere is 125 and one line, never a crash" {
    cd "$BATS_TEST_TMPDIR"
    run python3 - <<'PY'
import resource, subprocess
with open("big", "wb") as f:
    f.write(bytes(range(256)) * 12000)
script = "print hello\n" * 2000 + "x = print " + "a" * 1000000 + "\n"
with open("script", "w") as f:
    f.write(script)

def run(kib, *words):
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (kib << 10, kib << 10))
    return subprocess.run(["sockctl", *words], input=script.encode(), capture_output=True, timeout=60, preexec_fn=limit)

least = 1000  # what the loader needs
while run(least, "--version").returncode:
    least += 50
refused = 0
for words in [
    ["print", "x"], ["inet_pton", "AF_INET", "127.0.0.1"], ["getaddrinfo", "localhost", "80"], ["--json", "help"], ["-f", "script"], ["-i", "--json"], [],
    ["-c", "b = bytearray 2M ; c = bytearray 1M ; print $b $c | wc -c"], ["-c", "r = repeat -n 20000 htons 1 ; print $r.n"],
    ["--json", "-c", "repeat -n 5000 htons 1"], ["-c", "repeat -n 600 socket"], ["-c", "x = pair ; x0.send aaab ; x1.expect -r '(a+)+b'"],
    ["-c", "x = pair ; fails 124 x0.sendall -t 1ms --file big ; x1.recvmsg 2M | wc -c"], ["-c", "sleep 1ms &\n" * 20 + "wait"],
]:
    for more in (0, 20, 60, 200, 500, 1000, 1500, 3000):
        p = run(least + more, *words)
        refused += p.returncode == 125
        if p.returncode not in (0, 125) or p.returncode and p.stderr.count(b"\n") != 1:
            print(words, f"and {more} KiB: {p.returncode} {p.stderr.decode()}")
print(refused > 20 or f"only {refused} were short of memory")
PY
    assert_output True
}

@test "a family that the system lacks is named, and the other one is tried" {
    injected socket:error=EAFNOSUPPORT:when=1 do connect '[::1]:9'
    assert_failure
    told 'no IPv6 on this system'
    start_peer send:hello
    injected socket:error=EAFNOSUPPORT:when=1 do connect "localhost:${peer_addr##*:}" , recv
    assert_success
    assert_output hello
}

@test "descriptors that nobody asked for are closed at once" {
    run python3 - <<'PY'
import array, os, socket, subprocess
a, b = socket.socketpair()
fds = array.array("i", [os.open("/dev/null", os.O_RDONLY)] * 253)
for _ in range(3):
    a.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
out = subprocess.run(["sockctl", "-c", f"fdopen {b.fileno()} ; recv ; read 1 ; recvfrom\n! ls /proc/$PPID/fd | wc -l"], pass_fds=[b.fileno()],
                     capture_output=True, text=True)
print(out.returncode, out.stderr, out.stdout)
PY
    assert_success
    assert_output --regexp '^0  xxx[0-9]$'
}

@test "everything arrives although either side stops and goes on" {
    start_peer sink
    head -c 60000000 /dev/urandom > "$BATS_TEST_TMPDIR/random"
    sockctl do connect "$peer_addr" , setsockopt SO_SNDBUF 8192 , sendall --file "$BATS_TEST_TMPDIR/random" , shutdown wr , read 3>&- &
    local pid=$!
    while kill -STOP "$pid" && kill -STOP "$peer_pid" && kill -CONT "$pid" && kill -CONT "$peer_pid"; do :; done 2> /dev/null
    kill -CONT "$pid" "$peer_pid" 2> /dev/null || :
    wait "$pid"
    wait "$peer_pid"
    sum=$(tail -n1 "$BATS_TEST_TMPDIR/peer.log")
    [[ $sum == 'sink 60000000 '* ]]
    start_peer sink
    sockctl do connect "$peer_addr" , sendfile "$BATS_TEST_TMPDIR/random"
    wait "$peer_pid"
    assert_equal "$(tail -n1 "$BATS_TEST_TMPDIR/peer.log")" "$sum"
}
