"""What is known of the car at one charger: what was said when it came, plus what the charger metered since. Pure.

A car tells a charger of this kind nothing. Its state of charge is the stated one plus the metered energy, less what is
lost on the way into the battery (half of the round trip's loss, as the planner splits it). The statement counts as
good to 5 points, the metering to 5 % of what it adds; a stated capacity that is wrong is not in there.
"""

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from heg.model.records import VehicleRecord
from heg.services.car_words import Said

STATED_UNCERTAINTY = 0.05
METERED_UNCERTAINTY = 0.05
DEFAULT_TARGET = 0.8
_SAME_SESSION_KWH = 0.2
"""A charger's own session that shows so much less than ours has begun anew while nobody looked."""


@dataclass(frozen=True, slots=True)
class Charger:
    """What the owner said of the car that belongs to a charger."""

    capacity_kwh: float | None = None
    round_trip_efficiency: float = 0.9


@dataclass(frozen=True, slots=True)
class Sight:
    """What a charger shows now: whether a car is plugged, and its counters in kWh (None: not known)."""

    plugged: bool
    counter_kwh: float | None
    session_kwh: float | None = None


class CarBook:
    """Keeps the record of one charger. `before` is what an earlier run of the gateway left."""

    def __init__(self, charger: Charger, before: VehicleRecord | None = None) -> None:
        self._charger = charger
        self._before = before
        self._record = VehicleRecord(plugged=False)
        self._base_kwh: float | None = None
        """Counter at which `_record.soc` stands."""
        self._announced: Said | None = None
        self._announced_until: datetime | None = None
        self._target = DEFAULT_TARGET if before is None or before.target_soc is None else before.target_soc

    @property
    def capacity_kwh(self) -> float | None:
        """What its battery holds, where somebody said."""
        return self._record.capacity_kwh or self._charger.capacity_kwh

    @property
    def plugged(self) -> bool:
        """True while a car is plugged."""
        return self._record.plugged

    def see(self, sight: Sight, now: datetime) -> VehicleRecord:
        """Take in what the charger shows; returns the record as it stands now."""
        if sight.plugged and not self._record.plugged:
            self._arrive(sight, now)
        elif not sight.plugged:
            self._record, self._base_kwh, self._before = VehicleRecord(plugged=False), None, None
        self._meter(sight.counter_kwh)
        return self._record

    def say(self, said: Said, now: datetime) -> VehicleRecord:
        """Take in what a person says of the car that is plugged."""
        if said.forget:
            self._record = replace(
                self._record,
                soc=None,
                soc_uncertainty=1.0,
                departure_utc="",
                target_soc=None,
                stated=False,
                said_utc=_iso(now),
            )
            return self._record
        record = replace(self._record, said_utc=_iso(now))
        if said.capacity_kwh is not None:
            record = replace(record, capacity_kwh=said.capacity_kwh)
        if said.soc is not None:
            record = replace(record, soc=said.soc, soc_uncertainty=STATED_UNCERTAINTY)
        if said.departure is not None:
            record = replace(record, departure_utc=_iso(said.departure))
        if said.target is not None:
            self._target = said.target
        if said.target is not None or (said.departure is not None and record.target_soc is None):
            record = replace(record, target_soc=self._target)
        self._record = replace(record, stated=True)
        return self._record

    def announce(self, said: Said, until: datetime) -> None:
        """Keep what is said of a car that is not plugged yet, until then."""
        self._announced, self._announced_until = (None, None) if said.forget else (said, until)

    def _arrive(self, sight: Sight, now: datetime) -> None:
        before, self._before = self._before, None
        if before is not None and _same_session(before, sight):
            self._record, self._base_kwh = before, before.counter_kwh
            return
        self._record = VehicleRecord(
            plugged=True, since=_iso(now), capacity_kwh=self._charger.capacity_kwh, counter_kwh=sight.counter_kwh
        )
        self._base_kwh = sight.counter_kwh
        announced, until = self._announced, self._announced_until
        self._announced = self._announced_until = None
        if announced is not None and until is not None and now <= until:
            self.say(announced, now)

    def _meter(self, counter_kwh: float | None) -> None:
        """Add what came since: to what was charged, to the state of charge, and to its uncertainty."""
        record = self._record
        if counter_kwh is None or not record.plugged:
            return
        if self._base_kwh is None or counter_kwh < self._base_kwh:
            self._base_kwh = counter_kwh
        came_kwh, self._base_kwh = counter_kwh - self._base_kwh, counter_kwh
        soc, uncertainty = record.soc, record.soc_uncertainty
        if soc is not None and record.capacity_kwh:
            share = came_kwh * math.sqrt(self._charger.round_trip_efficiency) / record.capacity_kwh
            soc, uncertainty = min(soc + share, 1.0), min(uncertainty + METERED_UNCERTAINTY * share, 1.0)
        self._record = replace(
            record,
            soc=soc,
            soc_uncertainty=uncertainty,
            charged_kwh=record.charged_kwh + came_kwh,
            counter_kwh=counter_kwh,
        )


def worth_writing(before: VehicleRecord | None, now: VehicleRecord) -> bool:
    """Records end on flash: one is written when something is said or happens, and every point of charge."""
    if before is None:
        return True
    if replace(before, soc=None, soc_uncertainty=0, charged_kwh=0, counter_kwh=None) != replace(
        now, soc=None, soc_uncertainty=0, charged_kwh=0, counter_kwh=None
    ):
        return True
    if (before.soc is None) != (now.soc is None) or now.charged_kwh - before.charged_kwh >= _WRITE_KWH:
        return True
    if before.soc is None or now.soc is None:
        return False
    return abs(now.soc - before.soc) >= _WRITE_SHARE or now.soc < before.soc


def rounded(record: VehicleRecord) -> VehicleRecord:
    """The record as it is written: short."""
    return replace(
        record,
        soc=None if record.soc is None else round(record.soc, 4),
        soc_uncertainty=round(record.soc_uncertainty, 4),
        charged_kwh=round(record.charged_kwh, 3),
        counter_kwh=None if record.counter_kwh is None else round(record.counter_kwh, 4),
    )


_WRITE_KWH = 0.5
_WRITE_SHARE = 0.01


def _same_session(before: VehicleRecord, sight: Sight) -> bool:
    """Tell whether the car of an earlier run is the one that is plugged now."""
    if not before.plugged or before.counter_kwh is None or sight.counter_kwh is None:
        return False
    if sight.counter_kwh < before.counter_kwh - _SAME_SESSION_KWH:
        return False
    since_kwh = before.charged_kwh + sight.counter_kwh - before.counter_kwh
    return sight.session_kwh is None or sight.session_kwh > since_kwh - _SAME_SESSION_KWH


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
