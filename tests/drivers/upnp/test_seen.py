"""The table of appliances under everything that a link full of strangers may say."""

from __future__ import annotations

import math

from drivers.upnp.orders import Ask, Describe, Found, Gone, Outcome, Owns, Place, Refused, Verify, nobody
from drivers.upnp.parts import GoneWhy, Link
from drivers.upnp.seen import DESCRIBE_GAP_S, RECHECK_S, SeenTable
from drivers.upnp.ssdp.packet import Kind
from tests.drivers.upnp.documents import uuid_number
from tests.drivers.upnp.words import LAN, ONE, TWO, WIFI, alive, goodbye, home_of

HOME = Place(LAN, "192.168.1.9", "http://192.168.1.9:80/d.xml")
AWAY = Place(LAN, "192.168.1.66", "http://192.168.1.66:80/d.xml")
ON_WIFI = Place(WIFI, "192.168.2.9", "http://192.168.2.9:80/d.xml")


def a_table(**more: object) -> SeenTable:
    return SeenTable(**{"most": 512, "most_per_host": 16, **more})  # type: ignore[arg-type]


def with_one(now_s: float = 0.0, *, owns: Owns = nobody, **said: object) -> SeenTable:
    table = a_table(owns=owns)
    assert table.heard(alive(**said), HOME, now_s) == [Describe(ONE, HOME, False)]  # type: ignore[arg-type]
    assert table.described(ONE, HOME, Outcome.SOUND, now_s) == [Found(ONE)]
    return table


def test_only_a_sound_description_makes_an_appliance() -> None:
    table = a_table()
    table.heard(alive(), HOME, 0.0)
    assert table.present() == ()
    assert table.described(ONE, HOME, Outcome.UNSOUND, 0.0) == []
    assert len(table) == 0


def test_one_that_cannot_be_reached_is_tried_again_a_few_times() -> None:
    table = a_table()
    table.heard(alive(), HOME, 0.0)
    now_s, tries = 0.0, 1
    while len(table):
        assert table.described(ONE, HOME, Outcome.UNREACHABLE, now_s) == []
        if (now_s := table.soonest_s) < math.inf and len(table):
            assert table.due(now_s) == [Describe(ONE, HOME, False)]
            tries += 1
        assert now_s < 200.0 or not len(table)
    assert tries == 8


def test_the_time_of_the_next_look_is_known() -> None:
    table = with_one(max_age=100)
    assert table.soonest_s <= 75.0
    assert table.due(75.0) == [Ask(ONE, HOME)]
    assert table.soonest_s == 100.0
    assert table.due(99.9) == []
    assert table.due(100.0) == [Gone(ONE, GoneWhy.EXPIRED)]
    assert table.soonest_s == math.inf


def test_an_announcement_extends_its_time() -> None:
    table = with_one(max_age=100)
    assert table.heard(alive(max_age=100), HOME, 90.0) == []
    assert table.due(150.0) == []
    assert table.present() == (ONE,)


def test_a_goodbye_is_believed_from_home_and_checked_later() -> None:
    table = with_one()
    assert table.heard(goodbye(), HOME, 10.0) == [Gone(ONE, GoneWhy.BYEBYE)]
    assert table.due(10.0 + RECHECK_S) == [Verify(ONE, HOME)]
    assert table.verified(ONE, HOME, there=False, now_s=22.0) == []
    assert len(table) == 0


def strangers(table: SeenTable, now_s: float) -> list[Place]:
    """Three who announce it where they are, for a day; as many as are remembered."""
    places = [Place(LAN, f"192.168.1.{number}", f"http://192.168.1.{number}:80/d.xml") for number in (66, 67, 68)]
    for place in places:
        table.heard(alive(max_age=86400), place, now_s)
        table.verified(ONE, HOME, there=True, now_s=now_s)
    assert list(table.places(ONE)[1:]) == places
    return places


def test_strangers_keep_its_own_card_out_of_no_place() -> None:
    six = Place(LAN, "fe80::9%eth0", "http://[fe80::9%eth0]:80/d.xml")
    table = with_one()
    first, *others = strangers(table, 1.0)
    assert [type(one) for one in table.heard(alive(), six, 2.0)] == [Refused], "nobody knows whose card that is"
    table = with_one(owns=lambda uuid, place: (uuid, place) == (ONE, six))
    strangers(table, 1.0)
    assert table.heard(alive(), six, 40.0) == [Verify(ONE, HOME)]
    assert list(table.places(ONE)[1:]) == [*others, six]
    assert [type(one) for one in table.heard(alive(), first, 41.0)] == [Refused]
    assert list(table.places(ONE)[1:]) == [*others, six]


def test_one_with_many_addresses_of_its_own_keeps_those_it_has() -> None:
    table = with_one(owns=lambda _uuid, _place: True)
    places = strangers(table, 1.0)
    assert [type(one) for one in table.heard(alive(), ON_WIFI, 2.0)] == [Refused]
    assert list(table.places(ONE)[1:]) == places


def test_when_its_home_is_gone_it_is_looked_for_first_where_its_own_card_is() -> None:
    new = Place(LAN, "192.168.1.10", "http://192.168.1.10:80/d.xml")
    table = with_one(owns=lambda _uuid, place: place.host == new.host)
    strangers(table, 1.0)
    assert table.heard(alive(), new, 40.0) == [Verify(ONE, HOME)]
    assert table.verified(ONE, HOME, there=False, now_s=41.0) == [Describe(ONE, new, True)]
    assert table.described(ONE, new, Outcome.SOUND, 41.0) == [Found(ONE)]
    assert home_of(table, ONE) == new


def test_its_home_is_asked_at_most_so_often_because_of_strangers() -> None:
    table = with_one()
    assert table.heard(alive(), AWAY, 40.0) == [Verify(ONE, HOME)]
    table.verified(ONE, HOME, there=True, now_s=40.0)
    assert table.heard(alive(), ON_WIFI, 41.0) == []
    assert table.due(69.0) == []
    assert table.due(70.0) == [Verify(ONE, HOME)]


def test_one_that_restarts_with_a_goodbye_is_not_suspected() -> None:
    table = with_one()
    table.heard(goodbye(), HOME, 10.0)
    assert table.heard(alive(boot=2), HOME, 11.0) == [Describe(ONE, HOME, True)]
    assert table.described(ONE, HOME, Outcome.SOUND, 11.1) == [Found(ONE)]
    assert table.due(30.0) == []
    assert table.heard(goodbye(), HOME, 31.0) == [Gone(ONE, GoneWhy.BYEBYE)]


def test_nothing_is_due_between_a_goodbye_and_its_check() -> None:
    table = with_one(max_age=5)
    table.heard(goodbye(), HOME, 4.0)
    assert table.due(6.0) == []
    assert table.soonest_s == 14.0


def test_a_goodbye_that_was_none_is_found_out_and_the_next_is_verified_first() -> None:
    table = with_one()
    table.heard(goodbye(), HOME, 10.0)
    table.due(20.0)
    orders = table.verified(ONE, HOME, there=True, now_s=20.1)
    assert [type(one) for one in orders] == [Refused, Describe]
    assert table.described(ONE, HOME, Outcome.SOUND, 20.2) == [Found(ONE)]
    assert table.heard(goodbye(), HOME, 30.0) == []
    assert table.due(40.0) == [Verify(ONE, HOME)]
    assert table.verified(ONE, HOME, there=False, now_s=41.0) == [Gone(ONE, GoneWhy.BYEBYE)]


def test_a_goodbye_from_elsewhere_asks_its_home_but_not_often() -> None:
    table = with_one()
    orders = table.heard(goodbye(), AWAY, 40.0)
    assert [type(one) for one in orders] == [Refused, Verify]
    table.verified(ONE, HOME, there=True, now_s=40.1)
    for second in range(41, 70):
        assert [type(one) for one in table.heard(goodbye(), AWAY, float(second))] == [Refused]
    assert table.due(70.1) == [Verify(ONE, HOME)]


def test_a_restart_is_read_anew_but_not_all_the_time() -> None:
    table = with_one()
    assert table.heard(alive(boot=2), HOME, 1.0) == [Describe(ONE, HOME, True)]  # for the first time at once
    assert table.described(ONE, HOME, Outcome.SOUND, 1.1) == [Found(ONE)]
    assert table.heard(alive(boot=3), HOME, 2.0) == []
    assert table.due(DESCRIBE_GAP_S) == [Describe(ONE, HOME, True)]
    assert table.described(ONE, HOME, Outcome.SOUND, 5.1) == [Found(ONE)]
    assert table.heard(alive(boot=None), HOME, 20.0) == []


def test_one_that_restarts_all_the_time_is_read_every_few_seconds() -> None:
    table = with_one()
    reads = 0
    for tenth in range(1, 601):
        orders = [*table.heard(alive(boot=tenth + 1), HOME, tenth / 10), *table.due(tenth / 10)]
        if Describe(ONE, HOME, True) in orders:
            reads += 1
            table.described(ONE, HOME, Outcome.SOUND, tenth / 10)
    assert reads == 60 / DESCRIBE_GAP_S + 1


def test_one_that_begins_by_saying_goodbye_is_read_at_once_and_not_suspected_for_it() -> None:
    table = with_one(boot=None)
    assert table.heard(goodbye(), HOME, 0.4) == [Gone(ONE, GoneWhy.BYEBYE)]
    assert table.heard(alive(boot=None, kind=Kind.RESPONSE), HOME, 0.45) == []  # to a search, between its goodbyes
    assert table.heard(goodbye(), HOME, 0.5) == []
    assert table.heard(alive(boot=None), HOME, 0.8) == [Describe(ONE, HOME, True)]
    assert table.described(ONE, HOME, Outcome.SOUND, 0.9) == [Found(ONE)]
    assert table.heard(goodbye(), HOME, 20.0) == [Gone(ONE, GoneWhy.BYEBYE)]


def test_whoever_takes_goodbyes_back_again_and_again_is_believed_once() -> None:
    table = with_one(boot=None)
    for begins_s in (0.0, 100.0):
        table.heard(goodbye(), HOME, begins_s + 0.4)
        table.heard(alive(boot=None), HOME, begins_s + 0.8)
        table.described(ONE, HOME, Outcome.SOUND, begins_s + 0.9)
    assert table.heard(goodbye(), HOME, 200.0) == []
    assert table.due(210.0) == [Verify(ONE, HOME)]


def test_an_update_tells_the_next_boot_id_without_a_restart() -> None:
    table = with_one()
    assert table.heard(alive(boot=2, kind=Kind.UPDATE), HOME, 20.0) == []
    assert table.heard(alive(boot=2), HOME, 21.0) == []


def test_another_port_is_believed_at_once_and_another_host_when_home_is_silent() -> None:
    table = with_one()
    port = Place(LAN, HOME.host, "http://192.168.1.9:81/d.xml")
    assert table.heard(alive(), port, 20.0) == [Describe(ONE, port, True)]
    assert table.described(ONE, port, Outcome.SOUND, 20.1) == [Found(ONE)]
    assert table.heard(alive(), AWAY, 40.0) == [Verify(ONE, port)]
    assert table.verified(ONE, port, there=False, now_s=43.0) == [Describe(ONE, AWAY, True)]
    assert home_of(table) == port
    assert table.described(ONE, AWAY, Outcome.SOUND, 43.1) == [Found(ONE)]
    assert home_of(table) == AWAY


def test_our_own_new_address_is_told_as_well() -> None:
    table = with_one()
    moved = Place(Link("eth0", "192.168.1.3"), HOME.host, HOME.location)
    assert table.heard(alive(), moved, 20.0) == [Describe(ONE, moved, True)]


def test_one_on_two_interfaces_is_one_and_goes_on_by_the_other() -> None:
    table = with_one()
    assert table.heard(alive(), ON_WIFI, 40.0) == [Verify(ONE, HOME)]
    assert table.verified(ONE, HOME, there=True, now_s=40.1) == []
    assert table.heard(alive(), ON_WIFI, 100.0) == []
    assert table.due(1800.0) == [Describe(ONE, ON_WIFI, True)]
    assert table.described(ONE, ON_WIFI, Outcome.SOUND, 1800.1) == [Found(ONE)]
    assert home_of(table) == ON_WIFI
    assert table.due(1900.0) == [Gone(ONE, GoneWhy.EXPIRED)]


def test_strangers_who_all_claim_one_uuid_are_few() -> None:
    table = with_one()
    strangers = [Place(LAN, f"192.168.1.{100 + number}", "http://x") for number in range(6)]
    told = [[type(one) for one in table.heard(alive(), place, 40.0)] for place in strangers]
    assert told == [[Verify], [], [], [Refused], [Refused], [Refused]]
    table.verified(ONE, HOME, there=True, now_s=41.0)
    assert home_of(table) == HOME


def test_a_host_has_so_many_and_the_table_so_many() -> None:
    table = a_table(most=4, most_per_host=2, known=(TWO,))
    for number in range(10, 13):
        orders = table.heard(alive(uuid_number(number)), HOME, 0.0)
    assert isinstance(orders[0], Refused)
    assert isinstance(table.heard(alive(uuid_number(20)), AWAY, 0.0)[0], Describe)
    orders = table.heard(alive(uuid_number(21)), ON_WIFI, 0.0)
    assert isinstance(orders[0], Refused)
    assert "most_appliances" in orders[0].refusal.mend
    assert table.heard(alive(TWO), ON_WIFI, 0.0) == [Describe(TWO, ON_WIFI, True)]


def test_strangers_that_fail_give_way_to_the_next() -> None:
    table = a_table(most=4, most_per_host=2)
    fakes = [uuid_number(number) for number in range(10, 14)]
    for number, uuid in enumerate(fakes):
        table.heard(alive(uuid), Place(LAN, f"192.168.1.{number}", "http://x"), 0.0)
    assert isinstance(table.heard(alive(), HOME, 0.0)[0], Refused)
    table.described(fakes[2], Place(LAN, "192.168.1.2", "http://x"), Outcome.UNREACHABLE, 1.0)
    assert table.heard(alive(), HOME, 2.0) == [Describe(ONE, HOME, False)]
    assert len(table) == 4


def test_a_host_in_whose_name_nonsense_is_said_still_gets_in() -> None:
    table = a_table(most=8, most_per_host=2)
    for number in (10, 11):
        table.heard(alive(uuid_number(number)), HOME, 0.0)
        table.described(uuid_number(number), HOME, Outcome.UNREACHABLE, 1.0)
    assert table.heard(alive(), HOME, 2.0) == [Describe(ONE, HOME, False)]


def test_a_removed_one_leaves_its_place_when_it_is_gone() -> None:
    table = a_table(most=1)
    table.heard(alive(), HOME, 0.0)
    table.described(ONE, HOME, Outcome.SOUND, 0.0)
    table.remember(())
    assert isinstance(table.heard(alive(TWO), AWAY, 0.0)[0], Refused)
    table.due(1800.0)
    table.remember((ONE,))
    assert isinstance(table.heard(alive(TWO), AWAY, 0.0)[0], Refused)
    table.remember(())
    assert isinstance(table.heard(alive(TWO), AWAY, 0.0)[0], Describe)


def test_a_hundred_thousand_uuids_push_nobody_out() -> None:
    """From every address of the house's network, some of them even described soundly."""
    table = with_one()
    for number in range(100_000):
        uuid, place = uuid_number(1000 + number), Place(LAN, f"192.168.1.{number % 250}", "http://x")
        orders = table.heard(alive(uuid), place, 1.0)
        if number % 3 == 0 and isinstance(orders[0], Describe):
            table.described(uuid, place, Outcome.SOUND, 1.0)
    assert len(table) == 512
    assert table.heard(alive(max_age=7200), HOME, 2.0) == []
    assert home_of(table) == HOME
    table.due(2000.0)
    assert table.present() == (ONE,)


FORGED = Place(LAN, HOME.host, "http://192.168.1.9:81/another-page")


def test_a_location_forged_in_its_own_name_does_not_take_it_away() -> None:
    table = with_one()
    assert table.heard(alive(), FORGED, 100.0) == [Describe(ONE, FORGED, True)]
    assert table.described(ONE, FORGED, Outcome.UNSOUND, 100.1) == [Verify(ONE, HOME)]
    assert table.verified(ONE, HOME, there=True, now_s=100.2) == []
    assert home_of(table) == HOME
    assert table.heard(alive(), HOME, 200.0) == [], "nothing has changed"


def test_a_forged_location_where_nobody_answers_is_given_up_for_the_old_one() -> None:
    table = with_one()
    now_s = 100.0
    table.heard(alive(), FORGED, now_s)
    while (orders := table.described(ONE, FORGED, Outcome.UNREACHABLE, now_s)) == []:
        now_s = table.soonest_s
        assert table.due(now_s) == [Describe(ONE, FORGED, True)]
    assert orders == [Verify(ONE, HOME)]
    assert now_s < 300.0
    assert table.present() == (ONE,)


def test_one_that_moved_to_another_port_and_is_not_sound_there_is_gone() -> None:
    table = with_one()
    table.heard(alive(boot=2), FORGED, 100.0)
    table.described(ONE, FORGED, Outcome.UNSOUND, 100.1)
    assert table.verified(ONE, HOME, there=False, now_s=103.0) == [Gone(ONE, GoneWhy.EXPIRED)]


def test_what_is_announced_while_a_forged_location_is_read_counts() -> None:
    table = with_one()
    table.heard(alive(), FORGED, 100.0)
    assert table.heard(alive(), HOME, 100.1) == []
    assert table.described(ONE, FORGED, Outcome.UNSOUND, 110.0) == [Describe(ONE, HOME, True)]
    assert table.described(ONE, HOME, Outcome.SOUND, 110.1) == [Found(ONE)]
