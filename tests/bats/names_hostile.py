#!/usr/bin/env python3
"""A DNS server that lies, stammers and is silent; and what sockctl makes of it: for each name the status, what error.reason says, and the
addresses. 203.0.113.66 is the address that nobody may ever get. Run under `unshare -mn`; names_hostile.py"""

import asyncio
import concurrent.futures
import json
import random
import re
import struct
import subprocess
import sys
import threading

from names_lab import SOCKCTL, Lab

POISON = bytes([203, 0, 113, 66])
GOOD = bytes([192, 0, 2, 1])
A, CNAME, AAAA = 1, 5, 28
KINDS = {A: "A", AAAA: "AAAA"}


def encode(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def record(owner, rtype, data, ttl=60, length=None):
    return owner + struct.pack("!HHIH", rtype, 1, ttl, len(data) if length is None else length) + data


class Query:
    def __init__(self, packet):
        self.id = packet[:2]
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1 : at + 1 + packet[at]].decode("latin1"))
            at += packet[at] + 1
        self.name = ".".join(labels)
        self.type = struct.unpack_from("!H", packet, at + 1)[0]
        self.question = packet[12 : at + 5]

    def reply(self, *records, rcode=0, flags=0x8180, count=None, id_=None, question=None):
        head = (id_ or self.id) + struct.pack("!HHHHH", flags | rcode, 1, len(records) if count is None else count, 0, 0)
        return head + (self.question if question is None else question) + b"".join(records)

    def good(self, data=GOOD):
        """The plain answer: one IPv4 address, no IPv6."""
        return self.reply(record(b"\xc0\x0c", A, data)) if self.type == A else self.reply()


def other_id(q):
    return struct.pack("!H", struct.unpack("!H", q.id)[0] ^ 1)


def chain(q, n):
    """n aliases, then an address."""
    names = [f"c{i}.{q.name}" for i in range(n)]
    records, owner = [], q.name
    for name in names:
        records.append(record(encode(owner), CNAME, encode(name)))
        owner = name
    if q.type == A:
        records.append(record(encode(owner), A, GOOD))
    return q.reply(*records)


# What is sent back over UDP, by the first label: packets in order; None sends nothing more.
UDP = {
    "good": lambda q: [q.good()],
    "poison": lambda q: [q.good(POISON)],
    "id": lambda q: [q.reply(record(b"\xc0\x0c", A, POISON), id_=other_id(q))],
    "idthengood": lambda q: [q.reply(record(b"\xc0\x0c", A, POISON), id_=other_id(q)), q.good()],
    "question": lambda q: [q.reply(record(b"\xc0\x0c", A, POISON), question=encode("other.test") + struct.pack("!HH", q.type, 1))],
    "questionthengood": lambda q: [q.reply(record(b"\xc0\x0c", A, POISON), question=encode("other.test") + struct.pack("!HH", q.type, 1)), q.good()],
    "qtype": lambda q: [q.reply(record(b"\xc0\x0c", A, POISON), question=q.question[:-4] + struct.pack("!HH", 99, 1)), q.good()],
    "zero": lambda q: [b""],
    "zerothengood": lambda q: [b"", b"", q.good()],
    "short": lambda q: [q.id, q.id + b"\x81", q.id + b"\x81\x80\0\1\0\0\0\0\0", q.good()],
    "query": lambda q: [q.reply(record(b"\xc0\x0c", A, GOOD), flags=0) if q.type == A else q.reply(flags=0), q.good()],
    "owner": lambda q: [q.reply(record(encode("other.test"), A, POISON))],
    "lesscount": lambda q: [q.reply(count=1)],
    "morecount": lambda q: [q.reply(record(b"\xc0\x0c", A, GOOD), count=40000)],
    "longdata": lambda q: [q.reply(record(b"\xc0\x0c", A, GOOD, length=4000))],
    "shortdata": lambda q: [q.reply(record(b"\xc0\x0c", q.type, GOOD[:3]))],
    "pointer": lambda q: [q.reply(record(b"\xc0\xff", A, GOOD))],
    "pointerloop": lambda q: [q.reply(record(struct.pack("!H", 0xC000 | 12 + len(q.question)), A, GOOD))],
    "labeltype": lambda q: [q.reply(record(b"\x80\x0c", A, GOOD))],
    "selfcname": lambda q: [q.reply(record(b"\xc0\x0c", CNAME, b"\xc0\x0c"))],
    "cnameloop": lambda q: [q.reply(record(b"\xc0\x0c", CNAME, encode("b.loop.test")), record(encode("b.loop.test"), CNAME, encode(q.name)))],
    "cnamenowhere": lambda q: [q.reply(record(b"\xc0\x0c", CNAME, encode("nowhere.test")))],
    "chain10": lambda q: [chain(q, 10)],
    "chain14": lambda q: [chain(q, 14)],
    "evilname": lambda q: [q.reply(record(b"\xc0\x0c", CNAME, b"\x05\x1b[31m\x04test\0"), record(b"\x05\x1b[31m\x04test\0", A, GOOD)) if q.type == A else q.reply()],
    "nxdomain": lambda q: [q.reply(rcode=3)],
    "nxwithdata": lambda q: [q.reply(record(b"\xc0\x0c", A, POISON), rcode=3)],
    "nodata": lambda q: [q.reply()],
    "formerr": lambda q: [q.reply(rcode=1)],
    "servfail": lambda q: [q.reply(rcode=2)],
    "notimp": lambda q: [q.reply(rcode=4)],
    "refused": lambda q: [q.reply(rcode=5)],
    "rcode9": lambda q: [q.reply(rcode=9)],
    "silence": lambda q: [],
    "half": lambda q: [q.reply(record(b"\xc0\x0c", A if "good" in q.name else AAAA, GOOD if "good" in q.name else b"\x20\1" + bytes(14)))
                       if q.type == (A if "good" in q.name else AAAA) else q.reply()],
    "silent6": lambda q: [] if q.type == AAAA else [q.good()],
    "fail6": lambda q: [q.reply(rcode=2)] if q.type == AAAA else [q.good()],
    "tcp": lambda q: [q.reply(flags=0x8380)],
    "tcp4000": lambda q: [q.reply(flags=0x8380)],
    "tcpclose": lambda q: [q.reply(flags=0x8380)],
    "tcpgarbage": lambda q: [q.reply(flags=0x8380)],
    "tcpsilence": lambda q: [q.reply(flags=0x8380)],
    "tcpbytewise": lambda q: [q.reply(flags=0x8380)],
    "tcpid": lambda q: [q.reply(flags=0x8380)],
    "tcpzero": lambda q: [q.reply(flags=0x8380)],
    "noise": lambda q: [random.Random(i).randbytes(random.Random(i).randrange(600)) for i in range(200)] + [q.good()],
    "noisewithid": lambda q: [q.id + random.Random(i).randbytes(300) for i in range(50)] + [q.good()],
}
TCP = {
    "tcp": lambda q: q.good(),
    "tcp4000": lambda q: q.reply(*(record(b"\xc0\x0c", A, struct.pack("!I", 0x0A000000 + i)) for i in range(4000))) if q.type == A else q.reply(),
    "tcpclose": lambda q: None,
    "tcpgarbage": lambda q: b"\xff" * 500,
    "tcpsilence": lambda q: b"",
    "tcpbytewise": lambda q: q.good(),
    "tcpid": lambda q: q.reply(record(b"\xc0\x0c", A, POISON), id_=other_id(q)),
    "tcpzero": lambda q: q.good(),
}

# The name, what may come out: status, error.reason (None: success), addresses (None: some that are no poison).
OK = [(0, None, ["192.0.2.1"])]
LATE = [(4, "TIMEOUT", []), (124, "TIMEOUT", [])]
BAD = [(4, "BADRESP", []), *LATE]
EXPECTED = {
    "good": OK, "id": LATE, "idthengood": OK, "question": LATE, "questionthengood": OK, "qtype": OK, "zero": LATE, "zerothengood": OK, "short": OK + BAD, "query": OK + BAD,
    "owner": [(4, "NODATA", []), (4, "BADRESP", [])], "lesscount": BAD, "morecount": BAD + OK, "longdata": BAD, "shortdata": BAD + [(4, "NODATA", [])],
    "pointer": BAD, "pointerloop": BAD, "labeltype": BAD, "selfcname": [(4, "NODATA", []), *BAD], "cnameloop": [(4, "NODATA", []), *BAD], "cnamenowhere": [(4, "NODATA", [])],
    "chain10": OK, "chain14": OK, "evilname": OK + BAD, "nxdomain": [(4, "NXDOMAIN", [])], "nxwithdata": [(4, "NXDOMAIN", [])], "nodata": [(4, "NODATA", [])],
    "formerr": [(4, "FORMERR", [])], "servfail": [(4, "SERVFAIL", [])], "notimp": [(4, "NOTIMP", [])], "refused": [(4, "REFUSED", [])], "rcode9": BAD + [(4, "NODATA", [])],
    "silence": LATE, "silent6": OK, "fail6": OK, "tcp": OK, "tcp4000": [(0, None, None)], "tcpclose": [(4, "UNREACHABLE", []), (4, "BADRESP", []), *LATE],
    "tcpgarbage": BAD, "tcpsilence": LATE, "tcpbytewise": OK, "tcpid": LATE, "tcpzero": [*OK, *BAD, (4, "UNREACHABLE", [])], "noise": OK, "noisewithid": OK + BAD,
}


ARES = tuple(map(int, re.search(r"c-ares (\d+)\.(\d+)", subprocess.run([SOCKCTL, "--version"], capture_output=True, text=True, check=True).stdout).groups()))
if ARES >= (1, 21):  # no longer looks at the owner of an address
    EXPECTED["owner"].append((0, None, ["203.0.113.66"]))
if ARES >= (1, 32):  # takes what cannot be read for an answer, also with another id
    EXPECTED["noise"] = OK + BAD


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, log, always, ids=None):
        self.ids = [] if ids is None else ids
        self.log, self.always, self.transport, self.elsewhere = log, always, None, []

    def connection_made(self, transport):
        self.transport = transport

    async def prepare(self):
        loop = asyncio.get_running_loop()
        for source in ("127.0.0.2", 53), ("127.0.0.1", 0):
            self.elsewhere.append((await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=source))[0])

    def datagram_received(self, data, addr):
        q = Query(data)
        self.log.append(f"{q.name} {KINDS.get(q.type, q.type)}")
        self.ids.append(struct.unpack("!H", q.id)[0])
        kind = self.always or q.name.split(".", maxsplit=1)[0]
        if kind == "loss":  # every second question is lost
            if sum(entry.startswith("loss") for entry in self.log) % 2:
                return
            kind = "good"
        if kind.startswith("source"):
            asyncio.get_running_loop().create_task(self.from_elsewhere(q, addr, kind))
            return
        for packet in UDP.get(kind, UDP["nxdomain"])(q):
            self.transport.sendto(packet, addr)

    async def from_elsewhere(self, q, addr, kind):
        """The right answer to the right question, but from another port and from another address."""
        for transport in self.elsewhere:
            transport.sendto(q.good(POISON), addr)
        if kind == "sourcethengood":
            await asyncio.sleep(0.05)
            self.transport.sendto(q.good(), addr)


async def conversation(reader, writer, log):
    try:
        while True:
            q = Query(await reader.readexactly(struct.unpack("!H", await reader.readexactly(2))[0]))
            log.append(f"{q.name} {KINDS.get(q.type, q.type)} TCP")
            kind = q.name.split(".", maxsplit=1)[0]
            answer = TCP.get(kind, Query.good)(q)
            if answer is None:
                break
            if not answer:
                continue
            data = struct.pack("!H", len(answer)) + answer
            if kind == "tcpzero":
                data = b"\0\0" + data
            for part in [data[i : i + 1] for i in range(len(data))] if kind == "tcpbytewise" else [data]:
                writer.write(part)
                await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


class Server(threading.Thread):
    """On port 53, UDP and TCP; log has what was asked. `always`: every name is treated as this one."""

    def __init__(self, address="127.0.0.1", always=None):
        super().__init__(daemon=True)
        self.address, self.always = address, always
        self.log, self.ids, self.ready = [], [], threading.Event()
        self.start()
        self.ready.wait()

    def run(self):
        asyncio.run(self.serve())

    async def serve(self):
        _, datagrams = await asyncio.get_running_loop().create_datagram_endpoint(lambda: Datagrams(self.log, self.always, self.ids), local_addr=(self.address, 53))
        if not self.always:
            await datagrams.prepare()
        await asyncio.start_server(lambda r, w: conversation(r, w, self.log), self.address, 53)
        self.ready.set()
        await asyncio.Event().wait()


def look_up(name, *options):
    """(status, reason, addresses, message) of one process."""
    done = subprocess.run([SOCKCTL, "--json", "getaddrinfo", name, "--type", "stream", "-t", "20s", *options], capture_output=True, text=True, check=False)
    answer = json.loads(done.stdout)
    if answer["ok"]:
        return done.returncode, None, [r["addr"]["host"] for r in answer["result"]], ""
    error = answer["error"]
    if done.returncode == 4 and error.get("server") != "127.0.0.1":
        return done.returncode, "no server is named", [], error["message"]
    return done.returncode, error.get("reason"), [], error["message"]


def judge(kind, options=()):
    status, reason, addresses, message = look_up(f"{kind}.test", *options)
    expected = EXPECTED.get(kind, OK)
    fits = any(status == s and reason == r and (a is None or a == addresses) for s, r, a in expected)
    clean = (kind == "owner" or "203.0.113.66" not in addresses) and message.isprintable() and f"{kind}.test" in (message or f"{kind}.test")
    if not fits or not clean:
        return f"{kind} {options}: {status} {reason} {addresses[:3]} {message!r}; expected {expected}"
    return None


def main():
    lab = Lab()
    lab.configure(resolv="nameserver 127.0.0.1\noptions timeout:1 attempts:2\n")
    server = Server()
    assert look_up("poison.test")[2] == ["203.0.113.66"]  # the server can do it
    cases = [(kind, ()) for kind in [*EXPECTED, "sourcethengood", "loss"]] + [(kind, ("-4",)) for kind in EXPECTED if kind != "silent6"]
    EXPECTED["source"] = LATE
    cases.append(("source", ()))
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        wrong = [problem for problem in pool.map(lambda case: judge(*case), cases) if problem]
    print("\n".join(wrong))
    many = look_up("tcp4000.test")
    if len(many[2]) != 256:
        wrong.append("the number of addresses")
    print(f"{len(cases)} cases, {len(wrong)} wrong; {len(server.log)} questions; of 4000 addresses {len(many[2])} are taken")
    lab.end()
    return wrong


if __name__ == "__main__":
    sys.exit(bool(main()))
