#!/usr/bin/env bats
# Options of sockets in all spellings, timeouts, addresses, info.
load sockets

@test "setsockopt in every spelling, read back" {
    for set in 'SO_KEEPALIVE on' 'so_keepalive=1' 'SOL_SOCKET SO_KEEPALIVE yes' 'SOL_SOCKET SO_KEEPALIVE=true' '1 9 1' \
        'SO_KEEPALIVE --hex 01000000' 'sol_socket so_keepalive --hex "01 00 00 00"'; do
        script "s = socket ; s.setsockopt $set ; s.getsockopt SO_KEEPALIVE"
        assert_success
        assert_output 1
    done
    script 's = socket ; s.setsockopt TCP_NODELAY on ; s.getsockopt IPPROTO_TCP TCP_NODELAY'
    assert_output 1
}

@test "setsockopt: numbers, linger, times, words, memberships" {
    script 's = socket ; s.setsockopt SO_LINGER on,5 ; s.getsockopt SO_LINGER ; s.setsockopt SO_LINGER off ; s.getsockopt SO_LINGER'
    assert_output $'on,5\noff'
    script 's = socket ; s.setsockopt SO_RCVTIMEO 2s ; s.getsockopt SO_RCVTIMEO'
    assert_output 2
    script 's = socket ; s.setsockopt TCP_CONGESTION reno ; s.getsockopt TCP_CONGESTION'
    assert_output reno
    script 's = socket AF_INET SOCK_DGRAM ; s.setsockopt IP_TTL 7 ; s.getsockopt IP_TTL ; s.setsockopt IP_ADD_MEMBERSHIP 239.1.1.1,127.0.0.1'
    assert_success
    assert_output 7
}

@test "setsockopt: what the system does not take is an error, what it makes smaller is told" {
    script 's = socket ; s.setsockopt SO_ERROR 1'
    assert_failure
    script 's = socket ; s.setsockopt SO_KEEPALIVE maybe'
    assert_failure 2
    script 's = socket ; s.setsockopt SO_KEEPALVE on'
    assert_failure 2
    told SO_KEEPALIVE
    script 's = socket ; s.setsockopt TCP_MD5SIG x'
    assert_failure 2
    script 's = socket ; s.setsockopt SO_RCVBUF'
    assert_failure 2
    told 'value of SO_RCVBUF is missing'
    script 's = socket ; s.setsockopt rcv_space 1'
    assert_failure 2
    script 's = socket ; s.setsockopt TCP_MD5SIG x'
    told 'RFC 5925'
    script 'u = socket AF_UNIX ; u.setsockopt TCP_NODELAY on'
    assert_failure 3
}

@test "a value that the kernel changed without an error is told, unasked; one that it took is not" {
    while read -r setting asked took; do
        script "s = socket ; s.setsockopt $setting"
        assert_success
        told "${setting%=*}: asked for $asked, the kernel took $took"
    done <<'EOF'
SO_RCVBUF=1 1 2
SO_SNDBUF=2147483647 2147483647  
TCP_LINGER2=1000 1000 120
TCP_DEFER_ACCEPT=5 5 7
IP_TOS=255 255 252
TCP_WINDOW_CLAMP=5 5 1
SO_RCVLOWAT=0 0 1
EOF
    for setting in SO_RCVBUF=16384 SO_SNDBUF=16384 TCP_LINGER2=10 TCP_DEFER_ACCEPT=7 IP_TOS=lowdelay IP_TTL=64 SO_KEEPALIVE=on; do
        script "s = socket ; s.setsockopt $setting"
        assert_success
        untold
    done
    script 's = socket inet6 dgram ; s.setsockopt IPV6_TCLASS 3 ; s.getsockopt IPV6_TCLASS' # ECN is for TCP to set, and for datagrams free
    assert_output 3
    untold
    run --separate-stderr sockctl -q do socket , setsockopt SO_RCVBUF 1
    untold
}

@test "memberships: by address and by name of the interface, joined, left, and what is not a group" {
    script 's = socket AF_INET SOCK_DGRAM ; s.setsockopt IP_ADD_MEMBERSHIP 239.1.1.1,lo ; fails 3 s.setsockopt IP_ADD_MEMBERSHIP 239.1.1.1,127.0.0.1 ; ! grep -c 010101EF /proc/net/igmp
s.setsockopt IP_DROP_MEMBERSHIP 239.1.1.1,lo ; fails 3 s.setsockopt IP_DROP_MEMBERSHIP 239.1.1.1,lo'
    assert_success
    assert_output 1
    script 's = socket AF_INET6 SOCK_DGRAM ; s.setsockopt IPV6_JOIN_GROUP ff12::4711,lo ; ! grep -c ff120000000000000000000000004711 /proc/net/igmp6
s.setsockopt IPV6_LEAVE_GROUP ff12::4711,1 ; fails 3 s.setsockopt IPV6_LEAVE_GROUP ff12::4711,lo'
    assert_success
    assert_output 1
    for setting in 'IP_ADD_MEMBERSHIP 127.0.0.1,lo' 'IP_ADD_MEMBERSHIP 239.1.1.1,nosuch' 'IP_ADD_MEMBERSHIP 239.1.1' 'IPV6_JOIN_GROUP ::1,lo' 'IPV6_JOIN_GROUP ff02::1,nosuch' \
        'IPV6_JOIN_GROUP 239.1.1.1'; do
        script "s = socket AF_INET6 SOCK_DGRAM ; s.setsockopt $setting"
        assert_failure 2
    done
}

@test "multicast from end to end, by IPv4 and IPv6" {
    script 's = bind "udp://*:0" -4 ; s.setsockopt IP_ADD_MEMBERSHIP 239.9.8.7,lo ; c = socket inet dgram ; c.setsockopt IP_MULTICAST_IF 127.0.0.1 ; c.setsockopt IP_MULTICAST_TTL 0
c.getsockopt IP_MULTICAST_IF ; c.setsockopt IP_MULTICAST_IF lo ; c.sendto 239.9.8.7:$s.local.port all ; s.recv'
    assert_success
    assert_output $'127.0.0.1\nall'
    run unshare -rn bash -c 'ip link add vA type veth peer name vB && ip link set vA up && ip link set vB up && ip -6 addr add fe80::aa/64 dev vA nodad &&
        exec sockctl -c "$1"' - 's = bind udp://[::]:0 ; s.setsockopt IPV6_JOIN_GROUP ff12::4711,vA ; c = socket inet6 dgram ; c.setsockopt IPV6_MULTICAST_IF vA
c.getsockopt IPV6_MULTICAST_IF ; c.bind [fe80::aa%vA]:0 ; c.sendto [ff12::4711%vA]:$s.local.port all ; s.recv'
    assert_success
    assert_output $'vA\nall'
}

@test "typed values as the kernel has them: linger, timeval, congestion control, interface, raw bytes" {
    script_json 's = socket ; s.setsockopt SO_LINGER on,5 ; s.setsockopt SO_SNDTIMEO 1500ms ; s.setsockopt TCP_CONGESTION cubic ; s.setsockopt SO_BINDTODEVICE lo
s.getsockopt SO_LINGER ; s.getsockopt SO_SNDTIMEO ; s.getsockopt TCP_CONGESTION ; s.getsockopt SO_BINDTODEVICE ; s.getsockopt SO_LINGER --type bytes ; s.getsockopt SO_LINGER --len 4'
    assert_success
    assert_equal "$(jq -c 'select(.cmd == "getsockopt") | .result | [.value, .hex]' <<< "$output" | head -n 2)" \
        $'["on,5","0100000005000000"]\n[1.5,"010000000000000020a1070000000000"]'
    assert_equal "$(jq -r 'select(.cmd == "getsockopt") | .result.hex[:10]' <<< "$output" | tail -n 4 | tr '\n' ' ')" '6375626963 6c6f00 0100000005 01000000 '
    script 's = socket ; s.setsockopt SO_LINGER --hex "01000000 02000000" ; s.getsockopt SO_LINGER ; s.setsockopt SO_RCVTIMEO --hex 00000000000000000000000000000000 ; s.getsockopt SO_RCVTIMEO'
    assert_output $'on,2\n0'
    script 's = socket ; s.setsockopt TCP_CONGESTION nosuch'
    assert_failure 3
    told ENOENT
    script 's = socket ; s.setsockopt SO_LINGER --hex 01'
    assert_failure 3
    told EINVAL
    script 's = socket ; s.setsockopt SO_LINGER --hex 0'
    assert_failure 2
}

@test "the name in every spelling: whole, bare, in any case, with and without its level, by number" {
    for name in SO_RCVBUF so_rcvbuf So_RcvBuf rcvbuf 'SOL_SOCKET SO_RCVBUF' 'sol_socket rcvbuf' '1 8' 'SOL_SOCKET 8' '0x1 0x8'; do
        for value in " 20000" =20000; do
            script "s = socket ; s.setsockopt $name$value ; s.getsockopt $name ; s.getsockopt SO_RCVBUF"
            assert_success
            assert_output $'40000\n40000'
        done
    done
    script 's = socket ; s.setsockopt IPPROTO_TCP SO_RCVBUF 1'
    assert_failure 2
    told 'belongs to SOL_SOCKET'
    script 's = socket ; s.setsockopt 8 1'
    assert_failure 2
    told 'needs its level'
    script 's = socket ; s.setsockopt TTL=9' # of IP and of nothing else
    assert_success
    script 's = socket ; s.setsockopt MTU_DISCOVER=do'
    assert_failure 2
    told 'IP_MTU_DISCOVER or IPV6_MTU_DISCOVER'
}

@test "getsockopt: value, level, name, hex; other types and lengths" {
    script_json 's = socket ; s.getsockopt SO_TYPE'
    assert_equal "$(last '.result | [.level, .name, .value, .hex]')" '["SOL_SOCKET","SO_TYPE",1,"01000000"]'
    script 's = socket ; s.getsockopt so_type --type bytes ; s.getsockopt so_type --type bytes -F hex'
    assert_success
    assert_output $'\\x01\\x00\\x00\\x00\n01000000'
    script 's = socket ; s.getsockopt 1 3'
    assert_output 1
    script 's = socket ; s.getsockopt SO_NONSENSE'
    assert_failure 2
}

@test "SO_ERROR tells how a connect ended that did not wait" {
    script 'x = bind :0 ; a = x.getsockname ; x.close ; s = socket ; s.settimeout 0 ; fails s.connect $a ; poll s:out ; s.getsockopt SO_ERROR'
    assert_success
    assert_line --index -1 111
}

@test "options lists what can be read" {
    script_json 's = socket ; s.options'
    assert_success
    assert_equal "$(last '.result | map(select(.name == "SO_TYPE")) | .[0].value')" 1
    assert_equal "$(last '.result | map(select(.name == "TCP_NODELAY")) | length')" 1
    script_json 'x = pair ; x0.options'
    assert_equal "$(last '.result | map(select(.name == "TCP_NODELAY")) | length')" 0
    run sockctl -c 's = socket ; s.options'
    assert_line --regexp '^SOL_SOCKET +SO_TYPE +1$'
}

@test "settimeout and setblocking" {
    script 's = socket ; s.settimeout 1.5 ; print $s.timeout ; s.settimeout 250ms ; print $s.timeout ; s.settimeout 0 ; print $s.timeout ; s.setblocking on ; print ${s.timeout}'
    assert_line --index 0 1.5
    assert_line --index 1 0.25
    assert_line --index 2 0
    for bad in -1 nonsense nan ''; do
        run --separate-stderr sockctl do s = socket , s.settimeout "$bad"
        assert_failure 2
    done
    script 'x = pair ; x0.settimeout 0 ; x0.setblocking on ; x0.recv -t 10ms'
    assert_failure 124
}

@test "getsockname, getpeername" {
    script 'srv = listen 127.0.0.1:0 ; cli = connect $srv.local ; a = cli.getpeername ; b = srv.getsockname ; assert $a is $b'
    assert_success
    script 's = socket ; s.getpeername'
    assert_failure 3
    told ENOTCONN
    script_json 'x = pair ; x0.getsockname'
    assert_equal "$(last '.result | [.family, .path, .abstract, .text]')" '["AF_UNIX",null,false,"unix:"]'
}

@test "fileno: the descriptor, -1 after close" {
    script_json 's = socket ; s.fileno'
    [ "$(last .result.value)" -ge 3 ]
    script_json 's = socket ; s.close ; s.fileno'
    assert_equal "$(last .result.value)" -1
}

@test "info: state, addresses, queues, TCP_INFO" {
    script_json 'srv = listen :0 ; cli = connect $srv.local ; conn = srv.accept ; cli.send hello ; poll conn ; info conn'
    assert_success
    assert_equal "$(last '.result | [.name, .state, .buffered, .received, .recv_queue, .send_queue]')" '["conn","open",0,0,5,0]'
    assert_equal "$(last '.result.tcp.state')" '"TCP_ESTABLISHED"'
    assert_equal "$(last '.result.tcp | [.tcpi_rtt, .tcpi_snd_mss] | map(type) | unique')" '["number"]'
    script_json 'x = pair ; x0.sendall "a\nbc" ; x1.readline ; info x1'
    assert_equal "$(last '.result | [.buffered, .received, .tcp]')" '[2,4,null]'
    script_json 's = socket ; s.close ; info s'
    assert_success
    assert_equal "$(last '.result | [.state, .recv_queue]')" '["closed",null]'
    run sockctl -c 'srv = listen :0 ; info'
    assert_success
    assert_output --partial listen
}
