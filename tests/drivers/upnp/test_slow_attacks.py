"""Slow clients by the hundred at the driver's server, from an independent program: appliances are served meanwhile."""

from __future__ import annotations

import asyncio
import subprocess
from collections import Counter
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from drivers.upnp.parts import Link
from heg.runtime.clock import Clock
from tests.drivers.upnp.hosted import House, hosted
from tests.support.namespaces import WIRE, Network, needs_networks, wired
from tests.support.peers import SOAK, needs, program

pytestmark = [needs_networks, needs("slowhttptest", "curl", by=SOAK), pytest.mark.soak, pytest.mark.system]
ATTACK_S = 30
MODES = {  # nothing that is answered is longer than what fits into a socket: who reads slowly delays nothing
    "slow heads": ("-H", "-i", "1"),
    "slow bodies": ("-B", "-i", "1", "-s", "8000"),
}
OURS, ATTACKER, APPLIANCE = "10.77.0.1", "10.77.0.2", "10.77.0.3"


@pytest.mark.parametrize("mode", MODES)
def test_appliances_are_served_meanwhile(tmp_path: Path, mode: str) -> None:
    theirs = (f"{ATTACKER}/16", f"{APPLIANCE}/16")
    with wired(addresses=((f"{OURS}/16",), theirs)) as (home, street):

        async def main(clock: Clock) -> None:
            async with hosted(clock, house=House(clock, {}), links=(Link(WIRE, OURS),), port=8465) as one:
                url = f"http://{OURS}:8465/control"
                flags = (*MODES[mode], "-c", "300", "-r", "200", "-l", ATTACK_S, "-p", "5", "-u", url)
                before = psutil.Process().memory_info().rss
                with (tmp_path / "attack.log").open("wb") as log:
                    running = street.start(
                        program("slowhttptest"), *flags, cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT
                    )
                    try:
                        waited_s = [0.0]
                        while running.poll() is None:
                            waited_s.append(await asyncio.to_thread(asked_s, street))
                            await clock.sleep(0.5)
                    finally:
                        running.kill()
                        running.wait(10)
                assert max(waited_s) < 1.0
                assert len(waited_s) > ATTACK_S / 2
                assert psutil.Process().memory_info().rss - before < 8 * 2**20
                assert one.refused["http_too_many"] + one.refused["http_too_often"] > 100
                counted = Counter({name: number for name, number in one.refused.items() if name.startswith("http_")})
                assert counted.keys() <= {
                    "http_too_many",
                    "http_too_often",
                    "http_slow",
                    "http_malformed",
                    "http_path",
                    "http_method",
                }

        home.loop(main)


def asked_s(street: Network) -> float:
    """How long an appliance waits for the description (s); infinite when it gets none."""
    asking = ("-s", "--interface", APPLIANCE, "--max-time", "5", "-o", "/dev/null", "-w", "%{http_code} %{time_total}")
    code, _, took = street.run(program("curl"), *asking, f"http://{OURS}:8465/device.xml").stdout.partition(" ")
    return float(took) if code == "200" else float("inf")
