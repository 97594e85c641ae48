"""The audit log read and verified as it lies on the disk, whole or not: for the console, and for exports elsewhere."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from heg.web.accounts.book import Book
from heg.web.accounts.chain import GENESIS, Head, Line, Verdict, as_json, from_json, verify
from heg.web.accounts.file import NAME, DamagedError, base_of, head_of
from heg.web.accounts.seal import SealedHead, SealError

_MARK = "heg_audit_export"


def verify_folder(folder: Path, noted: Iterable[Head] = ()) -> Verdict:
    """Verify the log in a unit's folder against its key and sealed head, and heads that were noted elsewhere.

    Raises `DamagedError` where there is nothing to verify.
    """
    beside = SealedHead(folder)
    try:
        key = beside.key()
        sealed = beside.read(key)
        with _looking(folder) as connection:
            base = base_of(connection, key)
            return verify_readable(Book(connection, key).lines(base.seq), base, (sealed.head, *noted), key)
    except SealError as error:
        raise DamagedError(str(error)) from error


def verify_readable(lines: Iterator[Line], base: Head, known: Iterable[Head], key: bytes | None) -> Verdict:
    """Verify lines that may turn out not to be readable; the first such line counts as altered."""
    unreadable: list[str] = []

    def readable() -> Iterator[Line]:
        try:
            yield from lines
        except (sqlite3.Error, ValueError, TypeError) as error:
            unreadable.append(f"it cannot be read: {error}")

    verdict = verify(readable(), base, known, key)
    if unreadable and verdict.good:
        return replace(verdict, first_altered=verdict.head.seq + 1, why=unreadable[0])
    # A cut that is no cut: the lines behind could not be read.
    return replace(verdict, why=unreadable[0]) if unreadable else verdict


def export_lines(folder: Path) -> Iterator[str]:
    """Yield the log as lines of JSON, the first of which tells where it begins and ends. Raises `DamagedError`."""
    key = b""
    with suppress(SealError):  # what is there can be shown without it
        key = SealedHead(folder).key()
    with _looking(folder) as connection:
        try:
            base = base_of(connection, key) if key else GENESIS
            head = head_of(connection)
            yield export_head(base, head)
            yield from map(as_json, Book(connection, key).lines(base.seq))
        except (sqlite3.Error, ValueError) as error:
            raise DamagedError(f"{NAME}: {error}") from error


def export_head(base: Head, head: Head) -> str:
    """Return the first line of an export: where it begins and ends."""
    return json.dumps({_MARK: 1, "base": written(base), "head": written(head)})


def verify_export(texts: Iterable[str], noted: Iterable[Head] = ()) -> Verdict:
    """Verify an export by itself: its chain, not the unit's seals. Raises ValueError where it is none."""
    rest = iter(texts)
    try:
        first = json.loads(next(rest))
        base, head = parse_head(first["base"]), parse_head(first["head"])
    except (StopIteration, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError("expected what heg audit export wrote") from error
    return verify_readable((from_json(text) for text in rest if text.strip()), base, (head, *noted), None)


def written(head: Head) -> str:
    """Write a head as a person can keep it: the number of its line and its hash."""
    return f"{head.seq}:{head.hash.hex()}"


def parse_head(text: str) -> Head:
    """Read a head as `written` writes it. Raises ValueError."""
    seq, colon, digest = text.partition(":")
    if not colon or not seq.isdecimal() or len(digest) != 64:
        raise ValueError("expected the number of a line and its hash, such as 120:9f86d081...")
    return Head(int(seq), bytes.fromhex(digest))


@contextmanager
def _looking(folder: Path) -> Iterator[sqlite3.Connection]:
    path = folder / NAME
    if not path.exists():
        raise DamagedError(f"{NAME} is missing")
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5.0)) as connection:
            connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
            yield connection
    except (sqlite3.Error, ValueError) as error:
        raise DamagedError(f"{NAME}: {error}") from error
