"""Rows of a series over any span, page by page: to the screen or a file, and on from where it broke off."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from heg.cli.ends import DONE, FAILED, CommandError
from heg.cli.words import number, say
from heg.runtime.blocking import pause

if TYPE_CHECKING:
    from heg.cli.house import House
    from heg.web.client.gateway import Gateway
    from heg.web.history_messages import SeriesPage, SeriesRow

_PAUSES_S = (0.5, 2.0)
"""Before a page is asked for again that did not come."""
_HEAD = ("time", "value", "low", "high", "first", "last", "count")


@dataclass(frozen=True, slots=True)
class Series:
    """What is asked for: a query of /api/v1/history, as `json`, `csv` or `table`, perhaps into a file.

    With a `cursor` it goes on: the file is added to.
    """

    query: Mapping[str, object]
    shape: str
    output: Path | None = None
    cursor: str | None = None


def download(gateway: Gateway, series: Series, house: House, pause: Callable[[float], None] = pause) -> int:
    """Fetch all pages; `pause` waits before one is asked for again.

    Raises `GatewayError`, `CommandError`; where it breaks off it says how to go on.
    """
    if series.cursor is not None and series.shape != "csv":
        raise CommandError(2, "--cursor: expected --csv besides, which is what can be added to")
    progress = _Progress(series)
    pages = _pages(gateway, series, progress, pause)
    write = {"json": _as_json, "csv": _as_csv, "table": _as_table}[series.shape]
    try:
        with _opened(series):
            write(pages, series, house)
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f"{series.output}: expected a file that can be written"
        raise CommandError(FAILED, f"{where} ({error.strerror})") from error
    except BaseException:
        progress.broke_off()
        raise
    progress.ended()
    return DONE


def _pages(
    gateway: Gateway, series: Series, progress: _Progress, pause: Callable[[float], None]
) -> Iterator[SeriesPage]:
    cursor = series.cursor
    while True:
        page = _page(gateway, series, cursor, pause)
        yield page
        progress.reached(page)
        if page.next_cursor is None or page.next_cursor == cursor:
            return
        cursor = page.next_cursor


def _page(gateway: Gateway, series: Series, cursor: str | None, pause: Callable[[float], None]) -> SeriesPage:
    from heg.web.client.faults import LaterError, UnreachableError
    from heg.web.history_messages import SeriesPage

    for pause_s in (*_PAUSES_S, None):
        try:
            return gateway.get("/api/v1/history", SeriesPage, **series.query, cursor=cursor).message
        except (UnreachableError, LaterError):
            if pause_s is None or cursor is None:  # what never began is not worth waiting for
                raise
            pause(pause_s)
    raise AssertionError("the last try returns or raises")


@contextlib.contextmanager
def _opened(series: Series) -> Iterator[None]:
    """Let what is printed go into the file, where there is one."""
    if series.output is None:
        yield
        return
    mode = "a" if series.cursor else "w"
    with series.output.open(mode, encoding="utf-8", newline="") as file, contextlib.redirect_stdout(file):
        yield


def _as_csv(pages: Iterable[SeriesPage], series: Series, _house: House) -> None:
    from heg.web.tables import as_csv

    if series.cursor is None:
        _put(as_csv((_HEAD,)))
    for page in pages:
        _put(as_csv(_cells(row) for row in page.rows))


def _cells(row: SeriesRow) -> tuple[object, ...]:
    value = json.dumps(row.value) if isinstance(row.value, dict | list) else row.value
    return row.time, value, row.low, row.high, row.first, row.last, row.count


def _as_json(pages: Iterable[SeriesPage], _series: Series, _house: House) -> None:
    """One object as the API would give it, had it no pages; memory stays what a page takes."""
    import msgspec

    began = False
    for at, page in enumerate(pages):
        rows = b",".join(map(msgspec.json.encode, page.rows))
        if at == 0:
            named = {"variable": page.variable, "unit": page.unit, "place": page.place}
            _put(msgspec.json.encode(named)[:-1] + b',"rows":[')
        _put((b"," if began and rows else b"") + rows)
        began = began or bool(rows)
    _put(b'],"next_cursor":null}\n')


def _as_table(pages: Iterable[SeriesPage], _series: Series, house: House) -> None:
    """In columns of one width from the first row on: they are printed as they come."""
    from heg.cli.value_commands import in_a_cell

    for at, page in enumerate(pages):
        if at == 0:
            say([f"{'AT':16}  {f'VALUE {page.unit}'.strip():>14}  {'LOW':>10}  {'HIGH':>10}"])
        say(
            f"{house.local(row.time):16}  {in_a_cell(row.value):>14}  {number(row.low):>10}  {number(row.high):>10}"
            for row in page.rows
        )


def _put(chunk: bytes) -> None:
    sys.stdout.write(chunk.decode())


class _Progress:
    """How far it is, on standard error while a person looks on; and how to go on where it breaks off."""

    def __init__(self, series: Series) -> None:
        self._series = series
        self._shown = series.output is not None and sys.stderr.isatty()
        self._rows = 0
        self._cursor = series.cursor

    def reached(self, page: SeriesPage) -> None:
        """Take note of a page that was written."""
        self._rows += len(page.rows)
        self._cursor = page.next_cursor
        if self._shown and page.rows:
            print(f"\r{self._rows} rows, to {page.rows[-1].time[:19]} ", end="", file=sys.stderr, flush=True)

    def ended(self) -> None:
        """Tell that all is there."""
        if self._shown:
            print(f"\r{self._rows} rows in {self._series.output}        ", file=sys.stderr)

    def broke_off(self) -> None:
        """Tell how to go on."""
        if self._shown:
            print(file=sys.stderr)
        if self._series.shape == "csv" and self._series.output is not None and self._cursor is not None:
            print(f"{self._rows} rows are in it; go on with: --cursor {self._cursor}", file=sys.stderr)
