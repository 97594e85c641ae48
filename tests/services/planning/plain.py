"""A planner that a test reads at a glance: charges below 0.15 EUR/kWh, covers the house above 0.50, else waits."""

from __future__ import annotations

import asyncio

from heg.model.plan import (
    Degradation,
    Forecast,
    ForecastRequest,
    Plan,
    PlanInputs,
    PlanReply,
    PlanRequest,
    PlanStatus,
    SeriesForecast,
    SlotDecision,
    SlotReason,
    SlotReasonCode,
)
from heg.model.regimes import Regime, RegimeOrder


class PlainPlanner:
    """Satisfies `Planner`. `fails` stands in the place of the answer while it is set; `hangs` gives none at all;
    `asked` are the requests."""

    def __init__(self, demand_kw: float = 1.0, band_kw: float = 50.0) -> None:
        self.asked: list[PlanRequest] = []
        self.fails: Degradation | None = None
        self.hangs = False
        self.closed = 0
        self._demand_kw, self._band_kw = demand_kw, band_kw

    @property
    def last(self) -> PlanInputs:
        """The last problem."""
        return self.asked[-1].problem

    async def ask(self, request: PlanRequest, limit_s: float) -> PlanReply | Degradation:
        self.asked.append(request)
        if self.hangs:
            await asyncio.Event().wait()
        return self.fails if self.fails is not None else self.answer(request)

    async def close(self) -> None:
        self.closed += 1

    def answer(self, request: PlanRequest) -> PlanReply:
        assert request.forecast is not None
        return PlanReply(id=request.id, plan=self._plan(request.problem), forecast=self._forecast(request.forecast))

    def _plan(self, problem: PlanInputs) -> Plan:
        prices = problem.import_eur_per_kwh
        slots = len(prices)
        demand = problem.demand_kw or (self._demand_kw,) * slots
        production = problem.production_kw or (0.0,) * slots
        ess = problem.ess
        decisions = tuple(_decision(price, prices, ess.max_rate_kw) for price in prices) if ess is not None else ()
        pev = problem.pev
        car = RegimeOrder(Regime.CHARGE, pev.max_rate_kw if pev is not None else 0.0)
        return Plan(
            start=problem.start,
            slot_minutes=problem.slot_minutes,
            status=PlanStatus.DEGRADED if problem.degradations else PlanStatus.OPTIMAL,
            demand_kw=demand,
            production_kw=production,
            import_eur_per_kwh=prices,
            export_eur_per_kwh=problem.export_eur_per_kwh,
            co2_eur_per_kwh=problem.co2_eur_per_kwh,
            grid_kw=demand,
            ess=decisions,
            ess_soc_kwh=(ess.soc_kwh,) * (slots + 1) if ess is not None else (),
            pev=tuple(SlotDecision(order=car, power_kw=car.power_kw) for _ in range(slots)) if pev is not None else (),
            pev_soc_kwh=(pev.soc_kwh,) * (slots + 1) if pev is not None else (),
            degradations=problem.degradations,
        )

    def _forecast(self, asked: ForecastRequest) -> Forecast:
        flat = (self._demand_kw,) * asked.slots
        low, high = (tuple(value + by for value in flat) for by in (-self._band_kw, self._band_kw))
        return Forecast(
            start=asked.start,
            slot_minutes=asked.slot_minutes,
            demand=SeriesForecast(values_kw=flat, low_kw=low, high_kw=high),
        )


def _decision(price: float, prices: tuple[float, ...], rate_kw: float) -> SlotDecision:
    if min(prices) == max(prices):
        reason = SlotReason(SlotReasonCode.SELF_CONSUMPTION, "One price all day: self-consumption.")
        return SlotDecision(0.0, RegimeOrder(Regime.BALANCE), reason)
    if price < 0.15:
        reason = SlotReason(SlotReasonCode.CHEAP_NOW, f"Charges: {price:.2f} EUR/kWh now is cheap.")
        return SlotDecision(rate_kw, RegimeOrder(Regime.CHARGE, rate_kw), reason)
    if price > 0.50:
        reason = SlotReason(SlotReasonCode.DEAR_NOW, f"Covers the house: {price:.2f} EUR/kWh now is dear.")
        return SlotDecision(-1.0, RegimeOrder(Regime.COVER), reason)
    reason = SlotReason(SlotReasonCode.SAVE_FOR_LATER, "Waits for dearer hours.")
    return SlotDecision(0.0, RegimeOrder(Regime.HOLD), reason)
