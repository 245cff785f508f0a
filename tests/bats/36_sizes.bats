#!/usr/bin/env bats
# Large words, long lines, deep nesting, names at their limit; text that comes in pieces.
load sockets

# piled N TEXT: TEXT N times.
piled() { printf "$2%.0s" $(seq "$1"); }

@test "a line that goes on may come in pieces" {
    run --separate-stderr bash -c '(printf "print a\\\\\n"; sleep 0.1; printf "b\nprint \""; sleep 0.1; printf "c\nd\"\n") | sockctl'
    assert_success
    assert_output $'ab\nc\nd'
    { printf 'print '; piled 40000 '\\\n'; echo end; } > "$BATS_TEST_TMPDIR/long.sock" # 80,000 bytes: more than one read
    run --separate-stderr sockctl < "$BATS_TEST_TMPDIR/long.sock"
    assert_output end
    run --separate-stderr sockctl -f "$BATS_TEST_TMPDIR/long.sock"
    assert_output end
    run --separate-stderr bash -c 'printf "print a\\\\\n" | sockctl'
    assert_output a
}

@test "commands before commands: 32 deep, in every door and in a job" {
    for prefix in 'repeat -n 1 ' 'do ' 'time ' 'fails fails '; do
        local n=32
        [[ $prefix != fails* ]] || n=16
        script "$(piled $n "$prefix") print x"
        assert_success
        script "$(piled $n "$prefix") print x & ; wait"
        assert_success
        script "$(piled $((n + 1)) "$prefix") print x"
        assert_failure 2
        told 'nested deeper than 32'
    done
    run --separate-stderr sockctl $(piled 33 'do ') print x
    assert_failure 2
    run --separate-stderr sockctl <<< "$(piled 50000 'fails ') print x"
    assert_failure 2
    told 'nested deeper than 32'
}

@test "scripts nest 64 deep, also in a job, with a pattern of 250 parentheses at the bottom" {
    cd "$BATS_TEST_TMPDIR"
    for i in {1..63}; do echo "source $((i + 1)).sock" > "$i.sock"; done
    echo "x = pair ; x0.send a ; m = x1.expect -r '$(piled 250 '(')a$(piled 250 ')')' ; print \$m.groups[249] ; listen localhost:0 ; fails print x" > 64.sock
    for how in 'source 1.sock' $'source 1.sock &\nwait'; do
        script "$how"
        assert_failure 2 # the 65th level is that of fails
        assert_output a
        told 'fails: commands are nested deeper than 64'
    done
    echo 'source self.sock' > self.sock
    for how in 'source self.sock' $'source self.sock &\nwait' 'do do do do source self.sock'; do
        script "$how"
        assert_failure 2
        told 'does '\''self.sock'\'' source itself?'
    done
    echo 'source jobs.sock &' > jobs.sock
    script $'source jobs.sock\nwait'
    assert_failure 2
}

@test "a hundred thousand words, a mebibyte in one" {
    python3 - "$BATS_TEST_TMPDIR" <<'PYTHON'
import os, sys
os.chdir(sys.argv[1])
open("words.sock", "w").write("print " + " ".join("w%d" % i for i in range(100000)))
open("chain.sock", "w").write("do " + " , ".join("print a" for i in range(100000)))
open("large.sock", "w").write("x = pair ; x0.sendall '" + "a" * (1 << 20) + "' & ; n = x1.read 1Mi ; print $n.len")
for name, text in {
    "command": "%s", "name": "%s = print x", "variable": "print $%s", "option": "recv --%s", "address": "connect %s:80", "number": "repeat -n 1%s print x",
    "time": "sleep %s", "object": "%s.recv", "path": "connect /%s", "size": "x = pair ; x1.recv %s", "flags": "x = pair ; x1.recv --flags %s",
    "setting": "set %s 1", "family": "socket %s", "field": "x = pair ; print $x[0].%s", "position": "x = pair ; print $x[0%s]",
    "pattern": "x = pair ; x0.send a ; x1.expect -r '%s('", "hex": "x = pair ; x0.send --hex %s0", "escape": "print '%s\\q'",
}.items():
    open("bad_%s.sock" % name, "w").write(text % ("0" * (1 << 20) if name in ("number", "position") else "a" * (1 << 20)))
PYTHON
    run --separate-stderr sockctl -f "$BATS_TEST_TMPDIR/words.sock"
    assert_success
    assert_equal "${#output}" 688889
    run --separate-stderr sockctl < "$BATS_TEST_TMPDIR/words.sock"
    assert_equal "${#output}" 688889
    run --separate-stderr sockctl -f "$BATS_TEST_TMPDIR/chain.sock"
    assert_success
    assert_equal "${#lines[@]}" 100000
    run --separate-stderr sockctl -f "$BATS_TEST_TMPDIR/large.sock"
    assert_output 1048576
    for file in "$BATS_TEST_TMPDIR"/bad_*.sock; do
        run --separate-stderr sockctl -f "$file"
        assert_equal "$file $status" "$file 2"
        assert_equal "${#stderr_lines[@]}" 1
        assert [ ${#stderr} -lt 1000 ]
    done
}

@test "ten thousand variables" {
    python3 -c 'for i in range(10000): print("v%d = print %d" % (i, i))
print("print $v0 $v9999 ; vars")' > "$BATS_TEST_TMPDIR/many.sock"
    run --separate-stderr sockctl -f "$BATS_TEST_TMPDIR/many.sock"
    assert_success
    assert_line --index 0 '0 9999'
    assert_equal "${#lines[@]}" 10001
}

@test "names of 64 characters, and of 65" {
    local name
    name=$(piled 64 a)
    script "$name = print x ; print \$$name \${$name} ; get $name ; $name = listen :0 ; $name.settimeout 5 ; getsockopt -s $name SO_TYPE ; close $name"
    assert_success
    script "${name}b = print x"
    assert_failure 2
    told 'has 65 characters; at most 64'
    for text in "print \$${name}b" "get ${name}b" "${name}b.recv" "recv -s ${name}b" "close ${name}b" "use ${name}b" "poll ${name}b" "wait ${name}b"; do
        script "$text"
        assert_failure 2
        assert_equal "${#stderr_lines[@]}" 1
    done
    script "$name = pair"
    assert_failure 2
    script "${name:1} = pair ; ${name:1}0.send hi ; ${name:1}1.recv"
    assert_output hi
}

@test "paths of 64 steps" {
    script "x = pair ; print \$x$(piled 64 '[0].local')"
    assert_failure 2
    script "ai = getaddrinfo 127.0.0.1 80 ; print \$ai[0].addr.port \${ai[-1].addr.port} \$ai$(piled 64 '[0]')"
    assert_failure 2
    for position in 99999999999999999999 -9223372036854775808 9223372036854775807; do
        script "ai = getaddrinfo 127.0.0.1 80 ; print \$ai[$position]"
        assert_failure 2
        told 'outside the list'
    done
}
