"""The week ahead for people: days and hours with bands, by the local calendar."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from heg.model.plan import ForecastRequest, SeriesHistory, Site
from heg.planner.forecast import ForecastError, forecast
from heg.planner.week import week_ahead
from tests.planner.recorded import quarter_hours, recorded
from tests.support.recordings import skip_without_recordings


def test_days_are_sums_of_their_hours_and_bands_lie_about_them() -> None:
    request = quarter_hours(35)
    week = week_ahead(request)
    slots = forecast(replace(request, slots=7 * 96)).demand.mean_kw
    assert sum(day.demand.kwh for day in week.days) == pytest.approx(sum(slots) / 4)
    assert sum(hour.demand.kwh for hour in week.hours) == pytest.approx(sum(slots) / 4)
    assert len(week.hours) == 168
    assert sum(day.hours for day in week.days) == 168
    for span in (*week.days, *week.hours):
        for expected in (span.demand, span.production):
            assert expected is not None
            assert 0.0 <= expected.low_kwh <= expected.kwh <= expected.high_kwh
    whole = week.days[2]
    hourly = sum(hour.demand.high_kwh - hour.demand.low_kwh for hour in week.hours[48:72])
    assert whole.demand.high_kwh - whole.demand.low_kwh < hourly, "a day is surer than its hours"


def test_the_days_are_local_and_one_of_them_has_an_hour_more() -> None:
    end = datetime(2025, 10, 24, 22, tzinfo=UTC)
    past = SeriesHistory(slot_minutes=60, end=end, values_kw=(1.0,) * 24 * 30)
    request = ForecastRequest(
        start=end, slot_minutes=60, slots=1, demand=past, production=None, site=Site(time_zone="Europe/Berlin")
    )
    week = week_ahead(request, 3)
    assert [day.hours for day in week.days] == [24, 25, 23]
    assert all(day.start.hour == 0 and day.production is None for day in week.days)
    assert week.days[1].demand.kwh == pytest.approx(25.0, rel=0.05)


def test_a_short_or_gappy_past_still_has_a_week() -> None:
    end = datetime(2025, 5, 1, tzinfo=UTC)
    for values in ((), (0.5,) * 10, (0.5, None) * 300, (0.0,) * 24 * 20):
        past = SeriesHistory(slot_minutes=60, end=end, values_kw=values)
        week = week_ahead(ForecastRequest(start=end, slot_minutes=60, slots=1, demand=past, production=past))
        assert len(week.days) == 7
        assert all(np.isfinite(day.demand.high_kwh) for day in week.days)
    for days in (0, 8):
        with pytest.raises(ForecastError, match="expected 1 to 7"):
            week_ahead(quarter_hours(3), days)


@pytest.mark.parametrize("name", ["home_a_spot_60min", "home_c_spot_nopv_60min"])
def test_days_of_recorded_homes_lie_in_their_bands_mostly(name: str) -> None:
    home = recorded(name)
    if home is None:
        skip_without_recordings()
    inside = counted = 0
    for at in range(60 * home.a_day, len(home.demand_kw) - 8 * home.a_day, 29 * home.a_day):
        week = week_ahead(home.request(at))
        start = home.start + at * timedelta(minutes=home.slot_minutes)
        for day in week.days:
            first = at + (day.start - start) // timedelta(minutes=home.slot_minutes)
            truth = home.demand_kw[first : first + round(day.hours * home.a_day / 24)].sum() * 24 / home.a_day
            if day.hours < 23 or np.isnan(truth):
                continue
            counted += 1
            inside += day.demand.low_kwh <= truth <= day.demand.high_kwh
    assert counted > 40
    assert 0.6 < inside / counted < 0.95, f"{inside / counted:.2f} of {counted}"
