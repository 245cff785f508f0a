#!/usr/bin/env bats
# ctest: TIMEOUT 600
# presets: dev asan
# tls: servers are looked at and explained. nginx with several certificates, openssl, scripts that speak plain text first, and servers that misbehave.

load servers
load tls

www=DNS:localhost,DNS:www.example.test,IP:127.0.0.1

setup_file() {
    start_namespace
    make_authorities
    sign server inter /CN=server "$LEAF"$'\n'subjectAltName=$www
    sign_from expired root /CN=expired "$LEAF"$'\n'subjectAltName=DNS:expired.test "$(after -60)" "$(after -22)"
    new_key own
    openssl req -x509 -new -key own.key -days 30 -subj /CN=own -out own.pem -addext subjectAltName=DNS:own.test
    sign client inter /CN=client "${LEAF/serverAuth/clientAuth}"
    cat inter.pem >> client.pem
    cp server.pem leaf.pem
    cat inter.pem >> server.pem
    start_sites
}

# nginx: good.test, expired.test, own.test, alone.test (without its chain), asks.test (wants a certificate); 8080 is plain HTTP.
start_sites() {
    local site dir=$BATS_FILE_TMPDIR/nginx
    mkdir -p "$dir"
    {
        printf '%s\n' "daemon off; master_process off; pid $dir/pid; error_log $dir/error.log; events { worker_connections 512; }" \
            "http { access_log off; ssl_protocols TLSv1.2 TLSv1.3; client_body_temp_path $dir/a; proxy_temp_path $dir/b; fastcgi_temp_path $dir/c; uwsgi_temp_path $dir/d; scgi_temp_path $dir/e;" \
            'server { listen 127.0.0.1:8080; }'
        for site in good:server:server expired:expired:expired own:own:own alone:leaf:server 'asks:server:server:ssl_verify_client optional_no_ca;'; do
            IFS=: read -r site cert key more <<< "$site"
            printf '%s\n' "server { listen 127.0.0.1:8443 ssl; server_name $site.test; $more" \
                "ssl_certificate $BATS_FILE_TMPDIR/$cert.pem; ssl_certificate_key $BATS_FILE_TMPDIR/$key.key; }"
        done
        printf '}\n'
    } > "$dir/conf"
    background nginx -c "$dir/conf" -p "$dir" -e "$dir/error.log"
    answers ip netns exec "$NETNS" sockctl connect 127.0.0.1:8443
}

teardown_file() { stop_servers; }

setup() { cd "$BATS_FILE_TMPDIR" || return; }
teardown() { [ -z "${server:-}" ] || stop_server; }

# site NAME [OPTION...]: what tls says of a site of nginx.
site() {
    local name=$1
    shift
    run --separate-stderr inside sockctl tls "$name.test:8443" --resolve "$name.test:127.0.0.1" --cafile root.pem "$@"
}

# told STATUS WORDS...: that status, each of the words on stdout, and no control character in all of it.
told() {
    local words
    assert_equal "$status" "$1"
    for words in "${@:2}"; do
        assert_output --partial "$words"
    done
    [[ $output != *[$'\001'-$'\010'$'\013'-$'\037'$'\177']* ]]
}

# ---- what there is ----

@test "a server that is well: what was agreed on, the chain, the session, times; status 0" {
    site good --verify-name www.example.test --alpn h2,http/1.1
    told 0 'all is well' 'TLSv1.3, TLS_AES_256_GCM_SHA384' 'ALPN http/1.1' 'no certificate is asked for' 'no response was sent' 'handshake ' \
        'DNS:localhost, DNS:www.example.test, IP:127.0.0.1' 'CN=Test inter' ' days left' 'EC prime256v1, signed with ecdsa-with-SHA256' \
        "the chain ends in 'Test root', which root.pem has"
    assert_equal "$stderr" ''
    site good --verify-name www.example.test --json
    jq -e '.ok and (.result | .exit == 0 and .code == null and .verify and .problems == [] and .version == "TLSv1.3" and .target == "good.test:8443"
        and .addr.text == "127.0.0.1:8443" and .name == "www.example.test" and .sni == "www.example.test" and .client_certificate == false and .ocsp.state == "absent"
        and ([.timing.tcp_ms, .timing.handshake_ms] | all(. >= 0)) and [.chain[].subject] == ["CN=server", "CN=Test inter"])' <<< "$output"
    site good --verify-name www.example.test --brief
    assert_output --regexp '^good.test:8443 ok TLSv1.3 (29|30) days left$'
}

@test "whether sessions are resumed: by ticket, by the server's memory, refused, not offered, not tried" {
    local options wanted line
    while IFS='|' read -r options line wanted; do
        # shellcheck disable=SC2086 # several options
        s_server -cert server.pem -key server.key -cert_chain inter.pem -rev $options
        # shellcheck disable=SC2086
        run sockctl --json tls "127.0.0.1:$port" --cafile root.pem $line
        stop_server
        assert_success
        jq -e "$wanted" <<< "$output" || fail "$options: $output"
    done << 'LIST'
-tls1_3||.result.resumption | .offered and .by == "ticket" and .resumed and .lifetime > 0 and .ms > 0
-tls1_2||.result.resumption | .offered and .by == "ticket" and .resumed
-tls1_2 -no_ticket||.result.resumption | .offered and .by == "session id" and .lifetime == null and .resumed
-tls1_2 -no_ticket -no_cache||.result.resumption | .offered == false and .resumed == false
-tls1_3 -num_tickets 0||.result.resumption | .offered == false and .resumed == false
-tls1_3|--no-resume|.result.resumption == null
LIST
}

@test "whether a client certificate is asked for, wanted, accepted" {
    local version
    site asks --verify-name localhost --sni asks.test
    told 0 'the server asks for a certificate'
    for version in -tls1_2 -tls1_3; do
        s_server -cert server.pem -key server.key -cert_chain inter.pem -rev $version -CAfile root.pem -Verify 3 -verify_return_error
        run --separate-stderr sockctl tls "127.0.0.1:$port" --cafile root.pem
        told 8 'TLS_VERIFY (status 8)' 'the server wants a client certificate: give --cert and --key' 'CN=server'
        [[ $stderr == *'wants a client certificate'* ]]
        run --separate-stderr sockctl tls "127.0.0.1:$port" --cafile root.pem --cert client.pem --key client.key
        told 0 'all is well' 'the server asks for a certificate'
        stop_server
    done
}

@test "a server that sends a good response of its authority, and one that is revoked" {
    local serial state
    serial=$(openssl x509 -in server.pem -noout -serial)
    for state in "V\t350101000000Z\t" "R\t350101000000Z\t260901000000Z"; do
        printf '%b\t%s\tunknown\t/CN=server\n' "$state" "${serial#*=}" > index
        openssl ocsp -index index -rsigner inter.pem -rkey inter.key -CA inter.pem -issuer inter.pem -cert server.pem -respout response -ndays 7 -noverify > /dev/null 2>&1
        s_server -cert server.pem -key server.key -cert_chain inter.pem -rev -status_file response
        run --separate-stderr sockctl tls "127.0.0.1:$port" --cafile root.pem
        stop_server
        [[ $state == V* ]] && told 0 'ocsp         good, as of 20' ', until 20'
        [[ $state == V* ]] || told 8 'revoked on 2026-09-01, as its OCSP response says' 'ocsp         revoked, as of 20'
    done
    run sockctl -c 'srv = listen tls://127.0.0.1:0 --self-signed ; tls $srv.local --pin $srv.tls.pin --ocsp'
    told 8 'switch on stapling at the server'
}

# ---- what is wrong ----

@test "every problem is told, with what to do" {
    site expired --verify-name www.example.test --sni expired.test
    told 8 'expired on ' '(22 days ago)' 'renew it, and make the server load the new one' 'the certificate is for expired.test; www.example.test was asked for' \
        'connect by a name that it has'
    [[ $stderr == *'expired.test:8443: the certificate '*'; and the certificate '* ]]
    site own
    told 8 'self-signed' "--pin $(openssl x509 -in own.pem -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | base64)"
    site alone --verify-name localhost --sni alone.test
    told 8 "the issuer 'Test inter' is not known" 'let the server send its whole chain' fullchain.pem
    site expired --verify-name www.example.test --sni expired.test --json
    jq -e '.ok and .result.exit == 8 and .result.code == "TLS_VERIFY" and (.result.problems | map(.code) | sort == [10, 62])' <<< "$output"
}

@test "--insecure: problems are told and do not count, but for the pin" {
    site expired --insecure
    told 0 'accepted with --insecure, not verified' 'expired on '
    site expired --insecure --pin 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU= --brief
    told 8 'TLS_VERIFY the certificate expired on' '(and 1 more)'
}

@test "--warn: 1 when a certificate ends by then, also that of an authority; a certificate that is refused is still 8" {
    site good --verify-name localhost --warn 29d
    told 0
    site good --verify-name localhost --warn 31d
    told 1 'ASSERT (status 1)' 'the certificate ends on ' "the authority CN=Test inter ends on"
    site expired --warn 31d --brief
    told 8 'expired on '
    run --separate-stderr sockctl tls :1 --warn 30x
    assert_failure 2
}

@test "what speaks plain text is quoted, with the option to upgrade it" {
    local banner wanted
    while IFS='|' read -r banner wanted; do
        run --separate-stderr sockctl -c "srv = listen 127.0.0.1:0 ; do srv.accept --as c , c.send '$banner' , c.read -o /dev/null & tls \$srv.local"
        told 9 "this server speaks plain text: it said '${banner%%\\r*}'" "$wanted"
        [[ $stderr == *'speaks plain text: it said'* ]]
    done << 'LIST'
220 mx.example.test ESMTP\r\n|--starttls smtp
220-ftp.example.test FTP server ready\r\n|--starttls ftp
+OK POP3 ready\r\n|--starttls pop3
* OK IMAP4rev1 ready\r\n|--starttls imap
200 news.example.test InterNetNews\r\n|--starttls nntp
:irc.example.test NOTICE * :*** Looking up\r\n|--starttls irc
SSH-2.0-OpenSSH_9.2\r\n|see ssh-keyscan
J\x1b[2J\x00x\r\n|\x1b
LIST
    run --separate-stderr inside sockctl tls 127.0.0.1:8080
    told 9 "it said 'HTTP/1.1 400" 'a port for plain HTTP'
    run --separate-stderr inside sockctl tls 127.0.0.1:8080 --json
    jq -e '.ok == false and .error.code == "TLS_HANDSHAKE" and (.error.said | startswith("HTTP/1.1 400")) and .error.exit == 9' <<< "$output"
}

@test "a server that says nothing and leaves: the port tells what it may be" {
    run --separate-stderr inside sockctl -c 'srv = listen 127.0.0.1:5432 ; do srv.accept --as c , c.recv 8 -o /dev/null , close c & tls 127.0.0.1:5432'
    told 6 'a server on this port may want --starttls postgres'
    run --separate-stderr inside sockctl -c 'srv = listen 127.0.0.1:389 ; do srv.accept --as c , c.recv -o /dev/null , close c & tls 127.0.0.1:389'
    told 9 'the server closed the connection' 'a server on this port may want --starttls ldap'
}

@test "--starttls: a mail server is looked at through its own protocol, twice" {
    cat > smtp.sock << 'SOCK'
srv = listen 127.0.0.1:0
print $srv.local.port
repeat -n 2 do srv.accept --as conn , sendline '220 mail ESMTP' , readline -o /dev/null , send '250-mail\r\n250 STARTTLS\r\n' , readline -o /dev/null , sendline '220 go on' , starttls --cert server.pem --key server.key , read -o /dev/null
SOCK
    rm -f smtp.port && mkfifo smtp.port
    (exec sockctl -f smtp.sock > smtp.port 2> smtp.err 3>&-) &
    local script=$!
    read -r port < smtp.port
    run --separate-stderr sockctl tls "127.0.0.1:$port" --starttls smtp --cafile root.pem --json
    told 0
    jq -e '.result | .exit == 0 and .starttls == "smtp" and .timing.starttls_ms >= 0 and .resumption.resumed != null' <<< "$output"
    wait "$script"
    run --separate-stderr sockctl -c "srv = listen 127.0.0.1:0 ; do srv.accept --as c , c.sendline '554 go away' , c.read -o /dev/null & tls \$srv.local --starttls smtp"
    told 9 '554 go away'
}

@test "through a proxy: the target is looked at, twice, and its faults are told" {
    background microsocks -i 127.0.0.1 -p 1080
    answers ip netns exec "$NETNS" sockctl connect 127.0.0.1:1080
    run --separate-stderr inside sockctl tls --proxy socks5://127.0.0.1:1080 127.0.0.1:8443 --verify-name localhost --cafile root.pem --json
    told 0
    jq -e '.result | .exit == 0 and .name == "localhost" and .target == "127.0.0.1:8443" and .resumption.resumed' <<< "$output"
    run --separate-stderr inside sockctl tls --proxy socks5://127.0.0.1:1080 127.0.0.1:8080
    told 9 "it said 'HTTP/1.1 400"
    run --separate-stderr inside sockctl tls --proxy socks5://127.0.0.1:1 127.0.0.1:8443 --json
    told 5
    jq -e '.error | .code == "ECONNREFUSED" and .blame == "way" and .name == "127.0.0.1:8443"' <<< "$output"
}

# ---- servers that misbehave, through every door (RELIABILITY D4, rows 58 to 65) ----

@test "cut off, reset, stalled, full of nonsense: the same status through connect, starttls and tls" {
    local ways=() wanted=() limits=() failures=() i status door limit
    while read -r way status limit; do
        for door in connect starttls tls; do
            ways+=("$way")
            wanted+=("$door $status")
            limits+=("$limit")
        done
    done << 'LIST'
oversize 9 20s
zeros 9 20s
alerts 9 20s
garbage 9 20s
stall:1 124 300ms
stall:50 124 300ms
stall:99 124 300ms
cut:0 9 20s
cut:1 9 20s
cut:50 9 20s
cut:99 9 20s
reset:0 6 20s
reset:50 6 20s
fin 7 20s
rst 6 20s
tickets:10000 0 20s
LIST
    hostile "${ways[@]}"
    for i in "${!ways[@]}"; do
        status=0
        read -r door limit <<< "${wanted[i]}"
        case $door in
        connect) sockctl 'do' connect -t "${limits[i]}" "tls://127.0.0.1:$port" --cafile root.pem , recv ;;
        starttls) sockctl 'do' connect "127.0.0.1:$port" , starttls -t "${limits[i]}" --cafile root.pem , recv ;;
        tls) sockctl tls -t "${limits[i]}" "127.0.0.1:$port" --cafile root.pem --no-resume ;;
        esac > out 2>&1 || status=$?
        [[ $status == "$limit" ]] || failures+=("${ways[i]}, $door: $status, not $limit: $(cat out)")
    done
    stop_server
    [ ${#failures[@]} -eq 0 ] || fail "$(printf '%s\n' "${failures[@]}")"
}

# ---- many ----

@test "a list from stdin: one answer a line, in order, none lost; the gravest decides" {
    local i n=200
    [ -z "${SOCKCTL_LONG:-}" ] || n=3000
    {
        printf '# sites\n\n'
        for ((i = 0; i < n; i += 4)); do
            printf 'good.test:8443\r\nown.test 8443   # its own\n127.0.0.1:1\n::1 no port at all\n'
        done
    } > list
    inside sockctl tls - --json --cafile root.pem --verify-name localhost --resolve good.test:127.0.0.1 --resolve own.test:127.0.0.1 --sni good.test --no-resume \
        --concurrency 16 < list > answers 2> messages || assert_equal $? 5
    assert_equal "$(grep -c . answers)" $n
    jq -se 'map(.result.target // .error.name) | [range(0; length; 4) as $i | .[$i:$i + 4]] | all(. == ["good.test:8443", "own.test:8443", "127.0.0.1:1", "::1 no port at all"])' answers
    jq -se 'map(.error.exit // .result.exit) | [range(0; length; 4) as $i | .[$i:$i + 4]] | all(. == [0, 0, 5, 2])' answers
    run cat messages
    assert_output --partial "tls: $((n / 2)) of $n are well; the worst: "
}

@test "one that is stalled keeps nobody waiting; its time is its own; as they come with --no-ordered" {
    run --separate-stderr inside sockctl -c 'mute = listen 127.0.0.1:0 ; tls --attempt 400ms --no-ordered --cafile root.pem --verify-name localhost $mute.local 127.0.0.1:8443'
    assert_equal "$status" 124
    assert_line --index 0 --partial '127.0.0.1:8443 ok TLSv1.3'
    assert_line --index 1 --partial '! ETIMEDOUT '
    run --separate-stderr inside sockctl -c 'mute = listen 127.0.0.1:0 ; tls -t 400ms --concurrency 1 --json --cafile root.pem --verify-name localhost $mute.local 127.0.0.1:8443 $mute.local'
    assert_equal "$status" 124
    assert_equal "$(jq -sc 'map(.error.exit)' <<< "$output")" '[124,124,124]'
}

# ---- files ----

@test "--file: the certificates of a file, verified as those of a server" {
    run --separate-stderr sockctl tls --file server.pem --cafile root.pem --verify-name www.example.test
    told 0 'server.pem  for www.example.test' 'all is well' 'CN=server' 'CN=Test inter'
    run --separate-stderr sockctl tls --file server.pem --cafile root.pem --verify-name www.example.test --json
    jq -e '.ok and (.result | .exit == 0 and .verify and .addr == null and .version == null and .timing == null and (.chain | length == 2))' <<< "$output"
    openssl x509 -in expired.pem -outform DER > expired.der
    run --separate-stderr sockctl tls --file expired.der --cafile root.pem --verify-name localhost
    told 8 'expired on ' 'is for expired.test; localhost was asked for'
    run --separate-stderr sockctl tls --file leaf.pem --cafile root.pem
    told 8 "the issuer 'Test inter' is not known"
    run --separate-stderr sockctl tls --file server.key
    assert_failure 2
    [[ $stderr == *'no certificate is in it'* ]]
}

@test "names that want to act on the terminal are escaped; ten thousand of them are counted" {
    openssl req -x509 -new -key own.key -days 30 -out hostile.pem -utf8 -nameopt utf8 -subj "/CN=$(printf 'evil\033[2J\a\r\nverdict      all is well')" \
        -addext "subjectAltName=DNS:$(printf 'a\033]0;x'),email:x@y.test,URI:http://u.test/,IP:::1,RID:1.2.3.4,dirName:dir"$'\n'$'[dir]\nCN=inner' 2> /dev/null ||
        openssl req -x509 -new -key own.key -days 30 -out hostile.pem -subj "/CN=$(printf 'evil\033[2J\a\r\nverdict      all is well')"
    run --separate-stderr sockctl tls --file hostile.pem
    told 8 'evil\x1b[2J\x07\r\nverdict      all is well'
    run sockctl tls --file hostile.pem --brief
    told 8
    assert_equal "${#lines[@]}" 2
    sign many root /CN=many "$LEAF"$'\n'"subjectAltName=$(seq -f DNS:n%g.example.test -s , 0 9999)"
    run --separate-stderr sockctl tls --file many.pem --cafile root.pem --verify-name n9999.example.test
    told 0 'and 9988 more'
    ((${#output} < 4000))
    run --separate-stderr sockctl tls --file many.pem --cafile root.pem --verify-name n10000.example.test
    told 8 'is for n0.example.test, n1.example.test, n2.example.test (+9997); n10000.example.test was asked for'
    ((${#output} < 4000))
}

@test "wrong use is 2 and says what to write" {
    local words wanted
    while IFS='|' read -r words wanted; do
        eval "run --separate-stderr sockctl tls $words"
        assert_failure 2
        assert_equal "$output" ''
        [[ $stderr == *"$wanted"* ]] || fail "$words: $stderr"
    done << 'LIST'
|Write HOST:PORT, or - to read a list from stdin, or --file PEM
127.0.0.1:1 --file server.pem|servers or at certificates in a file
127.0.0.1:1 --session kept|tls itself looks whether the server resumes one
127.0.0.1:1 --ehlo me|is a word of --starttls smtp
tls://127.0.0.1:1 --starttls smtp|write HOST:PORT
127.0.0.1:1 --starttls gopher|is not one of smtp
127.0.0.1:1 --alpn-required|--alpn-required without --alpn
127.0.0.1:1 --cert nosuch --key nosuch --key x|--key without a --cert
udp://127.0.0.1:1|TLS needs a stream
fd:3|a socket that is there
'*:1'|every address of this machine
127.0.0.1|has no port
LIST
}
