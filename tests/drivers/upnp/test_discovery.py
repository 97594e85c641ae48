from __future__ import annotations

import pytest

from heg.runtime.clock import Clock
from tests.drivers.upnp.street import (
    CYCLES,
    SERVICE,
    TABLE,
    Appliance,
    Street,
    a_street,
    device_xml,
    notify,
    scpd,
    uuid_number,
)
from tests.support.stepped import stepped

ONE, TWO = uuid_number(1), uuid_number(2)


def all_here(street: Street, count: int) -> bool:
    return len(street.record.here) == count


@stepped
async def test_what_answers_a_search_is_found_with_what_it_says_of_itself(clock: Clock) -> None:
    async with a_street(clock, 1, 2) as street:
        took_s = await street.until(lambda: all_here(street, 2))
        assert took_s < 2.0
        found = street.record.here[ONE]
        assert (found.maker, found.model, found.serial, found.name) == ("Test", "Boiler", "S-0001", "Kitchen")
        assert found.control_url == f"http://127.0.1.1:{street.appliances[0].port}/control"
        assert found.event_url.endswith("/event")
        assert (found.link.name, found.link.address, found.host) == ("lo", "127.0.0.1", "127.0.1.1")
        assert found.cycle_control_url == ""


@stepped
async def test_one_service_description_is_fetched_for_all_of_a_model(clock: Clock) -> None:
    async with a_street(clock, *range(1, 30)) as street:
        await street.until(lambda: all_here(street, 29))
        assert sum(one.asked.count("/scpd.xml") for one in street.appliances) <= 8  # those that were asked at once
        assert all(one.asked.count("/device.xml") == 1 for one in street.appliances)


@stepped
async def test_an_appliance_that_offers_cycles_says_where(clock: Clock) -> None:
    async with a_street(clock, 1, start=False) as street:
        more = (
            f"<service><serviceType>{CYCLES}</serviceType><controlURL>/cc</controlURL>"
            "<eventSubURL>/ce</eventSubURL><SCPDURL>/cycles.xml</SCPDURL></service>"
        )
        street.appliances[0].pages["/device.xml"] = device_xml(ONE, more=more)
        await street.appliances[0].start()
        await street.discovery.scan()
        found = street.record.here[ONE]
        assert found.cycle_control_url.endswith("/cc")
        assert found.cycle_event_url.endswith("/ce")


@stepped
async def test_a_silent_one_is_gone_when_its_max_age_is_over_and_comes_back_by_itself(clock: Clock) -> None:
    async with a_street(clock, 1, search_interval_s=1000.0, start=False) as street:
        one = street.appliances[0]
        one.max_age = 100
        await one.start()
        await street.discovery.scan()
        found_s = street.record.told[-1][0]
        await one.stop()
        await street.until(lambda: street.record.words(ONE) == ["found", "expired"], within_s=200.0)
        assert street.record.told[-1][0] - found_s == pytest.approx(100.0, abs=2.0)
        await one.start()
        one.say(notify("alive", ONE, one.location), street.ours)
        await street.until(lambda: street.record.words(ONE)[-1] == "found")


@stepped
async def test_it_is_asked_once_more_before_its_max_age_is_over(clock: Clock) -> None:
    """Its announcements may be lost; the answer to a question at its own host is not."""
    async with a_street(clock, 1, search_interval_s=80000.0, start=False) as street:
        one = street.appliances[0]
        one.max_age = 100
        await one.start()
        one.say(notify("alive", ONE, one.location, max_age=100), street.ours)
        await street.until(lambda: ONE in street.record.here)
        await clock.sleep(1000.0)
        assert street.record.words(ONE) == ["found"]
        assert one.searched >= 9


@stepped
async def test_a_goodbye_is_told_at_once(clock: Clock) -> None:
    async with a_street(clock, 1) as street:
        one = street.appliances[0]
        await street.until(lambda: all_here(street, 1))
        one.say(notify("byebye", ONE), street.ours)
        await one.stop()
        assert await street.until(lambda: street.record.words(ONE) == ["found", "byebye"]) < 0.1
        await clock.sleep(60.0)
        assert street.record.words(ONE) == ["found", "byebye"]


@stepped
async def test_a_goodbye_that_somebody_else_said_in_its_name_takes_nothing_away(clock: Clock) -> None:
    async with a_street(clock, 1, 2) as street:
        await street.until(lambda: all_here(street, 2))
        street.appliances[1].say(notify("byebye", ONE), street.ours)
        await clock.sleep(30.0)
        assert street.record.words(ONE) == ["found"]
        assert any("goodbye" in refusal.expected for refusal in street.discovery.complaints.latest.values())


@stepped
async def test_a_goodbye_with_a_forged_address_is_found_out(clock: Clock) -> None:
    async with a_street(clock, 1, search_interval_s=80000.0) as street:
        one = street.appliances[0]
        await street.until(lambda: all_here(street, 1))
        for _ in range(20):
            one.say(notify("byebye", ONE), street.ours)
            await clock.sleep(15.0)
        assert street.record.words(ONE) == ["found", "byebye", "found"]


@stepped
async def test_one_that_restarts_is_found_anew(clock: Clock) -> None:
    async with a_street(clock, 1, search_interval_s=80000.0) as street:
        one = street.appliances[0]
        await street.until(lambda: all_here(street, 1))
        await clock.sleep(10.0)
        one.say(notify("alive", ONE, one.location, boot=2), street.ours)
        await street.until(lambda: street.record.words(ONE) == ["found", "found"])
        one.say(notify("alive", ONE, one.location, boot=2), street.ours)
        await clock.sleep(20.0)
        assert street.record.words(ONE) == ["found", "found"]


@stepped
async def test_one_that_moves_is_followed_by_its_uuid(clock: Clock) -> None:
    async with a_street(clock, 1, search_interval_s=80000.0) as street:
        one = street.appliances[0]
        await street.until(lambda: all_here(street, 1))
        await one.stop()
        moved = Appliance(ONE, "127.0.1.77", one.ssdp_port)
        await moved.start()
        moved.say(notify("alive", ONE, moved.location), street.ours)
        await street.until(lambda: street.record.here[ONE].host == "127.0.1.77", within_s=10.0)
        assert street.record.words(ONE) == ["found", "found"]
        await moved.stop()


@stepped
async def test_nobody_takes_over_the_uuid_of_one_that_is_at_home(clock: Clock) -> None:
    async with a_street(clock, 1, search_interval_s=80000.0) as street:
        await street.until(lambda: all_here(street, 1))
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
        await street.until(lambda: all_here(street, 7), within_s=20.0)
        asked = [len(one.asked) for one in street.appliances[:12]]
        await clock.sleep(600.0)
        assert all_here(street, 7)
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
        await street.until(lambda: all_here(street, 2))
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
async def test_scanning_says_what_is_there_in_a_sentence(clock: Clock) -> None:
    async with a_street(clock, 1, 2) as street:
        assert await street.discovery.scan() == "2 appliances on lo, 2 new"
        assert await street.discovery.scan() == "2 appliances on lo, 0 new"


@stepped
async def test_a_known_one_is_welcome_in_a_full_table(clock: Clock) -> None:
    async with a_street(clock, 1, 2, 3, known=lambda: (uuid_number(3),), most_appliances=2) as street:
        await street.until(lambda: all_here(street, 2))
        await clock.sleep(30.0)
        assert uuid_number(3) in street.record.here
        assert len(street.record.here) == 2


@stepped
async def test_who_was_removed_by_the_owner_makes_room(clock: Clock) -> None:
    house = [uuid_number(8), uuid_number(9)]
    async with a_street(clock, 1, known=lambda: house, most_appliances=2, search_interval_s=10.0) as street:
        await clock.sleep(100.0)
        assert not street.record.here
        house.clear()
        await street.until(lambda: ONE in street.record.here, within_s=100.0)


@stepped
async def test_other_devices_announcements_cost_nothing_and_are_no_refusals(clock: Clock) -> None:
    async with a_street(clock, 1) as street:
        await street.until(lambda: all_here(street, 1))
        foreign = notify("alive", TWO, "http://127.0.1.9/x").replace(SERVICE.encode(), b"upnp:rootdevice")
        for _ in range(100):
            street.appliances[0].say(foreign, street.ours)
        await clock.sleep(1.0)
        assert not street.discovery.complaints.counts
