"""Feeds and the slot loop in one house: what a file says is what is planned with, what it leaves out is named."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from heg.model.plan import DegradationCode
from heg.runtime.clock import Clock
from tests.services.planning.plain import PlainPlanner
from tests.services.planning.test_in_the_house import paced
from tests.support.house import LED, NOON, a_house
from tests.support.stepped import stepped

MIDNIGHT = datetime(2024, 8, 8, 22, tzinfo=UTC)
"""Of NOON's day in Berlin."""


def price(hour: int) -> float:
    return round(0.2 + hour / 1000, 4)


def home(path: Path, *, holes: range) -> None:
    lines = ["time_utc,demand_kw,production_kw,import_eur_per_kwh,export_eur_per_kwh,co2_eur_per_kwh"]
    for hour in range(-24, 96):
        label = (MIDNIGHT + timedelta(hours=hour)).isoformat()
        lines.append(f"{label},{1 + hour / 100:.2f},0.5,{'' if hour in holes else price(hour)},0.08,0.02")
    path.write_text("\n".join(lines) + "\n")


@stepped(start_utc=NOON)
async def test_the_plan_is_made_with_what_the_files_say(clock: Clock, tmp_path: Path) -> None:
    home(tmp_path / "home.csv", holes=range(20, 23))
    csv = {"csv": {"path": str(tmp_path / "home.csv")}}
    sections = {"feeds": {"tariff": csv, "forecast": csv}, "planning": {"slot_minutes": 60}}
    planner = PlainPlanner()
    async with a_house(
        clock, tmp_path, tables={"house": {"batteries": LED}}, sections=sections, planner=lambda: planner
    ) as house:
        await house.after(90)
        problem = planner.last
        first = (NOON - MIDNIGHT) // timedelta(hours=1)
        hours = range(first, first + 24)
        assert problem.start == NOON
        known = {
            hour: bought for hour, bought in zip(hours, problem.import_eur_per_kwh, strict=True) if not 20 <= hour < 23
        }
        assert known == {hour: price(hour) for hour in known}, "both sides of the gap are known"
        assert problem.export_eur_per_kwh == (0.08,) * 24
        assert problem.co2_eur_per_kwh == (0.02,) * 24
        assert problem.demand_kw == pytest.approx([1 + hour / 100 for hour in hours])
        assert problem.production_kw == (0.5,) * 24
        estimated = [one.text for one in problem.degradations if one.code is DegradationCode.PRICES_ESTIMATED]
        assert estimated
        assert "of 3 of 24 slots" in estimated[0]
        assert house.device("tariff").status == "attached"


@stepped(start_utc=NOON)
async def test_a_tariff_s_parts_reach_the_plan_from_the_file(clock: Clock, tmp_path: Path) -> None:
    tariff = {
        "template": "inclining-block",
        "billing": {"period": "two-months", "began": "2024-08-09"},
        "peak": {"eur_per_kw": 4.5},
    }
    sections = {"feeds": {"tariff": tariff}, "unit": {"time_zone": "Europe/Berlin"}, **paced(10.0)["sections"]}
    empty = {"house": {"batteries": {"battery": {"initial_soc": 0.0}}}}
    planner = PlainPlanner()
    async with a_house(clock, tmp_path, tables=empty, sections=sections, planner=lambda: planner) as house:
        await house.after(90)
        problem = planner.last
        assert problem.blocks is not None
        assert [(step.from_kwh, step.eur_per_kwh) for step in problem.blocks.steps] == [(150, 0.05), (300, 0.11)]
        assert (problem.peak_eur_per_kw, problem.peak_so_far_kw) == (4.5, 0.0)
        lacks = [one.text for one in problem.degradations if one.code is DegradationCode.BILLING_PARTLY_KNOWN]
        assert len(lacks) == 2, "books that begin at noon know neither the energy nor the peak of the morning"
        await house.after(3600)
        counted = planner.last.blocks
        assert counted is not None
        assert counted.so_far_kwh > 0.05
        assert planner.last.peak_so_far_kw > 0.05
