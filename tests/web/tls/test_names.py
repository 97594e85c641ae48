"""What this machine is called, and which Host headers therefore name it."""

import ipaddress
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.web.tls.addresses import own_addresses, parse
from heg.web.tls.machine import Machine
from heg.web.tls.names import MOST_NAMES, Host, OwnNames, address_of, own_names, read_host

ADDRESSES = [ipaddress.ip_address(text) for text in ("192.168.1.5", "fd00::5", "fe80::5")]
OWN = own_names("Gateway.lan", "home", ["energy.example.org"], ADDRESSES)


@pytest.mark.parametrize(
    "host",
    [
        "gateway",
        "GATEWAY:8463",
        "gateway.local",
        "gateway.local.:443",
        "gateway.lan",
        "home",
        "energy.example.org",
        "localhost:8463",
        "127.0.0.1",
        "192.168.1.5:8463",
        "[fd00::5]:8463",
        "[fd00:0:0::5]",
        "[::ffff:192.168.1.5]",
    ],
)
def test_its_own_names_and_addresses(host: str) -> None:
    assert OWN.cover(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "gateway.evil.example",
        "gateway.local.evil.example",
        "evil.local",
        "192.168.1.6",
        "[fd00::6]",
        "0.0.0.0",
        "3232235781",
        "0xc0a80105",
        "192.168.261",
        "gateway@evil.example",
        "gateway/evil",
        "gateway:8463:1",
        "gateway, evil.example",
        "gateway\r\nX: y",
        "[gateway]",
        "192.168.1.5.evil.example",
    ],
)
def test_a_name_that_a_stranger_could_give_is_none(host: str) -> None:
    assert not OWN.cover(host)


@given(st.text(max_size=60))
def test_no_header_breaks_it(header: str) -> None:
    OWN.cover(header)
    found = read_host(header)
    assert found is None or header.lower().startswith((found.name, f"[{found.name}"))


def test_a_host_is_read_with_its_port() -> None:
    assert read_host("Gateway.Local:8464") == Host("gateway.local", 8464)
    found = read_host("[FD00::5]")
    assert found == Host("fd00::5", None)
    assert found.bracketed == "[fd00::5]"


def test_the_certificate_bears_what_people_type() -> None:
    assert OWN.on_a_certificate == (
        *("energy.example.org", "gateway.local", "gateway", "gateway.lan", "home", "localhost"),
        *("192.168.1.5", "fd00::5", "127.0.0.1", "::1"),
    )


def test_a_machine_without_a_name_of_its_own_bears_no_localhost_local() -> None:
    assert own_names("localhost.localdomain", "home", [], []).names == ("home", "localhost")


def test_what_is_no_host_name_is_left_out() -> None:
    assert own_names("my_machine", "home", ["-x", "a..b", "1.2.3.4"], []).names == ("home", "localhost")


def test_many_addresses_are_cut() -> None:
    many = [ipaddress.ip_address(f"10.0.0.{number}") for number in range(200)]
    assert len(own_names("gateway", "home", [], many).on_a_certificate) == MOST_NAMES


def test_an_address_of_ipv4_by_a_socket_of_ipv6_is_one_of_ipv4() -> None:
    assert address_of("::ffff:10.0.0.1") == ipaddress.ip_address("10.0.0.1")
    assert address_of("fe80::1%eth0") == ipaddress.ip_address("fe80::1")
    assert address_of("gateway") is None


def test_the_kernel_says_at_least_loopback() -> None:
    assert ipaddress.ip_address("127.0.0.1") in own_addresses()


def message(family: int, flags: int, raw: bytes) -> bytes:
    body = struct.pack("=BBBBI", family, 64, flags, 0, 2) + struct.pack("=HH", 4 + len(raw), 1) + raw
    return struct.pack("=IHHII", 16 + len(body), 20, 2, 1, 0) + body


def test_addresses_that_pass_are_left_out() -> None:
    lasting, daily = (ipaddress.ip_address(text) for text in ("2001:db8::1", "2001:db8::2"))
    said = message(socket.AF_INET6, 0x80, lasting.packed) + message(socket.AF_INET6, 0x01, daily.packed)
    assert parse(said) == (frozenset({lasting}), False)


@given(st.binary(max_size=200))
def test_no_answer_of_the_kernel_breaks_it(data: bytes) -> None:
    parse(data)
    parse(message(socket.AF_INET, 0, data[:8]) + data)


def test_an_address_that_came_later_is_found_but_the_kernel_is_asked_seldom() -> None:
    now, asked, known = [0.0], [0], [set(ADDRESSES[:1])]

    def addresses() -> set:
        asked[0] += 1
        return known[0]

    machine = Machine(lambda: now[0], "home", hostname=lambda: "gateway", addresses=addresses)
    assert machine.covers("192.168.1.5")
    known[0] = {ipaddress.ip_address("192.168.1.9")}
    for _ in range(100):
        assert not machine.covers("192.168.1.9")
    assert asked[0] == 1
    now[0] = 11.0
    assert machine.covers("192.168.1.9")
    assert not machine.covers("192.168.1.5")
    assert OwnNames(()).on_a_certificate == ("127.0.0.1", "::1")
