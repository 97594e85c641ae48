from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from heg.model.plan import ForecastRequest, PlanInputs, PlanRequest, SeriesHistory, Site, StorageInputs
from heg.model.regimes import Regime, RegimeOrder
from heg.planner.answering import Answerer
from heg.planner.forecast import forecast
from heg.planner.otherwise import otherwise
from heg.planner.plan import plan
from heg.studies.closed_loop import Recording, held, idle, live, planned, self_consumption
from heg.studies.foresight import own, perfect, with_noisy_sun, yesterday

BATTERY = StorageInputs(capacity_kwh=10.0, min_rate_kw=-5.0, max_rate_kw=5.0, soc_kwh=0.0, round_trip_efficiency=0.81)


def recording(days: int = 3) -> Recording:
    sun = [max(0.0, 4.0 * math.sin(math.pi * (hour - 6) / 12)) for hour in range(24)] * days
    return Recording(
        start=datetime(2024, 6, 1, tzinfo=UTC),
        slot_minutes=60,
        demand_kw=(0.8,) * 24 * days,
        production_kw=tuple(sun),
        import_eur_per_kwh=((0.20,) * 6 + (0.40,) * 18) * days,
        export_eur_per_kwh=(0.05,) * 24 * days,
    )


def test_without_battery_every_kwh_is_bought_and_sold_as_it_comes() -> None:
    home = Recording(
        start=datetime(2024, 6, 1, tzinfo=UTC),
        slot_minutes=30,
        demand_kw=(2.0, 0.0),
        production_kw=(0.0, 3.0),
        import_eur_per_kwh=(0.30, 0.30),
        export_eur_per_kwh=(0.10, 0.10),
        co2_eur_per_kwh=(0.02, 0.02),
    )
    lived = live(home, BATTERY, idle, range(2))
    assert (lived.import_kwh, lived.export_kwh, lived.peak_kw) == (1.0, 1.5, 2.0)
    assert lived.cost_eur == pytest.approx(0.30 - 0.15)
    assert lived.co2_eur == pytest.approx(0.02)


def test_the_rule_stores_surplus_with_its_loss() -> None:
    home = recording(1)
    lived = live(home, BATTERY, self_consumption, range(10, 12))
    surplus_kwh = sum(home.production_kw[10:12]) - 1.6
    assert lived.soc_kwh == pytest.approx(0.9 * surplus_kwh)
    assert lived.export_kwh == 0.0


def test_a_plan_that_knows_what_comes_beats_the_rule_and_the_rule_beats_nothing() -> None:
    home, slots = recording(), range(48)
    nothing = live(home, BATTERY, idle, slots).valued_eur(0.2)
    rule = live(home, BATTERY, self_consumption, slots).valued_eur(0.2)
    lead = planned(home, BATTERY, perfect(home), 24)
    assert live(home, BATTERY, lead, slots).valued_eur(0.2) < rule < nothing


def test_a_noisy_sun_errs_the_same_each_time_and_not_much_on_average() -> None:
    home = recording(30)
    noisy = with_noisy_sun(home, perfect(home), seed=1)
    assert noisy(10, 30)[1][5] == noisy(15, 3)[1][0]
    assert noisy(10, 30)[0] == perfect(home)(10, 30)[0]
    ratio = sum(noisy(0, 720)[1]) / sum(home.production_kw)
    assert ratio == pytest.approx(1.0, abs=0.15)
    assert ratio != 1.0


def test_own_forecasts_of_a_steady_home_are_what_it_does() -> None:
    home = recording(21)
    demand_kw, production_kw = own(home, Site())(20 * 24, 24)
    assert demand_kw == pytest.approx((0.8,) * 24, abs=0.1)
    assert production_kw == pytest.approx(home.production_kw[-24:], abs=0.5)


def test_a_held_plan_keeps_its_kw_whatever_comes() -> None:
    home = recording()
    foresight = yesterday(home)
    follows = live(home, BATTERY, planned(home, BATTERY, foresight, 24), range(24, 48))
    holds = live(home, BATTERY, held(home, BATTERY, foresight, 24), range(24, 48))
    assert holds.valued_eur(0.2) == pytest.approx(follows.valued_eur(0.2), abs=0.3)  # each day is as the one before
    restless = replace(home, demand_kw=tuple(0.8 + (-1) ** hour * 0.7 for hour in range(72)))
    follows = live(restless, BATTERY, planned(restless, BATTERY, yesterday(home), 24), range(24, 48))
    holds = live(restless, BATTERY, held(restless, BATTERY, yesterday(home), 24), range(24, 48))
    assert follows.valued_eur(0.2) < holds.valued_eur(0.2) - 0.2


def test_tomorrow_is_like_today_for_who_knows_no_better() -> None:
    home = replace(recording(2), demand_kw=tuple(float(hour) for hour in range(48)))
    demand_kw, production_kw = yesterday(home)(30, 30)
    assert list(demand_kw[:26]) == [float(hour) for hour in range(6, 30)] + [6.0, 7.0]
    assert list(production_kw[:18]) == list(home.production_kw[6:24])
    assert set(yesterday(home)(0, 24)[0]) == {0.0}


def test_the_battery_does_not_pass_the_contract() -> None:
    home = recording(1)
    lived = live(home, BATTERY, lambda *_: RegimeOrder(Regime.CHARGE, 5.0), range(4), limits_kw=(-1.0, 2.0))
    assert lived.peak_kw == pytest.approx(2.0)
    full = replace(BATTERY, soc_kwh=10.0)
    lived = live(home, full, lambda *_: RegimeOrder(Regime.DISCHARGE, 5.0), range(2), limits_kw=(-1.0, 2.0))
    assert lived.export_kwh == pytest.approx(2.0)


@pytest.mark.parametrize("slot", [0, 30, 300, 13 * 24])
def test_a_study_does_what_the_gateways_planner_answers(slot: int) -> None:
    """A request with history, as the slot loop sends it, against the study's shorter way to the same order."""
    home, chance = recording(14), random.Random(slot)
    home = replace(home, demand_kw=tuple(0.3 + chance.expovariate(1.5) for _ in home.demand_kw))
    start, ahead = home.start + slot * timedelta(hours=1), slice(slot, slot + 24)

    def history(series: Sequence[float]) -> SeriesHistory:
        return SeriesHistory(slot_minutes=60, end=start, values_kw=tuple(series[:slot]))

    for soc_kwh in (0.0, 1.7, 6.2, 10.0):
        answer = Answerer(forecast=forecast, plan=plan, otherwise=otherwise, now_s=lambda: 0.0)(
            PlanRequest(
                id=1,
                problem=PlanInputs(
                    slot_minutes=60,
                    start=start,
                    demand_kw=(),
                    import_eur_per_kwh=tuple(home.import_eur_per_kwh[ahead]),
                    export_eur_per_kwh=tuple(home.export_eur_per_kwh[ahead]),
                    ess=replace(BATTERY, soc_kwh=soc_kwh),
                ),
                forecast=ForecastRequest(
                    start=start,
                    slot_minutes=60,
                    slots=24,
                    demand=history(home.demand_kw),
                    production=history(home.production_kw),
                ),
            )
        )
        assert planned(home, BATTERY, own(home, Site()), 24)(slot, soc_kwh) == answer.plan.ess[0].order
