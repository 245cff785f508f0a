"""Scenarios for beside.py: bytes in and out, timeouts, options, poll."""
import socket, struct

from beside import *

# ---- bytes ----


def sends(m):
    yield m.socket().send, b"x"
    yield m.socket(2, 2).send, b"x"
    c, a = connected(m)
    yield c.send, b""
    yield c.send, b"abc"
    yield c.sendall, b""
    yield a.recv, 10
    for make in m.pair, lambda: m.pair(5), lambda: m.pair(2), lambda: connected(m):
        c, a = make()
        fill(c)
        yield c.send, b"x"
        c.settimeout(0.02)
        yield c.send, b"x"
        yield c.sendall, b"x"
        yield is_(m.poll(c, OUT), [])
    c, a = m.pair()
    c.setblocking(False)
    yield 1000 < c.send(bytes(10_000_000)) < 10_000_000  # short
    c, a = m.pair(2)
    yield c.send, bytes(10_000_000)  # too long for a message
    big = bytes(range(256)) * 20
    c, a = connected(m)
    c.sendall(big)
    yield a.read, len(big)


def datagrams(m):
    u, v = bound(m, 2), bound(m, 2)
    yield v.sendto, b"", u.getsockname()
    data, peer = u.recvfrom(10)
    yield data, peer == v.getsockname()
    yield v.sendto, b"0123456789", u.getsockname()
    yield u.recvfrom(4)[0]
    u.setblocking(False)
    yield u.recvfrom, 4  # the rest is gone
    yield v.sendto, bytes(65507), u.getsockname()
    yield len(u.recv(70000))
    yield v.sendto, bytes(65508), u.getsockname()
    yield v.sendto, b"x", ("255.255.255.255", 9)
    yield m.socket().sendto, b"x", u.getsockname()
    c, a = connected(m)
    yield c.sendto, b"the address counts for nothing", u.getsockname()
    yield a.recvfrom, 40
    w, gone = m.socket(2, 2), bound(m, 2)
    name = gone.getsockname()
    gone.close()
    w.connect(name)
    w.settimeout(10)
    yield w.send, b"x"
    yield is_(m.poll(w, IN | OUT, LONG), [12])  # ICMP told
    yield w.recv, 1
    yield is_(m.poll(w, IN | OUT), [4])
    w.setblocking(False)
    yield w.recv, 1
    x, y = m.pair(2)
    for data in b"one", b"", b"three":
        x.send(data)
    for _ in range(3):
        yield y.recv(10)
    six = bound(m, 2, "::1"), bound(m, 2, "::1")
    six[0].sendto(b"hi", six[1].getsockname())
    yield six[1].recvfrom(10)[1] == six[0].getsockname()


def receives(m):
    yield m.socket().recv, 1
    yield listening(m).recv, 1
    yield m.socket(1).recv, 1
    for make in m.pair, lambda: m.pair(5), lambda: m.pair(2), lambda: connected(m):
        c, a = make()
        a.setblocking(False)
        yield a.recv, 1
        a.settimeout(0.02)
        yield a.recv, 1
        a.settimeout(None)
        yield a.recv, -1
        c.send(b"abcdef")
        yield a.recv, 2, socket.MSG_PEEK
        yield a.recv, 2
        if a.kind()[1] == 1:
            yield a.recv, 0
            yield a.recv, 9, socket.MSG_WAITALL | socket.MSG_DONTWAIT
        yield a.recv, 9, socket.MSG_DONTWAIT
    c, a = connected(m)
    c.send(b"ab")
    c.send(b"!", socket.MSG_OOB)
    yield m.poll(a, 2, LONG)
    yield a.recv, 1, socket.MSG_OOB
    yield a.recv, 1, socket.MSG_OOB  # once
    yield a.recv, 6  # up to the mark
    c.send(b"cd", socket.MSG_MORE)
    c.send(b"ef")
    yield a.recv, 4, socket.MSG_WAITALL
    c.close()
    yield a.recv, 6
    yield a.recv, 6


def reads(m):
    c, a = connected(m)
    c.sendall(b"one\r\ntwo\0\rmore\n\nlast")
    for n in -1, 3, 3, -1, 0, -1:
        yield a.readline, n
    yield a.read, 0
    yield a.read, 2
    c.close()
    yield a.read, 5
    yield a.read, 5
    yield a.readline,
    yield a.read,
    c, a = m.pair()
    c.sendall(b"abcdefgh")
    buffer = bytearray(5)
    yield a.readinto(buffer), bytes(buffer)
    yield a.readinto(bytearray(0))
    c.close()
    yield a.readinto(buffer), bytes(buffer)
    yield a.readinto(buffer)
    yield m.socket().read, 1
    yield m.socket().readline,
    c, a = m.pair()
    for method in ("read", 5), ("readline",), ("readinto", bytearray(5)), ("read",):
        a.setblocking(False)
        yield getattr(a, method[0]), *method[1:]
        a.settimeout(0.02)
        yield getattr(a, method[0]), *method[1:]
    c, a = connected(m)
    c.sendall(b"kept")
    reset(c)
    m.poll(a, 0, LONG)
    yield a.read, 4
    yield a.read, 4
    yield a.read, 4


# ---- timeouts, options ----


def timeouts(m):
    s = m.socket()
    yield s.gettimeout()
    for t in 1, 0.25, 0, None, 1.5, 1e-7, 1e-9, 3600, 0.0:
        s.settimeout(t)
        yield s.gettimeout()
    for t in -1, -0.5, float("nan"), "x", "":
        yield s.settimeout, t
    for t in 5, 0, None:
        for flag in True, False:
            s.settimeout(t)
            s.setblocking(flag)
            yield s.gettimeout()
    c, a = m.pair()
    c.settimeout(1e-9)  # it rounds up: this is a wait, if a short one
    yield c.recv, 1
    c.setblocking(False)
    yield c.recv, 1
    srv, filler = pending(m)
    s.settimeout(0.02)
    yield s.connect, srv.getsockname()
    srv.accept()
    srv.settimeout(0.02)
    yield srv.accept,
    u = bound(m, 2)
    u.settimeout(0.02)
    yield u.recvfrom, 1


STEADY = {"SO_INCOMING_CPU", "TCP_INFO", "TCP_CC_INFO", "SO_PEERCRED", "IPV6_PATHMTU"}  # not: they change by themselves


def constants(prefix):
    return {n: int(getattr(socket, n)) for n in sorted(dir(socket)) if n.startswith(prefix) and n not in STEADY}


LEVELS = (socket.SOL_SOCKET, "SO_"), (socket.IPPROTO_TCP, "TCP_"), (socket.IPPROTO_IP, "IP_"), (socket.IPPROTO_IPV6, "IPV6_"), (12345, "SO_TYPE")


def options(m):
    for family, type in (2, 1), (2, 2), (10, 1), (10, 2), (1, 1), (1, 2):
        for level, prefix in LEVELS:
            for name, option in constants(prefix).items():
                yield (family, type, name), None
                s = m.socket(family, type)
                for length in 4, 1, 64:
                    yield s.getsockopt, level, option, length
                for value in 1, 0, b"", b"\1", struct.pack("ii", 1, 3), struct.pack("ll", 1, 0), b"lo\0":
                    yield s.setsockopt, level, option, value
                    yield s.getsockopt, level, option, 64


# ---- poll ----


def polls(m):
    """The table of A.16, its numbers included."""
    for s in m.socket(), bound(m):
        for mask, events in (IN | OUT, 20), (IN, 16), (0, 16):
            yield is_(m.poll(s, mask), [events])
    srv = listening(m)
    yield is_(m.poll(srv, IN | OUT), [])
    c = m.socket()
    c.connect(srv.getsockname())
    yield is_(m.poll(srv, IN | OUT, LONG), [1])
    a, _ = srv.accept()
    yield is_(m.poll(c, IN | OUT), [4])
    a.send(b"x")
    yield is_(m.poll(c, IN | OUT, LONG) and m.poll(c, IN, LONG) and m.poll(c, IN | OUT), [5])
    fill(a)
    yield is_(m.poll(a, IN | OUT), [])
    c, a = connected(m)
    a.close()
    m.poll(c, RDHUP, LONG)
    yield is_(m.poll(c, IN | OUT), [5])
    yield is_(m.poll(c, 0), [])
    yield is_(m.poll(c, RDHUP), [8192])
    yield is_(m.poll(c, IN | OUT | ERR | HUP), [5])
    c.send(b"x")  # makes the peer reset
    yield is_(m.poll(c, 0, LONG) and m.poll(c, IN | OUT), [29])
    c, a = connected(m)
    a.send(b"data")
    m.poll(c, IN, LONG)
    reset(a)
    m.poll(c, 0, LONG)
    yield is_(m.poll(c, IN | OUT), [29])
    yield is_(m.poll(c, IN), [25])
    yield c.recv, 4
    yield is_(m.poll(c, IN | OUT), [29])
    yield c.recv, 4
    yield is_(m.poll(c, IN | OUT), [21])
    yield is_(m.poll(c, IN), [17])
    s = m.socket()
    yield s.connect, bound(m).getsockname()
    yield is_(m.poll(s, IN | OUT), [20])
    yield is_(m.poll(m.socket(2, 2), IN | OUT), [4])
    for end in (lambda s: s.close()), (lambda s: s.shutdown(2)), (lambda s: s.shutdown(1)):
        for type in 1, 2, 5:
            c, a = m.pair(type)
            end(a)
            yield m.poll(c, IN | OUT | RDHUP)


def pollers(m):
    p = m.poller()
    yield p.poll(1)
    pairs = [m.pair() for _ in range(3)]
    for c, a in pairs:
        p.register(a)
    yield [events for _, events in p.poll()]
    for c, _ in reversed(pairs):
        c.send(b"x")
    p.register(pairs[0][1], OUT)  # again: a change
    p.modify(pairs[1][1], IN)
    yield [events for _, events in p.poll()]
    p.modify(pairs[1][1], 0)
    yield [events for _, events in p.poll()]
    p.unregister(pairs[2][1])
    yield [events for _, events in p.poll()]
    yield p.modify, pairs[2][1], IN
    pairs[0][1].close()
    yield [events for _, events in p.poll()]  # closed: 32, each time
    yield [events for _, events in p.poll()]


if __name__ == "__main__":
    main(globals())
