#!/usr/bin/env bats
# presets: dev asan tsan modules
# Dialogues with real servers: the same bytes and statuses through every door.
load servers

setup_file() {
    start_namespace
    start_nginx
    start_redis
    start_dnsmasq
}
teardown_file() { stop_servers; }

@test "an HTTP request by hand to nginx" {
    everywhere 0 "$(hex 'hello from nginx\n')" connect 127.0.0.1:8080 , \
        sendall 'GET / HTTP/1.0\r\nHost: here\r\n\r\n' , expect '\r\n\r\n' , read
}

@test "the status line of nginx, the rest stays unread" {
    everywhere 0 "$(hex 'HTTP/1.1 200 OK\r\n')" connect 127.0.0.1:8080 , sendline 'GET / HTTP/1.0' , sendline '' , readline
}

@test "redis: PING and expect, then lines" {
    everywhere 0 "$(hex '$2\r\nhi\r\n')" connect 127.0.0.1:6379 , sendline PING , expect '+PONG\r\n' , sendline 'ECHO hi' , readline , readline
}

@test "redis on its UNIX socket" {
    everywhere 0 "$(hex '+PONG\r\n')" connect "unix:$BATS_FILE_TMPDIR/redis.sock" , sendline PING , recv
}

@test "redis: an answer that is not the one expected ends with 124 and says both" {
    everywhere 124 '' connect 127.0.0.1:6379 , sendline NOSUCH , expect -t 200ms '+PONG\r\n'
    run --separate-stderr inside sockctl do connect 127.0.0.1:6379 , sendline NOSUCH , expect -t 200ms '+PONG\r\n'
    [[ $stderr == *"want: '+PONG\\r\\n'"* ]]
    [[ $stderr == *"-ERR unknown command"* ]]
}

@test "redis: binary data in and out unchanged" {
    everywhere 0 "$(hex '$5\r\na\0b\r\n\r\n')" connect 127.0.0.1:6379 , \
        sendall '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\0b\r\n\r\n' , expect '+OK\r\n' , sendline 'GET k' , read 11
}

@test "a raw DNS query, typed as escapes, to dnsmasq over UDP" {
    local query='\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x04test\x00\x00\x01\x00\x01' door
    for door in "${doors[@]}"; do
        through "$door" connect udp://127.0.0.1:5353 , send "$query" , recv > "$BATS_TEST_TMPDIR/$door.answer"
        xxd -p "$BATS_TEST_TMPDIR/$door.answer" | tr -d '\n' | grep -q '^1234.*c0000207$'
        cmp "$BATS_TEST_TMPDIR/chain.answer" "$BATS_TEST_TMPDIR/$door.answer"
    done
}

@test "the same query with sendto and recvfrom, without connect" {
    run inside sockctl do sendto 127.0.0.1:5353 '\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x04test\x00\x00\x01\x00\x01' , recvfrom -e
    assert_success
    assert_output --regexp '^\\x00\\x07.*\\xc0\\x00\\x02\\x07$'
}

@test "a bash coprocess drives the machine door" {
    coproc SOCKCTL { exec ip netns exec "$NETNS" sockctl -i --json; }
    ask() {
        printf '%s\n' "$1" >&"${SOCKCTL[1]}"
        read -r answer <&"${SOCKCTL[0]}"
    }
    ask 'r = connect 127.0.0.1:6379'
    assert_equal "$(jq -r .result.state <<< "$answer")" open
    ask '@7 r.sendline PING'
    assert_equal "$(jq -r '.id, .result.len' <<< "$answer" | tr '\n' ' ')" '7 6 '
    ask 'nosuch'
    assert_equal "$(jq -r .error.exit <<< "$answer")" 2
    ask 'r.recv'
    assert_equal "$(jq -r .result.text <<< "$answer")" $'+PONG\r'
    ask 'x = print a ; print $x'
    assert_equal "$(jq -r '.results | length' <<< "$answer")" 2
    local input=${SOCKCTL[1]} pid=$SOCKCTL_PID
    exec {input}>&-
    wait "$pid"
}

@test "a Python program drives the machine door" {
    run inside python3 - <<'PYTHON'
import base64, json, subprocess
door = subprocess.Popen(["sockctl", "-i", "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
def ask(line):
    door.stdin.write(line + "\n")
    return json.loads(door.stdout.readline())
assert ask("c = connect 127.0.0.1:8080")["ok"]
assert ask(r"c.sendall 'GET / HTTP/1.0\r\n\r\n'")["result"]["len"] == 18
got = ask("c.read")["result"]
assert got["eof"] is True
body = base64.b64decode(got["base64"])
assert body.startswith(b"HTTP/1.1 200 OK\r\n") and body.endswith(b"hello from nginx\n"), body
late = ask("c.recv")
assert late["error"]["code"] == "EOF" and late["error"]["exit"] == 7, late
for i in range(1000):
    assert ask(f"@{i} htons {i}")["id"] == str(i)
door.stdin.close()
print(door.wait())
PYTHON
    assert_success
    assert_output 0
}
