"""Where this machine is on its network. Nothing is sent to find it out."""

import fcntl
import socket
import struct
from pathlib import Path

_SIOCGIFADDR = 0x8915
_GROUP = ("239.255.255.250", 1900)


def own_address(interface: str) -> str | None:
    """Return the IPv4 address of an interface, or of the one that the group is reached by; None: there is none now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            if not interface:
                asking.connect(_GROUP)  # sends nothing: the kernel only chooses
                return str(asking.getsockname()[0])
            request = struct.pack("256s", interface.encode()[:15])
            return socket.inet_ntoa(fcntl.ioctl(asking.fileno(), _SIOCGIFADDR, request)[20:24])
        except OSError:
            return None


def interface_of(address: str) -> int:
    """Return the number of the interface that has an address; 0: none now.

    It is another one where a card was drawn and put back, and who had joined the group there has left it.
    """
    plain, _, zone = address.partition("%")
    try:
        if zone:
            return socket.if_nametoindex(zone)
        if ":" in plain:
            wanted = socket.inet_pton(socket.AF_INET6, plain).hex()
            return next((int(words[1], 16) for words in _words("if_inet6") if words[0] == wanted), 0)
        # Not if_nameindex(), which asks by netlink: the unit's sandbox has none.
        names = [words[0].removesuffix(":") for words in _words("dev")[2:]]
        return next((socket.if_nametoindex(name) for name in names if own_address(name) == plain), 0)
    except (OSError, ValueError):
        return 0


def _words(table: str) -> list[list[str]]:
    return [line.split() for line in Path("/proc/thread-self/net", table).read_text(encoding="ascii").splitlines()]
