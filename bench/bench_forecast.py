"""Forecasts of the recorded homes: error at 1 h, 1-6 h and 24 h ahead beside simpler ones, bands, time per call."""

import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bench.rows import Row, median_s
from heg.model.plan import QUANTILES, Forecast
from heg.planner.forecast import forecast
from tests.planner.recorded import (
    HOMES,
    LIGHT_SITE,
    UCI,
    Backtest,
    RecordedHome,
    backtests,
    moments,
    quarter_hours,
    recorded,
    told_light,
)

_EVERY_H = 7
_MOST = 900


def run() -> list[Row]:
    """All homes that are there; the time per call needs none of them."""
    found = [home for name in (*HOMES, UCI) if (home := recorded(name)) is not None]
    if not found:
        print("forecast: no recorded homes beside the project: only the time per call is measured", file=sys.stderr)
    rows = [row for home in found for row in _home(home)]
    return [*rows, *_means(rows), *_times()]


def _home(home: RecordedHome) -> Iterator[Row]:
    demand, production = backtests(home, moments(home, every_h=_EVERY_H, most=_MOST))
    name = home.name.removesuffix("min").rsplit("_", 1)[0] if home.name != UCI else "uci"
    naive = np.abs(home.demand_kw[home.a_day :] - home.demand_kw[: -home.a_day])
    yield from _errors(f"{name} demand", demand, home.a_day, "14-day slot mean", "naive day")
    yield Row(f"{name} demand MASE", demand.mae_kw(demand.ours, 0, home.a_day) / float(np.nanmean(naive)), "", "24 h")
    yield Row(f"{name} demand in the band", demand.held(), "share", "four of five wanted")
    weekly = demand.mae_kw(demand.others["naive week"], 0, home.a_day)
    yield Row(
        f"{name} demand MAE 24 h by week",
        demand.mae_kw(demand.ours, 0, home.a_day),
        "kW",
        "baseline: a week ago",
        baseline=weekly,
    )
    yield from _pinball(f"{name} demand", demand, "naive day")
    yield from _pinball(f"{name} demand beside last week", demand, "naive week")
    rmse = demand.rmse_kw(demand.mean), demand.rmse_kw(demand.others["14-day slot mean"])
    yield Row(f"{name} demand RMSE 24 h, mean", rmse[0], "kW", "baseline: 14-day slot mean", baseline=rmse[1])
    if production is not None:
        yield from _pinball(f"{name} production", production, "naive day")
        yield from _errors(f"{name} production", production, home.a_day, "truth with noise", "3-day mean")
        yield from _told(home, name, moments(home, every_h=_EVERY_H, most=_MOST // 3))
        yield Row(f"{name} production in the band", production.held(0.02), "share", "daylight; four of five wanted")


def _told(home: RecordedHome, name: str, at: range) -> Iterator[Row]:
    """What a told sky is worth: no recording has light beside it, so the panels' own with errors stands for it."""
    requests = [home.request(moment, site=LIGHT_SITE) for moment in at]
    told = [forecast(replace(one, weather=told_light(home, moment))) for one, moment in zip(requests, at, strict=True)]
    own = [forecast(one) for one in requests]
    truth = [home.production_kw[moment : moment + home.a_day] for moment in at]

    def mae_kw(found: list[Forecast]) -> float:
        missed = [
            np.abs(np.array(one.production.values_kw) - came)
            for one, came in zip(found, truth, strict=True)
            if one.production is not None
        ]
        return float(np.nanmean(missed))

    note = "light with errors of 20 % a day, 15 % an hour, made of the recording itself; baseline: no weather"
    yield Row(f"{name} production MAE 24 h, told sky", mae_kw(told), "kW", note, baseline=mae_kw(own))


def _errors(name: str, test: Backtest, a_day: int, beside: str, baseline: str) -> Iterator[Row]:
    hour = a_day // 24
    for label, first, last in (("1 h", 0, hour), ("1-6 h", 0, 6 * hour), ("24 h", 0, a_day)):
        other = f"{beside} {test.mae_kw(test.others[beside], first, last):.3f}; baseline: {baseline}"
        ours, against = (test.mae_kw(whose, first, last) for whose in (test.ours, test.others[baseline]))
        yield Row(f"{name} MAE {label}", ours, "kW", other, baseline=against)
    against = test.rmse_kw(test.others[baseline])
    other = f"{beside} {test.rmse_kw(test.others[beside]):.3f}; baseline: {baseline}"
    yield Row(f"{name} RMSE 24 h", test.rmse_kw(test.ours), "kW", other, baseline=against)


def _pinball(name: str, test: Backtest, beside: str) -> Iterator[Row]:
    """Our quantiles beside a naive forecast that knows none, and how many slots stayed below each."""
    naive = [test.pinball_kw(test.others[beside], share) for share in QUANTILES]
    found = [test.pinball_kw(whose, share) for whose, share in zip(test.quantiles, QUANTILES, strict=True)]
    least_kw = 0.02 if name.endswith("production") else -1.0
    below = ", ".join(f"{test.below(whose, least_kw):.2f}" for whose in test.quantiles)
    note = f"mean of 10, 25, 50, 75, 90 %, below which stayed {below}; baseline: {beside} for all"
    yield Row(f"{name} pinball", sum(found) / len(found), "kW", note, baseline=sum(naive) / len(naive))


def _means(rows: list[Row]) -> Iterator[Row]:
    found = [row.value for row in rows if row.name.endswith("demand MASE")]
    if found:
        yield Row("demand MASE, mean of homes", sum(found) / len(found), "", "24 h ahead; at most 0.95 wanted", 0.95)
    near = [row for row in rows if row.name.endswith("demand MAE 1-6 h") and row.baseline]
    if near:
        ratios = [row.ratio or 0.0 for row in near]
        note = "17 % below wanted"
        yield Row("demand MAE 1-6 h over naive day", sum(ratios) / len(ratios), "", f"mean of homes; {note}", 0.83)
        pooled = sum(row.value for row in near) / sum(row.baseline or 0.0 for row in near)
        yield Row("demand MAE 1-6 h over naive day, pooled", pooled, "", f"all homes' kW; {note}", 0.83)


def _times() -> Iterator[Row]:
    request = quarter_hours(35)
    forecast(request)
    spent_s = min(median_s(lambda: forecast(request), repeat=1) for _ in range(21))
    note = "demand and production, 35 days known; least of 21"
    yield Row("a forecast of 96 quarter hours", 1000 * spent_s, "ms", note, 50.0)
