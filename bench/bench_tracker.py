"""Emulated `balance` through meter age and inverter lag (DESIGN.md, Two clocks 5)."""

from bench.rows import Row
from heg.control.tracker import MeterDelay
from tests.control.days import day_load_kw
from tests.control.delayed_plant import Plant, balanced, wrong_way_share
from tests.control.test_tracker import STEP_AT_S, overshoot, settled_after_s, step_answer, swing_kw

AGES_S = (0.5, 1.0, 2.0, 3.0)
LAGS_S = (0.0, 0.5, 2.0, 5.0)


def run() -> list[Row]:
    """The design's point, the worst of the grid of ages and lags, and a day's wrong-way energy against a naive law."""
    design = step_answer(Plant(1.0, 2.0))
    grid = [(age_s, lag_s, step_answer(Plant(age_s, lag_s))) for age_s in AGES_S for lag_s in LAGS_S]
    slack_s = min(2.0 + age_s + 4 * lag_s - settled_after_s(answer) for age_s, lag_s, answer in grid)
    return [
        Row("3 kW step settles, age 1 s, lag 2 s", settled_after_s(design), "s", "band 60 W", 10.0),
        Row("overshoot, age 1 s, lag 2 s", overshoot(design), "share", "", 0.15),
        Row("least slack to 2 s + age + 4 lag", slack_s, "s", "ages 0.5-3 s, lags 0-5 s", 0.0, at_most=False),
        Row("largest overshoot", max(overshoot(answer) for *_, answer in grid), "share", "same grid", 0.15),
        Row("largest swing after a minute", max(swing_kw(a, STEP_AT_S + 60) for *_, a in grid), "kW", "10 min", 0.06),
        *(_wrong_way(age_s, lag_s) for age_s, lag_s in ((1.0, 2.0), (0.5, 0.0), (3.0, 5.0))),
    ]


def _wrong_way(age_s: float, lag_s: float) -> Row:
    load = day_load_kw(1)
    plant = Plant(age_s, lag_s, dt_s=0.5)

    def share(delay: MeterDelay | None) -> float:
        return wrong_way_share(balanced(lambda now_s: load[int(now_s)], 86_400, plant, delay))

    naive = share(MeterDelay(0.0, 0.0, 0.0, 0.0))
    limit = 0.02 if (age_s, lag_s) == (1.0, 2.0) else None
    return Row(
        f"wrong-way energy of a day, age {age_s:g} s, lag {lag_s:g} s",
        share(None),
        "share",
        "of throughput; baseline: newest meter minus newest storage",
        limit,
        baseline=naive,
    )
