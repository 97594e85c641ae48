"""Days of recorded homes through rig and gateway over real sockets; two weeks of each are `./dev bench replay`."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from heg.runtime.clock import Clock
from heg.runtime.loops import SteppedTiming
from heg.runtime.loops import run as run_on_loop
from tests.support.recordings import needs_recordings
from tests.support.replay import START_UTC, Bill, Home, Mode, Span, homes, replay
from tests.support.stepped import stepped

pytestmark = needs_recordings


def home(name: str = "home_a_spot_60min") -> Home:
    return next(one for one in homes() if one.name == name)


def recorded_eur(house: Home, hours: range) -> float:
    """What the record says a house without a battery pays."""
    net_kwh = [house.demand_kw[at] - house.production_kw[at] for at in hours]
    prices = [(house.import_eur_per_kwh[at], house.export_eur_per_kwh[at]) for at in hours]
    return sum(max(net, 0) * buy - max(-net, 0) * sell for net, (buy, sell) in zip(net_kwh, prices, strict=True))


@stepped(start_utc=START_UTC)
async def test_a_day_without_a_battery_costs_what_the_record_says(clock: Clock, tmp_path: Path) -> None:
    bill = await replay(clock, tmp_path, home(), Mode.NO_BATTERY, Span(days=1.0, texture=False))
    first = home().index(START_UTC)
    recorded = recorded_eur(home(), range(first, first + 24))
    assert bill.cost_eur == pytest.approx(recorded, rel=0.002)


@pytest.mark.soak
@pytest.mark.parametrize("mode", [Mode.NOISY, Mode.OWN])
def test_a_day_at_a_cycle_of_one_second_costs_less_than_the_rule(tmp_path: Path, mode: Mode) -> None:
    tou = home("home_b_tou_60min")
    first = tou.index(START_UTC)
    none_eur = recorded_eur(tou, range(first, first + 24))
    with ProcessPoolExecutor(2) as pool:
        planned, rule = pool.map(lived, (mode, Mode.RULE), (tmp_path / "planned", tmp_path / "rule"))
    assert planned.cost_eur < rule.cost_eur
    assert planned.cost_eur < none_eur


def lived(mode: Mode, folder: Path) -> Bill:
    folder.mkdir()
    span = Span(days=1.0, cycle_s=1.0)
    timing = SteppedTiming(span.start)
    return run_on_loop(lambda clock: replay(clock, folder, home("home_b_tou_60min"), mode, span), timing=timing)
