"""A weather service on loopback, in Open-Meteo's shape, that can fail in many ways."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from aiohttp import web

from drivers.feeds.weather.sunlit import Place, sun_sine

MUNICH = Place(48.14, 11.58)
HOUR = timedelta(hours=1)


def clear(time: datetime) -> float:
    """W/m2 of the hour that begins then, under a fair sky."""
    return round(700.0 * max(0.0, sum(sun_sine(time + part * HOUR / 4, MUNICH) for part in range(4)) / 4), 1)


@dataclass
class SkyService:
    """What it answers: `trouble` by name, otherwise `share` of a fair sky."""

    first: datetime
    hours: int = 24 * 11
    trouble: str = ""
    share: float = 1.0
    shifted_hours: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    port: int = 0
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(dict(request.query))
        if self.trouble.isdigit():
            told = {"error": True, "reason": "limit exceeded"}
            return web.json_response(told, status=int(self.trouble), headers=self.headers)
        if self.trouble == "slow":
            await self.closing.wait()
        if self.trouble == "moved":
            return web.Response(status=307, headers={"Location": f"/other?{request.query_string}"})
        bodies = {"huge": b" " * 5_000_000, "not json": b"maintenance", "empty": b'{"hourly": {}}'}
        return web.Response(body=bodies.get(self.trouble, self.body()), content_type="application/json")

    def body(self, **changed: object) -> bytes:
        """Light is told at the end of its hour."""
        times = [self.first + index * HOUR for index in range(self.hours)]
        light = [self.share * clear(time - (1 + self.shifted_hours) * HOUR) for time in times]
        said: dict[str, object] = {
            "latitude": MUNICH.latitude,
            "longitude": MUNICH.longitude,
            "hourly_units": {"time": "unixtime", "shortwave_radiation": "W/m²", "temperature_2m": "°C"},
            "hourly": {
                "time": [round(time.timestamp()) for time in times],
                "shortwave_radiation": light,
                "direct_normal_irradiance": [0.0] * len(times),
                "diffuse_radiation": light,
                "temperature_2m": [10.0 + time.astimezone(UTC).hour for time in times],
            },
        }
        return json.dumps(said | changed).encode()


@asynccontextmanager
async def sky_serving(service: SkyService) -> AsyncIterator[SkyService]:
    app = web.Application()
    for path in ("/v1/forecast", "/other"):
        app.router.add_get(path, service.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    [address] = runner.addresses
    service.port = address[1]
    try:
        yield service
    finally:
        service.closing.set()
        await runner.cleanup()
