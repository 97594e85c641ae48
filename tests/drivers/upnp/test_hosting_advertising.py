"""How the home network learns of the gateway: announced at once and again, found by who searches, gone with words."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.upnp.hosting.announcements import MAX_AGE_S, Presence
from drivers.upnp.hosting.identity import gateway_uuid, machine_id
from drivers.upnp.hosting.searches import MOST_BYTES, Search, parse_search
from drivers.upnp.parts import Link
from heg.model.appliances import GATEWAY_DEVICE, GATEWAY_SERVICE
from heg.runtime.clock import Clock
from tests.drivers.upnp.hosted import UUID, hosted
from tests.drivers.upnp.serving import LOOPBACK
from tests.support.stepped import stepped

NAMES = {f"uuid:{UUID}", "upnp:rootdevice", GATEWAY_DEVICE, GATEWAY_SERVICE}
ASKER = ("192.168.1.9", 40000)


def headers_of(datagram: bytes) -> dict[str, str]:
    assert datagram.endswith(b"\r\n\r\n")
    first, *lines = datagram.decode("ascii").removesuffix("\r\n\r\n").split("\r\n")
    return {"": first, **{line.partition(":")[0].upper(): line.partition(":")[2].strip() for line in lines}}


def search(target: str, mx: str | None = "2") -> bytes:
    wait = "" if mx is None else f"MX: {mx}\r\n"
    head = 'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\n'
    return f"{head}{wait}ST: {target}\r\n\r\n".encode()


@stepped
async def test_it_is_announced_whole_at_once_again_and_at_the_end(clock: Clock) -> None:
    async with hosted(clock) as home:
        said = [headers_of(datagram) for _, datagram in home.wires.sent]
        assert {one["NT"] for one in said} == NAMES
        for one in said:
            assert one[""] == "NOTIFY * HTTP/1.1"
            assert one["NTS"] == "ssdp:alive"
            assert one["HOST"] == "239.255.255.250:1900"
            assert one["CACHE-CONTROL"] == "max-age=1800"
            assert one["LOCATION"] == f"http://127.0.0.1:{home.served.port}/device.xml"
            assert one["USN"] == (one["NT"] if one["NT"].startswith("uuid:") else f"uuid:{UUID}::{one['NT']}")
            assert int(one["BOOTID.UPNP.ORG"]) > 1_500_000_000
            assert 0 <= int(one["CONFIGID.UPNP.ORG"]) < 2**24
        await clock.sleep(1.0)
        assert len(home.wires.sent) == 8  # said twice: datagrams get lost
        await clock.sleep(MAX_AGE_S / 2)
        assert len(home.wires.sent) >= 16
        before = len(home.wires.sent)
    goodbyes = [headers_of(datagram) for _, datagram in home.wires.sent[before:]]
    assert {one["NT"] for one in goodbyes} == NAMES
    assert {one["NTS"] for one in goodbyes} == {"ssdp:byebye"}
    assert all("LOCATION" not in one for one in goodbyes)


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("ssdp:all", NAMES),
        ("upnp:rootdevice", {"upnp:rootdevice"}),
        (f"uuid:{UUID}", {f"uuid:{UUID}"}),
        (f"UUID:{UUID.upper()}", {f"uuid:{UUID}"}),
        (GATEWAY_DEVICE, {GATEWAY_DEVICE}),
        (GATEWAY_SERVICE, {GATEWAY_SERVICE}),
        (GATEWAY_SERVICE.replace(":1", ":2"), set()),
        ("urn:heg-energy:device:Appliance:1", set()),
        ("uuid:other", set()),
    ],
)
@stepped
async def test_it_is_found_by_all_that_it_is(clock: Clock, target: str, found: set[str]) -> None:
    async with hosted(clock) as home:
        home.advertiser.searched(LOOPBACK, search(target), ASKER)
        assert home.wires.answered == []
        await clock.sleep(2.0)
        said = [headers_of(datagram) for _, datagram, _ in home.wires.answered]
        assert {one["ST"] for one in said} == found
        assert len(said) == len(found)
        assert {place for _, _, place in home.wires.answered} <= {ASKER}
        for one in said:
            assert one[""] == "HTTP/1.1 200 OK"
            assert one["EXT"] == ""
            assert one["DATE"].endswith("GMT")
            assert one["LOCATION"].startswith("http://127.0.0.1:")
            assert one["USN"].startswith(f"uuid:{UUID}")


@stepped
async def test_answers_are_spread_and_a_question_twice_is_one(clock: Clock) -> None:
    async with hosted(clock) as home:
        at_s = []
        for number in range(20):
            before = len(home.wires.answered)
            begun_s = clock.monotonic_s()
            for _ in range(3):
                home.advertiser.searched(LOOPBACK, search("upnp:rootdevice", "5"), ("192.168.1.9", 40000 + number))
            while len(home.wires.answered) == before:
                await clock.sleep(0.05)
            at_s.append(clock.monotonic_s() - begun_s)
            await clock.sleep(6.0)
            assert len(home.wires.answered) == before + 1
        assert max(at_s) < 5.0
        assert max(at_s) - min(at_s) > 1.0
        home.advertiser.searched(LOOPBACK, search("upnp:rootdevice", None), ASKER)  # asked alone: at once
        await clock.sleep(0.01)
        assert len(home.wires.answered) == 21


@stepped
async def test_a_flood_of_searches_is_answered_in_part_and_strangers_never(clock: Clock) -> None:
    async with hosted(clock) as home:
        for host in range(2, 12):
            for port in range(1, 101):
                home.advertiser.searched(LOOPBACK, search("ssdp:all"), (f"192.168.1.{host}", port))
        home.advertiser.searched(LOOPBACK, search("ssdp:all"), ("8.8.8.8", 80))
        home.advertiser.searched(LOOPBACK, search("ssdp:all"), ("192.168.1.9", 0))
        await clock.sleep(6.0)
        assert len(home.wires.answered) == 64 * 4
        assert home.refused == {"search_too_many": 1000 - 64, "search_stranger": 2}
        home.advertiser.searched(LOOPBACK, search("ssdp:all"), ("192.168.1.9", 2000))
    assert len(home.wires.answered) == 64 * 4  # what still waits at the end is not said any more


@pytest.mark.parametrize("mx", ["5", None], ids=["to all", "to us alone"])
@stepped
async def test_who_floods_with_searches_keeps_nobody_else_from_an_answer(clock: Clock, mx: str | None) -> None:
    async with hosted(clock) as home:
        for port in range(1, 1001):
            home.advertiser.searched(LOOPBACK, search("ssdp:all", mx), ("192.168.1.9", port))
            if mx is None:
                await clock.sleep(0.001)  # it is answered at once: no place is held meanwhile
        home.advertiser.searched(LOOPBACK, search("upnp:rootdevice", mx), ("192.168.1.10", 40000))
        await clock.sleep(6.0)
        heard = Counter(host for _, _, (host, _) in home.wires.answered)
        assert heard["192.168.1.10"] == 1
        assert 16 * 4 <= heard["192.168.1.9"] <= (16 + 4) * 4


@stepped
async def test_one_more_link_is_another_boot(clock: Clock) -> None:
    async with hosted(clock) as home:
        wires = home.wires
        first = int(headers_of(wires.sent[0][1])["BOOTID.UPNP.ORG"])
        await clock.sleep(1.0)
        other = Link("eth1", "fd00::1")
        wires.in_use = (LOOPBACK, other)
        wires.sent.clear()
        home.advertiser.links_changed()
        await clock.sleep(0.1)
        said = [(link, headers_of(datagram)) for link, datagram in wires.sent]
        updates = [(link, one) for link, one in said if one["NTS"] == "ssdp:update"]
        assert {link for link, _ in updates} == {LOOPBACK}
        assert {one["NT"] for _, one in updates} == NAMES
        assert {(one["BOOTID.UPNP.ORG"], one["NEXTBOOTID.UPNP.ORG"]) for _, one in updates} == {
            (str(first), str(first + 1))
        }
        alive = [(link, one) for link, one in said if one["NTS"] == "ssdp:alive"]
        assert {link for link, _ in alive} == {LOOPBACK, other}
        assert {one["BOOTID.UPNP.ORG"] for _, one in alive} == {str(first + 1)}
        assert {one["HOST"] for link, one in alive if link == other} == {"[FF02::C]:1900"}
        assert {one["LOCATION"] for link, one in alive if link == other} == {
            f"http://[fd00::1]:{home.served.port}/device.xml"
        }
        await clock.sleep(1.0)
        wires.in_use = (other,)
        wires.sent.clear()
        home.advertiser.links_changed()
        await clock.sleep(0.1)
        assert {headers_of(datagram)["NTS"] for _, datagram in wires.sent} == {"ssdp:alive"}
        assert {headers_of(datagram)["BOOTID.UPNP.ORG"] for _, datagram in wires.sent} == {str(first + 1)}


@stepped
async def test_whoever_comes_back_to_the_network_has_booted_anew(clock: Clock) -> None:
    """Pulled and plugged in again, with another address perhaps: nobody may take it for the one of before."""
    async with hosted(clock) as home:
        wires = home.wires
        first = int(headers_of(wires.sent[0][1])["BOOTID.UPNP.ORG"])
        await clock.sleep(1.0)
        wires.in_use = ()
        home.advertiser.links_changed()
        await clock.sleep(5.0)
        wires.sent.clear()
        wires.in_use = (LOOPBACK,)
        home.advertiser.links_changed()
        await clock.sleep(0.1)
        said = [headers_of(datagram) for _, datagram in wires.sent]
        assert {one["NTS"] for one in said} == {"ssdp:alive"}
        assert {one["BOOTID.UPNP.ORG"] for one in said} == {str(first + 1)}


SEARCHES: dict[str, tuple[bytes, Search | None]] = {
    "whole": (search("ssdp:all"), Search("ssdp:all", 2)),
    "long": (search("ssdp:all", "120"), Search("ssdp:all", 5)),
    "one host": (search("ssdp:all", None), Search("ssdp:all", 0)),
    "unquoted": (search("a").replace(b'"', b""), Search("a", 2)),
    "no wait": (search("a", "soon"), None),
    "negative": (search("a", "-1"), None),
    "other digits": (search("a", "1").replace(b"1\r\nST", "\u0661\r\nST".encode()), None),
    "no target": (search(""), None),
    "no discovery": (search("a").replace(b"ssdp:discover", b"ssdp:other"), None),
    "notify": (b"NOTIFY * HTTP/1.1\r\nST: a\r\n\r\n", None),
    "another path": (search("a").replace(b" * ", b" / "), None),
    "long one": (search("a" * MOST_BYTES), None),
    "empty": (b"", None),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_is_read_or_is_none(name: str) -> None:
    datagram, meant = SEARCHES[name]
    assert parse_search(datagram) == meant


@given(st.binary(max_size=1200) | st.builds(lambda a, b: search("ssdp:all")[:a] + b, st.integers(0, 120), st.binary()))
def test_no_datagram_is_more_than_a_search(datagram: bytes) -> None:
    found = parse_search(datagram)
    assert found is None or (found.target and 0 <= found.within_s <= 5)


@given(st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=80))
def test_nothing_that_was_searched_comes_back_unless_it_is_ours(target: str) -> None:
    presence = Presence(UUID, 1, 2)
    for name, usn in presence.wanted(target):
        assert name in NAMES
        assert usn.startswith(f"uuid:{UUID}")


def test_boot_ids_stay_within_31_bits() -> None:
    assert Presence(UUID, 2**31 - 1, 0).next().boot_id == 1


def test_a_unit_has_its_uuid_for_ever() -> None:
    assert gateway_uuid("a" * 32, "home") == "86621b4c-90c0-5722-9fc5-c38c311d83a8"
    others = Counter(gateway_uuid(machine, unit) for machine in ("a" * 32, "b" * 32, "") for unit in ("home", "shed"))
    assert max(others.values()) == 1
    assert "a" * 8 not in gateway_uuid("a" * 32, "home")


def test_a_machine_without_an_id_has_its_cards(tmp_path: Path) -> None:
    place, cards = tmp_path / "machine-id", tmp_path / "net"
    assert machine_id((place,), cards) == ""
    for name, address in (("lo", "00:00:00:00:00:00"), ("eth0", "52:54:00:00:00:02"), ("wlan0", "52:54:00:00:00:01")):
        (cards / name).mkdir(parents=True)
        (cards / name / "address").write_text(address + "\n")
    assert machine_id((place,), cards) == "52:54:00:00:00:01"
    place.write_text("uninitialized\n")
    assert machine_id((place,), cards) == "52:54:00:00:00:01"
    place.write_text("0123456789abcdef0123456789abcdef\n")
    assert machine_id((place,), cards) == "0123456789abcdef0123456789abcdef"
    assert machine_id() == machine_id()
