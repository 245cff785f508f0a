"""Signals to every command that waits.

  signals.py rest        each command gets SIGINT, SIGTERM and SIGHUP when it has come to rest: asleep, with nothing done between
                         many looks. It must end with 130, 143, 129 within 100 ms (where nothing makes the program slower), with
                         exactly what had arrived on stdout, and with no process left in its session.
  signals.py random N    each command gets N signals at random moments, which may be before anything was printed: stdout is a
                         beginning then, and a signal that came before it was caught ends the process by itself.

Works in the current directory. Prints what was wrong; status 1 then."""
import os
import random
import signal
import subprocess
import sys
import time

STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
PRESET = os.environ.get("SOCKCTL_PRESET")
TSAN = PRESET == "tsan"
ALLOWED = {"release": 0.1, "tsan": 20.0}.get(PRESET, 2.0)
GIVEN = "abc"


def chain(words):
    return ["do", *words.split()]


def text(words):
    return ["-c", words]


# What must be on stdout, what on stderr, the words.
CASES = [
    ("", "cancelled: recv on x0", chain("x = pair , x0.recv")),
    (GIVEN, "cancelled: read on x1", chain("x = pair , x0.send abc , x1.read")),
    (GIVEN, "cancelled: read on x1", chain("x = pair , x0.send abc , x1.read 10")),
    (GIVEN + "\n", "cancelled: read on x1", ["-e", *chain("x = pair , x0.send abc , x1.read")]),
    (GIVEN, "cancelled: readline on x1", chain("x = pair , x0.send abc , x1.readline")),
    (GIVEN, "cancelled: recv on x1", chain("x = pair , x0.send abc , x1.recv 10 --flags MSG_WAITALL")),
    ("", "3 bytes are in buf", chain("buf = bytearray 10 , x = pair , x0.send abc , x1.readinto buf")),
    ("", "cancelled: recvmsg on x0", chain("x = pair , x0.recvmsg")),
    (GIVEN, "cancelled: recvfrom on u", chain("u = bind udp://:0 , sendto sock:u abc , u.recvfrom -n 2")),
    ("", "cancelled: accept on s1", chain("listen :0 , accept")),
    ("", "cancelled: connect", chain("srv = listen :0 --backlog 0 , a = connect sock:srv , b = connect sock:srv , connect sock:srv")),
    ("", "cancelled: connect", chain("srv = listen unix:./sock --backlog 0 , a = connect sock:srv , b = connect sock:srv")),
    ("", "cancelled: poll", chain("x = pair , poll x0 x1")),
    ("", "cancelled: poll", chain("p = poller , x = pair , p.register x0 in , p.poll")),
    ("", "cancelled: ipoll", chain("p = poller , x = pair , p.register x0 in , p.ipoll")),
    ("", "abc", chain("x = pair , x0.send abc , x1.expect zzz")),
    ("", "cancelled: expect", chain("x = pair , x0.expect --close")),
    ("", "cancelled: silent", chain("x = pair , x0.silent 10s")),
    ("", "cancelled: sleep", ["sleep", "10s"]),
    ("", "cancelled: probe", chain("s = bind udp://:0 , probe --attempt 60s sock:s")),
    ("", "cancelled: resolve", ["resolve", "-"]),
    ("", "bytes were sent before", chain("x = pair , x0.sendall --file big")),
    ("", "bytes were sent before", chain("x = pair , x0.sendfile big")),
    ("", "cancelled: sendall", chain("x = pair , x0.sendall -")),
    ("", "cancelled: send", chain("x = pair , x0.send -")),
    ("", "cancelled: send", chain("x = pair , x0.send --file fifo")),
    ("", "cancelled: fails", chain("x = pair , fails x0.recv")),
    ("", "cancelled: wait", text("sleep 10s &\nwait")),
    (GIVEN, "cancelled: wait", text("x = pair ; x0.send abc ; x1.readline &\nwait")),
    ("", "cancelled", text("x = pair ; x0.recv &")),
    (GIVEN, "cancelled: read on x1", text("x = pair ; x0.send abc ; x1.read | cat")),
    (GIVEN, "cancelled: readline on x1", text("x = pair ; x0.send abc ; x1.readline | sort -z | tr -d '\\0'")),
    ("", "cancelled: print", text("print x | sleep 10")),
    ("", "cancelled: !", text("! sleep 10")),
    ("", "cancelled: !", text("! sleep 10; true")),
    ("", "cancelled", text("print x > fifo")),
    ("", "cancelled", ["-f", "fifo"]),
    ("", "cancelled", []),
    ("", "", ["-i", "--json"]),
]
# stdout is a pipe that nobody reads.
UNREAD = [
    ("cancelled: read on x1", text("x = pair ; x0.sendall --file big &\nx1.read")),
    ("cancelled", text("repeat -n 1000000000 print x")),
    ("cancelled", ["--json", "--keep-going", *text("repeat -n 100000 print x\nprint y\nprint z")]),
]


class Run:
    def __init__(self, out, err, words, unread=False):
        self.words, self.out, self.err, self.unread = words, out.encode(), err, unread
        self.complaints = []

    def start(self):
        self.reader, self.stdout = os.pipe() if self.unread else (None, os.memfd_create("out"))
        self.stderr = os.memfd_create("err")
        idle, self.feed = os.pipe()  # a stdin that neither gives nor ends
        self.process = subprocess.Popen(
            ["sockctl", *self.words], stdin=idle, stdout=self.stdout, stderr=self.stderr, start_new_session=True
        )
        os.close(idle)

    def rest(self):
        """Wait until it sleeps and did nothing between many looks."""
        before, calm, until = None, 0, time.monotonic() + 20
        while calm < 10 and self.process.poll() is None:
            if time.monotonic() > until:
                self.complaints.append("never at rest")
                return
            with open(f"/proc/{self.process.pid}/status") as f:
                fields = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
            # The thread sanitizer defers signals: the program looks for them now and then.
            now = fields["State"][0], fields["voluntary_ctxt_switches"] if not TSAN else None
            calm = calm + 1 if now[0] == "S" and now == before else 0
            before = now
            time.sleep(0.002)

    def end(self, number, strict):
        """Send the signal and look at what came of it."""
        wrong = []
        started = time.monotonic()
        self.process.send_signal(number)
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            status = self.process.wait()
            wrong.append("it did not end")
        took = time.monotonic() - started
        out, err = self.taken()
        if took > ALLOWED:
            wrong.append(f"took {took * 1000:.0f} ms")
        if status != STATUS[number] and (strict or status != -number):
            wrong.append(f"status {status}")
        if not self.unread and not (out == self.out if strict else self.out.startswith(out)):
            wrong.append(f"stdout {out!r}")
        if strict and self.err not in err:
            wrong.append("stderr lacks what was wanted")
        left = left_behind(self.process.pid)
        if left:
            wrong.append(f"left behind: {left}")
            os.killpg(self.process.pid, signal.SIGKILL)
        if wrong:
            self.complaints.append(f"{number.name}: {'; '.join(wrong)}\n{err}")

    def taken(self):
        out = b"" if self.unread else os.pread(self.stdout, 1 << 20, 0)
        err = os.pread(self.stderr, 1 << 20, 0).decode(errors="replace")
        for fd in self.stdout, self.stderr, self.feed, self.reader:
            if fd is not None:
                os.close(fd)
        return out, err


def session_of(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
            return None if fields[0] == "Z" else int(fields[3])
    except (OSError, ValueError):
        return None


def left_behind(session):
    return [pid for pid in os.listdir("/proc") if pid.isdigit() and session_of(pid) == session]


def clean():
    if os.path.exists("sock"):
        raise SystemExit("the file of a UNIX socket was left behind")


def at_rest(run):
    for number in STATUS:
        run.start()
        run.rest()
        run.end(number, True)
        clean()


def at_random(run, times):
    run.start()
    started = time.monotonic()
    run.rest()
    span = time.monotonic() - started
    run.end(signal.SIGTERM, True)
    for _ in range(times):
        run.start()
        time.sleep(random.uniform(0, span))
        run.end(random.choice(list(STATUS)), False)
        if os.path.exists("sock"):  # a signal before it was caught
            os.unlink("sock")


def main():
    runs = [Run(*case) for case in CASES] + [Run("", *case, unread=True) for case in UNREAD]
    for run in runs:
        if sys.argv[1] == "rest":
            at_rest(run)
        else:
            at_random(run, int(sys.argv[2]))
        for complaint in run.complaints:
            print("sockctl", run.words, complaint)
    sys.exit(any(run.complaints for run in runs))


main()
