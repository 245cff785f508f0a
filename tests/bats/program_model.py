"""What programs.py knows about words and sockets."""
import re

DATA = bytes(range(256)) * 3  # of data.bin


def escape(data):
    """Bytes as an operand: printable ASCII, the rest escaped, so that quotes of every shell and ours hold it."""
    out = "".join(chr(b) if 32 <= b < 127 and chr(b) not in "\\'" else "\\n" if b == 10 else "\\x%02x" % b for b in data)
    return "\\x2d" + out[1:] if out.startswith("-") else "\\x2c" if out == "," else out


def quoted(word):
    return word if re.fullmatch(r"[A-Za-z0-9_=.:/@%+-]+", word) else "'" + word.replace("'", "'\\''") + "'"


class End:
    """One end of a connection, or a datagram socket, as the model sees it."""

    def __init__(self, name, kind):
        self.name, self.kind, self.peer = name, kind, None
        self.open, self.writes, self.sure = True, True, True
        self.held, self.kernel = b"", b""  # look-ahead, and what the kernel has: streams
        self.queue = []  # messages
        self.ended = False  # the peer will send no more
        self.shared = False  # its bytes also go where chaos.py does not look: a file, a view of it, nowhere

    def stream(self):
        return self.kind in ("unix", "tcp")

    def available(self):
        return len(self.held) + len(self.kernel) if self.stream() else len(self.queue)

    def fill(self):
        self.held, self.kernel = self.held + self.kernel, b""

    def take(self, n):
        data, self.held = self.held[:n], self.held[n:]
        return data

    def feed(self, data):
        if not self.stream():
            self.queue.append(data)
        elif data:
            self.kernel += data

    def close(self):
        if self.open and self.peer and self.kind != "dgram" and self.available():
            self.peer.sure = False  # a reset follows
        self.open = self.writes = False
        if self.peer:
            self.peer.ended = True
            self.peer.writes = False


class Step:
    def __init__(self, words, text=None, wants=None, waits=True, plain=True, objects=1, sends=None):
        self.words, self.objects = words, objects  # for argv
        self.text = text or " ".join(quoted(w) for w in words)  # for the text doors
        self.sends = sends  # (end, bytes) that it puts into a stream, each time it runs
        self.wants = wants  # bytes that the command delivers, None: whatever
        self.waits = waits  # 124 is a possible end
        self.plain = plain and text is None  # can stand in a do chain
