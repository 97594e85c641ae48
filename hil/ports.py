"""Ports to listen on that nobody takes between the asking and the listening.

What the kernel finds free (port 0) it may lend the next moment to whoever connects somewhere, and one start in some
thousands then meets "Address already in use". These lie below what it lends, and processes begin at different ones.
"""

import functools
import itertools
import os
import random
import socket
from collections.abc import Iterator

_LEAST, _BELOW = 12_000, 32_000  # Linux lends 32768 to 60999 (ip_local_port_range); the gateway's own are below 8500
_STRETCHES = 16


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody has on this address, neither TCP's nor UDP's."""
    return free_ports(1, host)[0]


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Several that follow each other without a gap; `OSError` where there are none."""
    ports = _ports()
    found: list[int] = []
    for port in itertools.islice(ports, _BELOW - _LEAST):
        if not _is_free(port, host) or (found and port != found[-1] + 1):
            found.clear()
        else:
            found.append(port)
        if len(found) == count:
            return found
    raise OSError(f"{host} has no {count} free ports in a row between {_LEAST} and {_BELOW}; stop what listens there")


@functools.cache
def _ports() -> Iterator[int]:
    """All of them, over and over; processes started together (workers of a suite) begin in stretches apart."""
    size = (_BELOW - _LEAST) // _STRETCHES
    begin = os.getpid() % _STRETCHES * size + random.SystemRandom().randrange(size // 2)
    return itertools.islice(itertools.cycle(range(_LEAST, _BELOW)), begin, None)


def _is_free(port: int, host: str) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(family, kind) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True
