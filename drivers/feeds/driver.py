"""The feeds' driver: one supervised task that looks at files and services and has each feed tell what it knows."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from drivers.feeds import tariff as tariffs
from drivers.feeds.config import FeedsConfig, ForecastSection, TariffSection, WeatherSection, asks_market, zone_of
from drivers.feeds.csv_file import CsvFile
from drivers.feeds.feed import Feed
from drivers.feeds.publication import Publication, window
from drivers.feeds.sources import Column, Source, Table
from drivers.feeds.table import Wanted
from drivers.feeds.templates import completed
from drivers.feeds.weather.columns import COLUMNS, GHI, LIMITS, VARIABLES
from drivers.feeds.weather.sunlit import Place, Sunlit
from heg.devices.contract import FEED, DeviceHandle, DeviceInfo, DriverContext
from heg.model.slots import slot_start

if TYPE_CHECKING:
    from drivers.feeds.market.market import Market
    from drivers.feeds.weather.service import WeatherService

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0
WEATHER_DAYS_BACK = 8
"""The days behind teach what the panels make of a told sky."""
_GRAIN = timedelta(minutes=5)
_MOST_KW = 1000.0
_SETTLE_S = 0.01
"""Past the slot's start, so that the label of now lies in it."""


class FeedsDriver:
    """What is configured becomes feeds: `tariff`, `forecast`, unless the owner names them otherwise."""

    def __init__(self, config: FeedsConfig, context: DriverContext) -> None:
        self._context = context
        self._clock = context.clock
        self._zone = zone_of(config, context.time_zone)
        self._files: list[tuple[CsvFile, int]] = []
        self._market: Market | None = None
        self._market_section = config.market
        self._weather_service: WeatherService | None = None
        self._feeds: list[tuple[Feed, int]] = []
        """Each file and feed with the days back that it speaks of."""
        self._wake = asyncio.Event()
        if config.tariff is not None:
            self._feeds.append((self._tariff(completed(config.tariff)), 0))
        if config.forecast is not None:
            self._feeds.append((self._forecast(config.forecast), 0))
        if config.weather is not None:
            self._feeds.append((self._weather(config.weather), WEATHER_DAYS_BACK))

    async def run(self) -> None:
        """Look, tell, wait for the next slot, a change or the next look, until cancelled."""
        async with asyncio.TaskGroup() as asking:
            if self._market is not None:
                asking.create_task(self._market.run(self._wake.set), name="feeds market")
            if self._weather_service is not None:
                asking.create_task(self._weather_service.run(self._wake.set), name="feeds weather")
            await self._tell_for_ever()

    async def _tell_for_ever(self) -> None:
        while True:
            self._wake.clear()
            now = self._clock.utc()
            for file, days_back in self._files:
                await file.look(window(now, self._zone, days_back=days_back))
            for feed, days_back in self._feeds:
                feed.tell(window(now, self._zone, days_back=days_back), now, self._clock.monotonic_s())
            await self._wait(now)

    async def _wait(self, now: datetime) -> None:
        next_slot_s = (slot_start(now, _GRAIN) + _GRAIN - now).total_seconds() + _SETTLE_S
        with suppress(TimeoutError):
            async with asyncio.timeout(min(next_slot_s, LOOK_EVERY_S)):
                await self._wake.wait()

    def _tariff(self, tariff: TariffSection) -> Feed:
        handle = self._attach("tariff", self._told_by(tariff))
        file = None if tariff.csv is None else self._file(tariff.csv.path, tariffs.wanted_columns(tariff), handle)
        if self._market_section is not None:
            from drivers.feeds.market.market import Market  # loads the HTTP client: only where it is wanted

            self._market = Market(self._market_section, self._zone, self._clock, handle.refused)
        sources = tariffs.sources_of(tariff, self._zone, file, self._market)
        handle.report("tariff", tariffs.terms_of(tariff, self._zone))
        return Feed(handle, sources, needed=(tariffs.IMPORT,), now_too=set(sources) - {tariffs.DAY_AHEAD})

    def _told_by(self, tariff: TariffSection) -> str:
        """Where a person would look when the tariff is lost."""
        if self._market_section is not None and asks_market(tariff):
            return f"{self._market_section.service} {self._market_section.zone}"
        return "heg.toml" if tariff.csv is None else tariff.csv.path

    def _forecast(self, section: ForecastSection) -> Feed:
        handle = self._attach("forecast", section.csv.path)
        columns = {"demand": section.demand, "production": section.production}
        wanted = [Wanted(column, 0.0, _MOST_KW, needed=False) for column in columns.values()]
        file = self._file(section.csv.path, wanted, handle)
        publication = tariffs.publication_of(section.csv)
        sources: Mapping[str, Source] = {
            variable: Column(file, column, publication, self._zone) for variable, column in columns.items()
        }
        return Feed(handle, sources, needed=sources, now_too=())

    def _weather(self, section: WeatherSection) -> Feed:
        place = None
        if section.latitude is not None and section.longitude is not None:
            place = Place(section.latitude, section.longitude)
        table: CsvFile | WeatherService
        publication = Publication()
        if section.csv is not None:
            handle = self._attach("weather", section.csv.path)
            wanted = [Wanted(column, *LIMITS[column], needed=column == GHI) for column in COLUMNS]
            table = self._file(section.csv.path, wanted, handle, WEATHER_DAYS_BACK)
            publication = tariffs.publication_of(section.csv)
        else:
            from drivers.feeds.weather.service import WeatherService  # loads the HTTP client: only where it is wanted

            handle = self._attach("weather", section.service or "")
            table = WeatherService(section, place or Place(0.0, 0.0), self._zone, self._clock, handle.refused)
            self._weather_service = table
        seen: Table = table if place is None else Sunlit(table, place, handle.refused)
        sources = {variable: Column(seen, column, publication, self._zone) for variable, column in VARIABLES.items()}
        return Feed(handle, sources, needed=("weather.ghi",), now_too=(), made=lambda: self._made(table.made))

    def _made(self, time: datetime | None) -> datetime | None:
        """A file that a clock ahead of ours wrote has no such time: then it counts from when it was read."""
        return None if time is None or time > self._clock.utc() else time

    def _file(self, path: str, wanted: Collection[Wanted], handle: DeviceHandle, days_back: int = 0) -> CsvFile:
        file = CsvFile(path, tuple(wanted), handle.refused)
        self._files.append((file, days_back))
        return file

    def _attach(self, name: str, address: str) -> DeviceHandle:
        info = DeviceInfo(
            identity=f"{FEED}:{name}",
            maker="heg",
            model=name,
            serial="",
            version="",
            protocol=FEED,
            address=address,
            capabilities=(),
            name=name,
        )
        # A feed says itself when it is lost: what it told stays good however long nothing changes.
        return self._context.attach(info, interval_s=math.inf)
