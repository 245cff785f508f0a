"""Scenarios for beside.py: addresses, names, and how sockets are made, bound, connected and ended."""
import os, socket, struct, tempfile

from beside import *

# ---- addresses and names ----


def addresses(m):
    yield bound(m).getsockname()[0]
    yield bound(m, 1, "::1").getsockname()[2:]
    s = m.socket(10)
    s.bind(("::1", 0, 0, 0))
    yield len(s.getsockname())
    s = m.socket()
    s.bind(("0.0.0.0", 0))
    yield s.getsockname()[1] > 0, s.getsockname()[0]
    for port in 65536, -1, 1 << 32:
        yield m.socket().bind, ("127.0.0.1", port)
    c, a = connected(m)
    yield c.getpeername() == a.getsockname(), a.getpeername() == c.getsockname()
    c, a = connected(m, "::1")
    yield c.getpeername() == a.getsockname(), a.getpeername()[2:]
    yield m.socket().getpeername,
    yield m.pair()[0].getsockname,
    yield m.pair()[0].getpeername,


def unix_addresses(m):
    with tempfile.TemporaryDirectory() as d:
        kept = []
        for path in "s", "x" * (107 - len(d) - 1):
            s, c = m.socket(1), m.socket(1)
            kept.append(s)
            s.bind(f"{d}/{path}")
            s.listen()
            c.bind(f"{d}/{path[1:]}c")
            c.connect(f"{d}/{path}")
            yield s.accept()[1] == c.getsockname() == f"{d}/{path[1:]}c", c.getpeername() == f"{d}/{path}"
        yield m.socket(1).bind, f"{d}/s"  # the file is there
        yield m.socket(1).bind, f"{d}/no/s"
        yield m.socket(1).connect, f"{d}/nothing"
        open(f"{d}/file", "w").close()
        yield m.socket(1).connect, f"{d}/file"
        yield m.socket(1, 2).connect, f"{d}/s"  # of another type
        name = b"\0sockctl-%d-%d" % (os.getpid(), id(m))
        s, c = m.socket(1, 2), m.socket(1, 2)
        s.bind(name)
        c.connect(name)
        c.send(b"hi")
        yield s.getsockname() == c.getpeername() == name, s.recv(9)


def names(m):
    hosts = "127.0.0.1 ::1 0.0.0.0 :: fe80::1%lo ::ffff:1.2.3.4 127.1 0x7f.1 2130706433 1.2.3.4".split()
    for host in hosts + [None]:
        for port in 80, "80", "http", "domain", "nosuch", 0, 65535, None:
            yield (host, port), None
            yield m.getaddrinfo, host, port
    for host in "localhost", "[::1]", " ", "1.2.3.4.5", "1.2.3.4x":
        yield m.getaddrinfo, host, 80, 0, 0, 0, 4
    for flags in 0, 1, 2, 4, 5, 6, 8, 16, 24, 4 | 1024, 1 << 29:
        for family in 0, 2, 10, 1, 99:
            for type in 0, 1, 2, 3, 5, 99:
                for host in "127.0.0.1", "::1", None:
                    yield (host, family, type, flags), None
                    yield m.getaddrinfo, host, 80, family, type, 0, flags
    for proto in 0, 6, 17, 1, 255:
        for type in 0, 1, 2, 3:
            yield (type, proto), None
            yield m.getaddrinfo, "127.0.0.1", 80, 0, type, proto
    yield m.getaddrinfo, "127.0.0.1", "http", 0, 0, 0, 4 | 1024


def literals(m):
    texts = """0.0.0.0 127.0.0.1 255.255.255.255 256.1.1.1 1.2.3 01.2.3.4 0x7f.0.0.1 1.2.3.4.5 1.2.3.4. localhost
        :: ::1 1::2::3 ::ffff:1.2.3.4 ::FFFF:1.2.3.4 ABCD::EF [::1] fe80::1%lo 1:2:3:4:5:6:7:8 1:2:3:4:5:6:7:8:9 1:2:3:4:5:6:7
        12345:: ::1.2.3 1::1.2.3.4 ::: : 1: :1 ::1: 1:2:3:4:5:6:1.2.3.4 1:2:3:4:5:6:7:1.2.3.4"""
    for text in texts.split() + ["", " 1.2.3.4", "1.2.3.4 ", " ::1", "::1 "]:
        for family in 2, 10, 99:
            yield m.inet_pton, family, text
    for data in bytes(4), b"\x7f\0\0\1", b"\xff" * 4, b"abc", b"abcde", b"", bytes(16), b"\xff" * 16, bytes(10) + b"\xff\xff\1\2\3\4", bytes(15):
        for family in 2, 10:
            yield m.inet_ntop, family, data
    for i in range(4, 1 << 8):  # where a run of zeros is written as ::
        yield m.inet_ntop, 10, b"".join(b"\0\1" if i >> (7 - k) & 1 else b"\0\0" for k in range(8))


def tables(m):
    for n in 0, 1, 80, 0x1234, 65535:
        yield m.htons(n), m.ntohs(n)
    for n in 0, 1, 0x12345678, 0xFFFFFFFF:
        yield m.htonl(n), m.ntohl(n)
    for n in 65536, -1:
        yield m.htons, n
        yield m.ntohs, n
    for name in "domain", "discard", "ntp":
        yield m.getservbyname(name, "udp")
    for name in "tcp", "udp", "icmp", "ipv6-icmp":
        yield m.getprotobyname, name
    yield m.if_nameindex()
    yield m.if_nametoindex("lo"), m.if_indextoname(1)


# ---- sockets made and ended ----


def kinds(m):
    numbers = [(2, 1, 0), (2, 1, 6), (2, 2, 17), (2, 1, 17), (2, 2, 6), (2, 3, 0), (2, 3, 1), (2, 5, 0), (2, 4, 0), (2, 0, 0)]
    numbers += [(2, 1, 132), (2, 1, 262), (2, 2, 136), (10, 1, 0), (10, 2, 0), (10, 3, 58), (1, 1, 0), (1, 2, 0), (1, 5, 0), (1, 1, 6)]
    numbers += [(16, 3, 0), (17, 3, 0), (40, 1, 0), (0, 1, 0), (99, 1, 0), (2, 123456, 0), (2, 2048 | 1, 0)]
    for family, type, proto in numbers:
        yield (family, type, proto), None
        try:
            s = m.socket(family, type, proto)
            yield s.kind()[0] == family, s.kind()[1] & ~2048 == type & ~2048
        except OSError as e:
            yield e.errno
    yield m.socket().bind, ("127.0.0.1", 81)  # a port for root


def after_close(m):
    for s in m.socket(), m.socket(2, 2), listening(m), connected(m)[0], m.pair()[0]:
        yield s.close()
        yield s.close()
        yield s.fileno()
        for method, *arguments in [
            *(("recv", 1), ("recvfrom", 1), ("read", 1), ("readline",), ("readinto", bytearray(1))),
            *(("send", b"x"), ("send", b""), ("sendall", b"x"), ("listen",), ("accept",), ("dup",), ("shutdown", 2)),
            *(("getsockname",), ("getpeername",), ("setsockopt", 1, 9, 1), ("getsockopt", 1, 3), ("settimeout", 1), ("setblocking", True)),
        ]:
            yield method, None
            yield getattr(s, method), *arguments
    s = m.socket()
    s.close()
    yield s.bind, ANYWHERE
    yield s.connect, ("127.0.0.1", 9)
    s = m.socket(2, 2)
    s.close()
    yield s.sendto, b"x", ("127.0.0.1", 9)


def ends(m):
    for end in (lambda s: s.close(), reset):
        for unread in False, True:
            c, a = connected(m)
            a.sendall(b"last words")
            if unread:
                c.sendall(b"never read")
                m.poll(a, IN, LONG)
            end(a)
            m.poll(c, RDHUP, LONG)
            for _ in range(3):
                yield c.recv, 4
                yield m.poll(c, IN | OUT)
            for _ in range(3):
                yield c.send, b"x"
    c, a = connected(m)  # the first send after a reset tells of it, then it is EPIPE
    reset(a)
    m.poll(c, 0, LONG)
    yield c.send, b"x"
    yield c.send, b"x"
    yield c.recv, 1
    yield c.getpeername,


def shutdowns(m):
    for make in connected, lambda m: connected(m, "::1"), lambda m: m.pair(), lambda m: m.pair(5):
        c, a = make(m)
        c.send(b"question")
        c.shutdown(socket.SHUT_WR)
        yield a.recv, 20
        yield a.recv, 20
        yield c.send, b"x"
        a.send(b"answer")
        yield c.recv, 20
        yield a.shutdown, socket.SHUT_RDWR
        yield c.recv, 20
        c, a = make(m)
        a.send(b"kept")
        m.poll(c, IN, LONG)
        c.shutdown(socket.SHUT_RD)
        yield c.recv, 20
        yield c.recv, 20
    yield m.socket().shutdown, 2
    yield m.socket(2, 2).shutdown, 2
    c, a = connected(m)
    c.shutdown(1)
    yield c.shutdown, 1
    a.close()
    m.poll(c, RDHUP, LONG)
    yield c.shutdown, 2


# ---- bind, listen, accept, connect ----


def binds(m):
    s = bound(m)
    yield s.bind, ANYWHERE  # twice
    s.listen()
    yield m.socket().bind, s.getsockname()  # in use
    yield m.socket().bind, ("192.0.2.1", 0)  # not ours
    yield m.socket(10).bind, ("2001:db8::1", 0)
    other = m.socket()
    yield other.getsockopt(1, socket.SO_REUSEADDR)  # nobody sets it unasked
    u, v = bound(m, 2), m.socket(2, 2)
    yield v.bind, u.getsockname()


def listens(m):
    s = bound(m)
    for backlog in (-5,), (0,), (), (10,), (2147483647,):
        yield s.listen, *backlog
    yield s.listen, 2147483648
    s = m.socket()  # not bound: the kernel chooses
    yield s.listen,
    yield s.getsockname()[0], s.getsockname()[1] > 0
    yield bound(m, 2).listen,
    yield m.socket(1).listen,
    c, a = connected(m)
    yield c.listen,
    yield s.connect, s.getsockname()  # it listens


def accepts(m):
    yield bound(m).accept,
    yield m.socket().accept,
    yield bound(m, 2).accept,
    yield connected(m)[0].accept,
    s = listening(m)
    s.settimeout(0)
    yield s.accept,
    s.settimeout(0.02)
    yield s.accept,
    s.settimeout(5)
    s.setsockopt(1, socket.SO_RCVTIMEO, struct.pack("ll", 0, 1))  # the kernel hands it on; it counts for nobody
    c = m.socket()
    c.connect(s.getsockname())
    a, peer = s.accept()
    yield peer == c.getsockname(), a.gettimeout()
    c2 = m.socket()
    c2.connect(s.getsockname())
    reset(c2)  # one that has gone already
    yield s.accept()[0].recv, 1


def connects(m):
    nobody = bound(m)
    s = m.socket()
    yield s.connect, nobody.getsockname()
    yield s.connect, nobody.getsockname()  # it stays usable
    yield s.getpeername,
    srv = listening(m)
    yield s.connect, srv.getsockname()
    yield s.connect, srv.getsockname()
    u, v, w = bound(m, 2), bound(m, 2), m.socket(2, 2)
    for peer in u, v, u:
        yield w.connect, peer.getsockname()
        yield w.getpeername() == peer.getsockname()
    w.send(b"hi")
    v.sendto(b"from a stranger", w.getsockname())
    yield u.recv, 10
    w.setblocking(False)
    yield w.recv, 20
    yield w.sendto, b"to a third", v.getsockname()
    yield v.recv, 20


def connects_later(m):
    srv = listening(m)
    s = m.socket()
    s.setblocking(False)
    yield s.connect, srv.getsockname()
    yield is_(m.poll(s, IN | OUT, LONG), [OUT])
    yield s.getsockopt(1, socket.SO_ERROR)
    yield s.connect, srv.getsockname()  # tells how it ended, once
    yield s.connect, srv.getsockname()
    nobody = bound(m)
    s = m.socket()
    s.setblocking(False)
    yield s.connect, nobody.getsockname()
    yield is_(m.poll(s, IN | OUT, LONG), [29])
    yield s.recv, 1
    yield s.recv, 1
    yield is_(m.poll(s, IN | OUT), [21])
    for operation in (lambda s: s.send(b"x")), (lambda s: s.getsockopt(1, socket.SO_ERROR)), (lambda s: s.connect(nobody.getsockname())):
        s = m.socket()
        s.setblocking(False)
        yield s.connect, nobody.getsockname()
        m.poll(s, 0, LONG)
        yield operation, s
        yield operation, s


def connects_never(m):
    srv, c = pending(m)
    s = m.socket()
    s.setblocking(False)
    for _ in range(3):
        yield s.connect, srv.getsockname()
    yield is_(m.poll(s, IN | OUT), [])
    yield s.send, b"x"
    yield s.recv, 1
    yield s.getpeername,
    yield s.getsockopt(1, socket.SO_ERROR)
    s = m.socket()
    s.settimeout(0.05)
    yield s.connect, srv.getsockname()
    yield is_(m.poll(s, IN | OUT), [])
    s.setblocking(False)
    yield s.connect, srv.getsockname()  # it goes on in the kernel
    srv.accept()


if __name__ == "__main__":
    main(globals())
