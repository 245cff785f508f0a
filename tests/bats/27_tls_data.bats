#!/usr/bin/env bats
# presets: dev asan
# ctest: TIMEOUT 900
# TLS loses nothing and hides nothing: what was written before a close arrives at other programs, no line is a command, a refusal after the
# handshake is never success, and a transport that gives single bytes is waited for. All hundred rounds with SOCKCTL_LONG=1.

load servers
load tls

setup_file() {
    start_namespace
    make_authorities
    sign server root /CN=server "$LEAF"$'\n'subjectAltName=DNS:localhost,IP:127.0.0.1
    sign client root /CN=client "${LEAF/serverAuth/clientAuth}"
    sign stranger other /CN=stranger "${LEAF/serverAuth/clientAuth}"
    head -c 4194304 /dev/urandom > big
    export PKI=$BATS_FILE_TMPDIR ROUNDS=1
    [ -z "${SOCKCTL_LONG:-}" ] || ROUNDS=100
}

teardown_file() { stop_servers; }

setup() { cd "$BATS_FILE_TMPDIR" || return; }

# ---- all of it, then close ----

# arrives FILE: within 20 s it is what was sent.
arrives() {
    timeout 20 bash -c 'until cmp -s big "$1"; do :; done' - "$1" || { ls -l "$1" >&2; return 1; }
}

@test "4 MiB, then close: stunnel hands on all of it" {
    local version i
    printf '%s\n' 'foreground = yes' 'pid =' '[in]' 'accept = 127.0.0.1:7001' 'connect = 127.0.0.1:7002' "cert = $PKI/server.pem" \
        "key = $PKI/server.key" > stunnel.conf
    background stunnel stunnel.conf
    answers ip netns exec "$NETNS" sockctl connect 127.0.0.1:7001
    for version in 1.2 1.3; do
        for ((i = 0; i < ROUNDS; i++)); do
            rm -f got
            run inside sockctl -c "plain = listen -q 127.0.0.1:7002
                do connect tls://127.0.0.1:7001 --cafile root.pem --max $version , sendall --file big , close &
                conn = accept -s plain ; conn.read -o got ; wait"
            assert_success
            cmp big got
        done
    done
}

@test "4 MiB, then close: nginx has all of the body of a request" {
    local version i
    mkdir -p nginx
    cat > nginx/conf << CONF
daemon off; master_process off; pid $PKI/nginx/pid; error_log $PKI/nginx/error.log; user root;
events { worker_connections 64; }
http {
    access_log off; client_body_temp_path $PKI/nginx/body; proxy_temp_path $PKI/nginx/b; fastcgi_temp_path $PKI/nginx/c;
    uwsgi_temp_path $PKI/nginx/d; scgi_temp_path $PKI/nginx/e; client_max_body_size 8m;
    server { listen 127.0.0.1:8443 ssl; ssl_certificate $PKI/server.pem; ssl_certificate_key $PKI/server.key; ssl_protocols TLSv1.2 TLSv1.3;
             location / { client_body_in_file_only on; proxy_pass http://127.0.0.1:1; } }
}
CONF
    background nginx -c "$PKI/nginx/conf" -p "$PKI/nginx" -e "$PKI/nginx/error.log"
    answers ip netns exec "$NETNS" sockctl connect 127.0.0.1:8443
    for version in 1.2 1.3; do
        for ((i = 0; i < ROUNDS; i++)); do
            rm -f nginx/body/*
            run inside sockctl do connect tls://127.0.0.1:8443 --cafile root.pem --max $version , \
                send 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4194304\r\n\r\n' , sendall --file big , close
            assert_success
            timeout 20 bash -c 'until [ -n "$(ls nginx/body)" ]; do :; done'
            arrives nginx/body/*
        done
    done
}

# ---- lines are data ----

@test "lines that other programs take for commands pass both ways" {
    printf 'Q\nR\nk\nK\nB\nQ' > lines
    cat > echo.py << 'PY'
import socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.pem", "server.key")
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
c = context.wrap_socket(s.accept()[0], server_side=True)
while data := c.recv(4096):
    c.sendall(data)
c.unwrap().close()
PY
    rm -f echo.port && mkfifo echo.port
    (exec python3 echo.py > echo.port 3>&-) &
    local echo=$!
    read -r port < echo.port
    run sockctl do connect "tls://127.0.0.1:$port" --cafile root.pem , sendall --file lines , shutdown wr , read -o back
    assert_success
    cmp lines back
    wait "$echo"
    local line said='' words=''
    for line in Q R k; do # each way, a line at a time
        words+=" ; cli.sendline --eol lf $line ; conn.readline ; conn.sendline --eol lf $line ; cli.readline"
        said+=$line$'\n'$line$'\n'
    done
    run sockctl -c "srv = listen -q tls://127.0.0.1:0 --cert server.pem --key server.key ; cli = connect sock:srv --cafile root.pem ; conn = srv.accept$words"
    assert_success
    assert_output "${said%?}"
}

# ---- refused after the handshake ----

# refused WORD...: sockctl does not end with 0, and says who refused what.
refused() {
    run --separate-stderr timeout 60 sockctl "$@"
    [ "$status" -eq 8 ] || [ "$status" -eq 9 ] || fail "status $status: $* / $output / $stderr"
    [[ $stderr == *certificate* ]] || fail "$*: $stderr"
}

@test "TLS 1.3: a client certificate that is missing or refused is no success, whatever the command does next" {
    local own address
    s_server -cert server.pem -key server.key -CAfile root.pem -Verify 2 -verify_return_error -tls1_3 -rev
    address=tls://127.0.0.1:$port
    for own in '' '--cert stranger.pem --key stranger.key'; do
        # shellcheck disable=SC2086  # options
        {
            refused connect "$address" --cafile root.pem $own
            refused do connect "$address" --cafile root.pem $own , send 'hello\n'
            refused do connect "$address" --cafile root.pem $own , send 'hello\n' , read
            refused do connect "$address" --cafile root.pem $own , sendall --file big , close
            refused do connect "$address" --cafile root.pem $own , close
            refused do connect "$address" --cafile root.pem $own , shutdown wr , read
            refused do connect "tcp://127.0.0.1:$port" , starttls --cafile root.pem $own , send 'hello\n' , close
        }
    done
    run sockctl do connect "$address" --cafile root.pem --cert client.pem --key client.key , send 'hello\n' , close
    stop_server
    assert_success
}

# ---- thin transports ----

@test "a transport of one byte at a time: poll, readline and both ends of the dialogue" {
    cat > thin.py << 'PY'
import socket, sys, threading
def carry(a, b):
    b.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while data := a.recv(1):
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
for i in range(2):
    near = s.accept()[0]
    far = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    both = [threading.Thread(target=carry, args=ends) for ends in ((near, far), (far, near))]
    for one in both:
        one.start()
    for one in both:
        one.join()
PY
    local version
    s_server -cert server.pem -key server.key -rev
    rm -f thin.port && mkfifo thin.port
    (exec python3 thin.py "$port" > thin.port 3>&-) &
    local thin=$!
    read -r port < thin.port
    for version in 1.2 1.3; do
        run sockctl -c "c = connect -t 20s tls://127.0.0.1:$port --cafile root.pem --max $version
            c.send 'abc\n' ; poll c -t 20s ; c.readline -t 20s ; c.send 'one\ntwo\n' ; poll c -t 20s ; c.readline -t 20s ; poll c -t 20s ; c.readline -t 20s
            fails 124 poll c -t 0 ; c.close"
        assert_success
        assert_output $'c in\ncba\nc in\neno\nc in\nowt'
    done
    stop_server
    wait "$thin"
}
