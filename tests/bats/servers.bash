# Real servers in a network namespace of the test's own, so that their ports are nobody else's; and one dialogue through every door.
# shellcheck disable=SC1010  # `do` is a command of sockctl

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

inside() { ip netns exec "$NETNS" "$@"; }

# answers COMMAND...: until it succeeds, at most 20 s. No pauses: each try is a connection.
answers() { timeout 20 bash -c 'until "$@" > /dev/null 2>&1; do :; done' - "$@"; }

start_namespace() {
    export NETNS="sockctl-$$-$BATS_SUITE_TEST_NUMBER"
    ip netns add "$NETNS"
    ip -n "$NETNS" link set lo up
    : > "$BATS_FILE_TMPDIR/pids"
}

# background COMMAND...: a server of this file, ended by stop_servers.
background() {
    (exec ip netns exec "$NETNS" "$@") > "$BATS_FILE_TMPDIR/${1##*/}.log" 2>&1 3>&- &
    echo $! >> "$BATS_FILE_TMPDIR/pids"
}

stop_servers() {
    local pids
    mapfile -t pids < "$BATS_FILE_TMPDIR/pids"
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2> /dev/null || :
    [ ${#pids[@]} -eq 0 ] || wait "${pids[@]}" 2> /dev/null || :
    ip netns del "$NETNS"
}

start_nginx() {
    local dir=$BATS_FILE_TMPDIR/nginx
    mkdir -p "$dir"
    cat > "$dir/conf" <<CONF
daemon off; master_process off; pid $dir/pid; error_log $dir/error.log;
events { worker_connections 64; }
http {
    access_log off; server_tokens off;
    client_body_temp_path $dir/a; proxy_temp_path $dir/b; fastcgi_temp_path $dir/c; uwsgi_temp_path $dir/d; scgi_temp_path $dir/e;
    server { listen 127.0.0.1:8080; location / { default_type text/plain; return 200 "hello from nginx\n"; } }
}
CONF
    background nginx -c "$dir/conf" -p "$dir" -e "$dir/error.log"
    answers ip netns exec "$NETNS" sockctl connect 127.0.0.1:8080
}

start_redis() {
    background redis-server --port 6379 --bind 127.0.0.1 --unixsocket "$BATS_FILE_TMPDIR/redis.sock" --save '' --appendonly no --dir "$BATS_FILE_TMPDIR"
    answers sockctl connect "unix:$BATS_FILE_TMPDIR/redis.sock"
}

start_dnsmasq() {
    background dnsmasq --no-daemon --conf-file=/dev/null --no-resolv --no-hosts --port 5353 --listen-address 127.0.0.1 --bind-interfaces \
        --address=/a.test/192.0.2.7 --pid-file="$BATS_FILE_TMPDIR/dnsmasq.pid" --user=root
    answers ip netns exec "$NETNS" sockctl do connect tcp:127.0.0.1:5353
}

doors=(chain command file stdin machine)

# as_text WORD...: the chain as a line for each command, each word in single quotes.
as_text() {
    local word line=
    for word; do
        if [[ $word == , ]]; then
            printf '%s\n' "$line"
            line=
        else
            line+="'$word' "
        fi
    done
    printf '%s\n' "$line"
}

# machine_door: the lines of stdin through the machine door, up to the first failure; its data as bytes on stdout, its status as ours.
machine_door() {
    inside sockctl -i --json > "$BATS_TEST_TMPDIR/answers"
    jq -r 'select(.cmd != "expect") | ((.result // .error.partial // {}) | objects | .base64 // empty)' "$BATS_TEST_TMPDIR/answers" | while read -r data; do
        base64 -d <<< "$data"
    done
    return "$(jq -s 'map(.error.exit // 0) | map(select(. != 0)) | .[0] // 0' "$BATS_TEST_TMPDIR/answers")"
}

# through DOOR WORD...: a chain (words as for `do`) through one door: its bytes on stdout, its exit status.
through() {
    local door=$1 text
    shift
    text=$(as_text "$@")
    case $door in
    chain) inside sockctl do "$@" < /dev/null ;;
    command) inside sockctl -c "$text" < /dev/null ;;
    file)
        printf '%s\n' "$text" > "$BATS_TEST_TMPDIR/dialogue.sock"
        inside sockctl -f "$BATS_TEST_TMPDIR/dialogue.sock" < /dev/null
        ;;
    stdin) inside sockctl <<< "$text" ;;
    machine) machine_door <<< "$text" ;;
    esac
}

# everywhere STATUS HEX WORD...: the chain through every door ends with STATUS and gives these bytes.
everywhere() {
    local wanted=$1 hex=$2 door status got
    shift 2
    for door in "${doors[@]}"; do
        status=0
        through "$door" "$@" > "$BATS_TEST_TMPDIR/bytes" 2> "$BATS_TEST_TMPDIR/messages" || status=$?
        [[ $status == "$wanted" ]] || fail "$door: status $status, not $wanted: $(cat "$BATS_TEST_TMPDIR/messages")"
        got=$(xxd -p "$BATS_TEST_TMPDIR/bytes" | tr -d '\n')
        [[ $got == "$hex" ]] || fail "$door: bytes $got, not $hex"
    done
}

# hex TEXT: the bytes that printf understands, as digits.
hex() {
    # shellcheck disable=SC2059  # the text is a format on purpose
    printf "$1" | xxd -p | tr -d '\n'
}
