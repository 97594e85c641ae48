"""A recording lived under a tariff of parts costs what its bill says, and a plan that knows the parts pays less."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

import pytest

from heg.model.plan import Block, StorageInputs
from heg.model.tariff import TariffTerms
from heg.studies.backtest import RunName, Study, lived
from heg.studies.bill import Bill
from heg.studies.closed_loop import Lead, Recording, Terms, idle, live, planned, self_consumption
from heg.studies.foresight import perfect

BATTERY = StorageInputs(capacity_kwh=10.0, min_rate_kw=-5.0, max_rate_kw=5.0, soc_kwh=0.0, round_trip_efficiency=0.9)
STEPS = (Block(from_kwh=40.0, eur_per_kwh=0.05), Block(from_kwh=90.0, eur_per_kwh=0.25))
BOTH = TariffTerms("Europe/Rome", blocks=STEPS, peak_eur_per_kw=4.0)


def recording(days: int = 6, first: datetime = datetime(2026, 10, 28, tzinfo=UTC)) -> Recording:
    """Over the end of a month with 25 hours in one of its days."""
    hours = range(24 * days)
    return Recording(
        start=first,
        slot_minutes=60,
        demand_kw=tuple(0.6 + 2.5 * (hour % 24 in (18, 19)) + 0.3 * math.sin(hour) for hour in hours),
        production_kw=tuple(max(0.0, 2.0 * math.sin(math.pi * (hour % 24 - 6) / 12)) for hour in hours),
        import_eur_per_kwh=tuple(0.12 if hour % 24 < 6 else 0.30 for hour in hours),
        export_eur_per_kwh=(0.05,) * len(hours),
    )


def whole_bill_eur(home: Recording, grid_kw: list[float]) -> float:
    """What the contract asks of a month, by hand: from its energy and its highest hour."""
    rome, eur = ZoneInfo("Europe/Rome"), 0.0
    slots = [(home.start + at * timedelta(hours=1), kw) for at, kw in enumerate(grid_kw)]
    for _, month in groupby(slots, lambda slot: slot[0].astimezone(rome).month):
        bought = [max(kw, 0.0) for _, kw in month]
        kwh = sum(bought)
        eur += 0.05 * min(max(kwh - 40, 0), 50) + 0.25 * max(kwh - 90, 0) + 4.0 * max(bought)
    energy = zip(grid_kw, home.import_eur_per_kwh, home.export_eur_per_kwh, strict=True)
    return eur + sum(kw * (buy if kw > 0 else sell) for kw, buy, sell in energy)


@pytest.mark.parametrize("lead", [idle, self_consumption])
def test_every_run_pays_the_months_bills(lead: Lead) -> None:
    home, grid_kw, eur = recording(), list[float](), list[float]()

    def tell(_slot: int, kw: float, paid_eur: float) -> None:
        grid_kw.append(kw)
        eur.append(paid_eur)

    outcome = live(home, BATTERY, lead, range(home.slots), tell=tell, bill=Bill(BOTH, 60))
    assert outcome.cost_eur == pytest.approx(whole_bill_eur(home, grid_kw))
    assert sum(eur) == pytest.approx(outcome.cost_eur)


def test_a_backtest_charges_and_plans_with_them() -> None:
    home = recording(3)
    study = Study(recording=home, battery=BATTERY, first=0, slots=home.slots, horizon=24)
    parts = replace(study, terms=Terms(tariff=TariffTerms("Europe/Rome", peak_eur_per_kw=9.0)))
    peaks = {}
    for asked in (study, parts):
        runs = {name: lived(asked, name) for name in (RunName.NO_BATTERY, RunName.EBR_PERFECT)}
        peaks[asked is parts] = runs[RunName.EBR_PERFECT].outcome.peak_kw
        assert sum(runs[RunName.EBR_PERFECT].daily_eur) == pytest.approx(runs[RunName.EBR_PERFECT].outcome.cost_eur)
    assert peaks[True] < peaks[False] - 1.0


def test_a_plan_that_knows_the_parts_pays_less_than_one_that_knows_prices_alone() -> None:
    home, costs = recording(first=datetime(2026, 11, 2, tzinfo=UTC)), []
    for known in (BOTH, TariffTerms()):
        asked, charged = Bill(known, 60), Bill(BOTH, 60)
        grid_kw: list[float] = []
        lead = planned(home, BATTERY, perfect(home), 24, Terms(), asked)

        def tell(slot: int, kw: float, _eur: float, asked: Bill = asked, grid_kw: list[float] = grid_kw) -> None:
            asked.charge(home.at(slot), max(kw, 0.0))
            grid_kw.append(kw)

        outcome = live(home, BATTERY, lead, range(home.slots), tell=tell, bill=charged)
        assert outcome.cost_eur == pytest.approx(whole_bill_eur(home, grid_kw))
        costs.append(outcome.valued_eur(0.25))
    assert costs[0] < costs[1] - 5.0


def test_a_contract_without_parts_costs_what_its_prices_say() -> None:
    home = recording()
    plain = live(home, BATTERY, idle, range(home.slots))
    assert live(home, BATTERY, idle, range(home.slots), bill=Bill(TariffTerms(), 60)) == plain
    free = TariffTerms(blocks=tuple(replace(step, eur_per_kwh=0.0) for step in STEPS))
    assert live(home, BATTERY, idle, range(home.slots), bill=Bill(free, 60)) == plain
