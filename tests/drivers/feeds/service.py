"""A market's service on loopback that can fail in many ways: a real server, asked over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aiohttp import web

HOUR = timedelta(hours=1)


@dataclass
class Service:
    """What it answers: `trouble` by name, otherwise the prices of `[first, published)`, which a test moves on."""

    first: datetime
    published: datetime
    minutes: int = 60
    trouble: str = ""
    unit: str = "EUR / MWh"
    holes: frozenset[int] = frozenset()
    asked: list[dict[str, str]] = field(default_factory=list)
    port: int = 0
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def price(self, time: datetime) -> float:
        """EUR/MWh; below zero at noon."""
        return 100.0 - 20.0 * (time.hour if time.hour <= 12 else 24 - time.hour)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(dict(request.query))
        troubles: dict[str, Callable[[web.Request], object]] = {
            "500": lambda _: web.Response(status=500, text="secret stack trace"),
            "401": lambda _: web.Response(status=401, text="Unauthorized"),
            "html": lambda _: web.Response(text="<html>maintenance</html>", content_type="text/html"),
            "not json": lambda _: web.Response(text="maintenance", content_type="application/json"),
            "huge": lambda _: web.Response(body=b" " * 5_000_000, content_type="application/json"),
            "elsewhere": lambda _: web.Response(status=302, headers={"Location": "http://localhost:1/price"}),
            "round": lambda request: web.Response(status=302, headers={"Location": str(request.rel_url)}),
        }
        if self.trouble in troubles:
            response = troubles[self.trouble](request)
            assert isinstance(response, web.StreamResponse)
            return response
        if self.trouble == "slow":
            await self.closing.wait()
        if self.trouble == "truncated":
            return await self._truncated(request)
        if self.trouble == "moved" and request.path == "/price":
            return web.Response(status=307, headers={"Location": f"/new?{request.query_string}"})
        if request.path == "/api":
            return self._document()
        return web.Response(body=self.body(), content_type="application/json")

    def body(self) -> bytes:
        step = timedelta(minutes=self.minutes)
        times = [self.first + index * step for index in range((self.published - self.first) // step)]
        prices = [None if index in self.holes else self.price(time) for index, time in enumerate(times)]
        seconds = [round(time.timestamp()) for time in times]
        return json.dumps({"unix_seconds": seconds, "price": prices, "unit": self.unit}).encode()

    def _document(self) -> web.Response:
        """As ENTSO-E answers: hours that repeat are left out; nothing at all is an acknowledgement."""
        if self.published <= self.first:
            told = "<Acknowledgement_MarketDocument><Reason><code>999</code></Reason></Acknowledgement_MarketDocument>"
            return web.Response(status=400, text=told, content_type="text/xml")
        count = (self.published - self.first) // HOUR
        prices = [self.price(self.first + index * HOUR) for index in range(count)]
        changed = [index for index in range(count) if index == 0 or prices[index] != prices[index - 1]]
        points = "".join(
            f"<Point><position>{index + 1}</position><price.amount>{prices[index]}</price.amount></Point>"
            for index in changed
        )
        span = f"<start>{self.first:%Y-%m-%dT%H:%MZ}</start><end>{self.published:%Y-%m-%dT%H:%MZ}</end>"
        text = (
            "<Publication_MarketDocument><TimeSeries><currency_Unit.name>EUR</currency_Unit.name>"
            "<price_Measure_Unit.name>MWH</price_Measure_Unit.name><curveType>A03</curveType>"
            f"<Period><timeInterval>{span}</timeInterval><resolution>PT60M</resolution>{points}</Period>"
            "</TimeSeries></Publication_MarketDocument>"
        )
        return web.Response(text=text, content_type="application/xml")

    async def _truncated(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "4000", "Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(self.body()[:100])
        assert request.transport is not None
        request.transport.close()
        return response


@asynccontextmanager
async def serving(service: Service) -> AsyncIterator[Service]:
    app = web.Application()
    for path in ("/price", "/new", "/api"):
        app.router.add_get(path, service.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", service.port)
    await site.start()
    [address] = runner.addresses
    service.port = address[1]
    try:
        yield service
    finally:
        service.closing.set()
        await runner.cleanup()
        service.closing.clear()
