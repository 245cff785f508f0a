"""The shell beside other prompts: start to the first prompt, memory there, and the keys that the six tasks of the interface's comparison
take. Everything is typed into a terminal, and every task must show its answer there."""

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from kit import SOCKCTL, compare

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bats"))
from terminal import Terminal  # noqa: E402

PYTHON = "/usr/bin/python3"


def certificate(directory):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
                    "-keyout", f"{directory}/key", "-out", f"{directory}/cert"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{directory}/cert", f"{directory}/key")
    return context


def http(c, _):
    while b"\n\r\n" not in (got := c.recv(4096)) and b"\n\n" not in got:
        pass
    c.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello\r\n")


def smtp(c, context):
    c.sendall(b"220 mx.test ESMTP\r\n")
    while line := c.recv(4096).strip().upper():
        if line.startswith(b"EHLO"):
            c.sendall(b"250-mx.test\r\n250 " + (b"AUTH PLAIN" if isinstance(c, ssl.SSLSocket) else b"STARTTLS") + b"\r\n")
        elif line == b"STARTTLS":
            c.sendall(b"220 go ahead\r\n")
            c = context.wrap_socket(c, server_side=True)


def late(c, _):
    time.sleep(0.3)
    c.sendall(b"beep\r\n")
    c.recv(1)


def mute(c, _):
    c.recv(1)


@contextlib.contextmanager
def peers():
    """{name: port}: http, redis, smtp, udp, late, mute, free."""
    with tempfile.TemporaryDirectory() as directory:
        context, ports = certificate(directory), {}
        for work in (http, smtp, late, mute):
            listener = socket.create_server(("127.0.0.1", 0))
            ports[work.__name__] = listener.getsockname()[1]

            def serve(listener=listener, work=work):
                while True:
                    c, _ = listener.accept()

                    def one(c=c):
                        with contextlib.suppress(OSError):
                            work(c, context)
                        c.close()
                    threading.Thread(target=one, daemon=True).start()
            threading.Thread(target=serve, daemon=True).start()
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        ports["udp"] = udp.getsockname()[1]

        def echo():
            while True:
                data, peer = udp.recvfrom(4096)
                udp.sendto(b"echo:" + data, peer)
        threading.Thread(target=echo, daemon=True).start()
        with socket.create_server(("127.0.0.1", 0)) as s, socket.create_server(("127.0.0.1", 0)) as r:
            ports["free"], ports["redis"] = s.getsockname()[1], r.getsockname()[1]
        redis = subprocess.Popen(["redis-server", "--port", str(ports["redis"]), "--bind", "127.0.0.1", "--save", "", "--dir", directory],
                                 stdout=subprocess.DEVNULL)
        try:
            while socket.socket().connect_ex(("127.0.0.1", ports["redis"])):
                time.sleep(0.01)
            yield ports
        finally:
            redis.terminate()
            redis.wait()


# What is typed, a line each, and what must then be on the screen. {name} is a port.
TASKS = {
    "1 HTTP by hand": ("hello", {
        "sockctl": ["connect :{http}", r"send 'GET / HTTP/1.0\r\n\r\n'", "read"],
        "python3": ["import socket", "s = socket.create_connection(('localhost', {http}))", r"s.send(b'GET / HTTP/1.0\r\n\r\n')", "s.recv(9999)"],
        "expect": ["spawn nc localhost {http}", r'send "GET / HTTP/1.0\n\n"', "expect hello"],
    }),
    "2 Redis PING": ("PONG", {
        "sockctl": ["connect :{redis}", "sendline PING", r"expect '+PONG\r\n'"],
        "python3": ["import socket", "s = socket.create_connection(('localhost', {redis}))", r"s.send(b'PING\r\n')", "s.recv(99)"],
        "expect": ["spawn nc localhost {redis}", r'send "PING\n"', "expect +PONG"],
        "redis-cli": ["PING"],
    }),
    "3 SMTP STARTTLS": ("AUTH", {
        "sockctl": ["connect :{smtp}", "expect '220 '", "sendline 'EHLO me'", r"expect '250 STARTTLS\r\n'", "sendline STARTTLS", "expect '220 '",
                    "readline", "starttls --insecure", "sendline 'EHLO me'", "expect '250 AUTH'"],
        "python3": ["import smtplib", "s = smtplib.SMTP('localhost', {smtp})", "s.starttls()", "s.ehlo()"],
        "expect": ["spawn openssl s_client -quiet -starttls smtp -connect localhost:{smtp}", "expect STARTTLS", r'send "EHLO me\n"', "expect AUTH"],
    }),
    "4 UDP echo, timeout": ("echo:hi", {
        "sockctl": ["sendto 127.0.0.1:{udp} hi", "recvfrom -t 1s"],
        "python3": ["import socket", "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)", "s.settimeout(1)", "s.sendto(b'hi', ('127.0.0.1', {udp}))", "s.recvfrom(99)"],
        "expect": ["spawn nc -u 127.0.0.1 {udp}", "set timeout 1", r'send "hi\n"', "expect echo:hi"],
    }),
    "5 server and client": ("bye", {
        "sockctl": ["srv = listen :0", "cli = connect $srv.local", "conn = srv.accept", r"cli.send 'hello\n'", "conn.readline", r"conn.send 'bye\n'", "conn.close", "cli.read"],
        "python3": ["import socket", "srv = socket.create_server(('localhost', 0))", "cli = socket.create_connection(srv.getsockname())", "conn, a = srv.accept()",
                    r"cli.send(b'hello\n')", "conn.recv(99)", r"conn.send(b'bye\n')", "conn.close()", "cli.recv(99)"],
        "expect": ["spawn nc -l localhost {free}", "set a $spawn_id", "spawn nc localhost {free}", "set b $spawn_id", r'send -i $b "hello\n"', "expect -i $a hello",
                   r'send -i $a "bye\n"', "expect -i $b bye"],
    }),
    "6 poll over three": ("beep", {
        "sockctl": ["a = connect :{mute}", "b = connect :{late}", "c = connect :{mute}", "poll -t 2s a b c", "b.recv"],
        "python3": ["import socket, select", "a = socket.create_connection(('localhost', {mute}))", "b = socket.create_connection(('localhost', {late}))",
                    "c = socket.create_connection(('localhost', {mute}))", "select.select([a, b, c], [], [], 2)", "b.recv(99)"],
        "expect": ["spawn nc localhost {mute}", "set a $spawn_id", "spawn nc localhost {late}", "set b $spawn_id", "spawn nc localhost {mute}", "set c $spawn_id",
                   'expect -i "$a $b $c" beep'],
    }),
}


def prompts(ports):
    """{program: (words, what its prompt ends with)}."""
    return {
        "sockctl": ([SOCKCTL, "--no-init"], b"> "),
        "python3": ([PYTHON, "-q"], b">>> "),
        "expect": (["expect"], b"> "),
        "redis-cli": (["redis-cli", "-p", str(ports["redis"])], b"> "),
        "tclsh": (["tclsh"], b"% "),
    }


def answers(out, lines):
    """What is there besides what was typed."""
    for line in sorted(lines, key=len, reverse=True):
        out = bytes(out).replace(line.encode(), b"")
    return out


def type_task(words, prompt, lines, wanted):
    """The keys typed, and what is on the screen in the end. Every line waits for the prompt after the one before."""
    t, typed = Terminal(words, rows=40, columns=120), 0
    t.until(prompt)
    for line in lines:
        t.type(line + "\r")
        t.until(b"\n")
        t.until(prompt)
        typed += len(line) + 1
    if lines[-1].startswith("expect") and prompt == b"> " and "sockctl" in words[0]:  # says nothing when it comes
        t.type("print $?\r")
        lines, wanted = [*lines, "print $?"], "\r0\r"
    deadline = time.monotonic() + 20
    while wanted.encode() not in answers(t.out, lines):
        if not t.read(1) and time.monotonic() > deadline:
            raise RuntimeError(f"{words[0]}: no {wanted!r} after {lines}: {bytes(t.out)!r}")
    os.kill(t.pid, 9)
    t.end()
    return typed, t.out.decode(errors="replace")


def keys_table(ports):
    programs = ["sockctl", "python3", "expect", "redis-cli"]
    totals = dict.fromkeys(programs, 0)
    screens = os.environ.get("BENCH_SCREENS")
    print(f"\nshell: keys typed for six tasks (each run in a terminal)\n  {'':22}" + "".join(f"{name:>12}" for name in programs))
    for task, (wanted, ways) in TASKS.items():
        row = []
        for name in programs:
            if name not in ways:
                row.append("cannot")
                continue
            words, prompt = prompts(ports)[name]
            count, screen = type_task(words, prompt, [line.format(**ports) if "{" in line else line for line in ways[name]], wanted)
            totals[name] += count
            row.append(str(count))
            if screens:
                Path(screens).mkdir(parents=True, exist_ok=True)
                Path(screens, f"{task[0]}-{name}").write_text(screen)
        print(f"  {task:22}" + "".join(f"{cell:>12}" for cell in row))
    print(f"  {'all it can do':22}" + "".join(f"{totals[name]:12}" for name in programs))


def first_prompt(words, prompt):
    def measure():
        begun = time.perf_counter()
        t = Terminal(words)
        t.until(prompt)
        took = time.perf_counter() - begun
        os.kill(t.pid, 9)
        t.end()
        os.close(t.fd)
        return took
    return measure


def memory(words, prompt):
    """Bytes of its own and its part of what is shared (Pss), when the prompt is there."""
    def measure():
        t = Terminal(words)
        t.until(prompt)
        rollup = Path(f"/proc/{t.pid}/smaps_rollup").read_text()
        os.kill(t.pid, 9)
        t.end()
        os.close(t.fd)
        return 1024 * int(next(line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:")))
    return measure


def bench_shell():
    """Prompts (no goal in DESIGN.md 12)."""
    with peers() as ports:
        there = {name: how for name, how in prompts(ports).items() if shutil.which(how[0][0])}
        del there["expect"]  # a tclsh
        ok = compare("shell: start to the first prompt", {name: first_prompt(*how) for name, how in there.items()}, "less")
        ok = compare("shell: memory at the prompt (Pss)", {name: memory(*how) for name, how in there.items()}, "fewer") and ok
        keys_table(ports)
    return ok
