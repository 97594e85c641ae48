"""Several storages as one, and its decision for each of them. Pure.

The planner knows one storage. What it decides for the sum goes to each member by its part of the rates; a regime that
follows the house is the same for all, and control shares the house's power among them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from heg.model.capabilities import StorageCapability
from heg.model.plan import StorageInputs
from heg.model.regimes import Regime, RegimeOrder


@dataclass(frozen=True, slots=True)
class Member:
    """One storage as it is planned with: state of charge as a share, and its rates as they are now, both magnitudes.

    `trusted` is False where the state of charge is reckoned: then no order may end at one.
    """

    name: str
    capability: StorageCapability
    soc: float
    charge_kw: float
    discharge_kw: float
    trusted: bool = True


def together(
    members: Sequence[Member], *, wear_eur_per_kwh: float = 0.0, end_value_eur_per_kwh: float | None = None
) -> StorageInputs | None:
    """Return the sum of the members; None of none."""
    if not members:
        return None
    capacity_kwh = sum(one.capability.capacity_kwh for one in members)
    lossless = sum(one.capability.capacity_kwh * one.capability.round_trip_efficiency for one in members)
    return StorageInputs(
        capacity_kwh=capacity_kwh,
        min_rate_kw=-sum(one.discharge_kw for one in members),
        max_rate_kw=sum(one.charge_kw for one in members),
        soc_kwh=sum(one.soc * one.capability.capacity_kwh for one in members),
        round_trip_efficiency=min(1.0, lossless / capacity_kwh),
        reserve_kwh=sum(one.capability.reserve_share * one.capability.capacity_kwh for one in members),
        wear_eur_per_kwh=wear_eur_per_kwh,
        end_value_eur_per_kwh=end_value_eur_per_kwh,
    )


def member(
    name: str,
    capability: StorageCapability,
    soc: float,
    *,
    trusted: bool,
    charge_limit_kw: float | None,
    discharge_limit_kw: float | None,
) -> Member:
    """Return a storage as it is planned with; its own limits of the moment narrow its rates."""
    charge_kw, discharge_kw = max(capability.max_rate_kw, 0.0), max(-capability.min_rate_kw, 0.0)
    return Member(
        name,
        capability,
        soc,
        charge_kw if charge_limit_kw is None else min(charge_kw, charge_limit_kw),
        discharge_kw if discharge_limit_kw is None else min(discharge_kw, discharge_limit_kw),
        trusted,
    )


def apportioned(order: RegimeOrder, members: Sequence[Member]) -> dict[str, RegimeOrder]:
    """Return each member's order: its part of the kW by its part of the rates, the same regime, band and end."""
    discharging = order.regime is Regime.DISCHARGE
    rates = [one.discharge_kw if discharging else one.charge_kw for one in members]
    total = sum(rates)
    return {
        one.name: replace(
            order,
            power_kw=round(order.power_kw * rate / total, 3) if total > 0 else 0.0,
            ends_at_soc=order.ends_at_soc if one.trusted else None,
        )
        for one, rate in zip(members, rates, strict=True)
    }
