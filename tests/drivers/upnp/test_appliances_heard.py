"""Appliances' events: subscribed to, prolonged, taken, read again after a gap, refused from strangers."""

import asyncio
from dataclasses import replace

import pytest

from drivers.upnp.parts import Caller, Link
from heg.devices.contract import ReadBack
from heg.model.appliances import CycleOffer
from heg.runtime.clock import Clock
from tests.drivers.upnp.home import ON, a_home, met
from tests.drivers.upnp.peer import Peer, a_cycle, event_body, http_answer, soap_answer
from tests.support.stepped import stepped


@stepped
async def test_a_change_comes_as_an_event(clock: Clock) -> None:
    async with met(clock, Peer(event_first=False)) as (home, peer):
        before = len(peer.asked)
        await peer.notify("<PowerState>ON</PowerState>", skip=-1)
        await peer.become("Standby")
        assert home.value("state.power", "kettle-1") == "standby"
        assert peer.statuses == [200, 200]
        assert len(peer.asked) == before


@stepped
async def test_after_a_gap_the_state_is_asked_for(clock: Clock) -> None:
    async with met(clock) as (home, peer):
        peer.state = "OFF"
        before = peer.asked.count("GetPowerState")
        await peer.notify("<Other>1</Other>", skip=1)
        await home.until(lambda: home.value("state.power", "kettle-1") == "off", within_s=2.0)
        assert peer.asked.count("GetPowerState") == before + 1
        await peer.become("ON")
        assert home.value("state.power", "kettle-1") == "on"


@stepped
async def test_subscriptions_are_prolonged_and_begun_anew(clock: Clock) -> None:
    async with met(clock, Peer(granted_s=300)) as (home, peer):
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
    async with met(clock, Peer(timeout="{}")) as (home, peer):
        await peer.become("OFF")
        assert home.value("state.power", "kettle-1") == "off"


@stepped
async def test_nothing_that_was_agreed_before_a_restart_holds(clock: Clock) -> None:
    async with met(clock) as (home, peer):
        sid, subscriber = peer.subscribed.popitem()
        await home.settled(peer)
        assert len(peer.subscribed) == 1
        assert await peer.send_event(subscriber, sid, "1", event_body("<PowerState>OFF</PowerState>")) == 412


@stepped
async def test_one_that_never_went_keeps_its_subscriber(clock: Clock) -> None:
    async with met(clock, Peer(cycle=a_cycle())) as (home, peer):
        subscribed = dict(peer.subscribed)
        await home.settled(peer)
        assert peer.subscribed == subscribed
        await peer.become("OFF")
        assert home.value("state.power", "kettle-1") == "off"
        assert set(peer.statuses) == {200}


@stepped
async def test_one_that_is_heard_from_another_address_of_ours_is_subscribed_to_anew(clock: Clock) -> None:
    async with met(clock, Peer(cycle=a_cycle())) as (home, peer):
        peer.event_first = False
        home.appliances.found(replace(peer.described, link=Link("lo", "127.0.0.2")))
        await home.until(lambda: "127.0.0.2" in {one.host for one in peer.subscribed.values()})


@stepped
async def test_strangers_events_are_refused_and_kept_nowhere(clock: Clock) -> None:
    async with met(clock) as (home, peer):
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
async def test_an_event_that_comes_by_another_interface_is_taken_by_its_number(clock: Clock) -> None:
    """As where cable and radio are in one network. Who ends a subscription at 412, as gupnp does, keeps it."""
    body = event_body("<PowerState>OFF</PowerState>")
    async with met(clock) as (home, peer):
        sid, subscriber = next(iter(peer.subscribed.items()))

        def told(sid: str, seq: int, host: str = peer.described.host) -> int:
            headers = {"NT": "upnp:event", "NTS": "upnp:propchange", "SID": sid, "SEQ": str(seq)}
            place = subscriber.path.removeprefix("/events/")
            return home.appliances.hearing.notified(place, headers, body, Caller(host, "wlan0"))

        assert told("uuid:other", 1) == 412
        assert told(sid, 1, "127.0.0.99") == 412
        assert home.value("state.power", "kettle-1") == "on"
        assert told(sid, 1) == 200
        assert home.value("state.power", "kettle-1") == "off"


@stepped
async def test_a_cycle_that_changes_is_read_again(clock: Clock) -> None:
    async with met(clock, Peer(cycle=a_cycle())) as (home, peer):
        await home.until(lambda: len(peer.subscribed) == 2)
        peer.cycle = a_cycle(CycleId="", PowerCurve="", StepMinutes="0", EarliestStart="", LatestEnd="")
        await peer.notify("<CycleId></CycleId>", path="cycle")
        await home.until(lambda: home.value("cycle.offer", "kettle-1").id == "", within_s=2.0)
        assert home.refusals("kettle-1") == {}
        peer.cycle = a_cycle(CycleId="c2", PowerCurve="2000,x")
        await peer.notify("<CycleId>c2</CycleId>", path="cycle")
        await home.until(lambda: home.refusals("kettle-1") == {"wrong_type": 1}, within_s=2.0)


@stepped
async def test_what_came_too_often_to_be_taken_is_asked_for(clock: Clock) -> None:
    async with met(clock) as (home, peer):
        for _ in range(30):
            await peer.become("ON")
        assert peer.statuses[-1] == 503
        await peer.become("OFF")
        assert peer.statuses[-1] == 503
        before = peer.asked.count("GetPowerState")
        await home.until(lambda: home.value("state.power", "kettle-1") == "off", within_s=5.0)
        assert peer.asked.count("GetPowerState") <= before + 2


@pytest.mark.parametrize("sends_events", [True, False])
@stepped
async def test_a_cycle_whose_event_is_lost_or_never_sent_is_read_all_the_same(
    clock: Clock, *, sends_events: bool
) -> None:
    peer = Peer(cycle=a_cycle(), granted_s=300, sends_cycle_events=sends_events)
    async with met(clock, peer) as (home, _):
        peer.cycle = a_cycle(CycleId="c2")
        took_s = await home.until(lambda: home.value("cycle.offer", "kettle-1").id == "c2", within_s=200.0)
        assert took_s > 30.0
        assert peer.asked.count("GetCycle") == 2


@stepped
async def test_an_answer_that_an_event_overtook_is_not_believed(clock: Clock) -> None:
    async with met(clock) as (home, peer):
        peer.slow_s = 1.0
        kept = home.appliances._appliances[peer.uuid]
        kept.unread = True
        home.appliances.plan(kept)
        await clock.sleep(0.5)
        await peer.become("Standby")
        await clock.sleep(2.0)
        assert home.value("state.power", "kettle-1") == "standby"


@stepped
async def test_an_answer_during_which_something_was_missed_is_asked_for_again(clock: Clock) -> None:
    async with met(clock) as (home, peer):
        peer.slow_s = 1.0
        kept = home.appliances._appliances[peer.uuid]
        kept.unread = True
        home.appliances.plan(kept)
        await clock.sleep(0.5)
        peer.state = "OFF"  # and its event is lost
        await peer.notify("<Other>1</Other>", skip=1)
        await home.until(lambda: home.value("state.power", "kettle-1") == "off", within_s=5.0)


@stepped
async def test_what_was_read_back_is_older_than_an_event_that_came_meanwhile(clock: Clock) -> None:
    async with met(clock, Peer(state="Standby")) as (home, peer):
        peer.raw["OperationOn"] = http_answer(soap_answer("OperationOn", "<RegID>0</RegID>"))
        assert await home.kettle.apply(ON) is None
        peer.slow_s = 1.0
        asked = asyncio.ensure_future(home.kettle.read_back())
        await clock.sleep(0.5)
        await peer.become("ON")
        answer = await asked
        assert isinstance(answer, ReadBack)
        assert answer.set_point == ON
        assert home.value("state.power", "kettle-1") == "on"


@stepped
async def test_a_cycle_that_changes_while_it_is_asked_for_is_read_again(clock: Clock) -> None:
    async with met(clock, Peer(cycle=a_cycle())) as (home, peer):
        await home.until(lambda: home.value("cycle.offer", "kettle-1") is not None, within_s=5.0)
        peer.slow_s = 1.0
        kept = home.appliances._appliances[peer.uuid]
        kept.cycle_unread = True
        home.appliances.plan(kept)
        await clock.sleep(0.5)
        peer.cycle = a_cycle(CycleId="c2")
        await peer.notify("<CycleId>c2</CycleId>", path="cycle")

        def offered() -> str:
            offer = home.value("cycle.offer", "kettle-1")
            assert isinstance(offer, CycleOffer)
            return offer.id

        await home.until(lambda: offered() == "c2", within_s=5.0)
