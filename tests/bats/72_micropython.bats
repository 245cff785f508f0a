#!/usr/bin/env bats
# What the socket document of MicroPython promises: where CPython does the same, each scenario of beside_sockets.py and beside_bytes.py runs with
# both and the outcomes are compared; where the two differ, or sockctl has a rule of its own, it stands here.
load sockets
load faults

# beside THEME SCENARIO...: no outcome may be unlike.
beside() {
    run python3 "$BATS_TEST_DIRNAME/beside_$1.py" "${@:2}"
    assert_success
    assert_output ''
}

# ordinary COMMAND...: without the rights of root, in a tree that only root may read too.
ordinary() {
    if [[ $(id -u) == 0 ]]; then
        setpriv --bounding-set=-all --inh-caps=-all -- "$@"
    else
        "$@"
    fi
}

# number EXPECTED SCRIPT: the script fails with this error number.
number() {
    script_json "$2"
    assert_equal "$2: $(last .error.errno)" "$2: $1"
}

setup() { no_leak_check; } # strace

# ---- the same as CPython ----

@test "addresses: tuples, scopes, UNIX paths up to the last byte, abstract names" { beside sockets addresses unix_addresses; }
@test "getaddrinfo: answers and negative numbers for hosts, services, families, types, protocols and flags" { beside sockets names; }
@test "inet_pton, inet_ntop, byte order, tables" { beside sockets literals tables; }
@test "socket: families, types and protocols that work and that do not" { beside sockets kinds; }
@test "the same without the rights of root" {
    run ordinary python3 "$BATS_TEST_DIRNAME/beside_sockets.py" kinds binds listens
    assert_success
    run ordinary python3 "$BATS_TEST_DIRNAME/beside_bytes.py" options
    assert_success
    run --separate-stderr ordinary sockctl socket AF_INET SOCK_RAW IPPROTO_ICMP
    assert_failure 3
    told EPERM
}
@test "close, and every method after it" { beside sockets after_close; }
@test "the end of a connection: in order, by reset, with data unread, seen by recv, send and poll" { beside sockets ends; }
@test "shutdown in each direction, of streams and of packets" { beside sockets shutdowns; }
@test "bind and listen: twice, in use, not ours, unbound, any backlog" { beside sockets binds listens; }
@test "accept: nothing there, time, what is inherited, who has gone already" { beside sockets accepts; }
@test "connect: refused, again, twice, datagrams to one peer after the other" { beside sockets connects; }
@test "connect that does not wait: done, refused, never answered" { beside sockets connects_later connects_never; }
@test "send, sendall: counts, full buffers, times" { beside bytes sends; }
@test "sendto, recvfrom: cut, empty, too long, refused by ICMP" { beside bytes datagrams; }
@test "recv: flags, times, ends, wrong states" { beside bytes receives; }
@test "read, readline, readinto: no short reads, ends, times" { beside bytes reads; }
@test "settimeout, setblocking" { beside bytes timeouts; }
@test "setsockopt and getsockopt: every option that CPython knows, on six kinds of sockets" { beside bytes options; }
@test "poll: the table of states, with its numbers; poll objects" { beside bytes polls pollers; }

@test "every constant of CPython that sockctl has too has the same value, and every errno" {
    run python3 - <<'EOF'
import errno, json, select, socket, subprocess
ours = {r["name"]: r["value"] for r in json.loads(subprocess.check_output(["sockctl", "--json", "constants"]))["result"]}
theirs = {n: getattr(m, n) for m in (socket, select, errno) for n in dir(m) if n.isupper() and isinstance(getattr(m, n), int)}
both = ours.keys() & theirs.keys()
print(len(both) > 300, {n: (ours[n], int(theirs[n])) for n in both if ours[n] != theirs[n]})
print(sorted(n for n in theirs
             if n.startswith(("AF_INET", "AF_UNIX", "SOCK_", "SO_", "IPPROTO_", "IPV6_", "IP_", "TCP_", "MSG_", "EAI_", "AI_", "NI_", "SHUT_", "POLL", "SOL_SOCKET", "E"))
             and not n.startswith(("EPOLL", "SO_J1939")) and n not in ours))
EOF
    assert_success
    assert_line --index 0 'True {}'
    assert_line --index 1 '[]'
}

# ---- where sockctl has its own rule ----

@test "an IPv6 address as four words: flowinfo is 0, the scope counts" {
    run unshare -rn bash -c 'ip link add vA type veth peer name vB && ip link set vA up && ip link set vB up && ip link set lo up &&
        ip -6 addr add fe80::aa/64 dev vA nodad && exec sockctl "$@"' - -c '
srv = listen fe80::aa%vA 0 ; i = if_nametoindex vA ; port = print -- $srv.local.port
cli = connect fe80::aa $port 0 $i ; print $cli.peer.scope $cli.peer.scope_id $cli.peer.flowinfo ; assert $cli.peer is $srv.local
b = connect fe80::aa%vA $port ; d = connect $srv.local ; assert $d.peer is $cli.peer ; fails 2 connect fe80::aa%nosuch $port'
    assert_success
    assert_line --index 0 --regexp '^vA [0-9]+ 0$'
    run --separate-stderr sockctl bind ::1 0 5 0
    assert_failure 2
    told flowinfo
    run --separate-stderr sockctl bind fe80::1 0 0 0
    assert_failure 2
    told interface
}

@test "raw addresses go to the kernel as they are" {
    script 'srv = listen :0 ; c = connect raw:$srv.local.raw ; assert $c.peer is $srv.local'
    assert_success
    number 22 's = socket ; s.connect raw:0200'
    number 22 's = socket ; s.connect raw:020000507f'
    number 97 's = socket ; s.bind raw:0a0000007f0000010000000000000000'
    number 97 's = socket ; s.connect [::1]:9'
    number 97 's = socket ; s.bind [::1]:0'
    number 97 'u = bind udp://127.0.0.1:0 ; u.sendto [::1]:9 x'
    number 97 'inet_ntop 99 abcd'
    number 107 'u = bind udp://127.0.0.1:0 ; w = socket inet dgram ; w.connect $u.local ; w.connect raw:00000000000000000000000000000000 ; w.getpeername'
    script 's = socket AF_UNIX SOCK_DGRAM ; s.bind unix: ; print $s.local' # the kernel names it
    assert_output --regexp '^unix:@[0-9a-f]{5}$'
}

@test "one number for time that ran out, whatever ran; what has moved is told" {
    for text in 'x1.recv' 'x1.recvfrom' 'x1.recvmsg' 'x1.read' 'x1.read 3' 'x1.readline' 'x1.readinto b' 'x1.expect a' 'poll x1' 'srv.accept' 'f.read 1' \
        'x0.send $big ; x0.send $big' 'x0.sendall $big' 'x0.write $big' 'x0.sendline $big' 'x0.sendmsg $big ; x0.sendmsg $big' 'srv.connect $full.local'; do
        run --separate-stderr sockctl --json -t 20ms -c "x = pair ; b = bytearray 3 ; f = x1.makefile ; big = bytearray 1M ; full = listen :0 --backlog 0
filler = connect \$full.local ; ${text/srv.connect/srv = socket ; srv.connect}" 2> /dev/null
        [[ $text != srv.accept ]] || run --separate-stderr sockctl --json -c 'srv = listen :0 ; srv.accept -t 20ms'
        assert_equal "$text: $(last '[.error.code, .error.errno, .error.exit]')" "$text: [\"ETIMEDOUT\",110,124]"
    done
}

@test "a time limit is for the whole command, not for each of its system calls" {
    for read in 'readline -t 200ms' 'read -t 200ms 30000' 'expect -t 200ms b'; do
        script_json "x = pair
repeat -n 30000 --every 10ms x0.send a &
fails 124 x1.$read
quit"
        assert_success
        assert_equal "$(jq -c 'select(.cmd == "fails") | .result.pass' <<< "$output")" true
    done
    script_json 'x = pair ; big = bytearray 10M
repeat -n 30000 --every 10ms x1.recv 20000 > /dev/null &
fails 124 x0.sendall -t 200ms $big
quit'
    assert_success
    assert_equal "$(jq -c '.results[0].error? // empty | [.errno, .sent > 20000, .sent < 10485760]' <<< "$output")" '[110,true,true]'
}

@test "readline does not read byte by byte" {
    printf -v line '%01000d' 0
    run under_strace -e trace=recvfrom,recvmsg -- -c "x = pair ; x0.sendall '$line\\n$line\\n' ; x1.readline ; x1.readline"
    assert_success
    assert_output "$line"$'\n'"$line"
    assert_equal "$(grep -c recv "$BATS_TEST_TMPDIR/trace")" 1
}

@test "datagrams through read and readline: nothing is lost" {
    script 'x = pair AF_UNIX SOCK_DGRAM ; x0.send "line\nrest" ; x0.send two ; x1.readline ; x1.recv ; print ; x1.recv ; print ; x0.send ab ; x0.send cd ; x1.read 3 ; x1.recv'
    assert_output $'line\nrest\ntwo\nabcd'
}

@test "MSG_TRUNC: never more bytes than were asked for" {
    script_json 'x = pair AF_UNIX SOCK_DGRAM ; x0.send 0123456789 ; x1.recv 4 --flags MSG_TRUNC'
    assert_equal "$(last '.result | [.text, .len, .truncated, .real_len]')" '["0123",4,true,10]'
    script 'srv = listen :0 ; c = connect $srv.local ; a = srv.accept ; c.send 0123456789 ; a.recv 4 --flags MSG_TRUNC ; print ; a.recv'
    assert_output $'0123\n456789'
}

@test "would block, the end, a message of no bytes and an error are four things" {
    script_json 'x = pair ; x1.settimeout 0 ; x1.recv'
    assert_equal "$(last '[.ok, .error.code, .error.errno, .error.exit]')" '[false,"EAGAIN",11,10]'
    script_json 'x = pair ; x0.close ; x1.recv'
    assert_equal "$(last '[.ok, .error.code, .error.errno, .error.exit]')" '[false,"EOF",null,7]'
    script_json 'x = pair AF_UNIX SOCK_DGRAM ; x0.send "" ; x1.recv'
    assert_equal "$(last '[.ok, .result.len, .result.eof]')" '[true,0,false]'
    script_json 's = socket ; s.recv'
    assert_equal "$(last '[.ok, .error.code, .error.errno, .error.exit]')" '[false,"ENOTCONN",107,3]'
}

@test "makefile: several of one socket, closing any closes the socket; reading on after the end" {
    script 'x = pair ; f = x0.makefile ; g = x0.makefile rwb ; f.close ; f.close ; print $x0.state ; g.read'
    assert_failure 3
    assert_output closed
    told EBADF
    script 'x = pair ; f = x0.makefile rb ; x1.sendall "ab\ncd" ; x1.close ; f.readline ; f.read ; f.read ; f.readline'
    assert_failure 7
    assert_output $'ab\ncd'
    script 'x = pair ; x0.settimeout 0 ; f = x0.makefile ; f.read 1'
    assert_failure 10
    for mode in q ab r+ t; do
        script "x = pair ; x0.makefile $mode"
        assert_failure 2
    done
}

@test "poll objects: closed before it is registered, unknown to unregister, waiting for ever" {
    script_json 'x = pair ; p = poller ; x0.close ; p.register x0 ; y = pair ; p.poll ; p.poll'
    assert_equal "$(last '[.result[] | [.name, .revents]]')" '[["x0",32]]'
    run --separate-stderr sockctl -v -c 'x = pair ; p = poller ; p.unregister x0'
    assert_success
    told 'x0 was not registered with p'
    script $'x = pair ; p = poller ; p.register x1 in\ndo sleep 50ms , x0.send hi &\np.poll -t inf'
    assert_output 'x1 in'
    for time in -1 1,5 x; do
        script "x = pair ; p = poller ; p.register x1 ; p.poll -t $time"
        assert_failure 2
    done
}

@test "an option value that does not fit is refused, not cut" {
    for setting in 'SO_KEEPALIVE 1099511627776' 'SO_RCVBUF 1099511627776' 'IP_TTL 300' 'SO_LINGER 1' 'SO_LINGER on' 'SO_RCVTIMEO x' 'SO_KEEPALIVE 1.0' 'SO_KEEPALIVE none'; do
        script "s = socket ; s.setsockopt $setting"
        assert_failure 2
    done
    for value in on off 1 0 true false TRUE Yes no; do
        script "s = socket ; s.setsockopt SO_BROADCAST $value"
        assert_success
    done
}
