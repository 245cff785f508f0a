#!/usr/bin/env bats
# Messages with ancillary data: descriptors, credentials, packet information, timestamps, error queues.
load sockets

@test "recvmsg: bytes, flags, peer, no ancillary data" {
    script_json 'x = pair ; x0.send abc ; x1.recvmsg'
    assert_success
    assert_equal "$(last '.result | [.text, .eof, .ancillary, .sockets]')" '["abc",false,[],[]]'
    script 'x = pair ; x0.send abc ; x1.recvmsg 2 ; print ; x1.recvmsg'
    assert_output $'ab\nc'
    script 'x = pair ; x0.close ; x1.recvmsg'
    assert_failure 7
    script 'x = pair ; x1.recvmsg -t 10ms'
    assert_failure 124
}

@test "sendmsg: count, --to, --flags" {
    script_json 'a = bind udp://127.0.0.1:0 ; b = bind udp://127.0.0.1:0 ; b.sendmsg --to sock:a hello'
    assert_equal "$(last '.result | [.len, .peer.host]')" '[5,"127.0.0.1"]'
    script_json 'a = bind udp://127.0.0.1:0 ; b = bind udp://127.0.0.1:0 ; b.sendmsg --to sock:a hello ; a.recvmsg 2'
    assert_equal "$(last '.result | [.text, .truncated, .real_len, .peer.host, .flags]')" '["he",true,5,"127.0.0.1",["MSG_TRUNC"]]'
}

@test "a socket travels by --fd, by name or number, and gets a name" {
    script 'x = pair ; y = pair ; x0.sendmsg --fd y0 take ; y0.close ; r = x1.recvmsg ; print $r $r.sockets[0] ; s1.send "through it" ; y1.recv'
    assert_success
    assert_output $'take s1\nthrough it'
    script 'x = pair ; y = pair ; n = y0.fileno ; x0.sendmsg --fd $n --fd y1 two ; r = x1.recvmsg ; print $r.sockets[0] $r.sockets[1]'
    assert_output 's1 s2'
    script_json 'x = pair ; y = pair ; x0.sendmsg --fd y0 take ; x1.recvmsg'
    assert_equal "$(last '.result.ancillary[0] | [.level, .type]')" '["SOL_SOCKET","SCM_RIGHTS"]'
    assert_equal "$(last '.result.sockets[0].name')" '"s1"'
}

@test "received descriptors that are no sockets are closed, not leaked" {
    run python3 - <<'PY'
import array, os, socket, subprocess
a, b = socket.socketpair()
a.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [os.open("/dev/null", os.O_RDONLY)] * 3))])
p = subprocess.run(["sockctl", "-v", "do", "s", "=", "fdopen", str(b.fileno()), ",", "recvmsg"], pass_fds=[b.fileno()], capture_output=True, text=True)
print(p.returncode, p.stdout, p.stderr.count("no socket"))
PY
    assert_output '0 x 3'
}

@test "descriptors stay with their byte when lines were read ahead" {
    script 'x = pair ; y = pair ; x0.send "one\n" ; x0.sendmsg --fd y0 "two" ; x1.readline ; r = x1.recvmsg ; print $r $r.sockets[0]'
    assert_success
    assert_output $'one\ntwo s1'
}

@test "control messages by hand and decoded: TTL, TOS, packet information" {
    script_json 'a = bind udp://127.0.0.1:0 ; a.setsockopt IP_RECVTTL on ; b = bind udp://127.0.0.1:0 ; b.sendmsg --to sock:a --cmsg IPPROTO_IP IP_TTL 05000000 hi ; a.recvmsg'
    assert_success
    assert_equal "$(last '.result.ancillary[0] | [.level, .type, .hex]')" '["IPPROTO_IP","IP_TTL","05000000"]'
    script_json 'a = bind udp://127.0.0.1:0 ; a.setsockopt IP_PKTINFO on ; sendto sock:a hi ; a.recvmsg'
    assert_equal "$(last '.result.ancillary[0].type')" '"IP_PKTINFO"'
    script 'x = pair ; x0.sendmsg --cmsg nonsense 1 00 hi'
    assert_failure 2
    script 'x = pair ; x0.sendmsg --cmsg SOL_SOCKET SCM_RIGHTS 0x hi'
    assert_failure 2
    script 'x = pair ; x0.sendmsg --cmsg SOL_SOCKET SCM_RIGHTS'
    assert_failure 2
    script 'x = pair ; x0.sendmsg --fd nosuch hi'
    assert_failure 2
}

@test "credentials and timestamps" {
    script_json 'x = pair ; x1.setsockopt SO_PASSCRED on ; x0.send hi ; x1.recvmsg'
    assert_equal "$(last '.result.ancillary[0].type')" '"SCM_CREDENTIALS"'
    assert_equal "$(last '.result.ancillary[0].uid')" "$(id -u)"
    script_json 'a = bind udp://127.0.0.1:0 ; a.setsockopt SO_TIMESTAMPNS on ; sendto sock:a hi ; a.recvmsg'
    assert_equal "$(last '.result.ancillary | length')" 1
}

@test "the error queue tells why a datagram was refused" {
    script_json 'x = bind udp://127.0.0.1:0 ; a = x.getsockname ; x.close ; u = bind udp://127.0.0.1:0 ; u.setsockopt IP_RECVERR on ; u.sendto $a lost ; poll u:pri ; u.recvmsg --flags MSG_ERRQUEUE'
    assert_success
    assert_equal "$(last '.result | [.text, .ancillary[0].type]')" '["lost","IP_RECVERR"]'
    assert_equal "$(last '.result.flags')" '["MSG_ERRQUEUE"]'
}

# item TYPE EXPRESSION: jq on the control message of that type in the last result.
item() { last ".result.ancillary | map(select(.type == \"$1\")) | .[0] | $2"; }

@test "TTL, TOS and packet information as set by options and by control messages, on IPv4 and IPv6" {
    script_json 'a = bind udp://127.0.0.1:0 ; a.setsockopt IP_RECVTOS on ; a.setsockopt IP_RECVTTL on ; a.setsockopt IP_PKTINFO on
b = bind udp://127.0.0.1:0 ; b.setsockopt IP_TOS lowdelay ; b.setsockopt IP_TTL 33 ; b.sendto $a.local hi ; a.recvmsg'
    assert_equal "$(item IP_TTL .value) $(item IP_TOS .value)" '33 16'
    assert_equal "$(item IP_PKTINFO '[.interface, .ifindex, .local, .destination]')" '["lo",1,"127.0.0.1","127.0.0.1"]'
    script_json 'a = bind udp://[::1]:0 ; a.setsockopt IPV6_RECVPKTINFO on ; a.setsockopt IPV6_RECVHOPLIMIT on ; a.setsockopt IPV6_RECVTCLASS on ; b = bind udp://[::1]:0
b.sendmsg --to sock:a --cmsg IPPROTO_IPV6 IPV6_HOPLIMIT 09000000 --cmsg IPPROTO_IPV6 IPV6_TCLASS 28000000 hi ; a.recvmsg'
    assert_equal "$(item IPV6_HOPLIMIT .value) $(item IPV6_TCLASS .value) $(item IPV6_PKTINFO '[.interface, .destination]')" '9 40 ["lo","::1"]'
    # the source address of one datagram
    script_json 'a = bind udp://127.0.0.1:0 ; b = bind "udp://*:0" ; b.sendmsg --to sock:a --cmsg IPPROTO_IP IP_PKTINFO "01000000 7f000005 00000000" hi ; a.recvfrom'
    assert_equal "$(last .result.peer.host)" '"127.0.0.5"'
}

@test "timestamps: in the clock of the system, by microseconds, nanoseconds and flags, of what was sent too" {
    local option before
    for option in 'SO_TIMESTAMP on' 'SO_TIMESTAMPNS on' 'SO_TIMESTAMPING 24'; do
        before=$(date +%s)
        # The kernel begins to stamp arrivals a while after it was first asked to.
        for _ in {1..100}; do
            script_json "a = bind udp://127.0.0.1:0 ; a.setsockopt $option ; sendto sock:a hi ; a.recvmsg"
            assert_success
            [[ $(last '.result.ancillary | length') == 0 ]] || break
        done
        [[ $(item "SCM_${option:3:-3}" .seconds) -ge $before ]]
        [[ $(item "SCM_${option:3:-3}" .seconds) -le $(date +%s) ]]
        [[ $(item "SCM_${option:3:-3}" .nanoseconds) -lt 1000000000 ]]
    done
    script_json 'a = bind udp://127.0.0.1:0 ; b = bind udp://127.0.0.1:0 ; b.setsockopt SO_TIMESTAMPING 18 ; b.sendmsg --to sock:a hi ; poll b:pri ; b.recvmsg --flags MSG_ERRQUEUE'
    assert_equal "$(item SCM_TIMESTAMPING .clock) $(item IP_RECVERR .origin)" '"software" "timestamping"'
}

@test "what else the kernel attaches: bytes that wait, sizes of segments" {
    script_json 'srv = listen :0 ; c = connect $srv.local ; a = srv.accept ; a.setsockopt TCP_CM_INQ 1 ; c.send abcdef ; poll a ; a.recvmsg 2'
    assert_equal "$(item TCP_CM_INQ .value)" 4
    script_json 'a = bind udp://127.0.0.1:0 ; a.setsockopt UDP_GRO on ; b = bind udp://127.0.0.1:0 ; b.sendmsg --to sock:a --cmsg IPPROTO_UDP UDP_SEGMENT 0200 abcdef ; a.recvmsg'
    assert_equal "$(last .result.text) $(item UDP_GRO .value)" '"abcdef" 2'
}

@test "credentials: our own unasked, another's with the rights of root only" {
    local text='x = pair ; x1.setsockopt SO_PASSCRED on ; x0.sendmsg --cmsg SOL_SOCKET SCM_CREDENTIALS "01000000 feff0000 feff0000" hi ; x1.recvmsg'
    local ordinary=()
    if [[ $(id -u) == 0 ]]; then
        ordinary=(setpriv --bounding-set=-all --inh-caps=-all --)
        script_json "$text"
        assert_success
        assert_equal "$(item SCM_CREDENTIALS '[.pid, .uid, .gid]')" '[1,65534,65534]'
    fi
    run --separate-stderr "${ordinary[@]}" sockctl --json -c "$text"
    assert_failure 3
    assert_equal "$(last '[.error.code, .error.errno]')" '["EPERM",1]'
    run --separate-stderr "${ordinary[@]}" sockctl --json -c 'x = pair ; x1.setsockopt SO_PASSCRED on ; x0.send hi ; x1.recvmsg'
    assert_equal "$(item SCM_CREDENTIALS '[.uid, .gid]')" "[$(id -u),$(id -g)]"
    script 'x = pair ; r = x0.getsockopt SO_PEERCRED ; print $r.value.uid $r.value.gid'
    assert_output "$(id -u) $(id -g)"
}

@test "descriptors: to Python and from Python, with credentials beside them, 253 at most" {
    run python3 - <<'PY'
import array, os, socket, struct, subprocess
a, b = socket.socketpair()
p = subprocess.run(["sockctl", "do", "s", "=", "fdopen", str(b.fileno()), ",", "x", "=", "pair", ",", "s.sendmsg", "--fd", "x0", "--fd", "x1", "two", ",", "x0.send", "through"],
                   pass_fds=[b.fileno()], capture_output=True, text=True)
data, fds, _, _ = socket.recv_fds(a, 10, 9)
one, two = (socket.socket(fileno=fd) for fd in fds)
print(p.returncode, data, two.recv(20), one.getsockopt(1, 3), p.stderr)
a.sendmsg([b"hi"], [(1, socket.SCM_RIGHTS, array.array("i", [a.fileno(), b.fileno()]))])
p = subprocess.run(["sockctl", "-c", f"s = fdopen {b.fileno()} ; s.setsockopt SO_PASSCRED on ; r = s.recvmsg ; print $r $r.sockets[0].type $r.sockets[1]"],
                   pass_fds=[b.fileno()], capture_output=True, text=True)
print(p.returncode, p.stdout, p.stderr)
PY
    assert_line --index 0 "0 b'two' b'through' 1 "
    assert_line --index 1 '0 hi SOCK_STREAM s2'
    script "x = pair ; x0.sendmsg$(printf ' --fd x0%.0s' {1..254}) hi"
    assert_failure 2
    told 253
    script_json "x = pair ; x0.sendmsg$(printf ' --fd x0%.0s' {1..253}) hi ; x1.recvmsg"
    assert_success
    assert_equal "$(last '.result.sockets | length')" 253
}

@test "too little room for what is attached is told by MSG_CTRUNC, and nothing leaks" {
    script_json 'x = pair ; x0.sendmsg --fd x0 --fd x1 --fd x0 hi ; x1.recvmsg 10 24'
    assert_success
    assert_equal "$(jq -c 'select(.cmd == "recvmsg") | .result | [.text, .flags, (.sockets | length)]' <<< "$output")" '["hi",["MSG_CTRUNC"],2]'
    local next=()
    for pass in '' ' --fd x0'; do # recv has no room: the number of the next descriptor is what it was
        script_json "x = pair ; x0.sendmsg$pass hi ; x1.recv ; y = socket"
        next+=("$(last .result.fd)")
    done
    assert_equal "${next[0]}" "${next[1]}"
}

@test "flags of recvmsg: peek leaves descriptors and bytes, dontwait, waitall, errqueue empty, flags that came back" {
    script 'x = pair ; x0.sendmsg --fd x0 hi ; r = x1.recvmsg --flags MSG_PEEK ; r = x1.recvmsg ; print $r $r.sockets[0] ; x1.recvmsg --flags dontwait'
    assert_failure 10
    assert_output 'hi s2'
    for receive in recv recvfrom recvmsg; do
        script $'x = pair ; x0.send ab\ndo sleep 20ms , x0.send cdef &\n'"x1.$receive 4 --flags MSG_WAITALL ; fails 124 x1.$receive 4 --flags MSG_WAITALL -t 20ms ; x0.close ; x1.$receive 4 --flags MSG_WAITALL"
        assert_success
        assert_output abcdef
        script "x = pair ; x0.send ab ; x1.settimeout 0 ; x1.$receive 4 --flags MSG_WAITALL ; x1.$receive 4 --flags MSG_WAITALL" # not blocking: what there is
        assert_failure 10
        assert_output ab
    done
    script_json 'x = pair ; x0.send ab ; x0.sendmsg --fd x0 cd ; x0.send ef ; x1.recvmsg 6 --flags MSG_WAITALL' # descriptors end a message
    assert_equal "$(last '.result | [.text, (.sockets | length)]')" '["abcd",1]'
    script 'x = pair ; x0.recvmsg --flags MSG_ERRQUEUE,MSG_DONTWAIT'
    assert_failure 10
    script_json 'x = pair AF_UNIX SOCK_DGRAM ; x0.send abcdef ; x1.recvmsg 2 --flags MSG_TRUNC'
    assert_equal "$(last '.result | [.text, .len, .truncated, .real_len, .flags]')" '["ab",2,true,6,["MSG_TRUNC"]]'
    script_json 'srv = listen :0 ; c = connect $srv.local ; a = srv.accept ; c.send --flags MSG_OOB ! ; a.recvmsg 1 --flags MSG_OOB'
    assert_equal "$(last '.result | [.text, .flags]')" '["!",["MSG_OOB"]]'
    script 'x = pair ; x0.send --flags MSG_NOSUCH x'
    assert_failure 2
    script 's = socket ; s.sendmsg --flags MSG_MORE x'
    assert_failure 6
}

@test "MSG_MORE: two sends are one datagram" {
    script 'a = bind udp://127.0.0.1:0 ; c = connect udp://$a.local ; c.send --flags MSG_MORE one ; fails 124 poll -t 20ms a ; c.send two ; a.recv'
    assert_success
    assert_output onetwo
    script 'a = bind udp://127.0.0.1:0 ; c = connect udp://$a.local ; c.setsockopt UDP_CORK on ; c.send one ; c.send two ; c.setsockopt UDP_CORK off ; a.recv'
    assert_output onetwo
}
