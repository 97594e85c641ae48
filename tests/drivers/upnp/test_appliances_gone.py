"""Appliances that say goodbye, fall silent, sleep, and come back."""

import pytest

from drivers.upnp.appliance import Appliance
from drivers.upnp.parting import GRACE_S
from drivers.upnp.parts import Caller, GoneWhy
from heg.devices.contract import ReadBack
from heg.model.appliances import PowerState
from heg.model.instance import Quality
from heg.model.records import DeviceStatus
from heg.runtime.clock import Clock
from tests.drivers.upnp.home import OFF, STANDBY, met
from tests.support.stepped import stepped


@pytest.mark.parametrize("why", list(GoneWhy))
@stepped
async def test_gone_while_on_is_lost_and_comes_back_by_itself(clock: Clock, why: GoneWhy) -> None:
    async with met(clock) as (home, peer):
        home.appliances.gone(peer.uuid, why)
        await clock.sleep(GRACE_S + 0.1 if why is GoneWhy.BYEBYE else 0.0)
        record = home.record("kettle-1")
        assert record.status is DeviceStatus.LOST
        words = {GoneWhy.BYEBYE: "said goodbye", GoneWhy.EXPIRED: "no announcement within its max-age"}
        assert words[why] in record.detail
        found = home.latest("state.power", "kettle-1")
        assert found is not None
        assert found.quality is Quality.STALE
        assert home.appliances.is_at(peer.uuid, Caller(peer.host)) is None
        await home.settled(peer)
        assert home.record("kettle-1").status is DeviceStatus.ATTACHED
        assert home.appliances.is_at(peer.uuid, Caller(peer.host))
        assert home.appliances.is_at(peer.uuid, Caller("127.0.0.99")) is False
        found = home.latest("state.power", "kettle-1")
        assert found is not None
        assert found.quality is Quality.GOOD


@stepped
async def test_late_news_of_one_that_said_goodbye_does_not_bring_it_back(clock: Clock) -> None:
    async with met(clock) as (home, peer):
        home.appliances.gone(peer.uuid, GoneWhy.BYEBYE)
        await clock.sleep(GRACE_S + 0.1)
        await peer.become("ON")
        assert home.record("kettle-1").status is DeviceStatus.LOST
        await peer.become("Standby")  # but this says why it went
        assert home.record("kettle-1").status is DeviceStatus.ATTACHED
        assert home.value("state.power", "kettle-1") == "standby"
        assert home.appliances.is_at(peer.uuid, Caller(peer.host)) is None


@stepped
async def test_gone_after_it_fell_asleep_is_asleep(clock: Clock) -> None:
    async with met(clock) as (home, peer):
        await home.goes_to_sleep(peer)
        assert home.actuator("kettle-1").present
        assert await home.kettle.read_back() == ReadBack(True, STANDBY)


@stepped
async def test_one_that_says_goodbye_and_is_back_at_once_alarms_nobody(clock: Clock) -> None:
    async with met(clock) as (home, peer):
        home.appliances.gone(peer.uuid, GoneWhy.BYEBYE)
        refusal = await home.kettle.apply(OFF)
        assert refusal is not None  # it is not asked
        assert "OperationOff" not in peer.asked
        await clock.sleep(GRACE_S - 0.1)
        await home.settled(peer)
        await clock.sleep(10.0)
        assert home.latest("alarm", "kettle-1", "lost") is None
        assert home.record("kettle-1").status is DeviceStatus.ATTACHED


@stepped
async def test_one_that_says_goodbye_while_it_works_is_told_to_be_lost_soon(clock: Clock) -> None:
    async with met(clock) as (home, peer):
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
    async with met(clock) as (home, peer):
        home.appliances.gone(peer.uuid, GoneWhy.BYEBYE)
        await peer.become("Standby")
        await clock.sleep(10.0)
        assert home.value("state.power", "kettle-1") == "standby"
        assert home.record("kettle-1").status is DeviceStatus.ATTACHED
