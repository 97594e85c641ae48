"""SSDP, from the device's side: what is announced, and who is answered. Sans-IO."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

GROUP_V4 = "239.255.255.250"
GROUP_V6 = "ff02::c"
PORT = 1900
LARGEST_DATAGRAM = 4096
LONGEST_MX_S = 5
"""More than that is answered within five seconds as well (UPnP Device Architecture 1.1, 1.3)."""
_MAX_AGE = re.compile(r"max-age\s*=\s*([0-9]{1,9})", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Search:
    """Somebody looks for something; the answer is spread over `within_s` (0: at once, a search sent to us alone)."""

    target: str
    within_s: float


@dataclass(frozen=True, slots=True)
class Heard:
    """Somebody else's announcement."""

    type: str
    usn: str
    location: str
    max_age_s: int
    alive: bool

    @property
    def uuid(self) -> str:
        """The plain UUID of who announces; empty where there is none."""
        udn = self.usn.partition("::")[0].lower()
        return udn.removeprefix("uuid:") if udn.startswith("uuid:") else ""


def read(datagram: bytes, *, multicast: bool) -> Search | Heard | None:
    """Read a datagram; None for what is nothing to us, or nothing at all."""
    if len(datagram) > LARGEST_DATAGRAM:
        return None
    lines = datagram.decode("utf-8", "replace").split("\r\n")
    headers = dict(_headers(lines[1:]))
    if lines[0] == "M-SEARCH * HTTP/1.1":
        return _search(headers, multicast=multicast)
    return _heard(headers) if lines[0] == "NOTIFY * HTTP/1.1" else None


def read_answer(datagram: bytes) -> Heard | None:
    """Read the answer to a search of our own."""
    if len(datagram) > LARGEST_DATAGRAM or not datagram.startswith(b"HTTP/1.1 200"):
        return None
    headers = dict(_headers(datagram.decode("utf-8", "replace").split("\r\n")[1:]))
    return _announced(headers, headers.get("st", ""), alive=True)


def search(target: str, host: str, within_s: int) -> bytes:
    """Make a search; `host` is where it goes, `within_s` how long answers may take (0: to one host alone)."""
    mx = f"MX: {within_s}\r\n" if within_s else ""
    return f'M-SEARCH * HTTP/1.1\r\nHOST: {host}\r\nMAN: "ssdp:discover"\r\n{mx}ST: {target}\r\n\r\n'.encode()


@dataclass(frozen=True, slots=True)
class Announcer:
    """Makes the datagrams of one appliance. `boot` grows with each start of it, also when its address changed."""

    udn: str
    types: tuple[str, ...]
    """Its device type, then its service types."""
    server: str
    max_age_s: int
    boot: int

    def alive(self, location: str, host: str) -> Iterator[bytes]:
        """Make the announcements of a device that is there, for each of its names."""
        for name in self._names():
            yield self._notify(
                name,
                host,
                "ssdp:alive",
                f"LOCATION: {location}\r\nCACHE-CONTROL: max-age={self.max_age_s}\r\nSERVER: {self.server}\r\n",
            )

    def byebye(self, host: str) -> Iterator[bytes]:
        """Make the announcements of a device that goes."""
        for name in self._names():
            yield self._notify(name, host, "ssdp:byebye", "")

    def answers(self, target: str, location: str, date: str) -> list[bytes]:
        """Make the answers to a search; none where it looks for something else. `date` as HTTP writes it."""
        wanted = [name for name in self._names() if target in ("ssdp:all", name)]
        return [
            (
                f"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age={self.max_age_s}\r\nDATE: {date}\r\nEXT:\r\n"
                f"LOCATION: {location}\r\nSERVER: {self.server}\r\nST: {name}\r\nUSN: {self._usn(name)}\r\n"
                f"BOOTID.UPNP.ORG: {self.boot}\r\nCONFIGID.UPNP.ORG: 1\r\nCONTENT-LENGTH: 0\r\n\r\n"
            ).encode()
            for name in wanted
        ]

    def _names(self) -> tuple[str, ...]:
        return ("upnp:rootdevice", self.udn, *self.types)

    def _usn(self, name: str) -> str:
        return self.udn if name == self.udn else f"{self.udn}::{name}"

    def _notify(self, name: str, host: str, what: str, more: str) -> bytes:
        return (
            f"NOTIFY * HTTP/1.1\r\nHOST: {host}\r\nNT: {name}\r\nNTS: {what}\r\nUSN: {self._usn(name)}\r\n{more}"
            f"BOOTID.UPNP.ORG: {self.boot}\r\nCONFIGID.UPNP.ORG: 1\r\n\r\n"
        ).encode()


def _headers(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip().lower(), value.strip()


def _search(headers: dict[str, str], *, multicast: bool) -> Search | None:
    target, within = headers.get("st", ""), headers.get("mx", "")
    if headers.get("man", "").strip('"') != "ssdp:discover" or not target:
        return None
    if not multicast:
        return Search(target, 0.0)
    if not (within.isascii() and within.isdigit() and 0 < len(within) < 6 and int(within) > 0):
        return None  # a search by multicast without MX is answered by nobody (UPnP Device Architecture 1.1, 1.3)
    return Search(target, float(min(int(within), LONGEST_MX_S)))


def _heard(headers: dict[str, str]) -> Heard | None:
    what = headers.get("nts", "")
    if what not in ("ssdp:alive", "ssdp:byebye"):
        return None
    return _announced(headers, headers.get("nt", ""), alive=what == "ssdp:alive")


def _announced(headers: dict[str, str], type_: str, *, alive: bool) -> Heard | None:
    found = _MAX_AGE.search(headers.get("cache-control", ""))
    heard = Heard(type_, headers.get("usn", ""), headers.get("location", ""), int(found[1]) if found else 1800, alive)
    return heard if heard.type and heard.uuid else None
