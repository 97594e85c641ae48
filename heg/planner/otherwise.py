"""What it would have cost otherwise: the first slot done in another way, and the best made of what follows."""

from collections.abc import Iterator
from dataclasses import replace

from heg.model.plan import Alternative, AlternativeKind, Plan, PlanInputs
from heg.planner.costs import total_eur
from heg.planner.house import House, Store
from heg.planner.solve import Solution, UnsolvedError, solve
from heg.planner.tidy import tidy

SAME_EUR = 1e-6
_NEAR_EUR = 5e-4
"""What would be written as 0.000."""

_INSIDE = 1.0 - 1e-9
"""A battery filled or emptied to the last joule would leave rounding no room."""

_WORDS = {
    AlternativeKind.NOTHING: "Doing nothing now",
    AlternativeKind.CHARGE: "Charging as much as goes now",
    AlternativeKind.DISCHARGE: "Discharging as much as goes now",
    AlternativeKind.FOLLOW: "Following the house now",
}


def otherwise(inputs: PlanInputs, plan: Plan) -> tuple[Alternative, ...]:
    """Return what the horizon would cost if each storage did each other thing in the first slot.

    `plan` is the plan of these inputs. Pure, and never raises for what the inputs hold. A storage that is not there in
    the first slot has no alternatives.
    """
    house = tidy(inputs)
    if not house.slots or not plan.slots:
        return ()
    planned = {"ess": plan.ess, "pev": plan.pev}
    return tuple(
        _costed(house, number, kind, power_kw, plan.cost.total_eur)
        for number, store in enumerate(house.stores)
        if store.plugged[0] and store.capacity_kwh > 0.0 and planned[store.name]
        for kind, power_kw in _ways(house, store, plan.grid_kw[0] - planned[store.name][0].power_kw)
    )


def _ways(house: House, store: Store, alone_kw: float) -> Iterator[tuple[AlternativeKind, float]]:
    hours = float(house.hours[0])
    room_kw = max(0.0, store.capacity_kwh - store.soc_kwh) / store.one_way / hours * _INSIDE
    spare_kw = max(0.0, store.soc_kwh - store.floor_kwh) * store.one_way / hours * _INSIDE
    most_kw, least_kw = min(float(store.charge_kw[0]), room_kw), -min(float(store.discharge_kw[0]), spare_kw)
    yield AlternativeKind.NOTHING, 0.0
    yield AlternativeKind.CHARGE, _able(store, most_kw)
    yield AlternativeKind.DISCHARGE, least_kw
    yield AlternativeKind.FOLLOW, _able(store, min(max(-alone_kw, least_kw), most_kw))


def _able(store: Store, power_kw: float) -> float:
    return 0.0 if 0.0 < power_kw < store.least_charge_kw else power_kw


def _costed(house: House, number: int, kind: AlternativeKind, power_kw: float, plan_eur: float) -> Alternative:
    storage, name = house.stores[number], house.stores[number].name
    charge_kw, discharge_kw = storage.charge_kw.copy(), storage.discharge_kw.copy()
    charge_kw[0], discharge_kw[0] = max(power_kw, 0.0), max(-power_kw, 0.0)
    forced = replace(storage, charge_kw=charge_kw, discharge_kw=discharge_kw, first_kw=power_kw)
    stores = (*house.stores[:number], forced, *house.stores[number + 1 :])
    try:
        solution = solve(replace(house, stores=stores, previous_kw=()))
    except UnsolvedError as reason:
        return Alternative(
            storage=name, kind=kind, power_kw=power_kw, cost_eur=None, more_eur=None, text=f"Not known, {reason}."
        )
    cost_eur = total_eur(house, solution.grid_kw, solution.power_kw)
    more_eur = cost_eur - plan_eur
    if abs(more_eur) < SAME_EUR:
        more_eur = 0.0
    return Alternative(
        storage=name,
        kind=kind,
        power_kw=power_kw,
        cost_eur=cost_eur,
        more_eur=more_eur,
        beyond_kwh=solution.beyond_kwh,
        text=f"{_WORDS[kind]} ({power_kw:.2f} kW) would cost {_more(more_eur)}{_beyond(solution)}.",
    )


def _more(more_eur: float) -> str:
    if abs(more_eur) < _NEAR_EUR:
        return "the same"
    return f"{abs(more_eur):.3f} EUR {'more' if more_eur > 0.0 else 'less'}"


def _beyond(solution: Solution) -> str:
    return f" and take {solution.beyond_kwh:.2f} kWh beyond the limits" if solution.beyond_kwh > SAME_EUR else ""
