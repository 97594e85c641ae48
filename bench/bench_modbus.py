"""Reading through our bus and adapter, against a server of another make in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pymodbus.client import AsyncModbusTcpClient

from bench.rows import Row, percentile
from drivers.modbus.bus import Bus
from drivers.modbus.link import MOST_READ, PymodbusLink
from heg.runtime.clock import Clock
from heg.runtime.loops import RealTiming
from heg.runtime.loops import run as run_loop

PEERS = Path(__file__).parents[1] / "tests" / "peers"
REQUESTS = 3000


def run() -> list[Row]:
    """Registers a second in full requests, and how long one small request takes."""
    with _served() as port:
        return run_loop(lambda clock: _measured(clock, port), timing=RealTiming())


async def _measured(clock: Clock, port: int) -> list[Row]:
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    bare_per_s = await _rate(lambda: client.read_holding_registers(0, count=MOST_READ, device_id=1))
    client.close()
    link = PymodbusLink(AsyncModbusTcpClient("127.0.0.1", port=port), "server", 1.0)
    bus = Bus(link, clock)
    ours_per_s = await _rate(lambda: bus.read(1, 0, MOST_READ))
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


@contextmanager
def _served() -> Iterator[int]:
    node = shutil.which("node", path=os.pathsep.join((os.environ.get("PATH", ""), str(Path(sys.executable).parent))))
    if node is None or not (PEERS / "node_modules").is_dir():
        raise SystemExit("bench modbus: expected node and tests/peers/node_modules; ./dev test brings both")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "registers.json"
        file.write_text(json.dumps({"0": list(range(MOST_READ))}))
        command = [node, str(PEERS / "modbus_server.js"), str(file)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            yield int(server.stdout.readline())
            server.communicate()
