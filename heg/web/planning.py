"""The plan in force as messages: in short for the live picture, whole for the chart. Pure reading of the image."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from heg.data.door import Door
from heg.model.capabilities import StorageCapability
from heg.model.cycles import CycleRecord
from heg.model.instance import ANY, Instance, Location
from heg.model.plan import Plan, SlotDecision
from heg.model.records import VehicleRecord
from heg.model.slots import Profile
from heg.runtime.clock import Clock
from heg.web.house import Home, Household
from heg.web.lacks import as_lacks
from heg.web.messages import bounded, iso
from heg.web.plan_messages import (
    CostOutlook,
    Decision,
    Expected,
    NextChange,
    PlannedCycle,
    PlannedStorage,
    PlanNow,
    PlanState,
    PlanWhole,
    PriceOutlook,
)

EXPECTED_HOURS = 6.0
MOST_SLOTS = 576
"""Two days of five minutes: what one answer may hold."""
_LONGEST = 400


class PlanView:
    """Reads the plan through the door and makes messages of it."""

    def __init__(self, door: Door, clock: Clock, home: Home) -> None:
        self._door = door
        self._clock = clock
        self._home = home

    def now(self) -> PlanNow | None:
        """The plan in short, as it stands in the slot that runs; None while there is none."""
        newest, plan = self._newest()
        if newest is None or plan is None or not plan.slots:
            return None
        now = self._clock.utc()
        at = min(max((now - plan.start) // plan.slot, 0), plan.slots - 1)
        return PlanNow(
            revision=newest.sequence,
            status=plan.status,
            age_s=self._age_s(newest),
            slot_minutes=plan.slot_minutes,
            ends_utc=iso(plan.start + plan.slots * plan.slot),
            storage=decision(plan, plan.ess, at),
            vehicle=decision(plan, plan.pev, at),
            prices=price_outlook(plan, at),
            expected=expected(plan, now),
            lacks=as_lacks(plan.degradations),
        )

    def whole(self) -> PlanState:
        """The plan in columns."""
        newest, plan = self._newest()
        told = None if newest is None or plan is None or not plan.slots else self._whole(newest, plan)
        return PlanState(planning=self._home.planning, plan=told)

    def _whole(self, newest: Instance, plan: Plan) -> PlanWhole:
        cost = plan.cost
        return PlanWhole(
            revision=newest.sequence,
            status=plan.status,
            age_s=self._age_s(newest),
            start_utc=iso(plan.start),
            step_s=plan.slot_minutes * 60,
            solve_ms=round(plan.solve_ms, 2),
            demand_kw=_kilowatts(plan.demand_kw),
            demand_low_kw=self._edge("profile.demand.low", plan),
            demand_high_kw=self._edge("profile.demand.high", plan),
            production_kw=_kilowatts(plan.production_kw),
            production_low_kw=self._edge("profile.production.low", plan),
            production_high_kw=self._edge("profile.production.high", plan),
            grid_kw=_kilowatts(plan.grid_kw),
            import_eur_per_kwh=_prices(plan.import_eur_per_kwh),
            export_eur_per_kwh=_prices(plan.export_eur_per_kwh),
            co2_eur_per_kwh=_prices(plan.co2_eur_per_kwh),
            storage=planned(plan.ess, plan.ess_soc_kwh, self._storage_kwh()),
            vehicle=planned(plan.pev, plan.pev_soc_kwh, self._vehicle_kwh()),
            cost=CostOutlook(
                total_eur=round(cost.total_eur, 4),
                energy_eur=round(cost.energy_eur, 4),
                co2_eur=round(cost.co2_eur, 4),
                wear_eur=round(cost.wear_eur, 4),
                outside_tube_eur=round(cost.outside_tube_eur, 4),
                target_eur=round(cost.target_eur, 4),
                end_value_eur=round(cost.end_value_eur, 4),
                peak_eur=round(cost.peak_eur, 4),
                blocks_eur=round(cost.blocks_eur, 4),
            ),
            lacks=as_lacks(plan.degradations),
            cycles=self._cycles(),
        )

    def _cycles(self) -> tuple[PlannedCycle, ...]:
        found = self._door.latest_all("cycle", Location(self._home.unit, ANY, ANY))
        records = (one.value for one in found if isinstance(one.value, CycleRecord) and one.value.active)
        return tuple(_cycle(one) for one in sorted(records, key=lambda one: one.name))

    def _newest(self) -> tuple[Instance | None, Plan | None]:
        newest = self._door.latest("plan", self._home.here)
        return newest, newest.value if newest is not None and isinstance(newest.value, Plan) else None

    def _age_s(self, one: Instance) -> int:
        return max(0, int(one.age_s(self._clock.monotonic_s())))

    def _edge(self, variable: str, plan: Plan) -> tuple[float, ...]:
        """The edge of a band over the plan's slots; empty where no band of this very forecast is known."""
        newest = self._door.latest(variable, self._home.here)
        profile = None if newest is None else newest.value
        if not isinstance(profile, Profile) or profile.slot_minutes != plan.slot_minutes:
            return ()
        cut = profile.cut(plan.start, plan.start + plan.slots * plan.slot)
        whole = cut.start == plan.start and len(cut.values) == plan.slots
        return _kilowatts(cut.values) if whole else ()

    def _storage_kwh(self) -> float:
        storages = Household.of(self._door, self._home.unit).storages
        return sum(
            capability.capacity_kwh
            for member in storages
            for capability in member.record.capabilities
            if isinstance(capability, StorageCapability)
        )

    def _vehicle_kwh(self) -> float:
        """Capacity of the car that is planned with: one that is plugged, known only where somebody said it."""
        records = [one.value for one in self._door.latest_all("vehicle", Location(self._home.unit, ANY, ANY))]
        known = [one.capacity_kwh for one in records if isinstance(one, VehicleRecord) and one.plugged]
        return known[0] or 0.0 if len(known) == 1 else 0.0


def decision(plan: Plan, decisions: Sequence[SlotDecision], at: int) -> Decision | None:
    """What the plan does with a storage in slot `at`; None where there is none."""
    if not 0 <= at < len(decisions):
        return None
    one = decisions[at]
    reason = one.reason
    return Decision(
        regime=one.order.regime,
        power_kw=bounded(one.power_kw) or 0.0,
        regime_kw=bounded(one.order.power_kw) or 0.0,
        ends_at_soc=bounded(one.order.ends_at_soc),
        reason=reason.code,
        text=reason.text[:_LONGEST],
        price_now=_price(reason.price_now_eur_per_kwh),
        price_later=_price(reason.price_later_eur_per_kwh),
        later_utc=None if reason.later is None else iso(reason.later),
        worth=_price(one.marginal_eur_per_kwh),
        binding=reason.binding[:64],
        binding_worth=_price(reason.shadow_eur_per_kwh) or 0.0,
        next=_next_change(plan, decisions, at),
    )


def price_outlook(plan: Plan, at: int) -> PriceOutlook:
    """Prices in slot `at`, and the extremes of what follows; a plan always has prices, assumed ones if need be."""
    ahead = plan.import_eur_per_kwh[at:] or (0.0,)
    low = min(range(len(ahead)), key=ahead.__getitem__)
    high = max(range(len(ahead)), key=ahead.__getitem__)
    export = plan.export_eur_per_kwh
    return PriceOutlook(
        import_now=_price(ahead[0]) or 0.0,
        export_now=_price(export[at]) or 0.0 if at < len(export) else 0.0,
        low=_price(ahead[low]) or 0.0,
        low_utc=iso(plan.start + (at + low) * plan.slot),
        high=_price(ahead[high]) or 0.0,
        high_utc=iso(plan.start + (at + high) * plan.slot),
    )


def expected(plan: Plan, now: datetime) -> Expected:
    """Energy that is forecast from `now` on, for some hours or as far as the plan reaches."""
    start = max(now, plan.start)
    end = min(start + timedelta(hours=EXPECTED_HOURS), plan.start + plan.slots * plan.slot)
    return Expected(
        hours=round(max((end - start) / timedelta(hours=1), 0.0), 1),
        demand_kwh=_energy(plan, plan.demand_kw, start, end),
        production_kwh=_energy(plan, plan.production_kw, start, end),
    )


def planned(decisions: Sequence[SlotDecision], soc_kwh: Sequence[float], capacity_kwh: float) -> PlannedStorage | None:
    """A storage's part of the plan in columns; None of none."""
    if not decisions:
        return None
    told = decisions[:MOST_SLOTS]
    return PlannedStorage(
        power_kw=_kilowatts([one.power_kw for one in told]),
        regime=tuple(str(one.order.regime) for one in told),
        reason=tuple(str(one.reason.code) for one in told),
        text=tuple(one.reason.text[:_LONGEST] for one in told),
        worth_eur_per_kwh=_prices([one.marginal_eur_per_kwh for one in told]),
        soc=tuple(round(one / capacity_kwh, 4) for one in soc_kwh[: MOST_SLOTS + 1]) if capacity_kwh > 0 else (),
    )


def _next_change(plan: Plan, decisions: Sequence[SlotDecision], at: int) -> NextChange | None:
    regime = decisions[at].order.regime
    for index in range(at + 1, len(decisions)):
        order = decisions[index].order
        if order.regime is not regime:
            power_kw = bounded(decisions[index].power_kw) or 0.0
            return NextChange(at_utc=iso(plan.start + index * plan.slot), regime=order.regime, power_kw=power_kw)
    return None


def _energy(plan: Plan, kilowatts: Sequence[float], start: datetime, end: datetime) -> float:
    """Energy of the slots between two times, of those at the edges their part."""
    slot_h = plan.slot_minutes / 60.0
    begins_h, ends_h = ((moment - plan.start).total_seconds() / 3600.0 for moment in (start, end))
    first, last = int(begins_h // slot_h), int(-(-ends_h // slot_h))
    return round(
        sum(
            kw * max(min(ends_h, (index + 1) * slot_h) - max(begins_h, index * slot_h), 0.0)
            for index, kw in enumerate(kilowatts[first:last], first)
        ),
        2,
    )


def _kilowatts(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(round(value, 3) + 0.0 for value in values[:MOST_SLOTS])


def _prices(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(round(value, 5) + 0.0 for value in values[:MOST_SLOTS])


def _price(value: float | None) -> float | None:
    return None if value is None else round(value, 5) + 0.0


def _cycle(record: CycleRecord) -> PlannedCycle:
    curve = record.curve
    return PlannedCycle(
        name=record.name,
        state=record.state,
        earliest_utc=iso(record.earliest),
        latest_utc=iso(record.latest),
        start_utc="" if record.planned_start is None else iso(record.planned_start),
        end_utc="" if record.planned_end is None else iso(record.planned_end),
        energy_kwh=round(sum(curve.power_kw) * curve.step_minutes / 60.0, 4),
        interruptible=curve.interruptible,
    )
