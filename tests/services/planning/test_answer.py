"""An answer that can't be followed is refused in words; one that only is bad passes."""

from dataclasses import replace
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heg.model.plan import (
    Alternative,
    AlternativeKind,
    CostParts,
    Deferrable,
    DeferrablePlan,
    ExpectedEnergy,
    PlanInputs,
    PlanReply,
    PlanRequest,
    SlotDecision,
    VehicleInputs,
    Week,
    WeekSpan,
)
from heg.model.regimes import GridBand, Regime, RegimeOrder
from heg.planner.plan import plan
from heg.services.planning.answer import doubt
from tests.planner.houses import battery, car
from tests.planner.requests import BATTERY, flat_forecast, idle_plan, idle_reply, request

CAR = VehicleInputs(
    capacity_kwh=40.0, min_rate_kw=0.0, max_rate_kw=7.4, soc_kwh=20.0, plugged=(True, True, False, False)
)


def with_car() -> PlanRequest:
    asked = request()
    return replace(asked, problem=replace(asked.problem, pev=CAR))


def driving(reply: PlanReply, *powers_kw: float) -> PlanReply:
    plan = replace(
        reply.plan,
        pev=tuple(SlotDecision(kw) for kw in powers_kw),
        pev_soc_kwh=(20.0,) * 5,
        grid_kw=tuple(1.0 + kw for kw in powers_kw),
    )
    return replace(reply, plan=plan)


def deciding(**changes: Any) -> PlanReply:
    """The second slot's decision is changed, and the house's power with it."""
    reply = idle_reply(request())
    odd = replace(SlotDecision(), **changes)
    ess = (SlotDecision(), odd, SlotDecision(), SlotDecision())
    return replace(reply, plan=replace(reply.plan, ess=ess, grid_kw=tuple(1.0 + one.power_kw for one in ess)))


def planning(**changes: Any) -> PlanReply:
    reply = idle_reply(request())
    return replace(reply, plan=replace(reply.plan, **changes))


@pytest.mark.parametrize(
    ("band", "days", "wrong"),
    [
        ((6.0, 8.0, 9.0), 8, ""),
        ((9.0, 8.0, 9.0), 1, "in its band"),
        ((6.0, 8.0, inf), 1, "in its band"),
        ((0, 0, 0), 9, "8 days"),
    ],
)
def test_a_week_is_a_few_days_with_bands(band: tuple[float, float, float], days: int, wrong: str) -> None:
    low, kwh, high = band
    day = WeekSpan(request().problem.start, 24.0, ExpectedEnergy(kwh, low, high))
    found = doubt(request(), replace(idle_reply(request()), week=Week((day,) * days)))
    assert wrong in found
    assert bool(wrong) == bool(found)


OTHER = Alternative(storage="ess", kind=AlternativeKind.NOTHING, power_kw=0.0, cost_eur=1.0, more_eur=0.5)


@pytest.mark.parametrize(
    ("others", "asked", "wrong"),
    [
        ((OTHER,), True, ""),
        ((replace(OTHER, cost_eur=None, more_eur=None),), True, ""),
        ((OTHER,), False, "expected no alternatives, came 1"),
        ((OTHER, OTHER), True, "expected each alternative of a storage once"),
        ((replace(OTHER, storage="heater"),), True, "expected each alternative of a storage once"),
        ((replace(OTHER, more_eur=nan),), True, "expected finite figures of ess, nothing"),
    ],
)
def test_alternatives_are_those_that_were_asked_for(others: tuple[Alternative, ...], asked: bool, wrong: str) -> None:
    question = replace(request(), otherwise=asked)
    said = doubt(question, replace(idle_reply(question), otherwise=others))
    assert said.startswith(wrong)
    assert bool(said) is bool(wrong)


def test_a_sound_answer_raises_no_doubt() -> None:
    assert doubt(request(), idle_reply(request())) == ""
    assert doubt(with_car(), driving(idle_reply(request()), 7.4, 0.0, 0.0, 0.0)) == ""
    asked = request(with_forecast=True)
    forecast = flat_forecast(asked.forecast) if asked.forecast else None
    plan = idle_plan(replace(asked.problem, demand_kw=(1.0,) * 4))
    assert doubt(asked, PlanReply(id=1, plan=plan, forecast=forecast)) == ""


@pytest.mark.parametrize(
    "reply",
    [
        deciding(power_kw=5.0009),
        deciding(order=RegimeOrder(Regime.LIMIT, band=GridBand(-inf, 2.0), ends_at_soc=1.0)),
        planning(ess_soc_kwh=(4.0, 5.0, 10.0005, -0.0005, 0.0)),
    ],
)
def test_a_solver_s_tolerance_is_no_fault(reply: PlanReply) -> None:
    assert doubt(request(), reply) == ""


def test_a_battery_measured_out_of_its_bounds_starts_there() -> None:
    asked = request()
    asked = replace(asked, problem=replace(asked.problem, ess=replace(BATTERY, soc_kwh=10.4)))
    assert doubt(asked, planning(ess_soc_kwh=(10.4, 10.0, 10.0, 10.0, 10.0))) == ""
    assert "ess_soc_kwh" in doubt(asked, planning(ess_soc_kwh=(10.4, 10.6, 10.0, 10.0, 10.0)))


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (replace(idle_reply(request()), id=2), "request 1"),
        (planning(slot_minutes=30), "came 30 min"),
        (planning(demand_kw=(1.0,) * 3), "demand_kw of 4 values, came 3"),
        (planning(grid_kw=(1.0, nan, 1.0, 1.0)), "came nan in slot 1"),
        (planning(import_eur_per_kwh=(0.3, inf, 0.3, 0.3)), "came inf"),
        (planning(production_used_kw=(0.0,) * 2), "production_used_kw"),
        (planning(ess=()), "4 decisions for ess, came 0"),
        (planning(ess_soc_kwh=(4.0,) * 4), "ess_soc_kwh of 5 values"),
        (planning(ess_soc_kwh=(4.0, 4.0, 10.1, 4.0, 4.0)), "from 0 to 10, came 10.1"),
        (planning(pev=(SlotDecision(),)), "nothing of pev"),
        (planning(grid_kw=(1.0, 1.0, 1.0, 2.0)), "expected 1 kW at the connection point in slot 3, came 2"),
        (planning(cost=CostParts(wear_eur=nan)), "finite costs"),
        (deciding(power_kw=5.1), "ess in slot 1: expected -5 to 5 kW, came 5.1"),
        (deciding(power_kw=nan), "came nan"),
        (deciding(order=RegimeOrder(Regime.CHARGE, 6.0)), "at most 5 kW, came 6"),
        (deciding(order=RegimeOrder(Regime.LIMIT, band=GridBand(2.0, 1.0))), "band"),
        (deciding(order=RegimeOrder(Regime.LIMIT, band=GridBand(nan, 1.0))), "band"),
        (deciding(order=RegimeOrder(Regime.COVER, ends_at_soc=1.2)), "between 0 and 1"),
        (deciding(marginal_eur_per_kwh=inf), "finite prices"),
    ],
)
def test_nonsense_is_named(reply: PlanReply, said: str) -> None:
    assert said in doubt(request(), reply)


def test_a_car_that_is_away_is_not_charged() -> None:
    assert "not plugged, came 2 kW" in doubt(with_car(), driving(idle_reply(request()), 0.0, 0.0, 2.0, 0.0))


def test_a_forecast_that_was_asked_for_must_come_and_fit() -> None:
    asked = request(with_forecast=True)
    assert asked.forecast is not None
    sound = flat_forecast(asked.forecast)
    reply = PlanReply(id=1, plan=idle_plan(replace(asked.problem, demand_kw=(1.0,) * 4)), forecast=sound)
    assert "came none" in doubt(asked, replace(reply, forecast=None))
    upside_down = replace(sound, demand=replace(sound.demand, low_kw=(2.0,) * 4))
    assert "low to high" in doubt(asked, replace(reply, forecast=upside_down))
    short = replace(sound, production=replace(sound.demand, values_kw=(1.0,)))
    assert "forecast production.values_kw of 4 values" in doubt(asked, replace(reply, forecast=short))


SLOTS = 12
POWERS = st.lists(st.floats(0.0, 12.0), min_size=SLOTS, max_size=SLOTS).map(tuple)
PRICES = st.lists(st.floats(-0.2, 0.6), min_size=SLOTS, max_size=SLOTS).map(tuple)
HOUSES = st.builds(
    PlanInputs,
    slot_minutes=st.sampled_from((5, 15, 30, 60)),
    start=st.just(request().problem.start),
    demand_kw=POWERS,
    production_kw=st.just(()) | POWERS,
    production_curtailable=st.booleans(),
    import_eur_per_kwh=PRICES,
    export_eur_per_kwh=st.just(()) | PRICES,
    contract_min_kw=st.none() | st.floats(-12.0, 0.0),
    contract_max_kw=st.none() | st.floats(0.0, 12.0),
    ess=st.none() | st.builds(battery, soc_kwh=st.floats(-1.0, 11.0), reserve_kwh=st.floats(0.0, 5.0)),
    pev=st.none()
    | st.builds(
        lambda plugged, soc_kwh: car(SLOTS, plugged=plugged, soc_kwh=soc_kwh, target_kwh=30.0, target_slot=6),
        st.lists(st.booleans(), min_size=SLOTS, max_size=SLOTS).map(tuple),
        st.floats(0.0, 40.0),
    ),
    first_slot_share=st.floats(0.01, 1.0),
)


@settings(max_examples=60)
@given(HOUSES)
def test_no_plan_of_ours_raises_a_doubt(problem: PlanInputs) -> None:
    assert doubt(PlanRequest(id=1, problem=problem), PlanReply(id=1, plan=plan(problem))) == ""


def test_cycles_are_those_that_were_asked_for_and_part_of_the_house_s_power() -> None:
    asked = request()
    washing = Deferrable(name="washing machine", power_kw=(2.0,))
    asked = replace(asked, problem=replace(asked.problem, deferrable=(washing,)))
    run = DeferrablePlan(name="washing machine", power_kw=(0.0, 2.0, 0.0, 0.0))
    assert doubt(asked, planning(deferrable=(run,), grid_kw=(1.0, 3.0, 1.0, 1.0))) == ""
    assert "connection point in slot 1" in doubt(asked, planning(deferrable=(run,)))
    assert "washing machine, came none" in doubt(asked, planning())
    wild = replace(run, power_kw=(0.0, 9.0, 0.0, 0.0))
    assert "from 0 to 2" in doubt(asked, planning(deferrable=(wild,), grid_kw=(1.0, 10.0, 1.0, 1.0)))
    assert doubt(asked, reply=replace(idle_reply(asked), plan=plan(asked.problem))) == ""
