"""Storages made fit to plan with: SoC inside its bounds, rates of the right sign, the target ahead."""

import math
from typing import TypeAlias

import numpy as np

from heg.model.plan import DegradationCode, StorageInputs, VehicleInputs
from heg.planner.end_value import ess_end_value, pev_end_value
from heg.planner.house import Bools, Floats, Store, Target
from heg.planner.mending import Mender

Flows: TypeAlias = tuple[Floats, Floats, Floats, Floats]
"""Hours, price in, price out and net load of the slots: what the planner's own end value is made of."""

MOST_KWH = 100_000.0
LEAST_KWH = 1e-3
MOST_RATE_KW = 10_000.0
MOST_EUR_PER_KWH = 1_000.0
LEAST_EFFICIENCY = 0.1
USUAL_EFFICIENCY = 0.9
SOC_TOLERANCE = 1e-3
"""Share of the capacity by which a reading may lie outside it: rounding, not a fault."""


def tidy_ess(inputs: StorageInputs | None, flows: Flows, mender: Mender) -> Store | None:
    """Return the stationary storage, None without one."""
    if inputs is None:
        return None
    return _store("ess", inputs, np.ones(len(flows[0]), dtype=np.bool_), flows, mender)


def tidy_pev(inputs: VehicleInputs | None, flows: Flows, mender: Mender) -> Store | None:
    """Return the vehicle, None without one."""
    if inputs is None:
        return None
    plugged = np.zeros(len(flows[0]), dtype=np.bool_)
    given = np.array(inputs.plugged[: len(plugged)], dtype=np.bool_)
    plugged[: len(given)] = given
    return _store("pev", inputs, plugged, flows, mender)


def _store(name: str, inputs: StorageInputs, plugged: Bools, flows: Flows, mender: Mender) -> Store:
    hours = flows[0]
    capacity_kwh = mender.number(inputs.capacity_kwh, 0.0, MOST_KWH, 0.0, f"{name}.capacity_kwh")
    efficiency = _efficiency(name, inputs.round_trip_efficiency, mender)
    if capacity_kwh < LEAST_KWH:
        capacity_kwh = 0.0
    charge_kw = mender.number(inputs.max_rate_kw, 0.0, MOST_RATE_KW, 0.0, f"{name}.max_rate_kw")
    discharge_kw = -mender.number(inputs.min_rate_kw, -MOST_RATE_KW, 0.0, 0.0, f"{name}.min_rate_kw")
    soc_kwh = _soc(name, inputs.soc_kwh, capacity_kwh, mender)
    reserve_kwh = mender.number(inputs.reserve_kwh, 0.0, capacity_kwh, 0.0, f"{name}.reserve_kwh")
    wear = mender.number(inputs.wear_eur_per_kwh, 0.0, MOST_EUR_PER_KWH, 0.0, f"{name}.wear_eur_per_kwh")
    least_kw, target = 0.0, None
    if isinstance(inputs, VehicleInputs):
        least_kw = mender.number(inputs.min_charge_kw, 0.0, charge_kw, 0.0, f"{name}.min_charge_kw")
        target = _target(inputs, capacity_kwh, charge_kw * math.sqrt(efficiency), hours, mender)
    return Store(
        name=name,
        capacity_kwh=capacity_kwh,
        # Below its reserve a storage is not emptied further, and not driven up at any price either.
        floor_kwh=min(reserve_kwh, soc_kwh),
        soc_kwh=soc_kwh,
        charge_kw=np.where(plugged, charge_kw, 0.0),
        discharge_kw=np.where(plugged, discharge_kw, 0.0),
        plugged=plugged,
        round_trip_efficiency=efficiency,
        wear_eur_per_kwh=wear,
        end_value_eur_per_kwh=_end_value(name, inputs, efficiency, wear, flows, mender),
        least_charge_kw=least_kw,
        target=target,
    )


def _efficiency(name: str, share: float, mender: Mender) -> float:
    if LEAST_EFFICIENCY <= share <= 1.0:
        return share
    mender.mended(
        f"{name}.round_trip_efficiency",
        f"expected a share between {LEAST_EFFICIENCY:g} and 1, came {share:g}; planned with {USUAL_EFFICIENCY:g}",
    )
    return USUAL_EFFICIENCY


def _soc(name: str, soc_kwh: float, capacity_kwh: float, mender: Mender) -> float:
    if math.isnan(soc_kwh):
        mender.say(DegradationCode.SOC_UNKNOWN, f"The charge of the {name} is not known: planned as if half full.")
        return capacity_kwh / 2.0
    inside_kwh = min(max(soc_kwh, 0.0), capacity_kwh)
    if abs(soc_kwh - inside_kwh) > SOC_TOLERANCE * capacity_kwh:
        mender.say(
            DegradationCode.SOC_OUT_OF_BOUNDS,
            f"The {name} reads {soc_kwh:g} kWh, outside 0 to {capacity_kwh:g}: planned with {inside_kwh:g} kWh.",
        )
    return inside_kwh


def _target(
    inputs: VehicleInputs, capacity_kwh: float, stored_kw: float, hours: Floats, mender: Mender
) -> Target | None:
    if inputs.target_slot is None:
        return None
    if inputs.target_slot < 0:
        mender.say(DegradationCode.TARGET_PAST, "The time of departure has passed: the vehicle's target is dropped.")
        return None
    wanted_kwh = mender.number(inputs.target_kwh, 0.0, capacity_kwh, 0.0, "pev.target_kwh")
    later = inputs.target_slot - len(hours)
    if later > 0:  # the car leaves beyond the horizon: what can still be charged then need not be there before
        wanted_kwh = max(0.0, wanted_kwh - stored_kw * later * (float(hours[-1]) if len(hours) else 0.0))
    penalty = mender.number(
        inputs.target_penalty_eur_per_kwh, 0.0, MOST_EUR_PER_KWH, 10.0, "pev.target_penalty_eur_per_kwh"
    )
    return Target(min(inputs.target_slot, len(hours)), wanted_kwh, penalty)


def _end_value(name: str, inputs: StorageInputs, efficiency: float, wear: float, flows: Flows, mender: Mender) -> float:
    given = inputs.end_value_eur_per_kwh
    if given is not None and math.isfinite(given):
        return mender.number(given, -MOST_EUR_PER_KWH, MOST_EUR_PER_KWH, 0.0, f"{name}.end_value_eur_per_kwh")
    if given is not None:
        mender.mended(f"{name}.end_value_eur_per_kwh", "expected a number; planned with the planner's own rule")
    rule = pev_end_value if name == "pev" else ess_end_value
    return rule(*flows, efficiency, wear)
