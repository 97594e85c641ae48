"""The weather that is told, for the forecast of production: of the days behind and ahead, and how old it is. Pure.

What was last said of an hour stays, so the days behind teach what the panels make of such a sky.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from heg.model.instance import Instance
from heg.model.plan import WeatherSeries
from heg.model.slots import Profile, slot_start
from heg.services.planning.prices import DAYS_KEPT, SlotBook

GHI, DNI, DHI = "profile.weather.ghi", "profile.weather.dni", "profile.weather.dhi"
TEMPERATURE = "profile.weather.temperature"
_MOST = {GHI: 1500.0, DNI: 1500.0, DHI: 1500.0, TEMPERATURE: 80.0}
_HOUR = timedelta(hours=1)
WEATHER = tuple(_MOST)


class Sky:
    """One per slot loop. Weather is kept by the hour: the forecaster shares an hour out as the sun does."""

    def __init__(self) -> None:
        self._books = {variable: SlotBook(60, most) for variable, most in _MOST.items()}
        self._told: datetime | None = None

    def learn(self, variable: str, said: Iterable[Instance], now: datetime) -> bool:
        """Take what is said of a variable; True when something changed of what is to come."""
        heard = [one for one in said if isinstance(one.value, Profile)]
        if variable == GHI and heard:
            newest = max(one.time for one in heard)
            self._told = newest if self._told is None else max(newest, self._told)
        return self._books[variable].learn((one.value for one in heard if isinstance(one.value, Profile)), now)

    def series(self, start: datetime, slots: int, slot: timedelta, *, expected: bool) -> WeatherSeries | None:
        """Return what is told around `start`; None where nobody is `expected` to tell and nobody does."""
        if self._told is None:
            nothing = WeatherSeries(start=start, slot_minutes=60, ghi_w_per_m2=())
            return nothing if expected else None
        first = slot_start(start, _HOUR) - timedelta(days=DAYS_KEPT)
        hours = -(-(start + slots * slot - first) // _HOUR)
        known = {variable: book.known(first, hours) for variable, book in self._books.items()}
        return WeatherSeries(
            start=first,
            slot_minutes=60,
            ghi_w_per_m2=known[GHI],
            dni_w_per_m2=_some(known[DNI]),
            dhi_w_per_m2=_some(known[DHI]),
            temperature_c=_some(known[TEMPERATURE]),
            age_hours=max(0.0, (start - self._told) / _HOUR),
        )


def _some(values: tuple[float | None, ...]) -> tuple[float | None, ...]:
    """Nothing rather than gaps only: it is sent to another process each slot."""
    return values if any(value is not None for value in values) else ()
