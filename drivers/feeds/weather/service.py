"""A weather service: what it has said, and the task that asks it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from drivers.feeds.config import WeatherSection
from drivers.feeds.market.answer import AnswerError
from drivers.feeds.market.client import FetchError, fetch
from drivers.feeds.publication import window
from drivers.feeds.series import Series, placed
from drivers.feeds.weather import open_meteo
from drivers.feeds.weather.calls import Calls
from drivers.feeds.weather.columns import GHI
from drivers.feeds.weather.sunlit import Place
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock, ClockMode

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 30.0
DAYS_BACK = 8
_SCALED_REAL_TIMEOUT_S = 2.0


class WeatherService:
    """One service and one place. What it said stays until its hour is long past, whatever comes after.

    `made` is when it last answered with something of use.
    """

    def __init__(
        self,
        section: WeatherSection,
        place: Place,
        zone: ZoneInfo,
        clock: Clock,
        refused: Callable[[Refusal], None],
    ) -> None:
        self._section = section
        self._place = place
        self._zone = zone
        self._clock = clock
        self._refused = refused
        self._calls = Calls(every_s=section.every_hours * 3600.0, calls_per_day=section.calls_per_day)
        self._known: dict[str, Mapping[datetime, float]] = {}
        self.version = 0
        self.made: datetime | None = None
        self.fault = "it has not been asked yet"

    def series(self, column: str) -> Series | None:
        """What it said of a column around now."""
        values = self._known.get(column)
        if not values:
            return None
        return placed(window(self._clock.utc(), self._zone, days_back=DAYS_BACK), 60, list(values.items()))

    async def run(self, changed: Callable[[], None]) -> None:
        """Ask when it is time, until cancelled; `changed` is called with every answer."""
        while True:
            now = self._clock.utc()
            if self._calls.due(now, self._clock.monotonic_s()):
                self._calls.asked(now)
                await self._ask()
                changed()
            await self._clock.sleep(LOOK_EVERY_S)

    async def _ask(self) -> None:
        path, query = open_meteo.query(self._place.latitude, self._place.longitude)
        base = self._section.url or open_meteo.URL
        try:
            body = await fetch(
                base, path, query, content=open_meteo.CONTENT, timeout_s=self._timeout_s(), most_redirects=0
            )
            told = open_meteo.parse(body, self._place.latitude, self._place.longitude)
        except (AnswerError, FetchError) as error:
            asked_s = error.retry_after_s if isinstance(error, FetchError) else 0.0
            self._tell(str(error), self._calls.failed(self._clock.monotonic_s(), asked_s))
            return
        if told.bad:
            self._refused(Refusal(RefusalCode.OUT_OF_RANGE, "plausible weather", f"{told.bad} values that are not"))
        if not told.values[GHI]:
            self._tell("it says nothing of the light", self._calls.failed(self._clock.monotonic_s()))
            return
        self._calls.answered(self._clock.monotonic_s())
        self._take(told)

    def _take(self, told: open_meteo.Told) -> None:
        now = self._clock.utc()
        if self.fault and self.version:
            logger.info("weather service answers again")
        span = window(now, self._zone, days_back=DAYS_BACK)
        for column, values in told.values.items():
            said = {**self._known.get(column, {}), **values}
            self._known[column] = {time: value for time, value in said.items() if span.start <= time < span.end}
        self.made, self.fault = now, ""
        self.version += 1

    def _tell(self, fault: str, wait_s: float) -> None:
        if fault != self.fault:
            logger.warning("weather: %s; asked again in %g s", fault, wait_s)
        self.fault = fault
        self._refused(Refusal(RefusalCode.NOT_READY, "a weather forecast", fault[:200]))

    def _timeout_s(self) -> float:
        """In scaled time a service needs real seconds to answer."""
        if self._clock.mode is ClockMode.SCALED:
            return max(self._section.timeout_s, _SCALED_REAL_TIMEOUT_S * self._clock.speed)
        return self._section.timeout_s
