"""Savings as the API tells them: columns by slot, day and month, the last word on each, the running span last."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from heg.data.interface import DataInterface
from heg.model.books import Tariff, priced
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.model.records import BooksRecord, HouseBooks
from heg.model.refusals import Refusal
from heg.runtime.clock import Clock
from heg.web.savings import By, savings_now, savings_table
from tests.support.stepped import START_UTC, stepped

HERE = Location("home")
DAY = timedelta(days=1)


def house(import_kwh: float, export_kwh: float = 0.0, **more: float) -> HouseBooks:
    return HouseBooks(import_kwh, export_kwh, 0.0, 0.0, import_kwh, **more)


def books(bought_eur: float = 0.30) -> BooksRecord:
    record = BooksRecord(
        minutes=60.0,
        demand_kwh=3.0,
        production_kwh=2.0,
        charged_kwh=1.0,
        discharged_kwh=0.0,
        vehicle_kwh=0.0,
        actual=house(2.0, gained_kwh=0.9, stored_kwh=5.9),
        no_battery=house(3.0, 2.0),
        rule=house(2.5, gained_kwh=0.5, stored_kwh=5.5),
        self_consumption=1.0,
        cycles=0.0,
        priced_share=0.0,
        metered_share=1.0,
    )
    return priced(record, Tariff(bought_eur, 0.10, None, 1.0, stored_eur_per_kwh=0.2))


@stepped
async def test_rows_are_spans_and_the_last_word_counts(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    door = data.admit(CUSTOMER, "accounting")
    unpriced = priced(books(), Tariff())
    for start in (START_UTC - 2 * DAY, START_UTC - DAY):
        door.write("books.day", HERE, unpriced, time=start)
    door.write("books.day", HERE, books(), time=START_UTC - 2 * DAY)
    door.write("books.today", HERE, books(0.40), time=START_UTC)
    table = await savings_table(door, HERE, START_UTC - 5 * DAY, START_UTC + DAY, By.DAY)
    assert not isinstance(table, Refusal)
    assert table.running
    assert table.start_utc == ["2026-02-27T00:00:00Z", "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"]
    assert table.priced_share == [1.0, 0.0, 1.0]
    assert table.actual.energy_eur == [0.6, 0.0, 0.8]
    # 3 x 0.30 - 2 x 0.10 without a battery, 2 x 0.30 with; 0.9 kWh more in it, worth 0.20 each.
    assert table.saved_no_battery_eur[0] == pytest.approx(0.7 - 0.6 + 0.18)
    assert table.saved_rule_eur[0] == pytest.approx(0.15 + 0.4 * 0.2)
    await data.close()


@stepped
async def test_what_is_over_does_not_run(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    door = data.admit(CUSTOMER, "accounting")
    door.write("books.today", HERE, books(), time=START_UTC)
    table = await savings_table(door, HERE, START_UTC - 5 * DAY, START_UTC - DAY, By.DAY)
    assert not isinstance(table, Refusal)
    assert (table.running, table.start_utc) == (False, [])
    await data.close()


@stepped
async def test_too_long_a_span_is_refused(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    door = data.admit(CUSTOMER, "web")
    found = await savings_table(door, HERE, START_UTC - 400 * DAY, START_UTC, By.SLOT)
    assert isinstance(found, Refusal)
    assert "shorter" in found.mend
    await data.close()


@stepped
async def test_today_and_this_month_are_told(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    door = data.admit(CUSTOMER, "accounting")
    assert savings_now(door, HERE) is None
    door.write("books.today", HERE, replace(books(), integrated=("pv",)), time=START_UTC)
    door.write("books.this_month", HERE, books(), time=datetime(2026, 3, 1, tzinfo=UTC))
    now = savings_now(door, HERE)
    assert now is not None
    assert now.today.saved_no_battery.eur == pytest.approx(0.28)
    assert now.today.saved_no_battery.stored_eur == pytest.approx(0.18)
    assert now.today.integrated == ("pv",)
    await data.close()
