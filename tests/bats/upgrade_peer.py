"""A server that begins in plain text: upgrade_peer.py CERT KEY PROTOCOL; prints its port and serves one client: the words of PROTOCOL (mysql,
nntp), then TLS, then the client's own bytes back."""

import socket
import ssl
import sys

GREETING = (b"\x0a" + b"8.0.36\0" + (7).to_bytes(4, "little") + b"saltsalt" + b"\0" + b"\xff\xff" + b"\x21" + b"\x02\0" + b"\xff\xc1" +
            b"\x15" + bytes(10) + b"saltsaltsalt\0" + b"mysql_native_password\0")


def mysql(c):
    c.sendall(len(GREETING).to_bytes(3, "little") + b"\0" + GREETING)
    request = c.recv(36, socket.MSG_WAITALL)
    capabilities = int.from_bytes(request[4:8], "little")
    assert request[:4] == b"\x20\0\0\x01" and capabilities & 0x0800 and capabilities & 0x0200 and request[13:] == bytes(23), request


def nntp(c):
    lines = c.makefile("rb", buffering=0)
    c.sendall(b"200 news.example.test ready\r\n")
    assert lines.readline() == b"CAPABILITIES\r\n"
    c.sendall(b"101 Capability list:\r\nVERSION 2\r\nREADER\r\nSTARTTLS\r\n.\r\n")
    assert lines.readline() == b"STARTTLS\r\n"
    c.sendall(b"382 Begin TLS negotiation now\r\n")


def main():
    cert, key, protocol = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    s = socket.create_server(("127.0.0.1", 0))
    print(s.getsockname()[1], flush=True)
    c, _ = s.accept()
    {"mysql": mysql, "nntp": nntp}[protocol](c)
    tls = context.wrap_socket(c, server_side=True)
    while data := tls.recv(4096):
        tls.sendall(data)
    tls.unwrap()


main()
