#!/usr/bin/env python3
"""A DNS server for tests, on UDP: dns_server.py ADDRESS PORT ZONE

ZONE has a line for each name and type: NAME TYPE [after=MS] [drop] [rcode=N] [ADDRESS...]. A name without a line for a
type has no data of it; a name without any line does not exist. Prints "ready" when it can be asked, then a line
NAME TYPE for each question, when it comes."""

import asyncio
import ipaddress
import struct
import sys

TYPES = {"A": 1, "AAAA": 28}
NXDOMAIN = 3


class Entry:
    """What is answered for one name and type."""

    def __init__(self, words):
        self.after = 0.0
        self.drop = False
        self.rcode = 0
        self.data = []
        for word in words:
            if word == "drop":
                self.drop = True
            elif word.startswith("after="):
                self.after = float(word[6:]) / 1000
            elif word.startswith("rcode="):
                self.rcode = int(word[6:])
            else:
                self.data.append(ipaddress.ip_address(word).packed)


def read_zone(path):
    zone = {}
    with open(path, encoding="ascii") as lines:
        for line in lines:
            words = line.split()
            if words and not words[0].startswith("#"):
                zone[words[0].lower(), TYPES[words[1]]] = Entry(words[2:])
    return zone


def read_question(packet):
    """The name, the type, and where the question ends."""
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode("ascii"))
        at += packet[at] + 1
    return ".".join(labels).lower(), struct.unpack_from("!H", packet, at + 1)[0], at + 5


def reply(packet, end, rcode, rtype, data):
    flags = 0x8180 | rcode
    head = packet[:2] + struct.pack("!HHHHH", flags, 1, len(data), 0, 0)
    records = b"".join(struct.pack("!HHHIH", 0xC00C, rtype, 1, 60, len(d)) + d for d in data)
    return head + packet[12:end] + records


class Server(asyncio.DatagramProtocol):
    def __init__(self, zone):
        self.zone = zone
        self.names = {name for name, _ in zone}
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport
        print("ready", flush=True)

    def datagram_received(self, data, addr):
        name, rtype, end = read_question(data)
        print(name, next((t for t, n in TYPES.items() if n == rtype), rtype), flush=True)
        entry = self.zone.get((name, rtype), Entry([]))
        if entry.drop:
            return
        rcode = entry.rcode if name in self.names else NXDOMAIN
        answer = reply(data, end, rcode, rtype, entry.data)
        asyncio.get_running_loop().call_later(entry.after, self.transport.sendto, answer, addr)


async def main(address, port, zone):
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Server(read_zone(zone)), local_addr=(address, int(port)))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
