#!/usr/bin/env python3
"""trace.py CASE: run sockctl with --trace FILE.pcapng, read FILE with tshark, and compare both with the events that `trace --json` told:
the same bytes at the same nanoseconds on the same sockets, in streams, with right checksums, and nothing that Wireshark finds odd."""
import base64, collections, json, os, pty, re, socket, subprocess, sys, threading

LIMIT = 60
FILE = "trace.pcapng"
FIELDS = ["frame.time_epoch", "frame.interface_name", "frame.packet_flags_direction", "tcp.stream", "udp.stream", "tcp.payload", "udp.payload",
          "data.data", "frame.len", "tcp.checksum.status", "udp.checksum.status", "ip.checksum.status", "tcp.analysis.flags", "tcp.flags",
          "frame.comment", "ip.version", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.dstport", "udp.dstport"]
FIN, SYN, RST, ACK = 1, 2, 4, 16
Packet = collections.namedtuple("Packet", "ns sock sent stream data flags comment version ends")


def need(fact, *what):
    if not fact:
        raise SystemExit(f"{sys.argv[1:]}: " + " ".join(map(str, what)))


def sockctl(*words, status=0, before=()):
    p = subprocess.run(["sockctl", *before, "--json", "--trace", FILE, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT)
    need(p.returncode == status, "status", p.returncode, p.stdout[-2000:], p.stderr)
    return [json.loads(line) for line in p.stdout.splitlines()]


def events_of(objects):
    last = objects[-1]
    need(last["cmd"] == "trace" and last["ok"], last)
    return last["result"]["events"]


def tshark(*words):
    p = subprocess.run(["tshark", "-n", "-r", FILE, *words], capture_output=True, timeout=LIMIT)
    need(p.returncode == 0, "tshark:", p.stderr)
    return p.stdout.decode()


def look(*streams):
    """What tshark sees: the packets, and the two sides of each of the streams ("tcp", 0), as it puts them together."""
    checks = [w for proto in ("tcp", "udp", "ip") for w in ("-o", f"{proto}.check_checksum:TRUE")]
    out = tshark(*checks, "-T", "fields", "-E", "separator=/t", "-E", "occurrence=f", *[w for f in FIELDS for w in ("-e", f)],
                 *[w for kind, number in streams for w in ("-z", f"follow,{kind},raw,{number}")])
    lines, *taps = re.split(r"(?m)^={60,}\n(?=Follow)", out)
    return list(packets_of(lines.rstrip("=").rstrip("\n"))), {tap_name(t): tap_sides(t) for t in taps}


def tap_name(tap):
    kind, number = re.search(r"Follow: (\w+),raw\nFilter: \w+\.stream eq (\d+)", tap).groups()
    return kind, int(number)


def tap_sides(tap):
    sides = [b"", b""]
    for line in tap.split("\n"):
        text = line.strip()
        if re.fullmatch("([0-9a-f]{2})+", text):
            sides[line.startswith("\t")] += bytes.fromhex(text)
    return sides


def packets_of(lines):
    for line in lines.split("\n"):
        f = dict(zip(FIELDS, line.split("\t")))
        for name in FIELDS:
            need(not name.endswith("checksum.status") or f[name] in ("", "1"), name, f)
        need(f["tcp.analysis.flags"] == "", "Wireshark finds this odd:", f)
        seconds, _, part = f["frame.time_epoch"].partition(".")
        is_user = not f["ip.version"] and not f["ipv6.src"]
        data = f["tcp.payload"] or f["udp.payload"] or (f["data.data"] if is_user else "")
        data = bytes.fromhex(data.replace(":", ""))
        need(not is_user or len(data) == int(f["frame.len"]), "not all of the bytes are data", f)
        version = 4 if f["ip.src"] else 6 if f["ipv6.src"] else None
        ends = (f["ip.src"] or f["ipv6.src"], f["ip.dst"] or f["ipv6.dst"], f["tcp.dstport"] or f["udp.dstport"])
        yield Packet(int(seconds) * 10**9 + int(part.ljust(9, "0")), f["frame.interface_name"], f["frame.packet_flags_direction"] in ("2", "0x00000002", "0x2"),
                     f["tcp.stream"] or f["udp.stream"], data, int(f["tcp.flags"] or "0", 16), f["frame.comment"], version, ends)


def agree(events, seen, once=False):
    """Every event with bytes is there: as it is told; with `once` as it was sent, since all ends are ours."""
    want = collections.Counter()
    for e in events:
        if e["event"] == "sent" or e["event"] == "received" and not once:
            want[e["ns"], e["sock"], e["event"] == "sent"] += 0
            want[e["ns"], e["sock"], e["event"] == "sent", base64.b64decode(e["bytes"]["base64"])] += 1
    want = +want
    got, joined = collections.Counter(), {}
    for p in seen:
        if p.data or not p.stream or p.version and not p.flags:
            key = (p.ns, p.sock, p.sent)
            if p.flags: # segments of one event
                joined[key] = joined.get(key, b"") + p.data
            else:
                got[(*key, p.data)] += 1
    got.update((*k, v) for k, v in joined.items())
    need(want == got, "the trace has", list((want - got).elements())[:3], "the file has", list((got - want).elements())[:3])


# ---- Peers ----

class Peer:
    """Answers every message with its upper case, from a thread; ends with the client."""

    def __init__(self, family, kind, address):
        self.s = socket.socket(family, kind)
        self.s.bind(address)
        self.stream = kind != socket.SOCK_DGRAM
        if self.stream:
            self.s.listen()
        self.s.settimeout(LIMIT)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        if not self.stream:
            while True:
                data, sender = self.s.recvfrom(70000)
                self.s.sendto(data.upper(), sender)
        c, _ = self.s.accept()
        c.settimeout(LIMIT)
        while data := c.recv(70000):
            c.sendall(data.upper())
        c.close()

    def text(self):
        name = self.s.getsockname()
        return name if isinstance(name, str) else f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"


def tcp(host):
    peer = Peer(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, (host, 0))
    events = events_of(sockctl("do", "c", "=", "connect", peer.text(), ",", "send", "one\\n", ",", "recv", ",", "send", "\\x00\\xff", ",", "recv", ",",
                               "shutdown", "wr", ",", "read", ",", "close", ",", "trace"))
    seen, follow = look(("tcp", 0))
    agree(events, seen)
    need({p.stream for p in seen} == {"0"}, seen)
    need({p.version for p in seen} == {6 if ":" in host else 4}, seen)
    need(follow["tcp", 0] == [b"one\n\0\xff", b"ONE\n\0\xff"], follow)
    flags = [(p.sent, p.flags & ~8) for p in seen]
    need(flags[:3] == [(True, SYN), (False, SYN | ACK), (True, ACK)], flags)
    need([f for f in flags if f[1] & FIN] == [(True, FIN | ACK), (False, FIN | ACK)], flags)
    at = {e["event"]: e["ns"] for e in events}
    need([seen[0].ns, seen[1].ns] == [at["connect"], at["open"]], at, seen[:2])
    need([p.ns for p in seen if p.flags & FIN] == [at["shutdown"], at["eof"]], at)
    need(seen[0].ends[:2] == (host, host) and f":{seen[0].ends[2]}" in peer.text(), seen[0])


def udp(host):
    peer = Peer(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM, (host, 0))
    events = events_of(sockctl("do", "c", "=", "connect", "udp://" + peer.text(), ",", "send", "one", ",", "recv", ",",
                               "u", "=", "socket", "inet6" if ":" in host else "inet", "dgram", ",", "u.sendto", peer.text(), "", ",", "u.recvfrom", ",",
                               "u.sendto", peer.text(), "two", ",", "u.recvfrom", ",", "trace"))
    seen, follow = look(("udp", 0), ("udp", 1))
    agree(events, seen)
    need(sorted({p.stream for p in seen}) == ["0", "1"] and {p.version for p in seen} == {6 if ":" in host else 4}, seen)
    need(follow["udp", 0] == [b"one", b"ONE"] and follow["udp", 1] == [b"two", b"TWO"], follow)


def unix():
    stream, dgram = Peer(socket.AF_UNIX, socket.SOCK_STREAM, "./stream"), Peer(socket.AF_UNIX, socket.SOCK_DGRAM, "./dgram")
    events = events_of(sockctl("do", "c", "=", "connect", "./stream", ",", "send", "one\\n", ",", "recv", ",", "d", "=", "bind", "--type", "dgram", "unix:./own", ",",
                               "d.sendto", "unix:./dgram", "two", ",", "d.recvfrom", ",", "d.sendto", "unix:./dgram", "", ",", "d.recvfrom", ",",
                               "x", "=", "pair", ",", "x0.send", "three", ",", "x1.recv", ",", "y", "=", "pair", "AF_UNIX", "SOCK_SEQPACKET", ",",
                               "y1.send", "\\x00", ",", "y0.recv", ",", "trace"))
    del stream, dgram
    seen, _ = look()
    agree(events, seen)
    need({p.sock for p in seen} == {"c", "d", "x0", "x1", "y0", "y1"} and len(seen) == 10, seen)
    out = tshark("-o", 'uat:user_dlts:"User 0 (DLT=147)","data","0","","0",""', "-Y", "frame.interface_name==c", "-T", "fields", "-e", "data.data")
    need([bytes.fromhex(line) for line in out.split()] == [b"one\n", b"ONE\n"], out)


def ours():
    """Both ends are sockets of the session: each byte is in the file once. The last listener is of both families, and is spoken to by IPv4."""
    text = ""
    for i, (listen, to, u, family) in enumerate((("127.0.0.1:0", "sock:srv0", "127.0.0.1:0", "inet"), ("[::1]:0", "sock:srv1", "[::1]:0", "inet6"),
                                                 ("'*:0'", "127.0.0.1 $srv2.local.port", "'*:0'", "inet"))):
        v = f"sock:u{i}" if i < 2 else "$to"
        text += f"""
            srv{i} = listen {listen} ; a{i} = connect {to} ; b{i} = srv{i}.accept
            a{i}.send ping{i} ; b{i}.recv ; b{i}.send pong{i} ; a{i}.recv ; a{i}.close ; fails 7 b{i}.recv ; b{i}.close
            u{i} = bind -u {u} ; to = print 127.0.0.1:$u{i}.local.port ; v{i} = socket {family} dgram
            v{i}.sendto {v} same{i} ; u{i}.recv ; v{i}.sendto {v} same{i} ; u{i}.recvfrom"""
    events = events_of(sockctl("-c", text + "\ntrace"))
    seen, follow = look(*[(kind, i) for kind in ("tcp", "udp") for i in range(3)])
    agree(events, seen, once=True)
    for i in range(3):
        need(follow["tcp", i] == [b"ping%d" % i, b"pong%d" % i], follow)
        need(follow["udp", i][0] == b"same%d" % i * 2, follow)
    need([p.sock for p in seen if p.flags & FIN] == ["a0", "b0", "a1", "b1", "a2", "b2"], seen)
    need([p.version for p in seen if p.flags == SYN] == [4, 6, 4], seen)


def big():
    """More than fits into a segment, or is on its way unacknowledged; more than the memory of the trace."""
    part = os.urandom(100000)
    with open("part", "wb") as f:
        f.write(part)
    p = subprocess.Popen(["sockctl", "--trace", FILE, "do", "srv", "=", "listen", "127.0.0.1:0", ",", "a", "=", "connect", "sock:srv", ",", "b", "=", "srv.accept", ",",
                          "repeat", "-n", "160", "do", "--sep", ";", "a.send", "--file", "part", ";", "b.read", "-o", "/dev/null", "100000"])
    _, status, used = os.wait4(p.pid, 0)
    need(status == 0, status)
    need(os.environ["SOCKCTL_PRESET"] != "dev" or used.ru_maxrss < 40000, used.ru_maxrss, "KiB")
    seen, _ = look()
    need(b"".join(p.data for p in seen if p.sent) == part * 160, "bytes are missing")
    need({p.stream for p in seen} == {"0"} and max(len(p.data) for p in seen) <= 65535, "streams or segments")


def tls():
    text = ("srv = listen tls://127.0.0.1:0 --self-signed ; cli = connect sock:srv --insecure ; conn = srv.accept ;"
            "cli.send 'GET secret\\r\\n' ; conn.readline ; conn.send 'answer' ; cli.recv ; cli.close ; trace")
    events = events_of(sockctl("-c", text))
    seen, follow = look(("tcp", 0))
    agree(events, seen, once=True)
    need(follow["tcp", 0] == [b"GET secret\r\n", b"answer"], follow["tcp", 0])
    need([e["sock"] for e in events if e["event"] == "tls"].count("cli") == 1, events)
    need(any("TLSv1" in p.comment for p in seen), [p.comment for p in seen])


def refused():
    """Failures: nobody there, a reset, silence."""
    sockctl("connect", "127.0.0.1:1", status=5)
    seen, _ = look()
    need([p.flags for p in seen] == [SYN, RST | ACK] and "refused" in seen[1].comment, seen)
    peer = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=lambda: reset(peer), daemon=True)
    thread.start()
    sockctl("do", "connect", "127.0.0.1:%d" % peer.getsockname()[1], ",", "send", "hello", ",", "recv", status=6)
    seen, _ = look()
    need(seen[-1].flags & RST and not seen[-1].sent and "ECONNRESET" in seen[-1].comment, seen)
    sockctl("do", "u", "=", "bind", "udp://127.0.0.1:0", ",", "v", "=", "connect", "sock:u", ",", "v.send", "hello", ",", "v.recv", "-t", "50ms", status=124)
    need([p.data for p in look()[0]] == [b"hello"], "a failure loses what was before")


def reset(peer):
    c, _ = peer.accept()
    c.recv(100)
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    c.close()


def secret():
    """What --secret sends is in no trace."""
    pid, master = pty.fork()
    if pid == 0:
        os.execvp("sockctl", ["sockctl", "--trace", FILE, "-c", "trace on; x = pair; print go; x0.send --secret ; x1.recv ; trace hex"])
    out = b""
    while b"go" not in out:
        out += os.read(master, 1000)
    wait_quiet(master)
    os.write(master, b"hunter2\n")
    try:
        while part := os.read(master, 1000):
            out += part
    except OSError:
        pass
    need(os.waitpid(pid, 0)[1] == 0, out)
    hexdump = out[out.index(b"x0 >"):out.index(b"x1 <")]
    need(b"*******" in hexdump and b"hunter" not in hexdump, out)
    need([p.data for p in look()[0] if p.sent] == [b"*" * 7], "the file has it")


def wait_quiet(master):
    """Until the terminal does not echo: the program asks for the secret."""
    import termios, time
    while termios.tcgetattr(master)[3] & termios.ECHO:
        time.sleep(0.01)


CASES = {"tcp4": lambda: tcp("127.0.0.1"), "tcp6": lambda: tcp("::1"), "udp4": lambda: udp("127.0.0.1"), "udp6": lambda: udp("::1"),
         "unix": unix, "ours": ours, "big": big, "tls": tls, "refused": refused, "secret": secret}

if __name__ == "__main__":
    os.chdir(os.environ["BATS_TEST_TMPDIR"])
    CASES[sys.argv[1]]()
