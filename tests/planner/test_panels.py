"""Light and heat on panels: against pvlib (`./dev test` brings it), and by what must hold."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from heg.planner.panels import Light, beam_outside, given_kw_per_kw, on_plane, split
from heg.planner.sun import SunPath, sun_path
from tests.support.oracle import peer

YEAR = datetime(2025, 1, 1, tzinfo=UTC)
MINUTES = np.arange(0.0, 365 * 1440.0, 30.0)
PLACES = ((48.1, 11.6), (-33.9, 18.4), (64.1, -21.9))
PLANES = ((0.0, 180.0), (30.0, 180.0), (60.0, 90.0), (90.0, 270.0), (45.0, 0.0))


def _light(path: SunPath, outside: np.ndarray) -> Light:
    """Skies of all kinds, seeded."""
    clearness = np.random.default_rng(7).uniform(0.05, 0.78, len(path.elevation))
    ghi = clearness * outside * np.maximum(np.sin(np.radians(path.elevation)), 0.0)
    return split(ghi, path, outside)


@pytest.mark.parametrize("place", PLACES)
def test_as_pvlib_has_it(place: tuple[float, float]) -> None:
    pandas, pvlib = peer("pandas"), peer("pvlib")
    times = pandas.DatetimeIndex([YEAR + timedelta(minutes=float(minute)) for minute in MINUTES])
    path, outside = sun_path(YEAR, MINUTES, *place), beam_outside(YEAR, MINUTES)
    day_of_year = times.day_of_year.to_numpy()
    theirs = pvlib.solarposition.get_solarposition(times, *place, method="nrel_numpy")
    up = path.elevation > 5.0
    assert np.abs(path.elevation - theirs["elevation"].to_numpy()).max() < 0.05
    turned = np.abs((path.azimuth - theirs["azimuth"].to_numpy() + 180.0) % 360.0 - 180.0)
    assert (turned * np.cos(np.radians(path.elevation)))[up].max() < 0.05
    assert outside == pytest.approx(pvlib.irradiance.get_extra_radiation(day_of_year), rel=1e-6)

    light = _light(path, outside)
    erbs = pvlib.irradiance.erbs(light.ghi, 90.0 - path.elevation, day_of_year)
    assert light.dhi[up] == pytest.approx(np.asarray(erbs["dhi"])[up], rel=2e-3, abs=0.5)
    assert light.dni[up] == pytest.approx(np.asarray(erbs["dni"])[up], rel=2e-3, abs=1.0)
    for tilt, azimuth in PLANES:
        whole = pvlib.irradiance.get_total_irradiance(
            tilt,
            azimuth,
            90.0 - path.elevation,
            path.azimuth,
            light.dni,
            light.ghi,
            light.dhi,
            dni_extra=outside,
            albedo=0.2,
            model="haydavies",
        )["poa_global"]
        plane = on_plane(light, path, outside, tilt, azimuth)
        assert plane[up] == pytest.approx(np.asarray(whole)[up], rel=1e-6, abs=1e-3)
        air_c = 15.0 + 10.0 * np.sin(MINUTES)
        cell_c = pvlib.temperature.ross(plane, air_c, noct=45.0)
        theirs_kw = pvlib.pvsystem.pvwatts_dc(plane, cell_c, 1.0, -0.004)
        assert given_kw_per_kw(plane, air_c) == pytest.approx(np.maximum(theirs_kw, 0.0), abs=1e-9)


def test_a_flat_plane_sees_the_global_light() -> None:
    path, outside = sun_path(YEAR, MINUTES, 48.1, 11.6), beam_outside(YEAR, MINUTES)
    light, up = _light(path, outside), path.elevation > 5.0
    assert on_plane(light, path, outside, 0.0, 180.0)[up] == pytest.approx(light.ghi[up], rel=1e-9)
    assert light.dhi[up] + (light.dni * np.sin(np.radians(path.elevation)))[up] == pytest.approx(light.ghi[up])


def test_a_beam_alone_is_seen_by_its_angle_and_an_even_sky_by_the_share_of_it() -> None:
    path = SunPath(np.array([30.0]), np.array([180.0]))
    outside = np.array([1366.1])
    beam = Light(np.array([400.0]), np.array([800.0]), np.array([0.0]))
    assert on_plane(beam, path, outside, 60.0, 180.0)[0] == pytest.approx(800.0 + 400.0 * 0.2 * 0.25)
    grey = Light(np.array([200.0]), np.array([0.0]), np.array([200.0]))
    assert on_plane(grey, path, outside, 90.0, 0.0)[0] == pytest.approx(200.0 * 0.5 + 200.0 * 0.2 * 0.5)


def test_heat_costs_a_two_hundred_fiftieth_a_kelvin() -> None:
    plane = np.array([800.0, 800.0, 0.0])
    cold, hot, night = given_kw_per_kw(plane, np.array([0.0, 20.0, 0.0]))
    assert (cold, hot, night) == (pytest.approx(0.8), pytest.approx(0.8 * 0.92), 0.0)
