"""A day-ahead market: what it has said, and the task that asks it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from drivers.feeds.bands import clock_time
from drivers.feeds.config import MarketSection
from drivers.feeds.market.answer import Answer, AnswerError
from drivers.feeds.market.client import FetchError, fetch
from drivers.feeds.market.schedule import Schedule
from drivers.feeds.market.shapes import SHAPES
from drivers.feeds.publication import midnight, window
from drivers.feeds.series import Series, Span, hour_floor, placed
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock, ClockMode
from heg.runtime.secrets import SecretError, resolve

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 30.0
_SCALED_REAL_TIMEOUT_S = 2.0


class Market:
    """One market and one zone. What it said stays known until its slot has passed, whatever comes after."""

    def __init__(
        self, section: MarketSection, zone: ZoneInfo, clock: Clock, refused: Callable[[Refusal], None]
    ) -> None:
        self._section = section
        self._shape = SHAPES[section.service]
        self._base = section.url or self._shape.url
        self._zone = zone
        self._clock = clock
        self._refused = refused
        self._schedule = Schedule(zone, clock_time(section.published), calls_per_day=section.calls_per_day)
        self._known = Answer(60, {})
        self.version = 0
        self.fault = "it has not been asked yet"

    def series(self, _column: str) -> Series:
        """The prices of the day-ahead auction, EUR/kWh, of the days that are told of now."""
        span = window(self._clock.utc(), self._zone)
        return placed(span, self._known.slot_minutes, list(self._known.prices.items()))

    async def run(self, changed: Callable[[], None]) -> None:
        """Ask when it is time, until cancelled; `changed` is called with every answer."""
        while True:
            now = self._clock.utc()
            if self._schedule.due(now, self._clock.monotonic_s(), self._known_until(now)):
                self._schedule.asked(now)
                await self._ask(now)
                changed()
            await self._clock.sleep(LOOK_EVERY_S)

    async def _ask(self, now: datetime) -> None:
        span = Span(hour_floor(midnight(now, self._zone)), midnight(now, self._zone, days=2))
        try:
            answer = await self._answer(span)
        except (AnswerError, FetchError, SecretError) as error:
            wait_s = self._schedule.failed(self._clock.monotonic_s())
            self._tell(str(error), wait_s)
            return
        self._schedule.answered()
        if self.fault and self.version:
            logger.info("market %s answers again", self._section.zone)
        self.fault = ""
        self._take(answer, window(now, self._zone))

    async def _answer(self, span: Span) -> Answer:
        path, query = self._shape.query(self._section.zone, span)
        if self._section.token is not None and self._shape.token_parameter:
            query = {**query, self._shape.token_parameter: resolve(self._section.token).reveal()}
        body = await fetch(self._base, path, query, content=self._shape.content, timeout_s=self._timeout_s())
        return self._shape.parse(body)

    def _take(self, answer: Answer, span: Span) -> None:
        if answer.bad:
            self._refused(Refusal(RefusalCode.OUT_OF_RANGE, "plausible prices", f"{answer.bad} that are not"))
        if not answer.prices:
            return
        minutes = min(answer.slot_minutes, self._known.slot_minutes)
        said = {**self._known.finer(minutes), **answer.finer(minutes)}
        prices = {time: price for time, price in said.items() if span.start <= time < span.end}
        if prices != self._known.prices:
            self._known = Answer(minutes, prices)
            self.version += 1

    def _known_until(self, now: datetime) -> datetime:
        """Up to when there is a price for every slot: a hole is asked for like what has not been published."""
        step = timedelta(minutes=self._known.slot_minutes)
        time = hour_floor(now)
        while time in self._known.prices:
            time += step
        return time

    def _tell(self, fault: str, wait_s: float) -> None:
        if fault != self.fault:
            logger.warning("market %s: %s; asked again in %g s", self._section.zone, fault, wait_s)
        self.fault = fault
        self._refused(Refusal(RefusalCode.NOT_READY, "day-ahead prices", fault[:200]))

    def _timeout_s(self) -> float:
        """In scaled time a service needs real seconds to answer."""
        if self._clock.mode is ClockMode.SCALED:
            return max(self._section.timeout_s, _SCALED_REAL_TIMEOUT_S * self._clock.speed)
        return self._section.timeout_s
