"""What a kWh left at the horizon's end is worth when nobody says."""

import math

import numpy as np
import pytest

from heg.planner.end_value import ess_end_value
from heg.planner.plan import plan
from tests.planner.houses import battery, house

HOURS = np.ones(4)
BUY = np.array([0.2, 0.2, 0.6, 0.2])
CHEAPEST = 0.98 * 0.2 / math.sqrt(0.9)


@pytest.mark.parametrize(
    ("net_kw", "expected"),
    [
        ((1.0, 1.0, 1.0, 1.0), 0.27),
        ((2.0, -1.0, 0.0, 0.0), (0.27 + CHEAPEST) / 2),
        ((1.0, -3.0, 1.0, 1.0), CHEAPEST),
        ((0.0, -3.0, 0.0, 0.0), CHEAPEST),
    ],
)
def test_sun_that_is_left_over_makes_what_is_stored_cheap(net_kw: tuple[float, ...], expected: float) -> None:
    assert ess_end_value(HOURS, BUY, BUY, np.array(net_kw), 0.9, 0.0) == pytest.approx(expected)


def test_prices_below_zero_leave_it_worth_nothing() -> None:
    buy, sunny_kw = np.array([-0.1, 0.1]), np.array([1.0, -2.0])
    assert ess_end_value(HOURS[:2], buy, buy, sunny_kw, 0.9, 0.0) == 0.0


def test_a_sunny_house_buys_nothing_only_to_end_full() -> None:
    sun_kw = (0.0,) * 6 + (5.0,) * 8 + (0.0,) * 10
    dear = (0.22,) * 16 + (0.54,) * 5 + (0.22,) * 3
    made = plan(
        house(
            production_kw=sun_kw,
            import_eur_per_kwh=dear,
            export_eur_per_kwh=(0.08,) * 24,
            ess=battery(end_value_eur_per_kwh=None),
        )
    )
    bought = [net for net, sun in zip(made.grid_kw, sun_kw, strict=True) if net > 1.0 + 1e-6 and not sun]
    assert bought == []
