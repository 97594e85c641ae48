"""Discovery among strangers: forged goodbyes and locations, hostile descriptions, floods."""

from __future__ import annotations

import pytest

from heg.runtime.clock import Clock
from tests.drivers.upnp.documents import SERVICE, TABLE, device_xml, notify, scpd, uuid_number
from tests.drivers.upnp.street import Appliance, a_street
from tests.support.stepped import stepped

ONE, TWO = uuid_number(1), uuid_number(2)


@stepped
async def test_a_goodbye_that_somebody_else_said_in_its_name_takes_nothing_away(clock: Clock) -> None:
    async with a_street(clock, 1, 2) as street:
        await street.until(lambda: street.has(2))
        street.appliances[1].say(notify("byebye", ONE), street.ours)
        await clock.sleep(30.0)
        assert street.record.words(ONE) == ["found"]
        assert any("goodbye" in refusal.expected for refusal in street.discovery.complaints.latest.values())


@stepped
async def test_a_goodbye_with_a_forged_address_is_found_out(clock: Clock) -> None:
    async with a_street(clock, 1, search_interval_s=80000.0) as street:
        one = street.appliances[0]
        await street.until(lambda: street.has(1))
        for _ in range(20):
            one.say(notify("byebye", ONE), street.ours)
            await clock.sleep(15.0)
        assert street.record.words(ONE) == ["found", "byebye", "found"]


@stepped
async def test_nobody_takes_over_the_uuid_of_one_that_is_at_home(clock: Clock) -> None:
    async with a_street(clock, 1, search_interval_s=80000.0) as street:
        await street.until(lambda: street.has(1))
        thief = Appliance(ONE, "127.0.1.66", street.appliances[0].ssdp_port)
        await thief.start()
        for _ in range(10):
            thief.say(notify("alive", ONE, thief.location), street.ours)
            await clock.sleep(20.0)
        assert street.record.here[ONE].host == "127.0.1.1"
        assert street.record.words(ONE) == ["found"]
        await thief.stop()


@stepped
async def test_one_that_lacks_actions_is_refused_by_their_names(clock: Clock) -> None:
    async with a_street(clock, 1, start=False) as street:
        table = {name: how for name, how in TABLE.items() if name not in ("GoToStandby", "Withdraw")}
        street.appliances[0].pages["/scpd.xml"] = scpd(table)
        await street.appliances[0].start()
        said = await street.discovery.scan()
        assert "0 appliances on lo" in said
        assert "127.0.1.1" in said
        assert "a service without GoToStandby, Withdraw" in said


HOSTILE: dict[str, bytes] = {
    "huge": b"<root>" + b"x" * 200_000 + b"</root>",
    "bomb": b'<!DOCTYPE r [<!ENTITY a "aaaaaaaa">]><root>&a;</root>',
    "deep": b"<a>" * 5000 + b"</a>" * 5000,
    "wide": b"<root>" + b"<a/>" * 15_000 + b"</root>",
    "cut off": device_xml(ONE)[:-30],
    "no XML": b"\x00\xff\xfe garbage",
    "empty": b"",
    "somebody else": device_xml(TWO),
    "control elsewhere": device_xml(ONE).replace(b">/control<", b">http://192.0.2.1/control<"),
    "not http": device_xml(ONE).replace(b">/control<", b">file:///etc/passwd<"),
    "with a password": device_xml(ONE).replace(b">/control<", b">http://a:b@127.0.1.1/<"),
    "base elsewhere": device_xml(ONE).replace(b"<device>", b"<URLBase>http://192.0.2.1/</URLBase><device>"),
    "no service": device_xml(ONE, service="urn:x:service:Other:1"),
    "unknown encoding": b'<?xml version="1.0" encoding="x-none"?><root/>',
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_description_is_a_counted_refusal(kind: str) -> None:
    @stepped
    async def whole(clock: Clock) -> None:
        async with a_street(clock, 1, 2, start=False) as street:
            street.appliances[0].pages["/device.xml"] = HOSTILE[kind]
            for one in street.appliances:
                await one.start()
            await street.discovery.scan()
            assert list(street.record.here) == [TWO]
            assert "127.0.1.1" in street.discovery.complaints.latest
            assert sum(street.discovery.complaints.counts.values()) >= 1

    whole()


@stepped
async def test_one_that_answers_letter_by_letter_keeps_nobody_waiting(clock: Clock) -> None:
    async with a_street(clock, *range(1, 20), start=False) as street:
        for one in street.appliances[:12]:
            one.trickles = True
        for one in street.appliances:
            await one.start()
        await street.until(lambda: street.has(7), within_s=20.0)
        asked = [len(one.asked) for one in street.appliances[:12]]
        await clock.sleep(600.0)
        assert street.has(7)
        assert max(len(one.asked) - before for one, before in zip(street.appliances, asked, strict=False)) <= 12


@stepped
async def test_a_redirect_is_not_followed(clock: Clock) -> None:
    async with a_street(clock, 1, 2, start=False) as street:
        one, two = street.appliances
        await two.start()
        one.head = b"HTTP/1.1 302 Found\r\nLocation: " + two.location.encode() + b"\r\n"
        await one.start()
        await street.discovery.scan()
        assert list(street.record.here) == [TWO]
        assert two.asked.count("/device.xml") == 1


@stepped
async def test_a_location_elsewhere_is_not_asked(clock: Clock) -> None:
    async with a_street(clock, 1, 2, start=False) as street:
        one, two = street.appliances
        await two.start()
        one.location = two.location
        await one.start()
        await street.discovery.scan()
        assert list(street.record.here) == [TWO]
        assert len(two.asked) == 2


@stepped
async def test_a_flood_of_uuids_leaves_the_known_ones_alone(clock: Clock) -> None:
    async with a_street(clock, 1, 2, start=False, most_appliances=64) as street:
        for one in street.appliances:
            await one.start()
        await street.until(lambda: street.has(2))
        flooder = street.appliances[1]
        for number in range(3000):
            flooder.say(notify("alive", uuid_number(10_000 + number), flooder.location), street.ours)
            if number % 100 == 0:
                await clock.sleep(0.1)
        await clock.sleep(60.0)
        assert len(street.discovery.table) <= 64
        assert set(street.record.here) == {ONE, TWO}
        assert street.record.words(ONE) == ["found"]


@stepped
async def test_other_devices_announcements_cost_nothing_and_are_no_refusals(clock: Clock) -> None:
    async with a_street(clock, 1) as street:
        await street.until(lambda: street.has(1))
        foreign = notify("alive", TWO, "http://127.0.1.9/x").replace(SERVICE.encode(), b"upnp:rootdevice")
        for _ in range(100):
            street.appliances[0].say(foreign, street.ours)
        await clock.sleep(1.0)
        assert not street.discovery.complaints.counts


@stepped
async def test_a_description_forged_in_its_own_name_takes_nothing_away(clock: Clock) -> None:
    async with a_street(clock, 1, search_interval_s=80000.0) as street:
        one = street.appliances[0]
        await street.until(lambda: street.has(1))
        await clock.sleep(10.0)  # the first searches are over
        for page in ("nothing", "scpd.xml", "nothing"):
            one.say(notify("alive", ONE, one.location.replace("device.xml", page)), street.ours)
            await clock.sleep(400.0)
        assert street.record.words(ONE) == ["found"]
        assert street.record.here[ONE].location == one.location
