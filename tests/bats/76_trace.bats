#!/usr/bin/env bats
# Traces: what tshark, xmllint and people read in them is what the sockets did (trace.py compares byte for byte and nanosecond for nanosecond).
# presets: dev asan
load sockets

setup() { cd "$BATS_TEST_TMPDIR" || return; }

agrees() {
    local case
    for case in "$@"; do
        run python3 "$BATS_TEST_DIRNAME/trace.py" "$case"
        assert_success
    done
}

# timeless: the ladder of stdin without times and ports.
timeless() { sed -E 's/^ +[0-9]+\.[0-9]{3}  \|/TIME|/; s/(127\.0\.0\.1):[0-9]+/\1:PORT/g'; }
# harmless FILE: no byte that a terminal would act on.
harmless() { run ! env LC_ALL=C.UTF-8 grep -nP '[\x00-\x08\x0b-\x1f\x7f-\x{9f}\x{202a}-\x{202e}\x{2066}-\x{2069}]' "$1"; }

# ---- pcapng ----

@test "pcapng: TCP over IPv4 and IPv6, as tshark reads it" { agrees tcp4 tcp6; }
@test "pcapng: UDP over IPv4 and IPv6" { agrees udp4 udp6; }
@test "pcapng: UNIX sockets are a user protocol, each an interface of its name" { agrees unix; }
@test "pcapng: where both ends are ours each byte is there once" { agrees ours; }
@test "pcapng: TLS is plaintext, and says so" { agrees tls; }
@test "pcapng: refused, reset and late: what was before is there" { agrees refused; }
@test "pcapng: 16 MB, in segments, in bounded memory" { agrees big; }
@test "what send --secret sends is in no trace" { agrees secret; }

@test "a trace that begins late, or lost its beginning, is read too" {
    run sockctl -c 'srv = listen :0; a = connect sock:srv; b = srv.accept; a.send early; b.recv; trace on --keep 64Ki; a.send hello; b.recv; a.close; trace -o late.pcapng'
    assert_success
    run tshark -n -r late.pcapng -q -z follow,tcp,ascii,0 2> /dev/null
    assert_line hello
    refute_line --partial early
    run --separate-stderr sockctl -c 'trace on --keep 64Ki; x = pair; repeat -n 1000 do x0.send "0123456789" , x1.recv -o /dev/null; trace -o lost.pcapng'
    assert_success
    [[ $stderr =~ ([0-9]+)' older events with '([0-9]+)' bytes are gone: the trace keeps 64 KiB' ]]
    assert_equal "$((BASH_REMATCH[1] * 10))" "${BASH_REMATCH[2]}"
    run tshark -n -r lost.pcapng -T fields -e data.data
    assert_equal "$(grep -c '^30313233343536373839$' <<< "$output")" $((2000 - BASH_REMATCH[1]))
}

# ---- The ladder and the rest ----

@test "ladder: who said what, and where it stopped" {
    start_peer 'send:220 mx.test ESMTP\r\n' recvline 'send:250-mx.test\r\n250-SIZE 1000\r\n250 STARTTLS\r\n' recvline 'send:220 go ahead\r\n' wait
    run --separate-stderr sockctl -q do trace on , c = connect "$peer_addr" , expect ESMTP , readline , sendline 'EHLO me.test' , expect '250 STARTTLS\r\n' , \
        sendline STARTTLS , expect 'go ahead\r\n' , fails 124 expect -t 10ms -- '+OK' , trace
    assert_success
    cat > want << 'END'
  time   sockctl                                       c
TIME|* connect to 127.0.0.1:PORT                 | c
TIME|* connected to 127.0.0.1:PORT               | c
TIME|<-------------------- 220 mx.test ESMTP\r\n-| c
TIME|--EHLO me.test\r\n ------------------------>| c
TIME|<-------------------------- 250-mx.test\r\n-| c
TIME|<------------------------ 250-SIZE 1000\r\n-| c
TIME|<------------------------- 250 STARTTLS\r\n-| c
TIME|--STARTTLS\r\n ---------------------------->| c
TIME|<------------------------- 220 go ahead\r\n-| c
TIME|* timed out after 10ms: expect on c         | c
END
    sed -n '/^  time/,$p' <<< "$output" | timeless | sed -E 's/PORT +\|/PORT|/' > got
    diff <(sed -E 's/PORT +\|/PORT|/; s/-+/-/g; s/ +/ /g' want) <(sed -E 's/-+/-/g; s/ +/ /g' got)
    run awk '/^  time/ { next } { n[index($0, "|"), length($0)]++ } END { print length(n) }' <(sed -n '/^  time/,$p' <<< "$output") # aligned
    assert_output 1
}

@test "ladder: long data and names fit into 80 columns, and say what is left out" {
    sockctl -c 'trace on; x = pair; a_name_of_some_length_for_a_socket = x0.dup
        a_name_of_some_length_for_a_socket.send --file /usr/share/common-licenses/GPL-3; x0.send "日本語の日本語の日本語の日本語の日本語の日本語の日本語の日本語"; trace' > out
    run python3 -c 'import sys, unicodedata
for line in open("out", encoding="utf-8"):
    if sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in line.rstrip("\n")) > 80: print(line)'
    assert_output ""
    run cat out
    assert_line --partial 'B more -'
    assert_line --regexp '日本語.*\.\.\. 9[0-9] B'
}

@test "hex: offsets go on, each direction has its own" {
    run sockctl -c 'trace on; x = pair; x0.send "0123456789abcdef"; x0.send gh; x1.send x; x0.recv -o /dev/null; x0.trace hex'
    assert_line --regexp '^[0-9]+\.[0-9]{6} x0 > 16 B$'
    assert_line '00000010: 6768                                     gh'
    assert_line '00000000: 78                                       x'
}

@test "mermaid: ; and # are entities, in one pass; nobody is called end" {
    run --separate-stderr sockctl --keep-going -c 'trace on; x = pair; end = x0.dup; end.send "GET a;b#c\r\n"; x1.recv -o /dev/null; end.close; x0.close; x1.recv; fails 1 x1.expect OK; trace mermaid'
    assert_line --index 0 sequenceDiagram
    assert_line '    participant me as sockctl'
    assert_line --regexp '^    participant s[0-9]+ as end$'
    assert_line --regexp '^    participant s[0-9]+ as x0$' # its events come later than those of younger sockets
    refute_line --regexp 'participant end'
    assert_line --regexp '^    me->>s[0-9]: \+[0-9.]+s 11B GET a#59;b#35;c\\r\\n$'
    assert_line --regexp '^    s[0-9]->>me: \+[0-9.]+s 11B GET a#59;b#35;c\\r\\n$'
    assert_line --regexp '^    s[0-9]--\)me: FIN$'
    assert_line --regexp '^    Note over me,s[0-9]: .*#58;'
    run grep -vE '^(sequenceDiagram|    (participant|Note over|me|s[0-9]).*)$' <<< "$output"
    assert_output ''
}

@test "bars: which socket woke poll, and when" {
    run sockctl -c 'trace on; x = pair; y = pair; poll x0 y0 -t 10s & sleep 120ms; x1.send a; wait 1; x0.recv -o /dev/null
        poll x0 y0 -t 10s & sleep 80ms; y1.send b; wait 2; trace bars'
    assert_success
    assert_line --regexp '^x0  \.+#\.*  +1[0-9][0-9] ms$'
    assert_line --regexp '^y0  \.{6,}#  +[2-9][0-9][0-9] ms$'
    assert_line --regexp '^    0 .* ms +one column = [0-9]+ ms$'
    run --separate-stderr sockctl -c 'trace on; x = pair; x0.send hi; trace bars'
    assert_output ''
    told 'no poll was recorded'
}

@test "svg: xmllint accepts it, it has a title and the colour of the page" {
    sockctl -c 'trace on; x = pair; x0.send hi; poll x0 x1 -o /dev/null; trace svg' > a.svg
    xmllint --noout a.svg
    run cat a.svg
    assert_output --partial '<title id="t">poll readiness of x0 and x1</title>'
    assert_output --partial currentColor
    assert_output --partial 'class="r"'
    sockctl --trace b.svg -c 'listen "unix:@a<&\"b"; connect "unix:@a<&\"b"; x = pair; x0.send hi'
    xmllint --noout b.svg
    assert_equal "$(xmllint --xpath 'string(//*[local-name()="title"])' b.svg)" 'bytes of x0'
    sockctl --trace c.svg print none > /dev/null
    xmllint --noout c.svg
}

@test "hostile bytes do not reach a terminal in any form" {
    local form
    printf '\033]0;x\007\033[6n\233\302\205\342\200\256\355\240\200\000\r\n\377end;#"<&>%%%%' > hostile
    for form in ladder hex mermaid bars svg; do
        sockctl -c 'trace on; a = listen "unix:@\x1b]0;x\x07" ; x = pair; x0.send --file hostile; poll x1 -o /dev/null; fails 1 x1.expect --exact "\x1b[6n"; trace '$form > out 2> err
        assert [ -s out ]
        harmless out
    done
    sockctl --trace all.txt -c 'x = pair; x0.send --file hostile'
    harmless all.txt
    sockctl --trace all.json -c 'x = pair; x0.send --file hostile'
    harmless all.json
    jq -e -s '[.[] | select(.event == "sent") | .bytes.base64] == [$want]' --arg want "$(base64 -w0 hostile)" all.json
}

# ---- The command ----

@test "trace on, off, clear; one socket; nothing recorded" {
    run --separate-stderr sockctl trace
    assert_failure 2
    told "nothing is recorded; begin with 'trace on'"
    run sockctl -c 'trace on; x = pair; x0.send one; trace off; x0.send two; trace on; x0.send three; x1.send four; x0.trace; trace clear; x0.send five; t = trace; print $t'
    assert_line --partial -- '--one -'
    refute_line --partial two
    assert_line --partial -- '--three -'
    refute_line --partial four
    assert_line --index -1 --partial -- '--five -'
    run sockctl -c 'x = pair; x0.send before; trace on; x0.send after; trace'
    assert_line --regexp '^ +0\.[0-9]{3}  \|--after -+>\| x0$'
    refute_line --partial before
}

@test "-o FILE: the suffix decides, and nobody else may read it" {
    umask 022
    sockctl -c 'trace on; x = pair; x0.send hi; trace -o t.mmd; trace -o t.hex; trace -o t.json; trace -o t.pcapng; trace -o t.txt; trace hex -o t2.txt'
    assert_equal "$(head -n 1 t.mmd)" sequenceDiagram
    assert_equal "$(head -n 1 t.txt)" '  time   sockctl                       x0'
    diff t.hex t2.txt
    assert_equal "$(jq -c '[.event, .sock]' t.json)" '["sent","x0"]'
    assert_equal "$(head -c 4 t.pcapng | xxd -p)" 0a0d0d0a
    assert_equal "$(stat -c %a t.mmd t.hex t.json t.pcapng t.txt | sort -u)" 600
}

# ---- --trace FILE ----

@test "--trace writes through every door, before the command and behind it" {
    local door
    printf 'x = pair\nx0.send hello\nx1.recv -o /dev/null\n' > s.sock
    for door in 'do x = pair , x0.send hello , x1.recv -o /dev/null' "-c source\ s.sock" '-f s.sock' '-f -' '-i --json' ''; do
        rm -f t.txt
        eval "sockctl --trace t.txt $door" < s.sock > /dev/null
        run timeless < t.txt
        assert_line --index 1 --regexp '^TIME\|--hello -+>\| x0$'
        assert_line --index 2 --regexp '^TIME\|<-+ hello-\| x1$'
        assert_line --index -1 --regexp '^TIME\|\* closed +\| x1$'
    done
    run sockctl connect 127.0.0.1:1 --trace after.txt
    assert_failure 5
    run cat after.txt
    assert_line --partial '* connection refused (ECONNREFUSED)'
    run sockctl do x = pair , x0.send -- --trace , x1.recv
    assert_output -- --trace
    sockctl --check --trace unmade.txt -c 'x = pair'
    assert [ ! -e unmade.txt ]
}

@test "--trace: the file is complete when the run fails, times out, or is interrupted" {
    local signal
    run sockctl --trace t.pcapng -c 'x = pair; x0.send hello; x1.recv -o /dev/null; x1.recv -t 20ms'
    assert_failure 124
    assert_equal "$(tshark -n -r t.pcapng -T fields -e data.data 2> /dev/null | uniq)" 68656c6c6f
    for signal in INT TERM; do
        mkfifo "ready$signal"
        env --default-signal=INT sockctl --trace "$signal.txt" -c "x = pair; x0.send hello; print up > ready$signal; x1.recv 5; x1.recv" > /dev/null 2>&1 3>&- &
        read -r _ < "ready$signal"
        kill -"$signal" $!
        wait $! || status=$?
        assert [ "$status" -gt 128 ]
        run timeless < "$signal.txt"
        assert_line --partial -- '--hello -'
        assert_line --partial -- '* closed'
    done
}

@test "--trace: a file that cannot be, or must not be written is refused before anything runs" {
    local file
    ln -s elsewhere link
    printf 'print ran\n' > s.sock
    mkfifo fifo
    for file in nosuch/t.txt . link /dev/null fifo s.sock out; do
        sockctl --trace "$file" -f s.sock > out 2> err && fail "$file was taken"
        run cat out
        refute_output --partial ran
    done
    assert_equal "$(cat s.sock)" 'print ran'
    run --separate-stderr sockctl --trace /dev/null print a
    assert_failure 2
    told "--trace '/dev/null': it is no regular file; a trace is written into one"
    run --separate-stderr sockctl --trace nosuch/t.txt print a
    assert_failure 3
    umask 022
    printf 'something longer than a trace of nothing\n' > old.txt
    chmod 644 old.txt
    sockctl --trace old.txt print a
    assert_equal "$(stat -c '%a %s' old.txt)" '600 0'
}

@test "--trace: a full disk does not stop the run, is status 3 at its end, and leaves whole packets" {
    run --separate-stderr bash -c 'ulimit -f 8; exec sockctl --trace t.pcapng -c "x = pair; repeat -n 100 do x0.send --file /usr/share/common-licenses/GPL-3 , x1.read 35000 -o /dev/null; print done" | cat; exit ${PIPESTATUS[0]}'
    assert_equal "$output" 'done'
    assert_equal "$status" 3
    told EFBIG
    tshark -n -r t.pcapng > /dev/null
}

@test "a trace makes no other system calls than getsockname" {
    [[ $SOCKCTL_PRESET == dev ]] || skip 'strace and the leak checker do not go together'
    local words=(do srv = listen :0 , cli = connect sock:srv , conn = srv.accept , cli.send hello , conn.recv , cli.close , conn.recv)
    calls() { sed -n '/^socket/,$p' "$1" | sed -E 's/\(.*//' | grep -E '^(socket|bind|listen|connect|accept4|send|recv|poll|ppoll|shutdown|close|getsockopt|setsockopt|epoll|fcntl)' ; }
    strace -qq -o plain sockctl "${words[@]}" > /dev/null 2>&1 || :
    strace -qq -o traced sockctl --trace t.pcapng "${words[@]}" > /dev/null 2>&1 || :
    diff <(calls plain | sort | uniq -c) <(calls traced | sed '$d' | sort | uniq -c) || diff <(calls plain) <(calls traced)
    assert_equal "$(grep -c ^getsockname traced)" $(($(grep -c ^getsockname plain) + 3))
}

@test "the shell records from its start" {
    load shell
    start_shell
    enter 'x = pair'
    ends_with 'sockctl x1>'
    enter 'x0.send hello'
    ends_with 'sockctl x1>'
    enter 'trace'
    see '|--hello -'
    enter 'x0.trace mermaid'
    see '5B hello'
    stop_shell
}
