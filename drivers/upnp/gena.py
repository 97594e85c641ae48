"""GENA without a socket: what an event message says, which one follows which, what a subscription's answer grants.

Source: UPnP Device Architecture 1.1, 4.1 (subscription) and 4.3 (event messages).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from drivers.upnp.markup import Caps, MarkupError, read
from drivers.upnp.parts import MOST_EVENT_BYTES

EVENT_SPACE = "urn:schemas-upnp-org:event-1-0"
CAPS = Caps(size=MOST_EVENT_BYTES, deep=6, elements=64, text=4_096)
WANTED_S = 1800
_SHORTEST_S, _LONGEST_S = 60.0, 86_400.0
_LAST_SEQ = 2**32 - 1
_LONGEST_SID = 128
_SEQ = re.compile(r"[0-9]{1,10}", re.ASCII)
_TIMEOUT = re.compile(r"(?:second-)?([0-9]{1,10}|infinite)", re.ASCII | re.IGNORECASE)
"""Some leave the unit out. Whoever says nothing that can be read is asked again soon."""
_UNSAID_S = 300.0
OK, BAD_REQUEST, PRECONDITION_FAILED = 200, 400, 412


@dataclass(frozen=True, slots=True)
class Message:
    """One event message: its subscription, its number, and the state variables it names."""

    sid: str
    seq: int
    values: Mapping[str, str]


class Order(Enum):
    """How a message follows the one before."""

    NEXT = "next"
    GAP = "gap"
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Granted:
    """What an appliance granted: the subscription's id and how many seconds it lasts."""

    sid: str
    lasts_s: float


def message(headers: Mapping[str, str], body: bytes) -> Message | int:
    """Read an event message; where it is none, the HTTP status that says so (UDA 1.1, 4.3)."""
    if "NT" not in headers or "NTS" not in headers:
        return BAD_REQUEST
    sid, seq = headers.get("SID", ""), headers.get("SEQ", "")
    named = headers["NT"].strip() == "upnp:event" and headers["NTS"].strip() == "upnp:propchange"
    if not named or not _is_sid(sid):
        return PRECONDITION_FAILED
    if _SEQ.fullmatch(seq) is None or int(seq) > _LAST_SEQ:
        return BAD_REQUEST
    try:
        return Message(sid, int(seq), _values(body))
    except MarkupError:
        return BAD_REQUEST


def order(last: int | None, seq: int) -> Order:
    """Return how message `seq` follows `last`, None when it is the first. Numbers begin at 0 and go on at 1."""
    if last is None:
        return Order.NEXT if seq == 0 else Order.GAP
    if seq == last:
        return Order.AGAIN
    return Order.NEXT if seq == (1 if last == _LAST_SEQ else last + 1) else Order.GAP


def subscribing(callback: str) -> Mapping[str, str]:
    """Headers of a SUBSCRIBE that has events sent to `callback`."""
    return {"CALLBACK": f"<{callback}>", "NT": "upnp:event", "TIMEOUT": f"Second-{WANTED_S}"}


def renewing(sid: str) -> Mapping[str, str]:
    """Headers of a SUBSCRIBE that prolongs."""
    return {"SID": sid, "TIMEOUT": f"Second-{WANTED_S}"}


def granted(headers: Mapping[str, str]) -> Granted | None:
    """Return what the answer to a SUBSCRIBE grants; None where it is no such answer."""
    sid = headers.get("SID", "")
    found = _TIMEOUT.fullmatch(headers.get("TIMEOUT", "").strip())
    if not _is_sid(sid):
        return None
    if found is None:
        return Granted(sid, _UNSAID_S)
    lasts_s = _LONGEST_S if found[1].lower() == "infinite" else float(found[1])
    return Granted(sid, min(max(lasts_s, _SHORTEST_S), _LONGEST_S))


def _is_sid(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_SID and text.isascii() and text.isprintable() and " " not in text


def _values(body: bytes) -> Mapping[str, str]:
    root = read(body, CAPS)
    if root.name != "propertyset" or root.space != EVENT_SPACE:
        raise MarkupError("expected a set of properties of GENA")
    properties = (one for one in root.children if one.name == "property")
    return {name: text for one in properties for name, text in one.texts()}
