"""Appliances that sleep and are woken: packets, their password, and what confirms them."""

from pathlib import Path

import pytest

from drivers.upnp.parts import GoneWhy
from drivers.upnp.wake import SecureOn
from heg.devices.contract import DeviceInfo, ReadBack
from heg.model.appliances import WakeMethod
from heg.model.capabilities import ApplianceCapability
from heg.model.refusals import Refusal
from heg.runtime.clock import Clock
from heg.runtime.secrets import SecretReference
from tests.drivers.upnp.home import CARD, OFF, ON, a_home, met
from tests.drivers.upnp.peer import Peer
from tests.support.stepped import stepped


@stepped
async def test_one_that_sleeps_is_woken_and_confirmed_by_its_return(clock: Clock) -> None:
    async with met(clock) as (home, peer):
        await home.goes_to_sleep(peer)
        actuator = home.kettle
        assert await actuator.apply(ON) is None
        assert len(home.packets) == 1
        await clock.sleep(10)
        assert len(home.packets) == 4  # at 0, 1, 3 and 7 s
        assert {one.payload for one in home.packets} == {b"\xff" * 6 + bytes.fromhex(CARD.replace(":", "")) * 16}
        assert await actuator.apply(ON) is None
        assert len(home.packets) == 4
        await home.settled(peer)  # back, and still in standby: it is ordered on
        await home.until(lambda: peer.state == "ON", within_s=2.0)
        await clock.sleep(60)
        assert len(home.packets) == 4
        assert await actuator.read_back() == ReadBack(True, ON)


@stepped
async def test_an_event_of_a_sleeper_is_its_return_too(clock: Clock) -> None:
    async with met(clock) as (home, peer):
        await peer.become("Standby")
        home.appliances.gone(peer.uuid, GoneWhy.EXPIRED)
        assert await home.kettle.apply(ON) is None
        await peer.become("ON")
        assert home.value("state.power", "kettle-1") == "on"
        await clock.sleep(60)
        assert len(home.packets) == 1


@stepped
async def test_one_that_does_not_wake_is_told_as_failed(clock: Clock) -> None:
    async with met(clock, Peer(state="OFF")) as (home, peer):
        home.appliances.gone(peer.uuid, GoneWhy.BYEBYE)
        assert await home.kettle.apply(ON) is None
        await clock.sleep(89)
        assert home.refusals("kettle-1") == {}
        await clock.sleep(2)
        assert home.refusals("kettle-1") == {"timeout": 1}
        count = len(home.packets)
        assert count == 9  # at 0, 1, 3, 7, 15, 30, 45, 60, 75 s, and no more than that fit
        await clock.sleep(100)
        assert len(home.packets) == count


@stepped
async def test_one_that_fell_asleep_without_a_word_is_woken_too(clock: Clock) -> None:
    async with met(clock) as (home, peer):
        await peer.become("Standby")
        await peer.stop()
        actuator = home.kettle
        assert await actuator.apply(ON) is None
        assert len(home.packets) == 1
        await clock.sleep(8)
        assert len(home.packets) >= 3
        peer.state = "ON"  # it wakes up where it was, and discovery has nothing new to say of it
        await peer.start()
        await home.until(lambda: home.value("state.power", "kettle-1") == "on", within_s=20.0)
        count = len(home.packets)
        await clock.sleep(100)
        assert len(home.packets) == count


@pytest.mark.parametrize("last", ["OFF", "Standby"])
@pytest.mark.parametrize("asleep", [True, False])
@stepped
async def test_one_that_is_wanted_off_again_is_not_woken_any_more(clock: Clock, last: str, asleep: bool) -> None:
    async with met(clock) as (home, peer):
        await peer.become(last)
        await peer.stop()
        if asleep:  # else it went without a word
            home.appliances.gone(peer.uuid, GoneWhy.EXPIRED)
        assert await home.kettle.apply(ON) is None
        assert len(home.packets) == 1
        await home.kettle.apply(OFF)
        await clock.sleep(60)
        assert len(home.packets) == 1
        await peer.start()
        home.appliances.found(peer.described)  # its owner switches it on
        await clock.sleep(60)
        assert "OperationOn" not in peer.asked


def earlier(number: int, name: str) -> DeviceInfo:
    capability = ApplianceCapability(1.5, wake=WakeMethod.WOWLAN)
    uuid, host = Peer(number=number).uuid, Peer(number=number).host
    return DeviceInfo(f"uuid:{uuid}", "Peer", "Kettle", f"K{number}", "", "upnp", host, (capability,), name, CARD)


@stepped
async def test_one_known_from_before_is_woken_though_nobody_found_it(clock: Clock) -> None:
    peer = Peer(state="OFF")
    known = (earlier(1, "kettle-1"), earlier(2, "was-on"), earlier(3, "never-said"))
    last = {known[0].identity: "off", known[1].identity: "on"}
    async with a_home(clock, peer, earlier=known, last=last) as home:
        assert home.manager.devices() == ("kettle-1",)  # whoever was on is found, or lost
        actuator = home.kettle
        assert await actuator.read_back() == ReadBack(True, OFF)
        assert await actuator.apply(ON) is None
        assert [one.address for one in home.packets] == [peer.host]
        await home.settled(peer)
        assert home.record("kettle-1").capabilities == (ApplianceCapability(1.5, wake=WakeMethod.WOL),)
        assert peer.state == "ON"


@stepped
async def test_the_password_of_a_card_goes_with_its_packets(clock: Clock, tmp_path: Path) -> None:
    peer = Peer()
    file = tmp_path / "password"
    file.write_text("10.20.30.40")
    file.chmod(0o600)
    async with a_home(clock, peer, secure_on=SecureOn({peer.uuid.upper(): SecretReference(file=str(file))})) as home:
        await home.settled(peer)
        await peer.become("OFF")
        home.appliances.gone(peer.uuid, GoneWhy.BYEBYE)
        actuator = home.kettle
        assert await actuator.apply(ON) is None
        assert home.packets[0].payload.endswith(bytes((10, 20, 30, 40)))
        await actuator.release()
        file.unlink()
        refusal = await actuator.apply(ON)
        assert isinstance(refusal, Refusal)
        assert str(file) in refusal.came
        assert len(home.packets) == 1


@stepped
async def test_one_that_cannot_be_woken_says_so_and_nothing_is_wrong_with_that(clock: Clock) -> None:
    async with met(clock, Peer(faults={"WakeUpMethod": (501, "it cannot be woken over the network")})) as (home, peer):
        await clock.sleep(5)
        assert "WakeUpMethod" in peer.asked
        assert home.refusals("kettle-1") == {}
