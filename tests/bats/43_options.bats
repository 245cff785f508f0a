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
    run --separate-stderr sockctl -v -c 's = socket ; s.setsockopt SO_RCVBUF 1000000000'
    assert_success
    told 'the kernel took'
    script 'u = socket AF_UNIX ; u.setsockopt TCP_NODELAY on'
    assert_failure 3
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
