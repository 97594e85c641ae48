"""How long it takes to find a home's best battery over a year, by the hour and by the quarter, and in what memory."""

from __future__ import annotations

import math
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.rows import Row
from heg.studies.closed_loop import Recording
from heg.studies.sizing import Prices, Question, best_battery

PROMISES = {60: (5.0, 250.0), 15: (30.0, None)}


def run() -> list[Row]:
    """Each in a process of its own: its peak is what is measured."""
    return [row for minutes in PROMISES for row in _rows(minutes)]


def _rows(minutes: int) -> Iterator[Row]:
    command = [sys.executable, "-m", "bench.bench_sizing", str(minutes)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, peak_mb, kwh, kw = map(float, done.stdout.split())
    note = f"with its curve; best {kwh:.2f} kWh, {kw:.2f} kW"
    yield Row(f"sizing, a year of {minutes} min", seconds, "s", note, PROMISES[minutes][0])
    yield Row(f"sizing, a year of {minutes} min, peak memory", peak_mb, "MiB", "", PROMISES[minutes][1])


def year(minutes: int) -> Recording:
    """A made-up home: sun that differs by day, a restless load, spot-like prices that are negative at times."""
    chance = random.Random(1)
    slots = 365 * 24 * 60 // minutes
    hours = [slot * minutes / 60 for slot in range(slots)]
    clear = [chance.uniform(0.1, 1.0) for _ in range(366)]
    season = [1.0 + 0.7 * math.cos(2 * math.pi * (hour / 24 - 172) / 365) for hour in hours]
    sun = [
        5.0 * clear[int(hour // 24)] * weight / 1.7 * max(0.0, math.sin(math.pi * (hour % 24 - 6) / 12))
        for hour, weight in zip(hours, season, strict=True)
    ]
    spot = [
        0.09 + 0.05 * math.cos(math.pi * (hour - 19) / 6) - 0.03 * made + chance.gauss(0.0, 0.015)
        for hour, made in zip(hours, sun, strict=True)
    ]
    return Recording(
        start=datetime(2025, 1, 1, tzinfo=UTC),
        slot_minutes=minutes,
        demand_kw=tuple(0.25 + chance.expovariate(2.0) + 0.5 * (17 <= hour % 24 < 22) for hour in hours),
        production_kw=tuple(sun),
        import_eur_per_kwh=tuple(price + 0.18 for price in spot),
        export_eur_per_kwh=tuple(spot),
    )


def _measure(minutes: int) -> None:
    recording = year(minutes)
    begun_s = time.perf_counter()
    best = best_battery(Question(recording=recording, prices=Prices(eur_per_kwh=200.0, eur_per_kw=80.0))).best
    seconds = time.perf_counter() - begun_s
    print(seconds, _peak_mb(), best.capacity_kwh, best.rate_kw)


def _peak_mb() -> float:
    """What the kernel has seen of this process alone; getrusage would count what it was begun from."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    _measure(int(sys.argv[1]))
