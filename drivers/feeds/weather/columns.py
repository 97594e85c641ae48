"""The columns of a weather forecast, as a file names them, and what their values may be."""

from __future__ import annotations

from collections.abc import Mapping

GHI, DNI, DHI, TEMPERATURE = "ghi_w_per_m2", "dni_w_per_m2", "dhi_w_per_m2", "temperature_c"
COLUMNS = (GHI, DNI, DHI, TEMPERATURE)
LIMITS: Mapping[str, tuple[float, float]] = {
    GHI: (0.0, 1500.0),
    DNI: (0.0, 1420.0),
    DHI: (0.0, 1500.0),
    TEMPERATURE: (-80.0, 70.0),
}
VARIABLES: Mapping[str, str] = {
    "weather.ghi": GHI,
    "weather.dni": DNI,
    "weather.dhi": DHI,
    "weather.temperature": TEMPERATURE,
}
