"""Who is visited when there are many, and those who do not answer are among them."""

from __future__ import annotations

from heg.runtime.clock import Clock
from tests.drivers.upnp.home import Home, a_home
from tests.drivers.upnp.peer import Peer
from tests.support.stepped import stepped

FROZEN = 60


def frozen_ones() -> list[Peer]:
    return [Peer(number=number, silent=True) for number in range(1, FROZEN + 1)]


async def waits_s(home: Home, peer: Peer) -> float:
    """Until its state was read."""
    began_s = home.clock.monotonic_s()
    kept = home.appliances._appliances[peer.uuid]
    kept.unread = True
    home.appliances.plan(kept)
    await home.until(lambda: not kept.unread, within_s=300.0)
    return home.clock.monotonic_s() - began_s


@stepped
async def test_when_all_visits_end_at_once_the_next_ones_begin(clock: Clock) -> None:
    frozen = frozen_ones()
    async with a_home(clock, *frozen) as home:
        for one in frozen:
            home.appliances.found(one.described)
        await home.until(lambda: len(home.manager.devices()) == FROZEN, within_s=60.0)


@stepped
async def test_those_who_do_not_answer_keep_nobody_waiting_however_often_they_come(clock: Clock) -> None:
    """A neighbour announces sixty that describe themselves well, answer nothing else, and restart again and again."""
    frozen, sound = frozen_ones(), Peer(number=99)
    async with a_home(clock, sound, *frozen) as home:
        for times in range(6):
            for one in frozen:
                home.appliances.found(one.described)
            if not times:
                home.appliances.found(sound.described)
                await home.until(lambda: "kettle-99" in home.manager.devices(), within_s=15.0)
            assert await waits_s(home, sound) < (5.0 if times == 0 else 0.5)
            await clock.sleep(5.0)


@stepped
async def test_one_that_sleeps_is_woken_however_many_do_not_answer(clock: Clock) -> None:
    frozen, sound = frozen_ones(), Peer(number=99)
    async with a_home(clock, sound, *frozen) as home:
        await home.settled(sound)
        await home.goes_to_sleep(sound)
        sound.silent = True
        client = home.appliances.calls
        assert client is not None
        await client.power_state(sound.described)
        assert client.is_silent(sound.described)
        for one in frozen:
            home.appliances.found(one.described)
        await clock.sleep(20.0)
        assert home.appliances.wake(home.appliances._appliances[sound.uuid]) is None
        await clock.sleep(5.0)
        assert len(home.packets) >= 3, "at once, after 1 s, after 3 s"
