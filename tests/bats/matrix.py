#!/usr/bin/env python3
"""Programs through every door they belong to: argv or `do`, -c, -f FILE, a script on stdin, the machine door.

    matrix.py SOCKCTL examples|programs

`examples` are those of every row of `help --json`, `programs` those of matrix.sock.  Bytes of stdout, files, messages and statuses are
those of -c; the machine door's come out of its objects.  Where a door differs for a reason, the reason stands in REASONS; how often
each was met is printed, and one that no program meets is a failure."""
import collections, functools, os, sys, tempfile
from concurrent.futures import ThreadPoolExecutor

import doors
from doors import Failure, flat, same_everywhere, stable, steps_of, unbase64

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = {
    "data.bin": bytes(range(256)),
    "inner.sock": b"made = print inside\nprint 'a line'\n",
    "broken.sock": b"print inside\nassert a is b\nprint never\n",
}
REASONS = {
    "$": "argv and do have no variables: not run there",
    ">": "argv and do have no redirection: not run there",
    "|": "argv and do have no pipes: not run there; the machine door refuses them",
    "!": "argv and do have no shell escape: not run there; the machine door refuses it",
    "&": "argv and do have no jobs: not run there; the machine door tells a job's object in `results` of its wait",
    "alone": "one command on argv prints its count or the name of what it made; the others do not",
    "line": "stdin and the machine door check line by line: lines before a wrong one run; -c, -f and do run nothing",
    "form": "the text of lists, records and -F forms is not in JSON: the machine door is compared with -c --json alone",
    "limit": "the machine door has no default time limit, and `set` shows it",
    "program": "what programs write is on stdout too: not compared with objects",
    "file": "with --json a file gets objects: compared between -c --json and the machine door",
}


class Program:
    def __init__(self, name, status, text):
        self.name, self.status, self.text, self.steps = name, status, text, steps_of(text)

    def programs(self):
        return any(s.why in ("|", "!") or s.command() in ("wait-ready", "exec") and "--" in s.words for s in self.steps)

    def why(self):
        """What argv cannot say."""
        return {s.why for s in self.steps if s.why}


def read_programs():
    with open(os.path.join(HERE, "matrix.sock"), encoding="utf-8") as f:
        for block in f.read().split("\n\n")[1:]:
            status, title = block.split("\n")[0][2:].split(" ", 1)
            yield Program(title, int(status), block.rstrip("\n") + "\n")


def read_examples(sockctl, directory):
    _, out, _, _ = doors.run([sockctl, "help", "--json"], directory)
    for row in doors.objects(out)[0]["result"]["commands"]:
        for text in row["examples"]:
            yield Program(f"{row['name']}: {text}", 0, text + "\n")


# ---- Bytes out of objects ----

SILENT = set("""socket connect bind listen accept pair dup fdopen close shutdown poller bytearray makefile send sendall sendline sendto
sendmsg sendfile write readinto register modify unregister use silent sleep wait cancel quit assert fails test setsockopt settimeout
setblocking expect""".split())
VALUES = set("htons htonl ntohs ntohl fileno if_nametoindex if_indextoname gethostname getservbyname getprotobyname".split())


class NotInJson(Exception):
    pass


def said(o):
    """What the command of this object writes where it is not bound to a name."""
    cmd, r = o["cmd"], o.get("result")
    if not o["ok"]:
        inner = b"".join(map(said, o.get("results", [])))
        e = o["error"]
        partial = cmd in ("recv", "read", "readline") and "partial" in e
        return inner if cmd in ("repeat", "time") else unbase64(e["partial"]) if partial else b"".join(map(unbase64, e.get("items", [])))
    if cmd in SILENT or cmd == "set" and r == {}:
        return b""
    if cmd in VALUES:
        return f"{r['value']}\n".encode()
    if cmd in ("recv", "read", "readline", "recvmsg"):
        return unbase64(r)
    if cmd == "recvfrom":
        return b"".join(map(unbase64, r if isinstance(r, list) else [r]))
    if cmd in ("print", "get"):
        return unbase64(r) + b"\n"
    if cmd in ("getsockname", "getpeername", "inet_ntop"):
        return r["text"].encode() + b"\n"
    if cmd in ("repeat", "time"):
        return b"".join(map(said, o["results"])) + (r["text"].encode() + b"\n" if cmd == "time" else b"")
    raise NotInJson(cmd)


def said_alone(o):
    """What one command alone writes more: its count, or the names of what it made."""
    r = o.get("result")
    if not o["ok"]:
        return b""
    if isinstance(r, list) and o["cmd"] == "pair":
        return b"".join(s["name"].encode() + b"\n" for s in r)
    if o["cmd"] in SILENT and ("fd" in r or "class" in r):
        return r["name"].encode() + b"\n"
    if o["cmd"] in SILENT and ("value" in r or "peer" in r):
        return f"{r.get('value', r.get('len'))}\n".encode()
    return b""


def all_said(program, objects):
    """Stdout of -c out of the objects of -c --json."""
    if any({"-e", "-F", "-o", "--json", "-v"} & set(s.words) for s in program.steps) or "source" in program.text:
        raise NotInJson
    told, out = list(objects), b""
    for s in program.steps:
        for o in told[: s.count()]:
            out += b"" if s.name() and o["ok"] else said(o)
        told = told[s.count() :]
    return out


# ---- A program through its doors ----


def told(run):
    status, out, messages, files = run
    return status, same_everywhere(out), same_everywhere(messages), {name: same_everywhere(data) for name, data in files.items()}


def difference(one, a, other, b):
    """Where they begin to differ, with what stands before it."""
    a, b = str(a), str(b)
    start = max(0, next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b))) - 100)
    return Failure(f"{one}: ...{a[start : start + 600]}\n{other}: ...{b[start : start + 600]}")


class Matrix:
    def __init__(self, sockctl):
        self.sockctl, self.met = sockctl, collections.Counter()

    def reason(self, key):
        assert key in REASONS
        self.met[key] += 1

    def texts(self, p, go):
        """-c, -f and stdin: what -c told."""
        ways = doors.text_doors([self.sockctl], p.text, go.script)
        first = go(*ways.pop("-c"))
        if first[0] != p.status:
            raise Failure(f"-c: status {first[0]}, not {p.status}: {first[1]!r} {first[2]!r}")
        checked = go([self.sockctl, "--check", "-c", p.text])
        refused = checked[0] != 0
        if checked[1] or refused and told(checked) != told(first):
            raise Failure(f"--check: {checked}, -c: {first}")
        for door, (argv, stdin) in ways.items():
            other = go(argv, stdin)
            if refused and door == "stdin" and len(p.steps) > 1:
                self.reason("line")
                if other[0] != 2 or same_everywhere(other[2]) != told(first)[2]:
                    raise Failure(f"{door}: {other}, -c: {first}")
            elif told(other) != told(first):
                raise difference("-c", told(first), door, told(other))
        return first, refused

    def argv(self, p, go, first, objects):
        for why in p.why():
            self.reason(why)
        if p.why():
            return
        alone = len(p.steps) == 1
        shows = alone and p.steps[0].command() not in ("do", "repeat", "time", "source") and not p.steps[0].name()
        other = go([self.sockctl, *p.steps[0].words] if alone else doors.chain([self.sockctl], [s.words for s in p.steps]))
        more = said_alone(objects[0]) if shows and objects else b""
        if more:
            self.reason("alone")
        wanted = told((first[0], first[1] + more, first[2], first[3]))
        if told(other) != wanted:
            raise difference("-c", wanted, "argv" if alone else "do", told(other))

    def objects(self, p, go, first):
        """--json writes the same bytes, as objects."""
        status, out, messages, files = go([self.sockctl, "--json", "-c", p.text])
        if p.programs():
            self.reason("program")
        objects = [] if p.programs() else doors.objects(out)
        if status != first[0] or same_everywhere(messages) != told(first)[2]:
            raise Failure(f"--json: {status} {messages!r}, without: {first[0]} {first[2]!r}")
        if p.programs() or p.why() & {">", "&"}:
            self.met["file"] += ">" in p.why()
            return objects, files
        try:
            bytes_ = all_said(p, objects)
        except NotInJson:
            self.reason("form")
            return objects, files
        if same_everywhere(bytes_) != told(first)[1]:
            raise Failure(f"--json says {bytes_!r}, without: {first[1]!r}")
        return objects, files

    def machine(self, p, go, objects, files, refused):
        status, out, _, left = go([self.sockctl, "-i", "--json"], p.text.encode())
        answers = [] if p.programs() and not p.why() else list(flat(doors.objects(out)))
        if p.why() & {"|", "!"}:
            no = [o for o in answers if not o["ok"]]
            if not no or no[0]["error"]["code"] != "USAGE" or "not available on the machine door" not in no[0]["error"]["message"]:
                raise Failure(f"machine door: {answers}")
        if p.programs():
            return
        upto = next((i + 1 for i, o in enumerate(answers) if not o["ok"]), len(answers))
        if refused:
            if answers[upto - 1]["error"]["exit"] != 2 or stable(answers[upto - 1]["error"]) != stable(objects[-1]["error"]):
                raise Failure(f"machine door: {answers[upto - 1]}, -c: {objects}")
            self.met["line"] += upto > 1
            return
        if "&" in p.why():
            answers, objects = ([(o["cmd"], o["ok"]) for o in self.spread(x)] for x in (answers[:upto], objects))
            told, all_ = collections.Counter(answers), collections.Counter(objects)
            jobs = {name for s in p.steps if s.why == "&" for name in s.commands()}
            if told - all_ or {cmd for cmd, _ in all_ - told} - jobs:
                raise difference("-c --json", sorted(objects), "machine", sorted(answers))
            answers, objects = [], []
        else:
            answers, objects = (stable([self.without_limit(o) for o in x]) for x in (answers[:upto], objects))
        if answers != objects:
            raise difference("-c --json", objects, "machine", answers)
        if p.status == 0 and self.lasting(left) != self.lasting(files):
            raise Failure(f"-c --json left {files}, the machine door {left}")
        stopped = next((s for s in p.steps if s.command() == "quit"), None)
        if status != (p.status if stopped else 0):
            raise Failure(f"the machine door ends with {status}")

    def lasting(self, files):
        """What of them is the same in each run; packets hold times."""
        return {name: name.endswith(".pcapng") or same_everywhere(data) for name, data in files.items()}

    def without_limit(self, o):
        if o["cmd"] != "set" or "timeout" not in o.get("result", {}):
            return o
        self.reason("limit")
        return {**o, "result": {**o["result"], "timeout": "of the door"}}

    def spread(self, objects):
        """With the objects inside of `wait`, also where that is inside."""
        for o in objects:
            yield o
            yield from self.waited(o)

    def waited(self, o):
        for inner in o.get("results", []):
            if o["cmd"] == "wait":
                yield inner
            yield from self.waited(inner)

    def run(self, p):
        with tempfile.TemporaryDirectory(prefix="matrix") as top:

            def go(argv, stdin=b""):
                status, out, messages, files = doors.run(argv, os.path.join(top, "work"), stdin, FILES)
                return status, out, messages, {name: data for name, data in files.items() if FILES.get(name) != data}

            go.script = os.path.join(top, "script.sock")
            try:
                first, refused = self.texts(p, go)
                objects, files = self.objects(p, go, first)
                self.argv(p, go, first, objects)
                self.machine(p, go, objects, files, refused)
            except (Failure, KeyError, IndexError) as e:
                return f"{p.name}\n  {p.text}  {e!r}" if not isinstance(e, Failure) else f"{p.name}\n{e}"
        return None


def main():
    sockctl, what = sys.argv[1:]
    matrix = Matrix(sockctl)
    with tempfile.TemporaryDirectory(prefix="matrix") as top:
        programs = list(read_examples(sockctl, os.path.join(top, "work"))) if what == "examples" else list(read_programs())
    with ThreadPoolExecutor(2) as pool:
        wrong = [w for w in pool.map(matrix.run, programs) if w]
    print("\n".join(wrong))
    print(f"{len(programs)} programs, {len(wrong)} failures")
    for key, sentence in REASONS.items():
        print(f"{matrix.met[key]:4}  {key:8} {sentence}")
    unmet = [key for key in REASONS if what == "programs" and not matrix.met[key]]
    if unmet:
        print(f"no program meets: {' '.join(unmet)}")
    return 1 if wrong or unmet or not programs else 0


if __name__ == "__main__":
    sys.exit(main())
