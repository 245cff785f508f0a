#!/usr/bin/env bats
# presets: dev asan tsan modules
# ctest: TIMEOUT 600
# TLS with programs that speak it: openssl, nginx, redis, stunnel, and with itself.

load servers
load tls

www=DNS:localhost,DNS:www.example.test,IP:127.0.0.1

setup_file() {
    start_namespace
    make_authorities
    sign server root /CN=server "$LEAF"$'\n'subjectAltName=$www
    sign second root /CN=second "$LEAF"$'\n'subjectAltName=DNS:second.test
    sign client root /CN=client "${LEAF/serverAuth/clientAuth}"
    export PKI=$BATS_FILE_TMPDIR
}

teardown_file() { stop_servers; }

setup() { cd "$BATS_FILE_TMPDIR" || return; }

# ---- other servers ----

@test "nginx: a page over TLS, and the protocol that was agreed on" {
    mkdir -p nginx
    cat > nginx/tls.conf << CONF
daemon off; master_process off; pid $PKI/nginx/pid; error_log $PKI/nginx/error.log;
events { worker_connections 64; }
http {
    access_log off; client_body_temp_path $PKI/nginx/a; proxy_temp_path $PKI/nginx/b; fastcgi_temp_path $PKI/nginx/c;
    uwsgi_temp_path $PKI/nginx/d; scgi_temp_path $PKI/nginx/e;
    server { listen 127.0.0.1:8443 ssl; ssl_certificate $PKI/server.pem; ssl_certificate_key $PKI/server.key;
             ssl_protocols TLSv1.2 TLSv1.3;
             location / { default_type text/plain; return 200 "hello over TLS\n"; } }
}
CONF
    background nginx -c "$PKI/nginx/tls.conf" -p "$PKI/nginx" -e "$PKI/nginx/error.log"
    answers ip netns exec "$NETNS" sockctl connect 127.0.0.1:8443
    run inside sockctl do connect tls://localhost:8443 --cafile root.pem --alpn http/1.1 , \
        send 'GET / HTTP/1.0\r\nHost: localhost\r\n\r\n' , expect -r 'hello over \w+\n'
    assert_success
    run inside sockctl -c 'c = connect tls://localhost:8443 --cafile root.pem --alpn h2,http/1.1 ; print $c.tls.alpn $c.tls.version ; ls'
    assert_success
    assert_line --index 0 'http/1.1 TLSv1.3'
}

@test "redis: a dialogue over TLS with certificates on both sides" {
    background redis-server --port 0 --tls-port 6390 --bind 127.0.0.1 --save '' --appendonly no --dir "$PKI" \
        --tls-cert-file server.pem --tls-key-file server.key --tls-ca-cert-file root.pem
    answers ip netns exec "$NETNS" sockctl connect 127.0.0.1:6390
    run inside sockctl do connect tls://127.0.0.1:6390 --cafile root.pem --cert client.pem --key client.key , sendline PING , readline
    assert_output $'+PONG\r'
    run --separate-stderr inside sockctl do connect tls://127.0.0.1:6390 --cafile root.pem , sendline PING , readline
    assert_failure 8
    assert_equal "$output" ''
}

@test "stunnel: as client of a listener here, as server for a client here" {
    cat > stunnel.conf << CONF
foreground = yes
pid =
[out]
client = yes
accept = 127.0.0.1:7001
connect = 127.0.0.1:7002
CAfile = $PKI/root.pem
verifyChain = yes
checkHost = localhost
[in]
accept = 127.0.0.1:7003
connect = 127.0.0.1:7004
cert = $PKI/server.pem
key = $PKI/server.key
CONF
    background stunnel stunnel.conf
    answers ip netns exec "$NETNS" sockctl connect 127.0.0.1:7003
    run inside sockctl -c '
        srv = listen tls://127.0.0.1:7002 --cert server.pem --key server.key
        cli = connect 127.0.0.1:7001
        cli.send "through\n"
        conn = srv.accept
        conn.readline
        conn.send "and back\n" ; conn.close
        cli.read
        back = listen 127.0.0.1:7004
        cli = connect tls://127.0.0.1:7003 --cafile root.pem
        conn = back.accept
        cli.send "in\n" ; conn.readline'
    assert_success
    assert_output $'through\nand back\nin'
}

# ---- openssl as the client ----

# A listener in the background that serves N connections with the program BODY: $port.
listener() {
    local n=$1 options=$2 body=$3
    printf '%s\n' "srv = listen tls://127.0.0.1:0 $options" 'print $srv.local.port' "repeat -n $n do accept --as conn $body" > listener.sock
    : > listener.out
    (exec sockctl -f listener.sock > listener.out 2> listener.err 3>&-) &
    listener=$!
    port=$(timeout 20 bash -c 'until grep -m 1 . listener.out; do kill -0 "$1" || exit; done' - "$listener")
}

@test "s_client: chain, name and both directions" {
    listener 1 '--cert server.pem --key server.key' ', readline , send "welcome\n" , close conn'
    run openssl s_client -connect "127.0.0.1:$port" -CAfile root.pem -verify_return_error -verify_hostname localhost -quiet <<< hello
    assert_output --partial welcome
    wait "$listener"
}

@test "several certificates: chosen by the name that the client tells" {
    listener 3 '--cert server.pem --cert second.pem --key server.key --key second.key' ', close conn'
    local name
    for name in localhost second.test unknown.test; do
        openssl s_client -connect "127.0.0.1:$port" -servername "$name" < /dev/null 2> /dev/null | openssl x509 -noout -subject
    done > subjects
    wait "$listener"
    run cat subjects
    assert_output $'subject=CN = server\nsubject=CN = second\nsubject=CN = server'
}

@test "clients must have a certificate by --client-ca; who has none is refused and waits for nobody" {
    listener 1 '--cert server.pem --key server.key --client-ca root.pem --min 1.2 --max 1.2' ', print ok'
    run openssl s_client -connect "127.0.0.1:$port" -quiet < /dev/null
    assert_failure
    run openssl s_client -connect "127.0.0.1:$port" -quiet -cert client.pem -key client.key < /dev/null
    wait "$listener"
    run sockctl -c 'srv = listen tls://127.0.0.1:0 --cert server.pem --key server.key --client-ca root.pem
        fails 8 connect $srv.local --tls --cafile root.pem
        fails 124 srv.accept -t 100ms
        print $srv.tls.failed: $srv.tls.last_failure
        cli = connect $srv.local --tls --cafile root.pem --cert client.pem --key client.key
        conn = srv.accept ; print $conn.tls.verify $conn.tls.peer_subject ; conn.peercert'
    assert_success
    assert_line --index 0 '1: the client sent no certificate'
    assert_line --index 1 'true client'
    assert_line 'subject: CN=client'
}

@test "the protocol is the first of the server's that the client offers; none in common is an error for both" {
    run --separate-stderr sockctl -c 'srv = listen tls://127.0.0.1:0 --self-signed --alpn h2,http/1.1
        a = connect $srv.local --tls --insecure --alpn http/1.1,h2 ; x = srv.accept ; print $a.tls.alpn $x.tls.alpn
        fails 9 connect $srv.local --tls --insecure --alpn smtp
        b = connect $srv.local --tls --insecure ; y = srv.accept ; print ${b.tls.alpn:-none}'
    assert_success
    assert_line --index 0 'h2 h2'
}

# ---- bytes ----

@test "lines of s_client's commands are data, and come back" {
    s_server -cert server.pem -key server.key -rev
    run sockctl do connect "tls://127.0.0.1:$port" --cafile root.pem , sendline --eol lf Q , readline , sendline --eol lf R , readline , sendline --eol lf k , readline
    stop_server
    assert_success
    assert_output $'Q\nR\nk'
}

# written VERSION: 4 MiB sent by a client that closes at once, read by s_server: the bytes are the same.
written() {
    (exec openssl s_server -accept 127.0.0.1:0 -cert server.pem -key server.key -quiet -naccept 1 "$1" < silent > got 2> s.log 3>&-) &
    server=$!
    port=$(timeout 20 bash -c 'until ss -Hltnp | grep "pid=$1," | grep -o "127.0.0.1:[0-9]*" | head -n 1 | grep -o "[0-9]*$"; do :; done' - "$server")
    sockctl do connect "tls://127.0.0.1:$port" --cafile root.pem , sendall --file big , close
    wait "$server"
    cmp big got
}

@test "4 MiB, then close: all of it arrives, with TLS 1.2 and 1.3" {
    local i times=2
    [ -z "${SOCKCTL_LONG:-}" ] || times=100
    head -c 4194304 /dev/urandom > big
    rm -f silent && mkfifo silent # s_server ends at the end of its input
    exec 6<> silent
    for ((i = 0; i < times; i++)); do
        written -tls1_2
        written -tls1_3
    done
    for ((i = 0; i < times; i++)); do # and to a reader of our own, who begins late
        run sockctl -c 'srv = listen tls://127.0.0.1:0 --self-signed ; cli = connect $srv.local --tls --insecure ; conn = srv.accept
            do cli.sendall --file big , close cli & ; conn.read -o got ; wait'
        assert_success
        cmp big got
    done
}

@test "an end without close_notify is 7, after what came; with --allow-truncation it is an end" {
    s_server -cert server.pem -key server.key -www
    run sockctl do connect "tls://127.0.0.1:$port" --cafile root.pem , read
    stop_server
    cat > cut.py << 'PY'
import socket, ssl, sys, threading
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.pem", "server.key")
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
for i in range(2):
    c = context.wrap_socket(s.accept()[0], server_side=True)
    c.sendall(b"rest")
    raw = socket.socket(fileno=c.detach())
    raw.shutdown(socket.SHUT_WR)
    while raw.recv(4096):
        pass
PY
    rm -f cut.port && mkfifo cut.port
    (exec python3 cut.py > cut.port 3>&-) &
    local python=$!
    read -r port < cut.port
    run --separate-stderr sockctl do connect "tls://127.0.0.1:$port" --cafile root.pem , read
    assert_failure 7
    assert_output rest
    [[ $stderr == *'without close_notify'* ]]
    run sockctl do connect "tls://127.0.0.1:$port" --cafile root.pem --allow-truncation , read
    assert_success
    assert_output rest
    wait "$python"
}

@test "half-close: after shutdown wr the other direction goes on" {
    run sockctl -c 'srv = listen tls://127.0.0.1:0 --self-signed ; cli = connect $srv.local --tls --insecure ; conn = srv.accept
        cli.send "question" ; cli.shutdown wr ; conn.read ; conn.send " answer" ; conn.close ; cli.read ; fails 6 cli.send x'
    assert_success
    assert_output --partial 'question answer'
}

@test "KeyUpdate by the server (1.3) and renegotiation (1.2) pass unseen" {
    local version letter
    for version in tls1_3:K tls1_2:r; do
        letter=${version#*:}
        rm -f typed && mkfifo typed
        (exec openssl s_server -accept 127.0.0.1:0 -cert server.pem -key server.key "-${version%:*}" -naccept 1 < typed > s.log 2>&1 3>&-) &
        server=$!
        exec 4> typed
        port=$(timeout 20 bash -c 'until sed -n "s/^ACCEPT.*:\([0-9]*\)$/\1/p" s.log | grep .; do :; done')
        rm -f words && mkfifo words
        (exec sockctl -i --json < words > answers 3>&-) &
        local client=$!
        exec 5> words
        echo "connect tls://127.0.0.1:$port --cafile root.pem" >&5
        timeout 20 bash -c 'until grep -q "CIPHER is" s.log; do :; done'
        echo "$letter" >&4
        timeout 20 python3 -c 'import fcntl, termios # until it was read
while fcntl.ioctl(4, termios.FIONREAD, bytes(4)) != bytes(4): pass'
        echo 'after' >&4
        echo "expect -t 20s 'after\\n' ; send 'and back\\n'" >&5
        timeout 20 bash -c 'until grep -q "and back" s.log; do :; done'
        exec 5>&-
        wait "$client"
        exec 4>&-
        kill "$server" 2> /dev/null || :
        wait "$server" || :
        run jq -s 'all(.ok)' answers
        assert_output true
    done
}

# ---- handshakes ----

@test "what answered in plain text is quoted" {
    run sockctl -c 'srv = listen 127.0.0.1:0 ; do srv.accept --as conn , conn.send "220 mail.example.test ESMTP\\r\\n" , conn.read &
        connect $srv.local --tls --insecure'
    assert_failure 9
    assert_output --partial "this server speaks plain text: it said '220 mail.example.test ESMTP'"
    run sockctl -c 'srv = listen tls://127.0.0.1:0 --self-signed ; cli = connect $srv.local ; cli.send "GET / HTTP/1.0\r\n\r\n" ; fails 124 srv.accept -t 200ms
        print $srv.tls.last_failure'
    assert_output --partial "the client does not speak TLS: it said 'GET / HTTP/1.0'"
}

@test "stalled handshakes stop nobody, and all are given up at their deadline" {
    local n=100
    [ -z "${SOCKCTL_LONG:-}" ] || n=1000
    cat > stalled.py << 'PY'
import select, socket, sys
idle = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for i in range(int(sys.argv[2]))]
print("stalled", flush=True)
poll = select.poll()
for s in idle:
    poll.register(s, select.POLLIN)
over = set()
while len(over) < len(idle):
    for fd, event in poll.poll(60000) or sys.exit(f"{len(idle) - len(over)} are still there"):
        over.add(fd)
        poll.unregister(fd)
print(len(over))
PY
    listener 1 '--cert server.pem --key server.key' $', readline , print served , accept -s srv -t 60s\nprint $srv.tls.last_failure'
    rm -f stalled && mkfifo stalled
    (exec python3 stalled.py "$port" "$n" > stalled 2> stalled.err 3>&-) &
    local idle=$! said
    exec 7< stalled
    read -r said <&7
    assert_equal "$said" stalled
    run sockctl do connect -t 20s "tls://127.0.0.1:$port" --cafile root.pem , send 'hello\n' , close
    assert_success
    read -r said <&7
    exec 7<&-
    wait "$idle" || fail "$(cat stalled.err)"
    assert_equal "$said" "$n"
    sockctl connect "tls://127.0.0.1:$port" --cafile root.pem
    wait "$listener"
    run tail -n 2 listener.out
    assert_output $'served\ntimed out: TLS handshake'
}

@test "a silent server: 124" {
    run sockctl -c 'srv = listen 127.0.0.1:0 ; fails 124 connect -t 200ms $srv.local --tls --insecure'
    assert_success
}

@test "ten thousand tickets are taken and forgotten; a reset is 6, after what came" {
    hostile tickets:10000 abort
    run sockctl do connect "tls://127.0.0.1:$port" --cafile root.pem , read
    assert_success
    assert_output line
    run sockctl do connect "tls://127.0.0.1:$port" --cafile root.pem , readline , send x , recv
    stop_server
    assert_failure 6
    assert_output --partial line
}

@test "clients that misbehave: the listener serves the next one" {
    cat > client.py << 'PY'
import socket, ssl, sys
port = int(sys.argv[1])
incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
tls = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
try:
    tls.do_handshake()
except ssl.SSLWantReadError:
    pass
hello = outgoing.read()
pieces = b"".join(b"\x16\x03\x01\x00\x01" + hello[i:i + 1] for i in range(5, len(hello)))
for data in (b"", b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\xff\xff" + bytes(65535), b"\x16\x03\x01\x00\x00" * 1000, hello[:50], pieces,
             b"\x80\x2e\x01\x03\x01", bytes(10000)):
    c = socket.create_connection(("127.0.0.1", port))
    try:
        c.sendall(data)
        c.shutdown(socket.SHUT_WR)
        while c.recv(4096):
            pass
    except OSError:
        pass
    c.close()
PY
    listener 1 '--cert server.pem --key server.key' ', readline , close conn'
    python3 client.py "$port"
    run sockctl do connect "tls://127.0.0.1:$port" --cafile root.pem , send 'hello\n' , recv
    assert_failure 7
    wait "$listener"
}

@test "a client that renegotiates is refused" {
    listener 1 '--cert server.pem --key server.key --max 1.2' ', read'
    rm -f typed && mkfifo typed
    (exec openssl s_client -connect "127.0.0.1:$port" < typed > s.log 2>&1 3>&-) &
    local client=$!
    exec 4> typed
    timeout 20 bash -c 'until grep -q "Cipher is" s.log; do :; done'
    echo R >&4
    wait "$client" || :
    exec 4>&-
    run cat s.log
    assert_output --partial 'no renegotiation'
    kill "$listener" 2> /dev/null || :
    wait "$listener" || :
}

# ---- starttls ----

@test "starttls in the middle of a dialogue, both roles; and s_client with a server that is a script" {
    run --separate-stderr sockctl -c 'srv = listen 127.0.0.1:0 ; cli = connect $srv.local ; conn = srv.accept
        cli.sendline STARTTLS ; conn.readline ; conn.sendline "220 go" ; cli.readline
        j = conn.starttls --cert server.pem --key server.key &
        cli.starttls --cafile root.pem
        wait 1
        cli.send "secret\n" ; conn.readline ; print $cli.tls.name $conn.tls.version'
    assert_success
    assert_line 'secret'
    assert_line '127.0.0.1 TLSv1.3'
    cat > smtp.sock << 'SOCK'
srv = listen 127.0.0.1:0
print $srv.local.port
conn = srv.accept
conn.sendline '220 mail ESMTP'
conn.readline -o /dev/null
conn.send '250-mail\r\n250 STARTTLS\r\n'
conn.readline -o /dev/null
conn.sendline '220 go on'
conn.starttls --cert server.pem --key server.key
conn.sendline '250 inside'
conn.close
SOCK
    rm -f smtp.port && mkfifo smtp.port
    (exec sockctl -f smtp.sock > smtp.port 2> smtp.err 3>&-) &
    local script=$!
    read -r port < smtp.port
    run openssl s_client -starttls smtp -connect "127.0.0.1:$port" -CAfile root.pem -verify_return_error -quiet < /dev/null
    assert_output --partial '250 inside'
    wait "$script"
}

@test "starttls is refused while plain text is unread, on datagrams, twice, and without a name" {
    run sockctl -c 'srv = listen 127.0.0.1:0 ; cli = connect $srv.local ; conn = srv.accept
        conn.send "220 go\r\n250 injected\r\n" ; cli.readline ; cli.starttls --insecure'
    assert_failure 2
    assert_output --partial 'still unread'
    run --separate-stderr sockctl do pair --as p , starttls -s p0 --role client
    assert_failure 2
    [[ $stderr == *--verify-name* ]]
    run --separate-stderr sockctl do socket AF_INET SOCK_DGRAM , starttls --insecure
    assert_failure 2
    run --separate-stderr sockctl -c 'srv = listen tls://127.0.0.1:0 --self-signed ; c = connect $srv.local --tls --insecure ; c.starttls --insecure'
    assert_failure 2
    [[ $stderr == *'TLS on this socket already'* ]]
}

@test "SSL_CERT_FILE and SSL_CERT_DIR stand for the system's authorities" {
    mkdir -p store
    cp root.pem store
    openssl rehash store
    run sockctl -c 'srv = listen tls://127.0.0.1:0 --cert server.pem --key server.key ; fails 8 connect sock:srv'
    assert_success
    SSL_CERT_FILE=root.pem run sockctl -c 'srv = listen tls://127.0.0.1:0 --cert server.pem --key server.key ; connect sock:srv'
    assert_success
    SSL_CERT_DIR=store run sockctl -c 'srv = listen tls://127.0.0.1:0 --cert server.pem --key server.key ; connect sock:srv'
    assert_success
}

@test "wait-ready with TLS: until the handshake succeeds; a bad certificate ends it" {
    run sockctl -c 'srv = listen tls://127.0.0.1:0 --cert server.pem --key server.key ; wait-ready sock:srv --cafile root.pem ; fails 8 wait-ready $srv.local --tls
        plain = listen 127.0.0.1:0 ; fails 124 wait-ready -t 300ms $plain.local --tls --insecure --each 100ms'
    assert_success
}

# ---- sessions and secrets ----

@test "--session resumes in another process, for the same name and trust alone; the file is 0600" {
    listener 4 '--cert server.pem --key server.key' ', send "hi\n" , close conn'
    local trust name
    for name in localhost localhost www.example.test; do
        sockctl -c "c = connect tls://127.0.0.1:$port --verify-name $name --cafile root.pem --session kept ; c.readline ; print \$c.tls.resumed"
    done > resumed
    sockctl -c "c = connect tls://127.0.0.1:$port --verify-name www.example.test --insecure --session kept ; c.readline ; print \$c.tls.resumed" >> resumed
    wait "$listener"
    run grep -v hi resumed
    assert_output $'false\ntrue\nfalse\nfalse'
    assert_equal "$(stat -c %a kept)" 600
}

@test "--keylog and SSLKEYLOGFILE: the secrets go into a file that nobody else reads" {
    s_server -cert server.pem -key server.key -rev
    sockctl connect "tls://127.0.0.1:$port" --cafile root.pem --keylog secrets
    SSLKEYLOGFILE=secrets2 sockctl connect "tls://127.0.0.1:$port" --cafile root.pem
    stop_server
    run grep -c CLIENT_TRAFFIC_SECRET_0 secrets secrets2
    assert_output $'secrets:1\nsecrets2:1'
    assert_equal "$(stat -c %a secrets)" 600
}

# ---- poll, fields, refusals ----

@test "poll: tickets are nothing to read; a record is; what is left of one is" {
    run sockctl -c 'srv = listen tls://127.0.0.1:0 --self-signed ; poll srv -t 0' # nobody yet
    assert_failure 124
    run sockctl -c 'srv = listen tls://127.0.0.1:0 --self-signed ; cli = connect $srv.local --tls --insecure
        poll srv -t 10s ; conn = srv.accept
        fails 124 poll cli -t 100ms
        conn.send "abcdef" ; poll cli -t 10s ; cli.recv 3 ; poll cli -t 0 ; cli.recv 3 ; fails 124 poll cli -t 0
        conn.close ; poll cli -t 10s ; fails 7 cli.recv'
    assert_success
}

@test "fields, info and peercert tell what there is" {
    run sockctl --json -c 'srv = listen tls://127.0.0.1:0 --cert server.pem --key server.key
        c = connect $srv.local --tls --cafile root.pem ; info c ; peercert ; ls'
    assert_success
    jq -se '.[1].result.tls | .version == "TLSv1.3" and .verify and .peer_subject == "server" and .name == "127.0.0.1" and .problems == []' <<< "$output"
    jq -se '.[3].result | .subject == "CN=server" and .names == ["DNS:localhost","DNS:www.example.test","IP:127.0.0.1"] and .days_left >= 29 and (.pem | startswith("-----BEGIN"))' <<< "$output"
    run --separate-stderr sockctl do listen :0 , peercert
    assert_failure 2
}

@test "--self-signed: the pin is told, and is all a client needs" {
    run sockctl -c 'srv = listen tls://localhost:0 --self-signed ; c = connect $srv.local --tls --pin $srv.tls.pin
        fails 8 connect $srv.local --tls
        d = connect $srv.local --tls --pin $srv.tls.pin --verify-name localhost ; print $d.tls.verify'
    assert_success
    assert_line true
    assert_output --partial 'the pin of the certificate, for --pin: '
}

@test "wrong use is 2 and says what to write" {
    local words
    while IFS='|' read -r words wanted; do
        eval "run --separate-stderr sockctl $words"
        assert_failure 2
        [[ $stderr == *"$wanted"* ]] || fail "$words: $stderr"
    done << 'LIST'
connect 127.0.0.1:1 --cafile root.pem|--cafile without TLS: write tls://
connect tls://127.0.0.1:1 --min 1.3 --max 1.2|--min 1.3 is above --max 1.2
connect tls://127.0.0.1:1 --ciphers NOSUCH|no usable cipher is in 'NOSUCH'
connect tls://127.0.0.1:1 --groups NOSUCH|NOSUCH
connect tls://127.0.0.1:1 --alpn h2,,x|1 to 255 bytes
connect tls://127.0.0.1:1 --alpn ''|1 to 255 bytes
connect tls://127.0.0.1:1 --key client.key|--key without a --cert
connect tls://127.0.0.1:1 --cafile ca.conf|no certificate is in it
connect tls://127.0.0.1:1 --crl root.pem|no revocation list is in it
connect tls://127.0.0.1:1 --pin abc|44 characters of base64 or 64 of hex
connect tls://127.0.0.1:1 --cert client.pem --key client.key --key-pass secret|file:PATH or env:NAME
connect udp://127.0.0.1:1 --tls|TLS needs a stream
listen tls://127.0.0.1:0|give --cert and --key, or --self-signed
listen tls://127.0.0.1:0 --self-signed --cert server.pem|contradict
connect tls://127.0.0.1:1 --cadir nginx|openssl rehash
LIST
}
