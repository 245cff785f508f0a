#!/usr/bin/env python3
"""Typing in the shell while peers make noise: flood.py bytes|sockets|line [slow].

Every key is one that nobody else writes, so the time until it is on the terminal can be taken. Prints the median and the longest, and fails
when the line that was typed is not run as it was typed, when a part of it stands in a row of the peer's, when a byte that a terminal acts on
came out, or when the median is ten times the 50 ms that are the aim (a machine may be busy). slow: the terminal takes 2 MB/s."""
import os
import re
import subprocess
import sys
import time

from terminal import Terminal, hostile

AIM_MS = 50

KEYS = "QZWXKJYV"
HOSTILE = b"\x1b]0;title\x07\x1b[6n\x1b]52;c;eA==\x07\x9b31m\xc2\x9b31m\x7f\x08\xe2\x80\xae\xe2\x81\xa6\xc0\xaf\xed\xa0\x80\xff"

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
        s.sendall(hostile * (int(sys.argv[4]) // len(hostile)) + b"\\n")
    say()
"""


def shown_after(t, letter):
    """Seconds from the key to the screen."""
    t.shown = len(t.out)
    begun = time.monotonic()
    t.type(letter)
    t.until(letter.encode())
    return time.monotonic() - begun


def clean(out):
    """No key was drawn into a row of the peer's: these begin with a quote and end with one."""
    for row in re.findall(rb"'[^']*'", bytes(out)):
        assert b"]52;" not in row or not re.search(f"[{KEYS}\\x1b]".encode(), row), row[:100] + b"..." + row[-100:]


def keys(t, count, gap=0.01):
    times = []
    for i in range(count):
        times.append(shown_after(t, KEYS[i % len(KEYS)]))
        end = time.monotonic() + gap
        while (left := end - time.monotonic()) > 0:
            t.read(left)
    return times


def main(what):
    slow = "slow" in sys.argv
    size = 100000 if slow else 1000000  # of a line
    t = Terminal(["sockctl", "--no-init"], slow=slow)
    t.until(b"sockctl> ")
    path = os.path.abspath("flood.socket")
    if what == "bytes":
        t.enter("srv = listen :0")
        t.enter("print $srv.local.port", b"sockctl srv listen> ")
        path = re.findall(rb"\r(\d+)\r", t.out)[-1].decode()
    else:
        t.enter(f"srv = listen unix:{path}")
    peer = subprocess.Popen([sys.executable, "-c", PEER, what, path, HOSTILE.hex(), str(size)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def go():
        peer.stdin.write("\n")
        peer.stdin.flush()

    if what == "sockets":
        t.enter("repeat -n 1000 srv.accept", b"s1000> ")
        peer.stdout.readline()
        t.type("print ")
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
        t.type("print ")
        times = keys(t, 100, 0.02)
        typed = "".join(KEYS[i % 8] for i in range(100))
    else:
        t.enter("c = srv.accept", b"sockctl c> ")
        peer.stdout.readline()
        t.enter("repeat -n 4 c.readline &", b"[1]> ")
        t.type("print ")
        times = []
        for _ in range(4):
            go()
            times += keys(t, 20, 0.005)
        typed = 4 * "".join(KEYS[i % 8] for i in range(20))
        while b"[1] done" not in t.out:
            t.read(1)
        assert t.out.count(b"\\x1b]52;c;eA==") > 3.9 * (size // len(HOSTILE)), "the lines are not on the terminal"
    t.shown = len(t.out)
    t.type("\r")
    t.until(b"l\r" + typed.encode() + b"\r\n")  # the line was run as it was typed
    clean(t.out)
    if what == "bytes":
        t.enter("c.close; cancel 1")
        print("MB/s:", peer.stdout.readline().strip())
    peer.stdin.close()
    t.type("quit\r")
    status = t.end()
    peer.kill()
    bad = hostile(t.out)
    times = sorted(1000 * x for x in times)
    print(f"{what}: {len(times)} keys, median {times[len(times) // 2]:.1f} ms, longest {times[-1]:.1f} ms; status {status}; hostile: {bad}")
    if bad or status not in (0, 6, 7) or times[len(times) // 2] > 10 * AIM_MS:
        sys.exit(1)


main(sys.argv[1])
