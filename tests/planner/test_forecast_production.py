from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from heg.model.plan import DegradationCode, Forecast, ForecastRequest, SeriesHistory, Site
from heg.planner.forecast import forecast
from heg.planner.sun import clear_slots

START = datetime(2025, 5, 10, tzinfo=UTC)
MUNICH = Site(time_zone="Europe/Berlin", latitude=48.1, longitude=11.6, tilt=30.0, azimuth=180.0, peak_kw=5.0)
NOWHERE = Site(time_zone="Europe/Berlin")


def test_steady_sky_goes_on_as_it_was() -> None:
    truth = _clear_kw(START, 24)
    for site in (MUNICH, NOWHERE):
        found = _asked(_past(30, lambda _day: 0.8), START, site)
        assert found == pytest.approx([0.8 * kw for kw in truth], abs=0.12)


def test_a_dull_morning_makes_a_dull_afternoon_and_hardly_a_dull_day_after_tomorrow() -> None:
    noon = START + timedelta(hours=10)
    weather = [1.0, 0.9, 0.3, 1.0, 0.5, 1.0, 0.9, 0.2, 1.0, 0.8] * 3

    def day_of(morning: float) -> Callable[[int], float]:
        return lambda day: morning if day == 30 else weather[day]

    bright, dull = (_asked(_past(30, day_of(share), noon), noon, MUNICH, 60) for share in (1.0, 0.2))
    assert sum(dull[:6]) < 0.6 * sum(bright[:6])
    assert sum(dull[36:60]) > 0.75 * sum(bright[36:60])


def test_night_gives_nothing_and_no_slot_more_than_it_ever_gave() -> None:
    past = _past(30, lambda day: 0.3 + 0.7 * (day % 3 == 0))
    ever = np.array(past.values_kw).reshape(30, 24).max(axis=0)
    most = np.maximum(ever, np.maximum(np.roll(ever, 1), np.roll(ever, -1)))
    for site in (MUNICH, NOWHERE):
        request = ForecastRequest(start=START, slot_minutes=60, slots=24, demand=None, production=past, site=site)
        found = forecast(request).production
        assert found is not None
        assert all(kw <= limit + 1e-9 for kw, limit in zip(found.high_kw, most, strict=True))
        assert not any(found.high_kw[hour] for hour in (0, 1, 2, 20, 21, 22, 23))


def test_before_the_first_day_the_sun_over_the_panels_stands_in_and_is_said_to() -> None:
    found = _answer(SeriesHistory(slot_minutes=60, end=START), MUNICH)
    assert found.production is not None
    assert 8.0 < sum(found.production.values_kw) < 25.0
    assert found.production.values_kw[0] == 0.0
    lacks = [lack for lack in found.degradations if lack.code is DegradationCode.HISTORY_SHORT]
    assert any("5 kW of panels" in lack.text for lack in lacks)


def test_without_a_past_and_without_a_word_of_the_panels_nothing_is_promised() -> None:
    found = _answer(SeriesHistory(slot_minutes=60, end=START), NOWHERE)
    assert found.production is not None
    assert not any(found.production.values_kw)
    assert any("peak_kw is not set" in lack.text for lack in found.degradations)


def test_half_a_day_is_enough_to_know_the_other_half_roughly() -> None:
    noon = START + timedelta(hours=11)
    past = _past(0, lambda _day: 0.7, noon)
    found = _asked(past, noon, MUNICH)
    truth = [0.7 * kw for kw in _clear_kw(noon, 24)]
    assert sum(found) == pytest.approx(sum(truth), rel=0.4)


def test_a_site_that_the_panels_contradict_is_not_believed() -> None:
    past = _past(30, lambda _day: 0.8)
    antipodes = Site(time_zone="Europe/Berlin", latitude=48.1, longitude=-168.4)
    assert _asked(past, START, antipodes) == pytest.approx(_asked(past, START, NOWHERE), abs=0.3)
    assert max(_asked(past, START, antipodes)) > 2.0


def test_an_absurd_peak_is_no_peak() -> None:
    past = _past(30, lambda _day: 0.6)
    values = list(past.values_kw)
    values[-12] = 300.0
    spoilt = SeriesHistory(slot_minutes=60, end=START, values_kw=tuple(values))
    assert _asked(spoilt, START, NOWHERE) == pytest.approx(_asked(past, START, NOWHERE), abs=0.3)


def _clear_kw(start: datetime, count: int) -> list[float]:
    """5 kW of panels on a south roof of Munich under a clear sky."""
    clear = clear_slots(start, 60, count, latitude=48.1, longitude=11.6, tilt=30.0, azimuth=180.0)
    return [float(kw) for kw in 4.5 * clear]


def _past(days: int, share_of: Callable[[int], float], end: datetime = START) -> SeriesHistory:
    count = days * 24 + (end - START) // timedelta(hours=1)
    clear_kw = _clear_kw(START - timedelta(days=days), count)
    values = tuple(kw * share_of(hour // 24) for hour, kw in enumerate(clear_kw))
    return SeriesHistory(slot_minutes=60, end=end, values_kw=values)


def _answer(past: SeriesHistory, site: Site, slots: int = 24) -> Forecast:
    return forecast(
        ForecastRequest(start=past.end, slot_minutes=60, slots=slots, demand=None, production=past, site=site)
    )


def _asked(past: SeriesHistory, start: datetime, site: Site, slots: int = 24) -> tuple[float, ...]:
    assert past.end == start
    found = _answer(past, site, slots).production
    assert found is not None
    return found.values_kw
