"""Actions, events and discovery with devices that nobody here wrote, in networks of the tests' own."""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.upnp import gena, soap
from drivers.upnp.actions import Action, Argument
from drivers.upnp.actions import Kind as ArgumentKind
from drivers.upnp.client import HttpClient
from drivers.upnp.events import Kept, Subscriber, Subscription
from drivers.upnp.gena import Message, Order
from drivers.upnp.parts import Caller, Described, Link
from drivers.upnp.server import HttpServer, events_to
from drivers.upnp.ssdp.packet import Kind
from heg.model.appliances import PowerState, WakeMethod
from heg.model.leases import SetPoint
from heg.model.records import DeviceStatus
from heg.model.refusals import Refusal
from heg.runtime.clock import Clock
from tests.drivers.upnp.documents import device_xml, scpd
from tests.drivers.upnp.lan import PORT, Lan, Program, a_lan, described, running
from tests.support.namespaces import WIRE, Network, needs_networks, wired
from tests.support.peers import SOURCES, SYSTEM_PYTHON, built_on_libupnp, needs, needs_gupnp, needs_libupnp, program

pytestmark = [needs_networks, pytest.mark.system]

SWITCH = "urn:schemas-upnp-org:service:SwitchPower:1"
RENDERING = "urn:schemas-upnp-org:service:RenderingControl:1"
FOUR, SIX = Link(WIRE, "10.77.0.1"), Link(WIRE, "fd77::1")
_GUPNP = "import gi; gi.require_version('GUPnP', '1.6')"


class Ear:
    """Takes the events of one subscription, as the driver's server hands them in."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.subscription = Subscription()
        self.heard: list[Mapping[str, str]] = []
        self.orders: list[Order] = []

    def notified(self, place: str, headers: Mapping[str, str], body: bytes, caller: Caller) -> int:
        message = gena.message(headers, body)
        assert isinstance(message, Message), (message, dict(headers), body)
        order = self.subscription.take(message, self.clock.monotonic_s())
        if isinstance(order, int):
            return order
        self.orders.append(order)
        self.heard.append(message.values)
        return 200


class Asking:
    """The driver's client, subscriber and server towards one service of a device."""

    def __init__(self, clock: Clock, client: HttpClient, there: Described) -> None:
        self.clock, self.client, self.there = clock, client, there
        self.ear = Ear(clock)
        self.subscriber = Subscriber(client, PORT)

    async def call(self, action: Action, **values: soap.Value) -> soap.Answer | soap.Fault | Refusal:
        body = soap.encode(action, values)
        assert isinstance(body, bytes), body
        headers = {"Content-Type": 'text/xml; charset="utf-8"', "SOAPACTION": soap.header(action)}
        answer = await self.client.ask(
            "POST", self.there.control_url, self.there.link, headers=headers, body=body, most_bytes=8192
        )
        assert not isinstance(answer, Refusal), answer
        return soap.decode(action, answer.status, answer.body)

    async def keep(self) -> Kept:
        kept = await self.subscriber.keep(
            self.ear.subscription, self.there.event_url, self.there.link, "p", self.clock.monotonic_s()
        )
        assert isinstance(kept, Kept), kept
        return kept

    async def hears(self, wanted: str) -> None:
        async with asyncio.timeout(5):
            while not any(wanted in text for values in self.ear.heard for text in values.values()):
                await self.clock.sleep(0.01)


def asking(net: Network, there: Described, talk: object) -> None:
    """Run `talk(asking)` on a loop of the network's own, the driver's server beside it."""

    async def main(clock: Clock) -> None:
        async with HttpClient(clock) as client:
            one = Asking(clock, client, there)
            server = HttpServer(clock, PORT, [events_to(one.ear)], Counter())
            server.listen((there.link,))
            serving = asyncio.create_task(server.run())
            try:
                async with asyncio.timeout(5):
                    while not server.places:
                        await clock.sleep(0.01)
                await talk(one)  # type: ignore[operator]
            finally:
                serving.cancel()
                await asyncio.wait([serving])

    net.loop(main)


@needs("xvfb-run", "gupnp-network-light", "gssdp-discover")
@pytest.mark.parametrize("host", ["10.77.0.2", "fd77::2", "link-local"])
def test_a_light_of_gupnp(host: str) -> None:
    set_target = Action(SWITCH, "SetTarget", (Argument("newTargetValue", ArgumentKind.TRUTH),))
    get_status = Action(SWITCH, "GetStatus", (), (Argument("ResultStatus", ArgumentKind.TRUTH),))

    async def talk(one: Asking) -> None:
        await one.keep()
        await one.hears("0")
        assert await one.call(get_status) == {"ResultStatus": False}
        assert await one.call(set_target, newTargetValue=True) == {}
        await one.hears("1")
        assert await one.call(get_status) == {"ResultStatus": True}
        assert not (await one.keep()).missed  # prolonged
        await one.call(set_target, newTargetValue=False)
        async with asyncio.timeout(5):
            while len(one.ear.heard) < 3:
                await one.clock.sleep(0.01)
        assert set(one.ear.orders) == {Order.NEXT}
        unknown = await one.call(Action(SWITCH, "Explode"))
        assert isinstance(unknown, soap.Fault)
        assert unknown.code == 401
        await one.subscriber.end(one.ear.subscription, one.there.event_url, one.there.link)
        await one.call(set_target, newTargetValue=True)
        await one.clock.sleep(0.2)
        assert len(one.ear.heard) == 3

    with wired() as (near, far):
        if host == "link-local":
            host = far.link_local()
        link = FOUR if ":" not in host else Link(WIRE, near.link_local()) if host.startswith("fe80") else SIX
        environment = {**os.environ, "NO_AT_BRIDGE": "1"}
        command = ("xvfb-run", "-a", "gupnp-network-light", "-p", "49200")
        with running(far, *command, ready=r"on port 49200", env=environment):
            where = near.says("gssdp-discover", "-i", WIRE, "--timeout=3", "-t", SWITCH)
            found = re.search(r"http://[^/]*(/\S+)", where)
            assert found is not None, where
            there = described(near, SWITCH, host="10.77.0.2", port=49200, path=found[1], link=link)
            asking(near, _at(there, "10.77.0.2", host), talk)


@needs("gmediarender")
def test_a_renderer_of_libupnp() -> None:
    which = (Argument("InstanceID", ArgumentKind.WHOLE), Argument("Channel"))
    set_volume = Action(RENDERING, "SetVolume", (*which, Argument("DesiredVolume", ArgumentKind.WHOLE)))
    get_volume = Action(RENDERING, "GetVolume", which, (Argument("CurrentVolume", ArgumentKind.WHOLE, high=100),))

    async def talk(one: Asking) -> None:
        await one.keep()
        await one.hears("Volume")
        assert await one.call(set_volume, InstanceID=0, Channel="Master", DesiredVolume=37) == {}
        assert await one.call(get_volume, InstanceID=0, Channel="Master") == {"CurrentVolume": 37}
        await one.hears('val="37"')
        assert not (await one.keep()).missed
        assert set(one.ear.orders) == {Order.NEXT}
        unknown = await one.call(Action(RENDERING, "Explode"))
        assert isinstance(unknown, soap.Fault)
        assert unknown.code == 501  # its own word for it
        await one.subscriber.end(one.ear.subscription, one.there.event_url, one.there.link)

    with wired() as (near, far):
        command = (
            program("gmediarender"),
            "--gstout-audiosink=fakesink",
            "-I",
            WIRE,
            "-p",
            "49494",
            "--logfile=stdout",
        )
        with running(far, *command, ready="Ready for rendering"):
            there = described(near, RENDERING, host="10.77.0.2", port=49494, path="/description.xml", link=FOUR)
            asking(near, there, talk)


@needs_gupnp()
@pytest.mark.parametrize(
    "addresses", [(["10.77.0.1/16"], ["10.77.0.2/16"]), (["fd77::1/64"], ["fd77::2/64"])], ids=["IPv4", "IPv6"]
)
def test_an_appliance_hosted_by_gupnp(tmp_path: Path, addresses: tuple[list[str], list[str]]) -> None:
    folder = _described_in(tmp_path, "7e57ab1e-0000-4000-8000-000000000009")
    with wired(addresses=addresses) as (near, far):
        where = addresses[1][0].partition("/")[0] if "." in addresses[1][0] else far.link_local()
        script = (SYSTEM_PYTHON, "-W", "ignore", SOURCES / "gupnp_appliance.py", WIRE, where, folder)
        with running(far, *script, ready="ready") as kettle:
            near.loop(lambda clock: _whole_life(clock, kettle, far.card(), WakeMethod.WOL, goodbyes_first=True))


@needs_libupnp()
def test_an_appliance_hosted_by_libupnp(tmp_path: Path) -> None:
    uuid = "7e57ab1e-0000-4000-8000-00000000000c"
    _described_in(tmp_path, uuid)
    built = built_on_libupnp(SOURCES / "libupnp_appliance.c", tmp_path / "appliance")
    with wired() as (near, far):
        far.ip(f"route add 224.0.0.0/4 dev {WIRE}")  # it sends to the group by the routes alone
        with running(far, built, WIRE, tmp_path, uuid, ready="ready") as kettle:
            near.loop(lambda clock: _whole_life(clock, kettle, far.card(), WakeMethod.WOWLAN))


def _described_in(folder: Path, uuid: str) -> Path:
    """The documents that a library's appliance serves, in a folder."""
    (folder / "device.xml").write_bytes(device_xml(uuid, model="Kettle"))
    (folder / "scpd.xml").write_bytes(scpd())
    return folder


async def _whole_life(
    clock: Clock, kettle: Program, card: str, wake: WakeMethod, *, goodbyes_first: bool = False
) -> None:
    """Found, asked, heard, ordered, refused, registered at, and gone with a goodbye."""
    async with a_lan(clock) as lan:
        await lan.until(lan.manager.devices)
        (name,) = lan.manager.devices()
        await lan.until(lambda: lan.value("state.power", name) == "on")
        await lan.until(lambda: lan.record(name).hardware == card)
        if goodbyes_first:  # one that was found before them and has just said one is not asked
            await lan.until(lambda: Kind.ALIVE in lan.heard)
            await lan.until(lambda: lan.is_discovered(name))
        assert lan.record(name).capabilities[0].wake is wake  # type: ignore[union-attr]
        actuator = lan.actuator(name).actuator
        assert await actuator.apply(SetPoint(power_state=PowerState.STANDBY)) is None
        kettle.says("GoToStandby")
        await lan.until(lambda: lan.value("state.power", name) == "standby")
        kettle.tell("become OFF")
        await lan.until(lambda: lan.value("state.power", name) == "off")
        kettle.tell("refuse 802")
        await _refused(lan, name)
        kettle.tell("refuse 0")
        appliance = lan.actuator(name).appliance
        assert appliance is not None
        assert await appliance.standby_period("22:00:00", "06:00:00") == 4
        assert await appliance.withdraw(4) is None
        kettle.tell("become ON")
        await lan.until(lambda: lan.value("state.power", name) == "on")
        assert lan.refused == {}
        kettle.ends()
        await lan.until(lambda: lan.record(name).status is DeviceStatus.LOST)
        assert "said goodbye" in lan.record(name).detail


async def _refused(lan: Lan, name: str) -> None:
    async with asyncio.timeout(5):
        while (refusal := await lan.actuator(name).actuator.apply(SetPoint(power_state=PowerState.OFF))) is None:
            await lan.clock.sleep(0.02)
    assert "802 (busy): not while it boils" in refusal.came
    assert lan.value("state.power", name) == "off"


def _at(there: Described, before: str, host: str) -> Described:
    """The same device at another of its addresses."""
    named = f"[{host}]" if ":" in host else host
    return replace(
        there,
        host=host,
        control_url=there.control_url.replace(before, named),
        event_url=there.event_url.replace(before, named),
    )
