"""A recorded home lived through slot by slot: at each slot's start someone leads the battery, then comes what came.

The regime is followed on the slot's recorded mean load and sun by the law that the control cycle follows too
(heg/model/regimes.py). Nothing here reads a clock or a file.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from heg.model.charges import Charges
from heg.model.plan import Objective, PlanInputs, SlotDecision, StorageInputs
from heg.model.regimes import GridBand, Regime, RegimeOrder, StorageNow, power_kw
from heg.model.tariff import TariffTerms
from heg.planner.plan import plan
from heg.studies.bill import Bill


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What a home drew and made, mean kW of each slot, and what energy cost; no gaps."""

    start: datetime
    slot_minutes: int
    demand_kw: Sequence[float]
    production_kw: Sequence[float]
    import_eur_per_kwh: Sequence[float]
    export_eur_per_kwh: Sequence[float]
    co2_eur_per_kwh: Sequence[float] = ()

    @property
    def slots(self) -> int:
        """How many slots there are."""
        return len(self.demand_kw)

    def at(self, slot: int) -> datetime:
        """When a slot begins."""
        return self.start + slot * timedelta(minutes=self.slot_minutes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a span cost and what the battery did. `cost_eur` is the bill: energy, blocks and peak charge, no CO2."""

    cost_eur: float
    co2_eur: float
    import_kwh: float
    export_kwh: float
    peak_kw: float
    discharged_kwh: float
    soc_kwh: float

    def valued_eur(self, eur_per_kwh: float) -> float:
        """Return the cost less the worth of the energy that is left: the figure to compare."""
        return self.cost_eur - eur_per_kwh * self.soc_kwh


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What plans aim at, and the supply contract they keep (kW). Without CO2 counted the bill alone is minimised.

    `tariff` is what the contract asks beyond the recorded prices.
    """

    counts_co2: bool = False
    objective: Objective = Objective.ENERGY_CO2
    contract_min_kw: float | None = None
    contract_max_kw: float | None = None
    tariff: TariffTerms = field(default_factory=TariffTerms)

    @property
    def limits_kw(self) -> tuple[float, float]:
        """The contract as an interval, without end where there is none."""
        low, high = self.contract_min_kw, self.contract_max_kw
        return -math.inf if low is None else low, math.inf if high is None else high


Lead: TypeAlias = Callable[[int, float], RegimeOrder]
"""Who leads the battery: slot and energy at its start (kWh) in, the slot's order out."""

Foresight: TypeAlias = Callable[[int, int], tuple[Sequence[float], Sequence[float]]]
"""Demand and production (kW) of so many slots, as expected at the start of the first of them: (first, count)."""


Tell: TypeAlias = Callable[[int, float, float], None]
"""Who is told of each slot that was lived: slot, kW at the connection point, EUR it cost."""


def live(
    recording: Recording,
    battery: StorageInputs,
    lead: Lead,
    slots: range,
    *,
    limits_kw: tuple[float, float] = (-math.inf, math.inf),
    tell: Tell | None = None,
    bill: Bill | None = None,
) -> Outcome:
    """Return what these slots of a recording cost with this battery, led so. `bill` counts what prices do not say.

    The battery takes the connection point no further towards `limits_kw` than these, as control would have it.
    """
    hours = recording.slot_minutes / 60.0
    soc_kwh = battery.soc_kwh
    cost = co2 = imported = exported = peak = discharged = 0.0
    for slot in slots:
        net_kw = recording.demand_kw[slot] - recording.production_kw[slot]
        kw = power_kw(lead(slot, soc_kwh), net_kw, _now(battery, soc_kwh), hours * 3600.0)
        kw = min(max(kw, min(0.0, limits_kw[0] - net_kw)), max(0.0, limits_kw[1] - net_kw))
        one_way = battery.round_trip_efficiency**0.5
        soc_kwh += hours * (kw * one_way if kw > 0.0 else kw / one_way)
        discharged += hours * max(0.0, -kw)
        grid_kw = net_kw + kw
        peak = max(peak, grid_kw)
        imported += hours * max(grid_kw, 0.0)
        exported += hours * max(-grid_kw, 0.0)
        price = recording.import_eur_per_kwh[slot] if grid_kw > 0.0 else recording.export_eur_per_kwh[slot]
        eur = hours * grid_kw * price
        if bill is not None and bill.asks:
            eur += bill.charge(recording.at(slot), max(grid_kw, 0.0))
        cost += eur
        if recording.co2_eur_per_kwh:
            co2 += hours * max(grid_kw, 0.0) * recording.co2_eur_per_kwh[slot]
        if tell is not None:
            tell(slot, grid_kw, eur)
    return Outcome(
        cost_eur=cost,
        co2_eur=co2,
        import_kwh=imported,
        export_kwh=exported,
        peak_kw=peak,
        discharged_kwh=discharged,
        soc_kwh=soc_kwh,
    )


def idle(_slot: int, _soc_kwh: float) -> RegimeOrder:
    """Lead nowhere: the house as if it had no battery."""
    return RegimeOrder(Regime.HOLD)


def self_consumption(_slot: int, _soc_kwh: float) -> RegimeOrder:
    """Lead by the rule that every inverter knows: store what is left over, cover what is missing."""
    return RegimeOrder(Regime.BALANCE)


def planned(
    recording: Recording,
    battery: StorageInputs,
    foresight: Foresight,
    horizon: int,
    terms: Terms | None = None,
    bill: Bill | None = None,
) -> Lead:
    """Lead by a plan that is made anew at the start of each slot, with the prices known."""
    made = _plans(recording, battery, foresight, horizon, terms or Terms(), bill)

    def lead(slot: int, soc_kwh: float) -> RegimeOrder:
        return made(slot, soc_kwh).order

    return lead


def held(
    recording: Recording,
    battery: StorageInputs,
    foresight: Foresight,
    horizon: int,
    terms: Terms | None = None,
    bill: Bill | None = None,
) -> Lead:
    """Lead as the source writes it (spec ebr.md): the planned kW for the whole slot, whatever comes."""
    made = _plans(recording, battery, foresight, horizon, terms or Terms(), bill)

    def lead(slot: int, soc_kwh: float) -> RegimeOrder:
        grid_kw = recording.demand_kw[slot] - recording.production_kw[slot] + made(slot, soc_kwh).power_kw
        return RegimeOrder(Regime.LIMIT, band=GridBand(grid_kw, grid_kw))

    return lead


def _plans(
    recording: Recording,
    battery: StorageInputs,
    foresight: Foresight,
    horizon: int,
    terms: Terms,
    bill: Bill | None,
) -> Callable[[int, float], SlotDecision]:
    def made(slot: int, soc_kwh: float) -> SlotDecision:
        ahead = slice(slot, min(slot + horizon, recording.slots))
        demand_kw, production_kw = foresight(slot, ahead.stop - ahead.start)
        start = recording.at(slot)
        charges = Charges() if bill is None else bill.ahead(start, ahead.stop - ahead.start)
        problem = PlanInputs(
            slot_minutes=recording.slot_minutes,
            start=start,
            demand_kw=tuple(demand_kw),
            production_kw=tuple(production_kw),
            import_eur_per_kwh=charges.on(recording.import_eur_per_kwh[ahead]),
            export_eur_per_kwh=tuple(recording.export_eur_per_kwh[ahead]),
            co2_eur_per_kwh=tuple(recording.co2_eur_per_kwh[ahead]) if terms.counts_co2 else (),
            contract_min_kw=terms.contract_min_kw,
            contract_max_kw=terms.contract_max_kw,
            objective=terms.objective,
            peak_eur_per_kw=charges.peak_eur_per_kw,
            peak_so_far_kw=charges.peak_so_far_kw,
            blocks=charges.blocks,
            ess=replace(battery, soc_kwh=soc_kwh),
        )
        return plan(problem, reasons=False).ess[0]

    return made


def _now(battery: StorageInputs, soc_kwh: float) -> StorageNow:
    return StorageNow(
        min_rate_kw=battery.min_rate_kw,
        max_rate_kw=battery.max_rate_kw,
        soc=soc_kwh / battery.capacity_kwh,
        capacity_kwh=battery.capacity_kwh,
        reserve_share=battery.reserve_kwh / battery.capacity_kwh,
        round_trip_efficiency=battery.round_trip_efficiency,
    )
