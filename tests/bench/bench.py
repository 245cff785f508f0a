#!/usr/bin/env python3
"""Measures sockctl beside the limit (a C program that does only that) and its peers; scripts/bench calls it.

Only ratios within one run count. The variants of a row run in turn, A B C A B C, after one round that is not counted; a ratio is the
median of the ratios of the rounds. Nothing is asserted about time, but every variant verifies its effect: a fast failure is no result.

Environment: SOCKCTL_BIN, BENCH_BUILD (where the C programs go), BENCH_ROUNDS (7), BENCH_SCALE (1; 0.1 for a quick look).
"""

import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_shell import bench_shell
from bench_tls import bench_tls
from kit import BUILD, CPU, SCALE, SOCKCTL, compare, compile_programs, namespace, per_second, rate, scaled, start_time

PYTHON_PP = """
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
m = b"x" * 64
for _ in range(int(sys.argv[2])):
    s.send(m)
    s.recv(64)
"""


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


NSD = """
server:
    ip-address: 127.0.0.1
    username: ""
    chroot: ""
    zonesdir: "{dir}"
    database: ""
    pidfile: "{dir}/pid"
    xfrdfile: ""
    zonelistfile: "{dir}/zones"
    logfile: "{dir}/log"
    server-count: 1
    receive-buffer-size: 4194304
    send-buffer-size: 4194304
    rrl-ratelimit: 0
remote-control:
    control-enable: no
zone:
    name: bench.test
    zonefile: zone
"""


@contextlib.contextmanager
def name_server(inside, n):
    """nsd with n names that have A and AAAA: the path of the list of names."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        (path / "conf").write_text(NSD.format(dir=path))
        (path / "names").write_text("".join(f"h{i}.bench.test\n" for i in range(n)))
        (path / "zone").write_text("$ORIGIN bench.test.\n$TTL 300\n@ SOA ns h 1 3600 600 86400 300\n@ NS ns\nns A 127.0.0.1\n" + "".join(
            f"h{i} A 10.{i >> 16}.{i >> 8 & 255}.{i & 255}\nh{i} AAAA fd00::{i >> 16:x}:{i & 65535:x}\n" for i in range(n)))
        server = subprocess.Popen([*inside, "nsd", "-d", "-c", path / "conf"], stderr=subprocess.DEVNULL)
        try:
            last = [*inside, SOCKCTL, "resolve", "--server", "127.0.0.1", "-t", "1s", f"h{n - 1}.bench.test"]
            deadline = time.monotonic() + 60
            while subprocess.run(last, capture_output=True, check=False).returncode:
                if time.monotonic() > deadline or server.poll() is not None:
                    raise RuntimeError(f"nsd does not answer: {(path / 'log').read_text()[-300:]}")
            yield path / "names"
        finally:
            server.terminate()
            server.wait()


def bench_resolve():
    """Many names of a local nsd (>= 0.85 x raw UDP in C, >= 10 x kdig; >= 1.2 x massdns where it is installed)."""
    n, few = scaled(100_000), scaled(2_000)
    ok = True
    with namespace() as inside, name_server(inside, n) as names:
        some = names.with_name("some")
        some.write_text("".join(f"h{i}.bench.test\n" for i in range(few)))
        for title, options, types in (("A", ["-4"], ["1"]), ("AAAA and A", [], ["28", "1"])):
            each = len(types)
            ours = [*inside, SOCKCTL, "resolve", "--server", "127.0.0.1", *options, "--file", names]
            variants = {
                f"sockctl resolve {' '.join(options)}": rate(n, ours, lambda out: sum(len(line.split()) - 1 for line in out.splitlines()), n * each),
                "C sendmmsg and recvmmsg": rate(n, [*inside, BUILD / "ask", names, "53", *types], int, n * each),
            }
            if shutil.which("kdig") and each == 1:
                variants["kdig +short NAME..."] = rate(few, [*inside, "xargs", "-a", some, "kdig", "@127.0.0.1", "+short"],
                                                       lambda out: len(out.splitlines()), few)
            if shutil.which("massdns"):
                (names.with_name("resolvers")).write_text("127.0.0.1:53\n")
                records = [word for kind in (["A"] if each == 1 else ["A", "AAAA"]) for word in ("-t", kind)]
                variants["massdns -s 100"] = rate(
                    n, [*inside, "massdns", "-q", "-r", names.with_name("resolvers"), *records, "-s", "100", "-o", "S", names],
                    lambda out: len(out.splitlines()), n * each)
            ok = compare(f"resolve: {title} of {n:,} names", variants, "more") and ok
    return ok


OPEN_PORTS = """
import socket, sys
kept = []
for port in map(int, sys.argv[1:]):
    s = socket.socket()
    s.bind(("127.0.0.1", port))
    s.listen(512)
    kept.append(s)
print("ready", flush=True)
while True:
    for s in kept:
        s.setblocking(False)
        try:
            while True:
                s.accept()[0].close()
        except BlockingIOError:
            pass
    if not sys.stdin.buffer.read(1):
        break
"""


def bench_probe():
    """All ports of one host, 20 of them open (>= 0.9 x non-blocking connect in C; >= 2 x nmap -sT -T5)."""
    ports = [22, 80, 443, 1024, 2222, 3306, 5000, 5432, 6379, 8000, 8080, 8443, 9000, 10000, 12345, 15000, 20000, 25000, 30000, 65000]
    last = 65_535 if SCALE == 1 else scaled(65_535)
    open_ports = sum(port <= last for port in ports)
    with namespace() as inside:
        server = subprocess.Popen([*inside, sys.executable, "-S", "-E", "-c", OPEN_PORTS, *map(str, ports)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            server.stdout.readline()

            def scan(command, count):
                inner = rate(last, [*inside, *command], count, open_ports)

                def measure():
                    server.stdin.write(b".")  # the queues of the last one are emptied
                    server.stdin.flush()
                    return inner()
                return measure

            def nmap_open(out):
                return sum("/tcp " in line and " open " in line for line in out.splitlines())
            variants = {
                "sockctl probe": scan([SOCKCTL, "probe", f"127.0.0.1:1-{last}"], lambda out: out.count(" open ")),
                "C connect": scan([BUILD / "scan", "1", str(last)], int),
            }
            if shutil.which("nmap"):
                variants["nmap -sT -T5"] = scan(["nmap", "-sT", "-n", "-Pn", "-T5", f"-p1-{last}", "127.0.0.1"], nmap_open)
                variants["nmap -sT -T5 --min-parallelism 1000"] = scan(
                    ["nmap", "-sT", "-n", "-Pn", "-T5", "--min-parallelism", "1000", "--max-retries", "0", f"-p1-{last}", "127.0.0.1"],
                    nmap_open)
            return compare(f"probe: {last:,} ports", variants, "more")
        finally:
            server.stdin.close()
            server.wait()


BENCHMARKS = {"start": bench_start, "script": bench_script, "resolve": bench_resolve, "probe": bench_probe, "tls": bench_tls, "shell": bench_shell}


def main(names):
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"bench: there is no '{unknown[0]}'; write {' or '.join(BENCHMARKS)}")
    compile_programs()
    results = [BENCHMARKS[name]() for name in names or BENCHMARKS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
