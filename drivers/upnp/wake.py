"""Magic packets: what wakes a network card that sleeps with its appliance, sent where it can hear them.

A sleeping machine answers no address, so that packets go to everybody on its link: to the limited and to the directed
broadcast of IPv4, to all nodes of IPv6. A card on wireless LAN is besides sent one by its last address, since access
points keep packets for one station more surely than those for all. Source: AMD Magic Packet Technology (20213),
SecureOn's password behind it.
"""

import fcntl
import ipaddress
import logging
import re
import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from drivers.upnp.exchange import on_loopback
from drivers.upnp.parts import Link
from heg.model.appliances import WakeMethod
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.secrets import Secret, SecretError, SecretReference, resolve

logger = logging.getLogger(__name__)

PORT = 9
PAUSES_S = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Between one packet and the next; the last of them again and again, until the appliance is there or time is over."""
_ALL_NODES = "ff02::1"
_LIMITED = "255.255.255.255"
_GET_NETMASK = 0x891B
"""SIOCGIFNETMASK, netdevice(7): the broadcast address follows from it, also where nobody has set that."""
_LONGEST_PREFIX = 31
_IFREQ = struct.Struct("16sH2x4s16x")
_PASSWORD = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", re.ASCII | re.IGNORECASE)
_MEND = "expected six bytes such as 0a:1b:2c:3d:4e:5f, or four numbers such as 10.20.30.40"


@dataclass(frozen=True, slots=True)
class Sleeper:
    """Whom to wake: its card, how it is woken, and the address it had last (empty: unknown)."""

    card: str
    method: WakeMethod
    address: str = ""


@dataclass(frozen=True, slots=True)
class Datagram:
    """One packet to one address on a link."""

    link: Link
    address: str
    payload: bytes


Sender = Callable[[Datagram, int], None]
"""Sends one datagram to a port; raises OSError where the kernel does."""


def magic_packet(card: str, password: bytes = b"") -> bytes:
    """Return the packet for a card's address; `password` is SecureOn's, of 4 or 6 bytes."""
    return b"\xff" * 6 + bytes.fromhex(card.replace(":", "")) * 16 + password


def password_bytes(secret: Secret | None) -> bytes:
    """Return a SecureOn password's bytes. Raises ValueError, which does not name it."""
    text = secret.reveal() if secret is not None else ""
    if not text:
        return b""
    if _PASSWORD.fullmatch(text):
        return bytes.fromhex(text.replace(":", ""))
    try:
        return ipaddress.IPv4Address(text).packed
    except ValueError:
        raise ValueError(f"SecureOn password: {_MEND}") from None


class SecureOn:
    """The passwords of the cards that ask for one, by their appliances' UUIDs; read when they are needed."""

    def __init__(self, references: Mapping[str, SecretReference]) -> None:
        self._references = {uuid.lower(): reference for uuid, reference in references.items()}

    def password(self, uuid: str) -> bytes | Refusal:
        """Return an appliance's password, empty where it has none."""
        reference = self._references.get(uuid)
        if reference is None:
            return b""
        try:
            return password_bytes(resolve(reference))
        except (SecretError, ValueError) as error:
            return Refusal(RefusalCode.NOT_READY, "the SecureOn password of secure_on in heg.toml", str(error))


class Waker:
    """Wakes sleepers on the links that there are now; `broadcast_of` tells a link's directed broadcast, empty: none."""

    def __init__(
        self,
        links: Callable[[], Iterable[Link]],
        *,
        port: int = PORT,
        send: Sender | None = None,
        broadcast_of: Callable[[Link], str] | None = None,
    ) -> None:
        self._links = links
        self._port = port
        self._send = send or send_datagram
        self._broadcast_of = broadcast_of or directed_broadcast

    def wake(self, sleeper: Sleeper, link: Link | None, password: bytes = b"") -> Refusal | None:
        """Send one round of packets on the link where it was last, on all of them where that is unknown or gone."""
        payload = magic_packet(sleeper.card, password)
        there = tuple(self._links())
        wanted = [one for one in there if link is None or one.name == link.name] or list(there)
        failures, sent = [], 0
        for datagram in self._datagrams(sleeper, wanted, payload):
            try:
                self._send(datagram, self._port)
                sent += 1
            except OSError as error:
                failures.append(f"{datagram.address} on {datagram.link.name}: {error.strerror}")
        if sent:
            return None
        came = "; ".join(failures[:3]) or "no network"
        return Refusal(RefusalCode.NOT_READY, f"a network that carries packets to {sleeper.card}", came)

    def _datagrams(self, sleeper: Sleeper, links: Iterable[Link], payload: bytes) -> Iterator[Datagram]:
        for link in links:
            for address in self._addresses(link):
                yield Datagram(link, address, payload)
            if _same_family(sleeper.address, link) and (
                sleeper.method is WakeMethod.WOWLAN or on_loopback(link.address)
            ):
                yield Datagram(link, sleeper.address, payload)

    def _addresses(self, link: Link) -> tuple[str, ...]:
        """Where everybody on a link hears; on loopback is no everybody, and nobody sleeps but who plays that."""
        if on_loopback(link.address):
            return ()
        if ipaddress.ip_address(link.address).version == 6:
            return (_ALL_NODES,)
        directed = self._broadcast_of(link)
        return (_LIMITED, directed) if directed not in ("", _LIMITED) else (_LIMITED,)


def send_datagram(datagram: Datagram, port: int) -> None:
    """Send by the interface itself where the kernel lets us, from its address anyway."""
    link = datagram.link
    six = ":" in datagram.address
    with socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.setblocking(False)
        _bind_to_device(out, link.name)
        if not six:
            out.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            out.bind((link.address, 0))
            out.sendto(datagram.payload, (datagram.address, port))
            return
        index = socket.if_nametoindex(link.name)
        out.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        out.bind((link.address, 0, 0, index if ipaddress.IPv6Address(link.address).is_link_local else 0))
        out.sendto(datagram.payload, (datagram.address, port, 0, index))


def directed_broadcast(link: Link) -> str:
    """Return the broadcast address of a link's IPv4 network; empty where it has none."""
    wanted = _IFREQ.pack(link.name.encode()[:15], socket.AF_INET, socket.inet_aton(link.address))
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asker:
            told = fcntl.ioctl(asker.fileno(), _GET_NETMASK, wanted)
        network = ipaddress.IPv4Interface(f"{link.address}/{socket.inet_ntoa(told[20:24])}").network
    except (OSError, ValueError):
        return ""
    return str(network.broadcast_address) if network.prefixlen < _LONGEST_PREFIX else ""


def _bind_to_device(out: socket.socket, interface: str) -> None:
    try:
        out.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    except PermissionError:
        logger.debug("packets go by their source address: SO_BINDTODEVICE is not permitted")


def _same_family(address: str, link: Link) -> bool:
    """Whether a link can carry packets to an address; none can to an unknown one."""
    return bool(address) and (":" in address) == (":" in link.address)
