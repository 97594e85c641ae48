"""Where this machine is on its network. Nothing is sent to find it out."""

import fcntl
import socket
import struct

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
