"""The same scenario twice, with Python's socket module and with sockctl through the machine door: the outcomes must be equal.

A scenario is a function of a module-like object `m`: m.socket(), m.pair(),
m.getaddrinfo()... A socket has the methods of Python's. What it yields is compared: a value, or a call as (function, arguments...), whose outcome is its
value or ("errno", N): a timeout is ETIMEDOUT, a name that is not found the negative EAI_ number, an argument that is refused "usage"."""
import base64, errno, json, re, select, signal, socket, struct, subprocess, sys, time


class Socket(socket.socket):
    """Python's, with what MicroPython has beside it."""

    def accept(self):
        fd, peer = self._accept()
        return Socket(self.family, self.type, self.proto, fileno=fd), peer

    def read(self, n=-1):
        data = b""
        while len(data) != n and (piece := self.recv(n - len(data) if n > 0 else 65536)):
            data += piece
        return data

    def readline(self, n=-1):
        data = b""
        while len(data) != n and not data.endswith(b"\n") and (piece := self.recv(1)):
            data += piece
        return data

    def readinto(self, buffer):
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def kind(self):
        return self.family, self.type


class Python:
    getaddrinfo = staticmethod(socket.getaddrinfo)
    inet_pton, inet_ntop = socket.inet_pton, socket.inet_ntop
    htons, htonl, ntohs, ntohl = socket.htons, socket.htonl, socket.ntohs, socket.ntohl
    getservbyname, getprotobyname = socket.getservbyname, socket.getprotobyname
    if_nametoindex, if_indextoname, if_nameindex = socket.if_nametoindex, socket.if_indextoname, socket.if_nameindex
    socket = Socket

    def pair(self, type=1):
        a, b = socket.socketpair(socket.AF_UNIX, type)
        return tuple(Socket(s.family, s.type, s.proto, fileno=s.detach()) for s in (a, b))

    def poll(self, s, mask, ms=0):
        p = self.poller()
        p.register(s, mask)
        return [events for _, events in p.poll(ms)]

    def poller(self):
        return select.poll()


class Failed(OSError):
    pass


class Door:
    """sockctl, one line a call."""

    def __init__(self):
        self.process = subprocess.Popen(["sockctl", "-i", "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.count = 0

    def name(self):
        self.count += 1
        return f"n{self.count}"

    def ask(self, *words):
        line = " ".join(w if re.fullmatch(r"[\w.=:-]+", w) else "'" + w.replace("'", "'\\''") + "'" for w in map(str, words))
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["results"][-1] if "results" in answer else answer

    def do(self, *words):
        answer = self.ask(*words)
        if answer["ok"]:
            return answer["result"]
        error = answer["error"]
        if error["exit"] == 2:
            raise ValueError(error["message"])
        failed = Failed(error["errno"] or errno.EIO, error["message"])
        failed.answer = error
        raise failed


def operand(address):
    if isinstance(address, tuple):
        return [str(word) for word in address]
    path = address.decode() if isinstance(address, bytes) else address
    return ["unix:@" + path[1:]] if path.startswith("\0") else ["unix:" + path]


def as_tuple(a):
    if a is None:
        return None
    if a["family"] == "AF_INET":
        return a["host"], a["port"]
    if a["family"] == "AF_INET6":
        return a["host"].partition("%")[0], a["port"], a["flowinfo"], a["scope_id"]
    path = a["path"] or ""
    return b"\0" + path.encode() if a["abstract"] else path


class Theirs:
    """A socket of the door."""

    def __init__(self, m, record):
        self.m, self.s = m, record["name"]
        self.record = record

    def do(self, command, *words):
        return self.m.door.do(f"{self.s}.{command}", *words)

    def data(self, command, data, *words):
        if len(data) > 10000:
            self.m.file.seek(0)
            self.m.file.write(data)
            self.m.file.truncate()
            self.m.file.flush()
            return self.do(command, *words, "--file", self.m.file.name)
        return self.do(command, *words, "--hex", data.hex())

    def taken(self, command, *words):
        """Bytes; the end is none, and so is what came before it."""
        try:
            result = self.do(command, *words)
        except Failed as e:
            if e.answer["code"] != "EOF":
                raise
            return base64.b64decode(e.answer.get("partial", {"base64": ""})["base64"])
        return base64.b64decode(result["base64"])

    def bind(self, address):
        self.do("bind", *operand(address))

    def connect(self, address):
        self.do("connect", *operand(address))

    def listen(self, *backlog):
        self.do("listen", *(w for n in backlog for w in ("--backlog", n)))

    def accept(self):
        name = self.m.door.name()
        record = self.m.door.do(name, "=", f"{self.s}.accept")
        return Theirs(self.m, record), as_tuple(record["peer"])

    def dup(self):
        return Theirs(self.m, self.m.door.do(self.m.door.name(), "=", f"{self.s}.dup"))

    def close(self):
        self.do("close")

    def shutdown(self, how):
        self.do("shutdown", ("rd", "wr", "rdwr")[how])

    def send(self, data, flags=0):
        return self.data("send", data, "--flags", flags)["len"]

    def sendall(self, data):
        self.data("sendall", data)

    def sendto(self, data, address):
        to = address if isinstance(address, str) else f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"
        return self.data("sendmsg", data, "--to", to)["len"]

    def recv(self, n, flags=0):
        return self.taken("recv", n, "--flags", flags)

    def recvfrom(self, n, flags=0):
        result = self.do("recvfrom", n, "--flags", flags)
        return base64.b64decode(result["base64"]), as_tuple(result["peer"])

    def read(self, n=-1):
        return self.taken("read", *([n] if n >= 0 else []))

    def readline(self, n=-1):
        return self.taken("readline", *([n] if n >= 0 else []))

    def readinto(self, buffer):
        name = self.m.door.name()
        self.m.door.do(name, "=", "bytearray", len(buffer))
        try:
            n = self.do("readinto", name)["value"]
        except Failed as e:
            if e.answer["code"] != "EOF":
                raise
            n = e.answer["sent"]
        buffer[:n] = base64.b64decode(self.m.door.do("get", name)["base64"])[:n]
        return n

    def getsockname(self):
        return as_tuple(self.do("getsockname"))

    def getpeername(self):
        return as_tuple(self.do("getpeername"))

    def getsockopt(self, level, option, length=None):
        if length is None:
            return int(self.do("getsockopt", level, option, "--type", "int")["value"])
        return bytes.fromhex(self.do("getsockopt", level, option, "--len", length)["hex"])

    def setsockopt(self, level, option, value):
        self.do("setsockopt", level, option, *(["--hex", value.hex()] if isinstance(value, bytes) else [int(value)]))

    def settimeout(self, t):
        self.do("settimeout", "none" if t is None else t if isinstance(t, (str, int)) or t != t else f"{t:.9f}")

    def setblocking(self, flag):
        self.do("setblocking", "on" if flag else "off")

    def gettimeout(self):
        (record,) = [r for r in self.m.door.do("ls") if r["name"] == self.s]
        return record["timeout"]

    def fileno(self):
        return self.do("fileno")["value"]

    def kind(self):
        names = {r["name"]: r["value"] for word in ("AF_", "SOCK_") for r in self.m.door.do("constants", word)}
        return names[self.record["family"]], names[self.record["type"]]


class Poller:
    def __init__(self, m):
        self.m, self.p = m, m.door.name()
        m.door.do(self.p, "=", "poller")

    def register(self, s, mask=5):
        self.m.door.do(f"{self.p}.register", s.s, mask)

    def modify(self, s, mask):
        self.m.door.do(f"{self.p}.modify", s.s, mask)

    def unregister(self, s):
        self.m.door.do(f"{self.p}.unregister", s.s)

    def poll(self, ms=0):
        try:
            return [(r["name"], r["revents"]) for r in self.m.door.do(f"{self.p}.poll", "-t", f"{ms}ms")]
        except Failed as e:
            if e.errno != errno.ETIMEDOUT:
                raise
            return []


class Sockctl:
    def __init__(self, file):
        self.door, self.file = Door(), file

    def socket(self, family=2, type=1, proto=0):
        return Theirs(self, self.door.do(self.door.name(), "=", "socket", int(family), int(type), int(proto)))

    def pair(self, type=1):
        return tuple(Theirs(self, r) for r in self.door.do(self.door.name(), "=", "pair", 1, int(type)))

    def poll(self, s, mask, ms=0):
        p = self.poller()
        p.register(s, mask)
        return [events for _, events in p.poll(ms)]

    def poller(self):
        return Poller(self)

    def getaddrinfo(self, host, port, family=0, type=0, proto=0, flags=0):
        words = ["--family", int(family), "--type", int(type), "--proto", int(proto), "--flags", int(flags), "--"]
        found = self.door.do("getaddrinfo", *words, "-" if host is None else host, "-" if port is None else port)
        number = lambda word: int(word) if word.isdigit() else getattr(socket, word)
        return [(number(r["family"]), number(r["type"]), number(r["proto"]), r["canonname"] or "", as_tuple(r["addr"])) for r in found]

    def inet_pton(self, family, text):
        return base64.b64decode(self.door.do("inet_pton", int(family), "--", text)["bytes"]["base64"])

    def inet_ntop(self, family, data):
        return self.door.do("inet_ntop", int(family), "--hex", data.hex())["text"]

    def if_nameindex(self):
        return [(r["index"], r["name"]) for r in self.door.do("if_nameindex")]

    def __getattr__(self, command):
        return lambda *words: self.door.do(command, *words)["value"]


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except TimeoutError as e:
        return "errno", e.errno or errno.ETIMEDOUT
    except OSError as e:
        return "errno", e.errno or errno.EINVAL
    except (ValueError, OverflowError, TypeError):
        return "usage"


def outcomes(scenario, m):
    for step in scenario(m):
        if isinstance(step, tuple) and step and callable(step[0]):
            step = outcome(*step)
        yield None if hasattr(step, "fileno") else step


def compare(scenario):
    """What is unlike, as text."""
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        theirs, ours = list(outcomes(scenario, Python())), list(outcomes(scenario, Sockctl(file)))
    if not theirs:
        return ["nothing was compared"]
    steps = max(len(theirs), len(ours))
    pad = lambda list: list + ["nothing"] * (steps - len(list))
    return [f"step {i + 1}: python {t!r}, sockctl {o!r}" for i, (t, o) in enumerate(zip(pad(theirs), pad(ours))) if t != o]


def main(scenarios):
    """python3 FILE NAME...: run these scenarios; what is unlike is printed, and the status is 1."""
    signal.alarm(300)
    unlike = 0
    for name in sys.argv[1:]:
        for line in compare(scenarios[name]):
            unlike += 1
            print(f"{name}, {line}")
    sys.exit(unlike > 0)


# ---- what scenarios share ----

IN, OUT, ERR, HUP, RDHUP = 1, 4, 8, 16, 0x2000
ANYWHERE = "127.0.0.1", 0
LONG = 10000  # milliseconds: the wait for what comes by itself


def bound(m, type=1, host="127.0.0.1"):
    s = m.socket(10 if ":" in host else 2, type)
    s.bind((host, 0))
    return s


def listening(m, backlog=5, host="127.0.0.1"):
    s = bound(m, 1, host)
    s.listen(backlog)
    return s


def connected(m, host="127.0.0.1"):
    s = listening(m, 5, host)
    c = m.socket(10 if ":" in host else 2)
    c.connect(s.getsockname())
    return c, s.accept()[0]


def pending(m):
    """A listener with no room, and what fills it: SYNs are dropped, so a connect to it stays as it is."""
    s = listening(m, 0)
    c = m.socket()
    c.connect(s.getsockname())
    return s, c


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def fill(s):
    """Send until there is no room, and none comes: a TCP buffer grows for a while."""
    s.setblocking(False)
    refused = 0
    while refused < 3:
        try:
            s.send(b"x" * 65536)
            refused = 0
        except OSError:
            refused += 1
            time.sleep(0.03)


def is_(got, wanted):
    assert got == wanted, (got, wanted)
    return got
