#!/usr/bin/env python3
"""Ctrl-C at random moments of every command that waits, typed in the shell: ctrl_c.py TIMES [SEED]. Afterwards the session answers, no byte
is lost, and the terminal is as it was. ctrl_c.py ends: the terminal is as it was after signals and after a program that crashed, too."""
import json
import os
import random
import re
import signal
import socket
import sys
import tempfile
import termios
import threading
import time

from terminal import Terminal

MARK = re.compile(rb"\x1b\[\?2004l\r(m\d+)\r\n")


class Peer(threading.Thread):
    """A stream of numbered lines to the one who connects."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.listener, self.sent, self.stop = socket.create_server(path, family=socket.AF_UNIX) if isinstance(path, str) else path, b"", False

    def run(self):
        c, _ = self.listener.accept()
        chance = random.Random(1)
        number = 0
        while not self.stop:
            block = b"".join(b"%08d\n" % (number + i) for i in range(chance.randrange(1, 30)))
            number += block.count(b"\n")
            cut = chance.randrange(len(block))  # lines come in parts
            for part in (block[:cut], block[cut:]):
                c.sendall(part)
                time.sleep(chance.random() * 0.004)
            self.sent += block
        c.shutdown(socket.SHUT_WR)
        self.quiet = c


def full_listener():
    """One whose queue is full: who connects to it waits."""
    s = socket.create_server(("127.0.0.1", 0), backlog=0)
    keep = []
    for _ in range(4):
        c = socket.socket()
        c.setblocking(False)
        c.connect_ex(s.getsockname())
        keep.append(c)
    return s, keep


def commands(there):
    full, deaf, mute = ("127.0.0.1:%d" % s.getsockname()[1] for s in there)
    dns = f"--server {deaf}"
    reads = ["c.recv 5", "c.read", "c.readline", "c.recvmsg", "c.recvfrom", "c.read 100000", "repeat -n 100000 c.recv 20", "do c.readline , c.readline"]
    others = [
        "srv.accept", "e.expect nothing", "e.silent 100s", "poll e", "p.poll", "p.ipoll", "e.readinto b", "x = e.recv", "sleep 100", "wait 1", "time e.recv", "fails e.recv",
        f"connect {full}", f"wait-ready {full}", f"probe {full} -t 60s", f"getaddrinfo a.test 80 {dns}", f"getnameinfo 192.0.2.1:80 {dns}", f"resolve a.test {dns}",
        f"m = connect {mute} ; m.starttls --insecure", f"connect tls://{mute}", "f0.sendall --file /dev/zero", "f0.send x", "f0.sendmsg x", "f0.sendline x", "f0.write x", "f0.sendfile big",
        "! sleep 100", "e.recv | cat",
    ]
    return reads, others


def interrupt(t, command, moment, number):
    """Type it, Ctrl-C so many seconds after the line was taken, and wait until the prompt answers."""
    t.type(command + "\r")
    t.until(b"\x1b[?2004l")
    end = time.monotonic() + moment
    while (left := end - time.monotonic()) > 0:
        t.read(left)
    t.type("\x03")
    t.type(f"print m{number}\r")
    deadline = time.monotonic() + 60
    while not (found := MARK.search(t.out, t.shown)) or found[1] != b"m%d" % number:
        if found:
            t.shown = found.end()
        elif not t.read(1) and time.monotonic() > deadline:
            sys.exit(f"after Ctrl-C in {command!r} the session does not answer: {bytes(t.out[-1000:])!r}")
    t.shown = found.end()


def main(times, seed):
    chance = random.Random(seed)
    os.chdir(tempfile.mkdtemp())
    with open("big", "wb") as f:
        f.truncate(1 << 30)
    peer = Peer("stream")
    peer.start()
    full, keep = full_listener()
    deaf = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    deaf.bind(("127.0.0.1", 0))
    mute = socket.create_server(("127.0.0.1", 0), backlog=1000)
    t = Terminal(["sockctl", "--no-init"], columns=200)
    modes = termios.tcgetattr(t.fd)
    modes[3] |= termios.NOFLSH  # else Ctrl-C makes the terminal forget what was written to it, and bytes are missing
    termios.tcsetattr(t.fd, termios.TCSANOW, modes)
    t.until(b"sockctl> ")
    for line in ("srv = listen :0", "c = connect unix:./stream", "e = pair", "p = poller", "p.register e0", "b = bytearray 100", "f = pair", "sleep 1000000 &"):
        t.enter(line)
    reads, others = commands((full, deaf, mute))
    others = [line.replace("e.", "e0.").replace("poll e", "poll e0") for line in others]
    begun = time.monotonic()
    for line in range(10):
        t.enter("print hello")
    typical = (time.monotonic() - begun) / 10
    count = stopped = 0
    for command in reads + others:
        for _ in range(times):
            before = len(t.out)
            interrupt(t, command, chance.random() * chance.choice((1, 5)) * typical, count)
            stopped += b"cancelled: " in t.out[before:]
            count += 1
    t.enter("f0.info --json", b'"ok":true')
    t.until(b"}\r\n")
    sent = json.loads(re.findall(rb'\{"v":1.*\}', t.out)[-1])["result"]["sent"]
    t.type("c.read ; print the end\r") # what is left
    peer.stop = True
    t.until(b"\nthe end\r\n")
    peer.join()
    out = re.sub(rb"\^C|print m\d+\r\n(\r\n)?", b"", t.out)  # typed while something was written
    got = b"".join(re.findall(rb"'([0-9\\n]*)'", out)).replace(b"\\n", b"\n")
    # what did not fit is still in f1: count it
    t.type("f0.close ; repeat -n 1 f1.read > rest\r")
    t.type("print over\r")
    t.until(b"\rover\r\n")
    t.type("quit\r")
    status = t.end()
    problems = [] if termios.tcgetattr(t.fd) == modes else ["the terminal is not as it was"]
    if got != peer.sent:
        at = next((i for i, (a, b) in enumerate(zip(got, peer.sent)) if a != b), min(len(got), len(peer.sent)))
        problems.append(f"bytes: {len(got)} of {len(peer.sent)}, different from {at}: {got[at - 30 : at + 30]!r} {peer.sent[at - 30 : at + 30]!r}")
    if os.path.getsize("rest") != sent:
        problems.append(f"sent: {sent}, of which {os.path.getsize('rest')} came")
    print(f"{count} times Ctrl-C, {stopped} in a command; {len(got)} bytes; status {status}; seed {seed}", *problems)
    sys.exit(1 if problems or status not in (0, 130) or stopped < count / 4 else 0)


def same(t, what, wanted):
    status = t.end()
    if status != wanted or termios.tcgetattr(t.fd) != t.before:
        sys.exit(f"{what}: status {status}, {wanted} wanted; terminal {termios.tcgetattr(t.fd)}, before {t.before}")


def ends():
    for number in (signal.SIGTERM, signal.SIGHUP):
        for line in ("print half", "x = pair ; x0.recv\r", "! sleep 100\r", "sleep 100 &\rprint half"):
            t = Terminal(["sockctl", "--no-init"])
            t.until(b"sockctl> ")
            t.type(line)
            t.until(b"half" if "half" in line else b"\x1b[?2004l")
            os.kill(t.pid, number)
            same(t, f"{number.name} at {line!r}", 128 + number)
    t = Terminal(["sockctl", "--no-init"])
    t.until(b"sockctl> ")
    for crash in ("! stty raw -echo; kill -SEGV $$", "print a | (stty -echo -isig; cat; kill -KILL $$)", "! stty -icrnl; exec kill -9 $$"):
        t.enter(crash)
    t.enter("print alive", b"alive\r\n")
    t.enter("! stty -a", b" icrnl ")
    t.type("quit\r")
    same(t, "crash", 0)
    t = Terminal(["sockctl", "--no-init"])
    t.until(b"sockctl> ")
    t.enter("! stty noflsh")  # on purpose, and it ends well: it stays
    t.enter("print a")
    t.type("quit\r")
    t.end()
    if not termios.tcgetattr(t.fd)[3] & termios.NOFLSH:
        sys.exit("stty has no effect")


if sys.argv[1] == "ends":
    ends()
else:
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30))
