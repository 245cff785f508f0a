# Certificates made by openssl, and openssl itself as server and client. Everything is in $BATS_FILE_TMPDIR.
# shellcheck disable=SC2034,SC2016  # names for those that load this; expressions for an inner shell

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

# The extensions of a server's certificate, and of an authority's.
LEAF=$'basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth'
AUTHORITY=$'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign'

# new_key NAME [KIND]: ec, rsa:BITS or ed25519.
new_key() {
    case ${2:-ec} in
    ec) openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" ;;
    rsa:*) openssl genrsa -out "$1.key" "${2#rsa:}" 2> /dev/null ;;
    *) openssl genpkey -algorithm "$2" -out "$1.key" ;;
    esac
}

# sign NAME BY SUBJECT EXTENSIONS [OPTION...]: NAME.pem for NAME.key (made when it is not there) by BY.pem.
sign() {
    local name=$1 by=$2 subject=$3
    [ -e "$name.key" ] || new_key "$name"
    printf '%s\n' "$4" > "$name.ext"
    shift 4
    openssl req -new -key "$name.key" -subj "$subject" -out "$name.csr" -config /dev/null -batch 2> /dev/null
    openssl x509 -req -in "$name.csr" -CA "$by.pem" -CAkey "$by.key" -days 30 -set_serial "0x$(openssl rand -hex 8)" -extfile "$name.ext" \
        -out "$name.pem" "$@" 2> /dev/null
}

# sign_from NAME BY SUBJECT EXTENSIONS START END: with dates, as 20260102030405Z.
sign_from() {
    [ -e "$1.key" ] || new_key "$1"
    printf '%s\n' "$4" > "$1.ext"
    : > index.txt
    openssl req -new -key "$1.key" -subj "$3" -out "$1.csr" -config /dev/null -batch
    openssl ca -batch -config ca.conf -in "$1.csr" -cert "$2.pem" -keyfile "$2.key" -startdate "$5" -enddate "$6" -extfile "$1.ext" \
        -notext -out "$1.pem" > /dev/null 2>&1
}

# after DAYS: that day, as openssl wants it.
after() { date -u -d "$1 days" +%Y%m%d%H%M%SZ; }

# make_authorities: root.pem, and inter.pem by it; other.pem, which nobody trusts.
make_authorities() {
    local name
    cd "$BATS_FILE_TMPDIR" || return
    printf '%s\n' '[ca]' 'default_ca=d' '[d]' 'database=index.txt' 'new_certs_dir=.' 'policy=p' 'default_md=sha256' 'rand_serial=yes' \
        'unique_subject=no' 'default_crl_days=30' '[p]' 'commonName=optional' > ca.conf
    for name in root other; do
        new_key $name
        openssl req -x509 -new -key $name.key -days 60 -subj "/CN=Test $name" -out $name.pem -addext "${AUTHORITY%%$'\n'*}" \
            -addext "${AUTHORITY#*$'\n'}"
    done
    sign inter root '/CN=Test inter' "$AUTHORITY"
}

# s_server OPTION...: in the background on a port of its own; $port, $server.
s_server() {
    local log
    log=$(mktemp -p "$BATS_FILE_TMPDIR" server.XXXXXX)
    (exec openssl s_server -accept 127.0.0.1:0 "$@" < /dev/null > "$log" 2>&1 3>&-) &
    server=$!
    port=$(timeout 20 bash -c 'until sed -n "s/^ACCEPT.*:\([0-9]*\)$/\1/p" "$1" | grep . ; do kill -0 "$2" || exit; done' - "$log" "$server")
    server_log=$log
    [ -n "$port" ] || { cat "$log" >&2; return 1; }
}

stop_server() {
    kill "$server" 2> /dev/null || :
    wait "$server" 2> /dev/null || :
    server=
}

# hostile WAY...: tls_hostile.py in the background, with server.pem: $port.
hostile() {
    : > hostile.out
    (exec python3 "$BATS_TEST_DIRNAME/tls_hostile.py" server.pem server.key "$@" > hostile.out 2> hostile.err 3>&-) &
    server=$!
    port=$(timeout 20 bash -c 'until grep -m 1 . hostile.out; do kill -0 "$1" || exit; done' - "$server")
}
