"""Descriptions are fetched few at a time, fairly among hosts, and of those who fail seldom."""

from __future__ import annotations

import asyncio

from heg.runtime.clock import Clock
from tests.drivers.upnp.documents import TABLE, notify, scpd, uuid_number
from tests.drivers.upnp.street import Appliance, a_street
from tests.support.stepped import stepped

ONE, TWO = uuid_number(1), uuid_number(2)


@stepped
async def test_one_host_is_asked_two_things_at_a_time(clock: Clock) -> None:
    async with a_street(clock, 1) as street:
        slow = [
            Appliance(uuid_number(number), "127.0.1.50", 1900 + number, trickles=True) for number in range(100, 106)
        ]
        street.appliances.extend(slow)
        for one in slow:
            await one.start()
            one.say(notify("alive", one.uuid, one.location), street.ours)
        await clock.sleep(2.0)
        assert sum(len(one.asked) for one in slow) == 2


@stepped
async def test_slow_strangers_keep_nobody_waiting_who_is_known(clock: Clock) -> None:
    async with a_street(clock, *range(1, 30), start=False, known=lambda: (uuid_number(29),)) as street:
        *slow, known = street.appliances
        for one in slow:
            one.trickles = True
            await one.start()
            one.say(notify("alive", one.uuid, one.location), street.ours)
        await clock.sleep(1.0)
        assert sum(bool(one.asked) for one in slow) == 6
        await known.start()
        known.say(notify("alive", known.uuid, known.location), street.ours)
        assert await street.until(lambda: known.uuid in street.record.here) < 0.5


@stepped
async def test_a_server_that_is_wrong_is_asked_ever_more_seldom(clock: Clock) -> None:
    async with a_street(clock, 1, start=False, search_interval_s=80000.0) as street:
        [one] = street.appliances
        one.pages["/device.xml"] = b"<nothing/>"
        await one.start()
        for number in range(600):
            one.say(notify("alive", uuid_number(1000 + number), one.location), street.ours)
            await clock.sleep(1.0)
        assert 5 <= len(one.asked) <= 12


@stepped
async def test_one_in_whose_name_nonsense_is_said_is_not_to_blame(clock: Clock) -> None:
    async with a_street(clock, 1, start=False, search_interval_s=80000.0) as street:
        [one] = street.appliances
        one.answers_searches = False
        await one.start()
        for number in range(200):
            one.say(notify("alive", uuid_number(1000 + number), one.location), street.ours)
            await clock.sleep(0.3)
        one.say(notify("alive", ONE, one.location), street.ours)
        assert await street.until(lambda: ONE in street.record.here, within_s=30.0) < 20.0


@stepped
async def test_a_faulty_service_is_nobodys_model(clock: Clock) -> None:
    """Its maker's and model's names are only what it says of itself."""
    async with a_street(clock, 1, 2, start=False) as street:
        bad, good = street.appliances
        bad.pages["/scpd.xml"] = scpd({name: how for name, how in TABLE.items() if name != "Withdraw"})
        await bad.start()
        for _ in range(30):
            bad.say(notify("alive", ONE, bad.location), street.ours)
            await clock.sleep(2.0)
        assert not street.record.here
        await good.start()
        await street.discovery.scan()
        assert list(street.record.here) == [TWO]


@stepped
async def test_a_flood_is_read_within_a_budget(clock: Clock) -> None:
    async with a_street(clock, 1) as street:
        [one] = street.appliances
        await clock.sleep(5.0)
        bad = notify("alive", "no-uuid", one.location)

        async def flood() -> int:
            """As many as come in one instant, in portions that the kernel can hold."""
            before = sum(street.discovery.complaints.counts.values())
            for _ in range(100):
                for _ in range(50):
                    one.say(bad, street.ours)
                for _ in range(4):
                    await asyncio.sleep(0)  # noqa: TID251 - time stands still
            return sum(street.discovery.complaints.counts.values()) - before

        assert 1900 <= await flood() <= 2000
        await clock.sleep(5.0)
        assert await flood() >= 1900


@stepped
async def test_known_ones_that_have_become_slow_keep_nobody_waiting(clock: Clock) -> None:
    async with a_street(clock, *range(1, 42), search_interval_s=80000.0) as street:
        *slow, sound = street.appliances
        await street.until(lambda: street.has(len(street.appliances)))
        for one in slow:
            one.trickles = True
        waits_s = []
        for boot in range(2, 32):
            for one in slow:
                one.say(notify("alive", one.uuid, one.location, boot=boot), street.ours)
            await clock.sleep(1.0)
            if boot % 6 == 0:
                before = len(street.record.words(sound.uuid))
                sound.say(notify("alive", sound.uuid, sound.location, boot=boot), street.ours)
                took_s = await street.until(
                    lambda: len(street.record.words(sound.uuid)) > before,  # noqa: B023
                )
                waits_s.append(took_s)
        assert waits_s[0] < 30.0, "nobody knew it of them yet"
        assert max(waits_s[1:]) < 0.5
