#!/usr/bin/env python3
"""How names are looked up: resolv.conf, hosts, nsswitch.conf and the options that stand in for them; several servers, of which some are bad.
Run under `unshare -mn`; names_config.py"""

import json
import os
import shutil
import socket
import subprocess
import sys

from names_hostile import ARES, Server
from names_lab import SOCKCTL, Lab, Sockctl, run

failed = []


def sockctl(*words, env=None):
    """(status, the addresses or error.reason, the message, everything)"""
    done = subprocess.run([SOCKCTL, "--json", *words], capture_output=True, text=True, check=False, env={**os.environ, **(env or {})})
    answer = json.loads(done.stdout)
    if answer["ok"]:
        return done.returncode, [r["addr"]["host"] for r in answer["result"]], done.stderr, answer
    return done.returncode, answer["error"].get("reason"), answer["error"]["message"], answer


def gai(*words, env=None):
    return sockctl("getaddrinfo", "--type", "stream", "-t", "20s", *words, env=env)


def expect(what, got, want):
    if got != want:
        failed.append(f"{what}: got {got!r}, want {want!r}")


def files(lab):
    """Read again when they change, in a process that goes on."""
    session = Sockctl()
    ask = lambda name: [r["addr"]["host"] for r in session(f"getaddrinfo -t 20s --type stream {name}").get("result", [])]
    lab.configure(hosts="192.0.2.7 seven\n", resolv="nameserver 127.0.0.1\n")
    expect("hosts", ask("seven"), ["192.0.2.7"])
    lab.file("/etc/hosts", "192.0.2.8 seven eight\n192.0.2.9 seven\n")
    expect("hosts, changed", ask("seven"), ["192.0.2.8", "192.0.2.9"])
    lab.file("/etc/resolv.conf", "nameserver 127.0.0.1\nsearch good\n")  # good.SEARCH is good
    expect("resolv.conf, changed", ask("good.x"), ["192.0.2.1"])
    lab.file("/etc/nsswitch.conf", "hosts: files\n")
    answer = session("getaddrinfo -t 20s good.test")
    expect("nsswitch without dns", (answer["ok"], answer["error"]["errno"]), (False, -2))
    expect("nsswitch without dns, in words", "nsswitch.conf" in answer["error"]["message"], True)
    lab.file("/etc/nsswitch.conf", "hosts: files [NOTFOUND=return] dns\n")
    expect("nsswitch, nobody behind files", (ask("seven"), session("getaddrinfo -t 20s good.test")["ok"]), (["192.0.2.8", "192.0.2.9"], False))
    lab.file("/etc/nsswitch.conf", "hosts: mdns4_minimal [NOTFOUND=return] files dns\n")
    expect("nsswitch with mdns", (ask("seven"), session("getaddrinfo -t 20s good.x")["ok"]), (["192.0.2.8", "192.0.2.9"], True))
    lab.file("/etc/nsswitch.conf", "hosts: dns\n")
    expect("nsswitch without files", session("getaddrinfo -t 20s seven")["ok"], False)
    session.end()
    lab.configure()


def options(lab, good):
    lab.configure(hosts="127.0.0.1 localhost\n192.0.2.7 good.test\n", resolv="nameserver 127.0.0.1\nsearch a.test nx.test\n")
    expect("hosts first", gai("good.test")[1], ["192.0.2.7"])
    expect("--no-hosts", gai("--no-hosts", "good.test")[1], ["192.0.2.1"])
    expect("search", gai("good")[1], ["192.0.2.1"])
    good.log.clear()
    expect("--no-search", gai("--no-search", "nowhere")[1], "NXDOMAIN")
    expect("--no-search, asked", {entry.split()[0] for entry in good.log}, {"nowhere"})
    good.log.clear()
    expect("search, in vain", gai("nowhere")[1], "NXDOMAIN")
    expect("search, asked", [entry for entry in good.log if entry.endswith(" A")], ["nowhere.a.test A", "nowhere.nx.test A", "nowhere A"])
    good.log.clear()
    expect("a final dot", gai("nowhere.")[1], "NXDOMAIN")
    expect("a final dot, asked", {entry.split()[0] for entry in good.log}, {"nowhere"})
    good.log.clear()
    expect("--tcp", gai("--no-hosts", "--tcp", "good.test")[1], ["192.0.2.1"])
    expect("--tcp, asked", sorted(good.log), ["good.test A TCP", "good.test AAAA TCP"])
    good.log.clear()
    own = ["--resolve", "www.test:192.0.2.80", "--resolve", "WWW.test.:2001:db8::80"]
    expect("--resolve", sorted(gai(*own, "www.test")[1]), ["192.0.2.80", "2001:db8::80"])
    expect("--resolve -6", gai(*own, "-6", "Www.Test.")[1], ["2001:db8::80"])
    expect("--resolve before the command", sockctl(*own[:2], "getaddrinfo", "--first", "www.test")[1], ["192.0.2.80"])
    status, _, message, answer = gai(*own[:2], "-6", "www.test")
    expect("--resolve without such an address", (status, answer["error"]["code"], "--resolve" in message), (4, "EAI_NODATA", True))
    expect("--resolve, asked", good.log, [])
    for words in (["--server", "localhost"], ["--server", "127.0.0.1:0"], ["--server", "127.0.0.1:65589"], ["--server", "127.0.0.1,"], ["--server", ""], ["--server", "127.1"],
                  ["--server", "::1:53:"], ["--server", "[::1"], ["--server", "127.0.0.1:"], ["--resolve", "a.test"], ["--resolve", "a.test:"], ["--resolve", ":127.0.0.1"],
                  ["--resolve", "a.test:127.1"], ["--resolve", "127.0.0.1:127.0.0.2"], ["--resolve", "a.test:127.0.0.1:80"]):
        expect(words, sockctl("getaddrinfo", *words, "good.test")[0], 2)
    expect("refusals, asked", good.log, [])
    env = {"HOSTALIASES": os.path.join(lab.dir, "aliases"), "LOCALDOMAIN": "evil.test", "RES_OPTIONS": "ndots:5", "CARES_HOSTS": os.path.join(lab.dir, "aliases")}
    with open(env["HOSTALIASES"], "w", encoding="ascii") as f:
        f.write("good poison.test\n192.0.2.66 good\n")
    expect("the environment", gai("--no-hosts", "good", env=env)[1], ["192.0.2.1"])
    done = subprocess.run([SOCKCTL, "-v", "getaddrinfo", "--no-hosts", "good.test", "80"], capture_output=True, text=True, check=False)
    expect("-v", "answered by DNS server 127.0.0.1" in done.stderr, True)
    done = subprocess.run([SOCKCTL, "getaddrinfo", "tcp4000.test", "80"], capture_output=True, text=True, check=False)
    expect("many, told", ("more addresses" in done.stderr, done.returncode, len(done.stdout.splitlines())), (True, 0, 3 * 256))


def servers(lab, good):
    bad = {kind: Server(f"127.0.0.{i + 10}", always=kind) for i, kind in enumerate(["servfail", "refused", "notimp", "formerr", "silence", "noise"])}
    for kind, server in bad.items():
        lab.configure(resolv=f"nameserver {server.address}\nnameserver 127.0.0.1\noptions timeout:1\n")
        good.log.clear()
        expect(f"{kind}, then good", gai("good.test")[1], ["192.0.2.1"])
        if kind != "noise":
            expect(f"{kind}, then good: asked", (bool(server.log), bool(good.log)), (True, True))
            status, reason, message, answer = gai("nx.test")
            expect(f"{kind}, then NXDOMAIN", (status, reason, answer["error"]["server"]), (4, "NXDOMAIN", "127.0.0.1"))
            expect(f"{kind}, then NXDOMAIN, in words", "NXDOMAIN from 127.0.0.1)" in message, True)
    expect("a dead port, then good", gai("--server", "127.0.0.99,127.0.0.1", "good.test")[1], ["192.0.2.1"])
    status, reason, _, answer = gai("--server", "127.0.0.10", "--server", "127.0.0.99:5353", "good.test")
    expect("SERVFAIL says more than nothing", (status, reason, answer["error"]["server"]), (4, "SERVFAIL", "127.0.0.10"))
    silent = bad["silence"].address
    status, reason, message, answer = gai("--server", f"{silent}:53", "--server", "127.0.0.99:5353", "good.test")
    expect("nobody", (status, reason, answer["error"]["server"]), (4, "TIMEOUT", f"{silent}, 127.0.0.99:5353"))
    expect("nobody: how often", answer["error"]["timeouts"] >= 2, True)
    status, reason, message, answer = sockctl("getaddrinfo", "-t", "300ms", "--server", silent, "good.test")
    expect("the time is over", (status, reason, answer["error"]["code"], answer["error"]["server"]), (124, "TIMEOUT", "ETIMEDOUT", silent))
    expect("the time is over, in words", f"good.test: no answer from DNS server {silent} in " in message, True)
    # The time is shared, and who was silent is asked last.
    session, line = Sockctl(), f"getaddrinfo -t 900ms --type stream --server {silent} --server 127.0.0.1 good.test"
    expect("a share of the time", session(line)["ok"], True)
    bad["silence"].log.clear()
    expect("the second time", [session(line)["ok"] for _ in range(20)], [True] * 20)
    expect("the silent one is left alone", bad["silence"].log, [])
    session.end()


def numbers(good):
    """Nobody can guess the number of the next question."""
    good.ids.clear()
    session = Sockctl()
    for i in range(100):
        session(f"getaddrinfo -t 20s -4 --server 127.0.0.1 good.test{i}")
    session.end()
    steps = {(b - a) % 65536 for a, b in zip(good.ids, good.ids[1:])}
    expect("the numbers of questions", (len(set(good.ids)) > 90, len(steps) > 80), (True, True))


def link_local(lab):
    """A server at a link-local address, which c-ares 1.18 does not understand."""
    text = subprocess.run(["ip", "-j", "-6", "addr", "show", "dev", "v0", "scope", "link"], capture_output=True, text=True, check=True).stdout
    server = next(a["local"] for a in json.loads(text)[0]["addr_info"] if "local" in a) + "%v0"
    asked = Server(server, always="good")
    lab.configure(resolv=f"nameserver {server}\n")
    status, reason, message, _ = gai("any.test")
    if ARES >= (1, 34) and status:  # 1.34.5 does not take them
        expect("a link-local server, in words", (status, reason, "c-ares" in message and server in message), (4, "UNREACHABLE", True))
        return
    expect("a link-local server of resolv.conf", gai("any.test")[1], ["192.0.2.1"])
    expect("--server with a link", gai("--server", f"[{server}]:53", "any.test")[1], ["192.0.2.1"])
    expect("a link-local server, asked", bool(asked.log), True)
    expect("another link", gai("--server", server.replace("v0", "lo"), "any.test")[0] in (4, 124), True)


def unreadable(lab, good):
    """Files that may not be read, for root without its rights: as if they were not there."""
    mute = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", SOCKCTL]
    lab.configure(hosts="192.0.2.7 good.test\n", resolv="nameserver 192.0.2.254\n")
    own = [os.path.join(lab.dir, name) for name in ("etc_hosts", "etc_resolv.conf", "etc_nsswitch.conf")]
    for path in own:
        os.chmod(path, 0)
    good.log.clear()
    done = subprocess.run([*mute, "-v", "getaddrinfo", "--first", "-4", "-t", "20s", "good.test"], capture_output=True, text=True, check=False)
    expect("unreadable files", (done.returncode, done.stdout, bool(good.log)), (0, "192.0.2.1:0\n", True))
    expect("unreadable files, told", "resolv.conf cannot be read" in done.stderr, True)
    for words in (["getaddrinfo", "-t", "20s", "nx.test"], ["connect", "-t", "20s", "nx.test:9"], ["resolve", "nx.test"], ["probe", "nx.test:9"]):
        done = subprocess.run([*mute, *words], capture_output=True, text=True, check=False)
        expect(f"unreadable files: {words[0]}", (done.returncode, "resolv.conf cannot be read" in done.stderr), (4, True))
    for path in own:
        os.chmod(path, 0o644)
    expect("readable again", gai("good.test")[1], ["192.0.2.7"])


def bad_files(lab, good):
    """A resolv.conf that is missing, empty, garbage: 127.0.0.1, as resolver(5) says."""
    for what, text in (("empty", ""), ("garbage", "\0\x01nameserver\nnameserver \nnameserver x.test 300.1.1.1 ::g\noptions \0\nsearch\n" + "x" * 5000), ("NUL", "name\0server 192.0.2.254\n")):
        lab.configure(resolv=text)
        good.log.clear()
        expect(f"resolv.conf: {what}", gai("good.test.")[1], ["192.0.2.1"])
        expect(f"resolv.conf: {what}: asked", bool(good.log), True)
    lab.configure(hosts="\0\0\0\n" + "x" * 100000 + "\n::1\n1.2.3.4\n\n192.0.2.7 seven\n" + "\xff\xfe\n", resolv="nameserver 127.0.0.1\n", order="nosuch [!UNAVAIL=return] files dns")
    expect("hosts: garbage", gai("seven")[1], ["192.0.2.7"])
    unreadable(lab, good)
    etc = os.path.join(lab.dir, "etc")
    shutil.copytree("/etc", etc, symlinks=True, ignore=lambda _, names: [n for n in names if n in ("resolv.conf", "hosts", "nsswitch.conf")])
    run("mount", "--bind", etc, "/etc")
    expect("no files at all", gai("good.test")[1], ["192.0.2.1"])
    run("umount", "/etc")


def connecting(lab, good):
    """connect takes the same options, and the two families of a connection are never two hosts of the search list."""
    lab.configure(resolv="nameserver 127.0.0.1\nsearch good.test other.test\n")
    good.log.clear()
    answer = sockctl("connect", "-t", "300ms", "half:9")[3]  # half.good.test has IPv4 alone, half.other.test IPv6
    tried = {a["addr"]["host"] for a in answer["error"]["attempts"]}
    expect("one host", (tried, "half.other.test AAAA" in good.log), ({"192.0.2.1"}, False))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = subprocess.run([SOCKCTL, "--json", "connect", "--resolve", "www.test:127.0.0.1", f"www.test:{port}"], capture_output=True, text=True, check=False)
        expect("connect --resolve", (done.returncode, json.loads(done.stdout)["result"]["peer"]["port"]), (0, port))
    done = subprocess.run([SOCKCTL, "--json", "connect", "--server", "127.0.0.10", "-t", "20s", "good.test:9"], capture_output=True, text=True, check=False)
    error = json.loads(done.stdout)["error"]
    expect("connect, SERVFAIL", (done.returncode, error["code"], "SERVFAIL from 127.0.0.10" in error["message"]), (4, "EAI_AGAIN", True))


def main():
    lab = Lab()
    lab.interface("192.0.2.10/24", "2001:db8::10/64")
    good = Server()
    files(lab)
    options(lab, good)
    servers(lab, good)
    numbers(good)
    connecting(lab, good)
    link_local(lab)
    bad_files(lab, good)
    lab.end()
    print("\n".join(failed) or "all as it should be")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
