"""Appliances from the gateway's side: met, named, followed, given up and found again."""

from dataclasses import replace

import pytest

from drivers.upnp.parts import GoneWhy
from heg.model.appliances import CycleOffer, WakeMethod
from heg.model.capabilities import ApplianceCapability
from heg.model.records import DeviceStatus
from heg.runtime.clock import Clock
from tests.drivers.upnp.home import CARD, OURS, a_home, met
from tests.drivers.upnp.peer import Peer, a_cycle, http_answer, soap_answer
from tests.support.stepped import stepped


@stepped
async def test_one_that_is_found_is_a_device_with_its_state(clock: Clock) -> None:
    async with met(clock, Peer(cycle=a_cycle())) as (home, peer):
        assert home.value("state.power", "kettle-1") == "on"
        record = home.record("kettle-1")
        assert record.identity == f"uuid:{peer.uuid}"
        assert (record.address, record.hardware, record.protocol) == ("127.0.0.11", CARD, "upnp")
        assert record.capabilities == (ApplianceCapability(2.1, wake=WakeMethod.WOL),)
        assert peer.arguments[0] == {"UUID": OURS, "Address": "127.0.0.1"}
        offer = home.value("cycle.offer", "kettle-1")
        assert isinstance(offer, CycleOffer)
        assert (offer.id, offer.name) == ("c1", "eco")
        assert offer.curve is not None
        assert offer.curve.power_kw == (2.0, 0.3005, 1.5)
    assert peer.asked[-2:] == ["UNSUBSCRIBE", "UNSUBSCRIBE"]
    assert set(peer.statuses) == {200}


@stepped
async def test_it_is_followed_to_another_address(clock: Clock) -> None:
    peer, elsewhere = Peer(), Peer(number=2)
    async with a_home(clock, peer, elsewhere) as home:
        await home.settled(peer)
        elsewhere.number, elsewhere.state = 1, "OFF"
        moved = elsewhere.described
        base = f"http://127.0.0.12:{elsewhere.port}"
        moved = replace(moved, host="127.0.0.12", control_url=f"{base}/control", event_url=f"{base}/event")
        home.appliances.found(moved)
        await home.until(lambda: home.value("state.power", "kettle-1") == "off", within_s=2.0)
        assert home.record("kettle-1").address == "127.0.0.12"
        assert home.manager.devices() == ("kettle-1",)


@stepped
async def test_one_that_goes_before_it_was_met_leaves_nothing(clock: Clock) -> None:
    peer = Peer(silent=True)
    async with a_home(clock, peer) as home:
        home.appliances.found(peer.described)
        await home.until(lambda: home.appliances._appliances[peer.uuid].busy)
        home.appliances.gone(peer.uuid, GoneWhy.BYEBYE)
        await clock.sleep(10.0)
        assert home.manager.devices() == ()


@stepped
async def test_what_was_under_way_at_its_old_address_is_forgotten(clock: Clock) -> None:
    frozen, moved = Peer(silent=True), Peer(number=2)
    async with a_home(clock, frozen, moved) as home:
        home.appliances.found(frozen.described)
        await clock.sleep(1.0)
        home.appliances.found(replace(moved.described, uuid=frozen.uuid))
        await home.until(lambda: home.value("state.power", "kettle-2") == "on", within_s=5.0)
        assert home.refusals("kettle-2") == {}


@stepped
async def test_one_that_is_back_is_not_made_to_wait(clock: Clock) -> None:
    frozen = Peer(silent=True)
    async with a_home(clock, frozen) as home:
        home.appliances.found(frozen.described)
        await clock.sleep(100.0)  # by now it would be asked again in minutes
        frozen.silent = False
        home.appliances.found(frozen.described)
        await home.until(lambda: home.value("state.power", "kettle-1") == "on", within_s=1.0)


@stepped
async def test_no_answer_leads_anywhere_else(clock: Clock) -> None:
    elsewhere = Peer(number=2)
    peer = Peer()
    async with a_home(clock, peer, elsewhere) as home:
        where = f"Location: {elsewhere.described.control_url}\r\n".encode()
        peer.raw["GetPowerState"] = b"HTTP/1.1 307 Elsewhere\r\nContent-Length: 0\r\n" + where + b"\r\n"
        home.appliances.found(peer.described)
        await clock.sleep(1.0)
        assert home.refusals("kettle-1") == {"wrong_type": 1}
        assert not elsewhere.asked


@stepped
async def test_a_card_that_cannot_be_looked_up_again_is_the_one_it_was(clock: Clock) -> None:
    peer = Peer()
    cards = [CARD, ""]
    async with a_home(clock, peer, card=lambda _address, _link: cards.pop(0)) as home:
        await home.settled(peer)
        await home.settled(peer)
        assert not cards
        assert home.record("kettle-1").hardware == CARD


@stepped
async def test_one_that_answers_nonsense_is_attached_and_counted(clock: Clock) -> None:
    bad = http_answer(soap_answer("GetPowerState", "<PowerState>BOILING</PowerState><RegID>0</RegID>"))
    peer = Peer(raw={"GetPowerState": bad, "WakeUpMethod": http_answer(b"x" * 100_000)})
    async with a_home(clock, peer) as home:
        home.appliances.found(peer.described)
        await home.until(lambda: home.manager.devices() == ("kettle-1",), within_s=2.0)
        await clock.sleep(1)
        assert home.refusals("kettle-1") == {"out_of_range": 1}
        peer.raw.pop("GetPowerState")
        await home.until(lambda: home.value("state.power", "kettle-1") == "on", within_s=5.0)
        await home.until(lambda: home.refusals("kettle-1").get("too_large") == 1, within_s=5.0)


@stepped
async def test_one_that_announces_itself_and_does_not_answer_is_lost(clock: Clock) -> None:
    frozen, sound = Peer(silent=True), Peer(number=2)
    async with a_home(clock, frozen, sound) as home:
        home.appliances.found(frozen.described)
        await home.settled(sound)
        await home.until(lambda: len(home.manager.devices()) == 2, within_s=5.0)
        await home.until(lambda: home.record("kettle-1").status is DeviceStatus.LOST, within_s=60.0)
        assert home.record("kettle-2").status is DeviceStatus.ATTACHED
        frozen.silent = False
        await home.until(lambda: home.record("kettle-1").status is DeviceStatus.ATTACHED, within_s=120.0)


@stepped
async def test_one_for_which_the_house_has_no_room_is_asked_ever_more_seldom(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    peer, late = Peer(), Peer(number=2)
    async with a_home(clock, peer, late, most_devices=1) as home:
        await home.settled(peer)
        home.appliances.found(late.described)
        await clock.sleep(60.0)
        assert home.manager.devices() == ("kettle-1",)
        assert late.asked.count("GetPowerState") < 6
        assert len(caplog.records) < 6
        home.manager.remove(home.record("kettle-1"))
        await home.until(lambda: home.manager.devices() == ("kettle-2",), within_s=300.0)
