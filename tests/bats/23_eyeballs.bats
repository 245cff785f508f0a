#!/usr/bin/env bats
# ctest: TIMEOUT 300
# presets: dev asan
# Connecting to names with several addresses: the properties of RFC 8305, in a network namespace where addresses are silent, refused or
# unreachable, and DNS answers come late or never. Times are lower bounds, which a slow machine keeps; that something happens at once is
# shown by one try of ten.
load sockets

inside() { ip netns exec "$NETNS" "$@"; }

# The machine of the tests: resolv.conf and hosts are its own.
there() {
    # shellcheck disable=SC2016 # for the inner shell
    inside bash -c 'mount --bind "$1/resolv.conf" /etc/resolv.conf && mount --bind "$1/hosts" /etc/hosts && shift && exec "$@"' - "$BATS_FILE_TMPDIR" "$@"
}

# server LOG PROGRAM WORD...: in the background until teardown_file.
server() {
    (exec ip netns exec "$NETNS" python3 "$BATS_TEST_DIRNAME/$2" "${@:3}") > "$BATS_FILE_TMPDIR/$1" 2>&1 3>&- &
    echo $! >> "$BATS_FILE_TMPDIR/pids"
}

# silent: 2001:db8:bad::*, 192.0.2.66; unreachable: 2001:db8:eee::*; the first SYN is lost: 2001:db8::5; nobody listens: 2001:db8::9, 192.0.2.9
setup_file() {
    export NETNS="sockctl-$$-$BATS_SUITE_TEST_NUMBER"
    ip netns add "$NETNS"
    ip -n "$NETNS" link set lo up
    local i
    for i in 2001:db8::{1,5,9} 2001:db8:bad::{1,2,3,4,5,6,7,8}; do
        ip -n "$NETNS" addr add "$i/128" dev lo nodad
    done
    for i in 1 2 9 66; do
        ip -n "$NETNS" addr add "192.0.2.$i/32" dev lo
    done
    ip -n "$NETNS" -6 route add unreachable 2001:db8:eee::/64
    inside nft -f - <<'NFT'
table inet t {
    counter to4 { }
    chain in {
        type filter hook input priority 0;
        ip daddr 192.0.2.0/24 tcp flags syn / syn,ack counter name to4
        ip6 daddr 2001:db8:bad::/64 drop
        ip6 daddr 2001:db8::5 tcp flags syn / syn,ack numgen inc mod 2 == 0 drop
        ip daddr 192.0.2.66 drop
    }
}
NFT
    printf '127.0.0.1 localhost\n192.0.2.1 filed.test\n' > "$BATS_FILE_TMPDIR/hosts"
    printf 'nameserver 127.0.0.1\noptions timeout:20 attempts:1\n' > "$BATS_FILE_TMPDIR/resolv.conf"
    cat > "$BATS_FILE_TMPDIR/zone" <<'ZONE'
both.test     AAAA 2001:db8::1
both.test     A    192.0.2.1
silent6.test  AAAA 2001:db8:bad::1
silent6.test  A    192.0.2.1
refused6.test AAAA 2001:db8::9
refused6.test A    192.0.2.1
lossy6.test   AAAA 2001:db8::5
lossy6.test   A    192.0.2.66
late6.test    A    after=10 192.0.2.1
late6.test    AAAA after=40 2001:db8::1
mute6.test    A    after=10 192.0.2.1
mute6.test    AAAA drop
fail6.test    A    192.0.2.1
fail6.test    AAAA rcode=2
none.test     AAAA 2001:db8:bad::1 2001:db8:bad::2 2001:db8:bad::3
none.test     A    192.0.2.66
late4.test    AAAA 2001:db8:bad::1
late4.test    A    after=600 192.0.2.1
many.test     AAAA 2001:db8:bad::1 2001:db8:bad::2 2001:db8:bad::3 2001:db8:bad::4 2001:db8:bad::5 2001:db8:bad::6 2001:db8:bad::7 2001:db8:bad::8
many.test     A    192.0.2.66
mixed.test    AAAA 2001:db8:eee::1 2001:db8:bad::1
mixed.test    A    192.0.2.9
mute.test     A    drop
mute.test     AAAA drop
only4.test    A    192.0.2.1
far6.test     AAAA 2001:db8:eee::1
far6.test     A    192.0.2.1
ZONE
    server asked dns_server.py 127.0.0.1 53 "$BATS_FILE_TMPDIR/zone"
    server served tcp_server.py '[2001:db8::1]:80' '[2001:db8::5]:80' 192.0.2.1:80 192.0.2.2:80
    timeout 20 bash -c 'until grep -q ready "$1/asked" && grep -q ready "$1/served"; do :; done' - "$BATS_FILE_TMPDIR"
}

teardown_file() {
    local pid
    while read -r pid; do
        kill "$pid"
        wait "$pid" || :
    done < "$BATS_FILE_TMPDIR/pids"
    ip netns del "$NETNS"
}

# connect WORD...: as JSON. Then $status and $output are set; attempts has the rows of the attempts, one a line: family host code started ms.
connect() {
    run --separate-stderr there sockctl --json connect "$@"
    attempts=$(jq -r '(.result // .error).attempts // [] | .[] | [.addr.family[3:], .addr.host, .code // "-", .started, .ms] | join(" ")' <<< "$output")
}
# column N: of the attempts, on one line.
column() { cut -d ' ' -f "$1" <<< "$attempts" | paste -sd ' '; }
# at N: when attempt N (from 1) was begun.
at() { sed -n "${1}p" <<< "$attempts" | cut -d ' ' -f 4; }
# check EXPRESSION: of numbers.
check() { [[ $(jq -n "$1") == true ]] || fail "not $1:"$'\n'"$attempts"; }
# once COMMAND...: one try of ten succeeds.
once() {
    local try
    for ((try = 0; try < 10; try++)); do
        "$@" && return
    done
    fail "never: $*"$'\n'"$attempts"
}
syns4() { inside nft -j list counter inet t to4 | jq '.nftables[1].counter.packets'; }
asked() { grep -c "$1" "$BATS_FILE_TMPDIR/asked" || :; }

@test "1: IPv6 is silent: IPv4 is tried 250 ms later" {
    connect silent6.test:80
    assert_success
    assert_equal "$(column 1)" 'INET6 INET'
    assert_equal "$(column 3)" 'ECANCELED -'
    check "$(at 2) - $(at 1) >= 250"
    assert_equal "$(jq -r '.result.peer.text' <<< "$output")" 192.0.2.1:80
}

@test "2: both answer: IPv6 wins, IPv4 is not touched" {
    local before
    wins6() {
        before=$(syns4)
        connect both.test:80
        assert_success
        assert_equal "$(jq -r '.result.peer.text' <<< "$output")" '[2001:db8::1]:80'
        [[ -z $attempts && $(syns4) == "$before" ]]
    }
    once wins6
}

@test "3: IPv6 refuses: IPv4 is tried at once" {
    soon() {
        connect refused6.test:80
        assert_success
        assert_equal "$(column 3)" 'ECONNREFUSED -'
        [[ $(jq -n "$(at 2) - $(at 1) < 50") == true ]]
    }
    once soon
}

@test "4: an attempt that takes long is not given up when the next begins" {
    connect lossy6.test:80 # the second SYN, after a second, is let in
    assert_success
    assert_equal "$(column 3)" '- ECANCELED'
    check "$(sed -n 1p <<< "$attempts" | cut -d ' ' -f 5) >= 900"
    assert_equal "$(jq -r '.result.peer.text' <<< "$output")" '[2001:db8::5]:80'
}

@test "5: the answer for IPv4 comes first: IPv6 is waited for, 50 ms" {
    is6() {
        connect late6.test:80
        assert_success
        [[ $(jq -r '.result.peer.text' <<< "$output") == '[2001:db8::1]:80' ]]
    }
    once is6
}

@test "6: no answer for IPv6: IPv4 is tried after 50 ms, not after the time of DNS" {
    connect mute6.test:80 -t 15s
    assert_success
    assert_equal "$(jq -r '.result.peer.text' <<< "$output")" 192.0.2.1:80
    check "$(jq .ms <<< "$output") >= 50"
}

@test "7: DNS fails for IPv6: IPv4 is tried without a wait" {
    soon() {
        connect fail6.test:80
        assert_success
        [[ $(jq '.ms < 50' <<< "$output") == true ]]
    }
    once soon
}

@test "8: all are silent: the families take turns, 250 ms apart; 124 at the deadline" {
    connect none.test:80 -t 2s
    assert_failure 124
    assert_equal "$(column 1)" 'INET6 INET INET6 INET6'
    assert_equal "$(column 3)" 'ETIMEDOUT ETIMEDOUT ETIMEDOUT ETIMEDOUT'
    check "$(at 2) - $(at 1) >= 250 and $(at 3) - $(at 2) >= 250 and $(at 4) - $(at 3) >= 250"
    assert_equal "$(jq -r '.error.message' <<< "$output")" \
        'connect to none.test: [2001:db8:bad::1]:80 no answer; 192.0.2.66:80 no answer; [2001:db8:bad::2]:80 no answer; [2001:db8:bad::3]:80 no answer'
}

@test "9: an answer that comes in the middle of the race joins it" {
    connect late4.test:80
    assert_success
    assert_equal "$(column 3)" 'ECANCELED -'
    check "$(at 1) < 600 and $(at 2) >= 590"
}

@test "10: the deadline ends the wait for addresses and for DNS" {
    connect silent6.test:80 -6 -t 100ms
    assert_failure 124
    assert_equal "$(column 3)" ETIMEDOUT
    connect mute.test:80 -t 100ms
    assert_failure 124
    assert_equal "$attempts" ''
    check "$(jq .ms <<< "$output") < 5000" # DNS itself would give up after 20 s
}

@test "11: Ctrl-C and cancel end a race; no descriptor is left" {
    # shellcheck disable=SC2016 # for the inner shell
    run there bash -c 'env --default-signal=INT sockctl connect none.test:80 & pid=$!; timeout 20 bash -c "until ss -Htn state syn-sent | grep -q 2001:db8:bad::2; do :; done"; kill -INT $pid; wait $pid'
    assert_failure 130
    # two more may be what DNS keeps open
    local i race=
    for i in 1 2 3 4; do
        race+="connect none.test:80 &"$'\n'"sleep 600ms ; cancel $i ; fails 130 wait $i"$'\n'
    done
    run --separate-stderr there sockctl --keep-going -c "connect both.test:80 ; close ; ! ls /proc/\$PPID/fd | wc -l
        $race
        ! ls /proc/\$PPID/fd | wc -l
        ! ss -Htn state syn-sent | grep -c 2001:db8:bad"
    ((lines[1] <= lines[0] + 2)) || fail "$output $stderr"
    assert_equal "${lines[2]}" 0
}

@test "12: with TLS only a finished handshake wins: IPv6 is connected and says nothing, IPv4 speaks TLS" {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=both.test -addext subjectAltName=DNS:both.test \
        -keyout "$BATS_FILE_TMPDIR/key" -out "$BATS_FILE_TMPDIR/cert" 2> /dev/null
    server mute tcp_server.py '[2001:db8::1]:443'
    (exec ip netns exec "$NETNS" openssl s_server -accept 192.0.2.1:443 -key "$BATS_FILE_TMPDIR/key" -cert "$BATS_FILE_TMPDIR/cert" -quiet) \
        > "$BATS_FILE_TMPDIR/tls" 2>&1 3>&- &
    echo $! >> "$BATS_FILE_TMPDIR/pids"
    there sockctl wait-ready '[2001:db8::1]:443' 192.0.2.1:443
    connect tls://both.test:443 --cafile "$BATS_FILE_TMPDIR/cert" -t 20s
    assert_success
    assert_equal "$(jq -r '.result.peer.text' <<< "$output")" 192.0.2.1:443
    assert_equal "$(column 3)" 'ECANCELED -'
    check "$(at 2) - $(at 1) >= 250"
    connect tls://both.test:443 -6 --cafile "$BATS_FILE_TMPDIR/cert" -t 500ms
    assert_failure 124
}

@test "13: a name that the hosts file knows for one family is asked nowhere" {
    connect filed.test:80
    assert_success
    assert_equal "$(jq -r '.result.peer.text' <<< "$output")" 192.0.2.1:80
    assert_equal "$(asked filed.test)" 0
}

@test "14: no descriptors in the middle of the race: one clear line, status 3; else it succeeds" {
    local limit refused=0
    for limit in {5..20}; do
        # shellcheck disable=SC2016 # for the inner shell
        run --separate-stderr there env ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" bash -c 'ulimit -n "$1"; exec sockctl connect silent6.test:80' - "$limit" 3>&-
        [[ $status == 0 || $status == 3 || $status == 4 || $status == 125 ]] || # 4, 125: DNS could not be asked
             fail "limit $limit: status $status: $stderr"
        [[ $status == 0 ]] || assert_equal "${#stderr_lines[@]}" 1
        [[ $stderr != *'too many open files'* ]] || refused=$((refused + 1))
    done
    assert_equal "$status" 0
    ((refused > 0))
}

@test "15: nine addresses: six at once, IPv6 first, then in turns; all get their share of the time" {
    connect many.test:80 -t 3s
    assert_failure 124
    assert_equal "$(column 1)" 'INET6 INET INET6 INET6 INET6 INET6 INET6 INET6 INET6'
    local most
    most=$(jq '[.error.attempts[] | {t: .started, d: 1}, {t: (.started + .ms), d: -1}] | sort_by(.t, .d) | reduce .[] as $e ({n: 0, m: 0}; .n += $e.d | .m = ([.n, .m] | max)) | .m' <<< "$output")
    assert_equal "$most" 6
    check "$(at 6) - $(at 1) >= 1250 and $(at 7) - $(at 1) >= 1500"
}

@test "the attempt that got furthest decides the status; each is told" {
    connect mixed.test:80 -t 2s
    assert_failure 5
    assert_equal "$(jq -c '[.error.code, .error.errno]' <<< "$output")" '["ECONNREFUSED",111]'
    assert_equal "$(cut -d ' ' -f 2,3 <<< "$attempts" | sort | paste -sd ' ')" \
        '192.0.2.9 ECONNREFUSED 2001:db8:bad::1 ETIMEDOUT 2001:db8:eee::1 EHOSTUNREACH'
    run --separate-stderr there sockctl connect mixed.test:80 -t 1s
    told 'sockctl: connect to mixed.test: '
    told '[2001:db8:eee::1]:80 host unreachable'
    told '192.0.2.9:80 refused'
    told '[2001:db8:bad::1]:80 no answer'
}

@test "an address without a way to it is no loss of time" {
    connect far6.test:80 -t 20s
    assert_success
    assert_equal "$(jq -r '.result.peer.text' <<< "$output")" 192.0.2.1:80
    connect far6.test:80 -6
    assert_failure 5
    assert_equal "$(column 3)" EHOSTUNREACH
}

@test "-4 and -6: the other family is neither asked for nor tried" {
    local before
    before=$(syns4)
    connect both.test:80 -6
    assert_success
    assert_equal "$(jq -r '.result.peer.text' <<< "$output")" '[2001:db8::1]:80'
    assert_equal "$(syns4)" "$before"
    before=$(asked 'both.test AAAA')
    connect both.test:80 -4
    assert_success
    assert_equal "$(jq -r '.result.peer.text' <<< "$output")" 192.0.2.1:80
    assert_equal "$(asked 'both.test AAAA')" "$before"
    connect only4.test:80 -6
    assert_failure 4
    assert_equal "$(jq -r .error.code <<< "$output")" EAI_NODATA
    connect nowhere.test:80
    assert_failure 4
    assert_equal "$(jq -r .error.code <<< "$output")" EAI_NONAME
}

@test "datagrams: the first address, without a race" {
    connect udp://silent6.test:80
    assert_success
    assert_equal "$(jq -r '.result.peer.text' <<< "$output")" '[2001:db8:bad::1]:80'
    assert_equal "$attempts" ''
}

@test "a socket that is there takes one address of its family after the other" {
    run --separate-stderr there sockctl --json do socket AF_INET , connect both.test:80
    assert_success
    assert_equal "$(last .result.peer.text)" '"192.0.2.1:80"'
}

@test "-v tells the way" {
    run --separate-stderr there sockctl -v connect refused6.test:80
    assert_success
    told '[2001:db8::9]:80 refused; 192.0.2.1:80 connected'
}

local_of() { jq -r '.result.local.text' <<< "$output"; }

@test "--source: the address to connect from, and its family; with or without a port" {
    connect 192.0.2.1:80 --source 192.0.2.2
    assert_success
    [[ $(local_of) == 192.0.2.2:* ]]
    connect both.test:80 --source 192.0.2.2:5005
    assert_success
    assert_equal "$(local_of)" 192.0.2.2:5005
    connect both.test:80 --source 2001:db8::5
    [[ $(local_of) == '[2001:db8::5]:'* ]]
    connect both.test:80 --source '[2001:db8::5]:5006'
    assert_equal "$(local_of)" '[2001:db8::5]:5006'
    connect refused6.test:80 --source '*:5007' # either family
    assert_equal "$(local_of)" 192.0.2.1:5007
    connect silent6.test:80 --source '*:5008'
    assert_equal "$(local_of)" 192.0.2.1:5008
    run --separate-stderr there sockctl --json do s = socket AF_INET , s.connect 192.0.2.1:80 --source 192.0.2.2
    [[ $(local_of | tail -n 1) == 192.0.2.2:* ]]
    connect udp://192.0.2.1:80 --source 192.0.2.2
    [[ $(local_of) == 192.0.2.2:* ]]
}

@test "--source: what is refused" {
    run --separate-stderr there sockctl connect both.test:80 --source 203.0.113.1
    assert_failure 3
    assert_equal "$stderr" 'sockctl: 203.0.113.1 is no address of this machine to connect from; see ip address (EADDRNOTAVAIL)'
    run --separate-stderr there sockctl connect 192.0.2.1:80 --source ::1
    assert_failure 2
    assert_equal "$stderr" 'sockctl: ::1 is an IPv6 address: nothing to connect from to IPv4'
    run --separate-stderr there sockctl connect both.test:80 -4 --source ::1
    assert_failure 2
    run --separate-stderr there sockctl connect unix:/run/x --source 127.0.0.1
    assert_failure 2
    local source
    for source in localhost :http: 127.1 /run/x fd:3 sock:x udp:127.0.0.1:5 192.0.2.1:99999 ''; do
        run --separate-stderr there sockctl connect both.test:80 --source "$source"
        assert_failure 2
        told 'no address to connect from'
    done
}

@test "--interface: that one alone" {
    ip -n "$NETNS" link add va type veth peer name vb
    ip -n "$NETNS" link set va up
    connect 192.0.2.1:80 --interface lo
    assert_success
    connect 192.0.2.1:80 --interface va -t 300ms
    [[ $status == 5 || $status == 124 ]]
    run --separate-stderr there sockctl connect both.test:80 --interface nosuch0
    assert_failure 3
    told "no interface 'nosuch0'; have lo"
    ip -n "$NETNS" link del va
}
