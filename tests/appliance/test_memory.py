"""How much memory a farm of appliances takes: the rig runs 320 of them in one process."""

from __future__ import annotations

import subprocess
import sys

import pytest

MOST_KIB_EACH = 40

_FARM = """
import gc
from appliance.simulated import SimulatedAppliance
from appliance.upnp.description import Identity
from appliance.upnp.device import Place
from appliance.upnp.ground import Ground
from heg.runtime.loops import RealTiming, run

def resident():
    gc.collect()
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

async def main(clock):
    ground, farm, marks = Ground(port=19_044), [], []
    for number in range(320):
        identity = Identity(f"0cf4c7a6-5a12-4d1c-9a3e-{number:012d}", f"appliance {number}")
        place = Place(f"127.0.{50 + number // 200}.{1 + number % 200}", 8467)
        farm.append(SimulatedAppliance(identity, ground, clock, place))
        await farm[-1].start()
        if number in (159, 319):
            await clock.sleep(0.5)
            marks.append(resident())
    print((marks[1] - marks[0]) / 160, marks[1])
    for one in farm:
        await one.stop()
    ground.close()

run(main, timing=RealTiming())
"""


@pytest.mark.system
def test_three_hundred_and_twenty_in_one_process_take_little() -> None:
    done = subprocess.run([sys.executable, "-c", _FARM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    each, whole = done.stdout.split()
    assert float(each) < MOST_KIB_EACH
    assert int(whole) < 64 * 1024


def test_the_program_loads_no_web_framework_and_no_d_bus_for_nothing() -> None:
    code = "import sys, appliance.cli, appliance.program; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert not loaded & {"aiohttp", "async_upnp_client", "jeepney", "gpiod", "email", "urllib.request", "heg.config"}
