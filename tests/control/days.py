"""Days of a house, second by second: appliances that switch, clouds that pass. Seeded: a figure can be repeated."""

import math
import random
from datetime import UTC, datetime

from hil.replay.generated import generated_home
from hil.replay.weather import Replay


def day_load_kw(seed: int, *, appliances: int = 150, pv_kw: float = 4.0) -> list[float]:
    """Uncontrolled load (kW, importing positive) for each second of a day."""
    chance = random.Random(seed)
    load = [0.3 + chance.gauss(0, 0.02) for _ in range(86_400)]
    for _ in range(appliances):
        begins, power_kw = chance.randrange(86_400), chance.choice([0.1, 0.5, 1.0, 2.0, 3.0])
        for second in range(begins, min(86_400, begins + int(chance.expovariate(1 / 600)))):
            load[second] += power_kw
    for second in range(6 * 3600, 18 * 3600):
        clear_kw = pv_kw * math.sin((second / 3600 - 6) / 12 * math.pi)
        cloudy = math.sin(second / 97) > 0.6
        load[second] -= clear_kw * (0.7 if cloudy else 1.0)
    return load


def rig_day_kw(seed: int = 1) -> list[float]:
    """A summer day of the rig's generated home: the load and sun that the demonstration shows without a network."""
    replay = Replay(generated_home(seed=seed), datetime(2024, 7, 9, tzinfo=UTC), seed=seed)
    return [replay.demand_kw(second) - replay.sun_kw(second) for second in range(86_400)]


def restless_hours_kw(seed: int, *, hours: int = 2, pv_kw: float = 4.0) -> list[float]:
    """The worst a house does: a hob that pulses, a washing machine's motor, a fridge's inrush, fast broken clouds."""
    chance, seconds = random.Random(seed), hours * 3600
    load = [0.25] * seconds

    def add(begins: int, ends: int, power_kw: float) -> None:
        for second in range(max(0, begins), min(seconds, ends)):
            load[second] += power_kw

    for begins in range(0, seconds, 3000):
        add(begins, begins + 900, 0.09)
        add(begins, begins + 2, 0.4)
    for _ in range(seconds // 600):
        begins = chance.randrange(seconds)
        add(begins, begins + 5 + int(chance.expovariate(1 / 400)), chance.choice([0.06, 0.1, 0.5, 1.0, 2.0, 2.2, 3.0]))
    _pulses(add, chance, chance.randrange(seconds // 2), 1800)
    _motor(add, chance, chance.randrange(seconds // 2), 2400)
    shade = aim = 1.0
    for second in range(seconds):
        if chance.random() < 1 / 90:
            aim = chance.choice([1.0, 0.95, 0.6, 0.35, 0.25])
        shade += max(-0.05, min(0.05, aim - shade))
        load[second] += chance.gauss(0, 0.01) - pv_kw * shade * math.sin(math.pi * second / seconds)
    return load


def _pulses(add, chance: random.Random, begins: int, lasts: int) -> None:
    on_s, off_s = chance.choice([3, 6, 10]), chance.choice([3, 8, 15])
    for second in range(begins, begins + lasts, on_s + off_s):
        add(second, second + on_s, 1.8)


def _motor(add, chance: random.Random, begins: int, lasts: int) -> None:
    second = begins
    while second < begins + lasts:
        turns_s = chance.randrange(4, 15)
        add(second, second + turns_s, chance.uniform(0.1, 0.6))
        second += turns_s + chance.randrange(2, 8)
