"""Production under a told sky: learnt scale and course, gaps, age, nonsense."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heg.model.plan import DegradationCode, Forecast, ForecastRequest, SeriesHistory, Site, WeatherSeries
from heg.planner.forecast import forecast
from heg.planner.sun import clear_slots
from heg.planner.weather import told_sky

START = datetime(2025, 5, 10, tzinfo=UTC)
DAYS = 12
MUNICH = Site(time_zone="Europe/Berlin", latitude=48.1, longitude=11.6, tilt=30.0, azimuth=180.0, peak_kw=5.0)
SKIES = [0.2, 1.0, 0.5, 0.9, 0.3, 1.0, 0.7, 0.25, 0.95, 0.6, 1.0, 0.4]


def weather(ahead: Sequence[float], *, age_hours: float = 1.0, told_days: int = DAYS, slots: int = 60) -> WeatherSeries:
    """Each day's share of a clear sky, of the past and ahead, in hours or less."""
    start = START - timedelta(days=told_days)
    shares = [*SKIES[DAYS - told_days :], *ahead]
    clear = 1000.0 * clear_slots(start, slots, len(shares) * 1440 // slots, latitude=48.1, longitude=11.6)
    ghi = tuple((clear * np.repeat(shares, 1440 // slots)).tolist())
    return WeatherSeries(
        start=start, slot_minutes=slots, ghi_w_per_m2=ghi, temperature_c=(12.0,) * len(ghi), age_hours=age_hours
    )


def truth_kw(told: WeatherSeries, *, peak_kw: float, from_hour: int, hours: int, shaded: bool = False) -> list[float]:
    """What panels of a size really give: nine tenths of the book, none of it in the afternoon behind a tree."""
    sky = told_sky(told, START, 60, DAYS * 24, 24 * 2, MUNICH)
    assert sky is not None
    whole = np.nan_to_num(np.concatenate((sky.before, sky.ahead)))
    given_kw = 0.9 * peak_kw * whole
    if shaded:
        given_kw = np.where(np.arange(len(given_kw)) % 24 >= 14, 0.4 * given_kw, given_kw)
    return [float(kw) for kw in given_kw[DAYS * 24 + from_hour : DAYS * 24 + from_hour + hours]]


def asked(
    told: WeatherSeries | None,
    site: Site = MUNICH,
    past_kw: Sequence[float | None] | None = None,
    *,
    slot_minutes: int = 60,
) -> Forecast:
    past = SeriesHistory(slot_minutes=slot_minutes, end=START, values_kw=tuple(past_kw or ()))
    return forecast(
        ForecastRequest(
            start=START,
            slot_minutes=slot_minutes,
            slots=1440 // slot_minutes,
            demand=None,
            production=past,
            site=site,
            weather=told,
        )
    )


def produced(found: Forecast) -> tuple[float, ...]:
    assert found.production is not None
    return found.production.values_kw


def lacks(found: Forecast) -> list[str]:
    return [one.text for one in found.degradations if one.code is DegradationCode.WEATHER_MISSING]


def test_on_the_first_day_the_told_sky_over_the_named_panels_is_the_forecast() -> None:
    for share in (1.0, 0.3):
        told = weather([share, 1.0])
        found = asked(told)
        assert produced(found) == pytest.approx(truth_kw(told, peak_kw=5.0, from_hour=0, hours=24), abs=0.05)
        assert not lacks(found)
    assert sum(produced(asked(weather([0.3, 1.0])))) < 0.5 * sum(produced(asked(weather([1.0, 1.0]))))


def test_the_past_teaches_how_much_panels_there_are_though_nobody_named_them() -> None:
    for peak_kw, site in ((8.0, replace(MUNICH, peak_kw=None)), (4.0, MUNICH)):
        told = weather([0.9, 1.0])
        past = truth_kw(told, peak_kw=peak_kw, from_hour=-DAYS * 24, hours=DAYS * 24)
        truth = truth_kw(told, peak_kw=peak_kw, from_hour=0, hours=24)
        assert sum(produced(asked(told, site, past))) == pytest.approx(sum(truth), rel=0.08)


def test_a_tree_in_the_afternoon_is_learnt() -> None:
    told = weather([1.0, 1.0])
    past = truth_kw(told, peak_kw=5.0, from_hour=-DAYS * 24, hours=DAYS * 24, shaded=True)
    truth = truth_kw(told, peak_kw=5.0, from_hour=0, hours=24, shaded=True)
    found = produced(asked(told, MUNICH, past))
    assert sum(found[14:]) == pytest.approx(sum(truth[14:]), rel=0.35)
    assert sum(abs(a - b) for a, b in zip(found, truth, strict=True)) < 0.15 * sum(truth)


def test_a_told_sky_halves_the_error_of_the_past_alone() -> None:
    """The sky of the day differs from the days before, which is what a forecast is for."""
    for share in (0.2, 1.0):
        told = weather([share, 1.0])
        past = truth_kw(told, peak_kw=5.0, from_hour=-DAYS * 24, hours=DAYS * 24)
        truth = truth_kw(told, peak_kw=5.0, from_hour=0, hours=24)
        with_it, without = (
            sum(abs(a - b) for a, b in zip(produced(asked(one, MUNICH, past)), truth, strict=True))
            for one in (told, None)
        )
        assert with_it < 0.5 * without


def test_who_told_nonsense_of_the_past_is_believed_little_of_tomorrow() -> None:
    told = weather((0.1, 0.1))
    steady = truth_kw(weather((0.6, 0.6)), peak_kw=5.0, from_hour=0, hours=24)
    past = steady * DAYS  # every day was alike, whatever was told of it
    with_it, alone = (sum(produced(asked(one, past_kw=past))) for one in (told, None))
    right = truth_kw(told, peak_kw=5.0, from_hour=-DAYS * 24, hours=DAYS * 24)
    believed, usual = (sum(produced(asked(one, past_kw=right))) for one in (told, None))
    assert with_it > 0.9 * alone
    assert believed < 0.5 * usual


def test_an_old_forecast_counts_less_and_less_and_says_its_age() -> None:
    past = truth_kw(weather([1.0, 1.0]), peak_kw=5.0, from_hour=-DAYS * 24, hours=DAYS * 24)
    days = {age: asked(weather([0.2, 0.2], age_hours=age), MUNICH, past) for age in (0.0, 6.0, 24.0, 60.0, 80.0)}
    own = sum(produced(asked(None, MUNICH, past)))
    sums = [sum(produced(found)) for found in days.values()]
    assert sums[0] == pytest.approx(sums[1])
    assert sums[1] < sums[2] < sums[3] < sums[4] == pytest.approx(own)
    assert not lacks(days[6.0])
    assert "24 hours old: it counts 50%" in lacks(days[24.0])[0]
    assert "3.3 days old" in lacks(days[80.0])[0]


def test_what_is_not_told_comes_from_the_past_and_is_named() -> None:
    told = weather([0.2, 0.2])
    past = truth_kw(told, peak_kw=5.0, from_hour=-DAYS * 24, hours=DAYS * 24)
    half = DAYS * 24 + 12
    open_ended = replace(told, ghi_w_per_m2=told.ghi_w_per_m2[:half])
    found = asked(open_ended, MUNICH, past)
    assert produced(found)[12:] == pytest.approx(produced(asked(None, MUNICH, past))[12:])
    assert "leaves 12 of 24 slots open" in lacks(found)[0]
    ended = replace(told, ghi_w_per_m2=told.ghi_w_per_m2[: DAYS * 24])
    assert produced(asked(ended, MUNICH, past)) == produced(asked(None, MUNICH, past))
    assert "has ended" in lacks(asked(ended, MUNICH, past))[0]


@pytest.mark.parametrize(
    ("told", "site", "named"),
    [
        (weather([1.0]), replace(MUNICH, latitude=None), "latitude and longitude"),
        (replace(weather([1.0]), ghi_w_per_m2=()), MUNICH, "has not come"),
        (replace(weather([1.0]), slot_minutes=25), MUNICH, "do not share evenly"),
        (replace(weather([1.0]), age_hours=math.nan), MUNICH, "no age"),
    ],
)
def test_what_cannot_be_used_is_named(told: WeatherSeries, site: Site, named: str) -> None:
    found = asked(told, site, [0.5] * 48)
    assert named in lacks(found)[0]
    assert produced(found) == produced(asked(None, site, [0.5] * 48))


def test_quarter_hours_share_an_hour_as_the_sun_does() -> None:
    told = weather([1.0, 1.0])
    hours, quarters = produced(asked(told)), produced(asked(told, slot_minutes=15))
    assert [sum(quarters[4 * hour : 4 * hour + 4]) / 4 for hour in range(24)] == pytest.approx(hours, abs=0.02)
    dawn = next(hour for hour in range(24) if hours[hour] > 0.0)
    assert quarters[4 * dawn] < quarters[4 * dawn + 3]


number = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True))


@settings(max_examples=150, deadline=None)
@given(
    ghi=st.lists(number, max_size=72),
    extra=st.lists(number, max_size=72),
    hours=st.integers(-80, 40),
    age=st.floats(allow_nan=True, allow_infinity=True),
    minutes=st.sampled_from((5, 15, 60, 120)),
)
def test_whatever_weather_is_told_production_is_a_number_within_the_panels(
    ghi: list[float | None], extra: list[float | None], hours: int, age: float, minutes: int
) -> None:
    told = WeatherSeries(
        start=START + timedelta(hours=hours),
        slot_minutes=minutes,
        ghi_w_per_m2=tuple(ghi),
        dni_w_per_m2=tuple(extra),
        dhi_w_per_m2=tuple(reversed(extra)),
        temperature_c=tuple(extra),
        age_hours=age,
    )
    found = asked(told).production
    assert found is not None
    for low, value, high in zip(found.low_kw, found.values_kw, found.high_kw, strict=True):
        assert 0.0 <= low <= value <= high <= 5.0
