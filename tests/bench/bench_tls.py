"""TLS beside OpenSSL in C, its own programs, ncat and socat: handshakes, much data, memory of idle connections."""

import contextlib
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kit import BUILD, CPU, SOCKCTL, compare, scaled, start_time, wall

MAKE = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
PYTHON_ONE = """
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
s = context.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))), server_hostname="127.0.0.1")
s.close()
"""


class Server:
    """tlsd, which counts the handshakes and bytes of its clients: they are counted, not believed."""

    def __init__(self, directory, on=()):
        self.cert, self.key, self.counts = (Path(directory) / name for name in ("cert.pem", "key.pem", "counts"))
        self.process = subprocess.Popen([*on, BUILD / "tlsd", self.cert, self.key, self.counts], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.port = self.process.stdout.readline().strip()

    def count(self):
        return struct.unpack("=QQ", self.counts.read_bytes())

    def counted(self, measure, shakes, size=0):
        """measure, after which there must be so many more handshakes (None: whatever number) and bytes."""
        def checked():
            before = self.count()
            value = measure()
            deadline = time.monotonic() + 20
            while (more := tuple(b - a for a, b in zip(before, self.count()))) != (more[0] if shakes is None else shakes, size):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{more[0]} handshakes with {more[1]} bytes, not {shakes} with {size}")
                time.sleep(0.001)
            return value
        return checked


@contextlib.contextmanager
def tls_server(on=()):
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([*MAKE, "-keyout", "key.pem", "-out", "cert.pem"], cwd=directory, check=True, stderr=subprocess.DEVNULL)
        server = Server(directory, on)
        try:
            yield server
        finally:
            server.process.stdin.close()
            server.process.wait()


def cpu_time(command, stdin=subprocess.DEVNULL):
    """Seconds of processor of a command that must succeed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = subprocess.run(command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if result.returncode:
        raise RuntimeError(f"status {result.returncode}: {result.stderr.strip()[:200]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def handshakes_in_one():
    """Client and server take turns on one CPU: what one does while the other waits is no difference."""
    n = scaled(1000)
    with tls_server(["taskset", "-c", CPU]) as server:
        trust = str(server.cert)

        def ours(k):
            return ["taskset", "-c", CPU, SOCKCTL, "-c", f"repeat -n {k} do connect tls://127.0.0.1:{server.port} --cafile {trust} , close"]

        def limit(k):
            return ["taskset", "-c", CPU, BUILD / "tls", "shake", server.port, str(k), trust]

        def rate_of(command_of):
            return server.counted(lambda: n / (wall(command_of(n + 1)) - wall(command_of(1))), n + 2)

        def cpu_of(command_of):
            return server.counted(lambda: (cpu_time(command_of(n + 1)) - cpu_time(command_of(1))) / n, n + 2)

        def s_time(*options):
            command = ["taskset", "-c", CPU, "openssl", "s_time", "-connect", f"127.0.0.1:{server.port}", "-new", "-verify", "1",
                       "-CAfile", trust, "-time", "2", *options]

            def measure():
                start = time.perf_counter()
                said = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
                return int(re.search(r"(\d+) connections in \d+ real", said)[1]) / (time.perf_counter() - start)
            return server.counted(measure, None)
        ok = compare("tls: full handshakes in one process, verified", {
            "sockctl repeat -n N do connect tls://": rate_of(ours),
            "C SSL_connect": rate_of(limit),
            "openssl s_time -new": s_time(),
        }, "more")
        return compare("tls: processor time of a client for one of them", {
            "sockctl": cpu_of(ours),
            "C": cpu_of(limit),
        }, "less") and ok


def one_handshake():
    with tls_server() as server:
        port, trust = server.port, str(server.cert)

        def one(*command):
            return server.counted(start_time(*command), scaled(200))
        variants = {
            "sockctl connect tls://": one(SOCKCTL, "connect", f"tls://127.0.0.1:{port}", "--cafile", trust),
            "C SSL_connect": one(BUILD / "tls", "shake", port, "1", trust),
            "openssl s_client": one("openssl", "s_client", "-quiet", "-no_ign_eof", "-verify_return_error", "-verify_ip", "127.0.0.1",
                                    "-CAfile", trust, "-connect", f"127.0.0.1:{port}"),
            "python3 ssl": one(sys.executable, "-S", "-E", "-c", PYTHON_ONE, port, trust),
        }
        if shutil.which("ncat"):
            variants["ncat --ssl-verify"] = one("ncat", "--ssl-verify", "--ssl-trustfile", trust, "--send-only", "localhost", port)
        if shutil.which("socat"):
            variants["socat OPENSSL,cafile="] = one("socat", "-u", "/dev/null", f"OPENSSL:localhost:{port},cafile={trust}")
            variants["socat OPENSSL,verify=0"] = one("socat", "-u", "/dev/null", f"OPENSSL:localhost:{port},verify=0")
        return compare("tls: one process for one handshake", variants, "less")


def bulk():
    size = scaled(512 << 20)
    with tls_server() as server, tempfile.NamedTemporaryFile(dir="/dev/shm") as data:
        port, trust = server.port, str(server.cert)
        data.truncate(size)
        Path(data.name).write_bytes(os.urandom(1 << 16) * (size >> 16) + bytes(size & 65535))
        commands = {
            "sockctl sendall --file": [SOCKCTL, "do", "connect", f"tls://127.0.0.1:{port}", "--cafile", trust, ",",
                                       "sendall", "--file", data.name, ",", "close"],
            "C SSL_write of 64 KiB": [BUILD / "tls", "send", port, trust],
            "openssl s_client": ["openssl", "s_client", "-quiet", "-no_ign_eof", "-nocommands", "-connect", f"127.0.0.1:{port}"],
        }
        if shutil.which("ncat"):
            commands["ncat --ssl-verify"] = ["ncat", "--ssl-verify", "--ssl-trustfile", trust, "--send-only", "localhost", port]
        if shutil.which("socat"):
            commands["socat -b64k"] = ["socat", "-u", "-b65536", "STDIN", f"OPENSSL:localhost:{port},cafile={trust}"]

        def speed(command):
            def measure():
                with open(data.name, "rb") as stdin:
                    start = time.perf_counter()
                    cpu_time(command, stdin)
                    return size / (1 << 20) / (time.perf_counter() - start)
            return server.counted(measure, 1, size)

        def cpu(command):
            def measure():
                with open(data.name, "rb") as stdin:
                    return cpu_time(command, stdin) * (1 << 30) / size
            return server.counted(measure, 1, size)
        ok = compare(f"tls: {size >> 20} MiB of a file, MiB", {name: speed(command) for name, command in commands.items()}, "more")
        return compare("tls: processor time of a client for a GiB", {name: cpu(command) for name, command in commands.items()}, "less") and ok


def resident(pid):
    return int(re.search(r"VmRSS:\s*(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) * 1024


@contextlib.contextmanager
def held(port, n):
    """n connections that are made and then idle."""
    client = subprocess.Popen([BUILD / "tls", "hold", port, str(n)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if client.stdout.readline() != "held\n":
            raise RuntimeError("the connections were not made")
        yield
    finally:
        client.stdin.close()
        client.wait()


def memory():
    """Bytes of a server's process that each of many idle connections adds."""
    few, many = 100, scaled(5000)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tls_server() as server:
        def grown(pid, port, wait):
            with held(port, few):
                wait(few)
                before = resident(pid)
                with held(port, many):
                    wait(many)
                    return (resident(pid) - before) / many

        def ours():
            script = (f"srv = listen -q tls://127.0.0.1:0 --cert {server.cert} --key {server.key} ; print $srv.local.port\n"
                      f"repeat -n {few} do accept -s srv\nprint {few}\nrepeat -n {many} do accept -s srv\nprint {many}\naccept -s srv")
            with subprocess.Popen([SOCKCTL, "-t", "600s", "-c", script], stdout=subprocess.PIPE, text=True) as process:
                def wait(n):
                    while (line := process.stdout.readline()) != f"{n}\n":
                        if not line:
                            raise RuntimeError("sockctl ended")
                try:
                    return grown(process.pid, process.stdout.readline().strip(), wait)
                finally:
                    process.send_signal(signal.SIGKILL)

        def limit():
            counts = Path(server.counts).with_name("held")
            with subprocess.Popen([BUILD / "tlsd", server.cert, server.key, counts, "hold"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True) as process:
                def wait(n):
                    deadline = time.monotonic() + 60
                    while struct.unpack("=Q", counts.read_bytes()[:8])[0] < (n if n == few else few + n):
                        if time.monotonic() > deadline:
                            raise RuntimeError("tlsd does not take them")
                        time.sleep(0.01)
                return grown(process.pid, process.stdout.readline().strip(), wait)
        return compare(f"tls: memory of each of {many:,} idle connections", {"sockctl listen tls://": ours, "C SSL_accept": limit}, "fewer")


def bench_tls():
    """TLS (>= 0.95 x C; >= the best peer; much data >= 1.4 x socat -b64k)."""
    return all([handshakes_in_one(), one_handshake(), bulk(), memory()])
