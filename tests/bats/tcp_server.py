#!/usr/bin/env python3
"""A server for tests that tells how its connections begin and end: tcp_server.py [--greet TEXT] ADDRESS...

ADDRESS is HOST:PORT, [HOST]:PORT or the path of a UNIX socket. Prints "ready" when all are listened on, then "open
ADDRESS" and "end ADDRESS" or "reset ADDRESS" for each connection."""

import argparse
import asyncio


def serve_for(address, greeting):
    async def serve(reader, writer):
        print("open", address, flush=True)
        try:
            writer.write(greeting)
            while await reader.read(4096):
                pass
            print("end", address, flush=True)
        except ConnectionError:
            print("reset", address, flush=True)
        writer.close()

    return serve


async def listen(address, greeting):
    if "/" in address:
        return await asyncio.start_unix_server(serve_for(address, greeting), address)
    host, port = address.rsplit(":", 1)
    return await asyncio.start_server(serve_for(address, greeting), host.strip("[]"), int(port), reuse_address=True)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--greet", default="")
    parser.add_argument("addresses", nargs="+")
    options = parser.parse_args()
    greeting = options.greet.encode().decode("unicode_escape").encode("latin-1")
    servers = [await listen(address, greeting) for address in options.addresses]
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main())
