"""Sizing against glpsol: the same problem said a second time, with a binary in every slot for every direction."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heg.planner.sizing import Sized, SizedBattery, SizingInputs, size
from heg.studies.history import read_history
from tests.planner.oracle import Text, needs_glpsol, solved
from tests.support.recordings import RECORDINGS, needs_recordings


def home(slots: int, minutes: int = 60, seed: int = 1, **other: object) -> SizingInputs:
    """A home with sun, spot-like prices that are negative at some noons, sold without a margin."""
    chance = random.Random(seed)
    hours = [slot * minutes / 60 for slot in range(slots)]
    noon = [max(0.0, math.sin(math.pi * (hour % 24 - 6) / 12)) for hour in hours]
    spot = [
        0.1 + 0.06 * math.cos(math.pi * (hour - 19) / 6) - 0.12 * sun * (hour % 72 > 36) + chance.gauss(0.0, 0.01)
        for hour, sun in zip(hours, noon, strict=True)
    ]
    made = SizingInputs(
        slot_minutes=minutes,
        net_kw=[0.3 + chance.expovariate(1.5) - 4.0 * sun for sun in noon],
        buy_eur_per_kwh=[price + 0.15 for price in spot],
        sell_eur_per_kwh=spot,
        ess_eur_per_kwh=20.0 * slots * minutes / 60 / 8766,
        ess_eur_per_kw=8.0 * slots * minutes / 60 / 8766,
        max_kwh=40.0,
        max_kw=20.0,
    )
    return replace(made, **other)  # type: ignore[arg-type]


def exact(inputs: SizingInputs, folder: Path) -> float:
    """What glpsol proves to be the least cost of energy and battery."""
    text, h, eta = Text(), inputs.slot_minutes / 60, math.sqrt(inputs.round_trip_efficiency)
    slots = len(inputs.net_kw)
    text.cost |= {"K": inputs.ess_eur_per_kwh, "P": inputs.ess_eur_per_kw}
    text.between("K", 0.0, inputs.max_kwh)
    text.between("P", 0.0, inputs.max_kw)
    for t, (net, buy, sell) in enumerate(
        zip(inputs.net_kw, inputs.buy_eur_per_kwh, inputs.sell_eur_per_kwh, strict=True)
    ):
        most = abs(net) + inputs.max_kw
        text.cost |= {f"i{t}": h * buy, f"x{t}": -h * sell}
        text.row({f"i{t}": 1.0, f"x{t}": -1.0, f"c{t}": -1.0, f"d{t}": 1.0}, "=", net)
        text.row({f"s{t}": 1.0, f"s{(t - 1) % slots}": -1.0, f"c{t}": -h * eta, f"d{t}": h / eta}, "=", 0.0)
        text.row({f"s{t}": 1.0, "K": -1.0}, "<=", 0.0)
        for name in "cd":
            text.row({f"{name}{t}": 1.0, "P": -1.0}, "<=", 0.0)
        for up, down, binary, bound in (("c", "d", "z", inputs.max_kw), ("i", "x", "y", most)):
            text.binaries.append(f"{binary}{t}")
            text.row({f"{up}{t}": 1.0, f"{binary}{t}": -bound}, "<=", 0.0)
            text.row({f"{down}{t}": 1.0, f"{binary}{t}": bound}, "<=", bound)
    cost = solved(text, folder)
    assert cost is not None
    return cost


def holds(inputs: SizingInputs, battery: SizedBattery) -> None:
    """The powers are those of one battery of this size, one direction at a time, as full at the end as it began."""
    power = np.array(battery.grid_kw) - np.array(inputs.net_kw)
    assert np.abs(power).max() <= battery.rate_kw + 1e-6
    eta, h = math.sqrt(inputs.round_trip_efficiency), inputs.slot_minutes / 60
    energy = np.cumsum(h * np.where(power > 0, power * eta, power / eta))
    assert energy[-1] == pytest.approx(0.0, abs=1e-5)
    assert energy.max() - min(0.0, energy.min()) <= battery.capacity_kwh + 1e-5
    bill = h * (np.maximum(battery.grid_kw, 0) @ inputs.buy_eur_per_kwh)
    bill -= h * (np.maximum(np.negative(battery.grid_kw), 0) @ inputs.sell_eur_per_kwh)
    invested = inputs.ess_eur_per_kwh * battery.capacity_kwh + inputs.ess_eur_per_kw * battery.rate_kw
    assert battery.counted_eur == pytest.approx(bill + invested, abs=1e-6)


@needs_glpsol
@pytest.mark.parametrize(
    ("seed", "other"),
    [
        (1, {}),
        (2, {"round_trip_efficiency": 0.7}),
        (3, {"max_kwh": 3.0}),
        (4, {"sell_eur_per_kwh": [0.08] * 72}),
        (6, {"sell_eur_per_kwh": [0.2] * 72}),
        (5, {"buy_eur_per_kwh": home(72, seed=5).sell_eur_per_kwh}),
    ],
)
def test_it_is_as_good_as_the_exact_program(seed: int, other: dict[str, Any], tmp_path: Path) -> None:
    inputs = home(72, seed=seed, **other)
    best = size(inputs).best
    holds(inputs, best)
    assert best.counted_eur == pytest.approx(exact(inputs, tmp_path), rel=1e-4, abs=1e-4)


@needs_glpsol
@needs_recordings
def test_a_recorded_month_is_as_good_as_the_exact_program(tmp_path: Path) -> None:
    recording, month = read_history(RECORDINGS / "home_a_spot_60min.csv").recording, slice(6000, 6720)
    drawn = home(720)
    power = zip(recording.demand_kw[month], recording.production_kw[month], strict=True)
    inputs = replace(
        drawn,
        net_kw=[used - made for used, made in power],
        buy_eur_per_kwh=recording.import_eur_per_kwh[month],
        sell_eur_per_kwh=recording.export_eur_per_kwh[month],
    )
    best = size(inputs).best
    holds(inputs, best)
    assert best.counted_eur == pytest.approx(exact(inputs, tmp_path), rel=1e-6)


def test_the_curve_has_its_best_where_the_best_is_and_falls_to_both_sides() -> None:
    found: Sized = size(home(24 * 30))
    costs = [each.counted_eur for each in found.curve]
    at = costs.index(min(costs))
    assert found.curve[at].capacity_kwh == pytest.approx(found.best.capacity_kwh)
    assert costs[: at + 1] == sorted(costs[: at + 1], reverse=True)
    assert costs[at:] == sorted(costs[at:])
    assert found.curve[0].capacity_kwh == 0.0
    for each in found.curve:
        holds(home(24 * 30), each)


def test_the_same_home_in_shorter_slots_gets_the_same_battery() -> None:
    hourly = home(24 * 10)
    quarters = replace(
        hourly,
        slot_minutes=15,
        net_kw=np.repeat(hourly.net_kw, 4).tolist(),
        buy_eur_per_kwh=np.repeat(hourly.buy_eur_per_kwh, 4).tolist(),
        sell_eur_per_kwh=np.repeat(hourly.sell_eur_per_kwh, 4).tolist(),
    )
    coarse, fine = size(hourly).best, size(quarters).best
    assert fine.capacity_kwh == pytest.approx(coarse.capacity_kwh, rel=1e-3)
    assert fine.counted_eur == pytest.approx(coarse.counted_eur, rel=1e-3)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 40), st.sampled_from([5, 15, 60]), st.floats(-0.3, 0.3))
def test_any_home_gets_a_battery_that_can_be(seed: int, slots: int, minutes: int, lower: float) -> None:
    drawn = home(slots, minutes, seed)
    inputs = replace(
        drawn, buy_eur_per_kwh=[price - lower for price in drawn.buy_eur_per_kwh], max_kwh=10.0, max_kw=5.0
    )
    found = size(inputs)
    for each in (found.best, *found.curve):
        holds(inputs, each)
    alone = found.curve[0]
    assert found.best.counted_eur <= alone.counted_eur + found.best.gap_eur + 1e-6
