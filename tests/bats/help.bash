# Examples cut out of help, manual pages and the README, and the servers that they speak of: example.com, mail.example.com, redis on
# its port, and a name server at 9.9.9.9. The network namespace has its own hosts file, so that the examples run as they stand.
load servers

start_example_servers() {
    start_namespace
    mkdir -p "/etc/netns/$NETNS"
    printf '127.0.0.1 localhost example.com mail.example.com\n::1 localhost\n' > "/etc/netns/$NETNS/hosts"
    ip -n "$NETNS" address add 9.9.9.9/32 dev lo
    start_redis
    cat > "$BATS_FILE_TMPDIR/peers.py" <<'PY'
import socketserver, threading

class Http(socketserver.StreamRequestHandler):
    def handle(self):
        request = b""
        while b"\r\n\r\n" not in request:
            request += self.rfile.readline()
        self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<!doctype html>\n")

class Mail(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 mail.example.com ESMTP\r\n")
        for line in self.rfile:
            if line.startswith(b"EHLO"):
                self.wfile.write(b"250-mail.example.com\r\n250-STARTTLS\r\n250 SIZE 1000\r\n")
            else:
                self.wfile.write(b"221 bye\r\n")
                return

class Names(socketserver.DatagramRequestHandler):
    def handle(self):
        query = self.rfile.read()
        assert query[12:25] == b"\x07example\x03com\0", query
        self.wfile.write(query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:] + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\7")

socketserver.TCPServer.allow_reuse_address = True
servers = [socketserver.ThreadingTCPServer(("127.0.0.1", 80), Http), socketserver.ThreadingTCPServer(("127.0.0.1", 25), Mail),
           socketserver.UDPServer(("9.9.9.9", 53), Names)]
for server in servers:
    threading.Thread(target=server.serve_forever).start()
PY
    background python3 "$BATS_FILE_TMPDIR/peers.py"
    answers ip netns exec "$NETNS" sockctl connect 127.0.0.1:25
}

stop_example_servers() {
    rm -rf "/etc/netns/$NETNS"
    stop_servers
}

# blocks: lines of stdin behind four blanks, and what is behind more in the lines after them; other lines part the blocks, each of
# which ends with a NUL.
blocks() {
    awk '/^    [^ ]/ || (open && /^    /) { print substr($0, 5); open = 1; next }
        open { printf "%c", 0; open = 0 }
        END { if (open) printf "%c", 0 }'
}

# page_blocks FILE: the displays of the section EXAMPLES of a manual page, as a reader would copy them; each ends with a NUL.
page_blocks() {
    awk '/^\.Sh / { wanted = $2 == "EXAMPLES" }
        wanted && /^\.Bd -literal/ { open = 1; next }
        open && /^\.Ed/ { printf "%c", 0; open = 0 }
        open { gsub(/\\-/, "-"); gsub(/\\\(aq/, "\x27"); gsub(/\\e/, "\\"); print }' "$1"
}

# in_empty_directory COMMAND...: in the namespace, without input; what it said is in $BATS_TEST_TMPDIR/said.
in_empty_directory() {
    local status=0
    mkdir -p "$BATS_TEST_TMPDIR/empty"
    (cd "$BATS_TEST_TMPDIR/empty" && inside timeout 60 "$@" < /dev/null) > "$BATS_TEST_TMPDIR/said" 2>&1 || status=$?
    rm -rf "$BATS_TEST_TMPDIR/empty"
    return $status
}

# run_blocks: every block of stdin is a piece of bash that ends with 0.
run_blocks() {
    local block count=0
    while IFS= read -r -d '' block; do
        count=$((count + 1))
        block=${block//\/run\/redis\/redis.sock/$BATS_FILE_TMPDIR/redis.sock}
        in_empty_directory bash -euo pipefail -c "$block" || fail "status $? of: $block"$'\n'"$(cat "$BATS_TEST_TMPDIR/said")"
    done
    [ "$count" -gt 0 ]
}
