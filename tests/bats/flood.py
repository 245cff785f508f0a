#!/usr/bin/env python3
"""Typing in the shell while peers make noise: flood.py bytes|sockets|line [slow].

Every key is one that nobody else writes, so the time until it is on the terminal can be taken. Prints the median and the longest, and fails
when the line that was typed is not run as it was typed, when a part of it stands in a row of the peer's, when a byte that a terminal acts on
came out, or when the median is ten times the 50 ms that are the aim (a machine may be busy). slow: the terminal takes 2 MB/s."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

AIM_MS = 50
SLOW = "slow" in sys.argv

KEYS = "QZWXKJYV"
HOSTILE = b"\x1b]0;title\x07\x1b[6n\x1b]52;c;eA==\x07\x9b31m\xc2\x9b31m\x7f\x08\xe2\x80\xae\xe2\x81\xa6\xc0\xaf\xed\xa0\x80\xff"
OWN = re.compile(rb"\x1b\[\?2004[hl]|\x1b\[[0-9;]*[ABCDJKPm@]|[\r\n\x07\x08]")  # what readline and the news write

PEER = """
import socket, sys, time
what, path, hostile = sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3])
say = lambda: sys.stdin.readline() or sys.exit()
if what == "sockets":
    all = []
    for _ in range(1000):
        s = socket.socket(socket.AF_UNIX); s.connect(path); all.append(s)
    print("ready", flush=True)
    say()
    for s in all: s.sendall(b"x" * 7)
    say()
    for s in all: s.close()
    say()
elif what == "bytes":
    s = socket.create_connection(("127.0.0.1", int(path)))
    print("ready", flush=True)
    block, begun, sent = hostile * 4096, time.monotonic(), 0
    try:
        while True:
            sent += s.send(block)
            time.sleep(max(0, begun + sent / 100e6 - time.monotonic()))
    except OSError:
        print(int(sent / (time.monotonic() - begun) / 1e6), flush=True)
else:
    s = socket.socket(socket.AF_UNIX); s.connect(path)
    print("ready", flush=True)
    for _ in range(4):
        say()
        s.sendall(hostile * (1000000 // len(hostile)) + b"\\n")
    say()
"""


class Terminal:
    def __init__(self):
        self.out, self.shown = bytearray(), 0
        env = dict(os.environ, TERM="xterm-256color", LC_ALL="C.UTF-8", SOCKCTL_HISTORY="", ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe("sockctl", ["sockctl", "--no-init"], env)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def read(self, seconds):
        if select.select([self.fd], [], [], seconds)[0]:
            if SLOW:
                time.sleep(0.002)
            self.out += os.read(self.fd, 4096 if SLOW else 1 << 16)

    def until(self, text, seconds=60):
        """Wait until text comes after what was seen last."""
        end = time.monotonic() + seconds
        while (at := self.out.find(text, max(0, self.shown - len(text) + 1))) < self.shown:
            if time.monotonic() > end:
                sys.exit(f"after {seconds} s {text!r} did not come: {bytes(self.out[-2000:])!r}")
            self.read(1)
        self.shown = at + len(text)

    def enter(self, line, then=b"> "):
        os.write(self.fd, line.encode() + b"\r")
        self.until(b"\n")
        self.until(then)

    def key(self, letter):
        """Seconds until it is on the screen."""
        self.shown = len(self.out)
        begun = time.monotonic()
        os.write(self.fd, letter.encode())
        self.until(letter.encode())
        return time.monotonic() - begun


def clean(out):
    """No key was drawn into a row of the peer's: these begin with a quote and end with one."""
    for row in re.findall(rb"'[^']*'", bytes(out)):
        assert b"]52;" not in row or not re.search(f"[{KEYS}\\x1b]".encode(), row), row[:100] + b"..." + row[-100:]


def keys(t, count, gap=0.01):
    times = []
    for i in range(count):
        times.append(t.key(KEYS[i % len(KEYS)]))
        end = time.monotonic() + gap
        while (left := end - time.monotonic()) > 0:
            t.read(left)
    return times


def main(what):
    t = Terminal()
    t.until(b"sockctl> ")
    path = os.path.abspath("flood.socket")
    if what == "bytes":
        t.enter("srv = listen :0")
        t.enter("print $srv.local.port", b"sockctl srv listen> ")
        path = re.findall(rb"\r(\d+)\r", t.out)[-1].decode()
    else:
        t.enter(f"srv = listen unix:{path}")
    peer = subprocess.Popen([sys.executable, "-c", PEER, what, path, HOSTILE.hex()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def go():
        peer.stdin.write("\n")
        peer.stdin.flush()

    if what == "sockets":
        t.enter("repeat -n 1000 srv.accept", b"s1000> ")
        peer.stdout.readline()
        os.write(t.fd, b"print ")
        times = keys(t, 20)
        go()  # data for all of them
        times += keys(t, 40)
        go()  # and the end of all of them
        times += keys(t, 40)
        typed = "".join(KEYS[i % 8] for i in range(20)) + 2 * "".join(KEYS[i % 8] for i in range(40))
    elif what == "bytes":
        t.enter("c = srv.accept", b"sockctl c> ")
        peer.stdout.readline()
        t.enter("c.read > /dev/null &", b"[1]> ")
        os.write(t.fd, b"print ")
        times = keys(t, 100, 0.02)
        typed = "".join(KEYS[i % 8] for i in range(100))
    else:
        t.enter("c = srv.accept", b"sockctl c> ")
        peer.stdout.readline()
        t.enter("repeat -n 4 c.readline &", b"[1]> ")
        os.write(t.fd, b"print ")
        times = []
        for _ in range(4):
            go()
            times += keys(t, 20, 0.005)
        typed = 4 * "".join(KEYS[i % 8] for i in range(20))
        while b"[1] done" not in t.out:
            t.read(1)
        assert t.out.count(b"\\x1b]52;c;eA==") > 4 * 10000, "the lines are not on the terminal"
    t.shown = len(t.out)
    os.write(t.fd, b"\r")
    t.until(b"l\r" + typed.encode() + b"\r\n")  # the line was run as it was typed
    clean(t.out)
    if what == "bytes":
        t.enter("c.close; cancel 1")
        print("MB/s:", peer.stdout.readline().strip())
    peer.stdin.close()
    os.write(t.fd, b"quit\r")
    try:
        while True:
            t.out += os.read(t.fd, 1 << 16)
    except OSError:
        pass
    status = os.waitstatus_to_exitcode(os.waitpid(t.pid, 0)[1])
    peer.kill()
    rest = OWN.sub(b"", t.out).decode("utf-8")  # and it is UTF-8
    bad = {c for c in rest if ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}
    times = sorted(1000 * x for x in times)
    print(f"{what}: {len(times)} keys, median {times[len(times) // 2]:.1f} ms, longest {times[-1]:.1f} ms; status {status}; hostile: {bad}")
    if bad or status not in (0, 6, 7) or times[len(times) // 2] > 10 * AIM_MS:
        sys.exit(1)


main(sys.argv[1])
