#!/usr/bin/env bats
# ctest: TIMEOUT 600
# Each row of tls_matrix.tsv: openssl s_server with that certificate, and sockctl by connect and by starttls.

load tls

# one NAME SUBJECT SAN [EXTENSIONS [OPTION...]]: a server's certificate by the intermediate authority.
one() {
    local name=$1 subject=$2 san=$3 ext=${4:-$LEAF}
    shift $(($# < 4 ? $# : 4))
    sign "$name" inter "$subject" "$ext${san:+$'\n'subjectAltName=$san}" "$@"
}

make_leaves() {
    local www=DNS:www.example.test
    one good /CN=good $www
    one other2 /CN=other2 $www
    sign_from expired inter /CN=expired "$LEAF"$'\n'subjectAltName=$www "$(after -60)" "$(after -22)"
    sign_from future inter /CN=future "$LEAF"$'\n'subjectAltName=$www "$(after +5)" "$(after +30)"
    sign_from expiredinter root '/CN=Expired inter' "$AUTHORITY" "$(after -60)" "$(after -22)"
    sign byexpired expiredinter /CN=byexpired "$LEAF"$'\n'subjectAltName=$www
    new_key selfsigned
    openssl req -x509 -new -key selfsigned.key -days 30 -subj /CN=selfsigned -out selfsigned.pem -addext subjectAltName=$www
    cat root.pem inter.pem > disorder.pem
    mkdir hashed hashed2
    cp root.pem hashed
    cp other.pem hashed2
    openssl rehash hashed hashed2
    sign byleaf good /CN=byleaf "$LEAF"$'\n'subjectAltName=$www
    cat good.pem inter.pem > goodinter.pem
    sign short root /CN=short "${AUTHORITY/CA:TRUE/CA:TRUE,pathlen:0}"
    sign below short /CN=below "$AUTHORITY"
    sign toodeep below /CN=toodeep "$LEAF"$'\n'subjectAltName=$www
    cat below.pem short.pem > deepchain.pem
    sign constrained root /CN=constrained "$AUTHORITY"$'\n''nameConstraints=critical,permitted;DNS:example.test'
    sign permitted constrained /CN=permitted "$LEAF"$'\n'subjectAltName=$www
    sign violated constrained /CN=violated "$LEAF"$'\n'subjectAltName=DNS:www.other.test
    sign excluding root /CN=excluding "$AUTHORITY"$'\n''nameConstraints=critical,excluded;DNS:example.test'
    sign excluded excluding /CN=excluded "$LEAF"$'\n'subjectAltName=$www
    one critical /CN=critical $www "$LEAF"$'\n''1.2.3.4=critical,DER:0500'
    cp good.key damaged.key # the last bytes of a certificate are its signature
    openssl x509 -in good.pem -outform DER | python3 -c 'import sys; d = bytearray(sys.stdin.buffer.read()); d[-3] ^= 1; sys.stdout.buffer.write(d)' |
        openssl x509 -inform DER -out damaged.pem
}

make_names() {
    one cnright /CN=www.example.test DNS:other.test
    one cnonly /CN=www.example.test ''
    one nosubject / "DNS:www.example.test"
    one wild /CN=wild 'DNS:*.example.test'
    one wildtop /CN=wildtop 'DNS:*.test'
    one wildpart /CN=wildpart 'DNS:f*.example.test'
    one wildin /CN=wildin 'DNS:a.*.example.test'
    one wildall /CN=wildall 'DNS:*'
    one ip /CN=ip IP:127.0.0.1,IP:::1
    one ipname /CN=127.0.0.1 DNS:127.0.0.1
    one nul /CN=nul "DER:3016$(printf '8214'; printf 'localhost\0.evil.test' | head -c 20 | xxd -p)"
    one dotted /CN=dotted DNS:www.example.test.
}

make_kinds() {
    local www=DNS:www.example.test key
    one clientonly /CN=clientonly $www "${LEAF/serverAuth/clientAuth}"
    one codesigning /CN=codesigning $www "${LEAF/serverAuth/codeSigning}"
    one anypurpose /CN=anypurpose $www "${LEAF%$'\n'*}"
    one nosignature /CN=nosignature $www "${LEAF/digitalSignature/dataEncipherment}"
    for key in ed:ed25519 rsa:rsa:2048 weak:rsa:1024; do
        new_key "${key%%:*}" "${key#*:}"
        one "${key%%:*}" "/CN=${key%%:*}" $www
    done
    one sha1 /CN=sha1 $www "$LEAF" -sha1
    sign client inter /CN=client "${LEAF/serverAuth/clientAuth}"
    cat inter.pem >> client.pem
    sign stranger other /CN=stranger "${LEAF/serverAuth/clientAuth}"
    printf 'secret\n' > passphrase
    openssl ec -in client.key -aes128 -passout pass:secret -out encrypted.key 2> /dev/null
    openssl pkcs12 -export -in client.pem -inkey client.key -passout pass:secret -out client.p12
}

make_lists() {
    : > index.txt
    openssl ca -config ca.conf -cert inter.pem -keyfile inter.key -revoke good.pem 2> /dev/null
    openssl ca -config ca.conf -cert inter.pem -keyfile inter.key -gencrl -out revoked.crl 2> /dev/null
    openssl ca -config ca.conf -cert inter.pem -keyfile inter.key -gencrl -crl_lastupdate "$(after -9)" -crl_nextupdate "$(after -2)" -out stale.crl 2> /dev/null
    : > index.txt
    openssl ca -config ca.conf -cert root.pem -keyfile root.key -gencrl -out root.crl 2> /dev/null
}

pin_of() { openssl x509 -in "$1" -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | base64; }

setup_file() {
    make_authorities
    make_leaves
    make_names
    make_kinds
    make_lists
    pin_of selfsigned.pem > pin
    pin_of good.pem > goodpin
}

# row DOOR CASE CERT SERVER NAME CLIENT STATUS WORDS
row() {
    local door=$1 title=$2 wanted=$7 words=$8 status=0 server client pin goodpin port
    read -r pin < pin
    read -r goodpin < goodpin
    eval "client=(${6/#@/})" # the table has quotes
    client=("${client[@]/#PIN/$pin}")
    client=("${client[@]/#GOODPIN/$goodpin}")
    words=${words/its pin is PIN/its pin is ${pin//+/.}}
    # shellcheck disable=SC2086 # several options
    s_server -cert "$3.pem" -key "$3.key" -rev $4 || { failures+=("$title: no server"); return 0; }
    if [ "$door" = connect ]; then
        sockctl connect "tls://127.0.0.1:$port" --verify-name "$5" "${client[@]}"
    else
        sockctl do connect "127.0.0.1:$port" , starttls --verify-name "$5" "${client[@]}"
    fi > out 2> messages || status=$?
    stop_server
    if [ "$status" != "$wanted" ] || { [ "$words" = @ ] && [ -s messages ]; } || { [ "$words" != @ ] && ! grep -qE "$words" messages; }; then
        failures+=("$title: status $status, wanted $wanted; $(cat messages)")
    fi
}

every_row() {
    local failures=() line fields
    export PASSPHRASE=secret
    cd "$BATS_FILE_TMPDIR" || return
    while IFS= read -r line; do
        [[ $line == \#* || -z $line ]] && continue
        mapfile -t fields < <(tr "\t" "\n" <<< "$line")
        row "$1" "${fields[@]}"
    done < "$BATS_TEST_DIRNAME/tls_matrix.tsv"
    [ ${#failures[@]} -eq 0 ] || fail "$(printf '%s\n' "${failures[@]}")"
}

@test "every row through connect" { every_row connect; }

@test "every row through starttls" { every_row starttls; }

@test "every row that fails, with --insecure: 0, told on stderr, verify false" {
    local line fields failures=() client port server status
    cd "$BATS_FILE_TMPDIR" || return
    while IFS= read -r line; do
        [[ $line == \#* || -z $line ]] && continue
        mapfile -t fields < <(tr "\t" "\n" <<< "$line")
        [[ ${fields[5]} == 8 && ${fields[4]} != *--pin* && ${fields[0]} != *client\ cert* ]] || continue
        eval "client=(${fields[4]/#@/})"
        status=0
        # shellcheck disable=SC2086 # several options
        s_server -cert "${fields[1]}.pem" -key "${fields[1]}.key" -rev ${fields[2]}
        sockctl --json connect "tls://127.0.0.1:$port" --verify-name "${fields[3]}" "${client[@]}" --insecure > out 2> messages || status=$?
        stop_server
        [[ $status == 0 ]] && jq -e '.result.tls | .verify == false and (.problems | length > 0)' out > /dev/null && continue
        failures+=("${fields[0]}: status $status; $(cat messages)")
    done < "$BATS_TEST_DIRNAME/tls_matrix.tsv"
    [ ${#failures[@]} -eq 0 ] || fail "$(printf '%s\n' "${failures[@]}")"
}
