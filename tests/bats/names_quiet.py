#!/usr/bin/env python3
"""What is no name is never asked of DNS: literals in every spelling, broken literals, bad ports, localhost; and a dead resolver costs a
command nothing that has no name to resolve. Run under `unshare -mn`; names_quiet.py"""

import os
import re
import subprocess
import sys

from names_hostile import Server
from names_lab import SOCKCTL, Lab, Sockctl, quoted

LITERALS = """127.0.0.1 127.1 0x7f.1 0x7f000001 2130706433 0177.0.0.1 0 1.2.3 1.2.3.4.5 256.1.1.1 127.0.0.1. 1.2.3.4.. 1.2.3.999999999999 0x 00 08
::1 :: ::1.2.3.4 ::ffff:1.2.3.4 fe80::1 fe80::1%lo fe80::1%1 fe80::1%nope ::1%lo 2001:db8::1 [::1] [::1 ::1] [127.0.0.1] ff02::1%lo 1:2:3:4:5:6:7:8:9 ::: : 12345::1
localhost LOCALHOST Localhost. foo.localhost a.b.localhost. localhost.. .localhost
* . .. a..b .a a. .a. -x.test x-.test a_.-b a,b a;b a/b a\\b a=b a:b a@b a%b ~ $x é\x01 a.1 a.0x1 test.08 test.0x
http://a.test/ user@a.test a.test:80:90""".split() + ["", " ", "a b.test", " a.test", "a.test ", "\t", "a" * 64 + ".test",
                                                                         ("a" * 60 + ".") * 5 + "test", "a.test\x7f", "127.0.0.1 ", " 127.0.0.1"]
PORTS = ["65536", "65616", "-1", "0x50", "80abc", "99999999999", "nosuch", "", " ", "8 0", "+80", "08"]
TAKEN_BY_LIBC = {"", "+80", "08"}
MAY_ASK = {"a."}  # one label and a dot is a name


def silence(server, sockctl):
    """Everything at once through one process."""
    for host in LITERALS:
        for line in (f"getaddrinfo -t 5s -- {quoted(host)} 80", f"getaddrinfo -t 5s -6 -- {quoted(host)}", f"getaddrinfo -t 5s --flags v4mapped,all --family inet6 -- {quoted(host)} 80",
                     f"connect -t 1s -- {quoted(host)} 9", f"connect -t 1s -- {quoted(host + ':9')}", f"bind -t 5s -- {quoted(host)} 0",
                     f"sendto -t 1s {quoted('udp:' + host + ':9')} x", f"getnameinfo -t 5s --flags numerichost -- {quoted(host)} 80"):
            sockctl(line)
            if server.log and host not in MAY_ASK:
                return f"{line}: {server.log}"
            server.log.clear()
    for port in PORTS:
        lines = [f"connect -t 1s -- {quoted('good.test:' + port)}", f"connect -t 1s -- good.test {quoted(port)}"]
        if port not in TAKEN_BY_LIBC:
            lines.append(f"getaddrinfo -t 5s -- good.test {quoted(port)}")
        for line in lines:
            if sockctl(line)["ok"] or server.log:
                return f"{line}: {server.log}"
    for line in ("getnameinfo 127.0.0.1:80", "getnameinfo ::1 80", "getnameinfo fe80::1%lo 80", "getaddrinfo - 80", "getaddrinfo --flags numerichost good.test 80",
                 "getaddrinfo --resolve good.test:192.0.2.9 good.test 80", "getaddrinfo --resolve good.test:192.0.2.9 -6 GOOD.test. 80", "getaddrinfo in.hosts 80"):
        sockctl(line)
        if server.log:
            return f"{line}: {server.log}"
    sockctl("getaddrinfo --no-hosts in.hosts 80")  # and now one that must be seen
    return "the log is deaf" if "in.hosts A" not in server.log else None


def calls(lab, *words):
    """The system calls of a command, without what differs from run to run."""
    log = os.path.join(lab.dir, "trace")
    env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}  # which cannot be done under strace
    status = subprocess.run(["strace", "-f", "-o", log, SOCKCTL, *words], capture_output=True, check=False, env=env).returncode
    with open(log, encoding="utf-8") as f:
        lines = [re.sub(r"0x[0-9a-f]+|\b\d{5,}\b|/proc/self/\S*", "N", line.split(maxsplit=1)[1]) for line in f]
    return status, [re.match(r"\w+", line)[0] for line in lines if re.match(r"\w+", line)], "".join(lines)


def dead_resolver(lab):
    """connect to a literal does the same with a resolver that is dead as with none."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = f"127.0.0.1:{listener.getsockname()[1]}"
        lab.configure(resolv="# nobody\n")
        status, none, _ = calls(lab, "connect", target)
        lab.configure(resolv="nameserver 192.0.2.254\nnameserver 192.0.2.253\n")
        status2, dead, text = calls(lab, "connect", target)
        if status or status2:
            return f"connect {target}: {status} {status2}"
        if none != dead:
            return f"other system calls with a dead resolver: {none} {dead}"
        if "SOCK_DGRAM" in text or "resolv.conf" in text:
            return f"a resolver was at work: {text}"
    return None


def main():
    lab = Lab()
    lab.interface("192.0.2.10/24", "2001:db8::10/64")
    lab.configure(hosts="127.0.0.1 localhost\n192.0.2.77 in.hosts\n", resolv="nameserver 127.0.0.1\nsearch search.test\n")
    server, sockctl = Server(), Sockctl()
    problem = silence(server, sockctl)
    sockctl.end()
    problem = problem or dead_resolver(lab)
    lab.end()
    print(problem or "nothing was asked")
    return problem is not None


if __name__ == "__main__":
    sys.exit(main())
