"""From what was handed in to a problem that can be solved; what is mended gets a name (spec ebr.md, The MILP)."""

import math
from collections.abc import Sequence

import numpy as np

from heg.model.plan import DegradationCode, PlanInputs
from heg.planner.house import Bools, Floats, House
from heg.planner.mending import Mender
from heg.planner.stores import tidy_ess, tidy_pev
from heg.planner.tariff import tidy_cycles, tidy_desired, tidy_previous, tidy_steps

MOST_KW = 10_000.0
"""More than any house draws: what is beyond it is no measurement, and would spoil the solver's arithmetic."""

MOST_EUR_PER_KWH = 1_000.0
MOST_EUR_PER_KW = 1_000.0
NOMINAL_IMPORT_EUR_PER_KWH = 0.30
NOMINAL_EXPORT_EUR_PER_KWH = 0.08
USUAL_MINUTES = 15
LONGEST_S = 3_600.0
LEAST_SHARE = 1e-3


def tidy(inputs: PlanInputs) -> House:
    """Return the problem with every gap filled and every bound in order; what was done is in its `degradations`."""
    slots = _slots(inputs)
    mender = Mender(inputs.degradations)
    minutes = round(mender.number(inputs.slot_minutes, 1, 24 * 60, USUAL_MINUTES, "slot_minutes"))
    hours = _hours(inputs, slots, minutes, mender)
    demand_kw, production_kw = _powers(inputs, slots, mender)
    import_price, export_price, co2_price = _prices(inputs, slots, mender)
    low_kw, high_kw = _limits(inputs, slots, mender)
    steps = tidy_steps(inputs, mender)
    next_block = steps[0].price if steps else 0.0
    flows = (hours, import_price + next_block + co2_price, export_price, demand_kw - production_kw)
    if inputs.objective == "co2":
        flows = (hours, co2_price, np.zeros(slots), demand_kw - production_kw)
    stores = tuple(
        store
        for store in (tidy_ess(inputs.ess, flows, mender), tidy_pev(inputs.pev, flows, mender))
        if store is not None
    )
    desired_kw = tidy_desired(inputs, slots, mender)
    cycles = tidy_cycles(inputs, slots, mender)
    return House(
        start=inputs.start,
        slot_minutes=minutes,
        hours=hours,
        demand_kw=demand_kw,
        production_kw=production_kw,
        curtailable=inputs.production_curtailable,
        import_price=import_price,
        export_price=export_price,
        co2_price=co2_price,
        objective=inputs.objective,
        low_kw=low_kw,
        high_kw=high_kw,
        contract_low_kw=_or(inputs.contract_min_kw, -math.inf),
        contract_high_kw=_or(inputs.contract_max_kw, math.inf),
        tube_low_kw=_bound(inputs.tube_low_kw, slots, -math.inf, "tube_low_kw", mender),
        tube_high_kw=_bound(inputs.tube_high_kw, slots, math.inf, "tube_high_kw", mender),
        outside_tube_price=mender.number(
            inputs.outside_tube_eur_per_kwh, 0.0, MOST_EUR_PER_KWH, 0.0, "outside_tube_eur_per_kwh"
        ),
        stores=stores,
        time_limit_s=mender.number(inputs.time_limit_s, 1e-3, LONGEST_S, 1.0, "time_limit_s"),
        gap=mender.number(inputs.gap, 0.0, 1.0, 1e-3, "gap"),
        peak_price=mender.number(inputs.peak_eur_per_kw, 0.0, MOST_EUR_PER_KW, 0.0, "peak_eur_per_kw"),
        peak_so_far_kw=mender.number(inputs.peak_so_far_kw, 0.0, MOST_KW, 0.0, "peak_so_far_kw"),
        steps=steps,
        desired_kw=desired_kw,
        desired_price=mender.number(
            inputs.desired_weight_eur_per_kwh, 0.0, MOST_EUR_PER_KWH, 0.0, "desired_weight_eur_per_kwh"
        ),
        asked=tuple(asked.name for asked in inputs.deferrable),
        cycles=cycles,
        previous_kw=tidy_previous(inputs, [store.name for store in stores], slots, minutes),
        degradations=mender.degradations,
    )


def _slots(inputs: PlanInputs) -> int:
    return len(inputs.demand_kw) or max(len(inputs.import_eur_per_kwh), len(inputs.production_kw))


def _hours(inputs: PlanInputs, slots: int, minutes: int, mender: Mender) -> Floats:
    hours = np.full(slots, minutes / 60.0)
    hours[:1] *= mender.number(inputs.first_slot_share, LEAST_SHARE, 1.0, 1.0, "first_slot_share")
    return hours


def _powers(inputs: PlanInputs, slots: int, mender: Mender) -> tuple[Floats, Floats]:
    demand_kw, gaps = _series(inputs.demand_kw, slots, MOST_KW, "demand_kw", mender)
    if gaps.any():
        demand_kw[gaps] = _mean(demand_kw[~gaps])
        mender.say(
            DegradationCode.DEMAND_FORECAST_MISSING,
            f"No forecast of demand for {gaps.sum()} of {slots} slots: planned with {_mean(demand_kw):.2f} kW there.",
        )
    if not inputs.production_kw:
        return demand_kw, np.zeros(slots)
    production_kw, gaps = _series(inputs.production_kw, slots, MOST_KW, "production_kw", mender)
    if gaps.any():
        production_kw[gaps] = 0.0
        mender.say(
            DegradationCode.PRODUCTION_FORECAST_MISSING,
            f"No forecast of production for {gaps.sum()} of {slots} slots: planned with none there.",
        )
    return demand_kw, np.maximum(production_kw, 0.0)


def _prices(inputs: PlanInputs, slots: int, mender: Mender) -> tuple[Floats, Floats, Floats]:
    known = _series(inputs.import_eur_per_kwh, slots, MOST_EUR_PER_KWH, "import_eur_per_kwh", mender)
    import_price, gaps = known
    if gaps.all() and slots:
        import_price[:] = NOMINAL_IMPORT_EUR_PER_KWH
        nominal = np.full(slots, NOMINAL_EXPORT_EUR_PER_KWH)
        mender.say(
            DegradationCode.PRICES_MISSING,
            f"No prices: planned with {NOMINAL_IMPORT_EUR_PER_KWH:.2f} EUR/kWh in and "
            f"{NOMINAL_EXPORT_EUR_PER_KWH:.2f} EUR/kWh out throughout.",
        )
        return import_price, nominal, _co2(inputs, slots, mender)
    if gaps.any():
        import_price[gaps] = _mean(import_price[~gaps])
        mender.say(
            DegradationCode.PRICES_ESTIMATED,
            f"No price for {gaps.sum()} of {slots} slots: planned with the mean of the others, "
            f"{_mean(import_price):.3f} EUR/kWh.",
        )
    return import_price, _export(inputs, slots, import_price, mender), _co2(inputs, slots, mender)


def _export(inputs: PlanInputs, slots: int, import_price: Floats, mender: Mender) -> Floats:
    if not inputs.export_eur_per_kwh:
        return np.zeros(slots)
    price, gaps = _series(inputs.export_eur_per_kwh, slots, MOST_EUR_PER_KWH, "export_eur_per_kwh", mender)
    if gaps.any():
        known = price[~gaps]
        price[gaps] = np.minimum(known.min() if len(known) else 0.0, import_price[gaps])
        mender.say(
            DegradationCode.EXPORT_PRICES_MISSING,
            f"No export price for {gaps.sum()} of {slots} slots: planned with the lowest of the others.",
        )
    return price


def _co2(inputs: PlanInputs, slots: int, mender: Mender) -> Floats:
    if not inputs.co2_eur_per_kwh:
        return np.zeros(slots)
    price, gaps = _series(inputs.co2_eur_per_kwh, slots, MOST_EUR_PER_KWH, "co2_eur_per_kwh", mender)
    if gaps.any():
        price[gaps] = _mean(price[~gaps])
        mender.say(
            DegradationCode.CO2_MISSING,
            f"No cost of CO2 for {gaps.sum()} of {slots} slots: planned with the mean of the others.",
        )
    return price


def _limits(inputs: PlanInputs, slots: int, mender: Mender) -> tuple[Floats, Floats]:
    """Contract and envelope in one: the tighter of the two holds (spec ebr.md, The MILP 5)."""
    low_kw = _bound((inputs.contract_min_kw,) * slots, slots, -math.inf, "contract_min_kw", mender)
    high_kw = _bound((inputs.contract_max_kw,) * slots, slots, math.inf, "contract_max_kw", mender)
    low_kw = np.maximum(low_kw, _bound(inputs.grid_min_kw, slots, -math.inf, "grid_min_kw", mender))
    high_kw = np.minimum(high_kw, _bound(inputs.grid_max_kw, slots, math.inf, "grid_max_kw", mender))
    crossed = low_kw > high_kw
    if crossed.any():
        mender.say(
            DegradationCode.LIMITS_CONTRADICT,
            f"In {crossed.sum()} slots the lowest power allowed lies above the highest "
            f"({low_kw[crossed][0]:.2f} and {high_kw[crossed][0]:.2f} kW): planned in between.",
        )
    return low_kw, high_kw


def _bound(values: Sequence[float | None], slots: int, none: float, key: str, mender: Mender) -> Floats:
    """Return limits for all slots; `none` (an infinity) where there is no limit, or none that could be understood."""
    bound = np.full(slots, none)
    given = np.array([none if value is None else value for value in values[:slots]], dtype=np.float64)
    broken = np.isnan(given) | (given == -none)
    if broken.any():
        mender.mended(key, f"{broken.sum()} values that are no limit left out")
        given[broken] = none
    given[np.abs(given) >= MOST_KW] = none
    bound[: len(given)] = given
    return bound


def _series(values: Sequence[float], slots: int, most: float, key: str, mender: Mender) -> tuple[Floats, Bools]:
    """Return one finite value a slot and where it has to be filled, zero there."""
    series = np.full(slots, np.nan)
    given = np.array(values[:slots], dtype=np.float64)
    series[: len(given)] = given
    gaps = ~np.isfinite(series)
    series[gaps] = 0.0
    beyond = np.abs(series) > most
    if beyond.any():
        mender.mended(key, f"{beyond.sum()} values beyond {most:g} cut to it")
        series = np.clip(series, -most, most)
    return series, gaps


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else 0.0


def _or(value: float | None, none: float) -> float:
    return none if value is None or math.isnan(value) else value
