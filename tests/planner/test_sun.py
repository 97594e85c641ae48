from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from heg.planner.sun import clear_slots, sun_path


@pytest.mark.parametrize(
    ("moment", "latitude", "longitude", "elevation", "azimuth"),
    [
        # The worked example of NREL's Solar Position Algorithm (zenith 50.11162 with 0.02 of refraction).
        (datetime(2003, 10, 17, 19, 30, 30, tzinfo=UTC), 39.742476, -105.1786, 39.872, 194.340),
        # The sun overhead: noon of an equinox at the equator, of the June solstice at the tropic.
        (datetime(2024, 3, 20, 12, 7, 24, tzinfo=UTC), 0.0, 0.0, 89.8, None),
        (datetime(2024, 6, 20, 12, 1, 50, tzinfo=UTC), 23.436, 0.0, 89.9, None),
        # Midnight sun and polar night.
        (datetime(2024, 6, 21, 0, 0, tzinfo=UTC), 80.0, 0.0, 13.4, None),
        (datetime(2024, 12, 21, 12, 0, tzinfo=UTC), 80.0, 0.0, -13.4, None),
    ],
)
def test_the_sun_stands_where_almanacs_say(
    moment: datetime, latitude: float, longitude: float, elevation: float, azimuth: float | None
) -> None:
    path = sun_path(moment, np.zeros(1), latitude, longitude)
    assert path.elevation[0] == pytest.approx(elevation, abs=0.02 if azimuth else 0.12)
    if azimuth is not None:
        assert path.azimuth[0] == pytest.approx(azimuth, abs=0.02)


def test_sunrise_is_in_the_east_and_sunset_in_the_west_on_both_halves_of_the_earth() -> None:
    for latitude in (50.0, -35.0):
        path = sun_path(datetime(2024, 3, 20, tzinfo=UTC), np.array([7 * 60.0, 17 * 60.0]), latitude, 0.0)
        assert 70 < path.azimuth[0] < 110
        assert 250 < path.azimuth[1] < 290


@pytest.mark.parametrize(
    ("day", "rise", "sets"),
    [
        # Berlin by its almanac, in UTC: 04:43 and 21:33 summer time, 08:15 and 15:54 winter time.
        (datetime(2024, 6, 21, tzinfo=UTC), 2 * 60 + 43, 19 * 60 + 33),
        (datetime(2024, 12, 21, tzinfo=UTC), 7 * 60 + 15, 14 * 60 + 54),
    ],
)
def test_the_sun_rises_and_sets_when_almanacs_say(day: datetime, rise: int, sets: int) -> None:
    above = sun_path(day, np.arange(1440.0), 52.52, 13.405).elevation > -0.833  # half its disc, and refraction
    up = np.flatnonzero(above)
    assert up[0] == pytest.approx(rise, abs=2)
    assert up[-1] == pytest.approx(sets, abs=2)


def test_a_clear_day_gives_what_tables_say() -> None:
    june = clear_slots(datetime(2024, 6, 21, tzinfo=UTC), 15, 96, latitude=50.0, longitude=10.0)
    december = clear_slots(datetime(2024, 12, 21, tzinfo=UTC), 15, 96, latitude=50.0, longitude=10.0)
    assert 8.0 < june.sum() / 4 < 9.2  # kWh/m2
    assert 1.0 < december.sum() / 4 < 1.5
    assert 0.85 < june.max() < 0.97


def test_panels_face_the_sun_or_not() -> None:
    winter = datetime(2024, 12, 21, tzinfo=UTC)

    def day(tilt: float, azimuth: float) -> np.ndarray:
        return clear_slots(winter, 15, 96, latitude=50.0, longitude=10.0, tilt=tilt, azimuth=azimuth)

    flat, south, north = day(0.0, 180.0).sum(), day(60.0, 180.0).sum(), day(60.0, 0.0).sum()
    assert south > 2.0 * flat
    assert north < 0.6 * flat
    assert day(40.0, 90.0).argmax() < day(40.0, 180.0).argmax() < day(40.0, 270.0).argmax()


def test_slots_of_any_length_agree() -> None:
    start = datetime(2024, 4, 1, tzinfo=UTC)
    days = [
        clear_slots(start, minutes, 1440 // minutes, latitude=50.0, longitude=10.0).sum() * minutes / 60
        for minutes in (5, 15, 30, 60)
    ]
    assert max(days) < 1.005 * min(days)


def test_nothing_shines_through_the_earth() -> None:
    start = datetime(2024, 4, 1, tzinfo=UTC) - timedelta(hours=2)
    assert not clear_slots(start, 15, 16, latitude=50.0, longitude=10.0, tilt=90.0, azimuth=0.0).any()
