"""The rig: steps of the house, requests its Modbus server answers, what a replayed day costs."""

from __future__ import annotations

import asyncio
import struct
import time
from functools import partial

from bench.rows import Row, median_s
from heg.runtime import loops
from heg.runtime.clock import Clock
from hil.house.house import Constant, House, HouseConfig
from hil.replay.generated import generated_home
from hil.replay.weather import Replay
from hil.rig import Rig, RigPlan

_STEPS = 40_000
_REQUESTS = 4_000


def run() -> list[Row]:
    """All rows."""
    recording = generated_home()
    replay = Replay(recording, recording.start_utc)
    plain_s = median_s(lambda: House(HouseConfig(), Constant(1.0, 3.0)).advance_to(_STEPS * 0.25), repeat=3)
    day_s = median_s(lambda: House(HouseConfig(), replay).advance_to(86_400), repeat=3)
    began_s = time.perf_counter()
    whole_steps = loops.run(_whole, timing=loops.RealTiming())
    whole_s = time.perf_counter() - began_s
    rows = [
        Row("rig steps", whole_steps / whole_s, "1/s", "the same with its three devices' timers and controls"),
        Row("house steps", _STEPS / plain_s, "1/s", "one battery, one PV, constant weather"),
        Row("a replayed day", day_s, "s", "345 600 steps of 0.25 s with appliances and clouds"),
    ]
    for registers in (1, 10, 110):
        rate = loops.run(partial(_rate, registers), timing=loops.RealTiming())
        rows.append(Row(f"requests of {registers} registers", rate, "1/s", "loopback TCP, one after the other"))
    return rows


async def _whole(clock: Clock) -> int:
    async with Rig(RigPlan(), clock) as rig:
        for _ in range(_STEPS):
            rig.truth.step()
        return _STEPS


async def _rate(registers: int, clock: Clock) -> float:
    """Requests a second of the meter, client and server on one loop; the house moves on as it would."""
    async with Rig(RigPlan(), clock) as rig:
        host, _, port = rig.meter.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        ask = struct.pack(">HHHBBHH", 1, 0, 6, 1, 3, 40_002, registers)
        begun_s = time.perf_counter()
        for _ in range(_REQUESTS):
            writer.write(ask)
            await reader.readexactly(9 + 2 * registers)
        spent_s = time.perf_counter() - begun_s
        writer.close()
        return _REQUESTS / spent_s
