#!/usr/bin/env bats
# ctest: TIMEOUT 600
# presets: dev asan
# Each row of tls_matrix.tsv: openssl s_server with that certificate, and sockctl by connect, starttls and tls, where it fails because of the
# certificate also with --insecure. The address sanitizer takes every third row, all with SOCKCTL_LONG=1.

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

# Chains that are long, or have two ends.
make_chains() {
    local i by=root www=DNS:www.example.test
    for ((i = 0; i < ${SOCKCTL_LONG:+80}+10; i++)); do
        cp inter.key "long$i.key"
        sign "long$i" $by "/CN=long $i" "$AUTHORITY"
        by=long$i
    done
    sign longchain $by /CN=longchain "$LEAF"$'\n'subjectAltName=$www
    for ((i -= 1; i >= 0; i--)); do cat "long$i.pem"; done > longchain.chain
    new_key oldroot
    openssl req -x509 -new -key oldroot.key -subj '/CN=Old root' -out oldroot.ca -addext "${AUTHORITY%%$'\n'*}" -addext "${AUTHORITY#*$'\n'}"
    cp oldroot.ca oldroot.pem
    sign_from oldroot oldroot '/CN=Old root' "$AUTHORITY" "$(after -60)" "$(after -22)"
    cp root.key cross.key
    sign cross oldroot '/CN=Test root' "$AUTHORITY"
    cp good.key crossed.key
    cp good.pem crossed.pem
    cat inter.pem cross.pem > crosschain.pem
    cat root.pem oldroot.pem > crossroots.pem
}

make_names() {
    local n
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
    for n in 3000 10000; do one names$n /CN=names "$(seq -f DNS:n%g.example.test -s , 0 $((n - 1)))"; done
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

# response NAME INDEX [OPTION...]: NAME.ocsp for good.pem, by the intermediate authority, which has this index.
response() {
    printf '%b' "$2" > "$1.index"
    openssl ocsp -index "$1.index" -rsigner inter.pem -rkey inter.key -CA inter.pem -issuer inter.pem -cert good.pem -respout "$1.ocsp" -ndays 7 -noverify \
        -resp_no_certs "${@:3}" > /dev/null 2>&1
}

make_responses() {
    local serial
    serial=$(openssl x509 -in good.pem -noout -serial)
    response good "V\\t350101000000Z\\t\\t${serial#*=}\\tunknown\\t/CN=good\\n"
    response revoked "R\\t350101000000Z\\t260901000000Z\\t${serial#*=}\\tunknown\\t/CN=good\\n"
    response unknown ''
    response forged "V\\t350101000000Z\\t\\t${serial#*=}\\tunknown\\t/CN=good\\n" -badsig
    python3 "$BATS_TEST_DIRNAME/ocsp_date.py" good.ocsp stale.ocsp inter.key -30
}

pin_of() { openssl x509 -in "$1" -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | base64; }

setup_file() {
    make_authorities
    make_leaves
    make_chains
    make_names
    make_kinds
    make_lists
    make_responses
    pin_of selfsigned.pem > pin
    pin_of good.pem > goodpin
}

# through DOOR OPTION...: its status in $status, what it says to people in messages.
through() {
    local door=$1 name=$2
    shift 2
    status=0
    case $door in
    connect) sockctl --json connect "tls://127.0.0.1:$port" --verify-name "$name" "$@" > out 2> messages ;;
    starttls) sockctl --json 'do' connect "127.0.0.1:$port" , starttls --verify-name "$name" "$@" > out 2> messages ;;
    tls) sockctl --json tls "127.0.0.1:$port" --no-resume --verify-name "$name" "$@" > out 2> messages ;;
    esac || status=$?
}

# What tls says to people in one sentence is in its problems, one by one.
told() { cat messages; jq -r '.result.problems[]?.text' out; }

# The fields that tell: the certificate was not accepted, and why.
INSECURE='(.result.tls // .result) | .verify == false and (.problems | length > 0 and all(.fix != ""))'

# row CASE CERT SERVER NAME CLIENT STATUS WORDS
row() {
    local title=$1 name=$4 wanted=$6 words=$7 client pin goodpin port status door
    read -r pin < "$BATS_FILE_TMPDIR/pin"
    read -r goodpin < "$BATS_FILE_TMPDIR/goodpin"
    eval "client=(${5/#@/})" # the table has quotes
    client=("${client[@]/#PIN/$pin}")
    client=("${client[@]/#GOODPIN/$goodpin}")
    words=${words/its pin is PIN/its pin is ${pin//+/.}}
    # shellcheck disable=SC2086 # several options
    s_server -cert "$2.pem" -key "$2.key" -rev $3 || { echo "$title: no server"; return 0; }
    for door in connect starttls tls; do
        through $door "$name" "${client[@]}"
        if [ "$status" != "$wanted" ] || { [ "$words" = @ ] && [ -s messages ]; } || { [ "$words" != @ ] && ! told | grep -qE "$words"; }; then
            echo "$title, $door: status $status, wanted $wanted; $(told)"
        fi
        [[ $wanted == 8 && $5 != *--pin* && $1 != *client\ cert* ]] || continue
        through $door "$name" "${client[@]}" --insecure
        [[ $status == 0 ]] && jq -se ".[-1] | $INSECURE" out > /dev/null || echo "$title, $door --insecure: status $status; $(cat out messages)"
    done
    stop_server
}

# some_rows PART PARTS: those of the table whose number is PART, PART + PARTS and so on.
some_rows() {
    local line fields i=0
    cd "$BATS_FILE_TMPDIR" && mkdir "part$1" && cd "part$1" && ln -s ../* . || return
    while IFS= read -r line; do
        [[ $line == \#* || -z $line ]] && continue
        ((i++ % $2 == $1)) || continue
        mapfile -t fields < <(tr "\t" "\n" <<< "$line")
        row "${fields[@]}"
    done < "$BATS_TEST_DIRNAME/tls_matrix.tsv"
    ((i > 100)) || echo "only $i rows"
}

@test "every row through connect, starttls and tls; certificates that are refused are taken with --insecure, and told" {
    local parts=2
    export PASSPHRASE=secret
    [[ ${SOCKCTL_PRESET:-dev} != asan || -n ${SOCKCTL_LONG:-} ]] || parts=6
    some_rows 0 $parts > "$BATS_FILE_TMPDIR/wrong" &
    local other=$!
    some_rows 1 $parts > "$BATS_FILE_TMPDIR/wrong2"
    wait $other
    run cat "$BATS_FILE_TMPDIR/wrong" "$BATS_FILE_TMPDIR/wrong2"
    assert_output ''
}
