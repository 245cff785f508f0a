#!/usr/bin/env bats
# The grammar of text, and what is the same in argv: words, quotes, escapes, variables, operators, names, doors.
load sockets

setup() { cd "$BATS_TEST_TMPDIR" || exit; }

# prints TEXT: what `print TEXT` gives in the text doors.
prints() { sockctl -c "print $1"; }

# ---- words ----

@test "single quotes are literal; escapes belong to the data operand" {
    assert_equal "$(prints "'a b'")" 'a b'
    assert_equal "$(prints "'a\\tb'")" $'a\tb'
    assert_equal "$(prints "'\$x ; | & # >'")" '$x ; | & # >'
    assert_equal "$(prints "''")" ''
}

@test "double quotes expand and keep backslashes that sh keeps" {
    run sockctl -c 'x = print 5; print "a $x b" "\$x" "\"q\"" "c:\\\\d" "\x41"'
    assert_output 'a 5 b $x "q" c:\d A'
    run sockctl -c 'print "\r\n"'
    assert_equal "$(sockctl -c 'print "\r\n"' | xxd -p)" 0d0a0a
}

@test "a backslash outside quotes protects what is special and stays elsewhere" {
    assert_equal "$(prints 'a\ b')" 'a b'
    assert_equal "$(prints 'a\;b\|c\&d\>e\#f\$g')" 'a;b|c&d>e#f$g'
    assert_equal "$(prints 'PING\r\n' | xxd -p)" 50494e470d0a0a
    assert_equal "$(prints "it\\'s")" "it's"
}

@test "quoted and plain pieces join to one word" {
    assert_equal "$(prints "a'b c'\"d e\"f")" 'ab cd ef'
}

@test "comments begin at the start of a word" {
    run sockctl -c $'print a # b\n# print c\nprint d#e # f'
    assert_output $'a\nd#e'
}

@test "lines go on after a backslash and inside quotes" {
    run sockctl -c $'print a \\\nb'
    assert_output 'a b'
    run sockctl -c $'print \'a\nb\''
    assert_output $'a\nb'
}

@test "operators need no blanks around them" {
    run sockctl -c 'print a;print b;'
    assert_output $'a\nb'
    sockctl -c 'print a>f;print b>>f'
    assert_equal "$(< f)" $'a\nb'
}

@test "data is the same through argv, do, -c and -f" {
    for word in 'a;b' ';' ',x' '|' '&' '#' '>' '<' 'a b' '*' '?' '[a]' '{a}' '~' '$x' '`id`' '$(id)' '"' '%n' '--' '!' '=' 'é' '日本'; do
        printf "print -- '%s'\n" "$word" > script
        assert_equal "$(sockctl print -- "$word")" "$word"
        assert_equal "$(sockctl do print -- "$word")" "$word"
        assert_equal "$(sockctl -c "print -- '$word'")" "$word"
        assert_equal "$(sockctl -f script)" "$word"
        assert_equal "$(sockctl < script)" "$word"
        assert_equal "$(sockctl -i --json < script | jq -r .result.text)" "$word"
    done
}

@test "argv has no variables and no operators" {
    run sockctl print '$x' ';' '${y}' '>' '|' '&'
    assert_success
    assert_output '$x ; ${y} > | &'
}

@test "a comma separates only in do, only as a whole word" {
    assert_equal "$(sockctl print , ,)" ', ,'
    assert_equal "$(sockctl do print a, ,b)" 'a, ,b'
    run sockctl do print a , print '\x2c'
    assert_output $'a\n,'
    run sockctl do --sep :: print , :: print b
    assert_output $',\nb'
}

@test "escapes: all of them, and their refusals with the position" {
    assert_equal "$(sockctl print '\a\b\e\f\v\0\\\x27\"\x00\xff\u20ac' | xxd -p)" 07081b0c0b005c272200ffe282ac0a
    run --separate-stderr sockctl print 'ab\q'
    assert_failure 2
    told 'unknown escape \q'
    told 3
}

# ---- variables ----

@test "a result bound to a name, its parts, lists from both ends" {
    run sockctl -c 'n = htons 80; print $n ${n}x "$n"
l = if_nameindex; print $l[0].index $l[0][1] $l[0][-1]'
    assert_success
    assert_output $'20480 20480x 20480\n1 lo lo'
}

@test "an unknown variable is an error, a default is none" {
    run --separate-stderr sockctl -c 'print $nosuch_variable'
    assert_failure 2
    told nosuch_variable
    assert_equal "$(prints '${nosuch_variable:-a default}')" 'a default'
    assert_equal "$(prints '${nosuch_variable:-}')" ''
}

@test "sockctl's names come before the environment" {
    FROM_ENV=env run sockctl -c 'print $FROM_ENV'
    assert_output env
    FROM_ENV=env run sockctl -c 'FROM_ENV = print own; print $FROM_ENV'
    assert_output own
}

@test "an expansion is one word: no splitting, no globbing, no operator, no option" {
    X='a  b * ; | & > x' run sockctl -c 'print $X'
    assert_output 'a  b * ; | & > x'
    X=-n run sockctl -c 'print $X'
    assert_output -- -n
    X=, run sockctl -c 'do print $X , print b'
    assert_output $',\nb'
    X=--json run --separate-stderr sockctl -c 'htons $X'
    assert_failure 2
}

@test "what comes from a variable is not decoded" {
    X='a\nb\q' run sockctl -c 'print $X "$X"'
    assert_output 'a\nb\q a\nb\q'
}

@test "expansion happens when the command runs" {
    run sockctl -c 'x = print 1; print $x; x = print 2; print $x; htons 80; print $_'
    assert_output $'1\n2\n20480\n20480'
}

@test "\$? is the last status" {
    run sockctl --keep-going -c 'inet_pton inet x; print $?; print $?'
    assert_line --index 1 1
    assert_line --index 2 0
}

@test "all 256 bytes through a variable" {
    all=$(for i in {0..255}; do printf '\\x%02x' "$i"; done)
    sockctl -c "x = print '$all'; print \$x" | head -c 256 | xxd -p | tr -d '\n' > got
    printf "$all" | xxd -p | tr -d '\n' > wanted
    cmp got wanted
}

@test "print escapes round trip through four shells" {
    all=$(for i in {0..255}; do printf '\\x%02x' "$i"; done)
    for shell in bash dash zsh fish; do
        command -v "$shell" > /dev/null || continue
        case $shell in
        fish) fish -c 'set x (sockctl print -e -- $argv[1]); sockctl print -- $x' "$all" ;;
        *) $shell -c 'x=$(sockctl print -e -- "$1"); sockctl print -- "$x"' sh "$all" ;;
        esac | xxd -p | tr -d '\n' > got
        printf "$all\n" | xxd -p | tr -d '\n' > wanted
        cmp got wanted
    done
}

# ---- names ----

@test "NAME = works through every shell, --as is the same" {
    run sockctl x = htons 80
    assert_success
    assert_output ''
    run sockctl -c 'socket --as a; s = socket; vars'
    assert_line --partial 'a socket new'
    assert_line --partial 's socket new'
}

@test "names that are none are refused, command words too" {
    for name in 1x a-b 'a b' '' recv print $(printf 'a%.0s' {1..65}); do
        run --separate-stderr sockctl "$name" = htons 80
        assert_failure 2
        assert_equal "${#stderr_lines[@]}" 1
    done
}

@test "NAME.COMMAND is COMMAND -s NAME" {
    run sockctl -c 'a = socket; b = socket inet dgram; a.getsockopt SO_TYPE; getsockopt -s b SO_TYPE; getsockopt SO_TYPE'
    assert_success
    assert_output $'1\n2\n2'
    run --separate-stderr sockctl -c 'a = socket; b = socket; a.fileno -s b'
    assert_failure 2
}

@test "use chooses, a name that is not there is an error with the list" {
    run sockctl -c 'a = socket; b = socket inet dgram; use a; getsockopt SO_TYPE'
    assert_output 1
    run --separate-stderr sockctl -c 'a = socket; b = socket; recv -s c'
    assert_failure 2
    told "'c'"
    told 'a b'
}

@test "get and vars" {
    run sockctl -c 'srv = listen :0; x = print a\nb; get srv.state; get x; vars'
    assert_success
    assert_line --index 0 listen
    assert_line --partial 'srv socket listen'
    assert_line 'x bytes a\nb'
    run --separate-stderr sockctl -c 'get nosuch'
    assert_failure 2
    run sockctl --json -c 'x = print a; get x'
    assert_equal "$(last .result.base64)" '"YQ=="'
}

@test "ls marks the current socket" {
    run sockctl -c 'srv = listen :0; cli = connect sock:srv; ls'
    assert_line --index 0 --regexp '^  srv listen 127\.0\.0\.1:[0-9]+ - 1$' # a connection waits
    assert_line --index 1 --regexp '^\* cli open 127\.0\.0\.1:[0-9]+ 127\.0\.0\.1:[0-9]+ 0$'
    run sockctl --json -c 'srv = listen :0; ls'
    assert_equal "$(last '.result[0] | [.name, .state, .current, .peer]')" '["srv","listen",true,null]'
    run sockctl --json ls
    assert_equal "$(last .result)" '[]'
}

@test "settings: shown, changed, refused" {
    run sockctl -c 'set timeout 2s; set timeout; set eol lf; set eol; set format escape; print \x00'
    assert_output $'timeout 2s\neol lf\n\\x00'
    run sockctl --json -c 'set; set eol lf'
    assert_equal "$(head -n 1 <<< "$output" | jq -c '.result | keys')" '["colors","eol","format","hints","notify","prompt","timeout"]'
    assert_equal "$(last .result)" '{}'
    run --separate-stderr sockctl -c 'set timeot 5'
    assert_failure 2
    told "did you mean 'timeout'"
    run --separate-stderr sockctl -c 'set nosuch'
    told hints
}

@test "set timeout holds for what follows, -t wins over it" {
    run --separate-stderr sockctl -c 'srv = listen :0; set timeout 20ms; accept'
    assert_failure 124
    told 20ms
    run --separate-stderr sockctl -c 'srv = listen :0; set timeout 20ms; accept -t 30ms'
    assert_failure 124
    told 30ms
}

# ---- redirection, pipes, the shell ----

@test "> and >> write raw bytes, | gives them to the shell" {
    run sockctl -c $'print a\\x00b > f; print c >> f; print d | tr a-z A-Z\n! cat f | xxd -p'
    assert_success
    assert_output $'D\n6100620a630a'
}

@test "a file that cannot be written is an error before the command runs" {
    run --separate-stderr sockctl -c 'print a > /nosuch/file'
    assert_failure 3
    told /nosuch/file
}

@test "what follows | on the line belongs to the shell" {
    run sockctl -c $'print a b | cat; echo \'x;y\' # no comment of ours\nprint c'
    assert_output $'a b\nx;y\nc'
}

@test "the status of a shell command is passed through" {
    run --separate-stderr sockctl -c 'print a | (cat > /dev/null; exit 9)'
    assert_failure 9
    run sockctl -c '! exit 7'
    assert_failure 7
    run -127 sockctl -c '! exec nosuch_command_here 2>/dev/null'
    assert_failure 127
}

# ---- scripts ----

@test "the first failure ends a script, --keep-going goes on with its status" {
    printf 'print a\ninet_pton inet x\nhtons 1\nassert 1 is 2\nprint z\n' > s.sock
    run --separate-stderr sockctl -f s.sock
    assert_failure 1
    assert_output a
    told 's.sock:2:'
    run --separate-stderr sockctl --keep-going -f s.sock
    assert_failure 1
    assert_output $'a\n256\nz'
    told 's.sock:4:'
}

@test "a script is checked whole before anything runs; stdin line by line" {
    printf 'print a\nhtons 99999\n' > s.sock
    run --separate-stderr sockctl -f s.sock
    assert_failure 2
    assert_output ''
    told 's.sock:2:'
    run --separate-stderr sockctl < s.sock
    assert_failure 2
    assert_output a
    run --separate-stderr sockctl -c 'print a' -c 'nosuch'
    assert_failure 2
    assert_output ''
}

@test "--check only checks" {
    printf 'print a\nsocket\n' > s.sock
    run sockctl --check -f s.sock
    assert_success
    assert_output ''
    run sockctl --check -c 'connect 127.1:80'
    assert_failure 2
}

@test "--echo tells each command on stderr" {
    run --separate-stderr sockctl --echo -c 'print a; htons 1'
    assert_output $'a\n256'
    assert_equal "$stderr" $'+ print a\n+ htons 1'
}

@test "several -c and -f run in order in one session" {
    printf 'print $x\n' > s.sock
    run sockctl -c 'x = print 1' -f s.sock -c 'print end'
    assert_output $'1\nend'
    run sockctl -c 'x = print 1' -f - <<< 'print $x in'
    assert_output '1 in'
}

@test "BOM, CRLF, no newline at the end, empty lines, NUL in data" {
    printf '\xef\xbb\xbfprint a\r\n\r\n  # c\r\nprint b' > s.sock
    run sockctl -f s.sock
    assert_success
    assert_output $'a\nb'
}

@test "an open quote at the end names the line where it began" {
    printf 'print a\nprint "b\nc\n' > s.sock
    run --separate-stderr sockctl -f s.sock
    assert_failure 2
    told 's.sock:2:'
    told 'not closed'
}

@test "#! works" {
    printf '#!/usr/bin/env -S sockctl -f\nprint from a script\n' > s.sock
    chmod +x s.sock
    run ./s.sock
    assert_success
    assert_output 'from a script'
}

@test "source runs a file here" {
    printf 'y = print $x\nprint in\n' > in.sock
    run sockctl -c 'x = print 1; source in.sock; print $y'
    assert_output $'in\n1'
    printf 'print a\nassert 1 is 2\n' > in.sock
    run --separate-stderr sockctl -c 'source in.sock; print no'
    assert_failure 1
    assert_output a
    told 'in.sock:2:'
    printf 'print a\nnosuch\n' > in.sock
    run --separate-stderr sockctl -c 'source in.sock'
    assert_failure 2
    assert_output ''
    told 'in.sock:2:'
    assert_equal "${#stderr_lines[@]}" 1
}

@test "source: the depth limit is named, a missing file is status 3" {
    printf 'source loop.sock\n' > loop.sock
    run --separate-stderr sockctl -c 'source loop.sock'
    assert_failure 2
    told 64
    run --separate-stderr sockctl -c 'source nosuch.sock'
    assert_failure 3
    told nosuch.sock
    told ENOENT
}

@test "quit ends everything with its status" {
    run sockctl -c 'print a; quit; print b'
    assert_success
    assert_output a
    run sockctl -c 'repeat -n 9 do print a , quit 3'
    assert_failure 3
    assert_output a
    printf 'quit 4\n' > in.sock
    run sockctl -c 'source in.sock; print no'
    assert_failure 4
    assert_output ''
}

@test "long lines and many lines" {
    { printf "print '"; head -c 1000000 /dev/zero | tr '\0' a; printf "'\n"; } > s.sock
    assert_equal "$(sockctl -f s.sock | wc -c)" 1000001
    seq -f 'x = htons %g' 1 60000 > s.sock
    echo 'print $x' >> s.sock
    run sockctl -f s.sock
    assert_success
    assert_output 24810
}

# ---- the machine door ----

@test "one line in, one object out; it goes on after errors and keeps names" {
    run sockctl -i --json <<< $'x = htons 80\nnosuch\nprint $x\n\n# nothing\nprint a; print b\nif_nameindex\nrepeat -n 2 htons 1'
    assert_success
    assert_equal "${#lines[@]}" 6
    assert_equal "$(jq -c .ok <<< "$output" | tr '\n' ' ')" 'true false true true true true '
    assert_equal "$(sed -n 3p <<< "$output" | jq -r .result.text)" 20480
    assert_equal "$(sed -n 4p <<< "$output" | jq -c '[.results[].result.text]')" '["a","b"]'
}

@test "@TOKEN comes back as id" {
    run sockctl -i --json <<< $'@a1 htons 1\n@b nosuch'
    assert_equal "$(jq -r .id <<< "$output" | tr '\n' ' ')" 'a1 b '
}

@test "a bash coprocess talks to the machine door" {
    coproc DOOR { sockctl -i --json; }
    pid=$DOOR_PID
    ask() { printf '%s\n' "$1" >&"${DOOR[1]}"; read -r answer <&"${DOOR[0]}"; }
    ask 'srv = listen :0'
    ask 'cli = connect sock:srv'
    ask 'conn = srv.accept'
    ask "cli.send 'a\\x00b'"
    assert_equal "$(jq .result.len <<< "$answer")" 3
    ask 'conn.recv'
    assert_equal "$(jq -r .result.base64 <<< "$answer")" YQBi
    ask 'conn.recv -t 10ms'
    assert_equal "$(jq .error.exit <<< "$answer")" 124
    ask '| ls'
    assert_equal "$(jq .error.exit <<< "$answer")" 2
    exec {DOOR[1]}>&-
    wait "$pid"
}
