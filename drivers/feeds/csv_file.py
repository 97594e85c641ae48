"""A CSV file that others write: looked at often, read again when it or the span changed, off the loop's thread."""

from __future__ import annotations

import asyncio
import logging
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from drivers.feeds.series import Series, Span
from drivers.feeds.table import Rows, TableError, Wanted, read_table
from heg.model.refusals import Refusal, RefusalCode

logger = logging.getLogger(__name__)

MOST_BYTES = 64 * 1024 * 1024
_PATIENCE_S = 30.0
"""A look that takes longer goes on by itself, on its one thread; nobody waits for it and no second one is begun."""
Version = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Looked:
    version: Version | None
    rows: Rows | None
    fault: str = ""


class CsvFile:
    """One file. `version` counts what changed; `fault` says why there is nothing, empty while all is well.

    What was read last stays known while the file is away: a service that replaces it must not make the house blind.
    """

    def __init__(self, path: str, wanted: Sequence[Wanted], refused: Callable[[Refusal], None]) -> None:
        self._path = Path(path)
        self._wanted = tuple(wanted)
        self._refused = refused
        self._seen: Version | None = None
        self._whole: Version | None = None
        """The version that was read to its end."""
        self._rows: Rows | None = None
        self._written_ns: int | None = None
        self._looking: asyncio.Future[_Looked] | None = None
        self.version = 0
        self.fault = ""

    @property
    def made(self) -> datetime | None:
        """When the file that was read last was written; None before one was."""
        return None if self._written_ns is None else datetime.fromtimestamp(self._written_ns / 1e9, UTC)

    @property
    def name(self) -> str:
        """The file's path."""
        return str(self._path)

    def series(self, column: str) -> Series | None:
        """What the file says of a column; None when it has none of that name."""
        return None if self._rows is None else self._rows.series.get(column)

    async def look(self, span: Span) -> None:
        """See whether the file or the span has changed, and read what lies in the span if so."""
        known = self._whole if self._rows is None or self._rows.span == span else None
        if self._looking is None:
            look = asyncio.to_thread(_look, self._path, self._wanted, span, known, self._seen)
            self._looking = asyncio.ensure_future(look)
        try:
            await asyncio.wait((self._looking,), timeout=_PATIENCE_S)
        except asyncio.CancelledError:
            self._looking.cancel()
            raise
        if not self._looking.done():
            self._tell("expected a file that can be read at once; its disk or network share does not answer")
            return
        looked, self._looking = self._looking.result(), None
        file_changed, self._seen = looked.version != self._seen, looked.version
        if looked.fault:
            self._whole = None
            self._tell(looked.fault)
        elif looked.rows is not None:
            self._whole = None if looked.rows.torn else looked.version
            self._rows = looked.rows
            self._written_ns = None if looked.version is None else looked.version[0]
            self.version += 1
            if file_changed or self.fault:
                self._tell_bad(looked.rows)
            self.fault = ""

    def _tell(self, fault: str) -> None:
        if fault == self.fault:
            return
        self.fault = fault
        logger.warning("%s: %s", self._path, fault)
        self._refused(Refusal(RefusalCode.WRONG_TYPE, "a file of slots", f"{self._path}: {fault}"[:200]))

    def _tell_bad(self, rows: Rows) -> None:
        for text in rows.bad:
            logger.warning("%s: %s", self._path, text)
        if rows.bad_lines > len(rows.bad):
            logger.warning("%s: %d further bad lines", self._path, rows.bad_lines - len(rows.bad))
        for index in range(rows.bad_lines):
            text = rows.bad[min(index, len(rows.bad) - 1)]
            self._refused(Refusal(RefusalCode.OUT_OF_RANGE, "sound lines", f"{self._path.name}: {text}"[:200]))


def _look(path: Path, wanted: Sequence[Wanted], span: Span, known: Version | None, before: Version | None) -> _Looked:
    """On a thread of its own: a network share that hangs holds up nobody."""
    try:
        found = path.stat()
        version = (found.st_mtime_ns, found.st_size, found.st_ino)
        if version == known:
            return _Looked(version, None)
        if not stat.S_ISREG(found.st_mode):  # opening a pipe would wait for whoever writes into it
            return _Looked(version, None, "expected a plain file")
        if found.st_size > MOST_BYTES:
            return _Looked(version, None, f"expected at most {MOST_BYTES} bytes, came {found.st_size}")
        with path.open("rb") as file:
            return _Looked(version, read_table(file, wanted, span, settled=version == before))
    except TableError as error:
        return _Looked(version, None, str(error))
    except OSError as error:
        return _Looked(None, None, f"expected a readable file ({error.strerror})")
