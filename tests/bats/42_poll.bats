#!/usr/bin/env bats
# Waiting: poll, poller objects, sleep, silent, expect.
load sockets

@test "poll lists what is ready, in the order given" {
    script_json 'a = pair ; b = pair ; d = pair ; d0.send x ; a0.send x ; poll d1 b1 a1'
    assert_success
    assert_equal "$(last '[.result[] | [.name, .events, .revents]]')" '[["d1",["in"],1],["a1",["in"],1]]'
}

@test "poll: events per socket, as words, constants or numbers" {
    script_json 'x = pair ; x0.send hi ; poll x0:in,out x1:POLLIN x1:4'
    assert_equal "$(last '[.result[] | [.name, .events]]')" '[["x0",["out"]],["x1",["in"]],["x1",["out"]]]'
    script 'x = pair ; poll x0:nonsense'
    assert_failure 2
}

@test "poll: text form, a line each" {
    run sockctl -c 'x = pair ; x0.send hi ; poll x0:out x1:in,out'
    assert_output $'x0 out\nx1 in,out'
}

@test "poll: nothing ready is 124; -t 0 looks once" {
    script 'x = pair ; poll x0 x1 -t 20ms'
    assert_failure 124
    told 'timed out after 20ms: poll'
    script 'x = pair ; poll -t 0 x0'
    assert_failure 124
}

@test "poll: the current socket when none is named; NAME.poll" {
    script 'x = pair ; x0.send hi ; poll ; x1.poll'
    assert_output $'x1 in\nx1 in'
    run --separate-stderr sockctl poll
    assert_failure 2
}

@test "poll states: new, listening, peer's end, reset, refused, closed" {
    script_json 's = socket ; poll s:in,out'
    assert_equal "$(last '.result[0] | [.events, .revents]')" '[["out","hup"],20]'
    script_json 'srv = listen :0 ; cli = connect $srv.local ; poll srv'
    assert_equal "$(last .result[0].revents)" 1
    script_json 'srv = listen :0 ; cli = connect $srv.local ; conn = srv.accept ; conn.close ; cli.poll ; poll cli:in,out,rdhup'
    assert_equal "$(last '.result[0].events')" '["in","out","rdhup"]'
    script_json 'srv = listen :0 ; cli = connect $srv.local ; conn = srv.accept ; conn.setsockopt SO_LINGER on,0 ; conn.close ; poll cli:in,out'
    assert_equal "$(last '.result[0].revents')" 29
    script_json 'x = pair ; x0.close ; poll x0 x1'
    assert_equal "$(last '[.result[] | [.name, .events]]')" '[["x0",["nval"]],["x1",["in","hup"]]]'
}

@test "poll: bytes in the buffer count as in" {
    script 'x = pair ; x0.sendall "a\nb" ; x1.readline ; poll -t 0 x1'
    assert_output $'a\nx1 in'
}

@test "poll: a file is polled as its socket" {
    script 'x = pair ; f = x0.makefile ; x1.send hi ; poll f:in'
    assert_output 'f in'
}

@test "poller: register, modify, unregister, poll" {
    script_json 'x = pair ; p = poller ; p.register x0 ; p.register x1 in ; x0.send hi ; p.poll'
    assert_equal "$(last '[.result[] | [.name, .events]]')" '[["x0",["out"]],["x1",["in"]]]'
    script_json 'x = pair ; p = poller ; p.register x0 ; p.register x1 in ; p.register x0 in ; p.modify x1 out ; p.poll'
    assert_equal "$(last '[.result[] | [.name, .events]]')" '[["x1",["out"]]]'
    script 'x = pair ; p = poller ; p.register x0 ; p.unregister x0 ; p.poll -t 10ms'
    assert_failure 124
    script 'x = pair ; p = poller ; p.modify x0 in'
    assert_failure 3
    told ENOENT
    script 'x = pair ; p = poller ; p.unregister x0'
    assert_success
    script 'x = pair ; x0.register x1'
    assert_failure 2
    told 'p = poller'
    script 'p = poller ; p.register nosuch'
    assert_failure 2
    script 'p = poller ; v = print x ; p.register v'
    assert_failure 2
}

@test "poller: a closed handle is nval for ever, never another socket" {
    script_json 'x = pair ; p = poller ; p.register x0 ; x0.close ; y = pair ; p.poll ; p.poll'
    assert_equal "$(last '[.result[] | [.name, .events, .revents]]')" '[["x0",["nval"],32]]'
    script_json 'x = pair ; p = poller ; p.register x0 ; x0 = socket ; p.poll'
    assert_equal "$(last '.result[0].events')" '["nval"]'
}

@test "ipoll --one-shot forgets the events of what was ready until modify" {
    script 'x = pair ; p = poller ; p.register x0 out ; p.register x1 in ; p.ipoll --one-shot ; x0.send hi ; p.ipoll --one-shot ; p.modify x0 out ; p.ipoll ; fails 124 poll -t 0 x0'
    assert_success
    assert_output $'x0 out\nx1 in\nx0 out'
    script_json 'x = pair ; p = poller ; p.register x0 out ; p.ipoll --one-shot ; x1.close ; p.poll'
    assert_equal "$(last '.result[0].events')" '["hup"]'
}

@test "an empty poller sleeps" {
    script 'p = poller ; p.poll -t 10ms'
    assert_failure 124
}

@test "sleep takes units" {
    run sockctl sleep 10ms
    assert_success
    run sockctl sleep nonsense
    assert_failure 2
}

@test "silent: nothing, data, the end" {
    script 'x = pair ; x0.silent 10ms'
    assert_success
    script "x = pair ; x0.send 'hi\\n' ; x1.silent 1s"
    assert_failure 1
    told "got:  'hi\\n'"
    script 'x = pair ; x0.send hi ; fails 1 x1.silent 1s ; x1.recv'
    assert_output hi
    script 'x = pair ; x0.close ; x1.silent 1s'
    assert_failure 1
}

# ---- expect ----

@test "expect consumes to the end of the match and keeps the rest" {
    script "x = pair ; x0.sendall '220 ready\\r\\nrest' ; x1.expect '\\r\\n' ; x1.recv"
    assert_success
    assert_output rest
    script_json "x = pair ; x0.sendall 'abc+PONG\\r\\n' ; x1.expect +PONG"
    assert_equal "$(last '.result | [.match.text, .before.text, .groups, .named]')" '["+PONG","abc",[],{}]'
    [ "$(last '.result.ms | type')" = '"number"' ]
}

@test "expect -r: groups, names, NUL, partial matches" {
    script_json "x = pair ; x0.sendall 'a\\x00b user=joe id=42\\n' ; x1.expect -r 'user=(?<name>\\w+) id=(\\d+)(x)?\\n'"
    assert_equal "$(last '.result | [[.groups[] | .text?], .named.name.text]')" '[["joe","42",null],"joe"]'
    script "x = pair ; x0.sendall '250 OK\\r\\n' ; x1.expect -r '^(\\d+) OK\\r\\n' ; print \${_.groups[0]}"
    assert_output 250
    script 'x = pair ; x1.expect -r "("'
    assert_failure 2
    script 'x = pair ; x0.sendall aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa! ; x1.expect -r "(a+)+$" -t 20s'
    assert_failure
}

@test "expect: time runs out, both sides shown, nothing consumed" {
    script "x = pair ; x0.sendall -- '-ERR unknown\\r\\n' ; x1.expect -t 20ms '+PONG\\r\\n'"
    assert_failure 124
    told 'timed out after 20ms'
    told 'on x1'
    told "want: '+PONG\\r\\n'"
    told "got:  '-ERR unknown\\r\\n'"
    script "x = pair ; x0.sendall abc ; fails 124 x1.expect -t 10ms nothing ; x1.recv"
    assert_output abc
}

@test "expect: the peer ends without it" {
    script_json 'x = pair ; x0.sendall abc ; x0.close ; x1.expect abcd'
    assert_failure 1
    assert_equal "$(last '.error | [.code, .want, .got, .partial.text]')" '["EXPECT","abcd","abc","abc"]'
}

@test "expect --exact shows the byte that differs" {
    script "x = pair ; x0.sendall '250 AUTH PLAIN\\n' ; x1.expect --exact '250 AUTH PLAIN\\r\\n'"
    assert_failure 1
    told "want  '250 AUTH PLAIN\\r\\n'  32 35 30 20 41 55 54 48 20 50 4c 41 49 4e 0d 0a"
    told "got   '250 AUTH PLAIN\\n'    32 35 30 20 41 55 54 48 20 50 4c 41 49 4e 0a"
    told '^ byte 14'
    script 'x = pair ; x0.sendall abcdef ; x1.expect --exact abc ; x1.recv'
    assert_output def
}

@test "expect --within and --not-before" {
    script 'x = pair ; x0.send now ; x1.expect --within 10s now'
    assert_success
    script 'x = pair ; x1.expect --within 20ms never'
    assert_failure 124
    told 'no match within 20ms'
    script 'x = pair ; x0.send now ; x1.expect --not-before 10s now'
    assert_failure 1
    told 'not before 10s'
    script 'x = pair ; do sleep 1100ms , x0.send late & ; x1.expect --within 1s late'
    assert_failure 124
    [[ $stderr =~ took\ [0-9.]+m?s,\ allowed\ 1s ]]
}

@test "expect --close and --reset" {
    script 'x = pair ; x0.close ; x1.expect --close'
    assert_success
    script 'x = pair ; x0.send hi ; x0.close ; x1.expect --close'
    assert_failure 1
    told "got:  'hi'"
    script 'x = pair ; x1.expect --close -t 10ms'
    assert_failure 124
    script 'srv = listen :0 ; cli = connect $srv.local ; conn = srv.accept ; conn.setsockopt SO_LINGER on,0 ; conn.close ; cli.expect --reset'
    assert_success
    script 'x = pair ; x0.close ; x1.expect --reset'
    assert_failure 1
    script 'x = pair ; x1.expect'
    assert_failure 2
    script 'x = pair ; x1.expect --close text'
    assert_failure 2
}
