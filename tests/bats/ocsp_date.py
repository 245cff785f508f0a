"""ocsp_date.py IN OUT KEY DAYS: an OCSP response (DER, without certificates) with all its times DAYS later, signed again with the EC key KEY.  openssl makes
none that is out of date."""

import datetime
import re
import subprocess
import sys


def parts(der):
    """The (tag, content, whole) of what stands one after the other."""
    while der:
        n, head = der[1], 2
        if n & 0x80:
            head += n & 0x7F
            n = int.from_bytes(der[2:head], "big")
        yield der[0], der[head : head + n], der[: head + n]
        der = der[head + n :]


def tlv(tag, *content):
    body = b"".join(content)
    n = len(body)
    size = n.to_bytes((n.bit_length() + 7) // 8 or 1, "big")
    return bytes([tag]) + (bytes([n]) if n < 0x80 else bytes([0x80 | len(size)]) + size) + body


def main():
    source, target, key, days = sys.argv[1:]

    def later(m):
        time = datetime.datetime.strptime(m[0].decode(), "%Y%m%d%H%M%SZ") + datetime.timedelta(days=int(days))
        return time.strftime("%Y%m%d%H%M%SZ").encode()

    with open(source, "rb") as f:
        response = next(parts(f.read()))[1]
    (_, _, status), (_, explicit, _) = parts(response)
    (_, _, kind), (_, basic, _) = parts(next(parts(explicit))[1])
    tbs, algorithm = [whole for _, _, whole in parts(next(parts(basic))[1])][:2]
    tbs = re.sub(rb"20\d{12}Z", later, tbs)
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=tbs, stdout=subprocess.PIPE, check=True).stdout
    basic = tlv(0x30, tbs, algorithm, tlv(0x03, b"\0", signature))
    with open(target, "wb") as f:
        f.write(tlv(0x30, status, tlv(0xA0, tlv(0x30, kind, tlv(0x04, basic)))))


main()
