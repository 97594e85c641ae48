from __future__ import annotations

import struct
from contextlib import suppress
from ipaddress import ip_interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.upnp import netlink
from drivers.upnp.config import target_of
from drivers.upnp.interfaces import read_links
from drivers.upnp.links import LocalLink, chosen
from drivers.upnp.netlink import InterfaceAddress, NetworkInterface
from drivers.upnp.parts import Link
from drivers.upnp.urls import location_at, service_url
from heg.model.refusals import Refusal
from heg.runtime.clock import Clock
from tests.support.namespaces import needs_networks, wired

UP = netlink.IFF_UP | netlink.IFF_RUNNING | netlink.IFF_MULTICAST
LO = netlink.IFF_UP | netlink.IFF_RUNNING | netlink.IFF_LOOPBACK


def links(*interfaces: tuple[str, int, str], named: str = "") -> list[tuple[str, str]]:
    found = [NetworkInterface(number, name, flags) for number, (name, flags, _) in enumerate(interfaces)]
    addresses = [
        InterfaceAddress(number, ip_interface(one))
        for number, (_, _, many) in enumerate(interfaces)
        for one in many.split()
    ]
    return [(one.link.name, one.link.address) for one in chosen(found, addresses, frozenset(named.split()))]


def test_each_interface_of_the_home_network_is_a_link_in_each_family() -> None:
    assert links(
        ("lo", LO, "127.0.0.1/8 ::1/128"),
        ("eth0", UP, "192.168.1.2/24 fe80::1/64 fd00::2/64 2001:db8::1/64"),
        ("wlan0", UP, "10.0.0.2/8"),
    ) == [("eth0", "192.168.1.2"), ("eth0", "fe80::1"), ("wlan0", "10.0.0.2")]


def test_the_internet_tunnels_loopback_and_what_is_down_are_none() -> None:
    assert links(
        ("ppp0", UP | netlink.IFF_POINTOPOINT, "10.9.0.2/32"),
        ("wan0", UP, "203.0.113.7/24 fe80::7/64"),
        ("cgn0", UP, "100.64.0.7/10"),
        ("eth1", netlink.IFF_MULTICAST | netlink.IFF_UP, "192.168.3.2/24"),
        ("lo", LO, "127.0.0.1/8"),
    ) == []  # fmt: skip


def test_named_interfaces_are_taken_as_the_owner_says() -> None:
    houses = (("lo", LO, "127.0.0.1/8 ::1/128"), ("eth0", UP, "192.168.1.2/24"), ("wan0", UP, "203.0.113.7/24"))
    assert links(*houses, named="lo") == [("lo", "127.0.0.1"), ("lo", "::1")]
    assert links(*houses, named="wan0") == [("wan0", "203.0.113.7")]


def test_an_interface_is_a_link_in_each_of_its_networks_and_no_more_for_more_addresses() -> None:
    many = "192.168.1.2/24 192.168.1.3/24 10.0.0.2/8 10.1.0.2/16 192.168.1.200/32 192.168.7.7/32 203.0.113.7/24"
    assert links(("eth0", UP, many)) == [("eth0", "192.168.1.2"), ("eth0", "10.0.0.2")]
    assert len(links(("eth0", UP, " ".join(f"10.0.{number}.1/24" for number in range(200))))) == 16


def test_an_address_that_comes_or_goes_makes_no_link_another() -> None:
    """As IPv6's privacy extensions have it each day, in each of the house's networks."""
    eth0 = NetworkInterface(2, "eth0", UP)

    def with_them(*texts: str) -> tuple[LocalLink, ...]:
        return chosen([eth0], [InterfaceAddress(2, ip_interface(one)) for one in texts], frozenset())

    before = with_them("2001:db8::1/64", "fd00::1/64", "fd00::2/64", "2001:db8::2/64", "fe80::1/64")
    assert before == with_them("fd00::3/64", "2001:db8::3/64", "fd00::2/64", "fe80::1/64")
    assert [one.link.address for one in before] == ["fe80::1"]


@needs_networks
def test_a_port_of_a_bridge_is_no_link_whatever_addresses_it_has() -> None:
    """Each container that starts brings one, with an address of IPv6: what comes by it comes to the bridge alone."""
    with wired() as (home, _):
        home.ip(
            "link add bridge type bridge",
            "link add port type veth peer name inside",
            "link set port addrgenmode none",
            "addr add fe80::99/64 dev port nodad",
            "addr add 172.17.0.1/16 dev bridge",
            *(f"link set {one} up" for one in ("bridge", "port", "inside")),
        )

        def seen() -> set[str]:
            async def read(_clock: Clock) -> set[str]:
                return {one.link.name for one in read_links(frozenset())}

            found: set[str] = home.loop(read)
            return found & {"bridge", "port"}

        assert "port" in seen()
        home.ip("link set port master bridge")
        home.carries("bridge")
        assert "fe80::99" in home.says("ip", "addr", "show", "dev", "port")
        assert seen() == {"bridge"}


def test_who_is_a_member_of_a_routing_domain_hears_for_itself() -> None:
    def attribute(kind: int, value: bytes) -> bytes:
        return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)

    def link(kind: bytes) -> object:
        more = attribute(3, b"eth0\0") + attribute(10, struct.pack("=I", 7)) + attribute(18, attribute(4, kind))
        body = struct.pack("=BxHiII", 0, 1, 2, UP, 0) + more
        return next(netlink.messages(struct.pack("=IHHII", 16 + len(body), 16, 0, 0, 0) + body))

    assert link(b"vrf\0") == NetworkInterface(2, "eth0", UP)
    assert link(b"bridge\0") == NetworkInterface(2, "eth0", UP, is_port=True)


def test_who_is_no_neighbour_is_not_heard() -> None:
    home = LocalLink(Link("eth0", "192.168.1.2"), 2, frozenset({ip_interface("192.168.1.2/24").network}))
    assert home.neighbour("192.168.1.77") == "192.168.1.77"
    assert home.neighbour("8.8.8.8") is None
    assert home.neighbour("127.0.0.1") is None
    here = LocalLink(Link("eth0", "fe80::1"), 2, frozenset({ip_interface("fe80::1/64").network}))
    assert here.neighbour("fe80::9%eth0") == "fe80::9%eth0"
    assert here.neighbour("2001:db8::1") is None


def test_the_kernel_says_that_there_is_a_loopback() -> None:
    assert ("lo", "127.0.0.1") in [(one.link.name, one.link.address) for one in read_links(frozenset({"lo"}))]
    assert all(one.link.name != "lo" for one in read_links(frozenset()))


@given(st.binary(max_size=200))
def test_netlink_messages_are_read_by_their_lengths(data: bytes) -> None:
    for message in netlink.messages(data):
        assert message is not None


@pytest.mark.parametrize("length", range(0, 60, 7))
def test_a_message_that_is_cut_off_is_nothing(length: int) -> None:
    assert list(netlink.messages(netlink.links_request()[:length])) == []


def test_locations_are_of_the_host_that_says_them() -> None:
    assert location_at("http://192.168.1.9/d.xml", "192.168.1.9") == "http://192.168.1.9:80/d.xml"
    assert location_at("http://[fe80::9]:81", "fe80::9%eth0") == "http://[fe80::9%eth0]:81/"
    assert location_at("http://[fe80::9%25wlan7]:81/x", "fe80::9%eth0") == "http://[fe80::9%eth0]:81/x"
    for wrong in (
        "http://192.168.1.1/d.xml", "https://192.168.1.9/", "http://192.168.1.9/reboot?now", "http://router/d.xml",
        "http://u:p@192.168.1.9/", "http://192.168.1.9:0/", "http://192.168.1.9:99999/", "http://192.168.1.9 /x",
        "", "//",
        "http://[::1", "http://192.168.1.9@192.168.1.1/", "http://3232235785/",
    ):  # fmt: skip
        assert isinstance(location_at(wrong, "192.168.1.9"), Refusal), wrong


def test_services_are_relative_to_the_description() -> None:
    base, host = "http://[fe80::9%eth0]:81/a/d.xml", "fe80::9%eth0"
    assert service_url(base, "control?x=1", host) == "http://[fe80::9%eth0]:81/a/control?x=1"
    assert service_url(base, "/control", host) == "http://[fe80::9%eth0]:81/control"
    assert isinstance(service_url(base, "//192.168.1.1/control", host), Refusal)


@given(st.text(max_size=60), st.sampled_from(["192.168.1.9", "fe80::9%eth0"]))
def test_whatever_url_comes_stays_on_its_host(text: str, host: str) -> None:
    base = f"http://[{host}]:80/" if ":" in host else f"http://{host}:80/"
    for found in (location_at(text, host), service_url(base, text, host), service_url(text, "/x", host)):
        assert isinstance(found, Refusal) or found.startswith(base[:-4])


@given(st.text(max_size=30))
def test_a_search_target_is_an_address_with_a_port_or_an_error_in_words(text: str) -> None:
    with suppress(ValueError):
        host, port = target_of(text)
        assert host
        assert 1 <= port <= 65535


def test_search_targets() -> None:
    assert target_of("127.0.0.11") == ("127.0.0.11", 1900)
    assert target_of("127.0.0.1:1901") == ("127.0.0.1", 1901)
    assert target_of("[::1]:1901") == ("::1", 1901)
    assert target_of("::1") == ("::1", 1900)
    for wrong in ("heg.local", "127.0.0.1:", "127.0.0.1:0", "239.255.255.250", "0.0.0.0", "[::1]x", ""):
        with pytest.raises(ValueError, match="expected one machine's address"):
            target_of(wrong)
