#!/usr/bin/env bats
# Values without a socket: addresses as bytes, byte order, constants, tables.
load sockets

@test "inet_pton prints the bytes as escapes, on one line" {
    run --separate-stderr sockctl inet_pton AF_INET 127.0.0.1
    assert_success
    assert_output '\x7f\x00\x00\x01'
    untold
    run sockctl inet_pton inet6 2001:db8::1
    assert_output ' \x01\r\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01'
}

@test "inet_pton honours every format" {
    run sockctl inet_pton AF_INET6 ::1 -F hex
    assert_output 00000000000000000000000000000001
    run sockctl inet_pton AF_INET 65.66.67.10 -F base64
    assert_output QUJDCg==
    run sockctl inet_pton AF_INET 65.66.67.10 -F text
    assert_output "'ABC\\n'"
    sockctl inet_pton AF_INET 65.0.66.255 -F raw > "$BATS_TEST_TMPDIR/raw"
    run xxd -p "$BATS_TEST_TMPDIR/raw"
    assert_output 410042ff
    run --separate-stderr sockctl inet_pton AF_INET 1.2.3.4 --json
    assert_equal "$(last .result.bytes.base64)" '"AQIDBA=="'
    assert_equal "$(last .result.family)" '"AF_INET"'
}

@test "inet_pton and inet_ntop take each other's output" {
    for a in 0.0.0.0 255.255.255.255 10.45.44.39 92.39.45.44; do
        run sockctl inet_ntop AF_INET "$(sockctl inet_pton AF_INET $a)"
        assert_success
        assert_output "$a"
    done
    for a in :: ::1 fe80::1 2001:db8::a:b ::ffff:1.2.3.4 2d2c:275c::2d; do
        run sockctl inet_ntop AF_INET6 "$(sockctl inet_pton AF_INET6 $a)"
        assert_success
        assert_output "$a"
    done
}

@test "inet_pton refuses what inet_pton(3) refuses: status 1, EINVAL" {
    for text in 127.1 1.2.3 01.2.3.4 256.1.1.1 0x7f.0.0.1 '' ' 1.2.3.4' '1.2.3.4 ' ::1 1.2.3.4.5 1.2.3. localhost; do
        run --separate-stderr sockctl inet_pton AF_INET "$text"
        assert_failure 1
        assert_output ''
        assert_equal "${#stderr_lines[@]}" 1
    done
    for text in '[::1]' fe80::1%lo 1::2::3 1.2.3.4 1:2:3:4:5:6:7:8:9 12345:: ::1.2.3 g:: ''; do
        run --separate-stderr sockctl inet_pton AF_INET6 "$text"
        assert_failure 1
    done
    run --separate-stderr sockctl --json inet_pton AF_INET 127.1
    assert_failure 1
    assert_equal "$(last '.error | [.code, .errno, .exit]')" '["EINVAL",22,1]'
}

@test "inet_ntop wants exactly the bytes of the family" {
    run sockctl inet_ntop AF_INET --hex '7f 00 00 01'
    assert_output 127.0.0.1
    run sockctl inet_ntop AF_INET6 --base64 AAAAAAAAAAAAAAAAAAAAAQ==
    assert_output ::1
    for bytes in abc abcde ''; do
        run --separate-stderr sockctl inet_ntop AF_INET "$bytes"
        assert_failure 2
        told '4 bytes'
    done
    printf '\177\000\000\001' > "$BATS_TEST_TMPDIR/four"
    run sockctl inet_ntop AF_INET --file "$BATS_TEST_TMPDIR/four"
    assert_output 127.0.0.1
    run sockctl inet_ntop AF_INET - < "$BATS_TEST_TMPDIR/four"
    assert_output 127.0.0.1
}

@test "byte order" {
    run sockctl -c 'htons 80; ntohs 20480; htonl 16777216; ntohl 1; htons 0x1234; htonl 0xffffffff; htons 0'
    assert_success
    assert_output $'20480\n80\n1\n16777216\n13330\n4294967295\n0'
    run sockctl --json htons 1
    assert_equal "$(last .result)" '{"value":256}'
}

@test "constants: a part of the name, a glob, all" {
    run sockctl constants so_reuseaddr
    assert_output 'SO_REUSEADDR 2'
    run sockctl constants 'POLL?N'
    assert_output 'POLLIN 1'
    run sockctl constants 'af_inet*'
    assert_line 'AF_INET 2'
    assert_line 'AF_INET6 10'
    run --separate-stderr sockctl --json constants nosuchthing
    assert_success
    assert_equal "$(last .result)" '[]'
    told nosuchthing
    assert_equal "$(sockctl constants | sort -u | wc -l)" "$(sockctl constants | wc -l)"
    run sockctl --json constants SO_RCVBUF
    assert_equal "$(last '.result[0] | [.name, .value]')" '["SO_RCVBUF",8]'
}

@test "constants has every constant of MicroPython with Linux's value" {
    python3 - > "$BATS_TEST_TMPDIR/wanted" <<'EOF'
import select, socket
names = """AF_UNIX AF_INET AF_INET6 SOCK_STREAM SOCK_DGRAM SOCK_RAW MSG_DONTROUTE MSG_DONTWAIT MSG_PEEK SOL_SOCKET SO_BROADCAST SO_ERROR
SO_KEEPALIVE SO_LINGER SO_REUSEADDR IP_ADD_MEMBERSHIP IP_DROP_MEMBERSHIP IPPROTO_IP IPPROTO_TCP IPPROTO_UDP TCP_NODELAY SO_BINDTODEVICE
SO_SNDBUF SO_RCVBUF SHUT_RD SHUT_WR SHUT_RDWR AI_PASSIVE AI_CANONNAME AI_NUMERICHOST EAI_NONAME EAI_AGAIN NI_NUMERICHOST IPPROTO_IPV6
IPV6_V6ONLY IP_TTL SOMAXCONN MSG_WAITALL MSG_TRUNC TCP_KEEPIDLE TCP_CONGESTION""".split()
for n in names: print(n, int(getattr(socket, n)))
for n in "POLLIN POLLOUT POLLPRI POLLERR POLLHUP POLLNVAL POLLRDHUP".split(): print(n, getattr(select, n))
EOF
    sockctl constants > "$BATS_TEST_TMPDIR/all"
    run grep -vxFf "$BATS_TEST_TMPDIR/all" "$BATS_TEST_TMPDIR/wanted"
    assert_output ''
}

@test "getservbyname, getprotobyname" {
    run sockctl -c 'getservbyname http; getservbyname domain udp; getprotobyname tcp; getprotobyname udp; getprotobyname icmp'
    assert_success
    assert_output $'80\n53\n6\n17\n1'
    run --separate-stderr sockctl getservbyname nosuch
    assert_failure 1
    told nosuch
    run sockctl getprotobyname nosuch
    assert_failure 1
    run sockctl getservbyname http icmp
    assert_failure 2
}

@test "gethostname" {
    run sockctl gethostname
    assert_output "$(uname -n)"
    run sockctl --json gethostname
    assert_equal "$(last .result.value)" "\"$(uname -n)\""
}
