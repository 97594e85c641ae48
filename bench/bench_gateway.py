"""The gateway as a process: cold start to the first confirmed lease, resident memory idle and with the house."""

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench.rows import Row
from hil.ports import free_port
from tests.support.processes import GatewayProcess, wait_until, world

STARTS = 3
SETTLE_S = 20.0


def run() -> list[Row]:
    """Cold starts in real time; memory after a while of work."""
    starts = [_cold_start() for _ in range(STARTS)]
    return [
        Row("page answers after start", median(page_s for page_s, _, _ in starts), "s", f"median of {STARTS}"),
        Row("cold start to first confirmed lease", median(lease_s for _, lease_s, _ in starts), "s", "real time", 5.0),
        Row("resident memory with the house", starts[-1][2], "MiB", f"after {SETTLE_S:g} s", 60.0),
        Row("resident memory idle (no driver)", _idle_mib(), "MiB", "same wait"),
    ]


def _cold_start() -> tuple[float, float, float]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        _, gateway = world(stack, Path(folder), speed=1.0)
        begun_s = time.monotonic()
        page_s = gateway.start()
        wait_until(gateway.controls, "the battery is controlled")
        lease_s = time.monotonic() - begun_s
        time.sleep(SETTLE_S)
        return page_s, lease_s, gateway.resident_mib()


def _idle_mib() -> float:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, port = Path(name), free_port()
        config = folder / "heg.toml"
        config.write_text(
            f'[unit]\nstate_dir = "{folder / "state"}"\n[contract]\nmax_import_kw = 17.0\nmax_export_kw = 17.0\n'
            f"[web]\nport = {port}\n"
        )
        (folder / "state").mkdir()
        gateway = GatewayProcess(folder, config, port)
        stack.callback(gateway.stop)
        gateway.start()
        time.sleep(SETTLE_S)
        return gateway.resident_mib()
