"""Every system call of a chain fails once, with each error: no silent loss, no hang, no crash; EINTR is never seen.

  sweep.py [--every N] [--seed S] [--ever] [CHAIN...]

A chain runs once under strace, which counts its calls. Then it runs again for each call, its first, second, ... time and each error,
with that one call failing (strace does not make it then). Demanded each time:

  - strace says INJECTED (a call that was not reached, since fewer were needed this time, is tried again; at most one case in 20
    may end that way);
  - the chain ends within 5 s, not by a signal;
  - status 0 means the whole output; any other status comes with the beginning of the output, and a message;
  - EINTR changes nothing; nor does EAGAIN where the call is one that can wait.

SIGTERM at the entry of the call instead ends the chain with 143, or comes too late for it.
Through the machine door: an answer for each line, and answers as they were unless one of them tells a failure.
--ever: the call fails from then on each time, but for EINTR, which may wait for ever then.
--every N runs every N-th case, from a place that the seed decides. Prints the seed, what was wrong, and the number of cases."""
import argparse
import collections
import concurrent.futures
import json
import os
import random
import re
import subprocess
import sys
import tempfile

CALLS = """socket socketpair bind listen connect accept4 sendto sendmsg recvfrom recvmsg ppoll close read write pwritev2 sendfile
shutdown getsockname getpeername setsockopt getsockopt pipe2 pidfd_open waitid epoll_create1 epoll_ctl epoll_pwait2""".split()
ERRORS = "EINTR EAGAIN ENOMEM ECONNRESET EMFILE SIGTERM".split()
LASTING = "EAGAIN ENOMEM ECONNRESET EMFILE".split()
ENDLESS = "ppoll read write pwritev2".split()  # without a deadline of their own, or without a place left to tell
WAITING = "accept4 sendto sendmsg recvfrom recvmsg ppoll read write pwritev2 sendfile".split()
LIMIT = 5 if os.environ.get("SOCKCTL_PRESET") in (None, "dev", "release") else 20


class Chain:
    def __init__(self, words, stdin="", peer=None, without=()):
        self.words, self.stdin, self.peer, self.without = words, stdin, peer, without
        self.machine = words[0] == "-i"


def do(words):
    return ["do", *words.split()]


TALK = """cli.send hello , conn.recv , conn.sendall world , cli.read 5 , cli.sendline one , conn.readline , cli.shutdown wr ,
    conn.read , conn.shutdown , conn.close , fails 7 cli.recv , srv.close , cli.close"""
CHAINS = {
    "tcp": Chain(do(f"srv = listen 127.0.0.1:0 , cli = connect sock:srv , conn = accept -s srv , {TALK}")),
    "steps": Chain(do(f"srv = socket , bind 127.0.0.1:0 , listen , cli = connect sock:srv , conn = accept -s srv , {TALK}")),
    "unix": Chain(do(f"srv = listen unix:./sock , cli = connect sock:srv , conn = accept -s srv , {TALK}")),
    "udp": Chain(
        do(
            """a = bind udp://127.0.0.1:0 , b = bind udp://127.0.0.1:0 , b.sendto sock:a ping , a.recvfrom , b.connect sock:a ,
            b.send pong , a.recvmsg , b.send end , a.recv , close a b"""
        )
    ),
    "pair": Chain(do("u = socket , x = pair , x0.sendmsg --fd u hi , x1.recvmsg , x0.sendfile words , x1.read 6 , poll x0:out , x0.shutdown , x0.close , x1.read")),
    "options": Chain(
        do(
            """s = socket , setsockopt SO_KEEPALIVE on , getsockopt SO_KEEPALIVE , setsockopt TCP_NODELAY on , getsockopt TCP_NODELAY ,
            x = listen 127.0.0.1:0 , getsockopt SO_ACCEPTCONN , y = connect sock:x , y.setsockopt SO_LINGER on,0 , y.close"""
        )
    ),
    "peer": Chain(
        do("connect PEER , expect ready , readline , sendline hello , read 11 , shutdown wr , read"),
        peer="sendslow:ready\\n recvline send:some@data@ big:300 wait".replace("@", "\\x20").split(),
    ),
    "upgrade": Chain(
        do("fails 9 connect PEER --starttls smtp --ehlo me --insecure , print done"),
        peer="sendslow:220-a\\r\\n220@b\\r\\n recvline send:250-b\\r\\n250@STARTTLS\\r\\n recvline send:454@later\\r\\n wait".replace("@", "\\x20").split(),
        without=["read", "close"],  # of the loader of modules
    ),
    "large": Chain(do("connect PEER , read 500000 , sendall --file big"), peer="big:500000 sink".split()),
    "jobs": Chain(["-c", "x = pair\nx1.readline &\nx0.sendline hello\nwait\nprint x | cat\n! echo y\nx0.send z ; x1.recv"], without=["close"]),
    "machine": Chain(
        ["-i", "--json"],
        stdin="""srv = listen 127.0.0.1:0
cli = connect sock:srv ; conn = accept -s srv
cli.send hello ; conn.recv
conn.sendall world ; conn.shutdown ; close conn
cli.read
close cli ; print end
""",
    ),
}


def start_peer(actions):
    process = subprocess.Popen(
        [os.environ["SOCKCTL_BUILD"] + "/peer", *actions], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    return process, process.stdout.readline().strip()


class Result:
    """One run under strace in a directory of its own; inject: (call, when, error) or None."""

    def __init__(self, chain, inject=None):
        with tempfile.TemporaryDirectory() as where:
            self.run(chain, inject, where)

    def run(self, chain, inject, where):
        words, peer = chain.words, None
        with open(where + "/words", "w") as f:
            f.write("words\n")
        with open(where + "/big", "wb") as f:
            f.write(bytes(range(256)) * 2000)
        if chain.peer:
            peer, address = start_peer(chain.peer)
            words = [address if word == "PEER" else word for word in words]
        what = ["-e", "trace=poll," + ",".join(CALLS)]
        if inject:
            call, when, error = inject
            kind = "signal" if error == "SIGTERM" else "error"
            what = ["-e", f"trace={call}", "-e", f"inject={call}:{kind}={error}:when={when}"]
        process = subprocess.Popen(
            ["strace", "-qq", "-o", where + "/trace", "-e", "signal=TERM", *what, "sockctl", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=where,
            start_new_session=True,
        )
        self.hung = False
        try:
            self.out, self.err = process.communicate(chain.stdin.encode(), LIMIT)
        except subprocess.TimeoutExpired:
            self.hung = True
            os.killpg(process.pid, 9)
            self.out, self.err = process.communicate()
        self.status = process.returncode
        if peer:
            if self.status != 0:
                peer.kill()
            self.out += peer.communicate()[0].encode() if self.status == 0 else b""
            peer.wait()
        with open(where + "/trace") as f:
            self.trace = f.read()
        self.injected = "INJECTED" in self.trace or "--- SIGTERM" in self.trace


def count_calls(trace):
    """{call: (how many the loader makes, how many in all)}: main begins with poll(2) of 0 to 2."""
    before, _, _ = trace.partition("poll([{fd=0, ")
    loader, whole = (collections.Counter(re.findall(r"^(\w+)\(", part, re.M)) for part in (before, trace))
    return {call: (loader[call], whole[call]) for call in CALLS}


def answers(out):
    """The objects of the machine door without what differs each time."""

    def settle(value):
        if isinstance(value, dict):
            return {k: settle(v) for k, v in value.items() if k not in ("t", "ms", "local", "peer", "fd")}
        return [settle(v) for v in value] if isinstance(value, list) else value

    return [settle(json.loads(line)) for line in out.decode().splitlines()]


def judge_machine(good, bad):
    try:
        wanted, got = answers(good.out), answers(bad.out)
    except ValueError:
        return "an answer that is no JSON"
    if wanted == got and bad.status == 0:
        return None
    if bad.status == 0 and len(wanted) != len(got):
        return f"{len(got)} answers to {len(wanted)} lines"
    if all(answer["ok"] for answer in got):
        return "other answers, and none tells a failure"
    return None


def judge_signal(chain, good, bad):
    if bad.status not in (0, 143):
        return f"status {bad.status}"
    if chain.machine:
        return None if bad.status or answers(good.out) == answers(bad.out) else "other answers"
    if bad.status == 0:
        return None if bad.out == good.out else "status 0 with other output"
    return None if good.out.startswith(bad.out) and bad.err.startswith(b"sockctl: ") else "wrong output or no message"


def judge(chain, good, bad, call, error):
    """What is wrong with the run, or None."""
    if bad.hung:
        return "it hung"
    if bad.status < 0 or bad.status in (99, 134, 139):
        return f"it crashed ({bad.status})"
    if error == "SIGTERM":
        return judge_signal(chain, good, bad)
    if chain.machine:
        wrong = judge_machine(good, bad)
        same = not wrong and answers(good.out) == answers(bad.out)
    else:
        same = bad.status == 0 and bad.out == good.out
        if bad.status == 0:
            wrong = None if same else "status 0 with other output"
        elif not good.out.startswith(bad.out):
            wrong = "output that is not the beginning of what it should be"
        else:
            wrong = None if bad.err.startswith(b"sockctl: ") else "no message"
    if not wrong and not same and (error == "EINTR" or (error == "EAGAIN" and call in WAITING)):
        return f"{error} was seen"
    return wrong


def cases(names, ever):
    for name in names:
        chain = CHAINS[name]
        good, again = Result(chain), Result(chain)
        if good.status != 0 or good.hung or (not chain.machine and good.out != again.out):
            raise SystemExit(f"{name} fails without any fault: {good.status}\n{good.err.decode()}")
        for call, (first, last) in count_calls(good.trace).items():
            for ordinal in range(first + 1, last + 1) if call not in chain.without else ():
                for error in LASTING if ever else ERRORS:
                    if not ever:
                        yield name, good, (call, f"{ordinal}", error)
                    elif call not in ENDLESS and not chain.machine:
                        yield name, good, (call, f"{ordinal}+", error)


def attempt(case):
    name, good, inject = case
    chain = CHAINS[name]
    bad = Result(chain, inject)
    for _ in range(4):
        if bad.injected or bad.hung:
            break
        bad = Result(chain, inject)  # another number of calls this time: fewer reads, larger each
    error = inject[2] + "+" * inject[1].endswith("+")
    wrong = judge(chain, good, bad, inject[0], error)
    if not wrong and not bad.injected:
        return True, None
    return False, wrong and f"{name} {' '.join(inject)}: {wrong}; status {bad.status}\n  {bad.out[-60:]!r}\n  {bad.err.decode()}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--seed", type=int, default=random.randrange(1000))
    parser.add_argument("--ever", action="store_true")
    parser.add_argument("chains", nargs="*", default=list(CHAINS))
    args = parser.parse_args()
    os.environ["SOCKCTL_TIMEOUT"] = "2s"
    todo = list(cases(args.chains, args.ever))[args.seed % args.every :: args.every]
    print(f"seed {args.seed}")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(attempt, todo))
    wrong = [complaint for _, complaint in results if complaint]
    missed = sum(not_reached for not_reached, _ in results)
    print("\n".join(wrong))
    print(f"{len(todo)} cases, {len(todo) - missed} injected, {len(wrong)} wrong")
    sys.exit(1 if wrong or missed > len(todo) / 10 else 0)


main()
