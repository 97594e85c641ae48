"""Emulated `balance` through meter age and inverter lag (DESIGN.md, Two clocks 5)."""

from collections.abc import Callable, Sequence

from bench.rows import Row
from tests.control.days import day_load_kw, restless_hours_kw, rig_day_kw
from tests.control.delayed_plant import (
    Moment,
    Plant,
    balanced,
    knowing,
    missed_share,
    naive,
    played,
    wrong_way_share,
)
from tests.control.test_tracker import STEP_AT_S, overshoot, settled_after_s, step_answer, swing_kw

AGES_S = (0.5, 1.0, 2.0, 3.0)
LAGS_S = (0.0, 0.5, 2.0, 5.0)
DESIGN = Plant(1.0, 2.0)
COARSE_S = 0.25


def run() -> list[Row]:
    """The design's point, the worst of the grid of ages and lags, days against laws that know less and more."""
    return [*_steps(), *_older_meters(), *_days()]


def _steps() -> list[Row]:
    design = step_answer(DESIGN)
    grid = [(age_s, lag_s, step_answer(Plant(age_s, lag_s))) for age_s in AGES_S for lag_s in LAGS_S]
    slack_s = min(2.0 + age_s + 4 * lag_s - settled_after_s(answer) for age_s, lag_s, answer in grid)
    swing = max(swing_kw(answer, STEP_AT_S + 60) for *_, answer in grid)
    return [
        Row("3 kW step settles, age 1 s, lag 2 s", settled_after_s(design), "s", "band 60 W", 10.0),
        Row("overshoot, age 1 s, lag 2 s", overshoot(design), "share", "", 0.15),
        Row("least slack to 2 s + age + 4 lag", slack_s, "s", "ages 0.5-3 s, lags 0-5 s", 0.0, at_most=False),
        Row("largest overshoot", max(overshoot(answer) for *_, answer in grid), "share", "same grid", 0.15),
        Row("largest swing after a minute", swing, "kW", "same grid, 10 min", 0.06),
    ]


def _older_meters() -> list[Row]:
    late = [step_answer(Plant(age_s, lag_s)) for age_s in (5.0, 7.0, 10.0) for lag_s in (0.0, 0.5, 2.0)]
    swing = max(swing_kw(answer, STEP_AT_S + 200) for answer in late)
    return [Row("swing once an older meter is found out", swing, "kW", "ages 5-10 s, after 200 s", 0.06)]


def _days() -> list[Row]:
    restless = restless_hours_kw(3)
    rows = [
        _wrong_way("a day of the rig's home", rig_day_kw(), Plant(1.0, 2.0, dt_s=COARSE_S), 0.02),
        _wrong_way("a day of steps and clouds", day_load_kw(1), Plant(1.0, 2.0, dt_s=COARSE_S), 0.02),
    ]
    for age_s, lag_s in ((0.5, 0.0), (3.0, 0.0), (0.5, 5.0), (3.0, 5.0)):
        plant = Plant(age_s, lag_s, dt_s=COARSE_S)
        rows.append(_wrong_way(f"the rig's day, age {age_s:g} s, lag {lag_s:g} s", rig_day_kw(), plant))
    for age_s, lag_s in ((1.0, 2.0), (3.0, 2.0)):
        rows += _compared(
            f"2 restless hours, age {age_s:g} s, lag {lag_s:g} s", restless, Plant(age_s, lag_s, dt_s=COARSE_S)
        )
    return rows


def _wrong_way(what: str, load: Sequence[float], plant: Plant, limit: float | None = None) -> Row:
    load_kw = _held(load)
    ours = wrong_way_share(balanced(load_kw, len(load), plant))
    word = wrong_way_share(played(load_kw, len(load), plant, naive(plant)))
    note = "of throughput; baseline: newest meter minus newest storage"
    return Row(f"wrong-way energy, {what}", ours, "share", note, limit, baseline=word)


def _compared(what: str, load: Sequence[float], plant: Plant) -> list[Row]:
    load_kw = _held(load)
    runs: dict[str, list[Moment]] = {
        "the meter at its word": played(load_kw, len(load), plant, naive(plant)),
        "a law that knows the load": played(load_kw, len(load), plant, knowing(load_kw, plant)),
    }
    ours = missed_share(balanced(load_kw, len(load), plant))
    return [
        Row(f"missed energy, {what}", ours, "share", f"of throughput; baseline: {name}", baseline=missed_share(past))
        for name, past in runs.items()
    ]


def _held(load: Sequence[float]) -> Callable[[float], float]:
    return lambda now_s: load[int(now_s)]
