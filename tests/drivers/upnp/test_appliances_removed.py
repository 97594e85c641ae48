"""Appliances that their owner removed: left alone until they are wanted."""

from drivers.upnp.parts import Caller, GoneWhy
from heg.devices.contract import OwnerSettings
from heg.runtime.clock import Clock
from tests.drivers.upnp.home import a_home, met
from tests.drivers.upnp.peer import Peer, a_cycle
from tests.support.stepped import stepped


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
    async with met(clock, Peer(cycle=a_cycle())) as (home, peer):
        home.manager.remove(home.record("kettle-1"))
        await home.until(lambda: peer.asked[-2:] == ["UNSUBSCRIBE", "UNSUBSCRIBE"])
        assert peer.subscribed == {}
        asked = len(peer.asked)
        home.appliances.found(peer.described)  # it restarts
        await clock.sleep(86_400.0)
        assert len(peer.asked) == asked
        assert home.manager.devices() == ()
        assert home.appliances.is_at(peer.uuid, Caller(peer.host)) is None
        home.appliances.take_back()
        await home.until(lambda: home.manager.devices() == ("kettle-1",))
        await home.until(lambda: len(peer.subscribed) == 2)


@stepped
async def test_one_that_is_removed_while_it_is_asked_stays_out(clock: Clock) -> None:
    async with met(clock) as (home, peer):
        home.appliances.found(peer.described)
        while not home.appliances._appliances[peer.uuid].busy:
            await clock.sleep(0.0)
        home.manager.remove(home.record("kettle-1"))
        await clock.sleep(10.0)
        assert home.manager.devices() == ()
        assert peer.subscribed == {}


@stepped
async def test_one_that_was_removed_and_went_is_not_asked_by_looking(clock: Clock) -> None:
    async with met(clock) as (home, peer):
        home.manager.remove(home.record("kettle-1"))
        home.appliances.gone(peer.uuid, GoneWhy.BYEBYE)
        home.appliances.take_back()
        await clock.sleep(10.0)
        assert home.manager.devices() == ()
        await home.settled(peer)
        assert home.manager.devices() == ("kettle-1",)


@stepped
async def test_one_that_was_removed_is_wanted_where_its_owner_names_it_anew(clock: Clock) -> None:
    async with met(clock) as (home, peer):
        home.manager.remove(home.record("kettle-1"))
        home.manager.reconfigure((OwnerSettings(name="tea", identity=f"uuid:{peer.uuid}"),), "UTC")
        await home.settled(peer)
        assert home.manager.devices() == ("tea",)
