"""Discovery on real links: multicast in both families, and links that come, go and change."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from drivers.upnp.config import UpnpConfig
from heg.runtime.clock import Clock
from tests.drivers.upnp.documents import notify, uuid_number
from tests.drivers.upnp.street import Appliance, Street, discovering
from tests.support.namespaces import WIRE, Network, cable, needs_networks, network, wired
from tests.support.stepped import stepped

pytestmark = needs_networks
ONE = uuid_number(1)
GROUP, GROUP_V6 = "239.255.255.250", "ff02::c"
NEAR, FAR = "10.77.0.1", "10.77.0.2"


@asynccontextmanager
async def on_a_link(clock: Clock, gateway: Network, street: Network, host: str = FAR) -> AsyncIterator[Street]:
    one = Appliance(ONE, host, 1900)
    with gateway.entered():
        await one.start(group=GROUP_V6 if ":" in host else GROUP, inside=street.entered())
        async with discovering(clock, UpnpConfig(search_mx_s=1), [one]) as found:
            yield found


def all_of(one: socket.socket) -> list[bytes]:
    """Everything that has come."""
    came: list[bytes] = []
    with suppress(BlockingIOError):
        while True:
            came.append(one.recv(2048))
    return came


def link_local(net: Network) -> str:
    """Once the kernel is sure that nobody else has it."""
    while "tentative" in (said := net.says("ip", "-6", "-o", "addr", "show", "dev", WIRE, "scope", "link")) or not said:
        pass
    return said.split()[3].partition("/")[0]


@stepped
async def test_an_appliance_on_the_link_is_found_by_search(clock: Clock) -> None:
    with wired() as (gateway, street):
        async with on_a_link(clock, gateway, street) as found:
            await found.until(lambda: ONE in found.record.here, within_s=2.0)
            assert found.record.here[ONE].link.address == NEAR


@stepped
async def test_what_is_announced_to_the_group_is_heard(clock: Clock) -> None:
    with wired() as (gateway, street):
        async with on_a_link(clock, gateway, street) as found:
            [one] = found.appliances
            one.answers_searches = False
            await clock.sleep(5.0)
            assert not found.record.here
            one.say(notify("alive", ONE, one.location), (GROUP, 1900))
            assert await found.until(lambda: ONE in found.record.here) < 0.2
            one.say(notify("byebye", ONE), (GROUP, 1900))
            assert await found.until(lambda: ONE not in found.record.here) < 0.2


@stepped
async def test_an_appliance_of_ipv6_alone_is_found_at_its_link_local_address(clock: Clock) -> None:
    with wired(addresses=((), ())) as (gateway, street):
        theirs, ours = link_local(street), link_local(gateway)
        async with on_a_link(clock, gateway, street, f"{theirs}%{WIRE}") as found:
            await found.until(lambda: ONE in found.record.here, within_s=5.0)
            here = found.record.here[ONE]
            assert here.host == theirs
            assert here.link.address == ours
            assert here.control_url == f"http://[{theirs}]:{found.appliances[0].port}/control"
            found.appliances[0].say(notify("byebye", ONE), (GROUP_V6, 1900, 0, 0))
            await found.until(lambda: ONE not in found.record.here)


@stepped
async def test_one_that_speaks_both_families_is_one_and_goes_on_by_the_other(clock: Clock) -> None:
    with wired() as (gateway, street):
        theirs, _ = link_local(street), link_local(gateway)
        async with on_a_link(clock, gateway, street) as found:
            [four] = found.appliances
            four.max_age = 60
            await found.until(lambda: ONE in found.record.here)
            six = Appliance(ONE, f"{theirs}%{WIRE}", 1900)
            found.appliances.append(six)
            await six.start(group=GROUP_V6, inside=street.entered())
            six.say(notify("alive", ONE, six.location), (GROUP_V6, 1900, 0, 0))
            await clock.sleep(20.0)
            assert found.record.words(ONE) == ["found"]
            assert found.record.here[ONE].host == FAR
            await four.stop()
            await found.until(lambda: found.record.here[ONE].host == theirs, within_s=2000.0)
            assert found.record.words(ONE) == ["found", "found"]


@stepped
async def test_one_on_the_second_link_is_asked_there_before_its_announcement_runs_out(clock: Clock) -> None:
    with network("gateway") as gateway, network("nobody") as nobody, network("street") as street:
        cable(gateway, nobody, "eth0", WIRE)
        cable(gateway, street, "wlan0", WIRE)
        one = Appliance(ONE, f"{link_local(street)}%{WIRE}", 1900, max_age=60)
        with gateway.entered():
            await one.start(inside=street.entered())
            async with discovering(clock, UpnpConfig(search_mx_s=1, search_interval_s=3600.0), [one]) as found:
                await clock.sleep(5.0)
                with street.entered():
                    index = socket.if_nametoindex(WIRE)
                one.say(notify("alive", ONE, one.location, max_age=60), (GROUP_V6, 1900, 0, index))
                await found.until(lambda: ONE in found.record.here, within_s=5.0)
                await clock.sleep(400.0)
                assert one.searched > 3
                assert found.record.words(ONE) == ["found"]


@stepped
async def test_a_link_that_comes_up_later_is_searched_at_once(clock: Clock) -> None:
    with wired() as (gateway, street):
        gateway.ip(f"link set {WIRE} down")
        async with on_a_link(clock, gateway, street) as found:
            await clock.sleep(10.0)
            assert "no link" in await found.discovery.scan()
            gateway.ip(f"link set {WIRE} up")
            while "state UP" not in gateway.says("ip", "link", "show", WIRE):
                pass  # the kernel takes its time, which no clock of ours holds
            await found.until(lambda: ONE in found.record.here, within_s=5.0)


@stepped
async def test_an_address_that_comes_is_used_and_one_that_goes_is_left(clock: Clock) -> None:
    with wired(addresses=((), (f"{FAR}/16",))) as (gateway, street):
        async with on_a_link(clock, gateway, street) as found:
            await clock.sleep(5.0)
            gateway.addresses(f"{NEAR}/16")
            await found.until(lambda: ONE in found.record.here, within_s=5.0)
            gateway.ip(f"addr del {NEAR}/16 dev {WIRE}", f"addr add 10.77.0.9/16 dev {WIRE}")
            await found.until(lambda: found.record.here[ONE].link.address == "10.77.0.9", within_s=10.0)
            assert found.record.words(ONE) == ["found", "found"]


@stepped
async def test_in_each_network_of_an_interface_the_gateway_has_its_address_there(clock: Clock) -> None:
    """Nobody there answers, or sends an event to, an address of another network."""
    ours = (f"{NEAR}/16", "10.77.9.9/16", *(f"192.168.{number}.1/24" for number in range(100, 104)))
    with wired(addresses=(ours, ("192.168.102.9/24",))) as (gateway, street):
        async with on_a_link(clock, gateway, street, "192.168.102.9") as found:
            await found.until(lambda: ONE in found.record.here, within_s=3.0)
            assert found.record.here[ONE].link.address == "192.168.102.1"
            assert found.record.words(ONE) == ["found"]
            [one] = found.appliances
            one.say(notify("byebye", ONE, one.location), (GROUP, 1900))
            assert await found.until(lambda: ONE not in found.record.here) < 0.2


@stepped
async def test_an_appliance_that_is_renumbered_is_followed(clock: Clock) -> None:
    with wired() as (gateway, street):
        async with on_a_link(clock, gateway, street) as found:
            [one] = found.appliances
            await found.until(lambda: ONE in found.record.here)
            await one.stop()
            street.ip(f"addr del {FAR}/16 dev {WIRE}", f"addr add 10.77.3.3/16 dev {WIRE}")
            moved = Appliance(ONE, "10.77.3.3", 1900)
            found.appliances.append(moved)
            await moved.start(group=GROUP, inside=street.entered())
            moved.say(notify("alive", ONE, moved.location), (GROUP, 1900))
            assert await found.until(lambda: found.record.here[ONE].host == "10.77.3.3", within_s=20.0) < 5.0


@stepped
async def test_who_sends_from_another_network_is_not_heard(clock: Clock) -> None:
    with wired(addresses=((f"{NEAR}/16",), (f"{FAR}/16", "172.16.5.5/16"))) as (gateway, street):
        async with on_a_link(clock, gateway, street) as found:
            await found.until(lambda: ONE in found.record.here)
            with street.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.bind(("172.16.5.5", 0))
                member = socket.inet_aton("172.16.5.5")
                stranger.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, member)
                stranger.sendto(notify("alive", uuid_number(2), "http://172.16.5.5:80/x"), (GROUP, 1900))
                stranger.sendto(notify("byebye", ONE), (GROUP, 1900))
            await clock.sleep(20.0)
            assert found.record.words(ONE) == ["found"]
            assert len(found.discovery.table) == 1
            assert not found.discovery.complaints.counts, "nor complained of"


@stepped
async def test_on_loopback_with_multicast_announcements_are_heard(clock: Clock) -> None:
    with network("alone", multicast_on_loopback=True) as alone, alone.entered():
        one = Appliance(ONE, "127.0.0.11", 1900)
        await one.start(group=GROUP)
        async with discovering(clock, UpnpConfig(interfaces=("lo",), search_mx_s=1), [one]) as found:
            await found.until(lambda: ONE in found.record.here, within_s=2.0)
            one.say(notify("byebye", ONE), (GROUP, 1900))
            assert await found.until(lambda: ONE not in found.record.here) < 0.2


@stepped
async def test_loopback_is_not_searched_unless_it_is_named(clock: Clock) -> None:
    with network("alone", multicast_on_loopback=True) as alone, alone.entered():
        one = Appliance(ONE, "127.0.0.11", 1900)
        await one.start(group=GROUP)
        async with discovering(clock, UpnpConfig(search_mx_s=1), [one]) as found:
            await clock.sleep(20.0)
            assert one.searched == 0
            one.say(notify("alive", ONE, one.location), (GROUP, 1900))
            await clock.sleep(5.0)
            assert not found.record.here


@stepped
async def test_a_port_that_somebody_holds_for_himself_is_tried_again(clock: Clock) -> None:
    with wired() as (gateway, street):
        with gateway.entered():
            holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            holder.bind(("", 1900))
        async with on_a_link(clock, gateway, street) as found:
            [one] = found.appliances
            await found.until(lambda: ONE in found.record.here)  # searching works meanwhile
            holder.close()
            await clock.sleep(60.0)
            one.say(notify("byebye", ONE), (GROUP, 1900))
            assert await found.until(lambda: ONE not in found.record.here) < 0.2


@stepped
async def test_two_gateways_on_one_machine_have_a_port_each(clock: Clock) -> None:
    with wired() as (gateway, street):
        async with on_a_link(clock, gateway, street) as found:
            with gateway.entered():
                async with discovering(clock, UpnpConfig(search_mx_s=1), []) as second:
                    await second.until(lambda: ONE in second.record.here, within_s=3.0)
                    await found.until(lambda: ONE in found.record.here, within_s=3.0)


@stepped
async def test_a_program_that_wants_port_1900_keeps_what_is_meant_for_it(clock: Clock) -> None:
    with wired() as (gateway, street):
        with gateway.entered():
            early = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            early.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            early.bind(("", 1900))
        early.setblocking(False)
        async with on_a_link(clock, gateway, street):
            await clock.sleep(60.0)
            with street.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
                asker.sendto(b"to that program", (NEAR, 1900))
            assert b"to that program" in all_of(early)
            early.close()
            await clock.sleep(60.0)  # now it is ours
            with gateway.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late:
                with pytest.raises(OSError, match="in use"):
                    late.bind(("", 1900))
                late.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                late.bind(("", 1900))
                late.setblocking(False)
                await clock.sleep(60.0)
                with street.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
                    asker.sendto(b"to the later one", (NEAR, 1900))
                assert b"to the later one" in all_of(late)
