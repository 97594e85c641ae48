"""The control cycle in real time beside a real house: how long it takes, how punctually it starts, what it costs."""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

from bench.rows import Row, percentile
from heg.config.reader import load
from heg.data.door import MailboxKind
from heg.devices.installed import installed_drivers
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from heg.runtime.loops import RealTiming
from heg.runtime.loops import run as run_loop
from heg.runtime.notify import ServiceManager
from heg.unit.site import Site
from heg.unit.unit import Unit
from heg.web.listen import open_listener
from heg.web.settings import WebSettings
from tests.support.processes import world

CYCLE_S = 0.2
CYCLES = 300
SETTLE_S = 10.0


def run() -> list[Row]:
    """The gateway in this process, the house in another; cycles five times as often as in a house, to see many."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        _, gateway = world(stack, Path(name), speed=1.0)
        gateway.config.write_text(f"{gateway.config.read_text()}[control]\ncycle_s = {CYCLE_S}\n")
        return run_loop(lambda clock: _measured(clock, gateway.config), timing=RealTiming())


async def _measured(clock: Clock, config: Path) -> list[Row]:
    drivers = installed_drivers()
    loaded = load(config, drivers.specs)
    with open_listener(WebSettings(port=0)) as listener:
        unit = Unit(
            loaded, clock, Site(config.parent / "state", drivers.specs, ServiceManager(None), listener=listener)
        )
        stop = asyncio.Event()
        running = asyncio.ensure_future(unit.run(stop))
        try:
            await clock.sleep(SETTLE_S)
            begun_s, used_s = time.perf_counter(), time.process_time()
            spans_ms, starts_s = await _cycles(unit)
            share = (time.process_time() - used_s) / (time.perf_counter() - begun_s)
        finally:
            stop.set()
            await running
    jitter_ms = [abs(later - earlier - CYCLE_S) * 1000 for earlier, later in pairwise(starts_s)]
    return [
        Row("control cycle, p50", percentile(spans_ms, 0.5), "ms", f"{CYCLES} cycles of {CYCLE_S:g} s, three devices"),
        Row("control cycle, p99", percentile(spans_ms, 0.99), "ms", "real time"),
        Row("start of the cycle off its time, p50", percentile(jitter_ms, 0.5), "ms", "between two starts"),
        Row("start of the cycle off its time, p99", percentile(jitter_ms, 0.99), "ms"),
        Row("processor at that pace", share * 100, "%", "of one core, page and store included"),
    ]


async def _cycles(unit: Unit) -> tuple[list[float], list[float]]:
    """Duration (ms) and start (s) of the next cycles, as the gateway itself publishes them."""
    spans_ms: list[float] = []
    starts_s: list[float] = []
    told = unit.data.admit(CUSTOMER, "bench").event("self.cycle_time", mailbox=MailboxKind.LATEST)
    async for notification in told:
        value = notification.instance.value
        assert isinstance(value, float)
        spans_ms.append(value * 1000)
        starts_s.append(time.perf_counter() - value)
        if len(spans_ms) == CYCLES:
            break
    told.close()
    return spans_ms, starts_s
