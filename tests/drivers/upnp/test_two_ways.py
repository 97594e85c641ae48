"""A gateway with two interfaces in one network, as by cable and by radio at one router.

The kernel takes one of them for all that it sends there, and routes may change with nobody being told; what comes may
come by either. What an appliance is told of our address must be from where it is asked.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from appliance.simulated import SimulatedAppliance
from appliance.upnp.description import Identity
from appliance.upnp.device import Place
from appliance.upnp.ground import Ground
from drivers.upnp.interfaces import our_address
from drivers.upnp.parts import Link
from heg.model.appliances import PowerState
from heg.model.leases import SetPoint
from heg.runtime.clock import Clock
from tests.drivers.upnp.documents import uuid_number
from tests.drivers.upnp.lan import Lan, a_lan
from tests.support.namespaces import WIRE, Network, cable, needs_networks, network

pytestmark = [pytest.mark.system, needs_networks]

UUID = uuid_number(1)
FAR = "10.77.0.2"
ADDRESSES = {"eth0": "10.77.0.1", "wlan0": "10.77.0.3"}


@contextmanager
def two_ways() -> Iterator[tuple[Network, Network]]:
    """A gateway and a street, joined by a switch."""
    with network("gateway") as gateway, network("switch") as switch, network("street") as street:
        switch.ip("link add bridge type bridge", "link set bridge up")
        for one, interface, port in ((gateway, "eth0", "port1"), (gateway, "wlan0", "port2"), (street, WIRE, "port3")):
            cable(one, switch, interface, port)
            switch.ip(f"link set {port} master bridge")
        street.addresses(f"{FAR}/16")
        yield gateway, street


async def _kettle(clock: Clock, stop: asyncio.Event) -> None:
    ground = Ground()
    one = SimulatedAppliance(Identity(UUID, "kettle"), ground, clock, Place(FAR, 8467))
    await one.start()
    await stop.wait()
    await one.stop()
    ground.close()


@pytest.mark.parametrize("first", ADDRESSES)
def test_an_appliance_is_spoken_to_and_heard_whichever_is_taken(first: str) -> None:
    second = next(name for name in ADDRESSES if name != first)

    async def whole_life(clock: Clock) -> None:
        async with a_lan(clock, interfaces=tuple(ADDRESSES)) as lan:
            await lan.until(lan.manager.devices)
            (name,) = lan.manager.devices()
            await lan.until(lambda: lan.value("state.power", name) == "on")
            here = lan.appliances.kept(UUID)
            assert here is not None
            assert here.described is not None
            assert here.described.link == Link(first, ADDRESSES[first])
            await lan.until(lambda: lan.record(name).hardware == street.card())
            places = lan.discovery.table.places
            await lan.until(lambda: {place.link.name for place in places(UUID)} == set(ADDRESSES))
            before = Counter(lan.refused)  # the first event may come before it is known whose it is
            await _ordered(lan, name, PowerState.STANDBY)
            gateway.ip(f"addr del {ADDRESSES[first]}/16 dev {first}")
            gateway.addresses(f"{ADDRESSES[first]}/16", on=first)  # now the route of the other is the older
            assert our_address(here.described.link, FAR) == ADDRESSES[second]
            assert our_address(here.described.link, "fe80::9") == ADDRESSES[first], "a link of IPv6 is one interface's"
            await _ordered(lan, name, PowerState.ON)
            assert lan.refused == before

    with two_ways() as (gateway, street):
        for interface in (first, second):  # the older route is taken
            gateway.addresses(f"{ADDRESSES[interface]}/16", on=interface)
        with street.beside(_kettle):
            gateway.loop(whole_life)


async def _ordered(lan: Lan, name: str, state: PowerState) -> None:
    """It takes the order, and its event says so."""
    refusal = await lan.actuator(name).actuator.apply(SetPoint(power_state=state))
    assert refusal is None
    await lan.until(lambda: lan.value("state.power", name) == state.value, within_s=5.0)
