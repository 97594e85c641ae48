"""A device hosted by async_upnp_client, by which many a home automation speaks UPnP, is found and followed."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from drivers.upnp.config import UpnpConfig
from heg.model.appliances import PowerState
from heg.model.leases import SetPoint
from heg.runtime.clock import Clock
from tests.drivers.upnp.documents import uuid_number
from tests.drivers.upnp.lan import a_lan
from tests.drivers.upnp.street import discovering
from tests.support.namespaces import needs_networks, wired

pytestmark = [needs_networks, pytest.mark.system]
ONE = uuid_number(1)
COMMAND = (sys.executable, "-m", "tests.drivers.upnp.library_appliance", "10.77.0.2")


def test_a_device_of_another_library_is_found_and_gone() -> None:
    async def look(clock: Clock) -> None:
        async with discovering(clock, UpnpConfig(search_mx_s=1, search_interval_s=5.0), []) as found:
            async with asyncio.timeout(30):
                while ONE not in found.record.here:
                    await clock.sleep(0.02)
            here = found.record.here[ONE]
            assert (here.maker, here.model, here.serial) == ("Theirs", "K1", "7")
            assert here.event_url == "http://10.77.0.2:8123/event"
            peer.communicate("quit\n")
            async with asyncio.timeout(10):
                while ONE in found.record.here:
                    await clock.sleep(0.02)
            assert found.record.words(ONE)[-1] == "byebye"

    with wired() as (gateway, street), street.start(*COMMAND, stdin=subprocess.PIPE, text=True) as peer:
        try:
            gateway.loop(look)
        finally:
            peer.kill()


def test_a_device_of_another_library_is_commanded_and_heard() -> None:
    """It leaves the unit of its grant out, and the `uuid:` of its subscriptions."""

    async def live(clock: Clock) -> None:
        async with a_lan(clock, search_interval_s=5.0) as lan:
            await lan.until(lan.manager.devices, within_s=30.0)
            (name,) = lan.manager.devices()
            kept = lan.appliances._appliances[ONE]
            await lan.until(lambda: kept.events.sid and kept.settled)
            for state in (PowerState.STANDBY, PowerState.OFF, PowerState.ON):
                assert await lan.actuator(name).actuator.apply(SetPoint(power_state=state)) is None
                await lan.until(lambda: lan.value("state.power", name) == state.value)  # noqa: B023 - awaited here
            appliance = lan.actuator(name).appliance
            assert appliance is not None
            assert await appliance.standby_period("22:00:00", "06:00:00") == 4
            assert await appliance.withdraw(4) is None
            assert not lan.refused

    with wired() as (gateway, street), street.start(*COMMAND, stdin=subprocess.PIPE, text=True) as peer:
        try:
            gateway.loop(live)
        finally:
            peer.kill()
