"""What the maker of certificates is asked and answers, over the pipes of a process that ends with its answer."""

from datetime import datetime
from typing import Any

import msgspec

from heg.model.records import CertificateRecord

LARGEST_BUNDLE_BYTES = 65_536


class BundleError(ValueError):
    """Key or certificates are none, or not one another's; the text says what was expected."""


class Make(msgspec.Struct, frozen=True, tag="make"):
    """A certificate for these names; with the key of the bundle that it renews, if any."""

    names: tuple[str, ...]
    begin: datetime
    end: datetime
    renews: bytes = b""


class Describe(msgspec.Struct, frozen=True, tag="describe"):
    """What a bundle holds."""

    bundle: bytes
    own: bool = False


class Join(msgspec.Struct, frozen=True, tag="join"):
    """A bundle of what an owner brings."""

    certificates: bytes
    key: bytes
    now: datetime


Ask = Make | Describe | Join


class Answer(msgspec.Struct, frozen=True):
    """A bundle and what it holds, or why there is none."""

    bundle: bytes = b""
    record: CertificateRecord | None = None
    fault: str = ""


def encode(message: Ask | Answer) -> bytes:
    """One message as one line of JSON."""
    return msgspec.json.encode(message) + b"\n"


def decode(line: bytes, type_: Any) -> Any:
    """Read one message. Raises `msgspec.DecodeError`."""
    return msgspec.json.decode(line, type=type_)
