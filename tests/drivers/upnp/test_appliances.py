"""Appliances from the gateway's side: met, heard, commanded, lost, asleep, woken, and known again."""

from dataclasses import replace
from pathlib import Path

import pytest

from drivers.upnp.appliance import Appliance
from drivers.upnp.appliances import _is_from
from drivers.upnp.parting import GRACE_S
from drivers.upnp.parts import GoneWhy, Link
from drivers.upnp.wake import SecureOn
from heg.devices.contract import DeviceInfo, OwnerSettings, ReadBack
from heg.model.appliances import CycleOffer, PowerState, WakeMethod
from heg.model.capabilities import ApplianceCapability
from heg.model.instance import Quality
from heg.model.leases import SetPoint
from heg.model.records import DeviceStatus
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock
from heg.runtime.secrets import SecretReference
from tests.drivers.upnp.home import OURS, a_home
from tests.drivers.upnp.peer import Peer, a_cycle, event_body, http_answer, soap_answer
from tests.support.stepped import stepped

ON, STANDBY, OFF = (SetPoint(power_state=state) for state in PowerState.__members__.values())
CARD = "02:00:7f:00:00:0b"


@stepped
async def test_one_that_is_found_is_a_device_with_its_state(clock: Clock) -> None:
    peer = Peer(cycle=a_cycle())
    async with a_home(clock, peer) as home:
        await home.settled(peer)
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
async def test_a_change_comes_as_an_event(clock: Clock) -> None:
    peer = Peer(event_first=False)
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        before = len(peer.asked)
        await peer.notify("<PowerState>ON</PowerState>", skip=-1)
        await peer.become("Standby")
        assert home.value("state.power", "kettle-1") == "standby"
        assert peer.statuses == [200, 200]
        assert len(peer.asked) == before


@stepped
async def test_after_a_gap_the_state_is_asked_for(clock: Clock) -> None:
    peer = Peer()
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        peer.state = "OFF"
        before = peer.asked.count("GetPowerState")
        await peer.notify("<Other>1</Other>", skip=1)
        await home.until(lambda: home.value("state.power", "kettle-1") == "off", within_s=2.0)
        assert peer.asked.count("GetPowerState") == before + 1
        await peer.become("ON")
        assert home.value("state.power", "kettle-1") == "on"


@stepped
async def test_orders_are_carried_out_and_read_back(clock: Clock) -> None:
    peer = Peer()
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        actuator = home.actuator("kettle-1").actuator
        assert await actuator.read_back() == ReadBack(True, ON)
        assert await actuator.apply(STANDBY) is None
        assert peer.state == "Standby"
        assert await actuator.read_back() == ReadBack(True, STANDBY)
        assert await actuator.apply(OFF) is None
        assert await actuator.read_back() == ReadBack(True, OFF)
        assert await actuator.release() is None
        assert peer.state == "ON"
        assert await actuator.read_back() == ReadBack(False, OFF)  # no event told us yet


@stepped
async def test_what_somebody_else_changed_is_not_put_back(clock: Clock) -> None:
    peer = Peer()
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        actuator = home.actuator("kettle-1").actuator
        await actuator.apply(STANDBY)
        await peer.become("OFF")
        assert await actuator.release() is None
        assert peer.state == "OFF"


@stepped
async def test_its_own_judgement_stands_and_is_counted(clock: Clock) -> None:
    peer = Peer(faults={"OperationOff": (802, "the pump\x7f runs"), "GoToStandby": (801, "")})
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        actuator = home.actuator("kettle-1").actuator
        refusal = await actuator.apply(OFF)
        assert isinstance(refusal, Refusal)
        assert refusal.code is RefusalCode.DEVICE_REFUSED
        assert refusal.came == "UPnP error 802 (busy): the pump  runs"
        assert await actuator.read_back() == ReadBack(True, ON)
        assert home.refusals("kettle-1") == {"device_refused": 1}
        peer.state = "Standby"
        peer.faults = {"GoToStandby": (801, "")}


@stepped
async def test_one_that_will_not_be_given_back_has_itself_back(clock: Clock) -> None:
    peer = Peer(state="Standby")
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        actuator = home.actuator("kettle-1").actuator
        await actuator.apply(ON)
        await actuator.read_back()
        peer.faults = {"GoToStandby": (802, "")}
        assert await actuator.release() is None
        assert await actuator.read_back() == ReadBack(False, ON)
        assert home.refusals("kettle-1") == {"device_refused": 1}


@pytest.mark.parametrize("why", list(GoneWhy))
@stepped
async def test_gone_while_on_is_lost_and_comes_back_by_itself(clock: Clock, why: GoneWhy) -> None:
    peer = Peer()
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        home.appliances.gone(peer.uuid, why)
        await clock.sleep(GRACE_S + 0.1 if why is GoneWhy.BYEBYE else 0.0)
        record = home.record("kettle-1")
        assert record.status is DeviceStatus.LOST
        words = {GoneWhy.BYEBYE: "said goodbye", GoneWhy.EXPIRED: "no announcement within its max-age"}
        assert words[why] in record.detail
        found = home.latest("state.power", "kettle-1")
        assert found is not None
        assert found.quality is Quality.STALE
        assert home.appliances.address_of(peer.uuid) is None
        await home.settled(peer)
        assert home.record("kettle-1").status is DeviceStatus.ATTACHED
        assert home.appliances.address_of(peer.uuid) == peer.host
        found = home.latest("state.power", "kettle-1")
        assert found is not None
        assert found.quality is Quality.GOOD


@stepped
async def test_late_news_of_one_that_said_goodbye_does_not_bring_it_back(clock: Clock) -> None:
    peer = Peer()
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        home.appliances.gone(peer.uuid, GoneWhy.BYEBYE)
        await clock.sleep(GRACE_S + 0.1)
        await peer.become("ON")
        assert home.record("kettle-1").status is DeviceStatus.LOST
        await peer.become("Standby")  # but this says why it went
        assert home.record("kettle-1").status is DeviceStatus.ATTACHED
        assert home.value("state.power", "kettle-1") == "standby"
        assert home.appliances.address_of(peer.uuid) is None


@stepped
async def test_gone_after_it_fell_asleep_is_asleep(clock: Clock) -> None:
    peer = Peer()
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        await peer.become("Standby")
        home.appliances.gone(peer.uuid, GoneWhy.BYEBYE)
        assert home.actuator("kettle-1").present
        assert await home.actuator("kettle-1").actuator.read_back() == ReadBack(True, STANDBY)


@stepped
async def test_one_that_sleeps_is_woken_and_confirmed_by_its_return(clock: Clock) -> None:
    peer = Peer()
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        await peer.become("Standby")
        home.appliances.gone(peer.uuid, GoneWhy.BYEBYE)
        actuator = home.actuator("kettle-1").actuator
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
    peer = Peer()
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        await peer.become("Standby")
        home.appliances.gone(peer.uuid, GoneWhy.EXPIRED)
        assert await home.actuator("kettle-1").actuator.apply(ON) is None
        await peer.become("ON")
        assert home.value("state.power", "kettle-1") == "on"
        await clock.sleep(60)
        assert len(home.packets) == 1


@stepped
async def test_one_that_does_not_wake_is_told_as_failed(clock: Clock) -> None:
    peer = Peer(state="OFF")
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        home.appliances.gone(peer.uuid, GoneWhy.BYEBYE)
        assert await home.actuator("kettle-1").actuator.apply(ON) is None
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
    peer = Peer()
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        await peer.become("Standby")
        await peer.stop()
        actuator = home.actuator("kettle-1").actuator
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
        actuator = home.actuator("kettle-1").actuator
        assert await actuator.read_back() == ReadBack(True, OFF)
        assert await actuator.apply(ON) is None
        assert [one.address for one in home.packets] == [peer.host]
        await home.settled(peer)
        assert home.record("kettle-1").capabilities == (ApplianceCapability(1.5, wake=WakeMethod.WOL),)
        assert peer.state == "ON"


@stepped
async def test_what_an_earlier_process_took_in_hand_goes_back_to_what_it_was(clock: Clock) -> None:
    peer = Peer(state="Standby")
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        one = home.actuator("kettle-1")
        assert one.appliance is not None
        one.appliance.inherit(PowerState.ON)
        assert await one.actuator.release() is None
        assert peer.state == "ON"
        assert await one.actuator.release() is None
        assert peer.asked.count("OperationOn") == 1


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
        actuator = home.actuator("kettle-1").actuator
        assert await actuator.apply(ON) is None
        assert home.packets[0].payload.endswith(bytes((10, 20, 30, 40)))
        await actuator.release()
        file.unlink()
        refusal = await actuator.apply(ON)
        assert isinstance(refusal, Refusal)
        assert str(file) in refusal.came
        assert len(home.packets) == 1


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
async def test_subscriptions_are_prolonged_and_begun_anew(clock: Clock) -> None:
    peer = Peer(granted_s=300)
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        await clock.sleep(160)
        assert peer.asked.count("RENEW") == 1
        assert peer.asked.count("GetPowerState") == 2  # and it is asked itself, for the last event may be lost
        peer.subscribed.clear()  # it restarted without a word
        await clock.sleep(150)
        assert peer.asked.count("RENEW") == 2
        assert peer.asked.count("SUBSCRIBE") == 2
        assert home.refusals("kettle-1") == {}
        await peer.become("OFF")
        assert home.value("state.power", "kettle-1") == "off"


@stepped
async def test_one_that_sends_no_events_is_asked_now_and_then(clock: Clock) -> None:
    peer = Peer(sends_events=False)
    async with a_home(clock, peer) as home:
        home.appliances.found(peer.described)
        await home.until(lambda: home.manager.devices() and home.record("kettle-1").hardware, within_s=5.0)
        peer.state = "OFF"
        took_s = await home.until(lambda: home.value("state.power", "kettle-1") == "off", within_s=65.0)
        assert took_s > 30.0
        assert home.refusals("kettle-1") == {"device_refused": 2}


@stepped
async def test_one_that_leaves_the_unit_of_its_grant_out_is_heard(clock: Clock) -> None:
    peer = Peer(timeout="{}")
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        await peer.become("OFF")
        assert home.value("state.power", "kettle-1") == "off"


@pytest.mark.parametrize(
    ("peer", "host", "same"),
    [
        ("10.0.0.9", "10.0.0.9", True),
        ("10.0.0.8", "10.0.0.9", False),
        ("fe80::9", "fe80::9%eth0", True),
        ("fd00::77:1", "fd00::9", True),
        ("fd00:0:0:1::9", "fd00::9", False),
        ("10.0.0.9", "fd00::9", False),
        ("None", "fd00::9", False),
    ],
)
def test_who_sends_an_event_lives_where_it_was_found(peer: str, host: str, same: bool) -> None:
    assert _is_from(peer, host) is same


@stepped
async def test_what_its_owner_removed_makes_room(clock: Clock) -> None:
    one, two, three = (Peer(number=number) for number in (1, 2, 3))
    async with a_home(clock, one, two, three, most=2) as home:
        await home.settled(one, two)
        home.appliances.gone(one.uuid, GoneWhy.BYEBYE)
        home.appliances.found(three.described)
        await clock.sleep(1.0)
        assert home.manager.devices() == ("kettle-1", "kettle-2")  # one that is lost is still the house's
        home.manager.remove(home.record("kettle-1"))
        await home.settled(three)
        assert home.manager.devices() == ("kettle-2", "kettle-3")


@stepped
async def test_one_that_its_owner_removed_is_left_alone_until_it_is_looked_for(clock: Clock) -> None:
    peer = Peer(cycle=a_cycle())
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        home.manager.remove(home.record("kettle-1"))
        await home.until(lambda: peer.asked[-2:] == ["UNSUBSCRIBE", "UNSUBSCRIBE"])
        assert peer.subscribed == {}
        asked = len(peer.asked)
        home.appliances.found(peer.described)  # it restarts
        await clock.sleep(86_400.0)
        assert len(peer.asked) == asked
        assert home.manager.devices() == ()
        assert home.appliances.address_of(peer.uuid) is None
        home.appliances.take_back()
        await home.until(lambda: home.manager.devices() == ("kettle-1",))
        await home.until(lambda: len(peer.subscribed) == 2)


@stepped
async def test_one_that_is_removed_while_it_is_asked_stays_out(clock: Clock) -> None:
    peer = Peer()
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        home.appliances.found(peer.described)
        while not home.appliances._appliances[peer.uuid].busy:
            await clock.sleep(0.0)
        home.manager.remove(home.record("kettle-1"))
        await clock.sleep(10.0)
        assert home.manager.devices() == ()
        assert peer.subscribed == {}


@stepped
async def test_one_that_was_removed_and_went_is_not_asked_by_looking(clock: Clock) -> None:
    peer = Peer()
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        home.manager.remove(home.record("kettle-1"))
        home.appliances.gone(peer.uuid, GoneWhy.BYEBYE)
        home.appliances.take_back()
        await clock.sleep(10.0)
        assert home.manager.devices() == ()
        await home.settled(peer)
        assert home.manager.devices() == ("kettle-1",)


@stepped
async def test_one_that_was_removed_is_wanted_where_its_owner_names_it_anew(clock: Clock) -> None:
    peer = Peer()
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        home.manager.remove(home.record("kettle-1"))
        home.manager.reconfigure((OwnerSettings(name="tea", identity=f"uuid:{peer.uuid}"),), "UTC")
        await home.settled(peer)
        assert home.manager.devices() == ("tea",)


@stepped
async def test_nothing_that_was_agreed_before_a_restart_holds(clock: Clock) -> None:
    peer = Peer()
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        sid, subscriber = peer.subscribed.popitem()
        await home.settled(peer)
        assert len(peer.subscribed) == 1
        assert await peer.send_event(subscriber, sid, "1", event_body("<PowerState>OFF</PowerState>")) == 412


@stepped
async def test_one_that_never_went_keeps_its_subscriber(clock: Clock) -> None:
    peer = Peer(cycle=a_cycle())
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        subscribed = dict(peer.subscribed)
        await home.settled(peer)
        assert peer.subscribed == subscribed
        await peer.become("OFF")
        assert home.value("state.power", "kettle-1") == "off"
        assert set(peer.statuses) == {200}


@stepped
async def test_one_that_is_heard_from_another_address_of_ours_is_subscribed_to_anew(clock: Clock) -> None:
    peer = Peer(cycle=a_cycle())
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        peer.event_first = False
        home.appliances.found(replace(peer.described, link=Link("lo", "127.0.0.2")))
        await home.until(lambda: "127.0.0.2" in {one.host for one in peer.subscribed.values()})


@stepped
async def test_one_that_says_goodbye_and_is_back_at_once_alarms_nobody(clock: Clock) -> None:
    peer = Peer()
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        home.appliances.gone(peer.uuid, GoneWhy.BYEBYE)
        refusal = await home.actuator("kettle-1").actuator.apply(SetPoint(power_state=PowerState.OFF))
        assert refusal is not None  # it is not asked
        assert "OperationOff" not in peer.asked
        await clock.sleep(GRACE_S - 0.1)
        await home.settled(peer)
        await clock.sleep(10.0)
        assert home.latest("alarm", "kettle-1", "lost") is None
        assert home.record("kettle-1").status is DeviceStatus.ATTACHED


@stepped
async def test_one_that_says_goodbye_while_it_works_is_told_to_be_lost_soon(clock: Clock) -> None:
    peer = Peer()
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        home.appliances.gone(peer.uuid, GoneWhy.BYEBYE)
        took_s = await home.until(lambda: home.record("kettle-1").status is DeviceStatus.LOST)
        assert took_s == pytest.approx(GRACE_S, abs=0.1)
        assert home.value("alarm", "kettle-1", "lost").active


def test_one_that_vanishes_before_it_tells_of_an_order_is_where_the_order_put_it() -> None:
    appliance = Appliance("5ac10000-0000-4000-8000-000000000001")
    for before, order, sleeps in ((PowerState.STANDBY, PowerState.ON, False), (PowerState.ON, PowerState.OFF, True)):
        appliance.told(before)
        appliance.accepted = order
        appliance.there = False
        assert appliance.asleep is sleeps
        appliance.told(before)
        assert appliance.asleep is not sleeps, "its own word counts again"


@stepped
async def test_one_whose_last_word_comes_after_its_goodbye_sleeps(clock: Clock) -> None:
    peer = Peer()
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        home.appliances.gone(peer.uuid, GoneWhy.BYEBYE)
        await peer.become("Standby")
        await clock.sleep(10.0)
        assert home.value("state.power", "kettle-1") == "standby"
        assert home.record("kettle-1").status is DeviceStatus.ATTACHED


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
async def test_strangers_events_are_refused_and_kept_nowhere(clock: Clock) -> None:
    peer = Peer()
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        sid, subscriber = next(iter(peer.subscribed.items()))
        body = event_body("<PowerState>OFF</PowerState>")
        assert await peer.send_event(subscriber, "uuid:other", "1", body) == 412
        assert await peer.send_event(subscriber, sid, "1", body, source="127.0.0.99") == 412
        assert await peer.send_event(subscriber, sid, "-1", body) == 400
        assert await peer.send_event(subscriber, sid, "1", b"<nothing/>") == 400
        path, subscriber.path = subscriber.path, "/events/00000000-0000-0000-0000-000000000000"
        assert await peer.send_event(subscriber, sid, "1", body) == 412
        subscriber.path = path + "/cycle"
        assert await peer.send_event(subscriber, sid, "1", body) == 412
        subscriber.path = path
        assert home.value("state.power", "kettle-1") == "on"
        statuses = [await peer.send_event(subscriber, sid, str(1 + n), body) for n in range(30)]
        assert statuses.count(503) > 5
        await clock.sleep(10)
        assert await peer.send_event(subscriber, sid, "31", body) == 200
        assert home.refusals("kettle-1") == {"wrong_type": 2}


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
async def test_one_that_cannot_be_woken_says_so_and_nothing_is_wrong_with_that(clock: Clock) -> None:
    peer = Peer(faults={"WakeUpMethod": (501, "it cannot be woken over the network")})
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        await clock.sleep(5)
        assert "WakeUpMethod" in peer.asked
        assert home.refusals("kettle-1") == {}


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
async def test_standby_periods_are_registered_at_the_appliance(clock: Clock) -> None:
    peer = Peer()
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        appliance = home.actuator("kettle-1").appliance
        assert appliance is not None
        assert await appliance.standby_period("22:00:00", "06:00:00") == 7
        assert peer.arguments[-1] == {
            "UUID": OURS,
            "Address": "127.0.0.1",
            "StartTime": "22:00:00",
            "StopTime": "06:00:00",
        }
        assert await appliance.withdraw(7) is None
        assert peer.arguments[-1]["RegID"] == "7"
        wrong = await appliance.standby_period("22:00", "06:00:00")
        assert isinstance(wrong, Refusal)
        assert peer.asked[-1] == "Withdraw"  # nothing was sent
        peer.faults = {"Withdraw": (803, "never seen")}
        refusal = await appliance.withdraw(8)
        assert isinstance(refusal, Refusal)
        assert "803 (not registered)" in refusal.came


@stepped
async def test_a_cycle_that_changes_is_read_again(clock: Clock) -> None:
    peer = Peer(cycle=a_cycle())
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        await home.until(lambda: len(peer.subscribed) == 2)
        peer.cycle = a_cycle(CycleId="", PowerCurve="", StepMinutes="0", EarliestStart="", LatestEnd="")
        await peer.notify("<CycleId></CycleId>", path="cycle")
        await home.until(lambda: home.value("cycle.offer", "kettle-1").id == "", within_s=2.0)
        assert home.refusals("kettle-1") == {}
        peer.cycle = a_cycle(CycleId="c2", PowerCurve="2000,x")
        await peer.notify("<CycleId>c2</CycleId>", path="cycle")
        await home.until(lambda: home.refusals("kettle-1") == {"wrong_type": 1}, within_s=2.0)
