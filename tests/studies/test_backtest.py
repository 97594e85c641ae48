from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heg.model.plan import Objective, StorageInputs
from heg.studies import side_by_side
from heg.studies.backtest import Backtested, RunName, Study, cumulative_saving_eur, expected, lived
from heg.studies.closed_loop import Recording, Terms
from heg.studies.history import read_history
from heg.studies.part import read_expected, tell_expected
from heg.studies.side_by_side import PartError, backtested
from tests.studies.test_closed_loop import recording
from tests.support.recordings import RECORDINGS, needs_recordings

BATTERY = StorageInputs(capacity_kwh=8.0, min_rate_kw=-4.0, max_rate_kw=4.0, soc_kwh=0.0)
kw = st.floats(0.0, 6.0).map(lambda value: round(value, 2))
prices = st.floats(0.05, 0.6).map(lambda value: round(value, 3))


def home(days: int = 3) -> Recording:
    return replace(recording(days), co2_eur_per_kwh=(0.02,) * 24 * days)


def study(recording: Recording, **other: object) -> Study:
    made = Study(recording=recording, battery=BATTERY, first=0, slots=recording.slots, horizon=24)
    return replace(made, **other)  # type: ignore[arg-type]


def in_process(asked: Study) -> Backtested:
    return Backtested(study=asked, runs={name: lived(asked, name) for name in RunName})


@given(st.lists(st.tuples(kw, kw, prices, prices), min_size=1, max_size=60))
def test_without_a_battery_it_is_the_recordings_arithmetic(slots: list[tuple[float, float, float, float]]) -> None:
    demand, sun, buy, sell = zip(*slots, strict=True)
    recording = replace(
        home(), demand_kw=demand, production_kw=sun, import_eur_per_kwh=buy, export_eur_per_kwh=sell, co2_eur_per_kwh=()
    )
    asked = study(recording)
    run = lived(asked, RunName.NO_BATTERY)
    net = [used - made for used, made in zip(demand, sun, strict=True)]
    cost = sum(max(one, 0.0) * price for one, price in zip(net, buy, strict=True))
    cost -= sum(max(-one, 0.0) * price for one, price in zip(net, sell, strict=True))
    assert run.outcome.cost_eur == pytest.approx(cost, abs=1e-9)
    assert run.outcome.peak_kw == pytest.approx(max(0.0, *net, 0.0))
    assert run.outcome.discharged_kwh == run.outcome.soc_kwh == 0.0
    assert sum(run.daily_eur) == pytest.approx(cost, abs=1e-9)


@settings(max_examples=15)
@given(st.lists(st.tuples(kw, kw, prices), min_size=24, max_size=24), st.integers(1, 2))
def test_perfect_foresight_is_hardly_ever_worse_than_the_rule(
    day: list[tuple[float, float, float]], repeated: int
) -> None:
    demand, sun, buy = (series * repeated for series in zip(*day, strict=True))
    sell = tuple(0.8 * min(buy) for _ in buy)
    asked = study(replace(home(), demand_kw=demand, production_kw=sun, import_eur_per_kwh=buy, export_eur_per_kwh=sell))
    found = in_process(asked)
    turnover = sum(max(used - made, 0.0) * price for used, made, price in zip(demand, sun, buy, strict=True))
    # Plans value what is left by a rule of their own, and are cautious even when they need not be.
    worst = found.counted_eur(RunName.RULE) + 0.03 * turnover + 0.4 * BATTERY.capacity_kwh * max(buy)
    assert found.counted_eur(RunName.EBR_PERFECT) <= worst


def test_each_run_is_better_than_the_one_before() -> None:
    found = in_process(study(home(20), slots=18 * 24))
    costs = [found.cost_eur(name) for name in (RunName.NO_BATTERY, RunName.RULE, RunName.EBR)]
    assert costs == sorted(costs, reverse=True)
    assert found.share_of_perfect_saving == pytest.approx(1.0, abs=0.05)
    assert found.cycles(RunName.EBR) > 10.0
    saved = cumulative_saving_eur(found, RunName.RULE)
    assert len(saved) == 18
    assert saved[-1] == pytest.approx(
        found.runs[RunName.NO_BATTERY].outcome.cost_eur - found.runs[RunName.RULE].outcome.cost_eur
    )


def test_what_is_left_counts_the_same_for_all() -> None:
    found = in_process(study(home(2), slots=36))
    price = found.study.left_eur_per_kwh
    assert price == pytest.approx(0.9 * (12 * 0.2 + 24 * 0.4) / 36)
    for name in RunName:
        outcome = found.runs[name].outcome
        assert found.cost_eur(name) == pytest.approx(outcome.cost_eur - price * outcome.soc_kwh)
    assert found.runs[RunName.RULE].outcome.soc_kwh > 0.0


def test_the_contract_binds_the_battery() -> None:
    free = in_process(study(home()))
    bound = in_process(study(home(), terms=Terms(contract_max_kw=1.5, contract_min_kw=-10.0)))
    assert free.runs[RunName.EBR_PERFECT].outcome.peak_kw > 1.5
    assert bound.runs[RunName.EBR_PERFECT].outcome.peak_kw == pytest.approx(1.5, abs=1e-9)


def test_co2_counts_where_it_is_to_count() -> None:
    recording = replace(home(), co2_eur_per_kwh=((0.5,) * 6 + (0.01,) * 18) * 3)
    bill = in_process(study(recording))
    both = in_process(study(recording, terms=Terms(counts_co2=True)))
    only = in_process(study(recording, terms=Terms(counts_co2=True, objective=Objective.CO2)))
    co2 = [found.runs[RunName.EBR_PERFECT].outcome.co2_eur for found in (bill, both, only)]
    assert co2[0] > co2[1] >= co2[2] - 0.05
    assert both.saving_eur(RunName.EBR) == pytest.approx(
        both.cost_eur(RunName.NO_BATTERY)
        - both.cost_eur(RunName.EBR)
        + both.runs[RunName.NO_BATTERY].outcome.co2_eur
        - both.runs[RunName.EBR].outcome.co2_eur
    )


def test_side_by_side_is_the_same_and_told_of() -> None:
    asked = study(home(14), noise_seed=3)
    told: list[int] = []
    found = backtested(asked, told.append)
    assert found == in_process(asked)
    assert len(told) > 10
    assert sum(told) == 2 * asked.slots


def test_a_process_that_ends_early_is_said() -> None:
    broken = study(home(14), battery=replace(BATTERY, round_trip_efficiency=math.nan))
    with pytest.raises(PartError, match=r"its process ended with 1 before its work did: .*round_trip_efficiency"):
        backtested(broken)


def test_forecasts_that_end_early_are_said_and_not_the_run_that_lacks_them() -> None:
    broken = study(home(14), horizon=8 * 24 * 60)  # more than forecasts are made for
    broken = replace(broken, recording=home(8 * 60))
    with pytest.raises(PartError, match=r"expected: its process ended with 1 before its work did: .*ForecastError"):
        backtested(broken)


def test_forecasts_are_read_as_they_were_told(tmp_path: Path) -> None:
    asked = study(home(5), first=50, slots=70, noise_seed=2)
    with (tmp_path / "expected").open("w+b") as lines:
        tell_expected(asked, lines)
        lines.seek(0)
        read, own = read_expected(lines), expected(asked)
        for slot in asked.span:
            ahead = min(24, 120 - slot)
            assert [list(series) for series in read(slot, ahead)] == [list(series) for series in own(slot, ahead)]
        with pytest.raises(EOFError):
            read(120, 24)
        lines.seek(0)
        with pytest.raises(ValueError, match="expected forecasts of 24 slots from 51 on, came 24 from 50"):
            read(51, 24)


def test_when_it_is_broken_off_nothing_is_left_behind() -> None:
    class EnoughError(Exception):
        pass

    def stop(_slots: int) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        backtested(study(home(14)), stop)


@needs_recordings
def test_a_recorded_homes_week_is_near_what_perfect_foresight_makes_of_it() -> None:
    recording = read_history(RECORDINGS / "home_b_tou_60min.csv").recording
    found = in_process(study(recording, first=5000, slots=7 * 24, noise_seed=1))
    assert found.share_of_perfect_saving is not None
    assert 0.8 < found.share_of_perfect_saving <= 1.05
    assert found.saving_eur(RunName.RULE) < found.saving_eur(RunName.EBR)


assert side_by_side.FEW_SLOTS < 14 * 24, "the tests above are of processes"
