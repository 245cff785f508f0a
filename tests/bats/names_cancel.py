#!/usr/bin/env python3
"""Lookups that are cut short: by SIGINT at random moments, by time limits of any length, one by one and many in one process. Each ends at
once, with the status that says so, and leaves nothing behind (the address sanitizer looks on). Run under `unshare -mn`;
names_cancel.py [SEED [COUNT]]"""

import concurrent.futures
import random
import signal
import subprocess
import sys
import time

from names_hostile import Server
from names_lab import SOCKCTL, Lab

NAMES = ["good", "silence", "silent6", "fail6", "servfail", "tcp", "tcpsilence", "tcpbytewise", "tcp4000", "noise", "cnameloop", "zero", "loss", "nx"]
OPTIONS = [[], ["-4"], ["-6"], ["--tcp"], ["--server", "127.0.0.3,127.0.0.1"], ["--server", "192.0.2.254,127.0.0.1"], ["--server", "192.0.2.254"], ["--no-search"]]


def command(rng):
    name, options = rng.choice(NAMES), rng.choice(OPTIONS)
    kind = rng.randrange(4)
    if kind == 0:
        return ["connect", *options, f"{name}.test:9"]
    if kind == 1:
        return ["getnameinfo", *[o for o in options if o not in ("-4", "-6")], f"192.0.2.{rng.randrange(256)}:9"]
    return ["getaddrinfo", *options, f"{name}.test", "80"]


def interrupted(seed):
    """One process and a SIGINT: a problem, or None."""
    rng = random.Random(seed)
    words = command(rng)
    with subprocess.Popen([SOCKCTL, *words, "-t", "30s"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            child.wait(rng.choice([0.001, 0.005, 0.02, 0.1, 0.5]) * rng.random() * 2)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGINT)
        begin = time.monotonic()
        _, err = child.communicate(timeout=60)
        took = time.monotonic() - begin
    if child.returncode not in (0, 4, 5, 124, 130, -signal.SIGINT) or took > 10:
        return f"{words}: status {child.returncode} after {took:.1f} s, {err}"
    return None


def limited(seed):
    """One process with a script of lookups, many at a time, each with its own short limit."""
    rng = random.Random(seed)
    lines = []
    for _ in range(60):
        words = command(rng)
        if rng.randrange(8) == 0:
            words.insert(0, "NAME =")  # its result is bound
        lines.append(" ".join(words).replace("NAME =", f"v{rng.randrange(9)} =") + f" -t {rng.choice([0.1, 1, 3, 10, 30, 100]) * rng.random():.3f}ms &")
        if rng.randrange(6) == 0:
            lines.append(rng.choice(["wait -t 5ms", "cancel 1", "sleep 3ms"]))
    lines += ["cancel 3" if rng.randrange(2) else "sleep 50ms", "wait"]
    done = subprocess.run([SOCKCTL, "--keep-going", "-f", "-"], input="\n".join(lines) + "\n", capture_output=True, text=True, check=False, timeout=120)
    if done.returncode not in (0, 1, 2, 4, 5, 124, 130) or "Sanitizer" in done.stderr:
        return f"script of seed {seed}: status {done.returncode}\n{done.stderr[-3000:]}"
    return None


def main(seed="1", count="150"):
    lab = Lab()
    lab.interface("192.0.2.10/24", "2001:db8::10/64")
    lab.configure(resolv="nameserver 127.0.0.1\nsearch a.test b.test\noptions timeout:1\n")
    server = Server()
    seeds = range(int(seed) * 100000, int(seed) * 100000 + int(count))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        wrong = [problem for problem in [*pool.map(interrupted, seeds), *pool.map(limited, seeds[: len(seeds) // 6])] if problem]
    lab.end()
    print("\n".join(wrong[:5]))
    print(f"{len(seeds)} interrupted and {len(seeds) // 6} limited, {len(wrong)} wrong, {len(server.log)} questions")
    return bool(wrong) or not server.log


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
