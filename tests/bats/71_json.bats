#!/usr/bin/env bats
# JSON: what every command writes when it succeeds and for each way to fail, held against the schema; and the machine door
# (envelopes.py, envelopes.tsv).
# presets: dev asan
load servers

setup_file() {
    start_namespace
    mkdir -p "/etc/netns/$NETNS"
    echo 'nameserver 127.0.0.1' > "/etc/netns/$NETNS/resolv.conf"
}
teardown_file() {
    rm -rf "/etc/netns/$NETNS"
    stop_servers
}
setup() { export TMPDIR=$BATS_TEST_TMPDIR; }

envelopes() { run inside python3 "$BATS_TEST_DIRNAME/envelopes.py" sockctl "$SOCKCTL_SOURCE/cmd/out/sockctl.schema.json" "$1"; }

@test "every command: successes and failures through argv, do and the machine door" {
    envelopes cases
    assert_success
}

@test "every command has a case of each kind it needs, and refuses a wrong option as JSON" {
    envelopes coverage
    assert_success
}

@test "the schema refuses what is wrong: unknown and missing fields, other types, both or none of result and error" {
    envelopes mutants
    assert_success
}

@test "the schema that is installed is the one that is tested" {
    DESTDIR=$BATS_TEST_TMPDIR/root cmake --install "$SOCKCTL_BUILD" > /dev/null
    run find "$BATS_TEST_TMPDIR/root" -name sockctl.schema.json
    assert_output --regexp '/share/sockctl/sockctl.schema.json$'
    cmp "$output" "$SOCKCTL_SOURCE/cmd/out/sockctl.schema.json"
}

# ---- Which commands write objects ----

# kinds: of each object of $output its command, or what stands for it.
kinds() { jq -r 'if .cmd then .cmd else "null" end' <<< "$output" | tr '\n' ' '; }

@test "--json before do is for all its commands, behind one of them for that one" {
    run --separate-stderr sockctl --json do x = pair , x0.send hi , do print a , print b , y = x1.recv
    assert_equal "$(kinds)" 'pair send print print recv '
    run --separate-stderr sockctl do print a , print --json b , print c
    assert_line --index 0 a
    assert_line --index 1 --partial '"cmd":"print"'
    assert_line --index 2 c
    run --separate-stderr sockctl do --json print a , print b
    assert_equal "$(kinds)" 'print print '
}

@test "JSON by option, letter, format, environment and setting" {
    local argv
    for argv in '--json' '-j' '-F json' '--format=json'; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr sockctl $argv print a
        assert_equal "$(jq -r '[.cmd, .result.text] | join(" ")' <<< "$output")" 'print a'
        # shellcheck disable=SC2086
        run --separate-stderr sockctl print $argv a
        assert_equal "$(jq -r .cmd <<< "$output")" print
    done
    SOCKCTL_FORMAT=json run --separate-stderr sockctl print a
    assert_equal "$(jq -r .cmd <<< "$output")" print
    run --separate-stderr sockctl -c 'set format json ; print a'
    assert_equal "$(jq -r .result.text <<< "$output")" a
}

@test "--bytes chooses what stands for bytes, in results, errors and inner objects" {
    local as
    for as in base64 hex text all; do
        run --separate-stderr sockctl --json --bytes $as do x = pair , x0.send 'a\xff' , x1.recv , x0.send 'abc' , x0.close , fails 7 x1.read 9
        run jq -c 'select(.cmd == "recv").result, .results[0].error.partial // empty | [.len, .text, .base64, .hex, .eof, has("text")]' <<< "$output"
        case $as in
        base64) assert_output $'[2,null,"Yf8=",null,false,false]\n[3,null,"YWJj",null,null,false]' ;;
        hex) assert_output $'[2,null,null,"61ff",false,false]\n[3,null,null,"616263",null,false]' ;;
        text) assert_output $'[2,null,null,null,false,true]\n[3,"abc",null,null,null,true]' ;;
        all) assert_output $'[2,null,"Yf8=","61ff",false,true]\n[3,"abc","YWJj","616263",null,true]' ;;
        esac
    done
    run --separate-stderr sockctl do --json --bytes hex print a , print --bytes text b
    assert_equal "$(jq -c '.result | [.hex, .text]' <<< "$output" | tr '\n' ' ')" '["61",null] [null,"b"] '
    run --separate-stderr sockctl --bytes octal --json print a
    assert_failure 2
}

@test "an object for every command that runs, none for those that do not; the status is that of the first failure" {
    run --separate-stderr sockctl --json -c 'x = print a ; # nothing
        assert a is b ; print never'
    assert_failure 1
    assert_equal "$(kinds)" 'print assert '
    run --separate-stderr sockctl --json --keep-going -c 'assert a is b
        fdopen 99
        print on'
    assert_failure 1
    assert_equal "$(kinds)" 'assert fdopen print '
    assert_equal "$(jq -r '.error.exit' <<< "$output" | tr '\n' ' ')" '1 3 null '
    run --separate-stderr sockctl --json -c 'print a ; recv --nosuch'
    assert_failure 2
    assert_equal "$(kinds)" 'null '
    run --separate-stderr sockctl --json --check -c 'print a'
    assert_success
    assert_output ''
}

@test "objects go where the output goes" {
    cd "$BATS_TEST_TMPDIR"
    run --separate-stderr sockctl --json -c 'print a > one
        print b >> one
        fails fdopen 99 > two'
    assert_success
    assert_output ''
    assert_equal "$(jq -r .result.text one | tr '\n' ' ')" 'a b '
    assert_equal "$(jq -r '.results[0].error.code' two)" EBADF
    sockctl print --json -o three c
    assert_equal "$(jq -r .result.text three)" c
    run --separate-stderr sockctl --json -c "print a | jq -r .result.base64"
    assert_output 'YQ=='
}

@test "one write an object, also a large one" {
    head -c 300000 /dev/urandom > "$BATS_TEST_TMPDIR/data"
    ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 strace -qq -e trace=write -e write=none -o "$BATS_TEST_TMPDIR/trace" \
        sockctl --json do print one , print --file "$BATS_TEST_TMPDIR/data" , print three > "$BATS_TEST_TMPDIR/out"
    assert_equal "$(wc -l < "$BATS_TEST_TMPDIR/out")" 3
    assert_equal "$(grep -c '^write(1,' "$BATS_TEST_TMPDIR/trace")" 3
    assert_equal "$(sed -n 2p "$BATS_TEST_TMPDIR/out" | jq -r .result.base64 | base64 -d | cmp - <(cat "$BATS_TEST_TMPDIR/data") && echo same)" same
}

# ---- The machine door ----

start_door() {
    coproc DOOR { exec sockctl -i --json "$@" 2> "$BATS_TEST_TMPDIR/messages"; }
}
# ask LINE: its answer, which comes while the door waits for more.
ask() {
    printf '%s\n' "$1" >&"${DOOR[1]}"
    read -t 60 -r answer <&"${DOOR[0]}"
}
# answered EXPRESSION WANTED: jq on the answer.
answered() { assert_equal "$(jq -c "$1" <<< "$answer")" "$2"; }
# ends STATUS: at the end of input nothing more is said.
ends() {
    local input=${DOOR[1]} output pid=$DOOR_PID status=0 rest
    exec {output}<&"${DOOR[0]}" # bash forgets the coprocess when it ends
    exec {input}>&-
    rest=$(cat <&"$output")
    wait "$pid" || status=$?
    assert_equal "$status $rest" "$1 "
}

@test "machine door: one line in, one object out, at once; it keeps sockets and variables and goes on after errors" {
    start_door
    ask 'srv = listen :0'
    answered '[.cmd, .sock, .ok, .id]' '["listen","srv",true,null]'
    ask '@1 cli = connect $srv.local'
    answered '[.id, .sock]' '["1","cli"]'
    ask '@{"a":1} conn = srv.accept ; cli.send hello ; y = conn.recv'
    answered '[.id, .ok, (.results | map(.cmd))]' '["{\"a\":1}",true,["accept","send","recv"]]'
    ask '@ä print $y'
    answered '[.id, .result.text]' '["ä","hello"]'
    ask '@x nosuch'
    answered '[.id, .cmd, .ok, .error.code, .error.exit]' '["x",null,false,"USAGE",2]'
    ask '@x print a ; conn.recv -t 10ms ; print never'
    answered '[.id, .ok, (.results | map([.cmd, .ok]))]' '["x",false,[["print",true],["recv",false]]]'
    ask 'cli.close'
    answered '[.cmd, .result]' '["close",{}]'
    ask 'conn.recv'
    answered '[.error.code, .error.exit]' '["EOF",7]'
    ends 0
}

@test "machine door: empty lines and comments are not answered" {
    start_door
    printf '\n   \n# a comment\n  # another\n@7 # nothing\n\t\n' >&"${DOOR[1]}"
    ask 'print on # behind it'
    answered '[.seq, .cmd]' '[1,"print"]'
    ends 0
}

@test "machine door: open quotes, a backslash at the end, | ! and a job's wait without it are errors at once" {
    local line
    start_door
    for line in "print 'open" 'print "open' 'print a \' 'print ${x' 'print a | cat' '! echo hi' 'print a ; ! echo' 'print a > f | cat' '|' '!' "@t 'x"; do
        ask "$line"
        answered '[.ok, .error.exit, .error.code]' '[false,2,"USAGE"]'
        ask '@on print on'
        answered '[.id, .result.text]' '["on","on"]'
    done
    [ ! -e f ]
    ends 0
}

@test "machine door: a command with many results answers with all of them" {
    start_door
    ask 'a = bind udp://127.0.0.1:0 ; sendto sock:a one ; sendto sock:a two ; sendto sock:a three'
    answered '.results | length' 4
    ask '@n a.recvfrom -n 3'
    answered '[.id, (.results | map([.cmd, .sock, .ok, .result.text]))]' '["n",[["recvfrom","a",true,"one"],["recvfrom","a",true,"two"],["recvfrom","a",true,"three"]]]'
    ask 'repeat -n 3 print a'
    answered '[.cmd, .result.n, (.results | length)]' '["repeat",3,3]'
    ask 'do print a , print b'
    answered '[.cmd, (.results | length)]' '[null,2]'
    ask 'sleep 0 &'
    answered '[.ok, .results]' '[true,[]]'
    ask 'wait'
    answered '[.cmd, (.results | map(.cmd))]' '["wait",["sleep"]]'
    ends 0
}

@test "machine door: no events, and no time limit of its own" {
    start_door
    ask 'srv = listen :0 ; x = pair ; c = connect $srv.local'
    ask 'x0.send hello ; x0.close' # x1 is readable and at its end, srv has a connection: nobody asked
    ask 'sleep 50ms'
    answered .cmd '"sleep"'
    ask 'set timeout'
    answered .result.timeout '"inf"'
    ends 0
}

@test "machine door: quit ends it with its status, and the end of input with 0 after a failure" {
    run --separate-stderr sockctl -i --json <<< $'print a\nquit 3\nprint never'
    assert_failure 3
    assert_equal "$(kinds)" 'print quit '
    run --separate-stderr sockctl -i --json <<< 'fdopen 99'
    assert_success
    printf 'print no newline at the end' | sockctl -i --json | jq -e '.result.text == "no newline at the end"'
    sockctl -i --json < /dev/null
}

@test "machine door: long lines and large answers" {
    { printf 'print --hex '; head -c 1000000 /dev/zero | xxd -p | tr -d '\n'; printf '\nprint on\n'; } | sockctl -i --json > "$BATS_TEST_TMPDIR/answers"
    assert_equal "$(jq -c '[.result.len, .error.exit]' "$BATS_TEST_TMPDIR/answers" | tr '\n' ' ')" '[1000000,null] [2,null] '
}
