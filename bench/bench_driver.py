"""The Modbus driver in a house: finding a device, decoding its values, one fast round of polling."""

from __future__ import annotations

import asyncio
import time

from bench.rows import Row, median_s
from drivers.modbus.bus import Bus
from drivers.modbus.discovery import Exploration, explore
from drivers.modbus.link import tcp_link
from drivers.modbus.measures import Pace, measures_of
from drivers.modbus.plan import merge
from drivers.modbus.roles import Role
from heg.runtime import loops
from heg.runtime.clock import Clock
from hil.rig import Rig, RigPlan

_ROUNDS = 200


def run() -> list[Row]:
    """All rows."""
    return loops.run(_house, timing=loops.RealTiming())


async def _house(clock: Clock) -> list[Row]:
    """What finding a device and one fast round of a house cost."""
    rows = []
    async with Rig(RigPlan(), clock) as rig:
        total_s, total_requests = 0.0, 0
        for name, role in (("meter", Role.METER), ("pv", Role.PV), ("battery", Role.STORAGE)):
            host, port = rig.handles[name].address.split(":")
            bus = Bus(tcp_link(host, int(port), 5.0), clock)
            began_s = time.perf_counter()
            explored = await explore(bus, 1)
            found_s = time.perf_counter() - began_s
            assert isinstance(explored, Exploration)
            measures = [m for m in measures_of(role, explored.devices[0].images) if m.pace is Pace.FAST]
            spans = merge(span for measure in measures for span in measure.spans())
            began_s = time.perf_counter()
            for _ in range(_ROUNDS):
                for span in spans:
                    await bus.read(1, span.address, span.count)
            total_s += (time.perf_counter() - began_s) / _ROUNDS
            total_requests += len(spans)
            decode_s = median_s(lambda: [measure.value() for measure in measures], repeat=50)  # noqa: B023
            rows.append(
                Row(f"finding the {name}", 1e3 * found_s, "ms", f"{bus.requests - _ROUNDS * len(spans)} requests")
            )
            rows.append(Row(f"decoding the {name}'s fast values", 1e6 * decode_s, "us", f"{len(measures)} series"))
            bus.close()
        rows.append(Row("a fast round of a house", 1e3 * total_s, "ms", f"{total_requests} requests, rig included"))
    await asyncio.sleep(0.05)
    return rows
