"""From what is known to one problem: every gap is filled, and every gap that was filled has a name and a sentence.

It always yields a problem that can be planned (spec ebr.md, Never infeasible). What each lack does is said here:

- no import prices at all: a flat price is assumed, so that the plan is plain self-consumption;
- prices end before the horizon: the same slots of the last days stand in;
- the retailer's eyes and no day-ahead prices: the contract's are planned with;
- books that do not reach back to the beginning of a billing period: the time since stands for the time before;
- no export price: exporting earns nothing; no CO2 cost: it counts as nothing;
- a storage whose energy nobody can tell is left out; one that stands still or is silent is reckoned by metered energy;
- another's forecast that ends early is continued by its own last days, and none at all means our own;
- a told weather goes to the forecaster with its age; that names what of it is missing or too old.
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime

from heg.model.charges import Charges, charges_of
from heg.model.cycles import deferrables
from heg.model.envelope import Envelope
from heg.model.losses import loss
from heg.model.plan import (
    Degradation,
    DegradationCode,
    ForecastRequest,
    Objective,
    PlanInputs,
    PlanRequest,
    VehicleInputs,
)
from heg.model.slots import slot_start
from heg.model.tariff import Viewpoint
from heg.services.planning.household import Flows
from heg.services.planning.outlook import (
    CO2,
    DAY_AHEAD,
    DEMAND,
    EXPORT,
    IMPORT,
    PRODUCTION,
    TUBE_HIGH,
    TUBE_LOW,
    Outlook,
)
from heg.services.planning.prices import Filled
from heg.services.planning.settings import PlanningSettings
from heg.services.planning.storages import Member, member, together
from heg.services.planning.vehicle import first_to_leave, inputs_of

PRICES_MISSING = loss("prices-missing")
ASSUMED_IMPORT_EUR_PER_KWH = 0.30
"""A flat price: then nothing is gained by waiting, and the plan is self-consumption whatever its height."""
_NOMINAL_V = 230.0
_LEAST_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Gathered:
    """One problem, and whose decisions its answer holds: the storages summed up in it, and the car's charger."""

    request: PlanRequest
    members: tuple[Member, ...] = ()
    charger: str = ""

    @property
    def lacks(self) -> tuple[Degradation, ...]:
        """What had to be done without."""
        return self.request.problem.degradations


def gather(
    outlook: Outlook,
    settings: PlanningSettings,
    number: int,
    now_s: float,
    now: datetime,
    noticed: tuple[Degradation, ...] = (),
) -> Gathered:
    """Return the problem of the slot that runs at `now`; `noticed` are lacks that the loop itself has seen."""
    start = slot_start(now, settings.slot)
    tube_low, tube_high = (_tube(outlook, settings, variable, start) for variable in (TUBE_LOW, TUBE_HIGH))
    objective = settings.objective or (
        Objective.ENERGY_CO2_DISTRIBUTION if tube_low or tube_high else Objective.ENERGY_CO2
    )
    prices = _Prices(outlook, settings, start)
    charges = _charges(outlook, settings, start)
    members, stored = _members(outlook, now_s)
    pev, charger, driven = _vehicle(outlook, settings, start, now_s)
    demand, demanded = _told(outlook, settings, DEMAND, start, DegradationCode.DEMAND_FORECAST_MISSING)
    production, produced = _told(outlook, settings, PRODUCTION, start, DegradationCode.PRODUCTION_FORECAST_MISSING)
    contract_min_kw, contract_max_kw = _contract(outlook.envelope(), settings.phases)
    exceeded = _exceeded(outlook.seen, contract_max_kw)
    problem = PlanInputs(
        slot_minutes=settings.slot_minutes,
        start=start,
        demand_kw=demand,
        production_kw=production,
        production_curtailable=bool(outlook.members.producers)
        and all(one.curtailable for _, one in outlook.members.producers),
        import_eur_per_kwh=charges.on(prices.bought),
        export_eur_per_kwh=prices.sold,
        co2_eur_per_kwh=prices.co2,
        tube_low_kw=tube_low,
        tube_high_kw=tube_high,
        outside_tube_eur_per_kwh=settings.outside_tube_eur_per_kwh,
        contract_min_kw=contract_min_kw,
        contract_max_kw=contract_max_kw,
        peak_eur_per_kw=charges.peak_eur_per_kw,
        peak_so_far_kw=charges.peak_so_far_kw,
        blocks=charges.blocks,
        deferrable=tuple(
            part
            for cycle in outlook.cycles
            for part in deferrables(cycle, start, settings.slot_minutes, settings.slots, now)
        ),
        ess=together(
            members,
            wear_eur_per_kwh=settings.wear_eur_per_kwh,
            end_value_eur_per_kwh=settings.end_value_eur_per_kwh,
        ),
        pev=pev,
        objective=objective,
        first_slot_share=min(max(1.0 - (now - start) / settings.slot, _LEAST_SHARE), 1.0),
        degradations=(*noticed, *prices.lacks, *charges.lacks, *stored, *driven, *demanded, *produced, *exceeded),
    )
    forecast = ForecastRequest(
        start=start,
        slot_minutes=settings.slot_minutes,
        slots=settings.slots,
        demand=outlook.past["slot.demand"].until(start, outlook.means["slot.demand"].kw),
        production=outlook.past["slot.production"].until(start, outlook.means["slot.production"].kw)
        if outlook.members.producers
        else None,
        site=settings.site,
        weather=outlook.sky.series(start, settings.slots, settings.slot, expected=outlook.members.tells_weather)
        if outlook.members.producers
        else None,
    )
    return Gathered(PlanRequest(id=number, problem=problem, forecast=forecast), members, charger)


class _Prices:
    """The three prices of the horizon, with what is missing of them."""

    def __init__(self, outlook: Outlook, settings: PlanningSettings, start: datetime) -> None:
        self.lacks: list[Degradation] = []
        slots = settings.slots
        buying, selling = self._series(outlook, settings)
        bought, sold, co2 = (outlook.books[one].filled(start, slots) for one in (buying, selling, CO2))
        self.bought = self._bought(bought, slots)
        self.sold = self._sold(sold, slots)
        self.co2 = self._co2(co2, slots, wanted=settings.objective is Objective.CO2)

    def _series(self, outlook: Outlook, settings: PlanningSettings) -> tuple[str, str]:
        """Return whose prices count."""
        if settings.viewpoint is Viewpoint.HOUSEHOLD:
            return IMPORT, EXPORT
        if not outlook.books[DAY_AHEAD].empty:
            return DAY_AHEAD, DAY_AHEAD
        text = "The day-ahead market's prices are not known: the contract's are planned with."
        self.lacks.append(Degradation(DegradationCode.DAY_AHEAD_MISSING, text))
        return IMPORT, EXPORT

    def _bought(self, bought: Filled | None, slots: int) -> tuple[float, ...]:
        if bought is None:
            text = (
                f"No prices are known: {ASSUMED_IMPORT_EUR_PER_KWH:.2f} EUR/kWh is assumed all day, so the storages "
                "serve self-consumption until prices come."
            )
            self.lacks.append(Degradation(DegradationCode.PRICES_MISSING, text))
            return (ASSUMED_IMPORT_EUR_PER_KWH,) * slots
        if bought.first_gap is not None:
            self._estimated("prices", bought, DegradationCode.PRICES_ESTIMATED)
        return bought.values

    def _sold(self, sold: Filled | None, slots: int) -> tuple[float, ...]:
        if sold is None:
            text = "No price for exported energy is known: it is planned as if it earned nothing."
            self.lacks.append(Degradation(DegradationCode.EXPORT_PRICES_MISSING, text))
            return (0.0,) * slots
        if sold.first_gap is not None:
            self._estimated("export prices", sold, DegradationCode.EXPORT_PRICES_MISSING)
        return sold.values

    def _co2(self, co2: Filled | None, slots: int, *, wanted: bool) -> tuple[float, ...]:
        if co2 is None:
            # A house whose owner counts no CO2 lacks nothing; one that plans by CO2 alone lacks everything.
            if wanted:
                text = "The CO2 of grid energy is not known, though the plan is to save it: it counts as nothing."
                self.lacks.append(Degradation(DegradationCode.CO2_MISSING, text))
            return (0.0,) * slots
        if co2.first_gap is not None:
            self._estimated("CO2 costs", co2, DegradationCode.CO2_MISSING)
        return co2.values

    def _estimated(self, what: str, filled: Filled, code: DegradationCode) -> None:
        since = f"{filled.first_gap:%d %b %H:%M} UTC" if filled.first_gap is not None else "now"
        text = (
            f"The {what} of {filled.gaps} of {len(filled.values)} slots are not known, the first from {since} on: "
            "those of the same slots of the last days stand in."
        )
        self.lacks.append(Degradation(code, text))


def _charges(outlook: Outlook, settings: PlanningSettings, start: datetime) -> Charges:
    """Return what the contract asks beyond its prices; the retailer does not pay it."""
    terms = outlook.terms if settings.viewpoint is Viewpoint.HOUSEHOLD else None
    return charges_of(terms, outlook.billed(), start, settings.slots, settings.slot)


def _members(outlook: Outlook, now_s: float) -> tuple[tuple[Member, ...], list[Degradation]]:
    members, lacks = [], []
    judged = outlook.judged(now_s)
    for name, capability in outlook.members.storages:
        verdict = judged.get(name)
        if verdict is None:
            text = f"{name} does not answer: the plan does without this storage."
            lacks.append(Degradation(DegradationCode.SOC_UNKNOWN, text))
            continue
        if verdict.degradation is not None:
            lacks.append(verdict.degradation)
        if verdict.share is not None:
            members.append(
                member(
                    name,
                    capability,
                    verdict.share,
                    trusted=verdict.degradation is None,
                    charge_limit_kw=outlook.limit("limit.charge", name, now_s),
                    discharge_limit_kw=outlook.limit("limit.discharge", name, now_s),
                )
            )
    return tuple(members), lacks


def _vehicle(
    outlook: Outlook, settings: PlanningSettings, start: datetime, now_s: float
) -> tuple[VehicleInputs | None, str, tuple[Degradation, ...]]:
    car = first_to_leave(outlook.cars())
    if car is None:
        return None, "", ()
    limit_kw = outlook.limit("limit.charge", car.charger, now_s)
    inputs, lacks = inputs_of(car, start, settings.slot, settings.slots, limit_kw)
    if any(one.code is DegradationCode.TARGET_PAST for one in lacks):
        return None, "", lacks  # it is late: it charges as one that nobody planned for
    return replace(inputs, wear_eur_per_kwh=settings.wear_eur_per_kwh), car.charger, lacks


def _told(
    outlook: Outlook, settings: PlanningSettings, variable: str, start: datetime, code: DegradationCode
) -> tuple[tuple[float, ...], tuple[Degradation, ...]]:
    """Return somebody else's forecast; empty where none has come, which means our own."""
    book = outlook.books[variable]
    if book.empty:
        return (), ()
    what = variable.removeprefix("profile.")
    told = book.filled(start, settings.slots)
    if told is None or told.known == 0:
        text = f"The provider's forecast of {what} has ended: the house's own is used."
        return (), (Degradation(code, text),)
    values = tuple(max(0.0, value) for value in told.values)
    if told.first_gap is None:
        return values, ()
    text = (
        f"The provider's forecast of {what} leaves {told.gaps} of {settings.slots} slots open, the first from "
        f"{told.first_gap:%d %b %H:%M} UTC on: the same slots of its last days stand in."
    )
    return values, (Degradation(code, text),)


def _tube(outlook: Outlook, settings: PlanningSettings, variable: str, start: datetime) -> tuple[float | None, ...]:
    known = outlook.books[variable].known(start, settings.slots)
    return known if any(value is not None for value in known) else ()


def _contract(envelope: Envelope | None, phases: int) -> tuple[float | None, float | None]:
    """Return the envelope's interval in kW; its amperes count as if all phases were loaded alike."""
    if envelope is None:
        return None, None
    amperes_kw = envelope.max_a_per_phase * _NOMINAL_V * phases / 1000.0
    low, high = max(envelope.min_kw, -amperes_kw), min(envelope.max_kw, amperes_kw)
    return (low if math.isfinite(low) else None), (high if math.isfinite(high) else None)


def _exceeded(seen: Flows, contract_max_kw: float | None) -> tuple[Degradation, ...]:
    """The house itself may draw more than it may; what it is forecast to draw is the planner's to compare."""
    if contract_max_kw is None or seen.demand_kw is None or seen.production_kw is None:
        return ()
    drawn_kw = seen.demand_kw - seen.production_kw
    if drawn_kw <= contract_max_kw:
        return ()
    text = (
        f"The house itself draws {drawn_kw:.1f} kW now; {contract_max_kw:.1f} kW is the most it may draw: the storages "
        "do what they can."
    )
    return (Degradation(DegradationCode.DEMAND_ABOVE_CONTRACT, text),)
