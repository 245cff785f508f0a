#!/usr/bin/env bats
# ctest: TIMEOUT 600
# connect --starttls with servers that people run, and with peers that do not want to, lie, stop or say too much.

# presets: dev asan

load upgrade

light=(postfix dovecot vsftpd prosody slapd pgbouncer inspircd)

setup_file() {
    local name
    start_namespace
    make_authorities
    sign server root /CN=server "$LEAF"$'\n'subjectAltName=DNS:localhost,DNS:mail.example.test,IP:127.0.0.1
    start_home
    for name in "${light[@]}"; do
        "start_$name"
    done
    for port in 25 143 110 4190 21 5222 389 5432 6667; do
        answers ip netns exec "$NETNS" sockctl connect "127.0.0.1:$port"
    done
}

teardown_file() {
    stop_servers
    rm -rf "$HOME_OF_SERVERS"
}

setup() { cd "$BATS_FILE_TMPDIR" || return; }

# within PROTOCOL PORT WORD...: over the upgraded connection the dialogue WORD... goes well; the certificate was looked at.
within() {
    local protocol=$1 port=$2
    shift 2
    # shellcheck disable=SC2086 # several options
    run inside sockctl do connect -t 20s "localhost:$port" --starttls "$protocol" --cafile root.pem ${options:-} , info --json , "$@"
    assert_success
    run jq -r '.result.tls | "\(.verify) \(.peer_subject) \(.sni)"' <<< "${lines[0]}"
    assert_output 'true server localhost'
    run inside sockctl connect -t 20s "localhost:$port" --starttls "$protocol" --cafile other.pem
    assert_failure 8
}

# ---- real servers ----

@test "postfix: smtp" {
    within smtp 25 sendline HELP , expect -r '^50\d .*\r\n' , sendline QUIT , expect '221 2.0.0 Bye'
}

@test "dovecot: imap, pop3 and sieve" {
    within imap 143 sendline 'a LOGOUT' , expect -r '\* BYE .*\r\na OK '
    within pop3 110 sendline QUIT , expect -r '^\+OK'
    within sieve 4190 expect '"SASL" "PLAIN' , expect 'OK "' , readline , sendline LOGOUT , expect -r '^OK'
}

@test "vsftpd: ftp" {
    within ftp 21 sendline 'PBSZ 0' , expect '200 PBSZ set to 0' , sendline 'PROT P' , expect -r '^200 '
}

@test "prosody: xmpp, whose domain is the name that the certificate is for" {
    within xmpp 5222 send "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client' to='localhost' version='1.0'>" , \
        expect '<mechanism>' , expect '</stream:features>'
    run inside sockctl connect 127.0.0.1:5222 --starttls xmpp --cafile root.pem --verify-name localhost.
    assert_success
    run inside sockctl connect 127.0.0.1:5222 --starttls xmpp --cafile root.pem
    assert_failure 9
    assert_output --partial 'the server refused the stream: it said '\''<host-unknown'
}

@test "slapd: ldap, and a bind after it" {
    within ldap 389 send --hex 300c020101600702010304008000 , expect '0\x0c\x02\x01\x01a\x07\x0a\x01'
}

@test "pgbouncer: postgres, and a login after it" {
    within postgres 5432 send '\0\0\0\x26\0\x03\0\0user\0user\0database\0pgbouncer\0\0' , expect 'R\0\0\0\x08\0\0\0\0'
}

@test "inspircd: irc" {
    # it asks for a certificate, and with TLS 1.3 would have to say whether it misses it: connect waits for that
    options='--max 1.2' within irc 6667 sendline 'NICK me' , sendline 'USER me 0 * :me' , expect ':irc.example.test 001 me '
}

@test "mysql and nntp: the words, then TLS by Python" {
    local protocol
    for protocol in mysql nntp; do
        python_server "$protocol"
        run inside sockctl do connect -t 20s "localhost:$port" --starttls "$protocol" --cafile root.pem , sendline hello , readline , close
        assert_success
        assert_output $'hello\r'
        wait "$server"
    done
}

@test "PostgreSQL and MariaDB themselves" {
    [[ ${SOCKCTL_LONG:-} ]] || skip 'with SOCKCTL_LONG=1'
    start_postgres
    start_mariadb
    answers ip netns exec "$NETNS" sockctl connect 127.0.0.1:5433
    within postgres 5433 send '\0\0\0\x25\0\x03\0\0user\0user\0database\0postgres\0\0' , expect 'R\0\0\0\x08\0\0\0\0'
    answers ip netns exec "$NETNS" sockctl connect 127.0.0.1:3307
    within mysql 3307 send --hex '20000002 85ae7f00 00000001 21 0000000000000000000000000000000000000000000000' , expect -r '(?s)^.{4}\xff'
}

# ---- doors, and what may be given ----

@test "through every door: a line of the upgraded connection, and a refusal" {
    everywhere 0 "$(hex '221 2.0.0 Bye\r\n')" connect -t 20s localhost:25 --starttls smtp --ehlo me.example.test --cafile root.pem , sendline QUIT , readline
    everywhere 9 '' connect -t 20s localhost:110 --starttls imap --insecure
}

@test "on a socket that is there, and on a descriptor that was handed over" {
    run inside sockctl -c 's = socket ; s.connect -t 20s localhost:110 --starttls pop3 --cafile root.pem ; s.sendline QUIT ; s.expect "+OK" ; print $s.tls.verify'
    assert_success
    assert_output true
    run inside bash -c 'exec 4<> /dev/tcp/127.0.0.1/110 ; sockctl do connect fd:4 --starttls pop3 --cafile root.pem --verify-name localhost , sendline QUIT , readline'
    assert_success
    assert_output --partial '+OK'
    run inside bash -c 'exec 4<> /dev/tcp/127.0.0.1/110 ; sockctl connect fd:4 --starttls pop3 --cafile root.pem'
    assert_failure 2
    assert_output --partial --verify-name
    run inside bash -c 'exec 4<> /dev/tcp/127.0.0.1/110 ; sockctl connect fd:4 --tls --insecure'
    assert_failure 9 # and not a connection in plain text
    assert_output --partial "speaks plain text: it said '+OK"
}

@test "a server that turns us away is not the last one of the name" {
    run inside sockctl -q -c 'bad = listen 127.0.0.2:1110 ; do bad.accept --as x , close x &
        good = listen 127.0.0.3:1110 ; do good.accept --as y , y.sendline "+OK" , y.readline , y.sendline "+OK" , y.starttls --self-signed &
        c = connect -t 20s two.test:1110 --resolve two.test:127.0.0.2 --resolve two.test:127.0.0.3 --starttls pop3 --insecure
        print $c.peer $c.tls.version'
    assert_success
    assert_line '127.0.0.3:1110 TLSv1.3'
    run --separate-stderr inside sockctl -c 'srv = listen 127.0.0.2:110 ; do srv.accept --as conn , conn.sendline -- "-ERR full" , conn.read &
        connect -t 20s two.test:110 --resolve two.test:127.0.0.2 --resolve two.test:127.0.0.3 --starttls pop3 --insecure'
    assert_failure 9
    [[ $stderr == *"127.0.0.2:110 the server takes no client now: it said '-ERR full'; 127.0.0.3:110 refused"* ]]
}

@test "through a proxy, and with a PROXY header before it" {
    background microsocks -i 127.0.0.1 -p 1080
    answers ip netns exec "$NETNS" sockctl connect 127.0.0.1:1080
    run inside sockctl do connect -t 20s localhost:110 --proxy socks5://127.0.0.1:1080 --starttls pop3 --cafile root.pem , sendline QUIT , readline
    assert_success
    assert_output --partial +OK
    run inside sockctl connect -t 20s localhost:110 --proxy socks5://127.0.0.1:1080 --starttls imap --cafile root.pem
    assert_failure 9
    assert_output --partial "connect to localhost:110: the server does not speak IMAP: it said '+OK"
    run inside sockctl -q -c 'srv = listen 127.0.0.1:1111 ; do srv.accept --as x , x.readline , x.sendline "+OK" , x.readline , x.sendline "+OK" , x.starttls --self-signed &
        c = connect -t 20s 127.0.0.1:1111 --send-proxy v1 --starttls pop3 --insecure ; print $c.tls.version'
    assert_success
    assert_line --regexp '^PROXY TCP4 127.0.0.1 127.0.0.1 [0-9]* 1111'
    assert_line STLS$'\r'
    assert_line TLSv1.3
}

@test "tls inspects them all" {
    local server
    for server in smtp:25 imap:143 pop3:110 sieve:4190 ftp:21 xmpp:5222 ldap:389 postgres:5432 irc:6667; do
        run inside sockctl tls -j -t 20s "localhost:${server#*:}" --starttls "${server%:*}" --cafile root.pem --max 1.2
        assert_success
        run jq -r '.result | "\(.starttls) \(.verify)"' <<< "$output"
        assert_output "${server%:*} true"
    done
    run inside sockctl tls -t 20s localhost:110 --starttls imap --cafile root.pem
    assert_failure 9
    assert_output --partial 'does not speak IMAP'
}

@test "completion knows the protocols" {
    run sockctl completion words -- connect --starttls p
    assert_success
    assert_line --partial pop3
    assert_line --partial postgres
}

# ---- peers ----

# refused PROTOCOL STATUS WORDS ACTION...: sockctl's message matches the ERE, when the peer says it byte by byte ($ways: or at once).
refused() {
    local protocol=$1 wanted=$2 words=$3 way actions address status
    shift 3
    for way in ${ways:-sendslow}; do
        actions=("${@/#send:/$way:}")
        rm -f address && mkfifo address
        (exec peer "${actions[@]}" > address 2> peer.log 3>&-) &
        exec 5< address
        read -r address <&5
        status=0
        sockctl connect -t "${limit:-20s}" "$address" --starttls "$protocol" --insecure --verify-name example.test > messages 2>&1 || status=$?
        cat <&5 > said
        exec 5<&-
        wait $! || :
        if [[ $status != "$wanted" ]] || ! grep -qE "$words" messages; then
            failures+=("$protocol $way $*: $status, $(cat messages)")
        fi
    done
}

@test "peers that do not upgrade: what they said, and 9" {
    local failures=()
    refused smtp 9 "no client now: it said '554 go .x1b.31maway'" 'send:554 go \x1b[31maway\r\n' wait
    refused smtp 9 "not offer STARTTLS: its answer to EHLO is '250-mx 250 HELP'" 'send:220-a\r\n220 b\r\n' recvline 'send:250-mx\r\n250 HELP\r\n' wait
    refused smtp 9 "refused STARTTLS: it said '454 4.7.0 later'" 'send:220 b\r\n' recvline 'send:250-mx\r\n250 STARTTLS\r\n' recvline 'send:454 4.7.0 later\r\n' wait
    refused ftp 9 "refused AUTH TLS: it said '530 login first'" 'send:220-hi\r\n 220\r\n220 there\r\n' recvline 'send:530 login first\r\n' wait
    refused irc 9 "refused STARTTLS: it said ':irc 421" recvline 'send:NOTICE * :hi\r\n:irc 421 * STARTTLS :Unknown command\r\n' wait
    refused xmpp 9 "not offer STARTTLS" recv:117 'send:<stream:stream><stream:features></stream:features>' wait
    refused ldap 9 'result 52 .unavailable., it said .no TLS' recv:31 'send:0\x84\0\0\0\x1b\x02\x01\x01\x78\x84\0\0\0\x12\x0a\x01\x34\x04\0\x04\x0bno TLS here' wait
    refused postgres 9 "does not offer TLS: .*'N'" recv:8 'send:N' wait
    refused mysql 9 'error 1040, it said .Too many connections' 'send:\x17\0\0\0\xff\x10\x04Too many connections' wait
    [ ${#failures[@]} -eq 0 ] || fail "$(printf '%s\n' "${failures[@]}")"
}

@test "peers that speak something else, stop, break off or stay silent" {
    local failures=()
    refused smtp 9 "does not speak SMTP: it said 'SSH-2.0-x'" 'send:SSH-2.0-x\r\n' wait
    refused ldap 9 'does not speak LDAP' recv:31 'send:HTTP/1.1 400 Bad Request\r\n' wait
    refused smtp 7 "without an answer to EHLO; it said '250-mx'" 'send:220 b\r\n' recvline 'send:250-mx' close
    refused xmpp 7 'without an answer to the stream' recv:117 'send:<stream:stream><stream:fea' close
    refused pop3 6 'reset by peer' 'send:+OK\r\n' recvline reset
    limit=300ms
    refused smtp 124 'no greeting from the server .where TLS begins at once, write tls' wait
    refused irc 124 'no answer to STARTTLS from the server' recvline 'send:NOTICE * :hi\r\n' wait
    [ ${#failures[@]} -eq 0 ] || fail "$(printf '%s\n' "${failures[@]}")"
}

@test "a byte more than the go-ahead is refused, whenever it comes" {
    local failures=() ways='send sendslow'
    refused smtp 9 'before TLS began: .2.*STARTTLS injection|plain text: it said .2' 'send:220 b\r\n' recvline 'send:250 STARTTLS\r\n' recvline 'send:220 go\r\n250 evil\r\n' wait
    refused postgres 9 'before TLS began|plain text' recv:8 'send:SEevil' wait
    [ ${#failures[@]} -eq 0 ] || fail "$(printf '%s\n' "${failures[@]}")"
    grep -q '^recv' said # of the dialogue, and nothing in plain text after it
}

@test "JSON: the failure has the words of the server" {
    run --separate-stderr sockctl -j -c 'srv = listen 127.0.0.1:0 ; do srv.accept --as conn , conn.sendline "554 \x1b[2Jno" , conn.read &
        connect $srv.local --starttls smtp --insecure'
    assert_failure 9
    run jq -rs 'map(select(.cmd == "connect"))[0].error | "\(.code) \(.exit) \(.message)"' <<< "$output"
    assert_output --regexp "^TLS_HANDSHAKE 9 connect to 127.0.0.1:[0-9]+: the server takes no client now: it said '554 .x1b\[2Jno'$"
}

@test "EHLO has the name that is given, else that of the machine" {
    local ehlo
    for ehlo in '--ehlo [192.0.2.1]' ''; do
        rm -f address && mkfifo address
        (exec peer 'send:220 b\r\n' recvline close > address 3>&-) &
        exec 5< address
        read -r address <&5
        # shellcheck disable=SC2086 # two words or none
        run sockctl connect "$address" --starttls smtp --insecure $ehlo
        assert_failure 7
        read -r said <&5
        exec 5<&-
        wait $! || :
        [[ $said == "recvline EHLO $( [[ $ehlo ]] && echo '[192.0.2.1]' || uname -n)\\r\\n" ]] || fail "$said"
    done
}
