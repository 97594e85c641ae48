"""The kernel's word on interfaces, over a netlink socket, and when it changes."""

import asyncio
import socket
from contextlib import suppress

from drivers.upnp import netlink
from drivers.upnp.exchange import on_loopback
from drivers.upnp.links import LocalLink, chosen
from drivers.upnp.parts import Link
from heg.runtime.clock import Clock

_SETTLED_S = 0.3
_AGAIN_S = 30.0
_ANSWER_S = 2.0
_ANY_PORT = 9


class InterfaceError(OSError):
    """The kernel did not answer: netlink is not let through (`RestrictAddressFamilies` without AF_NETLINK)."""


def read_links(named: frozenset[str]) -> tuple[LocalLink, ...]:
    """The links there are now. InterfaceError when the kernel does not say."""
    interfaces: list[netlink.NetworkInterface] = []
    addresses: list[netlink.InterfaceAddress] = []
    try:
        with _open(0) as kernel:
            kernel.settimeout(_ANSWER_S)
            for request in (netlink.links_request(), netlink.addresses_request()):
                kernel.send(request)
                _take(kernel, interfaces, addresses)
    except OSError as error:
        raise InterfaceError(f"the kernel does not say which network interfaces there are: {error}") from error
    return chosen(interfaces, addresses, named)


def our_address(link: Link, host: str) -> str:
    """Return our address from which the kernel speaks to a host on a link.

    It is another than the link's where two of our interfaces are in the host's network of IPv4 (by cable and by radio,
    say): then the kernel takes one of them for all of it. On loopback every address is ours.
    """
    if ":" not in host and not on_loopback(link.address):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asker, suppress(OSError):
            asker.connect((host, _ANY_PORT))  # sends nothing
            return str(asker.getsockname()[0])
    return link.address


def _take(
    kernel: socket.socket, interfaces: list[netlink.NetworkInterface], addresses: list[netlink.InterfaceAddress]
) -> None:
    while True:
        for message in netlink.messages(kernel.recv(netlink.MOST_BYTES)):
            match message:
                case netlink.NetworkInterface():
                    interfaces.append(message)
                case netlink.InterfaceAddress():
                    addresses.append(message)
                case netlink.DumpEnd(error=0):
                    return
                case netlink.DumpEnd():
                    raise OSError(message.error, "refused")


class InterfaceChanges:
    """Waits until something about interfaces or addresses has changed, and a little longer until it stands.

    Raises InterfaceError where netlink is not let through.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = asyncio.Event()
        self._kernel = _open(netlink.GROUPS)
        self._kernel.setblocking(False)
        asyncio.get_running_loop().add_reader(self._kernel.fileno(), self._readable)

    async def wait(self, at_most_s: float = _AGAIN_S) -> None:
        """Return after a change, or after a while anyway: a full buffer loses notices."""
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._changed.wait()
        await self._clock.sleep(_SETTLED_S)
        self._changed.clear()

    def close(self) -> None:
        """Let go of the socket."""
        asyncio.get_running_loop().remove_reader(self._kernel.fileno())
        self._kernel.close()

    def _readable(self) -> None:
        # What exactly has changed is read anew as a whole; ENOBUFS says that notices were lost, which is a change too.
        with suppress(OSError):
            self._kernel.recv(netlink.MOST_BYTES)
        self._changed.set()


def _open(groups: int) -> socket.socket:
    try:
        kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    except OSError as error:
        raise InterfaceError(f"netlink is not let through (RestrictAddressFamilies?): {error}") from error
    try:
        kernel.bind((0, groups))
    except OSError:
        kernel.close()
        raise
    return kernel
