"""The savings that the gateway claims, against the rig: what flowed, and what would have flowed in the other houses.

The other houses are simulated directly: the same weather, without a battery, and with an inverter that follows
self-consumption by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from heg.model.books import saved, together
from heg.model.records import BooksRecord
from heg.model.slots import slot_start
from heg.runtime.clock import Clock
from hil.house.house import House as RigHouse
from hil.plan import rig_plan
from tests.services.accounting.test_in_the_house import QUARTER, Booked, a_booked_house
from tests.services.planning.plain import PlainPlanner
from tests.support.house import NOON
from tests.support.stepped import stepped

WEATHER = {"kind": "generated", "seed": 4}
CELLS = {"initial_soc": 0.5, "reserve": 0.1}
LED = {"weather": WEATHER, "house": {"batteries": {"battery": {**CELLS, "self_consumption": False}}}}
BUY = (0.10, 0.45, 0.20, 0.60, *(0.30, 0.12, 0.40, 0.25) * 11)
SELL = 0.08


@dataclass(frozen=True, slots=True)
class Flowed:
    """Import and export of a house over a span, kWh."""

    import_kwh: float
    export_kwh: float

    @classmethod
    def between(cls, before: tuple[int, int], after: tuple[int, int]) -> Flowed:
        return cls((after[0] - before[0]) / 3.6e15, (after[1] - before[1]) / 3.6e15)


class Directly:
    """The same house with other cells, simulated beside: nothing measures it, nothing leads it."""

    def __init__(self, batteries: Mapping[str, Any]) -> None:
        plan = rig_plan({"weather": WEATHER, "house": {"batteries": batteries}}, NOON)
        self.house = RigHouse(plan.house, plan.weather)

    def until(self, at_s: float) -> tuple[int, int]:
        self.house.advance_to(at_s)
        books = self.house.grid.books
        return books.imported, books.exported


async def lives(booked: Booked, slots: int) -> tuple[BooksRecord, list[BooksRecord], dict[str, Flowed]]:
    """Let whole slots pass; return their books summed and one by one, and the truth of the three houses."""
    booked.tariff(BUY, SELL)
    none, rule = Directly({}), Directly({"battery": {**CELLS, "self_consumption": True}})
    rig = booked.house.rig
    await booked.to_the_slots_end()
    began = slot_start(booked.clock.utc(), QUARTER)
    # A slot ends on the dot; we look a second later.
    at_s = rig.now_s() - 1.0
    first = {"none": none.until(at_s), "rule": rule.until(at_s), "actual": _counters(booked)}
    await booked.to_the_slots_end(slots)
    at_s = rig.now_s() - 1.0
    last = {"none": none.until(at_s), "rule": rule.until(at_s), "actual": _counters(booked)}
    rows = await booked.rows("books.slot")
    records = [rows[began + at * QUARTER] for at in range(slots)]
    whole = together(records)
    assert whole is not None
    return whole, records, {name: Flowed.between(first[name], last[name]) for name in first}


def _counters(booked: Booked) -> tuple[int, int]:
    books = booked.house.rig.house.grid.books
    return books.imported, books.exported


def agree(booked: float, true: float, share: float) -> None:
    assert booked == pytest.approx(true, rel=share, abs=0.01)


async def led(clock: Clock, tmp_path: Path, slots: int) -> None:
    more: Any = {"tables": LED, "planner": PlainPlanner, "sections": {"planning": {"enabled": True}}}
    async with a_booked_house(clock, tmp_path, **more) as booked:
        whole, records, truth = await lives(booked, slots)
        assert whole.charged_kwh > 1.0  # the plan moved the battery, so the houses differ
        agree(whole.actual.import_kwh, truth["actual"].import_kwh, 0.01)
        agree(whole.actual.export_kwh, truth["actual"].export_kwh, 0.01)
        agree(whole.no_battery.import_kwh, truth["none"].import_kwh, 0.02)
        agree(whole.no_battery.export_kwh, truth["none"].export_kwh, 0.02)
        agree(whole.rule.import_kwh, truth["rule"].import_kwh, 0.02)
        agree(whole.rule.export_kwh, truth["rule"].export_kwh, 0.02)
        assert whole.rule.import_kwh + whole.rule.export_kwh < whole.actual.import_kwh + whole.actual.export_kwh
        for at, one in enumerate(records):
            price = BUY[(at + 1) * 15 // 60]  # the first whole slot is the day's second
            assert one.import_eur_per_kwh == price
            paid = one.actual.import_kwh * price - one.actual.export_kwh * SELL
            assert one.actual.energy_eur == pytest.approx(paid, abs=1e-5)
        state = await booked.house.view.get("/api/v1/state")
        assert state["savings"]["today"]["priced_share"] == 1.0
        table = await booked.house.view.get("/api/v1/savings?by=slot")
        assert len(table["minutes"]) >= slots + 1


async def only_the_rule(clock: Clock, tmp_path: Path, slots: int) -> None:
    async with a_booked_house(clock, tmp_path, tables=LED) as booked:
        whole, _, truth = await lives(booked, slots)
        assert whole.charged_kwh + whole.discharged_kwh > 1.0
        agree(whole.rule.import_kwh, truth["rule"].import_kwh, 0.02)
        agree(whole.rule.export_kwh, truth["rule"].export_kwh, 0.02)
        against_rule, against_none = saved(whole, whole.rule).eur, saved(whole, whole.no_battery).eur
        assert abs(against_rule) < 0.02 * abs(against_none) + 0.005


@stepped(start_utc=NOON)
async def test_what_a_led_battery_saved_is_what_it_saved(clock: Clock, tmp_path: Path) -> None:
    await led(clock, tmp_path, slots=4)


@stepped(start_utc=NOON)
async def test_a_house_that_only_follows_the_rule_saves_nothing_against_the_rule(clock: Clock, tmp_path: Path) -> None:
    await only_the_rule(clock, tmp_path, slots=4)


@pytest.mark.soak
@pytest.mark.parametrize("house", [led, only_the_rule])
@stepped(start_utc=NOON)
async def test_over_a_day(clock: Clock, tmp_path: Path, house: Any) -> None:
    await house(clock, tmp_path, slots=96)
