"""A device hosted by async_upnp_client, by which many a home automation speaks UPnP, is found and followed."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from drivers.upnp.config import UpnpConfig
from heg.runtime.clock import Clock
from tests.drivers.upnp.street import discovering, uuid_number
from tests.support.namespaces import needs_networks, wired

pytestmark = [needs_networks, pytest.mark.system]
ONE = uuid_number(1)


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

    with wired() as (gateway, street):
        command = (sys.executable, "-m", "tests.drivers.upnp.library_appliance", "10.77.0.2")
        with street.start(*command, stdin=subprocess.PIPE, text=True) as peer:
            try:
                gateway.loop(look)
            finally:
                peer.kill()
