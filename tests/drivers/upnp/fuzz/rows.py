"""What a row of the table is, and what both fuzzers put in by themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Feed = Callable[[bytes], None]


@dataclass(frozen=True)
class Fed:
    """A target that runs: what takes the bytes, and how much it keeps of them (bounded by `most_kept`)."""

    feed: Feed
    kept: Callable[[], int] = lambda: 0
    most_kept: int = 0


@dataclass(frozen=True)
class Target:
    """One row."""

    name: str
    make: Callable[[], Fed]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()
    """What both fuzzers put in by themselves, beside what they find."""


HTTP_WORDS = (b"\r\n", b"\r\n\r\n", b": ", b"uuid:", b"::", b"max-age=", b"ssdp:alive", b"ssdp:byebye", b"HTTP/1.1")
XML_WORDS = (
    b"<",
    b"/>",
    b"</",
    b"<!DOCTYPE a [",
    b"<!ENTITY a 'b'>",
    b"&a;",
    b"&#0;",
    b"<![CDATA[",
    b"<?xml ",
    b"xmlns=",
)
