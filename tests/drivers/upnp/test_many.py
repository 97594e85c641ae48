"""A whole street of reference appliances, found in real time over a cable."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from appliance.simulated import SimulatedAppliance
from appliance.upnp.description import Identity
from appliance.upnp.device import Place
from appliance.upnp.ground import Ground
from drivers.upnp.config import UpnpConfig
from heg.runtime.clock import Clock
from tests.drivers.upnp.documents import uuid_number
from tests.drivers.upnp.street import discovering
from tests.support.namespaces import needs_networks, wired

pytestmark = [needs_networks, pytest.mark.system]
MX_S = 1


async def a_street_of(many: int, clock: Clock, stop: asyncio.Event) -> None:
    ground = Ground()
    async with AsyncExitStack() as stack:
        stack.callback(ground.close)
        for number in range(many):
            place = Place(f"10.77.1.{number + 1}" if number < 250 else f"10.77.2.{number - 249}")
            one = SimulatedAppliance(Identity(uuid_number(number), f"number {number}"), ground, clock, place)
            stack.push_async_callback(one.stop, goodbye=False)
            await one.start()
        await stop.wait()


def test_a_hundred_and_sixty_that_answer_one_search_are_all_found() -> None:
    """Within MX and a second: `./dev bench upnp`."""
    many = 160

    async def look(clock: Clock) -> None:
        await clock.sleep(1.0)  # their own announcements are over
        began_s = clock.real_s()
        async with discovering(clock, UpnpConfig(search_mx_s=MX_S), []) as found:
            while len(found.record.here) < many:
                assert clock.real_s() - began_s < MX_S + 30.0, f"{len(found.record.here)} of {many}"
                await clock.sleep(0.05)
            assert not found.discovery.complaints.counts

    with wired() as (gateway, street):
        street.addresses(*(f"10.77.1.{number + 1}/16" for number in range(many)))
        with street.beside(lambda clock, stop: a_street_of(many, clock, stop)):
            gateway.loop(look)
