"""The least of a convex cost by cuts, and the slopes that the cuts of a home are made of."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heg.planner.cuts import Box, Cut, Size, lowest
from heg.planner.operation import Home, Operated, Operation

BOX = Box(Size(0.0, 0.0), Size(50.0, 20.0))


@settings(max_examples=50)
@given(st.floats(0.0, 60.0), st.floats(0.0, 25.0), st.floats(0.05, 5.0), st.floats(-0.9, 0.9))
def test_the_least_of_a_bowl_is_found_and_bounded(kwh: float, kw: float, steep: float, skew: float) -> None:
    def ask(size: Size) -> Cut:
        x, y = size.kwh - kwh, size.kw - kw
        eur = steep * x * x + y * y + skew * math.sqrt(steep) * x * y
        slope = math.sqrt(steep) * skew
        return Cut(size, eur, 2.0 * steep * x + slope * y, 2.0 * y + slope * x)

    found = lowest(ask, Size(1.0, 1.0), BOX, near_eur=1e-3)
    assert found is not None
    grid = [ask(Size(x, y)).eur for x in np.linspace(0.0, 50.0, 41) for y in np.linspace(0.0, 20.0, 41)]
    assert found.bound_eur <= min(grid) + 1e-6
    assert found.best.eur <= min(grid) + 1e-3


def test_it_keeps_the_best_where_nothing_more_is_said() -> None:
    answers = [Cut(Size(1.0, 1.0), 5.0, -1.0, -1.0), None]
    found = lowest(lambda _: answers.pop(0), Size(1.0, 1.0), BOX, near_eur=1e-3)
    assert found is not None
    assert found.best.eur == 5.0
    assert found.bound_eur == pytest.approx(5.0 - 49.0 - 19.0)
    assert lowest(lambda _: None, Size(1.0, 1.0), BOX, near_eur=1e-3) is None


def _operated(operation: Operation, kwh: float, kw: float) -> Operated:
    operated, _ = operation.at(kwh, kw, 10.0)
    assert operated is not None
    return operated


@pytest.mark.parametrize("held", [False, True])
def test_slopes_are_what_a_little_more_battery_saves(held: bool) -> None:
    chance = np.random.default_rng(3)
    slots = 24 * 14
    noon = np.maximum(0.0, np.sin(np.pi * (np.arange(slots) % 24 - 6) / 12))
    spot = 0.1 - 0.13 * noon * chance.uniform(0.0, 1.0, slots) + chance.normal(0.0, 0.02, slots)
    home = Home(
        hours=1.0,
        net_kw=0.3 + chance.exponential(0.7, slots) - 4.0 * noon,
        buy=spot + 0.1 * chance.uniform(-0.2, 1.0, slots),
        sell=spot,
        one_way=0.9**0.5,
        most_rate_kw=20.0,
    )
    operation = Operation(home)
    if held:
        powers = _operated(operation, 6.0, 3.0).powers
        both, grid = powers.both(home)
        assert both.any()
        assert grid.any()
        operation.hold(powers, both, grid)
    sizes = ((6.0, 3.5), (7.0, 4.0)) if held else ((6.0, 3.0), (2.0, 1.0), (0.5, 4.0))
    for kwh, kw in sizes:  # a smaller battery might not keep to what slots are held to
        here = _operated(operation, kwh, kw)
        for far in (1e-4, 0.5) if held else (1e-4, 0.5, -0.3):
            more, faster = _operated(operation, kwh + far, kw), _operated(operation, kwh, kw + far)
            assert more.energy_eur >= here.energy_eur + far * here.eur_per_kwh - 1e-6
            assert faster.energy_eur >= here.energy_eur + far * here.eur_per_kw - 1e-6
        near = _operated(operation, kwh + 1e-4, kw).energy_eur - _operated(operation, kwh - 1e-4, kw).energy_eur
        assert near / 2e-4 == pytest.approx(here.eur_per_kwh, rel=0.3, abs=1e-3)
    operation.release()
