"""An appliance that really sleeps: its network is off, and its card hears nothing but the magic packet."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from appliance.model import Kind
from appliance.simulated import SimulatedAppliance
from appliance.upnp.description import Identity
from appliance.upnp.device import Place
from appliance.upnp.ground import Ground
from drivers.upnp.parts import Caller
from drivers.upnp.wake import SecureOn
from heg.devices.contract import ReadBack
from heg.model.appliances import PowerState, WakeMethod
from heg.model.leases import SetPoint
from heg.model.records import DeviceStatus
from heg.model.refusals import Refusal
from heg.runtime.clock import Clock
from heg.runtime.secrets import SecretReference
from hil.appliances.magic import MagicEar, Sleeper, mac_bytes
from tests.drivers.upnp.lan import Lan, a_lan
from tests.support.namespaces import WIRE, Network, needs_networks, wired

pytestmark = [needs_networks, pytest.mark.system]

UUID = "7e57ab1e-0000-4000-8000-000000000042"
ON, STANDBY = SetPoint(power_state=PowerState.ON), SetPoint(power_state=PowerState.STANDBY)


async def a_sleeper(clock: Clock, stop: asyncio.Event, card: str, password: bytes, *, goodbye: bool) -> None:
    """Live until stopped: in standby the network is off until the card hears its packet, and then it is on."""
    changing: set[asyncio.Task[None]] = set()
    ground = Ground()
    ear = MagicEar()

    def took(state: PowerState) -> None:
        if state is not PowerState.ON:
            changing.add(asyncio.ensure_future(sleep()))

    async def sleep() -> None:
        await one.upnp.told(2.0)
        await one.stop(goodbye=goodbye)
        ear.waits("kettle", Sleeper(mac_bytes(card), lambda: changing.add(asyncio.ensure_future(wake())), password))

    async def wake() -> None:
        await one.start()
        one.press(PowerState.ON)

    one = SimulatedAppliance(
        Identity(UUID, "kettle"), ground, clock, Place("10.77.0.2"), kind=Kind(WakeMethod.WOL, 2000), sink=took
    )
    await one.start()
    try:
        await stop.wait()
    finally:
        await asyncio.gather(*changing)
        await one.stop(goodbye=False)
        ground.close()
        ear.close()


@pytest.mark.parametrize("goodbye", [True, False])
def test_it_is_put_to_standby_and_woken_again(tmp_path: Path, goodbye: bool) -> None:
    secret = tmp_path / "password"
    secret.write_text("0a:1b:2c:3d:4e:5f")
    secret.chmod(0o600)
    password = bytes.fromhex("0a1b2c3d4e5f")

    async def life(clock: Clock) -> None:
        async with a_lan(clock, secure_on=SecureOn({UUID: SecretReference(file=str(secret))})) as lan:
            await lan.until(lambda: lan.manager.devices() and lan.record("kettle").hardware)
            await _sleeps(lan, goodbye=goodbye)
            actuator = lan.actuator("kettle").actuator
            assert await actuator.apply(ON) is None
            took_s = await lan.until(lambda: lan.value("state.power", "kettle") == "on")
            assert took_s < 5.0
            assert await actuator.read_back() == ReadBack(True, ON)
            await lan.until(lambda: lan.appliances.is_at(UUID, Caller("10.77.0.2", WIRE)))

    with wired() as (near, far):
        card = _card(far)
        with far.beside(lambda clock, stop: a_sleeper(clock, stop, card, password, goodbye=goodbye)):
            near.loop(life)


def test_without_its_password_it_sleeps_on() -> None:
    async def life(clock: Clock) -> None:
        async with a_lan(clock) as lan:
            await lan.until(lambda: lan.manager.devices() and lan.record("kettle").hardware)
            await _sleeps(lan, goodbye=True)
            assert await lan.actuator("kettle").actuator.apply(ON) is None
            await clock.sleep(1.5)  # two rounds of packets
            assert lan.value("state.power", "kettle") == "standby"
            assert lan.record("kettle").status is DeviceStatus.ATTACHED

    with wired() as (near, far):
        card = _card(far)
        with far.beside(lambda clock, stop: a_sleeper(clock, stop, card, b"\1\2\3\4\5\6", goodbye=True)):
            near.loop(life)


async def _sleeps(lan: Lan, *, goodbye: bool) -> None:
    assert await lan.actuator("kettle").actuator.apply(STANDBY) is None
    await lan.until(lambda: lan.value("state.power", "kettle") == "standby")
    if goodbye:
        await lan.until(lambda: not lan.is_discovered("kettle"))
        return
    described = lan.appliances._appliances[UUID].described
    assert described is not None
    assert lan.appliances.calls is not None
    while not isinstance(await lan.appliances.calls.power_state(described), Refusal):
        await lan.clock.sleep(0.02)


def _card(net: Network) -> str:
    found = re.search(r"link/ether (\S+)", net.says("ip", "link", "show", WIRE))
    assert found is not None
    return found[1]
