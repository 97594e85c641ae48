"""SSDP packets as bytes and as values (UPnP Device Architecture 2.0, 1.1 to 1.3). Pure; whatever comes is hostile.

What is not about appliances is nothing (None): a home is full of other devices' announcements. What claims to be and
is wrong is a `Refusal`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from heg.model.appliances import APPLIANCE_DEVICE, APPLIANCE_SERVICE
from heg.model.refusals import Refusal, RefusalCode

MOST_BYTES = 2048
SSDP_PORT = 1900
GROUP_V4 = "239.255.255.250"
GROUPS_V6 = ("ff02::c", "ff05::c")
"""Link-local and site-local (Annex A)."""
SHORTEST_MAX_AGE_S, USUAL_MAX_AGE_S, LONGEST_MAX_AGE_S = 5, 1800, 86400
LONGEST_LOCATION = 256
_MOST_LINES = 48
_LARGEST_ID = 2**31 - 1
_OURS = tuple(urn.rpartition(":")[0] for urn in (APPLIANCE_DEVICE, APPLIANCE_SERVICE))
_MAYBE = (b"urn:heg-energy:", b"ssdp:byebye")
_HEX = frozenset("0123456789abcdef")


class Kind(StrEnum):
    """What an announcement says."""

    ALIVE = "ssdp:alive"
    UPDATE = "ssdp:update"
    BYEBYE = "ssdp:byebye"
    RESPONSE = "response"


@dataclass(frozen=True, slots=True)
class Announcement:
    """An appliance says that it is there, changes its boot id, or goes.

    `uuid` is in small letters. A byebye has no location. `boot_id` and `config_id` are None with devices of UPnP 1.0;
    with an update `boot_id` is the next one.
    """

    kind: Kind
    uuid: str
    location: str = ""
    max_age_s: int = USUAL_MAX_AGE_S
    boot_id: int | None = None
    config_id: int | None = None


def is_search(data: bytes) -> bool:
    """Whether somebody looks for something."""
    return data.startswith(b"M-SEARCH ")


def parse(data: bytes) -> Announcement | Refusal | None:
    """Read one datagram that is no search."""
    if not any(mark in data for mark in _MAYBE):
        return None
    if len(data) > MOST_BYTES:
        return Refusal(RefusalCode.TOO_LARGE, f"an announcement of at most {MOST_BYTES} bytes")
    first, headers = _split(data)
    if first == "NOTIFY * HTTP/1.1":
        return _notified(headers)
    if first.startswith("HTTP/1.1 200"):
        return _announced(Kind.RESPONSE, headers, headers.get("st", ""))
    return Refusal(RefusalCode.WRONG_TYPE, "NOTIFY or the answer to a search", repr(first[:40]))


def search_request(target: str, *, host: str, mx_s: int | None) -> bytes:
    """An M-SEARCH: to a group with `mx_s`, to one host without. `host` is the header's value, port included."""
    lines = ["M-SEARCH * HTTP/1.1", f"HOST: {host}", 'MAN: "ssdp:discover"', f"ST: {target}"]
    if mx_s is not None:
        lines += [f"MX: {mx_s}", "CPFN.UPNP.ORG: heg"]
    return "\r\n".join([*lines, "USER-AGENT: Linux UPnP/2.0 heg/1", "", ""]).encode("ascii")


def uuid_of(text: str) -> str | None:
    """The plain UUID of `uuid:...` or of a USN, in small letters; None when it has no UUID's form."""
    head, _, rest = text.partition(":")
    uuid = rest.partition(":")[0].strip().lower()
    parts = uuid.split("-")
    if head.strip().lower() != "uuid" or [len(part) for part in parts] != [8, 4, 4, 4, 12]:
        return None
    return uuid if _HEX.issuperset("".join(parts)) else None


def _split(data: bytes) -> tuple[str, Mapping[str, str]]:
    """First line and headers; of a header that comes twice the first."""
    lines = data.decode("latin-1").split("\r\n", _MOST_LINES)[:_MOST_LINES]
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not line:
            break
        if colon:
            headers.setdefault(name.strip().lower(), value.strip())
    return lines[0].strip(), headers


def _notified(headers: Mapping[str, str]) -> Announcement | Refusal | None:
    kind = headers.get("nts", "")
    if kind not in (Kind.ALIVE, Kind.UPDATE, Kind.BYEBYE):
        return Refusal(RefusalCode.WRONG_TYPE, "NTS ssdp:alive, ssdp:update or ssdp:byebye", repr(kind[:40]))
    if kind == Kind.BYEBYE:  # under whatever name an appliance says it, it is meant for all of it
        uuid = uuid_of(headers.get("usn", ""))
        return None if uuid is None else Announcement(Kind.BYEBYE, uuid)
    return _announced(Kind(kind), headers, headers.get("nt", ""))


def _announced(kind: Kind, headers: Mapping[str, str], target: str) -> Announcement | Refusal | None:
    if target.rpartition(":")[0] not in _OURS:
        return None
    uuid = uuid_of(headers.get("usn", ""))
    if uuid is None:
        return Refusal(RefusalCode.WRONG_TYPE, "USN uuid:8-4-4-4-12::...", repr(headers.get("usn", "")[:80]))
    location = headers.get("location", "")
    if not location or len(location) > LONGEST_LOCATION or not (location.isascii() and location.isprintable()):
        expected = f"LOCATION of 1 to {LONGEST_LOCATION} letters of ASCII"
        return Refusal(RefusalCode.OUT_OF_RANGE, expected, repr(location[:40]))
    boot = "nextbootid.upnp.org" if kind is Kind.UPDATE else "bootid.upnp.org"
    return Announcement(
        kind,
        uuid,
        location,
        _max_age_s(headers.get("cache-control", "")),
        _number(headers.get(boot)),
        _number(headers.get("configid.upnp.org")),
    )


def _max_age_s(text: str) -> int:
    """What is not said, or said outlandishly, is what UPnP recommends; within what makes sense."""
    for part in text.lower().split(","):
        name, _, value = part.partition("=")
        if name.strip() == "max-age" and (age_s := _number(value.strip().strip('"'))) is not None:
            return min(max(age_s, SHORTEST_MAX_AGE_S), LONGEST_MAX_AGE_S)
    return USUAL_MAX_AGE_S


def _number(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdecimal()) or len(text) > 10:
        return None
    return number if (number := int(text)) <= _LARGEST_ID else None
