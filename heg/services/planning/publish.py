"""What the slot loop says: the plan and its parts as instances, and one claim for each actuator of the running slot.

A claim ends by itself a little after its slot, on the monotonic clock: neither a step of the wall clock nor the death
of this loop leaves one standing. Records are kept short, for they end on flash.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from heg.data.door import Door
from heg.model.instance import Location
from heg.model.leases import Claim, Claimant, Reason, ReasonCode
from heg.model.plan import Forecast, Plan, SeriesForecast, SlotDecision, SlotReason
from heg.model.records import PlannedSlot
from heg.model.regimes import Regime, RegimeOrder
from heg.model.slots import Profile
from heg.services.planning.settings import PlanningSettings
from heg.services.planning.standing import Standing
from heg.services.planning.storages import apportioned

PART = "plan"
_ENDED_S = 1e-3
_SAME_S = 5.0
_WHOLE_SLOTS = 288
_TOLD_SLOTS = 96
"""The `plan` record holds so many slots, and sentences for so many of them: it is one message of bounded size."""


class Publisher:
    """Writes through the door. Remembers whom it has claimed, so that what is over is taken back."""

    def __init__(self, door: Door, settings: PlanningSettings) -> None:
        self._door, self._settings = door, settings
        self._here = Location(settings.unit)
        self._claimed: dict[str, tuple[Claim, float]] = {}
        self._begun: datetime | None = None

    def publish(self, stands: Standing, now_s: float, now: datetime) -> None:
        """Say what stands at `now`: the plan, its profiles and claims; the slot's record once, when it begins."""
        plan = stands.plan
        self._door.write("plan", self._here, _bounded(plan))
        if stands.good:
            self._profiles(stands)  # what was said of an older plan or of none need not be said again
        at = plan.index(now)
        if at is None:
            self.withdraw()
            return
        if self._begun != (slot := plan.start + at * plan.slot):
            self._begun = slot
            self._door.write("plan.slot", self._here, _planned_slot(plan, at, stands), time=slot)
        if stands.rule:
            self.withdraw()
            return
        self._claims(stands, at, now_s, now)

    def withdraw(self, names: Iterable[str] | None = None) -> None:
        """Take back the claims on these devices, or all: what holds then is control's idle rule."""
        for name in sorted(tuple(self._claimed) if names is None else names):
            reason = Reason(ReasonCode.RELEASED, "The plan asks nothing of it.")
            self._write(name, Claim(Claimant.PLAN, reason, _ENDED_S))
            self._claimed.pop(name, None)

    def _claims(self, stands: Standing, at: int, now_s: float, now: datetime) -> None:
        plan = stands.plan
        left_s = (plan.start + (at + 1) * plan.slot - now).total_seconds()
        valid_s = min(max(left_s, 0.0), plan.slot.total_seconds()) + self._settings.margin_s
        claims: dict[str, Claim] = {}
        if plan.ess:
            decision = plan.ess[at]
            for name, order in apportioned(decision.order, stands.members).items():
                claims[name] = Claim(Claimant.PLAN, _reason(decision), valid_s, order=order)
        if plan.pev and stands.charger:
            decision = plan.pev[at]
            order = _until_enough(decision.order, stands.enough)
            claims[stands.charger] = Claim(Claimant.PLAN, _reason(decision), valid_s, order=order)
        self.withdraw(self._claimed.keys() - claims.keys())
        for name, claim in claims.items():
            self._claim(name, claim, now_s + valid_s)

    def _claim(self, name: str, claim: Claim, until_s: float) -> None:
        """A claim is committed to disk at once: the same word until the same moment is not repeated."""
        before = self._claimed.get(name)
        if before is not None and abs(before[1] - until_s) < _SAME_S:
            same = (before[0].order, before[0].reason) == (claim.order, claim.reason)
            if same:
                return
        self._write(name, claim)
        self._claimed[name] = (claim, until_s)

    def _write(self, name: str, claim: Claim) -> None:
        self._door.write("claim", Location(self._settings.unit, name, PART), claim)

    def _profiles(self, stands: Standing) -> None:
        plan = stands.plan
        self._profile("profile.plan", plan, plan.grid_kw)
        if plan.ess:
            self._profile("profile.plan.storage", plan, [one.power_kw for one in plan.ess])
            capacity = sum(one.capability.capacity_kwh for one in stands.members)
            if capacity > 0:
                self._profile("profile.plan.soc", plan, [one / capacity for one in plan.ess_soc_kwh[: plan.slots]])
        if plan.pev:
            self._profile("profile.plan.vehicle", plan, [one.power_kw for one in plan.pev])
        forecast = stands.forecast
        if forecast is not None:
            self._forecast("profile.demand", forecast, forecast.demand)
            if forecast.production is not None:
                self._forecast("profile.production", forecast, forecast.production)

    def _forecast(self, variable: str, forecast: Forecast, series: SeriesForecast) -> None:
        parts = ((variable, series.values_kw), (f"{variable}.low", series.low_kw), (f"{variable}.high", series.high_kw))
        for name, values in parts:
            rounded = tuple(round(value, 3) for value in values)
            self._door.write(name, self._here, Profile(forecast.start, forecast.slot_minutes, rounded))

    def _profile(self, variable: str, plan: Plan, values: Sequence[float]) -> None:
        rounded = tuple(round(value, 3) for value in values)
        self._door.write(variable, self._here, Profile(plan.start, plan.slot_minutes, rounded))


def _until_enough(order: RegimeOrder, enough: float | None) -> RegimeOrder:
    """A charger's least power may bring more than the rest of the need within a slot: it ends where that is met."""
    if order.regime is not Regime.CHARGE or order.ends_at_soc is not None:
        return order
    return replace(order, ends_at_soc=enough)


def _reason(decision: SlotDecision) -> Reason:
    text = decision.reason.text or f"The plan says {decision.order.regime}: {decision.reason.code.replace('_', ' ')}."
    return Reason(ReasonCode.PLAN, text[:400])


def _planned_slot(plan: Plan, at: int, stands: Standing) -> PlannedSlot:
    ess = plan.ess[at] if plan.ess else None
    pev = plan.pev[at] if plan.pev else None
    told = ess or pev
    capacity_kwh = sum(one.capability.capacity_kwh for one in stands.members)
    soc = plan.ess_soc_kwh[at] / capacity_kwh if ess is not None and capacity_kwh > 0 else None
    return PlannedSlot(
        slot_minutes=plan.slot_minutes,
        demand_kw=round(plan.demand_kw[at], 3),
        production_kw=round(_at(plan.production_kw, at), 3),
        grid_kw=round(_at(plan.grid_kw, at), 3),
        ess_kw=None if ess is None else round(ess.power_kw, 3),
        pev_kw=None if pev is None else round(pev.power_kw, 3),
        ess_regime="" if ess is None else str(ess.order.regime),
        pev_regime="" if pev is None else str(pev.order.regime),
        ess_soc=None if soc is None else round(soc, 4),
        import_eur_per_kwh=_price(plan.import_eur_per_kwh, at),
        export_eur_per_kwh=_price(plan.export_eur_per_kwh, at),
        co2_eur_per_kwh=_price(plan.co2_eur_per_kwh, at),
        status=str(plan.status),
        reason="" if told is None else str(told.reason.code),
        text="" if told is None else told.reason.text[:200],
        degradations=tuple(dict.fromkeys(str(one.code) for one in plan.degradations)),
    )


def _at(values: Sequence[float], at: int) -> float:
    return values[at] if at < len(values) else 0.0


def _price(values: Sequence[float], at: int) -> float | None:
    return round(values[at], 5) if at < len(values) else None


def _bounded(plan: Plan) -> Plan:
    """Return the plan as one message: at most so many slots, rounded, and sentences for the nearer of them."""
    ess, pev = (tuple(map(_short, range(_WHOLE_SLOTS), one)) for one in (plan.ess, plan.pev))

    def cut(values: tuple[float, ...], more: int = 0) -> tuple[float, ...]:
        return tuple(round(value, 4) for value in values[: _WHOLE_SLOTS + more])

    return replace(
        plan,
        demand_kw=cut(plan.demand_kw),
        production_kw=cut(plan.production_kw),
        import_eur_per_kwh=cut(plan.import_eur_per_kwh),
        export_eur_per_kwh=cut(plan.export_eur_per_kwh),
        co2_eur_per_kwh=cut(plan.co2_eur_per_kwh),
        grid_kw=cut(plan.grid_kw),
        production_used_kw=cut(plan.production_used_kw),
        ess=ess,
        ess_soc_kwh=cut(plan.ess_soc_kwh, 1),
        pev=pev,
        pev_soc_kwh=cut(plan.pev_soc_kwh, 1),
        deferrable=tuple(replace(one, power_kw=cut(one.power_kw)) for one in plan.deferrable),
    )


def _short(at: int, decision: SlotDecision) -> SlotDecision:
    reason = decision.reason
    if at >= _TOLD_SLOTS:
        reason = SlotReason(reason.code)
    return replace(
        decision,
        power_kw=round(decision.power_kw, 4),
        order=replace(decision.order, power_kw=round(decision.order.power_kw, 4)),
        reason=reason,
        marginal_eur_per_kwh=round(decision.marginal_eur_per_kwh, 5),
    )
