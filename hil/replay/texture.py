"""The fine structure a record of hourly means lacks: appliances switching, clouds passing.

Both are seeded by the slot and keep each slot's energy: whatever is added to some seconds is taken from others.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

GRAIN_S = 5
"""Length of one value of the fine structure."""


@dataclass(frozen=True, slots=True)
class Appliance:
    """Something that is switched on and off: its power, how long it runs, how likely in an hour."""

    name: str
    power_kw: float
    shortest_s: int
    longest_s: int
    chance: float


APPLIANCES = (
    Appliance("kettle", 2.1, 100, 240, 0.35),
    Appliance("microwave", 1.2, 60, 300, 0.25),
    Appliance("fridge", 0.11, 500, 1100, 0.9),
    Appliance("oven", 2.4, 180, 420, 0.2),
    Appliance("oven again", 2.4, 120, 240, 0.2),
    Appliance("hairdryer", 1.6, 120, 300, 0.12),
    Appliance("washing heat", 2.0, 500, 900, 0.12),
    Appliance("vacuum", 0.8, 300, 900, 0.1),
)
_BASE_SHARE = 0.35
"""At least this share of a slot's energy stays as base load."""


def appliance_steps(mean_kw: float, slot_s: int, seed: int) -> list[float]:
    """Demand in kW per grain of one slot: a base load and appliances, its mean exactly as recorded."""
    grains = max(1, slot_s // GRAIN_S)
    chance = random.Random(seed)  # noqa: S311 - repeatable appliances
    steps = [0.0] * grains
    spare = mean_kw * grains * (1 - _BASE_SHARE)
    for appliance in APPLIANCES:
        if chance.random() > appliance.chance * slot_s / 3600:
            continue
        length = max(1, min(grains, chance.randint(appliance.shortest_s, appliance.longest_s) // GRAIN_S))
        if appliance.power_kw * length > spare:
            continue
        start = chance.randint(0, grains - length)
        spare -= appliance.power_kw * length
        for index in range(start, start + length):
            steps[index] += appliance.power_kw
    base = mean_kw - sum(steps) / grains
    return [base + step for step in steps]


def cloud_ramps(
    neighbours_kw: tuple[float, float], mean_kw: float, slot_s: int, *, seed: int, most_kw: float
) -> list[float]:
    """PV in kW per grain of one slot: a smooth course between its neighbours with clouds, its mean as recorded.

    `most_kw` is what the generator can give; clouds are made thinner where keeping the energy would exceed it.
    """
    grains = max(1, slot_s // GRAIN_S)
    if mean_kw <= 0:
        return [0.0] * grains
    clear = _course(*neighbours_kw, mean_kw, grains)
    shade = _shade(grains, random.Random(seed))  # noqa: S311 - repeatable clouds
    shaded = _rescaled([c * s for c, s in zip(clear, shade, strict=True)], mean_kw)
    return _tamed(shaded, clear, most_kw)


def _course(before_kw: float, after_kw: float, mean_kw: float, grains: int) -> list[float]:
    """Two straight lines through the middle of the slot with the slot's mean, never below zero."""
    left = min((before_kw + mean_kw) / 2, 2 * min(before_kw, mean_kw))
    right = min((after_kw + mean_kw) / 2, 2 * min(after_kw, mean_kw))
    middle = (4 * mean_kw - left - right) / 2
    course = []
    for index in range(grains):
        along = (index + 0.5) / grains
        if along < 0.5:
            course.append(left + (middle - left) * along * 2)
        else:
            course.append(middle + (right - middle) * (along * 2 - 1))
    return _rescaled(course, mean_kw)


def _shade(grains: int, chance: random.Random) -> list[float]:
    """What passing clouds leave, per grain: down a ramp, a while in the shade, up again."""
    shade = [1.0] * grains
    for _ in range(chance.choice((0, 0, 0, 1, 2, 4, 6))):
        depth, ramp = chance.uniform(0.25, 0.75), chance.randint(1, 6)
        length, start = chance.randint(6, 70), chance.randint(0, grains - 1)
        for offset in range(-ramp, length + ramp):
            index = start + offset
            if 0 <= index < grains:
                deep = min(1.0, (offset + ramp) / ramp, (length + ramp - offset) / ramp)
                shade[index] = min(shade[index], 1 - depth * deep)
    return shade


def _rescaled(values: Sequence[float], mean_kw: float) -> list[float]:
    mean = sum(values) / len(values)
    return [mean_kw] * len(values) if mean <= 0 else [value * mean_kw / mean for value in values]


def _tamed(shaded: Sequence[float], clear: Sequence[float], most_kw: float) -> list[float]:
    """Mix the two courses (any mix keeps the mean) so that the peak stays within what the generator can give."""
    for share in (1.0, 0.75, 0.5, 0.25):
        mixed = [share * s + (1 - share) * c for s, c in zip(shaded, clear, strict=True)]
        if max(mixed) <= most_kw:
            return mixed
    return list(clear)


class Slots:
    """Values of a few slots, made when first asked for and forgotten when time has moved on."""

    def __init__(self, make: Callable[[int], list[float]]) -> None:
        self._make = make
        self._made: dict[int, list[float]] = {}

    def __getitem__(self, slot: int) -> list[float]:
        found = self._made.get(slot)
        if found is None:
            found = self._made[slot] = self._make(slot)
            for old in [index for index in self._made if not slot - 2 <= index <= slot + 2]:
                del self._made[old]
        return found
