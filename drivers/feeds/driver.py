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
from drivers.feeds.config import FeedsConfig, ForecastSection, TariffSection, asks_market, zone_of
from drivers.feeds.csv_file import CsvFile
from drivers.feeds.feed import Feed
from drivers.feeds.publication import window
from drivers.feeds.sources import Column, Source
from drivers.feeds.table import Wanted
from drivers.feeds.templates import completed
from heg.devices.contract import FEED, DeviceHandle, DeviceInfo, DriverContext
from heg.model.slots import slot_start

if TYPE_CHECKING:
    from drivers.feeds.market.market import Market

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0
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
        self._files: list[CsvFile] = []
        self._market: Market | None = None
        self._market_section = config.market
        self._feeds: list[Feed] = []
        self._wake = asyncio.Event()
        if config.tariff is not None:
            self._feeds.append(self._tariff(completed(config.tariff)))
        if config.forecast is not None:
            self._feeds.append(self._forecast(config.forecast))

    async def run(self) -> None:
        """Look, tell, wait for the next slot, a change or the next look, until cancelled."""
        async with asyncio.TaskGroup() as asking:
            if self._market is not None:
                asking.create_task(self._market.run(self._wake.set), name="feeds market")
            await self._tell_for_ever()

    async def _tell_for_ever(self) -> None:
        while True:
            self._wake.clear()
            now = self._clock.utc()
            span = window(now, self._zone)
            for file in self._files:
                await file.look(span)
            for feed in self._feeds:
                feed.tell(span, now, self._clock.monotonic_s())
            await self._wait(now)

    async def _wait(self, now: datetime) -> None:
        next_slot_s = (slot_start(now, _GRAIN) + _GRAIN - now).total_seconds() + _SETTLE_S
        with suppress(TimeoutError):
            async with asyncio.timeout(min(next_slot_s, LOOK_EVERY_S)):
                await self._wake.wait()

    def _tariff(self, tariff: TariffSection) -> Feed:
        handle = self._attach("tariff", self._told_by(tariff))
        file = None if tariff.csv is None else self._file(tariff.csv.path, tariffs.wanted_columns(tariff), handle)
        if self._market_section is not None and asks_market(tariff):
            from drivers.feeds.market.market import Market  # loads the HTTP client: only where it is wanted

            self._market = Market(self._market_section, self._zone, self._clock, handle.refused)
        sources = tariffs.sources_of(tariff, self._zone, file, self._market)
        return Feed(handle, sources, needed=(tariffs.IMPORT,), now_too=sources)

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

    def _file(self, path: str, wanted: Collection[Wanted], handle: DeviceHandle) -> CsvFile:
        file = CsvFile(path, tuple(wanted), handle.refused)
        self._files.append(file)
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
