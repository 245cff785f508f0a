"""A TLS server that misbehaves, one connection after the other: tls_hostile.py CERT KEY WAY...; prints its port, serves one client a WAY.

  oversize     a record longer than TLS allows          zeros     empty records without end
  alerts       warnings without end                     garbage   a record of the right kind, full of nonsense
  stall:N      N per cent of its first flight, then nothing      cut:N   ... then the end      reset:N   ... then a reset
  tickets:N    a good handshake, N tickets, a line, the end      abort   a good handshake, a line, a reset
  fin          a good handshake, the end of the connection without that of TLS      rst     the same with a reset
"""

import socket
import ssl
import struct
import sys
import threading


def reset(c):
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.close()


def flood(c, record):
    try:
        while True:
            c.sendall(record * 100)
    except OSError:
        pass


def first_flight(context, c):
    """What a good server answers to the ClientHello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=True)
    while True:
        incoming.write(c.recv(65536))
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        if outgoing.pending:
            return outgoing.read()


def serve(context, c, way, n):
    if way in ("oversize", "zeros", "alerts", "garbage"):
        c.recv(65536)
        record = {"oversize": b"\x16\x03\x03\xff\xff" + bytes(65535), "zeros": b"\x16\x03\x03\x00\x00",
                  "alerts": b"\x15\x03\x03\x00\x02\x01\x5a", "garbage": b"\x16\x03\x03\x00\x04\x02\xff\xff\xff"}[way]
        return flood(c, record)
    if way in ("stall", "cut", "reset"):
        flight = first_flight(context, c)
        c.sendall(flight[: len(flight) * n // 100])
        if way == "reset":
            reset(c)
        elif way == "cut":
            c.shutdown(socket.SHUT_WR)
        else:
            while c.recv(65536):
                pass
        return None
    tls = context.wrap_socket(c, server_side=True)
    if way in ("fin", "rst"):
        c = socket.socket(fileno=tls.detach())
        if way == "rst":
            return reset(c)
        c.shutdown(socket.SHUT_WR)
        while c.recv(65536):
            pass
        return None
    tls.sendall(b"line\n")
    if way == "abort":
        tls.recv(1)  # the client has read the line
        return reset(socket.socket(fileno=tls.detach()))
    tls.unwrap()
    return tls.close()


def quietly(*args):
    try:
        serve(*args)
    except OSError:
        pass


def main():
    cert, key, *ways = sys.argv[1:]
    s = socket.create_server(("127.0.0.1", 0))
    print(s.getsockname()[1], flush=True)
    for word in ways:
        way, _, n = word.partition(":")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        if way in ("tickets", "fin", "rst"):
            context.num_tickets = int(n or 0)
        c, _ = s.accept()
        threading.Thread(target=quietly, args=(context, c, way, int(n or 0)), daemon=True).start()
    threading.Event().wait()


main()
