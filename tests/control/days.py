"""A day of a house, second by second: appliances that switch, clouds that pass. Seeded: a figure can be repeated."""

import math
import random


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
