#!/usr/bin/env python3
"""A terminal for tests. terminal.py [ROWSxCOLUMNS] WORD...: run WORD... on one, print what came out (without CR) and end with its status;
99 when that is no UTF-8 or holds something a terminal would act on."""
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

OWN = re.compile(r"\x1b\[\?2004[hl]|\x1b\[[0-9;]*[ABCDJKPm@]|[\r\n\t\x07\x08]")  # what readline and colours are made of


def hostile(out, own=OWN):
    """Characters that a terminal acts on: C0, DEL, C1, directions."""
    rest = own.sub("", out.decode("utf-8"))
    return {c for c in rest if ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}


class Terminal:
    """A program on a terminal of its own; slow: one that takes 2 MB/s."""

    def __init__(self, words, rows=24, columns=80, slow=False, **env):
        self.out, self.shown, self.slow = bytearray(), 0, slow
        leaks = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"  # the checker stops the process with signals
        env = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "SOCKCTL_HISTORY": "", "ASAN_OPTIONS": leaks, **env}
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.pid, self.fd = os.fork(), master
        if self.pid == 0:
            os.close(master)
            os.login_tty(slave)
            os.execvpe(words[0], words, {**os.environ, **env})
        os.close(slave)
        self.before = termios.tcgetattr(master)

    def type(self, text):
        os.write(self.fd, text.encode())

    def read(self, seconds):
        """More of what came out: False when nothing came in that time."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        if self.slow:
            time.sleep(0.002)
        self.out += os.read(self.fd, 4096 if self.slow else 1 << 16)
        return True

    def until(self, text, seconds=60):
        """Wait until text comes, after what was waited for last."""
        end = time.monotonic() + seconds
        while (at := self.out.find(text, max(0, self.shown - len(text) + 1))) < self.shown:
            if time.monotonic() > end:
                sys.exit(f"after {seconds} s {text!r} did not come: {bytes(self.out[-2000:])!r}")
            self.read(1)
        self.shown = at + len(text)

    def enter(self, line, then=b"> "):
        self.type(line + "\r")
        self.until(b"\n")
        self.until(then)

    def end(self):
        """All that still comes, and the status; as for a shell, 128 and more for a signal. The terminal is as it was."""
        try:
            while data := os.read(self.fd, 1 << 16):
                self.out += data
        except OSError:
            pass
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return status if status >= 0 else 128 - status


def main(words):
    rows, columns = 24, 80
    if re.fullmatch(r"\d+x\d+", words[0]):
        rows, columns = map(int, words.pop(0).split("x"))
    t = Terminal(words, rows, columns, TERM=os.environ.get("TERM", "xterm-256color"), ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", ""), LC_ALL=os.environ.get("LC_ALL", "C.UTF-8"))
    status = t.end()
    bad = hostile(t.out, re.compile(r"[\r\n\t]"))
    print(t.out.decode("utf-8").replace("\r", ""), end="", flush=True)
    if bad:
        print("a terminal would act on", bad)
    sys.exit(99 if bad else status)


if __name__ == "__main__":
    main(sys.argv[1:])
