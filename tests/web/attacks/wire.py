"""What attackers write by hand: requests as bytes."""

from pathlib import Path

HOST = b"Host: 127.0.0.1\r\n"
ORDER = HOST + b"X-Heg-Request: 1\r\nContent-Type: application/json\r\n"
GET = b"GET /api/v1/state HTTP/1.1\r\n"
POST = b"POST /api/v1/commands/scan HTTP/1.1\r\n"
SECOND = b"GET /healthz HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"

MALFORMED = {
    "both lengths": POST + ORDER + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND,
    "two lengths": POST + ORDER + b"Content-Length: 2\r\nContent-Length: 30\r\n\r\n{}" + SECOND,
    "the same length twice": POST + ORDER + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" + SECOND,
    "a list of lengths": POST + ORDER + b"Content-Length: 2, 2\r\n\r\n{}" + SECOND,
    "an unknown coding": POST + ORDER + b"Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{}" + SECOND,
    "a coding behind a space": POST + ORDER + b"Transfer-Encoding : chunked\r\nContent-Length: 2\r\n\r\n{}" + SECOND,
    "a coding behind a tab": POST + ORDER + b"Transfer-Encoding:\tchunked\r\nContent-Length: 2\r\n\r\n{}" + SECOND,
    "two codings": POST + ORDER + b"Transfer-Encoding: gzip, identity\r\nContent-Length: 2\r\n\r\n{}" + SECOND,
    "a chunk of no size": GET + HOST + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n" + SECOND,
    "a folded header": GET + HOST + b"X: a\r\n b\r\n\r\n" + SECOND,
    "bare line feeds": b"GET /api/v1/state HTTP/1.1\nHost: 127.0.0.1\n\n" + SECOND,
    "one bare line feed": GET + b"Host: 127.0.0.1\nX: y\r\n\r\n" + SECOND,
    "a bare carriage return": GET + b"Host: 127.0.0.1\rX: y\r\n\r\n" + SECOND,
    "a header without a name": GET + HOST + b": y\r\n\r\n" + SECOND,
    "a space in a name": GET + HOST + b"X Y: z\r\n\r\n" + SECOND,
    "NUL in a value": GET + HOST + b"X: \x00\r\n\r\n" + SECOND,
    "two hosts": GET + HOST + b"Host: evil.example\r\n\r\n" + SECOND,
    "no host": GET + b"\r\n" + SECOND,
    "NUL in the path": b"GET /\x00 HTTP/1.1\r\n" + HOST + b"\r\n" + SECOND,
    "another version": b"GET / HTTP/3.0\r\n" + HOST + b"\r\n" + SECOND,
    "HTTP/2's greeting": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SECOND,
    "a greeting of TLS": bytes.fromhex("160301020001000100") + b"\x00" * 40 + b"\r\n\r\n",
    "a method nobody knows": b"FOO / HTTP/1.1\r\n" + HOST + b"\r\n" + SECOND,
    "an endless method": b"A" * 9000 + b" / HTTP/1.1\r\n" + HOST + b"\r\n" + SECOND,
    "an endless address": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n" + SECOND,
    "an endless header": GET + HOST + b"Cookie: " + b"a=b; " * 2000 + b"\r\n\r\n" + SECOND,
    "headers without end": GET + HOST + b"".join(b"X-%d: y\r\n" % number for number in range(80)) + b"\r\n" + SECOND,
}


def peers(port: int) -> list[str]:
    """Who is connected to a port of this machine, by the system's count."""
    text = Path("/proc/self/net/tcp").read_text().splitlines()[1:]
    here = f":{port:04X}"
    return [line for line in text if line.split()[1].endswith(here) and line.split()[3] == "01"]
