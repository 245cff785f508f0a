"""What the rows of bench.py are measured with: programs, rates, and the table of a comparison."""

import contextlib
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("BENCH_BUILD", HERE.parent.parent / "build" / "bench"))
SOCKCTL = os.environ.get("SOCKCTL_BIN", str(HERE.parent.parent / "build" / "sockctl"))
ROUNDS = max(5, int(os.environ.get("BENCH_ROUNDS", "7")))
SCALE = float(os.environ.get("BENCH_SCALE", "1"))
CPU = str(min(os.sched_getaffinity(0)))


def scaled(n):
    return max(10, int(n * SCALE))


def compile_programs():
    """The C programs of this directory, as a release would be compiled."""
    BUILD.mkdir(parents=True, exist_ok=True)
    for source in sorted(HERE.glob("*.c")):
        program = BUILD / source.stem
        if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
            subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Wl,--as-needed", "-o", program, source, "-pthread", "-lssl", "-lcrypto"],
                           check=True)


def wall(command):
    start = time.perf_counter()
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"status {result.returncode}: {result.stderr.strip()[:200]}")
    return time.perf_counter() - start


def start_time(*command):
    """Seconds from spawn to exit of a short program, the median of many."""
    def measure():
        out = subprocess.run([BUILD / "spawn", str(scaled(200)), *command], check=False, stdin=subprocess.DEVNULL, capture_output=True,
                             text=True)
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
        shown = f"{shown:,.0f} bytes" if better == "fewer" else f"{shown * 1e3:10.3f} ms" if better == "less" else f"{shown:12,.0f} /s"
        ratio = ""
        if name != ours and ours not in broken:
            ratio = f"   sockctl is {statistics.median(a / b for a, b in zip(values[ours], values[name])):.3f} x this"
        print(f"  {name:44} {shown}{ratio}")
    sys.stdout.flush()
    return ours not in broken


@contextlib.contextmanager
def namespace():
    """A network namespace with a loopback: the words that run a command in it."""
    name = f"sockctl-bench-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield ["ip", "netns", "exec", name]
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def rate(n, command, count, wanted):
    """n things a second of a command whose output must hold `wanted` of them by `count`."""
    def measure():
        start = time.perf_counter()
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        took = time.perf_counter() - start
        found = count(result.stdout)
        if found != wanted:
            raise RuntimeError(f"{found}, not {wanted}: {(result.stderr or result.stdout).strip()[:200]}")
        return n / took
    return measure
