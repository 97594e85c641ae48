"""The connection point: how much room it leaves us, and how far each actuator may move now (DESIGN.md, Two clocks 2).

The headroom is the envelope minus the house without us. That load is only known to an interval while we move, for the
meter is late (see `tracker`): nobody rises into room that the worst of it does not leave, and nobody is called back
while the best of it allows what stands. Within the headroom, a rise counts as soon as it is told, a fall only once it
is measured: the sum stays inside also while one falls and another rises.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from heg.control.snapshot import NOMINAL_V, GridImage, Known
from heg.control.tracker import LoadInterval, LoadTracker, MeterDelay
from heg.model.envelope import Envelope
from heg.model.headroom import Headroom, Room

PHASES = ("phase.a", "phase.b", "phase.c")


@dataclass(frozen=True, slots=True)
class Mover:
    """One actuator that counts at the connection point, kW and positive consuming.

    `told_kw` is what stands at it under our lease (None: native, or nothing), `arrived_s` when it was measured. On
    fewer phases than the house has, it may hang on any of them.
    """

    name: str
    measured_kw: float
    arrived_s: float
    told_kw: float | None
    phases: int

    @property
    def standing_kw(self) -> float:
        """Where it is going: what it was told, not what it still does on the way there."""
        return self.measured_kw if self.told_kw is None else self.told_kw


class Connection:
    """Observes the connection point cycle by cycle. `phases` is the house's number of phases."""

    def __init__(self, phases: int, delay: MeterDelay) -> None:
        self._phases, self._delay = phases, delay
        self._names: tuple[str, ...] = ()
        self._total = _Place("total", delay)
        self._each: tuple[_Place, ...] = ()

    def observe(self, grid: GridImage, movers: Sequence[Mover], now_s: float) -> None:
        """Take in this cycle's measurements and what stands at the actuators."""
        names = tuple(mover.name for mover in movers)
        if names != self._names or not self._each:
            # Another sum of powers: what was collected of the former one says nothing about it.
            self._names, self._total = names, _Place("total", self._delay)
            self._each = tuple(_Place(part, self._delay) for part in PHASES[: self._phases])
        if isinstance(grid.power_kw, Known):
            self._total.observe(grid.power_kw.value, grid.power_kw.arrived_s, movers, now_s, _whole)
        for place, reading in zip(self._each, grid.phase_a, strict=False):
            if isinstance(reading, Known):
                kw = reading.value * NOMINAL_V / 1000.0
                place.observe(kw, reading.arrived_s, movers, now_s, self._weight)

    def headroom(self, envelope: Envelope) -> Headroom:
        """Return the room that this envelope leaves to all actuators together."""
        total = self._total.room(envelope.min_kw, envelope.max_kw)
        if math.isinf(envelope.max_a_per_phase):
            return Headroom(total)
        most_kw = envelope.max_a_per_phase * NOMINAL_V / 1000.0
        return Headroom(total, tuple(place.room(-most_kw, most_kw) for place in self._each if place.seen))

    def shares(self, mover: Mover) -> tuple[float, ...]:
        """Return the part of a mover's power that counts on each phase."""
        return (self._weight(mover),) * self._phases

    def _weight(self, mover: Mover) -> float:
        return 1.0 / min(max(mover.phases, 1), self._phases)


def fitting(movers: Sequence[Mover], wanted: Mapping[str, float], room: Headroom, phases: int) -> dict[str, float]:
    """Return how far each may move now, the first in the sequence before the others; falling back is always allowed."""
    powers = {mover.name: wanted[mover.name] for mover in movers}
    for place in (room.total, *room.phases):
        weights = {
            mover.name: 1.0 if place is room.total else 1.0 / min(max(mover.phases, 1), phases) for mover in movers
        }
        _raise_within(movers, powers, weights, place.high_kw)
        mirrored = [_mirrored(mover) for mover in movers]
        negative = {name: -power for name, power in powers.items()}
        _raise_within(mirrored, negative, weights, -place.low_kw)
        powers = {name: -power for name, power in negative.items()}
    return powers


def _raise_within(
    movers: Sequence[Mover], powers: dict[str, float], weights: Mapping[str, float], high_kw: float
) -> None:
    if not math.isfinite(high_kw):
        return
    counted = {mover.name: _counted(mover, powers[mover.name]) for mover in movers}
    used_kw = math.fsum(counted[name] * weights[name] for name in counted)
    for mover in movers:
        name = mover.name
        if powers[name] <= counted[name]:
            continue
        rise_kw = min(powers[name] - counted[name], max(high_kw - used_kw, 0.0) / weights[name])
        powers[name] = counted[name] + rise_kw
        used_kw += rise_kw * weights[name]


def _counted(mover: Mover, wanted_kw: float) -> float:
    """Where it is, or is on its way to and still wanted."""
    return max(mover.measured_kw, min(mover.standing_kw, wanted_kw))


def _whole(_mover: Mover) -> float:
    return 1.0


def _mirrored(mover: Mover) -> Mover:
    told_kw = None if mover.told_kw is None else -mover.told_kw
    return Mover(mover.name, -mover.measured_kw, mover.arrived_s, told_kw, mover.phases)


class _Place:
    """The whole connection point or one of its phases."""

    def __init__(self, name: str, delay: MeterDelay) -> None:
        self._name = name
        self._tracker = LoadTracker(delay)
        self._standing_kw = 0.0
        self._load: LoadInterval | None = None

    @property
    def seen(self) -> bool:
        """True once it was measured."""
        return self._load is not None

    def observe(
        self, kw: float, at_s: float, movers: Sequence[Mover], now_s: float, weight: Callable[[Mover], float]
    ) -> None:
        own_kw = math.fsum(mover.measured_kw * weight(mover) for mover in movers)
        read_at_s = min((mover.arrived_s for mover in movers), default=now_s)
        self._tracker.storages(read_at_s, own_kw)
        self._tracker.grid(at_s, kw)
        self._standing_kw = math.fsum(mover.standing_kw * weight(mover) for mover in movers)
        self._tracker.told(now_s, self._standing_kw)
        self._load = self._tracker.load()

    def room(self, min_kw: float, max_kw: float) -> Room:
        load = self._load or LoadInterval(0.0, 0.0)
        high_kw = max(max_kw - load.high_kw, min(self._standing_kw, max_kw - load.low_kw))
        low_kw = min(min_kw - load.low_kw, max(self._standing_kw, min_kw - load.high_kw))
        return Room(self._name, low_kw, max(low_kw, high_kw))
