#!/usr/bin/env bats
# resolve: an answer for each of many names, whatever servers do.
# ctest: TIMEOUT 900
load sockets

# start_dns [WORD...]: `peer dns WORD...`; its address is in $dns.
start_dns() {
    start_peer dns "$@"
    dns=$peer_addr
    pids+=("$peer_pid")
}
setup() {
    pids=()
    cd "$BATS_TEST_TMPDIR" || return
}
teardown() {
    local pid
    for pid in "${pids[@]}"; do
        kill "$pid" 2> /dev/null || :
        wait "$pid" || :
    done
    [[ -z ${NETNS:-} ]] || ip netns del "$NETNS"
}

resolve() { run --separate-stderr sockctl resolve --no-search --server "$dns" "$@"; }
resolve_json() { run --separate-stderr sockctl --json resolve --no-search --server "$dns" "$@"; }

@test "names and addresses, a line each" {
    start_dns
    resolve h1.test h300.test four5.test six6.test
    assert_success
    untold
    assert_equal "$(sort <<< "$output")" 'four5.test 10.0.0.5
h1.test fd00::1 10.0.0.1
h300.test fd00::12c 10.0.1.44
six6.test fd00::6'
    resolve -4 h7.test
    assert_output 'h7.test 10.0.0.7'
    resolve -6 h7.test
    assert_output 'h7.test fd00::7'
}

@test "each failure says what it is, the others go on, status 4" {
    start_dns
    resolve --ordered --attempt 2s h1.test nx.test nodata.test fail.test refused.test mute.test a..b 'x y' h2.test
    assert_failure 4
    told 'resolve: 7 of 9 names not resolved'
    assert_line --index 0 'h1.test fd00::1 10.0.0.1'
    assert_line --index 1 "nx.test ! EAI_NONAME no such name (NXDOMAIN from $dns)"
    assert_line --index 2 "nodata.test ! EAI_NODATA the name exists but has no address of this kind (NODATA from $dns)"
    assert_line --index 3 --partial 'fail.test ! EAI_AGAIN the DNS server failed (SERVFAIL'
    assert_line --index 4 --partial 'refused.test ! EAI_AGAIN the DNS server refused to answer (REFUSED'
    assert_line --index 5 --regexp '^mute.test ! (ETIMEDOUT|EAI_AGAIN) no answer from '
    assert_line --index 6 --partial 'a..b ! EAI_NONAME not a name'
    assert_line --index 7 --partial 'x y ! EAI_NONAME not a name'
    assert_line --index 8 'h2.test fd00::2 10.0.0.2'
    resolve -4 six1.test
    assert_output --partial 'six1.test ! EAI_NODATA'
}

@test "answers that are not the answer, and questions that are lost once" {
    start_dns
    resolve --ordered wrong1.test late2.test wrong3.test
    assert_success
    assert_output 'wrong1.test fd00::1 10.0.0.1
late2.test fd00::2 10.0.0.2
wrong3.test fd00::3 10.0.0.3'
}

@test "JSON: an envelope a name, valid by the schema" {
    start_dns
    resolve_json --ordered h1.test nx2.test localhost 192.0.2.1 fd00::1
    assert_failure 4
    assert_equal "$(jq -c 'select(.ok) | .result' <<< "$output")" '{"name":"h1.test","records":[{"type":"AAAA","ttl":60,"data":"fd00::1"},{"type":"A","ttl":60,"data":"10.0.0.1"}]}
{"name":"localhost","records":[{"type":"AAAA","ttl":null,"data":"::1"},{"type":"A","ttl":null,"data":"127.0.0.1"}]}
{"name":"192.0.2.1","records":[{"type":"A","ttl":null,"data":"192.0.2.1"}]}
{"name":"fd00::1","records":[{"type":"AAAA","ttl":null,"data":"fd00::1"}]}'
    assert_equal "$(jq -c 'select(.ok | not) | .error | [.name, .code, .errno, .exit]' <<< "$output")" '["nx2.test","EAI_NONAME",-2,4]'
    python3 - "$SOCKCTL_SOURCE/cmd/out/sockctl.schema.json" "$output" <<'PYTHON'
import json, sys
import jsonschema
schema = json.load(open(sys.argv[1]))
for line in sys.argv[2].splitlines():
    jsonschema.validate(json.loads(line), schema)
PYTHON
    run sockctl -i --json <<< "@x resolve --server $dns --ordered h1.test nx.test"
    assert_equal "$(jq -c '[.id, .ok, [.results[] | .ok]]' <<< "$output")" '["x",false,[true,false]]'
    run sockctl -c "x = resolve --server $dns h9.test ; print \$x[0].name \$x[0].records[1].data"
    assert_output 'h9.test 10.0.0.9'
}

@test "lists: files, stdin, DOS lines, comments, empty lines, no line end at the end, lines that are no names" {
    start_dns
    printf '# a list\r\n\r\nh1.test\r\n  h2.test\t# the second\n\n#h3.test\nh4.test' > list
    for from in '--file list' '- < list' '--file - < list'; do
        eval "run --separate-stderr sockctl resolve --ordered -4 --server $dns $from"
        assert_success
        assert_output 'h1.test 10.0.0.1
h2.test 10.0.0.2
h4.test 10.0.0.4'
    done
    { printf 'a\0b.test\nh1.test\n'; head -c 2000000 /dev/zero | tr '\0' x; printf '\n\x1b[2J.test\nh2.test\n'; } > list
    resolve --ordered -4 --file list
    assert_failure 4
    assert_equal "${#lines[@]}" 5
    assert_line --index 1 'h1.test 10.0.0.1'
    assert_line --index 4 'h2.test 10.0.0.2'
    refute_output --partial $'\x1b'
    resolve h1.test --file /nosuch
    assert_failure 3
    told /nosuch
    resolve - < /dev/null
    assert_success
    assert_output ''
    # a line without an end is no reason not to listen
    run timeout -k 20 1 sockctl resolve --file /dev/zero
    assert_failure 124
    run --separate-stderr sockctl resolve -t 300ms --file /dev/zero
    assert_failure 124
}

@test "thousands of names, one question in a hundred lost: as many lines, each name once" {
    local total=5000
    [[ $SOCKCTL_PRESET == dev ]] || total=2000
    [[ -z ${SOCKCTL_LONG:-} ]] || total=100000
    start_dns --lose 1
    seq -f 'h%g.test' "$total" > names
    sockctl resolve --no-search --server "$dns" --file names > out
    assert_equal "$(wc -l < out)" "$total"
    diff <(sort names) <(cut -d' ' -f1 out | sort)
    awk '{ n = substr($1, 2) + 0; if ($3 != sprintf("10.%d.%d.%d", n / 65536, n / 256 % 256, n % 256)) exit 1 }' out
    # the lines of many are those of few, which are made of the same values as JSON
    sockctl --json resolve --no-search --server "$dns" --file names |
        jq -r 'select(.ok) | [.result.name, .result.records[].data] | join(" ")' | sort | diff <(sort out) -
    # in their order, and one family
    sockctl resolve --no-search --server "$dns" --ordered -4 - < names > out
    cmp names <(cut -d' ' -f1 out)
}

@test "a family that nobody answers for: the other one is the answer, and it is said" {
    start_dns
    run --separate-stderr sockctl --json resolve --no-search --attempt 1s --server "$dns" half1.test h2.test
    assert_success
    assert_equal "$(jq -c '.result | [.name, .missing, [.records[].type]]' <<< "$output" | sort)" $'["h2.test",null,["AAAA","A"]]\n["half1.test","AAAA",["A"]]'
    told '1 of these without an answer for one family'
    run --separate-stderr sockctl resolve --no-search --attempt 1s --server "$dns" -4 half1.test
    assert_output 'half1.test 10.0.0.1'
    untold
}

@test "a question has a deadline of its own: what is lost is asked again while others are long done" {
    start_dns
    { seq -f 'h%g.test' 200; seq -f 'late%g.test' 201 220; } > names
    # Whoever waited as long as resolv.conf allows, for the first of the lost, would not be done by then.
    timeout 25 unshare -m bash -c "printf 'options timeout:30\n' > conf; mount --bind conf /etc/resolv.conf
        exec sockctl resolve --no-search --server $dns --file names" > out
    diff <(sort names) <(cut -d' ' -f1 out | sort)
}

@test "most questions lost, or nearly all: still a line for each name" {
    local percent
    seq -f 'h%g.test' 120 > names
    for percent in 30 90 100; do
        start_dns --lose "$percent"
        sockctl resolve --no-search --attempt 1s --concurrency 2000 --server "$dns" --file names > out 2> err || assert_equal $? 4
        diff <(sort names) <(cut -d' ' -f1 out | sort)
    done
}

@test "a server that is silent for good: a line for each name, without the patience for each; one that comes back is heard" {
    local total=500
    [[ -z ${SOCKCTL_LONG:-} ]] || total=20000
    start_dns --lose 100
    seq -f 'h%g.test' "$total" > names
    sockctl resolve --no-search --attempt 1s --server "$dns" --file names > out 2> err || assert_equal $? 4
    diff <(sort names) <(cut -d' ' -f1 out | sort)
    assert_equal "$(cut -d' ' -f2-3 out | sort | uniq | xargs)" '! EAI_AGAIN ! ETIMEDOUT'
    grep -q "no answer from DNS server $dns, as for [0-9]* questions before" out
    # gone for a while: what is asked for later is answered
    start_dns
    kill -STOP "$peer_pid"
    mkfifo list
    sockctl resolve --no-search --attempt 1s --server "$dns" --file list > out 2> err 3>&- &
    local resolver=$!
    exec 7> list
    seq -f 'h%g.test' 300 >&7
    timeout 60 bash -c 'until grep -q questions out; do sleep 0.1; done'
    kill -CONT "$peer_pid"
    timeout 60 bash -c 'until grep -q " 10.0" out; do echo h1.test; sleep 0.3; done' >&7
    seq -f 'h%g.test' 301 400 >&7
    exec 7>&-
    wait "$resolver" || assert_equal $? 4
    assert_equal "$(awk '{ n = substr($1, 2) + 0; if (n > 300) print $2, $3 }' out | sort)" \
        "$(for i in {301..400}; do printf 'fd00::%x 10.0.1.%d\n' "$i" $((i - 256)); done | sort)"
    diff <(seq -f 'h%g.test' 400 | sort) <(cut -d' ' -f1 out | sort -u)
}

@test "answered before the question is sent, in both families" {
    start_dns
    resolve --ordered a.onion h1.test b.onion
    assert_failure 4
    assert_line --index 0 --partial 'a.onion ! EAI_NONAME'
    assert_line --index 1 'h1.test fd00::1 10.0.0.1'
    assert_line --index 2 --partial 'b.onion ! EAI_NONAME'
}

@test "ordered: a slow name holds the others back, unordered it does not" {
    start_dns
    resolve -4 --attempt 3s mute.test h1.test h2.test
    assert_failure 4
    assert_line --index 2 --partial 'mute.test !'
    resolve -4 --attempt 3s --ordered mute.test h1.test h2.test
    assert_line --index 0 --partial 'mute.test !'
    assert_line --index 2 'h2.test 10.0.0.2'
}

@test "several servers: what the first does not answer, the second does" {
    start_dns --lose 100
    local dead=$dns
    start_dns
    seq -f 'h%g.test' 200 > names
    run --separate-stderr sockctl resolve --no-search -4 --server "$dead" --server "$dns" --file names
    assert_success
    assert_equal "${#lines[@]}" 200
}

@test "the search list: asked first what has a dot, then with the domains" {
    start_dns
    unshare -m bash -c "printf 'nameserver 127.0.0.1\nsearch corp.example\n' > conf; mount --bind conf /etc/resolv.conf
        sockctl resolve --ordered -4 --server $dns h1 h2.test nx3.test nodata4" > out || assert_equal $? 4
    run cat out
    assert_line --index 0 'h1 10.0.0.1'
    assert_line --index 1 'h2.test 10.0.0.2'
    assert_line --index 2 --partial 'nx3.test ! EAI_NONAME'
    assert_line --index 3 --partial 'nodata4 ! EAI_NODATA'
}

@test "what is known here is not asked for" {
    printf '192.0.2.33 known.test\n' > hosts
    run --separate-stderr unshare -m bash -c "mount --bind hosts /etc/hosts
        ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 strace -f -qq -e trace=sendto,sendmmsg -o trace sockctl resolve --ordered --server 127.0.0.1:9 \
            --resolve own.test:192.0.2.1 localhost a.localhost known.test own.test 192.0.2.7 ::1 127.1 256.1.1.1 1:2 a..b -"
    assert_failure 4
    assert_line --index 2 'known.test 192.0.2.33'
    assert_line --index 3 'own.test 192.0.2.1'
    assert_line --index 6 --partial '127.1 ! EAI_NONAME'
    assert_equal "$(grep -c htons trace || :)" 0
}

@test "an answer comes out while the next name has not come in" {
    start_dns
    mkfifo in out
    sockctl resolve --no-search --server "$dns" -4 - < in > out 3>&- &
    pids+=($!)
    exec 8> in 9< out
    local line
    echo mute.test >&8
    for n in 1 2 3; do
        echo "h$n.test" >&8
        read -r -t 20 line <&9
        assert_equal "$line" "h$n.test 10.0.0.$n"
    done
    exec 8>&- 9<&-
}

@test "-t ends it with 124, and says what is missing" {
    start_dns
    resolve -4 -t 1s h1.test mute1.test mute2.test
    assert_failure 124
    assert_output 'h1.test 10.0.0.1'
    told '1 names have their line, 2 more were read'
}

@test "Ctrl-C: what is known is told, status 130, at random moments too" {
    start_dns
    { seq -f 'h%g.test' 100; seq -f 'mute%g.test' 100; } > names
    env --default-signal=INT sockctl resolve --no-search --server "$dns" --file names > out 2> err 3>&- &
    local pid=$! status=0
    until [[ $(wc -l < out) == 100 ]]; do kill -0 "$pid"; done
    kill -INT "$pid"
    wait "$pid" || status=$?
    assert_equal "$status" 130
    assert_equal "$(grep -c '^h' out)" 100
    no_leak_check
    local i
    for ((i = 1; i <= 20; i++)); do
        status=0
        run timeout --preserve-status -s INT "0.0$((i % 10))$((i / 2))" sockctl resolve --no-search --server "$dns" --file names
        [[ $status == 130 || $status == 4 ]]
    done
}

@test "bad luck: spurious and late waits change nothing; cancelled at any wait, no name is told twice" {
    start_dns
    { seq -f 'h%g.test' 60; printf '%s\n' nx1.test nodata2.test fail3.test late4.test localhost 192.0.2.1 a..b; } > names
    sockctl resolve --no-search --server "$dns" --ordered --file names > wanted 2> err || assert_equal $? 4
    assert_equal "$(wc -l < wanted)" 67
    local seed status
    for seed in 1 2 3 4 5 6; do
        SK_CHAOS=$seed sockctl resolve --no-search --server "$dns" --ordered --file names > out 2> err || assert_equal $? 4
        diff wanted out
        SK_CHAOS=$seed sockctl resolve --no-search --server "$dns" --file - < names > out 2> err || assert_equal $? 4
        diff <(sort wanted) <(sort out)
    done
    for seed in {1..20}; do
        status=0
        SK_CHAOS=$seed,cancel sockctl resolve --no-search --server "$dns" --file names > out 2> err || status=$?
        [[ $status == 4 || $status == 130 ]] || fail "status $status: $(cat err)"
        assert_equal "$(cut -d' ' -f1 out | sort | uniq -d)" ''
    done
}

@test "--rate: no more names a second than that" {
    start_dns
    seq -f 'h%g.test' 20 > names
    local before=$EPOCHREALTIME after
    resolve -4 --rate 20 --file names
    after=$EPOCHREALTIME
    assert_success
    assert_equal "${#lines[@]}" 20
    ((${after/./} - ${before/./} >= 940000))
}

@test "a summary with -v, a line of progress on a terminal after a second" {
    start_dns
    run --separate-stderr sockctl -v resolve --no-search --server "$dns" h1.test h2.test
    [[ $stderr =~ 2\ names:\ 2\ resolved,\ 0\ unknown,\ 0\ failed ]]
    run python3 - "$dns" <<'PYTHON'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.dup2(os.open("out", os.O_WRONLY | os.O_CREAT), 1)
    os.execvp("sockctl", ["sockctl", "resolve", "--no-search", "--server", sys.argv[1], "-4", "--rate", "10"] + [f"h{n}.test" for n in range(25)])
seen = b""
try:
    while data := os.read(fd, 65536):
        seen += data
except OSError:
    pass
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen)
PYTHON
    assert_output --regexp '^0 .*\\r\\x1b\[K1[0-9] names: 1[0-9] resolved'
    assert_output --regexp '25 names: 25 resolved'
}

@test "200,000 names hold no more memory than those under way" {
    local total=200000
    [[ $SOCKCTL_PRESET == dev ]] || total=20000
    run python3 - "$total" <<'PYTHON'
import resource, subprocess, sys
total = int(sys.argv[1])
with open("names", "w") as names:
    for n in range(total):
        names.write(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n")
with open("out", "w") as out, open("names") as names:
    p = subprocess.run(["sockctl", "resolve", "-"], stdin=names, stdout=out)
print(p.returncode, sum(1 for _ in open("out")), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
PYTHON
    assert_output --regexp "^0 $total [0-9]+$"
    [[ $SOCKCTL_PRESET != dev || ${output##* } -lt 24000 ]]
}

@test "--ptr: the names of addresses" {
    start_dns
    printf '192.0.2.33 known.test\n' > hosts
    run --separate-stderr unshare -m bash -c "mount --bind hosts /etc/hosts
        sockctl resolve --ptr --ordered --server $dns 10.0.0.1 10.0.0.2 192.0.2.33 192.0.2.7 fd00::1 example.test 127.1"
    assert_failure 4
    assert_line --index 0 '10.0.0.1 host.test'
    assert_line --index 1 '10.0.0.2 host.test'
    assert_line --index 2 '192.0.2.33 known.test'
    assert_line --index 3 --partial '192.0.2.7 ! EAI_NONAME no name for this address'
    assert_line --index 4 --partial 'fd00::1 ! EAI_NONAME'
    assert_line --index 5 'example.test ! EAI_NONAME no address; write 192.0.2.1 or 2001:db8::1'
    assert_line --index 6 --partial '127.1 ! EAI_NONAME'
    resolve_json --ptr 10.0.0.1
    assert_success
    assert_equal "$(last .result)" '{"name":"10.0.0.1","records":[{"type":"PTR","ttl":null,"data":"host.test"}]}'
    seq -f '10.0.1.%g' 200 > names
    resolve --ptr --file names
    assert_success
    assert_equal "${#lines[@]}" 200
}

@test "nsd and dnsmasq" {
    NETNS="sockctl-$$-$BATS_SUITE_TEST_NUMBER"
    ip netns add "$NETNS"
    ip -n "$NETNS" link set lo up
    cat > nsd.conf <<CONF
server:
    ip-address: 127.0.0.1@5300
    username: ""
    chroot: ""
    zonesdir: "$PWD"
    database: ""
    pidfile: "$PWD/nsd.pid"
    xfrdfile: ""
    zonelistfile: "$PWD/zones"
    logfile: "$PWD/log"
    server-count: 1
remote-control:
    control-enable: no
zone:
    name: bench.test
    zonefile: zone
CONF
    { printf '$ORIGIN bench.test.\n$TTL 300\n@ SOA ns h 1 3600 600 86400 300\n@ NS ns\nns A 127.0.0.1\nalias CNAME h7\n'
        for ((n = 0; n < 1000; n++)); do printf 'h%d A 10.0.%d.%d\nh%d AAAA fd00::%x\n' "$n" $((n / 256)) $((n % 256)) "$n" "$n"; done; } > zone
    (exec ip netns exec "$NETNS" nsd -d -c nsd.conf) > nsd.log 2>&1 3>&- &
    pids+=($!)
    (exec ip netns exec "$NETNS" dnsmasq --no-daemon --conf-file=/dev/null --no-resolv --no-hosts --port 5301 --listen-address 127.0.0.1 \
        --bind-interfaces --server 127.0.0.1#5300 --address=/a.test/192.0.2.7 --pid-file="$PWD/pid" --user=root) > dnsmasq.log 2>&1 3>&- &
    pids+=($!)
    timeout 30 bash -c "until ip netns exec $NETNS sockctl resolve -4 --server 127.0.0.1:5300 -t 1s h0.bench.test > /dev/null 2>&1; do :; done"
    timeout 30 bash -c "until ip netns exec $NETNS sockctl resolve -4 --server 127.0.0.1:5301 -t 1s a.test > /dev/null 2>&1; do :; done"
    seq -f 'h%g.bench.test' 0 999 > names
    for server in 5300 5301; do
        ip netns exec "$NETNS" sockctl resolve --no-search --ordered --server "127.0.0.1:$server" --file names > out
        cmp names <(cut -d' ' -f1 out)
        assert_equal "$(sed -n 1000p out)" 'h999.bench.test fd00::3e7 10.0.3.231'
        run --separate-stderr ip netns exec "$NETNS" sockctl resolve --no-search --ordered --server "127.0.0.1:$server" alias.bench.test nosuch.bench.test
        assert_failure 4
        assert_line --index 0 'alias.bench.test fd00::7 10.0.0.7'
        assert_line --index 1 --partial 'nosuch.bench.test ! EAI_NONAME no such name (NXDOMAIN'
    done
    ip netns exec "$NETNS" sockctl resolve --no-search --tcp --ordered --server 127.0.0.1:5300 --file names > out
    cmp names <(cut -d' ' -f1 out)
}

@test "connect, probe, wait-ready, resolve: what became of the name, and which server said so" {
    start_dns
    local name code errno exit reason why script
    while IFS='|' read -r name code errno exit reason why; do
        for script in connect 's = socket ; s.connect'; do
            run --separate-stderr sockctl --json -c "$script -4 -t 4s --no-search --server $dns $name.test:80"
            assert_failure "$exit"
            assert_equal "$(last '.error | [.code, .errno, .exit, .reason, .server]')" "[\"$code\",$errno,$exit,\"$reason\",\"$dns\"]"
            [[ $(last .error.message) == "\"$name.test: $why"*"$dns"* ]] || fail "$output"
        done
        run --separate-stderr sockctl --json connect -t 4s --no-search --server "$dns" "$name.test:80"
        assert_failure "$exit"
        assert_equal "$(last '.error | [.code, .reason, .server]')" "[\"$code\",\"$reason\",\"$dns\"]"
        for script in "resolve $name.test" "probe $name.test:80"; do
            run --separate-stderr sockctl --json -c "$script -t 10s --no-search --server $dns"
            assert_failure 4
            assert_equal "$(jq -c '[.. | select(.reason?)] | unique | .[] | [.code, .reason, .server]' <<< "$output")" "[\"$code\",\"$reason\",\"$dns\"]"
        done
        run --separate-stderr sockctl --json wait-ready -t 500ms --no-search --server "$dns" "$name.test:80"
        assert_failure 124
        assert_equal "$(last '.error | [.code, .reason, .server]')" "[\"ETIMEDOUT\",\"$reason\",\"$dns\"]"
    done << TABLE
nx|EAI_NONAME|-2|4|NXDOMAIN|no such name
nodata|EAI_NODATA|-5|4|NODATA|the name exists but has no address of this kind
fail|EAI_AGAIN|-3|4|SERVFAIL|the DNS server failed
refused|EAI_AGAIN|-3|4|REFUSED|the DNS server refused to answer
TABLE
    # no answer, until the time is over
    for script in connect wait-ready 's = socket ; s.connect'; do
        run --separate-stderr sockctl --json -c "$script -t 500ms --no-search --server $dns mute.test:80"
        assert_failure 124
        assert_equal "$(last '.error | [.code, .exit, .reason, .server]')" "[\"ETIMEDOUT\",124,\"TIMEOUT\",\"$dns\"]"
        told "mute.test: no answer from DNS server $dns in "
    done
    # nobody is to blame but the peer
    run --separate-stderr sockctl --json connect -t 4s --no-search --server "$dns" -4 h1.test:9 --source 127.0.0.1
    assert_equal "$(last '.error | [.reason, .server]')" '[null,null]'
}
