"""A house on paper for the tracker: a meter that shows the past, storages that lag. Arithmetic, no gateway code."""

import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from heg.control.tracker import LoadTracker, MeterDelay, follow
from heg.control.trim import Trim
from heg.model.regimes import Regime, RegimeOrder
from heg.model.regimes import wanted_kw as wanted_kw_of

DEADBAND_KW = 0.01


@dataclass(frozen=True, slots=True)
class Plant:
    """Ages, lag and times in seconds, rates and resolutions in kW.

    The meter shows what was `meter_age_s` (+- `age_jitter_s`) ago, renewed every `meter_hold_s`. The storage takes a
    command `dead_s` late, in steps of `set_point_step_kw`, follows with `lag_s` and at most `ramp_kw_per_s`, and gives
    `gain` of it, never more than `most_kw`.
    """

    meter_age_s: float = 1.0
    lag_s: float = 2.0
    storage_age_s: float = 0.0
    rate_kw: float = 5.0
    resolution_kw: float = 0.001
    gain: float = 1.0
    dt_s: float = 0.05
    cycle_s: float = 1.0
    age_jitter_s: float = 0.0
    meter_hold_s: float = 0.0
    meter_noise_kw: float = 0.0
    dead_s: float = 0.0
    ramp_kw_per_s: float = math.inf
    set_point_step_kw: float = 0.0
    most_kw: float = math.inf
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Moment:
    """What truly was at an instant (kW)."""

    at_s: float
    load_kw: float
    storage_kw: float
    grid_kw: float


Brain = Callable[[float, float, float], float]
"""From now (s), grid and own power as measured (kW) to the command (kW)."""


BALANCE = RegimeOrder(Regime.BALANCE)


def balanced(
    load_kw: Callable[[float], float],
    seconds: float,
    plant: Plant,
    delay: MeterDelay | None = None,
    order: RegimeOrder = BALANCE,
) -> list[Moment]:
    """Run an emulated regime once every cycle against the plant and return every instant."""
    return played(load_kw, seconds, plant, tracking(plant, delay, order))


def tracking(plant: Plant, delay: MeterDelay | None = None, order: RegimeOrder = BALANCE) -> Brain:
    """The gateway's own: tracker, law, trim and deadband."""
    tracker, trim, wanted_kw = LoadTracker(delay), Trim(), 0.0

    def brain(now_s: float, grid_kw: float, own_kw: float) -> float:
        nonlocal wanted_kw
        tracker.storages(now_s, own_kw)
        tracker.grid(now_s, grid_kw)
        load = tracker.load()
        assert load is not None
        next_kw = follow(lambda load_kw: _clip(wanted_kw_of(order, load_kw), plant.rate_kw), load, wanted_kw)
        wanted_kw = next_kw if abs(next_kw - wanted_kw) > DEADBAND_KW else wanted_kw
        trim.learn(now_s, wanted_kw, own_kw)
        command_kw = _clip(wanted_kw + trim.kw, plant.rate_kw)
        tracker.told(now_s, command_kw)
        return command_kw

    return brain


def naive(plant: Plant) -> Brain:
    """What stands in many gateways: the newest meter value minus the newest storage value, taken at their word."""
    command_kw = 0.0

    def brain(_now_s: float, grid_kw: float, own_kw: float) -> float:
        nonlocal command_kw
        next_kw = _clip(own_kw - grid_kw, plant.rate_kw)
        command_kw = next_kw if abs(next_kw - command_kw) > DEADBAND_KW else command_kw
        return command_kw

    return brain


def knowing(load_kw: Callable[[float], float], plant: Plant) -> Brain:
    """No law can do much better: it knows the load exactly, as late as the meter."""
    return lambda now_s, *_: _clip(-load_kw(max(0.0, now_s - plant.meter_age_s)), plant.rate_kw)


def played(load_kw: Callable[[float], float], seconds: float, plant: Plant, brain: Brain) -> list[Moment]:
    """Run any brain against the plant and return every instant."""
    storage, meter = _Storage(plant), _Meter(plant)
    past: list[Moment] = []
    per_cycle = round(plant.cycle_s / plant.dt_s)
    for index in range(round(seconds / plant.dt_s)):
        at_s = index * plant.dt_s
        storage_kw = storage.moved(at_s)
        now_kw = load_kw(at_s)
        past.append(Moment(at_s, now_kw, storage_kw, now_kw + storage_kw))
        shown_kw = meter.shows(at_s, past)
        if index % per_cycle == 0:
            own_kw = past[max(0, index - round(plant.storage_age_s / plant.dt_s))].storage_kw
            storage.told(at_s, brain(at_s, shown_kw, _rounded(own_kw, 0.001)))
    return past


class _Storage:
    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._share = 1 - math.exp(-plant.dt_s / plant.lag_s) if plant.lag_s else 1.0
        self._on_the_way: deque[tuple[float, float]] = deque()
        self._in_force_kw = self._kw = 0.0

    def told(self, at_s: float, command_kw: float) -> None:
        command_kw = _rounded(command_kw, self._plant.set_point_step_kw)
        self._on_the_way.append((at_s + self._plant.dead_s, command_kw))

    def moved(self, at_s: float) -> float:
        while self._on_the_way and self._on_the_way[0][0] < at_s:
            self._in_force_kw = self._on_the_way.popleft()[1]
        aim_kw = _clip(self._plant.gain * self._in_force_kw, self._plant.most_kw)
        self._kw += _clip((aim_kw - self._kw) * self._share, self._plant.ramp_kw_per_s * self._plant.dt_s)
        return self._kw


class _Meter:
    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._chance = random.Random(plant.seed)
        self._renewed_at_s = -math.inf
        self._kw = 0.0

    def shows(self, at_s: float, past: list[Moment]) -> float:
        plant = self._plant
        if at_s - self._renewed_at_s >= plant.meter_hold_s - 1e-9:
            self._renewed_at_s = at_s
            age_s = max(0.0, plant.meter_age_s + self._chance.uniform(-1, 1) * plant.age_jitter_s)
            true_kw = past[max(0, len(past) - 1 - round(age_s / plant.dt_s))].grid_kw
            self._kw = _rounded(true_kw + self._chance.gauss(0, plant.meter_noise_kw), plant.resolution_kw)
        return self._kw


def wrong_way_share(past: list[Moment]) -> float:
    """Energy the storage moved against the house's interest (charged while importing, discharged while exporting)."""
    wrong = sum(min(abs(now.storage_kw), abs(now.grid_kw)) for now in past if now.storage_kw * now.grid_kw > 0)
    return wrong / sum(abs(now.storage_kw) for now in past)


def missed_share(past: list[Moment], rate_kw: float = 5.0) -> float:
    """Energy exchanged with the grid that a storage without delay would have kept in the house, of its throughput."""
    missed = sum(abs(now.grid_kw) - max(0.0, abs(now.load_kw) - rate_kw) for now in past)
    return missed / sum(abs(now.storage_kw) for now in past)


def _rounded(kw: float, step_kw: float) -> float:
    return round(kw / step_kw) * step_kw if step_kw else kw


def _clip(kw: float, most_kw: float) -> float:
    return max(-most_kw, min(most_kw, kw))
