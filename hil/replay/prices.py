"""Prices and CO2 beside a recorded home: read from its own data set, made up for a made-up home, written for a gateway.

CityLearn 2022: `pricing.csv` is read as EUR/kWh, `carbon_intensity.csv` (kg/kWh) counts 80 EUR a tonne; what is given
to the grid earns a fixed price.
"""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

EUR_PER_TONNE = 80.0
EXPORT_EUR_PER_KWH = 0.08
_FEES_EUR_PER_KWH = 0.15
_DAYS_WRITTEN = 366
_MARKET_BY_HOUR = (
    *(0.072, 0.066, 0.062, 0.060, 0.064, 0.078, 0.105, 0.125, 0.112, 0.085, 0.062, 0.048),
    *(0.040, 0.036, 0.042, 0.058, 0.082, 0.112, 0.142, 0.155, 0.138, 0.112, 0.092, 0.080),
)


@dataclass(frozen=True, slots=True)
class Prices:
    """EUR/kWh of each slot of a recording; None where a reading is missing. `published` is the market's local hour.

    Empty `published`: a tariff that is known long before.
    """

    import_eur_per_kwh: Sequence[float | None]
    export_eur_per_kwh: Sequence[float | None]
    co2_eur_per_kwh: Sequence[float | None]
    published: str = ""


def read_citylearn_prices(pricing: str, carbon: str) -> Prices:
    """Prices of the data set, an hour a row. ValueError names the row that is wrong."""
    bought = _column(pricing, "Electricity Pricing [$]")
    kg = _column(carbon, "kg_CO2/kWh")
    if len(bought) != len(kg):
        raise ValueError(f"pricing and carbon intensity: expected as many rows, found {len(bought)} and {len(kg)}")
    co2 = tuple(round(value * EUR_PER_TONNE / 1000, 6) for value in kg)
    return Prices(bought, (EXPORT_EUR_PER_KWH,) * len(bought), co2)


def generated_prices(production_kw: Sequence[float], *, pv_kwp: float, seed: int = 3) -> Prices:
    """A day-ahead market's shape, made up: dear in the evening, cheap where the sun shines on everybody."""
    chance = random.Random(seed)  # noqa: S311 - repeatable weather
    bought, co2 = [], []
    level = 1.0
    for hour, produced_kw in enumerate(production_kw):
        local = hour % 24
        if local == 0:
            level = min(1.8, max(0.4, 0.7 * level + 0.3 * chance.uniform(0.3, 1.8)))
        sun = produced_kw / pv_kwp if pv_kwp else 0.0
        market = _MARKET_BY_HOUR[local] * level * chance.uniform(0.9, 1.1) - 0.09 * sun
        bought.append(round(market + _FEES_EUR_PER_KWH, 5))
        kg = max(0.03, 0.42 + 0.06 * math.cos(2 * math.pi * (local - 19) / 24) - 0.3 * sun)
        co2.append(round(kg * EUR_PER_TONNE / 1000, 6))
    return Prices(tuple(bought), (EXPORT_EUR_PER_KWH,) * len(bought), tuple(co2), published="13:00")


def write_prices(path: Path, prices: Prices, start_utc: datetime, slot_s: int, first: datetime) -> None:
    """A year of prices in the backtest format from `first` on; after the recording's end it begins again."""
    slot = timedelta(seconds=slot_s)
    at = (first - start_utc) // slot
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("time_utc", "import_eur_per_kwh", "export_eur_per_kwh", "co2_eur_per_kwh"))
        columns = (prices.import_eur_per_kwh, prices.export_eur_per_kwh, prices.co2_eur_per_kwh)
        for index in range(at, at + timedelta(days=_DAYS_WRITTEN) // slot):
            time = (start_utc + index * slot).isoformat().replace("+00:00", "Z")
            values = (column[index % len(column)] if column else None for column in columns)
            rows.writerow((time, *("" if value is None else value for value in values)))


def _column(text: str, name: str) -> tuple[float, ...]:
    rows = csv.DictReader(StringIO(text))
    if name not in (rows.fieldnames or ()):
        raise ValueError(f"expected a column {name!r}")
    return tuple(_number(row[name], name, number) for number, row in enumerate(rows, start=2))


def _number(cell: str | None, name: str, line: int) -> float:
    try:
        value = float(cell or "")
    except ValueError:
        value = math.nan
    if not -20.0 <= value <= 20.0:
        raise ValueError(f"{name}: line {line}: expected a number from -20 to 20, found {cell!r}")
    return value
