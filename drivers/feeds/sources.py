"""Where a series comes from, and what is added to it on the way to the price a house pays. Pure but for the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from drivers.feeds.bands import STEP_MINUTES, TimeOfUse
from drivers.feeds.publication import Publication
from drivers.feeds.series import Series, Span, constant, sampled
from heg.model.slots import slot_start

_GRAIN = timedelta(minutes=15)


class Table(Protocol):
    """What a file or a market has said so far."""

    @property
    def version(self) -> int:
        """Counts what changed."""

    @property
    def fault(self) -> str:
        """Why it has nothing new; empty while all is well."""

    def series(self, column: str) -> Series | None:
        """What it says of a column."""


class Source(Protocol):
    """One series."""

    def token(self, now: datetime) -> object:
        """Equal as long as the series is."""

    def series(self, span: Span, now: datetime) -> Series | None:
        """What is known of the span now; None when there is no such series."""

    @property
    def why(self) -> str:
        """Why something of it may be missing."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same all the time."""

    value: float
    why: str = ""

    def token(self, _now: datetime) -> object:
        """It never changes."""
        return None

    def series(self, span: Span, _now: datetime) -> Series:
        """The same all the time."""
        return constant(span, self.value)


@dataclass(frozen=True, slots=True)
class Bands:
    """By the clock on the wall."""

    rule: TimeOfUse
    why: str = "no band holds and no otherwise_eur_per_kwh is given"

    def token(self, _now: datetime) -> object:
        """It never changes."""
        return None

    def series(self, span: Span, _now: datetime) -> Series:
        """The price of each quarter of an hour."""
        return sampled(span, STEP_MINUTES, self.rule.at)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file or a market, as far as it has been published."""

    table: Table
    column: str
    publication: Publication
    zone: ZoneInfo

    def token(self, now: datetime) -> object:
        """What changes it: new content, more that is published."""
        return self.table.version, self._known_until(now)

    def series(self, span: Span, now: datetime) -> Series | None:
        """What is known of the span."""
        del span  # the table was read for it
        found = self.table.series(self.column)
        return None if found is None else _until(found, self._known_until(now))

    @property
    def why(self) -> str:
        """What the table says of its own state."""
        return self.table.fault or f"{self.column}: nothing is said of this time"

    def _known_until(self, now: datetime) -> datetime:
        return slot_start(self.publication.known_until(now, self.zone), _GRAIN)


@dataclass(frozen=True, slots=True)
class Changed:
    """Another source's values changed: fees, taxes, a price of CO2."""

    source: Source
    change: Callable[[float], float]

    def token(self, now: datetime) -> object:
        """As its source's."""
        return self.source.token(now)

    def series(self, span: Span, now: datetime) -> Series | None:
        """Every known value changed."""
        found = self.source.series(span, now)
        return None if found is None else found.mapped(self.change)

    @property
    def why(self) -> str:
        """As its source's."""
        return self.source.why


def _until(series: Series, end: datetime) -> Series:
    known = max(0, (end - series.start) // series.slot)
    if known >= len(series.values):
        return series
    return replace(series, values=series.values[:known] + (None,) * (len(series.values) - known))
