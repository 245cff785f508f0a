#!/usr/bin/env bats
# presets: dev asan
# ctest: TIMEOUT 300
# Proxies on the way and the PROXY protocol, with programs that speak them (microsocks, danted, tinyproxy, haproxy, nginx), with itself, and
# with peers that do not behave.
# shellcheck disable=SC1010,SC2016,SC2154  # `do` is a command of sockctl; expressions for sockctl; what run sets

load servers
load sockets
load tls

setup_file() {
    start_namespace
    make_authorities
    sign server root /CN=server "$LEAF"$'\n'subjectAltName=DNS:localhost,DNS:inner.test,IP:127.0.0.1
    printf 'me:secret\nnot this line\n' > login
    printf 'me:wrong\n' > wrong
    write_configurations
    background microsocks -i 127.0.0.1 -p 1080
    (exec ip netns exec "$NETNS" microsocks -i 127.0.0.1 -p 1081 -u me -P secret) > micro.log 2>&1 3>&- &
    echo $! >> pids
    background danted -p "$PWD/danted.pid" -f danted.conf -N 1
    background tinyproxy -d -c tiny.conf
    (exec ip netns exec "$NETNS" tinyproxy -d -c tiny-login.conf) > tiny-login.log 2>&1 3>&- &
    echo $! >> pids
    background haproxy -db -q -f haproxy.cfg
    background nginx -c "$PWD/nginx.conf" -p "$PWD" -e "$PWD/nginx.log"
    local port
    for port in 1080 1081 1082 8888 8889 9001 9002 9003 9100 8080 8081; do
        answers ip netns exec "$NETNS" sockctl connect "127.0.0.1:$port" || { echo "nobody at $port"; tail -n 3 ./*.log; return 1; }
    done
}

teardown_file() { stop_servers; }

setup() { cd "$BATS_FILE_TMPDIR" || return; }

write_configurations() {
    local dir=$BATS_FILE_TMPDIR
    cat > danted.conf << CONF
logoutput: stderr
internal: 127.0.0.1 port = 1082
external: 127.0.0.1
socksmethod: none
clientmethod: none
user.privileged: root
user.unprivileged: nobody
client pass { from: 0/0 to: 0/0 }
socks block { from: 0/0 to: 127.0.0.9/32 }
socks pass { from: 0/0 to: 0/0 }
CONF
    printf 'Port %s\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nLogFile "%s"\nLogLevel Info\nAllow 127.0.0.1\n' 8888 "$dir/tiny.log" > tiny.conf
    printf 'FilterURLs On\nFilter "%s"\n' "$dir/filter" >> tiny.conf
    echo '127\.0\.0\.9' > filter
    printf 'Port %s\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nLogFile "%s"\nAllow 127.0.0.1\nBasicAuth me secret\n' 8889 "$dir/tiny2.log" > tiny-login.conf
    # haproxy: 9001, 9002, 9003 lead to ports of listeners here, and tell them who came; 9100 wants to be told
    cat > haproxy.cfg << CONF
global
    maxconn 100
defaults
    mode tcp
    timeout connect 10s
    timeout client 30s
    timeout server 30s
listen to-v1
    bind 127.0.0.1:9001
    server s 127.0.0.1:7001 send-proxy
listen to-v2
    bind 127.0.0.1:9002
    server s 127.0.0.1:7001 send-proxy-v2
listen to-v2-sum
    bind 127.0.0.1:9003
    server s 127.0.0.1:7001 send-proxy-v2 proxy-v2-options crc32c,unique-id
frontend from
    bind 127.0.0.1:9100 accept-proxy
    mode http
    http-request return status 200 content-type text/plain lf-string "%[src]:%[src_port] %[dst]:%[dst_port]\n"
CONF
    cat > nginx.conf << CONF
daemon off; master_process off; pid $dir/nginx.pid; error_log $dir/nginx.log;
events { worker_connections 64; }
http {
    access_log off; client_body_temp_path $dir/a; proxy_temp_path $dir/b; fastcgi_temp_path $dir/c; uwsgi_temp_path $dir/d; scgi_temp_path $dir/e;
    server { listen 127.0.0.1:8080; location / { default_type text/plain; return 200 "hello from nginx\n"; } }
    server { listen 127.0.0.1:8443 ssl proxy_protocol; ssl_certificate $dir/server.pem; ssl_certificate_key $dir/server.key;
             location / { default_type text/plain; return 200 "hello\n"; } }
    server { listen 127.0.0.1:8081 proxy_protocol;
             location / { default_type text/plain; return 200 "\$proxy_protocol_addr:\$proxy_protocol_port \$proxy_protocol_server_addr\n"; } }
}
CONF
}

get='GET / HTTP/1.0\r\n\r\n'
page() { printf '%s' "$(hex 'hello from nginx\n')"; }

# asked CHAIN...: through every door it ends with 0 and the page of nginx.
asked() { everywhere 0 "$(page)" connect "$@" 127.0.0.1:8080 , send "$get" , expect -q 'nginx/' , expect '\r\n\r\n' , read; }

# ---- proxies on the way ----

@test "SOCKS 5: microsocks and danted, through every door" {
    asked --proxy socks5://127.0.0.1:1080
    asked --proxy socks5h://localhost:1082
}

@test "SOCKS 5 with a user and a password, from a file and from a variable" {
    asked --proxy socks5://127.0.0.1:1081 --proxy-auth file:login
    LOGIN=me:secret asked --proxy socks5://127.0.0.1:1081 --proxy-auth env:LOGIN
    run --separate-stderr inside sockctl --json connect --proxy socks5://127.0.0.1:1081 127.0.0.1:8080
    assert_failure 3
    assert_equal "$(last '[.error.code, .error.blame]')" '["EACCES","proxy"]'
    [[ $(last .error.message) == *'the proxy 127.0.0.1:1081 wants a user and a password: write where USER:PASSWORD is, --proxy-auth file:PATH or env:NAME'* ]]
    run --separate-stderr inside sockctl connect --proxy socks5://127.0.0.1:1081 --proxy-auth file:wrong 127.0.0.1:8080
    assert_failure 3
    told 'does not accept this user and password'
    [[ $stderr != *wrong* ]]
}

@test "HTTP CONNECT: tinyproxy, through every door, with and without a login" {
    asked --proxy http://127.0.0.1:8888
    asked --proxy http://127.0.0.1:8889 --proxy-auth file:login
    run --separate-stderr inside sockctl connect --proxy http://127.0.0.1:8889 127.0.0.1:8080
    assert_failure 3
    told 'the proxy 127.0.0.1:8889 wants a user and a password (407'
    run --separate-stderr inside sockctl connect --proxy http://127.0.0.1:8889 --proxy-auth file:wrong 127.0.0.1:8080
    assert_failure 3
    told 'does not accept this user and password'
}

# blamed STATUS CODE BLAME WORDS OPTION...: connect fails like that.
blamed() {
    local status=$1 code=$2 blame=$3 words=$4
    shift 4
    run --separate-stderr inside sockctl --json connect "$@"
    assert_failure "$status"
    assert_equal "$(last '[.error.code, .error.blame]')" "[\"$code\",\"$blame\"]"
    [[ $(last .error.message) == *"$words"* ]] || fail "$output"
}

@test "a failure says whose it is: the way to the proxy, the proxy, the target" {
    blamed 5 ECONNREFUSED way 'connect to h.test:80: the proxy was not reached: connect to 127.0.0.1:1: connection refused' \
        --proxy socks5://127.0.0.1:1 h.test:80
    blamed 5 ECONNREFUSED target 'connect to 127.0.0.1:1: the proxy 127.0.0.1:1080 did not get through: connection refused' \
        --proxy socks5://127.0.0.1:1080 127.0.0.1:1
    blamed 5 ECONNREFUSED target 'did not get through: connection refused' --proxy socks5://127.0.0.1:1082 127.0.0.1:1
    blamed 3 EACCES proxy 'refuses: its rules do not allow this connection' --proxy socks5://127.0.0.1:1082 127.0.0.9:8080
    blamed 3 EACCES proxy 'the proxy 127.0.0.1:8888 refuses: 403 Filtered' --proxy http://127.0.0.1:8888 127.0.0.9:8080
    blamed 5 EHOSTUNREACH target 'did not get through: 500 Unable to connect' --proxy http://127.0.0.1:8888 127.0.0.1:1
    blamed 3 EPROTO proxy 'does not speak SOCKS 5: its answer begins with the byte 0x48' --proxy socks5://127.0.0.1:8080 h.test:80
    blamed 3 EPROTO proxy 'perhaps it is no proxy: 40' --proxy http://127.0.0.1:8080 h.test:80
    run inside sockctl connect --proxy socks5://nosuch.invalid:1 h.test:80
    assert_failure 4
}

@test "a name goes to the proxy as it is, and no DNS server hears of it" {
    printf '%s\n' 'nameserver 127.0.0.1' > resolv.conf
    start_peer recv:3 'send:\x05\x00' recv:17 'send:\x05\x00\x00\x01\x01\x02\x03\x04\x01\xbbwelcome' wait
    # the leak checker cannot work below strace
    run --separate-stderr env "ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0" strace -f -e trace=socket,connect,sendto,sendmmsg -o trace sockctl do connect --proxy "socks5://$peer_addr" inner.test:443 , recv , \
        close
    assert_success
    assert_output welcome
    run cat "$BATS_TEST_TMPDIR/peer.log"
    assert_line --partial 'recv \x05\x01\x00\x03\ninner.test\x01\xbb'
    run grep -E 'SOCK_DGRAM|port=htons\(53\)' trace
    assert_failure 1
}

@test "TLS through a proxy: the certificate is that of the target, whose first words are not lost" {
    run inside sockctl -c '
        srv = listen tls://127.0.0.1:0 --cert server.pem --key server.key
        repeat -n 1 do connect --as a --proxy socks5://127.0.0.1:1080 --tls --cafile root.pem $srv.local , accept -s srv --as b , send -s b "over socks\n" , readline -s a
        repeat -n 1 do connect --as a --proxy http://127.0.0.1:8888 --tls --cafile root.pem $srv.local , accept -s srv --as b , send -s b "over http\n" , readline -s a
        print $a.tls.version $a.proxy.kind $a.proxy.addr'
    assert_success
    assert_line 'over socks'
    assert_line 'over http'
    assert_line 'TLSv1.3 http 127.0.0.1:8888'
    run --separate-stderr inside sockctl -c '
        srv = listen tls://127.0.0.1:0 --cert server.pem --key server.key
        connect --proxy socks5://127.0.0.1:1080 --tls --cafile other.pem $srv.local'
    assert_failure 8
    told 'connect to 127.0.0.1:'
}

@test "wait-ready through a proxy waits for the target, and not for a proxy that refuses" {
    run inside sockctl wait-ready --proxy socks5://127.0.0.1:1080 127.0.0.1:8080 --expect '' -t 20s
    assert_success
    run inside sockctl wait-ready --closed --proxy socks5://127.0.0.1:1080 127.0.0.1:1 -t 20s
    assert_success
    run --separate-stderr inside sockctl wait-ready --proxy socks5://127.0.0.1:1080 127.0.0.1:1 -t 300ms
    assert_failure 124
    told 'did not get through: connection refused'
    run --separate-stderr inside sockctl wait-ready --proxy socks5://127.0.0.1:1081 127.0.0.1:8080 -t 20s
    assert_failure 3
    told 'wants a user and a password'
}

@test "tls looks at a server through a proxy, twice, and tells it the header" {
    run inside sockctl --json tls --proxy socks5://127.0.0.1:1080 --send-proxy v2 --cafile root.pem localhost:8443
    assert_success
    run jq -c '.result | [.target, .addr, .code, .verify, .resumption.resumed]' <<< "$output"
    assert_output '["localhost:8443",null,null,true,true]'
    run --separate-stderr inside sockctl tls --proxy socks5://127.0.0.1:1080 --cafile root.pem 127.0.0.1:1
    assert_failure 5
    [[ $output$stderr == *'did not get through: connection refused'* ]]
}

# ---- proxies that do not behave ----

# next_peer ACTION...: start_peer, once the one before has written its last line into the log that they share.
next_peer() {
    [ -z "${peer_pid:-}" ] || wait "$peer_pid" || :
    start_peer "$@"
}

# answered STATUS WORDS KIND ACTION...: a proxy of that kind that does this.
answered() {
    local status=$1 words=$2 kind=$3
    shift 3
    next_peer "$@"
    run --separate-stderr sockctl connect -t 10s --proxy "$kind://$peer_addr" h.test:80
    assert_failure "$status"
    told "$words"
}

@test "hostile answers end in an error each" {
    local hello='send:\x05\x00'
    answered 3 'begins with the byte 0x04' socks5 'send:\x04\x00'
    answered 3 'chose method 1, which was not offered' socks5 'send:\x05\x01'
    answered 7 'closed the connection without an answer' socks5 recv:3
    answered 7 "closed the connection after '\\x05'" socks5 recv:3 'send:\x05' shutdown wait
    answered 7 "after '\\x05\\x00\\x00\\x01\\x7f'" socks5 recv:3 "$hello" recv:13 'send:\x05\x00\x00\x01\x7f' shutdown wait
    answered 3 'address of type 9' socks5 recv:3 "$hello" recv:13 'send:\x05\x00\x00\x09'
    answered 3 'answers with code 99' socks5 recv:3 "$hello" recv:13 'send:\x05\x63\x00\x01'
    answered 7 "after 'HTTP/1.1 20'" http recvline 'send:HTTP/1.1 20' shutdown wait
    answered 3 'LF without CR' http recvline 'send:HTTP/1.1 200 ok\n\n'
    answered 3 'does not begin with HTTP/1' http recvline 'send:SSH-2.0-x\r\n'
    answered 3 'a head of more than 16 KiB' http recvline 'send:HTTP/1.1 200 ' 'big:0' "send:$(printf 'x%.0s' {1..17000})" wait
    answered 3 'sends interim answers' http "send:$(printf 'HTTP/1.1 100 c\\r\\n\\r\\n%.0s' {1..11})" wait
    answered 6 'recv' socks5 recv:3 "$hello" recv:13 reset
}

@test "silence is 124, and a byte at a time is as good as all at once" {
    next_peer recv:3 wait
    run --separate-stderr sockctl connect -t 300ms --proxy "socks5://$peer_addr" h.test:80
    assert_failure 124
    told "no answer from the proxy $peer_addr"
    next_peer 'send:HTTP/1.1 2' wait
    run --separate-stderr sockctl connect -t 300ms --proxy "http://$peer_addr" h.test:80
    assert_failure 124
    told "no whole answer from the proxy $peer_addr after 'HTTP/1.1 2'"
    next_peer recv:3 'sendslow:\x05\x00' recv:13 'sendslow:\x05\x00\x00\x03\x04name\x00\x50and what follows\n' shutdown wait
    run sockctl do connect --proxy "socks5://$peer_addr" h.test:80 , read
    assert_output 'and what follows'
    next_peer 'sendslow:HTTP/1.1 200 fine\r\nA: b\r\n\r\nand what follows\n' shutdown wait
    run sockctl do connect --proxy "http://$peer_addr" h.test:80 , read
    assert_output 'and what follows'
}

@test "a refusal's page is one line without control characters" {
    next_peer 'send:HTTP/1.1 403 No\r\nContent-Length: 60\r\n\r\n<html><style>b{}</style>\n<h1>Not\x1b[2J today</h1>\nask\n  me</html>' wait
    run --separate-stderr sockctl connect --proxy "http://$peer_addr" h.test:80
    assert_failure 3
    assert_equal "$stderr" "sockctl: connect to h.test:80: the proxy $peer_addr refuses: 403 No: 'Not\\x1b[2J today ask me' (EACCES)"
}

# ---- the PROXY protocol, sent ----

@test "haproxy and nginx take the header that is sent, of both versions" {
    local version
    for version in v1 v2; do
        run inside sockctl do connect --send-proxy $version --told-source 192.0.2.1:4000 --told-target 192.0.2.2:443 127.0.0.1:9100 , send "$get" , \
            expect -q '\r\n\r\n' , read
        assert_line '192.0.2.1:4000 192.0.2.2:443'
        run inside sockctl do connect --send-proxy=$version --told-source '[2001:db8::1]:4000' --told-target '[2001:db8::2]:443' 127.0.0.1:9100 , \
            send "$get" , expect -q '\r\n\r\n' , read
        assert_line '2001:db8::1:4000 2001:db8::2:443'
        run inside sockctl do connect --send-proxy $version --told-source 192.0.2.1:4000 --told-target 192.0.2.2:443 127.0.0.1:8081 , send "$get" , \
            expect -q '\r\n\r\n' , read
        assert_line '192.0.2.1:4000 192.0.2.2'
    done
    run inside sockctl -c 'c = connect --send-proxy v2 127.0.0.1:9100; c.send "GET / HTTP/1.0\r\n\r\n"; h = expect -q "\r\n\r\n"; print $c.local 127.0.0.1:9100; read'
    assert_equal "${lines[0]}" "${lines[1]}"
    run inside sockctl do connect --send-proxy v1-unknown 127.0.0.1:9100 , send "$get" , expect -q '\r\n\r\n' , read
    assert_line --regexp '^127.0.0.1:[0-9]+ 127.0.0.1:9100$'
    run inside sockctl do connect --send-proxy v2-local 127.0.0.1:9100 , send "$get" , expect -q '\r\n\r\n' , read
    assert_line --regexp '^127.0.0.1:[0-9]+ 127.0.0.1:9100$'
}

@test "the header is the first thing that is said, also through a proxy and before TLS" {
    run inside sockctl -c '
        srv = listen tls://127.0.0.1:0 --accept-proxy --cert server.pem --key server.key
        cli = connect --proxy socks5://127.0.0.1:1080 --send-proxy v2 --tls --cafile root.pem $srv.local
        conn = srv.accept
        conn.send "secret\n"
        cli.readline
        print $conn.proxy.kind $conn.proxy.target $conn.tls.version
        assert $conn.peer is $cli.local'
    assert_success
    assert_line secret
    assert_line --regexp '^v2 127.0.0.1:[0-9]+ TLSv1.3$'
}

@test "a dialogue before TLS is held with the target, behind the header" {
    run inside sockctl -c '
        srv = listen 127.0.0.1:0 --accept-proxy
        do srv.accept --as conn , conn.send "+OK\r\n" , conn.expect "STLS\r\n" , conn.send "+OK\r\n" , conn.starttls --cert server.pem --key server.key &
        cli = connect --proxy http://127.0.0.1:8888 --send-proxy v1 --starttls pop3 --cafile root.pem $srv.local
        wait
        assert $conn.peer is $cli.local
        cli.send "inside\n"
        conn.readline'
    assert_success
    assert_line inside
}

# ---- the PROXY protocol, taken ----

@test "haproxy tells who came: v1, v2, and v2 with a checksum" {
    run inside sockctl -c '
        srv = listen --accept-proxy 127.0.0.1:7001
        a = connect 127.0.0.1:9001 ; a.send "one\n" ; x = srv.accept ; x.readline ; assert $x.peer is $a.local ; print $x.proxy.kind $x.proxy.target
        b = connect 127.0.0.1:9002 ; b.send "two\n" ; y = srv.accept ; y.readline ; assert $y.peer is $b.local ; print $y.proxy.kind $y.proxy.target
        c = connect 127.0.0.1:9003 ; c.send "three\n" ; z = srv.accept ; z.readline ; assert $z.peer is $c.local ; print $z.proxy.kind $z.proxy.target
        print $srv.proxy.failed'
    assert_success
    assert_output "$(printf '%s\n' one 'v1 127.0.0.1:9001' two 'v2 127.0.0.1:9002' three 'v2 127.0.0.1:9003' 0)"
}

@test "what is told stands in JSON, with the proxy's address beside it" {
    script_json '
        srv = listen --accept-proxy :0
        a = connect --send-proxy v1 --told-source "[2001:db8::1]:1" --told-target "[2001:db8::2]:0" $srv.local
        b = srv.accept
        c = connect --send-proxy v2-local $srv.local
        d = srv.accept'
    assert_success
    run jq -c 'select(.cmd == "accept") | .result | [.peer.text, .proxy.kind, .proxy.addr.family, .proxy.local, .proxy.source.text, .proxy.target.text, .peer == .proxy.addr]' <<< "$output"
    assert_line --index 0 '["[2001:db8::1]:1","v1","AF_INET",false,"[2001:db8::1]:1","[2001:db8::2]:0",false]'
    assert_line --index 1 --regexp '"v2","AF_INET",true,null,null,true'
}

@test "no header, a broken one, a late one: that connection alone is dropped" {
    script '
        srv = listen --accept-proxy --within 300ms :0
        mute = connect $srv.local
        half = connect $srv.local ; half.send "PROXY TCP4 1.2"
        web = connect $srv.local ; web.send "GET / HTTP/1.0\r\n\r\n"
        sum = connect $srv.local
        sum.send --hex "0d0a0d0a000d0a515549540a 21110013 c0000201c0000202 0fa001bb 030004 00000000"
        gone = connect $srv.local ; gone.send "PROXY" ; gone.close
        good = connect --send-proxy v2 $srv.local
        conn = srv.accept
        good.send "served\n" ; conn.readline
        fails 6 web.recv -t 10s
        fails 7 sum.recv -t 10s
        half.expect --close -t 10s
        mute.expect --close -t 10s
        print $srv.proxy.failed $srv.proxy.waiting
        fails 124 srv.accept -t 10ms'
    assert_success
    assert_output $'served\n5 0'
    script 'srv = listen --accept-proxy :0 ; c = connect $srv.local ; c.send "GET / HTTP/1.0\r\n\r\n" ; fails 6 c.recv -t 10s ; srv.accept -t 10ms'
    assert_failure 124
    told "1 connection came and failed before that; the last: the connection does not begin with a PROXY header but 'GET / HTTP/1.0\\r\\n\\r\\n'"
}

@test "a byte at a time, and data right behind the header" {
    script '
        srv = listen --accept-proxy :0
        cli = connect $srv.local
        setsockopt -s cli TCP_NODELAY on
        cli.send "PROXY " ; cli.send "TCP4 192.0.2.1 " ; cli.send "192.0.2.2 1 2\r" ; cli.send "\ndata\n"
        conn = srv.accept
        print $conn.peer
        conn.readline'
    assert_output $'192.0.2.1:1\ndata'
}

@test "on a path too: version 2 tells paths, version 1 nothing" {
    script '
        srv = listen --accept-proxy unix:./listener.sock
        a = connect --send-proxy v2 --told-source unix:/run/a --told-target unix:@b unix:./listener.sock
        b = srv.accept
        c = connect --send-proxy v1 unix:./listener.sock
        d = srv.accept
        print $b.peer $b.proxy.target $b.proxy.kind $d.proxy.kind $d.peer'
    assert_output 'unix:/run/a unix:@b v2 v1 unix:'
}

@test "a thousand that say nothing stop nobody" {
    ulimit -n 4096
    script '
        srv = listen --accept-proxy :0 --backlog 2000
        repeat -q -n 1000 connect $srv.local
        good = connect --send-proxy v1 $srv.local
        conn = srv.accept -t 20s
        good.send "served\n" ; conn.readline'
    assert_success
    assert_output served
}

@test "wrong use is 2 and says what to write" {
    run --separate-stderr sockctl connect --proxy socks5://127.0.0.1:1 --proxy-auth env:NOT_SET h.test:80
    assert_failure 2
    told 'the variable NOT_SET is not set'
    run --separate-stderr sockctl connect --proxy socks5://127.0.0.1:1 --proxy-auth file:root.pem h.test:80
    assert_failure 2
    told 'it is USER:PASSWORD'
    run --separate-stderr sockctl -c 'srv = listen :0 ; connect --send-proxy v1 --told-source [::1]:1 $srv.local'
    assert_failure 2
    told 'give both'
    script 'u = bind udp://127.0.0.1:0 ; u.listen --accept-proxy'
    assert_failure
}
