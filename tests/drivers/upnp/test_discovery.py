"""Appliances that are found: by search and announcement, followed, gone, asked again, scanned for."""

from __future__ import annotations

import pytest

from heg.runtime.clock import Clock
from tests.drivers.upnp.documents import CYCLES, device_xml, notify, uuid_number
from tests.drivers.upnp.street import Appliance, a_street
from tests.support.stepped import stepped

ONE, TWO = uuid_number(1), uuid_number(2)


@stepped
async def test_what_answers_a_search_is_found_with_what_it_says_of_itself(clock: Clock) -> None:
    async with a_street(clock, 1, 2) as street:
        took_s = await street.until(lambda: street.has(2))
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
        await street.until(lambda: street.has(29))
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
        await street.until(lambda: street.has(1))
        one.say(notify("byebye", ONE), street.ours)
        await one.stop()
        assert await street.until(lambda: street.record.words(ONE) == ["found", "byebye"]) < 0.1
        await clock.sleep(60.0)
        assert street.record.words(ONE) == ["found", "byebye"]


@stepped
async def test_one_that_restarts_is_found_anew(clock: Clock) -> None:
    async with a_street(clock, 1, search_interval_s=80000.0) as street:
        one = street.appliances[0]
        await street.until(lambda: street.has(1))
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
        await street.until(lambda: street.has(1))
        await one.stop()
        moved = Appliance(ONE, "127.0.1.77", one.ssdp_port)
        await moved.start()
        moved.say(notify("alive", ONE, moved.location), street.ours)
        await street.until(lambda: street.record.here[ONE].host == "127.0.1.77", within_s=10.0)
        assert street.record.words(ONE) == ["found", "found"]
        await moved.stop()


@stepped
async def test_scanning_says_what_is_there_in_a_sentence(clock: Clock) -> None:
    async with a_street(clock, 1, 2) as street:
        assert await street.discovery.scan() == "2 appliances on lo, 2 new"
        assert await street.discovery.scan() == "2 appliances on lo, 0 new"


@stepped
async def test_a_known_one_is_welcome_in_a_full_table(clock: Clock) -> None:
    async with a_street(clock, 1, 2, 3, known=lambda: (uuid_number(3),), most_appliances=2) as street:
        await street.until(lambda: street.has(2))
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
