"""When to plan: at each slot's start, and at once when something happens that the plan did not know. Pure.

What is seen now is compared with what was seen when the last plan was made: so nothing that happens within the minimum
gap is lost, and what came and went again costs nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from heg.model.envelope import Envelope


class Cause(StrEnum):
    """Why a plan is made; the value is what people read."""

    START = "the gateway has started"
    SLOT = "a slot begins"
    CLOCK = "the clock was set"
    ASKED = "somebody asked for it"
    VEHICLE = "the car came, left, or its person said something new"
    HANDS_OFF = "the owner let control go on"
    DEVICES = "a storage came or went, or its word is doubted"
    ENVELOPE = "what is left to the connection point changed"
    PRICES = "new prices, forecasts or the past came"
    BAND = "the house does not do what was forecast"
    AGAIN = "the last plan could not be made"


GAP_S: Mapping[Cause, float] = {
    Cause.START: 0.0,
    Cause.SLOT: 0.0,
    Cause.CLOCK: 0.0,
    Cause.ASKED: 2.0,
    Cause.VEHICLE: 5.0,
    Cause.HANDS_OFF: 5.0,
    Cause.DEVICES: 10.0,
    Cause.ENVELOPE: 30.0,
    Cause.PRICES: 30.0,
    Cause.BAND: 300.0,
    Cause.AGAIN: 60.0,
}
"""The least time between any plan and one for this cause: what a person does is answered at once, drift can wait."""
_MARGIN_KW = 0.3
_MARGIN_SHARE = 0.5
"""How far outside its band a slot must be: one in five lies outside by the band's own meaning, and that is no news."""
_ENVELOPE_KW = 0.1
_ENVELOPE_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Seen:
    """What the loop saw at one look. `words`, `asked` and `steps` count: outside news, orders to plan, clock steps.

    `devices` are the storages that can be planned with, each with what is wrong with its state of charge ("": nothing).
    """

    slot: datetime
    words: int = 0
    asked: int = 0
    steps: int = 0
    devices: frozenset[tuple[str, str]] = frozenset()
    vehicles: tuple[object, ...] = ()
    envelope: tuple[float, float] = (-math.inf, math.inf)
    hands_off: bool = False
    outside: bool = False


def bounds_of(envelope: Envelope | None) -> tuple[float, float]:
    """Return the interval in kW; no limits where nobody has spoken."""
    return (-math.inf, math.inf) if envelope is None else (envelope.min_kw, envelope.max_kw)


class Triggers:
    """Tells when a plan is due and why."""

    def __init__(self) -> None:
        self._then: Seen | None = None
        self._made_s = -math.inf
        self._good = True

    def due(self, now: Seen, now_s: float) -> Cause | None:
        """Return why a plan is due, None while none is."""
        if self._then is None:
            return Cause.START
        waited_s = now_s - self._made_s
        return next((cause for cause in self._causes(self._then, now) if waited_s >= GAP_S[cause]), None)

    def planned(self, seen: Seen, now_s: float, *, good: bool) -> None:
        """A plan was made from what was `seen`; `good` False: it could not be, and is tried again."""
        self._then, self._made_s, self._good = seen, now_s, good

    def _causes(self, then: Seen, now: Seen) -> list[Cause]:
        found = {
            Cause.CLOCK: now.steps != then.steps,
            Cause.SLOT: now.slot != then.slot,
            Cause.ASKED: now.asked != then.asked,
            Cause.VEHICLE: now.vehicles != then.vehicles,
            Cause.HANDS_OFF: then.hands_off and not now.hands_off,
            Cause.DEVICES: now.devices != then.devices,
            Cause.ENVELOPE: _moved(then.envelope, now.envelope),
            Cause.PRICES: now.words != then.words,
            Cause.BAND: now.outside,
            Cause.AGAIN: not self._good,
        }
        return [cause for cause, so in found.items() if so]


def _moved(then: tuple[float, float], now: tuple[float, float]) -> bool:
    """Only what matters: a limit that trembles with a measurement is the same limit."""
    for before, after in zip(then, now, strict=True):
        if before == after:
            continue
        if not (math.isfinite(before) and math.isfinite(after)):
            return True
        if abs(after - before) > max(_ENVELOPE_KW, _ENVELOPE_SHARE * abs(before)):
            return True
    return False


@dataclass(frozen=True, slots=True)
class Band:
    """What was forecast of the running slot, kW."""

    low_kw: float
    high_kw: float


class BandWatch:
    """Whether a slot's running mean has been outside its forecast band for long enough to count."""

    def __init__(self, slot_s: float) -> None:
        self._patience_s = min(300.0, slot_s / 3.0)
        self._outside_since_s: float | None = None

    def see(self, now_s: float, mean_kw: float | None, measured_s: float, band: Band | None) -> bool:
        """Take one look; `measured_s` is how much of the slot the mean stands on."""
        if mean_kw is None or band is None or measured_s < self._patience_s / 2:
            self._outside_since_s = None
            return False
        margin_kw = max(_MARGIN_KW, _MARGIN_SHARE * (band.high_kw - band.low_kw))
        if band.low_kw - margin_kw <= mean_kw <= band.high_kw + margin_kw:
            self._outside_since_s = None
            return False
        if self._outside_since_s is None:
            self._outside_since_s = now_s
        return now_s - self._outside_since_s >= self._patience_s

    def restart(self) -> None:
        """A new plan stands on what was seen: what counts is what comes now."""
        self._outside_since_s = None
