"""A plan on paper for the house on paper: what a slot loop would publish, through a real door."""

import math
from dataclasses import replace
from datetime import datetime, timedelta

from heg.data.door import Door
from heg.model import books
from heg.model.books import Tariff
from heg.model.instance import Location
from heg.model.plan import (
    CostParts,
    Degradation,
    DegradationCode,
    ExpectedEnergy,
    Plan,
    PlanStatus,
    SlotDecision,
    SlotReason,
    SlotReasonCode,
    Week,
    WeekSpan,
)
from heg.model.records import BooksRecord, HouseBooks, PlannedSlot
from heg.model.regimes import Regime, RegimeOrder
from heg.model.slots import Profile, slot_start
from tests.web.house import CAPACITY_KWH, load_kw, sun_kw

HERE = Location("home")
QUARTER = timedelta(minutes=15)
EXPORT = 0.08
NO_PRICES = Degradation(
    DegradationCode.PRICES_MISSING,
    "No prices are known: 0.30 EUR/kWh is assumed all day, so the storages serve self-consumption until prices come.",
)
YOUNG = Degradation(
    DegradationCode.HISTORY_SHORT,
    "Only 1 day of the house is known: its forecast is that of yesterday.",
)


def price(time: datetime) -> float:
    """Dear at breakfast and in the evening, below nothing at noon."""
    hour = time.hour + time.minute / 60.0
    morning = 0.12 * math.exp(-(((hour - 6.0) / 1.6) ** 2))
    evening = 0.19 * math.exp(-(((hour - 17.5) / 2.0) ** 2))
    noon = 0.19 * math.exp(-(((hour - 11.5) / 2.2) ** 2))
    return round(0.17 + morning + evening - noon, 4)


def forecast_load_kw(time: datetime) -> float:
    """The house as an earlier week knew it: the same, a little earlier and without its kettle."""
    return round(0.94 * load_kw(time + timedelta(minutes=20)), 3)


def forecast_sun_kw(time: datetime) -> float:
    return round(1.08 * sun_kw(time - timedelta(minutes=15)), 3)


def plan_from(start: datetime, *, slots: int = 96, soc: float = 0.4, minutes: int = 15, car: bool = False) -> Plan:
    """Charge where it costs least, cover where it costs most, serve the house in between."""
    slot = timedelta(minutes=minutes)
    times = [start + index * slot for index in range(slots)]
    decisions, stored, grid = [], [soc * CAPACITY_KWH], []
    for time in times:
        decision = _decided(time, stored[-1], minutes / 60.0)
        decisions.append(decision)
        stored.append(min(CAPACITY_KWH, max(1.0, stored[-1] + decision.power_kw * minutes / 60.0)))
        grid.append(forecast_load_kw(time) - forecast_sun_kw(time) + decision.power_kw)
    return Plan(
        start=start,
        slot_minutes=minutes,
        status=PlanStatus.OPTIMAL,
        demand_kw=tuple(map(forecast_load_kw, times)),
        production_kw=tuple(map(forecast_sun_kw, times)),
        import_eur_per_kwh=tuple(map(price, times)),
        export_eur_per_kwh=(EXPORT,) * slots,
        co2_eur_per_kwh=(0.02,) * slots,
        grid_kw=tuple(grid),
        production_used_kw=tuple(map(forecast_sun_kw, times)),
        ess=tuple(decisions),
        pev=tuple(map(_driven, times)) if car else (),
        ess_soc_kwh=tuple(stored),
        cost=CostParts(energy_eur=1.27, co2_eur=0.11, wear_eur=0.03, end_value_eur=-0.4),
        solve_ms=7.4,
    )


def degraded(plan: Plan, *lacks: Degradation) -> Plan:
    """Without prices: the flat one that is assumed then, and plain self-consumption."""
    reason = SlotReason(SlotReasonCode.SELF_CONSUMPTION, "Follows the house.", price_now_eur_per_kwh=0.3)
    return replace(
        plan,
        status=PlanStatus.DEGRADED,
        degradations=lacks or (NO_PRICES, YOUNG),
        import_eur_per_kwh=(0.3,) * plan.slots,
        ess=tuple(replace(one, order=RegimeOrder(Regime.BALANCE), reason=reason) for one in plan.ess),
    )


def publish(door: Door, plan: Plan) -> None:
    """Say it as the slot loop does."""
    door.write("plan", HERE, plan)
    bands = (
        ("profile.demand", plan.demand_kw, 0.75, 1.35),
        ("profile.production", plan.production_kw, 0.7, 1.2),
    )
    for name, values, low, high in bands:
        for suffix, factor in (("", 1.0), (".low", low), (".high", high)):
            scaled = tuple(round(value * factor, 3) for value in values)
            door.write(name + suffix, HERE, Profile(plan.start, plan.slot_minutes, scaled))
    door.write("plan.slot", HERE, planned_slot(plan), time=plan.start)


def week_from(now: datetime, *, known_days: float = 35.0) -> Week:
    """Sunny and dull days in turn, the rest of today first."""
    midnight = now.replace(hour=22, minute=0, second=0, microsecond=0) - timedelta(days=now.hour < 22)
    days = []
    for index in range(8):
        start = max(now, midnight + timedelta(days=index))
        hours = (min(midnight + timedelta(days=index + 1), now + timedelta(days=7)) - start) / timedelta(hours=1)
        sun = (28.0, 11.0, 19.0)[index % 3] * hours / 24
        demand = ExpectedEnergy(14.2 * hours / 24, 11.0 * hours / 24, 18.9 * hours / 24)
        days.append(WeekSpan(start, hours, demand, ExpectedEnergy(sun, 0.4 * sun, 1.3 * sun)))
    young = () if known_days > 3 else (YOUNG,)
    return Week(tuple(days), known_days=known_days, degradations=young)


def remember(door: Door, now: datetime, *, hours: int = 24) -> None:
    """What each slot of the past had been planned."""
    slot = slot_start(now, QUARTER)
    plan = plan_from(slot - timedelta(hours=hours), slots=hours * 4, soc=0.35)
    for index in range(plan.slots):
        time = plan.start + index * QUARTER
        one = replace(
            plan_from(time, slots=1),
            ess=(plan.ess[index],),
            ess_soc_kwh=plan.ess_soc_kwh[index : index + 2],
            grid_kw=(plan.grid_kw[index],),
        )
        door.write("plan.slot", HERE, planned_slot(one), time=time)


def book(door: Door, now: datetime, *, priced: bool = True) -> None:
    """Today and the month so far, as accounting would have booked them."""
    hours = now.hour + now.minute / 60.0
    days = now.day - 1 + hours / 24.0
    known = Tariff(0.21, EXPORT, 0.02, 1.0, stored_eur_per_kwh=0.2) if priced else Tariff()
    for name, start, factor in (
        ("books.today", now.replace(hour=0, minute=0), hours / 24.0),
        ("books.this_month", now.replace(day=1, hour=0, minute=0), days),
    ):
        door.write(name, HERE, books.priced(_books(factor), known), time=start)


def _books(days: float) -> BooksRecord:
    return BooksRecord(
        minutes=days * 1440.0,
        demand_kwh=19.0 * days,
        production_kwh=26.0 * days,
        charged_kwh=8.3 * days,
        discharged_kwh=7.6 * days,
        vehicle_kwh=0.0,
        actual=HouseBooks(2.2 * days, 8.9 * days, 0.0, 0.0, 3.1, 7.6 * days, 7.4, 0.6),
        no_battery=HouseBooks(11.3 * days, 18.2 * days, 0.0, 0.0, 4.4),
        rule=HouseBooks(3.8 * days, 10.2 * days, 0.0, 0.0, 4.0, 6.9 * days, 7.0, 0.2),
        self_consumption=0.66,
        cycles=0.79 * days,
        priced_share=0.0,
        metered_share=1.0,
    )


def planned_slot(plan: Plan) -> PlannedSlot:
    decision = plan.ess[0]
    return PlannedSlot(
        slot_minutes=plan.slot_minutes,
        demand_kw=plan.demand_kw[0],
        production_kw=plan.production_kw[0],
        grid_kw=plan.grid_kw[0],
        ess_kw=decision.power_kw,
        pev_kw=None,
        ess_regime=str(decision.order.regime),
        pev_regime="",
        ess_soc=plan.ess_soc_kwh[0] / CAPACITY_KWH,
        import_eur_per_kwh=plan.import_eur_per_kwh[0],
        export_eur_per_kwh=plan.export_eur_per_kwh[0],
        co2_eur_per_kwh=plan.co2_eur_per_kwh[0],
        status=str(plan.status),
        reason=str(decision.reason.code),
        text=decision.reason.text,
        degradations=tuple(str(one.code) for one in plan.degradations),
    )


def _driven(time: datetime) -> SlotDecision:
    """The car waits for the small hours."""
    night = time.replace(hour=1, minute=0)
    if 1 <= time.hour < 4:
        reason = SlotReason(SlotReasonCode.CHEAP_NOW, "Charges while it is cheap.", price_now_eur_per_kwh=price(time))
        return SlotDecision(5.5, RegimeOrder(Regime.CHARGE, 5.5, ends_at_soc=0.8), reason, 0.17)
    later = night if night > time else night + timedelta(days=1)
    reason = SlotReason(
        SlotReasonCode.SAVE_FOR_LATER,
        "Waits.",
        price_now_eur_per_kwh=price(time),
        price_later_eur_per_kwh=price(later),
        later=later,
    )
    return SlotDecision(0.0, RegimeOrder(Regime.HOLD), reason, 0.17)


def _decided(time: datetime, stored_kwh: float, hours: float) -> SlotDecision:
    net_kw, now = forecast_load_kw(time) - forecast_sun_kw(time), price(time)
    room_kw, left_kw = (CAPACITY_KWH - stored_kwh) / hours, (stored_kwh - 1.0) / hours
    dear = time.replace(hour=17, minute=30)
    later = dear if dear > time else dear + timedelta(days=1)
    if now < 0.045 and room_kw > 0.1:
        power_kw = min(3.2, room_kw)
        reason = SlotReason(
            SlotReasonCode.CHEAP_NOW,
            f"Charges {power_kw:.2f} kW: a kWh costs {now:.3f} EUR now, {price(later):.3f} EUR later.",
            price_now_eur_per_kwh=now,
            price_later_eur_per_kwh=price(later),
            later=later,
            binding="contract_max" if time.hour == 11 else "",
            shadow_eur_per_kwh=0.021 if time.hour == 11 else 0.0,
        )
        return SlotDecision(
            power_kw, RegimeOrder(Regime.CHARGE, power_kw, ends_at_soc=1.0), reason, price(later) * 0.95
        )
    if now > 0.2:
        power_kw = -max(0.0, min(net_kw, left_kw, 5.0))
        reason = SlotReason(
            SlotReasonCode.COVER_LOAD,
            f"Covers the house, {-power_kw:.2f} kW: bought a kWh would cost {now:.3f} EUR now.",
            price_now_eur_per_kwh=now,
        )
        return SlotDecision(power_kw, RegimeOrder(Regime.COVER), reason, 0.19)
    if net_kw > 0:
        reason = SlotReason(
            SlotReasonCode.SAVE_FOR_LATER,
            f"Saves its energy: a kWh costs {now:.3f} EUR now, {price(later):.3f} EUR later.",
            price_now_eur_per_kwh=now,
            price_later_eur_per_kwh=price(later),
            later=later,
        )
        return SlotDecision(0.0, RegimeOrder(Regime.HOLD), reason, 0.21)
    noon = time.replace(hour=11, minute=30)
    if time < noon:
        reason = SlotReason(
            SlotReasonCode.ROOM_FOR_LATER,
            f"Keeps room: surplus sold now brings {EXPORT:.3f} EUR a kWh.",
            price_now_eur_per_kwh=EXPORT,
            price_later_eur_per_kwh=price(noon),
            later=noon,
        )
        return SlotDecision(0.0, RegimeOrder(Regime.HOLD), reason, 0.03)
    power_kw = min(-net_kw, room_kw, 5.0)
    reason = SlotReason(
        SlotReasonCode.STORE_SURPLUS,
        f"Stores surplus, {power_kw:.2f} kW: sold it would bring {EXPORT:.3f} EUR a kWh now.",
        price_now_eur_per_kwh=EXPORT,
        price_later_eur_per_kwh=price(later),
        later=later,
    )
    return SlotDecision(power_kw, RegimeOrder(Regime.ABSORB), reason, 0.2)
