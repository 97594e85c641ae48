from datetime import UTC, datetime, timedelta
from math import inf, isfinite, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heg.model.plan import QUANTILES, DegradationCode, ForecastRequest, SeriesForecast, SeriesHistory, Site
from heg.planner.forecast import ForecastError, forecast
from tests.planner.recorded import quarter_hours

NOON = datetime(2025, 3, 12, 12, tzinfo=UTC)

numbers = st.one_of(st.none(), st.floats(0.0, 12.0), st.sampled_from((nan, inf, -inf, -3.0, 1e9)))
sites = st.builds(
    Site,
    time_zone=st.sampled_from(("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "No/Where")),
    latitude=st.one_of(st.none(), st.floats(-90, 90)),
    longitude=st.one_of(st.none(), st.floats(-180, 180)),
    tilt=st.one_of(st.none(), st.floats(0, 90)),
    azimuth=st.one_of(st.none(), st.floats(0, 360)),
    peak_kw=st.one_of(st.none(), st.floats(0.1, 20)),
)


@st.composite
def requests(draw: st.DrawFn) -> ForecastRequest:
    minutes = draw(st.sampled_from((5, 15, 30, 60)))
    start = datetime(2025, 1, 1, tzinfo=UTC) + draw(st.integers(0, 9000)) * timedelta(hours=1)

    def history(slot_minutes: int) -> SeriesHistory:
        values = draw(st.lists(numbers, max_size=40))
        repeats = draw(st.sampled_from((1, 1, 5, 60)))
        late = draw(st.integers(-3, 3))
        end = start - late * timedelta(minutes=slot_minutes)
        return SeriesHistory(
            slot_minutes=slot_minutes, end=end, values_kw=tuple(values * repeats), running_kw=draw(numbers)
        )

    return ForecastRequest(
        start=start,
        slot_minutes=minutes,
        slots=draw(st.integers(1, 192)),
        demand=history(minutes) if draw(st.booleans()) else None,
        production=history(minutes) if draw(st.booleans()) else None,
        site=draw(sites),
    )


@settings(deadline=None, max_examples=150)
@given(requests())
def test_always_finite_in_order_never_negative_and_the_same_again(request_: ForecastRequest) -> None:
    found = forecast(request_)
    _holds(found.demand, request_.slots)
    assert (found.production is None) == (request_.production is None)
    if found.production is not None:
        _holds(found.production, request_.slots)
        assert all(0.0 <= kw <= 1000.0 for kw in found.production.high_kw)
        if request_.site.peak_kw is not None:
            assert max(found.production.high_kw) <= request_.site.peak_kw * 1.000001
    assert forecast(request_) == found


def test_without_any_past_a_typical_household_stands_in_and_is_said_to() -> None:
    found = forecast(ForecastRequest(start=NOON, slot_minutes=15, slots=96, demand=None, production=None))
    assert 0.3 < sum(found.demand.values_kw) / 96 < 0.5
    assert found.demand.values_kw[28] > 1.5 * found.demand.values_kw[60]  # an evening and a night
    (lack,) = found.degradations
    assert lack.code is DegradationCode.HISTORY_SHORT
    assert "typical household" in lack.text


def test_a_few_hours_scale_the_typical_household() -> None:
    few = _history(tuple([2.0] * 24), 15)
    found = forecast(ForecastRequest(start=NOON, slot_minutes=15, slots=96, demand=few, production=None))
    assert 1.0 < sum(found.demand.values_kw) / 96 < 3.0
    assert "6 hours only" in found.degradations[0].text


def test_one_absurd_slot_changes_next_to_nothing() -> None:
    usual = _days(35, 15, lambda hour: 0.3 + (hour >= 18))
    absurd = (*usual[:-97], 400.0, *usual[-96:])
    found, spoilt = (
        forecast(ForecastRequest(start=NOON, slot_minutes=15, slots=96, demand=_history(values, 15), production=None))
        for values in (usual, absurd)
    )
    worst = max(abs(a - b) for a, b in zip(found.demand.values_kw, spoilt.demand.values_kw, strict=True))
    assert worst < 0.05


def test_the_slot_is_told_by_its_median_and_the_energy_by_its_mean() -> None:
    seldom = tuple(4.0 if at * 5 % 29 < 4 else 0.2 for at in range(35 * 24))  # a kettle, each time at another hour
    found = forecast(
        ForecastRequest(start=NOON, slot_minutes=60, slots=24, demand=_history(seldom, 60), production=None)
    ).demand
    assert sum(found.values_kw) / 24 < 0.4
    assert sum(found.mean_kw) / 24 == pytest.approx(0.2 + 3.8 * 4 / 29, rel=0.1)
    assert found.quantiles_kw[2] == found.values_kw
    assert (found.quantiles_kw[0], found.quantiles_kw[-1]) == (found.low_kw, found.high_kw)


def test_without_bands_the_slots_are_the_same() -> None:
    request_ = quarter_hours(20)
    assert forecast(request_, bands=False).demand.values_kw == pytest.approx(forecast(request_).demand.values_kw)


def test_gaps_are_bridged() -> None:
    usual = _days(35, 60, lambda hour: 0.3 + (hour >= 18))
    holes: list[float | None] = list(usual)
    holes[-200:-100] = [None] * 100
    holes[-5:] = [None] * 5
    found = forecast(
        ForecastRequest(start=NOON, slot_minutes=60, slots=24, demand=_history(tuple(holes), 60), production=None)
    )
    assert found.demand.values_kw[0] == pytest.approx(0.3, abs=0.1)
    assert found.demand.values_kw[8] == pytest.approx(1.3, abs=0.15)


@pytest.mark.parametrize(("start", "zone"), [(datetime(2025, 3, 30, tzinfo=UTC), "Europe/Berlin")])
def test_habits_follow_the_local_clock_when_it_changes(start: datetime, zone: str) -> None:
    berlin_winter_evening = _days(35, 60, lambda utc_hour: 2.0 if utc_hour == 17 else 0.3)
    found = forecast(
        ForecastRequest(
            start=start,
            slot_minutes=60,
            slots=24,
            demand=_history(berlin_winter_evening, 60, start),
            production=None,
            site=Site(time_zone=zone),
        )
    )
    assert max(range(24), key=found.demand.values_kw.__getitem__) == 16  # 18:00 is an hour earlier in UTC from now on


def test_the_running_slot_moves_the_first_ones() -> None:
    usual = _days(35, 15, lambda hour: 0.3 + (hour >= 18) + 0.2 * (hour % 3))
    quiet, busy = (
        forecast(
            ForecastRequest(
                start=NOON, slot_minutes=15, slots=96, demand=_history(usual, 15, running_kw=kw), production=None
            )
        )
        for kw in (None, 4.0)
    )
    assert busy.demand.values_kw[0] > quiet.demand.values_kw[0] + 1.0


def test_another_slot_length_is_refused_by_name() -> None:
    other = SeriesHistory(slot_minutes=60, end=NOON, values_kw=(1.0,) * 100)
    found = forecast(ForecastRequest(start=NOON, slot_minutes=15, slots=4, demand=other, production=other))
    assert any("slots of 60 min, expected 15 min" in lack.text for lack in found.degradations)


def test_values_that_cannot_be_are_counted() -> None:
    values = (*_days(35, 15, lambda _hour: 0.5)[:-3], inf, -2.0, 1e7)
    found = forecast(
        ForecastRequest(start=NOON, slot_minutes=15, slots=4, demand=_history(values, 15), production=None)
    )
    assert "3 slots of the demand history" in found.degradations[0].text
    assert found.demand.values_kw[0] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("change", [{"slots": 0}, {"slots": 10**7}, {"slot_minutes": 7}])
def test_a_request_without_meaning_is_refused(change: dict[str, int]) -> None:
    wanted = {"start": NOON, "slot_minutes": 15, "slots": 96, "demand": None, "production": None} | change
    with pytest.raises(ForecastError, match="expected"):
        forecast(ForecastRequest(**wanted))  # type: ignore[arg-type]


def _days(count: int, minutes: int, kw_of_hour: object) -> tuple[float, ...]:
    slots = count * 1440 // minutes
    begin = (NOON.hour * 60 - slots * minutes) % 1440 if minutes != 60 else 0
    return tuple(float(kw_of_hour((begin + at * minutes) // 60 % 24)) for at in range(slots))  # type: ignore[operator]


def _history(
    values: tuple[float | None, ...], minutes: int, end: datetime = NOON, running_kw: float | None = None
) -> SeriesHistory:
    shift = 0 if minutes != 60 else end.hour
    rolled = values[shift:] + values[:shift] if shift else values
    return SeriesHistory(slot_minutes=minutes, end=end, values_kw=rolled, running_kw=running_kw)


def _holds(series: SeriesForecast, slots: int) -> None:
    assert len(series.values_kw) == len(series.low_kw) == len(series.high_kw) == slots
    for low, kw, high in zip(series.low_kw, series.values_kw, series.high_kw, strict=True):
        assert isfinite(low)
        assert isfinite(high)
        assert 0.0 <= low <= kw <= high
    assert len(series.mean_kw) == slots
    assert all(isfinite(kw) and kw >= 0.0 for kw in series.mean_kw)
    assert [len(row) for row in series.quantiles_kw] == [slots] * len(QUANTILES)
    for column in zip(*series.quantiles_kw, strict=True):
        assert column[0] >= 0.0
        assert list(column) == sorted(column)
