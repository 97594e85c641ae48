"""What a step test proves: from the powers seen at each step to the error's name and how to mend it. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

CLOSE = 0.15
"""A gain within this of 1 is right: meters of class B and an inverter's losses stay well inside."""
_LEAST_SIGNAL = 0.2
_SURE_SIGMAS = 3.0
_THIRD = (0.25, 0.42)
_SLOW_S = 6.0
"""At a cycle of a second; a longer cycle sees no finer."""
_TO_CONNECTION_POINT = (
    "the meter (or its current transformer) is on another phase than the device, or behind it: "
    "move it to the house's connection point"
)
_CHECK_SCALE = (
    "check the ratio of the current transformers, the scale factor, "
    "and that all phases are connected the same way round"
)


def mean(values: Iterable[float]) -> float:
    """Return the mean of at least one value. Of `statistics`, this and a deviation would be all a gateway ever uses."""
    seen = tuple(values)
    return math.fsum(seen) / len(seen)


class Finding(StrEnum):
    """What was found."""

    GOOD = "good"
    STORAGE_INVERTED = "storage_inverted"
    METER_INVERTED = "meter_inverted"
    NO_RESPONSE = "no_response"
    NOT_SEEN = "not_seen"
    ONE_PHASE = "one_phase"
    WRONG_SCALE = "wrong_scale"
    STORAGE_SCALE = "storage_scale"
    NOISY = "noisy"


@dataclass(frozen=True, slots=True)
class StepSeen:
    """One pair of steps, up and down again: how much more than before was commanded, and was seen at the device, at the
    meter and on each phase (kW); and how long the meter took to show half of it (s, None: never).
    """

    commanded_kw: float
    device_kw: float
    grid_kw: float
    phases_kw: tuple[float, ...] = ()
    lag_s: float | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The finding in words, how to mend it, and the figures it stands on (gains are shares of the commanded step)."""

    finding: Finding
    text: str
    mend: str = ""
    device_gain: float = 0.0
    grid_gain: float = 0.0
    noise: float = 0.0
    lag_s: float | None = None
    slow: bool = False


@dataclass(frozen=True, slots=True)
class _Gain:
    mean: float
    error: float

    @property
    def is_something(self) -> bool:
        return abs(self.mean) >= _LEAST_SIGNAL and abs(self.mean) >= _SURE_SIGMAS * self.error

    @property
    def is_nothing(self) -> bool:
        return abs(self.mean) + 2 * self.error < _LEAST_SIGNAL

    def near(self, value: float) -> bool:
        return abs(self.mean - value) <= CLOSE


def settled(seen: Sequence[StepSeen]) -> bool:
    """Tell whether more steps would not change the finding: both gains are known well enough."""
    if len(seen) < 3:
        return False
    return all(gain.error <= CLOSE / _SURE_SIGMAS for gain in (_gain_of_device(seen), _gain_of_grid(seen)))


def diagnose(
    seen: Sequence[StepSeen], device: str, meter: str, device_phases: int, *, cycle_s: float = 1.0
) -> Diagnosis:
    """Name what the steps show. `device_phases` is how many phases the device hangs on, `cycle_s` how often we look."""
    if not seen:
        return Diagnosis(Finding.NOISY, "No step could be made.", "see that meter and device report, then try again")
    device_gain, grid_gain = _gain_of_device(seen), _gain_of_grid(seen)
    lags = [step.lag_s for step in seen if step.lag_s is not None]
    lag_s = mean(lags) if lags else None
    finding, text, mend = _named(device_gain, grid_gain, seen, device, meter, device_phases)
    slow = lag_s is not None and lag_s > _SLOW_S * max(cycle_s, 1.0)
    if slow and lag_s is not None:
        text += f" The answer takes {lag_s:.0f} s, which is slow: following the load will be coarse."
    return Diagnosis(finding, text, mend, device_gain.mean, grid_gain.mean, grid_gain.error, lag_s, slow=slow)


def _named(
    device: _Gain, grid: _Gain, seen: Sequence[StepSeen], name: str, meter: str, phases: int
) -> tuple[Finding, str, str]:
    wrong_device = _device_fault(device, name)
    if wrong_device is not None:
        return wrong_device
    if grid.error > CLOSE and not grid.near(1.0):
        return (
            Finding.NOISY,
            "The house's own consumption changed too much to see the steps.",
            "try again when no large appliance switches (or with a larger power_kw)",
        )
    return _meter_fault(device, grid, seen, name, meter, phases)


def _device_fault(device: _Gain, name: str) -> tuple[Finding, str, str] | None:
    if device.is_nothing:
        return (
            Finding.NO_RESPONSE,
            f"{name} acknowledges the command and its power does not change.",
            "allow remote control in the device's own settings; see that no other program commands it",
        )
    if device.mean < 0 and device.is_something:
        return (
            Finding.STORAGE_INVERTED,
            f"{name} discharges when it is told to charge (or reports its power with the wrong sign).",
            "change the sign of the device's power in its template or settings",
        )
    if not device.near(1.0) and device.is_something:
        return (
            Finding.STORAGE_SCALE,
            f"{name} does {device.mean:.2f} of what it is told.",
            "check the rated power that its percentages refer to, and its own power limits",
        )
    return None


def _meter_fault(
    device: _Gain, grid: _Gain, seen: Sequence[StepSeen], name: str, meter: str, phases: int
) -> tuple[Finding, str, str]:
    relative = grid.mean / device.mean if device.is_something else grid.mean
    if grid.is_nothing:
        return (
            Finding.NOT_SEEN,
            f"{name} moves and {meter} does not see it{_where(seen)}.",
            _TO_CONNECTION_POINT,
        )
    if abs(relative + 1.0) <= CLOSE:
        return (
            Finding.METER_INVERTED,
            f"{meter} counts import as export: charging lowers it.",
            "turn the current transformer round, or swap its two wires, or set the meter's sign",
        )
    if abs(relative - 1.0) <= CLOSE:
        return (Finding.GOOD, f"{name} does what it is told, and {meter} sees it.", "")
    if phases > 1 and _THIRD[0] <= relative <= _THIRD[1]:
        return (
            Finding.ONE_PHASE,
            f"{meter} sees a third of what {name} does: it measures one of three phases{_where(seen)}.",
            "connect the meter's other two phases (voltage and current transformer of each)",
        )
    return (
        Finding.WRONG_SCALE,
        f"{meter} shows {relative:.2f} of what {name} does.",
        _CHECK_SCALE,
    )


def _where(seen: Sequence[StepSeen]) -> str:
    """Say which phases moved, where the meter tells them apart."""
    counts = {len(step.phases_kw) for step in seen}
    if counts != {3}:
        return ""
    moved = [mean(step.phases_kw[index] / step.commanded_kw for step in seen) for index in range(3)]
    names = [f"{'ABC'[index]} {share:+.2f}" for index, share in enumerate(moved)]
    return f" (share seen on each phase: {', '.join(names)})"


def _gain_of_device(seen: Sequence[StepSeen]) -> _Gain:
    return _gain([step.device_kw / step.commanded_kw for step in seen])


def _gain_of_grid(seen: Sequence[StepSeen]) -> _Gain:
    return _gain([step.grid_kw / step.commanded_kw for step in seen])


def _gain(shares: Sequence[float]) -> _Gain:
    middle = mean(shares)
    if len(shares) < 2:
        return _Gain(middle, math.inf)
    spread = math.sqrt(math.fsum((share - middle) ** 2 for share in shares) / (len(shares) - 1))
    return _Gain(middle, spread / math.sqrt(len(shares)))
