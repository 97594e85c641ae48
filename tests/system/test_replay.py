"""Days of recorded homes through rig and gateway over real sockets: planning pays, whatever it does not know."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.__main__ import main as bench
from heg.runtime.clock import Clock
from tests.support.replay import FOLDER, START_UTC, Home, Mode, Span, homes, replay
from tests.support.stepped import stepped

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the recorded homes are not beside the project")
DAY = Span(days=1.0)


def home() -> Home:
    return next(one for one in homes() if one.name == "home_a_spot_60min")


@stepped(start_utc=START_UTC)
async def test_a_day_without_a_battery_costs_what_the_record_says(clock: Clock, tmp_path: Path) -> None:
    bill = await replay(clock, tmp_path, home(), Mode.NO_BATTERY, Span(days=1.0, texture=False))
    first = home().index(START_UTC)
    net_kwh = [home().demand_kw[at] - home().production_kw[at] for at in range(first, first + 24)]
    prices = [(home().import_eur_per_kwh[at], home().export_eur_per_kwh[at]) for at in range(first, first + 24)]
    recorded = sum(max(net, 0) * buy - max(-net, 0) * sell for net, (buy, sell) in zip(net_kwh, prices, strict=True))
    assert bill.cost_eur == pytest.approx(recorded, rel=0.002)


@pytest.mark.soak
def test_two_weeks_of_each_home_keep_what_is_promised() -> None:
    assert bench(["replay"]) == 0
