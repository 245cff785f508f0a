#!/usr/bin/env bats
# ctest: TIMEOUT 300
# Bad input through every door: the status and message of badinput.tsv, one line, no call on a socket, no query.

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

# LeakSanitizer does not work under strace
setup() { export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0; }

# through DOOR: all rows that make sense there; no mismatch, and enough of them.
through() {
    local calls=socket,socketpair,connect,bind,listen,accept,accept4,sendto,sendmsg,sendmmsg,recvfrom,recvmsg
    run strace -f -qq -e "trace=$calls" -e signal=none -o "$BATS_TEST_TMPDIR/trace" \
        bash "$BATS_TEST_DIRNAME/badinput.bash" "$1" "$BATS_TEST_DIRNAME/badinput.tsv" "$BATS_TEST_TMPDIR"
    assert_success
    [[ ${lines[-1]} =~ ^([0-9]+)\ rows$ ]]
    ((BASH_REMATCH[1] >= 300))
    assert_equal "${#lines[@]}" 1
    # libc asks for interfaces through netlink and a blocking UNIX datagram socket; sockctl's own sockets are non-blocking
    run grep -vE 'AF_NETLINK|NLM_F_|nlmsg_|AF_UNIX, SOCK_DGRAM\|SOCK_CLOEXEC, 0' "$BATS_TEST_TMPDIR/trace"
    assert_output ''
}

@test "the watch sees a socket when there is one" {
    run strace -f -qq -e trace=socket -o "$BATS_TEST_TMPDIR/trace" sockctl socket
    assert_success
    grep -q AF_INET "$BATS_TEST_TMPDIR/trace"
}

@test "argv" { through a; }
@test "do" { through d; }
@test "-c" { through c; }
@test "-f" { through f; }
@test "the machine door" { through m; }

@test "names that are no text, or text that draws, in the text doors too" {
    local name text
    for name in $'\xff\xfe' $'\xc0\xae' $'a\u202eb' $'a\u200db' $'a\x1bb' $'a\x01b'; do
        text="connect '$name.test:80'"
        printf '%s\n' "$text" > "$BATS_TEST_TMPDIR/script"
        for door in command file stdin machine; do
            case $door in
            command) run --separate-stderr sockctl -c "$text" ;;
            file) run --separate-stderr sockctl -f "$BATS_TEST_TMPDIR/script" ;;
            stdin) run --separate-stderr sockctl < "$BATS_TEST_TMPDIR/script" ;;
            machine)
                run sockctl -i --json < "$BATS_TEST_TMPDIR/script"
                status=$(jq .error.exit <<< "$output")
                stderr=$(jq -r .error.message <<< "$output")
                stderr_lines=("$stderr")
                ;;
            esac
            assert_failure 2
            assert_equal "$door: ${#stderr_lines[@]}" "$door: 1"
            [[ $stderr =~ 'not valid UTF-8'|'not an international name'|'not a name' ]]
            LC_ALL=C
            [[ $stderr != *[^\ -~]* ]]
            unset LC_ALL
        done
    done
}
