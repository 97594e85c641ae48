"""Headroom: what the envelope leaves to our actuators, and how it is shared (DESIGN.md, Two clocks 2).

Headroom is the envelope minus measured grid power plus the actuators' own measured power. It is shared in merit order,
each grant reducing the rest: the sum never leaves the envelope unless uncontrollable load alone does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from heg.model.envelope import Envelope

NOMINAL_V = 230.0
_PHASES = ("phase.a", "phase.b", "phase.c")
_PASSES = 3
_HAIR_KW = 1e-9


@dataclass(frozen=True, slots=True)
class PhaseMeasure:
    """One phase at the connection point: active power (kW, importing positive), current (A) and voltage (V).

    `current_a` without a known sign may be given as its magnitude; None where it is not measured.
    """

    power_kw: float
    current_a: float | None = None
    voltage_v: float = NOMINAL_V

    @property
    def reactive_a(self) -> float:
        """The part of the current that active power does not explain."""
        if self.current_a is None or self.voltage_v <= 0:
            return 0.0
        active_a = self.power_kw * 1000.0 / self.voltage_v
        return math.sqrt(max(0.0, self.current_a**2 - active_a**2))


@dataclass(frozen=True, slots=True)
class OwnPower:
    """What one actuator draws now (kW, positive consuming) and which share of it flows on each phase (sum 1)."""

    kw: float
    phase_shares: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Room:
    """What all actuators together may draw on the whole connection point or on one phase (`name`), in kW.

    `low_kw` above zero or `high_kw` below zero: the house alone is outside, and we are asked to help.
    """

    name: str
    low_kw: float
    high_kw: float


@dataclass(frozen=True, slots=True)
class Headroom:
    """The room on the connection point and, where amperes are bounded and measured, on each of its phases."""

    total: Room
    phases: tuple[Room, ...] = ()


def headroom(
    envelope: Envelope, grid_kw: float, own: Sequence[OwnPower], phases: Sequence[PhaseMeasure] = ()
) -> Headroom:
    """Return the headroom: envelope minus measured grid power plus the actuators' own measured power.

    Amperes are only held where phases are measured; who measures none narrows the kW of the envelope instead.
    """
    uncontrolled_kw = grid_kw - math.fsum(actuator.kw for actuator in own)
    low_kw, high_kw = envelope.min_kw, envelope.max_kw
    if math.isinf(envelope.max_a_per_phase) or not phases:
        return Headroom(Room("total", low_kw - uncontrolled_kw, high_kw - uncontrolled_kw))
    rooms = tuple(
        _phase_room(envelope.max_a_per_phase, index, phase, own, len(phases)) for index, phase in enumerate(phases)
    )
    return Headroom(Room("total", low_kw - uncontrolled_kw, high_kw - uncontrolled_kw), rooms)


@dataclass(frozen=True, slots=True)
class Request:
    """What one actuator asks for: any power between `low_kw` and `high_kw` (equal for a commanded kW).

    `least_kw` and `most_kw` are what the device can do, should it be asked to help. A charger draws nothing or at
    least `smallest_kw`, in steps of `step_kw`.
    """

    key: str
    low_kw: float
    high_kw: float
    least_kw: float
    most_kw: float
    phase_shares: tuple[float, ...] = ()
    smallest_kw: float = 0.0
    step_kw: float = 0.0


@dataclass(frozen=True, slots=True)
class Grant:
    """What one actuator may do: any power in the interval. `bound` names the room that narrowed it, if one did."""

    key: str
    low_kw: float
    high_kw: float
    bound: str = ""


def share(room: Headroom, requests: Sequence[Request]) -> tuple[Grant, ...]:
    """Share the headroom in the order of `requests`, first the one with most merit; grants come in the same order.

    Whatever the actuators do inside their grants, no room is left that the house alone would keep, and one that the
    house alone leaves is not left further. An actuator is asked to help (to move against its wish) only where the
    wishes of the others do not help enough already; that is why the sharing goes round until nothing changes.
    """
    grants = [Grant(request.key, 0.0, 0.0) for request in requests]
    for _ in range(_PASSES):
        before = list(grants)
        for index, request in enumerate(requests):
            grants[index] = _granted(room, requests, grants, index, request)
        if grants == before:
            break
    return tuple(grants)


def _phase_room(limit_a: float, index: int, phase: PhaseMeasure, own: Sequence[OwnPower], phases: int) -> Room:
    ours_kw = math.fsum(actuator.kw * _share(actuator.phase_shares, index, phases) for actuator in own)
    active_a = math.sqrt(max(0.0, limit_a**2 - phase.reactive_a**2))
    most_kw = active_a * max(phase.voltage_v, 1.0) / 1000.0
    uncontrolled_kw = phase.power_kw - ours_kw
    return Room(_PHASES[index], -most_kw - uncontrolled_kw, most_kw - uncontrolled_kw)


def _share(shares: Sequence[float], index: int, phases: int) -> float:
    """The share on one phase; an actuator of which nothing is known is taken to be on all phases equally."""
    if not shares:
        return 1.0 / phases
    return shares[index] if index < len(shares) else 0.0


def _granted(
    room: Headroom, requests: Sequence[Request], grants: Sequence[Grant], index: int, request: Request
) -> Grant:
    now = grants[index]
    strict = _left(room, requests, grants, index, helping=True)
    kept = _left(room, requests, grants, index, helping=False)
    low_kw, high_kw = request.low_kw, max(request.low_kw, request.high_kw)
    if strict.low_kw <= strict.high_kw:
        low_kw, high_kw = _clip(low_kw, strict), _clip(high_kw, strict)
    low_kw, high_kw = _clip(low_kw, kept), _clip(high_kw, kept)
    device = Room("", min(request.least_kw, 0.0), max(request.most_kw, 0.0))
    low_kw, high_kw = _clip(low_kw, device), _clip(high_kw, device)
    low_kw, high_kw = _in_steps(low_kw, request), _in_steps(high_kw, request)
    if not (kept.low_kw - _HAIR_KW <= low_kw <= high_kw <= kept.high_kw + _HAIR_KW):
        # Rounding to the device's steps would break what others rely on: what was granted before still fits.
        return now
    narrowed = low_kw > request.low_kw + _HAIR_KW or high_kw < request.high_kw - _HAIR_KW
    return replace(now, low_kw=low_kw, high_kw=high_kw, bound=_who(strict, kept) if narrowed else "")


def _left(room: Headroom, requests: Sequence[Request], grants: Sequence[Grant], index: int, *, helping: bool) -> Room:
    """What the rooms leave to one actuator, in kW at its terminals, beside the others' grants at their worst.

    With `helping` as the envelope says; without, widened to what the house alone does, so that it always holds zero
    and an answer always exists.
    """
    low_kw, high_kw, name = -math.inf, math.inf, ""
    count = len(room.phases)
    for place, one in enumerate((room.total, *room.phases)):
        shares = [1.0 if place == 0 else _share(request.phase_shares, place - 1, count) for request in requests]
        if shares[index] <= 0.0:
            continue
        floor = one.low_kw if helping else min(one.low_kw, 0.0)
        ceiling = one.high_kw if helping else max(one.high_kw, 0.0)
        others = [(s, grant) for n, (s, grant) in enumerate(zip(shares, grants, strict=True)) if n != index]
        lowest = (floor - math.fsum(s * grant.low_kw for s, grant in others)) / shares[index]
        highest = (ceiling - math.fsum(s * grant.high_kw for s, grant in others)) / shares[index]
        if lowest > low_kw or highest < high_kw:
            name = one.name
        low_kw, high_kw = max(low_kw, lowest), min(high_kw, highest)
    return Room(name, low_kw, high_kw)


def _clip(kw: float, room: Room) -> float:
    return min(max(kw, room.low_kw), room.high_kw)


def _in_steps(kw: float, request: Request) -> float:
    if kw <= 0.0:
        return kw
    if request.step_kw > 0.0:
        kw = math.floor(kw / request.step_kw + _HAIR_KW) * request.step_kw
    return kw if kw >= request.smallest_kw else 0.0


def _who(strict: Room, kept: Room) -> str:
    return strict.name or kept.name
