"""Random programs (program_maker.py) under bad luck: SK_CHAOS=SEED makes waits spurious and late and transfers short.

    chaos.py steady|bytes|cancel [--seed N] [--count N] [--lucks N]

steady   programs whose results luck may not change: they are as without it, through -c and the machine door.
bytes    any programs: for every stream, what was sent = what was delivered + what `info` says is buffered or queued; what was
         closed with bytes in it has delivered a beginning.
cancel   the same with waits that are cancelled too (SK_CHAOS=SEED,cancel), line by line through the machine door: what was
         cancelled says so and ends with 130, whatever else happens has a status of its own, and no byte is lost or doubled.
Prints what was wrong, and how much bad luck there was."""
import argparse, collections, json, os, random, re, shutil, subprocess, sys, tempfile
from concurrent.futures import ThreadPoolExecutor

from program_maker import Program
from program_model import DATA, Step
from programs import Failure, delivered, same_everywhere, stable

STATUSES = {1, 2, 3, 4, 5, 6, 7, 10, 124, 130}  # those that a program of this kind can end with; 125 would be a fault of ours
SENDING = ("send", "sendto", "sendall", "sendline", "sendmsg", "sendfile", "write")
TAKING = ("recv", "recvfrom", "recvmsg", "read", "readline", "expect", "readinto")
seen = collections.Counter()


def run(words, text, luck=None, timeout="7s"):
    """Status, objects, messages and files of a run whose streams are files: nothing but the program's own waits can be cancelled."""
    directory = tempfile.mkdtemp(prefix="chaos")
    place = lambda name: os.path.join(directory, name)
    env = {**os.environ, "SOCKCTL_TIMEOUT": timeout, **({"SK_CHAOS": luck} if luck else {})}
    try:
        os.mkdir(place("work"))
        for name, data in ("in", text.encode()), ("work/data.bin", DATA):
            with open(place(name), "wb") as f:
                f.write(data)
        with open(place("in")) as stdin, open(place("out"), "wb") as out, open(place("err"), "wb") as err:
            argv = ["env", "--default-signal=INT", "sockctl", *words]
            status = subprocess.run(argv, stdin=stdin, stdout=out, stderr=err, cwd=place("work"), env=env, timeout=120).returncode
        got = {name: open(place(name), "rb").read() for name in ("out", "err", *(f"work/{n}" for n in os.listdir(place("work")) if os.path.isfile(place("work/" + n))))}
    except subprocess.TimeoutExpired:
        raise Failure(f"{words[:3]}, luck {luck}: did not end within 120 s")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    err = got.pop("err")
    if status not in STATUSES | {0} or re.search(rb"Sanitizer|runtime error|LeakSan", err):
        raise Failure(f"luck {luck}: status {status}\n{err.decode(errors='replace')}")
    objects = [json.loads(line) for line in got.pop("out").splitlines()]
    return status, objects, same_everywhere(err), {name: same_everywhere(data) for name, data in got.items()}


# ---- results that luck may not change


def settled(value):
    """Without what differs from run to run, and without how much of what came is in which buffer."""
    if isinstance(value, dict):
        return {k: settled(v) for k, v in value.items() if k not in ("buffered", "received")}
    return [settled(v) for v in value] if isinstance(value, list) else value


def steady(arguments, number):
    program = Program(arguments.seed, number, steady=True)
    text = "\n".join(s.text for s in program.steps) + "\n"
    doors = (["--keep-going", "--json", "-c", text], ["-i", "--json"])
    without = [run(words, text) for words in doors]
    for luck in range(1, arguments.lucks + 1):
        for words, wanted in zip(doors, without):
            got = run(words, text, str(luck + number * 100))
            if (got[0], got[2], got[3]) != (wanted[0], wanted[2], wanted[3]):
                raise Failure(f"luck {luck + number * 100} changes {wanted[0]} {wanted[2]} to {got[0]} {got[2]}", program)
            for a, b in zip(wanted[1], got[1]):
                if settled(stable(a)) != settled(stable(b)):
                    raise Failure(f"luck {luck + number * 100} changes\n  {a}\n  to\n  {b}", program)
            seen["runs"] += 1


# ---- what was sent, what came


def each_object(answers):
    """The objects of commands in their order, those of `do`, several on a line and of a binding too."""
    for o in answers:
        if "cmd" not in o or o["cmd"] == "repeat":
            yield from each_object(o.get("results", []))
        else:
            yield o


class Stream:
    """What went in at one end and came out at the other."""

    def __init__(self, sender, receiver):
        self.sender, self.receiver, self.sent, self.at = sender, receiver, b"", 0

    def take(self, o):
        if o["cmd"] == "readinto":  # what is in the buffer is not told: so many bytes
            self.at += o["result"]["value"] if o["ok"] else o["error"].get("sent", 0)
            return
        data = delivered(o)
        if self.sent[self.at : self.at + len(data)] != data:
            raise Failure(f"{self.receiver.name} delivered {data!r}, at that place {self.sent[self.at:self.at + len(data)]!r} was sent")
        self.at += len(data)

    def finish(self, info):
        left = len(self.sent) - self.at
        if left < 0:
            raise Failure(f"{self.receiver.name} delivered {-left} bytes that nobody sent")
        if not info or not self.receiver.open or not self.sender.open:
            return
        told = info["buffered"] + (info["recv_queue"] or 0)
        if told != left:
            raise Failure(f"{self.receiver.name}: {len(self.sent)} sent, {self.at} delivered, {told} buffered or queued")
        seen["accounts"] += 1


def sent_of(o, data):
    """How much of data a sending command put into its stream."""
    n = o["result"]["len"] if o["ok"] else o["error"].get("sent") or 0
    seen["short"] += n < len(data)
    return data[:n]


def account(program, answers):
    """answers: one for each step. Every stream whose ends nothing else uses."""
    streams = {e.name: Stream(e.peer, e) for e in program.ends if e.stream() and e.peer and not e.shared and not e.peer.shared}
    infos = {}
    for step, answer in zip(program.steps, answers):
        for o in each_object([answer]):
            peer = step.sends and step.sends[0].peer
            if o["cmd"] in SENDING and peer and peer.name in streams and o["sock"] == step.sends[0].name:
                streams[peer.name].sent += sent_of(o, step.sends[1])
            elif o["cmd"] in TAKING and o["sock"] in streams and "MSG_PEEK" not in step.text:
                streams[o["sock"]].take(o)
            elif o["cmd"] == "info" and o["ok"]:
                infos[o["result"]["name"]] = o["result"]
    for name, stream in streams.items():
        stream.finish(infos.get(name))


def without_delay(program):
    """A short segment that waits for the peer's acknowledgement (Nagle) is in nobody's queue yet."""
    for e in program.ends:
        at = [s.text.startswith(f"{e.name} = ") for s in program.steps].index(True) if e.kind == "tcp" else -1
        if at >= 0:
            program.steps.insert(at + 1, Step([f"{e.name}.setsockopt", "TCP_NODELAY", "on"]))


def judge_statuses(answers):
    for o in each_object(answers):
        if o["ok"]:
            continue
        error = o["error"]
        seen[error["code"]] += 1
        is_cancelled = error["code"] == "ECANCELED" or o["cmd"] == "wait" and error["code"] == "SHELL"  # the job was
        if error["exit"] not in STATUSES or error["exit"] == 130 and not is_cancelled:
            raise Failure(f"{o['cmd']} ended with {error}")


def bytes_are_kept(arguments, number, cancel=""):
    for luck in range(1, arguments.lucks + 1):
        program = Program(arguments.seed, number)
        without_delay(program)
        text = "\n".join(s.text for s in program.steps) + "\n"
        lucky = f"{luck + number * 100}{cancel}"
        _, answers, told, _ = run(["-i", "--json"], text, lucky, "300ms")
        try:
            if len(answers) != len(program.steps):
                raise Failure(f"{len(answers)} answers to {len(program.steps)} lines: {told}")
            judge_statuses(answers)
            if not program.jobs:
                account(program, answers)
        except Failure as e:
            raise Failure(f"luck {lucky}: {e}", program)
        seen["runs"] += 1


def cancelled(arguments, number):
    bytes_are_kept(arguments, number, ",cancel")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("what", choices=["steady", "bytes", "cancel"])
    p.add_argument("--seed", type=int, default=random.randrange(1000))
    p.add_argument("--first", type=int, default=0)
    p.add_argument("--count", type=int, default=50)
    p.add_argument("--lucks", type=int, default=2)
    arguments = p.parse_args()
    check = {"steady": steady, "bytes": bytes_are_kept, "cancel": cancelled}[arguments.what]

    def one(number):
        try:
            check(arguments, number)
        except Failure as e:
            text = "\n".join(s.text for s in e.args[1].steps) if len(e.args) > 1 else ""
            return f"seed {arguments.seed}, program {number}:\n{text}\n--> {e.args[0]}"

    with ThreadPoolExecutor(2) as pool:
        failures = [f for f in pool.map(one, range(arguments.first, arguments.first + arguments.count)) if f]
    for failure in failures[:10]:
        print(failure)
    print(f"seed {arguments.seed}: {len(failures)} failures;", *(f"{n} {what}" for what, n in sorted(seen.items())))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
