#!/usr/bin/env python3
"""getaddrinfo and getnameinfo beside libc's, in one network namespace with one DNS server: the same questions, the same answers. Every
difference must be one of DIFFERENCES. Run under `unshare -mn`; beside_names.py [SEED [COUNT]]"""

import ipaddress
import itertools
import random
import socket
import sys

from names_lab import Lab, Sockctl, quoted, run

HOSTS_FILE = """127.0.0.1 localhost lo4
::1 localhost ip6-localhost
192.0.2.20 four.hosts alias4
192.0.2.21 four.hosts
2001:db8::20 six.hosts
192.0.2.22 mixed.hosts m
2001:db8::22 mixed.hosts
fe80::9%lo linklocal.hosts
"""
ZONE = ("--host-record=both.test,192.0.2.2,2001:db8::2", "--host-record=v4.test,192.0.2.1", "--host-record=v6.test,2001:db8::6",
        "--host-record=many.test,192.0.2.40,2001:db8::40", "--host-record=many.test,198.51.100.7,2001:db8:1::7",
        "--host-record=deep.search.test,192.0.2.50,2001:db8::50", "--host-record=one.search.test,192.0.2.51",
        "--host-record=first.a.test,192.0.2.52", "--host-record=first.b.test,192.0.2.53,2001:db8::53",
        "--cname=alias.test,both.test", "--cname=alias2.test,alias.test", "--txt-record=empty.test,text",
        "--host-record=loop.test,127.0.0.1,::1", "--host-record=link.test,169.254.1.1,fe80::77",
        "--host-record=local.test,192.0.2.70,fd00:1::70", "--host-record=order.test,198.51.100.1,2400::1",
        "--host-record=order.test,192.0.2.200,2001:db8::ff", "--host-record=order.test,10.0.0.1,2002:c000:201::1",
        "--host-record=order.test,169.254.7.7,2001:db8:ffff::1", "--host-record=order.test,127.0.0.9,::1",
        "--host-record=a_b.test,192.0.2.60", "--host-record=xn--mnchen-3ya.test,192.0.2.61", "--address=/#/")

HOSTS = [None, "", "127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "0", "1.2.3", "256.1.1.1", "1.2.3.4.5", "127.0.0.1.",
         "::1", "::", "::ffff:1.2.3.4", "::1.2.3.4", "fe80::1%lo", "fe80::1%1", "fe80::1%nope", "::1%lo", "::1%1", "fe80::1", "[::1]", "2001:db8::1",
         "ff02::1%lo", "1:2:3:4:5:6:7:8:9", ":::", "*", "localhost", "LOCALHOST", "localhost.", "foo.localhost", "ip6-localhost", "lo4",
         "four.hosts", "FOUR.hosts", "alias4", "six.hosts", "mixed.hosts", "m", "linklocal.hosts", "four.hosts.", "both.test", "BOTH.TEST", "both.test.", "v4.test",
         "v6.test", "many.test", "order.test", "local.test", "alias.test", "alias2.test", "empty.test", "loop.test", "link.test", "nx.test", "nx", "deep", "one", "first",
         "deep.search", "a_b.test", "-x.test", "x-.test", "a..b", ".a", ".", "a b", "x/y", "a" * 63 + ".test", "a" * 64 + ".test",
         ("a" * 60 + ".") * 4 + "test", ("a" * 60 + ".") * 5 + "test", "münchen.test", b"\xff\xfe.test", "xn--mnchen-3ya.test"]
SERVICES = [None, "80", "0", "", "-1", "65535", "65536", "65616", "99999999999", "0x50", "010", "80abc", " 80", "+80", "http", "HTTP", "tftp", "domain",
            "nosuch", "*", "http/tcp"]
FAMILIES = [0, socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, 99]
TYPES = [0, socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET, 77]
PROTOS = [0, socket.IPPROTO_TCP, socket.IPPROTO_UDP, socket.IPPROTO_ICMP, socket.IPPROTO_SCTP, 200]
F = {name: getattr(socket, "AI_" + name) for name in "PASSIVE CANONNAME NUMERICHOST NUMERICSERV V4MAPPED ALL ADDRCONFIG".split()}
F |= {"IDN": 0x40, "CANONIDN": 0x80}
FLAGS = [0, *F.values(), F["V4MAPPED"] | F["ALL"], F["PASSIVE"] | F["NUMERICHOST"], F["CANONNAME"] | F["NUMERICHOST"],
         F["V4MAPPED"] | F["ADDRCONFIG"], F["CANONNAME"] | F["IDN"], F["CANONNAME"] | F["CANONIDN"], 0x4000000]

def is_error(answer):
    return isinstance(answer, int)


def names_end(q, *ends):
    return str(q[0]).lower().rstrip(".").endswith(ends)


def all_loopback(answer):
    return not is_error(answer) and all(a[4][0] in ("127.0.0.1", "::1", "::ffff:7f00:1") for a in answer)


def without_echo(q, libc):
    """libc's list without repetitions and without the IPv4 echo of ::1."""
    result = []
    for entry in libc:
        is_echo = q[0] == "ip6-localhost" and entry[4][0] in ("127.0.0.1", "::ffff:7f00:1")
        if entry[:3] + entry[4:] not in [e[:3] + e[4:] for e in result] and not is_echo:
            result.append(entry)
    return result


def same_set(libc, own):
    """The same answers in another order; the canonical name stands in the first, whichever that is."""
    return not is_error(libc) and not is_error(own) and sorted(e[:3] + e[4:] for e in libc) == sorted(e[:3] + e[4:] for e in own)


# What may differ: (why, the predicate of question, libc's answer and ours). A question is (host, service, family, type, proto, flags).
DIFFERENCES = [
    ("a port beyond 65535 is refused; libc takes it modulo 65536",
     lambda q, libc, own: q[1] in ("65536", "65616", "99999999999") and own in (-8, -2)),
    ("localhost and what ends in it are the loopback addresses (RFC 6761), whatever hosts and DNS say",
     lambda q, libc, own: names_end(q, "localhost") and all_loopback(own)),
    ("a name of the hosts file has each address once; libc repeats it, and gives ::1 as 127.0.0.1 to who wants IPv4",
     lambda q, libc, own: not is_error(libc) and without_echo(q, libc) == (own if not is_error(own) else [])),
    ("the hosts file may have addresses with a link", lambda q, libc, own: q[0] == "linklocal.hosts" and (libc == -2 or is_error(own))),
    ("a name with a final dot is looked up in the hosts file, too", lambda q, libc, own: q[0] == "four.hosts." and (libc == -2 or is_error(own))),
    ("where DNS has the name but no such address, EAI_NODATA says so also where libc says EAI_NONAME",
     lambda q, libc, own: (libc, own) == (-2, -5)),
    ("names in other scripts are always looked up as A-labels; libc wants AI_IDN and a locale",
     lambda q, libc, own: str(q[0]).startswith("mün")),
    ("the policy table is that of RFC 6724, with local IPv6 (fc00::/7) after IPv4; libc's is older",
     lambda q, libc, own: q[0] == "local.test" and same_set(libc, own)),
    ("the scope of a mapped IPv4 address is that of the IPv4 address (RFC 6724, 3.2)",
     lambda q, libc, own: q[0] == "order.test" and q[5] & F["V4MAPPED"] and same_set(libc, own)),
    ("all addresses are of one name of the search list; libc with AI_ALL may take each family from another",
     lambda q, libc, own: q[0] == "first" and q[2] == socket.AF_INET6 and q[5] == F["V4MAPPED"] | F["ALL"]),
    ("a canonical name stays in A-labels; libc turns it with AI_CANONIDN into what the locale can show",
     lambda q, libc, own: str(q[0]).startswith("xn--") and q[5] & F["CANONIDN"] and same_set(libc, own)),
    ("of two mistakes in one question either may be told", lambda q, libc, own: is_error(libc) and is_error(own) and mistakes(q) > 1),
]


def mistakes(q):
    host, service, family, kind, proto, flags = q
    return sum(map(bool, [
        host is None and service is None, is_error(by_libc((host, None, family, 0, 0, flags & ~F["NUMERICSERV"]))),
        is_error(by_libc(("127.0.0.1", service, 0, kind, proto, flags & F["NUMERICSERV"]))), is_error(by_libc(("127.0.0.1", "1", 0, kind, proto, 0)))]))


def by_libc(q):
    host, service, family, kind, proto, flags = q
    try:
        found = socket.getaddrinfo(host.encode() if isinstance(host, str) else host, service, family, kind, proto, flags)
    except socket.gaierror as e:
        return e.errno
    result = []
    for fam, typ, pro, canon, addr in found:
        ip = str(ipaddress.ip_address(addr[0].partition("%")[0]))
        result.append((int(fam), int(typ), pro, canon or None, (ip, *addr[1:])))
    return result


def number(value):
    return getattr(socket, value) if isinstance(value, str) else value


def by_sockctl(sockctl, q):
    host, service, family, kind, proto, flags = q
    words = ["getaddrinfo", "-t 20s"]
    for option, value in ("family", family), ("type", kind), ("proto", proto), ("flags", flags):
        if value:
            words.append(f"--{option} {value}")
    words += ["--", "-" if host is None else quoted(host), "-" if service is None else quoted(service)]
    answer = sockctl(" ".join(words))
    if not answer["ok"]:
        error = answer["error"]
        return error["errno"] if error["exit"] == 4 else f"{error['exit']} {error['message']}"
    result = []
    for r in answer["result"]:
        a = r["addr"]
        rest = (a["flowinfo"], a["scope_id"]) if r["family"] == "AF_INET6" else ()
        ip = str(ipaddress.ip_address(a["host"].partition("%")[0]))
        result.append((number(r["family"]), number(r["type"]), number(r["proto"]), r["canonname"], (ip, a["port"], *rest)))
    return result


def questions(seed, count):
    """Each host with each family, each service with each type, each flag with some hosts; then random ones."""
    for host, family in itertools.product(HOSTS, FAMILIES[:3]):
        yield host, "80", family, socket.SOCK_STREAM, 0, 0
    for service, kind in itertools.product(SERVICES, TYPES):
        yield "127.0.0.1", service, 0, kind, 0, 0
    for host, flags, family in itertools.product(("both.test", "v4.test", "v6.test", "many.test", "order.test", "alias2.test", "mixed.hosts", "four.hosts", None, "::1"), FLAGS, FAMILIES[:3]):
        yield host, "80", family, socket.SOCK_DGRAM, 0, flags
    for kind, proto in itertools.product(TYPES, PROTOS):
        yield "192.0.2.1", None, 0, kind, proto, 0
    rng = random.Random(seed)
    for _ in range(count):
        yield tuple(rng.choice(l) for l in (HOSTS, SERVICES, FAMILIES, TYPES, PROTOS[:3] + [0] * 5, FLAGS))


def names(sockctl):
    """getnameinfo beside libc's; the number of differences."""
    wrong = 0
    hosts = ["127.0.0.1", "::1", "192.0.2.2", "192.0.2.20", "2001:db8::20", "2001:db8::2", "192.0.2.99", "2001:db8::99", "0.0.0.0", "::", "192.0.2.51"]
    flags = [0, socket.NI_NUMERICHOST, socket.NI_NUMERICSERV, socket.NI_NAMEREQD, socket.NI_DGRAM, socket.NI_NOFQDN, socket.NI_NUMERICHOST | socket.NI_NAMEREQD]
    for host, port, flag in itertools.product(hosts, (0, 53, 80, 69, 65535), flags):
        try:
            libc = socket.getnameinfo((host, port), flag)
        except socket.gaierror as e:
            libc = e.errno
        answer = sockctl(f"getnameinfo --flags {flag} {quoted(host)} {port}" if flag else f"getnameinfo {quoted(host)} {port}")
        own = (answer["result"]["host"], answer["result"]["service"]) if answer["ok"] else answer["error"]["errno"]
        if own != libc:
            wrong += 1
            print(f"getnameinfo {host} {port} flags {flag}:\n  libc {libc}\n  own  {own}")
    return wrong


class Comparison:
    def __init__(self, sockctl):
        self.sockctl = sockctl
        self.wrong = self.total = 0
        self.seen = [0] * len(DIFFERENCES)

    def ask(self, q):
        libc, own = by_libc(q), by_sockctl(self.sockctl, q)
        self.total += 1
        if libc == own:
            return
        for i, (_, fits) in enumerate(DIFFERENCES):
            if fits(q, libc, own):
                self.seen[i] += 1
                return
        self.wrong += 1
        if self.wrong <= 40:
            print(f"getaddrinfo {q}:\n  libc {libc}\n  own  {own}")

    def tell(self):
        for n, (why, _) in zip(self.seen, DIFFERENCES):
            print(f"{n:5} {why}")
        print(f"{self.total} questions, {self.wrong} differences that are not documented")


def main(seed="1", count="1000"):
    lab = Lab()
    lab.interface("192.0.2.10/24", "2001:db8::10/64", "fd00:1::10/64")
    lab.configure(hosts=HOSTS_FILE, resolv="nameserver 127.0.0.1\nsearch a.test b.test search.test\n")
    lab.dnsmasq(*ZONE)
    sockctl = Sockctl()
    beside = Comparison(sockctl)
    for q in questions(int(seed), int(count)):
        beside.ask(q)
    wrong_names = names(sockctl)
    for address in "2001:db8::10/64", "fd00:1::10/64":  # and now without IPv6, but for the link's own
        run("ip", "addr", "del", address, "dev", "v0")
    for host, flags in itertools.product(HOSTS, FLAGS):
        beside.ask((host, "80", 0, socket.SOCK_STREAM, 0, flags))
    run("ip", "addr", "flush", "dev", "v0")
    for host, flags in itertools.product(HOSTS, FLAGS):
        beside.ask((host, "80", 0, socket.SOCK_STREAM, 0, flags))
    status = sockctl.end()
    lab.end()
    beside.tell()
    return beside.wrong + wrong_names > 0 or beside.total < 1000 or status not in (0, 2, 4)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
