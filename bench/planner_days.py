"""Days to plan for: spot-like ones that are made up, and real German days with hours below zero."""

from __future__ import annotations

import csv
import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from heg.model.plan import Deferrable, Objective, PlanInputs, StorageInputs, VehicleInputs

PRICES = Path(__file__).resolve().parents[2] / "shared" / "data" / "de_lu_day_ahead_2024_2026_60min.csv"
NEGATIVE_HOURS = 4
CYCLES = (
    Deferrable(name="washing machine", power_kw=(2.0, 2.0, 0.3, 0.3, 0.3, 0.5, 0.5)),
    Deferrable(name="dishwasher", power_kw=(0.1, 2.0, 0.2, 2.0, 0.1), earliest_slot=20, latest_slot=90),
    Deferrable(name="dryer", power_kw=(2.2, 1.8, 1.5, 1.0), interruptible=True),
)


def made_up(
    seed: int, slots: int, minutes: int, *, tube: bool = False, lower_eur: float = 0.0, least_kw: float = 0.0
) -> PlanInputs:
    """A battery and a car on a day of spot-like prices, sun and a restless load."""
    hours = [index * minutes / 60 for index in range(slots)]
    chance = random.Random(seed)
    spot = [
        0.09 + 0.05 * math.cos(math.pi * (hour - 19) / 6) + chance.gauss(0.0, 0.01) - lower_eur * _noon(hour)
        for hour in hours
    ]
    return _house(
        chance,
        datetime(2024, 6, 1, tzinfo=UTC),
        minutes,
        [price + 0.15 for price in spot],
        spot,
        tube=tube,
        least_kw=least_kw,
    )


def negative_days(count: int) -> list[tuple[datetime, list[float]]]:
    """Return so many real days with at least four negative hours, spread over the years; none without the data."""
    if not PRICES.exists():
        return []
    with PRICES.open(encoding="utf-8", newline="") as file:
        rows = [(row["utc_start"], row["price_eur_per_kwh"]) for row in csv.DictReader(file)]
    price = {datetime.fromisoformat(moment): float(eur) for moment, eur in rows if eur}
    days = []
    for moment in price:
        day = [price.get(moment + timedelta(hours=hour)) for hour in range(24)]
        whole = [eur for eur in day if eur is not None]
        if moment.hour == 0 and len(whole) == 24 and sum(eur < 0.0 for eur in whole) >= NEGATIVE_HOURS:
            days.append((moment, whole))
    return [days[index * len(days) // count] for index in range(count)]


def negative(number: int, start: datetime, spot: list[float], tariff: str) -> PlanInputs:
    """A real day below zero in quarters of an hour: the household's tariff, the retailer's, or a fixed feed-in."""
    quarters = [price for price in spot for _ in range(4)]
    retail = [price + 0.15 for price in quarters]
    prices = {"retail": (retail, quarters), "raw": (quarters, quarters), "feed-in": (retail, [0.08] * len(quarters))}
    return _house(random.Random(number), start, 15, *prices[tariff], tube=True, sells_back=True)


def turnover_eur(inputs: PlanInputs, grid_kw: tuple[float, ...]) -> float:
    """Return what a day buys and sells, of at least 1 EUR: what the gap is a share of."""
    columns = zip(grid_kw, inputs.import_eur_per_kwh, inputs.export_eur_per_kwh, strict=True)
    hours = inputs.slot_minutes / 60
    return max(1.0, sum(abs(hours * kw * (bought if kw > 0.0 else sold)) for kw, bought, sold in columns))


def _house(
    chance: random.Random,
    start: datetime,
    minutes: int,
    imports: list[float],
    exports: list[float],
    *,
    tube: bool = False,
    least_kw: float = 0.0,
    sells_back: bool = False,
) -> PlanInputs:
    slots = len(imports)
    hours = [index * minutes / 60 for index in range(slots)]
    return PlanInputs(
        slot_minutes=minutes,
        start=start,
        demand_kw=tuple(0.3 + chance.expovariate(2.0) for _ in hours),
        production_kw=tuple(5.0 * _noon(hour) * chance.uniform(0.4, 1.0) for hour in hours),
        import_eur_per_kwh=tuple(imports),
        export_eur_per_kwh=tuple(exports),
        contract_min_kw=-10.0,
        contract_max_kw=10.0,
        tube_low_kw=(-2.0,) * slots if tube else (),
        tube_high_kw=(3.0,) * slots if tube else (),
        outside_tube_eur_per_kwh=0.1 if tube else 0.0,
        objective=Objective.ENERGY_CO2_DISTRIBUTION if tube else Objective.ENERGY_CO2,
        ess=StorageInputs(capacity_kwh=10.0, min_rate_kw=-5.0, max_rate_kw=5.0, soc_kwh=chance.uniform(0.0, 10.0)),
        pev=VehicleInputs(
            capacity_kwh=40.0,
            min_rate_kw=-7.4 if sells_back else 0.0,
            max_rate_kw=7.4,
            soc_kwh=chance.uniform(5.0, 20.0),
            plugged=tuple(hour % 24 >= 18 or hour % 24 < 8 for hour in hours),
            target_kwh=35.0,
            target_slot=slots,
            min_charge_kw=least_kw,
        ),
    )


def _noon(hour: float) -> float:
    return max(0.0, math.sin(math.pi * (hour % 24 - 6) / 12))
