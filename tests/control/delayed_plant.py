"""A house on paper for the tracker: a meter that shows the past, storages that lag. Arithmetic, no gateway code."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from heg.control.tracker import LoadTracker, MeterDelay, Trim, follow

DEADBAND_KW = 0.02


@dataclass(frozen=True, slots=True)
class Plant:
    """Ages and lag in seconds, rates and resolutions in kW."""

    meter_age_s: float = 1.0
    lag_s: float = 2.0
    storage_age_s: float = 0.0
    rate_kw: float = 5.0
    resolution_kw: float = 0.001
    gain: float = 1.0
    dt_s: float = 0.05
    cycle_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Moment:
    """What truly was at an instant (kW)."""

    at_s: float
    load_kw: float
    storage_kw: float
    grid_kw: float


def balanced(
    load_kw: Callable[[float], float], seconds: float, plant: Plant, delay: MeterDelay | None = None
) -> list[Moment]:
    """Run emulated `balance` once every cycle against the plant and return every instant."""
    tracker, trim = LoadTracker(delay), Trim()
    past: list[Moment] = []
    storage_kw = command_kw = wanted_kw = 0.0
    share = 1 - math.exp(-plant.dt_s / plant.lag_s) if plant.lag_s else 1.0
    per_cycle = round(plant.cycle_s / plant.dt_s)
    for index in range(round(seconds / plant.dt_s)):
        at_s = index * plant.dt_s
        storage_kw += (plant.gain * command_kw - storage_kw) * share
        now_kw = load_kw(at_s)
        past.append(Moment(at_s, now_kw, storage_kw, now_kw + storage_kw))
        if index % per_cycle:
            continue
        shown = past[max(0, index - round(plant.meter_age_s / plant.dt_s))].grid_kw
        own = _rounded(past[max(0, index - round(plant.storage_age_s / plant.dt_s))].storage_kw, plant)
        tracker.storages(at_s, own)
        tracker.grid(at_s, _rounded(shown, plant))
        trim.learn(at_s, command_kw, own)
        load = tracker.load()
        assert load is not None
        next_kw = follow(lambda load_kw: _clip(-load_kw, plant.rate_kw), load, wanted_kw)
        wanted_kw = next_kw if abs(next_kw - wanted_kw) > DEADBAND_KW else wanted_kw
        command_kw = _clip(wanted_kw + trim.kw, plant.rate_kw)
        tracker.told(at_s, command_kw)
    return past


def wrong_way_share(past: list[Moment]) -> float:
    """Energy the storage moved against the house's interest (charged while importing, discharged while exporting)."""
    wrong = sum(min(abs(now.storage_kw), abs(now.grid_kw)) for now in past if now.storage_kw * now.grid_kw > 0)
    return wrong / sum(abs(now.storage_kw) for now in past)


def _rounded(kw: float, plant: Plant) -> float:
    return round(kw / plant.resolution_kw) * plant.resolution_kw


def _clip(kw: float, rate_kw: float) -> float:
    return max(-rate_kw, min(rate_kw, kw))
