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
