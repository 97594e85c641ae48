"""Reading through our bus and adapter, against a server of another make in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from statistics import median

from pymodbus.client import AsyncModbusTcpClient

from bench.rows import Row, percentile
from drivers.modbus.bus import Bus
from drivers.modbus.link import MOST_READ, PymodbusLink
from heg.runtime.clock import Clock
from heg.runtime.loops import RealTiming
from heg.runtime.loops import run as run_loop
from tests.support.npm_modbus import HERE, npm_server

REQUESTS = 1000
ROUNDS = 5


def run() -> list[Row]:
    """Registers a second in full requests, and how long one small request takes."""
    if not HERE:
        raise SystemExit("bench modbus: needs npm's modbus-serial: ./dev test brings it")
    with npm_server({0: range(MOST_READ)}) as port:
        return run_loop(lambda clock: _measured(clock, port), timing=RealTiming())


async def _measured(clock: Clock, port: int) -> list[Row]:
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    link = PymodbusLink(AsyncModbusTcpClient("127.0.0.1", port=port), "server", 1.0)
    bus = Bus(link, clock)
    bare, ours = [], []
    for _ in range(ROUNDS):  # by turns, so that both meet the same machine
        bare.append(await _rate(lambda: client.read_holding_registers(0, count=MOST_READ, device_id=1)))
        ours.append(await _rate(lambda: bus.read(1, 0, MOST_READ)))
    client.close()
    bare_per_s, ours_per_s = median(bare), median(ours)
    spans_ms = []
    for _ in range(REQUESTS):
        begun_s = time.perf_counter()
        await bus.read(1, 0, 2)
        spans_ms.append((time.perf_counter() - begun_s) * 1000)
    link.close()
    note = f"{MOST_READ} a request; baseline: bare pymodbus"
    return [
        Row("Modbus registers read", ours_per_s * MOST_READ, "1/s", note, baseline=bare_per_s * MOST_READ),
        Row("Modbus requests", ours_per_s, "1/s", "one after the other", baseline=bare_per_s),
        Row("two registers, p50", percentile(spans_ms, 0.5), "ms"),
        Row("two registers, p99", percentile(spans_ms, 0.99), "ms"),
    ]


async def _rate(read: Callable[[], Awaitable[object]]) -> float:
    begun_s = time.perf_counter()
    for _ in range(REQUESTS):
        await read()
    return REQUESTS / (time.perf_counter() - begun_s)
