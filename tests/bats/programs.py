#!/usr/bin/env python3
"""Random but sensible programs, run through every door.

    programs.py SOCKCTL [--seed N] [--count N] [--first N] [--jobs N] [--show]

Program number K of seed N is always the same.  A model of sockets decides what makes sense and predicts which bytes each
command delivers.  What must hold:

  - no door crashes, leaks or hangs: no status of a signal or of a sanitizer, nothing of theirs on stderr;
  - the doors agree: bytes on stdout, files, messages and status of -c, -f, stdin, do and --json; results of the machine door;
  - bytes are kept: what was sent = what was delivered + what `info` says is buffered, queued or was thrown away with a close.
"""
import argparse, base64, os, shutil, sys, tempfile
from concurrent.futures import ThreadPoolExecutor

import doors
from doors import Failure, flat, same_everywhere, stable
from program_maker import Program
from program_model import DATA


def run(argv, directory, stdin=b""):
    told = doors.run(argv, directory, stdin, {"data.bin": DATA}, env={**os.environ, "SOCKCTL_TIMEOUT": "7s"})
    if b"timed out after 7s" in told[2]:
        raise Failure(f"waited for what must be there\n{told[2].decode(errors='replace')}")
    return told


def delivered(o):
    """The bytes that a command took out of its socket for good."""
    r = o.get("result") or {}
    if o["cmd"] == "expect":
        return b"".join(base64.b64decode(r[k]["base64"]) for k in ("before", "match")) if o["ok"] else b""
    if isinstance(r, list):
        r = r[0] if r else {}
    r = r if o["ok"] else o["error"].get("partial") or {}
    return base64.b64decode(r.get("base64", ""))


def check_bytes(program, steps, objects):
    """What each command delivered is what the model says, and `info` agrees that nothing else is there."""
    taken = list(flat(objects))
    if len(taken) != sum(s.objects for s in steps):
        raise Failure(f"{len(steps)} commands, {len(taken)} objects")
    for step, o in zip((s for s in steps for _ in range(s.objects)), taken):
        if step.wants is not None:
            got = delivered(o)
            if not o["ok"] or got != step.wants:
                raise Failure(f"{step.text}\n  wanted {step.wants!r}\n  got    {got!r} {o.get('error')}")
    for e, o in zip(program.ends, taken[len(taken) - len(program.ends) :]):
        if o["ok"] and e.open and e.sure and (o["result"]["buffered"] or o["result"]["recv_queue"]):
            raise Failure(f"info {e.name}: bytes are left that nobody sent: {o['result']}")


def check(program, sockctl, directory):
    steps = program.steps
    text = "\n".join(s.text for s in steps) + "\n"
    script = os.path.join(directory, "script.sock")
    os.makedirs(directory, exist_ok=True)
    work, go = os.path.join(directory, "work"), [sockctl, "--keep-going"]
    ways = doors.text_doors(go, text, script)
    first = run(ways.pop("-c")[0], work)
    told = (first[0], same_everywhere(first[1]), same_everywhere(first[2]), first[3])
    ways["many"] = ([*go, *[w for s in steps for w in ("-c", s.text)]], b"")
    if all(s.plain for s in steps):
        ways["do"] = (doors.chain(go, [s.words for s in steps]), b"")
    for door, (argv, stdin) in ways.items():
        other = run(argv, work, stdin)
        if (other[0], same_everywhere(other[1]), same_everywhere(other[2]), other[3]) != told:
            raise Failure(f"-c and {door} differ\n  -c: {told}\n  {door}: {(other[0], same_everywhere(other[1]), same_everywhere(other[2]), other[3])}")
    checked = run([sockctl, "--check", "-c", text], work)
    if checked[:3] != (0, b"", b""):
        raise Failure(f"--check: {checked}")
    as_json = run([*go, "--json", "-c", text], work)
    objects = doors.objects(as_json[1])
    if as_json[0] != first[0]:
        raise Failure(f"status {first[0]}, with --json {as_json[0]}")
    if program.jobs:
        run([*go, "-i", "--json"], work, text.encode())
        return
    piped = " | " in text
    if not piped:
        check_bytes(program, steps, objects)
        machine = run([*go, "-i", "--json"], work, text.encode())
        answers = doors.objects(machine[1])
        if stable(list(flat(answers))) != stable(list(flat(objects))):
            for a, b in zip(flat(answers), flat(objects)):
                if stable(a) != stable(b):
                    raise Failure(f"the machine door differs\n  {stable(a)}\n  {stable(b)}")
            raise Failure("the machine door has another number of answers")
    stopping = run([sockctl, "-c", text], work)
    if stopping[0] != first[0] or not first[1].startswith(stopping[1][:0]) or first[0] == 0 and stopping[1:2] != first[1:2] and same_everywhere(stopping[1]) != told[1]:
        raise Failure(f"without --keep-going: {stopping}")


def one(arguments, number):
    directory = tempfile.mkdtemp(prefix="random")
    program = Program(arguments.seed, number)
    try:
        check(program, arguments.sockctl, directory)
        return None
    except Failure as e:
        return f"seed {arguments.seed}, program {number}:\n" + "\n".join(s.text for s in program.steps) + f"\n--> {e}\n"
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("sockctl")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--count", type=int, default=150)
    p.add_argument("--first", type=int, default=0)
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--show", action="store_true")
    arguments = p.parse_args()
    if arguments.show:
        for i in range(arguments.first, arguments.first + arguments.count):
            program = Program(arguments.seed, i)
            print("\n".join(s.text for s in program.steps))
        return 0
    arguments.sockctl = shutil.which(arguments.sockctl) or arguments.sockctl
    with ThreadPoolExecutor(arguments.jobs) as pool:
        failures = [f for f in pool.map(lambda i: one(arguments, i), range(arguments.first, arguments.first + arguments.count)) if f]
    for f in failures[:10]:
        print(f)
    print(f"seed {arguments.seed}: {arguments.count} programs, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
