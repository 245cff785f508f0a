#!/usr/bin/env bats
# Help, manual pages and completions: complete, and every example in them runs.
# presets: dev asan
load help

setup_file() { start_example_servers; }
teardown_file() { stop_example_servers; }

commands() { sockctl help --json | jq -r '.result.commands[].name'; }

@test "--help: one screen, examples first, status 0" {
    run --separate-stderr sockctl --help
    assert_success
    assert_equal "$stderr" ''
    assert_line --index 0 'Usage: sockctl [-c TEXT | -f FILE | COMMAND [ARG]...]'
    [ "${#lines[@]}" -le 24 ]
    assert_equal "$(sockctl -h)" "$output"
    assert_equal "$(sockctl help)" "$output"
    for command in $(commands); do
        [[ " ${output//$'\n'/ } " == *" $command "* ]] || fail "$command is not listed"
    done
}

@test "the examples of --help run" {
    sockctl --help | sed -n 's/^  \(sockctl.*\)/    \1/p' | sed 's/\([^ ]\)   .*/\1/' | blocks | run_blocks
}

@test "--version: the program, then its libraries" {
    run --separate-stderr sockctl --version
    assert_success
    assert_line --index 0 'sockctl 0.1.0'
    assert_line --index 1 --regexp '^OpenSSL [0-9.]+, c-ares [0-9.]+, readline [0-9.]+, PCRE2 [0-9.]+$'
    assert_equal "$(sockctl -V)" "$output"
}

@test "every command has --help with status 0 and its options, and needs nothing else for it" {
    local command options option
    while read -r command options; do
        run --separate-stderr sockctl "$command" --help
        assert_success
        assert_equal "$stderr" ''
        [[ ${lines[0]} == *"$command"* ]]
        assert_equal "$(sockctl help "$command")" "$output"
        for option in $options; do
            [[ $output =~ $'\n  '[^$'\n']*--$option( |$'\n') ]] || fail "$command --help lacks --$option"
        done
    done < <(sockctl help --json | jq -r '.result.commands[] | [.name, .options[].name] | join(" ")')
}

@test "help --json has the table" {
    run sockctl help --json
    assert_success
    assert_equal "$(jq -r '.result.commands | length > 70' <<< "$output")" true
    assert_equal "$(jq -c '.result.commands[] | select(.name == "recv") | [.group, .operands[0].name, .operands[0].value, .result, (.examples | length > 0)]' <<< "$output")" \
        '["bytes","BUFSIZE","SIZE","stream",true]'
    run sockctl help exit --json
    assert_equal "$(jq -c '[.result.topic, .result.commands]' <<< "$output")" '["exit",null]'
}

@test "the examples of every command run" {
    local example count=0
    sockctl help --json | jq -rj '.result.commands[].examples[] | . + "\u0000"' > "$BATS_TEST_TMPDIR/examples"
    while IFS= read -r -d '' example; do
        count=$((count + 1))
        in_empty_directory sockctl -c "$example" || fail "status $? of: $example"$'\n'"$(cat "$BATS_TEST_TMPDIR/said")"
    done < "$BATS_TEST_TMPDIR/examples"
    [ "$count" -ge "$(commands | wc -l)" ]
}

@test "help TOPIC: every topic that --help names is there, and what can be pasted runs" {
    local topic
    for topic in $(sockctl --help | sed -n 's/^Topics: *//p; s/^Examples: *//p'); do
        run --separate-stderr sockctl help "$topic"
        assert_success
        sockctl help "$topic" | blocks | run_blocks
    done
}

@test "help exit lists the statuses" {
    run sockctl help exit
    for status in 0 1 2 3 4 5 6 7 8 9 10 124 125 126 127 130 141 143; do
        assert_line --regexp "^  $status  "
    done
    assert_line --partial ECONNREFUSED
}

@test "an unknown topic is 2 with a suggestion" {
    run --separate-stderr sockctl help recvv
    assert_failure 2
    assert_output ''
    assert_equal "$stderr" "sockctl: no help on 'recvv'; did you mean 'recv'?"
    run --separate-stderr sockctl help qqqqqqq
    assert_failure 2
    run --separate-stderr sockctl help recv send
    assert_failure 2
}

@test "help --search finds commands and topics; nothing found is 1" {
    run sockctl help --search TIMEOUT
    assert_success
    assert_line --partial settimeout
    assert_line --regexp '^help timeouts'
    run --separate-stderr sockctl help --search zzzz
    assert_failure 1
    run --separate-stderr sockctl help recv --search x
    assert_failure 2
}

@test "every command has a manual page, and no page lacks its command" {
    run diff <(commands | sed 's/.*/sockctl-&.1/' | sort) <(cd "$SOCKCTL_BUILD/man/man1" && printf '%s\n' sockctl-*.1 | sort)
    assert_success
    for page in sockctl.1 sockctl-script.5 sockctl-json.5 sockctl-bytes.7 sockctl-addresses.7 sockctl-examples.7; do
        [ -s "$SOCKCTL_BUILD/man/man${page##*.}/$page" ]
    done
    run sockctl help --mdoc recv
    assert_success
    assert_output "$(cat "$SOCKCTL_BUILD/man/man1/sockctl-recv.1")"
    run --separate-stderr sockctl help --mdoc
    assert_failure 2
    run --separate-stderr sockctl help --mdoc bytes
    assert_failure 2
}

@test "the manual names every option that stands before a command, and every status" {
    local word
    for word in $(sockctl completion words -- - | cut -f1); do
        grep -qE "^\.It (.* )?Fl ${word#-}( |\$)" <(sed 's/ , / Fl /g' "$SOCKCTL_SOURCE/man/sockctl.1") || fail "sockctl(1) lacks $word"
    done
    for word in 0 1 2 3 4 5 6 7 10 124 125; do
        grep -qE "^\.It $word\$" "$SOCKCTL_SOURCE/man/sockctl.1" || fail "sockctl(1) lacks status $word"
    done
}

@test "the examples of the manual pages run" {
    local page
    for page in sockctl.1 sockctl-bytes.7 sockctl-addresses.7 sockctl-examples.7 sockctl-json.5; do
        page_blocks "$SOCKCTL_SOURCE/man/$page" | run_blocks
    done
    while IFS= read -r -d '' script; do
        inside sockctl -f <(printf '%s' "$script") < /dev/null || fail "$script"
    done < <(page_blocks "$SOCKCTL_SOURCE/man/sockctl-script.5")
}

@test "the examples of the README run" {
    sed -n '/^## Examples/,/^## /p' "$SOCKCTL_SOURCE/README.md" | grep -E '^(    |$)' | blocks | run_blocks
}

# ---- completion ----

@test "completion bash: commands, options, values, files" {
    cd "$BATS_TEST_TMPDIR"
    touch 'a file' afile
    cat > tab.bash <<'BASH'
source <(sockctl completion bash)
compopt() { :; } # says that it is outside completion
# tab LINE: bash cuts words at blanks, : and =
tab() {
    COMP_LINE=$1 COMP_POINT=${#1}
    mapfile -t COMP_WORDS < <(sed 's/[:=]/ & /g; s/  */\n/g' <<< "$1")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _sockctl
    (IFS=,; printf '%s\n' "${COMPREPLY[*]}")
}
tab 'sockctl setsocko'
tab 'sockctl c.recv'
tab 'sockctl recv --format=hexd'
tab 'sockctl do connect h:1 , sendm'
tab 'sockctl poll a:pr'
tab 'sockctl sendfile a'
tab 'sockctl connect localho'
BASH
    run --separate-stderr bash tab.bash
    assert_success
    assert_line --index 0 setsockopt
    assert_line --index 1 c.recv,c.recvfrom,c.recvmsg
    assert_line --index 2 hexdump
    assert_line --index 3 sendmsg
    assert_line --index 4 pri
    assert_line --index 5 --partial 'a file'
    assert_line --index 6 --partial localhost
}

@test "completion fish: with what the words mean" {
    run --separate-stderr fish --no-config -c 'sockctl completion fish | source
        for line in "sockctl setsocko" "sockctl recv --form" "sockctl do connect h:1 , sendm" "sockctl connect localho"
            complete -C $line
        end'
    assert_success
    assert_line --index 0 $'setsockopt\tset an option of a socket'
    assert_line --index 1 $'--format\tform of bytes'
    assert_line --index 2 --partial sendmsg
    assert_line --index 3 localhost
}

@test "completion zsh: in a terminal of its own" {
    # The line as it is after Tab comes through a pipe: what the terminal shows may be drawn in pieces.
    mkfifo "$BATS_TEST_TMPDIR/line"
    cat > "$BATS_TEST_TMPDIR/setup.zsh" <<'ZSH'
PS1=
autoload -Uz compinit
[[ $HOW != installed ]] || fpath=($SOCKCTL_BUILD/completions $fpath)
compinit -D -u
[[ $HOW == installed ]] || eval "$(sockctl completion zsh)"
show() { print -r -- "$BUFFER" > $LINE; BUFFER=; }
zle -N show
bindkey '^G' show
zle-line-init() { print ready > $LINE; }
zle -N zle-line-init
ZSH
    cat > "$BATS_TEST_TMPDIR/tab.zsh" <<'ZSH'
zmodload zsh/zpty
exec {lines}<> $LINE
zpty shell zsh -f -i
zpty -w shell ". ${(q)SETUP}"
read -r line <&$lines
tab() {
    zpty -w -n shell "$1"$'\t\x07'
    read -r line <&$lines
    print -r -- "$line"
}
tab 'sockctl setsocko'
tab 'sockctl c.recvf'
tab 'sockctl do connect h:1 , sendm'
tab 'sockctl recv --format=hexd'
zpty -d shell
ZSH
    export LINE=$BATS_TEST_TMPDIR/line SETUP=$BATS_TEST_TMPDIR/setup.zsh HOW
    for HOW in evaluated installed; do
        run --separate-stderr timeout 60 zsh -f "$BATS_TEST_TMPDIR/tab.zsh"
        assert_success
        assert_line --index 0 --regexp '^sockctl setsockopt *$'
        assert_line --index 1 --regexp '^sockctl c.recvfrom *$'
        assert_line --index 2 --regexp '^sockctl do connect h:1 , sendmsg *$'
        assert_line --index 3 --regexp '^sockctl recv --format=hexdump *$'
    done
}

@test "completion: the scripts are what the build installs; another shell is 2" {
    run diff <(sockctl completion bash) "$SOCKCTL_BUILD/completions/sockctl"
    assert_success
    bash -n "$SOCKCTL_BUILD/completions/sockctl"
    zsh -n "$SOCKCTL_BUILD/completions/_sockctl"
    fish --no-execute "$SOCKCTL_BUILD/completions/sockctl.fish"
    run --separate-stderr sockctl completion tcsh
    assert_failure 2
    run --separate-stderr sockctl completion bash recv
    assert_failure 2
}
