"""Recorded homes lived through with a battery of 10 kWh and 5 kW: what is saved of what perfect foresight saves.

Whole spans, the filled recordings of `../shared/data`, energy left valued alike (heg/studies/backtest.py). Beside our
forecasts: no battery, self-consumption, the planned kW held for the whole slot, and each day expected to be like the
one before. An hour on two cores, so only by name.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

from bench.rows import Row
from heg.model.plan import Site, StorageInputs
from heg.studies.backtest import Study
from heg.studies.closed_loop import Lead, Terms, held, idle, live, planned, self_consumption
from heg.studies.foresight import own, perfect, with_noisy_sun, yesterday
from heg.studies.history import read_history
from heg.studies.side_by_side import backtested

ONLY_BY_NAME = True
FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"
BATTERY = StorageInputs(capacity_kwh=10.0, min_rate_kw=-5.0, max_rate_kw=5.0, soc_kwh=0.0, round_trip_efficiency=0.9)
SEED = 1
YEAR_S = 60.0
FLOORS = {"noisy sun": (0.85, 0.90), "own": (0.82, 0.87)}
_RUNS = {
    24: ("no battery", "rule", "perfect", "noisy sun", "own", "held kW, noisy sun", "naive day"),
    48: ("no battery", "rule", "perfect", "noisy sun", "own"),
}


def run() -> list[Row]:
    """Every home, planned 24 and 48 hours ahead."""
    homes = sorted(path.stem for path in FOLDER.glob("home_*.csv"))
    if not homes:
        print("backtest: no recorded homes beside the project: nothing to live through", file=sys.stderr)
        return []
    rows = [_a_year(homes[0])]
    saved: dict[int, dict[tuple[str, str], float]] = {}
    with ProcessPoolExecutor(max(1, (os.cpu_count() or 1)), mp_context=get_context("spawn")) as pool:
        for hours, names in _RUNS.items():
            waited = {pool.submit(_cost_eur, home, hours, name): (home, name) for home in homes for name in names}
            saved[hours] = {}
            for done in as_completed(waited):
                home, name = waited[done]
                saved[hours][home, name] = done.result()
                print(f"  {home}, {hours} h, {name}: {done.result():.2f} EUR", file=sys.stderr, flush=True)
            rows += _rows(homes, hours, names, saved[hours])
    return rows


def _a_year(home: str) -> Row:
    recording = read_history(FOLDER / f"{home}.csv").recording
    study = Study(recording=recording, battery=BATTERY, first=0, slots=recording.slots, horizon=24)
    begun_s = time.perf_counter()
    backtested(study)
    note = f"{home}, all four runs, planned 24 h ahead"
    return Row("a year of hours lived through", time.perf_counter() - begun_s, "s", note, YEAR_S)


def _cost_eur(home: str, hours: int, name: str) -> float:
    recording = read_history(FOLDER / f"{home}.csv").recording
    slots = range(recording.slots)
    study = Study(recording=recording, battery=BATTERY, first=0, slots=len(slots), horizon=1)
    lead = _lead(replace(study, horizon=hours * 60 // recording.slot_minutes), name)
    return live(recording, BATTERY, lead, slots).valued_eur(study.left_eur_per_kwh)


def _lead(study: Study, name: str) -> Lead:
    recording, horizon, site = study.recording, study.horizon, Site(time_zone="Europe/Berlin")
    if name == "no battery":
        return idle
    if name == "rule":
        return self_consumption
    noisy = with_noisy_sun(recording, own(recording, site, sun=False), SEED)
    if name == "held kW, noisy sun":
        return held(recording, BATTERY, noisy, horizon, Terms())
    foresight = {
        "perfect": perfect(recording),
        "own": own(recording, site),
        "naive day": yesterday(recording),
        "noisy sun": noisy,
    }[name]
    return planned(recording, BATTERY, foresight, horizon, Terms())


def _rows(homes: list[str], hours: int, names: tuple[str, ...], cost: dict[tuple[str, str], float]) -> Iterator[Row]:
    def saving(home: str, name: str) -> float:
        return cost[home, "no battery"] - cost[home, name]

    def share(home: str, name: str) -> float:
        return saving(home, name) / saving(home, "perfect")

    for home in homes:
        label = home.removesuffix("min").rsplit("_", 1)[0].replace("_", " ")
        yield Row(f"{label}, {hours} h: no battery", cost[home, "no battery"], "EUR")
        yield Row(f"{label}, {hours} h: perfect", cost[home, "perfect"], "EUR")
        for name in names[1:]:
            if name != "perfect":
                note = f"{cost[home, name]:.2f} EUR"
                yield Row(f"{label}, {hours} h: {name}", share(home, name), "share", note, _each(name), at_most=False)
        for name in FLOORS:
            above = cost[home, "rule"] - cost[home, name]
            yield Row(f"{label}, {hours} h: {name}, saved beside the rule", above, "EUR", "", 0.0, at_most=False)
    for name in names[1:]:
        if name != "perfect":
            mean = sum(share(home, name) for home in homes) / len(homes)
            floor = FLOORS[name][1] if name in FLOORS else None
            yield Row(f"all homes, {hours} h: {name}, mean", mean, "share", "", floor, at_most=False)


def _each(name: str) -> float | None:
    return FLOORS[name][0] if name in FLOORS else None
