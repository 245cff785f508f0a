#!/usr/bin/env bats
# getaddrinfo and getnameinfo as libc answers, and the interfaces.
load sockets

# libc's answer as lines "family type proto addr" in the words of sockctl.
libc() {
    python3 - "$@" <<'EOF'
import socket, sys
host, service, family, type_, flags = (sys.argv[1:] + [None] * 5)[:5]
host = None if host == '-' else host
service = None if service in ('-', None) else service
for f, t, p, c, a in socket.getaddrinfo(host, service, int(family or 0), int(type_ or 0), 0, int(flags or 0)):
    text = '[%s]:%d' % (a[0], a[1]) if f == socket.AF_INET6 else '%s:%d' % a
    proto = {0: 'IPPROTO_IP', 6: 'IPPROTO_TCP', 17: 'IPPROTO_UDP'}[p]
    print(socket.AddressFamily(f).name, socket.SocketKind(t).name, proto, text)
EOF
}
ours() { sockctl getaddrinfo "$@" | cut -d' ' -f1-4; }

@test "numeric hosts and services: libc's answers, also for the odd forms" {
    for host in 127.0.0.1 127.1 0x7f000001 2130706433 0177.0.0.1 0 ::1 ::ffff:1.2.3.4 2001:db8::1; do
        assert_equal "$(ours "$host" 80)" "$(libc "$host" 80)"
    done
    for service in 80 0 http domain 65535; do
        assert_equal "$(ours 127.0.0.1 $service)" "$(libc 127.0.0.1 $service)"
    done
}

@test "no host, no service, passive" {
    assert_equal "$(ours - 80)" "$(libc - 80)"
    assert_equal "$(ours - 80 --flags passive)" "$(libc - 80 0 0 1)"
    assert_equal "$(ours 127.0.0.1)" "$(libc 127.0.0.1 -)"
    assert_equal "$(ours 127.0.0.1 -)" "$(libc 127.0.0.1 -)"
    run --separate-stderr sockctl --json getaddrinfo - -
    assert_failure 4
    assert_equal "$(last '.error | [.code, .errno]')" '["EAI_NONAME",-2]'
}

@test "hints narrow the answer" {
    run sockctl getaddrinfo --type stream 127.0.0.1 80
    assert_output --regexp '^AF_INET SOCK_STREAM IPPROTO_TCP 127\.0\.0\.1:80( -)?$'
    assert_equal "$(sockctl getaddrinfo -u 127.0.0.1 80)" "$(sockctl getaddrinfo --type SOCK_DGRAM 127.0.0.1 80)"
    assert_equal "$(ours --proto IPPROTO_UDP 127.0.0.1 80)" 'AF_INET SOCK_DGRAM IPPROTO_UDP 127.0.0.1:80'
    assert_equal "$(ours -6 --flags v4mapped 127.0.0.1 80 | head -n 1)" "$(libc 127.0.0.1 80 10 0 8 | head -n 1)"
}

@test "failures have libc's negative number and status 4" {
    while read -r code number words; do
        eval "run --separate-stderr sockctl --json getaddrinfo $words"
        assert_failure 4
        assert_equal "$(last '.error | [.code, .errno]')" "[\"$code\",$number]"
    done <<'EOF'
EAI_ADDRFAMILY -9 ::1 80 -4
EAI_ADDRFAMILY -9 127.0.0.1 80 -6
EAI_NONAME -2 '[::1]' 80
EAI_NONAME -2 127.0.0.1. 80
EAI_NONAME -2 ::1%lo 80
EAI_NONAME -2 fe80::1%nope 80
EAI_NONAME -2 '' 80
EAI_NONAME -2 localhost 80 --flags numerichost
EAI_NONAME -2 127.0.0.1 http --flags numericserv
EAI_SERVICE -8 127.0.0.1 nosuch
EAI_SERVICE -8 127.0.0.1 65536
EAI_SERVICE -8 127.0.0.1 -- -1
EAI_SERVICE -8 127.0.0.1 80abc
EAI_SERVICE -8 127.0.0.1 HTTP
EAI_SERVICE -8 127.0.0.1 http -u
EAI_SERVICE -8 127.0.0.1 80 --type raw
EAI_FAMILY -6 127.0.0.1 80 --family 99
EAI_BADFLAGS -1 - 80 --flags canonname
EOF
}

@test "localhost never leaves the machine" {
    export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 # it does not work under strace
    run strace -f -qq -e trace=sendto,sendmsg,sendmmsg,connect -o "$BATS_TEST_TMPDIR/trace" sockctl getaddrinfo --type stream localhost 80
    assert_success
    assert_output --partial 127.0.0.1:80
    run grep -E 'AF_INET|htons' "$BATS_TEST_TMPDIR/trace"
    assert_output ''
    run sockctl getaddrinfo -4 --type stream foo.localhost 80 --first
    assert_output 127.0.0.1:80
}

@test "--first: the address alone, in JSON a list of one" {
    run sockctl getaddrinfo --first 127.0.0.1 80
    assert_output 127.0.0.1:80
    run sockctl --json getaddrinfo --first 127.0.0.1 80
    assert_equal "$(last '.result | length')" 1
    assert_equal "$(last '.result[0].addr | [.family, .host, .port, .text]')" '["AF_INET","127.0.0.1",80,"127.0.0.1:80"]'
}

@test "position and name reach the same field, in Python's order" {
    run sockctl -c 'ai = getaddrinfo --type stream 127.0.0.1 80
print $ai[0][0] $ai[0][1] $ai[0][2] $ai[0][4]
print $ai[0].family $ai[0].type $ai[0].proto $ai[0].addr
print $ai[0][-1] $ai[-1].addr.port ${ai[0].addr.host}'
    assert_success
    assert_line --index 0 'AF_INET SOCK_STREAM IPPROTO_TCP 127.0.0.1:80'
    assert_line --index 1 'AF_INET SOCK_STREAM IPPROTO_TCP 127.0.0.1:80'
    assert_line --index 2 '127.0.0.1:80 80 127.0.0.1'
}

@test "an address of getaddrinfo goes to connect" {
    run sockctl -c 'srv = listen :0; ai = getaddrinfo --type stream 127.0.0.1 $srv.local.port; cli = connect $ai[0][-1]; print $cli.peer; print $srv.local'
    assert_success
    assert_equal "${lines[0]}" "${lines[1]}"
}

@test "canonname stands in the first answer only" {
    run sockctl --json getaddrinfo 127.0.0.1 80 --flags canonname
    assert_equal "$(last '[.result[].canonname]')" '["127.0.0.1",null,null]'
}

@test "getnameinfo" {
    run sockctl getnameinfo 127.0.0.1:80 --flags numerichost
    assert_output '127.0.0.1 http'
    run sockctl getnameinfo ::1 53 --flags numerichost,dgram
    assert_output '::1 domain'
    run sockctl getnameinfo '[::1]:53' --flags numerichost,numericserv
    assert_output '::1 53'
    run sockctl getnameinfo 127.0.0.1:0 --flags numerichost
    assert_output '127.0.0.1 0'
    run sockctl --json getnameinfo 127.0.0.1:80
    assert_equal "$(last '.result | keys')" '["host","service"]'
    run --separate-stderr sockctl getnameinfo localhost:80
    assert_failure 2
    told numeric
}

@test "interfaces" {
    run sockctl if_nametoindex lo
    assert_output 1
    run sockctl if_indextoname 1
    assert_output lo
    run sockctl if_nameindex
    assert_line '1 lo'
    run sockctl --json if_nameindex
    assert_equal "$(last '.result[0]')" '{"index":1,"name":"lo"}'
    run --separate-stderr sockctl --json if_nametoindex nosuch
    assert_failure 3
    assert_equal "$(last .error.code)" '"ENODEV"'
    run --separate-stderr sockctl --json if_indextoname 999999
    assert_failure 3
    assert_equal "$(last .error.code)" '"ENXIO"'
    run sockctl if_nametoindex LO
    assert_failure 3
}
