"""One feed as the unit sees it: a device that measures nothing and tells profiles, and what holds now."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from drivers.feeds.series import Series, Span
from drivers.feeds.sources import Source
from heg.devices.contract import DeviceHandle
from heg.model.losses import loss
from heg.model.slots import slot_start

_MOST_RUNS = 16
_SILENT = loss("feed-silent")
_SILENT_FOR_S = _SILENT.max_age.seconds if _SILENT.max_age is not None else 0.0


@dataclass(slots=True)
class _Told:
    token: object = None
    series: Series | None = None
    slot: datetime | None = None
    value: float | None = None
    made: datetime | None = None


class Feed:
    """Its series by scalar variable (`price.import`, `demand`): a profile `profile.<variable>`, and its value now.

    A profile has no gaps, so a series with gaps is told as one profile a run: the first at the feed's own place, the
    others at its parts `run.2`, `run.3` and so on. Told when it changes, at the latest when a local day begins.
    `made` says when what is told was made, where its age matters: told again with each new time.
    """

    def __init__(
        self,
        handle: DeviceHandle,
        sources: Mapping[str, Source],
        *,
        needed: Collection[str],
        now_too: Collection[str],
        made: Callable[[], datetime | None] | None = None,
    ) -> None:
        self._handle = handle
        self._sources = dict(sources)
        self._needed = frozenset(needed)
        self._now_too = frozenset(now_too)
        self._made = made
        self._told = {variable: _Told() for variable in sources}
        self._silent_since_s: float | None = None
        self._lost = False

    def tell(self, span: Span, now: datetime, now_s: float) -> None:
        """Hand on what has changed, and what holds in the running slot."""
        known = set()
        for variable, source in self._sources.items():
            told = self._told[variable]
            made = None if self._made is None else self._made()
            if (token := (span, source.token(now), made)) != told.token:
                told.token = token
                self._tell_profile(variable, source.series(span, now), told, made)
            if self._tell_now(variable, now, told):
                known.add(variable)
        self._judge(speaks=bool(known & self._needed), now_s=now_s)

    def _judge(self, *, speaks: bool, now_s: float) -> None:
        """A feed is lost when it has nothing to say of now, for longer than its row allows; what it told stays told."""
        if speaks:
            if self._silent_since_s is not None or self._lost:
                self._handle.alive()
            self._silent_since_s, self._lost = None, False
            return
        if self._silent_since_s is None:
            self._silent_since_s = now_s
        if not self._lost and now_s - self._silent_since_s >= _SILENT_FOR_S:
            self._lost = True
            whys = {self._sources[variable].why for variable in sorted(self._needed & set(self._sources))}
            self._handle.lost("; ".join(sorted(whys - {""})) or "its source has no such series")

    def _tell_profile(self, variable: str, series: Series | None, told: _Told, made: datetime | None) -> None:
        if (series, made) == (told.series, told.made):
            return
        told.series, told.slot, told.made = series, None, made
        for number, run in enumerate(series.runs()[:_MOST_RUNS] if series is not None else (), start=1):
            self._handle.report(
                f"profile.{variable}", run, part="" if number == 1 else f"run.{number}", device_time=made
            )

    def _tell_now(self, variable: str, now: datetime, told: _Told) -> bool:
        value = None if told.series is None else told.series.at(now)
        if value is None or told.series is None:
            return False
        slot = slot_start(now, told.series.slot)
        if variable in self._now_too and slot != told.slot:
            told.slot = slot
            self._handle.report(variable, value, interval_s=told.series.slot.total_seconds())
        return True
