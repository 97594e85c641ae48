"""Houses to plan for: plain ones that a sentence describes, and random ones that nobody would live in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from heg.model.plan import PlanInputs, StorageInputs, VehicleInputs

START = datetime(2024, 9, 16, tzinfo=UTC)


def battery(**changes: Any) -> StorageInputs:
    """A battery of 10 kWh and 5 kW, half full."""
    usual = StorageInputs(capacity_kwh=10.0, min_rate_kw=-5.0, max_rate_kw=5.0, soc_kwh=5.0, end_value_eur_per_kwh=0.0)
    return replace(usual, **changes)


def car(slots: int, **changes: Any) -> VehicleInputs:
    """A car of 40 kWh that charges at up to 7.4 kW, plugged all the time, with 10 kWh in it."""
    usual = VehicleInputs(
        capacity_kwh=40.0,
        min_rate_kw=0.0,
        max_rate_kw=7.4,
        soc_kwh=10.0,
        plugged=(True,) * slots,
        end_value_eur_per_kwh=0.0,
    )
    return replace(usual, **changes)


def house(slots: int = 24, **changes: Any) -> PlanInputs:
    """A house that draws 1 kW throughout at 0.30 EUR/kWh, without sun, hour by hour."""
    usual = PlanInputs(
        slot_minutes=60, start=START, demand_kw=(1.0,) * slots, import_eur_per_kwh=(0.30,) * slots, ess=battery()
    )
    return replace(usual, **changes)
