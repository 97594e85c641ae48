"""What forecasts are worth on recorded homes; loosely, the figures are the bench's (bench/bench_forecast.py)."""

import pytest

from heg.model.plan import QUANTILES
from tests.planner.recorded import HOMES, UCI, RecordedHome, backtests, moments, recorded
from tests.support.recordings import skip_without_recordings

A_MONTH = 30 * 24 // 7


@pytest.mark.parametrize("name", [*HOMES, UCI])
def test_demand_is_better_than_yesterday_and_than_a_plain_mean(name: str) -> None:
    home = _home(name)
    demand, _ = backtests(home, moments(home, every_h=7, most=A_MONTH))
    ours = demand.mae_kw(demand.ours, 0, home.a_day)
    near = 6 * home.a_day // 24
    assert demand.mae_kw(demand.ours, 0, near) < 0.93 * demand.mae_kw(demand.others["naive day"], 0, near)
    # A house that is empty for months is forecast by yesterday as well as by anything.
    wanted = 0.90 if name != "home_d_fr_spot_30min" else 1.05
    assert ours < wanted * demand.mae_kw(demand.others["naive day"], 0, home.a_day) or name == "home_c_spot_nopv_60min"
    assert ours < 1.01 * demand.mae_kw(demand.others["14-day slot mean"], 0, home.a_day)
    assert demand.rmse_kw(demand.mean) < 0.9 * demand.rmse_kw(demand.others["naive day"])
    hour = home.a_day // 24
    assert demand.mae_kw(demand.ours, 0, hour) < 0.9 * demand.mae_kw(demand.others["14-day slot mean"], 0, hour)


@pytest.mark.parametrize("name", ["home_a_spot_60min", "home_b_feedin_60min", "home_d_fr_spot_30min"])
def test_production_is_clearly_better_than_the_mean_of_three_days(name: str) -> None:
    home = _home(name)
    _, production = backtests(home, moments(home, every_h=7, most=2 * A_MONTH))
    assert production is not None
    hour = home.a_day // 24
    mean = production.others["3-day mean"]
    assert production.mae_kw(production.ours, 0, 6 * hour) < 0.85 * production.mae_kw(mean, 0, 6 * hour)
    assert production.mae_kw(production.ours, 0, home.a_day) < 0.95 * production.mae_kw(mean, 0, home.a_day)
    assert production.rmse_kw(production.ours) < 0.92 * production.rmse_kw(mean)


@pytest.mark.parametrize("name", [*HOMES, UCI])
def test_bands_hold_about_four_slots_of_five(name: str) -> None:
    home = _home(name)
    demand, production = backtests(home, moments(home, every_h=7, most=2 * A_MONTH))
    assert 0.70 < demand.held() < 0.88
    for share, quantile in zip(QUANTILES, demand.quantiles, strict=True):
        assert share - 0.09 < demand.below(quantile) < share + 0.15, f"{share}"
        week_ago = demand.pinball_kw(demand.others["naive week"], share)
        assert demand.pinball_kw(quantile, share) < 0.9 * week_ago
    if production is not None:
        assert 0.70 < production.held(0.02) < 0.90


def _home(name: str) -> RecordedHome:
    home = recorded(name)
    if home is None:
        skip_without_recordings()
    return home
