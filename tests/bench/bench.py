#!/usr/bin/env python3
"""Measures sockctl beside the limit (a C program that does only that) and its peers; scripts/bench calls it.

Only ratios within one run count. The variants of a row run in turn, A B C A B C, after one round that is not counted; a ratio is the
median of the ratios of the rounds. Nothing is asserted about time, but every variant verifies its effect: a fast failure is no result.

Environment: SOCKCTL_BIN, BENCH_BUILD (where the C programs go), BENCH_ROUNDS (7), BENCH_SCALE (1; 0.1 for a quick look).
"""

import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("BENCH_BUILD", HERE.parent.parent / "build" / "bench"))
SOCKCTL = os.environ.get("SOCKCTL_BIN", str(HERE.parent.parent / "build" / "sockctl"))
ROUNDS = max(5, int(os.environ.get("BENCH_ROUNDS", "7")))
SCALE = float(os.environ.get("BENCH_SCALE", "1"))
CPU = str(min(os.sched_getaffinity(0)))
PYTHON_PP = """
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
m = b"x" * 64
for _ in range(int(sys.argv[2])):
    s.send(m)
    s.recv(64)
"""


def scaled(n):
    return max(10, int(n * SCALE))


def compile_programs():
    """The C programs of this directory, as a release would be compiled."""
    BUILD.mkdir(parents=True, exist_ok=True)
    for source in sorted(HERE.glob("*.c")):
        program = BUILD / source.stem
        if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
            subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-o", program, source], check=True)


@contextlib.contextmanager
def echo_server():
    """(port, function that returns the bytes echoed so far); on the CPU of the clients, so that no wake-up crosses CPUs."""
    with tempfile.NamedTemporaryFile() as counter:
        server = subprocess.Popen(["taskset", "-c", CPU, BUILD / "echod", counter.name],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            port = int(server.stdout.readline())
            yield port, lambda: int.from_bytes(Path(counter.name).read_bytes(), sys.byteorder)
        finally:
            server.stdin.close()
            server.wait()


def wall(command):
    start = time.perf_counter()
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"status {result.returncode}: {result.stderr.strip()[:200]}")
    return time.perf_counter() - start


def start_time(*command):
    """Seconds from spawn to exit of a short program, the median of many."""
    def measure():
        out = subprocess.run([BUILD / "spawn", str(scaled(200)), *command], check=False, capture_output=True, text=True)
        if out.returncode:
            raise RuntimeError(out.stderr.strip())
        return int(out.stdout) / 1e9
    return measure


def per_second(n, command_of):
    """Operations a second of a program that does the number of them it is told; its start-up (a run of one) is subtracted."""
    def measure():
        once = wall(["taskset", "-c", CPU, *command_of(1)])
        took = wall(["taskset", "-c", CPU, *command_of(n)]) - once
        if took < 1e-9 * n:
            raise RuntimeError(f"{n} operations in {took:.6f} s: it did nothing")
        return n / took
    return measure


def round_trips(n, port, echoed, command_of):
    """per_second, and the server must have seen every byte."""
    inner = per_second(n, command_of)

    def measure():
        before = echoed()
        rate = inner()
        if echoed() - before != 64 * (n + 1):
            raise RuntimeError(f"{echoed() - before} bytes echoed, not {64 * (n + 1)}")
        return rate
    return measure


def compare(title, variants, better):
    """variants: {name: measure}; the first is sockctl, the others are what it is measured against."""
    values = {name: [] for name in variants}
    broken = {}
    for number in range(-1, ROUNDS):
        for name, measure in variants.items():
            if name in broken:
                continue
            try:
                value = measure()
            except (RuntimeError, OSError, ValueError) as error:
                broken[name] = error
                continue
            if number >= 0:
                values[name].append(value)
    print(f"\n{title}  ({ROUNDS} rounds, {better} is better)")
    ours = next(iter(variants))
    for name in variants:
        if name in broken:
            print(f"  {name:44} failed: {broken[name]}")
            continue
        shown = statistics.median(values[name])
        shown = f"{shown * 1e3:10.3f} ms" if better == "less" else f"{shown:12,.0f} /s"
        ratio = ""
        if name != ours and ours not in broken:
            ratio = f"   sockctl is {statistics.median(a / b for a, b in zip(values[ours], values[name])):.3f} x this"
        print(f"  {name:44} {shown}{ratio}")
    sys.stdout.flush()
    return ours not in broken


def bench_start():
    """Start-up (DESIGN.md 12: <= 1.25 x C hello world; <= 0.85 x nc.openbsd -z)."""
    ok = compare("start: inet_pton", {
        "sockctl inet_pton AF_INET 1.2.3.4": start_time(SOCKCTL, "inet_pton", "AF_INET", "1.2.3.4"),
        "C hello world": start_time(BUILD / "hello"),
    }, "less")
    with echo_server() as (port, _):
        variants = {"sockctl connect 127.0.0.1:PORT": start_time(SOCKCTL, "connect", f"127.0.0.1:{port}")}
        if shutil.which("nc.openbsd"):
            variants["nc.openbsd -z 127.0.0.1 PORT"] = start_time("nc.openbsd", "-z", "127.0.0.1", str(port))
        return compare("start: connect", variants, "less") and ok


def bench_script():
    """Scripted operations, all on one CPU (>= 0.9 x C loop; >= 0.95 x python3; an empty command >= 3 million/s)."""
    message, n, empty = "x" * 64, scaled(100_000), scaled(3_000_000)
    with echo_server() as (port, echoed):
        def trips(command_of):
            return round_trips(n, port, echoed, command_of)
        ok = compare("script: send and receive 64 bytes", {
            "sockctl repeat -n N do send X , recv 64": trips(lambda k: [
                SOCKCTL, "-c", f"connect 127.0.0.1:{port}\nsetsockopt TCP_NODELAY on\nrepeat -n {k} do send {message} , recv 64"]),
            "C send and recv": trips(lambda k: [BUILD / "pp", str(port), str(k)]),
            "python3 send and recv": trips(lambda k: [sys.executable, "-S", "-E", "-c", PYTHON_PP, str(port), str(k)]),
        }, "more")
    return compare("script: an empty command in a loop", {
        "sockctl repeat -n N do": per_second(empty, lambda k: [SOCKCTL, "-c", f"repeat -n {k} do"]),
        "python3 for: pass": per_second(empty, lambda k: [sys.executable, "-S", "-E", "-c", f"for _ in range({k}): pass"]),
    }, "more") and ok


BENCHMARKS = {"start": bench_start, "script": bench_script}


def main(names):
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"bench: there is no '{unknown[0]}'; write {' or '.join(BENCHMARKS)}")
    compile_programs()
    results = [BENCHMARKS[name]() for name in names or BENCHMARKS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
