"""The weather feed: a file, and a real server on loopback that fails in the ways services do."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drivers.feeds.market.answer import AnswerError
from drivers.feeds.weather.calls import Calls
from drivers.feeds.weather.columns import GHI, TEMPERATURE
from drivers.feeds.weather.open_meteo import parse
from drivers.feeds.weather.sunlit import sun_sine
from heg.config.reader import ConfigError
from heg.model.records import DeviceStatus
from heg.runtime.clock import Clock
from tests.drivers.feeds.place import Place, configured, feeds
from tests.drivers.feeds.sky_service import HOUR, MUNICH, SkyService, clear, sky_serving
from tests.support.stepped import stepped

NOW = datetime(2025, 5, 10, 6, tzinfo=UTC)
FIRST = datetime(2025, 5, 3, tzinfo=UTC)
HERE = {"latitude": MUNICH.latitude, "longitude": MUNICH.longitude}
GHI_TOLD = "profile.weather.ghi"


def section(service: SkyService, **more: Any) -> dict[str, Any]:
    return {"weather": {"service": "open-meteo", "url": service.url, "timeout_s": 10, **HERE, **more}}


def light(place: Place, time: datetime) -> float | None:
    return place.profile(GHI_TOLD, "weather").at(time)


@stepped(start_utc=NOW)
async def test_days_behind_and_ahead_are_told_by_the_hour_they_are_the_mean_of(clock: Clock, tmp_path: Path) -> None:
    async with sky_serving(SkyService(FIRST)) as service, feeds(clock, tmp_path, section(service)) as place:
        await place.until(lambda: light(place, NOW) is not None, within_s=10)
        noon = NOW.replace(hour=12)
        for time in (NOW, noon, noon - timedelta(days=6), noon + timedelta(days=1)):
            assert light(place, time) == pytest.approx(clear(time)), "told at the end of its hour, held from its start"
        assert place.profile("profile.weather.temperature", "weather").at(noon) == pytest.approx(22.5)
        assert place.profile("profile.weather.dhi", "weather").at(noon) == pytest.approx(clear(noon))
        assert (service.asked[0]["latitude"], service.asked[0]["longitude"]) == ("48.14", "11.58")
        await place.after(24 * 3600)
        assert 8 <= len(service.asked) <= 9, "every three hours"
        assert place.instance(GHI_TOLD, "weather").time > NOW + timedelta(hours=20), "each answer has its time"


TROUBLES = {
    "500": "expected status 200, came 500",
    "429": "expected status 200, came 429",
    "slow": "no whole answer within 10 s",
    "moved": "expected at most 0 redirects",
    "huge": "expected at most 4194304 bytes",
    "not json": "expected JSON",
    "empty": "expected JSON",
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_is_named_backed_off_from_and_outlived(
    trouble: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    @stepped(start_utc=NOW)
    async def scene(clock: Clock) -> None:
        start = SkyService(FIRST, trouble=trouble)
        async with sky_serving(start) as service, feeds(clock, tmp_path, section(service)) as place:
            await place.until(lambda: place.record("weather").status is DeviceStatus.LOST, within_s=300)
            assert TROUBLES[trouble] in place.record("weather").detail
            assert "latitude=" not in caplog.text, "where the house stands is not logged"
            asked = len(service.asked)
            await place.after(3600)
            assert len(service.asked) - asked <= 4
            service.trouble = ""
            await place.until(lambda: light(place, NOW) is not None, within_s=3700, every_s=30)
            assert place.record("weather").status is DeviceStatus.ATTACHED

    scene()


@stepped(start_utc=NOW)
async def test_what_was_said_stays_with_its_time_while_the_service_is_away(clock: Clock, tmp_path: Path) -> None:
    async with sky_serving(SkyService(FIRST)) as service, feeds(clock, tmp_path, section(service)) as place:
        await place.until(lambda: light(place, NOW) is not None, within_s=10)
        service.trouble, service.headers = "429", {"Retry-After": "20000"}
        await place.after(20 * 3600)
        assert light(place, NOW + timedelta(hours=24)) == pytest.approx(clear(NOW + timedelta(hours=24)))
        assert place.instance(GHI_TOLD, "weather").time < NOW + timedelta(minutes=2), "its age is that of the forecast"
        assert len(service.asked) <= 5, "the service's own wait is kept to"


@stepped(start_utc=NOW)
async def test_a_service_in_local_time_shines_by_night_and_is_not_believed(clock: Clock, tmp_path: Path) -> None:
    start = SkyService(FIRST, shifted_hours=6)
    async with sky_serving(start) as service, feeds(clock, tmp_path, section(service)) as place:
        await place.until(lambda: place.record("weather").status is DeviceStatus.LOST, within_s=300)
        assert "more than the sun gives at that hour" in place.record("weather").detail
        assert place.refusals("weather") > 0


@stepped(start_utc=NOW)
async def test_a_file_of_weather_is_told_with_the_time_it_was_written(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "weather.csv"
    rows = [
        f"{FIRST + index * HOUR:%Y-%m-%dT%H:%M:%SZ},{clear(FIRST + index * HOUR)},{12.0}" for index in range(24 * 10)
    ]
    path.write_text("\n".join(["time_utc,ghi_w_per_m2,temperature_c", *rows, ""]))
    written = NOW - timedelta(hours=5)
    os.utime(path, (written.timestamp(), written.timestamp()))
    async with feeds(clock, tmp_path, {"weather": {"csv": {"path": str(path)}, **HERE}}) as place:
        await place.until(lambda: light(place, NOW) is not None, within_s=10)
        assert light(place, NOW - timedelta(days=4)) == pytest.approx(clear(NOW - timedelta(days=4)))
        assert place.instance(GHI_TOLD, "weather").time == written
        assert place.profile("profile.weather.temperature", "weather").at(NOW) == 12.0


@pytest.mark.parametrize(
    ("weather", "named"),
    [
        ({"every_hours": 3.0}, "expected one of csv"),
        ({"service": "open-meteo"}, "must be told the place"),
        ({"service": "open-meteo", "latitude": 48.0}, "latitude and longitude, or neither"),
        ({"service": "open-meteo", **HERE, "url": "http://example.org"}, "https://host"),
        ({"service": "open-meteo", **HERE, "csv": {"path": "/a.csv"}}, "expected one of csv"),
    ],
)
def test_what_makes_no_sense_is_refused_when_the_file_is_checked(
    weather: dict[str, Any], named: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=named):
        configured(tmp_path, {"weather": weather})


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"latitude": 20.0}, "the weather of this place"),
        ({"hourly_units": {"shortwave_radiation": "MJ/m²"}}, "expected W/m²"),
        ({"hourly_units": {"temperature_2m": "°F"}}, "expected °C"),
        ({"hourly": {"time": [0, 1800], "shortwave_radiation": [0.0, 0.0]}}, "an hour apart"),
        ({"hourly": {"time": [3600, 0], "shortwave_radiation": [0.0, 0.0]}}, "an hour apart"),
        ({"hourly": {"time": [0], "shortwave_radiation": [0.0]}}, "2 to"),
        ({"hourly": {"time": [10**17, 10**18], "shortwave_radiation": [0.0, 0.0]}}, "an hour apart"),
        ({"hourly": {"time": [10**9 // 3600 * 3600, 0], "shortwave_radiation": [0.0]}}, "expected"),
    ],
)
def test_an_answer_that_is_none_is_refused(changed: dict[str, object], named: str) -> None:
    with pytest.raises(AnswerError, match=named):
        parse(SkyService(FIRST).body(**changed), MUNICH.latitude, MUNICH.longitude)


def test_values_that_cannot_be_are_gaps_and_counted() -> None:
    said = json.loads(SkyService(FIRST).body())
    said["hourly"]["shortwave_radiation"][10:14] = [9000.0, -200.0, -1.0, None]
    said["hourly"]["temperature_2m"][5] = 400.0
    told = parse(json.dumps(said).encode(), MUNICH.latitude, MUNICH.longitude)
    assert told.bad == 3
    assert FIRST + 9 * HOUR not in told.values[GHI]
    assert told.values[GHI][FIRST + 11 * HOUR] == 0.0
    assert FIRST + 5 * HOUR not in told.values[TEMPERATURE]


def test_the_day_has_a_budget_and_failures_wait_longer_and_longer() -> None:
    calls, asked = Calls(every_s=1.0, calls_per_day=10), 0
    for minute in range(24 * 60):
        now = NOW.replace(hour=0) + timedelta(minutes=minute)
        if calls.due(now, 60.0 * minute):
            calls.asked(now)
            calls.answered(60.0 * minute)
            asked += 1
    assert asked == 10
    assert calls.due(NOW + timedelta(days=1), 1e6)
    waits = [Calls(every_s=1.0, calls_per_day=9)]
    found = [waits[0].failed(0.0) for _ in range(9)]
    assert found == sorted(found)
    assert found[-1] == 3600.0
    assert waits[0].failed(0.0, 7200.0) == 7200.0
    assert waits[0].failed(0.0, 1e9) == 86400.0


def test_the_sun_stands_where_almanacs_say() -> None:
    assert sun_sine(datetime(2025, 6, 21, 11, 15, tzinfo=UTC), MUNICH) == pytest.approx(0.905, abs=0.005)
    assert sun_sine(datetime(2025, 12, 21, 23, 15, tzinfo=UTC), MUNICH) < -0.9
