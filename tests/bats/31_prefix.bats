#!/usr/bin/env bats
# Commands in front of commands: do, repeat, time, fails; assert; sections and TAP.
load sockets

setup() { cd "$BATS_TEST_TMPDIR" || exit; }

# ---- do ----

@test "do: the first failure ends the chain with its status" {
    run --separate-stderr sockctl do print a , inet_pton inet x , print b
    assert_failure 1
    assert_output a
    assert_equal "${#stderr_lines[@]}" 1
    run sockctl do
    assert_success
    assert_output ''
    run sockctl do print a ,
    assert_success
}

@test "do --json: an object a step, none of its own" {
    run --separate-stderr sockctl --json do htons 1 , inet_pton inet x
    assert_failure 1
    assert_equal "$(jq -c '[.cmd, .ok]' <<< "$output" | tr -d '\n')" '["htons",true]["inet_pton",false]'
    run sockctl do htons 1 , htons --json 2 , htons 3
    assert_line --index 0 256
    assert_equal "$(sed -n 2p <<< "$output" | jq .result.value)" 512
    assert_line --index 2 768
}

@test "do: the whole chain is checked before anything runs" {
    run --separate-stderr sockctl do print a , print '\q'
    assert_failure 2
    assert_output ''
}

@test "do: sockets live from step to step" {
    run sockctl do srv = listen :0 , cli = connect sock:srv , conn = srv.accept , cli.send 'hello\n' , conn.recv
    assert_success
    assert_output hello
}

# ---- repeat ----

@test "repeat runs N times, stops at the first failure" {
    run sockctl repeat -n 3 print again
    assert_output $'again\nagain\nagain'
    run --separate-stderr sockctl repeat -n 3 do print a , inet_pton inet x
    assert_failure 1
    assert_output a
    assert_equal "${#stderr_lines[@]}" 1
}

@test "repeat --json gathers the runs in one object" {
    run sockctl --json repeat -n 3 htons 1
    assert_success
    assert_equal "${#lines[@]}" 1
    assert_equal "$(last '[.cmd, .result.n, [.results[].result.value]]')" '["repeat",3,[256,256,256]]'
    run --separate-stderr sockctl --json repeat -n 3 do htons 1 , inet_pton inet x
    assert_failure 1
    assert_equal "${#lines[@]}" 1
    assert_equal "$(last '[.ok, .error.code, .error.exit, (.results | length)]')" '[false,"EINVAL",1,2]'
}

@test "repeat --every starts runs in time" {
    run sockctl --json repeat -n 5 --every 20ms htons 1
    assert_success
    ms=$(last '.result.ms | floor')
    ((ms >= 80 && ms < 2000))
}

@test "repeat --stats: percentiles and a histogram" {
    run sockctl repeat -n 200 --stats do
    assert_success
    assert_line --index 0 '200 runs of do, microseconds'
    assert_line --regexp '^ *[0-9]+\.\.[0-9]+ +[0-9]+ \|#+$'
    assert_line --index -1 --regexp '^p50 [0-9.]+  p90 [0-9.]+  p99 [0-9.]+  max [0-9.]+ us$'
    run bash -c 'sockctl repeat -n 3 --stats sleep 60ms'
    assert_line --regexp '^ 51200\.\.102400    [123] \|#{13,40}$'
    run sockctl --json repeat -n 50 --stats sleep 1ms
    assert_equal "$(last '.result.us | .min >= 1000 and .min <= .p50 and .p50 <= .p90 and .p90 <= .p99 and .p99 <= .max')" true
}

@test "repeat nests, and keeps what its runs bind" {
    run sockctl -c 'repeat -n 2 repeat -n 2 print x; repeat -n 2 do y = htons 3; print $y'
    assert_output $'x\nx\nx\nx\n768'
}

@test "repeat: Ctrl-C ends it between two runs" {
    mkfifo ready
    sockctl repeat -n 9000000000000000000 do print up > ready 3>&- &
    pid=$!
    read -r line < ready
    assert_equal "$line" up
    wait "$pid" || status=$?
    assert_equal "$status" 141
    # A shell starts its background jobs with SIGINT ignored.
    env --default-signal=INT sockctl -c 'print up > ready; repeat -n 9000000000000000000 do' 2> err 3>&- &
    pid=$!
    read -r line < ready
    kill -INT "$pid"
    wait "$pid" || status=$?
    assert_equal "$status" 130
    run cat err
    assert_output --regexp '^sockctl: (-c:1: )?cancelled: (repeat|do)$'
}

@test "NAME = repeat binds a record" {
    run sockctl -c 'r = repeat -n 2 htons 1; print $r.n $r.results[1].result.value'
    assert_output '2 256'
}

# ---- time ----

@test "time says how long, and passes the status on" {
    run sockctl time sleep 20ms
    assert_success
    assert_output --regexp '^real 0\.0[2-9][0-9]+ s$'
    run sockctl --json time sleep 20ms
    assert_equal "$(last '[.result.ms >= 20, .result.status, (.results | length)]')" '[true,0,1]'
    run --separate-stderr sockctl time inet_pton inet x
    assert_failure 1
    assert_equal "${#stderr_lines[@]}" 1
}

# ---- fails ----

@test "fails wants a failure, or one status" {
    run --separate-stderr sockctl fails inet_pton inet x
    assert_success
    assert_output ''
    untold
    run sockctl fails 1 inet_pton inet x
    assert_success
    run --separate-stderr sockctl fails 5 inet_pton inet x
    assert_failure 1
    told 'expected failure 5, but it ended with 1'
    run --separate-stderr sockctl fails htons 1
    assert_failure 1
    told 'ended with 0'
    run sockctl fails 5 connect 127.0.0.1:1
    assert_success
    run sockctl fails fails htons 1
    assert_success
}

@test "fails --json: want, got and what happened" {
    run sockctl --json fails 1 inet_pton inet x
    assert_success
    assert_equal "$(last '[.result.pass, .result.want, .result.got, .results[0].error.code]')" '[true,"1","1","EINVAL"]'
    run --separate-stderr sockctl --json fails 2 inet_pton inet x
    assert_failure 1
    assert_equal "$(last '.error | [.code, .exit, .pass, .want, .got]')" '["ASSERT",1,false,"2","1"]'
}

@test "fails does not take Ctrl-C for the failure" {
    no_leak_check
    timeout --preserve-status --signal INT 0.3 sockctl fails sleep 60 2> err || status=$?
    assert_equal "$status" 130
}

@test "fails with a chain, with data that came before the failure" {
    run sockctl -c 'x = pair; x0.send ab; x0.close; fails 7 x1.read 5'
    assert_success
}

# ---- assert ----

@test "assert: what holds" {
    while IFS= read -r words; do
        eval "run --separate-stderr sockctl assert $words"
        assert_success
        assert_output ''
        untold
    done <<'EOF'
abc is abc
'a\x41' is aA
'' is ''
abc not abd
1 is 1.0
007 is 7
1.50 is 1.5
9 lt 10
9 '<' 10
a9 gt a10
10 ge 10
-- -5 lt -4
-- -0 is 0
-- -0.5 gt -0.51
99999999999999999999999 lt 100000000000000000000000
abc contains b
abc contains ''
'a\x00b' contains '\x00'
abc '==' abc
abc '!=' abd
5 '>=' 4
5 '<=' 5
5 '>' 4
abc matches '^a.c$'
'line1\nline2' matches '^line2$'
'x1' matches '\d'
'a\r\n' matches '\r\n'
1e3 not 1000
EOF
}

@test "assert: what does not hold is status 1 and shows both" {
    while IFS= read -r words; do
        eval "run --separate-stderr sockctl assert $words"
        assert_failure 1
        assert_output ''
        told 'assert failed'
        told want
        told got
    done <<'EOF'
abc is abd
abc is ''
abc not abc
10 lt 9
10 lt 10
b lt a
abc contains x
abc matches '^b'
5 '>' 5
-- -1 gt 0
'a\x00b' is 'a\x00c'
EOF
}

@test "assert shows the byte that differs" {
    run --separate-stderr sockctl assert '250 AUTH PLAIN\n' is '250 AUTH PLAIN\r\n'
    assert_failure 1
    told "want  '250 AUTH PLAIN\\r\\n'"
    told '^ byte 14'
}

@test "assert --json" {
    run sockctl --json assert 'a\n' is 'a\n'
    assert_equal "$(last .result)" '{"name":null,"pass":true,"want":"a\\n","got":"a\\n"}'
    run --separate-stderr sockctl --json assert a is b
    assert_failure 1
    assert_equal "$(last '.error | [.code, .exit, .want, .got, .pass]')" '["ASSERT",1,"b","a",false]'
}

@test "assert with variables: bytes as they are" {
    run sockctl -c 'x = print a\x00b\q' || true
    run sockctl -c "x = print 'a\\x00b\\\\q'; assert \$x is 'a\\x00b\\\\q'; n = htons 80; assert \$n gt 20000; assert \$x contains '\\\\'"
    assert_success
}

@test "assert refuses a pattern that is none" {
    run --separate-stderr sockctl assert a matches '('
    assert_failure 2
    assert_equal "${#stderr_lines[@]}" 1
}

# ---- test, --tap ----

@test "--tap: a line a section, the plan at the end" {
    printf "test one\nassert 1 is 1\ntest 'two # x'\nassert 1 is 2\nprint in two\ntest three\nfails htons 1\ntest four\nfails inet_pton inet x\n" > t.sock
    run --separate-stderr sockctl --tap --keep-going -f t.sock
    assert_failure 1
    assert_output $'ok 1 - one\nin two\nnot ok 2 - two   x\nnot ok 3 - three\nok 4 - four\n1..4'
    run --separate-stderr sockctl --tap -f t.sock
    assert_failure 1
    assert_output $'ok 1 - one\nnot ok 2 - two   x\n1..2'
}

@test "without --tap sections print nothing" {
    run sockctl -c 'test one; assert 1 is 1; test two'
    assert_success
    assert_output ''
    run sockctl --json -c 'test one; assert 1 is 1'
    assert_equal "$(last .result.name)" '"one"'
}

@test "prove takes it" {
    printf "test one\nassert 1 is 1\n" > t.sock
    run prove -e 'sockctl --tap -f' t.sock
    assert_success
}

# ---- help ----

@test "COMMAND --help is help COMMAND, for every command, without a socket" {
    for command in $(sockctl help --json | jq -r '.result.commands[].name'); do
        run --separate-stderr sockctl "$command" --help
        assert_success
        untold
        assert_equal "$output" "$(sockctl help "$command")"
        [[ $output == *"$command"* ]]
    done
}

@test "help --json has the rows" {
    run sockctl help --json
    assert_equal "$(last '.result.commands | length > 60')" true
    assert_equal "$(last '[.result.commands[] | select(.summary == null or .group == null or .examples == [])] | map(.name)')" '[]'
    run sockctl help htons --json
    assert_equal "$(last '.result.commands[0].operands[0] | [.name, .lowest, .highest]')" '["NUMBER",0,65535]'
    run --separate-stderr sockctl help nosuch
    assert_failure 2
    told nosuch
}
