#!/usr/bin/env python3
"""What `--json` writes, command by command: the cases of envelopes.tsv through argv (or `do`, or -c where argv cannot say it), and
through the machine door line by line and in one line.  Every line of output is held against the schema and the rules of the
envelope, and every command of `help --json` needs its cases.

    envelopes.py SOCKCTL SCHEMA cases|coverage|mutants

Runs in a network namespace of its own whose resolv.conf names 127.0.0.1: the name server is in here."""
import base64, collections, copy, errno, functools, json, os, socket, sys, tempfile, threading
from concurrent.futures import ThreadPoolExecutor

import jsonschema

import doors
from doors import Failure

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = {"big.bin": bytes(4 << 20), "hello.sock": b"print hello\n", "bad.sock": b"print hello\nnosuch\n"}
EAI = {name: getattr(socket, name) for name in dir(socket) if name.startswith("EAI_")}
EACH = {"probe", "resolve", "tls"}  # an object for each thing that was asked about; the status sums up
NOT_ITS_OWN = EACH | {"quit"}  # the status of the process is not that of an error
WITHOUT_NUMBER = {"USAGE", "EXPECT", "ASSERT", "EOF", "SHELL", "TLS_VERIFY", "TLS_HANDSHAKE", "TLS_TRUNCATED"}


class Case:
    def __init__(self, number, line):
        status, self.code, self.text, *check = line.split("\t")
        self.number, self.status, self.check = number, int(status), check[0] if check else None
        self.steps = doors.steps_of(self.text)
        self.command = self.steps[-1].command()


def read_cases():
    with open(os.path.join(HERE, "envelopes.tsv"), encoding="utf-8") as f:
        return [Case(n, line.rstrip("\n")) for n, line in enumerate(f, 1) if line.strip() and line[0] != "#"]


# ---- The rules that hold for every object ----


def need(condition, what, value):
    if not condition:
        raise Failure(f"{what}: {json.dumps(value, ensure_ascii=False)[:1500]}")


def check_bytes(b):
    """As they are without --bytes."""
    need("text" in b and "hex" not in b, "the forms of bytes", b)
    data = base64.b64decode(b["base64"], validate=True)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = None
    need(b["len"] == len(data) and b["text"] == text, "len, text and base64 disagree", b)
    need(b["truncated"] == (b["real_len"] > b["len"]) and b["real_len"] >= b["len"], "truncated or real_len", b)


def check_address(a):
    ip = a["family"] in ("AF_INET", "AF_INET6")
    six = a["family"] == "AF_INET6"
    need((a["host"] is not None) == (a["port"] is not None) == ip, "host and port", a)
    need((a["flowinfo"] is not None) == (a["scope_id"] is not None) == six, "flowinfo and scope_id", a)
    if ip:
        host = f"[{a['host']}]" if six else a["host"]
        need(a["text"] == f"{host}:{a['port']}" and a["path"] is None, "text of an address", a)
        raw = bytes.fromhex(a["raw"])
        need(socket.inet_ntop(socket.AF_INET6, raw[8:24]) == a["host"] if six else socket.inet_ntoa(raw[4:8]) == a["host"], "raw", a)
        need(int.from_bytes(raw[2:4], "big") == a["port"], "port of raw", a)


def check_values(v):
    if isinstance(v, list):
        for x in v:
            check_values(x)
    elif isinstance(v, dict):
        if "base64" in v:
            check_bytes(v)
        if "raw" in v and "abstract" in v:
            check_address(v)
        for x in v.values():
            check_values(x)


def check_error(e):
    code, number = e["code"], e["errno"]
    if code.startswith("EAI_"):
        need(number == EAI[code] and number < 0, "getaddrinfo's number", e)
    elif code in WITHOUT_NUMBER:
        need(number is None, "a number without an errno", e)
    else:
        need(number == getattr(errno, code), "errno", e)


def check_envelope(o):
    check_values(o)
    if not o["ok"]:
        check_error(o["error"])
    for inner in o.get("results", []):
        need(inner["seq"] < o["seq"] and inner["t"] <= o["t"] + o["ms"] / 1000 + 0.001, "an inner object comes first", o)
        check_envelope(inner)


def once(pairs):
    names = [name for name, _ in pairs]
    need(len(names) == len(set(names)), "the schema has a name twice", names)
    return dict(pairs)


class Judge:
    """The schema and the rules on the output of one process."""

    def __init__(self, schema):
        with open(schema, encoding="utf-8") as f:
            self.schema = json.load(f, object_pairs_hook=once)
        jsonschema.Draft7Validator.check_schema(self.schema)
        self.validator = jsonschema.Draft7Validator(self.schema)

    def refuses(self, o):
        return next((f"{e.message[:300]} (at {'/'.join(map(str, e.absolute_path))})" for e in self.validator.iter_errors(o)), None)

    def read(self, out):
        told = doors.objects(out)
        last = 0
        for o in told:
            why = self.refuses(o)
            need(why is None, f"the schema: {why}", o)
            need(o["seq"] > last, "seq does not grow", o)
            last = o["seq"]
            if "cmd" in o:
                check_envelope(o)
            else:
                for inner in o["results"]:
                    check_envelope(inner)
        return told


# ---- A case through its doors ----


def outcome(o):
    return 0 if o["ok"] else o["error"]["exit"]


def judge_last(case, o):
    code = "-" if o["ok"] else o["error"]["code"]
    status = case.status if case.command in NOT_ITS_OWN and o["ok"] else outcome(o)
    need((status, code) == (case.status, case.code), f"not {case.status} {case.code}", o)
    compiled = o["cmd"] is not None
    need(compiled or case.code == "USAGE", "cmd is null", o)
    names = {"r": o.get("result"), "e": o.get("error"), "o": o}
    try:
        holds = case.check is None or eval(case.check, names)
    except (KeyError, IndexError, TypeError) as e:
        raise Failure(f"{case.check}: {e!r}: {json.dumps(o)}") from e
    need(holds, f"not {case.check}", o)


def together(told):
    """The objects of a command of EACH as one, with a list of results."""
    each = [o for o in told if o["cmd"] in EACH]
    if not each or not all(o["ok"] for o in each):
        return told
    return [o for o in told if o not in each] + [{**each[-1], "result": [o["result"] for o in each]}]


def own_object(case, told, background):
    """That of the last command, in a list of one object for each command, `do` one for each of its own; background commands write
    theirs when they end, or stand in `results` of who waited for them."""
    if told[-1]["cmd"] is None:
        need(len(told) == 1 or case.command == "source", "a refusal is alone", told)
        return told[-1]
    jobs = [s for s in case.steps if s.why == "&"]
    of_jobs = [o for o in told if any(s.command() == o["cmd"] and s.socket() in (None, o["sock"]) for s in jobs)]
    if background:
        need(len(of_jobs) == len(jobs), "objects of the jobs", told)
    told = together([o for o in told if o not in of_jobs])
    need(len(told) == sum(s.count() for s in case.steps if s.why != "&"), "the number of objects", told)
    need(all(o["ok"] for o in told[:-1]), "an earlier command failed", told)
    return told[-1]


def through_argv(case, judge, go, directory):
    plain = all(s.why is None for s in case.steps)
    if not plain:
        argv = [*go, "--json", "-c", case.text]
    elif len(case.steps) == 1:
        argv = [*go, "--json", *case.steps[0].words]
    else:
        argv = doors.chain([*go, "--json"], [s.words for s in case.steps])
    status, out, told, _ = doors.run(argv, directory, b"", FILES, pass_fds=(9,))
    objects = judge.read(out)
    need(objects, f"nothing on stdout, status {status}", told.decode())
    last = own_object(case, objects, True)
    judge_last(case, last)
    need(status == (case.status if case.command in NOT_ITS_OWN else max(map(outcome, objects))), f"the process ends with {status}", objects)
    need(last["ok"] or told.startswith(b"sockctl: "), "stderr says nothing to people", told.decode())
    need(not told.strip().startswith(b"{"), "JSON on stderr", told.decode())
    return last


def through_machine(case, judge, go, directory):
    """A line for each command, the last with a token."""
    lines = [s.text for s in case.steps]
    lines[-1] = "@last " + lines[-1]
    status, out, _, _ = doors.run([*go, "-i", "--json"], directory, "\n".join(lines).encode() + b"\n", FILES, pass_fds=(9,))
    answers = judge.read(out)
    need(len(answers) == len(lines), "one line in, one object out", answers)
    last = answers[-1]
    need(last.get("id") == "last" and not any("id" in a for a in answers[:-1]), "the token", answers)
    need(status == (case.status if case.command == "quit" and last["ok"] else 0), f"the door ends with {status}", last)
    if "cmd" not in last:
        need(last["ok"] == (case.status == 0), "ok of the answer", last)
        parts = together(last["results"])
        many = parts[-1]["cmd"] == "recvfrom"  # -n: an object each
        last = {**parts[-1], "result": [p["result"] for p in parts]} if many else parts[-1]
    judge_last(case, last)
    return last


def through_one_line(case, judge, go, directory):
    """All commands in one line: one answer that holds all objects, and the door lives on."""
    text = "@t " + " ; ".join(s.text for s in case.steps) + "\n@u print on\n"
    status, out, _, _ = doors.run([*go, "-i", "--json"], directory, text.encode(), FILES, pass_fds=(9,))
    answers = judge.read(out)
    need(len(answers) == (1 if case.command == "quit" and case.code != "USAGE" else 2), "one line in, one object out", answers)
    a = answers[0]
    need(a.get("id") == "t" and a["ok"] == (case.status == 0 or case.command == "quit" and case.code == "-"), "the answer", a)
    if len(answers) == 2:
        need(answers[1]["id"] == "u" and answers[1]["result"]["text"] == "on", "the door lives on", answers[1])
    several = list(doors.flat([a]))
    judge_last(case, own_object(case, several, False))


# Where the machine door differs: it has no default time limit, and tells the object of a job in `results` of its wait.
def same(o):
    o = {k: v for k, v in o.items() if k != "id"}
    if o["ok"] and o["cmd"] == "set" and "timeout" in o["result"]:
        return doors.stable({**o, "result": {**o["result"], "timeout": "of the door"}})
    if o["cmd"] == "wait":
        return doors.stable({k: v for k, v in o.items() if k != "results"})
    return doors.stable(o)


def run_case(case, judge, sockctl):
    with tempfile.TemporaryDirectory(prefix="envelopes") as top:
        work, go = os.path.join(top, "work"), [sockctl]
        door = ""
        try:
            door = "argv"
            told = through_argv(case, judge, go, work)
            door = "machine"
            answer = through_machine(case, judge, go, work)
            need(same(told) == same(answer), f"argv said {json.dumps(told)}, the machine door", answer)
            door = "one line"
            through_one_line(case, judge, go, work)
        except (Failure, json.JSONDecodeError) as e:
            return f"envelopes.tsv:{case.number}: {case.text}\n  {door}: {e}"
    return None


# ---- Which cases each command needs ----

RECEIVE = {"recv", "recvfrom", "recvmsg", "read", "readline", "readinto"}
SEND = {"send", "sendall", "sendline", "write", "sendfile"}
ANSWERS = {"probe", "expect", "silent", "assert", "fails", "inet_pton", "getservbyname", "getprotobyname"}
NAMES = {"connect", "bind", "listen", "sendto", "sendmsg", "getaddrinfo", "getnameinfo", "probe", "resolve", "tls"}
# Options say what a command can meet, but for these.
CLOSED_IS_FINE = {"close", "fileno", "info", "poll", "ipoll", "register", "modify", "unregister", "trace"}


def needed(row):
    name, options = row["name"], {o["name"] for o in row["options"]}
    need_these = {0, 2}
    need_these |= {3} if "socket" in options and name not in CLOSED_IS_FINE else set()
    need_these |= {124} if "timeout" in options and name not in EACH else set()
    need_these |= {6, 7, 10} if name in RECEIVE else set()
    need_these |= {6, 10} if name in SEND else set()
    need_these |= {1} if name in ANSWERS else set()
    need_these |= {4} if name in NAMES else set()
    need_these |= {"connect": {3, 5}, "accept": {3, 10}, "recv": {5}, "send": {5}, "sendto": {5, 10}, "sendmsg": {5, 6, 10}, "expect": {6}, "wait": {1, 130}}.get(name, set())
    return need_these


def alone(argv):
    with tempfile.TemporaryDirectory(prefix="envelopes") as top:
        return doors.run(argv, os.path.join(top, "work"))


def coverage(sockctl, judge):
    """Every command has what it needs, and a wrong option is its error too."""
    has, closed = collections.defaultdict(set), set()
    for c in read_cases():
        has[c.command].add(c.status)
        closed |= {c.command} if c.code == "EBADF" else set()
    for row in judge.read(alone([sockctl, "help", "--json"])[1])[0]["result"]["commands"]:
        missing = needed(row) - has.pop(row["name"], set())
        if missing:
            yield f"{row['name']}: no case with status {', '.join(map(str, sorted(missing)))}"
        if 3 in needed(row) and row["name"] not in closed and any(o["name"] == "socket" for o in row["options"]):
            yield f"{row['name']}: no case with EBADF"
        status, out, _, _ = alone([sockctl, "--json", row["name"], "--nosuch-option"])
        o = judge.read(out)[0]
        if (status, o["error"]["code"], o["error"]["exit"]) != (2, "USAGE", 2):
            yield f"{row['name']} --nosuch-option: {status} {o}"
    for name in has:
        yield f"{name} has cases and is no command"


# ---- The schema refuses what is wrong ----


def mutants(o):
    """Wrong versions of an object: each must be refused."""

    def changed(path, change):
        m = copy.deepcopy(o)
        v = m
        for key in path:
            v = v[key]
        change(v)
        return m

    def places(v, path=()):
        if isinstance(v, dict):
            yield path, v
        for key, x in v.items() if isinstance(v, dict) else enumerate(v):
            if isinstance(x, (dict, list)):
                yield from places(x, (*path, key))

    loose = ("value", "tcp", "tls", "chain", "ancillary", "named")  # records of the system, of messages, and of the user's names
    for path, v in places(o):
        if any(k in loose for k in path) or path[-1:] == ("result",) and o.get("cmd") == "set":
            continue
        yield f"an unknown field at {path}", changed(path, lambda x: x.update(nosuch=1))
        for key in v:
            optional = {"id", "partial", "items", "sent", "attempts", "results", "commands", "us", "rtt_ms", "mss", "cwnd", "unacked", "retransmitted", "want", "got", "name", "pass", "lowest", "highest", "tap", "text", "base64", "problems", "attempts", "started", "reason", "server", "fix", "said"}
            if key not in optional and not (path == () and key in ("result", "error")) and not (key == "ms" and "attempts" in path):
                yield f"{path} without {key}", changed(path, lambda x: x.pop(key))
            if key not in loose:
                yield f"{key} at {path} is of another type", changed(path, lambda x: x.update({key: [[]] if not isinstance(v[key], list) else 7}))
    yield "both result and error", {**o, "result": {}, "error": {"code": "EOF", "errno": None, "syscall": None, "exit": 7, "message": "m"}}
    yield "neither result nor error", {k: v for k, v in o.items() if k not in ("result", "error")}
    yield "ok is a lie", {**o, "ok": not o["ok"]}
    yield "another version", {**o, "v": 2}
    if not o["ok"]:
        yield "another exit", changed(("error",), lambda e: e.update(exit=e["exit"] + 1)) if o["error"]["code"] in ("USAGE", "EOF", "ETIMEDOUT", "EAGAIN", "EPIPE") else {}
        yield "sent by a command that sends nothing", changed((), lambda x: (x.update(cmd="poll"), x["error"].update(sent=1)))
        yield "attempts of another command", changed((), lambda x: (x.update(cmd="recv"), x["error"].update(attempts=[])))
        yield "a code of our own", changed(("error",), lambda e: e.update(code="nope"))


def shorten(o):
    """One of many alike is enough."""
    r = o.get("result")
    if isinstance(r, list) and o["cmd"] != "pair":
        del r[1:]
    elif o["cmd"] == "help" and r and "commands" in r:
        del r["lines"][1:], r["commands"][1:]


def all_mutants(sockctl, judge):
    """Of the longest success and the longest failure of each command."""
    longest, count = {}, 0
    for case in read_cases():
        if case.command in ("do", "source") or any(s.why for s in case.steps):
            continue
        with tempfile.TemporaryDirectory(prefix="envelopes") as top:
            o = through_argv(case, judge, [sockctl], os.path.join(top, "work"))
        shorten(o)
        key = case.command, o["ok"]
        longest[key] = max(longest.get(key, (0, None, o)), (len(json.dumps(o)), case.number, o), key=lambda x: x[0])
    for _, number, o in longest.values():
        o = {**o, "result": o["result"][0]} if o["ok"] and o["cmd"] in EACH else o
        for what, m in mutants(o):
            count += 1
            if judge.refuses(m) is None:
                yield f"envelopes.tsv:{number}: the schema takes {what}"
    if count < 3000:
        yield f"only {count} mutants"


# ---- The name server ----


def serve_names():
    """Names that begin with nx, and the address 192.0.2.53, do not exist; nothing is said about others."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 53))

    def serve():
        while True:
            query, peer = s.recvfrom(2048)
            if query[12:15] == b"\x02nx" or query[12:15] == b"\x0253":
                end = query.index(b"\0", 12) + 5
                s.sendto(query[:2] + b"\x81\x83\0\1\0\0\0\0\0\0" + query[12:end], peer)

    threading.Thread(target=serve, daemon=True).start()


def main():
    sockctl, schema, what = sys.argv[1:]
    judge = Judge(schema)
    serve_names()
    end, _peer = socket.socketpair()
    os.dup2(end.fileno(), 9)
    if what == "cases":
        with ThreadPoolExecutor(2) as pool:
            wrong = [w for w in pool.map(functools.partial(run_case, judge=judge, sockctl=sockctl), read_cases()) if w]
    else:
        wrong = list({"coverage": coverage, "mutants": all_mutants}[what](sockctl, judge))
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
