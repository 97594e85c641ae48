"""The commissioning step test, `heg try battery`: a step commanded must be a step metered (issue: commissioning).

The device is moved up and down a few times under a claim of the owner's class; each time what it reports and what the
grid meter shows is averaged once it stands, and the differences say whether signs, scales and phases are right in
spite of what the house does meanwhile. Envelope and state of charge hold as always; afterwards the claim is taken
back and everything goes on as before.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from heg.control.hand import Hand
from heg.control.settings import ControlSettings
from heg.control.snapshot import NOMINAL_V, ActuatorImage, Known, Snapshot
from heg.control.step_findings import Diagnosis, Finding, StepSeen, diagnose, mean, settled
from heg.data.door import CommandAnswer, Door, Outcome
from heg.model.capabilities import StorageCapability
from heg.model.instance import Location
from heg.model.leases import Claim, Claimant, Reason, ReasonCode
from heg.model.refusals import Refusal, RefusalCode
from heg.model.regimes import Regime, RegimeOrder
from heg.runtime.clock import Clock

_WHY = Reason(ReasonCode.COMMISSIONING, "Step test: does the grid meter see what the device does?")
_ENDED_S = 1e-6
_MARGIN = 0.02
_NO_ROOM = "try a smaller power_kw, or later; if the meter shows more than the house draws, check its scale"


class Seeing(Protocol):
    """What the test needs of the control room."""

    @property
    def settings(self) -> ControlSettings:
        """Its configuration."""

    @property
    def hands_off(self) -> bool:
        """The owner's switch ends the test."""

    @property
    def closing(self) -> bool:
        """So does the end of the unit."""

    @property
    def snapshot(self) -> Snapshot | None:
        """What the last cycle saw."""

    def hand_on(self, device: str) -> Hand | None:
        """The hand on a device."""


@dataclass(frozen=True, slots=True)
class StepPlan:
    """Device, step (kW), cycles that a step stands before it is measured and is measured, and the most steps up."""

    device: str
    step_kw: float
    settle_cycles: int = 12
    measure_cycles: int = 6
    most_pairs: int = 6


@dataclass(slots=True)
class _Level:
    """What was seen while one level stood."""

    device_kw: list[float] = field(default_factory=list)
    grid_kw: list[float] = field(default_factory=list)
    phases_kw: list[tuple[float, ...]] = field(default_factory=list)
    trace: list[tuple[float, float]] = field(default_factory=list)
    told_kw: list[float] = field(default_factory=list)


class StepTest:
    """One run of the test."""

    def __init__(self, plan: StepPlan, room: Seeing, door: Door, clock: Clock) -> None:
        self._plan, self._room, self._door, self._clock = plan, room, door, clock
        self._cycle_s = max(room.settings.timings.cycle_s, 0.2)

    async def run(self) -> CommandAnswer:
        """Make the steps and say what they show."""
        image = self._image()
        if isinstance(image, Refusal):
            return CommandAnswer(Outcome.REFUSED, refusal=image)
        levels = _levels(image, self._plan.step_kw)
        if isinstance(levels, Refusal):
            return CommandAnswer(Outcome.REFUSED, refusal=levels)
        seen: list[StepSeen] = []
        try:
            refusal = await self._steps(levels, seen)
        finally:
            self._claim(None)
        if refusal is not None and not seen:
            return CommandAnswer(Outcome.REFUSED, refusal=refusal)
        return self._answer(seen, image, refusal)

    def _answer(self, seen: list[StepSeen], image: ActuatorImage, refusal: Refusal | None) -> CommandAnswer:
        snapshot = self._room.snapshot
        meter = snapshot.grid.meter if snapshot is not None else "the meter"
        diagnosis = diagnose(seen, self._plan.device, meter, image.capability.phases, cycle_s=self._cycle_s)
        outcome = Outcome.DONE if diagnosis.finding is Finding.GOOD and refusal is None else Outcome.PARTLY
        text = f"{diagnosis.text} {_sentence(diagnosis.mend)}".strip()
        return CommandAnswer(outcome, text, refusal, _detail(diagnosis, len(seen)))

    async def _steps(self, levels: tuple[float, float], seen: list[StepSeen]) -> Refusal | None:
        """Low, high, low, high, ... : each high against the lows around it, so that a slow drift falls out."""
        before = await self._stand(levels[0])
        while len(seen) < self._plan.most_pairs and not settled(seen):
            up = before if isinstance(before, Refusal) else await self._stand(levels[1])
            after = up if isinstance(up, Refusal) else await self._stand(levels[0])
            if isinstance(before, Refusal) or isinstance(up, Refusal) or isinstance(after, Refusal):
                return after if isinstance(after, Refusal) else None
            step = _difference(before, up, after)
            if step.commanded_kw < self._plan.step_kw / 2:
                expected = f"room for a step of {self._plan.step_kw:g} kW at the connection point"
                came = f"{step.commanded_kw:.2f} kW"
                return Refusal(RefusalCode.CONFLICT, expected, came, _NO_ROOM)
            seen.append(step)
            before = after
        return None

    async def _stand(self, level_kw: float) -> _Level | Refusal:
        level, began_s = _Level(), self._clock.monotonic_s()
        for cycle in range(self._plan.settle_cycles + self._plan.measure_cycles):
            self._claim(level_kw)
            await self._clock.sleep(self._cycle_s)
            image, snapshot = self._image(), self._room.snapshot
            if isinstance(image, Refusal) or snapshot is None:
                return image if isinstance(image, Refusal) else Refusal(RefusalCode.NOT_READY, "a running cycle")
            grid, device = snapshot.grid.power_kw, image.power_kw
            assert isinstance(grid, Known)
            assert isinstance(device, Known)
            level.trace.append((self._clock.monotonic_s() - began_s, grid.value))
            if cycle >= self._plan.settle_cycles:
                level.told_kw.append(self._told_kw())
                level.device_kw.append(device.value)
                level.grid_kw.append(grid.value)
                phases = [one.value * NOMINAL_V / 1000.0 for one in snapshot.grid.phase_a if isinstance(one, Known)]
                level.phases_kw.append(tuple(phases))
        return level

    def _told_kw(self) -> float:
        """What was really commanded: the envelope may have held it back."""
        hand = self._room.hand_on(self._plan.device)
        set_point = hand.lease.set_point if hand is not None else None
        if set_point is None:
            return 0.0
        return set_point.power_kw if set_point.power_kw is not None else 0.0

    def _image(self) -> ActuatorImage | Refusal:
        """Return the device as it stands; or why the test cannot go on."""
        snapshot = self._room.snapshot
        image = snapshot.actuators.get(self._plan.device) if snapshot is not None else None
        if snapshot is None or image is None or not image.present:
            return Refusal(RefusalCode.DEVICE_LOST, f"{self._plan.device} attached and answering", "it does not")
        if self._room.hands_off or self._room.closing:
            return Refusal(RefusalCode.CONFLICT, "a unit that may command its devices", "hands off, or shutting down")
        if not isinstance(snapshot.grid.power_kw, Known):
            return Refusal(RefusalCode.NOT_READY, "a grid meter with fresh values", snapshot.grid.power_kw.why)
        if not isinstance(image.power_kw, Known):
            expected = f"{self._plan.device} reporting its power"
            return Refusal(RefusalCode.NOT_READY, expected, image.power_kw.why)
        return image

    def _claim(self, level_kw: float | None) -> None:
        place = Location(self._room.settings.unit, self._plan.device, "commissioning")
        if level_kw is None:
            self._door.write("claim", place, Claim(Claimant.MANUAL, _WHY, _ENDED_S))
            return
        regime = Regime.CHARGE if level_kw > 0 else Regime.DISCHARGE if level_kw < 0 else Regime.HOLD
        order = RegimeOrder(regime, abs(level_kw))
        valid_s = 5 * self._cycle_s
        self._door.write("claim", place, Claim(Claimant.MANUAL, _WHY, valid_s, level_kw, level_kw, order))


def _levels(image: ActuatorImage, step_kw: float) -> tuple[float, float] | Refusal:
    """Return the two levels of the step that rates and state of charge allow, the lower first."""
    if not isinstance(image.capability, StorageCapability):
        return Refusal(RefusalCode.UNSUPPORTED, "a storage", image.name, "only storages can be tried")
    if not isinstance(image.soc, Known):
        return Refusal(RefusalCode.NOT_READY, "a known state of charge", image.soc.why)
    storage = image.capability
    may_charge = image.soc.value <= 1.0 - _MARGIN and storage.max_rate_kw >= step_kw
    may_discharge = image.soc.value >= storage.reserve_share + _MARGIN and storage.min_rate_kw <= -step_kw
    if may_charge:
        return (0.0, step_kw)
    if may_discharge:
        return (-step_kw, 0.0)
    came = f"{image.soc.value:.0%} charged, {storage.min_rate_kw:g} to {storage.max_rate_kw:g} kW"
    return Refusal(RefusalCode.CONFLICT, f"room in {image.name} for a step of {step_kw:g} kW", came, "smaller power_kw")


def _difference(before: _Level, up: _Level, after: _Level) -> StepSeen:
    def rise(of: Callable[[_Level], float]) -> float:
        return of(up) - (of(before) + of(after)) / 2

    every = (*before.phases_kw, *up.phases_kw, *after.phases_kw)
    count = len(every[0]) if len({len(one) for one in every}) == 1 else 0
    return StepSeen(
        rise(lambda level: mean(level.told_kw)),
        rise(lambda level: mean(level.device_kw)),
        rise(lambda level: mean(level.grid_kw)),
        tuple(rise(partial(_mean_of_phase, index=index)) for index in range(count)),
        _lag(before, up),
    )


def _mean_of_phase(level: _Level, index: int) -> float:
    return mean(phases[index] for phases in level.phases_kw)


def _lag(before: _Level, up: _Level) -> float | None:
    """Return the seconds until the meter showed half of the step."""
    start_kw, end_kw = mean(before.grid_kw), mean(up.grid_kw)
    half_kw = (start_kw + end_kw) / 2
    if abs(end_kw - start_kw) < 1e-6:
        return None
    rising = end_kw > start_kw
    return next((at_s for at_s, kw in up.trace if (kw >= half_kw) == rising), None)


def _sentence(mend: str) -> str:
    return f"To mend it: {mend}." if mend else ""


def _detail(diagnosis: Diagnosis, steps: int) -> Mapping[str, object]:
    return {
        "finding": str(diagnosis.finding),
        "device_gain": round(diagnosis.device_gain, 3),
        "grid_gain": round(diagnosis.grid_gain, 3),
        "noise": round(diagnosis.noise, 3) if diagnosis.noise < 1e3 else None,
        "lag_s": None if diagnosis.lag_s is None else round(diagnosis.lag_s, 1),
        "slow": diagnosis.slow,
        "steps": steps,
    }
