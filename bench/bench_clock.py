"""How fast simulated time runs, and how late real and scaled loops wake (docs: DESIGN, Time)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from bench.rows import Row
from heg.runtime import loops
from heg.runtime.clock import Clock
from heg.runtime.lag import LagMeter, LagReport
from heg.runtime.loops import RealTiming, ScaledTiming, SteppedTiming, Timing

_START = datetime(2026, 3, 1, tzinfo=UTC)
_EMPTY_CYCLES = 100_000
_TALKING_CYCLES = 5_000
_PAIRS = 3
_REGISTERS = b"\0" * 12
"""As long as a Modbus request to read registers."""


def _stepped(main: Callable[[Clock], Awaitable[float]]) -> float:
    return loops.run(main, timing=SteppedTiming(_START))


def run() -> list[Row]:
    """Measure."""
    empty, talking = _stepped(_empty), _stepped(_talking)
    rows = [
        Row("empty 1 s cycles, stepped", empty, "1/s", "one sleeper"),
        Row(f"1 s cycles with {_PAIRS} TCP pairs, stepped", talking, "1/s", "request and response on loopback"),
        Row("14 days of such cycles", 14 * 86400 / talking, "s", "real seconds, without a protocol library"),
    ]
    for name, timing in (("real", RealTiming()), ("60 times", ScaledTiming(60.0, _START, time.time()))):
        report = _lag(timing)
        rows.append(Row(f"loop lag p50, {name}, idle", report.p50_ms, "ms", "real time"))
        rows.append(Row(f"loop lag p99, {name}, idle", report.p99_ms, "ms", "real time"))
    return rows


async def _empty(clock: Clock) -> float:
    began_s, due_s = clock.real_s(), clock.monotonic_s()
    for _ in range(_EMPTY_CYCLES):
        due_s += 1.0
        await clock.sleep_until(due_s)
    return _EMPTY_CYCLES / (clock.real_s() - began_s)


async def _talking(clock: Clock) -> float:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Echo, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    peers = [(await loop.create_connection(_Asker, *address))[1] for _ in range(_PAIRS)]
    began_s, due_s = clock.real_s(), clock.monotonic_s()
    for _ in range(_TALKING_CYCLES):
        for peer in peers:
            await asyncio.wait_for(peer.ask(), 1.0)
        due_s += 1.0
        await clock.sleep_until(due_s)
    spent_s = clock.real_s() - began_s
    for peer in peers:
        peer.close()
    server.close()
    return _TALKING_CYCLES / spent_s


class _Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


class _Asker(_Echo):
    _answer: asyncio.Future[bytes] | None = None

    def data_received(self, data: bytes) -> None:
        if self._answer is not None:
            self._answer.set_result(data)

    def ask(self) -> asyncio.Future[bytes]:
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(_REGISTERS)
        return self._answer

    def close(self) -> None:
        self._transport.close()


def _lag(timing: Timing) -> LagReport:
    async def main(clock: Clock) -> LagReport:
        reports: asyncio.Queue[LagReport] = asyncio.Queue()
        meter = asyncio.ensure_future(LagMeter(clock, reports.put_nowait, interval_s=0.02, wakes=200).run())
        report = await reports.get()
        meter.cancel()
        return report

    return loops.run(main, timing=timing)
