"""A random but sensible program."""
import base64, random, re

from program_model import DATA, End, Step, escape, quoted

PIECES = ["a", "bc", "hello ", "line\n", "\r\n", "\0", "\\", "'", '"', ",", "-x", "\xe9", "\u20ac", "$x", ";", "#", "x" * 50, "\x1b[1m", "GET / HTTP/1.0\r\n"]


class Program:
    """steady: of commands alone whose results no bad luck may change (chaos.py); send, recv and poll may do less at once."""

    def __init__(self, seed, number, steady=False):
        self.steady = steady
        self.r = random.Random(f"{seed}/{number}")
        self.number = number
        self.token = "%08x" % self.r.getrandbits(32)
        self.steps, self.ends, self.others, self.made = [], [], [], 0
        self.values, self.buffers, self.files, self.pollers = [], [], [], []
        self.jobs = False
        for _ in range(self.r.randint(1, 3)):
            self.make()
        for _ in range(self.r.choice([3, 6, 10, 18, 30])):
            self.r.choices([self.send, self.receive, self.look, self.change, self.make, self.wrap, self.mistake], [30, 34, 12, 8, 4, 6, 5])[0]()
        if self.r.random() < 0.15 and not self.jobs and not steady:
            self.background()
        self.finish()

    # ---- what steps are made of

    def name(self, base="v"):
        self.made += 1
        return f"{base}{self.made}"

    def add(self, *words, **more):
        self.steps.append(Step([str(w) for w in words], **more))

    def data(self, most=6):
        return "".join(self.r.choices(PIECES, k=self.r.randint(1, most))).encode()

    def method(self, name, *words):
        """NAME.COMMAND, or COMMAND -s NAME: they are the same."""
        if self.r.random() < 0.2:
            return [words[0], "-s", name, *words[1:]]
        return [f"{name}.{words[0]}", *words[1:]]

    def end(self, test=lambda e: True):
        fitting = [e for e in self.ends if test(e)]
        return self.r.choice(fitting) if fitting else None

    # ---- makers

    def join(self, a, b):
        a.peer, b.peer = b, a
        self.ends += [a, b]

    def make(self):
        self.r.choices([self.make_pair, self.make_tcp, self.make_unix, self.make_udp, self.make_calls, self.make_dup], [5, 4, 2, 3, 1, 1])[0]()

    def make_pair(self):
        kind, name = self.r.choice(["stream", "stream", "dgram", "seqpacket"]), self.name() + "x"
        self.add(name, "=", "pair", *([] if kind == "stream" else ["AF_UNIX", "SOCK_" + kind.upper()]))
        shown = {"stream": "unix", "dgram": "dgram", "seqpacket": "seq"}[kind]
        self.join(End(name + "0", shown), End(name + "1", shown))

    def make_tcp(self):
        srv, cli, conn = self.name("srv"), self.name("c"), self.name("c")
        self.add(srv, "=", "listen", self.r.choice([":0", "127.0.0.1:0", "[::1]:0"]))
        if self.r.random() < 0.5:
            self.add(cli, "=", "connect", f"sock:{srv}")
        else:
            self.add(cli, "=", "connect", text=f"{cli} = connect ${srv}.local")
        self.add(conn, "=", f"{srv}.accept")
        self.join(End(cli, "tcp"), End(conn, "tcp"))
        self.others.append(srv)

    def make_unix(self):
        srv, cli, conn, kind = self.name("srv"), self.name("c"), self.name("c"), self.r.choice(["stream", "seqpacket"])
        where = self.r.choice([f"unix:./{srv}", f"./{srv}", f"unix:@{self.token}-{srv}"])
        self.add(srv, "=", "listen", "--type", kind, where)
        self.add(cli, "=", "connect", "--type", kind, self.r.choice([where, f"sock:{srv}"]))
        self.add(conn, "=", f"{srv}.accept")
        kind = "unix" if kind == "stream" else "seq"
        self.join(End(cli, kind), End(conn, kind))
        self.others.append(srv)

    def make_udp(self):
        a, b = self.name("u"), self.name("u")
        self.add(a, "=", "bind", "udp://127.0.0.1:0")
        self.add(b, "=", "connect", f"sock:{a}")
        first, second = End(a, "udp"), End(b, "udp")
        second.peer = first  # a has no peer: it only receives, or answers by sendto
        first.writes = False
        self.ends += [first, second]

    def make_calls(self):
        a = self.name("w")
        self.add(a, "=", "socket", self.r.choice(["AF_INET", "inet", "AF_INET6"]), *self.r.choice([[], ["SOCK_STREAM"], ["stream"]]))
        self.add(f"{a}.setsockopt", "SO_REUSEADDR", "on")
        self.add(f"{a}.bind", ":0")
        if self.r.random() < 0.6:
            self.add(f"{a}.listen", "--backlog", self.r.randint(-1, 5))
        self.others.append(a)

    def make_dup(self):
        e = self.end(lambda e: e.open)
        if not e:
            return self.make_pair()
        copy = self.name("d")
        self.add(copy, "=", f"{e.name}.dup")
        e.sure = False
        if e.peer:
            e.peer.sure = False
        self.others.append(copy)

    # ---- bytes out

    def send(self):
        e = self.end(lambda e: e.open and e.writes and e.peer and e.peer.open)
        if not e:
            return self.mistake()
        data = self.data()
        how = self.r.choice(["send", "sendall", "sendline", "write", "hex", "base64", "several", "sendmsg", "sendfile", "file", "raw", "variable"])
        if self.steady and e.stream() and how not in ("sendall", "sendline", "write", "base64", "several", "sendfile", "file"):
            how = "sendall"
        name, shown = e.name, escape(data)
        if how in ("send", "sendall", "write", "sendmsg"):
            words = self.method(name, how, shown)
        elif how == "sendline":
            eol = self.r.choice(["crlf", "lf", "cr"])
            words, data = self.method(name, "sendline", "--eol", eol, shown), data + {"crlf": b"\r\n", "lf": b"\n", "cr": b"\r"}[eol]
        elif how == "hex":
            words = self.method(name, "send", "--hex", data.hex())
        elif how == "base64":
            words = self.method(name, "sendall", "--base64", base64.b64encode(data).decode())
        elif how == "several":
            cut = self.r.randint(0, len(data))
            words = self.method(name, "sendall", escape(data[:cut]), escape(data[cut:]))
        elif how in ("sendfile", "file"):
            data = DATA[:100] if how == "sendfile" else DATA
            words = self.method(name, "sendfile", "data.bin", "--count", "100") if how == "sendfile" else self.method(name, "sendall", "--file", "data.bin")
        elif how == "raw":
            data = re.sub(rb"[^ -~]|'", b"", data) or b"raw\\n"
            data = b"r" + data
            words = self.method(name, "send", "--raw", data.decode())
        else:
            value = self.name("t")
            self.add(value, "=", "print", shown)
            self.add(text=f"{name}.send -- ${value}", sends=(e, data))
            words = None
        if words:
            self.add(*words, sends=(e, data))
        if e.kind == "udp" and not e.peer.open:
            e.sure = False
        e.peer.feed(data)

    # ---- bytes in

    def receive(self):
        e = self.end(lambda e: e.open and e.available()) or self.end(lambda e: e.open)
        if not e:
            return self.make_pair()
        if not e.sure or not e.available():
            return self.look() if self.steady else self.receive_unsure(e)
        (self.receive_stream if e.stream() else self.receive_message)(e)

    def receive_unsure(self, e):
        what = self.r.choice(["recv", "recv 5", "readline", "read 3", "recvfrom", "recvmsg", "expect x", "silent 1ms", "recv --flags MSG_DONTWAIT", "recv --flags MSG_PEEK 4"])
        words = what.split()
        wait = [] if words[0] == "silent" else ["-t", self.r.choice(["0", "2ms"])]
        self.add(*self.method(e.name, words[0], *wait, *words[1:]))
        e.sure = e.sure and e.ended

    def receive_stream(self, e):
        have = e.available()
        how = self.r.choice(["recv", "recv", "recvn", "peek", "readn", "readline", "expect", "regex", "exact", "readinto", "read", "waitall", "file", "recvfrom", "recvmsg"])
        front = e.held or e.kernel  # what one recv sees

        def one(n):
            if e.held:
                return e.take(n)
            data, e.kernel = e.kernel[:n], e.kernel[n:]
            return data

        if (e.kind == "tcp" or self.steady) and how in ("recv", "recvn", "peek", "recvfrom", "recvmsg", "waitall"):
            how = self.r.choice(["readn", "readline", "expect"])  # its pieces may come one by one
        if how in ("recv", "recvfrom", "recvmsg"):
            self.add(*self.method(e.name, how), wants=one(65536))
        elif how == "recvn":
            n = self.r.randint(1, len(front) + 3)
            self.add(*self.method(e.name, "recv", n), wants=one(n))
        elif how == "peek":
            self.add(*self.method(e.name, "recv", "--flags", "MSG_PEEK"), wants=front)
        elif how == "waitall":
            n = self.r.randint(1, have)
            self.add(*self.method(e.name, "recv", n, "--flags", "MSG_WAITALL"), wants=(e.held + e.kernel)[:n])
            cut = min(n, len(e.held))
            e.held, e.kernel = e.held[cut:], e.kernel[n - cut :]
        elif how == "read" and e.ended:
            e.fill()
            self.add(*self.method(e.name, "read"), wants=e.take(have))
        elif how == "readinto":
            n, buffer = self.r.randint(1, have), self.name("b")
            self.add(buffer, "=", "bytearray", n)
            self.add(*self.method(e.name, "readinto", buffer))
            self.fill_for(e, n)
            self.add("print", text=f"print ${buffer}", wants=e.take(n))
        elif how in ("expect", "exact", "regex"):
            self.receive_expected(e, how)
        elif how == "readline" and b"\n" in e.held + e.kernel:
            n = (e.held + e.kernel).index(b"\n") + 1
            self.fill_for(e, n)
            self.add(*self.method(e.name, "readline"), wants=e.take(n))
        else:
            n = self.r.randint(1, have)
            self.fill_for(e, n)
            words = self.method(e.name, "read", n)
            wants = e.take(n)
            if how == "file":
                e.shared = True
                target = self.r.choice(["out1", "out2"])
                self.add(text=" ".join(map(quoted, map(str, words))) + f" >{self.r.choice(['', '>'])} {target}", objects=0)
            else:
                self.add(*words, wants=wants)

    def fill_for(self, e, n):
        if len(e.held) < n:
            e.fill()

    def receive_expected(self, e, how):
        whole = e.held + e.kernel
        start = 0 if how == "exact" else self.r.randrange(len(whole))
        wanted = whole[start : start + self.r.randint(1, 6)]
        at = whole.index(wanted)
        if how == "regex":
            words = self.method(e.name, "expect", "-r", "".join("\\x%02x" % b for b in wanted))
        else:
            words = self.method(e.name, "expect", *(["--exact"] if how == "exact" else []), escape(wanted))
        self.fill_for(e, at + len(wanted))
        self.add(*words, wants=e.take(at + len(wanted)))

    def receive_message(self, e):
        n = self.r.choice([65536, 65536, 5, 200])
        message = e.queue[0]
        how = self.r.choice(["recv", "recv", "recvfrom", "recvmsg", "peek"])
        words = self.method(e.name, "recv" if how == "peek" else how, *([n] if n != 65536 else []), *(["--flags", "MSG_PEEK"] if how == "peek" else []))
        if how != "peek":
            e.queue.pop(0)
        if e.kind == "seq" and not message:
            e.sure = False
        self.add(*words, wants=message[:n])

    # ---- looking and changing

    def look(self):
        e = self.end()
        how = self.r.choice(["state", "info", "poll", "poller", "print", "vars", "option", "inet", "sleep", "ls", "last"])
        if how == "state" and e and not self.steady:
            self.add("print", text=f"print ${e.name}.state ${e.name}.buffered ${{nosuch{self.made}:-none}} $?")
        elif how == "last":
            self.add("print", text="print -- $?" if self.steady else "print -- $_")  # times stand in $_ too
        elif how == "info" and e:
            self.add("info", e.name)
        elif how == "poll":
            self.add("poll", "-t", "0", *[x.name + self.r.choice(["", ":in", ":in,out", ":out", ":5"]) for x in self.r.sample(self.ends, min(len(self.ends), 3))])
        elif how == "poller" and e:
            self.poller()
        elif how == "print":
            self.add("print", escape(self.data()), escape(self.data()))
        elif how == "option" and e:
            self.add(*self.r.choice([self.method(e.name, "getsockopt", "SO_TYPE"), self.method(e.name, "getsockopt", "SO_ERROR"), self.method(e.name, "setsockopt", "SO_KEEPALIVE", "on")]))
        elif how == "inet":
            self.add(*self.r.choice([["inet_pton", "AF_INET", "1.2.3.4"], ["inet_ntop", "AF_INET", "\\x7f\\x00\\x00\\x01"], ["htons", "80"], ["if_nametoindex", "lo"]]))
        elif how == "sleep":
            self.add("sleep", "1ms")
        else:
            self.add(how if how in ("ls", "vars") else "vars")

    def poller(self):
        p = self.name("p")
        self.add(p, "=", "poller")
        for e in self.r.sample(self.ends, min(len(self.ends), 3)):
            self.add(f"{p}.register", e.name, *self.r.choice([[], ["in"], ["out"], ["in,out"]]))
        e = self.r.choice(self.ends)
        self.add(*self.r.choice([[f"{p}.modify", e.name, "out"], [f"{p}.unregister", e.name], [f"{p}.poll", "-t", "0"]]))
        self.add(f"{p}.{self.r.choice(['poll', 'ipoll'])}", "-t", "0")
        if not self.steady:  # luck decides whether a poll that does not wait sees it, and turns it off
            self.add(f"{p}.ipoll", "-t", "0", "--one-shot")
        self.add(f"{p}.poll", "-t", "0")

    def change(self):
        e = self.end(lambda e: e.open)
        if not e:
            return self.make_pair()
        how = self.r.choice(["close", "closes", "shutdown", "timeout", "rebind", "use", "makefile", "closefile"])
        if self.steady and how.endswith("file"):
            how = "timeout"
        if how in ("close", "closes"):
            self.add(*([f"{e.name}.close"] if how == "close" else ["close", e.name, self.r.choice([e.name, *self.others, e.name])]))
            e.close()
        elif how == "shutdown":
            # A closed TCP end answers what still comes with a reset: how much came before is luck.
            way = self.r.choice(["wr"] if self.steady and e.kind == "tcp" else ["wr", "wr", "rd", "rdwr"])
            self.add(f"{e.name}.shutdown", way)
            e.writes = False
            e.sure = e.sure and way == "wr"
            e.shared = e.shared or way != "wr"
            if e.peer and way != "rd":
                e.peer.ended = True
            if e.peer and way != "wr":
                e.peer.sure = False
        elif how == "timeout":
            self.add(f"{e.name}.settimeout", self.r.choice(["1", "500ms", "2"]))
        elif how == "rebind":
            self.add(e.name, "=", "print", "was a socket")
            self.add("print", text=f"print ${e.name}")
            e.close()
            self.ends.remove(e)
        elif how == "use":
            self.add("use", e.name)
        else:
            f = self.name("f")
            e.shared = True
            if e.peer:
                e.peer.shared = True
            self.add(f, "=", f"{e.name}.makefile", self.r.choice(["rb", "wb", "rwb"]))
            if e.peer and e.peer.open and e.writes:
                self.add(f"{f}.write", "x")
            self.add(f"{f}.read", "-t", "0", "2")
            e.sure = False
            if e.peer:
                e.peer.sure = False
            if how == "closefile":
                self.add(f"{f}.close")
                e.close()

    # ---- commands in front of commands, mistakes, jobs

    def wrap(self):
        e = self.end(lambda e: e.open and e.writes and e.peer and e.peer.open)
        if not e:
            return self.mistake()
        data, n = self.data(2), self.r.randint(1, 4)
        how = self.r.choice(["repeat", "chain", "fails", "seven", "bound", "shell", "stats"])
        if how == "repeat":
            self.add("repeat", "-n", n, f"{e.name}.sendall", escape(data), sends=(e, data))
            for _ in range(n):
                e.peer.feed(data)
        elif how == "chain":
            self.add("do", "--sep", "::", f"{e.name}.{'sendall' if self.steady else 'send'}", escape(data), "::", "print", "sent", objects=2, sends=(e, data))
            e.peer.feed(data)
        elif how == "fails":
            self.add("fails", "2", f"nosuch{n}.recv")
        elif how == "seven":
            self.add("fails", f"{e.name}.recv", "-t", "0", "--flags", "MSG_OOB")
        elif how == "stats":
            self.add(self.name("r"), "=", "repeat", "-n", n, "htons", n)
        elif how == "bound" and not self.steady and e.peer.sure and e.peer.available():
            value = self.name("t")
            self.add(value, "=", f"{e.peer.name}.recv", "-t", "0")
            self.add("print", text=f"print $?")
            e.peer.sure = False
        else:
            self.add("print", text=f"print {quoted(escape(data))} | cat")

    def mistake(self):
        e = None if self.steady else self.end()
        name = e.name if e else "nosuch"
        words = self.r.choice([
            ["nosuch.recv"], ["send", "-s", "nosuch", "x"], ["use", "nosuch"], ["close", "nosuch"], [f"{name}.accept", "-t", "0"], [f"{name}.listen"], ["connect", "unix:./nothing"],
            ["connect", "127.0.0.1:1"], [f"{name}.getpeername"], [f"{name}.sendto", "unix:./nothing", "x"], ["wait", "7"], ["source", "nothing.sock"], ["get", "nosuch"],
            [f"{name}.poll", "-t", "0"], [f"{name}.readinto", "nosuch"], [f"{name}.expect", "-t", "0", "NEVER"], [f"{name}.bind", ":0"], ["inet_pton", "AF_INET", "x"],
            ["assert", "a", "is", "b"], ["poll", "nosuch"], [f"{name}.getsockopt", "TCP_NODELAY"], ["readinto", "nosuch"], [f"{name}.sendfile", "nothing"], [f"{name}.connect", "unix:./nothing"],
        ])
        self.add(*words, sends=(e, b"x") if e and words[0].endswith(".sendto") else None)  # TCP sends although it is connected elsewhere
        if e:
            e.sure = False
            if e.peer:
                e.peer.sure = False

    def background(self):
        """Jobs, waited for at once, so that every door says the same."""
        self.jobs = True
        for _ in range(self.r.randint(1, 3)):
            x = self.name("j") + "x"
            self.add(x, "=", "pair")
            job = self.r.choice([f"{x}1.read -t 1s 3", f"{x}1.readline -t 1s", f"{x}1.expect -t 1s abc", f"t{x} = {x}1.recv -t 1s", f"{x}1.poll -t 1s", f"do {x}1.recv -t 1s , {x}1.recv -t 1s"])
            self.add(text=job + " &", *[])
            self.add(*self.r.choice([[f"{x}0.sendall", "abc\\n"], [f"{x}0.close"], [f"{x}1.close"], ["cancel", "1"], ["sleep", "1ms"], [f"{x}1", "=", "print", "gone"]]))
            self.add("jobs")
            self.add("wait", "-t", "20ms")
            self.add(f"{x}0.sendall", "de\\n")

    def finish(self):
        """What is left must come, all of it; then nothing is there."""
        for e in self.ends:
            if not (e.open and e.sure and not self.jobs):
                continue
            if e.stream() and e.available():
                self.add(f"{e.name}.read", e.available(), wants=e.held + e.kernel)
                e.held = e.kernel = b""
            while e.queue and not e.stream():
                self.add(f"{e.name}.recv", wants=e.queue.pop(0))
        for e in self.ends:
            self.add("info", e.name)
