"""What panels give under a told sky: Erbs' split, Hay and Davies' transposition, heat of the cells. Pure.

Sources: Erbs, Klein, Duffie (1982); Hay, Davies (1980); Spencer (1971): the sun's distance; Ross (1980): the cells.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from heg.planner.calendar import Values
from heg.planner.sun import SunPath

SOLAR_CONSTANT_W_PER_M2 = 1366.1
GROUND_ALBEDO = 0.2
LOSS_PER_KELVIN = 0.004
CELL_KELVIN_PER_W_PER_M2 = 0.03125
"""Of free-standing panels of 45 degC at 800 W/m2 and 20 degC (NOCT)."""
_TESTED_AT_DEGC = 25.0
_LEAST_SINE = 0.01745
_LOWEST_SINE = 0.065
"""Under four degrees a measured clearness says nothing of the sky: the split goes on as if the sun stood there."""


@dataclass(frozen=True, slots=True)
class Light:
    """Global and diffuse light on the horizontal and the beam across its own direction, W/m2."""

    ghi: Values
    dni: Values
    dhi: Values


def beam_outside(start: datetime, minutes: Values) -> Values:
    """Return the beam outside the atmosphere, W/m2, `minutes` after `start` (Spencer 1971)."""
    day = start.timetuple().tm_yday - 1 + (start.hour * 60 + start.minute + minutes) // 1440
    angle = 2.0 * np.pi * day / 365.0
    distance = (
        1.00011
        + 0.034221 * np.cos(angle)
        + 0.00128 * np.sin(angle)
        + 0.000719 * np.cos(2 * angle)
        + 0.000077 * np.sin(2 * angle)
    )
    found: Values = SOLAR_CONSTANT_W_PER_M2 * distance
    return found


def split(ghi: Values, path: SunPath, outside: Values) -> Light:
    """Return diffuse light and beam of a global light, by the sky's clearness (Erbs 1982)."""
    sine = np.sin(np.radians(path.elevation))
    clearness = np.clip(ghi / (outside * np.maximum(sine, _LOWEST_SINE)), 0.0, 1.0)
    middle = 0.9511 + clearness * (-0.1604 + clearness * (4.388 + clearness * (-16.638 + clearness * 12.336)))
    share = np.where(clearness <= 0.22, 1.0 - 0.09 * clearness, np.where(clearness <= 0.8, middle, 0.165))
    diffuse = np.where(sine > _LOWEST_SINE, share, 1.0) * ghi
    beam = np.where(sine > _LOWEST_SINE, (ghi - diffuse) / np.maximum(sine, _LOWEST_SINE), 0.0)
    return Light(ghi, np.clip(beam, 0.0, outside), diffuse)


def on_plane(light: Light, path: SunPath, outside: Values, tilt: float, azimuth: float) -> Values:
    """Return the light on a plane, W/m2: beam, sky about the sun and elsewhere (Hay and Davies 1980), ground."""
    slope = np.radians(tilt)
    sine = np.sin(np.radians(path.elevation))
    facing = np.cos(np.radians(path.azimuth - azimuth))
    across = sine * np.cos(slope) + np.cos(np.radians(path.elevation)) * np.sin(slope) * facing
    seen = np.maximum(across, 0.0)
    about_sun = light.dni / outside
    sky = light.dhi * (
        about_sun * seen / np.maximum(sine, _LEAST_SINE) + (1.0 - about_sun) * (1.0 + np.cos(slope)) / 2.0
    )
    ground = light.ghi * GROUND_ALBEDO * (1.0 - np.cos(slope)) / 2.0
    found: Values = np.maximum(light.dni * seen + sky + ground, 0.0)
    return found


def given_kw_per_kw(plane: Values, temperature_c: Values) -> Values:
    """Return what a kW of panels gives in this light and air: a cell loses 0.4 % of it for each kelvin above 25."""
    cell_c = temperature_c + CELL_KELVIN_PER_W_PER_M2 * plane
    found: Values = np.maximum(plane / 1000.0 * (1.0 - LOSS_PER_KELVIN * (cell_c - _TESTED_AT_DEGC)), 0.0)
    return found
