"""Two networks joined by a cable: a computer asks to be woken, sleeps, and is woken on time by a magic packet.

The gateway is a process of its own; the computer's network card, a listener on UDP/9, decides by the packet alone.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from heg.model.appliances import PowerState
from heg.runtime.clock import Clock
from hil.appliances.farm import card_of
from hil.appliances.settings import ApplianceSettings
from hil.devices.meter import MeterSettings
from hil.house.appliance import ApplianceConfig
from hil.house.house import Constant, HouseConfig
from hil.rig import Rig, RigPlan
from tests.support.namespaces import WIRE, Network, needs_networks, wired
from tests.support.processes import GatewayProcess, wait_until

pytestmark = [needs_networks, pytest.mark.system]

PORT = 8462


class Computer:
    """A rig with one computer in the far network, told from the test's thread what to do."""

    def __init__(self) -> None:
        self.rig: Rig | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def live(self, clock: Clock, stop: asyncio.Event) -> None:
        settings = ApplianceSettings(
            ApplianceConfig(rated_kw=0.1, initially="on"),
            host="10.77.0.2",
            wake="wol",
            mac=card_of(WIRE),
            sleeps=True,
            boots_s=0.5,
            max_age_s=60,
        )
        house = HouseConfig(batteries={}, producers={})
        plan = RigPlan(house, Constant(0.5), {"meter": MeterSettings()}, appliances={"pc": settings})
        async with Rig(plan, clock) as rig:
            self.rig, self._loop = rig, asyncio.get_running_loop()
            await stop.wait()

    @property
    def state(self) -> PowerState:
        return self._rig.appliances["pc"].state

    @property
    def reachable(self) -> bool:
        return self._rig.appliances["pc"].reachable

    def asks(self, action: str, **arguments: str) -> dict[str, str]:
        assert self._loop is not None
        work = self._rig.appliances["pc"].asks(action, **arguments)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def falls_asleep(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._rig.appliances["pc"].falls_asleep)

    @property
    def _rig(self) -> Rig:
        assert self.rig is not None
        return self.rig


def pc(near: Network) -> dict[str, Any]:
    """What the gateway says of it."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
    try:
        with near.entered():
            connection.request("GET", "/api/v1/appliances")
        found = json.loads(connection.getresponse().read())["appliances"]
    finally:
        connection.close()
    return next((one for one in found if one["device"] == "pc"), {})


def test_a_computer_is_woken_when_it_asked_to_be(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    config = tmp_path / "heg.toml"
    config.write_text(
        f'[unit]\nstate_dir = "{state}"\ntime_zone = "UTC"\n[web]\nport = {PORT}\n[planning]\nenabled = false\n'
        "[contract]\nmax_import_kw = 17.0\nmax_export_kw = 17.0\n[upnp]\n"
        f'[device.pc]\nidentity = "uuid:{ApplianceSettings.uuid_of("pc")}"\nmin_on_minutes = 0\nmin_off_minutes = 0\n'
    )
    computer = Computer()
    with ExitStack() as stack:
        near, far = stack.enter_context(wired("gateway", "computer"))
        stack.enter_context(far.beside(computer.live))
        gateway = GatewayProcess(tmp_path, config, PORT)
        stack.callback(gateway.stop)
        with near.entered():
            gateway.start()
        wait_until(lambda: pc(near).get("wake") == "wol", "the computer is known, and how it is woken")
        wakes = datetime.now(UTC) + timedelta(seconds=8)
        answer = computer.asks("WakeUpTime", Time=f"{wakes:%H:%M:%S}")
        assert int(answer["RegID"]) > 0
        computer.falls_asleep()
        wait_until(lambda: not computer.reachable, "it sleeps, its network is off")
        wait_until(lambda: pc(near).get("power_state") == "standby", "the gateway has been told")
        assert datetime.now(UTC) < wakes, "this machine is too slow for this test"
        wait_until(lambda: computer.state is PowerState.ON, "it is woken")
        late_s = time.time() - wakes.timestamp()
        assert -1.0 <= late_s < 8.0
        wait_until(lambda: pc(near).get("power_state") == "on", "the gateway sees it on")
